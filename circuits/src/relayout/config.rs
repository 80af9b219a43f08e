//! Columns and fractions of a relayout.

use halo2_proofs::plonk::{Advice, Column, ConstraintSystem, FirstPhase, Fixed};
use halo2_proofs::poly::Rotation;
use halo2curves::bn256::Fr;

use crate::inference::fraction::{Fraction, FractionConfig, GROUP, Randomness, Tuple};
use crate::inference::linear::{Cell, Linear};
use crate::sampling::LaneMap;

/// Rows at the end of each column left to blinding: what inference leaves, more than the library's
/// count.
const UNUSABLE_ROWS: usize = crate::inference::shape::UNUSABLE_ROWS;

/// Added to the deviates of the rest, which have at most 21 bits.
const REST_OFFSET: i64 = 1 << 20;

/// Lanes of one tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TileLanes {
    /// Number of lanes.
    pub lanes: usize,
    /// From a lane's cell to its deviate.
    pub map: LaneMap,
}

/// What the gates of a relayout depend on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// Binary logarithm of the number of rows.
    pub k: u32,
    /// Tiles, in order.
    pub tiles: Vec<TileLanes>,
    /// Columns of weights.
    pub weight_lanes: usize,
    /// Added to a weight in its cell.
    pub weight_offset: i64,
    /// Of these columns, from the first on, those that hold public parameters: matrices and tables
    /// whose integers are known.
    pub public_lanes: usize,
    /// Columns of vector parameters, which are public.
    pub vector_lanes: usize,
    /// Columns of deviates that are no weight.
    pub rest_lanes: usize,
}

impl Shape {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        1 << self.k
    }

    /// Row on which the running sum ends; rows below it count.
    pub fn last_row(&self) -> usize {
        self.rows().saturating_sub(UNUSABLE_ROWS + 1)
    }

    /// Fixed columns, of which [`RelayoutConfig::fixed`] has as many.
    pub fn fixed_columns(&self) -> usize {
        let known = match self.public_lanes {
            0 => 0,
            lanes => 1 + lanes,
        };
        let weights = self.weight_lanes + 2 + known;
        2 * self.tiles.len() + weights + self.vector_lanes + 2 * self.rest_lanes + 3
    }

    /// Lanes of all tiles: the first columns.
    pub fn tile_lanes(&self) -> usize {
        self.tiles.iter().map(|tile| tile.lanes).sum()
    }
}

/// Columns of a tile.
#[derive(Clone, Debug)]
pub struct TileColumns {
    /// Lane values.
    pub values: Vec<Column<Advice>>,
    /// From a lane value to its deviate.
    pub map: LaneMap,
    /// Address of the row's first deviate; the others follow.
    pub base: Column<Fixed>,
    /// How often each deviate of the row counts.
    pub uses: Column<Fixed>,
}

/// Columns of the weights.
#[derive(Clone, Debug)]
pub struct WeightColumns {
    /// Weights, with an offset.
    pub values: Vec<Column<Advice>>,
    /// One where the lane holds a weight that counts.
    pub counts: Vec<Column<Fixed>>,
    /// Address of the row's first weight.
    pub base: Column<Fixed>,
    /// Addresses from one lane to the next.
    pub step: Column<Fixed>,
    /// Public parameters among them, if there are any.
    pub known: Option<KnownWeights>,
}

/// Weights that must be what the key says.
#[derive(Clone, Debug)]
pub struct KnownWeights {
    /// One on the rows of public parameters.
    pub rows: Column<Fixed>,
    /// What the cells of the first lanes must be on these rows; zero with its offset where a row of
    /// the parameter has ended.
    pub public: Vec<Column<Fixed>>,
}

/// A column of vector parameters.
#[derive(Clone, Copy, Debug)]
pub struct VectorLane {
    /// The parameter's cell, as the inference has it.
    pub value: Column<Advice>,
    /// What it must be.
    pub public: Column<Fixed>,
}

/// A column of deviates that are no weight.
#[derive(Clone, Copy, Debug)]
pub struct RestLane {
    /// The deviate, with an offset.
    pub value: Column<Advice>,
    /// Its address.
    pub address: Column<Fixed>,
    /// How often it counts.
    pub count: Column<Fixed>,
}

impl RestLane {
    /// Cell of a deviate.
    pub(super) fn cell(deviate: i64) -> i64 {
        deviate + REST_OFFSET
    }
}

/// Columns and gates of a relayout.
#[derive(Clone, Debug)]
pub struct RelayoutConfig {
    /// Sizes.
    pub shape: Shape,
    /// Tiles: the first advice columns.
    pub tiles: Vec<TileColumns>,
    /// Weights: the advice columns after them.
    pub weights: WeightColumns,
    /// Vector parameters: the columns after the weights.
    pub vectors: Vec<VectorLane>,
    /// One on the rows of vector parameters.
    pub known: Column<Fixed>,
    /// Deviates that are no weight.
    pub rest: Vec<RestLane>,
    /// One on the rows `0..last`.
    pub running: Column<Fixed>,
    /// One on row 0 and the last row.
    pub ends: Column<Fixed>,
    /// The sum.
    pub fractions: FractionConfig,
}

impl RelayoutConfig {
    /// Lays out the columns and creates all gates.
    pub fn configure(meta: &mut ConstraintSystem<Fr>, shape: &Shape) -> Self {
        let mut advice = |count: usize| -> Vec<Column<Advice>> {
            (0..count)
                .map(|_| meta.advice_column_in(FirstPhase))
                .collect()
        };
        let lanes: Vec<_> = shape.tiles.iter().map(|tile| advice(tile.lanes)).collect();
        let weights = advice(shape.weight_lanes);
        let vectors = advice(shape.vector_lanes);
        let rest = advice(shape.rest_lanes);
        let tiles = lanes.into_iter().zip(&shape.tiles);
        let tiles: Vec<TileColumns> = tiles
            .map(|(values, tile)| TileColumns {
                values,
                map: tile.map,
                base: meta.fixed_column(),
                uses: meta.fixed_column(),
            })
            .collect();
        let weights = WeightColumns {
            counts: weights.iter().map(|_| meta.fixed_column()).collect(),
            values: weights,
            base: meta.fixed_column(),
            step: meta.fixed_column(),
            known: (shape.public_lanes > 0).then(|| KnownWeights {
                rows: meta.fixed_column(),
                public: (0..shape.public_lanes)
                    .map(|_| meta.fixed_column())
                    .collect(),
            }),
        };
        if let Some(known) = &weights.known {
            let lanes = weights.values.iter().copied().zip(known.public.clone());
            public(meta, "public weights", known.rows, lanes);
        }
        let vectors: Vec<VectorLane> = vectors
            .into_iter()
            .map(|value| VectorLane {
                value,
                public: meta.fixed_column(),
            })
            .collect();
        let known = meta.fixed_column();
        let lanes = vectors.iter().map(|lane| (lane.value, lane.public));
        public(meta, "public parameters", known, lanes);
        let rest: Vec<RestLane> = rest
            .into_iter()
            .map(|value| RestLane {
                value,
                address: meta.fixed_column(),
                count: meta.fixed_column(),
            })
            .collect();
        let [running, ends] = std::array::from_fn(|_| meta.fixed_column());
        let [alpha, beta] = std::array::from_fn(|_| meta.challenge_usable_after(FirstPhase));
        let fractions = fractions(shape, &tiles, &weights, &rest);
        let groups = fractions.chunks(GROUP).enumerate();
        let groups = groups.map(|(i, group)| (format!("cells, group {i}"), group.to_vec()));
        let randomness = Randomness { alpha, beta };
        let fractions =
            FractionConfig::configure(meta, running, ends, randomness, groups.collect());
        Self {
            shape: shape.clone(),
            tiles,
            weights,
            vectors,
            known,
            rest,
            running,
            ends,
            fractions,
        }
    }

    /// All columns of the first phase.
    pub(super) fn first_phase(&self) -> impl Iterator<Item = Column<Advice>> + '_ {
        let tiles = self.tiles.iter().flat_map(|tile| &tile.values);
        let vectors = self.vectors.iter().map(|lane| lane.value);
        let rest = self.rest.iter().map(|lane| lane.value);
        let weights = tiles.chain(&self.weights.values).copied();
        weights.chain(vectors).chain(rest)
    }

    /// All fixed columns.
    pub fn fixed(&self) -> impl Iterator<Item = Column<Fixed>> + '_ {
        let tiles = self.tiles.iter().flat_map(|tile| [tile.base, tile.uses]);
        let rest = self.rest.iter().flat_map(|lane| [lane.address, lane.count]);
        let weights = [self.weights.base, self.weights.step];
        let counts = self.weights.counts.iter().copied().chain(weights);
        let known = self.weights.known.iter();
        let known = known.flat_map(|known| std::iter::once(known.rows).chain(known.public.clone()));
        let counts = counts.chain(known);
        let vectors = self.vectors.iter().map(|lane| lane.public);
        let all = tiles.chain(counts).chain(vectors).chain(rest);
        all.chain([self.known, self.running, self.ends])
    }
}

/// On the rows that are known, each cell is what the fixed column beside it says.
fn public(
    meta: &mut ConstraintSystem<Fr>,
    gate: &'static str,
    known: Column<Fixed>,
    lanes: impl ExactSizeIterator<Item = (Column<Advice>, Column<Fixed>)>,
) {
    if lanes.len() == 0 {
        return;
    }
    meta.create_gate(gate, |meta| {
        let known = meta.query_fixed(known, Rotation::cur());
        let lane = |(j, (value, public)): (usize, (Column<Advice>, Column<Fixed>))| {
            let value = meta.query_advice(value, Rotation::cur());
            let public = meta.query_fixed(public, Rotation::cur());
            (format!("lane {j}"), known.clone() * (value - public))
        };
        lanes.enumerate().map(lane).collect::<Vec<_>>()
    });
}

/// A fraction for each cell of a row.
fn fractions(
    shape: &Shape,
    tiles: &[TileColumns],
    weights: &WeightColumns,
    rest: &[RestLane],
) -> Vec<Fraction> {
    let fixed = |column| Linear::cell(Cell::Fixed(column));
    let mut all = Vec::new();
    for tile in tiles {
        all.extend(tile.values.iter().enumerate().map(|(j, &lane)| {
            let LaneMap { factor, offset } = tile.map;
            let tuple = Tuple::Bus {
                address: fixed(tile.base).plus_constant(j as i64),
                value: Linear::constant(offset.into()).plus(factor.into(), Cell::Advice(lane)),
            };
            Fraction::write(Cell::Fixed(tile.uses), tuple)
        }));
    }
    let lanes = weights.values.iter().zip(&weights.counts).enumerate();
    all.extend(lanes.map(|(j, (&lane, &count))| {
        let tuple = Tuple::Bus {
            address: fixed(weights.base).plus(j as i64, Cell::Fixed(weights.step)),
            value: Linear::offset(Cell::Advice(lane), shape.weight_offset),
        };
        Fraction::read([count], tuple)
    }));
    all.extend(rest.iter().map(|lane| {
        let tuple = Tuple::Bus {
            address: fixed(lane.address),
            value: Linear::offset(Cell::Advice(lane.value), REST_OFFSET),
        };
        Fraction::read([lane.count], tuple)
    }));
    all
}
