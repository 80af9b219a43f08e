//! Softmax over the last axis, in integers.
//!
//! ```text
//! m = max x                       e = exp(s (x - m)) / u           (one table, u the unit)
//! d = sum e                       i = c / d                        (one table)
//! y = e i                                                          (one product)
//! ```
//! Because one of the `e` is the greatest there is, `d` is at least that, and `e i <= c`: the range
//! of the product is known.

use super::map::{NEAR_MULTIPLIER, linear};
use super::{Lower, Quant};
use crate::infer::error::{InferError, Result};
use crate::infer::flow::ValueId;
use nascent_ir::{Multiplier, Op as Node, Pre, Range, Table};

impl Lower<'_> {
    /// Lowers a softmax.
    pub(super) fn softmax(&mut self, id: ValueId) -> Result<Quant> {
        let x = self.operand(id, 0)?;
        let name = self.name(id);
        let width = self.flow.shape(id).last().copied().unwrap_or(1) as f64;
        let top = self.limit();
        let range = self.range(x);
        let spread = range.hi - range.lo;

        let most = self
            .builder
            .push(&format!("{name}.max"), Node::FoldMax { x: x.id })?;
        let domain = Range::new(-spread, spread);
        let out = Range::new(0, top);
        let exp = Table::real("exp", domain, x.scale, 1.0 / top as f64, out, |v| {
            libm::exp(v.min(0.0))
        });
        let pre = linear(x.id, 1, Some((most, -1)));
        let e = self.push_map(&format!("{name}.exp"), pre, Multiplier::One, exp)?;

        let sum = self
            .builder
            .push(&format!("{name}.sum"), Node::FoldSum { x: e })?;
        // q = ratio * sum stays below the table's end for the greatest sum.
        let step = (width * 1.001).max(4.0);
        let (pre, multiplier, step) = self.scaled_pre(&name, linear(sum, 1, None), 1.0, step)?;
        let least = top as f64 / step;
        if least < NEAR_MULTIPLIER {
            return Err(InferError::Range {
                layer: self.flow.node(id).to_string(),
                reason: format!(
                    "its rows of {width} elements are too long for tables of {} bits",
                    self.bits
                ),
                advice: "take larger tables",
            });
        }
        let unit = top as f64 * least;
        let inverse = Table::from_fn("inverse", self.domain(), |q| {
            (unit / (q as f64).max(least) + 0.5).floor() as i64
        });
        let inverse = self.push_map(&format!("{name}.inverse"), pre, multiplier, inverse)?;

        // e * inverse = (e / sum) * unit * step, at most one.
        let scale = libm::exp2(-f64::from(self.fine_bits()));
        let pre = Pre::Product { a: e, b: inverse };
        let (pre, multiplier, scale) = self.scaled_pre(&name, pre, 1.0 / (unit * step), scale)?;
        let table = self.plain_identity();
        Ok(Quant {
            id: self.push_map(&name, pre, multiplier, table)?,
            scale,
        })
    }
}
