//! For each constraint a forgery that it alone refuses, and for each column.

use std::collections::BTreeMap;

use ff::Field;
use halo2_proofs::plonk::{Advice, Column, Fixed};
use halo2curves::bn256::Fr;
use nascent_circuits::grid::{At, Cell};
use rayon::prelude::*;

use crate::harness::{Model, Verdict, cell, sum};

/// One weight is off by one.
fn wrong_weight(model: &Model) -> BTreeMap<Cell, Fr> {
    BTreeMap::from([(model.weight(0, 3, 5), Fr::ONE)])
}

#[test]
fn every_constraint_alone_refuses_a_forgery() {
    let model = Model::new();
    let forged = wrong_weight(&model);
    let names = model.constraints.names().to_vec();
    let verdicts: Vec<Option<Verdict>> = (0..names.len())
        .into_par_iter()
        .map(|constraint| refusal(&model, constraint, &forged))
        .collect();
    for (name, verdict) in names.into_iter().zip(verdicts) {
        assert_eq!(verdict, Some(vec![name]));
    }
}

/// With the check at the end met by a cell that the constraint determines, if it is another one.
fn refusal(model: &Model, constraint: usize, forged: &BTreeMap<Cell, Fr>) -> Option<Verdict> {
    if constraint == model.end().0 {
        return Some(model.failures(&model.forge(forged)));
    }
    if let Some(vector) = public(model, constraint) {
        return Some(model.verdict([(vector, Fr::ONE)]));
    }
    let steps = model.follows.iter();
    let mut steps = steps.filter(|step| step.constraint == constraint);
    let step = steps.next()?;
    let at: At = (constraint, step.row);
    let grid = model.forge_closing(forged, at)?;
    Some(model.failures(&grid))
}

/// The first cell that a constraint on public parameters is about.
fn public(model: &Model, constraint: usize) -> Option<Cell> {
    let lanes = model.config.vectors.iter().enumerate();
    let mut lanes = lanes.filter(|(j, _)| {
        let name = format!("lane {j}");
        model.constraints.find("public parameters", &name) == Some(constraint)
    });
    lanes.next().map(|(_, lane)| cell(lane.value, 0))
}

/// Every vector parameter is held against its public value, and nothing else of its column.
#[test]
fn every_vector_is_bound() {
    let model = Model::new();
    let layout = model.witness.layout();
    let lanes = model.config.vectors.len();
    assert_eq!(layout.vectors.len(), 50);
    for row in 0..model.honest.rows {
        for (j, lane) in model.config.vectors.iter().enumerate() {
            let verdict = model.verdict([(cell(lane.value, row), Fr::ONE)]);
            let bound = row < layout.vectors.len().div_ceil(lanes);
            let name = ("public parameters".to_owned(), format!("lane {j}"));
            let expected = if bound { vec![name] } else { Vec::new() };
            assert_eq!(verdict, expected, "row {row}, lane {j}");
        }
    }
}

/// Cells that count, by column.
fn counting(model: &Model) -> Vec<(Column<Advice>, Column<Fixed>)> {
    let config = &model.config;
    let tiles = config
        .tiles
        .iter()
        .flat_map(|tile| tile.values.iter().map(|&value| (value, tile.uses)));
    let weights = config.weights.values.iter().copied();
    let weights = weights.zip(config.weights.counts.iter().copied());
    let rest = config.rest.iter().map(|lane| (lane.value, lane.count));
    tiles.chain(weights).chain(rest).collect()
}

/// In every column, the first and the last cell that counts.
#[test]
fn every_column_is_bound() {
    let model = Model::new();
    counting(&model).into_par_iter().for_each(|(value, count)| {
        let counts = &model.honest.fixed[count.index()];
        let mut rows = (0..model.last()).filter(|&row| counts[row] != Fr::ZERO);
        let first = rows.next().expect("a cell that counts");
        let last = rows.next_back().unwrap_or(first);
        for row in [first, last] {
            let verdict = model.verdict([(cell(value, row), -Fr::ONE)]);
            assert_eq!(verdict, sum(), "{value:?} on row {row}");
        }
    });
}

/// Cells that do not count are free: nothing is said about them.
#[test]
fn other_cells_have_no_influence() {
    let model = Model::new();
    let mut random = Fr::from(7);
    let mut twists = Vec::new();
    for (value, count) in counting(&model) {
        for row in 0..model.honest.rows {
            if row >= model.last() || model.honest.fixed[count.index()][row] == Fr::ZERO {
                random = random.square() + Fr::ONE;
                twists.push((cell(value, row), random));
            }
        }
    }
    assert!(twists.len() > 1000);
    assert_eq!(model.verdict(twists), []);
}

/// Given the first phase, everything that a constraint reads is determined.
#[test]
fn the_second_phase_follows() {
    assert_eq!(Model::new().undetermined, []);
}
