//! How many lanes each section gets: the cheapest of a few layouts by an explicit cost model.

use nascent_ir::CheckedGraph;

use super::layout::Layout;
use super::rows::Lanes;
use super::{Budget, Hidden, PlanError, plan_within};
use crate::inference::fraction::GROUP;
use crate::inference::shape::Shape;
use crate::poseidon2::GROUP as BLOCK_GROUP;

/// Columns of a circuit by what they cost the prover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Columns {
    /// Advice columns of small values.
    pub small: usize,
    /// Advice columns of field elements.
    pub full: usize,
    /// Fixed columns.
    pub fixed: usize,
}

impl Columns {
    /// The columns of a shape.
    pub fn of(shape: &Shape) -> Self {
        let Shape {
            unit_lanes: units,
            fold_lanes: folds,
            param_lanes: params,
            weight_lanes: weights,
            table_sets: sets,
            operand_channels: channels,
            weight_channels,
            ..
        } = *shape;
        let selection = usize::from(shape.selection);
        let sealed = usize::from(shape.sealed);
        let ranges = usize::from(shape.matrix_ranges);
        let weight_channels = weight_channels.max(1);
        let other = (folds + 2 + selection + sets).div_ceil(GROUP);
        let helpers = weights.div_ceil(GROUP) + params + 2 * units + folds + other;
        Self {
            small: weights + 2 * params + 6 * units + 1 + 2 * folds + sets + selection + sealed,
            full: helpers
                + 1
                + 2
                + 3
                + 2 * (1 + weight_channels + channels)
                + 1
                + selection
                + sealed * (2 * BLOCK_GROUP + 3),
            fixed: 4 * units
                + 15
                + 3 * folds
                + 4
                + params
                + 1
                + ranges
                + 3 * sets
                + 5
                + 6
                + shape.steps.len()
                + shape.shifts.len()
                + 7 * (1 + weight_channels)
                + 9 * channels
                + 7 * selection
                + 12 * sealed,
        }
    }

    /// About how long a proof is, in bytes: a commitment and one or two evaluations for each advice
    /// column, an evaluation for each fixed one.
    pub fn proof_bytes(&self) -> usize {
        32 * (2 * self.small + 2 * self.full + self.fixed + 32)
    }

    /// Cost of a proof with `2^k` rows, in the cost of a small cell.
    ///
    /// A full-size cell costs about twice a small one (multi-exponentiation), a fixed one half (it
    /// is transformed, not committed).
    pub fn cost(&self, k: u32) -> u64 {
        let cells = 2 * self.small + 4 * self.full + self.fixed;
        (cells as u64) << (k - 1)
    }
}

/// Proofs are kept below this, if some layout can.
const PROOF_BYTES: usize = 14 << 10;

/// The lanes whose circuit is cheapest to prove, among those with short proofs.
///
/// # Errors
///
/// As [`super::plan`].
pub fn choose(graph: &CheckedGraph) -> Result<Lanes, PlanError> {
    choose_hidden(graph, Hidden::default())
}

/// The same for a layout that hides something.
///
/// # Errors
///
/// As [`super::plan_hidden`].
pub fn choose_hidden(graph: &CheckedGraph, hidden: Hidden) -> Result<Lanes, PlanError> {
    choose_within(graph, hidden, Budget::DEFAULT)
}

/// The same, if layouts take no more memory than the budget has.
///
/// # Errors
///
/// As [`super::plan_within`].
pub fn choose_within(
    graph: &CheckedGraph,
    hidden: Hidden,
    budget: Budget,
) -> Result<Lanes, PlanError> {
    let mut best: Option<((bool, u64), Lanes)> = None;
    let first = plan_within(graph, lanes(4, 16, 2), hidden, budget)?;
    // Cells hardly depend on the lanes: so many rows are needed with other lanes.
    let cells = Cells::of(&first);
    for k in 8..=24 {
        for stretch in 0..3 {
            let rows = ((1usize << k) - 64) * (4 - stretch) / 4;
            let fit = |cells: usize| cells.div_ceil(rows).max(1);
            let candidate = lanes(fit(cells.units), fit(cells.weights), fit(cells.folds));
            let sets = first.tables.entries().len().div_ceil((1usize << k) - 64);
            let columns = Columns::estimate(&first, candidate, sets);
            let weighed = (columns.proof_bytes() > PROOF_BYTES, columns.cost(k));
            if fits(&first, rows) && best.is_none_or(|(cost, _)| weighed < cost) {
                best = Some((weighed, candidate));
            }
        }
    }
    Ok(best.map_or(first.lanes, |(_, lanes)| lanes))
}

fn lanes(units: usize, weights: usize, folds: usize) -> Lanes {
    Lanes {
        units,
        weights,
        folds,
        params: 1,
    }
}

/// What cannot be spread over lanes.
fn fits(layout: &Layout, rows: usize) -> bool {
    let sections = [
        layout.vector_rows,
        layout.index_rows,
        layout.instance_rows(),
        layout.params.len(),
    ];
    sections.into_iter().all(|section| section <= rows)
}

struct Cells {
    units: usize,
    weights: usize,
    folds: usize,
}

impl Cells {
    fn of(layout: &Layout) -> Self {
        let weights: usize = layout.weights.iter().map(|w| w.elements.len()).sum();
        Self {
            units: layout.units.len() * layout.lanes.units,
            // Rows are filled to about this much.
            weights: weights + weights / 8,
            folds: layout.folds.len() * layout.lanes.folds,
        }
    }
}

impl Columns {
    fn estimate(layout: &Layout, lanes: Lanes, table_sets: usize) -> Self {
        Self::of(&Shape {
            unit_lanes: lanes.units,
            fold_lanes: lanes.folds,
            param_lanes: lanes.params,
            weight_lanes: lanes.weights,
            matrix_ranges: layout.matrix_ranges.len() > 1,
            table_sets,
            weight_channels: layout.channels().0,
            operand_channels: 1,
            selection: layout.index_rows > 0,
            sealed: !layout.seals.is_empty(),
            ..Shape::default()
        })
    }
}
