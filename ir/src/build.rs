//! Making a graph node by node.

use crate::context::Context;
use crate::error::{Fault, GraphError, NodeRef};
use crate::graph::{CheckedGraph, Graph, Node, TensorInfo};
use crate::id::{TableId, TensorId};
use crate::infer::infer;
use crate::limits::MAX_NODES;
use crate::op::Op;
use crate::range::Range;
use crate::table::Table;

/// Appends nodes and derives shapes and ranges on the way, so that a mistake is reported at the node
/// where it is made.
///
/// ```
/// use nascent_ir::{Builder, MatMul, Map, Multiplier, Op, Params, Pre, Range, Table, eval};
///
/// let mut b = Builder::new("linear", 16);
/// let x = b.input("x", &[1, 3], Range::signed(8))?;
/// let w = b.param("w", &[3, 2], Range::signed(8))?;
/// let y = b.push("y", Op::MatMul(MatMul { a: x, b: w, transpose_b: false }))?;
/// // Times 2^25 / 2^32; one bit of headroom.
/// let relu = b.table(Table::relu(Range::new(-512, 511), 1, Range::signed(8)));
/// let multiplier = Multiplier::Const(1 << 25);
/// let out = b.push("out", Op::Map(Map::requantize(Pre::of(y), multiplier, relu, 16)))?;
/// let graph = b.finish(&[out])?;
///
/// let mut params = Params::default();
/// params.values.insert(w, vec![100, -1, 100, -1, 100, -1]);
/// let values = eval(&graph, &params, &[vec![50, 60, 70]])?;
/// assert_eq!(values.get(y).to_vec(), [18000, -180]);
/// assert_eq!(values.get(out).to_vec(), [71, 0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Builder {
    graph: Graph,
}

impl Builder {
    /// An empty graph with tables of at most `2^table_bits` values, and parameters of 8 bits, or of
    /// `table_bits` if that is less.
    pub fn new(name: &str, table_bits: u8) -> Self {
        Self {
            graph: Graph {
                name: name.to_owned(),
                table_bits,
                weight_bits: table_bits.min(8),
                tensors: Vec::new(),
                nodes: Vec::new(),
                inputs: Vec::new(),
                outputs: Vec::new(),
                tables: Vec::new(),
            },
        }
    }

    /// Sets the bits of parameters that are operands of contractions.
    pub const fn weight_bits(mut self, bits: u8) -> Self {
        self.graph.weight_bits = bits;
        self
    }

    /// Appends an `Input`, also to the list of inputs.
    ///
    /// # Errors
    /// A shape or range that is not acceptable.
    pub fn input(
        &mut self,
        name: &str,
        shape: &[u32],
        range: Range,
    ) -> Result<TensorId, GraphError> {
        let id = self.append(name, Op::Input, shape, range)?;
        self.graph.inputs.push(id);
        Ok(id)
    }

    /// Appends a `Param`.
    ///
    /// # Errors
    /// A shape or range that is not acceptable.
    pub fn param(
        &mut self,
        name: &str,
        shape: &[u32],
        range: Range,
    ) -> Result<TensorId, GraphError> {
        self.append(name, Op::Param, shape, range)
    }

    /// Appends a `Constant`.
    ///
    /// # Errors
    /// A shape that is not acceptable or does not fit the number of values.
    pub fn constant(
        &mut self,
        name: &str,
        shape: &[u32],
        values: Vec<i32>,
    ) -> Result<TensorId, GraphError> {
        self.append(name, Op::Constant { values }, shape, Range::new(0, 0))
    }

    /// Appends any other operator. Its result's shape and range are derived.
    ///
    /// Leaves have methods of their own, because their shapes are declared; given here they are
    /// scalars.
    ///
    /// # Errors
    /// Whatever [`Graph::check`] would find wrong with the node.
    pub fn push(&mut self, name: &str, op: Op) -> Result<TensorId, GraphError> {
        self.append(name, op, &[], Range::new(0, 0))
    }

    /// The table's number. Equal functions share one.
    pub fn table(&mut self, table: Table) -> TableId {
        let tables = &mut self.graph.tables;
        let same = |other: &Table| other.lo == table.lo && other.values == table.values;
        let at = tables.iter().position(same).unwrap_or(tables.len());
        if at == tables.len() {
            tables.push(table);
        }
        TableId(at as u32)
    }

    /// Shape and range of a tensor made so far.
    ///
    /// # Panics
    /// If `id` is not of this builder.
    pub fn info(&self, id: TensorId) -> &TensorInfo {
        &self.graph.tensors[id.index()]
    }

    /// What was built so far.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Checks the whole graph.
    ///
    /// # Errors
    /// As [`Graph::check`].
    pub fn finish(mut self, outputs: &[TensorId]) -> Result<CheckedGraph, GraphError> {
        self.graph.outputs = outputs.to_vec();
        self.graph.check()
    }

    fn append(
        &mut self,
        name: &str,
        op: Op,
        shape: &[u32],
        range: Range,
    ) -> Result<TensorId, GraphError> {
        let graph = &mut self.graph;
        let index = graph.nodes.len();
        if index >= MAX_NODES {
            return Err(GraphError::TooMany {
                what: "nodes",
                limit: MAX_NODES as u64,
                got: index as u64 + 1,
            });
        }
        let output = TensorId(index as u32);
        let declared = TensorInfo {
            name: name.to_owned(),
            shape: shape.to_vec(),
            range,
        };
        let node = Node {
            name: name.to_owned(),
            output,
            op,
        };
        let context = Context {
            bits: graph.table_bits,
            weight_bits: graph.weight_bits,
            tensors: &graph.tensors,
            nodes: &graph.nodes,
            tables: &graph.tables,
        };
        let at = |fault: Fault| GraphError::Node {
            node: NodeRef::new(index, &node),
            fault,
        };
        let derived = infer(&context, &node.op, &declared).map_err(at)?;
        graph.tensors.push(TensorInfo {
            name: declared.name,
            shape: derived.shape,
            range: derived.range,
        });
        graph.nodes.push(node);
        Ok(output)
    }
}
