//! The activation that follows a weight.

use super::Activation;
use crate::graph::{Graph, Node, ValueId};
use std::collections::{BTreeSet, VecDeque};

/// Most nodes looked at for one weight.
const MAX_NODES: usize = 256;

/// The nearest member of the ReLU family after `output`.
///
/// Breadth first in graph order, looking through operators that keep the
/// sign pattern of their input up to scale and shift (normalizations, additions)
/// or only move, pool or join elements. The family is `Relu`, `LeakyRelu`,
/// `PRelu` (slope 0.25, its usual start), `ThresholdedRelu`, `Elu`, `Celu` and
/// `Clip` from zero. `Gelu`, `Swish` and other smooth activations are not
/// members: exporters write them in many ways, and a rule must not depend on
/// the exporter.
pub(super) fn following(graph: &Graph, output: ValueId) -> Activation {
    let mut queue = VecDeque::from([output]);
    let mut seen = BTreeSet::from([output]);
    let mut budget = MAX_NODES;
    while let Some(value) = queue.pop_front() {
        for used in graph.uses_of(value) {
            let Some(slot) = used.slot else { continue };
            let Some(node) = graph.nodes.get(used.node) else {
                continue;
            };
            if budget == 0 {
                return Activation::Other;
            }
            budget -= 1;
            if let Some(slope) = rectifier(graph, node, slot) {
                return Activation::Rectifier { slope };
            }
            if !is_transparent(node, slot) {
                continue;
            }
            for &next in node.outputs.iter().flatten() {
                if seen.insert(next) {
                    queue.push_back(next);
                }
            }
        }
    }
    Activation::Other
}

/// The negative slope of a member of the ReLU family.
fn rectifier(graph: &Graph, node: &Node, slot: usize) -> Option<f32> {
    if slot != 0 {
        return None;
    }
    match node.standard_op()? {
        "Relu" | "ThresholdedRelu" | "Elu" | "Celu" => Some(0.0),
        "LeakyRelu" => Some(node.float("alpha", 0.01)),
        "PRelu" => Some(0.25),
        "Clip" => {
            // The bounds are attributes up to operator set 10, inputs from 11 on.
            let low = match node.input(1) {
                Some(value) => graph.constant_float(value)?,
                None => node.float("min", f32::MIN),
            };
            (low == 0.0).then_some(0.0)
        }
        _ => None,
    }
}

fn is_transparent(node: &Node, slot: usize) -> bool {
    match node.standard_op() {
        Some("Add" | "Sub" | "Sum" | "Concat") => true,
        Some(op) => slot == 0 && (super::chain::is_view(op) || keeps_signs(op)),
        None => false,
    }
}

fn keeps_signs(op: &str) -> bool {
    matches!(
        op,
        "BatchNormalization"
            | "InstanceNormalization"
            | "GroupNormalization"
            | "LayerNormalization"
            | "RMSNormalization"
            | "Dropout"
            | "MaxPool"
            | "AveragePool"
            | "GlobalAveragePool"
            | "GlobalMaxPool"
            | "Pad"
            | "Split"
            | "Slice"
            | "Expand"
            | "Resize"
            | "Upsample"
            | "DepthToSpace"
            | "SpaceToDepth"
    )
}
