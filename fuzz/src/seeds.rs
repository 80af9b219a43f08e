//! First inputs: the fixtures, the bundled models and small files made here.

use std::fs;
use std::io;
use std::path::Path;

use halo2_proofs::poly::commitment::Params;
use halo2_proofs::poly::kzg::commitment::ParamsKZG;
use halo2curves::bn256::Bn256;
use nascent_params::{Silent, Srs, SrsCache};
use nascent_verifier::Format;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

use crate::fixture::{BUNDLE, FIXTURE, NORMAL, SRS, UNIFORM};

/// Writes `.ptau` files, as the tests of the import do.
#[path = "../../params/tests/files/support.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod support;

/// Small graphs of every kind.
#[cfg(feature = "inference")]
#[path = "../../circuits/tests/inference/graphs.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod graphs;

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");

struct Corpus<'a>(&'a Path);

impl Corpus<'_> {
    fn add(&self, target: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
        let folder = self.0.join(target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(format!("seed-{name}")), bytes)
    }

    fn file<T: Format>(&self, target: &str, name: &str, value: &T) -> io::Result<()>
    where
        T::Error: Send + Sync + 'static,
    {
        let bytes = value.encode().map_err(io::Error::other)?;
        self.add(target, name, &bytes)
    }

    /// The files of a folder of `examples/`.
    fn copy(&self, target: &str, folder: &str) -> io::Result<()> {
        for entry in fs::read_dir(Path::new(EXAMPLES).join(folder))? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            self.add(target, &name, &fs::read(&path)?)?;
        }
        Ok(())
    }
}

/// Writes the inputs below a folder, one folder for each target.
///
/// # Errors
/// Failures of the file system.
pub fn write(folder: &Path) -> io::Result<()> {
    let corpus = Corpus(folder);
    verifier(&corpus)?;
    reference_strings(&corpus)?;
    for (target, folder) in [
        ("onnx", "models"),
        ("description", "descriptions"),
        ("rules", "rules"),
    ] {
        corpus.copy(target, folder)?;
    }
    #[cfg(feature = "audit")]
    weights(&corpus)?;
    #[cfg(feature = "inference")]
    inference(&corpus)?;
    #[cfg(feature = "beacons")]
    for (number, seed) in crate::evidence::seeds().iter().enumerate() {
        corpus.add("evidence", &number.to_string(), seed)?;
    }
    Ok(())
}

/// The file that an audit finds to be the same.
#[cfg(feature = "audit")]
fn weights(corpus: &Corpus<'_>) -> io::Result<()> {
    use nascent_prover::derive::{Metadata, write_safetensors};

    let scratch = tempfile::tempdir()?;
    let path = scratch.path().join("weights.safetensors");
    let deriver = crate::audit::deriver();
    write_safetensors(&deriver, &path, &Metadata::default(), &|_, _| ())
        .map_err(io::Error::other)?;
    corpus.add("safetensors", "audited", &fs::read(path)?)
}

/// Small files that ask for far more memory than anyone gives.
#[cfg(feature = "inference")]
fn huge() -> Vec<(&'static str, nascent_ir::CheckedGraph)> {
    use nascent_ir::{Builder, Conv, Op, Range, View};

    let range = Range::new(-8, 7);
    let input = |shape: &[u32]| {
        let mut builder = Builder::new("huge", 8);
        let x = builder.input("x", shape, range).expect("valid");
        (builder, x)
    };
    let mut graphs = Vec::new();
    for (name, elements) in [("elements-24", 1 << 24), ("elements-28", 1 << 28)] {
        let (mut builder, x) = input(&[1]);
        let shape = vec![elements];
        let wide = builder.push("y", Op::View(View::Expand { x, shape }));
        let most = Op::FoldMax {
            x: wide.expect("valid"),
        };
        let y = builder.push("z", most).expect("valid");
        graphs.push((name, builder.finish(&[y]).expect("checked")));
    }
    let (mut builder, x) = input(&[1, 1, 2, 2]);
    let w = builder.param("w", &[1, 1, 2, 2], range).expect("valid");
    let conv = Conv {
        x,
        w,
        strides: vec![u32::MAX; 2],
        pads: vec![((1 << 31) - 1, (1 << 31) - 1); 2],
        dilations: vec![1 << 31; 2],
        groups: 1,
    };
    // Nothing needs the product: only the plan is of interest.
    builder.push("y", Op::Conv(conv)).expect("valid");
    graphs.push(("dilation-31", builder.finish(&[x]).expect("checked")));
    graphs
}

/// The graphs of the circuits' tests, and an inference with all that hangs on it.
#[cfg(feature = "inference")]
fn inference(corpus: &Corpus<'_>) -> io::Result<()> {
    use crate::proved::PROVED;
    use nascent_ir::{Params, Scale, TensorId};
    use nascent_verifier::inference::Hidden;
    use nascent_verifier::{InferenceBundle, Links};

    for case in graphs::cases() {
        let bytes = case.graph.encode().map_err(io::Error::other)?;
        corpus.add("architecture", case.name, &bytes)?;
        corpus.add("rederive_key", case.name, &[&[0], &bytes[..]].concat())?;
        corpus.file("parameters", case.name, &case.params)?;
    }
    for (name, graph) in huge() {
        let bytes = graph.encode().map_err(io::Error::other)?;
        corpus.add("architecture", name, &bytes)?;
        corpus.add("rederive_key", name, &[&[0], &bytes[..]].concat())?;
    }
    let bytes = PROVED.graph.encode().map_err(io::Error::other)?;
    corpus.add("architecture", "proved", &bytes)?;
    corpus.file("inference", "proved", &PROVED.inference)?;
    let hidden = InferenceBundle {
        inputs: Vec::new(),
        hidden_inputs: Some(Hidden {
            digest: [1; 32],
            count: 20,
        }),
        ..PROVED.inference.clone()
    };
    corpus.file("inference", "hidden", &hidden)?;
    corpus.file("chain", "proved", &PROVED.chain)?;
    let mut bare = PROVED.chain.clone();
    bare.attachments = nascent_verifier::chain::Attachments::default();
    corpus.file("chain", "without-attachments", &bare)?;
    for (number, key) in PROVED.keys.iter().enumerate() {
        corpus.file("verifying_key", &format!("proved-{number}"), key.data())?;
    }
    corpus.file("relayout", "proved", &PROVED.relayout)?;
    corpus.file("commitment", "published", &PROVED.commitment)?;
    let mut two = PROVED.commitment.clone();
    two.parts.push(tile_part(&two));
    corpus.file("commitment", "two-parts", &two)?;
    corpus.file("links", "link", &PROVED.links)?;
    corpus.file("links", "none", &Links::default())?;
    corpus.file("links", "opening", &PROVED.opening)?;
    let mut params = PROVED.params.clone();
    corpus.file("parameters", "proved", &params)?;
    params
        .scales
        .extend(Scale::new(0.5).map(|scale| (TensorId(0), scale)));
    corpus.file("parameters", "scales", &params)?;
    corpus.file("parameters", "none", &Params::default())?;
    corpus.file("origins", "proved", &PROVED.origins)?;
    let origins = PROVED.origins.encode().map_err(io::Error::other)?;
    corpus.add("rederive_key", "origins", &[&[1], &origins[..]].concat())?;
    let mut none = PROVED.origins.clone();
    none.params.clear();
    none.public.clear();
    corpus.file("origins", "none", &none)
}

/// The points of another part, said to be those of a tile.
#[cfg(feature = "inference")]
fn tile_part(of: &nascent_verifier::CommitmentData) -> nascent_verifier::link::PartData {
    let subject = nascent_verifier::link::CommittedTo::Tile {
        plan: [2; 32],
        beacon: [3; 32],
        stream: 0,
        index: 0,
    };
    nascent_verifier::link::PartData {
        subject,
        ..of.parts[0].clone()
    }
}

fn verifier(corpus: &Corpus<'_>) -> io::Result<()> {
    corpus.add("verifying_key", "uniform", UNIFORM)?;
    corpus.add("verifying_key", "normal", NORMAL)?;
    corpus.add("srs_file", "development", SRS)?;
    corpus.add("bundle", "bundle", BUNDLE)?;
    let plan = &FIXTURE.bundle.plan;
    corpus.add("bundle", "plan", &plan.encode().map_err(io::Error::other)?)?;
    let model = plan.model.encode().map_err(io::Error::other)?;
    corpus.add("bundle", "model", &model)?;
    for (tile, index) in FIXTURE.bundle.tiles.iter().zip(0_u8..) {
        corpus.add(
            "proof",
            &format!("tile-{index}"),
            &[&[index], tile.proof.as_slice()].concat(),
        )?;
        for kind in 0..16 {
            let change = [0x80 | index, 7, kind, 3, 1];
            corpus.add("proof", &format!("change-{index}-{kind}"), &change)?;
        }
    }
    Ok(())
}

fn reference_strings(corpus: &Corpus<'_>) -> io::Result<()> {
    const POWER: u32 = 2;
    for (name, file) in [
        ("prepared", support::PtauFile::new(POWER)),
        ("unprepared", support::PtauFile::unprepared(POWER)),
    ] {
        // Any `k` below the power, and with the transform allowed.
        let bytes = [&[8 | POWER as u8], file.bytes().as_slice()].concat();
        corpus.add("srs_ptau", name, &bytes)?;
    }
    let params = ParamsKZG::<Bn256>::setup(POWER, ChaCha8Rng::seed_from_u64(11));
    let mut raw = Vec::new();
    params.write(&mut raw)?;
    corpus.add("srs_raw", "library", &raw)?;

    let scratch = tempfile::tempdir()?;
    let cache = SrsCache::new(scratch.path());
    let path = scratch.path().join("library.raw");
    fs::write(&path, &raw)?;
    let imported = Srs::import_halo2_raw(&path, &Silent).map_err(io::Error::other)?;
    let development = Srs::development(POWER, &Silent).map_err(io::Error::other)?;
    for (name, srs) in [("imported", imported), ("development", development)] {
        let stored = cache.store(&srs, &Silent).map_err(io::Error::other)?;
        let bytes = fs::read(stored)?;
        corpus.add("srs_cache", name, &[&[0], bytes.as_slice()].concat())?;
        corpus.add(
            "srs_cache",
            &format!("{name}-resealed"),
            &[&[1], bytes.as_slice()].concat(),
        )?;
    }
    Ok(())
}
