//! A chain that the prover made, from a plan to an answer, and its parts.

use std::sync::{Arc, LazyLock};

use nascent_circuits::inference::plan::layout::Layout;
use nascent_circuits::inference::plan::rows::Lanes;
use nascent_circuits::inference::{InferenceCircuit, Salts, Shape, plan};
use nascent_circuits::relayout;
use nascent_circuits::tile::TileParams;
use nascent_ir::{
    Builder, CheckedGraph, Map, MatMul, Multiplier, Op, Origin, Origins, Params, Pre, PublicParam,
    Range, Table, TensorId,
};
use nascent_params::{Silent, Srs};
use nascent_prover::derive::Deriver;
use nascent_prover::inference::InferenceKeys;
use nascent_prover::keys::TileKeys;
use nascent_prover::link::{Blinding, Columns, Committer, Opening, Proved as ProvedOf};
use nascent_prover::relayout::{RelayoutKeys, deviates};
use nascent_prover::tile::Subject;
use nascent_verifier::bundle::{StreamProofs, TileProof};
use nascent_verifier::link::{CommittedTo, Link, PartData, tail_rows};
use nascent_verifier::chain::{
    Answer, Attached, Attachments, Initialization, Origin as From, Version,
};
use nascent_verifier::{
    Beacon, CommitmentData, Digest32, Distribution, Fill, Format, InferenceBundle, InitBundle,
    Links, ModelSpec, Plan, Precision, ProvedWeights, Chain, RelayoutBundle, StreamSpec,
    TensorSpec, VerifyingKey, WeightCommitment, verify_inference_weights,
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
    pub layout: Arc<Layout>,
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
    /// All of it.
    pub chain: Chain,
    /// The keys of tile, inference and relayout.
    pub keys: [VerifyingKey; 3],
}

/// The string of the relayout's size.
pub static RELAYOUT_SRS: LazyLock<Srs> =
    LazyLock::new(|| Srs::development(K, &Silent).expect("made"));

/// Made once.
pub static PROVED: LazyLock<Proved> = LazyLock::new(prove);

/// Makes it now: that is no input's time.
pub fn make() {
    LazyLock::force(&PROVED);
    LazyLock::force(&RELAYOUT_SRS);
}

fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

fn spec() -> ModelSpec {
    ModelSpec {
        kept: Vec::new(),
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

/// `relu(x W' + b)` with the weights as a linear layer stores them, turned.
fn graph() -> (CheckedGraph, Origin, TensorId) {
    let mut b = Builder::new("g", 8).weight_bits(8);
    let relu = b.table(Table::relu(Range::new(-128, 127), 3, Range::new(0, 15)));
    let a = b.input("x", &[1, ROWS], Range::new(-8, 7)).expect("valid");
    let bias = b.param("b", &[COLUMNS], Range::signed(9)).expect("valid");
    let w = b.param("w", &[ROWS, COLUMNS], Range::signed(8));
    let w = w.expect("valid");
    let product = MatMul {
        a,
        b: w,
        transpose_b: false,
    };
    let y = b.push("y", Op::MatMul(product)).expect("valid");
    let map = Map {
        pre: Pre::Linear {
            a: y,
            ca: 1,
            b: Some((bias, 1)),
            c: 0,
        },
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
    (b.finish(&[y]).expect("checked"), origin, bias)
}

/// As the compiler does: the float weight over its scale.
fn params(deriver: &Deriver<'_>, origin: &Origin, bias: &PublicParam) -> Params {
    let shape = [ROWS, COLUMNS];
    let mut floats = vec![0.0; (ROWS * COLUMNS) as usize];
    deriver.fill(0, 0, &mut floats).expect("there");
    let integer = |i: usize| (floats[origin.element(&shape, i) as usize] / SCALE).round() as i32;
    let values = (0..floats.len()).map(integer).collect();
    Params {
        values: [(origin.param, values), (bias.param, bias.values.clone())].into(),
        ..Params::default()
    }
}

fn prove() -> Proved {
    let plan_of = Plan {
        model: spec(),
        publisher_key: None,
        beacon: "tomorrow's value".into(),
        created: 1,
        weight_digest: false,
    };
    let beacon = Beacon::Raw(b"it came".to_vec());
    let (graph, origin, bias) = graph();
    let bias = PublicParam {
        param: bias,
        values: (-5..).take(COLUMNS as usize).collect(),
    };
    let deriver = Deriver::from_plan(&plan_of, &beacon, None).expect("valid");
    let params = params(&deriver, &origin, &bias);
    let origins = Origins {
        model: plan_of.model.digest().expect("valid"),
        architecture: graph.digest().expect("valid"),
        params: vec![origin],
        public: vec![bias],
    };
    let srs = Srs::development(K, &Silent).expect("made");
    let layout = Arc::new(plan(&graph, LANES).expect("planned"));
    let shape = layout.shape(Some(K)).expect("fits");
    let maker = Maker {
        srs: &srs,
        opening: Opening::draw(&mut rng(3)),
    };

    let (init, deviates_of, tile, tile_link) = maker.initialize(&plan_of, &beacon);
    let architecture = &origins.architecture;
    let of = Arc::clone(&layout);
    let keys = InferenceKeys::generate(architecture, of, shape.clone(), &srs).expect("keys");
    let subject = CommittedTo::Parameters {
        architecture: *architecture,
    };
    let key = keys.verifying_key().clone();
    let cells = keys.circuit().parameter_cells(&params).expect("fit");
    let commitment = maker.commit(subject, &key, &cells);
    let (inference, weights, link) = maker.infer(&keys, architecture, &params, &commitment);

    let relaid = relayout::plan(
        &plan_of.model,
        &origins,
        &graph,
        Arc::clone(&layout),
        &shape,
    );
    let relaid = Arc::new(relaid.expect("planned"));
    let of_tiles = deviates(&relaid, &deriver).expect("derived");
    let relaying = RelayoutKeys::generate(relaid, &origins, &srs).expect("keys");
    let blinding = Blinding::draw(&mut rng(2));
    let relayout = relaying.prove(&srs, &of_tiles, &params, &blinding);
    let relayout = relayout.expect("proved");
    let published = maker.checked(&commitment);
    let lanes = &maker.checked(&deviates_of).parts()[0].clone();
    let part = &published.parts()[0];
    let opening = &maker.opening;
    let relayout_links = [
        relaying.link_tile(&relayout, &blinding, 0, lanes, opening, rng(5)),
        relaying.link_weights(&relayout, &blinding, part, opening, rng(6)),
    ]
    .map(|link| link.expect("linked"));

    let relayout_key = relaying.verifying_key().clone();
    let keys = [tile, key.clone(), relayout_key.clone()];
    let file = |bytes| Attached(bytes);
    let chain = Chain {
        initializations: vec![Initialization {
            bundle: init,
            deviates: deviates_of,
        }],
        versions: vec![
            Version {
                name: "initial".into(),
                commitment: commitment.clone(),
                origin: From::Initial(vec![relayout.bundle.clone()]),
            },
            Version {
                name: "later".into(),
                commitment: commitment.clone(),
                origin: From::Declared {
                    from: 0,
                    words: "unchanged".into(),
                },
            },
        ],
        answers: vec![Answer {
            version: 0,
            inference: inference.clone(),
        }],
        links: Links {
            links: relayout_links
                .into_iter()
                .chain([tile_link, link.clone()])
                .collect(),
        },
        attachments: Attachments {
            keys: keys.iter().map(|key| key.data().clone()).collect(),
            architectures: vec![file(graph.encode().expect("valid"))],
            origins: vec![file(origins.encode().expect("valid"))],
            profiles: Vec::new(),
        },
    };
    Proved {
        spec: plan_of.model.clone(),
        origins,
        graph,
        layout,
        shape,
        params,
        inference,
        weights,
        relayout_key,
        relayout: relayout.bundle,
        opening: maker.opening,
        commitment,
        published,
        links: Links { links: vec![link] },
        key,
        chain,
        keys,
    }
}

struct Maker<'a> {
    srs: &'a Srs,
    opening: Opening,
}

impl Maker<'_> {
    fn checked(&self, data: &CommitmentData) -> WeightCommitment {
        WeightCommitment::new(data, self.srs.verifier_srs()).expect("checked")
    }

    fn commit(
        &self,
        subject: CommittedTo,
        key: &VerifyingKey,
        cells: &[Vec<i64>],
    ) -> CommitmentData {
        let committer = Committer::new(self.srs, tail_rows(key, 0).expect("room"));
        let columns = Columns {
            subject,
            vk_digest: *key.digest(),
        };
        let points = committer.commit(&columns, cells, &self.opening);
        CommitmentData {
            srs_digest: *self.srs.identity(),
            tails: vec![committer.tail_points().expect("a tail")],
            parts: vec![PartData {
                subject,
                vk_digest: columns.vk_digest,
                opening: self.opening.id(),
                tail: 0,
                points: points.expect("committed"),
            }],
        }
    }

    /// The one tile, the commitment to its lanes, its key, its link.
    fn initialize(
        &self,
        plan: &Plan,
        beacon: &Beacon,
    ) -> (InitBundle, CommitmentData, VerifyingKey, Link) {
        let (srs, stream) = (self.srs, plan.model.streams[0]);
        let params = TileParams::new(K, stream.distribution, stream.precision).expect("valid");
        let keys = TileKeys::generate(params, srs).expect("keys");
        let vk = keys.verifying_key();
        let subject = Subject::new(plan, beacon, None).expect("fits");
        let blinding = Blinding::draw(&mut rng(7));
        let proof = subject.prove(&keys, srs, 0, 0, None, blinding.generator());
        let proof = proof.expect("proved");
        let weights = subject.verify_weights(vk, srs.verifier_srs(), 0, 0, None, &proof);
        let weights = weights.expect("verified").expect("lanes");
        let cells = subject.lane_cells(keys.params(), 0, 0).expect("derived");
        let commitment = self.commit(subject.committed(0, 0), vk, &cells);
        let proved = ProvedOf {
            vk,
            list: 0,
            weights: &weights,
            cells: &cells,
            blinding: &blinding,
        };
        let part = &self.checked(&commitment).parts()[0].clone();
        let link = proved.link_to(part, &self.opening, rng(8));
        let bundle = InitBundle {
            plan: plan.clone(),
            beacon: beacon.clone(),
            srs_digest: *srs.identity(),
            streams: vec![StreamProofs {
                k: K as u8,
                vk_digest: *vk.digest(),
            }],
            tiles: vec![TileProof {
                stream: 0,
                index: 0,
                proof,
            }],
            hash_chain_ends: Vec::new(),
        };
        (bundle, commitment, vk.clone(), link.expect("linked"))
    }

    /// An inference, the commitments to its parameters, its link.
    fn infer(
        &self,
        keys: &InferenceKeys,
        architecture: &Digest32,
        params: &Params,
        commitment: &CommitmentData,
    ) -> (InferenceBundle, ProvedWeights, Link) {
        let (srs, vk) = (self.srs, keys.verifying_key());
        let mut bundle = InferenceBundle {
            architecture: *architecture,
            vk_digest: *vk.digest(),
            srs_digest: *srs.identity(),
            inputs: (0..i64::from(ROWS)).map(|x| x % 16 - 8).collect(),
            outputs: Vec::new(),
            hidden_inputs: None,
            hidden_outputs: None,
            proof: Vec::new(),
        };
        let blinding = Blinding::draw(&mut rng(1));
        let (prefix, salts) = (bundle.transcript_prefix(), Salts::default());
        let rng_of = blinding.generator();
        let made = keys.prove(srs, params, &bundle.inputs, &prefix, salts, rng_of);
        let made = made.expect("proved");
        (bundle.outputs, bundle.proof) = (made.outputs, made.proof);
        let checked = verify_inference_weights(&bundle, vk, srs.verifier_srs());
        let weights = checked.expect("accepted").1.expect("weights");
        let cells = keys.circuit().parameter_cells(params).expect("fit");
        let proved = ProvedOf {
            vk,
            list: 0,
            weights: &weights,
            cells: &cells,
            blinding: &blinding,
        };
        let part = &self.checked(commitment).parts()[0].clone();
        let link = proved.link_to(part, &self.opening, rng(4));
        (bundle, weights, link.expect("linked"))
    }
}

impl Proved {
    /// The circuit without a witness.
    pub fn circuit(&self) -> InferenceCircuit {
        InferenceCircuit::new(Arc::clone(&self.layout), self.shape.clone())
    }
}
