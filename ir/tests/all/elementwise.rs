//! `Map`, folds, `Divide`, `Embed` against their equations.

use crate::common::{assert_in_range, indices, under};
use nascent_ir::{
    Builder, Divide, Embed, EvalError, Fault, GraphError, Map, Multiplier, Op, Params, Pre, Range,
    Table, TensorId, View, eval,
};
use proptest::prelude::*;

/// `floor((v * m + half) / 2^(2 t))` with a floor division that is not a shift.
fn requantize(v: i128, multiplier: i128, t: u8) -> i64 {
    let unit = 1_i128 << (2 * t);
    (v * multiplier + unit / 2).div_euclid(unit) as i64
}

fn bytes(len: usize) -> impl Strategy<Value = Vec<i32>> {
    prop::collection::vec(prop_oneof![Just(-127), Just(127), -127..=127], len)
}

const SHAPE: [u32; 3] = [2, 3, 4];

/// A shape broadcast to [`SHAPE`], and values for it.
fn smaller(range: std::ops::RangeInclusive<i32>) -> impl Strategy<Value = (Vec<u32>, Vec<i32>)> {
    (0_usize..=3, prop::collection::vec(any::<bool>(), 3)).prop_flat_map(move |(rank, ones)| {
        let axes = (3 - rank)..3;
        let shape: Vec<u32> = axes.map(|i| if ones[i] { 1 } else { SHAPE[i] }).collect();
        let len = shape.iter().product::<u32>() as usize;
        let values = prop::collection::vec(range.clone(), len);
        values.prop_map(move |values| (shape.clone(), values))
    })
}

/// Saturation to 8 bits of a 16-bit argument with 4 bits of fraction.
fn saturate() -> Table {
    Table::identity(Range::new(-(1 << 15), (1 << 15) - 1), 4, Range::signed(8))
}

/// A table over `t` bits that is neither monotone nor symmetric, to see every argument.
fn odd_table(t: u8) -> Table {
    Table::from_fn("odd", Range::twos(t.into()), |q| {
        (q * 37).rem_euclid(1013) - 500
    })
}

proptest! {
    #[test]
    fn linear_map(
        x in bytes(24),
        (b_shape, b_values) in smaller(-40_000..=40_000),
        (m_shape, m_values) in smaller(1..=i32::MAX),
        (ca, cb, c) in (-300_i32..300, -3_i32..3, -5_000_i64..5_000),
        t in 12_u8..=16,
        (kind, assumes_bound) in (0..3, any::<bool>()),
    ) {
        // Of `2 t - 1` bits, the last case the largest of all.
        let m_values: Vec<i32> = m_values.iter().map(|m| (m >> (32 - 2 * t)).max(1)).collect();
        let largest = (1_u32 << (2 * t - 1)) - 1;
        let mut b = Builder::new("linear", t);
        let x_id = b.input("x", &SHAPE, Range::signed(8)).unwrap();
        let bias = b.param("bias", &b_shape, Range::new(-40_000, 40_000)).unwrap();
        let m = b.param("m", &m_shape, Range::new(1, largest.into())).unwrap();
        let odd = odd_table(t);
        let table = b.table(odd.clone());
        let pre = Pre::Linear { a: x_id, ca, b: Some((bias, cb)), c };
        let constant = 777 << (2 * t - 12);
        let map = match kind {
            0 => Map::exact(pre, table),
            1 => Map::requantize(pre, Multiplier::Const(constant), table, t),
            _ => Map::requantize(pre, Multiplier::Param(m), table, t),
        };
        let map = if assumes_bound { map.assuming_bound() } else { map };
        let y = match b.push("y", Op::Map(map)) {
            Ok(y) => y,
            Err(GraphError::Node { fault: Fault::Domain { lo, hi, domain }, .. }) => {
                prop_assert!(lo < i128::from(domain.lo) || hi > i128::from(domain.hi));
                return Ok(());
            }
            Err(other) => return Err(TestCaseError::fail(other.to_string())),
        };
        let graph = b.finish(&[y]).unwrap();
        let mut params = Params::default();
        params.values.insert(bias, b_values.clone());
        params.values.insert(m, m_values.clone());
        let inputs = [x.clone()];
        let got = eval(&graph, &params, &inputs);
        let q: Vec<i64> = indices(&SHAPE).iter().enumerate().map(|(i, index)| {
            let bias = i128::from(b_values[under(&b_shape, index)]);
            let pre = i128::from(x[i]) * i128::from(ca) + bias * i128::from(cb) + i128::from(c);
            match kind {
                0 => pre as i64,
                1 => requantize(pre, constant.into(), t),
                _ => requantize(pre, m_values[under(&m_shape, index)].into(), t),
            }
        }).collect();
        match q.iter().position(|&q| odd.get(q).is_none()) {
            None => {
                let values = got.unwrap();
                assert_in_range(&graph, &values);
                let expected: Vec<i64> = q.iter().map(|&q| odd.get(q).unwrap().into()).collect();
                prop_assert_eq!(values.get(y).to_vec(), expected);
            }
            Some(first) => match got.map(|_| ()) {
                Err(EvalError::OutOfTable { node, index, got, domain }) => {
                    prop_assert!(assumes_bound);
                    prop_assert_eq!((node.name.as_str(), index, got), ("y", first, q[first]));
                    prop_assert_eq!(domain, odd.domain());
                }
                other => prop_assert!(false, "{:?}", other),
            },
        }
    }

    #[test]
    fn product_map(
        a in bytes(24),
        (b_shape, b_values) in smaller(-127..=127),
        multiplier in prop_oneof![Just(0), 1_u32..1 << 31],
    ) {
        let mut b = Builder::new("product", 16);
        let x = b.input("a", &SHAPE, Range::signed(8)).unwrap();
        let z = b.input("b", &b_shape, Range::signed(8)).unwrap();
        let odd = odd_table(16);
        let table = b.table(odd.clone());
        let mut map = |name: &str, a: TensorId, b_id: TensorId| {
            let pre = Pre::Product { a, b: b_id };
            let op = match multiplier {
                0 => Map::exact(pre, table),
                m => Map::requantize(pre, Multiplier::Const(m), table, 16),
            };
            b.push(name, Op::Map(op)).unwrap()
        };
        let (y, square) = (map("y", x, z), map("square", x, x));
        let graph = b.finish(&[y, square]).unwrap();
        let params = Params::default();
        let values = eval(&graph, &params, &[a.clone(), b_values.clone()]).unwrap();
        assert_in_range(&graph, &values);
        for (i, index) in indices(&SHAPE).iter().enumerate() {
            let other = b_values[under(&b_shape, index)];
            for (id, other) in [(y, other), (square, a[i])] {
                let product = i128::from(a[i]) * i128::from(other);
                let q = match multiplier {
                    0 => product as i64,
                    m => requantize(product, m.into(), 16),
                };
                prop_assert_eq!(values.get(id).at(i), i64::from(odd.get(q).unwrap()));
            }
        }
    }

    #[test]
    fn folds(x in bytes(24)) {
        let mut b = Builder::new("folds", 16);
        let x_id = b.input("x", &SHAPE, Range::signed(8)).unwrap();
        let max = b.push("max", Op::FoldMax { x: x_id }).unwrap();
        let sum = b.push("sum", Op::FoldSum { x: x_id }).unwrap();
        let graph = b.finish(&[max]).unwrap();
        let params = Params::default();
        let values = eval(&graph, &params, std::slice::from_ref(&x)).unwrap();
        assert_in_range(&graph, &values);
        prop_assert_eq!(&graph.tensor(max).shape, &[2, 3, 1]);
        prop_assert_eq!(&graph.tensor(sum).shape, &[2, 3, 1]);
        prop_assert_eq!(graph.tensor(sum).range, Range::new(-4 * 127, 4 * 127));
        for (i, row) in x.chunks(4).enumerate() {
            let (mut most, mut total) = (i64::MIN, 0);
            for &v in row {
                most = most.max(v.into());
                total += i64::from(v);
            }
            prop_assert_eq!(values.get(max).at(i), most);
            prop_assert_eq!(values.get(sum).at(i), total);
        }
    }

    #[test]
    fn divide(
        num in prop::collection::vec(0..=255, 24),
        (d_shape, den) in smaller(3..=255),
        factor in 1_i64..=385,
    ) {
        let mut b = Builder::new("divide", 16);
        let n = b.input("num", &SHAPE, Range::unsigned(8)).unwrap();
        let d = b.input("den", &d_shape, Range::new(3, 255)).unwrap();
        let y = b.push("y", Op::Divide(Divide { num: n, den: d, factor })).unwrap();
        let graph = b.finish(&[y]).unwrap();
        let params = Params::default();
        let values = eval(&graph, &params, &[num.clone(), den.clone()]).unwrap();
        assert_in_range(&graph, &values);
        for (i, index) in indices(&SHAPE).iter().enumerate() {
            let (n, d) = (i64::from(num[i]), i64::from(den[under(&d_shape, index)]));
            let y = values.get(y).at(i);
            prop_assert!(y * d <= n * factor && n * factor < (y + 1) * d);
        }
    }

    #[test]
    fn embed(ids in prop::collection::vec(0..5, 6), table in bytes(15)) {
        let mut b = Builder::new("embed", 16);
        let i = b.input("ids", &[2, 3], Range::new(0, 4)).unwrap();
        let t = b.param("table", &[5, 3], Range::signed(8)).unwrap();
        let y = b.push("y", Op::Embed(Embed { table: t, ids: i })).unwrap();
        let graph = b.finish(&[y]).unwrap();
        let mut params = Params::default();
        params.values.insert(t, table.clone());
        let values = eval(&graph, &params, std::slice::from_ref(&ids)).unwrap();
        prop_assert_eq!(&graph.tensor(y).shape, &[2, 3, 3]);
        let expected: Vec<i64> = (ids.iter())
            .flat_map(|&id| &table[id as usize * 3..][..3])
            .map(|&v| v.into())
            .collect();
        prop_assert_eq!(values.get(y).to_vec(), expected);
    }
}

/// A table of more rows than a narrow number can count.
#[test]
fn embed_by_a_wide_index() {
    let rows = 1000;
    let mut b = Builder::new("vocabulary", 8);
    let i = b
        .input("ids", &[2], Range::new(0, i64::from(rows) - 1))
        .unwrap();
    let t = b.param("table", &[rows, 1], Range::new(-128, 127)).unwrap();
    let y = b.push("y", Op::Embed(Embed { table: t, ids: i })).unwrap();
    let graph = b.finish(&[y]).unwrap();
    let mut params = Params::default();
    let table = (0..rows as i32).map(|row| row % 256 - 128).collect();
    params.values.insert(t, table);
    let values = eval(&graph, &params, &[vec![999, 300]]).unwrap();
    assert_eq!(values.get(y).to_vec(), [999 % 256 - 128, 300 % 256 - 128]);
}

#[test]
fn the_half_is_rounded_up_for_negative_numbers_too() {
    for t in [6, 12, 16] {
        let mut b = Builder::new("round", t);
        let x = b.input("x", &[8], Range::signed(4)).unwrap();
        let table = b.table(Table::identity(Range::signed(4), 0, Range::signed(4)));
        let quarter = Multiplier::Const(1 << (2 * t - 2));
        let map = Map::requantize(Pre::of(x), quarter, table, t);
        let y = b.push("y", Op::Map(map)).unwrap();
        let graph = b.finish(&[y]).unwrap();
        let params = Params::default();
        let inputs = [vec![-7, -6, -5, -3, -2, 1, 2, 6]];
        let values = eval(&graph, &params, &inputs).unwrap();
        assert_eq!(values.get(y).to_vec(), [-2, -1, -1, -1, 0, 0, 1, 2]);
    }
}

/// The largest product of all: 62 bits times 31 bits.
#[test]
fn large_arguments_do_not_wrap() {
    let mut b = Builder::new("large", 16);
    let x = b.input("x", &[2], Range::new(-1, 1)).unwrap();
    let table = b.table(Table::identity(Range::twos(16), 0, Range::twos(16)));
    let c = (1 << 60) - 1;
    let pre = Pre::Linear {
        a: x,
        ca: i32::MAX,
        b: Some((x, i32::MAX)),
        c,
    };
    let multiplier = Multiplier::Const((1 << 31) - 1);
    let map = Map::requantize(pre, multiplier, table, 16).assuming_bound();
    // All arguments are far outside of the table, so nothing but a wrap could bring them back.
    let fault = b.push("y", Op::Map(map)).unwrap_err();
    match fault {
        GraphError::Node {
            fault: Fault::Domain { lo, hi, .. },
            ..
        } => {
            let at = |x: i128| {
                let pre = 2 * x * i128::from(i32::MAX) + i128::from(c);
                (pre * ((1 << 31) - 1) + (1 << 31)).div_euclid(1 << 32)
            };
            assert_eq!((lo, hi), (at(-1), at(1)));
        }
        other => panic!("{other:?}"),
    }
}

/// The same, found by the evaluator.
#[test]
fn large_arguments_are_reported_as_they_are() {
    let mut b = Builder::new("large", 16);
    let x = b.input("x", &[2], Range::new(0, 1 << 14)).unwrap();
    let z = b.input("z", &[2], Range::new(0, 1 << 14)).unwrap();
    let table = b.table(Table::identity(Range::twos(16), 0, Range::twos(16)));
    let pre = Pre::Linear {
        a: x,
        ca: i32::MAX,
        b: Some((z, i32::MAX)),
        c: 0,
    };
    let map = Map::requantize(pre, Multiplier::Const((1 << 31) - 1), table, 16);
    let y = b.push("y", Op::Map(map.assuming_bound())).unwrap();
    let graph = b.finish(&[y]).unwrap();
    let params = Params::default();
    let inputs = [vec![0, 1 << 14], vec![0, 1 << 14]];
    match eval(&graph, &params, &inputs) {
        Err(EvalError::OutOfTable { index: 1, got, .. }) => {
            let pre = i128::from(i32::MAX) << 15;
            assert_eq!(got, requantize(pre, (1 << 31) - 1, 16));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn tables_saturate_and_drop_their_headroom() {
    let table = saturate();
    let at = |q| table.get(q).unwrap();
    assert_eq!(
        [at(-8), at(-9), at(7), at(8), at(23), at(24)],
        [0, -1, 0, 1, 1, 2]
    );
    assert_eq!(
        [at(2039), at(2040), at(32767), at(-32768)],
        [127, 127, 127, -127]
    );
    assert_eq!(table.get(32768), None);
    assert_eq!(table.get(-32769), None);
    assert_eq!(table.image(Range::new(-100, 100)), Some(Range::new(-6, 6)));
    assert_eq!(table.image(Range::new(40_000, 50_000)), None);
    let relu = Table::relu(Range::new(-100, 5000), 4, Range::signed(8));
    assert_eq!(relu.get(-100), Some(0));
    assert_eq!(relu.get(5000), Some(127));
    assert_eq!(relu.get(24), Some(2));
}

#[test]
fn real_functions_are_rounded_and_saturated_at_infinities() {
    let domain = Range::new(-4, 4);
    let table = |f: fn(f64) -> f64| Table::real("f", domain, 0.5, 0.25, Range::signed(8), f);
    // Real 0.5 q over 0.25: twice the argument.
    assert_eq!(table(|x| x).values, [-8, -6, -4, -2, 0, 2, 4, 6, 8]);
    assert_eq!(table(f64::recip).values, [-2, -3, -4, -8, 127, 8, 4, 3, 2]);
    assert_eq!(table(f64::sqrt).values[..5], [0, 0, 0, 0, 0]);
    assert_eq!(table(f64::ln).values[4], -127);
}

#[test]
fn out_of_table_is_an_error_and_the_edges_are_not() {
    let mut b = Builder::new("edge", 16);
    let x = b.input("x", &[2], Range::signed(8)).unwrap();
    let table = b.table(Table::identity(Range::new(-3, 5), 0, Range::signed(8)));
    let map = Map::exact(Pre::of(x), table).assuming_bound();
    let y = b.push("y", Op::Map(map)).unwrap();
    let graph = b.finish(&[y]).unwrap();
    let params = Params::default();
    assert_eq!(graph.tensor(y).range, Range::new(-3, 5));
    assert!(eval(&graph, &params, &[vec![-3, 5]]).is_ok());
    for (value, index) in [(-4, 0), (6, 1)] {
        let mut input = vec![0, 0];
        input[index] = value;
        match eval(&graph, &params, &[input]) {
            Err(EvalError::OutOfTable { index: at, got, .. }) => {
                assert_eq!((at, got), (index, i64::from(value)));
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Sums wider than a table, in the places that take them.
#[test]
fn sums_and_their_views_can_be_wide() {
    let mut b = Builder::new("sums", 8);
    let x = b.input("x", &[2, 300], Range::signed(8)).unwrap();
    let bias = b.param("bias", &[2], Range::twos(16)).unwrap();
    let sum = b.push("sum", Op::FoldSum { x }).unwrap();
    let flat = View::Reshape {
        x: sum,
        shape: vec![2],
    };
    let flat = b.push("flat", Op::View(flat)).unwrap();
    let twice = View::Concat {
        xs: vec![flat, bias],
        axis: 0,
    };
    let twice = b.push("twice", Op::View(twice)).unwrap();
    let total = b.push("total", Op::FoldSum { x: twice }).unwrap();
    let table = b.table(Table::identity(Range::twos(8), 0, Range::twos(8)));
    let pre = Pre::Linear {
        a: flat,
        ca: 1,
        b: Some((total, -1)),
        c: 0,
    };
    let map = Map::requantize(pre, Multiplier::Const(1 << 5), table, 8).assuming_bound();
    let y = b.push("y", Op::Map(map)).unwrap();
    let graph = b.finish(&[y]).unwrap();
    assert_eq!(graph.tensor(flat).range, Range::new(-38_100, 38_100));
    assert_eq!(graph.tensor(twice).range, Range::new(-38_100, 38_100));
    let mut params = Params::default();
    params.values.insert(bias, vec![-32_768, 32_767]);
    let input = [vec![127; 300], vec![-127; 300]].concat();
    let inputs = [input];
    let values = eval(&graph, &params, &inputs).unwrap();
    assert_eq!(
        values.get(twice).to_vec(),
        [38_100, -38_100, -32_768, 32_767]
    );
    assert_eq!(values.get(total).to_vec(), [-1]);
    // 38101 / 2048 and -38099 / 2048.
    assert_eq!(values.get(y).to_vec(), [19, -19]);
}
