//! Masks: constants that stand for less than everything.
//!
//! A mask becomes another number, so it must be shown from the model and from ranges that nobody can
//! tell. Three things together make a constant one:
//!
//! - it is farther from zero than twice the activation beside it, all other constants of its tensor
//!   and what makes an exponential vanish;
//! - nothing but softmax and maximum reads the sum, perhaps rearranged or scaled;
//! - each row that these read has an element that is not masked.

use super::{Lower, Quant};
use crate::infer::calibrate::MASK;
use crate::infer::error::{InferError, Result};
use crate::infer::flow::{Op, ValueId, evaluate};
use crate::infer::program::Program;
use crate::infer::tensor::{Tensor, broadcast_steps, count, positions};
use std::sync::Arc;

/// How far below everything else a masked score lies: its exponential is below `2^-17`.
pub(super) const MASKED: f64 = 12.0;

/// Constants nearer to zero are none.
const LEAST_MASK: f64 = 1000.0;

/// Most elements that are looked through: whoever lowers a stranger's model has this much memory, four times.
const MOST_ELEMENTS: usize = 1 << 26;

/// A constant of which some elements are masks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mask {
    /// The factor from the sum to what is compared.
    pub(super) gain: f64,
    /// Least magnitude of a mask.
    from: f64,
    /// Whether masks are below the others, or above.
    below: bool,
    /// Greatest magnitude of the activation.
    reach: f64,
    /// Greatest magnitude of the other constants.
    rest: f64,
}

impl Mask {
    fn masks(&self, v: f64) -> bool {
        v.abs() >= self.from && (v < 0.0) == self.below
    }

    /// The number that is added for a constant.
    pub(super) fn offset(&self, v: f64) -> f64 {
        if self.masks(v) {
            let far = 2.0 * self.reach + self.rest + MASKED / self.gain;
            far.copysign(v)
        } else {
            v
        }
    }

    /// Magnitude that is compared: all that is not masked is below it, by [`MASKED`].
    pub(super) fn least(&self) -> f64 {
        self.gain * (self.reach + self.rest) + MASKED
    }
}

/// What may look at masks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Readers {
    /// Softmax, maximum, and the place of a maximum.
    Ordered,
    /// Maximum alone: what is masked may be equal to the least that is not.
    Greatest,
}

/// Why a constant is no mask.
#[derive(Debug, Clone, Copy)]
pub(super) enum NoMask {
    Read,
    Row,
    Large,
}

impl NoMask {
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Read => "something other than a softmax or a maximum reads it",
            Self::Large => "it has more elements than are looked through for masks, 2^26",
            Self::Row => {
                "it masks all of a row: nothing is left for the softmax or the maximum after it"
            }
        }
    }
}

impl Lower<'_> {
    /// Which elements of a constant mask the activation that it is added to, if any do.
    ///
    /// Constants of less than a million that are no masks are numbers like others.
    pub(super) fn mask(&self, id: ValueId, a: Quant, k: ValueId) -> Result<Option<Mask>> {
        let flow = self.flow;
        let Some(constant) = flow.constant(k) else {
            return Ok(None);
        };
        let values: Vec<f64> = constant.to_floats().into_iter().map(f64::from).collect();
        if values.iter().all(|v| v.abs() < LEAST_MASK) {
            return Ok(None);
        }
        let fail = |reason: &str| {
            Err(InferError::Form {
                node: Box::new(flow.node(flow.values[id].root).clone()),
                reason: reason.to_owned(),
            })
        };
        let slope = match Program::new(flow, id).slopes() {
            Some((above, below)) if above == below && above != 0.0 => Some(above),
            _ => None,
        };
        let gain = slope.map(f64::abs);
        let turned = slope.is_some_and(|slope| slope < 0.0);
        let reach = self.reach(a);
        let near = 2.0 * reach + MASKED / gain.unwrap_or(1.0);
        let found = [true, false].into_iter().find_map(|below| {
            let (from, rest) = cut(&values, near, below)?;
            let gain = gain.unwrap_or(1.0);
            Some(Mask {
                gain,
                from,
                below,
                reach,
                rest,
            })
        });
        let Some(mask) = found else {
            if values.iter().any(|v| v.abs() >= MASK && v.abs() > near) {
                return fail(
                    "it adds constants of a million or more that are no mask: \
                     they are too near to its other constants",
                );
            }
            return Ok(None);
        };
        let masks = values.iter().filter(|&&v| mask.masks(v));
        let is_number = masks.fold(0.0_f64, |most, v| most.max(v.abs())) < MASK;
        let flags = values.iter().map(|&v| f32::from(u8::from(mask.masks(v))));
        let flags = Tensor::made(constant.shape(), flags.collect());
        let shape = flow.shape(id);
        if !is_small(shape) {
            if is_number {
                return Ok(None);
            }
            return fail(NoMask::Large.reason());
        }
        let steps = broadcast_steps(constant.shape(), shape);
        let flags = flags.and_then(|flags| flags.pick(shape, positions(shape, 0, &steps)));
        let flags = flags.map_err(|fault| fault.at(flow.node(id)))?;
        match self.masks(id, flags, mask.below != turned, Readers::Ordered) {
            Ok(()) if gain.is_some() => Ok(Some(mask)),
            _ if is_number => Ok(None),
            Ok(()) => fail("a function that bends stands between a mask and what reads it"),
            Err(why @ (NoMask::Row | NoMask::Large)) => fail(why.reason()),
            Err(NoMask::Read) => fail(&format!(
                "it adds a constant of a million or more that is no mask: {}",
                NoMask::Read.reason()
            )),
        }
    }

    /// Checks that nothing looks at how far the masked elements of a value are from the others, and that
    /// no row that is read is masked as a whole. `flags` has 1 for what is masked; `below`: it is below
    /// the others.
    pub(super) fn masks(
        &self,
        id: ValueId,
        flags: Tensor,
        below: bool,
        allowed: Readers,
    ) -> std::result::Result<(), NoMask> {
        let flow = self.flow;
        let root = flow.values[id].root;
        // Functions of the same sum are lowered from the sum.
        let is_sum = matches!(flow.values[root].op, Op::Binary(_));
        let fused = |at: ValueId, reader: ValueId| {
            at == id && is_sum && reader != id && flow.values[reader].root == root
        };
        let mut rows = true;
        let mut next = vec![(id, Arc::new(flags), below)];
        while let Some((at, flags, below)) = next.pop() {
            if flow.outputs.iter().any(|(_, output)| *output == at) {
                return Err(NoMask::Read);
            }
            for &reader in &self.readers[at] {
                let value = &flow.values[reader];
                match &value.op {
                    _ if fused(at, reader) => {}
                    Op::ReduceMax if below => rows &= some_left(&flags),
                    Op::Softmax | Op::Position { .. } if below && allowed == Readers::Ordered => {
                        rows &= some_left(&flags);
                    }
                    Op::Reflect if allowed == Readers::Ordered => {
                        next.push((reader, Arc::clone(&flags), !below));
                    }
                    Op::Reshape(_)
                    | Op::Transpose(_)
                    | Op::Slice { .. }
                    | Op::Expand(_)
                    | Op::Gather { .. } => {
                        if !is_small(&value.shape) {
                            return Err(NoMask::Large);
                        }
                        let moved = evaluate(value, &[&flags]).map_err(|_| NoMask::Read)?;
                        next.push((reader, Arc::new(moved), below));
                    }
                    _ => return Err(NoMask::Read),
                }
            }
        }
        if rows { Ok(()) } else { Err(NoMask::Row) }
    }
}

/// Whether all elements of a shape are looked through.
pub(super) fn is_small(shape: &[usize]) -> bool {
    count(shape).is_some_and(|elements| elements <= MOST_ELEMENTS)
}

/// Whether each row of the last axis has an element that is not masked.
fn some_left(flags: &Tensor) -> bool {
    let width = flags.shape().last().copied().unwrap_or(1).max(1);
    let values = flags.floats().unwrap_or(&[]);
    values.chunks(width).all(|row| row.contains(&0.0))
}

/// The least magnitude from which on constants are masks, and the greatest of the others: masks are farther
/// than `near` beyond these.
fn cut(values: &[f64], near: f64, below: bool) -> Option<(f64, f64)> {
    let mut all: Vec<f64> = values.iter().map(|v| v.abs()).collect();
    all.sort_unstable_by(f64::total_cmp);
    let other = |v: &&f64| (**v < 0.0) != below;
    // None of the other sign is a mask.
    let least = values
        .iter()
        .filter(other)
        .fold(0.0_f64, |most, v| most.max(v.abs()));
    let mut rest = 0.0;
    for from in all {
        if from >= LEAST_MASK && from > least && from > near + rest {
            return Some((from, rest));
        }
        rest = from;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_are_beyond_all_other_constants() {
        let inf = f64::NEG_INFINITY;
        assert_eq!(cut(&[0.0, -1e4], 50.0, true), Some((1e4, 0.0)));
        assert_eq!(
            cut(&[0.0, inf, -2.0], 50.0, true),
            Some((f64::INFINITY, 2.0))
        );
        assert_eq!(cut(&[-999.0, -1000.0], 50.0, true), None);
        assert_eq!(cut(&[0.0, -1000.0], 1000.0, true), None);
        assert_eq!(cut(&[0.0, -900.0], 50.0, true), None);
        assert_eq!(cut(&[1e9, 2e9, 0.0], 50.0, true), None);
        assert_eq!(cut(&[1e9, -1e9, 0.0], 50.0, true), None);
        assert_eq!(cut(&[1e9, -1e9, 0.0], 50.0, false), None);
        assert_eq!(cut(&[1e9, 2e9, 0.0], 50.0, false), Some((1e9, 0.0)));
        assert_eq!(cut(&[inf, inf], 50.0, true), Some((f64::INFINITY, 0.0)));
    }
}
