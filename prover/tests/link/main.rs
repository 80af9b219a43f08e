//! Links between real proofs of the same weights and a published commitment.

#[path = "../../../circuits/tests/inference/graphs.rs"]
mod graphs;
mod inference;
mod tile;

use std::sync::OnceLock;

use nascent_circuits::inference::plan::rows::Lanes;
use nascent_circuits::inference::{Hidden, Salts, plan};
use nascent_params::Srs;
use nascent_prover::inference::InferenceKeys;
use nascent_prover::link::{Blinding, Columns, Committer, Opening};
use nascent_verifier::codec::Format;
use nascent_verifier::link::{CommittedTo, PartData, tail_rows};
use nascent_verifier::{
    CommitmentData, Digest32, InferenceBundle, ProvedWeights, VerifyingKey, WeightCommitment,
    verify_inference_weights,
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

const ARCHITECTURE: Digest32 = [7; 32];

fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// An architecture with keys.
struct Model {
    case: graphs::Case,
    srs: Srs,
    keys: InferenceKeys,
    cells: Vec<Vec<i64>>,
}

/// A proof about the model's parameters.
struct Answer {
    weights: ProvedWeights,
    blinding: Blinding,
}

/// A commitment to them.
struct Published {
    data: CommitmentData,
    checked: WeightCommitment,
    opening: Opening,
}

impl Published {
    fn new(srs: &Srs, vk: &VerifyingKey, columns: &Columns, cells: &[Vec<i64>], seed: u64) -> Self {
        let committer = Committer::new(srs, tail_rows(vk, 0).expect("room"));
        let opening = Opening::draw(&mut rng(seed));
        let points = committer.commit(columns, cells, &opening);
        let data = CommitmentData {
            srs_digest: *srs.identity(),
            tails: vec![committer.tail_points().expect("a tail")],
            parts: vec![PartData {
                subject: columns.subject,
                vk_digest: columns.vk_digest,
                opening: opening.id(),
                tail: 0,
                points: points.expect("committed"),
            }],
        };
        let checked = WeightCommitment::new(&data, srs.verifier_srs()).expect("checked");
        Self {
            data,
            checked,
            opening,
        }
    }
}

impl Model {
    fn get() -> &'static Self {
        static MODEL: OnceLock<Model> = OnceLock::new();
        MODEL.get_or_init(|| {
            let mut cases = graphs::cases().into_iter();
            let case = cases
                .find(|case| case.hidden == Hidden::default() && case.params.values.len() > 1)
                .expect("one with parameters");
            let lanes = Lanes {
                units: 4,
                folds: 2,
                params: 2,
                weights: 8,
            };
            let layout = plan(&case.graph, lanes).expect("planned");
            let shape = layout.shape(None).expect("fits");
            let srs = Srs::development(shape.k, &nascent_params::Silent).expect("made");
            let keys =
                InferenceKeys::generate(&ARCHITECTURE, layout.into(), shape, &srs).expect("keys");
            let cells = keys.circuit().parameter_cells(&case.params).expect("fit");
            Self {
                case,
                srs,
                keys,
                cells,
            }
        })
    }

    fn vk(&self) -> &VerifyingKey {
        self.keys.verifying_key()
    }

    fn columns(&self) -> Columns {
        Columns {
            subject: CommittedTo::Parameters {
                architecture: ARCHITECTURE,
            },
            vk_digest: *self.vk().digest(),
        }
    }

    /// Proves the case's inference with this blinding.
    fn answer(&self, seed: u64) -> Answer {
        let blinding = Blinding::draw(&mut rng(seed));
        let prefix = nascent_verifier::inference::prefix(
            &ARCHITECTURE,
            self.vk().digest(),
            self.srs.identity(),
        );
        let inputs: Vec<i64> = self.case.inputs.iter().map(|&x| x.into()).collect();
        let params = &self.case.params;
        let made = self
            .keys
            .prove(
                &self.srs,
                params,
                &inputs,
                &prefix,
                Salts::default(),
                blinding.generator(),
            )
            .expect("proved");
        let bundle = InferenceBundle {
            architecture: ARCHITECTURE,
            vk_digest: *self.vk().digest(),
            srs_digest: *self.srs.identity(),
            inputs: made.inputs,
            outputs: made.outputs,
            hidden_inputs: None,
            hidden_outputs: None,
            proof: made.proof,
        };
        let (_, weights) = verify_inference_weights(&bundle, self.vk(), self.srs.verifier_srs())
            .unwrap_or_else(|error| panic!("{}: {error}", self.case.name));
        Answer {
            weights: weights.expect("the key names its parameters"),
            blinding,
        }
    }

    fn publish(&self, seed: u64) -> Published {
        Published::new(&self.srs, self.vk(), &self.columns(), &self.cells, seed)
    }
}

#[test]
fn openings_survive_their_file_and_are_never_shown() {
    let opening = Model::get().publish(5).opening;
    let bytes = opening.encode().expect("written");
    assert!(Opening::decode(&bytes).expect("read") == opening);
    assert_eq!(format!("{opening:?}"), "Opening(..)");
    assert_ne!(opening.id(), Opening::draw(&mut rng(6)).id());
}
