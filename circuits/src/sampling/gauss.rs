//! The normal density and distribution function in fixed point, with an error bound.
//!
//! For a dyadic `t = n / 2^s`, `0 <= t <= 8`:
//!
//! - `exp(-t^2/2)` is a product over the set bits of the exact integer `n^2`, of constants
//!   `exp(-2^j)` that come from Taylor series (`j <= 0`) or squarings (`j > 0`);
//! - `phi(t) = exp(-t^2/2) / sqrt(2 pi)`;
//! - `Phi(t) - 1/2 = phi(t) * sum_{m >= 0} t^(2m+1) / (1 * 3 * ... * (2m+1))`,
//!
//! a series of positive terms, so nothing cancels.
//!
//! # Error
//!
//! One `ulp` is 2^-192. A constant `exp(-2^j)` is off by at most 2^7 ulp (a Taylor series of at
//! most 60 terms, each off by one ulp per division; a squaring of a number at most 1 doubles the
//! error and adds one). At most 43 of them are multiplied, all at most 1, so `exp` is off by at most
//! 2^14 ulp and `phi` by as much. Every step `term <- term * t^2 / (2m+1)` loses at most 2 ulp,
//! and a loss is amplified by what remains of the series, in all by less than the sum of the whole
//! series. With at most 2^8 terms the sum is off by `2^9 * S / t` ulp, where
//! `S = (Phi(t) - 1/2) / phi(t)`. Multiplied: at most `2^9 * phi S / t + 2^14 * S` ulp plus one, and
//! `S <= 0.5 / phi(8) < 2^47`, so [`mass`](Gauss::mass) is off by less than 2^62 ulp = 2^-130.
//! The tests check the constant, and the fixtures check the whole.

use super::fixed::Fixed;

/// `mass` and `cdf` are off by less than `2^-ERROR_BITS`.
pub(super) const ERROR_BITS: u32 = 130;

/// Largest `|t|`, in standard deviations, that the series accepts.
pub(super) const MAX_SIGMAS: u32 = 8;

/// `1 / sqrt(2 pi)`, rounded down (the test `constant` recomputes pi and checks it).
const INV_SQRT_2PI: Fixed = Fixed::from_limbs([
    0xd382_9f30_5127_06d8,
    0x3f2c_f140_2eae_38bf,
    0x6621_14cf_50d9_4234,
    0,
]);

/// Evaluates at multiples of `2^-shift`.
pub(super) struct Gauss {
    shift: u32,
    /// `exp(-2^(i - 2 shift - 1))` for the bit `i` of `n^2`.
    exp: Vec<Fixed>,
}

impl Gauss {
    /// For arguments `n / 2^shift` with `shift <= 17`.
    pub(super) fn new(shift: u32) -> Self {
        debug_assert!(shift <= 17);
        let lowest = -(2 * shift as i32) - 1;
        let exp = (lowest..=5).map(exp_of_minus_power).collect();
        Self { shift, exp }
    }

    /// `phi(n / 2^shift)`.
    pub(super) fn density(&self, n: u32) -> Fixed {
        let square = u64::from(n) * u64::from(n);
        let exponential = self
            .exp
            .iter()
            .enumerate()
            .filter(|(i, _)| square >> i & 1 == 1)
            .fold(Fixed::ONE, |product, (_, factor)| product.mul(*factor));
        exponential.mul(INV_SQRT_2PI)
    }

    /// `Phi(n / 2^shift) - 1/2` for `n / 2^shift <= 8`, or one step more.
    pub(super) fn mass(&self, n: u32) -> Fixed {
        debug_assert!(n <= (MAX_SIGMAS << self.shift) + 1);
        let t = Fixed::dyadic(u64::from(n), self.shift);
        let square = t.mul(t);
        let (mut term, mut sum, mut odd) = (t, Fixed::ZERO, 1);
        while term != Fixed::ZERO {
            sum = sum.add(term);
            odd += 2;
            term = term.mul(square).div_u32(odd);
        }
        sum.mul(self.density(n))
    }

    /// `Phi(n / 2^shift)` for `|n / 2^shift| <= 8`.
    pub(super) fn cdf(&self, n: i32) -> Fixed {
        let mass = self.mass(n.unsigned_abs());
        if n < 0 {
            Fixed::HALF.sub(mass)
        } else {
            Fixed::HALF.add(mass)
        }
    }
}

/// `exp(-2^j)` for `-64 < j <= 5`.
fn exp_of_minus_power(j: i32) -> Fixed {
    if j > 0 {
        let root = exp_of_minus_power(j - 1);
        return root.mul(root);
    }
    let (mut even, mut odd) = (Fixed::ZERO, Fixed::ZERO);
    let (mut term, mut m) = (Fixed::ONE, 0);
    while term != Fixed::ZERO {
        let side = if m % 2 == 0 { &mut even } else { &mut odd };
        *side = side.add(term);
        m += 1;
        term = term.shr(j.unsigned_abs()).div_u32(m);
    }
    even.sub(odd)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `atan(1/x)` by its series.
    fn arctan_inverse(x: u32) -> Fixed {
        let (mut even, mut odd) = (Fixed::ZERO, Fixed::ZERO);
        let (mut power, mut m) = (Fixed::ONE.div_u32(x), 0u32);
        while power != Fixed::ZERO {
            let side = if m % 2 == 0 { &mut even } else { &mut odd };
            *side = side.add(power.div_u32(2 * m + 1));
            m += 1;
            power = power.div_u32(x * x);
        }
        even.sub(odd)
    }

    #[test]
    fn constant() {
        // Machin: pi = 16 atan(1/5) - 4 atan(1/239); the constant squared times 2 pi is one.
        let pi = arctan_inverse(5)
            .mul_u64(16)
            .sub(arctan_inverse(239).mul_u64(4));
        let product = INV_SQRT_2PI.mul(INV_SQRT_2PI).mul(pi).mul_u64(2);
        let off = product.abs_diff(Fixed::ONE);
        assert!(off.log2_floor().is_none_or(|bits| bits < -182), "{off:?}");
    }

    #[test]
    fn known_values() {
        let gauss = Gauss::new(1);
        assert!((gauss.cdf(0).to_f64() - 0.5).abs() < 1e-16);
        assert!((gauss.cdf(2).to_f64() - 0.841_344_746_068_542_9).abs() < 1e-15);
        assert!((gauss.cdf(-4).to_f64() - 0.022_750_131_948_179_21).abs() < 1e-16);
        assert!((gauss.cdf(-16).to_f64() / 6.220_960_574_271_785e-16 - 1.0).abs() < 1e-12);
        assert!((gauss.density(0).to_f64() - 0.398_942_280_401_432_7).abs() < 1e-15);
    }

    #[test]
    fn tails_agree_at_every_shift() {
        // The same point through different sets of constants: the spread shows the error.
        for sigmas in [1, 4, 8] {
            let reference = Gauss::new(0).mass(sigmas);
            for shift in 1..=17 {
                let off = Gauss::new(shift).mass(sigmas << shift).abs_diff(reference);
                assert!(off.log2_floor().is_none_or(|b| b < -(ERROR_BITS as i32)));
            }
        }
    }
}
