//! Shapes and attributes of nodes.

use super::*;

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
    for value in [0, 1 << 15] {
        let got = fault(|base| {
            let multiplier = Multiplier::Const(value);
            Op::Map(Map::requantize(
                Pre::of(base.small),
                multiplier,
                base.table,
                8,
            ))
        });
        assert_eq!(what(got), "multiplier");
    }
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
