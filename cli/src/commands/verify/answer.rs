//! `nascent verify` of an answer.

use super::Args;
use crate::arguments::{DEVELOPMENT_NOTICE, read_plan};
use crate::failure::Result;
use crate::files;
use crate::output::{self, Context, Outcome, count};
use nascent::answer::{self, Against, AnswerVerdict, PARAMETER_RANGES};
use nascent::model::{Structure, read_graph};
use nascent::srs;
use nascent_compiler::infer::Profile;
use nascent_verifier::InferenceBundle;
use nascent_verifier::text::Quoted;

pub fn verify(context: &Context, args: &Args) -> Result<Outcome> {
    let bundle: InferenceBundle = files::read(&args.bundle)?;
    let verifier = args.srs(context, &bundle.srs_digest)?;
    let plan = args.plan.as_deref().map(read_plan).transpose()?;
    let read = args.read_with(plan.map(|of| of.plan), &[bundle.vk_digest])?;
    let published = args.published(&verifier)?;
    let profile = args.profile.as_deref().map(files::read).transpose()?;
    let profile: Option<Profile> = profile;
    let against = Against {
        architecture: args.architecture.as_deref().map(read_graph).transpose()?,
        profile: profile.as_ref(),
        published: published.as_ref(),
    };
    let (setting, given) = (context.setting(), args.given(&read));
    let verdict = answer::verify(&setting, &bundle, &verifier, &given, against)?;
    print(context, &verdict);
    let mut json = output::json(&verdict.report())?;
    json["inference"] = output::path(&args.bundle);
    Ok(Outcome::unless_open(json, verdict.not_shown))
}

fn print(context: &Context, verdict: &AnswerVerdict<'_>) {
    let report = &verdict.report;
    let line = |text: &str| context.result(text);
    let of = |hidden: bool| match hidden {
        true => "behind the digest",
        false => "in the file",
    };
    line(&format!(
        "proved: the outputs {} are what the architecture gives on the inputs {},",
        of(report.hidden_outputs.is_some()),
        of(report.hidden_inputs.is_some()),
    ));
    line(
        "        in integers, bit for bit, for parameters that the prover knows and the proof commits to:",
    );
    line(&format!("        {PARAMETER_RANGES}"));
    if let Some(commitment) = &verdict.commitment {
        line(
            "linked: these are the parameters that were committed, number for number: every proof linked",
        );
        line("        to this commitment is about the same ones, and none tells what they are");
        line(&format!("commitment        {}", hex::encode(commitment)));
    }
    line(&format!(
        "architecture      {}",
        hex::encode(report.architecture)
    ));
    line(&format!(
        "SRS               {}",
        srs::words(&report.srs_digest)
    ));
    line(&format!(
        "public            {} inputs, {} outputs",
        count(report.inputs as u64),
        count(report.outputs as u64)
    ));
    for (name, hidden) in [
        ("hidden input", &report.hidden_inputs),
        ("hidden output", &report.hidden_outputs),
    ] {
        if let Some(hidden) = hidden {
            line(&format!(
                "{name:<18}{} values, digest {}",
                count(hidden.count.into()),
                hex::encode(hidden.digest)
            ));
        }
    }
    if let Some(Structure::Shown { profile, .. }) = &verdict.structure {
        line(&format!(
            "model: the architecture is the model that you gave, in fixed point ({profile}):"
        ));
        line("        lowered again from its file, without samples or weights");
        line(
            "not proved: that the profile's steps suit the model: they are the publisher's choice, and a layer",
        );
        line("            can round to nothing, saturate or stop normalizing by them;");
    }
    if let Some(inputs) = &verdict.inputs {
        for (name, shape) in inputs {
            line(&format!(
                "input             {} of shape {shape:?}",
                Quoted(name)
            ));
        }
        line("inputs: public ones are in the ranges that the architecture declares");
    }
    line("not proved: where the parameters come from; that the integers are near a float model's;");
    if verdict.structure.is_none() {
        line("            which model the architecture is: --model and --profile show that;");
    }
    if verdict.inputs.is_none() {
        line(
            "            that public inputs lie in the ranges that the architecture declares: not looked at,",
        );
        line("            --architecture FILE does;");
    }
    let words = verdict.origin.words();
    if verdict.origin.is_known() {
        line(&format!("key               {words}"));
    } else {
        line(&format!(
            "            that the verifying key is the architecture's: it {words}"
        ));
    }
    line(&format!("verified in {}", output::duration(verdict.time)));
    if report.development_srs {
        context.notice(DEVELOPMENT_NOTICE);
    }
}
