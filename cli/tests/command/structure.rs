//! Whether an integer graph is the plan's model: chains of real proofs by a publisher who writes
//! graph, lists and profile himself, and uses the command for all the rest.

use crate::chain::{FILES, answer, chain, commit, compile, planned, prove_relayout, prove_tiles};
use crate::support::{BEACON, Folder, Run, example, run};
use nascent_compiler::infer::Profile;
use nascent_ir::{Builder, CheckedGraph, Op, Origins, Params, TensorId};
use nascent_verifier::Chain;
use nascent_verifier::chain::Attachments;
use nascent_verifier::codec::Format;
use serde_json::Value;
use std::fs;

/// Everything that can be given; the model is the one that the plan was made from.
fn verify(folder: &Folder, more: &[&str]) -> Run {
    let model = example("lenet5-average.onnx");
    let verify = ["verify", "chain", "--expect", "chain", "--development-srs"];
    let given = ["--plan", "plan", "--model", &model, "--rules", "rules.toml"];
    let value = ["--beacon-value", BEACON];
    let all = [&verify[..], &given, &value, more, &["--json"]].concat();
    // A machine that has derived no key yet.
    folder.run_with(&folder.path(&format!("cache{}", more.len())), &all)
}

/// The step of the only version's weights.
fn weights(verified: &Value) -> &Value {
    let mut steps = verified["steps"].as_array().expect("a list").iter();
    let found = steps.find(|step| step["step"] == "model 'initial'");
    found.expect("a step")
}

/// The step of the only answer.
fn answered(verified: &Value) -> &Value {
    let mut steps = verified["steps"].as_array().expect("a list").iter();
    steps
        .find(|step| step["step"] == "answer 1")
        .expect("a step")
}

fn says(step: &Value, list: &str, part: &str) -> bool {
    step[list].to_string().contains(part)
}

/// The model folder, edited by its publisher, who keeps lists and profile in agreement with the graph.
fn edit(folder: &Folder, change: impl FnOnce(&mut CheckedGraph, &mut Params, &mut Origins)) {
    let file = |name: &str| folder.path(&format!("m/{name}"));
    let read = |name: &str| fs::read(file(name)).expect("read");
    let mut graph = CheckedGraph::decode(&read("model.graph")).expect("a graph");
    let mut params = Params::decode(&read("model.params")).expect("parameters");
    let mut origins = Origins::decode(&read("model.origins")).expect("origins");
    change(&mut graph, &mut params, &mut origins);
    let architecture = graph.digest().expect("encoded");
    origins.architecture = architecture;
    let mut profile = Profile::decode(&read("model.profile")).expect("a profile");
    profile.architecture = architecture;
    let write = |name: &str, bytes: Vec<u8>| fs::write(file(name), bytes).expect("written");
    write("model.graph", graph.encode().expect("encoded"));
    write("model.params", params.encode().expect("encoded"));
    write("model.origins", origins.encode().expect("encoded"));
    write("model.profile", profile.encode().expect("encoded"));
}

/// Commitment, relayout and answer of what the folder holds now, in one chain: the refusal, if the
/// publisher's own command refuses it.
fn proved(folder: &Folder) -> Run {
    for name in ["initial.c", "r", "r.links", "a", "a.links"] {
        let _ = fs::remove_file(folder.path(name));
    }
    commit(folder, "m", "initial.c");
    let links = ["--commitment", "deviates.c", "--commitment", "initial.c"];
    let links = [&links[..], &["--opening", "o", "--out", "r"]].concat();
    let relayout = prove_relayout(folder, &links);
    if relayout.code != 0 {
        return relayout;
    }
    answer(folder, "m", "a", "initial.c");
    chain(folder, &FILES, &[])
}

/// A graph made again node by node, some of its nodes another one.
fn rebuilt(graph: &CheckedGraph, other: impl Fn(TensorId, &Op) -> Option<Op>) -> CheckedGraph {
    let mut builder = Builder::new(&graph.name, graph.table_bits).weight_bits(graph.weight_bits);
    for table in &graph.tables {
        builder.table(table.clone());
    }
    for node in &graph.nodes {
        let info = graph.tensor(node.output);
        let op = other(node.output, &node.op).unwrap_or_else(|| node.op.clone());
        let made = match op {
            Op::Input => builder.input(&node.name, &info.shape, info.range),
            Op::Param => builder.param(&node.name, &info.shape, info.range),
            Op::Constant { values } => builder.constant(&node.name, &info.shape, values),
            op => builder.push(&node.name, op),
        };
        assert_eq!(made.expect("valid"), node.output);
    }
    builder.finish(&graph.outputs).expect("checked")
}

/// The honest chain, and what is said of it with all and with less at hand; then one whose graph is
/// not the model: every proof, link and key holds, and each deviate is in its place.
#[test]
fn a_graph_that_is_not_the_model_is_refused() {
    let folder = Folder::new();
    let k = planned(&folder);
    prove_tiles(&folder, k);
    proved(&folder).exits(0);
    let honest = verify(&folder, &["--rederive-key"]).exits(0).json();
    let step = weights(&honest);
    assert_eq!(step["title"], "MODEL 'initial' has the initial weights");
    assert_eq!(step["nature"], "proved");
    assert_eq!(honest["versions"][0]["has_the_initial_weights"], true);
    assert!(says(
        step,
        "shows",
        "the integer graph is the model that you gave"
    ));
    assert!(says(step, "shows", "25 are public"), "{step}");
    let open = step["leaves_open"].as_array().expect("a list");
    assert_eq!(open.len(), 1, "{step}");
    assert!(open[0].to_string().contains("profile's steps"), "{step}");
    // The ranges that a proof speaks of, and those that the verifier checked.
    let ranges = "public inputs are in the ranges that the architecture declares";
    let answer = answered(&honest);
    assert!(says(answer, "shows", ranges), "{answer}");
    assert!(says(answer, "shows", "of its parameters, matrices in"));
    // Without the model, nothing is said of the model.
    let plain = ["verify", "chain", "--development-srs", "--rederive-key"];
    let plain = [&plain[..], &["--beacon-value", BEACON]].concat();
    let without = run(&folder, &plain, &[]).exits(0).json();
    let step = weights(&without);
    assert_eq!(step["nature"], "partly");
    assert_eq!(without["versions"][0]["has_the_initial_weights"], false);
    assert!(
        !step["title"]
            .to_string()
            .contains("has the initial weights")
    );
    assert!(says(step, "leaves_open", "--model"), "{step}");
    // Nor where the keys are the publisher's word; and the exit code says so.
    let open = verify(&folder, &["--accept-keys"]).exits(0).json();
    assert_eq!(weights(&open)["nature"], "partly");
    // By keys that nobody knows to be the circuits' no proof shows anything.
    let by_proofs = |json: &Value| -> Vec<(Value, bool)> {
        let steps = json["steps"].as_array().expect("a list").iter();
        let named = |step: &Value| {
            let name = step["step"].as_str().expect("a name");
            ["initial weights", "commitment", "answer 1"].contains(&name)
        };
        let steps = steps.filter(|step| named(step));
        let unless = "any of it, unless the verifying keys are their circuits'";
        let each = steps.map(|step| (step["nature"].clone(), says(step, "leaves_open", unless)));
        each.collect()
    };
    assert_eq!(by_proofs(&honest), vec![("proved".into(), false); 3]);
    assert_eq!(by_proofs(&open), vec![("partly".into(), true); 3]);
    // A beacon in words has no evidence: nobody but the caller can say that the value is its.
    let beacon = |json: &Value| {
        let steps = json["steps"].as_array().expect("a list");
        let mut named = steps.iter().filter(|step| step["step"] == "beacon");
        named.next().expect("a step")["nature"].clone()
    };
    assert_eq!(beacon(&honest), "public");
    let nobody = ["verify", "chain", "--development-srs", "--rederive-key"];
    let nobody = run(&folder, &nobody, &[]).exits(6).json();
    assert_eq!(beacon(&nobody), "declared");
    let open = verify(&folder, &[]).exits(6).json();
    assert!(open["not_shown"].to_string().contains("keys"), "{open}");
    // An answer by itself, against the model.
    let model = example("lenet5-average.onnx");
    let alone = [
        "verify",
        "a",
        "--expect",
        "answer",
        "--development-srs",
        "--rederive-key",
    ];
    let given = [
        "--model",
        &model,
        "--profile",
        "m/model.profile",
        "--plan",
        "plan",
    ];
    // Nothing but a relayout holds its multipliers and biases.
    let shown = run(&folder, &alone, &given).exits(6).json();
    assert_eq!(shown["model_shown"], true);
    assert!(shown["not_shown"].to_string().contains("relayout"));
    run(&folder, &alone, &given[..4]).failure(1, "refused");
    let other = example("lenet5-max.onnx");
    let given = [
        "--model",
        &other,
        "--profile",
        "m/model.profile",
        "--plan",
        "plan",
    ];
    run(&folder, &alone, &given).failure(1, "refused");

    // What is attached may be left out: then less is shown, and said.
    let bytes = fs::read(folder.path("chain")).expect("read");
    let whole = Chain::decode(&bytes).expect("a chain");
    let mut less = whole.clone();
    less.attachments = Attachments {
        keys: whole.attachments.keys.clone(),
        ..Attachments::default()
    };
    folder.write("chain", &less.encode().expect("valid"));
    let bare = ["verify", "chain", "--development-srs", "--accept-keys"];
    let bare = [&bare[..], &["--beacon-value", BEACON]].concat();
    let bare = run(&folder, &bare, &[]).exits(0).json();
    let step = weights(&bare);
    assert_eq!(step["nature"], "partly");
    assert!(
        says(step, "leaves_open", "which numbers these are"),
        "{step}"
    );
    let answer = answered(&bare);
    assert!(says(answer, "leaves_open", ranges), "{answer}");
    assert!(!says(answer, "shows", ranges), "{answer}");
    let open = verify(&folder, &["--accept-keys"]).exits(6).json();
    assert!(open["not_shown"].to_string().contains("profile"), "{open}");

    // A graph that is lowered again does for one that is left out: the ranges are checked all the same.
    let mut less = whole.clone();
    less.attachments.architectures.clear();
    folder.write("chain", &less.encode().expect("valid"));
    let lowered = verify(&folder, &["--accept-keys"]).exits(0).json();
    let answer = answered(&lowered);
    assert!(says(answer, "shows", ranges), "{answer}");

    // The functions of the integer graph exchanged: another model of the same weights.
    edit(&folder, |graph, _, _| {
        let mut other = (*graph).clone().into_inner();
        let values = &mut other.tables[0].values;
        let least = values.iter().copied().min().expect("a table");
        values
            .iter_mut()
            .take(400)
            .for_each(|value| *value = least + 1);
        *graph = other.check().expect("ranges stay");
    });
    proved(&folder).exits(0);
    let refused = verify(&folder, &["--rederive-key"]).failure(1, "refused");
    assert!(
        refused.contains("weights 'initial'") && refused.contains("another integer graph"),
        "{refused}"
    );
    // All that is left to say without the model.
    let without = run(&folder, &plain, &[]).exits(0).json();
    assert_eq!(weights(&without)["nature"], "partly");
}

/// A matrix moved into the graph as a constant, with numbers of the publisher's; matrices left out of the
/// list; one deviate for a whole matrix.
#[test]
fn every_deviate_is_used_once_and_the_rest_is_counted() {
    let folder = Folder::new();
    let k = planned(&folder);
    prove_tiles(&folder, k);
    let models: Vec<(String, Vec<u8>)> = [
        "model.graph",
        "model.params",
        "model.origins",
        "model.profile",
    ]
    .iter()
    .map(|name| format!("m/{name}"))
    .map(|path| (path.clone(), fs::read(folder.path(&path)).expect("read")))
    .collect();
    let restore = || {
        models
            .iter()
            .for_each(|(path, bytes)| _ = folder.write(path, bytes))
    };
    let refusal = |part: &str| {
        let refused = proved(&folder);
        assert!([1, 3].contains(&refused.code), "{}", refused.stdout);
        assert!(refused.stdout.contains(part), "{}", refused.stdout);
        restore();
    };
    // Stride zero.
    edit(&folder, |graph, params, origins| {
        let origin = &mut origins.params[2];
        origin.strides.fill(0);
        let same = params.values[&origin.param][0];
        let elements = graph.tensor(origin.param).elements();
        params.values.insert(origin.param, vec![same; elements]);
    });
    refusal("more than once");
    // Left out.
    edit(&folder, |_, _, origins| origins.params.truncate(1));
    refusal("element");
    // A constant in its place.
    edit(&folder, |graph, params, origins| {
        let last = origins.params.pop().expect("a matrix").param;
        let values: Vec<i32> = (0..graph.tensor(last).elements() as i32)
            .map(|i| i % 9 - 4)
            .collect();
        params.values.remove(&last);
        *graph = rebuilt(graph, |id, _| {
            (id == last).then(|| Op::Constant {
                values: values.clone(),
            })
        });
    });
    refusal("element");
}

/// A checkpoint's graph is the model's too; nothing is said of its weights.
#[test]
fn a_checkpoint_is_a_model_with_some_weights() {
    let folder = Folder::new();
    compile(&folder, &example("lenet5-average.onnx"), &["--out", "m"]);
    commit(&folder, "m", "trained.c");
    answer(&folder, "m", "a", "trained.c");
    let verify = |model: &str, more: &[&str]| {
        let verify = ["verify", "a", "--development-srs", "--rederive-key"];
        let given = ["--model", model, "--profile", "m/model.profile"];
        run(&folder, &[&verify[..], &given].concat(), more)
    };
    let shown = verify(&example("lenet5-average.onnx"), &[]).exits(0).json();
    assert_eq!(shown["model_shown"], true);
    assert_eq!(shown["key_origin"], "rederived");
    let refused = verify(&example("lenet5-max.onnx"), &[]).failure(1, "refused");
    assert!(refused.contains("lowering"), "{refused}");
    // The key is known from now on.
    let again = ["verify", "a", "--development-srs"];
    let again = run(&folder, &again, &[]).exits(0).json();
    assert_eq!(again["key_origin"], "made-here");
}
