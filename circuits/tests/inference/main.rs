//! The inference circuit: what it computes, that its constraints hold, and that each is needed.
//!
//! - [`graphs`]: small graphs, one for each part of the circuit; [`random`]: random ones;
//! - [`manifest`]: for each constraint, lookup and wire a forgery that it alone refuses;
//! - [`determined`]: which cells follow, and which are free;
//! - [`attacks`]: attacks on units, folds and wires by name; [`attacks_on_claims`]: on claims;
//!   [`attacks_on_selections`]: on embeddings;
//! - [`checker`]: fixed columns that do not mean a circuit are refused; [`checker_manifest`]: for each
//!   rule of the checker columns that it alone refuses, made in [`drafts`] by [`corrupted_rows`] and
//!   [`corrupted_claims`];
//! - [`sealing`]: attacks on hidden inputs and outputs;
//! - [`refused`]: graphs that have no sound layout; [`memory`]: graphs made to take memory;
//!   [`towers`]: how high sums of sums may be; [`ranges`]: matrices, each of a range of its own.

mod attacks;
mod attacks_on_claims;
mod attacks_on_selections;
mod checker;
mod checker_manifest;
mod corrupted_claims;
mod corrupted_rows;
mod determined;
mod drafts;
mod graphs;
mod harness;
mod manifest;
mod memory;
mod random;
mod ranges;
mod refused;
mod rerun;
mod sealing;
mod towers;

use std::collections::BTreeMap;

use graphs::{Case, cases};
use halo2_proofs::plonk::{Circuit, ConstraintSystem};
use halo2curves::bn256::Fr;
use harness::LaidOut;
use nascent_circuits::inference::InferenceCircuit;
use nascent_circuits::inference::plan::rows::Lanes;
use nascent_circuits::inference::plan::{Hidden, plan_hidden};

impl Case {
    /// Its inputs one by one, in their listed order.
    fn given(&self) -> Vec<Vec<i32>> {
        let places = self.graph.input_places();
        places
            .map(|(_, place)| self.inputs[place].to_vec())
            .collect()
    }
}

fn lanes() -> [Lanes; 2] {
    let lanes = |units, folds, params, weights| Lanes {
        units,
        folds,
        params,
        weights,
    };
    [lanes(4, 2, 2, 8), lanes(3, 1, 1, 5)]
}

/// Hiding moves no parameter, so a commitment for one of the two circuits serves the other as well,
/// if both have the same lanes and rows; other lanes are other cells.
#[test]
fn hidden_and_public_circuits_have_the_same_cells() {
    let mut compared = 0;
    for case in cases() {
        let public = lanes().map(|lanes| plan_hidden(&case.graph, lanes, Hidden::default()));
        let public = public.map(|layout| layout.expect("planned"));
        for (public, lanes) in public.iter().zip(lanes()) {
            for (inputs, outputs) in [(true, false), (false, true), (true, true)] {
                // Ranges wider than the tables cannot be hidden.
                let hidden = Hidden { inputs, outputs };
                if let Ok(layout) = plan_hidden(&case.graph, lanes, hidden) {
                    assert!(layout.has_cells_of(public), "{} {hidden:?}", case.name);
                    compared += 1;
                }
            }
        }
        let [a, b] = &public;
        assert!(!a.has_cells_of(b), "{}", case.name);
    }
    assert!(compared > 20, "{compared}");
}

#[test]
fn outputs_are_those_of_the_reference() {
    for case in cases() {
        let values = nascent_ir::eval(&case.graph, &case.params, &case.given());
        let values = values.expect("evaluates");
        let expected: Vec<i64> = values.outputs().flat_map(|slice| slice.to_vec()).collect();
        for lanes in lanes() {
            let outputs = LaidOut::new(&case, lanes).outputs;
            assert_eq!(outputs, expected, "{} with {lanes:?}", case.name);
        }
    }
}

#[test]
fn constraints_hold() {
    for case in cases() {
        for lanes in lanes() {
            let LaidOut { honest, meta, .. } = LaidOut::new(&case, lanes);
            assert_eq!(honest.failures(&meta), [], "{} with {lanes:?}", case.name);
        }
    }
}

/// The degrees that the book's pages on the chips state.
#[test]
fn degrees_are_those_of_the_book() {
    let stated = [
        ("public", 2),
        ("unit multiplier", 2),
        ("unit", 5),
        ("fold", 4),
        ("fractions", 5),
        ("fraction sum", 2),
        ("contraction", 3),
        ("selection", 3),
        ("seal", 4),
        ("seal poseidon2 full round", 4),
        ("claims of weights, channel 0", 3),
        ("claims of results", 3),
        ("claims of operands, channel 0", 3),
        ("claim sum", 4),
    ];
    let mut left: BTreeMap<&str, usize> = stated.into_iter().collect();
    for case in cases() {
        let layout = plan_hidden(&case.graph, lanes()[0], case.hidden).expect("planned");
        let mut meta = ConstraintSystem::<Fr>::default();
        InferenceCircuit::configure_with_params(&mut meta, layout.shape(None).expect("fits"));
        for (name, degree) in stated {
            let gate = meta.gates().iter().find(|gate| gate.name() == name);
            if let Some(gate) = gate {
                let highest = gate.polynomials().iter().map(|p| p.degree()).max();
                // Without divisions, a unit has no step of the highest degree.
                assert!(highest <= Some(degree), "{name}");
                if highest == Some(degree) {
                    left.remove(name);
                }
            }
        }
    }
    assert!(left.is_empty(), "not reached: {left:?}");
}

#[test]
fn degree_is_at_most_five() {
    for case in cases() {
        let layout = plan_hidden(&case.graph, lanes()[0], case.hidden).expect("planned");
        let mut meta = ConstraintSystem::<Fr>::default();
        InferenceCircuit::configure_with_params(&mut meta, layout.shape(None).expect("fits"));
        for gate in meta.gates() {
            for polynomial in gate.polynomials() {
                assert!(polynomial.degree() <= 5, "{}", gate.name());
            }
        }
        assert!(meta.blinding_factors() < 8);
    }
}
