//! Proofs of relayouts: made by our prover, accepted by our verifier, and refused for anything else.
//!
//! The deviates are derived as an initialization does; the circuit itself is examined in
//! `circuits/tests/relayout`.

use std::sync::Arc;

use halo2curves::bn256::Fr;
use nascent_circuits::inference::plan::rows::Lanes;
use nascent_circuits::inference::{self, Salts, plan};
use nascent_circuits::relayout::{self, Layout, WitnessError};
use nascent_circuits::seed::SeedMaterial;
use nascent_circuits::tile::{TileCircuit, TileParams, TileWitness};
use nascent_ir::{
    Builder, CheckedGraph, Map, MatMul, Multiplier, Op, Origin, Origins, Params, Pre, Range, Table,
};
use nascent_params::Srs;
use nascent_prover::derive::Deriver;
use nascent_prover::inference::InferenceKeys;
use nascent_prover::relayout::{RelayoutKeys, RelayoutProofError, deviates};
use nascent_verifier::{
    Distribution, Fill, Format, ModelSpec, Precision, RelayoutBundle, RelayoutError, StreamSpec,
    TensorSpec, verify_relayout,
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

const K: u32 = 9;
const LANES: Lanes = Lanes {
    units: 8,
    folds: 1,
    params: 1,
    weights: 16,
};

/// Two tensors of one stream, in rows of 31.
fn spec() -> ModelSpec {
    let tensor = |name: &str, dims: [u64; 2], first_row| TensorSpec {
        name: name.into(),
        dims: dims.to_vec(),
        fill: Fill::Sampled {
            stream: 0,
            first_row,
            scale_bits: 0.1_f32.to_bits(),
            mean_bits: 0,
        },
    };
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
            rows: 33 + 7,
        }],
        tensors: vec![tensor("w1", [50, 20], 0), tensor("w2", [4, 50], 33)],
    }
}

/// `relu(x W1') W2'` with the weights as a linear layer stores them, turned.
fn graph() -> (CheckedGraph, Vec<Origin>) {
    let mut b = Builder::new("g", 8).weight_bits(8);
    let relu = b.table(Table::relu(Range::new(-128, 127), 3, Range::new(0, 15)));
    let mut x = b.input("x", &[1, 20], Range::new(-8, 7)).expect("valid");
    let mut origins = Vec::new();
    for (tensor, shape) in [(0, [20, 50]), (1, [50, 4])] {
        let w = b.param("w", &shape, Range::signed(8)).expect("valid");
        let product = MatMul {
            a: x,
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
        x = b.push("r", Op::Map(map)).expect("valid");
        origins.push(Origin {
            param: w,
            tensor,
            first: 0,
            strides: vec![1, i64::from(shape[0])],
        });
    }
    (b.finish(&[x]).expect("checked"), origins)
}

struct Setting {
    srs: Srs,
    inference: Arc<inference::plan::layout::Layout>,
    shape: inference::Shape,
    origins: Origins,
    layout: Arc<Layout>,
    params: Params,
    deviates: Vec<Vec<u32>>,
    keys: RelayoutKeys,
}

/// A stream key; any will do.
fn key() -> Fr {
    seed().stream_key()
}

fn seed() -> SeedMaterial {
    SeedMaterial {
        secret: Fr::from(5),
        beacon: Fr::from(6),
        model: Fr::from(7),
    }
}

impl Setting {
    fn new() -> Self {
        let spec = spec();
        let (graph, params) = graph();
        let origins = Origins {
            model: spec.digest().expect("valid"),
            architecture: graph.digest().expect("valid"),
            params,
        };
        let inference = Arc::new(plan(&graph, LANES).expect("planned"));
        let shape = inference.shape(Some(K)).expect("fits");
        let layout = relayout::plan(&spec, &origins, &graph, Arc::clone(&inference), &shape);
        let layout = Arc::new(layout.expect("planned"));
        let srs = Srs::development(K, &nascent_params::Silent).expect("made");
        let keys = RelayoutKeys::generate(Arc::clone(&layout), &origins, &srs).expect("keys");
        let deriver = Deriver::with_key(&spec, key()).expect("valid");
        // As the compiler does: the float weight over its scale.
        let mut params = Params::default();
        for origin in &origins.params {
            let shape = &graph.tensor(origin.param).shape;
            let count = shape.iter().product::<u32>() as usize;
            let mut floats = vec![0.0; count];
            deriver
                .fill(origin.tensor as usize, 0, &mut floats)
                .expect("there");
            let integer = |i: usize| {
                let value = floats[origin.element(shape, i) as usize];
                (value / 0.1).round() as i32
            };
            params
                .values
                .insert(origin.param, (0..count).map(integer).collect());
        }
        let deviates = deviates(&layout, &deriver).expect("derived");
        Self {
            srs,
            inference,
            shape,
            origins,
            layout,
            params,
            deviates,
            keys,
        }
    }

    fn prove(&self, seed: u64) -> Result<RelayoutBundle, RelayoutProofError> {
        let rng = ChaCha20Rng::seed_from_u64(seed);
        let made = self
            .keys
            .prove(&self.srs, &self.deviates, &self.params, rng)?;
        Ok(made.bundle)
    }

    fn verify(&self, bundle: &RelayoutBundle) -> Result<(), RelayoutError> {
        let srs = self.srs.verifier_srs();
        verify_relayout(bundle, self.keys.verifying_key(), srs).map(|_| ())
    }
}

#[test]
fn derived_weights_are_proved_and_nothing_else_is() {
    let setting = Setting::new();
    setting.keys.circuit().check().expect("a relayout");
    let bundle = setting.prove(1).expect("proved");
    assert_eq!(setting.verify(&bundle), Ok(()));
    assert_eq!(
        RelayoutBundle::decode(&bundle.encode().expect("valid")),
        Ok(bundle.clone())
    );
    let srs = setting.srs.verifier_srs();
    let key = setting.keys.verifying_key();
    let report = verify_relayout(&bundle, key, srs).expect("accepted");
    assert!(report.development_srs);
    assert_eq!(report.tiles.iter().map(Vec::len).collect::<Vec<_>>(), [31]);
    assert_eq!(report.weights.len(), 16);
    // Other blinding, other commitments.
    let again = setting.prove(2).expect("proved");
    let other = verify_relayout(&again, key, srs).expect("accepted");
    let lanes = report.tiles[0].iter().chain(&report.weights);
    let others = other.tiles[0].iter().chain(&other.weights);
    assert!(lanes.zip(others).all(|(a, b)| a != b));

    let tampered = |edit: &dyn Fn(&mut RelayoutBundle)| {
        let mut other = bundle.clone();
        edit(&mut other);
        setting.verify(&other).expect_err("tampered")
    };
    use RelayoutError as E;
    let proof = |error: E| matches!(error, E::Proof(_));
    assert!(proof(tampered(&|b| b.statement.model[0] ^= 1)));
    assert!(proof(tampered(&|b| b.statement.architecture[31] ^= 1)));
    assert!(proof(tampered(&|b| b.statement.origins[5] ^= 1)));
    assert!(proof(tampered(&|b| b.statement.tiles[0].index += 1)));
    assert!(proof(tampered(&|b| b.statement.tiles[0].stream += 1)));
    assert!(proof(tampered(&|b| b.statement.tiles[0].lanes -= 1)));
    assert!(proof(tampered(&|b| b.statement.weights -= 1)));
    assert!(matches!(
        tampered(&|b| b.statement.k += 1),
        E::Size {
            expected: 10,
            got: 9
        }
    ));
    assert!(matches!(
        tampered(&|b| b.statement.weights = 2000),
        E::Columns { .. }
    ));
    assert!(matches!(
        tampered(&|b| b.statement.weights = u32::MAX),
        E::Columns { .. }
    ));
    assert_eq!(tampered(&|b| b.statement.tiles.clear()), E::Tiles);
    assert_eq!(
        tampered(&|b| b.statement.tiles.push(b.statement.tiles[0])),
        E::Tiles
    );
    assert!(matches!(tampered(&|b| b.vk_digest[0] ^= 1), E::Key { .. }));
    assert!(matches!(tampered(&|b| b.srs_digest[0] ^= 1), E::Srs { .. }));
    assert!(proof(tampered(&|b| b.proof.truncate(32))));
    for at in (0..bundle.proof.len()).step_by(bundle.proof.len() / 40) {
        assert!(proof(tampered(&|b| b.proof[at] ^= 1)), "byte {at}");
    }
}

#[test]
fn other_weights_and_other_deviates_have_no_proof() {
    let mut setting = Setting::new();
    let param = setting.origins.params[1].param;
    setting.params.values.get_mut(&param).expect("there")[9] -= 1;
    let error = setting.prove(1).expect_err("another weight");
    assert!(matches!(
        error,
        RelayoutProofError::Witness(WitnessError::Differs { .. })
    ));
    setting.params.values.get_mut(&param).expect("there")[9] += 1;
    let spec = spec();
    let deriver = Deriver::with_key(&spec, Fr::from(1)).expect("valid");
    setting.deviates = deviates(&setting.layout, &deriver).expect("derived");
    let error = setting.prove(1).expect_err("another seed");
    assert!(matches!(error, RelayoutProofError::Witness(_)));
}

/// The same input gives the same key, and another list of origins another one.
#[test]
fn keys_are_those_of_the_layout() {
    let setting = Setting::new();
    let again = RelayoutKeys::generate(Arc::clone(&setting.layout), &setting.origins, &setting.srs);
    let again = again.expect("keys");
    let digest = setting.keys.verifying_key().digest();
    assert_eq!(again.verifying_key().digest(), digest);
    let mut origins = setting.origins.clone();
    origins.params[1].strides = vec![4, 1];
    let (graph, _) = graph();
    let inference = Arc::clone(&setting.inference);
    let layout = relayout::plan(&spec(), &origins, &graph, inference, &setting.shape);
    let layout = Arc::new(layout.expect("planned"));
    let other = RelayoutKeys::generate(layout, &origins, &setting.srs).expect("keys");
    assert_ne!(other.verifying_key().digest(), digest);
    assert_ne!(other.statement(), setting.keys.statement());
    let small = Srs::development(K - 1, &nascent_params::Silent).expect("made");
    let error = RelayoutKeys::generate(Arc::clone(&setting.layout), &setting.origins, &small);
    assert!(matches!(error, Err(RelayoutProofError::Keys(_))));
}

/// What a link needs: on the rows before the blinding, the columns are those of the other proofs.
#[test]
fn columns_are_those_of_the_tile_and_of_the_inference() {
    use halo2_proofs::plonk::{Circuit, ConstraintSystem};
    use nascent_circuits::grid::Grid;
    let setting = Setting::new();
    fn columns<C: Circuit<Fr>>(circuit: &C, instance: &[&[Fr]], count: usize) -> Vec<Vec<Fr>> {
        let mut meta = ConstraintSystem::default();
        let config = C::configure_with_params(&mut meta, circuit.params());
        let challenges = vec![Fr::from(3); meta.num_challenges()];
        let grid = Grid::new(circuit, &meta, config, K, instance, &challenges).expect("laid out");
        grid.advice.into_iter().take(count).collect()
    }
    let circuit = setting.keys.circuit();
    let own = circuit
        .with_witness(&setting.deviates, &setting.params)
        .expect("equal");
    let own = columns(&own, &[], 31 + 16);
    let stream = spec().streams[0];
    let params = TileParams::new(K, stream.distribution, stream.precision).expect("a tile");
    let tile = TileCircuit::new(
        params,
        TileWitness {
            seed: seed(),
            first_block: 0,
        },
    );
    assert_eq!(columns(&tile, &[&tile.instance()], 31), own[..31]);
    let keys = InferenceKeys::generate(
        Arc::clone(&setting.inference),
        setting.shape.clone(),
        &setting.srs,
    );
    let inputs: Vec<i64> = (0..20).map(|i| i % 8).collect();
    let made = keys.expect("keys");
    let (inference, _) = made
        .circuit()
        .with_witness(&setting.params, &inputs, Salts::default())
        .expect("in range");
    assert_eq!(columns(&inference, &[&inference.instance()], 16), own[31..]);
}
