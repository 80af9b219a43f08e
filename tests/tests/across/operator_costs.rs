//! The book's page on what operators cost is what the circuit and the planner say.
//!
//! To write the tables anew: `NASCENT_BLESS=1 cargo test -p nascent-tests --test across operator_costs`

use crate::common::{Net, int, text};
use halo2_proofs::plonk::{ConstraintSystem, Expression};
use halo2curves::bn256::Fr;
use nascent_circuits::inference::fraction::Tuple;
use nascent_circuits::inference::linear::field;
use nascent_circuits::inference::plan::layout::Layout;
use nascent_circuits::inference::plan::rows::{Ending, Lanes};
use nascent_circuits::inference::{InferenceConfig, Shape, plan};
use nascent_compiler::infer::{Model, Options, Samples, compile, ops};
use nascent_compiler::{Limits, read_onnx};
use nascent_ir::{
    Builder, CheckedGraph, Conv, Divide, Embed, Map, MatMul, Multiplier, Op, Pre, Range, Table,
    TableId, TensorId, View,
};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Columns and lookups of a whole circuit.
#[derive(Clone, Copy, Default)]
struct Columns {
    first: usize,
    later: usize,
    fixed: usize,
    /// Lookups in functions, in the range of `T` bits, in that of weights, and wires.
    lookups: [usize; 4],
}

impl Columns {
    fn of(shape: &Shape) -> Self {
        let mut meta = ConstraintSystem::<Fr>::default();
        let config = InferenceConfig::configure(&mut meta, shape);
        let phases = meta.advice_column_phase();
        let first = phases.iter().filter(|&&phase| phase == 0).count();
        let mut lookups = [0; 4];
        for fraction in config.fractions.fractions() {
            let kind = match &fraction.tuple {
                Tuple::Bus { .. } => 3,
                // The side that answers.
                Tuple::Table { .. } if fraction.sign < 0 => continue,
                Tuple::Table { kind, .. } => match kind.expr() {
                    Expression::Constant(range) if range == field(0) => 1,
                    Expression::Constant(_) => 2,
                    _ => 0,
                },
            };
            lookups[kind] += 1;
        }
        Self {
            first,
            later: phases.len() - first,
            fixed: meta.num_fixed_columns(),
            lookups,
        }
    }

    fn numbers(&self) -> [usize; 7] {
        let [function, range, weight, wires] = self.lookups;
        [
            self.first, self.later, self.fixed, function, range, weight, wires,
        ]
    }
}

fn shape() -> Shape {
    Shape {
        k: 8,
        table_bits: 8,
        weight_bits: 5,
        matrix_ranges: false,
        wide_bits: 20,
        weight_lanes: 3,
        unit_lanes: 3,
        fold_lanes: 3,
        param_lanes: 3,
        weight_channels: 1,
        operand_channels: 1,
        table_sets: 3,
        division: true,
        selection: false,
        sealed: false,
        steps: vec![0],
        shifts: vec![0],
    }
}

/// What more of a part adds: three of it at once, because three lookups share a column.
fn columns() -> String {
    let mut out = String::from(
        "| part | first phase | later | fixed | functions | range `T` | range of weights | wires |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    type Part = (&'static str, usize, fn(&mut Shape));
    let parts: [Part; 8] = [
        ("lane of units", 3, |s| s.unit_lanes += 3),
        ("lane of folds", 3, |s| s.fold_lanes += 3),
        ("lane of weights", 3, |s| s.weight_lanes += 3),
        ("lane of params", 3, |s| s.param_lanes += 3),
        ("set of tables", 3, |s| s.table_sets += 3),
        ("one more claim on a weight", 1, |s| s.weight_channels += 1),
        ("one more claim on a unit", 1, |s| s.operand_channels += 1),
        ("embeddings", 1, |s| s.selection = true),
    ];
    let base = Columns::of(&shape()).numbers();
    // What is left without lanes, tables and claims on units.
    let mut rest = base;
    for (name, count, edit) in parts {
        let mut more = shape();
        edit(&mut more);
        let more = Columns::of(&more).numbers();
        let each: [usize; 7] = std::array::from_fn(|at| more[at] - base[at]);
        let cells = each.map(|more| ratio(more, count));
        writeln!(out, "| {name} | {} |", cells.join(" | ")).unwrap();
        if !["one more claim on a weight", "embeddings"].contains(&name) {
            rest = std::array::from_fn(|at| rest[at] - each[at]);
        }
    }
    let rest = rest.map(|n| n.to_string());
    writeln!(
        out,
        "| all else, with one claim on a weight | {} |",
        rest.join(" | ")
    )
    .unwrap();
    out
}

/// `a / b` without needless digits.
fn ratio(a: usize, b: usize) -> String {
    let text = format!("{:.2}", a as f64 / b as f64);
    let text = text.trim_end_matches('0').trim_end_matches('.');
    text.to_owned()
}

/// Cells of a layout by section.
#[derive(Default)]
struct Cells {
    units: usize,
    constants: usize,
    folds: usize,
    weights: usize,
    params: usize,
    vectors: usize,
    indices: usize,
}

impl Cells {
    fn of(graph: &CheckedGraph) -> Option<Self> {
        // With one lane each, a cell is a row.
        let lanes = Lanes {
            units: 1,
            folds: 1,
            params: 1,
            weights: 1,
        };
        Some(Self::count(&plan(graph, lanes).ok()?))
    }

    fn count(layout: &Layout) -> Self {
        let constants = layout.units.iter().filter(|row| {
            let reads = row
                .cells
                .iter()
                .any(|cell| cell.a.is_some() || cell.b.is_some());
            let exact = row.op.ending == Ending::Exact && !row.op.product;
            exact && row.op.factor_a == 0 && !reads && row.cells[0].active
        });
        let constants = constants.count();
        Self {
            units: layout.units.len() - constants,
            constants,
            folds: layout.folds.len(),
            weights: layout.weights.iter().map(|w| w.elements.len()).sum(),
            params: layout.params.len(),
            vectors: layout.vector_rows,
            indices: layout.index_rows,
        }
    }
}

impl Cells {
    fn numbers(&self) -> [usize; 6] {
        let units = self.units + self.constants;
        [
            units,
            self.folds,
            self.weights,
            self.params,
            self.vectors,
            self.indices,
        ]
    }
}

/// A small graph of one operator.
struct Example {
    builder: Builder,
    exact: TableId,
    relu: TableId,
    /// What a layer before the operator costs.
    before: Cells,
}

impl Example {
    fn new() -> Self {
        let mut builder = Builder::new("example", 8);
        let domain = Range::new(-128, 127);
        let exact = builder.table(Table::identity(domain, 0, domain));
        let relu = builder.table(Table::relu(domain, 3, Range::new(0, 15)));
        Self {
            builder,
            exact,
            relu,
            before: Cells::default(),
        }
    }

    /// Tensors that a layer before made.
    fn given(&mut self, tensors: &[TensorId]) {
        let graph = self.builder.clone().finish(tensors).unwrap();
        self.before = Cells::of(&graph).unwrap();
    }

    fn input(&mut self, shape: &[u32]) -> TensorId {
        self.builder.input("x", shape, Range::new(-8, 7)).unwrap()
    }

    fn param(&mut self, shape: &[u32], range: Range) -> TensorId {
        self.builder.param("w", shape, range).unwrap()
    }

    fn push(&mut self, op: Op) -> TensorId {
        self.builder.push("y", op).unwrap()
    }

    /// `y = relu(round((x + b) m))`, or without a multiplier `y = x`.
    fn map(&mut self, a: TensorId, b: Option<TensorId>, multiplier: Multiplier) -> TensorId {
        let pre = Pre::Linear {
            a,
            ca: 1,
            b: b.map(|b| (b, 1)),
            c: 0,
        };
        self.push(Op::Map(match multiplier {
            Multiplier::One => Map::exact(pre, self.exact),
            _ => Map::requantize(pre, multiplier, self.relu, 8).assuming_bound(),
        }))
    }

    /// Cells of the operator for each element of its result.
    fn ratios(self, output: TensorId) -> [String; 6] {
        let graph = self.builder.finish(&[output]).unwrap();
        let elements = graph.tensor(output).elements();
        let all = Cells::of(&graph).unwrap().numbers();
        let each = all.into_iter().zip(self.before.numbers());
        let mut each = each.map(|(all, before)| ratio(all - before, elements));
        std::array::from_fn(|_| each.next().unwrap())
    }
}

/// One line for each operator of the core.
fn core() -> String {
    let mut out = String::from(
        "| operator | example | units | folds | weights | params | vectors | indices |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    let rounded = Multiplier::Const(9000);
    let weights = Range::new(-8, 7);
    type Made = fn(&mut Example, Multiplier, Range) -> TensorId;
    let examples: [(&str, &str, Made); 14] = [
        ("`Map`, exact", "`[16]`", |e, _, _| {
            let x = e.input(&[16]);
            e.map(x, None, Multiplier::One)
        }),
        (
            "`Map`, rounded, of a sum",
            "`[16]`, `[16]`",
            |e, rounded, _| {
                let (a, b) = (e.input(&[16]), e.input(&[16]));
                e.map(a, Some(b), rounded)
            },
        ),
        ("`Map`, a product", "`[16]`, `[16]`", |e, _, _| {
            let (a, b) = (e.input(&[16]), e.input(&[16]));
            let table = e.exact;
            e.push(Op::Map(Map::exact(Pre::Product { a, b }, table)))
        }),
        (
            "`Map`, a parameter added",
            "`[16]`, `[16]`",
            |e, rounded, wide| {
                let (a, b) = (e.input(&[16]), e.param(&[16], wide));
                e.map(a, Some(b), rounded)
            },
        ),
        ("`FoldMax`", "`[4, 8]`, row of 8", |e, _, _| {
            let x = e.input(&[4, 8]);
            e.push(Op::FoldMax { x })
        }),
        ("`FoldSum` and `Map`", "`[4, 8]`, row of 8", |e, _, _| {
            let x = e.input(&[4, 8]);
            let x = e.push(Op::FoldSum { x });
            e.map(x, None, Multiplier::One)
        }),
        ("`Divide`", "`[16]`, `[16]`", |e, _, _| {
            let num = e.builder.input("a", &[16], Range::new(0, 7)).unwrap();
            let den = e.builder.input("b", &[16], Range::new(1, 7)).unwrap();
            let factor = 9;
            e.push(Op::Divide(Divide { num, den, factor }))
        }),
        ("`Embed`", "4 of 32 rows of 8", |e, _, range| {
            let ids = e.builder.input("ids", &[4], Range::new(0, 31)).unwrap();
            let table = e.param(&[32, 8], range);
            e.push(Op::Embed(Embed { table, ids }))
        }),
        (
            "`MatMul` and `Map`",
            "`[4, 16]` by weights `[16, 8]`",
            |e, m, range| {
                let (x, b) = (e.input(&[4, 16]), e.param(&[16, 8], range));
                let a = e.map(x, None, Multiplier::One);
                e.given(&[a]);
                let transpose_b = false;
                let y = e.push(Op::MatMul(MatMul { a, b, transpose_b }));
                e.map(y, None, m)
            },
        ),
        ("`MatMul` and `Map`", "`[4, 16]` by `[16, 8]`", |e, m, _| {
            let (x, z) = (e.input(&[4, 16]), e.input(&[16, 8]));
            let a = e.map(x, None, Multiplier::One);
            let b = e.map(z, None, Multiplier::One);
            e.given(&[a, b]);
            let transpose_b = false;
            let y = e.push(Op::MatMul(MatMul { a, b, transpose_b }));
            e.map(y, None, m)
        }),
        (
            "`Conv` and `Map`",
            "`[1, 4, 16, 16]` by `[8, 4, 3, 3]`, padded by 1",
            |e, m, range| conv(e, m, range, 1),
        ),
        ("`Conv` and `Map`, stride 2", "the same", |e, m, range| {
            conv(e, m, range, 2)
        }),
        ("any view", "`[4, 8]` transposed", |e, _, _| {
            let x = e.input(&[4, 8]);
            let perm = vec![1, 0];
            e.push(Op::View(View::Transpose { x, perm }))
        }),
        ("`Constant`", "16 numbers added to `[16]`", |e, m, _| {
            let a = e.input(&[16]);
            let b = e.builder.constant("c", &[16], (0..16).collect()).unwrap();
            e.map(a, Some(b), m)
        }),
    ];
    for (name, example, make) in examples {
        let mut made = Example::new();
        let output = make(&mut made, rounded, weights);
        let each = made.ratios(output);
        writeln!(out, "| {name} | {example} | {} |", each.join(" | ")).unwrap();
    }
    out
}

/// A convolution after a convolution, so that its input stands in a raster.
fn conv(e: &mut Example, m: Multiplier, range: Range, stride: u32) -> TensorId {
    let (x, v) = (e.input(&[1, 4, 16, 16]), e.param(&[4, 4, 3, 3], range));
    let conv = |x, w, stride| {
        Op::Conv(Conv {
            x,
            w,
            strides: vec![stride; 2],
            pads: vec![(1, 1); 2],
            dilations: vec![1; 2],
            groups: 1,
        })
    };
    let x = e.map(x, None, Multiplier::One);
    let y = e.push(conv(x, v, 1));
    let y = e.map(y, None, m);
    e.given(&[y]);
    let w = e.param(&[8, 4, 3, 3], range);
    let y = e.push(conv(y, w, stride));
    e.map(y, None, m)
}

/// Operators without a case among those of the package: over `x` of shape `[1, 4, 8, 8]`, and `z`.
fn own_cases() -> Vec<(String, Vec<u8>)> {
    let net = || Net::new().scalar("s", 0.1).scalar("two", 2.0);
    let with = |op: &str, inputs: &str, attrs| net().node_with(op, inputs, "y", attrs);
    let mut nets: Vec<Net> = ["Celu", "Erf", "Mish", "Not", "Shrink"]
        .map(|op| with(op, "x", vec![]))
        .into();
    nets.extend(["And", "Equal", "Or", "Xor"].map(|op| with(op, "x z", vec![])));
    nets.extend(
        ["DepthToSpace", "SpaceToDepth"].map(|op| with(op, "x", vec![int("blocksize", 2)])),
    );
    nets.push(with("Cast", "x", vec![int("to", 1)]));
    nets.push(with("DequantizeLinear", "q s", vec![]).node("QuantizeLinear", "x s", "q"));
    nets.push(with("QuantizeLinear", "x s", vec![]));
    nets.push(with(
        "Einsum",
        "x z",
        vec![text("equation", "abij,abjk->abik")],
    ));
    nets.push(with("Mod", "x two", vec![]));
    nets.push(
        with("Slice", "x from to", vec![])
            .ints("from", &[0, 0])
            .ints("to", &[1, 2]),
    );
    nets.push(with("Trilu", "x", vec![]));
    nets.push(with("Where", "x z z2", vec![]).input("z2", &[-1, 4, 8, 8]));
    let made = nets.into_iter().map(|mut net| {
        // In order, whatever the order above.
        net.graph().node.reverse();
        let node = net.graph().node.last().unwrap();
        let op = node.op_type.clone();
        if node.input.iter().any(|name| name == "z") {
            net = net.input("z", &[-1, 4, 8, 8]);
        }
        // The newest set that all of them have.
        net.model.opset_import[0].version = 18;
        (op, net.output("y").bytes())
    });
    made.collect()
}

/// What an operator costs, with the elements of its result.
struct Cost {
    elements: usize,
    case: String,
    cells: Cells,
    entries: usize,
}

impl Cost {
    fn of(case: &str, model: &[u8], samples: &Samples) -> Option<Self> {
        let compiled = compile(&Model::new(model), &Options::default(), samples).ok()?;
        let entries = compiled.graph.tables.iter().map(|table| table.values.len());
        Some(Self {
            elements: compiled.outputs[0].shape.iter().product(),
            case: case.to_owned(),
            cells: Cells::of(&compiled.graph)?,
            entries: entries.sum(),
        })
    }
}

/// One line for each operator of ONNX whose result depends on values.
fn operators() -> String {
    let mut best: BTreeMap<String, Cost> = BTreeMap::new();
    for case in crate::cases::cases() {
        let Ok(graph) = read_onnx(&case.model, &Limits::default()) else {
            continue;
        };
        let [node] = graph.nodes.as_slice() else {
            continue;
        };
        let name = case.name.trim_start_matches("test_");
        let Some(cost) = Cost::of(name, &case.model, &case.samples) else {
            continue;
        };
        assert_eq!(cost.elements, case.expected.len(), "{name}");
        let known = best.get(&node.at.op);
        if known.is_none_or(|known| cost.elements > known.elements) {
            best.insert(node.at.op.clone(), cost);
        }
    }
    for (op, model) in own_cases() {
        assert!(!best.contains_key(&op), "{op} has a case of the package");
        let cost = Cost::of("our own", &model, &Samples::default());
        best.insert(op.clone(), cost.unwrap_or_else(|| panic!("{op} compiles")));
    }
    let mut out = String::from(
        "| operator | case | elements | units | constants | folds | weights | params | vectors | entries |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
    );
    let mut without = Vec::new();
    let table = ops::table();
    for line in table.lines().skip(2) {
        let name = line.split(" | ").next().unwrap().trim_start_matches("| ");
        let Some(cost) = best.get(name) else {
            without.push(name);
            continue;
        };
        let Cost {
            elements,
            case,
            entries,
            cells,
        } = cost;
        let Cells {
            units,
            constants,
            folds,
            weights,
            params,
            vectors,
            ..
        } = cells;
        writeln!(
            out,
            "| {name} | {case} | {elements} | {units} | {constants} | {folds} | {weights} | {params} | {vectors} | {entries} |"
        )
        .unwrap();
    }
    assert_eq!(
        without,
        ["Constant", "ConstantOfShape", "Range", "Shape", "Size"],
        "operators whose cost the book does not say"
    );
    out
}

#[test]
fn the_book_says_what_operators_cost() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../book/src/operator-costs.md");
    let mut page = std::fs::read_to_string(path).unwrap();
    let tables = [
        ("columns", columns()),
        ("core", core()),
        ("operators", operators()),
    ];
    for (name, table) in tables {
        let mark = format!("<!-- {name} -->\n");
        let (before, rest) = page.split_once(&mark).unwrap();
        let (_, after) = rest.split_once("<!-- end -->").unwrap();
        page = format!("{before}{mark}{table}<!-- end -->{after}");
    }
    if std::env::var_os("NASCENT_BLESS").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let got = std::fs::read_to_string(path).unwrap();
    assert_eq!(
        got, page,
        "look at the difference, then run this test with NASCENT_BLESS=1"
    );
}

/// What a lane adds does not depend on how many there are: otherwise the first table would mean
/// nothing.
#[test]
fn columns_are_linear() {
    let at = |units: usize, folds: usize| {
        let mut shape = shape();
        (shape.unit_lanes, shape.fold_lanes) = (units, folds);
        Columns::of(&shape).numbers()
    };
    let (base, units, folds, more) = (at(3, 3), at(6, 3), at(3, 6), at(9, 6));
    for part in 0..7 {
        let (unit, fold) = (units[part] - base[part], folds[part] - base[part]);
        assert_eq!(more[part], base[part] + 2 * unit + fold);
    }
}
