//! From an ONNX file to a verdict, crate by crate, with nothing but bytes handed to the verifier.

use nascent_compiler::{Architecture, Limits, Rules, WeightSource, write_onnx};
use nascent_prover::derive::{Deriver, Metadata, SafetensorsFile, audit, write_safetensors};
use nascent_prover::job::{DevelopmentSrs, Finished, Job, Options, Quiet, Request, TileSize};
use nascent_prover::keys::KeyStore;
use nascent_verifier::{
    Beacon, Format, InitBundle, Plan, Report, Srs, VerifyError, VerifyingKey, verify_init,
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;

/// Two streams: one weight is uniform, the others are normal. Small limbs keep the tables small.
const RULES: &str = r#"
version = 1
preset = "he-normal"
precision = { limb_bits = 8, fraction_bits = 5 }
[[rule]]
name = "fc3.weight"
init = "xavier_uniform"
"#;

fn model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/models/lenet5.onnx")
}

fn plan() -> Plan {
    let limits = Limits::default();
    let rules = Rules::parse(RULES, &limits).expect("rules");
    let architecture = Architecture::open(&model(), &limits).expect("a model");
    let model = architecture
        .compile("lenet5", &rules, &limits)
        .expect("compiles");
    Plan {
        model: model.spec,
        publisher_key: None,
        beacon: "a test".into(),
        created: 0,
        weight_digest: false,
    }
}

fn beacon() -> Beacon {
    Beacon::Raw(b"the value".to_vec())
}

/// Bundle and keys as files hold them.
fn proved() -> &'static (Vec<u8>, Vec<Vec<u8>>) {
    static PROVED: OnceLock<(Vec<u8>, Vec<Vec<u8>>)> = OnceLock::new();
    PROVED.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let (plan, beacon, srs) = (plan(), beacon(), DevelopmentSrs::default());
        let keys = KeyStore::new(folder.path().join("keys"));
        let directory = folder.path().join("job");
        let job = Job::open(Request {
            plan: &plan,
            beacon: &beacon,
            secret: None,
            srs: &srs,
            keys: &keys,
            directory: &directory,
            options: Options {
                size: TileSize::Fixed(10),
                ..Options::default()
            },
        });
        let job = job.expect("opens");
        let rng = ChaCha20Rng::from_seed([3; 32]);
        let finished: Finished = job
            .run(rng, &Quiet, &AtomicBool::new(false))
            .expect("proves");
        let keys = finished
            .keys
            .iter()
            .map(|key| key.encode().expect("encodes"));
        (finished.bundle.encode().expect("encodes"), keys.collect())
    })
}

fn verify(bundle: &InitBundle) -> Result<Report, VerifyError> {
    let (_, keys) = proved();
    let keys: Vec<_> = keys
        .iter()
        .map(|bytes| VerifyingKey::decode(bytes).expect("a key"))
        .collect();
    let srs = Srs::development().expect("a constant");
    verify_init(
        bundle,
        |digest| keys.iter().find(|key| key.digest() == digest),
        &srs,
    )
}

fn bundle() -> InitBundle {
    InitBundle::decode(&proved().0).expect("a bundle")
}

#[test]
fn the_bytes_are_enough_to_verify() {
    let report = verify(&bundle()).expect("accepted");
    assert_eq!(report.streams.len(), 2);
    assert_eq!(report.sampled_weights, 61_470);
    assert!(report.development_srs);
    assert_eq!(
        report.model_digest,
        plan().model.digest().expect("a digest")
    );
}

#[test]
fn tiles_of_two_streams_are_not_interchangeable() {
    let mut swapped = bundle();
    let last = swapped.tiles.len() - 1;
    assert_ne!(swapped.tiles[0].stream, swapped.tiles[last].stream);
    swapped.tiles.swap(0, last);
    assert!(matches!(
        verify(&swapped),
        Err(VerifyError::MisplacedTile { .. })
    ));
    let mut exchanged = bundle();
    let first = exchanged.tiles[0].proof.clone();
    exchanged.tiles[last].proof = first;
    assert!(matches!(verify(&exchanged), Err(VerifyError::Tile { .. })));
    let mut keys = bundle();
    keys.streams.swap(0, 1);
    assert!(matches!(verify(&keys), Err(VerifyError::KeyShape { .. })));
}

struct Source<'a>(&'a Deriver<'a>);

impl WeightSource for Source<'_> {
    fn fill(
        &mut self,
        tensor: usize,
        start: u64,
        out: &mut [f32],
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.0.fill(tensor, start, out)?)
    }
}

#[test]
fn both_files_hold_the_same_weights() {
    let folder = tempfile::tempdir().expect("a folder");
    let plan = plan();
    let deriver = Deriver::from_plan(&plan, &beacon(), None).expect("derives");
    let weights = folder.path().join("weights");
    write_safetensors(&deriver, &weights, &Metadata::default(), &|_, _| ()).expect("written");
    let mut file = SafetensorsFile::open(&weights).expect("opens");
    assert!(
        audit(&deriver, &mut file, &|_, _| ())
            .expect("compared")
            .is_match()
    );

    let filled = folder.path().join("filled.onnx");
    let limits = Limits::default();
    write_onnx(
        &model(),
        &plan.model,
        &mut Source(&deriver),
        &filled,
        &limits,
    )
    .expect("written");
    let onnx = std::fs::read(&filled).expect("read");
    for (index, tensor) in plan.model.tensors.iter().enumerate() {
        let mut values =
            vec![0.0; usize::try_from(tensor.elements().expect("some")).expect("fits")];
        deriver.fill(index, 0, &mut values).expect("in range");
        let bytes: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        assert!(
            onnx.windows(bytes.len()).any(|window| window == bytes),
            "{}",
            tensor.name
        );
    }
    // Weights do not change what the model is.
    let architecture = Architecture::open(&filled, &limits).expect("a model");
    let rules = Rules::parse(RULES, &limits).expect("rules");
    let again = architecture
        .compile("lenet5", &rules, &limits)
        .expect("compiles");
    assert_eq!(again.spec, plan.model);
}
