//! Assignment of an inference circuit.

use std::sync::Arc;

use ff::Field;
use halo2_proofs::{
    circuit::{Layouter, Region, SimpleFloorPlanner, Value},
    plonk::{Advice, Challenge, Circuit, Column, ConstraintSystem, Error},
};
use halo2curves::bn256::Fr;
use nascent_ir::Params;
use rayon::prelude::*;

use super::check::{CheckError, check};
use super::claim::{Channel, Points};
use super::config::InferenceConfig;
use super::contraction::Operand;
use super::execute::{ExecuteError, execute, place_params};
use super::fraction::Randomness;
use super::linear::field;
use super::plan::layout::{ClaimPlan, Layout, Left, Role, SealPlan, Selection};
use super::seal::{Salts, SealConfig};
use super::selection;
use super::shape::Shape;
use super::sheet::Sheet;

/// The inference circuit of one architecture, with or without a witness.
#[derive(Clone, Debug)]
pub struct InferenceCircuit {
    shape: Shape,
    layout: Arc<Layout>,
    sheet: Arc<Sheet>,
    salts: Salts,
    proves: bool,
}

/// Columns and gates of a shape.
fn configured(shape: &Shape) -> (ConstraintSystem<Fr>, InferenceConfig) {
    let mut meta = ConstraintSystem::default();
    let config = InferenceConfig::configure(&mut meta, shape);
    (meta, config)
}

impl InferenceCircuit {
    /// The circuit's fixed side, for key generation.
    pub fn new(layout: Arc<Layout>, shape: Shape) -> Self {
        let (meta, config) = configured(&shape);
        let mut sheet = Sheet::new(&meta, shape.rows());
        layout.fill(&config, &mut sheet);
        Self {
            shape,
            layout,
            sheet: Arc::new(sheet),
            salts: Salts::default(),
            proves: false,
        }
    }

    /// The circuit with its witness, and the outputs. `salts` hide what is hidden: random, and new
    /// for each proof.
    ///
    /// # Errors
    ///
    /// If parameters or inputs do not fit.
    pub fn with_witness(
        &self,
        params: &Params,
        inputs: &[i64],
        salts: Salts,
    ) -> Result<(Self, Vec<i64>), ExecuteError> {
        let (_, config) = configured(&self.shape);
        let mut sheet = Sheet::clone(&self.sheet);
        sheet.open(config.first_phase().len());
        let outputs = execute(&config, &self.layout, &mut sheet, params, inputs)?;
        let circuit = Self {
            sheet: Arc::new(sheet),
            salts,
            proves: true,
            ..self.clone()
        };
        Ok((circuit, outputs))
    }

    /// Columns and gates.
    pub fn constraints(&self) -> ConstraintSystem<Fr> {
        configured(&self.shape).0
    }

    /// Indices of the advice columns that commit to the parameters.
    pub fn parameter_columns(&self) -> Vec<usize> {
        let (_, config) = configured(&self.shape);
        let columns = config.params.committed();
        columns.iter().map(|column| column.index()).collect()
    }

    /// The cells of [`Self::parameter_columns`], offsets included, without the random rows: what a
    /// proof about these parameters commits to.
    ///
    /// # Errors
    ///
    /// If the parameters do not fit the layout.
    pub fn parameter_cells(&self, params: &Params) -> Result<Vec<Vec<i64>>, ExecuteError> {
        let (meta, config) = configured(&self.shape);
        let mut sheet = Sheet::new(&meta, self.shape.rows());
        sheet.open(config.first_phase().len());
        place_params(&config, &self.layout, &mut sheet, params)?;
        let columns = config.params.committed();
        let cells = columns.iter().map(|&column| sheet.advice(column).to_vec());
        Ok(cells.collect())
    }

    /// Checks the fixed columns by themselves, see [`super::check`].
    ///
    /// # Errors
    ///
    /// The first rule found broken.
    pub fn check(&self) -> Result<(), CheckError> {
        let (_, config) = configured(&self.shape);
        check(&config, &self.sheet)
    }

    /// The fixed columns, and of a circuit with a witness the first phase.
    pub fn sheet(&self) -> &Sheet {
        &self.sheet
    }

    /// Sizes.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The layout.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The instance column of a circuit with a witness: public inputs, public outputs, the number of
    /// public inputs; then for each seal the number of its values, zeros and, on its last row, its
    /// digest.
    pub fn instance(&self) -> Vec<Fr> {
        let mut instance: Vec<Fr> = self.sheet.instances().iter().map(|&v| field(v)).collect();
        for seal in &self.layout.seals {
            instance.resize(seal.first, Fr::ZERO);
            instance.push(Fr::from(seal.values.len() as u64));
            instance.resize(seal.rows().end, Fr::ZERO);
            if let Some(last) = instance.last_mut() {
                *last = self.digest(seal);
            }
        }
        instance
    }

    /// Digest of a seal of a circuit with a witness.
    pub fn digest(&self, seal: &SealPlan) -> Fr {
        crate::seal::digest(self.salt(seal.role), &self.sealed_values(seal))
    }

    fn salt(&self, role: Role) -> Fr {
        match role {
            Role::Input => self.salts.inputs,
            Role::Output => self.salts.outputs,
        }
    }

    fn sealed_values(&self, seal: &SealPlan) -> Vec<i64> {
        // The last of the columns of integers.
        let cells = self.sheet.advice_columns().last();
        let cells = cells.map_or(&[][..], |column| &column[seal.value_rows()]);
        let offset = self.shape.wide_offset();
        cells.iter().map(|cell| cell - offset).collect()
    }

    fn assign_fixed(&self, region: &mut Region<'_, Fr>, config: &InferenceConfig) {
        for &column in &config.fixed {
            for (row, &value) in self.sheet.fixed(column).iter().enumerate() {
                if value != 0 {
                    region.assign_fixed(column, row, field(value));
                }
            }
        }
    }

    fn assign_first(&self, region: &mut Region<'_, Fr>, config: &InferenceConfig) {
        for column in config.first_phase() {
            for (row, &value) in self.sheet.advice(column).iter().enumerate() {
                if value != 0 {
                    region.assign_advice(column, row, Value::known(field(value)));
                }
            }
        }
    }

    /// Permutations of the seals; values are there already.
    fn assign_seals(&self, region: &mut Region<'_, Fr>, config: &InferenceConfig) {
        for (columns, seal) in self.seals(config) {
            let values = self.sealed_values(seal);
            columns.assign(region, seal.first, self.salt(seal.role), &values);
        }
    }

    fn seals<'a>(
        &'a self,
        config: &'a InferenceConfig,
    ) -> impl Iterator<Item = (&'a SealConfig, &'a SealPlan)> {
        let seals = config.seal.iter();
        seals.flat_map(|columns| self.layout.seals.iter().map(move |seal| (columns, seal)))
    }

    fn assign_vectors(
        &self,
        region: &mut Region<'_, Fr>,
        config: &InferenceConfig,
        points: &Points<Fr>,
    ) -> Vec<[Vec<Fr>; 2]> {
        let vector = |claim| Operand::gather(config, &self.sheet, claim).vector(claim, points);
        let vectors = self.layout.contractions.iter().map(|plan| {
            let left = match &plan.left {
                Left::Matrix(claim) => vector(claim),
                Left::Selection(selection) => {
                    let indices = self.indices(config, selection);
                    selection::vector(indices, plan.channels, points.position)
                }
            };
            [vector(&plan.right), left]
        });
        let vectors: Vec<[Vec<Fr>; 2]> = vectors.collect();
        let columns = &config.contraction;
        for (plan, [right, left]) in self.layout.contractions.iter().zip(&vectors) {
            for index in 0..plan.rows() {
                let row = plan.first + index;
                let v = left[index / plan.offsets.len()];
                region.assign_advice(columns.right, row, Value::known(right[index]));
                region.assign_advice(columns.left, row, Value::known(v));
            }
        }
        vectors
    }

    fn assign_claims(
        &self,
        region: &mut Region<'_, Fr>,
        config: &InferenceConfig,
        points: &Points<Fr>,
        vectors: &[[Vec<Fr>; 2]],
    ) {
        let last = self.shape.last_row();
        let mut sums = vec![Fr::ZERO; last];
        for claim in self.layout.claims() {
            let channel = config.channel(claim.section);
            let operand = Operand::gather(config, &self.sheet, claim);
            assign_claim(region, claim, channel, &operand, points, &mut sums);
        }
        for (plan, [right, left]) in self.layout.contractions.iter().zip(vectors) {
            let columns = &config.contraction;
            let weight = |offset: u64| weight(points.gamma, plan.right.id as u64 + offset);
            let (mut eu, mut ev) = (weight(0), weight(1));
            let keyed = plan.left.selection().map(|selection| {
                self.assign_terms(region, config, selection, points, &mut sums);
                let keys = (0..plan.channels as u64).map(Fr::from);
                selection::poles(points, selection.id, keys)
            });
            let shift = points.position.pow_vartime([u64::from(plan.shift)]);
            let first = weight(2) * shift.invert().unwrap_or(Fr::ZERO);
            let steps: Vec<Fr> = plan
                .offsets
                .iter()
                .map(|&offset| first * points.position.pow_vartime([u64::from(offset)]))
                .collect();
            for (index, u) in right.iter().enumerate().take(plan.rows()) {
                let (channel, offset) = (index / steps.len(), index % steps.len());
                let (row, v, ep) = (plan.first + index, left[channel], steps[offset]);
                if let Some(keyed) = &keyed {
                    ev = keyed[channel];
                }
                if offset == 0 {
                    sums[row] -= ev * v;
                }
                sums[row] -= eu * u + ep * u * v;
                let cells = [
                    (columns.right_coefficient, eu),
                    (columns.left_coefficient, ev),
                    (columns.product_coefficient, ep),
                ];
                for (column, value) in cells {
                    region.assign_advice(column, row, Value::known(value));
                }
                eu *= points.inner;
                if offset + 1 == steps.len() {
                    ev *= points.inner;
                }
            }
        }
        self.assign_sum(region, config, &sums);
    }

    /// Indices of a selection, as they stand in their column.
    fn indices(&self, config: &InferenceConfig, selection: &Selection) -> &[i64] {
        let columns = config.selection.as_ref();
        columns.map_or(&[], |columns| {
            &self.sheet.advice(columns.indices.index)[selection.rows()]
        })
    }

    /// Terms of a selection.
    fn assign_terms(
        &self,
        region: &mut Region<'_, Fr>,
        config: &InferenceConfig,
        selection: &Selection,
        points: &Points<Fr>,
        sums: &mut [Fr],
    ) {
        let Some(columns) = &config.selection else {
            return;
        };
        let indices = self.indices(config, selection).iter();
        let poles = selection::poles(points, selection.id, indices.map(|&index| field(index)));
        let mut power = Fr::ONE;
        for (row, pole) in selection.rows().zip(poles) {
            let term = power * pole;
            region.assign_advice(columns.term, row, Value::known(term));
            sums[row] += term;
            power *= points.position;
        }
    }

    /// The running sum of what each row adds.
    fn assign_sum(&self, region: &mut Region<'_, Fr>, config: &InferenceConfig, sums: &[Fr]) {
        let last = self.shape.last_row();
        let mut sum = Fr::ZERO;
        for (row, step) in sums.iter().enumerate() {
            region.assign_advice(config.claim_sum, row, Value::known(sum));
            sum += step;
        }
        region.assign_advice(config.claim_sum, last, Value::known(sum));
    }
}

/// `1 / (gamma + id)`.
fn weight(gamma: Fr, id: u64) -> Fr {
    (gamma + Fr::from(id)).invert().unwrap_or(Fr::ZERO)
}

/// Coefficients of a claim, and what its rows add to the sum.
fn assign_claim(
    region: &mut Region<'_, Fr>,
    claim: &ClaimPlan,
    channel: &Channel,
    operand: &Operand,
    points: &Points<Fr>,
    sums: &mut [Fr],
) {
    let (matrix, lanes) = (claim.matrix, claim.matrix.lanes);
    let (fast, slow) = (points.of(claim.fast), points.of(claim.slow));
    let step = fast.pow_vartime([lanes as u64]);
    let lane_rows = matrix.lane_rows();
    let evaluated: Vec<Fr> = operand
        .values
        .par_chunks(lanes)
        .map(|row| {
            let values = row.iter().rev();
            values.fold(Fr::ZERO, |sum, &value| sum * fast + field(value))
        })
        .collect();
    let mut row_coefficient = weight(points.gamma, claim.id as u64);
    let mut coefficient = row_coefficient;
    for (index, value) in evaluated.into_iter().enumerate() {
        if index > 0 && index.is_multiple_of(lane_rows) {
            row_coefficient *= slow;
            coefficient = row_coefficient;
        }
        let row = matrix.first + index;
        region.assign_advice(channel.coefficient, row, Value::known(coefficient));
        region.assign_advice(channel.row_coefficient, row, Value::known(row_coefficient));
        sums[row] += coefficient * value;
        coefficient *= step;
    }
}

impl Circuit<Fr> for InferenceCircuit {
    type Config = InferenceConfig;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = Shape;

    fn params(&self) -> Shape {
        self.shape.clone()
    }

    fn without_witnesses(&self) -> Self {
        Self {
            proves: false,
            ..self.clone()
        }
    }

    fn configure_with_params(meta: &mut ConstraintSystem<Fr>, shape: Shape) -> InferenceConfig {
        InferenceConfig::configure(meta, &shape)
    }

    fn configure(meta: &mut ConstraintSystem<Fr>) -> InferenceConfig {
        InferenceConfig::configure(meta, &Shape::default())
    }

    fn synthesize(
        &self,
        config: InferenceConfig,
        mut layouter: impl Layouter<Fr>,
    ) -> Result<(), Error> {
        layouter.assign_region(
            || "parameters, units and folds",
            |mut region| {
                self.assign_fixed(&mut region, &config);
                if self.proves {
                    self.assign_first(&mut region, &config);
                    self.assign_seals(&mut region, &config);
                }
                Ok(())
            },
        )?;
        layouter.next_phase();
        if !self.proves {
            return Ok(());
        }
        let drawn = |layouter: &dyn Fn(Challenge) -> Value<Fr>, challenge| {
            let mut out = Fr::ZERO;
            layouter(challenge).map(|value| out = value);
            out
        };
        let get = |challenge| layouter.get_challenge(challenge);
        let randomness = config.fractions.randomness();
        let randomness = Randomness {
            alpha: drawn(&get, randomness.alpha),
            beta: drawn(&get, randomness.beta),
        };
        let mut points = Points {
            column: drawn(&get, config.points.column),
            position: drawn(&get, config.points.position),
            inner: Fr::ZERO,
            gamma: Fr::ZERO,
        };
        let vectors = layouter.assign_region(
            || "fractions and vectors",
            |mut region| {
                let last = self.shape.last_row();
                config
                    .fractions
                    .assign(&mut region, &self.sheet, last, randomness);
                for (columns, seal) in self.seals(&config) {
                    let (salt, values) = (self.salt(seal.role), self.sealed_values(seal));
                    columns.accumulate(&mut region, seal.first, salt, &values, points.column);
                }
                Ok(self.assign_vectors(&mut region, &config, &points))
            },
        )?;
        layouter.next_phase();
        let get = |challenge| layouter.get_challenge(challenge);
        points.inner = drawn(&get, config.points.inner);
        points.gamma = drawn(&get, config.points.gamma);
        layouter.assign_region(
            || "claims",
            |mut region| {
                self.assign_claims(&mut region, &config, &points, &vectors);
                Ok(())
            },
        )
    }
}

impl InferenceConfig {
    /// All first-phase columns of integers; those of seals come after them.
    pub fn first_phase(&self) -> Vec<Column<Advice>> {
        let mut columns = self.params.weights.clone();
        columns.extend(self.params.lanes.iter().flat_map(|l| [l.value, l.high]));
        columns.extend(
            self.units
                .lanes
                .iter()
                .flat_map(|l| [l.a, l.b, l.quotient, l.low, l.high, l.out]),
        );
        columns.push(self.units.row.multiplier);
        columns.extend(self.folds.lanes.iter().flat_map(|l| [l.x, l.total]));
        columns.extend(self.tables.iter().map(|set| set.count));
        columns.extend(self.selection.iter().map(|s| s.indices.index));
        columns.extend(self.seal.iter().map(|seal| seal.values.value));
        columns
    }
}
