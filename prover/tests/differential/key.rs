//! Each field of a verifying key changed.

use crate::case::{Case, verify};
use crate::circuit::shapes;
use ff::{Field, PrimeField};
use halo2curves::bn256::Fr;
use nascent_verifier::vk::{ColumnKind, Node};
use nascent_verifier::{VerifyingKey, VkData};

/// Mutations of a key: each must be refused by itself or refuse the proof,
/// though the prefix (which would bind its digest) stays the same.
fn key_mutations(data: &VkData) -> Vec<(&'static str, VkData)> {
    let mut out = Vec::new();
    let mut change = |what, apply: &dyn Fn(&mut VkData)| {
        let mut changed = data.clone();
        apply(&mut changed);
        if changed != *data {
            out.push((what, changed));
        }
    };
    change("k up", &|d| d.k += 1);
    change("k down", &|d| d.k -= 1);
    change("omega bit", &|d| d.omega[3] ^= 1);
    change("other omega", &|d| {
        let omega = Fr::from_repr(d.omega).unwrap();
        d.omega = omega.cube().to_repr();
    });
    change("degree up", &|d| d.degree += 1);
    change("degree down", &|d| d.degree -= 1);
    change("blinding", &|d| d.blinding_factors += 1);
    change("instance rows", &|d| d.instance_rows[0] += 1);
    change("instance columns", &|d| d.instance_rows.push(0));
    change("advice phases", &|d| d.advice_phases.swap(0, 2));
    change("challenge phases", &|d| d.challenge_phases.swap(1, 2));
    change("fewer challenges", &|d| d.challenge_phases.truncate(2));
    change("advice query order", &|d| d.advice_queries.swap(0, 1));
    change("advice query column", &|d| d.advice_queries[0].column ^= 1);
    change("advice rotation", &|d| d.advice_queries[0].rotation = 5);
    change("fixed query order", &|d| d.fixed_queries.swap(0, 1));
    change("instance rotation", &|d| d.instance_queries[1].rotation = 2);
    change("constraint order", &|d| d.constraints.swap(0, 1));
    change("constraint lost", &|d| d.constraints.truncate(3));
    change("constraint twice", &|d| {
        d.constraints.push(d.constraints[0])
    });
    change("fixed commitment", &|d| d.fixed_commitments.swap(0, 1));
    change("fixed commitment sign", &|d| {
        d.fixed_commitments[0][31] ^= 0x40
    });
    change("permutation order", &|d| {
        if d.permutation.len() > 1 {
            d.permutation.swap(0, 1);
        }
    });
    change("permutation kind", &|d| {
        for column in &mut d.permutation {
            if column.kind == ColumnKind::Fixed {
                column.kind = ColumnKind::Instance;
            }
        }
    });
    change("permutation lost", &|d| d.permutation.clear());
    change("scalars", &|d| {
        for node in &mut d.nodes {
            if let Node::Constant(scalar) | Node::Scaled(_, scalar) = node {
                scalar[0] ^= 3;
            }
        }
    });
    for index in 0..data.nodes.len() {
        change("node", &|d| {
            d.nodes[index] = match d.nodes[index] {
                Node::Constant(scalar) => Node::Scaled(0, scalar),
                Node::Fixed(query) => Node::Advice(query),
                Node::Advice(query) => Node::Advice(query ^ 1),
                Node::Instance(query) => Node::Instance(query ^ 1),
                Node::Challenge(challenge) => Node::Challenge(challenge ^ 1),
                Node::Negated(a) => Node::Sum(a, a),
                Node::Sum(a, b) => Node::Product(a, b),
                Node::Product(a, b) => Node::Sum(a, b),
                Node::Scaled(a, _) => Node::Negated(a),
            }
        });
    }
    out
}

#[test]
fn every_field_of_the_key_counts() {
    for shape in shapes() {
        let case = Case::new(shape);
        let verdict =
            |vk: &VerifyingKey| verify(vk, &case.srs, &case.prefix, &case.instance, &case.proof);
        let bytes = case.vk.encode().unwrap();
        let again = VerifyingKey::decode(&bytes).unwrap();
        assert_eq!(again.digest(), case.vk.digest());
        verdict(&again).unwrap();
        for (what, data) in key_mutations(case.vk.data()) {
            let Ok(vk) = VerifyingKey::new(data) else {
                continue;
            };
            assert_ne!(vk.digest(), case.vk.digest());
            assert!(verdict(&vk).is_err(), "{shape:?}: {what} accepted");
        }
    }
}
