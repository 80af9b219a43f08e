//! The float graph: a small set of operators to which all ONNX operators are reduced.
//!
//! It is the float reference: calibration and the error report run it. Shapes are known everywhere,
//! and whatever depends on constants only is a constant.

mod conv;
mod eval;
mod infer;
mod matmul;
mod source;
mod unary;

pub(crate) use conv::{ConvAttrs, windows};
pub(crate) use eval::eval as evaluate;
pub(crate) use source::{Exact, Sampled, Source};
pub use unary::Unary;

use super::error::{Fault, OpResult};
use super::profile::Tape;
use super::tensor::{Tensor, count};
use crate::error::NodeRef;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Position of a value in [`Flow::values`].
pub(crate) type ValueId = usize;

/// A function of two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Max,
    Min,
    Pow,
    Mod,
}

impl Binary {
    /// The function's value.
    pub(crate) fn at(self, a: f64, b: f64) -> f64 {
        match self {
            Self::Add => a + b,
            Self::Sub => a - b,
            Self::Mul => a * b,
            Self::Div => a / b,
            Self::Max => a.max(b),
            Self::Min => a.min(b),
            Self::Pow => libm::pow(a, b),
            Self::Mod => a - b * (a / b).floor(),
        }
    }
}

/// An operator of the float graph.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Op {
    /// An input of the model, by position.
    Input(usize),
    /// A constant.
    Constant(Arc<Tensor>),
    /// `a [.., M, K]`, `b [.., K, N]` with the same leading dimensions or `[K, N]`.
    MatMul,
    /// `x [N, C, spatial..]`, `w [O, C / groups, kernel..]`, 1 or 2 spatial axes.
    Conv(ConvAttrs),
    /// An elementwise function.
    Unary(Unary),
    /// An elementwise function of two operands, which broadcast.
    Binary(Binary),
    /// Sum over the last axis, which becomes 1.
    ReduceSum,
    /// Greatest element of the last axis, which becomes 1.
    ReduceMax,
    /// Where the first (or the last) element of the last axis stands that equals the second operand,
    /// which has one for each row: an integer in its place.
    Position { last: bool },
    /// The first operand with one element of each row of the last axis below all others; the second
    /// operand, integers, has its index.
    Without,
    /// `-x`, exactly: a tensor of its own, in the operand's scale.
    Reflect,
    /// Integers as real numbers.
    Real,
    /// Softmax over the last axis.
    Softmax,
    /// `(x - mean) / sqrt(variance + epsilon)` over the last axis; without `center`,
    /// `x / sqrt(mean of squares + epsilon)`.
    Normalize { center: bool, epsilon: f64 },
    /// The same elements in another shape.
    Reshape(Vec<usize>),
    /// Axis `d` of the result is axis `perm[d]` of the operand.
    Transpose(Vec<usize>),
    /// `y[i] = x[start + i * step]` on each axis.
    Slice {
        starts: Vec<usize>,
        sizes: Vec<usize>,
        steps: Vec<isize>,
    },
    /// Operands one after another along an axis.
    Concat(usize),
    /// A constant around the operand; minus infinity stands for less than everything.
    Pad {
        before: Vec<usize>,
        after: Vec<usize>,
        value: f32,
    },
    /// The operand broadcast to a shape.
    Expand(Vec<usize>),
    /// Chosen elements of an axis.
    Gather { axis: usize, indices: Vec<usize> },
    /// Rows of a table `[V, D]`, chosen by integers.
    Embed,
}

/// A value with the operator that makes it.
#[derive(Debug, Clone)]
pub(crate) struct Value {
    /// ONNX node it comes from, in [`Flow::nodes`].
    pub(crate) node: usize,
    pub(crate) op: Op,
    pub(crate) inputs: Vec<ValueId>,
    pub(crate) shape: Vec<usize>,
    pub(crate) is_int: bool,
    /// The value of which this one is a function, element by element; itself when it is of none.
    pub(crate) root: ValueId,
    /// Bound on the steps of that function.
    steps: usize,
    /// Where a constant that a plan derives comes from.
    pub(crate) source: Option<Source>,
    /// Positions in [`Flow::weights`] of the stored tensors that a constant is computed from; none
    /// if its values are part of the model.
    pub(crate) weights: BTreeSet<usize>,
    /// Those of them through which its numbers may be any: for each choice of the others there is a choice
    /// of this one that gives them.
    pub(crate) free: BTreeSet<usize>,
}

/// Most axes of an activation: what the integer graph can hold.
const MOST_AXES: usize = 8;

/// Longest function of one value that becomes one table.
const MOST_STEPS: usize = 1024;

/// Bounds on the work that a graph may ask for, counted down.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    /// Most elements of one value.
    pub(crate) value: u64,
    /// Elements of all values together.
    pub(crate) elements: u64,
    /// Products of one evaluation, those of constants included.
    pub(crate) products: u64,
    /// Products and elements of constants that are computed, whatever is made of them: shared by all
    /// attempts to read a file.
    pub(crate) folded: Arc<AtomicU64>,
}

/// Most products and elements of constants that are computed while a file is read: some seconds.
pub(crate) const MOST_FOLDED: u64 = 1 << 33;

impl Budget {
    /// Work on constants.
    fn fold(&self, work: u64) -> OpResult<()> {
        let spend = |left: u64| left.checked_sub(work);
        match self
            .folded
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend)
        {
            Ok(_) => Ok(()),
            Err(left) => Err(Fault::TooLarge(
                "products of constants".to_owned(),
                (MOST_FOLDED - left).saturating_add(work),
                MOST_FOLDED,
            )),
        }
    }

    fn spend(&mut self, elements: u64, products: u64) -> OpResult<()> {
        let fail = |what: &str, got, limit| Err(Fault::TooLarge(what.to_owned(), got, limit));
        if elements > self.value {
            return fail("elements of one tensor", elements, self.value);
        }
        match self.elements.checked_sub(elements) {
            Some(left) => self.elements = left,
            None => return fail("elements of all tensors", elements, self.elements),
        }
        match self.products.checked_sub(products) {
            Some(left) => self.products = left,
            None => return fail("products", products, self.products),
        }
        Ok(())
    }
}

/// An input of the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) is_int: bool,
}

/// A float graph, in topological order.
#[derive(Debug, Clone)]
pub(crate) struct Flow {
    pub(crate) name: String,
    pub(crate) values: Vec<Value>,
    pub(crate) inputs: Vec<Input>,
    pub(crate) outputs: Vec<(String, ValueId)>,
    /// Nodes of the ONNX file, for messages and names of layers.
    pub(crate) nodes: Vec<NodeRef>,
    pub(crate) budget: Budget,
    /// Tensors that a plan samples, those that were read.
    pub(crate) sampled: Vec<Arc<Sampled>>,
    /// Names of the stored tensors that are weights, in the order of their first use.
    pub(crate) weights: Vec<String>,
    /// Weights that are the transpose of an embedding's table, and that table.
    pub(crate) ties: BTreeMap<ValueId, ValueId>,
    /// Decisions of the structure.
    pub(crate) tape: Tape,
}

impl Flow {
    /// Appends a value; with constant operands only, it is evaluated at once.
    pub(crate) fn emit(&mut self, node: usize, op: Op, inputs: &[ValueId]) -> OpResult<ValueId> {
        let (shape, is_int) = infer::infer(self, &op, inputs)?;
        let elements = count(&shape).map_or(u64::MAX, |n| n as u64);
        let products = infer::products(self, &op, inputs, &shape);
        self.budget.spend(elements, products)?;
        let value = Value {
            node,
            op,
            inputs: inputs.to_vec(),
            shape,
            is_int,
            root: self.values.len(),
            steps: 0,
            source: None,
            weights: BTreeSet::new(),
            free: BTreeSet::new(),
        };
        let constants: Option<Vec<&Tensor>> = inputs
            .iter()
            .map(|&id| self.tensor(id).map(Arc::as_ref))
            .collect();
        let value = match constants {
            Some(operands) if !operands.is_empty() => self.folded(value, &operands, products)?,
            _ if value.shape.contains(&0) || value.shape.len() > MOST_AXES => {
                return Fault::shape(format!(
                    "a tensor of shape {:?}: activations have no empty axes and at most {MOST_AXES}",
                    value.shape
                ));
            }
            _ => self.rooted(value),
        };
        self.values.push(value);
        Ok(self.values.len() - 1)
    }

    /// A value of constants, evaluated as far as they are known.
    fn folded(&self, value: Value, operands: &[&Tensor], products: u64) -> OpResult<Value> {
        let known = |id: &ValueId| self.constant(*id);
        // Of what is multiplied by zeros nothing is left.
        let mut known_factors = value.inputs.iter().filter_map(known);
        let zeros = value.op == Op::Binary(Binary::Mul)
            && known_factors.any(|factor| source::is_zero(factor));
        let tensor = if zeros && !value.is_int {
            Tensor::made(&value.shape, vec![0.0; count(&value.shape).unwrap_or(0)])?
        } else if operands.iter().any(|tensor| tensor.is_withheld()) {
            Tensor::withheld(&value.shape)
        } else {
            let read: u64 = operands.iter().map(|of| of.len() as u64).sum();
            self.budget.fold(read.saturating_add(products))?;
            eval::eval(&value, operands)?
        };
        if !tensor.is_finite() {
            return Err(Fault::NotFinite);
        }
        let mut weights = BTreeSet::new();
        let mut source = None;
        let mut free = BTreeSet::new();
        if !zeros {
            free = self.free(&value);
            let inputs = value.inputs.iter();
            weights = inputs
                .flat_map(|&id| self.values[id].weights.iter().copied())
                .collect();
            source = source::follow(self, &value)?;
        }
        Ok(Value {
            is_int: tensor.is_int(),
            source,
            weights,
            free,
            op: Op::Constant(Arc::new(tensor)),
            inputs: Vec::new(),
            ..value
        })
    }

    /// Stored tensors through which the numbers of a value of constants may be any.
    fn free(&self, value: &Value) -> BTreeSet<usize> {
        let operand = |slot: usize| value.inputs.get(slot).map(|&id| &self.values[id]);
        let through = |slot: usize, by: Option<usize>| -> BTreeSet<usize> {
            let Some(x) = operand(slot).filter(|x| x.shape == value.shape) else {
                return BTreeSet::new();
            };
            let other = by.and_then(operand);
            let tied = |at: &usize| other.is_some_and(|other| other.weights.contains(at));
            x.free.iter().copied().filter(|at| !tied(at)).collect()
        };
        // A factor that is known must not be zero; one that is a weight need not be.
        let factor = |slot: usize| {
            let id = value.inputs.get(slot).copied();
            let known = id.and_then(|id| self.constant(id));
            known.is_none_or(|tensor| tensor.to_floats().iter().all(|&v| v != 0.0))
        };
        match &value.op {
            Op::Reshape(_) | Op::Transpose(_) | Op::Slice { .. } => {
                operand(0).map(|x| x.free.clone()).unwrap_or_default()
            }
            Op::Expand(_) | Op::Unary(Unary::Neg) => through(0, None),
            Op::Binary(Binary::Add | Binary::Sub) => {
                let mut free = through(0, Some(1));
                free.extend(through(1, Some(0)));
                free
            }
            Op::Binary(Binary::Mul) => {
                let mut free = BTreeSet::new();
                for (slot, by) in [(0, 1), (1, 0)] {
                    if factor(by) {
                        free.extend(through(slot, Some(by)));
                    }
                }
                free
            }
            Op::Binary(Binary::Div) => through(0, Some(1)),
            _ => BTreeSet::new(),
        }
    }

    /// Finds the value of which an elementwise value is a function.
    fn rooted(&self, value: Value) -> Value {
        let operands: Vec<ValueId> = match value.op {
            Op::Unary(_) | Op::Binary(_) => {
                let varying = value.inputs.iter().filter(|&&id| self.scalar(id).is_none());
                varying.copied().collect()
            }
            _ => return value,
        };
        let roots = operands.iter().map(|&id| self.values[id].root);
        let steps = operands.iter().map(|&id| self.values[id].steps);
        let steps = 1 + steps.fold(0_usize, usize::saturating_add);
        let Some(root) = roots.clone().next() else {
            return value;
        };
        // A number added to a product with weights is its bias.
        if value.op == Op::Binary(Binary::Add) && self.has_weights(operands[0]) {
            return value;
        }
        let one = roots.clone().all(|other| other == root);
        let alike = self.values[root].shape == value.shape && !self.is_constant(root);
        if one && alike && steps <= MOST_STEPS {
            return Value {
                root,
                steps,
                ..value
            };
        }
        value
    }

    /// Whether a value is a contraction with constant weights.
    pub(crate) fn has_weights(&self, id: ValueId) -> bool {
        let value = &self.values[id];
        matches!(value.op, Op::MatMul | Op::Conv(_)) && self.is_constant(value.inputs[1])
    }

    /// Appends a constant.
    pub(crate) fn emit_constant(&mut self, node: usize, tensor: Tensor) -> OpResult<ValueId> {
        self.budget.spend(tensor.len() as u64, 0)?;
        self.values.push(Value {
            node,
            shape: tensor.shape().to_vec(),
            is_int: tensor.is_int(),
            op: Op::Constant(Arc::new(tensor)),
            inputs: Vec::new(),
            root: self.values.len(),
            steps: 0,
            source: None,
            weights: BTreeSet::new(),
            free: BTreeSet::new(),
        });
        Ok(self.values.len() - 1)
    }

    /// Whether a value is a constant, known or a weight.
    pub(crate) fn is_constant(&self, id: ValueId) -> bool {
        matches!(self.values[id].op, Op::Constant(_))
    }

    /// Whether a value is a constant whose values are weights: structure must not depend on them.
    pub(crate) fn is_weight(&self, id: ValueId) -> bool {
        !self.values[id].weights.is_empty()
    }

    /// The tensor of a constant that is part of the model: no weight.
    pub(crate) fn constant(&self, id: ValueId) -> Option<&Arc<Tensor>> {
        self.tensor(id).filter(|_| !self.is_weight(id))
    }

    /// The tensor of a constant. Of weights it has the values only while decisions are made; what
    /// depends on them is a decision.
    pub(crate) fn tensor(&self, id: ValueId) -> Option<&Arc<Tensor>> {
        match &self.values[id].op {
            Op::Constant(tensor) => Some(tensor),
            _ => None,
        }
    }

    /// Names of the stored tensors behind a constant.
    pub(crate) fn stored(&self, id: ValueId) -> Vec<String> {
        let weights = self.values[id].weights.iter();
        weights.map(|&at| self.weights[at].clone()).collect()
    }

    /// The table of an embedding whose transpose these weights are: many language models score words
    /// with the matrix that embeds them.
    pub(crate) fn tied_table(&self, weights: ValueId) -> Option<ValueId> {
        self.ties.get(&weights).copied()
    }

    /// Decides whether weights are the transpose of a table.
    pub(crate) fn tie(&mut self, weights: ValueId) -> OpResult<()> {
        let &[inner, columns] = self.shape(weights) else {
            return Ok(());
        };
        if !self.is_constant(weights) || self.ties.contains_key(&weights) {
            return Ok(());
        }
        let tables = self.values.iter().filter(|value| value.op == Op::Embed);
        let tables = tables.map(|value| value.inputs[0]);
        let tables: BTreeSet<ValueId> = tables
            .filter(|&table| self.shape(table) == [columns, inner])
            .collect();
        let tables: Vec<ValueId> = tables.into_iter().collect();
        if tables.is_empty() {
            return Ok(());
        }
        // Only two of one kind can be one: what is known, or what is derived, is no free choice.
        let kind = |id: ValueId| (self.is_weight(id), self.values[id].source.is_some());
        let tables: Vec<ValueId> = tables
            .into_iter()
            .filter(|&table| kind(table) == kind(weights) && !kind(table).1)
            .collect();
        if tables.is_empty() {
            return Ok(());
        }
        let found = || {
            let found = tables.iter().position(|&id| self.transposed(id, weights));
            found.map(|at| at as u32)
        };
        let tied = if self.is_weight(weights) {
            let made = self.tape.is_recording().then(found);
            self.tape.tied(made).map_err(Fault::profile)?
        } else {
            found()
        };
        if let Some(at) = tied {
            let table = tables.get(at as usize).copied();
            let table = table.ok_or_else(|| {
                Fault::Profile("it ties weights to a table that is not there".to_owned())
            })?;
            self.ties.insert(weights, table);
        }
        Ok(())
    }

    /// Whether weights `[inner, columns]` are a table's transpose, bit by bit.
    fn transposed(&self, table: ValueId, weights: ValueId) -> bool {
        let &[inner, columns] = self.shape(weights) else {
            return false;
        };
        let floats = |id| self.tensor(id).and_then(|tensor| tensor.floats());
        let (Some(table), Some(values)) = (floats(table), floats(weights)) else {
            return false;
        };
        (0..columns).all(|row| {
            let row_values = &table[row * inner..][..inner];
            let column = values[row..].iter().step_by(columns);
            let mut pairs = row_values.iter().zip(column);
            pairs.all(|(a, b)| a.to_bits() == b.to_bits())
        })
    }

    /// The number behind a constant with one element.
    pub(crate) fn scalar(&self, id: ValueId) -> Option<f64> {
        self.constant(id).and_then(|tensor| tensor.single())
    }

    /// Dimensions of a value.
    pub(crate) fn shape(&self, id: ValueId) -> &[usize] {
        &self.values[id].shape
    }

    /// The ONNX node that a value comes from.
    pub(crate) fn node(&self, id: ValueId) -> &NodeRef {
        &self.nodes[self.values[id].node]
    }

    /// Drops values that no output needs. Inputs stay.
    pub(crate) fn prune(self) -> Self {
        let mut needed = vec![false; self.values.len()];
        for (_, id) in &self.outputs {
            needed[*id] = true;
        }
        for (id, value) in self.values.iter().enumerate().rev() {
            if needed[id] {
                // A function's root is an operand of it or of an operand.
                value.inputs.iter().for_each(|&input| needed[input] = true);
            }
            needed[id] |= matches!(value.op, Op::Input(_));
        }
        let mut renamed = vec![0; self.values.len()];
        let mut values = Vec::new();
        for (id, mut value) in self.values.into_iter().enumerate() {
            if !needed[id] {
                continue;
            }
            renamed[id] = values.len();
            value
                .inputs
                .iter_mut()
                .for_each(|input| *input = renamed[*input]);
            value.root = renamed[value.root];
            values.push(value);
        }
        let outputs = self.outputs.into_iter();
        let ties = self.ties.iter();
        let ties = ties.filter(|(weights, table)| needed[**weights] && needed[**table]);
        Self {
            ties: ties
                .map(|(weights, table)| (renamed[*weights], renamed[*table]))
                .collect(),
            values,
            outputs: outputs.map(|(name, id)| (name, renamed[id])).collect(),
            ..self
        }
    }

    /// How often each value is read; an output counts as a reader.
    pub(crate) fn uses(&self) -> Vec<usize> {
        let mut uses = vec![0; self.values.len()];
        for value in &self.values {
            for &input in &value.inputs {
                uses[input] += 1;
            }
        }
        for (_, id) in &self.outputs {
            uses[*id] += 1;
        }
        uses
    }

    /// Evaluates all values on one sample, giving each to `visit` with its operands. Values are
    /// dropped after their last use.
    pub(crate) fn run(
        &self,
        sample: &[Tensor],
        mut visit: impl FnMut(ValueId, &Tensor, &[&Tensor]),
    ) -> super::error::Result<()> {
        let mut uses = self.uses();
        let mut made: Vec<Option<Arc<Tensor>>> = vec![None; self.values.len()];
        for (id, value) in self.values.iter().enumerate() {
            let operands = value.inputs.iter().filter_map(|&at| made[at].clone());
            let operands: Vec<Arc<Tensor>> = operands.collect();
            let operands: Vec<&Tensor> = operands.iter().map(Arc::as_ref).collect();
            let tensor = match &value.op {
                Op::Constant(tensor) => Arc::clone(tensor),
                Op::Input(at) => Arc::new(sample[*at].clone()),
                _ => {
                    let tensor = eval::eval(value, &operands);
                    Arc::new(tensor.map_err(|fault| fault.at(self.node(id)))?)
                }
            };
            visit(id, &tensor, &operands);
            made[id] = Some(tensor);
            for &input in &value.inputs {
                uses[input] -= 1;
                if uses[input] == 0 {
                    made[input] = None;
                }
            }
        }
        Ok(())
    }
}
