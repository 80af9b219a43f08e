//! Keys: made twice the same, kept, found damaged, replaced; and what is predicted of tiles.

use std::fs;

use halo2_proofs::plonk::keygen_pk2;
use nascent_circuits::tile::{TileCircuit, TileParams};
use nascent_params::{Silent, Srs};
use nascent_prover::error::KeyError;
use nascent_prover::estimate::{CostModel, Limits, TileCost, choose_sizes};
use nascent_prover::export::export_library;
use nascent_prover::keys::{KeySource, KeyStore, TileKeys};
use nascent_prover::plonk::Key;
use nascent_verifier::{
    Distribution, Fill, ModelSpec, Precision, StreamSpec, TensorSpec, VerifyingKey,
};
use tempfile::TempDir;

fn params(k: u32, fraction_bits: u8) -> TileParams {
    let precision = Precision {
        limb_bits: 8,
        fraction_bits,
    };
    TileParams::new(k, Distribution::Normal, precision).unwrap()
}

fn srs(k: u32) -> Srs {
    Srs::development(k, &Silent).unwrap()
}

#[test]
fn a_verifying_key_gives_the_same_key() {
    let (params, srs) = (params(9, 5), srs(9));
    let keys = TileKeys::generate(params.clone(), &srs).unwrap();
    let vk = keys.verifying_key().clone();
    let again = TileKeys::with_verifying_key(params, &srs, vk).unwrap();
    assert_eq!(keys.key().fixed(), again.key().fixed());
}

#[test]
fn keys_are_the_librarys() {
    let (params, srs) = (params(9, 5), srs(9));
    let keys = TileKeys::generate(params.clone(), &srs).unwrap();
    let shape = TileCircuit::shape(params.clone());
    let library = keygen_pk2(srs.params(), &shape, false).unwrap();
    let copied = Key::from_library(&library).unwrap();
    assert_eq!(keys.key().fixed(), copied.fixed());
    let tile = keys.verifying_key().tile().cloned();
    let rows = keys.verifying_key().data().instance_rows.clone();
    let exported = export_library(library.get_vk(), &rows, tile).unwrap();
    assert_eq!(exported.digest(), keys.verifying_key().digest());
}

#[test]
fn keys_of_other_circuits_are_refused() {
    let (srs, small) = (srs(9), params(8, 5));
    let keys = TileKeys::generate(params(9, 5), &srs).unwrap();
    // Another table: the same constraints, other commitments, another shape.
    let vk = keys.verifying_key().clone();
    let error = TileKeys::with_verifying_key(params(9, 4), &srs, vk.clone()).unwrap_err();
    assert!(matches!(error, KeyError::Mismatch { .. }), "{error}");
    let error = TileKeys::generate(small.clone(), &srs).unwrap_err();
    assert!(
        matches!(
            error,
            KeyError::SrsSize {
                expected: 8,
                got: 9
            }
        ),
        "{error}"
    );
    let srs = Srs::development(8, &Silent).unwrap();
    let error = TileKeys::with_verifying_key(small, &srs, vk).unwrap_err();
    assert!(matches!(error, KeyError::Commitments { .. }), "{error}");
}

#[test]
fn stored_keys_are_used_and_damaged_ones_replaced() {
    let directory = TempDir::new().unwrap();
    let store = KeyStore::new(directory.path().join("keys"));
    assert!(store.entries().unwrap().is_empty());
    let (params, srs) = (params(8, 5), srs(8));
    let (keys, source) = store.load_or_generate(&params, &srs).unwrap();
    assert_eq!(source, KeySource::Generated);
    let digest = *keys.verifying_key().digest();
    let (keys, source) = store.load_or_generate(&params, &srs).unwrap();
    assert_eq!(
        (*keys.verifying_key().digest(), source),
        (digest, KeySource::Stored)
    );

    let path = store.path(&params, srs.identity());
    let sound = fs::read(&path).unwrap();
    let mut flipped = sound.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    for damaged in [
        Vec::new(),
        sound[..sound.len() - 1].to_vec(),
        flipped,
        vec![0; 1 << 16],
    ] {
        fs::write(&path, damaged).unwrap();
        let (keys, _) = store.load_or_generate(&params, &srs).unwrap();
        assert_eq!(*keys.verifying_key().digest(), digest);
        assert_eq!(fs::read(&path).unwrap(), sound);
    }
    let entries = store.entries().unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!((entries[0].digest, &entries[0].path), (digest, &path));
}

#[test]
fn predicted_proofs_have_the_length_the_verifier_expects() {
    let precision = Precision {
        limb_bits: 8,
        fraction_bits: 5,
    };
    let truncated = Distribution::TruncatedNormal { lo: -64, hi: 64 };
    for (k, distribution) in [(7, Distribution::Uniform), (8, truncated), (9, truncated)] {
        let params = TileParams::new(k, distribution, precision).unwrap();
        let keys = TileKeys::generate(params.clone(), &srs(k)).unwrap();
        let expected = keys.verifying_key().proof_len() as u64;
        assert_eq!(TileCost::new(&params).proof_bytes, expected);
    }
}

#[test]
fn small_models_get_small_tiles_and_memory_bounds_large_ones() {
    let precision = Precision {
        limb_bits: 16,
        fraction_bits: 12,
    };
    let sizes = |rows: u64, memory: Option<u64>| {
        let stream = StreamSpec {
            distribution: Distribution::Normal,
            precision,
            rows,
        };
        let fill = Fill::Constant { bits: 0 };
        let model = ModelSpec {
            kept: Vec::new(),
            name: "m".into(),
            graph_digest: [0; 32],
            rules_digest: [0; 32],
            streams: vec![stream],
            tensors: vec![TensorSpec {
                name: "t".into(),
                dims: vec![1],
                fill,
            }],
        };
        let limits = Limits {
            sizes: (1..=20).collect(),
            memory,
            threads: 2,
        };
        choose_sizes(&model, false, &CostModel::REFERENCE, &limits).unwrap()[0].k
    };
    let (small, large) = (sizes(4_000, None), sizes(10_000_000, None));
    assert!(small < 16 && large >= 18, "{small} {large}");
    let bounded = sizes(10_000_000, Some(1 << 30));
    assert!((12..large).contains(&bounded), "{bounded}");
}

#[test]
fn a_tiny_proof_scales_times_and_nothing_else() {
    let reference = CostModel::REFERENCE;
    let here = reference.calibrated(2).unwrap();
    assert!(here.factor.is_finite() && here.factor > 0.0);
    let tile = TileCost::new(&params(12, 5));
    let ratio = here.proof_cpu(&tile) / reference.proof_cpu(&tile);
    assert!((ratio / here.factor - 1.0).abs() < 1e-9);
    assert_eq!(here.peak_memory(&tile, 1), reference.peak_memory(&tile, 1));
    assert!(here.peak_memory(&tile, 3) > here.peak_memory(&tile, 1));
}

/// The most openings of a column and of a weight column, and the random rows that hide them: the
/// openings, the commitment, and two more.
#[track_caller]
fn hiding(vk: &VerifyingKey) -> (usize, usize, u64) {
    let data = vk.data();
    let columns = 0..u32::try_from(data.advice_phases.len()).expect("few");
    let openings: Vec<usize> = columns.map(|column| data.openings_of(column)).collect();
    for (column, &openings) in openings.iter().enumerate() {
        let said = openings as u64 + 1;
        assert!(
            said + 2 <= data.random_rows(),
            "column {column}: {openings}"
        );
    }
    let lists = (0..).map_while(|list| vk.weights(list));
    let weights = lists.flat_map(|list| list.columns.clone());
    let of_weights = weights.map(|column| openings[column as usize]);
    let most = openings.iter().copied().max().expect("columns");
    (most, of_weights.max().unwrap_or(0), data.random_rows())
}

/// In the book's table of what hiding rests on.
#[test]
fn every_column_has_random_rows_left() {
    let precision = params(9, 5).precision;
    for distribution in [Distribution::Normal, Distribution::Uniform] {
        for weight_digest in [false, true] {
            let params = TileParams::new(9, distribution, precision).unwrap();
            let params = params.with_weight_digest(weight_digest);
            let keys = TileKeys::generate(params, &srs(9)).unwrap();
            assert_eq!(hiding(keys.verifying_key()), (9, 1, 12));
        }
    }
}

#[test]
fn keys_can_be_shared_among_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<TileKeys>();
    shared::<VerifyingKey>();
    shared::<KeyStore>();
    shared::<nascent_prover::job::Job<'static>>();
}
