//! Values of a tile, block by block.

use halo2curves::bn256::Fr;

use super::params::TileParams;
use crate::canonical::{Split, TopDigitsOfModulus, split};
use crate::poseidon2::{BLOCK_ROWS, BlockTrace, FREE_ROW, RATE, WIDTH};
use crate::seed::{SeedMaterial, TAG_KEY, TAG_PK, TAG_VRF, stream_input, stream_tag};
use ff::{Field, PrimeField};

/// Column of `B_15` in a row of a trace.
const SPARE: usize = 2 * WIDTH - 1;

/// A block of weights.
pub(super) struct WeightBlock {
    pub(super) trace: BlockTrace,
    /// Limbs of the 15 outputs, row by row.
    pub(super) limbs: Vec<u16>,
    pub(super) splits: [Split; BLOCK_ROWS],
}

/// The permutation with its inputs `d_0, d_1, d_2` in the free cells.
fn block(state: [Fr; WIDTH]) -> BlockTrace {
    let mut trace = BlockTrace::new(state);
    for i in 0..3 {
        trace.rows[FREE_ROW + i][SPARE] = state[i + 1];
    }
    trace
}

/// The three blocks that derive the stream key.
pub(super) fn header_blocks(seed: &SeedMaterial) -> [BlockTrace; 3] {
    let state = |tag: u128, inputs: &[Fr]| {
        let mut state = [Fr::ZERO; WIDTH];
        state[0] = Fr::from_u128(tag);
        state[1..=inputs.len()].copy_from_slice(inputs);
        state
    };
    [
        block(state(TAG_PK, &[seed.secret])),
        block(state(TAG_VRF, &[seed.secret, seed.beacon])),
        block(state(TAG_KEY, &[seed.answer(), seed.beacon, seed.model])),
    ]
}

/// Block `index` of the stream.
pub(super) fn weight_block(
    params: &TileParams,
    key: Fr,
    index: u64,
) -> Result<WeightBlock, TopDigitsOfModulus> {
    let shape = params.limbs();
    let tag = stream_tag(params.distribution, params.precision);
    let trace = block(stream_input(tag, key, index));
    let mut limbs = vec![0u16; BLOCK_ROWS * shape.limbs];
    let mut splits = [Split {
        top: 0,
        differs: 0,
        below: 0,
    }; BLOCK_ROWS];
    for r in 0..RATE {
        let limbs = &mut limbs[r * shape.limbs..(r + 1) * shape.limbs];
        splits[r] = split(&shape, &trace.output[r + 1], limbs)?;
    }
    Ok(WeightBlock {
        trace,
        limbs,
        splits,
    })
}
