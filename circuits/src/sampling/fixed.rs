//! Unsigned fixed-point numbers: 64 integer bits, 192 fraction bits.
//!
//! The sampling tables are part of the protocol, so they must come out the same on every machine.
//! Floating-point libraries do not promise that; integers do. Every operation here is exact or
//! rounds towards zero by less than one unit in the last place (`ulp` = 2^-192), which is all that
//! the error argument in [`super::gauss`] uses.

/// Number of fraction bits.
pub(super) const FRACTION_BITS: u32 = 192;

/// A number in `[0, 2^64)` with 192 fraction bits, limbs from the least significant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fixed([u64; 4]);

impl Fixed {
    pub(super) const ZERO: Self = Self([0; 4]);
    pub(super) const ONE: Self = Self([0, 0, 0, 1]);
    pub(super) const HALF: Self = Self([0, 0, 1 << 63, 0]);

    /// The number whose bits are `limbs`, that is `limbs / 2^192`.
    pub(super) const fn from_limbs(limbs: [u64; 4]) -> Self {
        Self(limbs)
    }

    /// `numerator / 2^shift`, exact for `shift <= 64`.
    pub(super) fn dyadic(numerator: u64, shift: u32) -> Self {
        debug_assert!(shift <= 64);
        let wide = u128::from(numerator) << (64 - shift);
        Self([0, 0, wide as u64, (wide >> 64) as u64])
    }

    /// Exact sum; the caller keeps values below 2^64.
    pub(super) fn add(self, other: Self) -> Self {
        let mut out = [0; 4];
        let mut carry = false;
        for (o, (a, b)) in out.iter_mut().zip(self.0.into_iter().zip(other.0)) {
            let (sum, c0) = a.overflowing_add(b);
            let (sum, c1) = sum.overflowing_add(u64::from(carry));
            *o = sum;
            carry = c0 | c1;
        }
        debug_assert!(!carry, "fixed-point overflow");
        Self(out)
    }

    /// Exact difference; the caller guarantees `self >= other`.
    pub(super) fn sub(self, other: Self) -> Self {
        let mut out = [0; 4];
        let mut borrow = false;
        for (o, (a, b)) in out.iter_mut().zip(self.0.into_iter().zip(other.0)) {
            let (diff, b0) = a.overflowing_sub(b);
            let (diff, b1) = diff.overflowing_sub(u64::from(borrow));
            *o = diff;
            borrow = b0 | b1;
        }
        debug_assert!(!borrow, "fixed-point underflow");
        Self(out)
    }

    /// `|self - other|`, exact.
    pub(super) fn abs_diff(self, other: Self) -> Self {
        if self < other {
            other.sub(self)
        } else {
            self.sub(other)
        }
    }

    /// Product, rounded down: error in `[0, 1 ulp)`.
    pub(super) fn mul(self, other: Self) -> Self {
        let mut wide = [0u64; 8];
        for (i, a) in self.0.into_iter().enumerate() {
            let mut carry = 0u128;
            for (j, b) in other.0.into_iter().enumerate() {
                let t = u128::from(wide[i + j]) + u128::from(a) * u128::from(b) + carry;
                wide[i + j] = t as u64;
                carry = t >> 64;
            }
            wide[i + 4] = carry as u64;
        }
        debug_assert!(wide[7] == 0, "fixed-point overflow");
        Self([wide[3], wide[4], wide[5], wide[6]])
    }

    /// Exact product with a small integer; the caller keeps the result below 2^64.
    pub(super) fn mul_u64(self, factor: u64) -> Self {
        let mut out = [0; 4];
        let mut carry = 0u128;
        for (o, a) in out.iter_mut().zip(self.0) {
            let t = u128::from(a) * u128::from(factor) + carry;
            *o = t as u64;
            carry = t >> 64;
        }
        debug_assert!(carry == 0, "fixed-point overflow");
        Self(out)
    }

    /// Quotient by a small nonzero integer, rounded down: error in `[0, 1 ulp)`.
    pub(super) fn div_u32(self, divisor: u32) -> Self {
        let divisor = u64::from(divisor);
        let mut out = [0; 4];
        let mut rest = 0u64;
        for (o, a) in out.iter_mut().zip(self.0).rev() {
            let high = (rest << 32) | (a >> 32);
            let low = ((high % divisor) << 32) | (a & 0xffff_ffff);
            *o = ((high / divisor) << 32) | (low / divisor);
            rest = low % divisor;
        }
        Self(out)
    }

    /// `self / 2^bits`, rounded down.
    pub(super) fn shr(self, bits: u32) -> Self {
        let mut out = self.0;
        let (words, bits) = ((bits / 64) as usize, bits % 64);
        out.copy_within(words.min(4).., 0);
        for limb in out.iter_mut().rev().take(words) {
            *limb = 0;
        }
        if bits != 0 {
            let mut above = 0;
            for limb in out.iter_mut().rev() {
                let shifted = (*limb >> bits) | (above << (64 - bits));
                above = *limb;
                *limb = shifted;
            }
        }
        Self(out)
    }

    /// Position of the leading one counted from the binary point, so that the value lies in
    /// `[2^n, 2^(n+1))`; `None` for zero.
    pub(super) fn log2_floor(self) -> Option<i32> {
        let top = self.0.iter().rposition(|&limb| limb != 0)?;
        let bit = 64 * top as i32 + 63 - self.0[top].leading_zeros() as i32;
        Some(bit - FRACTION_BITS as i32)
    }

    /// The nearest `f64` or one of its two neighbours: good to 15 digits, for printing only.
    pub(super) fn to_f64(self) -> f64 {
        const LIMB: f64 = 18_446_744_073_709_551_616.0; // 2^64
        self.0
            .into_iter()
            .fold(0.0, |sum, limb| sum / LIMB + limb as f64)
    }
}

impl PartialOrd for Fixed {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Fixed {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        self.0.iter().rev().cmp(other.0.iter().rev())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_is_exact_where_promised() {
        let third = Fixed::ONE.div_u32(3);
        assert_eq!(
            Fixed::ONE.sub(third.mul_u64(3)),
            Fixed::from_limbs([1, 0, 0, 0])
        );
        assert_eq!(
            Fixed::dyadic(3, 1).mul(Fixed::dyadic(5, 2)),
            Fixed::dyadic(15, 3)
        );
        assert_eq!(
            Fixed::dyadic(15, 3).shr(64 + 61),
            Fixed::dyadic(15, 64).shr(64)
        );
        assert_eq!(Fixed::ONE.shr(192), Fixed::from_limbs([1, 0, 0, 0]));
        assert_eq!(Fixed::ONE.shr(193), Fixed::ZERO);
        assert_eq!(Fixed::ONE.shr(0), Fixed::ONE);
        assert_eq!(Fixed::HALF.add(Fixed::HALF), Fixed::ONE);
        assert_eq!(Fixed::HALF.abs_diff(Fixed::ONE), Fixed::HALF);
        assert_eq!(Fixed::HALF.log2_floor(), Some(-1));
        assert_eq!(Fixed::dyadic(5, 0).log2_floor(), Some(2));
        assert_eq!(Fixed::ZERO.log2_floor(), None);
        assert!((third.to_f64() - 1.0 / 3.0).abs() < 1e-16);
    }
}
