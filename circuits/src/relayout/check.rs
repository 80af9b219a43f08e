//! Whether fixed columns are a relayout whose sum means equality element by element.
//!
//! [`super::plan()`] writes the fixed columns, and whoever derives a key again trusts it. [`check`]
//! reads the columns, and the layout of the inference for the places of its parameters. It shows that
//!
//! - the sum runs over the rows before the last, and everything that counts stands there;
//! - each address has one cell of a tile that counts;
//! - weights and rest count at each address as often as that cell, and nowhere else;
//! - every vector parameter is held against its public number, and nothing else of these columns is;
//! - each weight of the inference is a deviate, or public, or one of a parameter that is free; no other
//!   cell is a deviate, or bound to anything but zero.
//!
//! Each of these is made of [`Rule`]s, and each rule stands in one place. Tests have columns for each
//! that it alone refuses.
//!
//! It does not show that an address is the deviate that the plan says, or a weight the one that
//! the model needs there: that is the planner's translation.

use std::collections::BTreeSet;

use halo2_proofs::plonk::{Column, Fixed};
use nascent_ir::TensorId;

use super::config::RelayoutConfig;
use crate::inference::plan::layout as inference;
use crate::inference::sheet::Sheet;
use crate::rules::{At, Findings, Violation, rules};

rules! {
    /// A rule about the fixed columns of a relayout.
    pub enum Rule {
        Running = "the sum runs over the rows before the last",
        Ends = "the sum is zero on the first row and on the last",
        CountBeyond = "nothing counts where the sum has ended",
        RestCount = "the rest counts, never less than nothing",
        OneDeviate = "an address has one deviate",
        AsOften = "an address counts as often as its deviate",
        VectorHeld = "a row of vector parameters, and no other, is held against public numbers",
        VectorIdle = "no public number stands where nothing is held against it",
        KnownFlag = "a row has public weights or not",
        KnownBeyond = "no row has public weights where the sum has ended",
        KnownOrDeviate = "a row of public weights has no deviates",
        KnownFits = "a public weight fits its cell",
        KnownIdle = "no public weight stands on a row without",
        WeightHeld = "a weight is a deviate or public",
        NoDeviate = "no cell without a weight is a deviate",
        NoPublic = "no cell without a weight is bound to anything but zero",
    }
}

/// What is wrong with fixed columns.
pub type CheckError = Violation<Rule>;

/// Checks the fixed columns of a relayout beside an inference, of which the parameters `free` are bound
/// to nothing.
///
/// # Errors
///
/// The first rule found broken.
pub fn check(
    config: &RelayoutConfig,
    sheet: &Sheet,
    inference: &inference::Layout,
    free: &BTreeSet<TensorId>,
) -> Result<(), CheckError> {
    match violations(config, sheet, inference, free)
        .into_iter()
        .next()
    {
        Some(violation) => Err(violation),
        None => Ok(()),
    }
}

/// All rules that the fixed columns of a relayout break, each where it is broken first. After a broken
/// rule the columns are read as if it held.
pub fn violations(
    config: &RelayoutConfig,
    sheet: &Sheet,
    inference: &inference::Layout,
    free: &BTreeSet<TensorId>,
) -> Vec<CheckError> {
    let columns = Columns {
        config,
        sheet,
        found: Findings::default(),
    };
    columns.selectors();
    columns.counts();
    columns.vectors(inference);
    columns.known();
    columns.balance();
    columns.weights(inference, free);
    columns.found.all()
}

/// An address, and how often a cell counts there.
type Entry = (i64, i64);

struct Columns<'a> {
    config: &'a RelayoutConfig,
    sheet: &'a Sheet,
    found: Findings<Rule>,
}

impl Columns<'_> {
    fn rows(&self) -> usize {
        self.config.shape.rows()
    }

    fn value(&self, column: Column<Fixed>, row: usize) -> i64 {
        self.sheet.fixed(column)[row]
    }

    fn selectors(&self) {
        let last = self.config.shape.last_row();
        for row in 0..self.rows() {
            let at = on("selectors", row);
            let running = self.value(self.config.running, row);
            let expected = i64::from(row < last);
            self.found.equal(expected, running, Rule::Running, at);
            let ends = self.value(self.config.ends, row);
            let expected = i64::from(row == 0 || row == last);
            self.found.equal(expected, ends, Rule::Ends, at);
        }
    }

    /// What counts, and how. A weight that counts at all counts once, on a row of the inference's
    /// weights: [`Self::weights`] refuses all else. Of a tile's rows any number may count: it equals
    /// that of the weights and the rest, which is never below zero.
    fn counts(&self) {
        let last = self.config.shape.last_row();
        let tiles = self.config.tiles.iter().map(|tile| tile.uses);
        let rest = self.config.rest.iter().map(|lane| lane.count);
        for column in tiles.chain(rest.clone()) {
            for row in last..self.rows() {
                let (count, at) = (self.value(column, row), on("counts", row));
                self.found.equal(0, count, Rule::CountBeyond, at);
            }
        }
        for column in rest {
            for row in 0..last {
                let counts = self.value(column, row) >= 0;
                self.found.need(counts, Rule::RestCount, on("rest", row));
            }
        }
    }

    /// Rows of vector parameters are held against public numbers.
    fn vectors(&self, inference: &inference::Layout) {
        let lanes = &self.config.vectors;
        let held = inference.params.len().div_ceil(lanes.len().max(1));
        for row in 0..self.rows() {
            let at = on("vector parameters", row);
            let known = self.value(self.config.known, row);
            let expected = i64::from(row < held);
            self.found.equal(expected, known, Rule::VectorHeld, at);
            for lane in lanes.iter().filter(|_| row >= held) {
                let number = self.value(lane.public, row);
                self.found.equal(0, number, Rule::VectorIdle, at);
            }
        }
    }

    /// Whether a row has public weights.
    fn is_known(&self, row: usize) -> bool {
        let known = self.config.weights.known.as_ref();
        known.is_some_and(|known| self.value(known.rows, row) == 1)
    }

    /// Rows of public weights hold no deviates, others no public weights; numbers fit their cells.
    fn known(&self) {
        let Some(known) = &self.config.weights.known else {
            return;
        };
        let last = self.config.shape.last_row();
        let cells = 0..2 * self.config.shape.weight_offset;
        for row in 0..self.rows() {
            let at = on("public weights", row);
            let need = |holds: bool, rule: Rule| self.found.need(holds, rule, at);
            let flag = self.value(known.rows, row);
            need(matches!(flag, 0 | 1), Rule::KnownFlag);
            need(row < last || flag != 1, Rule::KnownBeyond);
            let is_known = self.is_known(row);
            let mut counts = self.config.weights.counts.iter();
            let deviate = counts.any(|&count| self.value(count, row) != 0);
            need(!(is_known && deviate), Rule::KnownOrDeviate);
            for &column in &known.public {
                let value = self.value(column, row);
                if is_known {
                    need(cells.contains(&value), Rule::KnownFits);
                } else {
                    need(value == 0, Rule::KnownIdle);
                }
            }
        }
    }

    /// Both sides by address: one cell on the left, as often counted on the right.
    ///
    /// Addresses and sums that are too large for 64 bits stop at the end: then what counts on the two
    /// sides differs in the field, so that nobody can satisfy the circuit.
    fn balance(&self) {
        let (mut left, mut right) = (self.tiles(), self.counted());
        left.sort_unstable();
        right.sort_unstable();
        let (mut left, mut right) = (left.as_slice(), right.as_slice());
        let next = |list: &[Entry]| list.first().map(|entry| entry.0);
        let total = |list: &[Entry]| {
            list.iter()
                .map(|entry| entry.1)
                .fold(0, i64::saturating_add)
        };
        while let Some(address) = [next(left), next(right)].into_iter().flatten().min() {
            let at = At::Address(address);
            let deviates = take(&mut left, address);
            let one = deviates.len() < 2;
            self.found.need(one, Rule::OneDeviate, at);
            let counted = total(take(&mut right, address));
            self.found
                .equal(total(deviates), counted, Rule::AsOften, at);
        }
    }

    fn tiles(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        for tile in &self.config.tiles {
            for row in 0..self.rows() {
                let (base, uses) = (self.value(tile.base, row), self.value(tile.uses, row));
                let lanes = (0..tile.values.len() as i64).filter(|_| uses != 0);
                entries.extend(lanes.map(|j| (base.saturating_add(j), uses)));
            }
        }
        entries
    }

    /// Weights and rest.
    fn counted(&self) -> Vec<Entry> {
        let weights = &self.config.weights;
        let mut entries = Vec::new();
        for row in 0..self.rows() {
            let (base, step) = (self.value(weights.base, row), self.value(weights.step, row));
            for (j, &count) in weights.counts.iter().enumerate() {
                if self.value(count, row) != 0 {
                    let address = base.saturating_add(step.saturating_mul(j as i64));
                    entries.push((address, self.value(count, row)));
                }
            }
            for lane in &self.config.rest {
                let count = self.value(lane.count, row);
                if count != 0 {
                    entries.push((self.value(lane.address, row), count));
                }
            }
        }
        entries
    }

    /// The weights of an inference are deviates or public, and nothing else is.
    fn weights(&self, inference: &inference::Layout, free: &BTreeSet<TensorId>) {
        let weights = &self.config.weights;
        let lanes = weights.values.len();
        let mut stands = vec![false; self.rows() * lanes];
        let plans = inference.weights.iter();
        for plan in plans.filter(|plan| !free.contains(&plan.tensor)) {
            let width = plan.matrix.columns.max(1);
            for index in 0..plan.elements.len() {
                let (row, lane) = plan.matrix.at(index / width, index % width);
                let deviate = self.value(weights.counts[lane], row) == 1;
                let held = deviate || self.public(row, lane).is_some();
                self.found.need(held, Rule::WeightHeld, on("weights", row));
                stands[row * lanes + lane] = true;
            }
        }
        let zero = self.config.shape.weight_offset;
        for cell in (0..stands.len()).filter(|&cell| !stands[cell]) {
            let (row, lane) = (cell / lanes, cell % lanes);
            let at = on("weights", row);
            let deviate = self.value(weights.counts[lane], row) != 0;
            self.found.need(!deviate, Rule::NoDeviate, at);
            let public = self.public(row, lane).unwrap_or(zero);
            self.found.equal(zero, public, Rule::NoPublic, at);
        }
    }

    /// The cell that a weight must be, if it is public.
    fn public(&self, row: usize, lane: usize) -> Option<i64> {
        let known = self.config.weights.known.as_ref()?;
        let column = *known.public.get(lane)?;
        self.is_known(row).then(|| self.value(column, row))
    }
}

fn on(columns: &'static str, row: usize) -> At {
    At::Row { columns, row }
}

/// The entries of an address, from the front of a sorted list.
fn take<'a>(list: &mut &'a [Entry], address: i64) -> &'a [Entry] {
    let (taken, rest) = list.split_at(list.partition_point(|entry| entry.0 <= address));
    *list = rest;
    taken
}
