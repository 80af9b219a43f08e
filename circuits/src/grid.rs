//! All cells of a circuit in memory, to ask of each constraint whether it holds.
//!
//! Used by soundness tests: lay a circuit out, change cells as a cheating prover would, recompute
//! what follows, and see which constraints object. Unlike the library's mock prover it names the
//! constraint, keeps the change, and gives the challenges.

use std::collections::BTreeMap;

use ff::Field;
use halo2_proofs::{
    circuit::Value,
    plonk::{
        Advice, Any, Assigned, Assignment, Challenge, Circuit, Column, ConstraintSystem, Error,
        Expression, Fixed, FloorPlanner, Instance, Selector,
    },
};
use halo2curves::bn256::Fr;

/// Cells of a circuit.
#[derive(Clone, Debug)]
pub struct Grid {
    /// Number of rows, a power of two; rotations wrap around.
    pub rows: usize,
    /// Advice columns.
    pub advice: Vec<Vec<Fr>>,
    /// Fixed columns.
    pub fixed: Vec<Vec<Fr>>,
    /// Instance columns.
    pub instance: Vec<Vec<Fr>>,
    /// Challenges.
    pub challenges: Vec<Fr>,
}

/// A constraint that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Failure {
    /// Name of the gate.
    pub gate: String,
    /// Name of the constraint.
    pub constraint: String,
    /// First row on which it fails.
    pub row: usize,
}

impl Grid {
    /// Lays out a circuit under given challenges; blinding rows are left to [`Self::blind`].
    ///
    /// # Errors
    ///
    /// If the circuit's synthesis fails.
    pub fn new<C: Circuit<Fr>>(
        circuit: &C,
        meta: &ConstraintSystem<Fr>,
        config: C::Config,
        k: u32,
        instance: &[&[Fr]],
        challenges: &[Fr],
    ) -> Result<Self, Error> {
        let rows = 1 << k;
        let padded = |values: &&[Fr]| {
            let mut column = values.to_vec();
            column.resize(rows, Fr::ZERO);
            column
        };
        let mut grid = Self {
            rows,
            advice: vec![vec![Fr::ZERO; rows]; meta.num_advice_columns()],
            fixed: vec![vec![Fr::ZERO; rows]; meta.num_fixed_columns()],
            instance: instance.iter().map(padded).collect(),
            challenges: challenges.to_vec(),
        };
        C::FloorPlanner::synthesize(&mut grid, circuit, config, meta.constants().clone())?;
        Ok(grid)
    }

    /// Fills the last `count` rows of each advice column as a prover's blinding would.
    pub fn blind(&mut self, count: usize, mut random: impl FnMut() -> Fr) {
        let start = self.rows - count;
        for column in &mut self.advice {
            column[start..].fill_with(&mut random);
        }
    }

    /// Value of an expression on a row.
    pub fn eval(&self, expression: &Expression<Fr>, row: usize) -> Fr {
        let at = |column: &Vec<Fr>, rotation: i32| {
            column[(row as i64 + i64::from(rotation)).rem_euclid(self.rows as i64) as usize]
        };
        expression.evaluate(
            &|constant| constant,
            &|_| Fr::ZERO,
            &|query| at(&self.fixed[query.column_index()], query.rotation().0),
            &|query| at(&self.advice[query.column_index()], query.rotation().0),
            &|query| at(&self.instance[query.column_index()], query.rotation().0),
            &|challenge| self.challenges[challenge.index()],
            &|a| -a,
            &|a, b| a + b,
            &|a, b| a * b,
            &|a, factor| a * factor,
        )
    }

    /// All constraints that fail, each with its first row.
    pub fn failures(&self, meta: &ConstraintSystem<Fr>) -> Vec<Failure> {
        self.failures_on(meta, 0..self.rows)
    }

    /// All constraints that fail on the given rows, each with its first row.
    pub fn failures_on(
        &self,
        meta: &ConstraintSystem<Fr>,
        rows: impl Iterator<Item = usize> + Clone,
    ) -> Vec<Failure> {
        let mut failures = BTreeMap::new();
        for gate in meta.gates() {
            for (index, polynomial) in gate.polynomials().iter().enumerate() {
                let failing = rows.clone().find(|&row| !bool::from(self.eval(polynomial, row).is_zero()));
                if let Some(row) = failing {
                    let name = (gate.name().to_owned(), gate.constraint_name(index).to_owned());
                    failures.insert(name, row);
                }
            }
        }
        failures
            .into_iter()
            .map(|((gate, constraint), row)| Failure { gate, constraint, row })
            .collect()
    }
}

impl Assignment<Fr> for Grid {
    fn enter_region<NR: Into<String>, N: FnOnce() -> NR>(&mut self, _: N) {}

    fn exit_region(&mut self) {}

    fn annotate_column<A: FnOnce() -> AR, AR: Into<String>>(&mut self, _: A, _: Column<Any>) {}

    fn enable_selector<A: FnOnce() -> AR, AR: Into<String>>(
        &mut self,
        _: A,
        _: &Selector,
        _: usize,
    ) -> Result<(), Error> {
        Err(Error::Synthesis)
    }

    fn query_instance(&self, column: Column<Instance>, row: usize) -> Result<Value<Fr>, Error> {
        let cell = self.instance.get(column.index()).and_then(|column| column.get(row));
        cell.map(|value| Value::known(*value)).ok_or(Error::BoundsFailure)
    }

    fn assign_advice<'v>(
        &mut self,
        column: Column<Advice>,
        row: usize,
        to: Value<Assigned<Fr>>,
    ) -> Value<&'v Assigned<Fr>> {
        to.map(|value| self.advice[column.index()][row] = value.evaluate());
        Value::unknown()
    }

    fn assign_fixed(&mut self, column: Column<Fixed>, row: usize, to: Assigned<Fr>) {
        self.fixed[column.index()][row] = to.evaluate();
    }

    fn copy(&mut self, _: Column<Any>, _: usize, _: Column<Any>, _: usize) {}

    fn fill_from_row(
        &mut self,
        column: Column<Fixed>,
        row: usize,
        to: Value<Assigned<Fr>>,
    ) -> Result<(), Error> {
        to.map(|value| self.fixed[column.index()][row..].fill(value.evaluate()));
        Ok(())
    }

    fn get_challenge(&self, challenge: Challenge) -> Value<Fr> {
        Value::known(self.challenges[challenge.index()])
    }

    fn push_namespace<NR: Into<String>, N: FnOnce() -> NR>(&mut self, _: N) {}

    fn pop_namespace(&mut self, _: Option<String>) {}
}
