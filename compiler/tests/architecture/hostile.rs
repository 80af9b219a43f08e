//! Files that no exporter writes: each gets an error, none a panic.

use crate::common::{Net, example, int, value_info};
use nascent_compiler::{Architecture, CompileError, Description, Limits, Rules, read_onnx};
use proptest::prelude::*;
use prost::Message;
use tract_onnx::pb::{AttributeProto, GraphProto, TensorProto};

fn small() -> Net {
    Net::new()
        .weight("w", &[6, 4, 3, 3])
        .weight("g", &[6, 12])
        .ints("shape", &[-1, 6])
        .node_with("Conv", "x w", "h", vec![int("group", 1)])
        .node("Relu", "h", "r")
        .node("Reshape", "r shape", "f")
        .node("Gemm", "f g", "y")
        .output("y")
}

/// Everything that is done with a file, results thrown away.
fn run(bytes: &[u8]) {
    let limits = Limits::default();
    let Ok(graph) = read_onnx(bytes, &limits) else {
        return;
    };
    let architecture = Architecture::Onnx(graph);
    for preset in ["default", "torch", "gpt2"] {
        let rules = Rules::parse(&format!("version = 1\npreset = \"{preset}\""), &limits).unwrap();
        let _ = architecture.compile("m", &rules, &limits);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn flipped_bits_do_not_panic(flips in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..8), 1..6)) {
        let mut bytes = small().bytes();
        for (at, bit) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        run(&bytes);
    }

    #[test]
    fn replaced_and_cut_bytes_do_not_panic(at in any::<prop::sample::Index>(), with in prop::collection::vec(any::<u8>(), 0..12), cut in any::<bool>()) {
        let mut bytes = small().bytes();
        let at = at.index(bytes.len());
        let end = if cut { bytes.len() } else { (at + with.len()).min(bytes.len()) };
        bytes.splice(at..end, with);
        run(&bytes);
    }

    #[test]
    fn any_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        run(&bytes);
        let text = String::from_utf8_lossy(&bytes);
        let _ = Rules::parse(&text, &Limits::default());
        let _ = Description::parse(&text, &Limits::default());
    }
}

#[test]
fn every_single_bit_of_a_bundled_model() {
    let bytes = std::fs::read(example("models/lenet5.onnx")).unwrap();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            run(&flipped);
        }
    }
}

#[test]
fn every_prefix_of_a_bundled_model() {
    let bytes = std::fs::read(example("models/lenet5.onnx")).unwrap();
    for end in 0..bytes.len() {
        run(&bytes[..end]);
    }
}

fn error(change: impl FnOnce(&mut Net)) -> CompileError {
    let mut net = small();
    change(&mut net);
    net.compile().unwrap_err()
}

#[test]
fn not_a_model() {
    let limits = Limits::default();
    let read = |bytes: &[u8]| read_onnx(bytes, &limits).unwrap_err();
    assert!(matches!(read(b""), CompileError::Missing { what: "graph" }));
    assert!(matches!(
        read(b"\x89PNG\r\n\x1a\n"),
        CompileError::Protobuf { .. }
    ));
    assert!(matches!(
        read(b"version = 1\n"),
        CompileError::Protobuf { .. }
    ));
    let mut unknown = small().bytes();
    unknown.extend([0xfa, 0x06, 1, 0]); // field 111
    let expected = matches!(
        read(&unknown),
        CompileError::UnknownField { field: 111, .. }
    );
    assert!(expected);
}

#[test]
fn graphs_that_do_not_hold_together() {
    let cycle = error(|net| net.graph().node[1].input[0] = "f".to_owned());
    let text = cycle.to_string();
    assert!(
        text.starts_with("node \"#1\" (Relu, opset 17) reads \"f\" before"),
        "{text}"
    );
    let missing = error(|net| net.graph().node[0].input[1] = "nothing".to_owned());
    assert!(matches!(missing, CompileError::Undefined { .. }));
    let twice = error(|net| net.graph().node[1].output[0] = "h".to_owned());
    assert!(matches!(
        twice,
        CompileError::Duplicate { what: "value", .. }
    ));
    let initializer = error(|net| {
        let again = net.graph().initializer[0].clone();
        net.graph().initializer.push(again);
    });
    assert!(matches!(initializer, CompileError::Duplicate { .. }));
    let input = error(|net| net.graph().input.push(value_info("x", &[1])));
    assert!(matches!(input, CompileError::Duplicate { .. }));
    let attribute = error(|net| net.graph().node[0].attribute.push(int("group", 1)));
    assert!(matches!(
        attribute,
        CompileError::Duplicate {
            what: "attribute",
            ..
        }
    ));
    let output = error(|net| net.graph().output[0].name = "nothing".to_owned());
    assert!(matches!(output, CompileError::UndefinedOutput { .. }));
    let opset = error(|net| net.model.opset_import.clear());
    assert!(matches!(opset, CompileError::Unsupported { .. }));
    let opsets = error(|net| {
        let again = net.model.opset_import[0].clone();
        net.model.opset_import.push(again);
    });
    assert!(matches!(opsets, CompileError::Duplicate { .. }));
    let untyped = error(|net| net.graph().node[0].attribute[0].r#type = 0);
    assert!(matches!(untyped, CompileError::Attribute { .. }));
    let op = error(|net| net.graph().node[1].op_type.clear());
    assert!(matches!(op, CompileError::Missing { .. }));
}

#[test]
fn tensors_that_cannot_be() {
    let huge = error(|net| net.graph().initializer[0].dims = vec![1 << 40, 1 << 40, 1, 1]);
    assert!(matches!(huge, CompileError::Tensor { .. }), "{huge}");
    let negative = error(|net| net.graph().initializer[0].dims[0] = -1);
    assert!(matches!(negative, CompileError::Tensor { .. }));
    let short = error(|net| _ = net.graph().initializer[0].float_data.pop());
    assert!(matches!(short, CompileError::Tensor { .. }));
    let kind = error(|net| net.graph().initializer[0].data_type = 77);
    assert!(matches!(kind, CompileError::Tensor { .. }));
    let input = error(|net| {
        net.graph()
            .input
            .push(value_info("w2", &[1 << 62, 1 << 62]))
    });
    assert!(matches!(input, CompileError::Tensor { .. }));
    let external = error(|net| {
        net.graph().initializer[2].int64_data.clear();
        net.graph().initializer[2].data_location = Some(1);
    });
    assert!(matches!(
        external,
        CompileError::WeightShape { .. } | CompileError::ExternalData { .. }
    ));
    let empty = error(|net| net.graph().initializer[2].int64_data.clear());
    assert!(
        matches!(empty, CompileError::NothingToKeep { .. }),
        "{empty}"
    );
    let name = error(|net| {
        let long = "w".repeat(2000);
        net.graph().initializer[0].name.clone_from(&long);
        net.graph().node[0].input[1] = long;
    });
    assert!(matches!(name, CompileError::Spec(_)), "{name}");
}

#[test]
fn nested_graphs_are_bounded() {
    let mut inner = GraphProto::default();
    for _ in 0..40 {
        let node = tract_onnx::pb::NodeProto {
            op_type: "If".to_owned(),
            attribute: vec![AttributeProto {
                name: "then_branch".to_owned(),
                r#type: 5,
                g: Some(inner),
                ..AttributeProto::default()
            }],
            ..Default::default()
        };
        inner = GraphProto {
            node: vec![node],
            ..GraphProto::default()
        };
    }
    let mut net = small();
    net.model.graph = Some(inner);
    let got = net.read();
    assert!(matches!(got, Err(CompileError::TooMany { .. })), "{got:?}");
}

#[test]
fn limits_come_before_memory() {
    let limits = Limits::default();
    let mut tight = Limits::default();
    tight.onnx_bytes = 100;
    let bytes = small().bytes();
    assert!(matches!(
        read_onnx(&bytes, &tight),
        Err(CompileError::TooMany { .. })
    ));
    let path = example("models/lenet5.onnx");
    assert!(matches!(
        Architecture::open(&path, &tight),
        Err(CompileError::TooMany { .. })
    ));
    let gone = example("models/nothing.onnx");
    assert!(matches!(
        Architecture::open(&gone, &limits),
        Err(CompileError::Io { .. })
    ));

    // A shape of 2^47 elements without data costs nothing.
    let mut net = Net::new();
    net.graph().initializer.push(TensorProto {
        name: "w".to_owned(),
        dims: vec![1 << 23, 1 << 24],
        data_type: 1,
        ..TensorProto::default()
    });
    let model = net.node("MatMul", "x w", "y").compile().unwrap();
    assert_eq!(model.spec.sampled_elements(), 1 << 47);
}

#[test]
fn a_decoder_bomb_is_refused() {
    let mut net = small();
    net.graph().node = vec![tract_onnx::pb::NodeProto::default(); 600_000];
    let got = read_onnx(&net.model.encode_to_vec(), &Limits::default());
    assert!(
        matches!(got, Err(CompileError::TooMany { .. })),
        "{:?}",
        got.err()
    );
}
