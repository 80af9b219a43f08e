//! Lowering again: the same graph from a model's file and a profile, without weights or samples; and
//! what a profile that was made up cannot do.

use super::{bundled, only, quantize};
use crate::common::{Net, int};
use nascent_compiler::infer::profile::{Decision, ProfileError};
use nascent_compiler::infer::{
    InferError, Lowering, Model, Options, Planned, Profile, Samples, compile, compile_derived,
    lower,
};
use nascent_compiler::write_onnx_to;
use nascent_verifier::ModelSpec;
use nascent_verifier::codec::Format;
use prost::Message;
use std::collections::BTreeSet;
use tract_onnx::pb::ModelProto;

/// A file with other values in the named tensors.
fn changed(bytes: &[u8], names: &BTreeSet<String>, change: fn(usize) -> f32) -> Vec<u8> {
    edited(bytes, |tensor| {
        if names.contains(&tensor.name) {
            let elements = tensor.dims.iter().product::<i64>() as usize;
            tensor.raw_data = Vec::new();
            tensor.data_type = 1;
            tensor.float_data = (0..elements).map(change).collect();
        }
    })
}

/// A file with each initializer changed.
fn edited(bytes: &[u8], mut change: impl FnMut(&mut tract_onnx::pb::TensorProto)) -> Vec<u8> {
    let mut model = ModelProto::decode(bytes).unwrap();
    let tensors = &mut model.graph.as_mut().unwrap().initializer;
    tensors.iter_mut().for_each(&mut change);
    model.encode_to_vec()
}

fn names(lowering: &Lowering) -> BTreeSet<String> {
    lowering.stored.values().flatten().cloned().collect()
}

#[test]
fn a_graph_does_not_depend_on_the_values_of_weights() {
    for name in ["mlp-128", "lenet5-max", "cnn", "transformer", "digits-cnn"] {
        let (bytes, samples) = bundled(name);
        let compiled = quantize(&bytes, &samples).unwrap();
        let lowered = lower(&Model::new(&bytes), &compiled.profile, None).unwrap();
        assert_eq!(lowered.graph, compiled.graph, "{name}");
        let weights = names(&lowered);
        assert!(weights.len() > 3, "{name}: {weights:?}");
        for change in [
            (|_| 0.0) as fn(usize) -> f32,
            |_| 1e-20,
            |at| (at % 7) as f32 - 3.0,
            |_| -1e5,
        ] {
            let other = changed(&bytes, &weights, change);
            let again = lower(&Model::new(&other), &compiled.profile, None);
            assert_eq!(again.unwrap().graph, compiled.graph, "{name}");
        }
        // Nor on their being there.
        let without = edited(&bytes, |tensor| {
            if weights.contains(&tensor.name) {
                (tensor.raw_data, tensor.float_data) = (Vec::new(), Vec::new());
            }
        });
        let again = lower(&Model::new(&without), &compiled.profile, None);
        assert_eq!(again.unwrap().graph, compiled.graph, "{name}");
    }
}

/// A residual of two branches, with a number between them.
fn scaled(by: f32) -> Net {
    let mut net = Net::new()
        .weight("w", &[8, 8])
        .weight("v", &[8, 8])
        .scalar("k", by);
    for tensor in &mut net.graph().initializer {
        for (at, value) in tensor.float_data.iter_mut().enumerate().skip(1) {
            *value = ((at * 31 % 17) as f32 - 8.0) / 8.0;
        }
    }
    net.node("MatMul", "x w", "a")
        .node("Sigmoid", "a", "s")
        .node("Mul", "s k", "b")
        .node("MatMul", "b v", "y")
        .output("y")
}

fn inputs() -> Samples {
    let values = (0..256).map(|i| ((i * 37 % 101) as f32 - 50.0) / 50.0);
    only(&[1, 4, 8, 8], values.collect())
}

#[test]
fn another_model_is_another_graph() {
    let compiled = quantize(&scaled(3.0).bytes(), &inputs()).unwrap();
    let profile = &compiled.profile;
    assert!(lower(&Model::new(&scaled(3.0).bytes()), profile, None).is_ok());
    // Another constant, another operator, another connection, another shape.
    let swapped = |from: &str, to: &str| {
        let mut net = scaled(3.0);
        for node in &mut net.graph().node {
            if node.op_type == from {
                node.op_type = to.to_owned();
            }
        }
        net
    };
    let mut crossed = scaled(3.0);
    crossed.graph().node[3].input[0] = "s".to_owned();
    let others = [
        scaled(3.5),
        swapped("Sigmoid", "Tanh"),
        swapped("Sigmoid", "Relu"),
        crossed,
    ];
    for (at, net) in others.iter().enumerate() {
        let refused = lower(&Model::new(&net.bytes()), profile, None);
        assert!(matches!(refused, Err(InferError::Profile { .. })), "{at}");
    }
}

/// All profiles that differ from one in one decision.
fn neighbours(profile: &Profile) -> Vec<Profile> {
    let mut all = Vec::new();
    for at in 0..profile.decisions.len() {
        let put = |decision| {
            let mut other = profile.clone();
            other.decisions[at] = decision;
            all.push(other);
        };
        match profile.decisions[at] {
            Decision::Step(n) => [n - 1, n + 1, -1024, 1024].map(Decision::Step).map(put),
            Decision::Doublings(n) => [n + 1, n + 2, 63, 64].map(Decision::Doublings).map(put),
            Decision::Bits(n) => [n + 2, n.saturating_sub(2), 1, 32]
                .map(Decision::Bits)
                .map(put),
            _ => continue,
        };
        let mut other = profile.clone();
        other.decisions[at] = Decision::Tied(Some(0));
        all.push(other);
    }
    for change in [
        (|p: &mut Profile| _ = p.decisions.pop()) as fn(&mut Profile),
        |p| p.decisions.push(Decision::Unsigned(true)),
        |p| p.ties.push(Decision::Tied(None)),
        |p| p.table_bits = if p.table_bits == 16 { 15 } else { 16 },
        |p| p.activation_bits -= 1,
        |p| p.batch += 1,
        |p| p.model = Some([7; 32]),
        |p| p.architecture[0] ^= 1,
    ] {
        let mut other = profile.clone();
        change(&mut other);
        all.push(other);
    }
    all
}

#[test]
fn every_decision_is_in_the_graph_or_refused() {
    let mut same = 0;
    for net in [scaled(3.0)] {
        let compiled = quantize(&net.bytes(), &inputs()).unwrap();
        for other in neighbours(&compiled.profile) {
            let error = match lower(&Model::new(&net.bytes()), &other, None) {
                Err(error) => error,
                // Steps of inputs and outputs are in the multipliers alone, which are weights here.
                Ok(lowered) => {
                    assert!(lowered.graph == compiled.graph && other.ties.is_empty());
                    same += 1;
                    continue;
                }
            };
            let typed = matches!(
                error,
                InferError::Profile { .. } | InferError::Range { .. } | InferError::Graph(_)
            );
            assert!(typed, "{error}: {other:?}");
        }
    }
    assert_eq!(same, 8, "neighbours of the steps of input and output");
}

/// A constant of the model beside an activation: steps that are too fine for it would cut it.
#[test]
fn no_profile_cuts_a_constant_of_the_model() {
    let mut net = Net::new().weight("w", &[8, 8]).weight("k", &[1, 4, 8, 8]);
    for tensor in &mut net.graph().initializer {
        for (at, value) in tensor.float_data.iter_mut().enumerate() {
            *value = ((at * 31 % 17) as f32 - 8.0) / 8.0;
        }
    }
    let nets = [
        net.clone()
            .node("MatMul", "x w", "a")
            .node("Relu", "a", "r")
            .node("Add", "r k", "y")
            .output("y"),
        net.node("MatMul", "x w", "a")
            .node("Relu", "a", "r")
            .node_with("Concat", "r k", "y", vec![int("axis", 1)])
            .output("y"),
    ];
    for net in nets {
        let compiled = quantize(&net.bytes(), &inputs()).unwrap();
        let honest = lower(&Model::new(&net.bytes()), &compiled.profile, None).unwrap();
        assert!(
            !names(&honest).contains("k"),
            "k is no weight of an operator"
        );
        let mut cut = compiled.profile.clone();
        for decision in &mut cut.decisions {
            if let Decision::Step(n) = decision {
                *n = -400;
            }
        }
        let error = lower(&Model::new(&net.bytes()), &cut, None).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("a constant of the model does not fit"),
            "{error}"
        );
    }
}

#[test]
fn profiles_are_canonical_and_in_range() {
    let (bytes, samples) = bundled("mlp-128");
    let profile = quantize(&bytes, &samples).unwrap().profile;
    let encoded = profile.encode().unwrap();
    assert_eq!(Profile::decode(&encoded), Ok(profile.clone()));
    let mut longer = encoded.clone();
    longer.push(0);
    assert!(Profile::decode(&longer).is_err());
    for decision in [
        Decision::Step(1025),
        Decision::Step(-1025),
        Decision::Doublings(65),
        Decision::Factor(31),
        Decision::Bits(0),
        Decision::Bits(33),
        Decision::Unit(0),
        Decision::Unit(f64::NAN.to_bits()),
        Decision::Unit((-1.0_f64).to_bits()),
        Decision::Unit(f64::INFINITY.to_bits()),
    ] {
        let mut other = profile.clone();
        other.decisions.push(decision);
        let at = other.ties.len() + other.decisions.len() - 1;
        assert_eq!(other.validate(), Err(ProfileError::Range { at, decision }));
        assert!(lower(&Model::new(&bytes), &other, None).is_err());
    }
    for change in [
        (|p: &mut Profile| p.weight_bits = 17) as fn(&mut Profile),
        |p| p.activation_bits = 3,
        |p| p.table_bits = 11,
        |p| p.batch = 0,
        |p| p.dims = vec![("n".to_owned(), 0)],
    ] {
        let mut other = profile.clone();
        change(&mut other);
        assert!(matches!(other.validate(), Err(ProfileError::Option { .. })));
    }
    let mut other = profile;
    other.dims = vec![("n".to_owned(), 1), ("n".to_owned(), 2)];
    assert_eq!(other.validate(), Err(ProfileError::Order));
}

/// Steps of any size lead to a graph or to an error, soon: sums, products, normalizations, softmax.
#[test]
fn steps_of_any_size_end() {
    let (bytes, samples) = bundled("transformer");
    let profile = quantize(&bytes, &samples).unwrap().profile;
    let steps = profile.decisions.iter().enumerate();
    let steps: Vec<usize> = steps
        .filter(|(_, decision)| matches!(decision, Decision::Step(_)))
        .map(|(at, _)| at)
        .collect();
    for &at in &steps {
        for step in [-1024, -400, 40, 400, 1024] {
            let mut other = profile.clone();
            other.decisions[at] = Decision::Step(step);
            let refused = lower(&Model::new(&bytes), &other, None);
            assert!(refused.is_err(), "decision {at}, step {step}");
        }
    }
}

/// A plan's model and the file with its weights.
fn planned(net: &Net) -> (ModelSpec, Vec<u8>) {
    let rules = "precision = { limb_bits = 12, fraction_bits = 8 }\npreset = \"he-normal\"\n";
    let spec = net.compile_with(rules).unwrap().spec;
    let mut bytes = Vec::new();
    let mut seed = super::derived::Seed(&spec);
    write_onnx_to(&net.bytes(), &spec, &mut seed, &mut bytes).unwrap();
    (spec, bytes)
}

/// With a plan, the integers of everything but the deviates are repeated too, from the file that the
/// plan was made of: with other weights, or with none.
#[test]
fn a_plan_fixes_graph_origins_and_public_numbers() {
    let net = Net::new()
        .weight("w", &[6, 4, 3, 3])
        .weight("b", &[6])
        .weight("w2", &[2, 6, 1, 1])
        .node("Conv", "x w b", "c")
        .node("Relu", "c", "a")
        .node("Conv", "a w2", "y")
        .output("y");
    let (spec, filled) = planned(&net);
    let options = Default::default();
    let made = compile_derived(&Model::new(&filled), &options, &inputs(), &spec, &[]).unwrap();
    let plan = |spec| Some(Planned { spec, earlier: &[] });
    let profile = &made.compiled.profile;
    let without = edited(&net.bytes(), |tensor| tensor.float_data = Vec::new());
    for file in [&net.bytes(), &filled, &without] {
        let again = lower(&Model::new(file), profile, plan(&spec)).unwrap();
        assert_eq!(again.graph, made.compiled.graph);
        assert_eq!(again.origins, made.origins);
        assert_eq!(names(&again), ["w", "w2"].map(str::to_owned).into());
    }
    // Without the plan, of another plan, another model.
    let alone = lower(&Model::new(&filled), profile, None);
    assert!(matches!(alone, Err(InferError::Profile { .. })));
    let mut other = spec.clone();
    other.name = "other".to_owned();
    let refused = lower(&Model::new(&filled), profile, plan(&other));
    assert!(matches!(refused, Err(InferError::Profile { .. })));
    let mut net = net;
    net.graph().node[1].op_type = "Sigmoid".to_owned();
    let refused = lower(&Model::new(&net.bytes()), profile, plan(&spec));
    assert!(matches!(refused, Err(InferError::Plan { .. })));
    let (bytes, samples) = bundled("mlp-128");
    let trained = compile(&Model::new(&bytes), &options, &samples).unwrap();
    let refused = lower(&Model::new(&filled), &trained.profile, plan(&spec));
    assert!(matches!(refused, Err(InferError::Profile { .. })));
}

/// A step that is far from those around it is no rounding of the model: a multiplier would be cut.
#[test]
fn steps_that_change_a_gain_are_refused() {
    let net = Net::new()
        .weight("w1", &[8, 4, 1, 1])
        .weight("w2", &[8, 4, 1, 1])
        .weight("w3", &[2, 8, 1, 1])
        .node("Conv", "x w1", "c1")
        .node("Relu", "c1", "a")
        .node("Conv", "x w2", "c2")
        .node("Relu", "c2", "r")
        .node("Add", "a r", "s")
        .node("Mul", "a r", "p")
        .node("Sigmoid", "s", "t")
        .node("Conv", "s w3", "y")
        .output("t")
        .output("y")
        .output("p");
    let (spec, filled) = planned(&net);
    let mut options = Options::default();
    options.table_bits = Some(12);
    options.activation_bits = 12;
    let model = Model::new(&filled);
    let made = compile_derived(&model, &options, &inputs(), &spec, &[]).expect("compiles");
    let profile = &made.compiled.profile;
    let plan = Some(Planned {
        spec: &spec,
        earlier: &[],
    });
    lower(&model, profile, plan).expect("its own");
    let mut steps = 0;
    for (at, decision) in profile.decisions.iter().enumerate() {
        let Decision::Step(step) = decision else {
            continue;
        };
        steps += 1;
        for far in [step - 200, step + 200, 1000] {
            let mut other = profile.clone();
            other.decisions[at] = Decision::Step(far);
            // A step so coarse that all is zero is a rounding of the model, and another graph.
            let refused = match lower(&model, &other, plan) {
                Err(InferError::Range { .. } | InferError::Tensor { .. }) => true,
                Err(InferError::Profile { .. }) => far > *step,
                _ => false,
            };
            assert!(refused, "decision {at}, {step} to {far}");
        }
    }
    assert!(steps >= 4, "{:?}", profile.decisions);
}

/// A net `y` of the input alone and of a weight; its profile, with the steps as they come.
fn steps_of(net: &Net) -> (Profile, Vec<usize>) {
    let compiled = quantize(&net.bytes(), &inputs()).expect("compiles");
    let decisions = compiled.profile.decisions.iter().enumerate();
    let steps = decisions.filter_map(|(at, decision)| {
        let is_step = matches!(decision, Decision::Step(_));
        is_step.then_some(at)
    });
    let steps = steps.collect();
    (compiled.profile, steps)
}

/// The net with values in its matrix, and in another tensor.
fn filled(mut net: Net, name: &str, values: &[f32]) -> Net {
    for tensor in &mut net.graph().initializer {
        if tensor.name == "w" {
            let each = tensor.float_data.iter_mut().enumerate();
            each.for_each(|(at, value)| *value = ((at * 31 % 17) as f32 - 8.0) / 8.0);
        }
        if tensor.name == name {
            tensor.float_data = values.to_vec();
        }
    }
    net
}

/// The net lowered with another step.
fn moved(net: &Net, profile: &Profile, at: usize, step: i16) -> Result<Lowering, InferError> {
    let mut other = profile.clone();
    other.decisions[at] = Decision::Step(step);
    lower(&Model::new(&net.bytes()), &other, None)
}

/// One term of a sum with steps `2^15` times as coarse: the other one's factor would be another.
#[test]
fn a_sum_keeps_the_factors_of_its_terms() {
    let net = filled(Net::new().weight("w", &[8, 8]), "", &[])
        .node("MatMul", "x w", "a")
        .node("Tanh", "a", "t")
        .node("Add", "x t", "y")
        .output("y");
    let (profile, steps) = steps_of(&net);
    // The input's, and that of the function's result.
    let (x, t) = (steps[0], steps[1]);
    let Decision::Step(fine) = profile.decisions[x] else {
        panic!("a step")
    };
    let mut far = 0;
    for quarters in 46..=80 {
        let factor = 65536.0 / (f64::from(quarters) / 4.0).exp2();
        if (factor.round() - factor).abs() <= factor / 32.0 {
            continue;
        }
        far += 1;
        let refused = moved(&net, &profile, t, fine + quarters);
        assert!(
            matches!(refused, Err(InferError::Range { .. })),
            "{quarters}: {refused:?}"
        );
    }
    assert!(far > 10, "{far}");
}

/// A constant beside an activation without steps: it would be a multiple of a step.
#[test]
fn a_constant_beside_coarse_steps_keeps_its_value() {
    let net = Net::new().weight("w", &[8, 8]).weight("k", &[1, 4, 8, 8]);
    let net = filled(net, "k", &[9.0; 256])
        .node("MatMul", "x w", "a")
        .node("Tanh", "a", "t")
        .node("Add", "t k", "y")
        .output("y");
    let (profile, steps) = steps_of(&net);
    let mut far = 0;
    for step in 36..=80 {
        let unit = (f64::from(step) / 4.0 - 12.0).exp2();
        if ((9.0 / unit).round() * unit - 9.0).abs() <= 9.0 / 32.0 {
            continue;
        }
        far += 1;
        let refused = moved(&net, &profile, steps[1], step);
        assert!(
            matches!(refused, Err(InferError::Range { .. })),
            "{step}: {refused:?}"
        );
    }
    assert!(far > 10, "{far}");
}

fn masked(values: Vec<f32>) -> Net {
    let net = Net::new().weight("w", &[8, 8]).weight("m", &[1, 4, 8, 8]);
    filled(net, "m", &values)
        .node("MatMul", "x w", "a")
        .node("Add", "a m", "s")
}

fn causal(masked: f32) -> Vec<f32> {
    (0..256)
        .map(|at| if at % 8 > at / 8 % 8 { masked } else { 0.0 })
        .collect()
}

/// Steps with which a masked score would not be below the others.
#[test]
fn no_profile_lifts_a_mask() {
    let net = masked(causal(-1e9)).node("Softmax", "s", "y").output("y");
    let (profile, steps) = steps_of(&net);
    let Decision::Step(fine) = profile.decisions[steps[1]] else {
        panic!("a step")
    };
    for far in 12..40 {
        let refused = moved(&net, &profile, steps[1], fine + far);
        assert!(
            matches!(
                refused,
                Err(InferError::Range { .. } | InferError::Tensor { .. })
            ),
            "{far}: {refused:?}"
        );
    }
}

/// A constant of a million is a mask where a softmax or a maximum reads it, and nowhere else.
#[test]
fn a_mask_is_one_by_its_use() {
    let compiles = |net: Net| quantize(&net.bytes(), &inputs()).map(|_| ());
    let fails = |net: Net, why: &str| {
        let error = compiles(net).expect_err(why).to_string();
        assert!(error.contains(why), "{error}");
    };
    let softmax = |values| masked(values).node("Softmax", "s", "y").output("y");
    compiles(softmax(causal(-1e9))).expect("causal");
    compiles(softmax(causal(f32::NEG_INFINITY))).expect("causal");
    fails(softmax(vec![-1e9; 256]), "all of a row");
    let two = |op: &str| {
        masked(vec![2e6; 256])
            .scalar("c", 1e-6)
            .node(op, "s c", "y")
            .output("y")
    };
    // What is scaled to a small number is one.
    fails(two("Mul"), "does not fit");
    fails(masked(causal(-1e9)).output("s"), "no mask");
    fails(
        masked(causal(-1e9)).node("Relu", "s", "y").output("y"),
        "no mask",
    );
    // What scales the masked scores scales no distance away.
    let halved = masked(causal(-1e9))
        .scalar("c", 0.125)
        .node("Mul", "s c", "h")
        .node("Softmax", "h", "y")
        .output("y");
    compiles(halved).expect("scaled");
    let bent = masked(causal(-1e9))
        .node("Sigmoid", "s", "h")
        .node("Softmax", "h", "y")
        .output("y");
    fails(bent, "bends");
}
