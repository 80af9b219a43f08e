//! Verifying-key files: one encoding, bounded work, and no way to make an honest
//! proof pass under another key.

use ark_bn254::Fr;
use nascent_verifier::bundle::MAX_PROOF_BYTES;
use nascent_verifier::{VerifyingKey, verify_proof};

use crate::fixture::{FIXTURE, NORMAL, UNIFORM};

/// Decodes a key and verifies proofs under it.
pub fn run(data: &[u8]) {
    let Ok(key) = VerifyingKey::decode(data) else {
        return;
    };
    let encoded = key.encode().expect("a key that was decoded");
    assert_eq!(encoded, data, "a second encoding");
    let length = key.proof_len();
    assert_eq!(length % 32, 0);

    let original = data == UNIFORM || data == NORMAL;
    let (_, prefix, instance) = FIXTURE.statement(0);
    let honest = &FIXTURE.bundle.tiles[0].proof;
    let columns = key.data().instance_rows.iter();
    let zeros: Vec<Vec<Fr>> = columns
        .map(|&rows| vec![Fr::from(0); rows as usize])
        .collect();
    let verdict = verify_proof(&key, &FIXTURE.srs, &prefix, &[instance], honest);
    assert!(
        original || verdict.is_err(),
        "an honest proof under another key"
    );

    // A proof that parses under any key: each word is the scalar 1 and the x of
    // the generator. It may hold (a key may ask for nothing); it must not panic.
    if length <= MAX_PROOF_BYTES {
        let mut proof = vec![0; length];
        for word in proof.as_chunks_mut::<32>().0 {
            word[0] = 1;
        }
        let _ = verify_proof(&key, &FIXTURE.srs, &prefix, &zeros, &proof);
        let _ = key.weight_commitments(&proof);
    }
}
