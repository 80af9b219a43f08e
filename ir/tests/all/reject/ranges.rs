//! Widths, ranges and tables of nodes.

use super::*;

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
