//! ONNX operators: one file each, with the versions it knows.
//!
//! An operator checks its attributes and reduces its node to operators of the float graph
//! (`infer/flow.rs`). What is not in the list is refused, here and nowhere else.

mod abs;
mod acos;
mod acosh;
mod add;
mod and;
mod arg_max;
mod arg_min;
mod asin;
mod asinh;
mod atan;
mod atanh;
mod average_pool;
mod batch_normalization;
mod cast;
mod ceil;
mod celu;
mod clip;
mod concat;
mod constant;
mod constant_of_shape;
mod conv;
mod conv_transpose;
mod cos;
mod cosh;
mod depth_to_space;
mod dequantize_linear;
mod div;
mod dropout;
mod einsum;
mod elu;
mod equal;
mod erf;
mod exp;
mod expand;
mod flatten;
mod floor;
mod gather;
mod gelu;
mod gemm;
mod global_average_pool;
mod global_max_pool;
mod greater;
mod greater_or_equal;
mod group_normalization;
mod gru;
mod hard_sigmoid;
mod hard_swish;
mod identity;
mod instance_normalization;
mod layer_normalization;
mod leaky_relu;
mod less;
mod less_or_equal;
mod log;
mod log_softmax;
mod lstm;
mod mat_mul;
mod max;
mod max_pool;
mod mean;
mod min;
mod mish;
mod modulo;
mod mul;
mod neg;
mod not;
mod or;
mod pad;
mod pow;
mod prelu;
mod quantize_linear;
mod range;
mod rank;
mod reciprocal;
mod recurrent;
mod reduce;
mod reduce_l1;
mod reduce_l2;
mod reduce_max;
mod reduce_mean;
mod reduce_min;
mod reduce_prod;
mod reduce_sum;
mod reduce_sum_square;
mod relu;
mod reshape;
mod resize;
mod rms_normalization;
mod rnn;
mod round;
mod selu;
mod shape;
mod shrink;
mod sigmoid;
mod sign;
mod sin;
mod sinh;
mod size;
mod slice;
mod softmax;
mod softplus;
mod softsign;
mod space_to_depth;
mod split;
mod sqrt;
mod squeeze;
mod sub;
mod sum;
mod swish;
mod tan;
mod tanh;
mod thresholded_relu;
mod tile;
mod top_k;
mod transpose;
mod trilu;
mod unsqueeze;
mod where_;
mod window;
mod xor;

use super::cx::Cx;
use super::error::{Fault, InferError, OpResult, Result};
use super::flow::ValueId;
use crate::graph::Node;

/// Oldest operator set that is supported.
pub const OLDEST: i64 = 11;
/// Newest operator set that is supported.
pub const NEWEST: i64 = 25;

/// An ONNX operator.
pub(crate) struct Operator {
    pub(crate) name: &'static str,
    /// Operator sets that changed it: the one in force at [`OLDEST`], and later ones.
    pub(crate) since: &'static [i64],
    /// Least and most inputs.
    pub(crate) inputs: (usize, usize),
    /// Attributes that it may have; any other is refused.
    pub(crate) attrs: &'static [&'static str],
    /// What is not supported of it, in words; empty when all is.
    pub(crate) limits: &'static str,
    /// Makes the outputs.
    pub(crate) build: fn(&mut Cx<'_>) -> OpResult<Vec<ValueId>>,
}

impl Operator {
    /// Whether a node has inputs and attributes that the operator has.
    pub(super) fn check(&self, cx: &Cx<'_>) -> OpResult<()> {
        let (least, most) = self.inputs;
        let found = cx.inputs.len();
        if found < least || found > most {
            return Fault::form(format!("{found} inputs, expected {least} to {most}"));
        }
        for name in cx.node.attrs.keys() {
            if !self.attrs.contains(&name.as_str()) {
                return Fault::attribute(name, "it is unknown or not supported");
            }
        }
        Ok(())
    }
}

/// The operator of a node.
///
/// # Errors
/// [`InferError::Operator`] when it is not supported, [`InferError::Opset`] when its version is not.
pub(crate) fn find(node: &Node) -> Result<&'static Operator> {
    let at = || Box::new(node.at.clone());
    let known = OPERATORS
        .iter()
        .find(|known| node.standard_op() == Some(known.name));
    let Some(operator) = known else {
        return Err(InferError::Operator { node: at() });
    };
    if !(OLDEST..=NEWEST).contains(&node.at.opset) || operator.since[0] > node.at.opset {
        return Err(InferError::Opset {
            node: at(),
            oldest: OLDEST.max(operator.since[0]),
            newest: NEWEST,
        });
    }
    Ok(operator)
}

/// The supported operators as a table in Markdown, for the book.
pub fn table() -> String {
    let mut out = String::from("| Operator | Operator sets | Limits |\n|---|---|---|\n");
    for op in OPERATORS {
        let since: Vec<String> = op.since.iter().map(i64::to_string).collect();
        let limits = if op.limits.is_empty() {
            "none"
        } else {
            op.limits
        };
        out.push_str(&format!(
            "| {} | {} | {} |\n",
            op.name,
            since.join(", "),
            limits
        ));
    }
    out
}

/// All supported operators, by name.
pub(crate) static OPERATORS: &[&Operator] = &[
    &abs::OP,
    &acos::OP,
    &acosh::OP,
    &add::OP,
    &and::OP,
    &arg_max::OP,
    &arg_min::OP,
    &asin::OP,
    &asinh::OP,
    &atan::OP,
    &atanh::OP,
    &average_pool::OP,
    &batch_normalization::OP,
    &cast::OP,
    &ceil::OP,
    &celu::OP,
    &clip::OP,
    &concat::OP,
    &constant::OP,
    &constant_of_shape::OP,
    &conv::OP,
    &conv_transpose::OP,
    &cos::OP,
    &cosh::OP,
    &depth_to_space::OP,
    &dequantize_linear::OP,
    &div::OP,
    &dropout::OP,
    &einsum::OP,
    &elu::OP,
    &equal::OP,
    &erf::OP,
    &exp::OP,
    &expand::OP,
    &flatten::OP,
    &floor::OP,
    &gather::OP,
    &gelu::OP,
    &gemm::OP,
    &global_average_pool::OP,
    &global_max_pool::OP,
    &greater::OP,
    &greater_or_equal::OP,
    &group_normalization::OP,
    &gru::OP,
    &hard_sigmoid::OP,
    &hard_swish::OP,
    &identity::OP,
    &instance_normalization::OP,
    &layer_normalization::OP,
    &leaky_relu::OP,
    &less::OP,
    &less_or_equal::OP,
    &log::OP,
    &log_softmax::OP,
    &lstm::OP,
    &mat_mul::OP,
    &max::OP,
    &max_pool::OP,
    &mean::OP,
    &min::OP,
    &mish::OP,
    &modulo::OP,
    &mul::OP,
    &neg::OP,
    &not::OP,
    &or::OP,
    &pad::OP,
    &pow::OP,
    &prelu::OP,
    &quantize_linear::OP,
    &range::OP,
    &reciprocal::OP,
    &reduce_l1::OP,
    &reduce_l2::OP,
    &reduce_max::OP,
    &reduce_mean::OP,
    &reduce_min::OP,
    &reduce_prod::OP,
    &reduce_sum::OP,
    &reduce_sum_square::OP,
    &relu::OP,
    &reshape::OP,
    &resize::OP,
    &rms_normalization::OP,
    &rnn::OP,
    &round::OP,
    &selu::OP,
    &shape::OP,
    &shrink::OP,
    &sigmoid::OP,
    &sign::OP,
    &sin::OP,
    &sinh::OP,
    &size::OP,
    &slice::OP,
    &softmax::OP,
    &softplus::OP,
    &softsign::OP,
    &space_to_depth::OP,
    &split::OP,
    &sqrt::OP,
    &squeeze::OP,
    &sub::OP,
    &sum::OP,
    &swish::OP,
    &tan::OP,
    &tanh::OP,
    &thresholded_relu::OP,
    &tile::OP,
    &top_k::OP,
    &transpose::OP,
    &trilu::OP,
    &unsqueeze::OP,
    &where_::OP,
    &xor::OP,
];
