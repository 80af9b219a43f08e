//! Verification of a chain, step by step.

use super::error::{ChainError, Linked, Step, StepError};
use super::file::{Answer, Chain, Initialization, Origin, Version};
use super::report::{
    AnswerReport, ChainReport, InitializationReport, OriginReport, RelayoutSummary, VersionReport,
};
use crate::bundle::InitBundle;
use crate::codec::Format;
use crate::digest::Digest32;
use crate::inference::verify_inference_with;
use crate::init::verify_init_weights;
use crate::link::{CommittedTo, LinkError, Part, ProvedWeights, WeightCommitment};
use crate::relayout::{RelayoutBundle, RelayoutColumns, verify_relayout_columns};
use crate::report::Report;
use crate::srs::Srs;
use crate::vk::VerifyingKey;
use crate::workers::Workers;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

/// Follows the weights from the beacon to the answers.
///
/// `key` finds a verifying key by digest. Keys are taken as honest: derive them again from plan,
/// architecture and list of origins, or take them from whom you trust. The evidence of the beacon's
/// values is not this crate's to check, as in [`crate::verify_init`].
///
/// # Errors
///
/// The first step that does not hold, by name.
pub fn verify_chain<'k>(
    chain: &Chain,
    key: impl Fn(&Digest32) -> Option<&'k VerifyingKey>,
    srs: &Srs,
    workers: &impl Workers,
) -> Result<ChainReport, ChainError> {
    let at = |step: Step| move |source| ChainError { step, source };
    let whole = |error| at(Step::Whole)(StepError::File(error));
    chain.validate().map_err(whole)?;
    chain.check_architectures()?;
    let mut follower = Follower::new(chain, key, srs);
    let mut started = Vec::with_capacity(chain.initializations.len());
    for (position, of) in chain.initializations.iter().enumerate() {
        let (init, tiles) = follower
            .initialization(&of.bundle, &started, workers)
            .map_err(at(Step::Initialization(position)))?;
        let deviates = follower
            .deviates(of, &init, &tiles)
            .map_err(at(Step::Deviates(position)))?;
        started.push(Started { of, init, deviates });
    }
    let mut versions = Vec::with_capacity(chain.versions.len());
    let mut commitments = Vec::with_capacity(chain.versions.len());
    for version in &chain.versions {
        let step = || at(Step::Version(version.name.clone()));
        let (report, commitment) = follower.version(version, &started).map_err(step())?;
        versions.push(report);
        commitments.push(commitment);
    }
    let mut answers = Vec::with_capacity(chain.answers.len());
    for (number, answer) in (1..).zip(&chain.answers) {
        let version = usize::from(answer.version);
        let known = chain.versions.get(version).zip(commitments.get(version));
        // `validate` has seen that there is such a version.
        let Some((version, commitment)) = known else {
            continue;
        };
        let step = Step::Answer {
            number,
            version: version.name.clone(),
        };
        let report = follower.answer(answer, version, commitment, workers);
        answers.push(report.map_err(at(step))?);
    }
    follower.no_other_links().map_err(at(Step::Whole))?;
    let used: BTreeSet<usize> = versions
        .iter()
        .flat_map(VersionReport::initializations)
        .collect();
    if let Some(position) = (0..started.len()).find(|position| !used.contains(position)) {
        return Err(at(Step::Initialization(position))(StepError::Unused));
    }
    let initializations = started.into_iter();
    Ok(ChainReport {
        proofs: follower.proofs,
        links: follower.used,
        initializations: initializations
            .map(|of| InitializationReport {
                deviates: *of.deviates.digest(),
                init: of.init,
            })
            .collect(),
        srs_digest: srs.digest(),
        development_srs: srs.is_development(),
        versions,
        answers,
    })
}

/// An initialization that holds.
struct Started<'a> {
    of: &'a Initialization,
    init: Report,
    deviates: WeightCommitment,
}

/// What the steps share.
struct Follower<'a, F> {
    chain: &'a Chain,
    key: F,
    srs: &'a Srs,
    /// By context of the proof, and digest of the part; nothing is left of one that a step used.
    links: BTreeMap<(Digest32, Digest32), Option<&'a [u8]>>,
    used: u64,
    proofs: u64,
}

impl<'a, 'k, F: Fn(&Digest32) -> Option<&'k VerifyingKey>> Follower<'a, F> {
    fn new(chain: &'a Chain, key: F, srs: &'a Srs) -> Self {
        let links = chain.links.links.iter();
        // `validate` has seen that no two are between the same sides.
        let links = links.map(|link| ((link.proof, link.other), Some(link.bytes.as_slice())));
        Self {
            chain,
            key,
            srs,
            links: links.collect(),
            used: 0,
            proofs: 0,
        }
    }

    fn find_key(&self, digest: &Digest32) -> Result<&'k VerifyingKey, StepError> {
        let missing = StepError::MissingKey { digest: *digest };
        (self.key)(digest).ok_or(missing)
    }

    /// Takes the link between a proof and a part, and checks it by `check`. No other step gets it.
    fn link(
        &mut self,
        what: Linked,
        weights: &ProvedWeights,
        part: &Part,
        check: impl Fn(&ProvedWeights, &Part, &[u8]) -> Result<(), LinkError>,
    ) -> Result<(), StepError> {
        let link = self.links.get_mut(&(*weights.context(), *part.digest()));
        let link = link.ok_or(StepError::MissingLink { what })?;
        let link = link.take().ok_or(StepError::UsedLink { what })?;
        check(weights, part, link).map_err(|source| StepError::Link { what, source })?;
        self.used = self.used.saturating_add(1);
        Ok(())
    }

    /// A plan carried out; what it inherits, earlier plans sample.
    fn initialization(
        &mut self,
        bundle: &InitBundle,
        started: &[Started<'_>],
        workers: &impl Workers,
    ) -> Result<(Report, Vec<ProvedWeights>), StepError> {
        let (report, tiles) = verify_init_weights(bundle, &self.key, self.srs, workers)?;
        let same = |of: &Started<'_>| {
            of.init.plan_digest == report.plan_digest || of.init.model_digest == report.model_digest
        };
        if started.iter().any(same) {
            return Err(StepError::Repeated);
        }
        for &plan in &report.inherits_from {
            let mut earlier = started.iter();
            let earlier = earlier.find(|of| of.init.plan_digest == plan);
            let earlier = earlier.ok_or(StepError::MissingPlan { plan })?;
            let (own, theirs) = (&bundle.plan.model, &earlier.of.bundle.plan.model);
            own.check_inherited(&plan, theirs)
                .map_err(|source| StepError::Inherited { plan, source })?;
        }
        self.proofs = self.proofs.saturating_add(report.proofs);
        Ok((report, tiles))
    }

    /// The commitment to the deviates: one part for each tile, and each tile's proof linked to it.
    fn deviates(
        &mut self,
        of: &Initialization,
        init: &Report,
        tiles: &[ProvedWeights],
    ) -> Result<WeightCommitment, StepError> {
        let commitment = WeightCommitment::new(&of.deviates, self.srs)?;
        let expected = of.bundle.tiles.len();
        let got = commitment.parts().len();
        if got > expected {
            return Err(StepError::ExtraParts { expected, got });
        }
        for (position, tile) in of.bundle.tiles.iter().enumerate() {
            let (stream, index) = (tile.stream, tile.index);
            let part = part_of(&commitment, init, stream, index)?;
            // One for each tile, unless a key names no weights.
            let weights = tiles.get(position).ok_or(StepError::NoWeights)?;
            let what = Linked::Tile { stream, index };
            self.link(what, weights, part, ProvedWeights::verify_link)?;
        }
        Ok(commitment)
    }

    /// A version's commitment, and where its weights come from.
    fn version(
        &mut self,
        version: &Version,
        started: &[Started<'_>],
    ) -> Result<(VersionReport, WeightCommitment), StepError> {
        let commitment = WeightCommitment::new(&version.commitment, self.srs)?;
        let part = parameters(version, &commitment)?;
        let origin = match &version.origin {
            Origin::Initial(bundles) => {
                let mut relayouts: Vec<RelayoutSummary> = Vec::new();
                for bundle in bundles {
                    let last = relayouts.last().map(|of| of.initialization);
                    let relayout = self.relayout(bundle, started, last, part)?;
                    relayouts.push(relayout);
                }
                OriginReport::Initial(relayouts)
            }
            Origin::Declared { from, words } => {
                let from = self.chain.versions.get(usize::from(*from));
                OriginReport::Declared {
                    // `validate` has seen that there is such a version.
                    from: from.map(|from| from.name.clone()).unwrap_or_default(),
                    words: words.clone(),
                }
            }
        };
        let report = VersionReport {
            name: version.name.clone(),
            architecture: version.architecture()?,
            commitment: *commitment.digest(),
            vk_digest: *part.vk_digest(),
            origin,
        };
        Ok((report, commitment))
    }

    /// The deviates behind the one commitment are the weights behind the other. It stands behind that of
    /// an earlier initialization.
    fn relayout(
        &mut self,
        bundle: &RelayoutBundle,
        started: &[Started<'_>],
        last: Option<usize>,
        part: &Part,
    ) -> Result<RelayoutSummary, StepError> {
        let statement = &bundle.statement;
        let mut all = started.iter().enumerate();
        let of_model = all.find(|(_, of)| of.init.model_digest == statement.model);
        let (initialization, started) = of_model.ok_or(StepError::UnknownModel)?;
        if last.is_some_and(|last| last >= initialization) {
            return Err(StepError::RelayoutOrder);
        }
        let vk = self.find_key(&bundle.vk_digest)?;
        let (_, columns) = verify_relayout_columns(bundle, vk, self.srs)?;
        self.proofs = self.proofs.saturating_add(1);
        let RelayoutColumns { tiles, weights } = columns;
        let across = ProvedWeights::verify_link_across;
        for (tile, lanes) in statement.tiles.iter().zip(&tiles) {
            let (stream, index) = (tile.stream, tile.index);
            let part = part_of(&started.deviates, &started.init, stream, index)
                .map_err(|_| StepError::UnknownTile { stream, index })?;
            let what = Linked::Lanes { stream, index };
            self.link(what, lanes, part, across)?;
        }
        self.link(Linked::Weights, &weights, part, across)?;
        Ok(RelayoutSummary {
            initialization,
            origins: statement.origins,
            vk_digest: bundle.vk_digest,
            tiles: u64::try_from(statement.tiles.len()).unwrap_or(u64::MAX),
        })
    }

    fn answer(
        &mut self,
        answer: &Answer,
        version: &Version,
        commitment: &WeightCommitment,
        workers: &impl Workers,
    ) -> Result<AnswerReport, StepError> {
        let bundle = &answer.inference;
        let part = parameters(version, commitment)?;
        let vk = self.find_key(&bundle.vk_digest)?;
        let (inference, weights) = verify_inference_with(bundle, vk, self.srs, workers)?;
        self.proofs = self.proofs.saturating_add(1);
        let weights = weights.ok_or(StepError::NoWeights)?;
        let exact = ProvedWeights::verify_link;
        self.link(Linked::Parameters, &weights, part, exact)?;
        Ok(AnswerReport {
            version: version.name.clone(),
            inference,
        })
    }

    /// Every link of the file was checked by a step.
    fn no_other_links(&self) -> Result<(), StepError> {
        if self.links.values().all(Option::is_none) {
            return Ok(());
        }
        let got = u64::try_from(self.chain.links.links.len()).unwrap_or(u64::MAX);
        Err(StepError::ExtraLinks {
            expected: self.used,
            got,
        })
    }
}

/// The part about a tile of the initialization.
fn part_of<'c>(
    commitment: &'c WeightCommitment,
    init: &Report,
    stream: u16,
    index: u64,
) -> Result<&'c Part, StepError> {
    let subject = CommittedTo::Tile {
        plan: init.plan_digest,
        beacon: init.beacon_digest,
        stream,
        index,
    };
    let missing = StepError::MissingPart { stream, index };
    commitment.part(&subject).ok_or(missing)
}

/// The part of a version's commitment: it has one, to the parameters of its architecture.
fn parameters<'c>(
    version: &Version,
    commitment: &'c WeightCommitment,
) -> Result<&'c Part, StepError> {
    let architecture = version.architecture()?;
    let part = commitment.part(&CommittedTo::Parameters { architecture });
    part.ok_or(StepError::NoWeights)
}
