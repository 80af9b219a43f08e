//! Operators that the front end composes of others, from an ONNX file to a verdict: the proof gives
//! what `ir::eval` gives, and nothing else.

use crate::common::{Net, float, int, ints, text, value_info};
use nascent_circuits::inference::Salts;
use nascent_circuits::inference::plan::{choose, plan};
use nascent_compiler::infer::{Compiled, Model, Options, Samples, compile};
use nascent_ir::eval;
use nascent_params::{Silent, Srs};
use nascent_prover::inference::InferenceKeys;
use nascent_verifier::inference::prefix;
use nascent_verifier::{InferenceBundle, verify_inference};
use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore, SeedableRng};
use std::sync::Arc;

fn net(shape: &[i64]) -> Net {
    let mut net = Net::new();
    net.graph().input[0] = value_info("x", shape);
    net
}

fn compiled(net: &Net) -> Compiled {
    let mut options = Options::default();
    options.table_bits = Some(12);
    compile(&Model::new(&net.bytes()), &options, &Samples::default()).expect("compiles")
}

/// Proves an input, checks the outputs, and that each of `others` and each neighbour is refused.
fn check(net: &Net, input: &[i32], others: &[Vec<i64>]) -> Vec<i64> {
    let model = compiled(net);
    let values = eval(&model.graph, &model.params, &[input.to_vec()]).expect("evaluates");
    let expected: Vec<i64> = values.outputs().flat_map(|slice| slice.to_vec()).collect();

    let lanes = choose(&model.graph).expect("planned");
    let layout = Arc::new(plan(&model.graph, lanes).expect("planned"));
    let shape = layout.shape(None).expect("fits");
    let srs = Srs::development(shape.k, &Silent).expect("made");
    let architecture = model.graph.digest().expect("encoded");
    let keys = InferenceKeys::generate(&architecture, layout, shape, &srs).expect("keys");
    keys.circuit()
        .check()
        .expect("its fixed columns mean the model");
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let salts = Salts::draw(&mut rng);
    let vk_digest = *keys.verifying_key().digest();
    let prefix = prefix(&architecture, &vk_digest, srs.identity());
    let inputs: Vec<i64> = input.iter().map(|&x| x.into()).collect();
    let made = keys.prove(&srs, &model.params, &inputs, &prefix, salts, rng);
    let made = made.expect("proved");
    assert_eq!(made.outputs, expected);

    let honest = InferenceBundle {
        architecture,
        vk_digest,
        srs_digest: *srs.identity(),
        inputs,
        outputs: expected.clone(),
        hidden_inputs: None,
        hidden_outputs: None,
        proof: made.proof,
    };
    let verify = |outputs: Vec<i64>| {
        let bundle = InferenceBundle {
            outputs,
            ..honest.clone()
        };
        verify_inference(&bundle, keys.verifying_key(), srs.verifier_srs()).is_ok()
    };
    assert!(verify(expected.clone()));
    for at in 0..expected.len() {
        for change in [-1, 1] {
            let mut other = expected.clone();
            other[at] += change;
            assert!(!verify(other), "output {at}");
        }
    }
    for other in others {
        assert_ne!(*other, expected);
        assert!(!verify(other.clone()), "{other:?}");
    }
    expected
}

fn random(count: usize) -> Vec<i32> {
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    (0..count).map(|_| rng.next_u32() as i32 % 128).collect()
}

#[test]
fn the_first_of_equal_elements() {
    let net = net(&[2, 6])
        .node_with("ArgMax", "x", "y", vec![int("axis", 1), int("keepdims", 0)])
        .output("y");
    let input = [3, 9, -7, 9, 9, 0, -4, -4, -9, -4, -8, -4];
    // Another element that is as large is not the first.
    let others = [vec![3, 0], vec![4, 0], vec![1, 5]];
    assert_eq!(check(&net, &input, &others), [1, 0]);
}

/// The row is long enough for places of two digits.
#[test]
fn the_last_of_the_least() {
    let attrs = vec![int("axis", 0), int("select_last_index", 1)];
    let net = net(&[20, 1])
        .node_with("ArgMin", "x", "y", attrs)
        .output("y");
    let mut input = random(20);
    (input[4], input[17]) = (-127, -127);
    assert_eq!(check(&net, &input, &[vec![4]]), [17]);
}

#[test]
fn the_greatest_in_order() {
    let net = net(&[1, 6])
        .ints("k", &[4])
        .node("TopK", "x k", "values indices")
        .output("values")
        .output("indices");
    let input = [5, -3, 8, 5, 8, -127];
    // The same elements, those that are equal in another order.
    let others = [
        vec![8, 8, 5, 5, 4, 2, 0, 3],
        vec![8, 8, 5, 5, 2, 4, 3, 0],
        vec![8, 5, 8, 5, 2, 0, 4, 3],
    ];
    assert_eq!(check(&net, &input, &others), [8, 8, 5, 5, 2, 4, 0, 3]);
}

#[test]
fn the_least_in_order() {
    let net = net(&[3, 2])
        .ints("k", &[3])
        .node_with(
            "TopK",
            "x k",
            "values indices",
            vec![int("axis", 0), int("largest", 0)],
        )
        .output("indices");
    let input = [127, 0, -127, 0, 127, -1];
    assert_eq!(check(&net, &input, &[]), [1, 2, 0, 0, 2, 1]);
}

#[test]
fn cubic_interpolation() {
    let mut net = net(&[1, 1, 4, 4]);
    net = net.weight("scales", &[4]);
    net.graph().initializer[0].float_data = vec![1.0, 1.0, 2.0, 1.5];
    let attrs = vec![text("mode", "cubic"), float("cubic_coeff_a", -0.5)];
    let net = net
        .node_with("Resize", "x _ scales", "y", attrs)
        .output("y");
    assert_eq!(check(&net, &random(16), &[]).len(), 48);
}

#[test]
fn a_convolution_over_three_axes() {
    let mut net = net(&[1, 2, 3, 3, 2]).weight("w", &[4, 1, 2, 2, 2]);
    let weights = &mut net.graph().initializer[0].float_data;
    for (at, weight) in weights.iter_mut().enumerate() {
        *weight = (at * 37 % 11) as f32 - 5.0;
    }
    let net = net
        .node_with(
            "Conv",
            "x w",
            "c",
            vec![int("group", 2), ints("pads", &[0, 0, 1, 0, 0, 0])],
        )
        .node("Relu", "c", "y")
        .output("y");
    assert_eq!(check(&net, &random(36), &[]).len(), 32);
}
