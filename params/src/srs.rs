//! The structured reference string as the rest of the project holds it.

use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use halo2_proofs::SerdeFormat;
use halo2_proofs::poly::commitment::{Params, ParamsProver};
use halo2_proofs::poly::kzg::commitment::ParamsKZG;
use halo2curves::bn256::{Bn256, G1Affine, G2Affine};
use halo2curves::serde::SerdeObject;
use nascent_verifier::Srs as VerifierSrs;
use rand_chacha::{ChaCha8Rng, ChaCha20Rng, rand_core::SeedableRng};
use rand_core::OsRng;

use crate::error::{CheckError, ContentError, ParamsError, size_error};
use crate::identity::verifier_srs;
use crate::parts::Parts;
use crate::progress::Progress;
use crate::transform::{to_lagrange_reporting, transform_work};

/// Bytes of a point of G1 in memory form.
pub(crate) const G1_BYTES: usize = 64;

/// Kind of file an SRS was imported from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SourceFormat {
    /// snarkjs' powers of tau.
    Ptau,
    /// The proof library's `ParamsKZG`, raw.
    Halo2Raw,
}

/// The file a ceremony's SRS was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CeremonyFile {
    /// Its format.
    pub format: SourceFormat,
    /// BLAKE2b-512 of the whole file, the hash that ceremonies publish (`b2sum` prints it).
    pub blake2b: [u8; 64],
    /// Where it was, to read another size from it; empty when the path is not UTF-8.
    pub path: PathBuf,
}

/// Where an SRS comes from.
///
/// [`Provenance::Ceremony`] says that the SRS came in a file, not that the ceremony was sound: the
/// file's hash and the SRS's identity are to be compared with what the ceremony published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Provenance {
    /// tau is public: **proofs under this SRS are forgeable**.
    Development,
    /// Imported from a file.
    Ceremony(CeremonyFile),
}

/// A checked SRS: powers of tau of size `2^k` in both bases, and where they come from.
///
/// A value of this type passed the checks of [`Srs::check`] when it was imported, was generated
/// here, or was read from this crate's own cache, which only holds such values.
#[derive(Clone)]
pub struct Srs {
    params: ParamsKZG<Bn256>,
    provenance: Provenance,
    verifier: VerifierSrs,
    identity: [u8; 32],
}

impl Srs {
    /// Wraps points that are known to be good.
    ///
    /// The development tau is recognised whatever the caller says of the provenance.
    pub(crate) fn from_checked(parts: Parts, provenance: Provenance) -> Result<Self, CheckError> {
        let verifier = verifier_srs(&parts.tau_g2)?;
        let provenance = if verifier.is_development() {
            Provenance::Development
        } else {
            provenance
        };
        // `from_parts` wants a receiver and ignores it.
        let receiver = ParamsKZG::<Bn256>::setup(1, ChaCha8Rng::from_seed([0; 32]));
        let params = receiver.from_parts(
            parts.k,
            parts.powers,
            Some(parts.lagrange),
            G2Affine::generator(),
            parts.tau_g2,
        );
        let identity = verifier.digest();
        Ok(Self {
            params,
            provenance,
            verifier,
            identity,
        })
    }

    /// Checks points read from a ceremony's file, and wraps them.
    pub(crate) fn from_ceremony(
        parts: Parts,
        format: SourceFormat,
        blake2b: [u8; 64],
        path: &Path,
        progress: &dyn Progress,
    ) -> Result<Self, ParamsError> {
        parts
            .check(&mut system_rng()?, progress)
            .map_err(|error| ContentError::from(error).at(path))?;
        let path = if path.to_str().is_some() {
            path.to_path_buf()
        } else {
            PathBuf::new()
        };
        let file = CeremonyFile {
            format,
            blake2b,
            path,
        };
        Ok(Self::from_checked(parts, Provenance::Ceremony(file))?)
    }

    /// Base-2 logarithm of the number of powers.
    pub fn k(&self) -> u32 {
        self.params.k()
    }

    /// The proof library's view of the SRS.
    pub fn params(&self) -> &ParamsKZG<Bn256> {
        &self.params
    }

    /// Where the SRS comes from.
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// Whether tau is public, so that proofs can be forged.
    pub fn is_development(&self) -> bool {
        self.verifier.is_development()
    }

    /// Digest of `[tau]_2`: names the SRS whatever its size.
    pub fn identity(&self) -> &[u8; 32] {
        &self.identity
    }

    /// `[tau]_2`.
    pub fn tau_g2(&self) -> G2Affine {
        self.params.s_g2()
    }

    /// What a verifier needs: `[tau]_2`. The generators of both groups are fixed.
    pub fn verifier_srs(&self) -> &VerifierSrs {
        &self.verifier
    }

    /// `[tau^i]_1` for every `i` below `2^k`.
    pub fn powers(&self) -> &[G1Affine] {
        self.params.get_g()
    }

    /// `[L_i(tau)]_1` for every `i` below `2^k`: a copy, since the library keeps its own private.
    pub fn lagrange(&self) -> Vec<G1Affine> {
        self.lagrange_from(0)
    }

    /// `[L_i(tau)]_1` for `i` from `first` on, as [`Srs::lagrange`].
    pub fn lagrange_from(&self, first: usize) -> Vec<G1Affine> {
        let n = 1usize << self.k();
        let first = first.min(n);
        let mut capture = Capture {
            skip: 4 + (n + first) * G1_BYTES,
            pending: Vec::with_capacity(G1_BYTES),
            wanted: n - first,
            points: Vec::with_capacity(n - first),
        };
        let written = self
            .params
            .write_custom(&mut capture, SerdeFormat::RawBytesUnchecked);
        debug_assert!(written.is_ok(), "writing to memory does not fail");
        capture.points
    }

    /// Checks again, with fresh randomness, that this is a reference string: points on the curve
    /// and in the subgroup, first elements, every power by a pairing, both bases equal.
    ///
    /// # Errors
    ///
    /// The first check that fails.
    pub fn check(&self, progress: &dyn Progress) -> Result<(), ParamsError> {
        let parts = Parts {
            k: self.k(),
            powers: self.powers().to_vec(),
            lagrange: self.lagrange(),
            tau_g2: self.tau_g2(),
        };
        Ok(parts.check(&mut system_rng()?, progress)?)
    }

    /// As [`Srs::derive`], always by computing the Lagrange basis from the powers.
    ///
    /// # Errors
    ///
    /// Refuses a `k` above that of this SRS.
    pub fn derive_from_powers(&self, k: u32, progress: &dyn Progress) -> Result<Self, ParamsError> {
        if k < crate::MIN_K || k > self.k() {
            return Err(size_error(self.k(), k));
        }
        let powers = self.powers()[..1 << k].to_vec();
        let lagrange = to_lagrange_reporting(powers.clone(), k, progress);
        let parts = Parts {
            k,
            powers,
            lagrange,
            tau_g2: self.tau_g2(),
        };
        Ok(Self::from_checked(parts, self.provenance.clone())?)
    }

    /// Butterflies that [`Srs::derive`] and an import without a Lagrange section have to do.
    pub fn transform_work(k: u32) -> u64 {
        transform_work(k)
    }
}

/// Without the points, of which there are millions.
impl fmt::Debug for Srs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Srs")
            .field("k", &self.k())
            .field("provenance", &self.provenance)
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

/// The identity of the development SRS.
pub fn development_identity() -> &'static [u8; 32] {
    static IDENTITY: LazyLock<[u8; 32]> = LazyLock::new(|| {
        // A constant of the verifier, whose own test derives it; the fallback names no SRS.
        VerifierSrs::development().map_or([0; 32], |srs| srs.digest())
    });
    &IDENTITY
}

/// A generator seeded by the system.
pub(crate) fn system_rng() -> Result<ChaCha20Rng, ParamsError> {
    ChaCha20Rng::from_rng(OsRng).map_err(ParamsError::Randomness)
}

/// Picks points out of the stream the library writes.
struct Capture {
    skip: usize,
    pending: Vec<u8>,
    wanted: usize,
    points: Vec<G1Affine>,
}

impl Write for Capture {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let skipped = self.skip.min(bytes.len());
        self.skip -= skipped;
        for byte in &bytes[skipped..] {
            if self.points.len() == self.wanted {
                break;
            }
            self.pending.push(*byte);
            if self.pending.len() == G1_BYTES {
                self.points
                    .push(G1Affine::from_raw_bytes_unchecked(&self.pending));
                self.pending.clear();
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::development::{development_tau, from_tau};
    use crate::progress::Silent;
    use halo2curves::bn256::Fr;

    #[test]
    fn the_lagrange_basis_comes_back_out() {
        let parts = from_tau(development_tau(), 5, &Silent).expect("valid k");
        let lagrange = parts.lagrange.clone();
        let srs = Srs::from_checked(parts, Provenance::Development).expect("checked");
        assert_eq!(srs.lagrange(), lagrange);
        assert_eq!(srs.lagrange_from(30), lagrange[30..]);
        assert_eq!(srs.lagrange_from(99), []);
    }

    #[test]
    fn the_development_tau_is_recognised_under_any_claim() {
        let parts = from_tau(development_tau(), 3, &Silent).expect("valid k");
        let claim = Provenance::Ceremony(CeremonyFile {
            format: SourceFormat::Ptau,
            blake2b: [0; 64],
            path: PathBuf::new(),
        });
        let srs = Srs::from_checked(parts, claim.clone()).expect("checked");
        assert_eq!(srs.provenance(), &Provenance::Development);
        assert!(srs.is_development());

        let other = from_tau(Fr::from(77), 3, &Silent).expect("valid k");
        let srs = Srs::from_checked(other, claim.clone()).expect("checked");
        assert_eq!(srs.provenance(), &claim);
        assert!(!srs.is_development());
    }

    #[test]
    fn deriving_a_development_srs_keeps_its_identity() {
        let large = Srs::development(7, &Silent).expect("valid k");
        let small = large.derive(4, &Silent).expect("smaller k");
        assert_eq!(small.identity(), large.identity());
        assert_eq!(small.powers(), &large.powers()[..16]);
        small.check(&Silent).expect("a derived SRS is one");
        assert!(matches!(
            large.derive(8, &Silent),
            Err(ParamsError::SizeOutOfRange {
                min: 1,
                max: 7,
                got: 8
            })
        ));
        assert!(large.derive(0, &Silent).is_err());
    }

    #[test]
    fn deriving_without_the_file_computes_the_basis() {
        let tau = Fr::from(991);
        let provenance = Provenance::Ceremony(CeremonyFile {
            format: SourceFormat::Ptau,
            blake2b: [1; 64],
            path: PathBuf::from("there is no such file"),
        });
        let parts = from_tau(tau, 6, &Silent).expect("valid k");
        let small = Srs::from_checked(parts, provenance.clone())
            .expect("checked")
            .derive(5, &Silent);
        let small = small.expect("smaller k");
        assert_eq!(
            small.lagrange(),
            from_tau(tau, 5, &Silent).expect("valid k").lagrange
        );
        assert_eq!(small.provenance(), &provenance);
    }

    #[test]
    fn the_identity_does_not_depend_on_k() {
        let one = Srs::development(1, &Silent).expect("valid k");
        let two = Srs::development(6, &Silent).expect("valid k");
        assert_eq!(one.identity(), two.identity());
        assert_eq!(one.verifier_srs(), two.verifier_srs());
        assert_eq!(one.identity(), development_identity());
    }
}
