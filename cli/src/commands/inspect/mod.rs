//! `nascent inspect`: what a file is, how large, and what it holds.

mod outline;

use crate::arguments;
use crate::beside;
use crate::failure::{Classify, Explain, Failure, Kind, Result};
use crate::files;
use crate::output::{self, Context, Outcome, count};
use crate::tell::{self, key_json, key_lines};
use nascent::commitment::Opening;
use nascent::derive::SafetensorsFile;
use nascent::fills;
use nascent::plan::{ModelReport, PlanReport};
use nascent::relayout::StatementReport;
use nascent_compiler::infer::Profile;
use nascent_compiler::{Architecture, Limits};
use nascent_ir::Origins;
use nascent_params::SrsCache;
use nascent_verifier::InferenceBundle;
use nascent_verifier::chain::Origin;
use nascent_verifier::codec::Format;
use nascent_verifier::digest::keccak256;
use nascent_verifier::link::CommittedTo;
use nascent_verifier::text::Quoted;
use nascent_verifier::{
    BeaconValue, Chain, CommitmentData, InitBundle, Links, ModelSpec, Plan, RelayoutBundle,
    weight_digest,
};
use serde_json::{Value, json};
use std::io::Read;
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Any file: plan, proof bundle, key, SRS, weights, model
    file: PathBuf,
}

/// Files up to here are read whole and hashed.
const MAX_BYTES: usize = InitBundle::MAX_BYTES;

pub fn run(context: &Context, args: Args) -> Result<Outcome> {
    let path = &args.file;
    let doing = || format!("reading {}", path.display());
    let metadata = std::fs::metadata(path)
        .or_fail(Kind::Environment)
        .doing(doing())?;
    if !metadata.is_file() {
        return Err(Failure::new(
            Kind::Environment,
            format!("{} is not a file", path.display()),
        ));
    }
    let mut start = Vec::new();
    let file = std::fs::File::open(path)
        .or_fail(Kind::Environment)
        .doing(doing())?;
    file.take(16)
        .read_to_end(&mut start)
        .or_fail(Kind::Environment)
        .doing(doing())?;
    context.result(format!(
        "{}: {}",
        path.display(),
        output::bytes(metadata.len())
    ));
    let (kind, details) = describe(context, path, &start)?;
    let mut json = json!({ "file": output::path(path), "bytes": metadata.len(), "kind": kind, "details": details });
    // The digest of a secret would let guesses be tried.
    if metadata.len() <= MAX_BYTES as u64 && !kind.starts_with("SECRET") {
        let digest = hex::encode(keccak256(&[&files::read_bounded(path, MAX_BYTES)?]));
        context.result(format!("{:<18}{digest}", "Keccak-256"));
        json["keccak256"] = digest.into();
    }
    Ok(Outcome::ok(json))
}

fn describe(context: &Context, path: &Path, start: &[u8]) -> Result<(&'static str, Value)> {
    let kind = files::what_is(start);
    if let Some(kind) = kind {
        context.result(format!("{:<18}{kind}", "kind"));
    }
    let details = match kind {
        Some("chain") => chain(context, path)?,
        Some("plan") => plan(context, path)?,
        Some("beacon value") => beacon(context, path)?,
        Some("proof bundle") => bundle(context, path)?,
        Some("model specification") => specification(context, path)?,
        Some("verifying key") => key(context, path)?,
        Some("verifier SRS") => verifier_srs(context, path)?,
        Some("weight commitment") => commitment(context, path)?,
        Some("file of links") => links(context, path)?,
        Some("SECRET opening of a commitment") => opening(context, path)?,
        Some("cached SRS") => cached_srs(context, path)?,
        Some("relayout") => {
            let bundle: RelayoutBundle = files::read(path)?;
            tell::relayout(context, &bundle.statement);
            output::json(&StatementReport::new(&bundle))?
        }
        Some("list of origins") => origins(context, path)?,
        Some("profile") => profile(context, path)?,
        // Their values are numbers without end, or for the job alone.
        Some(
            "parameter file"
            | "job of proofs"
            | "finished tile of a job"
            | "commitment to a tile of a job, with its link",
        ) => {
            let version = start.get(8..10).and_then(|bytes| bytes.try_into().ok());
            json!({ "version": version.map(u16::from_le_bytes) })
        }
        _ => return foreign(context, path, start),
    };
    Ok((kind.unwrap_or_default(), details))
}

fn profile(context: &Context, path: &Path) -> Result<Value> {
    let profile: Profile = files::read(path)?;
    let line = |name: &str, value: String| context.result(format!("{name:<18}{value}"));
    let digest = hex::encode(profile.digest().or_fail(Kind::Input)?);
    let architecture = hex::encode(profile.architecture);
    let model = profile.model.map(hex::encode);
    line("digest", digest.clone());
    line("architecture", architecture.clone());
    line(
        "weights",
        match &model {
            Some(model) => format!("deviates of the plan's model {model}"),
            None => "a checkpoint's, rounded".to_owned(),
        },
    );
    line("fixed point", profile.to_string());
    let decisions = profile.ties.iter().chain(&profile.decisions);
    let decisions: Vec<String> = decisions.map(|of| format!("{of:?}")).collect();
    line("decisions", decisions.join(" "));
    let dims = profile.dims.iter();
    let dims: serde_json::Map<String, Value> = dims
        .map(|(name, size)| (name.clone(), (*size).into()))
        .collect();
    Ok(json!({
        "digest": digest,
        "architecture": architecture,
        "model": model,
        "batch": profile.batch,
        "dims": dims,
        "activation_bits": profile.activation_bits,
        "weight_bits": profile.weight_bits,
        "table_bits": profile.table_bits,
        "decisions": decisions,
    }))
}

fn plan(context: &Context, path: &Path) -> Result<Value> {
    let plan: Plan = files::read(path)?;
    arguments::print_plan(context, &plan)?;
    output::json(&PlanReport::new(&plan)?)
}

fn specification(context: &Context, path: &Path) -> Result<Value> {
    let spec: ModelSpec = files::read(path)?;
    let counts = fills::counts(&spec.fill_counts());
    context.result(format!("{:<18}{counts}", "values"));
    tell::fills(context, &spec);
    output::json(&ModelReport::new(&spec)?)
}

fn beacon(context: &Context, path: &Path) -> Result<Value> {
    let value: BeaconValue = files::read(path)?;
    let fields = [
        ("source", value.source.to_string()),
        ("value", hex::encode(&value.value)),
        ("evidence", format!("{} bytes", value.evidence.len())),
    ];
    for (name, text) in &fields {
        context.result(format!("{name:<18}{text}"));
    }
    context.result("Nothing is checked by looking: use `nascent beacon check`.");
    let fields = fields.into_iter();
    Ok(fields
        .map(|(name, text)| (name.to_owned(), text.into()))
        .collect::<serde_json::Map<String, Value>>()
        .into())
}

fn bundle(context: &Context, path: &Path) -> Result<Value> {
    let bundle: InitBundle = files::read(path)?;
    arguments::print_plan(context, &bundle.plan)?;
    let line = |name: &str, value: String| context.result(format!("{name:<18}{value}"));
    let proof_bytes: u64 = bundle
        .tiles
        .iter()
        .map(|tile| tile.proof.len() as u64)
        .sum();
    line("beacon digest", hex::encode(bundle.beacon.digest()));
    line("SRS", nascent::srs::words(&bundle.srs_digest));
    line(
        "proofs",
        format!(
            "{}, {} in all",
            count(bundle.tiles.len() as u64),
            output::bytes(proof_bytes)
        ),
    );
    for (index, stream) in bundle.streams.iter().enumerate() {
        line(
            "key",
            format!(
                "stream {index}: k {}, {}",
                stream.k,
                hex::encode(stream.vk_digest)
            ),
        );
    }
    let digests = bundle.claimed_digests();
    for (index, digest) in digests.iter().flatten().enumerate() {
        line(
            "weight digest",
            format!("stream {index}: {}", hex::encode(digest)),
        );
    }
    let digest = digests.as_deref().map(weight_digest).map(hex::encode);
    if let Some(digest) = &digest {
        line("weight digest", format!("of the model: {digest}"));
    }
    context.result("Nothing is verified by looking: use `nascent verify`.");
    let streams = bundle.streams.iter();
    let streams =
        streams.map(|stream| json!({ "k": stream.k, "key": hex::encode(stream.vk_digest) }));
    Ok(json!({
        "plan": output::json(&PlanReport::new(&bundle.plan)?)?,
        "beacon_digest": hex::encode(bundle.beacon.digest()),
        "srs": hex::encode(bundle.srs_digest),
        "development_srs": nascent::srs::is_development(&bundle.srs_digest),
        "streams": streams.collect::<Vec<_>>(),
        "proofs": bundle.tiles.len(),
        "proof_bytes": proof_bytes,
        "weight_digest": digest,
        "stream_digests": digests.map(|digests| {
            digests.iter().map(hex::encode).collect::<Vec<_>>()
        }),
    }))
}

fn key(context: &Context, path: &Path) -> Result<Value> {
    let key = beside::read_key(path)?;
    for line in key_lines(&key) {
        context.result(line);
    }
    Ok(key_json(&key))
}

fn commitment(context: &Context, path: &Path) -> Result<Value> {
    let data: CommitmentData = files::read(path)?;
    let line = |name: &str, value: String| context.result(format!("{name:<18}{value}"));
    let digest = hex::encode(data.digest().or_fail(Kind::Input)?);
    line("digest", digest.clone());
    line("SRS", nascent::srs::words(&data.srs_digest));
    let mut parts = Vec::new();
    for part in &data.parts {
        let (columns, key) = (part.points.len(), hex::encode(part.vk_digest));
        let (words, mut details) = match &part.subject {
            CommittedTo::Parameters { architecture } => {
                let architecture = hex::encode(architecture);
                (
                    format!("parameters of the architecture {architecture}"),
                    json!({ "kind": "parameters", "architecture": architecture }),
                )
            }
            CommittedTo::Tile {
                plan,
                beacon,
                stream,
                index,
            } => (
                format!(
                    "tile {index} of stream {stream} of the plan {}",
                    hex::encode(plan)
                ),
                json!({
                    "kind": "tile",
                    "plan": hex::encode(plan),
                    "beacon_digest": hex::encode(beacon),
                    "stream": stream,
                    "index": index,
                }),
            ),
        };
        line("weights", words);
        line("", format!("{columns} columns of the key {key}"));
        line(
            "",
            format!("opened by the secret {}", hex::encode(part.opening)),
        );
        details["opening"] = hex::encode(part.opening).into();
        details["columns"] = columns.into();
        details["key"] = key.into();
        parts.push(details);
    }
    Ok(json!({
        "digest": digest,
        "srs": hex::encode(data.srs_digest),
        "development_srs": nascent::srs::is_development(&data.srs_digest),
        "parts": parts,
    }))
}

fn links(context: &Context, path: &Path) -> Result<Value> {
    let file: Links = files::read(path)?;
    let mut links = Vec::new();
    for link in &file.links {
        let (proof, other) = (hex::encode(link.proof), hex::encode(link.other));
        context.result(format!("{:<18}from {proof}", "link"));
        context.result(format!("{:<18}to   {other}", ""));
        links.push(json!({ "proof": proof, "other": other, "bytes": link.bytes.len() }));
    }
    Ok(json!({ "links": links }))
}

/// Which commitments the secret belongs to, and nothing else of it.
fn opening(context: &Context, path: &Path) -> Result<Value> {
    let opening: Opening = files::read(path)?;
    let id = hex::encode(opening.id());
    context.result(format!(
        "{:<18}commitments of the secret {id}",
        "belongs to"
    ));
    Ok(json!({ "id": id }))
}

fn origins(context: &Context, path: &Path) -> Result<Value> {
    let origins: Origins = files::read(path)?;
    let fields = [
        (
            "digest",
            hex::encode(origins.digest().or_fail(Kind::Input)?),
        ),
        ("model digest", hex::encode(origins.model)),
        ("architecture", hex::encode(origins.architecture)),
        ("parameters", origins.params.len().to_string()),
    ];
    for (name, value) in &fields {
        context.result(format!("{name:<18}{value}"));
    }
    let fields = fields.into_iter();
    Ok(fields
        .map(|(name, value)| (name.to_owned(), Value::from(value)))
        .collect::<serde_json::Map<_, _>>()
        .into())
}

fn verifier_srs(context: &Context, path: &Path) -> Result<Value> {
    let srs = beside::read_srs(path)?;
    context.result(format!(
        "{:<18}{}",
        "SRS",
        nascent::srs::words(&srs.digest())
    ));
    Ok(json!({ "srs": hex::encode(srs.digest()), "development": srs.is_development() }))
}

fn cached_srs(context: &Context, path: &Path) -> Result<Value> {
    let full = path.canonicalize().or_fail(Kind::Environment)?;
    let entries = SrsCache::new(full.parent().unwrap_or(Path::new("."))).entries()?;
    let entry = entries
        .into_iter()
        .find(|entry| entry.path == full)
        .ok_or_else(|| {
            Failure::new(
                Kind::Input,
                format!(
                    "{} is damaged, or not under the name it was given",
                    path.display()
                ),
            )
        })?;
    context.result(format!(
        "{:<18}{}",
        "SRS",
        nascent::srs::words(&entry.identity)
    ));
    context.result(format!("{:<18}2^{}", "size", entry.k));
    Ok(json!({
        "srs": hex::encode(entry.identity),
        "k": entry.k,
        "development": nascent::srs::is_development(&entry.identity),
    }))
}

fn chain(context: &Context, path: &Path) -> Result<Value> {
    let chain: Chain = files::read(path)?;
    let line = |name: &str, text: String| context.result(format!("{name:<18}{text}"));
    let mut plans = Vec::new();
    for of in &chain.initializations {
        let (plan, tiles) = (&of.bundle.plan, of.bundle.tiles.len());
        arguments::print_plan(context, plan)?;
        line("tiles", count(tiles as u64));
        plans.push(json!({ "plan": output::json(&PlanReport::new(plan)?)?, "tiles": tiles }));
    }
    let mut versions = Vec::new();
    for version in &chain.versions {
        let origin = match &version.origin {
            Origin::Initial(_) => "initial".to_owned(),
            Origin::Declared { words, .. } => format!("declared: {}", Quoted(words)),
        };
        line("weights", format!("{}, {origin}", Quoted(&version.name)));
        versions.push(json!({ "name": version.name, "origin": origin }));
    }
    line("answers", count(chain.answers.len() as u64));
    line("links", count(chain.links.links.len() as u64));
    line("SRS", nascent::srs::words(chain.srs_digest()));
    Ok(json!({
        "initializations": plans,
        "versions": versions,
        "answers": chain.answers.len(),
        "links": chain.links.links.len(),
        "srs": hex::encode(chain.srs_digest()),
    }))
}

/// Files of other makers.
fn foreign(context: &Context, path: &Path, start: &[u8]) -> Result<(&'static str, Value)> {
    let line = |kind: &str| context.result(format!("{:<18}{kind}", "kind"));
    if start.starts_with(b"ptau") {
        line("powers of tau; `nascent srs import` checks and keeps it");
        return Ok(("ptau", json!({})));
    }
    if start.starts_with(&InferenceBundle::MAGIC) {
        let bundle: InferenceBundle = files::read(path)?;
        let fields = [
            ("architecture", hex::encode(bundle.architecture)),
            ("verifying key", hex::encode(bundle.vk_digest)),
            ("SRS", nascent::srs::words(&bundle.srs_digest)),
            ("inputs", bundle.inputs.len().to_string()),
            ("outputs", bundle.outputs.len().to_string()),
            ("proof", format!("{} bytes", bundle.proof.len())),
        ];
        for (name, value) in &fields {
            context.result(format!("{name:<18}{value}"));
        }
        let fields: serde_json::Map<String, Value> = fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect();
        return Ok(("inference", Value::Object(fields)));
    }
    if start.starts_with(&<nascent_ir::Graph as Format>::MAGIC) {
        let bytes = files::read_bounded(path, <nascent_ir::Graph as Format>::MAX_BYTES)?;
        let graph = nascent_ir::CheckedGraph::decode(&bytes)
            .or_fail(Kind::Input)
            .doing(format!("{} is not a valid architecture", path.display()))?;
        let digest = hex::encode(graph.digest().or_fail(Kind::Internal)?);
        context.result(format!("{:<18}{digest}", "digest"));
        context.result(format!("{:<18}{}", "operators", graph.nodes.len()));
        let json = json!({ "digest": digest, "operators": graph.nodes.len() });
        return Ok(("architecture", json));
    }
    // A safetensors file starts with the length of its header and an opening brace.
    if start.get(8) == Some(&b'{') {
        let file = SafetensorsFile::open(path)
            .or_fail(Kind::Input)
            .doing(format!(
                "{} is not a valid safetensors file",
                path.display()
            ))?;
        line("safetensors");
        for (name, value) in file.metadata() {
            context.result(format!("{}  {}", Quoted(name), Quoted(value)));
        }
        return Ok(("safetensors", json!({ "metadata": file.metadata() })));
    }
    if let Some((kind, details)) = outline::recognize(path, start) {
        line(kind);
        for (name, value) in details.as_object().into_iter().flatten() {
            context.result(format!("{name:<18}{value}"));
        }
        return Ok((kind, details));
    }
    let unknown = || format!("{} is no file that nascent knows", path.display());
    const KNOWN: &str = "known are plans, bundles, keys, SRS, .ptau, safetensors, ONNX and TOML descriptions (*.toml)";
    if path.extension().is_none_or(|extension| extension != "toml") {
        return Err(Failure::new(Kind::Input, unknown()).help(KNOWN));
    }
    let architecture = Architecture::open(path, &Limits::default())
        .map_err(|error| Failure::from(error).context(unknown()).help(KNOWN))?;
    match architecture {
        Architecture::Onnx(_) => Err(Failure::new(Kind::Input, unknown()).help(KNOWN)),
        Architecture::Description(description) => {
            line("model description");
            context.result(format!(
                "{:<18}{}",
                "parameters",
                description.parameters.len()
            ));
            Ok((
                "description",
                json!({ "name": description.name, "parameters": description.parameters.len() }),
            ))
        }
    }
}
