//! Architectures as a short TOML list of layers, for models without a graph.
//!
//! A description fixes the parameters (names, shapes, roles, fans), not how the
//! layers are connected; its digest says no more. Names and shapes are those of
//! PyTorch's layers, so that the weights load into one. The crate's README
//! lists the kinds of layers.

mod layer;

use crate::canon::Canon;
use crate::error::{CompileError, Result, at_most};
use crate::limits::Limits;
use crate::onnx::elements;
use crate::roles::{Activation, Parameter};
use layer::FileLayer;
use serde::Deserialize;
use std::collections::BTreeSet;

/// A parsed description.
#[derive(Debug, Clone, PartialEq)]
pub struct Description {
    /// Name of the model.
    pub name: String,
    /// Its parameters, in the order of the layers.
    pub parameters: Vec<Parameter>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    name: String,
    #[serde(default)]
    layer: Vec<FileLayer>,
}

impl Description {
    /// Reads a description.
    ///
    /// # Errors
    /// A syntax error, a layer with a missing, unknown or impossible value, or
    /// too many parameters.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self> {
        at_most("bytes of TOML", limits.toml_bytes, text.len() as u64)?;
        let fail = |reason: String| CompileError::Toml {
            what: "description",
            reason,
        };
        let file: File =
            toml::from_str(text).map_err(|error| fail(crate::canon::toml_reason(text, &error)))?;
        if file.version != 1 {
            return Err(fail(format!("version {}, expected 1", file.version)));
        }
        let mut parameters = Vec::new();
        for layer in &file.layer {
            layer.expand("", 0, limits, &mut parameters)?;
        }
        let mut names = BTreeSet::new();
        for parameter in &parameters {
            if !names.insert(parameter.name.as_str()) {
                return Err(CompileError::Duplicate {
                    what: "parameter",
                    name: parameter.name.clone(),
                });
            }
            elements(&parameter.dims, limits.elements).map_err(|reason| CompileError::Tensor {
                name: parameter.name.clone(),
                reason,
            })?;
        }
        Ok(Self {
            name: file.name,
            parameters,
        })
    }

    /// Digest of the parameters: names, shapes, roles and what decides gains.
    pub fn digest(&self) -> [u8; 32] {
        let mut canon = Canon::default();
        canon.len(self.parameters.len());
        for parameter in &self.parameters {
            canon.str(&parameter.name).dims(&parameter.dims);
            canon.u8(parameter.dtype.onnx()).str(parameter.role.name());
            canon.option_u64(parameter.fans.map(|fans| fans.fan_in));
            canon.option_u64(parameter.fans.map(|fans| fans.fan_out));
            canon.option_u64(parameter.owner_fan_in);
            canon.option_u64(parameter.hidden);
            canon.u8(u8::from(parameter.residual));
            match parameter.activation {
                Activation::Other => canon.u8(0),
                Activation::Rectifier { slope } => canon.u8(1).u64(u64::from(slope.to_bits())),
            };
        }
        canon.digest("nascent description v1")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Description> {
        Description::parse(text, &Limits::default())
    }

    fn layers(text: &str) -> Result<Vec<(String, Vec<u64>)>> {
        let parsed = parse(&format!("version = 1\nname = \"m\"\n{text}"))?;
        let list = parsed.parameters.into_iter();
        Ok(list
            .map(|parameter| (parameter.name, parameter.dims))
            .collect())
    }

    fn named(name: &str, dims: &[u64]) -> (String, Vec<u64>) {
        (name.to_owned(), dims.to_vec())
    }

    #[test]
    fn shapes_are_pytorchs() {
        let text = r#"
            [[layer]]
            name = "conv"
            kind = "conv"
            in = 8
            out = 16
            kernel = [3, 3]
            groups = 4
            [[layer]]
            name = "up"
            kind = "conv_transpose"
            in = 16
            out = 8
            kernel = [2, 2]
            bias = false
            [[layer]]
            name = "rnn"
            kind = "lstm"
            in = 5
            hidden = 7
        "#;
        let expected = vec![
            named("conv.weight", &[16, 2, 3, 3]),
            named("conv.bias", &[16]),
            named("up.weight", &[16, 8, 2, 2]),
            named("rnn.weight_ih_l0", &[28, 5]),
            named("rnn.weight_hh_l0", &[28, 7]),
            named("rnn.bias_ih_l0", &[28]),
            named("rnn.bias_hh_l0", &[28]),
        ];
        assert_eq!(layers(text).unwrap(), expected);
    }

    #[test]
    fn groups_repeat() {
        let text = r#"
            [[layer]]
            name = "h"
            kind = "group"
            repeat = 2
            layer = [{ name = "ln", kind = "rms_norm", features = 4 }]
        "#;
        let expected = vec![named("h.0.ln.weight", &[4]), named("h.1.ln.weight", &[4])];
        assert_eq!(layers(text).unwrap(), expected);
    }

    #[test]
    fn mistakes_are_refused() {
        for text in [
            "[[layer]]\nname = \"a\"\nkind = \"linear\"\nin = 3",
            "[[layer]]\nname = \"a\"\nkind = \"linear\"\nin = 3\nout = 0",
            "[[layer]]\nname = \"a\"\nkind = \"linear\"\nin = 3\nout = 2\nkernel = [1]",
            "[[layer]]\nname = \"a\"\nkind = \"dense\"",
            "[[layer]]\nname = \"a\"\nkind = \"conv\"\nin = 3\nout = 2\nkernel = [3]\ngroups = 2",
            "[[layer]]\nname = \"a\"\nkind = \"linear\"\nin = 4294967296\nout = 4294967296",
            "[[layer]]\nname = \"a\"\nkind = \"prelu\"\n[[layer]]\nname = \"a\"\nkind = \"prelu\"",
            "[[layer]]\nname = \"\"\nkind = \"prelu\"",
            "[[layer]]\nname = \"g\"\nkind = \"group\"\nrepeat = 1000000\nlayer = [{ name = \"p\", kind = \"prelu\" }]",
        ] {
            assert!(layers(text).is_err(), "{text}");
        }
        assert!(parse("version = 2\nname = \"m\"").is_err());
    }
}
