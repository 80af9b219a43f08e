//! How large the values on the bus can be, by what the columns enforce.

use std::collections::BTreeMap;

use super::{Columns, Rule};
use crate::inference::shape::PUBLIC_BITS;
use crate::rules::At;

impl Columns<'_> {
    /// Largest magnitude of a value on the bus, whatever a prover commits to: of a sum, that of all
    /// it adds up, through sums of sums. Every address that is read has its one writer ([`Columns::bus`]).
    ///
    /// A fold reads totals only of folds that stand above it, as the planner lays them out: so each
    /// bound is there when it is needed, and no sum is a part of itself.
    pub(super) fn largest(&self) -> u128 {
        let folds = &self.config.folds;
        let leaves = self.leaves();
        let bound = |address: i64| match leaves.binary_search_by_key(&address, |leaf| leaf.0) {
            Ok(at) => leaves[at].1,
            // A unit's result is in a table.
            Err(_) => 1 << (self.config.shape.table_bits - 1),
        };
        let mut largest = leaves.iter().map(|leaf| leaf.1).max().unwrap_or(0);
        let mut totals: BTreeMap<i64, Option<u128>> = BTreeMap::new();
        let tops = || (0..self.config.shape.last_row()).flat_map(|row| self.tops(row));
        let total_at = |row, lane: usize| {
            let written = self.write(folds.base, folds.lanes[lane].reads, row, lane);
            written.map(|(address, _)| address)
        };
        totals.extend(tops().filter_map(|(row, lane)| Some((total_at(row, lane)?, None))));
        for (top, lane) in tops() {
            let mut total = 0u128;
            for row in top..self.config.shape.last_row() {
                let address = self.value(folds.lanes[lane].address, row);
                let read = match totals.get(&address) {
                    Some(&known) => {
                        let columns = "folds";
                        let at = At::Row { columns, row };
                        self.need(known.is_some(), Rule::FoldAbove, at);
                        known.unwrap_or(0)
                    }
                    None => bound(address),
                };
                total = total.saturating_add(read);
                if self.is(folds.start, row) {
                    break;
                }
            }
            totals.extend(total_at(top, lane).map(|address| (address, Some(total))));
            largest = largest.max(total);
        }
        largest
    }

    /// Lanes of folds that end on a row, so that their totals are results.
    fn tops(&self, row: usize) -> impl Iterator<Item = (usize, usize)> + '_ {
        let lanes = self.config.folds.lanes.iter().enumerate();
        let active = lanes.filter(move |(_, lane)| self.is(lane.active, row));
        let tops = active.filter(move |(lane, _)| !self.inside_fold(row, *lane));
        tops.map(move |(lane, _)| (row, lane))
    }

    /// Addresses of inputs and vector parameters in ascending order, each with its bound.
    fn leaves(&self) -> Vec<(i64, u128)> {
        let (config, shape) = (self.config, &self.config.shape);
        let mut leaves = Vec::new();
        for row in 0..shape.last_row() {
            for (j, lane) in config.params.lanes.iter().enumerate() {
                if let Some((address, _)) = self.write(config.params.base, lane.reads, row, j) {
                    leaves.push((address, 1 << (2 * shape.table_bits - 1)));
                }
            }
            if self.value(config.public.flow, row) < 0 {
                let address = self.value(config.public.address, row);
                leaves.push((address, 1 << (PUBLIC_BITS - 1)));
            }
            let hidden = config.seal.iter().map(|seal| &seal.values);
            for values in hidden.filter(|values| self.value(values.flow, row) < 0) {
                let ends = [values.least, values.greatest].map(|column| {
                    let distance = i128::from(self.value(column, row));
                    (distance - i128::from(shape.wide_offset())).unsigned_abs()
                });
                leaves.push((self.value(values.address, row), ends[0].max(ends[1])));
            }
        }
        leaves.sort_unstable();
        leaves
    }
}
