//! Fills: from a distribution in real numbers to a stream, a scale and a mean.
//!
//! Scales are computed in `f64` with `+ - * /` and square roots only, all of
//! which IEEE 754 rounds in one way, and rounded once to `f32`. No logarithm
//! or exponential of a platform's library is involved, so every machine gets
//! the same bits.

use nascent_verifier::spec::Spread;
use nascent_verifier::{Distribution, Precision};

/// What the values of a tensor are to be, in real numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Init {
    /// All equal.
    Constant {
        /// The value.
        value: f64,
    },
    /// Normal.
    Normal {
        /// Mean.
        mean: f64,
        /// Standard deviation.
        std: f64,
    },
    /// Uniform on an interval.
    Uniform {
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
    },
    /// Normal, cut to an interval. The bounds are values, not deviations.
    TruncNormal {
        /// Mean before cutting.
        mean: f64,
        /// Standard deviation before cutting.
        std: f64,
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
    },
}

impl std::fmt::Display for Init {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Constant { value } => write!(out, "constant({value})"),
            Self::Normal { mean, std } => write!(out, "normal(mean={mean}, std={std:.6})"),
            Self::Uniform { low, high } => write!(out, "uniform({low:.6}, {high:.6})"),
            Self::TruncNormal {
                mean,
                std,
                low,
                high,
            } => write!(
                out,
                "trunc_normal(mean={mean}, std={std:.6}, {low:.6}, {high:.6})"
            ),
        }
    }
}

/// A fill in the terms of a specification.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Lowered {
    /// A constant `f32`.
    Constant {
        /// The value.
        value: f32,
    },
    /// `scale * z + mean` for deviates `z` of a distribution.
    Sampled {
        /// Distribution of `z`.
        distribution: Distribution,
        /// Factor.
        scale: f32,
        /// Offset.
        mean: f32,
    },
}

/// `Phi^-1(1 - 2^-(B+1))` for `B` = 1 to 20: the largest quantile of a table.
const LARGEST_QUANTILE: [f64; 20] = [
    0.674489750196082,
    1.150349380376008,
    1.534120544352546,
    1.862731867421651,
    2.153874694061455,
    2.417559016236505,
    2.660067468617459,
    2.885634912426757,
    3.097269078198784,
    3.297193345691964,
    3.487104104114431,
    3.668329285121323,
    3.84193068550191,
    4.008772594168585,
    4.169569323349103,
    4.324919040826044,
    4.475328424654204,
    4.621231001499248,
    4.763001034267814,
    4.900964207963194,
];

/// Largest deviate of the normal table, in units of `2^-f`.
pub(crate) fn largest_deviate(precision: Precision) -> Option<f64> {
    let index = usize::from(precision.limb_bits).checked_sub(1)?;
    let quantile = LARGEST_QUANTILE.get(index)?;
    Some((quantile * power_of_two(precision.fraction_bits)).round())
}

/// `2^bits`, exactly.
fn power_of_two(bits: u8) -> f64 {
    (1_u64 << bits.min(63)) as f64
}

impl Init {
    /// The stream, scale and mean that give this fill.
    ///
    /// Bounds of a truncated normal are rounded to units of `2^-f` deviations
    /// and cut to what a deviate can hold; when both lie beyond the largest
    /// deviate of the normal table, the fill is a plain normal. A fill whose
    /// values are all the same `f32` is a constant, whatever it is called.
    ///
    /// # Errors
    /// A text saying which parameter is out of range, or that too few values of
    /// `f32` are left of the fill's spread for a sample.
    pub fn lower(&self, precision: Precision) -> Result<Lowered, String> {
        let lowered = match *self {
            Self::Constant { value } => constant(value)?,
            Self::Normal { mean, std } => normal(Distribution::Normal, mean, std, precision)?,
            Self::Uniform { low, high } => uniform(low, high, precision)?,
            Self::TruncNormal {
                mean,
                std,
                low,
                high,
            } => truncated(mean, std, low, high, precision)?,
        };
        with_spread(lowered, precision)
    }
}

/// A constant for a sample of one value; refuses one of few values, or of infinite ones.
fn with_spread(lowered: Lowered, precision: Precision) -> Result<Lowered, String> {
    let Lowered::Sampled {
        distribution,
        scale,
        mean,
    } = lowered
    else {
        return Ok(lowered);
    };
    let spread = Spread::new(distribution, precision, scale, mean);
    if !spread.is_finite() {
        return Err("its values reach beyond the largest f32".to_owned());
    }
    if spread.is_constant() {
        return constant(f64::from(spread.high));
    }
    if !spread.is_enough() {
        return Err(format!(
            "its spread is lost beside its mean: from {} to {} there are {} values of f32, and {} are needed",
            spread.low,
            spread.high,
            spread.values,
            spread.needed()
        ));
    }
    Ok(lowered)
}

fn constant(value: f64) -> Result<Lowered, String> {
    let value = value as f32;
    if !value.is_finite() {
        return Err(format!("constant {value} is not a finite f32"));
    }
    // One zero: adding +0 turns -0 into it.
    Ok(Lowered::Constant { value: value + 0.0 })
}

fn sampled(distribution: Distribution, scale: f64, mean: f64) -> Result<Lowered, String> {
    let rounded = scale as f32;
    if !rounded.is_normal() {
        return Err(format!("scale {scale:e} is not a normal f32"));
    }
    let mean = mean as f32;
    if !mean.is_finite() {
        return Err(format!("mean {mean} is not a finite f32"));
    }
    Ok(Lowered::Sampled {
        distribution,
        scale: rounded,
        mean: mean + 0.0,
    })
}

fn normal(
    distribution: Distribution,
    mean: f64,
    std: f64,
    precision: Precision,
) -> Result<Lowered, String> {
    if std.is_nan() || std < 0.0 {
        return Err(format!("standard deviation {std} is negative"));
    }
    if std == 0.0 {
        return constant(mean);
    }
    sampled(
        distribution,
        std / power_of_two(precision.fraction_bits),
        mean,
    )
}

fn uniform(low: f64, high: f64, precision: Precision) -> Result<Lowered, String> {
    if low.is_nan() || high.is_nan() || low > high {
        return Err(format!(
            "uniform from {low} to {high}: the ends are in the wrong order"
        ));
    }
    if low == high {
        return constant(low);
    }
    let half = (high - low) / 2.0;
    let mean = (low + high) / 2.0;
    sampled(
        Distribution::Uniform,
        half / power_of_two(precision.limb_bits),
        mean,
    )
}

fn truncated(
    mean: f64,
    std: f64,
    low: f64,
    high: f64,
    precision: Precision,
) -> Result<Lowered, String> {
    if low.is_nan() || high.is_nan() || low >= high {
        return Err(format!(
            "truncation to {low}, {high}: the ends are in the wrong order"
        ));
    }
    if std == 0.0 {
        return if (low..=high).contains(&mean) {
            constant(mean)
        } else {
            Err(format!("mean {mean} is outside of {low} to {high}"))
        };
    }
    let unit = power_of_two(precision.fraction_bits);
    let units = |bound: f64| ((bound - mean) / std * unit).round();
    let (low, high) = (units(low), units(high));
    let largest = largest_deviate(precision).ok_or("limb width is out of range")?;
    if low <= -largest && high >= largest {
        return normal(Distribution::Normal, mean, std, precision);
    }
    let limit = power_of_two(precision.limb_bits.saturating_sub(1));
    // Within +-2^19, so the conversion is exact.
    let lo = low.clamp(-limit, limit - 1.0) as i32;
    let hi = high.clamp(-limit, limit - 1.0) as i32;
    if lo >= hi {
        return Err("the bounds leave nothing that a deviate can hold".to_owned());
    }
    normal(
        Distribution::TruncatedNormal { lo, hi },
        mean,
        std,
        precision,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRECISION: Precision = Precision {
        limb_bits: 16,
        fraction_bits: 12,
    };

    fn lower(init: Init) -> Result<Lowered, String> {
        init.lower(PRECISION)
    }

    fn sample(distribution: Distribution, scale: f32, mean: f32) -> Result<Lowered, String> {
        Ok(Lowered::Sampled {
            distribution,
            scale,
            mean,
        })
    }

    #[test]
    fn scales() {
        let got = lower(Init::Normal {
            mean: 0.0,
            std: 0.02,
        });
        assert_eq!(got, sample(Distribution::Normal, 0.02_f32 / 4096.0, 0.0));
        let got = lower(Init::Uniform {
            low: -0.5,
            high: 0.5,
        });
        assert_eq!(got, sample(Distribution::Uniform, 0.5 / 65536.0, 0.0));
        let got = lower(Init::Uniform {
            low: 0.0,
            high: 1.0,
        });
        assert_eq!(got, sample(Distribution::Uniform, 0.5 / 65536.0, 0.5));
    }

    #[test]
    fn degenerate_fills_are_constants() {
        let three = Ok(Lowered::Constant { value: 3.0 });
        assert_eq!(
            lower(Init::Normal {
                mean: 3.0,
                std: 0.0
            }),
            three
        );
        assert_eq!(
            lower(Init::Uniform {
                low: 3.0,
                high: 3.0
            }),
            three
        );
        // Without spread in f32, whatever the rule says.
        for init in [
            Init::Normal {
                mean: 0.7,
                std: 1e-30,
            },
            Init::Uniform {
                low: 0.7,
                high: 0.7 + 1e-12,
            },
            Init::TruncNormal {
                mean: 0.7,
                std: 1e-20,
                low: 0.0,
                high: 1.0,
            },
        ] {
            assert_eq!(lower(init), Ok(Lowered::Constant { value: 0.7 }), "{init}");
        }
        let Ok(Lowered::Constant { value }) = lower(Init::Constant { value: -0.0 }) else {
            panic!("not a constant")
        };
        assert_eq!(value.to_bits(), 0);
    }

    fn trunc(std: f64, low: f64, high: f64) -> Result<Lowered, String> {
        lower(Init::TruncNormal {
            mean: 0.0,
            std,
            low,
            high,
        })
    }

    #[test]
    fn truncation_is_in_standard_deviations() {
        let two = Distribution::TruncatedNormal {
            lo: -8192,
            hi: 8192,
        };
        assert_eq!(trunc(1.0, -2.0, 2.0), sample(two, 1.0 / 4096.0, 0.0));
        assert_eq!(
            trunc(0.02, -0.04, 0.04),
            sample(two, 0.02_f32 / 4096.0, 0.0)
        );
        // PyTorch's default bounds are values: for a small deviation they cut nothing.
        let plain = sample(Distribution::Normal, 0.02_f32 / 4096.0, 0.0);
        assert_eq!(trunc(0.02, -2.0, 2.0), plain);
        let half = Distribution::TruncatedNormal { lo: 0, hi: 32767 };
        assert_eq!(trunc(1.0, 0.0, 100.0), sample(half, 1.0 / 4096.0, 0.0));
    }

    #[test]
    fn the_table_ends_where_the_largest_quantile_is() {
        let largest = largest_deviate(PRECISION).unwrap();
        let edge = largest / 4096.0;
        assert_eq!(trunc(1.0, -edge, edge), trunc(1.0, -100.0, 100.0));
        assert_ne!(
            trunc(1.0, -edge + 1.0 / 4096.0, edge),
            trunc(1.0, -100.0, 100.0)
        );
    }

    #[test]
    fn nonsense_is_refused() {
        for init in [
            Init::Constant { value: 1e300 },
            Init::Constant { value: f64::NAN },
            Init::Normal {
                mean: 0.0,
                std: -1.0,
            },
            Init::Normal {
                mean: 0.0,
                std: f64::NAN,
            },
            Init::Normal {
                mean: 0.0,
                std: f64::INFINITY,
            },
            Init::Normal {
                mean: 0.0,
                std: 1e-44,
            },
            Init::Uniform {
                low: 1.0,
                high: 0.0,
            },
            Init::Uniform {
                low: f64::NAN,
                high: 0.0,
            },
            // Nearly all weights would be 0.7; weights would be infinite.
            Init::Normal {
                mean: 0.7,
                std: 1e-8,
            },
            Init::Normal {
                mean: 0.0,
                std: 2e38,
            },
        ] {
            assert!(lower(init).is_err(), "{init}");
        }
        assert!(trunc(1.0, 2.0, 2.0).is_err());
        assert!(trunc(1.0, 50.0, 60.0).is_err());
        assert!(trunc(0.0, 1.0, 2.0).is_err());
    }
}
