//! One file per operator: what follows for its result, and its values.

pub(crate) mod conv;
pub(crate) mod divide;
pub(crate) mod embed;
pub(crate) mod fold;
pub(crate) mod lanes;
pub(crate) mod map;
pub(crate) mod matmul;
