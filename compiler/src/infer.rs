//! Inference front end: from an ONNX file with weights to a quantized integer graph.
//!
//! The way through: [`crate::read_onnx`] decodes the file; each node is reduced to a small float
//! graph, constants folded on the way; the float graph runs on samples to find ranges; it is then
//! lowered to integers, and both are compared. Everything the file can hold leads to a graph or to
//! an error that names the node, its operator and its operator set.
//!
//! ```no_run
//! use nascent_compiler::infer::{Model, Options, compile, samples};
//!
//! let bytes = std::fs::read("model.onnx")?;
//! let samples = samples::open(&["inputs.npy".as_ref()])?;
//! let compiled = compile(&Model::new(&bytes), &Options::default(), &samples)?;
//! println!("{}", compiled.report);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod build;
mod calibrate;
mod cx;
mod derived;
mod error;
mod flow;
mod lower;
pub mod ops;
mod options;
mod program;
mod report;
mod rewrite;
pub mod samples;
mod tensor;
mod text;

pub use error::{InferError, Result};
pub use flow::Unary;
pub use options::{Calibration, Options};
pub use report::{LayerReport, Report};
pub use samples::{Named, Samples};
pub use tensor::{Tensor, Values};
pub use text::text;

use crate::graph::Graph;
use crate::limits::Limits;
use crate::model::Earlier;
use derived::Derivation;
use nascent_ir::{CheckedGraph, Origin, Origins, Params};
use nascent_verifier::ModelSpec;
use std::path::Path;

/// An ONNX file.
#[derive(Debug, Clone, Copy)]
pub struct Model<'a> {
    /// Its bytes.
    pub bytes: &'a [u8],
    /// The folder it lies in, for values stored in other files; without it they are not read.
    pub folder: Option<&'a Path>,
}

impl<'a> Model<'a> {
    /// A file that holds all its values.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            folder: None,
        }
    }
}

/// An input or output of the integer graph.
#[derive(Debug, Clone, PartialEq)]
pub struct Port {
    /// Its name in the file.
    pub name: String,
    /// Dimensions, as in the float model.
    pub shape: Vec<usize>,
    /// Real number per integer step.
    pub scale: f64,
    /// Least and greatest integer.
    pub range: (i64, i64),
    /// Whether the model's own values are integers, such as indices; then the scale is 1.
    pub integers: bool,
}

impl Port {
    /// The integers that stand for real numbers: rounded, and saturated at the ends of the range.
    ///
    /// # Errors
    /// [`InferError::Input`] when there are too few or too many, or one is not a finite number.
    pub fn quantize(&self, values: &[f32]) -> Result<Vec<i32>> {
        let fail = |reason: String| InferError::Input {
            name: self.name.clone(),
            reason,
        };
        let expected: usize = self.shape.iter().product();
        if values.len() != expected {
            return Err(fail(format!(
                "{} values, expected {expected}",
                values.len()
            )));
        }
        if let Some(at) = values.iter().position(|v| !v.is_finite()) {
            return Err(fail(format!("value {at} is not a finite number")));
        }
        let (lo, hi) = (self.range.0 as f64, self.range.1 as f64);
        let round = |&v: &f32| (f64::from(v) / self.scale).round().clamp(lo, hi) as i32;
        Ok(values.iter().map(round).collect())
    }

    /// The real numbers that integers stand for.
    pub fn dequantize(&self, values: impl IntoIterator<Item = i64>) -> Vec<f32> {
        let each = values.into_iter();
        each.map(|v| (v as f64 * self.scale) as f32).collect()
    }
}

/// A quantized model.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// The architecture: shapes, operators and tables.
    pub graph: CheckedGraph,
    /// The checkpoint: weights, biases and multipliers, as integers.
    pub params: Params,
    /// Inputs, in the order of the graph's.
    pub inputs: Vec<Port>,
    /// Outputs, in the order of the graph's.
    pub outputs: Vec<Port>,
    /// What became of the model, layer by layer.
    pub report: Report,
}

/// A quantized model whose random weights are the deviates of a plan.
#[derive(Debug, Clone)]
pub struct Derived {
    /// The model.
    pub compiled: Compiled,
    /// Which deviate each weight is: the plan's own list, then one for each earlier plan that
    /// weights are inherited from, in the order given.
    pub origins: Vec<Origins>,
}

/// Quantizes a model.
///
/// Ranges of activations come from `samples`; without any, random inputs stand in and the report
/// warns.
///
/// # Errors
/// See [`InferError`]: a file that is not a model or is too large, an operator that is not
/// supported, samples that do not fit the inputs, or ranges that do not fit the tables.
pub fn compile(model: &Model<'_>, options: &Options, samples: &Samples) -> Result<Compiled> {
    options.check()?;
    let graph = crate::onnx::read_onnx_in(model.bytes, model.folder, &Limits::default())?;
    let (compiled, _) = quantize(&graph, options, samples, None)?;
    Ok(compiled)
}

/// Quantizes a model whose weights a plan derives, without rounding them: the integer of each
/// random weight is its deviate, the scale takes up everything else.
///
/// The file holds the derived weights. The option for the bits of weights is not used: deviates
/// have as many as their distribution and precision need.
///
/// # Errors
/// As [`compile`]; also a plan for another graph, values that the plan cannot have derived, deviates
/// of more than 16 bits, sampled tensors that end up as anything but weights of products, and an
/// earlier plan that weights are inherited from and that is not there.
pub fn compile_derived(
    model: &Model<'_>,
    options: &Options,
    samples: &Samples,
    spec: &ModelSpec,
    earlier: &[Earlier<'_>],
) -> Result<Derived> {
    options.check()?;
    let graph = crate::onnx::read_onnx_in(model.bytes, model.folder, &Limits::default())?;
    let derivation = Derivation::new(spec, earlier, &graph)?;
    let mut options = options.clone();
    options.weight_bits = derivation.bits.max(4);
    if let Some(bits) = options.table_bits
        && bits < options.weight_bits
    {
        let least = options.weight_bits;
        return Err(InferError::Option {
            option: "table-bits",
            reason: format!(
                "{bits}, expected {least} to 16: the plan's deviates take {least} bits"
            ),
        });
    }
    let (compiled, params) = quantize(&graph, &options, samples, Some(&derivation))?;
    let architecture = compiled.graph.digest().map_err(|error| InferError::Plan {
        reason: error.to_string(),
    })?;
    let public = Origins::public_of(&compiled.graph, &compiled.params);
    let public = public.map_err(|error| InferError::Plan {
        reason: error.to_string(),
    })?;
    let models = std::iter::once(spec).chain(earlier.iter().map(|of| of.model));
    let mut origins = Vec::new();
    for (position, model) in models.enumerate() {
        let own = params.iter().filter(|(plan, _)| *plan == position);
        let own: Vec<Origin> = own.map(|(_, origin)| origin.clone()).collect();
        if position > 0 && own.is_empty() {
            continue;
        }
        let model = model.digest().map_err(|error| InferError::Plan {
            reason: error.to_string(),
        })?;
        origins.push(Origins {
            model,
            architecture,
            params: own,
            public: public.clone(),
        });
    }
    Ok(Derived { compiled, origins })
}

/// The model, and its parameters that are deviates, with the position of the plan they come from.
fn quantize(
    graph: &Graph,
    options: &Options,
    samples: &Samples,
    derivation: Option<&Derivation<'_>>,
) -> Result<(Compiled, Vec<(usize, Origin)>)> {
    let flow = build::build(graph, options, derivation)?;
    derived::check(&flow)?;
    let (inputs, warning) = samples::bind(&flow, samples, options)?;
    let stats = calibrate::calibrate(&flow, &inputs, options)?;
    let lowered = lower::lower(&flow, &stats, options)?;
    let port = |name: &str, shape: &[usize], integers: bool, quant: &lower::Quant| {
        let range = lowered.graph.tensor(quant.id).range;
        Port {
            name: name.to_owned(),
            shape: shape.to_vec(),
            scale: quant.scale,
            range: (range.lo, range.hi),
            integers,
        }
    };
    let each = flow.inputs.iter().zip(&lowered.inputs);
    let input_ports: Vec<Port> = each
        .map(|(i, q)| port(&i.name, &i.shape, i.is_int, q))
        .collect();
    let each = flow.outputs.iter().zip(&lowered.outputs);
    let outputs = each
        .map(|((name, id), q)| port(name, flow.shape(*id), flow.values[*id].is_int, q))
        .collect();
    let report = report::report(&flow, &lowered, &input_ports, &inputs, warning)?;
    let compiled = Compiled {
        graph: lowered.graph,
        params: lowered.params,
        inputs: input_ports,
        outputs,
        report,
    };
    Ok((compiled, lowered.origins))
}

/// Runs the float model: the reference of the report.
///
/// # Errors
/// As [`compile`], for the file and the samples.
pub fn run_float(
    model: &Model<'_>,
    options: &Options,
    samples: &Samples,
) -> Result<Vec<Vec<Tensor>>> {
    options.check()?;
    let graph = crate::onnx::read_onnx_in(model.bytes, model.folder, &Limits::default())?;
    let flow = build::build(&graph, options, None)?;
    let (inputs, _) = samples::bind(&flow, samples, options)?;
    let mut all = Vec::with_capacity(inputs.len());
    for sample in &inputs {
        let mut outputs = vec![None; flow.outputs.len()];
        flow.run(sample, |id, tensor, _| {
            for (slot, (_, output)) in outputs.iter_mut().zip(&flow.outputs) {
                if *output == id {
                    *slot = Some(tensor.clone());
                }
            }
        })?;
        all.push(outputs.into_iter().flatten().collect());
    }
    Ok(all)
}
