//! Contractions: products of claims along an inner index.
//!
//! A contraction `Y = A B` with inner index `k` is proved by vectors that are committed in the
//! second phase, when `r` and `s` are known, and tied to their matrices by claims at `z`, known
//! after that:
//!
//! ```text
//! v_k = sum over p of s^p A[p, k],      u_k = sum over o of r^o B[k, o]
//! sum over p, o of s^p r^o Y[p, o] = sum over k of u_k v_k
//! ```
//!
//! A convolution is the same with polynomials: rows of `A` are channels, its columns the positions
//! of a raster; each channel has a row for each offset of the kernel,
//!
//! ```text
//! v_c = sum over positions of s^position X[c, position]
//! s^shift sum over o, position of r^o s^position Y[o, position]
//!     = sum over c and offsets of s^offset u_(c, offset) v_c
//! ```
//!
//! The full product is committed, border included: `Y` and its raster are as long as the product.
//!
//! | column | phase | |
//! |---|---|---|
//! | `u`, `v` | 2 | the vectors; `v` is repeated over the offsets of a channel |
//! | `eu`, `ev` | 3 | `w(id) z^k` |
//! | `ep` | 3 | `w(id) s^(offset - shift)` |

use ff::Field;
use halo2_proofs::plonk::{
    Advice, Challenge, Column, ConstraintSystem, Expression, Fixed, SecondPhase, ThirdPhase,
};
use halo2curves::bn256::Fr;

use super::claim::Points;
use super::linear::power;
use super::shape::Shape;

type Expr = Expression<Fr>;

/// Columns of the contractions.
#[derive(Clone, Debug)]
pub struct ContractionConfig {
    /// Vector of the right operand.
    pub right: Column<Advice>,
    /// Vector of the left operand.
    pub left: Column<Advice>,
    /// Coefficient of `u` in its claim.
    pub right_coefficient: Column<Advice>,
    /// Coefficient of `v` in its claim.
    pub left_coefficient: Column<Advice>,
    /// Coefficient of the product.
    pub product_coefficient: Column<Advice>,
    /// One on the rows of a contraction.
    pub active: Column<Fixed>,
    /// One on the first row of a contraction.
    pub start: Column<Fixed>,
    /// One where the next row belongs to the same contraction.
    pub more: Column<Fixed>,
    /// One where the next row belongs to the same channel, that is, repeats `v`.
    pub repeat: Column<Fixed>,
    /// One on the first row of each channel.
    pub opens: Column<Fixed>,
    /// Number of the identity of the right operand's claim; the left one's is one more, that of
    /// the result two more.
    pub id: Column<Fixed>,
    /// One on the first row of a channel whose result is shifted by the power at that index.
    pub shifts: Vec<Column<Fixed>>,
    /// One where the next row's offset is larger by the power at that index.
    pub steps: Vec<Column<Fixed>>,
}

impl ContractionConfig {
    /// Allocates the columns of the second phase and the fixed ones.
    pub fn vectors(meta: &mut ConstraintSystem<Fr>) -> [Column<Advice>; 2] {
        std::array::from_fn(|_| meta.advice_column_in(SecondPhase))
    }

    /// Allocates the rest.
    pub fn allocate(
        meta: &mut ConstraintSystem<Fr>,
        [right, left]: [Column<Advice>; 2],
        shape: &Shape,
    ) -> Self {
        let [right_coefficient, left_coefficient, product_coefficient] =
            std::array::from_fn(|_| meta.advice_column_in(ThirdPhase));
        let mut fixed = || meta.fixed_column();
        Self {
            right,
            left,
            right_coefficient,
            left_coefficient,
            product_coefficient,
            active: fixed(),
            start: fixed(),
            more: fixed(),
            repeat: fixed(),
            opens: fixed(),
            id: fixed(),
            shifts: shape.shifts.iter().map(|_| fixed()).collect(),
            steps: shape.steps.iter().map(|_| fixed()).collect(),
        }
    }

    /// Creates the gates of the coefficients.
    pub fn configure(
        &self,
        meta: &mut ConstraintSystem<Fr>,
        shape: &Shape,
        points: &Points<Challenge>,
    ) {
        let one = || Expression::Constant(Fr::ONE);
        let weight = |offset: u64| {
            points.gamma.expr() + self.id.cur() + Expression::Constant(Fr::from(offset))
        };
        let [eu, ev, ep] = [
            self.right_coefficient,
            self.left_coefficient,
            self.product_coefficient,
        ];
        let z = points.inner.expr();
        let s = points.position.expr();
        meta.create_gate("contraction", |_| {
            let next_channel = self.more.cur() - self.repeat.cur();
            let mut constraints = vec![
                (
                    "first coefficient of u".to_owned(),
                    self.start.cur() * (eu.cur() * weight(0) - one()),
                ),
                (
                    "next coefficient of u".to_owned(),
                    self.more.cur() * (eu.next() - eu.cur() * z.clone()),
                ),
                (
                    "first coefficient of v".to_owned(),
                    self.start.cur() * (ev.cur() * weight(1) - one()),
                ),
                (
                    "next coefficient of v".to_owned(),
                    next_channel * (ev.next() - ev.cur() * z),
                ),
                (
                    "same coefficient of v".to_owned(),
                    self.repeat.cur() * (ev.next() - ev.cur()),
                ),
                (
                    "same v".to_owned(),
                    self.repeat.cur() * (self.left.next() - self.left.cur()),
                ),
            ];
            for (&exponent, flag) in shape.shifts.iter().zip(&self.shifts) {
                let first = ep.cur() * weight(2) * power(&s, exponent) - one();
                constraints.push((
                    format!("first coefficient of the product, shifted by {exponent}"),
                    flag.cur() * first,
                ));
            }
            for (&exponent, flag) in shape.steps.iter().zip(&self.steps) {
                let next = ep.next() - ep.cur() * power(&s, exponent);
                constraints.push((
                    format!("next coefficient of the product, on by {exponent}"),
                    flag.cur() * next,
                ));
            }
            constraints
        });
    }

    /// What a row takes from the sum.
    pub fn contribution(&self) -> Expr {
        let (u, v) = (self.right.cur(), self.left.cur());
        self.active.cur()
            * (self.right_coefficient.cur() * u.clone()
                + self.opens.cur() * self.left_coefficient.cur() * v.clone()
                + self.product_coefficient.cur() * u * v)
    }
}
