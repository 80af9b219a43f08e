//! What can go wrong between a file and a model specification.

use nascent_verifier::text::Quoted;
use std::borrow::Cow;
use std::path::PathBuf;

/// A node of the graph, as errors name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeRef {
    /// Name of the node, or its position (`#3`) when it has none.
    pub name: String,
    /// Operator, with its domain when it is not the default one.
    pub op: String,
    /// Version of the operator set it is bound to.
    pub opset: i64,
}

impl std::fmt::Display for NodeRef {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            out,
            "node {:?} ({}, opset {})",
            self.name,
            operator(&self.op),
            self.opset
        )
    }
}

/// An operator's name as it is, where it is one; else in quotes.
fn operator(op: &str) -> Cow<'_, str> {
    let name = |c: char| c.is_ascii_alphanumeric() || "._:".contains(c);
    if op.chars().all(name) {
        op.into()
    } else {
        Quoted(op).to_string().into()
    }
}

/// Why a file was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// Too many of something.
    #[error("{got} {what}, at most {limit} are supported")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The bound.
        limit: u64,
        /// The number found.
        got: u64,
    },
    /// Bytes that are no protobuf message.
    #[error("not an ONNX file: {reason}")]
    Protobuf {
        /// What the decoder found.
        reason: String,
    },
    /// A protobuf field that this version does not know, which could change the meaning.
    #[error("field {field} of {message} is not supported")]
    UnknownField {
        /// Protobuf message.
        message: &'static str,
        /// Field number.
        field: u32,
    },
    /// Something that every ONNX model has is missing.
    #[error("the model has no {what}")]
    Missing {
        /// What is missing.
        what: &'static str,
    },
    /// A feature of the file format that is not supported.
    #[error("{what} is not supported: {advice}")]
    Unsupported {
        /// The feature.
        what: String,
        /// What to do about it.
        advice: &'static str,
    },
    /// Two values, initializers, attributes or operator sets with one name.
    #[error("{what} {name:?} is defined twice")]
    Duplicate {
        /// Kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A name that is empty or longer than a specification can hold.
    #[error("{what} has a name of {got} bytes, expected 1 to {limit}")]
    Name {
        /// Kind of thing.
        what: &'static str,
        /// Most bytes.
        limit: usize,
        /// Bytes found.
        got: usize,
    },
    /// A node reads a value that no earlier node, input or initializer defines.
    #[error(
        "{node} reads {value:?} before anything defines it (unknown name, cycle, or nodes out of order)"
    )]
    Undefined {
        /// The reading node.
        node: Box<NodeRef>,
        /// The value.
        value: String,
    },
    /// A graph output that nothing defines.
    #[error("graph output {value:?} is not defined")]
    UndefinedOutput {
        /// The output.
        value: String,
    },
    /// An attribute with a wrong type or value.
    #[error("{node}: attribute {attribute:?}: {reason}")]
    Attribute {
        /// The node.
        node: Box<NodeRef>,
        /// The attribute.
        attribute: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A tensor with a wrong type, shape or length.
    #[error("tensor {name:?}: {reason}")]
    Tensor {
        /// The tensor.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A constant whose values are in another file.
    #[error(
        "tensor {name:?} is a constant with external data: its values are part of the graph, store them in the ONNX file"
    )]
    ExternalData {
        /// The tensor.
        name: String,
    },
    /// Values in another file that cannot be read.
    #[error("tensor {name:?}, whose values are in another file: {reason}")]
    External {
        /// The tensor.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// A weight whose shape does not fit its operator.
    #[error("{node}: weight {tensor:?} of shape {dims:?}: {reason}")]
    WeightShape {
        /// The node.
        node: Box<NodeRef>,
        /// The weight.
        tensor: String,
        /// Its dimensions as the operator sees them.
        dims: Vec<u64>,
        /// What was expected.
        reason: String,
    },
    /// A weight that is stored in a form that cannot be filled.
    #[error("{node}: weight {tensor:?} is {form}: {advice}")]
    WeightForm {
        /// The node.
        node: Box<NodeRef>,
        /// The weight.
        tensor: String,
        /// The form.
        form: &'static str,
        /// What to do about it.
        advice: &'static str,
    },
    /// A matrix of floats that no operator's rule covers.
    #[error(
        "{node} reads the tensor {tensor:?} of shape {dims:?}, for which no rule is known: add a rule for its name (init = \"keep\" leaves it as it is)"
    )]
    NoRole {
        /// The node.
        node: Box<NodeRef>,
        /// The tensor.
        tensor: String,
        /// Its dimensions.
        dims: Vec<u64>,
    },
    /// A rule that needs a fan on a tensor that has none.
    #[error(
        "tensor {tensor:?} (shape {dims:?}) has no fan-in and fan-out, which {init:?} needs: give `fan_in` and `fan_out` in the rule, or use another fill"
    )]
    NoFan {
        /// The tensor.
        tensor: String,
        /// Its dimensions.
        dims: Vec<u64>,
        /// The fill.
        init: &'static str,
    },
    /// A fill with parameters out of range.
    #[error("tensor {tensor:?}: {reason}")]
    Fill {
        /// The tensor.
        tensor: String,
        /// What is wrong.
        reason: String,
    },
    /// A rule that no tensor takes.
    #[error("rule {rule} ({pattern}) applies to no tensor: correct it, or write `optional = true`")]
    UnusedRule {
        /// Position of the rule, from 1.
        rule: usize,
        /// Its selector.
        pattern: String,
    },
    /// A name in `inputs` that the graph does not have.
    #[error("{name:?} is not an input of the graph")]
    NoSuchInput {
        /// The name.
        name: String,
    },
    /// A pattern of tensors to sample anew that matches none.
    #[error("no tensor's name matches {pattern:?}")]
    NothingToRedraw {
        /// The pattern.
        pattern: String,
    },
    /// A `keep` on a tensor without values.
    #[error("tensor {tensor:?} has no values to keep: give it a fill, or list it under `inputs`")]
    NothingToKeep {
        /// The tensor.
        tensor: String,
    },
    /// A TOML file with a wrong syntax or key.
    #[error("{what}: {reason}")]
    Toml {
        /// Which kind of file.
        what: &'static str,
        /// The parser's message.
        reason: String,
    },
    /// A description's layer that makes no sense.
    #[error("layer {layer:?}: {reason}")]
    Layer {
        /// The layer.
        layer: String,
        /// What is wrong.
        reason: String,
    },
    /// No tensor of the model gets a value.
    #[error("the model has no weights to fill")]
    NoWeights,
    /// The specification breaks a rule of the verifier's.
    #[error("specification: {0}")]
    Spec(#[from] nascent_verifier::SpecError),
    /// The model and the specification disagree.
    #[error("the model does not fit the specification: {reason}")]
    Mismatch {
        /// What differs.
        reason: String,
    },
    /// The source of the weights failed.
    #[error("weights of tensor {tensor:?}: {source}")]
    Source {
        /// The tensor.
        tensor: String,
        /// The source's error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Result of this crate.
pub type Result<T> = std::result::Result<T, CompileError>;

/// Refuses `got > limit`.
pub(crate) fn at_most(what: &'static str, limit: u64, got: u64) -> Result<()> {
    if got > limit {
        return Err(CompileError::TooMany { what, limit, got });
    }
    Ok(())
}
