//! Whole initializations of a model.

use super::{FillRule, Mode, Nonlinearity};
use crate::roles::{Activation, Parameter, Role};

/// A fill for every role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// He where a member of the ReLU family follows, else Xavier; normal.
    Default,
    /// What PyTorch's layers do when they are constructed.
    Torch,
    /// GPT-2 as Hugging Face's implementation has it.
    Gpt2,
    /// He normal everywhere.
    HeNormal,
    /// He uniform everywhere.
    HeUniform,
    /// Xavier normal everywhere.
    XavierNormal,
    /// Xavier uniform everywhere.
    XavierUniform,
    /// LeCun normal everywhere.
    LecunNormal,
    /// LeCun uniform everywhere.
    LecunUniform,
}

impl Preset {
    /// All presets, with the names that rules files use.
    pub const NAMES: [(Self, &'static str); 9] = [
        (Self::Default, "default"),
        (Self::Torch, "torch"),
        (Self::Gpt2, "gpt2"),
        (Self::HeNormal, "he-normal"),
        (Self::HeUniform, "he-uniform"),
        (Self::XavierNormal, "xavier-normal"),
        (Self::XavierUniform, "xavier-uniform"),
        (Self::LecunNormal, "lecun-normal"),
        (Self::LecunUniform, "lecun-uniform"),
    ];

    /// The name in rules files.
    pub fn name(self) -> &'static str {
        let found = Self::NAMES.iter().find(|(preset, _)| *preset == self);
        found.map_or("default", |(_, name)| name)
    }

    /// The preset of a name.
    pub fn parse(name: &str) -> Option<Self> {
        let found = Self::NAMES.iter().find(|(_, known)| *known == name);
        found.map(|(preset, _)| *preset)
    }

    /// The rule for a tensor.
    pub(super) fn fill(self, parameter: &Parameter, residuals: u64) -> FillRule {
        match self {
            Self::Torch => torch(parameter),
            Self::Gpt2 => gpt2(parameter, residuals),
            _ if parameter.role.is_weight() => self.weight(parameter.activation),
            _ => vector(parameter.role),
        }
    }

    fn weight(self, activation: Activation) -> FillRule {
        let a = match activation {
            Activation::Rectifier { slope } => f64::from(slope),
            Activation::Other => 0.0,
        };
        let mode = Mode::FanIn;
        let nonlinearity = Nonlinearity::LeakyRelu;
        match self {
            Self::Default if activation == Activation::Other => {
                FillRule::XavierNormal { gain: 1.0 }
            }
            Self::Default | Self::HeNormal | Self::Torch | Self::Gpt2 => FillRule::KaimingNormal {
                a,
                mode,
                nonlinearity,
            },
            Self::HeUniform => FillRule::KaimingUniform {
                a,
                mode,
                nonlinearity,
            },
            Self::XavierNormal => FillRule::XavierNormal { gain: 1.0 },
            Self::XavierUniform => FillRule::XavierUniform { gain: 1.0 },
            Self::LecunNormal => FillRule::LecunNormal,
            Self::LecunUniform => FillRule::LecunUniform,
        }
    }
}

/// Tensors that are no weights: the same in all presets but PyTorch's biases.
fn vector(role: Role) -> FillRule {
    match role {
        Role::NormScale | Role::NormVariance => FillRule::Constant(1.0),
        Role::Slope => FillRule::Constant(0.25),
        Role::Other => FillRule::Keep,
        Role::Bias
        | Role::RecurrentBias
        | Role::NormBias
        | Role::NormMean
        | Role::Linear
        | Role::Conv
        | Role::ConvTranspose
        | Role::Embedding
        | Role::RecurrentInput
        | Role::RecurrentHidden => FillRule::Constant(0.0),
    }
}

/// `reset_parameters` of PyTorch's layers.
///
/// Linear and convolutions: `kaiming_uniform_(a=sqrt(5))`, whose bound
/// `sqrt(3) * sqrt(2 / 6) / sqrt(fan_in)` is `1 / sqrt(fan_in)`, for the weight
/// and for its bias. Embeddings: standard normal. Recurrent layers: uniform
/// with bound `1 / sqrt(hidden)` for everything.
fn torch(parameter: &Parameter) -> FillRule {
    let bounded = |fan: Option<u64>| match fan {
        Some(fan) if fan > 0 => {
            let bound = 1.0 / (fan as f64).sqrt();
            FillRule::Uniform {
                a: -bound,
                b: bound,
            }
        }
        _ => FillRule::Constant(0.0),
    };
    match parameter.role {
        Role::Linear | Role::Conv | Role::ConvTranspose => {
            bounded(parameter.fans.map(|fans| fans.fan_in))
        }
        Role::Bias => bounded(parameter.owner_fan_in),
        Role::Embedding => FillRule::Normal {
            mean: 0.0,
            std: 1.0,
        },
        Role::RecurrentInput | Role::RecurrentHidden | Role::RecurrentBias => {
            bounded(parameter.hidden)
        }
        role => vector(role),
    }
}

/// Normal of deviation 0.02; projections onto the residual path divided by the
/// square root of their number (two for each layer of GPT-2).
fn gpt2(parameter: &Parameter, residuals: u64) -> FillRule {
    if !parameter.role.is_weight() {
        return vector(parameter.role);
    }
    let std = if parameter.residual && residuals > 0 {
        0.02 / (residuals as f64).sqrt()
    } else {
        0.02
    };
    FillRule::Normal { mean: 0.0, std }
}
