//! Which cell is which deviate.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nascent_ir::{CheckedGraph, Origin, Origins, OriginsError, TensorId};
use nascent_verifier::{Fill, MAX_RELAYOUT_COLUMNS, ModelSpec};

use super::config::{RelayoutConfig, Shape, TileLanes};
use crate::inference::plan::Budget;
use crate::inference::plan::layout::{self as inference, WeightPlan};
use crate::inference::sheet::Sheet;
use crate::sampling::LaneMap;
use crate::tile::{ShapeError, TileParams};

/// Most deviates of a model's streams: addresses stay far below the field's modulus.
const MAX_DEVIATES: u64 = 1 << 38;

/// Most fixed columns of a circuit: those of a verifying key.
const MAX_COLUMNS: usize = 1 << 12;

/// Why there is no relayout between a model's tiles and an inference circuit.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The origins are not those of model and graph.
    #[error("the list of origins does not fit: {0}")]
    Origins(#[from] OriginsError),
    /// No parameter comes from a deviate.
    #[error("no parameter of the graph comes from the plan's deviates")]
    Nothing,
    /// A stream has no tiles of this size.
    #[error("stream {stream}: {source}")]
    Tile {
        /// The stream.
        stream: usize,
        /// Why.
        source: ShapeError,
    },
    /// The streams are too long to be counted.
    #[error("{got} deviates, at most {MAX_DEVIATES} are supported")]
    TooLarge {
        /// Deviates.
        got: u64,
    },
    /// A public parameter has no value, or one that no cell can hold.
    #[error("public parameter {param}: element {element} is not given, or out of range")]
    Public {
        /// The parameter.
        param: TensorId,
        /// Element.
        element: u32,
    },
    /// A parameter with an origin stands in no weight column.
    #[error("parameter {param} is no matrix of a product, so it stands in no weight column")]
    NoMatrix {
        /// The parameter.
        param: TensorId,
    },
    /// A row of weights that are not evenly spaced among the deviates.
    #[error("parameter {param}: the weights of row {row} are not evenly spaced among the deviates")]
    Uneven {
        /// The parameter.
        param: TensorId,
        /// Row of the circuit.
        row: usize,
    },
    /// The deviates stand in too many tiles.
    #[error("the tiles of the deviates have more than {MAX_RELAYOUT_COLUMNS} lanes together")]
    Columns,
    /// A deviate is used too often.
    #[error("parameter {param}: a deviate is used more than {} times", u16::MAX)]
    Uses {
        /// The parameter.
        param: TensorId,
    },
    /// A relayout that takes more memory than the caller is willing to spend.
    #[error(
        "up to its {what}, the relayout takes about {needed} bytes of memory, the limit is {limit}; \
         allow more (--max-memory) if you trust plan, graph and origins"
    )]
    Memory {
        /// What did not fit any more.
        what: &'static str,
        /// Bytes needed, those of the inference's layout included.
        needed: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// More fixed columns than a verifying key can have.
    #[error("the circuit needs {columns} fixed columns, a verifying key has at most {MAX_COLUMNS}")]
    Fixed {
        /// Columns needed.
        columns: usize,
    },
    /// The inference circuit does not fit the rows.
    #[error("{rows} rows of weights, only {max} in the circuit")]
    Size {
        /// Rows needed.
        rows: usize,
        /// Rows there are.
        max: usize,
    },
}

/// One tile's part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TilePlan {
    /// Position of the stream in the model.
    pub stream: u16,
    /// Position of the tile in the stream.
    pub index: u64,
    /// Its lanes.
    pub lanes: TileLanes,
    /// Blocks of the stream that a tile covers.
    pub blocks: usize,
    /// First row of deviates.
    pub first_row: usize,
    /// Address of its first deviate.
    pub base: u64,
    /// How often the deviates of each row count.
    pub uses: Vec<u16>,
}

/// Weights side by side on a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WeightRow {
    /// Row of the circuit.
    pub row: usize,
    /// Lanes that hold weights, from the first on.
    pub lanes: usize,
    /// Address of the first.
    pub base: i64,
    /// Addresses from one to the next.
    pub step: i64,
}

/// Public weights side by side on a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicRow {
    /// Row of the circuit.
    pub row: usize,
    /// Cells of the lanes, from the first on.
    pub cells: Vec<i64>,
}

/// A deviate that counts more often than there are weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rest {
    /// Its address.
    pub address: u64,
    /// How often it is left over.
    pub count: u16,
    /// Position of its tile in [`Layout::tiles`].
    pub tile: usize,
    /// Position among the tile's deviates, row by row.
    pub position: usize,
}

/// A relayout: what the fixed columns say.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Sizes.
    pub shape: Shape,
    /// Tiles with a deviate that counts, by stream and index.
    pub tiles: Vec<TilePlan>,
    /// Rows of weights that count.
    pub weights: Vec<WeightRow>,
    /// Rows of public weights.
    pub public: Vec<PublicRow>,
    /// Matrices that the list of origins says nothing about.
    pub free: BTreeSet<TensorId>,
    /// Deviates that are no weight.
    pub rest: Vec<Rest>,
    /// Cells of the vector parameters, row by row.
    pub vectors: Vec<i64>,
    /// Layout of the inference.
    pub inference: Arc<inference::Layout>,
    /// Bytes that the planner reckoned with, those of the inference's layout included.
    pub memory: u64,
}

/// Lays out the deviates of a model beside the weights of an inference circuit.
///
/// `shape` is the inference circuit's; tiles are those of the same number of rows.
///
/// # Errors
///
/// If origins, model and graph do not belong together, or a rearrangement has no layout.
pub fn plan(
    model: &ModelSpec,
    origins: &Origins,
    graph: &CheckedGraph,
    inference: Arc<inference::Layout>,
    shape: &crate::inference::Shape,
) -> Result<Layout, PlanError> {
    plan_within(model, origins, graph, inference, shape, Budget::DEFAULT)
}

/// The same, if that takes no more memory than the budget has, the inference's layout included.
///
/// # Errors
///
/// As [`plan`]; a relayout beyond the budget, before the memory is taken.
pub fn plan_within(
    model: &ModelSpec,
    origins: &Origins,
    graph: &CheckedGraph,
    inference: Arc<inference::Layout>,
    shape: &crate::inference::Shape,
    budget: Budget,
) -> Result<Layout, PlanError> {
    origins.check(graph, model)?;
    let streams = Streams::new(model, shape.k)?;
    let mut uses = Uses::new(&streams, Memory::new(budget, inference.memory));
    let mut weights = Vec::new();
    // Each matrix stands there once.
    let plans = inference.weights.iter().map(|plan| (plan.tensor, plan));
    let plans: BTreeMap<TensorId, &WeightPlan> = plans.collect();
    for origin in &origins.params {
        let param = origin.param;
        let plan = plans.get(&param).ok_or(PlanError::NoMatrix { param })?;
        let place = Placed {
            origin,
            shape: &graph.tensor(param).shape,
            first: streams.address_of(model, origin.tensor),
        };
        weights.extend(place.rows(plan, &mut uses)?);
    }
    let (tiles, rest, mut memory) = uses.tiles()?;
    if tiles.is_empty() {
        return Err(PlanError::Nothing);
    }
    weights.sort_unstable_by_key(|row| row.row);
    memory.spend("vectors", inference.params.len(), CELL)?;
    let (public, free) = public(origins, &inference, shape.weight_offset(), &mut memory)?;
    let offset = shape.param_offset();
    let mut shape = Shape {
        k: shape.k,
        tiles: tiles.iter().map(|tile| tile.lanes).collect(),
        weight_lanes: shape.weight_lanes,
        weight_offset: shape.weight_offset(),
        public_lanes: public.iter().map(|row| row.cells.len()).max().unwrap_or(0),
        vector_lanes: shape.param_lanes,
        rest_lanes: 0,
    };
    let vectors = vectors(origins, &inference, offset)?;
    shape.rest_lanes = rest.len().div_ceil(shape.last_row().max(1));
    // Gates are made for all of them.
    let columns = shape.fixed_columns();
    if columns > MAX_COLUMNS {
        return Err(PlanError::Fixed { columns });
    }
    let max = shape.last_row();
    let rows = inference.parameter_rows();
    if rows > max {
        return Err(PlanError::Size { rows, max });
    }
    Ok(Layout {
        shape,
        tiles,
        weights,
        public,
        free,
        rest,
        vectors,
        inference,
        memory: memory.spent,
    })
}

/// Bytes of a row of weights; lists grow by doubling.
const WEIGHT_ROW: u64 = 128;
/// Bytes of a row of public weights, beside its cells.
const PUBLIC_ROW: u64 = 160;
/// Bytes of a cell.
const CELL: u64 = 24;
/// Bytes of a deviate's count, and of its row's.
const COUNT: u64 = 8;
/// Bytes of a deviate that is no weight.
const REST: u64 = 128;

/// Bytes taken of a budget.
struct Memory {
    spent: u64,
    limit: u64,
}

impl Memory {
    fn new(budget: Budget, spent: u64) -> Self {
        let limit = budget.0;
        Self { spent, limit }
    }

    fn spend(&mut self, what: &'static str, count: usize, bytes: u64) -> Result<(), PlanError> {
        let needed = self
            .spent
            .saturating_add(bytes.saturating_mul(count as u64));
        if needed > self.limit {
            let limit = self.limit;
            return Err(PlanError::Memory {
                what,
                needed,
                limit,
            });
        }
        self.spent = needed;
        Ok(())
    }
}

/// The cell of a public integer.
fn public_cell(
    origins: &Origins,
    param: TensorId,
    element: u32,
    offset: i64,
) -> Result<i64, PlanError> {
    let value = origins.public(param);
    let value = value.and_then(|values| values.get(element as usize));
    let value = value.map(|&value| i64::from(value));
    let value = value.filter(|value| (-offset..offset).contains(value));
    let value = value.ok_or(PlanError::Public { param, element })?;
    Ok(value + offset)
}

/// Rows of the public parameters among the weights, and the weights of which nothing is known.
fn public(
    origins: &Origins,
    inference: &inference::Layout,
    offset: i64,
    memory: &mut Memory,
) -> Result<(Vec<PublicRow>, BTreeSet<TensorId>), PlanError> {
    let (mut rows, mut free) = (Vec::new(), BTreeSet::new());
    for plan in &inference.weights {
        let (param, matrix) = (plan.tensor, &plan.matrix);
        if origins.public(param).is_none() {
            if origins.origin(param).is_none() {
                free.insert(param);
            }
            continue;
        }
        memory.spend("public weights", plan.elements.len(), CELL)?;
        memory.spend("public weights", matrix.circuit_rows().len(), PUBLIC_ROW)?;
        for (i, elements) in plan.elements.chunks(matrix.columns).enumerate() {
            for (j, elements) in elements.chunks(matrix.lanes).enumerate() {
                let (row, _) = matrix.at(i, j * matrix.lanes);
                let cell = |&element: &u32| public_cell(origins, param, element, offset);
                let cells = elements.iter().map(cell).collect::<Result<_, _>>()?;
                rows.push(PublicRow { row, cells });
            }
        }
    }
    rows.sort_unstable_by_key(|row| row.row);
    Ok((rows, free))
}

/// Cells of the vector parameters, as the inference places them.
fn vectors(
    origins: &Origins,
    inference: &inference::Layout,
    offset: i64,
) -> Result<Vec<i64>, PlanError> {
    let cell = |&(param, element): &(TensorId, u32)| public_cell(origins, param, element, offset);
    inference.params.iter().map(cell).collect()
}

/// A parameter with the address of its tensor's first deviate.
struct Placed<'a> {
    origin: &'a Origin,
    shape: &'a [u32],
    first: i64,
}

impl Placed<'_> {
    /// Rows of the parameter's matrix; counts each deviate.
    fn rows(&self, plan: &WeightPlan, uses: &mut Uses<'_>) -> Result<Vec<WeightRow>, PlanError> {
        let (param, matrix) = (plan.tensor, &plan.matrix);
        let count = matrix.circuit_rows().len();
        uses.memory.spend("weights", count, WEIGHT_ROW)?;
        let mut rows = Vec::with_capacity(count);
        for (i, elements) in plan.elements.chunks(matrix.columns).enumerate() {
            for (j, elements) in elements.chunks(matrix.lanes).enumerate() {
                let (row, _) = matrix.at(i, j * matrix.lanes);
                let address =
                    |&element: &u32| self.first + self.origin.element(self.shape, element as usize);
                let base = elements.first().map_or(0, address);
                let step = elements.get(1).map_or(0, |second| address(second) - base);
                let mut expected = base;
                for element in elements {
                    if address(element) != expected {
                        return Err(PlanError::Uneven { param, row });
                    }
                    // `Origins::check` keeps elements inside their tensor.
                    let address = u64::try_from(expected);
                    let address = address.map_err(|_| PlanError::NoMatrix { param })?;
                    let count = uses.of(address)?;
                    *count = count.checked_add(1).ok_or(PlanError::Uses { param })?;
                    expected += step;
                }
                rows.push(WeightRow {
                    row,
                    lanes: elements.len(),
                    base,
                    step,
                });
            }
        }
        Ok(rows)
    }
}

/// All streams end to end.
struct Streams {
    each: Vec<Stream>,
}

struct Stream {
    lanes: TileLanes,
    /// Address of its first deviate.
    base: u64,
    /// Number of deviates.
    deviates: u64,
    /// Deviates of a tile.
    tile: usize,
    blocks: usize,
    first_row: usize,
}

impl Streams {
    fn new(model: &ModelSpec, k: u32) -> Result<Self, PlanError> {
        let mut each = Vec::with_capacity(model.streams.len());
        let mut end = 0u64;
        for (stream, spec) in model.streams.iter().enumerate() {
            let tile = TileParams::new(k, spec.distribution, spec.precision);
            let tile = tile.map_err(|source| PlanError::Tile { stream, source })?;
            let base = end;
            let deviates = spec.rows.saturating_mul(tile.lanes() as u64);
            end = base.saturating_add(deviates);
            if end > MAX_DEVIATES {
                return Err(PlanError::TooLarge { got: end });
            }
            each.push(Stream {
                lanes: TileLanes {
                    lanes: tile.lanes(),
                    map: LaneMap::new(spec.distribution, spec.precision.limb_bits),
                },
                base,
                deviates,
                tile: tile.weights(),
                blocks: tile.blocks(),
                first_row: tile.first_weight_row(),
            });
        }
        Ok(Self { each })
    }

    /// Address of a sampled tensor's first deviate.
    fn address_of(&self, model: &ModelSpec, tensor: u32) -> i64 {
        let spec = model.tensors.get(tensor as usize);
        let Some(Fill::Sampled {
            stream, first_row, ..
        }) = spec.map(|spec| spec.fill)
        else {
            return 0;
        };
        let stream = &self.each[usize::from(stream)];
        (stream.base + first_row * stream.lanes.lanes as u64) as i64
    }
}

/// How often each deviate is used, of the tiles of which one is.
struct Uses<'a> {
    streams: &'a Streams,
    /// By position of the stream and of the tile.
    tiles: BTreeMap<(usize, u64), Vec<u16>>,
    /// Lanes of these tiles.
    lanes: u64,
    memory: Memory,
}

impl<'a> Uses<'a> {
    fn new(streams: &'a Streams, memory: Memory) -> Self {
        Self {
            streams,
            tiles: BTreeMap::new(),
            lanes: 0,
            memory,
        }
    }

    /// The count of a deviate.
    fn of(&mut self, address: u64) -> Result<&mut u16, PlanError> {
        let streams = &self.streams.each;
        let number = streams.partition_point(|of| of.base <= address).max(1) - 1;
        let stream = streams.get(number).ok_or(PlanError::Nothing)?;
        let (offset, size) = (address - stream.base, stream.tile as u64);
        let (index, position) = (offset / size, (offset % size) as usize);
        let left = stream.deviates.saturating_sub(index * size);
        let tile = match self.tiles.entry((number, index)) {
            Entry::Occupied(tile) => tile.into_mut(),
            Entry::Vacant(tile) => {
                self.lanes += stream.lanes.lanes as u64;
                if self.lanes > MAX_RELAYOUT_COLUMNS.into() {
                    return Err(PlanError::Columns);
                }
                let deviates = left.min(size) as usize;
                self.memory.spend("tiles", deviates, COUNT)?;
                tile.insert(vec![0; deviates])
            }
        };
        tile.get_mut(position).ok_or(PlanError::Nothing)
    }

    /// The tiles, and what is left over in their rows.
    fn tiles(mut self) -> Result<(Vec<TilePlan>, Vec<Rest>, Memory), PlanError> {
        let (mut tiles, mut rest) = (Vec::new(), Vec::new());
        for ((number, index), of_tile) in self.tiles {
            let stream = &self.streams.each[number];
            let rows = of_tile.chunks(stream.lanes.lanes);
            let most = |row: &[u16]| row.iter().copied().max().unwrap_or(0);
            let uses: Vec<u16> = rows.map(most).collect();
            let base = stream.base + index * stream.tile as u64;
            for (position, &used) in of_tile.iter().enumerate() {
                let count = uses[position / stream.lanes.lanes] - used;
                if count > 0 {
                    self.memory.spend("deviates that are no weights", 1, REST)?;
                    rest.push(Rest {
                        address: base + position as u64,
                        count,
                        tile: tiles.len(),
                        position,
                    });
                }
            }
            tiles.push(TilePlan {
                stream: number as u16,
                index,
                lanes: stream.lanes,
                blocks: stream.blocks,
                first_row: stream.first_row,
                base,
                uses,
            });
        }
        Ok((tiles, rest, self.memory))
    }
}

impl Layout {
    /// Lane and row of a cell of the rest.
    pub(super) fn rest_cells(&self) -> impl Iterator<Item = (usize, usize, &Rest)> {
        let rows = self.shape.last_row().max(1);
        let rest = self.rest.iter().enumerate();
        rest.map(move |(i, rest)| (i / rows, i % rows, rest))
    }

    /// Rows of vector parameters, with the cells of their lanes.
    pub(super) fn vector_rows(&self) -> impl Iterator<Item = (usize, &[i64])> {
        let lanes = self.shape.vector_lanes.max(1);
        self.vectors.chunks(lanes).enumerate()
    }

    /// Number of weights of which nothing is known here: they are in no list, or in that of another
    /// plan.
    pub fn free_weights(&self) -> usize {
        let plans = self.inference.weights.iter();
        let free = plans.filter(|plan| self.free.contains(&plan.tensor));
        free.map(|plan| plan.elements.len()).sum()
    }

    /// Number of public weights.
    pub fn public_weights(&self) -> usize {
        self.public.iter().map(|row| row.cells.len()).sum()
    }

    /// Number of weights that are deviates.
    pub fn derived_weights(&self) -> usize {
        self.weights.iter().map(|row| row.lanes).sum()
    }

    /// Writes the fixed columns.
    pub fn fill(&self, config: &RelayoutConfig, sheet: &mut Sheet) {
        let last = self.shape.last_row();
        sheet.fixed_mut(config.running)[..last].fill(1);
        for row in [0, last] {
            sheet.fixed_mut(config.ends)[row] = 1;
        }
        for (tile, columns) in self.tiles.iter().zip(&config.tiles) {
            let rows = (tile.first_row..).zip(&tile.uses);
            for (i, (row, &uses)) in rows.enumerate() {
                if uses > 0 {
                    let base = tile.base + (i * tile.lanes.lanes) as u64;
                    sheet.fixed_mut(columns.base)[row] = base as i64;
                    sheet.fixed_mut(columns.uses)[row] = uses.into();
                }
            }
        }
        for weights in &self.weights {
            sheet.fixed_mut(config.weights.base)[weights.row] = weights.base;
            sheet.fixed_mut(config.weights.step)[weights.row] = weights.step;
            for &count in config.weights.counts.iter().take(weights.lanes) {
                sheet.fixed_mut(count)[weights.row] = 1;
            }
        }
        if let Some(known) = &config.weights.known {
            for public in &self.public {
                sheet.fixed_mut(known.rows)[public.row] = 1;
                let zeros = std::iter::repeat(self.shape.weight_offset);
                let cells = public.cells.iter().copied().chain(zeros);
                for (&column, cell) in known.public.iter().zip(cells) {
                    sheet.fixed_mut(column)[public.row] = cell;
                }
            }
        }
        if !config.vectors.is_empty() {
            for (row, cells) in self.vector_rows() {
                sheet.fixed_mut(config.known)[row] = 1;
                for (lane, &cell) in config.vectors.iter().zip(cells) {
                    sheet.fixed_mut(lane.public)[row] = cell;
                }
            }
        }
        for (lane, row, rest) in self.rest_cells() {
            let columns = &config.rest[lane];
            sheet.fixed_mut(columns.address)[row] = rest.address as i64;
            sheet.fixed_mut(columns.count)[row] = rest.count.into();
        }
    }
}
