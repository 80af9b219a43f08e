//! Small graphs, one for each part of the circuit, with parameters and inputs.

use nascent_circuits::inference::Hidden;
use nascent_ir::{
    Builder, CheckedGraph, Conv, Divide, Embed, Map, MatMul, Multiplier, Op, Params, Pre, Range,
    Table, TableId, TensorId, View,
};

/// `T` of the test graphs.
pub const BITS: u8 = 8;

/// A graph with a checkpoint and an input.
pub struct Case {
    pub name: &'static str,
    pub graph: CheckedGraph,
    pub params: Params,
    pub inputs: Vec<i32>,
    /// What is hidden.
    pub hidden: Hidden,
}

/// Small deterministic integers in `-half..=half`.
fn noise(seed: u32, count: usize, half: i32) -> Vec<i32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12_345);
    (0..count)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            (state % (2 * half as u32 + 1)) as i32 - half
        })
        .collect()
}

struct Maker {
    builder: Builder,
    params: Params,
    relu: TableId,
    clamp: TableId,
    exact: TableId,
}

impl Maker {
    fn new(name: &str) -> Self {
        let mut builder = Builder::new(name, BITS);
        let domain = Range::new(-128, 127);
        let relu = builder.table(Table::relu(domain, 3, Range::new(0, 15)));
        let clamp = builder.table(Table::identity(domain, 3, Range::new(-8, 7)));
        let exact = builder.table(Table::identity(domain, 0, domain));
        Self {
            builder,
            params: Params::default(),
            relu,
            clamp,
            exact,
        }
    }

    fn input(&mut self, shape: &[u32]) -> TensorId {
        self.builder
            .input("x", shape, Range::new(-8, 7))
            .expect("valid")
    }

    fn param(&mut self, name: &str, shape: &[u32], range: Range, values: Vec<i32>) -> TensorId {
        let id = self.builder.param(name, shape, range).expect("valid");
        self.params.values.insert(id, values);
        id
    }

    fn weights(&mut self, name: &str, shape: &[u32]) -> TensorId {
        let count = shape.iter().product::<u32>() as usize;
        let values = noise(name.len() as u32 + count as u32, count, 7);
        self.param(name, shape, Range::new(-7, 7), values)
    }

    fn push(&mut self, name: &str, op: Op) -> TensorId {
        self.builder.push(name, op).expect("valid")
    }

    fn map(&mut self, name: &str, pre: Pre, multiplier: Multiplier, table: TableId) -> TensorId {
        let op = Map {
            pre,
            multiplier,
            shift: if matches!(multiplier, Multiplier::One) {
                0
            } else {
                2 * BITS
            },
            table,
            assumes_bound: true,
        };
        self.push(name, Op::Map(op))
    }

    /// A contraction's result plus a bias, times a multiplier, through a table.
    fn round(
        &mut self,
        name: &str,
        a: TensorId,
        bias: Option<TensorId>,
        table: TableId,
    ) -> TensorId {
        let pre = Pre::Linear {
            a,
            ca: 1,
            b: bias.map(|b| (b, 1)),
            c: 0,
        };
        self.map(name, pre, Multiplier::Const(9000), table)
    }

    fn case(self, name: &'static str, outputs: &[TensorId], inputs: Vec<i32>) -> Case {
        Case {
            name,
            graph: self.builder.finish(outputs).expect("checked"),
            params: self.params,
            inputs,
            hidden: Hidden::default(),
        }
    }
}

fn conv(x: TensorId, w: TensorId, stride: u32, pad: u32, dilation: u32, groups: u32) -> Op {
    Op::Conv(Conv {
        x,
        w,
        strides: vec![stride; 2],
        pads: vec![(pad, pad); 2],
        dilations: vec![dilation; 2],
        groups,
    })
}

fn perceptron() -> Case {
    let mut m = Maker::new("perceptron");
    let x = m.input(&[1, 7]);
    // Of another range than the second matrix.
    let w = m.param("w1", &[7, 10], Range::new(-8, 7), noise(72, 70, 7));
    let bias = m.param("b1", &[10], Range::signed(12), noise(3, 10, 200));
    let h = m.push(
        "h",
        Op::MatMul(MatMul {
            a: x,
            b: w,
            transpose_b: false,
        }),
    );
    let h = m.round("relu", h, Some(bias), m.relu);
    let w = m.weights("w2", &[5, 10]);
    let y = m.push(
        "y",
        Op::MatMul(MatMul {
            a: h,
            b: w,
            transpose_b: true,
        }),
    );
    let y = m.round("logits", y, None, m.clamp);
    m.case("perceptron", &[y], noise(1, 7, 7))
}

fn convolutions() -> Case {
    let mut m = Maker::new("convolutions");
    let x = m.input(&[1, 2, 5, 6]);
    let w = m.weights("w1", &[3, 2, 3, 3]);
    let bias = m.param("b1", &[3, 1, 1], Range::signed(12), noise(5, 3, 100));
    let scale = m.param(
        "m1",
        &[3, 1, 1],
        Range::new(1, 32_000),
        vec![9000, 7000, 11_000],
    );
    let y = m.push("c1", conv(x, w, 1, 1, 1, 1));
    let pre = Pre::Linear {
        a: y,
        ca: 1,
        b: Some((bias, 1)),
        c: 0,
    };
    let y = m.map("r1", pre, Multiplier::Param(scale), m.relu);
    let w = m.weights("w2", &[3, 3, 3, 3]);
    let z = m.push("c2", conv(y, w, 1, 1, 1, 1));
    let z = m.round("r2", z, None, m.clamp);
    // Residual, then a strided convolution with another padding.
    let pre = Pre::Linear {
        a: z,
        ca: 2,
        b: Some((y, 3)),
        c: 1,
    };
    let s = m.map("add", pre, Multiplier::Const(20_000), m.relu);
    let w = m.weights("w3", &[2, 3, 2, 2]);
    let t = m.push("c3", conv(s, w, 2, 0, 1, 1));
    let t = m.round("r3", t, None, m.relu);
    m.case("convolutions", &[t], noise(2, 60, 7))
}

fn grouped() -> Case {
    let mut m = Maker::new("grouped");
    let x = m.input(&[1, 4, 5, 5]);
    let w = m.weights("w1", &[4, 1, 2, 2]);
    let y = m.push("depthwise", conv(x, w, 1, 1, 2, 4));
    let y = m.round("r1", y, None, m.relu);
    let w = m.weights("w2", &[6, 2, 1, 1]);
    let y = m.push("pointwise", conv(y, w, 1, 0, 1, 2));
    let y = m.round("r2", y, None, m.clamp);
    m.case("grouped", &[y], noise(4, 100, 7))
}

fn pooling() -> Case {
    let mut m = Maker::new("pooling");
    let x = m.input(&[6, 4]);
    let max = m.push("max", Op::FoldMax { x });
    let sum = m.push("sum", Op::FoldSum { x });
    let pre = Pre::Linear {
        a: sum,
        ca: 1,
        b: Some((max, -2)),
        c: 3,
    };
    let y = m.map("mean", pre, Multiplier::Const(16_384), m.clamp);
    let row = m.push(
        "row",
        Op::View(View::Reshape {
            x: y,
            shape: vec![1, 6],
        }),
    );
    let pad = m.push(
        "pad",
        Op::View(View::Pad {
            x: row,
            before: vec![0, 1],
            after: vec![0, 1],
            value: 5,
        }),
    );
    let w = m.weights("w", &[8, 3]);
    let z = m.push(
        "z",
        Op::MatMul(MatMul {
            a: pad,
            b: w,
            transpose_b: false,
        }),
    );
    let z = m.round("out", z, None, m.clamp);
    m.case("pooling", &[z, max], noise(6, 24, 7))
}

fn attention() -> Case {
    let mut m = Maker::new("attention");
    let x = m.input(&[4, 6]);
    let head = |m: &mut Maker, name: &'static str| {
        let w = m.weights(name, &[6, 6]);
        let y = m.push(
            name,
            Op::MatMul(MatMul {
                a: x,
                b: w,
                transpose_b: false,
            }),
        );
        let y = m.round(&format!("{name} rounded"), y, None, m.clamp);
        let split = View::Reshape {
            x: y,
            shape: vec![4, 2, 3],
        };
        let y = m.push(&format!("{name} split"), Op::View(split));
        let turn = View::Transpose {
            x: y,
            perm: vec![1, 0, 2],
        };
        m.push(&format!("{name} heads"), Op::View(turn))
    };
    let [q, k, v] = ["q", "ke", "val"].map(|name| head(&mut m, name));
    let s = m.push(
        "scores",
        Op::MatMul(MatMul {
            a: q,
            b: k,
            transpose_b: true,
        }),
    );
    let s = m.round("scaled", s, None, m.clamp);
    let max = m.push("max", Op::FoldMax { x: s });
    let max = m.push(
        "max column",
        Op::View(View::Reshape {
            x: max,
            shape: vec![2, 4, 1],
        }),
    );
    let pre = Pre::Linear {
        a: s,
        ca: 1,
        b: Some((max, -1)),
        c: 0,
    };
    let exp = Table::from_fn("exp", Range::new(-16, 0), |q| 1 + (q + 16) * (q + 16) / 12);
    let exp = m.builder.table(exp);
    let e = m.map("exp", pre, Multiplier::One, exp);
    let total = m.push("total", Op::FoldSum { x: e });
    let total = m.push(
        "column",
        Op::View(View::Reshape {
            x: total,
            shape: vec![2, 4, 1],
        }),
    );
    let p = m.push(
        "softmax",
        Op::Divide(Divide {
            num: e,
            den: total,
            factor: 100,
        }),
    );
    let y = m.push(
        "mix",
        Op::MatMul(MatMul {
            a: p,
            b: v,
            transpose_b: false,
        }),
    );
    let y = m.round("mixed", y, None, m.clamp);
    let pre = Pre::Product { a: y, b: y };
    let y = m.map("square", pre, Multiplier::One, m.exact);
    m.case("attention", &[y], noise(7, 24, 7))
}

/// Two tables: one of more rows than a narrow index counts, and one that also makes the output, its
/// rows chosen by a result.
fn embedding() -> Case {
    let mut m = Maker::new("embedding");
    let words = 150;
    let range = Range::new(0, i64::from(words) - 1);
    let x = m.builder.input("x", &[8], range).expect("valid");
    let half = |start: u32| {
        Op::View(View::Slice {
            x,
            starts: vec![start],
            sizes: vec![4],
            steps: vec![1],
        })
    };
    let (ids, more) = (m.push("ids", half(0)), m.push("more", half(4)));
    let table = m.weights("words", &[words, 5]);
    let bias = m.param("b", &[5], Range::signed(6), noise(8, 5, 20));
    let y = m.push("embed words", Op::Embed(Embed { table, ids }));
    // Its units take the rows where they are chosen.
    let pre = Pre::Linear {
        a: y,
        ca: 15,
        b: Some((bias, 1)),
        c: 0,
    };
    let y = m.map("words", pre, Multiplier::Const(30_000), m.clamp);
    let ids = m.map("places", Pre::of(more), Multiplier::Const(30_000), m.relu);
    let table = m.weights("tied", &[16, 5]);
    let z = m.push("embed places", Op::Embed(Embed { table, ids }));
    let pre = Pre::Linear {
        a: y,
        ca: 30,
        b: Some((z, 20)),
        c: -1,
    };
    let s = m.map("sum", pre, Multiplier::Const(20_000), m.clamp);
    let op = MatMul {
        a: s,
        b: table,
        transpose_b: true,
    };
    let out = m.push("scores", Op::MatMul(op));
    let out = m.round("out", out, None, m.clamp);
    m.case("embedding", &[out, z], vec![149, 3, 149, 70, 9, 140, 80, 9])
}

/// Inputs and outputs behind digests, the inputs in more than one block.
fn hidden() -> Case {
    let mut m = Maker::new("hidden");
    let x = m.input(&[1, 17]);
    let w = m.weights("w", &[17, 3]);
    let op = MatMul {
        a: x,
        b: w,
        transpose_b: false,
    };
    let y = m.push("y", Op::MatMul(op));
    let y = m.round("out", y, None, m.clamp);
    let case = m.case("hidden", &[y], noise(11, 17, 7));
    let hidden = Hidden {
        inputs: true,
        outputs: true,
    };
    Case { hidden, ..case }
}

/// All cases.
pub fn cases() -> Vec<Case> {
    vec![
        perceptron(),
        convolutions(),
        grouped(),
        pooling(),
        attention(),
        embedding(),
        hidden(),
    ]
}
