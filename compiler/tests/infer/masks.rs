//! What is a mask, what is none, and which values have a scale without a decision.
//!
//! Each model here is either refused, with the reason, or the integers give what the float model does.

use super::{only, quantize};
use crate::common::{Net, int, ints, value_info};
use nascent_compiler::infer::profile::Decision;
use nascent_compiler::infer::{Compiled, Model, Options, run_float};
use nascent_ir::eval;
use std::collections::BTreeMap;

const ROWS: usize = 4;
const WIDTH: usize = 8;

fn values() -> Vec<f32> {
    let each = 0..ROWS * WIDTH;
    each.map(|i| ((i * 37 % 101) as f32 - 50.0) / 50.0)
        .collect()
}

/// Rows of `s`, each element `by * tanh(x)`.
fn scores(by: f32) -> Net {
    let mut net = Net::new().scalar("by", by);
    net.graph().input[0] = value_info("x", &[ROWS as i64, WIDTH as i64]);
    net.node("Tanh", "x", "t").node("Mul", "t by", "s")
}

/// With constants of this shape.
fn with(mut net: Net, name: &str, shape: &[i64], values: &[f32]) -> Net {
    net = net.weight(name, shape);
    net.graph().initializer.last_mut().unwrap().float_data = values.to_vec();
    net
}

/// `k` added to the scores, in `a`.
fn added(by: f32, k: &[f32]) -> Net {
    with(scores(by), "k", &[1, WIDTH as i64], k).node("Add", "s k", "a")
}

fn half(first: f32, second: f32) -> Vec<f32> {
    [vec![first; WIDTH / 2], vec![second; WIDTH / 2]].concat()
}

fn softmax(net: Net, x: &str) -> Net {
    net.node_with("Softmax", x, "y", vec![int("axis", -1)])
        .output("y")
}

fn compiled(net: &Net) -> Compiled {
    quantize(&net.bytes(), &only(&[1, ROWS, WIDTH], values())).expect("compiles")
}

fn refused(net: &Net, why: &str) {
    let made = quantize(&net.bytes(), &only(&[1, ROWS, WIDTH], values()));
    let error = made.map(|_| ()).expect_err(why).to_string();
    assert!(error.contains(why), "{error}");
}

/// Greatest distance of the integers' numbers from the float model's.
fn error(net: &Net) -> f32 {
    let compiled = compiled(net);
    let input = compiled.inputs[0].quantize(&values()).unwrap();
    let made = eval(&compiled.graph, &compiled.params, &[input]).unwrap();
    let made = compiled.outputs[0].dequantize(made.outputs().next().unwrap().iter());
    let samples = only(&[1, ROWS, WIDTH], values());
    let floats = run_float(&Model::new(&net.bytes()), &Options::default(), &samples).unwrap();
    let floats = floats[0][0].to_floats_for_tests();
    assert_eq!(made.len(), floats.len());
    let each = made.iter().zip(&floats);
    each.fold(0.0, |most, (made, float)| (made - float).abs().max(most))
}

trait Floats {
    fn to_floats_for_tests(&self) -> Vec<f32>;
}

impl Floats for nascent_compiler::infer::Tensor {
    fn to_floats_for_tests(&self) -> Vec<f32> {
        match (self.floats(), self.ints()) {
            (Some(floats), _) => floats.to_vec(),
            (_, Some(ints)) => ints.iter().map(|&v| v as f32).collect(),
            _ => Vec::new(),
        }
    }
}

fn padded(net: Net, pads: &[i64], value: f32) -> Net {
    net.ints("p", pads)
        .scalar("v", value)
        .node("Pad", "s p v", "q")
}

#[test]
fn padding_is_less_than_everything_for_maxima_alone() {
    let no_maximum = "something other than a maximum reads it";
    for value in [-1e9, -1e6, f32::MIN, f32::NEG_INFINITY] {
        refused(
            &softmax(padded(scores(1.0), &[0, 0, 0, 2], value), "q"),
            no_maximum,
        );
        // A pad would be equal to the least real element, and stand before it.
        let place = padded(scores(1.0).node("Relu", "s", "r"), &[0, 2, 0, 0], value)
            .node_with("ArgMax", "q", "y", vec![int("axis", -1)])
            .output("y");
        let mut place = place;
        place.graph().node[3].input[0] = "r".to_owned();
        refused(&place, no_maximum);
        let pool = |pads: &[i64]| {
            let shape = [1, 1, ROWS as i64, WIDTH as i64];
            padded(scores(1.0).ints("shape", &shape), pads, value)
                .node("Reshape", "s shape", "flat")
                .node_with(
                    "MaxPool",
                    "q",
                    "y",
                    vec![ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2])],
                )
                .output("y")
        };
        let pool = |pads| {
            let mut net = pool(pads);
            let nodes = &mut net.graph().node;
            let pad = nodes.iter().position(|node| node.op_type == "Pad").unwrap();
            nodes.swap(pad, pad + 1);
            nodes[pad + 1].input[0] = "flat".to_owned();
            net
        };
        assert!(error(&pool(&[0, 0, 1, 1, 0, 0, 1, 1])) < 0.02);
        refused(
            &pool(&[0, 0, 0, 2, 0, 0, 0, 0]),
            "a window lies in the padding only",
        );
    }
    // What fits is a number like others.
    let near = softmax(padded(scores(1.0), &[0, 0, 0, 2], -3.0), "q");
    assert!(error(&near) < 0.01);
}

#[test]
fn a_mask_is_below_the_other_constants_of_its_tensor() {
    for masked in [-2000.0, -1e9, f32::NEG_INFINITY] {
        let net = softmax(added(1.0, &half(masked, -90.0)), "a");
        assert!(error(&net) < 0.03, "{masked}: {}", error(&net));
    }
    // Positive ones too: the distance is from what is not masked.
    let net = softmax(
        added(1.0, &[-1e9, -1e9, -60.0, -60.0, 60.0, 60.0, 60.0, 60.0]),
        "a",
    );
    assert!(error(&net) < 0.03, "{}", error(&net));
}

#[test]
fn every_row_that_is_read_keeps_an_element() {
    let all = "all of a row";
    let whole = [-2e9_f32, -2e9, -2e9, -2e9, -2e9, -2e9, -2e9, -1e9];
    let axis = || vec![int("axis", -1)];
    for k in [vec![-1e9; WIDTH], whole.to_vec()] {
        refused(&softmax(added(1.0, &k), "a"), all);
        let top = added(1.0, &k).node_with("ReduceMax", "a", "y", vec![ints("axes", &[-1])]);
        refused(&top.output("y"), all);
        let place = added(1.0, &k).node_with("ArgMax", "a", "y", axis());
        refused(&place.output("y"), all);
    }
    // A view leaves nothing but masks.
    let first = half(-1e9, 0.0);
    let sliced = added(1.0, &first)
        .ints("from", &[0])
        .ints("to", &[4])
        .ints("axes", &[1])
        .node("Slice", "a from to axes", "b");
    refused(&softmax(sliced.clone(), "b"), all);
    let place = sliced.node_with("ArgMax", "b", "y", axis()).output("y");
    refused(&place, all);
    let turned = added(1.0, &first).node("Transpose", "a", "b");
    refused(&softmax(turned, "b"), all);
    let shaped = added(1.0, &first)
        .ints("shape", &[8, 4])
        .node("Reshape", "a shape", "b");
    refused(&softmax(shaped, "b"), all);
    let chosen = added(1.0, &first).ints("at", &[0, 3, 1]).node_with(
        "Gather",
        "a at",
        "b",
        vec![int("axis", 1)],
    );
    refused(&softmax(chosen, "b"), all);
    // Other views leave enough.
    let other = added(1.0, &first)
        .ints("from", &[2])
        .ints("to", &[7])
        .ints("axes", &[1])
        .node("Slice", "a from to axes", "b");
    assert!(error(&softmax(other, "b")) < 0.01);
    // Of more elements than one, some may be masked.
    let most = added(1.0, &first)
        .ints("n", &[5])
        .node_with("TopK", "a n", "y at", axis());
    refused(&most.output("y"), "no mask");
}

#[test]
fn masks_of_both_signs_are_none() {
    let mut k = vec![0.0; WIDTH];
    (k[0], k[1]) = (1e9, 2e9);
    refused(&softmax(added(1.0, &k), "a"), "no mask");
    k[2] = -1e9;
    refused(&softmax(added(1.0, &k), "a"), "no mask");
    // A minimum is masked from above.
    (k[0], k[1], k[2]) = (1e9, 2e9, 0.0);
    let least = |k: &[f32]| {
        let axes = vec![ints("axes", &[-1])];
        added(1.0, k)
            .node_with("ReduceMin", "a", "y", axes)
            .output("y")
    };
    assert!(error(&least(&k)) < 0.02);
    refused(&least(&[1e9; WIDTH]), "all of a row");
    refused(&least(&half(-1e9, 0.0)), "no mask");
}

/// Scores that reach as far as the constant: it is a number.
#[test]
fn a_constant_within_reach_is_a_number() {
    let mut k = vec![0.0; WIDTH];
    k[0] = -1000.0;
    let net = |by: f32, k: &[f32]| {
        let net = with(scores(by), "k", &[1, WIDTH as i64], k)
            .node("Relu", "s", "r")
            .node("Add", "r k", "a");
        softmax(net, "a")
    };
    let samples = only(&[1, ROWS, WIDTH], values());
    match quantize(&net(1700.0, &k).bytes(), &samples) {
        Ok(compiled) => {
            // The first element is far above all others, mask or not.
            let mut input = vec![-1.0; ROWS * WIDTH];
            input.iter_mut().step_by(WIDTH).for_each(|v| *v = 1.0);
            let input = compiled.inputs[0].quantize(&input).unwrap();
            let made = eval(&compiled.graph, &compiled.params, &[input]).unwrap();
            let made = compiled.outputs[0].dequantize(made.outputs().next().unwrap().iter());
            for row in made.chunks(WIDTH) {
                assert!(row[0] > 0.99, "{row:?}");
            }
        }
        Err(error) => panic!("{error}"),
    }
    // No mask among others that are as far.
    let close = softmax(added(1.0, &half(-1000.0, -999.0)), "a");
    match quantize(&close.bytes(), &samples) {
        Ok(_) => assert!(error(&close) < 0.1, "{}", error(&close)),
        Err(error) => assert!(error.to_string().contains("tables"), "{error}"),
    }
}

#[test]
fn a_finite_mask_does_not_widen_the_scores() {
    let scale = |k: &[f32]| {
        let net = softmax(added(1.0, k), "a");
        assert!(error(&net) < 0.01, "{}", error(&net));
        let compiled = compiled(&net);
        let layer = compiled
            .report
            .layers
            .iter()
            .find(|layer| layer.operators == ["Add"]);
        let layer = layer.expect("a sum");
        assert!(layer.relative_error < 0.05, "{}", layer.relative_error);
        layer.scale
    };
    let infinite = scale(&half(f32::NEG_INFINITY, 0.0));
    for masked in [-1e3, -1e4, -1e9, f32::MIN] {
        assert_eq!(scale(&half(masked, 0.0)), infinite, "{masked}");
    }
}

/// A mask along the channels of a contraction, of the model's own numbers.
#[test]
fn a_mask_along_channels_is_no_bias() {
    let each: Vec<f32> = (0..WIDTH * WIDTH)
        .map(|at| ((at * 31 % 17) as f32 - 8.0) / 16.0)
        .collect();
    let product = |sum: &str| {
        let net = with(Net::new(), "w", &[WIDTH as i64, WIDTH as i64], &each);
        let mut net = with(net, "b", &[WIDTH as i64], &[0.25; WIDTH]);
        net.graph().input[0] = value_info("x", &[ROWS as i64, WIDTH as i64]);
        let k = net
            .ints("c", &[1, 0, 0, 1, 0, 0, 0, 1])
            .scalar("far", -1e9)
            .scalar("zero", 0.0)
            .node("Where", "c far zero", "k")
            .node("MatMul", "x w", "p")
            .node("Add", "p b", "s");
        softmax(k.node("Add", sum, "a"), "a")
    };
    for sum in ["p k", "s k"] {
        let net = product(sum);
        assert!(error(&net) < 0.02, "{sum}: {}", error(&net));
    }
    let mut weights = product("s k");
    let bias = &mut weights.graph().initializer[1];
    bias.float_data = half(-1e9, 0.0);
    refused(&weights, "weights are no masks");
}

/// Truth values and signs have the scale 1 whatever a profile says, and are exact.
#[test]
fn what_is_made_of_integers_has_no_step() {
    let steps = |net: &Net| {
        let compiled = compiled(net);
        let is_step = |d: &&Decision| matches!(d, Decision::Step(_));
        let steps = compiled.profile.decisions.iter().filter(is_step).count();
        let layers = compiled.report.layers.iter();
        let scales: BTreeMap<String, (f64, (i64, i64))> = layers
            .map(|layer| (layer.operators.join(" "), (layer.scale, layer.range)))
            .collect();
        (steps, scales)
    };
    let split = |net: Net| {
        net.ints("zero", &[0])
            .ints("four", &[4])
            .ints("eight", &[8])
            .ints("axis", &[1])
            .node("Slice", "s zero four axis", "l")
            .node("Slice", "s four eight axis", "r")
    };
    for op in ["Greater", "Less", "Equal", "GreaterOrEqual", "LessOrEqual"] {
        let net = split(scores(1.0)).node(op, "l r", "y").output("y");
        let (steps, scales) = steps(&net);
        // The input's and the scores'; that of the argument follows.
        assert_eq!(steps, 2, "{op}");
        assert_eq!(scales[op], (1.0, (0, 1)), "{op}");
        assert!(error(&net) < 1e-6, "{op}");
    }
    for op in ["And", "Or", "Xor"] {
        let net = split(scores(1.0))
            .scalar("none", 0.0)
            .node("Greater", "l none", "c")
            .node("Greater", "r none", "d")
            .node(op, "c d", "y")
            .output("y");
        let (steps, scales) = steps(&net);
        assert_eq!(steps, 2, "{op}");
        assert_eq!(scales[op].0, 1.0, "{op}");
        assert_eq!(scales[op].1.1, 1, "{op}");
        assert!(error(&net) < 1e-6, "{op}");
    }
    let signs = split(scores(1.0))
        .node("Sub", "l r", "d")
        .node("Sign", "d", "y");
    assert!(error(&signs.output("y")) < 1e-6);
    // A choice is one of its operands.
    let chosen = split(scores(1.0))
        .node("Greater", "l r", "c")
        .node("Where", "c r l", "y")
        .output("y");
    assert!(error(&chosen) < 0.02, "{}", error(&chosen));
    // Counted, and beside finer numbers.
    let counted = split(scores(1.0))
        .node("Greater", "l r", "c")
        .node_with("Cast", "c", "n", vec![int("to", 1)])
        .node("ReduceSum", "n axis", "y")
        .output("y");
    assert!(error(&counted) < 1e-6);
    let joined = split(scores(1.0))
        .node("Greater", "l r", "c")
        .node_with("Cast", "c", "n", vec![int("to", 1)])
        .node_with("Concat", "n s", "y", vec![int("axis", 1)])
        .output("y");
    assert!(error(&joined) < 0.02, "{}", error(&joined));
    let product = with(
        split(scores(1.0)),
        "w",
        &[4, 3],
        &[0.5, -1.0, 0.25].repeat(4),
    )
    .node("Greater", "l r", "c")
    .node_with("Cast", "c", "n", vec![int("to", 1)])
    .node("MatMul", "n w", "y")
    .output("y");
    assert!(error(&product) < 0.04, "{}", error(&product));
}
