//! Random small graphs: the layout is sound by itself, the output is the reference's, and all
//! constraints hold.

use std::collections::BTreeSet;

use nascent_circuits::inference::Hidden;
use nascent_circuits::inference::plan::rows::Lanes;
use nascent_ir::{
    Builder, Conv, Divide, Map, MatMul, Multiplier, Op, Params, Pre, Range, Table, TableId,
    TensorId, View,
};
use proptest::prelude::*;

use crate::graphs::{BITS, Case};
use crate::harness::{Forgery, Model};

/// Numbers that decide everything.
struct Dice<'a> {
    numbers: &'a [u32],
    at: usize,
}

impl Dice<'_> {
    /// In `least..=most`.
    fn roll(&mut self, least: u32, most: u32) -> u32 {
        self.at += 1;
        let number = self.numbers[self.at % self.numbers.len()];
        least + number.wrapping_add(self.at as u32 * 7919) % (most - least + 1)
    }

    fn values(&mut self, count: usize, half: i32) -> Vec<i32> {
        (0..count)
            .map(|_| self.roll(0, 2 * half as u32) as i32 - half)
            .collect()
    }
}

struct Maker<'a> {
    dice: Dice<'a>,
    builder: Builder,
    params: Params,
    clamp: TableId,
    positive: TableId,
    current: TensorId,
    convolutions: Vec<TensorId>,
}

impl<'a> Maker<'a> {
    fn new(name: &str, numbers: &'a [u32], shape: impl FnOnce(&mut Dice<'_>) -> Vec<u32>) -> Self {
        let mut dice = Dice { numbers, at: 0 };
        let mut builder = Builder::new(name, BITS);
        let domain = Range::new(-128, 127);
        let clamp = builder.table(Table::identity(domain, 4, Range::new(-8, 7)));
        let positive = Table::from_fn("positive", domain, |q| 1 + (q * q) % 9);
        let positive = builder.table(positive);
        let range = Range::new(-8, 7);
        let current = builder.input("x", &shape(&mut dice), range).expect("valid");
        Self {
            dice,
            builder,
            params: Params::default(),
            clamp,
            positive,
            current,
            convolutions: Vec::new(),
        }
    }

    /// Another input, of another range, taken from what there is.
    fn subtract_input(&mut self) {
        let shape = self.shape(self.current);
        let range = Range::new(0, self.dice.roll(1, 60).into());
        let y = self.builder.input("y", &shape, range).expect("valid");
        let pre = Pre::Linear {
            a: self.current,
            ca: 1,
            b: Some((y, -1)),
            c: 0,
        };
        let map = Map::exact(pre, self.clamp);
        self.current = self.push(Op::Map(map)).expect("valid");
    }

    fn shape(&self, id: TensorId) -> Vec<u32> {
        self.builder.info(id).shape.clone()
    }

    fn param(&mut self, shape: &[u32], half: i32) -> TensorId {
        let range = Range::new((-half).into(), half.into());
        let id = self.builder.param("w", shape, range).expect("valid");
        let count = shape.iter().product::<u32>() as usize;
        let values = self.dice.values(count, half);
        self.params.values.insert(id, values);
        id
    }

    /// Applies an operator if the graph takes it.
    fn push(&mut self, op: Op) -> Option<TensorId> {
        self.builder.push("node", op).ok()
    }

    /// A result back to narrow, by a multiplier that its range allows, with a bias or without.
    fn round(&mut self, a: TensorId) -> TensorId {
        let shape = self.shape(a);
        let bias = (self.dice.roll(0, 1) == 1).then(|| {
            let channels = *shape.get(1).unwrap_or(&1);
            let dims = match shape.len() {
                4 => vec![channels, 1, 1],
                3 => vec![1, 1],
                _ => vec![*shape.last().unwrap_or(&1)],
            };
            self.param(&dims, 40)
        });
        let most = self.most(a) + 41;
        let pre = Pre::Linear {
            a,
            ca: 1,
            b: bias.map(|b| (b, 1)),
            c: 0,
        };
        // Only the rows of a convolution's result have a channel each.
        let channels = match shape[..] {
            [_, channels, _, _] if self.is_convolution(a) => channels,
            _ => 1,
        };
        let dims = [channels, 1, 1];
        self.requantize(pre, most, &dims[..shape.len().min(3)])
    }

    fn is_convolution(&self, id: TensorId) -> bool {
        self.convolutions.contains(&id)
    }

    /// Largest magnitude of a tensor.
    fn most(&self, id: TensorId) -> i64 {
        let range = self.builder.info(id).range;
        range.lo.abs().max(range.hi).max(1)
    }

    /// Back to narrow, by a multiplier that numbers up to `most` allow: a constant, or a parameter.
    fn requantize(&mut self, pre: Pre, most: i64, dims: &[u32]) -> TensorId {
        let most = ((127 << (2 * BITS)) / most).clamp(1, 32_767) as u32;
        let multiplier = match self.dice.roll(0, 2) {
            0 => {
                let range = Range::new(1, most.into());
                let id = self.builder.param("m", dims, range).expect("valid");
                let count = dims.iter().product::<u32>();
                let values = (0..count).map(|_| self.dice.roll(1, most) as i32);
                self.params.values.insert(id, values.collect());
                Multiplier::Param(id)
            }
            _ => Multiplier::Const(most),
        };
        let map = Map {
            pre,
            multiplier,
            shift: 2 * BITS,
            table: self.clamp,
            assumes_bound: true,
        };
        let made = self.builder.push("node", Op::Map(map));
        made.expect("valid")
    }

    fn convolution(&mut self) {
        let [_, channels, height, width] = self.shape(self.current)[..] else {
            return;
        };
        let groups = match self.dice.roll(0, 3) {
            0 => channels,
            1 if channels % 2 == 0 => 2,
            _ => 1,
        };
        let outputs = groups * self.dice.roll(1, 2);
        let kernel = [self.dice.roll(1, 3), self.dice.roll(1, 3)];
        let dilations = vec![self.dice.roll(1, 2), self.dice.roll(1, 2)];
        let pads = (0..2)
            .map(|i| {
                let reach = (kernel[i] - 1) * dilations[i];
                (self.dice.roll(0, reach), self.dice.roll(0, reach))
            })
            .collect::<Vec<_>>();
        let fits =
            |size: u32, i: usize| size + pads[i].0 + pads[i].1 > (kernel[i] - 1) * dilations[i];
        if !fits(height, 0) || !fits(width, 1) {
            return;
        }
        let strides = vec![self.dice.roll(1, 3), self.dice.roll(1, 3)];
        let w = self.param(&[outputs, channels / groups, kernel[0], kernel[1]], 7);
        let x = self.current;
        let conv = Conv {
            x,
            w,
            strides,
            pads,
            dilations,
            groups,
        };
        if let Some(y) = self.push(Op::Conv(conv)) {
            self.convolutions.push(y);
            self.current = self.round(y);
        }
    }

    /// Two dimensions, then a product of matrices.
    fn product(&mut self) {
        let shape = self.shape(self.current);
        let inner = *shape.last().unwrap_or(&1);
        let rows = shape.iter().product::<u32>() / inner;
        let flat = View::Reshape {
            x: self.current,
            shape: vec![rows, inner],
        };
        let Some(a) = self.push(Op::View(flat)) else {
            return;
        };
        let columns = self.dice.roll(1, 7);
        let transpose_b = self.dice.roll(0, 1) == 1;
        let dims = if transpose_b {
            [columns, inner]
        } else {
            [inner, columns]
        };
        let b = self.param(&dims, 7);
        if let Some(y) = self.push(Op::MatMul(MatMul { a, b, transpose_b })) {
            self.current = self.round(y);
        }
    }

    /// A tensor with its own transpose.
    fn square(&mut self) {
        let a = self.current;
        if self.shape(a).len() > 3 {
            return;
        }
        if let Some(y) = self.push(Op::MatMul(MatMul {
            a,
            b: a,
            transpose_b: true,
        })) {
            self.current = self.round(y);
        }
    }

    fn fold(&mut self) {
        let x = self.current;
        let max = self.dice.roll(0, 1) == 1;
        let op = if max {
            Op::FoldMax { x }
        } else {
            Op::FoldSum { x }
        };
        let Some(y) = self.push(op) else { return };
        let y = self.round(y);
        // Back to the shape of the operand, as a difference.
        let map = Map {
            pre: Pre::Linear {
                a: x,
                ca: 1,
                b: Some((y, -1)),
                c: 2,
            },
            multiplier: Multiplier::One,
            shift: 0,
            table: self.clamp,
            assumes_bound: true,
        };
        self.current = self.push(Op::Map(map)).unwrap_or(y);
    }

    /// Numbers from 1 to 9.
    fn positive(&mut self) -> TensorId {
        let map = Map::exact(Pre::of(self.current), self.positive);
        self.push(Op::Map(map)).expect("valid")
    }

    fn divide(&mut self) {
        let num = self.positive();
        let den = match self.dice.roll(0, 2) {
            0 => self.push(Op::FoldSum { x: num }),
            1 => {
                let last = *self.shape(num).last().unwrap_or(&1);
                let range = Range::new(1, 200);
                let id = self.builder.param("d", &[last], range).expect("valid");
                let values = (0..last).map(|_| self.dice.roll(1, 200) as i32);
                self.params.values.insert(id, values.collect());
                Some(id)
            }
            _ => {
                let x = self.current;
                self.current = num;
                let den = self.positive();
                self.current = x;
                Some(den)
            }
        };
        let factor = self.dice.roll(1, 14).into();
        if let Some(den) = den
            && let Some(y) = self.push(Op::Divide(Divide { num, den, factor }))
        {
            self.current = self.round(y);
        }
    }

    /// A product of two activations: of a tensor with itself, with another, or with one number for
    /// each row.
    fn times(&mut self) {
        let a = self.current;
        let b = match self.dice.roll(0, 2) {
            0 => Some(a),
            1 => Some(self.positive()),
            _ => self.push(Op::FoldMax { x: a }),
        };
        if let Some(b) = b {
            let most = self.most(a) * self.most(b) + 1;
            self.current = self.requantize(Pre::Product { a, b }, most, &[1]);
        }
    }

    fn view(&mut self) {
        let (x, shape) = (self.current, self.shape(self.current));
        let rank = shape.len() as u32;
        let last = shape.len() - 1;
        let view = match self.dice.roll(0, 2) {
            0 => {
                let mut perm: Vec<u32> = (0..rank).collect();
                perm.swap(last, last - 1);
                View::Transpose { x, perm }
            }
            1 => {
                let (mut before, mut after) = (vec![0; shape.len()], vec![0; shape.len()]);
                before[last] = self.dice.roll(0, 2);
                after[last - 1] = self.dice.roll(0, 1);
                let value = self.dice.roll(0, 6) as i32 - 3;
                View::Pad {
                    x,
                    before,
                    after,
                    value,
                }
            }
            _ => View::Concat {
                xs: vec![x, x],
                axis: rank - 1,
            },
        };
        if shape[last] <= 6
            && let Some(y) = self.push(Op::View(view))
        {
            self.current = y;
        }
    }
}

/// A graph of a few operators, with parameters and up to three inputs, which are listed in the order of
/// their nodes or in another.
fn case(numbers: &[u32]) -> Case {
    let mut maker = Maker::new("random", numbers, |dice| match dice.roll(0, 2) {
        0 => vec![dice.roll(1, 4), dice.roll(1, 6)],
        _ => vec![
            dice.roll(1, 3),
            dice.roll(1, 4),
            dice.roll(1, 5),
            dice.roll(1, 5),
        ],
    });
    for _ in 0..maker.dice.roll(0, 2) {
        maker.subtract_input();
    }
    let turn = maker.dice.roll(0, 2) as usize;
    for _ in 0..maker.dice.roll(1, 4) {
        match maker.dice.roll(0, 9) {
            0..=2 => maker.convolution(),
            3 => maker.product(),
            4 => maker.square(),
            5 => maker.fold(),
            6 => maker.divide(),
            7..=8 => maker.times(),
            _ => maker.view(),
        }
    }
    maker.product();
    let graph = maker.builder.finish(&[maker.current]).expect("checked");
    let mut graph = graph.into_inner();
    let count = graph.inputs.len();
    graph.inputs.rotate_left(turn % count);
    let graph = graph.check().expect("any order of inputs is one");
    let mut inputs = Vec::new();
    for (id, place) in graph.input_places() {
        let range = graph.tensor(id).range;
        let width = (range.hi - range.lo) as u32;
        let values = place.map(|_| range.lo as i32 + maker.dice.roll(0, width) as i32);
        inputs.extend(values);
    }
    Case {
        name: "random",
        graph,
        params: maker.params,
        inputs,
        hidden: Hidden::default(),
    }
}

/// Several images in one raster: each answer is that of its image alone, also where the padding of one
/// reaches as far as another.
#[test]
fn images_do_not_mix() {
    let numbers: Vec<u32> = (0..90).map(|i| i * i * 17 + 5).collect();
    for (size, kernel, pads, stride, dilation) in [
        ([3, 4], [3, 3], [(1, 1), (1, 1)], 1, 1),
        ([2, 1], [3, 3], [(2, 0), (1, 1)], 1, 1),
        ([1, 2], [2, 3], [(0, 1), (1, 2)], 1, 1),
        ([4, 3], [2, 2], [(1, 2), (0, 1)], 2, 2),
        ([1, 5], [1, 5], [(0, 0), (2, 0)], 1, 1),
    ] {
        let [height, width] = size;
        let build = |images: u32| {
            let shape = vec![images, 2, height, width];
            let mut maker = Maker::new("images", &numbers, |_| shape);
            let current = maker.current;
            let mut x = current;
            // The second takes the raster of the first where it will do.
            for (outputs, inputs) in [(3, 2), (2, 3)] {
                let w = maker.param(&[outputs, inputs, kernel[0], kernel[1]], 7);
                let conv = Conv {
                    x,
                    w,
                    strides: vec![stride, 1],
                    pads: pads.to_vec(),
                    dilations: vec![dilation, 1],
                    groups: 1,
                };
                let Some(y) = maker.push(Op::Conv(conv)) else {
                    break;
                };
                maker.convolutions.push(y);
                x = maker.round(y);
            }
            assert_ne!(x, current, "a convolution at least");
            (maker.builder.finish(&[x]).expect("checked"), maker.params)
        };
        let (one, params) = build(1);
        let (many, _) = build(3);
        let count = (2 * height * width) as usize;
        let inputs: Vec<i32> = (0..3 * count as i32).map(|i| i * i % 16 - 8).collect();
        let alone = inputs.chunks(count).flat_map(|input| {
            let values = nascent_ir::eval(&one, &params, &[input.to_vec()]).expect("evaluates");
            let outputs: Vec<i64> = values.outputs().flat_map(|slice| slice.to_vec()).collect();
            outputs
        });
        let expected: Vec<i64> = alone.collect();
        let case = Case {
            name: "images",
            graph: many,
            params: params.clone(),
            inputs: inputs.clone(),
            hidden: Hidden::default(),
        };
        let model = Model::new(&case, crate::lanes()[1]);
        assert_eq!(model.outputs, expected, "{size:?} {kernel:?}");
        assert_eq!(model.circuit.check(), Ok(()));
        assert_eq!(model.failures(&model.honest), []);
    }
}

/// A kernel wider than a row of the raster: offsets of two of its rows have one exponent, or come
/// in another order than the rows.
#[test]
fn kernel_wider_than_a_row() {
    for (width, kernel, pad) in [(1, 3, 1), (1, 5, 2), (2, 5, 2), (1, 7, 3)] {
        let numbers: Vec<u32> = (0..60).map(|i| i * i * 31 + 7).collect();
        let mut maker = Maker::new("wide kernel", &numbers, |_| vec![1, 2, 3, width]);
        let current = maker.current;
        let w = maker.param(&[2, 2, 3, kernel], 7);
        let conv = Conv {
            x: current,
            w,
            strides: vec![1, 1],
            pads: vec![(1, 1), (pad, pad)],
            dilations: vec![1, 1],
            groups: 1,
        };
        let y = maker.push(Op::Conv(conv)).expect("valid");
        maker.convolutions.push(y);
        let y = maker.round(y);
        let inputs = maker.dice.values(6 * width as usize, 7);
        let case = Case {
            name: "wide kernel",
            graph: maker.builder.finish(&[y]).expect("checked"),
            params: maker.params,
            inputs,
            hidden: Hidden::default(),
        };
        let model = Model::new(&case, crate::lanes()[0]);
        let values = nascent_ir::eval(&case.graph, &case.params, &case.given());
        let values = values.expect("evaluates");
        let expected: Vec<i64> = values.outputs().flat_map(|slice| slice.to_vec()).collect();
        assert_eq!(model.outputs, expected, "width {width}, kernel {kernel}");
        assert_eq!(model.circuit.check(), Ok(()));
        assert_eq!(model.failures(&model.honest), []);
    }
}

/// Inputs are given in the order of the graph's list, which need not be that of its nodes: one order
/// for the evaluator, public values, hidden ones and their ranges.
#[test]
fn inputs_stand_in_their_listed_order() {
    for hidden in [false, true] {
        let mut builder = Builder::new("order", BITS);
        let difference = Range::new(-15, 15);
        let table = builder.table(Table::from_fn("identity", difference, |q| q));
        let x = builder.input("x", &[2], Range::new(0, 7)).expect("valid");
        let y = builder.input("y", &[2], Range::new(-8, 0)).expect("valid");
        let pre = Pre::Linear {
            a: x,
            ca: 1,
            b: Some((y, -1)),
            c: 0,
        };
        let map = Map {
            pre,
            multiplier: Multiplier::One,
            shift: 0,
            table,
            assumes_bound: false,
        };
        let z = builder.push("z", Op::Map(map)).expect("valid");
        let mut graph = builder.finish(&[z]).expect("checked").into_inner();
        graph.inputs.reverse();
        let graph = graph.check().expect("any order of inputs is one");
        assert_eq!(graph.inputs, [y, x]);
        let params = Params::default();
        let given = [vec![-8, -3], vec![1, 7]];
        let values = nascent_ir::eval(&graph, &params, &given).expect("evaluates");
        let expected: Vec<i64> = values.outputs().flat_map(|slice| slice.to_vec()).collect();
        assert_eq!(expected, [9, 10]);
        let case = Case {
            name: "order",
            graph,
            params,
            inputs: given.concat(),
            hidden: Hidden {
                inputs: hidden,
                outputs: false,
            },
        };
        let model = Model::new(&case, crate::lanes()[0]);
        assert_eq!(model.outputs, expected, "hidden: {hidden}");
        assert_eq!(model.circuit.check(), Ok(()));
        assert_eq!(model.failures(&model.honest), []);
    }
}

/// The random graphs are of every operator but embeddings, which take an input of their own.
#[test]
fn every_operator_occurs() {
    let mut left = BTreeSet::from([
        "Conv",
        "MatMul",
        "FoldMax",
        "FoldSum",
        "Divide",
        "Transpose",
        "Pad",
        "Concat",
        "Reshape",
        "product of activations",
        "parameter as multiplier",
    ]);
    for seed in 0..200_u32 {
        let number = |i: u32| (60 * seed + i).wrapping_mul(2_654_435_761) >> 7;
        let numbers: Vec<u32> = (0..60).map(number).collect();
        for node in &case(&numbers).graph.nodes {
            left.remove(node.op.name());
            let Op::Map(map) = &node.op else { continue };
            if matches!(map.pre, Pre::Product { .. }) {
                left.remove("product of activations");
            }
            if matches!(map.multiplier, Multiplier::Param(_)) {
                left.remove("parameter as multiplier");
            }
        }
    }
    assert!(left.is_empty(), "{left:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_graphs_are_laid_out_soundly(
        numbers in proptest::collection::vec(any::<u32>(), 60),
        units in 1_usize..6,
        folds in 1_usize..3,
        params in 1_usize..3,
        weights in 1_usize..7,
    ) {
        let case = case(&numbers);
        let values = nascent_ir::eval(&case.graph, &case.params, &case.given());
        let values = values.expect("evaluates");
        let expected: Vec<i64> = values.outputs().flat_map(|slice| slice.to_vec()).collect();
        let model = Model::new(&case, Lanes { units, folds, params, weights });
        prop_assert_eq!(&model.outputs, &expected);
        prop_assert_eq!(model.circuit.check(), Ok(()));
        prop_assert_eq!(model.failures(&model.honest), []);
        // The field's own run of the first phase finds the same cells.
        let again = model.forge(&Forgery::default()).expect("nothing to close");
        prop_assert_eq!(model.failures(&again), []);
        prop_assert_eq!(again.instance, model.honest.instance);
    }
}
