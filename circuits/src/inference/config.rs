//! All columns and gates of an inference circuit.

use ff::Field;
use halo2_proofs::plonk::{
    Advice, Challenge, Column, ConstraintSystem, Expression, FirstPhase, Fixed, Instance,
    SecondPhase, ThirdPhase,
};
use halo2curves::bn256::Fr;

use super::claim::{Axis, Channel, Points};
use super::contraction::ContractionConfig;
use super::fold::FoldConfig;
use super::fraction::{Fraction, FractionConfig, GROUP, Randomness, Tuple};
use super::linear::{Cell, Linear};
use super::param::ParamConfig;
use super::plan::layout::Section;
use super::seal::{SealConfig, SealedValues};
use super::selection::{IndexConfig, SelectionConfig};
use super::shape::Shape;
use super::unit::{UnitConfig, out, wide};

type Expr = Expression<Fr>;

/// Columns of a lookup table's set.
#[derive(Clone, Copy, Debug)]
pub struct TableSet {
    /// First coordinate.
    pub x: Column<Fixed>,
    /// Second coordinate.
    pub y: Column<Fixed>,
    /// Kind of the table.
    pub kind: Column<Fixed>,
    /// How often the entry is looked up.
    pub count: Column<Advice>,
}

/// Wires between the instance column and the bus.
#[derive(Clone, Copy, Debug)]
pub struct PublicConfig {
    /// Inputs, then outputs, then the number of inputs.
    pub instance: Column<Instance>,
    /// Address of the row's value; on the last of the rows, the number of inputs.
    pub address: Column<Fixed>,
    /// One for an output; minus the number of reads for an input.
    pub flow: Column<Fixed>,
    /// One on the row of the number of inputs.
    pub count: Column<Fixed>,
}

impl PublicConfig {
    /// Binds the number of inputs, without which an input could pass for an output.
    fn configure(&self, meta: &mut ConstraintSystem<Fr>) {
        meta.create_gate("public", |_| {
            let difference = self.instance.cur() - self.address.cur();
            vec![("number of inputs", self.count.cur() * difference)]
        });
    }

    /// The wire of each public value: one that is read, or one that reads.
    fn wire(&self) -> Fraction {
        Fraction {
            sign: 1,
            factors: vec![Cell::Fixed(self.flow)],
            tuple: Tuple::Bus {
                address: Linear::cell(Cell::Fixed(self.address)),
                value: Linear::cell(Cell::Instance(self.instance)),
            },
        }
    }
}

/// Columns and gates of an inference circuit.
#[derive(Clone, Debug)]
pub struct InferenceConfig {
    /// Sizes.
    pub shape: Shape,
    /// Committed parameters.
    pub params: ParamConfig,
    /// Units.
    pub units: UnitConfig,
    /// Folds.
    pub folds: FoldConfig,
    /// Lookup tables.
    pub tables: Vec<TableSet>,
    /// Inputs and outputs.
    pub public: PublicConfig,
    /// One on the rows `0..last`.
    pub running: Column<Fixed>,
    /// One on row 0 and the last row.
    pub ends: Column<Fixed>,
    /// Lookups and wires.
    pub fractions: FractionConfig,
    /// Vectors and products.
    pub contraction: ContractionConfig,
    /// Rows chosen by indices.
    pub selection: Option<SelectionConfig>,
    /// Hidden inputs and outputs.
    pub seal: Option<SealConfig>,
    /// Claims about matrix parameters.
    pub weight_claims: Vec<Channel>,
    /// Claims about results of contractions.
    pub result_claims: Channel,
    /// Claims about outputs of units as operands.
    pub operand_claims: Vec<Channel>,
    /// Sum of all claims and products.
    pub claim_sum: Column<Advice>,
    /// Challenges of the claims.
    pub points: Points<Challenge>,
    /// All fixed columns that a constraint reads.
    pub fixed: Vec<Column<Fixed>>,
}

impl InferenceConfig {
    /// Lays out the columns and creates all gates.
    pub fn configure(meta: &mut ConstraintSystem<Fr>, shape: &Shape) -> Self {
        let params = ParamConfig::allocate(meta, shape);
        let units = UnitConfig::allocate(meta, shape.unit_lanes);
        let folds = FoldConfig::allocate(meta, shape.fold_lanes);
        let tables: Vec<TableSet> = (0..shape.table_sets)
            .map(|_| TableSet {
                x: meta.fixed_column(),
                y: meta.fixed_column(),
                kind: meta.fixed_column(),
                count: meta.advice_column_in(FirstPhase),
            })
            .collect();
        let indices = shape.selection.then(|| IndexConfig::allocate(meta));
        let sealed = shape.sealed.then(|| SealedValues::allocate(meta));
        let public = PublicConfig {
            instance: meta.instance_column(),
            address: meta.fixed_column(),
            flow: meta.fixed_column(),
            count: meta.fixed_column(),
        };
        let [running, ends] = std::array::from_fn(|_| meta.fixed_column());
        let [alpha, beta, column, position] =
            std::array::from_fn(|_| meta.challenge_usable_after(FirstPhase));

        public.configure(meta);
        units.configure(meta, shape);
        folds.configure(meta, shape);
        let mut wires = vec![public.wire()];
        wires.extend(indices.map(|indices| indices.wire()));
        let mut groups = groups(shape, &params, &units, &folds, &tables, wires, running);
        groups.extend(sealed.map(|values| ("hidden values".to_owned(), values.fractions(shape))));
        let permutation = sealed.map(|values| (values, SealConfig::first(meta)));
        let randomness = Randomness { alpha, beta };
        let fractions = FractionConfig::configure(meta, running, ends, randomness, groups);

        let seal = permutation.map(|(values, permutation)| {
            SealConfig::configure(meta, shape, values, permutation, public.instance, column)
        });
        let vectors = ContractionConfig::vectors(meta);
        let [inner, gamma] = std::array::from_fn(|_| meta.challenge_usable_after(SecondPhase));
        let points = Points {
            column,
            position,
            inner,
            gamma,
        };
        let contraction = ContractionConfig::allocate(meta, vectors, shape);
        let selection = indices.map(|indices| SelectionConfig::allocate(meta, indices));
        contraction.configure(meta, shape, selection.as_ref(), &points);
        if let Some(selection) = &selection {
            selection.configure(meta, &points);
        }
        use Axis::{Column as C, Inner as I, Position as P};
        let weight_claims: Vec<Channel> = (0..shape.weight_channels.max(1))
            .map(|i| {
                let channel = Channel::allocate(meta, &[C, I], &[C, I]);
                let name = format!("weights, channel {i}");
                channel.configure(meta, &name, shape.weight_lanes, &points);
                channel
            })
            .collect();
        let result_claims = Channel::allocate(meta, &[C, P], &[C, P]);
        result_claims.configure(meta, "results", shape.unit_lanes, &points);
        let operand_claims: Vec<Channel> = (0..shape.operand_channels)
            .map(|i| {
                let channel = Channel::allocate(meta, &[C, P, I], &[C, P, I]);
                let name = format!("operands, channel {i}");
                channel.configure(meta, &name, shape.unit_lanes, &points);
                channel
            })
            .collect();
        let claim_sum = meta.advice_column_in(ThirdPhase);
        let mut config = Self {
            shape: shape.clone(),
            params,
            units,
            folds,
            tables,
            public,
            running,
            ends,
            fractions,
            contraction,
            selection,
            seal,
            weight_claims,
            result_claims,
            operand_claims,
            claim_sum,
            points,
            fixed: Vec::new(),
        };
        config.sum_gate(meta);
        config.fixed = meta
            .fixed_queries()
            .iter()
            .map(|&(column, _)| column)
            .collect();
        config
    }

    /// `S' = S + claims - products` on the rows before the last, and zero at both ends.
    fn sum_gate(&self, meta: &mut ConstraintSystem<Fr>) {
        meta.create_gate("claim sum", |_| {
            let step = self.running.cur() * (self.claim_sum.next() - self.claim_sum.cur());
            vec![
                ("running sum", step - self.contribution()),
                ("zero at both ends", self.ends.cur() * self.claim_sum.cur()),
            ]
        });
    }

    /// The channel that claims of a section are on.
    pub fn channel(&self, section: Section) -> &Channel {
        match section {
            Section::Weights(channel) => &self.weight_claims[channel],
            Section::Results => &self.result_claims,
            Section::Operands(channel) => &self.operand_claims[channel],
        }
    }

    /// Claims minus products of a row. Zero on rows without either, whatever the cells.
    pub fn contribution(&self) -> Expr {
        let shape = &self.shape;
        let weights: Vec<Expr> = self
            .params
            .weights
            .iter()
            .map(|&c| Linear::offset(Cell::Advice(c), shape.weight_offset()).expr())
            .collect();
        let lanes = &self.units.lanes;
        let results: Vec<Expr> = lanes
            .iter()
            .map(|lane| wide(shape, lane.a).expr())
            .collect();
        // A lane without a unit counts as zero: rasters are padded with such lanes.
        let operands: Vec<Expr> = lanes
            .iter()
            .map(|lane| lane.active.cur() * out(shape, lane).expr())
            .collect();
        let channels = (self.weight_claims.iter().map(|channel| (channel, &weights)))
            .chain([(&self.result_claims, &results)])
            .chain(
                self.operand_claims
                    .iter()
                    .map(|channel| (channel, &operands)),
            );
        let claims = channels.map(|(channel, lanes)| channel.contribution(lanes, &self.points));
        let selected = self.selection.iter().map(SelectionConfig::contribution);
        let sum = claims.chain(selected).reduce(|sum, term| sum + term);
        let zero = Expression::Constant(Fr::ZERO);
        sum.unwrap_or(zero) - self.contraction.contribution()
    }
}

/// All lookups and wires, in groups that share a helper.
fn groups(
    shape: &Shape,
    params: &ParamConfig,
    units: &UnitConfig,
    folds: &FoldConfig,
    tables: &[TableSet],
    wires: Vec<Fraction>,
    running: Column<Fixed>,
) -> Vec<(String, Vec<Fraction>)> {
    let mut groups = params.fractions(shape, running);
    groups.extend(units.fractions(shape));
    let (lookups, mut rest) = folds.fractions(shape);
    groups.extend(lookups);
    rest.push(units.multiplier_wire());
    rest.extend(wires);
    rest.extend(tables.iter().map(|set| {
        let cell = |column| Linear::cell(Cell::Fixed(column));
        let tuple = Tuple::Table {
            x: cell(set.x),
            y: cell(set.y),
            kind: cell(set.kind),
        };
        Fraction::write(Cell::Advice(set.count), tuple)
    }));
    let rest = rest.chunks(GROUP).enumerate();
    groups.extend(rest.map(|(i, group)| (format!("other fractions, group {i}"), group.to_vec())));
    groups
}
