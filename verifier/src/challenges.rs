//! What the parts of a proof's check share: challenges, and Lagrange polynomials at the last of them.

use crate::proof::ProofError;
use crate::vk::VerifyingKey;
use alloc::vec::Vec;
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};

/// The challenges of the argument itself, in the order they are drawn.
pub(crate) struct Challenges {
    /// Those of the circuit's phases, by index.
    pub(crate) circuit: Vec<Fr>,
    pub(crate) beta: Fr,
    pub(crate) gamma: Fr,
    /// Folds the constraints.
    pub(crate) y: Fr,
    /// Where everything is evaluated.
    pub(crate) x: Fr,
}

/// Lagrange polynomials at `x`, at the rows that the key asks for.
pub(crate) struct Lagrange {
    /// In the order of the key's `lagrange` rows.
    pub(crate) values: Vec<Fr>,
    /// `x^n`.
    pub(crate) x_to_rows: Fr,
    /// `1 / (x^n - 1)`.
    pub(crate) inverse_vanishing: Fr,
    /// `(x^n - 1) / n`.
    pub(crate) scale: Fr,
}

impl Lagrange {
    /// `l_i(x) = omega^i (x^n - 1) / (n (x - omega^i))`.
    pub(crate) fn new(vk: &VerifyingKey, x: Fr) -> Result<Self, ProofError> {
        let mut x_to_rows = x;
        for _ in 0..vk.data().k {
            x_to_rows.square_in_place();
        }
        let vanishing = x_to_rows - Fr::ONE;
        let omegas = &vk.lagrange.omegas;
        let mut inverses: Vec<Fr> = omegas.iter().map(|omega| x - omega).collect();
        inverses.push(vanishing);
        if x == Fr::ZERO || inverses.contains(&Fr::ZERO) {
            return Err(ProofError::DegenerateChallenge);
        }
        ark_ff::batch_inversion(&mut inverses);
        let inverse_vanishing = inverses.pop().unwrap_or_default();
        let scale = vanishing * vk.inverse_rows;
        let values = inverses
            .iter()
            .zip(omegas)
            .map(|(inverse, omega)| *inverse * omega * scale)
            .collect();
        Ok(Self {
            values,
            x_to_rows,
            inverse_vanishing,
            scale,
        })
    }
}

/// A checked look-up: a decoded key never points outside.
pub(crate) fn at<T: Copy>(list: &[T], index: usize) -> Result<T, ProofError> {
    list.get(index).copied().ok_or(ProofError::InconsistentKey)
}
