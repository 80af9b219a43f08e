//! Convolution of float tensors in one or two dimensions.

use super::matmul::product;
use crate::infer::error::{Fault, OpResult};

/// Attributes of a convolution, one entry per spatial axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConvAttrs {
    pub(crate) strides: Vec<usize>,
    /// Zeros before and after.
    pub(crate) pads: Vec<(usize, usize)>,
    pub(crate) dilations: Vec<usize>,
    pub(crate) groups: usize,
}

/// Number of positions of a window: `None` when it does not fit once, or a factor is zero.
pub(crate) fn windows(
    dim: usize,
    kernel: usize,
    stride: usize,
    (before, after): (usize, usize),
    dilation: usize,
) -> Option<usize> {
    let reach = kernel
        .checked_sub(1)?
        .checked_mul(dilation)?
        .checked_add(1)?;
    let padded = dim.checked_add(before)?.checked_add(after)?;
    if dilation == 0 {
        return None;
    }
    padded
        .checked_sub(reach)?
        .checked_div(stride)?
        .checked_add(1)
}

impl ConvAttrs {
    /// Shape of the result.
    pub(super) fn output(&self, x: &[usize], w: &[usize]) -> OpResult<Vec<usize>> {
        let fail = |reason: &str| Fault::shape(format!("input {x:?}, weight {w:?}: {reason}"));
        let ([n, c, spatial @ ..], [o, depth, kernel @ ..]) = (x, w) else {
            return fail("too few axes");
        };
        let rank = spatial.len();
        if !(1..=2).contains(&rank) || kernel.len() != rank {
            return fail("one or two spatial axes are supported");
        }
        if self.strides.len() != rank || self.pads.len() != rank || self.dilations.len() != rank {
            return fail("strides, pads or dilations of another rank");
        }
        let groups = self.groups;
        if groups == 0 || o % groups != 0 || Some(*c) != depth.checked_mul(groups) {
            return fail(&format!("{groups} groups"));
        }
        let mut made = vec![*n, *o];
        for axis in 0..rank {
            let (stride, dilation) = (self.strides[axis], self.dilations[axis]);
            match windows(
                spatial[axis],
                kernel[axis],
                stride,
                self.pads[axis],
                dilation,
            ) {
                Some(dim) => made.push(dim),
                None => return fail("the window does not fit"),
            }
        }
        Ok(made)
    }

    /// Values of the result; shapes were checked by [`Self::output`].
    pub(super) fn eval(
        &self,
        x_shape: &[usize],
        x: &[f32],
        w_shape: &[usize],
        w: &[f32],
        out_shape: &[usize],
    ) -> Vec<f32> {
        let depth = w_shape[1];
        let taps: usize = w_shape[2..].iter().product();
        let plane: usize = out_shape[2..].iter().product();
        let area: usize = x_shape[2..].iter().product();
        let per_group = w_shape[0] / self.groups;
        let mut out = vec![0.0; out_shape.iter().product()];
        if plane == 0 || per_group == 0 || depth * taps == 0 {
            return out;
        }
        let sources = self.sources(&x_shape[2..], &w_shape[2..], &out_shape[2..]);
        let mut columns = vec![0.0; depth * taps * plane];
        for (index, out) in out.chunks_mut(per_group * plane).enumerate() {
            let (image, group) = (index / self.groups, index % self.groups);
            let first = (image * self.groups + group) * depth;
            for (row, columns) in columns.chunks_mut(plane).enumerate() {
                let x = &x[(first + row / taps) * area..][..area];
                let sources = &sources[(row % taps) * plane..][..plane];
                for (value, source) in columns.iter_mut().zip(sources) {
                    *value = x.get(*source).copied().unwrap_or(0.0);
                }
            }
            let w = &w[group * per_group * depth * taps..][..per_group * depth * taps];
            product(w, &columns, depth * taps, plane, out);
        }
        out
    }

    /// For each tap and position, the element of a plane that is read; `usize::MAX` for padding.
    fn sources(&self, area: &[usize], kernel: &[usize], out: &[usize]) -> Vec<usize> {
        let axis = |axis: usize, tap: usize, at: usize| {
            let place = at * self.strides[axis] + tap * self.dilations[axis];
            place
                .checked_sub(self.pads[axis].0)
                .filter(|&place| place < area[axis])
        };
        let mut sources = Vec::new();
        match (kernel, out) {
            ([kernel], [out]) => {
                for tap in 0..*kernel {
                    sources.extend((0..*out).map(|at| axis(0, tap, at).unwrap_or(usize::MAX)));
                }
            }
            ([height, width], [rows, columns]) => {
                for (tap, other) in (0..*height).flat_map(|t| (0..*width).map(move |u| (t, u))) {
                    for row in 0..*rows {
                        let y = axis(0, tap, row);
                        sources.extend((0..*columns).map(|column| {
                            let x = axis(1, other, column);
                            y.zip(x).map_or(usize::MAX, |(y, x)| y * area[1] + x)
                        }));
                    }
                }
            }
            _ => {}
        }
        sources
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attrs(stride: usize, pad: usize, dilation: usize, groups: usize) -> ConvAttrs {
        ConvAttrs {
            strides: vec![stride; 2],
            pads: vec![(pad, pad); 2],
            dilations: vec![dilation; 2],
            groups,
        }
    }

    /// The definition, without any rearrangement.
    fn naive(
        attrs: &ConvAttrs,
        xs: &[usize],
        x: &[f32],
        ws: &[usize],
        w: &[f32],
        out: &[usize],
    ) -> Vec<f32> {
        let mut made = Vec::new();
        for (n, o, y, z) in (0..out[0]).flat_map(|n| {
            (0..out[1]).flat_map(move |o| {
                (0..out[2]).flat_map(move |y| (0..out[3]).map(move |z| (n, o, y, z)))
            })
        }) {
            let mut sum = 0.0;
            let group = o / (ws[0] / attrs.groups);
            for (c, i, j) in (0..ws[1])
                .flat_map(|c| (0..ws[2]).flat_map(move |i| (0..ws[3]).map(move |j| (c, i, j))))
            {
                let row =
                    (y * attrs.strides[0] + i * attrs.dilations[0]).checked_sub(attrs.pads[0].0);
                let col =
                    (z * attrs.strides[1] + j * attrs.dilations[1]).checked_sub(attrs.pads[1].0);
                let (Some(row), Some(col)) = (row, col) else {
                    continue;
                };
                if row < xs[2] && col < xs[3] {
                    let at = ((n * xs[1] + group * ws[1] + c) * xs[2] + row) * xs[3] + col;
                    sum += x[at] * w[((o * ws[1] + c) * ws[2] + i) * ws[3] + j];
                }
            }
            made.push(sum);
        }
        made
    }

    #[test]
    fn agrees_with_the_definition() {
        for (attrs, ws) in [
            (attrs(1, 0, 1, 1), [4, 4, 3, 3]),
            (attrs(2, 1, 1, 1), [2, 4, 3, 2]),
            (attrs(1, 2, 2, 2), [4, 2, 3, 3]),
            (attrs(3, 1, 1, 4), [8, 1, 1, 2]),
        ] {
            let xs = [2, 4, 7, 6];
            let x: Vec<f32> = (0..xs.iter().product())
                .map(|i| (i % 9) as f32 - 4.0)
                .collect();
            let w: Vec<f32> = (0..ws.iter().product())
                .map(|i| (i % 5) as f32 - 2.0)
                .collect();
            let out = attrs.output(&xs, &ws).unwrap();
            let made = attrs.eval(&xs, &x, &ws, &w, &out);
            assert_eq!(made, naive(&attrs, &xs, &x, &ws, &w, &out), "{attrs:?}");
        }
    }

    #[test]
    fn windows_that_do_not_fit() {
        assert_eq!(windows(5, 3, 2, (1, 1), 1), Some(3));
        assert_eq!(windows(2, 3, 1, (0, 0), 1), None);
        assert_eq!(windows(5, 3, 0, (0, 0), 1), None);
        assert_eq!(windows(5, 3, 1, (0, 0), 0), None);
        assert_eq!(windows(5, usize::MAX, 1, (0, 0), 2), None);
        assert_eq!(windows(5, 0, 1, (0, 0), 1), None);
    }
}
