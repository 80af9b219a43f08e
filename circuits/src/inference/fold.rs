//! Folds: the maximum or the sum of values that stand below one another.
//!
//! A lane reads `x` from the bus on each row; `t` folds from the last row up to the first:
//!
//! ```text
//! start:  t = x
//! sum:    t = t' + x                                   (t' is the next row's)
//! max:    (t - x) (t - t') = 0,   t - x and t - t' of T bits
//! ```
//!
//! The first row's `t` goes to the bus. `x` and `t` are stored plus the wide offset.

use halo2_proofs::plonk::{Advice, Column, ConstraintSystem, FirstPhase, Fixed};
use halo2curves::bn256::Fr;

use super::fraction::{Fraction, Tuple};
use super::linear::{Cell, Linear};
use super::shape::Shape;
use super::unit::wide;

/// Columns of one lane.
#[derive(Clone, Copy, Debug)]
pub struct FoldLane {
    /// What is folded.
    pub x: Column<Advice>,
    /// The fold so far.
    pub total: Column<Advice>,
    /// One where the lane has a fold.
    pub active: Column<Fixed>,
    /// Address that `x` is read from.
    pub address: Column<Fixed>,
    /// How often the total is read; zero but on first rows.
    pub reads: Column<Fixed>,
}

/// All folds.
#[derive(Clone, Debug)]
pub struct FoldConfig {
    /// Lanes.
    pub lanes: Vec<FoldLane>,
    /// One on the last row of a fold.
    pub start: Column<Fixed>,
    /// One on the other rows of a sum.
    pub sum: Column<Fixed>,
    /// One on the other rows of a maximum.
    pub max: Column<Fixed>,
    /// Address of the first lane's total.
    pub base: Column<Fixed>,
}

impl FoldConfig {
    /// Allocates the columns; no gates yet.
    pub fn allocate(meta: &mut ConstraintSystem<Fr>, lanes: usize) -> Self {
        let advices: Vec<[Column<Advice>; 2]> = (0..lanes)
            .map(|_| std::array::from_fn(|_| meta.advice_column_in(FirstPhase)))
            .collect();
        let mut fixed = || meta.fixed_column();
        let lanes = advices
            .into_iter()
            .map(|[x, total]| FoldLane {
                x,
                total,
                active: fixed(),
                address: fixed(),
                reads: fixed(),
            })
            .collect();
        Self {
            lanes,
            start: fixed(),
            sum: fixed(),
            max: fixed(),
            base: fixed(),
        }
    }

    /// Creates the gates.
    pub fn configure(&self, meta: &mut ConstraintSystem<Fr>, shape: &Shape) {
        if self.lanes.is_empty() {
            return;
        }
        meta.create_gate("fold", |_| {
            let mut constraints = Vec::new();
            for (j, lane) in self.lanes.iter().enumerate() {
                let x = wide(shape, lane.x).expr();
                let total = wide(shape, lane.total).expr();
                let next = lane.total.next();
                let above_x = lane.total.cur() - lane.x.cur();
                let above_next = lane.total.cur() - next.clone();
                let active = lane.active.cur();
                let rule = self.start.cur() * (total - x.clone())
                    + self.sum.cur() * (above_next.clone() - x)
                    + self.max.cur() * above_x * above_next;
                constraints.push((format!("step of fold {j}"), active * rule));
            }
            constraints
        });
    }

    /// Lookups and wires of all lanes.
    pub fn fractions(&self, shape: &Shape) -> (Vec<(String, Vec<Fraction>)>, Vec<Fraction>) {
        let (mut groups, mut writes) = (Vec::new(), Vec::new());
        for (j, lane) in self.lanes.iter().enumerate() {
            let total = Linear::cell(Cell::Advice(lane.total));
            let above_x = total.clone().plus(-1, Cell::Advice(lane.x));
            let above_next = total.plus(-1, Cell::NextAdvice(lane.total));
            let read = Tuple::Bus {
                address: Linear::cell(Cell::Fixed(lane.address)),
                value: wide(shape, lane.x),
            };
            groups.push((
                format!("lookups of fold {j}"),
                vec![
                    Fraction::read([lane.active], read),
                    Fraction::read([lane.active, self.max], Tuple::range(above_x)),
                    Fraction::read([lane.active, self.max], Tuple::range(above_next)),
                ],
            ));
            let result = Tuple::Bus {
                address: Linear::cell(Cell::Fixed(self.base)).plus_constant(j as i64),
                value: wide(shape, lane.total),
            };
            writes.push(Fraction::write(Cell::Fixed(lane.reads), result));
        }
        (groups, writes)
    }
}
