//! Maps, divisions, folds and copies.

use nascent_ir::{Divide, Map, Multiplier as IrMultiplier, Node, Pre, TensorId};

use super::layout::Step;
use super::rows::{Ending, Fold, FoldRow, Matrix, Multiplier, Place, UnitCell, UnitOp, UnitRow};
use super::{Arrangement, Pending, PlanError, Planner, Stored, Wire, broadcast, unsupported};

/// The elements of a tensor as a matrix in lanes: `None` where no element stands.
pub(super) struct Cells {
    pub(super) arrangement: Arrangement,
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) elements: Vec<Option<usize>>,
}

impl Cells {
    /// A tensor with its last axis along the columns.
    pub(super) fn plain(shape: &[u32]) -> Self {
        let columns = shape.last().map_or(1, |&dim| dim as usize);
        let count: usize = shape.iter().map(|&dim| dim as usize).product();
        Self {
            arrangement: Arrangement::Plain,
            rows: count / columns,
            columns,
            elements: (0..count).map(Some).collect(),
        }
    }

    /// A tensor as one row, for elements that nobody claims.
    fn flat(count: usize) -> Self {
        Self {
            arrangement: Arrangement::Plain,
            rows: 1,
            columns: count,
            elements: (0..count).map(Some).collect(),
        }
    }

    /// A tensor `[N, C, H, W]` in a raster of given length.
    pub(super) fn raster(shape: &[u32], arrangement: Arrangement, columns: usize) -> Self {
        let [images, channels, height, width] = super::images(shape);
        let mut elements = vec![None; channels * columns];
        if let Arrangement::Raster {
            image_step,
            row_step,
            pixel_step,
            base,
        } = arrangement
        {
            let pixels = (0..images)
                .flat_map(|n| pixels(channels, height, width).map(move |pixel| (n, pixel)));
            for (index, (n, (channel, y, x))) in pixels.enumerate() {
                let at = base + n * image_step + y * row_step + x * pixel_step;
                elements[channel * columns + at] = Some(index);
            }
        }
        Self {
            arrangement,
            rows: channels,
            columns,
            elements,
        }
    }
}

/// Rows and columns of a tensor with its last axis along the columns.
fn matrix_of(shape: &[u32]) -> [u128; 2] {
    let columns = shape.last().map_or(1, |&dim| u128::from(dim));
    let rows = shape.iter().rev().skip(1);
    [rows.map(|&dim| u128::from(dim)).product(), columns]
}

fn pixels(
    channels: usize,
    height: usize,
    width: usize,
) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..channels)
        .flat_map(move |c| (0..height).flat_map(move |y| (0..width).map(move |x| (c, y, x))))
}

/// What a unit of an element reads.
type Operands<'a> = dyn Fn(usize) -> (Option<Wire>, Option<Wire>) + 'a;

impl Planner<'_> {
    /// Rows of units for a tensor's elements; the tensor's wires and storage follow.
    ///
    /// `op` gives what the row of an element does: all elements of a row must agree.
    pub(super) fn lay_units(
        &mut self,
        node: &Node,
        cells: &Cells,
        op: &dyn Fn(usize) -> UnitOp,
        multipliers: Option<&dyn Fn(usize) -> Wire>,
        operands: &Operands<'_>,
    ) -> Result<(Matrix, Vec<Wire>), PlanError> {
        let lanes = self.lanes.units;
        // Constants that are read get rows of their own first.
        for element in cells.elements.iter().flatten() {
            let (a, b) = operands(*element);
            for wire in [a, b].into_iter().flatten() {
                self.address(node, wire)?;
            }
        }
        let matrix = Matrix {
            first: self.layout.units.len(),
            rows: cells.rows,
            columns: cells.columns,
            lanes,
        };
        let count = cells.elements.iter().flatten().count();
        let mut wires = vec![Wire::Constant(0); count];
        let mut rows = Vec::with_capacity(cells.rows * matrix.lane_rows());
        let idle = UnitOp {
            factor_a: 0,
            ..self.copy_op()
        };
        for (i, matrix_row) in cells.elements.chunks(cells.columns.max(1)).enumerate() {
            for (l, chunk) in matrix_row.chunks(lanes).enumerate() {
                let mut row = UnitRow {
                    op: idle,
                    cells: vec![UnitCell::default(); lanes],
                };
                let mut seen: Option<(UnitOp, Option<Wire>)> = None;
                for (j, element) in chunk.iter().enumerate() {
                    let Some(element) = *element else { continue };
                    let what = (op(element), multipliers.map(|m| m(element)));
                    if seen.is_some_and(|seen| seen != what) {
                        let what = "the multiplier differs inside a row; use one for the tensor";
                        return Err(unsupported(node, what));
                    }
                    seen = Some(what);
                    let (a, b) = operands(element);
                    row.cells[j] = UnitCell {
                        active: true,
                        a: a.map(|wire| self.read(node, wire)).transpose()?,
                        b: b.map(|wire| self.read(node, wire)).transpose()?,
                    };
                    let place = Place::Unit(matrix.first + i * matrix.lane_rows() + l, j);
                    wires[element] = Wire::At(self.lanes.address(place));
                }
                if let Some((op, multiplier)) = seen {
                    row.op = op;
                    if let Some(wire) = multiplier {
                        row.op.multiplier = match wire {
                            Wire::Constant(value) => Multiplier::Fixed(value),
                            wire => Multiplier::Read(self.read(node, wire)?),
                        };
                    }
                }
                rows.push(row);
            }
        }
        self.push_units(rows);
        Ok((matrix, wires))
    }

    pub(super) fn set(
        &mut self,
        id: TensorId,
        cells: &Cells,
        (matrix, wires): (Matrix, Vec<Wire>),
    ) {
        let tensor = &mut self.tensors[id.index()];
        tensor.wires = wires;
        tensor.stored.push(Stored {
            arrangement: cells.arrangement,
            matrix,
        });
    }

    /// Copies a tensor into another arrangement.
    pub(super) fn copy(
        &mut self,
        node: &Node,
        id: TensorId,
        cells: &Cells,
    ) -> Result<Matrix, PlanError> {
        self.fits(self.graph.node(id), self.graph.tensor(id).range)?;
        let wires = self.wires(node, id)?;
        let op = self.copy_op();
        let (matrix, _) = self.lay_units(node, cells, &|_| op, None, &|element| {
            (Some(wires[element]), None)
        })?;
        self.tensors[id.index()].stored.push(Stored {
            arrangement: cells.arrangement,
            matrix,
        });
        Ok(matrix)
    }

    pub(super) fn map(&mut self, node: &Node, map: &Map) -> Result<(), PlanError> {
        let info = self.graph.tensor(node.output);
        self.fits(node, info.range)?;
        let shape = info.shape.clone();
        let (a, b, product, factor_a, factor_b, constant) = match map.pre {
            Pre::Linear { a, ca, b, c } => {
                let factor_b = b.map_or(0, |(_, cb)| i64::from(cb));
                (a, b.map(|(b, _)| b), false, i64::from(ca), factor_b, c)
            }
            Pre::Product { a, b } => (a, Some(b), true, 0, 0, 0),
        };
        let op = UnitOp {
            ending: if map.shift == 0 {
                Ending::Exact
            } else {
                Ending::Requantize
            },
            product,
            factor_a,
            factor_b,
            constant,
            multiplier: match map.multiplier {
                IrMultiplier::Const(value) => Multiplier::Fixed(value.into()),
                _ => Multiplier::Fixed(1),
            },
            table: self.function(map.table),
        };
        let elements = info.elements();
        let reader =
            |planner: &mut Self, id: TensorId| -> Result<(Vec<Wire>, Vec<usize>), PlanError> {
                planner.spend_elements(node, planner.graph.tensor(id).elements())?;
                planner.spend_elements(node, elements)?;
                let wires = planner.wires(node, id)?;
                Ok((wires, broadcast(&planner.graph.tensor(id).shape, &shape)))
            };
        let second = b.map(|b| reader(self, b)).transpose()?;
        let multiplier = match map.multiplier {
            IrMultiplier::Param(id) => Some(reader(self, id)?),
            _ => None,
        };
        let pick = |from: &Option<(Vec<Wire>, Vec<usize>)>, element: usize| {
            from.as_ref().map(|(wires, map)| wires[map[element]])
        };
        let multiplier_of = |element| pick(&multiplier, element).unwrap_or(Wire::Constant(1));
        let multipliers: Option<&dyn Fn(usize) -> Wire> = match multiplier {
            Some(_) => Some(&multiplier_of),
            None => None,
        };
        let op = |_| op;
        if let Some(pending) = self.tensors[a.index()].pending.take() {
            if self.graph.tensor(a).shape != shape {
                let what = "a product of matrices cannot be broadcast";
                return Err(unsupported(node, what));
            }
            let [rows, columns] = match pending.arrangement {
                Arrangement::Plain => matrix_of(&shape),
                Arrangement::Raster { .. } => {
                    let [_, channels, ..] = super::images(&shape);
                    [channels, pending.columns].map(|count| count as u128)
                }
            };
            self.spend_units(node, rows, columns)?;
            let cells = self.pending_cells(&pending, &shape);
            let contract = |element| (None, pick(&second, element));
            let laid = self.lay_units(node, &cells, &op, multipliers, &contract)?;
            self.settle(&pending, laid.0);
            self.set(node.output, &cells, laid);
            return Ok(());
        }
        let first = Some(reader(self, a)?);
        let cells = self.wanted(node, &shape)?;
        let operands = |element| (pick(&first, element), pick(&second, element));
        let laid = self.lay_units(node, &cells, &op, multipliers, &operands)?;
        self.set(node.output, &cells, laid);
        Ok(())
    }

    /// The cells that a pending contraction's result fills.
    fn pending_cells(&self, pending: &Pending, shape: &[u32]) -> Cells {
        match pending.arrangement {
            Arrangement::Plain => Cells::plain(shape),
            raster => Cells::raster(shape, raster, pending.columns),
        }
    }

    /// Writes the result's place into the pending contractions, and computes them before the
    /// units that take them.
    pub(super) fn settle(&mut self, pending: &Pending, matrix: Matrix) {
        // The last step is that of the units.
        let units = self.layout.steps.pop();
        for &(index, from, rows) in &pending.parts {
            self.layout.contractions[index].result.matrix = matrix.part(from, rows);
            self.layout.steps.push(Step::Contract(index));
        }
        self.layout.steps.extend(units);
    }

    pub(super) fn divide(&mut self, node: &Node, op: &Divide) -> Result<(), PlanError> {
        let info = self.graph.tensor(node.output);
        self.fits(node, info.range)?;
        let shape = info.shape.clone();
        for id in [op.num, op.den, node.output, node.output] {
            self.spend_elements(node, self.graph.tensor(id).elements())?;
        }
        let (num, den) = (self.wires(node, op.num)?, self.wires(node, op.den)?);
        let num_at = broadcast(&self.graph.tensor(op.num).shape, &shape);
        let den_at = broadcast(&self.graph.tensor(op.den).shape, &shape);
        let unit = UnitOp {
            ending: Ending::Divide,
            factor_a: op.factor,
            ..self.copy_op()
        };
        let cells = self.wanted(node, &shape)?;
        let operands = |element: usize| (Some(num[num_at[element]]), Some(den[den_at[element]]));
        let laid = self.lay_units(node, &cells, &|_| unit, None, &operands)?;
        self.set(node.output, &cells, laid);
        Ok(())
    }

    /// The arrangement that the first contraction of a tensor will take, or one row.
    fn wanted(&mut self, node: &Node, shape: &[u32]) -> Result<Cells, PlanError> {
        let (id, count) = (node.output, self.graph.tensor(node.output).elements());
        let user = self.users.contraction(self.graph, id);
        match user.map(|user| &user.op) {
            Some(nascent_ir::Op::Conv(op)) => self.operand_cells(node, shape, op),
            Some(_) => {
                let [rows, columns] = matrix_of(shape);
                self.spend_units(node, rows, columns)?;
                Ok(Cells::plain(shape))
            }
            None => {
                self.spend_units(node, 1, count as u128)?;
                Ok(Cells::flat(count))
            }
        }
    }

    pub(super) fn fold(&mut self, node: &Node, x: TensorId, fold: Fold) -> Result<(), PlanError> {
        if fold == Fold::Max {
            self.fits(node, self.graph.tensor(x).range)?;
        }
        let info = self.graph.tensor(x);
        let window = info.shape.last().map_or(1, |&dim| dim as usize);
        let windows = info.elements() / window.max(1);
        self.spend_folds(node, windows, window)?;
        let wires = self.wires(node, x)?;
        let lanes = self.lanes.folds;
        let mut totals = Vec::with_capacity(wires.len() / window);
        let mut rows = Vec::new();
        let first = self.layout.folds.len();
        let windows: Vec<&[Wire]> = wires.chunks(window).collect();
        for group in windows.chunks(lanes) {
            let top = first + rows.len();
            for i in 0..window {
                let read = |j: usize| group.get(j).map(|window| self.read(node, window[i]));
                let cells = (0..lanes)
                    .map(read)
                    .map(Option::transpose)
                    .collect::<Result<_, _>>()?;
                rows.push(FoldRow {
                    fold,
                    start: i + 1 == window,
                    cells,
                });
            }
            totals.extend(
                (0..group.len()).map(|j| Wire::At(self.lanes.address(Place::Fold(top, j)))),
            );
        }
        self.push_folds(rows);
        self.tensors[node.output.index()].wires = totals;
        Ok(())
    }
}
