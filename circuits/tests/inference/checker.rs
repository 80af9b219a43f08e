//! The checker of fixed columns: it accepts what the planner writes, and refuses each change.

use std::sync::Arc;

use halo2_proofs::plonk::{Circuit, Column, ConstraintSystem, Fixed};
use nascent_circuits::inference::check::check;
use nascent_circuits::inference::claim::Channel;
use nascent_circuits::inference::config::InferenceConfig;
use nascent_circuits::inference::plan::rows::Lanes;
use nascent_circuits::inference::sheet::Sheet;
use nascent_circuits::inference::tables::{FUNCTION, RANGE, matrix_range};
use nascent_circuits::inference::{CheckError, InferenceCircuit, plan};
use nascent_ir::{Builder, Map, Op, Pre, Range, Table, View};
use rayon::prelude::*;

use crate::graphs::BITS;
use crate::harness::Model;
use crate::manifest::models;

#[test]
fn every_test_graph_passes() {
    for model in models() {
        assert_eq!(model.circuit.check(), Ok(()), "{}", model.name);
    }
}

fn changed(model: &Model, column: Column<Fixed>, row: usize, to: i64) -> Result<(), CheckError> {
    let mut sheet = Sheet::clone(model.circuit.sheet());
    sheet.fixed_mut(column)[row] = to;
    check(&model.config, &sheet)
}

fn channels(config: &InferenceConfig) -> impl Iterator<Item = &Channel> {
    let fixed = config.weight_claims.iter().chain([&config.result_claims]);
    fixed.chain(&config.operand_claims)
}

/// Flags of claims, contractions and sums: any one of them flipped anywhere.
#[test]
fn every_flipped_flag_of_a_claim_is_refused() {
    for model in models() {
        let (config, contraction) = (&model.config, &model.config.contraction);
        let mut flags = vec![config.running, config.ends];
        for channel in channels(config) {
            flags.extend([channel.start, channel.same]);
            flags.extend(
                channel
                    .fast
                    .iter()
                    .chain(&channel.slow)
                    .map(|(_, column)| *column),
            );
        }
        flags.extend([contraction.active, contraction.start, contraction.more]);
        flags.extend([contraction.repeat, contraction.opens]);
        flags.extend(contraction.shifts.iter().chain(&contraction.steps));
        if let Some(selection) = &config.selection {
            flags.extend([selection.indices.active, selection.start]);
            flags.extend([selection.more, selection.next]);
        }
        if let Some(seal) = &config.seal {
            flags.extend([seal.active, seal.poseidon.block, seal.start, seal.end]);
            flags.extend([seal.pad, seal.values.read, seal.values.ranged]);
        }
        let rows = model.circuit.layout().rows() + 1;
        let flips: Vec<_> = flags
            .iter()
            .flat_map(|&column| (0..rows).map(move |row| (column, row)))
            .collect();
        let step = (flips.len() / 400).max(1) | 1;
        let accepted: Vec<_> = flips
            .into_par_iter()
            .step_by(step)
            .filter(|&(column, row)| {
                let value = model.circuit.sheet().fixed(column)[row];
                changed(model, column, row, 1 - value).is_ok()
            })
            .collect();
        assert_eq!(accepted, [], "{}", model.name);
    }
}

/// Numbers of identities, wherever they count.
#[test]
fn every_changed_number_of_an_identity_is_refused() {
    for model in models() {
        let contraction = &model.config.contraction;
        let starts = channels(&model.config).map(|channel| (channel.start, channel.id));
        let selection = model.config.selection.iter();
        let chosen = selection.flat_map(|s| [(s.indices.active, s.id), (s.next, s.key)]);
        let others = [(contraction.active, contraction.id)];
        let seals = model
            .config
            .seal
            .iter()
            .map(|seal| (seal.start, seal.count));
        for (flag, id) in starts.chain(others).chain(chosen).chain(seals) {
            for row in 0..model.last() {
                if model.circuit.sheet().fixed(flag)[row] == 1 {
                    let value = model.circuit.sheet().fixed(id)[row];
                    for to in [value + 1, value - 1, value + 3] {
                        let verdict = changed(model, id, row, to);
                        assert!(verdict.is_err(), "{}: {value} to {to} on {row}", model.name);
                    }
                }
            }
        }
    }
}

/// Flags and addresses of units and folds, wherever there is one.
#[test]
fn every_changed_wire_is_refused() {
    for model in models() {
        let (sheet, units, folds) = (
            model.circuit.sheet(),
            &model.config.units,
            &model.config.folds,
        );
        let at = |column: Column<Fixed>, row: usize| sheet.fixed(column)[row];
        let mut changes: Vec<(Column<Fixed>, usize, i64)> = Vec::new();
        for row in 0..model.circuit.layout().units.len() {
            if units.lanes.iter().all(|lane| at(lane.active, row) == 0) {
                continue;
            }
            let shared = &units.row;
            let flags = [shared.requantize, shared.exact, shared.fixed_multiplier];
            changes.extend(flags.map(|column| (column, row, 1 - at(column, row))));
            for flag in [shared.read_a, shared.read_b] {
                if at(flag, row) == 1 {
                    changes.push((flag, row, 0));
                }
            }
            if at(shared.read_multiplier, row) == 1 {
                changes.push((
                    shared.multiplier_address,
                    row,
                    at(shared.multiplier_address, row) + 1,
                ));
            }
            changes.push((shared.table, row, matrix_range(0)));
            for lane in units.lanes.iter().filter(|lane| at(lane.active, row) == 1) {
                if at(shared.read_a, row) == 1 {
                    changes.push((lane.address_a, row, at(lane.address_a, row) + 1));
                }
                if at(shared.read_b, row) == 1 {
                    changes.push((lane.address_b, row, at(lane.address_b, row) - 1));
                }
                if at(lane.reads, row) > 0 {
                    changes.push((lane.active, row, 0));
                    changes.push((lane.reads, row, at(lane.reads, row) + 1));
                    changes.push((lane.reads, row, 0));
                    changes.push((shared.base, row, at(shared.base, row) + 1));
                }
            }
        }
        for row in 0..model.circuit.layout().folds.len() {
            let flags = [folds.start, folds.sum, folds.max];
            changes.extend(flags.map(|column| (column, row, 1 - at(column, row))));
            for lane in folds.lanes.iter().filter(|lane| at(lane.active, row) == 1) {
                changes.push((lane.active, row, 0));
                changes.push((lane.address, row, at(lane.address, row) + 1));
                changes.push((lane.reads, row, at(lane.reads, row) + 1));
            }
        }
        if let Some(selection) = &model.config.selection {
            for row in 0..model.circuit.layout().index_rows {
                let address = selection.indices.address;
                changes.push((address, row, at(address, row) + 1));
            }
        }
        if let Some(seal) = &model.config.seal {
            for row in model
                .circuit
                .layout()
                .seals
                .iter()
                .flat_map(|seal| seal.value_rows())
            {
                let values = &seal.values;
                changes.push((values.address, row, at(values.address, row) + 1));
                changes.push((values.flow, row, at(values.flow, row) - 1));
                if at(values.ranged, row) == 1 {
                    let (least, greatest) = (at(values.least, row), at(values.greatest, row));
                    changes.push((values.greatest, row, least - 1));
                    let limit = 1 << model.config.shape.table_bits;
                    changes.push((values.least, row, greatest - limit));
                }
            }
        }
        let public = &model.config.public;
        for row in 0..model.circuit.layout().public_rows() - 1 {
            changes.push((public.flow, row, at(public.flow, row) + 1));
            changes.push((public.count, row, 1));
        }
        let row = model.circuit.layout().public_rows() - 1;
        changes.push((public.count, row, 0));
        changes.push((public.address, row, at(public.address, row) + 1));
        changes.push((public.address, row, at(public.address, row) - 1));
        let step = (changes.len() / 400).max(1) | 1;
        let accepted: Vec<_> = changes
            .into_par_iter()
            .step_by(step)
            .filter(|&(column, row, to)| changed(model, column, row, to).is_ok())
            .collect();
        assert_eq!(accepted, [], "{}", model.name);
    }
}

#[test]
fn changed_tables_are_refused() {
    for model in models() {
        let set = model.config.tables[0];
        let y = model.circuit.sheet().fixed(set.y)[5];
        let range = matrix_range(0);
        for (column, to) in [(set.x, 1), (set.y, y + 1), (set.kind, 1), (set.kind, range)] {
            let verdict = changed(model, column, 5, to);
            assert!(
                matches!(verdict, Err(CheckError::Table { .. })),
                "{verdict:?}"
            );
        }
    }
}

/// A claim that begins inside another on the same channel.
#[test]
fn overlapping_claims_are_refused() {
    let model = &models()[1];
    let channel = &model.config.operand_claims[0];
    let sheet = model.circuit.sheet();
    let row = (0..model.last())
        .find(|&row| sheet.fixed(channel.same)[row] == 1)
        .expect("a claim of two rows");
    let verdict = changed(model, channel.start, row + 1, 1);
    let what = "a claim starts inside another";
    let section = "claims of operands";
    assert_eq!(
        verdict,
        Err(CheckError::Row {
            section,
            row: row + 1,
            what
        })
    );
}

/// The range of a row of matrices must be one: not a function, not that of values.
#[test]
fn changed_ranges_of_matrices_are_refused() {
    let model = models()
        .iter()
        .find(|model| model.config.shape.matrix_ranges)
        .expect("a graph of several ranges");
    let column = model.config.params.range.expect("a column");
    for row in [0, model.last() - 1] {
        for to in [RANGE, FUNCTION, matrix_range(2)] {
            let verdict = changed(model, column, row, to);
            let what = "no such range of matrices";
            let expected = CheckError::Table {
                kind: to,
                x: 0,
                what,
            };
            assert_eq!(verdict, Err(expected));
        }
    }
    // A table without zero, or with a hole.
    let tables = &model.circuit.layout().tables;
    let zero = model.config.shape.weight_offset();
    let at = tables.index(matrix_range(1), zero).expect("zero");
    let (set, at) = (model.config.tables[at / model.last()], at % model.last());
    for (column, to) in [(set.kind, FUNCTION + 7), (set.x, 200), (set.y, 1)] {
        let verdict = changed(model, column, at, to);
        assert!(
            matches!(verdict, Err(CheckError::Table { .. })),
            "{verdict:?}"
        );
    }
}

/// A tower of sums over a parameter, and a sum of public inputs. The tower stays below the modulus for
/// a parameter, not for an input; exchanged in the columns, both are read as often as before.
#[test]
fn sums_of_sums_are_followed() {
    const LEVELS: usize = 95;
    let mut builder = Builder::new("tower", BITS);
    let table = builder.table(Table::identity(Range::new(0, 0), 0, Range::new(0, 0)));
    let zero = Range::new(0, 0);
    let x = builder.input("x", &[1], zero).expect("valid");
    let p = builder.param("p", &[1], zero).expect("valid");
    let mut push = |op| builder.push("node", op).expect("valid");
    let mut double = |x| {
        let twice = push(Op::View(View::Expand { x, shape: vec![2] }));
        push(Op::FoldSum { x: twice })
    };
    let sum = double(x);
    let tower = (0..LEVELS).fold(p, |x, _| double(x));
    let map = |x| Op::Map(Map::exact(Pre::of(x), table));
    let outputs = [push(map(sum)), push(map(tower))];
    let graph = builder.finish(&outputs).expect("checked");
    let one = Lanes {
        folds: 1,
        ..crate::lanes()[0]
    };
    let layout = Arc::new(plan(&graph, one).expect("planned"));
    let shape = layout.shape(None).expect("fits");
    let circuit = InferenceCircuit::new(layout, shape.clone());
    assert_eq!(circuit.check(), Ok(()));
    let mut meta = ConstraintSystem::default();
    let config = InferenceCircuit::configure_with_params(&mut meta, shape);
    let mut sheet = Sheet::clone(circuit.sheet());
    let address = config.folds.lanes[0].address;
    let column = sheet.fixed_mut(address);
    column.swap(0, 2);
    column.swap(1, 3);
    let verdict = check(&config, &sheet);
    assert!(
        matches!(verdict, Err(CheckError::Wraps { .. })),
        "{verdict:?}"
    );
    // A sum that reads what stands below it, and is read there in its place.
    let mut sheet = Sheet::clone(circuit.sheet());
    let column = sheet.fixed_mut(address);
    column.swap(2, 6);
    column.swap(3, 7);
    let verdict = check(&config, &sheet);
    let expected = CheckError::Row {
        section: "folds",
        row: 2,
        what: "the total of a fold that does not stand above",
    };
    assert_eq!(verdict, Err(expected));
}

/// Equations of the largest circuit stay far below the modulus.
#[test]
fn nothing_wraps() {
    for model in models() {
        let mut shape = model.config.shape.clone();
        shape.k = 24;
        shape.table_bits = 16;
        shape.weight_bits = 16;
        shape.unit_lanes = 64;
        shape.weight_lanes = 64;
        // A sum over all rows, of inputs of 64 bits.
        let bits = shape.equation_bits(1 << (63 + shape.k));
        assert!(bits <= 250, "{bits}");
    }
}
