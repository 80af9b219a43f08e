//! The `nascent` command.

fn main() {}
