//! The operators of the core.
//!
//! Shapes and ranges are those of [`crate::Graph::check`]; equations are in the book's page on the
//! IR. All tensors are row-major; a shape `[]` is a scalar; no dimension is zero.
//!
//! *Broadcast to `S`*: a shape of rank at most that of `S` which, aligned at the right, has in each
//! place either the dimension of `S` or 1.

use crate::id::{TableId, TensorId};
use serde::{Deserialize, Serialize};

/// What a node computes. Operands precede the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Op {
    /// An input of the model. Shape and range are declared; it has `2 table_bits`, for an index into
    /// a table of many rows; whatever else takes it asks for a narrow one.
    Input,
    /// Values from [`crate::Params`]. Shape and range are declared. A *matrix*, an operand of a
    /// contraction, has `weight_bits` bits; any other, a *vector*, `2 table_bits`.
    Param,
    /// Values that belong to the architecture: masks, constant operands. The shape is declared, the
    /// range is that of the values; narrow.
    Constant {
        /// Row-major.
        values: Vec<i32>,
    },
    /// Product of matrices; a *contraction*: wide, and only the `a` of a [`Pre::Linear`].
    MatMul(MatMul),
    /// Convolution (cross-correlation, as in ONNX) in one or two dimensions; a contraction.
    Conv(Conv),
    /// Elementwise function with requantization; narrow.
    Map(Map),
    /// Greatest element of each row of the last axis; that axis becomes 1. Narrow to narrow.
    FoldMax {
        /// Rank at least 1.
        x: TensorId,
    },
    /// Sum of each row of the last axis; that axis becomes 1. Not of a contraction; may be wide.
    FoldSum {
        /// Rank at least 1.
        x: TensorId,
    },
    /// Quotient, rounded down; narrow.
    Divide(Divide),
    /// An arrangement of elements of other tensors; no arithmetic. Not of a contraction.
    View(View),
    /// Rows of a table, chosen by indices.
    Embed(Embed),
}

/// `y[.., m, n] = sum over k of a[.., m, k] * b[.., k, n]`. Both operands are narrow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatMul {
    /// `[.., M, K]`.
    pub a: TensorId,
    /// `[.., K, N]` with the leading dimensions of `a`, or `[K, N]` for all of them. With
    /// `transpose_b`, the last two are `N, K`.
    pub b: TensorId,
    /// Whether `b` is stored transposed.
    pub transpose_b: bool,
}

/// `y[n, o, p] = sum over c, j of x[n, g C' + c, p * stride - begin + j * dilation] * w[o, c, j]`,
/// with `C' = C / groups`, `g` the group of `o`, and zero outside of `x`. Both operands are narrow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conv {
    /// `[N, C, spatial..]` with one or two spatial axes.
    pub x: TensorId,
    /// `[O, C / groups, kernel..]`; a `Param` or a `Constant`.
    pub w: TensorId,
    /// One per spatial axis, at least 1.
    pub strides: Vec<u32>,
    /// Zeros added (begin, end), one pair per spatial axis; each less than the extent of the kernel.
    pub pads: Vec<(u32, u32)>,
    /// One per spatial axis, at least 1.
    pub dilations: Vec<u32>,
    /// Divides `C` and `O`.
    pub groups: u32,
}

/// `y = table(q)`, where `q = pre` if `shift = 0`, and otherwise `q = floor((pre * multiplier + half)
/// / 2^shift)` with `half = 2^(shift - 1)`: rounding half up, also for negative numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Map {
    /// What is scaled.
    pub pre: Pre,
    /// By what.
    pub multiplier: Multiplier,
    /// 0 with [`Multiplier::One`], `2 table_bits` with any other.
    pub shift: u8,
    /// The function applied.
    pub table: TableId,
    /// Whether `q` is inside the table's domain only by a bound on the values of the parameters.
    /// Without it, the declared ranges must prove so. With it, [`crate::eval()`] can fail with
    /// [`crate::EvalError::OutOfTable`], and such an execution has no proof.
    pub assumes_bound: bool,
}

/// The argument of a [`Map`]. The result has the shape of `a`; `b` is broadcast to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pre {
    /// `ca * a + cb * b + c`.
    Linear {
        /// Any tensor.
        a: TensorId,
        /// Factor of `a`.
        ca: i32,
        /// Second term and its factor. Not a contraction.
        b: Option<(TensorId, i32)>,
        /// Added.
        c: i64,
    },
    /// `a * b`. No contractions. `b` can be `a`: a square, whose range is not negative.
    Product {
        /// First factor.
        a: TensorId,
        /// Second factor.
        b: TensorId,
    },
}

/// Factor of a [`Map`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Multiplier {
    /// No requantization: the argument is exact.
    One,
    /// The same for all elements and checkpoints: `1 <= value < 2^(2 table_bits - 1)`.
    Const(u32),
    /// A `Param` or `Constant`, broadcast to the shape of the result, with declared range inside
    /// `1 .. 2^(2 table_bits - 1)`.
    Param(TensorId),
}

/// `y = floor(num * factor / den)`; the result has the shape of `num` and is narrow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Divide {
    /// Not a contraction; not negative by range.
    pub num: TensorId,
    /// Not a contraction; range inside `1 .. 2^table_bits`; broadcast to the shape of `num`.
    pub den: TensorId,
    /// At least 1.
    pub factor: i64,
}

/// `y[i.., d] = table[ids[i..], d]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Embed {
    /// `[V, D]`, a `Param` or a `Constant`, narrow.
    pub table: TensorId,
    /// Any shape, not a contraction, range inside `0 ..= V - 1`; need not be narrow.
    pub ids: TensorId,
}

/// Which element of which operand each element of the result is; see [`crate::IndexMap`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum View {
    /// The same elements in the same row-major order.
    Reshape {
        /// Operand.
        x: TensorId,
        /// New shape, with as many elements.
        shape: Vec<u32>,
    },
    /// Axis `d` of the result is axis `perm[d]` of the operand.
    Transpose {
        /// Operand.
        x: TensorId,
        /// A permutation of `0 .. rank`.
        perm: Vec<u32>,
    },
    /// `y[i] = x[starts + i * steps]` on each axis.
    Slice {
        /// Operand.
        x: TensorId,
        /// First index, per axis.
        starts: Vec<u32>,
        /// Number of elements taken, per axis; at least 1.
        sizes: Vec<u32>,
        /// Distance, per axis; not zero; may be negative.
        steps: Vec<i32>,
    },
    /// Operands after each other along `axis`.
    Concat {
        /// At least one; shapes equal but for `axis`.
        xs: Vec<TensorId>,
        /// Less than the rank.
        axis: u32,
    },
    /// A constant around the operand.
    Pad {
        /// Operand.
        x: TensorId,
        /// Elements before, per axis.
        before: Vec<u32>,
        /// Elements after, per axis.
        after: Vec<u32>,
        /// The constant.
        value: i32,
    },
    /// The operand, broadcast to `shape`.
    Expand {
        /// Operand.
        x: TensorId,
        /// Shape of the result.
        shape: Vec<u32>,
    },
    /// `y[.., i, ..] = x[.., indices[i], ..]` on `axis`.
    Gather {
        /// Operand.
        x: TensorId,
        /// Less than the rank.
        axis: u32,
        /// At least one; each less than the dimension.
        indices: Vec<u32>,
    },
}

impl Op {
    /// Name in error messages.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Input => "Input",
            Self::Param => "Param",
            Self::Constant { .. } => "Constant",
            Self::MatMul(_) => "MatMul",
            Self::Conv(_) => "Conv",
            Self::Map(_) => "Map",
            Self::FoldMax { .. } => "FoldMax",
            Self::FoldSum { .. } => "FoldSum",
            Self::Divide(_) => "Divide",
            Self::View(view) => view.name(),
            Self::Embed(_) => "Embed",
        }
    }

    /// Whether the result is never stored: only a [`Map`] takes it.
    pub const fn is_contraction(&self) -> bool {
        matches!(self, Self::MatMul(_) | Self::Conv(_))
    }

    /// Operands in order; a tensor used twice appears twice.
    pub fn operands(&self) -> Vec<TensorId> {
        match self {
            Self::Input | Self::Param | Self::Constant { .. } => Vec::new(),
            Self::MatMul(op) => vec![op.a, op.b],
            Self::Conv(op) => vec![op.x, op.w],
            Self::Map(op) => op.operands(),
            Self::FoldMax { x } | Self::FoldSum { x } => vec![*x],
            Self::Divide(op) => vec![op.num, op.den],
            Self::View(view) => view.operands(),
            Self::Embed(op) => vec![op.table, op.ids],
        }
    }
}

impl Map {
    /// `y = table(pre)`.
    pub const fn exact(pre: Pre, table: TableId) -> Self {
        Self {
            pre,
            multiplier: Multiplier::One,
            shift: 0,
            table,
            assumes_bound: false,
        }
    }

    /// `y = table(floor((pre * multiplier + half) / 2^shift))` for a graph of `table_bits`; if
    /// `multiplier` is [`Multiplier::One`], which that excludes, 1 as a constant.
    pub const fn requantize(
        pre: Pre,
        multiplier: Multiplier,
        table: TableId,
        table_bits: u8,
    ) -> Self {
        Self {
            pre,
            multiplier: match multiplier {
                Multiplier::One => Multiplier::Const(1),
                other => other,
            },
            shift: 2 * table_bits,
            table,
            assumes_bound: false,
        }
    }

    /// The same, inside its table only by a bound on the parameters' values.
    pub const fn assuming_bound(mut self) -> Self {
        self.assumes_bound = true;
        self
    }

    fn operands(&self) -> Vec<TensorId> {
        let mut out = match &self.pre {
            Pre::Linear { a, b, .. } => {
                let mut out = vec![*a];
                out.extend(b.map(|(b, _)| b));
                out
            }
            Pre::Product { a, b } => vec![*a, *b],
        };
        if let Multiplier::Param(id) = self.multiplier {
            out.push(id);
        }
        out
    }
}

impl Pre {
    /// `a` as it is.
    pub const fn of(a: TensorId) -> Self {
        Self::Linear {
            a,
            ca: 1,
            b: None,
            c: 0,
        }
    }
}

impl View {
    /// Name in error messages.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Reshape { .. } => "Reshape",
            Self::Transpose { .. } => "Transpose",
            Self::Slice { .. } => "Slice",
            Self::Concat { .. } => "Concat",
            Self::Pad { .. } => "Pad",
            Self::Expand { .. } => "Expand",
            Self::Gather { .. } => "Gather",
        }
    }

    /// Operands in order.
    pub fn operands(&self) -> Vec<TensorId> {
        match self {
            Self::Concat { xs, .. } => xs.clone(),
            Self::Reshape { x, .. }
            | Self::Transpose { x, .. }
            | Self::Slice { x, .. }
            | Self::Pad { x, .. }
            | Self::Expand { x, .. }
            | Self::Gather { x, .. } => vec![*x],
        }
    }
}
