//! A chain in words: what each step shows, and what it leaves open.

use super::material::Material;
use crate::commands::verify::{Compared, KeyOrigin};
use crate::evidence::Checked;
use crate::failure::{Classify, Kind, Result};
use crate::output::count;
use nascent_verifier::provenance::{AnswerReport, OriginReport, VersionReport};
use nascent_verifier::{NotProved, Provenance, ProvenanceReport, Seed};
use serde_json::{Value, json};

/// What a step is, for its colour in the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nature {
    /// Fixed before the beacon's value.
    Fixed,
    /// Nobody's choice.
    Public,
    /// Shown by proofs.
    Proved,
    /// Said by the publisher, shown by nothing.
    Declared,
}

impl Nature {
    fn name(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Public => "public",
            Self::Proved => "proved",
            Self::Declared => "declared",
        }
    }
}

/// One step.
#[derive(Debug)]
pub struct StepStory {
    pub nature: Nature,
    /// A word or two.
    pub name: String,
    pub title: String,
    pub facts: Vec<(&'static str, String)>,
    pub shown: Vec<String>,
    pub open: Vec<String>,
}

/// A whole chain.
#[derive(Debug)]
pub struct Story {
    pub steps: Vec<StepStory>,
    /// What no step shows.
    pub open: Vec<String>,
}

/// A key of the chain's proofs.
#[derive(Debug)]
pub struct KeyUse {
    pub what: &'static str,
    pub digest: [u8; 32],
    pub origin: KeyOrigin,
}

/// Tells a chain that was verified. `keys` and `values` are as they were checked; none if this is
/// not a verifier's view.
pub fn tell(
    chain: &Provenance,
    material: &Material,
    report: &ProvenanceReport,
    compared: &Compared,
    keys: &[KeyUse],
    values: &[Checked<'_>],
) -> Result<Story> {
    let mut steps = vec![
        plan(chain, report, compared),
        beacon(chain, report, compared, values),
        initialization(report),
        deviates(report),
    ];
    for version in &report.versions {
        steps.push(weights(chain, material, version)?);
        let name = &version.name;
        let answers = (1..).zip(&report.answers);
        let own = answers.filter(|(_, answer)| answer.version == *name);
        steps.extend(own.map(|(number, answer)| self::answer(number, answer, report)));
    }
    let mut open = vec![if report.init.development_srs {
        NotProved::DevelopmentSrs.to_string()
    } else {
        NotProved::SrsCeremony.to_string()
    }];
    for key in keys.iter().filter(|key| !key.origin.is_known()) {
        let digest = hex::encode(key.digest);
        open.push(format!(
            "that the key of the {} ({}..) is their circuit's: {}",
            key.what,
            &digest[..16],
            key.origin.words()
        ));
    }
    open.push("anything about training, data, or how good the answers are".to_owned());
    Ok(Story { steps, open })
}

fn plan(chain: &Provenance, report: &ProvenanceReport, compared: &Compared) -> StepStory {
    let init = &report.init;
    let seed = match init.seed {
        Seed::Hidden { publisher_key } => format!("hidden, of {}", hex::encode(publisher_key)),
        Seed::Public => "public: anyone can derive the weights".to_owned(),
    };
    let mut shown =
        vec!["model, rules, seed's owner and beacon are what this digest fixes".to_owned()];
    if compared.plan {
        shown.push("the plan is the one you gave".to_owned());
    }
    let mut open = vec![NotProved::PlanTime.to_string()];
    if compared.model {
        shown.push("the model digest is that of the model and rules you gave".to_owned());
    } else {
        open.push(NotProved::ModelFile.to_string());
    }
    StepStory {
        nature: Nature::Fixed,
        name: "plan".to_owned(),
        title: format!("PLAN for '{}'", init.model),
        facts: vec![
            ("plan", hex::encode(init.plan_digest)),
            ("model", hex::encode(init.model_digest)),
            ("seed", seed),
            ("beacon", chain.init.plan.beacon.to_string()),
        ],
        shown,
        open,
    }
}

fn beacon(
    chain: &Provenance,
    report: &ProvenanceReport,
    compared: &Compared,
    values: &[Checked<'_>],
) -> StepStory {
    let mut facts = Vec::new();
    let (mut shown, mut open) = (Vec::new(), Vec::new());
    for value in values {
        facts.push(("source", value.value.source.to_string()));
        facts.push(("value", hex::encode(&value.value.value)));
        shown.push(value.shown());
        open.extend(
            value
                .leaves_open(Some(&chain.init.plan))
                .iter()
                .map(|open| (*open).to_owned()),
        );
    }
    if values.is_empty() {
        let sources = chain.init.beacon.values().iter();
        facts.extend(sources.map(|value| ("source", value.source.to_string())));
    }
    facts.push(("digest", hex::encode(report.init.beacon_digest)));
    if compared.beacon {
        shown.push("the value is the one you gave".to_owned());
    } else if chain.init.beacon.values().is_empty() {
        open.push(NotProved::BeaconOrigin.to_string());
    }
    StepStory {
        nature: Nature::Public,
        name: "beacon".to_owned(),
        title: "BEACON".to_owned(),
        facts,
        shown,
        open,
    }
}

fn initialization(report: &ProvenanceReport) -> StepStory {
    let init = &report.init;
    StepStory {
        nature: Nature::Proved,
        name: "initial weights".to_owned(),
        title: format!(
            "INITIAL WEIGHTS: {} numbers, {}",
            count(init.sampled_weights),
            many(init.proofs, "proof")
        ),
        facts: vec![("weights", count(init.sampled_weights))],
        shown: init.proved.iter().map(ToString::to_string).collect(),
        open: Vec::new(),
    }
}

fn deviates(report: &ProvenanceReport) -> StepStory {
    StepStory {
        nature: Nature::Proved,
        name: "commitment".to_owned(),
        title: "COMMITMENT to them".to_owned(),
        facts: vec![("commitment", hex::encode(report.deviates))],
        shown: vec![format!(
            "what is committed is what the initial weights' proofs are about, row by row: {}",
            many(report.init.proofs, "link")
        )],
        open: Vec::new(),
    }
}

fn weights(chain: &Provenance, material: &Material, version: &VersionReport) -> Result<StepStory> {
    let mut facts = vec![
        ("architecture", hex::encode(version.architecture)),
        ("commitment", hex::encode(version.commitment)),
    ];
    let name = &version.name;
    Ok(match &version.origin {
        OriginReport::Initial { origins, tiles, .. } => {
            facts.push(("origins", hex::encode(origins)));
            let links = many(tiles.saturating_add(1), "link");
            let mut shown = Vec::new();
            let mut open = Vec::new();
            match coverage(chain, material, &version.architecture, origins)? {
                Some([own, public, all]) => {
                    shown.push(format!(
                        "{} of its {} numbers are the initial weights' integers, one by one: a proof, {links}",
                        count(own),
                        count(all)
                    ));
                    shown.push(format!(
                        "{} are public, and stand in the list of origins: biases, multipliers",
                        count(public)
                    ));
                    let rest = all.saturating_sub(own).saturating_sub(public);
                    if rest > 0 {
                        open.push(format!("the other {}: constants of the plan", count(rest)));
                    }
                }
                None => {
                    shown.push(format!(
                        "weights are the initial weights' integers, biases and multipliers public: a proof, {links}"
                    ));
                    open.push("weights that the plan fills with constants".to_owned());
                }
            }
            open.push("that architecture and origins are the plan's model: `nascent compile --plan` makes them again".to_owned());
            StepStory {
                nature: Nature::Proved,
                name: format!("model '{name}'"),
                title: format!("MODEL '{name}' has the initial weights"),
                facts,
                shown,
                open,
            }
        }
        OriginReport::Declared { from, words } => StepStory {
            nature: Nature::Declared,
            name: format!("model '{name}'"),
            title: format!("MODEL '{name}' is DECLARED to follow from '{from}'"),
            facts,
            shown: Vec::new(),
            open: vec![format!("any of this; its publisher says: {words}")],
        },
    })
}

/// Parameters that are deviates, that are public, and all of them; nothing if the files are not
/// attached.
fn coverage(
    chain: &Provenance,
    material: &Material,
    architecture: &[u8; 32],
    origins: &[u8; 32],
) -> Result<Option<[u64; 3]>> {
    let graph = material.graphs.get(architecture);
    let Some((graph, origins)) = graph.zip(material.origins.get(origins)) else {
        return Ok(None);
    };
    origins
        .check(graph, &chain.init.plan.model)
        .or_fail(Kind::Refused)?;
    let elements = |id| graph.tensor(id).elements() as u64;
    let own = origins.params.iter().map(|origin| elements(origin.param));
    let public = origins.public.iter().map(|of| elements(of.param));
    let all = graph.params().map(elements);
    Ok(Some([own.sum(), public.sum(), all.sum()]))
}

fn answer(number: u64, answer: &AnswerReport, report: &ProvenanceReport) -> StepStory {
    let inference = &answer.inference;
    let mut facts = Vec::new();
    for (name, open, hidden) in [
        ("inputs", inference.inputs, &inference.hidden_inputs),
        ("outputs", inference.outputs, &inference.hidden_outputs),
    ] {
        facts.push((
            name,
            match hidden {
                Some(hidden) => format!(
                    "{} hidden, digest {}",
                    count(hidden.count.into()),
                    hex::encode(hidden.digest)
                ),
                None => format!("{} public", count(open as u64)),
            },
        ));
    }
    let version = &answer.version;
    let mut open = vec!["that the integers are near a float model's".to_owned()];
    if !report.is_initial(version) {
        open.push(format!("where the weights of '{version}' come from"));
    }
    StepStory {
        nature: Nature::Proved,
        name: format!("answer {number}"),
        title: format!("ANSWER {number} of '{version}'"),
        facts,
        shown: vec![
            "the outputs are what the architecture gives on the inputs, bit for bit".to_owned(),
            format!("its parameters are those committed for '{version}': a link"),
        ],
        open,
    }
}

fn many(number: u64, what: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{} {what}{s}", count(number))
}

impl Story {
    /// For `--json`.
    pub fn json(&self) -> Value {
        let step = |step: &StepStory| {
            let facts: serde_json::Map<String, Value> = step
                .facts
                .iter()
                .map(|(name, text)| ((*name).to_owned(), text.as_str().into()))
                .collect();
            json!({
                "step": step.name,
                "nature": step.nature.name(),
                "title": step.title,
                "facts": facts,
                "shows": step.shown,
                "leaves_open": step.open,
            })
        };
        json!({
            "steps": self.steps.iter().map(step).collect::<Vec<_>>(),
            "leaves_open": self.open,
        })
    }
}
