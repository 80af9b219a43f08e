//! Polynomials of low degree through given values.

use ff::Field;
use halo2curves::bn256::Fr;

/// For each node, the coefficients of the polynomial that is one there and zero at the others.
///
/// The nodes are distinct.
pub(super) fn lagrange_basis(nodes: &[Fr]) -> Vec<Vec<Fr>> {
    let polynomial = |(index, node): (usize, &Fr)| {
        let mut basis = vec![Fr::ONE];
        let mut denominator = Fr::ONE;
        for (_, other) in nodes.iter().enumerate().filter(|&(i, _)| i != index) {
            basis.push(Fr::ZERO);
            for d in (1..basis.len()).rev() {
                basis[d] = basis[d - 1] - basis[d] * other;
            }
            basis[0] = -basis[0] * other;
            denominator *= *node - other;
        }
        let scale = denominator.invert().unwrap_or(Fr::ZERO);
        basis.iter().map(|c| *c * scale).collect()
    };
    nodes.iter().enumerate().map(polynomial).collect()
}

/// Coefficients of the polynomial of least degree through the points.
pub(super) fn interpolate(points: &[Fr], values: &[Fr]) -> Vec<Fr> {
    let mut result = vec![Fr::ZERO; points.len()];
    for (basis, value) in lagrange_basis(points).iter().zip(values) {
        for (sum, coefficient) in result.iter_mut().zip(basis) {
            *sum += *coefficient * value;
        }
    }
    result
}
