//! Rows of the circuit as the planner writes them down, before their number is known.

use std::collections::BTreeMap;
use std::ops::Range;

/// What a lane reads: an address on the bus, or nothing.
pub type Address = i64;

/// Sections of the address space.
const SECTION: u32 = 40;

/// Where on the bus a value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Result of a unit: row and lane.
    Unit(usize, usize),
    /// Total of a fold: row and lane.
    Fold(usize, usize),
    /// Vector parameter: row and lane.
    Param(usize, usize),
    /// Row of the instance column.
    Public(usize),
    /// Hidden input.
    Sealed(usize),
}

/// Lanes of the sections that write to the bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lanes {
    /// Units side by side.
    pub units: usize,
    /// Folds side by side.
    pub folds: usize,
    /// Vector parameters side by side.
    pub params: usize,
    /// Matrix parameters side by side.
    pub weights: usize,
}

impl Lanes {
    /// Address of a place: injective, with the lanes of a row in sequence.
    pub fn address(&self, place: Place) -> Address {
        let (section, index) = match place {
            Place::Unit(row, lane) => (1, row * self.units + lane),
            Place::Fold(row, lane) => (2, row * self.folds + lane),
            Place::Param(row, lane) => (3, row * self.params + lane),
            Place::Public(row) => (4, row),
            Place::Sealed(index) => (5, index),
        };
        ((section as i64) << SECTION) + index as i64
    }

    /// Place of an address.
    pub fn place(&self, address: Address) -> Option<Place> {
        let index = (address & ((1 << SECTION) - 1)) as usize;
        let split = |lanes: usize| (lanes > 0).then(|| (index / lanes, index % lanes));
        match address >> SECTION {
            1 => split(self.units).map(|(row, lane)| Place::Unit(row, lane)),
            2 => split(self.folds).map(|(row, lane)| Place::Fold(row, lane)),
            3 => split(self.params).map(|(row, lane)| Place::Param(row, lane)),
            4 => Some(Place::Public(index)),
            5 => Some(Place::Sealed(index)),
            _ => None,
        }
    }
}

/// How a row of units ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// `pre m + half = 2^(2T) q + remainder`.
    Requantize,
    /// `pre m = q`.
    Exact,
    /// `pre m = q b + remainder`.
    Divide,
}

/// Where a row's multiplier comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Multiplier {
    /// The architecture.
    Fixed(i64),
    /// The bus.
    Read(Address),
}

/// What all units of a row do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnitOp {
    /// How the row ends.
    pub ending: Ending,
    /// Whether `pre` is the product of `a` and `b`.
    pub product: bool,
    /// `ca`.
    pub factor_a: i64,
    /// `cb`.
    pub factor_b: i64,
    /// `c0`.
    pub constant: i64,
    /// `m`.
    pub multiplier: Multiplier,
    /// Kind of the function table.
    pub table: i64,
}

/// A lane of a row of units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnitCell {
    /// Whether there is a unit.
    pub active: bool,
    /// Where `a` is read; `None` if it is a contraction's result or not used.
    pub a: Option<Address>,
    /// Where `b` is read.
    pub b: Option<Address>,
}

/// Rows of units that do the same, written together.
#[derive(Clone, Debug)]
pub struct UnitRow {
    /// What they do.
    pub op: UnitOp,
    /// The lanes.
    pub cells: Vec<UnitCell>,
}

/// What a fold does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fold {
    /// Takes the maximum.
    Max,
    /// Takes the sum.
    Sum,
}

/// One row of folds; the fold ends on its first row and starts on its last.
#[derive(Clone, Debug)]
pub struct FoldRow {
    /// What the folds do.
    pub fold: Fold,
    /// Whether this is the last row of the folds.
    pub start: bool,
    /// Where each lane reads.
    pub cells: Vec<Option<Address>>,
}

/// A matrix in lanes: `rows` matrix rows of `columns` columns, each from a row of the circuit on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Matrix {
    /// First row of the circuit.
    pub first: usize,
    /// Matrix rows.
    pub rows: usize,
    /// Matrix columns.
    pub columns: usize,
    /// Lanes of the section.
    pub lanes: usize,
}

impl Matrix {
    /// Rows of the circuit that a matrix row takes.
    pub fn lane_rows(&self) -> usize {
        self.columns.div_ceil(self.lanes)
    }

    /// Rows of the circuit.
    pub fn circuit_rows(&self) -> Range<usize> {
        self.first..self.first + self.rows * self.lane_rows()
    }

    /// Row of the circuit and lane of an element.
    pub fn at(&self, row: usize, column: usize) -> (usize, usize) {
        let row = self.first + row * self.lane_rows() + column / self.lanes;
        (row, column % self.lanes)
    }

    /// Some consecutive matrix rows.
    pub fn part(&self, from: usize, rows: usize) -> Self {
        Self {
            first: self.first + from * self.lane_rows(),
            rows,
            ..*self
        }
    }
}

/// Counts how often each address is read.
#[derive(Clone, Debug, Default)]
pub struct Reads(BTreeMap<Address, i64>);

impl Reads {
    /// One more read.
    pub fn add(&mut self, address: Address) {
        *self.0.entry(address).or_default() += 1;
    }

    /// All addresses that are read, and how often.
    pub fn iter(&self) -> impl Iterator<Item = (Address, i64)> + '_ {
        self.0.iter().map(|(&address, &count)| (address, count))
    }
}
