//! Lists of origins: one encoding, and a sound relayout of whatever fits plan and architecture.

use std::sync::Arc;

use nascent_circuits::relayout::{self, RelayoutCircuit};
use nascent_ir::Origins;

use crate::decode;
use crate::proved::PROVED;

/// Decodes, and lays out; also with the digests made right.
pub fn run(data: &[u8]) {
    let Some(origins) = decode::<Origins>(data) else {
        return;
    };
    origins.digest().expect("a list that was decoded");
    lay_out(&origins);
    lay_out(&Origins {
        model: PROVED.origins.model,
        architecture: PROVED.origins.architecture,
        ..origins
    });
}

fn lay_out(origins: &Origins) {
    let fits = origins.check(&PROVED.graph, &PROVED.spec).is_ok();
    let inference = Arc::clone(&PROVED.layout);
    let layout = relayout::plan(
        &PROVED.spec,
        origins,
        &PROVED.graph,
        inference,
        &PROVED.shape,
    );
    if let Ok(layout) = layout {
        assert!(fits, "laid out what does not fit");
        let circuit = RelayoutCircuit::new(layout.into());
        assert_eq!(circuit.check(), Ok(()), "not a relayout");
    }
}
