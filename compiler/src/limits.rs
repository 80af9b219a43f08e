//! Bounds on what a file from outside may hold.

/// Bounds checked before memory is spent.
///
/// The defaults take every model that one protobuf message can hold (2 GiB).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Most bytes of an ONNX file.
    pub onnx_bytes: u64,
    /// Most bytes of a TOML description or rules file.
    pub toml_bytes: u64,
    /// Most protobuf messages (nodes, attributes, tensors, dimensions...).
    pub messages: u64,
    /// Most protobuf fields; one element of an unpacked list is one field.
    pub fields: u64,
    /// Most bytes of variable-length integers in packed lists.
    pub varint_bytes: u64,
    /// Most parameter tensors.
    pub tensors: usize,
    /// Most elements of one tensor.
    pub elements: u64,
    /// Deepest nesting of subgraphs.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            onnx_bytes: (1 << 31) - 1,
            toml_bytes: 1 << 20,
            messages: 1 << 19,
            fields: 1 << 22,
            varint_bytes: 1 << 26,
            tensors: nascent_verifier::spec::MAX_TENSORS,
            elements: nascent_verifier::spec::MAX_ELEMENTS,
            depth: 8,
        }
    }
}
