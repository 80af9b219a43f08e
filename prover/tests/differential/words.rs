//! Each word of a proof replaced, moved, or the last.

use crate::case::Case;
use crate::circuit::shapes;

const ORDER: [u8; 32] = [
    0x01, 0x00, 0x00, 0xf0, 0x93, 0xf5, 0xe1, 0x43, 0x91, 0x70, 0xb9, 0x79, 0x48, 0xe8, 0x33, 0x28,
    0x5d, 0x58, 0x81, 0x81, 0xb6, 0x45, 0x50, 0xb8, 0x29, 0xa0, 0x31, 0xe1, 0x72, 0x4e, 0x64, 0x30,
];

/// `a + b`, little-endian, dropping the carry.
fn add(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut carry = 0;
    let sum = a.iter().zip(b).map(|(a, b)| {
        let sum = u16::from(*a) + u16::from(*b) + carry;
        carry = sum >> 8;
        sum.to_le_bytes()[0]
    });
    sum.collect()
}

fn word_mutations(word: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let flip = |byte: usize, bit: u8| {
        let mut out = word.to_vec();
        out[byte] ^= bit;
        out
    };
    let mut one = [0; 32];
    one[0] = 1;
    let mut identity = [0; 32];
    identity[31] = 0x80;
    let mut odd_identity = identity;
    odd_identity[31] = 0xc0;
    vec![
        ("lowest bit", flip(0, 1)),
        ("middle bit", flip(15, 16)),
        ("sign bit", flip(31, 0x40)),
        ("identity bit", flip(31, 0x80)),
        ("zero", vec![0; 32]),
        ("all ones", vec![0xff; 32]),
        ("plus one", add(word, &one)),
        ("plus the order", add(word, &ORDER)),
        ("the order", ORDER.to_vec()),
        ("identity", identity.to_vec()),
        ("odd identity", odd_identity.to_vec()),
    ]
}

#[test]
fn both_refuse_every_mutated_word() {
    for shape in shapes().into_iter().take(3) {
        let case = Case::new(shape);
        let words = case.proof.len() / 32;
        let check = |what: &str, proof: &[u8]| {
            if proof != case.proof {
                let accepted = case.both(what, &case.prefix, &case.instance, proof);
                assert!(!accepted, "{shape:?}: {what} accepted");
            }
        };
        for word in 0..words {
            let range = word * 32..word * 32 + 32;
            for (what, bytes) in word_mutations(&case.proof[range.clone()]) {
                let mut proof = case.proof.clone();
                proof[range.clone()].copy_from_slice(&bytes);
                check(&format!("word {word}: {what}"), &proof);
            }
            let mut proof = case.proof.clone();
            let other = (word + 1) % words * 32;
            for byte in 0..32 {
                proof.swap(word * 32 + byte, other + byte);
            }
            check(&format!("word {word} swapped with the next"), &proof);
            check(&format!("cut at word {word}"), &case.proof[..word * 32]);
        }
    }
}
