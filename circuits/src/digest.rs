//! The weight digest: a hash chain over the lane values of a stream.
//!
//! A row of `L` lane values packs into one field element, 15 rows are one step of the chain:
//!
//! ```text
//! pack_r  = l_0 + l_1 2^B + .. + l_{L-1} 2^((L-1) B)
//! h_{i+1} = P(h_i, pack_0, .., pack_14)_0 + h_i,      h_0 = start(distribution, precision)
//! ```
//!
//! `P` is the permutation of [`crate::poseidon2`]. One step is the compression mode that
//! the Poseidon2 paper (ePrint 2023/323) describes: truncated permutation with feed-forward. The digest of a stream
//! is its last chain value: it depends on the stream's lane values and their number of blocks
//! alone, not on how the stream is cut into tiles. The book (page "Chip: weight digest") argues
//! why it binds, and says what it does not hide.

use ff::{Field, PrimeField};
use halo2curves::bn256::Fr;
use nascent_verifier::{Distribution, Precision};
use rayon::prelude::*;

use crate::poseidon2::{self, RATE, WIDTH};
use crate::sampling::DeviateTable;
use crate::seed::stream_tag;
use crate::stream::{self, BlockIntegers};

/// Chain value before the first block of a stream.
///
/// The same parameters as the tag of the stream, under a tag of its own.
pub fn start(distribution: Distribution, precision: Precision) -> Fr {
    let bytes = nascent_verifier::hash_chain_start(distribution, precision);
    // At most 208 bits, so canonical.
    Fr::from_repr(bytes).unwrap_or(Fr::ZERO)
}

/// Lane values of a row as one field element; `lanes` are below `2^limb_bits`, at most
/// `floor(253 / limb_bits)` of them, so that the map is injective.
pub fn pack(limb_bits: usize, lanes: impl IntoIterator<Item = u32>) -> Fr {
    let mut words = [0u64; 4];
    for (j, lane) in lanes.into_iter().enumerate() {
        let (word, bit) = (j * limb_bits / 64, j * limb_bits % 64);
        let shifted = u128::from(lane) << bit;
        words[word] |= shifted as u64;
        if let Some(next) = words.get_mut(word + 1) {
            *next |= (shifted >> 64) as u64;
        }
    }
    from_words(words)
}

/// State before the permutation of one step.
pub fn step_input(chain: Fr, rows: &[Fr; RATE]) -> [Fr; WIDTH] {
    std::array::from_fn(|j| if j == 0 { chain } else { rows[j - 1] })
}

/// One step of the chain: 15 packed rows.
pub fn step(chain: Fr, rows: &[Fr; RATE]) -> Fr {
    let mut state = step_input(chain, rows);
    poseidon2::permute(&mut state);
    state[0] + chain
}

/// Chain values of a stream at blocks `0, every, 2 every, ..` and at its end, `blocks`: the
/// values where tiles of `every` blocks meet, and the digest last.
///
/// Blocks are derived on all cores; the chain itself is one permutation after the other. A
/// stream without blocks has its start twice.
///
/// # Panics
///
/// If `every` is zero.
pub fn chain(table: &DeviateTable, key: Fr, blocks: u64, every: u64) -> Vec<Fr> {
    let (distribution, precision) = (table.distribution(), table.precision());
    let mut value = start(distribution, precision);
    let tag = stream_tag(distribution, precision);
    let mut values = vec![value];
    let mut done = 0;
    while done < blocks {
        let batch = (blocks - done).min((PIECE * PIECES) as u64) as usize;
        let mut rows = vec![[Fr::default(); RATE]; batch];
        rows.par_chunks_mut(PIECE)
            .zip(
                (done..)
                    .step_by(PIECE)
                    .take(batch.div_ceil(PIECE))
                    .collect::<Vec<_>>(),
            )
            .for_each(|(rows, first)| pack_blocks(table, tag, key, first, rows));
        for rows in &rows {
            value = step(value, rows);
            done += 1;
            if done % every == 0 && done < blocks {
                values.push(value);
            }
        }
    }
    values.push(value);
    values
}

/// Blocks derived by one thread at a time.
const PIECE: usize = 64;
/// Pieces derived before the chain goes on.
const PIECES: usize = 64;

fn pack_blocks(table: &DeviateTable, tag: Fr, key: Fr, first: u64, out: &mut [[Fr; RATE]]) {
    let precision = table.precision();
    let (bits, count) = (usize::from(precision.limb_bits), precision.lanes() as usize);
    let lanes = table.lanes();
    let mut integers = vec![BlockIntegers::default(); out.len()];
    stream::blocks(tag, key, first, &mut integers);
    for (out, rows) in out.iter_mut().zip(&integers) {
        for (out, integer) in out.iter_mut().zip(rows) {
            let lanes = (0..count).map(|j| lanes[limb(integer, j, bits)]);
            *out = pack(bits, lanes);
        }
    }
}

/// Limb `j` of an integer.
fn limb(integer: &[u64; 4], j: usize, bits: usize) -> usize {
    let (word, bit) = (j * bits / 64, j * bits % 64);
    let above = integer.get(word + 1).copied().unwrap_or(0);
    let window = u128::from(integer[word]) | u128::from(above) << 64;
    (window >> bit) as usize & ((1 << bits) - 1)
}

fn from_words(words: [u64; 4]) -> Fr {
    let mut bytes = [0; 32];
    for (bytes, word) in bytes.chunks_exact_mut(8).zip(words) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    // Below 2^253, so canonical.
    Fr::from_repr(bytes).unwrap_or(Fr::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::LimbShape;
    use crate::seed::{TAG_KEY, TAG_PK, TAG_STREAM, TAG_VRF, stream_block};

    fn table(distribution: Distribution, limb_bits: u8, fraction_bits: u8) -> DeviateTable {
        let precision = Precision {
            limb_bits,
            fraction_bits,
        };
        DeviateTable::new(distribution, precision).expect("supported")
    }

    /// The chain as the module's text has it, from field elements.
    fn plain(table: &DeviateTable, key: Fr, blocks: u64) -> Fr {
        let tag = stream_tag(table.distribution(), table.precision());
        let bits = usize::from(table.precision().limb_bits);
        let mut chain = start(table.distribution(), table.precision());
        for block in 0..blocks {
            let rows = stream_block(tag, key, block).map(|x| {
                let bytes = x.to_repr();
                let bit = |i: usize| usize::from(bytes[i / 8] >> (i % 8) & 1);
                let lane = |j: usize| {
                    let limb = (0..bits).fold(0, |limb, i| limb | bit(j * bits + i) << i);
                    Fr::from(u64::from(table.lanes()[limb]))
                };
                let base = Fr::from(1 << bits);
                (0..253 / bits)
                    .rev()
                    .fold(Fr::ZERO, |sum, j| sum * base + lane(j))
            });
            let mut state = step_input(chain, &rows);
            poseidon2::permute(&mut state);
            chain += state[0];
        }
        chain
    }

    #[test]
    fn fast_chain_is_the_defined_one_however_it_is_cut() {
        let key = Fr::from(7).invert().expect("nonzero");
        for table in [
            table(Distribution::Normal, 16, 12),
            table(Distribution::Uniform, 6, 0),
            table(Distribution::Normal, 7, 4),
        ] {
            let blocks = 9;
            let digest = plain(&table, key, blocks);
            for every in 1..=10 {
                let values = chain(&table, key, blocks, every);
                assert_eq!(values.len() as u64, blocks.div_ceil(every) + 1);
                assert_eq!(values.last(), Some(&digest));
                for (i, value) in values.iter().enumerate() {
                    let at = (i as u64 * every).min(blocks);
                    assert_eq!(*value, plain(&table, key, at), "{every} {i}");
                }
            }
        }
        let table = table(Distribution::Normal, 12, 8);
        let many = (PIECE * PIECES) as u64 + 70;
        assert_eq!(
            chain(&table, key, many, many).last(),
            chain(&table, key, many, 1000).last()
        );
        let empty = chain(&table, key, 0, 5);
        assert_eq!(empty, [start(table.distribution(), table.precision()); 2]);
    }

    #[test]
    fn packing_is_injective_and_never_wraps() {
        for bits in 4..=16usize {
            let lanes = LimbShape::new(bits).limbs;
            assert!(lanes * bits <= 253);
            let most = (1u32 << bits) - 1;
            let largest = pack(bits, (0..lanes).map(|_| most));
            let expected = Fr::from(2).pow([(lanes * bits) as u64]) - Fr::ONE;
            assert_eq!(largest, expected, "{bits}");
            for j in 0..lanes {
                let one = pack(bits, (0..lanes).map(|i| u32::from(i == j)));
                assert_eq!(one, Fr::from(2).pow([(j * bits) as u64]));
            }
        }
        // 2^253 is below the modulus.
        assert!(Fr::from(2).pow([252]).to_repr() < (-Fr::ONE).to_repr());
        let half = (-Fr::ONE).to_repr()[31];
        assert!(half >> 5 == 1, "the modulus has bit 253 set");
    }

    #[test]
    fn starts_are_tags_of_their_own() {
        let tags = [TAG_PK, TAG_VRF, TAG_KEY].map(Fr::from_u128);
        let kinds = [
            (Distribution::Normal, 16, 12),
            (Distribution::Normal, 16, 11),
            (Distribution::Uniform, 16, 12),
            (Distribution::TruncatedNormal { lo: -1, hi: 1 }, 16, 12),
            (Distribution::TruncatedNormal { lo: -1, hi: 2 }, 16, 12),
        ];
        let mut seen: Vec<Fr> = tags.to_vec();
        for (distribution, limb_bits, fraction_bits) in kinds {
            let precision = Precision {
                limb_bits,
                fraction_bits,
            };
            let [start, stream] = [start, stream_tag].map(|tag| tag(distribution, precision));
            let parameters = stream - Fr::from_u128(TAG_STREAM) * Fr::from(1 << 32).cube();
            let digest = Fr::from_u128(0x6e61_7363_656e_742f_6467_742f_7631);
            assert_eq!(start, digest * Fr::from(1 << 32).cube() + parameters);
            for tag in [start, stream] {
                assert!(!seen.contains(&tag));
                seen.push(tag);
            }
        }
    }
}
