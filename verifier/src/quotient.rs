//! The constraints at `x`: what the quotient must evaluate to.

use crate::challenges::{Challenges, Lagrange, at};
use crate::proof::{Proof, ProofError};
use crate::vk::{ColumnKind, Op, VerifyingKey, coset_generator};
use alloc::vec::Vec;
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};

/// `sum_i y^i c_i(x) / (x^n - 1)`, first constraint with the highest power. `instance` holds the
/// evaluations of the instance queries.
pub(crate) fn expected(
    vk: &VerifyingKey,
    challenges: &Challenges,
    lagrange: &Lagrange,
    instance: &[Fr],
    proof: &Proof,
) -> Result<Fr, ProofError> {
    let (advice, rest) = split(&proof.evaluations, vk.layout.fixed_evaluations)?;
    let (fixed, _) = split(rest, vk.data().fixed_queries.len())?;
    let values = Values {
        advice,
        fixed,
        instance,
    };
    let nodes = evaluate_nodes(vk, &values, &challenges.circuit)?;
    let mut folded = Fr::ZERO;
    for &root in &vk.constraints {
        folded = folded * challenges.y + at(&nodes, root)?;
    }
    for constraint in permutation(vk, challenges, lagrange, &values, proof)? {
        folded = folded * challenges.y + constraint;
    }
    Ok(folded * lagrange.inverse_vanishing)
}

/// Evaluations of the queries, by type of column.
struct Values<'a> {
    advice: &'a [Fr],
    fixed: &'a [Fr],
    instance: &'a [Fr],
}

fn split(list: &[Fr], middle: usize) -> Result<(&[Fr], &[Fr]), ProofError> {
    list.split_at_checked(middle)
        .ok_or(ProofError::InconsistentKey)
}

fn evaluate_nodes(
    vk: &VerifyingKey,
    values: &Values<'_>,
    challenges: &[Fr],
) -> Result<Vec<Fr>, ProofError> {
    let mut nodes: Vec<Fr> = Vec::with_capacity(vk.ops.len());
    for op in &vk.ops {
        let value = match *op {
            Op::Constant(scalar) => scalar,
            Op::Fixed(query) => at(values.fixed, query)?,
            Op::Advice(query) => at(values.advice, query)?,
            Op::Instance(query) => at(values.instance, query)?,
            Op::Challenge(challenge) => at(challenges, challenge)?,
            Op::Negated(a) => -at(&nodes, a)?,
            Op::Sum(a, b) => at(&nodes, a)? + at(&nodes, b)?,
            Op::Product(a, b) => at(&nodes, a)? * at(&nodes, b)?,
            Op::Scaled(a, scalar) => at(&nodes, a)? * scalar,
        };
        nodes.push(value);
    }
    Ok(nodes)
}

/// Evaluations of one permutation product: at `x`, `omega x` and, but for the
/// last one, `omega^last x`.
struct Product {
    here: Fr,
    next: Fr,
    last: Option<Fr>,
}

/// The copy constraints, in the library's order.
fn permutation(
    vk: &VerifyingKey,
    challenges: &Challenges,
    lagrange: &Lagrange,
    values: &Values<'_>,
    proof: &Proof,
) -> Result<Vec<Fr>, ProofError> {
    let products = products(vk, proof)?;
    let (Some(first), Some(last)) = (products.first(), products.last()) else {
        return Ok(Vec::new());
    };
    let blinding = vk.lagrange.blinding;
    let last_row = at(&lagrange.values, 0)?;
    let first_row = at(&lagrange.values, blinding + 1)?;
    let random_rows = lagrange
        .values
        .get(1..=blinding)
        .ok_or(ProofError::InconsistentKey)?;
    let random_rows: Fr = random_rows.iter().sum();
    let active = Fr::ONE - last_row - random_rows;

    let mut out = Vec::with_capacity(2 * products.len() + 1);
    // The first product starts at one; the last ends at zero or one.
    out.push(first_row * (Fr::ONE - first.here));
    out.push(last_row * (last.here.square() - last.here));
    // Each product starts where the one before ends.
    for (product, before) in products.iter().skip(1).zip(&products) {
        let end = before.last.ok_or(ProofError::InconsistentKey)?;
        out.push(first_row * (product.here - end));
    }
    // Each row multiplies by the ratio of its columns.
    let (_, sigma) = split(&proof.evaluations, vk.layout.sigma_evaluations)?;
    let (sigma, _) = split(sigma, vk.permutation_queries.len())?;
    let chunk = vk.permutation_chunk();
    let delta = coset_generator();
    let mut coset = challenges.beta * challenges.x;
    let chunks = vk
        .permutation_queries
        .chunks(chunk)
        .zip(sigma.chunks(chunk));
    for (product, (columns, sigma)) in products.iter().zip(chunks) {
        let mut left = product.next;
        let mut right = product.here;
        for (&(kind, query), sigma) in columns.iter().zip(sigma) {
            let value = match kind {
                ColumnKind::Advice => at(values.advice, query)?,
                ColumnKind::Fixed => at(values.fixed, query)?,
                ColumnKind::Instance => at(values.instance, query)?,
            };
            left *= value + challenges.beta * sigma + challenges.gamma;
            right *= value + coset + challenges.gamma;
            coset *= delta;
        }
        out.push((left - right) * active);
    }
    Ok(out)
}

fn products(vk: &VerifyingKey, proof: &Proof) -> Result<Vec<Product>, ProofError> {
    let (_, evaluations) = split(&proof.evaluations, vk.layout.product_evaluations)?;
    evaluations
        .chunks(3)
        .map(|chunk| match *chunk {
            [here, next, last] => Ok(Product {
                here,
                next,
                last: Some(last),
            }),
            [here, next] => Ok(Product {
                here,
                next,
                last: None,
            }),
            _ => Err(ProofError::InconsistentKey),
        })
        .collect()
}
