//! The architectures in `examples/models`, and the presets on them.

use crate::common::{bundled, example, table};
use nascent_compiler::roles::Role;
use nascent_compiler::{Architecture, Limits, Model, Preset, Rules};
use nascent_verifier::{Distribution, Fill};

fn counts(model: &Model) -> (u64, u64) {
    (
        model.spec.sampled_elements(),
        model.spec.constant_elements(),
    )
}

fn std_of(model: &Model, name: &str) -> f64 {
    let at = model
        .spec
        .tensors
        .iter()
        .position(|t| t.name == name)
        .unwrap();
    let spec = &model.spec.tensors[at];
    let Fill::Sampled {
        stream,
        scale_bits,
        mean_bits,
        ..
    } = spec.fill
    else {
        panic!("{name} is constant");
    };
    assert_eq!(mean_bits, 0);
    let scale = f64::from(f32::from_bits(scale_bits));
    match model.spec.streams[usize::from(stream)].distribution {
        Distribution::Normal => scale * 4096.0,
        Distribution::Uniform => scale * 65536.0 / 3.0_f64.sqrt(),
        other => panic!("{other:?}"),
    }
}

fn close(got: f64, expected: f64) {
    assert!(
        (got / expected - 1.0).abs() < 1e-6,
        "{got}, expected {expected}"
    );
}

#[test]
fn lenet5_by_default() {
    let expected = "\
conv1.weight [6, 1, 5, 5] conv 25/150 normal(mean=0, std=0.282843)
conv1.bias [6] bias - constant(0)
conv2.weight [16, 6, 5, 5] conv 150/400 normal(mean=0, std=0.115470)
conv2.bias [16] bias - constant(0)
fc1.weight [120, 400] linear 400/120 normal(mean=0, std=0.070711)
fc1.bias [120] bias - constant(0)
fc2.weight [84, 120] linear 120/84 normal(mean=0, std=0.129099)
fc2.bias [84] bias - constant(0)
fc3.weight [10, 84] linear 84/10 normal(mean=0, std=0.145865)
fc3.bias [10] bias - constant(0)
";
    let model = bundled("lenet5.onnx", "");
    assert_eq!(table(&model), expected);
    assert_eq!(counts(&model), (61_470, 236));
    assert_eq!(model.inputs, ["x"]);
    assert!(model.untouched.is_empty());
    // 15 lanes a row: 150, 2400, 48000, 10080 and 840 weights.
    assert_eq!(model.spec.streams.len(), 1);
    assert_eq!(model.spec.streams[0].rows, 10 + 160 + 3200 + 672 + 56);
}

#[test]
fn lenet5_as_pytorch_constructs_it() {
    let model = bundled("lenet5.onnx", "preset = \"torch\"");
    assert_eq!(counts(&model), (61_706, 0));
    for (name, fan_in) in [
        ("conv1", 25.0),
        ("conv2", 150.0),
        ("fc1", 400.0),
        ("fc3", 84.0),
    ] {
        // U(-b, b) with b = 1 / sqrt(fan_in) has deviation b / sqrt(3).
        let std = (1.0_f64 / (3.0 * fan_in)).sqrt();
        close(std_of(&model, &format!("{name}.weight")), std);
        close(std_of(&model, &format!("{name}.bias")), std);
    }
}

#[test]
fn resnet50_has_its_parameters() {
    let model = bundled("resnet50.onnx", "");
    let (sampled, constant) = counts(&model);
    assert_eq!(sampled + constant, 25_610_152);
    let trained = model
        .tensors
        .iter()
        .filter(|tensor| !matches!(tensor.parameter.role, Role::NormMean | Role::NormVariance));
    // torchvision's count, which leaves running statistics out.
    let total: u64 = trained.map(|tensor| tensor.parameter.elements()).sum();
    assert_eq!(total, 25_557_032);
    close(std_of(&model, "conv1.weight"), (2.0_f64 / 147.0).sqrt());
    // Through batch norm and the residual addition to a ReLU.
    close(
        std_of(&model, "layer1.0.conv3.weight"),
        (2.0_f64 / 64.0).sqrt(),
    );
    close(
        std_of(&model, "layer1.0.downsample.0.weight"),
        (2.0_f64 / 64.0).sqrt(),
    );
    close(std_of(&model, "fc.weight"), (2.0_f64 / 3048.0).sqrt());
}

#[test]
fn resnet18_and_mlp_compile() {
    let (sampled, constant) = counts(&bundled("resnet18.onnx", ""));
    assert_eq!(sampled + constant, 11_699_112);
    assert_eq!(
        counts(&bundled("mlp.onnx", "preset = \"lecun-uniform\"")),
        (234_752, 394)
    );
}

#[test]
fn gpt2_by_its_preset() {
    let model = bundled("gpt2.onnx", "preset = \"gpt2\"");
    let (sampled, constant) = counts(&model);
    assert_eq!(sampled + constant, 124_439_808);
    assert_eq!(model.inputs, ["tokens", "positions"]);
    close(std_of(&model, "transformer.wte.weight"), 0.02);
    close(std_of(&model, "transformer.wpe.weight"), 0.02);
    close(std_of(&model, "transformer.h.3.attn.c_attn.weight"), 0.02);
    close(std_of(&model, "transformer.h.3.mlp.c_fc.weight"), 0.02);
    // Two projections onto the residual path in each of twelve layers.
    let residual = 0.02 / 24.0_f64.sqrt();
    close(
        std_of(&model, "transformer.h.3.attn.c_proj.weight"),
        residual,
    );
    close(
        std_of(&model, "transformer.h.11.mlp.c_proj.weight"),
        residual,
    );
    let residuals = model
        .tensors
        .iter()
        .filter(|t| t.parameter.residual)
        .count();
    assert_eq!(residuals, 24);
    let roles = |role| {
        model
            .tensors
            .iter()
            .filter(|t| t.parameter.role == role)
            .count()
    };
    assert_eq!((roles(Role::Embedding), roles(Role::Linear)), (2, 48));
    assert_eq!(
        (
            roles(Role::NormScale),
            roles(Role::NormBias),
            roles(Role::Bias)
        ),
        (25, 25, 48)
    );
}

#[test]
fn gpt2_with_openais_position_embedding() {
    let rules = "preset = \"gpt2\"\n[[rule]]\nname = \"*wpe*\"\ninit = \"normal\"\nstd = 0.01";
    let model = bundled("gpt2.onnx", rules);
    close(std_of(&model, "transformer.wpe.weight"), 0.01);
    close(std_of(&model, "transformer.wte.weight"), 0.02);
}

#[test]
fn every_example_of_rules_and_descriptions() {
    let limits = Limits::default();
    let rules = |name: &str| {
        let text = std::fs::read_to_string(example(&format!("rules/{name}.toml"))).unwrap();
        Rules::parse(&text, &limits).unwrap()
    };
    let compile = |path: &str, rules: &Rules| {
        let architecture = Architecture::open(&example(path), &limits).unwrap();
        architecture.compile("m", rules, &limits).unwrap()
    };
    let resnet = compile("models/resnet50.onnx", &rules("resnet"));
    close(std_of(&resnet, "conv1.weight"), (2.0_f64 / 3136.0).sqrt());
    let zeros = resnet
        .tensors
        .iter()
        .filter(|t| t.why == "rule 2: constant");
    assert_eq!(zeros.count(), 16);
    compile("models/gpt2.onnx", &rules("gpt2-openai"));
    compile("models/lenet5.onnx", &rules("torch"));
    let cut = compile("descriptions/transformer.toml", &rules("vit"));
    let expected = Distribution::TruncatedNormal {
        lo: -8192,
        hi: 8192,
    };
    assert_eq!(cut.spec.streams[0].distribution, expected);
    assert_eq!(
        counts(&compile("descriptions/mlp.toml", &rules("torch"))),
        (235_146, 0)
    );
    let gpt = compile(
        "descriptions/transformer.toml",
        &Rules::preset(Preset::Gpt2),
    );
    close(std_of(&gpt, "h.1.mlp.c_proj.weight"), 0.02 / 2.0);
    let mut described = compile("descriptions/mlp.toml", &Rules::default());
    let mut read = compile("models/mlp.onnx", &Rules::default());
    // The same layers, so the same tensors; the graph is known in one case only.
    assert_ne!(described.spec.graph_digest, read.spec.graph_digest);
    read.spec.graph_digest = [0; 32];
    described.spec.graph_digest = [0; 32];
    // So are constants of the graph: here the shape of a reshape.
    assert!(described.spec.kept.is_empty() && read.spec.kept_floats() == 0);
    read.spec.kept.clear();
    assert_eq!(described.spec, read.spec);
}
