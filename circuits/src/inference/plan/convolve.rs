//! Convolutions, as products of polynomials in a raster.
//!
//! With rows of the raster `w` apart, pixel `(y, x)` of the input at `base + y w + x`, and the
//! kernel's offset `(dy, dx)` at exponent `D - dy' w - dx'` (dilated offsets; `D` makes the least
//! one zero), the full product has the output `(y, x)` of a unit stride at
//!
//! ```text
//! base + D + (y - top) w + (x - left)
//! ```
//!
//! provided that `w` is at least the width plus the larger horizontal padding, so that what stands
//! beside a row of pixels is zero. The result is stored from the first exponent of the product on.
//!
//! Several images stand one after the other in the same raster, as far apart as their height plus
//! the larger vertical padding: what stands above and below an image is zero, and one product is
//! all of their convolutions.

use nascent_ir::{Conv, Node, Op};

use super::budget::{countable, small};
use super::elementwise::Cells;
use super::layout::{ContractionPlan, Left, Section};
use super::rows::Matrix;
use super::{Arrangement, Pending, PlanError, Planner, claim, images, unsupported};
use crate::inference::claim::Axis;

/// A convolution in two dimensions.
struct Kernel {
    size: [usize; 2],
    stride: [usize; 2],
    dilation: [usize; 2],
    /// Padding before and after, of rows and of columns.
    pads: [(usize, usize); 2],
}

impl Kernel {
    fn new(op: &Conv, weights: &[u32]) -> Self {
        let two = |values: &[u32], fill: usize| match values {
            [a, b] => [*a as usize, *b as usize],
            [b] => [fill, *b as usize],
            _ => [fill, fill],
        };
        let pad = |&(before, after): &(u32, u32)| (before as usize, after as usize);
        Self {
            size: two(weights.get(2..).unwrap_or(&[]), 1),
            stride: two(&op.strides, 1),
            dilation: two(&op.dilations, 1),
            pads: match op.pads.as_slice() {
                [a, b] => [pad(a), pad(b)],
                [b] => [(0, 0), pad(b)],
                _ => [(0, 0); 2],
            },
        }
    }

    /// Rows that the raster must leave free between images, and columns beside the pixels.
    fn margins(&self) -> [usize; 2] {
        self.pads.map(|(before, after)| before.max(after))
    }

    /// Refuses rasters and products beyond what can be counted: dimensions, paddings and dilations have
    /// 32 bits each.
    fn countable(
        &self,
        node: &Node,
        dims: [usize; 4],
        row_step: Option<usize>,
    ) -> Result<(), PlanError> {
        let [images, _, height, width] = dims.map(|dim| dim as u128);
        let [below, beside] = self.margins().map(|margin| margin as u128);
        let row_step = row_step.map_or(width + beside, |step| step as u128);
        let image_step = (height + below).saturating_mul(row_step);
        let [rows, columns] = self.size.map(|size| size.saturating_sub(1) as u128);
        let [down, across] = self.dilation.map(|dilation| dilation as u128);
        let degree = (rows * down)
            .saturating_mul(row_step)
            .saturating_add(columns * across);
        let raster = images.saturating_mul(image_step);
        countable(
            node,
            &[
                row_step,
                image_step,
                raster,
                degree,
                raster.saturating_add(degree),
            ],
        )
    }

    /// The raster in which the convolution takes images that have to be laid out for it, and its
    /// length.
    fn raster(&self, [images, _, height, width]: [usize; 4]) -> (Arrangement, usize) {
        let [below, beside] = self.margins();
        let row_step = width + beside;
        let image_step = (height + below) * row_step;
        let arrangement = Arrangement::Raster {
            image_step,
            row_step,
            pixel_step: 1,
            base: 0,
        };
        let last = (images - 1) * image_step + (height - 1) * row_step + width;
        (arrangement, last)
    }

    /// The largest exponent, `D`.
    fn degree(&self, row_step: usize) -> usize {
        (self.size[0] - 1) * self.dilation[0] * row_step + (self.size[1] - 1) * self.dilation[1]
    }

    /// Exponents of the offsets, not falling, each with its `(dy, dx)`. Two are equal where the
    /// kernel is wider than a row of the raster.
    fn offsets(&self, row_step: usize) -> Vec<(usize, usize, usize)> {
        let degree = self.degree(row_step);
        let [rows, columns] = self.size;
        let all = (0..rows)
            .rev()
            .flat_map(|dy| (0..columns).rev().map(move |dx| (dy, dx)));
        let mut offsets: Vec<_> = all
            .map(|(dy, dx)| {
                let at = dy * self.dilation[0] * row_step + dx * self.dilation[1];
                (degree - at, dy, dx)
            })
            .collect();
        offsets.sort_by_key(|&(exponent, _, _)| exponent);
        offsets
    }
}

impl Planner<'_> {
    /// The cells in which a convolution takes its input when it has to be laid out for it.
    pub(super) fn operand_cells(
        &mut self,
        node: &Node,
        shape: &[u32],
        op: &Conv,
    ) -> Result<Cells, PlanError> {
        // The raster does not depend on the kernel's size.
        let (kernel, dims) = (Kernel::new(op, &[]), images(shape));
        kernel.countable(node, dims, None)?;
        let (arrangement, columns) = kernel.raster(dims);
        self.spend_units(node, dims[1] as u128, columns as u128)?;
        Ok(Cells::raster(shape, arrangement, columns))
    }

    pub(super) fn convolution(&mut self, node: &Node, op: &Conv) -> Result<(), PlanError> {
        let shape = self.graph.tensor(op.x).shape.clone();
        let weights = self.graph.tensor(op.w).shape.clone();
        let out = self.graph.tensor(node.output).shape.clone();
        if !matches!(self.graph.node(op.w).op, Op::Param) {
            return Err(unsupported(node, "the kernel must be a parameter"));
        }
        let kernel = Kernel::new(op, &weights);
        let dims = images(&shape);
        kernel.countable(node, dims, None)?;
        let (x, [image_step, row_step, base]) = self.raster(node, op, &kernel, dims)?;
        kernel.countable(node, dims, Some(row_step))?;
        let taps = kernel.size[0] as u128 * kernel.size[1] as u128;
        countable(node, &[taps, image_step as u128 * dims[0] as u128])?;
        self.spend_elements(node, kernel.size[0] * kernel.size[1])?;
        self.spend_contractions(node, op.groups as usize, kernel.size[0] * kernel.size[1])?;
        let degree = kernel.degree(row_step);
        let top = kernel.pads[0].0 * row_step + kernel.pads[1].0;
        let (shift, result_base) = match (base + degree).checked_sub(top) {
            // The product's exponent of output (0, 0), less the shift, is the result's base.
            Some(first) => {
                let shift = base.min(first);
                (shift, first - shift)
            }
            None => return Err(unsupported(node, "the padding exceeds the kernel")),
        };
        let [count, _, height, width] = dims;
        let last = base + (count - 1) * image_step + (height - 1) * row_step + width - 1 + degree;
        let offsets = kernel.offsets(row_step);
        let exponents = offsets
            .iter()
            .map(|&(exponent, _, _)| small(node, exponent));
        let exponents: Vec<u32> = exponents.collect::<Result<_, _>>()?;
        let shift_by = small(node, shift)?;
        let groups = op.groups as usize;
        let [outputs, inputs] = [weights[0], weights[1]].map(|dim| dim as usize);
        let out_group = outputs / groups;
        let result = Matrix {
            first: 0,
            rows: outputs,
            columns: last - shift + 1,
            lanes: self.lanes.units,
        };
        let placed = self.kernel_weights(node, op, &offsets, [groups, out_group, inputs])?;
        let mut parts = Vec::new();
        for group in 0..groups {
            let id = self.next_id();
            let left = x.part(group * inputs, inputs);
            let rows = inputs * offsets.len();
            let right = placed.part(group * rows, rows);
            let result = Matrix {
                rows: out_group,
                ..result
            };
            let section = self.operand(node, left)?;
            let placed = self.weights(node, right)?;
            parts.push((self.layout.contractions.len(), group * out_group, out_group));
            self.push_contraction(ContractionPlan {
                left: Left::Matrix(claim(section, left, (Axis::Position, Axis::Inner), id + 1)),
                right: claim(placed, right, (Axis::Column, Axis::Inner), id),
                result: claim(
                    Section::Results,
                    result,
                    (Axis::Position, Axis::Column),
                    id + 2,
                ),
                first: self.layout.vector_rows,
                channels: inputs,
                offsets: exponents.clone(),
                shift: shift_by,
            });
        }
        debug_assert_eq!(out.len(), shape.len());
        self.tensors[node.output.index()].pending = Some(Pending {
            arrangement: Arrangement::Raster {
                image_step,
                row_step: kernel.stride[0] * row_step,
                pixel_step: kernel.stride[1],
                base: result_base,
            },
            columns: result.columns,
            parts,
        });
        Ok(())
    }

    /// The input in a raster: where it stands if that will do, or a copy. Matrix, columns from an
    /// image to the next and from a pixel to the one below, column of the first pixel.
    fn raster(
        &mut self,
        node: &Node,
        op: &Conv,
        kernel: &Kernel,
        dims: [usize; 4],
    ) -> Result<(Matrix, [usize; 3]), PlanError> {
        let [count, _, height, width] = dims;
        let [below, beside] = kernel.margins();
        for stored in &self.tensors[op.x.index()].stored {
            if let Arrangement::Raster {
                image_step,
                row_step,
                pixel_step: 1,
                base,
            } = stored.arrangement
                && row_step >= width + beside
                // A stride of 32 bits may have made it as wide as 64.
                && (count == 1
                    || image_step as u128 >= (height + below) as u128 * row_step as u128)
            {
                return Ok((stored.matrix, [image_step, row_step, base]));
            }
        }
        let shape = self.graph.tensor(op.x).shape.clone();
        let cells = self.operand_cells(node, &shape, op)?;
        let Arrangement::Raster {
            image_step,
            row_step,
            base,
            ..
        } = cells.arrangement
        else {
            return Err(unsupported(node, "the input is not an image"));
        };
        Ok((self.copy(node, op.x, &cells)?, [image_step, row_step, base]))
    }

    /// The kernel `[O, I, ..]` with a row for each group, channel and offset, columns its outputs.
    fn kernel_weights(
        &mut self,
        node: &Node,
        op: &Conv,
        offsets: &[(usize, usize, usize)],
        [groups, outputs, inputs]: [usize; 3],
    ) -> Result<Matrix, PlanError> {
        let [rows, columns] = Kernel::new(op, &self.graph.tensor(op.w).shape).size;
        let element = |row: usize, o: usize| {
            let (_, dy, dx) = offsets[row % offsets.len()];
            let (group, channel) = (row / offsets.len() / inputs, row / offsets.len() % inputs);
            let o = group * outputs + o;
            (((o * inputs + channel) * rows + dy) * columns + dx) as u32
        };
        let count = groups * inputs * offsets.len();
        let placed = self.placed(op.w, count, outputs, &element);
        match placed {
            Some(matrix) => Ok(matrix),
            None => self.place_weights(node, op.w, count, outputs, &element),
        }
    }
}
