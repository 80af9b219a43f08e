//! Shapes of the float graph.

use super::{Flow, Op, ValueId};
use crate::infer::error::{Fault, OpResult};
use crate::infer::tensor::{broadcast, count};

/// Shape of the result, and whether it is made of integers.
pub(super) fn infer(flow: &Flow, op: &Op, inputs: &[ValueId]) -> OpResult<(Vec<usize>, bool)> {
    let shape = |at: usize| flow.shape(inputs[at]);
    let int = |at: usize| flow.values[inputs[at]].is_int;
    let first_int = !inputs.is_empty() && int(0);
    refuse_arithmetic(flow, op, inputs)?;
    let made = match op {
        Op::Input(at) => {
            let input = &flow.inputs[*at];
            return Ok((input.shape.clone(), input.is_int));
        }
        Op::Constant(tensor) => return Ok((tensor.shape().to_vec(), tensor.is_int())),
        Op::MatMul => matmul(shape(0), shape(1))?,
        Op::Conv(attrs) => attrs.output(shape(0), shape(1))?,
        Op::Unary(_) => return Ok((shape(0).to_vec(), false)),
        Op::Binary(_) => {
            let made = broadcast(shape(0), shape(1))?;
            return Ok((made, int(0) && int(1)));
        }
        Op::ReduceSum | Op::ReduceMax => row_ends(shape(0))?,
        Op::Position { .. } => {
            let made = row_ends(shape(0))?;
            if shape(1) != made {
                return Fault::shape(format!("{:?} for the rows of {:?}", shape(1), shape(0)));
            }
            return Ok((made, true));
        }
        Op::Without => {
            if shape(1) != row_ends(shape(0))? || !int(1) {
                return Fault::shape(format!("{:?} chooses from {:?}", shape(1), shape(0)));
            }
            shape(0).to_vec()
        }
        Op::Reflect => shape(0).to_vec(),
        Op::Real => return Ok((shape(0).to_vec(), false)),
        Op::Softmax | Op::Normalize { .. } => match shape(0).last() {
            Some(1..) => shape(0).to_vec(),
            _ => return Fault::shape("a scalar or an empty axis"),
        },
        Op::Reshape(made) => {
            if count(made) != count(shape(0)) {
                return Fault::shape(format!("{:?} cannot become {made:?}", shape(0)));
            }
            made.clone()
        }
        Op::Transpose(perm) => transpose(shape(0), perm)?,
        Op::Slice {
            starts,
            sizes,
            steps,
        } => slice(shape(0), starts, sizes, steps)?,
        Op::Concat(axis) => {
            let shapes: Vec<&[usize]> = inputs.iter().map(|&id| flow.shape(id)).collect();
            concat(&shapes, *axis)?
        }
        Op::Pad { before, after, .. } => pad(shape(0), before, after)?,
        Op::Expand(made) => {
            if broadcast(shape(0), made)? != *made {
                return Fault::shape(format!("{:?} does not broadcast to {made:?}", shape(0)));
            }
            made.clone()
        }
        Op::Gather { axis, indices } => {
            let mut made = shape(0).to_vec();
            match made.get(*axis) {
                Some(&dim) if indices.iter().all(|&at| at < dim) => made[*axis] = indices.len(),
                _ => return Fault::shape("an index is outside of the axis"),
            }
            made
        }
        Op::Embed => match shape(0) {
            [_, width] if int(1) => {
                let mut made = shape(1).to_vec();
                made.push(*width);
                made
            }
            _ => return Fault::shape("a table of two axes and integers are expected"),
        },
    };
    Ok((made, first_int))
}

/// Products of the evaluation; elementwise work counts one for each element.
pub(super) fn products(flow: &Flow, op: &Op, inputs: &[ValueId], made: &[usize]) -> u64 {
    let elements = count(made).map_or(u64::MAX, |n| n as u64);
    let depth = match op {
        Op::MatMul => flow.shape(inputs[0]).last().copied().unwrap_or(1),
        Op::Conv(_) => flow.shape(inputs[1])[1..].iter().product(),
        Op::ReduceSum | Op::ReduceMax | Op::Position { .. } => {
            flow.shape(inputs[0]).last().copied().unwrap_or(1)
        }
        _ => 1,
    };
    elements.saturating_mul(depth as u64)
}

/// Integers that depend on an input are exact, and have no scale for arithmetic.
fn refuse_arithmetic(flow: &Flow, op: &Op, inputs: &[ValueId]) -> OpResult<()> {
    let moves = matches!(
        op,
        Op::Reshape(_)
            | Op::Transpose(_)
            | Op::Slice { .. }
            | Op::Concat(_)
            | Op::Expand(_)
            | Op::Gather { .. }
            | Op::Embed
            | Op::Without
            | Op::Real
    );
    let mut indices = inputs.iter().map(|&id| &flow.values[id]);
    if moves || !indices.any(|value| value.is_int && !matches!(value.op, Op::Constant(_))) {
        return Ok(());
    }
    Fault::form(
        "integers that depend on the input can be outputs, choose rows of a table, be moved or \
         cast to floats, and nothing else",
    )
}

/// One element for each row of the last axis.
fn row_ends(shape: &[usize]) -> OpResult<Vec<usize>> {
    let mut made = shape.to_vec();
    match made.last_mut() {
        Some(last) if *last > 0 => *last = 1,
        _ => return Fault::shape("nothing to reduce"),
    }
    Ok(made)
}

fn matmul(a: &[usize], b: &[usize]) -> OpResult<Vec<usize>> {
    let fail = || Fault::shape(format!("{a:?} times {b:?}"));
    let ([lead @ .., m, k], [other @ .., l, n]) = (a, b) else {
        return fail();
    };
    if k != l || !(other.is_empty() || other == lead) {
        return fail();
    }
    Ok([lead, &[*m, *n]].concat())
}

fn transpose(shape: &[usize], perm: &[usize]) -> OpResult<Vec<usize>> {
    let mut seen = vec![false; shape.len()];
    for &axis in perm {
        match seen.get_mut(axis) {
            Some(seen) if !*seen => *seen = true,
            _ => return Fault::shape(format!("{perm:?} permutes no axes of {shape:?}")),
        }
    }
    if perm.len() != shape.len() {
        return Fault::shape(format!("{perm:?} permutes no axes of {shape:?}"));
    }
    Ok(perm.iter().map(|&axis| shape[axis]).collect())
}

fn slice(
    shape: &[usize],
    starts: &[usize],
    sizes: &[usize],
    steps: &[isize],
) -> OpResult<Vec<usize>> {
    let rank = shape.len();
    let fits = starts.len() == rank && sizes.len() == rank && steps.len() == rank;
    let inside = |axis: usize| {
        let Some(more) = sizes[axis].checked_sub(1) else {
            return true;
        };
        let span = isize::try_from(more)
            .ok()
            .and_then(|more| more.checked_mul(steps[axis]));
        let last = span.and_then(|span| starts[axis].checked_add_signed(span));
        starts[axis] < shape[axis] && last.is_some_and(|last| last < shape[axis])
    };
    if !fits || !(0..rank).all(inside) {
        return Fault::shape(format!("a slice reaches out of {shape:?}"));
    }
    Ok(sizes.to_vec())
}

fn concat(shapes: &[&[usize]], axis: usize) -> OpResult<Vec<usize>> {
    let fail = || Fault::shape(format!("{shapes:?} do not concatenate on axis {axis}"));
    let [first, rest @ ..] = shapes else {
        return fail();
    };
    let mut made = first.to_vec();
    if axis >= made.len() {
        return fail();
    }
    for shape in rest {
        let alike = |at: usize| at == axis || shape[at] == first[at];
        if shape.len() != first.len() || !(0..shape.len()).all(alike) {
            return fail();
        }
        made[axis] = match made[axis].checked_add(shape[axis]) {
            Some(sum) => sum,
            None => return fail(),
        };
    }
    Ok(made)
}

fn pad(shape: &[usize], before: &[usize], after: &[usize]) -> OpResult<Vec<usize>> {
    if before.len() != shape.len() || after.len() != shape.len() {
        return Fault::shape(format!("pads {before:?}, {after:?} of {shape:?}"));
    }
    let dims = shape.iter().zip(before).zip(after);
    dims.map(|((dim, before), after)| dim.checked_add(*before)?.checked_add(*after))
        .collect::<Option<Vec<_>>>()
        .map_or_else(|| Fault::shape("pads that are too large"), Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matmul_shapes() {
        assert_eq!(matmul(&[2, 3, 4], &[4, 5]).unwrap(), [2, 3, 5]);
        assert_eq!(matmul(&[2, 3, 4], &[2, 4, 5]).unwrap(), [2, 3, 5]);
        assert!(matmul(&[2, 3, 4], &[3, 4, 5]).is_err());
        assert!(matmul(&[4], &[4, 5]).is_err());
    }

    #[test]
    fn slices_stay_inside() {
        assert!(slice(&[5], &[1], &[3], &[1]).is_ok());
        assert!(slice(&[5], &[4], &[3], &[-2]).is_ok());
        assert!(slice(&[5], &[4], &[3], &[-3]).is_err());
        assert!(slice(&[5], &[3], &[3], &[1]).is_err());
        assert!(slice(&[5], &[1], &[2], &[isize::MAX]).is_err());
    }

    #[test]
    fn transposes_are_permutations() {
        assert_eq!(transpose(&[2, 3], &[1, 0]).unwrap(), [3, 2]);
        assert!(transpose(&[2, 3], &[0, 0]).is_err());
        assert!(transpose(&[2, 3], &[0]).is_err());
    }
}
