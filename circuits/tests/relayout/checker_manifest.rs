//! For every rule of the checker of fixed columns, columns that it alone refuses.

use std::collections::BTreeSet;

use halo2_proofs::plonk::{Column, Fixed};
use nascent_circuits::inference::sheet::Sheet;
use nascent_circuits::relayout::KnownWeights;
use nascent_circuits::relayout::check::{Rule, violations};

use crate::harness::{Kind, Model};

/// A model's fixed columns, to be changed.
struct Draft<'a> {
    model: &'a Model,
    sheet: Sheet,
}

/// Changes columns such that they still fit each other but for one rule.
type Corruption = fn(&mut Draft) -> Option<()>;

impl<'a> Draft<'a> {
    fn new(model: &'a Model) -> Self {
        let sheet = model.witness.sheet().clone();
        Self { model, sheet }
    }

    fn refusal(&self) -> Vec<Rule> {
        let layout = self.model.witness.layout();
        let config = &self.model.config;
        let found = violations(config, &self.sheet, &layout.inference, &layout.free);
        found.iter().map(|violation| violation.rule).collect()
    }

    fn at(&self, column: Column<Fixed>, row: usize) -> i64 {
        self.sheet.fixed(column)[row]
    }

    fn set(&mut self, column: Column<Fixed>, row: usize, to: i64) {
        self.sheet.fixed_mut(column)[row] = to;
    }

    fn add(&mut self, column: Column<Fixed>, row: usize, more: i64) {
        let to = self.at(column, row) + more;
        self.set(column, row, to);
    }

    /// The first row on which something holds.
    fn row(&self, holds: impl Fn(&Self, usize) -> bool) -> Option<usize> {
        (0..self.model.last()).find(|&row| holds(self, row))
    }

    fn known(&self) -> Option<&'a KnownWeights> {
        self.model.config.weights.known.as_ref()
    }

    /// A row of public weights, and the weights on it.
    fn public(&self) -> Option<(usize, usize)> {
        let mut rows = self.model.witness.layout().public.iter();
        let lanes = self.known()?.public.len();
        let short = rows.find(|row| row.cells.len() < lanes)?;
        Some((short.row, short.cells.len()))
    }

    /// A row without weights, deviates or public.
    fn idle(&self) -> usize {
        self.model.last() - 1
    }

    /// A deviate that counts in the rest: address, column and row of its count.
    fn rest(&self) -> (i64, Column<Fixed>, usize) {
        let lane = &self.model.config.rest[0];
        (self.at(lane.address, 0), lane.count, 0)
    }

    /// Lane of the rest and row without a deviate.
    fn no_rest(&self) -> Option<(usize, usize)> {
        let lane = self.model.config.rest.len() - 1;
        let column = self.model.config.rest[lane].count;
        let row = self.row(|d, row| d.at(column, row) == 0)?;
        Some((lane, row))
    }
}

const ALL: &[(Rule, Corruption)] = &[
    (Rule::Running, |d| {
        d.set(d.model.config.running, d.model.last() - 1, 0);
        Some(())
    }),
    (Rule::Running, |d| {
        d.set(d.model.config.running, d.model.last(), 1);
        Some(())
    }),
    (Rule::Ends, |d| {
        d.set(d.model.config.ends, 0, 0);
        Some(())
    }),
    (Rule::Ends, |d| {
        d.set(d.model.config.ends, d.model.last(), 0);
        Some(())
    }),
    (Rule::Ends, |d| {
        d.set(d.model.config.ends, 1, 1);
        Some(())
    }),
    // Deviates where the sum does not see them.
    (Rule::CountBeyond, |d| {
        let tile = &d.model.config.tiles[0];
        let row = d.row(|d, row| d.at(tile.uses, row) > 0)?;
        let (base, uses, last) = (d.at(tile.base, row), d.at(tile.uses, row), d.model.last());
        d.set(tile.uses, row, 0);
        d.set(tile.uses, last, uses);
        d.set(tile.base, last, base);
        Some(())
    }),
    (Rule::CountBeyond, |d| {
        let (address, column, row) = d.rest();
        let (count, last) = (d.at(column, row), d.model.last());
        d.set(column, row, 0);
        d.set(column, last, count);
        d.set(d.model.config.rest[0].address, last, address);
        Some(())
    }),
    // One less, and one more elsewhere.
    (Rule::RestCount, |d| {
        let (address, column, row) = d.rest();
        let (lane, free) = d.no_rest()?;
        d.add(column, row, 1);
        d.set(d.model.config.rest[lane].count, free, -1);
        d.set(d.model.config.rest[lane].address, free, address);
        Some(())
    }),
    // Deviates that count twice, and then two of one address.
    (Rule::OneDeviate, |d| {
        let tiles = d.model.config.tiles.iter();
        let mut twice = tiles.filter_map(|tile| {
            let row = d.row(|d, row| d.at(tile.uses, row) == 2)?;
            Some((tile, row, d.row(|d, row| d.at(tile.uses, row) == 0)?))
        });
        let (tile, row, free) = twice.next()?;
        d.set(tile.uses, row, 1);
        d.set(tile.uses, free, 1);
        let base = d.at(tile.base, row);
        d.set(tile.base, free, base);
        Some(())
    }),
    (Rule::AsOften, |d| {
        let (_, column, row) = d.rest();
        d.add(column, row, 1);
        Some(())
    }),
    // A weight that is held against another deviate.
    (Rule::AsOften, |d| {
        let base = d.model.config.weights.base;
        let count = d.model.config.weights.counts[0];
        let row = d.row(|d, row| d.at(count, row) == 1)?;
        d.add(base, row, 1);
        Some(())
    }),
    // A deviate below zero times.
    (Rule::AsOften, |d| {
        let tile = &d.model.config.tiles[0];
        let row = d.row(|d, row| d.at(tile.uses, row) == 0)?;
        d.set(tile.uses, row, -1);
        d.set(tile.base, row, 1 << 50);
        Some(())
    }),
    (Rule::VectorHeld, |d| {
        d.set(d.model.config.known, 0, 0);
        Some(())
    }),
    (Rule::VectorHeld, |d| {
        d.set(d.model.config.known, d.idle(), 1);
        Some(())
    }),
    (Rule::VectorIdle, |d| {
        d.set(d.model.config.vectors.first()?.public, d.idle(), 1);
        Some(())
    }),
    (Rule::KnownFlag, |d| {
        d.set(d.known()?.rows, d.idle(), 2);
        Some(())
    }),
    (Rule::KnownFlag, |d| {
        d.set(d.known()?.rows, d.idle(), -1);
        Some(())
    }),
    (Rule::KnownBeyond, |d| {
        let (known, last) = (d.known()?, d.model.last());
        d.set(known.rows, last, 1);
        for &column in &known.public {
            d.set(column, last, d.model.config.shape.weight_offset);
        }
        Some(())
    }),
    // A public weight is held against a deviate too.
    (Rule::KnownOrDeviate, |d| {
        let (address, column, row) = d.rest();
        let (public, _) = d.public()?;
        d.add(column, row, -1);
        d.set(d.model.config.weights.counts[0], public, 1);
        d.set(d.model.config.weights.base, public, address);
        Some(())
    }),
    (Rule::KnownFits, |d| {
        let (column, (row, _)) = (d.known()?.public[0], d.public()?);
        d.set(column, row, 2 * d.model.config.shape.weight_offset);
        Some(())
    }),
    (Rule::KnownFits, |d| {
        let (column, (row, _)) = (d.known()?.public[0], d.public()?);
        d.set(column, row, -1);
        Some(())
    }),
    (Rule::KnownIdle, |d| {
        d.set(d.known()?.public[0], d.idle(), 1);
        Some(())
    }),
    (Rule::WeightHeld, |d| {
        let (known, (row, _)) = (d.known()?, d.public()?);
        d.set(known.rows, row, 0);
        for &column in &known.public {
            d.set(column, row, 0);
        }
        Some(())
    }),
    // The rest takes up what a weight was.
    (Rule::WeightHeld, |d| {
        let weights = &d.model.config.weights;
        let row = d.row(|d, row| d.at(weights.counts[0], row) == 1)?;
        let (address, (lane, free)) = (d.at(weights.base, row), d.no_rest()?);
        d.set(weights.counts[0], row, 0);
        d.set(d.model.config.rest[lane].count, free, 1);
        d.set(d.model.config.rest[lane].address, free, address);
        Some(())
    }),
    // A weight counts twice, in place of the rest: it is no plain deviate any more.
    (Rule::WeightHeld, |d| {
        let weights = &d.model.config.weights;
        let row = d.row(|d, row| d.at(weights.counts[0], row) == 1)?;
        let (address, (lane, free)) = (d.at(weights.base, row), d.no_rest()?);
        d.set(weights.counts[0], row, 2);
        d.set(d.model.config.rest[lane].count, free, 1);
        d.set(d.model.config.rest[lane].address, free, address);
        let tiles = d.model.config.tiles.clone();
        // All deviates of that row count twice more, and the rest takes up the others.
        let tile = tiles.iter().find_map(|tile| {
            let width = tile.values.len() as i64;
            let row = d.row(|d, row| {
                d.at(tile.uses, row) > 0 && (0..width).contains(&(address - d.at(tile.base, row)))
            })?;
            Some((tile, row, width))
        });
        let (tile, deviates, width) = tile?;
        d.add(tile.uses, deviates, 2);
        let base = d.at(tile.base, deviates);
        let others = (0..width).map(|j| base + j).filter(|&a| a != address);
        let count = d.model.config.rest[lane].count;
        let free: Vec<usize> = (free + 1..d.model.last())
            .filter(|&row| d.at(count, row) == 0)
            .collect();
        if free.len() < width as usize {
            return None;
        }
        for (other, row) in others.zip(free) {
            d.set(count, row, 2);
            d.set(d.model.config.rest[lane].address, row, other);
        }
        Some(())
    }),
    (Rule::NoDeviate, |d| {
        let (address, column, row) = d.rest();
        let (weights, idle) = (&d.model.config.weights, d.idle());
        d.add(column, row, -1);
        d.set(weights.counts[0], idle, 1);
        d.set(weights.base, idle, address);
        Some(())
    }),
    // Where the sum has ended there is no weight either.
    (Rule::NoDeviate, |d| {
        let (address, column, row) = d.rest();
        let (weights, last) = (&d.model.config.weights, d.model.last());
        d.add(column, row, -1);
        d.set(weights.counts[0], last, 1);
        d.set(weights.base, last, address);
        Some(())
    }),
    (Rule::NoPublic, |d| {
        let (row, lanes) = d.public()?;
        let zero = d.model.config.shape.weight_offset;
        d.set(d.known()?.public[lanes], row, zero + 1);
        Some(())
    }),
];

#[test]
fn every_rule_alone_refuses_a_corruption() {
    let models = [Kind::Derived, Kind::Known].map(Model::of);
    for model in &models {
        assert_eq!(Draft::new(model).refusal(), []);
    }
    let mut covered = BTreeSet::new();
    for (index, (rule, corrupt)) in ALL.iter().enumerate() {
        let refusals = models.iter().filter_map(|model| {
            let mut draft = Draft::new(model);
            corrupt(&mut draft)?;
            Some(draft.refusal())
        });
        let refusals: Vec<_> = refusals.collect();
        let alone = refusals.iter().any(|refusal| refusal == &[*rule]);
        assert!(alone, "corruption {index} of {rule:?}: {refusals:?}");
        assert!(refusals.iter().all(|refusal| refusal.contains(rule)));
        covered.insert(*rule);
    }
    let left = Rule::ALL.iter().filter(|rule| !covered.contains(rule));
    let left: Vec<_> = left.collect();
    assert!(left.is_empty(), "without a corruption: {left:?}");
}

/// Each rule is one comparison: what is deleted there is what its corruptions show.
#[test]
fn every_rule_stands_in_one_place() {
    let source = include_str!("../../src/relayout/check.rs");
    for rule in Rule::ALL {
        let name = format!("Rule::{rule:?}");
        let places = source.split(&name).skip(1);
        let places = places.filter(|rest| !rest.starts_with(char::is_alphanumeric));
        assert_eq!(places.count(), 1, "{name}");
    }
}
