//! Our own prover for circuits made of gates and phases.
//!
//! It writes the same proofs as the library's `create_proof` (same transcript, same order of
//! columns, queries and opening sets), so that the library's verifier and ours accept both. What
//! it does differently:
//!
//! - columns are parallel work, with transforms that need no reordering (`transform`);
//! - constraints are compiled under the drawn challenges (`program`);
//! - the quotient is interpolated coset by coset, never on the extended domain (`quotient`);
//! - polynomials are combined before they are divided (`opening`).
//!
//! Circuits with copy constraints or library lookups are refused: the library proves those.

mod interpolation;
mod key;
pub(crate) mod msm;
mod opening;
mod program;
mod quotient;
mod schedule;
mod transform;
mod witness;

use std::borrow::Cow;
use std::io;
use std::time::{Duration, Instant};

use ff::{Field, FromUniformBytes};
use group::Curve;
use halo2_proofs::{
    plonk::{Circuit, Error},
    transcript::{EncodedChallenge, TranscriptWrite},
};
use halo2curves::bn256::{Fr, G1Affine};
use nascent_field::ifma::Ifma;
use nascent_params::Srs;
use rand_core::RngCore;
use rayon::prelude::*;

pub use key::{Key, commit, fixed_columns};
pub(crate) use quotient::coset_columns;
pub(crate) use transform::root;

use msm::Bases;
use opening::{Opened, Opening};
use quotient::Quotient;
use transform::{Domain, reverse};

/// Why a proof could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlonkError {
    /// The circuit has copy constraints or library lookups.
    #[error("the circuit has {what}, which only the library's prover supports")]
    Unsupported {
        /// What is not supported.
        what: &'static str,
    },
    /// The instance has another number of columns than the circuit.
    #[error("{got} instance columns, expected {expected}")]
    Instance {
        /// Columns of the circuit.
        expected: usize,
        /// Columns given.
        got: usize,
    },
    /// The SRS and the key are of different sizes.
    #[error("SRS of size 2^{got}, key of size 2^{expected}")]
    Size {
        /// Size of the key.
        expected: u32,
        /// Size of the SRS.
        got: u32,
    },
    /// The opening challenge hit an opened point; prove again.
    #[error("the opening challenge is one of the opened points")]
    DegenerateChallenge,
    /// The circuit's synthesis failed.
    #[error("synthesis failed: {0}")]
    Synthesis(#[from] Error),
    /// The transcript could not be written.
    #[error("the transcript could not be written: {0}")]
    Transcript(#[from] io::Error),
}

/// Wall time of each part of a proof.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timings {
    /// Synthesis of the advice columns.
    pub synthesis: Duration,
    /// Commitments and inverse transforms of the advice columns.
    pub advice: Duration,
    /// Transforms onto the cosets.
    pub transforms: Duration,
    /// Evaluation of the constraints.
    pub constraints: Duration,
    /// Commitments to the random polynomial and the quotient's pieces.
    pub quotient: Duration,
    /// Evaluations at the challenge point.
    pub evaluations: Duration,
    /// The opening.
    pub opening: Duration,
    /// Field products of one row of the compiled constraints.
    pub products: usize,
}

/// Which arithmetic computes a proof. The proof is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arithmetic {
    /// The curve crate's, on every processor.
    Portable,
    /// Eight elements at once where the processor can, else the portable one.
    Detected,
}

impl Arithmetic {
    fn simd(self) -> Option<Ifma> {
        match self {
            Self::Portable => None,
            Self::Detected => Ifma::try_new(),
        }
    }
}

/// Makes a proof for one circuit with one set of instance columns. The circuit is dropped as soon as
/// its witness is committed.
///
/// # Errors
///
/// If the circuit uses arguments that this prover lacks, does not match the key, or fails in
/// synthesis.
pub fn create_proof<C, E, T>(
    srs: &Srs,
    key: &Key,
    circuit: C,
    instance: &[&[Fr]],
    rng: &mut dyn RngCore,
    transcript: &mut T,
) -> Result<Timings, PlonkError>
where
    C: Circuit<Fr>,
    E: EncodedChallenge<G1Affine>,
    T: TranscriptWrite<G1Affine, E>,
{
    let arithmetic = Arithmetic::Detected;
    create_proof_with(arithmetic, srs, key, circuit, instance, rng, transcript)
}

/// [`create_proof`] with a chosen arithmetic.
///
/// # Errors
///
/// As [`create_proof`].
pub fn create_proof_with<C, E, T>(
    arithmetic: Arithmetic,
    srs: &Srs,
    key: &Key,
    circuit: C,
    instance: &[&[Fr]],
    rng: &mut dyn RngCore,
    transcript: &mut T,
) -> Result<Timings, PlonkError>
where
    C: Circuit<Fr>,
    E: EncodedChallenge<G1Affine>,
    T: TranscriptWrite<G1Affine, E>,
{
    let simd = arithmetic.simd();
    let meta = key.constraints();
    check(srs, key, instance)?;
    let domain = Domain::new(key.k(), simd);
    let mut timings = Timings::default();

    let start = Instant::now();
    transcript.common_scalar(key.opening)?;
    for value in instance.iter().copied().flatten() {
        transcript.common_scalar(*value)?;
    }
    let lagrange = Bases::new(simd, Cow::Owned(srs.lagrange()));
    let setting = witness::Setting {
        lagrange: &lagrange,
        domain: &domain,
        meta,
        instance,
    };
    let committed = witness::commit(&setting, &circuit, rng, transcript)?;
    // A witness may be as large as a dozen columns.
    drop((lagrange, circuit));
    timings.synthesis = committed.synthesis;
    timings.advice = start.elapsed().saturating_sub(committed.synthesis);
    // theta, beta and gamma of the arguments that this circuit does not use.
    (0..3).for_each(|_| drop(transcript.squeeze_challenge()));

    let start = Instant::now();
    let powers = Bases::new(simd, Cow::Borrowed(srs.powers()));
    let random = random_polynomial(domain.size(), rng);
    write_commitment(&powers, &random, transcript)?;
    let y = transcript.squeeze_challenge().get_scalar();
    timings.quotient = start.elapsed();

    let instance_polys = instance_coefficients(&domain, instance);
    let polynomials = quotient::Polynomials {
        advice: &committed.advice,
        fixed: &key.fixed,
        instance: &instance_polys,
    };
    let Quotient {
        pieces,
        transforms,
        constraints,
        products,
    } = quotient::compute(
        &domain,
        meta,
        meta.degree() - 1,
        &polynomials,
        &committed.challenges,
        y,
    );
    (timings.transforms, timings.constraints, timings.products) =
        (transforms, constraints, products);

    let start = Instant::now();
    for piece in &pieces {
        write_commitment(&powers, piece, transcript)?;
    }
    let x = transcript.squeeze_challenge().get_scalar();
    timings.quotient += start.elapsed();

    let start = Instant::now();
    let queries = Queries::new(&domain, key, x);
    let advice = queries.open(&committed.advice, &queries.advice);
    let fixed = queries.open(&key.fixed, &queries.fixed);
    for (_, _, value) in advice.iter().chain(&fixed) {
        transcript.write_scalar(*value)?;
    }
    let mut random = random;
    reverse(&mut random);
    let random_value = evaluate_reversed(&random, &queries.squares[queries.current()]);
    transcript.write_scalar(random_value)?;
    let quotient = combine_pieces(&pieces, x.pow([domain.size() as u64]));
    drop(pieces);
    let quotient_value = evaluate_reversed(&quotient, &queries.squares[queries.current()]);
    timings.evaluations = start.elapsed();

    let start = Instant::now();
    let mut opened = grouped(advice.into_iter().chain(fixed));
    for (coefficients, value) in [(&quotient, quotient_value), (&random, random_value)] {
        opened.push(Opened {
            coefficients,
            points: vec![queries.current()],
            values: vec![value],
        });
    }
    let y = transcript.squeeze_challenge().get_scalar();
    let v = transcript.squeeze_challenge().get_scalar();
    let opening = Opening::new(&opened, &queries.points, y, v);
    write_commitment(&powers, opening.quotient(), transcript)?;
    let u = transcript.squeeze_challenge().get_scalar();
    let last = opening
        .linearisation(u)
        .ok_or(PlonkError::DegenerateChallenge)?;
    write_commitment(&powers, &last, transcript)?;
    timings.opening = start.elapsed();
    Ok(timings)
}

fn check(srs: &Srs, key: &Key, instance: &[&[Fr]]) -> Result<(), PlonkError> {
    let meta = key.constraints();
    if instance.len() != meta.num_instance_columns() {
        return Err(PlonkError::Instance {
            expected: meta.num_instance_columns(),
            got: instance.len(),
        });
    }
    let expected = key.k();
    if srs.k() != expected {
        return Err(PlonkError::Size {
            expected,
            got: srs.k(),
        });
    }
    Ok(())
}

/// Commits to coefficients in natural order.
fn write_commitment<E, T>(
    bases: &Bases<'_>,
    coefficients: &[Fr],
    transcript: &mut T,
) -> io::Result<()>
where
    E: EncodedChallenge<G1Affine>,
    T: TranscriptWrite<G1Affine, E>,
{
    let point = bases.multi_exponentiation(coefficients);
    transcript.write_point(point.to_affine())
}

/// Uniform coefficients, from one seed of the caller's generator.
fn random_polynomial(size: usize, rng: &mut dyn RngCore) -> Vec<Fr> {
    (0..size)
        .map(|_| {
            let mut wide = [0u8; 64];
            rng.fill_bytes(&mut wide);
            Fr::from_uniform_bytes(&wide)
        })
        .collect()
}

fn instance_coefficients(domain: &Domain, instance: &[&[Fr]]) -> Vec<Vec<Fr>> {
    instance
        .iter()
        .map(|values| {
            let mut values = values.to_vec();
            values.resize(domain.size(), Fr::ZERO);
            domain.to_coefficients(&mut values);
            values
        })
        .collect()
}

/// `sum of x^(n i) piece_i`, bit-reversed.
fn combine_pieces(pieces: &[Vec<Fr>], x_to_n: Fr) -> Vec<Fr> {
    let mut sum = vec![Fr::ZERO; pieces.first().map_or(0, Vec::len)];
    for piece in pieces.iter().rev() {
        sum.par_iter_mut()
            .zip(piece)
            .for_each(|(sum, c)| *sum = *sum * x_to_n + c);
    }
    reverse(&mut sum);
    sum
}

/// Points of the queries and the queries in the library's order.
struct Queries {
    points: Vec<Fr>,
    rotations: Vec<i32>,
    /// For each point `p`, the powers `p^(2^i)`.
    squares: Vec<Vec<Fr>>,
    /// Column and point of each advice query.
    advice: Vec<(usize, usize)>,
    /// Column and point of each fixed query.
    fixed: Vec<(usize, usize)>,
}

impl Queries {
    fn new(domain: &Domain, key: &Key, x: Fr) -> Self {
        let meta = key.constraints();
        let mut rotations = vec![0];
        let mut point = |rotation: i32| match rotations.iter().position(|&r| r == rotation) {
            Some(index) => index,
            None => {
                rotations.push(rotation);
                rotations.len() - 1
            }
        };
        let advice = meta
            .advice_queries()
            .iter()
            .map(|(c, r)| (c.index(), point(r.0)))
            .collect();
        let fixed = meta
            .fixed_queries()
            .iter()
            .map(|(c, r)| (c.index(), point(r.0)))
            .collect();
        let points: Vec<Fr> = rotations.iter().map(|&r| x * domain.rotate(r)).collect();
        let squares = points
            .iter()
            .map(|&point| {
                let squares = std::iter::successors(Some(point), |p| Some(p.square()));
                squares.take(domain.k as usize).collect()
            })
            .collect();
        Self {
            points,
            rotations,
            squares,
            advice,
            fixed,
        }
    }

    /// Index of the point `x` itself.
    fn current(&self) -> usize {
        self.rotations.iter().position(|&r| r == 0).unwrap_or(0)
    }

    /// Polynomial, point and value of each query.
    fn open<'a>(
        &self,
        polynomials: &'a [Vec<Fr>],
        queries: &[(usize, usize)],
    ) -> Vec<(&'a [Fr], usize, Fr)> {
        queries
            .par_iter()
            .map(|&(column, point)| {
                let coefficients = polynomials[column].as_slice();
                (
                    coefficients,
                    point,
                    evaluate_reversed(coefficients, &self.squares[point]),
                )
            })
            .collect()
    }
}

/// Queries of one polynomial together, in the order of their first appearance.
fn grouped<'a>(queries: impl Iterator<Item = (&'a [Fr], usize, Fr)>) -> Vec<Opened<'a>> {
    let mut opened: Vec<Opened<'a>> = Vec::new();
    for (coefficients, point, value) in queries {
        match opened
            .iter_mut()
            .find(|o| std::ptr::eq(o.coefficients, coefficients))
        {
            Some(polynomial) => {
                let at = polynomial.points.partition_point(|&p| p < point);
                polynomial.points.insert(at, point);
                polynomial.values.insert(at, value);
            }
            None => opened.push(Opened {
                coefficients,
                points: vec![point],
                values: vec![value],
            }),
        }
    }
    opened
}

/// Value at a point of a polynomial whose coefficients are bit-reversed.
///
/// The first half of the coefficients are the even ones, so that
/// `f(X) = f_first(X^2) + X f_second(X^2)`; `squares[i]` is the point to the power `2^i`.
fn evaluate_reversed(coefficients: &[Fr], squares: &[Fr]) -> Fr {
    match coefficients {
        [] => Fr::ZERO,
        [constant] => *constant,
        [a, b] => *a + *b * squares[0],
        [a, b, c, d] => *a + *b * squares[1] + (*c + *d * squares[1]) * squares[0],
        _ => {
            let (even, odd) = coefficients.split_at(coefficients.len() / 2);
            let rest = &squares[1..];
            evaluate_reversed(even, rest) + evaluate_reversed(odd, rest) * squares[0]
        }
    }
}
