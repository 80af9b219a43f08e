//! The ONNX package's own tests of single nodes, collected by `tests/node_cases.py`.

use super::Tensor;
use super::cases::cases;
use nascent_compiler::infer::{InferError, Model, Options, Samples, compile, run_float};

/// What a case is refused for; each is a limit that the operator's page states.
fn is_limit(error: &InferError) -> bool {
    matches!(
        error,
        InferError::Form { .. }
            | InferError::Attribute { .. }
            | InferError::Shape { .. }
            | InferError::Opset { .. }
    )
}

#[test]
fn floats_follow_the_specification() {
    let (mut agreed, mut refused, mut wrong) = (0, Vec::new(), Vec::new());
    for case in cases() {
        match run_float(&Model::new(&case.model), &Options::default(), &case.samples) {
            Ok(outputs) => {
                let made: Vec<f64> = outputs[0][0].to_f64();
                let close = made.len() == case.expected.len()
                    && made
                        .iter()
                        .zip(&case.expected)
                        .all(|(a, b)| (a - b).abs() <= 1e-4 * (1.0 + b.abs()));
                if close {
                    agreed += 1
                } else {
                    wrong.push(case.name)
                }
            }
            Err(error) if is_limit(&error) => refused.push(format!("{}: {error}", case.name)),
            Err(error) => wrong.push(format!("{}: {error}", case.name)),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    println!("{agreed} agreed; refused: {refused:#?}");
    assert!(agreed >= AGREED, "{agreed} agreed; refused: {refused:#?}");
}

/// Cases that agree today; fewer mean that an operator was lost.
const AGREED: usize = 368;

#[test]
fn integers_stay_close() {
    let (mut close, mut wrong) = (0, Vec::new());
    for case in cases() {
        let options = Options::default();
        if run_float(&Model::new(&case.model), &options, &case.samples).is_err() {
            continue;
        }
        match compile(&Model::new(&case.model), &options, &case.samples) {
            Ok(compiled) => {
                // One step of 8 bits of each operand's and the result's range.
                let largest = case
                    .expected
                    .iter()
                    .fold(0.0_f64, |most, v| most.max(v.abs()));
                let error = compiled
                    .report
                    .layers
                    .last()
                    .map_or(0.0, |layer| layer.max_error);
                if error <= 0.05 * largest.max(1e-3) {
                    close += 1
                } else {
                    wrong.push(format!("{}: error {error} of {largest}", case.name));
                }
            }
            Err(error) if is_limit(&error) => {}
            Err(error) => wrong.push(format!("{}: {error}", case.name)),
        }
    }
    assert_eq!(wrong.len(), STEEP.len(), "{wrong:#?}");
    for (case, name) in wrong.iter().zip(STEEP) {
        assert!(case.starts_with(name), "{wrong:#?}");
    }
    assert!(close >= CLOSE, "{close} close");
}

/// Cases whose integers are within 5 % of the largest value of the result.
const CLOSE: usize = 358;

/// Functions that jump or are steep where the case has values: rounding an operand by half a step
/// changes the result by more. The gates of one recurrent case have arguments up to 50, where a
/// step is 0.4; the result of the other one is 2^29 times smaller than its terms, which is refused.
const STEEP: [&str; 13] = [
    "test_atanh",
    "test_greater",
    "test_greater_equal",
    "test_gru_seq_length",
    "test_gru_bidirectional",
    "test_less",
    "test_less_equal",
    "test_log",
    "test_logsoftmax_large_number",
    "test_round",
    "test_softmax_large_number",
    "test_tan",
    "test_thresholdedrelu_example",
];

/// Every operator's file, damaged: an error or a graph, never a panic.
#[test]
fn damaged_nodes_do_not_panic() {
    let mut options = Options::default();
    (options.max_elements, options.max_products) = (1 << 16, 1 << 22);
    let mut state = 1_u64;
    let mut next = move |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let (mut accepted, mut refused, mut faults) = (0, 0, Vec::new());
    for case in cases() {
        for _ in 0..24 {
            let mut bytes = case.model.clone();
            for _ in 0..1 + next(3) {
                let at = next(bytes.len());
                if next(2) == 0 {
                    bytes[at] ^= 1 << next(8);
                } else {
                    bytes[at] = [0, 1, 2, 0x7f, 0x80, 0xff][next(6)];
                }
            }
            match compile(&Model::new(&bytes), &options, &Samples::default()) {
                Ok(_) => accepted += 1,
                Err(InferError::Graph(error)) => faults.push(format!("{}: {error}", case.name)),
                Err(_) => refused += 1,
            }
        }
    }
    // The integer graph's own check finds nothing that the compiler should have found.
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(accepted > 1000 && refused > 1000, "{accepted} {refused}");
}

trait ToF64 {
    fn to_f64(&self) -> Vec<f64>;
}

impl ToF64 for Tensor {
    fn to_f64(&self) -> Vec<f64> {
        match self.floats() {
            Some(floats) => floats.iter().map(|&v| f64::from(v)).collect(),
            None => self.ints().unwrap().iter().map(|&v| v as f64).collect(),
        }
    }
}
