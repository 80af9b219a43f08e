//! Why a graph, its parameters or its inputs are refused.

use crate::graph::Node;
use crate::id::TensorId;
use crate::range::Range;
use nascent_verifier::digest::{Digest32, Hex};
use nascent_verifier::text::Quoted;
use std::fmt;

/// A node, as errors name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeRef {
    /// Position.
    pub index: usize,
    /// Its name, perhaps empty.
    pub name: String,
    /// Its operator.
    pub op: &'static str,
}

impl NodeRef {
    pub(crate) fn new(index: usize, node: &Node) -> Self {
        Self {
            index,
            name: node.name.clone(),
            op: node.op.name(),
        }
    }
}

impl fmt::Display for NodeRef {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { index, name, op } = self;
        match name.as_str() {
            "" => write!(out, "node #{index} ({op})"),
            _ => write!(out, "node {name:?} (#{index}, {op})"),
        }
    }
}

/// Why [`crate::Graph::check`] refuses a graph.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// Too many of something.
    #[error("{got} {what}, limit {limit}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The limit.
        limit: u64,
        /// The number.
        got: u64,
    },
    /// A name with characters that do not show themselves.
    #[error(
        "the name {} has control characters, marks of direction or characters that take no place",
        Quoted(name)
    )]
    Name {
        /// The name.
        name: String,
    },
    /// `table_bits` out of bounds.
    #[error("tables of {got} bits, between 2 and 16 are supported")]
    TableBits {
        /// The number.
        got: u8,
    },
    /// `weight_bits` out of bounds.
    #[error("parameters of {got} bits, between 2 and {limit} are supported")]
    WeightBits {
        /// `table_bits`.
        limit: u8,
        /// The number.
        got: u8,
    },
    /// As many tensors as nodes.
    #[error("{got} tensors for {expected} nodes")]
    TensorCount {
        /// Nodes.
        expected: usize,
        /// Tensors.
        got: usize,
    },
    /// A table without values.
    #[error("table #{table} is empty")]
    EmptyTable {
        /// Its position.
        table: usize,
    },
    /// A table's arguments are not narrow.
    #[error("table #{table} has arguments in {got}, which is not narrow")]
    TableDomain {
        /// Its position.
        table: usize,
        /// Its domain.
        got: Range,
    },
    /// A table's values are not narrow.
    #[error("table #{table} has values in {got}, which is not narrow")]
    TableRange {
        /// Its position.
        table: usize,
        /// Range of its values.
        got: Range,
    },
    /// The list of inputs is not the `Input` nodes, each once.
    #[error("input #{index} of the graph, {tensor}: {reason}")]
    Inputs {
        /// Position in the list.
        index: usize,
        /// The tensor.
        tensor: TensorId,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// An output that does not exist, is given twice, is wide, or is a contraction.
    #[error("output #{index} of the graph, {tensor}: {reason}")]
    Outputs {
        /// Position in the list.
        index: usize,
        /// The tensor.
        tensor: TensorId,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A graph without outputs.
    #[error("the graph has no outputs")]
    NoOutputs,
    /// A node is wrong.
    #[error("{node}: {fault}")]
    Node {
        /// Which.
        node: NodeRef,
        /// How.
        fault: Fault,
    },
}

/// What is wrong with a node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// Node `i` must make tensor `i`.
    #[error("makes {got}, expected {expected}")]
    Output {
        /// Its position.
        expected: TensorId,
        /// What it claims.
        got: TensorId,
    },
    /// An operand that is not made before the node: missing, later, or the node itself.
    #[error("uses {operand}, which is not made before it")]
    Unordered {
        /// The operand.
        operand: TensorId,
    },
    /// Too many of something.
    #[error("{got} {what}, limit {limit}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The limit.
        limit: u64,
        /// The number.
        got: u64,
    },
    /// A dimension that is zero.
    #[error("dimension {axis} is zero")]
    ZeroDimension {
        /// Its axis.
        axis: usize,
    },
    /// An operand of another rank than needed.
    #[error("{operand} has rank {got}, expected {expected}")]
    Rank {
        /// The operand.
        operand: TensorId,
        /// What is needed, in words.
        expected: &'static str,
        /// Its rank.
        got: usize,
    },
    /// Two dimensions or lengths that must be equal.
    #[error("{what}: {got}, expected {expected}")]
    Mismatch {
        /// Of what.
        what: &'static str,
        /// The one.
        expected: u64,
        /// The other.
        got: u64,
    },
    /// An operand that cannot be broadcast.
    #[error("{operand} of shape {got:?} cannot be broadcast to {expected:?}")]
    Broadcast {
        /// The operand.
        operand: TensorId,
        /// The result's shape.
        expected: Vec<u32>,
        /// The operand's shape.
        got: Vec<u32>,
    },
    /// An attribute out of its bounds.
    #[error("{what} is {got}, expected {lo} to {hi}")]
    Attribute {
        /// Which.
        what: &'static str,
        /// Least value.
        lo: i64,
        /// Greatest value.
        hi: i64,
        /// The value.
        got: i64,
    },
    /// A slice with a step of zero.
    #[error("step of axis {axis} is zero")]
    ZeroStep {
        /// Its axis.
        axis: usize,
    },
    /// Not a permutation of the axes.
    #[error("{got:?} is not a permutation of the axes")]
    Permutation {
        /// The list.
        got: Vec<u32>,
    },
    /// An operand whose range is too wide for its place.
    #[error("{operand} in {got} is not narrow")]
    NotNarrow {
        /// The operand.
        operand: TensorId,
        /// Its range.
        got: Range,
    },
    /// The result of a contraction where something else is needed.
    #[error("{operand} is a contraction, which only a linear map takes, as its first operand")]
    Contraction {
        /// The operand.
        operand: TensorId,
    },
    /// A multiplier without its shift, or the reverse.
    #[error("shift is {got}, expected {expected} with this multiplier")]
    Shift {
        /// What the multiplier asks for.
        expected: u8,
        /// The shift.
        got: u8,
    },
    /// An operand that must be a `Param` or a `Constant`.
    #[error("{operand} must be a parameter or a constant")]
    NotParam {
        /// The operand.
        operand: TensorId,
    },
    /// An operand whose range is not inside another one.
    #[error("{what} in {got}, expected inside {expected}")]
    OperandRange {
        /// Which operand.
        what: &'static str,
        /// What it must lie in.
        expected: Range,
        /// Its range.
        got: Range,
    },
    /// A declared range is empty or too wide for the kind of tensor.
    #[error("declared range {got} is empty or too wide: {expected}")]
    Declared {
        /// What is allowed.
        expected: &'static str,
        /// What is declared.
        got: Range,
    },
    /// A range that follows from the operands is too wide.
    #[error("values between {lo} and {hi}, at most {bits} bits")]
    Overflow {
        /// Least value.
        lo: i128,
        /// Greatest value.
        hi: i128,
        /// Bits allowed.
        bits: u32,
    },
    /// A result that must be narrow is not.
    #[error("the result in {got} is not narrow")]
    ResultNotNarrow {
        /// Its range.
        got: Range,
    },
    /// A table that does not exist.
    #[error("table #{got} of {count}")]
    NoTable {
        /// Its number.
        got: u32,
        /// How many there are.
        count: usize,
    },
    /// A table's argument is not proved to lie in its domain.
    #[error("arguments between {lo} and {hi}, but the table covers {domain}")]
    Domain {
        /// Least argument.
        lo: i128,
        /// Greatest argument.
        hi: i128,
        /// The table's domain.
        domain: Range,
    },
    /// The stored shape is not the one that follows from the operands.
    #[error("stored shape {got:?}, derived {expected:?}")]
    Shape {
        /// Derived.
        expected: Vec<u32>,
        /// Stored.
        got: Vec<u32>,
    },
    /// The stored range is not the one that follows from the operands.
    #[error("stored range {got}, derived {expected}")]
    Range {
        /// Derived.
        expected: Range,
        /// Stored.
        got: Range,
    },
}

/// Why parameters do not fit a graph.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParamsError {
    /// No values for a `Param`.
    #[error("no values for parameter {tensor} {name:?}")]
    Missing {
        /// The tensor.
        tensor: TensorId,
        /// Its name.
        name: String,
    },
    /// Values for a tensor that is no `Param`.
    #[error("values for {tensor}, which is not a parameter")]
    Unknown {
        /// The tensor.
        tensor: TensorId,
    },
    /// A wrong number of values.
    #[error("parameter {tensor} {name:?} has {got} values, expected {expected}")]
    Length {
        /// The tensor.
        tensor: TensorId,
        /// Its name.
        name: String,
        /// Elements of its shape.
        expected: usize,
        /// Number of values.
        got: usize,
    },
    /// A value outside of the declared range.
    #[error("parameter {tensor} {name:?}: value {got} at {index}, declared {expected}")]
    Value {
        /// The tensor.
        tensor: TensorId,
        /// Its name.
        name: String,
        /// Position.
        index: usize,
        /// Declared range.
        expected: Range,
        /// The value.
        got: i32,
    },
    /// A scale that is not a positive finite number.
    #[error("the scale of {tensor} is not a positive finite number")]
    Scale {
        /// The tensor.
        tensor: TensorId,
    },
}

/// Why an evaluation fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// The tensors take more memory than the caller is willing to spend.
    #[error(
        "the graph's tensors take about {needed} bytes of memory, the limit is {limit}; allow more \
         (--max-memory) if you trust the graph"
    )]
    Memory {
        /// Bytes needed.
        needed: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// The parameters do not fit.
    #[error(transparent)]
    Params(#[from] ParamsError),
    /// A wrong number of inputs.
    #[error("{got} inputs, expected {expected}")]
    Inputs {
        /// Inputs of the graph.
        expected: usize,
        /// Inputs given.
        got: usize,
    },
    /// An input of the wrong length.
    #[error("input #{input} {name:?} has {got} values, expected {expected}")]
    InputLength {
        /// Position.
        input: usize,
        /// Its name.
        name: String,
        /// Elements of its shape.
        expected: usize,
        /// Number of values.
        got: usize,
    },
    /// An input outside of its range.
    #[error("input #{input} {name:?}: value {got} at {index}, declared {expected}")]
    InputValue {
        /// Position.
        input: usize,
        /// Its name.
        name: String,
        /// Position of the value.
        index: usize,
        /// Declared range.
        expected: Range,
        /// The value.
        got: i32,
    },
    /// A table's argument outside of its domain, at a [`crate::Map`] that assumes a bound.
    #[error("{node}: element {index} has argument {got}, the table covers {domain}")]
    OutOfTable {
        /// The node.
        node: NodeRef,
        /// Position of the element.
        index: usize,
        /// The argument.
        got: i64,
        /// The table's domain.
        domain: Range,
    },
}

/// Why a list of origins does not fit a graph and a model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OriginsError {
    /// Parameters are not listed once each, by rising number.
    #[error("parameter {param} is not in order")]
    Order {
        /// The second of the two.
        param: TensorId,
    },
    /// It was made for another model or architecture.
    #[error("it is for another {what}")]
    Other {
        /// Which one.
        what: &'static str,
    },
    /// No parameter of the graph.
    #[error("{param} is no parameter of the graph")]
    NoParam {
        /// The number.
        param: TensorId,
    },
    /// A number of strides that is not that of the axes.
    #[error("parameter {param}: {got} strides, expected {expected}")]
    Rank {
        /// The parameter.
        param: TensorId,
        /// Axes of the parameter.
        expected: usize,
        /// Strides.
        got: usize,
    },
    /// A tensor that the model lacks or does not sample.
    #[error("parameter {param}: the model samples no tensor {tensor}")]
    NotSampled {
        /// The parameter.
        param: TensorId,
        /// Position of the tensor in the specification.
        tensor: u32,
    },
    /// A vector or a table that has no origin and is not public.
    #[error("the integers of parameter {param} are not given, and it has no origin")]
    NotPublic {
        /// The parameter.
        param: TensorId,
    },
    /// A public parameter with another number of integers.
    #[error("parameter {param}: {got} integers, expected {expected}")]
    Values {
        /// The parameter.
        param: TensorId,
        /// Elements of the parameter.
        expected: usize,
        /// Integers given.
        got: usize,
    },
    /// A public integer that the parameter cannot have.
    #[error("parameter {param}: element {element} is {got}, expected {expected}")]
    Range {
        /// The parameter.
        param: TensorId,
        /// Position of the integer.
        element: usize,
        /// Range of the parameter.
        expected: Range,
        /// The integer.
        got: i32,
    },
    /// An element of a tensor that stands in several places of one parameter.
    #[error("parameter {param}: element {element} of tensor {tensor} occurs more than once")]
    Repeated {
        /// The parameter.
        param: TensorId,
        /// Position of the tensor in the specification.
        tensor: u32,
        /// The element of the tensor.
        element: u64,
    },
    /// Strides of which it takes too long to tell whether an element occurs twice.
    #[error("parameter {param}: strides that no compiled model has")]
    Tangled {
        /// The parameter.
        param: TensorId,
    },
    /// A parameter with two origins, or with one and public integers.
    #[error("parameter {param} is listed twice")]
    Twice {
        /// The parameter.
        param: TensorId,
    },
    /// Lists of one version that do not have the same public parameters.
    #[error("parameter {param}: the lists do not have the same public integers")]
    PublicDiffers {
        /// The first parameter that differs.
        param: TensorId,
    },
    /// A sampled tensor of the version of which an element is no parameter's.
    #[error("element {element} of the sampled tensor {name:?} is in no parameter of the graph")]
    NotCovered {
        /// Name of the tensor in the specification.
        name: String,
        /// The first such element.
        element: u64,
    },
    /// Elements of an earlier plan's tensor that the version does not inherit.
    #[error("parameter {param}: the model does not inherit the tensor {name:?}")]
    NotInherited {
        /// The parameter.
        param: TensorId,
        /// Name of the tensor in the earlier plan's specification.
        name: String,
    },
    /// A plan that the model inherits weights from, and no list for it.
    #[error("no list of the weights that are inherited from plan {}", Hex(plan))]
    NoList {
        /// Digest of the plan.
        plan: Digest32,
    },
    /// Two lists of one plan, or one of a plan that the model does not inherit from.
    #[error(
        "a list of plan {}, which is listed or from which nothing is inherited",
        Hex(plan)
    )]
    SpareList {
        /// Digest of the plan.
        plan: Digest32,
    },
    /// Elements that the tensor does not have.
    #[error("parameter {param}: it reaches beyond tensor {tensor}")]
    Outside {
        /// The parameter.
        param: TensorId,
        /// Position of the tensor in the specification.
        tensor: u32,
    },
}
