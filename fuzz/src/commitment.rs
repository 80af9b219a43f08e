//! Published commitments: one encoding, and no tail points but the SRS's.

use nascent_verifier::{CommitmentData, WeightCommitment};

use crate::decode;
use crate::fixture::FIXTURE;
use crate::proved::PROVED;

/// Decodes and checks against the SRS.
pub fn run(data: &[u8]) {
    let Some(commitment) = decode::<CommitmentData>(data) else {
        return;
    };
    let digest = commitment.digest().expect("a commitment that was decoded");
    let Ok(checked) = WeightCommitment::new(&commitment, &FIXTURE.srs) else {
        return;
    };
    assert_eq!(*checked.digest(), digest);
    assert_eq!(checked.parts().len(), commitment.parts.len());
    for (part, given) in checked.parts().iter().zip(&commitment.parts) {
        assert_eq!(checked.part(&given.subject), Some(part));
        assert_eq!(part.points().len(), given.points.len());
        let same = part.digest() == PROVED.published.parts()[0].digest();
        assert_eq!(same, *given == PROVED.commitment.parts[0]);
    }
    // Nobody makes a certificate of other points by chance.
    let honest = &PROVED.commitment.tails[0];
    for tail in commitment.tails.iter().filter(|tail| tail.k == honest.k) {
        assert!(honest.points.ends_with(&tail.points), "other tail points");
    }
}
