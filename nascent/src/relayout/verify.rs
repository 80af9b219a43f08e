//! Verification of relayouts.

use super::{RelayoutError, lay_out};
use crate::commitment::{CommitmentError, Published, TilesOf};
use crate::given::{Given, GivenError};
use crate::keys::{self, KeyOrigin, KeysError};
use crate::setting::Setting;
use crate::srs;
use crate::words::count;
use nascent_ir::{CheckedGraph, Coverage, List, Origins, OriginsError, coverage};
use nascent_prover::relayout::{RelayoutKeys, statement};
use nascent_verifier::link::CommittedTo;
use nascent_verifier::{
    Digest32, ModelSpec, Plan, RelayoutBundle, RelayoutColumns, RelayoutReport, RelayoutStatement,
    Srs, VerifyingKey, verify_relayout_columns,
};
use serde::Serialize;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The verifying key of a relayout that states what model, architecture and origins give.
///
/// # Errors
/// It states something else, or its key takes more memory than the caller allows.
pub fn derive_key(
    setting: &Setting<'_>,
    model: &ModelSpec,
    graph: &CheckedGraph,
    origins: &Origins,
    bundle: &RelayoutBundle,
) -> Result<VerifyingKey, RelayoutError> {
    let layout = lay_out(setting, model, graph, origins)?;
    if statement(&layout, origins)? != bundle.statement {
        return Err(RelayoutError::Statement);
    }
    let shape = &layout.shape;
    let needed = keys::memory(layout.memory, shape.k, shape.fixed_columns());
    keys::allow(setting, needed)?;
    let srs = srs::load(setting, &bundle.srs_digest, shape.k).map_err(KeysError::from)?;
    let (circuit, key) = RelayoutKeys::derive(Arc::new(layout), origins, &srs)?;
    circuit.check()?;
    Ok(key)
}

/// What a relayout is held against, beside [`Given`]: nothing, or all of it for a key.
#[derive(Debug, Default)]
pub struct Against<'a> {
    /// The architecture.
    pub architecture: Option<&'a CheckedGraph>,
    /// The list of origins.
    pub origins: Option<&'a Origins>,
    /// A commitment, and the proof's links to it.
    pub published: Option<&'a Published>,
    /// Digest of the beacon's value, if the plan came with it.
    pub beacon: Option<Digest32>,
}

/// What a list leaves open of a graph's numbers, or why it does not cover them.
pub type Covers = Result<Coverage, OriginsError>;

/// A relayout that holds, and what that shows.
#[derive(Debug)]
pub struct RelayoutVerdict<'a> {
    /// What was verified.
    pub bundle: &'a RelayoutBundle,
    /// What the proof establishes.
    pub report: RelayoutReport,
    /// Whose key it is.
    pub origin: KeyOrigin,
    /// What the list covers, if plan, architecture and list were given.
    pub covers: Option<Covers>,
    /// Which numbers are the committed ones.
    pub linked: Option<&'static str>,
    /// Whose tiles they are.
    pub tiles_of: Option<TilesOf>,
    /// Digest of the commitment.
    pub commitment: Option<Digest32>,
    /// What the caller asked for, or depends on, and was not shown.
    pub not_shown: Vec<String>,
    /// How long the proof took.
    pub time: Duration,
}

/// Verifies a relayout.
///
/// # Errors
/// A check that comes out false; a key that is not there.
pub fn verify<'a>(
    setting: &Setting<'_>,
    bundle: &'a RelayoutBundle,
    srs: &Srs,
    given: &Given<'_>,
    against: &Against<'_>,
) -> Result<RelayoutVerdict<'a>, RelayoutError> {
    given.check_only_of_plans("a relayout")?;
    given.check_keys_used(&[bundle.vk_digest])?;
    check_given(given, against, &bundle.statement)?;
    let all = match (given.plan, against.architecture, against.origins) {
        (Some(plan), Some(graph), Some(origins)) => Some((plan, graph, origins)),
        _ => None,
    };
    let derive = || -> Result<Option<VerifyingKey>, RelayoutError> {
        let Some((plan, graph, origins)) = all else {
            return Ok(None);
        };
        derive_key(setting, &plan.model, graph, origins, bundle).map(Some)
    };
    let (key, origin) = given.keys.find(setting, &bundle.vk_digest, derive)?;
    let started = Instant::now();
    let (report, columns) = verify_relayout_columns(bundle, &key, srs)?;
    let tiles_of = match against.published {
        Some(published) => published.tiles_of()?,
        None => None,
    };
    if let (Some(of), Some(plan)) = (&tiles_of, given.plan) {
        check_tiles_of(of, plan, against.beacon)?;
    }
    let linked = match against.published {
        Some(published) => Some(linked(published, tiles_of, &bundle.statement, &columns)?),
        None => None,
    };
    let time = started.elapsed();
    let covers = match all {
        Some((plan, graph, origins)) => {
            let list = List {
                plan: plan.digest()?,
                model: &plan.model,
                origins,
            };
            Some(coverage(&[list], graph))
        }
        None => None,
    };
    let mut not_shown: Vec<String> = given.open_keys(origin.is_known()).into_iter().collect();
    not_shown.extend(covers.as_ref().and_then(open_numbers));
    if given.plan.is_some() && tiles_of.is_none() {
        not_shown.push(
            "that the deviates are of the plan that you gave: the relayout names its model alone; give \
             the commitment to the tiles (--commitment), or verify the chain"
                .to_owned(),
        );
    }
    Ok(RelayoutVerdict {
        bundle,
        report,
        origin,
        covers,
        linked,
        tiles_of,
        commitment: against.published.map(|published| *published.digest()),
        not_shown,
        time,
    })
}

/// What was given is what the proof's statement names.
fn check_given(
    given: &Given<'_>,
    against: &Against<'_>,
    statement: &RelayoutStatement,
) -> Result<(), RelayoutError> {
    let differs = |what| Err(GivenError::About(what).into());
    if let Some(plan) = given.plan
        && plan.model.digest()? != statement.model
    {
        return differs("plan");
    }
    if let Some(graph) = against.architecture
        && graph.digest()? != statement.architecture
    {
        return differs("architecture");
    }
    if let Some(origins) = against.origins
        && origins.digest()? != statement.origins
    {
        return differs("list of origins");
    }
    Ok(())
}

/// The commitment's tiles are those of the plan that was given, and of its beacon's value.
fn check_tiles_of(
    of: &TilesOf,
    plan: &Plan,
    beacon: Option<Digest32>,
) -> Result<(), RelayoutError> {
    if plan.digest()? != of.plan {
        return Err(CommitmentError::OtherPlan.into());
    }
    if beacon.is_some_and(|beacon| beacon != of.beacon) {
        return Err(CommitmentError::OtherBeacon.into());
    }
    Ok(())
}

/// Checks the links to a published commitment, to the tiles or to the parameters; says to which.
fn linked(
    published: &Published,
    tiles_of: Option<TilesOf>,
    statement: &RelayoutStatement,
    columns: &RelayoutColumns,
) -> Result<&'static str, RelayoutError> {
    let Some(TilesOf { plan, beacon }) = tiles_of else {
        let architecture = statement.architecture;
        let parameters = CommittedTo::Parameters { architecture };
        published.check_across(&parameters, &columns.weights)?;
        return Ok("the parameters");
    };
    for (tile, lanes) in statement.tiles.iter().zip(&columns.tiles) {
        let (stream, index) = (tile.stream, tile.index);
        let subject = CommittedTo::Tile {
            plan,
            beacon,
            stream,
            index,
        };
        let linked = published.check_across(&subject, lanes);
        linked.map_err(|source| RelayoutError::Tile {
            stream,
            index,
            source,
        })?;
    }
    Ok("the tiles' deviates")
}

/// What a list leaves open that a caller who gave plan, architecture and list asked for.
fn open_numbers(covers: &Covers) -> Option<String> {
    match covers {
        Ok(of) if of.chosen == 0 => None,
        Ok(of) => Some(format!(
            "what {} of the architecture's numbers are: the publisher chose them",
            count(of.chosen)
        )),
        Err(error) => Some(format!(
            "that these are all weights of the plan's model: {error}"
        )),
    }
}

/// A tile, for machines.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct TileReport {
    /// The stream.
    pub stream: u16,
    /// Which of its tiles.
    pub index: u64,
}

/// What a relayout is about, for machines. Digests are in hexadecimal.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "as in `RelayoutStatement`")]
pub struct StatementReport {
    pub model_digest: String,
    pub architecture: String,
    pub origins: String,
    pub k: u8,
    pub tiles: Vec<TileReport>,
    pub weight_columns: u32,
    pub vk_digest: String,
    pub srs: String,
    pub development_srs: bool,
}

impl StatementReport {
    /// Of a relayout.
    pub fn new(bundle: &RelayoutBundle) -> Self {
        let statement = &bundle.statement;
        let tiles = statement.tiles.iter().map(|tile| TileReport {
            stream: tile.stream,
            index: tile.index,
        });
        Self {
            model_digest: hex::encode(statement.model),
            architecture: hex::encode(statement.architecture),
            origins: hex::encode(statement.origins),
            k: statement.k,
            tiles: tiles.collect(),
            weight_columns: statement.weights,
            vk_digest: hex::encode(bundle.vk_digest),
            srs: hex::encode(bundle.srs_digest),
            development_srs: srs::is_development(&bundle.srs_digest),
        }
    }
}

/// What a list covers, for machines.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
#[expect(missing_docs, reason = "as in `Coverage`")]
pub enum CoverageReport {
    Complete {
        complete: bool,
        derived: u64,
        repeated: u64,
        public: u64,
        chosen: u64,
        constants: u64,
        other_constants: u64,
    },
    Missing {
        complete: bool,
        missing: String,
    },
}

impl CoverageReport {
    fn new(covers: &Covers) -> Self {
        match covers {
            Ok(of) => Self::Complete {
                complete: true,
                derived: of.derived,
                repeated: of.repeated,
                public: of.public,
                chosen: of.chosen,
                constants: of.constants,
                other_constants: of.other_constants,
            },
            Err(error) => Self::Missing {
                complete: false,
                missing: error.to_string(),
            },
        }
    }
}

/// A verdict on a relayout, for machines.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "as in `RelayoutVerdict`")]
pub struct VerdictReport {
    #[serde(flatten)]
    pub statement: StatementReport,
    pub key_origin: KeyOrigin,
    pub key_rederived: bool,
    pub coverage: Option<CoverageReport>,
    pub linked: Option<&'static str>,
    pub linked_plan: Option<String>,
    pub linked_beacon: Option<String>,
    pub commitment: Option<String>,
    pub proof_bytes: usize,
    pub verify_seconds: f64,
}

impl RelayoutVerdict<'_> {
    /// All of it, for machines.
    pub fn report(&self) -> VerdictReport {
        VerdictReport {
            statement: StatementReport::new(self.bundle),
            key_origin: self.origin,
            key_rederived: self.origin == KeyOrigin::Rederived,
            coverage: self.covers.as_ref().map(CoverageReport::new),
            linked: self.linked,
            linked_plan: self.tiles_of.map(|of| hex::encode(of.plan)),
            linked_beacon: self.tiles_of.map(|of| hex::encode(of.beacon)),
            commitment: self.commitment.map(hex::encode),
            proof_bytes: self.bundle.proof.len(),
            verify_seconds: self.time.as_secs_f64(),
        }
    }
}
