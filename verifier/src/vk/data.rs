//! The verifying key as it is written in a file.

use crate::digest::Digest32;
use crate::spec::{Distribution, Precision};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// Most nodes of an expression graph.
pub const MAX_NODES: usize = 1 << 19;

/// A column queried at a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Query {
    /// Index among the columns of its type.
    pub column: u32,
    /// Rows ahead (negative: behind), cyclically.
    pub rotation: i32,
}

/// A node of the expression graph. Children have lower indices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Node {
    /// A scalar, little-endian.
    Constant([u8; 32]),
    /// A fixed query, by index in [`VkData::fixed_queries`].
    Fixed(u32),
    /// An advice query, by index in [`VkData::advice_queries`].
    Advice(u32),
    /// An instance query, by index in [`VkData::instance_queries`].
    Instance(u32),
    /// A challenge.
    Challenge(u32),
    /// Minus a node.
    Negated(u32),
    /// Sum of two nodes.
    Sum(u32, u32),
    /// Product of two nodes.
    Product(u32, u32),
    /// A node times a scalar, little-endian.
    Scaled(u32, [u8; 32]),
}

/// Type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ColumnKind {
    /// Committed by the prover.
    Advice,
    /// Committed in the key.
    Fixed,
    /// Given by the statement.
    Instance,
}

/// A column under the copy constraints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PermutationColumn {
    /// Type of the column.
    pub kind: ColumnKind,
    /// Index among the columns of its type.
    pub column: u32,
    /// Commitment to its permutation polynomial.
    pub commitment: [u8; 32],
}

/// What the circuit is, when it is an initialization tile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TileShape {
    /// The circuit has `2^k` rows.
    pub k: u8,
    /// Distribution of the deviates.
    pub distribution: Distribution,
    /// Limbs and fraction bits.
    pub precision: Precision,
    /// Blocks of the stream covered by one tile.
    pub blocks: u64,
    /// Advice columns that hold the weights, lane by lane.
    pub weight_columns: Vec<u32>,
}

/// Advice columns that hold weights, so that links can speak about their commitments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightColumns {
    /// The columns, in order; all of the first phase.
    pub columns: Vec<u32>,
    /// Weights stand on rows before this one only.
    pub rows: u64,
}

/// What else than its constraints a key says about its circuit.
///
/// Encoded like an `Option<TileShape>`, to which [`CircuitKind::Bound`] was added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CircuitKind {
    /// Nothing.
    Other,
    /// It is an initialization tile.
    Tile(TileShape),
    /// It is the circuit of one thing alone.
    Bound {
        /// Of which: an inference's architecture, a relayout's statement.
        subject: Digest32,
        /// Lists of weight columns.
        weights: Vec<WeightColumns>,
    },
}

impl From<Option<TileShape>> for CircuitKind {
    fn from(tile: Option<TileShape>) -> Self {
        tile.map_or(Self::Other, Self::Tile)
    }
}

/// A verifying key as plain data, in the proof library's orders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VkData {
    /// The domain has `2^k` rows.
    pub k: u8,
    /// Generator of the domain, little-endian.
    pub omega: [u8; 32],
    /// Degree of the constraint system: the quotient has `degree - 1` pieces,
    /// a permutation set `degree - 2` columns.
    pub degree: u8,
    /// Random rows at the end of each advice column, less one.
    pub blinding_factors: u32,
    /// Values given per instance column.
    pub instance_rows: Vec<u32>,
    /// Phase of each advice column.
    pub advice_phases: Vec<u8>,
    /// Phase after which each challenge is drawn.
    pub challenge_phases: Vec<u8>,
    /// Advice queries.
    pub advice_queries: Vec<Query>,
    /// Fixed queries.
    pub fixed_queries: Vec<Query>,
    /// Instance queries.
    pub instance_queries: Vec<Query>,
    /// Expression graph of all constraints, without repetition.
    #[serde(deserialize_with = "crate::codec::bounded::<_, _, MAX_NODES>")]
    pub nodes: Vec<Node>,
    /// Constraints as node indices, in the order of folding.
    pub constraints: Vec<u32>,
    /// Commitment of each fixed column.
    pub fixed_commitments: Vec<[u8; 32]>,
    /// Columns under the copy constraints, in order; may be empty.
    pub permutation: Vec<PermutationColumn>,
    /// What the circuit is.
    pub kind: CircuitKind,
}

impl VkData {
    /// At how many points a proof opens an advice column.
    pub fn openings_of(&self, column: u32) -> usize {
        let queries = self.advice_queries.iter();
        queries.filter(|query| query.column == column).count()
    }

    /// Random rows at the end of each advice column: a column is hidden if they are more than its
    /// openings, and one more for its commitment.
    pub fn random_rows(&self) -> u64 {
        u64::from(self.blinding_factors).saturating_add(1)
    }
}
