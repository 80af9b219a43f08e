//! `nascent completions`: scripts for bash, zsh, fish, elvish and PowerShell.

use crate::failure::Result;
use crate::output::{Context, Outcome};
use clap::CommandFactory;
use clap_complete::Shell;
use serde_json::json;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell
    shell: Shell,
}

pub fn run(context: &Context, args: Args) -> Result<Outcome> {
    let mut script = Vec::new();
    clap_complete::generate(
        args.shell,
        &mut crate::Cli::command(),
        "nascent",
        &mut script,
    );
    let script = String::from_utf8_lossy(&script).into_owned();
    context.result(script.trim_end());
    Ok(Outcome::ok(
        json!({ "shell": args.shell.to_string(), "script": script }),
    ))
}
