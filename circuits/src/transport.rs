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

use ff::Field;
use halo2_proofs::{
    circuit::{Region, Value},
    plonk::{Advice, Challenge, Column, ConstraintSystem, Expression, SecondPhase},
};
use halo2curves::bn256::Fr;

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

impl TransportConfig {
    /// Creates the gates; `lanes` are the values on the last row, `value` the cell values `N`.
    pub fn configure(
        meta: &mut ConstraintSystem<Fr>,
        selectors: TransportSelectors,
        gamma: Challenge,
        lanes: &[Expr],
        value: Expr,
    ) -> Self {
        let accumulator = meta.advice_column_in(SecondPhase);
        let TransportSelectors {
            active,
            first,
            last,
        } = selectors;
        let one = Expression::Constant(Fr::ONE);
        meta.create_gate("transport", |_| {
            let carried = gamma.expr() * accumulator.prev() * (one - first);
            let step = accumulator.cur() - carried - value;
            let combined = lanes
                .iter()
                .cloned()
                .reduce(|sum, lane| sum * gamma.expr() + lane)
                .unwrap_or(Expression::Constant(Fr::ZERO));
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

    /// Fills the accumulator of one block whose values are given in order.
    pub fn assign(&self, region: &mut Region<'_, Fr>, first_row: usize, gamma: Fr, values: &[Fr]) {
        let mut accumulator = Fr::ZERO;
        for (row, value) in (first_row..).zip(values) {
            accumulator = accumulator * gamma + value;
            region.assign_advice(self.accumulator, row, Value::known(accumulator));
        }
    }
}
