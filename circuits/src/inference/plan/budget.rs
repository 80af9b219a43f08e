//! How much memory a layout may take, decided before it is taken.
//!
//! A graph of fifty bytes can have a tensor of `2^28` elements, and a convolution whose raster is far
//! larger than that. Whoever derives a key from a stranger's graph plans it before any proof is
//! looked at, so each step of the planner says first how many bytes it is going to need, in 128 bits,
//! and the graph is refused when the sum is beyond what the caller is willing to spend.

use nascent_ir::{CheckedGraph, Node, Range};

use super::{PlanError, Planner};

/// Bytes that a layout may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget(pub u64);

impl Budget {
    /// Twice what the largest models of this project's figures take: those of 124 million parameters
    /// or of eight million units.
    pub const DEFAULT: Self = Self(4 << 30);
}

impl Default for Budget {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Columns of a raster, rows of a matrix: no count of the planner may be larger, so that an exponent
/// fits 32 bits, and the product of two counts with a sum of others 64.
const MOST: u128 = u32::MAX as u128;

/// Bytes of an element where it is only referred to: its wire, where a view reads it, and its place.
const ELEMENT: u128 = 40;
/// Bytes of a value that goes in or comes out: its wires, its address, the count of its reads, and its
/// range if it is hidden; lists grow by doubling.
const BOUNDARY: u128 = 240;
/// Bytes of an element of a constant: its wire.
const CONSTANT: u128 = 24;
/// Bytes of an entry of a lookup table: its value as it is listed, and the entry, while lists grow.
const ENTRY: u128 = 96;
/// Bytes of a tensor and its node, beside its elements.
const TENSOR: u128 = 512;
/// Bytes of a contraction beside the offsets of its kernel; lists grow by doubling.
const CONTRACTION: u128 = 1024;
/// Bytes of an offset of a kernel: in the list of its contraction, and among the steps of all.
const OFFSET: u128 = 24;
/// Bytes of a cell of units, active or not.
const CELL: u128 = 56;
/// Bytes of a cell's element: its wires, what is read, and the count of reads of what it reads.
const READS: u128 = 200;
/// Bytes of a row of units or folds beside its cells.
const ROW: u128 = 160;
/// Bytes of a matrix parameter's element.
const WEIGHT: u128 = 8;
/// Bytes of a challenge's power in a gate, for each unit of its exponent: a tree of so many leaves.
const POWER: u128 = 320;
/// Bytes of a row of the circuit with weights: its channels, while the list grows.
const WEIGHT_ROW: u128 = 16;
/// Bytes of a vector parameter's element, with its wire.
const VECTOR: u128 = 48;

impl Planner<'_> {
    /// Takes bytes from the budget.
    fn spend(&mut self, node: &Node, bytes: u128) -> Result<(), PlanError> {
        let needed = bytes.saturating_add(self.layout.memory.into());
        match u64::try_from(needed) {
            Ok(memory) if memory <= self.budget => {
                self.layout.memory = memory;
                Ok(())
            }
            _ => Err(PlanError::TooLarge {
                node: node.name.clone(),
                needed,
                limit: self.budget,
            }),
        }
    }

    /// Powers of challenges by which kernels move, each exponent once.
    pub(super) fn spend_powers(&mut self) -> Result<(), PlanError> {
        let (steps, shifts) = self.layout.exponents();
        let exponents = steps.iter().chain(&shifts);
        let sum: u128 = exponents.map(|&exponent| u128::from(exponent)).sum();
        let needed = u128::from(self.layout.memory).saturating_add(POWER * sum);
        match u64::try_from(needed) {
            Ok(memory) if memory <= self.budget => {
                self.layout.memory = memory;
                Ok(())
            }
            _ => Err(PlanError::PartTooLarge {
                what: "exponents of convolutions",
                needed,
                limit: self.budget,
            }),
        }
    }

    /// Inputs or outputs.
    pub(super) fn spend_boundary(&mut self, node: &Node, count: usize) -> Result<(), PlanError> {
        self.spend(node, BOUNDARY * count as u128)
    }

    /// A constant of the graph.
    pub(super) fn spend_constant(&mut self, node: &Node, count: usize) -> Result<(), PlanError> {
        self.spend(node, CONSTANT * count as u128)
    }

    /// A row of units for one value.
    pub(super) fn spend_row(&mut self, node: &Node) -> Result<(), PlanError> {
        self.spend(node, self.lanes.units as u128 * CELL + ROW + READS)
    }

    /// Contractions, each with a kernel of so many offsets.
    pub(super) fn spend_contractions(
        &mut self,
        node: &Node,
        count: usize,
        offsets: usize,
    ) -> Result<(), PlanError> {
        let each = CONTRACTION + OFFSET * offsets as u128;
        self.spend(node, each.saturating_mul(count as u128))
    }

    /// Elements that are moved or read.
    pub(super) fn spend_elements(&mut self, node: &Node, count: usize) -> Result<(), PlanError> {
        self.spend(node, ELEMENT * count as u128)
    }

    /// A matrix in the lanes of units, before its cells are listed.
    pub(super) fn spend_units(
        &mut self,
        node: &Node,
        rows: u128,
        columns: u128,
    ) -> Result<(), PlanError> {
        let lanes = self.lanes.units as u128;
        let circuit_rows = rows.saturating_mul(columns.div_ceil(lanes.max(1)));
        let cells = circuit_rows.saturating_mul(lanes * CELL + ROW);
        self.spend(
            node,
            cells.saturating_add(rows.saturating_mul(columns).saturating_mul(READS)),
        )
    }

    /// Windows of a fold.
    pub(super) fn spend_folds(
        &mut self,
        node: &Node,
        windows: usize,
        window: usize,
    ) -> Result<(), PlanError> {
        let lanes = self.lanes.folds.max(1) as u128;
        let rows = (windows as u128).div_ceil(lanes) * window as u128;
        let elements = windows as u128 * window as u128;
        self.spend(node, rows * (lanes * CELL + ROW) + elements * READS)
    }

    /// A matrix of parameters.
    pub(super) fn spend_weights(
        &mut self,
        node: &Node,
        rows: usize,
        columns: usize,
    ) -> Result<(), PlanError> {
        let lane_rows = columns.div_ceil(self.lanes.weights.max(1));
        let [rows, columns, lane_rows] = [rows, columns, lane_rows].map(|count| count as u128);
        let elements = WEIGHT.saturating_mul(rows.saturating_mul(columns));
        let lists = WEIGHT_ROW.saturating_mul(rows.saturating_mul(lane_rows));
        self.spend(node, elements.saturating_add(lists))
    }

    /// A vector of parameters.
    pub(super) fn spend_vector(&mut self, node: &Node, elements: usize) -> Result<(), PlanError> {
        self.spend(node, VECTOR * elements as u128)
    }
}

/// Bytes of what a planner starts with: the lookup tables and a place for each tensor.
pub(super) fn start(
    graph: &CheckedGraph,
    matrices: &[Range],
    budget: Budget,
) -> Result<u64, PlanError> {
    let listed = graph.tables.iter().map(|table| table.values.len() as u128);
    let ranges = matrices
        .iter()
        .map(|range| 1 + u128::from(range.hi.abs_diff(range.lo)));
    // Beside functions and ranges of matrices: the range table, and the identity.
    let entries = listed.chain(ranges).sum::<u128>() + (2 << graph.table_bits);
    let needed = ENTRY * entries + TENSOR * graph.nodes.len() as u128;
    match u64::try_from(needed) {
        Ok(bytes) if bytes <= budget.0 => Ok(bytes),
        _ => Err(PlanError::PartTooLarge {
            what: "tables and tensors",
            needed,
            limit: budget.0,
        }),
    }
}

/// A count in 32 bits.
pub(super) fn small(node: &Node, count: usize) -> Result<u32, PlanError> {
    u32::try_from(count).map_err(|_| PlanError::Count {
        node: node.name.clone(),
        needed: count as u128,
        limit: MOST,
    })
}

/// Refuses counts that the planner's arithmetic is not made for.
pub(super) fn countable(node: &Node, counts: &[u128]) -> Result<(), PlanError> {
    match counts.iter().find(|count| **count > MOST) {
        Some(&needed) => Err(PlanError::Count {
            node: node.name.clone(),
            needed,
            limit: MOST,
        }),
        None => Ok(()),
    }
}
