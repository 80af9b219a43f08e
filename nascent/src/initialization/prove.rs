//! Proofs of initializations: jobs of tiles, which go on where they were stopped.

use crate::derive::Origin;
use crate::error::{Failure, Kind};
use crate::keys;
use crate::secret::Secret;
use crate::setting::Setting;
use crate::srs;
use nascent_prover::error::SubjectError;
use nascent_prover::estimate::{ChoiceError, Estimate};
use nascent_prover::job::{
    self, CachedSrs, DevelopmentSrs, Event, Finished, JobError, Options, Request, SrsSource,
};
use nascent_prover::keys::KeyStore;
use nascent_verifier::Digest32;
use rand_core::{CryptoRng, RngCore};
use serde::Serialize;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

impl Failure for JobError {
    fn kind(&self) -> Kind {
        match self {
            Self::Subject(
                SubjectError::WrongSecret
                | SubjectError::MissingSecret
                | SubjectError::SecretForPublicSeed,
            ) => Kind::Usage,
            Self::Subject(_) => Kind::Input,
            Self::Choice(ChoiceError::Memory { .. } | ChoiceError::NoSize { .. })
            | Self::Srs { .. }
            | Self::VerifierSrs(_)
            | Self::Locked { .. }
            | Self::ForeignDirectory { .. }
            | Self::Io { .. } => Kind::Environment,
            Self::Choice(_) => Kind::Usage,
            Self::Cancelled { .. } => Kind::Cancelled,
            _ => Kind::Internal,
        }
    }

    fn help(&self) -> Option<String> {
        let help = match self {
            Self::Subject(SubjectError::WrongSecret | SubjectError::MissingSecret) => {
                "give the secret that the plan was made with: --secret FILE"
            }
            Self::Subject(SubjectError::SecretForPublicSeed) => "leave --secret away",
            Self::Subject(_) => "`nascent inspect` shows what the plan holds",
            Self::Choice(ChoiceError::Memory { .. }) => {
                "smaller tiles take less: --k K, or --memory MIB; --any-memory goes on anyway"
            }
            Self::Choice(ChoiceError::NoSize { .. }) | Self::Srs { .. } | Self::VerifierSrs(_) => {
                "import a larger SRS: nascent srs import FILE.ptau --k K"
            }
            Self::Choice(_) => "choose another size with --k",
            Self::Locked { .. } => "wait for the other run's end: it does the same work",
            Self::ForeignDirectory { .. } => "name another folder with --job DIR",
            Self::Io { .. } => {
                "finished tiles are kept: when the folder can be written to again, the same command \
                 goes on; --job DIR names another one"
            }
            Self::Cancelled { .. } => {
                "finished tiles are kept: the same command goes on after them"
            }
            _ => "run the same command again: finished tiles are kept; if it stays, report it",
        };
        Some(help.to_owned())
    }
}

/// Proves initializations under one SRS.
pub struct Prover {
    srs: Box<dyn SrsSource>,
    keys: KeyStore,
}

impl Prover {
    /// With an SRS and keys of the cache.
    pub fn new(setting: &Setting<'_>, srs: &Digest32) -> Self {
        let cache = srs::cache(setting);
        let source: Box<dyn SrsSource> = if srs::is_development(srs) {
            Box::new(DevelopmentSrs { cache: Some(cache) })
        } else {
            Box::new(CachedSrs::new(cache, *srs))
        };
        Self {
            srs: source,
            keys: keys::store(setting),
        }
    }

    /// Work on an initialization: checks what is asked for, locks the folder, chooses the tiles' size.
    /// No long work. The folder has finished tiles, is made where it is missing, and work that was
    /// stopped goes on there; the options say sizes, memory, threads, and the secret of a commitment to
    /// the tiles.
    ///
    /// # Errors
    /// Plan, value and secret do not belong together; another run works in the folder, or it is of
    /// another task; no size of tiles fits.
    pub fn job<'a>(
        &'a self,
        origin: Origin<'a>,
        folder: &'a Path,
        options: Options,
    ) -> Result<Job<'a>, JobError> {
        let job = job::Job::open(Request {
            plan: origin.plan,
            beacon: origin.beacon,
            secret: origin.secret.map(Secret::scalar),
            srs: &*self.srs,
            keys: &self.keys,
            directory: folder,
            options,
        })?;
        Ok(Job(job))
    }
}

/// Work on an initialization. It holds the lock of its folder.
pub struct Job<'a>(job::Job<'a>);

/// What a job gave.
#[derive(Debug)]
pub struct Made {
    /// The proofs, their keys, the commitment.
    pub finished: Finished,
    /// From the first proof's start to the last one's end: without SRS, and without the keys of the
    /// first stream.
    pub proving: Duration,
}

impl Job<'_> {
    /// What it takes.
    pub fn estimate(&self) -> &Estimate {
        self.0.estimate()
    }

    /// Tiles that are there from an earlier run.
    pub fn finished_tiles(&self) -> u64 {
        self.0.files()
    }

    /// Proves what is missing, and puts the proofs together. The observer is told of every tile, and
    /// may stop the work between two.
    ///
    /// # Errors
    /// The first thing that fails; finished tiles are kept.
    pub fn run(
        &self,
        setting: &Setting<'_>,
        rng: impl RngCore + CryptoRng + Send,
    ) -> Result<Made, JobError> {
        let clock = Clock::default();
        let observer = setting.observer;
        let stop = AtomicBool::new(observer.is_cancelled());
        let listen = |event: &Event<'_>| {
            clock.on_event(event);
            observer.tile(event);
            if observer.is_cancelled() {
                stop.store(true, Ordering::Relaxed);
            }
        };
        let finished = self.0.run(rng, &listen, &stop)?;
        Ok(Made {
            finished,
            proving: clock.proving(),
        })
    }
}

/// Proofs of an initialization, for machines. Digests are in hexadecimal.
#[derive(Debug, Clone, Serialize)]
#[expect(
    missing_docs,
    reason = "as in `Finished`, or said by the fields' names"
)]
pub struct MadeReport {
    pub beacon_digest: String,
    pub srs: String,
    pub development_srs: bool,
    pub proofs: u64,
    pub proof_bytes: u64,
    pub proved: u64,
    pub resumed: u64,
    pub weight_commitments: String,
    pub weight_digest: Option<String>,
    pub proving_seconds: f64,
}

impl Made {
    /// All of it but the plan, for machines.
    pub fn report(&self) -> MadeReport {
        let (finished, report) = (&self.finished, &self.finished.report);
        MadeReport {
            beacon_digest: hex::encode(finished.bundle.beacon.digest()),
            srs: hex::encode(finished.bundle.srs_digest),
            development_srs: report.development_srs,
            proofs: report.proofs,
            proof_bytes: report.proof_bytes,
            proved: finished.proved,
            resumed: finished.resumed,
            weight_commitments: hex::encode(report.weight_commitments),
            weight_digest: report.weight_digest.map(hex::encode),
            proving_seconds: self.proving.as_secs_f64(),
        }
    }
}

/// When the first proof began and the last one ended.
#[derive(Default)]
struct Clock(Mutex<Option<(Instant, Instant)>>);

impl Clock {
    fn on_event(&self, event: &Event<'_>) {
        if !matches!(event, Event::Proving { .. } | Event::Proved { .. }) {
            return;
        }
        if let Ok(mut span) = self.0.lock() {
            let now = Instant::now();
            *span = Some((span.map_or(now, |(first, _)| first), now));
        }
    }

    fn proving(&self) -> Duration {
        let span = self.0.lock().ok().and_then(|span| *span);
        span.map_or(Duration::ZERO, |(first, last)| last.duration_since(first))
    }
}

/// What a job takes, for machines.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "as in `Estimate`")]
pub struct EstimateReport {
    pub seconds: f64,
    pub cpu_seconds: f64,
    pub memory_bytes: u64,
    pub proof_bytes: u64,
    pub tiles: u64,
    pub threads: usize,
    pub backend: &'static str,
    pub machine: &'static str,
    pub factor: f64,
    pub streams: Vec<StreamEstimate>,
}

/// What a stream of a job takes, for machines.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "as in `Estimate`")]
pub struct StreamEstimate {
    pub k: u32,
    pub tiles: u64,
    pub weights_per_tile: u64,
    pub workers: usize,
    pub proof_bytes: u64,
}

impl EstimateReport {
    /// Of an estimate.
    pub fn new(estimate: &Estimate) -> Self {
        let streams = estimate.streams.iter().map(|stream| StreamEstimate {
            k: stream.k,
            tiles: stream.tiles,
            weights_per_tile: stream.weights_per_tile,
            workers: stream.workers,
            proof_bytes: stream.proof_bytes,
        });
        Self {
            seconds: estimate.wall_seconds(),
            cpu_seconds: estimate.cpu_seconds(),
            memory_bytes: estimate.peak_memory(),
            proof_bytes: estimate.proof_bytes(),
            tiles: estimate.tiles(),
            threads: estimate.threads,
            backend: estimate.backend,
            machine: estimate.machine,
            factor: estimate.factor,
            streams: streams.collect(),
        }
    }
}
