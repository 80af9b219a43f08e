//! Proves one tile and prints what it took, one JSON object a line.
//!
//! `cargo run --release -p nascent-benches --example tile -- --k 18 --prover ours`
//!
//! Options: `--k` (18), `--limb-bits` (16), `--fraction-bits` (12), `--distribution`
//! `normal|uniform` (normal), `--prover` `ours|portable|library` (ours; `portable` is ours without
//! vector instructions), `--weight-digest` `yes|no` (no). The seed is hidden and the SRS the
//! development one.

use std::time::Instant;

use halo2_proofs::{
    plonk::{ProvingKey, create_proof, keygen_pk2},
    poly::kzg::{commitment::KZGCommitmentScheme, multiopen::ProverSHPLONK},
};
use halo2curves::bn256::{Bn256, Fr, G1Affine};
use nascent_benches::usage;
use nascent_circuits::{
    digest,
    sampling::DeviateTable,
    seed::SeedMaterial,
    tile::{TileChain, TileCircuit, TileParams, TileWitness},
};
use nascent_params::{Silent, Srs};
use nascent_prover::{keys::TileKeys, plonk, transcript::Keccak};
use nascent_verifier::{Distribution, Precision};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use serde_json::json;

/// Keys of either prover.
enum Keys {
    Library(ProvingKey<G1Affine>),
    Ours(TileKeys, plonk::Arithmetic),
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let option = |name: &str, default: &str| {
        let at = arguments.iter().position(|a| a == name);
        at.and_then(|i| arguments.get(i + 1))
            .cloned()
            .unwrap_or(default.to_owned())
    };
    let number =
        |name: &str, default: &str| option(name, default).parse::<u32>().expect("a number");
    let k = number("--k", "18");
    let precision = Precision {
        limb_bits: number("--limb-bits", "16") as u8,
        fraction_bits: number("--fraction-bits", "12") as u8,
    };
    let distribution = match option("--distribution", "normal").as_str() {
        "uniform" => Distribution::Uniform,
        _ => Distribution::Normal,
    };
    let params = TileParams::new(k, distribution, precision).expect("a shape that can be laid out");
    let weight_digest = option("--weight-digest", "no") == "yes";
    let params = params.with_weight_digest(weight_digest);
    let start = Instant::now();
    let srs = Srs::development(k, &Silent).expect("development SRS");
    println!(
        "{}",
        json!({ "step": "srs", "k": k, "wall_s": start.elapsed().as_secs_f64() })
    );

    let prover = option("--prover", "ours");
    let start = Instant::now();
    let key = match prover.as_str() {
        "library" => {
            let shape = TileCircuit::shape(params.clone());
            Keys::Library(keygen_pk2(srs.params(), &shape, false).expect("proving key"))
        }
        "portable" => Keys::Ours(
            TileKeys::generate(params.clone(), &srs).expect("keys"),
            plonk::Arithmetic::Portable,
        ),
        _ => Keys::Ours(
            TileKeys::generate(params.clone(), &srs).expect("keys"),
            plonk::Arithmetic::Detected,
        ),
    };
    println!(
        "{}",
        json!({ "step": "keys", "k": k, "wall_s": start.elapsed().as_secs_f64(), "peak_mib": usage().1 })
    );

    let seed = SeedMaterial {
        secret: Fr::from(5),
        beacon: Fr::from(6),
        model: Fr::from(7),
    };
    let witness = TileWitness {
        seed,
        first_block: 0,
    };
    let live = params.blocks() as u64;
    let start = Instant::now();
    let chain = weight_digest.then(|| {
        let table = DeviateTable::new(distribution, precision).expect("supported");
        let values = digest::chain(&table, seed.stream_key(), live, live);
        TileChain {
            start: values[0],
            end: values[1],
            live,
        }
    });
    let chain_s = start.elapsed().as_secs_f64();
    let circuit = TileCircuit::new(params.clone(), witness).with_chain(chain);
    let instance = circuit.instance();
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let mut transcript = Keccak::new(Vec::new(), &[0; 32]);
    let (cpu, _) = usage();
    let start = Instant::now();
    let timings = match &key {
        Keys::Library(key) => {
            create_proof::<KZGCommitmentScheme<Bn256>, ProverSHPLONK<'_, Bn256>, _, _, _, _>(
                srs.params(),
                key,
                &[circuit],
                &[&[&instance]],
                rng,
                &mut transcript,
            )
            .expect("proof");
            None
        }
        Keys::Ours(keys, arithmetic) => {
            let proof = plonk::create_proof_with(
                *arithmetic,
                &srs,
                keys.key(),
                circuit,
                &[&instance],
                &mut rng,
                &mut transcript,
            );
            Some(proof.expect("proof"))
        }
    };
    let wall = start.elapsed().as_secs_f64();
    let (cpu_end, peak) = usage();
    let weights = params.weights() as f64;
    println!(
        "{}",
        json!({
            "step": "prove", "prover": prover, "k": k, "distribution": format!("{distribution:?}"),
            "limb_bits": precision.limb_bits, "weight_digest": weight_digest, "chain_s": chain_s, "weights": params.weights(), "wall_s": wall,
            "cpu_s": cpu_end - cpu, "cpu_us_per_weight": (cpu_end - cpu) / weights * 1e6,
            "weights_per_s": weights / wall, "peak_mib": peak, "proof_bytes": transcript.into_inner().len(),
            "parts": timings.map(|t| format!("{t:.2?}")),
        })
    );
}
