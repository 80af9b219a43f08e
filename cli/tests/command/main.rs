//! The built command, end to end, on a model small enough for a second.
//!
//! The exit codes and the shapes of `--json` checked here are the command's interface.

mod bad_files;
mod beacon;
mod chain;
mod digest;
mod foreign;
mod inference;
mod inherited;
mod initialization;
mod keygen;
mod lies;
mod link;
#[cfg(unix)]
mod machine;
mod meaning;
#[cfg(target_os = "linux")]
mod memory;
mod options;
#[cfg(unix)]
mod outputs;
mod relayout;
#[cfg(unix)]
mod signals;
mod structure;
mod support;
mod tools;
