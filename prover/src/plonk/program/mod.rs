//! All constraints of a circuit as one straight-line program.
//!
//! The quotient's numerator on a row is `sum over constraints of y^i * constraint`. With all
//! challenges known the sum is compiled, not interpreted term by term:
//!
//! - linear parts are flattened: a constraint that is linear in some product or cell contributes
//!   one coefficient to it, whatever the number of matrix rows, round constants or constraints
//!   that mention it. The linear layers of the permutation so cost one product a lane;
//! - constraints under one selector are added up first and multiplied by it once;
//! - equal subexpressions are computed once.
//!
//! The program runs on blocks of rows, one operation at a time over the whole block, so that the
//! interpretation costs nothing beside the arithmetic.

#[cfg(target_arch = "x86_64")]
mod vector;

use std::collections::{BTreeMap, HashMap};

use ff::{Field, PrimeField};
use halo2_proofs::plonk::Expression;
use halo2curves::bn256::Fr;
use nascent_field::ifma::Ifma;
use rayon::prelude::*;

use super::transform::Column;

/// Rows that a worker evaluates at a time: registers then fit the cache.
const BLOCK: usize = 64;

type Node = usize;

/// Where a cell is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Cell {
    /// Which columns: advice, fixed, instance.
    pub(crate) kind: Kind,
    /// Column index.
    pub(crate) column: usize,
    /// Rotation.
    pub(crate) rotation: i32,
}

/// Type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    Advice,
    Fixed,
    Instance,
}

/// `constant + sum of coefficient * node`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Linear {
    constant: Fr,
    terms: BTreeMap<Node, Fr>,
}

impl Linear {
    fn add(&mut self, node: Node, factor: Fr) {
        *self.terms.entry(node).or_insert(Fr::ZERO) += factor;
    }

    fn simplify(&mut self) {
        self.terms.retain(|_, factor| !bool::from(factor.is_zero()));
    }
}

#[derive(Clone, Debug)]
enum Op {
    Cell(Cell),
    Product(Node, Node),
    Linear {
        constant: Fr,
        terms: Vec<(Fr, Node)>,
    },
}

/// Value of a subexpression: known, or a node.
#[derive(Clone, Copy)]
enum Part {
    Known(Fr),
    Node(Node),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Cell(Cell),
    Product(Node, Node),
    Linear([u8; 32], Vec<([u8; 32], Node)>),
}

#[derive(Default)]
struct Builder {
    ops: Vec<Op>,
    index: HashMap<Key, Node>,
    /// Whether a node reads fixed columns only.
    fixed: Vec<bool>,
    challenges: Vec<Fr>,
}

impl Builder {
    fn push(&mut self, key: Key, op: Op, fixed: bool) -> Node {
        if let Some(&node) = self.index.get(&key) {
            return node;
        }
        let node = self.ops.len();
        self.ops.push(op);
        self.fixed.push(fixed);
        self.index.insert(key, node);
        node
    }

    fn cell(&mut self, kind: Kind, column: usize, rotation: i32) -> Node {
        let cell = Cell {
            kind,
            column,
            rotation,
        };
        self.push(Key::Cell(cell), Op::Cell(cell), kind == Kind::Fixed)
    }

    fn product(&mut self, a: Node, b: Node) -> Node {
        let (a, b) = (a.min(b), a.max(b));
        let fixed = self.fixed[a] && self.fixed[b];
        self.push(Key::Product(a, b), Op::Product(a, b), fixed)
    }

    /// The value of a linear form, as a node unless it is known.
    fn close(&mut self, mut form: Linear) -> Part {
        form.simplify();
        if form.terms.is_empty() {
            return Part::Known(form.constant);
        }
        if bool::from(form.constant.is_zero())
            && form.terms.len() == 1
            && let Some((&node, factor)) = form.terms.iter().next()
            && *factor == Fr::ONE
        {
            return Part::Node(node);
        }
        let terms: Vec<(Fr, Node)> = form
            .terms
            .iter()
            .map(|(&node, &factor)| (factor, node))
            .collect();
        let key = terms
            .iter()
            .map(|(factor, node)| (factor.to_repr(), *node))
            .collect();
        let fixed = terms.iter().all(|&(_, node)| self.fixed[node]);
        let op = Op::Linear {
            constant: form.constant,
            terms,
        };
        Part::Node(self.push(Key::Linear(form.constant.to_repr(), key), op, fixed))
    }

    fn part(&mut self, expression: &Expression<Fr>) -> Part {
        let mut form = Linear::default();
        self.flatten(expression, Fr::ONE, &mut form);
        self.close(form)
    }

    /// Adds `factor * expression` to a linear form.
    fn flatten(&mut self, expression: &Expression<Fr>, factor: Fr, form: &mut Linear) {
        match expression {
            Expression::Constant(value) => form.constant += factor * value,
            Expression::Challenge(challenge) => {
                form.constant += factor * self.challenges[challenge.index()];
            }
            Expression::Negated(a) => self.flatten(a, -factor, form),
            Expression::Scaled(a, scale) => self.flatten(a, factor * scale, form),
            Expression::Sum(a, b) => {
                self.flatten(a, factor, form);
                self.flatten(b, factor, form);
            }
            Expression::Product(a, b) => {
                if let Some(known) = self.known(a) {
                    return self.flatten(b, factor * known, form);
                }
                if let Some(known) = self.known(b) {
                    return self.flatten(a, factor * known, form);
                }
                match (self.part(a), self.part(b)) {
                    (Part::Node(a), Part::Node(b)) => {
                        let product = self.product(a, b);
                        form.add(product, factor);
                    }
                    // Cells that cancel out.
                    (Part::Known(known), Part::Node(node))
                    | (Part::Node(node), Part::Known(known)) => {
                        form.add(node, factor * known);
                    }
                    (Part::Known(a), Part::Known(b)) => form.constant += factor * a * b,
                }
            }
            leaf => {
                let node = self.leaf(leaf);
                form.add(node, factor);
            }
        }
    }

    /// Value of an expression without cells.
    fn known(&self, expression: &Expression<Fr>) -> Option<Fr> {
        match expression {
            Expression::Constant(value) => Some(*value),
            Expression::Challenge(challenge) => Some(self.challenges[challenge.index()]),
            Expression::Negated(a) => Some(-self.known(a)?),
            Expression::Scaled(a, scale) => Some(self.known(a)? * scale),
            Expression::Sum(a, b) => Some(self.known(a)? + self.known(b)?),
            Expression::Product(a, b) => Some(self.known(a)? * self.known(b)?),
            _ => None,
        }
    }

    fn leaf(&mut self, expression: &Expression<Fr>) -> Node {
        match expression {
            Expression::Fixed(query) => {
                self.cell(Kind::Fixed, query.column_index(), query.rotation().0)
            }
            Expression::Advice(query) => {
                self.cell(Kind::Advice, query.column_index(), query.rotation().0)
            }
            Expression::Instance(query) => {
                self.cell(Kind::Instance, query.column_index(), query.rotation().0)
            }
            // Selectors are refused before compilation; the rest is handled by `flatten`.
            _ => unreachable!("not a leaf"),
        }
    }

    /// Adds `factor * constraint` to the forms, one for each selector (none for the rest).
    fn constraint(
        &mut self,
        expression: &Expression<Fr>,
        factor: Fr,
        forms: &mut BTreeMap<Option<Node>, Linear>,
    ) {
        match expression {
            Expression::Sum(a, b) => {
                self.constraint(a, factor, forms);
                self.constraint(b, factor, forms);
            }
            Expression::Negated(a) => self.constraint(a, -factor, forms),
            Expression::Scaled(a, scale) => self.constraint(a, factor * scale, forms),
            Expression::Product(a, b) => {
                let selector = match self.part(a) {
                    Part::Node(node) if self.fixed[node] => Some(node),
                    _ => None,
                };
                match selector {
                    Some(node) => {
                        let mut form = forms.remove(&Some(node)).unwrap_or_default();
                        self.flatten(b, factor, &mut form);
                        forms.insert(Some(node), form);
                    }
                    None => self.flatten(expression, factor, forms.entry(None).or_default()),
                }
            }
            _ => self.flatten(expression, factor, forms.entry(None).or_default()),
        }
    }
}

/// Where an operand lives while a block of rows is computed.
#[derive(Clone, Copy, Debug)]
enum Source {
    Cell(Cell),
    Register(usize),
}

#[derive(Clone, Debug)]
enum Step {
    Product {
        out: usize,
        a: Source,
        b: Source,
    },
    Square {
        out: usize,
        a: Source,
    },
    Linear {
        out: usize,
        constant: Fr,
        terms: Vec<(Fr, Source)>,
    },
}

/// A compiled constraint system under given challenges.
#[derive(Debug)]
pub(crate) struct Program {
    steps: Vec<Step>,
    registers: usize,
    result: Option<Source>,
}

impl Program {
    /// Compiles `sum of factor * constraint` over the constraints given.
    pub(crate) fn compile(constraints: &[(Fr, &Expression<Fr>)], challenges: &[Fr]) -> Self {
        let mut builder = Builder {
            challenges: challenges.to_vec(),
            ..Builder::default()
        };
        let mut forms = BTreeMap::new();
        for (factor, constraint) in constraints {
            builder.constraint(constraint, *factor, &mut forms);
        }
        let mut total = forms.remove(&None).unwrap_or_default();
        for (selector, form) in forms {
            let Some(selector) = selector else { continue };
            match builder.close(form) {
                Part::Known(value) => total.add(selector, value),
                Part::Node(node) => {
                    let product = builder.product(selector, node);
                    total.add(product, Fr::ONE);
                }
            }
        }
        let result = match builder.close(total) {
            Part::Known(_) => None,
            Part::Node(node) => Some(node),
        };
        Self::allocate(&builder.ops, result)
    }

    /// Number of field products of a row, for reports.
    pub(crate) fn products(&self) -> usize {
        self.steps
            .iter()
            .map(|step| match step {
                Step::Product { .. } | Step::Square { .. } => 1,
                Step::Linear { terms, .. } => terms.iter().filter(|(f, _)| *f != Fr::ONE).count(),
            })
            .sum()
    }

    /// Gives registers to the nodes that the result needs, reusing them after their last use.
    fn allocate(ops: &[Op], result: Option<Node>) -> Self {
        let operands = |op: &Op| -> Vec<Node> {
            match op {
                Op::Cell(_) => Vec::new(),
                Op::Product(a, b) => vec![*a, *b],
                Op::Linear { terms, .. } => terms.iter().map(|&(_, node)| node).collect(),
            }
        };
        let mut needed = vec![false; ops.len()];
        if let Some(node) = result {
            needed[node] = true;
        }
        let mut last_use: HashMap<Node, Node> = HashMap::new();
        for node in (0..ops.len()).rev().filter(|_| result.is_some()) {
            if needed[node] {
                for operand in operands(&ops[node]) {
                    needed[operand] = true;
                    last_use.entry(operand).or_insert(node);
                }
            }
        }
        let mut program = Self {
            steps: Vec::new(),
            registers: 0,
            result: None,
        };
        let mut sources: Vec<Option<Source>> = vec![None; ops.len()];
        let mut free = Vec::new();
        for (node, op) in ops.iter().enumerate().filter(|(node, _)| needed[*node]) {
            let source = |node: Node| sources[node].expect("operands come first");
            if let Op::Cell(cell) = op {
                sources[node] = Some(Source::Cell(*cell));
                continue;
            }
            let out = free.pop().unwrap_or_else(|| {
                program.registers += 1;
                program.registers - 1
            });
            program.steps.push(match op {
                Op::Product(a, b) if a == b => Step::Square { out, a: source(*a) },
                Op::Product(a, b) => Step::Product {
                    out,
                    a: source(*a),
                    b: source(*b),
                },
                Op::Linear { constant, terms } => Step::Linear {
                    out,
                    constant: *constant,
                    terms: terms
                        .iter()
                        .map(|&(factor, node)| (factor, source(node)))
                        .collect(),
                },
                Op::Cell(_) => continue,
            });
            sources[node] = Some(Source::Register(out));
            // A register is free for the next step once its last reader has run.
            for operand in operands(op) {
                if last_use.get(&operand) == Some(&node)
                    && let Some(Source::Register(register)) = sources[operand].take()
                {
                    free.push(register);
                }
            }
        }
        program.result = result.and_then(|node| sources[node]);
        program
    }

    /// Runs the program on all rows; all columns are of the kind that the vector unit, if any, works
    /// on.
    pub(crate) fn evaluate(&self, simd: Option<Ifma>, columns: &Columns, out: &mut [Fr]) {
        match simd {
            #[cfg(target_arch = "x86_64")]
            Some(simd) => vector::Program::new(simd, self).evaluate(columns, out),
            _ => self.evaluate_portably(columns, out),
        }
    }

    fn evaluate_portably(&self, columns: &Columns, out: &mut [Fr]) {
        out.par_chunks_mut(BLOCK).enumerate().for_each_init(
            Scratch::default,
            |scratch, (index, block)| {
                self.run(columns, index * BLOCK, block, scratch);
            },
        );
    }

    /// Runs the program on rows `start..start + out.len()`.
    fn run(&self, columns: &Columns, start: usize, out: &mut [Fr], scratch: &mut Scratch) {
        let rows = out.len();
        scratch.registers.resize_with(self.registers, Vec::new);
        for step in &self.steps {
            let (Step::Product { out: index, .. }
            | Step::Square { out: index, .. }
            | Step::Linear { out: index, .. }) = step;
            let mut target = std::mem::take(&mut scratch.registers[*index]);
            target.resize(rows, Fr::ZERO);
            match step {
                Step::Square { a, .. } => scratch.read(columns, *a, start, rows, |a| {
                    for (t, a) in target.iter_mut().zip(a) {
                        *t = a.square();
                    }
                }),
                Step::Product { a, b, .. } => {
                    scratch.read(columns, *a, start, rows, |a| target.copy_from_slice(a));
                    scratch.read(columns, *b, start, rows, |b| {
                        for (t, b) in target.iter_mut().zip(b) {
                            *t *= b;
                        }
                    });
                }
                Step::Linear {
                    constant, terms, ..
                } => {
                    target.fill(*constant);
                    for (factor, source) in terms {
                        scratch.read(columns, *source, start, rows, |x| {
                            add_scaled(&mut target, x, factor)
                        });
                    }
                }
            }
            scratch.registers[*index] = target;
        }
        match self.result {
            Some(source) => scratch.read(columns, source, start, rows, |x| out.copy_from_slice(x)),
            None => out.fill(Fr::ZERO),
        }
    }
}

fn add_scaled(target: &mut [Fr], x: &[Fr], factor: &Fr) {
    if *factor == Fr::ONE {
        target.iter_mut().zip(x).for_each(|(t, x)| *t += x);
    } else if *factor == -Fr::ONE {
        target.iter_mut().zip(x).for_each(|(t, x)| *t -= x);
    } else {
        target
            .iter_mut()
            .zip(x)
            .for_each(|(t, x)| *t += *x * factor);
    }
}

/// Values of columns on one coset; those that the program does not read may be empty.
pub(crate) struct Columns {
    /// Advice columns.
    pub(crate) advice: Vec<Column>,
    /// Fixed columns.
    pub(crate) fixed: Vec<Column>,
    /// Instance columns.
    pub(crate) instance: Vec<Column>,
}

impl Columns {
    fn get(&self, cell: &Cell) -> &Column {
        match cell.kind {
            Kind::Advice => &self.advice[cell.column],
            Kind::Fixed => &self.fixed[cell.column],
            Kind::Instance => &self.instance[cell.column],
        }
    }
}

/// Registers of one worker.
#[derive(Default)]
pub(crate) struct Scratch {
    registers: Vec<Vec<Fr>>,
}

impl Scratch {
    /// Hands the operand's rows to `use_rows`, in one piece.
    fn read(
        &self,
        columns: &Columns,
        source: Source,
        start: usize,
        rows: usize,
        use_rows: impl FnOnce(&[Fr]),
    ) {
        let cell = match source {
            Source::Register(register) => return use_rows(&self.registers[register][..rows]),
            Source::Cell(cell) => cell,
        };
        let column = columns.get(&cell).portable();
        let size = column.len();
        let first = (start as i64 + i64::from(cell.rotation)).rem_euclid(size as i64) as usize;
        if first + rows <= size {
            use_rows(&column[first..first + rows]);
        } else {
            let wrapped: Vec<Fr> = (0..rows).map(|i| column[(first + i) % size]).collect();
            use_rows(&wrapped);
        }
    }
}
