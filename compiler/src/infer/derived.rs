//! Weights that a plan derives, and where they end up.
//!
//! A sampled tensor is `scale * z` with an integer deviate `z` for each element. Its elements are
//! followed through the rewriting of constants: views move them, factors scale them. What reaches a
//! product as its weights keeps its deviates as integers; whatever else is made of them is
//! *mixed*, and a model that uses such a constant is refused, because it would be rounded.

use super::error::{InferError, OpResult, Result};
use super::flow::{Binary, Flow, Op, Value};
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

/// A sampled tensor of a plan.
#[derive(Debug)]
pub(crate) struct Sampled {
    /// Position of the plan that samples it: 0 is the model's own, then the earlier ones.
    pub(crate) plan: usize,
    /// Position in that plan's specification.
    pub(crate) index: u32,
    pub(crate) name: String,
    /// Deviates, row-major.
    pub(crate) deviates: Vec<i32>,
}

/// Where the numbers of a constant come from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// Each is a factor times an element of the tensor, whose number the second tensor has.
    Exact(Arc<Sampled>, Arc<Tensor>),
    /// Computed from elements of the tensor in another way.
    Mixed(Arc<Sampled>),
}

impl Source {
    fn sampled(&self) -> &Arc<Sampled> {
        match self {
            Self::Exact(sampled, _) | Self::Mixed(sampled) => sampled,
        }
    }

    /// The same numbers, used in a way that is not followed.
    pub(crate) fn mixed(&self) -> Self {
        Self::Mixed(Arc::clone(self.sampled()))
    }
}

/// A plan's model, as a model file is read.
#[derive(Debug)]
pub(crate) struct Derivation<'a> {
    spec: &'a ModelSpec,
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

    /// Where a constant of the file comes from; checks its values.
    pub(crate) fn source(&self, name: &str, tensor: &Tensor) -> Result<Option<Source>> {
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
            return Ok(None);
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
        let values = tensor.to_floats();
        let (scale, mean) = match spec.fill {
            Fill::Constant { bits } => {
                let filled = f32::from_bits(bits);
                return match values.iter().position(|&value| value != filled) {
                    Some(at) => fail(format!(
                        "element {at} is {}, the plan fills it with {filled}",
                        values[at]
                    )),
                    None => Ok(None),
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
        let most = (1_i32 << (self.bits - 1)) - 1;
        let deviate = |value: f32| {
            let z = (f64::from(value) / f64::from(scale)).round();
            let exact = z.abs() <= f64::from(most) && (scale * z as f32) == value;
            exact.then_some(z as i32)
        };
        let mut deviates = Vec::with_capacity(values.len());
        for (at, &value) in values.iter().enumerate() {
            let Some(z) = deviate(value) else {
                return fail(format!(
                    "element {at} is {value}, which is no deviate times the plan's scale \
                     {scale:e}; give the weights that the plan derives, as 32-bit floats"
                ));
            };
            deviates.push(z);
        }
        let elements = Tensor::int(tensor.shape(), (0..values.len() as i64).collect());
        let Some(elements) = elements else {
            return fail("its values do not fit its shape".to_owned());
        };
        let sampled = Sampled {
            plan: from,
            index,
            name: name.to_owned(),
            deviates,
        };
        Ok(Some(Source::Exact(Arc::new(sampled), Arc::new(elements))))
    }
}

/// Bits of a deviate, sign included: of all there can be, not of those drawn.
fn deviate_bits(distribution: Distribution, precision: Precision) -> u8 {
    let limb = precision.limb_bits;
    let bits = |most: f64| 1 + (most + 1.0).log2().ceil() as u8;
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

/// Where a constant that was just computed from constants comes from.
pub(crate) fn follow(flow: &Flow, value: &Value, made: &Tensor) -> OpResult<Option<Source>> {
    let sources = value
        .inputs
        .iter()
        .map(|&id| flow.values[id].source.as_ref());
    let Some(first) = sources.clone().flatten().next() else {
        return Ok(None);
    };
    // Nothing of what zeros were made from is left.
    if is_zero(made) {
        return Ok(None);
    }
    let all: Vec<Option<&Source>> = sources.collect();
    Ok(Some(match (&value.op, all.as_slice()) {
        (
            Op::Reshape(_)
            | Op::Transpose(_)
            | Op::Slice { .. }
            | Op::Expand(_)
            | Op::Gather { .. },
            [Some(Source::Exact(sampled, elements))],
        ) => {
            let moved = super::flow::evaluate(value, &[elements])?;
            Source::Exact(Arc::clone(sampled), Arc::new(moved))
        }
        (Op::Binary(Binary::Mul), [Some(Source::Exact(sampled, elements)), None])
        | (Op::Binary(Binary::Mul), [None, Some(Source::Exact(sampled, elements))])
        | (Op::Binary(Binary::Div), [Some(Source::Exact(sampled, elements)), None])
            if elements.shape() == made.shape() =>
        {
            Source::Exact(Arc::clone(sampled), Arc::clone(elements))
        }
        _ => first.mixed(),
    }))
}

/// Whether a constant has zeros only.
pub(crate) fn is_zero(tensor: &Tensor) -> bool {
    tensor.to_floats().iter().all(|&value| value == 0.0)
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
        .map(|sampled| vec![false; sampled.deviates.len()])
        .collect();
    for (id, value) in flow.values.iter().enumerate() {
        for (slot, &input) in value.inputs.iter().enumerate() {
            let Some(source) = &flow.values[input].source else {
                continue;
            };
            let weights = slot == 1 && matches!(value.op, Op::MatMul | Op::Conv(_));
            let Source::Exact(sampled, elements) = source else {
                let node = flow.node(id);
                return fail(
                    source.sampled(),
                    format!("{node} uses numbers computed from it"),
                );
            };
            if !weights {
                let node = flow.node(id);
                return fail(sampled, format!("{node} uses it as something else"));
            }
            let at = flow
                .sampled
                .iter()
                .position(|other| Arc::ptr_eq(other, sampled));
            let Some(covered) = at.and_then(|at| covered.get_mut(at)) else {
                continue;
            };
            for &element in elements.ints().unwrap_or(&[]) {
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
