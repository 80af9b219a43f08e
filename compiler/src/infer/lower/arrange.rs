//! Views: the same integers in another arrangement.

use super::map::Target;
use super::{Lower, Quant, dims, rounded};
use crate::infer::calibrate::MASK;
use crate::infer::error::{InferError, Result};
use crate::infer::flow::{Op, ValueId};
use nascent_ir::{Op as Node, View};

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
            } => {
                let range = self.range(quant);
                let most = self.limit() as f64;
                let least = i32::try_from(range.lo).unwrap_or(0);
                // A mask stands for less than everything, where nothing else is asked of it.
                let steps = f64::from(*value) / quant.scale;
                let masks = f64::from(*value) <= -MASK && self.masks(id, true);
                if steps.abs() > most + 0.5 && !masks {
                    return Err(InferError::Range {
                        layer: self.flow.node(id).to_string(),
                        reason: format!("the padding {value} does not fit the integers beside it"),
                        advice: "take larger tables, fewer activation bits, or samples with \
                                 larger values",
                    });
                }
                View::Pad {
                    x,
                    before: dims(before),
                    after: dims(after),
                    value: match masks {
                        true => least,
                        false => rounded(steps, most),
                    },
                }
            }
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

    /// Operands get the coarsest of their scales.
    fn concat(&mut self, id: ValueId, axis: usize) -> Result<Quant> {
        let flow = self.flow;
        let inputs = &flow.values[id].inputs;
        let made: Vec<Option<Quant>> = inputs.iter().map(|&input| self.made[input]).collect();
        let scales = made.iter().flatten().map(|quant| quant.scale);
        let scale = scales.fold(0.0, f64::max);
        let name = self.name(id);
        let mut xs = Vec::with_capacity(inputs.len());
        for (at, (&input, made)) in inputs.iter().zip(&made).enumerate() {
            xs.push(match made {
                Some(quant) if quant.scale == scale => quant.id,
                Some(quant) => {
                    let range = self.range(*quant);
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
}
