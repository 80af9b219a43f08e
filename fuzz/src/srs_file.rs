//! The verifier's SRS file.

use nascent_verifier::{Digest32, Srs, verify_init};

use crate::fixture::{FIXTURE, SRS};

/// Decodes, and verifies the fixture under what came out.
pub fn run(data: &[u8]) {
    let Ok(srs) = Srs::decode(data) else {
        return;
    };
    assert_eq!(srs.encode().expect("an SRS that was decoded"), data);
    assert_eq!(Srs::from_uncompressed(&srs.to_uncompressed()), Ok(srs));
    let find = |digest: &Digest32| FIXTURE.keys.iter().find(|key| key.digest() == digest);
    let verdict = verify_init(&FIXTURE.bundle, find, &srs);
    assert_eq!(verdict.is_ok(), data == SRS);
    assert_eq!(srs.is_development(), data == SRS);
}
