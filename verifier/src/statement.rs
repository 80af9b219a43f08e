//! The statement of one tile, and the word that opens its transcript.

use crate::digest::{Digest32, tagged};

/// Rows of the one instance column of a tile: `[pk, b, A, first_block]`.
pub const TILE_INSTANCE_ROWS: u64 = 4;

/// Further rows where the tile computes the weight digest: the chain's value before the tile, the
/// one after it, and the number of the tile's blocks that are part of the stream.
pub const TILE_CHAIN_ROWS: u64 = 3;

/// Rows of a block of a tile.
pub const TILE_BLOCK_ROWS: u64 = 15;

/// Blocks of a tile before those of weights.
pub const TILE_HEADER_BLOCKS: u64 = 3;

/// Rows of a tile up to its last weight.
pub(crate) fn tile_rows(blocks: u64) -> u64 {
    blocks
        .saturating_add(TILE_HEADER_BLOCKS)
        .saturating_mul(TILE_BLOCK_ROWS)
}

/// What one tile proof is about. The proof is bound to all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TileStatement {
    /// [`crate::Plan::digest`].
    pub plan: Digest32,
    /// [`crate::Beacon::digest`].
    pub beacon: Digest32,
    /// Index of the stream in the model.
    pub stream: u16,
    /// Index of the tile in the stream.
    pub index: u64,
}

impl TileStatement {
    /// Digest of the statement.
    pub fn digest(&self) -> Digest32 {
        tagged(
            "nascent tile statement v1",
            &[
                &self.plan,
                &self.beacon,
                &self.stream.to_be_bytes(),
                &self.index.to_be_bytes(),
            ],
        )
    }

    /// The first word of the tile's transcript.
    pub fn transcript_prefix(&self, vk: &Digest32, srs: &Digest32) -> Digest32 {
        transcript_prefix(vk, srs, &self.digest())
    }
}

/// The first word of any proof's transcript: it binds the verifying key, the
/// SRS and the statement before the first challenge.
pub fn transcript_prefix(vk: &Digest32, srs: &Digest32, statement: &Digest32) -> Digest32 {
    tagged("nascent transcript v1", &[vk, srs, statement])
}
