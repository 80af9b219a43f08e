//! Row-major shapes.

use crate::error::Fault;
use crate::limits::{MAX_ELEMENTS, MAX_RANK};

/// Number of elements of an acceptable shape.
pub(crate) fn elements(shape: &[u32]) -> Result<u64, Fault> {
    if shape.len() > MAX_RANK {
        return Err(Fault::TooMany {
            what: "axes",
            limit: MAX_RANK as u64,
            got: shape.len() as u64,
        });
    }
    if let Some(axis) = shape.iter().position(|&dim| dim == 0) {
        return Err(Fault::ZeroDimension { axis });
    }
    let mut count = 1_u64;
    for &dim in shape {
        count = count.saturating_mul(dim.into());
    }
    if count > MAX_ELEMENTS {
        return Err(Fault::TooMany {
            what: "elements",
            limit: MAX_ELEMENTS,
            got: count,
        });
    }
    Ok(count)
}

/// A dimension computed in 64 bits.
pub(crate) fn dimension(dim: u64) -> Result<u32, Fault> {
    u32::try_from(dim).map_err(|_| Fault::TooMany {
        what: "elements",
        limit: MAX_ELEMENTS,
        got: dim,
    })
}

/// Whether `from`, aligned at the right, has the dimension of `to` or 1 everywhere.
pub(crate) fn broadcasts(from: &[u32], to: &[u32]) -> bool {
    from.len() <= to.len()
        && (from.iter().rev().zip(to.iter().rev())).all(|(&from, &to)| from == to || from == 1)
}

/// Product of dimensions of a checked shape, or of a part of it.
pub(crate) fn size(dims: &[u32]) -> usize {
    dims.iter().map(|&dim| dim as usize).product()
}

/// Distance of neighbours along each axis.
pub(crate) fn strides(shape: &[u32]) -> Vec<i64> {
    let mut out = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        out[axis - 1] = out[axis] * i64::from(shape[axis]);
    }
    out
}

/// Two numbers that must be equal.
pub(crate) fn equal(
    what: &'static str,
    expected: impl Into<u64>,
    got: impl Into<u64>,
) -> Result<(), Fault> {
    let (expected, got) = (expected.into(), got.into());
    if expected == got {
        Ok(())
    } else {
        Err(Fault::Mismatch {
            what,
            expected,
            got,
        })
    }
}

/// An attribute within bounds.
pub(crate) fn within(what: &'static str, lo: i64, hi: i64, got: i64) -> Result<(), Fault> {
    if lo <= got && got <= hi {
        Ok(())
    } else {
        Err(Fault::Attribute { what, lo, hi, got })
    }
}
