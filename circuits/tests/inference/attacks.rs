//! Attacks on units, folds, wires and lookups: which constraint refuses what.

use std::collections::BTreeMap;

use ff::Field;
use halo2curves::bn256::Fr;
use nascent_circuits::grid::{Cell, Grid};
use nascent_circuits::inference::plan::rows::{Ending, Fold, Multiplier};
use nascent_circuits::inference::tables::matrix_range;
use nascent_ir::Range;

use crate::graphs::cases;
use crate::harness::{Forgery, Model, cell, small, wide_field};
use crate::manifest::{models, wrong_number_of_inputs};

pub const SUM: &str = "zero at both ends";

/// A test graph on the first lanes.
pub fn model(name: &str) -> &'static Model {
    let position = cases().iter().position(|case| case.name == name);
    &on_first_lanes()[position.expect("a case of that name")]
}

/// The test graphs on the first lanes.
fn on_first_lanes() -> &'static [Model] {
    &models()[..cases().len()]
}

/// Refused by this constraint and no other.
pub fn refused(model: &Model, forgery: &Forgery<'_>, gate: &str, name: &str) {
    let verdict = model.verdict(forgery).expect("nothing to close");
    assert_eq!(
        verdict,
        [(gate.to_owned(), name.to_owned())],
        "{}",
        model.name
    );
}

/// Cells of the first phase off by so much.
pub fn twisted(twists: impl IntoIterator<Item = (Cell, Fr)>) -> Forgery<'static> {
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
    for model in on_first_lanes() {
        for index in [0, model.outputs.len() - 1] {
            let forgery = Forgery {
                outputs: vec![(index, -Fr::ONE)],
                ..Forgery::default()
            };
            refused(model, &forgery, "fraction sum", SUM);
        }
    }
}

/// The last input is presented as an output: the values are all true, and what they are called is
/// not.
#[test]
fn input_presented_as_an_output() {
    for model in on_first_lanes() {
        let forgery = wrong_number_of_inputs();
        refused(model, &forgery, "public", "number of inputs");
    }
}

/// The remainder's pieces are out of range, shifted by `2^T` against each other.
#[test]
fn remainder_shifted_between_its_pieces() {
    let model = model("perceptron");
    let (row, lane) = (
        unit(model, 0, Ending::Requantize),
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
        unit(model, 1, Ending::Requantize),
        model.config.units.lanes[1],
    );
    let step = Fr::from(1 << (2 * model.config.shape.table_bits));
    let twists = [
        (cell(lane.quotient, row), Fr::ONE),
        (cell(lane.low, row), -step),
    ];
    refused(model, &twisted(twists), "fraction sum", SUM);
}

/// `q = p - v` is no entry, whatever its result.
#[test]
fn quotient_outside_of_the_table() {
    let model = model("perceptron");
    let (row, lane) = (
        unit(model, 0, Ending::Requantize),
        model.config.units.lanes[0],
    );
    let limit = Fr::from(1 << model.config.shape.table_bits);
    let step = limit.square();
    let twists = [
        (cell(lane.quotient, row), -limit),
        (cell(lane.low, row), limit * step),
    ];
    refused(model, &twisted(twists), "fraction sum", SUM);
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
        refused(model, &forgery, "fraction sum", SUM);
    }
}

/// Counts one more lookup of an entry.
pub fn count(model: &Model, grid: &mut Grid, kind: i64, x: i64) {
    let index = model.circuit.layout().tables.index(kind, x);
    let index = index.expect("an entry");
    let set = model.config.tables[index / model.last()];
    grid.advice[set.count.index()][index % model.last()] += Fr::ONE;
}

/// The result of another function at the same argument, counted where that function stands.
#[test]
fn result_of_another_function() {
    let model = model("perceptron");
    let (layout, lane) = (model.circuit.layout(), model.config.units.lanes[0]);
    let (row, kind, x, off) = layout
        .units
        .iter()
        .enumerate()
        .filter(|(_, unit)| unit.cells[0].active)
        .find_map(|(row, unit)| {
            let x = small(model.honest.advice[lane.quotient.index()][row])?;
            let x = i64::try_from(x).ok()?;
            let y = |kind| Some(layout.tables.entries()[layout.tables.index(kind, x)?][1]);
            let honest = y(unit.op.table)?;
            let other = (2..5).find(|&kind| y(kind).is_some_and(|y| y != honest))?;
            Some((row, other, x, y(other)? - honest))
        })
        .expect("two functions that differ");
    let counts = |model: &Model, grid: &mut Grid| count(model, grid, kind, x);
    let forgery = Forgery {
        twists: BTreeMap::from([(cell(lane.out, row), wide_field(off.into()))]),
        counts: Some(&counts),
        ..Forgery::default()
    };
    refused(model, &forgery, "fraction sum", SUM);
}

/// A weight of too many bits, counted in the range table of values, which is wider.
#[test]
fn weight_in_the_wider_range() {
    let model = model("perceptron");
    let shape = &model.config.shape;
    assert!(shape.weight_bits < shape.table_bits);
    let (column, row) = (model.config.params.weights[0], model.last() - 1);
    let value = small(model.honest.advice[column.index()][row]).expect("small");
    let to = 1i64 << shape.weight_bits;
    let counts = |model: &Model, grid: &mut Grid| count(model, grid, 0, to);
    let forgery = Forgery {
        twists: BTreeMap::from([(cell(column, row), wide_field(i128::from(to) - value))]),
        counts: Some(&counts),
        ..Forgery::default()
    };
    refused(model, &forgery, "fraction sum", SUM);
}

/// A number that a matrix' declared range lacks: just beside it, and counted where another matrix'
/// range has it.
#[test]
fn weight_beyond_its_declared_range() {
    let model = model("perceptron");
    let layout = model.circuit.layout();
    assert_eq!(layout.matrix_ranges, [Range::new(-8, 7), Range::new(-7, 7)]);
    let offset = model.config.shape.weight_offset();
    for plan in &layout.weights {
        let range = layout.matrix_ranges[plan.range];
        let (row, lane) = plan.matrix.at(0, 0);
        let at = cell(model.config.params.weights[lane], row);
        let value = small(model.honest.advice[at.column][at.row]).expect("small");
        for to in [range.lo - 1, range.hi + 1] {
            let to = to + offset;
            let other = matrix_range(1 - plan.range);
            let counts = |model: &Model, grid: &mut Grid| {
                if layout.tables.index(other, to).is_some() {
                    count(model, grid, other, to);
                }
            };
            let forgery = Forgery {
                twists: BTreeMap::from([(at, wide_field(i128::from(to) - value))]),
                counts: Some(&counts),
                ..Forgery::default()
            };
            refused(model, &forgery, "fraction sum", SUM);
        }
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
    refused(model, &twisted([(at, Fr::from(50))]), "fraction sum", SUM);
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
    let row = maximum(model).next().expect("a maximum");
    let forgery = twisted([(cell(lane.total, row), Fr::ONE)]);
    refused(model, &forgery, "fold", "step of fold 0");
}

#[test]
fn maximum_is_not_the_largest() {
    let model = model("pooling");
    let lane = model.config.folds.lanes[0];
    let mut tried = 0;
    for row in maximum(model) {
        let at = |column: usize, row: usize| model.honest.advice[column][row];
        let [x, total] = [lane.x, lane.total].map(|c| at(c.index(), row));
        let next = at(lane.total.index(), row + 1);
        if x != next {
            let off = x + next - total - total;
            let forgery = twisted([(cell(lane.total, row), off)]);
            refused(model, &forgery, "fraction sum", SUM);
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
            refused(model, &forgery, "fold", "step of fold 0");
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
    let (row, [b, _, _]) = division(model, 0);
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
    let (row, [b, low, high]) = division(model, 0);
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
    refused(model, &twisted(twists), "fraction sum", SUM);
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

/// A cell that is no small number but an address at which there is a zero: the tuple of its range lookup
/// is the one that is written there. The write has its readers, so the lookup is one too many.
#[test]
fn lookup_of_an_address() {
    let mut tried = 0;
    for model in on_first_lanes() {
        let (units, lanes) = (&model.circuit.layout().units, &model.config.units.lanes);
        let cells = |row: usize| (0..lanes.len()).map(move |lane| (row, lane));
        let mut all = (0..units.len()).flat_map(cells);
        let zero = Fr::from(model.config.shape.unit_offset() as u64);
        let written = all.clone().find(|&(row, lane)| {
            let reads = model.circuit.sheet().fixed(lanes[lane].reads)[row];
            reads > 0 && model.honest.advice[lanes[lane].out.index()][row] == zero
        });
        // No equation is about this cell.
        let exact = all.find(|&(row, lane)| {
            units[row].op.ending == Ending::Exact && units[row].cells[lane].active
        });
        let (Some((row, lane)), Some(exact)) = (written, exact) else {
            continue;
        };
        let base = model.circuit.sheet().fixed(model.config.units.row.base)[row];
        let low = cell(lanes[exact.1].low, exact.0);
        let address = wide_field(i128::from(base) + lane as i128);
        let off = address - model.honest.advice[low.column][low.row];
        refused(model, &twisted([(low, off)]), "fraction sum", SUM);
        tried += 1;
    }
    assert!(tried > 1, "{tried}");
}
