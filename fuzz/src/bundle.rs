//! Bundles, plans and model specifications: one encoding, and no statement but
//! the one that was proved.

use nascent_verifier::{InitBundle, ModelSpec, Plan};

use crate::decode;
use crate::fixture::FIXTURE;

/// Decodes by magic; verifies a bundle.
pub fn run(data: &[u8]) {
    if let Some(bundle) = decode::<InitBundle>(data) {
        let verdict = FIXTURE.verify(&bundle);
        // A model without sampled weights has nothing to prove.
        let accepted = bundle == FIXTURE.bundle || bundle.tiles.is_empty();
        assert!(accepted || verdict.is_err(), "accepted: {verdict:?}");
    }
    if let Some(plan) = decode::<Plan>(data) {
        plan.digest().expect("a plan that was decoded");
        let _ = plan.public_key();
    }
    if let Some(model) = decode::<ModelSpec>(data) {
        model.digest().expect("a model that was decoded");
        let _ = (model.sampled_elements(), model.constant_elements());
    }
}
