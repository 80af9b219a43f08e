//! Chain files: one encoding; what verifies has the proofs that were made, and no others.

use nascent_verifier::chain::Origin;
use nascent_verifier::{Alone, Chain, VerifyingKey, verify_chain};

use crate::decode;
use crate::fixture::FIXTURE;
use crate::proved::PROVED;

/// Decodes; verifies under the honest keys and under those of the file.
pub fn run(data: &[u8]) {
    let Some(chain) = decode::<Chain>(data) else {
        return;
    };
    let honest = &PROVED.chain;
    let find = |keys: &'static [VerifyingKey]| {
        move |digest: &_| keys.iter().find(|key| key.digest() == digest)
    };
    let verdict = verify_chain(&chain, find(&PROVED.keys), &FIXTURE.srs, &Alone);
    if verdict.is_ok() {
        assert_eq!(chain.initializations, honest.initializations);
        for version in &chain.versions {
            if let Origin::Initial(_) = version.origin {
                assert_eq!(version.origin, honest.versions[0].origin);
                assert_eq!(version.commitment, honest.versions[0].commitment);
            }
        }
        for answer in &chain.answers {
            assert_eq!(answer.inference, honest.answers[0].inference);
        }
    } else {
        assert_ne!(chain, *honest, "{verdict:?}");
    }
    // Whoever believes a file's own keys believes anything, but does not fall over.
    let keys = chain.attachments.keys.iter().cloned();
    let keys: Vec<VerifyingKey> = keys.filter_map(|key| VerifyingKey::new(key).ok()).collect();
    let find = |digest: &_| keys.iter().find(|key| key.digest() == digest);
    let _ = verify_chain(&chain, find, &FIXTURE.srs, &Alone);
}
