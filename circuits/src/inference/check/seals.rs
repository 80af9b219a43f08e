//! Seals as chains of blocks.

use super::{CheckError, Columns};
use crate::inference::seal::SealConfig;
use crate::poseidon2::BLOCK_ROWS;

impl Columns<'_> {
    /// Each seal is a chain of whole blocks from its start to its end: a salt and zeros, then values,
    /// then zeros; its number is that of its values, and number and digest are after all public values.
    pub(super) fn seals(&self) -> Result<(), CheckError> {
        let Some(columns) = &self.config.seal else {
            return Ok(());
        };
        let mut row = 0;
        while row < self.rows() {
            if self.flag("seal", columns.active, row)? {
                row = self.seal(columns, row)?;
            } else {
                self.idle(columns, row)?;
                row += 1;
            }
        }
        Ok(())
    }

    fn idle(&self, columns: &SealConfig, row: usize) -> Result<(), CheckError> {
        let values = &columns.values;
        let flags = [
            columns.poseidon.block,
            columns.start,
            columns.end,
            columns.pad,
            values.read,
            values.ranged,
            values.flow,
        ];
        match flags.iter().all(|&column| self.value(column, row) == 0) {
            true => Ok(()),
            false => Err(Self::broken(row, "flags on a row without a block")),
        }
    }

    fn broken(row: usize, what: &'static str) -> CheckError {
        let section = "seals";
        CheckError::Row { section, row, what }
    }

    /// Checks the seal that starts on a row; returns the row after it.
    fn seal(&self, columns: &SealConfig, first: usize) -> Result<usize, CheckError> {
        let mut values = 0;
        let mut ended = false;
        for row in first.. {
            if row >= self.rows() {
                return Err(Self::broken(first, "without an end"));
            }
            let fail = |what| Err(Self::broken(row, what));
            let (at, last) = (row - first, self.config.shape.last_row());
            if !self.flag("seal", columns.active, row)? || row >= last {
                return fail("a block breaks off");
            }
            let block = self.flag("block", columns.poseidon.block, row)?;
            if block != at.is_multiple_of(BLOCK_ROWS) {
                return fail("blocks out of step");
            }
            if self.flag("start of a seal", columns.start, row)? != (at == 0) {
                return fail("a seal without its start, or with two");
            }
            let pad = self.flag("zero", columns.pad, row)?;
            let read = self.flag("hidden value", columns.values.read, row)?;
            self.hidden_value(columns, row, read)?;
            let expected = match at {
                0 => !pad && !read,
                1..BLOCK_ROWS => pad && !read,
                _ => pad != read && !(read && ended),
            };
            if !expected {
                return fail("not a salt, then values, then zeros");
            }
            values += i64::from(read);
            ended |= at >= BLOCK_ROWS && pad;
            if self.flag("end of a seal", columns.end, row)? {
                if !(at + 1).is_multiple_of(BLOCK_ROWS) {
                    return fail("an end inside a block");
                }
                if self.value(columns.count, first) != values {
                    return fail("another number of values");
                }
                let count = self.config.public.count;
                if (first..self.rows()).any(|row| self.value(count, row) != 0) {
                    return fail("number and digest are where public values are");
                }
                return Ok(row + 1);
            }
        }
        Err(Self::broken(first, "without an end"))
    }

    /// An input has a range that its two lookups check, an output is read once.
    fn hidden_value(&self, columns: &SealConfig, row: usize, read: bool) -> Result<(), CheckError> {
        let values = &columns.values;
        let fail = |what| Err(Self::broken(row, what));
        let flow = self.value(values.flow, row);
        let ranged = self.flag("range of a hidden value", values.ranged, row)?;
        match (read, ranged) {
            (false, false) if flow == 0 => Ok(()),
            (false, _) => fail("a wire without a value"),
            (true, false) if flow == 1 => Ok(()),
            (true, false) => fail("neither an input with a range nor an output"),
            (true, true) => {
                let [least, greatest] =
                    [values.least, values.greatest].map(|column| self.value(column, row));
                let width = greatest.checked_sub(least);
                let fits = width
                    .is_some_and(|width| (0..1 << self.config.shape.table_bits).contains(&width));
                match fits && flow <= 0 {
                    true => Ok(()),
                    false => fail("a range that two lookups cannot check"),
                }
            }
        }
    }
}
