//! Ranges of matrices, of a graph in which each matrix has its own and takes several rows.

use nascent_circuits::inference::plan::Hidden;
use nascent_circuits::inference::tables::matrix_range;
use nascent_ir::{
    Builder, Embed, Map, MatMul, Multiplier, Op, Params, Pre, Range, Table, TensorId,
};

use crate::attacks::{SUM, count, refused, twisted};
use crate::graphs::{BITS, Case};
use crate::harness::{Forgery, LaidOut, Model, cell, small, wide_field};
use crate::lanes;

/// An embedding of ternary rows, then three matrices, the last of them transposed.
fn case() -> Case {
    let mut b = Builder::new("ranges", BITS);
    let mut params = Params::default();
    let (domain, narrow) = (Range::new(-128, 127), Range::new(-8, 7));
    let table = b.table(Table::identity(domain, 3, narrow));
    let ids = b.input("ids", &[4], Range::new(0, 19)).expect("valid");
    let mut weights = |b: &mut Builder, shape: [u32; 2], range: Range| {
        let w = b.param("w", &shape, range).expect("valid");
        let width = range.hi - range.lo + 1;
        let count = i64::from(shape[0] * shape[1]);
        let values = (0..count).map(|i| (range.lo + (i * i + 5 * i) % width) as i32);
        params.values.insert(w, values.collect());
        w
    };
    let map = |b: &mut Builder, x: TensorId| {
        let map = Map {
            pre: Pre::of(x),
            multiplier: Multiplier::Const(9000),
            shift: 2 * BITS,
            table,
            assumes_bound: true,
        };
        b.push("map", Op::Map(map)).expect("valid")
    };
    let words = weights(&mut b, [20, 9], Range::new(-1, 1));
    let embed = Op::Embed(Embed { table: words, ids });
    let mut x = b.push("embed", embed).expect("valid");
    let layers = [
        ([9, 12], Range::new(-8, 7), false),
        ([12, 10], Range::new(-5, 4), false),
        ([11, 10], Range::new(-7, 3), true),
    ];
    for (shape, range, transpose_b) in layers {
        let matmul = MatMul {
            a: x,
            b: weights(&mut b, shape, range),
            transpose_b,
        };
        let y = b.push("product", Op::MatMul(matmul)).expect("valid");
        x = map(&mut b, y);
    }
    Case {
        name: "ranges",
        graph: b.finish(&[x]).expect("checked"),
        params,
        inputs: vec![19, 0, 7, 19],
        hidden: Hidden::default(),
    }
}

/// What the columns say of each row, not what the layout does.
#[test]
fn every_row_has_the_range_of_its_matrix() {
    let case = case();
    for lanes in lanes() {
        let LaidOut {
            circuit, config, ..
        } = LaidOut::new(&case, lanes);
        let sheet = circuit.sheet();
        let column = config.params.range.expect("several ranges");
        let offset = config.shape.weight_offset();
        let entries = |kind: i64| {
            let sets = config.tables.iter();
            let all = sets.flat_map(|set| (0..config.shape.last_row()).map(move |row| (set, row)));
            let own = all.filter(|&(set, row)| sheet.fixed(set.kind)[row] == kind);
            let mut cells: Vec<i64> = own.map(|(set, row)| sheet.fixed(set.x)[row]).collect();
            cells.sort_unstable();
            cells
        };
        let matrices = &circuit.layout().weights;
        assert_eq!(matrices.len(), 4);
        for plan in matrices {
            let declared = case.graph.tensor(plan.tensor).range;
            let expected: Vec<i64> = (declared.lo..=declared.hi).map(|w| w + offset).collect();
            let rows = plan.matrix.circuit_rows();
            assert!(rows.len() > plan.matrix.rows && plan.matrix.rows > 1);
            for row in rows {
                let kind = sheet.fixed(column)[row];
                assert_eq!(entries(kind), expected, "{declared}, row {row}");
            }
        }
    }
}

/// The last element of each matrix: each end of its range passes, the number beyond does not, also counted
/// where the range of another matrix has it.
#[test]
fn last_weight_beyond_its_declared_range() {
    let case = case();
    for lanes in lanes() {
        let model = Model::new(&case, lanes);
        let layout = model.circuit.layout();
        let offset = model.config.shape.weight_offset();
        let mut elsewhere = 0;
        for plan in &layout.weights {
            let range = case.graph.tensor(plan.tensor).range;
            let (row, lane) = plan
                .matrix
                .at(plan.matrix.rows - 1, plan.matrix.columns - 1);
            let at = cell(model.config.params.weights[lane], row);
            let value = small(model.honest.advice[at.column][at.row]).expect("small");
            let off = |to: i64| wide_field(i128::from(to + offset) - value);
            for to in [range.lo, range.hi] {
                let verdict = model.verdict(&twisted([(at, off(to))]));
                assert_eq!(verdict, Some(Vec::new()), "{range}: {to}");
            }
            for to in [range.lo - 1, range.hi + 1] {
                let kinds = (0..layout.matrix_ranges.len()).map(matrix_range);
                let others = kinds.filter(|&kind| layout.tables.index(kind, to + offset).is_some());
                for other in others.map(Some).chain([None]) {
                    let counts = |model: &Model, grid: &mut nascent_circuits::grid::Grid| {
                        if let Some(kind) = other {
                            count(model, grid, kind, to + offset);
                        }
                    };
                    let forgery = Forgery {
                        twists: [(at, off(to))].into(),
                        counts: Some(&counts),
                        ..Forgery::default()
                    };
                    refused(&model, &forgery, "fraction sum", SUM);
                    elsewhere += usize::from(other.is_some());
                }
            }
        }
        assert!(elsewhere > 6, "{elsewhere}");
    }
}
