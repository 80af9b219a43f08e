//! `nascent compile`: an ONNX model with weights becomes a quantized model, and what proving it takes.
//!
//! With a plan, the integers of its random weights are the plan's deviates.

use crate::arguments::{self, PreviousPlans};
use crate::failure::{Classify, Explain, Failure, Kind, Result};
use crate::files;
use crate::folder::declare_folder;
use crate::machine;
use crate::output::{self, Context, Outcome, bytes, count};
use crate::paths::Paths;
use crate::results::Results;
use nascent::Setting;
use nascent::calibration::available_memory;
use nascent::derive::SafetensorsFile;
use nascent::model::{
    self, Calibration, Compiled, ModelFile, Options, Prediction, origins_files, samples,
};
use nascent_compiler::Rules;
use nascent_compiler::infer::Planned;
use nascent_params::atomic::Access;
use nascent_verifier::ModelSpec;
use serde_json::{Value, json};
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
    let setting = context.setting();
    let samples: Vec<&Path> = (args.quantization.samples.iter())
        .map(PathBuf::as_path)
        .collect();
    let samples = samples::open(&samples).or_fail(Kind::Input)?;
    let mut file = ModelFile::open(&args.model)?;
    let plan = args.plan.as_deref().map(arguments::read_plan).transpose()?;
    let previous = args.previous.read()?;
    if plan.is_none() && !previous.is_empty() {
        let message = "--previous-plan is for what a plan inherits: give that plan with --plan";
        return Err(Failure::new(Kind::Usage, message));
    }
    let earlier = nascent::plan::earlier(&previous)?;
    if let Some(weights) = &args.quantization.weights {
        file = filled(&file, plan.as_ref().map(|of| &of.plan.model), weights)?;
    }
    let planned = plan.as_ref().map(|of| Planned {
        spec: &of.plan.model,
        earlier: &earlier,
    });
    let options = args.quantization.options();
    let compiled = model::compile(&setting, &file, &options, &samples, planned)?;
    let machine = machine::cost_model(context);
    let predicted = model::predict(&setting, &compiled.model.graph, &machine)?;
    let hidden = plan.is_some_and(|of| of.plan.publisher_key.is_some());
    let access = args.access(hidden);
    let mut results = Results::default();
    remove_other_origins(&args, compiled.origins.len())?;
    for file in compiled.files(&args.out)? {
        let access = match file.has_weights {
            true => access,
            false => Access::Umask,
        };
        results.bytes(&file.path, access, &file.bytes)?;
    }
    results.publish(&paths)?;
    let digest = compiled.model.graph.digest().or_fail(Kind::Internal)?;
    print_origins(context, &compiled);
    print(context, &compiled, &digest);
    let profile = compiled.profile.digest().or_fail(Kind::Internal)?;
    context.result(format!(
        "profile           {}: {}",
        hex::encode(profile),
        compiled.profile
    ));
    print_prediction(context, &predicted);
    context.note(format!(
        "Prove: nascent prove inference {} --input FILE --out answer.inference",
        args.out.display()
    ));
    let origins = &compiled.origins;
    Ok(Outcome::ok(json!({
        "folder": output::path(&args.out),
        "architecture": hex::encode(digest),
        "profile": hex::encode(profile),
        "k": predicted.k,
        "table_bits": predicted.table_bits,
        "derived_weights": (!origins.is_empty()).then(|| {
            origins.iter().map(|of| compiled.derived_weights(of)).sum::<u64>()
        }),
        "advice_columns": predicted.advice_columns,
        "fixed_columns": predicted.fixed_columns,
        "predicted": output::json(&predicted)?,
        "report": serde_json::from_str::<Value>(&compiled.report.to_json()).unwrap_or(Value::Null),
    })))
}

fn print_prediction(context: &Context, predicted: &Prediction) {
    context.result(format!(
        "circuit           2^{} rows, {} advice and {} fixed columns, tables of {} bits",
        predicted.k, predicted.advice_columns, predicted.fixed_columns, predicted.table_bits,
    ));
    context.result(format!(
        "predicted         keys {:.1} s, proof {:.1} s on {} threads, {} of memory, proof of {}",
        predicted.key_seconds,
        predicted.prove_seconds,
        predicted.threads,
        bytes(predicted.memory_bytes),
        bytes(predicted.proof_bytes),
    ));
    let memory = predicted.memory_bytes;
    if let Some(available) = available_memory().filter(|available| *available < memory) {
        context.warn(format!(
            "this machine has {} of memory to spare; prove on a larger one, or compile a smaller model",
            bytes(available)
        ));
    }
    let verifier = predicted.verifier_memory_bytes;
    if verifier > Setting::MEMORY {
        context.warn(format!(
            "whoever derives the verifying key again needs {}: verify --max-memory {}",
            bytes(verifier),
            verifier.div_ceil(1 << 30)
        ));
    }
}

/// The model with the weights of a file put in: those that the plan derives, or all.
fn filled(file: &ModelFile, planned: Option<&ModelSpec>, weights: &Path) -> Result<ModelFile> {
    let all;
    let spec = match planned {
        Some(spec) => spec,
        None => {
            let rules = Rules::default();
            all = model::all_weights(nascent::plan::model(file, None, &rules, &[], &[])?.spec);
            &all
        }
    };
    let doing = || format!("weights {}", weights.display());
    let opened = SafetensorsFile::open(weights).or_fail(Kind::Input);
    let filled = model::fill(file, spec, opened.doing(doing())?);
    filled.map_err(|error| Failure::from(error).context(doing()))
}

/// Removes lists of origins that an earlier model left.
fn remove_other_origins(args: &Args, own: usize) -> Result<()> {
    for path in origins_files(&args.out).skip(own).collect::<Vec<_>>() {
        if !args.force {
            let message = format!("{} exists already, of another model", path.display());
            return Err(Failure::new(Kind::Environment, message)
                .help("give another folder, or --force to remove it"));
        }
        std::fs::remove_file(&path)
            .or_fail(Kind::Environment)
            .doing(format!("removing {}", path.display()))?;
    }
    Ok(())
}

fn print_origins(context: &Context, compiled: &Compiled) {
    for (position, of) in compiled.origins.iter().enumerate() {
        let whose = match position {
            0 => "the plan".to_owned(),
            _ => format!(
                "an earlier plan, whose model is {}..",
                &hex::encode(of.model)[..16]
            ),
        };
        context.result(format!(
            "derived           {} weights are deviates of {whose}, in {} matrices",
            count(compiled.derived_weights(of)),
            of.params.len()
        ));
    }
    if !compiled.origins.is_empty() {
        context.result("public            biases and multipliers");
    }
}

fn print(context: &Context, compiled: &Compiled, digest: &[u8; 32]) {
    for line in compiled.report.to_string().lines() {
        context.result(line);
    }
    context.result(format!("architecture      {}", hex::encode(digest)));
    let params: usize = compiled.model.params.values.values().map(Vec::len).sum();
    context.result(format!("parameters        {}", count(params as u64)));
}
