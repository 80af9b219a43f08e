//! Moving values from the lanes of one row to consecutive rows of one column, for one cell a row.
//!
//! Block `i` of a stream ends with 15 outputs `o_1..o_15` side by side; the limbs of output `r+1`
//! stand on row `r` of the block and spell `N_r` (an expression). Instead of copying, both sides
//! are evaluated at a random `gamma`, known only after both are committed:
//!
//! ```text
//! acc_0 = N_0,   acc_r = gamma acc_{r-1} + N_r,   acc_14 = sum over r of gamma^{14-r} o_{r+1}
//! ```
//!
//! Equality is that of two polynomials of degree 14 in `gamma`, so a block whose values differ
//! passes with probability at most `14 / p`; the book sums this over all blocks.
//!
//! Degree 3 for the recurrence and 5 for the comparison (the outputs have degree 3).
//!
//! A second list of 15 values may ride along in the same column, the other way round: lanes
//! `e_1..e_15` side by side on the *first* row, and a value `M_r` on each row. They begin the
//! accumulator with a debt that the rows pay off:
//!
//! ```text
//! acc_0 = N_0 + gamma^15 M_0 - (gamma^15 e_1 + gamma^14 e_2 + .. + gamma e_15)
//! acc_r = gamma acc_{r-1} + N_r + gamma^15 M_r
//! ```
//!
//! The comparison on the last row stays. In the difference of its two sides `N_r - o_{r+1}` has
//! the factor `gamma^(14-r)` and `M_r - e_{r+1}` the factor `gamma^(29-r)`: 30 different powers,
//! so it is zero for all `gamma` only if all 30 differences are. A block whose values differ
//! passes with probability at most `29 / p`.

use ff::Field;
use halo2_proofs::{
    circuit::{Region, Value},
    plonk::{Advice, Challenge, Column, ConstraintSystem, Expression, SecondPhase},
};
use halo2curves::bn256::Fr;

use crate::poseidon2::RATE;

type Expr = Expression<Fr>;

/// Column of the chip.
#[derive(Clone, Debug)]
pub struct TransportConfig {
    /// The accumulator, in the second phase.
    pub accumulator: Column<Advice>,
}

/// Where the chip is active.
#[derive(Clone, Debug)]
pub struct TransportSelectors {
    /// One on all rows of the blocks concerned.
    pub active: Expr,
    /// One on the first row of any block; read together with `active`.
    pub first: Expr,
    /// One on the last row of any block; read together with `active`.
    pub last: Expr,
}

/// The list that rides along.
#[derive(Clone, Debug)]
pub struct Entering {
    /// `e_1..e_15`, values on the first row.
    pub lanes: [Expr; RATE],
    /// `M`, the value on each row.
    pub value: Expr,
}

impl TransportConfig {
    /// Creates the gates; `lanes` are the values on the last row, `value` the cell values `N`.
    pub fn configure(
        meta: &mut ConstraintSystem<Fr>,
        selectors: TransportSelectors,
        gamma: Challenge,
        lanes: &[Expr],
        value: Expr,
        entering: Option<Entering>,
    ) -> Self {
        let accumulator = meta.advice_column_in(SecondPhase);
        let TransportSelectors {
            active,
            first,
            last,
        } = selectors;
        let one = Expression::Constant(Fr::ONE);
        let horner = |lanes: &[Expr]| {
            let lanes = lanes.iter().cloned();
            let sum = lanes.reduce(|sum, lane| sum * gamma.expr() + lane);
            sum.unwrap_or(Expression::Constant(Fr::ZERO))
        };
        meta.create_gate("transport", |_| {
            let carried = gamma.expr() * accumulator.prev() * (one - first.clone());
            let mut step = accumulator.cur() - carried - value;
            if let Some(Entering { lanes, value }) = entering {
                let shift = (1..RATE).fold(gamma.expr(), |power, _| power * gamma.expr());
                step = step - shift * value + first * (horner(&lanes) * gamma.expr());
            }
            let combined = horner(lanes);
            vec![
                ("accumulator", active.clone() * step),
                (
                    "accumulator equals the lanes",
                    active * last * (accumulator.cur() - combined),
                ),
            ]
        });
        Self { accumulator }
    }

    /// Fills the accumulator of one block whose values are given in order; `entering` are those
    /// that ride along.
    pub fn assign(
        &self,
        region: &mut Region<'_, Fr>,
        first_row: usize,
        gamma: Fr,
        values: &[Fr],
        entering: Option<&[Fr]>,
    ) {
        let mut accumulator = Fr::ZERO;
        let shift = gamma.pow([RATE as u64]);
        if let Some(entering) = entering {
            // Divided by `gamma`, with which the first row multiplies.
            accumulator -= entering.iter().fold(Fr::ZERO, |sum, e| sum * gamma + e);
        }
        for (r, value) in values.iter().enumerate() {
            accumulator = accumulator * gamma + value;
            if let Some(entering) = entering.and_then(|entering| entering.get(r)) {
                accumulator += shift * entering;
            }
            let cell = Value::known(accumulator);
            region.assign_advice(self.accumulator, first_row + r, cell);
        }
    }
}
