//! Attacks on claims and on the order of challenges.

use std::collections::BTreeMap;

use ff::Field;
use halo2curves::bn256::Fr;
use nascent_circuits::grid::{Cell, Grid};

use crate::attacks::{SUM, model, refused, twisted};
use crate::harness::{Forgery, Model, cell};
use crate::manifest::wrong_product;

/// Another result of a contraction changes the output, and only the claims object.
#[test]
fn wrong_intermediate() {
    let model = model("perceptron");
    let matrix = model.circuit.layout().contractions[0].result.matrix;
    let mut changed = false;
    for column in 0..matrix.columns {
        let (row, lane) = matrix.at(0, column);
        let at = cell(model.config.units.lanes[lane].a, row);
        let forgery = twisted([(at, Fr::from(100))]);
        let grid = model.forge(&forgery).expect("nothing to close");
        changed |= grid.instance != model.honest.instance;
        refused(model, &forgery, "claim sum", SUM);
    }
    assert!(changed, "no output depends on the result");
}

/// Two rows of a result change places.
#[test]
fn rows_of_a_matrix_swapped() {
    let model = model("attention");
    let layout = model.circuit.layout();
    let matrix = layout.contractions[0].result.matrix;
    let a = |row: usize, column: usize| {
        let (row, lane) = matrix.at(row, column);
        cell(model.config.units.lanes[lane].a, row)
    };
    let value = |at: Cell| model.honest.advice[at.column][at.row];
    let twists = (0..matrix.columns).flat_map(|column| {
        let (x, y) = (a(0, column), a(1, column));
        [(x, value(y) - value(x)), (y, value(x) - value(y))]
    });
    refused(model, &twisted(twists), "claim sum", SUM);
}

/// What stands in a lane without a unit counts as zero in a claim, whatever a prover writes there;
/// a vector that counts it is refused.
#[test]
fn padding_of_a_raster_is_not_zero() {
    let model = model("convolutions");
    let plan = model.circuit.layout().contractions[0].clone();
    let raster = plan.left.claim().expect("a raster").matrix;
    let (row, lane) = (0..raster.columns)
        .map(|column| raster.at(0, column))
        .find(|&(row, lane)| !model.circuit.layout().units[row].cells[lane].active)
        .expect("padding");
    let out = model.config.units.lanes[lane].out;
    let first = |model: &Model, grid: &mut Grid| {
        grid.advice[out.index()][row] =
            Fr::from(77) + Fr::from(1 << (model.config.shape.table_bits - 1));
    };
    let padded = Forgery {
        first: Some(&first),
        ..Forgery::default()
    };
    let grid = model.forge(&padded).expect("nothing to close");
    assert_eq!(model.failures(&grid), []);
    assert_eq!(grid.instance, model.honest.instance);
    let column = (0..raster.columns)
        .find(|&c| raster.at(0, c) == (row, lane))
        .expect("found above");
    let s = model.honest.challenges[model.config.points.position.index()];
    let vectors = |model: &Model, grid: &mut Grid| {
        let value = Fr::from(77) * s.pow([column as u64]);
        grid.advice[model.config.contraction.left.index()][plan.first] += value;
    };
    let counted = Forgery {
        first: Some(&first),
        vectors: Some(&vectors),
        ..Forgery::default()
    };
    refused(model, &counted, "claim sum", SUM);
}

/// Changes an entry of a vector such that the sum of claims is zero for the grid's challenges.
pub fn compensate(model: &Model, grid: &mut Grid, column: usize, row: usize) {
    let check = model.sum_end("claim sum");
    let honest = grid.advice[column][row];
    // The sum is affine in each entry.
    let mut with = |fault: Fr| {
        grid.advice[column][row] = honest + fault;
        model.follow(grid, None);
        let scratch = &mut Vec::new();
        model.constraints.eval(check.0, grid, check.1, scratch)
    };
    let (at_zero, at_one) = (with(Fr::ZERO), with(Fr::ONE));
    with(-at_zero * (at_one - at_zero).invert().expect("an effect"));
}

/// A wrong result compensated in the claim of a vector: possible for one `gamma`, refused for any
/// other. So `gamma` must be drawn after the vectors; and the same for `z`.
#[test]
fn vector_compensated_in_another_identity() {
    for name in ["perceptron", "convolutions"] {
        let model = model(name);
        let columns = model.config.contraction.clone();
        let per_channel = model.circuit.layout().contractions[0].offsets.len();
        // Not the first entries: those have the same weight for every `z`.
        for (column, row) in [
            (columns.left.index(), per_channel),
            (columns.right.index(), 1),
        ] {
            let mut grid = model.honest.clone();
            let forgery = wrong_product(model);
            model.first_phase(&mut grid, &forgery);
            model.vectors(&mut grid);
            compensate(model, &mut grid, column, row);
            // With the challenges known, the false result passes.
            assert_eq!(model.failures(&grid), [], "{name}");
            assert_ne!(grid.advice, model.honest.advice);
            for challenge in [model.config.points.gamma, model.config.points.inner] {
                let mut other = grid.clone();
                model.redraw(&mut other, challenge.index());
                model.follow(&mut other, None);
                let sum = ("claim sum".to_owned(), SUM.to_owned());
                assert_eq!(model.failures(&other), [sum], "{name}");
            }
        }
    }
}

/// A false result that agrees with the true one at `r` and `s` passes: those must be drawn after
/// all matrices.
#[test]
fn result_chosen_for_known_points() {
    let model = model("perceptron");
    let layout = model.circuit.layout();
    let matrix = layout.contractions[0].result.matrix;
    let r = model.honest.challenges[model.config.points.column.index()];
    let a = |column: usize| {
        let (row, lane) = matrix.at(0, column);
        cell(model.config.units.lanes[lane].a, row)
    };
    // Only units that nobody reads may hold numbers out of range: the lanes beyond the columns.
    let columns = matrix.columns..matrix.lane_rows() * matrix.lanes;
    let spare = columns.clone().next().expect("a lane beyond the columns");
    let twists = BTreeMap::from([
        (a(0), Fr::ONE),
        (a(spare), -r.pow([spare as u64]).invert().expect("not zero")),
    ]);
    let forgery = Forgery {
        twists,
        ..Forgery::default()
    };
    let mut grid = model.forge(&forgery).expect("nothing to close");
    assert_eq!(model.failures(&grid), []);
    model.redraw(&mut grid, model.config.points.column.index());
    model.vectors(&mut grid);
    model.follow(&mut grid, None);
    let sum = ("claim sum".to_owned(), SUM.to_owned());
    assert_eq!(model.failures(&grid), [sum]);
}

/// Which phase each column is in, and after which each challenge is drawn.
#[test]
fn challenges_are_drawn_after_what_they_judge() {
    let model = model("attention");
    let phases = model.meta.advice_column_phase();
    let challenges = model.meta.challenge_phase();
    let config = &model.config;
    let randomness = config.fractions.randomness();
    let points = &config.points;
    for challenge in [
        randomness.alpha,
        randomness.beta,
        points.column,
        points.position,
    ] {
        assert_eq!(challenges[challenge.index()], 0);
    }
    for challenge in [points.inner, points.gamma] {
        assert_eq!(challenges[challenge.index()], 1);
    }
    for column in config.first_phase() {
        assert_eq!(phases[column.index()], 0);
    }
    for column in [config.contraction.left, config.contraction.right] {
        assert_eq!(phases[column.index()], 1);
    }
    let selection = crate::attacks::model("embedding").config.selection;
    let selection = selection.expect("a selection");
    let embedding = crate::attacks::model("embedding");
    let phases_there = embedding.meta.advice_column_phase();
    assert_eq!(phases_there[selection.indices.index.index()], 0);
    assert_eq!(phases_there[selection.term.index()], 2);
    // Every cell that a table or a claim reads is of the first phase, the vectors of the second.
    assert_eq!(
        phases.iter().filter(|&&phase| phase == 0).count(),
        config.first_phase().len()
    );
    assert_eq!(phases[config.claim_sum.index()], 2);
}
