//! Which cell follows from which constraint.
//!
//! A constraint with one unknown cell, in which it is affine, determines that cell. Repeating this
//! from a few given cells gives an order in which all others can be computed: honestly, or with a
//! *fault* in one place and everything after it recomputed, as a cheating prover would. What is
//! left over is what the constraints do not determine.

use std::collections::VecDeque;

use ff::Field;
use halo2curves::bn256::Fr;

use super::{Cell, Constraints, Grid, Slope};

/// A cell computed from the constraint that determines it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Index of the constraint.
    pub constraint: usize,
    /// Row on which it is read.
    pub row: usize,
    /// The cell that follows.
    pub cell: Cell,
    /// Inverse of the factor before the cell, where that factor is a constant.
    pub inverse: Option<Fr>,
}

impl Step {
    /// The value that makes the constraint hold, all other cells as they are; zero where none
    /// does.
    pub fn solve(&self, constraints: &Constraints, grid: &mut Grid, scratch: &mut Vec<Fr>) -> Fr {
        let Cell { column, row } = self.cell;
        let mut residue = |grid: &Grid| constraints.eval(self.constraint, grid, self.row, scratch);
        if let Some(inverse) = self.inverse {
            return grid.advice[column][row] - residue(grid) * inverse;
        }
        let kept = grid.advice[column][row];
        grid.advice[column][row] = Fr::ZERO;
        let at_zero = residue(grid);
        grid.advice[column][row] = Fr::ONE;
        let slope = residue(grid) - at_zero;
        grid.advice[column][row] = kept;
        -at_zero * slope.invert().unwrap_or(Fr::ZERO)
    }
}

/// A constraint read on a row.
pub type At = (usize, usize);

/// Takes steps in order, as a prover would; the cells of the steps in `faults` are off by so much.
pub fn take(constraints: &Constraints, grid: &mut Grid, steps: &[Step], faults: &[(At, Fr)]) {
    let mut scratch = Vec::new();
    for step in steps {
        let mut value = step.solve(constraints, grid, &mut scratch);
        for (at, fault) in faults {
            if *at == (step.constraint, step.row) {
                value += fault;
            }
        }
        grid.advice[step.cell.column][step.cell.row] = value;
    }
}

/// Takes steps with a fault at one of them, chosen such that a later check holds, on which the
/// fault acts affinely. Returns false, and leaves the steps without the fault, if it has no effect
/// on the check.
pub fn take_closing(
    constraints: &Constraints,
    grid: &mut Grid,
    steps: &[Step],
    at: At,
    (check, row): At,
) -> bool {
    take(constraints, grid, steps, &[]);
    let at_zero = constraints.eval(check, grid, row, &mut Vec::new());
    // Nothing changes before the fault.
    let position = steps
        .iter()
        .position(|step| (step.constraint, step.row) == at);
    let steps = &steps[position.unwrap_or(steps.len())..];
    let mut with = |fault: Fr| {
        take(constraints, grid, steps, &[(at, fault)]);
        constraints.eval(check, grid, row, &mut Vec::new())
    };
    let at_one = with(Fr::ONE);
    let inverse = (at_one - at_zero).invert().into_option();
    with(-at_zero * inverse.unwrap_or(Fr::ZERO));
    inverse.is_some()
}

/// Finds the order of the steps.
#[derive(Clone, Debug)]
pub struct Planner<'a> {
    constraints: &'a Constraints,
    grid: &'a Grid,
    known: Vec<bool>,
    /// Each constraint on each row where it depends on a cell.
    uses: Vec<Use>,
    /// Uses of each cell.
    of: Vec<Vec<usize>>,
    queue: VecDeque<usize>,
}

#[derive(Clone, Debug)]
struct Use {
    constraint: usize,
    row: usize,
    cells: Vec<Cell>,
    unknown: usize,
}

impl<'a> Planner<'a> {
    /// Reads the structure of all constraints on all rows; only fixed cells of the grid matter.
    ///
    /// `check(constraint, row)` says which ones are not to determine any cell.
    pub fn new(
        constraints: &'a Constraints,
        grid: &'a Grid,
        check: impl Fn(usize, usize) -> bool,
    ) -> Self {
        let cells = grid.advice.len() * grid.rows;
        let (mut uses, mut of) = (Vec::new(), vec![Vec::new(); cells]);
        for row in 0..grid.rows {
            for constraint in 0..constraints.len() {
                let cells = constraints.formula(constraint).dependencies(grid, row);
                if cells.is_empty() || check(constraint, row) {
                    continue;
                }
                for cell in &cells {
                    of[cell.column * grid.rows + cell.row].push(uses.len());
                }
                uses.push(Use {
                    constraint,
                    row,
                    unknown: cells.len(),
                    cells,
                });
            }
        }
        let queue = (0..uses.len()).filter(|&i| uses[i].unknown == 1).collect();
        Self {
            constraints,
            grid,
            known: vec![false; cells],
            uses,
            of,
            queue,
        }
    }

    /// Declares a cell as given.
    pub fn give(&mut self, cell: Cell) {
        let index = cell.column * self.grid.rows + cell.row;
        if std::mem::replace(&mut self.known[index], true) {
            return;
        }
        for &i in &self.of[index] {
            self.uses[i].unknown -= 1;
            if self.uses[i].unknown == 1 {
                self.queue.push_back(i);
            }
        }
    }

    /// Steps that follow from what is given, in an order in which they can be taken.
    pub fn propagate(&mut self) -> Vec<Step> {
        let mut steps = Vec::new();
        while let Some(index) = self.queue.pop_front() {
            let Use {
                constraint,
                row,
                ref cells,
                ..
            } = self.uses[index];
            let Some(&cell) = cells.iter().find(|cell| !self.is_known(**cell)) else {
                continue;
            };
            let formula = self.constraints.formula(constraint);
            let inverse = match formula.slope(self.grid, row, cell) {
                Slope::Constant(factor) => factor.invert().into_option(),
                Slope::Varying => None,
                Slope::Zero | Slope::Nonlinear => continue,
            };
            steps.push(Step {
                constraint,
                row,
                cell,
                inverse,
            });
            self.give(cell);
        }
        steps
    }

    /// Whether a cell is given or follows.
    pub fn is_known(&self, cell: Cell) -> bool {
        self.known[cell.column * self.grid.rows + cell.row]
    }

    /// Cells that some constraint depends on and that do not follow.
    pub fn undetermined(&self) -> Vec<Cell> {
        self.cells(|index| !self.known[index] && !self.of[index].is_empty())
    }

    /// Cells that no constraint depends on.
    pub fn unconstrained(&self) -> Vec<Cell> {
        self.cells(|index| self.of[index].is_empty())
    }

    fn cells(&self, select: impl Fn(usize) -> bool) -> Vec<Cell> {
        let rows = self.grid.rows;
        let indices = (0..self.known.len()).filter(|&index| select(index));
        indices
            .map(|index| Cell {
                column: index / rows,
                row: index % rows,
            })
            .collect()
    }
}
