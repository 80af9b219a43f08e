//! Tables, units and folds.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use super::claims::Claim;
use super::{Columns, Rule};
use crate::inference::plan::layout::Section;
use crate::inference::tables::{FUNCTION, RANGE, matrix_range};
use crate::rules::At;

impl Columns<'_> {
    /// Tables are functions; range tables hold their whole range and nothing else, those of matrices
    /// with the zero of lanes that have no parameter. Returns the kinds of the functions.
    pub(super) fn tables(&self) -> BTreeSet<i64> {
        let shape = &self.config.shape;
        let cells = 0..1i64 << shape.table_bits;
        let mut entries = BTreeMap::new();
        for set in &self.config.tables {
            for row in 0..shape.last_row() {
                let [x, y, kind] = [set.x, set.y, set.kind].map(|column| self.value(column, row));
                let first = *entries.entry((kind, x)).or_insert(y);
                let at = At::Table { kind, x };
                self.found.equal(first, y, Rule::TableIsFunction, at);
                let fits = cells.contains(&x) && cells.contains(&y);
                self.need(kind < FUNCTION || fits, Rule::FunctionFits, at);
            }
        }
        let whole = |kind: i64, cells: RangeInclusive<i64>| {
            let listed = entries.range((kind, i64::MIN)..=(kind, i64::MAX));
            cells
                .map(|x| ((kind, x), 0))
                .eq(listed.map(|(&key, &y)| (key, y)))
        };
        let at = |kind| At::Table { kind, x: 0 };
        let range = 0..=(1 << shape.table_bits) - 1;
        self.need(whole(RANGE, range), Rule::RangeIsWhole, at(RANGE));
        let (zero, end) = (shape.weight_offset(), 1i64 << shape.weight_bits);
        let kinds = entries.keys().map(|&(kind, _)| kind);
        let ranges: BTreeSet<i64> = kinds.filter(|&kind| kind < RANGE).collect();
        for &kind in &ranges {
            let mut cells = entries.range((kind, i64::MIN)..=(kind, i64::MAX));
            let ends = cells
                .next()
                .map(|first| (first, cells.next_back().unwrap_or(first)));
            if let Some(((&(_, first), _), (&(_, last), _))) = ends {
                self.need(
                    whole(kind, first..=last),
                    Rule::MatrixRangeIsWhole,
                    at(kind),
                );
                let inside = 0 <= first && last < end;
                self.need(inside, Rule::MatrixRangeFits, at(kind));
                let zero = (first..=last).contains(&zero);
                self.need(zero, Rule::MatrixRangeZero, at(kind));
            }
        }
        for row in 0..shape.last_row() {
            let kind = match self.config.params.range {
                Some(column) => self.value(column, row),
                None => matrix_range(0),
            };
            let stands = ranges.contains(&kind);
            self.need(stands, Rule::MatrixRangeStands, at(kind));
        }
        let kinds = entries.into_keys().map(|(kind, _)| kind);
        kinds.filter(|&kind| kind >= FUNCTION).collect()
    }

    pub(super) fn units(&self, claims: &[Claim], kinds: &BTreeSet<i64>) {
        let mut claimed = vec![false; self.rows()];
        for claim in claims
            .iter()
            .filter(|claim| claim.section == Section::Results)
        {
            claimed[claim.circuit_rows()].fill(true);
        }
        let parameters = self.parameters();
        for (row, &claimed) in claimed.iter().enumerate() {
            let mut lanes = self.config.units.lanes.iter();
            if lanes.any(|lane| self.is(lane.active, row)) {
                self.unit_row(row, claimed, kinds);
                self.multiplier(row, &parameters);
            }
        }
    }

    /// Addresses of the vector parameters that are read.
    fn parameters(&self) -> BTreeSet<i64> {
        let params = &self.config.params;
        let rows = 0..self.config.shape.last_row();
        let lanes = rows.flat_map(|row| params.lanes.iter().enumerate().map(move |l| (row, l)));
        let written = lanes.map(|(row, (j, lane))| self.write(params.base, lane.reads, row, j));
        written.flatten().map(|(address, _)| address).collect()
    }

    /// [`Shape::equation_bits`](crate::inference::shape::Shape::equation_bits) counts multipliers with
    /// `2T` bits: a vector parameter has them.
    fn multiplier(&self, row: usize, parameters: &BTreeSet<i64>) {
        let columns = &self.config.units.row;
        let at = At::Row {
            columns: "multipliers",
            row,
        };
        let limit = self.config.shape.param_offset().unsigned_abs();
        let value = self.value(columns.multiplier_value, row).unsigned_abs();
        let fits = !self.is(columns.fixed_multiplier, row) || value < limit;
        self.need(fits, Rule::MultiplierFits, at);
        let source = self.value(columns.multiplier_address, row);
        let stands = !self.is(columns.read_multiplier, row) || parameters.contains(&source);
        self.need(stands, Rule::MultiplierParameter, at);
    }

    fn unit_row(&self, row: usize, claimed: bool, kinds: &BTreeSet<i64>) {
        let columns = &self.config.units.row;
        let at = At::Row {
            columns: "units",
            row,
        };
        let need = |holds: bool, rule: Rule| self.need(holds, rule, at);
        let is = |column| self.is(column, row);
        let endings = [columns.requantize, columns.exact, columns.divide];
        let ways = endings.into_iter().filter(|&column| is(column)).count();
        need(ways == 1, Rule::UnitEnding);
        let divides = is(columns.divide);
        need(!divides || self.config.shape.division, Rule::UnitDivides);
        let [a, b, c] = [columns.factor_a, columns.factor_b, columns.constant]
            .map(|column| self.value(column, row) != 0);
        let product = is(columns.product);
        need(!(product && (a || b || c)), Rule::UnitSum);
        let fixed = is(columns.fixed_multiplier);
        need(fixed != is(columns.read_multiplier), Rule::UnitMultiplier);
        let function = self.value(columns.table, row);
        need(kinds.contains(&function), Rule::UnitFunction);
        let sourced = is(columns.read_a) != claimed;
        need(!(product || a) || sourced, Rule::FirstOperand);
        let used = product || b || divides;
        need(!used || is(columns.read_b), Rule::SecondOperand);
    }

    pub(super) fn folds(&self) {
        let folds = &self.config.folds;
        for row in 0..self.rows() {
            let at = At::Row {
                columns: "folds",
                row,
            };
            let is = |column| self.is(column, row);
            let rules = [folds.start, folds.sum, folds.max];
            let rules = rules.into_iter().filter(|&column| is(column)).count();
            for lane in folds.lanes.iter().filter(|lane| is(lane.active)) {
                self.need(rules == 1, Rule::FoldRule, at);
                let ends = is(folds.start) || self.is(lane.active, row + 1);
                self.need(ends, Rule::FoldEnds, at);
            }
        }
    }

    /// Whether a fold's lane goes on from the row above, so that its total is not a result.
    pub(super) fn inside_fold(&self, row: usize, lane: usize) -> bool {
        let folds = &self.config.folds;
        row > 0 && self.is(folds.lanes[lane].active, row - 1) && !self.is(folds.start, row - 1)
    }
}
