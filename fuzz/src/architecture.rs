//! Architectures: one encoding; whatever they ask for, planning keeps to its budget; what can be laid out
//! is laid out soundly, and its circuit computes what the reference does.

use nascent_circuits::inference::plan::layout::Layout;
use nascent_circuits::inference::plan::{Budget, choose_within, plan_within};
use nascent_circuits::inference::{Hidden, InferenceCircuit, Salts, Shape};
use nascent_ir::{Builder, CheckedGraph, Graph, Op, Params, TensorId, TensorInfo, eval};
use nascent_verifier::FormatError;

/// Bytes before the value of a file.
const HEADER: usize = 10;
/// Memory for a layout; the fuzzer's limit says whether it was kept to.
const BUDGET: Budget = Budget(256 << 20);
/// Larger graphs are only planned.
const MAX_ELEMENTS: u64 = 1 << 12;
const MAX_PRODUCTS: u64 = 1 << 20;
/// Larger circuits are only planned.
const MAX_K: u32 = 11;

/// Decodes, lays out with values public and hidden, and computes.
///
/// Ranges and shapes follow from the operators, so that hardly any change of a file is a graph. Of
/// one that is not, the nodes are taken as they are, and what follows is derived.
pub fn run(data: &[u8]) {
    let Some(graph) = graph(data) else { return };
    let encoded = graph.encode().expect("a graph");
    let again = CheckedGraph::decode(&encoded).expect("what was encoded");
    assert_eq!(again.digest(), graph.digest());
    assert_eq!(again, graph);
    let cost = graph.cost();
    let small = cost.elements <= MAX_ELEMENTS && cost.products <= MAX_PRODUCTS;
    for hides in [false, true] {
        let hidden = Hidden {
            inputs: hides,
            outputs: hides,
        };
        let planned = plan(&graph, hidden);
        if let Some((layout, shape)) = planned.filter(|(_, shape)| small && shape.k <= MAX_K) {
            lay_out(&graph, layout, shape);
        }
    }
}

/// The graph that is encoded, or one of its nodes.
pub(crate) fn graph(data: &[u8]) -> Option<CheckedGraph> {
    match CheckedGraph::decode(data) {
        Ok(graph) => {
            let encoded = graph.encode().expect("a graph that was decoded");
            assert_eq!(encoded, data, "a second encoding");
            Some(graph)
        }
        Err(FormatError::Invalid(_)) => mend(&data[HEADER..]),
        Err(_) => None,
    }
}

/// The layout, in as much memory as a stranger's graph may take.
pub(crate) fn plan(graph: &CheckedGraph, hidden: Hidden) -> Option<(Layout, Shape)> {
    let lanes = choose_within(graph, hidden, BUDGET).ok()?;
    let layout = plan_within(graph, lanes, hidden, BUDGET).ok()?;
    assert!(layout.memory <= BUDGET.0, "beyond the budget");
    let shape = layout.shape(None).ok()?;
    Some((layout, shape))
}

/// A graph of these nodes, as far as they can be computed.
fn mend(payload: &[u8]) -> Option<CheckedGraph> {
    let (graph, _) = postcard::take_from_bytes::<Graph>(payload).ok()?;
    // A builder's own to keep.
    if !(2..=16).contains(&graph.table_bits) {
        return None;
    }
    let mut builder = Builder::new(&graph.name, graph.table_bits).weight_bits(graph.weight_bits);
    for table in graph.tables {
        builder.table(table);
    }
    let mut last = None;
    for (node, info) in graph.nodes.into_iter().zip(graph.tensors) {
        let made = match node.op {
            Op::Input => builder.input(&node.name, &info.shape, info.range),
            Op::Param => builder.param(&node.name, &info.shape, info.range),
            Op::Constant { values } => builder.constant(&node.name, &info.shape, values),
            op => builder.push(&node.name, op),
        };
        match made {
            Ok(tensor) => last = Some(tensor),
            Err(_) => break,
        }
    }
    let all = |id: &TensorId| last.is_some_and(|last| *id <= last);
    let outputs: Vec<TensorId> = graph.outputs.into_iter().filter(all).collect();
    match outputs.is_empty() {
        true => builder.finish(&[last?]).ok(),
        false => builder.finish(&outputs).ok(),
    }
}

fn lay_out(graph: &CheckedGraph, layout: Layout, shape: Shape) {
    let circuit = InferenceCircuit::new(layout.into(), shape);
    assert_eq!(circuit.check(), Ok(()), "not a circuit");
    for step in [0, 1, 7919] {
        compute(graph, &circuit, step);
    }
}

/// Values of a tensor's range, the least alone, or spread over it.
fn values(info: &TensorInfo, step: i64) -> Vec<i32> {
    let width = info.range.hi - info.range.lo + 1;
    let value = |i: usize| info.range.lo + (i as i64 * step) % width;
    (0..info.elements()).map(|i| value(i) as i32).collect()
}

fn compute(graph: &CheckedGraph, circuit: &InferenceCircuit, step: i64) {
    let of = |id| values(graph.tensor(id), step);
    let params = Params {
        values: graph.params().map(|id| (id, of(id))).collect(),
        ..Params::default()
    };
    let inputs: Vec<Vec<i32>> = graph.inputs.iter().map(|&id| of(id)).collect();
    let given: Vec<i64> = inputs.iter().flatten().map(|&x| x.into()).collect();
    let expected = eval(graph, &params, &inputs);
    let witness = circuit.with_witness(&params, &given, Salts::default());
    match (expected, witness) {
        (Ok(expected), Ok((_, outputs))) => {
            let expected: Vec<i64> = expected
                .outputs()
                .flat_map(|slice| slice.to_vec())
                .collect();
            assert_eq!(outputs, expected, "not what the reference computes");
        }
        // An argument outside of a table that a bound was assumed for.
        (Err(_), Err(_)) => {}
        (Ok(_), Err(error)) => panic!("the circuit refuses: {error}"),
        (Err(error), Ok(_)) => panic!("only the reference refuses: {error}"),
    }
}
