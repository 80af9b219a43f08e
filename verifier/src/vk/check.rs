//! The checks of a verifying key that need no curve arithmetic.

use super::data::{
    CircuitKind, ColumnKind, MAX_NODES, Node, Query, TileShape, VkData, WeightColumns,
};
use super::error::VkError;
use crate::codec::Format;
use crate::statement::{TILE_CHAIN_ROWS, TILE_INSTANCE_ROWS};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec;
use alloc::vec::Vec;

const MAX_COLUMNS: usize = 1 << 12;
const MAX_QUERIES: usize = 1 << 14;
const MAX_WEIGHT_LISTS: usize = 64;
const MAX_CONSTRAINTS: usize = 1 << 16;
const MAX_INSTANCE_ROWS: u32 = 1 << 18;
/// Over all instance queries: each row costs the verifier a few products.
const MAX_QUERIED_INSTANCE_ROWS: usize = 1 << 18;
/// The opening check takes products of pairs of a column's rows.
const MAX_COLUMN_QUERIES: usize = 256;
const MAX_DEGREE: u8 = 32;
/// The library has three phases; the format leaves room.
const MAX_PHASE: u8 = 7;

impl Format for VkData {
    const MAGIC: [u8; 8] = *b"nsc.vkey";
    const VERSION: u16 = 1;
    const MAX_BYTES: usize = 8 << 20;
    type Error = VkError;

    fn validate(&self) -> Result<(), VkError> {
        if !(3..=28).contains(&self.k) {
            return Err(VkError::Size { got: self.k });
        }
        self.check_counts()?;
        self.check_phases()?;
        self.check_queries()?;
        self.check_nodes()?;
        self.check_permutation()?;
        self.check_rows()?;
        match &self.kind {
            CircuitKind::Other => Ok(()),
            CircuitKind::Tile(tile) => self.check_tile(tile),
            CircuitKind::Bound { weights, .. } => self.check_weights(weights),
        }
    }
}

impl VkData {
    /// Rows of the domain.
    pub(super) fn rows(&self) -> u64 {
        1_u64.checked_shl(u32::from(self.k)).unwrap_or(0)
    }

    fn check_counts(&self) -> Result<(), VkError> {
        bounded("advice columns", MAX_COLUMNS, self.advice_phases.len())?;
        bounded("fixed columns", MAX_COLUMNS, self.fixed_commitments.len())?;
        bounded("instance columns", MAX_COLUMNS, self.instance_rows.len())?;
        bounded("challenges", MAX_COLUMNS, self.challenge_phases.len())?;
        bounded("advice queries", MAX_QUERIES, self.advice_queries.len())?;
        bounded("fixed queries", MAX_QUERIES, self.fixed_queries.len())?;
        bounded("instance queries", MAX_QUERIES, self.instance_queries.len())?;
        bounded("nodes", MAX_NODES, self.nodes.len())?;
        bounded("constraints", MAX_CONSTRAINTS, self.constraints.len())?;
        bounded("permutation columns", MAX_COLUMNS, self.permutation.len())
    }

    fn check_phases(&self) -> Result<(), VkError> {
        // The transcript runs through phases 0 to the last one with a column.
        let last = self.last_phase();
        if last > MAX_PHASE {
            return Err(VkError::Phase {
                limit: MAX_PHASE,
                got: last,
            });
        }
        for phase in 0..=last {
            let used = self.advice_phases.is_empty() || self.advice_phases.contains(&phase);
            if !used {
                return Err(VkError::Phase {
                    limit: phase.saturating_sub(1),
                    got: last,
                });
            }
        }
        match self.challenge_phases.iter().max() {
            Some(&got) if got > last || self.advice_phases.is_empty() => {
                Err(VkError::Phase { limit: last, got })
            }
            _ => Ok(()),
        }
    }

    pub(super) fn last_phase(&self) -> u8 {
        self.advice_phases.iter().copied().max().unwrap_or(0)
    }

    fn check_queries(&self) -> Result<(), VkError> {
        let lists = [
            (
                "advice query",
                &self.advice_queries,
                self.advice_phases.len(),
            ),
            (
                "fixed query",
                &self.fixed_queries,
                self.fixed_commitments.len(),
            ),
            (
                "instance query",
                &self.instance_queries,
                self.instance_rows.len(),
            ),
        ];
        for (what, queries, columns) in lists {
            let mut seen = BTreeSet::new();
            for (index, query) in queries.iter().enumerate() {
                in_range(what, index, query.column, columns)?;
                if u64::from(query.rotation.unsigned_abs()) >= self.rows() {
                    return Err(VkError::Rotation {
                        what,
                        index,
                        got: query.rotation,
                    });
                }
                let row = i64::from(query.rotation).rem_euclid(1_i64 << self.k);
                if !seen.insert((query.column, row)) {
                    return Err(VkError::DuplicateQuery { what, index });
                }
            }
        }
        for queries in [&self.advice_queries, &self.fixed_queries] {
            let most = most_queries(queries);
            bounded("queries of one column", MAX_COLUMN_QUERIES, most)?;
        }
        let expected = self.needed_blinding();
        if usize::try_from(self.blinding_factors) != Ok(expected) {
            return Err(VkError::BlindingFactors {
                expected,
                got: self.blinding_factors,
            });
        }
        Ok(())
    }

    /// One random row per opening of the most opened column, at least three,
    /// and two to spare, as the library counts.
    fn needed_blinding(&self) -> usize {
        most_queries(&self.advice_queries).max(3).saturating_add(2)
    }

    fn check_nodes(&self) -> Result<(), VkError> {
        let mut seen = BTreeSet::new();
        let mut used = vec![false; self.nodes.len()];
        let mut degrees: Vec<u32> = Vec::with_capacity(self.nodes.len());
        for (index, node) in self.nodes.iter().enumerate() {
            if !seen.insert(*node) {
                return Err(VkError::DuplicateNode { index });
            }
            let degree = self.node_degree(index, node, &degrees, &mut used)?;
            degrees.push(degree);
        }
        let mut expected = if self.permutation.is_empty() { 2 } else { 3 };
        for (index, &root) in self.constraints.iter().enumerate() {
            let degree = child("constraint", index, root, &degrees, &mut used)?;
            expected = expected.max(degree);
        }
        if let Some(index) = used.iter().position(|used| !used) {
            return Err(VkError::UnusedNode { index });
        }
        if self.degree > MAX_DEGREE || u32::from(self.degree) < expected {
            return Err(VkError::Degree {
                expected,
                limit: MAX_DEGREE,
                got: self.degree,
            });
        }
        Ok(())
    }

    /// Degree of a node over its children's, which it marks as used.
    fn node_degree(
        &self,
        index: usize,
        node: &Node,
        degrees: &[u32],
        used: &mut [bool],
    ) -> Result<u32, VkError> {
        const WHAT: &str = "node";
        match *node {
            Node::Constant(_) => Ok(0),
            Node::Challenge(challenge) => {
                in_range(WHAT, index, challenge, self.challenge_phases.len()).map(|()| 0)
            }
            Node::Fixed(query) => {
                in_range(WHAT, index, query, self.fixed_queries.len()).map(|()| 1)
            }
            Node::Advice(query) => {
                in_range(WHAT, index, query, self.advice_queries.len()).map(|()| 1)
            }
            Node::Instance(query) => {
                in_range(WHAT, index, query, self.instance_queries.len()).map(|()| 1)
            }
            Node::Negated(a) | Node::Scaled(a, _) => child(WHAT, index, a, degrees, used),
            Node::Sum(a, b) => {
                let a = child(WHAT, index, a, degrees, used)?;
                let b = child(WHAT, index, b, degrees, used)?;
                Ok(a.max(b))
            }
            Node::Product(a, b) => {
                let a = child(WHAT, index, a, degrees, used)?;
                let b = child(WHAT, index, b, degrees, used)?;
                Ok(a.saturating_add(b))
            }
        }
    }

    fn check_permutation(&self) -> Result<(), VkError> {
        let mut seen = BTreeSet::new();
        for (index, column) in self.permutation.iter().enumerate() {
            if !seen.insert((column.kind, column.column))
                || self.own_row_query(column.kind, column.column).is_none()
            {
                return Err(VkError::PermutationColumn { index });
            }
        }
        Ok(())
    }

    /// Index of the query of a column at rotation 0.
    pub(super) fn own_row_query(&self, kind: ColumnKind, column: u32) -> Option<usize> {
        let queries = match kind {
            ColumnKind::Advice => &self.advice_queries,
            ColumnKind::Fixed => &self.fixed_queries,
            ColumnKind::Instance => &self.instance_queries,
        };
        let wanted = Query {
            column,
            rotation: 0,
        };
        queries.iter().position(|query| *query == wanted)
    }

    fn check_rows(&self) -> Result<(), VkError> {
        let random = u64::from(self.blinding_factors).saturating_add(1);
        // The library's minimum: the random rows, first and last, one to use.
        if random.saturating_add(2) > self.rows() {
            return Err(VkError::Rows {
                limit: self.rows(),
                got: random.saturating_add(2),
            });
        }
        let most = self.instance_rows.iter().copied().max().unwrap_or(0);
        let limit = self.usable_rows().min(u64::from(MAX_INSTANCE_ROWS));
        if u64::from(most) > limit {
            return Err(VkError::Rows {
                limit,
                got: u64::from(most),
            });
        }
        let rows = |query: &Query| {
            let column = usize::try_from(query.column).ok()?;
            usize::try_from(*self.instance_rows.get(column)?).ok()
        };
        let queried = self.instance_queries.iter().filter_map(rows);
        let queried = queried.fold(0, usize::saturating_add);
        bounded("queried instance rows", MAX_QUERIED_INSTANCE_ROWS, queried)
    }

    /// Whether the instance has the rows of the weight digest.
    pub(super) fn has_chain_rows(&self) -> bool {
        let rows = self.instance_rows.first().copied().map(u64::from);
        rows == TILE_INSTANCE_ROWS.checked_add(TILE_CHAIN_ROWS)
    }

    fn check_tile(&self, tile: &TileShape) -> Result<(), VkError> {
        tile.precision.validate()?;
        tile.distribution.validate()?;
        let differs = |what, expected, got| {
            if expected == got {
                Ok(())
            } else {
                Err(VkError::TileShape {
                    what,
                    expected,
                    got,
                })
            }
        };
        differs("k", u64::from(self.k), u64::from(tile.k))?;
        let columns = len_u64(&tile.weight_columns);
        differs("lanes", tile.precision.lanes(), columns)?;
        differs("instance columns", 1, len_u64(&self.instance_rows))?;
        let rows = self.instance_rows.first().copied().unwrap_or(0);
        if !self.has_chain_rows() {
            differs("instance rows", TILE_INSTANCE_ROWS, u64::from(rows))?;
        }
        if tile.blocks == 0 || tile.blocks > self.rows() {
            return Err(VkError::TileShape {
                what: "blocks",
                expected: self.rows(),
                got: tile.blocks,
            });
        }
        let mut seen = BTreeSet::new();
        for (index, &column) in tile.weight_columns.iter().enumerate() {
            in_range("weight column", index, column, self.advice_phases.len())?;
            if !seen.insert(column) {
                return Err(VkError::TileShape {
                    what: "distinct weight columns",
                    expected: columns,
                    got: u64::from(column),
                });
            }
        }
        Ok(())
    }
}

impl VkData {
    /// Rows without the random ones.
    fn usable_rows(&self) -> u64 {
        let random = u64::from(self.blinding_factors).saturating_add(1);
        self.rows().saturating_sub(random)
    }

    /// Distinct columns of the first phase, weights on usable rows.
    fn check_weights(&self, lists: &[WeightColumns]) -> Result<(), VkError> {
        bounded("lists of weight columns", MAX_WEIGHT_LISTS, lists.len())?;
        for (list, weights) in lists.iter().enumerate() {
            let error = |what| VkError::WeightColumns { list, what };
            if weights.columns.is_empty() {
                return Err(error("no columns"));
            }
            if weights.rows > self.usable_rows() {
                return Err(error("weights on random rows"));
            }
            let mut seen = BTreeSet::new();
            for (index, &column) in weights.columns.iter().enumerate() {
                in_range("weight column", index, column, self.advice_phases.len())?;
                let phase = usize::try_from(column).ok();
                let phase = phase.and_then(|column| self.advice_phases.get(column));
                if phase != Some(&0) {
                    return Err(error("a column of a later phase"));
                }
                if !seen.insert(column) {
                    return Err(error("a column twice"));
                }
            }
        }
        Ok(())
    }
}

/// Queries of the most queried column; one if there are none.
fn most_queries(queries: &[Query]) -> usize {
    let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
    for query in queries {
        let count = counts.entry(query.column).or_default();
        *count = count.saturating_add(1);
    }
    counts.into_values().max().unwrap_or(1)
}

fn len_u64<T>(list: &[T]) -> u64 {
    u64::try_from(list.len()).unwrap_or(u64::MAX)
}

fn bounded(what: &'static str, limit: usize, got: usize) -> Result<(), VkError> {
    if got > limit {
        return Err(VkError::TooMany { what, limit, got });
    }
    Ok(())
}

fn in_range(what: &'static str, index: usize, got: u32, limit: usize) -> Result<(), VkError> {
    match usize::try_from(got) {
        Ok(value) if value < limit => Ok(()),
        _ => Err(VkError::Index {
            what,
            index,
            limit,
            got,
        }),
    }
}

/// Degree of a child; marks it as used.
fn child(
    what: &'static str,
    index: usize,
    got: u32,
    degrees: &[u32],
    used: &mut [bool],
) -> Result<u32, VkError> {
    let error = VkError::Index {
        what,
        index,
        limit: degrees.len(),
        got,
    };
    let position = usize::try_from(got).map_err(|_| error.clone())?;
    let degree = *degrees.get(position).ok_or(error)?;
    if let Some(used) = used.get_mut(position) {
        *used = true;
    }
    Ok(degree)
}
