//! A chain in words: what each step shows, and what it leaves open.

use super::keys::KeyUse;
use super::material::Material;
use crate::answer::PARAMETER_RANGES;
use crate::error::{Failure, Kind};
use crate::evidence::{self, Checked};
use crate::fills;
use crate::given::Compared;
use crate::model::Structure;
use crate::words::{count, many};
use nascent_compiler::infer::ProfileError;
use nascent_ir::origins::{Coverage, List, coverage};
use nascent_ir::{OriginsError, TensorId};
use nascent_verifier::chain::{AnswerReport, OriginReport, RelayoutSummary, VersionReport};
use nascent_verifier::codec::FormatError;
use nascent_verifier::text::Quoted;
use nascent_verifier::{
    Chain, ChainReport, InitBundle, NotProved, PlanError, Report, Seed, SpecError,
};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Why nothing is told of a chain.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TellError {
    /// A list of origins does not cover a version's weights.
    #[error("weights {}", Quoted(version))]
    Coverage {
        /// Its name.
        version: String,
        /// Why not.
        source: OriginsError,
    },
    /// A plan without a canonical form.
    #[error(transparent)]
    Plan(#[from] FormatError<PlanError>),
    /// A model without a canonical form.
    #[error(transparent)]
    Model(#[from] FormatError<SpecError>),
    /// A profile without a canonical form.
    #[error(transparent)]
    Profile(#[from] FormatError<ProfileError>),
}

impl Failure for TellError {
    fn kind(&self) -> Kind {
        Kind::Refused
    }
}

/// What a step is, for its colour in the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Nature {
    /// Fixed before the beacon's value.
    Fixed,
    /// Nobody's choice.
    Public,
    /// Shown by proofs.
    Proved,
    /// Shown in part.
    Partly,
    /// Said by the publisher, shown by nothing.
    Declared,
}

/// One step.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    /// What it is.
    pub nature: Nature,
    /// A word or two.
    #[serde(rename = "step")]
    pub name: String,
    /// A line.
    pub title: String,
    /// What there is to know, by name.
    #[serde(serialize_with = "by_name")]
    pub facts: Vec<(&'static str, String)>,
    /// What was shown.
    #[serde(rename = "shows")]
    pub shown: Vec<String>,
    /// What stays open.
    #[serde(rename = "leaves_open")]
    pub open: Vec<String>,
}

/// Facts as one object; several of one name are a list.
fn by_name<S: serde::Serializer>(
    facts: &[(&'static str, String)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    #[serde(untagged)]
    enum Fact<'a> {
        One(&'a str),
        Several(Vec<&'a str>),
    }
    let mut named: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, text) in facts {
        named.entry(name).or_default().push(text);
    }
    let named = named.into_iter().map(|(name, texts)| match texts[..] {
        [one] => (name, Fact::One(one)),
        _ => (name, Fact::Several(texts)),
    });
    serializer.collect_map(named)
}

/// A whole chain.
#[derive(Debug, Clone, Serialize)]
pub struct Story {
    /// Its steps.
    pub steps: Vec<Step>,
    /// What no step shows.
    #[serde(rename = "leaves_open")]
    pub open: Vec<String>,
    /// What is shown of each version.
    #[serde(skip)]
    pub whole: Vec<Wholeness>,
}

/// What is shown of a version whose weights a plan derives.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wholeness {
    /// Its numbers are counted, and the publisher chose none, nor their cells.
    pub counted: bool,
    /// That, its structure, and that the keys are the circuits': it has the initial weights.
    pub all: bool,
}

/// What was found beside the chain's own proofs.
#[derive(Debug, Default)]
pub struct View<'a> {
    /// About the last plan.
    pub compared: Compared,
    /// None where nobody asked whose they are.
    pub keys: &'a [KeyUse],
    /// Beacon values, by plan.
    pub values: &'a [Vec<Checked<'a>>],
    /// What is known of the versions' integer graphs, in their order.
    pub structures: &'a [Structure],
}

impl View<'_> {
    /// Whether every verifying key is known to be its circuit's.
    fn knows_keys(&self) -> bool {
        !self.keys.is_empty() && self.keys.iter().all(|key| key.origin.is_known())
    }
}

/// Tells a chain that was verified.
pub fn tell(
    chain: &Chain,
    material: &Material,
    report: &ChainReport,
    view: &View<'_>,
) -> Result<Story, TellError> {
    let mut steps = Vec::new();
    let last = chain.initializations.len();
    let started = chain.initializations.iter().zip(&report.initializations);
    for (number, (of, report)) in (1..).zip(started) {
        let start = Start {
            number: (last > 1).then_some(number),
            bundle: &of.bundle,
            report: &report.init,
            compared: if number == last {
                view.compared
            } else {
                Compared::default()
            },
            knows_keys: view.knows_keys(),
        };
        let values = view.values.get(number.saturating_sub(1));
        steps.push(start.plan());
        steps.push(start.beacon(values.map_or(&[], Vec::as_slice)));
        steps.push(start.initialization());
        steps.push(start.deviates(&report.deviates));
    }
    let unknown = Structure::Open("nobody looked".to_owned());
    let mut whole = Vec::with_capacity(report.versions.len());
    for (position, version) in report.versions.iter().enumerate() {
        let structure = view.structures.get(position).unwrap_or(&unknown);
        let of = Weights {
            chain,
            material,
            version,
            structure,
            knows_keys: view.knows_keys(),
        };
        let (step, shown) = of.tell()?;
        whole.push(shown);
        steps.push(step);
        let name = &version.name;
        let answers = (1_usize..).zip(&report.answers);
        let own = answers.filter(|(_, answer)| answer.version == *name);
        for (number, answer) in own {
            let bundle = chain.answers.get(number.saturating_sub(1));
            let values = bundle.map_or([&[][..]; 2], |answer| {
                [&answer.inference.inputs, &answer.inference.outputs]
            });
            steps.push(self::answer(number, answer, values, report, &of));
        }
    }
    let mut open = vec![if report.development_srs {
        NotProved::DevelopmentSrs.to_string()
    } else {
        NotProved::SrsCeremony.to_string()
    }];
    for key in view.keys.iter().filter(|key| !key.origin.is_known()) {
        let digest = hex::encode(key.digest);
        open.push(format!(
            "that the key of the {} ({}..) is their circuit's: {}",
            key.what,
            &digest[..16],
            key.origin.words()
        ));
    }
    if view.keys.is_empty() {
        open.push(
            "that the verifying keys are their circuits': `nascent verify` asks that".to_owned(),
        );
    }
    if report.answers.is_empty() {
        open.push("any answer: the chain has none".to_owned());
    }
    open.push("anything about training, data, or how good the answers are".to_owned());
    Ok(Story { steps, open, whole })
}

/// A plan carried out.
struct Start<'a> {
    /// Its number, if there are several.
    number: Option<usize>,
    bundle: &'a InitBundle,
    report: &'a Report,
    compared: Compared,
    knows_keys: bool,
}

impl Start<'_> {
    /// A step's name, with the number of the plan.
    fn named(&self, name: &str) -> String {
        match self.number {
            Some(number) => format!("{name} {number}"),
            None => name.to_owned(),
        }
    }

    fn plan(&self) -> Step {
        let (init, compared) = (self.report, &self.compared);
        let seed = match init.seed {
            Seed::Hidden { publisher_key } => format!("hidden, of {}", hex::encode(publisher_key)),
            Seed::Public => "public: anyone can derive the weights".to_owned(),
        };
        let mut facts = vec![
            ("plan", hex::encode(init.plan_digest)),
            ("model", hex::encode(init.model_digest)),
            ("seed", seed),
            ("beacon", self.bundle.plan.beacon.to_string()),
            (
                "values",
                fills::counts(&self.bundle.plan.model.fill_counts()),
            ),
        ];
        let mut shown =
            vec!["model, rules, seed's owner and beacon are what this digest fixes".to_owned()];
        let mut open = vec![NotProved::PlanTime.to_string()];
        for plan in &init.inherits_from {
            facts.push(("inherits from", hex::encode(plan)));
        }
        if init.inherited_weights > 0 {
            shown.push(format!(
                "{} of its weights are those of an earlier plan, which samples them in the same shape",
                count(init.inherited_weights)
            ));
            open.push(
                "that the choice of what to keep of the earlier plan was made without a look at its weights"
                    .to_owned(),
            );
        }
        if init.kept_values > 0 {
            open.push(NotProved::Kept.to_string());
        }
        if compared.plan {
            shown.push("the plan is the one you gave".to_owned());
        }
        if compared.model {
            shown.push("the model digest is that of the model and rules you gave".to_owned());
        } else {
            open.push(NotProved::ModelFile.to_string());
        }
        Step {
            nature: Nature::Fixed,
            name: self.named("plan"),
            title: format!("{} for {}", self.named("PLAN"), Quoted(&init.model)),
            facts,
            shown,
            open,
        }
    }

    fn beacon(&self, values: &[Checked<'_>]) -> Step {
        let mut facts = Vec::new();
        let (mut shown, mut open) = (Vec::new(), Vec::new());
        for value in values {
            facts.push(("source", value.value.source.to_string()));
            facts.push(("value", hex::encode(&value.value.value)));
            shown.push(value.shown());
            facts.push(("so it is", value.verdict()));
            open.extend(
                value
                    .leaves_open(Some(&self.bundle.plan))
                    .iter()
                    .map(|open| (*open).to_owned()),
            );
        }
        if values.is_empty() {
            let sources = self.bundle.beacon.values().iter();
            facts.extend(sources.map(|value| ("source", value.source.to_string())));
        }
        facts.push(("digest", hex::encode(self.report.beacon_digest)));
        if self.compared.beacon_value {
            shown.push("the value is the one you gave".to_owned());
        } else if self.bundle.beacon.values().is_empty() {
            open.push(NotProved::BeaconOrigin.to_string());
        }
        Step {
            // Evidence that its publisher could have made shows no more than words.
            nature: if self.compared.beacon_value || evidence::establish(values) {
                Nature::Public
            } else {
                Nature::Declared
            },
            name: self.named("beacon"),
            title: self.named("BEACON"),
            facts,
            shown,
            open,
        }
    }

    fn initialization(&self) -> Step {
        let init = self.report;
        let (nature, open) = proved_by(self.knows_keys);
        Step {
            nature,
            name: self.named("initial weights"),
            title: format!(
                "{}: {} numbers, {}",
                self.named("INITIAL WEIGHTS"),
                count(init.sampled_weights),
                many(init.proofs, "proof")
            ),
            facts: vec![("weights", count(init.sampled_weights))],
            shown: init.proved.iter().map(ToString::to_string).collect(),
            open,
        }
    }

    fn deviates(&self, commitment: &[u8; 32]) -> Step {
        let (nature, open) = proved_by(self.knows_keys);
        Step {
            nature,
            name: self.named("commitment"),
            title: format!("{} to them", self.named("COMMITMENT")),
            facts: vec![("commitment", hex::encode(commitment))],
            shown: vec![format!(
                "what is committed is what the initial weights' proofs are about, row by row: {}",
                many(self.report.proofs, "link")
            )],
            open,
        }
    }
}

/// The weights of a version.
struct Weights<'a> {
    chain: &'a Chain,
    material: &'a Material,
    version: &'a VersionReport,
    structure: &'a Structure,
    knows_keys: bool,
}

impl Weights<'_> {
    fn tell(&self) -> Result<(Step, Wholeness), TellError> {
        let version = self.version;
        let mut facts = vec![
            ("architecture", hex::encode(version.architecture)),
            ("commitment", hex::encode(version.commitment)),
        ];
        if let Some(profile) = self.material.profiles.get(&version.architecture) {
            let digest = profile.digest()?;
            facts.push(("profile", hex::encode(digest)));
        }
        match &version.origin {
            OriginReport::Initial(relayouts) => self.initial(relayouts, facts),
            OriginReport::Declared { from, words } => {
                Ok((self.declared(from, words, facts), Wholeness::default()))
            }
        }
    }

    /// Words about the integer graph.
    ///
    /// `held` says whether a relayout holds the numbers that are no weights.
    fn graph(&self, held: bool, shown: &mut Vec<String>, open: &mut Vec<String>) {
        match self.structure {
            Structure::Shown { lowering, profile } => {
                let names: BTreeSet<&String> = lowering.stored.values().flatten().collect();
                let elements = |id: &TensorId| lowering.graph.tensor(*id).elements() as u64;
                let weights: u64 = lowering.stored.keys().map(elements).sum();
                shown.push(format!(
                    "the integer graph is the model that you gave, in fixed point ({profile}): lowered \
                     again from its file, without samples or weights"
                ));
                let others = count(self.structure.other_numbers());
                let names = many(names.len() as u64, "stored tensor");
                shown.push(format!(
                    "{} of the graph's numbers stand for the weights of the model's {names}",
                    count(weights),
                ));
                if held {
                    shown.push(format!(
                        "the other {others} follow from model, plan and profile, and those that are \
                         public are these"
                    ));
                } else {
                    open.extend(self.structure.open_numbers());
                }
                open.push(
                    "that the profile's steps suit the model: they are the publisher's choice, and a \
                     layer can round to nothing, saturate or stop normalizing by them (`nascent inspect` \
                     prints them)"
                        .to_owned(),
                );
            }
            Structure::OtherPlan => open.push(
                "that the integer graph is its plan's model: the model that you gave is the last plan's"
                    .to_owned(),
            ),
            Structure::Open(why) => open.push(format!(
                "that the integer graph is the plan's model, so what its numbers are used for ({why})"
            )),
        }
    }

    fn initial(
        &self,
        relayouts: &[RelayoutSummary],
        mut facts: Vec<(&'static str, String)>,
    ) -> Result<(Step, Wholeness), TellError> {
        let (name, several) = (&self.version.name, self.chain.initializations.len() > 1);
        let (mut shown, mut open) = (Vec::new(), Vec::new());
        for relayout in relayouts {
            facts.push(("origins", hex::encode(relayout.origins)));
        }
        let covered = self.coverage(relayouts)?;
        for (position, relayout) in relayouts.iter().enumerate() {
            let links = many(relayout.tiles.saturating_add(1), "link");
            let integers = if several {
                let number = relayout.initialization.saturating_add(1);
                format!("the integers of initial weights {number}")
            } else {
                "the initial weights' integers".to_owned()
            };
            match &covered {
                Some(of) => shown.push(format!(
                    "{} of its {} numbers are {integers}, one by one: a proof, {links}",
                    count(of.by_relayout.get(position).copied().unwrap_or(0)),
                    count(of.all())
                )),
                None => shown.push(format!(
                    "numbers of the commitment are {integers}, by a list that is not here: a proof, {links}"
                )),
            }
        }
        match &covered {
            Some(of) => self.counted(of, &mut shown, &mut open),
            None => open.push(
                "which numbers these are, and how many others there are: architecture or list of \
                 origins is not in the chain"
                    .to_owned(),
            ),
        }
        self.graph(true, &mut shown, &mut open);
        let graphs = &self.material.graphs;
        let cells = !has_hidden_answers(self.chain, self.version)
            || graphs.contains_key(&self.version.architecture);
        if !cells {
            open.push(
                "that the circuit of hidden values has the weights in the relayout's cells: the \
                 architecture is not attached"
                    .to_owned(),
            );
        }
        if !self.knows_keys {
            open.push(
                "where in the commitment each number stands: the verifying keys are not known to be \
                 the circuits'"
                    .to_owned(),
            );
        }
        let chosen = covered.as_ref().map(|of| of.coverage.chosen);
        let counted = cells && chosen == Some(0);
        let whole = self.structure.is_shown() && self.knows_keys && counted;
        let shown_of = Wholeness {
            counted,
            all: whole,
        };
        let step = Step {
            nature: if whole {
                Nature::Proved
            } else {
                Nature::Partly
            },
            name: format!("model {}", Quoted(name)),
            title: if whole {
                format!("MODEL {} has the initial weights", Quoted(name))
            } else {
                format!(
                    "MODEL {}: linked to the initial weights, NOT SHOWN to be the plan's model",
                    Quoted(name)
                )
            },
            facts,
            shown,
            open,
        };
        Ok((step, shown_of))
    }

    fn declared(&self, from: &str, words: &str, mut facts: Vec<(&'static str, String)>) -> Step {
        let name = &self.version.name;
        let (mut shown, mut open) = (Vec::new(), Vec::new());
        // A fact, not a sentence: no line of the picture is broken at the publisher's spaces.
        facts.push(("declared", Quoted(words).to_string()));
        open.push(
            "where its weights come from: that is declared, and proved by nothing".to_owned(),
        );
        self.graph(false, &mut shown, &mut open);
        Step {
            nature: Nature::Declared,
            name: format!("model {}", Quoted(name)),
            title: format!(
                "MODEL {} is DECLARED to follow from {}",
                Quoted(name),
                Quoted(from)
            ),
            facts,
            shown,
            open,
        }
    }
}

/// Whether an answer of a version hides its input or output: it is then of another circuit than the
/// one whose cells the relayout is about.
fn has_hidden_answers(chain: &Chain, version: &VersionReport) -> bool {
    chain.answers.iter().any(|answer| {
        let of = chain.versions.get(usize::from(answer.version));
        let bundle = &answer.inference;
        of.is_some_and(|of| of.name == version.name)
            && (bundle.hidden_inputs.is_some() || bundle.hidden_outputs.is_some())
    })
}

/// What a version's numbers are.
struct Counts {
    coverage: Coverage,
    /// Deviates, by relayout.
    by_relayout: Vec<u64>,
}

impl Counts {
    fn all(&self) -> u64 {
        let of = &self.coverage;
        of.derived
            .saturating_add(of.public)
            .saturating_add(of.chosen)
    }
}

impl Weights<'_> {
    /// What the numbers are; nothing if the files are not there.
    fn coverage(&self, relayouts: &[RelayoutSummary]) -> Result<Option<Counts>, TellError> {
        let lowering = self.structure.lowering();
        let attached = self.material.graphs.get(&self.version.architecture);
        let Some(graph) = attached.or(lowering.map(|lowering| &lowering.graph)) else {
            return Ok(None);
        };
        let mut lists = Vec::with_capacity(relayouts.len());
        for (position, relayout) in relayouts.iter().enumerate() {
            let Some(of) = self.chain.initializations.get(relayout.initialization) else {
                return Ok(None);
            };
            let plan = &of.bundle.plan;
            let model = plan.model.digest()?;
            let lowered = lowering.and_then(|lowering| {
                let mut lists = lowering.origins.iter();
                lists.find(|origins| origins.model == model)
            });
            let Some(origins) = self.material.origins.get(&relayout.origins).or(lowered) else {
                return Ok(None);
            };
            let list = List {
                plan: plan.digest()?,
                model: &plan.model,
                origins,
            };
            lists.push((relayout.initialization, position, list));
        }
        // The version's own plan is the last: it inherits from the others.
        lists.sort_by_key(|(initialization, ..)| std::cmp::Reverse(*initialization));
        let ordered: Vec<List<'_>> = lists.iter().map(|(.., list)| *list).collect();
        let coverage = coverage(&ordered, graph);
        let coverage = coverage.map_err(|source| TellError::Coverage {
            version: self.version.name.clone(),
            source,
        })?;
        let mut by_relayout = vec![0; relayouts.len()];
        for ((_, position, _), own) in lists.iter().zip(&coverage.by_list) {
            if let Some(slot) = by_relayout.get_mut(*position) {
                *slot = *own;
            }
        }
        Ok(Some(Counts {
            coverage,
            by_relayout,
        }))
    }

    /// Says what the numbers are.
    fn counted(&self, of: &Counts, shown: &mut Vec<String>, open: &mut Vec<String>) {
        let of = &of.coverage;
        shown.push(format!(
            "every element of the {} that the plan samples or inherits is among them",
            many(of.tensors as u64, "tensor")
        ));
        shown.push(format!(
            "{} are public, and held to the list of origins: biases, multipliers, tables, constants",
            count(of.public)
        ));
        let repeated = of.repeated > 0;
        if repeated {
            let text = format!(
                "{} of them stand in more than one place",
                count(of.repeated)
            );
            if self.structure.is_shown() {
                shown.push(format!("{text}, as in the model"));
            } else {
                open.push(format!("that the model uses them twice: {text}"));
            }
        }
        if of.chosen > 0 {
            open.push(format!(
                "what the other {} are, in {}: CHOSEN BY THE PUBLISHER",
                count(of.chosen),
                match of.chosen_params.len() {
                    1 => "one matrix".to_owned(),
                    matrices => format!("{} matrices", count(matrices as u64)),
                }
            ));
        }
        let constants = of.constants.saturating_add(of.other_constants);
        if constants > 0 && !self.structure.is_shown() {
            open.push(format!(
                "that {} constants of the integer graph are the model's ({} of them enter products)",
                count(constants),
                count(of.constants)
            ));
        }
    }
}

fn answer(
    number: usize,
    answer: &AnswerReport,
    values: [&[i64]; 2],
    report: &ChainReport,
    of: &Weights<'_>,
) -> Step {
    let inference = &answer.inference;
    let mut facts = Vec::new();
    let [inputs, outputs] = values;
    for (name, open, hidden) in [
        ("inputs", inputs, &inference.hidden_inputs),
        ("outputs", outputs, &inference.hidden_outputs),
    ] {
        facts.push((
            name,
            match hidden {
                Some(hidden) => format!(
                    "{} hidden, digest {}",
                    count(hidden.count.into()),
                    hex::encode(hidden.digest)
                ),
                None => {
                    let first = open.iter().take(SHOWN).map(i64::to_string);
                    let first: Vec<String> = first.collect();
                    let more = if open.len() > SHOWN { " .." } else { "" };
                    let number = count(open.len() as u64);
                    format!("{number} public: {}{more}", first.join(" "))
                }
            },
        ));
    }
    let version = &answer.version;
    let (nature, mut open) = proved_by(of.knows_keys);
    open.push("that the integers are near a float model's".to_owned());
    let mut shown = vec![
        "the outputs are what the architecture gives on the inputs, bit for bit".to_owned(),
        format!(
            "its parameters are those committed for {}: a link",
            Quoted(version)
        ),
        format!("of its parameters, {PARAMETER_RANGES}"),
    ];
    let ranges = "the public inputs are in the ranges that the architecture declares";
    match of.material.graphs.contains_key(&inference.architecture) {
        _ if inference.hidden_inputs.is_some() => {}
        true => shown.push(ranges.to_owned()),
        false => open.push(format!("that {ranges}: the architecture is not attached")),
    }
    if !report.is_initial(version) {
        open.push(format!(
            "where the weights of {} come from",
            Quoted(version)
        ));
    }
    Step {
        nature,
        name: format!("answer {number}"),
        title: format!("ANSWER {number} of {}", Quoted(version)),
        facts,
        shown,
        open,
    }
}

/// What proofs alone show, and what they leave open: nothing holds by a key that is another circuit's.
fn proved_by(knows_keys: bool) -> (Nature, Vec<String>) {
    if knows_keys {
        return (Nature::Proved, Vec::new());
    }
    let open = "any of it, unless the verifying keys are their circuits': they are not known to be";
    (Nature::Partly, vec![open.to_owned()])
}

/// Values of an answer that a fact shows; `--json` has all.
const SHOWN: usize = 10;
