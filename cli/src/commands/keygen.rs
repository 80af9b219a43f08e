//! `nascent keygen`: a publisher's key pair, the secret half encrypted.

use crate::failure::{Failure, Kind, Result};
use crate::output::{self, Context, Outcome};
use crate::passphrase::PassphraseArgs;
use crate::paths::Paths;
use crate::secret;
use serde_json::json;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The new file with the secret; never replaced
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    /// Leave the secret unencrypted: only the file's mode protects it
    #[arg(long, conflicts_with = "passphrase_file")]
    unencrypted: bool,
}

pub fn run(context: &Context, args: Args) -> Result<Outcome> {
    let paths = args.passphrase.declare(Paths::new(false));
    paths.secret("--out", [&args.out]).check()?;
    if args.out.exists() {
        // Before anyone types a passphrase.
        let message = format!("{} exists already", args.out.display());
        return Err(Failure::new(Kind::Environment, message)
            .help("a secret is never replaced: a plan may depend on it; give another name"));
    }
    let passphrase = if args.unencrypted {
        None
    } else {
        Some(args.passphrase.for_new(&args.out)?)
    };
    let secret = secret::draw()?;
    secret::create(&secret, &args.out, passphrase.as_ref())?;
    let public_key = hex::encode(secret.public_key());
    context.result(format!("publisher key {public_key}"));
    let file = args.out.display();
    match &passphrase {
        Some(_) => context.note(format!(
            "{file} is encrypted. Without file and passphrase nobody can derive or prove: keep \
             backups of both."
        )),
        None => context.warn(format!(
            "{file} is not encrypted: only its file mode protects it."
        )),
    }
    Ok(Outcome::ok(json!({
        "file": output::path(&args.out),
        "publisher_key": public_key,
        "encrypted": passphrase.is_some(),
    })))
}
