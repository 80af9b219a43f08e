//! Weights that a plan derives: their integers are the deviates, or the model is refused.

use super::{only, quantize};
use crate::common::{Net, float, int, ints};
use nascent_compiler::infer::{
    Compiled, Derived, InferError, Model, Options, Samples, compile_derived,
};
use nascent_compiler::{Earlier, WeightSource, write_onnx_to};
use nascent_ir::{Op, Origins, TensorId};
use nascent_verifier::codec::Format;
use nascent_verifier::{Fill, ModelSpec};
use std::collections::BTreeMap;

/// Limbs of 12 bits: deviates below 2^11 in magnitude.
const RULES: &str = "precision = { limb_bits = 12, fraction_bits = 8 }\npreset = \"he-normal\"\n";

/// Deviates that a test takes for those of a seed.
fn deviate(tensor: usize, element: u64) -> i32 {
    let mixed = (element + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (tensor as u64 + 1) << 20;
    ((mixed >> 33) % 1801) as i32 - 900
}

pub struct Seed<'a>(pub &'a ModelSpec);

impl WeightSource for Seed<'_> {
    fn fill(
        &mut self,
        tensor: usize,
        start: u64,
        out: &mut [f32],
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let Fill::Sampled {
            scale_bits,
            mean_bits,
            ..
        } = self.0.tensors[tensor].fill
        else {
            return Err("not sampled".into());
        };
        let (scale, mean) = (f32::from_bits(scale_bits), f32::from_bits(mean_bits));
        for (element, value) in (start..).zip(out) {
            *value = scale * deviate(tensor, element) as f32 + mean;
        }
        Ok(())
    }
}

/// A plan's model for a net, and the file with the derived weights.
fn planned(net: &Net, rules: &str) -> (ModelSpec, Vec<u8>) {
    let spec = net.compile_with(rules).unwrap().spec;
    let mut bytes = Vec::new();
    write_onnx_to(&net.bytes(), &spec, &mut Seed(&spec), &mut bytes).unwrap();
    (spec, bytes)
}

fn samples() -> Samples {
    let values = (0..256).map(|i| ((i * 37 % 101) as f32 - 50.0) / 50.0);
    only(&[1, 4, 8, 8], values.collect())
}

fn derived_with(net: &Net, rules: &str, options: &Options) -> Result<Derived, InferError> {
    let (spec, bytes) = planned(net, rules);
    compile_derived(&Model::new(&bytes), options, &samples(), &spec, &[])
}

fn derived(net: &Net) -> Derived {
    derived_with(net, RULES, &Options::default()).unwrap()
}

fn tables(bits: u8) -> Options {
    let mut options = Options::default();
    options.table_bits = Some(bits);
    options
}

fn refused(net: &Net, rules: &str) -> String {
    let result = derived_with(net, rules, &Options::default());
    result.expect_err("refused").to_string()
}

fn position(spec: &ModelSpec, name: &str) -> usize {
    let found = spec.tensors.iter().position(|tensor| tensor.name == name);
    found.expect("of the model")
}

/// Parameters of products, by the tensor they come from; checks each of their integers.
fn matrices(derived: &Derived, spec: &ModelSpec) -> BTreeMap<String, Vec<TensorId>> {
    let Compiled { graph, params, .. } = &derived.compiled;
    derived.origins[0].check(graph, spec).unwrap();
    let mut out: BTreeMap<String, Vec<TensorId>> = BTreeMap::new();
    for origin in &derived.origins[0].params {
        let shape = &graph.tensor(origin.param).shape;
        for (index, &integer) in params.values[&origin.param].iter().enumerate() {
            let element = origin.element(shape, index) as u64;
            assert_eq!(integer, deviate(origin.tensor as usize, element));
        }
        let name = spec.tensors[origin.tensor as usize].name.clone();
        out.entry(name).or_default().push(origin.param);
    }
    out
}

fn linear() -> Net {
    Net::new()
        .weight("w1", &[12, 8])
        .weight("b1", &[12])
        .weight("w2", &[12, 5])
        .ints("rows", &[32, 8])
        .node("Reshape", "x rows", "r")
        .node_with("Gemm", "r w1 b1", "h", vec![int("transB", 1)])
        .node("Relu", "h", "a")
        .node("MatMul", "a w2", "y")
        .output("y")
}

#[test]
fn linear_layers_keep_their_deviates() {
    let net = linear();
    let (spec, bytes) = planned(&net, RULES);
    let made = derived(&net);
    let found = matrices(&made, &spec);
    assert_eq!(found.keys().collect::<Vec<_>>(), ["w1", "w2"]);
    let compiled = &made.compiled;
    assert!(compiled.graph.weight_bits >= 11 && compiled.graph.table_bits >= 12);
    // The first matrix stands turned: element (i, j) of the parameter is (j, i) of the tensor.
    let origin = &made.origins[0].params[0];
    assert_eq!(compiled.graph.tensor(origin.param).shape, [8, 12]);
    assert_eq!((origin.first, origin.strides.as_slice()), (0, &[1, 8][..]));
    // No worse than with rounded weights.
    let error = |compiled: &Compiled| compiled.report.layers.last().unwrap().relative_error;
    let rounded = quantize(&bytes, &samples()).unwrap();
    assert!(error(compiled) < 0.02, "{}", compiled.report);
    assert!(
        error(compiled) <= 1.5 * error(&rounded),
        "{}",
        rounded.report
    );
    // The file of origins comes back the same.
    let bytes = made.origins[0].encode().unwrap();
    assert_eq!(Origins::decode(&bytes), Ok(made.origins[0].clone()));
}

#[test]
fn the_architecture_does_not_depend_on_the_seed() {
    let net = linear();
    let (spec, bytes) = planned(&net, RULES);
    let made = derived(&net);
    let wide = tables(14);
    let other = compile_derived(&Model::new(&bytes), &wide, &samples(), &spec, &[]).unwrap();
    assert_eq!(other.compiled.graph.table_bits, 14);
    assert_eq!(other.origins[0].params, made.origins[0].params);
    assert_ne!(other.origins[0].architecture, made.origins[0].architecture);
}

fn convolution() -> Net {
    let net = Net::new()
        .weight("w", &[6, 4, 3, 3])
        .weight("s", &[6])
        .weight("b", &[6])
        .weight("m", &[6])
        .weight("v", &[6])
        .node_with("Conv", "x w", "c", vec![ints("pads", &[1, 1, 1, 1])]);
    net.node_with(
        "BatchNormalization",
        "c s b m v",
        "n",
        vec![float("epsilon", 1e-5)],
    )
    .node("Relu", "n", "a")
    .weight("w2", &[2, 6, 1, 1])
    .node("Conv", "a w2", "y")
    .output("y")
}

#[test]
fn a_folded_batch_normalization_goes_into_the_scale() {
    let net = convolution();
    let (spec, _) = planned(&net, RULES);
    let made = derived(&net);
    let found = matrices(&made, &spec);
    assert_eq!(found.keys().collect::<Vec<_>>(), ["w", "w2"]);
    let convolutions = made.compiled.graph.nodes.iter();
    let convolutions = convolutions.filter(|node| matches!(node.op, Op::Conv(_)));
    assert_eq!(convolutions.count(), 2);
    let error = made.compiled.report.layers.last().unwrap().relative_error;
    assert!(error < 0.03, "{}", made.compiled.report);
}

/// A factor of its own for each channel, which only a convolution can take up.
fn scaled(dims: &[i64], factors: &[f32]) -> Net {
    let mut net = Net::new()
        .weight("w", &[6, 4, 3, 3])
        .weight("k", dims)
        .node("Mul", "w k", "wk")
        .node("Conv", "x wk", "y")
        .output("y");
    net.graph().initializer.last_mut().unwrap().float_data = factors.to_vec();
    net
}

#[test]
fn factors_of_channels_go_into_the_scales() {
    let keep = "[[rule]]\nname = \"k\"\ninit = \"keep\"\n";
    let rules = format!("{RULES}{keep}[[rule]]\nname = \"w\"\ninit = \"normal\"");
    let net = scaled(&[6, 1, 1, 1], &[0.5, 1.0, 2.0, 3.0, 0.1, 7.0]);
    let (spec, bytes) = planned(&net, &rules);
    let options = Options::default();
    let made = compile_derived(&Model::new(&bytes), &options, &samples(), &spec, &[]).unwrap();
    assert_eq!(matrices(&made, &spec).len(), 1);
    let error = made.compiled.report.layers.last().unwrap().relative_error;
    assert!(error < 0.03, "{}", made.compiled.report);
    let negative = scaled(&[6, 1, 1, 1], &[0.5, 1.0, -2.0, 3.0, 0.1, 7.0]);
    let message = refused(&negative, &rules);
    assert!(
        message.contains("\"w\"") && message.contains("negative"),
        "{message}"
    );
    let inputs = scaled(&[1, 4, 1, 1], &[0.5, 1.0, 2.0, 3.0]);
    let message = refused(&inputs, &rules);
    assert!(
        message.contains("\"w\"") && message.contains("one by one"),
        "{message}"
    );
}

#[test]
fn a_tensor_may_be_used_twice() {
    let net = Net::new()
        .weight("w", &[8, 8])
        .node("MatMul", "x w", "a")
        .node("Relu", "a", "b")
        .node("MatMul", "b w", "y")
        .output("y");
    let (spec, _) = planned(&net, RULES);
    let made = derived(&net);
    assert_eq!(matrices(&made, &spec)["w"].len(), 2);
}

#[test]
fn parts_of_a_tensor_may_be_weights_of_their_own() {
    let net = Net::new()
        .weight("w", &[8, 12])
        .ints("sizes", &[4, 8])
        .node_with("Split", "w sizes", "u v", vec![int("axis", 1)])
        .node("MatMul", "x u", "a")
        .node("MatMul", "x v", "b")
        .output("a")
        .output("b");
    let rules = format!("{RULES}[[rule]]\nname = \"w\"\ninit = \"normal\"");
    let (spec, _) = planned(&net, &rules);
    let made = derived_with(&net, &rules, &Options::default()).unwrap();
    assert_eq!(matrices(&made, &spec)["w"].len(), 2);
    assert_eq!(made.origins[0].params[1].first, 4);
}

#[test]
fn other_uses_of_a_sampled_tensor_are_refused() {
    let net = || Net::new().weight("w", &[8, 8]).weight("v", &[8, 8]);
    let with = |net: Net| {
        let rules = format!("{RULES}[[rule]]\nname = \"*\"\ninit = \"normal\"");
        refused(&net, &rules)
    };
    let cases = [
        // Added to an activation, and as a factor.
        net().node("MatMul", "x w", "a").node("Add", "a v", "y"),
        net().node("MatMul", "x w", "a").node("Mul", "a v", "y"),
        // A sum of two, a product, a concatenation, a part of one.
        net().node("Add", "v w", "u").node("MatMul", "x u", "y"),
        net().node("MatMul", "v w", "u").node("MatMul", "x u", "y"),
        net()
            .node_with("Concat", "v w", "u", vec![int("axis", 1)])
            .node("MatMul", "x u", "y"),
        net()
            .node("MatMul", "x w", "a")
            .ints("sizes", &[4, 4])
            .node_with("Split", "v sizes", "p q", vec![int("axis", 1)])
            .node("MatMul", "a p", "y"),
        // A function of it.
        net()
            .node("Abs", "v", "u")
            .node("MatMul", "x w", "a")
            .node("MatMul", "a u", "y"),
    ];
    for (at, net) in cases.into_iter().enumerate() {
        let message = with(net.output("y"));
        assert!(message.contains("the plan samples it"), "{at}: {message}");
        assert!(
            message.contains("\"v\"") || message.contains("\"w\""),
            "{message}"
        );
    }
}

#[test]
fn random_biases_are_refused_and_named() {
    let rules = "precision = { limb_bits = 12, fraction_bits = 8 }\npreset = \"torch\"";
    let message = refused(&linear(), rules);
    assert!(message.contains("\"b1\""), "{message}");
}

#[test]
fn values_that_the_plan_cannot_have_derived_are_refused() {
    let net = linear();
    let (spec, bytes) = planned(&net, RULES);
    let compile = |spec: &ModelSpec| {
        let options = Options::default();
        let made = compile_derived(&Model::new(&bytes), &options, &samples(), spec, &[]);
        made.expect_err("refused").to_string()
    };
    let edited = |name: &str, edit: &dyn Fn(&mut u32, &mut u32)| {
        let mut spec = spec.clone();
        let at = position(&spec, name);
        match &mut spec.tensors[at].fill {
            Fill::Sampled {
                scale_bits,
                mean_bits,
                ..
            } => edit(scale_bits, mean_bits),
            Fill::Constant { bits } => edit(bits, &mut 0),
            Fill::Inherited { .. } => panic!("not inherited"),
        }
        compile(&spec)
    };
    let scale = edited("w2", &|scale, _| *scale = 0.012_345_f32.to_bits());
    assert!(
        scale.contains("\"w2\"") && scale.contains("element 0"),
        "{scale}"
    );
    let nearly = edited("w2", &|scale, _| *scale += 1);
    assert!(
        nearly.contains("\"w2\"") && nearly.contains("no deviate"),
        "{nearly}"
    );
    let mean = edited("w1", &|_, mean| *mean = 0.5_f32.to_bits());
    assert!(mean.contains("\"w1\"") && mean.contains("mean"), "{mean}");
    let bias = edited("b1", &|bits, _| *bits = 1.0_f32.to_bits());
    assert!(
        bias.contains("\"b1\"") && bias.contains("fills it with 1"),
        "{bias}"
    );
    let mut other = spec.clone();
    other.graph_digest[0] ^= 1;
    assert!(compile(&other).contains("another graph"));
    // The file before its weights were derived.
    let options = Options::default();
    let made = compile_derived(&Model::new(&net.bytes()), &options, &samples(), &spec, &[]);
    let message = made.expect_err("refused").to_string();
    assert!(message.contains("the plan fills it"), "{message}");
}

#[test]
fn deviates_that_do_not_fit_are_refused() {
    let net = linear();
    let uniform = "precision = { limb_bits = 16, fraction_bits = 12 }\npreset = \"he-uniform\"";
    let message = refused(&net, uniform);
    assert!(message.contains("17 bits"), "{message}");
    let options = tables(12);
    let wide = "precision = { limb_bits = 16, fraction_bits = 11 }\npreset = \"he-normal\"";
    let message = derived_with(&net, wide, &options).expect_err("refused");
    assert!(
        message.to_string().contains("expected 15 to 16"),
        "{message}"
    );
    let made = derived_with(&net, wide, &Options::default()).unwrap();
    assert_eq!(made.compiled.graph.weight_bits, 15);
    let narrow = "precision = { limb_bits = 4, fraction_bits = 1 }\npreset = \"he-normal\"";
    let message = refused(&net, narrow);
    assert!(message.contains("no deviate"), "out of range: {message}");
}

/// Two plans: of the first one's deviates a list of their own, with its numbers of tensors.
#[test]
fn inherited_weights_keep_the_earlier_plans_deviates() {
    let net = linear();
    let (first, bytes) = planned(&net, RULES);
    let plan = [7; 32];
    let earlier = Earlier {
        plan,
        model: &first,
    };
    let redraw = ["w1".to_owned()];
    let second = net.compile_after(RULES, &[earlier], &redraw).unwrap().spec;
    assert_eq!(second.sampled_elements(), 12 * 8);
    let compile = |spec: &ModelSpec, earlier: &[Earlier<'_>]| {
        let model = Model::new(&bytes);
        compile_derived(&model, &Options::default(), &samples(), spec, earlier)
    };
    let made = compile(&second, &[earlier]).unwrap();
    let alone = compile(&first, &[]).unwrap();
    assert_eq!(made.compiled.params, alone.compiled.params);
    let graph = &made.compiled.graph;
    let [own, theirs] = made.origins.as_slice() else {
        panic!("{} lists", made.origins.len());
    };
    own.check(graph, &second).unwrap();
    theirs.check(graph, &first).unwrap();
    let [all] = alone.origins.as_slice() else {
        panic!("{} lists", alone.origins.len());
    };
    assert_eq!(own.params[..], all.params[..1]);
    assert_eq!(theirs.params[..], all.params[1..]);
    assert_eq!(own.public, theirs.public);
    // The earlier plan is not there, is another, or does not sample the tensor.
    let refused = |spec: &ModelSpec, earlier: &[Earlier<'_>]| {
        compile(spec, earlier).expect_err("refused").to_string()
    };
    let missing = refused(&second, &[]);
    assert!(missing.contains("was not given"), "{missing}");
    let other = Earlier {
        plan: [8; 32],
        model: &first,
    };
    assert!(refused(&second, &[other]).contains("was not given"));
    let mut shapes = first.clone();
    let at = position(&shapes, "w2");
    shapes.tensors[at].dims = vec![60];
    let wrong = Earlier {
        plan,
        model: &shapes,
    };
    let wrong = refused(&second, &[wrong]);
    assert!(wrong.contains("samples in this shape"), "{wrong}");
    // A value that is no deviate of the earlier plan's scale.
    let mut scaled = first.clone();
    if let Fill::Sampled { scale_bits, .. } = &mut scaled.tensors[at].fill {
        *scale_bits += 1;
    }
    let scaled = Earlier {
        plan,
        model: &scaled,
    };
    let scaled = refused(&second, &[scaled]);
    assert!(scaled.contains("no deviate"), "{scaled}");
}
