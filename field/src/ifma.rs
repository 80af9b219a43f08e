//! Arithmetic on eight elements with AVX-512 IFMA.
//!
//! A vector holds one limb of eight elements; five vectors are eight elements ([`Wide`]). The
//! instructions add the low or high 52 bits of a product of 52-bit operands to a 64-bit
//! accumulator; they ignore operand bits above 52.
//!
//! Limbs are signed while sums are formed. Three states, each good for the ones before:
//!
//! - *loose*: limbs below `2^62` in absolute value;
//! - *carried*: each limb's carry was added to the next but not removed, so only the low 52 bits
//!   count: good as a factor, not as a summand. The integer must be in `0 .. 2^260`;
//! - *normalized*: limbs in `0 .. 2^52`.
//!
//! Kernels must not compute in closures: a closure is compiled without the instructions, and then
//! each of them is a call. (Loops over arrays are unrolled.)
//!
//! Bounds on integers are multiples of `p` (`2^260 = 84.6 p`). The Montgomery product of `a p` and
//! `b p` is below `(a b / 84.6 + 1) p`, loose, with limbs below `2^56.4`. Callers state their
//! bounds.

use core::arch::x86_64::__m512i;

use crate::radix52::{LIMB, Limbs, MASK, Modulus, enter, from_words, join, leave, split, words};

/// Elements computed at once.
pub const LANES: usize = 8;

pulp::simd_type! {
    /// Proof that the processor has the instructions.
    pub struct Ifma {
        avx512f: "avx512f",
        avx512ifma: "avx512ifma",
    }
}

/// One limb of eight elements.
pub type Vector = __m512i;
/// Eight elements.
pub type Wide = [Vector; 5];
/// Eight elements of 256 bits each, packed: vectors of words, the lowest first.
pub type Words = [Vector; 4];
/// Sums of products, before Montgomery's steps.
pub type Accumulator = [Vector; 10];

/// Code to run with the instructions enabled; `call` must be `#[inline(always)]`.
pub use pulp::NullaryFnOnce as Kernel;

/// Eight equal words, without the instructions.
pub fn constant(x: u64) -> Vector {
    pulp::cast([x; LANES])
}

/// Eight times zero, without the instructions.
pub fn zeros() -> Wide {
    [constant(0); 5]
}

/// The words of a vector, one a lane.
#[inline(always)]
pub fn lanes(x: Vector) -> [u64; LANES] {
    pulp::cast(x)
}

/// A vector of words, one a lane.
#[inline(always)]
pub fn vector(x: [u64; LANES]) -> Vector {
    pulp::cast(x)
}

impl Ifma {
    /// Runs a kernel.
    #[inline(always)]
    pub fn run<K: Kernel>(self, kernel: K) -> K::Output {
        self.vectorize(kernel)
    }

    /// Zero in each lane.
    #[inline(always)]
    pub fn zero(self) -> Vector {
        self.splat(0)
    }

    /// The same word in each lane.
    #[inline(always)]
    pub fn splat(self, x: u64) -> Vector {
        self.avx512f._mm512_set1_epi64(x.cast_signed())
    }

    /// The same limbs in each lane.
    #[inline(always)]
    pub fn splat_limbs(self, x: &Limbs) -> Wide {
        let mut out = [self.zero(); 5];
        for i in 0..5 {
            out[i] = self.splat(x[i]);
        }
        out
    }

    /// `sum + low 52 bits of a b`.
    #[inline(always)]
    pub fn low(self, sum: Vector, a: Vector, b: Vector) -> Vector {
        self.avx512ifma._mm512_madd52lo_epu64(sum, a, b)
    }

    /// `sum + a b / 2^52`.
    #[inline(always)]
    pub fn high(self, sum: Vector, a: Vector, b: Vector) -> Vector {
        self.avx512ifma._mm512_madd52hi_epu64(sum, a, b)
    }

    #[inline(always)]
    fn plus(self, a: Vector, b: Vector) -> Vector {
        self.avx512f._mm512_add_epi64(a, b)
    }

    #[inline(always)]
    fn minus(self, a: Vector, b: Vector) -> Vector {
        self.avx512f._mm512_sub_epi64(a, b)
    }

    /// The signed carry out of a limb.
    #[inline(always)]
    fn carry(self, x: Vector) -> Vector {
        self.avx512f._mm512_srai_epi64::<LIMB>(x)
    }

    /// Sum of loose elements.
    #[inline(always)]
    pub fn add(self, a: &Wide, b: &Wide) -> Wide {
        let mut out = *a;
        for i in 0..5 {
            out[i] = self.plus(a[i], b[i]);
        }
        out
    }

    /// Twice a loose element.
    #[inline(always)]
    pub fn double(self, a: &Wide) -> Wide {
        self.add(a, a)
    }

    /// Sum with one element.
    #[inline(always)]
    pub fn add_constant(self, a: &Wide, b: &Limbs) -> Wide {
        let mut out = *a;
        for i in 0..5 {
            out[i] = self.plus(a[i], self.splat(b[i]));
        }
        out
    }

    /// `a - b + multiple * p`; not negative if `b` is at most `multiple * p`, below `2^8`.
    #[inline(always)]
    pub fn subtract<F: Modulus>(self, a: &Wide, b: &Wide, multiple: u64) -> Wide {
        let mut out = *a;
        for i in 0..5 {
            out[i] = self.minus(self.plus(a[i], self.splat(multiple * F::P[i])), b[i]);
        }
        out
    }

    /// `multiple * p - x` in the lanes of `mask`, `x` in the others.
    #[inline(always)]
    pub fn negate_lanes<F: Modulus>(self, x: &Wide, mask: u8, multiple: u64) -> Wide {
        let mut out = *x;
        for i in 0..5 {
            let p = self.splat(multiple * F::P[i]);
            out[i] = self.avx512f._mm512_mask_sub_epi64(x[i], mask, p, x[i]);
        }
        out
    }

    /// Carried, from loose.
    #[inline(always)]
    pub fn carried(self, mut x: Wide) -> Wide {
        for i in 0..4 {
            x[i + 1] = self.plus(x[i + 1], self.carry(x[i]));
        }
        x
    }

    /// Normalized modulo `2^260`, from loose.
    #[inline(always)]
    pub fn normalized(self, x: Wide) -> Wide {
        let mask = self.splat(MASK);
        let mut out = self.carried(x);
        for limb in &mut out {
            *limb = self.avx512f._mm512_and_si512(*limb, mask);
        }
        out
    }

    /// Normalized and below `2.1 p`, from a loose element in `0 .. 2^270`.
    ///
    /// The quotient estimate is low by at most 1.1: one for rounding it down, and the 40 bits cut
    /// off count for less than `2^248 / p = 0.03`.
    #[inline(always)]
    pub fn reduce<F: Modulus>(self, x: &Wide) -> Wide {
        let top = self.carried(*x)[4];
        // In units of 2^248, so that floor(2^300 / p) gives the quotient.
        let top = self.avx512f._mm512_srli_epi64::<40>(top);
        let quotient = self.high(self.zero(), top, self.splat(F::RECIPROCAL));
        let mut out = *x;
        for i in 0..5 {
            let limb = self.splat(F::NEGATIVE_P[i]);
            out[i] = self.low(out[i], quotient, limb);
            if i < 4 {
                out[i + 1] = self.high(out[i + 1], quotient, limb);
            }
        }
        self.normalized(out)
    }

    /// `x - p` in the lanes where that is not negative, `x` in the others; normalized, from loose.
    #[inline(always)]
    pub fn subtract_once<F: Modulus>(self, x: &Wide) -> Wide {
        let x = self.normalized(*x);
        let mut difference = x;
        for i in 0..5 {
            difference[i] = self.minus(x[i], self.splat(F::P[i]));
        }
        let mut out = self.carried(difference);
        let less = self.avx512f._mm512_cmplt_epi64_mask(out[4], self.zero());
        let mask = self.splat(MASK);
        for i in 0..5 {
            let limb = self.avx512f._mm512_and_si512(out[i], mask);
            out[i] = self.avx512f._mm512_mask_blend_epi64(less, limb, x[i]);
        }
        out
    }

    /// Montgomery's steps on a sum of products below `84.6 * 84.6 p^2` whose limbs are not
    /// negative and below `2^63`; loose.
    #[inline(always)]
    pub fn montgomery<F: Modulus>(self, mut t: Accumulator) -> Wide {
        let inverse = self.splat(F::NEGATIVE_INVERSE);
        for i in 0..5 {
            let q = self.low(self.zero(), t[i], inverse);
            for j in 0..5 {
                let limb = self.splat(F::P[j]);
                t[i + j] = self.low(t[i + j], q, limb);
                t[i + j + 1] = self.high(t[i + j + 1], q, limb);
            }
            t[i + 1] = self.plus(t[i + 1], self.carry(t[i]));
        }
        [t[5], t[6], t[7], t[8], t[9]]
    }

    /// `t + a b`, without Montgomery's steps; adds less than `2^55.4` to a limb. The factors are
    /// carried.
    #[inline(always)]
    pub fn accumulate(self, t: &mut Accumulator, a: &Wide, b: &Wide) {
        for i in 0..5 {
            for j in 0..5 {
                t[i + j] = self.low(t[i + j], a[i], b[j]);
                t[i + j + 1] = self.high(t[i + j + 1], a[i], b[j]);
            }
        }
    }

    /// Montgomery product of carried factors; loose.
    #[inline(always)]
    pub fn multiply<F: Modulus>(self, a: &Wide, b: &Wide) -> Wide {
        let mut t = [self.zero(); 10];
        self.accumulate(&mut t, a, b);
        self.montgomery::<F>(t)
    }

    /// Montgomery square of a carried factor; loose.
    #[inline(always)]
    pub fn square<F: Modulus>(self, a: &Wide) -> Wide {
        let mut t = [self.zero(); 10];
        for i in 0..5 {
            for j in i + 1..5 {
                t[i + j] = self.low(t[i + j], a[i], a[j]);
                t[i + j + 1] = self.high(t[i + j + 1], a[i], a[j]);
            }
        }
        for x in &mut t {
            *x = self.plus(*x, *x);
        }
        for i in 0..5 {
            t[2 * i] = self.low(t[2 * i], a[i], a[i]);
            t[2 * i + 1] = self.high(t[2 * i + 1], a[i], a[i]);
        }
        self.montgomery::<F>(t)
    }

    /// Limbs from 256-bit integers in four vectors of words.
    #[inline(always)]
    pub fn split(self, x: Words) -> Wide {
        let f = self.avx512f;
        let mask = self.splat(MASK);
        [
            f._mm512_and_si512(x[0], mask),
            f._mm512_and_si512(
                f._mm512_or_si512(
                    f._mm512_srli_epi64::<52>(x[0]),
                    f._mm512_slli_epi64::<12>(x[1]),
                ),
                mask,
            ),
            f._mm512_and_si512(
                f._mm512_or_si512(
                    f._mm512_srli_epi64::<40>(x[1]),
                    f._mm512_slli_epi64::<24>(x[2]),
                ),
                mask,
            ),
            f._mm512_and_si512(
                f._mm512_or_si512(
                    f._mm512_srli_epi64::<28>(x[2]),
                    f._mm512_slli_epi64::<36>(x[3]),
                ),
                mask,
            ),
            f._mm512_srli_epi64::<16>(x[3]),
        ]
    }

    /// Four vectors of words from normalized elements below `2^256`.
    #[inline(always)]
    pub fn join(self, x: &Wide) -> Words {
        let f = self.avx512f;
        [
            f._mm512_or_si512(x[0], f._mm512_slli_epi64::<52>(x[1])),
            f._mm512_or_si512(
                f._mm512_srli_epi64::<12>(x[1]),
                f._mm512_slli_epi64::<40>(x[2]),
            ),
            f._mm512_or_si512(
                f._mm512_srli_epi64::<24>(x[2]),
                f._mm512_slli_epi64::<28>(x[3]),
            ),
            f._mm512_or_si512(
                f._mm512_srli_epi64::<36>(x[3]),
                f._mm512_slli_epi64::<16>(x[4]),
            ),
        ]
    }

    /// Transposes eight vectors of eight words.
    #[inline(always)]
    pub fn transpose(self, r: [Vector; 8]) -> [Vector; 8] {
        let f = self.avx512f;
        let (mut even, mut odd) = ([self.zero(); 4], [self.zero(); 4]);
        for i in 0..4 {
            // Words of even and of odd index of two rows, side by side.
            even[i] = f._mm512_unpacklo_epi64(r[2 * i], r[2 * i + 1]);
            odd[i] = f._mm512_unpackhi_epi64(r[2 * i], r[2 * i + 1]);
        }
        let (even, odd) = (self.transpose_pairs(even), self.transpose_pairs(odd));
        [
            even[0], odd[0], even[1], odd[1], even[2], odd[2], even[3], odd[3],
        ]
    }

    /// Transposes four vectors of four pairs.
    #[inline(always)]
    fn transpose_pairs(self, t: [Vector; 4]) -> [Vector; 4] {
        let f = self.avx512f;
        // 0x88 takes pairs 0 and 2 of both operands, 0xdd pairs 1 and 3.
        let a = f._mm512_shuffle_i64x2::<0x88>(t[0], t[1]);
        let b = f._mm512_shuffle_i64x2::<0x88>(t[2], t[3]);
        let c = f._mm512_shuffle_i64x2::<0xdd>(t[0], t[1]);
        let d = f._mm512_shuffle_i64x2::<0xdd>(t[2], t[3]);
        [
            f._mm512_shuffle_i64x2::<0x88>(a, b),
            f._mm512_shuffle_i64x2::<0x88>(c, d),
            f._mm512_shuffle_i64x2::<0xdd>(a, b),
            f._mm512_shuffle_i64x2::<0xdd>(c, d),
        ]
    }

    /// Lane `i` is lane `indices[i]` of the sixteen elements `first`, `second`.
    #[inline(always)]
    pub fn align(self, first: &Words, second: &Words, indices: Vector) -> Words {
        let mut out = *first;
        for i in 0..4 {
            out[i] = self
                .avx512f
                ._mm512_permutex2var_epi64(first[i], indices, second[i]);
        }
        out
    }

    /// Eight elements in Montgomery form; normalized and below `p`.
    #[inline(always)]
    pub fn import<F: Modulus>(self, x: &[F; LANES]) -> Wide {
        let mut out = [[0; LANES]; 5];
        for lane in 0..LANES {
            let limbs = split(enter(&x[lane]));
            for i in 0..5 {
                out[i][lane] = limbs[i];
            }
        }
        pulp::cast(out)
    }

    /// The eight elements of a loose integer below `5 p`.
    #[inline(always)]
    pub fn export<F: Modulus>(self, x: &Wide) -> [F; LANES] {
        let limbs: [[u64; LANES]; 5] = pulp::cast(self.normalized(*x));
        let mut out = [F::ZERO; LANES];
        for lane in 0..LANES {
            let mut element = [0; 5];
            for i in 0..5 {
                element[i] = limbs[i][lane];
            }
            out[lane] = leave(join(element));
        }
        out
    }

    /// Eight elements as they lie in memory: Montgomery form of `R = 2^256`, that is the elements
    /// times `2^-4`. They are `stride` apart. Normalized and below `p`.
    #[inline(always)]
    pub fn load<F: Modulus>(self, x: &[F], stride: usize) -> Wide {
        let mut out = [[0; LANES]; 4];
        for lane in 0..LANES {
            let words = words(&x[lane * stride]);
            for i in 0..4 {
                out[i][lane] = words[i];
            }
        }
        self.split(pulp::cast(out))
    }

    /// Inverse of [`Ifma::load`]; the integers are normalized and canonical.
    #[inline(always)]
    pub fn store<F: Modulus>(self, x: &Wide, out: &mut [F], stride: usize) {
        let words: [[u64; LANES]; 4] = pulp::cast(self.join(x));
        for lane in 0..LANES {
            let mut element = [0; 4];
            for i in 0..4 {
                element[i] = words[i][lane];
            }
            out[lane * stride] = from_words(element);
        }
    }
}

#[cfg(test)]
mod tests {
    use halo2curves::bn256::{Fq, Fr};
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;

    /// What the arithmetic gives for two times eight elements.
    struct Everything<F> {
        simd: Ifma,
        a: [F; LANES],
        b: [F; LANES],
    }

    impl<F: Modulus> Kernel for Everything<F> {
        type Output = Vec<([F; LANES], &'static str)>;

        #[inline(always)]
        fn call(self) -> Self::Output {
            let simd = self.simd;
            let (a, b) = (simd.import(&self.a), simd.import(&self.b));
            let difference = simd.subtract::<F>(&a, &b, 1);
            let large = (0..5).fold(a, |x, _| simd.double(&x));
            let loose = simd.subtract::<F>(&large, &b, 50);
            let once = simd.subtract_once::<F>(&simd.add(&a, &b));
            let mut words = [[0; LANES]; 8];
            words[..5].copy_from_slice(&a.map(lanes));
            let there = simd.transpose(words.map(vector));
            let back = simd.transpose(there);
            let loaded = simd.load(&self.a, 1);
            let stored = |x: &Wide| {
                let mut out = [F::ZERO; LANES];
                simd.store(x, &mut out, 1);
                out
            };
            let factor = simd.import(&self.b);
            let scaled = simd.multiply::<F>(&loaded, &factor);
            let exported = |x: &Wide| simd.export::<F>(x);
            vec![
                (exported(&a), "import"),
                (exported(&simd.add(&a, &b)), "add"),
                (exported(&difference), "subtract"),
                (
                    exported(&simd.negate_lanes::<F>(&a, 0b0101_0001, 1)),
                    "negate",
                ),
                (
                    exported(&simd.multiply::<F>(&a, &simd.carried(difference))),
                    "multiply",
                ),
                (
                    exported(&simd.square::<F>(&simd.carried(difference))),
                    "square",
                ),
                (exported(&simd.reduce::<F>(&loose)), "reduce"),
                (exported(&once), "subtract once"),
                (
                    exported(&[back[0], back[1], back[2], back[3], back[4]]),
                    "transpose",
                ),
                (stored(&loaded), "load"),
                (
                    stored(&simd.subtract_once::<F>(&scaled)),
                    "scale as in memory",
                ),
            ]
        }
    }

    fn agrees<F: Modulus>() {
        let Some(simd) = Ifma::try_new() else {
            println!("skipped: this processor has no AVX-512 IFMA");
            return;
        };
        let mut rng = ChaCha20Rng::seed_from_u64(9);
        let edge = [F::ZERO, F::ONE, -F::ONE, -F::ONE.double(), F::TWO_INV];
        for round in 0..200 {
            let mut random = |lane: usize| match round {
                0..25 => edge[(round + lane) % 5],
                _ => F::random(&mut rng),
            };
            let a: [F; LANES] = core::array::from_fn(&mut random);
            let b: [F; LANES] = core::array::from_fn(|lane| random(lane + round / 5));
            let each = |f: &dyn Fn(F, F) -> F| -> [F; LANES] {
                core::array::from_fn(|lane| f(a[lane], b[lane]))
            };
            let mut negated = a;
            for lane in [0, 4, 6] {
                negated[lane] = -a[lane];
            }
            let thirty_two = F::from(32);
            let expected = [
                a,
                each(&|a, b| a + b),
                each(&|a, b| a - b),
                negated,
                each(&|a, b| a * (a - b)),
                each(&|a, b| (a - b).square()),
                each(&|a, b| a * thirty_two - b),
                each(&|a, b| a + b),
                a,
                a,
                each(&|a, b| a * b),
            ];
            for ((got, what), expected) in simd.run(Everything { simd, a, b }).iter().zip(expected)
            {
                assert_eq!(*got, expected, "{what}, round {round}");
            }
        }
    }

    #[test]
    fn agrees_with_the_curve_crate() {
        agrees::<Fr>();
        agrees::<Fq>();
    }
}
