//! Files written by the prover, read by the verifier alone.
//!
//! Rewritten by
//! `NASCENT_WRITE_FIXTURES=1 cargo test -p nascent-prover --test tiles fixtures`.

use nascent_verifier::{
    Digest32, Format, FormatError, InitBundle, ProofError, Report, Srs, VerifyError, VerifyingKey,
    verify_init,
};

const BUNDLE: &[u8] = include_bytes!("../fixtures/toy.init");
const UNIFORM: &[u8] = include_bytes!("../fixtures/uniform.vk");
const NORMAL: &[u8] = include_bytes!("../fixtures/normal.vk");
const SRS: &[u8] = include_bytes!("../fixtures/development.srs");

struct Files {
    bundle: InitBundle,
    keys: [VerifyingKey; 2],
    srs: Srs,
}

impl Files {
    fn read() -> Self {
        Self {
            bundle: InitBundle::decode(BUNDLE).unwrap(),
            keys: [UNIFORM, NORMAL].map(|bytes| VerifyingKey::decode(bytes).unwrap()),
            srs: Srs::decode(SRS).unwrap(),
        }
    }

    fn verify(&self, bundle: &InitBundle) -> Result<Report, VerifyError> {
        let find = |digest: &Digest32| self.keys.iter().find(|vk| vk.digest() == digest);
        verify_init(bundle, find, &self.srs)
    }
}

#[test]
fn the_bundle_verifies() {
    let files = Files::read();
    let report = files.verify(&files.bundle).unwrap();
    assert_eq!(report.proofs, 3);
    assert!(report.development_srs);
    assert_eq!(files.bundle.encode().unwrap(), BUNDLE);
    assert_eq!(files.keys[0].encode().unwrap(), UNIFORM);
    assert_eq!(files.srs.encode().unwrap(), SRS);
}

#[test]
fn every_word_of_a_proof_counts() {
    let files = Files::read();
    let mut bundle = files.bundle.clone();
    for word in 0..bundle.tiles[0].proof.len() / 32 {
        let byte = word * 32 + word % 31;
        bundle.tiles[0].proof[byte] ^= 1 << (word % 8);
        let error = files.verify(&bundle).unwrap_err();
        let at_tile = matches!(
            error,
            VerifyError::Tile {
                stream: 0,
                index: 0,
                ..
            }
        );
        assert!(at_tile, "word {word}: {error}");
        bundle.tiles[0].proof[byte] ^= 1 << (word % 8);
    }
    files.verify(&bundle).unwrap();
}

#[test]
fn trailing_and_missing_proof_bytes_are_refused() {
    let files = Files::read();
    let expected = files.keys[0].proof_len();
    for got in [0, expected - 32, expected - 1, expected + 1, expected + 32] {
        let mut bundle = files.bundle.clone();
        bundle.tiles[0].proof.resize(got, 0);
        let error = VerifyError::Tile {
            stream: 0,
            index: 0,
            source: ProofError::Length { expected, got },
        };
        assert_eq!(files.verify(&bundle), Err(error));
    }
}

/// Damaged files: an error or a value that encodes to exactly these bytes.
fn damaged<T>(bytes: &[u8], decode: impl Fn(&[u8]) -> Option<T>, encode: impl Fn(&T) -> Vec<u8>) {
    assert!(decode(bytes).is_some());
    let step = (bytes.len() / 400).max(1);
    for cut in (0..bytes.len()).step_by(step) {
        assert!(decode(&bytes[..cut]).is_none(), "cut at {cut}");
    }
    let mut longer = bytes.to_vec();
    longer.push(0);
    assert!(decode(&longer).is_none());
    for at in (0..bytes.len()).step_by(step) {
        for bit in [0x01, 0x40, 0x80] {
            let mut flipped = bytes.to_vec();
            flipped[at] ^= bit;
            if let Some(value) = decode(&flipped) {
                assert_eq!(encode(&value), flipped, "byte {at}, bit {bit}");
            }
        }
    }
}

#[test]
fn damaged_files_are_errors_or_other_values_never_second_encodings() {
    damaged(
        BUNDLE,
        |bytes| InitBundle::decode(bytes).ok(),
        |value| value.encode().unwrap(),
    );
    damaged(
        UNIFORM,
        |bytes| VerifyingKey::decode(bytes).ok(),
        |value| value.encode().unwrap(),
    );
    damaged(
        SRS,
        |bytes| Srs::decode(bytes).ok(),
        |value| value.encode().unwrap(),
    );
}

#[test]
fn files_of_other_kinds_and_versions_are_named() {
    assert!(matches!(
        InitBundle::decode(UNIFORM),
        Err(FormatError::Magic { .. })
    ));
    for got in [1_u16, 9] {
        let mut bytes = BUNDLE.to_vec();
        bytes[8] = got.to_le_bytes()[0];
        let error = FormatError::Version { expected: 2, got };
        assert!(error.to_string().contains("make it again with this one"));
        assert_eq!(InitBundle::decode(&bytes), Err(error));
    }
    let error = FormatError::TooLarge {
        limit: 256,
        got: 257,
    };
    assert_eq!(Srs::decode(&[0; 257]), Err(error));
}
