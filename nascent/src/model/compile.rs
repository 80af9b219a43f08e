//! From an ONNX model with weights to a quantized model, and what proving it takes.

use super::circuit::{ModelError, lay_out};
use super::file::ModelFile;
use super::quantized::{GRAPH, PARAMS, PORTS, PROFILE, Quantized, origins_file, ports_text};
use super::structure::max_elements;
use crate::error::{Failure, Kind};
use crate::keys;
use crate::setting::Setting;
use nascent_circuits::inference::Hidden;
use nascent_compiler::infer::{self, InferError, Options, Planned, Profile, Report, Samples};
use nascent_compiler::{CompileError, WeightSource, write_onnx_to};
use nascent_ir::{CheckedGraph, Origins};
use nascent_prover::derive::{self, SafetensorsFile};
use nascent_prover::estimate::{CostModel, InferenceCost};
use nascent_verifier::codec::Format;
use nascent_verifier::{Fill, ModelSpec};
use serde::Serialize;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};

/// Why a model is not quantized.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QuantizeError {
    /// The model, its samples, or the plan.
    #[error("model {}", path.display())]
    Model {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: Box<InferError>,
    },
    /// Weights that do not fit the model.
    #[error(transparent)]
    Weights(Box<CompileError>),
    /// What was made cannot be written.
    #[error(transparent)]
    Encode(Box<dyn std::error::Error + Send + Sync>),
}

impl Failure for QuantizeError {
    fn kind(&self) -> Kind {
        match self {
            Self::Model { .. } | Self::Weights(_) => Kind::Input,
            Self::Encode(_) => Kind::Internal,
        }
    }
}

/// A quantized model that was just made.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// The model.
    pub model: Quantized,
    /// What samples and weights decided.
    pub profile: Profile,
    /// Which weight is which deviate: the plan's own list, then one for each earlier plan that weights
    /// are inherited from; none without a plan.
    pub origins: Vec<Origins>,
    /// What became of the model, layer by layer.
    pub report: Report,
}

/// Quantizes a model. With a plan, its random weights are not rounded: the integers are the plan's
/// deviates themselves.
///
/// # Errors
/// No model, or one that is not supported; samples that do not fit; weights that are not the plan's.
pub fn compile(
    setting: &Setting<'_>,
    file: &ModelFile,
    options: &Options,
    samples: &Samples,
    planned: Option<Planned<'_>>,
) -> Result<Compiled, QuantizeError> {
    let mut options = options.clone();
    options.max_elements = max_elements(setting);
    let made = match planned {
        Some(Planned { spec, earlier }) => {
            infer::compile_derived(&file.onnx(), &options, samples, spec, earlier)
                .map(|derived| (derived.compiled, derived.origins))
        }
        None => infer::compile(&file.onnx(), &options, samples).map(|made| (made, Vec::new())),
    };
    let (made, origins) = made.map_err(|source| QuantizeError::Model {
        path: file.path.clone(),
        source: Box::new(source),
    })?;
    Ok(Compiled {
        model: Quantized {
            graph: made.graph,
            params: made.params,
            inputs: made.inputs,
            outputs: made.outputs,
        },
        profile: made.profile,
        origins,
        report: made.report,
    })
}

/// A file of a model's folder.
#[derive(Debug, Clone)]
pub struct FolderFile {
    /// Where it goes.
    pub path: PathBuf,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Whether the weights can be read off it.
    pub has_weights: bool,
}

impl Compiled {
    /// The files of its folder, in the order in which they are to be written: the architecture last,
    /// without which there is no model.
    ///
    /// # Errors
    /// A model without a canonical form.
    pub fn files(&self, folder: &Path) -> Result<Vec<FolderFile>, QuantizeError> {
        fn of<T: Format>(value: &T) -> Result<Vec<u8>, QuantizeError>
        where
            T::Error: std::error::Error + Send + Sync + 'static,
        {
            let bytes = value.encode();
            bytes.map_err(|error| QuantizeError::Encode(Box::new(error)))
        }
        let model = &self.model;
        let ports = ports_text(&model.inputs, &model.outputs);
        let ports = ports.map_err(|error| QuantizeError::Encode(Box::new(error)))?;
        let graph = model.graph.encode();
        let graph = graph.map_err(|error| QuantizeError::Encode(Box::new(error)))?;
        let mut files = Vec::new();
        for (position, origins) in self.origins.iter().enumerate() {
            files.push((origins_file(folder, position), of(origins)?));
        }
        files.extend([
            (folder.join(PARAMS), of(&model.params)?),
            (folder.join(PORTS), ports),
            (folder.join(PROFILE), of(&self.profile)?),
            (folder.join(GRAPH), graph),
        ]);
        let files = files.into_iter().map(|(path, bytes)| FolderFile {
            has_weights: path.ends_with(PARAMS),
            path,
            bytes,
        });
        Ok(files.collect())
    }

    /// Weights that are deviates of the plan of a list.
    pub fn derived_weights(&self, origins: &Origins) -> u64 {
        let params = origins.params.iter();
        let elements = params.map(|of| self.model.graph.tensor(of.param).elements() as u64);
        elements.sum()
    }
}

/// What proving a model takes.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Prediction {
    /// The circuit has `2^k` rows.
    pub k: u32,
    /// Bits of its tables.
    pub table_bits: u32,
    /// Advice columns.
    pub advice_columns: usize,
    /// Fixed columns.
    pub fixed_columns: usize,
    /// Wall time of the keys, in seconds.
    pub key_seconds: f64,
    /// Wall time of a proof, in seconds.
    pub prove_seconds: f64,
    /// Bytes of memory of keys and proof.
    pub memory_bytes: u64,
    /// Bytes of memory of the layout.
    pub layout_memory_bytes: u64,
    /// Bytes of memory of deriving the verifying key.
    pub verifier_memory_bytes: u64,
    /// Bytes of a proof.
    pub proof_bytes: u64,
    /// Threads reckoned with.
    pub threads: usize,
}

/// Predicts what proving a model takes, on the current pool's threads.
///
/// # Errors
/// A graph that has no layout, or one that takes more memory than the caller allows.
pub fn predict(
    setting: &Setting<'_>,
    graph: &CheckedGraph,
    machine: &CostModel,
) -> Result<Prediction, ModelError> {
    let (layout, shape) = lay_out(setting, graph, Hidden::default())?;
    let cost = InferenceCost::new(&shape);
    let threads = rayon::current_num_threads();
    let wall = |cpu: f64| machine.wall(cpu, threads as f64);
    Ok(Prediction {
        k: shape.k,
        table_bits: shape.table_bits,
        advice_columns: cost.small_columns + cost.full_columns,
        fixed_columns: cost.fixed_columns,
        key_seconds: wall(machine.inference_keys_cpu(&cost)),
        prove_seconds: wall(machine.inference_cpu(&cost)),
        memory_bytes: machine.inference_memory(&cost),
        layout_memory_bytes: layout.memory,
        verifier_memory_bytes: keys::memory(layout.memory, shape.k, cost.fixed_columns),
        proof_bytes: cost.proof_bytes,
        threads,
    })
}

/// A model's file with weights put in, by the names of its initializers.
///
/// # Errors
/// A weight that is missing, or of another shape or type.
pub fn fill<R: Read + Seek>(
    file: &ModelFile,
    spec: &ModelSpec,
    weights: SafetensorsFile<R>,
) -> Result<ModelFile, QuantizeError> {
    let mut source = Weights {
        file: weights,
        spec,
        tensor: None,
        values: Vec::new(),
    };
    let mut bytes = Vec::new();
    let written = write_onnx_to(&file.bytes, spec, &mut source, &mut bytes);
    written.map_err(|error| QuantizeError::Weights(Box::new(error)))?;
    Ok(ModelFile {
        path: file.path.clone(),
        bytes,
    })
}

/// A model of which every tensor is a weight to be put in, and none a constant.
#[must_use]
pub fn all_weights(mut spec: ModelSpec) -> ModelSpec {
    for tensor in &mut spec.tensors {
        tensor.fill = Fill::Sampled {
            stream: 0,
            first_row: 0,
            scale_bits: 0,
            mean_bits: 0,
        };
    }
    spec
}

/// Gives the compiler the values of a safetensors file.
struct Weights<'a, R> {
    file: SafetensorsFile<R>,
    spec: &'a ModelSpec,
    /// The tensor that was read last, and its values.
    tensor: Option<usize>,
    values: Vec<f32>,
}

impl<R: Read + Seek> WeightSource for Weights<'_, R> {
    fn fill(
        &mut self,
        tensor: usize,
        start: u64,
        out: &mut [f32],
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        if self.tensor != Some(tensor) {
            let spec = self.spec.tensors.get(tensor).ok_or("no such tensor")?;
            let mut bytes = Vec::new();
            derive::WeightSource::tensor(&mut self.file, spec)?.read_to_end(&mut bytes)?;
            let (words, _) = bytes.as_chunks::<4>();
            self.values = words.iter().map(|word| f32::from_le_bytes(*word)).collect();
            self.tensor = Some(tensor);
        }
        let start = usize::try_from(start)?;
        let values = self.values.get(start..).unwrap_or(&[]);
        let values = values.get(..out.len()).ok_or("the file ends early")?;
        out.copy_from_slice(values);
        Ok(())
    }
}
