//! Poseidon2 over the scalar field at width 16, one permutation at a time.
//!
//! The circuits have the same permutation for proving; this one combines a handful of digests, so
//! it is short rather than fast, and draws its constants each time. Grassi, Khovratovich,
//! Schofnegger: *Poseidon2* (ePrint 2023/323).

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field, PrimeField};

/// Number of lanes of the state.
const WIDTH: usize = 16;
/// Lanes that take inputs; lane 0 is the capacity.
pub const RATE: usize = WIDTH - 1;
const HALF_FULL_ROUNDS: usize = 4;
const PARTIAL_ROUNDS: usize = 57;
/// Diagonals of the internal matrix that the authors' script draws and rejects before the one it
/// keeps; `nascent-circuits` repeats the test.
const REJECTED_DIAGONALS: usize = 6;
/// Bits of the field's modulus.
const FIELD_BITS: u32 = 254;

/// `P(tag; inputs)`: lane 1 after one permutation of `(tag, inputs, 0, ..)`.
///
/// Inputs beyond [`RATE`] are not taken up: callers bound their number.
pub fn hash(tag: Fr, inputs: &[Fr]) -> Fr {
    let mut state = [Fr::ZERO; WIDTH];
    let (capacity, rate) = state.split_at_mut(1);
    capacity.fill(tag);
    rate.iter_mut()
        .zip(inputs)
        .for_each(|(lane, input)| *lane = *input);
    permute(&mut state);
    let [_, output, ..] = state;
    output
}

/// `M_E`, then 4 full rounds, 57 partial rounds, 4 full rounds.
fn permute(state: &mut [Fr; WIDTH]) {
    let mut grain = Grain::new(16, 8, 57);
    let first = full_constants(&mut grain);
    let partial: [Fr; PARTIAL_ROUNDS] = core::array::from_fn(|_| grain.field());
    let last = full_constants(&mut grain);
    let mut diagonal = [Fr::ZERO; WIDTH];
    for _ in 0..=REJECTED_DIAGONALS {
        // Minus one: the all-ones matrix has a one on the diagonal already.
        diagonal.fill_with(|| grain.reduced() - Fr::ONE);
    }
    external(state);
    first.iter().for_each(|constants| full(state, constants));
    for constant in partial {
        let [first, ..] = state;
        *first = sbox(*first + constant);
        internal(state, &diagonal);
    }
    last.iter().for_each(|constants| full(state, constants));
}

fn full_constants(grain: &mut Grain) -> [[Fr; WIDTH]; HALF_FULL_ROUNDS] {
    core::array::from_fn(|_| core::array::from_fn(|_| grain.field()))
}

fn full(state: &mut [Fr; WIDTH], constants: &[Fr; WIDTH]) {
    for (lane, constant) in state.iter_mut().zip(constants) {
        *lane = sbox(*lane + constant);
    }
    external(state);
}

fn sbox(x: Fr) -> Fr {
    x.square().square() * x
}

/// `M_I`: the sum of all lanes plus `d_j` times lane `j`.
fn internal(state: &mut [Fr; WIDTH], diagonal: &[Fr; WIDTH]) {
    let sum: Fr = state.iter().sum();
    for (lane, factor) in state.iter_mut().zip(diagonal) {
        *lane = *lane * factor + sum;
    }
}

/// `M_E = circ(2 M_4, M_4, M_4, M_4)`.
fn external(state: &mut [Fr; WIDTH]) {
    const M4: [[u64; 4]; 4] = [[5, 7, 1, 3], [4, 6, 1, 1], [1, 3, 5, 7], [1, 1, 4, 6]];
    let mut sums = [Fr::ZERO; 4];
    let (groups, _) = state.as_chunks_mut::<4>();
    for group in groups.iter_mut() {
        *group = M4.map(|row| {
            let terms = row.iter().zip(&*group);
            terms.map(|(factor, lane)| Fr::from(*factor) * lane).sum()
        });
        let lanes = sums.iter_mut().zip(&*group);
        lanes.for_each(|(sum, lane)| *sum += lane);
    }
    for group in groups {
        let lanes = group.iter_mut().zip(&sums);
        lanes.for_each(|(lane, sum)| *lane += sum);
    }
}

/// The Grain LFSR in self-shrinking mode, source of the constants.
///
/// Poseidon paper (ePrint 2019/458), appendix E; Poseidon2 uses the same generator with fewer
/// constants in the partial rounds.
#[derive(Debug)]
pub struct Grain {
    /// The 80-bit register; bit 0 is the oldest.
    state: u128,
}

impl Grain {
    /// Generator for the scalar field, S-box `x^5`, this width and these numbers of rounds.
    pub fn new(width: u16, full_rounds: u16, partial_rounds: u16) -> Self {
        let fields: [(u32, u32); 7] = [
            (1, 2), // prime field
            (0, 4), // S-box x^alpha
            (FIELD_BITS, 12),
            (width.into(), 12),
            (full_rounds.into(), 10),
            (partial_rounds.into(), 10),
            ((1 << 30) - 1, 30),
        ];
        let bits = fields
            .into_iter()
            .flat_map(|(value, width)| (0..width).rev().map(move |bit| (value >> bit) & 1));
        let state = (0_u32..)
            .zip(bits)
            .fold(0, |state, (place, bit)| state | (u128::from(bit) << place));
        let mut grain = Self { state };
        for _ in 0..160 {
            grain.clock();
        }
        grain
    }

    fn clock(&mut self) -> bool {
        let tap = |place: u32| (self.state >> place) & 1;
        let bit = tap(62) ^ tap(51) ^ tap(38) ^ tap(23) ^ tap(13) ^ tap(0);
        self.state = (self.state >> 1) | (bit << 79);
        bit == 1
    }

    /// One output bit: of each pair of register bits, the second is kept when the first is one.
    fn bit(&mut self) -> bool {
        while !self.clock() {
            self.clock();
        }
        self.clock()
    }

    /// The next 254-bit integer, most significant bit first, as little-endian bytes.
    pub fn integer(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for place in (0..FIELD_BITS).rev() {
            let bit = u8::from(self.bit()) << (place % 8);
            if let Some(byte) = bytes.get_mut((place / 8) as usize) {
                *byte |= bit;
            }
        }
        bytes
    }

    /// The next field element, by rejection of integers that are not below the modulus.
    fn field(&mut self) -> Fr {
        loop {
            if let Ok(value) = crate::encoding::scalar_from_bytes(&self.integer()) {
                return value;
            }
        }
    }

    /// The next integer modulo the field's modulus; the authors' script draws matrices so.
    fn reduced(&mut self) -> Fr {
        Fr::from_le_bytes_mod_order(&self.integer())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PUBLIC_SEED_PK;
    use crate::digest::to_scalar;
    use crate::encoding::scalar_to_bytes;

    /// `nascent-circuits` compares the permutation with an independent one; this is its value.
    #[test]
    fn the_key_of_a_public_seed() {
        let mut tag = [0; 32];
        tag[19..].copy_from_slice(b"nascent/pk/v1");
        let key = hash(to_scalar(&tag), &[Fr::ZERO]);
        assert_eq!(scalar_to_bytes(&key), PUBLIC_SEED_PK);
    }

    /// The value that `book/conformance.py` prints.
    #[test]
    fn the_vector_of_the_book() {
        let mut tag = [0; 32];
        tag[18..].copy_from_slice(b"nascent/bcn/v1");
        let two = hash(to_scalar(&tag), &[2, 1, 2].map(|x: u64| Fr::from(x)));
        let start = [0xab, 0x7d, 0xf5, 0x9e, 0xc3, 0x97, 0x3c, 0x94];
        assert_eq!(scalar_to_bytes(&two)[..8], start);
    }

    #[test]
    fn inputs_have_their_places() {
        let (a, b) = (Fr::from(1_u64), Fr::from(2_u64));
        let outputs = [hash(a, &[a, b]), hash(a, &[b, a]), hash(b, &[a, b])];
        assert!(outputs[0] != outputs[1] && outputs[0] != outputs[2]);
    }
}
