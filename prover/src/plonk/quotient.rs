//! The quotient polynomial, coset by coset.
//!
//! The numerator `N` (all constraints folded with `y`) has degree below `m n + n` and is a
//! multiple of `X^n - 1`; the quotient `h` has degree below `m n`. On the coset `g_j H`, `X^n` is the
//! constant `c_j = g_j^n`, so there
//!
//! ```text
//! h mod (X^n - c_j) = sum over i < m of c_j^i h_i
//! ```
//!
//! with `h_i` the pieces of `n` coefficients. `m` cosets give `m` such polynomials, and the pieces
//! follow by an `m x m` Vandermonde inverse: no transform is larger than `n`, and only one coset
//! is in memory at a time, of a large circuit only the columns of some constraints.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use ff::{Field, PrimeField};
use halo2_proofs::plonk::ConstraintSystem;
use halo2curves::bn256::Fr;
use rayon::prelude::*;

use super::interpolation::lagrange_basis;
use super::program::{Columns, Kind, Program};
use super::schedule::{ColumnId, groups};
use super::transform::{Column, Domain, powers, reverse};

/// Coefficients (bit-reversed) of all columns.
pub(super) struct Polynomials<'a> {
    pub(super) advice: &'a [Vec<Fr>],
    pub(super) fixed: &'a [Vec<Fr>],
    pub(super) instance: &'a [Vec<Fr>],
}

impl Polynomials<'_> {
    fn get(&self, kind: Kind, index: usize) -> &[Fr] {
        match kind {
            Kind::Advice => &self.advice[index],
            Kind::Fixed => &self.fixed[index],
            Kind::Instance => &self.instance[index],
        }
    }
}

impl Columns {
    fn empty(polynomials: &Polynomials<'_>) -> Self {
        let empty = |count: usize| (0..count).map(|_| Column::default()).collect();
        Self {
            advice: empty(polynomials.advice.len()),
            fixed: empty(polynomials.fixed.len()),
            instance: empty(polynomials.instance.len()),
        }
    }

    /// Forgets all columns but those of a group, and fills in what is missing of these, in the
    /// memory of the others.
    fn load(
        &mut self,
        group: &BTreeSet<ColumnId>,
        spare: &mut Vec<Column>,
        fill: impl Fn(ColumnId, Column) -> Column + Sync,
    ) {
        let lists = [
            (Kind::Advice, &mut self.advice),
            (Kind::Fixed, &mut self.fixed),
            (Kind::Instance, &mut self.instance),
        ];
        let mut missing = Vec::new();
        for (kind, list) in lists {
            for (index, column) in list.iter_mut().enumerate() {
                if !group.contains(&(kind, index)) {
                    let forgotten = std::mem::take(column);
                    spare.extend((!forgotten.is_empty()).then_some(forgotten));
                } else if column.is_empty() {
                    missing.push(((kind, index), column));
                }
            }
        }
        let missing: Vec<_> = missing
            .into_iter()
            .map(|(id, column)| (id, column, spare.pop().unwrap_or_default()))
            .collect();
        missing
            .into_par_iter()
            .for_each(|(id, column, spare)| *column = fill(id, spare));
    }
}

/// The pieces (natural order) and what they took.
pub(super) struct Quotient {
    pub(super) pieces: Vec<Vec<Fr>>,
    pub(super) transforms: Duration,
    pub(super) constraints: Duration,
    pub(super) products: usize,
}

/// Most bytes of columns on a coset at a time. The constraints of an initialization tile share their
/// linear forms and stay together up to 2^19 rows.
const COSET_BYTES: usize = 2 << 30;

fn most_columns(k: u32) -> usize {
    COSET_BYTES / (size_of::<Fr>() << k)
}

/// Most columns of a circuit with `2^k` rows that are on a coset at a time: those of the largest group
/// of constraints.
pub(crate) fn coset_columns(meta: &ConstraintSystem<Fr>, k: u32) -> usize {
    let groups = groups(meta, most_columns(k));
    groups
        .iter()
        .map(|group| group.columns.len())
        .max()
        .unwrap_or(0)
}

/// Computes the `pieces` pieces of the quotient.
pub(super) fn compute(
    domain: &Domain,
    meta: &ConstraintSystem<Fr>,
    pieces: usize,
    polynomials: &Polynomials<'_>,
    challenges: &[Fr],
    y: Fr,
) -> Quotient {
    let groups = groups(meta, most_columns(domain.k));
    let gates = meta.gates().iter();
    let constraints: usize = gates.map(|gate| gate.polynomials().len()).sum();
    // The first constraint has the highest power.
    let factors = powers(y, Fr::ONE, constraints);
    let programs: Vec<Program> = groups
        .iter()
        .map(|group| {
            let constraints = group.constraints.iter().rev();
            let weighed: Vec<_> = constraints
                .map(|(index, constraint)| (factors[factors.len() - 1 - index], constraint))
                .collect();
            Program::compile(&weighed, challenges)
        })
        .collect();
    // Any `pieces` cosets serve; the generator keeps them off the subgroup.
    let root = domain.extended_root(pieces.next_power_of_two().trailing_zeros());
    let shifts = powers(root, Fr::MULTIPLICATIVE_GENERATOR, pieces);
    let (mut transforms, mut constraints) = (Duration::ZERO, Duration::ZERO);
    let mut residues: Vec<Vec<Fr>> = Vec::with_capacity(pieces);
    let mut columns = Columns::empty(polynomials);
    let mut spare = Vec::new();
    let mut values = vec![Fr::ZERO; domain.size()];
    for &shift in &shifts {
        let weights = domain.weights(shift);
        let mut sum = vec![Fr::ZERO; domain.size()];
        for (group, program) in groups.iter().zip(&programs) {
            let start = Instant::now();
            columns.load(&group.columns, &mut spare, |(kind, index), spare| {
                domain.coset(polynomials.get(kind, index), &weights, spare)
            });
            transforms += start.elapsed();

            let start = Instant::now();
            program.evaluate(domain.simd(), &columns, &mut values);
            sum.par_iter_mut()
                .zip(&values)
                .for_each(|(sum, value)| *sum += value);
            constraints += start.elapsed();
        }
        let start = Instant::now();
        columns.load(&BTreeSet::new(), &mut spare, |_, spare| spare);
        drop(weights);
        residues.push(residue(domain, sum, shift));
        transforms += start.elapsed();
    }
    let start = Instant::now();
    let pieces = separate(domain, &residues, &shifts);
    transforms += start.elapsed();
    Quotient {
        pieces,
        transforms,
        constraints,
        products: programs.iter().map(Program::products).sum(),
    }
}

/// From the numerator's values on a coset to `h mod (X^n - c)`, natural order.
fn residue(domain: &Domain, mut values: Vec<Fr>, shift: Fr) -> Vec<Fr> {
    domain.to_coefficients(&mut values);
    reverse(&mut values);
    let vanishing = shift.pow([domain.size() as u64]) - Fr::ONE;
    let inverse = |x: Fr| x.invert().unwrap_or(Fr::ZERO);
    let weights = powers(inverse(shift), inverse(vanishing), domain.size());
    values
        .par_iter_mut()
        .zip(&weights)
        .for_each(|(value, weight)| *value *= weight);
    values
}

/// The pieces from the residues: the inverse of the Vandermonde matrix of the `c_j`.
fn separate(domain: &Domain, residues: &[Vec<Fr>], shifts: &[Fr]) -> Vec<Vec<Fr>> {
    let constants: Vec<Fr> = shifts
        .iter()
        .map(|s| s.pow([domain.size() as u64]))
        .collect();
    let basis = lagrange_basis(&constants);
    let piece = |power: usize| {
        let mut piece = vec![Fr::ZERO; domain.size()];
        piece.par_iter_mut().enumerate().for_each(|(i, slot)| {
            let terms = basis.iter().zip(residues);
            *slot = terms
                .map(|(basis, residue)| residue[i] * basis[power])
                .sum();
        });
        piece
    };
    (0..residues.len()).map(piece).collect()
}
