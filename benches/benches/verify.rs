//! Verification of one proof, and of each further proof in a batch.
//!
//! `cargo bench -p nascent-benches --bench verify`: proofs of `2^12` rows. A proof is a little
//! smaller from `2^17` rows on, where the table needs no folding: `NASCENT_BENCH_K=17`.
#![expect(
    missing_docs,
    reason = "criterion_group! makes an undocumented function"
)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use nascent_benches::{Proved, Tiles, size};
use std::time::{Duration, Instant};

/// Proofs that the batches repeat; each is absorbed, weighed and multiplied again.
const DISTINCT: u64 = 3;

fn verify(criterion: &mut Criterion) {
    let k = size(12);
    let tiles = Tiles::new(k);
    let proofs: Vec<Proved> = (0..DISTINCT).map(|index| tiles.prove(index)).collect();
    let some = |count| proofs.iter().cycle().take(count);
    let mut group = criterion.benchmark_group("verify");
    group
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3));
    let bytes = tiles.proof_bytes();
    group.bench_function(format!("one proof of {bytes} bytes, k = {k}"), |bench| {
        bench.iter(|| tiles.verify(some(1)));
    });
    for count in [8, 64] {
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(format!("batch of {count}"), |bench| {
            bench.iter(|| tiles.verify(some(count)));
        });
        group.throughput(Throughput::Elements(1));
        group.bench_function(format!("each further proof of {count}"), |bench| {
            bench.iter_custom(|rounds| {
                let time = |count| {
                    let start = Instant::now();
                    tiles.verify(some(count));
                    start.elapsed()
                };
                let pair = || time(count).saturating_sub(time(1));
                let sum: Duration = (0..rounds).map(|_| pair()).sum();
                sum / (count as u32 - 1)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, verify);
criterion_main!(benches);
