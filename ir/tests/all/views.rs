//! Views and their index maps against the equations.

use crate::common::{indices, position, under};
use nascent_ir::{Builder, IndexMap, Op, Params, Range, Source, TensorId, View, eval};
use proptest::prelude::*;

/// Shape, sources and values of a view of the inputs `0, 1, 2, ..` (each with its own thousand).
fn run(shapes: &[&[u32]], view: impl Fn(&[TensorId]) -> View) -> (Vec<u32>, Vec<i64>) {
    let mut b = Builder::new("view", 16);
    let mut inputs = Vec::new();
    let mut data: Vec<Vec<i32>> = Vec::new();
    for (i, shape) in shapes.iter().enumerate() {
        inputs.push(b.input("x", shape, Range::unsigned(14)).unwrap());
        let len = shape.iter().product::<u32>() as i32;
        data.push((0..len).map(|v| 1000 * (i as i32 + 1) + v).collect());
    }
    let view = view(&inputs);
    let y = b.push("y", Op::View(view.clone())).unwrap();
    let graph = b.finish(&[y]).unwrap();
    let params = Params::default();
    let values = eval(&graph, &params, &data).unwrap();
    let map = IndexMap::new(&graph, &view);
    assert_eq!(map.len(), graph.tensor(y).elements());
    let by_map: Vec<i64> = (map.iter())
        .map(|source| match source {
            Source::Element { tensor, index } => values.get(tensor).at(index),
            Source::Constant(value) => value,
        })
        .collect();
    let got = values.get(y).to_vec();
    assert_eq!(by_map, got);
    assert!(got.iter().all(|&v| graph.tensor(y).range.contains(v)));
    (graph.tensor(y).shape.clone(), got)
}

fn shape() -> impl Strategy<Value = Vec<u32>> {
    prop::collection::vec(1_u32..5, 1..5)
}

/// The value of input 0 at `index`.
fn value(shape: &[u32], index: &[usize]) -> i64 {
    1000 + position(shape, index) as i64
}

proptest! {
    #[test]
    fn transpose((shape, perm) in shape().prop_flat_map(|shape| {
        let perm: Vec<u32> = (0..shape.len() as u32).collect();
        (Just(shape), Just(perm).prop_shuffle())
    })) {
        let (got_shape, got) = run(&[&shape], |x| View::Transpose { x: x[0], perm: perm.clone() });
        for (i, y) in indices(&got_shape).iter().enumerate() {
            let mut x = vec![0; y.len()];
            for (d, &axis) in perm.iter().enumerate() {
                x[axis as usize] = y[d];
            }
            prop_assert_eq!(got[i], value(&shape, &x));
        }
        let expected: Vec<u32> = perm.iter().map(|&axis| shape[axis as usize]).collect();
        prop_assert_eq!(got_shape, expected);
    }

    #[test]
    fn slice(axes in prop::collection::vec(
        (1_u32..4, prop_oneof![-3_i32..0, 1_i32..4], 0_u32..3, 0_u32..3),
        1..4,
    )) {
        // Sizes and steps, with `head` and `tail` unused elements around what is reached.
        let (mut shape, mut starts, mut sizes, mut steps) = (vec![], vec![], vec![], vec![]);
        for (size, step, head, tail) in axes {
            let reach = (size - 1) * step.unsigned_abs();
            shape.push(head + reach + 1 + tail);
            starts.push(if step < 0 { head + reach } else { head });
            sizes.push(size);
            steps.push(step);
        }
        let (got_shape, got) = run(&[&shape], |x| View::Slice {
            x: x[0],
            starts: starts.clone(),
            sizes: sizes.clone(),
            steps: steps.clone(),
        });
        prop_assert_eq!(&got_shape, &sizes);
        for (i, y) in indices(&sizes).iter().enumerate() {
            let x: Vec<usize> = (0..y.len())
                .map(|d| (i64::from(starts[d]) + y[d] as i64 * i64::from(steps[d])) as usize)
                .collect();
            prop_assert_eq!(got[i], value(&shape, &x));
        }
    }

    #[test]
    fn concat(
        shape in shape(),
        axis in 0_usize..4,
        sizes in prop::collection::vec(1_u32..4, 1..4),
    ) {
        let axis = axis % shape.len();
        let shapes: Vec<Vec<u32>> = sizes.iter().map(|&size| {
            let mut shape = shape.clone();
            shape[axis] = size;
            shape
        }).collect();
        let views: Vec<&[u32]> = shapes.iter().map(Vec::as_slice).collect();
        let (got_shape, got) = run(&views, |xs| View::Concat {
            xs: xs.to_vec(),
            axis: axis as u32,
        });
        prop_assert_eq!(got_shape[axis], sizes.iter().sum::<u32>());
        for (i, y) in indices(&got_shape).iter().enumerate() {
            let (mut x, mut part) = (y.clone(), 0);
            while x[axis] >= sizes[part] as usize {
                x[axis] -= sizes[part] as usize;
                part += 1;
            }
            let expected = 1000 * part as i64 + value(&shapes[part], &x);
            prop_assert_eq!(got[i], expected);
        }
    }

    #[test]
    fn pad(axes in prop::collection::vec((1_u32..4, 0_u32..3, 0_u32..3), 1..4), fill in -9..9) {
        let shape: Vec<u32> = axes.iter().map(|axis| axis.0).collect();
        let before: Vec<u32> = axes.iter().map(|axis| axis.1).collect();
        let after: Vec<u32> = axes.iter().map(|axis| axis.2).collect();
        let (got_shape, got) = run(&[&shape], |x| View::Pad {
            x: x[0],
            before: before.clone(),
            after: after.clone(),
            value: fill,
        });
        for (i, y) in indices(&got_shape).iter().enumerate() {
            let inside = (0..y.len()).all(|d| {
                let (before, dim) = (before[d] as usize, shape[d] as usize);
                before <= y[d] && y[d] < before + dim
            });
            let expected = if inside {
                let x: Vec<usize> = (0..y.len()).map(|d| y[d] - before[d] as usize).collect();
                value(&shape, &x)
            } else {
                fill.into()
            };
            prop_assert_eq!(got[i], expected);
        }
        let expected: Vec<u32> = axes.iter().map(|axis| axis.0 + axis.1 + axis.2).collect();
        prop_assert_eq!(got_shape, expected);
    }

    #[test]
    fn expand(axes in prop::collection::vec((1_u32..4, any::<bool>()), 0..4), rank in 0_usize..4) {
        let to: Vec<u32> = axes.iter().map(|axis| axis.0).collect();
        let from: Vec<u32> = (axes.iter().skip(rank))
            .map(|&(dim, one)| if one { 1 } else { dim })
            .collect();
        let (got_shape, got) = run(&[&from], |x| View::Expand { x: x[0], shape: to.clone() });
        prop_assert_eq!(&got_shape, &to);
        for (i, y) in indices(&to).iter().enumerate() {
            prop_assert_eq!(got[i], 1000 + under(&from, y) as i64);
        }
    }

    #[test]
    fn gather(shape in shape(), axis in 0_usize..4, picks in prop::collection::vec(0_u32..60, 1..6)) {
        let axis = axis % shape.len();
        let picks: Vec<u32> = picks.iter().map(|pick| pick % shape[axis]).collect();
        let (got_shape, got) = run(&[&shape], |x| View::Gather {
            x: x[0],
            axis: axis as u32,
            indices: picks.clone(),
        });
        prop_assert_eq!(got_shape[axis], picks.len() as u32);
        for (i, y) in indices(&got_shape).iter().enumerate() {
            let mut x = y.clone();
            x[axis] = picks[y[axis]] as usize;
            prop_assert_eq!(got[i], value(&shape, &x));
        }
    }
}

#[test]
fn reshape_keeps_the_order() {
    let (shape, got) = run(&[&[2, 3, 4]], |x| View::Reshape {
        x: x[0],
        shape: vec![4, 1, 6],
    });
    assert_eq!(shape, [4, 1, 6]);
    assert_eq!(got, (1000..1024).collect::<Vec<_>>());
    let (shape, got) = run(&[&[1, 1]], |x| View::Reshape {
        x: x[0],
        shape: vec![],
    });
    assert_eq!((shape, got), (vec![], vec![1000]));
}

#[test]
fn one_tensor_can_be_concatenated_with_itself() {
    let (_, got) = run(&[&[2]], |x| View::Concat {
        xs: vec![x[0], x[0]],
        axis: 0,
    });
    assert_eq!(got, [1000, 1001, 1000, 1001]);
}
