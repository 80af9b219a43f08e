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
//! is in memory at a time.

use std::time::{Duration, Instant};

use ff::{Field, PrimeField};
use halo2_proofs::plonk::ConstraintSystem;
use halo2curves::bn256::Fr;
use rayon::prelude::*;

use super::interpolation::lagrange_basis;
use super::program::{Columns, Program};
use super::transform::{Column, Domain, powers, reverse};

/// Coefficients (bit-reversed) of all columns.
pub(super) struct Polynomials<'a> {
    pub(super) advice: &'a [Vec<Fr>],
    pub(super) fixed: &'a [Vec<Fr>],
    pub(super) instance: &'a [Vec<Fr>],
}

/// The pieces (natural order) and what they took.
pub(super) struct Quotient {
    pub(super) pieces: Vec<Vec<Fr>>,
    pub(super) transforms: Duration,
    pub(super) constraints: Duration,
    pub(super) products: usize,
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
    let program = Program::compile(meta, challenges, y);
    // Any `pieces` cosets serve; the generator keeps them off the subgroup.
    let root = domain.extended_root(pieces.next_power_of_two().trailing_zeros());
    let shifts = powers(root, Fr::MULTIPLICATIVE_GENERATOR, pieces);
    let (mut transforms, mut constraints) = (Duration::ZERO, Duration::ZERO);
    let mut residues: Vec<Vec<Fr>> = Vec::with_capacity(pieces);
    for &shift in &shifts {
        let start = Instant::now();
        let weights = domain.weights(shift);
        let onto = |polynomials: &[Vec<Fr>]| -> Vec<Column> {
            let polynomials = polynomials.par_iter();
            polynomials.map(|p| domain.coset(p, &weights)).collect()
        };
        let columns = Columns {
            advice: onto(polynomials.advice),
            fixed: onto(polynomials.fixed),
            instance: onto(polynomials.instance),
        };
        drop(weights);
        transforms += start.elapsed();

        let start = Instant::now();
        let mut values = vec![Fr::ZERO; domain.size()];
        program.evaluate(domain.simd(), &columns, &mut values);
        constraints += start.elapsed();

        let start = Instant::now();
        drop(columns);
        residues.push(residue(domain, values, shift));
        transforms += start.elapsed();
    }
    let start = Instant::now();
    let pieces = separate(domain, &residues, &shifts);
    transforms += start.elapsed();
    Quotient {
        pieces,
        transforms,
        constraints,
        products: program.products(),
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
