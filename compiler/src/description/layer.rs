//! One layer of a description, and the parameters it stands for.

use crate::error::{CompileError, Result, at_most};
use crate::graph::DType;
use crate::limits::Limits;
use crate::roles::{Activation, Fans, Parameter, Role, pytorch_fans};
use nascent_verifier::spec::MAX_RANK;
use serde::Deserialize;

/// Deepest nesting of groups.
const MAX_DEPTH: usize = 8;

/// A layer as written; which values belong to which kind is checked on use.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileLayer {
    name: String,
    kind: String,
    #[serde(rename = "in")]
    inputs: Option<u64>,
    #[serde(rename = "out")]
    outputs: Option<u64>,
    kernel: Option<Vec<u64>>,
    groups: Option<u64>,
    bias: Option<bool>,
    features: Option<u64>,
    num: Option<u64>,
    dim: Option<u64>,
    hidden: Option<u64>,
    layers: Option<u64>,
    bidirectional: Option<bool>,
    shape: Option<Vec<u64>>,
    role: Option<String>,
    activation: Option<String>,
    slope: Option<f32>,
    residual: Option<bool>,
    repeat: Option<u64>,
    layer: Option<Vec<FileLayer>>,
}

/// Names of the values that a kind of layer takes.
fn known_keys(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "linear" => &["in", "out", "bias", "activation", "slope", "residual"],
        "conv" | "conv_transpose" => &[
            "in",
            "out",
            "kernel",
            "groups",
            "bias",
            "activation",
            "slope",
        ],
        "embedding" => &["num", "dim"],
        "batch_norm" | "layer_norm" | "group_norm" | "instance_norm" | "rms_norm" => &["features"],
        "rnn" | "gru" | "lstm" => &["in", "hidden", "layers", "bidirectional", "bias"],
        "prelu" => &["num"],
        "parameter" => &["shape", "role", "activation", "slope", "residual"],
        "group" => &["repeat", "layer"],
        _ => return None,
    })
}

impl FileLayer {
    fn fail(&self, reason: impl Into<String>) -> CompileError {
        CompileError::Layer {
            layer: self.name.clone(),
            reason: reason.into(),
        }
    }

    /// The keys that are there, for the check against [`known_keys`].
    fn keys(&self) -> [(&'static str, bool); 18] {
        [
            ("in", self.inputs.is_some()),
            ("out", self.outputs.is_some()),
            ("kernel", self.kernel.is_some()),
            ("groups", self.groups.is_some()),
            ("bias", self.bias.is_some()),
            ("features", self.features.is_some()),
            ("num", self.num.is_some()),
            ("dim", self.dim.is_some()),
            ("hidden", self.hidden.is_some()),
            ("layers", self.layers.is_some()),
            ("bidirectional", self.bidirectional.is_some()),
            ("shape", self.shape.is_some()),
            ("role", self.role.is_some()),
            ("activation", self.activation.is_some()),
            ("slope", self.slope.is_some()),
            ("residual", self.residual.is_some()),
            ("repeat", self.repeat.is_some()),
            ("layer", self.layer.is_some()),
        ]
    }

    /// Appends the parameters of the layer, names starting with `prefix`.
    pub fn expand(
        &self,
        prefix: &str,
        depth: usize,
        limits: &Limits,
        out: &mut Vec<Parameter>,
    ) -> Result<()> {
        at_most("nested groups", MAX_DEPTH as u64, depth as u64)?;
        if self.name.is_empty() {
            return Err(self.fail("it has no name"));
        }
        let known = known_keys(&self.kind)
            .ok_or_else(|| self.fail(format!("unknown kind {:?}", self.kind)))?;
        let stray = self
            .keys()
            .into_iter()
            .find(|(key, there)| *there && !known.contains(key));
        if let Some((key, _)) = stray {
            return Err(self.fail(format!("{key:?} does not belong to {}", self.kind)));
        }
        let name = format!("{prefix}{}", self.name);
        match self.kind.as_str() {
            "group" => self.group(&name, depth, limits, out)?,
            "linear" => self.linear(&name, out)?,
            "conv" | "conv_transpose" => self.conv(&name, out)?,
            "embedding" => {
                let dims = vec![self.size("num", self.num)?, self.size("dim", self.dim)?];
                out.push(self.weight(format!("{name}.weight"), Role::Embedding, dims)?);
            }
            "rnn" => self.recurrent(&name, 1, limits, out)?,
            "gru" => self.recurrent(&name, 3, limits, out)?,
            "lstm" => self.recurrent(&name, 4, limits, out)?,
            "prelu" => {
                let num = self.size("num", self.num.or(Some(1)))?;
                out.push(vector(format!("{name}.weight"), Role::Slope, num));
            }
            "parameter" => self.parameter(name, out)?,
            _ => self.norm(&name, out)?,
        }
        at_most("parameter tensors", limits.tensors as u64, out.len() as u64)
    }

    /// A value that must be there and not be zero.
    fn size(&self, key: &str, value: Option<u64>) -> Result<u64> {
        match value {
            Some(0) => Err(self.fail(format!("{key:?} is zero"))),
            Some(value) => Ok(value),
            None => Err(self.fail(format!("{key:?} is missing"))),
        }
    }

    fn following(&self) -> Result<Activation> {
        match (self.activation.as_deref(), self.slope) {
            (None | Some("none"), None) => Ok(Activation::Other),
            (Some("relu"), None) => Ok(Activation::Rectifier { slope: 0.0 }),
            (Some("leaky_relu"), slope) => Ok(Activation::Rectifier {
                slope: slope.filter(|slope| slope.is_finite()).unwrap_or(0.01),
            }),
            (Some("prelu"), None) => Ok(Activation::Rectifier { slope: 0.25 }),
            (_, Some(_)) => Err(self.fail("`slope` goes with activation = \"leaky_relu\"")),
            (Some("gelu" | "silu" | "tanh" | "sigmoid" | "softmax"), None) => Ok(Activation::Other),
            (Some(other), None) => Err(self.fail(format!("unknown activation {other:?}"))),
        }
    }

    /// A weight with PyTorch's fans on its shape.
    fn weight(&self, name: String, role: Role, dims: Vec<u64>) -> Result<Parameter> {
        let fans = pytorch_fans(&dims).ok_or_else(|| self.fail("its weight has no fans"))?;
        Ok(Parameter {
            dims,
            fans: Some(fans),
            activation: self.following()?,
            residual: self.residual.unwrap_or(false),
            ..vector(name, role, 0)
        })
    }

    fn linear(&self, name: &str, out: &mut Vec<Parameter>) -> Result<()> {
        let outputs = self.size("out", self.outputs)?;
        let dims = vec![outputs, self.size("in", self.inputs)?];
        let weight = self.weight(format!("{name}.weight"), Role::Linear, dims)?;
        self.with_bias(name, weight, outputs, out);
        Ok(())
    }

    fn with_bias(&self, name: &str, weight: Parameter, length: u64, out: &mut Vec<Parameter>) {
        let owner = weight.fans.map(|fans| fans.fan_in);
        out.push(weight);
        if self.bias.unwrap_or(true) {
            out.push(Parameter {
                owner_fan_in: owner,
                ..vector(format!("{name}.bias"), Role::Bias, length)
            });
        }
    }

    fn conv(&self, name: &str, out: &mut Vec<Parameter>) -> Result<()> {
        let inputs = self.size("in", self.inputs)?;
        let outputs = self.size("out", self.outputs)?;
        let groups = self.size("groups", self.groups.or(Some(1)))?;
        if inputs % groups != 0 || outputs % groups != 0 {
            return Err(self.fail(format!("{groups} groups do not divide its channels")));
        }
        let kernel = self.kernel.as_deref().unwrap_or_default();
        if kernel.is_empty() || kernel.len() + 2 > MAX_RANK || kernel.contains(&0) {
            return Err(self.fail("`kernel` must list its sizes, none of them zero"));
        }
        let (role, mut dims) = match self.kind.as_str() {
            "conv" => (Role::Conv, vec![outputs, inputs / groups]),
            _ => (Role::ConvTranspose, vec![inputs, outputs / groups]),
        };
        dims.extend_from_slice(kernel);
        let weight = self.weight(format!("{name}.weight"), role, dims)?;
        self.with_bias(name, weight, outputs, out);
        Ok(())
    }

    fn norm(&self, name: &str, out: &mut Vec<Parameter>) -> Result<()> {
        let features = self.size("features", self.features)?;
        let mut push = |suffix: &str, role| {
            out.push(vector(format!("{name}.{suffix}"), role, features));
        };
        push("weight", Role::NormScale);
        if self.kind != "rms_norm" {
            push("bias", Role::NormBias);
        }
        if self.kind == "batch_norm" {
            push("running_mean", Role::NormMean);
            push("running_var", Role::NormVariance);
        }
        Ok(())
    }

    fn recurrent(
        &self,
        name: &str,
        gates: u64,
        limits: &Limits,
        out: &mut Vec<Parameter>,
    ) -> Result<()> {
        let hidden = self.size("hidden", self.hidden)?;
        let layers = self.size("layers", self.layers.or(Some(1)))?;
        at_most("layers", limits.tensors as u64, layers)?;
        let large = || self.fail("its weights are too large");
        let rows = hidden.checked_mul(gates).ok_or_else(large)?;
        let directions: &[&str] = match self.bidirectional {
            Some(true) => &["", "_reverse"],
            _ => &[""],
        };
        let mut inputs = self.size("in", self.inputs)?;
        for layer in 0..layers {
            for direction in directions {
                let suffix = format!("l{layer}{direction}");
                for (part, role, columns) in [
                    ("weight_ih", Role::RecurrentInput, inputs),
                    ("weight_hh", Role::RecurrentHidden, hidden),
                ] {
                    out.push(Parameter {
                        dims: vec![rows, columns],
                        fans: Some(Fans {
                            fan_in: columns,
                            fan_out: rows,
                        }),
                        hidden: Some(hidden),
                        ..vector(format!("{name}.{part}_{suffix}"), role, 0)
                    });
                }
                for part in ["bias_ih", "bias_hh"] {
                    if self.bias.unwrap_or(true) {
                        out.push(Parameter {
                            hidden: Some(hidden),
                            ..vector(format!("{name}.{part}_{suffix}"), Role::RecurrentBias, rows)
                        });
                    }
                }
            }
            inputs = hidden
                .checked_mul(directions.len() as u64)
                .ok_or_else(large)?;
        }
        Ok(())
    }

    fn parameter(&self, name: String, out: &mut Vec<Parameter>) -> Result<()> {
        let dims = self
            .shape
            .clone()
            .ok_or_else(|| self.fail("`shape` is missing"))?;
        if dims.len() > MAX_RANK || dims.contains(&0) {
            return Err(self.fail(format!(
                "its shape {dims:?} is empty or has too many dimensions"
            )));
        }
        let role = match self.role.as_deref() {
            None => Role::Other,
            Some(role) => {
                Role::parse(role).ok_or_else(|| self.fail(format!("unknown role {role:?}")))?
            }
        };
        let fans = pytorch_fans(&dims);
        if role.is_weight() && fans.is_none() {
            return Err(self.fail("a weight has two dimensions or more"));
        }
        out.push(Parameter {
            dims,
            fans,
            activation: self.following()?,
            residual: self.residual.unwrap_or(false),
            ..vector(name, role, 0)
        });
        Ok(())
    }

    fn group(
        &self,
        name: &str,
        depth: usize,
        limits: &Limits,
        out: &mut Vec<Parameter>,
    ) -> Result<()> {
        let layers = self.layer.as_deref().unwrap_or_default();
        if layers.is_empty() {
            return Err(self.fail("a group needs `layer`, a list of layers"));
        }
        let Some(repeat) = self.repeat else {
            for layer in layers {
                layer.expand(&format!("{name}."), depth + 1, limits, out)?;
            }
            return Ok(());
        };
        let repeat = self.size("repeat", Some(repeat))?;
        at_most("repetitions", limits.tensors as u64, repeat)?;
        for index in 0..repeat {
            for layer in layers {
                layer.expand(&format!("{name}.{index}."), depth + 1, limits, out)?;
            }
        }
        Ok(())
    }
}

/// A parameter without fans.
fn vector(name: String, role: Role, length: u64) -> Parameter {
    Parameter {
        name,
        dims: vec![length],
        dtype: DType::F32,
        role,
        fans: None,
        owner_fan_in: None,
        hidden: None,
        activation: Activation::Other,
        residual: false,
        node: None,
        value: None,
    }
}
