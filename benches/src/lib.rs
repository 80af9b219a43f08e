//! What benches and examples share: tiles to prove and to verify, of a size that the environment
//! chooses, and what a process used.

use ff::PrimeField;
use halo2curves::bn256::Fr;
use nascent_circuits::seed::SeedMaterial;
use nascent_circuits::tile::{TileCircuit, TileParams, TileWitness};
use nascent_params::{Silent, Srs};
use nascent_prover::{backend, keys::TileKeys};
use nascent_verifier::encoding::scalar_from_bytes;
use nascent_verifier::{BatchVerifier, Digest32, Distribution, Precision};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

/// Of a model: normal, 16-bit limbs.
const PRECISION: Precision = Precision {
    limb_bits: 16,
    fraction_bits: 12,
};

/// `k` from `NASCENT_BENCH_K`, else `default`.
///
/// # Panics
/// If the variable is not a number.
pub fn size(default: u32) -> u32 {
    std::env::var("NASCENT_BENCH_K").map_or(default, |k| k.parse().expect("a number"))
}

/// Processor seconds and peak resident mebibytes of this process so far.
pub fn usage() -> (f64, u64) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or("").split(' ').collect();
    let ticks: f64 = [11, 12]
        .iter()
        .filter_map(|&i| fields.get(i)?.parse::<f64>().ok())
        .sum();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: u64 = peak
        .and_then(|p| p.trim().split(' ').next()?.parse().ok())
        .unwrap_or(0);
    (ticks / 100.0, kib / 1024)
}

/// Everything that proving tiles of one kind needs.
pub struct Tiles {
    srs: Srs,
    keys: TileKeys,
}

/// A proof, with what its verifier is told.
pub struct Proved {
    proof: Vec<u8>,
    instance: [Fr; 4],
}

impl Tiles {
    /// Normal tiles of `2^k` rows under the development SRS, seed hidden.
    ///
    /// # Panics
    /// If there are no such tiles.
    pub fn new(k: u32) -> Self {
        let params = TileParams::new(k, Distribution::Normal, PRECISION).expect("a size");
        let srs = Srs::development(k, &Silent).expect("an SRS");
        let keys = TileKeys::generate(params, &srs).expect("keys");
        Self { srs, keys }
    }

    /// Weights of a tile.
    pub fn weights(&self) -> u64 {
        self.keys.params().weights() as u64
    }

    /// Bytes of a proof.
    pub fn proof_bytes(&self) -> usize {
        self.keys.verifying_key().proof_len()
    }

    /// Proves the tile of an index.
    ///
    /// # Panics
    /// If it cannot be proved.
    pub fn prove(&self, index: u64) -> Proved {
        let params = self.keys.params();
        let seed = SeedMaterial {
            secret: Fr::from(5),
            beacon: Fr::from(6),
            model: Fr::from(7),
        };
        let witness = TileWitness {
            seed,
            first_block: index * params.blocks() as u64,
        };
        let instance = witness.instance();
        let circuit = TileCircuit::new(params.clone(), witness);
        let rng = ChaCha20Rng::seed_from_u64(index);
        let prefix = Digest32::default();
        let proof = backend::create_proof(&self.srs, &self.keys, circuit, &instance, prefix, rng);
        Proved {
            proof: proof.expect("a proof"),
            instance,
        }
    }

    /// Verifies proofs together.
    ///
    /// # Panics
    /// If one does not hold.
    pub fn verify<'p>(&self, proofs: impl Iterator<Item = &'p Proved>) {
        let mut batch = BatchVerifier::default();
        for proved in proofs {
            let scalar = |value: &Fr| scalar_from_bytes(&value.to_repr()).expect("canonical");
            let instance = proved.instance.iter().map(scalar).collect();
            batch
                .add(
                    self.keys.verifying_key(),
                    &Digest32::default(),
                    &[instance],
                    &proved.proof,
                )
                .expect("well formed");
        }
        batch.finish(self.srs.verifier_srs()).expect("it holds");
    }
}
