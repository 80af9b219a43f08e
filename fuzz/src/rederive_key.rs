//! Keys that a verifier derives again from files of a prover: whatever they hold, memory is decided
//! before it is taken, and what is made is a circuit.

use std::sync::{Arc, LazyLock};

use nascent_circuits::inference::Hidden;
use nascent_circuits::inference::plan::Budget;
use nascent_circuits::relayout;
use nascent_ir::Origins;
use nascent_params::{Silent, Srs};
use nascent_prover::inference::InferenceKeys;
use nascent_prover::relayout::RelayoutKeys;

use crate::architecture::{graph, plan};
use crate::decode;
use crate::proved::{PROVED, RELAYOUT_SRS};

/// Memory for a relayout.
const BUDGET: Budget = Budget(256 << 20);
/// Keys of larger circuits are not made: they take their time.
const SIZES: std::ops::RangeInclusive<u32> = 5..=8;

/// Made when a circuit of their size first is.
static SRS: LazyLock<Vec<Srs>> = LazyLock::new(|| {
    let made = SIZES.map(|k| Srs::development(k, &Silent));
    made.collect::<Result<_, _>>().expect("made")
});

/// Makes them now: that is no input's time.
pub fn make() {
    LazyLock::force(&SRS);
    crate::proved::make();
}

/// A byte that says what follows: an architecture, or a list of origins for the plan and the architecture
/// that are there.
pub fn run(data: &[u8]) {
    match data.split_first() {
        Some((which, data)) if which % 2 == 0 => of_architecture(data),
        Some((_, data)) => of_origins(data),
        None => {}
    }
}

fn of_architecture(data: &[u8]) {
    let Some(graph) = graph(data) else { return };
    let digest = graph.digest().expect("a graph");
    for hides in [false, true] {
        let hidden = Hidden {
            inputs: hides,
            outputs: hides,
        };
        let Some((layout, shape)) = plan(&graph, hidden) else {
            continue;
        };
        let srs = SRS.iter().find(|srs| srs.k() == shape.k);
        let Some(srs) = srs else { continue };
        if let Ok((circuit, _)) = InferenceKeys::derive(&digest, layout.into(), shape, srs) {
            assert_eq!(circuit.check(), Ok(()), "not a circuit");
        }
    }
}

fn of_origins(data: &[u8]) {
    let Some(origins) = decode::<Origins>(data) else {
        return;
    };
    let origins = Origins {
        model: PROVED.origins.model,
        architecture: PROVED.origins.architecture,
        ..origins
    };
    let (graph, inference) = (&PROVED.graph, Arc::clone(&PROVED.layout));
    let (spec, shape) = (&PROVED.spec, &PROVED.shape);
    let layout = relayout::plan_within(spec, &origins, graph, inference, shape, BUDGET);
    let Ok(layout) = layout else { return };
    assert!(layout.memory <= BUDGET.0, "beyond the budget");
    if let Ok((circuit, _)) = RelayoutKeys::derive(layout.into(), &origins, &RELAYOUT_SRS) {
        assert_eq!(circuit.check(), Ok(()), "not a relayout");
    }
}
