//! For every constraint, and every lookup and wire, a forged witness that it alone refuses.
//!
//! A constraint of the running sums or of the coefficients gets a cell that is chosen such that a
//! false result or a false product passes everything else. The steps of units and folds have
//! forgeries of their own. A constraint on which no cell depends in a graph is checked in another;
//! one that no graph can break fails the test.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use ff::Field;
use halo2curves::bn256::Fr;
use nascent_circuits::grid::{Cell, Grid};
use nascent_circuits::inference::plan::layout::Role;
use nascent_circuits::inference::plan::rows::{Ending, Fold, Lanes, Multiplier};
use rayon::prelude::*;

use crate::graphs::{Case, cases};
use crate::harness::{Forgery, Model, Verdict, cell, small, wide_field};
use crate::lanes;

/// Each graph on the first lanes, and on the second; one that multiplies two tensors of units on
/// lanes so few that each of its claims takes several rows.
///
/// Made once: call it from a test's own thread, not from one of the pool's.
pub fn models() -> &'static [Model] {
    static MODELS: OnceLock<Vec<Model>> = OnceLock::new();
    MODELS.get_or_init(make)
}

fn make() -> Vec<Model> {
    let all = |lanes: Lanes| cases().into_iter().map(move |case| (case, lanes));
    let mut pairs: Vec<(Case, Lanes)> = lanes().into_iter().flat_map(all).collect();
    let few = Lanes {
        units: 2,
        ..lanes()[0]
    };
    pairs.extend(all(few).filter(|(case, _)| case.name == "attention"));
    let models = pairs.into_par_iter();
    models
        .map(|(case, lanes)| Model::new(&case, lanes))
        .collect()
}

/// A name without its numbers: lanes and groups of one kind have one forgery at least.
fn class(name: &str) -> String {
    let letters = name.split(|c: char| c.is_ascii_digit());
    letters
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("#")
}

#[test]
fn every_constraint_alone_refuses_a_forgery() {
    let (mut all, mut refused) = (BTreeSet::new(), BTreeSet::new());
    for model in models() {
        let honest = model
            .verdict(&Forgery::default())
            .expect("nothing to close");
        assert_eq!(honest, [], "honest {}", model.name);
        let verdicts: Vec<_> = (0..model.constraints.len())
            .into_par_iter()
            .map(|constraint| (constraint, refusal(model, constraint)))
            .collect();
        for (constraint, forged) in verdicts {
            let name = model.constraints.names()[constraint].clone();
            let class = (class(&name.0), class(&name.1));
            all.insert(class.clone());
            let Some(verdict) = forged else {
                // Nothing in this graph that it could refuse.
                assert!(!must_bind(&name), "{}: no forgery for {name:?}", model.name);
                continue;
            };
            assert_eq!(verdict, [name], "{}", model.name);
            refused.insert(class);
        }
    }
    let left: Vec<_> = all.difference(&refused).collect();
    assert!(left.is_empty(), "without a forgery: {left:?}");
}

/// Constraints that every graph needs.
fn must_bind((gate, name): &(String, String)) -> bool {
    gate.starts_with("fraction")
        || gate == "claim sum"
        || gate == "public"
        || name == "first coefficient of u"
}

fn refusal(model: &Model, constraint: usize) -> Option<Verdict> {
    let (gate, name) = &model.constraints.names()[constraint];
    match (gate.as_str(), name.as_str()) {
        ("public", _) => model.verdict(&wrong_number_of_inputs()),
        ("seal", _) => model.wrong_seal(constraint),
        (gate, _) if gate.starts_with("seal poseidon2") => model.wrong_permutation(constraint),
        ("unit multiplier", _) => wrong_multiplier(model),
        ("unit", _) if name.starts_with("step") => wrong_quotient(model, number(name)),
        ("unit", _) => remainder_above_divisor(model, number(name)),
        ("fold", _) => wrong_total(model, number(name)),
        ("fractions" | "fraction sum", "zero at both ends") => model.verdict(&wrong_output()),
        ("fractions" | "fraction sum", _) => {
            closed(model, constraint, "fraction sum", wrong_output)
        }
        ("claim sum", "zero at both ends") => model.verdict(&wrong_product(model)),
        _ => closed(model, constraint, "claim sum", || wrong_product(model)),
    }
}

/// The number at the end of a name.
fn number(name: &str) -> usize {
    let last = name
        .split(' ')
        .next_back()
        .and_then(|word| word.parse().ok());
    last.expect("a name that ends in a number")
}

/// The first public output is off by one.
pub fn wrong_output() -> Forgery<'static> {
    Forgery {
        outputs: vec![(0, Fr::ONE)],
        ..Forgery::default()
    }
}

/// The last input is taken for an output, or the first output for an input.
pub fn wrong_number_of_inputs() -> Forgery<'static> {
    fn edit(model: &Model, grid: &mut Grid) {
        let row = model.circuit.layout().public_rows() - 1;
        grid.instance[0][row] -= Fr::ONE;
    }
    Forgery {
        first: Some(&edit),
        ..Forgery::default()
    }
}

/// One element of the first contraction's result is off by one, and all that follows from it.
pub fn wrong_product(model: &Model) -> Forgery<'static> {
    let matrix = model.circuit.layout().contractions[0].result.matrix;
    let (row, lane) = matrix.at(matrix.rows - 1, matrix.columns - 1);
    let at = cell(model.config.units.lanes[lane].a, row);
    Forgery {
        twists: BTreeMap::from([(at, Fr::ONE)]),
        ..Forgery::default()
    }
}

/// The forgery, with a cell that the constraint determines chosen such that the sum is zero.
fn closed<'a>(
    model: &Model,
    constraint: usize,
    sum: &str,
    forgery: impl Fn() -> Forgery<'a>,
) -> Option<Verdict> {
    let check = model.sum_end(sum);
    let steps = model
        .follows
        .iter()
        .filter(|step| step.constraint == constraint);
    // The last rows have the least effect, so begin with the first.
    let rows: BTreeSet<usize> = steps.map(|step| step.row).collect();
    rows.into_iter().find_map(|row| {
        let close = Some(((constraint, row), check));
        model.verdict(&Forgery { close, ..forgery() })
    })
}

/// The first of some forgeries that is refused by one constraint only.
fn alone(model: &Model, forgeries: impl Iterator<Item = BTreeMap<Cell, Fr>>) -> Option<Verdict> {
    let verdicts = forgeries.map(|twists| {
        let verdict = model.verdict(&Forgery {
            twists,
            ..Forgery::default()
        });
        verdict.expect("nothing to close")
    });
    let mut verdicts = verdicts.take(24).peekable();
    let first = verdicts.peek().cloned();
    verdicts.find(|verdict| verdict.len() == 1).or(first)
}

fn wrong_multiplier(model: &Model) -> Option<Verdict> {
    let units = model.circuit.layout().units.iter().enumerate();
    let fixed = units.filter(|(_, unit)| {
        matches!(unit.op.multiplier, Multiplier::Fixed(_)) && unit.cells.iter().any(|c| c.active)
    });
    let column = model.config.units.row.multiplier;
    alone(
        model,
        fixed.map(|(row, _)| BTreeMap::from([(cell(column, row), Fr::ONE)])),
    )
}

/// Rows on which a lane has a unit that ends in some way.
fn active(model: &Model, lane: usize, ending: Ending) -> Vec<usize> {
    let units = model.circuit.layout().units.iter().enumerate();
    let rows = units.filter(|(_, unit)| unit.op.ending == ending && unit.cells[lane].active);
    rows.map(|(row, _)| row).collect()
}

/// `q` is one too large or too small, with the table's value for it, for each way to end.
fn wrong_quotient(model: &Model, lane: usize) -> Option<Verdict> {
    let column = model.config.units.lanes[lane].quotient;
    let endings = [Ending::Requantize, Ending::Exact, Ending::Divide];
    let verdicts = endings.iter().filter_map(|&ending| {
        let rows = active(model, lane, ending);
        let twists = rows.iter().rev().flat_map(|&row| {
            [Fr::ONE, -Fr::ONE].map(|off| BTreeMap::from([(cell(column, row), off)]))
        });
        alone(model, twists)
    });
    let verdicts: Vec<Verdict> = verdicts.collect();
    let differs = verdicts.iter().find(|verdict| **verdict != verdicts[0]);
    differs.or(verdicts.first()).cloned()
}

/// A remainder too large by the divisor, a quotient too small by one.
fn remainder_above_divisor(model: &Model, lane: usize) -> Option<Verdict> {
    let unit = model.config.units.lanes[lane];
    let limit = 1 << model.config.shape.table_bits;
    let wide = i128::from(model.config.shape.wide_offset());
    let rows = active(model, lane, Ending::Divide);
    let twists = rows.iter().filter_map(|&row| {
        let at = |column: halo2_proofs::plonk::Column<_>| {
            small(model.honest.advice[cell(column, row).column][row]).expect("small")
        };
        let (b, low, high) = (at(unit.b) - wide, at(unit.low), at(unit.high));
        (low + b < limit).then(|| {
            BTreeMap::from([
                (cell(unit.quotient, row), -Fr::ONE),
                (cell(unit.low, row), wide_field(b)),
                (cell(unit.high, row), wide_field(-high)),
            ])
        })
    });
    alone(model, twists)
}

/// A total that is one too large: at the start, in a sum, in a maximum.
fn wrong_total(model: &Model, lane: usize) -> Option<Verdict> {
    let column = model.config.folds.lanes[lane].total;
    let rules = [
        (true, Fold::Max),
        (true, Fold::Sum),
        (false, Fold::Max),
        (false, Fold::Sum),
    ];
    let verdicts = rules.iter().filter_map(|&(start, fold)| {
        let folds = model.circuit.layout().folds.iter().enumerate();
        let rows = folds
            .filter(|(_, row)| row.start == start && row.fold == fold && row.cells[lane].is_some());
        alone(
            model,
            rows.map(|(row, _)| BTreeMap::from([(cell(column, row), Fr::ONE)])),
        )
    });
    let verdicts: Vec<Verdict> = verdicts.collect();
    let differs = verdicts.iter().find(|verdict| **verdict != verdicts[0]);
    differs.or(verdicts.first()).cloned()
}

/// A lookup or a wire, by kind and lane, with forgeries that break nothing else.
type Candidates = BTreeMap<(&'static str, usize), Vec<BTreeMap<Cell, Fr>>>;

/// Every lookup and every wire: the sum of fractions alone refuses a tuple that is off.
#[test]
fn every_lookup_and_wire_is_needed() {
    let (mut all, mut refused) = (BTreeSet::new(), BTreeSet::new());
    for model in models() {
        let end = [("fraction sum".to_owned(), "zero at both ends".to_owned())];
        let shape = &model.config.shape;
        let verdicts: Vec<_> = candidates(model)
            .into_par_iter()
            .map(|(key, forgeries)| (key, alone(model, forgeries.into_iter())))
            .collect();
        for (key, verdict) in verdicts {
            if let Some(verdict) = verdict {
                assert_eq!(verdict, end, "{}: {key:?}", model.name);
                refused.insert(key);
            }
        }
        let lanes = [
            (&["weight"][..], shape.weight_lanes),
            (&["parameter low", "parameter high"], shape.param_lanes),
            (&["table", "low", "high", "a", "b"], shape.unit_lanes),
            (&["folded", "above x", "above next"], shape.fold_lanes),
            (&["multiplier"], 1),
        ];
        for (names, lanes) in lanes {
            all.extend(
                names
                    .iter()
                    .flat_map(|name| (0..lanes).map(move |lane| (*name, lane))),
            );
        }
    }
    let left: Vec<_> = all.difference(&refused).collect();
    assert!(left.is_empty(), "without a forgery: {left:?}");
}

fn candidates(model: &Model) -> Candidates {
    let mut out = Candidates::new();
    let limit = Fr::from(1 << model.config.shape.table_bits);
    let weight_limit = Fr::from(1 << model.config.shape.weight_bits);
    let layout = model.circuit.layout();
    let mut push = |name, lane, twists: Vec<(Cell, Fr)>| {
        let list: &mut Vec<_> = out.entry((name, lane)).or_default();
        list.push(twists.into_iter().collect());
    };
    for (lane, column) in model.config.params.weights.iter().enumerate() {
        // Lanes without a weight must be zero for the claims too: take a row without a claim there.
        for row in [0, 1, 2, model.last() - 1] {
            push("weight", lane, vec![(cell(*column, row), weight_limit)]);
            push("weight", lane, vec![(cell(*column, row), -weight_limit)]);
        }
    }
    for (lane, columns) in model.config.params.lanes.iter().enumerate() {
        // Rows without a parameter too: the lookups are the same.
        for row in 0..model.last() {
            let value = model.honest.advice[columns.value.index()][row];
            let at = cell(columns.value, row);
            // The low piece is minus one, the high piece zero.
            push(
                "parameter low",
                lane,
                vec![(at, -value - Fr::ONE), (cell(columns.high, row), Fr::ONE)],
            );
            push("parameter high", lane, vec![(at, limit * limit - value)]);
        }
    }
    for (lane, columns) in model.config.units.lanes.iter().enumerate() {
        for (row, unit) in layout.units.iter().enumerate().rev() {
            if !unit.cells[lane].active {
                continue;
            }
            let [q, low, high] =
                [columns.quotient, columns.low, columns.high].map(|c| cell(c, row));
            push("table", lane, vec![(cell(columns.out, row), Fr::ONE)]);
            if unit.op.ending == Ending::Requantize {
                push("low", lane, vec![(low, limit), (high, -Fr::ONE)]);
                push("low", lane, vec![(low, -limit), (high, Fr::ONE)]);
                push("high", lane, vec![(q, -Fr::ONE), (high, limit)]);
                push("high", lane, vec![(q, Fr::ONE), (high, -limit)]);
            }
            for (name, column, address) in [
                ("a", columns.a, unit.cells[lane].a),
                ("b", columns.b, unit.cells[lane].b),
            ] {
                if address.is_some() {
                    push(name, lane, vec![(cell(column, row), Fr::ONE)]);
                    push(name, lane, vec![(cell(column, row), -Fr::ONE)]);
                }
            }
        }
    }
    if let (Some(seal), Some(columns)) = model.seal(Role::Input) {
        for row in seal.value_rows() {
            let at = cell(columns.values.value, row);
            let [least, greatest] = [columns.values.least, columns.values.greatest]
                .map(|column| model.honest.fixed[column.index()][row]);
            let value = model.honest.advice[at.column][row];
            push("above the least", 0, vec![(at, least - Fr::ONE - value)]);
            push(
                "below the greatest",
                0,
                vec![(at, greatest + Fr::ONE - value)],
            );
        }
    }
    if let (Some(seal), Some(columns)) = model.seal(Role::Output) {
        for row in seal.value_rows() {
            push(
                "hidden",
                0,
                vec![(cell(columns.values.value, row), Fr::ONE)],
            );
        }
    }
    for selection in layout.selections() {
        for row in selection.rows() {
            let at = cell(model.index_column(), row);
            push("index", 0, vec![(at, Fr::ONE)]);
            push("index", 0, vec![(at, -Fr::ONE)]);
        }
    }
    for (row, unit) in layout.units.iter().enumerate() {
        if matches!(unit.op.multiplier, Multiplier::Read(_)) {
            let at = cell(model.config.units.row.multiplier, row);
            push("multiplier", 0, vec![(at, Fr::ONE)]);
        }
    }
    for (lane, columns) in model.config.folds.lanes.iter().enumerate() {
        for (row, fold) in layout.folds.iter().enumerate() {
            if fold.cells[lane].is_none() {
                continue;
            }
            push("folded", lane, vec![(cell(columns.x, row), Fr::ONE)]);
            if fold.fold == Fold::Max && !fold.start {
                let at = |column: usize, row: usize| model.honest.advice[column][row];
                let (x, next) = (
                    at(columns.x.index(), row),
                    at(columns.total.index(), row + 1),
                );
                let total = at(columns.total.index(), row);
                let total_cell = cell(columns.total, row);
                // The smaller of the two.
                if total != x {
                    push("above next", lane, vec![(total_cell, x - total)]);
                }
                if total != next {
                    push("above x", lane, vec![(total_cell, next - total)]);
                }
            }
        }
    }
    out
}
