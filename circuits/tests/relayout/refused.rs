//! Models, graphs and witnesses that have no relayout.

use std::sync::Arc;

use nascent_circuits::inference::{self, plan::rows::Lanes};
use nascent_circuits::relayout::{self, Layout, PlanError, RelayoutCircuit, WitnessError};
use nascent_ir::{Origin, Origins, OriginsError, Range, TensorId};
use nascent_verifier::ModelSpec;

use crate::harness::{K, Setting, setting};

fn plan(
    setting: &Setting,
    spec: &ModelSpec,
    edit: impl FnOnce(&mut Origins),
) -> Result<Layout, PlanError> {
    let mut origins = setting.origins.clone();
    edit(&mut origins);
    let inference = Arc::clone(&setting.inference);
    relayout::plan(spec, &origins, &setting.graph, inference, &setting.shape)
}

/// A change of the list of origins.
type Edit<'a> = &'a dyn Fn(&mut Origins);

fn origins_error(setting: &Setting, edit: impl FnOnce(&mut Origins)) -> OriginsError {
    match plan(setting, &setting.spec, edit) {
        Err(PlanError::Origins(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn origins_that_do_not_fit() {
    let setting = setting();
    let (w1, w2) = (
        setting.origins.params[0].param,
        setting.origins.params[1].param,
    );
    let mut spec = setting.spec.clone();
    spec.graph_digest = [9; 32];
    let error = plan(&setting, &spec, |_| ()).expect_err("another model");
    let expected = OriginsError::Other { what: "model" };
    assert!(matches!(error, PlanError::Origins(e) if e == expected));
    let bias = setting.origins.public[0].param;
    let cases: [(Edit<'_>, OriginsError); 14] = [
        (
            &|o| o.public.clear(),
            OriginsError::NotPublic { param: bias },
        ),
        (
            &|o| o.public[0].param = w1,
            OriginsError::Twice { param: w1 },
        ),
        (
            &|o| o.public[0].values.truncate(49),
            OriginsError::Values {
                param: bias,
                expected: 50,
                got: 49,
            },
        ),
        (
            &|o| o.public[0].values[7] = 1 << 9,
            OriginsError::Range {
                param: bias,
                element: 7,
                expected: Range::signed(9),
                got: 1 << 9,
            },
        ),
        // One deviate for a whole matrix, for its rows, and rows that overlap.
        (
            &|o| o.params[0].strides = vec![0, 0],
            OriginsError::Repeated {
                param: w1,
                tensor: 1,
                element: 0,
            },
        ),
        (
            &|o| o.params[1].strides[0] = 0,
            OriginsError::Repeated {
                param: w2,
                tensor: 3,
                element: 0,
            },
        ),
        (
            &|o| o.params[1].strides[0] = 10,
            OriginsError::Repeated {
                param: w2,
                tensor: 3,
                element: 10,
            },
        ),
        (
            &|o| o.architecture[0] ^= 1,
            OriginsError::Other {
                what: "architecture",
            },
        ),
        (&|o| o.params.swap(0, 1), OriginsError::Order { param: w1 }),
        (
            &|o| o.params[0].param = TensorId(0),
            OriginsError::NoParam { param: TensorId(0) },
        ),
        (
            &|o| o.params[1].strides = vec![1],
            OriginsError::Rank {
                param: w2,
                expected: 2,
                got: 1,
            },
        ),
        (
            &|o| o.params[1].tensor = 2,
            OriginsError::NotSampled {
                param: w2,
                tensor: 2,
            },
        ),
        (
            &|o| o.params[1].first = 1,
            OriginsError::Outside {
                param: w2,
                tensor: 3,
            },
        ),
        (
            &|o| o.params[0].strides[1] = -40,
            OriginsError::Outside {
                param: w1,
                tensor: 1,
            },
        ),
    ];
    for (edit, expected) in cases {
        assert_eq!(origins_error(&setting, edit), expected);
    }
}

#[test]
fn layouts_that_there_are_not() {
    let setting = setting();
    let nothing = plan(&setting, &setting.spec, |o| o.params.clear());
    assert!(matches!(nothing, Err(PlanError::Nothing)));
    let mut shape = setting.shape.clone();
    shape.k = 6;
    let inference = Arc::clone(&setting.inference);
    let small = relayout::plan(
        &setting.spec,
        &setting.origins,
        &setting.graph,
        inference,
        &shape,
    );
    assert!(matches!(small, Err(PlanError::Tile { stream: 0, .. })));
    // Fewer lanes, more rows.
    let lanes = Lanes {
        weights: 20,
        ..setting.inference.lanes
    };
    let inference = Arc::new(inference::plan(&setting.graph, lanes).expect("planned"));
    let mut shape = inference.shape(Some(K + 1)).expect("fits");
    shape.k = K;
    let small = relayout::plan(
        &setting.spec,
        &setting.origins,
        &setting.graph,
        inference,
        &shape,
    );
    assert!(matches!(small, Err(PlanError::Size { .. })), "{small:?}");
    // A tile of another size is another tile.
    let larger = setting.inference.shape(Some(K + 1)).expect("fits");
    let inference = Arc::clone(&setting.inference);
    let layout = relayout::plan(
        &setting.spec,
        &setting.origins,
        &setting.graph,
        inference,
        &larger,
    )
    .expect("planned");
    assert_eq!(layout.tiles.len(), 2);
    assert_eq!(RelayoutCircuit::new(Arc::new(layout)).check(), Ok(()));
}

#[test]
fn witnesses_that_do_not_fit() {
    let setting = setting();
    let circuit = &setting.circuit;
    let error = circuit.with_witness(&setting.tiles[..2], &setting.params);
    assert!(matches!(
        error,
        Err(WitnessError::Count { what: "tiles", .. })
    ));
    let mut tiles = setting.tiles.clone();
    tiles[1].pop();
    let error = circuit.with_witness(&tiles, &setting.params);
    assert!(matches!(error, Err(WitnessError::Count { got: 1859, .. })));
    let mut params = setting.params.clone();
    let bias = setting.origins.public[0].param;
    params.values.get_mut(&bias).expect("there")[9] += 1;
    let error = circuit.with_witness(&setting.tiles, &params).err();
    let what = "vector parameter";
    assert_eq!(
        error,
        Some(WitnessError::Public {
            what,
            row: 9,
            lane: 0
        })
    );
    params.values.get_mut(&bias).expect("there")[9] -= 1;
    let origin: &Origin = &setting.origins.params[2];
    params.values.get_mut(&origin.param).expect("there")[7] += 1;
    let error = circuit.with_witness(&setting.tiles, &params).err();
    assert!(
        matches!(error, Some(WitnessError::Differs { weight, deviate, .. })
        if weight == deviate + 1)
    );
    params.values.get_mut(&origin.param).expect("there")[7] = 128;
    let error = circuit.with_witness(&setting.tiles, &params).err();
    assert!(matches!(error, Some(WitnessError::Params(_))));
    params.values.remove(&origin.param);
    let error = circuit.with_witness(&setting.tiles, &params).err();
    assert!(matches!(error, Some(WitnessError::Params(_))));
}
