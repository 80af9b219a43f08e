//! `nascent demo`: the whole chain on a bundled model, by the commands that anyone would run, then
//! lies about it, each refused.

mod lies;

use crate::arguments::DEVELOPMENT_NOTICE;
use crate::failure::{Classify, Explain, Failure, Kind, Result};
use crate::files;
use crate::machine;
use crate::output::{self, Context, Outcome, count};
use clap::Parser;
use lies::{lies, other_round};
use nascent::Pool;
use nascent_verifier::{Chain, Srs, VerifyingKey, verify_chain};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// LeNet-5, without weights: the architecture is all that a plan needs.
const LENET5: &[u8] = include_bytes!("../../../../examples/models/lenet5.onnx");
/// Inputs for it: a few for the ranges, the first of them as a question.
const SAMPLES: &[u8] = include_bytes!("../../../../examples/inference/lenet5-average.samples.npz");
/// Deviates of 16 bits, 11 of them behind the point: weights that fit small tables as they are.
const RULES: &str = "version = 1\nprecision = { limb_bits = 16, fraction_bits = 11 }\n";

/// A round of drand's quicknet, published on 2023-08-23.
const SOURCE: &str = "drand:network=quicknet,round=123";
const SIGNATURE: &str = "\
b75c69d0b72a5d906e854e808ba7e2accb1542ac355ae486d591aa9d43765482\
e26cd02df835d3546d23c4b13e0dfc92";

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Keep the files in this folder [default: a temporary one, removed at the end]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Another model: ONNX
    #[arg(long, value_name = "FILE", requires = "samples")]
    model: Option<PathBuf>,
    /// Its inputs, as `nascent compile` takes them; the first is the question
    #[arg(long, value_name = "FILE", requires = "model")]
    samples: Option<PathBuf>,
}

pub fn run(context: &Context, args: Args) -> Result<Outcome> {
    let temporary;
    let folder = match &args.out {
        Some(folder) => {
            std::fs::create_dir_all(folder).or_fail(Kind::Environment)?;
            folder.as_path()
        }
        None => {
            temporary = tempfile::tempdir().or_fail(Kind::Environment)?;
            temporary.path()
        }
    };
    let bundled = |given: &Option<PathBuf>, name: &str, bytes: &[u8]| match given {
        Some(path) => Ok(path.clone()),
        None => {
            let path = folder.join(name);
            files::write(&path, bytes).map(|()| path)
        }
    };
    let demo = Demo {
        context,
        silent: Context {
            memory: context.memory,
            columns: None,
            going: output::Going::default(),
            json: true,
            quiet: true,
            cache: context.cache.clone(),
            _temporary: None,
        },
        folder,
        model: &bundled(&args.model, "lenet5.onnx", LENET5)?,
        samples: &bundled(&args.samples, "samples.npz", SAMPLES)?,
    };
    demo.run()
}

/// Where the steps' files are.
struct Demo<'a> {
    context: &'a Context,
    /// For the commands of the steps: the demo tells what they did.
    silent: Context,
    folder: &'a Path,
    /// The model's architecture.
    model: &'a Path,
    /// Inputs for it.
    samples: &'a Path,
}

/// What the figures at the end are made of.
struct Figures {
    derive: Duration,
    prove: Value,
    relayout: Value,
    answer: Value,
    chain: Value,
    verify: Value,
}

impl Demo<'_> {
    fn run(&self) -> Result<Outcome> {
        let started = Instant::now();
        self.plan()?;
        self.beacon()?;
        let derive = self.derive()?;
        let k = self.compile()?;
        let prove = self.prove(k)?;
        let relayout = self.relayout()?;
        let answer = self.answer()?;
        let (chain, verify) = self.chain()?;
        let refusals = self.lies()?;
        let figures = Figures {
            derive,
            prove,
            relayout,
            answer,
            chain,
            verify,
        };
        let total = started.elapsed();
        self.print_figures(&figures, total);
        self.context.notice(DEVELOPMENT_NOTICE);
        let mut json = figures.json(total);
        json["refusals"] = refusals;
        Ok(Outcome::ok(json))
    }

    fn file(&self, name: &str, bytes: &[u8]) -> Result<()> {
        files::write(&self.folder.join(name), bytes)
    }

    /// Runs one of this program's commands, whose words are separated by spaces. A word that begins
    /// with `@` is a file of the demo.
    fn run_command(&self, line: &str) -> Result<Outcome> {
        let words = line
            .split_whitespace()
            .map(|word| match word.strip_prefix('@') {
                Some("onnx") => self.model.as_os_str().to_owned(),
                Some("samples") => self.samples.as_os_str().to_owned(),
                Some(name) => self.folder.join(name).into_os_string(),
                None => word.into(),
            });
        let words = std::iter::once("nascent".into()).chain(words);
        let cli = crate::Cli::try_parse_from(words).or_fail(Kind::Internal)?;
        let outcome = cli.command.run(&self.silent);
        outcome.doing(format!("nascent {line}"))
    }

    /// The result of a command.
    fn command(&self, line: &str) -> Result<Value> {
        self.run_command(line).map(|outcome| outcome.json)
    }

    fn step(&self, number: u32, text: &str) {
        self.context.section(format!("{number}. {text}"));
    }

    fn line(&self, name: &str, text: impl AsRef<str>) {
        let text = text.as_ref();
        self.context.result(format!("   {name:<15}{text}"));
    }

    fn plan(&self) -> Result<()> {
        self.step(
            1,
            "PLAN: before the beacon value is known, fix model, rules and publisher.",
        );
        self.file("rules.toml", RULES.as_bytes())?;
        // A folder that is kept may have one: a secret is never replaced.
        if !self.folder.join("secret").exists() {
            self.command("secret new --out @secret")?;
        }
        let plan = self.command(&format!(
            "plan @onnx --rules @rules.toml --secret @secret --source {SOURCE} --out \
             @plan.nsc --force"
        ))?;
        let plan = &plan["plan"];
        let model = &plan["model"];
        self.line(
            "model",
            format!(
                "{}: {} weights in {} tensors",
                word(&model["name"]),
                count(number(&model["sampled_weights"])),
                number(&model["tensors"])
            ),
        );
        self.line("plan digest", word(&plan["digest"]));
        self.line(
            "publisher key",
            format!(
                "{} (its secret stays private)",
                word(&plan["publisher_key"])
            ),
        );
        Ok(())
    }

    fn beacon(&self) -> Result<()> {
        self.step(
            2,
            "BEACON: the value is published. Nobody could choose it, or know it before.",
        );
        let signature =
            files::hex_bytes(SIGNATURE).map_err(|error| Failure::new(Kind::Internal, error))?;
        self.file("round-123.sig", &signature)?;
        let packed = self.command(&format!(
            "beacon pack @round-123.sig --source {SOURCE} --out @beacon.nsc --force"
        ))?;
        self.line("source", word(&packed["source"]));
        self.line("value", word(&packed["value"]));
        self.line("shown", word(&packed["shows"]));
        for open in list(&packed["leaves_open"]) {
            self.line("not shown", word(open));
        }
        self.line(
            "recorded",
            "this round is long out; a real plan names one to come",
        );
        Ok(())
    }

    fn derive(&self) -> Result<Duration> {
        self.step(
            3,
            "INIT: secret and beacon value give the weights. There is nothing left to choose.",
        );
        let started = Instant::now();
        let made = self.command(
            "init @plan.nsc --evidence @beacon.nsc --secret @secret --weights \
             @weights.safetensors --model @onnx --onnx @initialized.onnx --force",
        )?;
        let time = started.elapsed();
        self.line(
            "weights",
            format!(
                "{} numbers, as safetensors and as ONNX, in {}",
                count(number(&made["weights"]["elements"])),
                output::duration(time)
            ),
        );
        Ok(time)
    }

    /// Gives the size of the circuits.
    fn compile(&self) -> Result<u64> {
        self.step(
            4,
            "MODEL: in fixed point. Its weights are the derived integers themselves, not rounded again.",
        );
        let made = self.command(
            "compile @initialized.onnx --plan @plan.nsc --samples @samples --out @model \
             --force",
        )?;
        self.line("architecture", word(&made["architecture"]));
        self.line(
            "weights",
            format!("{} are the plan's", count(number(&made["derived_weights"]))),
        );
        self.line(
            "circuit",
            format!(
                "2^{} rows, {} columns, tables of {} bits",
                made["k"], made["advice_columns"], made["table_bits"]
            ),
        );
        Ok(number(&made["k"]))
    }

    fn prove(&self, k: u64) -> Result<Value> {
        self.step(
            5,
            "PROVE: the committed weights are exactly the derived ones; neither they nor the secret are shown.",
        );
        let mut made = self.command(&format!(
            "prove @plan.nsc --evidence @beacon.nsc --secret @secret --k {k} --job @job \
             --commit @weights.commitment --opening @opening --development-srs --out \
             @initial.proofs --force"
        ))?;
        self.line(
            "proofs",
            format!(
                "{}, {} in all, in {}",
                made["proofs"],
                output::bytes(number(&made["proof_bytes"])),
                seconds(&made["seconds"])
            ),
        );
        self.line("commitment", word(&made["commitment"]["digest"]));
        made["k"] = k.into();
        Ok(made)
    }

    fn relayout(&self) -> Result<Value> {
        self.step(
            6,
            "COMMIT: to the model's parameters; a proof says that its weights are those of step 5.",
        );
        let committed = self.command(
            "commit @model --out @quantized.commitment --opening @opening --development-srs \
             --force",
        )?;
        self.line("commitment", word(&committed["digest"]));
        let made = self.command(
            "prove relayout @model --plan @plan.nsc --evidence @beacon.nsc --secret @secret \
             --commitment @weights.commitment --commitment @quantized.commitment --opening \
             @opening --development-srs --out @model.relayout --force",
        )?;
        self.line("proof", proof_words(&made));
        Ok(made)
    }

    fn answer(&self) -> Result<Value> {
        self.step(
            7,
            "ANSWER: what the committed model says, with a proof that it is that.",
        );
        let made = self.command(
            "prove inference @model --input @samples --commitment @quantized.commitment \
             --opening @opening --development-srs --out @answer.inference --force",
        )?;
        for output in list(&made["outputs"]) {
            let values: Vec<String> = list(&output["values"])
                .filter_map(Value::as_f64)
                .take(10)
                .map(|value| format!("{value:.3}"))
                .collect();
            self.line(word(&output["name"]), values.join(" "));
        }
        self.line("proof", proof_words(&made));
        Ok(made)
    }

    fn chain(&self) -> Result<(Value, Value)> {
        self.step(
            8,
            "VERIFY: all of it in one file, and from that file alone, as anyone would.",
        );
        let made = self.command(
            "chain @initial.proofs @weights.commitment @quantized.commitment @model.relayout \
             @answer.inference @model --out @model.chain --force",
        )?;
        let picture = self.folder.join("chain.svg");
        if picture.exists() {
            std::fs::remove_file(&picture).or_fail(Kind::Environment)?;
        }
        let verified = self.command("verify @model.chain --development-srs --rederive-key --plan @plan.nsc --model @onnx --rules @rules.toml --picture @chain.svg")?;
        for step in list(&verified["steps"]) {
            self.line("", word(&step["title"]));
            for shown in list(&step["shows"]) {
                self.line("", format!("  + {}", word(shown)));
            }
            for open in list(&step["leaves_open"]) {
                self.line("", format!("  - not shown: {}", word(open)));
            }
        }
        self.line(
            "accepted",
            format!(
                "{} proofs and {} links in {}",
                verified["proofs"],
                verified["links"],
                seconds(&verified["verify_seconds"])
            ),
        );
        for open in list(&verified["leaves_open"]) {
            self.line("nowhere shown", word(open));
        }
        Ok((made, verified))
    }

    /// Every lie must be refused; one that passes ends the demo with a failure.
    fn lies(&self) -> Result<Value> {
        self.step(9, "TAMPER: the same chain, with a lie each.");
        let srs = Srs::development().or_fail(Kind::Internal)?;
        let honest: Chain = files::read(&self.folder.join("model.chain"))?;
        let keys = honest.attachments.keys.iter().cloned();
        let keys = keys
            .map(VerifyingKey::new)
            .collect::<std::result::Result<Vec<_>, _>>();
        let keys = keys.or_fail(Kind::Internal)?;
        let find = |digest: &[u8; 32]| keys.iter().find(|key| key.digest() == digest);
        let mut refused = Vec::new();
        let mut refuse = |name: &str, reason: String| {
            self.line("refused", format!("{name:<31}{reason}"));
            refused.push(json!({ "lie": name, "reason": reason }));
        };
        for lie in lies(&honest) {
            match verify_chain(&lie.chain, find, &srs, &Pool) {
                Err(error) => {
                    let failure = Failure::from_error(Kind::Refused, error);
                    refuse(lie.name, failure.messages().join(": "));
                }
                Ok(_) => {
                    let message = format!("a chain with {} was ACCEPTED", lie.name);
                    return Err(Failure::new(Kind::Internal, message).help("please report this"));
                }
            }
        }
        for of in &honest.initializations {
            refuse("another round's signature", other_round(&of.bundle.beacon)?);
        }
        refuse("one bit of one weight changed", self.changed_weight()?);
        refuse(
            "a verdict written by the file",
            lies::written_verdict(&honest)?,
        );
        refuse("a graph that is not the model", self.other_graph()?);
        refuse("an embedding beside its list", self.other_embedding()?);
        Ok(refused.into())
    }

    /// A chain about an integer graph of the publisher's own: every proof and link of it holds, and each
    /// deviate is in its place; gives what the verifier says who has the model's file.
    fn other_graph(&self) -> Result<String> {
        lies::other_graph(&self.folder.join("model"), &self.folder.join("other"))?;
        self.command(
            "commit @other --out @other.commitment --opening @opening --development-srs --force",
        )?;
        self.command(
            "prove relayout @other --plan @plan.nsc --evidence @beacon.nsc --secret @secret \
             --commitment @weights.commitment --commitment @other.commitment --opening @opening \
             --development-srs --out @other.relayout --force",
        )?;
        self.command(
            "chain @initial.proofs @weights.commitment @other.commitment @other.relayout @other \
             --out @other.chain --force",
        )?;
        match self.run_command(
            "verify @other.chain --development-srs --rederive-key --plan @plan.nsc --model @onnx \
             --rules @rules.toml",
        ) {
            Err(failure) if failure.kind() == Kind::Refused => {
                Ok(failure.messages().last().cloned().unwrap_or_default())
            }
            Err(failure) => Err(failure),
            Ok(_) => Err(Failure::new(
                Kind::Internal,
                "a graph that is not the model was ACCEPTED",
            )
            .help("please report this")),
        }
    }

    /// An embedding whose table no contraction uses, with other numbers than the list of origins has: the
    /// relayout's circuit holds them, and the prover says which cell has no proof.
    fn other_embedding(&self) -> Result<String> {
        lies::other_embedding(&self.folder.join("model"), &self.folder.join("embedding"))?;
        match self.run_command(
            "prove relayout @embedding --plan @plan.nsc --evidence @beacon.nsc --secret @secret \
             --development-srs --out @embedding.relayout --force",
        ) {
            Err(failure) if failure.kind() == Kind::Input => {
                Ok(failure.messages().last().cloned().unwrap_or_default())
            }
            Err(failure) => Err(failure),
            Ok(_) => Err(Failure::new(
                Kind::Internal,
                "an embedding that the list does not have was PROVED",
            )
            .help("please report this")),
        }
    }

    /// Flips a bit of the last weight in the file; gives what the audit says.
    fn changed_weight(&self) -> Result<String> {
        let weights = self.folder.join("weights.safetensors");
        let length = std::fs::metadata(&weights)
            .or_fail(Kind::Environment)?
            .len();
        let limit = usize::try_from(length).or_fail(Kind::Environment)?;
        let mut bytes = files::read_bounded(&weights, limit)?;
        if let Some(byte) = bytes.last_mut() {
            *byte ^= 0x40;
        }
        self.file("changed.safetensors", &bytes)?;
        let outcome = self.run_command(
            "audit @plan.nsc @changed.safetensors --evidence @beacon.nsc --secret @secret",
        )?;
        if !outcome.refused {
            let message = "the audit did not see a changed weight";
            return Err(Failure::new(Kind::Internal, message));
        }
        let found = number(&outcome.json["mismatches"]);
        Ok(format!("audit: {found} weight differs"))
    }

    fn print_figures(&self, figures: &Figures, total: Duration) {
        self.context.section("FIGURES of this machine");
        let prove = &figures.prove;
        self.line("derived", output::duration(figures.derive));
        self.line(
            "weights proved",
            format!(
                "in {}: {} weights/s",
                seconds(&prove["proving_seconds"]),
                count(rounded(&prove["weights_per_second"]))
            ),
        );
        self.line("relayout", proof_words(&figures.relayout));
        self.line("answer", proof_words(&figures.answer));
        self.line(
            "verified",
            format!(
                "the chain of {} in {}",
                output::bytes(number(&figures.chain["bytes"])),
                seconds(&figures.verify["verify_seconds"])
            ),
        );
        if let Some(peak) = machine::peak_memory() {
            self.line("peak memory", output::bytes(peak));
        }
        self.line("all of it", output::duration(total));
        self.context.result("");
    }
}

impl Figures {
    fn json(&self, total: Duration) -> Value {
        json!({
            "derive_seconds": self.derive.as_secs_f64(),
            "initialization": self.prove,
            "relayout": self.relayout,
            "answer": self.answer,
            "chain": self.chain,
            "verification": self.verify,
            "peak_memory_bytes": machine::peak_memory(),
            "total_seconds": total.as_secs_f64(),
        })
    }
}

/// Size of a proof and the time that it took.
fn proof_words(made: &Value) -> String {
    format!(
        "{} in {}, keys in {}",
        output::bytes(number(&made["proof_bytes"])),
        seconds(&made["prove_seconds"]),
        seconds(&made["key_seconds"])
    )
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

fn rounded(value: &Value) -> u64 {
    value.as_f64().unwrap_or(0.0) as u64
}

fn seconds(value: &Value) -> String {
    output::duration(Duration::from_secs_f64(value.as_f64().unwrap_or(0.0)))
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
