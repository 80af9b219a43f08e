//! Random small graphs: the layout is sound by itself, the output is the reference's, and all
//! constraints hold.

use nascent_circuits::inference::Hidden;
use nascent_circuits::inference::plan::rows::Lanes;
use nascent_ir::{
    Builder, Conv, Map, MatMul, Multiplier, Op, Params, Pre, Range, Table, TableId, TensorId, View,
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
    current: TensorId,
}

impl Maker<'_> {
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
        let range = self.builder.info(a).range;
        let most = range.lo.abs().max(range.hi).max(1) + 41;
        let multiplier = ((127 << (2 * BITS)) / most).clamp(1, 32_767) as u32;
        let map = Map {
            pre: Pre::Linear {
                a,
                ca: 1,
                b: bias.map(|b| (b, 1)),
                c: 0,
            },
            multiplier: Multiplier::Const(multiplier),
            shift: 2 * BITS,
            table: self.clamp,
            assumes_bound: true,
        };
        self.push(Op::Map(map)).expect("valid")
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

/// A graph of a few operators, with parameters and an input.
fn case(numbers: &[u32]) -> Case {
    let mut dice = Dice { numbers, at: 0 };
    let mut builder = Builder::new("random", BITS);
    let domain = Range::new(-128, 127);
    let clamp = builder.table(Table::identity(domain, 4, Range::new(-8, 7)));
    let shape = match dice.roll(0, 2) {
        0 => vec![dice.roll(1, 4), dice.roll(1, 6)],
        _ => vec![
            dice.roll(1, 3),
            dice.roll(1, 4),
            dice.roll(1, 5),
            dice.roll(1, 5),
        ],
    };
    let current = builder
        .input("x", &shape, Range::new(-8, 7))
        .expect("valid");
    let mut maker = Maker {
        dice,
        builder,
        params: Params::default(),
        clamp,
        current,
    };
    for _ in 0..maker.dice.roll(1, 4) {
        match maker.dice.roll(0, 6) {
            0..=2 => maker.convolution(),
            3 => maker.product(),
            4 => maker.square(),
            5 => maker.fold(),
            _ => maker.view(),
        }
    }
    maker.product();
    let count = shape.iter().product::<u32>() as usize;
    let inputs = maker.dice.values(count, 7);
    Case {
        name: "random",
        graph: maker.builder.finish(&[maker.current]).expect("checked"),
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
            let mut builder = Builder::new("images", BITS);
            let clamp = Table::identity(Range::new(-128, 127), 4, Range::new(-8, 7));
            let clamp = builder.table(clamp);
            let shape = [images, 2, height, width];
            let range = Range::new(-8, 7);
            let current = builder.input("x", &shape, range).expect("valid");
            let (dice, params) = (
                Dice {
                    numbers: &numbers,
                    at: 0,
                },
                Params::default(),
            );
            let mut maker = Maker {
                dice,
                builder,
                params,
                clamp,
                current,
            };
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
        let mut builder = Builder::new("wide kernel", BITS);
        let clamp = Table::identity(Range::new(-128, 127), 4, Range::new(-8, 7));
        let clamp = builder.table(clamp);
        let shape = [1, 2, 3, width];
        let current = builder
            .input("x", &shape, Range::new(-8, 7))
            .expect("valid");
        let numbers: Vec<u32> = (0..60).map(|i| i * i * 31 + 7).collect();
        let dice = Dice {
            numbers: &numbers,
            at: 0,
        };
        let params = Params::default();
        let mut maker = Maker {
            dice,
            builder,
            params,
            clamp,
            current,
        };
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
        let inputs = std::slice::from_ref(&case.inputs);
        let values = nascent_ir::eval(&case.graph, &case.params, inputs).expect("evaluates");
        let expected: Vec<i64> = values.outputs().flat_map(|slice| slice.to_vec()).collect();
        assert_eq!(model.outputs, expected, "width {width}, kernel {kernel}");
        assert_eq!(model.circuit.check(), Ok(()));
        assert_eq!(model.failures(&model.honest), []);
    }
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
        let values = nascent_ir::eval(&case.graph, &case.params, std::slice::from_ref(&case.inputs))
            .expect("evaluates");
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
