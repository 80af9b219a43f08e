//! Bounds on graphs, checked before memory is spent.

/// Most axes of a tensor.
pub const MAX_RANK: usize = 8;

/// Most nodes of a graph.
pub const MAX_NODES: usize = 1 << 16;

/// Most tables of a graph.
pub const MAX_TABLES: usize = 1 << 10;

/// Most elements of one tensor.
pub const MAX_ELEMENTS: u64 = 1 << 28;

/// Most elements of all tensors of a graph: what [`crate::eval()`] keeps, 4 or 8 bytes each.
pub const MAX_TOTAL_ELEMENTS: u64 = 1 << 30;

/// Most products in all contractions of a graph.
pub const MAX_PRODUCTS: u64 = 1 << 44;

/// Longest encoding of a graph, in bytes.
pub const MAX_GRAPH_BYTES: usize = 1 << 28;

/// Longest encoding of parameters, in bytes.
pub const MAX_PARAMS_BYTES: usize = 1 << 30;
