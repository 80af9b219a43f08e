//! Intervals of integers, and the widths that tensors can have.

use serde::{Deserialize, Serialize};
use std::fmt;

/// All values of a contraction or a sum lie strictly between `-2^40` and `2^40`.
pub const WIDE_BITS: u32 = 40;

/// Inclusive bounds `lo <= hi` on every element of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Range {
    /// Least value.
    pub lo: i64,
    /// Greatest value.
    pub hi: i64,
}

impl Range {
    /// The range `lo ..= hi`. [`crate::Graph::check`] refuses `lo > hi`.
    pub const fn new(lo: i64, hi: i64) -> Self {
        Self { lo, hi }
    }

    /// All numbers of `bits` bits in two's complement, `1 ..= 63`: `-2^(bits-1) ..= 2^(bits-1) - 1`.
    pub const fn twos(bits: u32) -> Self {
        let half = 1_i64 << (bits - 1);
        Self {
            lo: -half,
            hi: half - 1,
        }
    }

    /// Symmetric signed range of `bits` bits, `1 ..= 63`: `-(2^(bits-1) - 1) ..= 2^(bits-1) - 1`.
    pub const fn signed(bits: u32) -> Self {
        let hi = (1_i64 << (bits - 1)) - 1;
        Self { lo: -hi, hi }
    }

    /// Unsigned range of `bits` bits, `1 ..= 62`: `0 ..= 2^bits - 1`.
    pub const fn unsigned(bits: u32) -> Self {
        Self {
            lo: 0,
            hi: (1_i64 << bits) - 1,
        }
    }

    /// Range of the values given; `None` if there are none.
    pub fn of(values: impl IntoIterator<Item = i64>) -> Option<Self> {
        values.into_iter().fold(None, |range, value| match range {
            None => Some(Self::new(value, value)),
            Some(Self { lo, hi }) => Some(Self::new(lo.min(value), hi.max(value))),
        })
    }

    /// Whether `value` lies in the range.
    pub const fn contains(&self, value: i64) -> bool {
        self.lo <= value && value <= self.hi
    }

    /// Whether `other` lies in this range.
    pub const fn covers(&self, other: &Self) -> bool {
        self.lo <= other.lo && other.hi <= self.hi
    }

    /// Least range that covers both.
    pub fn hull(&self, other: &Self) -> Self {
        Self::new(self.lo.min(other.lo), self.hi.max(other.hi))
    }

    /// Common part, if any.
    pub fn meet(&self, other: &Self) -> Option<Self> {
        let both = Self::new(self.lo.max(other.lo), self.hi.min(other.hi));
        (both.lo <= both.hi).then_some(both)
    }

    /// Greatest absolute value.
    pub const fn magnitude(&self) -> u64 {
        let (lo, hi) = (self.lo.unsigned_abs(), self.hi.unsigned_abs());
        if lo > hi { lo } else { hi }
    }

    /// Whether a tensor of this range is *narrow*: its values fit `table_bits` bits in two's
    /// complement, which one lookup can check.
    pub const fn is_narrow(&self, table_bits: u8) -> bool {
        self.lo <= self.hi && Self::twos(table_bits as u32).covers(self)
    }

    /// Whether a tensor of this range may exist at all: `|v| < 2^40`.
    pub const fn is_wide(&self) -> bool {
        self.lo <= self.hi && self.magnitude() < 1 << WIDE_BITS
    }
}

impl fmt::Display for Range {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "[{}, {}]", self.lo, self.hi)
    }
}
