//! One inference: its file, its statement, its check.

use crate::batch::verify_proof_weights;
use crate::bundle::MAX_PROOF_BYTES;
use crate::codec::Format;
use crate::digest::{Digest32, tagged};
use crate::link::ProvedWeights;
use crate::proof::ProofError;
use crate::srs::Srs;
use crate::statement::transcript_prefix;
use crate::vk::VerifyingKey;
use alloc::vec::Vec;
use ark_bn254::Fr;
use serde::{Deserialize, Serialize};

/// Most public values of one inference.
pub const MAX_PUBLIC: usize = 1 << 20;

/// An inference with its proof.
///
/// Values are the quantized model's integers, in the order of its inputs and outputs, row-major.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InferenceBundle {
    /// Digest of the architecture: operators, shapes and tables, without parameters.
    pub architecture: Digest32,
    /// Digest of the verifying key.
    pub vk_digest: Digest32,
    /// Digest of the SRS the proof is made with.
    pub srs_digest: Digest32,
    /// Inputs.
    #[serde(deserialize_with = "crate::codec::bounded::<_, _, MAX_PUBLIC>")]
    pub inputs: Vec<i64>,
    /// Outputs.
    #[serde(deserialize_with = "crate::codec::bounded::<_, _, MAX_PUBLIC>")]
    pub outputs: Vec<i64>,
    /// Proof bytes.
    #[serde(with = "crate::codec::bytes")]
    pub proof: Vec<u8>,
}

impl InferenceBundle {
    /// The first word of the proof's transcript.
    pub fn transcript_prefix(&self) -> Digest32 {
        prefix(&self.architecture, &self.vk_digest, &self.srs_digest)
    }
}

/// The first word of the transcript of an inference; inputs, outputs and the number of
/// inputs are absorbed after it.
pub fn prefix(architecture: &Digest32, vk: &Digest32, srs: &Digest32) -> Digest32 {
    let statement = tagged("nascent inference statement v1", &[architecture]);
    transcript_prefix(vk, srs, &statement)
}

impl Format for InferenceBundle {
    const MAGIC: [u8; 8] = *b"nsc.infr";
    const VERSION: u16 = 1;
    const MAX_BYTES: usize = 32 << 20;
    type Error = InferenceError;

    fn validate(&self) -> Result<(), InferenceError> {
        if self.proof.len() > MAX_PROOF_BYTES {
            return Err(InferenceError::ProofTooLarge {
                limit: MAX_PROOF_BYTES,
                got: self.proof.len(),
            });
        }
        Ok(())
    }
}

/// Why an inference is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InferenceError {
    /// A proof longer than any key allows.
    #[error("the proof has {got} bytes, limit {limit}")]
    ProofTooLarge {
        /// Most bytes.
        limit: usize,
        /// Bytes found.
        got: usize,
    },
    /// Another verifying key.
    #[error("the proof is for another verifying key")]
    Key {
        /// Digest in the bundle.
        expected: Digest32,
        /// Digest of the key given.
        got: Digest32,
    },
    /// Another SRS.
    #[error("the proof is for another SRS")]
    Srs {
        /// Digest in the bundle.
        expected: Digest32,
        /// Digest of the SRS given.
        got: Digest32,
    },
    /// The proof itself.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

/// What [`verify_inference`] established.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InferenceReport {
    /// Digest of the architecture.
    pub architecture: Digest32,
    /// Digest of the verifying key.
    pub vk_digest: Digest32,
    /// Identity of the SRS.
    pub srs_digest: Digest32,
    /// Whether the SRS is the development one, under which anyone can forge.
    pub development_srs: bool,
    /// Number of inputs.
    pub inputs: usize,
    /// Number of outputs.
    pub outputs: usize,
    /// Bytes of the proof.
    pub proof_bytes: usize,
}

/// Checks that the outputs are what the circuit of `vk` gives on the inputs, for parameters that
/// the proof commits to.
///
/// That `vk` is the key of the architecture is the caller's to know: derive it again, or take it
/// from whom you trust.
///
/// # Errors
///
/// If key or SRS are others than the bundle's, or the proof does not hold.
pub fn verify_inference(
    bundle: &InferenceBundle,
    vk: &VerifyingKey,
    srs: &Srs,
) -> Result<InferenceReport, InferenceError> {
    verify_inference_weights(bundle, vk, srs).map(|(report, _)| report)
}

/// [`verify_inference`], which also hands out the commitments to the parameters, for links; none
/// for keys that do not name them.
///
/// # Errors
///
/// As [`verify_inference`].
pub fn verify_inference_weights(
    bundle: &InferenceBundle,
    vk: &VerifyingKey,
    srs: &Srs,
) -> Result<(InferenceReport, Option<ProvedWeights>), InferenceError> {
    bundle.validate()?;
    if *vk.digest() != bundle.vk_digest {
        return Err(InferenceError::Key {
            expected: bundle.vk_digest,
            got: *vk.digest(),
        });
    }
    let identity = srs.digest();
    if identity != bundle.srs_digest {
        return Err(InferenceError::Srs {
            expected: bundle.srs_digest,
            got: identity,
        });
    }
    let values = bundle.inputs.iter().chain(&bundle.outputs);
    let mut instance: Vec<Fr> = values.map(|&value| Fr::from(value)).collect();
    // The key has the right number, so that no input passes for an output.
    instance.push(Fr::from(bundle.inputs.len() as u64));
    let prefix = bundle.transcript_prefix();
    let weights = verify_proof_weights(vk, srs, &prefix, &[instance], &bundle.proof)?;
    let report = InferenceReport {
        architecture: bundle.architecture,
        vk_digest: bundle.vk_digest,
        srs_digest: identity,
        development_srs: srs.is_development(),
        inputs: bundle.inputs.len(),
        outputs: bundle.outputs.len(),
        proof_bytes: bundle.proof.len(),
    };
    Ok((report, weights.into_iter().next()))
}
