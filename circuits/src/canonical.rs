//! Canonical limbs of a field element.
//!
//! A stream output `x` is split into `L` limbs of `B` bits and a top of `T = 254 - L B` bits,
//!
//! ```text
//! N = u_0 + u_1 2^B + .. + u_{L-1} 2^{(L-1) B} + top 2^{L B},    N = x mod p
//! ```
//!
//! and must satisfy `N < p`: otherwise, for a third of all `x`, the prover could choose between
//! `x` and `x + p`. The limbs are range-checked by their lookups (`0 <= u < 2^B`), `top` by one
//! more. The comparison looks at the four highest digits `e_0 = top, e_1 = u_{L-1}, ..` and those
//! of the modulus, `P_0, .., P_3`: a cell `c` in `0..=3` names the first digit that differs and a
//! cell `r` how far it lies below:
//!
//! ```text
//! c (c-1) (c-2) (c-3) = 0
//! (e_0 - P_0) c = 0,  (e_1 - P_1) c (c-1) = 0,  (e_2 - P_2) c (c-1) (c-2) = 0
//! r = P_c - 1 - e_c,   0 <= r < 2^B  (lookup)
//! ```
//!
//! *Sound*: digits before `c` equal the modulus's, digit `c` is smaller, so `N < p`; with
//! `0 <= N < p` the representation is unique. (`top < 2^T` follows from `top <= P_0`.)
//! *Complete* except for outputs that share all four digits with `p`, that is a fraction below
//! `2^-(T + 3B - 1)`: `2^-61` for `B = 16`. Such an output is a typed error of the derivation.
//!
//! Degree 5 with its selector; cells `top`, `c`, `r` besides the limbs; lookups `top`, `r`.

use ff::{Field, PrimeField};
use halo2_proofs::plonk::{Advice, Column, ConstraintSystem, Expression};
use halo2curves::bn256::Fr;

type Expr = Expression<Fr>;

/// Bits of a canonical field element.
pub const FIELD_BITS: usize = 254;
/// Digits that take part in the comparison.
pub const COMPARED: usize = 4;

/// How a field element is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimbShape {
    /// Bits of a limb, `B`.
    pub bits: usize,
    /// Number of limbs, `L = floor(253 / B)`.
    pub limbs: usize,
    /// Bits above the limbs, `T`.
    pub top_bits: usize,
}

impl LimbShape {
    /// Shape for limbs of 4 to 16 bits.
    ///
    /// # Panics
    ///
    /// If `bits` is outside that range.
    pub fn new(bits: usize) -> Self {
        assert!((4..=16).contains(&bits), "limbs of 4 to 16 bits");
        let limbs = (FIELD_BITS - 1) / bits;
        Self {
            bits,
            limbs,
            top_bits: FIELD_BITS - limbs * bits,
        }
    }

    /// The four highest digits of the modulus, highest first.
    pub fn modulus_digits(&self) -> [u32; COMPARED] {
        // The modulus is odd, so that p - 1 differs from it in the lowest bit only.
        digits(self, &(-Fr::ONE).to_repr())
    }
}

/// A canonical split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// The bits above the limbs.
    pub top: u32,
    /// Index of the first digit that differs from the modulus's.
    pub differs: u32,
    /// Distance below the modulus's digit, minus one.
    pub below: u32,
}

/// The value shares its four highest digits with the modulus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a stream output shares its four highest digits with the field modulus")]
pub struct TopDigitsOfModulus;

/// Splits `x`; limbs are written lowest first.
///
/// # Errors
///
/// If `x` shares its four highest digits with the modulus.
pub fn split(shape: &LimbShape, x: &Fr, limbs: &mut [u16]) -> Result<Split, TopDigitsOfModulus> {
    let bytes = x.to_repr();
    for (i, limb) in limbs.iter_mut().take(shape.limbs).enumerate() {
        *limb = bits(&bytes, i * shape.bits, shape.bits) as u16;
    }
    let digits = digits(shape, &bytes);
    let modulus = shape.modulus_digits();
    let differs = (0..COMPARED)
        .find(|&i| digits[i] != modulus[i])
        .ok_or(TopDigitsOfModulus)?;
    Ok(Split {
        top: digits[0],
        differs: differs as u32,
        below: modulus[differs] - 1 - digits[differs],
    })
}

fn digits(shape: &LimbShape, bytes: &[u8; 32]) -> [u32; COMPARED] {
    std::array::from_fn(|i| match i {
        0 => bits(bytes, shape.limbs * shape.bits, shape.top_bits),
        _ => bits(bytes, (shape.limbs - i) * shape.bits, shape.bits),
    })
}

/// `count <= 16` bits of a little-endian integer from bit `start` on.
fn bits(bytes: &[u8; 32], start: usize, count: usize) -> u32 {
    let window = (0..4).rev().fold(0u32, |window, i| {
        let byte = bytes.get(start / 8 + i).copied().unwrap_or(0);
        (window << 8) | u32::from(byte)
    });
    (window >> (start % 8)) & ((1 << count) - 1)
}

/// Columns of the chip; the limbs are the caller's.
#[derive(Clone, Debug)]
pub struct CanonicalConfig {
    /// How elements are cut.
    pub shape: LimbShape,
    /// Limbs, lowest first.
    pub limbs: Vec<Column<Advice>>,
    /// Bits above the limbs.
    pub top: Column<Advice>,
    /// Index of the first digit that differs from the modulus's.
    pub differs: Column<Advice>,
    /// Distance below the modulus's digit, minus one.
    pub below: Column<Advice>,
}

impl CanonicalConfig {
    /// Creates the gates on rows where `active` is one.
    ///
    /// The caller looks up each limb, `top` and `below` in `0..2^B`.
    pub fn configure(&self, meta: &mut ConstraintSystem<Fr>, active: &Expr) {
        let modulus = self.shape.modulus_digits();
        let digits: [Expr; COMPARED] = std::array::from_fn(|i| match i {
            0 => self.top.cur(),
            _ => self.limbs[self.shape.limbs - i].cur(),
        });
        let c = self.differs.cur();
        // c (c-1) .. (c-i+1)
        let falling =
            |i: u64| (1..i).fold(c.clone(), |product, k| product * (c.clone() - constant(k)));
        let mut constraints = vec![("index in range".to_owned(), active.clone() * falling(4))];
        for i in 0..COMPARED - 1 {
            let difference = digits[i].clone() - constant(u64::from(modulus[i]));
            let name = format!("digit {i} equals the modulus's");
            constraints.push((name, active.clone() * (difference * falling(i as u64 + 1))));
        }
        let below = (0..COMPARED)
            .map(|i| {
                // A digit of the modulus may be zero: then nothing lies below it.
                let greatest = Fr::from(u64::from(modulus[i])) - Fr::ONE;
                let distance = Expression::Constant(greatest) - digits[i].clone();
                indicator(&c, i as u64) * distance
            })
            .reduce(|a, b| a + b)
            .unwrap_or(constant(0));
        constraints.push((
            "distance".to_owned(),
            active.clone() * (self.below.cur() - below),
        ));
        meta.create_gate("canonical limbs", |_| constraints);
    }

    /// `N`: the integer that the cells of the row spell, of degree 1.
    pub fn recomposition(&self) -> Expr {
        let base = Fr::from(1 << self.shape.bits);
        let mut weight = Fr::ONE;
        let mut sum = self.limbs[0].cur();
        for limb in self.limbs.iter().skip(1).chain([&self.top]) {
            weight *= base;
            sum = sum + limb.cur() * weight;
        }
        sum
    }
}

fn constant(value: u64) -> Expr {
    Expression::Constant(Fr::from(value))
}

/// One when `c = i`, zero for the other values in `0..=3`.
fn indicator(c: &Expr, i: u64) -> Expr {
    let mut scale = Fr::ONE;
    let mut product: Option<Expr> = None;
    for k in (0..COMPARED as u64).filter(|&k| k != i) {
        scale *= Fr::from(i) - Fr::from(k);
        let factor = c.clone() - constant(k);
        product = Some(match product {
            Some(product) => product * factor,
            None => factor,
        });
    }
    let inverse = scale.invert().unwrap_or(Fr::ZERO);
    product.unwrap_or(constant(1)) * inverse
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recompose(shape: &LimbShape, split: &Split, limbs: &[u16]) -> Fr {
        let base = Fr::from(1 << shape.bits);
        limbs
            .iter()
            .rev()
            .fold(Fr::from(u64::from(split.top)), |acc, limb| {
                acc * base + Fr::from(u64::from(*limb))
            })
    }

    #[test]
    fn splits_recompose_for_each_limb_size() {
        for bits in 4..=16 {
            let shape = LimbShape::new(bits);
            let mut limbs = vec![0u16; shape.limbs];
            for seed in 0..200u64 {
                let x = (Fr::from(seed) + Fr::from(u64::MAX)).cube().square();
                let split = split(&shape, &x, &mut limbs).expect("no top digits of the modulus");
                assert_eq!(recompose(&shape, &split, &limbs), x);
            }
        }
    }

    #[test]
    fn boundary_values() {
        let shape = LimbShape::new(16);
        let mut limbs = vec![0u16; shape.limbs];
        assert_eq!(
            split(&shape, &-Fr::ONE, &mut limbs),
            Err(TopDigitsOfModulus)
        );
        let mut step = Fr::ONE;
        for (digit, expected) in [
            (11usize, None),
            (12, Some(3)),
            (13, Some(2)),
            (14, Some(1)),
            (15, Some(0)),
        ] {
            for _ in 0..16 * digit {
                step = step.double();
            }
            let result = split(&shape, &(-Fr::ONE - step), &mut limbs).ok();
            assert_eq!(result.map(|s| s.differs), expected);
            if let Some(result) = result {
                assert_eq!(result.below, 0);
            }
            step = Fr::ONE;
        }
    }
}
