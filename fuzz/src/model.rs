//! Architectures and rules: everything the command does with them.

use std::sync::LazyLock;

use nascent_compiler::{
    Architecture, Description, Limits, Model, Preset, Rules, WeightSource, read_onnx, write_onnx_to,
};

/// Largest model that is written out.
const MAX_WRITTEN: u64 = 1 << 17;

static LIMITS: LazyLock<Limits> = LazyLock::new(Limits::default);

/// Models that rules are tried on: every role but the recurrent ones.
static MODELS: LazyLock<Vec<Architecture>> = LazyLock::new(|| {
    let onnx: [&[u8]; 2] = [
        include_bytes!("../../examples/models/lenet5.onnx"),
        include_bytes!("../../examples/models/mlp.onnx"),
    ];
    let text = include_str!("../../examples/descriptions/transformer.toml");
    let graphs = onnx.map(|bytes| Architecture::Onnx(read_onnx(bytes, &LIMITS).expect("bundled")));
    let description = Description::parse(text, &LIMITS).expect("bundled");
    graphs
        .into_iter()
        .chain([Architecture::Description(description)])
        .collect()
});

struct Half;

impl WeightSource for Half {
    fn fill(
        &mut self,
        _tensor: usize,
        _start: u64,
        out: &mut [f32],
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        out.fill(0.5);
        Ok(())
    }
}

/// Compiles; the specification is one that the verifier's format takes.
fn compile(architecture: &Architecture, rules: &Rules) -> Option<Model> {
    let model = architecture.compile("m", rules, &LIMITS).ok()?;
    let digest = model.spec.digest().expect("a specification that was made");
    let again = architecture
        .compile("m", rules, &LIMITS)
        .expect("as before");
    assert_eq!(again.spec.digest(), Ok(digest), "depends on the run");
    assert_eq!(model.tensors.len(), model.spec.tensors.len());
    Some(model)
}

/// Reads, compiles, writes, and reads what was written.
pub fn onnx(data: &[u8]) {
    let Ok(graph) = read_onnx(data, &LIMITS) else {
        return;
    };
    let architecture = Architecture::Onnx(graph);
    for preset in [Preset::Default, Preset::Torch, Preset::Gpt2] {
        let rules = Rules::preset(preset);
        let Some(model) = compile(&architecture, &rules) else {
            continue;
        };
        let spec = &model.spec;
        if spec
            .sampled_elements()
            .saturating_add(spec.constant_elements())
            > MAX_WRITTEN
        {
            continue;
        }
        let mut bytes = Vec::new();
        let Ok(written) = write_onnx_to(data, spec, &mut Half, &mut bytes) else {
            continue;
        };
        assert_eq!(written.bytes, bytes.len() as u64);
        let graph = read_onnx(&bytes, &LIMITS).expect("a model that was written");
        let again = compile(&Architecture::Onnx(graph), &rules).expect("the same model");
        assert_eq!(again.spec, *spec, "another model was written");
    }
}

/// Parses and compiles.
pub fn description(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let Ok(description) = Description::parse(text, &LIMITS) else {
        return;
    };
    let digest = description.digest();
    let architecture = Architecture::Description(description);
    if let Some(model) = compile(&architecture, &Rules::default()) {
        assert_eq!(model.spec.graph_digest, digest);
    }
}

/// Parses and applies to bundled models.
pub fn rules(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let Ok(rules) = Rules::parse(text, &LIMITS) else {
        return;
    };
    for architecture in MODELS.iter() {
        if let Some(model) = compile(architecture, &rules) {
            assert_eq!(model.spec.rules_digest, rules.digest());
        }
    }
}
