//! Whether fixed columns are a circuit whose constraints mean what they should.
//!
//! [`super::plan()`] writes the fixed columns, and whoever derives a key again trusts it. [`check`]
//! reads nothing but the columns. It shows that
//!
//! - each address of the bus is written once and read as often as its multiplicity says;
//! - each active unit has one ending, one multiplier, and a source for every operand it uses;
//! - each fold is a chain that starts, and is read at its top only;
//! - each claim is one chain from its start, and no two share a row and a channel;
//! - the rows of each contraction are one chain, its offsets the same in every channel;
//! - each selection is one chain, and the rows it chooses from are numbered in sequence;
//! - each identity has its three claims, or two and a selection, and its product, with numbers of
//!   its own;
//! - each public output is bound; each seal is a chain of blocks, its hidden inputs have ranges, its
//!   number and digest stand after the public values;
//! - no value depends on itself, so that all follow from inputs and parameters, one after another;
//! - multipliers are parameters, or numbers of as many bits;
//! - tables are functions, the range tables are whole, and each row of matrices has one;
//! - no equation can wrap around the field: sums are followed through sums of sums.
//!
//! Each of these is made of [`Rule`]s, and each rule stands in one place. Tests have columns for each
//! that it alone refuses.
//!
//! It does not show that the columns are those of a given model: that is what comparing outputs
//! with the reference is for.

mod bus;
mod claims;
mod columns;
mod identities;
mod order;
mod products;
mod rows;
mod rules;
mod seals;
mod selections;
mod sums;

use halo2_proofs::plonk::{Column, Fixed};

pub use columns::{FixedColumn, Use, columns};
pub use rules::Rule;

use super::config::InferenceConfig;
use super::shape::{MAX_EQUATION_BITS, Shape, bits, equation_bits};
use super::sheet::Sheet;
use crate::rules::{At, Findings, Violation};

/// What is wrong with fixed columns.
pub type CheckError = Violation<Rule>;

/// Checks the fixed columns of a circuit.
///
/// # Errors
///
/// The first rule found broken.
pub fn check(config: &InferenceConfig, sheet: &Sheet) -> Result<(), CheckError> {
    match violations(config, sheet).into_iter().next() {
        Some(violation) => Err(violation),
        None => Ok(()),
    }
}

/// All rules that the fixed columns of a circuit break, each where it is broken first. After a broken
/// rule the columns are read as if it held.
pub fn violations(config: &InferenceConfig, sheet: &Sheet) -> Vec<CheckError> {
    let columns = Columns {
        config,
        sheet,
        found: Findings::default(),
    };
    columns.selectors();
    columns.flags();
    let kinds = columns.tables();
    let claims = columns.claims();
    let selections = columns.selections();
    let products = columns.products();
    columns.identities(&claims, &selections, &products);
    columns.units(&claims, &kinds);
    columns.folds();
    columns.public();
    columns.seals();
    columns.bus();
    columns.order(&claims, &selections, &products);
    let bits = config.shape.equation_bits(columns.largest());
    columns.need(bits <= MAX_EQUATION_BITS, Rule::NoWrap, At::Shape);
    columns.found.all()
}

impl Shape {
    /// Bits of the largest integer in any equation, whatever a prover commits to: from the ranges
    /// that the circuit enforces, not from those that the model declares. `largest` is the largest
    /// magnitude of inputs, parameters and sums.
    pub fn equation_bits(&self, largest: u128) -> u32 {
        // Tables hold narrow values; vector parameters have 2T bits.
        let (value, param) = (17, 2 * self.table_bits);
        let lanes = usize::BITS - self.unit_lanes.max(self.weight_lanes).leading_zeros();
        // An inner index has at most as many values as there are cells in its lanes.
        let contraction = self.k + lanes + value + value.max(self.weight_bits);
        let wide = bits(largest).max(param).max(contraction);
        equation_bits(self.table_bits, wide)
    }
}

/// Fixed columns as the checks read them.
struct Columns<'a> {
    config: &'a InferenceConfig,
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

    /// Whether a flag is set; none is where the sums have ended. [`Self::flags`] has their rules.
    fn is(&self, column: Column<Fixed>, row: usize) -> bool {
        self.value(column, row) == 1 && row < self.config.shape.last_row()
    }

    /// The only value whose flag is set.
    fn one_of<T: Copy>(
        &self,
        flags: impl IntoIterator<Item = (T, Column<Fixed>)>,
        row: usize,
        rule: Rule,
        at: At,
    ) -> Option<T> {
        let mut found = None;
        for (value, column) in flags {
            if self.is(column, row) {
                self.need(found.is_none(), rule, at);
                found.get_or_insert(value);
            }
        }
        found
    }

    fn need(&self, holds: bool, rule: Rule, at: At) {
        self.found.need(holds, rule, at);
    }

    fn equal(&self, expected: usize, got: i64, rule: Rule, at: At) {
        let expected = i64::try_from(expected).unwrap_or(i64::MAX);
        self.found.equal(expected, got, rule, at);
    }

    fn selectors(&self) {
        let last = self.config.shape.last_row();
        for row in 0..self.rows() {
            let at = At::Row {
                columns: "selectors",
                row,
            };
            let running = self.value(self.config.running, row);
            self.equal(usize::from(row < last), running, Rule::Running, at);
            let ends = self.value(self.config.ends, row);
            let expected = usize::from(row == 0 || row == last);
            self.equal(expected, ends, Rule::Ends, at);
        }
    }
}
