//! Which cells follow from parameters, inputs and challenges, and which are free without effect.

use std::collections::{BTreeMap, BTreeSet};

use ff::Field;
use halo2curves::bn256::Fr;
use nascent_circuits::grid::Cell;
use nascent_circuits::inference::claim::Axis;
use nascent_circuits::inference::plan::layout::Section;
use nascent_circuits::inference::plan::rows::Ending;
use nascent_circuits::poseidon2::BLOCK_ROWS;
use rayon::prelude::*;

use crate::harness::{Forgery, Model, cell, wide_field};
use crate::manifest::models;

/// Given the first phase and the vectors, everything else follows from some constraint.
#[test]
fn the_later_phases_follow() {
    for model in models() {
        assert_eq!(model.undetermined, [], "{}", model.name);
    }
}

/// Cells of the first phase that no constraint reads with a factor other than zero.
fn free(model: &Model) -> BTreeSet<Cell> {
    let (layout, config) = (model.circuit.layout(), &model.config);
    let mut claimed = vec![false; model.honest.rows];
    for plan in &layout.contractions {
        claimed[plan.result.matrix.circuit_rows()].fill(true);
    }
    let mut free = BTreeSet::new();
    for (row, &claimed) in claimed.iter().enumerate().take(model.last()) {
        let unit = layout.units.get(row);
        for (j, lane) in config.units.lanes.iter().enumerate() {
            let here = unit.map(|unit| unit.cells[j]).unwrap_or_default();
            if !here.active {
                let columns = [lane.b, lane.quotient, lane.low, lane.high, lane.out];
                free.extend(columns.map(|column| cell(column, row)));
            }
            if here.b.is_none() {
                free.insert(cell(lane.b, row));
            }
            if here.a.is_none() && !claimed {
                free.insert(cell(lane.a, row));
            }
        }
        if unit.is_none_or(|unit| unit.cells.iter().all(|cell| !cell.active)) {
            free.insert(cell(config.units.row.multiplier, row));
        }
        let fold = layout.folds.get(row);
        for (j, lane) in config.folds.lanes.iter().enumerate() {
            if fold.is_none_or(|fold| fold.cells[j].is_none()) {
                free.extend([lane.x, lane.total].map(|column| cell(column, row)));
            }
        }
    }
    if let Some(selection) = &config.selection {
        let rows = layout.index_rows..model.last();
        free.extend(rows.map(|row| cell(selection.indices.index, row)));
    }
    if let Some(seal) = &config.seal {
        let own = seal.poseidon.a.iter().chain(&seal.poseidon.b);
        let own: Vec<_> = own.chain([&seal.chain, &seal.values.value]).collect();
        let seals = &layout.seals;
        for row in 0..model.last() {
            let inside = seals.iter().find(|seal| seal.rows().contains(&row));
            let at = inside.map(|seal| (row - seal.first) % BLOCK_ROWS);
            match at {
                None => free.extend(own.iter().map(|column| cell(**column, row))),
                // The permutation leaves these cells to its user, and here it has none.
                Some(6..=10) => {
                    free.insert(cell(seal.poseidon.spare_column(), row));
                }
                Some(_) => {}
            }
        }
    }
    for column in config.first_phase() {
        free.extend((model.last()..model.honest.rows).map(|row| cell(column, row)));
    }
    free
}

/// All free cells hold anything at once, and neither a constraint nor an output notices.
#[test]
fn free_cells_have_no_influence() {
    for model in models() {
        let free = free(model);
        let first = |_: &Model, grid: &mut nascent_circuits::grid::Grid| {
            let mut random = Fr::from(5);
            for cell in &free {
                random = random.square() + Fr::from(3);
                grid.advice[cell.column][cell.row] = random;
            }
        };
        let forgery = Forgery {
            first: Some(&first),
            ..Forgery::default()
        };
        let grid = model.forge(&forgery).expect("nothing to close");
        assert_eq!(model.failures(&grid), [], "{}", model.name);
        assert_eq!(grid.instance, model.honest.instance);
    }
}

/// Every other cell of the first phase: changed alone, with all later phases computed honestly, it
/// breaks a constraint.
#[test]
fn all_other_cells_are_bound() {
    for model in models() {
        let free = free(model);
        let mut columns = model.config.first_phase();
        if let Some(seal) = &model.config.seal {
            columns.extend(seal.poseidon.a.iter().chain(&seal.poseidon.b));
            columns.push(seal.chain);
        }
        let cells = columns
            .iter()
            .flat_map(|column| (0..model.last()).map(|row| cell(*column, row)));
        let bound: Vec<Cell> = cells.filter(|cell| !free.contains(cell)).collect();
        // A sample; an odd step goes through all columns and lanes.
        let step = (bound.len() / 150).max(1) | 1;
        let accepted: Vec<Cell> = bound
            .into_par_iter()
            .step_by(step)
            .filter(|cell| {
                let mut grid = model.honest.clone();
                grid.advice[cell.column][cell.row] += Fr::ONE;
                model.vectors(&mut grid);
                model.follow(&mut grid, None);
                model.failures(&grid).is_empty()
            })
            .collect();
        assert_eq!(accepted, [], "{}", model.name);
    }
}

/// Cells that are free inside their range: the remainder of an exact unit, parameters that nobody
/// reads, weights beyond the columns of their matrix.
fn free_within_range(model: &Model) -> BTreeMap<Cell, Fr> {
    let (layout, config) = (model.circuit.layout(), &model.config);
    let mut twists = BTreeMap::new();
    for (row, unit) in layout.units.iter().enumerate() {
        for (lane, cell_) in config.units.lanes.iter().zip(&unit.cells) {
            if cell_.active && unit.op.ending == Ending::Exact {
                twists.insert(cell(lane.low, row), Fr::from(200));
                twists.insert(cell(lane.high, row), Fr::from(255));
            }
        }
    }
    let used = layout.params.len();
    for (j, lane) in config.params.lanes.iter().enumerate() {
        for row in 0..model.last() {
            if row * config.params.lanes.len() + j >= used {
                twists.insert(cell(lane.value, row), wide_field(40_000));
            }
        }
    }
    for row in layout.weight_rows..model.last() {
        for column in &config.params.weights {
            let value = model.honest.advice[column.index()][row];
            twists.insert(cell(*column, row), Fr::from(3) - value);
        }
    }
    for claim in layout
        .claims()
        .filter(|claim| matches!(claim.section, Section::Weights(_)))
    {
        let matrix = claim.matrix;
        let [first, end] = [matrix.columns, matrix.lane_rows() * matrix.lanes];
        // Lanes beyond the result's own would be products that have no place.
        let result = layout.contractions.iter().find(|plan| plan.right == *claim);
        let result = result.expect("of a contraction").result.matrix;
        let reach = result.lane_rows() * result.lanes;
        let plain = layout.contractions.iter().any(|plan| {
            let left = plan.left.claim();
            plan.right == *claim && left.is_none_or(|left| left.fast == Axis::Inner)
        });
        if claim.fast == Axis::Column && plain {
            for i in 0..matrix.rows {
                for column in first..end.min(reach) {
                    let (row, lane) = matrix.at(i, column);
                    twists.insert(cell(config.params.weights[lane], row), Fr::ONE);
                }
            }
        }
    }
    twists
}

#[test]
fn some_cells_are_free_within_their_range() {
    for model in models() {
        let twists = free_within_range(model);
        let forgery = Forgery {
            twists,
            ..Forgery::default()
        };
        let grid = model.forge(&forgery).expect("nothing to close");
        assert_eq!(model.failures(&grid), [], "{}", model.name);
        assert_eq!(grid.instance, model.honest.instance);
        assert_ne!(grid.advice, model.honest.advice);
    }
}
