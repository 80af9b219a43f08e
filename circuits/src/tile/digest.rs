//! The weight digest of a tile: a second permutation on every block, chained over the blocks.
//!
//! Columns `A'`, `B'` are a second instance of [`crate::poseidon2`] on the same rows. In weight
//! block `i` it permutes `(h_i, pack_0, .., pack_14)`: lane 0 is a cell of the chain, the other
//! lanes are the rows' packed weights ([`crate::transport`] ties them). Three free cells of
//! `B'_15` carry the chain:
//!
//! | row | cell |
//! |---|---|
//! | 6 | `n_i`: live blocks from this one on |
//! | 7 | `h_i`: value of the chain before the block |
//! | 8 | `o_i`: lane 0 of the permutation's output |
//!
//! With `e_i = n_i - n_{i+1}` (1 on a live block, 0 behind the end of the stream; after the last
//! block of the tile `n = 0`):
//!
//! ```text
//! e (1 - e) = 0,   n (1 - e) = 0,   h_{i+1} = h_i + e o_i
//! ```
//!
//! So the live blocks are the first `n_0` of the tile, and a dead block leaves the chain as it
//! is: the digest does not depend on the size of the tiles. `h_0`, `n_0` and the last value are
//! in the instance. Degree 5.

use ff::Field;
use halo2_proofs::plonk::{Advice, Column, ConstraintSystem, Expression, Fixed};
use halo2curves::bn256::Fr;

use crate::digest;
use crate::poseidon2::{BLOCK_ROWS, BlockTrace, FREE_ROW, GROUP, Poseidon2Config, RATE, WIDTH};
use crate::transport::Entering;

type Expr = Expression<Fr>;

/// Row, inside a block, of the number of live blocks.
pub const LIVE_ROW: usize = FREE_ROW;
/// Row, inside a block, of the chain value.
pub const CHAIN_ROW: usize = FREE_ROW + 1;
/// Row, inside a block, of the permutation's lane 0.
pub const OUTPUT_ROW: usize = FREE_ROW + 2;

const LAST: usize = BLOCK_ROWS - 1;
/// Column of `B'_15` in a row of a trace.
const SPARE: usize = 2 * WIDTH - 1;

/// Public values of a tile's part of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TileChain {
    /// Value before the tile.
    pub start: Fr,
    /// Value after it.
    pub end: Fr,
    /// Blocks of the tile that are part of the stream, its first ones.
    pub live: u64,
}

impl TileChain {
    /// The further rows of the instance: start, end, live blocks.
    pub fn instance(&self) -> [Fr; 3] {
        [self.start, self.end, Fr::from(self.live)]
    }
}

/// What the gate reads of the rest of the tile.
pub(super) struct Surroundings {
    /// One on the rows of weights.
    pub(super) active: Column<Fixed>,
    /// One on the last row of the last header block.
    pub(super) header_end: Expr,
    /// Start, end and live blocks of the instance; start and live blocks as seen from the last
    /// row of the last header block, the end from the last row of weights.
    pub(super) instance: [Expr; 3],
}

/// Columns of the chip.
#[derive(Clone, Debug)]
pub struct DigestConfig {
    /// The second permutation.
    pub poseidon: Poseidon2Config,
}

impl DigestConfig {
    /// Creates the gates of the second permutation; those of the chain are [`Self::gate`]'s.
    pub(super) fn configure(
        meta: &mut ConstraintSystem<Fr>,
        a: [Column<Advice>; GROUP],
        b: [Column<Advice>; GROUP],
        block: Column<Fixed>,
    ) -> Self {
        Self {
            poseidon: Poseidon2Config::configure_named(meta, "digest ", a, b, block),
        }
    }

    /// What the transport ties to the rows: lanes 1 to 15 of the permutation's input.
    pub(super) fn entering(&self, lanes: &[Column<Advice>], limb_bits: usize) -> Entering {
        let input = self.poseidon.entered();
        Entering {
            lanes: std::array::from_fn(|j| input[j + 1].clone()),
            value: packed(lanes, limb_bits),
        }
    }

    /// The chain.
    pub(super) fn gate(&self, meta: &mut ConstraintSystem<Fr>, around: Surroundings) {
        let Surroundings {
            active,
            header_end,
            instance: [start, end, live],
        } = around;
        let one = || Expression::Constant(Fr::ONE);
        let [input, output] =
            [self.poseidon.entered(), self.poseidon.output()].map(|[lane, ..]| lane);
        // Cells of this block seen from its first row, from its last row; of the next block.
        let first = |row: usize| self.poseidon.spare(row as i32);
        let here = |row: usize| self.poseidon.spare(row as i32 - LAST as i32);
        let next = |row: usize| self.poseidon.spare((row + BLOCK_ROWS) as i32 - LAST as i32);
        let phase = |row: usize| active.cur::<Fr>() * self.poseidon.phase(row);
        let link = active.next::<Fr>() * phase(LAST);
        let last = active.cur::<Fr>() * (one() - active.next());
        let (n, h, o) = (here(LIVE_ROW), here(CHAIN_ROW), here(OUTPUT_ROW));
        let e = n.clone() - next(LIVE_ROW);
        meta.create_gate("weight digest", |_| {
            vec![
                ("chain value enters", phase(0) * (input - first(CHAIN_ROW))),
                ("output of the block", phase(LAST) * (o.clone() - output)),
                (
                    "chain starts",
                    header_end.clone() * (next(CHAIN_ROW) - start),
                ),
                ("live blocks", header_end * (next(LIVE_ROW) - live)),
                (
                    "live or not",
                    link.clone() * (e.clone() * (one() - e.clone())),
                ),
                (
                    "live blocks come first",
                    link.clone() * (n.clone() * (one() - e.clone())),
                ),
                (
                    "chain value",
                    link * (next(CHAIN_ROW) - h.clone() - e * o.clone()),
                ),
                (
                    "last block live or not",
                    last.clone() * (n.clone() * (one() - n.clone())),
                ),
                ("chain ends", last * (h + n * o - end)),
            ]
        });
    }
}

/// `l_0 + l_1 2^B + ..`, the row's weights as one field element; see [`digest::pack`].
fn packed(lanes: &[Column<Advice>], limb_bits: usize) -> Expr {
    let base = Fr::from(1 << limb_bits);
    let mut weight = Fr::ONE;
    let mut sum = None;
    for lane in lanes {
        let term = lane.cur() * weight;
        sum = Some(match sum {
            Some(sum) => sum + term,
            None => term,
        });
        weight *= base;
    }
    sum.unwrap_or(Expression::Constant(Fr::ZERO))
}

/// The chain under assignment.
pub(super) struct Chain {
    value: Fr,
    live: u64,
}

impl Chain {
    pub(super) fn new(public: &TileChain) -> Self {
        Self {
            value: public.start,
            live: public.live,
        }
    }

    /// Cells of the next weight block, whose rows pack to `rows`.
    pub(super) fn block(&mut self, rows: &[Fr; RATE]) -> BlockTrace {
        let mut trace = BlockTrace::new(digest::step_input(self.value, rows));
        trace.rows[LIVE_ROW][SPARE] = Fr::from(self.live);
        trace.rows[CHAIN_ROW][SPARE] = self.value;
        trace.rows[OUTPUT_ROW][SPARE] = trace.output[0];
        if self.live > 0 {
            self.live -= 1;
            self.value += trace.output[0];
        }
        trace
    }
}

/// The permutation of zeros, on the header blocks: it stands for nothing.
pub(super) fn idle_block() -> BlockTrace {
    BlockTrace::new([Fr::ZERO; WIDTH])
}
