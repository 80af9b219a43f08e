//! The weight digest of a forged tile: what a prover may choose, and what follows.

use ff::Field;
use halo2curves::bn256::Fr;
use nascent_circuits::digest;
use nascent_circuits::grid::{Cell, Grid, Step};
use nascent_circuits::poseidon2::{BLOCK_ROWS, BlockTrace, GROUP};
use nascent_circuits::tile::{CHAIN_ROW, HEADER_BLOCKS, LIVE_ROW, OUTPUT_ROW};

use super::{At, Forgery, Tile};

impl Tile {
    /// Steps of the weight digest block by block, in each the chain value's entry first: packed
    /// weights enter with it, on which the planner, to which they are given, does not wait.
    /// Gives the index of the first of them; all others stand before it.
    pub(super) fn sort_digest(&self, steps: &mut [Step]) -> usize {
        let Some(digest) = &self.config.digest else {
            return steps.len();
        };
        let columns = digest.poseidon.a.iter().chain(&digest.poseidon.b);
        let columns: Vec<usize> = columns.map(|column| column.index()).collect();
        let enters = self.constraint("weight digest", "chain value enters");
        let of_digest = |step: &Step| columns.contains(&step.cell.column);
        steps.sort_by_key(|step| {
            let block = if of_digest(step) {
                step.row / BLOCK_ROWS
            } else {
                0
            };
            (of_digest(step), block, step.constraint != enters)
        });
        steps.partition_point(|step| !of_digest(step))
    }

    /// Cell of the weight digest in a row of a block.
    pub fn digest_cell(&self, block: usize, row: usize) -> Cell {
        let digest = self.config.digest.as_ref().expect("with the weight digest");
        Cell {
            column: digest.poseidon.spare_column().index(),
            row: block * BLOCK_ROWS + row,
        }
    }

    /// Number of header and weight blocks.
    pub fn block_count(&self) -> usize {
        self.weight_rows().end / BLOCK_ROWS
    }

    /// What the weight digest does not determine by itself: packed weights, which blocks are
    /// live, and the whole input of the permutations on header blocks.
    pub fn digest_hints(&self) -> Vec<Cell> {
        let Some(digest) = &self.config.digest else {
            return Vec::new();
        };
        let mut hints = Vec::new();
        for block in 0..self.block_count() {
            let weights = usize::from(block >= HEADER_BLOCKS);
            // Lane 0 of a weight block's input is the chain's.
            let inputs = digest.poseidon.a[weights..].iter();
            hints.extend(inputs.map(|column| Cell {
                column: column.index(),
                row: block * BLOCK_ROWS,
            }));
            if block > HEADER_BLOCKS {
                hints.push(self.digest_cell(block, LIVE_ROW));
            }
        }
        hints
    }

    /// Number of live blocks before a block, as a cheating prover has it.
    pub fn set_live(&self, grid: &mut Grid, counts: &[Fr]) {
        for (i, count) in counts.iter().enumerate() {
            let Cell { column, row } = self.digest_cell(HEADER_BLOCKS + i, LIVE_ROW);
            grid.advice[column][row] = *count;
        }
    }

    /// The first row of a permutation whose input are a chain value and the rows' weights as they
    /// are packed now.
    pub(super) fn enter(
        &self,
        grid: &mut Grid,
        first_row: usize,
        fault: Fr,
        packed: Option<(usize, Fr)>,
    ) {
        let base = Fr::from(1 << self.params.precision.limb_bits);
        let rows = std::array::from_fn(|r| {
            let lanes = self.config.lanes.iter().rev();
            let pack = lanes.fold(Fr::ZERO, |sum, lane| {
                sum * base + grid.advice[lane.index()][first_row + r]
            });
            match packed {
                Some((row, fault)) if row == first_row + r => pack + fault,
                _ => pack,
            }
        });
        let Cell { column, row } = self.digest_cell(first_row / BLOCK_ROWS, CHAIN_ROW);
        let chain = grid.advice[column][row] + fault;
        let trace = BlockTrace::new(digest::step_input(chain, &rows));
        let digest = self.config.digest.as_ref().expect("with the weight digest");
        for (column, value) in digest.poseidon.a.iter().zip(&trace.rows[0][..GROUP]) {
            grid.advice[column.index()][first_row] = *value;
        }
    }

    /// The end of the chain in the instance is whatever the prover says: what the cells give.
    pub(super) fn claim_end(&self, grid: &mut Grid) {
        if self.config.digest.is_none() {
            return;
        }
        let [n, h, o] = [LIVE_ROW, CHAIN_ROW, OUTPUT_ROW].map(|row| {
            let Cell { column, row } = self.digest_cell(self.block_count() - 1, row);
            grid.advice[column][row]
        });
        grid.instance[self.config.instance.index()][5] = h + n * o;
    }

    /// All steps after the split; where a chain value enters a permutation, the packed weights
    /// enter with it.
    pub(super) fn take_splits(&self, grid: &mut Grid, forgery: &Forgery<'_>) {
        let Some(enters) = self.constraints.find("weight digest", "chain value enters") else {
            return self.take(grid, &self.splits, &forgery.faults);
        };
        let (own, digest) = self.splits.split_at(self.digest_steps);
        self.take(grid, own, &forgery.faults);
        // Nothing changes before the first block concerned.
        let block = self.first_hashed_differently(forgery);
        let start = digest.partition_point(|step| step.row / BLOCK_ROWS < block);
        let mut rest = &digest[start..];
        while let Some(at) = rest.iter().position(|step| step.constraint == enters) {
            self.take(grid, &rest[..at], &forgery.faults);
            let row = rest[at].row;
            let faults = forgery.faults.iter();
            let fault = faults.filter(|(at, _)| *at == (enters, row));
            let fault = fault.map(|(_, fault)| fault).sum();
            self.enter(grid, row, fault, forgery.packed);
            rest = &rest[at + 1..];
        }
        self.take(grid, rest, &forgery.faults);
    }

    /// First block whose part of the weight digest a forgery may change.
    pub(super) fn first_hashed_differently(&self, forgery: &Forgery<'_>) -> usize {
        let digest = &self.splits[self.digest_steps..];
        let own = |at: &At| digest.iter().any(|step| *at == (step.constraint, step.row));
        let faults = || forgery.faults.iter().map(|(at, _)| at);
        let other = faults().any(|at| !own(at));
        let moved = forgery.secret.is_some() || forgery.first_block.is_some();
        if other || moved || forgery.split.is_some() {
            return 0;
        }
        let rows = faults().map(|(_, row)| *row);
        let rows = rows.chain(forgery.packed.map(|(row, _)| row));
        rows.map(|row| row / BLOCK_ROWS).min().unwrap_or(usize::MAX)
    }
}
