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
pub mod profile;
mod program;
mod report;
mod rewrite;
pub mod samples;
mod tensor;
mod text;

pub use error::{InferError, Result};
pub use flow::Unary;
pub use options::{Calibration, Options};
pub use profile::{Profile, ProfileError};
pub use report::{LayerReport, Report};
pub use samples::{Named, Samples};
pub use tensor::{Tensor, Values};
pub use text::text;

use crate::graph::Graph;
use crate::limits::Limits;
use crate::model::Earlier;
use derived::Derivation;
use nascent_ir::{CheckedGraph, Origin, Origins, Params, TensorId};
use nascent_verifier::ModelSpec;
use profile::Tape;
use std::collections::{BTreeMap, BTreeSet};
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
    /// What samples and weights decided: with the model's file, all that [`lower`] needs.
    pub profile: Profile,
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

/// A plan's model, with the plans that it may inherit weights from.
#[derive(Debug, Clone, Copy)]
pub struct Planned<'a> {
    /// The model.
    pub spec: &'a ModelSpec,
    /// Earlier plans.
    pub earlier: &'a [Earlier<'a>],
}

/// A plan that inherits nothing.
impl<'a> From<&'a ModelSpec> for Planned<'a> {
    fn from(spec: &'a ModelSpec) -> Self {
        Self { spec, earlier: &[] }
    }
}

/// What [`lower`] gives.
#[derive(Debug, Clone)]
pub struct Lowering {
    /// The integer graph.
    pub graph: CheckedGraph,
    /// With a plan: which deviate each weight is, as [`Derived::origins`].
    pub origins: Vec<Origins>,
    /// Parameters whose numbers are weights, with the names of the stored tensors that they are made
    /// from. The numbers of all others follow from model, plan and profile.
    pub stored: BTreeMap<TensorId, Vec<String>>,
    /// Those of them whose numbers need not be what the model makes of any values of its tensors: a tensor
    /// stands in two of them, or a function between does not take every value. A list of origins holds them
    /// to a plan's deviates; for other weights nothing does.
    pub loose: BTreeSet<TensorId>,
}

/// Lowers a model again, without samples and without the values of its weights.
///
/// The integer graph is a function of the model's file, with a plan of that, and of the profile;
/// which values count as weights follows from them too. So whoever has a model's file can see
/// whether an integer graph is that model in fixed point.
///
/// # Errors
/// As [`compile`] for the file; a profile that is of another model, or whose graph is not the one
/// that it names.
pub fn lower(
    model: &Model<'_>,
    profile: &Profile,
    planned: Option<Planned<'_>>,
) -> Result<Lowering> {
    lower_within(model, profile, planned, Options::default().max_elements)
}

/// The same, for a file that may ask for any amount of memory: no tensor may have more than
/// `max_elements` elements, and all together not more than four times as many.
///
/// # Errors
/// As [`lower()`]; a model that is larger.
pub fn lower_within(
    model: &Model<'_>,
    profile: &Profile,
    planned: Option<Planned<'_>>,
    max_elements: u64,
) -> Result<Lowering> {
    let fail = |reason: &str| InferError::Profile {
        reason: reason.to_owned(),
    };
    nascent_verifier::Format::validate(profile).map_err(|error| fail(&error.to_string()))?;
    let graph = crate::onnx::read_onnx_in(model.bytes, model.folder, &Limits::default())?;
    let digest = planned
        .map(|planned| spec_digest(planned.spec))
        .transpose()?;
    if digest != profile.model {
        return Err(fail(match digest {
            Some(_) => "it is not of this plan's model",
            None => "it is of a plan's model, which is not given",
        }));
    }
    let lowering = lower_read(&graph, profile, planned, max_elements)?;
    let architecture = digest_of(&lowering.graph)?;
    if architecture != profile.architecture {
        return Err(fail(
            "with this model it leads to another integer graph than the one that it names",
        ));
    }
    Ok(lowering)
}

fn lower_read(
    graph: &Graph,
    profile: &Profile,
    planned: Option<Planned<'_>>,
    max_elements: u64,
) -> Result<Lowering> {
    let derivation = planned
        .map(|planned| Derivation::new(planned.spec, planned.earlier, graph))
        .transpose()?;
    let mut options = profile.options();
    options.max_elements = max_elements;
    if let Some(derivation) = &derivation
        && derivation.weight_bits() != options.weight_bits
    {
        return Err(InferError::Profile {
            reason: format!(
                "{} bits of a weight, the plan's deviates take {}",
                options.weight_bits,
                derivation.weight_bits()
            ),
        });
    }
    let tape = Tape::replay(&profile.ties);
    let mut flow = build::build(graph, &options, derivation.as_ref(), &tape)?;
    std::mem::replace(&mut flow.tape, Tape::record()).finish()?;
    derived::check(&flow)?;
    let lowered = lower::lower_again(&flow, &options, profile.table_bits, &profile.decisions)?;
    let origins = match planned {
        Some(planned) => origins(&lowered.graph, &lowered.params, &lowered.origins, planned)?,
        None => Vec::new(),
    };
    Ok(Lowering {
        graph: lowered.graph,
        origins,
        stored: lowered.stored,
        loose: lowered.loose,
    })
}

fn spec_digest(spec: &ModelSpec) -> Result<[u8; 32]> {
    spec.digest().map_err(|error| InferError::Plan {
        reason: error.to_string(),
    })
}

fn digest_of(graph: &CheckedGraph) -> Result<[u8; 32]> {
    graph.digest().map_err(|error| InferError::Plan {
        reason: error.to_string(),
    })
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
    if lower_read(&graph, &compiled.profile, None, options.max_elements)?.graph != compiled.graph {
        return Err(not_repeated());
    }
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
    options.weight_bits = derivation.weight_bits();
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
    let planned = Planned { spec, earlier };
    let origins = origins(&compiled.graph, &compiled.params, &params, planned)?;
    let again = lower_read(
        &graph,
        &compiled.profile,
        Some(planned),
        options.max_elements,
    )?;
    if again.graph != compiled.graph || again.origins != origins {
        return Err(not_repeated());
    }
    Ok(Derived { compiled, origins })
}

/// Lists of origins: the plan's own, then one for each earlier plan that weights are inherited from.
fn origins(
    graph: &CheckedGraph,
    params: &Params,
    placed: &[(usize, Origin)],
    planned: Planned<'_>,
) -> Result<Vec<Origins>> {
    let architecture = digest_of(graph)?;
    let derived = placed.iter().map(|(_, origin)| origin.param).collect();
    let public = Origins::public_of(graph, params, &derived);
    let public = public.map_err(|error| InferError::Plan {
        reason: error.to_string(),
    })?;
    let earlier = planned.earlier.iter().map(|of| of.model);
    let mut origins = Vec::new();
    for (position, model) in std::iter::once(planned.spec).chain(earlier).enumerate() {
        let own = placed.iter().filter(|(plan, _)| *plan == position);
        let own: Vec<Origin> = own.map(|(_, origin)| origin.clone()).collect();
        if position > 0 && own.is_empty() {
            continue;
        }
        origins.push(Origins {
            model: spec_digest(model)?,
            architecture,
            params: own,
            public: public.clone(),
        });
    }
    Ok(origins)
}

fn not_repeated() -> InferError {
    InferError::Profile {
        reason:
            "lowering with it again gives another graph, which is a bug: please report the model"
                .to_owned(),
    }
}

/// The model, and its parameters that are deviates, with the position of the plan they come from.
fn quantize(
    graph: &Graph,
    options: &Options,
    samples: &Samples,
    derivation: Option<&Derivation<'_>>,
) -> Result<(Compiled, Vec<(usize, Origin)>)> {
    let mut flow = build::build(graph, options, derivation, &Tape::record())?;
    let ties = std::mem::replace(&mut flow.tape, Tape::record()).finish()?;
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
    let dims = options.dims.iter();
    let size = |size: usize| u32::try_from(size).unwrap_or(u32::MAX);
    let profile = Profile {
        architecture: digest_of(&lowered.graph)?,
        model: derivation
            .map(|derivation| spec_digest(derivation.spec))
            .transpose()?,
        batch: size(options.batch),
        dims: dims.map(|(name, dim)| (name.clone(), size(*dim))).collect(),
        activation_bits: options.activation_bits,
        weight_bits: options.weight_bits,
        table_bits: lowered.bits,
        ties,
        decisions: lowered.decisions,
    };
    let compiled = Compiled {
        graph: lowered.graph,
        params: lowered.params,
        inputs: input_ports,
        outputs,
        report,
        profile,
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
    let flow = build::build(&graph, options, None, &Tape::record())?;
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
