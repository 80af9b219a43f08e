//! A circuit's keys and one proof, and what either verifier says of it.

use crate::circuit::{Shape, TestCircuit};
use ff::PrimeField;
use halo2_proofs::circuit::Value;
use halo2_proofs::plonk::{self, ProvingKey, create_proof, keygen_pk, keygen_vk};
use halo2_proofs::poly::commitment::ParamsProver;
use halo2_proofs::poly::kzg::commitment::{KZGCommitmentScheme, ParamsKZG};
use halo2_proofs::poly::kzg::multiopen::{ProverSHPLONK, VerifierSHPLONK};
use halo2_proofs::poly::kzg::strategy::SingleStrategy;
use halo2curves::bn256::{Bn256, Fr, G1Affine};
use nascent_prover::export::export_library;
use nascent_prover::transcript::Keccak;
use nascent_verifier::encoding::scalar_from_bytes;
use nascent_verifier::{ProofError, Srs, VerifyingKey, verify_proof};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

/// Everything about one circuit with one proof.
pub struct Case {
    params: ParamsKZG<Bn256>,
    pk: ProvingKey<G1Affine>,
    pub vk: VerifyingKey,
    pub srs: Srs,
    pub prefix: [u8; 32],
    pub instance: Vec<Fr>,
    pub proof: Vec<u8>,
}

impl Case {
    pub fn new(shape: Shape) -> Self {
        let params = ParamsKZG::<Bn256>::setup(6, ChaCha20Rng::from_seed([1; 32]));
        let circuit = TestCircuit {
            shape,
            start: Value::unknown(),
        };
        let vk = keygen_vk(&params, &circuit).unwrap();
        let pk = keygen_pk(&params, vk, &circuit).unwrap();
        let vk = export_library(pk.get_vk(), &[2], None).unwrap();
        let mut tau = [0; 128];
        let point = params.s_g2();
        let coordinates = [point.x.c0, point.x.c1, point.y.c0, point.y.c1];
        for (out, coordinate) in tau.chunks_mut(32).zip(coordinates) {
            out.copy_from_slice(coordinate.to_repr().as_ref());
        }
        let srs = Srs::from_uncompressed(&tau).unwrap();
        let mut case = Self {
            params,
            pk,
            vk,
            srs,
            prefix: [0xab; 32],
            instance: Vec::new(),
            proof: Vec::new(),
        };
        case.prove(shape, 5);
        case
    }

    pub fn prove(&mut self, shape: Shape, start: u64) {
        let start = Fr::from(start);
        self.instance = vec![start, start.square() * Fr::from(2).invert().unwrap()];
        let circuit = TestCircuit {
            shape,
            start: Value::known(start),
        };
        let mut transcript = Keccak::new(Vec::new(), &self.prefix);
        create_proof::<KZGCommitmentScheme<Bn256>, ProverSHPLONK<'_, Bn256>, _, _, _, _>(
            &self.params,
            &self.pk,
            &[circuit],
            &[&[&self.instance]],
            ChaCha20Rng::from_seed([2; 32]),
            &mut transcript,
        )
        .unwrap();
        self.proof = transcript.into_inner();
    }

    fn library(&self, prefix: &[u8; 32], instance: &[Fr], proof: &[u8]) -> bool {
        let mut transcript = Keccak::new(proof, prefix);
        plonk::verify_proof::<
            KZGCommitmentScheme<Bn256>,
            VerifierSHPLONK<'_, Bn256>,
            _,
            _,
            SingleStrategy<'_, Bn256>,
        >(
            self.params.verifier_params(),
            self.pk.get_vk(),
            SingleStrategy::new(&self.params),
            &[&[instance]],
            &mut transcript,
        )
        .is_ok()
    }

    pub fn ours(&self, prefix: &[u8; 32], instance: &[Fr], proof: &[u8]) -> Result<(), ProofError> {
        verify(&self.vk, &self.srs, prefix, instance, proof)
    }

    /// Both verdicts, which must be one.
    #[track_caller]
    pub fn both(&self, what: &str, prefix: &[u8; 32], instance: &[Fr], proof: &[u8]) -> bool {
        let ours = self.ours(prefix, instance, proof);
        let library = self.library(prefix, instance, proof);
        assert_eq!(
            ours.is_ok(),
            library,
            "{what}: ours {ours:?}, library {library}"
        );
        library
    }
}

/// Our verdict, on an instance in the library's field.
pub fn verify(
    vk: &VerifyingKey,
    srs: &Srs,
    prefix: &[u8; 32],
    instance: &[Fr],
    proof: &[u8],
) -> Result<(), ProofError> {
    let scalar = |value: &Fr| scalar_from_bytes(&value.to_repr()).unwrap();
    let instance = instance.iter().map(scalar).collect();
    verify_proof(vk, srs, prefix, &[instance], proof)
}
