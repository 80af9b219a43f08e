//! Keys and proofs of inference: one set of keys for each architecture, whatever the checkpoint.

use std::sync::Arc;

use ff::PrimeField;
use nascent_circuits::inference::linear::field;
use nascent_circuits::inference::plan::layout::Layout;
use nascent_circuits::inference::{ExecuteError, InferenceCircuit, Shape};
use nascent_ir::Params;
use nascent_params::Srs;
use nascent_verifier::{Digest32, VerifyingKey, WeightColumns};
use rand_core::{CryptoRng, RngCore};
use rayon::prelude::*;

use crate::error::{KeyError, ProveError};
use crate::export::{self, export, export_weights};
use crate::fast::{self, Key};
use crate::transcript::Keccak;

/// Keys of one architecture.
#[derive(Debug)]
pub struct InferenceKeys {
    circuit: InferenceCircuit,
    key: Key,
    vk: VerifyingKey,
}

/// Why there is no proof of an inference.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InferenceError {
    /// Parameters or input do not fit.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    /// The proof cannot be made.
    #[error(transparent)]
    Prove(#[from] ProveError),
}

/// A proof that `outputs` is what the parameters behind the proof's commitments give on `inputs`.
#[derive(Clone, Debug)]
pub struct InferenceProof {
    /// The public inputs.
    pub inputs: Vec<i64>,
    /// The outputs.
    pub outputs: Vec<i64>,
    /// The proof's bytes.
    pub proof: Vec<u8>,
    /// Where the time went.
    pub timings: fast::Timings,
}

impl InferenceKeys {
    /// Generates the keys.
    ///
    /// # Errors
    ///
    /// If the SRS has another size than the circuit, or the circuit does not fit the key's format.
    pub fn generate(layout: Arc<Layout>, shape: Shape, srs: &Srs) -> Result<Self, KeyError> {
        if srs.k() != shape.k {
            return Err(KeyError::SrsSize {
                expected: shape.k,
                got: srs.k(),
            });
        }
        let public = u32::try_from(layout.public_rows()).map_err(|_| KeyError::TooLarge)?;
        let circuit = InferenceCircuit::new(layout, shape);
        let constraints = circuit.constraints();
        let sheet = circuit.sheet();
        let column = |index: usize| {
            sheet.fixed_columns()[index]
                .par_iter()
                .map(|&v| field(v))
                .collect()
        };
        let commitments = fast::commit(srs, constraints.num_fixed_columns(), column);
        let exported = export::Circuit {
            constraints: &constraints,
            k: circuit.shape().k,
            fixed: &commitments,
            permutation: &[],
        };
        let columns = circuit.parameter_columns().into_iter().map(u32::try_from);
        let columns: Vec<u32> = columns
            .collect::<Result<_, _>>()
            .map_err(|_| KeyError::TooLarge)?;
        let vk = if columns.is_empty() {
            export(&exported, &[public], None)?
        } else {
            let rows = circuit.layout().parameter_rows() as u64;
            export_weights(&exported, &[public], vec![WeightColumns { columns, rows }])?
        };
        let key = Key::new(constraints, circuit.shape().k, column)?;
        Ok(Self { circuit, key, vk })
    }

    /// The verifier's key.
    pub fn verifying_key(&self) -> &VerifyingKey {
        &self.vk
    }

    /// The circuit without a witness.
    pub fn circuit(&self) -> &InferenceCircuit {
        &self.circuit
    }

    /// Proves one inference; `prefix` is the first word of the transcript
    /// ([`nascent_verifier::transcript_prefix`]). Blinding comes from `rng`; of a proof that is to
    /// be linked, that is [`crate::link::Blinding::generator`].
    ///
    /// # Errors
    ///
    /// If parameters or input do not fit, or the proof cannot be made.
    pub fn prove(
        &self,
        srs: &Srs,
        params: &Params,
        inputs: &[i64],
        prefix: &Digest32,
        mut rng: impl RngCore + CryptoRng,
    ) -> Result<InferenceProof, InferenceError> {
        let (circuit, outputs) = self.circuit.with_witness(params, inputs)?;
        let instance = circuit.instance();
        let proof = Vec::with_capacity(self.vk.proof_len());
        let mut transcript = Keccak::new(proof, prefix);
        let timings = fast::create_proof(
            srs,
            &self.key,
            &circuit,
            &[&instance],
            &mut rng,
            &mut transcript,
        )
        .map_err(ProveError::from)?;
        Ok(InferenceProof {
            inputs: inputs.to_vec(),
            outputs,
            proof: transcript.into_inner(),
            timings,
        })
    }
}

/// The instance column for inputs and outputs, as the verifier's field elements' bytes
/// (little-endian).
pub fn instance_bytes(inputs: &[i64], outputs: &[i64]) -> Vec<[u8; 32]> {
    let count = inputs.len() as i64;
    let values = inputs.iter().chain(outputs).chain([&count]);
    values.map(|&value| field(value).to_repr()).collect()
}
