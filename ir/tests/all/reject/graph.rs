//! Order, counts, tables, inputs and outputs.

use super::*;

#[test]
fn table_bits() {
    for got in [0, 1, 17] {
        let error = refused(|graph| graph.table_bits = got);
        assert_eq!(error, GraphError::TableBits { got });
    }
}

#[test]
fn too_many_nodes_tables_elements_products() {
    let what = |error| match error {
        GraphError::TooMany { what, limit, got } => {
            assert!(got > limit);
            what
        }
        other => panic!("{other:?}"),
    };
    let nodes = refused(|graph| {
        graph.nodes = vec![graph.nodes[0].clone(); limits::MAX_NODES + 1];
    });
    assert_eq!(what(nodes), "nodes");
    let tables = refused(|graph| {
        graph.tables = vec![graph.tables[0].clone(); limits::MAX_TABLES + 1];
    });
    assert_eq!(what(tables), "tables");

    let mut b = Builder::new("huge", 8);
    let x = b.input("x", &[1], Range::signed(8)).unwrap();
    let shape = vec![limits::MAX_ELEMENTS as u32];
    let huge = b.push("a", Op::View(View::Expand { x, shape })).unwrap();
    for _ in 0..4 {
        b.push("more", b.graph().nodes[huge.index()].op.clone())
            .unwrap();
    }
    assert_eq!(what(b.finish(&[x]).unwrap_err()), "elements in all");

    let mut b = Builder::new("busy", 2);
    let x = b.input("x", &[1 << 14, 1 << 14], Range::new(0, 1)).unwrap();
    for _ in 0..5 {
        b.push("square", matmul(x, x)).unwrap();
    }
    assert_eq!(what(b.finish(&[x]).unwrap_err()), "elements in all");
    let mut b = Builder::new("busy", 2);
    let x = b.input("x", &[1, 1 << 24], Range::new(0, 1)).unwrap();
    let w = b.input("w", &[1 << 24, 16], Range::new(0, 1)).unwrap();
    let tall = b.input("tall", &[1 << 24, 16], Range::new(0, 1)).unwrap();
    b.push("fine", matmul(x, w)).unwrap();
    let transposed = |a| {
        Op::MatMul(MatMul {
            a,
            b: tall,
            transpose_b: true,
        })
    };
    // 2^24 x 2^24 results of one product of 16 numbers each.
    match b.push("wide", transposed(tall)) {
        Err(GraphError::Node { fault, .. }) => {
            assert!(matches!(
                fault,
                Fault::TooMany {
                    what: "elements",
                    ..
                }
            ));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn too_many_products() {
    let mut b = Builder::new("busy", 2);
    let x = b.input("x", &[1 << 10, 1 << 18], Range::new(0, 1)).unwrap();
    for _ in 0..64 {
        let op = MatMul {
            a: x,
            b: x,
            transpose_b: true,
        };
        b.push("gram", Op::MatMul(op)).unwrap();
    }
    // 2^10 * 2^10 * 2^18 * 64 = 2^44 products are accepted, one more is not.
    let mut more = b.clone();
    assert_eq!(
        b.finish(&[x]).unwrap().cost().products,
        limits::MAX_PRODUCTS
    );
    let one = more.input("one", &[1, 1], Range::new(0, 1)).unwrap();
    more.push("last", matmul(one, one)).unwrap();
    let error = more.finish(&[x]).unwrap_err();
    assert!(
        matches!(
            error,
            GraphError::TooMany {
                what: "products in all",
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn tensor_count() {
    let error = refused(|graph| _ = graph.tensors.pop());
    let (expected, got) = (7, 6);
    assert_eq!(error, GraphError::TensorCount { expected, got });
}

#[test]
fn weight_bits() {
    for got in [0, 1, 9, 17] {
        let error = refused(|graph| graph.weight_bits = got);
        assert_eq!(error, GraphError::WeightBits { limit: 8, got });
    }
}

#[test]
fn empty_table_and_table_domain() {
    let with = |lo: i32, len: usize| {
        refused(|graph| {
            graph.tables.push(Table {
                name: String::new(),
                lo,
                values: vec![0; len],
            });
        })
    };
    assert_eq!(with(0, 0), GraphError::EmptyTable { table: 1 });
    for (lo, len) in [
        (-128, 257),
        (-129, 2),
        (127, 2),
        (i32::MAX, 1),
        (i32::MIN, 3),
    ] {
        let got = Range::new(lo.into(), i64::from(lo) + len as i64 - 1);
        assert_eq!(with(lo, len), GraphError::TableDomain { table: 1, got });
    }
}

#[test]
fn table_range() {
    let error = refused(|graph| graph.tables[0].values[0] = -129);
    let got = Range::new(-129, 127);
    assert_eq!(error, GraphError::TableRange { table: 0, got });
}

#[test]
fn inputs() {
    let at = |error| match error {
        GraphError::Inputs { index, tensor, .. } => (index, tensor.0),
        other => panic!("{other:?}"),
    };
    assert_eq!(at(refused(|graph| _ = graph.inputs.pop())), (1, 3));
    assert_eq!(at(refused(|graph| graph.inputs.push(TensorId(0)))), (2, 0));
    assert_eq!(at(refused(|graph| graph.inputs[1] = TensorId(1))), (1, 1));
    assert_eq!(at(refused(|graph| graph.inputs[1] = TensorId(99))), (1, 99));
}

#[test]
fn outputs() {
    let with = |id: u32| match refused(|graph| graph.outputs.push(TensorId(id))) {
        GraphError::Outputs { index, reason, .. } => {
            assert_eq!(index, 1);
            reason
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(with(99), "does not exist");
    assert_eq!(with(6), "given twice");
    assert_eq!(with(5), "not narrow");
    let mut b = Builder::new("small contraction", 8);
    let x = b.input("x", &[1, 1], Range::new(0, 1)).unwrap();
    let y = b.push("y", matmul(x, x)).unwrap();
    match b.finish(&[y]) {
        Err(GraphError::Outputs { reason, .. }) => assert_eq!(reason, "a contraction"),
        other => panic!("{other:?}"),
    }
    assert_eq!(
        refused(|graph| graph.outputs.clear()),
        GraphError::NoOutputs
    );
}

#[test]
fn output_of_a_node() {
    let (index, fault) = refused_node(|graph| graph.nodes[5].output = TensorId(4));
    let (expected, got) = (TensorId(5), TensorId(4));
    assert_eq!((index, fault), (5, Fault::Output { expected, got }));
}

#[test]
fn cycles_later_and_missing_operands() {
    for operand in [5, 6, 99, u32::MAX].map(TensorId) {
        let (index, fault) = refused_node(|graph| graph.nodes[5].op = matmul(operand, TensorId(4)));
        assert_eq!((index, fault), (5, Fault::Unordered { operand }));
    }
}

#[test]
fn shapes_and_ranges_that_do_not_follow() {
    let (index, fault) = refused_node(|graph| graph.tensors[5].shape = vec![7, 3]);
    assert_eq!(index, 5);
    assert!(matches!(fault, Fault::Shape { .. }), "{fault}");
    // A smaller range is as wrong as a larger one: it would remove a check from the circuit.
    for by in [-1, 1] {
        let (index, fault) = refused_node(|graph| graph.tensors[6].range.hi += by);
        assert_eq!(index, 6);
        assert!(matches!(fault, Fault::Range { .. }), "{fault}");
    }
}

#[test]
fn errors_name_the_node() {
    let error = refused(|graph| graph.nodes[5].output = TensorId(4));
    assert_eq!(
        error.to_string(),
        "node \"wide\" (#5, MatMul): makes %4, expected %5"
    );
    let error = refused(|graph| {
        graph.nodes[5].output = TensorId(4);
        graph.nodes[5].name.clear();
    });
    assert_eq!(error.to_string(), "node #5 (MatMul): makes %4, expected %5");
}

#[test]
fn an_empty_graph_and_a_table_alone() {
    let graph = Graph {
        name: String::new(),
        table_bits: 8,
        weight_bits: 8,
        tensors: Vec::<TensorInfo>::new(),
        nodes: Vec::<Node>::new(),
        inputs: vec![],
        outputs: vec![],
        tables: vec![],
    };
    assert_eq!(graph.check().unwrap_err(), GraphError::NoOutputs);
}
