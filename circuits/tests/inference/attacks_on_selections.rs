//! Attacks on rows chosen by indices.

use std::collections::BTreeMap;

use ff::Field;
use halo2curves::bn256::Fr;
use nascent_circuits::grid::{Cell, Grid};
use nascent_circuits::inference::linear::field;
use nascent_circuits::inference::plan::layout::{ContractionPlan, Selection};

use crate::attacks::{SUM, model, refused, twisted};
use crate::attacks_on_claims::compensate;
use crate::harness::{Forgery, Model, cell};

/// The first embedding of the test graph: indices 149, 3, 149, 70 into 150 rows.
fn embedding() -> (&'static Model, ContractionPlan, Selection) {
    let model = model("embedding");
    let mut plans = model.circuit.layout().contractions.iter();
    let plan = plans.find(|plan| plan.left.selection().is_some());
    let plan = plan.expect("an embedding").clone();
    let selection = plan.left.selection().expect("found above").clone();
    (model, plan, selection)
}

/// Cell of an element of the result.
fn result(model: &Model, plan: &ContractionPlan, token: usize, column: usize) -> Cell {
    let (row, lane) = plan.result.matrix.at(token, column);
    cell(model.config.units.lanes[lane].a, row)
}

/// Twists that make a token's row of the result another list of values.
fn to_row(model: &Model, plan: &ContractionPlan, token: usize, row: &[Fr]) -> Vec<(Cell, Fr)> {
    let offset = field(model.config.shape.wide_offset());
    let columns = row.iter().enumerate();
    columns
        .map(|(column, value)| {
            let at = result(model, plan, token, column);
            let honest = model.honest.advice[at.column][at.row] - offset;
            (at, *value - honest)
        })
        .collect()
}

/// A row of a table.
fn row(model: &Model, plan: &ContractionPlan, index: usize) -> Vec<Fr> {
    let columns = 0..plan.result.matrix.columns;
    let inner_first = plan.right.slow == nascent_circuits::inference::claim::Axis::Inner;
    columns
        .map(|column| match inner_first {
            true => model.element(&model.honest, &plan.right, index, column),
            false => model.element(&model.honest, &plan.right, column, index),
        })
        .collect()
}

#[test]
fn row_of_another_index() {
    let (model, plan, _) = embedding();
    for index in [0, 70, 148] {
        let twists = to_row(model, &plan, 1, &row(model, &plan, index));
        assert!(twists.iter().any(|(_, off)| *off != Fr::ZERO));
        refused(model, &twisted(twists), "claim sum", SUM);
    }
}

#[test]
fn row_of_another_table() {
    let (model, plan, _) = embedding();
    let contractions = &model.circuit.layout().contractions;
    let mut other = contractions.iter().filter(|c| c.left.selection().is_some());
    let other = other.next_back().expect("a second embedding");
    let twists = to_row(model, &plan, 1, &row(model, other, 3));
    refused(model, &twisted(twists), "claim sum", SUM);
}

/// The rows are those chosen, for other tokens.
#[test]
fn tokens_permuted() {
    let (model, plan, _) = embedding();
    let rows = [3, 149].map(|index| row(model, &plan, index));
    let [first, second] = rows;
    let twists = [
        to_row(model, &plan, 0, &first),
        to_row(model, &plan, 1, &second),
    ];
    refused(model, &twisted(twists.concat()), "claim sum", SUM);
}

/// The honest input with another index of the second token, everything computed from it.
fn with_index(model: &Model, selection: &Selection, index: Fr) -> Grid {
    let address = selection.indices[1];
    let place = model.circuit.layout().lanes.place(address);
    let Some(nascent_circuits::inference::plan::rows::Place::Public(at)) = place else {
        panic!("the index is an input");
    };
    let mut grid = model.honest.clone();
    grid.instance[0][at] = index;
    model.first_phase(&mut grid, &Forgery::default());
    model.vectors(&mut grid);
    model.follow(&mut grid, None);
    grid
}

/// The only thing that objects.
fn claim_sum() -> [(String, String); 1] {
    [("claim sum".to_owned(), SUM.to_owned())]
}

/// There is no witness for an index without a row: its term has nothing to cancel it.
#[test]
fn index_out_of_range() {
    let (model, _, selection) = embedding();
    let grid = with_index(model, &selection, Fr::from(148));
    assert_eq!(model.failures(&grid), []);
    let rows = field(150);
    for index in [
        rows,
        -Fr::ONE,
        field(1 << 40),
        rows.invert().expect("not zero"),
    ] {
        let grid = with_index(model, &selection, index);
        assert_eq!(model.failures(&grid), claim_sum());
    }
}

/// A wrong row, and `v` such that the sum is zero all the same: possible for one `gamma` and `z`,
/// refused for others. So these must be drawn after `v`.
#[test]
fn selected_vector_compensated() {
    let (model, plan, _) = embedding();
    let mut grid = model.honest.clone();
    let forgery = Forgery {
        twists: BTreeMap::from([(result(model, &plan, 1, 0), Fr::ONE)]),
        ..Forgery::default()
    };
    model.first_phase(&mut grid, &forgery);
    model.vectors(&mut grid);
    let left = model.config.contraction.left.index();
    compensate(model, &mut grid, left, plan.first + 7);
    assert_eq!(model.failures(&grid), []);
    for challenge in [model.config.points.gamma, model.config.points.inner] {
        let mut other = grid.clone();
        model.redraw(&mut other, challenge.index());
        model.follow(&mut other, None);
        assert_eq!(model.failures(&other), claim_sum());
    }
}

/// An index whose pole is that of the claim of `u`, made up for by an entry of `u` that nobody
/// chooses: possible for one `z`, so `z` must be drawn after the indices and `u`.
#[test]
fn index_at_the_pole_of_another_identity() {
    let (model, plan, selection) = embedding();
    let z = model.honest.challenges[model.config.points.inner.index()];
    let (from, to) = (selection.id as i64, plan.right.id as i64);
    let index = field(to - from) * z.invert().expect("not zero");
    let mut grid = with_index(model, &selection, index);
    assert_eq!(model.failures(&grid), claim_sum());
    let right = model.config.contraction.right.index();
    compensate(model, &mut grid, right, plan.first + 7);
    assert_eq!(model.failures(&grid), []);
    model.redraw(&mut grid, model.config.points.inner.index());
    model.follow(&mut grid, None);
    assert_eq!(model.failures(&grid), claim_sum());
}
