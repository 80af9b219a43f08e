//! Assignment of a relayout.

use std::ops::Range;
use std::sync::Arc;

use ff::Field;
use halo2_proofs::{
    circuit::{Layouter, Region, SimpleFloorPlanner, Value},
    plonk::{Challenge, Circuit, ConstraintSystem, Error},
};
use halo2curves::bn256::Fr;
use nascent_ir::Params;

use super::check::{CheckError, check};
use super::config::{RelayoutConfig, RestLane, Shape};
use super::plan::{Layout, PublicRow, TilePlan};
use crate::inference::execute::{ExecuteError, place_vectors, place_weights};
use crate::inference::fraction::Randomness;
use crate::inference::linear::field;
use crate::inference::sheet::Sheet;
use crate::poseidon2::BLOCK_ROWS;

/// Why a relayout's cells cannot be computed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum WitnessError {
    /// A number of tiles, or of lane values of one, that is not the layout's.
    #[error("{what}: {got}, expected {expected}")]
    Count {
        /// Tiles, or lane values of a tile.
        what: &'static str,
        /// How many the layout has.
        expected: usize,
        /// How many were given.
        got: usize,
    },
    /// The parameters do not fit the inference circuit.
    #[error(transparent)]
    Params(#[from] ExecuteError),
    /// A weight is not the deviate that it should be.
    #[error(
        "weight {weight} on row {row}, lane {lane} is not the deviate {deviate} of the plan; \
         compile again with the plan and its weights"
    )]
    Differs {
        /// Row of the circuit.
        row: usize,
        /// Lane of the weights.
        lane: usize,
        /// The weight.
        weight: i64,
        /// The deviate.
        deviate: i64,
    },
    /// A bias, a multiplier or another public parameter is not what the list of origins has.
    #[error(
        "the {what} on row {row}, lane {lane} is not the public one; \
         compile again with the plan and its weights"
    )]
    Public {
        /// A weight or a vector parameter.
        what: &'static str,
        /// Row of the circuit.
        row: usize,
        /// Lane.
        lane: usize,
    },
}

/// The relayout circuit, with or without a witness.
#[derive(Clone, Debug)]
pub struct RelayoutCircuit {
    layout: Arc<Layout>,
    sheet: Arc<Sheet>,
    proves: bool,
}

impl RelayoutCircuit {
    /// The circuit's fixed side, for key generation.
    pub fn new(layout: Arc<Layout>) -> Self {
        let mut meta = ConstraintSystem::default();
        let config = RelayoutConfig::configure(&mut meta, &layout.shape);
        let mut sheet = Sheet::new(&meta, layout.shape.rows());
        layout.fill(&config, &mut sheet);
        Self {
            layout,
            sheet: Arc::new(sheet),
            proves: false,
        }
    }

    /// The circuit with its witness: the lane values of each tile, row by row, in the order of
    /// [`Layout::tiles`], and the parameters of the inference.
    ///
    /// Columns hold what they hold in a tile's proof and in an inference's, but for blinding.
    ///
    /// # Errors
    ///
    /// If anything does not fit, or a weight is not its deviate.
    pub fn with_witness(&self, tiles: &[Vec<u32>], params: &Params) -> Result<Self, WitnessError> {
        let layout = &self.layout;
        counted("tiles", layout.tiles.len(), tiles.len())?;
        for (plan, tile) in layout.tiles.iter().zip(tiles) {
            counted("lane values of a tile", plan.cells(), tile.len())?;
        }
        let mut meta = ConstraintSystem::default();
        let config = RelayoutConfig::configure(&mut meta, &layout.shape);
        let mut sheet = Sheet::clone(&self.sheet);
        sheet.open(config.first_phase().count());
        for ((plan, columns), tile) in layout.tiles.iter().zip(&config.tiles).zip(tiles) {
            let rows = tile.chunks(plan.lanes.lanes);
            for (row, values) in (plan.first_row..).zip(rows) {
                for (&column, &value) in columns.values.iter().zip(values) {
                    sheet.advice_mut(column)[row] = value.into();
                }
            }
        }
        let (offset, last) = (layout.shape.weight_offset, layout.shape.last_row());
        let weights = &config.weights.values;
        place_weights(&layout.inference, params, &mut sheet, weights, offset, last)?;
        let vectors: Vec<_> = config.vectors.iter().map(|lane| lane.value).collect();
        let vector_offset = layout.vector_offset();
        place_vectors(
            &layout.inference,
            params,
            &mut sheet,
            &vectors,
            vector_offset,
        )?;
        for (lane, row, rest) in layout.rest_cells() {
            let deviate = layout.tiles[rest.tile].deviate(&tiles[rest.tile], rest.position);
            sheet.advice_mut(config.rest[lane].value)[row] = RestLane::cell(deviate);
        }
        layout.compare(&config, &sheet, tiles)?;
        Ok(Self {
            layout: Arc::clone(layout),
            sheet: Arc::new(sheet),
            proves: true,
        })
    }

    /// Columns and gates.
    pub fn constraints(&self) -> ConstraintSystem<Fr> {
        let mut meta = ConstraintSystem::default();
        RelayoutConfig::configure(&mut meta, &self.layout.shape);
        meta
    }

    /// Checks the fixed columns, see [`mod@super::check`].
    ///
    /// # Errors
    ///
    /// The first rule found broken.
    pub fn check(&self) -> Result<(), CheckError> {
        let mut meta = ConstraintSystem::default();
        let config = RelayoutConfig::configure(&mut meta, &self.layout.shape);
        let layout = &self.layout;
        check(&config, &self.sheet, &layout.inference, &layout.free)
    }

    /// The fixed columns, and of a circuit with a witness the first phase.
    pub fn sheet(&self) -> &Sheet {
        &self.sheet
    }

    /// Cells of columns of the first phase, of a circuit with a witness: `2^k` rows each.
    pub fn cells(&self, columns: Range<usize>) -> &[Vec<i64>] {
        &self.sheet.advice_columns()[columns]
    }

    /// The layout.
    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    fn assign_first(&self, region: &mut Region<'_, Fr>, config: &RelayoutConfig) {
        for column in config.fixed() {
            for (row, &value) in self.sheet.fixed(column).iter().enumerate() {
                if value != 0 {
                    region.assign_fixed(column, row, field(value));
                }
            }
        }
        for column in config.first_phase().filter(|_| self.proves) {
            for (row, &value) in self.sheet.advice(column).iter().enumerate() {
                if value != 0 {
                    region.assign_advice(column, row, Value::known(field(value)));
                }
            }
        }
    }
}

fn counted(what: &'static str, expected: usize, got: usize) -> Result<(), WitnessError> {
    if expected == got {
        return Ok(());
    }
    Err(WitnessError::Count {
        what,
        expected,
        got,
    })
}

impl TilePlan {
    /// Rows of a whole tile.
    fn rows(&self) -> usize {
        self.blocks * BLOCK_ROWS
    }

    /// Lane values of a whole tile.
    fn cells(&self) -> usize {
        self.rows() * self.lanes.lanes
    }

    /// The deviate at a position.
    fn deviate(&self, lanes: &[u32], position: usize) -> i64 {
        self.lanes.map.deviate(lanes[position]).into()
    }
}

/// Columns that another proof has too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedColumns {
    /// Indices of the advice columns.
    pub columns: Range<usize>,
    /// Nothing counts from this row on.
    pub rows: usize,
}

impl Layout {
    /// The lanes of each tile, then the parameters: matrices and vectors.
    pub fn shared_columns(&self) -> Vec<SharedColumns> {
        let tiles = self.tiles.iter();
        let tiles = tiles.map(|tile| (tile.lanes.lanes, tile.first_row + tile.rows()));
        let columns = self.shape.weight_lanes + self.shape.vector_lanes;
        let weights = (columns, self.inference.parameter_rows());
        let mut end = 0;
        let shared = tiles.chain([weights]).map(|(count, rows)| {
            let columns = end..end + count;
            end = columns.end;
            SharedColumns { columns, rows }
        });
        shared.collect()
    }

    /// Added to a vector parameter in its cell.
    fn vector_offset(&self) -> i64 {
        1 << (2 * self.inference.table_bits - 1)
    }

    /// Compares each weight with its deviate, and each public parameter with its values: a proof of
    /// anything else would not verify.
    fn compare(
        &self,
        config: &RelayoutConfig,
        sheet: &Sheet,
        tiles: &[Vec<u32>],
    ) -> Result<(), WitnessError> {
        for weights in &self.weights {
            let row = weights.row;
            for (lane, column) in (0..weights.lanes).zip(&config.weights.values) {
                let weight = sheet.advice(*column)[row] - self.shape.weight_offset;
                let address = (weights.base + weights.step * lane as i64) as u64;
                let tile = self.tiles.partition_point(|tile| tile.base <= address) - 1;
                let position = (address - self.tiles[tile].base) as usize;
                let deviate = self.tiles[tile].deviate(&tiles[tile], position);
                if weight != deviate {
                    return Err(WitnessError::Differs {
                        row,
                        lane,
                        weight,
                        deviate,
                    });
                }
            }
        }
        for PublicRow { row, cells } in &self.public {
            let row = *row;
            for (lane, (&column, &public)) in config.weights.values.iter().zip(cells).enumerate() {
                if sheet.advice(column)[row] != public {
                    return Err(WitnessError::Public {
                        what: "weight",
                        row,
                        lane,
                    });
                }
            }
        }
        for (row, cells) in self.vector_rows() {
            for (lane, (columns, &public)) in config.vectors.iter().zip(cells).enumerate() {
                if sheet.advice(columns.value)[row] != public {
                    return Err(WitnessError::Public {
                        what: "vector parameter",
                        row,
                        lane,
                    });
                }
            }
        }
        Ok(())
    }
}

impl Circuit<Fr> for RelayoutCircuit {
    type Config = RelayoutConfig;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = Shape;

    fn params(&self) -> Shape {
        self.layout.shape.clone()
    }

    fn without_witnesses(&self) -> Self {
        Self {
            proves: false,
            ..self.clone()
        }
    }

    fn configure_with_params(meta: &mut ConstraintSystem<Fr>, shape: Shape) -> RelayoutConfig {
        RelayoutConfig::configure(meta, &shape)
    }

    fn configure(meta: &mut ConstraintSystem<Fr>) -> RelayoutConfig {
        // The library asks for a default and never uses it.
        let shape = Shape {
            weight_lanes: 1,
            ..Shape::default()
        };
        RelayoutConfig::configure(meta, &shape)
    }

    fn synthesize(
        &self,
        config: RelayoutConfig,
        mut layouter: impl Layouter<Fr>,
    ) -> Result<(), Error> {
        layouter.assign_region(
            || "deviates and weights",
            |mut region| {
                self.assign_first(&mut region, &config);
                Ok(())
            },
        )?;
        layouter.next_phase();
        if !self.proves {
            return Ok(());
        }
        let drawn = |challenge: Challenge| {
            let mut out = Fr::ZERO;
            layouter.get_challenge(challenge).map(|value| out = value);
            out
        };
        let randomness = config.fractions.randomness();
        let randomness = Randomness {
            alpha: drawn(randomness.alpha),
            beta: drawn(randomness.beta),
        };
        layouter.assign_region(
            || "sum",
            |mut region| {
                let last = self.layout.shape.last_row();
                config
                    .fractions
                    .assign(&mut region, &self.sheet, last, randomness);
                Ok(())
            },
        )
    }
}
