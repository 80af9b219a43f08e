//! [Einsum](https://onnx.ai/onnx/operators/onnx__Einsum.html): a sum of products by the labels of axes, as a transposition of each operand and a
//! product of matrices.

use super::Operator;
use super::mat_mul::multiply;
use super::reduce::fold;
use crate::infer::cx::Cx;
use crate::infer::error::{Fault, OpResult};
use crate::infer::flow::{Op, ValueId};

pub(super) const OP: Operator = Operator {
    name: "Einsum",
    since: &[12],
    inputs: (1, 2),
    attrs: &["equation"],
    limits: "one or two operands, no ellipsis, no label twice in an operand",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let equation = cx.text("equation", "")?;
    let Some((operands, result)) = parse(&equation, cx.arity()) else {
        return Fault::attribute("equation", format!("{equation:?} is not supported"));
    };
    let mut made = Vec::new();
    for (slot, labels) in operands.iter().enumerate() {
        let x = cx.x(slot)?;
        if cx.shape(x).len() != labels.len() {
            return Fault::shape(format!("{equation:?} for {:?}", cx.shape(x)));
        }
        // Labels that occur nowhere else are summed first.
        let others = operands.iter().enumerate().filter(|(at, _)| *at != slot);
        let others: Vec<char> = others
            .flat_map(|(_, labels)| labels.iter().copied())
            .collect();
        let kept = |label: &char| result.contains(label) || others.contains(label);
        let axes = (0..labels.len()).filter(|&axis| !kept(&labels[axis]));
        let axes: Vec<usize> = axes.collect();
        let left: Vec<char> = labels.iter().copied().filter(kept).collect();
        let x = if axes.is_empty() {
            x
        } else {
            fold(cx, x, &axes, false, Op::ReduceSum)?
        };
        made.push((x, left));
    }
    let (out, labels) = match made.as_slice() {
        [(x, labels)] => (*x, labels.clone()),
        [a, b] => contract(cx, a, b, &result)?,
        _ => return Fault::form("one or two operands are expected"),
    };
    let perm = result
        .iter()
        .map(|label| labels.iter().position(|other| other == label));
    match perm.collect::<Option<Vec<_>>>() {
        Some(perm) if perm.len() == labels.len() => Ok(vec![cx.transpose(out, &perm)?]),
        _ => Fault::attribute("equation", format!("{equation:?} is not supported")),
    }
}

type Labelled = (ValueId, Vec<char>);

/// The product over the labels that both have; those of the result come first as a batch.
fn contract(cx: &mut Cx<'_>, a: &Labelled, b: &Labelled, result: &[char]) -> OpResult<Labelled> {
    let both = |label: &&char| a.1.contains(label) && b.1.contains(label);
    let batch: Vec<char> =
        a.1.iter()
            .filter(both)
            .filter(|l| result.contains(l))
            .copied()
            .collect();
    let inner: Vec<char> =
        a.1.iter()
            .filter(both)
            .filter(|l| !result.contains(l))
            .copied()
            .collect();
    let rest = |x: &Labelled| -> Vec<char> {
        let own = x.1.iter().filter(|label| !both(label));
        own.copied().collect()
    };
    let (rows, columns) = (rest(a), rest(b));
    let (left, lead) = arrange(cx, a, [&batch, &rows, &inner])?;
    let (right, other) = arrange(cx, b, [&batch, &inner, &columns])?;
    if lead[0] != other[0] || lead[2] != other[1] {
        return Fault::shape("operands with different sizes for one label");
    }
    let size = |dims: &[usize]| dims.iter().product::<usize>();
    let (m, k, n) = (size(&lead[1]), size(&lead[2]), size(&other[2]));
    // Without a batch the right side is one matrix for all rows.
    let stack: Vec<usize> = if batch.is_empty() {
        Vec::new()
    } else {
        vec![size(&lead[0])]
    };
    let left = cx.reshape(left, &[stack.as_slice(), &[m, k]].concat())?;
    let right = cx.reshape(right, &[stack.as_slice(), &[k, n]].concat())?;
    let product = multiply(cx, left, right)?;
    let shape = [lead[0].as_slice(), &lead[1], &other[2]].concat();
    let out = cx.reshape(product, &shape)?;
    Ok((out, [batch, rows, columns].concat()))
}

/// The operand with its axes in the order of three groups of labels, and the groups' sizes.
fn arrange(
    cx: &mut Cx<'_>,
    (x, labels): &Labelled,
    groups: [&[char]; 3],
) -> OpResult<(ValueId, [Vec<usize>; 3])> {
    let shape = cx.shape(*x);
    let axis = |label: &char| labels.iter().position(|other| other == label);
    let axes = groups.map(|group| group.iter().filter_map(axis).collect::<Vec<usize>>());
    let moved = cx.transpose(*x, &axes.concat())?;
    let sizes = axes.map(|axes| axes.iter().map(|&axis| shape[axis]).collect());
    Ok((moved, sizes))
}

/// Labels of the operands and of the result.
fn parse(equation: &str, operands: usize) -> Option<(Vec<Vec<char>>, Vec<char>)> {
    let compact: String = equation.chars().filter(|c| !c.is_whitespace()).collect();
    let (left, right) = match compact.split_once("->") {
        Some((left, right)) => (left, Some(right)),
        None => (compact.as_str(), None),
    };
    let terms: Vec<Vec<char>> = left.split(',').map(|term| term.chars().collect()).collect();
    let result: Vec<char> = match right {
        Some(right) => right.chars().collect(),
        None => {
            // Labels that occur once, in alphabetical order.
            let mut all: Vec<char> = terms.concat();
            all.sort_unstable();
            let once = |label: &char| {
                terms
                    .concat()
                    .iter()
                    .filter(|other| *other == label)
                    .count()
                    == 1
            };
            all.into_iter().filter(once).collect()
        }
    };
    let plain = |labels: &Vec<char>| {
        let distinct = labels
            .iter()
            .enumerate()
            .all(|(at, label)| !labels[..at].contains(label));
        distinct && labels.iter().all(char::is_ascii_alphabetic)
    };
    let known = result
        .iter()
        .all(|label| terms.iter().any(|term| term.contains(label)));
    let fits = terms.len() == operands && terms.iter().all(plain) && plain(&result) && known;
    fits.then_some((terms, result))
}
