//! An inference circuit laid out once, and forged again and again.
//!
//! The second and third phase follow from the constraints themselves (see
//! [`nascent_circuits::grid::Planner`]), the vectors from the cells of their matrices, and the first
//! phase is run again by [`super::rerun`], in the field, so that a change is carried on.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use ff::{Field, PrimeField};
use halo2_proofs::plonk::{Advice, Circuit, Column, ConstraintSystem};
use halo2curves::bn256::Fr;
use nascent_circuits::grid::{
    At, Cell, Constraints, Formula, Grid, Planner, Step, take, take_closing,
};
use nascent_circuits::inference::claim::Axis;
use nascent_circuits::inference::config::InferenceConfig;
use nascent_circuits::inference::fraction::Tuple;
use nascent_circuits::inference::linear::field;
use nascent_circuits::inference::plan::layout::{ClaimPlan, Left, Section, Selection};
use nascent_circuits::inference::plan::plan_hidden;
use nascent_circuits::inference::plan::rows::Lanes;
use nascent_circuits::inference::{InferenceCircuit, Salts};

use crate::graphs::Case;
use crate::sealing::SealFault;

/// A circuit with an honest witness, its constraints, and what follows from its first phase.
pub struct Model {
    pub name: String,
    pub circuit: InferenceCircuit,
    pub config: InferenceConfig,
    pub meta: ConstraintSystem<Fr>,
    pub constraints: Constraints,
    pub outputs: Vec<i64>,
    pub honest: Grid,
    /// All cells of the second and third phase but the vectors.
    pub follows: Vec<Step>,
    pub undetermined: Vec<Cell>,
    /// Numerator, `x`, `y` and kind of each lookup.
    lookups: Vec<Formula>,
    /// The last block of the first seal, step by step; made when it is needed.
    pub permutation: OnceLock<Vec<Step>>,
}

/// A change of cells.
pub type Edit<'a> = &'a (dyn Fn(&Model, &mut Grid) + Sync);

/// What a cheating prover does; everything else is computed as honestly as that allows.
#[derive(Default)]
pub struct Forgery<'a> {
    /// Added to cells of the first phase as they are computed; what follows is computed from them.
    pub twists: BTreeMap<Cell, Fr>,
    /// Added to public outputs.
    pub outputs: Vec<(usize, Fr)>,
    /// Changes anything in the first phase, before the lookups are counted.
    pub first: Option<Edit<'a>>,
    /// Goes wrong in the seals.
    pub seal: Option<SealFault>,
    /// Changes the multiplicities.
    pub counts: Option<Edit<'a>>,
    /// Changes the vectors.
    pub vectors: Option<Edit<'a>>,
    /// A later cell that is chosen such that a check holds.
    pub close: Option<(At, At)>,
}

/// Names of constraints that fail.
pub type Verdict = Vec<(String, String)>;

/// Salts of the hidden values.
pub fn salts() -> Salts {
    Salts {
        inputs: Fr::from(77).invert().expect("not zero"),
        outputs: Fr::from(78).invert().expect("not zero"),
    }
}

/// A circuit with an honest witness.
pub struct LaidOut {
    pub circuit: InferenceCircuit,
    pub config: InferenceConfig,
    pub meta: ConstraintSystem<Fr>,
    pub outputs: Vec<i64>,
    pub honest: Grid,
}

impl LaidOut {
    pub fn new(case: &Case, lanes: Lanes) -> Self {
        let layout = plan_hidden(&case.graph, lanes, case.hidden);
        let layout = Arc::new(layout.expect("planned"));
        let shape = layout.shape(None).expect("fits");
        let circuit = InferenceCircuit::new(layout, shape.clone());
        let inputs: Vec<i64> = case.inputs.iter().map(|&x| x.into()).collect();
        let (circuit, outputs) = circuit
            .with_witness(&case.params, &inputs, salts())
            .expect("in range");
        let mut meta = ConstraintSystem::default();
        let config = InferenceCircuit::configure_with_params(&mut meta, shape.clone());
        let challenges: Vec<Fr> = (0..meta.num_challenges() as u64)
            .map(|i| Fr::from(i + 3).pow([1 << 40]))
            .collect();
        let instance = circuit.instance();
        let mut honest = Grid::new(
            &circuit,
            &meta,
            config.clone(),
            shape.k,
            &[&instance],
            &challenges,
        )
        .expect("laid out");
        let mut random = Fr::from(11);
        honest.blind(meta.blinding_factors() + 1, || {
            random = random.square() + Fr::ONE;
            random
        });
        Self {
            circuit,
            config,
            meta,
            outputs,
            honest,
        }
    }
}

impl Model {
    pub fn new(case: &Case, lanes: Lanes) -> Self {
        let LaidOut {
            circuit,
            config,
            meta,
            outputs,
            honest,
        } = LaidOut::new(case, lanes);
        let constraints = Constraints::new(&meta);
        let lookups = lookups(&config);
        let mut model = Self {
            name: format!("{} with {lanes:?}", case.name),
            circuit,
            config,
            meta,
            constraints,
            outputs,
            honest,
            follows: Vec::new(),
            undetermined: Vec::new(),
            lookups,
            permutation: OnceLock::new(),
        };
        model.plan();
        model
    }

    fn plan(&mut self) {
        let last = self.last();
        let sums = [self.sum_end("fraction sum"), self.sum_end("claim sum")];
        let lanes = self
            .constraints
            .find("seal", "accumulator equals the lanes");
        let check = |constraint, row| {
            sums.contains(&(constraint, row)) || lanes.is_some_and(|lanes| lanes == constraint)
        };
        debug_assert!(sums.iter().all(|&(_, row)| row == last));
        let mut planner = Planner::new(&self.constraints, &self.honest, check);
        for (column, &phase) in self.meta.advice_column_phase().iter().enumerate() {
            if phase == 0 {
                (0..self.honest.rows).for_each(|row| planner.give(Cell { column, row }));
            }
        }
        let columns = &self.config.contraction;
        for plan in &self.circuit.layout().contractions {
            for index in 0..plan.rows() {
                let row = plan.first + index;
                planner.give(cell(columns.right, row));
                if index % plan.offsets.len() == 0 {
                    planner.give(cell(columns.left, row));
                }
            }
        }
        let follows = planner.propagate();
        let undetermined = planner.undetermined();
        self.follows = follows;
        self.undetermined = undetermined;
    }

    pub fn last(&self) -> usize {
        self.config.shape.last_row()
    }

    pub fn constraint(&self, gate: &str, name: &str) -> usize {
        let found = self.constraints.find(gate, name);
        found.unwrap_or_else(|| panic!("no constraint {gate:?} / {name:?}"))
    }

    /// The end of a running sum.
    pub fn sum_end(&self, gate: &str) -> At {
        (self.constraint(gate, "zero at both ends"), self.last())
    }

    /// The whole forged witness; `None` if the fault that should close it has no effect.
    pub fn forge(&self, forgery: &Forgery<'_>) -> Option<Grid> {
        let mut grid = self.honest.clone();
        self.first_phase(&mut grid, forgery);
        self.vectors(&mut grid);
        if let Some(edit) = forgery.vectors {
            edit(self, &mut grid);
        }
        let closed = self.follow(&mut grid, forgery.close);
        closed.then_some(grid)
    }

    /// The first phase with its changes.
    pub fn first_phase(&self, grid: &mut Grid, forgery: &Forgery<'_>) {
        self.rerun(grid, &forgery.twists);
        for (index, fault) in &forgery.outputs {
            *self.output(grid, *index) += fault;
        }
        self.reseal(grid, forgery.seal);
        if let Some(edit) = forgery.first {
            edit(self, grid);
        }
        self.count(grid);
        if let Some(edit) = forgery.counts {
            edit(self, grid);
        }
    }

    /// Everything that follows from the first phase and the vectors.
    pub fn follow(&self, grid: &mut Grid, close: Option<(At, At)>) -> bool {
        match close {
            Some((at, check)) => take_closing(&self.constraints, grid, &self.follows, at, check),
            None => {
                take(&self.constraints, grid, &self.follows, &[]);
                true
            }
        }
    }

    /// What the verifier of a forged witness finds wrong.
    pub fn verdict(&self, forgery: &Forgery<'_>) -> Option<Verdict> {
        self.forge(forgery).map(|grid| self.failures(&grid))
    }

    /// Names of the failing constraints.
    pub fn failures(&self, grid: &Grid) -> Verdict {
        let failures = self.constraints.failures(grid).into_iter();
        failures
            .map(|failure| (failure.gate, failure.constraint))
            .collect()
    }

    /// Value of a challenge axis.
    fn point(&self, grid: &Grid, axis: Axis) -> Fr {
        grid.challenges[self.config.points.of(axis).index()]
    }

    /// Element of a claim's matrix.
    pub fn element(&self, grid: &Grid, claim: &ClaimPlan, row: usize, column: usize) -> Fr {
        let shape = &self.config.shape;
        let (row, lane) = claim.matrix.at(row, column);
        let advice = |column: Column<Advice>| grid.advice[column.index()][row];
        match claim.section {
            Section::Weights(_) => {
                advice(self.config.params.weights[lane]) - field(shape.weight_offset())
            }
            Section::Results => {
                advice(self.config.units.lanes[lane].a) - field(shape.wide_offset())
            }
            Section::Operands(_) => {
                let unit = &self.config.units.lanes[lane];
                let active = grid.fixed[unit.active.index()][row];
                active * (advice(unit.out) - field(shape.unit_offset()))
            }
        }
    }

    /// Honest vectors of whatever the matrices hold.
    pub fn vectors(&self, grid: &mut Grid) {
        let columns = self.config.contraction.clone();
        for plan in &self.circuit.layout().contractions {
            let per_channel = plan.offsets.len();
            for index in 0..plan.rows() {
                grid.advice[columns.right.index()][plan.first + index] =
                    self.evaluate(grid, &plan.right, index);
                if index % per_channel == 0 {
                    let channel = index / per_channel;
                    grid.advice[columns.left.index()][plan.first + index] = match &plan.left {
                        Left::Matrix(claim) => self.evaluate(grid, claim, channel),
                        Left::Selection(selection) => self.chosen(grid, selection, channel),
                    };
                }
            }
        }
    }

    /// A claim's matrix at an inner index, evaluated at the other axis' challenge.
    fn evaluate(&self, grid: &Grid, claim: &ClaimPlan, inner: usize) -> Fr {
        let width = claim.matrix.lane_rows() * claim.matrix.lanes;
        let (axis, count) = match claim.fast {
            Axis::Inner => (claim.slow, claim.matrix.rows),
            _ => (claim.fast, width),
        };
        let point = self.point(grid, axis);
        (0..count).rev().fold(Fr::ZERO, |sum, outer| {
            let (row, column) = match claim.fast {
                Axis::Inner => (outer, inner),
                _ => (inner, outer),
            };
            sum * point + self.element(grid, claim, row, column)
        })
    }

    /// The sum of `s^p` over the indices that choose a row.
    fn chosen(&self, grid: &Grid, selection: &Selection, row: usize) -> Fr {
        let column = self.index_column();
        let s = self.point(grid, Axis::Position);
        let rows = selection.rows().zip(0u64..);
        rows.filter(|&(at, _)| grid.advice[column.index()][at] == Fr::from(row as u64))
            .map(|(_, power)| s.pow([power]))
            .sum()
    }

    /// Column of the indices.
    pub fn index_column(&self) -> Column<Advice> {
        let selection = self.config.selection.as_ref();
        selection.expect("a selection").indices.index
    }

    /// Multiplicities of all lookups that the tables can serve.
    pub fn count(&self, grid: &mut Grid) {
        let tables = &self.circuit.layout().tables;
        let last = self.last();
        let mut counts = vec![Fr::ZERO; tables.entries().len()];
        let mut scratch = Vec::new();
        for row in 0..last {
            for lookup in &self.lookups {
                let values: Vec<Fr> = lookup.eval(grid, row, &mut scratch).collect();
                if bool::from(values[0].is_zero()) {
                    continue;
                }
                let [x, y, kind] = [1, 2, 3].map(|i| small(values[i]));
                let (Some(x), Some(y), Some(kind)) = (x, y, kind) else {
                    continue;
                };
                let index = i64::try_from(x)
                    .ok()
                    .and_then(|x| tables.index(kind as i64, x));
                if let Some(index) = index.filter(|&i| i128::from(tables.entries()[i][1]) == y) {
                    counts[index] += values[0];
                }
            }
        }
        for (set, counts) in self.config.tables.iter().zip(counts.chunks(last)) {
            let column = &mut grid.advice[set.count.index()];
            column[..last].fill(Fr::ZERO);
            column[..counts.len()].copy_from_slice(counts);
        }
    }

    /// Fills phases two and three anew for other challenges.
    pub fn redraw(&self, grid: &mut Grid, challenge: usize) {
        grid.challenges[challenge] = grid.challenges[challenge].square() + Fr::from(5);
    }
}

fn lookups(config: &InferenceConfig) -> Vec<Formula> {
    let positive = config.fractions.fractions().filter(|f| f.sign > 0);
    positive
        .filter_map(|fraction| match &fraction.tuple {
            Tuple::Table { x, y, kind } => {
                let one = halo2_proofs::plonk::Expression::Constant(Fr::ONE);
                let factors = fraction.factors.iter();
                let numerator = factors.fold(one, |product, cell| product * cell.expr());
                Some(Formula::new(&[numerator, x.expr(), y.expr(), kind.expr()]))
            }
            Tuple::Bus { .. } => None,
        })
        .collect()
}

pub fn cell(column: Column<Advice>, row: usize) -> Cell {
    Cell {
        column: column.index(),
        row,
    }
}

/// The integer of at most 100 bits behind a field element, if there is one.
pub fn small(value: Fr) -> Option<i128> {
    let magnitude = |value: Fr| {
        let bytes = value.to_repr();
        let low = u128::from_le_bytes(bytes[..16].try_into().expect("16 bytes"));
        let fits = low >> 100 == 0 && bytes[16..].iter().all(|&byte| byte == 0);
        fits.then_some(low as i128)
    };
    magnitude(value).or_else(|| magnitude(-value).map(|v| -v))
}

/// An integer of at most 100 bits as a field element.
pub fn wide_field(value: i128) -> Fr {
    let magnitude = Fr::from_u128(value.unsigned_abs());
    if value < 0 { -magnitude } else { magnitude }
}
