//! Normalization over the last axis, in integers.
//!
//! ```text
//! c = x - mean                    = (n x - sum x) / n, rescaled
//! v = sum c^2                     (squares in one table, then a sum)
//! i = 1 / sqrt(v / n + epsilon)   (one table)
//! y = c i                         (one product)
//! ```

use super::map::{Target, beyond, linear};
use super::{Lower, Quant};
use crate::infer::error::Result;
use crate::infer::flow::ValueId;
use nascent_ir::{Op as Node, Pre, Range, Table, TensorId};

impl Lower<'_> {
    /// Lowers a normalization.
    pub(super) fn normalize(&mut self, id: ValueId, center: bool, epsilon: f64) -> Result<Quant> {
        let x = self.operand(id, 0)?;
        let name = self.name(id);
        let width = self.flow.shape(id).last().copied().unwrap_or(1);
        let stats = self.stats(id);
        let deviation = stats.map(|stats| stats.deviation.max(1e-9));
        let centered = if center {
            self.centered(&name, x, width, deviation)?
        } else {
            x
        };

        let (inverse, unit) = self.inverse_root(&name, centered, width, epsilon)?;
        // The product of a row's largest element and its inverse is at most sqrt(width).
        let magnitude = stats.map(|stats| stats.magnitude(self.options.calibration));
        let hi = (1 << (self.fine_bits() - 1)) - 1;
        let target = Target {
            scale: self.step(magnitude, hi)?,
            range: Range::new(-hi, hi),
        };
        let most = self.reach(centered) * self.limit() as f64 * unit;
        let room = self.limit() as f64 - 1.0;
        let step = self.doubled(&name, target.scale, |step| most / step <= room)?;
        let pre = Pre::Product {
            a: centered.id,
            b: inverse,
        };
        let (pre, multiplier, step) = self.scaled_pre(&name, pre, centered.scale * unit, step)?;
        let table = Table::real(
            "identity",
            self.domain(),
            step,
            target.scale,
            target.range,
            |v| v,
        );
        Ok(Quant {
            id: self.push_map(&name, pre, multiplier, table)?,
            scale: target.scale,
        })
    }

    /// `x - mean`, with as many bits as its square allows.
    fn centered(
        &mut self,
        name: &str,
        x: Quant,
        width: usize,
        deviation: Option<f64>,
    ) -> Result<Quant> {
        let sum = self
            .builder
            .push(&format!("{name}.sum"), Node::FoldSum { x: x.id })?;
        let hi = (1 << (self.fine_bits() - 1)) - 1;
        let scale = self
            .tape
            .step(deviation.map(|deviation| deviation * 1.05 / hi as f64))?;
        let range = self.range(x);
        let most = (range.hi - range.lo) as f64 * x.scale;
        let room = self.limit() as f64 - 1.0;
        let step = self.doubled(name, scale, |step| most / step <= room)?;
        let pre = linear(x.id, width as i32, Some((sum, -1)));
        let (pre, multiplier, step) = self.scaled_pre(name, pre, x.scale / width as f64, step)?;
        let range = Range::new(-hi, hi);
        let table = Table::real("identity", self.domain(), step, scale, range, |v| v);
        Ok(Quant {
            id: self.push_map(&format!("{name}.centered"), pre, multiplier, table)?,
            scale,
        })
    }

    /// `1 / sqrt(mean of squares + epsilon)` for each row, and its scale.
    fn inverse_root(
        &mut self,
        name: &str,
        c: Quant,
        width: usize,
        epsilon: f64,
    ) -> Result<(TensorId, f64)> {
        let largest = self.reach(c);
        let limit = self.limit() as f64;
        let pre = Pre::Product { a: c.id, b: c.id };
        let (pre, multiplier, square) = self.scaled_pre(
            name,
            pre,
            c.scale * c.scale,
            largest * largest / (limit - 1.0),
        )?;
        let table = self.plain_identity();
        let squares = self.push_map(&format!("{name}.squares"), pre, multiplier, table)?;

        let sum = self
            .builder
            .push(&format!("{name}.variance"), Node::FoldSum { x: squares })?;
        // q counts steps of the mean of squares plus epsilon.
        let unit = square / width as f64;
        let step = ((limit * square + epsilon) / (limit - 2.0)).max(4.0 * unit);
        // Cut, it would be another model's.
        let steps = (epsilon / unit).round();
        if !(steps >= 0.0 && steps < libm::exp2(39.0)) {
            return Err(beyond(name));
        }
        let pre = Pre::Linear {
            a: sum,
            ca: 1,
            b: None,
            c: steps as i64,
        };
        let (pre, multiplier, step) = self.scaled_pre(name, pre, unit, step)?;
        // Nothing is cut: below a step, the variance is not resolved.
        let inverse = Table::from_fn("inverse root", self.domain(), |q| {
            (limit / (q.max(1) as f64).sqrt() + 0.5).floor() as i64
        });
        let inverse = self.push_map(&format!("{name}.inverse"), pre, multiplier, inverse)?;
        Ok((inverse, 1.0 / (limit * step.sqrt())))
    }
}
