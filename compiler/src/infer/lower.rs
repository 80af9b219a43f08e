//! From the float graph and calibrated ranges to the integer graph.
//!
//! A value is *needed* when something other than a function of it reads it. Each needed value
//! becomes an integer tensor with a scale, `real = scale * integer`. Elementwise functions between
//! a sum, a product or a contraction and the next needed value are fused into one `Map`.

mod arrange;
mod contract;
mod exact;
mod form;
mod map;
mod mask;
mod normalize;
mod position;
mod softmax;

use super::calibrate::Stats;
use super::error::{InferError, Result};
use super::flow::{Flow, Op, ValueId};
use super::options::Options;
pub(crate) use super::profile::grid;
use super::profile::{Decision, Tape};
use nascent_ir::{
    Builder, CheckedGraph, GraphError, Map, Multiplier, Op as Node, Origin, Params, Pre, Range,
    Scale, Table, TensorId,
};
use nascent_verifier::text::one_line;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

/// An integer tensor with its scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Quant {
    pub(crate) id: TensorId,
    pub(crate) scale: f64,
}

/// Numbers of a constant, or integers made of them.
#[derive(Debug, Clone)]
pub(crate) struct Numbers<T> {
    /// Not there for weights while a profile is read.
    pub(crate) values: Option<Vec<T>>,
    /// Whether they follow from the model and the profile: no decision depends on them then.
    pub(crate) known: bool,
}

impl<T> Numbers<T> {
    fn map<U>(&self, f: impl FnMut(&T) -> U) -> Numbers<U> {
        Numbers {
            values: self.values.as_ref().map(|v| v.iter().map(f).collect()),
            known: self.known,
        }
    }
}

/// What is known about a needed value, for the report.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Layer {
    pub(crate) value: ValueId,
    pub(crate) quant: Quant,
    /// ONNX nodes that it covers, in order.
    pub(crate) nodes: Vec<usize>,
    /// `log2` of the steps of the table's argument per step of an activation of the usual bits;
    /// negative when the argument is coarser.
    pub(crate) headroom: f64,
    /// Magnitude from which on elements are masked: they have no error.
    pub(crate) masked: Option<f64>,
}

/// A lowered model.
pub(crate) struct Lowered {
    pub(crate) graph: CheckedGraph,
    pub(crate) params: Params,
    pub(crate) inputs: Vec<Quant>,
    pub(crate) outputs: Vec<Quant>,
    pub(crate) layers: Vec<Layer>,
    /// Parameters that are deviates of a plan.
    /// With the position of the plan that each comes from.
    pub(crate) origins: Vec<(usize, Origin)>,
    /// Names of the stored tensors behind each parameter whose numbers are weights.
    pub(crate) stored: BTreeMap<TensorId, Vec<String>>,
    /// Those of them whose numbers need not be what the model makes of any tensors.
    pub(crate) loose: BTreeSet<TensorId>,
    /// Bits of the tables.
    pub(crate) bits: u8,
    /// What samples and weights decided.
    pub(crate) decisions: Vec<Decision>,
}

/// No constant that is a number is as large.
const LARGEST: f64 = 1e12;

/// Most coarse steps of a table's argument, against those of its result.
const LEAST_HEADROOM: f64 = -6.0;

/// Steps of the argument that are half as fine as those of the result cost less than the rounding
/// of weights and activations does: measured, the bundled models lose nothing by it.
const ENOUGH_HEADROOM: f64 = -1.0;

/// Lowers with the smallest tables that keep the precision, or the size asked for.
pub(crate) fn lower(flow: &Flow, stats: &[Stats], options: &Options) -> Result<Lowered> {
    let stats = Some(stats);
    let lower_at = |bits| lower_at(flow, stats, options, bits, Tape::record());
    if let Some(bits) = options.table_bits {
        return lower_at(bits);
    }
    let special = flow
        .values
        .iter()
        .any(|value| matches!(value.op, Op::Softmax | Op::Normalize { .. }));
    let least = if special { 14 } else { 12 };
    let least = options.weight_bits.clamp(least, 16);
    for bits in least..16 {
        match lower_at(bits) {
            Ok(lowered) => {
                let worst = lowered.layers.iter().map(|layer| layer.headroom);
                if worst.fold(0.0, f64::min) >= ENOUGH_HEADROOM {
                    return Ok(lowered);
                }
            }
            // More bits are more work.
            Err(error @ InferError::TooLarge { .. }) => return Err(error),
            Err(_) => {}
        }
    }
    lower_at(16)
}

/// Lowers with decisions that were made before.
pub(crate) fn lower_again(
    flow: &Flow,
    options: &Options,
    bits: u8,
    decisions: &[Decision],
) -> Result<Lowered> {
    lower_at(flow, None, options, bits, Tape::replay(decisions))
}

fn lower_at(
    flow: &Flow,
    stats: Option<&[Stats]>,
    options: &Options,
    bits: u8,
    tape: Tape,
) -> Result<Lowered> {
    let mut readers = vec![Vec::new(); flow.values.len()];
    for (id, value) in flow.values.iter().enumerate() {
        for &input in &value.inputs {
            readers[input].push(id);
        }
    }
    // Names from the file are data: a graph takes those alone that show themselves.
    let name = match flow.name.as_str() {
        "" => "model".to_owned(),
        name => one_line(name),
    };
    let mut lower = Lower {
        flow,
        stats,
        options,
        bits,
        readers,
        builder: Builder::new(&name, bits).weight_bits(options.weight_bits),
        params: Params::default(),
        made: vec![None; flow.values.len()],
        integers: exact::integers(flow),
        masked: BTreeMap::new(),
        tables: BTreeMap::new(),
        countdowns: BTreeMap::new(),
        layers: Vec::new(),
        origins: Vec::new(),
        stored: BTreeMap::new(),
        table_work: Cell::new(MOST_TABLE_WORK),
        weights: Vec::new(),
        tape,
    };
    let needed = lower.needed();
    for (id, needed) in needed.into_iter().enumerate() {
        if needed && !flow.is_constant(id) {
            lower.value(id)?;
        }
    }
    lower.finish()
}

/// The lowering under way.
pub(crate) struct Lower<'a> {
    flow: &'a Flow,
    /// Statistics of the samples, while decisions are made.
    stats: Option<&'a [Stats]>,
    options: &'a Options,
    /// Bits of the tables.
    bits: u8,
    readers: Vec<Vec<ValueId>>,
    builder: Builder,
    params: Params,
    made: Vec<Option<Quant>>,
    /// Ends of the values that are integers by their operators.
    integers: Vec<Option<Range>>,
    /// Magnitudes from which on the elements of a value are masked.
    masked: BTreeMap<ValueId, f64>,
    /// Tables that also are weights, by their constants.
    tables: BTreeMap<ValueId, Quant>,
    /// The numbers `n .. 1`, by `n`.
    countdowns: BTreeMap<usize, TensorId>,
    layers: Vec<Layer>,
    origins: Vec<(usize, Origin)>,
    stored: BTreeMap<TensorId, Vec<String>>,
    /// Steps of functions that may still be tabulated.
    table_work: Cell<u64>,
    /// Parameters that are weights, but for the multipliers that scale them, with the constants that they
    /// are.
    weights: Vec<(TensorId, ValueId)>,
    tape: Tape,
}

/// Most steps of functions that become tables, over all their arguments: some seconds.
const MOST_TABLE_WORK: u64 = 1 << 28;

/// Parameters whose numbers need not be what the model makes of any tensors: each of their tensors stands
/// in another parameter too, or a function between does not take every value. Nothing in a circuit holds
/// such numbers to one another.
fn loose(flow: &Flow, weights: &[(TensorId, ValueId)]) -> BTreeSet<TensorId> {
    let mut users: BTreeMap<usize, BTreeSet<TensorId>> = BTreeMap::new();
    for (param, value) in weights {
        for &tensor in &flow.values[*value].weights {
            users.entry(tensor).or_default().insert(*param);
        }
    }
    let own = |tensor: &usize| users.get(tensor).is_some_and(|params| params.len() == 1);
    let loose = weights.iter().filter(|(_, value)| {
        let value = &flow.values[*value];
        !value.weights.is_empty() && !value.free.iter().any(own)
    });
    loose.map(|(param, _)| *param).collect()
}

impl<'a> Lower<'a> {
    /// What the samples say of a value, while decisions are made.
    fn stats(&self, id: ValueId) -> Option<&'a Stats> {
        self.stats.and_then(|stats| stats.get(id))
    }

    /// The step of a value, from its greatest magnitude on the samples.
    fn step(&mut self, magnitude: Option<f64>, hi: i64) -> Result<f64> {
        let made = magnitude.map(|magnitude| magnitude.max(1e-9) / hi as f64);
        self.tape.step(made)
    }

    /// Says which stored tensors a parameter is made from.
    fn made_from(&mut self, param: TensorId, values: &[ValueId]) {
        let names = values.iter().flat_map(|&id| self.flow.stored(id));
        let names: BTreeSet<String> = names.collect();
        if !names.is_empty() {
            self.stored.insert(param, names.into_iter().collect());
        }
    }

    /// Values that become tensors.
    fn needed(&self) -> Vec<bool> {
        let mut needed = vec![false; self.flow.values.len()];
        for (_, id) in &self.flow.outputs {
            needed[*id] = true;
        }
        for id in (0..needed.len()).rev() {
            let input = matches!(self.flow.values[id].op, Op::Input(_));
            if needed[id] {
                for operand in self.operands(id) {
                    needed[operand] = true;
                }
            }
            needed[id] |= input;
        }
        needed
    }

    fn value(&mut self, id: ValueId) -> Result<()> {
        let flow = self.flow;
        let value = &flow.values[id];
        let quant = match &value.op {
            Op::Input(at) => self.input(id, *at)?,
            Op::MatMul | Op::Conv(_) | Op::Unary(_) | Op::Binary(_) | Op::ReduceSum => {
                return self.map(id);
            }
            Op::ReduceMax => {
                let x = self.operand(id, 0)?;
                let x = (x, Node::FoldMax { x: x.id });
                self.same_scale(id, x)?
            }
            Op::Position { last } => self.position(id, *last)?,
            Op::Without => self.without(id)?,
            Op::Reflect => self.reflected(id)?,
            // An integer is a real number of scale 1.
            Op::Real => self.operand(id, 0)?,
            Op::Softmax => self.softmax(id)?,
            Op::Normalize { center, epsilon } => self.normalize(id, *center, *epsilon)?,
            Op::Embed => self.embed(id)?,
            Op::Constant(_) => return Ok(()),
            _ => self.arrange(id)?,
        };
        self.made[id] = Some(quant);
        // What only rearranges has the masks of its operand.
        let kept = match value.op {
            Op::ReduceMax | Op::Position { .. } | Op::Softmax | Op::Input(_) => None,
            _ => value
                .inputs
                .first()
                .and_then(|input| self.masked.get(input)),
        };
        let masked = kept.copied();
        self.masked.extend(masked.map(|masked| (id, masked)));
        if !matches!(value.op, Op::Input(_)) {
            self.layers.push(Layer {
                value: id,
                quant,
                nodes: vec![value.node],
                headroom: 0.0,
                masked,
            });
        }
        Ok(())
    }

    fn finish(self) -> Result<Lowered> {
        let flow = self.flow;
        let mut outputs = Vec::new();
        for (name, id) in &flow.outputs {
            match self.made[*id] {
                Some(quant) if !outputs.iter().any(|other: &Quant| other.id == quant.id) => {
                    outputs.push(quant);
                }
                _ => {
                    return Err(InferError::Tensor {
                        name: name.clone(),
                        reason: "this output is a constant, or the same value as another output"
                            .to_owned(),
                    });
                }
            }
        }
        let inputs = flow.values.iter().zip(&self.made);
        let inputs = inputs.filter(|(value, _)| matches!(value.op, Op::Input(_)));
        let inputs = inputs.filter_map(|(_, made)| *made).collect();
        let ids: Vec<TensorId> = outputs.iter().map(|quant| quant.id).collect();
        let mut params = self.params;
        for quant in self.made.iter().flatten() {
            if let Some(scale) = Scale::new(quant.scale) {
                params.scales.insert(quant.id, scale);
            }
        }
        Ok(Lowered {
            graph: self.builder.finish(&ids)?,
            params,
            inputs,
            outputs,
            layers: self.layers,
            origins: self.origins,
            loose: loose(flow, &self.weights),
            stored: self.stored,
            bits: self.bits,
            decisions: self.tape.finish()?,
        })
    }

    /// Greatest argument of a table.
    fn limit(&self) -> i64 {
        (1 << (self.bits - 1)) - 1
    }

    /// The shift of a requantization.
    fn shift(&self) -> u8 {
        2 * self.bits
    }

    /// Greatest multiplier.
    fn most(&self) -> i64 {
        (1 << (2 * self.bits - 1)) - 1
    }

    /// All arguments of a table.
    fn domain(&self) -> Range {
        Range::new(-self.limit() - 1, self.limit())
    }

    /// Bits of values that need more than an activation usually does.
    fn fine_bits(&self) -> u8 {
        12.min(self.bits - 2)
            .max(self.options.activation_bits.min(self.bits - 2))
    }

    fn range(&self, quant: Quant) -> Range {
        self.builder.info(quant.id).range
    }

    fn name(&self, id: ValueId) -> String {
        one_line(&self.flow.node(id).name)
    }

    /// The tensor of an operand that was lowered before.
    fn operand(&self, id: ValueId, at: usize) -> Result<Quant> {
        let input = self.flow.values[id].inputs[at];
        self.quant(id, input)
    }

    fn quant(&self, reader: ValueId, id: ValueId) -> Result<Quant> {
        self.made[id].ok_or_else(|| InferError::Form {
            node: Box::new(self.flow.node(reader).clone()),
            reason: "one of its operands is a constant where an activation is expected".to_owned(),
        })
    }

    /// Appends a node whose result has the scale of its operand.
    fn same_scale(&mut self, id: ValueId, (x, op): (Quant, Node)) -> Result<Quant> {
        let name = self.name(id);
        Ok(Quant {
            id: self.builder.push(&name, op)?,
            scale: x.scale,
        })
    }

    /// Appends a `Map`; ranges that cannot be proved from declarations are recorded as assumed.
    fn push_map(
        &mut self,
        name: &str,
        pre: Pre,
        multiplier: Multiplier,
        table: Table,
    ) -> Result<TensorId> {
        let shift = if multiplier == Multiplier::One {
            0
        } else {
            self.shift()
        };
        let table = self.builder.table(table);
        let mut map = Map {
            pre,
            multiplier,
            shift,
            table,
            assumes_bound: false,
        };
        match self.builder.push(name, Node::Map(map.clone())) {
            Err(GraphError::Node {
                fault: nascent_ir::Fault::Domain { .. },
                ..
            }) => {
                map.assumes_bound = true;
                Ok(self.builder.push(name, Node::Map(map))?)
            }
            made => Ok(made?),
        }
    }

    /// Appends a parameter with its values; the declared range has the fewest bits that hold them.
    fn push_param(
        &mut self,
        name: &str,
        shape: &[usize],
        numbers: Numbers<i32>,
        from: &[ValueId],
    ) -> Result<TensorId> {
        let made = numbers.values.as_ref().map(|values| {
            let most = values.iter().map(|v| v.unsigned_abs()).max().unwrap_or(0);
            let bits = (33 - most.leading_zeros()).max(LEAST_BITS);
            bits.next_multiple_of(2).min(32)
        });
        let bits = self.bits_of(numbers.known, made)?;
        let id = self
            .builder
            .param(name, &dims(shape), Range::signed(bits))?;
        self.made_from(id, from);
        self.weights.extend(from.iter().map(|&value| (id, value)));
        self.params.values.extend(numbers.values.map(|v| (id, v)));
        Ok(id)
    }

    /// Bits of a parameter: what its numbers take if they are known, else a decision.
    fn bits_of(&mut self, known: bool, made: Option<u32>) -> Result<u32> {
        match made {
            Some(bits) if known => Ok(bits),
            _ => Ok(self.tape.bits(made.map(|bits| bits as u8))?.into()),
        }
    }

    /// Appends a parameter of multipliers.
    fn push_multipliers(
        &mut self,
        name: &str,
        shape: &[usize],
        numbers: Numbers<i32>,
        from: &[ValueId],
    ) -> Result<TensorId> {
        let made = numbers.values.as_ref().map(|values| {
            let most = values.iter().copied().max().unwrap_or(1).max(1);
            (32 - most.unsigned_abs().leading_zeros()).next_multiple_of(2)
        });
        let bits = self.bits_of(numbers.known, made)?;
        let range = Range::new(1, ((1_i64 << bits) - 1).min(self.most()));
        let id = self.builder.param(name, &dims(shape), range)?;
        if !numbers.known {
            self.made_from(id, from);
        }
        self.params.values.extend(numbers.values.map(|v| (id, v)));
        Ok(id)
    }

    fn input(&mut self, id: ValueId, at: usize) -> Result<Quant> {
        let input = &self.flow.inputs[at];
        let shape = dims(&input.shape);
        if input.is_int {
            let tables = self.readers[id]
                .iter()
                .filter(|&&reader| self.flow.values[reader].op == Op::Embed);
            let rows = tables
                .map(|&reader| self.flow.shape(self.flow.values[reader].inputs[0])[0])
                .min();
            let Some(rows) = rows else {
                return Err(InferError::Input {
                    name: input.name.clone(),
                    reason: "an input of integers must be the index of an embedding".to_owned(),
                });
            };
            if rows as i64 - 1 > self.most() {
                return Err(InferError::Input {
                    name: input.name.clone(),
                    reason: format!(
                        "it chooses from {rows} rows, at most {} can with tables of {} bits",
                        self.most() + 1,
                        self.bits
                    ),
                });
            }
            let range = Range::new(0, rows as i64 - 1);
            let id = self.builder.input(&one_line(&input.name), &shape, range)?;
            return Ok(Quant { id, scale: 1.0 });
        }
        let hi = (1 << (self.options.activation_bits - 1)) - 1;
        let stats = self.stats(id);
        let magnitude = stats.map(|stats| stats.magnitude(self.options.calibration));
        let range = Range::new(-hi, hi);
        let scale = self.step(magnitude, hi)?;
        let id = self.builder.input(&one_line(&input.name), &shape, range)?;
        Ok(Quant { id, scale })
    }

    fn embed(&mut self, id: ValueId) -> Result<Quant> {
        let inputs = self.flow.values[id].inputs.clone();
        let name = self.name(id);
        let numbers = self.numbers(inputs[0])?;
        let most = numbers.values.as_deref().map(magnitude);
        let products = self.flow.values.iter();
        let mut products = products.filter(|value| value.op == Op::MatMul);
        let tied = products.any(|value| self.flow.tied_table(value.inputs[1]) == Some(inputs[0]));
        // What is a matrix of weights too has their bits.
        let bits = match tied {
            true => self.options.weight_bits,
            false => self.fine_bits(),
        };
        let hi = f64::from((1 << (bits - 1)) - 1);
        let scale = match most {
            Some(most) if numbers.known => grid(most.max(1e-9) / hi),
            _ => self.tape.step(most.map(|most| most.max(1e-9) / hi))?,
        };
        let values = numbers.map(|&v| rounded(f64::from(v) / scale, hi));
        let shape = self.flow.shape(inputs[0]).to_vec();
        let name_of_table = format!("{name}.table");
        let table = match tied {
            true => {
                let from = &inputs[..1];
                self.push_weights(&name_of_table, &shape, values.values, bits.into(), from)?
            }
            false => self.push_param(&name_of_table, &shape, values, &inputs[..1])?,
        };
        if tied {
            self.tables.insert(inputs[0], Quant { id: table, scale });
        }
        let ids = self.quant(id, inputs[1])?;
        let (most, rows) = (self.range(ids).hi, shape[0] as i64);
        if most >= rows {
            return Err(InferError::Form {
                node: Box::new(self.flow.node(id).clone()),
                reason: format!("an index can be {most}, the table has {rows} rows"),
            });
        }
        let op = Node::Embed(nascent_ir::Embed { table, ids: ids.id });
        Ok(Quant {
            id: self.builder.push(&name, op)?,
            scale,
        })
    }

    /// Finite numbers of a constant.
    fn numbers(&self, id: ValueId) -> Result<Numbers<f32>> {
        let fail = || InferError::Form {
            node: Box::new(self.flow.node(id).clone()),
            reason: "a weight is infinite, or an activation where a constant is expected"
                .to_owned(),
        };
        let tensor = self.flow.tensor(id).ok_or_else(fail)?;
        let values = (!tensor.is_withheld()).then(|| tensor.to_floats());
        let mut all = values.iter().flatten();
        if !all.all(|v| f64::from(v.abs()) < LARGEST) {
            return Err(fail());
        }
        Ok(Numbers {
            values,
            known: !self.flow.is_weight(id),
        })
    }

    /// The nearest integers to constants of the model in steps of `unit`.
    ///
    /// Weights that do not fit are cut. A constant that is part of the model is not: whoever chooses
    /// the steps would choose its value.
    fn rounded_all(&self, id: ValueId, numbers: &Numbers<f64>, most: f64) -> Result<Numbers<i32>> {
        let mut values = numbers.values.iter().flatten();
        if numbers.known && values.any(|v| v.abs() > most + 0.5) {
            return Err(InferError::Range {
                layer: self.flow.node(id).to_string(),
                reason: "a constant of the model does not fit the integers beside it".to_owned(),
                advice: "take larger tables, fewer activation bits, or samples with larger values",
            });
        }
        Ok(numbers.map(|&v| rounded(v, most)))
    }
}

/// Fewest bits of a parameter that is no matrix.
const LEAST_BITS: u32 = 8;

/// Greatest magnitude.
fn magnitude(values: &[f32]) -> f64 {
    let each = values.iter();
    each.fold(0.0_f64, |most, v| most.max(f64::from(v.abs())))
}

/// Dimensions in the integer graph's type; a checked size fits.
pub(crate) fn dims(shape: &[usize]) -> Vec<u32> {
    shape
        .iter()
        .map(|&dim| u32::try_from(dim).unwrap_or(u32::MAX))
        .collect()
}

/// The nearest integer, at most `most` in magnitude.
pub(crate) fn rounded(value: f64, most: f64) -> i32 {
    value.round().clamp(-most, most) as i32
}
