//! A whole circuit's layout: what the fixed columns say, and in which order its cells are computed.

use std::ops::Range;

use super::rows::{Address, FoldRow, Lanes, Matrix, Reads, UnitRow};
use crate::inference::claim::Axis;
use crate::inference::tables::Tables;
use crate::poseidon2::BLOCK_ROWS;
use crate::seal::block_count;

/// Where a claim's matrix stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// In the columns of matrix parameters, with this channel.
    Weights(usize),
    /// In the first operands of units.
    Results,
    /// In the outputs of units, with this channel.
    Operands(usize),
}

/// A claim about a matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimPlan {
    /// Where it stands.
    pub section: Section,
    /// Its cells.
    pub matrix: Matrix,
    /// Challenge of its columns.
    pub fast: Axis,
    /// Challenge of its rows.
    pub slow: Axis,
    /// Number of the identity that it enters.
    pub id: usize,
}

/// Rows of a matrix that indices choose: the left operand of a product, never written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// Its first row in the columns of the indices.
    pub first: usize,
    /// Where each index is read, one for each row of the result.
    pub indices: Vec<Address>,
    /// Number of the identity that ties it to `v`.
    pub id: usize,
}

impl Selection {
    /// Rows in the columns of the indices.
    pub fn rows(&self) -> Range<usize> {
        self.first..self.first + self.indices.len()
    }
}

/// The left operand of a contraction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Left {
    /// A matrix in the outputs of units; the claim of `v`.
    Matrix(ClaimPlan),
    /// A matrix with a single one in each row.
    Selection(Selection),
}

impl Left {
    /// The claim of `v`, if there is one.
    pub fn claim(&self) -> Option<&ClaimPlan> {
        match self {
            Self::Matrix(claim) => Some(claim),
            Self::Selection(_) => None,
        }
    }

    /// The selection, if it is one.
    pub fn selection(&self) -> Option<&Selection> {
        match self {
            Self::Matrix(_) => None,
            Self::Selection(selection) => Some(selection),
        }
    }
}

/// A contraction: `result = left right`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContractionPlan {
    /// What `v` is made of.
    pub left: Left,
    /// Claim of `u`.
    pub right: ClaimPlan,
    /// Claim of the result.
    pub result: ClaimPlan,
    /// First of its rows in the columns of the vectors.
    pub first: usize,
    /// Length of `v`.
    pub channels: usize,
    /// Exponents of the kernel's offsets, from zero, not falling; `[0]` for a matrix product.
    pub offsets: Vec<u32>,
    /// Power of the position challenge by which the result is shifted.
    pub shift: u32,
}

impl ContractionPlan {
    /// Rows in the columns of the vectors.
    pub fn rows(&self) -> usize {
        self.channels * self.offsets.len()
    }
}

/// One element of a matrix parameter: where it stands and which element of which tensor it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightPlan {
    /// The tensor.
    pub tensor: nascent_ir::TensorId,
    /// Number of its range among [`Layout::matrix_ranges`].
    pub range: usize,
    /// Its cells.
    pub matrix: Matrix,
    /// Element of the tensor at each matrix element, row by row.
    pub elements: Vec<u32>,
}

/// Whether values go in or come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Inputs.
    Input,
    /// Outputs.
    Output,
}

/// Values behind a digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealPlan {
    /// Whether they are the inputs or the outputs.
    pub role: Role,
    /// Its first row.
    pub first: usize,
    /// The values in order.
    pub values: Vec<SealedValue>,
}

/// A value behind a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedValue {
    /// Its own address if it is an input, the one it is read from if it is an output.
    pub address: Address,
    /// Range of an input.
    pub range: Option<nascent_ir::Range>,
}

impl SealPlan {
    /// Rows of its blocks; the digest is on the last.
    pub fn rows(&self) -> Range<usize> {
        self.first..self.first + BLOCK_ROWS * block_count(self.values.len())
    }

    /// Rows of its values: those after the salt's block.
    pub fn value_rows(&self) -> Range<usize> {
        let first = self.first + BLOCK_ROWS;
        first..first + self.values.len()
    }
}

/// What is computed, in order.
#[derive(Clone, Debug)]
pub enum Step {
    /// Results of a contraction.
    Contract(usize),
    /// Rows of units.
    Units(Range<usize>),
    /// Rows of folds.
    Folds(Range<usize>),
}

/// A circuit's layout.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Lanes of each section.
    pub lanes: Lanes,
    /// `T`.
    pub table_bits: u32,
    /// Bits of the widest matrix parameter.
    pub weight_bits: u32,
    /// The different ranges of matrix parameters; `[0, 0]` if there are none.
    pub matrix_ranges: Vec<nascent_ir::Range>,
    /// Bits of wide values, offset included.
    pub wide_bits: u32,
    /// Rows of units.
    pub units: Vec<UnitRow>,
    /// Rows of folds.
    pub folds: Vec<FoldRow>,
    /// Matrix parameters.
    pub weights: Vec<WeightPlan>,
    /// Rows of matrix parameters.
    pub weight_rows: usize,
    /// Vector parameters: tensor and element, by row and lane.
    pub params: Vec<(nascent_ir::TensorId, u32)>,
    /// Contractions.
    pub contractions: Vec<ContractionPlan>,
    /// Rows of the vectors.
    pub vector_rows: usize,
    /// Rows of the indices.
    pub index_rows: usize,
    /// Number of public inputs; they stand before the outputs.
    pub inputs: usize,
    /// Hidden inputs, hidden outputs.
    pub seals: Vec<SealPlan>,
    /// Address of each public output.
    pub outputs: Vec<i64>,
    /// How often each address is read.
    pub reads: Reads,
    /// Order of computation.
    pub steps: Vec<Step>,
    /// Lookup tables.
    pub tables: Tables,
    /// Bytes that the planner reckoned with, at least what the layout takes.
    pub memory: u64,
}

impl Layout {
    /// Claims of all contractions.
    pub fn claims(&self) -> impl Iterator<Item = &ClaimPlan> {
        let contractions = self.contractions.iter();
        contractions.flat_map(|c| {
            [Some(&c.right), c.left.claim(), Some(&c.result)]
                .into_iter()
                .flatten()
        })
    }

    /// Rows chosen by indices.
    pub fn selections(&self) -> impl Iterator<Item = &Selection> {
        let contractions = self.contractions.iter();
        contractions.filter_map(|contraction| contraction.left.selection())
    }

    /// Public values: inputs, outputs, and the number of inputs.
    pub fn public_rows(&self) -> usize {
        self.inputs + self.outputs.len() + 1
    }

    /// Rows of the instance: public values, then what the seals take.
    pub fn instance_rows(&self) -> usize {
        let sealed = self.seals.last().map(|seal| seal.rows().end);
        sealed.unwrap_or(0).max(self.public_rows())
    }

    /// The hidden inputs or outputs.
    pub fn seal(&self, role: Role) -> Option<&SealPlan> {
        self.seals.iter().find(|seal| seal.role == role)
    }

    /// Whether every parameter stands in the cell in which `other` has it. Only then does a link
    /// between columns of the two circuits say that their parameters are the same: it compares cells,
    /// and equal numbers of columns do not make equal layouts.
    pub fn has_cells_of(&self, other: &Self) -> bool {
        let lanes = |of: &Self| (of.lanes.weights, of.lanes.params);
        lanes(self) == lanes(other) && self.weights == other.weights && self.params == other.params
    }

    /// Rows that carry parameters.
    pub fn parameter_rows(&self) -> usize {
        let vectors = self.params.len().div_ceil(self.lanes.params.max(1));
        self.weight_rows.max(vectors)
    }

    /// Rows that the sections need, tables aside.
    pub fn rows(&self) -> usize {
        [
            self.units.len(),
            self.folds.len(),
            self.parameter_rows(),
            self.vector_rows,
            self.index_rows,
            self.instance_rows(),
        ]
        .into_iter()
        .max()
        .unwrap_or(0)
    }
}
