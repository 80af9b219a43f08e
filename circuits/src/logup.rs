//! Lookups by logarithmic derivatives, written as gates.
//!
//! Haböck, *Multivariate lookups based on logarithmic derivatives* (ePrint 2022/1530). Cells
//! `f_i` all lie in a table `t` exactly when, for a random `alpha`,
//!
//! ```text
//! sum over rows and i of 1 / (alpha + f_i)  =  sum over rows of m / (alpha + t)
//! ```
//!
//! for some multiplicities `m`, committed before `alpha` is known. A tuple is first compressed
//! with powers of a second challenge `beta`.
//!
//! Up to three fractions share a *helper* cell `h` of the second phase,
//!
//! ```text
//! h f_1 f_2 f_3 = f_2 f_3 + f_1 f_3 + f_1 f_2
//! ```
//!
//! (degree 5 with its selector), and one running sum ties all of them together:
//!
//! ```text
//! S' = S + active * (sum of lookup helpers) - (sum of table helpers)
//! ```
//!
//! with `S = 0` on the first and the last row. A zero denominator makes a helper's equation
//! either unsatisfiable or independent of `h`; the chance that a random `alpha` hits one is part
//! of the soundness error stated in the book (page "Logup").

use ff::Field;
use halo2_proofs::{
    circuit::{Region, Value},
    plonk::{Advice, Column, ConstraintSystem, Expression, SecondPhase},
};
use halo2curves::bn256::Fr;
use rayon::prelude::*;

type Expr = Expression<Fr>;

/// Fractions that share a helper.
pub const GROUP: usize = 3;

/// Selectors of the chip, all supplied by the caller.
#[derive(Clone, Debug)]
pub struct LogupSelectors {
    /// One on the rows whose lookups count.
    pub active: Expr,
    /// One on the rows `0..last` of the running sum; table rows count here.
    pub running: Expr,
    /// One on rows 0 and `last`.
    pub ends: Expr,
}

/// A table side: the compressed entry and how often it is looked up.
#[derive(Clone, Debug)]
pub struct TableSide {
    /// `alpha + t`, of degree 1.
    pub entry: Expr,
    /// `m`, of degree 1.
    pub multiplicity: Expr,
}

/// Columns and equations of the chip.
#[derive(Clone, Debug)]
pub struct LogupConfig {
    /// Helpers of the lookups, one for each three.
    pub helpers: Vec<Column<Advice>>,
    /// Helpers of the table sides, one for each three.
    pub table_helpers: Vec<Column<Advice>>,
    /// The running sum.
    pub sum: Column<Advice>,
    lookup_count: usize,
    table_count: usize,
}

impl LogupConfig {
    /// Creates the gates for `lookups` (each `alpha + f`, of degree 1) into `tables`.
    ///
    /// Columns are added in the second phase; nothing is allocated in the first.
    pub fn configure(
        meta: &mut ConstraintSystem<Fr>,
        selectors: &LogupSelectors,
        lookups: &[Expr],
        tables: &[TableSide],
    ) -> Self {
        let one = Expression::Constant(Fr::ONE);
        let (lookup_count, table_count) = (lookups.len(), tables.len());
        let lookups: Vec<(Expr, Expr)> = lookups.iter().map(|f| (one.clone(), f.clone())).collect();
        let tables: Vec<(Expr, Expr)> = tables
            .iter()
            .map(|t| (t.multiplicity.clone(), t.entry.clone()))
            .collect();
        let helpers = columns(meta, lookups.len().div_ceil(GROUP));
        let table_helpers = columns(meta, tables.len().div_ceil(GROUP));
        let sum = meta.advice_column_in(SecondPhase);
        let config = Self {
            helpers,
            table_helpers,
            sum,
            lookup_count,
            table_count,
        };

        meta.create_gate("logup lookups", |_| {
            fraction_gates(&selectors.active, &config.helpers, &lookups, "lookups")
        });
        meta.create_gate("logup table", |_| {
            fraction_gates(
                &selectors.running,
                &config.table_helpers,
                &tables,
                "table sides",
            )
        });
        meta.create_gate("logup sum", |_| {
            let step =
                selectors.active.clone() * total(&config.helpers) - total(&config.table_helpers);
            let next = config.sum.next() - config.sum.cur();
            vec![
                ("running sum", selectors.running.clone() * (next - step)),
                (
                    "zero at both ends",
                    selectors.ends.clone() * config.sum.cur(),
                ),
            ]
        });
        config
    }

    /// Fills the columns of the second phase.
    ///
    /// `lookups(row, out)` writes `1 / (alpha + f_i)` for each lookup of an active row and
    /// returns false on other rows; `tables(row, out)` writes `m / (alpha + t)` for each table
    /// side. Rows `0..last` are visited, in parallel; the sum ends on row `last`.
    pub fn assign(
        &self,
        region: &mut Region<'_, Fr>,
        last: usize,
        lookups: &(impl Fn(usize, &mut [Fr]) -> bool + Sync),
        tables: &(impl Fn(usize, &mut [Fr]) + Sync),
    ) {
        let mut sum = Fr::ZERO;
        region.assign_advice(self.sum, 0, Value::known(sum));
        let batch = CHUNK * rayon::current_num_threads();
        for start in (0..last).step_by(batch) {
            let end = last.min(start + batch);
            let chunks: Vec<Vec<RowHelpers>> = (start..end)
                .into_par_iter()
                .step_by(CHUNK)
                .map(|first| self.helpers(first..end.min(first + CHUNK), lookups, tables))
                .collect();
            for (row, helpers) in (start..).zip(chunks.iter().flatten()) {
                for (column, value) in self.helpers.iter().zip(&helpers.lookups) {
                    region.assign_advice(*column, row, Value::known(*value));
                    sum += value;
                }
                for (column, value) in self.table_helpers.iter().zip(&helpers.tables) {
                    region.assign_advice(*column, row, Value::known(*value));
                    sum -= value;
                }
                region.assign_advice(self.sum, row + 1, Value::known(sum));
            }
        }
    }

    fn helpers(
        &self,
        rows: std::ops::Range<usize>,
        lookups: &impl Fn(usize, &mut [Fr]) -> bool,
        tables: &impl Fn(usize, &mut [Fr]),
    ) -> Vec<RowHelpers> {
        let mut fractions = vec![Fr::ZERO; self.lookup_count];
        let mut sides = vec![Fr::ZERO; self.table_count];
        let group = |values: &[Fr]| values.chunks(GROUP).map(|g| g.iter().sum()).collect();
        rows.map(|row| {
            let active = lookups(row, &mut fractions);
            tables(row, &mut sides);
            RowHelpers {
                lookups: if active {
                    group(&fractions)
                } else {
                    Vec::new()
                },
                tables: group(&sides),
            }
        })
        .collect()
    }
}

const CHUNK: usize = 1 << 10;

/// Helper values of a row; no lookups on an inactive one.
struct RowHelpers {
    lookups: Vec<Fr>,
    tables: Vec<Fr>,
}

fn columns(meta: &mut ConstraintSystem<Fr>, count: usize) -> Vec<Column<Advice>> {
    (0..count)
        .map(|_| meta.advice_column_in(SecondPhase))
        .collect()
}

fn total(columns: &[Column<Advice>]) -> Expr {
    let zero = Expression::Constant(Fr::ZERO);
    columns
        .iter()
        .map(|column| column.cur())
        .reduce(|sum, cell| sum + cell)
        .unwrap_or(zero)
}

/// `selector * (h * product of denominators - numerator over the common denominator)`.
fn fraction_gates(
    selector: &Expr,
    helpers: &[Column<Advice>],
    fractions: &[(Expr, Expr)],
    what: &str,
) -> Vec<(String, Expr)> {
    let product = |terms: Vec<Expr>| terms.into_iter().reduce(|a, b| a * b);
    helpers
        .iter()
        .zip(fractions.chunks(GROUP))
        .enumerate()
        .map(|(index, (helper, group))| {
            let denominators = group.iter().map(|(_, d)| d.clone());
            let left = denominators.fold(helper.cur(), |left, d| left * d);
            let right = (0..group.len())
                .map(|i| {
                    let others = group.iter().enumerate().filter(|&(j, _)| j != i);
                    let others = product(others.map(|(_, (_, d))| d.clone()).collect());
                    match others {
                        Some(others) => group[i].0.clone() * others,
                        None => group[i].0.clone(),
                    }
                })
                .reduce(|a, b| a + b)
                .unwrap_or(Expression::Constant(Fr::ZERO));
            (
                format!("{what} {} on", index * GROUP),
                selector.clone() * (left - right),
            )
        })
        .collect()
}
