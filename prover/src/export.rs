//! From the library's verifying key to the verifier's: data instead of code.
//!
//! Expressions are trees in the library; here they become one graph in which
//! every distinct subexpression stands once. Orders (queries, constraints,
//! columns under copy constraints) are kept: challenges are powers by position.

use ff::PrimeField;
use group::GroupEncoding;
use halo2_proofs::plonk::{self, Any, ConstraintSystem, Expression};
use halo2_proofs::poly::Rotation;
use halo2curves::bn256::{Fr, G1Affine};
use nascent_verifier::vk::{ColumnKind, Node, PermutationColumn, Query};
use nascent_verifier::{
    CircuitKind, Digest32, TileShape, VerifyingKey, VkData, VkError, WeightColumns,
};
use std::collections::BTreeMap;

use crate::plonk::root;

/// A circuit's key, in the library's types.
#[derive(Debug, Clone, Copy)]
pub struct Circuit<'a> {
    /// Constraints and queries.
    pub constraints: &'a ConstraintSystem<Fr>,
    /// Binary logarithm of the number of rows.
    pub k: u32,
    /// Commitments to the fixed columns.
    pub fixed: &'a [G1Affine],
    /// Commitments of the permutation, one for each column under copy constraints.
    pub permutation: &'a [G1Affine],
}

/// Exports the library's key, given the number of values of each instance column.
///
/// # Errors
///
/// As [`export`].
pub fn export_library(
    vk: &plonk::VerifyingKey<G1Affine>,
    instance_rows: &[u32],
    tile: Option<TileShape>,
) -> Result<VerifyingKey, ExportError> {
    let circuit = Circuit {
        constraints: vk.cs(),
        k: vk.get_domain().k(),
        fixed: vk.fixed_commitments(),
        permutation: vk.permutation().commitments(),
    };
    export(&circuit, instance_rows, tile)
}

/// Exports a key, given the number of values of each instance column.
///
/// # Errors
///
/// If the circuit uses what the verifier has not, or does not fit its format.
pub fn export(
    circuit: &Circuit<'_>,
    instance_rows: &[u32],
    tile: Option<TileShape>,
) -> Result<VerifyingKey, ExportError> {
    export_kind(circuit, instance_rows, tile.into())
}

/// Makes the verifier's key of a circuit, once its commitments are there.
pub(crate) type Exporter = Box<dyn FnOnce(&Circuit<'_>) -> Result<VerifyingKey, ExportError>>;

/// Exports the key of a circuit that is `subject`'s alone, and names its weight columns, so that its
/// proofs can be linked.
///
/// # Errors
///
/// As [`export`]; and if a list is empty or not of the circuit's first phase.
pub fn export_bound(
    circuit: &Circuit<'_>,
    instance_rows: &[u32],
    subject: Digest32,
    weights: Vec<WeightColumns>,
) -> Result<VerifyingKey, ExportError> {
    let kind = CircuitKind::Bound { subject, weights };
    export_kind(circuit, instance_rows, kind)
}

fn export_kind(
    circuit: &Circuit<'_>,
    instance_rows: &[u32],
    kind: CircuitKind,
) -> Result<VerifyingKey, ExportError> {
    let cs = circuit.constraints;
    if !cs.lookups().is_empty() {
        return Err(ExportError::Lookups {
            got: cs.lookups().len(),
        });
    }
    if instance_rows.len() != cs.num_instance_columns() {
        return Err(ExportError::InstanceColumns {
            expected: cs.num_instance_columns(),
            got: instance_rows.len(),
        });
    }
    let mut graph = Graph::new(cs)?;
    let mut constraints = Vec::new();
    for polynomial in cs.gates().iter().flat_map(|gate| gate.polynomials()) {
        constraints.push(graph.add(polynomial)?);
    }
    let data = VkData {
        k: u8::try_from(circuit.k).map_err(|_| ExportError::TooLarge)?,
        omega: root(circuit.k).to_repr(),
        degree: degree(cs)?,
        blinding_factors: number(cs.blinding_factors())?,
        instance_rows: instance_rows.to_vec(),
        advice_phases: cs.advice_column_phase(),
        challenge_phases: cs.challenge_phase(),
        advice_queries: queries(cs.advice_queries())?,
        fixed_queries: queries(cs.fixed_queries())?,
        instance_queries: queries(cs.instance_queries())?,
        nodes: graph.nodes,
        constraints,
        fixed_commitments: circuit.fixed.iter().map(point).collect(),
        permutation: permutation(circuit)?,
        kind,
    };
    Ok(VerifyingKey::new(data)?)
}

/// The library's degree, which is that of the quotient and one, held against the constraints' own:
/// the library clamps it silently (at 5, or at `MAX_DEGREE`), and a proof of a clamped key fails.
fn degree(cs: &ConstraintSystem<Fr>) -> Result<u8, ExportError> {
    let polynomials = cs.gates().iter().flat_map(|gate| gate.polynomials());
    let constraints = polynomials.map(Expression::degree).max().unwrap_or(0);
    let declared = cs.degree();
    if constraints > declared {
        return Err(ExportError::Degree {
            constraints,
            declared,
        });
    }
    u8::try_from(declared).map_err(|_| ExportError::TooLarge)
}

fn queries<C: plonk::ColumnType>(
    queries: &[(plonk::Column<C>, Rotation)],
) -> Result<Vec<Query>, ExportError> {
    let query = |(column, rotation): &(plonk::Column<C>, Rotation)| {
        Ok(Query {
            column: number(column.index())?,
            rotation: rotation.0,
        })
    };
    queries.iter().map(query).collect()
}

fn permutation(circuit: &Circuit<'_>) -> Result<Vec<PermutationColumn>, ExportError> {
    let columns = circuit.constraints.permutation().get_columns();
    let commitments = circuit.permutation;
    if columns.len() != commitments.len() {
        return Err(ExportError::Permutation {
            expected: columns.len(),
            got: commitments.len(),
        });
    }
    let export = |(column, commitment): (plonk::Column<Any>, &G1Affine)| {
        Ok(PermutationColumn {
            kind: match column.column_type() {
                Any::Advice(_) => ColumnKind::Advice,
                Any::Fixed => ColumnKind::Fixed,
                Any::Instance => ColumnKind::Instance,
            },
            column: number(column.index())?,
            commitment: point(commitment),
        })
    };
    columns.into_iter().zip(commitments).map(export).collect()
}

fn point(point: &G1Affine) -> [u8; 32] {
    let mut out = [0; 32];
    for (out, byte) in out.iter_mut().zip(point.to_bytes().as_ref()) {
        *out = *byte;
    }
    out
}

fn number(value: usize) -> Result<u32, ExportError> {
    u32::try_from(value).map_err(|_| ExportError::TooLarge)
}

/// The expression graph under construction.
struct Graph {
    nodes: Vec<Node>,
    known: BTreeMap<Node, u32>,
    advice: BTreeMap<Query, u32>,
    fixed: BTreeMap<Query, u32>,
    instance: BTreeMap<Query, u32>,
}

impl Graph {
    fn new(cs: &ConstraintSystem<Fr>) -> Result<Self, ExportError> {
        let positions = |queries: Vec<Query>| (0..).zip(queries).map(|(i, q)| (q, i)).collect();
        Ok(Self {
            nodes: Vec::new(),
            known: BTreeMap::new(),
            advice: positions(queries(cs.advice_queries())?),
            fixed: positions(queries(cs.fixed_queries())?),
            instance: positions(queries(cs.instance_queries())?),
        })
    }

    /// Adds an expression; gives the index of its node.
    fn add(&mut self, expression: &Expression<Fr>) -> Result<u32, ExportError> {
        let node = match expression {
            Expression::Constant(scalar) => Node::Constant(scalar.to_repr()),
            Expression::Selector(selector) => {
                return Err(ExportError::Selector {
                    got: selector.index(),
                });
            }
            Expression::Fixed(query) => {
                Node::Fixed(find(&self.fixed, query.column_index(), query.rotation())?)
            }
            Expression::Advice(query) => {
                Node::Advice(find(&self.advice, query.column_index(), query.rotation())?)
            }
            Expression::Instance(query) => Node::Instance(find(
                &self.instance,
                query.column_index(),
                query.rotation(),
            )?),
            Expression::Challenge(challenge) => Node::Challenge(number(challenge.index())?),
            Expression::Negated(a) => Node::Negated(self.add(a)?),
            Expression::Sum(a, b) => Node::Sum(self.add(a)?, self.add(b)?),
            Expression::Product(a, b) => Node::Product(self.add(a)?, self.add(b)?),
            Expression::Scaled(a, scalar) => Node::Scaled(self.add(a)?, scalar.to_repr()),
        };
        if let Some(&index) = self.known.get(&node) {
            return Ok(index);
        }
        let index = number(self.nodes.len())?;
        self.nodes.push(node);
        self.known.insert(node, index);
        Ok(index)
    }
}

fn find(
    queries: &BTreeMap<Query, u32>,
    column: usize,
    rotation: Rotation,
) -> Result<u32, ExportError> {
    let query = Query {
        column: number(column)?,
        rotation: rotation.0,
    };
    let index = queries.get(&query);
    index.copied().ok_or(ExportError::UnknownQuery { query })
}

/// Why a key cannot be exported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The circuit uses the library's lookups, which the verifier has not.
    #[error("{got} library lookups; the verifier supports none, write them as gates")]
    Lookups {
        /// Number of lookup arguments.
        got: usize,
    },
    /// A row count is needed for each instance column.
    #[error("{got} instance row counts for {expected} instance columns")]
    InstanceColumns {
        /// Columns of the circuit.
        expected: usize,
        /// Counts given.
        got: usize,
    },
    /// The quotient has too few pieces for the constraints.
    #[error(
        "constraints of degree {constraints}, {declared} declared: raise it with set_minimum_degree"
    )]
    Degree {
        /// True degree of the constraints.
        constraints: usize,
        /// Degree that the constraint system declares.
        declared: usize,
    },
    /// Not one permutation commitment per column.
    #[error("{got} permutation commitments for {expected} columns")]
    Permutation {
        /// Columns under copy constraints.
        expected: usize,
        /// Commitments.
        got: usize,
    },
    /// A selector that key generation should have replaced.
    #[error("selector {got} was not replaced by a fixed column")]
    Selector {
        /// Index of the selector.
        got: usize,
    },
    /// A query in a gate that the constraint system does not list.
    #[error("a gate uses {query:?}, which is not among the queries")]
    UnknownQuery {
        /// The query.
        query: Query,
    },
    /// A number that does not fit the format.
    #[error("circuit too large for the format")]
    TooLarge,
    /// The verifier refuses the result.
    #[error("the verifier refuses the key: {0}")]
    Refused(#[from] VkError),
}
