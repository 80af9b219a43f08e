//! Which commitment is opened where: fixed by the key, worked out once.
//!
//! The order of first appearance decides the powers of the opening challenges,
//! so it follows the library: advice queries, permutation products, fixed
//! queries, permutation polynomials, quotient, random polynomial.

use super::data::VkData;
use alloc::vec::Vec;

/// A commitment that is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// A point of the proof, by position.
    Proof(usize),
    /// A commitment of the key: fixed columns, then permutation polynomials.
    Key(usize),
    /// The quotient's pieces, combined.
    Quotient,
}

/// A commitment and where its evaluations stand, one per point of its set.
#[derive(Debug, Clone)]
pub(crate) struct Opening {
    pub(crate) source: Source,
    pub(crate) evaluations: Vec<usize>,
}

/// Commitments opened at the same set of rows.
#[derive(Debug, Clone)]
pub(crate) struct OpeningSet {
    /// Positions in [`Openings::rows`], ascending.
    pub(crate) points: Vec<usize>,
    pub(crate) openings: Vec<Opening>,
}

/// All openings of a proof.
#[derive(Debug, Clone)]
pub(crate) struct Openings {
    /// Rows `r` of all points `omega^r x`.
    pub(crate) rows: Vec<u64>,
    pub(crate) sets: Vec<OpeningSet>,
}

/// Positions of a proof's points and evaluations.
///
/// Points: advice by phase, permutation products, random polynomial, quotient
/// pieces, then the two of the opening. Evaluations: advice queries, fixed
/// queries, random polynomial, permutation polynomials, then two or three per
/// permutation product.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    /// Advice columns in each phase.
    pub(crate) phases: Vec<Vec<usize>>,
    /// Position of each advice column's point.
    pub(crate) advice: Vec<usize>,
    /// First point of the permutation products, and their number.
    pub(crate) products: (usize, usize),
    /// Point of the random polynomial.
    pub(crate) random: usize,
    /// First quotient piece, and their number.
    pub(crate) pieces: (usize, usize),
    /// All points, with the two of the opening.
    pub(crate) points: usize,
    /// First evaluation of the fixed queries.
    pub(crate) fixed_evaluations: usize,
    /// Evaluation of the random polynomial.
    pub(crate) random_evaluation: usize,
    /// First evaluation of the permutation polynomials.
    pub(crate) sigma_evaluations: usize,
    /// First evaluation of the permutation products, three apart.
    pub(crate) product_evaluations: usize,
    /// All evaluations in the proof. The expected quotient is put behind them.
    pub(crate) evaluations: usize,
}

impl Layout {
    pub(crate) fn new(data: &VkData) -> Self {
        let mut phases = Vec::new();
        let mut advice = alloc::vec![0; data.advice_phases.len()];
        let mut next = 0;
        for phase in 0..=data.last_phase() {
            let mut columns = Vec::new();
            for (column, &of) in data.advice_phases.iter().enumerate() {
                if of == phase {
                    columns.push(column);
                    if let Some(slot) = advice.get_mut(column) {
                        *slot = next;
                    }
                    next += 1;
                }
            }
            phases.push(columns);
        }
        let chunk = usize::from(data.degree).saturating_sub(2).max(1);
        let products = data.permutation.len().div_ceil(chunk);
        let pieces = usize::from(data.degree).saturating_sub(1);
        let random = next + products;
        let fixed_evaluations = data.advice_queries.len();
        let random_evaluation = fixed_evaluations + data.fixed_queries.len();
        let sigma_evaluations = random_evaluation + 1;
        let product_evaluations = sigma_evaluations + data.permutation.len();
        Self {
            phases,
            advice,
            products: (next, products),
            random,
            pieces: (random + 1, pieces),
            points: random + 1 + pieces + 2,
            fixed_evaluations,
            random_evaluation,
            sigma_evaluations,
            product_evaluations,
            evaluations: product_evaluations + (3 * products).saturating_sub(1),
        }
    }
}

impl Openings {
    pub(crate) fn new(data: &VkData, layout: &Layout) -> Self {
        let mut list = QueryList {
            modulus: i64::try_from(data.rows()).unwrap_or(i64::MAX),
            commitments: Vec::new(),
        };
        for (index, query) in data.advice_queries.iter().enumerate() {
            let column = usize::try_from(query.column).ok();
            let point = column.and_then(|column| layout.advice.get(column));
            if let Some(&point) = point {
                list.push(Source::Proof(point), query.rotation.into(), index);
            }
        }
        let (first, products) = layout.products;
        for set in 0..products {
            let at = layout.product_evaluations + 3 * set;
            list.push(Source::Proof(first + set), 0, at);
            list.push(Source::Proof(first + set), 1, at + 1);
        }
        let last_row = -i64::from(data.blinding_factors) - 1;
        for set in (0..products.saturating_sub(1)).rev() {
            let at = layout.product_evaluations + 3 * set;
            list.push(Source::Proof(first + set), last_row, at + 2);
        }
        for (index, query) in data.fixed_queries.iter().enumerate() {
            if let Ok(column) = usize::try_from(query.column) {
                let at = layout.fixed_evaluations + index;
                list.push(Source::Key(column), query.rotation.into(), at);
            }
        }
        for column in 0..data.permutation.len() {
            let commitment = data.fixed_commitments.len() + column;
            list.push(
                Source::Key(commitment),
                0,
                layout.sigma_evaluations + column,
            );
        }
        list.push(Source::Quotient, 0, layout.evaluations);
        list.push(Source::Proof(layout.random), 0, layout.random_evaluation);
        list.group()
    }
}

struct QueryList {
    modulus: i64,
    /// Commitments by first appearance, each with `(row, evaluation)`.
    commitments: Vec<(Source, Vec<(u64, usize)>)>,
}

impl QueryList {
    fn push(&mut self, source: Source, rotation: i64, evaluation: usize) {
        let row = u64::try_from(rotation.rem_euclid(self.modulus)).unwrap_or(0);
        match self
            .commitments
            .iter_mut()
            .find(|(known, _)| *known == source)
        {
            Some((_, queries)) => queries.push((row, evaluation)),
            None => self
                .commitments
                .push((source, alloc::vec![(row, evaluation)])),
        }
    }

    /// Groups commitments by their set of rows, in order of first appearance.
    fn group(mut self) -> Openings {
        let mut rows: Vec<u64> = Vec::new();
        for (_, queries) in &mut self.commitments {
            queries.sort_unstable();
            rows.extend(queries.iter().map(|(row, _)| *row));
        }
        rows.sort_unstable();
        rows.dedup();
        let mut sets: Vec<OpeningSet> = Vec::new();
        for (source, queries) in self.commitments {
            let points: Vec<usize> = queries
                .iter()
                .filter_map(|(row, _)| rows.binary_search(row).ok())
                .collect();
            let opening = Opening {
                source,
                evaluations: queries.into_iter().map(|(_, at)| at).collect(),
            };
            match sets.iter_mut().find(|set| set.points == points) {
                Some(set) => set.openings.push(opening),
                None => sets.push(OpeningSet {
                    points,
                    openings: alloc::vec![opening],
                }),
            }
        }
        Openings { rows, sets }
    }
}
