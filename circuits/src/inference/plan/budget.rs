//! How much memory a layout may take, decided before it is taken.
//!
//! A graph of fifty bytes can have a tensor of `2^28` elements, and a convolution whose raster is far
//! larger than that. Whoever derives a key from a stranger's graph plans it before any proof is
//! looked at, so each step of the planner says first how many bytes it is going to need, in 128 bits,
//! and the graph is refused when the sum is beyond what the caller is willing to spend.

use nascent_ir::Node;

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

/// Columns of a raster, rows of a matrix: no count of the planner may be larger, so that the products
/// and sums of a few of them fit 64 bits. An address of the bus has as many bits.
const MOST: u128 = 1 << 32;

/// Bytes of an element where it is only referred to: its wire, where a view reads it, and its place.
const ELEMENT: u128 = 40;
/// Bytes of a cell of units, active or not.
const CELL: u128 = 56;
/// Bytes of a cell's element: its wires, what is read, and the count of reads of what it reads.
const READS: u128 = 200;
/// Bytes of a row of units or folds beside its cells.
const ROW: u128 = 160;
/// Bytes of a matrix parameter's element.
const WEIGHT: u128 = 8;
/// Bytes of a vector parameter's element, with its wire.
const VECTOR: u128 = 48;

impl Planner<'_> {
    /// Takes bytes from the budget.
    fn spend(&mut self, node: &Node, bytes: u128) -> Result<(), PlanError> {
        match u64::try_from(bytes)
            .ok()
            .and_then(|bytes| self.left.checked_sub(bytes))
        {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(PlanError::TooLarge {
                node: node.name.clone(),
                needed: bytes.saturating_add((self.budget - self.left).into()),
                limit: self.budget,
            }),
        }
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
        self.spend(
            node,
            WEIGHT * (rows as u128).saturating_mul(columns as u128),
        )
    }

    /// A vector of parameters.
    pub(super) fn spend_vector(&mut self, node: &Node, elements: usize) -> Result<(), PlanError> {
        self.spend(node, VECTOR * elements as u128)
    }
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
