//! `RNN`, `GRU`, `LSTM`: `W` (directions, gates * hidden, input), `R`
//! (directions, gates * hidden, hidden), `B` and `P`.

use super::{Assigner, Claim, Fans, Leaf, Role, bad_shape};
use crate::error::Result;
use crate::graph::Node;

impl Assigner<'_> {
    /// Fans are those of the matrix of one direction, all gates together, as
    /// PyTorch has them for `weight_ih` and `weight_hh`.
    pub(super) fn recurrent(&mut self, index: usize, node: &Node, gates: u64) -> Result<()> {
        let recurrent = self.leaf(node, 2)?;
        let declared = u64::try_from(node.int("hidden_size", 0)).ok();
        let hidden = match recurrent.as_ref().map(|leaf| leaf.dims.as_slice()) {
            Some(&[_, _, hidden]) => Some(hidden),
            _ => declared.filter(|&hidden| hidden > 0),
        };
        if let Some(leaf) = self.leaf(node, 1)? {
            self.matrix(index, node, &leaf, Role::RecurrentInput, gates, hidden)?;
        }
        if let Some(leaf) = recurrent {
            self.matrix(index, node, &leaf, Role::RecurrentHidden, gates, hidden)?;
        }
        for slot in [3, 7] {
            if let Some(leaf) = self.leaf(node, slot)? {
                let claim = Claim {
                    hidden,
                    ..Claim::vector(Role::RecurrentBias)
                };
                self.claim(index, node, &leaf, claim);
            }
        }
        Ok(())
    }

    fn matrix(
        &mut self,
        index: usize,
        node: &Node,
        leaf: &Leaf,
        role: Role,
        gates: u64,
        hidden: Option<u64>,
    ) -> Result<()> {
        let rows = hidden.and_then(|hidden| hidden.checked_mul(gates));
        let fans = match *leaf.dims.as_slice() {
            [_, fan_out, fan_in] if Some(fan_out) == rows => Fans { fan_in, fan_out },
            _ => {
                let reason = format!("expected (directions, {gates} * hidden, columns)");
                return Err(bad_shape(self.graph, node, leaf, &reason));
            }
        };
        let claim = Claim {
            hidden,
            ..Claim::weight(role, fans)
        };
        self.claim(index, node, leaf, claim);
        Ok(())
    }
}
