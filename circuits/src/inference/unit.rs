//! Units: one integer step each, with its rounding and its table.
//!
//! A unit takes wide integers `a` and `b`, forms
//!
//! ```text
//! pre = ca a + cb b + c0            or    a b
//! ```
//!
//! and ends in one of three ways, chosen by the row:
//!
//! ```text
//! requantize:  pre m + 2^(2T-1) = 2^(2T) q + 2^T high + low,   low, high of T bits
//! exact:       pre m = q
//! divide:      pre m = q b + low,   high = b - 1 - low,        low, high of T bits
//! ```
//!
//! In all of them `(q, out)` is an entry of the row's function table. Ranges make the equations
//! hold over the integers: each side is below `2^(48+48+32)`, far from the field's modulus.
//!
//! `a` and `b` are read from the bus, or `a` is a contraction's result (see [`super::claim`]);
//! `out` goes to the bus. `a` and `b` are stored plus the wide offset, `q` and `out` plus
//! `2^(T-1)`. Units stand side by side in lanes; a lane that is not `active` on a row has no
//! constraint there.

use ff::Field;
use halo2_proofs::plonk::{Advice, Column, ConstraintSystem, Expression, FirstPhase, Fixed};
use halo2curves::bn256::Fr;

use super::fraction::{Fraction, Tuple};
use super::linear::{Cell, Linear, field};
use super::shape::Shape;

type Expr = Expression<Fr>;

/// Columns of one lane.
#[derive(Clone, Copy, Debug)]
pub struct UnitLane {
    /// First operand.
    pub a: Column<Advice>,
    /// Second operand.
    pub b: Column<Advice>,
    /// Argument of the function table.
    pub quotient: Column<Advice>,
    /// Low piece of the remainder.
    pub low: Column<Advice>,
    /// High piece of the remainder; of a division, the distance from the divisor.
    pub high: Column<Advice>,
    /// The result.
    pub out: Column<Advice>,
    /// One where the lane has a unit.
    pub active: Column<Fixed>,
    /// Address that `a` is read from.
    pub address_a: Column<Fixed>,
    /// Address that `b` is read from.
    pub address_b: Column<Fixed>,
    /// How often the result is read.
    pub reads: Column<Fixed>,
}

/// Columns that all lanes of a row share.
#[derive(Clone, Copy, Debug)]
pub struct UnitRow {
    /// `m`.
    pub multiplier: Column<Advice>,
    /// One if the row requantizes.
    pub requantize: Column<Fixed>,
    /// One if the row is exact.
    pub exact: Column<Fixed>,
    /// One if the row divides.
    pub divide: Column<Fixed>,
    /// One if `pre` is the product.
    pub product: Column<Fixed>,
    /// `ca`.
    pub factor_a: Column<Fixed>,
    /// `cb`.
    pub factor_b: Column<Fixed>,
    /// `c0`.
    pub constant: Column<Fixed>,
    /// Kind of the function table.
    pub table: Column<Fixed>,
    /// One if `a` is read from the bus.
    pub read_a: Column<Fixed>,
    /// One if `b` is read from the bus.
    pub read_b: Column<Fixed>,
    /// One if `m` is read from the bus.
    pub read_multiplier: Column<Fixed>,
    /// Address that `m` is read from.
    pub multiplier_address: Column<Fixed>,
    /// One if `m` is the architecture's constant.
    pub fixed_multiplier: Column<Fixed>,
    /// That constant.
    pub multiplier_value: Column<Fixed>,
    /// Address of the first lane's result.
    pub base: Column<Fixed>,
}

/// All units.
#[derive(Clone, Debug)]
pub struct UnitConfig {
    /// Lanes.
    pub lanes: Vec<UnitLane>,
    /// Shared columns.
    pub row: UnitRow,
}

impl UnitConfig {
    /// Allocates the columns; no gates yet.
    pub fn allocate(meta: &mut ConstraintSystem<Fr>, lanes: usize) -> Self {
        let mut advice = || meta.advice_column_in(FirstPhase);
        let advices: Vec<[Column<Advice>; 6]> = (0..lanes)
            .map(|_| std::array::from_fn(|_| advice()))
            .collect();
        let multiplier = advice();
        let lanes = advices
            .into_iter()
            .map(|[a, b, quotient, low, high, out]| {
                let [active, address_a, address_b, reads] =
                    std::array::from_fn(|_| meta.fixed_column());
                UnitLane {
                    a,
                    b,
                    quotient,
                    low,
                    high,
                    out,
                    active,
                    address_a,
                    address_b,
                    reads,
                }
            })
            .collect();
        let mut fixed = || meta.fixed_column();
        let row = UnitRow {
            multiplier,
            requantize: fixed(),
            exact: fixed(),
            divide: fixed(),
            product: fixed(),
            factor_a: fixed(),
            factor_b: fixed(),
            constant: fixed(),
            table: fixed(),
            read_a: fixed(),
            read_b: fixed(),
            read_multiplier: fixed(),
            multiplier_address: fixed(),
            fixed_multiplier: fixed(),
            multiplier_value: fixed(),
            base: fixed(),
        };
        Self { lanes, row }
    }

    /// Creates the gates.
    pub fn configure(&self, meta: &mut ConstraintSystem<Fr>, shape: &Shape) {
        let row = &self.row;
        meta.create_gate("unit multiplier", |_| {
            let difference = row.multiplier.cur() - row.multiplier_value.cur();
            vec![("constant", row.fixed_multiplier.cur() * difference)]
        });
        meta.create_gate("unit", |_| {
            let mut constraints = Vec::new();
            for (j, lane) in self.lanes.iter().enumerate() {
                constraints.push((format!("step of lane {j}"), self.step(shape, lane)));
                if shape.division {
                    constraints.push((
                        format!("divisor above remainder in lane {j}"),
                        self.distance(shape, lane),
                    ));
                }
            }
            constraints
        });
    }

    fn step(&self, shape: &Shape, lane: &UnitLane) -> Expr {
        let row = &self.row;
        let [a, b] = [lane.a, lane.b].map(|c| wide(shape, c).expr());
        let q = quotient(shape, lane).expr();
        let linear =
            row.factor_a.cur() * a.clone() + row.factor_b.cur() * b.clone() + row.constant.cur();
        let pre = (row.product.cur() * a * b.clone() + linear) * row.multiplier.cur();
        let t = shape.table_bits;
        let rounded = Expression::Constant(field(1i64 << (2 * t - 1)))
            - q.clone() * Fr::from(1u64 << (2 * t))
            - lane.high.cur() * Fr::from(1u64 << t)
            - lane.low.cur();
        let mut rest = row.requantize.cur() * rounded - row.exact.cur() * q.clone();
        if shape.division {
            rest = rest - row.divide.cur() * (q * b + lane.low.cur());
        }
        lane.active.cur() * (pre + rest)
    }

    fn distance(&self, shape: &Shape, lane: &UnitLane) -> Expr {
        let b = wide(shape, lane.b).expr();
        let one = Expression::Constant(Fr::ONE);
        let distance = b - one - lane.low.cur() - lane.high.cur();
        lane.active.cur() * self.row.divide.cur() * distance
    }

    /// Lookups and wires of all lanes, in groups that share a helper.
    pub fn fractions(&self, shape: &Shape) -> Vec<(String, Vec<Fraction>)> {
        let row = &self.row;
        let cell = |column| Linear::cell(Cell::Advice(column));
        let mut groups = Vec::new();
        for (j, lane) in self.lanes.iter().enumerate() {
            let table = Tuple::Table {
                x: cell(lane.quotient),
                y: cell(lane.out),
                kind: Linear::cell(Cell::Fixed(row.table)),
            };
            let lookups = [
                table,
                Tuple::range(cell(lane.low)),
                Tuple::range(cell(lane.high)),
            ];
            let lookups = lookups.map(|tuple| Fraction::read([lane.active], tuple));
            groups.push((format!("lookups of unit {j}"), lookups.to_vec()));
            let read = |flag, address, value| {
                let address = Linear::cell(Cell::Fixed(address));
                let value = wide(shape, value);
                Fraction::read([lane.active, flag], Tuple::Bus { address, value })
            };
            let result = Tuple::Bus {
                address: Linear::cell(Cell::Fixed(row.base)).plus_constant(j as i64),
                value: out(shape, lane),
            };
            groups.push((
                format!("wires of unit {j}"),
                vec![
                    read(row.read_a, lane.address_a, lane.a),
                    read(row.read_b, lane.address_b, lane.b),
                    Fraction::write(Cell::Fixed(lane.reads), result),
                ],
            ));
        }
        groups
    }

    /// The wire that brings `m`.
    pub fn multiplier_wire(&self) -> Fraction {
        let address = Linear::cell(Cell::Fixed(self.row.multiplier_address));
        let value = Linear::cell(Cell::Advice(self.row.multiplier));
        Fraction::read([self.row.read_multiplier], Tuple::Bus { address, value })
    }
}

/// The integer behind a wide cell.
pub fn wide(shape: &Shape, column: Column<Advice>) -> Linear {
    Linear::offset(Cell::Advice(column), shape.wide_offset())
}

/// `q` of a lane.
pub fn quotient(shape: &Shape, lane: &UnitLane) -> Linear {
    Linear::offset(Cell::Advice(lane.quotient), shape.unit_offset())
}

/// The result of a lane.
pub fn out(shape: &Shape, lane: &UnitLane) -> Linear {
    Linear::offset(Cell::Advice(lane.out), shape.unit_offset())
}
