//! What a proof needs of a circuit beside its witness: constraints and fixed columns.
//!
//! The library's proving key keeps each fixed column three times and builds it from cells of 72
//! bytes; this one keeps 32 bytes a cell.

use ff::Field;
use group::Curve;
use halo2_proofs::circuit::Value;
use halo2_proofs::plonk::{
    Advice, Any, Assigned, Assignment, Challenge, Circuit, Column, ConstraintSystem, Error, Fixed,
    FloorPlanner, Instance, ProvingKey, Selector,
};
use halo2curves::bn256::{Fr, G1, G1Affine};
use nascent_field::ifma::Ifma;
use nascent_params::Srs;
use rayon::prelude::*;
use std::borrow::Cow;

use super::PlonkError;
use super::msm::Bases;
use super::transform::{Domain, reverse};

/// Constraints and fixed columns of a circuit with `2^k` rows.
#[derive(Debug)]
pub struct Key {
    pub(super) constraints: ConstraintSystem<Fr>,
    pub(super) k: u32,
    /// Coefficients of the fixed columns, bit-reversed.
    pub(super) fixed: Vec<Vec<Fr>>,
    /// The scalar that opens a transcript; [`crate::transcript::Keccak`] puts its prefix there.
    pub(super) opening: Fr,
}

impl Key {
    /// The key of a circuit whose fixed columns have the values `column(index)`, of `2^k` rows each.
    ///
    /// # Errors
    ///
    /// If the circuit has copy constraints, library lookups or selectors.
    pub fn new(
        constraints: ConstraintSystem<Fr>,
        k: u32,
        column: impl Fn(usize) -> Vec<Fr> + Sync,
    ) -> Result<Self, PlonkError> {
        check(&constraints)?;
        let domain = Domain::new(k, Ifma::try_new());
        let fixed = (0..constraints.num_fixed_columns())
            .into_par_iter()
            .map(|index| {
                let mut values = column(index);
                domain.to_coefficients(&mut values);
                values
            })
            .collect();
        Ok(Self {
            constraints,
            k,
            fixed,
            opening: Fr::ZERO,
        })
    }

    /// The library's key in this form.
    ///
    /// # Errors
    ///
    /// As [`Key::new`].
    pub fn from_library(key: &ProvingKey<G1Affine>) -> Result<Self, PlonkError> {
        let constraints = key.get_vk().cs().clone();
        check(&constraints)?;
        let polynomials = key.fixed_polys().par_iter();
        let fixed = polynomials.map(|polynomial| {
            let mut coefficients = polynomial.values().to_vec();
            reverse(&mut coefficients);
            coefficients
        });
        Ok(Self {
            constraints,
            k: key.get_vk().get_domain().k(),
            fixed: fixed.collect(),
            opening: key.get_vk().transcript_repr(),
        })
    }

    /// Constraints of the circuit.
    pub fn constraints(&self) -> &ConstraintSystem<Fr> {
        &self.constraints
    }

    /// Coefficients of the fixed columns, bit-reversed.
    pub fn fixed(&self) -> &[Vec<Fr>] {
        &self.fixed
    }

    /// Binary logarithm of the number of rows.
    pub fn k(&self) -> u32 {
        self.k
    }
}

/// Commitments to columns with the values `column(index)`.
pub fn commit(
    srs: &Srs,
    columns: usize,
    column: impl Fn(usize) -> Vec<Fr> + Sync,
) -> Vec<G1Affine> {
    let bases = Bases::new(Ifma::try_new(), Cow::Owned(srs.lagrange()));
    let points: Vec<G1> = (0..columns)
        .into_par_iter()
        .map(|index| bases.multi_exponentiation(&column(index)))
        .collect();
    let mut affine = vec![G1Affine::default(); points.len()];
    G1::batch_normalize(&points, &mut affine);
    affine
}

/// Constraints and values of the fixed columns of a circuit, by its synthesis.
///
/// # Errors
///
/// If the synthesis fails.
pub fn fixed_columns<C: Circuit<Fr>>(
    circuit: &C,
    k: u32,
) -> Result<(ConstraintSystem<Fr>, Vec<Vec<Fr>>), PlonkError> {
    let mut constraints = ConstraintSystem::default();
    let config = C::configure_with_params(&mut constraints, circuit.params());
    let rows = 1 << k;
    let mut columns = FixedColumns {
        columns: vec![vec![Fr::ZERO; rows]; constraints.num_fixed_columns()],
    };
    let constants = constraints.constants().clone();
    C::FloorPlanner::synthesize(&mut columns, circuit, config, constants)?;
    Ok((constraints, columns.columns))
}

/// Refuses circuits that use what this prover has not.
fn check(constraints: &ConstraintSystem<Fr>) -> Result<(), PlonkError> {
    let unsupported = [
        (
            !constraints.permutation().get_columns().is_empty(),
            "copy constraints",
        ),
        (!constraints.lookups().is_empty(), "library lookups"),
        (constraints.num_selectors() > 0, "selectors"),
    ];
    match unsupported.iter().find(|(has, _)| *has) {
        Some(&(_, what)) => Err(PlonkError::Unsupported { what }),
        None => Ok(()),
    }
}

/// Takes the fixed cells of a synthesis and passes over the others.
struct FixedColumns {
    columns: Vec<Vec<Fr>>,
}

impl Assignment<Fr> for FixedColumns {
    fn enter_region<NR: Into<String>, N: FnOnce() -> NR>(&mut self, _: N) {}

    fn exit_region(&mut self) {}

    fn annotate_column<A: FnOnce() -> AR, AR: Into<String>>(&mut self, _: A, _: Column<Any>) {}

    fn enable_selector<A: FnOnce() -> AR, AR: Into<String>>(
        &mut self,
        _: A,
        _: &Selector,
        _: usize,
    ) -> Result<(), Error> {
        Ok(())
    }

    fn query_instance(&self, _: Column<Instance>, _: usize) -> Result<Value<Fr>, Error> {
        Ok(Value::unknown())
    }

    fn assign_advice<'v>(
        &mut self,
        _: Column<Advice>,
        _: usize,
        _: Value<Assigned<Fr>>,
    ) -> Value<&'v Assigned<Fr>> {
        Value::unknown()
    }

    fn assign_fixed(&mut self, column: Column<Fixed>, row: usize, to: Assigned<Fr>) {
        let column = &mut self.columns[column.index()];
        column[row] = to.evaluate();
    }

    fn copy(&mut self, _: Column<Any>, _: usize, _: Column<Any>, _: usize) {}

    fn fill_from_row(
        &mut self,
        column: Column<Fixed>,
        row: usize,
        to: Value<Assigned<Fr>>,
    ) -> Result<(), Error> {
        let column = &mut self.columns[column.index()];
        to.map(|value| column[row..].fill(value.evaluate()));
        Ok(())
    }

    fn get_challenge(&self, _: Challenge) -> Value<Fr> {
        Value::unknown()
    }

    fn push_namespace<NR: Into<String>, N: FnOnce() -> NR>(&mut self, _: N) {}

    fn pop_namespace(&mut self, _: Option<String>) {}

    fn next_phase(&mut self) {}
}
