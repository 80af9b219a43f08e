//! Interval arithmetic wide enough that nothing in a graph can wrap.

use crate::error::Fault;
use crate::range::Range;

/// `lo ..= hi` in 128 bits.
///
/// Tensors stay below `2^40`, factors below `2^32` and counts below `2^29`, so the greatest number
/// met is a product below `2^104`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Interval {
    pub lo: i128,
    pub hi: i128,
}

impl Interval {
    pub const fn point(value: i128) -> Self {
        Self {
            lo: value,
            hi: value,
        }
    }

    pub fn add(self, other: Self) -> Self {
        Self {
            lo: self.lo + other.lo,
            hi: self.hi + other.hi,
        }
    }

    pub fn mul(self, other: Self) -> Self {
        let corners = [
            self.lo * other.lo,
            self.lo * other.hi,
            self.hi * other.lo,
            self.hi * other.hi,
        ];
        let (mut lo, mut hi) = (corners[0], corners[0]);
        for corner in corners {
            lo = lo.min(corner);
            hi = hi.max(corner);
        }
        Self { lo, hi }
    }

    /// Squares of the elements.
    pub fn square(self) -> Self {
        let (lo, hi) = (self.lo * self.lo, self.hi * self.hi);
        let crosses_zero = self.lo <= 0 && self.hi >= 0;
        Self {
            lo: if crosses_zero { 0 } else { lo.min(hi) },
            hi: lo.max(hi),
        }
    }

    /// Sums of `count` elements.
    pub fn times(self, count: u64) -> Self {
        Self {
            lo: self.lo * i128::from(count),
            hi: self.hi * i128::from(count),
        }
    }

    pub fn with_zero(self) -> Self {
        Self {
            lo: self.lo.min(0),
            hi: self.hi.max(0),
        }
    }

    pub fn magnitude(self) -> i128 {
        self.lo.abs().max(self.hi.abs())
    }

    /// As a range with `|v| < 2^bits`; `bits` at most 63.
    pub fn range(self, bits: u32) -> Result<Range, Fault> {
        let Self { lo, hi } = self;
        match (i64::try_from(lo), i64::try_from(hi)) {
            (Ok(small), Ok(large)) if self.magnitude() < 1 << bits => Ok(Range::new(small, large)),
            _ => Err(Fault::Overflow { lo, hi, bits }),
        }
    }
}

impl From<Range> for Interval {
    fn from(range: Range) -> Self {
        Self {
            lo: range.lo.into(),
            hi: range.hi.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn products_and_squares_stay_inside(
            (alo, ahi, blo, bhi) in (-9_i64..9, -9_i64..9, -9_i64..9, -9_i64..9)
        ) {
            let a = Range::new(alo.min(ahi), alo.max(ahi));
            let b = Range::new(blo.min(bhi), blo.max(bhi));
            let products = (a.lo..=a.hi).flat_map(|x| (b.lo..=b.hi).map(move |y| x * y));
            let squares = (a.lo..=a.hi).map(|x| x * x);
            let mul = Interval::from(a).mul(b.into()).range(40).unwrap();
            let square = Interval::from(a).square().range(40).unwrap();
            prop_assert_eq!(Range::of(products), Some(mul));
            // Exact but for a zero strictly inside, where 0 is the least square all the same.
            prop_assert_eq!(Range::of(squares), Some(square));
        }
    }

    #[test]
    fn the_bound_is_exclusive_on_both_sides() {
        let edge = (1_i128 << 40) - 1;
        assert!(
            Interval {
                lo: -edge,
                hi: edge
            }
            .range(40)
            .is_ok()
        );
        assert!(Interval::point(edge + 1).range(40).is_err());
        assert!(Interval::point(-edge - 1).range(40).is_err());
    }
}
