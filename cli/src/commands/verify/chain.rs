//! `nascent verify` of a chain.

use super::Args;
use crate::arguments::DEVELOPMENT_NOTICE;
use crate::failure::Result;
use crate::files;
use crate::output::{self, Context, Outcome, count};
use crate::paths;
use crate::tell;
use nascent::chain::svg;
use nascent::chain::{self, ChainVerdict, Named};
use nascent::fills;
use nascent_verifier::{Chain, CommitmentData};

pub fn verify(context: &Context, args: &Args) -> Result<Outcome> {
    let picture = args.picture.as_deref();
    if let Some(picture) = picture {
        paths::check_output(picture, false)?;
    }
    let chain: Chain = files::read(&args.bundle)?;
    let verifier = args.srs(context, chain.srs_digest())?;
    let named: Vec<[u8; 32]> = Named::of(&chain).keys.into_iter().copied().collect();
    let read = args.read(&named)?;
    let commitment = args.commitment.as_deref().map(files::read);
    let commitment: Option<CommitmentData> = commitment.transpose()?;
    let verdict = chain::verify(
        &context.setting(),
        &chain,
        &verifier,
        &args.given(&read),
        commitment.as_ref(),
    )?;
    if let Some(picture) = picture {
        files::write(picture, svg(&verdict.story).as_bytes())?;
    }
    print(context, &verdict);
    let mut json = output::json(&verdict.report())?;
    json["chain"] = output::path(&args.bundle);
    json["picture"] = output::path_of(picture);
    Ok(Outcome::unless_open(json, verdict.not_shown))
}

fn print(context: &Context, verdict: &ChainVerdict<'_>) {
    let (report, story) = (&verdict.report, &verdict.story);
    context.result(if report.development_srs {
        "THE CHAIN HOLDS, BUT ONLY UNDER THE DEVELOPMENT SRS: no evidence of anything"
    } else if verdict.keys.are_known() {
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
    for (number, of) in (1..).zip(&verdict.chain.initializations) {
        let model = &of.bundle.plan.model;
        context.section(format!(
            "Fills of plan {number}: {}",
            fills::counts(&model.fill_counts())
        ));
        tell::fills(context, model);
    }
    if let Some(whose) = &verdict.commitment_of {
        context.section(format!("The commitment that you gave is that of {whose}."));
    }
    context.section(format!(
        "{} proofs and {} links verified in {}.",
        count(report.proofs),
        count(report.links),
        output::duration(verdict.time)
    ));
    if report.development_srs {
        context.notice(DEVELOPMENT_NOTICE);
    }
}
