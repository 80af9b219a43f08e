//! `nascent verify` of a relayout.

use super::Args;
use crate::arguments::{self, DEVELOPMENT_NOTICE};
use crate::failure::Result;
use crate::files;
use crate::output::{self, Context, Outcome, count};
use crate::tell;
use nascent::model::read_graph;
use nascent::relayout::{self, Against, Covers, RelayoutVerdict};
use nascent::srs;
use nascent_ir::Origins;
use nascent_verifier::{Beacon, RelayoutBundle};

pub fn verify(context: &Context, args: &Args) -> Result<Outcome> {
    let bundle: RelayoutBundle = files::read(&args.bundle)?;
    let verifier = args.srs(context, &bundle.srs_digest)?;
    let plan = args.plan.as_deref().map(arguments::read_plan).transpose()?;
    let beacon = plan
        .as_ref()
        .and_then(|of| of.beacon.as_ref().map(Beacon::digest));
    let read = args.read_with(plan.map(|of| of.plan), &[bundle.vk_digest])?;
    let published = args.published(&verifier)?;
    let graph = args.architecture.as_deref().map(read_graph).transpose()?;
    let origins: Option<Origins> = args.origins.as_deref().map(files::read).transpose()?;
    let against = Against {
        architecture: graph.as_ref(),
        origins: origins.as_ref(),
        published: published.as_ref(),
        beacon,
    };
    let (setting, given) = (context.setting(), args.given(&read));
    let verdict = relayout::verify(&setting, &bundle, &verifier, &given, &against)?;
    print(context, &verdict);
    let mut json = output::json(&verdict.report())?;
    json["relayout"] = output::path(&args.bundle);
    Ok(Outcome::unless_open(json, verdict.not_shown))
}

fn print(context: &Context, verdict: &RelayoutVerdict<'_>) {
    let line = |text: &str| context.result(text);
    line("proved: the weights behind the proof's commitments are the deviates behind its other");
    line(
        "        commitments, element by element, in the order that the list of origins says; its",
    );
    line("        public numbers, such as biases and multipliers, are those of the list");
    tell::relayout(context, &verdict.bundle.statement);
    line(&format!(
        "{:<18}{}",
        "SRS",
        srs::words(&verdict.report.srs_digest)
    ));
    if let (Some(linked), Some(commitment)) = (verdict.linked, &verdict.commitment) {
        line(&format!(
            "linked: {linked} are those committed in {}",
            hex::encode(commitment)
        ));
    }
    if let Some(of) = &verdict.tiles_of {
        line("        which says that it is to the tiles");
        line(&format!("        of the plan {}", hex::encode(of.plan)));
        line(&format!(
            "        and the beacon value with the digest {}",
            hex::encode(of.beacon)
        ));
    }
    if let Some(Ok(of)) = &verdict.covers {
        line(&format!(
            "{:<18}{} are deviates, each element of {} sampled tensors; {} are public",
            "numbers",
            count(of.derived),
            count(of.tensors as u64),
            count(of.public),
        ));
    }
    line(
        "not proved: that these are the commitments of the tiles' proofs and of an inference's: links show",
    );
    line("            that (--commitment), `nascent verify` of a chain all; that the commitment's");
    line("            circuit has each number in the cell in which this one has it");
    print_open(context, verdict.covers.as_ref());
    let words = verdict.origin.words();
    if verdict.origin.is_known() {
        line(&format!("key               {words}"));
    } else {
        line(&format!(
            "            that the verifying key is the statement's: it {words}"
        ));
    }
    line(&format!("verified in {}", output::duration(verdict.time)));
    if verdict.report.development_srs {
        context.notice(DEVELOPMENT_NOTICE);
    }
}

/// What is left open, below what is not proved.
fn print_open(context: &Context, covers: Option<&Covers>) {
    let open = |words: String| context.result(format!("            {words}"));
    match covers {
        None => open("anything about numbers that are neither deviates nor public".to_owned()),
        Some(Ok(of)) => {
            if of.chosen > 0 {
                open(format!(
                    "anything about {} numbers in {} matrices: the publisher chose them",
                    count(of.chosen),
                    count(of.chosen_params.len() as u64)
                ));
            }
            if of.constants > 0 {
                open(format!(
                    "anything about {} numbers that the graph has as constants in products",
                    count(of.constants)
                ));
            }
        }
        Some(Err(error)) => open(format!(
            "that these are all weights of the plan's model: {error}"
        )),
    }
}
