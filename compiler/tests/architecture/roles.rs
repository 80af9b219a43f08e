//! Which tensors are weights, with which fans: one small graph for each case.

use crate::common::{Net, float, int, ints, table, text};
use nascent_compiler::CompileError;
use nascent_compiler::roles::{Activation, Parameter, Role};

fn parameters(net: &Net) -> Vec<Parameter> {
    let model = net.compile().unwrap();
    model
        .tensors
        .into_iter()
        .map(|tensor| tensor.parameter)
        .collect()
}

fn fans(net: &Net) -> (u64, u64) {
    let fans = parameters(net)[0].fans.unwrap();
    (fans.fan_in, fans.fan_out)
}

fn activation(net: &Net) -> Activation {
    parameters(net)[0].activation
}

const RELU: Activation = Activation::Rectifier { slope: 0.0 };

#[test]
fn gemm_reads_its_transposition() {
    let net = Net::new().weight("w", &[10, 20]);
    assert_eq!(fans(&net.clone().node("Gemm", "x w", "y")), (10, 20));
    assert_eq!(
        fans(
            &net.clone()
                .node_with("Gemm", "x w", "y", vec![int("transB", 1)])
        ),
        (20, 10)
    );
    // The weight on the left: Y = A X.
    assert_eq!(fans(&net.clone().node("Gemm", "w x", "y")), (20, 10));
    assert_eq!(
        fans(&net.node_with("Gemm", "w x", "y", vec![int("transA", 1)])),
        (10, 20)
    );
}

#[test]
fn matmul_in_all_its_shapes() {
    let matmul = |dims: &[i64], inputs| Net::new().weight("w", dims).node("MatMul", inputs, "y");
    assert_eq!(fans(&matmul(&[10, 20], "x w")), (10, 20));
    assert_eq!(fans(&matmul(&[10, 20], "w x")), (20, 10));
    assert_eq!(fans(&matmul(&[3, 10, 20], "x w")), (10, 20));
    assert_eq!(fans(&matmul(&[10], "x w")), (10, 1));
}

#[test]
fn weights_behind_views() {
    let net = Net::new()
        .weight("w", &[20, 10])
        .ints("shape", &[10, -1])
        .node("Identity", "w", "a")
        .node_with("Transpose", "a", "b", vec![ints("perm", &[1, 0])])
        .node("MatMul", "x b", "y");
    assert_eq!(fans(&net), (10, 20));
    let net = Net::new()
        .weight("w", &[2, 5, 20])
        .ints("shape", &[10, -1])
        .node("Reshape", "w shape", "a")
        .node("MatMul", "x a", "y");
    assert_eq!(fans(&net), (10, 20));
    assert_eq!(parameters(&net)[0].dims, [2, 5, 20]);
}

#[test]
fn einsum_sums_over_its_fan_in() {
    let einsum = |equation| {
        let attrs = vec![text("equation", equation)];
        Net::new()
            .weight("w", &[10, 4, 5])
            .node_with("Einsum", "x w", "y", attrs)
    };
    assert_eq!(fans(&einsum("bsd,dhk->bshk")), (10, 20));
    assert_eq!(fans(&einsum("bshk , dhk -> bsd")), (20, 10));
    assert_eq!(fans(&einsum("dbs,dhk->dbk")), (4, 5));
    assert_eq!(fans(&einsum("...d,dhk->...hk")), (10, 20));
    assert!(matches!(
        einsum("bsd,dh->bsh").compile(),
        Err(CompileError::WeightShape { .. })
    ));
}

#[test]
fn convolutions() {
    let conv = |op, dims: &[i64]| fans(&Net::new().weight("w", dims).node(op, "x w", "y"));
    assert_eq!(conv("Conv", &[8, 4, 3]), (12, 24));
    assert_eq!(conv("Conv", &[8, 4, 3, 3]), (36, 72));
    assert_eq!(conv("Conv", &[8, 4, 3, 3, 3]), (108, 216));
    // Depthwise: the stored second dimension is in / groups.
    assert_eq!(conv("Conv", &[8, 1, 3, 3]), (9, 72));
    // Transposed: PyTorch's formula on (in, out / groups, kernel).
    assert_eq!(conv("ConvTranspose", &[8, 4, 2, 2]), (16, 32));
    let flat = Net::new().weight("w", &[8, 4]).node("Conv", "x w", "y");
    assert!(matches!(
        flat.compile(),
        Err(CompileError::WeightShape { .. })
    ));
}

#[test]
fn recurrent_layers() {
    let net = Net::new()
        .weight("w", &[1, 28, 5])
        .weight("r", &[1, 28, 7])
        .weight("b", &[1, 56])
        .weight("p", &[1, 21])
        .node_with("LSTM", "x w r b _ _ _ p", "y", vec![int("hidden_size", 7)]);
    let expected = "\
w [1, 28, 5] recurrent_input 5/28 normal(mean=0, std=0.246183)
r [1, 28, 7] recurrent_hidden 7/28 normal(mean=0, std=0.239046)
b [1, 56] recurrent_bias - constant(0)
p [1, 21] recurrent_bias - constant(0)
";
    assert_eq!(table(&net.compile().unwrap()), expected);
    // PyTorch: everything uniform within 1 / sqrt(hidden).
    let torch = table(&net.compile_with("preset = \"torch\"").unwrap());
    assert_eq!(torch.matches("uniform(-0.377964, 0.377964)").count(), 4);
    let wrong = Net::new()
        .weight("w", &[1, 27, 5])
        .weight("r", &[1, 28, 7])
        .node("LSTM", "x w r", "y");
    assert!(matches!(
        wrong.compile(),
        Err(CompileError::WeightShape { .. })
    ));
}

#[test]
fn normalizations() {
    let net = Net::new()
        .weight("k", &[4, 4, 1, 1])
        .weight("s", &[4])
        .weight("b", &[4])
        .weight("m", &[4])
        .weight("v", &[4])
        .weight("g", &[4])
        .weight("h", &[4])
        .weight("q", &[1])
        .node("Conv", "x k", "a")
        .node("BatchNormalization", "a s b m v", "c")
        .node("LayerNormalization", "c g h", "d")
        .node("PRelu", "d q", "y");
    let expected = "\
k [4, 4, 1, 1] conv 4/4 normal(mean=0, std=0.685994)
s [4] norm_scale - constant(1)
b [4] norm_bias - constant(0)
m [4] norm_mean - constant(0)
v [4] norm_variance - constant(1)
g [4] norm_scale - constant(1)
h [4] norm_bias - constant(0)
q [1] slope - constant(0.25)
";
    // The gain of a PReLU that starts at 0.25: sqrt(2 / 1.0625) / sqrt(4).
    assert_eq!(table(&net.compile().unwrap()), expected);
}

#[test]
fn layer_norm_written_out() {
    let net = Net::new()
        .weight("w", &[8, 8])
        .weight("gamma", &[8])
        .weight("beta", &[8])
        .scalar("two", 2.0)
        .scalar("eps", 1e-5)
        .node("MatMul", "x w", "h")
        .node("ReduceMean", "h", "mean")
        .node("Sub", "h mean", "centred")
        .node("Pow", "centred two", "squares")
        .node("ReduceMean", "squares", "variance")
        .node("Add", "variance eps", "shifted")
        .node("Sqrt", "shifted", "deviation")
        .node("Div", "centred deviation", "normed")
        .node("Mul", "normed gamma", "scaled")
        .node("Add", "scaled beta", "y");
    let model = net.compile().unwrap();
    let roles: Vec<_> = model.tensors.iter().map(|t| t.parameter.role).collect();
    assert_eq!(roles, [Role::Linear, Role::NormScale, Role::NormBias]);
    let names: Vec<_> = model.untouched.iter().map(|u| u.name.as_str()).collect();
    assert_eq!(names, ["eps", "two"]);
    let kept: Vec<_> = model.spec.kept.iter().map(|k| k.name.as_str()).collect();
    assert_eq!(kept, ["eps", "two"]);
}

#[test]
fn biases_are_found_behind_additions() {
    let net = Net::new()
        .weight("w", &[8, 6])
        .weight("b", &[6])
        .ints("shape", &[-1, 6])
        .node("MatMul", "x w", "h")
        .node("Reshape", "h shape", "flat")
        .node("Add", "b flat", "y");
    let model = net.compile_with("preset = \"torch\"").unwrap();
    let bias = &model.tensors[1].parameter;
    assert_eq!((bias.role, bias.owner_fan_in), (Role::Bias, Some(8)));
    // Within 1 / sqrt(8), from the fan-in of its weight.
    assert!(table(&model).contains("b [6] bias - uniform(-0.353553, 0.353553)"));
}

#[test]
fn embeddings() {
    let net = Net::new()
        .weight("table", &[100, 16])
        .ints("ids", &[1, 2])
        .node("Gather", "table ids", "y");
    assert_eq!(fans(&net), (16, 100));
    assert_eq!(parameters(&net)[0].role, Role::Embedding);
    let torch = net.compile_with("preset = \"torch\"").unwrap();
    assert!(table(&torch).contains("normal(mean=0, std=1.0"));
}

#[test]
fn activations_decide_the_gain() {
    let after = |nodes: &[(&str, &str, &str)]| {
        let mut net = Net::new()
            .weight("w", &[4, 4, 1, 1])
            .weight("s", &[4])
            .scalar("zero", 0.0)
            .scalar("six", 6.0)
            .node("Conv", "x w", "h");
        for (op, inputs, output) in nodes {
            net = net.node(op, inputs, output);
        }
        activation(&net)
    };
    assert_eq!(after(&[("Relu", "h", "y")]), RELU);
    assert_eq!(after(&[("Clip", "h zero six", "y")]), RELU);
    assert_eq!(after(&[("Clip", "h six", "y")]), Activation::Other);
    assert_eq!(after(&[("MaxPool", "h", "p"), ("Elu", "p", "y")]), RELU);
    assert_eq!(after(&[("Add", "h x", "a"), ("Relu", "a", "y")]), RELU);
    assert_eq!(
        after(&[("BatchNormalization", "h s s s s", "n"), ("Relu", "n", "y")]),
        RELU
    );
    assert_eq!(
        after(&[("Sigmoid", "h", "a"), ("Relu", "a", "y")]),
        Activation::Other
    );
    assert_eq!(
        after(&[("Conv", "h w", "a"), ("Relu", "a", "y")]),
        Activation::Other
    );
    assert_eq!(after(&[("Gelu", "h", "y")]), Activation::Other);
    let leaky = Net::new()
        .weight("w", &[4, 4, 1, 1])
        .node("Conv", "x w", "h")
        .node_with("LeakyRelu", "h", "y", vec![float("alpha", 0.2)]);
    assert_eq!(activation(&leaky), Activation::Rectifier { slope: 0.2 });
    // sqrt(2 / (1 + 0.04)) / sqrt(4)
    assert!(table(&leaky.compile().unwrap()).contains("std=0.693375"));
}

#[test]
fn inputs_are_weights_only_in_the_place_of_weights() {
    let net = Net::new()
        .input("w", &[4, 4, 1, 1])
        .node("Conv", "x w", "y");
    assert_eq!(net.compile().unwrap().inputs, ["x"]);
    // Declared as data, it is none.
    let rules = "inputs = [\"w\"]";
    assert!(matches!(
        net.compile_with(rules),
        Err(CompileError::NoWeights)
    ));
    // Used as data too, it is none.
    let both = net.node("Relu", "w", "z");
    assert!(matches!(both.compile(), Err(CompileError::NoWeights)));
    let unknown = Net::new().weight("w", &[2, 2]).node("MatMul", "x w", "y");
    let error = unknown.compile_with("inputs = [\"q\"]");
    assert!(matches!(error, Err(CompileError::NoSuchInput { .. })));
}

#[test]
fn order_is_that_of_first_use() {
    let net = Net::new()
        .weight("c", &[8, 8])
        .weight("a", &[8, 8])
        .weight("b", &[8, 8])
        .node("MatMul", "x b", "h")
        .node("MatMul", "h a", "i")
        .node("MatMul", "i b", "j")
        .node("MatMul", "j c", "y");
    let names: Vec<_> = parameters(&net).into_iter().map(|p| p.name).collect();
    assert_eq!(names, ["b", "a", "c"]);
}

#[test]
fn what_cannot_be_filled_is_refused() {
    let unknown = Net::new()
        .weight("w", &[4, 4])
        .weight("m", &[4, 4])
        .node("MatMul", "x w", "h")
        .node("Sub", "h m", "y");
    let error = unknown.compile().unwrap_err().to_string();
    assert!(
        error.contains("node \"#1\" (Sub, opset 17) reads the tensor \"m\""),
        "{error}"
    );
    let kept = unknown
        .compile_with("[[rule]]\nname = \"m\"\ninit = \"keep\"")
        .unwrap();
    assert_eq!(kept.untouched.len(), 1);
    let filled = unknown
        .compile_with("[[rule]]\nname = \"m\"\ninit = \"zeros\"")
        .unwrap();
    assert_eq!(filled.spec.tensors[1].name, "m");

    assert_eq!(kept.kept_floats(), 16);
    assert_eq!(
        (kept.spec.kept_floats(), kept.spec.kept_elements()),
        (16, 16)
    );
    assert_eq!(kept.spec.kept[0].name, "m");

    let quantized = Net::new()
        .ints("w", &[1, 2, 3])
        .scalar("scale", 1.0)
        .node("DequantizeLinear", "w scale", "d")
        .node("MatMul", "x d", "y");
    assert!(matches!(
        quantized.compile(),
        Err(CompileError::WeightForm { .. })
    ));
    let made = Net::new()
        .ints("shape", &[6, 4, 3, 3])
        .node("ConstantOfShape", "shape", "w")
        .node("Conv", "x w", "y");
    let error = made.compile();
    assert!(
        matches!(error, Err(CompileError::WeightForm { .. })),
        "{error:?}"
    );
    let empty = Net::new().weight("w", &[0, 4]).node("MatMul", "x w", "y");
    assert!(matches!(
        empty.compile(),
        Err(CompileError::Fill { .. } | CompileError::NoFan { .. })
    ));
}
