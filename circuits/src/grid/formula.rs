//! Expressions of the library as straight-line programs.
//!
//! The library keeps expressions as trees, in which a shared part stands once for each use. Here
//! equal subexpressions are one node, which makes evaluation on many rows some fifty times faster
//! and lets the structure be asked: on which cells does a constraint depend on a row, and how?

use std::collections::BTreeMap;

use ff::Field;
use halo2_proofs::plonk::Expression;
use halo2curves::bn256::Fr;

use super::{Cell, Grid};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Node {
    Constant(Fr),
    Fixed(usize, i32),
    Advice(usize, i32),
    Instance(usize, i32),
    Challenge(usize),
    Negated(usize),
    Sum(usize, usize),
    Product(usize, usize),
}

/// Expressions with common parts.
#[derive(Clone, Debug)]
pub struct Formula {
    /// Each node's operands stand before it.
    nodes: Vec<Node>,
    roots: Vec<usize>,
}

/// How an expression depends on one cell, all other cells arbitrary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slope {
    /// Not at all.
    Zero,
    /// Affine, with this factor whatever the other cells hold; never zero.
    Constant(Fr),
    /// Affine, with a factor that other cells or challenges determine.
    Varying,
    /// Not affine.
    Nonlinear,
}

impl Formula {
    /// Compiles expressions; selectors count as zero (the circuits have none).
    pub fn new<'a>(expressions: impl IntoIterator<Item = &'a Expression<Fr>>) -> Self {
        let mut builder = Builder::default();
        let roots = expressions.into_iter().map(|e| builder.add(e)).collect();
        Self {
            nodes: builder.nodes,
            roots,
        }
    }

    /// Values of the expressions on a row; `scratch` saves allocations.
    pub fn eval<'s>(
        &'s self,
        grid: &Grid,
        row: usize,
        scratch: &'s mut Vec<Fr>,
    ) -> impl Iterator<Item = Fr> + 's {
        scratch.clear();
        for node in &self.nodes {
            let value = match *node {
                Node::Constant(value) => value,
                Node::Fixed(column, rotation) => grid.fixed[column][grid.rotate(row, rotation)],
                Node::Advice(column, rotation) => grid.advice[column][grid.rotate(row, rotation)],
                Node::Instance(column, rotation) => {
                    grid.instance[column][grid.rotate(row, rotation)]
                }
                Node::Challenge(index) => grid.challenges[index],
                Node::Negated(a) => -scratch[a],
                Node::Sum(a, b) => scratch[a] + scratch[b],
                // Most factors are: of selectors, and of cells that are not used.
                Node::Product(a, b) if is_zero(&scratch[a]) || is_zero(&scratch[b]) => Fr::ZERO,
                Node::Product(a, b) => scratch[a] * scratch[b],
            };
            scratch.push(value);
        }
        self.roots.iter().map(|&root| scratch[root])
    }

    /// Number of distinct nodes.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is nothing to evaluate.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Advice cells on which the first expression depends on a row, given the fixed columns: a
    /// cell behind a factor that the fixed columns make zero is left out.
    pub fn dependencies(&self, grid: &Grid, row: usize) -> Vec<Cell> {
        let mut cells: Vec<Cell> = Vec::new();
        // For each node its value where fixed, else the set of cells.
        let mut states: Vec<Result<Fr, Vec<u64>>> = Vec::with_capacity(self.nodes.len());
        let union = |a: &Result<Fr, Vec<u64>>, b: &Result<Fr, Vec<u64>>| {
            let mut set = a.clone().err().unwrap_or_default();
            let other = b.as_ref().err().map(Vec::as_slice).unwrap_or_default();
            set.resize(set.len().max(other.len()), 0);
            set.iter_mut().zip(other).for_each(|(x, y)| *x |= y);
            Err(set)
        };
        for node in &self.nodes {
            let state = match *node {
                Node::Constant(value) => Ok(value),
                Node::Fixed(column, rotation) => Ok(grid.fixed[column][grid.rotate(row, rotation)]),
                Node::Advice(column, rotation) => {
                    let index = cells.len();
                    cells.push(Cell {
                        column,
                        row: grid.rotate(row, rotation),
                    });
                    let mut set = vec![0; index / 64 + 1];
                    set[index / 64] = 1 << (index % 64);
                    Err(set)
                }
                Node::Instance(..) | Node::Challenge(_) => Err(Vec::new()),
                Node::Negated(a) => states[a].clone().map(|value| -value),
                Node::Sum(a, b) => match (&states[a], &states[b]) {
                    (Ok(a), Ok(b)) => Ok(a + b),
                    (a, b) => union(a, b),
                },
                Node::Product(a, b) => match (&states[a], &states[b]) {
                    (Ok(a), Ok(b)) => Ok(a * b),
                    (Ok(zero), _) | (_, Ok(zero)) if bool::from(zero.is_zero()) => Ok(Fr::ZERO),
                    (a, b) => union(a, b),
                },
            };
            states.push(state);
        }
        let Some(Err(set)) = self.roots.first().map(|&root| &states[root]) else {
            return Vec::new();
        };
        let listed = |index: usize| {
            set.get(index / 64)
                .is_some_and(|w| w >> (index % 64) & 1 == 1)
        };
        (0..cells.len())
            .filter(|&i| listed(i))
            .map(|i| cells[i])
            .collect()
    }

    /// How the first expression depends on a cell on a row, given the fixed columns.
    pub fn slope(&self, grid: &Grid, row: usize, cell: Cell) -> Slope {
        let mut states: Vec<(Option<Fr>, Slope)> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let state = match *node {
                Node::Constant(value) => (Some(value), Slope::Zero),
                Node::Fixed(column, rotation) => (
                    Some(grid.fixed[column][grid.rotate(row, rotation)]),
                    Slope::Zero,
                ),
                Node::Advice(column, rotation) => {
                    let here = Cell {
                        column,
                        row: grid.rotate(row, rotation),
                    };
                    let one = Slope::Constant(Fr::ONE);
                    (None, if here == cell { one } else { Slope::Zero })
                }
                Node::Instance(..) | Node::Challenge(_) => (None, Slope::Zero),
                Node::Negated(a) => (states[a].0.map(|v| -v), states[a].1.scale(-Fr::ONE)),
                Node::Sum(a, b) => {
                    let ((va, sa), (vb, sb)) = (states[a], states[b]);
                    (va.zip(vb).map(|(a, b)| a + b), sa.plus(sb))
                }
                Node::Product(a, b) => product(states[a], states[b]),
            };
            states.push(state);
        }
        self.roots
            .first()
            .map_or(Slope::Zero, |&root| states[root].1)
    }
}

fn is_zero(value: &Fr) -> bool {
    value == &Fr::ZERO
}

impl Slope {
    fn scale(self, factor: Fr) -> Self {
        match self {
            _ if bool::from(factor.is_zero()) => Slope::Zero,
            Slope::Constant(value) => Slope::Constant(value * factor),
            other => other,
        }
    }

    fn plus(self, other: Self) -> Self {
        match (self, other) {
            (Slope::Nonlinear, _) | (_, Slope::Nonlinear) => Slope::Nonlinear,
            (Slope::Zero, slope) | (slope, Slope::Zero) => slope,
            (Slope::Constant(a), Slope::Constant(b)) if a == -b => Slope::Zero,
            (Slope::Constant(a), Slope::Constant(b)) => Slope::Constant(a + b),
            _ => Slope::Varying,
        }
    }
}

fn product(a: (Option<Fr>, Slope), b: (Option<Fr>, Slope)) -> (Option<Fr>, Slope) {
    match (a, b) {
        ((Some(a), _), (Some(b), _)) => (Some(a * b), Slope::Zero),
        ((Some(factor), _), (_, slope)) | ((_, slope), (Some(factor), _)) => {
            let zero = bool::from(factor.is_zero());
            (zero.then_some(Fr::ZERO), slope.scale(factor))
        }
        ((_, Slope::Zero), (_, Slope::Zero)) => (None, Slope::Zero),
        ((_, Slope::Zero), (_, slope)) | ((_, slope), (_, Slope::Zero)) => match slope {
            Slope::Nonlinear => (None, Slope::Nonlinear),
            _ => (None, Slope::Varying),
        },
        _ => (None, Slope::Nonlinear),
    }
}

#[derive(Default)]
struct Builder {
    nodes: Vec<Node>,
    index: BTreeMap<Node, usize>,
}

impl Builder {
    fn add(&mut self, expression: &Expression<Fr>) -> usize {
        let node = match expression {
            Expression::Constant(value) => Node::Constant(*value),
            Expression::Selector(_) => Node::Constant(Fr::ZERO),
            Expression::Fixed(query) => Node::Fixed(query.column_index(), query.rotation().0),
            Expression::Advice(query) => Node::Advice(query.column_index(), query.rotation().0),
            Expression::Instance(query) => Node::Instance(query.column_index(), query.rotation().0),
            Expression::Challenge(challenge) => Node::Challenge(challenge.index()),
            Expression::Negated(a) => Node::Negated(self.add(a)),
            Expression::Sum(a, b) => Node::Sum(self.add(a), self.add(b)),
            Expression::Product(a, b) => Node::Product(self.add(a), self.add(b)),
            Expression::Scaled(a, factor) => {
                let factor = self.push(Node::Constant(*factor));
                Node::Product(self.add(a), factor)
            }
        };
        self.push(node)
    }

    fn push(&mut self, node: Node) -> usize {
        *self.index.entry(node).or_insert_with(|| {
            self.nodes.push(node);
            self.nodes.len() - 1
        })
    }
}
