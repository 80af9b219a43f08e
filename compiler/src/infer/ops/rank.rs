//! What ArgMax, ArgMin and TopK share: the greatest element of an axis, and where it stands.

use crate::infer::cx::Cx;
use crate::infer::error::{Fault, OpResult};
use crate::infer::flow::{Op, ValueId};

/// An axis with the others in front of it.
pub(super) struct Rows {
    /// The tensor with the axis at the end; negated, if the least elements are wanted.
    pub(super) x: ValueId,
    perm: Vec<usize>,
}

impl Rows {
    /// The rows of an axis, such that the elements wanted are the greatest.
    pub(super) fn new(cx: &mut Cx<'_>, axis: usize, largest: bool) -> OpResult<Self> {
        let x = cx.x(0)?;
        let rank = cx.shape(x).len();
        let mut perm: Vec<usize> = (0..rank).collect();
        perm.swap(axis, rank - 1);
        let mut x = cx.transpose(x, &perm)?;
        if !largest {
            x = cx.emit(Op::Reflect, &[x])?;
        }
        Ok(Self { x, perm })
    }

    /// The greatest element of each row, and its index: the least, or the greatest, of those that
    /// are equal.
    pub(super) fn greatest(&self, cx: &mut Cx<'_>, last: bool) -> OpResult<(ValueId, ValueId)> {
        let most = cx.emit(Op::ReduceMax, &[self.x])?;
        let index = cx.emit(Op::Position { last }, &[self.x, most])?;
        Ok((most, index))
    }

    /// The axis back in its place.
    pub(super) fn restore(&self, cx: &mut Cx<'_>, x: ValueId) -> OpResult<ValueId> {
        // A swap undoes itself.
        cx.transpose(x, &self.perm)
    }
}

/// Index of the greatest or least element of an axis.
pub(super) fn arg(cx: &mut Cx<'_>, largest: bool) -> OpResult<Vec<ValueId>> {
    let mut shape = cx.shape(cx.x(0)?);
    let axis = cx.axis(cx.int("axis")?.unwrap_or(0), shape.len())?;
    let last = cx.flag("select_last_index", false)?;
    if last && cx.opset() < 12 {
        return Fault::attribute("select_last_index", "it came with operator set 12");
    }
    let keep = cx.flag("keepdims", true)?;
    let rows = Rows::new(cx, axis, largest)?;
    let (_, index) = rows.greatest(cx, last)?;
    let index = rows.restore(cx, index)?;
    if keep {
        return Ok(vec![index]);
    }
    shape.remove(axis);
    Ok(vec![cx.reshape(index, &shape)?])
}
