//! Which nodes read a tensor, found once: a graph may have as many nodes as would take minutes to look
//! through for each of them.

use nascent_ir::{CheckedGraph, Node, Op, TensorId};

/// What is known of the nodes that read each tensor.
pub(super) struct Users(Vec<Uses>);

#[derive(Clone, Copy, Default)]
struct Uses {
    /// How often it is an operand.
    count: usize,
    /// The first node that reads it.
    first: Option<TensorId>,
    /// The first node that reads it as an operand of a product, or as the images of a convolution.
    contraction: Option<TensorId>,
}

impl Users {
    pub(super) fn of(graph: &CheckedGraph) -> Self {
        let mut uses = vec![Uses::default(); graph.nodes.len()];
        for node in &graph.nodes {
            for id in node.op.operands() {
                let of = &mut uses[id.index()];
                of.count += 1;
                of.first.get_or_insert(node.output);
                let contracts = match &node.op {
                    Op::MatMul(_) => true,
                    Op::Conv(op) => op.x == id,
                    _ => false,
                };
                if contracts {
                    of.contraction.get_or_insert(node.output);
                }
            }
        }
        Self(uses)
    }

    /// The only node that reads a tensor, if it does so once.
    pub(super) fn only<'a>(&self, graph: &'a CheckedGraph, id: TensorId) -> Option<&'a Node> {
        let of = &self.0[id.index()];
        let user = of.first.filter(|_| of.count == 1)?;
        Some(graph.node(user))
    }

    /// The first contraction that takes a tensor as a matrix in units.
    pub(super) fn contraction<'a>(
        &self,
        graph: &'a CheckedGraph,
        id: TensorId,
    ) -> Option<&'a Node> {
        self.0[id.index()].contraction.map(|user| graph.node(user))
    }
}
