//! For every constraint a forged witness that satisfies all others on all rows.
//!
//! A constraint that determines a cell gets a *fault*: the cell is off by one and everything after
//! it is recomputed. The others, and those whose breach must not show elsewhere, have a forgery of
//! their own below. A name without a forgery fails the test, so does a forgery without a name.

use std::collections::BTreeMap;

use ff::Field;
use halo2curves::bn256::Fr;
use nascent_circuits::poseidon2::BLOCK_ROWS;
use nascent_verifier::Distribution;
use rayon::prelude::*;

use crate::harness::{At, Forgery, Tile};
use crate::search::{COMPARISON, find};

/// Uniform and normal, table in one set of columns and folded into several, without the weight
/// digest and with it.
fn tiles() -> Vec<Tile> {
    vec![
        Tile::new(7, Distribution::Uniform, 6, 0),
        Tile::new(7, Distribution::Normal, 6, 3),
        Tile::new(7, Distribution::Uniform, 7, 0),
        Tile::new(7, Distribution::Normal, 7, 4),
        Tile::with_digest(7, Distribution::Uniform, 6, 0),
        Tile::with_digest(7, Distribution::Normal, 7, 4),
    ]
}

#[test]
fn every_constraint_alone_refuses_a_forgery() {
    for tile in tiles() {
        let name = format!(
            "{:?} B = {}, weight digest: {}",
            tile.params.distribution, tile.params.precision.limb_bits, tile.params.weight_digest
        );
        assert_eq!(tile.verdict(&Forgery::default()), [], "honest {name}");
        let verdicts: Vec<_> = (0..tile.constraints.len())
            .into_par_iter()
            .map(|constraint| {
                let (gate, name) = &tile.constraints.names()[constraint];
                (gate, name, refusals(&tile, gate, name))
            })
            .collect();
        for (gate, constraint, verdicts) in verdicts {
            assert!(
                !verdicts.is_empty(),
                "{name}: no forgery for {gate} / {constraint}"
            );
            for (what, verdict) in verdicts {
                let alone = (gate.clone(), constraint.clone());
                assert_eq!(verdict, [alone], "{name}: {what}");
            }
        }
    }
}

/// Each round of each kind, wherever a constraint determines a cell of a permutation.
#[test]
fn every_row_of_a_permutation_is_needed() {
    let tile = Tile::with_digest(7, Distribution::Uniform, 6, 0);
    let start = tile.params.first_weight_row();
    let block = start..start + BLOCK_ROWS;
    let below = tile.config.canonical.below.index();
    let steps: Vec<_> = tile
        .permutations
        .iter()
        .chain(tile.splits.iter().filter(|step| step.cell.column != below))
        .filter(|step| block.contains(&step.row))
        .collect();
    assert!(
        steps.len() >= 2 * 185 * 2,
        "an S-box is two cells at least: {}",
        steps.len()
    );
    let wrong: Vec<_> = steps
        .par_iter()
        .filter_map(|step| {
            let faults = vec![((step.constraint, step.row), Fr::ONE)];
            let verdict = tile.verdict(&Forgery {
                faults,
                ..Forgery::default()
            });
            (verdict != [tile.constraints.names()[step.constraint].clone()])
                .then_some((step, verdict))
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

type Verdicts = Vec<(String, Vec<(String, String)>)>;

fn refusals(tile: &Tile, gate: &str, name: &str) -> Verdicts {
    let constraint = tile.constraint(gate, name);
    let one = |what: &str, forgery: &Forgery<'_>| vec![(what.to_owned(), tile.verdict(forgery))];
    match (gate, name) {
        ("seed", "public key") => {
            let secret = Some(Fr::from(77));
            one(
                "another secret",
                &Forgery {
                    secret,
                    ..Forgery::default()
                },
            )
        }
        ("canonical limbs", "distance") => non_canonical_distance(tile),
        ("canonical limbs", name) if COMPARISON.contains(&name) => {
            second_representation(tile, name)
        }
        ("transport", _) => wrong_output(tile, name),
        ("weight digest", name) if LIVE_COUNTS.iter().any(|(other, _)| *other == name) => {
            wrong_live_blocks(tile, name)
        }
        ("weight digest", "chain ends") => one(
            "another end",
            &Forgery {
                claim: Some((5, Fr::ONE)),
                ..Forgery::default()
            },
        ),
        ("logup sum", "zero at both ends") => one("wrong weight", &wrong_weight(None)),
        ("logup lookups", _) | ("logup table", _) | ("logup sum", _) => {
            let row = tile.params.first_weight_row() + 4;
            one(
                "wrong weight, sum closed",
                &wrong_weight(Some(closing(tile, (constraint, row)))),
            )
        }
        _ => faults(tile, constraint),
    }
}

/// Off by one in a header block after the first, in the first and in the last block of weights;
/// the first header block also shows in the public key and is left out.
fn faults(tile: &Tile, constraint: usize) -> Verdicts {
    let mut places: BTreeMap<usize, usize> = BTreeMap::new();
    for step in tile
        .permutations
        .iter()
        .chain(&tile.splits)
        .filter(|step| step.constraint == constraint)
    {
        let links = tile.constraints.names()[constraint].0 == "seed";
        if step.row >= BLOCK_ROWS || links {
            places.entry(step.row / BLOCK_ROWS).or_insert(step.row);
        }
    }
    let last = places.len().saturating_sub(1);
    let chosen = places
        .values()
        .enumerate()
        .filter(|&(i, _)| i == 0 || i == last || i == 2);
    chosen
        .map(|(_, &row)| {
            let faults = vec![((constraint, row), Fr::ONE)];
            (
                format!("fault on row {row}"),
                tile.verdict(&Forgery {
                    faults,
                    ..Forgery::default()
                }),
            )
        })
        .collect()
}

/// Numbers of live blocks, block by block, that one constraint alone refuses; the honest ones are
/// 2, 1, 0, 0.
const LIVE_COUNTS: [(&str, [i64; 4]); 4] = [
    ("live blocks", [3, 2, 1, 0]),
    ("live or not", [2, 1, 0, 1]),
    ("live blocks come first", [2, 2, 1, 0]),
    ("last block live or not", [2, 1, 0, -1]),
];

fn wrong_live_blocks(tile: &Tile, name: &str) -> Verdicts {
    let counts = LIVE_COUNTS.iter().filter(|(of, _)| *of == name);
    let verdict = |(_, counts): &(&str, [i64; 4])| {
        let counts = counts.map(|n| match n.is_negative() {
            true => -Fr::from(n.unsigned_abs()),
            false => Fr::from(n.unsigned_abs()),
        });
        let split = |tile: &Tile, grid: &mut nascent_circuits::grid::Grid| {
            tile.set_live(grid, &counts);
        };
        let forgery = Forgery {
            split: Some(&split),
            ..Forgery::default()
        };
        (format!("{counts:?}"), tile.verdict(&forgery))
    };
    counts.map(verdict).collect()
}

/// The step `at` is chosen such that the running sum ends at zero.
pub fn closing(tile: &Tile, at: At) -> (At, At) {
    let ends = tile.constraint("logup sum", "zero at both ends");
    (at, (ends, tile.params.last_row()))
}

/// A weight that is not the limb's, or for the uniform a limb out of range with the same sum.
pub fn wrong_weight(close: Option<(At, At)>) -> Forgery<'static> {
    Forgery {
        split: Some(&spoil_weight),
        close,
        ..Forgery::default()
    }
}

pub fn spoil_weight(tile: &Tile, grid: &mut nascent_circuits::grid::Grid) {
    let row = tile.params.first_weight_row() + 4;
    if tile.sampled() {
        grid.advice[tile.config.lanes[1].index()][row] += Fr::ONE;
        return;
    }
    // The value of the row stays: a borrow from limb 1 makes limb 0 too large.
    let limbs = &tile.config.canonical.limbs;
    let row = tile
        .weight_rows()
        .find(|&row| !bool::from(grid.advice[limbs[1].index()][row].is_zero()))
        .expect("a limb that is not zero");
    grid.advice[limbs[0].index()][row] += Fr::from(1 << tile.params.precision.limb_bits);
    grid.advice[limbs[1].index()][row] -= Fr::ONE;
}

/// `x + p` with a distance that only looks like one.
fn non_canonical_distance(tile: &Tile) -> Verdicts {
    let shape = tile.params.limbs();
    let row = tile.params.first_weight_row() + 7;
    let split = move |tile: &Tile, grid: &mut nascent_circuits::grid::Grid| {
        let digits = crate::search::digits_of(&shape, &tile.output(grid, row));
        write_digits(
            tile,
            grid,
            row,
            &crate::search::plus_modulus(&shape, &digits),
        );
        tile.set(grid, row, &tile.config.canonical.differs, 0);
    };
    let distance = tile.constraint("canonical limbs", "distance");
    // The fault makes `below` zero whatever the formula says.
    let honest = Forgery {
        split: Some(&split),
        ..Forgery::default()
    };
    let below = tile.forge(&honest).advice[tile.config.canonical.below.index()][row];
    let faults = vec![((distance, row), -below)];
    vec![(
        "x + p".to_owned(),
        tile.verdict(&Forgery { faults, ..honest }),
    )]
}

pub fn write_digits(
    tile: &Tile,
    grid: &mut nascent_circuits::grid::Grid,
    row: usize,
    digits: &[u64],
) {
    let lanes = tile.params.lanes();
    for (j, &digit) in digits.iter().enumerate().take(lanes) {
        tile.set_limb(grid, row, j, digit);
    }
    tile.set(grid, row, &tile.config.canonical.top, digits[lanes]);
}

/// A representation of a real output that exceeds the modulus and that one comparison refuses.
fn second_representation(tile: &Tile, target: &str) -> Verdicts {
    let found = find(tile, target);
    let row = found.row(tile);
    let split = |tile: &Tile, grid: &mut nascent_circuits::grid::Grid| {
        write_digits(tile, grid, row, &found.digits);
        grid.advice[tile.config.canonical.differs.index()][row] = found.differs;
    };
    let first_block = Some(found.block);
    let honest = Forgery {
        first_block,
        ..Forgery::default()
    };
    assert_eq!(
        tile.verdict(&honest),
        [],
        "another part of the stream is as good"
    );
    let forgery = Forgery {
        split: Some(&split),
        ..honest
    };
    vec![(
        format!("row {row} from block {}", found.block),
        tile.verdict(&forgery),
    )]
}

/// The limbs of another output, with the accumulator honest or led back to the lanes.
fn wrong_output(tile: &Tile, name: &str) -> Verdicts {
    let shape = tile.params.limbs();
    let row = tile.params.first_weight_row() + BLOCK_ROWS + 3;
    let split = move |tile: &Tile, grid: &mut nascent_circuits::grid::Grid| {
        let mut limbs = vec![0; shape.limbs];
        let other = Fr::from(1234).cube();
        let split = nascent_circuits::canonical::split(&shape, &other, &mut limbs).expect("splits");
        limbs
            .iter()
            .enumerate()
            .for_each(|(j, &u)| tile.set_limb(grid, row, j, u64::from(u)));
        tile.set(grid, row, &tile.config.canonical.top, u64::from(split.top));
        tile.set(
            grid,
            row,
            &tile.config.canonical.differs,
            u64::from(split.differs),
        );
    };
    let step = tile.constraint("transport", "accumulator");
    let check = tile.constraint("transport", "accumulator equals the lanes");
    let rows = match name {
        "accumulator" => vec![row, row + 1, tile.block_end(1)],
        _ => vec![row],
    };
    rows.into_iter()
        .map(|at| {
            let close = (name == "accumulator").then_some(((step, at), (check, tile.block_end(1))));
            let forgery = Forgery {
                split: Some(&split),
                close,
                ..Forgery::default()
            };
            (
                format!("another output's limbs, row {at}"),
                tile.verdict(&forgery),
            )
        })
        .collect()
}
