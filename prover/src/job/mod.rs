//! From a plan and a beacon value to a bundle, in a directory that survives a kill.
//!
//! ```text
//! Job::open    locks the directory, chooses the tiles, predicts
//! Job::run     stream by stream: keys, finished tiles read and verified, the others proved
//! ```
//!
//! A tile's proof is verified and then written whole, or not at all, so that a run that is killed
//! goes on at the first unfinished tile. Nothing that is read back is trusted: a file that does
//! not verify is proved again.

mod directory;
mod error;
mod linker;
mod meter;
mod observer;
mod options;
mod run;
mod srs_source;

use std::path::Path;

use halo2curves::bn256::Fr;
use nascent_circuits::tile::TileParams;
use nascent_verifier::{
    Beacon, CommitmentData, Digest32, InitBundle, Links, Plan, Report, Srs as VerifierSrs,
    VerifyingKey,
};

pub use directory::{TileFileError, TileId};
pub use error::JobError;
pub use linker::TileLinkError;
pub use observer::{Event, Observer, Quiet, Standing};
pub use options::{MemoryLimit, Options, TileSize};
pub use srs_source::{CachedSrs, DevelopmentSrs, HeldSrs, SrsSource};

use crate::estimate::{
    ChoiceError, Estimate, Limits, TileCost, available_memory, check_bundle, check_memory,
    choose_sizes,
};
use crate::keys::KeyStore;
use crate::tile::Subject;
use directory::{Directory, Manifest};

/// What is to be proved, and with what.
#[derive(Clone)]
pub struct Request<'a> {
    /// The plan, as it was published.
    pub plan: &'a Plan,
    /// The value its beacon took.
    pub beacon: &'a Beacon,
    /// The secret of a hidden seed; `None` for a public seed.
    pub secret: Option<Fr>,
    /// Where reference strings come from.
    pub srs: &'a dyn SrsSource,
    /// Where keys are kept.
    pub keys: &'a KeyStore,
    /// Directory of finished tiles, created where it is missing.
    pub directory: &'a Path,
    /// Sizes, memory, threads.
    pub options: Options,
}

/// Work on one bundle. Holds the lock of its directory until it is dropped.
pub struct Job<'a> {
    plan: &'a Plan,
    beacon: &'a Beacon,
    srs: &'a dyn SrsSource,
    verifier_srs: VerifierSrs,
    srs_identity: Digest32,
    keys: &'a KeyStore,
    options: Options,
    subject: Subject,
    limits: Limits,
    params: Vec<TileParams>,
    tiles: Vec<TileCost>,
    estimate: Estimate,
    directory: Directory,
}

/// A finished job.
#[derive(Debug)]
pub struct Finished {
    /// The bundle; it was verified as a whole.
    pub bundle: InitBundle,
    /// What our verifier says of it.
    pub report: Report,
    /// Verifying keys, one for each stream.
    pub keys: Vec<VerifyingKey>,
    /// A commitment to the weights of each tile and the proofs' links to it, if the options say
    /// with which secret.
    pub committed: Option<(CommitmentData, Links)>,
    /// Tiles found finished.
    pub resumed: u64,
    /// Tiles proved in this run.
    pub proved: u64,
}

impl<'a> Job<'a> {
    /// Checks what was asked for, locks the directory, chooses the size of the tiles and predicts
    /// what they take. No long work.
    ///
    /// A directory that was begun keeps its sizes, unless a fixed size is asked for.
    ///
    /// # Errors
    ///
    /// If plan, value and secret do not belong together, the directory is locked or of another
    /// job, or no size of tiles fits.
    pub fn open(request: Request<'a>) -> Result<Self, JobError> {
        let Request {
            plan,
            beacon,
            secret,
            srs,
            keys,
            directory,
            options,
        } = request;
        let subject = Subject::new(plan, beacon, secret)?;
        let verifier_srs = srs.verifier_srs().map_err(JobError::VerifierSrs)?;
        let directory = Directory::open(directory)?;
        let limits = Limits {
            sizes: srs.sizes(),
            memory: match options.memory {
                MemoryLimit::Available => available_memory(),
                MemoryLimit::Bytes(bytes) => Some(bytes),
                MemoryLimit::Unlimited => None,
            },
            threads: options.threads.max(1),
        };
        let manifest = Manifest {
            plan: *subject.plan(),
            beacon: *subject.beacon(),
            srs: verifier_srs.digest(),
            sizes: Vec::new(),
        };
        let before = directory.manifest(&manifest)?;
        let tiles = match (options.size, before) {
            (TileSize::Fixed(k), _) => fixed(plan, &vec![k; plan.model.streams.len()])?,
            (TileSize::Automatic, Some(sizes)) => {
                fixed(plan, &sizes.into_iter().map(u32::from).collect::<Vec<_>>())?
            }
            (TileSize::Automatic, None) => {
                choose_sizes(&plan.model, plan.weight_digest, &options.cost, &limits)?
            }
        };
        check_bundle(&plan.model, &tiles)?;
        for (stream, tile) in tiles.iter().enumerate() {
            check_memory(stream, tile, &options.cost, &limits)?;
        }
        let params = params(plan, tiles.iter().map(|tile| tile.k))?;
        let sizes = tiles
            .iter()
            .filter_map(|tile| u8::try_from(tile.k).ok())
            .collect();
        directory.write_manifest(&Manifest { sizes, ..manifest })?;
        let estimate = Estimate::new(&plan.model, &tiles, &options.cost, &limits);
        Ok(Self {
            plan,
            beacon,
            srs,
            srs_identity: verifier_srs.digest(),
            verifier_srs,
            keys,
            options,
            subject,
            limits,
            params,
            tiles,
            estimate,
            directory,
        })
    }

    /// What the whole job is predicted to take, finished tiles included.
    pub fn estimate(&self) -> &Estimate {
        &self.estimate
    }

    /// What every tile of a stream is made of.
    pub fn tiles(&self) -> &[TileCost] {
        &self.tiles
    }

    /// What the job may use.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// How many tiles have a file, sound or not.
    pub fn files(&self) -> u64 {
        let has_file = |id: &TileId| self.directory.has_tile(&self.subject, *id);
        self.all_tiles().filter(has_file).count() as u64
    }

    /// All tiles, by stream and index.
    fn all_tiles(&self) -> impl Iterator<Item = TileId> {
        (0_u16..)
            .zip(&self.plan.model.streams)
            .zip(&self.tiles)
            .flat_map(|((stream, spec), tile)| {
                (0..tile.tiles(spec)).map(move |index| TileId { stream, index })
            })
    }
}

/// Sizes that were asked for.
fn fixed(plan: &Plan, sizes: &[u32]) -> Result<Vec<TileCost>, ChoiceError> {
    Ok(params(plan, sizes.iter().copied())?
        .iter()
        .map(TileCost::new)
        .collect())
}

fn params(plan: &Plan, sizes: impl Iterator<Item = u32>) -> Result<Vec<TileParams>, ChoiceError> {
    let streams = plan.model.streams.iter().zip(sizes).enumerate();
    streams
        .map(|(stream, (spec, k))| {
            TileParams::new(k, spec.distribution, spec.precision)
                .map(|params| params.with_weight_digest(plan.weight_digest))
                .map_err(|source| ChoiceError::Shape { stream, source })
        })
        .collect()
}
