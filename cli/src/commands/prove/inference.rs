//! `nascent prove inference`.

use crate::arguments::{DEVELOPMENT_NOTICE, SrsArgs};
use crate::beside::{key_file, links_file};
use crate::commitments::{self, Committed};
use crate::failure::{Classify, Explain, Failure, Kind, Result};
use crate::folder::GRAPH;
use crate::machine;
use crate::output::{self, Context, Outcome, count};
use crate::parts::Parts;
use crate::paths::Paths;
use crate::secret::read_salt;
use crate::subject::{Loaded, Subject, show_outputs};
use nascent::model::lay_out;
use nascent::secret::Salt;
use nascent::{Pool, srs};
use nascent_circuits::inference::plan::layout::Role;
use nascent_circuits::inference::{Hidden as Hides, Salts, Shape};
use nascent_ir::{CheckedGraph, Params};
use nascent_params::Srs;
use nascent_prover::estimate::{CostModel, InferenceCost};
use nascent_prover::inference::{InferenceKeys, Seal};
use nascent_prover::link::{Blinding, Proved};
use nascent_verifier::codec::Format;
use nascent_verifier::inference::prefix;
use nascent_verifier::link::CommittedTo;
use nascent_verifier::{
    Hidden, InferenceBundle, Links, ProvedWeights, VkData, WeightCommitment, verify_inference_with,
};
use rand_core::OsRng;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use zeroize::Zeroizing;

#[derive(Debug, clap::Args)]
pub struct ProveArgs {
    #[command(flatten)]
    subject: Subject,
    #[command(flatten)]
    srs: SrsArgs,
    /// Where the proof goes; the verifying key goes beside it
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
    /// Replace the file if it exists
    #[arg(long)]
    force: bool,
    /// Keep the input hidden: the proof shows a salted digest of it. The salt goes to a new file beside
    /// the proof, which only you can read
    #[arg(long)]
    hide_input: bool,
    /// The same for the output
    #[arg(long)]
    hide_output: bool,
    /// Link the proof to this commitment (`nascent commit`); the link goes beside it
    #[arg(long, value_name = "FILE", requires = "opening")]
    commitment: Option<PathBuf>,
    /// The secret that was made with the commitment
    #[arg(long, value_name = "FILE", requires = "commitment")]
    opening: Option<PathBuf>,
    /// Go on even if memory is predicted to be short
    #[arg(long)]
    any_memory: bool,
}

impl ProveArgs {
    /// What is read and written. A salt that is there is one of a run that was stopped before its proof
    /// had its name.
    fn paths(&self) -> Paths {
        let paths = self.subject.declare(Paths::new(self.force));
        let paths = paths
            .read("--commitment", &self.commitment)
            .read("--opening", &self.opening);
        let hidden = [("input", self.hide_input), ("output", self.hide_output)];
        let salts = hidden.into_iter().filter(|(_, hide)| *hide);
        let links = self.commitment.is_some();
        paths
            .secret(
                "the salt",
                salts.map(|(name, _)| salt_file(&self.out, name)),
            )
            .beside(
                "the link",
                links.then(|| links_file(&self.out)),
                Links::MAGIC,
            )
            .write("--out", [&self.out])
    }

    /// Fresh salts, but for those that are there: they must be of the same values, and hide them as
    /// before.
    fn salts(&self, keys: &InferenceKeys, params: &Params, inputs: &[i64]) -> Result<Salts> {
        let mut salts = Salts::draw(&mut OsRng);
        let mut kept = Vec::new();
        for (name, role) in [("input", Role::Input), ("output", Role::Output)] {
            let Some(seal) = keys.circuit().layout().seal(role) else {
                continue;
            };
            let path = salt_file(&self.out, name);
            let Some(salt) = read_salt(&path)? else {
                continue;
            };
            match role {
                Role::Input => salts.inputs = salt.salt,
                Role::Output => salts.outputs = salt.salt,
            }
            kept.push((path, seal, salt));
        }
        if kept.is_empty() {
            return Ok(salts);
        }
        let (circuit, _) = keys
            .circuit()
            .with_witness(params, inputs, salts)
            .or_fail(Kind::Input)?;
        for (path, seal, salt) in kept {
            if !salt.opens(&circuit.digest(seal)) {
                let message = format!("{} is the salt of other values", path.display());
                return Err(Failure::new(Kind::Environment, message).help(
                    "a salt is never replaced: a proof may depend on it; give another name to the proof",
                ));
            }
        }
        Ok(salts)
    }
}

/// The file that opens a digest.
fn salt_text(seal: &Seal) -> Option<Zeroizing<String>> {
    Some(Salt::new(seal.salt, seal.digest)?.text())
}

/// Refuses a proof that this machine has not the memory for.
pub fn check_memory(what: &str, shape: &Shape, anyway: bool) -> Result<()> {
    let needed = CostModel::REFERENCE.inference_memory(&InferenceCost::new(shape));
    machine::check_memory(what, needed, anyway)
        .help("--any-memory goes on anyway; a machine with more memory, or a smaller model, does not need it")
}

/// `nascent prove inference`.
pub fn prove(context: &Context, args: ProveArgs) -> Result<Outcome> {
    let paths = args.paths().check()?;
    let identity = args.srs.identity(context)?;
    let committed = match (&args.commitment, &args.opening) {
        (Some(commitment), Some(opening)) => Some(Committed::load(commitment, opening)?),
        _ => None,
    };
    let loaded = args.subject.load(1)?;
    let started = Instant::now();
    let hidden = Hides {
        inputs: args.hide_input,
        outputs: args.hide_output,
    };
    let (_, shape) = lay_out(&context.setting(), &loaded.graph, hidden)?;
    check_memory("the proof", &shape, args.any_memory)?;
    let (keys, srs) = keys(context, &loaded.graph, hidden, &identity)?;
    let key_time = started.elapsed();
    let key_path = key_file(&args.out, keys.verifying_key().digest());
    paths.also_beside("the verifying key", &key_path, VkData::MAGIC)?;
    let linked = match &committed {
        // Before the long work.
        Some(committed) => Some(Linked::new(&args, committed, &loaded, &keys, &srs)?),
        None => None,
    };
    let started = Instant::now();
    let architecture = loaded.graph.digest().or_fail(Kind::Internal)?;
    let vk_digest = keys.verifying_key().digest();
    let prefix = prefix(&architecture, vk_digest, &identity);
    let inputs = loaded.samples.iter().flatten().flatten();
    let inputs: Vec<i64> = inputs.map(|&x| x.into()).collect();
    let salts = args.salts(&keys, &loaded.params, &inputs)?;
    let blinding = Blinding::draw(&mut OsRng);
    let made = keys
        .prove(
            &srs,
            &loaded.params,
            &inputs,
            &prefix,
            salts,
            blinding.generator(),
        )
        .or_fail(Kind::Input)?;
    let prove_time = started.elapsed();
    let seals = [("input", made.input_seal), ("output", made.output_seal)];
    let (hidden_inputs, inputs) = disclosed(made.input_seal.as_ref(), made.inputs);
    let (hidden_outputs, outputs) = disclosed(made.output_seal.as_ref(), made.outputs.clone());
    let bundle = InferenceBundle {
        architecture,
        vk_digest: *keys.verifying_key().digest(),
        srs_digest: identity,
        inputs,
        outputs,
        hidden_inputs,
        hidden_outputs,
        proof: made.proof,
    };
    // What goes out was checked as its reader will check it.
    let (key, of_verifier) = (keys.verifying_key(), srs.verifier_srs());
    let checked = verify_inference_with(&bundle, key, of_verifier, &Pool);
    let (_, weights) = checked.or_fail(Kind::Internal)?;
    let links = match &linked {
        Some(linked) => Some(linked.link(&keys, weights.as_ref(), &blinding)?),
        None => None,
    };
    let parts = Parts {
        proof: bundle.encode().or_fail(Kind::Internal)?,
        key: keys.verifying_key().encode().or_fail(Kind::Internal)?,
        links: match &links {
            Some((links, _)) => Some(links.encode().or_fail(Kind::Internal)?),
            None => None,
        },
        salts: seals
            .iter()
            .filter_map(|(name, seal)| {
                Some((salt_file(&args.out, name), salt_text(seal.as_ref()?)?))
            })
            .collect(),
    };
    parts.write(context, &paths, &args.out, &key_path)?;
    let salts: Vec<&PathBuf> = parts.salts.iter().map(|(path, _)| path).collect();
    for path in &salts {
        context.warn(format!(
            "{} opens a digest to whoever can guess what is behind it: keep it secret, or give it to those who may check",
            path.display()
        ));
    }
    let links = links.map(|(_, bytes)| (links_file(&args.out), bytes));
    let shown = show_outputs(context, &loaded.outputs, &made.outputs);
    context.result(format!(
        "proof             {} bytes, made in {} after {} for the keys",
        count(bundle.proof.len() as u64),
        output::duration(prove_time),
        output::duration(key_time),
    ));
    if let Some((path, bytes)) = &links {
        context.result(format!(
            "link              {} bytes to {}, in {}",
            count(*bytes as u64),
            args.commitment
                .as_deref()
                .unwrap_or(Path::new(""))
                .display(),
            path.display()
        ));
    }
    let commitment = args.commitment.as_deref().map_or_else(String::new, |path| {
        format!(" --commitment {}", path.display())
    });
    context.note(format!(
        "Verify: nascent verify {} --architecture {}{commitment}{}",
        args.out.display(),
        args.subject.folder.join(GRAPH).display(),
        if nascent::srs::is_development(&identity) {
            " --development-srs"
        } else {
            ""
        }
    ));
    if nascent::srs::is_development(&identity) {
        context.notice(DEVELOPMENT_NOTICE);
    }
    Ok(Outcome::ok(json!({
        "inference": output::path(&args.out),
        "key": output::path(&key_path),
        "salts": salts.iter().map(output::path).collect::<Vec<_>>(),
        "architecture": hex::encode(architecture),
        "vk_digest": hex::encode(bundle.vk_digest),
        "srs": hex::encode(identity),
        "development_srs": nascent::srs::is_development(&identity),
        "proof_bytes": bundle.proof.len(),
        "key_seconds": key_time.as_secs_f64(),
        "prove_seconds": prove_time.as_secs_f64(),
        "peak_memory_bytes": machine::peak_memory(),
        "links": output::path_of(links.as_ref().map(|(path, _)| path)),
        "link_bytes": links.as_ref().map(|(_, bytes)| bytes),
        "outputs": shown,
    })))
}

/// A proof that is to be linked to a published commitment.
struct Linked<'a> {
    committed: &'a Committed,
    commitment: WeightCommitment,
    subject: CommittedTo,
    cells: Vec<Vec<i64>>,
}

impl<'a> Linked<'a> {
    /// Checks that the commitment is to these parameters.
    fn new(
        args: &ProveArgs,
        committed: &'a Committed,
        loaded: &Loaded,
        keys: &InferenceKeys,
        srs: &Srs,
    ) -> Result<Self> {
        let path = args.commitment.as_deref().unwrap_or(Path::new(""));
        let subject = commitments::subject(&loaded.graph)?;
        let mut parts = committed.data.parts.iter();
        let part = parts.find(|part| part.subject == subject);
        if part.is_some_and(|part| part.vk_digest != *keys.verifying_key().digest()) {
            let message = format!("{} is for another circuit of this model", path.display());
            return Err(Failure::new(Kind::Usage, message).help(
                "what is hidden is another circuit's: commit with the same --hide-input and \
                 --hide-output",
            ));
        }
        let cells = keys.circuit().parameter_cells(&loaded.params);
        let cells = cells.or_fail(Kind::Input)?;
        Ok(Self {
            committed,
            commitment: commitments::check_open(path, committed, &loaded.graph, &cells, srs)?,
            subject,
            cells,
        })
    }

    /// The link that goes beside the proof, and its length.
    fn link(
        &self,
        keys: &InferenceKeys,
        weights: Option<&ProvedWeights>,
        blinding: &Blinding,
    ) -> Result<(Links, usize)> {
        let missing = || Failure::new(Kind::Input, "the commitment or the key names no parameters");
        let part = self.commitment.part(&self.subject).ok_or_else(missing)?;
        let proved = Proved {
            vk: keys.verifying_key(),
            list: 0,
            weights: weights.ok_or_else(missing)?,
            cells: &self.cells,
            blinding,
        };
        let link = proved
            .link_to(part, &self.committed.opening, OsRng)
            .or_fail(Kind::Input)?;
        let bytes = link.bytes.len();
        Ok((Links { links: vec![link] }, bytes))
    }
}

/// The salt's file, beside the proof.
fn salt_file(proof: &Path, name: &str) -> PathBuf {
    let mut path = proof.as_os_str().to_owned();
    path.push(format!(".{name}-salt"));
    path.into()
}

/// What a proof says of values: themselves, or their digest.
fn disclosed(seal: Option<&Seal>, values: Vec<i64>) -> (Option<Hidden>, Vec<i64>) {
    match seal {
        Some(seal) => {
            let (digest, count) = (seal.digest, values.len() as u32);
            (Some(Hidden { digest, count }), Vec::new())
        }
        None => (None, values),
    }
}

/// Keys of an architecture: a function of it, of what is hidden and of the SRS alone.
pub fn keys(
    context: &Context,
    graph: &CheckedGraph,
    hidden: Hides,
    identity: &[u8; 32],
) -> Result<(InferenceKeys, Srs)> {
    let (layout, shape) = lay_out(&context.setting(), graph, hidden)?;
    let srs = srs::load(&context.setting(), identity, shape.k)?;
    let architecture = graph.digest().or_fail(Kind::Internal)?;
    let keys = InferenceKeys::generate(&architecture, Arc::new(layout), shape, &srs);
    let keys = keys.or_fail(Kind::Internal)?;
    Ok((keys, srs))
}
