//! Thousands of damaged files, the same in every run: each is an error or a value
//! that encodes to exactly these bytes, and nothing but the original verifies.
//!
//! The targets in `fuzz/` look for the same failures, for longer.

use nascent_verifier::{
    Beacon, Digest32, Format, InitBundle, ModelSpec, Plan, Srs, VerifyingKey, verify_init,
};

const BUNDLE: &[u8] = include_bytes!("../fixtures/toy.init");
const UNIFORM: &[u8] = include_bytes!("../fixtures/uniform.vk");
const NORMAL: &[u8] = include_bytes!("../fixtures/normal.vk");
const SRS: &[u8] = include_bytes!("../fixtures/development.srs");

/// A small generator: `SplitMix64`.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) as usize % limit
    }

    /// One to four changes: bits, numbers, pieces moved, put in or taken out.
    fn mutate(&mut self, original: &[u8]) -> Vec<u8> {
        let mut bytes = original.to_vec();
        for _ in 0..=self.below(4) {
            let (at, from) = (self.below(bytes.len()), self.below(bytes.len()));
            let len = 1 + self.below(40.min(bytes.len() - at.max(from)));
            let piece = bytes[from..from + len].to_vec();
            match self.below(6) {
                0 => bytes[at] ^= 1 << self.below(8),
                1 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][self.below(5)],
                2 => bytes[at..at + len].copy_from_slice(&piece),
                3 => drop(bytes.splice(at..at, piece)),
                4 if len < bytes.len() => drop(bytes.drain(at..at + len)),
                _ => bytes[at..at + len].fill(0xff),
            }
        }
        bytes
    }
}

fn smoke<T>(
    seed: u64,
    original: &[u8],
    decode: impl Fn(&[u8]) -> Option<T>,
    encode: impl Fn(&T) -> Vec<u8>,
) {
    let value = decode(original).expect("the original is good");
    assert_eq!(encode(&value), original);
    let mut random = Random(seed);
    for round in 0..3000 {
        let bytes = random.mutate(original);
        if let Some(value) = decode(&bytes) {
            assert_eq!(encode(&value), bytes, "round {round}");
        }
    }
}

fn format<T: Format>(seed: u64, original: &[u8]) {
    let encode = |value: &T| value.encode().unwrap();
    smoke(seed, original, |bytes| T::decode(bytes).ok(), encode);
}

#[test]
fn damaged_files() {
    let bundle = InitBundle::decode(BUNDLE).unwrap();
    format::<InitBundle>(1, BUNDLE);
    format::<Plan>(2, &bundle.plan.encode().unwrap());
    format::<ModelSpec>(3, &bundle.plan.model.encode().unwrap());
    smoke(
        4,
        SRS,
        |bytes| Srs::decode(bytes).ok(),
        |srs| srs.encode().unwrap(),
    );
    for (seed, key) in [(5, UNIFORM), (6, NORMAL)] {
        smoke(
            seed,
            key,
            |bytes| VerifyingKey::decode(bytes).ok(),
            |key| key.encode().unwrap(),
        );
    }
}

#[test]
fn damaged_bundles_that_decode_do_not_verify() {
    let keys = [UNIFORM, NORMAL].map(|bytes| VerifyingKey::decode(bytes).unwrap());
    let srs = Srs::decode(SRS).unwrap();
    let verify = |bundle: &InitBundle| {
        let find = |digest: &Digest32| keys.iter().find(|key| key.digest() == digest);
        verify_init(bundle, find, &srs)
    };
    let original = InitBundle::decode(BUNDLE).unwrap();
    verify(&original).unwrap();
    let mut random = Random(7);
    let mut decoded = 0;
    for round in 0..600 {
        let bytes = random.mutate(BUNDLE);
        let Ok(bundle) = InitBundle::decode(&bytes) else {
            continue;
        };
        decoded += 1;
        let same = bundle == original;
        assert_eq!(verify(&bundle).is_ok(), same, "round {round}");
    }
    assert!(decoded > 50, "{decoded} damaged bundles still decode");

    // A change of what is not inside any proof changes the statement.
    let mut later = original.clone();
    later.plan.created += 1;
    assert!(verify(&later).is_err());
    let mut other = original;
    other.beacon = Beacon::Raw(b"another value".to_vec());
    assert!(verify(&other).is_err());
}
