//! Which of a graph's numbers the model holds to one another, and what a file may cost.

use super::{only, quantize};
use crate::common::{Net, int, ints};
use nascent_compiler::infer::{InferError, Lowering, Model, Samples, lower};
use std::time::{Duration, Instant};

fn inputs() -> Samples {
    let values = (0..256).map(|i| ((i * 37 % 101) as f32 - 50.0) / 50.0);
    only(&[1, 4, 8, 8], values.collect())
}

/// Weights that are not alike.
fn varied(mut net: Net) -> Net {
    for (seed, tensor) in (1..).zip(&mut net.graph().initializer) {
        for (at, value) in tensor.float_data.iter_mut().enumerate() {
            *value = ((at * 31 % (16 + seed)) as f32 - 7.5) / 8.0;
        }
    }
    net
}

fn lowered(net: Net) -> Lowering {
    let bytes = varied(net).bytes();
    let compiled = quantize(&bytes, &inputs()).unwrap();
    lower(&Model::new(&bytes), &compiled.profile, None).unwrap()
}

/// Names of the loose parameters.
fn loose(net: Net) -> Vec<String> {
    let lowering = lowered(net);
    let loose = lowering.loose.iter();
    loose
        .map(|&id| lowering.graph.tensor(id).name.clone())
        .collect()
}

fn matrix(name: &str) -> Net {
    Net::new().weight(name, &[8, 8])
}

#[test]
fn weights_that_stand_once_are_free() {
    let layers = matrix("w")
        .weight("b", &[8])
        .weight("v", &[8, 8])
        .node("MatMul", "x w", "a")
        .node("Add", "a b", "c")
        .node("Relu", "c", "r")
        .node("Transpose", "v", "t")
        .node("MatMul", "r t", "y");
    assert_eq!(loose(layers.output("y")), [""; 0]);
    // A factor that is a weight too leaves the matrix free.
    let factor = matrix("w")
        .weight("g", &[8])
        .node("MatMul", "x w", "a")
        .node("Mul", "a g", "y");
    assert_eq!(loose(factor.output("y")), [""; 0]);
}

#[test]
fn weights_that_stand_twice_are_loose() {
    let twice = matrix("w")
        .node("MatMul", "x w", "a")
        .node("Relu", "a", "r")
        .node("MatMul", "r w", "y");
    assert_eq!(loose(twice.output("y")).len(), 2);
}

#[test]
fn functions_of_weights_are_loose() {
    // Beside the tensor itself: alone, what a function takes is no weight, but the model's own numbers.
    for op in ["Relu", "Abs", "Neg"] {
        let function = matrix("w")
            .node(op, "w", "u")
            .node("MatMul", "x w", "a")
            .node("Relu", "a", "r")
            .node("MatMul", "r u", "y");
        assert_eq!(loose(function.output("y")).len(), 2, "{op}");
        let alone = matrix("w").node(op, "w", "u").node("MatMul", "x u", "y");
        let lowering = lowered(alone.output("y"));
        let free = lowering.stored.len() - lowering.loose.len();
        assert!(op == "Neg" || free == 0, "{op}");
    }
    // Columns that the model has equal.
    let repeated = Net::new()
        .weight("w", &[8, 1])
        .ints("shape", &[8, 8])
        .node("Expand", "w shape", "u")
        .node("MatMul", "x u", "y");
    let lowering = lowered(repeated.output("y"));
    assert_eq!(lowering.stored.len(), lowering.loose.len());
}

#[test]
fn a_bias_of_the_model_is_no_weight() {
    let net = |bias: &str| {
        matrix("w")
            .ints("n", &[0, 1, 0, 0, 2, 0, 0, -1])
            .weight("b", &[8])
            .node_with("Cast", "n", "c", vec![int("to", 1)])
            .node("MatMul", "x w", "a")
            .node("Add", &format!("a {bias}"), "y")
            .output("y")
    };
    let others = |net: Net| -> usize {
        let lowering = lowered(net);
        let params = lowering.graph.params();
        let others = params.filter(|id| !lowering.stored.contains_key(id));
        others.map(|id| lowering.graph.tensor(id).elements()).sum()
    };
    assert_eq!(others(net("c")), 8, "the model's own numbers");
    assert_eq!(others(net("b")), 0, "a weight");
}

/// A quantized matrix that nothing reads does not make weights of the model's constants.
#[test]
fn quantized_weights_free_no_constant() {
    let net = || {
        matrix("w")
            .weight("k", &[8])
            .weight("s", &[])
            .node("MatMul", "x w", "a")
            .node("Add", "a k", "y")
            .output("y")
    };
    let mut quantized = net();
    let mut bytes = tract_onnx::pb::TensorProto {
        name: "q".to_owned(),
        dims: vec![8, 8],
        data_type: 3,
        ..Default::default()
    };
    bytes.raw_data = vec![1; 64];
    quantized.graph().initializer.push(bytes);
    let quantized = quantized
        .node("DequantizeLinear", "q s", "d")
        .node("MatMul", "x d", "unread");
    assert!(!lowered(net()).stored.is_empty());
    assert!(lowered(quantized).stored.is_empty());
}

#[test]
fn files_that_cost_too_much_are_refused_at_once() {
    let began = Instant::now();
    let refused = |net: Net| match quantize(&net.bytes(), &inputs()) {
        Err(InferError::TooLarge { what, .. }) => what,
        other => panic!("{:?}", other.map(|made| made.profile)),
    };
    // A product of constants that nothing reads.
    let folded = Net::new()
        .ints("shape", &[4096, 4096])
        .node("ConstantOfShape", "shape", "c")
        .node("MatMul", "c c", "unread")
        .node("Relu", "x", "y");
    let what = refused(folded.output("y"));
    assert!(what.contains("products of constants"), "{what}");
    // Tables of long functions, every step of which is an output.
    let mut long = Net::new().node_with("Transpose", "x", "t", vec![ints("perm", &[0, 1, 3, 2])]);
    long = long.node("Add", "x t", "s0");
    for at in 0..400 {
        long = long.node("Softplus", &format!("s{at}"), &format!("s{}", at + 1));
    }
    let all: Vec<String> = (0..=400).map(|at| format!("s{at}")).collect();
    long = long.node_with("Concat", &all.join(" "), "y", vec![int("axis", 1)]);
    let what = refused(long.output("y"));
    assert!(what.contains("tables"), "{what}");
    assert!(
        began.elapsed() < Duration::from_secs(120),
        "{:?}",
        began.elapsed()
    );
}

#[test]
fn what_would_be_another_network_is_refused() {
    let refused = |net: Net| assert!(quantize(&varied(net).bytes(), &inputs()).is_err());
    // A constant that its type cuts.
    for (value, to) in [
        (256, 2),
        (-1, 2),
        (200, 3),
        (1 << 16, 4),
        (-1, 12),
        (1 << 31, 6),
    ] {
        let cut = Net::new()
            .ints("k", &[value])
            .node_with("Cast", "k", "c", vec![int("to", to)])
            .node_with("Cast", "c", "f", vec![int("to", 1)])
            .node("Add", "x f", "y");
        refused(cut.output("y"));
    }
    // Normalization by the batch's own statistics, before operator set 14.
    let mut training = Net::new();
    for name in ["scale", "bias", "mean", "variance"] {
        training = training.weight(name, &[4]);
    }
    let mut training = training
        .node(
            "BatchNormalization",
            "x scale bias mean variance",
            "y m v sm sv",
        )
        .output("y");
    training.model.opset_import[0].version = 11;
    refused(training);
    // A number of more axes gives its result more axes.
    let mut one = Net::new().scalar("k", 1.0);
    one.graph().initializer[0].dims = vec![1; 5];
    let one = one.node("Pow", "x k", "p").output("p");
    refused(one);
}
