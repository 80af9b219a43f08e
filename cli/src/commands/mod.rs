//! The subcommands, one file or folder each; none imports another.

pub mod audit;
pub mod beacon;
pub mod chain;
pub mod commit;
pub mod compile;
pub mod completions;
pub mod demo;
pub mod init;
pub mod inspect;
pub mod keygen;
pub mod keys;
pub mod plan;
pub mod prove;
pub mod run;
pub mod secret;
pub mod srs;
pub mod verify;
