//! A computation graph as data: what an ONNX file says, in plain types.
//!
//! Values are numbered; a node's inputs and outputs are numbers, so names of
//! intermediate values play no role. Nothing here depends on protobuf.

use crate::error::NodeRef;
use std::collections::BTreeMap;

/// Number of a value in [`Graph::values`].
pub type ValueId = usize;

/// Element type, with the numbering of ONNX (`TensorProto.DataType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DType(u8);

impl DType {
    /// 32-bit float.
    pub const F32: Self = Self(1);
    /// 64-bit integer.
    pub const I64: Self = Self(7);
    /// 16-bit IEEE float.
    pub const F16: Self = Self(10);
    /// 64-bit float.
    pub const F64: Self = Self(11);
    /// The upper half of a 32-bit float.
    pub const BF16: Self = Self(16);
    /// Byte strings.
    pub const STRING: Self = Self(8);

    /// The type of an ONNX number, `None` when there is no such type.
    pub fn from_onnx(number: i32) -> Option<Self> {
        u8::try_from(number)
            .ok()
            .filter(|number| (1..=23).contains(number))
            .map(Self)
    }

    /// The ONNX number.
    pub fn onnx(self) -> u8 {
        self.0
    }

    /// Bits of an element; zero for strings.
    pub fn bits(self) -> u64 {
        match self.0 {
            21..=23 => 4,
            2 | 3 | 9 | 17..=20 => 8,
            4 | 5 | 10 | 16 => 16,
            1 | 6 | 12 => 32,
            7 | 11 | 13 | 14 => 64,
            15 => 128,
            _ => 0,
        }
    }

    /// Whether weights can have this type: 16, 32 and 64-bit floats.
    pub fn is_weight(self) -> bool {
        matches!(self, Self::F32 | Self::F16 | Self::F64 | Self::BF16)
    }

    /// Name as in the ONNX documentation.
    pub fn name(self) -> &'static str {
        const NAMES: [&str; 24] = [
            "undefined",
            "float",
            "uint8",
            "int8",
            "uint16",
            "int16",
            "int32",
            "int64",
            "string",
            "bool",
            "float16",
            "double",
            "uint32",
            "uint64",
            "complex64",
            "complex128",
            "bfloat16",
            "float8e4m3fn",
            "float8e4m3fnuz",
            "float8e5m2",
            "float8e5m2fnuz",
            "uint4",
            "int4",
            "float4e2m1",
        ];
        NAMES.get(usize::from(self.0)).copied().unwrap_or("unknown")
    }
}

/// A dimension of a declared shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dim {
    /// A number.
    Fixed(u64),
    /// A name, equal wherever the name is equal.
    Symbol(String),
    /// Nothing declared.
    Unknown,
}

/// Values of a constant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// Little-endian elements, four-bit ones packed two to a byte; for strings
    /// each one with its length (8 bytes, little-endian) before it.
    Bytes(Vec<u8>),
    /// In another file, which is never opened.
    External,
    /// An initializer with a shape and no data: only good as a weight.
    Absent,
}

/// A constant tensor: an initializer or a tensor attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// Element type.
    pub dtype: DType,
    /// Dimensions; none for a scalar.
    pub dims: Vec<u64>,
    /// Values.
    pub data: Data,
}

impl Tensor {
    /// Number of elements. The reader has checked that it fits.
    pub fn elements(&self) -> u64 {
        count(&self.dims)
    }

    /// The values of an `int64` tensor.
    pub fn as_i64s(&self) -> Option<Vec<i64>> {
        let Data::Bytes(bytes) = &self.data else {
            return None;
        };
        if self.dtype != DType::I64 {
            return None;
        }
        let chunks = bytes.chunks_exact(8);
        Some(
            chunks
                .map(|b| i64::from_le_bytes(b.try_into().unwrap_or_default()))
                .collect(),
        )
    }

    /// The value of a tensor with one `float` element.
    pub fn as_f32(&self) -> Option<f32> {
        match &self.data {
            Data::Bytes(bytes) if self.dtype == DType::F32 => {
                let bytes: [u8; 4] = bytes.as_slice().try_into().ok()?;
                Some(f32::from_le_bytes(bytes))
            }
            _ => None,
        }
    }
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// An input of the graph (or of a subgraph).
    Input,
    /// An initializer.
    Initializer(Tensor),
    /// An output of the node with this position; `None` inside a subgraph.
    Node(Option<usize>),
}

/// A value of the graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// Its name in the file.
    pub name: String,
    /// Where it comes from.
    pub origin: Origin,
    /// Declared element type.
    pub dtype: Option<DType>,
    /// Declared shape.
    pub shape: Option<Vec<Dim>>,
}

/// An attribute's value.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the variants are ONNX's attribute types")]
pub enum Attr {
    Float(f32),
    Int(i64),
    String(Vec<u8>),
    Tensor(Tensor),
    Graph(Subgraph),
    Floats(Vec<f32>),
    Ints(Vec<i64>),
    Strings(Vec<Vec<u8>>),
    Tensors(Vec<Tensor>),
    Graphs(Vec<Subgraph>),
}

/// The body of a control-flow node. Its values are numbered with the graph's.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Subgraph {
    /// Inputs.
    pub inputs: Vec<ValueId>,
    /// Initializers, by name.
    pub initializers: Vec<ValueId>,
    /// Nodes, in order.
    pub nodes: Vec<Node>,
    /// Outputs.
    pub outputs: Vec<ValueId>,
}

/// An operator applied to values.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Its name, for messages: not part of the graph's identity.
    pub at: NodeRef,
    /// Operator without its domain.
    pub op: String,
    /// Domain, empty for ONNX's own operators.
    pub domain: String,
    /// Inputs; `None` for an optional one that is left out.
    pub inputs: Vec<Option<ValueId>>,
    /// Outputs; `None` for an optional one that is left out.
    pub outputs: Vec<Option<ValueId>>,
    /// Attributes by name.
    pub attrs: BTreeMap<String, Attr>,
}

impl Node {
    /// The input at `slot`, if it is there.
    pub fn input(&self, slot: usize) -> Option<ValueId> {
        self.inputs.get(slot).copied().flatten()
    }

    /// The output at `slot`, if it is there.
    pub fn output(&self, slot: usize) -> Option<ValueId> {
        self.outputs.get(slot).copied().flatten()
    }

    /// The operator, when it is one of ONNX's own.
    pub fn standard_op(&self) -> Option<&str> {
        self.domain.is_empty().then_some(self.op.as_str())
    }

    /// An integer attribute, or its default.
    pub fn int(&self, name: &str, default: i64) -> i64 {
        match self.attrs.get(name) {
            Some(Attr::Int(value)) => *value,
            _ => default,
        }
    }

    /// A float attribute, or its default.
    pub fn float(&self, name: &str, default: f32) -> f32 {
        match self.attrs.get(name) {
            Some(Attr::Float(value)) => *value,
            _ => default,
        }
    }

    /// A list of integers.
    pub fn ints(&self, name: &str) -> Option<&[i64]> {
        match self.attrs.get(name) {
            Some(Attr::Ints(values)) => Some(values),
            _ => None,
        }
    }
}

/// A use of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Use {
    /// Position of the reading node.
    pub node: usize,
    /// Input slot; `None` when a subgraph of the node reads the value.
    pub slot: Option<usize>,
}

/// A computation graph.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Graph {
    /// Name of the graph, for people.
    pub name: String,
    /// Version of the file format.
    pub ir_version: i64,
    /// Operator sets in use, by domain.
    pub opsets: BTreeMap<String, i64>,
    /// All values, those of subgraphs included.
    pub values: Vec<Value>,
    /// Inputs without an initializer, in order.
    pub inputs: Vec<ValueId>,
    /// Initializers, by name.
    pub initializers: Vec<ValueId>,
    /// Nodes, each after the nodes that it reads.
    pub nodes: Vec<Node>,
    /// Outputs, in order.
    pub outputs: Vec<ValueId>,
    /// Uses of each value, in order.
    pub uses: Vec<Vec<Use>>,
}

impl Graph {
    /// The node that computes a value.
    pub fn producer(&self, value: ValueId) -> Option<(usize, &Node)> {
        match self.values.get(value)?.origin {
            Origin::Node(Some(node)) => Some((node, self.nodes.get(node)?)),
            _ => None,
        }
    }

    /// The uses of a value.
    pub fn uses_of(&self, value: ValueId) -> &[Use] {
        self.uses.get(value).map_or(&[], Vec::as_slice)
    }

    /// The constant behind a value: an initializer or a `Constant` node's tensor.
    pub fn constant(&self, value: ValueId) -> Option<&Tensor> {
        match &self.values.get(value)?.origin {
            Origin::Initializer(tensor) => Some(tensor),
            Origin::Node(Some(node)) => {
                let node = self.nodes.get(*node)?;
                match (node.standard_op(), node.attrs.get("value")) {
                    (Some("Constant"), Some(Attr::Tensor(tensor))) => Some(tensor),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// The integers behind a value, for shapes and axes: at most 64 of them.
    pub fn constant_ints(&self, value: ValueId) -> Option<Vec<i64>> {
        if let Some(tensor) = self.constant(value) {
            return (tensor.elements() <= 64).then(|| tensor.as_i64s())?;
        }
        let (_, node) = self.producer(value)?;
        match (node.standard_op()?, node.attrs.iter().next()) {
            ("Constant", Some((_, Attr::Ints(values)))) => Some(values.clone()),
            ("Constant", Some((_, Attr::Int(value)))) => Some(vec![*value]),
            _ => None,
        }
    }

    /// Whether a value is a constant of any kind.
    pub fn is_constant(&self, value: ValueId) -> bool {
        let node = self.producer(value).map(|(_, node)| node);
        self.constant(value).is_some()
            || node.is_some_and(|node| node.standard_op() == Some("Constant"))
    }

    /// The single float behind a value.
    pub fn constant_float(&self, value: ValueId) -> Option<f32> {
        if let Some(tensor) = self.constant(value) {
            return tensor.as_f32();
        }
        let (_, node) = self.producer(value)?;
        match (node.standard_op()?, node.attrs.get("value_float")) {
            ("Constant", Some(Attr::Float(value))) => Some(*value),
            _ => None,
        }
    }

    /// Element type of a constant, or as declared.
    pub fn dtype(&self, value: ValueId) -> Option<DType> {
        match self.constant(value) {
            Some(tensor) => Some(tensor.dtype),
            None => self.values.get(value)?.dtype,
        }
    }

    /// Dimensions of a constant, or as declared when all of them are numbers.
    pub fn fixed_dims(&self, value: ValueId) -> Option<Vec<u64>> {
        if let Some(tensor) = self.constant(value) {
            return Some(tensor.dims.clone());
        }
        fixed(self.values.get(value)?.shape.as_ref()?)
    }
}

/// Number of elements of a shape, at most `u64::MAX`.
pub(crate) fn count(dims: &[u64]) -> u64 {
    dims.iter().fold(1, |acc, &dim| acc.saturating_mul(dim))
}

/// The dimensions of a shape, when all of them are numbers.
pub(crate) fn fixed(shape: &[Dim]) -> Option<Vec<u64>> {
    let dims = shape.iter().map(|dim| match dim {
        Dim::Fixed(dim) => Some(*dim),
        Dim::Symbol(_) | Dim::Unknown => None,
    });
    dims.collect()
}
