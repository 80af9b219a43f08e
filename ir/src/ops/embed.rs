//! Rows of a table, chosen by indices.

use crate::context::{Context, Inferred};
use crate::error::Fault;
use crate::op::Embed;
use crate::range::Range;
use crate::values::{Buffer, Slice};

pub(crate) fn infer(cx: &Context<'_>, op: &Embed) -> Result<Inferred, Fault> {
    let (table, ids) = (cx.narrow(op.table)?, cx.stored(op.ids)?);
    cx.fixed(op.table)?;
    let &[rows, width] = table.shape.as_slice() else {
        return Err(Fault::Rank {
            operand: op.table,
            expected: "2",
            got: table.shape.len(),
        });
    };
    let expected = Range::new(0, i64::from(rows) - 1);
    if !expected.covers(&ids.range) {
        return Err(Fault::OperandRange {
            what: "ids",
            expected,
            got: ids.range,
        });
    }
    let mut shape = ids.shape.clone();
    shape.push(width);
    Ok(Inferred::new(shape, table.range))
}

pub(crate) fn eval(table: Slice<'_>, width: usize, ids: Slice<'_>) -> Buffer {
    Buffer::fill(ids.len() * width, true, |i| {
        // Not negative by range.
        table.at(ids.at(i / width) as usize * width + i % width)
    })
}
