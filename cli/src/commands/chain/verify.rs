//! `nascent verify` of a chain.

use super::gather::refused;
use super::keys::ChainKeys;
use super::material::Material;
use super::picture::svg;
use super::story::{Story, View, tell};
use crate::commands::common::{self, DEVELOPMENT_NOTICE};
use crate::commands::inference;
use crate::commands::inspect::read_key;
use crate::commands::srs;
use crate::commands::structure::{self, ModelFile};
pub use crate::commands::verify::Compared;
use crate::commands::verify::{self, Args};
use crate::evidence;
use crate::failure::{Explain, Failure, Kind, Result};
use crate::files;
use crate::output::{self, Context, Outcome, count};
use crate::pool::Pool;
use nascent_verifier::{
    CommitmentData, Provenance, ProvenanceReport, Srs, VerifyingKey, verify_provenance,
};
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};

/// Verifies; gives the time that it took.
pub fn check<'k>(
    chain: &Provenance,
    key: impl Fn(&[u8; 32]) -> Option<&'k VerifyingKey>,
    srs: &Srs,
) -> Result<(ProvenanceReport, Duration)> {
    let started = Instant::now();
    let report = verify_provenance(chain, key, srs, &Pool);
    let time = started.elapsed();
    report.map(|report| (report, time)).map_err(refused)
}

/// `nascent verify` of a chain.
pub fn verify(context: &Context, args: &Args, picture: Option<&Path>) -> Result<Outcome> {
    let file = args.file();
    if let Some(picture) = picture {
        files::check_output(picture, false)?;
    }
    let chain: Provenance = files::read(file)?;
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
    let values = chain.initializations.iter().map(|of| {
        evidence::check(&of.bundle.beacon, args.known_blocks())
            .map_err(|failure| failure.context("beacon").context(refused()))
    });
    let values = values.collect::<Result<Vec<_>>>()?;
    let given = args.keys().iter().map(|path| read_key(path));
    let given = given.collect::<Result<Vec<_>>>()?;
    let material = Material::read(&chain).doing(refused())?;
    let keys = ChainKeys::find(context, &chain, &material, &given, args.rederives())?;
    check_public(&chain, &material).doing(refused())?;
    let (report, time) = check(&chain, |digest| keys.get(digest), &srs).doing(refused())?;
    let model = args.model().map(ModelFile::read).transpose()?;
    let structures =
        structure::of_chain(model.as_ref(), &chain, &material, &report.versions, &plans);
    let structures = structures.doing(refused())?;
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
    if let Some(whose) = &published {
        context.result(format!(
            "\nThe commitment that you gave is that of {whose}."
        ));
    }
    context.result(format!(
        "\n{} proofs and {} links verified in {}.",
        count(report.proofs),
        count(report.links),
        output::duration(time)
    ));
    if report.development_srs {
        context.warn(DEVELOPMENT_NOTICE);
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
    json["keys"] = keys.uses().iter().map(key_json).collect();
    json["verify_seconds"] = time.as_secs_f64().into();
    Ok(Outcome::ok(json))
}

/// What of a chain a published commitment is to.
fn of_chain(chain: &Provenance, path: &Path) -> Result<String> {
    let given: CommitmentData = files::read(path)?;
    let deviates = (1..).zip(&chain.initializations);
    let deviates = deviates.map(|(number, of)| (&of.deviates, format!("initial weights {number}")));
    let versions = chain.versions.iter();
    let versions = versions.map(|of| (&of.commitment, format!("model '{}'", of.name)));
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
fn check_public(chain: &Provenance, material: &Material) -> Result<()> {
    for (number, answer) in (1..).zip(&chain.answers) {
        let bundle = &answer.inference;
        if let Some(graph) = material.graphs.get(&bundle.architecture) {
            let name = format!("answer {number}");
            inference::check_public(Path::new(&name), graph, bundle)?;
        }
    }
    Ok(())
}

fn print(context: &Context, report: &ProvenanceReport, story: &Story, known: bool) {
    context.result(if report.development_srs {
        "THE CHAIN HOLDS, BUT ONLY UNDER THE DEVELOPMENT SRS: no evidence of anything"
    } else if known {
        "ACCEPTED: the chain holds"
    } else {
        "ACCEPTED, if the verifying keys are honest (see below)"
    });
    for (number, step) in (1..).zip(&story.steps) {
        context.result(format!("\n{number}. {}", step.title));
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
    context.result("\nNot shown anywhere");
    for text in &story.open {
        context.result(format!("   - {text}"));
    }
}
