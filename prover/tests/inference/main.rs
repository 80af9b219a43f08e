//! Proofs of inference: made by our prover, accepted by our verifier, and refused for anything else.

#[path = "../../../circuits/tests/inference/graphs.rs"]
mod graphs;

use std::sync::Arc;

use ark_bn254::Fr;
use ark_ff::PrimeField;
use graphs::{Case, cases};
use nascent_circuits::inference::plan;
use nascent_circuits::inference::plan::rows::Lanes;
use nascent_params::Srs;
use nascent_prover::inference::{InferenceKeys, InferenceProof, instance_bytes};
use nascent_verifier::{Digest32, ProofError, verify_proof};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

const PREFIX: Digest32 = [7; 32];

struct Setting {
    srs: Srs,
    keys: InferenceKeys,
}

impl Setting {
    fn new(case: &Case) -> Self {
        let lanes = Lanes {
            units: 4,
            folds: 2,
            params: 2,
            weights: 8,
        };
        let layout = Arc::new(plan(&case.graph, lanes).expect("planned"));
        let shape = layout.shape(None).expect("fits");
        let srs = Srs::development(shape.k, &nascent_params::Silent).expect("made");
        let keys = InferenceKeys::generate(layout, shape, &srs).expect("keys");
        Self { srs, keys }
    }

    fn prove(&self, case: &Case) -> InferenceProof {
        let inputs: Vec<i64> = case.inputs.iter().map(|&x| x.into()).collect();
        let rng = ChaCha20Rng::seed_from_u64(1);
        self.keys
            .prove(&self.srs, &case.params, &inputs, &PREFIX, rng)
            .expect("proved")
    }

    fn verify(
        &self,
        prefix: &Digest32,
        inputs: &[i64],
        outputs: &[i64],
        proof: &[u8],
    ) -> Result<(), ProofError> {
        let bytes = instance_bytes(inputs, outputs);
        let instance: Vec<Fr> = bytes
            .iter()
            .map(|bytes| Fr::from_le_bytes_mod_order(bytes))
            .collect();
        let srs = self.srs.verifier_srs();
        verify_proof(self.keys.verifying_key(), srs, prefix, &[instance], proof)
    }
}

#[test]
fn proofs_verify_and_nothing_else_does() {
    for case in cases() {
        let setting = Setting::new(&case);
        let made = setting.prove(&case);
        let check = |prefix: &Digest32, inputs: &[i64], outputs: &[i64], proof: &[u8]| {
            setting.verify(prefix, inputs, outputs, proof)
        };
        let (inputs, outputs, proof) = (&made.inputs, &made.outputs, &made.proof);
        assert_eq!(
            check(&PREFIX, inputs, outputs, proof),
            Ok(()),
            "{}",
            case.name
        );
        assert_eq!(proof.len(), setting.keys.verifying_key().proof_len());
        let mut other = outputs.clone();
        other[0] += 1;
        check(&PREFIX, inputs, &other, proof).expect_err("another output");
        let mut other = inputs.clone();
        other[0] ^= 1;
        check(&PREFIX, &other, outputs, proof).expect_err("another input");
        // The last input passed off as the first output: the same values in the same order.
        let (last, rest) = inputs.split_last().expect("inputs");
        let moved: Vec<i64> = [*last].into_iter().chain(outputs.iter().copied()).collect();
        check(&PREFIX, rest, &moved, proof).expect_err("an input as an output");
        check(&[8; 32], inputs, outputs, proof).expect_err("another statement");
        let mut other = proof.clone();
        let middle = other.len() / 2;
        other[middle] ^= 1;
        check(&PREFIX, inputs, outputs, &other).expect_err("another proof");
    }
}
