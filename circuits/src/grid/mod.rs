//! All cells of a circuit in memory, to ask of each constraint whether it holds.
//!
//! Used by soundness tests: lay a circuit out, change cells as a cheating prover would, recompute
//! what follows, and see which constraints object. Unlike the library's mock prover it names the
//! constraint, keeps the change, and gives the challenges.

mod formula;
mod plan;

pub use formula::{Formula, Slope};
pub use plan::{At, Planner, Step, take, take_closing};

use ff::Field;
use halo2_proofs::{
    circuit::Value,
    plonk::{
        Advice, Any, Assigned, Assignment, Challenge, Circuit, Column, ConstraintSystem, Error,
        Expression, Fixed, FloorPlanner, Instance, Selector,
    },
};
use halo2curves::bn256::Fr;
use rayon::prelude::*;

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

    /// Row at a rotation.
    pub fn rotate(&self, row: usize, rotation: i32) -> usize {
        row.wrapping_add_signed(rotation as isize) & (self.rows - 1)
    }

    /// Value of an expression on a row.
    pub fn eval(&self, expression: &Expression<Fr>, row: usize) -> Fr {
        let value = Formula::new([expression])
            .eval(self, row, &mut Vec::new())
            .next();
        value.unwrap_or(Fr::ZERO)
    }

    /// All constraints that fail, each with its first row.
    pub fn failures(&self, meta: &ConstraintSystem<Fr>) -> Vec<Failure> {
        Constraints::new(meta).failures(self)
    }
}

/// An advice cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    /// Index of the column.
    pub column: usize,
    /// Row.
    pub row: usize,
}

/// The constraints of a circuit, compiled.
#[derive(Clone, Debug)]
pub struct Constraints {
    names: Vec<(String, String)>,
    each: Vec<Formula>,
    all: Formula,
}

impl Constraints {
    /// Compiles all constraints, in the order of the gates.
    pub fn new(meta: &ConstraintSystem<Fr>) -> Self {
        let gates = meta.gates().iter();
        let polynomials: Vec<_> = gates.clone().flat_map(|gate| gate.polynomials()).collect();
        let names = gates.flat_map(|gate| {
            (0..gate.polynomials().len())
                .map(|i| (gate.name().to_owned(), gate.constraint_name(i).to_owned()))
        });
        Self {
            names: names.collect(),
            each: polynomials
                .iter()
                .map(|polynomial| Formula::new([*polynomial]))
                .collect(),
            all: Formula::new(polynomials),
        }
    }

    /// Number of constraints.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Gate and name of each constraint.
    pub fn names(&self) -> &[(String, String)] {
        &self.names
    }

    /// Index of a constraint by gate and name.
    pub fn find(&self, gate: &str, name: &str) -> Option<usize> {
        self.names.iter().position(|(g, n)| g == gate && n == name)
    }

    /// One constraint's polynomial.
    pub fn formula(&self, constraint: usize) -> &Formula {
        &self.each[constraint]
    }

    /// Value of one constraint's polynomial on a row.
    pub fn eval(&self, constraint: usize, grid: &Grid, row: usize, scratch: &mut Vec<Fr>) -> Fr {
        self.each[constraint]
            .eval(grid, row, scratch)
            .next()
            .unwrap_or(Fr::ZERO)
    }

    /// All constraints that fail, each with its first row, in the order of the gates.
    pub fn failures(&self, grid: &Grid) -> Vec<Failure> {
        let mut failing: Vec<(usize, usize)> = (0..grid.rows)
            .into_par_iter()
            .map_init(Vec::new, |scratch, row| {
                let values = self.all.eval(grid, row, scratch).enumerate();
                let failing = values.filter(|(_, value)| !bool::from(value.is_zero()));
                failing
                    .map(|(constraint, _)| (constraint, row))
                    .collect::<Vec<_>>()
            })
            .flatten()
            .collect();
        failing.sort_unstable();
        failing.dedup_by_key(|(constraint, _)| *constraint);
        let failure = |(constraint, row): (usize, usize)| {
            let (gate, constraint) = self.names[constraint].clone();
            Failure {
                gate,
                constraint,
                row,
            }
        };
        failing.into_iter().map(failure).collect()
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
        let cell = self
            .instance
            .get(column.index())
            .and_then(|column| column.get(row));
        cell.map(|value| Value::known(*value))
            .ok_or(Error::BoundsFailure)
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
