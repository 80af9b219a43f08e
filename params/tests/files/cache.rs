//! The cache: round trips, damage, kills, and files that claim what they are not.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{PtauFile, format_error, on_disk};
use nascent_params::{
    CheckError, FormatError, ImportOptions, ParamsError, Provenance, Silent, Srs, SrsCache, Step,
    development_identity,
};
use tempfile::TempDir;

const K: u32 = 3;
/// Length of the header of a development file, which has no path.
const HEADER: usize = 8 + 4 + 4 + 1 + 32 + 64 + 4 + 128;

fn empty() -> (TempDir, SrsCache) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let cache = SrsCache::new(directory.path().join("made by the cache"));
    (directory, cache)
}

fn with_development() -> (TempDir, SrsCache, PathBuf) {
    let (directory, cache) = empty();
    let srs = Srs::development(K, &Silent).expect("valid k");
    let path = cache.store(&srs, &Silent).expect("stored");
    (directory, cache, path)
}

fn same(left: &Srs, right: &Srs) {
    assert_eq!(left.k(), right.k());
    assert_eq!(left.powers(), right.powers());
    assert_eq!(left.lagrange(), right.lagrange());
    assert_eq!(left.tau_g2(), right.tau_g2());
    assert_eq!(left.provenance(), right.provenance());
    assert_eq!(left.identity(), right.identity());
}

fn imported(k: u32) -> (TempDir, Srs) {
    let (directory, path) = on_disk(&PtauFile::new(4).bytes());
    let srs = Srs::import_ptau(&path, k, &ImportOptions::default(), &Silent).expect("a good file");
    (directory, srs)
}

/// The error after the bytes of a development file were changed.
fn spoiled(spoil: impl FnOnce(&mut Vec<u8>)) -> ParamsError {
    let (_directory, cache, path) = with_development();
    edit(&path, spoil);
    cache
        .load(development_identity(), K, &Silent)
        .expect_err("a spoiled file is refused")
}

fn edit(path: &Path, spoil: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).expect("the file was stored");
    spoil(&mut bytes);
    fs::write(path, bytes).expect("writing a temporary file");
}

/// Makes the checksum right again, so that the check behind it is reached.
fn reseal(bytes: &mut Vec<u8>, header: usize) {
    let content = bytes.len() - 32;
    let mut state = blake2b_simd::Params::new();
    let mut state = state.hash_length(32).personal(b"nascent srs").to_state();
    state.update(&bytes[..header]);
    let half = (content - header) / 2;
    for basis in bytes[header..content].chunks(half) {
        state.update(
            blake2b_simd::Params::new()
                .hash_length(32)
                .hash(basis)
                .as_bytes(),
        );
    }
    bytes.truncate(content);
    bytes.extend(state.finalize().as_bytes());
}

#[test]
fn what_is_stored_is_loaded() {
    let (_directory, cache) = empty();
    let development = Srs::development(K, &Silent).expect("valid k");
    let (_source, ceremony) = imported(4);
    for srs in [&development, &ceremony] {
        let path = cache.store(srs, &Silent).expect("stored");
        assert_eq!(path, cache.path(srs.identity(), srs.k()));
        same(
            &cache
                .load(srs.identity(), srs.k(), &Silent)
                .expect("loaded"),
            srs,
        );
    }
    let entries = cache.entries().expect("listed");
    assert_eq!(entries.len(), 2);
    for entry in entries {
        let expected = if entry.k == 4 {
            &ceremony
        } else {
            &development
        };
        assert_eq!(&entry.identity, expected.identity());
        assert_eq!(&entry.provenance, expected.provenance());
    }
}

#[test]
fn blocks_larger_than_the_checksum_unit_round_trip() {
    let (_directory, cache) = empty();
    let srs = Srs::development(15, &Silent).expect("valid k");
    cache.store(&srs, &Silent).expect("stored");
    same(
        &cache.load(srs.identity(), 15, &Silent).expect("loaded"),
        &srs,
    );
}

#[test]
fn a_missing_file_is_an_io_error_and_an_absent_directory_is_empty() {
    let (_directory, cache) = empty();
    let error = cache
        .load(development_identity(), K, &Silent)
        .expect_err("nothing stored");
    assert!(
        matches!(error, ParamsError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound)
    );
    assert_eq!(cache.entries().expect("listed"), []);
    assert!(matches!(
        cache.load(development_identity(), 40, &Silent),
        Err(ParamsError::SizeOutOfRange { got: 40, .. })
    ));
}

#[test]
fn nothing_but_the_file_is_left_behind() {
    let (_directory, cache, path) = with_development();
    let names: Vec<PathBuf> = fs::read_dir(cache.directory())
        .expect("listed")
        .map(|entry| entry.expect("listed").path())
        .collect();
    assert_eq!(names, [path]);
}

#[test]
fn every_flipped_byte_is_noticed() {
    let length = fs::read(with_development().2).expect("stored").len();
    let (_directory, cache, path) = with_development();
    let good = fs::read(&path).expect("stored");
    for position in (0..length).step_by(7).chain(length - 40..length) {
        let mut bytes = good.clone();
        bytes[position] ^= 0x10;
        fs::write(&path, &bytes).expect("writing a temporary file");
        let error = cache
            .load(development_identity(), K, &Silent)
            .expect_err("damaged");
        assert!(
            matches!(
                error,
                ParamsError::Format { .. } | ParamsError::Check { .. }
            ),
            "byte {position}: {error:?}"
        );
    }
}

#[test]
fn truncated_and_extended_files_are_refused() {
    let good = fs::read(with_development().2).expect("stored");
    let (_directory, cache, path) = with_development();
    for length in (0..good.len()).step_by(11) {
        fs::write(&path, &good[..length]).expect("writing a temporary file");
        let error = cache
            .load(development_identity(), K, &Silent)
            .expect_err("truncated");
        let error = format_error(error);
        assert!(
            matches!(
                error,
                FormatError::Truncated { .. } | FormatError::Length { .. }
            ),
            "{length} bytes: {error:?}"
        );
    }
    let error = format_error(spoiled(|bytes| bytes.push(0)));
    assert!(matches!(error, FormatError::Length { what: "file", .. }));
}

#[test]
fn header_fields_are_bounded() {
    let error = format_error(spoiled(|bytes| bytes[0] = b'X'));
    assert!(matches!(
        error,
        FormatError::BadMagic {
            format: "SRS cache",
            ..
        }
    ));
    let error = format_error(spoiled(|bytes| bytes[8] = 2));
    assert_eq!(
        error,
        FormatError::Version {
            expected: 1,
            got: 2
        }
    );
    for k in [0u32, 29, u32::MAX] {
        let error = format_error(spoiled(|bytes| {
            bytes[12..16].copy_from_slice(&k.to_le_bytes())
        }));
        assert!(matches!(error, FormatError::Range { what: "k", .. }));
    }
    // A size that the file does not have allocates nothing.
    let error = format_error(spoiled(|bytes| bytes[12] = 28));
    assert!(matches!(error, FormatError::Length { what: "file", .. }));
    let error = format_error(spoiled(|bytes| bytes[16] = 9));
    assert_eq!(
        error,
        FormatError::UnknownValue {
            what: "provenance",
            got: 9
        }
    );
    let path_length = HEADER - 128 - 4;
    let error = format_error(spoiled(|bytes| {
        bytes[path_length..path_length + 4].fill(0xff)
    }));
    assert!(matches!(
        error,
        FormatError::Range {
            what: "path length",
            ..
        }
    ));
}

#[test]
fn resealed_files_still_have_to_make_sense() {
    // A good file resealed is the same file.
    let (_directory, cache, path) = with_development();
    let before = fs::read(&path).expect("stored");
    edit(&path, |bytes| reseal(bytes, HEADER));
    assert_eq!(fs::read(&path).expect("stored"), before);
    cache
        .load(development_identity(), K, &Silent)
        .expect("a good file");

    let error = format_error(spoiled(|bytes| {
        bytes[HEADER - 1 - 128 - 4 - 64] ^= 1;
        reseal(bytes, HEADER);
    }));
    assert_eq!(error, FormatError::IdentityMismatch);
    // Development points that claim to come from a ceremony.
    let error = format_error(spoiled(|bytes| {
        bytes[16] = 1;
        reseal(bytes, HEADER);
    }));
    assert_eq!(error, FormatError::ProvenanceMismatch);
    // A development file with the hash, or with the path, of a ceremony's: a second encoding.
    let error = format_error(spoiled(|bytes| {
        bytes[49] = 1;
        reseal(bytes, HEADER);
    }));
    assert_eq!(error, FormatError::ProvenanceMismatch);
    let error = format_error(spoiled(|bytes| {
        bytes[113] = 1;
        bytes.insert(117, b'x');
        reseal(bytes, HEADER + 1);
    }));
    assert_eq!(error, FormatError::ProvenanceMismatch);
    // A point off the curve.
    let error = spoiled(|bytes| {
        bytes[HEADER + 64 * 2] ^= 1;
        reseal(bytes, HEADER);
    });
    assert!(matches!(
        error,
        ParamsError::Check {
            source: CheckError::NotOnCurve(_),
            ..
        }
    ));
}

#[test]
fn a_ceremony_cannot_pass_for_development_nor_for_another_size() {
    let (_directory, cache) = empty();
    let (_source, srs) = imported(4);
    let path = cache.store(&srs, &Silent).expect("stored");
    fs::copy(&path, cache.path(development_identity(), 4)).expect("copied");
    let error = cache
        .load(development_identity(), 4, &Silent)
        .expect_err("another identity");
    assert_eq!(format_error(error), FormatError::IdentityMismatch);
    fs::copy(&path, cache.path(srs.identity(), 3)).expect("copied");
    let error = cache
        .load(srs.identity(), 3, &Silent)
        .expect_err("another size");
    assert!(matches!(
        format_error(error),
        FormatError::Range { what: "k", .. }
    ));
    // Neither copy is listed.
    assert_eq!(cache.entries().expect("listed").len(), 1);

    edit(&path, |bytes| {
        bytes[16] = 0;
        let header = bytes.len() - 32 - 2 * (64 << 4);
        reseal(bytes, header);
    });
    let error = cache
        .load(srs.identity(), 4, &Silent)
        .expect_err("a false claim");
    assert_eq!(format_error(error), FormatError::ProvenanceMismatch);
}

#[test]
fn development_parameters_are_made_once_and_again_when_damaged() {
    let (_directory, cache) = empty();
    let generated = |cache: &SrsCache| {
        let steps = std::sync::Mutex::new(Vec::new());
        let progress = |step, _: u64, _: u64| steps.lock().expect("no panic elsewhere").push(step);
        let srs = cache
            .load_or_create_development(K, &progress)
            .expect("made or loaded");
        srs.check(&Silent).expect("a good SRS");
        steps
            .into_inner()
            .expect("no panic elsewhere")
            .contains(&Step::GeneratePowers)
    };
    assert!(generated(&cache));
    assert!(!generated(&cache));
    let path = cache.path(development_identity(), K);
    for spoil in [
        (|bytes| bytes.truncate(100)) as fn(&mut Vec<u8>),
        |bytes| bytes[8] = 77,
        |bytes| bytes[500] ^= 4,
        Vec::clear,
    ] {
        edit(&path, spoil);
        assert!(generated(&cache));
        assert!(!generated(&cache));
    }
}

#[test]
fn a_smaller_size_is_derived_once() {
    let (_directory, cache) = empty();
    let (_source, srs) = imported(4);
    let missing = cache
        .load_or_derive(srs.identity(), 2, &Silent)
        .expect_err("nothing stored");
    assert!(matches!(missing, ParamsError::Io { .. }));
    cache.store(&srs, &Silent).expect("stored");
    let small = cache
        .load_or_derive(srs.identity(), 2, &Silent)
        .expect("derived");
    small.check(&Silent).expect("a good SRS");
    assert_eq!(small.powers(), &srs.powers()[..4]);
    same(
        &cache.load(srs.identity(), 2, &Silent).expect("stored"),
        &small,
    );
    // A damaged larger file is passed over.
    edit(&cache.path(srs.identity(), 4), |bytes| bytes[600] ^= 1);
    assert!(cache.load_or_derive(srs.identity(), 3, &Silent).is_err());
}

#[test]
fn what_a_kill_leaves_is_not_taken_for_a_file_and_goes_when_it_is_old() {
    let (_directory, cache, path) = with_development();
    let named = |name: &str| cache.directory().join(format!(".nascent-{name}.tmp"));
    let (fresh, stale) = (named("fresh"), named("stale"));
    // Of this process, which lives, and of one that no system gives a number to.
    let (alive, dead) = (
        named(&format!("{}-x", std::process::id())),
        named("4294967295-x"),
    );
    let bytes = fs::read(&path).expect("stored");
    fs::write(&fresh, &bytes[..500]).expect("writing a temporary file");
    fs::write(&stale, &bytes[..500]).expect("writing a temporary file");
    fs::write(&alive, &bytes[..500]).expect("writing a temporary file");
    fs::write(&dead, &bytes[..500]).expect("writing a temporary file");
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(3 * 24 * 60 * 60);
    fs::File::options()
        .write(true)
        .open(&stale)
        .and_then(|file| file.set_modified(old))
        .expect("changing the time of a temporary file");
    assert_eq!(cache.entries().expect("listed").len(), 1);
    let other = Srs::development(1, &Silent).expect("valid k");
    cache.store(&other, &Silent).expect("stored");
    assert!(fresh.exists() && !stale.exists());
    assert!(alive.exists() && !dead.exists());
}

#[test]
fn a_directory_that_cannot_be_made_is_an_error() {
    let (_directory, path) = on_disk(b"a file, not a directory");
    let cache = SrsCache::new(path.join("below a file"));
    assert!(matches!(
        cache.load_or_create_development(1, &Silent),
        Err(ParamsError::Io { .. })
    ));
}

#[test]
fn a_development_file_says_so() {
    let (_directory, cache, path) = with_development();
    assert!(path.to_string_lossy().contains("development"));
    let srs = cache
        .load(development_identity(), K, &Silent)
        .expect("loaded");
    assert_eq!(srs.provenance(), &Provenance::Development);
}

/// Size of the files written by the process that is killed.
const KILLED_K: u32 = 12;

/// Not a test of its own: the process that [`a_kill_leaves_a_whole_file_or_none`] kills.
#[test]
fn store_until_killed() {
    let Some(directory) = std::env::var_os("NASCENT_TEST_STORE_UNTIL_KILLED") else {
        return;
    };
    let srs = Srs::development(KILLED_K, &Silent).expect("valid k");
    loop {
        SrsCache::new(&directory)
            .store(&srs, &Silent)
            .expect("stored");
    }
}

#[test]
fn a_kill_leaves_a_whole_file_or_none() {
    let (_directory, cache) = empty();
    let path = cache.path(development_identity(), KILLED_K);
    for round in 0..5u64 {
        let mut child = std::process::Command::new(std::env::current_exe().expect("this binary"))
            .args(["--exact", "cache::store_until_killed"])
            .env("NASCENT_TEST_STORE_UNTIL_KILLED", cache.directory())
            .stdout(std::process::Stdio::null())
            .spawn()
            .expect("started");
        // From the first write on, at moments that differ.
        while !cache.directory().exists() {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        std::thread::sleep(std::time::Duration::from_millis(1 + 23 * round));
        child.kill().expect("killed");
        child.wait().expect("ended");
        if path.exists() {
            cache
                .load(development_identity(), KILLED_K, &Silent)
                .expect("a whole file");
        }
        assert!(cache.entries().expect("listed").len() <= 1);
        fs::remove_dir_all(cache.directory()).expect("emptied");
    }
}
