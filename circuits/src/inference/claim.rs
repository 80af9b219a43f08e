//! Claims: a matrix in the lanes, evaluated at random points.
//!
//! A matrix of `R` rows and `C` columns stands in lanes, `L` a row of the circuit, each matrix row
//! filled up to whole rows. Its claim is
//!
//! ```text
//! sum over i, j of g^i f^j M[i, j]
//! ```
//!
//! for a *fast* challenge `f` and a *slow* challenge `g`. A *channel* carries the coefficient of
//! each row's first lane, `e`, and that of the matrix row, `d`:
//!
//! ```text
//! first row of a claim:       e (gamma + id) = 1,   d = e
//! next row, same matrix row:  e' = f^L e,           d' = d
//! next row, next matrix row:  d' = g d,             e' = d'
//! ```
//!
//! All claims, and the products they enter (see [`super::contraction`]), run into one sum
//!
//! ```text
//! S' = S + sum over channels of e (sum over j of f^j lane_j) - sum of products' terms
//! ```
//!
//! that is zero at both ends. With `w(id) = 1 / (gamma + id)` linearly independent, the sum
//! vanishes for a random `gamma` only if each identity does by itself.

use ff::Field;
use halo2_proofs::plonk::{
    Advice, Challenge, Column, ConstraintSystem, Expression, Fixed, ThirdPhase,
};
use halo2curves::bn256::Fr;

type Expr = Expression<Fr>;

/// Which challenge weighs an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Axis {
    /// Columns of a result: `r`, after the first phase.
    Column,
    /// Rows of a result, or positions in a raster: `s`, after the first phase.
    Position,
    /// The inner index of a contraction: `z`, after the second phase.
    Inner,
}

/// Randomness of the claims.
#[derive(Clone, Copy, Debug)]
pub struct Points<T> {
    /// `r`.
    pub column: T,
    /// `s`.
    pub position: T,
    /// `z`.
    pub inner: T,
    /// Tells identities apart.
    pub gamma: T,
}

impl<T: Copy> Points<T> {
    /// The challenge of an axis.
    pub fn of(&self, axis: Axis) -> T {
        match axis {
            Axis::Column => self.column,
            Axis::Position => self.position,
            Axis::Inner => self.inner,
        }
    }
}

/// Columns of a channel over a group of lanes.
#[derive(Clone, Debug)]
pub struct Channel {
    /// Coefficient of the row's first lane, `e`.
    pub coefficient: Column<Advice>,
    /// Coefficient of the matrix row, `d`.
    pub row_coefficient: Column<Advice>,
    /// One on the first row of a claim.
    pub start: Column<Fixed>,
    /// Number of the identity that the claim enters.
    pub id: Column<Fixed>,
    /// One where the next row goes on in the same matrix row.
    pub same: Column<Fixed>,
    /// One where the row's lanes count, by the challenge of the columns.
    pub fast: Vec<(Axis, Column<Fixed>)>,
    /// One where the next row opens a matrix row, by the challenge of the rows.
    pub slow: Vec<(Axis, Column<Fixed>)>,
}

impl Channel {
    /// Allocates the columns of a channel for matrices with these axes.
    pub fn allocate(meta: &mut ConstraintSystem<Fr>, fast: &[Axis], slow: &[Axis]) -> Self {
        let coefficient = meta.advice_column_in(ThirdPhase);
        let row_coefficient = meta.advice_column_in(ThirdPhase);
        let mut flags = |axes: &[Axis]| {
            axes.iter()
                .map(|&axis| (axis, meta.fixed_column()))
                .collect::<Vec<_>>()
        };
        let (fast, slow) = (flags(fast), flags(slow));
        Self {
            coefficient,
            row_coefficient,
            start: meta.fixed_column(),
            id: meta.fixed_column(),
            same: meta.fixed_column(),
            fast,
            slow,
        }
    }

    /// Creates the gates of the coefficients for `lanes` lanes.
    pub fn configure(
        &self,
        meta: &mut ConstraintSystem<Fr>,
        name: &str,
        lanes: usize,
        points: &Points<Challenge>,
    ) {
        let one = Expression::Constant(Fr::ONE);
        let (e, d) = (self.coefficient, self.row_coefficient);
        meta.create_gate(format!("claims of {name}"), |_| {
            let weight = points.gamma.expr() + self.id.cur();
            let mut constraints = vec![
                (
                    "first coefficient".to_owned(),
                    self.start.cur() * (e.cur() * weight - one),
                ),
                (
                    "first row coefficient".to_owned(),
                    self.start.cur() * (d.cur() - e.cur()),
                ),
                (
                    "same matrix row".to_owned(),
                    self.same.cur() * (d.next() - d.cur()),
                ),
            ];
            for &(axis, flag) in &self.fast {
                let step = super::linear::power(&points.of(axis).expr(), lanes as u32);
                let next = e.next() - e.cur() * step;
                constraints.push((
                    format!("on along {axis:?}"),
                    self.same.cur() * flag.cur() * next,
                ));
            }
            for &(axis, flag) in &self.slow {
                let next = d.next() - d.cur() * points.of(axis).expr();
                constraints.push((format!("next along {axis:?}"), flag.cur() * next));
                constraints.push((
                    format!("row opens along {axis:?}"),
                    flag.cur() * (e.next() - d.next()),
                ));
            }
            constraints
        });
    }

    /// What a row adds to the sum: `e (sum over j of f^j lane_j)`; lanes of degree at most 2.
    pub fn contribution(&self, lanes: &[Expr], points: &Points<Challenge>) -> Expr {
        let zero = Expression::Constant(Fr::ZERO);
        let terms = self.fast.iter().map(|&(axis, flag)| {
            let f = points.of(axis).expr();
            let horner = lanes
                .iter()
                .rev()
                .cloned()
                .reduce(|sum, lane| sum * f.clone() + lane);
            flag.cur() * horner.unwrap_or(zero.clone())
        });
        let sum = terms.reduce(|a, b| a + b);
        self.coefficient.cur() * sum.unwrap_or(zero)
    }
}
