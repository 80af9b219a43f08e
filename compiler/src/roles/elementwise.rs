//! `Add` and `Mul`: biases of linear operators, and normalizations written out.

use super::{Assigner, Claim, Role, chain};
use crate::error::Result;
use crate::graph::{Graph, Node, ValueId};

impl Assigner<'_> {
    /// A vector added to the result of a weight is its bias; added to a scaled
    /// normalization it is the shift.
    pub(super) fn add(&mut self, index: usize, node: &Node) -> Result<()> {
        for (slot, other) in [(1, 0), (0, 1)] {
            let Some((leaf, other)) = self.leaf(node, slot)?.zip(node.input(other)) else {
                continue;
            };
            if leaf.dims.is_empty() || !leaf.is_vector() {
                continue;
            }
            let Some((producer, _)) = behind_views(self.graph, other) else {
                continue;
            };
            if let Some(&owner) = self.owner.get(&producer) {
                self.claim_bias(index, node, &leaf, owner);
                return Ok(());
            }
            if self.scaled.contains(&producer) {
                self.claim(index, node, &leaf, Claim::vector(Role::NormBias));
                return Ok(());
            }
        }
        Ok(())
    }

    /// A vector multiplied with a normalized value is the scale.
    pub(super) fn mul(&mut self, index: usize, node: &Node) -> Result<()> {
        for (slot, other) in [(1, 0), (0, 1)] {
            let Some((leaf, other)) = self.leaf(node, slot)?.zip(node.input(other)) else {
                continue;
            };
            let shaped = !leaf.dims.is_empty() && leaf.is_vector();
            if shaped && is_normalized(self.graph, other) {
                self.claim(index, node, &leaf, Claim::vector(Role::NormScale));
                self.scaled.insert(index);
                return Ok(());
            }
        }
        Ok(())
    }
}

/// The node behind a value, past views and dropouts.
fn behind_views(graph: &Graph, mut value: ValueId) -> Option<(usize, &Node)> {
    for _ in 0..32 {
        let (index, node) = graph.producer(value)?;
        let op = node.standard_op()?;
        if !(chain::is_view(op) || op == "Dropout") {
            return Some((index, node));
        }
        value = node.input(0)?;
    }
    None
}

/// `x / sqrt(..)` or `x * (1 / sqrt(..))`: the end of a normalization.
fn is_normalized(graph: &Graph, value: ValueId) -> bool {
    let made_by = |value: Option<ValueId>, op: &str| {
        value
            .and_then(|value| behind_views(graph, value))
            .is_some_and(|(_, node)| node.standard_op() == Some(op))
    };
    let Some((_, node)) = behind_views(graph, value) else {
        return false;
    };
    match node.standard_op() {
        Some("Div") => made_by(node.input(1), "Sqrt"),
        Some("Mul") => [0, 1].into_iter().any(|slot| {
            let factor = node.input(slot);
            let divisor = factor
                .and_then(|factor| behind_views(graph, factor))
                .filter(|(_, node)| node.standard_op() == Some("Div"))
                .and_then(|(_, node)| node.input(1));
            made_by(factor, "Reciprocal") || made_by(divisor, "Sqrt")
        }),
        _ => false,
    }
}
