//! Sizes of an inference circuit.

/// Rows at the end of each column left to blinding; more than the library's count, which follows
/// from the most rotations that a column is read at.
pub const UNUSABLE_ROWS: usize = 8;

/// Integers of every equation must have at most this many bits; the field's modulus has 254.
pub const MAX_EQUATION_BITS: u32 = 250;

/// Bits of a public value: the verifier takes integers of 64 bits.
pub const PUBLIC_BITS: u32 = 64;

/// Bits of the largest constant or factor in a row of units.
const CONSTANT_BITS: u32 = 63;

/// Bits of a magnitude.
pub fn bits(magnitude: u128) -> u32 {
    u128::BITS - magnitude.leading_zeros()
}

/// Bits of the largest integer in an equation about operands of `wide` bits: the product of two, or
/// of one and a constant, times a multiplier of `2T` bits.
pub fn equation_bits(table_bits: u32, wide: u32) -> u32 {
    let pre = 2 + (2 * wide).max(wide + CONSTANT_BITS);
    pre + 2 * table_bits
}

/// What the gates of an inference circuit depend on.
///
/// The model itself is in the fixed columns (see [`super::plan()`]): two architectures of one shape
/// have the same constraints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// Binary logarithm of the number of rows.
    pub k: u32,
    /// `T`: values of units, folds and remainders are cut into pieces of this many bits.
    pub table_bits: u32,
    /// Bits of a matrix parameter's cell, at most `table_bits`: those of the widest.
    pub weight_bits: u32,
    /// Whether matrix parameters have more than one range.
    pub matrix_ranges: bool,
    /// Bits of wide values (contractions, sums), offset included; at most 48.
    pub wide_bits: u32,
    /// Columns of matrix parameters.
    pub weight_lanes: usize,
    /// Units side by side.
    pub unit_lanes: usize,
    /// Folds side by side; zero if no operator folds.
    pub fold_lanes: usize,
    /// Columns of vector parameters.
    pub param_lanes: usize,
    /// Claims that one matrix parameter can enter, at least one.
    pub weight_channels: usize,
    /// Claims that one unit's output can enter as an operand.
    pub operand_channels: usize,
    /// Column sets over which the lookup tables are folded.
    pub table_sets: usize,
    /// Whether some unit divides.
    pub division: bool,
    /// Whether indices select rows of a matrix.
    pub selection: bool,
    /// Whether inputs or outputs are hidden.
    pub sealed: bool,
    /// Powers of the position challenge by which a kernel's offset moves from row to row.
    pub steps: Vec<u32>,
    /// Powers of the position challenge by which a result is shifted in its raster.
    pub shifts: Vec<u32>,
}

impl Shape {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        1 << self.k
    }

    /// Row on which the running sums end; rows below it carry cells.
    pub fn last_row(&self) -> usize {
        self.rows() - UNUSABLE_ROWS - 1
    }

    /// Added to a unit's `q` and output, `2^(T-1)`.
    pub fn unit_offset(&self) -> i64 {
        1 << (self.table_bits - 1)
    }

    /// Added to wide values, `2^(wide_bits-1)`.
    pub fn wide_offset(&self) -> i64 {
        1 << (self.wide_bits - 1)
    }

    /// Added to matrix parameters, `2^(weight_bits-1)`.
    pub fn weight_offset(&self) -> i64 {
        1 << (self.weight_bits - 1)
    }

    /// Added to vector parameters, `2^(2T-1)`.
    pub fn param_offset(&self) -> i64 {
        1 << (2 * self.table_bits - 1)
    }
}
