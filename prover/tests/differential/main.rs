//! The library's verifier and ours agree: on valid proofs and on mutated ones.

mod case;
mod circuit;
mod key;
mod words;

use case::{Case, verify};
use circuit::{Shape, shapes};
use ff::{Field, PrimeField};
use halo2curves::bn256::Fr;
use nascent_verifier::encoding::scalar_from_bytes;
use nascent_verifier::{BatchVerifier, ProofError, Srs};

#[test]
fn both_accept_valid_proofs() {
    for shape in shapes() {
        let mut case = Case::new(shape);
        assert_eq!(case.proof.len(), case.vk.proof_len(), "{shape:?}");
        assert!(case.both("valid", &case.prefix, &case.instance, &case.proof));
        case.prove(shape, 1234);
        assert!(case.both("valid", &case.prefix, &case.instance, &case.proof));
    }
}

#[test]
fn both_refuse_other_statements() {
    for shape in shapes() {
        let case = Case::new(shape);
        for byte in [0, 31] {
            let mut prefix = case.prefix;
            prefix[byte] ^= 1;
            assert!(!case.both("prefix", &prefix, &case.instance, &case.proof));
        }
        for row in 0..2 {
            let mut instance = case.instance.clone();
            instance[row] += Fr::ONE;
            assert!(!case.both("instance", &case.prefix, &instance, &case.proof));
        }
        let swapped = [case.instance[1], case.instance[0]];
        assert!(!case.both("instance", &case.prefix, &swapped, &case.proof));
        assert!(!case.both("short instance", &case.prefix, &swapped[..1], &case.proof));
        let mut long = case.instance.clone();
        long.push(Fr::ZERO);
        assert!(!case.both("long instance", &case.prefix, &long, &case.proof));
    }
}

#[test]
fn lengths_are_exact() {
    let case = Case::new(Shape::default());
    let expected = case.proof.len();
    for got in [
        0,
        1,
        31,
        32,
        expected - 32,
        expected - 1,
        expected + 1,
        expected + 32,
    ] {
        let mut proof = case.proof.clone();
        proof.resize(got, 0);
        let refused = case.ours(&case.prefix, &case.instance, &proof);
        assert_eq!(refused, Err(ProofError::Length { expected, got }));
    }
}

#[test]
fn another_srs_is_refused() {
    let case = Case::new(Shape::default());
    let other = Srs::development().unwrap();
    let verdict = verify(&case.vk, &other, &case.prefix, &case.instance, &case.proof);
    assert_eq!(verdict, Err(ProofError::Pairing));
}

#[test]
fn a_batch_names_the_false_proof() {
    let [plain, copies, ..] = shapes();
    let mut cases = [Case::new(plain), Case::new(copies), Case::new(plain)];
    cases[2].prove(plain, 6);
    let add_all = |damaged: Option<usize>| {
        let mut batch = BatchVerifier::default();
        for (index, case) in cases.iter().enumerate() {
            let instance = case.instance.iter();
            let mut instance: Vec<_> = instance
                .map(|value| scalar_from_bytes(&value.to_repr()).unwrap())
                .collect();
            if damaged == Some(index) {
                instance.swap(0, 1);
            }
            batch
                .add(&case.vk, &case.prefix, &[instance], &case.proof)
                .unwrap();
        }
        batch.finish(&cases[0].srs)
    };
    assert_eq!(add_all(None), Ok(()));
    for index in 0..3 {
        let error = nascent_verifier::BatchError::Pairing { position: index };
        assert_eq!(add_all(Some(index)), Err(error));
    }
}
