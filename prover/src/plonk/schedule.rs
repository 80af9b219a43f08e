//! Which constraints are evaluated together, so that few columns are on a coset at a time.
//!
//! Constraints that read the same columns come together: a group begins anywhere and takes, one
//! after the other, the constraint that needs the fewest further columns, as long as there is room.
//! A column that several groups read is transformed again unless the next group is among them.
//!
//! A constraint that reads more columns than there is room for is a sum of terms that do not: all are
//! folded with the same factor, wherever they are evaluated.

use std::collections::BTreeSet;

use halo2_proofs::plonk::{ConstraintSystem, Expression};
use halo2curves::bn256::Fr;

use super::program::Kind;

/// A column of a circuit.
pub(super) type ColumnId = (Kind, usize);

/// Constraints that are evaluated together.
#[derive(Debug)]
pub(super) struct Group {
    /// Constraints, or terms of one, each with its index among all constraints.
    pub(super) constraints: Vec<(usize, Expression<Fr>)>,
    /// What they read.
    pub(super) columns: BTreeSet<ColumnId>,
}

/// All constraints, in groups that read at most `most` columns each. A term that reads more is in a
/// group with others that read no further ones.
pub(super) fn groups(meta: &ConstraintSystem<Fr>, most: usize) -> Vec<Group> {
    let polynomials = meta.gates().iter().flat_map(|gate| gate.polynomials());
    let mut rest: Vec<Piece> = polynomials
        .enumerate()
        .flat_map(|(index, polynomial)| {
            let terms = terms(polynomial, most).into_iter();
            terms.map(move |term| {
                let columns = columns(&term);
                (index, term, columns)
            })
        })
        .collect();
    let mut groups = Vec::new();
    let mut loaded = BTreeSet::new();
    while !rest.is_empty() {
        let mut group = Group {
            constraints: Vec::new(),
            columns: BTreeSet::new(),
        };
        // The first one goes on from what the group before has loaded.
        while let Some(next) = fewest(&rest, |columns| {
            let known = if group.columns.is_empty() {
                &loaded
            } else {
                &group.columns
            };
            columns.difference(known).count()
        }) {
            let further = rest[next].2.difference(&group.columns).count();
            let full = group.columns.len() + further > most;
            if full && further > 0 && !group.constraints.is_empty() {
                break;
            }
            let (index, polynomial, columns) = rest.remove(next);
            group.constraints.push((index, polynomial));
            group.columns.extend(columns);
        }
        loaded.clone_from(&group.columns);
        groups.push(group);
    }
    groups
}

/// A constraint or a term of one, its index, and what it reads.
type Piece = (usize, Expression<Fr>, BTreeSet<ColumnId>);

/// The expression as a sum of terms, as few as read at most `most` columns each where they can.
fn terms(expression: &Expression<Fr>, most: usize) -> Vec<Expression<Fr>> {
    if columns(expression).len() <= most {
        return vec![expression.clone()];
    }
    let each =
        |inner: &Expression<Fr>, most: usize, outer: &dyn Fn(Expression<Fr>) -> Expression<Fr>| {
            terms(inner, most).into_iter().map(outer).collect()
        };
    match expression {
        Expression::Sum(a, b) => [a, b].iter().flat_map(|part| terms(part, most)).collect(),
        Expression::Negated(a) => each(a, most, &|term| -term),
        Expression::Scaled(a, factor) => each(a, most, &|term| term * *factor),
        Expression::Product(a, b) => {
            let [left, right] = [a, b].map(|factor| columns(factor).len());
            let (wide, narrow, fewer) = if left > right {
                (a, b, right)
            } else {
                (b, a, left)
            };
            let room = most.saturating_sub(fewer).max(1);
            each(wide, room, &|term| (**narrow).clone() * term)
        }
        _ => vec![expression.clone()],
    }
}

/// Position of the first constraint of the least cost.
fn fewest(rest: &[Piece], cost: impl Fn(&BTreeSet<ColumnId>) -> usize) -> Option<usize> {
    let costs = rest.iter().map(|(_, _, columns)| cost(columns));
    let least = costs.enumerate().min_by_key(|&(_, cost)| cost);
    least.map(|(position, _)| position)
}

/// Columns that an expression reads.
fn columns(expression: &Expression<Fr>) -> BTreeSet<ColumnId> {
    let one = |kind, column| BTreeSet::from([(kind, column)]);
    expression.evaluate(
        &|_| BTreeSet::new(),
        &|_| BTreeSet::new(),
        &|query| one(Kind::Fixed, query.column_index()),
        &|query| one(Kind::Advice, query.column_index()),
        &|query| one(Kind::Instance, query.column_index()),
        &|_| BTreeSet::new(),
        &|a| a,
        &union,
        &union,
        &|a, _| a,
    )
}

fn union(mut a: BTreeSet<ColumnId>, b: BTreeSet<ColumnId>) -> BTreeSet<ColumnId> {
    a.extend(b);
    a
}

#[cfg(test)]
mod tests {
    use super::*;
    use ff::Field;
    use halo2_proofs::plonk::{Advice, Column, FirstPhase};
    use halo2_proofs::poly::Rotation;

    fn meta(pairs: &[[usize; 2]]) -> ConstraintSystem<Fr> {
        let mut meta = ConstraintSystem::default();
        let columns: Vec<Column<Advice>> = (0..8).map(|_| meta.advice_column()).collect();
        for pair in pairs {
            meta.create_gate("pair", |meta| {
                let [a, b] = pair.map(|i| meta.query_advice(columns[i], Rotation::cur()));
                vec![a * b]
            });
        }
        meta
    }

    #[test]
    fn every_constraint_is_in_one_group_and_groups_are_bounded() {
        let meta = meta(&[[0, 1], [4, 5], [1, 2], [5, 6], [0, 2], [4, 6], [6, 7]]);
        for most in 1..9 {
            let groups = groups(&meta, most);
            let constraints = groups.iter().flat_map(|group| &group.constraints);
            let mut indices: Vec<usize> = constraints.map(|(index, _)| *index).collect();
            indices.sort_unstable();
            assert_eq!(indices, (0..7).collect::<Vec<_>>());
            assert!(
                groups
                    .iter()
                    .all(|group| group.columns.len() <= most.max(2))
            );
        }
        assert_eq!(groups(&meta, 8).len(), 1);
        // Neighbours come together: three groups would do with four columns, two with these.
        assert_eq!(groups(&meta, 4).len(), 2);
    }

    /// What a cell holds, of no pattern.
    fn cell(kind: Kind, column: usize, rotation: Rotation) -> Fr {
        let seed = 3 * column as u64 + 1000 * (rotation.0 + 2) as u64 + kind as u64;
        (Fr::from(seed) + Fr::from(u64::MAX)).cube()
    }

    fn value(expression: &Expression<Fr>) -> Fr {
        expression.evaluate(
            &|constant| constant,
            &|_| unreachable!("no selectors"),
            &|query| cell(Kind::Fixed, query.column_index(), query.rotation()),
            &|query| cell(Kind::Advice, query.column_index(), query.rotation()),
            &|query| cell(Kind::Instance, query.column_index(), query.rotation()),
            &|challenge| Fr::from(77 + challenge.index() as u64).cube(),
            &|a| -a,
            &|a, b| a + b,
            &|a, b| a * b,
            &|a, factor| a * factor,
        )
    }

    #[test]
    fn a_wide_constraint_is_the_sum_of_its_terms() {
        let mut meta = ConstraintSystem::default();
        let lanes: Vec<Column<Advice>> = (0..40).map(|_| meta.advice_column()).collect();
        let [flag, other] = [meta.fixed_column(), meta.fixed_column()];
        let challenge = meta.challenge_usable_after(FirstPhase);
        let f = challenge.expr();
        let horner = |lanes: &[Column<Advice>]| {
            let lanes = lanes.iter().rev().map(|lane| lane.cur());
            lanes
                .reduce(|sum, lane| sum * f.clone() + lane)
                .expect("lanes")
        };
        let wide = flag.cur() * (lanes[0].next() - lanes[0].cur())
            - lanes[1].cur()
                * (flag.cur() * horner(&lanes) + other.cur() * horner(&lanes[7..]))
                * Fr::from(5);
        meta.create_gate("wide", |_| vec![wide.clone()]);
        for most in [5, 12, 30, 100] {
            let groups = groups(&meta, most);
            assert!(
                groups.iter().all(|group| group.columns.len() <= most),
                "{most}"
            );
            let terms = groups.iter().flat_map(|group| &group.constraints);
            let sum: Fr = terms.map(|(_, term)| value(term)).sum();
            assert_eq!(sum, value(&wide), "{most}");
        }
        assert_eq!(groups(&meta, 100)[0].constraints.len(), 1);
    }
}
