//! Lookups and wires as sums of fractions.
//!
//! Logarithmic derivatives as in [`crate::logup`], with a numerator to each fraction: zero where
//! the row has no lookup, minus the multiplicity on the side that is looked up. All tables and the
//! bus share one sum:
//!
//! ```text
//! table:  alpha + x + beta y + beta^2 kind
//! bus:    alpha + address + beta value
//! ```
//!
//! The kind tells the tables apart. A tuple of the bus can equal one of the range table, whose kind and
//! `y` are zero, but no lookup profits from it: in the fixed columns every address is read as often as
//! it is written ([`super::check`]), so over all values of an address the reads and writes cancel, those
//! of values other than zero by themselves; so do those of zero, and nothing is left for a lookup.
//!
//! Up to three fractions `n_i / d_i` share a helper, on the rows of the running sum
//!
//! ```text
//! h d_1 d_2 d_3 = n_1 d_2 d_3 + n_2 d_1 d_3 + n_3 d_1 d_2,      S' = S + sum of h
//! ```
//!
//! and `S = 0` at both ends. Degree 5.

use ff::{BatchInvert, Field};
use halo2_proofs::{
    circuit::{Region, Value},
    plonk::{Advice, Challenge, Column, ConstraintSystem, Expression, Fixed, SecondPhase},
};
use halo2curves::bn256::Fr;
use rayon::prelude::*;

use super::linear::{Cell, Linear, field};
use super::sheet::Sheet;

type Expr = Expression<Fr>;

/// Fractions that share a helper.
pub const GROUP: usize = 3;

/// What a fraction's denominator stands for.
#[derive(Clone, Debug)]
pub enum Tuple {
    /// An entry `(x, y)` of the lookup table `kind`.
    Table {
        /// First coordinate.
        x: Linear,
        /// Second coordinate.
        y: Linear,
        /// Which table.
        kind: Linear,
    },
    /// A value at an address of the bus.
    Bus {
        /// Address of a tensor's element.
        address: Linear,
        /// Its value.
        value: Linear,
    },
}

impl Tuple {
    /// The range table: `x` has `T` bits.
    pub fn range(x: Linear) -> Self {
        Self::Table {
            x,
            y: Linear::default(),
            kind: Linear::constant(super::tables::RANGE),
        }
    }
}

/// A numerator over a tuple.
#[derive(Clone, Debug)]
pub struct Fraction {
    /// One for what is looked up, minus one for the side that answers.
    pub sign: i64,
    /// Cells whose product, with the sign, is the numerator.
    pub factors: Vec<Cell>,
    /// The denominator.
    pub tuple: Tuple,
}

impl Fraction {
    /// A lookup or a read, on rows where all flags are one.
    pub fn read(flags: impl IntoIterator<Item = Column<Fixed>>, tuple: Tuple) -> Self {
        Self {
            sign: 1,
            factors: flags.into_iter().map(Cell::Fixed).collect(),
            tuple,
        }
    }

    /// The answering side, so many times.
    pub fn write(multiplicity: Cell, tuple: Tuple) -> Self {
        Self {
            sign: -1,
            factors: vec![multiplicity],
            tuple,
        }
    }

    fn numerator(&self) -> Expr {
        let sign = Expression::Constant(field(self.sign));
        self.factors
            .iter()
            .fold(sign, |product, cell| product * cell.expr())
    }

    /// The numerator on a row.
    pub(super) fn numerator_at(&self, sheet: &Sheet, row: usize) -> i64 {
        self.factors.iter().fold(self.sign, |product, &cell| {
            product * Linear::cell(cell).eval(sheet, row)
        })
    }
}

/// Randomness of the lookups.
#[derive(Clone, Copy, Debug)]
pub struct Randomness<T> {
    /// Shifts all tuples.
    pub alpha: T,
    /// Compresses a tuple.
    pub beta: T,
}

impl Randomness<Challenge> {
    fn denominator(&self, tuple: &Tuple) -> Expr {
        let (alpha, beta) = (self.alpha.expr(), self.beta.expr());
        match tuple {
            Tuple::Table { x, y, kind } => {
                let square = beta.clone() * beta.clone();
                alpha + x.expr() + beta * y.expr() + square * kind.expr()
            }
            Tuple::Bus { address, value } => alpha + address.expr() + beta * value.expr(),
        }
    }
}

impl Randomness<Fr> {
    fn denominator(&self, tuple: &Tuple, sheet: &Sheet, row: usize) -> Fr {
        let at = |form: &Linear| field(form.eval(sheet, row));
        match tuple {
            Tuple::Table { x, y, kind } => {
                self.alpha + at(x) + self.beta * (at(y) + self.beta * at(kind))
            }
            Tuple::Bus { address, value } => self.alpha + at(address) + self.beta * at(value),
        }
    }
}

/// Columns and equations of the argument.
#[derive(Clone, Debug)]
pub struct FractionConfig {
    groups: Vec<Vec<Fraction>>,
    helpers: Vec<Column<Advice>>,
    sum: Column<Advice>,
    randomness: Randomness<Challenge>,
}

impl FractionConfig {
    /// Creates the gates. `groups` have at most [`GROUP`] fractions; `running` is one on the rows
    /// `0..last`, `ends` on row 0 and row `last`.
    pub fn configure(
        meta: &mut ConstraintSystem<Fr>,
        running: Column<Fixed>,
        ends: Column<Fixed>,
        randomness: Randomness<Challenge>,
        groups: Vec<(String, Vec<Fraction>)>,
    ) -> Self {
        let helpers: Vec<_> = groups
            .iter()
            .map(|_| meta.advice_column_in(SecondPhase))
            .collect();
        let sum = meta.advice_column_in(SecondPhase);
        meta.create_gate("fractions", |_| {
            groups
                .iter()
                .zip(&helpers)
                .map(|((name, group), helper)| {
                    let constraint = running.cur() * shared(&randomness, helper.cur(), group);
                    (name.clone(), constraint)
                })
                .collect::<Vec<_>>()
        });
        meta.create_gate("fraction sum", |_| {
            let helpers = helpers.iter().map(|helper| helper.cur());
            let step = helpers.fold(sum.next() - sum.cur(), |step, helper| step - helper);
            vec![
                ("running sum", running.cur() * step),
                ("zero at both ends", ends.cur() * sum.cur()),
            ]
        });
        Self {
            groups: groups.into_iter().map(|(_, group)| group).collect(),
            helpers,
            sum,
            randomness,
        }
    }

    /// All lookups and wires.
    pub fn fractions(&self) -> impl Iterator<Item = &Fraction> {
        self.groups.iter().flatten()
    }

    /// Challenges of the argument.
    pub fn randomness(&self) -> Randomness<Challenge> {
        self.randomness
    }

    /// Fills helpers and sum on the rows `0..=last`; returns the sum, zero for an honest witness.
    pub fn assign(
        &self,
        region: &mut Region<'_, Fr>,
        sheet: &Sheet,
        last: usize,
        randomness: Randomness<Fr>,
    ) -> Fr {
        let mut sum = Fr::ZERO;
        region.assign_advice(self.sum, 0, Value::known(sum));
        let batch = CHUNK * rayon::current_num_threads();
        for start in (0..last).step_by(batch) {
            let end = last.min(start + batch);
            let chunks: Vec<Vec<Fr>> = (start..end)
                .into_par_iter()
                .step_by(CHUNK)
                .map(|first| self.helper_values(sheet, first..end.min(first + CHUNK), &randomness))
                .collect();
            let rows = chunks
                .iter()
                .flat_map(|chunk| chunk.chunks(self.helpers.len()));
            for (row, values) in (start..).zip(rows) {
                for (column, value) in self.helpers.iter().zip(values) {
                    if !bool::from(value.is_zero()) {
                        region.assign_advice(*column, row, Value::known(*value));
                        sum += value;
                    }
                }
                region.assign_advice(self.sum, row + 1, Value::known(sum));
            }
        }
        sum
    }

    /// Helpers of some rows, row by row.
    fn helper_values(
        &self,
        sheet: &Sheet,
        rows: std::ops::Range<usize>,
        randomness: &Randomness<Fr>,
    ) -> Vec<Fr> {
        let mut values = vec![Fr::ZERO; rows.len() * self.helpers.len()];
        let (mut slots, mut numerators, mut denominators) = (Vec::new(), Vec::new(), Vec::new());
        let cells = rows.flat_map(|row| self.groups.iter().map(move |group| (row, group)));
        for (slot, (row, group)) in cells.enumerate() {
            for fraction in group {
                let numerator = fraction.numerator_at(sheet, row);
                if numerator != 0 {
                    slots.push(slot);
                    numerators.push(numerator);
                    denominators.push(randomness.denominator(&fraction.tuple, sheet, row));
                }
            }
        }
        denominators.batch_invert();
        for ((slot, numerator), inverse) in slots.into_iter().zip(numerators).zip(denominators) {
            values[slot] += match numerator {
                1 => inverse,
                _ => inverse * field(numerator),
            };
        }
        values
    }
}

const CHUNK: usize = 1 << 8;

/// `h * product of d - sum of n_i * product of the other d`.
fn shared(randomness: &Randomness<Challenge>, helper: Expr, group: &[Fraction]) -> Expr {
    let denominators: Vec<Expr> = group
        .iter()
        .map(|fraction| randomness.denominator(&fraction.tuple))
        .collect();
    let left = denominators
        .iter()
        .fold(helper, |left, denominator| left * denominator.clone());
    group.iter().enumerate().fold(left, |rest, (i, fraction)| {
        let others = denominators.iter().enumerate().filter(|&(j, _)| j != i);
        let term = others.fold(fraction.numerator(), |term, (_, d)| term * d.clone());
        rest - term
    })
}
