//! `MatMul` and `Conv` against loops that follow the equations.

use crate::common::{assert_in_range, indices, position};
use nascent_ir::{Builder, Conv, MatMul, Op, Params, Range, TensorId, eval};
use proptest::prelude::*;

/// Operand ranges on both paths of the evaluator: 16-bit lanes in short and long blocks, and 32-bit lanes.
fn range() -> impl Strategy<Value = Range> {
    prop_oneof![
        Just(Range::signed(8)),
        Just(Range::new(-128, 127)),
        Just(Range::signed(13)),
        Just(Range::twos(16)),
        Just(Range::unsigned(15)),
        Just(Range::new(-7, -3)),
    ]
}

/// `len` values, often at the ends of the range.
fn values(range: Range, len: usize) -> impl Strategy<Value = Vec<i32>> {
    let (lo, hi) = (range.lo as i32, range.hi as i32);
    prop::collection::vec(prop_oneof![Just(lo), Just(hi), lo..=hi], len)
}

fn elements(shape: &[u32]) -> usize {
    shape.iter().product::<u32>() as usize
}

/// Evaluates one contraction of an input and a parameter.
fn run(
    x: (&[u32], Range, &[i32]),
    w: (&[u32], Range, &[i32]),
    op: impl Fn(TensorId, TensorId) -> Op,
) -> (Vec<u32>, Range, Vec<i64>) {
    let mut b = Builder::new("contraction", 16).weight_bits(16);
    let x_id = b.input("x", x.0, x.1).unwrap();
    let w_id = b.param("w", w.0, w.1).unwrap();
    let y = b.push("y", op(x_id, w_id)).unwrap();
    let graph = b.finish(&[x_id]).unwrap();
    let mut params = Params::default();
    params.values.insert(w_id, w.2.to_vec());
    let values = eval(&graph, &params, &[x.2.to_vec()]).unwrap();
    assert_in_range(&graph, &values);
    let info = graph.tensor(y);
    (info.shape.clone(), info.range, values.get(y).to_vec())
}

#[derive(Debug, Clone)]
struct MatMulCase {
    a: (Vec<u32>, Range, Vec<i32>),
    b: (Vec<u32>, Range, Vec<i32>),
    transpose_b: bool,
}

fn matmul_case() -> impl Strategy<Value = MatMulCase> {
    let sizes = (
        prop::collection::vec(1_u32..3, 0..3),
        1_u32..5,
        1_u32..70,
        prop_oneof![1_u32..5, 60_u32..70],
    );
    (sizes, any::<bool>(), any::<bool>(), range(), range()).prop_flat_map(
        |((leading, m, k, n), shared, transpose_b, a_range, b_range)| {
            let a_shape = [leading.as_slice(), &[m, k]].concat();
            let last = if transpose_b { [n, k] } else { [k, n] };
            let b_shape = match shared {
                true => last.to_vec(),
                false => [leading.as_slice(), &last].concat(),
            };
            let data = (
                values(a_range, elements(&a_shape)),
                values(b_range, elements(&b_shape)),
            );
            data.prop_map(move |(a, b)| MatMulCase {
                a: (a_shape.clone(), a_range, a),
                b: (b_shape.clone(), b_range, b),
                transpose_b,
            })
        },
    )
}

#[derive(Debug, Clone)]
struct ConvCase {
    x: (Vec<u32>, Range, Vec<i32>),
    w: (Vec<u32>, Range, Vec<i32>),
    strides: Vec<u32>,
    pads: Vec<(u32, u32)>,
    dilations: Vec<u32>,
    groups: u32,
}

/// Size, kernel, stride, pads, dilation of an axis, with at least one result.
fn axis() -> impl Strategy<Value = (u32, u32, u32, (u32, u32), u32)> {
    (1_u32..4, 1_u32..4, 1_u32..4, 0_u32..6).prop_flat_map(|(kernel, stride, dilation, more)| {
        let extent = (kernel - 1) * dilation + 1;
        (0..extent, 0..extent).prop_map(move |(begin, end)| {
            let least = extent.saturating_sub(begin + end).max(1);
            (least + more, kernel, stride, (begin, end), dilation)
        })
    })
}

fn conv_case() -> impl Strategy<Value = ConvCase> {
    let channels = (1_u32..3, 1_u32..4, 1_u32..3, 1_u32..3);
    let axes = prop::collection::vec(axis(), 1..=2);
    (channels, axes, range(), range()).prop_flat_map(
        |((images, groups, inputs, outputs), axes, x_range, w_range)| {
            let mut x_shape = vec![images, groups * inputs];
            let mut w_shape = vec![groups * outputs, inputs];
            x_shape.extend(axes.iter().map(|axis| axis.0));
            w_shape.extend(axes.iter().map(|axis| axis.1));
            let data = (
                values(x_range, elements(&x_shape)),
                values(w_range, elements(&w_shape)),
            );
            data.prop_map(move |(x, w)| ConvCase {
                x: (x_shape.clone(), x_range, x),
                w: (w_shape.clone(), w_range, w),
                strides: axes.iter().map(|axis| axis.2).collect(),
                pads: axes.iter().map(|axis| axis.3).collect(),
                dilations: axes.iter().map(|axis| axis.4).collect(),
                groups,
            })
        },
    )
}

fn naive_conv(case: &ConvCase, y_shape: &[u32]) -> Vec<i64> {
    let ((x_shape, _, x), (w_shape, _, w)) = (&case.x, &case.w);
    let (inputs, outputs) = (w_shape[1] as usize, w_shape[0] / case.groups);
    let at = |y: &Vec<usize>| {
        let mut sum = 0_i64;
        for tap in indices(&w_shape[1..]) {
            let group = y[1] / outputs as usize;
            let mut from = vec![y[0], group * inputs + tap[0]];
            let mut inside = true;
            for i in 0..case.strides.len() {
                let stride = case.strides[i] as usize;
                let dilation = case.dilations[i] as usize;
                let padded = y[i + 2] * stride + tap[i + 1] * dilation;
                let begin = case.pads[i].0 as usize;
                inside &= padded >= begin && padded - begin < x_shape[i + 2] as usize;
                from.push(padded.wrapping_sub(begin));
            }
            if inside {
                let kernel = [&[y[1]], tap.as_slice()].concat();
                sum += i64::from(x[position(x_shape, &from)])
                    * i64::from(w[position(w_shape, &kernel)]);
            }
        }
        sum
    };
    indices(y_shape).iter().map(at).collect()
}

proptest! {
    #[test]
    fn matmul_is_the_sum_of_products(case in matmul_case()) {
        let ((a_shape, a_range, a), (b_shape, b_range, b)) = (&case.a, &case.b);
        let transpose_b = case.transpose_b;
        let (shape, _, got) = run((a_shape, *a_range, a), (b_shape, *b_range, b), |a, b| {
            Op::MatMul(MatMul { a, b, transpose_b })
        });
        let k = *a_shape.last().unwrap() as usize;
        let expected: Vec<i64> = indices(&shape).iter().map(|y| {
            let (leading, last) = y.split_at(y.len() - 2);
            let term = |k: usize| {
                let from = [leading, &[last[0], k]].concat();
                let pair = if transpose_b { [last[1], k] } else { [k, last[1]] };
                let head = if b_shape.len() == 2 { &[] } else { leading };
                let to = [head, &pair].concat();
                i64::from(a[position(a_shape, &from)]) * i64::from(b[position(b_shape, &to)])
            };
            (0..k).map(term).sum()
        }).collect();
        prop_assert_eq!(got, expected);
    }

    #[test]
    fn conv_is_the_sum_of_products(case in conv_case()) {
        let ((x_shape, x_range, x), (w_shape, w_range, w)) = (&case.x, &case.w);
        let (shape, _, got) = run((x_shape, *x_range, x), (w_shape, *w_range, w), |x, w| {
            Op::Conv(Conv {
                x,
                w,
                strides: case.strides.clone(),
                pads: case.pads.clone(),
                dilations: case.dilations.clone(),
                groups: case.groups,
            })
        });
        for (i, &(begin, end)) in case.pads.iter().enumerate() {
            let extent = (w_shape[i + 2] - 1) * case.dilations[i] + 1;
            let steps = (x_shape[i + 2] + begin + end - extent) / case.strides[i];
            prop_assert_eq!(shape[i + 2], steps + 1);
        }
        prop_assert_eq!(got, naive_conv(&case, &shape));
    }
}

#[test]
fn contractions_reach_the_ends_of_their_ranges_and_no_further() {
    for (a_range, b_range) in [
        (Range::signed(8), Range::signed(8)),
        (Range::new(-128, 127), Range::new(-128, 127)),
        (Range::unsigned(15), Range::twos(16)),
        (Range::new(3, 5), Range::new(-4, -2)),
    ] {
        let k = 300_u32;
        let ends = |range: Range| [range.lo as i32, range.hi as i32];
        let mut seen = Vec::new();
        for a in ends(a_range) {
            for b in ends(b_range) {
                let (a, b) = (vec![a; k as usize], vec![b; k as usize]);
                let (_, range, got) =
                    run((&[1, k], a_range, &a), (&[k, 1], b_range, &b), |a, b| {
                        Op::MatMul(MatMul {
                            a,
                            b,
                            transpose_b: false,
                        })
                    });
                seen.push((range, got[0]));
            }
        }
        let range = seen[0].0;
        assert!(seen.iter().any(|&(_, v)| v == range.lo), "{range}");
        assert!(seen.iter().any(|&(_, v)| v == range.hi), "{range}");
    }
}

#[test]
fn padding_puts_zero_into_the_range() {
    let conv = |pads| {
        move |x, w| {
            Op::Conv(Conv {
                x,
                w,
                strides: vec![1],
                pads: vec![pads],
                dilations: vec![1],
                groups: 1,
            })
        }
    };
    let (x, w) = (Range::new(2, 3), Range::new(4, 5));
    let run = |pads| {
        run(
            (&[1, 1, 3], x, &[2, 3, 2]),
            (&[1, 1, 2], w, &[4, 5]),
            conv(pads),
        )
    };
    let (_, range, got) = run((0, 0));
    assert_eq!((range, got), (Range::new(16, 30), vec![23, 22]));
    let (_, range, got) = run((1, 1));
    assert_eq!((range, got), (Range::new(0, 30), vec![10, 23, 22, 8]));
}
