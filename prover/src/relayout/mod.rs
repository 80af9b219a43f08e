//! Keys and proofs of relayouts: the deviates of tiles are the weights of an inference.

use std::sync::Arc;

use nascent_circuits::relayout::plan::TilePlan;
use nascent_circuits::relayout::{Layout, RelayoutCircuit, SharedColumns, WitnessError};
use nascent_ir::{Origins, Params};
use nascent_params::Srs;
use nascent_verifier::link::{Link, Part};
use nascent_verifier::{
    ProvedWeights, RelayoutBundle, RelayoutColumns, RelayoutError, RelayoutStatement, RelayoutTile,
    VerifyingKey, WeightColumns, verify_relayout_columns,
};
use rand_core::{CryptoRng, RngCore};

use crate::derive::{DeriveError, Deriver};
use crate::error::{KeyError, ProveError};
use crate::export::{self, Exporter, export_bound};
use crate::link::{Blinding, Opening, ProveLinkError, Proved};
use crate::plonk::{self, Key};
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
    /// Its columns, from its verification.
    pub columns: RelayoutColumns,
    /// Where the time went.
    pub timings: plonk::Timings,
    circuit: RelayoutCircuit,
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
        weights: number(layout.shape.weight_lanes + layout.shape.vector_lanes)?,
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
        let (circuit, statement, export) = exported(layout, origins)?;
        let k = statement.k.into();
        let (key, vk) = sheet::generate(circuit.constraints(), circuit.sheet(), k, srs, export)?;
        Ok(Self {
            circuit,
            statement,
            key,
            vk,
        })
    }

    /// Generates the verifier's key alone, with the circuit that it is of: 8 bytes a fixed cell, not the
    /// 40 of both keys.
    ///
    /// # Errors
    ///
    /// As [`Self::generate`].
    pub fn derive(
        layout: Arc<Layout>,
        origins: &Origins,
        srs: &Srs,
    ) -> Result<(RelayoutCircuit, VerifyingKey), RelayoutProofError> {
        let (circuit, statement, export) = exported(layout, origins)?;
        let (constraints, k) = (circuit.constraints(), statement.k.into());
        let vk = sheet::verifying_key(&constraints, circuit.sheet(), k, srs, export)?;
        Ok((circuit, vk))
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

    /// Proves that the parameters are the deviates ([`deviates`]), and verifies the proof.
    ///
    /// # Errors
    ///
    /// If the parameters are not those deviates, or the proof cannot be made.
    pub fn prove(
        &self,
        srs: &Srs,
        deviates: &[Vec<u32>],
        params: &Params,
        blinding: &Blinding,
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
        let mut rng = blinding.generator();
        let timings = plonk::create_proof(
            srs,
            &self.key,
            circuit.clone(),
            &[],
            &mut rng,
            &mut transcript,
        )
        .map_err(ProveError::from)?;
        bundle.proof = transcript.into_inner();
        let (_, columns) = verify_relayout_columns(&bundle, &self.vk, srs.verifier_srs())?;
        Ok(RelayoutProof {
            bundle,
            columns,
            timings,
            circuit,
        })
    }

    /// Links the lanes of tile `tile` of a proof, in the order of the statement, to the part of a
    /// published commitment that is about this tile. `blinding` is what the proof was made with.
    ///
    /// # Errors
    ///
    /// If there is no such tile, or the part holds other cells.
    pub fn link_tile(
        &self,
        proof: &RelayoutProof,
        blinding: &Blinding,
        tile: usize,
        part: &Part,
        opening: &Opening,
        rng: impl RngCore + CryptoRng,
    ) -> Result<Link, ProveLinkError> {
        let weights = proof.columns.tiles.get(tile);
        let weights = weights.ok_or(ProveLinkError::NoList { list: tile })?;
        self.proved(proof, blinding, tile, weights)?
            .link_to(part, opening, rng)
    }

    /// Links the parameters of a proof to a published commitment to the inference's parameters.
    ///
    /// # Errors
    ///
    /// If the part holds other cells.
    pub fn link_weights(
        &self,
        proof: &RelayoutProof,
        blinding: &Blinding,
        part: &Part,
        opening: &Opening,
        rng: impl RngCore + CryptoRng,
    ) -> Result<Link, ProveLinkError> {
        let (list, weights) = (proof.columns.tiles.len(), &proof.columns.weights);
        self.proved(proof, blinding, list, weights)?
            .link_to(part, opening, rng)
    }

    fn proved<'a>(
        &'a self,
        proof: &'a RelayoutProof,
        blinding: &'a Blinding,
        list: usize,
        weights: &'a ProvedWeights,
    ) -> Result<Proved<'a>, ProveLinkError> {
        let none = || ProveLinkError::NoList { list };
        let shared = self.circuit.layout().shared_columns();
        let columns = shared.get(list).ok_or_else(none)?.columns.clone();
        Ok(Proved {
            vk: &self.vk,
            list: u16::try_from(list).map_err(|_| none())?,
            weights,
            cells: proof.circuit.cells(columns),
            blinding,
        })
    }
}

/// The circuit of a layout, what its proofs state, and what makes the verifier's key of its
/// commitments.
fn exported(
    layout: Arc<Layout>,
    origins: &Origins,
) -> Result<(RelayoutCircuit, RelayoutStatement, Exporter), RelayoutProofError> {
    let statement = statement(&layout, origins)?;
    let circuit = RelayoutCircuit::new(layout);
    let lists = lists(circuit.layout())?;
    let subject = statement.digest();
    let export = move |circuit: &export::Circuit<'_>| export_bound(circuit, &[], subject, lists);
    Ok((circuit, statement, Box::new(export)))
}

/// The lists of the verifying key: the lanes of each tile, then the weights.
fn lists(layout: &Layout) -> Result<Vec<WeightColumns>, KeyError> {
    let list = |shared: SharedColumns| {
        let columns = shared.columns.map(u32::try_from);
        Ok(WeightColumns {
            columns: columns
                .collect::<Result<_, _>>()
                .map_err(|_| KeyError::TooLarge)?,
            rows: shared.rows as u64,
        })
    };
    layout.shared_columns().into_iter().map(list).collect()
}
