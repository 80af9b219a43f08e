//! The checker of fixed columns: it accepts what the planner writes, and refuses each change.

use halo2_proofs::plonk::{Column, Fixed};
use nascent_circuits::inference::sheet::Sheet;
use nascent_circuits::relayout::CheckError;
use nascent_circuits::relayout::check::{Rule, check};
use rayon::prelude::*;

use crate::harness::Model;

type Change = (Column<Fixed>, usize, i64);

fn changed(model: &Model, changes: &[Change]) -> Result<(), CheckError> {
    let mut sheet = Sheet::clone(model.witness.sheet());
    for &(column, row, to) in changes {
        sheet.fixed_mut(column)[row] = to;
    }
    let layout = model.witness.layout();
    check(&model.config, &sheet, &layout.inference, &layout.free)
}

fn at(model: &Model, column: Column<Fixed>, row: usize) -> i64 {
    model.witness.sheet().fixed(column)[row]
}

fn all_refused(model: &Model, changes: &[Change]) {
    assert!(changes.len() > 10);
    changes.par_iter().for_each(|change| {
        assert!(changed(model, &[*change]).is_err(), "{change:?}");
    });
}

#[test]
fn the_planners_columns_pass() {
    assert_eq!(changed(&Model::new(), &[]), Ok(()));
}

#[test]
fn every_changed_count_is_refused() {
    let model = Model::new();
    let config = &model.config;
    let mut columns = config.weights.counts.clone();
    columns.extend(config.tiles.iter().map(|tile| tile.uses));
    columns.extend(config.rest.iter().map(|lane| lane.count));
    columns.extend([config.running, config.ends]);
    let rows = 0..config.shape.rows();
    let cells = columns
        .iter()
        .flat_map(|&column| rows.clone().map(move |row| (column, row)));
    let changes = cells.flat_map(|(column, row)| {
        let value = at(&model, column, row);
        [-1, 0, 1, 2]
            .map(|to| (column, row, to))
            .into_iter()
            .filter(move |c| c.2 != value)
    });
    let changes: Vec<Change> = changes.step_by(7).collect();
    all_refused(&model, &changes);
}

/// Wherever there is a cell that counts.
#[test]
fn every_changed_address_is_refused() {
    let model = Model::new();
    let config = &model.config;
    let mut changes: Vec<Change> = Vec::new();
    let mut push = |column, row| {
        let value = at(&model, column, row);
        changes.extend([value + 1, value - 1, 0, -1, i64::MAX].map(|to| (column, row, to)));
    };
    for row in (0..model.last()).step_by(3) {
        for tile in config
            .tiles
            .iter()
            .filter(|tile| at(&model, tile.uses, row) > 0)
        {
            push(tile.base, row);
        }
        if at(&model, config.weights.counts[0], row) > 0 {
            push(config.weights.base, row);
        }
        if at(&model, config.weights.counts[1], row) > 0 {
            push(config.weights.step, row);
        }
        for lane in config
            .rest
            .iter()
            .filter(|lane| at(&model, lane.count, row) > 0)
        {
            push(lane.address, row);
        }
    }
    let honest = |change: &Change| at(&model, change.0, change.1) == change.2;
    changes.retain(|change| !honest(change));
    all_refused(&model, &changes);
}

/// Two rows of deviates at the same addresses, and a weight row counted on another's.
#[test]
fn overlapping_addresses_are_refused() {
    let model = Model::new();
    let config = &model.config;
    let row = 45 + 5;
    let overlap = |tile: usize, to: i64| {
        let base = config.tiles[tile].base;
        changed(&model, &[(base, row, to)])
    };
    let twice = |error: Result<(), CheckError>| {
        let rule = error.map_err(|error| error.rule);
        assert!(
            matches!(rule, Err(Rule::OneDeviate | Rule::AsOften)),
            "{rule:?}"
        );
    };
    let own = at(&model, config.tiles[0].base, row);
    twice(overlap(0, own - 31));
    twice(overlap(0, own - 1));
    twice(overlap(2, own));
    let weights = &config.weights;
    let rows: Vec<usize> = (0..model.last())
        .filter(|&row| at(&model, weights.counts[0], row) == 1)
        .collect();
    let exchanged = |a: usize, b: usize| {
        [
            (weights.base, a, at(&model, weights.base, b)),
            (weights.step, a, at(&model, weights.step, b)),
        ]
    };
    let error = changed(&model, &exchanged(rows[0], rows[4]));
    assert_eq!(error.map_err(|error| error.rule), Err(Rule::AsOften));
}
