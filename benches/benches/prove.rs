//! Proof of one tile, keys and SRS at hand.
//!
//! `cargo bench -p nascent-benches --bench prove`: `2^12` rows; `NASCENT_BENCH_K=18` for the size
//! that large models take.
#![expect(
    missing_docs,
    reason = "criterion_group! makes an undocumented function"
)]

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use nascent_benches::{Tiles, size};
use std::time::Duration;

fn prove(criterion: &mut Criterion) {
    let k = size(12);
    let tiles = Tiles::new(k);
    let mut group = criterion.benchmark_group("prove");
    // A sample is a proof; ten are the fewest that criterion takes.
    group
        .sample_size(10)
        .sampling_mode(SamplingMode::Flat)
        .warm_up_time(Duration::from_millis(1))
        .measurement_time(Duration::from_secs(1))
        .throughput(Throughput::Elements(tiles.weights()));
    let mut index = 0;
    group.bench_function(format!("one tile, k = {k}"), |bench| {
        bench.iter(|| {
            index += 1;
            tiles.prove(index)
        });
    });
    group.finish();
}

criterion_group!(benches, prove);
criterion_main!(benches);
