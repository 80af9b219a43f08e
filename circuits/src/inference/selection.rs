//! Selections: rows of a matrix chosen by indices, without a comparison for each of its rows.
//!
//! An embedding `Y[p, o] = E[i_p, o]` is the product of `E` with a matrix that has a single one in
//! each row. That matrix is never written down: all that the product needs of it is
//!
//! ```text
//! v_k = sum over p with i_p = k of s^p
//! ```
//!
//! committed in the second phase like any vector (see [`super::contraction`]), and tied to the
//! indices by poles in `gamma`:
//!
//! ```text
//! sum over p of s^p / (gamma + id + z i_p)  =  sum over k of v_k / (gamma + id + z k)
//! ```
//!
//! Both sides run into the sum of the claims, whose poles are at `gamma + id` of other numbers; `z`
//! keeps the poles of an index apart from all others, whatever the index is. So an index that names
//! no row has a pole that nothing cancels.
//!
//! | column | phase | on the row of `p` |
//! |---|---|---|
//! | `i` | 1 | the index, as the bus has it |
//! | `x` | 3 | `s^p / (gamma + id + z i_p)` |
//!
//! The right side has no column of its own: there the coefficient of `v` in a contraction is
//! `ev_k = 1 / (gamma + id + z k)`.

use ff::{BatchInvert, Field};
use halo2_proofs::plonk::{
    Advice, Challenge, Column, ConstraintSystem, Expression, FirstPhase, Fixed, ThirdPhase,
};
use halo2curves::bn256::Fr;

use super::claim::Points;
use super::fraction::{Fraction, Tuple};
use super::linear::{Cell, Linear};

type Expr = Expression<Fr>;

/// Indices, and where they are read.
#[derive(Clone, Copy, Debug)]
pub struct IndexConfig {
    /// The index.
    pub index: Column<Advice>,
    /// One on the rows of a selection.
    pub active: Column<Fixed>,
    /// Address that the index is read from.
    pub address: Column<Fixed>,
}

impl IndexConfig {
    /// Allocates the column of the first phase and its wire's.
    pub fn allocate(meta: &mut ConstraintSystem<Fr>) -> Self {
        Self {
            index: meta.advice_column_in(FirstPhase),
            active: meta.fixed_column(),
            address: meta.fixed_column(),
        }
    }

    /// The wire that brings the index.
    pub fn wire(&self) -> Fraction {
        let address = Linear::cell(Cell::Fixed(self.address));
        let value = Linear::cell(Cell::Advice(self.index));
        Fraction::read([self.active], Tuple::Bus { address, value })
    }
}

/// Columns of the selections.
#[derive(Clone, Copy, Debug)]
pub struct SelectionConfig {
    /// Indices.
    pub indices: IndexConfig,
    /// `x`.
    pub term: Column<Advice>,
    /// One on the first row of a selection.
    pub start: Column<Fixed>,
    /// One where the next row belongs to the same selection.
    pub more: Column<Fixed>,
    /// Number of the identity.
    pub id: Column<Fixed>,
    /// One where the next row belongs to the same contraction, whose left operand is a selection.
    pub next: Column<Fixed>,
    /// Number of the row of the matrix that the contraction's next row stands for.
    pub key: Column<Fixed>,
}

impl SelectionConfig {
    /// Allocates the rest.
    pub fn allocate(meta: &mut ConstraintSystem<Fr>, indices: IndexConfig) -> Self {
        Self {
            indices,
            term: meta.advice_column_in(ThirdPhase),
            start: meta.fixed_column(),
            more: meta.fixed_column(),
            id: meta.fixed_column(),
            next: meta.fixed_column(),
            key: meta.fixed_column(),
        }
    }

    /// Creates the gate of the terms.
    pub fn configure(&self, meta: &mut ConstraintSystem<Fr>, points: &Points<Challenge>) {
        let (x, i) = (self.term, self.indices.index);
        let (z, s) = (points.inner.expr(), points.position.expr());
        let pole = |id: Expr, index: Expr| points.gamma.expr() + id + z.clone() * index;
        meta.create_gate("selection", |_| {
            let here = x.cur() * pole(self.id.cur(), i.cur());
            let next = x.next() * pole(self.id.next(), i.next());
            let one = Expression::Constant(Fr::ONE);
            vec![
                ("first term", self.start.cur() * (here.clone() - one)),
                ("next term", self.more.cur() * (next - s * here)),
            ]
        });
    }

    /// `ev' (gamma + id + z key) - 1` where the next row of a contraction selects; `weight` is
    /// `gamma + id`.
    pub fn coefficient(
        &self,
        coefficient: Column<Advice>,
        weight: Expr,
        points: &Points<Challenge>,
    ) -> Expr {
        let pole = weight + points.inner.expr() * self.key.cur();
        let one = Expression::Constant(Fr::ONE);
        self.next.cur() * (coefficient.next() * pole - one)
    }

    /// What a row adds to the sum.
    pub fn contribution(&self) -> Expr {
        self.indices.active.cur() * self.term.cur()
    }
}

/// `v`: at each row of the matrix, the sum of `s^p` over the indices `i_p` that choose it.
pub fn vector(indices: &[i64], rows: usize, position: Fr) -> Vec<Fr> {
    let mut vector = vec![Fr::ZERO; rows];
    let mut power = Fr::ONE;
    for &index in indices {
        let chosen = usize::try_from(index)
            .ok()
            .and_then(|index| vector.get_mut(index));
        if let Some(chosen) = chosen {
            *chosen += power;
        }
        power *= position;
    }
    vector
}

/// `1 / (gamma + id + z i)` for each `i`.
pub fn poles(points: &Points<Fr>, id: usize, indices: impl Iterator<Item = Fr>) -> Vec<Fr> {
    let first = points.gamma + Fr::from(id as u64);
    let mut poles: Vec<Fr> = indices.map(|index| first + points.inner * index).collect();
    poles.batch_invert();
    poles
}
