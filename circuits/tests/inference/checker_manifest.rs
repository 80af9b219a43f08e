//! For every rule of the checker of fixed columns, columns that it alone refuses.
//!
//! A corruption changes several cells so that they still fit each other, but for one rule: without it
//! the columns would pass. A rule without a corruption fails the test.

use std::collections::BTreeSet;
use std::sync::Arc;

use halo2_proofs::plonk::{Circuit, ConstraintSystem};
use halo2curves::bn256::Fr;
use nascent_circuits::inference::check::{Rule, Use, check, columns, violations};
use nascent_circuits::inference::plan::rows::{Lanes, Place};
use nascent_circuits::inference::shape::MAX_EQUATION_BITS;
use nascent_circuits::inference::sheet::Sheet;
use nascent_circuits::inference::{InferenceCircuit, plan};
use nascent_circuits::rules::At;
use nascent_ir::{Builder, Map, Multiplier, Op, Pre, Range, Table, View};
use rayon::prelude::*;

use crate::corrupted_claims::{CLAIMS, IDENTITIES, PRODUCTS, SELECTIONS, convolution, matrices_at};
use crate::corrupted_rows::{
    BUS, FOLDS, ORDER, PUBLIC, SEALS, SELECTORS, TABLES, UNITS, inputs, multiplied, multiplier_of,
};
use crate::drafts::Draft;
use crate::graphs::BITS;
use crate::manifest::models;

/// Changes columns, if the model has what it takes.
pub type Corruption = fn(&mut Draft) -> Option<()>;

const ALL: &[&[(Rule, Corruption)]] = &[
    SELECTORS, TABLES, CLAIMS, SELECTIONS, PRODUCTS, IDENTITIES, UNITS, FOLDS, PUBLIC, SEALS, BUS,
    ORDER,
];

#[test]
fn every_rule_alone_refuses_a_corruption() {
    let models = models();
    let corruptions: Vec<_> = ALL.iter().flat_map(|list| list.iter()).collect();
    let wrong: Vec<String> = corruptions
        .par_iter()
        .enumerate()
        .filter_map(|(index, (rule, corrupt))| {
            let refusals = models.iter().filter_map(|model| {
                let mut draft = Draft::new(model);
                corrupt(&mut draft)?;
                Some((model, draft.refusal()))
            });
            let refusals: Vec<_> = refusals.collect();
            let alone = refusals.iter().any(|(_, refusal)| refusal == &[*rule]);
            let mut each = refusals.iter();
            let other = each.find(|(_, refusal)| !refusal.contains(rule));
            let other = other.map(|(model, refusal)| (&model.name, refusal));
            let all: BTreeSet<_> = refusals.iter().flat_map(|(_, all)| all).collect();
            let wrong = !alone || other.is_some();
            wrong.then(|| format!("corruption {index} of {rule:?}: {all:?}, {other:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let mut covered: BTreeSet<Rule> = corruptions.iter().map(|(rule, _)| *rule).collect();
    // Of other graphs: `equations_may_reach_the_bound`, `sums_of_sums_are_followed`.
    covered.extend([Rule::NoWrap, Rule::FoldAbove]);
    let left = Rule::ALL.iter().filter(|rule| !covered.contains(rule));
    let left: Vec<_> = left.collect();
    assert!(left.is_empty(), "without a corruption: {left:?}");
}

/// What the corruptions start from is sound: otherwise they would show nothing.
#[test]
fn what_is_not_corrupted_passes() {
    let mut extended = BTreeSet::new();
    for model in models() {
        assert_eq!(Draft::new(model).refusal(), [], "{}", model.name);
        for terms in [1, 2, model.config.shape.unit_lanes] {
            let mut draft = Draft::new(model);
            if matrices_at(&mut draft, terms, |_| {}).is_some() {
                extended.insert(("matrices", terms));
                assert_eq!(draft.refusal(), [], "{}", model.name);
            }
            let mut draft = Draft::new(model);
            if convolution(&mut draft, terms, |_| {}).is_some() {
                extended.insert(("convolution", terms));
                assert_eq!(draft.refusal(), [], "{}", model.name);
            }
        }
        // The largest multipliers, and one that is a parameter.
        for sign in [1, -1] {
            let mut draft = Draft::new(model);
            let most = model.config.shape.param_offset() - 1;
            if multiplied(&mut draft, sign * most).is_some() {
                assert_eq!(draft.refusal(), [], "{}", model.name);
                extended.insert(("multiplier", most as usize));
            }
        }
        let mut draft = Draft::new(model);
        if multiplier_of(&mut draft, |place| matches!(place, Place::Param(..))).is_some() {
            assert_eq!(draft.refusal(), [], "{}", model.name);
            extended.insert(("parameter", 0));
        }
        // The widest range that two lookups can check.
        let mut draft = Draft::new(model);
        if let Some((seal, plan)) = inputs(&draft) {
            let (row, values) = (plan.value_rows().start, &seal.values);
            let least = draft.at(values.least, row);
            let width = (1 << model.config.shape.table_bits) - 1;
            draft.set(values.greatest, row, least + width);
            assert_eq!(draft.refusal(), [], "{}", model.name);
            draft.set(values.greatest, row, least);
            assert_eq!(draft.refusal(), [], "{}", model.name);
            extended.insert(("range", 0));
        }
    }
    assert!(extended.len() >= 10, "{extended:?}");
}

/// Each rule is one comparison: what is deleted there is what its corruptions show.
#[test]
fn every_rule_stands_in_one_place() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/inference/check");
    let files = std::fs::read_dir(folder).expect("the checker");
    let files = files.map(|file| file.expect("an entry").path());
    let source: String = files
        .map(|path| std::fs::read_to_string(path).expect("source"))
        .collect();
    for rule in Rule::ALL {
        let name = format!("Rule::{rule:?}");
        let places = source.split(&name).skip(1);
        let places = places.filter(|rest| !rest.starts_with(char::is_alphanumeric));
        assert_eq!(places.count(), 1, "{name}");
    }
}

/// The list of columns is that of the circuit, so that no flag is left out.
#[test]
fn every_fixed_column_has_its_use() {
    for model in models() {
        let config = &model.config;
        let listed = columns(config).into_iter().map(|column| column.column);
        let selectors = [config.running, config.ends];
        let listed: Vec<_> = listed.chain(selectors).map(|c| c.index()).collect();
        let distinct: BTreeSet<usize> = listed.iter().copied().collect();
        assert_eq!(distinct.len(), listed.len(), "{}", model.name);
        let all: BTreeSet<usize> = (0..model.meta.num_fixed_columns()).collect();
        assert_eq!(distinct, all, "{}", model.name);
    }
}

/// Any flag that is no flag, and any flag and multiplicity below the last row.
#[test]
fn every_flag_is_one() {
    for model in models() {
        let all = columns(&model.config);
        let wrong: Vec<_> = all
            .par_iter()
            .filter(|column| {
                let refusal = |row: usize, to: i64| {
                    let mut draft = Draft::new(model);
                    draft.set(column.column, row, to);
                    draft.refusal()
                };
                let last = model.last();
                let rows = [last, model.config.shape.rows() - 1];
                let free = Draft::new(model).row(|d, row| d.at(column.column, row) == 0);
                !match column.is {
                    Use::Number => true,
                    Use::Flag => {
                        let free = free.expect("a row without the flag");
                        let mut values = [2, -1].into_iter();
                        values.all(|to| refusal(free, to) == [Rule::Flag])
                            && rows
                                .iter()
                                .all(|&row| refusal(row, 1) == [Rule::FlagBeyond])
                    }
                    Use::Multiplicity => {
                        let rule = Rule::MultiplicityBeyond;
                        rows.iter().all(|&row| refusal(row, 1).contains(&rule))
                    }
                }
            })
            .collect();
        assert!(wrong.is_empty(), "{}: {wrong:?}", model.name);
    }
}

/// The largest integers may have as many bits as is safe, and not one more.
#[test]
fn equations_may_reach_the_bound() {
    let mut builder = Builder::new("identity", 16);
    let domain = Range::signed(16);
    let table = builder.table(Table::identity(domain, 0, domain));
    let x = builder.input("x", &[1], domain).expect("valid");
    let map = Map {
        pre: Pre::of(x),
        multiplier: Multiplier::One,
        shift: 0,
        table,
        assumes_bound: false,
    };
    let y = builder.push("y", Op::Map(map)).expect("valid");
    let graph = builder.finish(&[y]).expect("checked");
    let lanes = Lanes {
        units: 1,
        folds: 1,
        params: 1,
        weights: 1,
    };
    let layout = Arc::new(plan(&graph, lanes).expect("planned"));
    let shape = layout.shape(Some(11)).expect("fits");
    let mut meta = ConstraintSystem::<Fr>::default();
    let mut config = InferenceCircuit::configure_with_params(&mut meta, shape.clone());
    let circuit = InferenceCircuit::new(layout, shape);
    assert_eq!(check(&config, circuit.sheet()), Ok(()));
    config.shape.unit_lanes = 1 << 62;
    assert_eq!(config.shape.equation_bits(1 << 63), MAX_EQUATION_BITS);
    assert_eq!(check(&config, circuit.sheet()), Ok(()));
    config.shape.unit_lanes = 1 << 63;
    let error = check(&config, circuit.sheet()).expect_err("it could wrap");
    assert_eq!((error.rule, error.at), (Rule::NoWrap, At::Shape));
}

/// A tower of sums over a parameter, and a sum of public inputs. The tower stays below the modulus for
/// a parameter, not for an input; exchanged in the columns, both are read as often as before.
#[test]
fn sums_of_sums_are_followed() {
    const LEVELS: usize = 95;
    let zero = Range::new(0, 0);
    let mut builder = Builder::new("tower", BITS);
    let table = builder.table(Table::identity(zero, 0, zero));
    let x = builder.input("x", &[1], zero).expect("valid");
    let p = builder.param("p", &[1], zero).expect("valid");
    let mut push = |op| builder.push("node", op).expect("valid");
    let mut double = |x| {
        let twice = push(Op::View(View::Expand { x, shape: vec![2] }));
        push(Op::FoldSum { x: twice })
    };
    let sum = double(x);
    let tower = (0..LEVELS).fold(p, |x, _| double(x));
    let map = |x| Op::Map(Map::exact(Pre::of(x), table));
    let outputs = [push(map(sum)), push(map(tower))];
    let graph = builder.finish(&outputs).expect("checked");
    let lanes = Lanes {
        folds: 1,
        ..crate::lanes()[0]
    };
    let layout = Arc::new(plan(&graph, lanes).expect("planned"));
    let shape = layout.shape(None).expect("fits");
    let circuit = InferenceCircuit::new(layout, shape.clone());
    assert_eq!(circuit.check(), Ok(()));
    let mut meta = ConstraintSystem::default();
    let config = InferenceCircuit::configure_with_params(&mut meta, shape);
    let address = config.folds.lanes[0].address;
    let refusal = |[a, b]: [usize; 2]| {
        let mut sheet = Sheet::clone(circuit.sheet());
        let column = sheet.fixed_mut(address);
        column.swap(a, b);
        column.swap(a + 1, b + 1);
        let found = violations(&config, &sheet);
        found.iter().map(|found| found.rule).collect::<Vec<_>>()
    };
    assert_eq!(refusal([0, 2]), [Rule::NoWrap]);
    // The first sum reads one that stands below it.
    assert_eq!(refusal([0, 2 * LEVELS]), [Rule::FoldAbove]);
    // Two sums that read each other.
    assert_eq!(refusal([2, 6]), [Rule::Acyclic, Rule::FoldAbove]);
}
