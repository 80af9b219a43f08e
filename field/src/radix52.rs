//! Elements in five limbs of 52 bits: the constants of a field, and conversions.
//!
//! Elements are in Montgomery form with `R = 2^260`, as integers below `2^260 = 84.6 p`, not
//! necessarily reduced. The curve crate keeps Montgomery form with `2^256`; its memory words are
//! therefore the same residue times `2^-4`, see [`enter`] and [`words`].

use ff::PrimeField;
use halo2curves::bn256::{Fq, Fr};
use halo2curves::serde::SerdeObject;

/// Bits of a limb.
pub const LIMB: u32 = 52;
/// The bits of a limb.
pub const MASK: u64 = (1 << LIMB) - 1;

/// Five limbs, the lowest first.
pub type Limbs = [u64; 5];

/// A prime field of 254 bits with the constants of its radix-52 form.
pub trait Modulus: PrimeField + SerdeObject {
    /// The modulus `p`.
    const P: Limbs;
    /// `2^260 - p`: adding `q` times this is subtracting `q p` modulo `2^260`.
    const NEGATIVE_P: Limbs = [
        (1 << LIMB) - Self::P[0],
        MASK - Self::P[1],
        MASK - Self::P[2],
        MASK - Self::P[3],
        MASK - Self::P[4],
    ];
    /// `-1/p mod 2^52`.
    const NEGATIVE_INVERSE: u64 = negative_inverse(Self::P[0]);
    /// `floor(2^300 / p)`, to estimate quotients.
    const RECIPROCAL: u64 = reciprocal(join(Self::P));
}

impl Modulus for Fr {
    const P: Limbs = split([
        0x43e1_f593_f000_0001,
        0x2833_e848_79b9_7091,
        0xb850_45b6_8181_585d,
        0x3064_4e72_e131_a029,
    ]);
}

impl Modulus for Fq {
    const P: Limbs = split([
        0x3c20_8c16_d87c_fd47,
        0x9781_6a91_6871_ca8d,
        0xb850_45b6_8181_585d,
        0x3064_4e72_e131_a029,
    ]);
}

const fn negative_inverse(p: u64) -> u64 {
    // Newton: every step doubles the number of correct low bits, 1 at the start.
    let (mut inverse, mut step) = (1u64, 0);
    while step < 6 {
        inverse = inverse.wrapping_mul(2u64.wrapping_sub(p.wrapping_mul(inverse)));
        step += 1;
    }
    inverse.wrapping_neg() & MASK
}

/// `floor(2^300 / p)` by long division; its top bits are those of `2^260 / p = 84.6`.
const fn reciprocal(p: [u64; 4]) -> u64 {
    let (mut rest, mut quotient, mut step) = ([1u64, 0, 0, 0], 0u64, 0);
    while step < 300 {
        rest = [
            rest[0] << 1,
            rest[1] << 1 | rest[0] >> 63,
            rest[2] << 1 | rest[1] >> 63,
            rest[3] << 1 | rest[2] >> 63,
        ];
        let (difference, borrow) = subtract(rest, p);
        quotient <<= 1;
        if !borrow {
            (rest, quotient) = (difference, quotient | 1);
        }
        step += 1;
    }
    quotient
}

/// `a - b modulo 2^256`, and whether `a < b`.
pub const fn subtract(a: [u64; 4], b: [u64; 4]) -> ([u64; 4], bool) {
    let (mut out, mut borrow, mut i) = ([0; 4], false, 0);
    while i < 4 {
        let (x, first) = a[i].overflowing_sub(b[i]);
        let (x, second) = x.overflowing_sub(borrow as u64);
        (out[i], borrow) = (x, first | second);
        i += 1;
    }
    (out, borrow)
}

/// Repacks 256 bits in limbs.
pub const fn split(x: [u64; 4]) -> Limbs {
    [
        x[0] & MASK,
        (x[0] >> 52 | x[1] << 12) & MASK,
        (x[1] >> 40 | x[2] << 24) & MASK,
        (x[2] >> 28 | x[3] << 36) & MASK,
        x[3] >> 16,
    ]
}

/// Repacks limbs below `2^52` whose top one is below `2^48`: the inverse of [`split`].
pub const fn join(x: Limbs) -> [u64; 4] {
    [
        x[0] | x[1] << 52,
        x[1] >> 12 | x[2] << 40,
        x[2] >> 24 | x[3] << 28,
        x[3] >> 36 | x[4] << 16,
    ]
}

/// The memory words of an element: its residue times `2^256`, canonical, the lowest word first.
#[inline(always)]
pub fn words<F: Modulus>(x: &F) -> [u64; 4] {
    let mut bytes = [0u8; 32];
    let mut rest = bytes.as_mut_slice();
    // Writing 32 bytes to 32 bytes does not fail.
    let _ = x.write_raw(&mut rest);
    let mut words = [0; 4];
    for (word, chunk) in words.iter_mut().zip(bytes.as_chunks::<8>().0) {
        *word = u64::from_le_bytes(*chunk);
    }
    words
}

/// The element whose memory words these are; they must be canonical.
#[inline(always)]
pub fn from_words<F: Modulus>(words: [u64; 4]) -> F {
    let mut bytes = [0u8; 32];
    for (chunk, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(words) {
        *chunk = word.to_le_bytes();
    }
    F::from_raw_bytes_unchecked(&bytes)
}

/// An element in radix-52 Montgomery form, packed in four words: its residue times `2^260`,
/// canonical.
#[inline(always)]
pub fn enter<F: Modulus>(x: &F) -> [u64; 4] {
    words(&x.double().double().double().double())
}

/// The element of a residue times `2^260` that is any integer below `2^256`, packed in four words:
/// the inverse of [`enter`].
pub fn leave<F: Modulus>(mut x: [u64; 4]) -> F {
    let p = join(F::P);
    while let (rest, false) = subtract(x, p) {
        x = rest;
    }
    let half = F::TWO_INV;
    from_words::<F>(x) * half.square().square()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn constants<F: Modulus>() {
        let zero = [0u64; 4];
        assert_eq!(from_words::<F>(zero), F::ZERO);
        assert_eq!(F::P[0].wrapping_mul(F::NEGATIVE_INVERSE) & MASK, MASK);
        assert_eq!(split(join(F::P)), F::P);
        // p - 1 as canonical bytes.
        let largest = (-F::ONE).to_repr();
        let mut bytes = [0u8; 32];
        for (byte, word) in bytes.chunks_mut(8).zip(join(F::P)) {
            byte.copy_from_slice(&word.to_le_bytes());
        }
        bytes[0] -= 1;
        assert_eq!(largest.as_ref(), bytes);
        // 2^260 / p = 84.6.
        assert_eq!(F::RECIPROCAL >> 40, 84);
        let mut x = F::from(3);
        for _ in 0..100 {
            x = x.cube() - F::ONE;
            assert_eq!(from_words::<F>(words(&x)), x);
            assert_eq!(leave::<F>(enter(&x)), x);
            let (above, _) = subtract(enter(&x), subtract([0; 4], join(F::P)).0);
            assert_eq!(leave::<F>(above), x);
            assert_eq!(join(split(words(&x))), words(&x));
        }
    }

    #[test]
    fn constants_and_conversions() {
        constants::<Fr>();
        constants::<Fq>();
    }
}
