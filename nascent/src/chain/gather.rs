//! From proofs and commitments in any order to a chain that holds.

use super::material::Named;
use crate::answer;
use crate::error::{Failure, Kind};
use crate::initialization::Finished;
use crate::model::Compiled;
use crate::relayout::Relayout;
use crate::setting::Pool;
use nascent_compiler::infer::{Profile, ProfileError};
use nascent_ir::{CheckedGraph, GraphError, Origins, OriginsError};
use nascent_verifier::chain::{
    Answer, Attached, Attachments, Chain, ChainError, Initialization, Origin, Version, verify_chain,
};
use nascent_verifier::codec::{Format, FormatError};
use nascent_verifier::link::{CommitmentError, CommittedTo, Link, PartData};
use nascent_verifier::text::Quoted;
use nascent_verifier::{
    ChainReport, CommitmentData, Digest32, InferenceBundle, InferenceError, InitBundle, Links,
    PlanError, RelayoutBundle, RelayoutError, SpecError, Srs, VerifyError, VerifyingKey,
    WeightCommitment, verify_inference_weights, verify_init_weights, verify_relayout_columns,
};
use std::collections::{BTreeMap, BTreeSet};

/// Why the pieces make no chain.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GatherError {
    /// A piece is not there.
    #[error("{what} is missing")]
    Missing {
        /// Which.
        what: &'static str,
        /// What makes it.
        command: &'static str,
    },
    /// A plan without one that it inherits from.
    #[error("a plan inherits weights from one that is not among the files")]
    MissingPlan,
    /// A commitment to tiles of a plan that is not there.
    #[error("a commitment to tiles is of none of the plans")]
    ForeignTiles,
    /// A declaration about a commitment that is not there, or not open.
    #[error("no commitment named {} whose origin is open", Quoted(name))]
    NotOpen {
        /// The name.
        name: String,
    },
    /// A declaration that names no earlier version.
    #[error("{} is no version before {}", Quoted(from), Quoted(name))]
    NotBefore {
        /// The version that is said to be earlier.
        from: String,
        /// The version that is declared.
        name: String,
    },
    /// A commitment whose weights come from nowhere.
    #[error("nothing says where the weights of {} come from", Quoted(name))]
    Unexplained {
        /// Its name.
        name: String,
    },
    /// A proof without its key.
    #[error("no verifying key {} at hand", hex::encode(digest))]
    MissingKey {
        /// The key's digest.
        digest: Digest32,
    },
    /// An inference whose key names no weights.
    #[error("the key of an inference names no weights")]
    NoWeights,
    /// More versions than a chain has.
    #[error("a chain has no more than {} versions", u16::MAX)]
    TooManyVersions,
    /// A proof of tiles.
    #[error(transparent)]
    Init(#[from] VerifyError),
    /// A relayout.
    #[error(transparent)]
    Relayout(#[from] RelayoutError),
    /// An inference.
    #[error(transparent)]
    Inference(#[from] InferenceError),
    /// A commitment.
    #[error(transparent)]
    Commitment(#[from] FormatError<CommitmentError>),
    /// A plan without a canonical form.
    #[error(transparent)]
    Plan(#[from] FormatError<PlanError>),
    /// A model without a canonical form.
    #[error(transparent)]
    Model(#[from] FormatError<SpecError>),
    /// An architecture without a canonical form.
    #[error(transparent)]
    Graph(#[from] FormatError<GraphError>),
    /// A profile without a canonical form.
    #[error(transparent)]
    Profile(#[from] FormatError<ProfileError>),
    /// A list of origins without a canonical form.
    #[error(transparent)]
    Origins(#[from] FormatError<OriginsError>),
    /// What was made does not hold.
    #[error(transparent)]
    Chain(#[from] ChainError),
}

impl Failure for GatherError {
    fn kind(&self) -> Kind {
        match self {
            Self::Missing { .. }
            | Self::MissingPlan
            | Self::ForeignTiles
            | Self::NotOpen { .. }
            | Self::NotBefore { .. } => Kind::Usage,
            Self::MissingKey { .. } => Kind::Environment,
            Self::Unexplained { .. }
            | Self::NoWeights
            | Self::TooManyVersions
            | Self::Plan(_)
            | Self::Graph(_)
            | Self::Profile(_)
            | Self::Origins(_)
            | Self::Model(_) => Kind::Input,
            Self::Init(_)
            | Self::Relayout(_)
            | Self::Inference(_)
            | Self::Commitment(_)
            | Self::Chain(_) => Kind::Refused,
        }
    }

    fn help(&self) -> Option<String> {
        Some(match self {
            Self::Missing { command, .. } => format!("`{command}` makes it"),
            Self::MissingPlan => {
                "give the earlier plan's proof bundle and commitment too".to_owned()
            }
            Self::Unexplained { .. } => "give the relayout that is linked to them (`nascent prove \
                                         relayout --commitment`), or declare training: --trained \
                                         NAME:FROM:WORDS"
                .to_owned(),
            Self::MissingKey { .. } => "it stands beside the proof, or give its file".to_owned(),
            _ => return None,
        })
    }
}

/// A declared step: training.
#[derive(Debug, Clone)]
pub struct Declared {
    /// The version that came of it.
    pub name: String,
    /// The version that it began with.
    pub from: String,
    /// What the publisher says of it.
    pub words: String,
}

/// Pieces of a chain, in any order.
#[derive(Debug, Default)]
pub struct Pieces {
    /// Plans carried out.
    pub inits: Vec<InitBundle>,
    /// Weights in two layouts.
    pub relayouts: Vec<RelayoutBundle>,
    /// Answers.
    pub answers: Vec<InferenceBundle>,
    /// Links of proofs to commitments.
    pub links: Vec<Link>,
    /// Keys of the proofs.
    pub keys: BTreeMap<Digest32, VerifyingKey>,
    /// Architectures, as their files stand.
    pub architectures: BTreeMap<Digest32, Vec<u8>>,
    /// Lists of origins, as their files stand.
    pub origins: BTreeMap<Digest32, Vec<u8>>,
    /// Profiles, as their files stand, by the architecture that they lead to.
    pub profiles: BTreeMap<Digest32, Vec<u8>>,
    deviates: Vec<CommitmentData>,
    versions: Vec<(String, CommitmentData)>,
}

/// Digests of a commitment's parts.
type Parts = BTreeSet<Digest32>;

/// What makes proofs of an initialization with the commitment that a chain needs.
const PROVE: &str = "nascent prove PLAN --commit FILE --opening FILE";

impl Pieces {
    /// A commitment: to tiles, or to the weights of a version with this name.
    pub fn commitment(&mut self, name: String, data: CommitmentData) {
        let of_tiles = |part: &PartData| matches!(part.subject, CommittedTo::Tile { .. });
        if data.parts.iter().all(of_tiles) {
            self.deviates.push(data);
        } else {
            self.versions.push((name, data));
        }
    }

    /// An initialization, with keys, and with its commitment and links if it has them.
    pub fn initialization(&mut self, made: Finished) {
        made.keys.into_iter().for_each(|key| self.key(key));
        self.inits.push(made.bundle);
        if let Some((data, links)) = made.committed {
            self.links.extend(links.links);
            self.commitment("tiles".to_owned(), data);
        }
    }

    /// A relayout, with its key and links.
    pub fn relayout(&mut self, made: Relayout) {
        self.key(made.key);
        self.relayouts.push(made.bundle);
        self.links
            .extend(made.links.into_iter().flat_map(|of| of.links));
    }

    /// An answer, with its key and link.
    pub fn answer(&mut self, made: answer::Answer) {
        self.key(made.key);
        self.answers.push(made.bundle);
        self.links.extend(made.link);
    }

    /// The key of a proof.
    pub fn key(&mut self, key: VerifyingKey) {
        self.keys.insert(*key.digest(), key);
    }

    /// An architecture that proofs are of: keys are derived from it.
    ///
    /// # Errors
    /// It has no canonical form.
    pub fn architecture(&mut self, graph: &CheckedGraph) -> Result<(), GatherError> {
        self.architectures.insert(graph.digest()?, graph.encode()?);
        Ok(())
    }

    /// What samples and weights decided, so that the architecture can be made again.
    ///
    /// # Errors
    /// It has no canonical form.
    pub fn profile(&mut self, profile: &Profile) -> Result<(), GatherError> {
        self.profiles
            .insert(profile.architecture, profile.encode()?);
        Ok(())
    }

    /// Which weight is which deviate.
    ///
    /// # Errors
    /// It has no canonical form.
    pub fn origins(&mut self, origins: &Origins) -> Result<(), GatherError> {
        self.origins.insert(origins.digest()?, origins.encode()?);
        Ok(())
    }

    /// All of that of a compiled model.
    ///
    /// # Errors
    /// It has no canonical form.
    pub fn model(&mut self, compiled: &Compiled) -> Result<(), GatherError> {
        self.architecture(&compiled.model.graph)?;
        self.profile(&compiled.profile)?;
        compiled.origins.iter().try_for_each(|of| self.origins(of))
    }

    /// Digest of the SRS of the initialization.
    ///
    /// # Errors
    /// There is none.
    pub fn srs_digest(&self) -> Result<&Digest32, GatherError> {
        let first = self.inits.first();
        first
            .map(|init| &init.srs_digest)
            .ok_or(GatherError::Missing {
                what: "the proof bundle of an initialization",
                command: PROVE,
            })
    }

    /// Puts the steps in order by their links, and verifies the whole.
    ///
    /// # Errors
    /// A piece is missing, or does not hold.
    pub fn assemble(
        mut self,
        declared: &[Declared],
        srs: &Srs,
    ) -> Result<(Chain, ChainReport), GatherError> {
        self.srs_digest()?;
        let contexts = self.contexts(srs)?;
        let part = |data: &CommitmentData| -> Result<Parts, GatherError> {
            let checked = WeightCommitment::new(data, srs)?;
            Ok(checked.parts().iter().map(|part| *part.digest()).collect())
        };
        let initializations = self.initializations()?;
        let mut parts = Parts::new();
        for of in &initializations {
            parts.extend(part(&of.deviates)?);
        }
        let models = initializations
            .iter()
            .map(|of| of.bundle.plan.model.digest());
        let models = models.collect::<Result<Vec<_>, _>>()?;
        let (linked, versions) = self.versions(declared, &contexts, &models, &part)?;
        let mut answers = Vec::new();
        for (answer, context) in self.answers.iter().zip(&contexts.answers) {
            let version = linked.iter().position(|of| self.links(context, of));
            let version = version.ok_or(GatherError::Missing {
                what: "the link of an inference to a commitment among the files",
                command: "nascent prove inference .. --commitment FILE --opening FILE",
            })?;
            answers.push(Answer {
                version: u16::try_from(version).map_err(|_| GatherError::TooManyVersions)?,
                inference: answer.clone(),
            });
        }
        answers.sort_by_key(|answer| answer.version);
        parts.extend(linked.into_iter().flatten());
        let used = |link: &&Link| contexts.has(&link.proof) && parts.contains(&link.other);
        let mut links: Vec<Link> = self.links.iter().filter(used).cloned().collect();
        links.sort_by_key(|link| (link.proof, link.other));
        // Of several links between the same sides one is enough.
        links.dedup_by_key(|link| (link.proof, link.other));
        let chain = Chain {
            initializations,
            versions,
            answers,
            links: Links { links },
            attachments: Attachments::default(),
        };
        let report = verify_chain(&chain, |digest| self.keys.get(digest), srs, &Pool)?;
        let attachments = self.attachments(&chain);
        Ok((
            Chain {
                attachments,
                ..chain
            },
            report,
        ))
    }

    /// The plans carried out with their commitments, each behind those that it inherits from.
    fn initializations(&mut self) -> Result<Vec<Initialization>, GatherError> {
        let mut ordered: Vec<Initialization> = Vec::new();
        let mut placed = BTreeSet::new();
        while !self.inits.is_empty() {
            let mut rest = self.inits.iter();
            let ready = |init: &InitBundle| init.plan.model.inherits_from().is_subset(&placed);
            let next = rest.position(ready).ok_or(GatherError::MissingPlan)?;
            let bundle = self.inits.remove(next);
            let plan = bundle.plan.digest()?;
            let of_plan = |data: &CommitmentData| {
                data.parts.iter().any(
                    |part| matches!(part.subject, CommittedTo::Tile { plan: of, .. } if of == plan),
                )
            };
            let found = self.deviates.iter().position(of_plan);
            let found = found.ok_or(GatherError::Missing {
                what: "the commitment to the tiles",
                command: PROVE,
            })?;
            let deviates = self.deviates.remove(found);
            placed.insert(plan);
            ordered.push(Initialization { bundle, deviates });
        }
        if !self.deviates.is_empty() {
            return Err(GatherError::ForeignTiles);
        }
        Ok(ordered)
    }

    /// Versions in order, with the digests of their parts: first the initial ones, then the declared
    /// in the order of the declarations.
    fn versions(
        &self,
        declared: &[Declared],
        contexts: &Contexts,
        models: &[Digest32],
        part: &impl Fn(&CommitmentData) -> Result<Parts, GatherError>,
    ) -> Result<(Vec<Parts>, Vec<Version>), GatherError> {
        let mut linked = Vec::new();
        let mut versions: Vec<Version> = Vec::new();
        let mut rest = BTreeMap::new();
        for (name, data) in &self.versions {
            let parts = part(data)?;
            let relayouts = self.relayouts.iter().zip(&contexts.relayouts);
            let own = relayouts.filter(|(_, context)| self.links(context, &parts));
            let mut own: Vec<RelayoutBundle> = own.map(|(of, _)| of.clone()).collect();
            if own.is_empty() {
                rest.insert(name, (data, parts));
                continue;
            }
            // In the order of the plans; one of another plan is the verifier's to refuse.
            own.sort_by_key(|of| models.iter().position(|model| *model == of.statement.model));
            versions.push(Version {
                name: name.clone(),
                commitment: data.clone(),
                origin: Origin::Initial(own),
            });
            linked.push(parts);
        }
        for Declared { name, from, words } in declared {
            let not_open = || GatherError::NotOpen { name: name.clone() };
            let (data, parts) = rest.remove(name).ok_or_else(not_open)?;
            let earlier = versions.iter().position(|version| version.name == *from);
            let earlier = earlier.ok_or_else(|| GatherError::NotBefore {
                from: from.clone(),
                name: name.clone(),
            })?;
            versions.push(Version {
                name: name.clone(),
                commitment: data.clone(),
                origin: Origin::Declared {
                    from: u16::try_from(earlier).map_err(|_| GatherError::TooManyVersions)?,
                    words: words.clone(),
                },
            });
            linked.push(parts);
        }
        match rest.keys().next() {
            Some(&name) => Err(GatherError::Unexplained { name: name.clone() }),
            None => Ok((linked, versions)),
        }
    }

    /// Whether there is a link from a proof to one of the parts.
    fn links(&self, context: &Digest32, parts: &Parts) -> bool {
        let mut links = self.links.iter();
        links.any(|link| link.proof == *context && parts.contains(&link.other))
    }

    /// Verifies all proofs, for the contexts of their links.
    fn contexts(&self, srs: &Srs) -> Result<Contexts, GatherError> {
        let key = |digest: &Digest32| self.keys.get(digest);
        let find = |digest: &Digest32| {
            let digest = *digest;
            key(&digest).ok_or(GatherError::MissingKey { digest })
        };
        let mut contexts = Contexts::default();
        for init in &self.inits {
            let (_, tiles) = verify_init_weights(init, key, srs, &Pool)?;
            let own = tiles.iter().map(|tile| *tile.context());
            contexts.tiles.extend(own);
        }
        for bundle in &self.relayouts {
            let key = find(&bundle.vk_digest)?;
            let (_, columns) = verify_relayout_columns(bundle, key, srs)?;
            contexts.relayouts.push(*columns.weights.context());
            let lanes = columns.tiles.iter().map(|tile| *tile.context());
            contexts.tiles.extend(lanes);
        }
        for bundle in &self.answers {
            let key = find(&bundle.vk_digest)?;
            let (_, weights) = verify_inference_weights(bundle, key, srs)?;
            let weights = weights.ok_or(GatherError::NoWeights)?;
            contexts.answers.push(*weights.context());
        }
        Ok(contexts)
    }

    /// The keys of the chain's proofs, and what they can be derived from.
    fn attachments(&self, chain: &Chain) -> Attachments {
        let named = Named::of(chain);
        let attach = |of: &BTreeMap<Digest32, Vec<u8>>, wanted: &BTreeSet<&Digest32>| {
            let files = wanted.iter().filter_map(|digest| of.get(*digest));
            files.map(|bytes| Attached(bytes.clone())).collect()
        };
        let keys = named.keys.iter();
        let keys = keys.filter_map(|digest| self.keys.get(*digest));
        Attachments {
            keys: keys.map(|key| key.data().clone()).collect(),
            architectures: attach(&self.architectures, &named.architectures),
            origins: attach(&self.origins, &named.origins),
            profiles: attach(&self.profiles, &named.architectures),
        }
    }
}

/// Identities of the proofs' columns.
#[derive(Debug, Default)]
struct Contexts {
    /// Of tiles, and of relayouts' lanes.
    tiles: BTreeSet<Digest32>,
    relayouts: Vec<Digest32>,
    answers: Vec<Digest32>,
}

impl Contexts {
    fn has(&self, context: &Digest32) -> bool {
        self.tiles.contains(context)
            || self.relayouts.contains(context)
            || self.answers.contains(context)
    }
}
