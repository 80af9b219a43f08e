//! Inference bundles: one encoding, and no statement but the one that was proved.

use nascent_verifier::InferenceBundle;
use nascent_verifier::inference::{MAX_PUBLIC, verify_inference};

use crate::decode;
use crate::fixture::FIXTURE;
use crate::proved::PROVED;

/// Decodes and verifies, also with the digests of key and SRS made right.
pub fn run(data: &[u8]) {
    let Some(bundle) = decode::<InferenceBundle>(data) else {
        return;
    };
    if let Ok(instance) = bundle.instance() {
        let given = bundle.inputs.len() + bundle.outputs.len();
        assert!(instance.len() > given && instance.len() <= 2 * MAX_PUBLIC + 64);
    }
    let verify = |bundle: &InferenceBundle| {
        let verdict = verify_inference(bundle, &PROVED.key, &FIXTURE.srs);
        let honest = *bundle == PROVED.inference;
        assert_eq!(verdict.is_ok(), honest, "{verdict:?}");
    };
    verify(&bundle);
    verify(&InferenceBundle {
        vk_digest: PROVED.inference.vk_digest,
        srs_digest: PROVED.inference.srs_digest,
        ..bundle
    });
}
