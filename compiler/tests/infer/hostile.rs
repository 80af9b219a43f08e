//! Models that no exporter writes: each gets an error that says where, none a panic.

use crate::common::{Net, int, ints};
use nascent_compiler::CompileError;
use nascent_compiler::infer::{InferError, Model, Options, Samples, compile};
use proptest::prelude::*;
use prost::Message;
use tract_onnx::pb::{StringStringEntryProto, TensorProto};

fn refused(net: &Net) -> InferError {
    match compile(
        &Model::new(&net.bytes()),
        &Options::default(),
        &Samples::default(),
    ) {
        Ok(_) => panic!("it was accepted"),
        Err(error) => error,
    }
}

fn small() -> Net {
    Net::new()
        .weight("w", &[6, 4, 3, 3])
        .weight("g", &[216, 5])
        .ints("shape", &[1, -1])
        .node_with("Conv", "x w", "h", vec![int("group", 1)])
        .node("Relu", "h", "r")
        .node("Reshape", "r shape", "f")
        .node("MatMul", "f g", "s")
        .node("Softmax", "s", "y")
        .output("y")
}

#[test]
fn the_small_model_is_accepted() {
    let compiled = compile(
        &Model::new(&small().bytes()),
        &Options::default(),
        &Samples::default(),
    );
    assert_eq!(compiled.unwrap().outputs[0].shape, [1, 5]);
}

#[test]
fn shapes_that_do_not_fit() {
    let net = |op: &str, inputs: &str| {
        Net::new()
            .weight("w", &[7, 5])
            .weight("k", &[6, 3, 3, 3])
            .ints("i", &[9])
            .node(op, inputs, "y")
            .output("y")
    };
    for (op, inputs) in [
        ("MatMul", "x w"),
        ("Gemm", "x w"),
        ("Conv", "x k"),
        ("Add", "x w"),
        ("Reshape", "x i"),
        ("Gather", "x i"),
        ("Expand", "x i"),
        ("Unsqueeze", "x i"),
        ("BatchNormalization", "x w w w w"),
        ("LayerNormalization", "x w"),
    ] {
        let error = refused(&net(op, inputs));
        let text = error.to_string();
        assert!(
            text.contains(op) && text.contains("opset 17"),
            "{op}: {text}"
        );
        assert!(
            matches!(
                error,
                InferError::Shape { .. } | InferError::Attribute { .. } | InferError::Form { .. }
            ),
            "{op}: {error:?}"
        );
    }
}

#[test]
fn unknown_operators_and_old_sets() {
    let net = Net::new().node("TotallyUnknown", "x", "y").output("y");
    assert!(matches!(refused(&net), InferError::Operator { .. }));
    let mut net = Net::new().node("Relu", "x", "y").output("y");
    for version in [1, 10, 26, 999] {
        net.model.opset_import[0].version = version;
        assert!(
            matches!(refused(&net), InferError::Opset { .. }),
            "{version}"
        );
    }
}

#[test]
fn unknown_attributes() {
    let net = Net::new()
        .node_with("Relu", "x", "y", vec![int("turbo", 1)])
        .output("y");
    assert!(matches!(refused(&net), InferError::Attribute { .. }));
    let net = Net::new()
        .weight("w", &[6, 4, 3, 3])
        .node_with("Conv", "x w", "y", vec![int("strides", 1)])
        .output("y");
    assert!(matches!(refused(&net), InferError::Attribute { .. }));
}

#[test]
fn values_that_are_no_numbers() {
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut net = small();
        net.graph().initializer[0].float_data[3] = value;
        let error = refused(&net);
        assert!(
            matches!(
                error,
                InferError::Tensor { .. } | InferError::Form { .. } | InferError::Sample { .. }
            ),
            "{value}: {error}"
        );
    }
}

#[test]
fn sizes_that_are_too_large() {
    let dims = [1 << 20, 1 << 20, 1 << 20];
    let huge = Net::new()
        .ints("d", &dims)
        .node("ConstantOfShape", "d", "c")
        .node("Mul", "x c", "y")
        .output("y");
    assert!(matches!(refused(&huge), InferError::TooLarge { .. }));
    // Many constants of a size that is allowed.
    let mut net = Net::new().ints("d", &[1 << 27]);
    for at in 0..9 {
        net = net.node("ConstantOfShape", "d", &format!("c{at}"));
    }
    assert!(matches!(
        refused(&net.node("Relu", "x", "y").output("y")),
        InferError::TooLarge { .. }
    ));
    let tile = Net::new()
        .ints("d", &[1, 1 << 40, 1, 1])
        .node("Tile", "x d", "y")
        .output("y");
    assert!(matches!(refused(&tile), InferError::Shape { .. }));
    let pads = vec![ints("kernel_shape", &[2, 2]), ints("pads", &[1 << 23; 4])];
    let pool = Net::new()
        .node_with("AveragePool", "x", "y", pads)
        .output("y");
    assert!(matches!(
        refused(&pool),
        InferError::Shape { .. } | InferError::TooLarge { .. }
    ));
    let kernel = vec![
        ints("kernel_shape", &[1 << 20, 1 << 20]),
        ints("pads", &[1 << 21; 4]),
    ];
    let pool = Net::new()
        .node_with("MaxPool", "x", "y", kernel)
        .output("y");
    assert!(matches!(refused(&pool), InferError::Shape { .. }));
    let products = Net::new()
        .ints("d", &[1 << 14, 1 << 14])
        .node("ConstantOfShape", "d", "c")
        .node("MatMul", "c c", "m")
        .node("Mul", "x m", "y")
        .output("y");
    assert!(matches!(refused(&products), InferError::TooLarge { .. }));
}

#[test]
fn weights_without_values() {
    let mut net = small();
    net.graph().initializer[0].float_data.clear();
    assert!(matches!(refused(&net), InferError::Tensor { .. }));
    let as_input = Net::new()
        .input("w", &[6, 4, 3, 3])
        .node("Conv", "x w", "y")
        .output("y");
    assert!(matches!(refused(&as_input), InferError::Form { .. }));
}

#[test]
fn cycles_and_missing_values() {
    let cycle = Net::new()
        .node("Add", "x b", "a")
        .node("Relu", "a", "b")
        .output("b");
    assert!(matches!(
        refused(&cycle),
        InferError::Read(CompileError::Undefined { .. })
    ));
    let nothing = Net::new().output("y");
    assert!(matches!(refused(&nothing), InferError::Read(_)));
    let constant = Net::new()
        .scalar("k", 1.0)
        .node("Relu", "k", "y")
        .output("y");
    assert!(matches!(refused(&constant), InferError::Tensor { .. }));
}

#[test]
fn external_values() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("model");
    std::fs::create_dir(&inner).unwrap();
    let bytes: Vec<u8> = (0..216)
        .flat_map(|i| (i as f32 / 216.0).to_le_bytes())
        .collect();
    std::fs::write(inner.join("w.bin"), &bytes).unwrap();
    std::fs::write(folder.path().join("secret.bin"), &bytes).unwrap();
    let net = |location: &str| {
        let mut net = small();
        net.graph().initializer[0] = TensorProto {
            name: "w".to_owned(),
            dims: vec![6, 4, 3, 3],
            data_type: 1,
            data_location: Some(1),
            external_data: vec![StringStringEntryProto {
                key: "location".to_owned(),
                value: location.to_owned(),
            }],
            ..TensorProto::default()
        };
        net
    };
    let made = |location: &str, within: bool| {
        let bytes = net(location).bytes();
        let model = Model {
            bytes: &bytes,
            folder: within.then_some(inner.as_path()),
        };
        compile(&model, &Options::default(), &Samples::default())
    };
    assert!(made("w.bin", true).is_ok());
    assert!(matches!(
        made("w.bin", false),
        Err(InferError::Tensor { .. })
    ));
    for escape in ["missing.bin", "../secret.bin", "/etc/passwd", "", "."] {
        let error = made(escape, true).unwrap_err();
        assert!(
            matches!(error, InferError::Read(CompileError::External { .. })),
            "{escape}: {error}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn flipped_bits_do_not_panic(flips in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..8), 1..6)) {
        let mut bytes = small().model.encode_to_vec();
        for (at, bit) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        let _ = compile(&Model::new(&bytes), &Options::default(), &Samples::default());
    }
}
