//! Whether a linear operator writes to a residual path.

use super::{Assigner, chain};
use crate::graph::{Node, Origin, ValueId};

/// Longest way from the operator to the addition.
const MAX_STEPS: usize = 16;

impl Assigner<'_> {
    /// Whether the output of the node is added to another activation, with
    /// nothing between but a bias, a dropout and views.
    pub(super) fn is_residual(&self, node: usize) -> bool {
        let node = self.graph.nodes.get(node);
        let Some(mut value) = node.and_then(|node| node.output(0)) else {
            return false;
        };
        for _ in 0..MAX_STEPS {
            let [used] = self.graph.uses_of(value) else {
                return false;
            };
            let Some((node, slot)) = self.graph.nodes.get(used.node).zip(used.slot) else {
                return false;
            };
            let passes = match node.standard_op() {
                Some("Add") => match node.input(usize::from(slot == 0)) {
                    Some(other) if self.is_stored(other) => true,
                    other => return other.is_some(),
                },
                Some("Dropout") => slot == 0,
                Some(op) => slot == 0 && chain::is_view(op),
                None => false,
            };
            match node.output(0) {
                Some(output) if passes => value = output,
                _ => return false,
            }
        }
        false
    }

    /// Whether a value is a constant or a parameter rather than an activation.
    fn is_stored(&self, value: ValueId) -> bool {
        let stored = |value: ValueId| match self.graph.values.get(value).map(|v| &v.origin) {
            Some(Origin::Initializer(_)) => true,
            Some(Origin::Input) => self.eligible.contains(&value),
            _ => false,
        };
        let behind_view = |node: &Node| {
            node.standard_op().is_some_and(chain::is_view) && node.input(0).is_some_and(stored)
        };
        stored(value)
            || self.graph.is_constant(value)
            || self
                .graph
                .producer(value)
                .is_some_and(|(_, node)| behind_view(node))
    }
}
