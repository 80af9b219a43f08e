//! Canonical bytes, the architecture digest, and bytes that are neither.

use nascent_ir::limits::{MAX_NODES, MAX_TABLES};
use nascent_ir::{
    Builder, CheckedGraph, Conv, Graph, Map, Multiplier, Op, Params, ParamsError, Pre, Range,
    Scale, Table, TensorId, View,
};
use nascent_verifier::codec::{Format, FormatError};
use proptest::prelude::*;

fn graph() -> CheckedGraph {
    let mut b = Builder::new("small", 8);
    let x = b.input("x", &[1, 2, 4, 4], Range::signed(8)).unwrap();
    let w = b.param("w", &[3, 2, 3, 3], Range::signed(8)).unwrap();
    let m = b.param("m", &[3, 1, 1], Range::new(1, 255)).unwrap();
    let mask = b.constant("mask", &[1, 1], vec![-5]).unwrap();
    let y = b
        .push(
            "conv",
            Op::Conv(Conv {
                x,
                w,
                strides: vec![1, 1],
                pads: vec![(1, 1), (0, 2)],
                dilations: vec![1, 1],
                groups: 1,
            }),
        )
        .unwrap();
    let table = b.table(Table::relu(Range::new(-128, 127), 1, Range::signed(7)));
    let out = b
        .push(
            "out",
            Op::Map(Map {
                pre: Pre::Linear {
                    a: y,
                    ca: 1,
                    b: Some((mask, 2)),
                    c: -1,
                },
                multiplier: Multiplier::Param(m),
                shift: 16,
                table,
                assumes_bound: true,
            }),
        )
        .unwrap();
    let shape = vec![48];
    let flat = b
        .push("flat", Op::View(View::Reshape { x: out, shape }))
        .unwrap();
    b.finish(&[flat]).unwrap()
}

fn map(graph: &mut Graph) -> &mut Map {
    match &mut graph.nodes[5].op {
        Op::Map(map) => map,
        other => panic!("{other:?}"),
    }
}

fn params() -> Params {
    let mut params = Params::default();
    params.values.insert(TensorId(1), (-27..27).collect());
    params.values.insert(TensorId(2), vec![1, 200, 255]);
    params.scales.insert(TensorId(0), Scale::new(0.5).unwrap());
    params
}

/// Changes when the encoding or the digest changes; then versions and domains must change too.
#[test]
fn golden_digest() {
    let digest = hex::encode(graph().digest().unwrap());
    assert_eq!(
        digest,
        "f5551681e10bd7c1e1083431e58d285e09850f2ddcd6b40646c79c6ee1d0c4e8"
    );
}

#[test]
fn the_digest_ignores_names_only() {
    let base = graph();
    let digest = |change: &dyn Fn(&mut Graph)| {
        let mut graph = base.clone().into_inner();
        change(&mut graph);
        graph.check().unwrap().digest().unwrap()
    };
    let same = base.digest().unwrap();
    let renamed = digest(&|graph| {
        graph.name.push('x');
        graph.tensors[0].name.push('x');
        graph.nodes[0].name.push('x');
        graph.tables[0].name.push('x');
    });
    assert_eq!(renamed, same);
    let others = [
        digest(&|graph| {
            graph.table_bits = 9;
            map(graph).shift = 18;
        }),
        digest(&|graph| {
            graph.table_bits = 9;
            graph.weight_bits = 9;
            map(graph).shift = 18;
        }),
        digest(&|graph| graph.tables[0].values[3] = 1),
        digest(&|graph| graph.tensors[1].range.lo = -126),
        digest(&|graph| graph.outputs = vec![TensorId(5)]),
        digest(&|graph| map(graph).multiplier = Multiplier::Const(255)),
        digest(&|graph| {
            let shape = vec![6, 8];
            graph.tensors[6].shape.clone_from(&shape);
            graph.nodes[6].op = Op::View(View::Reshape {
                x: TensorId(5),
                shape,
            });
        }),
    ];
    for (i, other) in others.iter().enumerate() {
        assert_ne!(*other, same, "{i}");
        assert!(!others[..i].contains(other), "{i}");
    }
}

#[test]
fn round_trips() {
    let graph = graph();
    let bytes = graph.encode().unwrap();
    assert_eq!(CheckedGraph::decode(&bytes).unwrap(), graph);
    let params = params();
    params.check(&graph).unwrap();
    let bytes = params.encode().unwrap();
    assert_eq!(Params::decode(&bytes).unwrap(), params);
}

#[test]
fn truncated_and_longer_bytes_are_refused() {
    let bytes = graph().encode().unwrap();
    for len in 0..bytes.len() {
        assert!(CheckedGraph::decode(&bytes[..len]).is_err(), "{len}");
    }
    let longer = [bytes.as_slice(), &[0]].concat();
    let error = CheckedGraph::decode(&longer).unwrap_err();
    assert!(matches!(error, FormatError::TrailingBytes { got: 1 }));
}

#[test]
fn a_wrong_graph_is_refused_both_ways() {
    let mut wrong = graph().into_inner();
    wrong.tensors[4].range.hi -= 1;
    assert!(matches!(wrong.encode(), Err(FormatError::Invalid(_))));
    let bytes = [
        Graph::MAGIC.as_slice(),
        &Graph::VERSION.to_le_bytes(),
        &postcard::to_allocvec(&wrong).unwrap(),
    ]
    .concat();
    let error = CheckedGraph::decode(&bytes).unwrap_err();
    assert!(matches!(error, FormatError::Invalid(_)), "{error}");
}

/// Lists with one entry too many do not parse, though every entry is there: the bound holds while
/// bytes are read, before [`Graph::check`] sees a graph.
#[test]
fn long_lists_are_refused_by_their_length() {
    let small = graph().into_inner();
    let lists: [fn(&mut Graph); 3] = [
        |graph| graph.tensors = vec![graph.tensors[0].clone(); MAX_NODES + 1],
        |graph| graph.nodes = vec![graph.nodes[0].clone(); MAX_NODES + 1],
        |graph| graph.tables = vec![graph.tables[0].clone(); MAX_TABLES + 1],
    ];
    for lengthen in lists {
        let mut long = small.clone();
        lengthen(&mut long);
        let bytes = [
            Graph::MAGIC.as_slice(),
            &Graph::VERSION.to_le_bytes(),
            &postcard::to_allocvec(&long).unwrap(),
        ]
        .concat();
        let error = CheckedGraph::decode(&bytes).unwrap_err();
        assert!(matches!(error, FormatError::Malformed(_)), "{error}");
    }

    let mut bytes = [Params::MAGIC.as_slice(), &Params::VERSION.to_le_bytes()].concat();
    let entries: u32 = 1 << 17;
    bytes.extend(postcard::to_allocvec(&entries).unwrap());
    for id in 0..entries {
        bytes.extend(postcard::to_allocvec(&id).unwrap());
        bytes.push(0);
    }
    bytes.push(0);
    let error = Params::decode(&bytes).unwrap_err();
    assert!(matches!(error, FormatError::Malformed(_)), "{error}");
}

#[test]
fn a_scale_that_is_no_positive_number_is_refused() {
    let good = params();
    for value in [0.0, -0.5, f64::NAN, f64::INFINITY] {
        let bytes = good.encode().unwrap();
        // The scale is the last field, in the variable-length encoding.
        let tail = postcard::to_allocvec(&0.5_f64.to_bits()).unwrap();
        let head = bytes.strip_suffix(tail.as_slice()).unwrap();
        let bad = [head, &postcard::to_allocvec(&value.to_bits()).unwrap()].concat();
        match Params::decode(&bad) {
            Err(FormatError::Invalid(ParamsError::Scale { tensor })) => {
                assert_eq!(tensor, TensorId(0));
            }
            other => panic!("{other:?}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]
    #[test]
    fn damaged_bytes_never_panic_and_are_canonical(
        at in any::<prop::sample::Index>(), byte: u8, second in any::<prop::sample::Index>(), flip: bool,
    ) {
        let mut bytes = graph().encode().unwrap();
        let (at, second) = (at.index(bytes.len()), second.index(bytes.len()));
        bytes[at] = byte;
        if flip {
            bytes[second] ^= byte;
        }
        if let Ok(graph) = CheckedGraph::decode(&bytes) {
            prop_assert_eq!(graph.encode().unwrap(), bytes);
        }
        let mut bytes = params().encode().unwrap();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(params) = Params::decode(&bytes) {
            prop_assert_eq!(params.encode().unwrap(), bytes);
        }
    }
}
