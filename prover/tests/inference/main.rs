//! Proofs of inference: made by our prover, accepted by our verifier, and refused for anything else.

#[path = "../../../circuits/tests/inference/graphs.rs"]
mod graphs;

use std::sync::Arc;

use ff::PrimeField;
use graphs::{Case, cases};
use nascent_circuits::inference::Salts;
use nascent_circuits::inference::plan::plan_hidden;
use nascent_circuits::inference::plan::rows::Lanes;
use nascent_params::Srs;
use nascent_prover::inference::{InferenceKeys, InferenceProof, Seal};
use nascent_verifier::inference::prefix;
use nascent_verifier::{
    Hidden, InferenceBundle, InferenceError, InferenceReport, VerifyingKey, verify_inference,
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

/// Stands for the digest of an architecture.
const ARCHITECTURE: [u8; 32] = [1; 32];

struct Setting {
    srs: Srs,
    keys: InferenceKeys,
}

impl Setting {
    fn new(case: &Case) -> Self {
        let lanes = Lanes {
            units: 4,
            folds: 2,
            params: 2,
            weights: 8,
        };
        let layout = plan_hidden(&case.graph, lanes, case.hidden);
        let layout = Arc::new(layout.expect("planned"));
        let shape = layout.shape(None).expect("fits");
        let srs = Srs::development(shape.k, &nascent_params::Silent).expect("made");
        let keys = InferenceKeys::generate(&ARCHITECTURE, layout, shape, &srs).expect("keys");
        Self { srs, keys }
    }

    fn prove(&self, case: &Case) -> InferenceProof {
        let inputs: Vec<i64> = case.inputs.iter().map(|&x| x.into()).collect();
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let salts = Salts::draw(&mut rng);
        let key = self.keys.verifying_key().digest();
        let prefix = prefix(&ARCHITECTURE, key, self.srs.identity());
        self.keys
            .prove(&self.srs, &case.params, &inputs, &prefix, salts, rng)
            .expect("proved")
    }

    /// What goes out.
    fn bundle(&self, made: &InferenceProof) -> InferenceBundle {
        let hidden = |seal: &Option<Seal>, values: &[i64]| {
            let hidden = seal.map(|seal| Hidden {
                digest: seal.digest,
                count: values.len() as u32,
            });
            let public = if hidden.is_some() {
                Vec::new()
            } else {
                values.to_vec()
            };
            (hidden, public)
        };
        let (hidden_inputs, inputs) = hidden(&made.input_seal, &made.inputs);
        let (hidden_outputs, outputs) = hidden(&made.output_seal, &made.outputs);
        InferenceBundle {
            architecture: ARCHITECTURE,
            vk_digest: *self.keys.verifying_key().digest(),
            srs_digest: *self.srs.identity(),
            inputs,
            outputs,
            hidden_inputs,
            hidden_outputs,
            proof: made.proof.clone(),
        }
    }

    fn verify(&self, bundle: &InferenceBundle) -> Result<InferenceReport, InferenceError> {
        verify_inference(bundle, self.keys.verifying_key(), self.srs.verifier_srs())
    }
}

/// Another first value, or the digest of another.
fn change(values: &mut [i64], hidden: Option<&mut Hidden>) {
    match hidden {
        Some(hidden) => hidden.digest[0] ^= 1,
        None => values[0] ^= 1,
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
    for case in cases() {
        let setting = Setting::new(&case);
        let most = if case.hidden.inputs || case.hidden.outputs {
            3
        } else {
            2
        };
        let counted = hiding(setting.keys.verifying_key());
        assert_eq!(counted, (most, 1, 6), "{}", case.name);
    }
}

#[test]
fn proofs_verify_and_nothing_else_does() {
    for case in cases() {
        let setting = Setting::new(&case);
        let made = setting.prove(&case);
        let honest = setting.bundle(&made);
        let report = setting.verify(&honest).expect(case.name);
        assert_eq!(
            (
                report.hidden_inputs.is_some(),
                report.hidden_outputs.is_some()
            ),
            (case.hidden.inputs, case.hidden.outputs)
        );
        assert_eq!(made.proof.len(), setting.keys.verifying_key().proof_len());
        let refused = |edit: &dyn Fn(&mut InferenceBundle), what: &str| {
            let mut other = honest.clone();
            edit(&mut other);
            assert_ne!(other, honest);
            setting.verify(&other).expect_err(what);
        };
        refused(
            &|b| change(&mut b.outputs, b.hidden_outputs.as_mut()),
            "another output",
        );
        refused(
            &|b| change(&mut b.inputs, b.hidden_inputs.as_mut()),
            "another input",
        );
        refused(&|b| b.architecture[0] ^= 1, "another statement");
        let middle = made.proof.len() / 2;
        refused(&|b| b.proof[middle] ^= 1, "another proof");
        if case.hidden == nascent_circuits::inference::Hidden::default() {
            // The last input passed off as the first output: the same values in the same order.
            refused(
                &|b| {
                    let last = b.inputs.pop();
                    b.outputs.splice(0..0, last);
                },
                "an input as an output",
            );
        } else {
            let swap = |b: &mut InferenceBundle| {
                std::mem::swap(&mut b.hidden_inputs, &mut b.hidden_outputs);
            };
            refused(&swap, "inputs as outputs");
            // As many blocks as the right number has.
            let more = |b: &mut InferenceBundle| {
                let hidden = [&mut b.hidden_inputs, &mut b.hidden_outputs];
                hidden.into_iter().flatten().for_each(|of| {
                    of.count = match of.count % 15 {
                        0 => of.count - 1,
                        _ => of.count + 1,
                    };
                });
            };
            refused(&more, "another number of hidden values");
            refused(&|b| b.hidden_inputs = None, "nothing hidden");
            refused(&|b| b.inputs = made.inputs.clone(), "public and hidden");
            refused(
                &|b| {
                    let hidden = b.hidden_inputs.as_mut().expect("hidden");
                    hidden.digest = [255; 32];
                },
                "no field element",
            );
        }
    }
}

/// The instance is one list: the rows between a hidden number and the digest are read by no gate, and
/// a prover could fill them. So a key serves one division into public and hidden values alone.
#[test]
fn hidden_rows_are_no_public_values() {
    let mut case = cases().swap_remove(0);
    for (inputs, outputs) in [(true, false), (false, true)] {
        case.hidden = nascent_circuits::inference::Hidden { inputs, outputs };
        let setting = Setting::new(&case);
        let honest = setting.bundle(&setting.prove(&case));
        setting.verify(&honest).expect("honest");
        // As many rows: a block of hidden values less, fifteen public ones more.
        let mut other = honest.clone();
        let (hidden, public) = match inputs {
            true => (&mut other.hidden_inputs, &mut other.outputs),
            false => (&mut other.hidden_outputs, &mut other.inputs),
        };
        let hidden = hidden.as_mut().expect("hidden");
        assert!((1..=15).contains(&hidden.count));
        public.extend([honest.inputs.len() as i64, hidden.count.into()]);
        public.extend(1000..1013);
        hidden.count = 0;
        let rows = |bundle: &InferenceBundle| bundle.instance().expect("an instance").len();
        assert_eq!(rows(&other), rows(&honest));
        let refused = setting.verify(&other).expect_err("another division");
        assert!(
            matches!(refused, InferenceError::Architecture),
            "{refused:?}"
        );
    }
}

/// The salt opens the digest, and is new in each proof.
#[test]
fn a_salt_opens_its_digest() {
    let case = cases().pop().expect("the hidden case");
    let setting = Setting::new(&case);
    let made = setting.prove(&case);
    for (seal, values) in [
        (made.input_seal, &made.inputs),
        (made.output_seal, &made.outputs),
    ] {
        let seal = seal.expect("hidden");
        let salt = halo2curves::bn256::Fr::from_repr(seal.salt).expect("a field element");
        assert_eq!(
            nascent_circuits::seal::digest(salt, values).to_repr(),
            seal.digest
        );
    }
    assert_ne!(
        made.input_seal.map(|seal| seal.salt),
        made.output_seal.map(|seal| seal.salt)
    );
}
