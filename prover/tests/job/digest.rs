//! Jobs whose plan asks for the weight digest, and everything about it that must be refused.

use std::sync::LazyLock;

use nascent_prover::derive::Deriver;
use nascent_prover::job::{Finished, Job, SrsSource, TileId};
use nascent_verifier::{
    BundleError, Digest32, Format, HashChainValue, InitBundle, Plan, ProofError, Proved, Report,
    VerifyError, hash_chain_start, verify_init, weight_digest,
};
use tempfile::TempDir;

use super::support::{SRS, TILES, beacon, finished, plan, public_key, request, run, secret};

fn digest_plan() -> Plan {
    Plan {
        weight_digest: true,
        ..plan(Some(public_key()))
    }
}

/// Two streams, the first of three tiles, the last of them with one live block of fourteen.
fn proved() -> &'static (TempDir, Finished) {
    static PROVED: LazyLock<(TempDir, Finished)> = LazyLock::new(|| {
        let directory = TempDir::new().unwrap();
        let (plan, beacon) = (digest_plan(), beacon());
        let job = Job::open(request(&plan, &beacon, directory.path())).unwrap();
        let predicted = job.estimate().proof_bytes();
        let (result, log) = run(&job, usize::MAX);
        assert_eq!(log.proved.len() as u64, TILES);
        let finished = result.unwrap();
        assert_eq!(finished.report.proof_bytes, predicted);
        drop(job);
        (directory, finished)
    });
    &PROVED
}

fn verify(bundle: &InitBundle) -> Result<Report, VerifyError> {
    let keys = proved().1.keys.iter().chain(&finished().1.keys);
    let keys: Vec<_> = keys.collect();
    let find = |digest: &Digest32| keys.iter().copied().find(|vk| vk.digest() == digest);
    verify_init(bundle, find, &SRS.verifier_srs().unwrap())
}

fn refused(apply: impl FnOnce(&mut InitBundle)) -> VerifyError {
    let mut bundle = proved().1.bundle.clone();
    apply(&mut bundle);
    verify(&bundle).unwrap_err()
}

fn pairing(stream: u16, index: u64) -> VerifyError {
    VerifyError::Tile {
        stream,
        index,
        source: ProofError::Pairing,
    }
}

#[test]
fn the_digest_is_the_derived_one_whatever_the_size_of_the_tiles() {
    let Finished { bundle, report, .. } = &proved().1;
    let plan = digest_plan();
    let deriver = Deriver::from_plan(&plan, &beacon(), Some(secret())).unwrap();
    let digests = deriver.weight_digests();
    assert_eq!(report.weight_digest, Some(weight_digest(&digests)));
    let streams: Vec<_> = report.streams.iter().map(|s| s.weight_digest).collect();
    assert_eq!(
        streams,
        digests.iter().copied().map(Some).collect::<Vec<_>>()
    );
    assert!(report.proved.contains(&Proved::WeightDigest));
    assert_eq!(bundle.claimed_digests(), Some(digests));
    // As a file, and back.
    let decoded = InitBundle::decode(&bundle.encode().unwrap()).unwrap();
    assert_eq!(decoded, *bundle);
    assert_eq!(verify(&decoded), Ok(report.clone()));
    // The same weights as without it, and not a word of it there.
    let without = &finished().1;
    assert_eq!(without.report.weight_digest, None);
    assert_eq!(without.report.model_digest, report.model_digest);
    assert!(!without.report.proved.contains(&Proved::WeightDigest));
    assert_eq!(without.bundle.claimed_digests(), None);
}

#[test]
fn other_sizes_give_the_same_digest() {
    let directory = TempDir::new().unwrap();
    let (plan, beacon) = (digest_plan(), beacon());
    let mut request = request(&plan, &beacon, directory.path());
    request.options.size = nascent_prover::job::TileSize::Fixed(10);
    let (result, _) = run(&Job::open(request).unwrap(), usize::MAX);
    let other = result.unwrap().report;
    assert!(other.proofs < TILES);
    assert_eq!(other.weight_digest, proved().1.report.weight_digest);
}

#[test]
fn a_finished_job_is_found_again() {
    let (directory, before) = proved();
    let (plan, beacon) = (digest_plan(), beacon());
    let job = Job::open(request(&plan, &beacon, directory.path())).unwrap();
    let (result, log) = run(&job, usize::MAX);
    let first = TileId {
        stream: 0,
        index: 0,
    };
    assert_eq!(log.resumed.first(), Some(&first));
    assert_eq!((log.resumed.len() as u64, log.proved.len()), (TILES, 0));
    assert_eq!(result.unwrap().bundle, before.bundle);
}

#[test]
fn chain_values_are_bound_to_their_tiles() {
    // Tiles 0, 1, 2 of stream 0, then tile 0 of stream 1.
    assert_eq!(refused(|b| b.hash_chain_ends.swap(0, 1)), pairing(0, 0));
    assert_eq!(refused(|b| b.hash_chain_ends.swap(1, 2)), pairing(0, 1));
    assert_eq!(refused(|b| b.hash_chain_ends.swap(2, 3)), pairing(0, 2));
    for (position, (stream, index)) in [(0, 0), (0, 1), (0, 2), (1, 0)].into_iter().enumerate() {
        let altered = refused(|b| b.hash_chain_ends[position][0] ^= 1);
        assert_eq!(altered, pairing(stream, index));
        let zero = refused(|b| b.hash_chain_ends[position] = [0; 32]);
        assert_eq!(zero, pairing(stream, index));
        let invalid = refused(|b| b.hash_chain_ends[position] = [0xff; 32]);
        let expected = BundleError::HashChainValue { stream, index };
        assert_eq!(invalid, VerifyError::Bundle(expected));
    }
    // A chain that skips a tile, or stands still.
    assert_eq!(
        refused(|b| b.hash_chain_ends[1] = b.hash_chain_ends[0]),
        pairing(0, 1)
    );
    let start = |b: &InitBundle| -> HashChainValue {
        let stream = &b.plan.model.streams[0];
        hash_chain_start(stream.distribution, stream.precision)
    };
    assert_eq!(refused(|b| b.hash_chain_ends[0] = start(b)), pairing(0, 0));
}

#[test]
fn chain_values_are_all_there_and_no_more() {
    for (left, index) in [(0, 0), (1, 1), (2, 2)] {
        let error = refused(|b| b.hash_chain_ends.truncate(left));
        let expected = BundleError::MissingHashChainValue { stream: 0, index };
        assert_eq!(error, VerifyError::Bundle(expected));
    }
    let error = refused(|b| b.hash_chain_ends.push([0; 32]));
    let expected = BundleError::ExtraHashChainValues {
        expected: 4,
        got: 5,
    };
    assert_eq!(error, VerifyError::Bundle(expected));
    // Without the digest there are none.
    let mut bundle = finished().1.bundle.clone();
    bundle.hash_chain_ends.push([0; 32]);
    let expected = BundleError::ExtraHashChainValues {
        expected: 0,
        got: 1,
    };
    assert_eq!(verify(&bundle), Err(VerifyError::Bundle(expected.clone())));
    assert!(matches!(
        bundle.encode(),
        Err(nascent_verifier::FormatError::Invalid(error)) if error == expected
    ));
}

#[test]
fn plan_key_and_proof_agree_on_the_option() {
    let shape = VerifyError::KeyShape {
        stream: 0,
        what: "choice of a weight digest",
    };
    // The plan does not ask for what the keys prove, or asks for what they do not.
    let error = refused(|b| {
        b.plan.weight_digest = false;
        b.hash_chain_ends.clear();
    });
    assert_eq!(error, shape);
    let mut bundle = finished().1.bundle.clone();
    bundle.plan.weight_digest = true;
    bundle.hash_chain_ends = proved().1.bundle.hash_chain_ends.clone();
    assert_eq!(verify(&bundle), Err(shape));
    // Proofs of the other kind under these keys.
    let error = refused(|b| b.tiles[0].proof = finished().1.bundle.tiles[0].proof.clone());
    assert!(matches!(
        error,
        VerifyError::Tile {
            stream: 0,
            index: 0,
            source: ProofError::Length { .. }
        }
    ));
}

/// Every word of a proof with the digest counts.
#[test]
fn every_word_counts() {
    let words = proved().1.bundle.tiles[2].proof.len() / 32;
    for word in 0..words {
        let error = refused(|b| b.tiles[2].proof[word * 32 + word % 31] ^= 1 << (word % 8));
        let named = matches!(
            error,
            VerifyError::Tile {
                stream: 0,
                index: 2,
                ..
            }
        );
        assert!(named, "{word}: {error}");
    }
}

/// The bytes of a bundle with the digest, cut at every length and with any byte changed, are
/// refused or something else, never a panic.
#[test]
fn damaged_bundles_are_refused() {
    let bytes = proved().1.bundle.encode().unwrap();
    let tail = bytes.len() - 4 * 32 - 8;
    for end in (0..200).chain(tail..bytes.len()) {
        assert!(InitBundle::decode(&bytes[..end]).is_err(), "{end}");
    }
    for at in tail..bytes.len() {
        let mut bytes = bytes.clone();
        bytes[at] ^= 0x40;
        if let Ok(bundle) = InitBundle::decode(&bytes) {
            assert!(verify(&bundle).is_err(), "{at}");
        }
    }
}
