//! Quantiles of the normal and truncated normal, rounded to integers, the same on every machine.
//!
//! For a limb `u` of `B` bits, `q = (u + 1/2) / 2^B` and
//!
//! ```text
//! z(u) = round(2^f * Phi^-1(Phi(lo) + q * (Phi(hi) - Phi(lo))))
//! ```
//!
//! with `lo = -infinity`, `hi = +infinity` for the normal. No inverse is computed. `z(u) <= k`
//! exactly when the quantile lies below the rounding boundary `t_k = (k + 1/2) / 2^f`, and as
//! `Phi` increases that is
//!
//! ```text
//! (2u + 1) * (Phi(hi) - Phi(lo))  <  2^(B+1) * (Phi(t_k) - Phi(lo))
//! ```
//!
//! Both sides grow, so one walk over `u` and `k` compares them all. Each side is off by less than
//! `2^(B+2) * 2^-130`; a comparison closer than that is an error, never a guess, so a table that
//! builds is right. The closest comparison is kept ([`Quantiles::margin_bits`]).

use super::{
    error::SamplingError,
    fixed::Fixed,
    gauss::{ERROR_BITS, Gauss, MAX_SIGMAS},
};

/// The interval between truncation bounds has at least the probability `2^-MIN_WIDTH_BITS`.
const MIN_WIDTH_BITS: u32 = 24;

/// Rounded quantiles of one distribution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quantiles {
    /// `z(u)` for every limb `u`.
    pub deviates: Vec<i32>,
    /// The two sides of the closest comparison differ by at least `2^-margin_bits`.
    pub margin_bits: u32,
    /// They are known to `2^-error_bits`, which is smaller.
    pub error_bits: u32,
}

/// Rounded quantiles of the standard normal; exactly antisymmetric in `u`.
///
/// # Errors
/// [`SamplingError::Undecided`], which does not happen for any supported precision (tested).
pub(super) fn normal(limb_bits: u8, fraction_bits: u8) -> Result<Quantiles, SamplingError> {
    let walk = Walk::new(limb_bits, fraction_bits, None);
    walk.mirrored()
}

/// Rounded quantiles of the standard normal between `lo` and `hi`, in units of `2^-f`.
///
/// # Errors
/// Bounds out of order, beyond 8 standard deviations or too close together.
pub(super) fn truncated(
    limb_bits: u8,
    fraction_bits: u8,
    lo: i32,
    hi: i32,
) -> Result<Quantiles, SamplingError> {
    check_bounds(fraction_bits, lo, hi)?;
    let walk = Walk::new(limb_bits, fraction_bits, Some((lo, hi)));
    if walk.width.log2_floor().unwrap_or(i32::MIN) < -(MIN_WIDTH_BITS as i32) {
        let min_bits = MIN_WIDTH_BITS;
        return Err(SamplingError::ThinInterval { lo, hi, min_bits });
    }
    if lo == -hi {
        walk.mirrored()
    } else {
        walk.full(lo, hi)
    }
}

fn check_bounds(fraction_bits: u8, lo: i32, hi: i32) -> Result<(), SamplingError> {
    let limit = (MAX_SIGMAS << fraction_bits) as i32;
    if let Some(got) = [lo, hi]
        .into_iter()
        .find(|bound| !(-limit..=limit).contains(bound))
    {
        return Err(SamplingError::FarBound { limit, got });
    }
    if lo >= hi {
        return Err(SamplingError::EmptyInterval { lo, hi });
    }
    Ok(())
}

/// The two sides of the comparison.
struct Walk {
    gauss: Gauss,
    limb_bits: u8,
    /// `Phi(lo)`.
    lower: Fixed,
    /// `Phi(hi) - Phi(lo)`.
    width: Fixed,
    error_bits: u32,
}

impl Walk {
    fn new(limb_bits: u8, fraction_bits: u8, bounds: Option<(i32, i32)>) -> Self {
        // Arguments are multiples of 2^-(f+1): boundaries are odd, bounds even multiples.
        let gauss = Gauss::new(u32::from(fraction_bits) + 1);
        let (lower, width) = match bounds {
            None => (Fixed::ZERO, Fixed::ONE),
            Some((lo, hi)) => {
                let lower = gauss.cdf(2 * lo);
                (lower, gauss.cdf(2 * hi).sub(lower))
            }
        };
        Self {
            gauss,
            limb_bits,
            lower,
            width,
            error_bits: ERROR_BITS - u32::from(limb_bits) - 3,
        }
    }

    /// `2^(B+1) * (Phi(t_k) - Phi(lo))`.
    fn boundary(&self, k: i32) -> Fixed {
        let mass = self.gauss.cdf(2 * k + 1).sub(self.lower);
        mass.mul_u64(2 << self.limb_bits)
    }

    /// `(2u + 1) * (Phi(hi) - Phi(lo))`.
    fn quantile(&self, u: u32) -> Fixed {
        self.width.mul_u64(2 * u64::from(u) + 1)
    }

    /// Deviates of the limbs from `first` on, all known to be at least `k`.
    fn from(&self, first: u32, mut k: i32) -> Result<Quantiles, SamplingError> {
        let mut deviates = Vec::with_capacity((1 << self.limb_bits) - first as usize);
        let mut margin = Fixed::ONE;
        let mut boundary = self.boundary(k);
        for limb in first..1 << self.limb_bits {
            let quantile = self.quantile(limb);
            while boundary < quantile {
                margin = margin.min(quantile.sub(boundary));
                k += 1;
                boundary = self.boundary(k);
            }
            margin = margin.min(boundary.sub(quantile));
            // In [2^n, 2^(n+1)): decided if n is at least -error_bits.
            if margin.log2_floor().unwrap_or(i32::MIN) < -(self.error_bits as i32) {
                return Err(SamplingError::Undecided { limb });
            }
            deviates.push(k);
        }
        Ok(Quantiles {
            deviates,
            margin_bits: margin.log2_floor().map_or(0, i32::unsigned_abs),
            error_bits: self.error_bits,
        })
    }

    /// All deviates of a symmetric distribution, from those of the upper half.
    fn mirrored(&self) -> Result<Quantiles, SamplingError> {
        let upper = self.from(1 << (self.limb_bits - 1), 0)?;
        let lower = upper.deviates.iter().rev().map(|z| -z);
        Ok(Quantiles {
            deviates: lower.chain(upper.deviates.iter().copied()).collect(),
            ..upper
        })
    }

    /// All deviates, between the bounds `lo` and `hi`.
    fn full(&self, lo: i32, hi: i32) -> Result<Quantiles, SamplingError> {
        // The first deviate by bisection: far out there may be many boundaries below it.
        let first = self.quantile(0);
        let (mut below, mut above) = (lo, hi);
        while below < above {
            let middle = below + (above - below) / 2;
            if self.boundary(middle) < first {
                below = middle + 1;
            } else {
                above = middle;
            }
        }
        self.from(0, below)
    }
}
