//! Jobs that were stopped, or whose files were touched.

use std::fs;
use std::path::Path;

use nascent_prover::job::{Event, Finished, Job, JobError, TileId, TileSize};
use tempfile::TempDir;

use super::support::{
    K, Log, TILES, beacon, copy, finished, plan, public_key, request, run, tile_file,
};

const FIRST: TileId = TileId {
    stream: 0,
    index: 0,
};
const SECOND: TileId = TileId {
    stream: 0,
    index: 1,
};

/// Goes on in a directory, to the end.
fn go_on(directory: &Path) -> (Finished, Log) {
    let (plan, beacon) = (plan(Some(public_key())), beacon());
    let job = Job::open(request(&plan, &beacon, directory)).unwrap();
    let (result, log) = run(&job, usize::MAX);
    (result.unwrap(), log)
}

#[test]
fn a_stopped_job_goes_on_at_the_first_unfinished_tile() {
    let directory = TempDir::new().unwrap();
    let (plan, beacon) = (plan(Some(public_key())), beacon());
    {
        let job = Job::open(request(&plan, &beacon, directory.path())).unwrap();
        let (result, log) = run(&job, 1);
        assert_eq!(log.proved, [FIRST]);
        assert!(matches!(
            result,
            Err(JobError::Cancelled {
                done: 1,
                total: TILES
            })
        ));
    }
    // As a kill in the middle of writing leaves it.
    fs::write(directory.path().join(".nascent-half.tmp"), b"nsc.tile").unwrap();
    // Sizes are those of the first run, though nothing is asked for.
    let mut request = request(&plan, &beacon, directory.path());
    request.options.size = TileSize::Automatic;
    let job = Job::open(request).unwrap();
    assert!(job.tiles().iter().all(|tile| tile.k == K));
    assert_eq!(job.files(), 1);
    let (result, log) = run(&job, usize::MAX);
    let finished = result.unwrap();
    assert_eq!(log.resumed, [FIRST]);
    assert_eq!(log.proved.len() as u64, TILES - 1);
    assert_eq!((finished.resumed, finished.proved), (1, TILES - 1));
    assert!(!directory.path().join(".nascent-half.tmp").exists());
}

#[test]
fn a_finished_job_proves_nothing_and_gives_the_same_bundle() {
    let copy = copy();
    let (again, log) = go_on(copy.path());
    assert_eq!(log.resumed.len() as u64, TILES);
    assert!(log.proved.is_empty());
    assert_eq!(again.bundle, finished().1.bundle);
}

#[test]
fn a_finished_job_needs_no_proving_key() {
    let copy = copy();
    let (plan, beacon) = (plan(Some(public_key())), beacon());
    let job = Job::open(request(&plan, &beacon, copy.path())).unwrap();
    let observer = |event: &Event<'_>| assert!(!matches!(event, Event::PreparingKeys { .. }));
    let rng = <rand_chacha::ChaCha20Rng as rand_core::SeedableRng>::from_seed([1; 32]);
    job.run(rng, &observer, &false.into()).unwrap();
}

#[test]
fn damaged_tiles_are_proved_again() {
    type Damage = fn(&mut Vec<u8>);
    let damages: [(&str, Damage); 5] = [
        ("empty", Vec::clear),
        ("truncated", |bytes| bytes.truncate(bytes.len() - 1)),
        ("trailing byte", |bytes| bytes.push(0)),
        ("flipped bit of the proof", |bytes| {
            *bytes.last_mut().unwrap() ^= 1
        }),
        ("too long", |bytes| bytes.resize(1 << 20, 0)),
    ];
    for (name, damage) in damages {
        let copy = copy();
        let path = tile_file(copy.path(), SECOND);
        let mut bytes = fs::read(&path).unwrap();
        damage(&mut bytes);
        fs::write(&path, bytes).unwrap();
        let (again, log) = go_on(copy.path());
        assert_eq!(log.discarded.len(), 1, "{name}: {:?}", log.discarded);
        assert_eq!(log.discarded[0].0, SECOND, "{name}");
        assert_eq!(log.proved, [SECOND], "{name}");
        assert_eq!(again.resumed, TILES - 1, "{name}");
        // The new file is sound.
        let (_, log) = go_on(copy.path());
        assert!(log.discarded.is_empty() && log.proved.is_empty(), "{name}");
    }
}

#[test]
fn a_file_of_another_tile_is_refused_under_this_ones_name() {
    let copy = copy();
    let path = tile_file(copy.path(), SECOND);
    fs::copy(tile_file(copy.path(), FIRST), &path).unwrap();
    let (_, log) = go_on(copy.path());
    assert_eq!(log.proved, [SECOND]);
    assert!(
        log.discarded[0].1.contains("another statement"),
        "{:?}",
        log.discarded
    );
}

#[test]
fn a_proof_of_another_tile_is_refused_in_this_ones_file() {
    let copy = copy();
    let (first, second) = (
        tile_file(copy.path(), FIRST),
        tile_file(copy.path(), SECOND),
    );
    // Header, statement, key and SRS of the second, proof of the first.
    let start = 10 + 3 * 32;
    let mut bytes = fs::read(&second).unwrap();
    bytes.truncate(start);
    bytes.extend_from_slice(&fs::read(first).unwrap()[start..]);
    fs::write(&second, bytes).unwrap();
    let (_, log) = go_on(copy.path());
    assert_eq!(log.proved, [SECOND]);
    assert!(
        log.discarded[0].1.starts_with("proof: "),
        "{:?}",
        log.discarded
    );
}

#[test]
fn a_damaged_manifest_costs_nothing() {
    let copy = copy();
    fs::write(copy.path().join("job"), b"nonsense").unwrap();
    let (_, log) = go_on(copy.path());
    assert!(log.proved.is_empty());
}

#[test]
fn missing_tiles_are_proved_side_by_side() {
    let copy = copy();
    fs::remove_file(tile_file(copy.path(), FIRST)).unwrap();
    fs::remove_file(tile_file(copy.path(), SECOND)).unwrap();
    let (plan, beacon) = (plan(Some(public_key())), beacon());
    let mut request = request(&plan, &beacon, copy.path());
    request.options.workers = Some(8);
    let (result, mut log) = run(&Job::open(request).unwrap(), usize::MAX);
    log.proved.sort();
    assert_eq!(log.proved, [FIRST, SECOND]);
    assert_eq!(result.unwrap().bundle.tiles.len() as u64, TILES);
}
