//! What is fused, folded and recognized: by the nodes that come out, and the error.

use super::{Samples, bundled, quantize};
use crate::common::{Net, float, int, ints};
use nascent_compiler::infer::{Compiled, Model, Named, Options, Tensor, compile, run_float};
use nascent_ir::{Op, eval};

fn made(net: &Net) -> Compiled {
    quantize(&net.bytes(), &Samples::default()).unwrap()
}

fn count(compiled: &Compiled, kind: fn(&Op) -> bool) -> usize {
    compiled
        .graph
        .nodes
        .iter()
        .filter(|node| kind(&node.op))
        .count()
}

fn maps(compiled: &Compiled) -> usize {
    count(compiled, |op| matches!(op, Op::Map(_)))
}

fn error(compiled: &Compiled) -> f64 {
    compiled.report.layers.last().unwrap().relative_error
}

fn vector(mut net: Net, name: &str, values: &[f32]) -> Net {
    net = net.weight(name, &[values.len() as i64]);
    net.graph().initializer.last_mut().unwrap().float_data = values.to_vec();
    net
}

/// Weights that are not all the same.
fn varied(mut net: Net, name: &str, dims: &[i64]) -> Net {
    net = net.weight(name, dims);
    let data = &mut net.graph().initializer.last_mut().unwrap().float_data;
    for (at, value) in data.iter_mut().enumerate() {
        *value = ((at * 37 % 101) as f32 - 50.0) / 100.0;
    }
    net
}

#[test]
fn a_chain_of_functions_is_one_map() {
    // GELU as exporters write it, and a fork that joins.
    let net = Net::new()
        .scalar("root", 2.0_f32.sqrt())
        .scalar("one", 1.0)
        .scalar("half", 0.5)
        .node("Div", "x root", "a")
        .node("Erf", "a", "b")
        .node("Add", "b one", "c")
        .node("Mul", "x c", "d")
        .node("Mul", "d half", "y")
        .output("y");
    let compiled = made(&net);
    assert_eq!(maps(&compiled), 1);
    assert_eq!(compiled.report.layers.len(), 1);
    assert!(error(&compiled) < 0.02);
}

#[test]
fn batch_normalization_is_folded() {
    let net = varied(Net::new(), "w", &[6, 4, 3, 3]);
    let net = vector(net, "s", &[0.5, 1.0, 1.5, -2.0, 2.5, 3.0]);
    let net = vector(net, "b", &[0.1; 6]);
    let net = vector(net, "m", &[-0.2, 0.0, 0.2, 0.4, 0.6, 0.8]);
    let net = vector(net, "v", &[0.25, 1.0, 4.0, 1.0, 2.0, 3.0])
        .node("Conv", "x w", "c")
        .node_with(
            "BatchNormalization",
            "c s b m v",
            "n",
            vec![float("epsilon", 1e-5)],
        )
        .node("Relu", "n", "y")
        .output("y");
    let compiled = made(&net);
    assert_eq!(maps(&compiled), 1);
    assert_eq!(count(&compiled, |op| matches!(op, Op::Conv(_))), 1);
    let layer = &compiled.report.layers[0];
    assert_eq!(layer.operators, ["Conv", "BatchNormalization", "Relu"]);
    assert!(error(&compiled) < 0.03, "{}", compiled.report);
}

#[test]
fn a_decomposed_layer_normalization_is_recognized() {
    let net = Net::new()
        .scalar("two", 2.0)
        .scalar("epsilon", 1e-5)
        .node_with("ReduceMean", "x", "m", vec![ints("axes", &[-1])])
        .node("Sub", "x m", "d")
        .node("Pow", "d two", "q")
        .node_with("ReduceMean", "q", "v", vec![ints("axes", &[-1])])
        .node("Add", "v epsilon", "e")
        .node("Sqrt", "e", "r")
        .node("Div", "d r", "y")
        .output("y");
    let compiled = made(&net);
    assert!(
        compiled
            .graph
            .tables
            .iter()
            .any(|table| table.name == "inverse root")
    );
    assert_eq!(maps(&compiled), 4);
    assert!(error(&compiled) < 0.02, "{}", compiled.report);
}

#[test]
fn masked_scores_get_no_weight() {
    for masked in [-1e3, -1e4, -1e9, f32::MIN, f32::NEG_INFINITY] {
        let mask: Vec<f32> = (0..64)
            .map(|i| if i % 8 > i / 8 { masked } else { 0.0 })
            .collect();
        let mut net = vector(Net::new(), "mask", &mask);
        net.graph().initializer[0].dims = vec![8, 8];
        let net = net
            .node("Add", "x mask", "s")
            .node_with("Softmax", "s", "y", vec![int("axis", -1)])
            .output("y");
        let compiled = made(&net);
        assert!(error(&compiled) < 0.03, "{masked}: {}", compiled.report);
        let input = vec![40; 256];
        let values = eval(&compiled.graph, &compiled.params, &[input]).unwrap();
        let out = compiled.outputs[0].dequantize(values.outputs().next().unwrap().iter());
        for (at, value) in out.iter().enumerate() {
            let (row, column) = (at / 8 % 8, at % 8);
            let expected = if column > row {
                0.0
            } else {
                1.0 / (row as f32 + 1.0)
            };
            assert!(
                (value - expected).abs() < 2e-3,
                "{masked} {row} {column}: {value}"
            );
        }
    }
}

#[test]
fn residual_sums_keep_their_scales() {
    let net = varied(Net::new(), "w", &[4, 4, 3, 3])
        .node_with("Conv", "x w", "c", vec![ints("pads", &[1, 1, 1, 1])])
        .node("Add", "c x", "s")
        .node("Relu", "s", "y")
        .output("y");
    let compiled = made(&net);
    assert_eq!(maps(&compiled), 2);
    assert!(error(&compiled) < 0.03, "{}", compiled.report);
}

#[test]
fn an_embedding_reads_rows() {
    let mut net = varied(Net::new(), "table", &[10, 4])
        .node("Gather", "table x", "e")
        .node("Relu", "e", "y")
        .output("y");
    let input = &mut net.graph().input[0];
    *input = crate::common::value_info("x", &[1, 3]);
    use tract_onnx::pb::type_proto::Value::TensorType;
    if let Some(TensorType(tensor)) = input.r#type.as_mut().unwrap().value.as_mut() {
        tensor.elem_type = 7;
    }
    let samples = Samples {
        arrays: vec![Named {
            name: Some("x".to_owned()),
            tensor: Tensor::int(&[1, 3], vec![9, 0, 4]).unwrap(),
        }],
    };
    let compiled = quantize(&net.bytes(), &samples).unwrap();
    assert_eq!(compiled.inputs[0].range, (0, 9));
    let floats = run_float(&Model::new(&net.bytes()), &Options::default(), &samples).unwrap();
    let values = eval(&compiled.graph, &compiled.params, &[vec![9, 0, 4]]).unwrap();
    let out = compiled.outputs[0].dequantize(values.outputs().next().unwrap().iter());
    for (made, float) in out.iter().zip(floats[0][0].floats().unwrap()) {
        assert!((made - float).abs() < 2e-3, "{made} {float}");
    }
    // An index outside of the table.
    let outside = Samples {
        arrays: vec![Named {
            name: Some("x".to_owned()),
            tensor: Tensor::int(&[1, 3], vec![10, 0, 4]).unwrap(),
        }],
    };
    assert!(quantize(&net.bytes(), &outside).is_err());
}

/// The matrix that scores words is the one that embeds them: one parameter, and a vocabulary that
/// no table counts.
#[test]
fn a_tied_output_is_one_parameter() {
    let words = 5000;
    let mut net = varied(Net::new(), "table", &[words, 4])
        .node("Gather", "table x", "e")
        .node("Relu", "e", "h")
        .node("Transpose", "table", "turned")
        .node("MatMul", "h turned", "y")
        .output("y");
    let input = &mut net.graph().input[0];
    *input = crate::common::value_info("x", &[1, 3]);
    use tract_onnx::pb::type_proto::Value::TensorType;
    if let Some(TensorType(tensor)) = input.r#type.as_mut().unwrap().value.as_mut() {
        tensor.elem_type = 7;
    }
    let ids = [4999, 0, 2500];
    let samples = Samples {
        arrays: vec![Named {
            name: Some("x".to_owned()),
            tensor: Tensor::int(&[1, 3], ids.to_vec()).unwrap(),
        }],
    };
    let mut options = Options::default();
    options.table_bits = Some(12);
    let compiled = compile(&Model::new(&net.bytes()), &options, &samples).unwrap();
    let matrices = compiled.params.values.values();
    assert_eq!(matrices.filter(|values| values.len() == 20_000).count(), 1);
    let floats = run_float(&Model::new(&net.bytes()), &options, &samples).unwrap();
    let ids = ids.map(|id| id as i32).to_vec();
    let values = eval(&compiled.graph, &compiled.params, &[ids]).unwrap();
    let out = compiled.outputs[0].dequantize(values.outputs().next().unwrap().iter());
    let float = floats[0][0].floats().unwrap();
    let most = float.iter().fold(0.0_f32, |most, v| most.max(v.abs()));
    for (made, float) in out.iter().zip(float) {
        assert!((made - float).abs() < 0.02 * most, "{made} {float}");
    }
}

/// Inputs that no sample looks like: at the ends of their range, each with the sign of its weight.
#[test]
fn the_bound_of_a_contraction_holds_at_its_worst_input() {
    let (bytes, samples) = bundled("mlp-128");
    let mut options = Options::default();
    options.table_bits = Some(12);
    let compiled = compile(&Model::new(&bytes), &options, &samples).unwrap();
    let (w, values) = compiled.params.values.iter().next().unwrap();
    assert_eq!(compiled.graph.tensor(*w).shape, [784, 128]);
    for column in 0..128 {
        for sign in [1, -1] {
            let row = (0..784).map(|k| 127 * sign * values[k * 128 + column].signum());
            eval(&compiled.graph, &compiled.params, &[row.collect()]).unwrap();
        }
    }
}
