//! Attacks by name, each with the constraints that refuse it; and what a prover may choose.

use ff::Field;
use halo2curves::bn256::Fr;
use nascent_circuits::canonical::LimbShape;
use nascent_circuits::grid::Grid;
use nascent_circuits::poseidon2::BLOCK_ROWS;
use nascent_circuits::seed::{stream_block, stream_tag};
use nascent_circuits::tile::HEADER_BLOCKS;
use nascent_verifier::{Distribution, Precision};
use rayon::prelude::*;

use crate::harness::{Edit, Forgery, Tile};
use crate::manifest::write_digits;
use crate::search::{digits_of, plus_modulus};

const ENDS: (&str, &str) = ("logup sum", "zero at both ends");
const LANES: (&str, &str) = ("transport", "accumulator equals the lanes");

fn uniform() -> Tile {
    Tile::new(7, Distribution::Uniform, 6, 0)
}

fn normal() -> Tile {
    Tile::new(7, Distribution::Normal, 7, 4)
}

/// Both kinds, and one with the weight digest.
fn both() -> [Tile; 3] {
    [uniform(), normal(), hashed()]
}

fn hashed() -> Tile {
    Tile::with_digest(7, Distribution::Normal, 7, 4)
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
    refused(
        tile,
        &Forgery {
            split: Some(split),
            ..Forgery::default()
        },
        expected,
    );
}

fn refused_first(tile: &Tile, first: Edit<'_>, expected: &[(&str, &str)]) {
    refused(
        tile,
        &Forgery {
            first: Some(first),
            ..Forgery::default()
        },
        expected,
    );
}

/// Adds to the cell that a constraint determines in the last row of a block.
fn refused_link(tile: &Tile, name: &str, block: usize, fault: Fr) {
    let at = (tile.constraint("seed", name), (block + 1) * BLOCK_ROWS - 1);
    let forgery = Forgery {
        faults: vec![(at, fault)],
        ..Forgery::default()
    };
    refused(tile, &forgery, &[("seed", name)]);
}

fn row(tile: &Tile) -> usize {
    tile.params.first_weight_row() + 9
}

fn limb(tile: &Tile, grid: &Grid, row: usize, j: usize) -> usize {
    let column = tile.config.canonical.limbs[j].index();
    tile.in_range(grid.advice[column][row]).expect("a limb")
}

#[test]
fn wrong_weight_and_wrong_table_entry() {
    let tile = normal();
    for delta in [Fr::ONE, -Fr::ONE, Fr::from(1 << 16), -Fr::from(1 << 20)] {
        refused_split(
            &tile,
            &|tile, grid| grid.advice[0][row(tile)] += delta,
            &[ENDS],
        );
    }
    // The lane value of another limb.
    let other_entry = |tile: &Tile, grid: &mut Grid| {
        let u = limb(tile, grid, row(tile), 0) ^ 64;
        let lane = tile.params.lane_value(u);
        tile.set(grid, row(tile), &tile.config.lanes[0], u64::from(lane));
    };
    refused_split(&tile, &other_entry, &[ENDS]);
}

#[test]
fn wrong_limb() {
    for tile in both() {
        for j in 0..tile.params.lanes() - 3 {
            let split = |tile: &Tile, grid: &mut Grid| {
                let u = limb(tile, grid, row(tile), j) ^ 1;
                tile.set_limb(grid, row(tile), j, u as u64);
            };
            refused_split(&tile, &split, &[LANES]);
        }
    }
}

#[test]
fn every_other_representation_of_an_output() {
    for tile in both() {
        let shape = tile.params.limbs();
        let row = row(&tile);
        let x = digits_of(&shape, &tile.output(&tile.honest, row));
        let next = |digits: &Vec<u64>| Some(plus_modulus(&shape, digits));
        let fits = |digits: &Vec<u64>| digits[shape.limbs] < 1 << shape.bits;
        let others: Vec<_> = std::iter::successors(next(&x), next)
            .take_while(fits)
            .collect();
        assert!(others.len() > 10, "the top has room for many");
        others.par_iter().for_each(|digits| {
            for differs in 0..4 {
                let split = |tile: &Tile, grid: &mut Grid| {
                    write_digits(tile, grid, row, digits);
                    tile.set(grid, row, &tile.config.canonical.differs, differs);
                };
                let verdict = tile.verdict(&Forgery {
                    split: Some(&split),
                    ..Forgery::default()
                });
                assert!(!verdict.is_empty(), "{digits:?}, {differs}");
            }
        });
    }
}

/// `x - p`, whose limbs are in range and whose top is negative; the distance is in range too.
#[test]
fn negative_top() {
    for tile in both() {
        let shape = tile.params.limbs();
        let split = |tile: &Tile, grid: &mut Grid| {
            let x = digits_of(&shape, &tile.output(grid, row(tile)));
            let (digits, top) = minus_modulus(&shape, &x);
            write_digits(tile, grid, row(tile), &digits);
            let top_column = tile.config.canonical.top.index();
            grid.advice[top_column][row(tile)] = -Fr::from(top);
            tile.set(grid, row(tile), &tile.config.canonical.differs, 0);
        };
        let forgery = Forgery {
            split: Some(&split),
            ..Forgery::default()
        };
        let grid = tile.forge(&forgery);
        let below = grid.advice[tile.config.canonical.below.index()][row(&tile)];
        assert!(
            tile.in_range(below).is_some(),
            "the lookup of the top is the only one to object"
        );
        refused(&tile, &forgery, &[ENDS]);
    }
}

/// Limbs of `x - p` with a zero top, and how far the top lies below zero.
fn minus_modulus(shape: &LimbShape, digits: &[u64]) -> (Vec<u64>, u64) {
    let mut modulus = digits_of(shape, &-Fr::ONE);
    modulus[0] += 1;
    let mut borrow = 0;
    let mut limbs = Vec::new();
    for j in 0..shape.limbs {
        let difference = (digits[j] + (2 << shape.bits)) - modulus[j] - borrow;
        limbs.push(difference & ((1 << shape.bits) - 1));
        borrow = 2 - (difference >> shape.bits);
    }
    limbs.push(0);
    (limbs, modulus[shape.limbs] + borrow - digits[shape.limbs])
}

/// A limb beyond its range, balanced by its neighbour: the value of the row is right.
#[test]
fn limb_out_of_range() {
    for tile in both() {
        refused_split(&tile, &crate::manifest::spoil_weight, &[ENDS]);
    }
}

#[test]
fn wrong_index_of_the_first_differing_digit() {
    for tile in both() {
        for (differs, name) in [(4, "index in range"), (1, "digit 0 equals the modulus's")] {
            let split = |tile: &Tile, grid: &mut Grid| {
                tile.set(grid, row(tile), &tile.config.canonical.differs, differs);
            };
            let verdict = tile.verdict(&Forgery {
                split: Some(&split),
                ..Forgery::default()
            });
            assert!(
                verdict.contains(&("canonical limbs".to_owned(), name.to_owned())),
                "{verdict:?}"
            );
        }
    }
}

#[test]
fn wrong_counter_key_secret_and_beacon() {
    for tile in both() {
        let chain = HEADER_BLOCKS + 1;
        refused_link(&tile, "first block", 2, Fr::ONE);
        refused_link(&tile, "first block", 2, -Fr::from(1 << 20));
        refused_link(&tile, "index counts up", chain, Fr::ONE);
        refused_link(&tile, "index counts up", chain, -Fr::ONE);
        refused_link(&tile, "stream key", 2, Fr::ONE);
        refused_link(&tile, "one key", chain, Fr::ONE);
        refused_link(&tile, "answer feeds the key", 1, Fr::ONE);
        refused_link(&tile, "one secret", 0, Fr::ONE);
        refused_link(&tile, "beacon", 0, Fr::ONE);
        refused_link(&tile, "one beacon", 1, Fr::ONE);
        refused_link(&tile, "model", 1, Fr::ONE);
        let forgery = Forgery {
            secret: Some(Fr::ZERO),
            ..Forgery::default()
        };
        refused(&tile, &forgery, &[("seed", "public key")]);
    }
}

/// The counter is a field element: it does not wrap at any machine word.
#[test]
fn block_index_overflow() {
    let tile = uniform();
    let first_block = Some(u64::MAX);
    refused(
        &tile,
        &Forgery {
            first_block,
            ..Forgery::default()
        },
        &[],
    );
    let at = (
        tile.constraint("seed", "index counts up"),
        tile.block_end(0),
    );
    let faults = vec![(at, -(Fr::from(u64::MAX) + Fr::ONE))];
    let wrapped = Forgery {
        first_block,
        faults,
        ..Forgery::default()
    };
    refused(&tile, &wrapped, &[("seed", "index counts up")]);
}

/// A block permuted under another stream's tag, everything after it honest.
#[test]
fn another_streams_tag() {
    let tile = uniform();
    let own = stream_tag(tile.params.distribution, tile.params.precision);
    let precision = Precision {
        limb_bits: 6,
        fraction_bits: 3,
    };
    let other = stream_tag(Distribution::Normal, precision);
    let block = HEADER_BLOCKS + 1;
    // First column of the external matrix.
    let factor = |j: usize| Fr::from([5u64, 4, 1, 1][j % 4] * if j < 4 { 2 } else { 1 });
    let lanes: Vec<String> = (0..16).map(|j| format!("lane {j}")).collect();
    let faults = lanes.iter().enumerate().map(|(j, name)| {
        (
            (tile.constraint("block input", name), block * BLOCK_ROWS),
            factor(j) * (other - own),
        )
    });
    let forgery = Forgery {
        faults: faults.collect(),
        ..Forgery::default()
    };
    let expected: Vec<_> = lanes
        .iter()
        .map(|name| ("block input", name.as_str()))
        .collect();
    refused(&tile, &forgery, &expected);
    let stream = stream_block(
        other,
        tile.witness.seed.stream_key(),
        tile.witness.first_block + 1,
    );
    assert_eq!(
        tile.output(&tile.forge(&forgery), block * BLOCK_ROWS + 4),
        stream[4]
    );
}

#[test]
fn skipped_rows() {
    for tile in both() {
        // No weights on a row, no lookups of it either: zero is a fine limb, of another output.
        let zero = |tile: &Tile, grid: &mut Grid| {
            write_digits(tile, grid, row(tile), &vec![0; tile.params.lanes() + 1]);
            tile.set(grid, row(tile), &tile.config.canonical.differs, 0);
        };
        refused_split(&tile, &zero, &[LANES]);
        // Two outputs in the wrong order.
        let swap = |tile: &Tile, grid: &mut Grid| {
            for column in 0..grid.advice.len() {
                let digest = tile.config.digest.iter().map(|digest| &digest.poseidon);
                let permutations = digest.chain([&tile.config.poseidon]);
                if !permutations
                    .flat_map(|poseidon| poseidon.a.iter().chain(&poseidon.b))
                    .any(|c| c.index() == column)
                {
                    grid.advice[column].swap(row(tile), row(tile) + 1);
                }
            }
        };
        refused_split(&tile, &swap, &[LANES]);
        // A block left out: the next one has its place, one index too far.
        refused_link(&tile, "index counts up", HEADER_BLOCKS, Fr::ONE);
    }
}

/// A row whose lookups are not summed: each helper of the row objects.
#[test]
fn helpers_left_out() {
    for tile in both() {
        let mut grid = tile.forge(&Forgery::default());
        for helper in &tile.config.logup.helpers {
            grid.advice[helper.index()][row(&tile)] = Fr::ZERO;
        }
        let names: Vec<_> = tile
            .failures(&grid)
            .into_iter()
            .map(|(gate, _)| gate)
            .collect();
        let helpers = tile.config.logup.helpers.len();
        assert_eq!(
            names.iter().filter(|gate| *gate == "logup lookups").count(),
            helpers
        );
    }
}

#[test]
fn wrong_multiplicities() {
    for tile in both() {
        let sample = tile.sampled();
        for times in [Fr::ONE, -Fr::ONE, Fr::from(1 << 40)] {
            refused_first(
                &tile,
                &|tile, grid| tile.add_count(grid, sample, 5, times),
                &[ENDS],
            );
        }
        let moved = |tile: &Tile, grid: &mut Grid| {
            tile.add_count(grid, sample, 5, Fr::ONE);
            tile.add_count(grid, sample, 6, -Fr::ONE);
        };
        refused_first(&tile, &moved, &[ENDS]);
    }
}

/// A weight equal to the tag of range entries, or a range value served by a sample entry.
#[test]
fn range_and_sample_entries_are_not_confused() {
    let tile = normal();
    let beta = tile.honest.challenges[tile.config.beta.index()];
    // The tag of an earlier version, small constants, and the tag itself if it were known.
    for lane in [
        Fr::from(1 << 32),
        Fr::ZERO,
        Fr::ONE,
        Fr::from(2),
        -Fr::ONE,
        Fr::from(1 << 20),
    ] {
        assert_ne!(lane, beta);
        let first = |tile: &Tile, grid: &mut Grid| {
            let u = limb(tile, grid, row(tile), 2);
            let cell = &mut grid.advice[tile.config.lanes[2].index()][row(tile)];
            assert_ne!(*cell, lane);
            *cell = lane;
            tile.add_count(grid, true, u, -Fr::ONE);
            tile.add_count(grid, false, u, Fr::ONE);
        };
        refused_first(&tile, &first, &[ENDS]);
    }
    let other_way = |tile: &Tile, grid: &mut Grid| {
        let column = tile.config.canonical.below.index();
        let v = tile
            .in_range(grid.advice[column][row(tile)])
            .expect("in range");
        tile.add_count(grid, false, v, -Fr::ONE);
        tile.add_count(grid, true, v, Fr::ONE);
    };
    refused_first(&tile, &other_way, &[ENDS]);
}

/// Rows past the table repeat entry 0: to count it there is the same, for any other it is not.
#[test]
fn multiplicities_in_padding_rows() {
    let tile = uniform();
    let column = tile.config.range_counts[0].index();
    let padding = (1 << tile.params.precision.limb_bits) + 3;
    assert!(padding < tile.params.last_row());
    for (entry, expected) in [(0, &[][..]), (1, &[ENDS][..])] {
        let first = |tile: &Tile, grid: &mut Grid| {
            grid.advice[column][padding] += Fr::from(7);
            tile.add_count(grid, false, entry, -Fr::from(7));
        };
        refused_first(&tile, &first, expected);
    }
    // On the last row and after it nothing counts.
    for row in tile.params.last_row()..tile.honest.rows {
        refused_first(&tile, &|_, grid| grid.advice[column][row] += Fr::ONE, &[]);
        let moved = |tile: &Tile, grid: &mut Grid| {
            grid.advice[column][row] += Fr::ONE;
            tile.add_count(grid, false, 3, -Fr::ONE);
        };
        refused_first(&tile, &moved, &[ENDS]);
    }
}

/// Blinding rows, spare inputs of blocks, lanes outside the weights: whatever stands there, the
/// same witness passes and a forged one fails in the same place.
#[test]
fn free_cells_have_no_influence() {
    for tile in both() {
        for seed in [1, 2] {
            let mut random = Fr::from(seed);
            let mut fill = |grid: &mut Grid| {
                for cell in &tile.unconstrained {
                    random = random.square() + Fr::from(5);
                    grid.advice[cell.column][cell.row] = random;
                }
            };
            let mut honest = tile.forge(&Forgery::default());
            fill(&mut honest);
            assert_eq!(tile.failures(&honest), []);
            let mut forged = tile.forge(&crate::manifest::wrong_weight(None));
            fill(&mut forged);
            assert_eq!(
                tile.failures(&forged),
                [(ENDS.0.to_owned(), ENDS.1.to_owned())]
            );
        }
        // All blinding rows of all columns are among them.
        let blinding = tile.meta.blinding_factors() + 1;
        let free = tile
            .unconstrained
            .iter()
            .filter(|cell| cell.row >= tile.honest.rows - blinding);
        assert_eq!(free.count(), blinding * tile.honest.advice.len());
    }
}

/// The sum begins wrong instead of ending wrong.
#[test]
fn running_sum_with_a_head_start() {
    for tile in both() {
        let ends = tile.constraint("logup sum", "zero at both ends");
        let forgery =
            crate::manifest::wrong_weight(Some(crate::manifest::closing(&tile, (ends, 0))));
        refused(&tile, &forgery, &[ENDS]);
    }
}
