//! From files in any order to a chain that holds.

use super::material::Named;
use super::no_use;
use crate::commands::commit::links_file;
use crate::commands::compile::{GRAPH, PROFILE, origins_files};
use crate::commands::inference::read_graph;
use crate::commands::inspect::read_key;
use crate::commands::keys;
use crate::commands::prove::key_file;
use crate::failure::{Classify, Failure, Kind, Result};
use crate::files;
use crate::output::Context;
use crate::pool::Pool;
use nascent_compiler::infer::Profile;
use nascent_ir::Origins;
use nascent_verifier::chain::{
    Answer, Attached, Attachments, Chain, ChainError, Initialization, Origin, Version,
};
use nascent_verifier::codec::Format;
use nascent_verifier::link::{CommittedTo, Link};
use nascent_verifier::text::Quoted;
use nascent_verifier::{
    ChainReport, CommitmentData, InferenceBundle, InitBundle, Links, RelayoutBundle, Srs,
    VerifyingKey, WeightCommitment, verify_chain, verify_inference_weights, verify_init_weights,
    verify_relayout_columns,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A declared step: training.
#[derive(Debug, Clone)]
pub struct Declared {
    pub name: String,
    pub from: String,
    pub words: String,
}

impl FromStr for Declared {
    type Err = &'static str;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        let mut parts = text.splitn(3, ':').map(str::to_owned);
        match (parts.next(), parts.next(), parts.next()) {
            (Some(name), Some(from), Some(words)) => Ok(Self { name, from, words }),
            _ => Err("write NAME:FROM:WORDS"),
        }
    }
}

/// Digests of a commitment's parts.
type Parts = BTreeSet<[u8; 32]>;

/// What files hold, by kind.
#[derive(Debug, Default)]
pub struct Gathered {
    inits: Vec<InitBundle>,
    deviates: Vec<CommitmentData>,
    versions: Vec<(String, CommitmentData)>,
    relayouts: Vec<RelayoutBundle>,
    answers: Vec<InferenceBundle>,
    links: Vec<Link>,
    keys: BTreeMap<[u8; 32], VerifyingKey>,
    architectures: BTreeMap<[u8; 32], Vec<u8>>,
    origins: BTreeMap<[u8; 32], Vec<u8>>,
    /// By the architecture that they lead to.
    profiles: BTreeMap<[u8; 32], Vec<u8>>,
}

impl Gathered {
    /// Reads files and folders.
    pub fn read(context: &Context, paths: &[PathBuf]) -> Result<Self> {
        let mut gathered = Self::default();
        for path in paths {
            gathered.add(context, path)?;
        }
        Ok(gathered)
    }

    fn add(&mut self, context: &Context, path: &Path) -> Result<()> {
        if path.is_dir() {
            self.architecture(&path.join(GRAPH))?;
            if path.join(PROFILE).is_file() {
                self.profile(&path.join(PROFILE))?;
            }
            return origins_files(path).try_for_each(|origins| self.origins(&origins));
        }
        let start = files::start(path, 8)?;
        match files::what_is(&start).unwrap_or("file of another kind") {
            "proof bundle" => {
                let bundle: InitBundle = files::read(path)?;
                for stream in &bundle.streams {
                    self.key(context, path, &stream.vk_digest)?;
                }
                self.beside(path)?;
                self.inits.push(bundle);
                Ok(())
            }
            "weight commitment" => self.commitment(path),
            "relayout" => {
                let bundle: RelayoutBundle = files::read(path)?;
                self.key(context, path, &bundle.vk_digest)?;
                self.beside(path)?;
                self.relayouts.push(bundle);
                Ok(())
            }
            "inference" => {
                let bundle: InferenceBundle = files::read(path)?;
                self.key(context, path, &bundle.vk_digest)?;
                self.beside(path)?;
                self.answers.push(bundle);
                Ok(())
            }
            "file of links" => {
                self.links.extend(files::read::<Links>(path)?.links);
                Ok(())
            }
            "verifying key" => {
                let key = read_key(path)?;
                self.keys.insert(*key.digest(), key);
                Ok(())
            }
            "architecture" => self.architecture(path),
            "list of origins" => self.origins(path),
            "profile" => self.profile(path),
            other => Err(no_use(path, other)),
        }
    }

    /// Links beside a proof.
    fn beside(&mut self, proof: &Path) -> Result<()> {
        let path = links_file(proof);
        if path.is_file() {
            self.links.extend(files::read::<Links>(&path)?.links);
        }
        Ok(())
    }

    /// The key of a proof: beside it, or made here earlier; it may also be among the files.
    fn key(&mut self, context: &Context, proof: &Path, digest: &[u8; 32]) -> Result<()> {
        if self.keys.contains_key(digest) {
            return Ok(());
        }
        let path = key_file(proof, digest);
        let key = if path.is_file() {
            Some(read_key(&path)?)
        } else {
            keys::store(context)
                .find(digest)
                .map_err(keys::key_failure)?
        };
        if let Some(key) = key {
            self.keys.insert(*key.digest(), key);
        }
        Ok(())
    }

    fn commitment(&mut self, path: &Path) -> Result<()> {
        let data: CommitmentData = files::read(path)?;
        let of_tiles = |part: &nascent_verifier::link::PartData| {
            matches!(part.subject, CommittedTo::Tile { .. })
        };
        if data.parts.iter().all(of_tiles) {
            self.deviates.push(data);
            return Ok(());
        }
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        self.versions.push((name.into_owned(), data));
        Ok(())
    }

    fn architecture(&mut self, path: &Path) -> Result<()> {
        let graph = read_graph(path)?;
        let digest = graph.digest().or_fail(Kind::Internal)?;
        let bytes = graph.encode().or_fail(Kind::Internal)?;
        self.architectures.insert(digest, bytes);
        Ok(())
    }

    fn profile(&mut self, path: &Path) -> Result<()> {
        let profile: Profile = files::read(path)?;
        let bytes = profile.encode().or_fail(Kind::Internal)?;
        self.profiles.insert(profile.architecture, bytes);
        Ok(())
    }

    fn origins(&mut self, path: &Path) -> Result<()> {
        let origins: Origins = files::read(path)?;
        let digest = origins.digest().or_fail(Kind::Input)?;
        let bytes = origins.encode().or_fail(Kind::Internal)?;
        self.origins.insert(digest, bytes);
        Ok(())
    }

    /// Digest of the SRS of the initialization.
    pub fn srs_digest(&self) -> Result<&[u8; 32]> {
        let first = self.inits.first();
        let digest = first.map(|init| &init.srs_digest);
        digest.ok_or_else(|| missing("the proof bundle of an initialization", PROVE))
    }

    /// The plans carried out with their commitments, each behind those that it inherits from.
    fn initializations(&mut self) -> Result<Vec<Initialization>> {
        let mut ordered: Vec<Initialization> = Vec::new();
        let mut placed = BTreeSet::new();
        while !self.inits.is_empty() {
            let mut rest = self.inits.iter();
            let ready = |init: &InitBundle| init.plan.model.inherits_from().is_subset(&placed);
            let next = rest.position(ready).ok_or_else(|| {
                let message = "a plan inherits weights from one that is not among the files";
                Failure::new(Kind::Usage, message)
                    .help("give the earlier plan's proof bundle and commitment too")
            })?;
            let bundle = self.inits.remove(next);
            let plan = bundle.plan.digest().or_fail(Kind::Input)?;
            let of_plan = |data: &CommitmentData| {
                data.parts.iter().any(
                    |part| matches!(part.subject, CommittedTo::Tile { plan: of, .. } if of == plan),
                )
            };
            let found = self.deviates.iter().position(of_plan);
            let found = found.ok_or_else(|| missing("the commitment to the tiles", PROVE))?;
            let deviates = self.deviates.remove(found);
            placed.insert(plan);
            ordered.push(Initialization { bundle, deviates });
        }
        if !self.deviates.is_empty() {
            let message = "a commitment to tiles is of none of the plans";
            return Err(Failure::new(Kind::Usage, message));
        }
        Ok(ordered)
    }

    /// Puts the steps in order by their links, and verifies the whole.
    pub fn assemble(mut self, declared: &[Declared], srs: &Srs) -> Result<(Chain, ChainReport)> {
        self.srs_digest()?;
        let contexts = self.contexts(srs)?;
        let part = |data: &CommitmentData| -> Result<Parts> {
            let checked = WeightCommitment::new(data, srs).or_fail(Kind::Refused)?;
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
        let models = models.collect::<std::result::Result<Vec<_>, _>>();
        let models = models.or_fail(Kind::Input)?;
        let (linked, versions) = self.versions(declared, &contexts, &models, &part)?;
        let mut answers = Vec::new();
        for (answer, context) in self.answers.iter().zip(&contexts.answers) {
            let version = linked.iter().position(|of| self.links(context, of));
            let version = version.ok_or_else(|| {
                missing(
                    "the link of an inference to a commitment among the files",
                    "nascent prove inference .. --commitment FILE --opening FILE",
                )
            })?;
            answers.push(Answer {
                version: u16::try_from(version).or_fail(Kind::Input)?,
                inference: answer.clone(),
            });
        }
        answers.sort_by_key(|answer| answer.version);
        parts.extend(linked.into_iter().flatten());
        let used = |link: &Link| contexts.has(&link.proof) && parts.contains(&link.other);
        let mut links: Vec<Link> = self
            .links
            .iter()
            .filter(|link| used(link))
            .cloned()
            .collect();
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
        let key = |digest: &[u8; 32]| self.keys.get(digest);
        let report = verify_chain(&chain, key, srs, &Pool).map_err(refused)?;
        let attachments = self.attachments(&chain);
        Ok((
            Chain {
                attachments,
                ..chain
            },
            report,
        ))
    }

    /// Versions in order, with the digests of their parts: first the initial ones, then the declared
    /// in the order of the declarations.
    fn versions(
        &self,
        declared: &[Declared],
        contexts: &Contexts,
        models: &[[u8; 32]],
        part: &impl Fn(&CommitmentData) -> Result<Parts>,
    ) -> Result<(Vec<Parts>, Vec<Version>)> {
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
        for of in declared {
            let (data, parts) = rest.remove(&of.name).ok_or_else(|| {
                let message = format!(
                    "no commitment named {} whose origin is open",
                    Quoted(&of.name)
                );
                Failure::new(Kind::Usage, message)
            })?;
            let from = versions.iter().position(|version| version.name == of.from);
            let from = from.ok_or_else(|| {
                let message = format!(
                    "{} is no version before {}",
                    Quoted(&of.from),
                    Quoted(&of.name)
                );
                Failure::new(Kind::Usage, message)
            })?;
            versions.push(Version {
                name: of.name.clone(),
                commitment: data.clone(),
                origin: Origin::Declared {
                    from: u16::try_from(from).or_fail(Kind::Input)?,
                    words: of.words.clone(),
                },
            });
            linked.push(parts);
        }
        if let Some(name) = rest.keys().next() {
            let message = format!(
                "nothing says where the weights of {} come from",
                Quoted(name)
            );
            return Err(Failure::new(Kind::Input, message).help(
                "give the relayout that is linked to them (`nascent prove relayout --commitment`), \
                 or declare training: --trained NAME:FROM:WORDS",
            ));
        }
        Ok((linked, versions))
    }

    /// Whether there is a link from a proof to one of the parts.
    fn links(&self, context: &[u8; 32], parts: &Parts) -> bool {
        let mut links = self.links.iter();
        links.any(|link| link.proof == *context && parts.contains(&link.other))
    }

    /// Verifies all proofs, for the contexts of their links.
    fn contexts(&self, srs: &Srs) -> Result<Contexts> {
        let key = |digest: &[u8; 32]| self.keys.get(digest);
        let find = |digest: &[u8; 32]| {
            let message = format!("no verifying key {} at hand", hex::encode(digest));
            let help = "it stands beside the proof, or give its file";
            key(digest).ok_or_else(|| Failure::new(Kind::Environment, message).help(help))
        };
        let mut contexts = Contexts::default();
        for init in &self.inits {
            let (_, tiles) = verify_init_weights(init, key, srs, &Pool).or_fail(Kind::Refused)?;
            contexts
                .tiles
                .extend(tiles.iter().map(|tile| *tile.context()));
        }
        for bundle in &self.relayouts {
            let key = find(&bundle.vk_digest)?;
            let (_, columns) = verify_relayout_columns(bundle, key, srs).or_fail(Kind::Refused)?;
            contexts.relayouts.push(*columns.weights.context());
            contexts
                .tiles
                .extend(columns.tiles.iter().map(|tile| *tile.context()));
        }
        for bundle in &self.answers {
            let key = find(&bundle.vk_digest)?;
            let (_, weights) = verify_inference_weights(bundle, key, srs).or_fail(Kind::Refused)?;
            let weights = weights.ok_or_else(|| {
                Failure::new(Kind::Input, "the key of an inference names no weights")
            })?;
            contexts.answers.push(*weights.context());
        }
        Ok(contexts)
    }

    /// The keys of the chain's proofs, and what they can be derived from.
    fn attachments(&self, chain: &Chain) -> Attachments {
        let named = Named::of(chain);
        let attach = |of: &BTreeMap<[u8; 32], Vec<u8>>, wanted: &BTreeSet<&[u8; 32]>| {
            let files = wanted.iter().filter_map(|digest| of.get(*digest));
            files.map(|bytes| Attached(bytes.clone())).collect()
        };
        let keys = named
            .keys
            .iter()
            .filter_map(|digest| self.keys.get(*digest));
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
    tiles: BTreeSet<[u8; 32]>,
    relayouts: Vec<[u8; 32]>,
    answers: Vec<[u8; 32]>,
}

impl Contexts {
    fn has(&self, context: &[u8; 32]) -> bool {
        self.tiles.contains(context)
            || self.relayouts.contains(context)
            || self.answers.contains(context)
    }
}

/// What makes proofs of an initialization with the commitment that a chain needs.
const PROVE: &str = "nascent prove PLAN --commit FILE --opening FILE";

fn missing(what: &str, command: &str) -> Failure {
    Failure::new(Kind::Usage, format!("{what} is missing")).help(format!("`{command}` makes it"))
}

/// A chain that does not hold.
pub fn refused(error: ChainError) -> Failure {
    Failure::from_error(Kind::Refused, error)
}
