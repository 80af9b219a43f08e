//! A quantized model: what `compile` gives, in a folder, and what it gives on inputs.

use super::circuit::ModelError;
use crate::error::{Failure, Kind};
use crate::files::{self, FileError};
use crate::setting::Setting;
use nascent_compiler::infer::{InferError, Named, Port, Samples, Tensor, Values};
use nascent_ir::limits::MAX_ELEMENTS;
use nascent_ir::{CheckedGraph, EvalError, GraphError, Origins, Params, ParamsError};
use nascent_verifier::codec::{Format, FormatError};
use nascent_verifier::text::Quoted;
use nascent_verifier::{Digest32, ModelSpec, SpecError};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Name of the architecture's file in a folder.
pub const GRAPH: &str = "model.graph";
/// Name of the parameters' file.
pub const PARAMS: &str = "model.params";
/// Name of the list that says which weight is which deviate of a plan; those of earlier plans that
/// weights are inherited from have a number behind it, from 1.
pub const ORIGINS: &str = "model.origins";
/// Name of the profile's file: what samples and weights decided.
pub const PROFILE: &str = "model.profile";
/// Name of the file with the scales of inputs and outputs.
pub const PORTS: &str = "model.ports.json";
/// Most bytes of that file.
const MOST_PORTS: usize = 1 << 20;

/// Why there is no quantized model, or why it gives nothing on inputs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QuantizedError {
    /// A file of the folder.
    #[error(transparent)]
    File(#[from] FileError),
    /// The architecture.
    #[error("{} is not a valid architecture", path.display())]
    Graph {
        /// The file.
        path: PathBuf,
        /// Why it is not.
        source: Box<FormatError<GraphError>>,
    },
    /// Parameters of another architecture.
    #[error(transparent)]
    Params(#[from] ParamsError),
    /// The ports' file.
    #[error("reading {}: not a file that `nascent compile` wrote", path.display())]
    Ports {
        /// The file.
        path: PathBuf,
    },
    /// A plan's model without a canonical form.
    #[error(transparent)]
    Spec(#[from] FormatError<SpecError>),
    /// Which weight is which deviate is not there.
    #[error("{} was not compiled with this plan: it has no list of its origins", folder.display())]
    NoOrigins {
        /// The folder.
        folder: PathBuf,
    },
    /// An array that is not there.
    #[error("no array for the input {}", Quoted(name))]
    NoArray {
        /// The input.
        name: String,
    },
    /// Inputs that do not fit.
    #[error(transparent)]
    Input(#[from] InferError),
    /// As many of each are needed.
    #[error("the inputs have {counts:?} samples")]
    Counts {
        /// Of each input.
        counts: Vec<usize>,
    },
    /// The integer model gives nothing on a sample.
    #[error("input {sample} of the file")]
    Eval {
        /// Which sample, from 0.
        sample: usize,
        /// Why not.
        source: EvalError,
    },
    /// An output that is not what it is declared to be.
    #[error("the output {} has another shape than declared", Quoted(name))]
    Output {
        /// The output.
        name: String,
    },
    /// Its circuit.
    #[error(transparent)]
    Model(#[from] ModelError),
}

impl Failure for QuantizedError {
    fn kind(&self) -> Kind {
        match self {
            Self::File(error) => error.kind(),
            Self::Model(error) => error.kind(),
            _ => Kind::Input,
        }
    }

    fn help(&self) -> Option<String> {
        let help = match self {
            Self::File(error) => return error.help(),
            Self::Model(error) => return error.help(),
            Self::Ports { .. } | Self::Output { .. } => "compile the model again",
            Self::NoOrigins { .. } => "nascent compile MODEL --plan PLAN --out DIR",
            Self::NoArray { .. } => "name the arrays of an .npz or .json file like the inputs",
            Self::Counts { .. } => "give as many of each",
            _ => return None,
        };
        Some(help.to_owned())
    }
}

/// A quantized model: integers throughout, and what they stand for at its ends.
#[derive(Debug, Clone)]
pub struct Quantized {
    /// The architecture.
    pub graph: CheckedGraph,
    /// Its parameters.
    pub params: Params,
    /// Inputs, in the order of the graph's.
    pub inputs: Vec<Port>,
    /// Outputs, in the order of the graph's.
    pub outputs: Vec<Port>,
}

/// Inputs as a model takes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inputs {
    /// For each sample, the integers of each input.
    pub samples: Vec<Vec<Vec<i32>>>,
    /// Whether the samples stand along an axis of their own, and not along the inputs' first.
    pub stacked: bool,
}

impl Inputs {
    /// One sample's integers, those of all inputs one after another: what a proof takes.
    pub fn flat(&self, sample: usize) -> Vec<i64> {
        let values = self.samples.get(sample).into_iter().flatten().flatten();
        values.map(|&value| value.into()).collect()
    }
}

impl Quantized {
    /// Reads a folder that `compile` wrote.
    ///
    /// # Errors
    /// A file that is missing, not valid, or of another model.
    pub fn open(folder: &Path) -> Result<Self, QuantizedError> {
        let [inputs, outputs] = read_ports(folder)?;
        let graph = read_graph(&folder.join(GRAPH))?;
        let params: Params = files::read(&folder.join(PARAMS))?;
        params.check(&graph)?;
        Ok(Self {
            graph,
            params,
            inputs,
            outputs,
        })
    }

    /// Rounds arrays to the model's inputs: the first samples, at most so many.
    ///
    /// # Errors
    /// An array that is missing or does not fit; another number of samples for each input.
    pub fn inputs(&self, given: &Samples, most: usize) -> Result<Inputs, QuantizedError> {
        let ports = &self.inputs;
        let mut stacked = false;
        let mut of_ports: Vec<Vec<Vec<i32>>> = Vec::with_capacity(ports.len());
        for port in ports {
            let mut arrays = given.arrays.iter();
            let named = arrays.find(|array| array.name.as_deref() == Some(&port.name));
            let only = (ports.len() == 1).then(|| given.arrays.first()).flatten();
            let array = named.or(only).ok_or_else(|| QuantizedError::NoArray {
                name: port.name.clone(),
            })?;
            stacked |= array.tensor.shape().len() > port.shape.len();
            let values: Vec<f32> = match array.tensor.values() {
                Values::Float(values) => values.to_vec(),
                Values::Int(values) => values.iter().map(|&value| value as f32).collect(),
                Values::Withheld => Vec::new(),
            };
            let one: usize = port.shape.iter().product();
            // An array of several samples.
            let parts = if values.len() > one && values.len().is_multiple_of(one) {
                values.chunks(one).take(most).collect()
            } else {
                vec![&values[..]]
            };
            let rounded = parts.into_iter().map(|part| port.quantize(part));
            of_ports.push(rounded.collect::<Result<_, _>>()?);
        }
        let counts: Vec<usize> = of_ports.iter().map(Vec::len).collect();
        let count = counts.first().copied().unwrap_or(0);
        if counts.iter().any(|&other| other != count) {
            return Err(QuantizedError::Counts { counts });
        }
        let mut samples = vec![Vec::with_capacity(ports.len()); count];
        for values in of_ports {
            for (sample, values) in samples.iter_mut().zip(values) {
                sample.push(values);
            }
        }
        Ok(Inputs { samples, stacked })
    }

    /// What it gives, without a proof: integers of each output, those of all samples one after another.
    ///
    /// # Errors
    /// Inputs that do not fit; a graph that takes more memory than the caller allows.
    pub fn run(
        &self,
        setting: &Setting<'_>,
        inputs: &Inputs,
    ) -> Result<Vec<Vec<i64>>, QuantizedError> {
        let mut outputs = vec![Vec::new(); self.outputs.len()];
        for (sample, values) in inputs.samples.iter().enumerate() {
            let values = nascent_ir::eval_within(&self.graph, &self.params, values, setting.memory);
            let values = values.map_err(|source| QuantizedError::Eval { sample, source })?;
            for (all, slice) in outputs.iter_mut().zip(values.outputs()) {
                all.extend(slice.iter());
            }
        }
        Ok(outputs)
    }

    /// Outputs as the model's own numbers, for integers that [`Quantized::run`] gave on `inputs`; with
    /// `all` for every sample.
    ///
    /// # Errors
    /// A port that is not what the model gives.
    pub fn arrays(
        &self,
        inputs: &Inputs,
        outputs: &[Vec<i64>],
        all: bool,
    ) -> Result<Vec<Named>, QuantizedError> {
        let each = self.outputs.iter().zip(outputs);
        let arrays = each.map(|(port, integers)| {
            let shape = match all {
                true => self.shape_of_all(inputs, port),
                false => port.shape.clone(),
            };
            let tensor = match port.integers {
                true => Tensor::int(&shape, integers.clone()),
                false => Tensor::float(&shape, port.dequantize(integers.iter().copied())),
            };
            let tensor = tensor.ok_or_else(|| QuantizedError::Output {
                name: port.name.clone(),
            })?;
            let name = Some(port.name.clone());
            Ok(Named { name, tensor })
        });
        arrays.collect()
    }

    /// Where the arrays have their samples along their first axis, the outputs have theirs; otherwise,
    /// and for outputs without that axis, there is one axis more.
    fn shape_of_all(&self, inputs: &Inputs, port: &Port) -> Vec<usize> {
        let count = inputs.samples.len();
        let batch = self.inputs.first().and_then(|input| input.shape.first());
        let mut shape = port.shape.clone();
        match shape.first_mut() {
            Some(first) if !inputs.stacked && Some(&*first) == batch => *first *= count,
            _ => shape.insert(0, count),
        }
        shape
    }
}

/// Reads an architecture.
///
/// # Errors
/// It is none.
pub fn read_graph(path: &Path) -> Result<CheckedGraph, QuantizedError> {
    let bytes = files::read_bounded(path, <nascent_ir::Graph as Format>::MAX_BYTES)?;
    CheckedGraph::decode(&bytes).map_err(|source| QuantizedError::Graph {
        path: path.to_path_buf(),
        source: Box::new(source),
    })
}

/// Where the list of origins of a plan goes: 0 is the model's own plan.
pub fn origins_file(folder: &Path, position: usize) -> PathBuf {
    folder.join(match position {
        0 => ORIGINS.to_owned(),
        _ => format!("{ORIGINS}.{position}"),
    })
}

/// Lists of origins that are there, the plan's own first.
pub fn origins_files(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let files = (0..).map(|position| origins_file(folder, position));
    files.take_while(|path| path.exists())
}

/// The list of origins of a plan's model.
///
/// # Errors
/// There is none.
pub fn read_origins(folder: &Path, model: &ModelSpec) -> Result<Origins, QuantizedError> {
    let digest: Digest32 = model.digest()?;
    for path in origins_files(folder) {
        let origins: Origins = files::read(&path)?;
        if origins.model == digest {
            return Ok(origins);
        }
    }
    Err(QuantizedError::NoOrigins {
        folder: folder.to_path_buf(),
    })
}

/// The ports' file.
#[derive(Serialize, Deserialize)]
struct PortsFile {
    inputs: Vec<PortEntry>,
    outputs: Vec<PortEntry>,
}

#[derive(Serialize, Deserialize)]
struct PortEntry {
    name: String,
    shape: Vec<usize>,
    /// Bits of the f64: a decimal would not come back the same from every reader.
    scale_bits: u64,
    /// For people.
    #[serde(default)]
    scale: f64,
    lo: i64,
    hi: i64,
    integers: bool,
}

impl PortEntry {
    fn new(port: &Port) -> Self {
        Self {
            name: port.name.clone(),
            shape: port.shape.clone(),
            scale_bits: port.scale.to_bits(),
            scale: port.scale,
            lo: port.range.0,
            hi: port.range.1,
            integers: port.integers,
        }
    }

    fn port(self) -> Option<Port> {
        // As many elements as a tensor of the graph can have.
        let elements = (self.shape.iter()).try_fold(1, |n: usize, &dim| n.checked_mul(dim));
        elements.filter(|&elements| elements as u64 <= MAX_ELEMENTS)?;
        let scale = f64::from_bits(self.scale_bits);
        (self.lo <= self.hi && scale > 0.0 && scale.is_finite()).then_some(())?;
        Some(Port {
            name: self.name,
            shape: self.shape,
            scale,
            range: (self.lo, self.hi),
            integers: self.integers,
        })
    }
}

/// The text of the ports' file.
pub(super) fn ports_text(inputs: &[Port], outputs: &[Port]) -> Result<Vec<u8>, serde_json::Error> {
    let entries = |ports: &[Port]| ports.iter().map(PortEntry::new).collect();
    serde_json::to_vec(&PortsFile {
        inputs: entries(inputs),
        outputs: entries(outputs),
    })
}

/// Reads the ports of a folder: inputs, outputs.
///
/// # Errors
/// Its file is missing, or not one that `compile` wrote.
pub fn read_ports(folder: &Path) -> Result<[Vec<Port>; 2], QuantizedError> {
    let path = folder.join(PORTS);
    let content = files::read_bounded(&path, MOST_PORTS)?;
    let parse = || -> Option<[Vec<Port>; 2]> {
        let file: PortsFile = serde_json::from_slice(&content).ok()?;
        let ports = |of: Vec<PortEntry>| -> Option<Vec<Port>> {
            of.into_iter().map(PortEntry::port).collect()
        };
        Some([ports(file.inputs)?, ports(file.outputs)?])
    };
    parse().ok_or(QuantizedError::Ports { path })
}
