//! Functions of one integer, as lists of values.
//!
//! Values are stored, so nothing in a proof or its verification depends on how a machine computes
//! an exponential: the function is evaluated once, by the compiler.

use crate::range::Range;
use serde::{Deserialize, Serialize};

/// `y = values[q - lo]` for `lo <= q < lo + values.len()`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// For people; not in the digest.
    pub name: String,
    /// Least argument.
    pub lo: i32,
    /// At least one; narrow, as are the arguments.
    pub values: Vec<i32>,
}

impl Table {
    /// The table of `f` over the arguments `domain`.
    ///
    /// Bounds of the domain are cut to 32 bits signed; [`crate::Graph::check`] refuses a table that
    /// is too long or whose values are not narrow.
    pub fn from_fn(name: &str, domain: Range, f: impl Fn(i64) -> i64) -> Self {
        let cut = |v: i64| v.clamp(i32::MIN.into(), i32::MAX.into()) as i32;
        let (lo, hi) = (cut(domain.lo), cut(domain.hi));
        Self {
            name: name.to_owned(),
            lo,
            values: (lo..=hi).map(|q| cut(f(q.into()))).collect(),
        }
    }

    /// Rounding and saturation: `clamp(round(q / 2^headroom))`, the half rounded up.
    ///
    /// `headroom` counts the fraction bits of `q` that the result drops.
    pub fn identity(domain: Range, headroom: u8, out: Range) -> Self {
        Self::from_fn("identity", domain, |q| clamp(round_shift(q, headroom), out))
    }

    /// `clamp(round(max(q, 0) / 2^headroom))`.
    pub fn relu(domain: Range, headroom: u8, out: Range) -> Self {
        Self::from_fn("relu", domain, |q| {
            clamp(round_shift(q.max(0), headroom), out)
        })
    }

    /// `clamp(round(f(q * scale_in) / scale_out))`, the half rounded up; what is not a number
    /// becomes 0, an infinity saturates.
    ///
    /// `scale_in` and `scale_out` are real per integer, positive.
    pub fn real(
        name: &str,
        domain: Range,
        scale_in: f64,
        scale_out: f64,
        out: Range,
        f: impl Fn(f64) -> f64,
    ) -> Self {
        Self::from_fn(name, domain, |q| {
            let value = (f(q as f64 * scale_in) / scale_out + 0.5).floor();
            // A cast of a float saturates, and takes "not a number" to 0.
            clamp(value as i64, out)
        })
    }

    /// The arguments.
    pub fn domain(&self) -> Range {
        let lo = i64::from(self.lo);
        Range::new(lo, lo + self.values.len() as i64 - 1)
    }

    /// The value at `q`; `None` outside of the domain.
    pub fn get(&self, q: i64) -> Option<i32> {
        let at = q.checked_sub(self.lo.into())?;
        self.values.get(usize::try_from(at).ok()?).copied()
    }

    /// Range of the values at arguments in `part`; `None` if that misses the domain.
    pub fn image(&self, part: Range) -> Option<Range> {
        let part = part.meet(&self.domain())?;
        let lo = i64::from(self.lo);
        let (from, to) = ((part.lo - lo) as usize, (part.hi - lo) as usize);
        let values = self.values.get(from..=to)?;
        Range::of(values.iter().map(|&v| v.into()))
    }
}

/// `floor((v + half) / 2^shift)`, `half = 2^(shift - 1)`, or 0 when `shift = 0`.
const fn round_shift(v: i64, shift: u8) -> i64 {
    if shift == 0 {
        v
    } else {
        (v + (1 << (shift - 1))) >> shift
    }
}

fn clamp(v: i64, out: Range) -> i64 {
    v.max(out.lo).min(out.hi)
}
