//! Reference strings from files: what is accepted is consistent, and the cache
//! keeps it as it is.

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use blake2b_simd::Params as Blake2b;
use nascent_params::{ImportOptions, Silent, Srs, SrsCache};
use tempfile::TempDir;

/// Files of this run; removed by the system's own rules, since the fuzzer does
/// not return.
static FOLDER: LazyLock<TempDir> =
    LazyLock::new(|| tempfile::tempdir().expect("a temporary folder"));

fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = FOLDER.path().join(name);
    fs::write(&path, bytes).expect("room for a small file");
    path
}

/// What holds of every accepted SRS.
fn accepted(srs: &Srs) {
    srs.check(&Silent).expect("an SRS that was accepted");
    let cache = SrsCache::new(FOLDER.path().join("stored"));
    let path = cache.store(srs, &Silent).expect("stored");
    let again = cache
        .load(srs.identity(), srs.k(), &Silent)
        .expect("read back");
    assert_eq!(srs.powers(), again.powers());
    assert_eq!(srs.lagrange(), again.lagrange());
    assert_eq!(srs.provenance(), again.provenance());
    assert_eq!(srs.verifier_srs(), again.verifier_srs());
    fs::remove_file(path).expect("it was there");
}

/// Input: a byte for `k` and for whether a missing section may be computed, then
/// the file.
pub fn ptau(data: &[u8]) {
    let Some((&head, bytes)) = data.split_first() else {
        return;
    };
    let path = file("file.ptau", bytes);
    let k = u32::from(head & 7);
    let options = ImportOptions {
        max_transform_k: if head & 8 == 0 { 0 } else { 4 },
    };
    if let Ok(srs) = Srs::import_ptau(&path, k, &options, &Silent) {
        assert_eq!(srs.k(), k);
        accepted(&srs);
    }
}

/// Input: the file.
pub fn raw(data: &[u8]) {
    let path = file("file.raw", data);
    if let Ok(srs) = Srs::import_halo2_raw(&path, &Silent) {
        accepted(&srs);
        let mut again = Vec::new();
        let points = [srs.powers(), &srs.lagrange()].concat();
        again.extend(srs.k().to_le_bytes());
        assert_eq!(data.len(), 4 + 64 * points.len() + 256);
        assert_eq!(data[..4], again);
    }
}

/// Where fields lie in a cache file.
const K: usize = 12;
const IDENTITY: usize = 17;
const PATH_LENGTH: usize = 113;
const PATH: usize = 117;
const CHECKSUM: usize = 32;

/// Input: a byte (odd: the checksum is made right first), then the file. It is
/// put where the cache looks for the identity and size that it claims.
pub fn cache(data: &[u8]) {
    let Some((&head, bytes)) = data.split_first() else {
        return;
    };
    let mut bytes = bytes.to_vec();
    if head & 1 == 1 {
        reseal(&mut bytes);
    }
    let cache = SrsCache::new(FOLDER.path().join("cache"));
    let k = field::<4>(&bytes, K).map_or(3, u32::from_le_bytes);
    let identity = field::<32>(&bytes, IDENTITY).unwrap_or_default();
    let path = cache.path(&identity, k);
    fs::create_dir_all(cache.directory()).expect("a temporary folder");
    fs::write(&path, &bytes).expect("room for a small file");
    let entries = cache.entries().expect("a readable folder");
    assert!(entries.len() <= 1);
    if let Ok(srs) = cache.load(&identity, k, &Silent) {
        assert_eq!(entries.len(), 1);
        let other = SrsCache::new(FOLDER.path().join("again"));
        let stored = other.store(&srs, &Silent).expect("stored");
        assert_eq!(
            fs::read(&stored).expect("stored"),
            bytes,
            "a second encoding"
        );
        fs::remove_file(stored).expect("it was there");
    }
    fs::remove_file(path).expect("it was there");
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// Writes the checksum that the content should have.
fn reseal(bytes: &mut [u8]) {
    let path = field::<4>(bytes, PATH_LENGTH).map_or(0, u32::from_le_bytes);
    let header = PATH + path as usize + 128;
    let Some(end) = bytes.len().checked_sub(CHECKSUM) else {
        return;
    };
    let Some(points) = bytes.get(header..end) else {
        return;
    };
    let mut state = Blake2b::new()
        .hash_length(CHECKSUM)
        .personal(b"nascent srs")
        .to_state();
    state.update(&bytes[..header]);
    // One block for each basis at these sizes.
    for basis in points.chunks((points.len() / 2).max(1)) {
        state.update(Blake2b::new().hash_length(32).hash(basis).as_bytes());
    }
    bytes[end..].copy_from_slice(state.finalize().as_bytes());
}
