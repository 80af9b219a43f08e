//! Where the greatest element of a row stands, in integers.
//!
//! ```text
//! e_i = [m - x_i = 0]                     m the row's greatest element   (one table)
//! p_i = e_i c_i,  c = n, n - 1, .., 1     (one product)
//! index = n - max p                       the first i with x_i = m
//! ```
//! For the last one, `c` runs the other way. `x` without its element at `index` is
//!
//! ```text
//! h_i = drop [index + c_i - n = 0]        (one table)
//! y_i = max(x_i - h_i, floor)             (one table), floor below every x_i, drop = hi - floor
//! ```
//! All of it is exact, also where elements are equal.

use super::map::linear;
use super::{Lower, Quant, dims};
use crate::infer::error::{InferError, Result};
use crate::infer::flow::{Op, ValueId};
use nascent_ir::{Multiplier, Op as Node, Pre, Range, Table, TensorId, View};

/// Longest row whose numbers are constants; those of longer ones are sums of two digits, because a
/// constant takes a row of the circuit.
const LISTED: usize = 16;

impl Lower<'_> {
    /// Lowers a position of the greatest element.
    pub(super) fn position(&mut self, id: ValueId, last: bool) -> Result<Quant> {
        let (x, most) = (self.operand(id, 0)?, self.operand(id, 1)?);
        let name = self.name(id);
        let n = self.width(id);
        let ((lo, hi), (least, top)) = (ends(self.range(x)), ends(self.range(most)));
        let distance = self.inside(id, Range::new(least - hi, top - lo))?;
        let equal = Table::from_fn("equal", distance, |q| i64::from(q == 0));
        let pre = linear(x.id, -1, Some((most.id, 1)));
        let equal = self.push_map(&format!("{name}.equal"), pre, Multiplier::One, equal)?;

        let mut weights = self.countdown(id, n)?;
        if last {
            weights = self.builder.push(&name, reversed(weights, n))?;
        }
        let pre = Pre::Product {
            a: equal,
            b: weights,
        };
        let all = Range::new(0, n as i64);
        let places = Table::from_fn("identity", all, |q| q);
        let places = self.push_map(&format!("{name}.places"), pre, Multiplier::One, places)?;
        let first = self
            .builder
            .push(&format!("{name}.first"), Node::FoldMax { x: places })?;
        let (ca, c) = if last { (1, -1) } else { (-1, n as i64) };
        let pre = Pre::Linear {
            a: first,
            ca,
            b: None,
            c,
        };
        // Every row has a greatest element, so that `max p` is not 0.
        let domain = if last {
            Range::new(-1, n as i64 - 1)
        } else {
            all
        };
        let index = Table::from_fn("index", domain, |q| q.clamp(0, n as i64 - 1));
        Ok(Quant {
            id: self.push_map(&name, pre, Multiplier::One, index)?,
            scale: 1.0,
        })
    }

    /// Lowers a tensor without one element of each row.
    pub(super) fn without(&mut self, id: ValueId) -> Result<Quant> {
        let (x, index) = (self.operand(id, 0)?, self.operand(id, 1)?);
        let name = self.name(id);
        let n = self.width(id);
        let (lo, hi) = ends(self.range(x));
        // What is gone already may be equal to what goes.
        let gone = self.flow.values[self.flow.values[id].inputs[0]].op == Op::Without;
        let floor = if gone { lo } else { lo - 1 };
        let drop = hi - floor;
        let domain = self.inside(id, Range::new(lo - drop, hi))?;

        let shape = dims(self.flow.shape(id));
        let wide = View::Expand { x: index.id, shape };
        let wide = self
            .builder
            .push(&format!("{name}.index"), Node::View(wide))?;
        let countdown = self.countdown(id, n)?;
        let pre = Pre::Linear {
            a: wide,
            ca: 1,
            b: Some((countdown, 1)),
            c: -(n as i64),
        };
        let (least, most) = ends(self.range(index));
        let distance = self.inside(id, Range::new(least + 1 - n as i64, most))?;
        let chosen = Table::from_fn("drop", distance, |q| drop * i64::from(q == 0));
        let chosen = self.push_map(&format!("{name}.drop"), pre, Multiplier::One, chosen)?;

        let rest = Table::from_fn("rest", domain, |q| q.max(floor));
        let pre = linear(x.id, 1, Some((chosen, -1)));
        Ok(Quant {
            id: self.push_map(&name, pre, Multiplier::One, rest)?,
            scale: x.scale,
        })
    }

    /// Lowers `-x`.
    pub(super) fn reflected(&mut self, id: ValueId) -> Result<Quant> {
        let x = self.operand(id, 0)?;
        let (lo, hi) = ends(self.range(x));
        let table = Table::from_fn("identity", self.inside(id, Range::new(-hi, -lo))?, |q| q);
        let name = self.name(id);
        let pre = linear(x.id, -1, None);
        Ok(Quant {
            id: self.push_map(&name, pre, Multiplier::One, table)?,
            scale: x.scale,
        })
    }

    /// The numbers `n, n - 1, .., 1`.
    fn countdown(&mut self, id: ValueId, n: usize) -> Result<TensorId> {
        if let Some(&made) = self.countdowns.get(&n) {
            return Ok(made);
        }
        self.inside(id, Range::new(0, n as i64))?;
        let down = |count: usize, from: i32, step: i32| -> Vec<i32> {
            (0..count as i32).map(|i| from - i * step).collect()
        };
        let made = if n <= LISTED {
            let values = down(n, n as i32, 1);
            self.builder.constant("countdown", &[n as u32], values)?
        } else {
            let step = n.isqrt();
            let rows = n.div_ceil(step);
            let (r, s) = (rows as u32, step as u32);
            let high = down(rows, n as i32, step as i32);
            let high = self.builder.constant("countdown.high", &[r, 1], high)?;
            let low = down(step, 0, 1);
            let low = self.builder.constant("countdown.low", &[1, s], low)?;
            let wide = View::Expand {
                x: low,
                shape: vec![r, s],
            };
            let wide = self.builder.push("countdown.low", Node::View(wide))?;
            let all = Range::new(n as i64 - (rows * step) as i64 + 1, n as i64);
            let table = Table::from_fn("identity", all, |q| q);
            let pre = linear(wide, 1, Some((high, 1)));
            let all = self.push_map("countdown", pre, Multiplier::One, table)?;
            let flat = View::Reshape {
                x: all,
                shape: vec![r * s],
            };
            let flat = self.builder.push("countdown", Node::View(flat))?;
            let first = View::Slice {
                x: flat,
                starts: vec![0],
                sizes: vec![n as u32],
                steps: vec![1],
            };
            self.builder.push("countdown", Node::View(first))?
        };
        self.countdowns.insert(n, made);
        Ok(made)
    }

    /// Elements of a row of the first operand.
    fn width(&self, id: ValueId) -> usize {
        let x = self.flow.values[id].inputs[0];
        self.flow.shape(x).last().copied().unwrap_or(1)
    }

    /// Arguments of a table, if a table can have them.
    fn inside(&self, id: ValueId, range: Range) -> Result<Range> {
        if self.domain().covers(&range) {
            return Ok(range);
        }
        Err(InferError::Range {
            layer: self.flow.node(id).to_string(),
            reason: format!(
                "it compares numbers or places from {} to {}, too many for tables of {} bits",
                range.lo, range.hi, self.bits
            ),
            advice: "take larger tables or fewer activation bits; an axis of more than 32,767 \
                     elements cannot be ranked",
        })
    }
}

fn ends(range: Range) -> (i64, i64) {
    (range.lo, range.hi)
}

fn reversed(x: TensorId, n: usize) -> Node {
    Node::View(View::Slice {
        x,
        starts: vec![n as u32 - 1],
        sizes: vec![n as u32],
        steps: vec![-1],
    })
}
