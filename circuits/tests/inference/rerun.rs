//! The first phase, computed again in the field with some cells off.

use std::collections::BTreeMap;

use ff::Field;
use halo2curves::bn256::Fr;
use nascent_circuits::grid::{Cell, Grid};
use nascent_circuits::inference::claim::Axis;
use nascent_circuits::inference::linear::field;
use nascent_circuits::inference::plan::layout::{ContractionPlan, Left, Role, Selection, Step};
use nascent_circuits::inference::plan::rows::{Address, Ending, Fold, Multiplier, Place, UnitOp};
use nascent_circuits::inference::unit::UnitLane;

use crate::harness::{Model, cell, small, wide_field};

type Twists = BTreeMap<Cell, Fr>;

fn put(grid: &mut Grid, twists: &Twists, cell: Cell, value: Fr) -> Fr {
    let value = value + twists.get(&cell).copied().unwrap_or(Fr::ZERO);
    grid.advice[cell.column][cell.row] = value;
    value
}

impl Model {
    /// Parameters with their twists, then all steps of the layout, then the outputs.
    pub fn rerun(&self, grid: &mut Grid, twists: &Twists) {
        let bits = self.config.shape.table_bits;
        for column in &self.config.params.weights {
            for row in 0..self.last() {
                let value = grid.advice[column.index()][row];
                put(grid, twists, cell(*column, row), value);
            }
        }
        for lane in &self.config.params.lanes {
            for row in 0..self.last() {
                let value = grid.advice[lane.value.index()][row];
                let value = put(grid, twists, cell(lane.value, row), value);
                let high = small(value).filter(|v| (0..1 << (2 * bits)).contains(v));
                if let Some(value) = high {
                    put(
                        grid,
                        twists,
                        cell(lane.high, row),
                        wide_field(value >> bits),
                    );
                } else {
                    // The low piece is in range whatever the value is, if it can be.
                    let high = small(value).map_or(Fr::ZERO, |v| wide_field(v >> bits));
                    put(grid, twists, cell(lane.high, row), high);
                }
            }
        }
        if let (Some(seal), Some(columns)) = self.seal(Role::Input) {
            for row in seal.value_rows() {
                let value = grid.advice[columns.values.value.index()][row];
                put(grid, twists, cell(columns.values.value, row), value);
            }
        }
        for step in &self.circuit.layout().steps {
            match step {
                Step::Contract(index) => self.contract(grid, twists, *index),
                Step::Units(rows) => rows
                    .clone()
                    .for_each(|row| self.unit_row(grid, twists, row)),
                Step::Folds(rows) => rows
                    .clone()
                    .rev()
                    .for_each(|row| self.fold_row(grid, twists, row)),
            }
        }
        let layout = self.circuit.layout();
        for (row, &address) in (layout.inputs..).zip(&layout.outputs) {
            grid.instance[0][row] = self.read(grid, address);
        }
        if let (Some(seal), Some(columns)) = self.seal(Role::Output) {
            let offset = field(self.config.shape.wide_offset());
            for (row, value) in seal.value_rows().zip(&seal.values) {
                let value = self.read(grid, value.address) + offset;
                put(grid, twists, cell(columns.values.value, row), value);
            }
        }
    }

    /// The value at an address.
    pub fn read(&self, grid: &Grid, address: Address) -> Fr {
        let (shape, layout) = (&self.config.shape, self.circuit.layout());
        let at = |column: usize, row: usize, offset: i64| grid.advice[column][row] - field(offset);
        match layout.lanes.place(address).expect("a place") {
            Place::Unit(row, lane) => at(
                self.config.units.lanes[lane].out.index(),
                row,
                shape.unit_offset(),
            ),
            Place::Fold(row, lane) => at(
                self.config.folds.lanes[lane].total.index(),
                row,
                shape.wide_offset(),
            ),
            Place::Param(row, lane) => at(
                self.config.params.lanes[lane].value.index(),
                row,
                shape.param_offset(),
            ),
            Place::Public(row) => grid.instance[0][row],
            Place::Sealed(index) => {
                let (seal, columns) = self.seal(Role::Input);
                let row = seal.expect("hidden inputs").value_rows().start + index;
                let column = columns.expect("hidden inputs").values.value;
                at(column.index(), row, shape.wide_offset())
            }
        }
    }

    fn contract(&self, grid: &mut Grid, twists: &Twists, index: usize) {
        let plan = &self.circuit.layout().contractions[index];
        let claim = match &plan.left {
            Left::Matrix(claim) => claim,
            Left::Selection(selection) => return self.select(grid, twists, plan, selection),
        };
        let matrix = plan.result.matrix;
        let width = matrix.lane_rows() * matrix.lanes;
        let raster = claim.fast == Axis::Position;
        for p in 0..matrix.rows {
            let mut row = vec![Fr::ZERO; width];
            for k in 0..plan.rows() {
                for (o, value) in row.iter_mut().enumerate() {
                    let (left, right) = if raster {
                        let offset = i64::from(plan.offsets[k % plan.offsets.len()]);
                        let column = o as i64 + i64::from(plan.shift) - offset;
                        let columns = 0..claim.matrix.columns as i64;
                        if !columns.contains(&column) {
                            continue;
                        }
                        let channel = k / plan.offsets.len();
                        let pixel = self.element(grid, claim, channel, column as usize);
                        (pixel, self.element(grid, &plan.right, k, p))
                    } else {
                        let right = &plan.right.matrix;
                        // Lanes beyond the columns count too, where a claim reaches them.
                        let reach = match plan.right.fast {
                            Axis::Inner => right.rows,
                            _ => right.lane_rows() * right.lanes,
                        };
                        if o >= reach {
                            continue;
                        }
                        let at = match plan.right.fast {
                            Axis::Inner => self.element(grid, &plan.right, o, k),
                            _ => self.element(grid, &plan.right, k, o),
                        };
                        (self.element(grid, claim, p, k), at)
                    };
                    *value += left * right;
                }
            }
            for (o, value) in row.into_iter().enumerate() {
                let (row, lane) = matrix.at(p, o);
                let at = cell(self.config.units.lanes[lane].a, row);
                put(
                    grid,
                    twists,
                    at,
                    value + field(self.config.shape.wide_offset()),
                );
            }
        }
    }

    /// Indices with their twists, and the rows that they choose; none for what is no number of a
    /// row.
    fn select(
        &self,
        grid: &mut Grid,
        twists: &Twists,
        plan: &ContractionPlan,
        selection: &Selection,
    ) {
        let matrix = plan.result.matrix;
        let (right, reach) = (&plan.right, matrix.lane_rows() * matrix.lanes);
        for (p, (row, &address)) in selection.rows().zip(&selection.indices).enumerate() {
            let index = self.read(grid, address);
            let index = put(grid, twists, cell(self.index_column(), row), index);
            let chosen = small(index).and_then(|index| usize::try_from(index).ok());
            let chosen = chosen.filter(|&chosen| chosen < plan.channels);
            for o in 0..reach {
                // Lanes beyond the columns count too, where a claim reaches them.
                let (columns, at) = match right.fast {
                    Axis::Inner => (right.matrix.rows, chosen.map(|k| (o, k))),
                    _ => (
                        right.matrix.lane_rows() * right.matrix.lanes,
                        chosen.map(|k| (k, o)),
                    ),
                };
                let at = at.filter(|_| o < columns);
                let value = at.map_or(Fr::ZERO, |(i, j)| self.element(grid, right, i, j));
                let (row, lane) = matrix.at(p, o);
                let at = cell(self.config.units.lanes[lane].a, row);
                put(
                    grid,
                    twists,
                    at,
                    value + field(self.config.shape.wide_offset()),
                );
            }
        }
    }

    fn unit_row(&self, grid: &mut Grid, twists: &Twists, row: usize) {
        let layout = self.circuit.layout();
        let unit = &layout.units[row];
        if !unit.cells.iter().any(|cell| cell.active) {
            return;
        }
        let wide = field(self.config.shape.wide_offset());
        let multiplier = match unit.op.multiplier {
            Multiplier::Fixed(value) => field(value),
            Multiplier::Read(address) => self.read(grid, address),
        };
        let at = cell(self.config.units.row.multiplier, row);
        let multiplier = put(grid, twists, at, multiplier);
        for (lane, unit_cell) in self.config.units.lanes.iter().zip(&unit.cells) {
            if !unit_cell.active {
                continue;
            }
            for (column, address) in [(lane.a, unit_cell.a), (lane.b, unit_cell.b)] {
                if let Some(address) = address {
                    let value = self.read(grid, address) + wide;
                    put(grid, twists, cell(column, row), value);
                }
            }
            let [a, b] = [lane.a, lane.b].map(|c| small(grid.advice[c.index()][row] - wide));
            if let (Some(a), Some(b), Some(m)) = (a, b, small(multiplier)) {
                self.unit(grid, twists, row, lane, (&unit.op, a, b, m));
            }
        }
    }

    fn unit(
        &self,
        grid: &mut Grid,
        twists: &Twists,
        row: usize,
        lane: &UnitLane,
        (op, a, b, m): (&UnitOp, i128, i128, i128),
    ) {
        let shape = &self.config.shape;
        let t = shape.table_bits;
        let linear =
            i128::from(op.factor_a) * a + i128::from(op.factor_b) * b + i128::from(op.constant);
        let pre = if op.product { a * b } else { linear } * m;
        let (q, low, high) = match op.ending {
            Ending::Exact => (pre, 0, 0),
            Ending::Requantize => {
                let rounded = pre + (1 << (2 * t - 1));
                let rest = rounded & ((1 << (2 * t)) - 1);
                (rounded >> (2 * t), rest & ((1 << t) - 1), rest >> t)
            }
            Ending::Divide if b == 0 => (0, pre, -1 - pre),
            Ending::Divide => {
                let rest = pre.rem_euclid(b);
                (pre.div_euclid(b), rest, b - 1 - rest)
            }
        };
        let offset = field(shape.unit_offset());
        let q = put(
            grid,
            twists,
            cell(lane.quotient, row),
            wide_field(q) + offset,
        );
        put(grid, twists, cell(lane.low, row), wide_field(low));
        put(grid, twists, cell(lane.high, row), wide_field(high));
        let tables = &self.circuit.layout().tables;
        let index = small(q).and_then(|q| tables.index(op.table, i64::try_from(q).ok()?));
        let out = match index {
            Some(index) => field(tables.entries()[index][1]),
            None => grid.advice[lane.out.index()][row],
        };
        put(grid, twists, cell(lane.out, row), out);
    }

    fn fold_row(&self, grid: &mut Grid, twists: &Twists, row: usize) {
        let fold = &self.circuit.layout().folds[row];
        let wide = field(self.config.shape.wide_offset());
        for (lane, address) in self.config.folds.lanes.iter().zip(&fold.cells) {
            let Some(address) = *address else { continue };
            let x = self.read(grid, address) + wide;
            let x = put(grid, twists, cell(lane.x, row), x);
            let next = grid.advice[lane.total.index()][row + 1];
            let total = match (fold.start, fold.fold) {
                (true, _) => x,
                (false, Fold::Sum) => x + next - wide,
                (false, Fold::Max) if small(x) < small(next) => next,
                (false, Fold::Max) => x,
            };
            put(grid, twists, cell(lane.total, row), total);
        }
    }
}
