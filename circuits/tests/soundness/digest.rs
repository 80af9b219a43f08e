//! Attacks on the weight digest.

use ff::Field;
use halo2curves::bn256::Fr;
use nascent_circuits::digest;
use nascent_circuits::grid::Grid;
use nascent_circuits::poseidon2::BLOCK_ROWS;
use nascent_circuits::tile::{CHAIN_ROW, HEADER_BLOCKS, LIVE_ROW};
use nascent_verifier::Distribution;

use crate::harness::{Edit, Forgery, LIVE, Tile};

const LANES: (&str, &str) = ("transport", "accumulator equals the lanes");
const ENDS: (&str, &str) = ("logup sum", "zero at both ends");
const CHAIN: &str = "weight digest";

fn tiles() -> [Tile; 2] {
    [
        Tile::with_digest(7, Distribution::Uniform, 6, 0),
        Tile::with_digest(7, Distribution::Normal, 7, 4),
    ]
}

fn refused(tile: &Tile, forgery: &Forgery<'_>, expected: &[(&str, &str)]) {
    let verdict = tile.verdict(forgery);
    let verdict: Vec<_> = verdict
        .iter()
        .map(|(gate, name)| (gate.as_str(), name.as_str()))
        .collect();
    assert_eq!(verdict, expected, "{:?}", tile.params.distribution);
}

fn refused_split(tile: &Tile, split: Edit<'_>, expected: &[(&str, &str)]) {
    let forgery = Forgery {
        split: Some(split),
        ..Forgery::default()
    };
    refused(tile, &forgery, expected);
}

fn claimed(tile: &Tile, grid: &Grid) -> Fr {
    grid.instance[tile.config.instance.index()][5]
}

/// Row of a weight in a live block, and of one behind the end of the stream.
fn rows(tile: &Tile) -> [usize; 2] {
    let first = tile.params.first_weight_row();
    [first + 9, first + LIVE as usize * BLOCK_ROWS + 9]
}

#[test]
fn the_honest_end_is_the_native_chain() {
    for tile in tiles() {
        let table = nascent_circuits::sampling::DeviateTable::new(
            tile.params.distribution,
            tile.params.precision,
        );
        let mut value = digest::start(tile.params.distribution, tile.params.precision);
        let lanes = table.expect("supported");
        let lane = |grid: &Grid, column: usize, row: usize| {
            let cell = grid.advice[column][row];
            let fits = |&lane: &u32| Fr::from(u64::from(lane)) == cell;
            lanes.lanes().iter().copied().find(fits).expect("a lane")
        };
        for block in 0..LIVE as usize {
            let first = tile.params.first_weight_row() + block * BLOCK_ROWS;
            let rows = std::array::from_fn(|r| {
                let columns = tile.config.lanes.iter();
                digest::pack(
                    usize::from(tile.params.precision.limb_bits),
                    columns.map(|column| lane(&tile.honest, column.index(), first + r)),
                )
            });
            value = digest::step(value, &rows);
        }
        assert_eq!(claimed(&tile, &tile.honest), value);
    }
}

/// The chain takes up other weights than the columns have, with whatever end that gives.
#[test]
fn other_weights_are_hashed() {
    for tile in tiles() {
        for row in rows(&tile) {
            for fault in [Fr::ONE, -Fr::ONE, Fr::from(2).pow([240])] {
                let forgery = Forgery {
                    packed: Some((row, fault)),
                    ..Forgery::default()
                };
                refused(&tile, &forgery, &[LANES]);
            }
        }
        // On a live row the claimed end is another one.
        let forgery = Forgery {
            packed: Some((rows(&tile)[0], Fr::ONE)),
            ..Forgery::default()
        };
        let forged = tile.forge(&forgery);
        assert_ne!(claimed(&tile, &forged), claimed(&tile, &tile.honest));
    }
}

/// The weights change after the chain took them up.
#[test]
fn a_lane_is_changed_after_packing() {
    let [uniform, normal] = tiles();
    let change = |tile: &Tile, grid: &mut Grid| {
        grid.advice[tile.config.lanes[3].index()][rows(tile)[0]] += Fr::ONE;
    };
    let forgery = Forgery {
        first: Some(&change),
        ..Forgery::default()
    };
    refused(&normal, &forgery, &[LANES, ENDS]);
    // The lanes of the uniform are its limbs: its row spells another output as well. The
    // compared digits may object too.
    let verdict = uniform.verdict(&forgery);
    assert!(verdict.contains(&(LANES.0.to_owned(), LANES.1.to_owned())));
}

/// Weights packed at other places than their own: a carry between lanes keeps the packed value.
#[test]
fn a_carry_between_lanes() {
    for tile in tiles() {
        let carry = |tile: &Tile, grid: &mut Grid| {
            let [a, b] = [1, 2].map(|j: usize| tile.config.lanes[j].index());
            grid.advice[a][rows(tile)[0]] += Fr::from(1 << tile.params.precision.limb_bits);
            grid.advice[b][rows(tile)[0]] -= Fr::ONE;
        };
        let forgery = Forgery {
            split: Some(&carry),
            ..Forgery::default()
        };
        let [honest, forged] = [Forgery::default(), forgery].map(|forgery| tile.forge(&forgery));
        assert_eq!(claimed(&tile, &honest), claimed(&tile, &forged));
        // Packing alone does not see it: the lookups do.
        let verdict = tile.failures(&forged);
        assert!(
            verdict.contains(&(ENDS.0.to_owned(), ENDS.1.to_owned())),
            "{verdict:?}"
        );
    }
}

#[test]
fn wrong_start_end_and_count() {
    for tile in tiles() {
        let refused_claim = |row: usize, fault: Fr, name: &str| {
            let forgery = Forgery {
                claim: Some((row, fault)),
                ..Forgery::default()
            };
            refused(&tile, &forgery, &[(CHAIN, name)]);
        };
        for fault in [Fr::ONE, -Fr::ONE, Fr::from(77).invert().expect("nonzero")] {
            refused_claim(4, fault, "chain starts");
            refused_claim(5, fault, "chain ends");
            refused_claim(6, fault, "live blocks");
        }
        // A chain that starts elsewhere and is carried on honestly, to an end of its own.
        let at = (
            tile.constraint(CHAIN, "chain starts"),
            tile.params.first_weight_row() - 1,
        );
        let forgery = Forgery {
            faults: vec![(at, Fr::ONE)],
            ..Forgery::default()
        };
        refused(&tile, &forgery, &[(CHAIN, "chain starts")]);
    }
}

/// Blocks left out of the chain, blocks taken up behind the end of the stream.
#[test]
fn wrong_live_blocks() {
    let numbers = |counts: [i64; 4]| {
        counts.map(|n| match n.is_negative() {
            true => -Fr::from(n.unsigned_abs()),
            false => Fr::from(n.unsigned_abs()),
        })
    };
    let first = "live blocks come first";
    let (one, last) = ("live or not", "last block live or not");
    for tile in tiles() {
        for (counts, names) in [
            // One more, one less than the verifier says.
            ([3, 2, 1, 0], &["live blocks"][..]),
            ([1, 0, 0, 0], &["live blocks"]),
            // One skipped at the beginning, one in the middle.
            ([2, 2, 1, 0], &[first]),
            ([2, 1, 1, 0], &[first]),
            // Alive again behind the end.
            ([2, 1, 0, 1], &[one]),
            ([2, 1, 0, -1], &[last]),
            ([2, 1, 0, 2], &[one, last]),
            // Two at once, and none ever.
            ([2, 0, 0, 0], &[one, first]),
            ([2, 2, 2, 2], &[first, last]),
            ([2, 2, 2, 0], &[one, first]),
        ] {
            let split = |tile: &Tile, grid: &mut Grid| tile.set_live(grid, &numbers(counts));
            let expected: Vec<_> = names.iter().map(|name| (CHAIN, *name)).collect();
            refused_split(&tile, &split, &expected);
        }
    }
}

/// A dead block adds to the chain; a live one adds something else.
#[test]
fn wrong_feed_forward() {
    for tile in tiles() {
        let chain = tile.constraint(CHAIN, "chain value");
        for block in 0..3 {
            let end = tile.block_end(block);
            let cell = |row: usize| {
                let at = tile.digest_cell(HEADER_BLOCKS + block, row);
                tile.honest.advice[at.column][at.row]
            };
            // Without the feed-forward, twice, a dead block's own.
            for fault in [
                -cell(CHAIN_ROW),
                cell(CHAIN_ROW),
                cell(LIVE_ROW + 2),
                Fr::ONE,
            ] {
                let forgery = Forgery {
                    faults: vec![((chain, end), fault)],
                    ..Forgery::default()
                };
                refused(&tile, &forgery, &[(CHAIN, "chain value")]);
            }
            let output = tile.constraint(CHAIN, "output of the block");
            let forgery = Forgery {
                faults: vec![((output, end), Fr::ONE)],
                ..Forgery::default()
            };
            refused(&tile, &forgery, &[(CHAIN, "output of the block")]);
        }
    }
}

/// A block that begins with another chain value than the one before it ended with.
#[test]
fn a_chain_of_two_pieces() {
    for tile in tiles() {
        for block in 0..4 {
            let row = (HEADER_BLOCKS + block) * BLOCK_ROWS;
            let at = (tile.constraint(CHAIN, "chain value enters"), row);
            let forgery = Forgery {
                faults: vec![(at, Fr::from(5))],
                ..Forgery::default()
            };
            refused(&tile, &forgery, &[(CHAIN, "chain value enters")]);
        }
    }
}

/// Blocks behind the end of the stream do not reach the digest.
#[test]
fn dead_blocks_have_no_influence() {
    for tile in tiles() {
        let split = |tile: &Tile, grid: &mut Grid| {
            let row = rows(tile)[1];
            let column = tile.config.canonical.limbs[0].index();
            let limb = tile.in_range(grid.advice[column][row]).expect("a limb");
            tile.set_limb(grid, row, 0, limb as u64 ^ 1);
        };
        let forgery = Forgery {
            split: Some(&split),
            ..Forgery::default()
        };
        let forged = tile.forge(&forgery);
        assert_eq!(claimed(&tile, &forged), claimed(&tile, &tile.honest));
        refused(&tile, &forgery, &[LANES]);
    }
}
