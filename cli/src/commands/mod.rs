//! The subcommands, and the arguments that several of them share.

pub mod audit;
pub mod beacon;
pub mod chain;
pub mod commit;
pub mod common;
pub mod compile;
pub mod completions;
pub mod demo;
pub mod inference;
pub mod init;
pub mod inspect;
pub mod keygen;
pub mod keys;
pub mod outline;
pub mod plan;
pub mod prove;
pub mod relayout;
pub mod run;
pub mod secret;
pub mod srs;
pub mod verify;
