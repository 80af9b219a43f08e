//! Bundles, plans and model specifications: one encoding, and no statement but
//! the one that was proved.

use nascent_verifier::{Format, InitBundle, ModelSpec, Plan};

use crate::fixture::FIXTURE;

/// Decodes by magic; verifies a bundle.
pub fn run(data: &[u8]) {
    if let Ok(bundle) = decode::<InitBundle>(data) {
        let verdict = FIXTURE.verify(&bundle);
        // A model without sampled weights has nothing to prove.
        let accepted = bundle == FIXTURE.bundle || bundle.tiles.is_empty();
        assert!(accepted || verdict.is_err(), "accepted: {verdict:?}");
    }
    if let Ok(plan) = decode::<Plan>(data) {
        plan.digest().expect("a plan that was decoded");
        let _ = plan.public_key();
    }
    if let Ok(model) = decode::<ModelSpec>(data) {
        model.digest().expect("a model that was decoded");
        let _ = (model.sampled_elements(), model.constant_elements());
    }
}

fn decode<T: Format>(data: &[u8]) -> Result<T, ()> {
    let value = T::decode(data).map_err(|_| ())?;
    let encoded = value.encode().expect("a value that was decoded");
    assert_eq!(encoded, data, "a second encoding");
    Ok(value)
}
