//! Corruptions of selectors, tables, units, folds, public values, seals and of the bus.

use halo2_proofs::plonk::{Column, Fixed};
use nascent_circuits::inference::check::Rule;
use nascent_circuits::inference::plan::layout::{
    ClaimPlan, ContractionPlan, Role, SealPlan, Section,
};
use nascent_circuits::inference::plan::rows::{Address, Place};
use nascent_circuits::inference::seal::SealConfig;
use nascent_circuits::inference::tables::{FUNCTION, RANGE, matrix_range};
use nascent_circuits::poseidon2::BLOCK_ROWS;

use crate::checker_manifest::Corruption;
use crate::drafts::{At, Draft};

pub const SELECTORS: &[(Rule, Corruption)] = &[
    (Rule::Running, |d| {
        d.set(d.config.running, d.last() - 1, 0);
        Some(())
    }),
    (Rule::Running, |d| {
        d.set(d.config.running, d.last(), 1);
        Some(())
    }),
    (Rule::Ends, |d| {
        d.set(d.config.ends, 0, 0);
        Some(())
    }),
    (Rule::Ends, |d| {
        d.set(d.config.ends, d.last(), 0);
        Some(())
    }),
    (Rule::Ends, |d| {
        d.set(d.config.ends, 1, 1);
        Some(())
    }),
    (Rule::Flag, |d| {
        d.set(d.config.units.row.divide, d.last() - 1, 2);
        Some(())
    }),
    (Rule::FlagBeyond, |d| {
        d.set(d.config.units.row.divide, d.last(), 1);
        Some(())
    }),
    // A value that is written where the sum does not see it.
    (Rule::MultiplicityBeyond, |d| {
        let lane = d.config.params.lanes.first()?;
        let (address, (column, row), count) = written(d, |_| true)?;
        d.set(column, row, 0);
        let last = d.last();
        d.put(last, [(d.config.params.base, address), (lane.reads, count)]);
        Some(())
    }),
];

/// A value that units, folds or parameters write, with the cell of its multiplicity.
fn written(d: &Draft, holds: impl Fn(i64) -> bool) -> Option<(Address, At, i64)> {
    let own = |address| {
        let place = d.model.circuit.layout().lanes.place(address)?;
        let sheet = !matches!(place, Place::Public(_) | Place::Sealed(_));
        sheet.then(|| d.multiplicity(address))?
    };
    let mut all = d.written().into_iter();
    all.find_map(|(address, count)| {
        let (at, _) = own(address)?;
        holds(count).then_some((address, at, count))
    })
}

pub const TABLES: &[(Rule, Corruption)] = &[
    (Rule::TableIsFunction, |d| {
        let set = &d.config.tables[0];
        let (first, second) = entries(d, FUNCTION)?;
        let (x, y) = (d.at(set.x, first), d.at(set.y, first));
        d.put(second, [(set.x, x), (set.y, y ^ 1)]);
        Some(())
    }),
    (Rule::RangeIsWhole, |d| twice(d, RANGE)),
    (Rule::RangeIsWhole, |d| {
        let set = &d.config.tables[0];
        let row = entries(d, FUNCTION)?.0;
        let end = 1 << d.config.shape.table_bits;
        d.put(row, [(set.x, end), (set.y, 0), (set.kind, RANGE)]);
        Some(())
    }),
    (Rule::MatrixRangeIsWhole, |d| twice(d, matrix_range(0))),
    (Rule::MatrixRangeIsWhole, |d| {
        let row = entries(d, matrix_range(0))?.1;
        d.set(d.config.tables[0].y, row, 1);
        Some(())
    }),
    // Up to a cell beyond, and down to one.
    (Rule::MatrixRangeFits, |d| {
        let end = 1 << d.config.shape.weight_bits;
        widened(d, matrix_range(0), end)
    }),
    (Rule::MatrixRangeFits, |d| widened(d, matrix_range(0), -1)),
    // A range of positive numbers, which lanes without a parameter are not in; or of negative ones.
    (Rule::MatrixRangeZero, |d| {
        let zero = d.config.shape.weight_offset();
        only(d, matrix_range(0), |x| x > zero)
    }),
    (Rule::MatrixRangeZero, |d| {
        let zero = d.config.shape.weight_offset();
        only(d, matrix_range(0), |x| x < zero)
    }),
    (Rule::MatrixRangeStands, |d| {
        let column = d.config.params.range?;
        d.set(column, d.last() - 1, RANGE);
        Some(())
    }),
    (Rule::MatrixRangeStands, |d| {
        let column = d.config.params.range?;
        d.set(column, 0, FUNCTION);
        Some(())
    }),
    (Rule::MatrixRangeStands, |d| {
        let column = d.config.params.range?;
        d.set(column, 0, matrix_range(20));
        Some(())
    }),
    // Without a column of ranges there is one for all rows.
    (Rule::MatrixRangeStands, |d| {
        let none = d.config.params.range.is_none();
        only(d, matrix_range(0), |_| false)?;
        none.then_some(())
    }),
    (Rule::FunctionFits, |d| {
        let (row, end) = (entries(d, FUNCTION)?.0, 1 << d.config.shape.table_bits);
        d.set(d.config.tables[0].x, row, end);
        Some(())
    }),
    (Rule::FunctionFits, |d| {
        let (row, end) = (entries(d, FUNCTION)?.0, 1 << d.config.shape.table_bits);
        d.set(d.config.tables[0].y, row, end);
        Some(())
    }),
    (Rule::FunctionFits, |d| {
        let row = entries(d, FUNCTION)?.0;
        d.set(d.config.tables[0].y, row, -1);
        Some(())
    }),
];

/// The first two rows of a table.
fn entries(d: &Draft, kind: i64) -> Option<(usize, usize)> {
    let column = d.config.tables[0].kind;
    // Behind the last entry there are zeros.
    let rows = d.rows(|d, row| d.at(column, row) == kind);
    Some((*rows.first()?, *rows.get(1)?))
}

/// All cells up to one, or down to it, become entries of a range of matrices.
fn widened(d: &mut Draft, kind: i64, to: i64) -> Option<()> {
    let set = &d.config.tables[0];
    let own = |d: &Draft| d.rows(|d, row| d.at(set.kind, row) == kind);
    let cells: Vec<i64> = own(d).into_iter().map(|row| d.at(set.x, row)).collect();
    let (first, last) = (*cells.iter().min()?, *cells.iter().max()?);
    for cell in (to..first).chain(last + 1..=to) {
        let row = entries(d, FUNCTION)?.0;
        d.put(row, [(set.x, cell), (set.y, 0), (set.kind, kind)]);
    }
    Some(())
}

/// Takes entries out of a range of matrices: they become those of a function that there is.
fn only(d: &mut Draft, kind: i64, stay: impl Fn(i64) -> bool) -> Option<()> {
    let sets = &d.config.tables;
    let (x, y) = {
        let row = entries(d, FUNCTION)?.0;
        (d.at(sets[0].x, row), d.at(sets[0].y, row))
    };
    for set in sets {
        for row in d.rows(|d, row| d.at(set.kind, row) == kind) {
            if !stay(d.at(set.x, row)) {
                d.put(row, [(set.x, x), (set.y, y), (set.kind, FUNCTION)]);
            }
        }
    }
    Some(())
}

/// An entry is there twice, and another is not.
fn twice(d: &mut Draft, kind: i64) -> Option<()> {
    let (first, second) = entries(d, kind)?;
    let x = d.at(d.config.tables[0].x, first);
    d.set(d.config.tables[0].x, second, x);
    Some(())
}

pub const UNITS: &[(Rule, Corruption)] = &[
    (Rule::UnitEnding, |d| {
        let row = unit(d, |d, row| d.is(d.config.units.row.requantize, row))?;
        d.set(d.config.units.row.exact, row, 1);
        Some(())
    }),
    (Rule::UnitEnding, |d| {
        let row = unit(d, |d, row| d.is(d.config.units.row.requantize, row))?;
        d.set(d.config.units.row.requantize, row, 0);
        Some(())
    }),
    (Rule::UnitDivides, |d| {
        let columns = &d.config.units.row;
        let row = unit(d, |d, row| {
            d.is(columns.requantize, row) && d.is(columns.read_b, row)
        })?;
        d.put(row, [(columns.requantize, 0), (columns.divide, 1)]);
        (!d.config.shape.division).then_some(())
    }),
    (Rule::UnitSum, |d| {
        let row = unit(d, |d, row| d.is(d.config.units.row.product, row))?;
        d.set(d.config.units.row.factor_a, row, 1);
        Some(())
    }),
    (Rule::UnitSum, |d| {
        let row = unit(d, |d, row| d.is(d.config.units.row.product, row))?;
        d.set(d.config.units.row.factor_b, row, -1);
        Some(())
    }),
    (Rule::UnitSum, |d| {
        let row = unit(d, |d, row| d.is(d.config.units.row.product, row))?;
        d.set(d.config.units.row.constant, row, 1);
        Some(())
    }),
    (Rule::UnitMultiplier, |d| {
        let row = unit(d, |d, row| d.is(d.config.units.row.fixed_multiplier, row))?;
        d.set(d.config.units.row.fixed_multiplier, row, 0);
        Some(())
    }),
    (Rule::UnitMultiplier, |d| {
        let row = unit(d, |d, row| d.is(d.config.units.row.read_multiplier, row))?;
        d.set(d.config.units.row.fixed_multiplier, row, 1);
        Some(())
    }),
    (Rule::MultiplierFits, |d| {
        let limit = d.config.shape.param_offset();
        multiplied(d, limit)
    }),
    (Rule::MultiplierFits, |d| {
        let limit = d.config.shape.param_offset();
        multiplied(d, -limit)
    }),
    (Rule::MultiplierFits, |d| multiplied(d, i64::MIN)),
    (Rule::MultiplierParameter, |d| {
        multiplier_of(d, |place| matches!(place, Place::Unit(..)))
    }),
    (Rule::MultiplierParameter, |d| {
        multiplier_of(d, |place| matches!(place, Place::Fold(..)))
    }),
    (Rule::MultiplierParameter, |d| {
        multiplier_of(d, |place| matches!(place, Place::Public(_)))
    }),
    (Rule::MultiplierParameter, |d| {
        multiplier_of(d, |place| matches!(place, Place::Sealed(_)))
    }),
    (Rule::UnitFunction, |d| {
        d.set(d.config.units.row.table, 0, matrix_range(0));
        Some(())
    }),
    (Rule::UnitFunction, |d| {
        d.set(d.config.units.row.table, 0, 1 << 20);
        Some(())
    }),
    // No source: a sum, a product.
    (Rule::FirstOperand, |d| {
        let columns = &d.config.units.row;
        unread_a(d, |d, row| d.at(columns.factor_a, row) != 0)
    }),
    (Rule::FirstOperand, |d| {
        let columns = &d.config.units.row;
        unread_a(d, |d, row| d.is(columns.product, row))
    }),
    // Two sources.
    (Rule::FirstOperand, |d| {
        let plan = d.model.circuit.layout().contractions.first()?;
        let rows = plan.result.matrix.circuit_rows();
        let row = unit(d, |_, row| rows.contains(&row))?;
        d.set(d.config.units.row.read_a, row, 1);
        for lane in &d.config.units.lanes {
            if d.is(lane.active, row) {
                d.reads_here(lane.address_a, row)?;
            }
        }
        Some(())
    }),
    (Rule::SecondOperand, |d| {
        let columns = &d.config.units.row;
        unread_b(d, |d, row| {
            d.at(columns.factor_b, row) != 0 && !d.is(columns.divide, row)
        })
    }),
    (Rule::SecondOperand, |d| {
        let columns = &d.config.units.row;
        unread_b(d, |d, row| d.is(columns.product, row))
    }),
    (Rule::SecondOperand, |d| {
        let columns = &d.config.units.row;
        unread_b(d, |d, row| d.is(columns.divide, row))
    }),
];

/// The first row of units of a kind.
fn unit(d: &Draft, holds: impl Fn(&Draft, usize) -> bool) -> Option<usize> {
    let lanes = &d.config.units.lanes;
    d.row(|d, row| holds(d, row) && lanes.iter().any(|lane| d.is(lane.active, row)))
}

/// A row of units has another fixed multiplier.
pub fn multiplied(d: &mut Draft, to: i64) -> Option<()> {
    let columns = &d.config.units.row;
    let row = unit(d, |d, row| d.is(columns.fixed_multiplier, row))?;
    d.set(columns.multiplier_value, row, to);
    Some(())
}

/// A row of units reads its multiplier from the first such place that is read.
pub fn multiplier_of(d: &mut Draft, from: impl Fn(Place) -> bool) -> Option<()> {
    let (columns, lanes) = (&d.config.units.row, d.model.circuit.layout().lanes);
    let row = unit(d, |d, row| d.is(columns.fixed_multiplier, row))?;
    let mut all = d.written().into_iter().map(|(address, _)| address);
    let address = all.find(|&address| lanes.place(address).is_some_and(&from))?;
    d.put(
        row,
        [(columns.fixed_multiplier, 0), (columns.read_multiplier, 1)],
    );
    d.set(columns.multiplier_address, row, address);
    d.reads(address, 1)
}

/// A row of units stops reading its first operands.
fn unread_a(d: &mut Draft, holds: impl Fn(&Draft, usize) -> bool) -> Option<()> {
    let flag = d.config.units.row.read_a;
    let row = unit(d, |d, row| d.is(flag, row) && holds(d, row))?;
    d.set(flag, row, 0);
    for lane in &d.config.units.lanes {
        if d.is(lane.active, row) {
            d.reads(d.at(lane.address_a, row), -1)?;
        }
    }
    Some(())
}

/// A row of units stops reading its second operands.
fn unread_b(d: &mut Draft, holds: impl Fn(&Draft, usize) -> bool) -> Option<()> {
    let flag = d.config.units.row.read_b;
    let row = unit(d, |d, row| d.is(flag, row) && holds(d, row))?;
    d.set(flag, row, 0);
    for lane in &d.config.units.lanes {
        if d.is(lane.active, row) {
            d.reads(d.at(lane.address_b, row), -1)?;
        }
    }
    Some(())
}

pub const FOLDS: &[(Rule, Corruption)] = &[
    (Rule::FoldRule, |d| {
        let folds = &d.config.folds;
        let row = d.row(|d, row| d.is(folds.start, row))?;
        d.set(folds.sum, row, 1);
        Some(())
    }),
    (Rule::FoldRule, |d| {
        let folds = &d.config.folds;
        let row = d.row(|d, row| d.is(folds.max, row))?;
        d.set(folds.max, row, 0);
        Some(())
    }),
    // The last value of a fold is gone.
    (Rule::FoldEnds, |d| {
        let folds = &d.config.folds;
        let lane = folds.lanes.first()?;
        let row = d.row(|d, row| d.is(folds.start, row) && d.is(lane.active, row))?;
        d.set(lane.active, row, 0);
        d.reads(d.at(lane.address, row), -1)
    }),
    // A total on the way is read in place of that at the top.
    (Rule::FoldTop, |d| {
        let folds = &d.config.folds;
        let lane = folds.lanes.first()?;
        let row = d.row(|d, row| d.at(lane.reads, row) > 0 && !d.is(folds.start, row))?;
        d.take(lane.reads, row, row + 1);
        let base = d.at(folds.base, row);
        d.set(folds.base, row + 1, base);
        Some(())
    }),
    // And the row's last value alone, where the fold begins.
    (Rule::FoldTop, |d| {
        let folds = &d.config.folds;
        let lane = folds.lanes.first()?;
        let row = d.row(|d, row| d.at(lane.reads, row) > 0 && !d.is(folds.start, row))?;
        let last = (row..).find(|&row| d.is(folds.start, row))?;
        d.take(lane.reads, row, last);
        let base = d.at(folds.base, row);
        d.set(folds.base, last, base);
        Some(())
    }),
];

pub const PUBLIC: &[(Rule, Corruption)] = &[
    (Rule::CountStands, |d| {
        d.set(d.config.public.count, end(d), 0);
        Some(())
    }),
    (Rule::CountOnce, |d| {
        d.set(d.config.public.count, end(d) + 1, 1);
        Some(())
    }),
    // With public outputs they would pass for inputs.
    (Rule::CountFits, |d| {
        d.set(d.config.public.address, end(d), end(d) as i64 + 1);
        Some(())
    }),
    (Rule::CountFits, |d| {
        d.set(d.config.public.address, end(d), -1);
        Some(())
    }),
    // An input reads another's value, and its readers take that one.
    (Rule::PublicInput, |d| {
        let public = &d.config.public;
        let own = d.at(public.address, 0);
        let inputs = d.model.circuit.layout().inputs;
        let count = -d.at(public.flow, 0);
        let lanes = d.model.circuit.layout().lanes;
        let mut others = d.written().into_iter().map(|(address, _)| address);
        let other = others.find(|&address| {
            address != own && matches!(lanes.place(address), Some(Place::Public(_)))
        })?;
        d.redirect(own, other);
        d.set(public.flow, 0, 1);
        d.reads(other, count + 1)?;
        (inputs > 0).then_some(())
    }),
    (Rule::PublicOutput, |d| {
        let public = &d.config.public;
        let row = output(d)?;
        d.set(public.flow, row, 0);
        d.reads(d.at(public.address, row), -1)
    }),
    (Rule::PublicOutput, |d| {
        let row = output(d)?;
        d.set(d.config.public.flow, row, 2);
        Some(())
    }),
    (Rule::PublicEnd, |d| {
        let row = end(d) + 1;
        d.set(d.config.public.flow, row, 1);
        d.reads_here(d.config.public.address, row)
    }),
    // The row of the number of inputs, which is an address there as well.
    (Rule::PublicEnd, |d| {
        let row = end(d);
        let number = d.at(d.config.public.address, row);
        let lane = d.config.params.lanes.first()?;
        let param = d.row(|d, row| d.at(lane.reads, row) > 0)?;
        let own = d.at(d.config.params.base, param);
        d.redirect(own, number);
        d.set(d.config.params.base, param, number);
        d.set(d.config.public.flow, row, 1);
        d.add(lane.reads, param, 1);
        (d.config.params.lanes.len() == 1).then_some(())
    }),
];

/// Row of the number of inputs.
fn end(d: &Draft) -> usize {
    d.model.circuit.layout().public_rows() - 1
}

/// Row of the first public output.
fn output(d: &Draft) -> Option<usize> {
    let layout = d.model.circuit.layout();
    (!layout.outputs.is_empty()).then_some(layout.inputs)
}

pub const SEALS: &[(Rule, Corruption)] = &[
    (Rule::SealStarts, |d| idle_seal(d, |s| s.poseidon.block)),
    (Rule::SealStarts, |d| idle_seal(d, |s| s.start)),
    (Rule::SealStarts, |d| idle_seal(d, |s| s.end)),
    (Rule::SealStarts, |d| idle_seal(d, |s| s.pad)),
    (Rule::SealStarts, |d| idle_seal(d, |s| s.values.read)),
    (Rule::SealStarts, |d| idle_seal(d, |s| s.values.ranged)),
    (Rule::SealStarts, |d| {
        let values = &d.config.seal.as_ref()?.values;
        idle_seal(d, |s| s.values.flow)?;
        let row = d.free(d.config.seal.as_ref()?.active, 1)?;
        d.reads_here(values.address, row)
    }),
    (Rule::SealEnds, |d| {
        let seal = d.config.seal.as_ref()?;
        let row = d.free(seal.active, 1)?;
        d.set(seal.end, row - 1, 0);
        Some(())
    }),
    (Rule::SealBlocks, |d| {
        let (seal, plan) = inputs(d)?;
        d.set(seal.poseidon.block, plan.first + 1, 1);
        Some(())
    }),
    (Rule::SealBlocks, |d| {
        let (seal, plan) = inputs(d)?;
        d.set(seal.poseidon.block, plan.first + BLOCK_ROWS, 0);
        Some(())
    }),
    (Rule::SealChain, |d| {
        let (seal, plan) = inputs(d)?;
        d.set(seal.start, plan.first + BLOCK_ROWS, 1);
        Some(())
    }),
    (Rule::SealChain, |d| {
        let (seal, plan) = inputs(d)?;
        d.set(seal.start, plan.first, 0);
        Some(())
    }),
    (Rule::SealSalt, |d| {
        let (seal, plan) = inputs(d)?;
        d.set(seal.pad, plan.first, 1);
        Some(())
    }),
    (Rule::SealSalt, |d| {
        let (_, plan) = inputs(d)?;
        value(d, plan.first)
    }),
    (Rule::SealFirstBlock, |d| {
        let (seal, plan) = inputs(d)?;
        d.set(seal.pad, plan.first + 1, 0);
        Some(())
    }),
    (Rule::SealFirstBlock, |d| {
        let (_, plan) = inputs(d)?;
        value(d, plan.first + BLOCK_ROWS - 1)
    }),
    (Rule::SealValues, |d| {
        let (seal, plan) = inputs(d)?;
        d.set(seal.pad, plan.value_rows().end, 0);
        Some(())
    }),
    (Rule::SealValues, |d| {
        let (seal, plan) = inputs(d)?;
        d.set(seal.pad, plan.value_rows().end - 1, 1);
        Some(())
    }),
    // The last value stands a row further down.
    (Rule::SealZeros, |d| {
        let (seal, plan) = inputs(d)?;
        let (row, values) = (plan.value_rows().end - 1, &seal.values);
        d.put(row, [(seal.pad, 1)]);
        d.set(seal.pad, row + 1, 0);
        for column in [values.read, values.ranged, values.flow, values.address] {
            d.take(column, row, row + 1);
        }
        d.take(values.least, row, row + 1);
        d.take(values.greatest, row, row + 1);
        Some(())
    }),
    // The last block has no end.
    (Rule::SealEnd, |d| {
        let (seal, plan) = outputs(d)?;
        let rows = plan.value_rows().end..plan.rows().end;
        for row in rows.clone() {
            d.put(row, [(seal.active, 0), (seal.pad, 0), (seal.end, 0)]);
        }
        d.set(seal.end, rows.start - 1, 1);
        Some(())
    }),
    (Rule::SealCount, |d| {
        let (seal, plan) = inputs(d)?;
        d.add(seal.count, plan.first, 1);
        Some(())
    }),
    // The number of inputs is public below the digests.
    (Rule::SealDigest, |d| {
        let (_, plan) = outputs(d)?;
        let (public, row) = (&d.config.public, plan.rows().end - 1);
        d.take(public.count, end(d), row);
        d.set(public.address, row, row as i64);
        Some(())
    }),
    (Rule::SealWire, |d| {
        let (seal, plan) = inputs(d)?;
        let row = plan.value_rows().end;
        d.set(seal.values.flow, row, 1);
        d.reads_here(seal.values.address, row)
    }),
    (Rule::SealRange, |d| {
        let (seal, plan) = inputs(d)?;
        d.set(seal.values.ranged, plan.first, 1);
        Some(())
    }),
    (Rule::SealInput, |d| {
        let (seal, plan) = outputs(d)?;
        let (row, values) = (plan.value_rows().start, &seal.values);
        d.put(row, [(values.ranged, 1), (values.greatest, 1)]);
        Some(())
    }),
    (Rule::SealOutput, |d| {
        let (seal, plan) = inputs(d)?;
        d.set(seal.values.ranged, plan.value_rows().start, 0);
        Some(())
    }),
    (Rule::SealOutput, |d| {
        let (seal, plan) = outputs(d)?;
        let (row, values) = (plan.value_rows().start, &seal.values);
        d.set(values.flow, row, 0);
        d.reads(d.at(values.address, row), -1)
    }),
    (Rule::SealOutput, |d| {
        let (seal, plan) = outputs(d)?;
        d.set(seal.values.flow, plan.value_rows().start, 2);
        Some(())
    }),
    (Rule::SealWidth, |d| {
        let (seal, plan) = inputs(d)?;
        let (row, values) = (plan.value_rows().start, &seal.values);
        let least = d.at(values.least, row);
        d.set(values.greatest, row, least - 1);
        Some(())
    }),
    (Rule::SealWidth, |d| {
        let (seal, plan) = inputs(d)?;
        let (row, values) = (plan.value_rows().start, &seal.values);
        let least = d.at(values.least, row);
        let limit = 1 << d.config.shape.table_bits;
        d.set(values.greatest, row, least + limit);
        Some(())
    }),
];

/// Columns of the seals, and that of the inputs.
pub fn inputs<'a>(d: &Draft<'a>) -> Option<(&'a SealConfig, &'a SealPlan)> {
    let seal = d.config.seal.as_ref()?;
    Some((seal, d.model.circuit.layout().seal(Role::Input)?))
}

fn outputs<'a>(d: &Draft<'a>) -> Option<(&'a SealConfig, &'a SealPlan)> {
    let seal = d.config.seal.as_ref()?;
    Some((seal, d.model.circuit.layout().seal(Role::Output)?))
}

fn idle_seal(d: &mut Draft, column: impl Fn(&SealConfig) -> Column<Fixed>) -> Option<()> {
    let seal = d.config.seal.as_ref()?;
    let row = d.free(seal.active, 1)?;
    d.set(column(seal), row, 1);
    Some(())
}

/// Puts one more hidden value on a row of the first block; nobody reads it.
fn value(d: &mut Draft, row: usize) -> Option<()> {
    let (seal, plan) = inputs(d)?;
    d.put(row, [(seal.pad, 0), (seal.values.read, 1)]);
    d.set(seal.values.ranged, row, 1);
    d.add(seal.count, plan.first, 1);
    Some(())
}

pub const BUS: &[(Rule, Corruption)] = &[
    // A lane without a unit writes what one wrote.
    (Rule::WriterCounts, |d| {
        let units = &d.config.units;
        let (address, (column, row), count) = written(d, |_| true)?;
        let lane = units.lanes.first()?;
        let free = d.free(lane.active, 1)?;
        d.set(column, row, 0);
        d.put(free, [(units.row.base, address), (lane.reads, count)]);
        let idle = units.lanes.iter().all(|lane| !d.is(lane.active, free));
        idle.then_some(())
    }),
    (Rule::WriterCounts, |d| {
        let folds = &d.config.folds;
        let (address, (column, row), count) = written(d, |_| true)?;
        let lane = folds.lanes.first()?;
        let free = d.free(lane.active, 1)?;
        d.set(column, row, 0);
        d.put(free, [(folds.base, address), (lane.reads, count)]);
        Some(())
    }),
    // Half of the reads are of a parameter that stands nowhere.
    (Rule::WrittenOnce, |d| {
        let (address, (column, row), _) = written(d, |count| count > 1)?;
        let lane = d.config.params.lanes.first()?;
        let free = d.last() - 1;
        d.add(column, row, -1);
        d.put(free, [(d.config.params.base, address), (lane.reads, 1)]);
        Some(())
    }),
    (Rule::ReadAsOften, |d| {
        let (_, (column, row), _) = written(d, |_| true)?;
        d.add(column, row, 1);
        Some(())
    }),
    (Rule::ReadAsOften, |d| {
        let (_, (column, row), _) = written(d, |count| count > 1)?;
        d.add(column, row, -1);
        Some(())
    }),
    // A unit's result reads an address that nothing writes.
    (Rule::ReadAsOften, |d| {
        let (_, (column, row), _) = written(d, |_| true)?;
        d.set(column, row, -1);
        Some(())
    }),
    // An operand from nowhere.
    (Rule::ReadAsOften, |d| {
        let (units, lane) = (&d.config.units, d.config.units.lanes.first()?);
        let row = unit(d, |d, row| {
            d.is(units.row.read_a, row) && d.is(lane.active, row)
        })?;
        d.reads(d.at(lane.address_a, row), -1)?;
        d.set(lane.address_a, row, 1 << 50);
        Some(())
    }),
];

/// Values that depend on themselves.
pub const ORDER: &[(Rule, Corruption)] = &[
    // A unit reads its own result, as either operand.
    (Rule::Acyclic, |d| {
        let ((row, lane), own) = any_unit(d, |d, row, _| d.is(d.config.units.row.read_a, row))?;
        d.rewire((d.config.units.lanes[lane].address_a, row), own)
    }),
    (Rule::Acyclic, |d| {
        let ((row, lane), own) = any_unit(d, |d, row, _| d.is(d.config.units.row.read_b, row))?;
        d.rewire((d.config.units.lanes[lane].address_b, row), own)
    }),
    // Two units read each other.
    (Rule::Acyclic, |d| {
        let (row, lanes) = (&d.config.units.row, &d.config.units.lanes);
        let places = d.model.circuit.layout().lanes;
        let mut found = None;
        any_unit(d, |d, at, lane| {
            let columns = [
                (row.read_a, lanes[lane].address_a),
                (row.read_b, lanes[lane].address_b),
            ];
            let read = columns.iter().filter(|(flag, _)| d.is(*flag, at));
            let sources = read.map(|(_, address)| places.place(d.at(*address, at)));
            let own = d.at(row.base, at) + lane as i64;
            found = sources.flatten().find_map(|place| match place {
                Place::Unit(other, lane) if other != at && d.is(row.read_a, other) => {
                    Some(((lanes[lane].address_a, other), own))
                }
                _ => None,
            });
            found.is_some()
        })?;
        let (at, own) = found?;
        d.rewire(at, own)
    }),
    // A fold takes what depends on its total, on its first row or on its last.
    (Rule::Acyclic, |d| {
        let (top, lane, to) = folded(d)?;
        d.rewire((d.config.folds.lanes[lane].address, top), to)
    }),
    (Rule::Acyclic, |d| {
        let (top, lane, to) = folded(d)?;
        let start = d.config.folds.start;
        let row = (top..d.last()).find(|&row| d.is(start, row))?;
        d.rewire((d.config.folds.lanes[lane].address, row), to)
    }),
    // An operand of a contraction takes what depends on its result.
    (Rule::Acyclic, |d| {
        contracted(d, |plan| plan.left.claim().copied())
    }),
    (Rule::Acyclic, |d| contracted(d, |plan| Some(plan.right))),
    // So does an index.
    (Rule::Acyclic, |d| {
        let contractions = &d.model.circuit.layout().contractions;
        let (selection, to) = contractions.iter().find_map(|plan| {
            let rows = plan.result.matrix.circuit_rows();
            let (_, to) = any_unit(d, |_, row, _| rows.contains(&row))?;
            Some((plan.left.selection()?, to))
        })?;
        let column = d.config.selection.as_ref()?.indices.address;
        d.rewire((column, selection.rows().end - 1), to)
    }),
];

/// Row, lane and address of the first unit of a kind.
fn any_unit(
    d: &Draft,
    mut holds: impl FnMut(&Draft, usize, usize) -> bool,
) -> Option<((usize, usize), Address)> {
    let units = &d.config.units;
    let lanes = 0..units.lanes.len();
    let mut all = (0..d.last()).flat_map(|row| lanes.clone().map(move |lane| (row, lane)));
    let (row, lane) = all.find(|&(row, lane)| {
        let columns = &units.lanes[lane];
        d.is(columns.active, row) && holds(d, row, lane)
    })?;
    Some(((row, lane), d.at(units.row.base, row) + lane as i64))
}

/// First row and lane of a fold, and the address of a unit that takes its total.
fn folded(d: &Draft) -> Option<(usize, usize, Address)> {
    let (units, lanes) = (&d.config.units, d.model.circuit.layout().lanes);
    let total = |d: &Draft, row: usize, lane: usize| {
        let address = d.at(units.lanes[lane].address_a, row);
        match lanes.place(address) {
            Some(Place::Fold(row, lane)) => Some((row, lane)),
            _ => None,
        }
    };
    let ((row, lane), own) = any_unit(d, |d, row, lane| {
        d.is(units.row.read_a, row) && total(d, row, lane).is_some()
    })?;
    let (top, lane) = total(d, row, lane)?;
    Some((top, lane, own))
}

/// A unit of a contraction's operand reads one that takes the contraction's result.
fn contracted(d: &mut Draft, operand: fn(&ContractionPlan) -> Option<ClaimPlan>) -> Option<()> {
    let units = &d.config.units;
    let contractions = &d.model.circuit.layout().contractions;
    let (at, to) = contractions.iter().find_map(|plan| {
        let claim = operand(plan).filter(|c| matches!(c.section, Section::Operands(_)))?;
        let (rows, results) = (
            claim.matrix.circuit_rows(),
            plan.result.matrix.circuit_rows(),
        );
        let (_, to) = any_unit(d, |_, row, _| results.contains(&row))?;
        let mut all = rows.flat_map(|row| units.lanes.iter().map(move |lane| (row, lane)));
        let (row, lane) =
            all.find(|&(row, lane)| d.is(units.row.read_a, row) && d.is(lane.active, row))?;
        Some(((lane.address_a, row), to))
    })?;
    d.rewire(at, to)
}
