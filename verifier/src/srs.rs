//! The structured reference string, as far as a verifier needs it: `[tau]_2`.

use crate::codec::{Format, FormatError};
use crate::digest::{Digest32, tagged};
use alloc::vec::Vec;
use ark_bn254::{Fq, Fq2, G2Affine};
use ark_ec::AffineRepr;
use ark_ff::PrimeField;
use serde::{Deserialize, Serialize};

/// `tau` of the development SRS is the Keccak-256 of these bytes, as a
/// big-endian integer modulo the order. Anyone can forge proofs under it.
pub const DEVELOPMENT_TEXT: &str =
    "nascent development SRS v1: tau is public, proofs are forgeable";

/// `[tau]_2` of the development SRS: `x.c0, x.c1, y.c0, y.c1`, little-endian.
const DEVELOPMENT_TAU_G2: [u8; 128] = [
    0x5a, 0xbc, 0x46, 0x4d, 0xbd, 0x16, 0x1b, 0x82, 0xa7, 0x2a, 0x96, 0xc2, 0x9a, 0x8d, 0x54, 0x0c,
    0x4e, 0x36, 0xd4, 0x97, 0x59, 0xed, 0xca, 0x4b, 0xf1, 0x65, 0x10, 0x74, 0xd7, 0x90, 0x21, 0x0f,
    0x85, 0x2b, 0x36, 0x94, 0x21, 0x95, 0xcd, 0x79, 0x52, 0x1e, 0x1c, 0x04, 0xc1, 0xb7, 0x7d, 0xfe,
    0xc7, 0xb7, 0x06, 0x9c, 0x20, 0x05, 0xb9, 0x84, 0xc8, 0x00, 0xd3, 0x8d, 0x35, 0x36, 0xeb, 0x07,
    0x85, 0x07, 0xbf, 0x74, 0x23, 0xd4, 0x70, 0x67, 0x6a, 0x0b, 0x2b, 0x66, 0xdb, 0x06, 0x7e, 0xd8,
    0x9a, 0x6f, 0xf7, 0x27, 0xc1, 0xe6, 0x43, 0x79, 0x38, 0x58, 0xee, 0x61, 0xa7, 0x41, 0x4c, 0x29,
    0x80, 0x56, 0xd5, 0xa0, 0x43, 0x8c, 0x8e, 0x5a, 0xe4, 0x31, 0xf8, 0x1e, 0x86, 0xbc, 0x42, 0x1c,
    0x00, 0x75, 0xbf, 0xa6, 0x5a, 0xe3, 0x90, 0x18, 0xa9, 0x31, 0x4d, 0xe8, 0xe6, 0x6b, 0x1c, 0x19,
];

/// A point of G2 as `x.c0, x.c1, y.c0, y.c1`, each 32 bytes, little-endian.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct SrsData {
    tau_g2: [[u8; 32]; 4],
}

/// `[tau]_2`, in the right subgroup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Srs {
    tau_g2: G2Affine,
}

impl Srs {
    /// Reads `[tau]_2` from 128 bytes: `x.c0, x.c1, y.c0, y.c1`, little-endian.
    pub fn from_uncompressed(bytes: &[u8; 128]) -> Result<Self, SrsError> {
        let mut coordinates = [Fq::default(); 4];
        let words = bytes.as_chunks::<32>().0;
        for (index, (coordinate, word)) in coordinates.iter_mut().zip(words).enumerate() {
            *coordinate = crate::encoding::base_from_bytes(word)
                .map_err(|_| SrsError::NotCanonical { index })?;
        }
        let [x0, x1, y0, y1] = coordinates;
        let tau_g2 = G2Affine::new_unchecked(Fq2::new(x0, x1), Fq2::new(y0, y1));
        // The coordinates of the identity, (0, 0), are not on the curve either.
        if !tau_g2.is_on_curve() || tau_g2.is_zero() {
            return Err(SrsError::NotOnCurve);
        }
        if !tau_g2.is_in_correct_subgroup_assuming_on_curve() {
            return Err(SrsError::NotInSubgroup);
        }
        Ok(Self { tau_g2 })
    }

    /// `[tau]_2` as 128 bytes: `x.c0, x.c1, y.c0, y.c1`, little-endian.
    pub fn to_uncompressed(&self) -> [u8; 128] {
        let mut out = [0; 128];
        let (x, y) = self.tau_g2.xy().unwrap_or_default();
        let words = out.as_chunks_mut::<32>().0.iter_mut();
        for (word, coordinate) in words.zip([x.c0, x.c1, y.c0, y.c1]) {
            *word = crate::encoding::le_bytes(coordinate.into_bigint());
        }
        out
    }

    /// Reads an SRS file.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError<SrsError>> {
        let data = SrsData::decode(bytes)?;
        data.parse().map_err(FormatError::Invalid)
    }

    /// The canonical file.
    pub fn encode(&self) -> Result<Vec<u8>, FormatError<SrsError>> {
        let mut tau_g2 = [[0; 32]; 4];
        let bytes = self.to_uncompressed();
        for (word, bytes) in tau_g2.iter_mut().zip(bytes.as_chunks::<32>().0) {
            *word = *bytes;
        }
        SrsData { tau_g2 }.encode()
    }

    /// The SRS' identity. It does not depend on the size.
    pub fn digest(&self) -> Digest32 {
        tagged("nascent srs v1", &[&self.to_uncompressed()])
    }

    /// The development SRS, whose trapdoor is public.
    pub fn development() -> Result<Self, SrsError> {
        Self::from_uncompressed(&DEVELOPMENT_TAU_G2)
    }

    /// Whether this is the development SRS, whatever any file says.
    pub fn is_development(&self) -> bool {
        self.to_uncompressed() == DEVELOPMENT_TAU_G2
    }

    /// `[tau]_2`.
    pub fn tau_g2(&self) -> &G2Affine {
        &self.tau_g2
    }
}

impl SrsData {
    fn parse(&self) -> Result<Srs, SrsError> {
        let mut bytes = [0; 128];
        for (out, word) in bytes.as_chunks_mut::<32>().0.iter_mut().zip(&self.tau_g2) {
            *out = *word;
        }
        Srs::from_uncompressed(&bytes)
    }
}

impl Format for SrsData {
    const MAGIC: [u8; 8] = *b"nsc.srs2";
    const VERSION: u16 = 1;
    const MAX_BYTES: usize = 256;
    type Error = SrsError;

    fn validate(&self) -> Result<(), SrsError> {
        self.parse().map(|_| ())
    }
}

/// Why an SRS is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SrsError {
    /// A coordinate that is not below the modulus.
    #[error("coordinate {index} of tau in G2 is not below the modulus")]
    NotCanonical {
        /// Which of `x.c0, x.c1, y.c0, y.c1`.
        index: usize,
    },
    /// Not a point of the curve.
    #[error("tau in G2 is not on the curve")]
    NotOnCurve,
    /// A point of the curve outside the subgroup of the pairing.
    #[error("tau in G2 is not in the subgroup")]
    NotInSubgroup,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::{keccak256, to_scalar};
    use ark_ec::CurveGroup;

    #[test]
    fn development_constant_is_what_the_text_says() {
        let tau = to_scalar(&keccak256(&[DEVELOPMENT_TEXT.as_bytes()]));
        let tau_g2 = (G2Affine::generator() * tau).into_affine();
        let srs = Srs { tau_g2 };
        assert_eq!(
            srs.to_uncompressed(),
            DEVELOPMENT_TAU_G2,
            "{:02x?}",
            srs.to_uncompressed()
        );
        assert!(srs.is_development());
        assert!(
            !Srs {
                tau_g2: G2Affine::generator()
            }
            .is_development()
        );
    }

    #[test]
    fn points_off_the_curve_and_out_of_the_subgroup_are_refused() {
        let good = Srs::development().unwrap();
        assert_eq!(Srs::from_uncompressed(&good.to_uncompressed()), Ok(good));
        assert_eq!(Srs::decode(&good.encode().unwrap()), Ok(good));
        assert_eq!(Srs::from_uncompressed(&[0; 128]), Err(SrsError::NotOnCurve));
        let mut bytes = good.to_uncompressed();
        bytes[0] ^= 1;
        assert_eq!(Srs::from_uncompressed(&bytes), Err(SrsError::NotOnCurve));
        bytes[127] = 0xff;
        let refused = Srs::from_uncompressed(&bytes);
        assert_eq!(refused, Err(SrsError::NotCanonical { index: 3 }));
        // Most points of the twisted curve are outside the subgroup.
        let outside = (1_u64..)
            .find_map(|x| G2Affine::get_point_from_x_unchecked(Fq2::from(x), false))
            .unwrap();
        assert!(outside.is_on_curve());
        let bytes = Srs { tau_g2: outside }.to_uncompressed();
        assert_eq!(Srs::from_uncompressed(&bytes), Err(SrsError::NotInSubgroup));
    }
}
