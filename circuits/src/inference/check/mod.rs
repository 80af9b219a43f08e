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
//! - each seal is a chain of blocks, its hidden inputs have ranges, its digest a row of its own;
//! - tables are functions, the range tables are whole, and each row of matrices has one;
//! - no equation can wrap around the field: sums are followed through sums of sums.
//!
//! It does not show that the columns are those of a given model: that is what comparing outputs
//! with the reference is for.

mod bus;
mod claims;
mod rows;
mod seals;
mod selections;
mod sums;

use halo2_proofs::plonk::{Column, Fixed};

use super::config::InferenceConfig;
use super::shape::{MAX_EQUATION_BITS, Shape, bits, equation_bits};
use super::sheet::Sheet;

/// What is wrong with fixed columns.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum CheckError {
    /// A flag is neither zero nor one, or stands beyond the last row.
    #[error("row {row}: {what} is {value}")]
    Flag {
        /// Which flag.
        what: &'static str,
        /// The row.
        row: usize,
        /// Its value.
        value: i64,
    },
    /// A table's entry.
    #[error("table {kind} at {x}: {what}")]
    Table {
        /// Kind of the table.
        kind: i64,
        /// Argument.
        x: i64,
        /// What is wrong.
        what: &'static str,
    },
    /// A row of units, folds or products.
    #[error("row {row} of {section}: {what}")]
    Row {
        /// Units, folds, contractions or a channel.
        section: &'static str,
        /// The row.
        row: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// An address of the bus.
    #[error("address {address:#x}: {what}")]
    Address {
        /// The address.
        address: i64,
        /// What is wrong.
        what: &'static str,
    },
    /// An identity between claims and a product.
    #[error("identity {id}: {what}")]
    Identity {
        /// Its number.
        id: i64,
        /// What is wrong.
        what: &'static str,
    },
    /// An equation could wrap around the field.
    #[error("integers of {bits} bits in an equation, at most {MAX_EQUATION_BITS} are safe")]
    Wraps {
        /// Bits of the largest integer.
        bits: u32,
    },
}

/// Checks the fixed columns of a circuit.
///
/// # Errors
///
/// The first thing found wrong.
pub fn check(config: &InferenceConfig, sheet: &Sheet) -> Result<(), CheckError> {
    let columns = Columns { config, sheet };
    columns.selectors()?;
    let kinds = columns.tables()?;
    let claims = columns.claims()?;
    let selections = columns.selections()?;
    let products = columns.products()?;
    claims::identities(&config.shape, &claims, &selections, &products)?;
    columns.units(&claims, &kinds)?;
    columns.folds()?;
    columns.public()?;
    columns.seals()?;
    columns.bus()?;
    match config.shape.equation_bits(columns.largest()?) {
        bits if bits > MAX_EQUATION_BITS => Err(CheckError::Wraps { bits }),
        _ => Ok(()),
    }
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
}

impl Columns<'_> {
    fn rows(&self) -> usize {
        self.config.shape.rows()
    }

    fn value(&self, column: Column<Fixed>, row: usize) -> i64 {
        self.sheet.fixed(column)[row]
    }

    /// A flag, which must be zero beyond the rows of the running sums.
    fn flag(
        &self,
        what: &'static str,
        column: Column<Fixed>,
        row: usize,
    ) -> Result<bool, CheckError> {
        let last = self.config.shape.last_row();
        match self.value(column, row) {
            0 => Ok(false),
            1 if row < last => Ok(true),
            value => Err(CheckError::Flag { what, row, value }),
        }
    }

    fn selectors(&self) -> Result<(), CheckError> {
        let last = self.config.shape.last_row();
        for row in 0..self.rows() {
            let running = self.value(self.config.running, row);
            if running != i64::from(row < last) {
                let (what, value) = ("running", running);
                return Err(CheckError::Flag { what, row, value });
            }
            let ends = self.value(self.config.ends, row);
            if ends != i64::from(row == 0 || row == last) {
                let (what, value) = ("ends", ends);
                return Err(CheckError::Flag { what, row, value });
            }
        }
        Ok(())
    }
}
