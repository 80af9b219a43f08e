//! Why a graph cannot be laid out.

use crate::inference::shape::MAX_EQUATION_BITS;

/// A graph cannot be laid out as a circuit.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlanError {
    /// An operator, or a use of it, that the circuit lacks.
    #[error("node {node:?}: {what}")]
    Unsupported {
        /// Name of the node.
        node: String,
        /// What is not supported, and what to do.
        what: &'static str,
    },
    /// Values that could wrap around the field, whatever parameters and inputs a prover takes.
    #[error(
        "node {node:?}: integers of {bits} bits in an equation, at most {MAX_EQUATION_BITS} are \
         safe: too many sums of sums"
    )]
    Wraps {
        /// Name of the node.
        node: String,
        /// Bits of the largest integer.
        bits: u32,
    },
    /// A graph whose layout takes more memory than the caller is willing to spend.
    #[error(
        "node {node:?}: up to here the layout takes about {needed} bytes of memory, the limit is {limit}; \
         allow more (--max-memory) if you trust the graph"
    )]
    TooLarge {
        /// Name of the node.
        node: String,
        /// Bytes needed, those of the nodes before it included.
        needed: u128,
        /// Bytes allowed.
        limit: u64,
    },
    /// A part of all nodes that takes more memory than the caller is willing to spend.
    #[error(
        "the graph's {what} take about {needed} bytes of memory, the limit is {limit}; \
         allow more (--max-memory) if you trust the graph"
    )]
    PartTooLarge {
        /// Tables and tensors, or exponents of convolutions.
        what: &'static str,
        /// Bytes needed.
        needed: u128,
        /// Bytes allowed.
        limit: u64,
    },
    /// Rows or columns beyond any circuit.
    #[error("node {node:?}: {needed} rows or columns, at most {limit} can be laid out")]
    Count {
        /// Name of the node.
        node: String,
        /// How many.
        needed: u128,
        /// Most.
        limit: u128,
    },
    /// Values that do not fit the cells.
    #[error("node {node:?}: values in {range}, but the circuit takes {bits} bits, signed, here")]
    Range {
        /// Name of the node.
        node: String,
        /// Range of the values.
        range: nascent_ir::Range,
        /// Bits that fit.
        bits: u32,
    },
    /// A matrix whose range was not found when the tables were made. No graph leads here.
    #[error("node {node:?}: no table has the range {range} of this matrix")]
    MatrixRange {
        /// Name of the node.
        node: String,
        /// The range that it declares.
        range: nascent_ir::Range,
    },
    /// More fixed columns than a verifying key can have.
    #[error("the circuit needs {columns} fixed columns, a verifying key has at most {max}")]
    Columns {
        /// Columns needed.
        columns: usize,
        /// Most.
        max: usize,
    },
    /// The circuit would be too large.
    #[error("the circuit needs {rows} rows; {max} fit")]
    Size {
        /// Rows needed.
        rows: usize,
        /// Rows that fit.
        max: usize,
    },
}
