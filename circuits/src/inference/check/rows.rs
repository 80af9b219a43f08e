//! Tables, units and folds.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use super::claims::Claim;
use super::{CheckError, Columns};
use crate::inference::plan::layout::Section;
use crate::inference::tables::{FUNCTION, RANGE, matrix_range};

impl Columns<'_> {
    /// Tables are functions; range tables hold their whole range and nothing else. Returns the
    /// kinds of the functions.
    pub(super) fn tables(&self) -> Result<BTreeSet<i64>, CheckError> {
        let shape = &self.config.shape;
        let mut entries = BTreeMap::new();
        for set in &self.config.tables {
            for row in 0..shape.last_row() {
                let [x, y, kind] = [set.x, set.y, set.kind].map(|column| self.value(column, row));
                if *entries.entry((kind, x)).or_insert(y) != y {
                    let what = "two values";
                    return Err(CheckError::Table { kind, x, what });
                }
            }
        }
        let whole = |kind: i64, cells: RangeInclusive<i64>| {
            let listed = entries.range((kind, i64::MIN)..=(kind, i64::MAX));
            cells
                .map(|x| ((kind, x), 0))
                .eq(listed.map(|(&key, &y)| (key, y)))
        };
        let fail = |kind, what| Err(CheckError::Table { kind, x: 0, what });
        if !whole(RANGE, 0..=(1 << shape.table_bits) - 1) {
            return fail(RANGE, "not the whole range");
        }
        // Ranges of matrices: whole, with the zero of lanes that have no parameter.
        let (zero, end) = (shape.weight_offset(), 1i64 << shape.weight_bits);
        let mut ranges = BTreeSet::new();
        for &(kind, _) in entries.keys().filter(|(kind, _)| *kind < RANGE) {
            if !ranges.insert(kind) {
                continue;
            }
            let of = || entries.range((kind, i64::MIN)..=(kind, i64::MAX));
            let [first, last] =
                [of().next(), of().next_back()].map(|at| at.map_or(-1, |of| of.0.1));
            if !(0 <= first && first <= zero && zero <= last && last < end)
                || !whole(kind, first..=last)
            {
                return fail(kind, "not a range of matrices");
            }
        }
        for row in 0..shape.last_row() {
            let kind = match self.config.params.range {
                Some(column) => self.value(column, row),
                None => matrix_range(0),
            };
            if !ranges.contains(&kind) {
                return fail(kind, "no such range of matrices");
            }
        }
        let kinds = entries.into_keys().map(|(kind, _)| kind);
        Ok(kinds.filter(|&kind| kind >= FUNCTION).collect())
    }

    pub(super) fn units(&self, claims: &[Claim], kinds: &BTreeSet<i64>) -> Result<(), CheckError> {
        let mut claimed = vec![false; self.rows()];
        for claim in claims
            .iter()
            .filter(|claim| claim.section == Section::Results)
        {
            claimed[claim.circuit_rows()].fill(true);
        }
        let lanes = &self.config.units.lanes;
        for (row, &claimed) in claimed.iter().enumerate() {
            let mut active = false;
            for lane in lanes {
                active |= self.flag("unit", lane.active, row)?;
            }
            if active {
                self.unit_row(row, claimed, kinds)?;
            }
        }
        Ok(())
    }

    fn unit_row(&self, row: usize, claimed: bool, kinds: &BTreeSet<i64>) -> Result<(), CheckError> {
        let columns = &self.config.units.row;
        let section = "units";
        let fail = |what| Err(CheckError::Row { section, row, what });
        let requantize = self.flag("requantize", columns.requantize, row)?;
        let exact = self.flag("exact", columns.exact, row)?;
        let divide = self.flag("divide", columns.divide, row)?;
        if u8::from(requantize) + u8::from(exact) + u8::from(divide) != 1 {
            return fail("not one ending");
        }
        if divide && !self.config.shape.division {
            return fail("division without its constraints");
        }
        let [a, b, c] = [columns.factor_a, columns.factor_b, columns.constant]
            .map(|column| self.value(column, row));
        let product = self.flag("product", columns.product, row)?;
        if product && (a, b, c) != (0, 0, 0) {
            return fail("a product and a sum");
        }
        let fixed = self.flag("fixed multiplier", columns.fixed_multiplier, row)?;
        let read = self.flag("multiplier read", columns.read_multiplier, row)?;
        if fixed == read {
            return fail("not one multiplier");
        }
        if !kinds.contains(&self.value(columns.table, row)) {
            return fail("no such function");
        }
        let read_a = self.flag("a read", columns.read_a, row)?;
        let read_b = self.flag("b read", columns.read_b, row)?;
        if (product || a != 0) && read_a == claimed {
            return fail("the first operand has no source, or two");
        }
        if (product || b != 0 || divide) && !read_b {
            return fail("the second operand has no source");
        }
        Ok(())
    }

    pub(super) fn folds(&self) -> Result<(), CheckError> {
        let folds = &self.config.folds;
        let section = "folds";
        let fail = |row, what| Err(CheckError::Row { section, row, what });
        for row in 0..self.rows() {
            let mut any = false;
            for lane in &folds.lanes {
                any |= self.flag("fold", lane.active, row)?;
            }
            if folds.lanes.is_empty() || !any {
                continue;
            }
            let start = self.flag("start of a fold", folds.start, row)?;
            let sum = self.flag("sum", folds.sum, row)?;
            let max = self.flag("maximum", folds.max, row)?;
            if u8::from(start) + u8::from(sum) + u8::from(max) != 1 {
                return fail(row, "not one rule");
            }
            for lane in &folds.lanes {
                let goes_on = !start && self.flag("fold", lane.active, row)?;
                if goes_on && !self.flag("fold", lane.active, row + 1)? {
                    return fail(row, "the chain breaks off");
                }
            }
        }
        Ok(())
    }

    /// Whether a fold's lane goes on from the row above, so that its total is not a result.
    pub(super) fn inside_fold(&self, row: usize, lane: usize) -> bool {
        let folds = &self.config.folds;
        row > 0
            && self.value(folds.lanes[lane].active, row - 1) == 1
            && self.value(folds.start, row - 1) == 0
    }
}
