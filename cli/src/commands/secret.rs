//! `nascent secret`: the publisher's secret for a hidden seed, unencrypted; and its key.

use crate::failure::Result;
use crate::files;
use crate::output::{self, Context, Outcome};
use crate::passphrase::PassphraseArgs;
use crate::paths::Paths;
use crate::secret;
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
    /// The file is not encrypted (`nascent keygen` does that). Whoever has it, with the plan and the beacon value, has the
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
        #[command(flatten)]
        passphrase: PassphraseArgs,
    },
}

pub fn run(context: &Context, args: Args) -> Result<Outcome> {
    let (secret, file, encrypted) = match args.command {
        Command::New { out } => {
            Paths::new(false).secret("--out", [&out]).check()?;
            let secret = secret::draw()?;
            secret::create(&secret, &out, None)?;
            context.warn(format!(
                "{} is not encrypted: only its file mode protects it. Keep a backup offline.",
                out.display()
            ));
            (secret, out, false)
        }
        Command::Public { file, passphrase } => {
            let secret = secret::read(&file, &passphrase)?;
            let encrypted = files::starts_with(&file, files::ENCRYPTED)?;
            (secret, file, encrypted)
        }
    };
    let public_key = hex::encode(secret.public_key());
    context.result(format!("publisher key {public_key}"));
    Ok(Outcome::ok(json!({
        "file": output::path(file),
        "publisher_key": public_key,
        "encrypted": encrypted,
    })))
}
