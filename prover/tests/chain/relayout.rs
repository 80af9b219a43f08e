//! Proofs of relayouts: made by our prover, accepted by our verifier, and refused for anything else.
//!
//! The deviates are derived as an initialization does; the circuit itself is examined in
//! `circuits/tests/relayout`.

use std::sync::Arc;

use crate::setting::{K, Setting, graph, spec};
use halo2curves::bn256::Fr;
use nascent_circuits::inference::Salts;
use nascent_circuits::relayout::{self, WitnessError};
use nascent_circuits::seed::SeedMaterial;
use nascent_circuits::tile::{TileCircuit, TileParams, TileWitness};
use nascent_params::Srs;
use nascent_prover::derive::Deriver;
use nascent_prover::inference::InferenceKeys;
use nascent_prover::relayout::{RelayoutKeys, RelayoutProofError, deviates};
use nascent_verifier::{
    Format, RelayoutBundle, RelayoutError, verify_relayout, verify_relayout_columns,
};

fn seed() -> SeedMaterial {
    SeedMaterial {
        secret: Fr::from(5),
        beacon: Fr::from(6),
        model: Fr::from(7),
    }
}

/// Weights of a seed; any will do.
fn setting() -> Setting {
    let spec = spec();
    let deriver = Deriver::with_key(&spec, seed().stream_key());
    Setting::new(&deriver.expect("valid"))
}

fn verify(setting: &Setting, bundle: &RelayoutBundle) -> Result<(), RelayoutError> {
    let srs = setting.srs.verifier_srs();
    verify_relayout(bundle, setting.keys.verifying_key(), srs).map(|_| ())
}

#[test]
fn derived_weights_are_proved_and_nothing_else_is() {
    let setting = setting();
    setting.keys.circuit().check().expect("a relayout");
    let (made, _) = setting.prove(1).expect("proved");
    let bundle = made.bundle;
    assert_eq!(verify(&setting, &bundle), Ok(()));
    assert_eq!(
        RelayoutBundle::decode(&bundle.encode().expect("valid")),
        Ok(bundle.clone())
    );
    let srs = setting.srs.verifier_srs();
    let key = setting.keys.verifying_key();
    let (report, columns) = verify_relayout_columns(&bundle, key, srs).expect("accepted");
    assert!(report.development_srs);
    let points = |columns: &nascent_verifier::RelayoutColumns| {
        let tiles = columns.tiles.iter().chain([&columns.weights]);
        tiles.map(|list| list.points().to_vec()).collect::<Vec<_>>()
    };
    let points_of = points(&columns);
    assert_eq!(points_of.iter().map(Vec::len).collect::<Vec<_>>(), [31, 17]);
    // Other blinding, other commitments.
    let (again, _) = setting.prove(2).expect("proved");
    let others = points(&again.columns);
    let pairs = points_of.iter().flatten().zip(others.iter().flatten());
    assert!({ pairs }.all(|(a, b)| a != b));

    let tampered = |edit: &dyn Fn(&mut RelayoutBundle)| {
        let mut other = bundle.clone();
        edit(&mut other);
        verify(&setting, &other).expect_err("tampered")
    };
    use RelayoutError as E;
    let proof = |error: E| matches!(error, E::Proof(_));
    assert_eq!(tampered(&|b| b.statement.model[0] ^= 1), E::Statement);
    assert_eq!(
        tampered(&|b| b.statement.architecture[31] ^= 1),
        E::Statement
    );
    assert_eq!(tampered(&|b| b.statement.origins[5] ^= 1), E::Statement);
    assert_eq!(tampered(&|b| b.statement.tiles[0].index += 1), E::Statement);
    assert_eq!(
        tampered(&|b| b.statement.tiles[0].stream += 1),
        E::Statement
    );
    assert!(matches!(
        tampered(&|b| b.statement.k += 1),
        E::Size {
            expected: 10,
            got: 9
        }
    ));
    let columns = |list, expected, got| E::Columns {
        list,
        expected,
        got,
    };
    let fewer = tampered(&|b| b.statement.tiles[0].lanes -= 1);
    assert_eq!(fewer, columns(0, 30, 31));
    let fewer = tampered(&|b| b.statement.weights -= 1);
    assert_eq!(fewer, columns(1, 16, 17));
    let none = tampered(&|b| b.statement.weights = 0);
    assert_eq!(none, columns(1, 0, 17));
    let more = tampered(&|b| {
        let index = b.statement.tiles[0].index + 1;
        let tile = nascent_verifier::RelayoutTile {
            index,
            lanes: 17,
            ..b.statement.tiles[0]
        };
        b.statement.tiles.push(tile);
    });
    assert_eq!(more, columns(2, 17, 0));
    assert!(matches!(
        tampered(&|b| b.statement.weights = u32::MAX),
        E::TooManyColumns { .. }
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
    let mut setting = setting();
    let param = setting.origins.params[1].param;
    setting.params.values.get_mut(&param).expect("there")[9] -= 1;
    let error = setting.prove(1).expect_err("another weight");
    assert!(matches!(
        error,
        RelayoutProofError::Witness(WitnessError::Differs { .. })
    ));
    setting.params.values.get_mut(&param).expect("there")[9] += 1;
    let bias = setting.origins.public[0].param;
    setting.params.values.get_mut(&bias).expect("there")[3] += 1;
    let error = setting.prove(1).expect_err("another bias");
    assert!(matches!(
        error,
        RelayoutProofError::Witness(WitnessError::Public {
            row: 3,
            lane: 0,
            ..
        })
    ));
    setting.params.values.get_mut(&bias).expect("there")[3] -= 1;
    let spec = spec();
    let deriver = Deriver::with_key(&spec, Fr::from(1)).expect("valid");
    setting.deviates = deviates(setting.keys.circuit().layout(), &deriver).expect("derived");
    let error = setting.prove(1).expect_err("another seed");
    assert!(matches!(error, RelayoutProofError::Witness(_)));
}

/// The same input gives the same key, and another list of origins another one.
#[test]
fn keys_are_those_of_the_layout() {
    let setting = setting();
    let own = setting.keys.circuit().layout();
    let again = RelayoutKeys::generate(Arc::clone(own), &setting.origins, &setting.srs);
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
    // Another bias, another key.
    let mut origins = setting.origins.clone();
    origins.public[0].values[49] += 1;
    let inference = Arc::clone(&setting.inference);
    let layout = relayout::plan(&spec(), &origins, &graph, inference, &setting.shape);
    let layout = Arc::new(layout.expect("planned"));
    let other = RelayoutKeys::generate(layout, &origins, &setting.srs).expect("keys");
    assert_ne!(other.verifying_key().digest(), digest);
    assert_ne!(other.statement(), setting.keys.statement());
    let small = Srs::development(K - 1, &nascent_params::Silent).expect("made");
    let error = RelayoutKeys::generate(Arc::clone(own), &setting.origins, &small);
    assert!(matches!(error, Err(RelayoutProofError::Keys(_))));
}

/// What a link needs: on the rows before the blinding, the columns are those of the other proofs.
#[test]
fn columns_are_those_of_the_tile_and_of_the_inference() {
    use halo2_proofs::plonk::{Circuit, ConstraintSystem};
    use nascent_circuits::grid::Grid;
    let setting = setting();
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
    let own = columns(&own, &[], 31 + 17);
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
        &setting.origins.architecture,
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
    assert_eq!(columns(&inference, &[&inference.instance()], 17), own[31..]);
}
