//! Eight permutations at once with AVX-512 IFMA.
//!
//! A vector holds one limb of eight elements; five vectors are eight elements ([`Wide`]). The
//! instructions add the low or high 52 bits of a product of 52-bit operands to a 64-bit
//! accumulator; they ignore operand bits above 52, so operands need carries but no masks.
//!
//! Bounds, as multiples of `p` (`2^260 = 84.6 p`):
//!
//! | value | bound | why |
//! |---|---|---|
//! | [`reduce`] | 2.1 | the quotient estimate is low by at most 1.1 |
//! | [`scale`] | 12 | the quotient estimate is low by at most 11 |
//! | lane after an internal round | 14.1 | `scale` plus a reduced sum |
//! | input of an S-box | 15.1 | plus a round constant |
//! | `x^2`, `x^4`, `x^5` | 3.8, 1.2, 1.3 | a Montgomery product is `a b / 84.6 + 1` |
//! | lane after an external round | 104 | `x^5` times the row sum 80 of the external matrix |
//!
//! Sums may exceed `2^260` (their top limb has the room), operands of products never do.

use halo2curves::bn256::Fr;
use nascent_field::{
    ifma::{Ifma, Kernel, LANES, Wide, lanes, vector},
    radix52::{Limbs, Modulus},
};

use crate::poseidon2::{HALF_FULL_ROUNDS, RATE, WIDTH};

use super::{
    BlockIntegers,
    radix52::{Constants, Factor, integer_of},
};

/// Eight states.
type State = [Wide; WIDTH];

/// Outputs of eight blocks, given the first lanes of their inputs in Montgomery form.
pub(super) fn eight_blocks(
    simd: Ifma,
    constants: &Constants,
    tag: &Limbs,
    key: &Limbs,
    indices: &[Limbs; LANES],
    out: &mut [BlockIntegers; LANES],
) {
    simd.run(EightBlocks {
        simd,
        constants,
        tag,
        key,
        indices,
        out,
    });
}

struct EightBlocks<'a> {
    simd: Ifma,
    constants: &'a Constants,
    tag: &'a Limbs,
    key: &'a Limbs,
    indices: &'a [Limbs; LANES],
    out: &'a mut [BlockIntegers; LANES],
}

impl Kernel for EightBlocks<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let simd = self.simd;
        let mut state = [[simd.zero(); 5]; WIDTH];
        state[0] = simd.splat_limbs(self.tag);
        state[1] = simd.splat_limbs(self.key);
        for (i, limb) in state[2].iter_mut().enumerate() {
            *limb = vector(self.indices.map(|index| index[i]));
        }
        permute(simd, self.constants, &mut state);
        for (output, wide) in state[1..=RATE].iter().enumerate() {
            let words = leave_montgomery(simd, wide).map(lanes);
            for (lane, block) in self.out.iter_mut().enumerate() {
                block[output] = integer_of(words.map(|limb| limb[lane]));
            }
        }
    }
}

/// `x^5`, with carries still inside.
#[inline(always)]
fn sbox(simd: Ifma, x: &Wide) -> Wide {
    let square = simd.carried(simd.square::<Fr>(x));
    let fourth = simd.carried(simd.square::<Fr>(&square));
    simd.multiply::<Fr>(&fourth, x)
}

/// `c x + sum`, normalized; `c x` is below `12 p`.
///
/// With `c' = floor(c 2^260 / p)`, `x c' / 2^260` is `c x / p` but for less than one. Of the
/// product `x c'` only limbs 5 to 9 are computed, which loses less than 10 more.
#[inline(always)]
fn scale(simd: Ifma, x: &Wide, factor: &Factor, sum: &Wide) -> Wide {
    let mut quotient = [simd.zero(); 5];
    for i in 0..5 {
        for j in 4 - i..5 {
            let c = simd.splat(factor.quotient[j]);
            if i + j >= 5 {
                quotient[i + j - 5] = simd.low(quotient[i + j - 5], x[i], c);
            }
            quotient[i + j - 4] = simd.high(quotient[i + j - 4], x[i], c);
        }
    }
    let quotient = simd.carried(quotient);
    let mut out = *sum;
    for i in 0..5 {
        for j in 0..5 - i {
            let (c, p) = (simd.splat(factor.value[j]), simd.splat(Fr::NEGATIVE_P[j]));
            out[i + j] = simd.low(out[i + j], x[i], c);
            out[i + j] = simd.low(out[i + j], quotient[i], p);
            if i + j < 4 {
                out[i + j + 1] = simd.high(out[i + j + 1], x[i], c);
                out[i + j + 1] = simd.high(out[i + j + 1], quotient[i], p);
            }
        }
    }
    simd.normalized(out)
}

/// Out of Montgomery form: normalized, in `0 ..= p`.
#[inline(always)]
fn leave_montgomery(simd: Ifma, x: &Wide) -> Wide {
    let zero = simd.zero();
    let t = [x[0], x[1], x[2], x[3], x[4], zero, zero, zero, zero, zero];
    simd.normalized(simd.montgomery::<Fr>(t))
}

/// The matrix of the external rounds; see [`crate::poseidon2`].
#[inline(always)]
fn external(simd: Ifma, state: &mut State) {
    for group in 0..4 {
        let [a, b, c, d] = core::array::from_fn(|i| state[4 * group + i]);
        let t0 = simd.add(&a, &b);
        let t1 = simd.add(&c, &d);
        let t2 = simd.add(&simd.double(&b), &t1);
        let t3 = simd.add(&simd.double(&d), &t0);
        let t4 = simd.add(&simd.double(&simd.double(&t1)), &t3);
        let t5 = simd.add(&simd.double(&simd.double(&t0)), &t2);
        state[4 * group] = simd.add(&t3, &t5);
        state[4 * group + 1] = t5;
        state[4 * group + 2] = simd.add(&t2, &t4);
        state[4 * group + 3] = t4;
    }
    for residue in 0..4 {
        let sum = simd.add(
            &simd.add(&state[residue], &state[residue + 4]),
            &simd.add(&state[residue + 8], &state[residue + 12]),
        );
        for group in 0..4 {
            let lane = &mut state[4 * group + residue];
            *lane = simd.add(lane, &sum);
        }
    }
}

#[inline(always)]
fn permute(simd: Ifma, constants: &Constants, state: &mut State) {
    for (round, full) in constants.full.iter().enumerate() {
        external(simd, state);
        if round == HALF_FULL_ROUNDS {
            partial_rounds(simd, constants, state);
        }
        for (lane, constant) in state.iter_mut().zip(full) {
            let x = simd.reduce::<Fr>(&simd.add_constant(lane, constant));
            *lane = sbox(simd, &x);
        }
    }
    external(simd, state);
    for lane in state {
        *lane = simd.reduce::<Fr>(lane);
    }
}

#[inline(always)]
fn partial_rounds(simd: Ifma, constants: &Constants, state: &mut State) {
    for lane in state.iter_mut() {
        *lane = simd.reduce::<Fr>(lane);
    }
    for constant in &constants.partial {
        let x = simd.carried(simd.add_constant(&state[0], constant));
        state[0] = simd.reduce::<Fr>(&sbox(simd, &x));
        let sum = state[1..]
            .iter()
            .fold(state[0], |sum, lane| simd.add(&sum, lane));
        let sum = simd.reduce::<Fr>(&sum);
        for (lane, factor) in state.iter_mut().zip(&constants.internal) {
            *lane = scale(simd, lane, factor, &sum);
        }
    }
}
