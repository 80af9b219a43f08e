//! Compiles an ONNX model, proves one inference and verifies it; one JSON object with what it took.
//!
//! ```text
//! cargo run --release -p nascent-benches --example inference -- model.onnx samples.npz \
//!     [--units 4] [--weights 16] [--folds 2] [--k 13] [--batch 1]
//! ```
//!
//! Lanes that are not given are chosen by the planner's cost model. The SRS is the development one.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use nascent_benches::usage;
use nascent_circuits::inference::Salts;
use nascent_circuits::inference::plan::rows::Lanes;
use nascent_circuits::inference::plan::{choose, plan};
use nascent_compiler::infer::{Model, Options, Samples, compile, samples};
use nascent_params::{Silent, Srs};
use nascent_prover::estimate::{CostModel, InferenceCost};
use nascent_prover::inference::InferenceKeys;
use nascent_verifier::inference::prefix;
use nascent_verifier::{InferenceBundle, verify_inference};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use serde_json::json;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let option = |name: &str| {
        let at = arguments.iter().position(|a| a == name);
        at.and_then(|i| arguments.get(i + 1)?.parse::<usize>().ok())
    };
    let files: Vec<&String> = arguments[1..]
        .iter()
        .take_while(|a| !a.starts_with("--"))
        .collect();
    let model = files.first().ok_or("which model?")?;
    let bytes = std::fs::read(model)?;
    let given = match files.get(1) {
        Some(path) => samples::open(&[Path::new(path)])?,
        None => Samples::default(),
    };

    let mut options = Options::default();
    options.batch = option("--batch").unwrap_or(1);
    let start = Instant::now();
    let compiled = compile(&Model::new(&bytes), &options, &given)?;
    let compile_seconds = start.elapsed().as_secs_f64();

    let start = Instant::now();
    let lanes = match (option("--units"), option("--weights")) {
        (Some(units), Some(weights)) => Lanes {
            units,
            weights,
            folds: option("--folds").unwrap_or(2),
            params: option("--params").unwrap_or(2),
        },
        _ => choose(&compiled.graph)?,
    };
    let layout = plan(&compiled.graph, lanes)?;
    let shape = layout.shape(option("--k").map(|k| k as u32))?;
    let rows = [
        layout.weight_rows,
        layout.units.len(),
        layout.folds.len(),
        layout.vector_rows,
    ];
    let plan_seconds = start.elapsed().as_secs_f64();

    let start = Instant::now();
    let srs = Srs::development(shape.k, &Silent)?;
    let srs_seconds = start.elapsed().as_secs_f64();

    let (before, _) = usage();
    let start = Instant::now();
    let keys = InferenceKeys::generate(
        &compiled.graph.digest()?,
        Arc::new(layout),
        shape.clone(),
        &srs,
    )?;
    let key_seconds = start.elapsed().as_secs_f64();
    let (after, key_memory) = usage();
    let key_cpu = after - before;

    let mut inputs = Vec::new();
    for port in &compiled.inputs {
        let count: usize = port.shape.iter().product();
        let values =
            (0..count).map(|i| ((i * 37 % 101) as f32 / 50.0 - 1.0) * port.scale as f32 * 100.0);
        let values: Vec<f32> = values.collect();
        inputs.extend(port.quantize(&values)?.into_iter().map(i64::from));
    }
    let architecture = compiled.graph.digest()?;
    let prefix = prefix(&architecture, keys.verifying_key().digest(), srs.identity());
    let start = Instant::now();
    let mut rng = ChaCha20Rng::from_entropy();
    let salts = Salts::draw(&mut rng);
    let made = keys.prove(&srs, &compiled.params, &inputs, &prefix, salts, rng)?;
    let prove_seconds = start.elapsed().as_secs_f64();
    let (end, memory) = usage();

    let bundle = InferenceBundle {
        architecture,
        vk_digest: *keys.verifying_key().digest(),
        srs_digest: *srs.identity(),
        inputs: made.inputs,
        outputs: made.outputs,
        hidden_inputs: None,
        hidden_outputs: None,
        proof: made.proof,
    };
    let start = Instant::now();
    verify_inference(&bundle, keys.verifying_key(), srs.verifier_srs())?;
    let verify_seconds = start.elapsed().as_secs_f64();
    let (cost, reference) = (InferenceCost::new(&shape), CostModel::REFERENCE);
    println!(
        "{}",
        json!({
            "model": model,
            "batch": options.batch,
            "k": shape.k,
            "table_bits": shape.table_bits,
            "lanes": { "weights": shape.weight_lanes, "units": shape.unit_lanes, "folds": shape.fold_lanes },
            "table_sets": shape.table_sets,
            "rows": { "weights": rows[0], "units": rows[1], "folds": rows[2], "vectors": rows[3] },
            "compile_seconds": compile_seconds,
            "plan_seconds": plan_seconds,
            "srs_seconds": srs_seconds,
            "key_seconds": key_seconds,
            "key_cpu_seconds": key_cpu,
            "key_peak_mib": key_memory,
            "prove_seconds": prove_seconds,
            "prove_cpu_seconds": end - after,
            "peak_mib": memory,
            "proof_bytes": bundle.proof.len(),
            "key_bytes": keys.verifying_key().encode()?.len(),
            "verify_milliseconds": verify_seconds * 1e3,
            "predicted": {
                "key_cpu_seconds": reference.inference_keys_cpu(&cost),
                "prove_cpu_seconds": reference.inference_cpu(&cost),
                "peak_mib": reference.inference_memory(&cost) >> 20,
                "proof_bytes": cost.proof_bytes,
                "columns": format!("{cost:?}"),
            },
            "timings": format!("{:?}", made.timings),
        })
    );
    Ok(())
}
