//! `nascent keys`: one set for each (k, distribution, precision) and SRS, whatever the model.

use crate::arguments::SrsArgs;
use crate::beside::read_key;
use crate::failure::{Classify, Explain, Failure, Kind, Result};
use crate::files;
use crate::output::{self, Context, Outcome};
use crate::paths::Paths;
use crate::tell::{key_json, key_lines};
use nascent::keys::{self, KeysError, TileParams};
use nascent_verifier::codec::Format;
use nascent_verifier::{Distribution, Precision, VerifyingKey, VkData};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Instant;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Generate the keys of a kind of tile, and keep the verifying key
    Generate {
        #[command(flatten)]
        tile: TileArgs,
        #[command(flatten)]
        srs: SrsArgs,
        /// Also write the verifying key to this file
        #[arg(long, short, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Replace the file if it exists
        #[arg(long)]
        force: bool,
    },
    /// List the verifying keys that are kept
    List,
    /// Show a verifying key
    Show {
        /// The key's file
        file: PathBuf,
    },
    /// Generate a key again from the circuit's source and compare
    ///
    /// This is how to know that a key somebody gave you belongs to the published circuit.
    Rederive {
        /// The key's file
        file: PathBuf,
        #[command(flatten)]
        srs: SrsArgs,
    },
}

#[derive(Debug, clap::Args)]
struct TileArgs {
    /// Tiles of 2^K rows
    #[arg(long, value_parser = clap::value_parser!(u32).range(i64::from(TileParams::MIN_K)..=i64::from(TileParams::MAX_K)))]
    k: u32,
    /// Distribution of the deviates
    #[arg(long, default_value = "normal")]
    distribution: Kinds,
    /// Lower bound of a truncated normal, in standard deviations
    #[arg(long, default_value_t = -2.0, allow_hyphen_values = true)]
    lo: f64,
    /// Upper bound of a truncated normal, in standard deviations
    #[arg(long, default_value_t = 2.0, allow_hyphen_values = true)]
    hi: f64,
    /// Bits of a limb
    #[arg(long, default_value_t = 16)]
    limb_bits: u8,
    /// Fraction bits of a deviate
    #[arg(long, default_value_t = 12)]
    fraction_bits: u8,
    /// For plans with the weight digest
    #[arg(long)]
    weight_digest: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Kinds {
    Normal,
    Uniform,
    TruncatedNormal,
}

pub fn run(context: &Context, args: Args) -> Result<Outcome> {
    match args.command {
        Command::Generate {
            tile,
            srs,
            out,
            force,
        } => generate(context, &tile, &srs, out.as_deref(), force),
        Command::List => list(context),
        Command::Show { file } => {
            let key = read_key(&file)?;
            show(context, &key);
            Ok(Outcome::ok(key_json(&key)))
        }
        Command::Rederive { file, srs } => rederive(context, &file, &srs),
    }
}

impl TileArgs {
    fn params(&self) -> Result<TileParams> {
        let precision = Precision {
            limb_bits: self.limb_bits,
            fraction_bits: self.fraction_bits,
        };
        precision.validate().or_fail(Kind::Usage)?;
        let unit = f64::from(1_u32 << self.fraction_bits.min(24));
        let distribution = match self.distribution {
            Kinds::Normal => Distribution::Normal,
            Kinds::Uniform => Distribution::Uniform,
            Kinds::TruncatedNormal => Distribution::TruncatedNormal {
                // Saturates; absurd bounds are refused by the table.
                lo: (self.lo * unit).round() as i32,
                hi: (self.hi * unit).round() as i32,
            },
        };
        TileParams::new(self.k, distribution, precision)
            .map(|params| params.with_weight_digest(self.weight_digest))
            .or_fail(Kind::Usage)
            .help("fraction bits of 12 fit limbs of 16 bits; smaller limbs need fewer")
    }
}

fn generate(
    context: &Context,
    tile: &TileArgs,
    srs: &SrsArgs,
    out: Option<&Path>,
    force: bool,
) -> Result<Outcome> {
    let paths = Paths::new(force).write("--out", out).check()?;
    let params = tile.params()?;
    let identity = srs.identity(context)?;
    let started = Instant::now();
    let key = keys::of_tile(&context.setting(), &params, &identity)?;
    let path = keys::store(&context.setting())
        .store(&params, &identity, &key)
        .map_err(KeysError::from)?;
    let bytes = key.encode().or_fail(Kind::Internal)?;
    if let Some(out) = out {
        // The store may lie where the result goes.
        paths.also_beside("the kept key", &path, VkData::MAGIC)?;
        files::write(out, &bytes)?;
    }
    show(context, &key);
    context.result(format!("{:<18}{}", "file", path.display()));
    context.note(format!(
        "generated in {}",
        output::duration(started.elapsed())
    ));
    let mut json = key_json(&key);
    json["file"] = output::path(out.unwrap_or(&path));
    json["bytes"] = bytes.len().into();
    json["srs"] = hex::encode(identity).into();
    json["seconds"] = started.elapsed().as_secs_f64().into();
    Ok(Outcome::ok(json))
}

fn list(context: &Context) -> Result<Outcome> {
    let store = keys::store(&context.setting());
    let entries = store.entries().map_err(KeysError::from)?;
    context.result(format!("in {}:", store.directory().display()));
    if entries.is_empty() {
        context.result(
            "nothing yet: keys are made when they are first needed, or with nascent keys generate",
        );
    }
    let mut list = Vec::new();
    for entry in entries {
        let tile = &entry.tile;
        context.result(format!(
            "{}  k {:>2}  {}",
            hex::encode(entry.digest),
            tile.k,
            nascent::fills::distribution_words(tile.distribution, tile.precision)
                + if entry.weight_digest {
                    ", weight digest"
                } else {
                    ""
                }
        ));
        list.push(json!({
            "key": hex::encode(entry.digest),
            "k": tile.k,
            "distribution": nascent::fills::DistributionReport::new(tile.distribution, tile.precision),
            "weight_digest": entry.weight_digest,
            "file": output::path(entry.path),
        }));
    }
    Ok(Outcome::ok(
        json!({ "folder": output::path(store.directory()), "entries": list }),
    ))
}

fn show(context: &Context, key: &VerifyingKey) {
    for line in key_lines(key) {
        context.result(line);
    }
}

fn rederive(context: &Context, file: &Path, srs: &SrsArgs) -> Result<Outcome> {
    let key = read_key(file)?;
    let params = params_of(&key)?;
    let identity = srs.identity(context)?;
    let derived = keys::of_tile(&context.setting(), &params, &identity)?;
    let same = derived.digest() == key.digest();
    context.result(if same {
        format!(
            "SAME: {} is the key that this program's circuit has under this SRS",
            hex::encode(key.digest())
        )
    } else {
        format!(
            "DIFFERENT: the circuit has {}, the file holds {}",
            hex::encode(derived.digest()),
            hex::encode(key.digest())
        )
    });
    let json = json!({
        "expected": hex::encode(derived.digest()),
        "got": hex::encode(key.digest()),
        "srs": hex::encode(identity),
    });
    Ok(Outcome::verdict(same, json))
}

/// The parameters that a key claims.
fn params_of(key: &VerifyingKey) -> Result<TileParams> {
    let tile = key
        .tile()
        .ok_or_else(|| Failure::new(Kind::Input, "the key is not one of an initialization"))?;
    let params = TileParams::new(u32::from(tile.k), tile.distribution, tile.precision);
    let params = params.or_fail(Kind::Input)?;
    Ok(params.with_weight_digest(key.has_weight_digest()))
}
