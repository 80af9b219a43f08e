//! Options and samples that are out of range, and what they change.

use super::{bundled, only};
use nascent_compiler::infer::{Calibration, InferError, Model, Options, compile};

fn with(
    change: impl FnOnce(&mut Options),
) -> Result<nascent_compiler::infer::Compiled, InferError> {
    let (bytes, samples) = bundled("mlp-128");
    let mut options = Options::default();
    change(&mut options);
    compile(&Model::new(&bytes), &options, &samples)
}

#[test]
fn options_out_of_range_are_refused() {
    let changes: [fn(&mut Options); 7] = [
        |o| o.batch = 0,
        |o| o.activation_bits = 3,
        |o| o.activation_bits = 13,
        |o| o.weight_bits = 0,
        |o| o.table_bits = Some(17),
        |o| o.calibration = Calibration::Percentile(0.0),
        |o| o.calibration = Calibration::Percentile(f64::NAN),
    ];
    for change in changes {
        assert!(matches!(with(change), Err(InferError::Option { .. })));
    }
}

#[test]
fn more_bits_give_less_error() {
    let error = |bits| {
        let compiled = with(|o| (o.activation_bits, o.weight_bits) = (bits, bits)).unwrap();
        compiled.report.layers.last().unwrap().relative_error
    };
    let (four, eight, twelve) = (error(4), error(8), error(12));
    assert!(
        four > 2.0 * eight && eight > 2.0 * twelve,
        "{four} {eight} {twelve}"
    );
}

#[test]
fn a_percentile_saturates() {
    let compiled = with(|o| o.calibration = Calibration::Percentile(0.9)).unwrap();
    let most = compiled
        .report
        .layers
        .iter()
        .map(|layer| layer.saturated)
        .fold(0.0, f64::max);
    assert!(most > 0.02, "{most}");
}

#[test]
fn a_batch_is_part_of_the_architecture() {
    let compiled = with(|o| o.batch = 2).unwrap();
    assert_eq!(compiled.inputs[0].shape, [2, 784]);
    assert_eq!(compiled.outputs[0].shape, [2, 10]);
}

#[test]
fn samples_that_do_not_fit_are_refused() {
    let (bytes, _) = bundled("mlp-128");
    for samples in [only(&[783], vec![0.5; 783]), only(&[0, 784], vec![])] {
        let made = compile(&Model::new(&bytes), &Options::default(), &samples);
        assert!(matches!(made, Err(InferError::Sample { .. })));
    }
    let samples = only(&[1, 784], vec![0.5; 784]);
    let compiled = compile(&Model::new(&bytes), &Options::default(), &samples).unwrap();
    let port = &compiled.inputs[0];
    assert!(port.quantize(&[0.5; 783]).is_err());
    let mut values = vec![0.5; 784];
    values[3] = f32::NAN;
    assert!(port.quantize(&values).is_err());
    values[3] = 1e30;
    assert_eq!(i64::from(port.quantize(&values).unwrap()[3]), port.range.1);
}
