//! Round constants and matrices of the width-16 instance.

use std::sync::OnceLock;

use ff::Field;
use halo2curves::bn256::Fr;

use super::grain::Grain;

/// Number of lanes of the state.
pub const WIDTH: usize = 16;
/// Number of lanes absorbed and squeezed; lane 0 is the capacity.
pub const RATE: usize = WIDTH - 1;
/// Number of rounds with an S-box in each lane.
pub const FULL_ROUNDS: usize = 8;
/// Full rounds before, and after, the partial ones.
pub const HALF_FULL_ROUNDS: usize = FULL_ROUNDS / 2;
/// Number of rounds with an S-box in lane 0 only.
pub const PARTIAL_ROUNDS: usize = 57;

/// Constants of the permutation.
#[derive(Debug)]
pub struct Params {
    /// Constants of the full rounds, added to all lanes.
    pub full: [[Fr; WIDTH]; FULL_ROUNDS],
    /// Constants of the partial rounds, added to lane 0.
    pub partial: [Fr; PARTIAL_ROUNDS],
    /// `d`: the internal matrix is `J + diag(d)`, `J` all ones.
    pub internal: [Fr; WIDTH],
}

/// Diagonals that the generation script draws and rejects before the one it keeps.
const REJECTED_DIAGONALS: usize = 6;

/// The constants, generated once.
///
/// The generation script draws the round constants in the order of use and then diagonals of the
/// internal matrix (minus one here because `J` already carries a one) until the minimal polynomial
/// of the matrix and of its powers is irreducible of full degree, which rules out infinitely long
/// subspace trails (Poseidon2 paper, section 5.3). The rejections and the acceptance are
/// repeated in the tests, not at run time.
pub fn params() -> &'static Params {
    static PARAMS: OnceLock<Params> = OnceLock::new();
    PARAMS.get_or_init(|| {
        let (mut params, mut grain) = round_constants();
        for _ in 0..=REJECTED_DIAGONALS {
            params.internal.fill_with(|| grain.reduced() - Fr::ONE);
        }
        params
    })
}

/// The round constants, and the generator where it stands after them.
fn round_constants() -> (Params, Grain) {
    let mut grain = Grain::new(WIDTH as u16, FULL_ROUNDS as u16, PARTIAL_ROUNDS as u16);
    let mut params = Params {
        full: [[Fr::ZERO; WIDTH]; FULL_ROUNDS],
        partial: [Fr::ZERO; PARTIAL_ROUNDS],
        internal: [Fr::ZERO; WIDTH],
    };
    let (first, second) = params.full.split_at_mut(HALF_FULL_ROUNDS);
    first.as_flattened_mut().fill_with(|| grain.field());
    params.partial.fill_with(|| grain.field());
    second.as_flattened_mut().fill_with(|| grain.field());
    (params, grain)
}

#[cfg(test)]
mod tests {
    use ff::PrimeField;

    use super::*;

    type Matrix = [[Fr; WIDTH]; WIDTH];
    /// Coefficients of a polynomial modulo a monic one of degree 16, lowest first.
    type Residue = [Fr; WIDTH];

    fn matrix(diagonal: &[Fr; WIDTH]) -> Matrix {
        let mut matrix = [[Fr::ONE; WIDTH]; WIDTH];
        for (i, factor) in diagonal.iter().enumerate() {
            matrix[i][i] += factor;
        }
        matrix
    }

    fn apply(matrix: &Matrix, vector: &[Fr; WIDTH]) -> [Fr; WIDTH] {
        matrix.map(|row| row.iter().zip(vector).map(|(a, b)| a * b).sum())
    }

    /// Lower coefficients of the monic minimal polynomial if it has full degree: the dependence of
    /// `v, Mv, .., M^16 v` for a fixed `v`.
    fn minimal_polynomial(matrix: &Matrix) -> Option<Residue> {
        let mut vectors = vec![std::array::from_fn(|i| Fr::from(i as u64 * i as u64 + 1))];
        for i in 0..WIDTH {
            vectors.push(apply(matrix, &vectors[i]));
        }
        // Rows of the system sum_j c_j (M^j v)_i = (M^16 v)_i.
        let mut rows: Vec<Vec<Fr>> = (0..WIDTH)
            .map(|i| vectors.iter().map(|v| v[i]).collect())
            .collect();
        for pivot in 0..WIDTH {
            let found = (pivot..WIDTH).find(|&i| !bool::from(rows[i][pivot].is_zero()))?;
            rows.swap(pivot, found);
            let inverse = rows[pivot][pivot].invert().unwrap();
            let scaled: Vec<Fr> = rows[pivot].iter().map(|x| x * inverse).collect();
            for (i, row) in rows.iter_mut().enumerate() {
                let factor = row[pivot];
                if i == pivot {
                    row.clone_from(&scaled);
                } else {
                    row.iter_mut()
                        .zip(&scaled)
                        .for_each(|(x, y)| *x -= factor * y);
                }
            }
        }
        Some(std::array::from_fn(|i| -rows[i][WIDTH]))
    }

    fn multiply(a: &Residue, b: &Residue, modulus: &Residue) -> Residue {
        let mut wide = [Fr::ZERO; 2 * WIDTH - 1];
        for (i, x) in a.iter().enumerate() {
            for (j, y) in b.iter().enumerate() {
                wide[i + j] += x * y;
            }
        }
        for i in (WIDTH..wide.len()).rev() {
            let top = wide[i];
            for (j, m) in modulus.iter().enumerate() {
                wide[i - WIDTH + j] -= top * m;
            }
        }
        std::array::from_fn(|i| wide[i])
    }

    /// `x -> x^p`.
    fn frobenius(x: &Residue, modulus: &Residue) -> Residue {
        let mut one = [Fr::ZERO; WIDTH];
        one[0] = Fr::ONE;
        let exponent = (-Fr::ONE).to_repr();
        let mut power = one;
        for i in (0..256).rev() {
            power = multiply(&power, &power, modulus);
            if (exponent[i / 8] >> (i % 8)) & 1 == 1 {
                power = multiply(&power, x, modulus);
            }
        }
        multiply(&power, x, modulus)
    }

    /// Rabin's test for degree 16: `X^(p^16) = X`, and `X^(p^8) - X` is coprime to the modulus.
    fn is_irreducible(modulus: &Residue) -> bool {
        let mut x = [Fr::ZERO; WIDTH];
        x[1] = Fr::ONE;
        let mut power = x;
        let mut half = x;
        for i in 0..WIDTH {
            power = frobenius(&power, modulus);
            if i + 1 == WIDTH / 2 {
                half = power;
            }
        }
        let difference: Residue = std::array::from_fn(|i| half[i] - x[i]);
        power == x && coprime(modulus, &difference)
    }

    fn coprime(modulus: &Residue, other: &Residue) -> bool {
        let trim = |mut v: Vec<Fr>| {
            while v.last().is_some_and(|x| bool::from(x.is_zero())) {
                v.pop();
            }
            v
        };
        let mut a: Vec<Fr> = modulus.iter().copied().chain([Fr::ONE]).collect();
        let mut b = trim(other.to_vec());
        while b.len() > 1 {
            let inverse = b.last().unwrap().invert().unwrap();
            while a.len() >= b.len() {
                let factor = *a.last().unwrap() * inverse;
                let shift = a.len() - b.len();
                for (i, y) in b.iter().enumerate() {
                    a[shift + i] -= factor * y;
                }
                a.pop();
                a = trim(a);
            }
            std::mem::swap(&mut a, &mut b);
        }
        b.len() == 1
    }

    fn powers_are_irreducible(matrix: &Matrix) -> bool {
        let mut power = *matrix;
        (0..2 * WIDTH).all(|_| {
            let fits = minimal_polynomial(&power).is_some_and(|f| is_irreducible(&f));
            let columns: Matrix =
                std::array::from_fn(|j| apply(matrix, &std::array::from_fn(|i| power[i][j])));
            power = std::array::from_fn(|i| std::array::from_fn(|j| columns[j][i]));
            fits
        })
    }

    #[test]
    fn diagonal_is_the_first_without_subspace_trails() {
        let (_, mut grain) = round_constants();
        for _ in 0..REJECTED_DIAGONALS {
            let diagonal = std::array::from_fn(|_| grain.reduced() - Fr::ONE);
            assert!(!powers_are_irreducible(&matrix(&diagonal)));
        }
        assert!(powers_are_irreducible(&matrix(&params().internal)));
    }
}
