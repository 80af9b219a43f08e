//! Jobs that come to their end.

use ff::{Field, PrimeField};
use halo2curves::bn256::Fr;
use nascent_circuits::seed::SeedMaterial;
use nascent_prover::job::Job;
use nascent_verifier::{Format, InitBundle, PUBLIC_SEED_PK, Proved, Seed, verify_init};
use tempfile::TempDir;

use super::support::{
    SRS, TILES, beacon, finished, keys, plan, public_key, request, run, short_plan,
};
use nascent_prover::job::SrsSource;

#[test]
fn two_streams_with_a_hidden_seed_verify() {
    let finished = &finished().1;
    let bytes = finished.bundle.encode().unwrap();
    let bundle = InitBundle::decode(&bytes).unwrap();
    assert_eq!(bundle, finished.bundle);
    let keys = &finished.keys;
    let find = |digest: &_| keys.iter().find(|vk| vk.digest() == digest);
    let report = verify_init(&bundle, find, &SRS.verifier_srs().unwrap()).unwrap();
    assert_eq!(report, finished.report);
    assert_eq!(
        report.seed,
        Seed::Hidden {
            publisher_key: public_key()
        }
    );
    assert_eq!(report.proofs, TILES);
    assert!(report.development_srs);
    assert!(report.proved.contains(&Proved::Coverage));
}

#[test]
fn keys_are_found_again_by_digest() {
    for vk in &finished().1.keys {
        let found = keys().find(vk.digest()).unwrap().unwrap();
        assert_eq!(found.data(), vk.data());
    }
    assert!(keys().find(&[0; 32]).unwrap().is_none());
}

#[test]
fn a_public_seed_verifies() {
    let directory = TempDir::new().unwrap();
    let (plan, beacon) = (short_plan(None), beacon());
    let (result, _) = run(
        &Job::open(request(&plan, &beacon, directory.path())).unwrap(),
        usize::MAX,
    );
    assert_eq!(result.unwrap().report.seed, Seed::Public);
}

#[test]
fn the_public_seeds_key_is_the_hash_of_zero() {
    let zero = SeedMaterial {
        secret: Fr::ZERO,
        beacon: Fr::ZERO,
        model: Fr::ZERO,
    };
    assert_eq!(zero.public_key().to_repr(), PUBLIC_SEED_PK);
}

#[test]
fn predictions_count_tiles_and_bytes_exactly() {
    let directory = TempDir::new().unwrap();
    let (plan, beacon) = (plan(Some(public_key())), beacon());
    let job = Job::open(request(&plan, &beacon, directory.path())).unwrap();
    let estimate = job.estimate();
    assert_eq!(estimate.tiles(), TILES);
    assert_eq!(estimate.proof_bytes(), finished().1.report.proof_bytes);
    for (tile, vk) in job.tiles().iter().zip(&finished().1.keys) {
        assert_eq!(tile.proof_bytes, vk.proof_len() as u64);
        assert_eq!(tile.blocks, vk.tile().unwrap().blocks);
    }
    assert!(estimate.cpu_seconds() > 0.0 && estimate.wall_seconds() > 0.0);
    assert_eq!(job.files(), 0);
}
