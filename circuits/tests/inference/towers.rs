//! Towers of sums over each kind of value: how high the planner and the checker let them be. Each level
//! doubles what the circuit enforces of the value at the bottom, whatever a graph declares of it.

use std::iter::successors;

use nascent_circuits::inference::PlanError;
use nascent_circuits::inference::check::Rule;
use nascent_circuits::inference::plan::layout::Role;
use nascent_circuits::inference::plan::rows::Lanes;
use nascent_circuits::inference::plan::{Hidden, largest, plan_hidden};
use nascent_circuits::inference::shape::{MAX_EQUATION_BITS, bits, equation_bits};
use nascent_ir::{
    Builder, CheckedGraph, Divide, Embed, GraphError, Map, Op, Params, Pre, Range, Table, TensorId,
    View, WIDE_BITS,
};

use crate::drafts::Draft;
use crate::graphs::{BITS, Case};
use crate::harness::Model;

/// What stands at the bottom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaf {
    Public,
    Hidden,
    Param,
    Constant,
    Pad,
    Map,
    Divide,
    Embed,
    Max,
}

use Leaf::{Constant, Embed as Row, Map as Unit, Max, Pad, Param, Public};

const ALL: [Leaf; 9] = [
    Public,
    Leaf::Hidden,
    Param,
    Constant,
    Pad,
    Unit,
    Leaf::Divide,
    Row,
    Max,
];

/// Magnitude of values that stand in the graph, or in the range of a hidden input.
const GIVEN: i64 = 100;

impl Leaf {
    fn hidden(self) -> Hidden {
        Hidden {
            inputs: self == Self::Hidden,
            outputs: false,
        }
    }

    /// Largest magnitude that the circuit enforces where a graph says `given`.
    fn enforced(self, given: i64) -> u128 {
        match self {
            Public => 1 << 63,
            Param | Max => 1 << (2 * BITS - 1),
            Unit | Self::Divide | Row => 1 << (BITS - 1),
            Self::Hidden | Constant | Pad => given.unsigned_abs().into(),
        }
    }
}

/// A value of one element; a graph says that it is zero if it is not given.
fn leaf(b: &mut Builder, params: &mut Params, leaf: Leaf, given: i64) -> (TensorId, TensorId) {
    let zero = Range::new(0, 0);
    let range = match leaf {
        Leaf::Hidden => Range::new(-given, 0),
        _ => zero,
    };
    let table = b.table(Table::identity(zero, 0, zero));
    let x = b.input("x", &[1], range).expect("valid");
    let param = |b: &mut Builder, params: &mut Params, shape: &[u32]| {
        let p = b.param("p", shape, zero).expect("valid");
        params.values.insert(p, vec![0]);
        p
    };
    let view = |b: &mut Builder, view| b.push("view", Op::View(view)).expect("valid");
    let push = |b: &mut Builder, op| b.push("leaf", op).expect("valid");
    let given = i32::try_from(given).expect("small");
    let value = match leaf {
        Public | Leaf::Hidden => x,
        Param => param(b, params, &[1]),
        Constant => {
            // Zero is among the values, so that a table can have some of them.
            let x = b.constant("c", &[2], vec![-given, 0]).expect("valid");
            let first = View::Slice {
                x,
                starts: vec![0],
                sizes: vec![1],
                steps: vec![1],
            };
            view(b, first)
        }
        Pad => {
            // The value stands behind one that is zero.
            let x = b.constant("c", &[1], vec![0]).expect("valid");
            let padded = View::Pad {
                x,
                before: vec![0],
                after: vec![1],
                value: -given,
            };
            let x = view(b, padded);
            let last = View::Slice {
                x,
                starts: vec![1],
                sizes: vec![1],
                steps: vec![1],
            };
            view(b, last)
        }
        Unit => push(b, Op::Map(Map::exact(Pre::of(x), table))),
        Leaf::Divide => {
            let den = b.constant("one", &[1], vec![1]).expect("valid");
            let (num, factor) = (x, 1);
            push(b, Op::Divide(Divide { num, den, factor }))
        }
        Row => {
            let table = param(b, params, &[1, 1]);
            let x = push(b, Op::Embed(Embed { table, ids: x }));
            let shape = vec![1];
            view(b, View::Reshape { x, shape })
        }
        Max => {
            let x = param(b, params, &[1]);
            push(b, Op::FoldMax { x })
        }
    };
    (x, value)
}

fn double(b: &mut Builder, x: TensorId) -> Result<TensorId, GraphError> {
    let shape = vec![2];
    let x = b.push("twice", Op::View(View::Expand { x, shape }))?;
    b.push("sum", Op::FoldSum { x })
}

/// A tower, and a sum of the same value beside it; also the sums.
fn tower(
    of: Leaf,
    given: i64,
    levels: usize,
) -> Result<(CheckedGraph, Params, Vec<TensorId>), GraphError> {
    let mut builder = Builder::new("tower", BITS);
    let mut params = Params::default();
    let (x, bottom) = leaf(&mut builder, &mut params, of, given);
    let sum = double(&mut builder, bottom)?;
    let mut sums = vec![bottom];
    for level in 0..levels {
        sums.push(double(&mut builder, sums[level])?);
    }
    let zero = Range::new(0, 0);
    let table = builder.table(Table::identity(zero, 0, zero));
    let mut outputs = vec![x];
    for top in [sum, sums[levels]] {
        let map = Map {
            assumes_bound: true,
            ..Map::exact(Pre::of(top), table)
        };
        outputs.push(builder.push("y", Op::Map(map))?);
    }
    let graph = builder.finish(&outputs)?;
    Ok((graph, params, sums))
}

/// Most doublings of a value such that no equation about it can wrap around the field.
fn most(magnitude: u128) -> usize {
    let doubled = successors(Some(magnitude), |magnitude| magnitude.checked_mul(2));
    let safe = |magnitude: &u128| equation_bits(BITS.into(), bits(*magnitude)) <= MAX_EQUATION_BITS;
    doubled.take_while(safe).count() - 1
}

const LANES: Lanes = Lanes {
    units: 2,
    folds: 1,
    params: 1,
    weights: 1,
};

/// Of what a graph declares and the circuit does not enforce, the planner lets towers be as high as is
/// safe, and no higher.
#[test]
fn towers_are_planned_as_high_as_is_safe() {
    for of in [Public, Param, Unit, Leaf::Divide, Row, Max] {
        let plan = |levels| {
            let (graph, ..) = tower(of, 0, levels).expect("checked");
            plan_hidden(&graph, LANES, of.hidden())
        };
        let levels = most(of.enforced(0));
        assert!(plan(levels).is_ok(), "{of:?}");
        let error = plan(levels + 1).expect_err("it could wrap");
        assert!(matches!(error, PlanError::Wraps { .. }), "{of:?}: {error}");
    }
}

/// Numbers of the graph itself, and ranges that the circuit checks: the graph's own ranges hold, and end a
/// tower before it could wrap.
#[test]
fn towers_of_what_is_enforced_end_in_the_graph() {
    for of in [Leaf::Hidden, Constant, Pad] {
        let levels = (0..).take_while(|level| GIVEN << level < 1 << WIDE_BITS);
        let levels = levels.count() - 1;
        assert!(levels < most(of.enforced(GIVEN)));
        let (graph, ..) = tower(of, GIVEN, levels).expect("checked");
        assert!(plan_hidden(&graph, LANES, of.hidden()).is_ok(), "{of:?}");
        assert!(tower(of, GIVEN, levels + 1).is_err(), "{of:?}");
    }
}

/// The planner's bound of each level is what the circuit enforces, doubled as often.
#[test]
fn levels_have_the_bound_that_is_enforced() {
    for of in ALL {
        let (graph, _, sums) = tower(of, GIVEN, 30).unwrap_or_else(|e| panic!("{of:?}: {e}"));
        let bounds = largest(&graph, of.hidden());
        for (level, sum) in sums.iter().enumerate() {
            let expected = of.enforced(GIVEN) << level;
            assert_eq!(bounds[sum.index()], expected, "{of:?}, level {level}");
        }
    }
}

/// The checker follows towers in the columns: as high as is safe they pass; one level more is refused. The
/// tower reads the sum beside it in place of the value itself.
#[test]
fn towers_are_checked_as_high_as_is_safe() {
    // Of hidden inputs the columns say what the range is: it can be far from zero, on either side.
    let far = 1i64 << 55;
    for of in ALL {
        let magnitude = match of {
            Leaf::Hidden => far.unsigned_abs().into(),
            // They are results of units.
            Constant | Pad => Unit.enforced(0),
            of => of.enforced(0),
        };
        let (graph, params, _) = tower(of, 0, most(magnitude)).expect("checked");
        let case = Case {
            name: "tower",
            graph,
            params,
            inputs: vec![0],
            hidden: of.hidden(),
        };
        let model = Model::new(&case, LANES);
        for ends in [[-far, 3 - far], [far - 3, far]] {
            let mut draft = Draft::new(&model);
            if of == Leaf::Hidden {
                let seal = model.circuit.layout().seal(Role::Input).expect("hidden");
                let columns = model.config.seal.as_ref().expect("hidden");
                let offset = model.config.shape.wide_offset();
                let row = seal.value_rows().start;
                draft.set(columns.values.least, row, ends[0] + offset);
                draft.set(columns.values.greatest, row, ends[1] + offset);
            }
            assert_eq!(draft.refusal(), [], "{of:?}");
            let folds = &model.config.folds;
            let sum = usize::from(of == Max);
            let beside = draft.at(folds.base, sum);
            for row in [sum + 2, sum + 3] {
                let at = (folds.lanes[0].address, row);
                draft.rewire(at, beside).expect("an address");
            }
            assert_eq!(draft.refusal(), [Rule::NoWrap], "{of:?}");
        }
    }
}
