//! Fixed columns that are corrupted in several cells at once, so that all but one rule still holds.

use halo2_proofs::plonk::{Column, Fixed};
use nascent_circuits::inference::check::{Rule, violations};
use nascent_circuits::inference::claim::{Axis, Channel};
use nascent_circuits::inference::config::InferenceConfig;
use nascent_circuits::inference::plan::layout::{ClaimPlan, Section};
use nascent_circuits::inference::plan::rows::{Address, Place};
use nascent_circuits::inference::sheet::Sheet;

use crate::harness::Model;

/// A cell of a fixed column.
pub type At = (Column<Fixed>, usize);

/// A model's fixed columns, to be changed.
pub struct Draft<'a> {
    pub model: &'a Model,
    pub config: &'a InferenceConfig,
    sheet: Sheet,
}

/// Where a claim of [`Draft::claim`] stands, and how large its matrix is.
#[derive(Clone, Copy)]
pub struct Claimed {
    pub section: Section,
    pub fast: Axis,
    pub slow: Axis,
    pub rows: usize,
    /// Rows of the circuit to a matrix row.
    pub lane_rows: usize,
}

impl Claimed {
    pub fn row(section: Section, fast: Axis) -> Self {
        Self::matrix(section, fast, fast, 1)
    }

    pub fn matrix(section: Section, fast: Axis, slow: Axis, rows: usize) -> Self {
        Self {
            section,
            fast,
            slow,
            rows,
            lane_rows: 1,
        }
    }
}

impl<'a> Draft<'a> {
    pub fn new(model: &'a Model) -> Self {
        Self {
            model,
            config: &model.config,
            sheet: model.circuit.sheet().clone(),
        }
    }

    /// The rules that refuse the columns.
    pub fn refusal(&self) -> Vec<Rule> {
        let found = violations(self.config, &self.sheet);
        found.iter().map(|violation| violation.rule).collect()
    }

    pub fn at(&self, column: Column<Fixed>, row: usize) -> i64 {
        self.sheet.fixed(column)[row]
    }

    pub fn is(&self, column: Column<Fixed>, row: usize) -> bool {
        self.at(column, row) == 1
    }

    pub fn set(&mut self, column: Column<Fixed>, row: usize, to: i64) {
        self.sheet.fixed_mut(column)[row] = to;
    }

    /// Sets some cells of one row.
    pub fn put<const N: usize>(&mut self, row: usize, cells: [(Column<Fixed>, i64); N]) {
        for (column, to) in cells {
            self.set(column, row, to);
        }
    }

    pub fn add(&mut self, column: Column<Fixed>, row: usize, more: i64) {
        let to = self.at(column, row) + more;
        self.set(column, row, to);
    }

    /// Moves a cell's value to another row.
    pub fn take(&mut self, column: Column<Fixed>, from: usize, to: usize) {
        let value = self.at(column, from);
        self.set(column, to, value);
        self.set(column, from, 0);
    }

    pub fn last(&self) -> usize {
        self.model.last()
    }

    pub fn rows(&self, holds: impl Fn(&Self, usize) -> bool) -> Vec<usize> {
        (0..self.last()).filter(|&row| holds(self, row)).collect()
    }

    /// The first row.
    pub fn row(&self, holds: impl Fn(&Self, usize) -> bool) -> Option<usize> {
        (0..self.last()).find(|&row| holds(self, row))
    }

    /// Rows from `first` on to the last on which nothing is set.
    pub fn free(&self, flag: Column<Fixed>, rows: usize) -> Option<usize> {
        let used = (0..self.last()).rev().find(|&row| self.is(flag, row));
        let first = used.map_or(0, |row| row + 1);
        (first + rows <= self.last()).then_some(first)
    }

    /// Cells that hold an address's multiplicity, with the sign that it has there.
    pub fn multiplicity(&self, address: Address) -> Option<(At, i64)> {
        let (config, layout) = (self.config, self.model.circuit.layout());
        let place = layout.lanes.place(address)?;
        Some(match place {
            Place::Unit(row, lane) => ((config.units.lanes[lane].reads, row), 1),
            Place::Fold(row, lane) => ((config.folds.lanes[lane].reads, row), 1),
            Place::Param(row, lane) => ((config.params.lanes[lane].reads, row), 1),
            Place::Public(row) => ((config.public.flow, row), -1),
            Place::Sealed(index) => {
                let seal = layout.seals.first()?;
                let columns = config.seal.as_ref()?;
                ((columns.values.flow, seal.value_rows().start + index), -1)
            }
        })
    }

    /// Has an address read more often, or less.
    pub fn reads(&mut self, address: Address, more: i64) -> Option<()> {
        let ((column, row), sign) = self.multiplicity(address)?;
        self.add(column, row, sign * more);
        Some(())
    }

    /// Has what reads one address read another.
    pub fn rewire(&mut self, (column, row): At, to: Address) -> Option<()> {
        self.reads(self.at(column, row), -1)?;
        self.set(column, row, to);
        self.reads(to, 1)
    }

    /// All addresses that are read, with how often.
    pub fn written(&self) -> Vec<(Address, i64)> {
        self.model.circuit.layout().reads.iter().collect()
    }

    /// An address that is read.
    pub fn address(&self) -> Address {
        self.written()[0].0
    }

    /// Has a lane's operand read what [`Self::address`] says.
    pub fn reads_here(&mut self, column: Column<Fixed>, row: usize) -> Option<()> {
        let address = self.address();
        self.set(column, row, address);
        self.reads(address, 1)
    }

    /// Columns of addresses that are read from.
    fn readers(&self) -> Vec<Column<Fixed>> {
        let config = self.config;
        let lanes = config.units.lanes.iter();
        let mut all: Vec<_> = lanes.flat_map(|l| [l.address_a, l.address_b]).collect();
        all.push(config.units.row.multiplier_address);
        all.extend(config.folds.lanes.iter().map(|lane| lane.address));
        all.extend(config.selection.iter().map(|s| s.indices.address));
        all.push(config.public.address);
        all.extend(config.seal.iter().map(|seal| seal.values.address));
        all
    }

    /// Has all that read one address read another.
    pub fn redirect(&mut self, from: Address, to: Address) {
        for column in self.readers() {
            for row in 0..self.last() {
                if self.at(column, row) == from {
                    self.set(column, row, to);
                }
            }
        }
    }

    pub fn channel(&self, section: Section) -> Option<&'a Channel> {
        let config = self.config;
        match section {
            Section::Weights(i) => config.weight_claims.get(i),
            Section::Results => Some(&config.result_claims),
            Section::Operands(i) => config.operand_claims.get(i),
        }
    }

    pub fn channels(&self) -> Vec<&'a Channel> {
        let config = self.config;
        let fixed = config.weight_claims.iter().chain([&config.result_claims]);
        fixed.chain(&config.operand_claims).collect()
    }

    /// Claims of the planner, with their channels.
    pub fn claims(&self) -> Vec<(ClaimPlan, &'a Channel)> {
        let claims = self.model.circuit.layout().claims();
        claims
            .map(|claim| (*claim, self.config.channel(claim.section)))
            .collect()
    }

    /// Clears the flags of a claim.
    pub fn unclaim(&mut self, claim: &ClaimPlan) {
        let channel = self.config.channel(claim.section);
        for row in claim.matrix.circuit_rows() {
            self.put(row, [(channel.start, 0), (channel.same, 0)]);
            for &(_, column) in channel.fast.iter().chain(&channel.slow) {
                self.set(column, row, 0);
            }
        }
    }

    /// Writes a claim on rows where its section has none.
    pub fn claim(&mut self, claimed: Claimed, id: i64) -> Option<()> {
        let channel = self.channel(claimed.section)?;
        let count = claimed.rows * claimed.lane_rows;
        let flags = channel.fast.iter();
        let used = flags.filter_map(|&(_, column)| self.free(column, count));
        let used: Vec<usize> = used.collect();
        if used.len() < channel.fast.len() {
            return None;
        }
        let mut first = used.into_iter().max()?;
        if claimed.section == Section::Results {
            // Units there would have two sources.
            first = first.max(self.model.circuit.layout().units.len());
        }
        if first + count > self.last() {
            return None;
        }
        self.put(first, [(channel.start, 1), (channel.id, id)]);
        let fast = flag(&channel.fast, claimed.fast)?;
        for index in 0..count {
            self.set(fast, first + index, 1);
            if index + 1 == count {
                continue;
            }
            let column = match (index + 1) % claimed.lane_rows {
                0 => flag(&channel.slow, claimed.slow)?,
                _ => channel.same,
            };
            self.set(column, first + index, 1);
        }
        Some(())
    }

    /// Writes a contraction of some channels below all others; returns its first row.
    pub fn product(&mut self, id: i64, channels: usize, shift: u32) -> Option<usize> {
        let columns = &self.config.contraction;
        let first = self.free(columns.active, channels)?;
        let shifts = &self.config.shape.shifts;
        let shift = shifts.iter().position(|&s| s == shift)?;
        for row in first..first + channels {
            let more = i64::from(row + 1 < first + channels);
            let cells = [(columns.active, 1), (columns.id, id), (columns.more, more)];
            self.put(row, cells);
            self.put(row, [(columns.opens, 1), (columns.shifts[shift], 1)]);
        }
        self.set(columns.start, first, 1);
        Some(first)
    }

    /// A number that no identity has.
    pub fn unused_id(&self) -> i64 {
        3 * self.model.circuit.layout().contractions.len() as i64 + 30
    }

    /// A product of its own: of so many channels, with these claims.
    pub fn identity(
        &mut self,
        channels: usize,
        [right, left, result]: [Claimed; 3],
    ) -> Option<usize> {
        let id = self.unused_id();
        let first = self.product(id, channels, 0)?;
        self.claim(right, id)?;
        self.claim(left, id + 1)?;
        self.claim(result, id + 2)?;
        Some(first)
    }
}

/// The flag of an axis.
pub fn flag(flags: &[(Axis, Column<Fixed>)], axis: Axis) -> Option<Column<Fixed>> {
    let found = flags.iter().find(|(a, _)| *a == axis);
    found.map(|(_, column)| *column)
}
