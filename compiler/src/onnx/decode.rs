//! `ModelProto` to [`Graph`].

use super::tensor::{elements, tensor};
use super::wire;
use crate::error::{CompileError, NodeRef, Result, at_most};
use crate::graph::{Attr, DType, Dim, Graph, Node, Origin, Subgraph, Use, Value, ValueId, fixed};
use crate::limits::Limits;
use nascent_verifier::spec::MAX_RANK;
use prost::Message;
use std::collections::BTreeMap;
use std::path::Path;
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto,
    tensor_shape_proto::dimension, type_proto,
};

/// Reads an ONNX model from its bytes.
///
/// Shapes may be symbolic and initializers may be missing, empty, or in
/// external files, which are not opened. Refused are files past `limits`,
/// model-local functions, sparse tensors, values that are no tensors, names
/// defined twice and nodes that read what no earlier node defines (cycles
/// among them).
///
/// # Errors
/// [`CompileError`] says which node, operator and operator set, or which tensor.
pub fn read_onnx(bytes: &[u8], limits: &Limits) -> Result<Graph> {
    read_onnx_in(bytes, None, limits)
}

/// As [`read_onnx`], with values of other files read from `folder`.
pub(crate) fn read_onnx_in(bytes: &[u8], folder: Option<&Path>, limits: &Limits) -> Result<Graph> {
    at_most("bytes of ONNX", limits.onnx_bytes, bytes.len() as u64)?;
    wire::check(bytes, limits)?;
    let model = ModelProto::decode(bytes).map_err(|error| CompileError::Protobuf {
        reason: error.to_string(),
    })?;
    let graph = model.graph.ok_or(CompileError::Missing { what: "graph" })?;
    if model.ir_version < 1 {
        return Err(CompileError::Missing { what: "IR version" });
    }
    let mut opsets = BTreeMap::new();
    for import in model.opset_import {
        let domain = standard_domain(import.domain);
        if opsets.insert(domain.clone(), import.version).is_some() {
            return Err(duplicate("operator set", &domain));
        }
    }
    let mut builder = Builder {
        limits,
        folder,
        opsets,
        values: Vec::new(),
        uses: Vec::new(),
        scopes: Vec::new(),
    };
    let name = graph.name.clone();
    let body = builder.graph(graph, None)?;
    Ok(Graph {
        name,
        ir_version: model.ir_version,
        opsets: builder.opsets,
        values: builder.values,
        inputs: body.inputs,
        initializers: body.initializers,
        nodes: body.nodes,
        outputs: body.outputs,
        uses: builder.uses,
    })
}

/// `ai.onnx` is another way to write the default domain.
fn standard_domain(domain: String) -> String {
    if domain == "ai.onnx" {
        String::new()
    } else {
        domain
    }
}

fn duplicate(what: &'static str, name: &str) -> CompileError {
    CompileError::Duplicate {
        what,
        name: name.to_owned(),
    }
}

struct Builder<'a> {
    limits: &'a Limits,
    /// Where the files of external values lie; `None` leaves such values out.
    folder: Option<&'a Path>,
    opsets: BTreeMap<String, i64>,
    values: Vec<Value>,
    uses: Vec<Vec<Use>>,
    /// Names in sight, innermost scope last.
    scopes: Vec<BTreeMap<String, ValueId>>,
}

impl Builder<'_> {
    /// Reads a graph; `outer` is the top-level node that a subgraph belongs to.
    fn graph(&mut self, proto: GraphProto, outer: Option<usize>) -> Result<Subgraph> {
        self.scopes.push(BTreeMap::new());
        let mut body = Subgraph {
            initializers: self.initializers(proto.initializer)?,
            inputs: self.inputs(proto.input)?,
            ..Subgraph::default()
        };
        for (index, node) in proto.node.into_iter().enumerate() {
            let node = self.node(node, index, outer)?;
            body.nodes.push(node);
        }
        for output in proto.output {
            let value = self
                .lookup(&output.name)
                .ok_or_else(|| CompileError::UndefinedOutput {
                    value: output.name.clone(),
                })?;
            body.outputs.push(value);
        }
        self.scopes.pop();
        Ok(body)
    }

    fn initializers(&mut self, protos: Vec<TensorProto>) -> Result<Vec<ValueId>> {
        let mut named = BTreeMap::new();
        for proto in protos {
            let name = proto.name.clone();
            let tensor = tensor(proto, self.folder, self.limits)?;
            let value = self.define(Value {
                name: name.clone(),
                dtype: Some(tensor.dtype),
                shape: None,
                origin: Origin::Initializer(tensor),
            })?;
            named.insert(name, value);
        }
        Ok(named.into_values().collect())
    }

    /// Inputs without an initializer. With one, the input only says that a
    /// caller could override the value.
    fn inputs(&mut self, protos: Vec<ValueInfoProto>) -> Result<Vec<ValueId>> {
        let filled = self.scopes.last().cloned().unwrap_or_default();
        let mut inputs = Vec::new();
        for proto in protos {
            if filled.contains_key(&proto.name) {
                continue;
            }
            let (dtype, shape) = declared(&proto)?;
            if let Some(dims) = shape.as_deref().and_then(fixed) {
                elements(&dims, self.limits.elements).map_err(|reason| CompileError::Tensor {
                    name: proto.name.clone(),
                    reason,
                })?;
            }
            inputs.push(self.define(Value {
                name: proto.name,
                origin: Origin::Input,
                dtype,
                shape,
            })?);
        }
        Ok(inputs)
    }

    fn node(&mut self, proto: NodeProto, index: usize, outer: Option<usize>) -> Result<Node> {
        let domain = standard_domain(proto.domain);
        let at = self.node_ref(&proto.name, &proto.op_type, &domain, index)?;
        let top = outer.unwrap_or(index);
        let mut inputs = Vec::with_capacity(proto.input.len());
        for (slot, name) in proto.input.into_iter().enumerate() {
            if name.is_empty() {
                inputs.push(None);
                continue;
            }
            let value = self.lookup(&name).ok_or_else(|| CompileError::Undefined {
                node: Box::new(at.clone()),
                value: name,
            })?;
            if let Some(uses) = self.uses.get_mut(value) {
                uses.push(Use {
                    node: top,
                    slot: outer.is_none().then_some(slot),
                });
            }
            inputs.push(Some(value));
        }
        let mut attrs = BTreeMap::new();
        for attribute in proto.attribute {
            let name = attribute.name.clone();
            let attr = self.attribute(attribute, &at, top)?;
            if attrs.insert(name.clone(), attr).is_some() {
                return Err(duplicate("attribute", &name));
            }
        }
        let mut outputs = Vec::with_capacity(proto.output.len());
        for name in proto.output {
            if name.is_empty() {
                outputs.push(None);
                continue;
            }
            outputs.push(Some(self.define(Value {
                name,
                origin: Origin::Node(outer.is_none().then_some(index)),
                dtype: None,
                shape: None,
            })?));
        }
        trim(&mut inputs);
        trim(&mut outputs);
        Ok(Node {
            at,
            op: proto.op_type,
            domain,
            inputs,
            outputs,
            attrs,
        })
    }

    fn node_ref(&self, name: &str, op: &str, domain: &str, index: usize) -> Result<NodeRef> {
        if op.is_empty() {
            return Err(CompileError::Missing {
                what: "operator in one of its nodes",
            });
        }
        let at = NodeRef {
            name: match name {
                "" => format!("#{index}"),
                name => name.to_owned(),
            },
            op: match domain {
                "" => op.to_owned(),
                domain => format!("{domain}.{op}"),
            },
            opset: self.opsets.get(domain).copied().unwrap_or(0),
        };
        if at.opset < 1 {
            return Err(CompileError::Unsupported {
                what: format!("{at} without an operator set in the model"),
                advice: "add the import of its domain to the model",
            });
        }
        Ok(at)
    }

    fn attribute(&mut self, proto: AttributeProto, at: &NodeRef, top: usize) -> Result<Attr> {
        let fail = |reason: &str| CompileError::Attribute {
            node: Box::new(at.clone()),
            attribute: proto.name.clone(),
            reason: reason.to_owned(),
        };
        if proto.name.is_empty() {
            return Err(fail("it has no name"));
        }
        Ok(match proto.r#type {
            1 => Attr::Float(proto.f),
            2 => Attr::Int(proto.i),
            3 => Attr::String(proto.s),
            4 => Attr::Tensor(tensor(
                proto.t.ok_or_else(|| fail("its tensor is missing"))?,
                self.folder,
                self.limits,
            )?),
            5 => {
                let graph = proto.g.ok_or_else(|| fail("its graph is missing"))?;
                Attr::Graph(self.graph(graph, Some(top))?)
            }
            6 => Attr::Floats(proto.floats),
            7 => Attr::Ints(proto.ints),
            8 => Attr::Strings(proto.strings),
            9 => {
                let tensors = proto.tensors.into_iter();
                Attr::Tensors(
                    tensors
                        .map(|t| tensor(t, self.folder, self.limits))
                        .collect::<Result<_>>()?,
                )
            }
            10 => {
                let mut graphs = Vec::new();
                for graph in proto.graphs {
                    graphs.push(self.graph(graph, Some(top))?);
                }
                Attr::Graphs(graphs)
            }
            _ => return Err(fail("it has no type, or one that is not supported")),
        })
    }

    fn lookup(&self, name: &str) -> Option<ValueId> {
        self.scopes
            .iter()
            .rev()
            .find_map(|scope| scope.get(name).copied())
    }

    fn define(&mut self, value: Value) -> Result<ValueId> {
        if value.name.is_empty() {
            return Err(CompileError::Missing {
                what: "name for one of its values",
            });
        }
        if self.lookup(&value.name).is_some() {
            return Err(duplicate("value", &value.name));
        }
        let id = self.values.len();
        if let Some(scope) = self.scopes.last_mut() {
            scope.insert(value.name.clone(), id);
        }
        self.values.push(value);
        self.uses.push(Vec::new());
        Ok(id)
    }
}

/// A left-out optional value at the end is the same as none.
fn trim(slots: &mut Vec<Option<ValueId>>) {
    while slots.last() == Some(&None) {
        slots.pop();
    }
}

/// Declared element type and shape of an input.
fn declared(proto: &ValueInfoProto) -> Result<(Option<DType>, Option<Vec<Dim>>)> {
    let Some(type_proto::Value::TensorType(tensor)) =
        proto.r#type.as_ref().and_then(|kind| kind.value.as_ref())
    else {
        return Ok((None, None));
    };
    let Some(shape) = &tensor.shape else {
        return Ok((DType::from_onnx(tensor.elem_type), None));
    };
    if shape.dim.len() > MAX_RANK {
        return Err(CompileError::Tensor {
            name: proto.name.clone(),
            reason: format!("{} dimensions, at most {MAX_RANK}", shape.dim.len()),
        });
    }
    let mut dims = Vec::with_capacity(shape.dim.len());
    for dim in &shape.dim {
        dims.push(match &dim.value {
            // Some exporters write -1 for a dimension that is not known.
            Some(dimension::Value::DimValue(value)) => {
                u64::try_from(*value).map_or(Dim::Unknown, Dim::Fixed)
            }
            Some(dimension::Value::DimParam(name)) if !name.is_empty() => Dim::Symbol(name.clone()),
            Some(dimension::Value::DimParam(_)) | None => Dim::Unknown,
        });
    }
    Ok((DType::from_onnx(tensor.elem_type), Some(dims)))
}
