//! Relayout bundles: one encoding, and no statement but the one that was proved.

use nascent_verifier::{RelayoutBundle, verify_relayout};

use crate::decode;
use crate::fixture::FIXTURE;
use crate::proved::PROVED;

/// Decodes and verifies, also with the digests of key and SRS made right.
pub fn run(data: &[u8]) {
    let Some(bundle) = decode::<RelayoutBundle>(data) else {
        return;
    };
    let verify = |bundle: &RelayoutBundle| {
        let verdict = verify_relayout(bundle, &PROVED.relayout_key, &FIXTURE.srs);
        let honest = *bundle == PROVED.relayout;
        assert_eq!(verdict.is_ok(), honest, "{verdict:?}");
    };
    verify(&bundle);
    verify(&RelayoutBundle {
        vk_digest: PROVED.relayout.vk_digest,
        srs_digest: PROVED.relayout.srs_digest,
        ..bundle
    });
}
