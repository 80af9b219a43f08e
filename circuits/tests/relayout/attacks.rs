//! Attacks by name: all but those on the key end in the sum.

use ff::Field;
use halo2curves::bn256::Fr;
use nascent_circuits::grid::{Cell, Grid, take};
use nascent_circuits::inference::linear::field;

use crate::harness::{Model, cell, sum};

/// The cell takes another's value.
fn becomes(model: &Model, at: Cell, value: Fr) -> (Cell, Fr) {
    (at, value - model.value(at))
}

#[test]
fn changed_weight() {
    let model = Model::new();
    for (param, row, column) in [(0, 0, 0), (0, 39, 49), (1, 49, 10), (2, 0, 0)] {
        let at = model.weight(param, row, column);
        for off in [Fr::ONE, -Fr::ONE, field(1 << 8), field(1 << 40)] {
            assert_eq!(model.verdict([(at, off)]), sum(), "{param} {row} {column}");
        }
    }
}

#[test]
fn swapped_pair() {
    let model = Model::new();
    let first = model.weight(0, 1, 2);
    // In the same column, and in another one.
    for second in [model.weight(0, 1, 4), model.weight(0, 7, 2)] {
        let (a, b) = (model.value(first), model.value(second));
        assert_ne!(a, b);
        let verdict = model.verdict([becomes(&model, first, b), becomes(&model, second, a)]);
        assert_eq!(verdict, sum());
    }
}

#[test]
fn duplicated_weight_and_missing_one() {
    let model = Model::new();
    let (first, second) = (model.weight(1, 0, 0), model.weight(1, 0, 1));
    let twice = model.value(first);
    assert_ne!(twice, model.value(second));
    assert_eq!(model.verdict([becomes(&model, second, twice)]), sum());
    let zero = field(model.witness.layout().shape.weight_offset);
    assert_ne!(model.value(second), zero);
    assert_eq!(model.verdict([becomes(&model, second, zero)]), sum());
}

/// Whole matrices exchanged: an element of one tensor where that of another should stand.
#[test]
fn weights_of_another_tensor() {
    let model = Model::new();
    let twists = (0..11).flat_map(|row| {
        let model = &model;
        (0..9).flat_map(move |column| {
            let (a, b) = (model.weight(0, row, column), model.weight(2, row, column));
            [
                becomes(model, a, model.value(b)),
                becomes(model, b, model.value(a)),
            ]
        })
    });
    let twists: Vec<_> = twists.collect();
    assert_eq!(model.verdict(twists), sum());
}

/// Two weights that are the same deviate do not agree, or agree and are another one.
#[test]
fn two_uses_of_one_deviate() {
    let model = Model::new();
    // Element 41 of the tensor: row 3, column 8 of the one, the first of the other.
    let (first, second) = (model.weight(1, 3, 8), model.weight(2, 0, 0));
    assert_eq!(model.value(first), model.value(second));
    assert_eq!(model.verdict([(second, Fr::ONE)]), sum());
    assert_eq!(model.verdict([(first, Fr::ONE), (second, Fr::ONE)]), sum());
}

/// Deviates changed together with their weights are no fault of this proof: the link to the tile's
/// proof refuses them.
#[test]
fn weight_and_deviate_changed_together() {
    let model = Model::new();
    let weight = model.weight(0, 0, 0);
    // The tensor's first element: the stream's second row, its first lane.
    let tile = &model.config.tiles[0];
    let deviate = cell(tile.values[0], 45 + 1);
    let offsets = model.value(weight) - model.value(deviate);
    assert_eq!(offsets, Fr::ZERO, "the offsets are the same");
    assert_eq!(model.verdict([(weight, Fr::ONE), (deviate, Fr::ONE)]), []);
    // The uniform's deviates go in steps of two; the first row has no element that is used twice.
    let (weight, deviate) = (model.weight(1, 0, 4), model.config.tiles[2].values[4]);
    let deviate = cell(deviate, 45);
    let two = Fr::from(2);
    assert_eq!(model.verdict([(weight, two), (deviate, Fr::ONE)]), []);
    assert_eq!(
        model.verdict([(weight, Fr::ONE), (deviate, Fr::ONE)]),
        sum()
    );
}

/// A weight made up for in the rest, or by another deviate of the same row.
#[test]
fn fault_moved_elsewhere() {
    let model = Model::new();
    let weight = model.weight(0, 0, 0);
    let rest = cell(model.config.rest[0].value, 0);
    let neighbour = cell(model.config.tiles[0].values[1], 45 + 1);
    for other in [rest, neighbour] {
        for sign in [Fr::ONE, -Fr::ONE] {
            assert_eq!(model.verdict([(weight, Fr::ONE), (other, sign)]), sum());
        }
    }
}

/// With the challenges known, two wrong weights make up for each other; with fresh ones they do
/// not.
#[test]
fn weights_chosen_for_known_challenges() {
    let model = Model::new();
    let (first, second) = (model.weight(0, 0, 0), model.weight(0, 0, 1));
    let randomness = model.config.fractions.randomness();
    let challenge = |grid: &Grid, at: usize| grid.challenges[at];
    let (alpha, beta) = (randomness.alpha.index(), randomness.beta.index());
    let offset = field(model.witness.layout().shape.weight_offset);
    // Elements 0 and 40 of the second tensor of the first stream, whose first row is its second.
    let denominator = |grid: &Grid, address: i64, cell: Fr| {
        let beta = challenge(grid, beta);
        challenge(grid, alpha) + field(address) + beta * (cell - offset)
    };
    let mut grid = model.honest.clone();
    let [a, b] = [(31, first), (31 + 40, second)]
        .map(|(address, cell)| denominator(&grid, address, model.value(cell)));
    let inverse = |value: Fr| value.invert().expect("not zero");
    let wrong = denominator(&grid, 31, model.value(first) + Fr::ONE);
    let needed = inverse(inverse(a) + inverse(b) - inverse(wrong));
    let beta_value = challenge(&grid, beta);
    grid.advice[first.column][first.row] += Fr::ONE;
    grid.advice[second.column][second.row] += (needed - b) * inverse(beta_value);
    take(&model.constraints, &mut grid, &model.follows, &[]);
    assert_eq!(model.failures(&grid), [], "against known challenges");
    for at in [alpha, beta] {
        let mut fresh = grid.clone();
        fresh.challenges[at] = fresh.challenges[at].square() + Fr::from(5);
        take(&model.constraints, &mut fresh, &model.follows, &[]);
        assert_eq!(model.failures(&fresh), sum(), "against fresh ones");
    }
}

/// The challenges are drawn after all cells that they judge.
#[test]
fn challenges_are_drawn_after_what_they_judge() {
    let model = Model::new();
    assert_eq!(model.meta.challenge_phase(), [0, 0]);
    let phases = model.meta.advice_column_phase();
    let cells = model.config.shape.tile_lanes()
        + model.config.weights.values.len()
        + model.config.vectors.len()
        + model.config.rest.len();
    assert!(phases[..cells].iter().all(|&phase| phase == 0));
    assert!(phases[cells..].iter().all(|&phase| phase == 1));
}
