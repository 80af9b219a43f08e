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
use rayon::prelude::*;

use super::claim::{Axis, Points};
use super::linear::{field, power};
use super::plan::layout::{ClaimPlan, ContractionPlan};
use super::selection::SelectionConfig;
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
        selection: Option<&SelectionConfig>,
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
            // The rows of a selection have coefficients of their own.
            let next_channel = match selection {
                Some(selection) => next_channel - selection.next.cur(),
                None => next_channel,
            };
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
            if let Some(selection) = selection {
                constraints.push((
                    "next coefficient of a selected v".to_owned(),
                    selection.coefficient(ev, weight(1), points),
                ));
            }
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

/// Integers of an operand's matrix, each row filled up with zeros to whole rows of lanes.
#[derive(Clone, Debug)]
pub struct Operand {
    /// Row by row.
    pub values: Vec<i64>,
    /// Length of a row.
    pub width: usize,
}

impl Operand {
    /// The vector of a contraction: the claim's polynomial at its challenge, for each value of the
    /// inner index.
    pub fn vector(&self, claim: &ClaimPlan, points: &Points<Fr>) -> Vec<Fr> {
        let outer = match claim.slow {
            Axis::Inner => points.of(claim.fast),
            _ => points.of(claim.slow),
        };
        let power = |exponent: usize| outer.pow_vartime([exponent as u64]);
        if claim.slow == Axis::Inner {
            let rows = self.values.par_chunks(self.width.max(1));
            return rows
                .map(|row| {
                    let values = row.iter().rev();
                    values.fold(Fr::ZERO, |sum, &value| sum * outer + field(value))
                })
                .collect();
        }
        let rows: Vec<&[i64]> = self.values.chunks(self.width.max(1)).collect();
        let powers: Vec<Fr> = (0..rows.len()).map(power).collect();
        (0..claim.matrix.columns)
            .into_par_iter()
            .map(|k| {
                let terms = rows.iter().zip(&powers);
                terms.map(|(row, power)| field(row[k]) * power).sum()
            })
            .collect()
    }
}

/// The result of a contraction, its rows filled up to whole rows of lanes.
pub fn multiply(
    plan: &ContractionPlan,
    claim: &ClaimPlan,
    left: &Operand,
    right: &Operand,
) -> Vec<i64> {
    let matrix = &plan.result.matrix;
    let width = matrix.lane_rows() * matrix.lanes;
    let mut result = vec![0i64; matrix.rows * width];
    let rows = result.par_chunks_mut(width.max(1)).enumerate();
    if claim.fast == Axis::Position {
        let length = claim.matrix.columns;
        rows.for_each(|(output, row)| convolve(plan, length, left, right, output, row));
    } else {
        let by_inner = plan.right.slow == Axis::Inner;
        rows.for_each(|(p, row)| {
            let left = &left.values[p * left.width..][..plan.channels];
            for (n, value) in row.iter_mut().enumerate().take(matrix.columns) {
                if !by_inner {
                    let right = &right.values[n * right.width..][..plan.channels];
                    *value = left.iter().zip(right).map(|(a, b)| a * b).sum();
                }
            }
            if by_inner {
                for (k, a) in left.iter().enumerate() {
                    let right = &right.values[k * right.width..][..matrix.columns];
                    for (value, b) in row.iter_mut().zip(right) {
                        *value += a * b;
                    }
                }
            }
        });
    }
    result
}

/// One output channel: the sum of shifted and scaled rasters.
fn convolve(
    plan: &ContractionPlan,
    length: usize,
    left: &Operand,
    right: &Operand,
    output: usize,
    row: &mut [i64],
) {
    let per_channel = plan.offsets.len();
    for k in 0..plan.rows() {
        let weight = right.values[k * right.width + output];
        if weight == 0 {
            continue;
        }
        let raster = &left.values[k / per_channel * left.width..][..length];
        // Column `c` of the raster adds to column `c + offset - shift` of the result.
        let offset = i64::from(plan.offsets[k % per_channel]) - i64::from(plan.shift);
        let skip = usize::try_from(-offset).unwrap_or(0);
        let start = usize::try_from(offset).unwrap_or(0);
        let source = raster.iter().skip(skip);
        for (value, pixel) in row.iter_mut().skip(start).zip(source) {
            *value += weight * pixel;
        }
    }
}
