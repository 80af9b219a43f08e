//! Parameter files: one encoding, and a circuit that takes what the reference takes.

use std::sync::LazyLock;

use nascent_circuits::inference::{InferenceCircuit, Salts};
use nascent_ir::{Params, eval};

use crate::decode;
use crate::proved::PROVED;

static CIRCUIT: LazyLock<InferenceCircuit> = LazyLock::new(|| PROVED.circuit());

/// Decodes, and computes with what fits the architecture.
pub fn run(data: &[u8]) {
    let Some(params) = decode::<Params>(data) else {
        return;
    };
    let inputs = &PROVED.inference.inputs;
    let small: Vec<i32> = inputs.iter().map(|&x| x as i32).collect();
    let expected = eval(&PROVED.graph, &params, &[small]);
    let fits = params.check(&PROVED.graph).is_ok();
    let cells = CIRCUIT.parameter_cells(&params);
    // A value too many is the reference's to refuse.
    assert!(!fits || cells.is_ok(), "no cells");
    let witness = CIRCUIT.with_witness(&params, inputs, Salts::default());
    if let Ok(expected) = expected {
        let expected: Vec<i64> = expected
            .outputs()
            .flat_map(|slice| slice.to_vec())
            .collect();
        assert!(fits, "computed with parameters that do not fit");
        let (_, outputs) = witness.expect("what the reference takes");
        assert_eq!(outputs, expected, "not what the reference computes");
    }
}
