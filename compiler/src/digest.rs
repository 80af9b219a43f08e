//! The digest of a graph.
//!
//! It covers operators with their versions, attributes, connections, declared
//! shapes of the inputs, names, types and shapes of all tensors, and the values
//! of those that the rules leave alone. It does not cover values that the rules
//! replace, names of nodes and intermediate values, documentation, producer,
//! metadata, unused initializers, or how the file was encoded. Whether a filled
//! tensor was an input, an initializer or a `Constant` node makes no difference, so the model that
//! is written has the digest of the architecture it was written from.

use crate::canon::Canon;
use crate::error::{CompileError, Result};
use crate::graph::{Attr, DType, Data, Dim, Graph, Node, Origin, Subgraph, Tensor, ValueId};
use nascent_verifier::digest::keccak256;
use std::collections::{BTreeMap, BTreeSet};

/// Digest of `graph` when the values in `filled` come from rules.
///
/// # Errors
/// A constant whose values are not in the file.
pub(crate) fn graph_digest(graph: &Graph, filled: &BTreeSet<ValueId>) -> Result<[u8; 32]> {
    let mut encoder = Encoder {
        graph,
        filled,
        numbers: BTreeMap::new(),
        canon: Canon::default(),
    };
    encoder.inputs();
    encoder.tensors()?;
    encoder.nodes(&graph.nodes)?;
    encoder.canon.len(graph.outputs.len());
    for &output in &graph.outputs {
        encoder.name(output);
        encoder.reference(Some(output));
    }
    Ok(encoder.canon.digest("nascent graph v1"))
}

struct Encoder<'a> {
    graph: &'a Graph,
    filled: &'a BTreeSet<ValueId>,
    /// Numbers of inputs and computed values, by order of appearance.
    numbers: BTreeMap<ValueId, u64>,
    canon: Canon,
}

impl Encoder<'_> {
    fn inputs(&mut self) {
        let (graph, filled) = (self.graph, self.filled);
        let data: Vec<ValueId> = graph
            .inputs
            .iter()
            .copied()
            .filter(|id| !filled.contains(id))
            .collect();
        self.canon.len(data.len());
        for id in data {
            self.name(id);
            self.declare(id);
        }
    }

    /// Numbers an input and writes what is declared about it.
    fn declare(&mut self, id: ValueId) {
        self.number(id);
        let value = self.graph.values.get(id);
        self.canon
            .u8(value.and_then(|value| value.dtype).map_or(0, DType::onnx));
        match value.and_then(|value| value.shape.as_ref()) {
            None => _ = self.canon.u8(0),
            Some(dims) => {
                self.canon.u8(1).len(dims.len());
                for dim in dims {
                    match dim {
                        Dim::Fixed(dim) => self.canon.u8(1).u64(*dim),
                        Dim::Symbol(name) => self.canon.u8(2).str(name),
                        Dim::Unknown => self.canon.u8(3),
                    };
                }
            }
        }
    }

    /// Tensors in use, sorted by name, filled and constant ones together.
    fn tensors(&mut self) -> Result<()> {
        let (graph, filled) = (self.graph, self.filled);
        let outputs: BTreeSet<ValueId> = graph.outputs.iter().copied().collect();
        let used = |id: &ValueId| !graph.uses_of(*id).is_empty() || outputs.contains(id);
        let mut named: BTreeMap<&str, ValueId> = BTreeMap::new();
        let constants = graph.initializers.iter().copied().filter(used);
        for id in constants.chain(filled.iter().copied()) {
            if let Some(value) = graph.values.get(id) {
                named.insert(&value.name, id);
            }
        }
        self.canon.len(named.len());
        for (name, id) in named {
            self.canon.str(name);
            let Some(value) = graph.values.get(id) else {
                continue;
            };
            match &value.origin {
                Origin::Initializer(tensor) if !filled.contains(&id) => {
                    self.canon.u8(2);
                    self.tensor(name, tensor)?;
                }
                _ => {
                    let dims = graph.fixed_dims(id).unwrap_or_default();
                    let dtype = graph.dtype(id).map_or(0, DType::onnx);
                    self.canon.u8(1).u8(dtype).dims(&dims);
                }
            }
        }
        Ok(())
    }

    fn tensor(&mut self, name: &str, tensor: &Tensor) -> Result<()> {
        let name = name.to_owned();
        let bytes = match &tensor.data {
            Data::Bytes(bytes) => bytes,
            Data::External => return Err(CompileError::ExternalData { name }),
            Data::Absent => return Err(CompileError::NothingToKeep { tensor: name }),
        };
        self.canon.u8(tensor.dtype.onnx()).dims(&tensor.dims);
        self.canon.bytes(&keccak256(&[bytes]));
        Ok(())
    }

    fn nodes(&mut self, nodes: &[Node]) -> Result<()> {
        // A filled `Constant` node is a tensor by now.
        let is_filled = |node: &&Node| node.output(0).is_some_and(|id| self.filled.contains(&id));
        let nodes: Vec<&Node> = nodes.iter().filter(|node| !is_filled(node)).collect();
        self.canon.len(nodes.len());
        for node in nodes {
            self.canon
                .str(&node.domain)
                .str(&node.op)
                .i64(node.at.opset);
            self.canon.len(node.inputs.len());
            for &input in &node.inputs {
                self.reference(input);
            }
            self.canon.len(node.attrs.len());
            for (name, attr) in &node.attrs {
                self.canon.str(name);
                self.attr(name, attr)?;
            }
            self.canon.len(node.outputs.len());
            for &output in &node.outputs {
                match output {
                    Some(id) => self.number(id),
                    None => _ = self.canon.u8(0),
                }
            }
        }
        Ok(())
    }

    fn attr(&mut self, name: &str, attr: &Attr) -> Result<()> {
        let canon = &mut self.canon;
        match attr {
            Attr::Float(value) => _ = canon.u8(1).u64(u64::from(value.to_bits())),
            Attr::Int(value) => _ = canon.u8(2).i64(*value),
            Attr::String(value) => _ = canon.u8(3).bytes(value),
            Attr::Tensor(tensor) => {
                canon.u8(4);
                self.tensor(name, tensor)?;
            }
            Attr::Graph(graph) => {
                canon.u8(5);
                self.subgraph(graph)?;
            }
            Attr::Floats(values) => {
                canon.u8(6).len(values.len());
                for value in values {
                    canon.u64(u64::from(value.to_bits()));
                }
            }
            Attr::Ints(values) => {
                canon.u8(7).len(values.len());
                for &value in values {
                    canon.i64(value);
                }
            }
            Attr::Strings(values) => {
                canon.u8(8).len(values.len());
                for value in values {
                    canon.bytes(value);
                }
            }
            Attr::Tensors(tensors) => {
                canon.u8(9).len(tensors.len());
                for tensor in tensors {
                    self.tensor(name, tensor)?;
                }
            }
            Attr::Graphs(graphs) => {
                canon.u8(10).len(graphs.len());
                for graph in graphs {
                    self.subgraph(graph)?;
                }
            }
        }
        Ok(())
    }

    fn subgraph(&mut self, body: &Subgraph) -> Result<()> {
        self.canon.len(body.inputs.len());
        for &input in &body.inputs {
            self.declare(input);
        }
        self.canon.len(body.initializers.len());
        for &id in &body.initializers {
            self.number(id);
            if let Some(value) = self.graph.values.get(id)
                && let Origin::Initializer(tensor) = &value.origin
            {
                self.tensor(&value.name, tensor)?;
            }
        }
        self.nodes(&body.nodes)?;
        self.canon.len(body.outputs.len());
        for &output in &body.outputs {
            self.reference(Some(output));
        }
        Ok(())
    }

    /// Gives a value the next number and writes it.
    fn number(&mut self, id: ValueId) {
        let next = self.numbers.len() as u64;
        let number = *self.numbers.entry(id).or_insert(next);
        self.canon.u8(1).u64(number);
    }

    /// A use: of nothing, of a numbered value, or of a tensor by name.
    fn reference(&mut self, value: Option<ValueId>) {
        let Some(id) = value else {
            self.canon.u8(0);
            return;
        };
        match self.numbers.get(&id) {
            Some(&number) => _ = self.canon.u8(1).u64(number),
            None => {
                self.canon.u8(2);
                self.name(id);
            }
        }
    }

    fn name(&mut self, id: ValueId) {
        let name = self.graph.values.get(id).map_or("", |value| &value.name);
        self.canon.str(name);
    }
}
