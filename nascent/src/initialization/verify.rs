//! Initializations: proofs that weights come from a plan and its beacon's value.

use crate::commitment::{CommitmentError, Published};
use crate::error::{Failure, Kind};
use crate::evidence::{self, Checked, EvidenceError, ValueReport};
use crate::fills::{self, DistributionReport, FillReport};
use crate::given::{Compared, Given, GivenError, open_beacon};
use crate::keys::{self, KeyOrigin, KeysError};
use crate::plan::{self, PlanError};
use crate::setting::{Pool, Setting};
use nascent_verifier::link::CommittedTo;
use nascent_verifier::spec::FillCounts;
use nascent_verifier::{
    Digest32, InitBundle, NotProved, Report, Seed, Srs, VerifyError, VerifyingKey,
    verify_init_weights, verify_init_with,
};
use serde::Serialize;
use std::time::{Duration, Instant};

/// Why an initialization is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InitializationError {
    /// It is not about what the verifier has.
    #[error(transparent)]
    Given(#[from] GivenError),
    /// An earlier plan that was given.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The beacon's evidence.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// A key.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The proofs.
    #[error(transparent)]
    Proofs(#[from] VerifyError),
    /// A tile that is not the committed one.
    #[error("tile {index} of stream {stream}")]
    Tile {
        /// The stream.
        stream: u16,
        /// The tile.
        index: u64,
        /// Why not.
        source: CommitmentError,
    },
}

impl Failure for InitializationError {
    fn kind(&self) -> Kind {
        match self {
            Self::Given(error) => error.kind(),
            Self::Plan(error) => error.kind(),
            Self::Evidence(error) => error.kind(),
            Self::Keys(error) => error.kind(),
            Self::Proofs(_) => Kind::Refused,
            Self::Tile { source, .. } => source.kind(),
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Given(error) => error.help(),
            Self::Plan(error) => error.help(),
            Self::Evidence(error) => error.help(),
            Self::Keys(error) => error.help(),
            Self::Proofs(error) => Some(proofs_help(error).to_owned()),
            Self::Tile { source, .. } => source.help(),
        }
    }
}

/// What to do about proofs that are refused.
pub fn proofs_help(error: &VerifyError) -> &'static str {
    match error {
        VerifyError::MissingTile { .. } => "the bundle is not complete: get it again",
        VerifyError::Srs { .. } => "give the SRS that the proofs were made under: --srs FILE",
        _ => {
            "these proofs show nothing; get plan and bundle again from the publisher, or do not trust them"
        }
    }
}

/// An initialization that holds, and what that shows.
#[derive(Debug)]
pub struct InitializationVerdict<'a> {
    /// What was verified.
    pub bundle: &'a InitBundle,
    /// What the proofs establish.
    pub report: Report,
    /// What stays open after what was compared here.
    pub not_proved: Vec<NotProved>,
    /// What was compared.
    pub compared: Compared,
    /// Whose keys they are, by stream.
    pub origins: Vec<KeyOrigin>,
    /// The beacon's values.
    pub values: Vec<Checked<'a>>,
    /// Digest of the commitment that the tiles are linked to.
    pub commitment: Option<Digest32>,
    /// What the caller asked for, or depends on, and was not shown.
    pub not_shown: Vec<String>,
    /// How long the proofs took.
    pub time: Duration,
}

/// Verifies an initialization, and holds it against what the verifier has.
///
/// # Errors
/// A check that comes out false; a key that is not there.
pub fn verify<'a>(
    setting: &Setting<'_>,
    bundle: &'a InitBundle,
    srs: &Srs,
    given: &Given<'_>,
    published: Option<&Published>,
) -> Result<InitializationVerdict<'a>, InitializationError> {
    let used: Vec<Digest32> = bundle.streams.iter().map(|of| of.vk_digest).collect();
    given.check_keys_used(&used)?;
    plan::check_earlier(given.earlier, Some(&bundle.plan))?;
    let compared = given.compare(bundle, &plan::earlier(given.earlier)?)?;
    let values = evidence::check(&bundle.beacon, &given.known)?;
    given.known.check_used(&values)?;
    let keys = find_keys(setting, bundle, given)?;
    let started = Instant::now();
    let report = match published {
        Some(published) => check_linked(bundle, &keys, srs, published)?,
        None => verify_init_with(bundle, |digest| key(&keys, digest), srs, &Pool)?,
    };
    let time = started.elapsed();
    let origins: Vec<KeyOrigin> = keys.iter().map(|(_, origin)| *origin).collect();
    let known = origins.iter().all(|origin| origin.is_known());
    let not_proved = not_proved(&report, compared, known, &values);
    let mut not_shown: Vec<String> = given.open_keys(known).into_iter().collect();
    not_shown.extend(open_beacon(compared, &values));
    Ok(InitializationVerdict {
        bundle,
        report,
        not_proved,
        compared,
        origins,
        values,
        commitment: published.map(|published| *published.digest()),
        not_shown,
        time,
    })
}

type Keys = [(VerifyingKey, KeyOrigin)];

fn key<'k>(keys: &'k Keys, digest: &Digest32) -> Option<&'k VerifyingKey> {
    let mut keys = keys.iter().map(|(key, _)| key);
    keys.find(|key| key.digest() == digest)
}

/// One key for each stream.
fn find_keys(
    setting: &Setting<'_>,
    bundle: &InitBundle,
    given: &Given<'_>,
) -> Result<Vec<(VerifyingKey, KeyOrigin)>, KeysError> {
    let streams = bundle.plan.model.streams.iter().zip(&bundle.streams);
    let each = streams.map(|(spec, proofs)| {
        let derive = || -> Result<Option<VerifyingKey>, KeysError> {
            if !given.keys.rederive {
                return Ok(None);
            }
            let params = keys::tile_of(spec, proofs, bundle.plan.weight_digest)?;
            keys::of_tile(setting, &params, &bundle.srs_digest).map(Some)
        };
        given.keys.find(setting, &proofs.vk_digest, derive)
    });
    each.collect()
}

/// Verifies; each tile must also be linked to the commitment.
fn check_linked(
    bundle: &InitBundle,
    keys: &Keys,
    srs: &Srs,
    published: &Published,
) -> Result<Report, InitializationError> {
    let find = |digest: &Digest32| key(keys, digest);
    let (report, weights) = verify_init_weights(bundle, find, srs, &Pool)?;
    let mut weights = weights.iter();
    for tile in &bundle.tiles {
        let (stream, index) = (tile.stream, tile.index);
        let subject = CommittedTo::Tile {
            plan: report.plan_digest,
            beacon: report.beacon_digest,
            stream,
            index,
        };
        let linked = published.check(&subject, weights.next());
        linked.map_err(|source| InitializationError::Tile {
            stream,
            index,
            source,
        })?;
    }
    Ok(report)
}

/// What stays open after what was compared here.
fn not_proved(
    report: &Report,
    compared: Compared,
    known: bool,
    values: &[Checked<'_>],
) -> Vec<NotProved> {
    let open = |item: &NotProved| match item {
        NotProved::KeyOrigin => !known,
        NotProved::ModelFile => !compared.model,
        NotProved::BeaconOrigin => !compared.beacon_value,
        NotProved::BeaconEvidence => !evidence::establish(values),
        _ => true,
    };
    report.not_proved.iter().copied().filter(open).collect()
}

/// A statement, for machines.
#[derive(Debug, Clone, Serialize)]
pub struct Statement {
    /// Its name.
    pub name: String,
    /// In words.
    pub text: String,
}

impl Statement {
    fn new(item: &(impl std::fmt::Debug + std::fmt::Display)) -> Self {
        Self {
            name: format!("{item:?}"),
            text: item.to_string(),
        }
    }
}

/// A stream and its proofs, for machines.
#[derive(Debug, Clone, Serialize)]
pub struct StreamReport {
    /// What is drawn.
    pub distribution: DistributionReport,
    /// How many rows.
    pub rows: u64,
    /// Circuits of `2^k` rows.
    pub k: u8,
    /// Digest of the verifying key.
    pub key: String,
    /// Blocks of one tile.
    pub blocks_per_tile: u64,
    /// How many tiles.
    pub tiles: u64,
    /// Digest of the weights.
    pub weight_digest: Option<String>,
}

/// A key and where it came from, for machines.
#[derive(Debug, Clone, Serialize)]
pub struct KeyReport {
    /// Its digest.
    pub key: String,
    /// Where it came from.
    pub origin: KeyOrigin,
}

/// A verdict on an initialization, for machines. Digests are in hexadecimal.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "as in `Report`, or said by the fields' types")]
pub struct InitializationReport {
    pub model: String,
    pub model_digest: String,
    pub graph_digest: String,
    pub rules_digest: String,
    pub plan_digest: String,
    pub beacon: String,
    pub beacon_digest: String,
    pub seed: &'static str,
    pub publisher_key: Option<String>,
    pub srs: String,
    pub development_srs: bool,
    pub streams: Vec<StreamReport>,
    pub proofs: u64,
    pub proof_bytes: u64,
    pub sampled_weights: u64,
    pub constant_weights: u64,
    pub inherited_weights: u64,
    pub kept_values: u64,
    pub kept_floats: u64,
    pub weight_commitments: String,
    pub weight_digest: Option<String>,
    pub proved: Vec<Statement>,
    pub not_proved: Vec<Statement>,
    pub values: FillCounts,
    pub fills: Vec<FillReport>,
    pub commitment: Option<String>,
    pub beacon_values: Vec<ValueReport>,
    pub checked: Compared,
    pub keys: Vec<KeyReport>,
    pub verify_seconds: f64,
}

impl InitializationVerdict<'_> {
    /// All of it, for machines.
    pub fn report(&self) -> InitializationReport {
        let (report, plan) = (&self.report, &self.bundle.plan);
        let stream = |of: &nascent_verifier::StreamReport| StreamReport {
            distribution: DistributionReport::new(of.distribution, of.precision),
            rows: of.rows,
            k: of.k,
            key: hex::encode(of.vk_digest),
            blocks_per_tile: of.blocks_per_tile,
            tiles: of.tiles,
            weight_digest: of.weight_digest.map(hex::encode),
        };
        let publisher_key = match report.seed {
            Seed::Hidden { publisher_key } => Some(hex::encode(publisher_key)),
            Seed::Public => None,
        };
        let keys = report.streams.iter().zip(&self.origins);
        InitializationReport {
            model: report.model.clone(),
            model_digest: hex::encode(report.model_digest),
            graph_digest: hex::encode(report.graph_digest),
            rules_digest: hex::encode(report.rules_digest),
            plan_digest: hex::encode(report.plan_digest),
            beacon: report.beacon.clone(),
            beacon_digest: hex::encode(report.beacon_digest),
            seed: match publisher_key {
                Some(_) => "hidden",
                None => "public",
            },
            publisher_key,
            srs: hex::encode(report.srs_digest),
            development_srs: report.development_srs,
            streams: report.streams.iter().map(stream).collect(),
            proofs: report.proofs,
            proof_bytes: report.proof_bytes,
            sampled_weights: report.sampled_weights,
            constant_weights: report.constant_weights,
            inherited_weights: report.inherited_weights,
            kept_values: report.kept_values,
            kept_floats: report.kept_floats,
            weight_commitments: hex::encode(report.weight_commitments),
            weight_digest: report.weight_digest.map(hex::encode),
            proved: report.proved.iter().map(Statement::new).collect(),
            not_proved: self.not_proved.iter().map(Statement::new).collect(),
            values: plan.model.fill_counts(),
            fills: fills::report(&plan.model),
            commitment: self.commitment.map(hex::encode),
            beacon_values: self.values.iter().map(|it| it.report(Some(plan))).collect(),
            checked: self.compared,
            keys: keys
                .map(|(stream, origin)| KeyReport {
                    key: hex::encode(stream.vk_digest),
                    origin: *origin,
                })
                .collect(),
            verify_seconds: self.time.as_secs_f64(),
        }
    }
}
