//! Seals as chains of blocks.

use super::{Columns, Rule};
use crate::inference::seal::SealConfig;
use crate::poseidon2::BLOCK_ROWS;
use crate::rules::At;

impl Columns<'_> {
    /// Each seal is a chain of whole blocks from its start to its end: a salt and zeros, then values,
    /// then zeros; its number is that of its values, and number and digest are after all public values.
    pub(super) fn seals(&self) {
        let Some(columns) = &self.config.seal else {
            return;
        };
        let mut row = 0;
        while row < self.rows() {
            if self.is(columns.active, row) {
                row = self.seal(columns, row);
            } else {
                self.idle(columns, row);
                row += 1;
            }
        }
    }

    fn idle(&self, columns: &SealConfig, row: usize) {
        let values = &columns.values;
        let flags = [
            columns.poseidon.block,
            columns.start,
            columns.end,
            columns.pad,
            values.read,
            values.ranged,
        ];
        let idle = flags.iter().all(|&column| !self.is(column, row));
        let wire = self.value(values.flow, row) != 0;
        self.need(idle && !wire, Rule::SealStarts, sealed(row));
    }

    /// Checks the seal that starts on a row; returns the row after it.
    fn seal(&self, columns: &SealConfig, first: usize) -> usize {
        let (mut values, mut ended) = (0, false);
        let mut row = first;
        // No flag stands on the last row, so every chain has ended.
        while self.is(columns.active, row) {
            let at = sealed(row);
            let need = |holds: bool, rule: Rule| self.need(holds, rule, at);
            let index = row - first;
            let block = self.is(columns.poseidon.block, row);
            need(block == index.is_multiple_of(BLOCK_ROWS), Rule::SealBlocks);
            let start = self.is(columns.start, row);
            need(start == (index == 0), Rule::SealChain);
            let pad = self.is(columns.pad, row);
            let read = self.is(columns.values.read, row);
            self.hidden_value(columns, row, read);
            match index {
                0 => need(!pad && !read, Rule::SealSalt),
                1..BLOCK_ROWS => need(pad && !read, Rule::SealFirstBlock),
                _ => {
                    need(pad != read, Rule::SealValues);
                    need(!(read && ended), Rule::SealZeros);
                    ended |= pad;
                }
            }
            values += usize::from(read);
            row += 1;
            if self.is(columns.end, row - 1) {
                let whole = (row - first).is_multiple_of(BLOCK_ROWS);
                need(whole, Rule::SealEnd);
                let count = self.value(columns.count, first);
                self.equal(values, count, Rule::SealCount, at);
                let public = self.config.public.count;
                let after = (first..self.rows()).all(|row| !self.is(public, row));
                need(after, Rule::SealDigest);
                return row;
            }
        }
        self.need(false, Rule::SealEnds, sealed(first));
        row
    }

    /// An input has a range that its two lookups check, an output is read once.
    fn hidden_value(&self, columns: &SealConfig, row: usize, read: bool) {
        let values = &columns.values;
        let need = |holds: bool, rule: Rule| self.need(holds, rule, sealed(row));
        let flow = self.value(values.flow, row);
        let ranged = self.is(values.ranged, row);
        if !read {
            need(flow == 0, Rule::SealWire);
            need(!ranged, Rule::SealRange);
        } else if ranged {
            need(flow <= 0, Rule::SealInput);
            let [least, greatest] =
                [values.least, values.greatest].map(|column| self.value(column, row));
            let limit = 1 << self.config.shape.table_bits;
            let width = greatest.checked_sub(least);
            let fits = width.is_some_and(|width| (0..limit).contains(&width));
            need(fits, Rule::SealWidth);
        } else {
            need(flow == 1, Rule::SealOutput);
        }
    }
}

fn sealed(row: usize) -> At {
    let columns = "seals";
    At::Row { columns, row }
}
