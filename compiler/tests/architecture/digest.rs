//! What the graph's digest covers, and what it does not.

use crate::common::{Net, bundled, int, ints, value_info};
use prost::Message;
use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto, StringStringEntryProto, TensorProto};

/// A convolution with a bias, a shape constant and a reshape.
fn net() -> Net {
    Net::new()
        .weight("w", &[6, 4, 3, 3])
        .weight("b", &[6])
        .ints("shape", &[0, -1])
        .node_with(
            "Conv",
            "x w b",
            "h",
            vec![ints("pads", &[1, 1, 1, 1]), int("group", 1)],
        )
        .node("Relu", "h", "r")
        .node("Reshape", "r shape", "y")
        .output("y")
}

fn digest(net: &Net) -> [u8; 32] {
    net.compile().unwrap().spec.graph_digest
}

fn changed(change: impl FnOnce(&mut GraphProto)) -> [u8; 32] {
    let mut net = net();
    change(net.graph());
    digest(&net)
}

#[test]
fn golden_digests() {
    let golden = |name: &str| {
        let model = bundled(name, "");
        (
            hex::encode(model.spec.graph_digest),
            hex::encode(model.spec.digest().unwrap()),
        )
    };
    // These change only with the format, whose version is in the domain. To write
    // them anew: NASCENT_BLESS=1 cargo test -p nascent-compiler --test architecture digest
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden.txt");
    let mut got = String::new();
    for name in ["mlp", "lenet5", "resnet18", "resnet50", "gpt2"] {
        let (graph, model) = golden(&format!("{name}.onnx"));
        got.push_str(&format!("{name} graph {graph} model {model}\n"));
    }
    if std::env::var_os("NASCENT_BLESS").is_some() {
        std::fs::write(path, &got).unwrap();
    }
    assert_eq!(got, std::fs::read_to_string(path).unwrap(), "\n{got}");
}

#[test]
fn every_part_of_the_graph_counts() {
    let digests = [
        digest(&net()),
        changed(|g| g.node[1].op_type = "Elu".to_owned()),
        changed(|g| g.node[0].attribute[0].ints[0] = 2),
        changed(|g| g.node[0].attribute[1].name = "groups".to_owned()),
        changed(|g| _ = g.node[0].attribute.pop()),
        changed(|g| _ = g.node[0].input.pop()),
        changed(|g| g.node[2].input[0] = "h".to_owned()),
        changed(|g| g.initializer[0].dims = vec![3, 8, 3, 3]),
        changed(|g| g.initializer[2].int64_data[1] = 1),
        changed(|g| g.input[0] = value_info("x", &[1, 4, 8, 8])),
        changed(|g| g.output[0].name = "r".to_owned()),
        changed(|g| {
            g.initializer[0].name = "v".to_owned();
            g.node[0].input[1] = "v".to_owned();
        }),
        changed(|g| {
            g.input[0].name = "z".to_owned();
            g.node[0].input[0] = "z".to_owned();
        }),
        changed(|g| {
            g.initializer[0].data_type = 11;
            let values = std::mem::take(&mut g.initializer[0].float_data);
            g.initializer[0].double_data = values.into_iter().map(f64::from).collect();
        }),
        {
            let mut net = net();
            net.model.opset_import[0].version = 18;
            digest(&net)
        },
    ];
    let mut distinct = digests.to_vec();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), digests.len());
}

#[test]
fn what_does_not_change_the_computation_does_not_count() {
    let plain = digest(&net());
    assert_eq!(plain, changed(|g| g.doc_string = "a graph".to_owned()));
    assert_eq!(plain, changed(|g| g.name = "other".to_owned()));
    assert_eq!(plain, changed(|g| g.node[0].name = "first".to_owned()));
    assert_eq!(plain, changed(|g| g.node[0].doc_string = "doc".to_owned()));
    assert_eq!(plain, changed(|g| g.node[0].attribute.reverse()));
    assert_eq!(plain, changed(|g| g.initializer.reverse()));
    assert_eq!(
        plain,
        changed(|g| g.value_info.push(value_info("h", &[-1])))
    );
    assert_eq!(plain, changed(|g| g.node[2].input.push(String::new())));
    // Names of intermediate values.
    assert_eq!(
        plain,
        changed(|g| {
            g.node[0].output[0] = "hidden".to_owned();
            g.node[1].input[0] = "hidden".to_owned();
        })
    );
    // Values that the rules replace, or their absence.
    assert_eq!(plain, changed(|g| g.initializer[0].float_data[5] = 9.0));
    assert_eq!(plain, changed(|g| g.initializer[0].float_data.clear()));
    assert_eq!(
        plain,
        changed(|g| {
            g.initializer[0].float_data.clear();
            g.initializer[0].data_location = Some(1);
        })
    );
    // A weight as an input without values.
    assert_eq!(
        plain,
        changed(|g| {
            g.initializer.remove(0);
            g.input.push(value_info("w", &[6, 4, 3, 3]));
        })
    );
    // Constants in another field of the message.
    assert_eq!(
        plain,
        changed(|g| {
            let values = std::mem::take(&mut g.initializer[2].int64_data);
            g.initializer[2].raw_data = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        })
    );
    // An initializer that nothing reads.
    assert_eq!(
        plain,
        changed(|g| g.initializer.push(TensorProto {
            name: "unused".to_owned(),
            data_type: 1,
            float_data: vec![1.0],
            ..TensorProto::default()
        }))
    );
    let mut net = net();
    net.model.producer_name = "somebody".to_owned();
    net.model.doc_string = "doc".to_owned();
    net.model.ir_version = 9;
    net.model.opset_import[0].domain = "ai.onnx".to_owned();
    net.model.metadata_props.push(StringStringEntryProto {
        key: "k".to_owned(),
        value: "v".to_owned(),
    });
    assert_eq!(plain, digest(&net));
}

#[test]
fn kept_values_count() {
    let net = |value: f32| {
        let mut net = net();
        net.graph().initializer[1].float_data[0] = value;
        let rules = "[[rule]]\nname = \"b\"\ninit = \"keep\"";
        net.compile_with(rules).unwrap().spec.graph_digest
    };
    assert_eq!(net(1.0), net(1.0));
    assert_ne!(net(1.0), net(2.0));
}

#[test]
fn bodies_of_control_flow_count() {
    let with_body = |op: &str| {
        let body = GraphProto {
            node: vec![NodeProto {
                op_type: op.to_owned(),
                input: vec!["h".to_owned()],
                output: vec!["inner".to_owned()],
                ..NodeProto::default()
            }],
            output: vec![value_info("inner", &[-1])],
            ..GraphProto::default()
        };
        let branch = |name: &str| AttributeProto {
            name: name.to_owned(),
            r#type: 5,
            g: Some(body.clone()),
            ..AttributeProto::default()
        };
        let attrs = vec![branch("then_branch"), branch("else_branch")];
        let net = net().input("condition", &[-1]);
        digest(&net.node_with("If", "condition", "z", attrs))
    };
    assert_eq!(with_body("Relu"), with_body("Relu"));
    assert_ne!(with_body("Relu"), with_body("Elu"));
}

/// Reverses the fields of the model, and of the graph within each kind of field.
#[test]
fn the_order_of_protobuf_fields_does_not_count() {
    let net = net();
    let graph = net.model.graph.clone().unwrap();
    let mut permuted = Vec::new();
    // A graph whose kinds of fields come in another order: outputs, inputs,
    // initializers, then the nodes.
    let parts = [
        GraphProto {
            output: graph.output.clone(),
            ..GraphProto::default()
        },
        GraphProto {
            input: graph.input.clone(),
            ..GraphProto::default()
        },
        GraphProto {
            initializer: graph.initializer.clone(),
            ..GraphProto::default()
        },
        GraphProto {
            node: graph.node.clone(),
            name: graph.name,
            ..GraphProto::default()
        },
    ];
    let body: Vec<u8> = parts.iter().flat_map(Message::encode_to_vec).collect();
    prost::encoding::encode_key(7, prost::encoding::WireType::LengthDelimited, &mut permuted);
    prost::encoding::encode_varint(body.len() as u64, &mut permuted);
    permuted.extend(body);
    let mut rest = net.model.clone();
    rest.graph = None;
    permuted.extend(rest.encode_to_vec());
    assert_ne!(permuted, net.bytes());
    let limits = nascent_compiler::Limits::default();
    let read = nascent_compiler::read_onnx(&permuted, &limits).unwrap();
    let model = nascent_compiler::Architecture::Onnx(read)
        .compile("net", &nascent_compiler::Rules::default(), &limits)
        .unwrap();
    assert_eq!(model.spec.graph_digest, digest(&net));
}

/// Whatever form the values have that the publisher chose: the specification lists them.
#[test]
fn kept_values_of_every_kind_are_listed() {
    let floats = |name: &str, values: &[f32]| AttributeProto {
        name: name.to_owned(),
        r#type: 6,
        floats: values.to_vec(),
        ..AttributeProto::default()
    };
    let net = |constant: &str| {
        Net::new()
            .weight("w", &[4, 4])
            .ints("table", &[1, 2, 3, 4])
            .ints("unused", &[5, 6])
            .node_with("Constant", "", constant, vec![ints("value_ints", &[7; 9])])
            .node_with("Constant", "", "e", vec![floats("value_floats", &[0.5; 3])])
            .node("MatMul", "x w", "h")
            .node_with("Elu", "h", "f", vec![floats("hidden", &[0.25; 5])])
            .node("Cast", "table", "t")
            .node("Add", "f t", "y")
            .output("y")
    };
    let model = net("c").compile().unwrap();
    let kept: Vec<_> = model
        .spec
        .kept
        .iter()
        .map(|kept| (kept.name.as_str(), kept.elements(), kept.floats))
        .collect();
    assert_eq!(
        kept,
        [
            ("Constant.value_floats", Some(3), true),
            ("Constant.value_ints", Some(9), false),
            ("Elu.hidden", Some(5), true),
            ("table", Some(4), false),
        ]
    );
    assert_eq!(
        (model.spec.kept_elements(), model.spec.kept_floats()),
        (21, 8)
    );
    // Names of what nodes compute are in no digest, nor is the order of the file.
    let mut other = net("d");
    other.graph().initializer.reverse();
    let other = other.compile().unwrap();
    assert_eq!(other.spec, model.spec);
    let mut more = net("c");
    more.graph().node[0].attribute[0].ints.push(7);
    assert_ne!(more.compile().unwrap().spec.kept, model.spec.kept);
}
