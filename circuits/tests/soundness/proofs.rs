//! Forged witnesses through the library: the prover proves whatever it is given, the verifier
//! refuses.

use std::collections::BTreeMap;

use ff::Field;
use halo2_proofs::circuit::{Layouter, SimpleFloorPlanner, Value};
use halo2_proofs::plonk::{
    Advice, Circuit, Column, ConstraintSystem, Error, ProvingKey, create_proof, keygen_pk,
    keygen_vk, verify_proof,
};
use halo2_proofs::poly::commitment::ParamsProver;
use halo2_proofs::poly::kzg::commitment::{KZGCommitmentScheme, ParamsKZG};
use halo2_proofs::poly::kzg::multiopen::{ProverSHPLONK, VerifierSHPLONK};
use halo2_proofs::poly::kzg::strategy::SingleStrategy;
use halo2_proofs::transcript::{
    Blake2bRead, Blake2bWrite, Challenge255, TranscriptReadBuffer, TranscriptWriterBuffer,
};
use halo2curves::bn256::{Bn256, Fr, G1Affine};
use nascent_circuits::grid::Grid;
use nascent_circuits::poseidon2::BLOCK_ROWS;
use nascent_circuits::tile::{TileCircuit, TileConfig, TileParams};
use nascent_verifier::Distribution;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use crate::harness::{Forgery, Tile};
use crate::manifest::{closing, wrong_weight};

/// A tile whose advice is forged, the second phase under the proof's own challenges.
struct Forged<'a> {
    tile: &'a Tile,
    forgery: &'a Forgery<'a>,
}

impl Forged<'_> {
    /// Writes the usable rows of the advice columns of a phase.
    fn write(&self, layouter: &mut impl Layouter<Fr>, grid: &Grid, phase: u8) -> Result<(), Error> {
        let meta = &self.tile.meta;
        let phases = meta.advice_column_phase();
        let columns: BTreeMap<usize, Column<Advice>> = meta
            .advice_queries()
            .iter()
            .map(|(column, _)| (column.index(), *column))
            .collect();
        layouter.assign_region(
            || "forged",
            |mut region| {
                for (&index, column) in columns.iter().filter(|&(&index, _)| phases[index] == phase)
                {
                    for row in 0..=self.tile.params.last_row() {
                        region.assign_advice(*column, row, Value::known(grid.advice[index][row]));
                    }
                }
                Ok(())
            },
        )
    }
}

impl Circuit<Fr> for Forged<'_> {
    type Config = TileConfig;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = TileParams;

    fn params(&self) -> TileParams {
        self.tile.params.clone()
    }

    fn without_witnesses(&self) -> Self {
        Self { ..*self }
    }

    fn configure_with_params(meta: &mut ConstraintSystem<Fr>, params: TileParams) -> TileConfig {
        TileConfig::configure(meta, &params)
    }

    fn configure(meta: &mut ConstraintSystem<Fr>) -> TileConfig {
        TileConfig::configure(meta, &TileParams::default())
    }

    fn synthesize(&self, config: TileConfig, mut layouter: impl Layouter<Fr>) -> Result<(), Error> {
        let mut grid = self.tile.honest.clone();
        self.tile.first_phase(&mut grid, self.forgery);
        self.write(&mut layouter, &grid, 0)?;
        layouter.next_phase();
        for challenge in [config.alpha, config.beta, config.gamma] {
            let cell = &mut grid.challenges[challenge.index()];
            layouter.get_challenge(challenge).map(|value| *cell = value);
        }
        self.tile.second_phase(&mut grid, self.forgery);
        self.write(&mut layouter, &grid, 1)
    }
}

struct Setup {
    srs: ParamsKZG<Bn256>,
    key: ProvingKey<G1Affine>,
}

impl Setup {
    fn new(tile: &Tile) -> Self {
        let srs = ParamsKZG::<Bn256>::setup(tile.params.k, ChaCha20Rng::seed_from_u64(1));
        let circuit = TileCircuit::shape(tile.params.clone());
        let vk = keygen_vk(&srs, &circuit).expect("verifying key");
        let key = keygen_pk(&srs, vk, &circuit).expect("proving key");
        Self { srs, key }
    }

    /// Whether the library's verifier accepts the library's proof of a forged witness.
    fn accepts(&self, tile: &Tile, forgery: &Forgery<'_>) -> bool {
        // With what a forger claims: the first block, the end of the chain.
        let rows = if tile.params.weight_digest { 7 } else { 4 };
        let mut grid = tile.honest.clone();
        tile.first_phase(&mut grid, forgery);
        let instance = grid.instance[0][..rows].to_vec();
        let circuit = Forged { tile, forgery };
        let mut transcript = Blake2bWrite::<_, _, Challenge255<_>>::init(vec![]);
        create_proof::<KZGCommitmentScheme<Bn256>, ProverSHPLONK<'_, _>, _, _, _, _>(
            &self.srs,
            &self.key,
            &[circuit],
            &[&[&instance]],
            ChaCha20Rng::seed_from_u64(2),
            &mut transcript,
        )
        .expect("a proof of whatever it is given");
        let proof = transcript.finalize();
        let mut transcript = Blake2bRead::<_, _, Challenge255<_>>::init(&proof[..]);
        verify_proof::<KZGCommitmentScheme<Bn256>, VerifierSHPLONK<'_, _>, _, _, _>(
            self.srs.verifier_params(),
            self.key.get_vk(),
            SingleStrategy::new(&self.srs),
            &[&[&instance]],
            &mut transcript,
        )
        .is_ok()
    }
}

#[test]
fn proofs_of_forged_witnesses_do_not_verify() {
    for tile in [
        Tile::new(7, Distribution::Normal, 7, 4),
        Tile::new(8, Distribution::Uniform, 8, 0),
        Tile::with_digest(7, Distribution::Normal, 7, 4),
    ] {
        let setup = Setup::new(&tile);
        assert!(setup.accepts(&tile, &Forgery::default()), "honest");
        let row = tile.params.first_weight_row() + 4;
        let second = |gate: &str, name: &str| {
            wrong_weight(Some(closing(&tile, (tile.constraint(gate, name), row))))
        };
        let fault = |gate: &str, name: &str, row: usize| Forgery {
            faults: vec![((tile.constraint(gate, name), row), Fr::ONE)],
            ..Forgery::default()
        };
        let count = |tile: &Tile, grid: &mut Grid| tile.add_count(grid, false, 1, Fr::ONE);
        let links = tile.block_end(0);
        let forgeries = [
            ("wrong weight", wrong_weight(None)),
            ("forged helper", second("logup lookups", "lookups 3 on")),
            (
                "forged table helper",
                second("logup table", "table sides 0 on"),
            ),
            ("forged sum", second("logup sum", "running sum")),
            (
                "wrong multiplicity",
                Forgery {
                    first: Some(&count),
                    ..Forgery::default()
                },
            ),
            ("wrong counter", fault("seed", "index counts up", links)),
            ("wrong key", fault("seed", "stream key", 3 * BLOCK_ROWS - 1)),
            (
                "wrong secret",
                Forgery {
                    secret: Some(Fr::from(5)),
                    ..Forgery::default()
                },
            ),
            (
                "wrong round",
                fault("poseidon2 square", "square of lane 3", links),
            ),
        ];
        let packed = (
            "weights packed wrongly",
            Forgery {
                packed: Some((row, Fr::ONE)),
                ..Forgery::default()
            },
        );
        let end = (
            "another end of the chain",
            Forgery {
                claim: Some((5, Fr::ONE)),
                ..Forgery::default()
            },
        );
        let digest = [packed, end];
        let digest = digest.into_iter().filter(|_| tile.params.weight_digest);
        for (what, forgery) in forgeries.into_iter().chain(digest) {
            assert_eq!(
                tile.verdict(&forgery).len(),
                1,
                "{what} breaks one constraint"
            );
            assert!(!setup.accepts(&tile, &forgery), "{what}");
        }
    }
}
