//! Second representations `x + j p` of real outputs, and where the comparison meets them.

use ff::{Field, PrimeField};
use halo2curves::bn256::Fr;
use nascent_circuits::canonical::LimbShape;
use nascent_circuits::poseidon2::BLOCK_ROWS;
use nascent_circuits::seed::{stream_block, stream_tag};

use crate::harness::Tile;

/// The four constraints of the comparison besides the distance.
pub const COMPARISON: [&str; 4] = [
    "index in range",
    "digit 0 equals the modulus's",
    "digit 1 equals the modulus's",
    "digit 2 equals the modulus's",
];

/// A non-canonical split of a real output that one constraint alone refuses.
pub struct Representation {
    /// Block of the stream.
    pub block: u64,
    /// Row inside the block.
    pub offset: usize,
    /// Limbs, lowest first, then the top.
    pub digits: Vec<u64>,
    /// The index cell.
    pub differs: Fr,
}

/// Digits of an integer: the limbs, then all the rest as the top.
pub fn digits_of(shape: &LimbShape, x: &Fr) -> Vec<u64> {
    let bytes = x.to_repr();
    let bit = |i: usize| u64::from(bytes[i / 8] >> (i % 8) & 1);
    let digit =
        |start: usize, count: usize| (0..count).fold(0, |digit, i| digit | bit(start + i) << i);
    let limbs = (0..shape.limbs).map(|i| digit(i * shape.bits, shape.bits));
    limbs
        .chain([digit(shape.limbs * shape.bits, shape.top_bits)])
        .collect()
}

/// Digits of `x + p`, the top unbounded.
pub fn plus_modulus(shape: &LimbShape, digits: &[u64]) -> Vec<u64> {
    let mut modulus = digits_of(shape, &-Fr::ONE);
    modulus[0] += 1;
    let mut carry = 0;
    let last = digits.len() - 1;
    let add = |(i, (a, b)): (usize, (&u64, u64))| {
        let sum = a + b + carry;
        if i == last {
            return sum;
        }
        carry = sum >> shape.bits;
        sum & ((1 << shape.bits) - 1)
    };
    digits.iter().zip(modulus).enumerate().map(add).collect()
}

/// What the comparison says of digits and an index: names of the constraints that fail, and the
/// distance that the chip computes.
pub fn judge(shape: &LimbShape, digits: &[u64], c: i64) -> (Vec<&'static str>, i64) {
    let modulus = shape.modulus_digits().map(i64::from);
    let top = |i: usize| digits[digits.len() - 1 - i] as i64;
    let failing = COMPARISON.iter().enumerate().filter(|&(i, _)| match i {
        0 => !(0..4).contains(&c),
        _ => (0..i as i64).all(|k| c != k) && top(i - 1) != modulus[i - 1],
    });
    let v: [i64; 4] = std::array::from_fn(|i| modulus[i] - 1 - top(i));
    let distance = match c {
        // The chip's cubic through the four values, at -1.
        -1 => 4 * v[0] - 6 * v[1] + 4 * v[2] - v[3],
        _ => v[c as usize],
    };
    (failing.map(|(_, name)| *name).collect(), distance)
}

/// Finds a real output with a second representation that only `target` refuses.
pub fn find(tile: &Tile, target: &str) -> Representation {
    let shape = tile.params.limbs();
    let key = tile.witness.seed.stream_key();
    let tag = stream_tag(tile.params.distribution, tile.params.precision);
    let limit = 1 << shape.bits;
    for block in 0.. {
        for (offset, x) in stream_block(tag, key, block).iter().enumerate() {
            let mut digits = plus_modulus(&shape, &digits_of(&shape, x));
            while digits[shape.limbs] < limit {
                for c in -1..4 {
                    let (failing, distance) = judge(&shape, &digits, c);
                    if failing == [target] && (0..limit as i64).contains(&distance) {
                        let differs = if c < 0 {
                            -Fr::ONE
                        } else {
                            Fr::from(c.unsigned_abs())
                        };
                        return Representation {
                            block,
                            offset,
                            digits,
                            differs,
                        };
                    }
                }
                digits = plus_modulus(&shape, &digits);
            }
        }
    }
    unreachable!("the stream has no end")
}

impl Representation {
    /// Row of the split in a tile that begins with the block.
    pub fn row(&self, tile: &Tile) -> usize {
        debug_assert!(self.offset < BLOCK_ROWS);
        tile.params.first_weight_row() + self.offset
    }
}
