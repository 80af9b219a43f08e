//! One tile of a stream: statement, witness, proof, check.

use ff::{Field, PrimeField};
use halo2_proofs::plonk;
use halo2curves::bn256::Fr;
use nascent_circuits::digest;
use nascent_circuits::sampling::{DeviateTable, SamplingError};
use nascent_circuits::seed::SeedMaterial;
use nascent_circuits::tile::{TileChain, TileCircuit, TileParams, TileWitness};
use nascent_params::Srs;
use nascent_verifier::encoding::scalar_from_bytes;
use nascent_verifier::link::CommittedTo;
use nascent_verifier::{
    Beacon, Digest32, Plan, ProofError, ProvedWeights, Srs as VerifierSrs, TileStatement,
    VerifyingKey, verify_proof_weights,
};
use rand_core::{CryptoRng, RngCore};
use zeroize::{DefaultIsZeroes, Zeroizing};

use crate::backend;
use crate::error::{ProveError, SubjectError};
use crate::keys::TileKeys;
use crate::plonk::PlonkError;
use crate::transcript::digest_to_scalar;

/// What all tiles of an initialization have in common.
#[derive(Clone)]
pub struct Subject {
    plan: Digest32,
    beacon: Digest32,
    public_key: [u8; 32],
    seed: Zeroizing<Seed>,
}

/// What holds the secret, wiped when it is dropped.
#[derive(Clone, Copy)]
struct Seed(SeedMaterial);

impl Default for Seed {
    fn default() -> Self {
        Self(SeedMaterial {
            secret: Fr::ZERO,
            beacon: Fr::ZERO,
            model: Fr::ZERO,
        })
    }
}

impl DefaultIsZeroes for Seed {}

/// Without the secret.
impl std::fmt::Debug for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subject")
            .field("plan", &self.plan)
            .field("beacon", &self.beacon)
            .finish_non_exhaustive()
    }
}

impl Subject {
    /// A plan with the value its beacon took; `secret` is `None` for a public seed.
    ///
    /// # Errors
    ///
    /// If plan or value are not valid, or the secret is not the one that the plan commits to.
    pub fn new(plan: &Plan, beacon: &Beacon, secret: Option<Fr>) -> Result<Self, SubjectError> {
        plan.beacon.check(beacon).map_err(SubjectError::Beacon)?;
        let plan_digest = plan.digest()?;
        let secret = match (&plan.publisher_key, secret) {
            (None, None) => Fr::ZERO,
            (Some(_), Some(secret)) => secret,
            (None, Some(_)) => return Err(SubjectError::SecretForPublicSeed),
            (Some(_), None) => return Err(SubjectError::MissingSecret),
        };
        let beacon = beacon.digest();
        let seed = SeedMaterial {
            secret,
            beacon: digest_to_scalar(&beacon),
            model: digest_to_scalar(&plan.model.digest().map_err(SubjectError::Model)?),
        };
        let public_key = plan.public_key_bytes();
        if seed.public_key().to_repr() != public_key {
            return Err(SubjectError::WrongSecret);
        }
        Ok(Self {
            plan: plan_digest,
            beacon,
            public_key,
            seed: Zeroizing::new(Seed(seed)),
        })
    }

    /// Digest of the plan.
    pub fn plan(&self) -> &Digest32 {
        &self.plan
    }

    /// Digest of the beacon value.
    pub fn beacon(&self) -> &Digest32 {
        &self.beacon
    }

    /// Statement of a tile.
    pub fn statement(&self, stream: u16, index: u64) -> TileStatement {
        TileStatement {
            plan: self.plan,
            beacon: self.beacon,
            stream,
            index,
        }
    }

    /// The weight digest of a stream of so many blocks, cut into tiles: one entry a tile.
    ///
    /// Derives the whole stream; the chain itself runs on one thread, a permutation a block.
    ///
    /// # Errors
    ///
    /// If the stream has no sampling table.
    pub fn chains(
        &self,
        params: &TileParams,
        stream_blocks: u64,
    ) -> Result<Vec<TileChain>, SamplingError> {
        let table = DeviateTable::new(params.distribution, params.precision)?;
        let blocks = params.blocks() as u64;
        let values = digest::chain(&table, self.seed.0.stream_key(), stream_blocks, blocks);
        let live = |tile: u64| stream_blocks.saturating_sub(tile * blocks).min(blocks);
        let tiles = (0..).zip(values.windows(2));
        Ok(tiles
            .map(|(tile, ends)| TileChain {
                start: ends[0],
                end: ends[1],
                live: live(tile),
            })
            .collect())
    }

    /// Proves a tile and verifies the proof with our own verifier: what this returns is accepted
    /// by [`nascent_verifier::verify_init`]. `chain` is the tile's part of the weight digest, for
    /// keys that have it ([`Self::chains`]).
    ///
    /// # Errors
    ///
    /// If the keys and the SRS do not fit, the stream has an output without a witness, or the
    /// backend fails.
    pub fn prove(
        &self,
        keys: &TileKeys,
        srs: &Srs,
        stream: u16,
        index: u64,
        chain: Option<TileChain>,
        rng: impl RngCore + CryptoRng,
    ) -> Result<Vec<u8>, ProveError> {
        let first_block = keys
            .blocks()
            .checked_mul(index)
            .ok_or(ProveError::IndexOverflow { index })?;
        let witness = TileWitness {
            seed: self.seed.0,
            first_block,
        };
        let circuit = TileCircuit::new(keys.params().clone(), witness).with_chain(chain);
        let vk = keys.verifying_key();
        let prefix = self
            .statement(stream, index)
            .transcript_prefix(vk.digest(), srs.identity());
        let instance = circuit.instance();
        let proof = backend::create_proof(srs, keys, circuit.clone(), &instance, prefix, rng);
        let proof = proof.map_err(|error| match (error, circuit.check()) {
            // The circuit itself can only say that synthesis failed.
            (ProveError::Backend(PlonkError::Synthesis(plonk::Error::Synthesis)), Err(source)) => {
                ProveError::Unprovable {
                    stream,
                    index,
                    source,
                }
            }
            (error, _) => error,
        })?;
        self.verify(vk, srs.verifier_srs(), stream, index, chain, &proof)
            .map_err(|source| ProveError::Refused {
                stream,
                index,
                source,
            })?;
        Ok(proof)
    }

    /// What a commitment to the weights of a tile is about.
    pub fn committed(&self, stream: u16, index: u64) -> CommittedTo {
        CommittedTo::Tile {
            plan: self.plan,
            beacon: self.beacon,
            stream,
            index,
        }
    }

    /// The cells of a tile's weight lanes: what its proof commits to.
    ///
    /// # Errors
    ///
    /// If the index overflows, or the stream has an output without a witness.
    pub fn lane_cells(
        &self,
        params: &TileParams,
        stream: u16,
        index: u64,
    ) -> Result<Vec<Vec<i64>>, ProveError> {
        let first_block = (params.blocks() as u64)
            .checked_mul(index)
            .ok_or(ProveError::IndexOverflow { index })?;
        let witness = TileWitness {
            seed: self.seed.0,
            first_block,
        };
        let cells = TileCircuit::new(params.clone(), witness).lane_cells();
        cells.map_err(|source| ProveError::Unprovable {
            stream,
            index,
            source,
        })
    }

    /// Verifies the proof of a tile, with its part of the weight digest if the key has it.
    ///
    /// # Errors
    ///
    /// The verifier's.
    pub fn verify(
        &self,
        vk: &VerifyingKey,
        srs: &VerifierSrs,
        stream: u16,
        index: u64,
        chain: Option<TileChain>,
        proof: &[u8],
    ) -> Result<(), ProofError> {
        self.verify_weights(vk, srs, stream, index, chain, proof)
            .map(drop)
    }

    /// [`Self::verify`], which also hands out the commitments to the weights.
    ///
    /// # Errors
    ///
    /// The verifier's.
    pub fn verify_weights(
        &self,
        vk: &VerifyingKey,
        srs: &VerifierSrs,
        stream: u16,
        index: u64,
        chain: Option<TileChain>,
        proof: &[u8],
    ) -> Result<Option<ProvedWeights>, ProofError> {
        let blocks = vk.tile().map_or(0, |tile| tile.blocks);
        let first_block = Fr::from(blocks) * Fr::from(index);
        let values = [
            self.public_key,
            self.seed.0.beacon.to_repr(),
            self.seed.0.model.to_repr(),
            first_block.to_repr(),
        ];
        let chain = chain.iter().flat_map(TileChain::instance);
        // All are canonical; one that were not would only be refused.
        let instance = values
            .into_iter()
            .chain(chain.map(|value| value.to_repr()))
            .filter_map(|bytes| scalar_from_bytes(&bytes).ok())
            .collect();
        let prefix = self
            .statement(stream, index)
            .transcript_prefix(vk.digest(), &srs.digest());
        let weights = verify_proof_weights(vk, srs, &prefix, &[instance], proof)?;
        Ok(weights.into_iter().next())
    }
}
