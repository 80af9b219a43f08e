//! The checker of fixed columns: it accepts what the planner writes, and refuses each change.

use halo2_proofs::plonk::{Column, Fixed};
use nascent_circuits::inference::check::{CheckError, Rule, check};
use nascent_circuits::inference::claim::Channel;
use nascent_circuits::inference::config::InferenceConfig;
use nascent_circuits::inference::sheet::Sheet;
use nascent_circuits::inference::tables::matrix_range;
use nascent_circuits::rules::At;
use rayon::prelude::*;

use crate::drafts::Draft;
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
            let at = verdict.map_err(|error| error.at);
            assert!(matches!(at, Err(At::Table { .. })), "{at:?}");
        }
    }
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

/// A claim whose first matrix row is longer than the others stays inside the columns all the same.
#[test]
fn claims_end_where_their_rows_do() {
    for model in models() {
        let mut draft = Draft::new(model);
        let channel = &model.config.result_claims;
        let first = model.last() - 12;
        let (fast, slow) = (channel.fast[0].1, channel.slow[0].1);
        draft.set(channel.start, first, 1);
        for index in 0..12 {
            let row = first + index;
            draft.set(fast, row, 1);
            match index {
                0..5 => draft.set(channel.same, row, 1),
                5..11 => draft.set(slow, row, 1),
                _ => {}
            }
        }
        let refusal = draft.refusal();
        assert!(refusal.contains(&Rule::ClaimLengths), "{}", model.name);
    }
}
