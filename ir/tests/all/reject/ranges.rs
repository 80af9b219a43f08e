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

/// Operators that take a tensor in a place where not every tensor can be.
const PLACES: [fn(&Base, TensorId) -> Op; 5] = [
    |base, x| matmul(x, base.matrix),
    |base, x| matmul(base.small, x),
    |base, x| Op::Conv(Conv { x, ..conv(base) }),
    |_, x| Op::FoldMax { x },
    |base, table| {
        Op::Embed(Embed {
            table,
            ids: base.small,
        })
    },
];

#[test]
fn wide_operands_where_narrow_ones_are_needed() {
    let mut base = base();
    let sum = Op::FoldSum { x: base.x };
    let sum = base.b.push("sum", sum).unwrap();
    for operand in [sum, base.bias] {
        let got = base.b.info(operand).range;
        for op in PLACES {
            match base.b.clone().push("bad", op(&base, operand)) {
                Err(GraphError::Node { fault, .. }) => {
                    assert_eq!(fault, Fault::NotNarrow { operand, got });
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn contractions_where_only_stored_tensors_can_be() {
    let operand = base().wide;
    let more: [fn(&Base, TensorId) -> Op; 7] = [
        |_, x| Op::FoldSum { x },
        |_, x| Op::View(View::Reshape { x, shape: vec![21] }),
        |base, x| {
            let xs = vec![base.small, x];
            Op::View(View::Concat { xs, axis: 1 })
        },
        |base, den| {
            Op::Divide(Divide {
                num: base.small,
                den,
                factor: 1,
            })
        },
        |base, num| {
            Op::Divide(Divide {
                num,
                den: base.small,
                factor: 1,
            })
        },
        |base, x| Op::Map(Map::exact(Pre::Product { a: x, b: x }, base.table)),
        |base, x| {
            let pre = Pre::Linear {
                a: x,
                ca: 1,
                b: Some((x, 1)),
                c: 0,
            };
            Op::Map(Map::exact(pre, base.table))
        },
    ];
    for op in PLACES.iter().chain(&more) {
        assert_eq!(
            fault(|base| op(base, operand)),
            Fault::Contraction { operand }
        );
    }
    let small = fault(|base| {
        let pre = Pre::Product {
            a: base.small,
            b: base.wide,
        };
        Op::Map(Map::exact(pre, base.table))
    });
    assert_eq!(small, Fault::Contraction { operand });
}

#[test]
fn weight_bits() {
    let mut b = Builder::new("weights", 8).weight_bits(4);
    let x = b.input("x", &[1, 1, 1], Range::signed(8)).unwrap();
    let exact = b.param("exact", &[1, 1, 1], Range::twos(4)).unwrap();
    for range in [Range::new(-9, 0), Range::new(0, 8)] {
        let w = b.param("w", &[1, 1, 1], range).unwrap();
        let conv = |w| {
            Op::Conv(Conv {
                x,
                w,
                strides: vec![1],
                pads: vec![(0, 0)],
                dilations: vec![1],
                groups: 1,
            })
        };
        for op in [matmul(x, w), matmul(w, x), conv(w)] {
            match b.push("bad", op) {
                Err(GraphError::Node {
                    fault:
                        Fault::OperandRange {
                            what,
                            expected,
                            got,
                        },
                    ..
                }) => {
                    assert_eq!(what, "matrix of parameters");
                    assert_eq!((expected, got), (Range::twos(4), range));
                }
                other => panic!("{other:?}"),
            }
        }
        for op in [matmul(x, exact), conv(exact)] {
            assert!(b.clone().push("good", op).is_ok());
        }
    }
}

#[test]
fn shift() {
    let got = |multiplier, shift| {
        fault(|base| {
            Op::Map(Map {
                multiplier,
                shift,
                ..map(base.small, base.table)
            })
        })
    };
    for shift in [1, 8, 16, u8::MAX] {
        let expected = 0;
        assert_eq!(
            got(Multiplier::One, shift),
            Fault::Shift {
                expected,
                got: shift
            }
        );
    }
    for shift in [0, 8, 15, 17, u8::MAX] {
        let expected = 16;
        assert_eq!(
            got(Multiplier::Const(3), shift),
            Fault::Shift {
                expected,
                got: shift
            }
        );
    }
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
                let multiplier = Multiplier::Param(base.small);
                Op::Map(Map::requantize(
                    Pre::of(base.small),
                    multiplier,
                    base.table,
                    8,
                ))
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
    let mut b = Builder::new("denominator", 8);
    let ones = b.input("ones", &[2, 3], Range::new(1, 127)).unwrap();
    for (size, ok) in [(2, true), (3, false)] {
        let part = View::Slice {
            x: ones,
            starts: vec![0, 0],
            sizes: vec![2, size],
            steps: vec![1, 1],
        };
        let x = b.push("part", Op::View(part)).unwrap();
        // 254 is less than 2^8, 381 is not.
        let sum = b.push("sum", Op::FoldSum { x }).unwrap();
        assert_eq!(b.push("y", divide(x, sum)).is_ok(), ok);
    }
    let got = fault(|base| {
        let multiplier = Multiplier::Param(base.bias);
        Op::Map(Map::requantize(Pre::of(base.x), multiplier, base.table, 8))
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
    for input in [true, false] {
        assert!(!refused(Range::new(-32_768, 32_767), input));
        assert!(refused(Range::new(-32_769, 32_767), input));
        assert!(refused(Range::new(-32_768, 32_768), input));
        assert!(refused(Range::new(1, 0), input));
        assert!(refused(Range::new(i64::MIN, i64::MAX), input));
    }
}

#[test]
fn overflow() {
    // Products of -128 and -128: 2^26 of them reach 2^40.
    let all = Range::twos(8);
    for (k, ok) in [((1 << 26) - 1, true), (1 << 26, false)] {
        let mut b = Builder::new("overflow", 8);
        let a = b.input("a", &[1, k], all).unwrap();
        let w = b.param("w", &[k, 1], all).unwrap();
        let made = b.push("y", matmul(a, w));
        assert_eq!(made.is_ok(), ok);
        if let Err(GraphError::Node { fault, .. }) = made {
            assert!(matches!(fault, Fault::Overflow { bits: 40, .. }), "{fault}");
        }
    }
    // Terms that would wrap 64 bits.
    for c in [i64::MIN, i64::MAX, 1 << 60] {
        let fault = fault(|base| {
            let pre = Pre::Linear {
                a: base.x,
                ca: 1,
                b: None,
                c,
            };
            Op::Map(Map::exact(pre, base.table).assuming_bound())
        });
        assert!(matches!(fault, Fault::Overflow { .. }), "{fault}");
    }
    // A product of two sums.
    let mut b = Builder::new("squares", 8);
    let x = b.input("x", &[1 << 25], all).unwrap();
    let sum = b.push("sum", Op::FoldSum { x }).unwrap();
    let table = b.table(Table::identity(all, 0, all));
    let square = Map::exact(Pre::Product { a: sum, b: sum }, table).assuming_bound();
    match b.push("square", Op::Map(square)) {
        Err(GraphError::Node { fault, .. }) => {
            assert!(matches!(fault, Fault::Overflow { bits: 62, .. }), "{fault}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn result_not_narrow() {
    let mut b = Builder::new("quotient", 8);
    let x = b.input("x", &[1], Range::new(1, 127)).unwrap();
    for (factor, hi) in [(1, None), (2, Some(254))] {
        let op = Divide {
            num: x,
            den: x,
            factor,
        };
        match (b.push("y", Op::Divide(op)), hi) {
            (Ok(_), None) => {}
            (Err(GraphError::Node { fault, .. }), Some(hi)) => {
                let got = Range::new(0, hi);
                assert_eq!(fault, Fault::ResultNotNarrow { got });
            }
            other => panic!("{other:?}"),
        }
    }
    for (value, ok) in [(127, true), (128, false), (-128, true), (-129, false)] {
        assert_eq!(b.constant("c", &[1], vec![value]).is_ok(), ok);
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
