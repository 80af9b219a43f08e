//! Committed parameters: matrices for contractions, vectors for units.
//!
//! Matrix parameters stand in lanes of `weight_bits` bits (plus an offset) and enter contractions
//! through claims only. Each is in the range that its architecture declares: where these differ, a
//! fixed column has the table of each row's. Vector parameters (biases, multipliers) have `2T` bits (plus an offset),
//! `p = low + 2^T high` with both pieces of `T` bits, and are read from the bus. No other cell
//! stands in these columns, so that their commitments are commitments to the parameters.

use halo2_proofs::plonk::{Advice, Column, ConstraintSystem, FirstPhase, Fixed};
use halo2curves::bn256::Fr;

use super::fraction::{Fraction, Tuple};
use super::linear::{Cell, Linear};
use super::shape::Shape;
use super::tables::matrix_range;

/// Columns of one lane of vector parameters.
#[derive(Clone, Copy, Debug)]
pub struct ParamLane {
    /// The parameter.
    pub value: Column<Advice>,
    /// Its high piece.
    pub high: Column<Advice>,
    /// How often it is read.
    pub reads: Column<Fixed>,
}

/// All parameters.
#[derive(Clone, Debug)]
pub struct ParamConfig {
    /// Matrix parameters.
    pub weights: Vec<Column<Advice>>,
    /// Kind of the table that has the range of a row's matrix, if there are several ranges.
    pub range: Option<Column<Fixed>>,
    /// Vector parameters.
    pub lanes: Vec<ParamLane>,
    /// Address of the first lane's vector parameter.
    pub base: Column<Fixed>,
}

impl ParamConfig {
    /// Allocates the columns; there are no gates beside the lookups.
    pub fn allocate(meta: &mut ConstraintSystem<Fr>, shape: &Shape) -> Self {
        let mut advice = || meta.advice_column_in(FirstPhase);
        let weights = (0..shape.weight_lanes).map(|_| advice()).collect();
        let advices: Vec<[Column<Advice>; 2]> = (0..shape.param_lanes)
            .map(|_| std::array::from_fn(|_| advice()))
            .collect();
        let lanes = advices
            .into_iter()
            .map(|[value, high]| ParamLane {
                value,
                high,
                reads: meta.fixed_column(),
            })
            .collect();
        Self {
            weights,
            range: shape.matrix_ranges.then(|| meta.fixed_column()),
            lanes,
            base: meta.fixed_column(),
        }
    }

    /// The columns whose commitments are commitments to the parameters: matrices, then vectors. The
    /// high pieces follow from them.
    pub fn committed(&self) -> Vec<Column<Advice>> {
        let vectors = self.lanes.iter().map(|lane| lane.value);
        self.weights.iter().copied().chain(vectors).collect()
    }

    /// Range lookups and wires; `running` is one on all rows that carry cells.
    pub fn fractions(&self, shape: &Shape, running: Column<Fixed>) -> Vec<(String, Vec<Fraction>)> {
        let kind = match self.range {
            Some(column) => Linear::cell(Cell::Fixed(column)),
            None => Linear::constant(matrix_range(0)),
        };
        let weights: Vec<Fraction> = self
            .weights
            .iter()
            .map(|&column| {
                let tuple = Tuple::Table {
                    x: Linear::cell(Cell::Advice(column)),
                    y: Linear::default(),
                    kind: kind.clone(),
                };
                Fraction::read([running], tuple)
            })
            .collect();
        let mut groups: Vec<_> = weights
            .chunks(super::fraction::GROUP)
            .enumerate()
            .map(|(i, group)| (format!("ranges of weights, group {i}"), group.to_vec()))
            .collect();
        for (j, lane) in self.lanes.iter().enumerate() {
            let high = Cell::Advice(lane.high);
            let low = Linear::cell(Cell::Advice(lane.value)).plus(-(1 << shape.table_bits), high);
            let value = Linear::offset(Cell::Advice(lane.value), shape.param_offset());
            let address = Linear::cell(Cell::Fixed(self.base)).plus_constant(j as i64);
            groups.push((
                format!("range and wire of parameter lane {j}"),
                vec![
                    Fraction::read([running], Tuple::range(low)),
                    Fraction::read([running], Tuple::range(Linear::cell(high))),
                    Fraction::write(Cell::Fixed(lane.reads), Tuple::Bus { address, value }),
                ],
            ));
        }
        groups
    }
}
