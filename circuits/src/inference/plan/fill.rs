//! From a layout to the shape of a circuit and its fixed columns.

use super::layout::{ClaimPlan, ContractionPlan, Layout, Role, SealPlan, Section, Selection};
use super::rows::{Ending, Fold, Multiplier, Place};
use crate::inference::claim::{Axis, Channel};
use crate::inference::config::InferenceConfig;
use crate::inference::shape::{Shape, UNUSABLE_ROWS};
use crate::inference::sheet::Sheet;
use crate::inference::tables::matrix_range;
use crate::poseidon2::BLOCK_ROWS;
use halo2_proofs::plonk::{Column, Fixed};

use super::{Columns, PlanError};

/// Largest size of a circuit.
const MAX_K: u32 = 24;

/// Most fixed columns of a circuit: those of a verifying key.
const MAX_COLUMNS: usize = 1 << 12;

impl Layout {
    /// The smallest circuit that holds the layout, if `k` is not given.
    ///
    /// # Errors
    ///
    /// If it does not fit `2^k` rows, or any size.
    pub fn shape(&self, k: Option<u32>) -> Result<Shape, PlanError> {
        let rows = self.rows() + UNUSABLE_ROWS + 1;
        let least = rows.next_power_of_two().trailing_zeros().max(5);
        let k = k.unwrap_or(least);
        if least > k.min(MAX_K) {
            let max = 1 << k.min(MAX_K);
            return Err(PlanError::Size { rows, max });
        }
        let (steps, shifts) = self.exponents();
        let (weight_channels, operand_channels) = self.channels();
        let last = (1 << k) - UNUSABLE_ROWS - 1;
        let shape = Shape {
            k,
            table_bits: self.table_bits,
            weight_bits: self.weight_bits,
            matrix_ranges: self.matrix_ranges.len() > 1,
            wide_bits: self.wide_bits,
            weight_lanes: self.lanes.weights,
            unit_lanes: self.lanes.units,
            fold_lanes: if self.folds.is_empty() {
                0
            } else {
                self.lanes.folds
            },
            param_lanes: self.lanes.params,
            weight_channels,
            operand_channels,
            table_sets: self.tables.entries().len().div_ceil(last),
            division: self.units.iter().any(|row| row.op.ending == Ending::Divide),
            selection: self.index_rows > 0,
            sealed: !self.seals.is_empty(),
            steps,
            shifts,
        };
        // Each step and shift has a column of its own; gates are made for all of them.
        let columns = Columns::of(&shape).fixed;
        if columns > MAX_COLUMNS {
            let max = MAX_COLUMNS;
            return Err(PlanError::Columns { columns, max });
        }
        Ok(shape)
    }

    /// Powers of the position challenge in the gates: steps of kernels, shifts of results.
    pub(super) fn exponents(&self) -> (Vec<u32>, Vec<u32>) {
        let contractions = self.contractions.iter();
        let mut steps: Vec<u32> = contractions
            .clone()
            .flat_map(|c| c.offsets.windows(2).map(|pair| pair[1] - pair[0]))
            .collect();
        let mut shifts: Vec<u32> = contractions.map(|c| c.shift).collect();
        for list in [&mut steps, &mut shifts] {
            list.sort_unstable();
            list.dedup();
        }
        (steps, shifts)
    }

    /// Claims that the most used matrix parameter and the most used operand enter.
    pub(super) fn channels(&self) -> (usize, usize) {
        let (mut weights, mut operands) = (1, 0);
        for claim in self.claims() {
            match claim.section {
                Section::Weights(channel) => weights = weights.max(channel + 1),
                Section::Operands(channel) => operands = operands.max(channel + 1),
                Section::Results => {}
            }
        }
        (weights, operands)
    }

    /// Writes the fixed columns.
    pub fn fill(&self, config: &InferenceConfig, sheet: &mut Sheet) {
        let last = config.shape.last_row();
        sheet.fixed_mut(config.running)[..last].fill(1);
        for row in [0, last] {
            sheet.fixed_mut(config.ends)[row] = 1;
        }
        self.fill_tables(config, sheet);
        self.fill_ranges(config, sheet);
        self.fill_units(config, sheet);
        self.fill_folds(config, sheet);
        self.fill_public(config, sheet);
        for seal in &self.seals {
            fill_seal(seal, config, sheet);
        }
        self.fill_reads(config, sheet);
        for contraction in &self.contractions {
            fill_contraction(contraction, config, sheet);
        }
        for claim in self.claims() {
            fill_claim(claim, config.channel(claim.section), sheet);
        }
    }

    fn fill_tables(&self, config: &InferenceConfig, sheet: &mut Sheet) {
        let last = config.shape.last_row();
        for (set, entries) in config.tables.iter().zip(self.tables.entries().chunks(last)) {
            for (column, index) in [(set.x, 0), (set.y, 1), (set.kind, 2)] {
                let values = sheet.fixed_mut(column);
                for (value, entry) in values.iter_mut().zip(entries) {
                    *value = entry[index];
                }
            }
        }
    }

    /// The range of each row's matrix; rows without one hold zeros, which are in every range.
    fn fill_ranges(&self, config: &InferenceConfig, sheet: &mut Sheet) {
        let Some(column) = config.params.range else {
            return;
        };
        let kinds = sheet.fixed_mut(column);
        kinds[..config.shape.last_row()].fill(matrix_range(0));
        for plan in &self.weights {
            kinds[plan.matrix.circuit_rows()].fill(matrix_range(plan.range));
        }
    }

    fn fill_units(&self, config: &InferenceConfig, sheet: &mut Sheet) {
        let columns = &config.units.row;
        for (row, unit) in self.units.iter().enumerate() {
            let mut put = |column: Column<Fixed>, value: i64| sheet.fixed_mut(column)[row] = value;
            put(columns.base, self.lanes.address(Place::Unit(row, 0)));
            if !unit.cells.iter().any(|cell| cell.active) {
                continue;
            }
            let op = &unit.op;
            let ending = match op.ending {
                Ending::Requantize => columns.requantize,
                Ending::Exact => columns.exact,
                Ending::Divide => columns.divide,
            };
            put(ending, 1);
            put(columns.product, op.product.into());
            put(columns.factor_a, op.factor_a);
            put(columns.factor_b, op.factor_b);
            put(columns.constant, op.constant);
            put(columns.table, op.table);
            match op.multiplier {
                Multiplier::Fixed(value) => {
                    put(columns.fixed_multiplier, 1);
                    put(columns.multiplier_value, value);
                }
                Multiplier::Read(address) => {
                    put(columns.read_multiplier, 1);
                    put(columns.multiplier_address, address);
                }
            }
            let reads = |pick: fn(&super::UnitCell) -> Option<i64>| {
                unit.cells.iter().any(|cell| pick(cell).is_some())
            };
            put(columns.read_a, reads(|cell| cell.a).into());
            put(columns.read_b, reads(|cell| cell.b).into());
            for (lane, cell) in config.units.lanes.iter().zip(&unit.cells) {
                put(lane.active, cell.active.into());
                put(lane.address_a, cell.a.unwrap_or(0));
                put(lane.address_b, cell.b.unwrap_or(0));
            }
        }
    }

    fn fill_folds(&self, config: &InferenceConfig, sheet: &mut Sheet) {
        let folds = &config.folds;
        for (row, fold) in self.folds.iter().enumerate() {
            let rule = match (fold.start, fold.fold) {
                (true, _) => folds.start,
                (false, Fold::Sum) => folds.sum,
                (false, Fold::Max) => folds.max,
            };
            sheet.fixed_mut(rule)[row] = 1;
            sheet.fixed_mut(folds.base)[row] = self.lanes.address(Place::Fold(row, 0));
            for (lane, cell) in folds.lanes.iter().zip(&fold.cells) {
                if let Some(address) = cell {
                    sheet.fixed_mut(lane.active)[row] = 1;
                    sheet.fixed_mut(lane.address)[row] = *address;
                }
            }
        }
    }

    fn fill_public(&self, config: &InferenceConfig, sheet: &mut Sheet) {
        let public = &config.public;
        for row in 0..self.inputs {
            sheet.fixed_mut(public.address)[row] = self.lanes.address(Place::Public(row));
        }
        for (row, &address) in (self.inputs..).zip(&self.outputs) {
            sheet.fixed_mut(public.address)[row] = address;
            sheet.fixed_mut(public.flow)[row] = 1;
        }
        let row = self.public_rows() - 1;
        sheet.fixed_mut(public.address)[row] = self.inputs as i64;
        sheet.fixed_mut(public.count)[row] = 1;
        let rows = self.params.len().div_ceil(self.lanes.params.max(1));
        for row in 0..rows {
            let address = self.lanes.address(Place::Param(row, 0));
            sheet.fixed_mut(config.params.base)[row] = address;
        }
    }

    fn fill_reads(&self, config: &InferenceConfig, sheet: &mut Sheet) {
        for (address, count) in self.reads.iter() {
            let (column, row, count) = match self.lanes.place(address) {
                Some(Place::Unit(row, lane)) => (config.units.lanes[lane].reads, row, count),
                Some(Place::Fold(row, lane)) => (config.folds.lanes[lane].reads, row, count),
                Some(Place::Param(row, lane)) => (config.params.lanes[lane].reads, row, count),
                Some(Place::Public(row)) => (config.public.flow, row, -count),
                Some(Place::Sealed(index)) => {
                    let (Some(seal), Some(columns)) = (self.seal(Role::Input), &config.seal) else {
                        continue;
                    };
                    (columns.values.flow, seal.value_rows().start + index, -count)
                }
                None => continue,
            };
            sheet.fixed_mut(column)[row] = count;
        }
    }
}

fn fill_contraction(plan: &ContractionPlan, config: &InferenceConfig, sheet: &mut Sheet) {
    let columns = &config.contraction;
    let shift = config.shape.shifts.iter().position(|&s| s == plan.shift);
    let end = plan.rows();
    let per_channel = plan.offsets.len();
    for index in 0..end {
        let row = plan.first + index;
        let (offset, more) = (index % per_channel, index + 1 < end);
        let mut put = |column: Column<Fixed>, value: i64| sheet.fixed_mut(column)[row] = value;
        put(columns.active, 1);
        put(columns.id, plan.right.id as i64);
        put(columns.start, (index == 0).into());
        put(columns.more, more.into());
        put(columns.opens, (offset == 0).into());
        if offset == 0
            && let Some(shift) = shift
        {
            put(columns.shifts[shift], 1);
        }
        if offset + 1 < per_channel {
            put(columns.repeat, 1);
            let step = plan.offsets[offset + 1] - plan.offsets[offset];
            let step = config.shape.steps.iter().position(|&s| s == step);
            if let Some(step) = step {
                put(columns.steps[step], 1);
            }
        }
        if let Some(selection) = config.selection.filter(|_| plan.left.claim().is_none())
            && more
        {
            put(selection.next, 1);
            put(selection.key, index as i64 + 1);
        }
    }
    if let Some(selection) = plan.left.selection() {
        fill_selection(selection, config, sheet);
    }
}

fn fill_seal(plan: &SealPlan, config: &InferenceConfig, sheet: &mut Sheet) {
    let Some(columns) = &config.seal else { return };
    let offset = config.shape.wide_offset();
    let (rows, values) = (plan.rows(), plan.value_rows());
    for row in rows.clone() {
        let mut put = |column: Column<Fixed>, value: i64| sheet.fixed_mut(column)[row] = value;
        let first = (row - rows.start).is_multiple_of(BLOCK_ROWS);
        put(columns.active, 1);
        put(columns.poseidon.block, first.into());
        put(columns.start, (row == rows.start).into());
        put(columns.end, (row + 1 == rows.end).into());
        let salt = row == rows.start;
        put(columns.pad, (!salt && !values.contains(&row)).into());
    }
    sheet.fixed_mut(columns.count)[rows.start] = plan.values.len() as i64;
    for (row, value) in values.zip(&plan.values) {
        let mut put = |column: Column<Fixed>, value: i64| sheet.fixed_mut(column)[row] = value;
        put(columns.values.read, 1);
        put(columns.values.address, value.address);
        match value.range {
            Some(range) => {
                put(columns.values.ranged, 1);
                put(columns.values.least, range.lo + offset);
                put(columns.values.greatest, range.hi + offset);
            }
            None => put(columns.values.flow, 1),
        }
    }
}

fn fill_selection(plan: &Selection, config: &InferenceConfig, sheet: &mut Sheet) {
    let Some(columns) = config.selection else {
        return;
    };
    let rows = plan.rows();
    for (row, &address) in rows.clone().zip(&plan.indices) {
        let mut put = |column: Column<Fixed>, value: i64| sheet.fixed_mut(column)[row] = value;
        put(columns.indices.active, 1);
        put(columns.indices.address, address);
        put(columns.id, plan.id as i64);
        put(columns.start, (row == rows.start).into());
        put(columns.more, (row + 1 < rows.end).into());
    }
}

fn fill_claim(claim: &ClaimPlan, channel: &Channel, sheet: &mut Sheet) {
    let flag = |flags: &[(Axis, Column<Fixed>)], axis: Axis| {
        flags.iter().find(|(a, _)| *a == axis).map(|(_, c)| *c)
    };
    let (fast, slow) = (
        flag(&channel.fast, claim.fast),
        flag(&channel.slow, claim.slow),
    );
    let rows = claim.matrix.circuit_rows();
    let lane_rows = claim.matrix.lane_rows();
    sheet.fixed_mut(channel.start)[rows.start] = 1;
    sheet.fixed_mut(channel.id)[rows.start] = claim.id as i64;
    for row in rows.clone() {
        let mut put = |column: Option<Column<Fixed>>| {
            if let Some(column) = column {
                sheet.fixed_mut(column)[row] = 1;
            }
        };
        put(fast);
        if row + 1 < rows.end {
            let goes_on = !(row + 1 - rows.start).is_multiple_of(lane_rows);
            put(if goes_on { Some(channel.same) } else { slow });
        }
    }
}
