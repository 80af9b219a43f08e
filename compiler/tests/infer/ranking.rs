//! ArgMax, ArgMin and TopK: the integer graph against a definition by sorting, with many equal
//! elements.

use super::{only, quantize};
use crate::common::{Net, int, value_info};
use nascent_compiler::infer::{Compiled, InferError, Model, Options, Samples, compile};
use nascent_ir::eval;
use proptest::prelude::*;
use tract_onnx::pb::AttributeProto;

/// A model of one node over an input of this shape.
fn net(op: &str, shape: &[i64], k: Option<i64>, attrs: Vec<AttributeProto>) -> Net {
    let mut net = Net::new();
    net.graph().input[0] = value_info("x", shape);
    match k {
        Some(k) => net
            .ints("k", &[k])
            .node_with(op, "x k", "values indices", attrs)
            .output("values")
            .output("indices"),
        None => net.node_with(op, "x", "y", attrs).output("y"),
    }
}

/// Samples whose range is `[-1, 1]`, so that the integers are those of 8 bits.
fn samples(shape: &[i64]) -> Samples {
    let shape: Vec<usize> = shape.iter().map(|&dim| dim as usize).collect();
    let count: usize = shape.iter().product();
    let values = (0..count).map(|i| if i % 2 == 0 { 1.0 } else { -1.0 });
    only(&shape, values.collect())
}

fn run(compiled: &Compiled, input: &[i32]) -> Vec<Vec<i64>> {
    let values = eval(&compiled.graph, &compiled.params, &[input.to_vec()]).unwrap();
    values.outputs().map(|slice| slice.to_vec()).collect()
}

/// Row-major rows of an axis: for each, the positions of its elements.
fn rows(shape: &[i64], axis: usize) -> Vec<Vec<usize>> {
    let inner: usize = shape[axis + 1..].iter().map(|&dim| dim as usize).product();
    let outer: usize = shape[..axis].iter().map(|&dim| dim as usize).product();
    let dim = shape[axis] as usize;
    let row = |o: usize, i: usize| (0..dim).map(|d| (o * dim + d) * inner + i).collect();
    (0..outer)
        .flat_map(|o| (0..inner).map(move |i| (o, i)))
        .map(|(o, i)| row(o, i))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn positions_are_those_of_the_definition(
        shape in proptest::collection::vec(1_i64..6, 1..4),
        axis in any::<prop::sample::Index>(),
        (largest, last, keep, negative) in any::<(bool, bool, bool, bool)>(),
        numbers in proptest::collection::vec(-3_i32..4, 125),
    ) {
        let axis = axis.index(shape.len());
        let named = axis as i64 - if negative { shape.len() as i64 } else { 0 };
        let attrs = vec![
            int("axis", named),
            int("keepdims", keep.into()),
            int("select_last_index", last.into()),
        ];
        let op = if largest { "ArgMax" } else { "ArgMin" };
        let compiled = quantize(&net(op, &shape, None, attrs).bytes(), &samples(&shape)).unwrap();
        let input = &numbers[..shape.iter().product::<i64>() as usize];
        let expected: Vec<i64> = rows(&shape, axis).iter().map(|row| {
            let value = |&at: &usize| if largest { input[at] } else { -input[at] };
            let most = row.iter().map(value).max().unwrap();
            let mut equal = (0..row.len()).filter(|&i| value(&row[i]) == most);
            (if last { equal.next_back() } else { equal.next() }).unwrap() as i64
        }).collect();
        prop_assert_eq!(&run(&compiled, input), &[expected]);
        let port = &compiled.outputs[0];
        prop_assert_eq!(port.scale, 1.0);
        prop_assert_eq!(port.range, (0, shape[axis] - 1));
        let mut dims: Vec<usize> = shape.iter().map(|&dim| dim as usize).collect();
        if keep { dims[axis] = 1 } else { dims.remove(axis); }
        prop_assert_eq!(&port.shape, &dims);
    }

    #[test]
    fn the_greatest_are_those_of_a_stable_sort(
        shape in proptest::collection::vec(1_i64..6, 1..4),
        axis in any::<prop::sample::Index>(),
        k in any::<prop::sample::Index>(),
        largest in any::<bool>(),
        numbers in proptest::collection::vec(-3_i32..4, 125),
        extreme in any::<bool>(),
    ) {
        let axis = axis.index(shape.len());
        let k = k.index(shape[axis] as usize) + 1;
        let attrs = vec![int("axis", axis as i64), int("largest", largest.into())];
        let net = net("TopK", &shape, Some(k as i64), attrs);
        let compiled = quantize(&net.bytes(), &samples(&shape)).unwrap();
        let (lo, hi) = compiled.inputs[0].range;
        let mut input = numbers[..shape.iter().product::<i64>() as usize].to_vec();
        if extreme {
            // Only the ends of the range: what is gone must stay below the least of them.
            input.iter_mut().for_each(|v| *v = if *v < 0 { lo as i32 } else { hi as i32 });
        }
        let count = input.len() / shape[axis] as usize * k;
        let (mut values, mut indices) = (vec![0; count], vec![0; count]);
        let mut out = shape.clone();
        out[axis] = k as i64;
        for (row, made) in rows(&shape, axis).iter().zip(rows(&out, axis)) {
            let mut order: Vec<usize> = (0..row.len()).collect();
            order.sort_by_key(|&i| if largest { -input[row[i]] } else { input[row[i]] });
            for (&i, at) in order.iter().zip(made) {
                (values[at], indices[at]) = (i64::from(input[row[i]]), i as i64);
            }
        }
        prop_assert_eq!(run(&compiled, &input), [values, indices]);
        prop_assert_eq!(compiled.outputs[0].scale, compiled.inputs[0].scale);
    }
}

/// Longer rows count in two digits.
#[test]
fn long_rows() {
    for width in [16_i64, 17, 100, 1000, 2047] {
        let shape = [2, width];
        let attrs = vec![int("axis", 1)];
        let compiled = quantize(
            &net("ArgMax", &shape, None, attrs).bytes(),
            &samples(&shape),
        )
        .unwrap();
        for at in [0, 1, width / 2, width - 1] {
            let mut input = vec![5; 2 * width as usize];
            input[at as usize] = 6;
            input[width as usize + at as usize] = 6;
            assert_eq!(run(&compiled, &input), [[at, at]], "{width}");
        }
    }
}

#[test]
fn what_cannot_be_ranked_is_refused() {
    let long = [1, 32_768];
    let refused = |net: &Net, shape: &[i64]| quantize(&net.bytes(), &samples(shape)).unwrap_err();
    let attrs = || vec![int("axis", 1)];
    let error = refused(&net("ArgMax", &long, None, attrs()), &long);
    assert!(matches!(error, InferError::Range { .. }), "{error}");
    assert!(error.to_string().contains("32,767"), "{error}");
    for k in [0, -1, 4, i64::MAX] {
        let error = refused(&net("TopK", &[1, 3], Some(k), attrs()), &[1, 3]);
        assert!(error.to_string().contains("expected 1 to 3"), "{error}");
    }
    let mut old = net("ArgMax", &[1, 3], None, vec![int("select_last_index", 1)]);
    old.model.opset_import[0].version = 11;
    let error = refused(&old, &[1, 3]);
    assert!(matches!(error, InferError::Attribute { .. }), "{error}");
}

/// An index is exact: it chooses a row, or becomes a number; arithmetic with it is refused.
#[test]
fn what_an_index_can_do() {
    let base = || {
        let mut net = Net::new();
        net.graph().input[0] = value_info("x", &[2, 5]);
        net.node_with("ArgMax", "x", "i", vec![int("axis", 1), int("keepdims", 0)])
    };
    let input = [1, 9, 3, 4, 5, 7, 6, 5, 4, 3];
    let chosen = base()
        .weight("rows", &[5, 2])
        .node("Gather", "rows i", "e")
        .node_with("Cast", "i", "y", vec![int("to", 1)])
        .output("e")
        .output("y");
    let compiled = quantize(&chosen.bytes(), &samples(&[2, 5])).unwrap();
    let outputs = run(&compiled, &input);
    assert_eq!(outputs[1], [1, 0]);
    assert_eq!(
        compiled.outputs[1].dequantize(outputs[1].clone()),
        [1.0, 0.0]
    );
    assert_eq!(outputs[0].len(), 4);

    let few = base()
        .weight("rows", &[4, 2])
        .node("Gather", "rows i", "y")
        .output("y");
    let error = quantize(&few.bytes(), &samples(&[2, 5])).unwrap_err();
    assert!(error.to_string().contains("has 4 rows"), "{error}");
    let one = base()
        .ints("one", &[1])
        .node("Add", "i one", "y")
        .output("y");
    let error = quantize(&one.bytes(), &samples(&[2, 5])).unwrap_err();
    assert!(matches!(error, InferError::Form { .. }), "{error}");
    let flag = base()
        .node_with("Cast", "i", "y", vec![int("to", 9)])
        .output("y");
    assert!(quantize(&flag.bytes(), &samples(&[2, 5])).is_err());
}

/// Values that are ranked have the bits of outputs, also where a view stands between; and the report
/// counts indices that differ.
#[test]
fn what_is_ranked_is_fine() {
    let net = |swap: bool| {
        let mut net = Net::new().weight("w", &[8, 6]);
        let data = &mut net.graph().initializer[0].float_data;
        for (at, value) in data.iter_mut().enumerate() {
            *value = ((at * 37 % 101) as f32 - 50.0) / 100.0;
        }
        net.graph().input[0] = value_info("x", &[4, 8]);
        let net = net.node("MatMul", "x w", "h");
        let axis = i64::from(!swap);
        net.node_with("ArgMax", "h", "y", vec![int("axis", axis)])
            .output("y")
    };
    for swap in [false, true] {
        let mut options = Options::default();
        options.table_bits = Some(14);
        let bytes = net(swap).bytes();
        let compiled = compile(&Model::new(&bytes), &options, &Samples::default()).unwrap();
        let first = &compiled.report.layers[0];
        assert_eq!(first.range, (-2047, 2047), "{}", compiled.report);
        let last = compiled.report.layers.last().unwrap();
        assert_eq!(last.operators, ["ArgMax"]);
        assert!(last.max_error == 0.0 || last.max_error == 1.0);
    }
}
