//! The witness is a function of the secret: everything else follows, cell by cell.

use std::collections::BTreeSet;

use nascent_circuits::grid::Cell;
use nascent_circuits::poseidon2::{BLOCK_ROWS, FREE_ROW};
use nascent_circuits::tile::HEADER_BLOCKS;
use nascent_verifier::Distribution;

use crate::harness::Tile;

fn tiles() -> [Tile; 3] {
    [
        Tile::new(7, Distribution::Uniform, 6, 0),
        Tile::new(7, Distribution::Normal, 7, 4),
        Tile::with_digest(7, Distribution::Normal, 7, 4),
    ]
}

/// Columns of the permutation, in the rows of blocks.
fn block_cells(tile: &Tile) -> BTreeSet<Cell> {
    let poseidon = &tile.config.poseidon;
    let columns = poseidon.a.iter().chain(&poseidon.b);
    let rows = 0..tile.weight_rows().end;
    columns
        .flat_map(|column| {
            rows.clone().map(|row| Cell {
                column: column.index(),
                row,
            })
        })
        .collect()
}

/// All factors before the cells are constants: no choice of other cells makes one free.
#[test]
fn the_permutations_follow_from_the_secret() {
    for tile in tiles() {
        assert!(tile.permutations.iter().all(|step| step.inverse.is_some()));
        assert!(tile.splits.iter().all(|step| step.inverse.is_some()));
        let follows: BTreeSet<Cell> = tile.permutations.iter().map(|step| step.cell).collect();
        let free: BTreeSet<Cell> = block_cells(&tile)
            .into_iter()
            .filter(|cell| !follows.contains(cell))
            .collect();
        // The secret itself, the inputs that a block does not have, two spare cells a block.
        let mut expected = BTreeSet::from([tile.header_cell(0, 0), tile.header_cell(0, 1)]);
        for block in 0..tile.weight_rows().end / BLOCK_ROWS {
            if block != HEADER_BLOCKS - 1 {
                expected.insert(tile.header_cell(block, 2));
            }
            expected.extend([3, 4].map(|i| tile.header_cell(block, i)));
        }
        assert_eq!(free, expected);
    }
}

/// Given packed weights and the number of live blocks, every cell of the weight digest follows, with
/// constant factors; two spare cells a block do not, and on header blocks the whole input.
#[test]
fn the_digest_follows_from_the_weights() {
    let tile = Tile::with_digest(7, Distribution::Normal, 7, 4);
    let poseidon = &tile.config.digest.as_ref().expect("with it").poseidon;
    let columns = || poseidon.a.iter().chain(&poseidon.b);
    let cells = columns().flat_map(|column| {
        (0..tile.weight_rows().end).map(|row| Cell {
            column: column.index(),
            row,
        })
    });
    let steps = tile.permutations.iter().chain(&tile.splits);
    let follows: BTreeSet<Cell> = steps.map(|step| step.cell).collect();
    let free: BTreeSet<Cell> = cells.filter(|cell| !follows.contains(cell)).collect();
    let mut expected: BTreeSet<Cell> = tile.digest_hints().into_iter().collect();
    for block in 0..tile.block_count() {
        let first = if block < HEADER_BLOCKS { 0 } else { 3 };
        expected.extend((first..5).map(|i| tile.digest_cell(block, FREE_ROW + i)));
    }
    assert_eq!(free, expected);
}

/// Given limbs, lanes, index and multiplicities, the second phase and the distance follow.
#[test]
fn the_second_phase_follows() {
    for tile in tiles() {
        let phases = tile.meta.advice_column_phase();
        let open: Vec<&Cell> = tile
            .undetermined
            .iter()
            .filter(|cell| phases[cell.column] != 0)
            .collect();
        assert!(open.is_empty(), "{open:?}");
        let below = tile.config.canonical.below.index();
        let distances = tile
            .splits
            .iter()
            .filter(|step| step.cell.column == below)
            .count();
        assert_eq!(distances, tile.params.weight_rows());
    }
}

/// Cells of the weight columns that carry no weight are the prover's own, which whoever opens or
/// links those columns must know.
#[test]
fn lanes_outside_the_weights_are_free() {
    for tile in tiles() {
        let free: BTreeSet<&Cell> = tile.unconstrained.iter().collect();
        for column in &tile.config.lanes {
            for row in 0..tile.honest.rows {
                let cell = Cell {
                    column: column.index(),
                    row,
                };
                assert_eq!(free.contains(&cell), !tile.weight_rows().contains(&row));
            }
        }
    }
}
