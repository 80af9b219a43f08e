//! Views: the same integers in another arrangement.

use super::map::{Target, beyond};
use super::mask::{NoMask, Readers, is_small};
use super::{Lower, Quant, dims, rounded};
use crate::infer::error::{InferError, Result};
use crate::infer::flow::{Op, ValueId, evaluate};
use crate::infer::tensor::{Tensor, count};
use nascent_ir::{Op as Node, Range, View};

impl Lower<'_> {
    /// Lowers a value that rearranges others.
    pub(super) fn arrange(&mut self, id: ValueId) -> Result<Quant> {
        let flow = self.flow;
        let value = &flow.values[id];
        if let Op::Concat(axis) = value.op {
            return self.concat(id, axis);
        }
        let quant = self.operand(id, 0)?;
        let x = quant.id;
        let view = match &value.op {
            Op::Transpose(perm) => View::Transpose {
                x,
                perm: dims(perm),
            },
            Op::Slice {
                starts,
                sizes,
                steps,
            } => View::Slice {
                x,
                starts: dims(starts),
                sizes: dims(sizes),
                steps: steps.iter().map(|&step| step as i32).collect(),
            },
            Op::Pad {
                before,
                after,
                value,
            } => View::Pad {
                x,
                before: dims(before),
                after: dims(after),
                value: self.padding(id, quant, f64::from(*value))?,
            },
            Op::Expand(shape) => View::Expand {
                x,
                shape: dims(shape),
            },
            Op::Gather { axis, indices } => View::Gather {
                x,
                axis: *axis as u32,
                indices: dims(indices),
            },
            _ => View::Reshape {
                x,
                shape: dims(&value.shape),
            },
        };
        self.same_scale(id, (quant, Node::View(view)))
    }

    /// The integer of a padding. One that is less than everything may be the least integer instead where
    /// maxima alone read it, each of them with an element that is no padding.
    fn padding(&self, id: ValueId, x: Quant, value: f64) -> Result<i32> {
        let most = self.limit() as f64;
        let steps = value / x.scale;
        if steps.abs() <= most + 0.5 {
            return Ok(rounded(steps, most));
        }
        let fail = |reason: &str| {
            Err(InferError::Range {
                layer: self.flow.node(id).to_string(),
                reason: format!(
                    "the padding {value} does not fit the integers beside it, {reason}"
                ),
                advice: "take larger tables, fewer activation bits, or samples with larger values",
            })
        };
        let least = self.range(x).lo;
        if steps > least as f64 {
            return fail("and is not less than they are");
        }
        if !is_small(self.flow.shape(id)) {
            return fail(NoMask::Large.reason());
        }
        match self.masks(id, self.padded(id)?, true, Readers::Greatest) {
            Ok(()) => Ok(i32::try_from(least).unwrap_or(0)),
            Err(NoMask::Read) => fail("and something other than a maximum reads it"),
            Err(NoMask::Large) => fail(NoMask::Large.reason()),
            Err(NoMask::Row) => fail("and a window lies in the padding only"),
        }
    }

    /// 1 where a value is padding, 0 elsewhere.
    fn padded(&self, id: ValueId) -> Result<Tensor> {
        let flow = self.flow;
        let mut value = flow.values[id].clone();
        if let Op::Pad { value, .. } = &mut value.op {
            *value = 1.0;
        }
        let shape = flow.shape(value.inputs[0]);
        let own = Tensor::made(shape, vec![0.0; count(shape).unwrap_or(0)]);
        let padded = own.and_then(|own| evaluate(&value, &[&own]));
        padded.map_err(|fault| fault.at(flow.node(id)))
    }

    /// Operands get the coarsest of their scales; a truth value is not rounded to that of others.
    fn concat(&mut self, id: ValueId, axis: usize) -> Result<Quant> {
        let flow = self.flow;
        let inputs = &flow.values[id].inputs;
        let made: Vec<Option<Quant>> = inputs.iter().map(|&input| self.made[input]).collect();
        let scale = self.common(inputs, &made);
        let name = self.name(id);
        let mut xs = Vec::with_capacity(inputs.len());
        for (at, (&input, made)) in inputs.iter().zip(&made).enumerate() {
            xs.push(match made {
                Some(quant) if quant.scale == scale => quant.id,
                Some(quant) => {
                    let mut range = self.range(*quant);
                    if quant.scale > scale {
                        let wide = |end: i64| (end as f64 * quant.scale / scale).round();
                        range = Range::new(wide(range.lo) as i64, wide(range.hi) as i64);
                        // A table that is too small would round what was finer.
                        if range.magnitude() as i64 >= self.limit() {
                            return Err(beyond(&name));
                        }
                    }
                    let target = Target { scale, range };
                    self.rescaled(&format!("{name}.{at}"), *quant, target)?.id
                }
                None => {
                    let numbers = self.numbers(input)?.map(|&v| f64::from(v) / scale);
                    let values = self.rounded_all(id, &numbers, self.limit() as f64)?;
                    let shape = flow.shape(input).to_vec();
                    self.push_param(&format!("{name}.{at}"), &shape, values, &[input])?
                }
            });
        }
        let op = Node::View(View::Concat {
            xs,
            axis: axis as u32,
        });
        Ok(Quant {
            id: self.builder.push(&name, op)?,
            scale,
        })
    }

    /// The scale of operands that are joined: the coarsest of those that are no truth values, in at least 16
    /// steps to 1 where such are among them.
    fn common(&self, inputs: &[ValueId], made: &[Option<Quant>]) -> f64 {
        let flag =
            |&input: &ValueId| self.integers[input].is_some_and(|ends| ends.magnitude() <= 1);
        let each = inputs.iter().zip(made);
        let each = each.filter_map(|(input, made)| made.map(|quant| (flag(input), quant.scale)));
        let coarsest = |flags: bool| {
            let each = each.clone().filter(|(flag, _)| *flag == flags);
            each.map(|(_, scale)| scale).fold(0.0, f64::max)
        };
        let (other, flags) = (coarsest(false), coarsest(true));
        // Constants that are no integers may be all that there is beside them.
        let real =
            |&input: &ValueId| self.integers[input].is_none() && !self.flow.values[input].is_int;
        if flags > 0.0 && inputs.iter().any(real) {
            return match other > 0.0 {
                true => other.min(1.0 / 16.0),
                false => 1.0 / 256.0,
            };
        }
        other.max(flags)
    }
}
