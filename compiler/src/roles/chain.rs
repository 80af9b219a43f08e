//! From an operator's input back to the tensor that is stored.
//!
//! Exporters put `Transpose`, `Reshape`, `Cast` and the like between a stored
//! weight and its operator. The chain is followed backwards to the stored
//! tensor (the *leaf*), and its shape forwards again, so that fans are computed
//! on what the operator sees.

use super::Assigner;
use crate::error::{CompileError, Result};
use crate::graph::{Graph, Node, Origin, ValueId};
use std::collections::BTreeSet;

/// Longest chain that is followed.
const MAX_CHAIN: usize = 32;

/// A stored tensor behind an operator's input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Leaf {
    /// The stored tensor's value.
    pub value: ValueId,
    /// Its shape as the operator sees it.
    pub dims: Vec<u64>,
    /// Whether it is an initializer or a `Constant` node's tensor (otherwise a
    /// graph input).
    pub initializer: bool,
}

impl Leaf {
    /// At most one dimension is larger than one.
    pub fn is_vector(&self) -> bool {
        self.dims.iter().filter(|&&dim| dim > 1).count() <= 1
    }
}

impl Assigner<'_> {
    /// The parameter behind an input, `None` when it is an activation or a
    /// constant that is no weight.
    pub(super) fn leaf(&self, node: &Node, slot: usize) -> Result<Option<Leaf>> {
        let Some(input) = node.input(slot) else {
            return Ok(None);
        };
        let (value, path) = walk_back(self.graph, input);
        let initializer = match self.graph.values.get(value).map(|value| &value.origin) {
            Some(Origin::Initializer(tensor)) if tensor.dtype.is_weight() => true,
            Some(Origin::Input) if self.eligible.contains(&value) => false,
            Some(Origin::Node(Some(producer))) => {
                let constant = self.graph.constant(value);
                if !constant.is_some_and(|t| t.dtype.is_weight() && t.elements() > 1) {
                    self.refuse_form(node, value, *producer)?;
                    return Ok(None);
                }
                true
            }
            _ => return Ok(None),
        };
        let Some(mut dims) = self.graph.fixed_dims(value) else {
            return Ok(None);
        };
        for step in path.iter().rev() {
            dims = forward(self.graph, step, &dims).ok_or_else(|| CompileError::WeightShape {
                node: Box::new(node.at.clone()),
                tensor: super::name_of(self.graph, value),
                dims: dims.clone(),
                reason: format!("its shape after {} is not known", step.at),
            })?;
        }
        Ok(Some(Leaf {
            value,
            dims,
            initializer,
        }))
    }

    /// Refuses weights that are made by a node and so cannot be filled.
    fn refuse_form(&self, node: &Node, value: ValueId, producer: usize) -> Result<()> {
        let weight_slot = !matches!(node.op.as_str(), "Add" | "Mul" | "Gather");
        let Some(producer) = self.graph.nodes.get(producer).filter(|_| weight_slot) else {
            return Ok(());
        };
        let (form, advice) = match producer.standard_op() {
            Some("ConstantOfShape" | "RandomNormal" | "RandomUniform") => (
                "made by a node that fills a shape",
                "store it as an initializer, or as an input of the graph with its shape",
            ),
            Some("DequantizeLinear") if self.is_constant_input(producer) => {
                ("quantized", "use the model before quantization")
            }
            _ => return Ok(()),
        };
        Err(CompileError::WeightForm {
            node: Box::new(node.at.clone()),
            tensor: super::name_of(self.graph, value),
            form,
            advice,
        })
    }

    fn is_constant_input(&self, node: &Node) -> bool {
        node.input(0)
            .and_then(|value| self.graph.constant(value))
            .is_some()
    }
}

/// Operators that move a tensor's elements without changing them.
pub(super) fn is_view(op: &str) -> bool {
    matches!(
        op,
        "Identity" | "Cast" | "Transpose" | "Reshape" | "Squeeze" | "Unsqueeze" | "Flatten"
    )
}

/// Follows views backwards; returns the last value and the views passed.
fn walk_back(graph: &Graph, mut value: ValueId) -> (ValueId, Vec<&Node>) {
    let mut path = Vec::new();
    while path.len() < MAX_CHAIN {
        let Some((_, node)) = graph.producer(value) else {
            break;
        };
        let Some(input) = node
            .standard_op()
            .filter(|op| is_view(op))
            .and_then(|_| node.input(0))
        else {
            break;
        };
        path.push(node);
        value = input;
    }
    (value, path)
}

/// The shape after one view.
fn forward(graph: &Graph, node: &Node, dims: &[u64]) -> Option<Vec<u64>> {
    match node.op.as_str() {
        "Identity" | "Cast" => Some(dims.to_vec()),
        "Transpose" => match node.ints("perm") {
            None => Some(dims.iter().rev().copied().collect()),
            Some(perm) if perm.len() == dims.len() => perm
                .iter()
                .map(|&axis| dims.get(usize::try_from(axis).ok()?).copied())
                .collect(),
            Some(_) => None,
        },
        "Reshape" => {
            let shape = graph.constant_ints(node.input(1)?)?;
            reshape(dims, &shape, node.int("allowzero", 0) != 0)
        }
        "Flatten" => {
            let at = axis(node.int("axis", 1), dims.len() + 1)?;
            let (head, tail) = dims.split_at_checked(at)?;
            Some(vec![product(head)?, product(tail)?])
        }
        "Squeeze" => squeeze(dims, axes(graph, node)),
        "Unsqueeze" => unsqueeze(dims, &axes(graph, node)?),
        _ => None,
    }
}

/// Axes: an attribute up to operator set 12, an input from 13 on.
fn axes(graph: &Graph, node: &Node) -> Option<Vec<i64>> {
    match node.ints("axes") {
        Some(axes) => Some(axes.to_vec()),
        None => graph.constant_ints(node.input(1)?),
    }
}

fn axis(axis: i64, rank: usize) -> Option<usize> {
    let rank = i64::try_from(rank).ok()?;
    let axis = if axis < 0 {
        axis.checked_add(rank)?
    } else {
        axis
    };
    usize::try_from(axis).ok().filter(|_| axis < rank.max(1))
}

fn product(dims: &[u64]) -> Option<u64> {
    dims.iter()
        .try_fold(1_u64, |acc, &dim| acc.checked_mul(dim))
}

fn reshape(dims: &[u64], shape: &[i64], allow_zero: bool) -> Option<Vec<u64>> {
    let total = product(dims)?;
    let mut out = Vec::with_capacity(shape.len());
    let mut inferred = None;
    for (position, &dim) in shape.iter().enumerate() {
        out.push(match dim {
            -1 if inferred.is_none() => {
                inferred = Some(position);
                1
            }
            0 if !allow_zero => *dims.get(position)?,
            dim => u64::try_from(dim).ok()?,
        });
    }
    if let Some(position) = inferred {
        let rest = product(&out)?;
        *out.get_mut(position)? = total.checked_div(rest)?;
    }
    (product(&out)? == total).then_some(out)
}

fn squeeze(dims: &[u64], axes: Option<Vec<i64>>) -> Option<Vec<u64>> {
    let dropped: BTreeSet<usize> = match axes {
        Some(axes) => axes
            .iter()
            .map(|&at| axis(at, dims.len()))
            .collect::<Option<_>>()?,
        None => (0..dims.len())
            .filter(|&at| dims.get(at) == Some(&1))
            .collect(),
    };
    let kept = dims.iter().enumerate();
    Some(
        kept.filter(|(at, _)| !dropped.contains(at))
            .map(|(_, &dim)| dim)
            .collect(),
    )
}

fn unsqueeze(dims: &[u64], axes: &[i64]) -> Option<Vec<u64>> {
    let rank = dims.len().checked_add(axes.len())?;
    let added: BTreeSet<usize> = axes
        .iter()
        .map(|&at| axis(at, rank))
        .collect::<Option<_>>()?;
    let mut rest = dims.iter();
    (0..rank)
        .map(|at| {
            if added.contains(&at) {
                Some(1)
            } else {
                rest.next().copied()
            }
        })
        .collect()
}

/// Graph inputs that can only be weights: a float type, a fixed shape, and no
/// use outside of a weight's place.
pub(super) fn eligible_inputs(graph: &Graph, data: &BTreeSet<ValueId>) -> BTreeSet<ValueId> {
    // Whether all uses of a value are weights' places, from the last node back.
    let mut weight_only: Vec<bool> = graph.uses.iter().map(|uses| !uses.is_empty()).collect();
    for &output in &graph.outputs {
        if let Some(flag) = weight_only.get_mut(output) {
            *flag = false;
        }
    }
    for node in graph.nodes.iter().rev() {
        let through = node.standard_op().filter(|op| is_view(op)).is_some()
            && node.output(0).and_then(|out| weight_only.get(out)) == Some(&true);
        for (slot, value) in node.inputs.iter().enumerate() {
            let fits = (slot == 0 && through) || is_weight_slot(graph, node, slot);
            if let Some(flag) = value.filter(|_| !fits).and_then(|v| weight_only.get_mut(v)) {
                *flag = false;
            }
        }
    }
    // A subgraph's use is no weight's place.
    let direct = |id: ValueId| graph.uses_of(id).iter().all(|used| used.slot.is_some());
    let inputs = graph.inputs.iter().copied();
    inputs
        .filter(|&id| {
            let value = graph.values.get(id);
            let float = value
                .and_then(|v| v.dtype)
                .is_some_and(|dtype| dtype.is_weight());
            let nonempty = graph.fixed_dims(id).is_some_and(|dims| !dims.contains(&0));
            let only = weight_only.get(id) == Some(&true);
            float && nonempty && only && direct(id) && !data.contains(&id)
        })
        .collect()
}

/// Whether an operator's input is a place for weights.
fn is_weight_slot(graph: &Graph, node: &Node, slot: usize) -> bool {
    match node.standard_op() {
        Some("Gemm" | "Conv" | "ConvTranspose") => matches!(slot, 1 | 2),
        Some("MatMul" | "PRelu") => slot == 1,
        Some("Einsum" | "Add" | "Mul") => true,
        Some("RNN" | "GRU" | "LSTM") => matches!(slot, 1 | 2 | 3 | 7),
        Some("Gather") => {
            let constant = node.input(1).is_some_and(|id| graph.is_constant(id));
            slot == 0 && node.int("axis", 0) == 0 && !constant
        }
        Some(op) => {
            super::norm::slots(op).is_some_and(|slots| slots.iter().any(|&(at, _)| at == slot))
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reshapes() {
        assert_eq!(reshape(&[2, 3, 4], &[0, -1], false), Some(vec![2, 12]));
        assert_eq!(reshape(&[2, 3], &[3, 2], false), Some(vec![3, 2]));
        assert_eq!(reshape(&[2, 3], &[4, -1], false), None);
        assert_eq!(reshape(&[2, 3], &[-1, -1], false), None);
        assert_eq!(reshape(&[2, 3], &[0, 0, 0], false), None);
        assert_eq!(reshape(&[2, 3], &[0, -1], true), None);
    }

    #[test]
    fn squeezes() {
        assert_eq!(squeeze(&[1, 3, 1], None), Some(vec![3]));
        assert_eq!(squeeze(&[1, 3, 1], Some(vec![-1])), Some(vec![1, 3]));
        assert_eq!(squeeze(&[1, 3], Some(vec![2])), None);
        assert_eq!(unsqueeze(&[3], &[0, -1]), Some(vec![1, 3, 1]));
        assert_eq!(unsqueeze(&[3], &[5]), None);
    }
}
