//! The values of one checkpoint.

use crate::error::ParamsError;
use crate::graph::CheckedGraph;
use crate::id::TensorId;
use crate::op::Op;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Values of a graph's `Param` tensors, and the scales of its tensors.
///
/// `real = scale * integer`. Scales serve reports and conversions of inputs and outputs; no proof
/// and no architecture digest depends on them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Params {
    /// Row-major values, one entry per `Param` tensor.
    #[serde(deserialize_with = "crate::bounded::per_node")]
    pub values: BTreeMap<TensorId, Vec<i32>>,
    /// Scales of any tensors.
    #[serde(deserialize_with = "crate::bounded::per_node")]
    pub scales: BTreeMap<TensorId, Scale>,
}

impl Params {
    /// Checks that there are values for every `Param` of `graph` and nothing else, of the right
    /// number, within the declared ranges.
    ///
    /// # Errors
    /// The first rule broken, with the tensor.
    pub fn check(&self, graph: &CheckedGraph) -> Result<(), ParamsError> {
        self.check_scales()?;
        for id in graph.params() {
            let info = graph.tensor(id);
            let name = || info.name.clone();
            let values = self.values.get(&id).ok_or_else(|| ParamsError::Missing {
                tensor: id,
                name: name(),
            })?;
            if values.len() != info.elements() {
                return Err(ParamsError::Length {
                    tensor: id,
                    name: name(),
                    expected: info.elements(),
                    got: values.len(),
                });
            }
            let outside = |&value: &i32| !info.range.contains(value.into());
            if let Some(index) = values.iter().position(outside) {
                return Err(ParamsError::Value {
                    tensor: id,
                    name: name(),
                    index,
                    expected: info.range,
                    got: values[index],
                });
            }
        }
        let is_param = |id: TensorId| {
            let node = graph.nodes.get(id.index());
            node.is_some_and(|node| matches!(node.op, Op::Param))
        };
        match self.values.keys().find(|&&id| !is_param(id)) {
            Some(&tensor) => Err(ParamsError::Unknown { tensor }),
            None => Ok(()),
        }
    }

    pub(crate) fn check_scales(&self) -> Result<(), ParamsError> {
        let mut scales = self.scales.iter();
        match scales.find(|(_, scale)| Scale::new(scale.get()).is_none()) {
            Some((&tensor, _)) => Err(ParamsError::Scale { tensor }),
            None => Ok(()),
        }
    }
}

/// Real number per integer step: the bits of a positive finite `f64`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Scale(u64);

impl Scale {
    /// `None` unless `value` is positive and finite.
    pub fn new(value: f64) -> Option<Self> {
        (value > 0.0 && value.is_finite()).then(|| Self(value.to_bits()))
    }

    /// The number.
    pub fn get(self) -> f64 {
        f64::from_bits(self.0)
    }
}
