//! A circuit with one of everything that a verifying key describes.

use ff::Field;
use halo2_proofs::circuit::{Layouter, SimpleFloorPlanner, Value};
use halo2_proofs::plonk::{
    self, Advice, Challenge, Circuit, Column, ConstraintSystem, Error, Fixed, Instance,
    SecondPhase, Selector,
};
use halo2_proofs::poly::Rotation;
use halo2curves::bn256::Fr;

const ROWS: usize = 10;

/// Which features a test circuit has.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shape {
    pub copies: bool,
    pub minimum_degree: Option<usize>,
}

#[derive(Clone, Debug)]
pub struct Config {
    shape: Shape,
    q: Selector,
    q_sum: Selector,
    q_public: Selector,
    a: Column<Advice>,
    b: Column<Advice>,
    z: Column<Advice>,
    w: Column<Advice>,
    unused: Column<Advice>,
    table: Column<Fixed>,
    public: Column<Instance>,
    alpha: Challenge,
    beta: Challenge,
    gamma: Challenge,
}

/// Two phases (the library's prover panics at a third), rotations both ways, a fixed column, an instance column and,
/// with `copies`, copy constraints among columns of all three types.
#[derive(Clone, Debug)]
pub struct TestCircuit {
    pub shape: Shape,
    pub start: Value<Fr>,
}

impl Circuit<Fr> for TestCircuit {
    type Config = Config;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = Shape;

    fn params(&self) -> Shape {
        self.shape
    }

    fn without_witnesses(&self) -> Self {
        Self {
            shape: self.shape,
            start: Value::unknown(),
        }
    }

    fn configure(meta: &mut ConstraintSystem<Fr>) -> Config {
        Self::configure_with_params(meta, Shape::default())
    }

    fn configure_with_params(meta: &mut ConstraintSystem<Fr>, shape: Shape) -> Config {
        let a = meta.advice_column();
        let unused = meta.advice_column();
        let alpha = meta.challenge_usable_after(plonk::FirstPhase);
        let z = meta.advice_column_in(SecondPhase);
        let b = meta.advice_column();
        let beta = meta.challenge_usable_after(plonk::FirstPhase);
        let gamma = meta.challenge_usable_after(SecondPhase);
        let w = meta.advice_column_in(SecondPhase);
        let config = Config {
            shape,
            q: meta.complex_selector(),
            q_sum: meta.selector(),
            q_public: meta.selector(),
            a,
            b,
            z,
            w,
            unused,
            table: meta.fixed_column(),
            public: meta.instance_column(),
            alpha,
            beta,
            gamma,
        };
        if shape.copies {
            for column in [a, b, z] {
                meta.enable_equality(column);
            }
            meta.enable_equality(config.public);
            meta.enable_equality(config.table);
        }
        if let Some(degree) = shape.minimum_degree {
            meta.set_minimum_degree(degree);
        }
        config.gates(meta);
        config
    }

    fn synthesize(&self, c: Config, mut layouter: impl Layouter<Fr>) -> Result<(), Error> {
        let table = |row: usize| Fr::from(row as u64 + 3);
        let mut a = vec![self.start];
        let mut b = vec![self.start * self.start];
        for row in 0..ROWS {
            a.push(a[row] * a[row] + b[row] + Value::known(table(row)));
            b.push(a[row + 1] - b[row]);
        }
        layouter.assign_region(
            || "phase 0",
            |mut region| {
                for row in 0..=ROWS {
                    let in_a = region.assign_advice(c.a, row, a[row]);
                    let in_b = region.assign_advice(c.b, row, b[row]);
                    if row < ROWS {
                        c.q.enable(&mut region, row)?;
                        c.q_sum.enable(&mut region, row + 1)?;
                        region.assign_fixed(c.table, row, table(row));
                    }
                    if row == 0 {
                        c.q_public.enable(&mut region, row)?;
                        region.assign_advice(c.unused, row, Value::known(Fr::from(9)));
                    }
                    if c.shape.copies && row == ROWS {
                        // The last value of a, again in b's free rows.
                        let copy = region.assign_advice(c.b, row + 2, a[row]);
                        region.constrain_equal(copy.cell(), in_a.cell());
                        let fixed = region.assign_fixed(c.table, row + 3, Fr::from(77));
                        let copy = region.assign_advice(c.a, row + 3, Value::known(Fr::from(77)));
                        region.constrain_equal(copy.cell(), fixed);
                        let copy = region.assign_advice(c.a, row + 4, b[row]);
                        region.constrain_equal(in_b.cell(), copy.cell());
                    }
                }
                Ok(())
            },
        )?;
        if c.shape.copies {
            let cell = layouter.assign_region(
                || "public",
                |mut region| Ok(region.assign_advice(c.b, ROWS + 6, self.start).cell()),
            )?;
            layouter.constrain_instance(cell, c.public, 0);
        }
        layouter.next_phase();
        let alpha = layouter.get_challenge(c.alpha);
        let beta = layouter.get_challenge(c.beta);
        let mut z = vec![Value::known(Fr::ONE)];
        for row in 0..ROWS {
            z.push(z[row] + alpha * a[row] - beta * b[row]);
        }
        layouter.assign_region(
            || "phase 1",
            |mut region| {
                for row in 0..=ROWS {
                    region.assign_advice(c.z, row, z[row]);
                    region.assign_advice(c.w, row, z[row] * a[row] * a[row] * b[row]);
                }
                Ok(())
            },
        )
    }
}

impl Config {
    fn gates(&self, meta: &mut ConstraintSystem<Fr>) {
        let (next, prev) = (Rotation::next(), Rotation::prev());
        meta.create_gate("step", |meta| {
            let q = meta.query_selector(self.q);
            let a = meta.query_advice(self.a, Rotation::cur());
            let b = meta.query_advice(self.b, Rotation::cur());
            let table = meta.query_fixed(self.table, Rotation::cur());
            let a_next = meta.query_advice(self.a, next);
            let b_next = meta.query_advice(self.b, next);
            vec![
                q.clone() * (a_next.clone() - a.square() - b.clone() - table),
                q * (b_next - a_next + b),
            ]
        });
        meta.create_gate("sum", |meta| {
            let q = meta.query_selector(self.q_sum);
            let a = meta.query_advice(self.a, prev);
            let b = meta.query_advice(self.b, prev);
            let z = meta.query_advice(self.z, Rotation::cur());
            let before = meta.query_advice(self.z, prev);
            let alpha = meta.query_challenge(self.alpha);
            let beta = meta.query_challenge(self.beta);
            vec![q * (z - before - alpha * a + beta * b)]
        });
        meta.create_gate("product", |meta| {
            let q = meta.query_selector(self.q);
            let a = meta.query_advice(self.a, Rotation::cur());
            let b = meta.query_advice(self.b, Rotation::cur());
            let z = meta.query_advice(self.z, Rotation::cur());
            let w = meta.query_advice(self.w, Rotation::cur());
            let gamma = meta.query_challenge(self.gamma);
            // The challenge comes after all columns: it only scales.
            vec![q * gamma * (w - z * a.square() * b)]
        });
        meta.create_gate("public", |meta| {
            let q = meta.query_selector(self.q_public);
            let a = meta.query_advice(self.a, Rotation::cur());
            let b = meta.query_advice(self.b, Rotation::cur());
            let public = meta.query_instance(self.public, Rotation::cur());
            let public_next = meta.query_instance(self.public, next);
            vec![
                q.clone() * (a - public),
                q * (b - public_next * Fr::from(2)),
            ]
        });
    }
}

/// The shapes that the tests try.
pub fn shapes() -> [Shape; 4] {
    let shape = |copies, minimum_degree| Shape {
        copies,
        minimum_degree,
    };
    [
        shape(false, None),
        shape(true, None),
        shape(true, Some(6)),
        shape(false, Some(9)),
    ]
}
