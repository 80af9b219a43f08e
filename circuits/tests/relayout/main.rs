//! The relayout circuit: what it accepts, that each constraint is needed, and what it refuses.
//!
//! - [`harness`]: a model of two streams in three tiles, beside an inference with three matrices;
//! - [`manifest`]: for each constraint and each column a forgery that it alone refuses;
//! - [`attacks`]: attacks by name;
//! - [`known`]: public parameters among the weights;
//! - [`checker`]: fixed columns that do not mean equality are refused; [`checker_manifest`]: for each
//!   rule of the checker columns that it alone refuses;
//! - [`refused`]: models, graphs and witnesses that have no relayout.

mod attacks;
mod checker;
mod checker_manifest;
mod harness;
mod known;
mod manifest;
mod refused;

use halo2_proofs::plonk::{Circuit, ConstraintSystem};
use halo2curves::bn256::Fr;
use harness::{Model, setting};
use nascent_circuits::relayout::RelayoutCircuit;

#[test]
fn constraints_hold() {
    let model = Model::new();
    assert_eq!(model.honest.failures(&model.meta), []);
}

#[test]
fn fixed_columns_pass_their_check() {
    assert_eq!(setting().circuit.check(), Ok(()));
}

/// Weights, rest and tiles of the test setting: two streams, one of them in two tiles; a matrix
/// whose elements are used twice.
#[test]
fn layout_is_the_intended_one() {
    let setting = setting();
    let layout = setting.circuit.layout();
    let tiles: Vec<_> = layout.tiles.iter().map(|t| (t.stream, t.index)).collect();
    assert_eq!(tiles, [(0, 0), (0, 1), (1, 0)]);
    let weights: usize = layout.weights.iter().map(|row| row.lanes).sum();
    assert_eq!(weights, 40 * 50 + 50 * 11 + 11 * 9);
    let most = |tile: usize| layout.tiles[tile].uses.iter().copied().max();
    assert_eq!([most(0), most(1), most(2)], [Some(1), Some(1), Some(2)]);
    assert!(layout.rest.iter().any(|rest| rest.count == 2));
    // The first matrix leaves 15 of its last row; of the second, 13 rows of 36 have one of the 99
    // elements that are used twice.
    assert_eq!(layout.rest.len(), 15 + 13 * 36 - 99);
    assert_eq!(layout.shape.rest_lanes, 4);
}

/// Columns by the formula of the book, and the degree of each gate.
#[test]
fn costs_are_those_of_the_book() {
    let setting = setting();
    let shape = &setting.circuit.layout().shape;
    let mut meta = ConstraintSystem::<Fr>::default();
    RelayoutCircuit::configure_with_params(&mut meta, shape.clone());
    let (tiles, lanes) = (shape.tiles.len(), shape.tile_lanes());
    let (weights, rest) = (shape.weight_lanes, shape.rest_lanes);
    let cells = lanes + weights + rest;
    let vectors = shape.vector_lanes;
    let later = cells.div_ceil(3) + 1;
    assert_eq!(meta.num_advice_columns(), cells + vectors + later);
    let of_vectors = vectors + 1;
    assert_eq!(
        meta.num_fixed_columns(),
        2 * tiles + weights + 2 + of_vectors + 2 * rest + 2
    );
    assert_eq!(meta.num_instance_columns(), 0);
    for (name, degree) in [
        ("public parameters", 2),
        ("fractions", 5),
        ("fraction sum", 2),
    ] {
        let gate = meta.gates().iter().find(|gate| gate.name() == name);
        let polynomials = gate.expect("a gate of that name").polynomials();
        let highest = polynomials.iter().map(|p| p.degree()).max();
        assert_eq!(highest, Some(degree), "{name}");
    }
    assert!(meta.blinding_factors() < 8);
}

/// The first columns are those that other proofs have, in the same order.
#[test]
fn columns_stand_as_the_statement_says() {
    let setting = setting();
    let model = Model::new();
    let lanes = model.config.tiles.iter().flat_map(|tile| &tile.values);
    let columns: Vec<usize> = lanes
        .chain(&model.config.weights.values)
        .copied()
        .chain(model.config.vectors.iter().map(|lane| lane.value))
        .map(|column| column.index())
        .collect();
    let expected: Vec<usize> = (0..columns.len()).collect();
    assert_eq!(columns, expected);
    assert_eq!(columns.len(), 31 + 31 + 36 + 40 + 1);
    // All that counts stands on the rows that a link speaks of.
    let layout = setting.circuit.layout();
    let shared = layout.shared_columns();
    let (parameters, tiles) = shared.split_last().expect("parameters");
    assert!(layout.weights.iter().all(|row| row.row < parameters.rows));
    assert!(layout.vectors.len() <= parameters.rows);
    for (tile, shared) in layout.tiles.iter().zip(tiles) {
        assert!(tile.first_row + tile.uses.len() <= shared.rows);
    }
    // Weight columns hold what inference has there, to the last row of its sums.
    let offset = setting.shape.weight_offset();
    let last = setting.shape.last_row();
    let column = model.config.weights.values[39];
    let cells = setting.witness.sheet().advice(column);
    assert!(
        cells[..last]
            .iter()
            .all(|&cell| cell >= 0 && cell < 2 * offset)
    );
    assert_eq!(cells[last - 1], offset);
    assert!(cells[last..].iter().all(|&cell| cell == 0));
}
