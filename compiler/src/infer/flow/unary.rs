//! Functions of one real number, as ONNX defines them.
//!
//! They fill lookup tables, whose values are part of an architecture's digest, so they are computed
//! by portable code (`libm`) and not by the machine's library.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

/// A function of one number, with its parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(
    missing_docs,
    reason = "the variants are ONNX operators, described in their files"
)]
pub enum Unary {
    Abs,
    Acos,
    Acosh,
    Asin,
    Asinh,
    Atan,
    Atanh,
    Ceil,
    Celu(f64),
    Clip {
        lo: f64,
        hi: f64,
    },
    Cos,
    Cosh,
    Elu(f64),
    Erf,
    Exp,
    Floor,
    Gelu,
    GeluTanh,
    HardSigmoid {
        alpha: f64,
        beta: f64,
    },
    HardSwish,
    IsNegative,
    IsPositive,
    IsZero,
    LeakyRelu(f64),
    Log,
    Mish,
    Neg,
    Not,
    Quantize {
        scale: f64,
        zero: f64,
        lo: f64,
        hi: f64,
    },
    Reciprocal,
    Relu,
    Round,
    Selu {
        alpha: f64,
        gamma: f64,
    },
    Shrink {
        bias: f64,
        lambd: f64,
    },
    Sigmoid,
    Sign,
    Sin,
    Sinh,
    Softplus,
    Softsign,
    Sqrt,
    Swish(f64),
    Tan,
    Tanh,
    ThresholdedRelu(f64),
}

impl Unary {
    /// The function's value.
    pub fn at(self, x: f64) -> f64 {
        match self {
            Self::Abs => x.abs(),
            Self::Acos => libm::acos(x),
            Self::Acosh => libm::acosh(x),
            Self::Asin => libm::asin(x),
            Self::Asinh => libm::asinh(x),
            Self::Atan => libm::atan(x),
            Self::Atanh => libm::atanh(x),
            Self::Ceil => x.ceil(),
            Self::Celu(alpha) => x.max(0.0) + (alpha * libm::expm1(x / alpha)).min(0.0),
            Self::Clip { lo, hi } => x.max(lo).min(hi),
            Self::Cos => libm::cos(x),
            Self::Cosh => libm::cosh(x),
            Self::Elu(alpha) => positive(x, || alpha * libm::expm1(x)),
            Self::Erf => libm::erf(x),
            Self::Exp => libm::exp(x),
            Self::Floor => x.floor(),
            Self::Gelu => 0.5 * x * (1.0 + libm::erf(x * FRAC_1_SQRT_2)),
            Self::GeluTanh => {
                let inner = FRAC_2_SQRT_PI * FRAC_1_SQRT_2 * (x + 0.044_715 * x * x * x);
                0.5 * x * (1.0 + libm::tanh(inner))
            }
            Self::HardSigmoid { alpha, beta } => (alpha * x + beta).clamp(0.0, 1.0),
            Self::HardSwish => x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
            Self::IsNegative => flag(x < 0.0),
            Self::IsPositive => flag(x > 0.0),
            Self::IsZero | Self::Not => flag(x == 0.0),
            Self::LeakyRelu(alpha) => positive(x, || alpha * x),
            Self::Log => libm::log(x),
            Self::Mish => x * libm::tanh(softplus(x)),
            Self::Neg => -x,
            Self::Quantize {
                scale,
                zero,
                lo,
                hi,
            } => (even(x / scale) + zero).clamp(lo, hi),
            Self::Reciprocal => 1.0 / x,
            Self::Relu => x.max(0.0),
            Self::Round => even(x),
            Self::Selu { alpha, gamma } => gamma * positive(x, || alpha * libm::expm1(x)),
            Self::Shrink { bias, lambd } => {
                if x < -lambd {
                    x + bias
                } else if x > lambd {
                    x - bias
                } else {
                    0.0
                }
            }
            Self::Sigmoid => sigmoid(x),
            Self::Sign => flag(x > 0.0) - flag(x < 0.0),
            Self::Sin => libm::sin(x),
            Self::Sinh => libm::sinh(x),
            Self::Softplus => softplus(x),
            Self::Softsign => x / (1.0 + x.abs()),
            Self::Sqrt => x.sqrt(),
            Self::Swish(alpha) => x * sigmoid(alpha * x),
            Self::Tan => libm::tan(x),
            Self::Tanh => libm::tanh(x),
            Self::ThresholdedRelu(alpha) => {
                if x > alpha {
                    x
                } else {
                    0.0
                }
            }
        }
    }

    /// Least and greatest value of a function that gives nothing but integers, of any number.
    pub fn integers(self) -> Option<(f64, f64)> {
        match self {
            Self::IsNegative | Self::IsPositive | Self::IsZero | Self::Not => Some((0.0, 1.0)),
            Self::Sign => Some((-1.0, 1.0)),
            Self::Quantize { zero, lo, hi, .. } => {
                let whole = [zero, lo, hi].iter().all(|v| v.fract() == 0.0);
                whole.then_some((lo, hi))
            }
            _ => None,
        }
    }

    /// Whether `f(c x) = c f(x)` for every positive `c`: then the scale of `x` does not matter.
    pub fn is_homogeneous(self) -> bool {
        matches!(
            self,
            Self::Abs | Self::LeakyRelu(_) | Self::Neg | Self::Relu
        ) || self
            == (Self::Clip {
                lo: 0.0,
                hi: f64::INFINITY,
            })
    }
}

fn positive(x: f64, otherwise: impl Fn() -> f64) -> f64 {
    if x >= 0.0 { x } else { otherwise() }
}

fn flag(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

fn even(x: f64) -> f64 {
    x.round_ties_even()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + libm::log1p(libm::exp(-x.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_at_known_points() {
        let cases = [
            (Unary::Gelu, 1.0, 0.841_344_746),
            (Unary::GeluTanh, 1.0, 0.841_191_99),
            (Unary::Softplus, 0.0, std::f64::consts::LN_2),
            (Unary::Softplus, -800.0, 0.0),
            (Unary::Sigmoid, -800.0, 0.0),
            (Unary::Elu(2.0), -1.0, -1.264_241_117),
            (Unary::Celu(2.0), -1.0, -0.786_938_68),
            (Unary::Round, 2.5, 2.0),
            (Unary::HardSwish, 1.0, 4.0 / 6.0),
            (
                Unary::Shrink {
                    bias: 0.5,
                    lambd: 1.0,
                },
                -2.0,
                -1.5,
            ),
        ];
        for (f, x, y) in cases {
            assert!((f.at(x) - y).abs() < 1e-8, "{f:?} at {x}: {}", f.at(x));
        }
    }

    #[test]
    fn homogeneous_functions_scale() {
        for f in [Unary::Abs, Unary::LeakyRelu(0.1), Unary::Neg, Unary::Relu] {
            assert!(f.is_homogeneous());
            for x in [-3.0, 0.0, 2.0] {
                assert!((f.at(7.0 * x) - 7.0 * f.at(x)).abs() < 1e-12);
            }
        }
        assert!(!Unary::Gelu.is_homogeneous());
    }
}
