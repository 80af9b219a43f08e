//! A whole initialization through the real circuit, the library's prover and
//! our verifier; then everything that must be refused.

use ff::PrimeField;
use halo2_proofs::plonk::{ProvingKey, create_proof, keygen_pk2};
use halo2_proofs::poly::kzg::commitment::KZGCommitmentScheme;
use halo2_proofs::poly::kzg::multiopen::ProverSHPLONK;
use halo2curves::bn256::{Bn256, Fr, G1Affine};
use nascent_circuits::seed::SeedMaterial;
use nascent_circuits::tile::{TileCircuit, TileParams, TileWitness};
use nascent_params::Srs;
use nascent_prover::keys::TileKeys;
use nascent_prover::transcript::{Keccak, digest_to_scalar};
use nascent_verifier::{
    Beacon, Digest32, Distribution, Fill, Format, InitBundle, ModelSpec, NotProved, Plan,
    Precision, ProofError, Proved, Report, Seed, StreamProofs, StreamSpec, TensorSpec, TileProof,
    TileStatement, VerifyError, VerifyingKey, verify_init,
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use std::sync::OnceLock;

const SECRET: u64 = 0x5ec7e7;

/// Keys of one kind of tile.
struct Keys {
    params: TileParams,
    srs: Srs,
    library: ProvingKey<G1Affine>,
    vk: VerifyingKey,
}

impl Keys {
    fn new(k: u32, distribution: Distribution, precision: Precision) -> Self {
        let params = TileParams::new(k, distribution, precision).unwrap();
        let srs = Srs::development(k, &nascent_params::Silent).unwrap();
        let tile = TileKeys::generate(params.clone(), &srs).unwrap();
        let shape = TileCircuit::shape(params.clone());
        let library = keygen_pk2(srs.params(), &shape, false).unwrap();
        let vk = tile.verifying_key().clone();
        Self {
            params,
            srs,
            library,
            vk,
        }
    }

    fn prove(&self, prefix: &Digest32, witness: TileWitness) -> Vec<u8> {
        let instance = witness.instance();
        let circuit = TileCircuit::new(self.params.clone(), witness);
        let mut transcript = Keccak::new(Vec::new(), prefix);
        create_proof::<KZGCommitmentScheme<Bn256>, ProverSHPLONK<'_, Bn256>, _, _, _, _>(
            self.srs.params(),
            &self.library,
            &[circuit],
            &[&[&instance]],
            ChaCha20Rng::from_seed([3; 32]),
            &mut transcript,
        )
        .unwrap();
        transcript.into_inner()
    }
}

/// A model with two streams and three tiles, proved.
struct Fixture {
    keys: [Keys; 2],
    bundle: InitBundle,
}

fn tensor(name: &str, dims: &[u64], fill: Fill) -> TensorSpec {
    TensorSpec {
        name: name.into(),
        dims: dims.to_vec(),
        fill,
    }
}

fn sampled(stream: u16, first_row: u64) -> Fill {
    Fill::Sampled {
        stream,
        first_row,
        scale_bits: 0.01_f32.to_bits(),
        mean_bits: 0,
    }
}

fn plan(keys: &[Keys; 2]) -> Plan {
    let lanes = keys[0].params.lanes() as u64;
    let stream = |keys: &Keys, rows| StreamSpec {
        distribution: keys.params.distribution,
        precision: keys.params.precision,
        rows,
    };
    // One row more than a tile: two tiles.
    let rows = keys[0].params.weight_rows() as u64 + 1;
    let model = ModelSpec {
        kept: Vec::new(),
        name: "toy".into(),
        graph_digest: [1; 32],
        rules_digest: [2; 32],
        streams: vec![stream(&keys[0], rows), stream(&keys[1], 2)],
        tensors: vec![
            tensor("a", &[lanes, rows - 2], sampled(0, 0)),
            tensor("bias", &[7], Fill::Constant { bits: 0 }),
            tensor("b", &[lanes + 1], sampled(0, rows - 2)),
            tensor("c", &[2, 20], sampled(1, 0)),
        ],
    };
    let secret = SeedMaterial {
        secret: Fr::from(SECRET),
        beacon: Fr::zero(),
        model: Fr::zero(),
    };
    Plan {
        model,
        publisher_key: Some(secret.public_key().to_repr()),
        beacon: "the first value after the plan".into(),
        created: 1_800_000_000,
        weight_digest: false,
    }
}

fn fixture() -> &'static Fixture {
    static FIXTURE: OnceLock<Fixture> = OnceLock::new();
    FIXTURE.get_or_init(|| {
        let precision = |fraction_bits| Precision {
            limb_bits: 8,
            fraction_bits,
        };
        let keys = [
            Keys::new(8, Distribution::Uniform, precision(0)),
            Keys::new(9, Distribution::Normal, precision(5)),
        ];
        let plan = plan(&keys);
        let beacon = Beacon::Raw(b"value of the day".to_vec());
        let srs_digest = keys[0].srs.verifier_srs().digest();
        let seed = SeedMaterial {
            secret: Fr::from(SECRET),
            beacon: digest_to_scalar(&beacon.digest()),
            model: digest_to_scalar(&plan.model.digest().unwrap()),
        };
        let tile = |stream: u16, index: u64| {
            let keys = &keys[usize::from(stream)];
            let statement = TileStatement {
                plan: plan.digest().unwrap(),
                beacon: beacon.digest(),
                stream,
                index,
            };
            let prefix = statement.transcript_prefix(keys.vk.digest(), &srs_digest);
            let witness = TileWitness {
                seed,
                first_block: index * keys.params.blocks() as u64,
            };
            TileProof {
                stream,
                index,
                proof: keys.prove(&prefix, witness),
            }
        };
        let tiles = vec![tile(0, 0), tile(0, 1), tile(1, 0)];
        let streams = keys.iter().map(|keys| StreamProofs {
            k: keys.params.k.try_into().unwrap(),
            vk_digest: *keys.vk.digest(),
        });
        let bundle = InitBundle {
            streams: streams.collect(),
            plan,
            beacon,
            srs_digest,
            tiles,
            hash_chain_ends: Vec::new(),
        };
        Fixture { keys, bundle }
    })
}

/// Writes the files that the verifier crate tests itself with:
/// `NASCENT_WRITE_FIXTURES=1 cargo test -p nascent-prover --test tiles fixtures`.
#[test]
fn fixtures_are_written_on_request() {
    if std::env::var_os("NASCENT_WRITE_FIXTURES").is_none() {
        return;
    }
    let Fixture { keys, bundle } = fixture();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../verifier/tests/fixtures");
    let write = |name: &str, bytes: Vec<u8>| {
        std::fs::write(format!("{folder}/{name}"), bytes).unwrap();
    };
    write("toy.init", bundle.encode().unwrap());
    write("uniform.vk", keys[0].vk.encode().unwrap());
    write("normal.vk", keys[1].vk.encode().unwrap());
    write(
        "development.srs",
        keys[0].srs.verifier_srs().encode().unwrap(),
    );
}

/// Keys are part of the protocol: the circuit of today has those of the fixtures.
#[test]
fn keys_are_the_ones_that_were_published() {
    let kept: [&[u8]; 2] = [
        include_bytes!("../../../verifier/tests/fixtures/uniform.vk"),
        include_bytes!("../../../verifier/tests/fixtures/normal.vk"),
    ];
    for (keys, kept) in fixture().keys.iter().zip(kept) {
        assert_eq!(keys.vk.encode().unwrap(), kept);
    }
}

fn verify(bundle: &InitBundle) -> Result<Report, VerifyError> {
    let keys = &fixture().keys;
    let find = |digest: &Digest32| keys.iter().map(|k| &k.vk).find(|vk| vk.digest() == digest);
    verify_init(bundle, find, keys[0].srs.verifier_srs())
}

fn refused(apply: impl FnOnce(&mut InitBundle)) -> VerifyError {
    let mut bundle = fixture().bundle.clone();
    apply(&mut bundle);
    verify(&bundle).unwrap_err()
}

#[test]
fn an_honest_bundle_verifies_and_says_what_it_proves() {
    let bundle = &fixture().bundle;
    let bytes = bundle.encode().unwrap();
    let decoded = InitBundle::decode(&bytes).unwrap();
    assert_eq!(&decoded, bundle);
    let report = verify(&decoded).unwrap();
    assert_eq!(report.proofs, 3);
    assert_eq!(report.constant_weights, 7);
    let rows = fixture().keys[0].params.weight_rows() as u64 - 1;
    assert_eq!(report.sampled_weights, 31 * rows + 32 + 40);
    assert!(report.development_srs);
    assert!(matches!(report.seed, Seed::Hidden { .. }));
    assert!(report.proved.contains(&Proved::Coverage));
    assert_eq!(report.not_proved[0], NotProved::DevelopmentSrs);
    let tiles: Vec<u64> = report.streams.iter().map(|stream| stream.tiles).collect();
    assert_eq!(tiles, [2, 1]);
}

#[test]
fn tiles_must_cover_each_stream_once_in_order() {
    let error = refused(|b| drop(b.tiles.pop()));
    assert_eq!(
        error,
        VerifyError::MissingTile {
            stream: 1,
            index: 0
        }
    );
    let error = refused(|b| drop(b.tiles.remove(0)));
    assert_eq!(
        error,
        VerifyError::MissingTile {
            stream: 0,
            index: 0
        }
    );
    let error = refused(|b| b.tiles.clear());
    assert_eq!(
        error,
        VerifyError::MissingTile {
            stream: 0,
            index: 0
        }
    );
    let error = refused(|b| b.tiles.push(b.tiles[1].clone()));
    assert_eq!(
        error,
        VerifyError::DuplicateTile {
            stream: 0,
            index: 1
        }
    );
    let error = refused(|b| b.tiles[1].index = 0);
    assert_eq!(
        error,
        VerifyError::DuplicateTile {
            stream: 0,
            index: 0
        }
    );
    let error = refused(|b| b.tiles[1].index = 2);
    assert_eq!(
        error,
        VerifyError::UnexpectedTile {
            stream: 0,
            index: 2
        }
    );
    let error = refused(|b| b.tiles[2].stream = 2);
    assert_eq!(
        error,
        VerifyError::UnexpectedTile {
            stream: 2,
            index: 0
        }
    );
    let error = refused(|b| b.tiles.swap(0, 1));
    assert_eq!(
        error,
        VerifyError::MisplacedTile {
            position: 0,
            expected: (0, 0),
            got: (0, 1),
        }
    );
}

#[test]
fn proofs_are_bound_to_their_tile_and_statement() {
    let pairing = |stream, index| VerifyError::Tile {
        stream,
        index,
        source: ProofError::Pairing,
    };
    // Swapped under each other's labels.
    let error = refused(|b| {
        let (low, high) = b.tiles.split_at_mut(1);
        std::mem::swap(&mut low[0].proof, &mut high[0].proof);
    });
    assert_eq!(error, pairing(0, 0));
    let error = refused(|b| b.tiles[1].proof = b.tiles[0].proof.clone());
    assert_eq!(error, pairing(0, 1));
    let error = refused(|b| b.beacon = Beacon::Raw(b"another day".to_vec()));
    assert_eq!(error, pairing(0, 0));
    let error = refused(|b| b.plan.created += 1);
    assert_eq!(error, pairing(0, 0));
    let error = refused(|b| b.plan.beacon = "another announcement".into());
    assert_eq!(error, pairing(0, 0));
    let error = refused(|b| b.plan.model.name.push('!'));
    assert_eq!(error, pairing(0, 0));
    let error = refused(|b| b.plan.publisher_key = None);
    assert_eq!(error, pairing(0, 0));
    let error = refused(|b| b.plan.publisher_key = Some([7; 32]));
    assert_eq!(error, pairing(0, 0));
    let error = refused(|b| {
        b.plan.model.tensors[1].fill = Fill::Constant { bits: 1 };
    });
    assert_eq!(error, pairing(0, 0));
    let error = refused(|b| {
        let last = b.tiles.last_mut().unwrap();
        let middle = last.proof.len() / 2;
        last.proof[middle] ^= 1;
    });
    assert!(matches!(
        error,
        VerifyError::Tile {
            stream: 1,
            index: 0,
            ..
        }
    ));
}

#[test]
fn keys_and_srs_must_fit() {
    let error = refused(|b| b.srs_digest[0] ^= 1);
    assert!(matches!(error, VerifyError::Srs { .. }));
    let error = refused(|b| b.streams[1].vk_digest[0] ^= 1);
    assert!(matches!(error, VerifyError::MissingKey { stream: 1, .. }));
    let shape = |stream, what| VerifyError::KeyShape { stream, what };
    let error = refused(|b| b.streams[0].k += 1);
    assert_eq!(error, shape(0, "size"));
    let error = refused(|b| b.streams.swap(0, 1));
    assert_eq!(error, shape(0, "distribution"));
    let error = refused(|b| b.plan.model.streams[1].precision.fraction_bits = 4);
    assert_eq!(error, shape(1, "precision"));
    let error = refused(|b| b.streams.truncate(1));
    assert!(matches!(error, VerifyError::Bundle(_)));
}
