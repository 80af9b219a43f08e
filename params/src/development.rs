//! The development SRS: deterministic, fast to make, and worth nothing.
//!
//! Its tau is the hash of a public sentence, so anyone can forge proofs under it, and every
//! verifier recognises it by its identity whatever a file claims.

use ff::{BatchInvert, Field, FromUniformBytes, PrimeField};
use group::Curve;
use halo2curves::bn256::{Fr, G2};
use nascent_verifier::digest::keccak256;
use nascent_verifier::srs::DEVELOPMENT_TEXT;
use rayon::prelude::*;

use crate::comb::Comb;
use crate::domain::omega;
use crate::error::{CheckError, ParamsError};
use crate::parts::{Parts, validate_k};
use crate::progress::{Progress, Step};
use crate::srs::{Provenance, Srs};

/// Scalars per task.
const CHUNK: usize = 1 << 12;

/// Keccak-256 of the verifier's [`DEVELOPMENT_TEXT`], read big-endian, modulo the group order.
pub fn development_tau() -> Fr {
    let mut wide = [0u8; 64];
    let digest = keccak256(&[DEVELOPMENT_TEXT.as_bytes()]);
    for (wide, byte) in wide.iter_mut().zip(digest.iter().rev()) {
        *wide = *byte;
    }
    Fr::from_uniform_bytes(&wide)
}

impl Srs {
    /// The development SRS of size `2^k`.
    ///
    /// # Errors
    ///
    /// Refuses a `k` outside [`crate::MIN_K`]..=[`crate::MAX_K`].
    pub fn development(k: u32, progress: &dyn Progress) -> Result<Self, ParamsError> {
        let parts = from_tau(development_tau(), k, progress)?;
        Ok(Self::from_checked(parts, Provenance::Development)?)
    }
}

/// Both bases for a known tau.
pub(crate) fn from_tau(tau: Fr, k: u32, progress: &dyn Progress) -> Result<Parts, ParamsError> {
    validate_k(k)?;
    let total = 1u64 << k;
    let comb = Comb::new(k);
    let powers = comb.multiples(&power_scalars(tau, k), &|done| {
        progress.report(Step::GeneratePowers, done, total);
    });
    let lagrange = lagrange_scalars(tau, k).ok_or(CheckError::TauInDomain)?;
    let lagrange = comb.multiples(&lagrange, &|done| {
        progress.report(Step::GenerateLagrange, done, total);
    });
    let tau_g2 = (G2::generator() * tau).to_affine();
    Ok(Parts {
        k,
        powers,
        lagrange,
        tau_g2,
    })
}

/// `tau^0, ..., tau^(2^k - 1)`.
pub(crate) fn power_scalars(tau: Fr, k: u32) -> Vec<Fr> {
    let mut out = vec![Fr::ZERO; 1 << k];
    out.par_chunks_mut(CHUNK)
        .enumerate()
        .for_each(|(i, chunk)| {
            let mut power = tau.pow_vartime([(i * CHUNK) as u64]);
            for slot in chunk {
                *slot = power;
                power *= tau;
            }
        });
    out
}

/// `L_i(tau) = (tau^n - 1)/n * omega^i / (tau - omega^i)` for every `i`, or nothing when tau lies
/// in the domain.
pub(crate) fn lagrange_scalars(tau: Fr, k: u32) -> Option<Vec<Fr>> {
    let n = 1u64 << k;
    let factor = (tau.pow_vartime([n]) - Fr::ONE) * Fr::TWO_INV.pow_vartime([u64::from(k)]);
    if bool::from(factor.is_zero()) {
        return None;
    }
    let omega = omega(k);
    let mut out = vec![Fr::ZERO; 1 << k];
    out.par_chunks_mut(CHUNK)
        .enumerate()
        .for_each(|(i, chunk)| {
            let mut root = omega.pow_vartime([(i * CHUNK) as u64]);
            let mut roots = Vec::with_capacity(chunk.len());
            for slot in chunk.iter_mut() {
                *slot = tau - root;
                roots.push(root);
                root *= omega;
            }
            chunk.iter_mut().batch_invert();
            for (slot, root) in chunk.iter_mut().zip(roots) {
                *slot *= factor * root;
            }
        });
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Silent;
    use halo2_proofs::poly::EvaluationDomain;
    use halo2_proofs::poly::commitment::{Blind, Params, ParamsProver};
    use halo2_proofs::poly::kzg::commitment::ParamsKZG;
    use halo2curves::bn256::Bn256;
    use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
    use rand_core::{Error, RngCore};

    /// Hands the library's `setup` the 512-bit number it reduces to our tau, word by word.
    struct TauRng(std::vec::IntoIter<u64>);

    impl TauRng {
        fn new() -> Self {
            let repr = development_tau().to_repr();
            let words = repr.as_ref().chunks_exact(8);
            let words: Vec<u64> = words
                .map(|bytes| {
                    bytes
                        .iter()
                        .rev()
                        .fold(0, |acc, byte| acc << 8 | u64::from(*byte))
                })
                .collect();
            Self(words.into_iter())
        }
    }

    impl RngCore for TauRng {
        fn next_u32(&mut self) -> u32 {
            unreachable!("the library draws a scalar from 64-bit words")
        }
        fn next_u64(&mut self) -> u64 {
            self.0.next().unwrap_or(0)
        }
        fn fill_bytes(&mut self, _: &mut [u8]) {
            unreachable!("the library draws a scalar from 64-bit words")
        }
        fn try_fill_bytes(&mut self, _: &mut [u8]) -> Result<(), Error> {
            unreachable!("the library draws a scalar from 64-bit words")
        }
    }

    #[test]
    fn agrees_with_the_library_setup() {
        for k in [1, 2, 5, 8] {
            let ours = Srs::development(k, &Silent).expect("valid k");
            let theirs = ParamsKZG::<Bn256>::setup(k, TauRng::new());
            let bytes = |params: &ParamsKZG<Bn256>| {
                let mut bytes = Vec::new();
                params.write(&mut bytes).expect("writing to memory");
                bytes
            };
            assert_eq!(bytes(ours.params()), bytes(&theirs), "k = {k}");
        }
    }

    #[test]
    fn both_bases_commit_a_polynomial_to_the_same_point() {
        let k = 6;
        let srs = Srs::development(k, &Silent).expect("valid k");
        let domain = EvaluationDomain::new(1, k);
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        let mut values = domain.empty_lagrange();
        for value in values.iter_mut() {
            *value = Fr::random(&mut rng);
        }
        let blind = Blind(Fr::ZERO);
        let in_lagrange = srs.params().commit_lagrange(&values, blind);
        let coefficients = domain.lagrange_to_coeff(values);
        assert_eq!(srs.params().commit(&coefficients, blind), in_lagrange);
    }

    #[test]
    fn tau_is_the_documented_constant() {
        let digest = keccak256(&[DEVELOPMENT_TEXT.as_bytes()]);
        let base = Fr::from(256);
        let expected = digest.iter().fold(Fr::ZERO, |acc, byte| {
            acc * base + Fr::from(u64::from(*byte))
        });
        assert_eq!(development_tau(), expected);
    }

    #[test]
    fn a_tau_inside_the_domain_is_refused() {
        assert!(matches!(
            from_tau(omega(4), 4, &Silent),
            Err(ParamsError::Check {
                source: CheckError::TauInDomain,
                ..
            })
        ));
        assert!(lagrange_scalars(Fr::ONE, 3).is_none());
    }

    #[test]
    fn sizes_outside_the_field_are_refused() {
        for k in [0, 29, u32::MAX] {
            assert!(matches!(
                Srs::development(k, &Silent),
                Err(ParamsError::SizeOutOfRange { got, .. }) if got == k
            ));
        }
    }
}
