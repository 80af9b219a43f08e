//! Models written back: what changed, what did not, and that they run.

use crate::common::{FLOAT, Net, example, int, value_info};
use nascent_compiler::graph::{Data, Graph, Origin};
use nascent_compiler::{
    Architecture, CompileError, Limits, Model, Rules, WeightSource, read_onnx, write_onnx,
    write_onnx_to,
};
use nascent_verifier::{Fill, ModelSpec};
use prost::Message;
use std::path::Path;
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::*;

/// Element `e` of tensor `t` is `t + e / 1024`; counts what it was asked for.
struct Ramp {
    asked: Vec<(usize, u64, usize)>,
    fail: bool,
}

impl Ramp {
    fn new() -> Self {
        Self {
            asked: Vec::new(),
            fail: false,
        }
    }
}

fn ramp(tensor: usize, element: u64) -> f32 {
    tensor as f32 + element as f32 / 1024.0
}

impl WeightSource for Ramp {
    fn fill(
        &mut self,
        tensor: usize,
        start: u64,
        out: &mut [f32],
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        if self.fail {
            return Err("no weights today".into());
        }
        self.asked.push((tensor, start, out.len()));
        for (element, value) in (start..).zip(out) {
            *value = ramp(tensor, element);
        }
        Ok(())
    }
}

fn written(net: &Net, rules: &str) -> (Model, Vec<u8>) {
    let model = net.compile_with(rules).unwrap();
    let mut bytes = Vec::new();
    write_onnx_to(&net.bytes(), &model.spec, &mut Ramp::new(), &mut bytes).unwrap();
    (model, bytes)
}

fn values(graph: &Graph, name: &str) -> Vec<f32> {
    let value = graph
        .values
        .iter()
        .find(|value| value.name == name)
        .unwrap();
    let Origin::Initializer(tensor) = &value.origin else {
        panic!("{name} is no initializer");
    };
    let Data::Bytes(bytes) = &tensor.data else {
        panic!("{name} has no values");
    };
    let chunks = bytes.chunks_exact(4);
    chunks
        .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
        .collect()
}

fn expected(spec: &ModelSpec, name: &str) -> Vec<f32> {
    let at = spec
        .tensors
        .iter()
        .position(|tensor| tensor.name == name)
        .unwrap();
    let elements = spec.tensors[at].elements().unwrap();
    (0..elements)
        .map(|element| match spec.tensors[at].fill {
            Fill::Constant { bits } => f32::from_bits(bits),
            _ => ramp(at, element),
        })
        .collect()
}

fn net() -> Net {
    Net::new()
        .weight("w", &[6, 4, 3, 3])
        .input("g", &[6, 300])
        .input("b", &[300])
        .ints("shape", &[-1, 6])
        .node_with("Conv", "x w", "h", vec![int("group", 1)])
        .node("Reshape", "h shape", "f")
        .node("Gemm", "f g b", "y")
        .output("y")
}

#[test]
fn initializers_and_inputs_are_filled() {
    let (model, bytes) = written(&net(), "");
    let graph = read_onnx(&bytes, &Limits::default()).unwrap();
    for name in ["w", "g", "b"] {
        assert_eq!(values(&graph, name), expected(&model.spec, name), "{name}");
    }
    // Only the data is an input now.
    assert_eq!(graph.inputs.len(), 1);
    let limits = Limits::default();
    let again = Architecture::Onnx(graph)
        .compile("net", &Rules::default(), &limits)
        .unwrap();
    assert_eq!(again.spec, model.spec);
}

/// The same weights in initializers, inputs and `Constant` nodes.
#[test]
fn constant_nodes_become_initializers() {
    let mut original = Net::new().weight("w", &[4, 4, 3, 3]).weight("b", &[4]);
    let stored = std::mem::take(&mut original.graph().initializer);
    for tensor in stored {
        let name = tensor.name.clone();
        let value = tract_onnx::pb::AttributeProto {
            name: "value".to_owned(),
            r#type: 4,
            t: Some(tensor),
            ..Default::default()
        };
        original = original.node_with("Constant", "", &name, vec![value]);
    }
    let original = original.node("Conv", "x w b", "y").output("y");
    let (model, bytes) = written(&original, "");
    assert_eq!(model.spec.tensors.len(), 2);
    assert!(model.untouched.is_empty());
    let graph = read_onnx(&bytes, &Limits::default()).unwrap();
    assert_eq!(graph.nodes.len(), 1);
    assert_eq!(values(&graph, "w"), expected(&model.spec, "w"));
    let limits = Limits::default();
    let again = Architecture::Onnx(graph)
        .compile("net", &Rules::default(), &limits)
        .unwrap();
    assert_eq!(again.spec, model.spec);
    let mut old = original;
    old.model.ir_version = 3;
    let got = write_onnx_to(&old.bytes(), &model.spec, &mut Ramp::new(), &mut Vec::new());
    assert!(matches!(got, Err(CompileError::Unsupported { .. })));
}

#[test]
fn the_rest_is_untouched() {
    let mut original = net();
    original.model.producer_name = "somebody".to_owned();
    original.graph().doc_string = "words".to_owned();
    original.graph().initializer[0].doc_string = "a kernel".to_owned();
    let (_, bytes) = written(&original, "");
    let mut got = ModelProto::decode(bytes.as_slice()).unwrap();
    let graph = got.graph.as_mut().unwrap();
    assert_eq!(graph.initializer[0].doc_string, "a kernel");
    // With the values taken out again it is the model that it was.
    graph
        .initializer
        .retain(|tensor| tensor.name != "g" && tensor.name != "b");
    graph.initializer[0].raw_data.clear();
    graph.initializer[0].float_data = vec![0.5; 216];
    graph.input.push(value_info("g", &[6, 300]));
    graph.input.push(value_info("b", &[300]));
    assert_eq!(got, original.model);
}

#[test]
fn fields_of_a_later_version_survive() {
    let mut node = net().graph().node[0].encode_to_vec();
    node.extend([0x4a, 0x02, 0x0a, 0x00]); // metadata_props, which the decoder does not know
    let mut graph = net().graph().clone();
    graph.node.remove(0);
    let mut body = vec![0x0a];
    prost::encoding::encode_varint(node.len() as u64, &mut body);
    body.extend(&node);
    body.extend(graph.encode_to_vec());
    let mut bytes = vec![0x3a];
    prost::encoding::encode_varint(body.len() as u64, &mut bytes);
    bytes.extend(body);
    let mut rest = net().model;
    rest.graph = None;
    bytes.extend(rest.encode_to_vec());
    let model = net().compile().unwrap();
    let mut out = Vec::new();
    write_onnx_to(&bytes, &model.spec, &mut Ramp::new(), &mut out).unwrap();
    assert!(out.windows(node.len()).any(|window| window == node));
}

#[test]
fn old_files_keep_their_inputs() {
    let mut old = net();
    old.model.ir_version = 3;
    let (_, bytes) = written(&old, "");
    let got = ModelProto::decode(bytes.as_slice()).unwrap().graph.unwrap();
    let inputs: Vec<_> = got.input.iter().map(|input| input.name.as_str()).collect();
    assert_eq!(inputs, ["x", "g", "b"]);
    assert_eq!(got.initializer.len(), 4);
}

#[test]
fn narrow_and_wide_floats() {
    for (data_type, width) in [(10, 2), (16, 2), (11, 8)] {
        let mut narrow = net();
        let tensor = &mut narrow.graph().initializer[0];
        tensor.data_type = data_type;
        tensor.float_data.clear();
        let model = narrow.compile().unwrap();
        let mut bytes = Vec::new();
        let report =
            write_onnx_to(&narrow.bytes(), &model.spec, &mut Ramp::new(), &mut bytes).unwrap();
        assert_eq!(report.rounded, usize::from(width == 2));
        let got = ModelProto::decode(bytes.as_slice()).unwrap().graph.unwrap();
        assert_eq!(got.initializer[0].raw_data.len(), 216 * width);
        let last = &got.initializer[0].raw_data[215 * width..];
        let value = ramp(0, 215);
        let expected = match data_type {
            10 => half::f16::from_f32(value).to_le_bytes().to_vec(),
            16 => half::bf16::from_f32(value).to_le_bytes().to_vec(),
            _ => f64::from(value).to_le_bytes().to_vec(),
        };
        assert_eq!(last, expected);
    }
}

#[test]
fn values_come_in_order_and_in_pieces() {
    let net = Net::new()
        .input("a", &[300, 300])
        .input("b", &[300, 300])
        .node("MatMul", "x b", "h")
        .node("MatMul", "h a", "y");
    let model = net.compile().unwrap();
    let mut source = Ramp::new();
    let mut bytes = Vec::new();
    let report = write_onnx_to(&net.bytes(), &model.spec, &mut source, &mut bytes).unwrap();
    assert_eq!(
        (report.bytes, report.elements),
        (bytes.len() as u64, 180_000)
    );
    let piece = 1 << 16;
    let rest = 90_000 - piece as usize;
    // In the order of the file; positions are those of the specification.
    assert_eq!(
        source.asked,
        [
            (1, 0, piece as usize),
            (1, piece, rest),
            (0, 0, piece as usize),
            (0, piece, rest)
        ]
    );
}

#[test]
fn a_model_that_does_not_fit_is_refused() {
    let spec = net().compile().unwrap().spec;
    let write = |net: &Net, spec: &ModelSpec| {
        write_onnx_to(&net.bytes(), spec, &mut Ramp::new(), &mut Vec::new()).unwrap_err()
    };
    let mut renamed = spec.clone();
    renamed.tensors[0].name = "q".to_owned();
    assert!(matches!(
        write(&net(), &renamed),
        CompileError::Mismatch { .. }
    ));
    let mut reshaped = spec.clone();
    reshaped.tensors[1].dims = vec![300, 6];
    assert!(matches!(
        write(&net(), &reshaped),
        CompileError::Mismatch { .. }
    ));
    let mut retyped = net();
    retyped.graph().initializer[0].data_type = FLOAT + 5;
    assert!(matches!(
        write(&retyped, &spec),
        CompileError::Mismatch { .. }
    ));
    let large = Net::new()
        .input("w", &[1 << 15, 1 << 15])
        .node("MatMul", "x w", "y");
    let spec = large.compile().unwrap().spec;
    assert!(matches!(
        write(&large, &spec),
        CompileError::Unsupported { .. }
    ));
}

#[test]
fn a_failure_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let original = folder.path().join("net.onnx");
    std::fs::write(&original, net().bytes()).unwrap();
    let out = folder.path().join("out.onnx");
    let spec = net().compile().unwrap().spec;
    let mut source = Ramp {
        asked: Vec::new(),
        fail: true,
    };
    let limits = Limits::default();
    let got = write_onnx(&original, &spec, &mut source, &out, &limits);
    assert!(matches!(got, Err(CompileError::Source { .. })));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    // Over the original is fine: it was read before.
    write_onnx(&original, &spec, &mut Ramp::new(), &original, &limits).unwrap();
    assert!(read_onnx(&std::fs::read(&original).unwrap(), &limits).is_ok());
    let nowhere = folder.path().join("none").join("out.onnx");
    let got = write_onnx(&original, &spec, &mut Ramp::new(), &nowhere, &limits);
    assert!(matches!(got, Err(CompileError::Io { .. })));
}

fn write_example(name: &str, out: &Path) -> ModelSpec {
    let limits = Limits::default();
    let path = example(&format!("models/{name}.onnx"));
    let model = Architecture::open(&path, &limits)
        .unwrap()
        .compile(name, &Rules::default(), &limits)
        .unwrap();
    write_onnx(&path, &model.spec, &mut Ramp::new(), out, &limits).unwrap();
    model.spec
}

#[test]
fn tract_runs_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("lenet5.onnx");
    write_example("lenet5", &out);
    let model = tract_onnx::onnx()
        .model_for_path(&out)
        .unwrap()
        .with_input_fact(0, f32::fact([1, 1, 28, 28]).into())
        .unwrap()
        .into_optimized()
        .unwrap()
        .into_runnable()
        .unwrap();
    let input = Tensor::zero::<f32>(&[1, 1, 28, 28]).unwrap();
    let output = model.run(tvec!(input.into())).unwrap();
    assert_eq!(output[0].shape(), [1, 10]);
}

/// Needs Python with `onnxruntime`; says so and passes where there is none.
#[test]
fn onnxruntime_runs_what_was_written() {
    let python = std::env::var("NASCENT_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let available = std::process::Command::new(&python)
        .args(["-c", "import onnxruntime"])
        .output()
        .is_ok_and(|output| output.status.success());
    if !available {
        eprintln!(
            "skipped: `{python}` has no onnxruntime (pip install onnxruntime onnx numpy; NASCENT_PYTHON names another Python)"
        );
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for name in ["mlp", "lenet5", "resnet18"] {
        let out = folder.path().join(format!("{name}.onnx"));
        write_example(name, &out);
        let output = std::process::Command::new(&python)
            .arg(example("run_onnx.py"))
            .arg(&out)
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {errors}");
    }
}
