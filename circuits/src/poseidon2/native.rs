//! The permutation on field elements.

use ff::Field;
use halo2curves::bn256::Fr;

use super::params::{HALF_FULL_ROUNDS, Params, RATE, WIDTH, params};

/// Applies the permutation in place.
pub fn permute(state: &mut [Fr; WIDTH]) {
    let params = params();
    let (first, last) = params.full.split_at(HALF_FULL_ROUNDS);
    external(state);
    for constants in first {
        full_round(state, constants);
    }
    for constant in &params.partial {
        state[0] = sbox(state[0] + constant);
        internal(params, state);
    }
    for constants in last {
        full_round(state, constants);
    }
}

/// Hash of at most 15 elements under a domain tag: lane 1 after one permutation.
///
/// # Panics
///
/// If there are more than 15 inputs.
pub fn hash(tag: Fr, inputs: &[Fr]) -> Fr {
    assert!(inputs.len() <= RATE, "one permutation absorbs 15 elements");
    let mut state = [Fr::ZERO; WIDTH];
    state[0] = tag;
    state[1..=inputs.len()].copy_from_slice(inputs);
    permute(&mut state);
    state[1]
}

fn full_round(state: &mut [Fr; WIDTH], constants: &[Fr; WIDTH]) {
    for (lane, constant) in state.iter_mut().zip(constants) {
        *lane = sbox(*lane + constant);
    }
    external(state);
}

fn sbox(x: Fr) -> Fr {
    x.square().square() * x
}

/// `M_I`: the sum of all lanes plus `d_j` times lane `j`.
pub(super) fn internal(params: &Params, state: &mut [Fr; WIDTH]) {
    let sum = state.iter().sum::<Fr>();
    for (lane, factor) in state.iter_mut().zip(&params.internal) {
        *lane = *lane * factor + sum;
    }
}

/// `M_E = circ(2 M_4, M_4, M_4, M_4)`: `M_4` on each group of four lanes, then to each lane the
/// sum of the lanes of its residue modulo 4.
pub(super) fn external(state: &mut [Fr; WIDTH]) {
    for group in state.chunks_exact_mut(4) {
        let [a, b, c, d] = [group[0], group[1], group[2], group[3]];
        // Poseidon2 paper, section 5.1: M_4 in 8 additions and 4 doublings.
        let t0 = a + b;
        let t1 = c + d;
        let t2 = b.double() + t1;
        let t3 = d.double() + t0;
        let t4 = t1.double().double() + t3;
        let t5 = t0.double().double() + t2;
        group[0] = t3 + t5;
        group[1] = t5;
        group[2] = t2 + t4;
        group[3] = t4;
    }
    for residue in 0..4 {
        let sum = state[residue] + state[residue + 4] + state[residue + 8] + state[residue + 12];
        for lane in state.iter_mut().skip(residue).step_by(4) {
            *lane += sum;
        }
    }
}

#[cfg(test)]
mod tests {
    use ark_ff::{BigInteger, PrimeField as _};
    use ff::PrimeField;

    use super::*;

    fn to_ark(x: Fr) -> ark_bn254::Fr {
        ark_bn254::Fr::from_le_bytes_mod_order(x.to_repr().as_ref())
    }

    fn from_ark(x: ark_bn254::Fr) -> Fr {
        let bytes: [u8; 32] = x.into_bigint().to_bytes_le().try_into().expect("32 bytes");
        Fr::from_repr(bytes).expect("canonical")
    }

    #[test]
    fn agrees_with_the_independent_instance() {
        for seed in 0..20u64 {
            let mut state: [Fr; WIDTH] =
                std::array::from_fn(|i| (Fr::from(seed * 31 + i as u64) - Fr::from(7)).cube());
            let expected = taceo_poseidon2::bn254::t16::permutation(&state.map(to_ark));
            permute(&mut state);
            assert_eq!(state, expected.map(from_ark));
        }
    }

    #[test]
    fn agrees_with_the_verifier() {
        for number in 0..=RATE {
            let inputs: Vec<Fr> = (1..=number as u64).map(|i| Fr::from(i).cube()).collect();
            let theirs: Vec<_> = inputs.iter().map(|input| to_ark(*input)).collect();
            let tag = Fr::from(77);
            let expected = nascent_verifier::poseidon2::hash(to_ark(tag), &theirs);
            assert_eq!(hash(tag, &inputs), from_ark(expected));
        }
    }

    #[test]
    fn external_matrix_is_the_circulant_of_m4() {
        let m4 = [[5u64, 7, 1, 3], [4, 6, 1, 1], [1, 3, 5, 7], [1, 1, 4, 6]];
        for column in 0..WIDTH {
            let mut state = [Fr::ZERO; WIDTH];
            state[column] = Fr::ONE;
            external(&mut state);
            for (row, value) in state.iter().enumerate() {
                let scale = if row / 4 == column / 4 { 2 } else { 1 };
                assert_eq!(*value, Fr::from(scale * m4[row % 4][column % 4]));
            }
        }
    }
}
