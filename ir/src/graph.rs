//! A graph as data, and a graph that was checked.

use crate::id::{TableId, TensorId};
use crate::limits::{MAX_NODES, MAX_TABLES};
use crate::op::Op;
use crate::range::Range;
use crate::table::Table;
use nascent_verifier::codec::bounded;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::ops::Deref;

/// An architecture: what a model computes for any values of its parameters.
///
/// This is plain data and may be wrong in any way. Only [`Graph::check`] makes it a
/// [`CheckedGraph`], and only that can be evaluated, laid out, encoded or digested. The easiest way
/// to make one is [`crate::Builder`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Graph {
    /// For people; not in the digest.
    pub name: String,
    /// Bits `T` of the lookup tables, `2 ..= 16`: of all values but sums, contractions and vector
    /// parameters, which have `2 T`.
    pub table_bits: u8,
    /// Bits of the parameters that are operands of contractions, `2 ..= table_bits`.
    pub weight_bits: u8,
    /// One per node, in the same order.
    #[serde(deserialize_with = "bounded::<_, _, MAX_NODES>")]
    pub tensors: Vec<TensorInfo>,
    /// In topological order: node `i` makes tensor `i` from tensors before it.
    #[serde(deserialize_with = "bounded::<_, _, MAX_NODES>")]
    pub nodes: Vec<Node>,
    /// All `Input` nodes' tensors, in the order in which callers give them; that of the nodes need not
    /// be the same. [`CheckedGraph::input_places`] has each one's place among all values.
    pub inputs: Vec<TensorId>,
    /// Distinct, narrow, at least one, in the order in which callers get them
    /// ([`CheckedGraph::output_places`]).
    pub outputs: Vec<TensorId>,
    /// Functions of [`crate::Map`] nodes.
    #[serde(deserialize_with = "bounded::<_, _, MAX_TABLES>")]
    pub tables: Vec<Table>,
}

/// What is known about a tensor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorInfo {
    /// For people; not in the digest.
    pub name: String,
    /// Row-major; `[]` is a scalar; no zeros; rank at most 8.
    pub shape: Vec<u32>,
    /// Of every element. Declared for inputs and parameters, otherwise what follows from the
    /// operands: [`Graph::check`] derives it and refuses any other.
    pub range: Range,
}

impl TensorInfo {
    /// Number of elements of a checked tensor.
    pub fn elements(&self) -> usize {
        self.shape.iter().map(|&dim| dim as usize).product()
    }
}

/// One operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// For people; not in the digest.
    pub name: String,
    /// The tensor made: the node's own position.
    pub output: TensorId,
    /// What is computed.
    pub op: Op,
}

/// A graph for which all rules of [`Graph::check`] hold. Immutable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedGraph {
    pub(crate) graph: Graph,
}

impl CheckedGraph {
    /// Gives the data back.
    pub fn into_inner(self) -> Graph {
        self.graph
    }

    /// The tensor `id`.
    ///
    /// # Panics
    /// If `id` is not of this graph.
    pub fn tensor(&self, id: TensorId) -> &TensorInfo {
        &self.graph.tensors[id.index()]
    }

    /// The node that makes `id`.
    ///
    /// # Panics
    /// If `id` is not of this graph.
    pub fn node(&self, id: TensorId) -> &Node {
        &self.graph.nodes[id.index()]
    }

    /// The table `id`.
    ///
    /// # Panics
    /// If `id` is not of this graph.
    pub fn table(&self, id: TableId) -> &Table {
        &self.graph.tables[id.0 as usize]
    }

    /// The inputs in the order of [`Graph::inputs`], each with its place in the list of all input
    /// values, row-major one tensor after the other. Every such list has this order: what callers
    /// give, public values, hidden ones, and their ranges.
    pub fn input_places(&self) -> impl Iterator<Item = (TensorId, std::ops::Range<usize>)> + '_ {
        self.places(&self.graph.inputs)
    }

    /// The same of the outputs, in the order of [`Graph::outputs`].
    pub fn output_places(&self) -> impl Iterator<Item = (TensorId, std::ops::Range<usize>)> + '_ {
        self.places(&self.graph.outputs)
    }

    fn places<'a>(
        &'a self,
        ids: &'a [TensorId],
    ) -> impl Iterator<Item = (TensorId, std::ops::Range<usize>)> + 'a {
        ids.iter().scan(0, |end, &id| {
            let first = *end;
            *end += self.tensor(id).elements();
            Some((id, first..*end))
        })
    }

    /// Operands of the contractions.
    pub fn contracted(&self) -> BTreeSet<TensorId> {
        let contractions = self.graph.nodes.iter().filter(|of| of.op.is_contraction());
        contractions.flat_map(|of| of.op.operands()).collect()
    }

    /// Tables of the embeddings.
    pub fn embedded(&self) -> BTreeSet<TensorId> {
        let table = |node: &Node| match &node.op {
            Op::Embed(embed) => Some(embed.table),
            _ => None,
        };
        self.graph.nodes.iter().filter_map(table).collect()
    }

    /// The `Param` tensors that neither a contraction nor an embedding takes, such as biases and
    /// multipliers.
    pub fn vectors(&self) -> BTreeSet<TensorId> {
        let (contracted, embedded) = (self.contracted(), self.embedded());
        let vector = |id: &TensorId| !contracted.contains(id) && !embedded.contains(id);
        self.params().filter(vector).collect()
    }

    /// The `Param` tensors, in order.
    pub fn params(&self) -> impl Iterator<Item = TensorId> + '_ {
        let nodes = self.graph.nodes.iter();
        nodes
            .filter(|node| matches!(node.op, Op::Param))
            .map(|node| node.output)
    }
}

impl Deref for CheckedGraph {
    type Target = Graph;

    fn deref(&self) -> &Graph {
        &self.graph
    }
}
