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

use core::arch::x86_64::__m512i;

use crate::poseidon2::{HALF_FULL_ROUNDS, RATE, WIDTH};

use super::{
    BlockIntegers,
    radix52::{Constants, Factor, LIMB, Limbs, NEGATIVE_INVERSE, NEGATIVE_P, P, join},
};

/// Permutations done at once.
pub(super) const LANES: usize = 8;

pulp::simd_type! {
    /// Proof that the processor has the instructions; the fields are the features.
    pub struct Ifma {
        pub avx512f: "avx512f",
        pub avx512ifma: "avx512ifma",
    }
}

/// One limb of eight elements.
type Vector = __m512i;
/// Eight elements.
type Wide = [Vector; 5];
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
    simd.vectorize(EightBlocks {
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

impl pulp::NullaryFnOnce for EightBlocks<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let simd = self.simd;
        let mut state = [[simd.zero(); 5]; WIDTH];
        state[0] = self.tag.map(|limb| simd.splat(limb));
        state[1] = self.key.map(|limb| simd.splat(limb));
        for (i, vector) in state[2].iter_mut().enumerate() {
            *vector = pulp::cast(self.indices.map(|index| index[i]));
        }
        simd.permute(self.constants, &mut state);
        for (output, wide) in state[1..=RATE].iter().enumerate() {
            let vectors: [[u64; LANES]; 5] = simd.leave_montgomery(wide).map(pulp::cast);
            for (lane, block) in self.out.iter_mut().enumerate() {
                block[output] = join(vectors.map(|vector| vector[lane]));
            }
        }
    }
}

impl Ifma {
    #[inline(always)]
    fn zero(self) -> Vector {
        self.splat(0)
    }

    #[inline(always)]
    fn splat(self, x: u64) -> Vector {
        self.avx512f._mm512_set1_epi64(x.cast_signed())
    }

    #[inline(always)]
    fn add(self, a: Vector, b: Vector) -> Vector {
        self.avx512f._mm512_add_epi64(a, b)
    }

    /// `sum + low 52 bits of a b`.
    #[inline(always)]
    fn low(self, sum: Vector, a: Vector, b: Vector) -> Vector {
        self.avx512ifma._mm512_madd52lo_epu64(sum, a, b)
    }

    /// `sum + a b / 2^52`.
    #[inline(always)]
    fn high(self, sum: Vector, a: Vector, b: Vector) -> Vector {
        self.avx512ifma._mm512_madd52hi_epu64(sum, a, b)
    }

    /// The carry out of a limb.
    #[inline(always)]
    fn carry(self, x: Vector) -> Vector {
        self.avx512f._mm512_srli_epi64::<LIMB>(x)
    }

    #[inline(always)]
    fn add_wide(self, a: &Wide, b: &Wide) -> Wide {
        core::array::from_fn(|i| self.add(a[i], b[i]))
    }

    #[inline(always)]
    fn double(self, a: &Wide) -> Wide {
        self.add_wide(a, a)
    }

    #[inline(always)]
    fn add_constant(self, a: &Wide, b: &Limbs) -> Wide {
        core::array::from_fn(|i| self.add(a[i], self.splat(b[i])))
    }

    /// Adds each limb's carry to the next and leaves the bits above 52 in place.
    #[inline(always)]
    fn carried(self, mut x: Wide) -> Wide {
        for i in 0..4 {
            x[i + 1] = self.add(x[i + 1], self.carry(x[i]));
        }
        x
    }

    /// Limbs below 2^52, modulo 2^260.
    #[inline(always)]
    fn normalized(self, x: Wide) -> Wide {
        let mask = self.splat((1 << LIMB) - 1);
        self.carried(x)
            .map(|limb| self.avx512f._mm512_and_si512(limb, mask))
    }

    /// Normalized and below `2.1 p`, from limbs below 2^63.
    #[inline(always)]
    fn reduce(self, x: &Wide, reciprocal: Vector) -> Wide {
        let top = self.add(x[4], self.carry(x[3]));
        // In units of 2^248, so that reciprocal = 2^300 / p gives the quotient.
        let top = self.avx512f._mm512_srli_epi64::<40>(top);
        let quotient = self.high(self.zero(), top, reciprocal);
        let mut out = *x;
        for (i, limb) in NEGATIVE_P.into_iter().enumerate() {
            out[i] = self.low(out[i], quotient, self.splat(limb));
            if i < 4 {
                out[i + 1] = self.high(out[i + 1], quotient, self.splat(limb));
            }
        }
        self.normalized(out)
    }

    /// Montgomery steps on a product in ten limbs; the result has carries still inside.
    #[inline(always)]
    fn montgomery(self, mut t: [Vector; 10]) -> Wide {
        for i in 0..5 {
            let q = self.low(self.zero(), t[i], self.splat(NEGATIVE_INVERSE));
            for (j, limb) in P.into_iter().enumerate() {
                t[i + j] = self.low(t[i + j], q, self.splat(limb));
                t[i + j + 1] = self.high(t[i + j + 1], q, self.splat(limb));
            }
            t[i + 1] = self.add(t[i + 1], self.carry(t[i]));
        }
        [t[5], t[6], t[7], t[8], t[9]]
    }

    #[inline(always)]
    fn multiply(self, a: &Wide, b: &Wide) -> Wide {
        let mut t = [self.zero(); 10];
        for i in 0..5 {
            for j in 0..5 {
                t[i + j] = self.low(t[i + j], a[i], b[j]);
                t[i + j + 1] = self.high(t[i + j + 1], a[i], b[j]);
            }
        }
        self.montgomery(t)
    }

    #[inline(always)]
    fn square(self, a: &Wide) -> Wide {
        let mut t = [self.zero(); 10];
        for i in 0..5 {
            for j in i + 1..5 {
                t[i + j] = self.low(t[i + j], a[i], a[j]);
                t[i + j + 1] = self.high(t[i + j + 1], a[i], a[j]);
            }
        }
        t = t.map(|x| self.add(x, x));
        for i in 0..5 {
            t[2 * i] = self.low(t[2 * i], a[i], a[i]);
            t[2 * i + 1] = self.high(t[2 * i + 1], a[i], a[i]);
        }
        self.montgomery(t)
    }

    /// `x^5`, with carries still inside.
    #[inline(always)]
    fn sbox(self, x: &Wide) -> Wide {
        let square = self.carried(self.square(x));
        let fourth = self.carried(self.square(&square));
        self.multiply(&fourth, x)
    }

    /// `c x + sum`, normalized; `c x` is below `12 p`.
    ///
    /// With `c' = floor(c 2^260 / p)`, `x c' / 2^260` is `c x / p` but for less than one. Of the
    /// product `x c'` only limbs 5 to 9 are computed, which loses less than 10 more.
    #[inline(always)]
    fn scale(self, x: &Wide, factor: &Factor, sum: &Wide) -> Wide {
        let mut quotient = [self.zero(); 5];
        for i in 0..5 {
            for j in 4 - i..5 {
                let c = self.splat(factor.quotient[j]);
                if i + j >= 5 {
                    quotient[i + j - 5] = self.low(quotient[i + j - 5], x[i], c);
                }
                quotient[i + j - 4] = self.high(quotient[i + j - 4], x[i], c);
            }
        }
        let quotient = self.carried(quotient);
        let mut out = *sum;
        for i in 0..5 {
            for j in 0..5 - i {
                let (c, p) = (self.splat(factor.value[j]), self.splat(NEGATIVE_P[j]));
                out[i + j] = self.low(out[i + j], x[i], c);
                out[i + j] = self.low(out[i + j], quotient[i], p);
                if i + j < 4 {
                    out[i + j + 1] = self.high(out[i + j + 1], x[i], c);
                    out[i + j + 1] = self.high(out[i + j + 1], quotient[i], p);
                }
            }
        }
        self.normalized(out)
    }

    /// Out of Montgomery form: normalized, in `0 ..= p`.
    #[inline(always)]
    fn leave_montgomery(self, x: &Wide) -> Wide {
        let zero = self.zero();
        let t = [x[0], x[1], x[2], x[3], x[4], zero, zero, zero, zero, zero];
        self.normalized(self.montgomery(t))
    }

    /// The matrix of the external rounds; see [`crate::poseidon2`].
    #[inline(always)]
    fn external(self, state: &mut State) {
        for group in 0..4 {
            let [a, b, c, d] = core::array::from_fn(|i| state[4 * group + i]);
            let t0 = self.add_wide(&a, &b);
            let t1 = self.add_wide(&c, &d);
            let t2 = self.add_wide(&self.double(&b), &t1);
            let t3 = self.add_wide(&self.double(&d), &t0);
            let t4 = self.add_wide(&self.double(&self.double(&t1)), &t3);
            let t5 = self.add_wide(&self.double(&self.double(&t0)), &t2);
            state[4 * group] = self.add_wide(&t3, &t5);
            state[4 * group + 1] = t5;
            state[4 * group + 2] = self.add_wide(&t2, &t4);
            state[4 * group + 3] = t4;
        }
        for residue in 0..4 {
            let sum = self.add_wide(
                &self.add_wide(&state[residue], &state[residue + 4]),
                &self.add_wide(&state[residue + 8], &state[residue + 12]),
            );
            for group in 0..4 {
                let lane = &mut state[4 * group + residue];
                *lane = self.add_wide(lane, &sum);
            }
        }
    }

    #[inline(always)]
    fn permute(self, constants: &Constants, state: &mut State) {
        let reciprocal = self.splat(constants.reciprocal);
        for (round, full) in constants.full.iter().enumerate() {
            self.external(state);
            if round == HALF_FULL_ROUNDS {
                self.partial_rounds(constants, state);
            }
            for (lane, constant) in state.iter_mut().zip(full) {
                let x = self.reduce(&self.add_constant(lane, constant), reciprocal);
                *lane = self.sbox(&x);
            }
        }
        self.external(state);
        for lane in state {
            *lane = self.reduce(lane, reciprocal);
        }
    }

    #[inline(always)]
    fn partial_rounds(self, constants: &Constants, state: &mut State) {
        let reciprocal = self.splat(constants.reciprocal);
        for lane in state.iter_mut() {
            *lane = self.reduce(lane, reciprocal);
        }
        for constant in &constants.partial {
            let x = self.carried(self.add_constant(&state[0], constant));
            state[0] = self.reduce(&self.sbox(&x), reciprocal);
            let sum = state[1..]
                .iter()
                .fold(state[0], |sum, lane| self.add_wide(&sum, lane));
            let sum = self.reduce(&sum, reciprocal);
            for (lane, factor) in state.iter_mut().zip(&constants.internal) {
                *lane = self.scale(lane, factor, &sum);
            }
        }
    }
}
