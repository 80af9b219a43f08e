//! Attacks by name: what a cheating prover would try, and which constraint refuses it.

use std::collections::BTreeMap;

use ff::Field;
use halo2curves::bn256::Fr;
use nascent_circuits::grid::{Cell, Grid};
use nascent_circuits::inference::plan::rows::{Ending, Fold, Multiplier};

use crate::graphs::cases;
use crate::harness::{Forgery, Model, cell, small, wide_field};
use crate::lanes;
use crate::manifest::wrong_product;

const SUM: &str = "zero at both ends";

fn model(name: &str) -> Model {
    let case = cases().into_iter().find(|case| case.name == name);
    Model::new(&case.expect("a case of that name"), lanes()[0])
}

/// Refused by this constraint and no other.
fn refused(model: &Model, forgery: &Forgery<'_>, gate: &str, name: &str) {
    let verdict = model.verdict(forgery).expect("nothing to close");
    assert_eq!(
        verdict,
        [(gate.to_owned(), name.to_owned())],
        "{}",
        model.name
    );
}

fn twisted(twists: impl IntoIterator<Item = (Cell, Fr)>) -> Forgery<'static> {
    Forgery {
        twists: twists.into_iter().collect(),
        ..Forgery::default()
    }
}

/// Row of the first unit in a lane for which something holds.
fn unit(model: &Model, lane: usize, ending: Ending) -> usize {
    let units = &model.circuit.layout().units;
    let row = units
        .iter()
        .position(|u| u.op.ending == ending && u.cells[lane].active);
    row.expect("such a unit")
}

#[test]
fn wrong_output() {
    for case in cases() {
        let model = Model::new(&case, lanes()[0]);
        for index in [0, model.outputs.len() - 1] {
            let forgery = Forgery {
                outputs: vec![(index, -Fr::ONE)],
                ..Forgery::default()
            };
            refused(&model, &forgery, "fraction sum", SUM);
        }
    }
}

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
        refused(&model, &forgery, "claim sum", SUM);
    }
    assert!(changed, "no output depends on the result");
}

/// The remainder's pieces are out of range, shifted by `2^T` against each other.
#[test]
fn remainder_shifted_between_its_pieces() {
    let model = model("perceptron");
    let (row, lane) = (
        unit(&model, 0, Ending::Requantize),
        model.config.units.lanes[0],
    );
    let limit = Fr::from(1 << model.config.shape.table_bits);
    for sign in [Fr::ONE, -Fr::ONE] {
        let twists = [
            (cell(lane.low, row), limit * sign),
            (cell(lane.high, row), -sign),
        ];
        let verdict = model.verdict(&twisted(twists)).expect("nothing to close");
        assert_eq!(verdict, [("fraction sum".to_owned(), SUM.to_owned())]);
    }
}

/// `q` is what the prover likes, and the remainder `p - v` makes up for it.
#[test]
fn quotient_with_a_negative_remainder() {
    let model = model("perceptron");
    let (row, lane) = (
        unit(&model, 1, Ending::Requantize),
        model.config.units.lanes[1],
    );
    let step = Fr::from(1 << (2 * model.config.shape.table_bits));
    let twists = [
        (cell(lane.quotient, row), Fr::ONE),
        (cell(lane.low, row), -step),
    ];
    refused(&model, &twisted(twists), "fraction sum", SUM);
}

/// `q = p - v` is no entry, whatever its result.
#[test]
fn quotient_outside_of_the_table() {
    let model = model("perceptron");
    let (row, lane) = (
        unit(&model, 0, Ending::Requantize),
        model.config.units.lanes[0],
    );
    let limit = Fr::from(1 << model.config.shape.table_bits);
    let step = limit.square();
    let twists = [
        (cell(lane.quotient, row), -limit),
        (cell(lane.low, row), limit * step),
    ];
    refused(&model, &twisted(twists), "fraction sum", SUM);
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
    refused(&model, &twisted(twists), "claim sum", SUM);
}

/// What stands in a lane without a unit counts as zero in a claim, whatever a prover writes there;
/// a vector that counts it is refused.
#[test]
fn padding_of_a_raster_is_not_zero() {
    let model = model("convolutions");
    let plan = model.circuit.layout().contractions[0].clone();
    let (row, lane) = (0..plan.left.matrix.columns)
        .map(|column| plan.left.matrix.at(0, column))
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
    let column = (0..plan.left.matrix.columns)
        .find(|&c| plan.left.matrix.at(0, c) == (row, lane))
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
    refused(&model, &counted, "claim sum", SUM);
}

/// A unit takes the value of another address.
#[test]
fn wire_from_another_address() {
    let model = model("pooling");
    let layout = model.circuit.layout();
    let mut tried = 0;
    for (row, unit) in layout.units.iter().enumerate() {
        for (lane, unit_cell) in unit.cells.iter().enumerate() {
            let Some(address) = unit_cell.b else { continue };
            let other = layout.outputs.iter().copied().find(|&other| {
                model.read(&model.honest, other) != model.read(&model.honest, address)
            });
            let Some(other) = other else { continue };
            let off = model.read(&model.honest, other) - model.read(&model.honest, address);
            let at = cell(model.config.units.lanes[lane].b, row);
            let verdict = model
                .verdict(&twisted([(at, off)]))
                .expect("nothing to close");
            let sum = ("fraction sum".to_owned(), SUM.to_owned());
            assert!(verdict.contains(&sum), "{verdict:?}");
            tried += 1;
        }
    }
    assert!(tried > 0);
}

#[test]
fn wrong_multiplicity() {
    let model = model("perceptron");
    for set in 0..model.config.tables.len() {
        let counts = |model: &Model, grid: &mut Grid| {
            grid.advice[model.config.tables[set].count.index()][1] += Fr::ONE;
        };
        let forgery = Forgery {
            counts: Some(&counts),
            ..Forgery::default()
        };
        refused(&model, &forgery, "fraction sum", SUM);
    }
}

#[test]
fn multiplier_not_the_parameter() {
    let model = model("convolutions");
    let units = &model.circuit.layout().units;
    let row = units
        .iter()
        .position(|u| matches!(u.op.multiplier, Multiplier::Read(_)))
        .expect("a multiplier");
    let at = cell(model.config.units.row.multiplier, row);
    refused(&model, &twisted([(at, Fr::from(50))]), "fraction sum", SUM);
}

/// Rows of maxima, not the last of a fold.
fn maximum(model: &Model) -> impl Iterator<Item = usize> + '_ {
    let folds = model.circuit.layout().folds.iter().enumerate();
    let rows = folds.filter(|(_, f)| f.fold == Fold::Max && !f.start && f.cells[0].is_some());
    rows.map(|(row, _)| row)
}

#[test]
fn maximum_is_none_of_the_values() {
    let model = model("pooling");
    let lane = model.config.folds.lanes[0];
    let row = maximum(&model).next().expect("a maximum");
    let forgery = twisted([(cell(lane.total, row), Fr::ONE)]);
    refused(&model, &forgery, "fold", "step of fold 0");
}

#[test]
fn maximum_is_not_the_largest() {
    let model = model("pooling");
    let lane = model.config.folds.lanes[0];
    let mut tried = 0;
    for row in maximum(&model) {
        let at = |column: usize, row: usize| model.honest.advice[column][row];
        let [x, total] = [lane.x, lane.total].map(|c| at(c.index(), row));
        let next = at(lane.total.index(), row + 1);
        if x != next {
            let off = x + next - total - total;
            let forgery = twisted([(cell(lane.total, row), off)]);
            refused(&model, &forgery, "fraction sum", SUM);
            tried += 1;
        }
    }
    assert!(tried > 0);
}

#[test]
fn sum_with_a_row_skipped() {
    let model = model("pooling");
    let lane = model.config.folds.lanes[0];
    let folds = model.circuit.layout().folds.iter().enumerate();
    let rows = folds.filter(|(_, f)| f.fold == Fold::Sum && !f.start && f.cells[0].is_some());
    let wide = Fr::from(model.config.shape.wide_offset() as u64);
    let mut tried = 0;
    for (row, _) in rows {
        let x = model.honest.advice[lane.x.index()][row] - wide;
        if x != Fr::ZERO {
            let forgery = twisted([(cell(lane.total, row), -x)]);
            refused(&model, &forgery, "fold", "step of fold 0");
            tried += 1;
        }
    }
    assert!(tried > 0);
}

/// Cells of a division: row, and `b`, remainder and distance.
fn division(model: &Model, lane: usize) -> (usize, [i128; 3]) {
    let (row, columns) = (
        unit(model, lane, Ending::Divide),
        model.config.units.lanes[lane],
    );
    let wide = i128::from(model.config.shape.wide_offset());
    let at = |column: usize| small(model.honest.advice[column][row]).expect("small");
    let b = at(columns.b.index()) - wide;
    (row, [b, at(columns.low.index()), at(columns.high.index())])
}

/// With a divisor of zero any quotient satisfies the step; the distance is negative.
#[test]
fn divisor_of_zero() {
    let model = model("attention");
    let (row, [b, _, _]) = division(&model, 0);
    let lane = model.config.units.lanes[0];
    let at = cell(lane.b, row);
    let forged = model
        .forge(&twisted([(at, wide_field(-b))]))
        .expect("nothing to close");
    let sum = ("fraction sum".to_owned(), SUM.to_owned());
    assert_eq!(model.failures(&forged), [sum]);
    let high = small(forged.advice[lane.high.index()][row]).expect("small");
    assert!(
        high < 0,
        "the distance {high} from a divisor of zero is in range"
    );
}

/// The remainder equals the divisor: the distance would be minus one.
#[test]
fn remainder_equal_to_the_divisor() {
    let model = model("attention");
    let lane = model.config.units.lanes[0];
    let (row, [b, low, high]) = division(&model, 0);
    let off = |to: i128, from: i128| wide_field(to - from);
    let mut twists = vec![
        (cell(lane.low, row), off(b, low)),
        (cell(lane.high, row), off(-1, high)),
        // The step has a numerator that is larger by as much.
        (cell(lane.quotient, row), -Fr::ONE),
    ];
    if low != 0 {
        // Not a multiple of the divisor: make the remainder too large by the divisor instead.
        twists[0].1 = wide_field(b);
        twists[1].1 = wide_field(-b);
    }
    refused(&model, &twisted(twists), "fraction sum", SUM);
}

/// A vector parameter of more than `2T` bits, up or down.
#[test]
fn vector_parameter_out_of_range() {
    let model = model("perceptron");
    let lane = model.config.params.lanes[0];
    let limit = Fr::from(1 << (2 * model.config.shape.table_bits));
    let value = model.honest.advice[lane.value.index()][0];
    for to in [limit, -Fr::ONE] {
        let forgery = twisted([(cell(lane.value, 0), to - value)]);
        let verdict = model.verdict(&forgery).expect("nothing to close");
        let sum = ("fraction sum".to_owned(), SUM.to_owned());
        assert!(verdict.contains(&sum), "{verdict:?}");
    }
}

/// Changes an entry of a vector such that the sum of claims is zero for the grid's challenges.
fn compensate(model: &Model, grid: &mut Grid, column: usize, row: usize) {
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
            let forgery = wrong_product(&model);
            model.first_phase(&mut grid, &forgery);
            model.vectors(&mut grid);
            compensate(&model, &mut grid, column, row);
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
    // Every cell that a table or a claim reads is of the first phase, the vectors of the second.
    assert_eq!(
        phases.iter().filter(|&&phase| phase == 0).count(),
        config.first_phase().len()
    );
    assert_eq!(phases[config.claim_sum.index()], 2);
}
