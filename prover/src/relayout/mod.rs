//! Keys and proofs of relayouts: the deviates of tiles are the weights of an inference.

use std::sync::Arc;

use nascent_circuits::relayout::plan::TilePlan;
use nascent_circuits::relayout::{Layout, RelayoutCircuit, WitnessError};
use nascent_ir::{Origins, Params};
use nascent_params::Srs;
use nascent_verifier::{
    RelayoutBundle, RelayoutError, RelayoutStatement, RelayoutTile, VerifyingKey, verify_relayout,
};
use rand_core::{CryptoRng, RngCore};

use crate::derive::{DeriveError, Deriver};
use crate::error::{KeyError, ProveError};
use crate::export::{self, export};
use crate::fast::{self, Key};
use crate::sheet;
use crate::transcript::Keccak;

/// Keys of one relayout.
#[derive(Debug)]
pub struct RelayoutKeys {
    circuit: RelayoutCircuit,
    statement: RelayoutStatement,
    key: Key,
    vk: VerifyingKey,
}

/// Why there is no proof of a relayout.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RelayoutProofError {
    /// The list of origins has no digest.
    #[error("the list of origins is not valid: {0}")]
    Origins(#[from] nascent_verifier::FormatError<nascent_ir::OriginsError>),
    /// Keys cannot be made.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The deviates cannot be derived.
    #[error(transparent)]
    Derive(#[from] DeriveError),
    /// Deviates or parameters do not fit, or differ.
    #[error(transparent)]
    Witness(#[from] WitnessError),
    /// The proof cannot be made.
    #[error(transparent)]
    Prove(#[from] ProveError),
    /// Our own verifier refuses the proof: a fault of this crate.
    #[error("the proof was made and is not accepted: {0}")]
    Refused(#[from] RelayoutError),
}

/// A proof of a relayout, as its verifier takes it.
#[derive(Clone, Debug)]
pub struct RelayoutProof {
    /// The statement with its proof.
    pub bundle: RelayoutBundle,
    /// Where the time went.
    pub timings: fast::Timings,
}

/// What a relayout of a layout states.
///
/// # Errors
///
/// If the origins are not in order.
pub fn statement(
    layout: &Layout,
    origins: &Origins,
) -> Result<RelayoutStatement, RelayoutProofError> {
    let number = |count: usize| u32::try_from(count).map_err(|_| KeyError::TooLarge);
    let tile = |tile: &TilePlan| {
        Ok(RelayoutTile {
            stream: tile.stream,
            index: tile.index,
            lanes: number(tile.lanes.lanes)?,
        })
    };
    let tiles = layout.tiles.iter().map(tile).collect::<Result<_, _>>();
    Ok(RelayoutStatement {
        model: origins.model,
        architecture: origins.architecture,
        origins: origins.digest()?,
        k: u8::try_from(layout.shape.k).map_err(|_| KeyError::TooLarge)?,
        tiles: tiles.map_err(RelayoutProofError::Keys)?,
        weights: number(layout.shape.weight_lanes)?,
    })
}

/// Lane values of the layout's tiles, row by row.
///
/// # Errors
///
/// If the deriver's model has other streams.
pub fn deviates(layout: &Layout, deriver: &Deriver<'_>) -> Result<Vec<Vec<u32>>, DeriveError> {
    let tile = |tile: &TilePlan| {
        let first_block = tile.index * tile.blocks as u64;
        deriver.lane_values(usize::from(tile.stream), first_block, tile.blocks)
    };
    layout.tiles.iter().map(tile).collect()
}

impl RelayoutKeys {
    /// Generates the keys of a layout that [`nascent_circuits::relayout::plan()`] made with these
    /// origins.
    ///
    /// # Errors
    ///
    /// If the SRS has another size than the circuit, or the circuit does not fit the key's format.
    pub fn generate(
        layout: Arc<Layout>,
        origins: &Origins,
        srs: &Srs,
    ) -> Result<Self, RelayoutProofError> {
        let statement = statement(&layout, origins)?;
        let k = layout.shape.k;
        let circuit = RelayoutCircuit::new(layout);
        let export = |circuit: &export::Circuit<'_>| export(circuit, &[], None);
        let (key, vk) = sheet::generate(circuit.constraints(), circuit.sheet(), k, srs, export)?;
        Ok(Self {
            circuit,
            statement,
            key,
            vk,
        })
    }

    /// The verifier's key.
    pub fn verifying_key(&self) -> &VerifyingKey {
        &self.vk
    }

    /// What proofs of these keys state.
    pub fn statement(&self) -> &RelayoutStatement {
        &self.statement
    }

    /// The circuit without a witness.
    pub fn circuit(&self) -> &RelayoutCircuit {
        &self.circuit
    }

    /// Proves that the parameters are the deviates ([`deviates`]), and verifies the proof. Blinding
    /// comes from `rng`.
    ///
    /// # Errors
    ///
    /// If the parameters are not those deviates, or the proof cannot be made.
    pub fn prove(
        &self,
        srs: &Srs,
        deviates: &[Vec<u32>],
        params: &Params,
        mut rng: impl RngCore + CryptoRng,
    ) -> Result<RelayoutProof, RelayoutProofError> {
        let circuit = self.circuit.with_witness(deviates, params)?;
        let mut bundle = RelayoutBundle {
            statement: self.statement.clone(),
            vk_digest: *self.vk.digest(),
            srs_digest: *srs.identity(),
            proof: Vec::new(),
        };
        let proof = Vec::with_capacity(self.vk.proof_len());
        let mut transcript = Keccak::new(proof, &bundle.transcript_prefix());
        let timings = fast::create_proof(srs, &self.key, circuit, &[], &mut rng, &mut transcript)
            .map_err(ProveError::from)?;
        bundle.proof = transcript.into_inner();
        verify_relayout(&bundle, &self.vk, srs.verifier_srs())?;
        Ok(RelayoutProof { bundle, timings })
    }
}
