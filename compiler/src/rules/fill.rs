//! The fills of PyTorch's `nn.init`, with its parameters and defaults.

use super::{Decision, Preset};
use crate::canon::Canon;
use crate::error::{CompileError, Result};
use crate::init::Init;
use crate::roles::{Fans, Parameter};

/// Which fan a Kaiming fill keeps the variance along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Forward pass.
    FanIn,
    /// Backward pass.
    FanOut,
}

/// The nonlinearity that a gain is for (`nn.init.calculate_gain`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nonlinearity {
    /// Gain 1; PyTorch's `linear`, `conv*` and `sigmoid`.
    Linear,
    /// Gain 5/3.
    Tanh,
    /// Gain sqrt 2.
    Relu,
    /// Gain sqrt(2 / (1 + a^2)).
    LeakyRelu,
    /// Gain 3/4.
    Selu,
}

impl Nonlinearity {
    /// PyTorch's gain, with `a` the negative slope of a leaky ReLU.
    pub fn gain(self, a: f64) -> f64 {
        match self {
            Self::Linear => 1.0,
            Self::Tanh => 5.0 / 3.0,
            Self::Relu => 2.0_f64.sqrt(),
            Self::LeakyRelu => (2.0 / (1.0 + a * a)).sqrt(),
            Self::Selu => 0.75,
        }
    }

    /// The name that PyTorch has for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Tanh => "tanh",
            Self::Relu => "relu",
            Self::LeakyRelu => "leaky_relu",
            Self::Selu => "selu",
        }
    }
}

/// A fill, before it is applied to a tensor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FillRule {
    /// Leave the values as they are in the file.
    Keep,
    /// What a preset would do.
    Preset(Preset),
    /// `constant_(value)`; `zeros_` and `ones_` too.
    Constant(f64),
    /// `uniform_(a, b)`.
    Uniform {
        /// Lower end.
        a: f64,
        /// Upper end.
        b: f64,
    },
    /// `normal_(mean, std)`.
    Normal {
        /// Mean.
        mean: f64,
        /// Standard deviation.
        std: f64,
    },
    /// `trunc_normal_(mean, std, a, b)`: the bounds are values.
    TruncNormal {
        /// Mean.
        mean: f64,
        /// Standard deviation.
        std: f64,
        /// Lower bound.
        a: f64,
        /// Upper bound.
        b: f64,
    },
    /// `xavier_uniform_(gain)`.
    XavierUniform {
        /// Factor of the deviation.
        gain: f64,
    },
    /// `xavier_normal_(gain)`.
    XavierNormal {
        /// Factor of the deviation.
        gain: f64,
    },
    /// `kaiming_uniform_(a, mode, nonlinearity)`.
    KaimingUniform {
        /// Negative slope.
        a: f64,
        /// Fan.
        mode: Mode,
        /// Gain.
        nonlinearity: Nonlinearity,
    },
    /// `kaiming_normal_(a, mode, nonlinearity)`.
    KaimingNormal {
        /// Negative slope.
        a: f64,
        /// Fan.
        mode: Mode,
        /// Gain.
        nonlinearity: Nonlinearity,
    },
    /// Normal of variance 1 / fan-in.
    LecunNormal,
    /// Uniform of variance 1 / fan-in.
    LecunUniform,
}

impl FillRule {
    /// The name in rules files.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Preset(preset) => preset.name(),
            Self::Constant(_) => "constant",
            Self::Uniform { .. } => "uniform",
            Self::Normal { .. } => "normal",
            Self::TruncNormal { .. } => "trunc_normal",
            Self::XavierUniform { .. } => "xavier_uniform",
            Self::XavierNormal { .. } => "xavier_normal",
            Self::KaimingUniform { .. } => "kaiming_uniform",
            Self::KaimingNormal { .. } => "kaiming_normal",
            Self::LecunNormal => "lecun_normal",
            Self::LecunUniform => "lecun_uniform",
        }
    }

    /// Applies the fill to a tensor. `residuals` counts the residual
    /// projections of the model; `label` says in words where the rule stands.
    pub(super) fn decide(
        &self,
        parameter: &Parameter,
        fans: Option<Fans>,
        residuals: u64,
        label: &str,
    ) -> Result<Decision> {
        let rule = match *self {
            Self::Preset(preset) => preset.fill(parameter, residuals),
            rule => rule,
        };
        if rule == Self::Keep {
            return Ok(Decision::Keep {
                why: format!("{label}: keep"),
            });
        }
        let no_fan = || CompileError::NoFan {
            tensor: parameter.name.clone(),
            dims: parameter.dims.clone(),
            init: rule.name(),
        };
        let init = rule.init(fans).ok_or_else(no_fan)?;
        let mut why = format!("{label}: {}", rule.name());
        if let Some(fans) = fans.filter(|_| rule.needs_fans()) {
            why.push_str(&format!(
                " (fan_in {}, fan_out {})",
                fans.fan_in, fans.fan_out
            ));
        }
        Ok(Decision::Fill { init, why })
    }

    fn needs_fans(&self) -> bool {
        matches!(
            self,
            Self::XavierUniform { .. }
                | Self::XavierNormal { .. }
                | Self::KaimingUniform { .. }
                | Self::KaimingNormal { .. }
                | Self::LecunNormal
                | Self::LecunUniform
        )
    }

    /// The fill in real numbers; `None` when a fan that it needs is not there.
    fn init(&self, fans: Option<Fans>) -> Option<Init> {
        let fan = |mode| {
            let fans = fans?;
            let fan = match mode {
                Mode::FanIn => fans.fan_in,
                Mode::FanOut => fans.fan_out,
            };
            (fan > 0).then_some(fan as f64)
        };
        let xavier = |gain: f64| {
            let sum = fan(Mode::FanIn)? + fan(Mode::FanOut)?;
            Some(gain * (2.0 / sum).sqrt())
        };
        let kaiming = |a: f64, mode, nonlinearity: Nonlinearity| {
            Some(nonlinearity.gain(a) / fan(mode)?.sqrt())
        };
        Some(match *self {
            Self::Keep | Self::Preset(_) => return None,
            Self::Constant(value) => Init::Constant { value },
            Self::Uniform { a, b } => Init::Uniform { low: a, high: b },
            Self::Normal { mean, std } => Init::Normal { mean, std },
            Self::TruncNormal { mean, std, a, b } => Init::TruncNormal {
                mean,
                std,
                low: a,
                high: b,
            },
            Self::XavierUniform { gain } => uniform_of(xavier(gain)?),
            Self::XavierNormal { gain } => normal_of(xavier(gain)?),
            Self::KaimingUniform {
                a,
                mode,
                nonlinearity,
            } => uniform_of(kaiming(a, mode, nonlinearity)?),
            Self::KaimingNormal {
                a,
                mode,
                nonlinearity,
            } => normal_of(kaiming(a, mode, nonlinearity)?),
            Self::LecunNormal => normal_of(1.0 / fan(Mode::FanIn)?.sqrt()),
            Self::LecunUniform => uniform_of(1.0 / fan(Mode::FanIn)?.sqrt()),
        })
    }

    /// The canonical bytes of the rule.
    pub(super) fn encode(&self, canon: &mut Canon) {
        canon.str(self.name());
        match *self {
            Self::Keep | Self::Preset(_) | Self::LecunNormal | Self::LecunUniform => {}
            Self::Constant(value) => _ = canon.f64(value),
            Self::Uniform { a, b } => _ = canon.f64(a).f64(b),
            Self::Normal { mean, std } => _ = canon.f64(mean).f64(std),
            Self::TruncNormal { mean, std, a, b } => _ = canon.f64(mean).f64(std).f64(a).f64(b),
            Self::XavierUniform { gain } | Self::XavierNormal { gain } => _ = canon.f64(gain),
            Self::KaimingUniform {
                a,
                mode,
                nonlinearity,
            }
            | Self::KaimingNormal {
                a,
                mode,
                nonlinearity,
            } => {
                let fan = if mode == Mode::FanIn {
                    "fan_in"
                } else {
                    "fan_out"
                };
                canon.f64(a).str(fan).str(nonlinearity.name());
            }
        }
    }
}

fn normal_of(std: f64) -> Init {
    Init::Normal { mean: 0.0, std }
}

/// The uniform distribution with a standard deviation.
fn uniform_of(std: f64) -> Init {
    let bound = 3.0_f64.sqrt() * std;
    Init::Uniform {
        low: -bound,
        high: bound,
    }
}
