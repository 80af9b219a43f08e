//! The rules a graph must keep.

use crate::context::Context;
use crate::error::{Fault, GraphError, NodeRef};
use crate::graph::{CheckedGraph, Graph};
use crate::id::TensorId;
use crate::infer::infer;
use crate::limits::{MAX_NODES, MAX_PRODUCTS, MAX_TABLES, MAX_TOTAL_ELEMENTS};
use crate::op::Op;
use crate::range::Range;
use crate::shape;
use crate::table::Table;
use nascent_verifier::text::is_plain;
use std::collections::BTreeSet;

/// Size of a graph.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Elements of all tensors.
    pub elements: u64,
    /// Multiply-accumulates of all contractions, padding included.
    pub products: u64,
}

impl CheckedGraph {
    /// The graph's size.
    pub fn cost(&self) -> Cost {
        self.graph.cost().unwrap_or_default()
    }
}

impl Graph {
    /// Checks every rule: order, shapes, attributes, widths, and that shapes and ranges stored are
    /// those that follow from the operands. The only way to a [`CheckedGraph`].
    ///
    /// Ranges are propagated by interval arithmetic in 128 bits, so in a checked graph no
    /// computation wraps, for any inputs and parameters within their declared ranges.
    ///
    /// # Errors
    /// The first rule broken, with the node.
    pub fn check(self) -> Result<CheckedGraph, GraphError> {
        self.verify()?;
        Ok(CheckedGraph { graph: self })
    }

    pub(crate) fn verify(&self) -> Result<(), GraphError> {
        if !(2..=16).contains(&self.table_bits) {
            let got = self.table_bits;
            return Err(GraphError::TableBits { got });
        }
        if !(2..=self.table_bits).contains(&self.weight_bits) {
            return Err(GraphError::WeightBits {
                limit: self.table_bits,
                got: self.weight_bits,
            });
        }
        limit("nodes", MAX_NODES as u64, self.nodes.len() as u64)?;
        limit("tables", MAX_TABLES as u64, self.tables.len() as u64)?;
        if self.tensors.len() != self.nodes.len() {
            return Err(GraphError::TensorCount {
                expected: self.nodes.len(),
                got: self.tensors.len(),
            });
        }
        self.check_names()?;
        for (index, table) in self.tables.iter().enumerate() {
            check_table(self.table_bits, index, table)?;
        }
        self.cost()?;
        self.check_inputs()?;
        self.check_outputs()
    }

    /// Names are for people: they show themselves, and are no longer than is read.
    fn check_names(&self) -> Result<(), GraphError> {
        let tensors = self.tensors.iter().map(|tensor| &tensor.name);
        let nodes = self.nodes.iter().map(|node| &node.name);
        let tables = self.tables.iter().map(|table| &table.name);
        let own = std::iter::once(&self.name);
        for name in own.chain(tensors).chain(nodes).chain(tables) {
            if !is_plain(name) {
                return Err(GraphError::Name { name: name.clone() });
            }
        }
        Ok(())
    }

    /// Checks the nodes and adds up their sizes.
    fn cost(&self) -> Result<Cost, GraphError> {
        let (mut elements, mut products) = (0_u64, 0_u64);
        for index in 0..self.nodes.len() {
            let (more, work) = self.check_node(index).map_err(|fault| GraphError::Node {
                node: NodeRef::new(index, &self.nodes[index]),
                fault,
            })?;
            elements += more;
            limit("elements in all", MAX_TOTAL_ELEMENTS, elements)?;
            products = products.saturating_add(work);
            limit("products in all", MAX_PRODUCTS, products)?;
        }
        Ok(Cost { elements, products })
    }

    /// Elements and products of a node.
    fn check_node(&self, index: usize) -> Result<(u64, u64), Fault> {
        let (node, stored) = (&self.nodes[index], &self.tensors[index]);
        let expected = TensorId(index as u32);
        if node.output != expected {
            let got = node.output;
            return Err(Fault::Output { expected, got });
        }
        let elements = shape::elements(&stored.shape)?;
        let context = Context {
            bits: self.table_bits,
            weight_bits: self.weight_bits,
            tensors: &self.tensors[..index],
            nodes: &self.nodes[..index],
            tables: &self.tables,
        };
        let derived = infer(&context, &node.op, stored)?;
        if derived.shape != stored.shape {
            return Err(Fault::Shape {
                expected: derived.shape,
                got: stored.shape.clone(),
            });
        }
        if derived.range != stored.range {
            return Err(Fault::Range {
                expected: derived.range,
                got: stored.range,
            });
        }
        Ok((elements, derived.products))
    }

    fn check_inputs(&self) -> Result<(), GraphError> {
        let mut left: BTreeSet<TensorId> = (self.nodes.iter())
            .filter(|node| matches!(node.op, Op::Input))
            .map(|node| node.output)
            .collect();
        let fault = |index, tensor, reason| GraphError::Inputs {
            index,
            tensor,
            reason,
        };
        for (index, &id) in self.inputs.iter().enumerate() {
            if !left.remove(&id) {
                return Err(fault(index, id, "not an Input node, or given twice"));
            }
        }
        match left.first() {
            Some(&id) => Err(fault(self.inputs.len(), id, "not in the list of inputs")),
            None => Ok(()),
        }
    }

    fn check_outputs(&self) -> Result<(), GraphError> {
        if self.outputs.is_empty() {
            return Err(GraphError::NoOutputs);
        }
        let mut seen = BTreeSet::new();
        for (index, &tensor) in self.outputs.iter().enumerate() {
            let reason = match self.tensors.get(tensor.index()) {
                None => "does not exist",
                Some(_) if !seen.insert(tensor) => "given twice",
                Some(info) if !info.range.is_narrow(self.table_bits) => "not narrow",
                Some(_) if self.nodes[tensor.index()].op.is_contraction() => "a contraction",
                Some(_) => continue,
            };
            return Err(GraphError::Outputs {
                index,
                tensor,
                reason,
            });
        }
        Ok(())
    }
}

fn check_table(bits: u8, table: usize, values: &Table) -> Result<(), GraphError> {
    let Some(image) = Range::of(values.values.iter().map(|&v| v.into())) else {
        return Err(GraphError::EmptyTable { table });
    };
    let got = values.domain();
    if !got.is_narrow(bits) {
        return Err(GraphError::TableDomain { table, got });
    }
    if !image.is_narrow(bits) {
        return Err(GraphError::TableRange { table, got: image });
    }
    Ok(())
}

fn limit(what: &'static str, limit: u64, got: u64) -> Result<(), GraphError> {
    if got > limit {
        Err(GraphError::TooMany { what, limit, got })
    } else {
        Ok(())
    }
}
