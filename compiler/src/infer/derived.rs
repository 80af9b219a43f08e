//! Weights that a plan derives, and where they end up.
//!
//! A sampled tensor is `scale * z` with an integer deviate `z` for each element. Its elements are
//! followed through the rewriting of constants: views move them, factors scale them. What reaches a
//! product as its weights keeps its deviates as integers; whatever else is made of them is
//! *mixed*, and a model that uses such a constant is refused, because it would be rounded.

use super::error::{InferError, Result};
use super::flow::{Exact, Flow, Op, Sampled, Source};
use super::tensor::Tensor;
use crate::digest::graph_digest;
use crate::graph::{Graph, ValueId};
use crate::model::Earlier;
use nascent_verifier::digest::Hex;
use nascent_verifier::{Distribution, Fill, ModelSpec, Precision};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Most bits of a matrix parameter.
const MOST_BITS: u8 = 16;

/// What a plan says of a stored tensor.
#[derive(Debug, Clone)]
pub(crate) enum Planned {
    /// Nothing: its values are part of the model.
    Unnamed,
    /// A constant of the rules.
    Constant(Tensor),
    /// Deviates.
    Sampled(Source),
}

/// A plan's model, as a model file is read.
#[derive(Debug)]
pub(crate) struct Derivation<'a> {
    pub(crate) spec: &'a ModelSpec,
    /// Plans that it may inherit from.
    earlier: &'a [Earlier<'a>],
    /// Bits of a deviate, sign included.
    pub(crate) bits: u8,
}

impl<'a> Derivation<'a> {
    /// Checks that the file's graph is the plan's.
    pub(crate) fn new(
        spec: &'a ModelSpec,
        earlier: &'a [Earlier<'a>],
        graph: &Graph,
    ) -> Result<Self> {
        let fail = |reason: &str| {
            Err(InferError::Plan {
                reason: reason.to_owned(),
            })
        };
        let names: BTreeSet<&str> = spec.tensors.iter().map(|t| t.name.as_str()).collect();
        let filled: BTreeSet<ValueId> = (0..graph.values.len())
            .filter(|&id| names.contains(graph.values[id].name.as_str()))
            .collect();
        if graph_digest(graph, &filled)? != spec.graph_digest {
            return fail("the file has another graph than the plan's model");
        }
        let inherits_from = spec.inherits_from();
        for plan in &inherits_from {
            let of = earlier.iter().find(|of| of.plan == *plan);
            let checked = match of {
                Some(of) => spec
                    .check_inherited(plan, of.model)
                    .map_err(|error| error.to_string()),
                None => Err(format!(
                    "it inherits weights from plan {}, which was not given",
                    Hex(plan)
                )),
            };
            if let Err(reason) = checked {
                return fail(&reason);
            }
        }
        let used = earlier.iter().filter(|of| inherits_from.contains(&of.plan));
        let models = used.map(|of| of.model).chain([spec]);
        let streams = models.flat_map(|model| &model.streams);
        let bits = streams.map(|stream| deviate_bits(stream.distribution, stream.precision));
        let bits = bits.max().unwrap_or(0);
        if bits > MOST_BITS {
            return fail(&format!(
                "its deviates take {bits} bits, a weight has at most {MOST_BITS}; \
                 make a plan with fewer fraction bits or smaller limbs"
            ));
        }
        Ok(Self {
            spec,
            earlier,
            bits,
        })
    }

    /// Bits of a weight.
    pub(crate) fn weight_bits(&self) -> u8 {
        self.bits.max(4)
    }

    /// Whether the plan says what a stored tensor is.
    pub(crate) fn names(&self, name: &str) -> bool {
        self.spec.tensors.iter().any(|spec| spec.name == name)
    }

    /// What the plan says of a tensor of the file. While its values are known, they are checked.
    pub(crate) fn planned(&self, name: &str, tensor: &Tensor) -> Result<Planned> {
        let fail = |reason: String| {
            Err(InferError::Tensor {
                name: name.to_owned(),
                reason,
            })
        };
        let named = |model: &'a ModelSpec| {
            let mut specs = model.tensors.iter().zip(0u32..);
            specs.find(|(spec, _)| spec.name == name)
        };
        let Some((mut spec, mut index)) = named(self.spec) else {
            return Ok(Planned::Unnamed);
        };
        let mut from = 0;
        if let Fill::Inherited { plan } = spec.fill {
            // `new` has seen that the plan is there and samples the tensor.
            let earlier = self.earlier.iter().zip(1..);
            for (of, position) in earlier.filter(|(of, _)| of.plan == plan) {
                if let Some(found) = named(of.model) {
                    ((spec, index), from) = (found, position);
                }
            }
        }
        let dims = tensor.shape().iter().map(|&dim| dim as u64);
        if !dims.eq(spec.dims.iter().copied()) {
            return fail(format!("the plan has the shape {:?}", spec.dims));
        }
        let values = (!tensor.is_withheld()).then(|| tensor.to_floats());
        let (scale, mean) = match spec.fill {
            Fill::Constant { bits } => {
                let filled = f32::from_bits(bits);
                let mut values = values.iter().flatten().enumerate();
                return match values.find(|(_, value)| **value != filled) {
                    Some((at, value)) => fail(format!(
                        "element {at} is {value}, the plan fills it with {filled}"
                    )),
                    None => Ok(Planned::Constant(Tensor::scalar(f64::from(filled)))),
                };
            }
            Fill::Sampled {
                scale_bits,
                mean_bits,
                ..
            } => (f32::from_bits(scale_bits), f32::from_bits(mean_bits)),
            Fill::Inherited { .. } => {
                return fail("the plan that it is inherited from does not sample it".to_owned());
            }
        };
        if mean != 0.0 {
            return fail(format!(
                "its mean is {mean}, so its elements are no multiples of one number"
            ));
        }
        let deviates = match values {
            Some(values) => Some(self.deviates(name, &values, scale)?),
            None => None,
        };
        let elements = Tensor::int(tensor.shape(), (0..tensor.len() as i64).collect());
        let Some(elements) = elements else {
            return fail("its values do not fit its shape".to_owned());
        };
        let sampled = Sampled {
            scale,
            plan: from,
            index,
            name: name.to_owned(),
            elements: elements.len(),
            deviates,
        };
        Ok(Planned::Sampled(Source::Exact(Exact::new(
            sampled, elements,
        ))))
    }

    /// The integers behind derived weights.
    fn deviates(&self, name: &str, values: &[f32], scale: f32) -> Result<Vec<i32>> {
        let most = (1_i32 << (self.bits - 1)) - 1;
        let deviate = |value: f32| {
            let z = (f64::from(value) / f64::from(scale)).round();
            let exact = z.abs() <= f64::from(most) && (scale * z as f32) == value;
            exact.then_some(z as i32)
        };
        let mut deviates = Vec::with_capacity(values.len());
        for (at, &value) in values.iter().enumerate() {
            let Some(z) = deviate(value) else {
                return Err(InferError::Tensor {
                    name: name.to_owned(),
                    reason: format!(
                        "element {at} is {value}, which is no deviate times the plan's scale \
                         {scale:e}; give the weights that the plan derives, as 32-bit floats"
                    ),
                });
            };
            deviates.push(z);
        }
        Ok(deviates)
    }
}

/// Bits of a deviate, sign included: of all there can be, not of those drawn.
fn deviate_bits(distribution: Distribution, precision: Precision) -> u8 {
    let limb = precision.limb_bits;
    let bits = |most: f64| 1 + libm::log2(most + 1.0).ceil() as u8;
    match distribution {
        Distribution::Uniform => limb + 1,
        Distribution::Normal => {
            // The outermost quantile has a tail of 2^-(B+1), and a tail is below exp(-t^2 / 2).
            let t = libm::sqrt(2.0 * std::f64::consts::LN_2 * f64::from(limb + 1));
            bits(libm::ldexp(t, precision.fraction_bits.into()).ceil()).min(limb)
        }
        Distribution::TruncatedNormal { lo, hi } => {
            bits(f64::from(lo.unsigned_abs().max(hi.unsigned_abs()))).min(limb)
        }
    }
}

/// Checks that all elements of the sampled tensors that the file uses are weights of products, and
/// nothing else is made of them.
pub(crate) fn check(flow: &Flow) -> Result<()> {
    let fail = |sampled: &Sampled, reason: String| {
        Err(InferError::Tensor {
            name: sampled.name.clone(),
            reason: format!(
                "the plan samples it, but {reason}; only the weights of a product or a \
                 convolution keep their deviates: give it a constant in the rules, or compile \
                 without the plan"
            ),
        })
    };
    let mut covered: Vec<Vec<bool>> = flow
        .sampled
        .iter()
        .map(|sampled| vec![false; sampled.elements])
        .collect();
    for (id, value) in flow.values.iter().enumerate() {
        for (slot, &input) in value.inputs.iter().enumerate() {
            let Some(source) = &flow.values[input].source else {
                continue;
            };
            let weights = slot == 1 && matches!(value.op, Op::MatMul | Op::Conv(_));
            let Source::Exact(exact) = source else {
                let node = flow.node(id);
                return fail(
                    source.sampled(),
                    format!("{node} uses numbers computed from it"),
                );
            };
            if !weights {
                let node = flow.node(id);
                return fail(&exact.sampled, format!("{node} uses it as something else"));
            }
            let at = flow
                .sampled
                .iter()
                .position(|other| Arc::ptr_eq(other, &exact.sampled));
            let Some(covered) = at.and_then(|at| covered.get_mut(at)) else {
                continue;
            };
            for &element in exact.numbers() {
                covered[element as usize] = true;
            }
        }
    }
    for (sampled, covered) in flow.sampled.iter().zip(&covered) {
        if let Some(at) = covered.iter().position(|&covered| !covered) {
            return fail(sampled, format!("its element {at} is no weight in the end"));
        }
    }
    Ok(())
}
