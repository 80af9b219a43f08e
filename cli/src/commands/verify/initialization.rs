//! `nascent verify` of an initialization.

use super::Args;
use crate::arguments::DEVELOPMENT_NOTICE;
use crate::failure::Result;
use crate::files;
use crate::output::{self, Context, Outcome, count};
use crate::tell;
use nascent::initialization::{self, InitializationVerdict};
use nascent::{fills, srs};
use nascent_verifier::text::Quoted;
use nascent_verifier::{InitBundle, Seed};

pub fn verify(context: &Context, args: &Args) -> Result<Outcome> {
    let bundle: InitBundle = files::read(&args.bundle)?;
    if !srs::is_development(&bundle.srs_digest) && args.development_srs {
        return Err(srs::SrsError::NotDevelopment.into());
    }
    let verifier = args.srs(context, &bundle.srs_digest)?;
    let named: Vec<[u8; 32]> = bundle.streams.iter().map(|of| of.vk_digest).collect();
    let read = args.read(&named)?;
    let published = args.published(&verifier)?;
    let (setting, given) = (context.setting(), args.given(&read));
    let verdict = initialization::verify(&setting, &bundle, &verifier, &given, published.as_ref())?;
    print(context, &verdict);
    let mut json = output::json(&verdict.report())?;
    json["bundle"] = output::path(&args.bundle);
    Ok(Outcome::unless_open(json, verdict.not_shown))
}

fn print(context: &Context, verdict: &InitializationVerdict<'_>) {
    let report = &verdict.report;
    let model = &verdict.bundle.plan.model;
    let line = |text: &str| context.result(text);
    line(if report.development_srs {
        "PROOFS HOLD, BUT ONLY UNDER THE DEVELOPMENT SRS: no evidence of anything"
    } else if verdict.origins.iter().all(|origin| origin.is_known()) {
        "ACCEPTED"
    } else {
        "ACCEPTED, if the verifying keys are honest (see below)"
    });
    context.section("About");
    print_about(context, verdict);
    context.section("Proved");
    for item in &report.proved {
        line(&format!("  - {item}"));
    }
    let compared = verdict.compared;
    let compared = [
        (compared.plan, "the plan is the one you gave"),
        (
            compared.beacon_value,
            "the beacon value is the one you gave",
        ),
        (
            compared.model,
            "the model digest is that of the model and rules you gave",
        ),
    ];
    let compared: Vec<&str> = compared
        .iter()
        .filter_map(|(done, what)| done.then_some(*what))
        .collect();
    if !compared.is_empty() {
        context.section("Compared");
    }
    for what in compared {
        line(&format!("  - {what}"));
    }
    context.section("Fills");
    tell::fills(context, model);
    for (position, value) in (1..).zip(&verdict.values) {
        context.section(format!("Beacon value {position}"));
        tell::beacon_value(context, value, Some(&verdict.bundle.plan));
    }
    if let Some(commitment) = &verdict.commitment {
        context.section("Linked");
        context.result(format!(
            "  - the weights of every tile are the ones committed in {}",
            hex::encode(commitment)
        ));
    }
    context.section("Not proved");
    for item in &verdict.not_proved {
        context.result(format!("  - {item}"));
    }
    context.section(format!(
        "{} proofs verified in {}.",
        count(report.proofs),
        output::duration(verdict.time)
    ));
    if report.development_srs {
        context.notice(DEVELOPMENT_NOTICE);
    }
}

fn print_about(context: &Context, verdict: &InitializationVerdict<'_>) {
    let report = &verdict.report;
    let line = |text: &str| context.result(text);
    let counts = verdict.bundle.plan.model.fill_counts();
    line(&format!("  model        {}", Quoted(&report.model)));
    line(&format!("  values       {}", fills::counts(&counts)));
    line(&format!(
        "  digest       {}",
        hex::encode(report.model_digest)
    ));
    line(&format!(
        "  plan         {}",
        hex::encode(report.plan_digest)
    ));
    match report.seed {
        Seed::Hidden { publisher_key } => line(&format!(
            "  hidden seed  of the publisher key {}",
            hex::encode(publisher_key)
        )),
        Seed::Public => line("  public seed  anyone can derive the weights: nascent audit"),
    }
    line(&format!("  beacon       {}", report.beacon));
    line(&format!(
        "  its value    has the digest {}",
        hex::encode(report.beacon_digest)
    ));
    line(&format!(
        "  SRS          {}",
        srs::words(&report.srs_digest)
    ));
    line(&format!(
        "  commitments  {}",
        hex::encode(report.weight_commitments)
    ));
    if let Some(digest) = report.weight_digest {
        line(&format!(
            "  weights      have the digest {}",
            hex::encode(digest)
        ));
    }
    for (stream, origin) in report.streams.iter().zip(&verdict.origins) {
        line(&format!(
            "  key          {}: {}",
            hex::encode(stream.vk_digest),
            origin.words()
        ));
    }
}
