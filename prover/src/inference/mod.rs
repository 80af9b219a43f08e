//! Keys and proofs of inference: one set of keys for each architecture, whatever the checkpoint.

use std::sync::Arc;

use ff::PrimeField;
use halo2curves::bn256::Fr;
use nascent_circuits::inference::plan::layout::{Layout, Role};
use nascent_circuits::inference::{ExecuteError, InferenceCircuit, Salts, Shape};
use nascent_ir::Params;
use nascent_params::Srs;
use nascent_verifier::inference::{Listed, key_subject};
use nascent_verifier::{Digest32, VerifyingKey, WeightColumns};
use rand_core::{CryptoRng, RngCore};

use crate::error::{KeyError, ProveError};
use crate::export::{self, Exporter, export_bound};
use crate::plonk::{self, Key};
use crate::sheet;
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
    /// The inputs.
    pub inputs: Vec<i64>,
    /// The outputs.
    pub outputs: Vec<i64>,
    /// What hides the inputs, if they are hidden.
    pub input_seal: Option<Seal>,
    /// What hides the outputs, if they are hidden.
    pub output_seal: Option<Seal>,
    /// The proof's bytes.
    pub proof: Vec<u8>,
    /// Where the time went.
    pub timings: plonk::Timings,
}

/// The digest of hidden values and the salt that opens it, both little-endian.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seal {
    /// Public.
    pub digest: [u8; 32],
    /// Secret: with it, likely values can be tried.
    pub salt: [u8; 32],
}

impl std::fmt::Debug for Seal {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Seal")
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}

impl InferenceKeys {
    /// Generates the keys; `architecture` is the digest of the graph that the layout was planned from.
    /// The verifying key bears it, with what the layout hides, and serves for no other.
    ///
    /// # Errors
    ///
    /// If the SRS has another size than the circuit, or the circuit does not fit the key's format.
    pub fn generate(
        architecture: &Digest32,
        layout: Arc<Layout>,
        shape: Shape,
        srs: &Srs,
    ) -> Result<Self, KeyError> {
        let (circuit, export) = exported(architecture, layout, shape)?;
        let constraints = circuit.constraints();
        let k = circuit.shape().k;
        let (key, vk) = sheet::generate(constraints, circuit.sheet(), k, srs, export)?;
        Ok(Self { circuit, key, vk })
    }

    /// Generates the verifier's key alone, with the circuit that it is of: 8 bytes a fixed cell, not the
    /// 40 of both keys.
    ///
    /// # Errors
    ///
    /// As [`Self::generate`].
    pub fn derive(
        architecture: &Digest32,
        layout: Arc<Layout>,
        shape: Shape,
        srs: &Srs,
    ) -> Result<(InferenceCircuit, VerifyingKey), KeyError> {
        let (circuit, export) = exported(architecture, layout, shape)?;
        let constraints = circuit.constraints();
        let k = circuit.shape().k;
        let vk = sheet::verifying_key(&constraints, circuit.sheet(), k, srs, export)?;
        Ok((circuit, vk))
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
    /// be linked, that is [`crate::link::Blinding::generator`]. `salts` hide the values that the layout
    /// hides, and must be fresh.
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
        salts: Salts,
        mut rng: impl RngCore + CryptoRng,
    ) -> Result<InferenceProof, InferenceError> {
        let (circuit, outputs) = self.circuit.with_witness(params, inputs, salts)?;
        let seal = |role, salt: Fr| {
            circuit.layout().seal(role).map(|seal| Seal {
                digest: circuit.digest(seal).to_repr(),
                salt: salt.to_repr(),
            })
        };
        let input_seal = seal(Role::Input, salts.inputs);
        let output_seal = seal(Role::Output, salts.outputs);
        let instance = circuit.instance();
        let proof = Vec::with_capacity(self.vk.proof_len());
        let mut transcript = Keccak::new(proof, prefix);
        let timings = plonk::create_proof(
            srs,
            &self.key,
            circuit,
            &[&instance],
            &mut rng,
            &mut transcript,
        )
        .map_err(ProveError::from)?;
        Ok(InferenceProof {
            inputs: inputs.to_vec(),
            outputs,
            input_seal,
            output_seal,
            proof: transcript.into_inner(),
            timings,
        })
    }
}

/// The circuit of a layout, and what makes the verifier's key of its commitments.
fn exported(
    architecture: &Digest32,
    layout: Arc<Layout>,
    shape: Shape,
) -> Result<(InferenceCircuit, Exporter), KeyError> {
    let listed = |role, public: usize| match layout.seal(role) {
        Some(seal) => Listed::Hidden(seal.value_rows().len() as u64),
        None => Listed::Public(public as u64),
    };
    let inputs = listed(Role::Input, layout.inputs);
    let outputs = listed(Role::Output, layout.outputs.len());
    let subject = key_subject(architecture, inputs, outputs);
    let public = u32::try_from(layout.instance_rows()).map_err(|_| KeyError::TooLarge)?;
    let circuit = InferenceCircuit::new(layout, shape);
    let columns = circuit.parameter_columns().into_iter().map(u32::try_from);
    let columns: Vec<u32> = columns
        .collect::<Result<_, _>>()
        .map_err(|_| KeyError::TooLarge)?;
    let rows = circuit.layout().parameter_rows() as u64;
    let export = move |circuit: &export::Circuit<'_>| {
        let weights = if columns.is_empty() {
            Vec::new()
        } else {
            vec![WeightColumns { columns, rows }]
        };
        export_bound(circuit, &[public], subject, weights)
    };
    Ok((circuit, Box::new(export)))
}
