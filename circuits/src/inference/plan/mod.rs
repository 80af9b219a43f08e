//! From an integer graph to rows of the circuit.
//!
//! Every element of a tensor has a place on the bus or is a constant (`Wire`); views only rename.
//! Operators become rows of units and folds; contractions claim matrices where they stand. A tensor
//! that a contraction needs in another arrangement than it stands in is copied by exact units.
//!
//! - [`rows`]: rows, addresses, matrices;
//! - [`layout`]: the result;
//! - `matrices`: ranges of matrix parameters; `contract`: products of matrices; `convolve`: convolutions and their rasters; `embed`: rows
//!   chosen by indices;
//! - `elementwise`: maps, divisions, folds;
//! - `budget`: what a layout may take, before it is taken;
//! - `bounds`: how large values can be, whatever a prover commits to.

mod bounds;
mod budget;
mod choose;
mod contract;
mod convolve;
mod elementwise;
mod embed;
mod error;
mod fill;
mod hide;
pub mod layout;
mod matrices;
pub mod rows;
mod users;

use std::collections::BTreeMap;

use nascent_ir::{CheckedGraph, IndexMap, Node, Op, Range, Source, TableId, TensorId};

pub use bounds::largest;
pub use budget::Budget;
pub use choose::{Columns, choose, choose_hidden, choose_within};
pub use error::PlanError;
use layout::{ClaimPlan, ContractionPlan, Layout, Section, Step};
use rows::{
    Address, Ending, Fold, FoldRow, Lanes, Matrix, Multiplier, Place, Reads, UnitCell, UnitOp,
    UnitRow,
};

use super::tables::{FUNCTION, Tables};
use users::Users;

/// Where a tensor's element is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    /// On the bus.
    At(Address),
    /// In the architecture.
    Constant(i64),
}

/// How a tensor stands in the outputs of units, as a matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrangement {
    /// The last axis along the columns.
    Plain,
    /// A row for each channel; pixel `(y, x)` of image `n` at
    /// `base + n image_step + y row_step + x pixel_step`.
    Raster {
        /// Columns from an image to the next.
        image_step: usize,
        /// Columns from a pixel to the one below.
        row_step: usize,
        /// Columns from a pixel to the next.
        pixel_step: usize,
        /// Column of the first pixel.
        base: usize,
    },
}

/// A tensor in the outputs of units.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stored {
    arrangement: Arrangement,
    matrix: Matrix,
}

/// A contraction whose rows of units are not laid out yet.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    arrangement: Arrangement,
    columns: usize,
    /// Contractions whose results make up the tensor, with the matrix rows of each.
    parts: Vec<(usize, usize, usize)>,
}

#[derive(Clone, Debug, Default)]
struct Tensor {
    wires: Vec<Wire>,
    stored: Vec<Stored>,
    pending: Option<Pending>,
}

/// What stays hidden behind a digest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hidden {
    /// All inputs.
    pub inputs: bool,
    /// All outputs.
    pub outputs: bool,
}

/// Lays out a graph with given lanes; inputs and outputs are public.
///
/// # Errors
///
/// If the graph uses what the circuit lacks, or values that do not fit.
pub fn plan(graph: &CheckedGraph, lanes: Lanes) -> Result<Layout, PlanError> {
    plan_hidden(graph, lanes, Hidden::default())
}

/// Lays out a graph with given lanes.
///
/// # Errors
///
/// If the graph uses what the circuit lacks, or values that do not fit; a hidden input of a range
/// that the tables cannot check.
pub fn plan_hidden(
    graph: &CheckedGraph,
    lanes: Lanes,
    hidden: Hidden,
) -> Result<Layout, PlanError> {
    plan_within(graph, lanes, hidden, Budget::DEFAULT)
}

/// Lays out a graph, if that takes no more memory than the budget has.
///
/// # Errors
///
/// As [`plan_hidden`]; a layout beyond the budget, before the memory is taken.
pub fn plan_within(
    graph: &CheckedGraph,
    lanes: Lanes,
    hidden: Hidden,
    budget: Budget,
) -> Result<Layout, PlanError> {
    let ranges = matrices::ranges(graph)?;
    let memory = budget::start(graph, &ranges, budget)?;
    bounds::check(graph, hidden)?;
    let mut planner = Planner::new(graph, lanes, hidden, budget, ranges);
    planner.layout.memory = memory;
    planner.inputs()?;
    for node in &graph.nodes {
        planner.node(node)?;
    }
    planner.finish()
}

struct Planner<'a> {
    graph: &'a CheckedGraph,
    lanes: Lanes,
    hidden: Hidden,
    tensors: Vec<Tensor>,
    layout: Layout,
    /// Addresses of constants that were needed on the bus.
    constants: BTreeMap<i64, Address>,
    /// For each row of units, the operand channels taken.
    channels: Vec<u32>,
    /// For each row of matrix parameters, the channels taken.
    weight_channels: Vec<u32>,
    identity: i64,
    wide: u64,
    /// Bytes that the layout may take.
    budget: u64,
    users: Users,
}

impl<'a> Planner<'a> {
    fn new(
        graph: &'a CheckedGraph,
        lanes: Lanes,
        hidden: Hidden,
        budget: Budget,
        matrix_ranges: Vec<Range>,
    ) -> Self {
        let bits = u32::from(graph.table_bits);
        let half = 1i64 << (bits - 1);
        let mut functions: Vec<(i64, Vec<i64>)> = Vec::new();
        for table in &graph.tables {
            let values = table.values.iter().map(|&y| i64::from(y) + half).collect();
            functions.push((i64::from(table.lo) + half, values));
        }
        // Copies and constants pass through the identity.
        let identity = FUNCTION + functions.len() as i64;
        functions.push((0, (0..2 * half).collect()));
        let weight_bits = matrices::bits(&matrix_ranges);
        let offset = 1i64 << (weight_bits - 1);
        let matrices = matrix_ranges.iter();
        let matrices = matrices.map(|range| (range.lo + offset, range.hi + offset));
        let listed = functions.iter().map(|(least, y)| (*least, y.as_slice()));
        let tables = Tables::new(bits, matrices, listed);
        Self {
            graph,
            lanes,
            hidden,
            tensors: vec![Tensor::default(); graph.tensors.len()],
            layout: Layout {
                lanes,
                table_bits: bits,
                weight_bits,
                matrix_ranges,
                wide_bits: 0,
                units: Vec::new(),
                folds: Vec::new(),
                weights: Vec::new(),
                weight_rows: 0,
                params: Vec::new(),
                contractions: Vec::new(),
                vector_rows: 0,
                index_rows: 0,
                inputs: 0,
                seals: Vec::new(),
                outputs: Vec::new(),
                reads: Reads::default(),
                steps: Vec::new(),
                tables,
                memory: 0,
            },
            constants: BTreeMap::new(),
            channels: Vec::new(),
            weight_channels: Vec::new(),
            identity,
            wide: 1 << bits,
            budget: budget.0,
            users: Users::of(graph),
        }
    }

    fn node(&mut self, node: &Node) -> Result<(), PlanError> {
        let range = self.graph.tensor(node.output).range;
        self.wide = self.wide.max(range.magnitude());
        match &node.op {
            // Placed before, in the order in which they are given.
            Op::Input | Op::Param => Ok(()),
            Op::Constant { values } => {
                self.spend_constant(node, values.len())?;
                let wires = values.iter().map(|&v| Wire::Constant(v.into()));
                self.tensors[node.output.index()].wires = wires.collect();
                Ok(())
            }
            Op::MatMul(op) => self.matmul(node, op),
            Op::Conv(op) => self.convolution(node, op),
            Op::Map(op) => self.map(node, op),
            Op::FoldMax { x } => self.fold(node, *x, Fold::Max),
            Op::FoldSum { x } => self.fold(node, *x, Fold::Sum),
            Op::Divide(op) => self.divide(node, op),
            Op::View(_) => self.view(node),
            Op::Embed(op) => self.embed(node, op),
        }
    }

    fn finish(mut self) -> Result<Layout, PlanError> {
        let mut outputs = Vec::new();
        for (output, _) in self.graph.output_places() {
            let node = self.graph.node(output);
            self.spend_boundary(node, self.graph.tensor(output).elements())?;
            for wire in self.wires(node, output)? {
                outputs.push(self.read(node, wire)?);
            }
        }
        self.outputs(outputs);
        // Its claim would have no rows of its own.
        let unused = |node: &&Node| self.tensors[node.output.index()].pending.is_some();
        if let Some(node) = self.graph.nodes.iter().find(unused) {
            return Err(unsupported(node, "the product is not used; remove it"));
        }
        self.layout.wide_bits = 2 + (u64::BITS - self.wide.leading_zeros());
        self.spend_powers()?;
        Ok(self.layout)
    }

    /// Places the inputs in the order in which callers give them, which need not be that of their
    /// nodes.
    fn inputs(&mut self) -> Result<(), PlanError> {
        for (id, rows) in self.graph.input_places() {
            self.spend_boundary(self.graph.node(id), rows.len())?;
            if self.hidden.inputs {
                self.hidden_input(self.graph.node(id), rows)?;
                continue;
            }
            self.layout.inputs = rows.end;
            let wires = rows.map(|row| Wire::At(self.lanes.address(Place::Public(row))));
            self.tensors[id.index()].wires = wires.collect();
        }
        Ok(())
    }

    fn view(&mut self, node: &Node) -> Result<(), PlanError> {
        let Op::View(view) = &node.op else {
            return Ok(());
        };
        self.spend_elements(node, self.graph.tensor(node.output).elements())?;
        let mut sources = BTreeMap::new();
        for id in view.operands() {
            self.spend_elements(node, self.graph.tensor(id).elements())?;
            sources.insert(id, self.wires(node, id)?);
        }
        let map = IndexMap::new(self.graph, view);
        let wires = map.iter().map(|source| match source {
            Source::Element { tensor, index } => sources[&tensor][index],
            Source::Constant(value) => Wire::Constant(value),
        });
        let wires = wires.collect();
        self.tensors[node.output.index()].wires = wires;
        Ok(())
    }

    /// Wires of a tensor, for a node that reads it element by element.
    fn wires(&mut self, node: &Node, id: TensorId) -> Result<Vec<Wire>, PlanError> {
        let producer = self.graph.node(id);
        let tensor = &self.tensors[id.index()];
        if matches!(producer.op, Op::MatMul(_) | Op::Conv(_)) {
            let what = "a product of matrices can only be the first operand of one map";
            return Err(unsupported(node, what));
        }
        if matches!(producer.op, Op::Param) && tensor.wires.is_empty() {
            self.vector(producer)?;
        }
        Ok(self.tensors[id.index()].wires.clone())
    }

    /// Places a vector parameter on the bus.
    fn vector(&mut self, node: &Node) -> Result<(), PlanError> {
        // Nothing would tie two places of one parameter.
        if self.layout.weights.iter().any(|w| w.tensor == node.output) {
            return Err(unsupported(node, USED_TWICE));
        }
        let info = self.graph.tensor(node.output);
        let bits = 2 * self.layout.table_bits;
        let half = 1i64 << (bits - 1);
        if info.range.lo < -half || info.range.hi >= half {
            let (node, range) = (node.name.clone(), info.range);
            return Err(PlanError::Range { node, range, bits });
        }
        let first = self.layout.params.len();
        let count = info.elements();
        self.spend_vector(node, count)?;
        let elements = 0..count as u32;
        let params = &mut self.layout.params;
        params.extend(elements.map(|element| (node.output, element)));
        let wires = (first..params.len()).map(|index| {
            let (row, lane) = (index / self.lanes.params, index % self.lanes.params);
            Wire::At(self.lanes.address(Place::Param(row, lane)))
        });
        self.tensors[node.output.index()].wires = wires.collect();
        Ok(())
    }

    /// The address of a wire; a constant gets a unit of its own.
    fn address(&mut self, node: &Node, wire: Wire) -> Result<Address, PlanError> {
        let value = match wire {
            Wire::At(address) => return Ok(address),
            Wire::Constant(value) => value,
        };
        if let Some(address) = self.constants.get(&value) {
            return Ok(*address);
        }
        self.fits(node, Range::new(value, value))?;
        self.spend_row(node)?;
        let op = UnitOp {
            factor_a: 0,
            constant: value,
            ..self.copy_op()
        };
        let row = self.layout.units.len();
        let mut cells = vec![UnitCell::default(); self.lanes.units];
        cells[0].active = true;
        self.push_units(vec![UnitRow { op, cells }]);
        let address = self.lanes.address(Place::Unit(row, 0));
        self.constants.insert(value, address);
        Ok(address)
    }

    /// Reads a wire once.
    fn read(&mut self, node: &Node, wire: Wire) -> Result<Address, PlanError> {
        let address = self.address(node, wire)?;
        self.layout.reads.add(address);
        Ok(address)
    }

    fn copy_op(&self) -> UnitOp {
        UnitOp {
            ending: Ending::Exact,
            product: false,
            factor_a: 1,
            factor_b: 0,
            constant: 0,
            multiplier: Multiplier::Fixed(1),
            table: self.identity,
        }
    }

    fn function(&self, table: TableId) -> i64 {
        FUNCTION + i64::from(table.0)
    }

    fn push_units(&mut self, rows: Vec<UnitRow>) -> usize {
        let first = self.layout.units.len();
        self.layout.units.extend(rows);
        let end = self.layout.units.len();
        self.channels.resize(end, 0);
        self.layout.steps.push(Step::Units(first..end));
        first
    }

    fn push_folds(&mut self, rows: Vec<FoldRow>) -> usize {
        let first = self.layout.folds.len();
        self.layout.folds.extend(rows);
        let end = self.layout.folds.len();
        self.layout.steps.push(Step::Folds(first..end));
        first
    }

    /// Refuses values beyond `T` bits.
    fn fits(&self, node: &Node, range: Range) -> Result<(), PlanError> {
        let bits = self.layout.table_bits;
        let half = 1i64 << (bits - 1);
        if range.lo < -half || range.hi >= half {
            let node = node.name.clone();
            return Err(PlanError::Range { node, range, bits });
        }
        Ok(())
    }

    /// Claims rows of units as an operand, on the first channel that is free on all of them.
    fn operand(&mut self, node: &Node, matrix: Matrix) -> Result<Section, PlanError> {
        let channel = take_channel(&mut self.channels[matrix.circuit_rows()]);
        let channel =
            channel.ok_or_else(|| unsupported(node, "an operand is used more than 32 times"))?;
        Ok(Section::Operands(channel))
    }

    /// Claims rows of matrix parameters.
    fn weights(&mut self, node: &Node, matrix: Matrix) -> Result<Section, PlanError> {
        self.weight_channels.resize(self.layout.weight_rows, 0);
        let channel = take_channel(&mut self.weight_channels[matrix.circuit_rows()]);
        let channel =
            channel.ok_or_else(|| unsupported(node, "a parameter is used more than 32 times"))?;
        Ok(Section::Weights(channel))
    }

    fn push_contraction(&mut self, contraction: ContractionPlan) {
        self.layout.vector_rows += contraction.rows();
        self.layout.contractions.push(contraction);
    }

    fn next_id(&self) -> usize {
        3 * self.layout.contractions.len()
    }
}

/// Takes the first channel that is free on all rows, of 32.
fn take_channel(rows: &mut [u32]) -> Option<usize> {
    let taken = rows.iter().fold(0, |taken, row| taken | row);
    let channel = taken.trailing_ones();
    if channel == u32::BITS {
        return None;
    }
    for row in rows {
        *row |= 1 << channel;
    }
    Some(channel as usize)
}

/// A parameter that would stand in two places, or in two arrangements.
const USED_TWICE: &str =
    "a parameter is used twice in ways that need it in two places; give each use its own";

fn unsupported(node: &Node, what: &'static str) -> PlanError {
    PlanError::Unsupported {
        node: node.name.clone(),
        what,
    }
}

fn claim(
    section: Section,
    matrix: Matrix,
    (fast, slow): (super::claim::Axis, super::claim::Axis),
    id: usize,
) -> ClaimPlan {
    ClaimPlan {
        section,
        matrix,
        fast,
        slow,
        id,
    }
}

/// Element of a tensor of shape `from`, broadcast to `to`, at each element of the latter.
fn broadcast(from: &[u32], to: &[u32]) -> Vec<usize> {
    let mut strides = vec![0usize; to.len()];
    let mut stride = 1;
    for (axis, &dim) in from.iter().enumerate().rev() {
        let at = axis + to.len() - from.len();
        if dim != 1 {
            strides[at] = stride;
        }
        stride *= dim as usize;
    }
    let mut elements = vec![0];
    for (&dim, &stride) in to.iter().zip(&strides) {
        elements = elements
            .iter()
            .flat_map(|&element| (0..dim as usize).map(move |i| element + i * stride))
            .collect();
    }
    elements
}

/// Number of images, channels, height and width of images `[N, C, H, W]` or `[N, C, W]`.
fn images(shape: &[u32]) -> [usize; 4] {
    let dims = match *shape {
        [images, channels, height, width] => [images, channels, height, width],
        [images, channels, width] => [images, channels, 1, width],
        _ => [1; 4],
    };
    dims.map(|dim| dim as usize)
}
