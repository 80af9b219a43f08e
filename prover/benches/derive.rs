//! Speed of native derivation: permutations, weights in memory, weights in a file, an audit.
//!
//! `cargo bench -p nascent-prover --bench derive`; `RAYON_NUM_THREADS` sets the number of cores.
#![expect(
    missing_docs,
    reason = "criterion_group! makes an undocumented function"
)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ff::Field;
use halo2curves::bn256::Fr;
use nascent_circuits::{poseidon2, sampling::DeviateTable, stream};
use nascent_prover::derive::{Deriver, Metadata, SafetensorsFile, audit, write_safetensors};
use nascent_verifier::{Distribution, Fill, ModelSpec, Precision, StreamSpec, TensorSpec};

const WEIGHTS: u64 = 15 * 15 * 40_000;
const PRECISION: Precision = Precision {
    limb_bits: 16,
    fraction_bits: 12,
};

fn model(distribution: Distribution) -> ModelSpec {
    let fill = Fill::Sampled {
        stream: 0,
        first_row: 0,
        scale_bits: 0.01f32.to_bits(),
        mean_bits: 0,
    };
    ModelSpec {
        kept: Vec::new(),
        name: "bench".into(),
        graph_digest: [0; 32],
        rules_digest: [0; 32],
        streams: vec![StreamSpec {
            distribution,
            precision: PRECISION,
            rows: WEIGHTS / 15,
        }],
        tensors: vec![TensorSpec {
            name: "weight".into(),
            dims: vec![WEIGHTS],
            fill,
        }],
    }
}

fn permutations(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("permutation");
    let mut state: [Fr; 16] = std::array::from_fn(|i| Fr::from(i as u64).cube());
    group.throughput(Throughput::Elements(1));
    group.bench_function("one, portable", |b| {
        b.iter(|| poseidon2::permute(black_box(&mut state)));
    });
    let mut blocks = vec![Default::default(); 32];
    group.throughput(Throughput::Elements(32));
    group.bench_function("32 blocks, best of this processor", |b| {
        b.iter(|| stream::blocks(state[0], state[1], 0, black_box(&mut blocks)));
    });
    group.finish();
}

fn tables(criterion: &mut Criterion) {
    criterion.bench_function("table of the normal, 16 bits", |b| {
        b.iter(|| DeviateTable::new(Distribution::Normal, PRECISION));
    });
}

fn weights(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("weights");
    group.sample_size(10);
    group.throughput(Throughput::Elements(WEIGHTS));
    let mut out = vec![0f32; WEIGHTS as usize];
    for distribution in [Distribution::Normal, Distribution::Uniform] {
        let model = model(distribution);
        let deriver = Deriver::new(&model, Fr::ONE, &[0; 32]).expect("valid");
        group.bench_function(format!("{distribution:?}, in memory"), |b| {
            b.iter(|| deriver.fill(0, 0, black_box(&mut out)));
        });
    }
    let model = model(Distribution::Normal);
    let deriver = Deriver::new(&model, Fr::ONE, &[0; 32]).expect("valid");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("weights.safetensors");
    group.bench_function("Normal, to a file", |b| {
        b.iter(|| write_safetensors(&deriver, &path, &Metadata::default(), &|_, _| ()));
    });
    group.bench_function("Normal, audit of a file", |b| {
        b.iter(|| {
            let mut file = SafetensorsFile::open(&path).expect("just written");
            audit(&deriver, &mut file, &|_, _| ())
        });
    });
    group.finish();
}

criterion_group!(benches, permutations, tables, weights);
criterion_main!(benches);
