//! Derivation: the weights that a plan and its beacon's value give, written and audited.

use crate::error::{Failure, Kind};
use crate::files::FileError;
use crate::model::ModelFile;
use crate::secret::Secret;
use crate::setting::Setting;
use nascent_compiler::{CompileError, Limits, WeightSource, read_onnx, write_onnx_to};
use nascent_prover::derive::{
    AuditError, MODEL_KEY, Metadata, PLAN_KEY, STAMP, WEIGHTS_KEY, write_safetensors_to,
};
use nascent_verifier::codec::FormatError;
use nascent_verifier::{Beacon, Digest32, Plan, PlanError, SpecError, weight_digest};
use std::collections::BTreeMap;
use std::io::{self, Read, Seek, Write};

pub use nascent_compiler::Written;
pub use nascent_prover::derive::{
    AuditReport, DeriveError, Deriver, SafetensorsError, SafetensorsFile,
};

/// Errors of the derivation: the publisher's secret, the file system, or the plan.
impl Failure for DeriveError {
    fn kind(&self) -> Kind {
        match self {
            Self::WrongSecret | Self::SecretForPublicSeed | Self::Previous { .. } => Kind::Usage,
            Self::Write { .. } | Self::Sink(_) => Kind::Environment,
            _ => Kind::Input,
        }
    }

    fn help(&self) -> Option<String> {
        let help = match self {
            Self::WrongSecret => "give the secret that the plan was made with: --secret FILE",
            Self::SecretForPublicSeed => "leave --secret away",
            Self::Previous { .. } => {
                "give the weights that the earlier plan gave: --previous-weights FILE.safetensors"
            }
            _ => return None,
        };
        Some(help.to_owned())
    }
}

/// Why weights are not written, or not audited.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The derivation, or the file that the weights go to.
    #[error(transparent)]
    Derive(#[from] DeriveError),
    /// A plan without a canonical form.
    #[error(transparent)]
    Plan(#[from] FormatError<PlanError>),
    /// A plan's model without a canonical form.
    #[error(transparent)]
    Spec(#[from] FormatError<SpecError>),
    /// The model that is to be filled.
    #[error("model {}", path.display())]
    Model {
        /// Its file.
        path: std::path::PathBuf,
        /// Why not.
        source: Box<CompileError>,
    },
    /// A file that cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The weights that are to be audited.
    #[error(transparent)]
    Given(#[from] SafetensorsError),
    /// The audit itself.
    #[error(transparent)]
    Audit(Box<AuditError>),
    /// The file that the model goes to.
    #[error(transparent)]
    Write(#[from] io::Error),
    /// The caller stopped the work.
    #[error(transparent)]
    Cancelled(#[from] crate::error::Cancelled),
}

impl Failure for WeightsError {
    fn kind(&self) -> Kind {
        match self {
            Self::Derive(error) => error.kind(),
            Self::Model { source, .. } => crate::plan::compile_kind(source),
            Self::File(error) => error.kind(),
            Self::Plan(_) | Self::Spec(_) => Kind::Input,
            Self::Given(SafetensorsError::Io(_)) | Self::Write(_) => Kind::Environment,
            Self::Given(_) => Kind::Input,
            Self::Audit(_) => Kind::Internal,
            Self::Cancelled(error) => error.kind(),
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Derive(error) => error.help(),
            Self::File(error) => error.help(),
            _ => None,
        }
    }
}

/// What weights come from.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// The plan, as it was published.
    pub plan: &'a Plan,
    /// The value that its beacon took.
    pub beacon: &'a Beacon,
    /// The publisher's secret, for a hidden seed.
    pub secret: Option<&'a Secret>,
}

impl<'a> Origin<'a> {
    /// Of a plan, its value, and its publisher's secret.
    pub fn new(plan: &'a Plan, beacon: &'a Beacon, secret: Option<&'a Secret>) -> Self {
        Self {
            plan,
            beacon,
            secret,
        }
    }

    /// What derives the weights; inherited ones are given to it ([`Deriver::with_previous`]).
    ///
    /// # Errors
    /// The secret is not the plan's, or the plan has none; the value is not what the plan announces.
    pub fn deriver(&self) -> Result<Deriver<'a>, DeriveError> {
        Deriver::from_plan(self.plan, self.beacon, self.secret.map(Secret::scalar))
    }
}

/// Digest of all weights, where the plan asks for it.
pub fn digest(plan: &Plan, deriver: &Deriver<'_>) -> Option<Digest32> {
    let asked = plan.weight_digest;
    asked.then(|| weight_digest(&deriver.weight_digests()))
}

/// A writer that fails when the caller stops the work.
struct Stoppable<'a, W> {
    setting: &'a Setting<'a>,
    sink: W,
}

impl<W: Write> Write for Stoppable<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.setting.go_on().map_err(io::Error::other)?;
        self.sink.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

/// Writes the weights as safetensors, stamped with the plan, and with their digest if there is one;
/// gives the number of bytes.
///
/// # Errors
/// The writer's; a tensor's name that the format cannot hold; inherited weights that are not there.
pub fn write_safetensors(
    setting: &Setting<'_>,
    plan: &Plan,
    deriver: &Deriver<'_>,
    digest: Option<Digest32>,
    sink: impl Write,
) -> Result<u64, WeightsError> {
    let metadata = Metadata {
        plan: Some(plan.digest()?),
        weight_digest: digest,
        ..Metadata::default()
    };
    let progress = |done, total| (setting.observer).progress("deriving weights", done, total);
    let mut sink = Stoppable { setting, sink };
    let written = write_safetensors_to(deriver, &mut sink, &metadata, &progress);
    setting.go_on()?;
    Ok(written?)
}

/// Writes the ONNX model that a plan was made from, with the weights filled in.
///
/// # Errors
/// The file is not the plan's model, which is found before a value is derived; the writer's.
pub fn write_onnx(
    setting: &Setting<'_>,
    plan: &Plan,
    deriver: &Deriver<'_>,
    model: &ModelFile,
    sink: impl Write,
) -> Result<Written, WeightsError> {
    let failed = |source| WeightsError::Model {
        path: model.path.clone(),
        source: Box::new(source),
    };
    read_onnx(&model.bytes, &Limits::default()).map_err(failed)?;
    let spec = &plan.model;
    let mut source = Source {
        deriver,
        setting,
        done: 0,
        total: (spec.sampled_elements()).saturating_add(spec.inherited_elements()),
    };
    let mut sink = io::BufWriter::with_capacity(1 << 20, Stoppable { setting, sink });
    let written = write_onnx_to(&model.bytes, spec, &mut source, &mut sink);
    setting.go_on()?;
    let written = written.map_err(failed)?;
    sink.flush()?;
    Ok(written)
}

/// The model's file with the weights filled in, in memory.
///
/// # Errors
/// As [`write_onnx`].
pub fn filled(
    setting: &Setting<'_>,
    plan: &Plan,
    deriver: &Deriver<'_>,
    model: &ModelFile,
) -> Result<ModelFile, WeightsError> {
    let mut bytes = Vec::new();
    write_onnx(setting, plan, deriver, model, &mut bytes)?;
    let path = model.path.clone();
    Ok(ModelFile { path, bytes })
}

/// Gives the compiler the values that it asks for.
struct Source<'a> {
    deriver: &'a Deriver<'a>,
    setting: &'a Setting<'a>,
    done: u64,
    total: u64,
}

impl WeightSource for Source<'_> {
    fn fill(
        &mut self,
        tensor: usize,
        start: u64,
        out: &mut [f32],
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.deriver.fill(tensor, start, out)?;
        self.done = self.done.saturating_add(out.len() as u64);
        let observer = self.setting.observer;
        observer.progress("filling the model", self.done, self.total);
        Ok(())
    }
}

/// What an audit found.
#[derive(Debug)]
pub struct Audit {
    /// Tensor by tensor.
    pub report: AuditReport,
    /// Digest of the derived weights, where the plan asks for it.
    pub digest: Option<Digest32>,
    /// The digest that the weights' header claims, in hexadecimal.
    pub claimed: Option<String>,
    /// Stamps in the header that are not this plan's.
    pub foreign_stamps: Vec<String>,
}

/// Derives again, and compares with weights that were given, bit by bit.
///
/// # Errors
/// The file is not one of such tensors; inherited weights that are not there.
pub fn audit<R: Read + Seek>(
    setting: &Setting<'_>,
    plan: &Plan,
    deriver: &Deriver<'_>,
    weights: &mut SafetensorsFile<R>,
) -> Result<Audit, WeightsError> {
    setting.go_on()?;
    let step = "deriving and comparing";
    let progress = |done, total| setting.observer.progress(step, done, total);
    let report = nascent_prover::derive::audit(deriver, weights, &progress);
    let report = report.map_err(|error| match error {
        AuditError::Derive(error) => WeightsError::Derive(error),
        AuditError::Given(error) => WeightsError::Given(error),
        error => WeightsError::Audit(Box::new(error)),
    })?;
    let digest = digest(plan, deriver);
    let header = weights.metadata();
    Ok(Audit {
        report,
        digest,
        claimed: header.get(WEIGHTS_KEY).cloned(),
        foreign_stamps: foreign_stamps(plan, digest, header)?,
    })
}

/// Stamps in the header of weights that say something else than the plan: whoever reads the file would
/// take them for another plan's.
fn foreign_stamps(
    plan: &Plan,
    weights: Option<Digest32>,
    header: &BTreeMap<String, String>,
) -> Result<Vec<String>, WeightsError> {
    let expected = [
        (PLAN_KEY, Some(plan.digest()?)),
        (MODEL_KEY, Some(plan.model.digest()?)),
        (WEIGHTS_KEY, weights),
    ];
    let ours = header.iter().filter(|(key, _)| key.starts_with(STAMP));
    let foreign = ours.filter(|(key, value)| {
        let expected = expected.iter().find(|(name, _)| name == key);
        let digest = expected.and_then(|(_, digest)| *digest).map(hex::encode);
        digest.as_ref() != Some(*value)
    });
    let words = foreign.map(|(key, value)| format!("{key} = {value:?}"));
    Ok(words.collect())
}
