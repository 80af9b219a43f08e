//! Measures what the cost model of `nascent_prover::estimate` predicts.
//!
//! `cargo run --release -p nascent-prover --example tile_cost -- 14 16 18` prints, for each size,
//! time and peak memory of key generation and of one proof. A size may be followed by limb and
//! fraction bits (`13:12:8`, else 16 and 12) and by `+digest` for a tile with the weight digest.

use std::time::Instant;

use ff::PrimeField;
use halo2curves::bn256::Fr;
use nascent_circuits::digest;
use nascent_circuits::sampling::DeviateTable;
use nascent_circuits::seed::SeedMaterial;
use nascent_circuits::tile::{TileChain, TileCircuit, TileParams, TileWitness};
use nascent_params::{Silent, Srs};
use nascent_prover::{backend, estimate::TileCost, keys::TileKeys};
use nascent_verifier::{Distribution, Precision, encoding::scalar_from_bytes, verify_proof};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for tile in std::env::args().skip(1) {
        let (shape, weight_digest) = match tile.strip_suffix("+digest") {
            Some(shape) => (shape, true),
            None => (tile.as_str(), false),
        };
        let numbers: Vec<u8> = shape.split(':').map(str::parse).collect::<Result<_, _>>()?;
        let (k, limb_bits, fraction_bits) = match numbers[..] {
            [k] => (k, 16, 12),
            [k, limb_bits, fraction_bits] => (k, limb_bits, fraction_bits),
            _ => return Err(format!("{tile}: not K or K:LIMB_BITS:FRACTION_BITS").into()),
        };
        let precision = Precision {
            limb_bits,
            fraction_bits,
        };
        measure(u32::from(k), precision, weight_digest)?;
    }
    Ok(())
}

/// User and system time of this process, in seconds.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(") ").next().unwrap_or("").split(' ');
    let ticks = fields
        .skip(11)
        .take(2)
        .filter_map(|x| x.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}

/// A line of `/proc/self/status`, in MiB.
fn memory(key: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(key));
    let value = line.and_then(|line| line.split_whitespace().nth(1));
    value
        .and_then(|value| value.parse::<u64>().ok())
        .unwrap_or(0)
        / 1024
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    // Resets the peak of resident memory.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let (wall, before) = (Instant::now(), cpu());
    let value = work();
    println!(
        "  {what}: {:.2} s wall, {:.2} s cpu, {} MiB now, {} MiB peak",
        wall.elapsed().as_secs_f64(),
        cpu() - before,
        memory("VmRSS:"),
        memory("VmHWM:"),
    );
    value
}

fn measure(
    k: u32,
    precision: Precision,
    weight_digest: bool,
) -> Result<(), Box<dyn std::error::Error>> {
    let table = timed("table", || {
        DeviateTable::new(Distribution::Normal, precision)
    })?;
    let params = TileParams::new(k, Distribution::Normal, precision)?;
    let params = params.with_weight_digest(weight_digest);
    println!(
        "k = {k}, {} bits: {} weights a tile, weight digest: {weight_digest}",
        precision.limb_bits,
        params.weights()
    );
    let cost = TileCost::new(&params);
    println!(
        "  columns: {} full, {} small, {} fixed; {} openings",
        cost.full_columns, cost.small_columns, cost.fixed_columns, cost.queries
    );
    let srs = timed("srs", || Srs::development(k, &Silent))?;
    let keys = timed("keys", || TileKeys::generate(params.clone(), &srs))?;
    let seed = SeedMaterial {
        secret: Fr::from(1),
        beacon: Fr::from(2),
        model: Fr::from(3),
    };
    let witness = TileWitness {
        seed,
        first_block: 0,
    };
    let live = params.blocks() as u64;
    let chain = weight_digest.then(|| {
        let values = timed("chain", || {
            digest::chain(&table, seed.stream_key(), live, live)
        });
        TileChain {
            start: values[0],
            end: values[1],
            live,
        }
    });
    let circuit = TileCircuit::new(params.clone(), witness).with_chain(chain);
    timed("check", || circuit.check())?;
    let rng = ChaCha20Rng::from_seed([7; 32]);
    let instance = circuit.instance();
    let prefix = [9; 32];
    let proof = timed("proof", || {
        backend::create_proof(&srs, &keys, circuit, &instance, prefix, rng)
    })?;
    let values = instance.iter().map(|x| scalar_from_bytes(&x.to_repr()));
    let values = vec![values.collect::<Result<Vec<_>, _>>()?];
    timed("verification", || {
        verify_proof(
            keys.verifying_key(),
            srs.verifier_srs(),
            &prefix,
            &values,
            &proof,
        )
    })?;
    println!("  {} bytes", proof.len());
    let vk = keys.verifying_key().clone();
    drop(keys);
    timed("keys from the verifying key", || {
        TileKeys::with_verifying_key(params, &srs, vk)
    })?;
    Ok(())
}
