//! Verification of a whole initialization.
//!
//! The verifier builds every instance itself, from plan and beacon value;
//! nothing but the proof bytes of a tile is taken from the prover.

use crate::batch::{BatchError, BatchVerifier, prepare};
use crate::bundle::{BundleError, InitBundle, StreamProofs};
use crate::codec::{Format, FormatError};
use crate::digest::{Digest32, Hex, tagged, to_scalar};
use crate::link::{ProvedWeights, proof_digest};
use crate::plan::PlanError;
use crate::proof::ProofError;
use crate::report::{NotProved, Proved, Report, Seed, StreamReport};
use crate::spec::{SpecError, StreamSpec};
use crate::srs::Srs;
use crate::statement::TileStatement;
use crate::vk::VerifyingKey;
use crate::weight_digest::{HashChainValue, hash_chain_start, weight_digest};
use crate::workers::{Alone, Workers, map_all};
use alloc::collections::BTreeSet;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;
use ark_bn254::Fr;
use ark_ff::PrimeField;

/// Verifies that all sampled weights of a model come from its plan and beacon
/// value. A plan that samples none is refused.
///
/// `key` finds a verifying key by digest. The key is taken as honest: compare
/// its digest with one derived from the circuit's source.
pub fn verify_init<'k>(
    bundle: &InitBundle,
    key: impl Fn(&Digest32) -> Option<&'k VerifyingKey>,
    srs: &Srs,
) -> Result<Report, VerifyError> {
    verify_init_with(bundle, key, srs, &Alone)
}

/// [`verify_init`] by several workers.
///
/// # Errors
///
/// As [`verify_init`].
pub fn verify_init_with<'k>(
    bundle: &InitBundle,
    key: impl Fn(&Digest32) -> Option<&'k VerifyingKey>,
    srs: &Srs,
    workers: &impl Workers,
) -> Result<Report, VerifyError> {
    verify_init_weights(bundle, key, srs, workers).map(|(report, _)| report)
}

/// [`verify_init_with`], which also hands out the weight commitments of each tile, in the order of
/// the tiles, for links.
///
/// # Errors
///
/// As [`verify_init`].
pub fn verify_init_weights<'k>(
    bundle: &InitBundle,
    key: impl Fn(&Digest32) -> Option<&'k VerifyingKey>,
    srs: &Srs,
    workers: &impl Workers,
) -> Result<(Report, Vec<ProvedWeights>), VerifyError> {
    bundle.validate()?;
    if bundle.plan.model.sampled_elements() == 0 {
        return Err(VerifyError::NothingSampled);
    }
    if srs.digest() != bundle.srs_digest {
        return Err(VerifyError::Srs {
            expected: bundle.srs_digest,
            got: srs.digest(),
        });
    }
    let streams = bundle
        .plan
        .model
        .streams
        .iter()
        .zip(&bundle.streams)
        .enumerate()
        .map(|(stream, (spec, proofs))| {
            Stream::new(stream, spec, proofs, &key, bundle.plan.weight_digest)
        })
        .collect::<Result<Vec<_>, _>>()?;
    check_coverage(bundle, &streams)?;

    let statement = Statement::new(bundle)?;
    let mut chain = Chain::default();
    let mut tiles = Vec::with_capacity(bundle.tiles.len());
    for (position, tile) in bundle.tiles.iter().enumerate() {
        let (stream, index) = (tile.stream, tile.index);
        let of = streams.get(usize::from(stream));
        let of = of.ok_or(VerifyError::UnexpectedTile { stream, index })?;
        let prefix = TileStatement {
            plan: statement.plan,
            beacon: statement.beacon,
            stream,
            index,
        }
        .transcript_prefix(of.vk.digest(), &bundle.srs_digest);
        let mut instance = statement.instance(of.blocks, index);
        if let Some(end) = bundle.hash_chain_ends.get(position) {
            instance.extend(chain.next(of, index, end));
        }
        tiles.push((of, prefix, [instance], tile));
    }
    let prepared = map_all(workers, tiles.len(), |position| match tiles.get(position) {
        Some((of, prefix, instance, tile)) => {
            let (proof, reduced) = prepare(of.vk, prefix, instance, &tile.proof, &Alone)?;
            let identity = proof_digest(prefix, instance, &tile.proof);
            let srs = &bundle.srs_digest;
            let weights = ProvedWeights::of_proof(of.vk, 0, srs, &identity, &proof);
            Ok((weights, reduced))
        }
        None => Err(ProofError::InconsistentKey),
    });
    let mut batch = BatchVerifier::default();
    let mut commitments = Vec::new();
    let mut weights = Vec::new();
    for ((of, _, _, tile), prepared) in tiles.iter().zip(prepared) {
        let (of_tile, reduced) = prepared.map_err(|source| VerifyError::Tile {
            stream: tile.stream,
            index: tile.index,
            source,
        })?;
        batch.push(of.vk, reduced);
        weights.extend(of_tile);
        commitments.extend(of.vk.weight_commitments(&tile.proof));
    }
    batch.finish_with(srs, workers).map_err(|error| {
        let BatchError::Pairing { position } = error;
        let tile = bundle.tiles.get(position);
        VerifyError::Tile {
            stream: tile.map_or(u16::MAX, |tile| tile.stream),
            index: tile.map_or(u64::MAX, |tile| tile.index),
            source: ProofError::Pairing,
        }
    })?;
    let facts = Facts {
        streams: &streams,
        statement: &statement,
        commitments: &commitments,
        digests: &chain.digests(),
    };
    Ok((report(bundle, srs, &facts), weights))
}

/// The weight digest, tile by tile: `check_coverage` has them in order.
#[derive(Default)]
struct Chain {
    /// Value after the last tile of each stream so far.
    ends: Vec<HashChainValue>,
}

impl Chain {
    /// The further rows of a tile's instance: where the chain stands, where
    /// it goes on to, and how many of the tile's blocks it takes up. The first
    /// and the last are the verifier's own.
    fn next(&mut self, of: &Stream<'_>, index: u64, end: &HashChainValue) -> [Fr; 3] {
        let start = match self.ends.last_mut() {
            Some(last) if index > 0 => core::mem::replace(last, *end),
            _ => {
                self.ends.push(*end);
                of.hash_chain_start
            }
        };
        let before = of.blocks.saturating_mul(index);
        let live = of.stream_blocks.saturating_sub(before).min(of.blocks);
        let [start, end] = [start, *end].map(|value| Fr::from_le_bytes_mod_order(&value));
        [start, end, Fr::from(live)]
    }

    /// The streams' digests; every stream has a tile.
    fn digests(self) -> Vec<HashChainValue> {
        self.ends
    }
}

/// A stream with its key.
struct Stream<'k> {
    vk: &'k VerifyingKey,
    /// Blocks per tile.
    blocks: u64,
    tiles: u64,
    /// Blocks of the stream.
    stream_blocks: u64,
    /// Where its weight digest begins.
    hash_chain_start: HashChainValue,
}

impl<'k> Stream<'k> {
    fn new(
        stream: usize,
        spec: &StreamSpec,
        proofs: &StreamProofs,
        key: &impl Fn(&Digest32) -> Option<&'k VerifyingKey>,
        weight_digest: bool,
    ) -> Result<Self, VerifyError> {
        let missing = VerifyError::MissingKey {
            stream,
            digest: proofs.vk_digest,
        };
        let vk = key(&proofs.vk_digest)
            .filter(|vk| *vk.digest() == proofs.vk_digest)
            .ok_or(missing)?;
        let differs = |what| VerifyError::KeyShape { stream, what };
        let tile = vk.tile().ok_or(differs("kind of circuit"))?;
        if tile.distribution != spec.distribution {
            return Err(differs("distribution"));
        }
        if tile.precision != spec.precision {
            return Err(differs("precision"));
        }
        if tile.k != proofs.k {
            return Err(differs("size"));
        }
        if vk.has_weight_digest() != weight_digest {
            return Err(differs("choice of a weight digest"));
        }
        Ok(Self {
            vk,
            blocks: tile.blocks,
            tiles: spec.blocks().div_ceil(tile.blocks.max(1)),
            stream_blocks: spec.blocks(),
            hash_chain_start: hash_chain_start(spec.distribution, spec.precision),
        })
    }
}

/// Each tile of each stream once, in order.
fn check_coverage(bundle: &InitBundle, streams: &[Stream<'_>]) -> Result<(), VerifyError> {
    let mut seen = BTreeSet::new();
    for tile in &bundle.tiles {
        let (stream, index) = (tile.stream, tile.index);
        let known = streams.get(usize::from(stream));
        if known.is_none_or(|of| index >= of.tiles) {
            return Err(VerifyError::UnexpectedTile { stream, index });
        }
        if !seen.insert((stream, index)) {
            return Err(VerifyError::DuplicateTile { stream, index });
        }
    }
    // Stops at the first gap: no more steps than there are tiles in the file.
    let expected = || {
        let streams = (0_u16..).zip(streams);
        streams.flat_map(|(stream, of)| (0..of.tiles).map(move |index| (stream, index)))
    };
    for (stream, index) in expected() {
        if !seen.contains(&(stream, index)) {
            return Err(VerifyError::MissingTile { stream, index });
        }
    }
    for (position, (tile, expected)) in bundle.tiles.iter().zip(expected()).enumerate() {
        let got = (tile.stream, tile.index);
        if got != expected {
            return Err(VerifyError::MisplacedTile {
                position,
                expected,
                got,
            });
        }
    }
    Ok(())
}

/// The public values of all tiles.
struct Statement {
    plan: Digest32,
    model: Digest32,
    beacon: Digest32,
    public_key: Fr,
}

impl Statement {
    fn new(bundle: &InitBundle) -> Result<Self, VerifyError> {
        let plan = &bundle.plan;
        Ok(Self {
            plan: plan.digest()?,
            model: plan.model.digest()?,
            beacon: bundle.beacon.digest(),
            public_key: plan.public_key(),
        })
    }

    /// `[pk, b, A, first_block]`.
    fn instance(&self, blocks: u64, index: u64) -> Vec<Fr> {
        vec![
            self.public_key,
            to_scalar(&self.beacon),
            to_scalar(&self.model),
            // As field elements: no product of integers to overflow.
            Fr::from(blocks) * Fr::from(index),
        ]
    }
}

/// What the verification found out.
struct Facts<'a> {
    streams: &'a [Stream<'a>],
    statement: &'a Statement,
    commitments: &'a [[u8; 32]],
    /// Weight digests of the streams; none if the plan does not ask for them.
    digests: &'a [HashChainValue],
}

fn report(bundle: &InitBundle, srs: &Srs, facts: &Facts<'_>) -> Report {
    let Facts {
        streams,
        statement,
        commitments,
        digests,
    } = facts;
    let plan = &bundle.plan;
    let entries = plan.model.streams.iter().zip(&bundle.streams).zip(*streams);
    let development = srs.is_development();
    let trust = if development {
        NotProved::DevelopmentSrs
    } else {
        NotProved::SrsCeremony
    };
    let mut proved = vec![
        Proved::Derivation,
        Proved::SeedBinding,
        Proved::Coverage,
        Proved::StatementBinding,
    ];
    if plan.weight_digest {
        proved.push(Proved::WeightDigest);
    }
    let commitments: Vec<&[u8]> = commitments.iter().map(<[u8; 32]>::as_slice).collect();
    let inherits_from = plan.model.inherits_from();
    let mut not_proved = vec![
        trust,
        NotProved::KeyOrigin,
        if bundle.beacon.values().is_empty() {
            NotProved::BeaconOrigin
        } else {
            NotProved::BeaconEvidence
        },
        NotProved::PlanTime,
        NotProved::WeightsFile,
        NotProved::ModelFile,
    ];
    if !inherits_from.is_empty() {
        not_proved.push(NotProved::Inherited);
    }
    if !plan.model.kept.is_empty() {
        not_proved.push(NotProved::Kept);
    }
    not_proved.push(NotProved::Training);
    Report {
        model: plan.model.name.clone(),
        model_digest: statement.model,
        graph_digest: plan.model.graph_digest,
        rules_digest: plan.model.rules_digest,
        plan_digest: statement.plan,
        beacon: plan.beacon.to_string(),
        beacon_digest: statement.beacon,
        seed: match plan.publisher_key {
            Some(publisher_key) => Seed::Hidden { publisher_key },
            None => Seed::Public,
        },
        srs_digest: bundle.srs_digest,
        development_srs: development,
        streams: entries
            .enumerate()
            .map(|(stream, ((spec, proofs), of))| StreamReport {
                distribution: spec.distribution,
                precision: spec.precision,
                rows: spec.rows,
                k: proofs.k,
                vk_digest: proofs.vk_digest,
                blocks_per_tile: of.blocks,
                tiles: of.tiles,
                weight_digest: digests.get(stream).copied(),
            })
            .collect(),
        proofs: count(bundle.tiles.len()),
        proof_bytes: bundle
            .tiles
            .iter()
            .map(|tile| count(tile.proof.len()))
            .sum(),
        sampled_weights: plan.model.sampled_elements(),
        constant_weights: plan.model.constant_elements(),
        inherited_weights: plan.model.inherited_elements(),
        kept_values: plan.model.kept_elements(),
        kept_floats: plan.model.kept_floats(),
        inherits_from: inherits_from.into_iter().collect(),
        weight_commitments: tagged("nascent weight commitments v1", &commitments),
        weight_digest: plan.weight_digest.then(|| weight_digest(digests)),
        proved,
        not_proved,
    }
}

fn count(value: usize) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

/// Why an initialization is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The bundle is not valid.
    #[error("bundle: {0}")]
    Bundle(#[from] BundleError),
    /// The plan cannot be encoded.
    #[error("plan: {0}")]
    Plan(#[from] FormatError<PlanError>),
    /// The model specification cannot be encoded.
    #[error("model: {0}")]
    Model(#[from] FormatError<SpecError>),
    /// A plan that samples nothing: it needs no proof, and the absence of proofs shows nothing.
    #[error("the plan samples no weight, so there is no proof, and nothing is shown")]
    NothingSampled,
    /// The proofs were made under another SRS than the verifier's.
    #[error(
        "proofs made under SRS {}, the verifier has {}",
        Hex(expected),
        Hex(got)
    )]
    Srs {
        /// Digest in the bundle.
        expected: Digest32,
        /// Digest of the verifier's SRS.
        got: Digest32,
    },
    /// No key with this digest is at hand.
    #[error("stream {stream}: no verifying key {} at hand", Hex(digest))]
    MissingKey {
        /// Index of the stream.
        stream: usize,
        /// Digest of the key.
        digest: Digest32,
    },
    /// A key of another circuit.
    #[error("stream {stream}: the verifying key has another {what}")]
    KeyShape {
        /// Index of the stream.
        stream: usize,
        /// What differs.
        what: &'static str,
    },
    /// A tile that the model does not have.
    #[error("tile {index} of stream {stream} is not part of the model")]
    UnexpectedTile {
        /// Index of the stream.
        stream: u16,
        /// Index of the tile.
        index: u64,
    },
    /// A tile listed twice.
    #[error("tile {index} of stream {stream} is listed twice")]
    DuplicateTile {
        /// Index of the stream.
        stream: u16,
        /// Index of the tile.
        index: u64,
    },
    /// A tile that is not there.
    #[error("tile {index} of stream {stream} is missing")]
    MissingTile {
        /// Index of the stream.
        stream: u16,
        /// Index of the tile.
        index: u64,
    },
    /// A tile out of place.
    #[error(
        "tile {} of stream {} stands at position {position}, where tile {} of stream {} belongs",
        got.1, got.0, expected.1, expected.0
    )]
    MisplacedTile {
        /// Position in the list.
        position: usize,
        /// Stream and index that belong there.
        expected: (u16, u64),
        /// Stream and index found.
        got: (u16, u64),
    },
    /// The proof of a tile is refused.
    #[error("tile {index} of stream {stream}: {source}")]
    Tile {
        /// Index of the stream.
        stream: u16,
        /// Index of the tile.
        index: u64,
        /// What is wrong.
        source: ProofError,
    },
}
