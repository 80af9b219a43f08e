//! Jobs that also commit to the weights and link the proofs.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nascent_params::development_identity;
use nascent_prover::job::{Finished, Job, JobError, TileId};
use nascent_prover::link::Opening;
use nascent_verifier::link::{CommittedTo, LinkError};
use nascent_verifier::{Alone, Digest32, Srs, WeightCommitment, verify_init_weights};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use tempfile::TempDir;

use super::support::{Log, TILES, beacon, copy, plan, public_key, request, run};

const FIRST: TileId = TileId {
    stream: 0,
    index: 0,
};

fn opening(seed: u8) -> Arc<Opening> {
    Arc::new(Opening::draw(&mut ChaCha20Rng::from_seed([seed; 32])))
}

fn committed(directory: &Path, seed: u8, stop: usize) -> (Result<Finished, JobError>, Log) {
    let (plan, beacon) = (plan(Some(public_key())), beacon());
    let mut request = request(&plan, &beacon, directory);
    request.options.opening = Some(opening(seed));
    run(&Job::open(request).unwrap(), stop)
}

/// Checks every link of a finished job, and that each serves its own tile only.
fn check(finished: &Finished) {
    let srs = Srs::development().unwrap();
    assert_eq!(srs.digest(), *development_identity());
    let find = |digest: &Digest32| finished.keys.iter().find(|vk| vk.digest() == digest);
    let (report, weights) = verify_init_weights(&finished.bundle, find, &srs, &Alone).unwrap();
    let (data, links) = finished.committed.as_ref().unwrap();
    let commitment = WeightCommitment::new(data, &srs).unwrap();
    assert_eq!(commitment.parts().len() as u64, TILES);
    assert_eq!(links.links.len() as u64, TILES);
    assert_eq!(data.tails.len(), 1);
    let subject = |position: usize| CommittedTo::Tile {
        plan: report.plan_digest,
        beacon: report.beacon_digest,
        stream: finished.bundle.tiles[position].stream,
        index: finished.bundle.tiles[position].index,
    };
    for (position, weights) in weights.iter().enumerate() {
        let part = commitment.part(&subject(position)).unwrap();
        let link = links.find(weights, part.digest()).unwrap();
        assert_eq!(weights.verify_link(part, link), Ok(()));
        let other = commitment.part(&subject((position + 1) % 4)).unwrap();
        assert_eq!(links.find(weights, other.digest()), None);
        let refused = weights.verify_link(other, link);
        assert!(matches!(
            refused,
            Err(LinkError::Equation | LinkError::Circuit | LinkError::Columns { .. })
        ));
    }
}

fn link_files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = paths
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "link")
        })
        .collect();
    paths.sort();
    paths
}

#[test]
fn a_stopped_job_keeps_its_links() {
    let directory = TempDir::new().unwrap();
    let (stopped, log) = committed(directory.path(), 1, 1);
    assert!(matches!(stopped, Err(JobError::Cancelled { done: 1, .. })));
    assert_eq!(log.proved, [FIRST]);
    let (finished, log) = committed(directory.path(), 1, usize::MAX);
    let finished = finished.unwrap();
    assert_eq!(log.resumed, [FIRST]);
    check(&finished);
    // Once more, with nothing left to prove: the same files.
    let (again, log) = committed(directory.path(), 1, usize::MAX);
    let again = again.unwrap();
    assert!(log.proved.is_empty() && log.discarded.is_empty());
    assert_eq!(again.committed, finished.committed);
    assert_eq!(again.bundle, finished.bundle);

    // Damaged or exchanged links cost their tiles.
    let files = link_files(directory.path());
    assert_eq!(files.len() as u64, TILES);
    let first = fs::read(&files[0]).unwrap();
    for at in [0, 60, first.len() - 1] {
        let mut changed = first.clone();
        changed[at] ^= 1;
        fs::write(&files[0], changed).unwrap();
        let (finished, log) = committed(directory.path(), 1, usize::MAX);
        assert_eq!(log.discarded.len(), 1, "byte {at}");
        assert_eq!(log.proved, [FIRST], "byte {at}");
        check(&finished.unwrap());
    }
    fs::copy(&files[1], &files[0]).unwrap();
    let (finished, log) = committed(directory.path(), 1, usize::MAX);
    assert_eq!(log.proved, [FIRST]);
    assert!(
        log.discarded[0].1.contains("of another"),
        "{:?}",
        log.discarded
    );
    let first = finished.unwrap();

    // Another secret: other commitments, so other links, so other proofs.
    let (other, log) = committed(directory.path(), 2, usize::MAX);
    let other = other.unwrap();
    assert_eq!(log.proved.len() as u64, TILES);
    check(&other);
    let [(a, _), (b, _)] = [&first, &other].map(|of| of.committed.as_ref().unwrap());
    for (a, b) in a.parts.iter().zip(&b.parts) {
        assert_ne!(a.opening, b.opening);
        assert!(a.points.iter().zip(&b.points).all(|(a, b)| a != b));
    }
}

#[test]
fn proofs_without_links_are_made_again() {
    // Their blinding is gone.
    let copy = copy();
    let (finished, log) = committed(copy.path(), 1, usize::MAX);
    assert!(log.resumed.is_empty());
    assert_eq!(log.proved.len() as u64, TILES);
    check(&finished.unwrap());
    // And a job without a commitment does not mind the links.
    let (plan, beacon) = (plan(Some(public_key())), beacon());
    let job = Job::open(request(&plan, &beacon, copy.path())).unwrap();
    let (finished, log) = run(&job, usize::MAX);
    assert!(log.proved.is_empty());
    assert_eq!(finished.unwrap().committed, None);
}
