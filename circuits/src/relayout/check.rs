//! Whether fixed columns are a relayout whose sum means equality element by element.
//!
//! [`super::plan()`] writes the fixed columns, and whoever derives a key again trusts it. [`check`]
//! reads nothing but the columns. It shows that
//!
//! - the sum runs over the rows before the last, and everything that counts stands there;
//! - each address has one cell of a tile that counts;
//! - weights and rest count at each address as often as that cell, and nowhere else;
//! - the rows on which vectors are held against public numbers are the first ones, without a gap;
//! - rows of public weights have no deviates, and their numbers fit their cells.
//!
//! [`check_weights`] reads the inference's layout too. It shows that each weight that stands there is
//! a deviate, or public, or one of a parameter that is free; and that no other cell is bound to
//! anything but zero.
//!
//! It does not show that an address is the deviate that the plan says, or a weight the one that
//! the model needs there: that is the planner's translation.

use std::collections::BTreeSet;

use halo2_proofs::plonk::{Column, Fixed};
use nascent_ir::TensorId;

use super::config::RelayoutConfig;
use crate::inference::CheckError;
use crate::inference::plan::layout as inference;
use crate::inference::sheet::Sheet;

/// Addresses are below this, so that none wraps around the field.
const MAX_ADDRESS: i64 = 1 << 40;

/// Checks the fixed columns of a relayout.
///
/// # Errors
///
/// The first thing found wrong.
pub fn check(config: &RelayoutConfig, sheet: &Sheet) -> Result<(), CheckError> {
    let columns = Columns { config, sheet };
    columns.selectors()?;
    columns.vectors()?;
    columns.public_weights()?;
    let (mut left, mut right) = (columns.tiles()?, columns.weights()?);
    right.extend(columns.rest()?);
    left.sort_unstable();
    right.sort_unstable();
    balance(&left, &right)
}

/// Checks that the weights of an inference, but for those of the parameters `free`, are deviates or
/// public, and that nothing else is.
///
/// # Errors
///
/// The first cell found wrong.
pub fn check_weights(
    config: &RelayoutConfig,
    sheet: &Sheet,
    inference: &inference::Layout,
    free: &BTreeSet<TensorId>,
) -> Result<(), CheckError> {
    let columns = Columns { config, sheet };
    let lanes = config.weights.values.len();
    let mut held = vec![false; config.shape.rows() * lanes];
    for plan in &inference.weights {
        if free.contains(&plan.tensor) {
            continue;
        }
        let width = plan.matrix.columns.max(1);
        for index in 0..plan.elements.len() {
            let (row, lane) = plan.matrix.at(index / width, index % width);
            if !columns.holds(row, lane) {
                return Err(weight(row, "neither a deviate nor public"));
            }
            held[row * lanes + lane] = true;
        }
    }
    let zero = config.shape.weight_offset;
    for (cell, _) in held.iter().enumerate().filter(|(_, held)| !**held) {
        let (row, lane) = (cell / lanes, cell % lanes);
        if columns.value(config.weights.counts[lane], row) != 0 {
            return Err(weight(row, "a deviate where no weight is"));
        }
        if columns.public(row, lane).is_some_and(|value| value != zero) {
            return Err(weight(row, "public where no weight is"));
        }
    }
    Ok(())
}

fn weight(row: usize, what: &'static str) -> CheckError {
    let section = "weights";
    CheckError::Row { section, row, what }
}

/// An address, and how often a cell counts there.
type Entry = (i64, i64);

struct Columns<'a> {
    config: &'a RelayoutConfig,
    sheet: &'a Sheet,
}

impl Columns<'_> {
    fn value(&self, column: Column<Fixed>, row: usize) -> i64 {
        self.sheet.fixed(column)[row]
    }

    /// Ones, then zeros; and no public number where nothing is held against it.
    fn vectors(&self) -> Result<(), CheckError> {
        let fail = |what, row, value| Err(CheckError::Flag { what, row, value });
        let mut before = 1;
        for row in 0..self.config.shape.rows() {
            let most = if self.config.vectors.is_empty() {
                0
            } else {
                before
            };
            before = self.count("known", self.config.known, row, most)?;
            for lane in self.config.vectors.iter().filter(|_| before == 0) {
                let value = self.value(lane.public, row);
                if value != 0 {
                    return fail("public parameter", row, value);
                }
            }
        }
        Ok(())
    }

    /// Whether the cell of a weight is a deviate or public.
    fn holds(&self, row: usize, lane: usize) -> bool {
        let counts = self.value(self.config.weights.counts[lane], row) == 1;
        counts || self.public(row, lane).is_some()
    }

    /// The cell that a weight must be, if it is public.
    fn public(&self, row: usize, lane: usize) -> Option<i64> {
        let known = self.config.weights.known.as_ref()?;
        let column = *known.public.get(lane)?;
        (self.value(known.rows, row) == 1).then(|| self.value(column, row))
    }

    /// Rows of public weights hold no deviates, others no public weights; numbers fit their cells.
    fn public_weights(&self) -> Result<(), CheckError> {
        let Some(known) = &self.config.weights.known else {
            return Ok(());
        };
        let end = 2 * self.config.shape.weight_offset;
        for row in 0..self.config.shape.rows() {
            let is_known = self.count("public weights", known.rows, row, 1)? == 1;
            let counts = self.config.weights.counts.iter();
            if is_known && counts.into_iter().any(|&count| self.value(count, row) != 0) {
                return Err(weight(row, "public, and a deviate"));
            }
            let end = if is_known { end } else { 1 };
            for &column in &known.public {
                let value = self.value(column, row);
                if !(0..end).contains(&value) {
                    let what = "public weight";
                    return Err(CheckError::Flag { what, row, value });
                }
            }
        }
        Ok(())
    }

    fn selectors(&self) -> Result<(), CheckError> {
        let last = self.config.shape.last_row();
        let fail = |what, row, value| Err(CheckError::Flag { what, row, value });
        for row in 0..self.config.shape.rows() {
            let running = self.value(self.config.running, row);
            if running != i64::from(row < last) {
                return fail("running", row, running);
            }
            let ends = self.value(self.config.ends, row);
            if ends != i64::from(row == 0 || row == last) {
                return fail("ends", row, ends);
            }
        }
        Ok(())
    }

    /// How often something counts on a row: at most `most`, and not at all beyond the sum.
    fn count(
        &self,
        what: &'static str,
        column: Column<Fixed>,
        row: usize,
        most: i64,
    ) -> Result<i64, CheckError> {
        let value = self.value(column, row);
        let most = if row < self.config.shape.last_row() {
            most
        } else {
            0
        };
        if (0..=most).contains(&value) {
            return Ok(value);
        }
        Err(CheckError::Flag { what, row, value })
    }

    fn tiles(&self) -> Result<Vec<Entry>, CheckError> {
        let mut entries = Vec::new();
        for tile in &self.config.tiles {
            for row in 0..self.config.shape.rows() {
                let uses = self.count("uses of a tile's row", tile.uses, row, u16::MAX.into())?;
                let base = self.value(tile.base, row);
                let lanes = (0..tile.values.len() as i64).filter(|_| uses > 0);
                entries.extend(lanes.map(|j| (base.saturating_add(j), uses)));
            }
        }
        Ok(entries)
    }

    fn weights(&self) -> Result<Vec<Entry>, CheckError> {
        let weights = &self.config.weights;
        let mut entries = Vec::new();
        for row in 0..self.config.shape.rows() {
            let (base, step) = (self.value(weights.base, row), self.value(weights.step, row));
            for (j, &count) in weights.counts.iter().enumerate() {
                if self.count("weight", count, row, 1)? == 1 {
                    let address = base.saturating_add(step.saturating_mul(j as i64));
                    entries.push((address, 1));
                }
            }
        }
        Ok(entries)
    }

    fn rest(&self) -> Result<Vec<Entry>, CheckError> {
        let mut entries = Vec::new();
        for lane in &self.config.rest {
            for row in 0..self.config.shape.rows() {
                let count = self.count("rest", lane.count, row, u16::MAX.into())?;
                if count > 0 {
                    entries.push((self.value(lane.address, row), count));
                }
            }
        }
        Ok(entries)
    }
}

/// Both sides by address: one cell on the left, as often counted on the right.
fn balance(left: &[Entry], right: &[Entry]) -> Result<(), CheckError> {
    let fail = |address, what| Err(CheckError::Address { address, what });
    let mut right = right;
    let mut before = None;
    for &(address, uses) in left {
        if !(0..MAX_ADDRESS).contains(&address) {
            return fail(address, "no address of a deviate");
        }
        if before.replace(address) == Some(address) {
            return fail(address, "two deviates");
        }
        let (these, others) = right.split_at(right.partition_point(|entry| entry.0 <= address));
        if let Some(entry) = these.iter().find(|entry| entry.0 != address) {
            return fail(entry.0, "a weight without a deviate");
        }
        let counted: i64 = these.iter().map(|entry| entry.1).sum();
        if counted != uses {
            return fail(address, "counted more or less often than its deviate");
        }
        right = others;
    }
    match right.first() {
        Some(entry) => fail(entry.0, "a weight without a deviate"),
        None => Ok(()),
    }
}
