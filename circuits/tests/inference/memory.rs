//! Graphs made to take memory: planning any of them takes no more than the budget, whatever comes of
//! it.
//!
//! A child process plans random graphs of a few nodes and up to `2^28` elements while the system holds
//! it to the budget, so that a byte more ends it.

use std::process::Command;

use halo2_proofs::plonk::{Circuit, ConstraintSystem};
use halo2curves::bn256::Fr;
use nascent_circuits::inference::InferenceCircuit;
use nascent_circuits::inference::plan::rows::Lanes;
use nascent_circuits::inference::plan::{Budget, Hidden, PlanError, choose_within, plan_within};
use nascent_ir::{
    Builder, CheckedGraph, Conv, Divide, Embed, Map, MatMul, Multiplier, Op, Pre, Range, Table,
    TableId, TensorId, View,
};
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

use crate::graphs::BITS;
use crate::lanes;

/// What a plan may take here.
const BUDGET: u64 = 48 << 20;
/// What the process takes beside it: what the allocator keeps of earlier plans, the graph itself.
const SLACK: u64 = 12 << 20;

const DOMAIN: Range = Range { lo: -8, hi: 7 };

struct Hostile {
    builder: Builder,
    tensors: Vec<TensorId>,
    table: TableId,
    random: ChaCha8Rng,
}

impl Hostile {
    fn new(seed: u64) -> Self {
        let mut builder = Builder::new("hostile", BITS);
        let wide = Range::new(-128, 127);
        let table = builder.table(Table::identity(wide, 3, DOMAIN));
        let mut hostile = Self {
            builder,
            tensors: Vec::new(),
            table,
            random: ChaCha8Rng::seed_from_u64(seed),
        };
        for _ in 0..2 {
            let shape = hostile.shape();
            let made = hostile.builder.input("x", &shape, DOMAIN);
            hostile.tensors.extend(made.ok());
        }
        hostile
    }

    fn below(&mut self, end: u32) -> u32 {
        self.random.next_u32() % end
    }

    /// One, a few, or far too many.
    fn size(&mut self) -> u32 {
        match self.below(8) {
            0..3 => 1,
            3..6 => 1 + self.below(9),
            6 => 1 << self.below(16),
            _ => 1 << self.below(26),
        }
    }

    fn shape(&mut self) -> Vec<u32> {
        (0..1 + self.below(4)).map(|_| self.size()).collect()
    }

    fn any(&mut self) -> TensorId {
        let of = self.below(self.tensors.len() as u32) as usize;
        // Mostly what was made last.
        let last = self.tensors.len() - 1;
        let at = if self.below(2) == 0 { of } else { last };
        self.tensors[at]
    }

    fn param(&mut self, shape: &[u32]) -> Option<TensorId> {
        // Often one that is there.
        let same = |id: &&TensorId| self.builder.info(**id).shape == shape;
        if let Some(&id) = self.tensors.iter().find(same) {
            return Some(id);
        }
        let made = self.builder.param("w", shape, Range::new(-7, 7)).ok()?;
        self.tensors.push(made);
        Some(made)
    }

    fn view(&mut self, x: TensorId) -> View {
        let shape = self.builder.info(x).shape.clone();
        match self.below(7) {
            0 => View::Reshape {
                x,
                shape: vec![shape.iter().product()],
            },
            1 => View::Transpose {
                x,
                perm: (0..shape.len() as u32).rev().collect(),
            },
            2 => View::Slice {
                x,
                starts: shape.iter().map(|dim| dim - 1).collect(),
                sizes: shape.clone(),
                steps: shape.iter().map(|_| -1).collect(),
            },
            3 => {
                let more = [self.size(), self.size()];
                let shape = more.into_iter().chain(shape).take(8).collect();
                View::Expand { x, shape }
            }
            4 => View::Concat {
                xs: vec![x; 1 + self.below(9) as usize],
                axis: self.below(shape.len() as u32),
            },
            5 => View::Pad {
                x,
                before: shape.iter().map(|_| self.size() - 1).collect(),
                after: shape.iter().map(|_| 0).collect(),
                value: self.below(8) as i32,
            },
            _ => {
                let axis = self.below(shape.len() as u32);
                let count = self.below(1 << 12);
                let dim = shape[axis as usize];
                let indices = (0..count).map(|i| i % dim).collect();
                View::Gather { x, axis, indices }
            }
        }
    }

    fn map(&mut self, a: TensorId) -> Op {
        let b = self.any();
        let pre = match self.below(3) {
            0 => Pre::Product { a, b },
            1 => Pre::Linear {
                a,
                ca: 1,
                b: Some((b, 1)),
                c: 0,
            },
            _ => Pre::Linear {
                a,
                ca: 1,
                b: None,
                c: 0,
            },
        };
        Op::Map(Map {
            pre,
            multiplier: Multiplier::Const(9000),
            shift: 2 * BITS,
            table: self.table,
            assumes_bound: true,
        })
    }

    fn conv(&mut self, x: TensorId) -> Option<Op> {
        let shape = self.builder.info(x).shape.clone();
        let channels = *shape.get(1)?;
        let axes = shape.len().checked_sub(2)?;
        let groups = if self.below(2) == 0 { channels } else { 1 };
        let outputs = groups * (1 + self.below(2));
        let mut kernel = vec![outputs, channels / groups];
        kernel.extend((0..axes).map(|_| 1 + self.below(3)));
        let huge = |random: u32| match random % 4 {
            0 => u32::MAX,
            1 => 1 << ((random >> 8) % 32),
            _ => 1,
        };
        let mut each = |f: &dyn Fn(u32) -> u32| -> Vec<u32> {
            (0..axes).map(|_| f(self.random.next_u32())).collect()
        };
        let (strides, dilations) = (each(&huge), each(&huge));
        let pads = each(&|random| huge(random) - 1);
        let pads = pads.into_iter().map(|pad| (pad, pad)).collect();
        Some(Op::Conv(Conv {
            x,
            w: self.param(&kernel)?,
            strides,
            pads,
            dilations,
            groups,
        }))
    }

    fn matmul(&mut self, a: TensorId) -> Option<Op> {
        let shape = self.builder.info(a).shape.clone();
        let &inner = shape.last()?;
        let columns = self.size();
        let mut of = shape[..shape.len().saturating_sub(2)].to_vec();
        let transpose_b = self.below(2) == 0;
        of.extend(match transpose_b {
            true => [columns, inner],
            false => [inner, columns],
        });
        Some(Op::MatMul(MatMul {
            a,
            b: self.param(&of)?,
            transpose_b,
        }))
    }

    fn step(&mut self) {
        let x = self.any();
        let op = match self.below(12) {
            0..4 => Some(Op::View(self.view(x))),
            4..6 => Some(self.map(x)),
            6 => self.conv(x),
            7 => self.matmul(x),
            8 => Some(match self.below(3) {
                0 => Op::FoldMax { x },
                1 => Op::FoldSum { x },
                _ => Op::Divide(Divide {
                    num: x,
                    den: x,
                    factor: 3,
                }),
            }),
            9 => {
                let table = [self.size(), self.size()];
                let table = self.param(&table);
                let count = 1 + self.below(1 << 12);
                let ids = vec![0; count as usize];
                let ids = self.builder.constant("ids", &[count], ids).ok();
                let both = table.zip(ids);
                both.map(|(table, ids)| Op::Embed(Embed { table, ids }))
            }
            10 => {
                let count = 1 + self.below(1 << 12);
                let values = (0..count).map(|i| i as i32 % 128).collect();
                let made = self.builder.constant("c", &[count], values);
                self.tensors.extend(made.ok());
                None
            }
            _ => {
                let shape = self.shape();
                self.param(&shape);
                None
            }
        };
        if let Some(op) = op
            && let Ok(made) = self.builder.push("y", op)
        {
            self.tensors.push(made);
        }
    }

    /// A graph that ends in something that can be an output.
    fn graph(mut self) -> Option<CheckedGraph> {
        for _ in 0..4 + self.below(30) {
            self.step();
        }
        let last = *self.tensors.last()?;
        let end = self.map(last);
        let made = self.builder.push("end", end);
        let output = made.unwrap_or(last);
        self.builder.finish(&[output]).ok()
    }
}

/// A kernel of two taps that are far apart, and a kernel on its result: powers of a challenge in the
/// gates, and nothing else that grows.
fn far_taps(dilation: u32) -> CheckedGraph {
    let mut builder = Builder::new("far", BITS);
    let domain = Range::new(-128, 127);
    let table = builder.table(Table::identity(domain, 0, domain));
    let x = builder.input("x", &[1, 1, 2], DOMAIN).expect("valid");
    let mut layer = |x, taps: u32, dilation: u32| {
        let range = Range::new(-7, 7);
        let w = builder.param("w", &[1, 1, taps], range).expect("valid");
        let conv = Conv {
            x,
            w,
            strides: vec![1],
            pads: vec![(0, (taps - 1) * (dilation - 1))],
            dilations: vec![dilation],
            groups: 1,
        };
        let y = builder.push("y", Op::Conv(conv)).expect("valid");
        let map = Map::requantize(Pre::of(y), Multiplier::Const(100), table, BITS);
        let map = Op::Map(map.assuming_bound());
        builder.push("z", map).expect("valid")
    };
    let z = layer(x, 2, dilation);
    let z = layer(z, 1, 1);
    builder.finish(&[z]).expect("checked")
}

/// Graphs whose elements are few beside the contractions, rows and columns that they ask for.
fn directed() -> Vec<(CheckedGraph, Lanes)> {
    let start = |shape: &[u32], bits: u8| {
        let mut builder = Builder::new("directed", bits);
        let x = builder.input("x", shape, DOMAIN).expect("valid");
        (builder, x)
    };
    let [narrow, _] = lanes();
    let mut graphs = Vec::new();
    // The same product again and again: a contraction for each matrix, no new units.
    let (mut builder, x) = start(&[1 << 15, 1, 1], BITS);
    let w = builder.param("w", &[1 << 15, 1, 1], Range::new(-7, 7));
    let product = MatMul {
        a: x,
        b: w.expect("valid"),
        transpose_b: false,
    };
    for _ in 0..30 {
        let product = Op::MatMul(product.clone());
        builder.push("product", product).expect("valid");
    }
    graphs.push((builder.finish(&[x]).expect("checked"), narrow));
    // The same with groups, whose kernels have several offsets each.
    let (mut builder, x) = start(&[1, 1 << 14, 3], BITS);
    let w = builder.param("w", &[1 << 14, 1, 3], Range::new(-7, 7));
    let conv = Conv {
        x,
        w: w.expect("valid"),
        strides: vec![1],
        pads: vec![(0, 0)],
        dilations: vec![1],
        groups: 1 << 14,
    };
    for _ in 0..30 {
        let conv = Op::Conv(conv.clone());
        builder.push("convolution", conv).expect("valid");
    }
    graphs.push((builder.finish(&[x]).expect("checked"), narrow));
    // A row of units for each constant that something reads.
    let (mut builder, _) = start(&[1], 16);
    let values: Vec<i32> = (-(1 << 15)..1 << 15).collect();
    let constant = builder.constant("c", &[1 << 16], values).expect("valid");
    let wide = Lanes {
        units: 64,
        ..narrow
    };
    graphs.push((builder.finish(&[constant]).expect("checked"), wide));
    graphs.push((far_taps(1 << 18), narrow));
    graphs
}

/// Runs under the limit of `planning_takes_no_more_than_the_budget`, and by itself without one.
#[test]
#[ignore = "planning_takes_no_more_than_the_budget runs it with a limit"]
fn plans_of_hostile_graphs() {
    for (graph, lanes) in directed() {
        let error = plan_within(&graph, lanes, Hidden::default(), Budget(BUDGET));
        let error = error.expect_err("beyond the budget");
        use PlanError::{PartTooLarge, TooLarge};
        let large = matches!(error, TooLarge { .. } | PartTooLarge { .. });
        assert!(large, "{error}");
    }
    // The gates of the largest exponents that the budget allows.
    let [narrow, _] = lanes();
    let planned = (10..20).rev().find_map(|power| {
        let graph = far_taps(1 << power);
        plan_within(&graph, narrow, Hidden::default(), Budget(BUDGET)).ok()
    });
    let shape = planned.expect("planned").shape(None).expect("fits");
    assert!(shape.shifts.iter().any(|&shift| shift > 1 << 14));
    let mut meta = ConstraintSystem::<Fr>::default();
    InferenceCircuit::configure_with_params(&mut meta, shape);
    let (mut planned, mut refused, mut graphs) = (0, 0, 0);
    for seed in 0..900 {
        let Some(graph) = Hostile::new(seed).graph() else {
            continue;
        };
        graphs += 1;
        let hides = seed % 3 == 0;
        let hidden = Hidden {
            inputs: hides,
            outputs: hides,
        };
        let mut count = |done: bool| match done {
            true => planned += 1,
            false => refused += 1,
        };
        for lanes in lanes() {
            count(plan_within(&graph, lanes, hidden, Budget(BUDGET)).is_ok());
        }
        if let Ok(lanes) = choose_within(&graph, hidden, Budget(BUDGET))
            && let Ok(layout) = plan_within(&graph, lanes, hidden, Budget(BUDGET))
        {
            assert!(layout.memory <= BUDGET);
            // What is derived from a layout is small beside it.
            let _ = layout.shape(None);
        }
    }
    assert!(
        graphs > 400 && planned > 200 && refused > 200,
        "{graphs}: {planned}, {refused}"
    );
}

#[test]
#[cfg(target_os = "linux")]
fn planning_takes_no_more_than_the_budget() {
    let this = std::env::current_exe().expect("a path");
    let limit = (BUDGET + SLACK) >> 10;
    // Of the heap and of what is mapped, the stacks of two threads included.
    let script = format!(
        "ulimit -d {limit}; exec '{}' --exact memory::plans_of_hostile_graphs --ignored --nocapture \
         --test-threads 1",
        this.display()
    );
    let child = Command::new("sh").args(["-c", &script]).output();
    let child = child.expect("a shell");
    let said = [child.stdout, child.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(
        child.status.success() && said.contains("1 passed"),
        "{said}"
    );
}
