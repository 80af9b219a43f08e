//! Files of links, and the secret that commitments are opened with.

use nascent_prover::link::Opening;
use nascent_verifier::Links;

use crate::decode;
use crate::proved::PROVED;

/// Most links of a file that are checked.
const MAX_CHECKED: usize = 8;

/// Decodes by magic; checks links between the inference and the commitment.
pub fn run(data: &[u8]) {
    if let Some(links) = decode::<Links>(data) {
        let part = &PROVED.published.parts()[0];
        let honest = &PROVED.links.links[0];
        for link in links.links.iter().take(MAX_CHECKED) {
            let verdict = PROVED.weights.verify_link(part, &link.bytes);
            assert_eq!(verdict.is_ok(), link.bytes == honest.bytes, "{verdict:?}");
        }
        let mut between = links.links.iter();
        let between = between.find(|l| l.proof == honest.proof && l.other == honest.other);
        let found = links.find(&PROVED.weights, part.digest());
        assert_eq!(found, between.map(|link| link.bytes.as_slice()));
    }
    if let Some(opening) = decode::<Opening>(data) {
        let same = opening.id() == PROVED.commitment.parts[0].opening;
        assert_eq!(same, opening == PROVED.opening);
        assert_eq!(format!("{opening:?}"), "Opening(..)");
    }
}
