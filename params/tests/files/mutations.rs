//! Hundreds of damaged files, the same in every run: each is an error or a
//! consistent reference string, never a panic.
//!
//! The targets in `fuzz/` look for the same failures, for longer.

use std::fs;

use halo2_proofs::poly::commitment::Params;
use halo2_proofs::poly::kzg::commitment::ParamsKZG;
use halo2curves::bn256::Bn256;
use nascent_params::{ImportOptions, Silent, Srs, SrsCache, development_identity};
use rand_chacha::{ChaCha8Rng, rand_core::RngCore, rand_core::SeedableRng};

use crate::support::{PtauFile, on_disk};

const POWER: u32 = 2;

/// One to three changes: bits, numbers, points moved, bytes put in or taken out.
fn mutate(random: &mut ChaCha8Rng, original: &[u8]) -> Vec<u8> {
    let mut below = |limit: usize| random.next_u64() as usize % limit;
    let mut bytes = original.to_vec();
    for _ in 0..=below(3) {
        let (at, from) = (below(bytes.len()), below(bytes.len()));
        let room = bytes.len() - at.max(from);
        let len = [4, 8, 32, 64][below(4)].min(room);
        match below(6) {
            0 => bytes[at] ^= 1 << below(8),
            1 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][below(5)],
            2 => bytes.copy_within(from..from + len, at),
            3 => bytes.insert(at, 0),
            4 if bytes.len() > len => drop(bytes.drain(at..at + len)),
            _ => bytes[at..at + len].fill(0xff),
        }
    }
    bytes
}

fn each(seed: u64, original: &[u8], read: impl Fn(&[u8]) -> Option<Srs>) {
    read(original).expect("the original is good");
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    for _ in 0..700 {
        if let Some(srs) = read(&mutate(&mut random, original)) {
            srs.check(&Silent).expect("an SRS that was accepted");
        }
    }
}

#[test]
fn damaged_ceremony_files() {
    let options = ImportOptions::default();
    let read = |bytes: &[u8]| {
        let (_directory, path) = on_disk(bytes);
        Srs::import_ptau(&path, POWER, &options, &Silent).ok()
    };
    each(1, &PtauFile::new(POWER).bytes(), read);
    each(2, &PtauFile::unprepared(POWER).bytes(), read);
}

#[test]
fn damaged_library_files() {
    let params = ParamsKZG::<Bn256>::setup(POWER, ChaCha8Rng::seed_from_u64(11));
    let mut original = Vec::new();
    params.write(&mut original).expect("writing to memory");
    each(3, &original, |bytes| {
        let (_directory, path) = on_disk(bytes);
        Srs::import_halo2_raw(&path, &Silent).ok()
    });
}

#[test]
fn damaged_cache_files() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let cache = SrsCache::new(directory.path());
    let srs = Srs::development(POWER, &Silent).expect("valid k");
    let path = cache.store(&srs, &Silent).expect("stored");
    let original = fs::read(&path).expect("stored");
    each(4, &original, |bytes| {
        fs::write(&path, bytes).expect("writing a temporary file");
        let read = cache.load(development_identity(), POWER, &Silent).ok()?;
        assert_eq!(bytes, original, "the checksum covers every byte");
        Some(read)
    });
}
