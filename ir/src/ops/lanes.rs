//! Dot products fast enough for networks of thousands of millions of products.

use crate::range::Range;
use crate::values::Slice;
use rayon::prelude::*;

/// An element type of a dot product.
pub(crate) trait Lane: Copy + Send + Sync {
    const ZERO: Self;

    /// `value`, which the operand's range says fits.
    fn new(value: i64) -> Self;

    /// Exact sum of products, if no sum of `block` products exceeds 31 bits.
    fn dot(a: &[Self], b: &[Self], block: usize) -> i64;

    /// The elements of a tensor.
    fn lanes(values: Slice<'_>) -> Vec<Self> {
        let range = (0..values.len()).into_par_iter().with_min_len(1 << 12);
        range.map(|i| Self::new(values.at(i))).collect()
    }
}

impl Lane for i16 {
    const ZERO: Self = 0;

    fn new(value: i64) -> Self {
        value as i16
    }

    fn dot(a: &[i16], b: &[i16], block: usize) -> i64 {
        // Wrapping only for the optimizer's sake, which must not see overflow checks: `block` rules
        // wrapping out. Compiles to a multiplication and addition of pairs.
        let short = |a: &[i16], b: &[i16]| {
            let products = a.iter().zip(b).map(|(&a, &b)| i32::from(a) * i32::from(b));
            products.fold(0_i32, i32::wrapping_add)
        };
        if a.len() <= block {
            return short(a, b).into();
        }
        let blocks = a.chunks(block).zip(b.chunks(block));
        blocks.map(|(a, b)| i64::from(short(a, b))).sum()
    }
}

impl Lane for i32 {
    const ZERO: Self = 0;

    fn new(value: i64) -> Self {
        value as i32
    }

    fn dot(a: &[i32], b: &[i32], _block: usize) -> i64 {
        let products = a.iter().zip(b).map(|(&a, &b)| i64::from(a) * i64::from(b));
        products.fold(0_i64, i64::wrapping_add)
    }
}

/// How many products of two 16-bit operands are sure to sum to 31 bits; `None` if an operand has
/// more bits, or if there are too few to be worth it.
pub(crate) fn dot_block(a: Range, b: Range) -> Option<usize> {
    let short = Range::new(i16::MIN.into(), i16::MAX.into());
    if !short.covers(&a) || !short.covers(&b) {
        return None;
    }
    let product = (a.magnitude() * b.magnitude()).max(1);
    let block = (i32::MAX as u64 / product) as usize;
    (block >= 32).then_some(block)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_block_never_wraps_at_its_greatest_operands() {
        for bits in [8, 10, 12, 13] {
            let range = Range::signed(bits);
            let block = dot_block(range, range).unwrap();
            let a = vec![range.hi as i16; 3 * block + 1];
            let b: Vec<i16> = a.iter().map(|v| -v).collect();
            let expected = range.hi * range.hi * a.len() as i64;
            assert_eq!(i16::dot(&a, &a, block), expected);
            assert_eq!(i16::dot(&a, &b, block), -expected);
        }
        let least = Range::new(-128, 127);
        assert_eq!(dot_block(least, least), Some(((1 << 31) - 1) >> 14));
        assert_eq!(dot_block(Range::signed(16), Range::signed(16)), None);
        assert_eq!(dot_block(Range::unsigned(16), Range::new(0, 1)), None);
    }

    proptest! {
        #[test]
        fn lanes_agree(
            pairs in prop::collection::vec((-128_i16..128, -128_i16..128), 0..200),
            block in 1_usize..50,
        ) {
            let (a, b): (Vec<i16>, Vec<i16>) = pairs.into_iter().unzip();
            let naive: i64 = a.iter().zip(&b).map(|(&a, &b)| i64::from(a) * i64::from(b)).sum();
            let wide = |v: &[i16]| v.iter().map(|&v| v.into()).collect::<Vec<i32>>();
            prop_assert_eq!(i16::dot(&a, &b, block), naive);
            prop_assert_eq!(i32::dot(&wide(&a), &wide(&b), block), naive);
        }
    }
}
