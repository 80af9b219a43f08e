//! An initialization that the prover made: three tiles under two keys.

use std::sync::LazyLock;

use ark_bn254::Fr;
use nascent_verifier::digest::to_scalar;
use nascent_verifier::{
    Digest32, Format, InitBundle, Report, Srs, TileStatement, VerifyError, VerifyingKey,
    verify_init,
};

/// The bundle file.
pub const BUNDLE: &[u8] = include_bytes!("../../verifier/tests/fixtures/toy.init");
/// The key of stream 0.
pub const UNIFORM: &[u8] = include_bytes!("../../verifier/tests/fixtures/uniform.vk");
/// The key of stream 1.
pub const NORMAL: &[u8] = include_bytes!("../../verifier/tests/fixtures/normal.vk");
/// The verifier's SRS file.
pub const SRS: &[u8] = include_bytes!("../../verifier/tests/fixtures/development.srs");

/// The files, decoded.
#[derive(Debug)]
pub struct Fixture {
    /// The bundle, which verifies.
    pub bundle: InitBundle,
    /// Its keys, by stream.
    pub keys: [VerifyingKey; 2],
    /// Its SRS.
    pub srs: Srs,
}

/// Decoded once.
pub static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| {
    let fixture = Fixture {
        bundle: InitBundle::decode(BUNDLE).expect("the fixture decodes"),
        keys: [UNIFORM, NORMAL].map(|bytes| VerifyingKey::decode(bytes).expect("so does the key")),
        srs: Srs::decode(SRS).expect("so does the SRS"),
    };
    fixture
        .verify(&fixture.bundle)
        .expect("the fixture verifies");
    fixture
});

impl Fixture {
    /// Verifies a bundle with the fixture's keys and SRS.
    pub fn verify(&self, bundle: &InitBundle) -> Result<Report, VerifyError> {
        let find = |digest: &Digest32| self.keys.iter().find(|key| key.digest() == digest);
        verify_init(bundle, find, &self.srs)
    }

    /// Key, transcript prefix and instance of a tile of the bundle.
    pub fn statement(&self, tile: usize) -> (&VerifyingKey, Digest32, Vec<Fr>) {
        let plan = &self.bundle.plan;
        let tile = &self.bundle.tiles[tile];
        let key = &self.keys[usize::from(tile.stream)];
        let shape = key.tile().expect("the key of a tile");
        let prefix = TileStatement {
            plan: plan.digest().expect("a valid plan"),
            beacon: self.bundle.beacon.digest(),
            stream: tile.stream,
            index: tile.index,
        }
        .transcript_prefix(key.digest(), &self.bundle.srs_digest);
        let instance = vec![
            plan.public_key(),
            self.bundle.beacon.scalar(),
            to_scalar(&plan.model.digest().expect("a valid model")),
            Fr::from(shape.blocks) * Fr::from(tile.index),
        ];
        (key, prefix, instance)
    }
}
