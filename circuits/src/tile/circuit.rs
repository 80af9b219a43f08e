//! Assignment of a tile.

use ff::{BatchInvert, Field};
use halo2_proofs::{
    circuit::{Layouter, Region, SimpleFloorPlanner, Value},
    plonk::{Advice, Circuit, Column, ConstraintSystem, Error},
};
use halo2curves::bn256::Fr;
use rayon::prelude::*;

use super::config::TileConfig;
use super::digest::{Chain, TileChain, idle_block};
use super::params::{HEADER_BLOCKS, TileParams};
use super::witness::{WeightBlock, header_blocks, weight_block};
use crate::canonical::TopDigitsOfModulus;
use crate::digest;
use crate::poseidon2::{BLOCK_ROWS, BlockTrace, GROUP, Poseidon2Config, RATE};
use crate::seed::SeedMaterial;

/// The secret side of a tile.
#[derive(Clone, Copy)]
pub struct TileWitness {
    /// Secret, beacon digest and model digest.
    pub seed: SeedMaterial,
    /// Index of the tile's first block in the stream.
    pub first_block: u64,
}

impl TileWitness {
    /// The instance column: `pk`, `b`, `A`, first block.
    pub fn instance(&self) -> [Fr; 4] {
        let SeedMaterial { beacon, model, .. } = self.seed;
        [
            self.seed.public_key(),
            beacon,
            model,
            Fr::from(self.first_block),
        ]
    }
}

/// The initialization circuit of one tile.
#[derive(Clone)]
pub struct TileCircuit {
    params: TileParams,
    witness: Option<TileWitness>,
    chain: Option<TileChain>,
}

impl TileCircuit {
    /// The circuit's shape, for key generation.
    pub fn shape(params: TileParams) -> Self {
        Self {
            params,
            witness: None,
            chain: None,
        }
    }

    /// The circuit with its witness, for proving.
    pub fn new(params: TileParams, witness: TileWitness) -> Self {
        Self {
            params,
            witness: Some(witness),
            chain: None,
        }
    }

    /// The same circuit with its part of the weight digest: needed by exactly those tiles whose
    /// parameters say so, all others fail in synthesis.
    pub fn with_chain(self, chain: Option<TileChain>) -> Self {
        Self { chain, ..self }
    }

    /// The values of the instance column; none for a shape.
    pub fn instance(&self) -> Vec<Fr> {
        let seed = self.witness.iter().flat_map(TileWitness::instance);
        let chain = self.chain.iter().flat_map(TileChain::instance);
        seed.chain(chain).collect()
    }

    /// The cells of the weight lanes, without the random rows: what a proof of this tile commits
    /// to. Zero outside the rows of weights; nothing for a shape.
    ///
    /// # Errors
    ///
    /// As [`Self::check`].
    pub fn lane_cells(&self) -> Result<Vec<Vec<i64>>, TopDigitsOfModulus> {
        let params = &self.params;
        let mut cells = vec![vec![0; 1 << params.k]; params.lanes()];
        let Some(witness) = self.witness else {
            return Ok(Vec::new());
        };
        let key = witness.seed.stream_key();
        let limbs = |i| weight_block(params, key, witness.first_block + i).map(|block| block.limbs);
        let blocks: Vec<Vec<u16>> = (0..params.blocks() as u64)
            .into_par_iter()
            .map(limbs)
            .collect::<Result<_, _>>()?;
        for (index, block) in blocks.iter().enumerate() {
            let first = params.first_weight_row() + index * BLOCK_ROWS;
            let rows = block.chunks_exact(params.lanes());
            for (row, limbs) in (first..).zip(rows) {
                for (lane, &limb) in cells.iter_mut().zip(limbs) {
                    lane[row] = i64::from(params.lane_value(usize::from(limb)));
                }
            }
        }
        Ok(cells)
    }

    /// Checks that each block of the tile can be proved.
    ///
    /// # Errors
    ///
    /// If an output shares its top digits with the modulus (see [`crate::canonical`]).
    pub fn check(&self) -> Result<(), TopDigitsOfModulus> {
        let Some(witness) = self.witness else {
            return Ok(());
        };
        let key = witness.seed.stream_key();
        (0..self.params.blocks() as u64)
            .into_par_iter()
            .try_for_each(|i| weight_block(&self.params, key, witness.first_block + i).map(|_| ()))
    }
}

impl Circuit<Fr> for TileCircuit {
    type Config = TileConfig;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = TileParams;

    fn params(&self) -> TileParams {
        self.params.clone()
    }

    fn without_witnesses(&self) -> Self {
        Self::shape(self.params.clone())
    }

    fn configure_with_params(meta: &mut ConstraintSystem<Fr>, params: TileParams) -> TileConfig {
        TileConfig::configure(meta, &params)
    }

    fn configure(meta: &mut ConstraintSystem<Fr>) -> TileConfig {
        TileConfig::configure(meta, &TileParams::default())
    }

    fn synthesize(&self, config: TileConfig, mut layouter: impl Layouter<Fr>) -> Result<(), Error> {
        if self.witness.is_some() && self.params.weight_digest != self.chain.is_some() {
            return Err(Error::Synthesis);
        }
        let tile = Assigner {
            config: &config,
            params: &self.params,
        };
        let chain = self.chain.as_ref().map(Chain::new);
        let limbs = layouter.assign_region(
            || "tile",
            |mut region| {
                tile.fixed(&mut region);
                match &self.witness {
                    Some(witness) => tile.first_phase(&mut region, witness, chain).map(Some),
                    None => Ok(None),
                }
            },
        )?;
        layouter.next_phase();
        let Some(cells) = limbs else { return Ok(()) };
        let [mut alpha, mut beta, mut gamma] = [Fr::ZERO; 3];
        layouter
            .get_challenge(config.alpha)
            .map(|value| alpha = value);
        layouter
            .get_challenge(config.beta)
            .map(|value| beta = value);
        layouter
            .get_challenge(config.gamma)
            .map(|value| gamma = value);
        layouter.assign_region(
            || "tile, second phase",
            |mut region| {
                tile.second_phase(&mut region, &cells, alpha, beta, gamma);
                Ok(())
            },
        )
    }
}

/// What the second phase needs of the first.
struct Cells {
    /// Limbs, row by row.
    limbs: Vec<u16>,
    /// `top` and `below`, row by row.
    ranges: Vec<[u16; 2]>,
    /// Outputs, row by row.
    outputs: Vec<Fr>,
    /// Packed weights, block by block; none without the weight digest.
    packed: Vec<[Fr; RATE]>,
    sample_counts: Vec<u32>,
    range_counts: Vec<u32>,
}

struct Assigner<'a> {
    config: &'a TileConfig,
    params: &'a TileParams,
}

/// Blocks computed together before they are assigned.
const BATCH: usize = 256;

impl Assigner<'_> {
    fn fixed(&self, region: &mut Region<'_, Fr>) {
        let TileConfig {
            head,
            active,
            running,
            ends,
            poseidon,
            ..
        } = self.config;
        let last = self.params.last_row();
        let blocks = HEADER_BLOCKS + self.params.blocks();
        for block in 0..blocks {
            region.assign_fixed(poseidon.block, block * BLOCK_ROWS, Fr::ONE);
        }
        for row in self.params.first_weight_row()..blocks * BLOCK_ROWS {
            region.assign_fixed(*active, row, Fr::ONE);
        }
        region.assign_fixed(*head, 0, Fr::ONE);
        region.assign_fixed(*ends, 0, Fr::ONE);
        region.assign_fixed(*ends, last, Fr::ONE);
        for row in 0..last {
            region.assign_fixed(*running, row, Fr::ONE);
            for (set, column) in self.config.table_limbs.iter().enumerate() {
                let limb = self.params.table_limb(set, row);
                region.assign_fixed(*column, row, Fr::from(limb as u64));
            }
            for (set, column) in self.config.table_lanes.iter().enumerate() {
                let lane = self.params.lane_value(self.params.table_limb(set, row));
                region.assign_fixed(*column, row, Fr::from(u64::from(lane)));
            }
        }
    }

    fn first_phase(
        &self,
        region: &mut Region<'_, Fr>,
        witness: &TileWitness,
        mut chain: Option<Chain>,
    ) -> Result<Cells, Error> {
        let table = 1 << self.params.precision.limb_bits;
        let rows = self.params.weight_rows();
        let mut cells = Cells {
            limbs: Vec::with_capacity(rows * self.params.lanes()),
            ranges: Vec::with_capacity(rows),
            outputs: Vec::with_capacity(rows),
            packed: Vec::new(),
            sample_counts: vec![0; table],
            range_counts: vec![0; table],
        };
        for (index, trace) in header_blocks(&witness.seed).iter().enumerate() {
            self.assign_trace(region, &self.config.poseidon, index * BLOCK_ROWS, trace);
            if let Some(digest) = &self.config.digest {
                let row = index * BLOCK_ROWS;
                self.assign_trace(region, &digest.poseidon, row, &idle_block());
            }
        }
        let key = witness.seed.stream_key();
        let blocks = self.params.blocks();
        for start in (0..blocks).step_by(BATCH) {
            let batch: Result<Vec<WeightBlock>, _> = (start..blocks.min(start + BATCH))
                .into_par_iter()
                .map(|i| weight_block(self.params, key, witness.first_block + i as u64))
                .collect();
            // `TileCircuit::check` reports this as what it is.
            let batch = batch.map_err(|_| Error::Synthesis)?;
            for (index, block) in (start..).zip(&batch) {
                let row = (HEADER_BLOCKS + index) * BLOCK_ROWS;
                self.assign_trace(region, &self.config.poseidon, row, &block.trace);
                self.assign_weights(region, row, block, &mut cells);
                if let (Some(digest), Some(chain)) = (&self.config.digest, &mut chain) {
                    let packed = self.packed(block);
                    let trace = chain.block(&packed);
                    self.assign_trace(region, &digest.poseidon, row, &trace);
                    cells.packed.push(packed);
                }
            }
        }
        let counts = &cells.sample_counts;
        self.assign_counts(region, &self.config.sample_counts, counts);
        self.assign_counts(region, &self.config.range_counts, &cells.range_counts);
        Ok(cells)
    }

    /// The weights of a block, a field element a row.
    fn packed(&self, block: &WeightBlock) -> [Fr; RATE] {
        let (bits, lanes) = (self.params.limbs().bits, self.params.lanes());
        std::array::from_fn(|r| {
            let limbs = block.limbs[r * lanes..][..lanes].iter();
            let lanes = limbs.map(|&limb| self.params.lane_value(usize::from(limb)));
            digest::pack(bits, lanes)
        })
    }

    fn assign_trace(
        &self,
        region: &mut Region<'_, Fr>,
        poseidon: &Poseidon2Config,
        first_row: usize,
        trace: &BlockTrace,
    ) {
        let columns = poseidon.a.iter().chain(&poseidon.b);
        for (j, column) in columns.enumerate().take(2 * GROUP) {
            for (row, cells) in (first_row..).zip(&trace.rows) {
                region.assign_advice(*column, row, Value::known(cells[j]));
            }
        }
    }

    fn assign_weights(
        &self,
        region: &mut Region<'_, Fr>,
        first_row: usize,
        block: &WeightBlock,
        cells: &mut Cells,
    ) {
        let mut assign = |column: &Column<Advice>, row, value: u32| {
            region.assign_advice(*column, row, Value::known(Fr::from(u64::from(value))));
        };
        let canonical = &self.config.canonical;
        let sampled = self.params.table.is_some();
        for (r, limbs) in block.limbs.chunks_exact(self.params.lanes()).enumerate() {
            let row = first_row + r;
            for (j, &limb) in limbs.iter().enumerate() {
                assign(&canonical.limbs[j], row, u32::from(limb));
                if sampled {
                    let lane = self.params.lane_value(usize::from(limb));
                    assign(&self.config.lanes[j], row, lane);
                    cells.sample_counts[usize::from(limb)] += 1;
                } else {
                    cells.range_counts[usize::from(limb)] += 1;
                }
            }
            let split = block.splits[r];
            assign(&canonical.top, row, split.top);
            assign(&canonical.differs, row, split.differs);
            assign(&canonical.below, row, split.below);
            // Both are below 2^B <= 2^16 by construction of the split.
            cells.ranges.push([split.top as u16, split.below as u16]);
            cells.range_counts[split.top as usize] += 1;
            cells.range_counts[split.below as usize] += 1;
            cells.outputs.push(block.trace.output[r + 1]);
        }
        cells.limbs.extend_from_slice(&block.limbs);
    }

    fn assign_counts(
        &self,
        region: &mut Region<'_, Fr>,
        columns: &[Column<Advice>],
        counts: &[u32],
    ) {
        let last = self.params.last_row();
        for (column, counts) in columns.iter().zip(counts.chunks(last)) {
            for (row, &count) in counts.iter().enumerate() {
                region.assign_advice(*column, row, Value::known(Fr::from(u64::from(count))));
            }
        }
    }

    fn second_phase(
        &self,
        region: &mut Region<'_, Fr>,
        cells: &Cells,
        alpha: Fr,
        beta: Fr,
        gamma: Fr,
    ) {
        for (index, outputs) in cells.outputs.chunks_exact(BLOCK_ROWS).enumerate() {
            let row = (HEADER_BLOCKS + index) * BLOCK_ROWS;
            let packed = cells.packed.get(index).map(|rows| &rows[..]);
            let transport = &self.config.transport;
            transport.assign(region, row, gamma, outputs, packed);
        }
        let table = 1usize << self.params.precision.limb_bits;
        let inverses = |entry: &(dyn Fn(usize) -> Fr + Sync)| {
            let mut inverses: Vec<Fr> = (0..table).into_par_iter().map(entry).collect();
            inverses.par_chunks_mut(1 << 12).for_each(|chunk| {
                chunk.batch_invert();
            });
            inverses
        };
        let limb = |u: usize| Fr::from(u as u64);
        let sample =
            inverses(&|u| alpha + limb(u) + beta * Fr::from(u64::from(self.params.lane_value(u))));
        let range = inverses(&|u| alpha + limb(u) + beta.square());
        let sampled = self.params.table.is_some();
        let (first, lanes) = (self.params.first_weight_row(), self.params.lanes());
        let lookups = |row: usize, out: &mut [Fr]| {
            let Some(ranges) = row.checked_sub(first).and_then(|row| cells.ranges.get(row)) else {
                return false;
            };
            let limbs = &cells.limbs[(row - first) * lanes..][..lanes];
            let table = if sampled { &sample } else { &range };
            for (out, limb) in out.iter_mut().zip(limbs) {
                *out = table[usize::from(*limb)];
            }
            for (out, value) in out[lanes..].iter_mut().zip(ranges) {
                *out = range[usize::from(*value)];
            }
            true
        };
        let last = self.params.last_row();
        let fraction = |counts: &[u32], inverses: &[Fr], limb: usize| match counts.get(limb) {
            Some(&count) if count > 0 => Fr::from(u64::from(count)) * inverses[limb],
            _ => Fr::ZERO,
        };
        let tables = |row: usize, out: &mut [Fr]| {
            let per_set = if sampled { 2 } else { 1 };
            for (set, out) in out.chunks_exact_mut(per_set).enumerate() {
                let limb = set * last + row;
                if sampled {
                    out[0] = fraction(&cells.sample_counts, &sample, limb);
                }
                out[per_set - 1] = fraction(&cells.range_counts, &range, limb);
            }
        };
        self.config.logup.assign(region, last, &lookups, &tables);
    }
}
