//! What the argument of a `Map` is made from.

use super::mask::Mask;
use super::{Lower, Numbers, Quant, dims, magnitude};
use crate::infer::calibrate::MASK;
use crate::infer::error::{InferError, Result};
use crate::infer::flow::{Binary, Op, ValueId};
use crate::infer::rewrite::{along, channels, is_along};
use nascent_ir::{Op as Node, TensorId, View};

/// The argument of a fused elementwise function, with its operands lowered.
#[derive(Debug, Clone)]
pub(super) enum Form {
    /// A contraction with constant weights, and a bias per channel.
    Weights {
        y: ValueId,
        x: Quant,
        bias: Option<(ValueId, Numbers<f32>)>,
    },
    /// A product of two activations' matrices.
    Activations { a: Quant, b: Quant, depth: usize },
    /// `a + sign * b`.
    Sum { a: Quant, b: Quant, sign: f64 },
    /// An activation and a constant of its shape or one that broadcasts to it.
    Offset {
        a: Quant,
        k: ValueId,
        mask: Option<Mask>,
    },
    /// An activation times a constant.
    Scaled { a: Quant, k: ValueId },
    /// `a * b`.
    Product { a: Quant, b: Quant },
    /// The sum of a row.
    Fold { x: TensorId, scale: f64 },
    /// An activation.
    Plain { x: Quant },
}

impl Lower<'_> {
    /// Values that must be tensors before `id` can be one.
    pub(super) fn operands(&self, id: ValueId) -> Vec<ValueId> {
        let flow = self.flow;
        let root = flow.values[id].root;
        let value = &flow.values[root];
        let fuses = matches!(
            value.op,
            Op::MatMul | Op::Conv(_) | Op::Binary(_) | Op::ReduceSum
        );
        if root != id && !fuses {
            return vec![root];
        }
        let source = self
            .biased(root)
            .map_or(root, |(contraction, _)| contraction);
        let inputs = flow.values[source].inputs.iter().copied();
        inputs.filter(|&input| !flow.is_constant(input)).collect()
    }

    /// A contraction with constant weights plus a constant per channel.
    fn biased(&self, root: ValueId) -> Option<(ValueId, (ValueId, Numbers<f32>))> {
        let value = &self.flow.values[root];
        let (Op::Binary(Binary::Add), [y, k]) = (&value.op, value.inputs.as_slice()) else {
            return None;
        };
        let tensor = self.flow.tensor(*k)?;
        let (axis, _) = channels(self.flow, *y)?;
        let shape = self.flow.shape(*y);
        let fits = shape == value.shape.as_slice() && is_along(tensor.shape(), shape, axis);
        let bias = Numbers {
            values: along(tensor, shape, axis),
            known: !self.flow.is_weight(*k),
        };
        // What the model itself adds may be a mask, and is no bias then.
        let fits = fits && !(bias.known && bias.values.iter().flatten().any(is_large));
        fits.then_some((*y, (*k, bias)))
    }

    /// The argument at the root of a value.
    pub(super) fn form(&mut self, id: ValueId) -> Result<Form> {
        let flow = self.flow;
        let root = flow.values[id].root;
        if let Some((y, bias)) = self.biased(root) {
            let x = self.quant(root, flow.values[y].inputs[0])?;
            // A weight is no mask, and an integer beside the weights is not as large.
            if bias.1.values.iter().flatten().any(is_large) {
                return Err(InferError::Form {
                    node: Box::new(flow.node(root).clone()),
                    reason: "its bias has a number of a million or more; weights are no masks"
                        .to_owned(),
                });
            }
            let bias = Some(bias);
            return Ok(Form::Weights { y, x, bias });
        }
        let value = &flow.values[root];
        let constant = |at: usize| flow.is_constant(value.inputs[at]);
        Ok(match &value.op {
            Op::MatMul | Op::Conv(_) if constant(1) => Form::Weights {
                y: root,
                x: self.operand(root, 0)?,
                bias: None,
            },
            Op::MatMul => Form::Activations {
                a: self.operand(root, 0)?,
                b: self.operand(root, 1)?,
                depth: flow.shape(value.inputs[1])[flow.shape(value.inputs[1]).len() - 2],
            },
            Op::ReduceSum => {
                let x = self.operand(root, 0)?;
                let name = format!("{}.sum", self.name(root));
                let id = self.builder.push(&name, Node::FoldSum { x: x.id })?;
                Form::Fold {
                    x: id,
                    scale: x.scale,
                }
            }
            Op::Binary(Binary::Add) if constant(1) => {
                let (a, k) = (self.widened(root, 0)?, value.inputs[1]);
                let mask = self.mask(id, a, k)?;
                Form::Offset { a, k, mask }
            }
            Op::Binary(Binary::Mul) if constant(1) => Form::Scaled {
                a: self.widened(root, 0)?,
                k: value.inputs[1],
            },
            Op::Binary(f @ (Binary::Add | Binary::Sub | Binary::Mul)) if !constant(0) => {
                self.pair(root, *f)?
            }
            Op::Binary(_) | Op::Unary(_) => {
                return Err(InferError::Form {
                    node: Box::new(flow.node(root).clone()),
                    reason: "it has no lowering for these operands".to_owned(),
                });
            }
            _ => Form::Plain {
                x: self.quant(id, root)?,
            },
        })
    }

    fn pair(&mut self, root: ValueId, f: Binary) -> Result<Form> {
        let flow = self.flow;
        let value = &flow.values[root];
        let whole = |at: usize| flow.shape(value.inputs[at]) == value.shape.as_slice();
        // The first operand has the shape of the result; the other one broadcasts.
        let swap = !whole(0) && whole(1) && f != Binary::Sub;
        let (first, second) = if swap { (1, 0) } else { (0, 1) };
        let a = self.widened(root, first)?;
        let b = self.operand(root, second)?;
        Ok(match f {
            Binary::Mul => Form::Product { a, b },
            Binary::Sub => Form::Sum { a, b, sign: -1.0 },
            _ => Form::Sum { a, b, sign: 1.0 },
        })
    }

    /// An operand, broadcast to the shape of the result.
    fn widened(&mut self, root: ValueId, at: usize) -> Result<Quant> {
        let quant = self.operand(root, at)?;
        let value = &self.flow.values[root];
        if self.flow.shape(value.inputs[at]) == value.shape.as_slice() {
            return Ok(quant);
        }
        let op = Node::View(View::Expand {
            x: quant.id,
            shape: dims(&value.shape),
        });
        self.same_scale(root, (quant, op))
    }

    /// Whether the argument's bound follows from the model and the profile.
    pub(super) fn is_known(&self, form: &Form) -> bool {
        match form {
            Form::Weights { y, bias, .. } => {
                let weights = self.flow.values[*y].inputs[1];
                !self.flow.is_weight(weights) && bias.as_ref().is_none_or(|(_, bias)| bias.known)
            }
            Form::Offset { k, .. } | Form::Scaled { k, .. } => !self.flow.is_weight(*k),
            _ => true,
        }
    }

    /// Least and greatest real value of the argument, whatever the inputs in their ranges; nothing
    /// where it depends on weights that are not there.
    pub(super) fn bound(&self, form: &Form) -> Result<Option<(f64, f64)>> {
        let real = |quant: &Quant| {
            let range = self.range(*quant);
            (range.lo as f64 * quant.scale, range.hi as f64 * quant.scale)
        };
        Ok(Some(match form {
            Form::Weights { y, x, bias } => {
                let bias = bias.as_ref().map(|(_, bias)| bias);
                return self.weights_bound(*y, *x, bias);
            }
            Form::Activations { a, b, depth } => {
                let (lo, hi) = corners(real(a), real(b));
                (lo * *depth as f64, hi * *depth as f64)
            }
            Form::Sum { a, b, sign } => {
                let (a, (lo, hi)) = (real(a), real(b));
                let b = if *sign > 0.0 { (lo, hi) } else { (-hi, -lo) };
                (a.0 + b.0, a.1 + b.1)
            }
            Form::Offset { a, k, mask } => {
                let (lo, hi) = real(a);
                let Some(offsets) = self.offsets(*k, *mask).values else {
                    return Ok(None);
                };
                let least = offsets.iter().copied().fold(f64::INFINITY, f64::min);
                let most = offsets.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                (lo + least, hi + most)
            }
            Form::Scaled { a, k } => {
                let Some(factors) = self.numbers(*k)?.values else {
                    return Ok(None);
                };
                let most = magnitude(&factors);
                corners(real(a), (-most, most))
            }
            Form::Product { a, b } if a.id == b.id => {
                let (lo, hi) = real(a);
                (0.0, (lo * lo).max(hi * hi))
            }
            Form::Product { a, b } => corners(real(a), real(b)),
            Form::Fold { x, scale } => {
                let range = self.builder.info(*x).range;
                (range.lo as f64 * scale, range.hi as f64 * scale)
            }
            Form::Plain { x } => real(x),
        }))
    }

    /// The numbers added to an activation; masks become the least that still masks.
    pub(super) fn offsets(&self, k: ValueId, mask: Option<Mask>) -> Numbers<f64> {
        let tensor = self.flow.tensor(k).filter(|tensor| !tensor.is_withheld());
        let numbers = Numbers {
            values: tensor.map(|tensor| tensor.to_floats()),
            known: !self.flow.is_weight(k),
        };
        numbers.map(|&v| mask.map_or(v.into(), |mask| mask.offset(v.into())))
    }

    /// Greatest real magnitude of an activation.
    pub(super) fn reach(&self, a: Quant) -> f64 {
        self.range(a).magnitude() as f64 * a.scale
    }
}

fn is_large(v: &f32) -> bool {
    f64::from(v.abs()) >= MASK
}

/// Least and greatest product of numbers between these ends.
pub(super) fn corners(a: (f64, f64), b: (f64, f64)) -> (f64, f64) {
    let all = [a.0 * b.0, a.0 * b.1, a.1 * b.0, a.1 * b.1];
    let least = all.iter().copied().fold(f64::INFINITY, f64::min);
    let most = all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (least, most)
}
