//! What a graph means, through files and the command: a publisher writes architecture, key and proof
//! himself, as the library lets anyone.

use crate::support::{Folder, Run};
use nascent_circuits::inference::Salts;
use nascent_circuits::inference::plan::{choose, plan};
use nascent_ir::{
    Builder, CheckedGraph, Map, MatMul, Op, Params, Pre, Range, Table, TensorId, View,
};
use nascent_params::{Silent, Srs};
use nascent_prover::inference::{InferenceError, InferenceKeys};
use nascent_verifier::codec::Format;
use nascent_verifier::{Digest32, InferenceBundle};
use rand_core::OsRng;
use std::sync::Arc;

const BITS: u8 = 6;

/// A builder with a table that leaves numbers as they are.
fn builder() -> (Builder, impl Fn(TensorId, Option<TensorId>) -> Op) {
    let mut builder = Builder::new("g", BITS).weight_bits(BITS);
    let all = Range::twos(BITS.into());
    let table = builder.table(Table::identity(all, 0, all));
    let map = move |a, b: Option<TensorId>| {
        let pre = Pre::Linear {
            a,
            ca: 1,
            b: b.map(|b| (b, -1)),
            c: 0,
        };
        Op::Map(Map::exact(pre, table).assuming_bound())
    };
    (builder, map)
}

/// Proves with the circuit of one graph what the architecture of another is said to give, and writes
/// bundle and key.
fn prove(
    folder: &Folder,
    circuit: &CheckedGraph,
    architecture: &Digest32,
    params: &Params,
    inputs: &[i64],
) -> Result<InferenceBundle, InferenceError> {
    let layout = plan(circuit, choose(circuit).expect("chosen")).expect("planned");
    let layout = Arc::new(layout);
    let shape = layout.shape(None).expect("fits");
    let srs = Srs::development(shape.k, &Silent).expect("made");
    let keys = InferenceKeys::generate(architecture, layout, shape, &srs).expect("keys");
    let vk = keys.verifying_key();
    let prefix = nascent_verifier::inference::prefix(architecture, vk.digest(), srs.identity());
    let made = keys.prove(&srs, params, inputs, &prefix, Salts::default(), OsRng)?;
    let bundle = InferenceBundle {
        architecture: *architecture,
        vk_digest: *vk.digest(),
        srs_digest: *srs.identity(),
        inputs: made.inputs,
        outputs: made.outputs,
        hidden_inputs: None,
        hidden_outputs: None,
        proof: made.proof,
    };
    folder.write("answer", &bundle.encode().expect("encoded"));
    folder.write("key", &vk.encode().expect("encoded"));
    Ok(bundle)
}

fn verify(folder: &Folder, more: &[&str]) -> Run {
    let verify = ["verify", "answer", "--development-srs"];
    folder.json(&[&verify[..], more].concat())
}

/// `x - y`, its inputs listed as `y, x`; the width of `y`'s range is given.
fn difference(most: i64) -> CheckedGraph {
    let (mut builder, map) = builder();
    let x = builder.input("x", &[2], Range::new(-8, 7)).expect("valid");
    let y = builder.input("y", &[2], Range::new(0, most));
    let z = builder.push("z", map(x, Some(y.expect("valid"))));
    let graph = builder.finish(&[z.expect("valid")]).expect("checked");
    let mut graph = graph.into_inner();
    graph.inputs.reverse();
    graph.check().expect("any order of inputs is one")
}

/// The order of the graph's list is that of values and of their ranges.
#[test]
fn inputs_are_those_of_the_list() {
    let (folder, graph) = (Folder::new(), difference(7));
    let digest = graph.digest().expect("encoded");
    folder.write("g", &graph.encode().expect("encoded"));
    let params = Params::default();
    // y, then x: -3 would not be in the range of y.
    let made = prove(&folder, &graph, &digest, &params, &[5, 6, -3, 2]).expect("proved");
    let values = nascent_ir::eval(&graph, &params, &[vec![5, 6], vec![-3, 2]]);
    let values = values.expect("evaluates");
    let expected: Vec<i64> = values.outputs().flat_map(|of| of.to_vec()).collect();
    assert_eq!((&made.outputs, &expected), (&vec![-8, -4], &expected));
    let verified = verify(&folder, &["--architecture", "g"]).exits(0).json();
    assert_eq!(verified["input_ranges_checked"], true);
    // The other way round the ranges are broken.
    let made = prove(&folder, &graph, &digest, &params, &[-3, 2, 5, 6]).expect("proved");
    assert_eq!(made.outputs, [8, 4]);
    let message = verify(&folder, &["--architecture", "g"]).failure(1, "refused");
    assert!(message.contains("input -3 of"), "{message}");
}

/// A public input outside of its range: refused with the architecture, said to be open without.
#[test]
fn ranges_of_public_inputs_are_checked_or_open() {
    let (folder, graph) = (Folder::new(), difference(7));
    let digest = graph.digest().expect("encoded");
    folder.write("g", &graph.encode().expect("encoded"));
    let params = Params::default();
    prove(&folder, &graph, &digest, &params, &[9, 0, 0, 0]).expect("proved");
    let message = verify(&folder, &["--architecture", "g"]).failure(1, "refused");
    assert!(message.contains("input 9 of"), "{message}");
    let key = ["--key", "key", "--accept-keys"];
    let verified = verify(&folder, &key).exits(0).json();
    assert_eq!(verified["input_ranges_checked"], false);
    let words = folder.run(&["verify", "answer", "--development-srs", "--key", "key"]);
    let open = "public inputs lie in the ranges that the architecture declares: not looked at";
    assert!(words.stdout.contains(open), "{}", words.stdout);
}

/// Each level doubles a number that is declared to be zero, and some add it once more, until it is a
/// multiple modulo the field's order.
#[test]
fn a_tower_of_sums_is_refused() {
    for parameter in [false, true] {
        let (mut builder, map) = builder();
        let (zero, shape) = (Range::new(0, 0), [1]);
        let x = match parameter {
            true => builder.param("x", &shape, zero),
            false => builder.input("x", &shape, zero),
        };
        let x = x.expect("valid");
        let mut sum = x;
        for level in 0..254 {
            let parts = [vec![sum, sum], vec![sum, sum, x]];
            let xs = parts[level % 2].clone();
            let parts = builder.push("parts", Op::View(View::Concat { xs, axis: 0 }));
            let parts = parts.expect("valid");
            sum = builder
                .push("sum", Op::FoldSum { x: parts })
                .expect("valid");
        }
        let y = builder.push("y", map(sum, None)).expect("valid");
        let graph = builder.finish(&[y]).expect("checked");
        let folder = Folder::new();
        folder.write("g", &graph.encode().expect("encoded"));
        let bundle = InferenceBundle {
            architecture: graph.digest().expect("encoded"),
            vk_digest: [0; 32],
            srs_digest: *Srs::development(8, &Silent).expect("made").identity(),
            inputs: vec![0; usize::from(!parameter)],
            outputs: vec![0],
            hidden_inputs: None,
            hidden_outputs: None,
            proof: Vec::new(),
        };
        folder.write("answer", &bundle.encode().expect("encoded"));
        let message = verify(&folder, &["--architecture", "g"]).failure(3, "input");
        assert!(message.contains("too many sums of sums"), "{message}");
    }
}

/// Ternary weights are ternary: the circuit of the architecture has no room for others, and that of
/// wider ones is another.
#[test]
fn ternary_weights_are_ternary() {
    let graph = |most: i64| {
        let (mut builder, map) = builder();
        let x = builder.input("x", &[1, 2], Range::new(-3, 3));
        let w = builder.param("w", &[2, 2], Range::new(-most, most));
        let (a, b, transpose_b) = (x.expect("valid"), w.expect("valid"), false);
        let y = MatMul { a, b, transpose_b };
        let y = builder.push("y", Op::MatMul(y)).expect("valid");
        let z = builder.push("z", map(y, None)).expect("valid");
        (builder.finish(&[z]).expect("checked"), b)
    };
    let ((ternary, w), (wider, _)) = (graph(1), graph(2));
    let folder = Folder::new();
    folder.write("g", &ternary.encode().expect("encoded"));
    let digest = ternary.digest().expect("encoded");
    let mut params = Params::default();
    let (inputs, given) = ([1, 2], ["--architecture", "g"]);
    params.values.insert(w, vec![1, -1, 0, 1]);
    prove(&folder, &ternary, &digest, &params, &inputs).expect("proved");
    let verified = verify(&folder, &given).exits(0).json();
    let words = verified["parameter_ranges"].as_str().expect("words");
    assert!(words.starts_with("matrices in the ranges that the architecture declares"));
    params.values.insert(w, vec![2, -1, 0, 1]);
    let made = prove(&folder, &ternary, &digest, &params, &inputs);
    assert!(made.is_err(), "no lookup has a two");
    prove(&folder, &wider, &digest, &params, &inputs).expect("proved");
    verify(&folder, &given).failure(1, "refused");
    verify(&folder, &["--key", "key", "--accept-keys"]).exits(0);
}
