//! Runs a layout: computes every first-phase cell from parameters and inputs.

use halo2_proofs::plonk::{Advice, Column, Fixed};
use nascent_ir::{Params, TensorId};
use rayon::prelude::*;

use super::claim::Axis;
use super::config::InferenceConfig;
use super::contraction::{Operand, multiply};
use super::fraction::Tuple;
use super::plan::layout::{
    ClaimPlan, ContractionPlan, Layout, Left, Role, Section, Selection, Step,
};
use super::plan::rows::{Address, Ending, Fold, Multiplier, Place, UnitOp, UnitRow};
use super::sheet::Sheet;

/// Why a circuit's cells cannot be computed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExecuteError {
    /// A parameter is missing or has another length.
    #[error("parameter {tensor}: {got} values, expected at least {expected}")]
    Params {
        /// The tensor.
        tensor: TensorId,
        /// Values needed.
        expected: usize,
        /// Values given.
        got: usize,
    },
    /// The input has another length.
    #[error("input of {got} values, expected {expected}")]
    Input {
        /// Values needed.
        expected: usize,
        /// Values given.
        got: usize,
    },
    /// An index names no row of its table.
    #[error("index {index} into a table of {rows} rows")]
    Index {
        /// The index.
        index: i64,
        /// Rows of the table.
        rows: usize,
    },
    /// A value is outside its table or cell; the parameters break a bound that the compiler
    /// assumes, or the input leaves its declared range.
    #[error("value {value} on row {row} is outside the table; compile again with these parameters")]
    Range {
        /// The value.
        value: i64,
        /// The row of units, folds or parameters.
        row: usize,
    },
}

/// Fills the first phase of a sheet whose fixed columns are filled.
///
/// `inputs` are the inputs in order, public or hidden. Returns the outputs.
///
/// # Errors
///
/// If parameters or inputs do not fit the layout, or a value leaves its range.
pub fn execute(
    config: &InferenceConfig,
    layout: &Layout,
    sheet: &mut Sheet,
    params: &Params,
    inputs: &[i64],
) -> Result<Vec<i64>, ExecuteError> {
    let hidden = layout.seal(Role::Input).map(|seal| seal.values.len());
    let expected = hidden.unwrap_or(layout.inputs);
    if inputs.len() != expected {
        let got = inputs.len();
        return Err(ExecuteError::Input { expected, got });
    }
    let machine = Machine { config, layout };
    machine.seal(sheet, Role::Input, inputs)?;
    let public = if hidden.is_some() { &[][..] } else { inputs };
    sheet.set_instance(public.to_vec());
    machine.place_params(sheet, params)?;
    for step in &layout.steps {
        match step {
            Step::Contract(index) => machine.contract(sheet, *index)?,
            Step::Units(rows) => machine.units(sheet, rows.clone())?,
            Step::Folds(rows) => machine.folds(sheet, rows.clone())?,
        }
    }
    let read = |addresses: &mut dyn Iterator<Item = Address>| -> Vec<i64> {
        addresses
            .map(|address| machine.read(sheet, address))
            .collect()
    };
    let mut outputs = read(&mut layout.outputs.iter().copied());
    let mut instance = public.to_vec();
    instance.extend(&outputs);
    instance.push(layout.inputs as i64);
    if let Some(seal) = layout.seal(Role::Output) {
        outputs = read(&mut seal.values.iter().map(|value| value.address));
        machine.seal(sheet, Role::Output, &outputs)?;
    }
    sheet.set_instance(instance);
    machine.count(sheet)?;
    Ok(outputs)
}

/// Fills the columns of parameters, and nothing else, of a sheet without a witness.
///
/// # Errors
///
/// If the parameters do not fit the layout.
pub fn place_params(
    config: &InferenceConfig,
    layout: &Layout,
    sheet: &mut Sheet,
    params: &Params,
) -> Result<(), ExecuteError> {
    Machine { config, layout }.place_params(sheet, params)
}

/// Fills the columns of matrix parameters on the rows before the last.
pub(crate) fn place_weights(
    layout: &Layout,
    params: &Params,
    sheet: &mut Sheet,
    columns: &[Column<Advice>],
    offset: i64,
    last: usize,
) -> Result<(), ExecuteError> {
    // Lanes without a parameter hold zero.
    for &column in columns {
        sheet.advice_mut(column)[..last].fill(offset);
    }
    for plan in &layout.weights {
        for (index, &element) in plan.elements.iter().enumerate() {
            let width = plan.matrix.columns;
            let (row, lane) = plan.matrix.at(index / width, index % width);
            let cell = within(value(params, plan.tensor, element)?, offset, row)?;
            sheet.advice_mut(columns[lane])[row] = cell;
        }
    }
    Ok(())
}

/// Fills the columns of vector parameters.
pub(crate) fn place_vectors(
    layout: &Layout,
    params: &Params,
    sheet: &mut Sheet,
    columns: &[Column<Advice>],
    offset: i64,
) -> Result<(), ExecuteError> {
    let lanes = layout.lanes.params;
    for (index, &(tensor, element)) in layout.params.iter().enumerate() {
        let row = index / lanes;
        let cell = within(value(params, tensor, element)?, offset, row)?;
        sheet.advice_mut(columns[index % lanes])[row] = cell;
    }
    Ok(())
}

/// An element of a parameter.
fn value(params: &Params, tensor: TensorId, element: u32) -> Result<i64, ExecuteError> {
    let values = params.values.get(&tensor).map_or(&[][..], |v| v);
    let value = values.get(element as usize).map(|&value| i64::from(value));
    value.ok_or(ExecuteError::Params {
        tensor,
        expected: element as usize + 1,
        got: values.len(),
    })
}

/// The cell of a value that must lie in `-offset..offset`.
fn within(value: i64, offset: i64, row: usize) -> Result<i64, ExecuteError> {
    if (-offset..offset).contains(&value) {
        return Ok(value + offset);
    }
    Err(ExecuteError::Range { value, row })
}

struct Machine<'a> {
    config: &'a InferenceConfig,
    layout: &'a Layout,
}

/// Cells of a unit, offsets included: `a`, `b`, `q`, `low`, `high`, `out`.
type UnitCells = [i64; 6];

impl Machine<'_> {
    fn read(&self, sheet: &Sheet, address: Address) -> i64 {
        let shape = &self.config.shape;
        match self.layout.lanes.place(address) {
            Some(Place::Unit(row, lane)) => {
                sheet.advice(self.config.units.lanes[lane].out)[row] - shape.unit_offset()
            }
            Some(Place::Fold(row, lane)) => {
                sheet.advice(self.config.folds.lanes[lane].total)[row] - shape.wide_offset()
            }
            Some(Place::Param(row, lane)) => {
                sheet.advice(self.config.params.lanes[lane].value)[row] - shape.param_offset()
            }
            Some(Place::Public(row)) => sheet.instance(row),
            Some(Place::Sealed(index)) => {
                let seal = self.layout.seal(Role::Input).zip(self.config.seal.as_ref());
                seal.map_or(0, |(seal, columns)| {
                    let row = seal.value_rows().start + index;
                    sheet.advice(columns.values.value)[row] - shape.wide_offset()
                })
            }
            None => 0,
        }
    }

    /// Puts values behind a digest where they stand.
    fn seal(&self, sheet: &mut Sheet, role: Role, values: &[i64]) -> Result<(), ExecuteError> {
        let Some((seal, columns)) = self.layout.seal(role).zip(self.config.seal.as_ref()) else {
            return Ok(());
        };
        let offset = self.config.shape.wide_offset();
        let cells = seal.value_rows().zip(&seal.values).zip(values);
        for ((row, sealed), &value) in cells {
            if sealed.range.is_some_and(|range| !range.contains(value)) {
                return Err(ExecuteError::Range { value, row });
            }
            sheet.advice_mut(columns.values.value)[row] = value + offset;
        }
        Ok(())
    }

    fn place_params(&self, sheet: &mut Sheet, params: &Params) -> Result<(), ExecuteError> {
        let shape = &self.config.shape;
        let (offset, last) = (shape.weight_offset(), shape.last_row());
        let weights = &self.config.params.weights;
        place_weights(self.layout, params, sheet, weights, offset, last)?;
        let lanes = &self.config.params.lanes;
        let columns: Vec<_> = lanes.iter().map(|lane| lane.value).collect();
        place_vectors(self.layout, params, sheet, &columns, shape.param_offset())?;
        let rows = self.layout.params.len().div_ceil(lanes.len().max(1));
        for lane in lanes {
            for row in 0..rows {
                let cell = sheet.advice(lane.value)[row];
                sheet.advice_mut(lane.high)[row] = cell >> shape.table_bits;
            }
        }
        Ok(())
    }

    fn contract(&self, sheet: &mut Sheet, index: usize) -> Result<(), ExecuteError> {
        let plan = &self.layout.contractions[index];
        let operand = |sheet: &Sheet, claim| Operand::gather(self.config, sheet, claim);
        let values = match &plan.left {
            Left::Matrix(claim) => {
                let (left, right) = (operand(sheet, claim), operand(sheet, &plan.right));
                multiply(plan, claim, &left, &right)
            }
            Left::Selection(selection) => self.select(sheet, plan, selection)?,
        };
        let offset = self.config.shape.wide_offset();
        let matrix = &plan.result.matrix;
        let width = matrix.lane_rows() * matrix.lanes;
        for (index, value) in values.iter().enumerate() {
            let (row, lane) = matrix.at(index / width, index % width);
            sheet.advice_mut(self.config.units.lanes[lane].a)[row] = value + offset;
        }
        Ok(())
    }

    /// Reads the indices of a selection; returns the rows that they choose, each filled up with
    /// zeros to whole rows of lanes.
    fn select(
        &self,
        sheet: &mut Sheet,
        plan: &ContractionPlan,
        selection: &Selection,
    ) -> Result<Vec<i64>, ExecuteError> {
        let indices = selection.indices.iter();
        let indices: Vec<i64> = indices.map(|&address| self.read(sheet, address)).collect();
        let matrix = plan.result.matrix;
        let width = matrix.lane_rows() * matrix.lanes;
        let mut values = vec![0; matrix.rows * width];
        for (out, &index) in values.chunks_mut(width.max(1)).zip(&indices) {
            let rows = plan.channels;
            let chosen = usize::try_from(index).ok().filter(|&index| index < rows);
            let chosen = chosen.ok_or(ExecuteError::Index { index, rows })?;
            for (column, value) in out.iter_mut().enumerate().take(matrix.columns) {
                let (row, column) = match plan.right.slow {
                    Axis::Inner => (chosen, column),
                    _ => (column, chosen),
                };
                *value = Operand::element(self.config, sheet, &plan.right, row, column);
            }
        }
        if let Some(columns) = &self.config.selection {
            let cells = &mut sheet.advice_mut(columns.indices.index)[selection.rows()];
            cells.copy_from_slice(&indices);
        }
        Ok(values)
    }

    fn units(&self, sheet: &mut Sheet, rows: std::ops::Range<usize>) -> Result<(), ExecuteError> {
        let computed: Vec<(i64, Vec<UnitCells>)> = rows
            .clone()
            .into_par_iter()
            .map(|row| self.unit_row(sheet, row, &self.layout.units[row]))
            .collect::<Result<_, _>>()?;
        for (row, (multiplier, cells)) in rows.zip(computed) {
            sheet.advice_mut(self.config.units.row.multiplier)[row] = multiplier;
            for (lane, cells) in self.config.units.lanes.iter().zip(cells) {
                let columns = [lane.a, lane.b, lane.quotient, lane.low, lane.high, lane.out];
                for (column, cell) in columns.into_iter().zip(cells) {
                    sheet.advice_mut(column)[row] = cell;
                }
            }
        }
        Ok(())
    }

    fn unit_row(
        &self,
        sheet: &Sheet,
        row: usize,
        unit: &UnitRow,
    ) -> Result<(i64, Vec<UnitCells>), ExecuteError> {
        let multiplier = match unit.op.multiplier {
            Multiplier::Fixed(value) => value,
            Multiplier::Read(address) => self.read(sheet, address),
        };
        let wide = self.config.shape.wide_offset();
        let lanes = self.config.units.lanes.iter().zip(&unit.cells);
        let cells = lanes.map(|(lane, cell)| {
            let computed = sheet.advice(lane.a)[row];
            if !cell.active {
                return Ok([computed, 0, 0, 0, 0, 0]);
            }
            let a = match cell.a {
                Some(address) => self.read(sheet, address),
                // What no contraction wrote is zero.
                None if computed == 0 => 0,
                None => computed - wide,
            };
            let b = cell.b.map_or(0, |address| self.read(sheet, address));
            self.unit(&unit.op, multiplier, a, b, row)
        });
        Ok((multiplier, cells.collect::<Result<_, _>>()?))
    }

    fn unit(
        &self,
        op: &UnitOp,
        multiplier: i64,
        a: i64,
        b: i64,
        row: usize,
    ) -> Result<UnitCells, ExecuteError> {
        let shape = &self.config.shape;
        let t = shape.table_bits;
        let [a_wide, b_wide, m] = [a, b, multiplier].map(i128::from);
        let linear = i128::from(op.factor_a) * a_wide
            + i128::from(op.factor_b) * b_wide
            + i128::from(op.constant);
        let pre = if op.product { a_wide * b_wide } else { linear } * m;
        let (q, low, high) = match op.ending {
            Ending::Exact => (pre, 0, 0),
            Ending::Requantize => {
                let rounded = pre + (1 << (2 * t - 1));
                let rest = rounded & ((1 << (2 * t)) - 1);
                (
                    rounded >> (2 * t),
                    (rest & ((1 << t) - 1)) as i64,
                    (rest >> t) as i64,
                )
            }
            Ending::Divide => {
                if b <= 0 {
                    return Err(ExecuteError::Range { value: b, row });
                }
                let rest = pre.rem_euclid(b_wide);
                let distance = b_wide - 1 - rest;
                (pre.div_euclid(b_wide), rest as i64, distance as i64)
            }
        };
        let out_of_range = |value: i128| ExecuteError::Range {
            value: i64::try_from(value).unwrap_or(i64::MAX),
            row,
        };
        let x = i64::try_from(q).map_err(|_| out_of_range(q))? + shape.unit_offset();
        let tables = &self.layout.tables;
        let index = tables.index(op.table, x).ok_or(out_of_range(q))?;
        let out = tables.entries()[index][1];
        let wide = shape.wide_offset();
        Ok([a + wide, b + wide, x, low, high, out])
    }

    fn folds(&self, sheet: &mut Sheet, rows: std::ops::Range<usize>) -> Result<(), ExecuteError> {
        let wide = self.config.shape.wide_offset();
        for row in rows.rev() {
            let fold = &self.layout.folds[row];
            for (lane, cell) in self.config.folds.lanes.iter().zip(&fold.cells) {
                let Some(address) = *cell else { continue };
                let x = self.read(sheet, address);
                let total = match fold.start {
                    true => x,
                    false => {
                        let next = sheet.advice(lane.total)[row + 1] - wide;
                        match fold.fold {
                            Fold::Max => x.max(next),
                            Fold::Sum => x + next,
                        }
                    }
                };
                if total.abs() >= wide {
                    return Err(ExecuteError::Range { value: total, row });
                }
                sheet.advice_mut(lane.x)[row] = x + wide;
                sheet.advice_mut(lane.total)[row] = total + wide;
            }
        }
        Ok(())
    }

    /// Multiplicities of the lookup tables, from the lookups that the fractions make.
    fn count(&self, sheet: &mut Sheet) -> Result<(), ExecuteError> {
        let tables = &self.layout.tables;
        let last = self.config.shape.last_row();
        let lookups: Vec<_> = self
            .config
            .fractions
            .fractions()
            .filter(|fraction| fraction.sign > 0)
            .filter(|fraction| matches!(fraction.tuple, Tuple::Table { .. }))
            .collect();
        let chunk = last.div_ceil(rayon::current_num_threads()).max(1);
        let counts = (0..last)
            .into_par_iter()
            .step_by(chunk)
            .map(|start| {
                let mut counts = vec![0i64; tables.entries().len()];
                for row in start..last.min(start + chunk) {
                    for fraction in &lookups {
                        let times = fraction.numerator_at(sheet, row);
                        let Tuple::Table { x, kind, .. } = &fraction.tuple else {
                            continue;
                        };
                        if times == 0 {
                            continue;
                        }
                        let (x, kind) = (x.eval(sheet, row), kind.eval(sheet, row));
                        let index = tables.index(kind, x);
                        let index = index.ok_or(ExecuteError::Range { value: x, row })?;
                        counts[index] += times;
                    }
                }
                Ok(counts)
            })
            .try_reduce(Vec::new, |a, b| {
                Ok(match (a.is_empty(), b.is_empty()) {
                    (true, _) => b,
                    (_, true) => a,
                    _ => a.iter().zip(&b).map(|(a, b)| a + b).collect(),
                })
            })?;
        for (set, counts) in self.config.tables.iter().zip(counts.chunks(last)) {
            sheet.advice_mut(set.count)[..counts.len()].copy_from_slice(counts);
        }
        Ok(())
    }
}

/// Where the integers of a lane stand: the column, what is added to them there, and the flags of
/// those that count.
fn lane(
    config: &InferenceConfig,
    section: Section,
    lane: usize,
) -> Option<(Column<Advice>, i64, Option<Column<Fixed>>)> {
    let (shape, unit) = (&config.shape, config.units.lanes.get(lane));
    Some(match section {
        Section::Weights(_) => (
            *config.params.weights.get(lane)?,
            shape.weight_offset(),
            None,
        ),
        Section::Results => (unit?.a, shape.wide_offset(), None),
        Section::Operands(_) => {
            let unit = unit?;
            (unit.out, shape.unit_offset(), Some(unit.active))
        }
    })
}

impl Operand {
    /// Integers of a claimed matrix, whole rows of lanes.
    pub(super) fn gather(config: &InferenceConfig, sheet: &Sheet, claim: &ClaimPlan) -> Self {
        let matrix = claim.matrix;
        let width = matrix.lane_rows() * matrix.lanes;
        let mut values = vec![0i64; matrix.rows * width];
        let first = matrix.first;
        for j in 0..matrix.lanes {
            let Some((column, offset, mask)) = lane(config, claim.section, j) else {
                continue;
            };
            let cells = &sheet.advice(column)[first..];
            let mask = mask.map(|mask| &sheet.fixed(mask)[first..]);
            for index in 0..matrix.rows * matrix.lane_rows() {
                let active = mask.is_none_or(|mask| mask[index] == 1);
                if active {
                    values[index * matrix.lanes + j] = cells[index] - offset;
                }
            }
        }
        Self { values, width }
    }

    /// One integer of a claimed matrix.
    fn element(
        config: &InferenceConfig,
        sheet: &Sheet,
        claim: &ClaimPlan,
        row: usize,
        column: usize,
    ) -> i64 {
        let (row, j) = claim.matrix.at(row, column);
        match lane(config, claim.section, j) {
            Some((_, _, Some(mask))) if sheet.fixed(mask)[row] != 1 => 0,
            Some((column, offset, _)) => sheet.advice(column)[row] - offset,
            None => 0,
        }
    }
}
