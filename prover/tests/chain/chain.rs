//! A whole chain of real proofs, and every way to put together one that does not hold.
//!
//! - [`setting`]: the relayout's model, here with a plan and a beacon value.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use crate::setting::{K, Setting, spec};
use nascent_circuits::inference::Salts;
use nascent_circuits::tile::TileParams;
use nascent_ir::Params;
use nascent_prover::derive::Deriver;
use nascent_prover::inference::InferenceKeys;
use nascent_prover::keys::TileKeys;
use nascent_prover::link::{Blinding, Columns, Committer, Opening, Proved};
use nascent_prover::tile::Subject;
use nascent_verifier::bundle::{StreamProofs, TileProof};
use nascent_verifier::chain::{
    Answer, Attached, Attachments, ChainFileError, Initialization, Linked, Origin, OriginReport,
    Step, StepError, Version,
};
use nascent_verifier::link::{CommittedTo, Link, LinkError, LinksError, PartData, TAIL, tail_rows};
use nascent_verifier::workers::Alone;
use nascent_verifier::{
    Beacon, Chain, ChainError, ChainReport, CommitmentData, Digest32, Format, FormatError,
    InferenceBundle, InitBundle, Links, Plan, RelayoutBundle, VerifyError, VerifyingKey,
    WeightCommitment, verify_chain, verify_inference_weights,
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

fn plan(created: u64) -> Plan {
    Plan {
        model: spec(),
        publisher_key: None,
        beacon: "tomorrow's value".into(),
        created,
        weight_digest: false,
    }
}

fn beacon() -> Beacon {
    Beacon::Raw(b"it came".to_vec())
}

/// Another value of the beacon, that did not come: other weights.
fn elsewhere() -> Publisher {
    Publisher::new(1, Beacon::Raw(b"it did not come".to_vec()))
}

/// Keys and secrets of a publisher with one plan.
struct Publisher {
    plan: Plan,
    beacon: Beacon,
    setting: Setting,
    tile: TileKeys,
    inference: InferenceKeys,
    opening: Opening,
}

/// A chain with its keys.
struct World {
    publisher: Publisher,
    chain: Chain,
    /// Of the same publisher, for another plan: nothing differs but its date.
    other: Chain,
    keys: BTreeMap<Digest32, VerifyingKey>,
}

impl Publisher {
    fn new(created: u64, beacon: Beacon) -> Self {
        let plan = plan(created);
        let setting = {
            let deriver = Deriver::from_plan(&plan, &beacon, None);
            Setting::new(&deriver.expect("valid"))
        };
        let stream = plan.model.streams[0];
        let params = TileParams::new(K, stream.distribution, stream.precision).expect("valid");
        let tile = TileKeys::generate(params, &setting.srs).expect("keys");
        let (layout, shape) = (Arc::clone(&setting.inference), setting.shape.clone());
        let architecture = &setting.origins.architecture;
        let inference = InferenceKeys::generate(architecture, layout, shape, &setting.srs);
        let inference = inference.expect("keys");
        Self {
            plan,
            beacon,
            setting,
            tile,
            inference,
            opening: Opening::draw(&mut rng(100 + created)),
        }
    }

    fn commit(
        &self,
        subject: CommittedTo,
        vk: &VerifyingKey,
        cells: &[Vec<i64>],
    ) -> CommitmentData {
        let srs = &self.setting.srs;
        let columns = Columns {
            subject,
            vk_digest: *vk.digest(),
        };
        let committer = Committer::new(srs, tail_rows(vk, 0).expect("room"));
        CommitmentData {
            srs_digest: *srs.identity(),
            tails: vec![committer.tail_points().expect("a tail")],
            parts: vec![PartData {
                subject,
                vk_digest: columns.vk_digest,
                opening: self.opening.id(),
                tail: 0,
                points: committer
                    .commit(&columns, cells, &self.opening)
                    .expect("committed"),
            }],
        }
    }

    fn checked(&self, data: &CommitmentData) -> WeightCommitment {
        WeightCommitment::new(data, self.setting.srs.verifier_srs()).expect("valid")
    }

    /// The initialization, its commitment, and its link.
    fn initialize(&self, seed: u64) -> (InitBundle, CommitmentData, Link) {
        let (srs, vk) = (&self.setting.srs, self.tile.verifying_key());
        let subject = Subject::new(&self.plan, &self.beacon, None).expect("fits");
        let blinding = Blinding::draw(&mut rng(seed));
        let generator = blinding.generator();
        let proof = subject
            .prove(&self.tile, srs, 0, 0, None, generator)
            .expect("proved");
        let weights = subject.verify_weights(vk, srs.verifier_srs(), 0, 0, None, &proof);
        let weights = weights.expect("verified").expect("lanes");
        let cells = subject
            .lane_cells(self.tile.params(), 0, 0)
            .expect("derived");
        let data = self.commit(subject.committed(0, 0), vk, &cells);
        let proved = Proved {
            vk,
            list: 0,
            weights: &weights,
            cells: &cells,
            blinding: &blinding,
        };
        let part = &self.checked(&data).parts()[0].clone();
        let link = proved.link_to(part, &self.opening, rng(seed + 1));
        let bundle = InitBundle {
            plan: self.plan.clone(),
            beacon: self.beacon.clone(),
            srs_digest: *srs.identity(),
            streams: vec![StreamProofs {
                k: K as u8,
                vk_digest: *vk.digest(),
            }],
            tiles: vec![TileProof {
                stream: 0,
                index: 0,
                proof,
            }],
            hash_chain_ends: Vec::new(),
        };
        (bundle, data, link.expect("linked"))
    }

    fn commit_parameters(&self, params: &Params) -> CommitmentData {
        let cells = self.inference.circuit().parameter_cells(params);
        let architecture = self.setting.origins.architecture;
        let subject = CommittedTo::Parameters { architecture };
        self.commit(
            subject,
            self.inference.verifying_key(),
            &cells.expect("fit"),
        )
    }

    /// The relayout with its links to both commitments.
    fn relayout(
        &self,
        seed: u64,
        deviates: &CommitmentData,
        weights: &CommitmentData,
    ) -> (Origin, Vec<Link>) {
        let (made, blinding) = self.setting.prove(seed).expect("proved");
        let keys = &self.setting.keys;
        let (deviates, weights) = (self.checked(deviates), self.checked(weights));
        let (tile, weights) = (&deviates.parts()[0], &weights.parts()[0]);
        let links = [
            keys.link_tile(&made, &blinding, 0, tile, &self.opening, rng(seed + 1)),
            keys.link_weights(&made, &blinding, weights, &self.opening, rng(seed + 2)),
        ];
        let links = links.into_iter().map(|link| link.expect("linked"));
        (Origin::Initial(vec![made.bundle]), links.collect())
    }

    /// An answer with its link.
    fn answer(&self, params: &Params, to: &CommitmentData, seed: u64) -> (InferenceBundle, Link) {
        let (srs, keys) = (&self.setting.srs, &self.inference);
        let vk = keys.verifying_key();
        let architecture = self.setting.origins.architecture;
        let prefix =
            nascent_verifier::inference::prefix(&architecture, vk.digest(), srs.identity());
        let inputs: Vec<i64> = (0..20).map(|i| (i + seed as i64) % 8).collect();
        let blinding = Blinding::draw(&mut rng(seed));
        let salts = Salts::default();
        let made = keys
            .prove(srs, params, &inputs, &prefix, salts, blinding.generator())
            .expect("proved");
        let bundle = InferenceBundle {
            architecture,
            vk_digest: *vk.digest(),
            srs_digest: *srs.identity(),
            inputs: made.inputs,
            outputs: made.outputs,
            hidden_inputs: None,
            hidden_outputs: None,
            proof: made.proof,
        };
        let (_, weights) =
            verify_inference_weights(&bundle, vk, srs.verifier_srs()).expect("holds");
        let cells = keys.circuit().parameter_cells(params).expect("fit");
        let proved = Proved {
            vk,
            list: 0,
            weights: &weights.expect("parameters"),
            cells: &cells,
            blinding: &blinding,
        };
        let part = &self.checked(to).parts()[0].clone();
        let link = proved.link_to(part, &self.opening, rng(seed + 1));
        (bundle, link.expect("linked"))
    }

    /// Parameters after "training": one weight differs.
    fn trained(&self) -> Params {
        let mut params = self.setting.params.clone();
        let values = params.values.values_mut().next().expect("one");
        values[0] = if values[0] > 0 {
            values[0] - 1
        } else {
            values[0] + 1
        };
        params
    }

    fn chain(&self, seed: u64) -> Chain {
        let (init, deviates, link) = self.initialize(seed);
        let weights = self.commit_parameters(&self.setting.params);
        let (origin, mut links) = self.relayout(seed + 10, &deviates, &weights);
        links.push(link);
        let trained = self.trained();
        let after = self.commit_parameters(&trained);
        let mut answers = Vec::new();
        for (version, params, to, seed) in [
            (0, &self.setting.params, &weights, seed + 20),
            (1, &trained, &after, seed + 30),
        ] {
            let (inference, link) = self.answer(params, to, seed);
            answers.push(Answer { version, inference });
            links.push(link);
        }
        Chain {
            initializations: vec![Initialization {
                bundle: init,
                deviates,
            }],
            versions: vec![
                Version {
                    name: "initial".into(),
                    commitment: weights,
                    origin,
                },
                Version {
                    name: "trained".into(),
                    commitment: after,
                    origin: Origin::Declared {
                        from: 0,
                        words: "one weight, by hand".into(),
                    },
                },
            ],
            answers,
            links: Links { links },
            attachments: Attachments::default(),
        }
    }
}

impl World {
    fn get() -> &'static Self {
        static WORLD: OnceLock<World> = OnceLock::new();
        WORLD.get_or_init(|| {
            let publisher = Publisher::new(1, beacon());
            let other = Publisher::new(2, beacon()).chain(2000);
            let chain = publisher.chain(1000);
            let keys = [
                publisher.tile.verifying_key(),
                publisher.inference.verifying_key(),
                publisher.setting.keys.verifying_key(),
            ];
            let keys = keys.map(|key| (*key.digest(), key.clone()));
            Self {
                keys: keys.into_iter().collect(),
                publisher,
                chain,
                other,
            }
        })
    }

    fn verify(&self, chain: &Chain) -> Result<ChainReport, ChainError> {
        let srs = self.publisher.setting.srs.verifier_srs();
        verify_chain(chain, |digest| self.keys.get(digest), srs, &Alone)
    }

    /// The step that refuses a changed chain, and why.
    #[track_caller]
    fn refused(&self, change: impl FnOnce(&mut Chain)) -> (Step, StepError) {
        let mut chain = self.chain.clone();
        change(&mut chain);
        assert!(chain != self.chain, "nothing changed");
        let error = self.verify(&chain).expect_err("a chain that does not hold");
        (error.step, error.source)
    }
}

/// The most openings of a column and of a weight column, and the random rows that hide them: the
/// openings, the commitment, and two more.
#[track_caller]
fn hiding(vk: &VerifyingKey) -> (usize, usize, u64) {
    let data = vk.data();
    let columns = 0..u32::try_from(data.advice_phases.len()).expect("few");
    let openings: Vec<usize> = columns.map(|column| data.openings_of(column)).collect();
    for (column, &openings) in openings.iter().enumerate() {
        let said = openings as u64 + 1;
        assert!(
            said + 2 <= data.random_rows(),
            "column {column}: {openings}"
        );
    }
    let lists = (0..).map_while(|list| vk.weights(list));
    let weights = lists.flat_map(|list| list.columns.clone());
    let of_weights = weights.map(|column| openings[column as usize]);
    let most = openings.iter().copied().max().expect("columns");
    (most, of_weights.max().unwrap_or(0), data.random_rows())
}

/// In the book's table of what hiding rests on.
#[test]
fn every_column_has_random_rows_left() {
    let publisher = &World::get().publisher;
    assert_eq!(hiding(publisher.tile.verifying_key()), (9, 1, 12));
    assert_eq!(hiding(publisher.inference.verifying_key()), (2, 1, 6));
    assert_eq!(hiding(publisher.setting.keys.verifying_key()), (2, 1, 6));
}

/// The link that a step asks for, taken out of the file.
fn without(links: &mut Links, from: &Chain, position: usize) {
    let gone = from.links.links[position].clone();
    links.links.retain(|link| *link != gone);
}

#[test]
fn an_honest_chain_holds_and_survives_its_file() {
    let world = World::get();
    let report = world.verify(&world.chain).expect("holds");
    assert_eq!((report.proofs, report.links), (4, 5));
    assert!(report.is_initial("initial") && !report.is_initial("trained"));
    let OriginReport::Declared { from, words } = &report.versions[1].origin else {
        panic!("{:?}", report.versions[1]);
    };
    assert_eq!(
        (from.as_str(), words.as_str()),
        ("initial", "one weight, by hand")
    );
    assert_eq!(report.answers[1].version, "trained");
    let bytes = world.chain.encode().expect("valid");
    assert_eq!(Chain::decode(&bytes), Ok(world.chain.clone()));
    // The other plan's chain holds as well, with the same keys.
    assert!(world.verify(&world.other).is_ok());
    // A byte less, a byte more.
    assert!(Chain::decode(&bytes[..bytes.len() - 1]).is_err());
    let longer = [&bytes[..], &[0]].concat();
    assert!(Chain::decode(&longer).is_err());
}

#[test]
fn plans_and_their_tiles_do_not_mix() {
    let world = World::get();
    // Edited after the beacon.
    let (step, error) = world.refused(|chain| chain.initializations[0].bundle.plan.created += 1);
    assert_eq!(step, Step::Initialization(0));
    assert!(matches!(error, StepError::Init(VerifyError::Tile { .. })));
    let (step, _) =
        world.refused(|chain| chain.initializations[0].bundle.plan.model.name.push('x'));
    assert_eq!(step, Step::Initialization(0));
    // A tile of another plan; another value of the beacon.
    let (step, _) = world.refused(|chain| {
        chain.initializations[0].bundle.tiles = world.other.initializations[0].bundle.tiles.clone()
    });
    assert_eq!(step, Step::Initialization(0));
    let (step, _) = world
        .refused(|chain| chain.initializations[0].bundle.beacon = Beacon::Raw(b"another".to_vec()));
    assert_eq!(step, Step::Initialization(0));
    // The whole initialization of another plan: nothing that follows is about it.
    let (step, error) = world.refused(|chain| {
        chain.initializations[0].bundle = world.other.initializations[0].bundle.clone()
    });
    assert_eq!(step, Step::Deviates(0));
    let missing = StepError::MissingPart {
        stream: 0,
        index: 0,
    };
    assert_eq!(error, missing);
    // With its commitment and links: the relayout is still about the first plan's deviates.
    let (step, error) = world.refused(|chain| {
        chain.initializations[0].bundle = world.other.initializations[0].bundle.clone();
        chain.initializations[0].deviates = world.other.initializations[0].deviates.clone();
        chain.links.links.extend(world.other.links.links.clone());
    });
    assert_eq!(step, Step::Version("initial".into()));
    let what = Linked::Lanes {
        stream: 0,
        index: 0,
    };
    assert_eq!(error, StepError::MissingLink { what });
}

#[test]
fn commitments_belong_to_their_steps() {
    let world = World::get();
    let initial = Step::Version("initial".into());
    // The deviates' commitment of another plan.
    let (step, _) = world.refused(|chain| {
        chain.initializations[0].deviates = world.other.initializations[0].deviates.clone()
    });
    assert_eq!(step, Step::Deviates(0));
    // A part too many.
    let (step, error) = world.refused(|chain| {
        let mut part = world.other.initializations[0].deviates.parts[0].clone();
        part.tail = 0;
        chain.initializations[0].deviates.parts.push(part);
    });
    assert_eq!(step, Step::Deviates(0));
    let extra = StepError::ExtraParts {
        expected: 1,
        got: 2,
    };
    assert_eq!(error, extra);
    // The versions' commitments exchanged: what is declared as trained is passed off as initial.
    let (step, error) = world.refused(|chain| {
        let trained = chain.versions[1].commitment.clone();
        chain.versions[1].commitment = chain.versions[0].commitment.clone();
        chain.versions[0].commitment = trained;
    });
    assert_eq!(step, initial);
    let what = Linked::Weights;
    assert_eq!(error, StepError::MissingLink { what });
    // A version without weights of its own; the deviates' commitment for the parameters'.
    let (step, error) = world.refused(|chain| {
        chain.versions[0].commitment = chain.initializations[0].deviates.clone();
    });
    assert_eq!(step, initial);
    assert!(matches!(error, StepError::Subject { .. }));
    // Another architecture.
    let (step, error) = world.refused(|chain| {
        let part = &mut chain.versions[0].commitment.parts[0];
        part.subject = CommittedTo::Parameters {
            architecture: [1; 32],
        };
    });
    assert_eq!(step, initial);
    assert!(matches!(error, StepError::Differs { .. }));
    // An answer by another architecture than the commitment's.
    let (step, error) = world.refused(|chain| {
        chain.answers[0].inference.architecture = [1; 32];
    });
    assert!(matches!(step, Step::Answer { number: 1, .. }));
    assert!(matches!(error, StepError::Differs { .. }), "{error}");
    // Another circuit's columns, as the commitment has it.
    let (step, _) = world.refused(|chain| {
        chain.versions[1].commitment.parts[0].vk_digest[0] ^= 1;
    });
    assert!(matches!(step, Step::Answer { number: 2, .. }));
    // A point of the commitment.
    let (step, _) = world.refused(|chain| {
        let points = &mut chain.versions[0].commitment.parts[0].points;
        points.swap(0, 1);
    });
    assert_eq!(step, initial);
    let (step, error) = world.refused(|chain| chain.initializations[0].deviates.srs_digest[0] ^= 1);
    assert_eq!(step, Step::Deviates(0));
    assert!(matches!(
        error,
        StepError::Commitment(FormatError::Invalid(_))
    ));
}

#[test]
fn links_are_about_their_proofs_and_commitments() {
    let world = World::get();
    let count = world.chain.links.links.len();
    let steps: Vec<Step> = (0..count)
        .map(|position| {
            let (step, error) =
                world.refused(|chain| without(&mut chain.links, &world.chain, position));
            assert!(matches!(error, StepError::MissingLink { .. }), "{error}");
            // A bit of it.
            let (other, error) = world.refused(|chain| {
                let bytes = &mut chain.links.links[position].bytes;
                let last = bytes.len() - 32;
                bytes[last] ^= 1;
            });
            assert_eq!(step, other);
            assert!(matches!(
                error,
                StepError::Link {
                    source: LinkError::Equation,
                    ..
                }
            ));
            // Replayed from the other plan's chain.
            let (other, error) = world.refused(|chain| {
                let replayed = &world.other.links.links[position];
                chain.links.links[position].bytes = replayed.bytes.clone();
            });
            assert_eq!(step, other);
            assert!(matches!(error, StepError::Link { .. }), "{error}");
            step
        })
        .collect();
    let initial = Step::Version("initial".into());
    let answer = |number, version: &str| Step::Answer {
        number,
        version: version.into(),
    };
    assert_eq!(
        steps,
        [
            initial.clone(),
            initial,
            Step::Deviates(0),
            answer(1, "initial"),
            answer(2, "trained"),
        ]
    );
    // One of no step, and one twice.
    let (step, error) = world.refused(|chain| {
        chain.links.links.push(world.other.links.links[0].clone());
    });
    assert_eq!(step, Step::Whole);
    let extra = StepError::ExtraLinks {
        expected: 5,
        got: 6,
    };
    assert_eq!(error, extra);
    let (step, error) = world.refused(|chain| {
        let mut twice = chain.links.links[0].clone();
        twice.bytes = vec![7; twice.bytes.len()];
        chain.links.links.insert(0, twice);
    });
    assert_eq!(step, Step::Whole);
    let repeated = ChainFileError::Links(LinksError::Repeated { link: 1 });
    assert_eq!(error, StepError::File(repeated));
}

/// A step that stands twice makes up the number of links, and hides one that nothing looks at.
#[test]
fn a_proof_stands_once_and_every_link_is_looked_at() {
    let world = World::get();
    let garbage = Link {
        proof: [1; 32],
        other: [2; 32],
        bytes: vec![3; 544],
    };
    let (step, error) = world.refused(|chain| {
        chain.answers.insert(1, chain.answers[0].clone());
        chain.links.links.push(garbage.clone());
    });
    assert_eq!(step, Step::Whole);
    let repeated = ChainFileError::RepeatedAnswer { answer: 1 };
    assert_eq!(error, StepError::File(repeated));
    // A version under a second name, with the same relayout.
    let (step, error) = world.refused(|chain| {
        let mut again = chain.versions[0].clone();
        again.name = "again".into();
        chain.versions.push(again);
        chain.links.links.extend([
            garbage.clone(),
            Link {
                proof: [4; 32],
                ..garbage.clone()
            },
        ]);
    });
    assert_eq!(step, Step::Version("again".into()));
    let what = Linked::Lanes {
        stream: 0,
        index: 0,
    };
    assert_eq!(error, StepError::UsedLink { what });
}

#[test]
fn steps_are_neither_missing_nor_reordered() {
    let world = World::get();
    let file = |change: fn(&mut Chain)| {
        let (step, error) = world.refused(change);
        assert_eq!(step, Step::Whole);
        match error {
            StepError::File(error) => error,
            other => panic!("{other}"),
        }
    };
    use ChainFileError as E;
    assert_eq!(file(|chain| chain.versions.clear()), E::NoVersions);
    assert_eq!(
        file(|chain| chain.initializations.clear()),
        E::NoInitialization
    );
    assert_eq!(
        file(|chain| chain.versions[0].origin = Origin::Initial(Vec::new())),
        E::NoRelayout { version: 0 }
    );
    assert_eq!(
        file(|chain| chain.answers.swap(0, 1)),
        E::AnswerOrder { answer: 1 }
    );
    assert_eq!(
        file(|chain| chain.versions.truncate(1)),
        E::NoVersion { answer: 1 }
    );
    assert_eq!(
        file(|chain| chain.versions.swap(0, 1)),
        E::Lineage { version: 0 }
    );
    assert_eq!(
        file(|chain| {
            let words = "itself".to_owned();
            chain.versions[1].origin = Origin::Declared { from: 1, words };
        }),
        E::Lineage { version: 1 }
    );
    assert_eq!(
        file(|chain| {
            let words = String::new();
            chain.versions[1].origin = Origin::Declared { from: 0, words };
        }),
        E::Words { version: 1 }
    );
    assert_eq!(
        file(|chain| chain.versions[1].name = "initial".into()),
        E::Name { version: 1 }
    );
    for name in ["", "a\nb", &"x".repeat(65)] {
        let mut chain = world.chain.clone();
        chain.versions[0].name = name.to_owned();
        assert_eq!(chain.validate(), Err(E::Name { version: 0 }), "{name}");
    }
    let (step, error) = world.refused(|chain| chain.initializations[0].bundle.tiles.clear());
    assert_eq!(step, Step::Initialization(0));
    assert!(matches!(
        error,
        StepError::Init(VerifyError::MissingTile { .. })
    ));
    // An answer under another version's name.
    let (step, error) = world.refused(|chain| chain.answers[0].version = 1);
    assert!(matches!(step, Step::Answer { number: 1, .. }));
    let what = Linked::Parameters;
    assert_eq!(error, StepError::MissingLink { what });
    // Trained weights that claim to be initial: the relayout of the initial ones does not fit.
    let (step, error) = world.refused(|chain| {
        chain.versions[1].origin = chain.versions[0].origin.clone();
    });
    assert_eq!(step, Step::Version("trained".into()));
    let what = Linked::Lanes {
        stream: 0,
        index: 0,
    };
    assert_eq!(error, StepError::UsedLink { what });
    // Unknown keys.
    let srs = world.publisher.setting.srs.verifier_srs();
    for missing in world.keys.keys() {
        let known = |digest: &Digest32| world.keys.get(digest).filter(|_| digest != missing);
        let error = verify_chain(&world.chain, known, srs, &Alone);
        assert!(error.is_err());
    }
}

/// What a file may hold at most, on both sides of each bound; and the files in it are valid themselves.
#[test]
fn texts_and_files_inside_are_bounded() {
    use ChainFileError as E;
    let world = World::get();
    let of = |change: &dyn Fn(&mut Chain)| {
        let mut chain = world.chain.clone();
        change(&mut chain);
        chain.validate()
    };
    let named = |letters: usize| of(&|chain| chain.versions[0].name = "x".repeat(letters));
    assert_eq!(named(64), Ok(()));
    assert_eq!(named(65), Err(E::Name { version: 0 }));
    let declared = |words: String| {
        of(&|chain| {
            let words = words.clone();
            chain.versions[1].origin = Origin::Declared { from: 0, words };
        })
    };
    assert_eq!(declared("x".repeat(1 << 12)), Ok(()));
    let refused = Err(E::Words { version: 1 });
    assert_eq!(declared("x".repeat((1 << 12) + 1)), refused);
    assert_eq!(declared("two\nlines".to_owned()), refused);
    let attached =
        |bytes: usize| of(&|chain| chain.attachments.profiles = vec![Attached(vec![0; bytes])]);
    let limit = 64 << 20;
    assert_eq!(attached(limit), Ok(()));
    assert_eq!(attached(limit + 1), Err(E::Attachment { limit }));
    let inside = of(&|chain| chain.initializations[0].deviates.tails.clear());
    assert!(matches!(inside, Err(E::Deviates(_))), "{inside:?}");
    let inside = of(&|chain| chain.versions[1].commitment.tails.clear());
    assert!(
        matches!(inside, Err(E::Commitment { version: 1, .. })),
        "{inside:?}"
    );
    let inside = of(&|chain| chain.answers[1].inference.proof = vec![0; 1 << 24]);
    assert!(
        matches!(inside, Err(E::Answer { answer: 1, .. })),
        "{inside:?}"
    );
    let inside = of(&|chain| chain.initializations[0].bundle.plan.model.tensors.clear());
    assert!(matches!(inside, Err(E::Init(_))), "{inside:?}");
}

/// Several plans: each once, each of some use, each version's relayouts in their order.
#[test]
fn a_plan_has_one_place() {
    let world = World::get();
    // The same plan twice; another plan with the same model.
    for from in [&world.chain, &world.other] {
        let (step, error) = world.refused(|chain| {
            chain.initializations.push(from.initializations[0].clone());
        });
        assert_eq!(step, Step::Initialization(1));
        assert_eq!(error, StepError::Repeated);
    }
    let relayouts = |chain: &Chain| match &chain.versions[0].origin {
        Origin::Initial(relayouts) => relayouts.clone(),
        Origin::Declared { .. } => panic!("not initial"),
    };
    let with = |change: &dyn Fn(&mut Vec<RelayoutBundle>)| {
        let (step, error) = world.refused(|chain| {
            let mut all = relayouts(chain);
            change(&mut all);
            chain.versions[0].origin = Origin::Initial(all);
        });
        assert_eq!(step, Step::Version("initial".into()));
        error
    };
    let twice = with(&|all| all.push(all[0].clone()));
    assert_eq!(twice, StepError::RelayoutOrder);
    let unknown = with(&|all| all[0].statement.model[0] ^= 1);
    assert_eq!(unknown, StepError::UnknownModel);
}

/// A publisher who proves a relayout of his own deviates cannot link it to the plan's.
#[test]
fn other_deviates_have_no_link() {
    let world = World::get();
    let publisher = &world.publisher;
    let elsewhere = elsewhere();
    let (made, blinding) = elsewhere.setting.prove(5).expect("proved");
    let deviates = publisher.checked(&world.chain.initializations[0].deviates);
    let weights = publisher.checked(&world.chain.versions[0].commitment);
    let keys = &elsewhere.setting.keys;
    let opening = &publisher.opening;
    let lanes = keys.link_tile(&made, &blinding, 0, &deviates.parts()[0], opening, rng(1));
    lanes.expect_err("other deviates");
    let weights = keys.link_weights(&made, &blinding, &weights.parts()[0], opening, rng(1));
    weights.expect_err("other weights");
    let none = keys.link_tile(&made, &blinding, 1, &deviates.parts()[0], opening, rng(1));
    none.expect_err("no such tile");
    assert_eq!(deviates.parts()[0].key().points().len(), TAIL);
}

/// A relayout with other links of the publisher's own: to a commitment that no tile is linked to.
#[test]
fn a_second_commitment_to_deviates_is_of_no_use() {
    let world = World::get();
    let publisher = &world.publisher;
    let (step, _) = world.refused(|chain| {
        // Committed under the plan's name, with other numbers in it.
        let vk = publisher.tile.verifying_key();
        let subject = chain.initializations[0].deviates.parts[0].subject;
        let elsewhere = elsewhere();
        let of = Subject::new(&elsewhere.plan, &elsewhere.beacon, None).expect("fits");
        let cells = of
            .lane_cells(publisher.tile.params(), 0, 0)
            .expect("derived");
        chain.initializations[0].deviates = publisher.commit(subject, vk, &cells);
    });
    assert_eq!(step, Step::Deviates(0));
}
