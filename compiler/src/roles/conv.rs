//! `Conv`, `ConvTranspose` and `Gather`: PyTorch's fans on the stored shape.

use super::{Assigner, Claim, Fans, Role, bad_shape};
use crate::error::Result;
use crate::graph::Node;

/// `fan_in = size(1) * receptive field`, `fan_out = size(0) * receptive field`,
/// as PyTorch computes them from a weight's shape alone.
///
/// `Conv` stores (out, in / groups, kernel...), so the fan-in is exact and the
/// fan-out ignores the groups. `ConvTranspose` stores (in, out / groups,
/// kernel...), so PyTorch's "fan-in" is the outputs' side; it is kept, for its
/// initializations to be reproduced.
pub(crate) fn pytorch_fans(dims: &[u64]) -> Option<Fans> {
    let (&first, rest) = dims.split_first()?;
    let (&second, kernel) = rest.split_first()?;
    let receptive = kernel
        .iter()
        .try_fold(1_u64, |acc, &dim| acc.checked_mul(dim))?;
    Some(Fans {
        fan_in: second.checked_mul(receptive)?,
        fan_out: first.checked_mul(receptive)?,
    })
}

impl Assigner<'_> {
    pub(super) fn conv(&mut self, index: usize, node: &Node, role: Role) -> Result<()> {
        let Some(leaf) = self.leaf(node, 1)? else {
            return Ok(());
        };
        let fans = pytorch_fans(&leaf.dims).filter(|_| leaf.dims.len() >= 3);
        let Some(fans) = fans else {
            let reason = "expected two channel dimensions and at least one of the kernel";
            return Err(bad_shape(self.graph, node, &leaf, reason));
        };
        let owner = self.claim(index, node, &leaf, Claim::weight(role, fans));
        self.owner.insert(index, owner);
        self.bias(index, node, 2, owner)
    }

    /// A lookup in a stored table along its first axis is an embedding.
    pub(super) fn gather(&mut self, index: usize, node: &Node) -> Result<()> {
        let Some(leaf) = self.leaf(node, 0)? else {
            return Ok(());
        };
        let matrix = leaf.dims.len() >= 2 && !leaf.is_vector();
        if let Some(fans) = pytorch_fans(&leaf.dims).filter(|_| matrix && node.int("axis", 0) == 0)
        {
            self.claim(index, node, &leaf, Claim::weight(Role::Embedding, fans));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fans(dims: &[u64]) -> Option<(u64, u64)> {
        pytorch_fans(dims).map(|fans| (fans.fan_in, fans.fan_out))
    }

    #[test]
    fn fans_as_pytorch_has_them() {
        assert_eq!(fans(&[10, 20]), Some((20, 10)));
        assert_eq!(fans(&[64, 3, 7, 7]), Some((147, 3136)));
        // Depthwise: 32 groups of one channel.
        assert_eq!(fans(&[32, 1, 3, 3]), Some((9, 288)));
        assert_eq!(fans(&[16, 33, 3]), Some((99, 48)));
        assert_eq!(fans(&[5]), None);
        assert_eq!(fans(&[2, 1 << 40, 1 << 40]), None);
    }
}
