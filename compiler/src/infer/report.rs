//! What became of a model: layers, scales, counts, and the error against the float model.

use super::error::Result;
use super::flow::{Flow, Op};
use super::lower::Lowered;
use super::samples::Sample;
use super::{Port, Tensor, Values};
use nascent_ir::{CheckedGraph, Op as Node, eval};
use nascent_verifier::text::one_line;
use serde::Serialize;
use std::fmt;

/// Most samples on which the integer model is compared with the float model.
const COMPARED: usize = 16;

/// One fused layer. Of indices, an error is 1 for each that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LayerReport {
    /// Name of the last ONNX node in it.
    pub name: String,
    /// Operators fused into it, in order.
    pub operators: Vec<String>,
    /// Dimensions of its result.
    pub shape: Vec<usize>,
    /// Real number per integer step of its result.
    pub scale: f64,
    /// Least and greatest integer of its result.
    pub range: (i64, i64),
    /// Greatest difference from the float model.
    pub max_error: f64,
    /// Root of the mean square of the difference.
    pub rms_error: f64,
    /// That, by the root of the mean square of the float model's values.
    pub relative_error: f64,
    /// Part of the values that are at an end of the range.
    pub saturated: f64,
}

/// A whole model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Bits of the lookup tables.
    pub table_bits: u8,
    /// Samples that ranges were found on.
    pub samples: usize,
    /// Samples that errors were found on.
    pub compared: usize,
    /// What a reader must know.
    pub warnings: Vec<String>,
    /// Committed integers: weights, biases, multipliers.
    pub weights: u64,
    /// Integers of all other tensors, views not counted.
    pub activations: u64,
    /// Products of all contractions.
    pub products: u64,
    /// Distinct lookup tables.
    pub tables: usize,
    /// Layers in order.
    pub layers: Vec<LayerReport>,
}

impl Report {
    /// The report as JSON.
    pub fn to_json(&self) -> String {
        // A structure of numbers, texts and lists always has a form in JSON.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for warning in &self.warnings {
            writeln!(out, "WARNING: {}", one_line(warning))?;
        }
        writeln!(
            out,
            "{} weights, {} activations, {} products, {} tables of {} bits; {} samples, {} compared",
            self.weights,
            self.activations,
            self.products,
            self.tables,
            self.table_bits,
            self.samples,
            self.compared
        )?;
        writeln!(
            out,
            "{:<28} {:<34} {:>10} {:>10} {:>10} {:>9} {:>9}",
            "layer", "operators", "scale", "max error", "rms error", "relative", "saturated"
        )?;
        for layer in &self.layers {
            writeln!(
                out,
                "{:<28} {:<34} {:>10.3e} {:>10.3e} {:>10.3e} {:>8.2}% {:>8.2}%",
                one_line(&layer.name),
                layer.operators.join(" "),
                layer.scale,
                layer.max_error,
                layer.rms_error,
                100.0 * layer.relative_error,
                100.0 * layer.saturated
            )?;
        }
        Ok(())
    }
}

#[derive(Default)]
struct Sums {
    max: f64,
    error: f64,
    signal: f64,
    count: f64,
    saturated: f64,
}

/// Compares the integer model with the float model.
pub(crate) fn report(
    flow: &Flow,
    lowered: &Lowered,
    ports: &[Port],
    samples: &[Sample],
    warning: Option<String>,
) -> Result<Report> {
    let graph = &lowered.graph;
    let mut of_value = vec![Vec::new(); flow.values.len()];
    let shown: Vec<_> = lowered
        .layers
        .iter()
        .filter(|layer| !is_view(&flow.values[layer.value].op))
        .collect();
    for (at, layer) in shown.iter().enumerate() {
        of_value[layer.value].push(at);
    }
    let mut sums: Vec<Sums> = shown.iter().map(|_| Sums::default()).collect();
    let mut warnings: Vec<String> = warning.into_iter().collect();
    let compared = samples.len().min(COMPARED);
    for sample in &samples[..compared] {
        let mut inputs = Vec::with_capacity(ports.len());
        for (port, tensor) in ports.iter().zip(sample) {
            inputs.push(integers(port, tensor)?);
        }
        let values = eval(graph, &lowered.params, &inputs)?;
        flow.run(sample, |id, tensor, _| {
            for &at in &of_value[id] {
                let quant = shown[at].quant;
                let masked = shown[at].masked.unwrap_or(f64::INFINITY);
                let masked = masked.min(super::calibrate::MASK);
                let range = graph.tensor(quant.id).range;
                let made = values.get(quant.id);
                // An index is right or wrong; by how much says nothing.
                let indices = tensor.ints().unwrap_or(&[]).iter();
                for (&index, integer) in indices.zip(made.iter()) {
                    sums[at].add(1.0, f64::from(u8::from(index == integer)));
                }
                let floats = tensor.floats().unwrap_or(&[]);
                for (&real, integer) in floats.iter().zip(made.iter()) {
                    // A mask has no error and is meant to saturate.
                    if f64::from(real.abs()) < masked {
                        sums[at].add(f64::from(real), integer as f64 * quant.scale);
                        let ended = integer == range.hi || (integer == range.lo && integer != 0);
                        sums[at].saturated += f64::from(u8::from(ended));
                    }
                }
            }
        })?;
    }
    let layers: Vec<LayerReport> = shown
        .iter()
        .zip(&sums)
        .map(|(layer, sums)| {
            let range = graph.tensor(layer.quant.id).range;
            let named = layer.nodes.iter().map(|&node| &flow.nodes[node]);
            LayerReport {
                name: flow.node(layer.value).name.clone(),
                operators: named.map(|node| node.op.clone()).collect(),
                shape: flow.shape(layer.value).to_vec(),
                scale: layer.quant.scale,
                range: (range.lo, range.hi),
                max_error: sums.max,
                rms_error: (sums.error / sums.count.max(1.0)).sqrt(),
                relative_error: (sums.error / sums.signal.max(f64::MIN_POSITIVE)).sqrt(),
                saturated: sums.saturated / sums.count.max(1.0),
            }
        })
        .collect();
    for layer in &lowered.layers {
        if layer.headroom < -1.5 {
            warnings.push(format!(
                "{}: its table's steps are 2^{:.1} times as coarse as its result's; larger tables or fewer activation bits help",
                flow.node(layer.value),
                -layer.headroom
            ));
        }
    }
    let (weights, activations) = counts(graph);
    Ok(Report {
        table_bits: graph.table_bits,
        samples: samples.len(),
        compared,
        warnings,
        weights,
        activations,
        products: products(graph),
        tables: graph.tables.len(),
        layers,
    })
}

/// Integers of a sample's tensor.
fn integers(port: &Port, tensor: &Tensor) -> Result<Vec<i32>> {
    match tensor.values() {
        Values::Float(values) => port.quantize(values),
        Values::Int(values) => port.quantize(&values.iter().map(|&v| v as f32).collect::<Vec<_>>()),
        Values::Withheld => port.quantize(&[]),
    }
}

impl Sums {
    fn add(&mut self, real: f64, made: f64) {
        let difference = made - real;
        self.max = self.max.max(difference.abs());
        self.error += difference * difference;
        self.signal += real * real;
        self.count += 1.0;
    }
}

fn counts(graph: &CheckedGraph) -> (u64, u64) {
    let (mut weights, mut activations) = (0, 0);
    for node in &graph.nodes {
        let elements = graph.tensor(node.output).elements() as u64;
        match node.op {
            Node::Param => weights += elements,
            Node::View(_) | Node::Constant { .. } => {}
            _ => activations += elements,
        }
    }
    (weights, activations)
}

fn products(graph: &CheckedGraph) -> u64 {
    let each = graph.nodes.iter().map(|node| {
        let out = graph.tensor(node.output).elements() as u64;
        match &node.op {
            Node::MatMul(op) => out * u64::from(*graph.tensor(op.a).shape.last().unwrap_or(&1)),
            Node::Conv(op) => {
                let w = graph.tensor(op.w);
                out * (w.elements() as u64 / u64::from(w.shape[0].max(1)))
            }
            _ => 0,
        }
    });
    each.sum()
}

/// Whether a value only rearranges another one; such layers have no error of their own.
fn is_view(op: &Op) -> bool {
    matches!(
        op,
        Op::Reshape(_)
            | Op::Transpose(_)
            | Op::Slice { .. }
            | Op::Concat(_)
            | Op::Pad { .. }
            | Op::Expand(_)
            | Op::Gather { .. }
    )
}
