//! From a model's architecture to an answer that anyone can verify, by the library alone:
//! `cargo run --release -p nascent --example story`.

use nascent::answer::{Circuit, Salts};
use nascent::commitment::{Committed, Opening, ParameterColumns, Secrets};
use nascent::initialization::{self, Options};
use nascent::model::{self, Hidden, ModelFile, samples};
use nascent::{Beacon, Limits, Rules, Setting, chain, derive, evidence, plan, relayout, srs};
use nascent::{given::Given, secret::Secret};
use rand_core::OsRng;
use std::{env::temp_dir, error::Error, path::Path};

const RULES: &str = "version = 1\nprecision = { limb_bits = 16, fraction_bits = 11 }";
/// What drand's quicknet published in round 123.
const SIGNATURE: &str = "b75c69d0b72a5d906e854e808ba7e2accb1542ac355ae486d591aa9d43765482\
                         e26cd02df835d3546d23c4b13e0dfc92";

fn main() -> Result<(), Box<dyn Error>> {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let setting = &Setting::new(temp_dir().join("nascent-story"));
    let (srs, hidden, rng) = (srs::development(), Hidden::default(), &mut OsRng);

    // Plan: model, rules, publisher and source of randomness are fixed. Then the value comes out.
    let file = ModelFile::open(&examples.join("models/lenet5.onnx"))?;
    let rules = Rules::parse(RULES, &Limits::default())?;
    let spec = plan::model(&file, None, &rules, &[], &[])?.spec;
    let secret = Secret::draw(rng)?;
    let source = evidence::parse_source("drand:network=quicknet,round=123")?;
    let announced = vec![source.clone()].into();
    let plan = &plan::make(&spec, Some(secret.public_key()), announced, 0, false)?;
    let beacon = &Beacon::from(vec![evidence::value(source, hex::decode(SIGNATURE)?)?]);

    // Weights, and the model as integers: nothing is left to choose.
    let origin = derive::Origin::new(plan, beacon, Some(&secret));
    let filled = derive::filled(setting, plan, &origin.deriver()?, &file)?;
    let inputs = samples::open(&[&examples.join("inference/lenet5-average.samples.npz")])?;
    let planned = Some((&plan.model).into());
    let compiled = model::compile(setting, &filled, &Default::default(), &inputs, planned)?;
    let (graph, params) = (&compiled.model.graph, &compiled.model.params);
    let circuit = Circuit::new(setting, graph, hidden)?;

    // Proofs that the weights are those, and commitments to them and to the integers.
    let folder = setting.cache.join(hex::encode(plan.digest()?));
    let opening = Opening::draw(rng);
    let options = Options::of_size(circuit.k()).committed(opening.clone());
    let prover = initialization::Prover::new(setting, &srs);
    let job = prover.job(origin, &folder, options)?;
    let init = job.run(setting, OsRng)?.finished;
    let columns = ParameterColumns::of(setting, graph, hidden, &srs)?;
    let committed = Committed::new(columns.commit(params, &opening, None)?.data, opening)?;
    let prover = relayout::Prover::new(setting, &plan.model, graph, &compiled.origins[0], &srs)?;
    let tiles = &init.committed.as_ref().ok_or("made with the opening")?.0;
    let secrets = Secrets::of(&[tiles, &committed.data], &committed.opening, prover.srs())?;
    let relayout = prover.prove(setting, origin, params, Some(&secrets), rng)?;

    // An answer, linked to the commitment.
    let prover = circuit.prover(setting, &srs)?;
    let to = prover.link_to(params, &committed)?;
    let input = compiled.model.inputs(&inputs, 1)?.flat(0);
    let answer = prover.prove(setting, params, &input, Salts::default(), Some(&to), rng)?;

    // All of it in one chain; what someone finds who has the plan, the model's file and the rules.
    let mut pieces = chain::Pieces::default();
    pieces.initialization(init);
    pieces.commitment("initial".to_owned(), committed.data.clone());
    pieces.relayout(relayout);
    pieces.answer(answer);
    pieces.model(&compiled)?;
    let verifier = srs::of_verifier(setting, &srs)?;
    let (chain, _) = pieces.assemble(&[], &verifier)?;
    let given = Given::new(plan, &file, &rules);
    let verdict = chain::verify(setting, &chain, &verifier, &given, None)?;
    for step in &verdict.story.steps {
        println!("{}\n  + {}", step.title, step.shown.join("\n  + "));
    }
    assert!(verdict.not_shown.is_empty(), "{:?}", verdict.not_shown);
    Ok(())
}
