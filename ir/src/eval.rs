//! The reference: what a graph computes.

use crate::error::{EvalError, NodeRef};
use crate::graph::CheckedGraph;
use crate::id::TensorId;
use crate::op::{Op, View};
use crate::ops;
use crate::params::Params;
use crate::values::{Buffer, Data, Values, is_small};
use crate::views::{IndexMap, Source};

/// Every tensor's integers for `params` and `inputs` (row-major, in the order of
/// [`crate::Graph::inputs`]). Runs on all threads of the current `rayon` pool; the result does not
/// depend on their number.
///
/// This is the definition that circuits are compared with, element by element.
///
/// # Errors
/// Parameters or inputs that do not fit, or an argument outside of a table at a node that assumes a
/// bound.
pub fn eval<'a>(
    graph: &'a CheckedGraph,
    params: &'a Params,
    inputs: &[Vec<i32>],
) -> Result<Values<'a>, EvalError> {
    params.check(graph)?;
    check_inputs(graph, inputs)?;
    let mut values = Values::new(graph);
    for index in 0..graph.nodes.len() {
        let data = node(graph, params, inputs, &values, index)?;
        values.push(data);
    }
    Ok(values)
}

/// The same, if that takes no more than `limit` bytes of memory, see [`CheckedGraph::eval_bytes`].
///
/// # Errors
/// As [`eval`]; a graph beyond the limit, before the memory is taken.
pub fn eval_within<'a>(
    graph: &'a CheckedGraph,
    params: &'a Params,
    inputs: &[Vec<i32>],
    limit: u64,
) -> Result<Values<'a>, EvalError> {
    let needed = graph.eval_bytes(rayon::current_num_threads());
    if needed > limit {
        return Err(EvalError::Memory { needed, limit });
    }
    eval(graph, params, inputs)
}

fn check_inputs(graph: &CheckedGraph, inputs: &[Vec<i32>]) -> Result<(), EvalError> {
    if inputs.len() != graph.inputs.len() {
        return Err(EvalError::Inputs {
            expected: graph.inputs.len(),
            got: inputs.len(),
        });
    }
    for (input, (&id, given)) in graph.inputs.iter().zip(inputs).enumerate() {
        let info = graph.tensor(id);
        if given.len() != info.elements() {
            return Err(EvalError::InputLength {
                input,
                name: info.name.clone(),
                expected: info.elements(),
                got: given.len(),
            });
        }
        let outside = |&value: &i32| !info.range.contains(value.into());
        if let Some(index) = given.iter().position(outside) {
            return Err(EvalError::InputValue {
                input,
                name: info.name.clone(),
                index,
                expected: info.range,
                got: given[index],
            });
        }
    }
    Ok(())
}

/// Values of node `index`, from those of the nodes before it.
fn node<'a>(
    graph: &'a CheckedGraph,
    params: &'a Params,
    inputs: &[Vec<i32>],
    values: &Values<'a>,
    index: usize,
) -> Result<Data<'a>, EvalError> {
    let (node, info) = (&graph.nodes[index], &graph.tensors[index]);
    let (elements, small) = (info.elements(), is_small(info.range));
    let operand = |id: TensorId| (graph.tensor(id), values.get(id));
    let buffer = match &node.op {
        Op::Input => {
            let at = graph.inputs.iter().position(|&id| id == node.output);
            Buffer::Small(at.map_or_else(Vec::new, |at| inputs[at].clone()))
        }
        Op::Param => return Ok(Data::Borrowed(&params.values[&node.output])),
        Op::Constant { values } => return Ok(Data::Borrowed(values)),
        Op::MatMul(op) => Buffer::pack(ops::matmul::eval(op, operand(op.a), operand(op.b)), small),
        Op::Conv(op) => Buffer::pack(ops::conv::eval(op, operand(op.x), operand(op.w)), small),
        Op::Map(op) => {
            let table = graph.table(op.table);
            ops::map::eval(values, op, table, elements).map_err(|(element, got)| {
                EvalError::OutOfTable {
                    node: NodeRef::new(index, node),
                    index: element,
                    got,
                    domain: table.domain(),
                }
            })?
        }
        Op::FoldMax { x } => ops::fold::eval_max(values.get(*x), elements),
        Op::FoldSum { x } => ops::fold::eval_sum(values.get(*x), elements, small),
        Op::Divide(op) => ops::divide::eval(values, op, elements),
        Op::View(view) => self::view(graph, values, view, small),
        Op::Embed(op) => {
            let (table, slice) = operand(op.table);
            ops::embed::eval(slice, table.shape[1] as usize, values.get(op.ids))
        }
    };
    Ok(Data::Owned(buffer))
}

/// Elements of a view, from where they come.
fn view(graph: &CheckedGraph, values: &Values<'_>, view: &View, small: bool) -> Buffer {
    let map = IndexMap::new(graph, view);
    Buffer::fill(map.len(), small, |i| match map.source(i) {
        Source::Element { tensor, index } => values.get(tensor).at(index),
        Source::Constant(value) => value,
    })
}
