//! The function of one number that a chain of elementwise operators is.

use super::flow::{Flow, Op, Unary, ValueId};
use std::collections::BTreeMap;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    Argument,
    Constant(f64),
    Unary(Unary, usize),
    Binary(super::flow::Binary, usize, usize),
}

/// A function of one number as straight-line code.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Program {
    steps: Vec<Step>,
}

impl Program {
    /// What `to` is of its root.
    pub(crate) fn new(flow: &Flow, to: ValueId) -> Self {
        let root = flow.values[to].root;
        let mut program = Self { steps: Vec::new() };
        let mut made = BTreeMap::from([(root, program.push(Step::Argument))]);
        // Operands precede their readers, so the values in between are visited in order.
        let mut between = vec![to];
        let mut next = 0;
        while let Some(&id) = between.get(next) {
            next += 1;
            let inputs = flow.values[id].inputs.iter().copied();
            between.extend(inputs.filter(|_| id != root).filter(|&input| input >= root));
            between.sort_unstable_by(|a, b| b.cmp(a));
            between.dedup();
        }
        for &id in between.iter().rev() {
            program.value(flow, id, &mut made);
        }
        program
    }

    /// Number of steps.
    pub(crate) fn len(&self) -> usize {
        self.steps.len()
    }

    fn push(&mut self, step: Step) -> usize {
        self.steps.push(step);
        self.steps.len() - 1
    }

    fn value(&mut self, flow: &Flow, id: ValueId, made: &mut BTreeMap<ValueId, usize>) -> usize {
        if let Some(&at) = made.get(&id) {
            return at;
        }
        let value = &flow.values[id];
        let operands: Vec<usize> = value
            .inputs
            .iter()
            .map(|&input| match (made.get(&input), flow.scalar(input)) {
                (Some(&at), _) => at,
                (None, Some(constant)) => self.push(Step::Constant(constant)),
                (None, None) => self.push(Step::Constant(0.0)),
            })
            .collect();
        let step = match (&value.op, operands.as_slice()) {
            (Op::Unary(f), [x]) => Step::Unary(*f, *x),
            (Op::Binary(f), [a, b]) => Step::Binary(*f, *a, *b),
            _ => Step::Constant(flow.scalar(id).unwrap_or(0.0)),
        };
        let at = self.push(step);
        made.insert(id, at);
        at
    }

    /// The function's value.
    pub(crate) fn at(&self, x: f64) -> f64 {
        let mut values = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            values.push(match *step {
                Step::Argument => x,
                Step::Constant(value) => value,
                Step::Unary(f, x) => f.at(values[x]),
                Step::Binary(f, a, b) => f.at(values[a], values[b]),
            });
        }
        values.last().copied().unwrap_or(x)
    }

    /// Slopes above and below 0 of a function with `f(c x) = c f(x)` for all positive `c`.
    pub(crate) fn slopes(&self) -> Option<(f64, f64)> {
        use super::flow::Binary::{Add, Div, Max, Min, Mul, Sub};
        // Homogeneous of degree 1 (true) or a constant (false); anything else ends the search.
        let mut kinds: Vec<(bool, f64)> = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            kinds.push(match *step {
                Step::Argument => (true, 0.0),
                Step::Constant(value) => (false, value),
                Step::Unary(f, x) if kinds[x].0 && f.is_homogeneous() => (true, 0.0),
                Step::Unary(..) => return None,
                Step::Binary(f, a, b) => match (f, kinds[a], kinds[b]) {
                    (Add | Sub | Max | Min, (true, _), (true, _)) => (true, 0.0),
                    (Max | Min, (true, _), (false, 0.0)) => (true, 0.0),
                    (Max | Min, (false, 0.0), (true, _)) => (true, 0.0),
                    (Add | Sub, (true, _), (false, 0.0)) => (true, 0.0),
                    (Mul | Div, (true, _), (false, _)) => (true, 0.0),
                    (Mul, (false, _), (true, _)) => (true, 0.0),
                    _ => return None,
                },
            });
        }
        let slopes = (self.at(1.0), -self.at(-1.0));
        let usable = kinds.last().is_none_or(|kind| kind.0);
        (usable && slopes.0.is_finite() && slopes.1.is_finite()).then_some(slopes)
    }

    /// Names of the functions, for tables.
    pub(crate) fn name(&self) -> String {
        let names = self.steps.iter().filter_map(|step| match step {
            Step::Unary(f, _) => Some(format!("{f:?}")),
            Step::Binary(f, ..) => Some(format!("{f:?}")),
            _ => None,
        });
        let names: Vec<String> = names
            .map(|name| name.split([' ', '(']).next().unwrap_or("").to_lowercase())
            .collect();
        if names.is_empty() {
            "identity".to_owned()
        } else {
            names.join("+")
        }
    }
}
