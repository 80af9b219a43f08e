//! Verifying keys: data in a canonical file, checked, made ready for use.

mod check;
mod data;
mod error;
mod openings;

pub use data::{
    CircuitKind, ColumnKind, Node, PermutationColumn, Query, TileShape, VkData, WeightColumns,
};
pub use error::VkError;
pub(crate) use openings::{Layout, OpeningSet, Openings, Source};

use crate::codec::{Format, FormatError};
use crate::digest::{Digest32, tagged};
use crate::encoding::{EncodingError, point_from_bytes, scalar_from_bytes};
use crate::statement::tile_rows;
use alloc::vec::Vec;
use ark_bn254::{Fr, G1Affine};
use ark_ff::{Field, PrimeField};

/// A node with its scalars parsed and its indices checked.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Op {
    Constant(Fr),
    Fixed(usize),
    Advice(usize),
    Instance(usize),
    Challenge(usize),
    Negated(usize),
    Sum(usize, usize),
    Product(usize, usize),
    Scaled(usize, Fr),
}

/// A checked verifying key.
#[derive(Debug, Clone)]
pub struct VerifyingKey {
    data: VkData,
    digest: Digest32,
    pub(crate) ops: Vec<Op>,
    pub(crate) constraints: Vec<usize>,
    /// Fixed commitments, then permutation commitments.
    pub(crate) commitments: Vec<G1Affine>,
    /// Query of each permutation column at its own row.
    pub(crate) permutation_queries: Vec<(ColumnKind, usize)>,
    pub(crate) layout: Layout,
    pub(crate) openings: Openings,
    /// Generator of the domain.
    pub(crate) omega: Fr,
    /// `omega^r` for each row of `openings.rows`.
    pub(crate) opening_omegas: Vec<Fr>,
    pub(crate) lagrange: LagrangeRows,
    /// `1 / 2^k`.
    pub(crate) inverse_rows: Fr,
}

/// The rows whose Lagrange polynomials the verifier evaluates.
#[derive(Debug, Clone)]
pub(crate) struct LagrangeRows {
    /// `omega^row` of each.
    pub(crate) omegas: Vec<Fr>,
    /// Where the last usable row, the random rows behind it and row 0 stand:
    /// positions `0`, `1..=blinding` and `blinding + 1`.
    pub(crate) blinding: usize,
}

impl VerifyingKey {
    /// Checks a key's data and makes it ready for use.
    pub fn new(data: VkData) -> Result<Self, VkError> {
        let bytes = data.encode().map_err(|error| match error {
            FormatError::Invalid(error) => error,
            FormatError::TooLarge { limit, got } => VkError::TooMany {
                what: "bytes",
                limit,
                got,
            },
            _ => VkError::Unencodable,
        })?;
        let digest = tagged("nascent verifying key v1", &[&bytes]);
        let omega = parse_omega(&data)?;
        let ops = parse_ops(&data)?;
        let constraints = data.constraints.iter().map(|&root| index(root)).collect();
        let commitments = parse_commitments(&data)?;
        let permutation_queries = data
            .permutation
            .iter()
            .filter_map(|column| {
                let query = data.own_row_query(column.kind, column.column)?;
                Some((column.kind, query))
            })
            .collect();
        let layout = Layout::new(&data);
        let openings = Openings::new(&data, &layout);
        let opening_omegas = openings.rows.iter().map(|&row| omega.pow([row])).collect();
        let lagrange = LagrangeRows {
            omegas: (-i64::from(data.blinding_factors) - 1..=0)
                .map(|row| omega_power(&data, omega, row))
                .collect(),
            blinding: index(data.blinding_factors),
        };
        let inverse_rows = Fr::from(data.rows())
            .inverse()
            .ok_or(VkError::Size { got: data.k })?;
        Ok(Self {
            data,
            digest,
            ops,
            constraints,
            commitments,
            permutation_queries,
            layout,
            openings,
            omega,
            opening_omegas,
            lagrange,
            inverse_rows,
        })
    }

    /// Reads a key file.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError<VkError>> {
        Self::new(VkData::decode(bytes)?).map_err(FormatError::Invalid)
    }

    /// The canonical bytes.
    pub fn encode(&self) -> Result<Vec<u8>, FormatError<VkError>> {
        self.data.encode()
    }

    /// Digest of the canonical bytes: the key's identity.
    pub fn digest(&self) -> &Digest32 {
        &self.digest
    }

    /// The key as plain data.
    pub fn data(&self) -> &VkData {
        &self.data
    }

    /// What the circuit is, when it is an initialization tile.
    pub fn tile(&self) -> Option<&TileShape> {
        match &self.data.kind {
            CircuitKind::Tile(tile) => Some(tile),
            CircuitKind::Other | CircuitKind::Bound { .. } => None,
        }
    }

    /// What the circuit is of, if it is that of one thing alone.
    pub fn subject(&self) -> Option<&Digest32> {
        match &self.data.kind {
            CircuitKind::Bound { subject, .. } => Some(subject),
            CircuitKind::Other | CircuitKind::Tile(_) => None,
        }
    }

    /// Whether the circuit is a tile that also computes the weight digest: its instance has three
    /// further rows.
    pub fn has_weight_digest(&self) -> bool {
        self.tile().is_some() && self.data.has_chain_rows()
    }

    /// Exact length of a proof, in bytes.
    pub fn proof_len(&self) -> usize {
        (self.layout.points + self.layout.evaluations) * 32
    }

    /// The commitments to the weight lanes, out of the bytes of a tile's proof.
    /// Empty for other circuits, and for bytes of another length.
    pub fn weight_commitments(&self, proof: &[u8]) -> Vec<[u8; 32]> {
        let columns = self.tile().map_or(&[][..], |tile| &tile.weight_columns);
        self.advice_commitments(proof, columns.iter().copied())
    }

    /// The commitments to advice columns, out of the bytes of a proof. Columns that the key lacks
    /// are left out; none for bytes of another length.
    pub fn advice_commitments(
        &self,
        proof: &[u8],
        columns: impl IntoIterator<Item = u32>,
    ) -> Vec<[u8; 32]> {
        if proof.len() != self.proof_len() {
            return Vec::new();
        }
        let (words, _) = proof.as_chunks::<32>();
        let word = |column: u32| words.get(*self.layout.advice.get(index(column))?).copied();
        columns.into_iter().filter_map(word).collect()
    }

    /// A list of weight columns. A tile has one, list 0: its lanes.
    pub fn weights(&self, list: u16) -> Option<WeightColumns> {
        match &self.data.kind {
            CircuitKind::Other => None,
            CircuitKind::Tile(tile) => (list == 0).then(|| WeightColumns {
                columns: tile.weight_columns.clone(),
                rows: tile_rows(tile.blocks),
            }),
            CircuitKind::Bound { weights, .. } => weights.get(usize::from(list)).cloned(),
        }
    }

    /// `omega^row`, for a row that may be negative.
    pub(crate) fn omega_power(&self, row: i64) -> Fr {
        omega_power(&self.data, self.omega, row)
    }

    /// Columns of a permutation set.
    pub(crate) fn permutation_chunk(&self) -> usize {
        usize::from(self.data.degree).saturating_sub(2).max(1)
    }
}

fn omega_power(data: &VkData, omega: Fr, row: i64) -> Fr {
    let modulus = i64::try_from(data.rows()).unwrap_or(i64::MAX);
    omega.pow([row.rem_euclid(modulus).unsigned_abs()])
}

/// Indices are bounded far below `usize` on every target; a target where they
/// are not gets an index that every checked lookup refuses.
fn index(value: u32) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

fn parse_omega(data: &VkData) -> Result<Fr, VkError> {
    let error = VkError::Omega { k: data.k };
    let omega = scalar_from_bytes(&data.omega).map_err(encoding("omega", 0))?;
    // Order exactly 2^k: the 2^(k-1)-th power is minus one.
    let mut power = omega;
    for _ in 1..data.k {
        power.square_in_place();
    }
    if power == -Fr::ONE {
        Ok(omega)
    } else {
        Err(error)
    }
}

fn parse_ops(data: &VkData) -> Result<Vec<Op>, VkError> {
    let parse = |(position, node): (usize, &Node)| {
        let scalar = |bytes| scalar_from_bytes(bytes).map_err(encoding("node", position));
        Ok(match node {
            Node::Constant(bytes) => Op::Constant(scalar(bytes)?),
            Node::Fixed(query) => Op::Fixed(index(*query)),
            Node::Advice(query) => Op::Advice(index(*query)),
            Node::Instance(query) => Op::Instance(index(*query)),
            Node::Challenge(challenge) => Op::Challenge(index(*challenge)),
            Node::Negated(a) => Op::Negated(index(*a)),
            Node::Sum(a, b) => Op::Sum(index(*a), index(*b)),
            Node::Product(a, b) => Op::Product(index(*a), index(*b)),
            Node::Scaled(a, bytes) => Op::Scaled(index(*a), scalar(bytes)?),
        })
    };
    data.nodes.iter().enumerate().map(parse).collect()
}

fn parse_commitments(data: &VkData) -> Result<Vec<G1Affine>, VkError> {
    let fixed = data.fixed_commitments.iter().enumerate();
    let fixed = fixed.map(|(position, bytes)| {
        point_from_bytes(bytes).map_err(encoding("fixed commitment", position))
    });
    let permutation = data.permutation.iter().enumerate();
    let permutation = permutation.map(|(position, column)| {
        point_from_bytes(&column.commitment).map_err(encoding("permutation commitment", position))
    });
    fixed.chain(permutation).collect()
}

fn encoding(what: &'static str, index: usize) -> impl Fn(EncodingError) -> VkError {
    move |source| VkError::Encoding {
        what,
        index,
        source,
    }
}

/// Generator of the cosets of the copy constraints: `7^(2^28)`, as the library
/// and most of the field's implementations have it.
pub(crate) fn coset_generator() -> Fr {
    let mut delta = Fr::from(7_u64);
    for _ in 0..<Fr as ark_ff::FftField>::TWO_ADICITY {
        delta.square_in_place();
    }
    debug_assert!(delta.into_bigint() != Fr::ONE.into_bigint());
    delta
}
