//! `nascent compile`: an ONNX model with weights becomes a quantized model, and what proving it takes.
//!
//! With a plan, the integers of its random weights are the plan's deviates.

use crate::arguments::{self, PreviousPlans, RulesArgs};
use crate::calibration;
use crate::failure::{Classify, Explain, Failure, Kind, Result};
use crate::files;
use crate::folder::{
    GRAPH, PARAMS, PORTS, PROFILE, declare_folder, origins_file, origins_files, port_json,
};
use crate::output::{self, Context, Outcome, bytes, count};
use crate::paths::Paths;
use crate::results::Results;
use nascent::model::lay_out;
use nascent_circuits::inference::Hidden;
use nascent_circuits::inference::plan::Budget;
use nascent_compiler::infer::{self, Calibration, Compiled, Model, Options, samples};
use nascent_compiler::{Limits, WeightSource, write_onnx_to};
use nascent_ir::Origins;
use nascent_params::atomic::Access;
use nascent_prover::derive::{self, SafetensorsFile};
use nascent_prover::estimate::{InferenceCost, available_memory};
use nascent_verifier::{Fill, ModelSpec};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The model: an ONNX file with its weights
    model: PathBuf,
    /// Folder for the quantized model
    #[arg(long, short, value_name = "DIR")]
    out: PathBuf,
    /// Replace files that exist
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    quantization: Quantization,
    /// A plan for this model: its random weights are not rounded, but stay the deviates of the plan
    #[arg(long, value_name = "FILE", conflicts_with = "weight_bits")]
    plan: Option<PathBuf>,
    #[command(flatten)]
    previous: PreviousPlans,
    /// Whether another command goes on with the result: a folder that is complete is then no obstacle.
    #[arg(skip)]
    part: bool,
}

/// How a model with weights becomes integers.
#[derive(Debug, Clone, clap::Args)]
pub struct Quantization {
    /// Sample inputs (.npy, .npz, .json), from which ranges come; several files are joined
    #[arg(long, value_name = "FILE")]
    samples: Vec<PathBuf>,
    /// Bits of an activation, 4 to 12
    #[arg(long, default_value_t = 8)]
    activation_bits: u8,
    /// Bits of a weight, 4 to 12
    #[arg(long, default_value_t = 8)]
    weight_bits: u8,
    /// Weights for the model, by the names of its initializers: a checkpoint, or what `nascent init`
    /// derived (.safetensors, f32) [default: those in the model]
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Bits of the lookup tables, 12 to 16 [default: the fewest that keep the precision]
    #[arg(long)]
    table_bits: Option<u8>,
    /// Size of a free first dimension
    #[arg(long, default_value_t = 1)]
    batch: usize,
    /// Part of the values that a range must hold, such as 0.999; others saturate [default: all]
    #[arg(long)]
    percentile: Option<f64>,
}

impl Args {
    /// Of a model without a plan.
    pub fn of_model(model: &Path, out: &Path, force: bool, quantization: Quantization) -> Self {
        Self {
            model: model.to_path_buf(),
            out: out.to_path_buf(),
            force,
            quantization,
            plan: None,
            previous: PreviousPlans::default(),
            part: true,
        }
    }

    /// What is read and written.
    fn paths(&self) -> Paths {
        let paths = Paths::new(self.force).resumes(self.part);
        let paths = paths
            .read("the model", [&self.model])
            .read("--plan", &self.plan);
        let paths = self.quantization.declare(self.previous.declare(paths));
        declare_folder(paths, "--out", &self.out)
    }

    /// Who may read the parameters: what was hidden or private stays so.
    fn access(&self, hidden: bool) -> Access {
        let weights = self.quantization.weights.as_deref();
        let source = weights.unwrap_or(&self.model);
        if hidden || files::is_private(source) {
            Access::Owner
        } else {
            Access::Umask
        }
    }
}

impl Quantization {
    /// The files that are read.
    pub fn declare(&self, paths: Paths) -> Paths {
        let paths = paths.read("--samples", &self.samples);
        paths.read("--weights", &self.weights)
    }

    /// Whether something was given that only a model with weights has a use for.
    pub fn is_of_a_model(&self) -> bool {
        self.weights.is_some() || !self.samples.is_empty()
    }

    fn options(&self) -> Options {
        let mut options = Options::default();
        options.activation_bits = self.activation_bits;
        options.weight_bits = self.weight_bits;
        options.table_bits = self.table_bits;
        options.batch = self.batch;
        if let Some(part) = self.percentile {
            options.calibration = Calibration::Percentile(part);
        }
        options
    }
}

pub fn run(context: &Context, args: Args) -> Result<Outcome> {
    let paths = args.paths().check()?;
    std::fs::create_dir_all(&args.out)
        .or_fail(Kind::Environment)
        .doing(format!("folder {}", args.out.display()))?;
    let mut options = args.quantization.options();
    options.max_elements = nascent::model::max_elements(&context.setting());
    let given: Vec<&Path> = args
        .quantization
        .samples
        .iter()
        .map(PathBuf::as_path)
        .collect();
    let given = samples::open(&given).or_fail(Kind::Input)?;
    let mut file = files::read_bounded(&args.model, files::MAX_MODEL)?;
    let plan = args.plan.as_deref().map(arguments::read_plan).transpose()?;
    let previous = args.previous.read()?;
    if plan.is_none() && !previous.is_empty() {
        let message = "--previous-plan is for what a plan inherits: give that plan with --plan";
        return Err(Failure::new(Kind::Usage, message));
    }
    let earlier = nascent::plan::earlier(&previous)?;
    if let Some(weights) = &args.quantization.weights {
        file = match &plan {
            Some(plan) => filled(&file, &plan.plan.model, weights)?,
            None => filled(&file, &all_tensors(&args.model)?, weights)?,
        };
    }
    let model = Model {
        bytes: &file,
        folder: args.model.parent(),
    };
    let made = match &plan {
        Some(plan) => infer::compile_derived(&model, &options, &given, &plan.plan.model, &earlier)
            .map(|derived| (derived.compiled, derived.origins)),
        None => infer::compile(&model, &options, &given).map(|compiled| (compiled, Vec::new())),
    };
    let (compiled, origins) = made
        .or_fail(Kind::Input)
        .doing(format!("model {}", args.model.display()))?;
    let (layout, shape) = lay_out(&context.setting(), &compiled.graph, Hidden::default())?;
    let cost = InferenceCost::new(&shape);
    let verifier = nascent::keys::memory(layout.memory, shape.k, cost.fixed_columns);
    let model = calibration::cost_model(context);
    let threads = rayon::current_num_threads();
    let wall = |cpu: f64| model.wall(cpu, threads as f64);
    let predicted = [
        wall(model.inference_keys_cpu(&cost)),
        wall(model.inference_cpu(&cost)),
    ];
    let memory = model.inference_memory(&cost);
    let advice = cost.small_columns + cost.full_columns;

    let ports = json!({
        "inputs": compiled.inputs.iter().map(port_json).collect::<Vec<_>>(),
        "outputs": compiled.outputs.iter().map(port_json).collect::<Vec<_>>(),
    });
    let params = nascent_verifier::Format::encode(&compiled.params).or_fail(Kind::Internal)?;
    let profile = nascent_verifier::Format::encode(&compiled.profile).or_fail(Kind::Internal)?;
    let graph = compiled.graph.encode().or_fail(Kind::Internal)?;
    let hidden = plan.is_some_and(|of| of.plan.publisher_key.is_some());
    let access = args.access(hidden);
    let mut results = Results::default();
    stage_origins(context, &mut results, &args, &origins, &compiled)?;
    // The architecture last: without it there is no model.
    for (name, access, bytes) in [
        (PARAMS, access, params),
        (PORTS, Access::Umask, ports.to_string().into_bytes()),
        (PROFILE, Access::Umask, profile),
        (GRAPH, Access::Umask, graph),
    ] {
        results.bytes(&args.out.join(name), access, &bytes)?;
    }
    results.publish(&paths)?;
    let digest = compiled.graph.digest().or_fail(Kind::Internal)?;
    print(context, &compiled, &digest);
    let profile = compiled.profile.digest().or_fail(Kind::Internal)?;
    context.result(format!(
        "profile           {}: {}",
        hex::encode(profile),
        compiled.profile
    ));
    context.result(format!(
        "circuit           2^{} rows, {} advice and {} fixed columns, tables of {} bits",
        shape.k, advice, cost.fixed_columns, shape.table_bits,
    ));
    context.result(format!(
        "predicted         keys {:.1} s, proof {:.1} s on {threads} threads, {} of memory, proof of {}",
        predicted[0],
        predicted[1],
        bytes(memory),
        bytes(cost.proof_bytes),
    ));
    if let Some(available) = available_memory().filter(|available| *available < memory) {
        context.warn(format!(
            "this machine has {} of memory to spare; prove on a larger one, or compile a smaller model",
            bytes(available)
        ));
    }
    if verifier > Budget::DEFAULT.0 {
        context.warn(format!(
            "whoever derives the verifying key again needs {}: verify --max-memory {}",
            bytes(verifier),
            verifier.div_ceil(1 << 30)
        ));
    }
    context.note(format!(
        "Prove: nascent prove inference {} --input FILE --out answer.inference",
        args.out.display()
    ));
    Ok(Outcome::ok(json!({
        "folder": output::path(&args.out),
        "architecture": hex::encode(digest),
        "profile": hex::encode(profile),
        "k": shape.k,
        "table_bits": shape.table_bits,
        "derived_weights": (!origins.is_empty()).then(|| {
            origins.iter().map(|of| derived_weights(of, &compiled)).sum::<u64>()
        }),
        "advice_columns": advice,
        "fixed_columns": cost.fixed_columns,
        "predicted": {
            "key_seconds": predicted[0],
            "prove_seconds": predicted[1],
            "memory_bytes": memory,
            "layout_memory_bytes": layout.memory,
            "verifier_memory_bytes": verifier,
            "proof_bytes": cost.proof_bytes,
            "threads": threads,
        },
        "report": serde_json::from_str::<Value>(&compiled.report.to_json()).unwrap_or(Value::Null),
    })))
}

/// All weights of a model, none of them a constant.
fn all_tensors(model: &Path) -> Result<ModelSpec> {
    let rules = RulesArgs {
        rules: None,
        preset: None,
    };
    let mut spec =
        nascent::plan::model(model, None, &rules.load(&Limits::default())?, &[], &[])?.spec;
    for tensor in &mut spec.tensors {
        tensor.fill = Fill::Sampled {
            stream: 0,
            first_row: 0,
            scale_bits: 0,
            mean_bits: 0,
        };
    }
    Ok(spec)
}

/// The model with the weights of a file put in.
fn filled(model: &[u8], spec: &ModelSpec, weights: &Path) -> Result<Vec<u8>> {
    let doing = || format!("weights {}", weights.display());
    let file = SafetensorsFile::open(weights).or_fail(Kind::Input);
    let mut source = Weights {
        file: file.doing(doing())?,
        spec,
        tensor: None,
        values: Vec::new(),
    };
    let mut out = Vec::new();
    write_onnx_to(model, spec, &mut source, &mut out)
        .or_fail(Kind::Input)
        .doing(doing())?;
    Ok(out)
}

/// Gives the compiler the values of a safetensors file.
struct Weights<'a> {
    file: SafetensorsFile<BufReader<File>>,
    spec: &'a ModelSpec,
    /// The tensor that was read last, and its values.
    tensor: Option<usize>,
    values: Vec<f32>,
}

impl WeightSource for Weights<'_> {
    fn fill(
        &mut self,
        tensor: usize,
        start: u64,
        out: &mut [f32],
    ) -> std::result::Result<(), Box<dyn std::error::Error + Send + Sync>> {
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

/// The lists of origins; removes others that an earlier model left.
fn stage_origins(
    context: &Context,
    results: &mut Results,
    args: &Args,
    origins: &[Origins],
    compiled: &Compiled,
) -> Result<()> {
    let folder = &args.out;
    for path in origins_files(folder)
        .skip(origins.len())
        .collect::<Vec<_>>()
    {
        if !args.force {
            let message = format!("{} exists already, of another model", path.display());
            return Err(Failure::new(Kind::Environment, message)
                .help("give another folder, or --force to remove it"));
        }
        std::fs::remove_file(&path)
            .or_fail(Kind::Environment)
            .doing(format!("removing {}", path.display()))?;
    }
    for (position, of) in origins.iter().enumerate() {
        let bytes = nascent_verifier::Format::encode(of).or_fail(Kind::Internal)?;
        results.bytes(&origins_file(folder, position), Access::Umask, &bytes)?;
        let whose = match position {
            0 => "the plan".to_owned(),
            _ => format!(
                "an earlier plan, whose model is {}..",
                &hex::encode(of.model)[..16]
            ),
        };
        context.result(format!(
            "derived           {} weights are deviates of {whose}, in {} matrices",
            count(derived_weights(of, compiled)),
            of.params.len()
        ));
    }
    if !origins.is_empty() {
        context.result("public            biases and multipliers");
    }
    Ok(())
}

/// Weights that are deviates.
fn derived_weights(origins: &Origins, compiled: &Compiled) -> u64 {
    let params = origins.params.iter();
    params
        .map(|origin| compiled.graph.tensor(origin.param).elements() as u64)
        .sum()
}

fn print(context: &Context, compiled: &Compiled, digest: &[u8; 32]) {
    for line in compiled.report.to_string().lines() {
        context.result(line);
    }
    context.result(format!("architecture      {}", hex::encode(digest)));
    let params: usize = compiled.params.values.values().map(Vec::len).sum();
    context.result(format!("parameters        {}", count(params as u64)));
}
