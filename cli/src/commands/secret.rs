//! `nascent secret`: the publisher's secret for a hidden seed, in its minimal form.

use crate::failure::Result;
use crate::output::{Context, Outcome};
use crate::secret::Secret;
use serde_json::json;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Draw a secret and write it to a new file that only you can read
    ///
    /// The file is not encrypted. Whoever has it, with the plan and the beacon value, has the
    /// weights; whoever loses it can neither derive nor prove.
    New {
        /// The new file; never replaced
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Print the publisher key `pk` of a secret
    Public {
        /// The secret's file
        file: PathBuf,
    },
}

pub fn run(context: &Context, args: Args) -> Result<Outcome> {
    let (secret, file) = match args.command {
        Command::New { out } => {
            let secret = Secret::random()?;
            secret.create(&out)?;
            context.warn(format!(
                "{} is not encrypted: only its file mode protects it. Keep a backup offline.",
                out.display()
            ));
            (secret, out)
        }
        Command::Public { file } => (Secret::read(&file)?, file),
    };
    let public_key = hex::encode(secret.public_key());
    context.result(format!("publisher key {public_key}"));
    Ok(Outcome::ok(json!({
        "file": file,
        "publisher_key": public_key,
        "encrypted": false,
    })))
}
