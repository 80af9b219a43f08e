//! Proofs of initialization.

use super::{Published, rng};
use nascent_circuits::tile::TileParams;
use nascent_params::Srs;
use nascent_prover::keys::TileKeys;
use nascent_prover::link::{Blinding, Columns, Committer, Proved};
use nascent_prover::tile::Subject;
use nascent_verifier::link::{CommittedTo, LinkError, TAIL, tail_rows};
use nascent_verifier::statement::{TILE_BLOCK_ROWS, TILE_HEADER_BLOCKS};
use nascent_verifier::{
    Beacon, Distribution, Fill, ModelSpec, Plan, Precision, ProvedWeights, StreamSpec, TensorSpec,
};

const K: u32 = 8;

struct Setting {
    srs: Srs,
    keys: TileKeys,
    subject: Subject,
}

impl Setting {
    fn new() -> Self {
        let precision = Precision {
            limb_bits: 8,
            fraction_bits: 5,
        };
        let distribution = Distribution::Normal;
        let params = TileParams::new(K, distribution, precision).expect("valid");
        let srs = Srs::development(K, &nascent_params::Silent).expect("made");
        let keys = TileKeys::generate(params, &srs).expect("keys");
        let rows = keys.params().weight_rows() as u64 + 1;
        let fill = Fill::Sampled {
            stream: 0,
            first_row: 0,
            scale_bits: 0.5_f32.to_bits(),
            mean_bits: 0,
        };
        let model = ModelSpec {
            kept: Vec::new(),
            name: "two tiles".into(),
            graph_digest: [1; 32],
            rules_digest: [2; 32],
            streams: vec![StreamSpec {
                distribution,
                precision,
                rows,
            }],
            tensors: vec![TensorSpec {
                name: "w".into(),
                dims: vec![rows, precision.lanes()],
                fill,
            }],
        };
        let plan = Plan {
            model,
            publisher_key: None,
            beacon: "a value".into(),
            created: 1,
            weight_digest: false,
        };
        let beacon = Beacon::Raw(b"the value".to_vec());
        let subject = Subject::new(&plan, &beacon, None).expect("fits");
        Self { srs, keys, subject }
    }

    fn prove(&self, index: u64, blinding: &Blinding) -> ProvedWeights {
        let (subject, keys, srs) = (&self.subject, &self.keys, &self.srs);
        let generator = blinding.generator();
        let proof = subject
            .prove(keys, srs, 0, index, None, generator)
            .expect("proved");
        let vk = keys.verifying_key();
        let weights = subject.verify_weights(vk, srs.verifier_srs(), 0, index, None, &proof);
        weights.expect("verified").expect("a tile has weights")
    }

    fn cells(&self, index: u64) -> Vec<Vec<i64>> {
        let cells = self.subject.lane_cells(self.keys.params(), 0, index);
        cells.expect("derived")
    }

    fn publish(&self, index: u64, seed: u64) -> Published {
        let columns = Columns {
            subject: self.subject.committed(0, index),
            vk_digest: *self.keys.verifying_key().digest(),
        };
        Published::new(
            &self.srs,
            self.keys.verifying_key(),
            &columns,
            &self.cells(index),
            seed,
        )
    }
}

#[test]
fn a_tile_is_linked_to_its_commitment_alone() {
    let setting = Setting::new();
    let blindings = [10, 11].map(|seed| Blinding::draw(&mut rng(seed)));
    let proofs = [0, 1].map(|tile| setting.prove(tile, &blindings[tile as usize]));
    let published = [0, 1].map(|tile| setting.publish(tile, 20 + tile));
    for (tile, other) in [(0, 1), (1, 0)] {
        let part = &published[tile].checked.parts()[0];
        let proved = Proved {
            vk: setting.keys.verifying_key(),
            list: 0,
            weights: &proofs[tile],
            cells: &setting.cells(tile as u64),
            blinding: &blindings[tile],
        };
        let link = proved.link_to(part, &published[tile].opening, rng(5));
        let link = link.expect("linked");
        assert_eq!(proofs[tile].verify_link(part, &link.bytes), Ok(()));
        let refused = proofs[other].verify_link(part, &link.bytes);
        assert_eq!(refused, Err(LinkError::Equation));
        let foreign = &published[other].checked.parts()[0];
        let refused = proofs[tile].verify_link(foreign, &link.bytes);
        assert_eq!(refused, Err(LinkError::Equation));
        proved
            .link_to(foreign, &published[other].opening, rng(5))
            .expect_err("another tile's weights");
        // Opened to the weights that anyone derives from the public seed.
        let committer = Committer::new(&setting.srs, TAIL);
        let opened = committer.open(part, &setting.cells(tile as u64), &published[tile].opening);
        assert_eq!(opened, Ok(()));
        assert!(matches!(part.subject(), CommittedTo::Tile { index, .. } if *index == tile as u64));
    }
}

#[test]
fn no_weight_of_a_tile_stands_on_the_tail() {
    for k in TileParams::MIN_K..=TileParams::MAX_K {
        let params = TileParams {
            k,
            ..TileParams::default()
        };
        let end = params.first_weight_row() + params.weight_rows();
        assert!(end + TAIL <= 1 << k, "k = {k}");
        let blocks = params.blocks() as u64 + TILE_HEADER_BLOCKS;
        assert_eq!(blocks * TILE_BLOCK_ROWS, end as u64);
    }
    let setting = Setting::new();
    assert_eq!(tail_rows(setting.keys.verifying_key(), 0), Some(TAIL));
    let weights = setting.keys.verifying_key().weights(0).expect("lanes");
    let cells = setting.cells(0);
    assert_eq!(weights.columns.len(), cells.len());
    for column in &cells {
        let last = column.iter().rposition(|&cell| cell != 0);
        assert!(last.expect("not empty") < weights.rows as usize);
    }
}
