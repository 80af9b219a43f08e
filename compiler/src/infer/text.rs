//! An integer graph as text, one node a line.

use nascent_ir::{CheckedGraph, Map, Multiplier, Op, Pre, View};
use std::fmt::Write;

/// Nodes in order: tensor, shape, range, operator, operands; then the tables with their first, middle
/// and last values.
pub fn text(graph: &CheckedGraph) -> String {
    let mut out = format!(
        "graph {}, tables of {} bits, weights of {} bits\n",
        graph.name, graph.table_bits, graph.weight_bits
    );
    for node in &graph.nodes {
        let info = graph.tensor(node.output);
        let line = writeln!(
            out,
            "{} {:?} {} = {} # {}",
            node.output,
            info.shape,
            info.range,
            op(graph, &node.op),
            node.name
        );
        // Writing to a text does not fail.
        debug_assert!(line.is_ok());
    }
    for (at, table) in graph.tables.iter().enumerate() {
        let middle = table.values.len() / 2;
        let shown = [Some(0), Some(middle), table.values.len().checked_sub(1)];
        let shown = shown.iter().flatten().filter_map(|&i| table.values.get(i));
        let shown: Vec<String> = shown.map(i32::to_string).collect();
        let domain = table.domain();
        out.push_str(&format!(
            "table {at} {} {domain}: {}\n",
            table.name,
            shown.join(" .. ")
        ));
    }
    let ids: Vec<String> = graph.outputs.iter().map(|id| id.to_string()).collect();
    out.push_str(&format!("outputs {}\n", ids.join(" ")));
    out
}

fn op(graph: &CheckedGraph, op: &Op) -> String {
    let operands: Vec<String> = op.operands().iter().map(|id| id.to_string()).collect();
    let operands = operands.join(" ");
    match op {
        Op::Map(op) => map(graph, op),
        Op::Conv(op) => format!(
            "Conv {operands} strides {:?} pads {:?} dilations {:?} groups {}",
            op.strides, op.pads, op.dilations, op.groups
        ),
        Op::MatMul(op) if op.transpose_b => format!("MatMul {operands} transposed"),
        Op::Divide(op) => format!("Divide {operands} factor {}", op.factor),
        Op::View(View::Transpose { perm, .. }) => format!("Transpose {operands} {perm:?}"),
        Op::View(View::Slice { starts, steps, .. }) => {
            format!("Slice {operands} from {starts:?} by {steps:?}")
        }
        Op::View(View::Concat { axis, .. }) => format!("Concat {operands} on {axis}"),
        Op::View(View::Pad {
            before,
            after,
            value,
            ..
        }) => format!("Pad {operands} {before:?} {after:?} with {value}"),
        Op::View(View::Gather { axis, indices, .. }) => {
            format!("Gather {operands} on {axis}, {} indices", indices.len())
        }
        _ => format!("{} {operands}", op.name()).trim_end().to_owned(),
    }
}

fn map(graph: &CheckedGraph, op: &Map) -> String {
    let pre = match &op.pre {
        Pre::Linear { a, ca, b, c } => {
            let b = b.map(|(b, cb)| format!(" + {cb} {b}")).unwrap_or_default();
            let c = if *c == 0 {
                String::new()
            } else {
                format!(" + {c}")
            };
            format!("({ca} {a}{b}{c})")
        }
        Pre::Product { a, b } => format!("({a} * {b})"),
    };
    let multiplier = match op.multiplier {
        Multiplier::One => String::new(),
        Multiplier::Const(value) => format!(" * {value}"),
        Multiplier::Param(id) => format!(" * {id}"),
    };
    let table = &graph.table(op.table).name;
    let assumed = if op.assumes_bound {
        ", bound assumed"
    } else {
        ""
    };
    format!(
        "Map {table}[{}]{pre}{multiplier} >> {}{assumed}",
        op.table.0, op.shift
    )
}
