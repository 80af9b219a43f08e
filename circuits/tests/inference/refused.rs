//! Graphs whose layout would not be sound.

use nascent_circuits::inference::{PlanError, plan};
use nascent_ir::{
    Builder, Map, MatMul, Multiplier, Op, Pre, Range, Table, TableId, TensorId, View,
};

use crate::graphs::BITS;
use crate::lanes;

struct Maker {
    builder: Builder,
    table: TableId,
    x: TensorId,
}

fn maker() -> Maker {
    let mut builder = Builder::new("refused", BITS);
    let domain = Range::new(-128, 127);
    let table = builder.table(Table::identity(domain, 3, Range::new(-8, 7)));
    let x = builder
        .input("x", &[1, 3], Range::new(-8, 7))
        .expect("valid");
    Maker { builder, table, x }
}

impl Maker {
    fn product(&mut self, a: TensorId, b: TensorId) -> TensorId {
        let op = MatMul {
            a,
            b,
            transpose_b: false,
        };
        self.builder.push("product", Op::MatMul(op)).expect("valid")
    }

    fn weights(&mut self) -> TensorId {
        self.builder
            .param("w", &[3, 3], Range::new(-7, 7))
            .expect("valid")
    }

    fn map(&mut self, a: TensorId, b: Option<TensorId>) -> TensorId {
        let op = Map {
            pre: Pre::Linear {
                a,
                ca: 1,
                b: b.map(|b| (b, 1)),
                c: 0,
            },
            multiplier: Multiplier::Const(9000),
            shift: 2 * BITS,
            table: self.table,
            assumes_bound: true,
        };
        self.builder.push("map", Op::Map(op)).expect("valid")
    }

    fn refusal(self, outputs: &[TensorId]) -> PlanError {
        let graph = self.builder.finish(outputs).expect("checked");
        plan(&graph, lanes()[0]).expect_err("no sound layout")
    }
}

fn says(error: &PlanError, part: &str) {
    assert!(error.to_string().contains(part), "{error}");
}

/// Its claim would stand on the rows of another.
#[test]
fn a_product_that_nobody_uses() {
    let mut m = maker();
    let [w, v] = [m.weights(), m.weights()];
    let y = m.product(m.x, w);
    m.product(m.x, v);
    let y = m.map(y, None);
    says(&m.refusal(&[y]), "not used");
}

#[test]
fn a_product_that_two_maps_use() {
    let mut m = maker();
    let w = m.weights();
    let y = m.product(m.x, w);
    let first = m.map(y, None);
    let second = m.map(y, None);
    says(&m.refusal(&[first, second]), "first operand of one map");
}

/// Nothing would tie the matrix to the vector, in either order.
#[test]
fn a_parameter_as_matrix_and_as_vector() {
    for vector_first in [false, true] {
        let mut m = maker();
        let w = m.weights();
        let zeros = m.builder.constant("c", &[3, 3], vec![1; 9]).expect("valid");
        let vector = vector_first.then(|| m.map(zeros, Some(w)));
        let y = m.product(m.x, w);
        let y = m.map(y, None);
        let vector = vector.unwrap_or_else(|| m.map(zeros, Some(w)));
        says(&m.refusal(&[y, vector]), "used twice");
    }
}

/// Channels are counted in 32 bits.
#[test]
fn an_operand_of_too_many_products() {
    let mut m = maker();
    let outputs: Vec<TensorId> = (0..33)
        .map(|_| {
            let w = m.weights();
            let y = m.product(m.x, w);
            m.map(y, None)
        })
        .collect();
    says(&m.refusal(&outputs), "more than 32 times");
}

/// It would stand among the vectors, whose range is another.
#[test]
fn a_parameter_as_the_first_operand_of_a_product() {
    let mut m = maker();
    let [w, v] = [m.weights(), m.weights()];
    let y = m.product(w, v);
    let y = m.map(y, None);
    says(&m.refusal(&[y]), "only be the second operand");
}

/// Nor behind views, as either operand: the copies would be of the vectors.
#[test]
fn a_parameter_behind_a_view_in_a_product() {
    let turned = |m: &mut Maker, x| {
        let perm = vec![1, 0];
        let view = Op::View(View::Transpose { x, perm });
        m.builder.push("turned", view).expect("valid")
    };
    let mut m = maker();
    let (w, x) = (m.weights(), m.x);
    let w = turned(&mut m, w);
    let y = m.product(x, w);
    let y = m.map(y, None);
    says(&m.refusal(&[y]), "as it is");
    let mut m = maker();
    let [w, v] = [m.weights(), m.weights()];
    let w = turned(&mut m, w);
    let y = m.product(w, v);
    let y = m.map(y, None);
    says(&m.refusal(&[y]), "as it is");
}

/// Lanes beside a matrix hold zero.
#[test]
fn a_matrix_that_is_never_zero() {
    let mut m = maker();
    let w = m.builder.param("w", &[3, 3], Range::new(1, 7));
    let y = m.product(m.x, w.expect("valid"));
    let y = m.map(y, None);
    says(&m.refusal(&[y]), "must contain zero");
}

/// Each range takes rows of the tables.
#[test]
fn matrices_of_too_many_ranges() {
    let mut m = maker();
    let outputs: Vec<TensorId> = (0..17)
        .map(|hi| {
            let w = m.builder.param("w", &[3, 3], Range::new(-7, hi));
            let y = m.product(m.x, w.expect("valid"));
            m.map(y, None)
        })
        .collect();
    says(&m.refusal(&outputs), "more than 16 different ranges");
}

/// A tower of sums over a number that is declared to be zero: every range says zero, but a public input is
/// whatever the statement says, and each level doubles it until it wraps.
#[test]
fn sums_of_sums_that_could_wrap() {
    let tower = |levels: usize| {
        let mut builder = Builder::new("tower", BITS);
        let table = builder.table(Table::identity(Range::new(-8, 7), 0, Range::new(-8, 7)));
        let mut x = builder.input("x", &[1], Range::new(0, 0)).expect("valid");
        for _ in 0..levels {
            let twice = View::Expand { x, shape: vec![2] };
            let twice = builder.push("twice", Op::View(twice)).expect("valid");
            x = builder
                .push("sum", Op::FoldSum { x: twice })
                .expect("valid");
        }
        let map = Map {
            pre: Pre::Linear {
                a: x,
                ca: 1,
                b: None,
                c: 0,
            },
            multiplier: Multiplier::One,
            shift: 0,
            table,
            assumes_bound: false,
        };
        let y = builder.push("y", Op::Map(map)).expect("valid");
        builder.finish(&[y]).expect("checked")
    };
    assert!(plan(&tower(40), lanes()[0]).is_ok());
    for levels in [70, 254, 300] {
        let error = plan(&tower(levels), lanes()[0]).expect_err("it wraps");
        assert!(matches!(error, PlanError::Wraps { .. }), "{error}");
    }
}

/// Graphs of a few dozen bytes whose layout would take gigabytes: refused before anything of that size is
/// made. (The test's own memory is the proof: it has to run with all of them in a process.)
#[test]
fn layouts_beyond_the_budget() {
    let domain = Range::new(-8, 7);
    let copy = |builder: &mut Builder, table, x| {
        let pre = Pre::Linear {
            a: x,
            ca: 1,
            b: None,
            c: 0,
        };
        let map = Map {
            pre,
            multiplier: Multiplier::One,
            shift: 0,
            table,
            assumes_bound: false,
        };
        builder.push("y", Op::Map(map)).expect("valid")
    };
    let start = || {
        let mut builder = Builder::new("huge", BITS);
        let table = builder.table(Table::identity(domain, 0, domain));
        (builder, table)
    };
    let refused = |builder: Builder, y: TensorId, what: &str| {
        let graph = builder.finish(&[y]).expect("checked");
        let error = plan(&graph, lanes()[0]).expect_err(what);
        let sized = matches!(error, PlanError::TooLarge { .. } | PlanError::Count { .. });
        assert!(sized, "{what}: {error}");
    };
    // Elements.
    for elements in [1 << 24, 1 << 26, 1 << 28] {
        let (mut builder, table) = start();
        let x = builder.input("x", &[elements], domain).expect("valid");
        let y = copy(&mut builder, table, x);
        refused(builder, y, "elements");
    }
    // A small tensor made wide, by many views and by one.
    let (mut builder, table) = start();
    let x = builder.input("x", &[1], domain).expect("valid");
    let shape = vec![1 << 26];
    let wide = builder.push("wide", Op::View(View::Expand { x, shape }));
    let y = copy(&mut builder, table, wide.expect("valid"));
    refused(builder, y, "a view");
    let (mut builder, table) = start();
    let mut x = builder.input("x", &[1 << 22], domain).expect("valid");
    for _ in 0..200 {
        let shape = vec![1 << 22];
        x = builder
            .push("same", Op::View(View::Reshape { x, shape }))
            .expect("valid");
    }
    let y = copy(&mut builder, table, x);
    refused(builder, y, "many views");
    // A fold of long rows, and one of many.
    for shape in [[1, 1 << 25], [1 << 25, 1]] {
        let (mut builder, table) = start();
        let x = builder.input("x", &[1, 1], domain).expect("valid");
        let view = View::Expand {
            x,
            shape: shape.to_vec(),
        };
        let wide = builder.push("wide", Op::View(view)).expect("valid");
        let most = builder
            .push("most", Op::FoldMax { x: wide })
            .expect("valid");
        let y = copy(&mut builder, table, most);
        refused(builder, y, "a fold");
    }
}

/// Dilations and paddings of 31 bits: rasters whose size does not fit 64 bits.
#[test]
fn rasters_that_cannot_be_counted() {
    let domain = Range::new(-8, 7);
    for (dilation, pad, kernel) in [
        (1u32 << 31, 0u32, [2u32, 1]),
        (1 << 31, (1 << 31) - 1, [2, 2]),
        ((1 << 31) - 1, 1 << 30, [3, 3]),
        (1 << 30, 1 << 29, [3, 2]),
    ] {
        let mut builder = Builder::new("raster", BITS);
        let table = builder.table(Table::identity(Range::new(-128, 127), 3, domain));
        let x = builder.input("x", &[1, 1, 2, 2], domain).expect("valid");
        let w = builder
            .param("w", &[1, 1, kernel[0], kernel[1]], Range::new(-7, 7))
            .expect("valid");
        let conv = nascent_ir::Conv {
            x,
            w,
            strides: vec![u32::MAX, u32::MAX],
            pads: vec![(pad, pad), (pad, pad)],
            dilations: vec![dilation, dilation],
            groups: 1,
        };
        // Either the graph's own check refuses it, or the planner.
        let Ok(y) = builder.push("y", Op::Conv(conv)) else {
            continue;
        };
        let map = Map {
            pre: Pre::Linear {
                a: y,
                ca: 1,
                b: None,
                c: 0,
            },
            multiplier: Multiplier::Const(9000),
            shift: 2 * BITS,
            table,
            assumes_bound: true,
        };
        let Ok(z) = builder.push("z", Op::Map(map)) else {
            continue;
        };
        let Ok(graph) = builder.finish(&[z]) else {
            continue;
        };
        let error = plan(&graph, lanes()[0]).expect_err("too large");
        let sized = matches!(error, PlanError::TooLarge { .. } | PlanError::Count { .. });
        assert!(sized, "{error}");
    }
}
