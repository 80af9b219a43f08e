//! Which constraints are evaluated together, so that few columns are on a coset at a time.
//!
//! Constraints that read the same columns come together: a group begins anywhere and takes, one
//! after the other, the constraint that needs the fewest further columns, as long as there is room.
//! A column that several groups read is transformed again unless the next group is among them.

use std::collections::BTreeSet;

use halo2_proofs::plonk::{ConstraintSystem, Expression};
use halo2curves::bn256::Fr;

use super::program::Kind;

/// A column of a circuit.
pub(super) type ColumnId = (Kind, usize);

/// Constraints that are evaluated together.
#[derive(Debug)]
pub(super) struct Group<'a> {
    /// Each with its index among all constraints.
    pub(super) constraints: Vec<(usize, &'a Expression<Fr>)>,
    /// What they read.
    pub(super) columns: BTreeSet<ColumnId>,
}

/// All constraints, in groups that read at most `most` columns each. A constraint that reads more
/// is in a group with others that read no further ones.
pub(super) fn groups(meta: &ConstraintSystem<Fr>, most: usize) -> Vec<Group<'_>> {
    let polynomials = meta.gates().iter().flat_map(|gate| gate.polynomials());
    let mut rest: Vec<(usize, &Expression<Fr>, BTreeSet<ColumnId>)> = polynomials
        .enumerate()
        .map(|(index, polynomial)| (index, polynomial, columns(polynomial)))
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

/// Position of the first constraint of the least cost.
fn fewest(
    rest: &[(usize, &Expression<Fr>, BTreeSet<ColumnId>)],
    cost: impl Fn(&BTreeSet<ColumnId>) -> usize,
) -> Option<usize> {
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
    use halo2_proofs::plonk::Advice;
    use halo2_proofs::plonk::Column;
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
}
