//! Products of matrices.

use crate::context::{Context, Inferred};
use crate::error::Fault;
use crate::graph::TensorInfo;
use crate::interval::Interval;
use crate::op::MatMul;
use crate::ops::lanes::{Lane, dot_block};
use crate::range::WIDE_BITS;
use crate::shape::{equal, size};
use crate::values::Slice;
use rayon::prelude::*;

/// Columns of the result that one task computes.
const COLUMNS: usize = 64;

struct Sizes {
    batch: usize,
    shared: bool,
    m: usize,
    k: usize,
    n: usize,
}

impl Sizes {
    /// Of checked operands.
    fn of(op: &MatMul, a: &[u32], b: &[u32]) -> Self {
        let (leading, last) = a.split_at(a.len() - 2);
        let (k, n) = (b.len() - 2, b.len() - 1);
        Self {
            batch: size(leading),
            shared: b.len() == 2,
            m: last[0] as usize,
            k: last[1] as usize,
            n: b[if op.transpose_b { k } else { n }] as usize,
        }
    }
}

pub(crate) fn infer(cx: &Context<'_>, op: &MatMul) -> Result<Inferred, Fault> {
    let (a, b) = (cx.matrix(op.a)?, cx.matrix(op.b)?);
    if a.shape.len() < 2 {
        return Err(Fault::Rank {
            operand: op.a,
            expected: "at least 2",
            got: a.shape.len(),
        });
    }
    if b.shape.len() != 2 && b.shape.len() != a.shape.len() {
        return Err(Fault::Rank {
            operand: op.b,
            expected: "2, or the rank of the first operand",
            got: b.shape.len(),
        });
    }
    let (leading, last) = a.shape.split_at(a.shape.len() - 2);
    let (b_leading, b_last) = b.shape.split_at(b.shape.len() - 2);
    if b.shape.len() > 2 {
        for (&expected, &got) in leading.iter().zip(b_leading) {
            equal("leading dimension", expected, got)?;
        }
    }
    let (k, n) = match op.transpose_b {
        false => (b_last[0], b_last[1]),
        true => (b_last[1], b_last[0]),
    };
    equal("contracted dimension", last[1], k)?;
    let range = Interval::from(a.range)
        .mul(b.range.into())
        .times(k.into())
        .range(WIDE_BITS)?;
    let mut shape = a.shape.clone();
    if let Some(columns) = shape.last_mut() {
        *columns = n;
    }
    let products = (size(&a.shape) as u64).saturating_mul(n.into());
    Ok(Inferred {
        shape,
        range,
        products,
    })
}

/// Row-major values of the product.
pub(crate) fn eval(
    op: &MatMul,
    (a_info, a): (&TensorInfo, Slice<'_>),
    (b_info, b): (&TensorInfo, Slice<'_>),
) -> Vec<i64> {
    let sizes = Sizes::of(op, &a_info.shape, &b_info.shape);
    match dot_block(a_info.range, b_info.range) {
        Some(block) => product::<i16>(op, &sizes, a, b, block),
        None => product::<i32>(op, &sizes, a, b, usize::MAX),
    }
}

fn product<T: Lane>(
    op: &MatMul,
    sizes: &Sizes,
    a: Slice<'_>,
    b: Slice<'_>,
    block: usize,
) -> Vec<i64> {
    let Sizes {
        batch,
        shared,
        m,
        k,
        n,
    } = *sizes;
    let rows = T::lanes(a);
    let columns = match op.transpose_b {
        true => T::lanes(b),
        false => transposed(b, k, n),
    };
    let mut out = vec![0; batch * m * n];
    out.par_chunks_mut(n).enumerate().for_each(|(row, out)| {
        let a = &rows[row * k..][..k];
        let first = if shared { 0 } else { row / m * n };
        let columns = &columns[first * k..][..n * k];
        // A single row must also be shared out among the threads.
        out.par_chunks_mut(COLUMNS)
            .zip(columns.par_chunks(COLUMNS * k))
            .for_each(|(out, columns)| {
                for (out, column) in out.iter_mut().zip(columns.chunks_exact(k)) {
                    *out = T::dot(a, column, block);
                }
            });
    });
    out
}

/// Each `k x n` matrix of `b` transposed.
fn transposed<T: Lane>(b: Slice<'_>, k: usize, n: usize) -> Vec<T> {
    let mut out = vec![T::ZERO; b.len()];
    out.par_chunks_mut(n * k)
        .enumerate()
        .for_each(|(matrix, out)| {
            out.par_chunks_mut(16 * k)
                .enumerate()
                .for_each(|(chunk, out)| {
                    let width = out.len() / k;
                    for row in 0..k {
                        let from = (matrix * k + row) * n + chunk * 16;
                        for column in 0..width {
                            out[column * k + row] = T::new(b.at(from + column));
                        }
                    }
                });
        });
    out
}
