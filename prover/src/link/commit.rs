//! Publishing commitments to columns, and opening them again to the plain weights.

use std::borrow::Cow;

use group::Curve;
use halo2curves::bn256::Fr;
use nascent_circuits::inference::linear::field;
use nascent_field::ifma::Ifma;
use nascent_params::Srs;
use nascent_verifier::encoding::point_to_bytes;
use nascent_verifier::link::{LinkKeyError, Part, TailPoints};
use rayon::prelude::*;

use super::convert::curve_point;
use super::opening::{Columns, Opening};
use super::point_bytes;
use super::tail::tail_points;
use crate::plonk::msm::Bases;

/// Why plain weights are not what was committed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another number of columns.
    #[error("{got} columns of weights, the commitment has {expected}")]
    Columns {
        /// Columns of the commitment.
        expected: usize,
        /// Columns given.
        got: usize,
    },
    /// Columns of another length than the domain.
    #[error("column {column} has {got} rows, expected {expected}")]
    Rows {
        /// Position.
        column: usize,
        /// Rows of the domain.
        expected: usize,
        /// Rows given.
        got: usize,
    },
    /// The previous commitment is to other columns.
    #[error("the previous commitment is to another architecture, or another circuit of it")]
    Previous,
    /// The previous commitment was made with another secret.
    #[error("the previous commitment was made with another secret")]
    PreviousSecret,
    /// A column is not the committed one, or the opening is another commitment's.
    #[error(
        "column {column} is not what was committed, or the opening belongs to another commitment"
    )]
    Column {
        /// Position.
        column: usize,
    },
}

/// An SRS prepared for committing to columns of small integers.
pub struct Committer<'a> {
    srs: &'a Srs,
    bases: Bases<'static>,
    tail: usize,
}

impl<'a> Committer<'a> {
    /// Prepares an SRS; the last `tail` rows of each column will be random.
    pub fn new(srs: &'a Srs, tail: usize) -> Self {
        Self {
            srs,
            bases: Bases::new(Ifma::try_new(), Cow::Owned(srs.lagrange())),
            tail,
        }
    }

    /// The tail points: a function of SRS and size alone.
    ///
    /// # Errors
    ///
    /// If the tail is not shorter than the domain.
    pub fn tail_points(&self) -> Result<TailPoints, LinkKeyError> {
        tail_points(self.srs, &self.bases, self.tail)
    }

    /// Commitments to columns of `2^k` cells, whose last rows are replaced by the opening's tail.
    ///
    /// Takes the time of a multi-exponentiation of the cells' size; a column at a time is in
    /// memory as field elements for each thread.
    ///
    /// # Errors
    ///
    /// If a column has another length.
    pub fn commit(
        &self,
        columns: &Columns,
        cells: &[Vec<i64>],
        opening: &Opening,
    ) -> Result<Vec<[u8; 32]>, OpenError> {
        let rows = 1_usize << self.srs.k();
        let first = rows - self.tail.min(rows);
        let commit = |(column, cells): (usize, &Vec<i64>)| {
            if cells.len() != rows {
                return Err(OpenError::Rows {
                    column,
                    expected: rows,
                    got: cells.len(),
                });
            }
            let mut values: Vec<Fr> = cells.iter().map(|&cell| field(cell)).collect();
            let tail = opening.tail(columns, column, cells, self.tail);
            values[first..].copy_from_slice(tail.as_slice());
            let point = self.bases.multi_exponentiation(&values).to_affine();
            // Only the tail is secret beyond the caller's own copy of the cells.
            values[first..].fill(field(0));
            std::hint::black_box(&values);
            Ok(point_bytes(&point))
        };
        cells.par_iter().enumerate().map(commit).collect()
    }

    /// As [`Self::commit`], from a commitment to other cells of the same columns: takes the time of the
    /// cells that differ. Gives the points, and how many cells differ.
    ///
    /// The points are those that [`Self::commit`] gives, if `previous` holds `old`; else they are of no
    /// use, and [`Self::open`] tells.
    ///
    /// # Errors
    ///
    /// If the previous commitment is to other columns, or a column has another length.
    pub fn commit_from(
        &self,
        previous: &Part,
        old: &[Vec<i64>],
        new: &[Vec<i64>],
        opening: &Opening,
    ) -> Result<(Vec<[u8; 32]>, u64), OpenError> {
        let columns = Columns::of(previous);
        let expected = previous.points().len();
        for got in [old.len(), new.len()] {
            if got != expected {
                return Err(OpenError::Columns { expected, got });
            }
        }
        let rows = 1_usize << self.srs.k();
        let first = rows - self.tail.min(rows);
        let pairs = old.par_iter().zip(new).zip(previous.points()).enumerate();
        let updated = pairs.map(|(column, ((old, new), point))| {
            for cells in [old, new] {
                if cells.len() != rows {
                    return Err(OpenError::Rows {
                        column,
                        expected: rows,
                        got: cells.len(),
                    });
                }
            }
            let differ: Vec<usize> = (0..first).filter(|&row| old[row] != new[row]).collect();
            if differ.is_empty() {
                // The tail is a hash of the cells: it is the same.
                return Ok((point_to_bytes(point), 0));
            }
            let sum = |cells: &[i64]| {
                let mut values = vec![field(0); rows];
                for &row in &differ {
                    values[row] = field(cells[row]);
                }
                let tail = opening.tail(&columns, column, cells, self.tail);
                values[first..].copy_from_slice(tail.as_slice());
                let sum = self.bases.multi_exponentiation(&values);
                values[first..].fill(field(0));
                std::hint::black_box(&values);
                sum
            };
            let point = curve_point(&point_to_bytes(point)).map_err(|_| OpenError::Previous)?;
            let point = (sum(new) - sum(old) + point).to_affine();
            Ok((point_bytes(&point), differ.len() as u64))
        });
        let updated = updated.collect::<Result<Vec<_>, _>>()?;
        let cells = updated.iter().map(|(_, cells)| cells).sum();
        Ok((updated.into_iter().map(|(point, _)| point).collect(), cells))
    }

    /// Checks that a published part holds exactly these cells.
    ///
    /// # Errors
    ///
    /// The first column that differs.
    pub fn open(
        &self,
        part: &Part,
        cells: &[Vec<i64>],
        opening: &Opening,
    ) -> Result<(), OpenError> {
        if cells.len() != part.points().len() {
            return Err(OpenError::Columns {
                expected: part.points().len(),
                got: cells.len(),
            });
        }
        let points = self.commit(&Columns::of(part), cells, opening)?;
        let mut pairs = points.iter().zip(part.points());
        match pairs.position(|(ours, theirs)| *ours != point_to_bytes(theirs)) {
            Some(column) => Err(OpenError::Column { column }),
            None => Ok(()),
        }
    }
}
