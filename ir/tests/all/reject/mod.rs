//! Every way in which a graph, its parameters or its inputs are refused: one case for each error.

mod graph;
mod ranges;
mod shapes;
mod values;

use nascent_ir::{
    Builder, Conv, Divide, Embed, EvalError, Fault, Graph, GraphError, Map, MatMul, Multiplier,
    Node, Op, Params, ParamsError, Pre, Range, Scale, Table, TableId, TensorId, TensorInfo, View,
    eval, limits,
};

/// Operands of many shapes and ranges, at 8-bit tables.
struct Base {
    b: Builder,
    /// Input `[2, 4, 5, 5]`, 6 bits.
    x: TensorId,
    /// Param `[6, 2, 3, 3]`, 6 bits.
    w: TensorId,
    /// Param `[4, 1, 1]`, 16 bits.
    bias: TensorId,
    /// Input `[3, 4]`, `0 ..= 5`.
    small: TensorId,
    /// Param `[4, 7]`, 6 bits.
    matrix: TensorId,
    /// `small * matrix`: a contraction, `[3, 7]`.
    wide: TensorId,
    /// Identity on `-128 ..= 127`.
    table: TableId,
}

fn base() -> Base {
    let mut b = Builder::new("base", 8);
    let x = b.input("x", &[2, 4, 5, 5], Range::signed(6)).unwrap();
    let w = b.param("w", &[6, 2, 3, 3], Range::signed(6)).unwrap();
    let bias = b.param("bias", &[4, 1, 1], Range::twos(16)).unwrap();
    let small = b.input("small", &[3, 4], Range::new(0, 5)).unwrap();
    let matrix = b.param("matrix", &[4, 7], Range::signed(6)).unwrap();
    let wide = b.push("wide", matmul(small, matrix)).unwrap();
    let table = b.table(Table::identity(Range::new(-128, 127), 0, Range::signed(8)));
    Base {
        b,
        x,
        w,
        bias,
        small,
        matrix,
        wide,
        table,
    }
}

fn matmul(a: TensorId, b: TensorId) -> Op {
    Op::MatMul(MatMul {
        a,
        b,
        transpose_b: false,
    })
}

fn conv(base: &Base) -> Conv {
    Conv {
        x: base.x,
        w: base.w,
        strides: vec![1, 1],
        pads: vec![(1, 1), (1, 1)],
        dilations: vec![1, 1],
        groups: 2,
    }
}

fn map(a: TensorId, table: TableId) -> Map {
    Map::exact(Pre::of(a), table)
}

/// The fault found when the operator is appended to the base.
fn fault(op: impl FnOnce(&Base) -> Op) -> Fault {
    let mut base = base();
    let op = op(&base);
    match base.b.push("bad", op) {
        Err(GraphError::Node { node, fault }) => {
            assert_eq!((node.index, node.name.as_str()), (6, "bad"));
            fault
        }
        other => panic!("{other:?}"),
    }
}

fn view(view: impl FnOnce(&Base) -> View) -> Fault {
    fault(|base| Op::View(view(base)))
}

/// A correct graph, made wrong, and what is said about it.
fn refused(wrong: impl FnOnce(&mut Graph)) -> GraphError {
    let mut base = base();
    let y = map(base.small, base.table);
    let y = base.b.push("y", Op::Map(y)).unwrap();
    let mut graph = base.b.finish(&[y]).unwrap().into_inner();
    wrong(&mut graph);
    graph.check().unwrap_err()
}

fn refused_node(wrong: impl FnOnce(&mut Graph)) -> (usize, Fault) {
    match refused(wrong) {
        GraphError::Node { node, fault } => (node.index, fault),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_operators_changed_below_are_accepted_unchanged() {
    let mut base = base();
    let ops = [
        Op::Conv(conv(&base)),
        Op::Map(map(base.x, base.table)),
        Op::MatMul(MatMul {
            a: base.matrix,
            b: base.small,
            transpose_b: false,
        }),
    ];
    let [ok, also_ok, not_ok] = ops.map(|op| base.b.push("op", op));
    assert!(ok.is_ok() && also_ok.is_ok() && not_ok.is_err());
}
