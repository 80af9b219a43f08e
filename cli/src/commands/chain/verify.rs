//! `nascent verify` of a chain.

use super::gather::refused;
use super::keys::ChainKeys;
use super::material::{Material, Named};
use super::picture::svg;
use super::story::{Story, View, Wholeness, tell};
use crate::commands::common::{self, DEVELOPMENT_NOTICE};
use crate::commands::inference;
use crate::commands::inspect::read_key;
use crate::commands::srs;
use crate::commands::structure::{self, ModelFile, Structure};
pub use crate::commands::verify::Compared;
use crate::commands::verify::{self, Args};
use crate::evidence::{self, Checked, Known};
use crate::failure::{Explain, Failure, Kind, Result};
use crate::files;
use crate::fills;
use crate::output::{self, Context, Outcome, count};
use crate::pool::Pool;
use nascent_circuits::inference::plan::Hidden;
use nascent_verifier::chain::{Origin, OriginReport, VersionReport};
use nascent_verifier::text::Quoted;
use nascent_verifier::{Chain, ChainReport, CommitmentData, Srs, VerifyingKey, verify_chain};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

/// Verifies; gives the time that it took.
pub fn check<'k>(
    chain: &Chain,
    key: impl Fn(&[u8; 32]) -> Option<&'k VerifyingKey>,
    srs: &Srs,
) -> Result<(ChainReport, Duration)> {
    let started = Instant::now();
    let report = verify_chain(chain, key, srs, &Pool);
    let time = started.elapsed();
    report.map(|report| (report, time)).map_err(refused)
}

/// `nascent verify` of a chain.
pub fn verify(context: &Context, args: &Args, picture: Option<&Path>) -> Result<Outcome> {
    let file = args.file();
    if let Some(picture) = picture {
        files::check_output(picture, false)?;
    }
    let chain: Chain = files::read(file)?;
    let identity = chain.srs_digest();
    let accepted = args.accepts_development();
    let srs = srs::for_proofs(context, file, identity, args.srs_file(), accepted)?;
    let refused = || format!("REFUSED: {}", file.display());
    let published = args.commitment().map(|path| of_chain(&chain, path));
    let published = published.transpose().doing(refused())?;
    // What the caller has from elsewhere is about the last plan; it names those before it.
    let plans = common::earlier(chain.initializations.iter().map(|of| &of.bundle.plan))?;
    let compared = match chain.initializations.last() {
        Some(last) => verify::compare(args, &last.bundle, &plans)?,
        None => Compared::default(),
    };
    let values = check_evidence(&chain, &args.known()).doing(refused())?;
    let of_last = values.last().map_or(&[][..], Vec::as_slice);
    args.known().check_used(of_last).doing(refused())?;
    let given = args.keys().iter().map(|path| read_key(path));
    let given = given.collect::<Result<Vec<_>>>()?;
    let used: Vec<[u8; 32]> = Named::of(&chain).keys.into_iter().copied().collect();
    args.check_keys_used(&used)?;
    let mut material = Material::read(&chain).doing(refused())?;
    let keys = ChainKeys::find(context, &chain, &material, &given, args.rederives())?;
    let (report, time) = check(&chain, |digest| keys.get(digest), &srs).doing(refused())?;
    let model = args.model().map(|path| ModelFile::read(context, path));
    let model = model.transpose()?;
    let structures =
        structure::of_chain(model.as_ref(), &chain, &material, &report.versions, &plans);
    let structures = structures.doing(refused())?;
    material.learn(&structures)?;
    check_public(&chain, &material).doing(refused())?;
    check_cells(context, &chain, &material).doing(refused())?;
    let known = keys.uses().iter().all(|of| of.origin.is_known());
    let view = View {
        compared,
        keys: keys.uses(),
        values: &values,
        structures: &structures,
    };
    let story = tell(&chain, &material, &report, &view)?;
    if let Some(picture) = picture {
        files::write(picture, svg(&story).as_bytes())?;
    }
    print(context, &report, &story, known);
    print_fills(context, &chain);
    if let Some(whose) = &published {
        context.section(format!("The commitment that you gave is that of {whose}."));
    }
    context.section(format!(
        "{} proofs and {} links verified in {}.",
        count(report.proofs),
        count(report.links),
        output::duration(time)
    ));
    if report.development_srs {
        context.notice(DEVELOPMENT_NOTICE);
    }
    let mut json = story.json();
    json["chain"] = output::path(file);
    json["picture"] = output::path_of(picture);
    json["commitment_of"] = json!(published);
    json["proofs"] = report.proofs.into();
    json["links"] = report.links.into();
    json["srs"] = hex::encode(report.srs_digest).into();
    json["development_srs"] = report.development_srs.into();
    json["checked"] =
        json!({ "plan": compared.plan, "beacon_value": compared.beacon, "model": compared.model });
    json["fills"] = chain
        .initializations
        .iter()
        .map(|of| fills::json(&of.bundle.plan.model))
        .collect();
    let answers = chain.answers.iter().map(|answer| &answer.inference);
    json["answers"] = answers
        .map(|of| json!({ "inputs": of.inputs, "outputs": of.outputs }))
        .collect();
    json["keys"] = keys.uses().iter().map(key_json).collect();
    json["verify_seconds"] = time.as_secs_f64().into();
    let versions = report.versions.iter().zip(&structures).zip(&story.whole);
    json["versions"] = versions
        .map(|((version, structure), whole)| {
            let (initial, shown) = (report.is_initial(&version.name), structure.is_shown());
            json!({
                "name": version.name,
                "linked_to_initial_weights": initial,
                "graph_is_the_model": shown,
                "has_the_initial_weights": initial && whole.all,
            })
        })
        .collect();
    let mut open: Vec<String> = args.open_keys(known).into_iter().collect();
    open.extend(open_beacons(&chain, compared, &values));
    for ((version, structure), whole) in report.versions.iter().zip(&structures).zip(&story.whole) {
        open.extend(open_version(args, &chain, version, structure, *whole));
    }
    Ok(Outcome::unless_open(json, open))
}

/// Checks the evidence of the beacon values, plan by plan.
pub(super) fn check_evidence<'a>(
    chain: &'a Chain,
    known: &Known<'_>,
) -> Result<Vec<Vec<Checked<'a>>>> {
    let plans = chain.initializations.iter();
    plans
        .map(|of| evidence::check(&of.bundle.beacon, known).doing("beacon"))
        .collect()
}

/// Beacon values that their publisher could have made; what the caller knows is the last plan's.
fn open_beacons(chain: &Chain, compared: Compared, values: &[Vec<Checked<'_>>]) -> Vec<String> {
    let plans = chain.initializations.len();
    let each = (1..).zip(values).filter_map(|(number, values)| {
        let compared = match number == plans {
            true => compared,
            false => Compared::default(),
        };
        let open = verify::open_beacon(compared, values)?;
        Some(match plans {
            1 => open,
            _ => format!("of plan {number}: {open}"),
        })
    });
    each.collect()
}

/// What a caller asked to be shown of a version, by giving model or plan, and was not.
fn open_version(
    args: &Args,
    chain: &Chain,
    version: &VersionReport,
    structure: &Structure,
    whole: Wholeness,
) -> Option<String> {
    let name = Quoted(&version.name);
    let last = chain.initializations.len().checked_sub(1);
    match &version.origin {
        OriginReport::Initial(relayouts) => {
            let own = relayouts.iter().map(|of| of.initialization).max();
            if args.names_a_plan() && own != last {
                return Some(format!(
                    "that {name} is what you gave plan, model or beacon value for: its weights are an \
                     earlier plan's"
                ));
            }
        }
        OriginReport::Declared { .. } => {
            let mut answers = chain.answers.iter();
            let answers = answers.any(|answer| {
                let of = chain.versions.get(usize::from(answer.version));
                of.is_some_and(|of| of.name == version.name)
            });
            if args.names_a_plan() && answers && !args.accepts_declared() {
                return Some(format!(
                    "that answers of {name} are by the weights that you gave plan, model or beacon value for: \
                     where its weights come from is declared (--accept-declared takes it)"
                ));
            }
        }
    }
    args.model()?;
    match structure {
        Structure::Open(why) => Some(format!(
            "that the integer graph of {name} is the model that you gave: {why}"
        )),
        Structure::Shown { .. } if matches!(version.origin, OriginReport::Initial(_)) => {
            (!whole.counted).then(|| {
                format!(
                    "that {name} has the initial weights: some of its numbers are chosen by the \
                     publisher, or not counted"
                )
            })
        }
        Structure::Shown { .. } if structure.other_numbers() > 0 => Some(format!(
            "that the numbers of {name} which are no weights are the model's: its weights are declared, \
             and {} numbers beside them are the publisher's too",
            count(structure.other_numbers())
        )),
        Structure::Shown { .. } | Structure::OtherPlan => None,
    }
}

/// What of a chain a published commitment is to.
fn of_chain(chain: &Chain, path: &Path) -> Result<String> {
    let given: CommitmentData = files::read(path)?;
    let deviates = (1..).zip(&chain.initializations);
    let deviates = deviates.map(|(number, of)| (&of.deviates, format!("initial weights {number}")));
    let versions = chain.versions.iter();
    let versions = versions.map(|of| (&of.commitment, format!("model {}", Quoted(&of.name))));
    let mut all = deviates.chain(versions);
    let found = all.find(|(commitment, _)| **commitment == given);
    let (_, whose) = found.ok_or_else(|| {
        let message = format!("{} is none of its commitments", path.display());
        Failure::new(Kind::Refused, message)
    })?;
    Ok(whose)
}

fn key_json(of: &super::story::KeyUse) -> serde_json::Value {
    json!({ "for": of.what, "key": hex::encode(of.digest), "origin": of.origin.name() })
}

/// Public inputs lie in the ranges that their architectures declare, where the chain has them.
pub(super) fn check_public(chain: &Chain, material: &Material) -> Result<()> {
    for (number, answer) in (1..).zip(&chain.answers) {
        let bundle = &answer.inference;
        if let Some(graph) = material.graphs.get(&bundle.architecture) {
            let name = format!("answer {number}");
            inference::check_public(Path::new(&name), graph, bundle)?;
        }
    }
    Ok(())
}

/// Parameters of an answer with hidden values stand where the relayout of its version has them: the
/// circuits are two, and the links between them compare cells.
fn check_cells(context: &Context, chain: &Chain, material: &Material) -> Result<()> {
    let mut seen = BTreeSet::new();
    for (number, answer) in (1_u64..).zip(&chain.answers) {
        let bundle = &answer.inference;
        let hidden = Hidden {
            inputs: bundle.hidden_inputs.is_some(),
            outputs: bundle.hidden_outputs.is_some(),
        };
        let version = chain.versions.get(usize::from(answer.version));
        let initial = version.is_some_and(|of| matches!(of.origin, Origin::Initial(_)));
        let Some(graph) = material.graphs.get(&bundle.architecture) else {
            continue;
        };
        let which = (bundle.architecture, hidden.inputs, hidden.outputs);
        if !initial || hidden == Hidden::default() || !seen.insert(which) {
            continue;
        }
        let (own, _) = inference::lay_out(context, graph, hidden)?;
        let (relaid, _) = inference::lay_out(context, graph, Hidden::default())?;
        if !own.has_cells_of(&relaid) {
            let message = format!(
                "answer {number}: its circuit has the parameters in other cells than the relayout"
            );
            return Err(Failure::new(Kind::Refused, message));
        }
    }
    Ok(())
}

/// How the values of each plan's model come about.
fn print_fills(context: &Context, chain: &Chain) {
    for (number, of) in (1..).zip(&chain.initializations) {
        let model = &of.bundle.plan.model;
        context.section(format!(
            "Fills of plan {number}: {}",
            fills::counts(&model.fill_counts())
        ));
        fills::print(context, model);
    }
}

fn print(context: &Context, report: &ChainReport, story: &Story, known: bool) {
    context.result(if report.development_srs {
        "THE CHAIN HOLDS, BUT ONLY UNDER THE DEVELOPMENT SRS: no evidence of anything"
    } else if known {
        "ACCEPTED: the chain holds"
    } else {
        "ACCEPTED, if the verifying keys are honest (see below)"
    });
    for (number, step) in (1..).zip(&story.steps) {
        context.section(format!("{number}. {}", step.title));
        for (name, text) in &step.facts {
            context.result(format!("     {name:<14}{text}"));
        }
        for text in &step.shown {
            context.result(format!("   + {text}"));
        }
        for text in &step.open {
            context.result(format!("   - not shown: {text}"));
        }
    }
    context.section("Not shown anywhere");
    for text in &story.open {
        context.result(format!("   - {text}"));
    }
}
