//! A model of two streams and four tiles of 256 rows.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LazyLock, Mutex};

use ff::{Field, PrimeField};
use halo2curves::bn256::Fr;
use nascent_circuits::seed::SeedMaterial;
use nascent_circuits::tile::TileParams;
use nascent_prover::job::{
    DevelopmentSrs, Event, Finished, Job, JobError, Options, Request, TileId, TileSize,
};
use nascent_prover::keys::KeyStore;
use nascent_verifier::{
    Beacon, Distribution, Fill, ModelSpec, Plan, Precision, StreamSpec, TensorSpec,
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use tempfile::TempDir;

/// Size of all tiles.
pub const K: u32 = 8;
/// Tiles of the model.
pub const TILES: u64 = 4;

/// The secret of hidden seeds.
pub fn secret() -> Fr {
    Fr::from(0x5ec7e7)
}

/// The key of [`secret`].
pub fn public_key() -> [u8; 32] {
    let (beacon, model) = (Fr::ZERO, Fr::ZERO);
    let seed = SeedMaterial {
        secret: secret(),
        beacon,
        model,
    };
    seed.public_key().to_repr()
}

fn precision(fraction_bits: u8) -> Precision {
    Precision {
        limb_bits: 8,
        fraction_bits,
    }
}

/// Rows of a tile.
pub fn rows() -> u64 {
    let params = TileParams::new(K, Distribution::Uniform, precision(0)).unwrap();
    params.weight_rows() as u64
}

fn tensor(name: &str, elements: u64, stream: u16) -> TensorSpec {
    let (first_row, scale_bits, mean_bits) = (0, 0.5_f32.to_bits(), 0);
    let fill = Fill::Sampled {
        stream,
        first_row,
        scale_bits,
        mean_bits,
    };
    TensorSpec {
        name: name.into(),
        dims: vec![elements],
        fill,
    }
}

/// Three tiles of uniform deviates, the last with a single row, and one of normal ones.
pub fn plan(publisher_key: Option<[u8; 32]>) -> Plan {
    let uniform = StreamSpec {
        distribution: Distribution::Uniform,
        precision: precision(0),
        rows: 2 * rows() + 1,
    };
    let normal = StreamSpec {
        distribution: Distribution::Normal,
        precision: precision(5),
        rows: 2,
    };
    let lanes = precision(0).lanes();
    let model = ModelSpec {
        kept: Vec::new(),
        name: "toy".into(),
        graph_digest: [1; 32],
        rules_digest: [2; 32],
        streams: vec![uniform, normal],
        tensors: vec![
            tensor("a", uniform.rows * lanes, 0),
            tensor("b", normal.rows * lanes - 1, 1),
        ],
    };
    Plan {
        model,
        publisher_key,
        beacon: "the next value".into(),
        created: 1_800_000_000,
        weight_digest: false,
    }
}

/// A plan with a single tile.
pub fn short_plan(publisher_key: Option<[u8; 32]>) -> Plan {
    let mut plan = plan(publisher_key);
    let uniform = &mut plan.model.streams[0];
    uniform.rows = 3;
    plan.model.streams.truncate(1);
    plan.model.tensors = vec![tensor("a", 3 * precision(0).lanes(), 0)];
    plan
}

/// The value of the day.
pub fn beacon() -> Beacon {
    Beacon::Raw(b"value of the day".to_vec())
}

/// Keys of all tests of this program.
pub fn keys() -> &'static KeyStore {
    static KEYS: LazyLock<(TempDir, KeyStore)> = LazyLock::new(|| {
        let directory = TempDir::new().unwrap();
        let store = KeyStore::new(directory.path().join("keys"));
        (directory, store)
    });
    &KEYS.1
}

/// One tile after the other.
pub fn options() -> Options {
    Options {
        size: TileSize::Fixed(K),
        workers: Some(1),
        ..Options::default()
    }
}

pub static SRS: DevelopmentSrs = DevelopmentSrs { cache: None };

/// A request for a plan with a hidden seed.
pub fn request<'a>(plan: &'a Plan, beacon: &'a Beacon, directory: &'a Path) -> Request<'a> {
    let secret = plan.publisher_key.map(|_| secret());
    Request {
        plan,
        beacon,
        secret,
        srs: &SRS,
        keys: keys(),
        directory,
        options: options(),
    }
}

/// What happened, as far as the tests look at it.
#[derive(Debug, Default)]
pub struct Log {
    pub proved: Vec<TileId>,
    pub resumed: Vec<TileId>,
    pub discarded: Vec<(TileId, String)>,
}

/// Runs a job to its end, or until so many tiles were proved.
pub fn run(job: &Job<'_>, stop_after: usize) -> (Result<Finished, JobError>, Log) {
    let log = Mutex::new(Log::default());
    let cancel = AtomicBool::new(false);
    let observer = |event: &Event<'_>| {
        let mut log = log.lock().unwrap();
        match event {
            Event::Proved { tile, .. } => {
                log.proved.push(*tile);
                cancel.store(log.proved.len() >= stop_after, Ordering::Relaxed);
            }
            Event::Resumed { tile, .. } => log.resumed.push(*tile),
            Event::Discarded { tile, reason } => log.discarded.push((*tile, reason.to_string())),
            _ => {}
        }
    };
    let result = job.run(ChaCha20Rng::from_seed([5; 32]), &observer, &cancel);
    (result, log.into_inner().unwrap())
}

/// A directory in which the plan with the hidden seed is finished, and its bundle.
pub fn finished() -> &'static (TempDir, Finished) {
    static FINISHED: LazyLock<(TempDir, Finished)> = LazyLock::new(|| {
        let directory = TempDir::new().unwrap();
        let (plan, beacon) = (plan(Some(public_key())), beacon());
        let mut request = request(&plan, &beacon, directory.path());
        request.options.workers = Some(2);
        let (result, log) = run(&Job::open(request).unwrap(), usize::MAX);
        assert_eq!(log.proved.len() as u64, TILES);
        (directory, result.unwrap())
    });
    &FINISHED
}

/// A copy of the finished directory.
pub fn copy() -> TempDir {
    let copy = TempDir::new().unwrap();
    for entry in fs::read_dir(finished().0.path()).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    copy
}

/// The file of a tile.
pub fn tile_file(directory: &Path, id: TileId) -> PathBuf {
    let start = format!("{}-{}-", id.stream, id.index);
    let entries = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    entries
        .into_iter()
        .find(|path| name(path).starts_with(&start))
        .unwrap()
}
