//! The points of an SRS while they are still being put together.

use halo2curves::bn256::{G1Affine, G2Affine};

use crate::domain::{MAX_K, MIN_K};
use crate::error::{ParamsError, size_error};

/// Points that claim to be a reference string of size `2^k`.
pub(crate) struct Parts {
    pub(crate) k: u32,
    /// `[tau^i]_1`.
    pub(crate) powers: Vec<G1Affine>,
    /// `[L_i(tau)]_1` in the library's order.
    pub(crate) lagrange: Vec<G1Affine>,
    /// `[tau]_2`.
    pub(crate) tau_g2: G2Affine,
}

pub(crate) fn validate_k(k: u32) -> Result<(), ParamsError> {
    if (MIN_K..=MAX_K).contains(&k) {
        Ok(())
    } else {
        Err(size_error(MAX_K, k))
    }
}
