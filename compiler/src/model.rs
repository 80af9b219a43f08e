//! From an architecture and rules to a specification.

use crate::description::Description;
use crate::digest::graph_digest;
use crate::error::{CompileError, Result, at_most};
use crate::graph::{Graph, Origin, ValueId};
use crate::init::{Init, Lowered};
use crate::limits::Limits;
use crate::onnx::read_onnx;
use crate::roles::{Parameter, Role, assign};
use crate::rules::{Decision, Rules, glob};
use crate::untouched::{Untouched, kept_tensors, untouched};
use nascent_verifier::codec::Format;
use nascent_verifier::digest::{Digest32, Hex};
use nascent_verifier::{Fill, ModelSpec, Precision, StreamSpec, TensorSpec};
use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

/// What a model is made of, before any weight has a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Architecture {
    /// A computation graph.
    Onnx(Graph),
    /// A list of layers.
    Description(Description),
}

/// A plan made earlier, from which weights may be inherited.
#[derive(Debug, Clone, Copy)]
pub struct Earlier<'a> {
    /// Digest of the plan.
    pub plan: Digest32,
    /// Its model.
    pub model: &'a ModelSpec,
}

impl Earlier<'_> {
    /// Whether the plan samples this tensor in this way.
    fn samples(&self, parameter: &Parameter, fill: Lowered, precision: Precision) -> bool {
        let mut tensors = self.model.tensors.iter();
        let tensor = tensors.find(|tensor| tensor.name == parameter.name);
        let Some((tensor, spec)) = tensor.and_then(|tensor| match tensor.fill {
            Fill::Sampled { stream, .. } => {
                Some((tensor, self.model.streams.get(usize::from(stream))?))
            }
            Fill::Constant { .. } | Fill::Inherited { .. } => None,
        }) else {
            return false;
        };
        let sampled = |scale: f32, mean: f32| {
            matches!(tensor.fill, Fill::Sampled { scale_bits, mean_bits, .. }
                if scale_bits == scale.to_bits() && mean_bits == mean.to_bits())
        };
        match fill {
            Lowered::Constant { .. } => false,
            Lowered::Sampled {
                distribution,
                scale,
                mean,
            } => {
                tensor.dims == parameter.dims
                    && (spec.distribution, spec.precision) == (distribution, precision)
                    && sampled(scale, mean)
            }
        }
    }
}

/// A model with rules applied.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// What is proved about.
    pub spec: ModelSpec,
    /// One entry for each tensor of the specification, in the same order.
    pub tensors: Vec<TensorReport>,
    /// Constants that keep their values.
    pub untouched: Vec<Untouched>,
    /// Names of the inputs that a caller gives data to.
    pub inputs: Vec<String>,
}

/// How a tensor got its fill.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorReport {
    /// The tensor and its role.
    pub parameter: Parameter,
    /// The fill in real numbers.
    pub init: Init,
    /// The rule, in words.
    pub why: String,
}

impl Model {
    /// Float values that no rule fills: constants of the graph, which the graph's
    /// digest binds and no seed explains. A reader of a proof wants to know.
    pub fn kept_floats(&self) -> u64 {
        let floats = self.untouched.iter().filter(|constant| constant.is_float);
        floats.fold(0, |sum, constant| sum.saturating_add(constant.elements()))
    }
}

impl Architecture {
    /// Reads an architecture from a file: TOML when its name ends in `.toml`,
    /// else ONNX.
    ///
    /// # Errors
    /// A file that cannot be read, is past the limits, or is not what it should be.
    pub fn open(path: &Path, limits: &Limits) -> Result<Self> {
        let most = match is_description(path) {
            true => limits.toml_bytes,
            false => limits.onnx_bytes,
        };
        Self::parse(path, &read_file(path, most)?, limits)
    }

    /// The same of a file that was read; its name says what it is.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn parse(path: &Path, bytes: &[u8], limits: &Limits) -> Result<Self> {
        if is_description(path) {
            at_most("bytes of TOML", limits.toml_bytes, bytes.len() as u64)?;
            let text = text_of(bytes.to_vec())?;
            return Ok(Self::Description(Description::parse(&text, limits)?));
        }
        Ok(Self::Onnx(read_onnx(bytes, limits)?))
    }

    /// The name in the file, which may be empty; for people.
    pub fn name(&self) -> &str {
        match self {
            Self::Onnx(graph) => &graph.name,
            Self::Description(description) => &description.name,
        }
    }

    /// Applies rules: finds the weights, gives each its fill, and lays them out
    /// in streams.
    ///
    /// Tensors are in canonical order ([`assign`]). A stream is a distribution
    /// with a precision; streams are numbered by first use, and each sampled
    /// tensor takes the next whole rows of its stream.
    ///
    /// # Errors
    /// See [`assign`] and [`Rules::decide`]; also a float matrix without a rule,
    /// and a model without weights.
    pub fn compile(&self, name: &str, rules: &Rules, limits: &Limits) -> Result<Model> {
        self.compile_after(name, rules, limits, &[], &[])
    }

    /// [`compile`](Self::compile), where a tensor that an earlier plan samples in the same shape and
    /// by the same fill is inherited from it instead of sampled: from the last plan that does.
    ///
    /// `redraw` has patterns of names that are sampled anyway.
    ///
    /// # Errors
    /// As [`compile`](Self::compile); also a pattern that matches no tensor.
    pub fn compile_after(
        &self,
        name: &str,
        rules: &Rules,
        limits: &Limits,
        earlier: &[Earlier<'_>],
        redraw: &[String],
    ) -> Result<Model> {
        let parameters = match self {
            Self::Onnx(graph) => assign(graph, &rules.inputs, limits)?,
            Self::Description(description) => {
                if let Some(name) = rules.inputs.first() {
                    return Err(CompileError::NoSuchInput { name: name.clone() });
                }
                description.parameters.clone()
            }
        };
        let decisions = rules.decide(&parameters)?;
        let redrawn = |pattern: &str| {
            let names = parameters.iter().map(|parameter| &parameter.name);
            names.filter(|name| glob::matches(pattern, name)).count()
        };
        if let Some(pattern) = redraw.iter().find(|pattern| redrawn(pattern) == 0) {
            let pattern = pattern.clone();
            return Err(CompileError::NothingToRedraw { pattern });
        }
        let mut plan = Plan::new(rules.precision);
        let mut kept = Vec::new();
        for (parameter, decision) in parameters.into_iter().zip(decisions) {
            let anew = redraw
                .iter()
                .any(|pattern| glob::matches(pattern, &parameter.name));
            let earlier = if anew { &[] } else { earlier };
            match decision {
                Decision::Fill { init, why } => plan.fill(parameter, init, why, earlier)?,
                Decision::Keep { why } => kept.push((parameter, why)),
            }
        }
        if plan.tensors.is_empty() {
            return Err(CompileError::NoWeights);
        }
        let filled: BTreeSet<ValueId> = plan
            .reports
            .iter()
            .filter_map(|t| t.parameter.value)
            .collect();
        let (graph_digest, untouched, inputs) = match self {
            Self::Onnx(graph) => {
                check_kept(graph, &kept, rules)?;
                let digest = graph_digest(graph, &filled)?;
                (
                    digest,
                    untouched(graph, &filled, &kept),
                    data_inputs(graph, &filled),
                )
            }
            Self::Description(description) => match kept.first() {
                Some((parameter, _)) => {
                    return Err(CompileError::NothingToKeep {
                        tensor: parameter.name.clone(),
                    });
                }
                None => (description.digest(), Vec::new(), Vec::new()),
            },
        };
        let spec = ModelSpec {
            name: name.to_owned(),
            graph_digest,
            rules_digest: rules.digest(),
            streams: plan.streams,
            tensors: plan.tensors,
            kept: kept_tensors(&untouched),
        };
        spec.validate()?;
        Ok(Model {
            spec,
            tensors: plan.reports,
            untouched,
            inputs,
        })
    }
}

/// Streams and tensors as they are laid out.
struct Plan {
    precision: Precision,
    streams: Vec<StreamSpec>,
    tensors: Vec<TensorSpec>,
    reports: Vec<TensorReport>,
}

impl Plan {
    fn new(precision: Precision) -> Self {
        Self {
            precision,
            streams: Vec::new(),
            tensors: Vec::new(),
            reports: Vec::new(),
        }
    }

    fn fill(
        &mut self,
        parameter: Parameter,
        init: Init,
        mut why: String,
        earlier: &[Earlier<'_>],
    ) -> Result<()> {
        let fail = |reason: String| CompileError::Fill {
            tensor: parameter.name.clone(),
            reason,
        };
        let elements = parameter.elements();
        if elements == 0 {
            return Err(fail("it has no elements".to_owned()));
        }
        let lowered = init.lower(self.precision).map_err(fail)?;
        let samples = |of: &&Earlier<'_>| of.samples(&parameter, lowered, self.precision);
        let inherited = earlier.iter().rev().find(samples).map(|of| of.plan);
        let fill = match (inherited, lowered) {
            (Some(plan), _) => {
                why.push_str(&format!(
                    "; inherited from plan {:.16}..",
                    Hex(&plan).to_string()
                ));
                Fill::Inherited { plan }
            }
            (None, Lowered::Constant { value }) => {
                if !matches!(init, Init::Constant { .. }) {
                    why.push_str("; a CONSTANT: its spread vanishes in f32");
                }
                Fill::Constant {
                    bits: value.to_bits(),
                }
            }
            (
                None,
                Lowered::Sampled {
                    distribution,
                    scale,
                    mean,
                },
            ) => {
                let rows = elements.div_ceil(self.precision.lanes().max(1));
                let same = |stream: &StreamSpec| stream.distribution == distribution;
                let index = self.streams.iter().position(same).unwrap_or_else(|| {
                    self.streams.push(StreamSpec {
                        distribution,
                        precision: self.precision,
                        rows: 0,
                    });
                    self.streams.len() - 1
                });
                let first_row = match self.streams.get_mut(index) {
                    Some(stream) => {
                        let first = stream.rows;
                        stream.rows = first.saturating_add(rows);
                        first
                    }
                    None => 0,
                };
                let stream = u16::try_from(index).map_err(|_| CompileError::TooMany {
                    what: "streams",
                    limit: u64::from(u16::MAX),
                    got: index as u64,
                })?;
                Fill::Sampled {
                    stream,
                    first_row,
                    scale_bits: scale.to_bits(),
                    mean_bits: mean.to_bits(),
                }
            }
        };
        self.tensors.push(TensorSpec {
            name: parameter.name.clone(),
            dims: parameter.dims.clone(),
            fill,
        });
        self.reports.push(TensorReport {
            parameter,
            init,
            why,
        });
        Ok(())
    }
}

/// Refuses to keep what has no values, and to keep a matrix unasked.
fn check_kept(graph: &Graph, kept: &[(Parameter, String)], rules: &Rules) -> Result<()> {
    for (parameter, _) in kept {
        let origin = parameter
            .value
            .and_then(|id| graph.values.get(id))
            .map(|value| &value.origin);
        match origin {
            Some(Origin::Initializer(_)) if parameter.role == Role::Other => {
                let matrix = parameter.dims.iter().filter(|&&dim| dim > 1).count() > 1;
                if matrix
                    && !rules.overrides.iter().any(|rule| rule.takes(parameter))
                    && let Some(node) = parameter.node.clone()
                {
                    return Err(CompileError::NoRole {
                        node: Box::new(node),
                        tensor: parameter.name.clone(),
                        dims: parameter.dims.clone(),
                    });
                }
            }
            Some(Origin::Input) if parameter.role != Role::Other => {
                return Err(CompileError::NothingToKeep {
                    tensor: parameter.name.clone(),
                });
            }
            _ => {}
        }
    }
    Ok(())
}

fn data_inputs(graph: &Graph, filled: &BTreeSet<ValueId>) -> Vec<String> {
    let data = graph.inputs.iter().filter(|id| !filled.contains(id));
    data.filter_map(|&id| Some(graph.values.get(id)?.name.clone()))
        .collect()
}

/// Reads a file of at most `limit` bytes.
pub(crate) fn read_file(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let io = |source| CompileError::Io {
        path: path.to_owned(),
        source,
    };
    let file = std::fs::File::open(path).map_err(io)?;
    let length = file.metadata().map_err(io)?.len();
    at_most("bytes in the file", limit, length)?;
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    // The file may grow while it is read.
    file.take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(io)?;
    at_most("bytes in the file", limit, bytes.len() as u64)?;
    Ok(bytes)
}

fn is_description(path: &Path) -> bool {
    let ending = path.extension();
    ending.is_some_and(|ending| ending.eq_ignore_ascii_case("toml"))
}

fn text_of(bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).map_err(|error| CompileError::Toml {
        what: "file",
        reason: error.to_string(),
    })
}
