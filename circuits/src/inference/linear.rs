//! Linear forms over cells, for expressions and for integers.
//!
//! A formula that both a gate and the witness need is written once, as data: [`Linear::expr`]
//! gives the expression, [`Linear::eval`] the integer.

use ff::Field;
use halo2_proofs::plonk::{Advice, Column, Expression, Fixed, Instance};
use halo2curves::bn256::Fr;

use super::sheet::Sheet;

type Expr = Expression<Fr>;

/// A cell near the current row.
#[derive(Clone, Copy, Debug)]
pub enum Cell {
    /// Of a first-phase column, on the current row.
    Advice(Column<Advice>),
    /// Of a first-phase column, on the next row.
    NextAdvice(Column<Advice>),
    /// Of a fixed column.
    Fixed(Column<Fixed>),
    /// Of the instance column.
    Instance(Column<Instance>),
}

impl Cell {
    /// The cell as an expression.
    pub fn expr(self) -> Expr {
        match self {
            Self::Advice(column) => column.cur(),
            Self::NextAdvice(column) => column.next(),
            Self::Fixed(column) => column.cur(),
            Self::Instance(column) => column.cur(),
        }
    }

    fn eval(self, sheet: &Sheet, row: usize) -> i64 {
        match self {
            Self::Advice(column) => sheet.advice(column)[row],
            Self::NextAdvice(column) => sheet.advice(column)[row + 1],
            Self::Fixed(column) => sheet.fixed(column)[row],
            Self::Instance(_) => sheet.instance(row),
        }
    }
}

/// An integer as a field element.
pub fn field(value: i64) -> Fr {
    let magnitude = Fr::from(value.unsigned_abs());
    if value < 0 { -magnitude } else { magnitude }
}

/// `constant + sum of coefficient * cell`.
#[derive(Clone, Debug, Default)]
pub struct Linear {
    terms: Vec<(Cell, i64)>,
    constant: i64,
}

impl Linear {
    /// A constant.
    pub fn constant(constant: i64) -> Self {
        Self {
            terms: Vec::new(),
            constant,
        }
    }

    /// `cell - offset`: the integer behind a cell that is stored with an offset.
    pub fn offset(cell: Cell, offset: i64) -> Self {
        Self {
            terms: vec![(cell, 1)],
            constant: -offset,
        }
    }

    /// The cell itself.
    pub fn cell(cell: Cell) -> Self {
        Self::offset(cell, 0)
    }

    /// Adds `coefficient * cell`.
    pub fn plus(mut self, coefficient: i64, cell: Cell) -> Self {
        self.terms.push((cell, coefficient));
        self
    }

    /// Adds a constant.
    pub fn plus_constant(mut self, constant: i64) -> Self {
        self.constant += constant;
        self
    }

    /// The form as an expression of degree at most 1.
    pub fn expr(&self) -> Expr {
        let terms = self
            .terms
            .iter()
            .map(|&(cell, coefficient)| match coefficient {
                1 => cell.expr(),
                _ => cell.expr() * field(coefficient),
            });
        let sum = terms.reduce(|sum, term| sum + term);
        match (sum, self.constant) {
            (Some(sum), 0) => sum,
            (Some(sum), constant) => sum + Expression::Constant(field(constant)),
            (None, constant) => Expression::Constant(field(constant)),
        }
    }

    /// The form's value on a row.
    pub fn eval(&self, sheet: &Sheet, row: usize) -> i64 {
        let terms = self.terms.iter();
        terms.fold(self.constant, |sum, &(cell, coefficient)| {
            sum + coefficient * cell.eval(sheet, row)
        })
    }
}

/// `challenge^power` by repeated squaring.
pub fn power(challenge: &Expr, power: u32) -> Expr {
    match power {
        0 => Expression::Constant(Fr::ONE),
        1 => challenge.clone(),
        _ => {
            let half = self::power(challenge, power / 2);
            let square = half.clone() * half;
            if power.is_multiple_of(2) {
                square
            } else {
                square * challenge.clone()
            }
        }
    }
}
