//! From a plan to weights that an inference uses, and the proof that they are the same.

use crate::support::{BEACON, Folder, RULES, example};
use nascent_ir::{
    Builder, CheckedGraph, Embed, Graph, Map, MatMul, Multiplier, Op, Origins, Params, Pre,
    PublicParam, Range, Table, TensorId,
};
use nascent_verifier::codec::Format;
use nascent_verifier::{RelayoutBundle, RelayoutTile};
use std::fs;

/// A folder with a plan, its weights as ONNX and as safetensors, and the compiled model.
fn compiled() -> Folder {
    let folder = Folder::new();
    folder.write("rules.toml", RULES.as_bytes());
    let model = example("lenet5-average.onnx");
    let plan = ["plan", &model, "--rules", "rules.toml", "--public-seed"];
    let plan = [&plan[..], &["--beacon", "x", "--out", "plan"]].concat();
    folder.json(&plan).exits(0);
    let init = ["init", "plan", "--beacon-value", BEACON, "--weights", "w"];
    let init = [&init[..], &["--model", &model, "--onnx", "filled.onnx"]].concat();
    folder.json(&init).exits(0);
    let made = compile(&folder, &["filled.onnx", "--out", "m"]).exits(0);
    assert_eq!(made.json()["derived_weights"], 61_470);
    folder
}

fn compile(folder: &Folder, more: &[&str]) -> crate::support::Run {
    let samples = example("lenet5-average.samples.npz");
    let compile = ["compile", "--samples", &samples, "--plan", "plan"];
    folder.json(&[&compile[..], more].concat())
}

fn prove(folder: &Folder, more: &[&str]) -> crate::support::Run {
    let prove = ["prove", "relayout", "m", "--plan", "plan"];
    let prove = [&prove[..], &["--development-srs", "--out", "r"], more].concat();
    folder.json(&prove)
}

fn verify(folder: &Folder, more: &[&str]) -> crate::support::Run {
    let verify = ["verify", "r", "--development-srs"];
    folder.json(&[&verify[..], more].concat())
}

#[test]
fn derived_weights_are_compiled_and_tied_to_their_tiles() {
    let folder = compiled();
    // The weights of the safetensors file, put into the model here, give the same files.
    let model = example("lenet5-average.onnx");
    compile(&folder, &[&model, "--weights", "w", "--out", "n"]).exits(0);
    for name in ["model.graph", "model.params", "model.origins"] {
        let [a, b] = ["m", "n"].map(|f| fs::read(folder.path(f).join(name)).expect("read"));
        assert!(a == b, "{name}");
    }
    let made = prove(&folder, &["--beacon-value", BEACON]).exits(0).json();
    let bundle = RelayoutBundle::decode(&fs::read(folder.path("r")).expect("read"));
    let statement = bundle.expect("a relayout").statement;
    let first = RelayoutTile {
        stream: 0,
        index: 0,
        lanes: 31,
    };
    assert_eq!(statement.tiles[0], first);
    assert_eq!(made["k"], statement.k);

    let given = verify(&folder, &["--accept-keys"]).exits(0).json();
    assert_eq!(given["key_rederived"], false);
    let files = [
        "--architecture",
        "m/model.graph",
        "--origins",
        "m/model.origins",
    ];
    let files = [&files[..], &["--plan", "plan"]].concat();
    let derive = [&files[..], &["--rederive-key"]].concat();
    // That the tiles are this plan's, their commitment would say.
    let derived = verify(&folder, &derive).exits(6).json();
    let open = derived["not_shown"].to_string();
    assert!(open.contains("--commitment"), "{open}");
    assert_eq!(derived["key_origin"], "rederived");
    assert_eq!(derived["vk_digest"], given["vk_digest"]);
    folder.json(&["verify", "r"]).failure(1, "refused");
    let inspected = folder.json(&["inspect", "r"]).exits(0).json();
    assert_eq!(inspected["kind"], "relayout");

    // Another beacon value, another plan, a weight that is another.
    let message = prove(&folder, &["--beacon-value", "00", "--force"]);
    let message = message.failure(3, "input");
    assert!(message.contains("is not the deviate"), "{message}");
    folder.write("other.toml", RULES.replace("= 5", "= 4").as_bytes());
    let other = ["plan", &model, "--rules", "other.toml", "--public-seed"];
    let other = [&other[..], &["--beacon", "x", "--out", "other"]].concat();
    folder.json(&other).exits(0);
    let elsewhere = ["--plan", "other", "--architecture", "m/model.graph"];
    let elsewhere = [&elsewhere[..], &["--origins", "m/model.origins"]].concat();
    let message = verify(&folder, &elsewhere).failure(1, "refused");
    assert!(message.contains("another plan"), "{message}");
    let mut bytes = fs::read(folder.path("r")).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    folder.write("r", &bytes);
    verify(&folder, &[]).failure(1, "refused");
}

/// A checkpoint beside its model is what the same weights in the model are.
#[test]
fn checkpoints_are_compiled_from_safetensors() {
    let folder = compiled();
    let (model, samples) = (
        example("lenet5-average.onnx"),
        example("lenet5-average.samples.npz"),
    );
    let compile = |model: &str, more: &[&str]| {
        let compile = ["compile", model, "--samples", &samples];
        folder.json(&[&compile[..], more].concat())
    };
    compile(&model, &["--weights", "w", "--out", "a"]).exits(0);
    compile("filled.onnx", &["--out", "b"]).exits(0);
    let [a, b] = ["a", "b"].map(|f| fs::read(folder.path(f).join("model.params")).expect("read"));
    assert!(a == b);
    let other = example("mlp-128.onnx");
    let samples = example("mlp-128.samples.npz");
    let mismatch = ["compile", &other, "--samples", &samples, "--weights", "w"];
    folder
        .json(&[&mismatch[..], &["--out", "c"]].concat())
        .failure(3, "input");
}

#[test]
fn models_that_are_not_the_plans_are_refused() {
    let folder = Folder::new();
    folder.write("rules.toml", RULES.as_bytes());
    let model = example("lenet5-average.onnx");
    let plan = ["plan", &model, "--rules", "rules.toml", "--public-seed"];
    let plan = [&plan[..], &["--beacon", "x", "--out", "plan"]].concat();
    folder.json(&plan).exits(0);
    // Weights of another origin.
    let message = compile(&folder, &[&model, "--out", "m"]).failure(3, "input");
    assert!(message.contains("the plan"), "{message}");
    // Another architecture.
    let other = example("mlp-128.onnx");
    let message = compile(&folder, &[&other, "--out", "m"]).failure(3, "input");
    assert!(message.contains("another graph"), "{message}");
    // Random biases.
    folder.write("torch.toml", RULES.replace("he-normal", "torch").as_bytes());
    let torch = ["plan", &model, "--rules", "torch.toml", "--public-seed"];
    let torch = [&torch[..], &["--beacon", "x", "--out", "plan", "--force"]].concat();
    folder.json(&torch).exits(0);
    let init = ["init", "plan", "--beacon-value", BEACON, "--model", &model];
    folder
        .json(&[&init[..], &["--onnx", "filled.onnx"]].concat())
        .exits(0);
    let message = compile(&folder, &["filled.onnx", "--out", "m"]).failure(3, "input");
    assert!(message.contains("the plan samples it"), "{message}");
    // Bits are the plan's.
    let bits = ["filled.onnx", "--out", "m", "--weight-bits", "8"];
    compile(&folder, &bits).exits(2);
}

/// What the attacks below read and write of the folder `m`.
struct Files<'a> {
    folder: &'a Folder,
    graph: CheckedGraph,
    params: Params,
    origins: Origins,
}

impl<'a> Files<'a> {
    fn read(folder: &'a Folder) -> Self {
        let read = |name: &str| fs::read(folder.path("m").join(name)).expect("read");
        let graph = Graph::decode(&read("model.graph")).expect("a graph");
        Self {
            folder,
            graph: graph.check().expect("checked"),
            params: Params::decode(&read("model.params")).expect("parameters"),
            origins: Origins::decode(&read("model.origins")).expect("origins"),
        }
    }

    /// Writes all, with the digests made right.
    fn write(mut self) {
        self.origins.architecture = self.graph.digest().expect("valid");
        let write = |name: &str, bytes: Vec<u8>| {
            fs::write(self.folder.path("m").join(name), bytes).expect("written");
        };
        write("model.origins", self.origins.encode().expect("valid"));
        write("model.params", self.params.encode().expect("valid"));
        write(
            "model.graph",
            self.graph.into_inner().encode().expect("valid"),
        );
    }
}

/// What is said of a proof of the folder as it is: `coverage` of the verified relayout.
fn coverage(folder: &Folder) -> serde_json::Value {
    prove(folder, &["--beacon-value", BEACON, "--force"]).exits(0);
    let files = ["--architecture", "m/model.graph", "--plan", "plan"];
    let files = [&files[..], &["--origins", "m/model.origins"]].concat();
    verify(folder, &files).exits(6).json()["coverage"].clone()
}

/// One deviate for a whole matrix, or for each of its rows: there is no such relayout.
#[test]
fn origins_that_repeat_a_deviate_are_refused() {
    let folder = compiled();
    for axis in 0..2 {
        let mut files = Files::read(&folder);
        let honest = files.origins.clone();
        let last = files.origins.params.last_mut().expect("matrices");
        last.strides[axis] = 0;
        files.write();
        let message = prove(&folder, &["--beacon-value", BEACON]).failure(3, "input");
        assert!(message.contains("occurs more than once"), "{message}");
        let mut files = Files::read(&folder);
        files.origins = honest;
        files.write();
    }
}

/// Matrices left out of the list, or moved into the graph as constants: what is missing is said.
#[test]
fn matrices_without_an_origin_are_counted() {
    let folder = compiled();
    let whole = coverage(&folder);
    assert_eq!(whole["complete"], true);
    assert_eq!(whole["derived"], 61_470);
    assert_eq!(whole["chosen"], 0);
    assert_eq!(whole["constants"], 0);
    let files = Files::read(&folder);
    let numbers: usize = files.params.values.values().map(Vec::len).sum();
    assert_eq!(whole["public"], numbers - 61_470);

    let mut left_out = Files::read(&folder);
    left_out.origins.params.truncate(1);
    left_out.write();
    let said = coverage(&folder);
    assert_eq!(said["complete"], false);
    let missing = said["missing"].as_str().expect("words");
    assert!(missing.contains("is in no parameter"), "{missing}");

    let mut graph = files.graph.clone().into_inner();
    let mut moved = files;
    let param = moved.origins.params.pop().expect("matrices").param;
    let mut values = moved.params.values.remove(&param).expect("there");
    moved.params.scales.remove(&param);
    // Numbers of the attacker's, of the range that is declared.
    let range = graph.tensors[param.index()].range;
    values[0] = range.lo as i32;
    values[1] = range.hi as i32;
    graph.nodes[param.index()].op = Op::Constant { values };
    moved.graph = graph.check().expect("still a graph");
    moved.write();
    let said = coverage(&folder);
    assert_eq!(said["complete"], false);
}

/// An embedding's table of other numbers than the list has: the relayout holds it.
#[test]
fn tables_of_embeddings_are_held() {
    let folder = compiled();
    let mut files = Files::read(&folder);
    let mut origin = files.origins.params.last().expect("matrices").clone();
    let shape = files.graph.tensor(origin.param).shape.clone();
    let weights = files.params.values[&origin.param].clone();
    let (bits, weight_bits) = (files.graph.table_bits, files.graph.weight_bits);
    let mut b = Builder::new("g", bits).weight_bits(weight_bits);
    let narrow = Range::twos(bits.into());
    let keep = b.table(Table::identity(narrow, 0, narrow));
    let x = b
        .input("x", &[1, shape[1]], Range::new(-8, 7))
        .expect("valid");
    let ids = b.input("ids", &[2], Range::new(0, 6)).expect("valid");
    let w = b
        .param("w", &shape, Range::signed(weight_bits.into()))
        .expect("valid");
    let range = Range::signed(weight_bits.into());
    let table = b.param("table", &[7, 13], range).expect("valid");
    let product = MatMul {
        a: x,
        b: w,
        transpose_b: true,
    };
    let y = b.push("y", Op::MatMul(product)).expect("valid");
    let map = Map::requantize(Pre::of(y), Multiplier::Const(100), keep, bits);
    let y = b.push("r", Op::Map(map.assuming_bound())).expect("valid");
    let rows = b
        .push("rows", Op::Embed(Embed { table, ids }))
        .expect("valid");
    files.graph = b.finish(&[y, rows]).expect("checked");
    let listed: Vec<i32> = (0..7 * 13).collect();
    let held = |table_values: Vec<i32>| -> Params {
        let values: [(TensorId, Vec<i32>); 2] = [(w, weights.clone()), (table, table_values)];
        Params {
            values: values.into(),
            ..Params::default()
        }
    };
    origin.param = w;
    files.origins.params = vec![origin];
    files.origins.public = vec![PublicParam {
        param: table,
        values: listed.clone(),
    }];
    files.params = held(listed.iter().map(|value| 100 - value).collect());
    files.write();
    let message = prove(&folder, &["--beacon-value", BEACON]).failure(3, "input");
    assert!(message.contains("is not the public one"), "{message}");
    let mut files = Files::read(&folder);
    files.params = held(listed);
    files.write();
    let said = coverage(&folder);
    assert_eq!(said["complete"], false, "the other matrices");
}
