//! A tiny proof, to see how fast this machine is.

use std::time::Instant;

use ff::Field;
use halo2curves::bn256::Fr;
use nascent_circuits::seed::SeedMaterial;
use nascent_circuits::tile::{TileCircuit, TileParams, TileWitness};
use nascent_params::{Silent, Srs};
use nascent_verifier::{Distribution, Precision};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::{CostModel, TileCost};
use crate::backend;
use crate::error::CalibrationError;
use crate::keys::TileKeys;

/// Size of the proof: about a second on two cores.
const SIZE: u32 = 11;
/// A uniform stream of small limbs has no tables to speak of.
const PRECISION: Precision = Precision {
    limb_bits: 10,
    fraction_bits: 0,
};
/// Less work than this says nothing about the machine.
const LEAST_FACTOR: f64 = 0.02;

impl CostModel {
    /// The model with times that fit this machine, found by proving a tile of `2^11` rows under
    /// the development SRS and looking at the clock.
    ///
    /// # Errors
    ///
    /// If the small proof cannot be made.
    pub fn calibrated(&self, threads: usize) -> Result<Self, CalibrationError> {
        let params = TileParams::new(SIZE, Distribution::Uniform, PRECISION)?;
        let srs = Srs::development(SIZE, &Silent)?;
        let keys = TileKeys::generate(params.clone(), &srs)?;
        let seed = SeedMaterial {
            secret: Fr::ZERO,
            beacon: Fr::ONE,
            model: Fr::ONE,
        };
        let witness = TileWitness {
            seed,
            first_block: 0,
        };
        let circuit = TileCircuit::new(params.clone(), witness);
        let rng = ChaCha20Rng::from_seed([0; 32]);
        let start = Instant::now();
        backend::create_proof(&srs, &keys, circuit, &witness.instance(), [0; 32], rng)?;
        let seconds = start.elapsed().as_secs_f64();
        let predicted = self.wall(self.proof_cpu(&TileCost::new(&params)), threads as f64);
        Ok(self.scaled((seconds / predicted).max(LEAST_FACTOR)))
    }
}
