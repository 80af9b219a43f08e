//! Our prover writes the library's proofs: the library's verifier accepts them, and everything that
//! does not depend on fresh randomness is the same byte for byte. Whatever arithmetic computes a
//! proof, it is the same.

use halo2_proofs::{
    plonk::{ProvingKey, create_proof, keygen_pk, keygen_vk, verify_proof},
    poly::kzg::{
        commitment::{KZGCommitmentScheme, ParamsKZG},
        multiopen::{ProverSHPLONK, VerifierSHPLONK},
        strategy::SingleStrategy,
    },
};
use halo2curves::bn256::{Bn256, Fr, G1Affine};
use nascent_circuits::{
    digest,
    sampling::DeviateTable,
    seed::SeedMaterial,
    tile::{TileChain, TileCircuit, TileParams, TileWitness},
};
use nascent_params::{Silent, Srs};
use nascent_prover::{
    plonk::{self, Arithmetic, Key},
    transcript::Keccak,
};
use nascent_verifier::{Distribution, Precision};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

const PREFIX: [u8; 32] = [7; 32];

fn setting(params: &TileParams) -> (Srs, ProvingKey<G1Affine>) {
    let srs = Srs::development(params.k, &Silent).expect("development SRS");
    let shape = TileCircuit::shape(params.clone());
    let vk = keygen_vk(srs.params(), &shape).expect("verifying key");
    let pk = keygen_pk(srs.params(), vk, &shape).expect("proving key");
    (srs, pk)
}

fn witness() -> TileWitness {
    let seed = SeedMaterial {
        secret: Fr::from(5),
        beacon: Fr::from(6),
        model: Fr::from(7),
    };
    TileWitness {
        seed,
        first_block: 40,
    }
}

/// The tile's circuit; with the weight digest it begins a stream, so that the chain is at hand.
fn circuit(params: &TileParams) -> TileCircuit {
    if !params.weight_digest {
        return TileCircuit::new(params.clone(), witness());
    }
    let table = DeviateTable::new(params.distribution, params.precision).expect("supported");
    let live = params.blocks() as u64 - 3;
    let values = digest::chain(&table, witness().seed.stream_key(), live, live);
    let chain = TileChain {
        start: values[0],
        end: values[1],
        live,
    };
    let witness = TileWitness {
        first_block: 0,
        ..witness()
    };
    TileCircuit::new(params.clone(), witness).with_chain(Some(chain))
}

fn ours(
    arithmetic: Arithmetic,
    srs: &Srs,
    pk: &ProvingKey<G1Affine>,
    params: &TileParams,
) -> Vec<u8> {
    let mut transcript = Keccak::new(Vec::new(), &PREFIX);
    let circuit = circuit(params);
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    plonk::create_proof_with(
        arithmetic,
        srs,
        &Key::from_library(pk).expect("a circuit of gates"),
        circuit.clone(),
        &[&circuit.instance()],
        &mut rng,
        &mut transcript,
    )
    .expect("proof");
    transcript.into_inner()
}

fn library(srs: &Srs, pk: &ProvingKey<G1Affine>, params: &TileParams) -> Vec<u8> {
    let mut transcript = Keccak::new(Vec::new(), &PREFIX);
    create_proof::<KZGCommitmentScheme<Bn256>, ProverSHPLONK<'_, Bn256>, _, _, _, _>(
        srs.params(),
        pk,
        &[circuit(params)],
        &[&[&circuit(params).instance()]],
        ChaCha20Rng::seed_from_u64(3),
        &mut transcript,
    )
    .expect("proof");
    transcript.into_inner()
}

fn accepts(
    params: &ParamsKZG<Bn256>,
    pk: &ProvingKey<G1Affine>,
    proof: &[u8],
    instance: &[Fr],
) -> bool {
    let mut transcript = Keccak::new(proof, &PREFIX);
    verify_proof::<KZGCommitmentScheme<Bn256>, VerifierSHPLONK<'_, Bn256>, _, _, _>(
        params,
        pk.get_vk(),
        SingleStrategy::new(params),
        &[&[instance]],
        &mut transcript,
    )
    .is_ok()
}

#[test]
fn the_library_verifies_our_proofs() {
    for (k, distribution, limb_bits, weight_digest) in [
        (8, Distribution::Uniform, 8, false),
        (9, Distribution::Normal, 8, false),
        (8, Distribution::Normal, 10, false),
        (8, Distribution::Uniform, 8, true),
        (9, Distribution::Normal, 8, true),
    ] {
        let precision = Precision {
            limb_bits,
            fraction_bits: limb_bits - 3,
        };
        let params = TileParams::new(k, distribution, precision).expect("shape");
        let params = params.with_weight_digest(weight_digest);
        let (srs, pk) = setting(&params);
        let proof = ours(Arithmetic::Detected, &srs, &pk, &params);
        let portable = ours(Arithmetic::Portable, &srs, &pk, &params);
        assert!(proof == portable, "arithmetics differ, k = {k}");
        let reference = library(&srs, &pk, &params);
        assert_eq!(proof.len(), reference.len());
        let first_phase = pk
            .get_vk()
            .cs()
            .advice_column_phase()
            .iter()
            .filter(|&&p| p == 0)
            .count();
        assert_eq!(proof[..32 * first_phase], reference[..32 * first_phase]);
        let instance = circuit(&params).instance();
        assert!(
            accepts(srs.params(), &pk, &reference, &instance),
            "library, k = {k}"
        );
        assert!(
            accepts(srs.params(), &pk, &proof, &instance),
            "ours, k = {k}"
        );
        for row in 0..instance.len() {
            let mut wrong = instance.clone();
            wrong[row] += Fr::one();
            assert!(!accepts(srs.params(), &pk, &proof, &wrong), "row {row}");
        }
    }
}
