//! What can go wrong between an ONNX file with weights and an integer graph.

use crate::error::{CompileError, NodeRef};

/// Why a model, a sample or an option was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InferError {
    /// The file is not a model that can be read.
    #[error(transparent)]
    Read(#[from] CompileError),
    /// The model's operator set is too old or too new.
    #[error(
        "{node}: operator sets {oldest} to {newest} are supported; export the model again with one of them"
    )]
    Opset {
        /// First node of that operator set.
        node: Box<NodeRef>,
        /// Oldest that is supported.
        oldest: i64,
        /// Newest that is supported.
        newest: i64,
    },
    /// No proof is known for the operator.
    #[error(
        "{node}: this operator is not supported; the book's page on operators lists those that are"
    )]
    Operator {
        /// The node.
        node: Box<NodeRef>,
    },
    /// The operator is supported, but not in this form.
    #[error("{node}: {reason}")]
    Form {
        /// The node.
        node: Box<NodeRef>,
        /// What is not supported, and what to do about it.
        reason: String,
    },
    /// An attribute is unknown, or has a wrong type or value.
    #[error("{node}: attribute {attribute:?}: {reason}")]
    Attribute {
        /// The node.
        node: Box<NodeRef>,
        /// The attribute.
        attribute: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Operands whose shapes do not go together.
    #[error("{node}: {reason}")]
    Shape {
        /// The node.
        node: Box<NodeRef>,
        /// What was expected and found.
        reason: String,
    },
    /// A plan that is not the file's, or whose deviates are no weights.
    #[error("plan: {reason}")]
    Plan {
        /// What is wrong with it.
        reason: String,
    },
    /// A profile that is not of this model.
    #[error("profile: {reason}")]
    Profile {
        /// What is wrong with it.
        reason: String,
    },
    /// Structure that depends on the values of weights.
    #[error("{node}: the graph depends on the values of {}", .tensors.join(", "))]
    Withheld {
        /// The node.
        node: Box<NodeRef>,
        /// Names of the stored tensors.
        tensors: Vec<String>,
    },
    /// A tensor without values, with values that are no finite numbers, or of a wrong type.
    #[error("tensor {name:?}: {reason}")]
    Tensor {
        /// The tensor.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An input of the model whose shape or type cannot be used.
    #[error("input {name:?}: {reason}")]
    Input {
        /// The input.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A model that would need too much work or memory.
    #[error("{what}: {got}, at most {limit} are supported")]
    TooLarge {
        /// Of what.
        what: String,
        /// The number found; `u64::MAX` when it does not fit.
        got: u64,
        /// The bound.
        limit: u64,
    },
    /// A calibration sample that cannot be used.
    #[error("sample {sample}: {reason}")]
    Sample {
        /// Which one: a file, or a position in it.
        sample: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An option out of its range.
    #[error("option {option}: {reason}")]
    Option {
        /// The option.
        option: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A layer whose integers do not fit the lookup tables.
    #[error("{layer}: {reason}; {advice}")]
    Range {
        /// The layer.
        layer: String,
        /// Which bound is broken.
        reason: String,
        /// What to change.
        advice: &'static str,
    },
    /// A file could not be read.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The integer graph breaks a rule of its own: a fault of this crate.
    #[error(
        "the integer graph is refused by its own check (by a profile that was not made by hand it is a bug): {0}"
    )]
    Graph(#[from] nascent_ir::GraphError),
    /// The integer graph could not be evaluated on a sample.
    #[error("the integer graph cannot be evaluated: {0}")]
    Eval(#[from] nascent_ir::EvalError),
}

/// Result of the inference front end.
pub type Result<T> = std::result::Result<T, InferError>;

/// A fault inside an operator, before its node is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    Form(String),
    Shape(String),
    Attribute(String, String),
    TooLarge(String, u64, u64),
    NotFinite,
    /// The values of these stored tensors are asked for, which are weights.
    Withheld(Vec<String>),
    /// A profile that is not of this model.
    Profile(String),
}

/// Result inside an operator.
pub(crate) type OpResult<T> = std::result::Result<T, Fault>;

impl Fault {
    /// The form of an operator is not supported.
    pub(crate) fn form<T>(reason: impl Into<String>) -> OpResult<T> {
        Err(Self::Form(reason.into()))
    }

    /// Shapes do not go together.
    pub(crate) fn shape<T>(reason: impl Into<String>) -> OpResult<T> {
        Err(Self::Shape(reason.into()))
    }

    /// An attribute is wrong.
    pub(crate) fn attribute<T>(name: &str, reason: impl Into<String>) -> OpResult<T> {
        Err(Self::Attribute(name.to_owned(), reason.into()))
    }

    /// What a decision was refused for.
    pub(crate) fn profile(error: InferError) -> Self {
        match error {
            InferError::Profile { reason } => Self::Profile(reason),
            other => Self::Profile(other.to_string()),
        }
    }

    /// Names the node.
    pub(crate) fn at(self, node: &NodeRef) -> InferError {
        let node = Box::new(node.clone());
        match self {
            Self::Form(reason) => InferError::Form { node, reason },
            Self::Shape(reason) => InferError::Shape { node, reason },
            Self::Attribute(attribute, reason) => InferError::Attribute {
                node,
                attribute,
                reason,
            },
            Self::TooLarge(what, got, limit) => InferError::TooLarge {
                what: format!("{node}: {what}"),
                got,
                limit,
            },
            Self::Profile(reason) => InferError::Profile { reason },
            Self::Withheld(tensors) => InferError::Withheld { node, tensors },
            Self::NotFinite => InferError::Form {
                node,
                reason: "it makes a constant that is not a finite number".to_owned(),
            },
        }
    }
}
