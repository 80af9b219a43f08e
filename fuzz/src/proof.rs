//! Proof bytes: nothing but the original is accepted.
//!
//! Input: a byte that picks tile and mode, then either the proof's bytes (bit 7
//! clear) or changes to the original (bit 7 set), four bytes each: word, kind of
//! change, two arguments. The second mode keeps words canonical often enough to
//! reach the transcript, the quotient and the pairing.

use std::sync::LazyLock;

use ark_bn254::Fr;
use nascent_verifier::{Digest32, VerifyingKey, verify_proof};

use crate::fixture::FIXTURE;

const CHANGES: u8 = 0x80;
const WORD: usize = 32;
/// One: as a scalar, and as the `x` of the generator.
const ONE: [u8; WORD] = {
    let mut word = [0; WORD];
    word[0] = 1;
    word
};
const IDENTITY: [u8; WORD] = {
    let mut word = [0; WORD];
    word[WORD - 1] = 0x80;
    word
};
/// Orders of the two fields, little-endian.
const ORDERS: [&str; 2] = [
    "30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001",
    "30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47",
];

type Statement = (&'static VerifyingKey, Digest32, Vec<Fr>);

static STATEMENTS: LazyLock<Vec<Statement>> = LazyLock::new(|| {
    let tiles = 0..FIXTURE.bundle.tiles.len();
    tiles.map(|tile| FIXTURE.statement(tile)).collect()
});

/// Verifies a changed proof.
pub fn run(data: &[u8]) {
    let Some((&head, body)) = data.split_first() else {
        return;
    };
    let tiles = &FIXTURE.bundle.tiles;
    let tile = usize::from(head & !CHANGES) % tiles.len();
    let original = &tiles[tile].proof;
    let proof = if head & CHANGES == 0 {
        body.to_vec()
    } else {
        changed(original, body)
    };
    let (key, prefix, instance) = &STATEMENTS[tile];
    let verdict = verify_proof(
        key,
        &FIXTURE.srs,
        prefix,
        std::slice::from_ref(instance),
        &proof,
    );
    assert_eq!(
        verdict.is_ok(),
        proof == *original,
        "tile {tile}: {verdict:?}"
    );
}

fn changed(original: &[u8], changes: &[u8]) -> Vec<u8> {
    let mut proof = original.to_vec();
    let words = proof.len() / WORD;
    for change in changes.as_chunks::<4>().0 {
        let [word, kind, a, b] = change.map(usize::from);
        // More than 256 words: the second argument of most kinds is free.
        let at = (word + 256 * (kind >> 4)) % words;
        let mut value = word_of(&proof, at);
        match kind & 15 {
            0 => value[a % WORD] ^= 1 << (b % 8),
            1 => value[a % WORD] = b as u8,
            2 => value = word_of(&proof, (a + 256 * b) % words),
            3 => value = word_of(original, (a + 256 * b) % words),
            4 => value = foreign(a, b),
            5 => value = [0; WORD],
            6 => value = ONE,
            7 => value = IDENTITY,
            // The other point with this x.
            8 => value[WORD - 1] ^= 0x40,
            9 => value = added(&value, &order(a)),
            10 => value = order(a),
            11 => value = added(&value, &ONE),
            12 => value[WORD - 1] ^= 0x80,
            13 => {
                let other = (a + 256 * b) % words;
                let there = word_of(&proof, other);
                proof[other * WORD..][..WORD].copy_from_slice(&value);
                value = there;
            }
            14 => {
                proof.truncate(at * WORD + a % WORD);
                return proof;
            }
            _ => {
                proof.extend_from_slice(&value[..a % WORD]);
                return proof;
            }
        }
        proof[at * WORD..][..WORD].copy_from_slice(&value);
    }
    proof
}

fn word_of(proof: &[u8], at: usize) -> [u8; WORD] {
    proof.as_chunks::<WORD>().0[at]
}

/// A word of another tile's proof.
fn foreign(a: usize, b: usize) -> [u8; WORD] {
    let tiles = &FIXTURE.bundle.tiles;
    let words = tiles[a % tiles.len()].proof.as_chunks::<WORD>().0;
    words[(a / tiles.len() + 85 * b) % words.len()]
}

fn order(which: usize) -> [u8; WORD] {
    let text = ORDERS[which % 2];
    let mut bytes = [0; WORD];
    for (at, byte) in bytes.iter_mut().rev().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).expect("hexadecimal");
    }
    bytes
}

/// The sum of little-endian numbers modulo `2^256`.
fn added(left: &[u8; WORD], right: &[u8; WORD]) -> [u8; WORD] {
    let mut carry = 0_u16;
    std::array::from_fn(|at| {
        carry = (carry >> 8) + u16::from(left[at]) + u16::from(right[at]);
        carry as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_original_is_accepted_in_both_modes() {
        run(&[CHANGES]);
        run(&[CHANGES | 2]);
        run(&[&[1], FIXTURE.bundle.tiles[1].proof.as_slice()].concat());
    }

    #[test]
    fn every_kind_of_change_is_tried() {
        for kind in 0..=255 {
            run(&[CHANGES, 7, kind, 3, 1]);
        }
        // Changed and changed back.
        run(&[CHANGES, 7, 0, 3, 1, 7, 0, 3, 1]);
    }
}
