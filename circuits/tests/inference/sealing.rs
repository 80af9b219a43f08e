//! Seals of a forged witness, and what a cheating prover does with them.

use std::collections::BTreeMap;

use ff::Field;
use halo2curves::bn256::Fr;
use nascent_circuits::grid::{Cell, Grid, Planner, Step, take};
use nascent_circuits::inference::linear::field;
use nascent_circuits::inference::plan::layout::{Role, SealPlan};
use nascent_circuits::inference::seal::SealConfig;
use nascent_circuits::poseidon2::{BLOCK_ROWS, BlockTrace};
use nascent_circuits::{digest, seal};

use crate::attacks::{model, refused, twisted};
use crate::harness::{Forgery, Model, Verdict, cell, salts, small};

/// Where the first seal goes wrong, by one; everything after it follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealFault {
    /// The public number of values.
    Count,
    /// The chain's first value.
    Start,
    /// What enters the second block's permutation in lane 0.
    Enter,
    /// What enters the second block's permutation in lane 3.
    Lane,
    /// The chain's value inside the second block.
    Stay,
    /// The chain's value from the second block to the third.
    Link,
    /// The public digest.
    Digest,
    /// A cell after the last value.
    Pad,
}

impl Model {
    /// A seal, and its columns.
    pub fn seal(&self, role: Role) -> (Option<&SealPlan>, Option<&SealConfig>) {
        let layout = self.circuit.layout();
        (layout.seal(role), self.config.seal.as_ref())
    }

    /// The cell of an output, hidden or not.
    pub fn output<'a>(&self, grid: &'a mut Grid, index: usize) -> &'a mut Fr {
        match self.seal(Role::Output) {
            (Some(seal), Some(columns)) => {
                let row = seal.value_rows().start + index;
                &mut grid.advice[columns.values.value.index()][row]
            }
            _ => &mut grid.instance[0][self.circuit.layout().inputs + index],
        }
    }

    /// Chains, permutations and digests of whatever values there are.
    pub fn reseal(&self, grid: &mut Grid, fault: Option<SealFault>) {
        let Some(columns) = &self.config.seal else {
            return;
        };
        for (index, plan) in self.circuit.layout().seals.iter().enumerate() {
            let fault = fault.filter(|_| index == 0);
            self.reseal_one(grid, columns, plan, fault);
        }
    }

    fn reseal_one(
        &self,
        grid: &mut Grid,
        columns: &SealConfig,
        plan: &SealPlan,
        fault: Option<SealFault>,
    ) {
        let off = |here: SealFault, block: usize, at: usize| match fault {
            Some(fault) if fault == here && block == at => Fr::ONE,
            _ => Fr::ZERO,
        };
        let (rows, value) = (plan.rows(), columns.values.value.index());
        grid.advice[value][rows.end - 1] = off(SealFault::Pad, 0, 0);
        let offset = field(self.config.shape.wide_offset());
        let mut chain = seal::start(plan.values.len()) + off(SealFault::Start, 0, 0);
        for (block, first) in rows.clone().step_by(BLOCK_ROWS).enumerate() {
            let mut lanes = std::array::from_fn(|j| {
                let read = grid.fixed[columns.values.read.index()][first + j];
                grid.advice[value][first + j] - read * offset
            });
            lanes[2] += off(SealFault::Lane, block, 1);
            let entering = chain + off(SealFault::Enter, block, 1);
            let trace = BlockTrace::new(digest::step_input(entering, &lanes));
            let both = columns.poseidon.a.iter().chain(&columns.poseidon.b);
            for (j, cells) in trace.rows.iter().enumerate() {
                for (column, cell) in both.clone().zip(cells) {
                    grid.advice[column.index()][first + j] = *cell;
                }
                if j == 5 {
                    chain += off(SealFault::Stay, block, 1);
                }
                grid.advice[columns.chain.index()][first + j] = chain;
            }
            chain += trace.output[0] + off(SealFault::Link, block, 1);
        }
        grid.instance[0][rows.start] =
            Fr::from(plan.values.len() as u64) + off(SealFault::Count, 0, 0);
        grid.instance[0][rows.end - 1] = chain + off(SealFault::Digest, 0, 0);
    }

    /// What follows from its input in the last block of the first seal.
    fn permutation_of(&self, columns: &SealConfig, plan: &SealPlan) -> &[Step] {
        self.permutation.get_or_init(|| {
            let last = plan.rows().end - BLOCK_ROWS;
            let own: Vec<usize> = columns
                .poseidon
                .a
                .iter()
                .chain(&columns.poseidon.b)
                .map(|column| column.index())
                .collect();
            let inside = |row: usize| (last..last + BLOCK_ROWS).contains(&row);
            let gates = self.constraints.names();
            let mut planner = Planner::new(&self.constraints, &self.honest, |constraint, row| {
                !gates[constraint].0.starts_with("seal poseidon2") || !inside(row)
            });
            for column in 0..self.honest.advice.len() {
                for row in 0..self.honest.rows {
                    let follows = own.contains(&column) && row > last && inside(row);
                    let square = own[16..].contains(&column) && row == last;
                    if !follows && !square {
                        planner.give(Cell { column, row });
                    }
                }
            }
            planner.propagate()
        })
    }

    /// A fault in a permutation, in the last block of the first seal that has one for the constraint;
    /// what follows in the block and the digest are computed from it.
    pub fn wrong_permutation(&self, constraint: usize) -> Option<Verdict> {
        let columns = self.config.seal.as_ref()?;
        let plan = self.circuit.layout().seals.first()?;
        let steps = self.permutation_of(columns, plan);
        let step = steps.iter().find(|step| step.constraint == constraint)?;
        let mut grid = self.honest.clone();
        let at = (step.constraint, step.row);
        take(&self.constraints, &mut grid, steps, &[(at, Fr::ONE)]);
        // The constraint is the digest's cells less the public value.
        let end = (self.constraint("seal", "digest"), plan.rows().end - 1);
        let residue = self.constraints.eval(end.0, &grid, end.1, &mut Vec::new());
        grid.instance[0][end.1] += residue;
        Some(self.failures(&grid))
    }

    /// The constraint of the seals' own gate refuses this.
    pub fn wrong_seal(&self, constraint: usize) -> Option<Verdict> {
        self.config.seal.as_ref()?;
        let faults = BTreeMap::from([
            ("number of values", SealFault::Count),
            ("chain starts", SealFault::Start),
            ("chain value enters", SealFault::Enter),
            ("chain value stays", SealFault::Stay),
            ("chain goes on", SealFault::Link),
            ("digest", SealFault::Digest),
            ("accumulator", SealFault::Lane),
            ("accumulator equals the lanes", SealFault::Lane),
            ("zero after the last value", SealFault::Pad),
        ]);
        let name = self.constraints.names()[constraint].1.as_str();
        let lanes = self.constraint("seal", "accumulator equals the lanes");
        let first = self.circuit.layout().seals[0].first;
        // The wrong lane enters the accumulator on one of the rows below.
        let close = (name == "accumulator").then_some((
            (constraint, first + BLOCK_ROWS + 4),
            (lanes, first + BLOCK_ROWS),
        ));
        self.verdict(&Forgery {
            seal: Some(*faults.get(name)?),
            close,
            ..Forgery::default()
        })
    }
}

const SUM: &str = "zero at both ends";

/// The digests are those of the native function, and tell nothing without the salt.
#[test]
fn digests_are_those_of_the_values() {
    let model = model("hidden");
    let seals = &model.circuit.layout().seals;
    assert_eq!(seals.len(), 2);
    let inputs = seals[0].rows().end - 1;
    let outputs = seals[1].rows().end - 1;
    let case = crate::graphs::cases().pop().expect("the last case");
    let given: Vec<i64> = case.inputs.iter().map(|&x| x.into()).collect();
    let instance = model.circuit.instance();
    assert_eq!(instance[inputs], seal::digest(salts().inputs, &given));
    assert_eq!(
        instance[outputs],
        seal::digest(salts().outputs, &model.outputs)
    );
    // The number of public inputs, numbers of hidden values and digests are all that is public.
    let nonzero: Vec<usize> = (0..instance.len())
        .filter(|&row| instance[row] != Fr::ZERO)
        .collect();
    let [first, second] = [seals[0].first, seals[1].first];
    assert_eq!(nonzero, [first, inputs, second, outputs]);
    assert_eq!(instance[first], Fr::from(given.len() as u64));
    assert_eq!(instance[second], Fr::from(model.outputs.len() as u64));
}

/// A value beyond the declared range of a hidden input, by one or by much.
#[test]
fn hidden_input_out_of_range() {
    let model = model("hidden");
    let (Some(seal), Some(columns)) = model.seal(Role::Input) else {
        panic!("hidden inputs");
    };
    let row = seal.value_rows().start + 1;
    let at = cell(columns.values.value, row);
    let offset = model.config.shape.wide_offset();
    let value = model.honest.advice[at.column][at.row] - field(offset);
    assert!(small(value).is_some_and(|v| (-8..8).contains(&v)));
    for to in [-9, 8] {
        let forgery = twisted([(at, field(to) - value)]);
        refused(model, &forgery, "fraction sum", SUM);
    }
    let half = Fr::from(2).invert().expect("not zero");
    let verdict = model.verdict(&twisted([(at, half - value)]));
    let sum = ("fraction sum".to_owned(), SUM.to_owned());
    assert!(verdict.expect("nothing to close").contains(&sum));
}

/// The digest of other outputs, or of other inputs.
#[test]
fn digest_of_other_values() {
    let model = model("hidden");
    for seal in &model.circuit.layout().seals {
        let values = vec![0; seal.values.len()];
        let mut grid = model.honest.clone();
        grid.instance[0][seal.rows().end - 1] = seal::digest(salts().inputs, &values);
        let digest = ("seal".to_owned(), "digest".to_owned());
        assert_eq!(model.failures(&grid), [digest]);
    }
    // Another output is consistently behind another digest: the bus objects.
    let forgery = Forgery {
        outputs: vec![(1, Fr::ONE)],
        ..Forgery::default()
    };
    refused(model, &forgery, "fraction sum", SUM);
}
