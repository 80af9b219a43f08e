//! A derived sample follows the distribution that its table has.

use nascent_circuits::sampling::DistributionReport;
use nascent_verifier::Distribution;

use super::{CUT, P16, deriver, model, sampled, tensor};

#[test]
fn a_sample_has_the_statistics_of_its_table() {
    let n = 600_000u64;
    let model = model(
        &[
            (Distribution::Normal, P16),
            (Distribution::Uniform, P16),
            (CUT, P16),
        ],
        &[
            ("normal", &[n], sampled(0, 1.0 / 4096.0, 0.0)),
            ("uniform", &[n], sampled(1, 1.0 / 65536.0, 0.0)),
            ("cut", &[n], sampled(2, 1.0 / 4096.0, 0.0)),
        ],
    );
    let deriver = deriver(&model);
    for index in 0..3 {
        let table = deriver.table(index).expect("a stream");
        let report = DistributionReport::new(table);
        let mut weights = tensor(&deriver, index);
        let count = n as f64;
        let mean = weights.iter().map(|&w| f64::from(w)).sum::<f64>() / count;
        let power = |k| {
            weights
                .iter()
                .map(|&w| (f64::from(w) - mean).powi(k))
                .sum::<f64>()
                / count
        };
        let (variance, fourth) = (power(2), power(4));
        let sigma = report.moments.variance.sqrt();
        // Four standard errors of each estimate.
        assert!(
            mean.abs() < 4.0 * sigma / count.sqrt(),
            "{index}: mean {mean}"
        );
        let spread = (report.moments.kurtosis - 1.0).sqrt() * report.moments.variance;
        let off = variance - report.moments.variance;
        assert!(
            off.abs() < 4.0 * spread / count.sqrt(),
            "{index}: variance {variance}"
        );
        let kurtosis = fourth / (variance * variance);
        assert!(
            (kurtosis - report.moments.kurtosis).abs() < 0.03,
            "{index}: {kurtosis}"
        );

        // Kolmogorov-Smirnov against the table's own steps; 1.95 is exceeded once in a thousand.
        weights.sort_unstable_by(f32::total_cmp);
        let deviates: Vec<f32> = table
            .deviates()
            .map(|z| z as f32 * report.unit as f32)
            .collect();
        let distance = (0..deviates.len())
            .filter(|&i| deviates.get(i + 1) != deviates.get(i))
            .map(|i| {
                let below = weights.partition_point(|w| *w <= deviates[i]) as f64 / count;
                (below - (i + 1) as f64 / deviates.len() as f64).abs()
            })
            .fold(0.0, f64::max);
        assert!(
            distance < 1.95 / count.sqrt(),
            "{index}: distance {distance}"
        );
    }
}
