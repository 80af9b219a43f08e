//! The tail of a domain: the points in which blinding stands.

use super::certificate;
use super::error::LinkKeyError;
use crate::digest::{Digest32, tagged};
use crate::encoding::point_from_bytes;
use crate::srs::Srs;
use crate::vk::VerifyingKey;
use alloc::vec::Vec;
use ark_bn254::G1Affine;
use ark_ec::AffineRepr;
use serde::{Deserialize, Serialize};

/// Rows of a tail where weights do not reach further: at least the random rows of every circuit of
/// this project, so that one published commitment serves them all.
pub const TAIL: usize = 16;

/// Rows of the tail for a list of weight columns: [`TAIL`], or fewer if weights stand on those rows.
/// Nothing if the key has no such list, or weights leave too few rows for its blinding.
pub fn tail_rows(vk: &VerifyingKey, list: u16) -> Option<usize> {
    let weights = vk.weights(list)?;
    let data = vk.data();
    let free = 1_u64
        .checked_shl(u32::from(data.k))?
        .checked_sub(weights.rows)?;
    let tail = TAIL.min(usize::try_from(free).ok()?);
    let random = usize::try_from(data.blinding_factors)
        .ok()?
        .checked_add(1)?;
    (tail >= random).then_some(tail)
}

/// Most rows of a tail.
const MAX_TAIL: usize = 64;

/// The last rows' points, as they stand in a file, with a proof that they are these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TailPoints {
    /// The domain has `2^k` rows.
    pub k: u8,
    /// `[l_r(tau)]_1` for the last rows `r`, ascending.
    #[serde(deserialize_with = "crate::codec::bounded::<_, _, MAX_TAIL>")]
    pub points: Vec<[u8; 32]>,
    /// KZG witness that opens all of them at a hashed point ([`super::certificate_challenges`]).
    pub witness: [u8; 32],
}

/// Tail points that were checked against an SRS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkKey {
    k: u8,
    srs_digest: Digest32,
    points: Vec<G1Affine>,
    digest: Digest32,
}

impl TailPoints {
    /// The points, on the curve and not the identity, and the witness.
    pub(super) fn parse(&self) -> Result<(Vec<G1Affine>, G1Affine), LinkKeyError> {
        if !(3..=28).contains(&self.k) {
            return Err(LinkKeyError::Size { got: self.k });
        }
        let limit = 1_usize.checked_shl(u32::from(self.k)).unwrap_or(0) - 1;
        if self.points.is_empty() || self.points.len() > limit.min(MAX_TAIL) {
            return Err(LinkKeyError::Tail {
                limit: limit.min(MAX_TAIL),
                got: self.points.len(),
            });
        }
        let parse = |(index, bytes)| {
            let encoding = |source| LinkKeyError::Point { index, source };
            let point = point_from_bytes(bytes).map_err(encoding)?;
            if point.is_zero() {
                return Err(LinkKeyError::Identity { index });
            }
            Ok(point)
        };
        let points = self.points.iter().enumerate().map(parse);
        let points = points.collect::<Result<Vec<_>, _>>()?;
        let witness = point_from_bytes(&self.witness).map_err(|source| LinkKeyError::Point {
            index: self.points.len(),
            source,
        })?;
        Ok((points, witness))
    }
}

impl LinkKey {
    /// Checks that the points are the SRS's.
    ///
    /// # Errors
    ///
    /// If a point does not decode, or the points are not the last rows' Lagrange polynomials at
    /// the SRS's `tau`.
    pub fn new(tail: &TailPoints, srs: &Srs) -> Result<Self, LinkKeyError> {
        let (points, witness) = tail.parse()?;
        let srs_digest = srs.digest();
        certificate::check(tail.k, &points, &witness, srs)?;
        let words: Vec<&[u8]> = [srs_digest.as_slice(), core::slice::from_ref(&tail.k)]
            .into_iter()
            .chain(tail.points.iter().map(<[u8; 32]>::as_slice))
            .collect();
        let digest = tagged("nascent link key v1", &words);
        Ok(Self {
            k: tail.k,
            srs_digest,
            points,
            digest,
        })
    }

    /// The domain has `2^k` rows.
    pub fn k(&self) -> u8 {
        self.k
    }

    /// Digest of the SRS.
    pub fn srs_digest(&self) -> &Digest32 {
        &self.srs_digest
    }

    /// Points of the last rows, ascending.
    pub fn points(&self) -> &[G1Affine] {
        &self.points
    }

    /// First row of the tail: on all rows before it, linked columns are equal.
    pub fn first_row(&self) -> u64 {
        let rows = 1_u64.checked_shl(u32::from(self.k)).unwrap_or(0);
        rows.saturating_sub(u64::try_from(self.points.len()).unwrap_or(u64::MAX))
    }

    /// Digest of SRS, size and points.
    pub fn digest(&self) -> &Digest32 {
        &self.digest
    }
}
