//! One inference: its file, its statement, its check.

use crate::batch::{verify_proof_weights_with, verify_proof_with};
use crate::bundle::MAX_PROOF_BYTES;
use crate::codec::Format;
use crate::digest::{Digest32, tagged};
use crate::encoding::scalar_from_bytes;
use crate::link::ProvedWeights;
use crate::proof::ProofError;
use crate::srs::Srs;
use crate::statement::transcript_prefix;
use crate::vk::VerifyingKey;
use crate::workers::{Alone, Workers};
use alloc::vec::Vec;
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use core::iter::successors;
use serde::{Deserialize, Serialize};

/// Most public values of one inference.
pub const MAX_PUBLIC: usize = 1 << 20;

/// Rows of the instance that hidden values take beside their own: those of the salt.
const SALT_ROWS: u64 = 15;

/// Values that stay hidden: what is known of them.
///
/// The digest is a hash chain over a random salt and the values, defined in the book's page on
/// hidden values. Whoever knows both can compute it; it tells nothing without the salt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hidden {
    /// Field element, little-endian.
    pub digest: Digest32,
    /// Number of values.
    pub count: u32,
}

impl Hidden {
    /// Rows of the instance: whole blocks of 15, the digest on the last.
    fn rows(self) -> u64 {
        SALT_ROWS + u64::from(self.count).next_multiple_of(SALT_ROWS)
    }
}

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
    /// Inputs that are hidden; the list above is empty then.
    pub hidden_inputs: Option<Hidden>,
    /// Outputs that are hidden; the list above is empty then.
    pub hidden_outputs: Option<Hidden>,
    /// Proof bytes.
    #[serde(with = "crate::codec::bytes")]
    pub proof: Vec<u8>,
}

impl InferenceBundle {
    /// The first word of the proof's transcript.
    pub fn transcript_prefix(&self) -> Digest32 {
        prefix(&self.architecture, &self.vk_digest, &self.srs_digest)
    }

    /// The instance column: inputs, outputs, the number of inputs; then for hidden values their
    /// number, zeros and their digest.
    ///
    /// # Errors
    ///
    /// A digest that is no field element.
    pub fn instance(&self) -> Result<Vec<Fr>, InferenceError> {
        let mut instance = field_elements(self.inputs.iter().chain(&self.outputs));
        // The key has the right number, so that no input passes for an output.
        instance.push(Fr::from(self.inputs.len() as u64));
        for hidden in [self.hidden_inputs, self.hidden_outputs].iter().flatten() {
            // The key has this one too: rows and digest fix the number of blocks only.
            instance.push(Fr::from(hidden.count));
            let zeros = usize::try_from(hidden.rows() - 2).unwrap_or(usize::MAX);
            instance.resize(instance.len().saturating_add(zeros), Fr::from(0u64));
            let digest = scalar_from_bytes(&hidden.digest);
            instance.push(digest.map_err(|_| InferenceError::Digest)?);
        }
        Ok(instance)
    }
}

/// Integers as field elements. Small ones, as there are many, come from a table made by additions.
fn field_elements<'a>(values: impl Iterator<Item = &'a i64> + Clone) -> Vec<Fr> {
    let largest = values.clone().map(|value| value.unsigned_abs()).max();
    let largest = largest.and_then(|value| usize::try_from(value).ok());
    let count = values.clone().count();
    let table: Vec<Fr> = match largest.filter(|&largest| largest <= count) {
        Some(largest) => successors(Some(Fr::ZERO), |last| Some(*last + Fr::ONE))
            .take(largest.saturating_add(1))
            .collect(),
        None => Vec::new(),
    };
    let element = |value: &i64| {
        let index = usize::try_from(value.unsigned_abs()).ok();
        match index.and_then(|index| table.get(index)) {
            Some(element) if *value < 0 => -*element,
            Some(element) => *element,
            None => Fr::from(*value),
        }
    };
    values.map(element).collect()
}

/// The first word of the transcript of an inference; the instance column is absorbed after it: inputs,
/// outputs, the number of inputs, and numbers and digests of hidden values.
pub fn prefix(architecture: &Digest32, vk: &Digest32, srs: &Digest32) -> Digest32 {
    let statement = tagged("nascent inference statement v2", &[architecture]);
    transcript_prefix(vk, srs, &statement)
}

/// A list of values of a statement, and how many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed {
    /// In the instance, one by one.
    Public(u64),
    /// Behind a digest.
    Hidden(u64),
}

impl Listed {
    fn of(values: &[i64], hidden: Option<Hidden>) -> Self {
        match hidden {
            Some(hidden) => Self::Hidden(hidden.count.into()),
            None => Self::Public(values.len() as u64),
        }
    }

    fn bytes(self) -> [u8; 9] {
        let (kind, count) = match self {
            Self::Public(count) => (0, count),
            Self::Hidden(count) => (1, count),
        };
        let mut bytes = [kind; 9];
        bytes[1..].copy_from_slice(&count.to_be_bytes());
        bytes
    }
}

/// What the key of an inference's circuit is of: an architecture, and how many inputs and outputs are
/// public or hidden. The instance is one list of field elements; a key that serves one division of it
/// serves no other: the digest of a hidden list could else be a public value, and rows before a digest,
/// which nothing reads, could pass for outputs.
pub fn key_subject(architecture: &Digest32, inputs: Listed, outputs: Listed) -> Digest32 {
    let counts = [inputs.bytes(), outputs.bytes()].concat();
    tagged("nascent inference circuit v2", &[architecture, &counts])
}

impl Format for InferenceBundle {
    const MAGIC: [u8; 8] = *b"nsc.infr";
    const VERSION: u16 = 3;
    const MAX_BYTES: usize = 32 << 20;
    type Error = InferenceError;

    fn validate(&self) -> Result<(), InferenceError> {
        if self.proof.len() > MAX_PROOF_BYTES {
            return Err(InferenceError::ProofTooLarge {
                limit: MAX_PROOF_BYTES,
                got: self.proof.len(),
            });
        }
        for (hidden, values) in [
            (&self.hidden_inputs, &self.inputs),
            (&self.hidden_outputs, &self.outputs),
        ] {
            let Some(hidden) = hidden else { continue };
            if !values.is_empty() {
                return Err(InferenceError::HiddenAndPublic);
            }
            if !usize::try_from(hidden.count).is_ok_and(|count| count <= MAX_PUBLIC) {
                return Err(InferenceError::TooManyHidden {
                    limit: MAX_PUBLIC,
                    got: hidden.count,
                });
            }
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
    /// Values that are said to be hidden and given too.
    #[error("values are hidden and public at once")]
    HiddenAndPublic,
    /// More hidden values than any circuit takes.
    #[error("{got} hidden values, limit {limit}")]
    TooManyHidden {
        /// Most values.
        limit: usize,
        /// Values stated.
        got: u32,
    },
    /// A digest of hidden values that is no field element.
    #[error("the digest of hidden values is not a field element")]
    Digest,
    /// Another verifying key.
    #[error("the proof is for another verifying key")]
    Key {
        /// Digest in the bundle.
        expected: Digest32,
        /// Digest of the key given.
        got: Digest32,
    },
    /// The key is another architecture's, or one for other numbers of public and hidden values.
    #[error("the verifying key is that of another architecture, or of other numbers of values")]
    Architecture,
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
    /// Hidden inputs.
    pub hidden_inputs: Option<Hidden>,
    /// Hidden outputs.
    pub hidden_outputs: Option<Hidden>,
    /// Bytes of the proof.
    pub proof_bytes: usize,
}

/// Checks that the outputs are what the circuit of `vk` gives on the inputs, for parameters that
/// the proof commits to.
///
/// The key says which architecture it is of; that it is honest is the caller's to know: derive it
/// again, or take it from whom you trust.
///
/// # Errors
///
/// If key or SRS are others than the bundle's, or the proof does not hold.
pub fn verify_inference(
    bundle: &InferenceBundle,
    vk: &VerifyingKey,
    srs: &Srs,
) -> Result<InferenceReport, InferenceError> {
    verify_inference_by(bundle, vk, srs, &Alone)
}

/// [`verify_inference`] by several workers, which share the public values.
///
/// # Errors
///
/// As [`verify_inference`].
pub fn verify_inference_by(
    bundle: &InferenceBundle,
    vk: &VerifyingKey,
    srs: &Srs,
    workers: &impl Workers,
) -> Result<InferenceReport, InferenceError> {
    let instance = check_statement(bundle, vk, srs)?;
    let prefix = bundle.transcript_prefix();
    verify_proof_with(vk, srs, &prefix, &[instance], &bundle.proof, workers)?;
    Ok(report(bundle, srs))
}

/// [`verify_inference`], which also hands out the commitments to the parameters, for links; none
/// for keys that do not name them. The proof's identity for links is a second hash of all public
/// values.
///
/// # Errors
///
/// As [`verify_inference`].
pub fn verify_inference_weights(
    bundle: &InferenceBundle,
    vk: &VerifyingKey,
    srs: &Srs,
) -> Result<(InferenceReport, Option<ProvedWeights>), InferenceError> {
    verify_inference_with(bundle, vk, srs, &Alone)
}

/// [`verify_inference_weights`] by several workers, which share the public values.
///
/// # Errors
///
/// As [`verify_inference`].
pub fn verify_inference_with(
    bundle: &InferenceBundle,
    vk: &VerifyingKey,
    srs: &Srs,
    workers: &impl Workers,
) -> Result<(InferenceReport, Option<ProvedWeights>), InferenceError> {
    let instances = [check_statement(bundle, vk, srs)?];
    let prefix = bundle.transcript_prefix();
    let weights = verify_proof_weights_with(vk, srs, &prefix, &instances, &bundle.proof, workers)?;
    Ok((report(bundle, srs), weights.into_iter().next()))
}

/// Key and SRS are the bundle's; gives the instance column.
fn check_statement(
    bundle: &InferenceBundle,
    vk: &VerifyingKey,
    srs: &Srs,
) -> Result<Vec<Fr>, InferenceError> {
    bundle.validate()?;
    if *vk.digest() != bundle.vk_digest {
        return Err(InferenceError::Key {
            expected: bundle.vk_digest,
            got: *vk.digest(),
        });
    }
    let inputs = Listed::of(&bundle.inputs, bundle.hidden_inputs);
    let outputs = Listed::of(&bundle.outputs, bundle.hidden_outputs);
    if vk.subject() != Some(&key_subject(&bundle.architecture, inputs, outputs)) {
        return Err(InferenceError::Architecture);
    }
    let identity = srs.digest();
    if identity != bundle.srs_digest {
        return Err(InferenceError::Srs {
            expected: bundle.srs_digest,
            got: identity,
        });
    }
    bundle.instance()
}

fn report(bundle: &InferenceBundle, srs: &Srs) -> InferenceReport {
    InferenceReport {
        architecture: bundle.architecture,
        vk_digest: bundle.vk_digest,
        srs_digest: bundle.srs_digest,
        development_srs: srs.is_development(),
        inputs: bundle.inputs.len(),
        outputs: bundle.outputs.len(),
        hidden_inputs: bundle.hidden_inputs,
        hidden_outputs: bundle.hidden_outputs,
        proof_bytes: bundle.proof.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn bundle(inputs: Vec<i64>, count: Option<u32>) -> InferenceBundle {
        InferenceBundle {
            architecture: [1; 32],
            vk_digest: [2; 32],
            srs_digest: [3; 32],
            inputs,
            outputs: vec![-1, 7],
            hidden_inputs: count.map(|count| Hidden {
                digest: [4; 32],
                count,
            }),
            hidden_outputs: None,
            proof: vec![9; 40],
        }
    }

    #[test]
    fn a_digest_stands_after_its_blocks() {
        for (count, zeros) in [(1, 28), (15, 28), (16, 43)] {
            let made = bundle(Vec::new(), Some(count));
            let mut expected = vec![-Fr::from(1u64), Fr::from(7u64), Fr::from(0u64)];
            expected.push(Fr::from(count));
            expected.extend(vec![Fr::from(0u64); zeros]);
            expected.push(scalar_from_bytes(&[4; 32]).unwrap());
            assert_eq!(made.instance().unwrap(), expected);
            let bytes = made.encode().unwrap();
            assert_eq!(InferenceBundle::decode(&bytes).unwrap(), made);
        }
        let public = bundle(vec![5], None).instance().unwrap();
        assert_eq!(public.last(), Some(&Fr::from(1u64)));
    }

    #[test]
    fn a_key_is_for_one_division_into_values() {
        let counts = [0, 1, 15, 16, 784, 795];
        let listed = || counts.map(Listed::Public).into_iter();
        let all: Vec<Listed> = listed().chain(counts.map(Listed::Hidden)).collect();
        let pairs = all.iter().flat_map(|&i| all.iter().map(move |&o| (i, o)));
        let mut subjects: Vec<_> = pairs.map(|(i, o)| key_subject(&[1; 32], i, o)).collect();
        subjects.sort_unstable();
        subjects.dedup();
        assert_eq!(subjects.len(), 144);
    }

    #[test]
    fn small_and_large_integers_are_the_same_elements() {
        let few = [5, -3, 0, i64::MAX, i64::MIN, -1];
        let many: Vec<i64> = (-300..400).collect();
        for values in [&few[..], &many, &[], &[0], &[-1]] {
            let expected: Vec<Fr> = values.iter().map(|&value| Fr::from(value)).collect();
            assert_eq!(field_elements(values.iter()), expected);
        }
    }

    #[test]
    fn what_is_hidden_is_not_public() {
        let both = bundle(vec![5], Some(1));
        assert_eq!(both.validate(), Err(InferenceError::HiddenAndPublic));
        let limit = MAX_PUBLIC;
        let got = 1 + (1 << 20);
        let many = bundle(Vec::new(), Some(got));
        let expected = InferenceError::TooManyHidden { limit, got };
        assert_eq!(many.validate(), Err(expected));
        let mut other = bundle(Vec::new(), Some(1));
        other.hidden_inputs = Some(Hidden {
            digest: [255; 32],
            count: 1,
        });
        assert_eq!(other.instance(), Err(InferenceError::Digest));
    }
}
