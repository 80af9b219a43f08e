//! What lists of origins leave out, and lists that do not fit together.

use nascent_ir::{
    Builder, CheckedGraph, Coverage, Embed, List, Map, MatMul, Op, Origin, Origins, OriginsError,
    Params, Pre, PublicParam, Range, Table, TensorId, View, coverage,
};
use nascent_verifier::{
    Digest32, Distribution, Fill, ModelSpec, Precision, StreamSpec, TensorSpec,
};
use std::collections::BTreeSet;

const OWN: Digest32 = [1; 32];
const EARLIER: Digest32 = [2; 32];

/// A model that samples or inherits tensors, by name and shape.
fn model(tensors: &[(&str, &[u64], bool)]) -> ModelSpec {
    let mut rows = 0;
    let tensors = tensors.iter().map(|&(name, dims, samples)| {
        let fill = match samples {
            true => Fill::Sampled {
                stream: 0,
                first_row: rows,
                scale_bits: 0.5_f32.to_bits(),
                mean_bits: 0,
            },
            false => Fill::Inherited { plan: EARLIER },
        };
        if samples {
            rows += dims.iter().product::<u64>().div_ceil(31);
        }
        TensorSpec {
            name: name.into(),
            dims: dims.to_vec(),
            fill,
        }
    });
    let tensors = tensors.collect();
    let stream = StreamSpec {
        distribution: Distribution::Normal,
        precision: Precision {
            limb_bits: 8,
            fraction_bits: 4,
        },
        rows,
    };
    ModelSpec {
        name: "m".into(),
        graph_digest: [3; 32],
        rules_digest: [4; 32],
        streams: vec![stream],
        tensors,
        kept: Vec::new(),
    }
}

/// Parameters of [`graph`].
struct Ids {
    bias: TensorId,
    /// `[6, 4]` and `[4, 4]`: products.
    first: TensorId,
    second: TensorId,
    /// `[4, 5]`: a product that most lists leave out.
    last: TensorId,
    /// `[7, 3]`: an embedding's alone.
    table: TensorId,
}

/// Three products with a bias, an embedding, a product with a constant behind a view and a map, and
/// a constant that is added.
fn graph() -> (CheckedGraph, Ids) {
    let mut b = Builder::new("g", 8).weight_bits(8);
    let narrow = Range::new(-128, 127);
    let keep = b.table(Table::identity(narrow, 0, narrow));
    let bias = b.param("bias", &[4], Range::signed(9)).expect("valid");
    let mut x = b.input("x", &[1, 6], Range::new(-8, 7)).expect("valid");
    let ids = b.input("ids", &[2], Range::new(0, 6)).expect("valid");
    let mut params = Vec::new();
    for (name, shape) in [("first", [6, 4]), ("second", [4, 4]), ("last", [4, 5])] {
        let weight = b.param(name, &shape, Range::signed(8)).expect("valid");
        params.push(weight);
        x = product(&mut b, x, weight, (name == "first").then_some(bias), keep);
    }
    let values = |count: i32| (0..count).collect::<Vec<i32>>();
    // [5, 2], through a map and a view of constants.
    let constant = b.constant("c", &[2, 5], values(10)).expect("valid");
    let exact = Map::exact(Pre::of(constant), keep);
    let mapped = b.push("mapped", Op::Map(exact)).expect("valid");
    let view = View::Transpose {
        x: mapped,
        perm: vec![1, 0],
    };
    let turned = b.push("turned", Op::View(view)).expect("valid");
    x = product(&mut b, x, turned, None, keep);
    let mask = b.constant("mask", &[2], values(2)).expect("valid");
    let added = Pre::Linear {
        a: x,
        ca: 1,
        b: Some((mask, 1)),
        c: 0,
    };
    let map = Map::requantize(added, nascent_ir::Multiplier::Const(100), keep, 8);
    x = b
        .push("added", Op::Map(map.assuming_bound()))
        .expect("valid");
    let table = b.param("table", &[7, 3], Range::signed(8)).expect("valid");
    let embed = Embed { table, ids };
    let rows = b.push("rows", Op::Embed(embed)).expect("valid");
    let graph = b.finish(&[x, rows]).expect("checked");
    let ids = Ids {
        bias,
        first: params[0],
        second: params[1],
        last: params[2],
        table,
    };
    (graph, ids)
}

fn product(
    b: &mut Builder,
    a: TensorId,
    weight: TensorId,
    bias: Option<TensorId>,
    table: nascent_ir::TableId,
) -> TensorId {
    let product = MatMul {
        a,
        b: weight,
        transpose_b: false,
    };
    let y = b.push("product", Op::MatMul(product)).expect("valid");
    let pre = Pre::Linear {
        a: y,
        ca: 1,
        b: bias.map(|bias| (bias, 1)),
        c: 0,
    };
    let map = Map::requantize(pre, nascent_ir::Multiplier::Const(100), table, 8);
    b.push("scaled", Op::Map(map.assuming_bound()))
        .expect("valid")
}

fn origin(param: TensorId, tensor: u32, first: u64, strides: &[i64]) -> Origin {
    Origin {
        param,
        tensor,
        first,
        strides: strides.to_vec(),
    }
}

/// Numbers for a parameter.
fn numbers(graph: &CheckedGraph, param: TensorId) -> PublicParam {
    let elements = graph.tensor(param).elements() as i32;
    let values = (0..elements).collect();
    PublicParam { param, values }
}

/// The version's own model: it samples the first matrix, transposed, and inherits the second.
struct Setting {
    graph: CheckedGraph,
    ids: Ids,
    own: ModelSpec,
    earlier: ModelSpec,
    list: Origins,
    inherited: Origins,
}

impl Setting {
    fn new() -> Self {
        let (graph, ids) = graph();
        let own = model(&[("first", &[4, 6], true), ("second", &[4, 4], false)]);
        let earlier = model(&[("other", &[9], true), ("second", &[4, 4], true)]);
        let public = [ids.bias, ids.table].map(|param| numbers(&graph, param));
        let list = |model: &ModelSpec, origin| Origins {
            model: model.digest().expect("valid"),
            architecture: graph.digest().expect("valid"),
            params: vec![origin],
            public: public.to_vec(),
        };
        let inherited = list(&earlier, origin(ids.second, 1, 0, &[4, 1]));
        let list = list(&own, origin(ids.first, 0, 0, &[1, 6]));
        Self {
            graph,
            ids,
            own,
            earlier,
            list,
            inherited,
        }
    }

    fn lists(&self) -> [List<'_>; 2] {
        let list = |plan, model, origins| List {
            plan,
            model,
            origins,
        };
        [
            list(OWN, &self.own, &self.list),
            list(EARLIER, &self.earlier, &self.inherited),
        ]
    }

    fn coverage(&self) -> Result<Coverage, OriginsError> {
        coverage(&self.lists(), &self.graph)
    }

    /// What the lists give after a change.
    fn edited(edit: impl FnOnce(&mut Self)) -> Result<Coverage, OriginsError> {
        let mut setting = Self::new();
        edit(&mut setting);
        setting.coverage()
    }

    /// The same, where it must be an error.
    fn refusal(edit: impl FnOnce(&mut Self)) -> OriginsError {
        Self::edited(edit).expect_err("refused")
    }
}

fn not_covered(name: &str, element: u64) -> OriginsError {
    OriginsError::NotCovered {
        name: name.into(),
        element,
    }
}

#[test]
fn every_number_is_counted_once() {
    let setting = Setting::new();
    let coverage = setting.coverage().expect("covered");
    let expected = Coverage {
        by_list: vec![24, 16],
        derived: 40,
        repeated: 0,
        tensors: 2,
        public: 4 + 21,
        chosen: 20,
        chosen_params: vec![setting.ids.last],
        constants: 10,
        other_constants: 2,
    };
    assert_eq!(coverage, expected);
    let params = setting.graph.params();
    let all: usize = params.map(|id| setting.graph.tensor(id).elements()).sum();
    let counted = coverage.derived + coverage.public + coverage.chosen;
    assert_eq!(counted, all as u64);
}

/// A matrix without an origin is public if the list says so.
#[test]
fn matrices_can_be_public() {
    let mut setting = Setting::new();
    for list in [&mut setting.list, &mut setting.inherited] {
        list.public.push(numbers(&setting.graph, setting.ids.last));
        list.public.sort_by_key(|of| of.param);
    }
    let coverage = setting.coverage().expect("covered");
    assert_eq!((coverage.public, coverage.chosen), (45, 0));
    assert_eq!(coverage.chosen_params, []);
}

/// An element in two parameters, as a model may want it, is counted.
#[test]
fn elements_in_two_parameters_are_counted() {
    let mut setting = Setting::new();
    let last = setting.ids.last;
    setting.list.params.push(origin(last, 0, 4, &[5, 1]));
    let coverage = setting.coverage().expect("covered");
    assert_eq!((coverage.derived, coverage.repeated), (60, 20));
    assert_eq!(coverage.chosen, 0);
}

/// A tensor in two parameters that share it out, and the element that is missing if they do not.
#[test]
fn tensors_are_shared_out() {
    let setting = |strides: &[i64], first: u64| {
        Setting::edited(|setting| {
            setting.own = model(&[("first", &[44], true), ("second", &[4, 4], false)]);
            setting.list.model = setting.own.digest().expect("valid");
            setting.list.params = vec![
                origin(setting.ids.first, 0, 0, &[4, 1]),
                origin(setting.ids.last, 0, first, strides),
            ];
        })
    };
    assert_eq!(setting(&[5, 1], 24).map(|of| of.repeated), Ok(0));
    assert_eq!(setting(&[1, 4], 24).map(|of| of.repeated), Ok(0));
    assert_eq!(setting(&[-5, -1], 43).map(|of| of.repeated), Ok(0));
    assert_eq!(setting(&[5, 1], 23), Err(not_covered("first", 43)));
    assert_eq!(setting(&[5, 1], 0), Err(not_covered("first", 24)));
}

/// The attacks: a matrix left out, a part of it, one element for all, another shape of the tensor.
#[test]
fn what_is_left_out_is_named() {
    let left_out = Setting::refusal(|setting| setting.list.params.clear());
    assert_eq!(left_out, not_covered("first", 0));
    let left_out = Setting::refusal(|setting| setting.inherited.params.clear());
    assert_eq!(left_out, not_covered("second", 0));
    let constant = Setting::refusal(|setting| setting.list.params[0].strides = vec![0, 0]);
    let param = Setting::new().ids.first;
    let repeated = |element| OriginsError::Repeated {
        param,
        tensor: 0,
        element,
    };
    assert_eq!(constant, repeated(0));
    let columns = Setting::refusal(|setting| setting.list.params[0].strides = vec![1, 0]);
    assert_eq!(columns, repeated(0));
    let larger = |rows: u64| {
        Setting::refusal(|setting| {
            let dims: &[u64] = &[rows, 6];
            setting.own = model(&[("first", dims, true), ("second", &[4, 4], false)]);
            setting.list.model = setting.own.digest().expect("valid");
        })
    };
    assert_eq!(larger(5), not_covered("first", 24));
    // The map of what is used is no larger than what is used.
    assert_eq!(larger(1 << 40), not_covered("first", 24));
    let shape = Setting::refusal(|setting| {
        setting.own = model(&[("first", &[4, 6], true), ("second", &[2, 8], false)]);
        setting.list.model = setting.own.digest().expect("valid");
    });
    assert_eq!(shape, not_covered("second", 0));
}

#[test]
fn lists_that_do_not_fit_together() {
    let ids = Setting::new().ids;
    let twice = |param| OriginsError::Twice { param };
    // One parameter in both, or public and derived.
    let both = Setting::refusal(|setting| {
        setting.list.params.push(origin(ids.second, 0, 0, &[4, 1]));
    });
    assert_eq!(both, twice(ids.second));
    let both = Setting::refusal(|setting| {
        for list in [&mut setting.list, &mut setting.inherited] {
            list.public.push(numbers(&setting.graph, ids.second));
            list.public.sort_by_key(|of| of.param);
        }
    });
    assert_eq!(both, twice(ids.second));
    let differs = |edit: fn(&mut Origins)| Setting::refusal(|setting| edit(&mut setting.inherited));
    let expected = |param| OriginsError::PublicDiffers { param };
    let other = differs(|list| list.public[1].values[20] += 1);
    assert_eq!(other, expected(ids.table));
    assert_eq!(differs(|list| drop(list.public.pop())), expected(ids.table));
    let mut setting = Setting::new();
    setting.list.public.pop();
    setting.inherited.public.pop();
    let table = ids.table;
    let open = OriginsError::NotPublic { param: table };
    assert_eq!(setting.coverage(), Err(open), "an embedding's table");
    // A tensor of the earlier plan that is not inherited.
    let spare = Setting::refusal(|setting| {
        setting.earlier = model(&[("other", &[20], true), ("second", &[4, 4], true)]);
        setting.inherited.model = setting.earlier.digest().expect("valid");
        setting
            .inherited
            .params
            .push(origin(ids.last, 0, 0, &[5, 1]));
    });
    let expected = OriginsError::NotInherited {
        param: ids.last,
        name: "other".into(),
    };
    assert_eq!(spare, expected);
    // Lists of other plans.
    let setting = Setting::new();
    let [own, earlier] = setting.lists();
    let of = |lists: &[List<'_>]| coverage(lists, &setting.graph);
    let missing = OriginsError::NoList { plan: EARLIER };
    assert_eq!(of(&[own]), Err(missing));
    let spare = |plan| Err(OriginsError::SpareList { plan });
    assert_eq!(of(&[own, earlier, earlier]), spare(EARLIER));
    let another = List {
        plan: [9; 32],
        ..earlier
    };
    assert_eq!(of(&[own, another]), spare([9; 32]));
    assert!(of(&[]).is_err());
}

/// Vectors and tables always, matrices while they are few numbers.
#[test]
fn public_numbers_are_those_without_an_origin() {
    let setting = Setting::new();
    let (graph, ids) = (&setting.graph, &setting.ids);
    let mut params = Params::default();
    for param in graph.params() {
        params.values.insert(param, numbers(graph, param).values);
    }
    let public = |derived: &[TensorId]| -> Vec<TensorId> {
        let derived: BTreeSet<TensorId> = derived.iter().copied().collect();
        let public = Origins::public_of(graph, &params, &derived).expect("given");
        public.iter().map(|of| of.param).collect()
    };
    let all: Vec<TensorId> = graph.params().collect();
    assert_eq!(public(&[]), all);
    assert_eq!(
        public(&[ids.first, ids.second]),
        [ids.bias, ids.last, ids.table]
    );
    let none = Origins::public_of(graph, &Params::default(), &BTreeSet::new());
    assert_eq!(none, Err(OriginsError::NotPublic { param: ids.bias }));
}

#[test]
fn matrices_are_left_out_where_they_are_too_many_numbers() {
    let mut b = Builder::new("g", 8).weight_bits(8);
    let narrow = Range::new(-128, 127);
    let keep = b.table(Table::identity(narrow, 0, narrow));
    let mut x = b.input("x", &[1, 2], Range::new(-8, 7)).expect("valid");
    let mut params = Params::default();
    let mut each = Vec::new();
    for shape in [
        [2, 1 << 20],
        [1 << 20, 1],
        [1, 1 << 20],
        [1 << 20, 1],
        [1, 3],
    ] {
        let w = b.param("w", &shape, Range::signed(8)).expect("valid");
        let elements = (shape[0] * shape[1]) as usize;
        params.values.insert(w, vec![1; elements]);
        each.push(w);
        x = product(&mut b, x, w, None, keep);
    }
    let graph = b.finish(&[x]).expect("checked");
    let listed = |derived: &[TensorId]| -> Vec<TensorId> {
        let derived = derived.iter().copied().collect();
        let public = Origins::public_of(&graph, &params, &derived).expect("given");
        public.iter().map(|of| of.param).collect()
    };
    // 2^21 numbers in all; a smaller one behind may still fit.
    assert_eq!(listed(&[]), [each[0]]);
    assert_eq!(listed(&each[..1]), [each[1], each[2]]);
    assert_eq!(listed(&each[..2]), [each[2], each[3]]);
    assert_eq!(listed(&each[..3]), [each[3], each[4]]);
}
