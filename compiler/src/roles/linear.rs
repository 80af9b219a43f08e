//! `Gemm`, `MatMul` and `Einsum`.

use super::{Assigner, Claim, Fans, Leaf, Role, bad_shape};
use crate::error::Result;
use crate::graph::{Attr, Node};
use std::collections::BTreeSet;

impl Assigner<'_> {
    /// `Y = alpha A' B' + beta C`; the weight is `B`, or `A` when only `A` is stored.
    pub(super) fn gemm(&mut self, index: usize, node: &Node) -> Result<()> {
        let right = self.leaf(node, 1)?;
        let left = self.leaf(node, 0)?.filter(|leaf| leaf.initializer);
        let (leaf, transposed) = match (right, left) {
            (Some(leaf), _) => (leaf, node.int("transB", 0) != 0),
            // A' is (out, in), so an untransposed A has the shape of a transposed B.
            (None, Some(leaf)) => (leaf, node.int("transA", 0) == 0),
            (None, None) => return Ok(()),
        };
        let fans = match (leaf.dims.as_slice(), transposed) {
            (&[fan_in, fan_out], false) | (&[fan_out, fan_in], true) => Fans { fan_in, fan_out },
            _ => return Err(bad_shape(self.graph, node, &leaf, "expected a matrix")),
        };
        let owner = self.claim(index, node, &leaf, Claim::weight(Role::Linear, fans));
        self.owner.insert(index, owner);
        self.bias(index, node, 2, owner)
    }

    /// The weight is the right operand, or the left one when only that is an
    /// initializer. Leading dimensions are a batch of matrices.
    pub(super) fn matmul(&mut self, index: usize, node: &Node) -> Result<()> {
        let left = self.leaf(node, 0)?.filter(|leaf| leaf.initializer);
        let right = self.leaf(node, 1)?;
        let right = right.filter(|leaf| leaf.initializer || left.is_none());
        for (leaf, is_left) in [(right, false), (left, true)] {
            let Some(leaf) = leaf else { continue };
            let fans = match (leaf.dims.as_slice(), is_left) {
                (&[fan_in], _) => Fans { fan_in, fan_out: 1 },
                (&[.., fan_in, fan_out], false) | (&[.., fan_out, fan_in], true) => {
                    Fans { fan_in, fan_out }
                }
                ([], _) => return Err(bad_shape(self.graph, node, &leaf, "expected a matrix")),
            };
            let owner = self.claim(index, node, &leaf, Claim::weight(Role::Linear, fans));
            self.owner.entry(index).or_insert(owner);
        }
        Ok(())
    }

    /// Two operands, one of them stored: its summed labels are the fan-in, the
    /// labels that only it brings to the output the fan-out.
    pub(super) fn einsum(&mut self, index: usize, node: &Node) -> Result<()> {
        let [Some(_), Some(_)] = node.inputs.as_slice() else {
            return Ok(());
        };
        let leaves = [self.leaf(node, 0)?, self.leaf(node, 1)?];
        let (slot, leaf) = match leaves {
            [Some(leaf), None] if leaf.initializer => (0, leaf),
            [None, Some(leaf)] => (1, leaf),
            [Some(left), Some(right)] if right.initializer || !left.initializer => (1, right),
            [Some(left), _] => (0, left),
            _ => return Ok(()),
        };
        if leaf.is_vector() {
            return Ok(());
        }
        let Some(fans) = einsum_fans(node, slot, &leaf) else {
            let reason = "the equation is not of the form `ab,bc->ac` with one letter a dimension";
            return Err(bad_shape(self.graph, node, &leaf, reason));
        };
        let owner = self.claim(index, node, &leaf, Claim::weight(Role::Linear, fans));
        self.owner.insert(index, owner);
        Ok(())
    }
}

fn einsum_fans(node: &Node, slot: usize, leaf: &Leaf) -> Option<Fans> {
    let Some(Attr::String(equation)) = node.attrs.get("equation") else {
        return None;
    };
    let equation: String = std::str::from_utf8(equation)
        .ok()?
        .chars()
        .filter(|letter| !letter.is_whitespace())
        .collect();
    let (operands, output) = equation.split_once("->")?;
    let (left, right) = operands.split_once(',')?;
    let (stored, other) = if slot == 0 {
        (left, right)
    } else {
        (right, left)
    };
    let labels: Vec<char> = stored.chars().collect();
    let distinct: BTreeSet<char> = labels.iter().copied().collect();
    let plain = labels.iter().all(char::is_ascii_alphabetic);
    if !plain || labels.len() != leaf.dims.len() || distinct.len() != labels.len() {
        return None;
    }
    let mut fans = Fans {
        fan_in: 1,
        fan_out: 1,
    };
    for (label, &dim) in labels.iter().zip(&leaf.dims) {
        match (other.contains(*label), output.contains(*label)) {
            (true, true) => {}
            (false, true) => fans.fan_out = fans.fan_out.checked_mul(dim)?,
            (_, false) => fans.fan_in = fans.fan_in.checked_mul(dim)?,
        }
    }
    Some(fans)
}
