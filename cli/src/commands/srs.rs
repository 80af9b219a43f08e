//! `nascent srs`: structured reference strings.

use crate::arguments::DEVELOPMENT_NOTICE;
use crate::failure::{Classify, Kind, Result};
use crate::files;
use crate::interrupt;
use crate::output::{self, Context, Outcome};
use crate::paths::Paths;
use nascent::srs::{self, ImportOptions, Kept, SrsError, cache, of_verifier};
use nascent_params::{MAX_K, MIN_K, Provenance, Srs, development_identity};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Import a ceremony's file, check all of it, and keep it
    ///
    /// The check says that the file is a reference string. That nobody knows its trapdoor is the
    /// ceremony's doing: compare the file's BLAKE2b hash with the published one.
    Import {
        /// A `.ptau` file (perpetual powers of tau), or one that halo2's `ParamsKZG::write` made
        file: PathBuf,
        /// Keep 2^K powers [default: as many as the file has, for halo2 files]
        #[arg(long, short, value_parser = clap::value_parser!(u32).range(i64::from(MIN_K)..=i64::from(MAX_K)))]
        k: Option<u32>,
        /// Kind of file [default: ptau if its name ends so]
        #[arg(long)]
        format: Option<FileFormat>,
        /// Largest k for which a missing Lagrange basis is computed
        #[arg(long, value_name = "K", default_value_t = ImportOptions::default().max_transform_k)]
        max_transform_k: u32,
    },
    /// Check a kept SRS again: points, powers by pairings, both bases
    Check {
        #[command(flatten)]
        which: Which,
    },
    /// Make a smaller SRS of a kept one
    Derive {
        #[command(flatten)]
        which: Which,
        /// The smaller size
        #[arg(long, value_name = "K")]
        to: u32,
    },
    /// Generate the development SRS: for trying things out, worth nothing as evidence
    Develop {
        /// 2^K powers
        #[arg(long, value_parser = clap::value_parser!(u32).range(i64::from(MIN_K)..=24))]
        k: u32,
    },
    /// List what is kept
    Info,
    /// Write the few bytes of a kept SRS that a verifier needs
    Export {
        /// The SRS
        #[arg(long, value_name = "DIGEST", value_parser = files::digest)]
        srs: [u8; 32],
        /// The new file
        #[arg(long, short, value_name = "FILE")]
        out: PathBuf,
        /// Replace the file if it exists
        #[arg(long)]
        force: bool,
    },
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum FileFormat {
    Ptau,
    Halo2,
}

impl From<FileFormat> for srs::FileFormat {
    fn from(format: FileFormat) -> Self {
        match format {
            FileFormat::Ptau => Self::Ptau,
            FileFormat::Halo2 => Self::Halo2,
        }
    }
}

#[derive(Debug, clap::Args)]
struct Which {
    /// Digest of the SRS [default: the development one]
    #[arg(long, value_name = "DIGEST", value_parser = files::digest)]
    srs: Option<[u8; 32]>,
    /// Its size
    #[arg(long)]
    k: u32,
}

impl Which {
    fn identity(&self) -> [u8; 32] {
        self.srs.unwrap_or(*development_identity())
    }
}

pub fn run(context: &Context, args: Args) -> Result<Outcome> {
    interrupt::listen(context, "stopping; once more stops at once");
    let setting = context.setting();
    let kept = |kept: std::result::Result<Kept, SrsError>| {
        let (srs, path) = kept?;
        report(context, &srs, &path)
    };
    match args.command {
        Command::Import {
            file,
            k,
            format,
            max_transform_k,
        } => {
            let format = format.map_or_else(|| srs::FileFormat::of(&file), Into::into);
            let options = ImportOptions { max_transform_k };
            kept(srs::import(&setting, &file, format, k, &options))
        }
        Command::Check { which } => {
            let checked = srs::check(&setting, &which.identity(), which.k)?;
            context.result("every check holds: points, subgroup, powers of one tau, both bases");
            kept(Ok(checked))
        }
        Command::Derive { which, to } => {
            kept(srs::derive(&setting, &which.identity(), which.k, to))
        }
        Command::Develop { k } => kept(srs::develop(&setting, k)),
        Command::Info => info(context),
        Command::Export { srs, out, force } => export(context, &srs, &out, force),
    }
}

fn info(context: &Context) -> Result<Outcome> {
    let cache = cache(&context.setting());
    let entries = cache.entries()?;
    context.result(format!("in {}:", cache.directory().display()));
    if entries.is_empty() {
        context.result(
            "nothing yet: nascent srs import FILE.ptau --k K, or nascent srs develop --k K",
        );
    }
    let mut list = Vec::new();
    for entry in entries {
        let size = std::fs::metadata(&entry.path).map_or(0, |metadata| metadata.len());
        context.result(format!(
            "{}  k {:>2}  {:>10}  {}",
            hex::encode(entry.identity),
            entry.k,
            output::bytes(size),
            origin(&entry.provenance)
        ));
        list.push(json!({
            "file": output::path(&entry.path),
            "srs": hex::encode(entry.identity),
            "k": entry.k,
            "bytes": size,
            "development": entry.identity == *development_identity(),
            "provenance": provenance_json(&entry.provenance),
        }));
    }
    Ok(Outcome::ok(
        json!({ "folder": output::path(cache.directory()), "entries": list }),
    ))
}

fn export(context: &Context, identity: &[u8; 32], out: &Path, force: bool) -> Result<Outcome> {
    Paths::new(force).write("--out", [out]).check()?;
    let srs = of_verifier(&context.setting(), identity)?;
    files::write(out, &srs.encode().or_fail(Kind::Internal)?)?;
    context.result(format!(
        "{}: [tau]_2 of SRS {}",
        out.display(),
        hex::encode(identity)
    ));
    Ok(Outcome::ok(
        json!({ "file": output::path(out), "srs": hex::encode(identity), "development": srs.is_development() }),
    ))
}

fn report(context: &Context, srs: &Srs, path: &Path) -> Result<Outcome> {
    context.result(format!("SRS    {}", hex::encode(srs.identity())));
    context.result(format!("size   2^{}", srs.k()));
    context.result(format!("from   {}", origin(srs.provenance())));
    context.result(format!("file   {}", path.display()));
    if srs.is_development() {
        context.notice(DEVELOPMENT_NOTICE);
    } else {
        context.note("compare the BLAKE2b hash with the one that the ceremony published");
    }
    Ok(Outcome::ok(json!({
        "srs": hex::encode(srs.identity()),
        "k": srs.k(),
        "development": srs.is_development(),
        "provenance": provenance_json(srs.provenance()),
        "file": output::path(path),
    })))
}

fn origin(provenance: &Provenance) -> String {
    match provenance {
        Provenance::Development => "DEVELOPMENT: generated here, trapdoor public".to_owned(),
        Provenance::Ceremony(file) => {
            format!("ceremony file, BLAKE2b {}", hex::encode(file.blake2b))
        }
    }
}

fn provenance_json(provenance: &Provenance) -> Value {
    match provenance {
        Provenance::Development => json!({ "kind": "development" }),
        Provenance::Ceremony(file) => json!({
            "kind": "ceremony",
            "blake2b": hex::encode(file.blake2b),
            "file": output::path(&file.path),
        }),
    }
}
