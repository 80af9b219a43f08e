//! How much of a fill's randomness is left once its values are `f32`.
//!
//! A sampled element is `f32(f32(s z) + m)`. With `s` far below the spacing of `f32` around `m` all
//! elements are `m`, whatever the deviates are: a constant that looks like a sample. The map is
//! monotone in `z`, so the values lie between those of the ends of the deviates' range, and there
//! are no more of them than there are `f32` in between.

use super::{Distribution, Precision};

/// A sampled tensor has at least so many values between its ends, or as many as there are deviates:
/// eight bits. Plain fills have 2^20 and more.
pub const MIN_VALUES: u64 = 256;

/// Values of a fill in `f32`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// Value of the least deviate.
    pub low: f32,
    /// Value of the greatest deviate.
    pub high: f32,
    /// No fewer than the different values that elements can take: the deviates between the ends, or the
    /// `f32` between their values if those are fewer.
    pub values: u64,
    /// No fewer than the different deviates.
    pub deviates: u64,
}

impl Spread {
    /// Values of `scale * z + mean`, both roundings included.
    ///
    /// The ends are those of an interval around the deviates, which a sampling table may fall short
    /// of by a little; never the other way.
    pub fn new(distribution: Distribution, precision: Precision, scale: f32, mean: f32) -> Self {
        let (low, high) = ends(distribution, precision);
        let value = |deviate: i32| {
            // At most 20 bits: exact.
            #[expect(clippy::cast_precision_loss, reason = "deviates have at most 20 bits")]
            let product = scale * deviate as f32;
            if mean == 0.0 { product } else { product + mean }
        };
        let width = u64::from(high.abs_diff(low));
        let step = match distribution {
            Distribution::Uniform => 2,
            Distribution::Normal | Distribution::TruncatedNormal { .. } => 1,
        };
        let limbs = 1_u64 << precision.limb_bits.min(20);
        let deviates = width.checked_div(step).unwrap_or(0).saturating_add(1);
        let deviates = deviates.min(limbs);
        let (low, high) = (value(low), value(high));
        let between = position(high).abs_diff(position(low)).saturating_add(1);
        Self {
            low,
            high,
            values: between.min(deviates),
            deviates,
        }
    }

    /// Whether all values are finite.
    pub fn is_finite(&self) -> bool {
        self.low.is_finite() && self.high.is_finite()
    }

    /// Whether there is one value only.
    pub fn is_constant(&self) -> bool {
        self.values <= 1
    }

    /// Fewest values that count as a sample.
    pub fn needed(&self) -> u64 {
        self.deviates.min(MIN_VALUES)
    }

    /// Whether enough values are left.
    pub fn is_enough(&self) -> bool {
        self.is_finite() && self.values > 1 && self.values >= self.needed()
    }
}

/// An interval that all deviates lie in, within 20 bits.
fn ends(distribution: Distribution, precision: Precision) -> (i32, i32) {
    let bits = u32::from(precision.limb_bits.clamp(1, 20));
    let (low, high) = match distribution {
        Distribution::Uniform => {
            let largest = (1_i32 << bits).saturating_sub(1);
            return (largest.saturating_neg(), largest);
        }
        Distribution::Normal => (i32::MIN, i32::MAX),
        Distribution::TruncatedNormal { lo, hi } => (lo, hi),
    };
    // What a limb holds.
    let half = 1_i32 << bits.saturating_sub(1);
    let (least, most) = (half.saturating_neg(), half.saturating_sub(1));
    let outermost = |bound: i32| farthest(bound, precision);
    let low = low.max(outermost(high.min(0)).saturating_neg());
    let high = high.min(outermost(low.max(0)));
    (low.clamp(least, most), high.clamp(least, most))
}

/// How far from zero a quantile of `B` bits can lie on the side of the bound `a` nearest to zero (zero
/// if the interval holds zero), in units of `2^-f`.
///
/// For `t >= a >= 0` the normal distribution has `P(X > t) <= exp(-(t^2 - a^2) / 2) P(X > a)`, and no
/// quantile leaves less than `2^-(B+1)` of the interval beyond it: `t^2 <= a^2 + 2 (B + 1) ln 2`.
fn farthest(bound: i32, precision: Precision) -> i32 {
    let bits = u64::from(precision.limb_bits.clamp(1, 20));
    let unit = 1_u64 << precision.fraction_bits.min(24);
    let bound = u64::from(bound.unsigned_abs());
    // 2 ln 2 < 1.3863.
    let square = bits
        .saturating_add(1)
        .saturating_mul(13_863)
        .div_ceil(10_000)
        .saturating_mul(unit.saturating_mul(unit))
        .saturating_add(bound.saturating_mul(bound));
    i32::try_from(square.isqrt().saturating_add(1)).unwrap_or(i32::MAX)
}

/// Position among all `f32`, in their order; both zeros are one.
fn position(value: f32) -> i64 {
    let bits = value.to_bits();
    let magnitude = i64::from(bits & 0x7fff_ffff);
    if value.is_sign_negative() {
        magnitude.saturating_neg()
    } else {
        magnitude
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINE: Precision = Precision {
        limb_bits: 16,
        fraction_bits: 12,
    };

    fn normal(std: f32, mean: f32) -> Spread {
        Spread::new(Distribution::Normal, FINE, std / 4096.0, mean)
    }

    #[test]
    fn plain_fills_have_all_their_deviates() {
        for (std, mean) in [
            (0.02, 0.0),
            (1.0, 0.0),
            (0.02, 1.0),
            (1e-6, 0.0),
            (1e-20, 0.0),
        ] {
            let spread = normal(std, mean);
            assert!(spread.is_enough(), "{std} {mean}: {spread:?}");
            assert!(spread.values > 1 << 15, "{std} {mean}: {spread:?}");
        }
        let uniform = Spread::new(Distribution::Uniform, FINE, 1e-5, 0.0);
        assert_eq!((uniform.values, uniform.deviates), (1 << 16, 1 << 16));
        assert_eq!(uniform.high, 65535.0 * 1e-5);
    }

    #[test]
    fn a_spread_below_the_spacing_of_f32_vanishes() {
        let gone = normal(1e-30, 0.7);
        assert!(gone.is_constant() && !gone.is_enough());
        assert_eq!((gone.low, gone.high), (0.7, 0.7));
        // One f32 in thousands differs: nearly all weights are 0.7.
        let nearly = normal(1e-8, 0.7);
        assert!(!nearly.is_constant() && !nearly.is_enough(), "{nearly:?}");
        assert!(normal(1e-5, 0.7).is_enough());
        assert!(normal(1.0, 1e30).is_constant());
        let uniform = Spread::new(Distribution::Uniform, FINE, 1e-30, 0.7);
        assert!(uniform.is_constant());
    }

    #[test]
    fn values_beyond_f32_are_seen() {
        assert!(!normal(1e38, 0.0).is_finite());
        assert!(!normal(1e38, 0.0).is_enough());
        assert!(!normal(8e37, 1e38).is_finite());
        assert!(normal(5e37, 0.0).is_finite());
    }

    #[test]
    fn few_deviates_need_no_more_values_than_they_are() {
        let coarse = Precision {
            limb_bits: 4,
            fraction_bits: 1,
        };
        let spread = Spread::new(Distribution::Normal, coarse, 0.5, 0.0);
        assert!(spread.deviates <= 16 && spread.is_enough());
        assert!(!Spread::new(Distribution::Normal, coarse, 1e-9, 1.0).is_enough());
    }

    /// Bounds far out do not hide that the quantiles between them are few.
    #[test]
    fn ends_of_a_cut_normal_are_its_quantiles() {
        let cut = |lo, hi| ends(Distribution::TruncatedNormal { lo, hi }, FINE);
        assert_eq!(cut(-8192, 8192), (-8192, 8192));
        let (low, high) = cut(i32::MIN, i32::MAX);
        // The largest quantile is 4.3 sigma.
        assert!((-20_600..-17_715).contains(&low) && (17_715..20_600).contains(&high));
        assert_eq!(cut(0, i32::MAX).0, 0);
        // Beyond 5 sigma: quantiles up to 6.9.
        let (low, high) = cut(20_480, i32::MAX);
        assert_eq!(low, 20_480);
        assert!((28_000..29_000).contains(&high), "{high}");
        let (low, high) = cut(i32::MIN, -20_480);
        assert_eq!(high, -20_480);
        assert!((-29_000..-28_000).contains(&low), "{low}");
        assert_eq!(ends(Distribution::Normal, FINE), cut(i32::MIN, i32::MAX));
    }
}
