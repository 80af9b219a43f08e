//! Seals: inputs or outputs that stay hidden behind a salted digest ([`crate::seal`]).
//!
//! A seal is a chain of blocks of 15 rows. Values stand one below the other and are on the bus as
//! public ones would be; columns `A`, `B` are a permutation for each block ([`crate::poseidon2`]).
//! The first block's only value is the salt, which nothing binds.
//!
//! | column | phase | on row `j` of a block |
//! |---|---|---|
//! | `value` | 1 | value `j + 1` of the block, plus the wide offset; the salt; zero |
//! | `A`, `B` | 1 | the permutation of `(h, m_0, .., m_14)` |
//! | `h` | 1 | the chain's value before the block |
//! | `acc` | 2 | `acc = m + r acc'`, with `r` drawn after the first phase |
//!
//! ```text
//! first row of a block:  acc = sum over j of r^j lane_{j+1},   lane_0 = h
//! last row:              h' = h + output_0;   of the seal: h + output_0 is in the instance
//! first row of a seal:   the number of its values is in the instance
//! ```
//!
//! A hidden input's range is the circuit's to check, because no verifier sees it: two lookups, of
//! the distance to each end. Degree 5.

use ff::Field;
use halo2_proofs::{
    circuit::{Region, Value},
    plonk::{
        Advice, Challenge, Column, ConstraintSystem, Expression, FirstPhase, Fixed, Instance,
        SecondPhase,
    },
};
use halo2curves::bn256::Fr;
use rand_core::{CryptoRng, RngCore};

use super::fraction::{Fraction, Tuple};
use super::linear::{Cell, Linear, field};
use super::shape::Shape;
use super::unit::wide;
use crate::poseidon2::{BLOCK_ROWS, BlockTrace, GROUP, Poseidon2Config};
use crate::seal::{blocks, start, tag};

type Expr = Expression<Fr>;

/// What hides the sealed values; of what is public, nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Salts {
    /// Of the inputs.
    pub inputs: Fr,
    /// Of the outputs.
    pub outputs: Fr,
}

impl Salts {
    /// Fresh ones.
    pub fn draw(rng: &mut (impl RngCore + CryptoRng)) -> Self {
        let [inputs, outputs] = std::array::from_fn(|_| Fr::random(&mut *rng));
        Self { inputs, outputs }
    }
}

/// Columns that stand in the integers of a circuit.
#[derive(Clone, Copy, Debug)]
pub struct SealedValues {
    /// The values, and the salt.
    pub value: Column<Advice>,
    /// One where there is a value.
    pub read: Column<Fixed>,
    /// Address of the value.
    pub address: Column<Fixed>,
    /// One for an output; minus the number of reads for an input.
    pub flow: Column<Fixed>,
    /// One for an input.
    pub ranged: Column<Fixed>,
    /// Cell of an input's least value.
    pub least: Column<Fixed>,
    /// Cell of an input's greatest value.
    pub greatest: Column<Fixed>,
}

impl SealedValues {
    /// Allocates the columns.
    pub fn allocate(meta: &mut ConstraintSystem<Fr>) -> Self {
        let value = meta.advice_column_in(FirstPhase);
        let mut fixed = || meta.fixed_column();
        Self {
            value,
            read: fixed(),
            address: fixed(),
            flow: fixed(),
            ranged: fixed(),
            least: fixed(),
            greatest: fixed(),
        }
    }

    /// The wire of a value, and the lookups of an input's range.
    pub fn fractions(&self, shape: &Shape) -> Vec<Fraction> {
        let wire = Fraction {
            sign: 1,
            factors: vec![Cell::Fixed(self.flow)],
            tuple: Tuple::Bus {
                address: Linear::cell(Cell::Fixed(self.address)),
                value: wide(shape, self.value),
            },
        };
        let value = Cell::Advice(self.value);
        let above = Linear::cell(value).plus(-1, Cell::Fixed(self.least));
        let below = Linear::cell(Cell::Fixed(self.greatest)).plus(-1, value);
        let range = |x| Fraction::read([self.ranged], Tuple::range(x));
        vec![wire, range(above), range(below)]
    }
}

/// Columns of the seals.
#[derive(Clone, Debug)]
pub struct SealConfig {
    /// Values.
    pub values: SealedValues,
    /// The permutation, with its blocks.
    pub poseidon: Poseidon2Config,
    /// `h`.
    pub chain: Column<Advice>,
    /// `acc`.
    pub accumulator: Column<Advice>,
    /// One on all rows of blocks.
    pub active: Column<Fixed>,
    /// One on the first row of a seal.
    pub start: Column<Fixed>,
    /// Number of values, on the first row of a seal.
    pub count: Column<Fixed>,
    /// One where the value is zero.
    pub pad: Column<Fixed>,
    /// One on the last row of a seal.
    pub end: Column<Fixed>,
}

impl SealConfig {
    /// Allocates the first-phase columns of field elements and creates the permutation's gates.
    pub fn first(meta: &mut ConstraintSystem<Fr>) -> (Poseidon2Config, Column<Advice>) {
        let mut group = || -> [Column<Advice>; GROUP] {
            std::array::from_fn(|_| meta.advice_column_in(FirstPhase))
        };
        let (a, b) = (group(), group());
        let chain = meta.advice_column_in(FirstPhase);
        let block = meta.fixed_column();
        let poseidon = Poseidon2Config::configure_named(meta, "seal ", a, b, block);
        (poseidon, chain)
    }

    /// Allocates the rest and creates the gate.
    pub fn configure(
        meta: &mut ConstraintSystem<Fr>,
        shape: &Shape,
        values: SealedValues,
        (poseidon, chain): (Poseidon2Config, Column<Advice>),
        instance: Column<Instance>,
        point: Challenge,
    ) -> Self {
        let accumulator = meta.advice_column_in(SecondPhase);
        let [active, start, count, pad, end] = std::array::from_fn(|_| meta.fixed_column());
        let config = Self {
            values,
            poseidon,
            chain,
            accumulator,
            active,
            start,
            count,
            pad,
            end,
        };
        config.gate(meta, shape, instance, point);
        config
    }

    fn gate(
        &self,
        meta: &mut ConstraintSystem<Fr>,
        shape: &Shape,
        instance: Column<Instance>,
        point: Challenge,
    ) {
        let (h, acc) = (self.chain, self.accumulator);
        let first = self.poseidon.phase(0);
        let last = self.poseidon.phase(BLOCK_ROWS - 1);
        let (lanes, [output, ..]) = (self.poseidon.entered(), self.poseidon.output());
        let r: Expr = point.expr();
        let offset = self.values.read.cur::<Fr>() * field(shape.wide_offset());
        let value = self.values.value.cur::<Fr>() - offset;
        let entering = lanes[1..].iter().rev().cloned();
        let entering = entering.reduce(|sum, lane| sum * r.clone() + lane);
        let entering = entering.unwrap_or(Expression::Constant(Fr::ZERO));
        let within = self.active.cur::<Fr>() - last.clone();
        meta.create_gate("seal", |_| {
            vec![
                (
                    "number of values",
                    self.start.cur::<Fr>() * (instance.cur() - self.count.cur()),
                ),
                (
                    "chain starts",
                    self.start.cur::<Fr>()
                        * (h.cur() - Expression::Constant(tag()) - self.count.cur()),
                ),
                (
                    "chain value enters",
                    first.clone() * (lanes[0].clone() - h.cur()),
                ),
                (
                    "chain value stays",
                    within.clone() * (h.next() - h.cur::<Fr>()),
                ),
                (
                    "chain goes on",
                    (last - self.end.cur()) * (h.next() - h.cur::<Fr>() - output.clone()),
                ),
                (
                    "digest",
                    self.end.cur::<Fr>() * (h.cur() + output - instance.cur()),
                ),
                (
                    "accumulator",
                    self.active.cur::<Fr>() * (acc.cur::<Fr>() - value) - within * acc.next() * r,
                ),
                (
                    "accumulator equals the lanes",
                    first * (acc.cur::<Fr>() - entering),
                ),
                (
                    "zero after the last value",
                    self.pad.cur::<Fr>() * self.values.value.cur(),
                ),
            ]
        });
    }

    /// Fills the first phase of a seal from its first row on.
    pub fn assign(&self, region: &mut Region<'_, Fr>, first: usize, salt: Fr, values: &[i64]) {
        let mut chain = start(values.len());
        region.assign_advice(self.values.value, first, Value::known(salt));
        for (index, block) in blocks(salt, values).enumerate() {
            let trace = BlockTrace::new(crate::digest::step_input(chain, &block));
            let columns = self.poseidon.a.iter().chain(&self.poseidon.b);
            for (j, cells) in trace.rows.iter().enumerate() {
                let row = first + index * BLOCK_ROWS + j;
                for (column, cell) in columns.clone().zip(cells) {
                    region.assign_advice(*column, row, Value::known(*cell));
                }
                region.assign_advice(self.chain, row, Value::known(chain));
            }
            chain += trace.output[0];
        }
    }

    /// Fills the accumulator of a seal.
    pub fn accumulate(
        &self,
        region: &mut Region<'_, Fr>,
        first: usize,
        salt: Fr,
        values: &[i64],
        point: Fr,
    ) {
        for (index, block) in blocks(salt, values).enumerate() {
            let mut sum = Fr::ZERO;
            for (j, value) in block.iter().enumerate().rev() {
                sum = sum * point + value;
                let row = first + index * BLOCK_ROWS + j;
                region.assign_advice(self.accumulator, row, Value::known(sum));
            }
        }
    }
}
