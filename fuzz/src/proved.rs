//! An inference that the prover made, and all that hangs on it: the plan's specification behind its
//! weights, a relayout, a published commitment, a link.

use std::sync::{Arc, LazyLock};

use halo2curves::bn256::Fr;
use nascent_circuits::inference::plan::rows::Lanes;
use nascent_circuits::inference::{self, InferenceCircuit, Salts, Shape};
use nascent_circuits::relayout;
use nascent_ir::{
    Builder, CheckedGraph, Map, MatMul, Multiplier, Op, Origin, Origins, Params, Pre, Range, Table,
};
use nascent_params::{Silent, Srs};
use nascent_prover::derive::Deriver;
use nascent_prover::inference::InferenceKeys;
use nascent_prover::link::{Blinding, Columns, Committer, Opening, Proved as ProvedOf};
use nascent_prover::relayout::{RelayoutKeys, deviates};
use nascent_verifier::link::{CommittedTo, PartData, tail_rows};
use nascent_verifier::{
    CommitmentData, Distribution, Fill, InferenceBundle, Links, ModelSpec, Precision,
    ProvedWeights, RelayoutBundle, StreamSpec, TensorSpec, VerifyingKey, WeightCommitment,
    verify_inference_weights,
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

const K: u32 = 9;
const ROWS: u32 = 20;
const COLUMNS: u32 = 10;
const LANES: Lanes = Lanes {
    units: 8,
    folds: 1,
    params: 1,
    weights: 16,
};
/// Deviates are stored as floats of this scale.
const SCALE: f32 = 0.1;

/// What was made.
pub struct Proved {
    /// The plan's specification: one sampled matrix.
    pub spec: ModelSpec,
    /// Which of its deviates the weights are.
    pub origins: Origins,
    /// The architecture.
    pub graph: CheckedGraph,
    /// Its layout and size.
    pub layout: Arc<inference::plan::layout::Layout>,
    /// Size of the circuit.
    pub shape: Shape,
    /// The weights.
    pub params: Params,
    /// The inference's key.
    pub key: VerifyingKey,
    /// The inference.
    pub inference: InferenceBundle,
    /// Commitments to its weights.
    pub weights: ProvedWeights,
    /// The relayout's key.
    pub relayout_key: VerifyingKey,
    /// The relayout.
    pub relayout: RelayoutBundle,
    /// What opens the commitment.
    pub opening: Opening,
    /// The commitment as a file.
    pub commitment: CommitmentData,
    /// The commitment, checked.
    pub published: WeightCommitment,
    /// The inference's link to the commitment.
    pub links: Links,
}

/// Made once.
pub static PROVED: LazyLock<Proved> = LazyLock::new(prove);

/// Makes it now: that is no input's time.
pub fn make() {
    LazyLock::force(&PROVED);
}

fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

fn spec() -> ModelSpec {
    ModelSpec {
        name: "m".into(),
        graph_digest: [0; 32],
        rules_digest: [0; 32],
        streams: vec![StreamSpec {
            distribution: Distribution::Normal,
            precision: Precision {
                limb_bits: 8,
                fraction_bits: 4,
            },
            // Of 31 deviates.
            rows: 7,
        }],
        tensors: vec![TensorSpec {
            name: "w".into(),
            dims: vec![COLUMNS.into(), ROWS.into()],
            fill: Fill::Sampled {
                stream: 0,
                first_row: 0,
                scale_bits: SCALE.to_bits(),
                mean_bits: 0,
            },
        }],
    }
}

/// `relu(x W')` with the weights as a linear layer stores them, turned.
fn graph() -> (CheckedGraph, Origin) {
    let mut b = Builder::new("g", 8).weight_bits(8);
    let relu = b.table(Table::relu(Range::new(-128, 127), 3, Range::new(0, 15)));
    let a = b.input("x", &[1, ROWS], Range::new(-8, 7)).expect("valid");
    let w = b.param("w", &[ROWS, COLUMNS], Range::signed(8));
    let w = w.expect("valid");
    let product = MatMul {
        a,
        b: w,
        transpose_b: false,
    };
    let y = b.push("y", Op::MatMul(product)).expect("valid");
    let map = Map {
        pre: Pre::of(y),
        multiplier: Multiplier::Const(100),
        shift: 16,
        table: relu,
        assumes_bound: true,
    };
    let y = b.push("r", Op::Map(map)).expect("valid");
    let origin = Origin {
        param: w,
        tensor: 0,
        first: 0,
        strides: vec![1, i64::from(ROWS)],
    };
    (b.finish(&[y]).expect("checked"), origin)
}

/// As the compiler does: the float weight over its scale.
fn params(deriver: &Deriver<'_>, origin: &Origin) -> Params {
    let shape = [ROWS, COLUMNS];
    let mut floats = vec![0.0; (ROWS * COLUMNS) as usize];
    deriver.fill(0, 0, &mut floats).expect("there");
    let integer = |i: usize| (floats[origin.element(&shape, i) as usize] / SCALE).round() as i32;
    let values = (0..floats.len()).map(integer).collect();
    Params {
        values: [(origin.param, values)].into(),
        ..Params::default()
    }
}

fn prove() -> Proved {
    let spec = spec();
    let (graph, origin) = graph();
    let deriver = Deriver::with_key(&spec, Fr::from(5)).expect("valid");
    let params = params(&deriver, &origin);
    let origins = Origins {
        model: spec.digest().expect("valid"),
        architecture: graph.digest().expect("valid"),
        params: vec![origin],
    };
    let srs = Srs::development(K, &Silent).expect("made");
    let layout = Arc::new(inference::plan(&graph, LANES).expect("planned"));
    let shape = layout.shape(Some(K)).expect("fits");
    let keys = InferenceKeys::generate(Arc::clone(&layout), shape.clone(), &srs).expect("keys");
    let blinding = Blinding::draw(&mut rng(1));
    let inference = infer(&keys, &srs, &origins, &params, &blinding);
    let key = keys.verifying_key().clone();
    let checked = verify_inference_weights(&inference, &key, srs.verifier_srs());
    let weights = checked.expect("accepted").1.expect("weights");

    let relaid = relayout::plan(&spec, &origins, &graph, Arc::clone(&layout), &shape);
    let relaid = Arc::new(relaid.expect("planned"));
    let deviates = deviates(&relaid, &deriver).expect("derived");
    let relaying = RelayoutKeys::generate(relaid, &origins, &srs).expect("keys");
    let relayout = relaying.prove(&srs, &deviates, &params, rng(2));

    let opening = Opening::draw(&mut rng(3));
    let cells = keys.circuit().parameter_cells(&params).expect("fit");
    let commitment = commit(&srs, &key, &origins, &cells, &opening);
    let published = WeightCommitment::new(&commitment, srs.verifier_srs()).expect("checked");
    let link = ProvedOf {
        vk: &key,
        list: 0,
        weights: &weights,
        cells: &cells,
        blinding: &blinding,
    }
    .link_to(&published.parts()[0], &opening, rng(4));
    Proved {
        spec,
        origins,
        graph,
        layout,
        shape,
        params,
        inference,
        weights,
        relayout_key: relaying.verifying_key().clone(),
        relayout: relayout.expect("proved").bundle,
        opening,
        commitment,
        published,
        links: Links {
            links: vec![link.expect("linked")],
        },
        key,
    }
}

fn infer(
    keys: &InferenceKeys,
    srs: &Srs,
    origins: &Origins,
    params: &Params,
    blinding: &Blinding,
) -> InferenceBundle {
    let mut bundle = InferenceBundle {
        architecture: origins.architecture,
        vk_digest: *keys.verifying_key().digest(),
        srs_digest: *srs.identity(),
        inputs: (0..i64::from(ROWS)).map(|x| x % 16 - 8).collect(),
        outputs: Vec::new(),
        hidden_inputs: None,
        hidden_outputs: None,
        proof: Vec::new(),
    };
    let (prefix, salts) = (bundle.transcript_prefix(), Salts::default());
    let rng = blinding.generator();
    let made = keys.prove(srs, params, &bundle.inputs, &prefix, salts, rng);
    let made = made.expect("proved");
    (bundle.outputs, bundle.proof) = (made.outputs, made.proof);
    bundle
}

fn commit(
    srs: &Srs,
    key: &VerifyingKey,
    origins: &Origins,
    cells: &[Vec<i64>],
    opening: &Opening,
) -> CommitmentData {
    let committer = Committer::new(srs, tail_rows(key, 0).expect("room"));
    let columns = Columns {
        subject: CommittedTo::Parameters {
            architecture: origins.architecture,
        },
        vk_digest: *key.digest(),
    };
    let points = committer.commit(&columns, cells, opening);
    CommitmentData {
        srs_digest: *srs.identity(),
        tails: vec![committer.tail_points().expect("a tail")],
        parts: vec![PartData {
            subject: columns.subject,
            vk_digest: columns.vk_digest,
            opening: opening.id(),
            tail: 0,
            points: points.expect("committed"),
        }],
    }
}

impl Proved {
    /// The circuit without a witness.
    pub fn circuit(&self) -> InferenceCircuit {
        InferenceCircuit::new(Arc::clone(&self.layout), self.shape.clone())
    }
}
