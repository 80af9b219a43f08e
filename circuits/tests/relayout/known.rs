//! Public parameters among the weights: a matrix that is filled with constants and an embedding's
//! table, beside one that comes from deviates and one of which nothing is known.

use std::collections::BTreeSet;

use ff::Field;
use halo2_proofs::plonk::{Circuit, Column, ConstraintSystem, Fixed};
use halo2curves::bn256::Fr;
use nascent_circuits::grid::Cell;
use nascent_circuits::relayout::check::{Rule, check, violations};
use nascent_circuits::relayout::{CheckError, KnownWeights, Layout, RelayoutCircuit, WitnessError};
use rayon::prelude::*;

use crate::harness::{Kind, Model, Setting, cell};

fn known(model: &Model) -> &KnownWeights {
    let known = model.config.weights.known.as_ref();
    known.expect("public weights")
}

/// Rows of public weights, with the number of weights on each.
fn public_rows(model: &Model) -> Vec<(usize, usize)> {
    let rows = model.witness.layout().public.iter();
    rows.map(|row| (row.row, row.cells.len())).collect()
}

#[test]
fn constraints_hold() {
    let model = Model::of(Kind::Known);
    assert_eq!(model.honest.failures(&model.meta), []);
    assert_eq!(model.witness.check(), Ok(()));
    assert_eq!(model.undetermined, []);
}

/// Every weight is counted once, and the columns are those of the book's formula.
#[test]
fn layout_is_the_intended_one() {
    let setting = Setting::of(Kind::Known);
    let layout = setting.circuit.layout();
    assert_eq!(layout.derived_weights(), 40 * 50);
    assert_eq!(layout.public_weights(), 50 * 11 + 7 * 13);
    assert_eq!(layout.free_weights(), 11 * 9);
    assert_eq!(layout.shape.public_lanes, 40);
    let columns = |kind| {
        let circuit = Setting::of(kind).circuit;
        let shape = circuit.layout().shape.clone();
        let mut meta = ConstraintSystem::<Fr>::default();
        RelayoutCircuit::configure_with_params(&mut meta, shape.clone());
        let own = 2 * shape.tiles.len() + shape.weight_lanes + 2;
        let own = own + shape.vector_lanes + 1 + 2 * shape.rest_lanes + 2;
        meta.num_fixed_columns() - own
    };
    assert_eq!(columns(Kind::Derived), 0, "no columns without need");
    assert_eq!(columns(Kind::Known), 40 + 1);
}

/// Every cell of a public row is held by a constraint of its own, that of its lane, which alone
/// refuses another number; and nothing else of these columns is.
#[test]
fn every_public_weight_is_bound() {
    let model = Model::of(Kind::Known);
    let rows = public_rows(&model);
    assert_eq!(rows.len(), 11 * 2 + 7);
    let lanes = known(&model).public.len();
    let all = model.config.weights.values.len();
    // All lanes of the first and the last row, the first and the last two lanes of the others.
    let cells = rows.iter().enumerate().flat_map(|(i, &(row, _))| {
        let whole = i == 0 || i + 1 == rows.len();
        let lanes = (0..all).filter(move |&j| whole || j == 0 || j + 2 >= all);
        lanes.map(move |j| (row, j))
    });
    let cells: Vec<(usize, usize)> = cells.collect();
    cells.into_par_iter().for_each(|(row, j)| {
        let column = model.config.weights.values[j];
        let verdict = model.verdict([(cell(column, row), Fr::ONE)]);
        let name = ("public weights".to_owned(), format!("lane {j}"));
        assert!(j < lanes);
        assert_eq!(verdict, [name], "row {row}, lane {j}");
    });
}

/// A table with other numbers than those that are listed, in place of the old ones.
#[test]
fn table_of_other_numbers() {
    let model = Model::of(Kind::Known);
    let setting = Setting::of(Kind::Known);
    let table = setting.table.expect("an embedding");
    let mut params = setting.params.clone();
    for value in params.values.get_mut(&table).expect("there") {
        *value = -*value;
    }
    let error = setting.circuit.with_witness(&setting.tiles, &params).err();
    assert!(
        matches!(error, Some(WitnessError::Public { what: "weight", .. })),
        "{error:?}"
    );
    // A prover who does it all the same.
    let layout = setting.circuit.layout();
    let plans = layout.inference.weights.iter();
    let plan = plans.into_iter().find(|plan| plan.tensor == table);
    let plan = plan.expect("in the weights' columns");
    let offset = Fr::from(layout.shape.weight_offset as u64);
    let twists: Vec<(Cell, Fr)> = (0..plan.elements.len())
        .map(|index| {
            let width = plan.matrix.columns;
            let (row, lane) = plan.matrix.at(index / width, index % width);
            let at = cell(model.config.weights.values[lane], row);
            (at, (offset - model.value(at)).double())
        })
        .collect();
    let verdict: BTreeSet<_> = model.verdict(twists).into_iter().collect();
    let names = (0..13).map(|j| ("public weights".to_owned(), format!("lane {j}")));
    assert_eq!(verdict, names.collect());
}

/// The list says nothing of the last matrix, and neither does the proof.
#[test]
fn free_weights_are_free() {
    let model = Model::of(Kind::Known);
    let layout = model.witness.layout();
    let free = layout.inference.weights.iter();
    let free: Vec<_> = free
        .filter(|plan| layout.free.contains(&plan.tensor))
        .collect();
    assert_eq!(free.len(), 1);
    let matrix = &free[0].matrix;
    for (i, j) in [(0, 0), (matrix.rows - 1, matrix.columns - 1)] {
        let (row, lane) = matrix.at(i, j);
        let at = cell(model.config.weights.values[lane], row);
        assert_eq!(model.verdict([(at, Fr::ONE)]), []);
    }
}

fn changed(
    model: &Model,
    free: &BTreeSet<nascent_ir::TensorId>,
    changes: &[(Column<Fixed>, usize, i64)],
) -> Result<(), CheckError> {
    let mut sheet = model.witness.sheet().clone();
    for &(column, row, to) in changes {
        sheet.fixed_mut(column)[row] = to;
    }
    let inference = &model.witness.layout().inference;
    check(&model.config, &sheet, inference, free)
}

/// Every flag and every number that is not that of a weight; numbers that no cell can hold.
#[test]
fn every_changed_row_is_refused() {
    let model = Model::of(Kind::Known);
    let free = &model.witness.layout().free;
    assert_eq!(changed(&model, free, &[]), Ok(()));
    let rows = public_rows(&model);
    let known = known(&model);
    for row in 0..model.config.shape.rows() {
        let public = rows.iter().find(|(at, _)| *at == row);
        let flag = i64::from(public.is_some());
        for to in [-1, 1 - flag, 2] {
            let error = changed(&model, free, &[(known.rows, row, to)]);
            assert!(error.is_err(), "row {row}: {to}");
        }
        for (lane, &column) in known.public.iter().enumerate() {
            let holds = public.is_some_and(|&(_, lanes)| lane < lanes);
            let to: &[i64] = if holds {
                &[-1, 256]
            } else {
                &[-1, 1, 127, 256]
            };
            for &to in to {
                let error = changed(&model, free, &[(column, row, to)]);
                assert!(error.is_err(), "row {row}, lane {lane}: {to}");
            }
        }
    }
}

/// A matrix that nothing holds is said to be free, and no other is.
#[test]
fn free_matrices_are_those_said() {
    let model = Model::of(Kind::Known);
    let layout = model.witness.layout();
    let rules = |free: &BTreeSet<_>| -> Vec<Rule> {
        let sheet = model.witness.sheet();
        let found = violations(&model.config, sheet, &layout.inference, free);
        found.iter().map(|violation| violation.rule).collect()
    };
    assert_eq!(rules(&BTreeSet::new()), [Rule::WeightHeld]);
    let mut forgotten = Layout::clone(layout);
    forgotten.free.clear();
    assert!(RelayoutCircuit::new(forgotten.into()).check().is_err());
    let mut all = Vec::new();
    for plan in &layout.inference.weights {
        let free = layout.free.iter().copied().chain([plan.tensor]);
        let free: BTreeSet<_> = free.collect();
        if free.len() > layout.free.len() {
            all.push(rules(&free));
        }
    }
    all.sort_unstable();
    let expected = [
        vec![Rule::NoDeviate],
        vec![Rule::NoPublic],
        vec![Rule::NoPublic],
    ];
    assert_eq!(all, expected);
}
