//! A relayout with an honest witness, and forged ones.

use std::collections::BTreeMap;
use std::sync::Arc;

use ff::Field;
use halo2_proofs::plonk::{Advice, Circuit, Column, ConstraintSystem};
use halo2curves::bn256::Fr;
use nascent_circuits::grid::{At, Cell, Constraints, Grid, Planner, Step, take, take_closing};
use nascent_circuits::inference::plan::rows::Lanes;
use nascent_circuits::inference::{self, plan};
use nascent_circuits::relayout::{self, RelayoutCircuit, RelayoutConfig};
use nascent_ir::{
    Builder, CheckedGraph, Embed, Map, MatMul, Multiplier, Op, Origin, Origins, Params, Pre,
    PublicParam, Range, Table, TensorId,
};
use nascent_verifier::{Distribution, Fill, ModelSpec, Precision, StreamSpec, TensorSpec};

/// Size of all circuits.
pub const K: u32 = 7;
/// Rows of deviates of a tile.
const TILE_ROWS: usize = 4 * 15;

/// A model with two streams: 2,000 normal deviates in rows of 31, two tiles; 550 uniform ones in
/// rows of 36.
pub fn spec() -> ModelSpec {
    let sampled = |stream, first_row| Fill::Sampled {
        stream,
        first_row,
        scale_bits: 0.01_f32.to_bits(),
        mean_bits: 0,
    };
    let stream = |distribution, limb_bits, fraction_bits, rows| StreamSpec {
        distribution,
        precision: Precision {
            limb_bits,
            fraction_bits,
        },
        rows,
    };
    let tensor = |name: &str, dims: &[u64], fill| TensorSpec {
        name: name.into(),
        dims: dims.to_vec(),
        fill,
    };
    ModelSpec {
        kept: Vec::new(),
        name: "m".into(),
        graph_digest: [1; 32],
        rules_digest: [2; 32],
        streams: vec![
            stream(Distribution::Normal, 8, 4, 1 + 65),
            stream(Distribution::Uniform, 7, 0, 16),
        ],
        tensors: vec![
            tensor("unused", &[5], sampled(0, 0)),
            tensor("w1", &[50, 40], sampled(0, 1)),
            tensor("b1", &[50], Fill::Constant { bits: 0 }),
            tensor("w2", &[50, 11], sampled(1, 0)),
        ],
    }
}

/// Added to the first product's results.
fn biases() -> Vec<i32> {
    (0..50).map(|channel| 3 * channel - 70).collect()
}

/// `y + bias`.
fn biased(y: TensorId, bias: TensorId) -> Pre {
    Pre::Linear {
        a: y,
        ca: 1,
        b: Some((bias, 1)),
        c: 0,
    }
}

/// What the parameters are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// All matrices come from deviates.
    Derived,
    /// The first matrix does, the second one is public, nothing is known of the third; the table of
    /// an embedding is public.
    Known,
}

/// Three products; the third one's weights are a part of the second one's. The last parameters are a
/// vector and, with public weights, the table of an embedding.
pub fn graph(kind: Kind) -> (CheckedGraph, Vec<TensorId>) {
    let mut b = Builder::new("g", 8).weight_bits(8);
    let domain = Range::new(-128, 127);
    let relu = b.table(Table::relu(domain, 3, Range::new(0, 15)));
    let mut x = b.input("x", &[1, 40], Range::new(-8, 7)).expect("valid");
    let mut params = Vec::new();
    let bias = b.param("bias", &[50], Range::signed(9)).expect("valid");
    for (name, shape) in [("w1", [40, 50]), ("w2", [50, 11]), ("w3", [11, 9])] {
        let w = b.param(name, &shape, Range::signed(8)).expect("valid");
        params.push(w);
        let product = MatMul {
            a: x,
            b: w,
            transpose_b: false,
        };
        let y = b.push(name, Op::MatMul(product)).expect("valid");
        let map = Map {
            pre: match name {
                "w1" => biased(y, bias),
                _ => Pre::of(y),
            },
            multiplier: Multiplier::Const(100),
            shift: 16,
            table: relu,
            assumes_bound: true,
        };
        x = b.push("r", Op::Map(map)).expect("valid");
    }
    params.push(bias);
    let mut outputs = vec![x];
    if kind == Kind::Known {
        let ids = b.input("ids", &[2], Range::new(0, 6)).expect("valid");
        let table = b.param("table", &[7, 13], Range::signed(8)).expect("valid");
        params.push(table);
        let embed = Op::Embed(Embed { table, ids });
        outputs.push(b.push("rows", embed).expect("valid"));
    }
    (b.finish(&outputs).expect("checked"), params)
}

/// Integers of the second matrix, where it is public.
fn matrix() -> Vec<i32> {
    (0..50 * 11).map(|element| element % 255 - 127).collect()
}

/// Integers of the embedding's table.
fn table() -> Vec<i32> {
    (0..7 * 13).map(|element| element - 100).collect()
}

/// The first matrix is transposed; the third one is a part of the second.
pub fn origins(spec: &ModelSpec, graph: &CheckedGraph, params: &[TensorId]) -> Origins {
    let origin = |at: usize, tensor, first, strides: [i64; 2]| Origin {
        param: params[at],
        tensor,
        first,
        strides: strides.to_vec(),
    };
    Origins {
        model: spec.digest().expect("valid"),
        architecture: graph.digest().expect("valid"),
        params: vec![
            origin(0, 1, 0, [1, 40]),
            origin(1, 3, 0, [11, 1]),
            origin(2, 3, 41, [50, 1]),
        ],
        public: vec![PublicParam {
            param: params[3],
            values: biases(),
        }],
    }
}

/// Everything that a relayout is made from.
pub struct Setting {
    pub spec: ModelSpec,
    pub graph: CheckedGraph,
    pub origins: Origins,
    pub inference: Arc<inference::plan::layout::Layout>,
    pub shape: inference::Shape,
    pub circuit: RelayoutCircuit,
    /// Lane values of each tile.
    pub tiles: Vec<Vec<u32>>,
    pub params: Params,
    pub witness: RelayoutCircuit,
    /// The table of the embedding.
    pub table: Option<TensorId>,
}

pub fn setting() -> Setting {
    Setting::of(Kind::Derived)
}

impl Setting {
    pub fn of(kind: Kind) -> Self {
        made(kind)
    }
}

fn made(kind: Kind) -> Setting {
    let spec = spec();
    let (graph, ids) = graph(kind);
    let mut origins = origins(&spec, &graph, &ids);
    if kind == Kind::Known {
        origins.params.truncate(1);
        let public = [(ids[1], matrix()), (ids[4], table())];
        let public = public.map(|(param, values)| PublicParam { param, values });
        origins.public.extend(public);
    }
    let lanes = Lanes {
        units: 4,
        folds: 1,
        params: 1,
        weights: 40,
    };
    let inference = Arc::new(plan(&graph, lanes).expect("planned"));
    let shape = inference.shape(Some(K)).expect("fits");
    let layout = relayout::plan(&spec, &origins, &graph, Arc::clone(&inference), &shape);
    let circuit = RelayoutCircuit::new(Arc::new(layout.expect("planned")));
    // Lane values of whole tiles, as if the streams went on.
    let mut state = 1u32;
    let mut noise = |bits: u32| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state % (1 << bits)
    };
    let mut stream = |tiles: usize, lanes: usize, bits: u32| -> Vec<u32> {
        (0..tiles * TILE_ROWS * lanes)
            .map(|_| noise(bits))
            .collect()
    };
    let (normal, uniform) = (stream(2, 31, 8), stream(1, 36, 7));
    let mut params = Params::default();
    // By the definition of a stream: element e is at row first_row + e / L, lane e % L.
    let w1 = |e: usize| normal[(1 + e / 31) * 31 + e % 31] as i32 - 128;
    let w2 = |e: usize| 2 * uniform[(e / 36) * 36 + e % 36] as i32 + 1 - 128;
    let values = |rows: usize, columns: usize, at: &dyn Fn(usize, usize) -> i32| -> Vec<i32> {
        (0..rows * columns)
            .map(|i| at(i / columns, i % columns))
            .collect()
    };
    params
        .values
        .insert(ids[0], values(40, 50, &|i, j| w1(j * 40 + i)));
    params
        .values
        .insert(ids[1], values(50, 11, &|i, j| w2(i * 11 + j)));
    params
        .values
        .insert(ids[2], values(11, 9, &|i, j| w2(41 + i * 50 + j)));
    params.values.insert(ids[3], biases());
    if kind == Kind::Known {
        params.values.insert(ids[1], matrix());
        params.values.insert(ids[4], table());
    }
    let mut tiles: Vec<Vec<u32>> = normal.chunks(TILE_ROWS * 31).map(<[u32]>::to_vec).collect();
    if kind == Kind::Derived {
        tiles.push(uniform);
    }
    let witness = circuit.with_witness(&tiles, &params).expect("equal");
    Setting {
        spec,
        graph,
        origins,
        inference,
        shape,
        circuit,
        tiles,
        params,
        witness,
        table: ids.get(4).copied(),
    }
}

/// A circuit with an honest witness, its constraints, and what follows from its first phase.
pub struct Model {
    pub witness: RelayoutCircuit,
    pub config: RelayoutConfig,
    pub meta: ConstraintSystem<Fr>,
    pub constraints: Constraints,
    pub honest: Grid,
    pub follows: Vec<Step>,
    pub undetermined: Vec<Cell>,
}

/// Names of constraints that fail.
pub type Verdict = Vec<(String, String)>;

impl Model {
    pub fn new() -> Self {
        Self::of(Kind::Derived)
    }

    pub fn of(kind: Kind) -> Self {
        let witness = Setting::of(kind).witness;
        let mut meta = ConstraintSystem::default();
        let config = RelayoutCircuit::configure_with_params(&mut meta, witness.params());
        let challenges: Vec<Fr> = (0..meta.num_challenges() as u64)
            .map(|i| Fr::from(i + 3).pow([1 << 40]))
            .collect();
        let mut honest =
            Grid::new(&witness, &meta, config.clone(), K, &[], &challenges).expect("laid out");
        let mut random = Fr::from(11);
        honest.blind(meta.blinding_factors() + 1, || {
            random = random.square() + Fr::ONE;
            random
        });
        let constraints = Constraints::new(&meta);
        let mut model = Self {
            witness,
            config,
            meta,
            constraints,
            honest,
            follows: Vec::new(),
            undetermined: Vec::new(),
        };
        let end = model.end();
        let check = |constraint, row| (constraint, row) == end;
        let mut planner = Planner::new(&model.constraints, &model.honest, check);
        for (column, &phase) in model.meta.advice_column_phase().iter().enumerate() {
            if phase == 0 {
                (0..model.honest.rows).for_each(|row| planner.give(Cell { column, row }));
            }
        }
        let follows = planner.propagate();
        let undetermined = planner.undetermined();
        model.follows = follows;
        model.undetermined = undetermined;
        model
    }

    pub fn last(&self) -> usize {
        self.config.shape.last_row()
    }

    /// The end of the running sum.
    pub fn end(&self) -> At {
        let found = self.constraints.find("fraction sum", "zero at both ends");
        (found.expect("there"), self.last())
    }

    /// The honest first phase with some cells off, and all that follows from it.
    pub fn forge(&self, twists: &BTreeMap<Cell, Fr>) -> Grid {
        let mut grid = self.twisted(twists);
        take(&self.constraints, &mut grid, &self.follows, &[]);
        grid
    }

    /// As [`Self::forge`], with one later cell chosen such that the sum ends in zero.
    pub fn forge_closing(&self, twists: &BTreeMap<Cell, Fr>, at: At) -> Option<Grid> {
        let mut grid = self.twisted(twists);
        let closed = take_closing(&self.constraints, &mut grid, &self.follows, at, self.end());
        closed.then_some(grid)
    }

    fn twisted(&self, twists: &BTreeMap<Cell, Fr>) -> Grid {
        let mut grid = self.honest.clone();
        for (cell, fault) in twists {
            grid.advice[cell.column][cell.row] += fault;
        }
        grid
    }

    /// Names of the failing constraints.
    pub fn failures(&self, grid: &Grid) -> Verdict {
        let failures = self.constraints.failures(grid).into_iter();
        failures
            .map(|failure| (failure.gate, failure.constraint))
            .collect()
    }

    pub fn verdict(&self, twists: impl IntoIterator<Item = (Cell, Fr)>) -> Verdict {
        self.failures(&self.forge(&twists.into_iter().collect()))
    }

    pub fn value(&self, cell: Cell) -> Fr {
        self.honest.advice[cell.column][cell.row]
    }

    /// Cell of a weight: matrix row and column of the parameter at this position in the graph.
    pub fn weight(&self, param: usize, row: usize, column: usize) -> Cell {
        let plan = &self.witness.layout().inference.weights[param];
        let (width, height) = [(40, 50), (50, 11), (11, 9)].map(|(r, c)| (c, r))[param];
        assert!(row < height && column < width);
        let element = (row * width + column) as u32;
        let index = plan.elements.iter().position(|&e| e == element);
        let index = index.expect("placed");
        let columns = plan.matrix.columns;
        let (row, lane) = plan.matrix.at(index / columns, index % columns);
        cell(self.config.weights.values[lane], row)
    }
}

/// What the sum says to any weight that is not its deviate.
pub fn sum() -> Verdict {
    vec![("fraction sum".to_owned(), "zero at both ends".to_owned())]
}

pub fn cell(column: Column<Advice>, row: usize) -> Cell {
    Cell {
        column: column.index(),
        row,
    }
}
