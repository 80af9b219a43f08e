//! Every way in which a graph, its parameters or its inputs are refused: one case for each error.

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
    /// Param `[4, 1, 1]`, 32 bits.
    bias: TensorId,
    /// Input `[3, 4]`, `0 ..= 5`.
    small: TensorId,
    /// Param `[4, 7]`, 6 bits.
    matrix: TensorId,
    /// `small * matrix`: wide, `[3, 7]`.
    wide: TensorId,
    /// Identity on `-128 ..= 127`.
    table: TableId,
}

fn base() -> Base {
    let mut b = Builder::new("base", 8);
    let x = b.input("x", &[2, 4, 5, 5], Range::signed(6)).unwrap();
    let w = b.param("w", &[6, 2, 3, 3], Range::signed(6)).unwrap();
    let bits32 = Range::new(i32::MIN.into(), i32::MAX.into());
    let bias = b.param("bias", &[4, 1, 1], bits32).unwrap();
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
    Map {
        pre: Pre::Linear {
            a,
            ca: 1,
            b: None,
            c: 0,
        },
        multiplier: Multiplier::One,
        shift: 0,
        table,
        assumes_bound: false,
    }
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
fn table_length() {
    let with = |lo: i32, len: usize| {
        refused(|graph| {
            graph.tables.push(Table {
                name: String::new(),
                lo,
                values: vec![0; len],
            });
        })
    };
    for (lo, len) in [(0, 0), (0, 257), (i32::MAX, 2), (i32::MAX - 254, 256)] {
        match with(lo, len) {
            GraphError::TableLength { table, got, .. } => assert_eq!((table, got), (1, len)),
            other => panic!("{other:?}"),
        }
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
fn too_many_axes_and_elements() {
    let fault = view(|base| View::Reshape {
        x: base.x,
        shape: vec![1; 9],
    });
    let (limit, got) = (8, 9);
    assert_eq!(
        fault,
        Fault::TooMany {
            what: "axes",
            limit,
            got
        }
    );
    for shape in [vec![1 << 29], vec![u32::MAX; 8]] {
        let (_, fault) = refused_node(|graph| graph.tensors[0].shape = shape);
        assert!(
            matches!(
                fault,
                Fault::TooMany {
                    what: "elements",
                    ..
                }
            ),
            "{fault}"
        );
    }
    let fault = view(|base| View::Pad {
        x: base.small,
        before: vec![u32::MAX, 0],
        after: vec![u32::MAX, 0],
        value: 0,
    });
    assert!(
        matches!(
            fault,
            Fault::TooMany {
                what: "elements",
                ..
            }
        ),
        "{fault}"
    );
}

#[test]
fn zero_dimension() {
    let (index, fault) = refused_node(|graph| graph.tensors[0].shape[2] = 0);
    assert_eq!((index, fault), (0, Fault::ZeroDimension { axis: 2 }));
    let fault = view(|base| View::Gather {
        x: base.small,
        axis: 1,
        indices: vec![],
    });
    assert_eq!(fault, Fault::ZeroDimension { axis: 1 });
}

#[test]
fn rank() {
    let (small, matrix) = (base().small, base().matrix);
    let scalar = |b: &mut Builder| b.input("s", &[], Range::new(0, 1)).unwrap();
    let mut with = base();
    let s = scalar(&mut with.b);
    let conv = |x, w| {
        Op::Conv(Conv {
            x,
            w,
            ..conv(&base())
        })
    };
    let embed = |table, ids| Op::Embed(Embed { table, ids });
    for (op, operand) in [
        (matmul(s, matrix), s),
        (matmul(small, with.w), with.w),
        (conv(small, with.w), small),
        (conv(with.x, matrix), matrix),
        (Op::FoldMax { x: s }, s),
        (Op::FoldSum { x: s }, s),
        (embed(with.w, small), with.w),
    ] {
        match with.b.push("bad", op) {
            Err(GraphError::Node {
                fault: Fault::Rank { operand: got, .. },
                ..
            }) => assert_eq!(got, operand),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn mismatch() {
    let what = |fault| match fault {
        Fault::Mismatch {
            what,
            expected,
            got,
        } => {
            assert_ne!(expected, got);
            what
        }
        other => panic!("{other:?}"),
    };
    let conv = |change: fn(&mut Conv)| {
        what(fault(|base| {
            let mut op = conv(base);
            change(&mut op);
            Op::Conv(op)
        }))
    };
    assert_eq!(conv(|op| _ = op.strides.pop()), "number of strides");
    assert_eq!(conv(|op| op.pads.push((0, 0))), "number of pads");
    assert_eq!(conv(|op| op.dilations.clear()), "number of dilations");
    assert_eq!(conv(|op| op.groups = 1), "channels of a group");
    assert_eq!(conv(|op| op.groups = 3), "channels beyond whole groups");
    assert_eq!(conv(|op| op.groups = 4), "kernels beyond whole groups");
    let op = what(fault(|base| matmul(base.matrix, base.small)));
    assert_eq!(op, "contracted dimension");
    let view = |f: fn(&Base) -> View| what(view(f));
    let got = view(|base| View::Reshape {
        x: base.small,
        shape: vec![13],
    });
    assert_eq!(got, "number of elements");
    let got = view(|base| View::Concat {
        xs: vec![base.small, base.matrix],
        axis: 1,
    });
    assert_eq!(got, "dimension beside the axis");
    let got = view(|base| View::Concat {
        xs: vec![base.small, base.x],
        axis: 1,
    });
    assert_eq!(got, "rank");
    let got = view(|_| View::Concat {
        xs: vec![],
        axis: 0,
    });
    assert_eq!(got, "operands, at least");
    for (starts, sizes, steps, expected) in [
        (1, 2, 2, "number of starts"),
        (2, 1, 2, "number of sizes"),
        (2, 2, 1, "number of steps"),
    ] {
        let fault = fault(|base| {
            Op::View(View::Slice {
                x: base.small,
                starts: vec![0; starts],
                sizes: vec![1; sizes],
                steps: vec![1; steps],
            })
        });
        assert_eq!(what(fault), expected);
    }
    let got = view(|base| View::Pad {
        x: base.small,
        before: vec![0],
        after: vec![0, 0],
        value: 0,
    });
    assert_eq!(got, "number of sizes before");
    let (_, fault) = refused_node(|graph| {
        graph.nodes[0].op = Op::Constant { values: vec![1, 2] };
    });
    assert_eq!(what(fault), "values");
}

#[test]
fn leading_dimensions_of_a_batch() {
    let mut b = Builder::new("batch", 8);
    let x = b.input("x", &[2, 3, 4], Range::new(0, 1)).unwrap();
    let y = b.input("y", &[3, 4, 5], Range::new(0, 1)).unwrap();
    match b.push("bad", matmul(x, y)) {
        Err(GraphError::Node { fault, .. }) => assert_eq!(
            fault,
            Fault::Mismatch {
                what: "leading dimension",
                expected: 2,
                got: 3
            }
        ),
        other => panic!("{other:?}"),
    }
}

#[test]
fn broadcast() {
    let bias = |base: &Base, a| {
        let mut op = map(a, base.table);
        op.pre = Pre::Linear {
            a,
            ca: 1,
            b: Some((base.bias, 1)),
            c: 0,
        };
        Op::Map(op)
    };
    let product = |base: &Base, a, b| {
        let mut op = map(a, base.table);
        op.pre = Pre::Product { a, b };
        Op::Map(op)
    };
    let divide = |num, den| {
        Op::Divide(Divide {
            num,
            den,
            factor: 1,
        })
    };
    for op in [
        fault(|base| bias(base, base.small)),
        fault(|base| product(base, base.small, base.matrix)),
        fault(|base| product(base, base.small, base.x)),
        fault(|base| divide(base.small, base.x)),
        view(|base| View::Expand {
            x: base.small,
            shape: vec![3, 5],
        }),
    ] {
        assert!(matches!(op, Fault::Broadcast { .. }), "{op}");
    }
}

#[test]
fn attributes() {
    let what = |fault| match fault {
        Fault::Attribute { what, lo, hi, got } => {
            assert!(got < lo || got > hi);
            what
        }
        other => panic!("{other:?}"),
    };
    let conv = |change: fn(&mut Conv)| {
        what(fault(|base| {
            let mut op = conv(base);
            change(&mut op);
            Op::Conv(op)
        }))
    };
    assert_eq!(conv(|op| op.strides[1] = 0), "stride");
    assert_eq!(conv(|op| op.dilations[0] = 0), "dilation");
    assert_eq!(conv(|op| op.pads[0].0 = 3), "padding");
    assert_eq!(conv(|op| op.pads[1].1 = 3), "padding");
    assert_eq!(conv(|op| op.dilations[0] = 4), "extent of the kernel");
    assert_eq!(conv(|op| op.groups = 0), "groups");
    let map = |change: fn(&mut Map)| {
        what(fault(|base| {
            let mut op = map(base.small, base.table);
            change(&mut op);
            Op::Map(op)
        }))
    };
    assert_eq!(map(|op| op.shift = 9), "shift");
    assert_eq!(map(|op| op.multiplier = Multiplier::Const(0)), "multiplier");
    assert_eq!(
        map(|op| op.multiplier = Multiplier::Const(256)),
        "multiplier"
    );
    let divide = fault(|base| {
        Op::Divide(Divide {
            num: base.small,
            den: base.small,
            factor: 0,
        })
    });
    // The denominator is looked at first.
    assert!(matches!(
        divide,
        Fault::OperandRange {
            what: "denominator",
            ..
        }
    ));
    let slice = |start, size, step| {
        what(view(|base| View::Slice {
            x: base.small,
            starts: vec![0, start],
            sizes: vec![3, size],
            steps: vec![1, step],
        }))
    };
    assert_eq!(slice(4, 1, 1), "first index of a slice");
    assert_eq!(slice(1, 4, 1), "last index of a slice");
    assert_eq!(slice(1, 3, -1), "last index of a slice");
    assert_eq!(slice(0, 0, 1), "size of a slice");
    assert_eq!(slice(0, 5, 1), "size of a slice");
    assert_eq!(slice(0, 2, i32::MAX), "last index of a slice");
    let axis = view(|base| View::Concat {
        xs: vec![base.small],
        axis: 2,
    });
    assert_eq!(what(axis), "axis");
    let gather = |axis, index| {
        what(view(|base| View::Gather {
            x: base.small,
            axis,
            indices: vec![0, index],
        }))
    };
    assert_eq!(gather(2, 0), "axis");
    assert_eq!(gather(1, 4), "index");
}

#[test]
fn factor() {
    let mut b = Builder::new("factor", 8);
    let x = b.input("x", &[1], Range::new(1, 2)).unwrap();
    for (factor, ok) in [(0, false), (-1, false), (1, true), (1 << 61, false)] {
        let op = Divide {
            num: x,
            den: x,
            factor,
        };
        assert_eq!(b.push("y", Op::Divide(op)).is_ok(), ok, "{factor}");
    }
}

#[test]
fn permutation() {
    for got in [vec![0], vec![0, 0], vec![1, 2], vec![0, 1, 2]] {
        let perm = got.clone();
        let fault = view(|base| View::Transpose {
            x: base.small,
            perm,
        });
        assert_eq!(fault, Fault::Permutation { got });
    }
}

#[test]
fn zero_step() {
    let fault = view(|base| View::Slice {
        x: base.small,
        starts: vec![0, 0],
        sizes: vec![1, 1],
        steps: vec![1, 0],
    });
    assert_eq!(fault, Fault::ZeroStep { axis: 1 });
}

#[test]
fn wide_operands_where_narrow_ones_are_needed() {
    let wide = base().wide;
    let at = |fault| match fault {
        Fault::NotNarrow { operand, .. } => operand,
        other => panic!("{other}"),
    };
    let x = wide;
    let ops: [fn(&Base, TensorId) -> Op; 9] = [
        |base, x| matmul(x, base.matrix),
        |base, x| matmul(base.small, x),
        |_, x| Op::FoldMax { x },
        |_, x| Op::FoldSum { x },
        |base, x| {
            Op::Divide(Divide {
                num: base.small,
                den: x,
                factor: 1,
            })
        },
        |base, x| {
            let mut op = map(x, base.table);
            op.pre = Pre::Product { a: x, b: x };
            Op::Map(op)
        },
        |base, x| {
            let mut op = map(x, base.table);
            op.pre = Pre::Linear {
                a: x,
                ca: 1,
                b: Some((x, 1)),
                c: 0,
            };
            Op::Map(op)
        },
        |_, x| Op::View(View::Reshape { x, shape: vec![21] }),
        |base, ids| {
            Op::Embed(Embed {
                table: base.matrix,
                ids,
            })
        },
    ];
    for op in ops {
        assert_eq!(at(fault(|base| op(base, x))), wide);
    }
    // A parameter of 32 bits as the first operand of a map.
    let bias = base().bias;
    assert_eq!(at(fault(|base| Op::Map(map(bias, base.table)))), bias);
}

#[test]
fn activations_where_parameters_are_needed() {
    let x = base().x;
    let small = base().small;
    for (operand, got) in [
        (
            x,
            fault(|base| {
                Op::Conv(Conv {
                    w: base.x,
                    ..conv(base)
                })
            }),
        ),
        (
            small,
            fault(|base| {
                Op::Embed(Embed {
                    table: base.small,
                    ids: base.small,
                })
            }),
        ),
        (
            small,
            fault(|base| {
                let mut op = map(base.small, base.table);
                op.multiplier = Multiplier::Param(base.small);
                Op::Map(op)
            }),
        ),
    ] {
        assert_eq!(got, Fault::NotParam { operand });
    }
}

#[test]
fn operand_range() {
    let what = |fault| match fault {
        Fault::OperandRange {
            what,
            expected,
            got,
        } => {
            assert!(!expected.covers(&got));
            what
        }
        other => panic!("{other:?}"),
    };
    let divide = |num, den| {
        Op::Divide(Divide {
            num,
            den,
            factor: 1,
        })
    };
    let got = fault(|base| divide(base.x, base.x));
    assert_eq!(what(got), "numerator");
    let got = fault(|base| divide(base.small, base.small));
    assert_eq!(what(got), "denominator");
    let got = fault(|base| {
        let mut op = map(base.x, base.table);
        op.multiplier = Multiplier::Param(base.bias);
        Op::Map(op)
    });
    assert_eq!(what(got), "multiplier");
    // `ids` reach 5, the table has 4 rows.
    let got = fault(|base| {
        Op::Embed(Embed {
            table: base.matrix,
            ids: base.small,
        })
    });
    assert_eq!(what(got), "ids");
}

#[test]
fn declared() {
    let mut b = Builder::new("declared", 8);
    let mut refused = |range: Range, input: bool| {
        let made = match input {
            true => b.input("x", &[1], range),
            false => b.param("x", &[1], range),
        };
        match made {
            Ok(_) => false,
            Err(GraphError::Node {
                fault: Fault::Declared { got, .. },
                ..
            }) => got == range,
            Err(other) => panic!("{other:?}"),
        }
    };
    assert!(!refused(Range::new(-128, 127), true));
    assert!(!refused(Range::new(65_280, 65_535), true));
    assert!(refused(Range::new(-128, 128), true));
    assert!(refused(Range::new(65_281, 65_536), true));
    assert!(refused(Range::new(1, 0), true));
    assert!(refused(Range::new(i64::MIN, i64::MAX), true));
    let (lo, hi) = (i32::MIN.into(), i32::MAX.into());
    assert!(!refused(Range::new(lo, hi), false));
    assert!(refused(Range::new(lo - 1, hi), false));
    assert!(refused(Range::new(lo, hi + 1), false));
    assert!(refused(Range::new(1, 0), false));
}

#[test]
fn overflow() {
    // As many products of 2^16 - 1 and 255 as stay below 2^40, and one more.
    let most = ((1_u64 << 40) - 1) / (65_535 * 255);
    for (k, ok) in [(most as u32, true), (most as u32 + 1, false)] {
        let mut b = Builder::new("overflow", 8);
        let a = b.input("a", &[1, k], Range::new(65_280, 65_535)).unwrap();
        let w = b.param("w", &[k, 1], Range::new(0, 255)).unwrap();
        let made = b.push("y", matmul(a, w));
        assert_eq!(made.is_ok(), ok);
        if let Err(GraphError::Node { fault, .. }) = made {
            assert!(matches!(fault, Fault::Overflow { bits: 40, .. }), "{fault}");
        }
    }
    // Terms that would wrap 64 bits.
    let fault = fault(|base| {
        let mut op = map(base.x, base.table);
        op.assumes_bound = true;
        op.pre = Pre::Linear {
            a: base.x,
            ca: 1,
            b: None,
            c: i64::MIN,
        };
        Op::Map(op)
    });
    assert!(matches!(fault, Fault::Overflow { .. }), "{fault}");
}

#[test]
fn result_not_narrow() {
    let pad = |value| {
        view(|base| View::Pad {
            x: base.small,
            before: vec![0, 0],
            after: vec![0, 1],
            value,
        })
    };
    let got = Range::new(0, 256);
    assert_eq!(pad(256), Fault::ResultNotNarrow { got });
    let mut b = Builder::new("apart", 8);
    let x = b.input("x", &[1], Range::new(0, 3)).unwrap();
    let y = b.input("y", &[1], Range::new(300, 303)).unwrap();
    let concat = Op::View(View::Concat {
        xs: vec![x, y],
        axis: 0,
    });
    let divide = Op::Divide(Divide {
        num: y,
        den: y,
        factor: 30_000,
    });
    for op in [concat, divide] {
        match b.push("y", op) {
            Err(GraphError::Node { fault, .. }) => {
                assert!(matches!(fault, Fault::ResultNotNarrow { .. }), "{fault}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn no_table() {
    let fault = fault(|base| Op::Map(map(base.x, TableId(1))));
    assert_eq!(fault, Fault::NoTable { got: 1, count: 1 });
}

#[test]
fn arguments_outside_of_a_table() {
    let with = |c, assumes_bound| {
        let mut base = base();
        let mut op = map(base.small, base.table);
        op.assumes_bound = assumes_bound;
        op.pre = Pre::Linear {
            a: base.small,
            ca: 1,
            b: None,
            c,
        };
        base.b.push("y", Op::Map(op))
    };
    // 0 ..= 5 above `c`, in -128 ..= 127.
    assert!(with(122, false).is_ok() && with(-128, false).is_ok());
    assert!(with(123, true).is_ok() && with(-129, true).is_ok() && with(127, true).is_ok());
    // Not even a bound helps when no argument is inside.
    for (c, assumes) in [(123, false), (-129, false), (128, true), (-134, true)] {
        match with(c, assumes) {
            Err(GraphError::Node { fault, .. }) => {
                assert!(matches!(fault, Fault::Domain { .. }), "{fault}");
            }
            other => panic!("{other:?}"),
        }
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
fn parameters() {
    let mut b = Builder::new("params", 8);
    let x = b.input("x", &[2], Range::signed(8)).unwrap();
    let w = b.param("w", &[2], Range::new(-3, 3)).unwrap();
    let graph = b.finish(&[x]).unwrap();
    let error = |change: &dyn Fn(&mut Params)| {
        let mut params = Params::default();
        params.values.insert(w, vec![-3, 3]);
        assert_eq!(params.check(&graph), Ok(()));
        change(&mut params);
        params.check(&graph).unwrap_err()
    };
    let missing = error(&|params| params.values.clear());
    assert!(matches!(missing, ParamsError::Missing { tensor, .. } if tensor == w));
    for tensor in [x, TensorId(7)] {
        let unknown = error(&|params| _ = params.values.insert(tensor, vec![0, 0]));
        assert_eq!(unknown, ParamsError::Unknown { tensor });
    }
    let length = error(&|params| _ = params.values.insert(w, vec![0]));
    assert!(matches!(
        length,
        ParamsError::Length {
            expected: 2,
            got: 1,
            ..
        }
    ));
    for got in [-4, 4] {
        let value = error(&|params| _ = params.values.insert(w, vec![0, got]));
        assert!(matches!(value, ParamsError::Value { index: 1, got: g, .. } if g == got));
    }
    for bits in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(Scale::new(bits), None);
    }
}

#[test]
fn inputs_of_an_evaluation() {
    let mut b = Builder::new("inputs", 8);
    let x = b.input("x", &[2], Range::new(-3, 3)).unwrap();
    let w = b.param("w", &[1], Range::new(0, 1)).unwrap();
    let graph = b.finish(&[x]).unwrap();
    let mut params = Params::default();
    let error = |params: &Params, inputs: &[Vec<i32>]| eval(&graph, params, inputs).unwrap_err();
    let missing = error(&params, &[vec![0, 0]]);
    assert!(matches!(
        missing,
        EvalError::Params(ParamsError::Missing { .. })
    ));
    params.values.insert(w, vec![0]);
    assert!(eval(&graph, &params, &[vec![-3, 3]]).is_ok());
    assert_eq!(
        error(&params, &[]),
        EvalError::Inputs {
            expected: 1,
            got: 0
        }
    );
    let length = error(&params, &[vec![0; 3]]);
    assert!(matches!(
        length,
        EvalError::InputLength {
            input: 0,
            expected: 2,
            got: 3,
            ..
        }
    ));
    for value in [-4, 4, i32::MIN] {
        let outside = error(&params, &[vec![0, value]]);
        assert!(matches!(outside, EvalError::InputValue { index: 1, got, .. } if got == value));
    }
}

#[test]
fn errors_name_the_node() {
    let error = refused(|graph| graph.nodes[5].output = TensorId(4));
    assert_eq!(
        error.to_string(),
        "node `wide` (#5, MatMul): makes %4, expected %5"
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
        tensors: Vec::<TensorInfo>::new(),
        nodes: Vec::<Node>::new(),
        inputs: vec![],
        outputs: vec![],
        tables: vec![],
    };
    assert_eq!(graph.check().unwrap_err(), GraphError::NoOutputs);
}
