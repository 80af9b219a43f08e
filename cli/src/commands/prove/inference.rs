//! `nascent prove inference`.

use crate::arguments::{DEVELOPMENT_NOTICE, SrsArgs};
use crate::beside::{key_file, links_file};
use crate::commitments;
use crate::failure::{Classify, Explain, Kind, Result};
use crate::machine;
use crate::output::{self, Context, Outcome, count};
use crate::parts::Parts;
use crate::paths::Paths;
use crate::secret::read_salt;
use crate::subject::{Subject, show_outputs};
use nascent::answer::{Circuit, Salts};
use nascent::model::{GRAPH, Hidden};
use nascent_verifier::codec::Format;
use nascent_verifier::{Links, VkData};
use rand_core::OsRng;
use std::path::{Path, PathBuf};
use std::time::Instant;

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

    /// Salts that are there, of a run that was stopped.
    fn salts(&self) -> Result<Salts> {
        let kept = |hide: bool, name| match hide {
            true => read_salt(&salt_file(&self.out, name)),
            false => Ok(None),
        };
        Ok(Salts {
            inputs: kept(self.hide_input, "input")?,
            outputs: kept(self.hide_output, "output")?,
        })
    }
}

/// `nascent prove inference`.
pub fn prove(context: &Context, args: ProveArgs) -> Result<Outcome> {
    let paths = args.paths().check()?;
    let identity = args.srs.identity(context)?;
    let committed = match (&args.commitment, &args.opening) {
        (Some(commitment), Some(opening)) => Some(commitments::load(commitment, opening)?),
        _ => None,
    };
    let (model, given) = args.subject.load(1)?;
    let started = Instant::now();
    let (setting, hidden) = (
        context.setting(),
        Hidden {
            inputs: args.hide_input,
            outputs: args.hide_output,
        },
    );
    let circuit = Circuit::new(&setting, &model.graph, hidden)?;
    machine::check_memory("the proof", circuit.memory(), args.any_memory).help(
        "--any-memory goes on anyway; a machine with more memory, or a smaller model, does not need it",
    )?;
    let prover = circuit.prover(&setting, &identity)?;
    let key_time = started.elapsed();
    let key_path = key_file(&args.out, prover.key().digest());
    paths.also_beside("the verifying key", &key_path, VkData::MAGIC)?;
    // Before the long work.
    let commitment = args.commitment.as_deref().unwrap_or(Path::new(""));
    let link_to = match &committed {
        Some(committed) => {
            let link_to = prover.link_to(&model.params, committed);
            Some(link_to.map_err(|error| commitments::refused(error, commitment))?)
        }
        None => None,
    };
    let made = prover.prove(
        &setting,
        &model.params,
        &given.flat(0),
        args.salts()?,
        link_to.as_ref(),
        &mut OsRng,
    )?;
    let mut report = output::json(&made.report())?;
    let bundle = made.bundle;
    let link_bytes = made.link.as_ref().map(|link| link.bytes.len());
    let links = made.link.map(|link| Links { links: vec![link] });
    let salts = [("input", made.salts.inputs), ("output", made.salts.outputs)];
    let salts = salts.into_iter();
    let parts = Parts {
        proof: bundle.encode().or_fail(Kind::Internal)?,
        key: prover.key().encode().or_fail(Kind::Internal)?,
        links: match &links {
            Some(links) => Some(links.encode().or_fail(Kind::Internal)?),
            None => None,
        },
        salts: salts
            .filter_map(|(name, salt)| Some((salt_file(&args.out, name), salt?.text())))
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
    let links = link_bytes.map(|bytes| (links_file(&args.out), bytes));
    let shown = show_outputs(context, &model.outputs, &made.outputs);
    context.result(format!(
        "proof             {} bytes, made in {} after {} for the keys",
        count(bundle.proof.len() as u64),
        output::duration(made.time),
        output::duration(key_time),
    ));
    if let Some((path, bytes)) = &links {
        context.result(format!(
            "link              {} bytes to {}, in {}",
            count(*bytes as u64),
            commitment.display(),
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
    report["inference"] = output::path(&args.out);
    report["key"] = output::path(&key_path);
    report["salts"] = salts.iter().map(output::path).collect();
    report["key_seconds"] = key_time.as_secs_f64().into();
    report["peak_memory_bytes"] = machine::peak_memory().into();
    report["links"] = output::path_of(links.as_ref().map(|(path, _)| path));
    report["outputs"] = shown.into();
    Ok(Outcome::ok(report))
}

/// The salt's file, beside the proof.
fn salt_file(proof: &Path, name: &str) -> PathBuf {
    let mut path = proof.as_os_str().to_owned();
    path.push(format!(".{name}-salt"));
    path.into()
}
