//! What samples and weights decided when a model was lowered.
//!
//! Lowering is a function of two things: the model without its weights, and a profile. The model
//! decides the structure: operators, connections, shapes, which tensor is which parameter. The
//! profile has the numbers that are no part of a model: the steps of scales, bits of ranges, and
//! whether two stored matrices are one. Whoever has both lowers again and gets the same integer
//! graph, without samples and without weights.
//!
//! The profile is a list of decisions, in the order in which lowering asks for them. Each has bounds
//! of its own; none can change an operator, a connection or a known constant.

use super::error::{InferError, Result};
use super::options::Options;
use nascent_verifier::codec::{Format, FormatError, bounded};
use nascent_verifier::digest::{Digest32, tagged};
use nascent_verifier::text::{Quoted, is_plain};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Most decisions of a profile.
const MAX_DECISIONS: usize = 1 << 20;

/// Most sizes of free dimensions.
const MAX_DIMS: usize = 1 << 10;

/// Scales are `2^(n / 4)` with `n` up to this: `2^-256` to `2^256`.
const MAX_SCALE: i32 = 1024;

/// One decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Decision {
    /// A step is `2^(n / 4)`: of a value, or of the argument of a table.
    Step(i16),
    /// Whether the samples of a value whose function is never negative were not negative either, so
    /// that its range begins at 0.
    Unsigned(bool),
    /// How often the step of a table's argument was doubled until the argument fitted the table.
    Doublings(u8),
    /// A contraction with a bias is multiplied by `2^n` first.
    Factor(u8),
    /// A parameter's declared range has this many bits.
    Bits(u8),
    /// The step of a constant factor: the bits of an `f64`, finite and positive.
    Unit(u64),
    /// Weights are the transpose of the table of this embedding, by position.
    Tied(Option<u32>),
}

/// Why a profile is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// A number out of its range.
    #[error("decision {at}: {decision:?} is out of range")]
    Range {
        /// Position, those of the structure first.
        at: usize,
        /// The decision.
        decision: Decision,
    },
    /// An option out of its range.
    #[error("option {option}: {got}")]
    Option {
        /// Which.
        option: &'static str,
        /// What was found.
        got: u64,
    },
    /// A name of a free dimension with characters that do not show themselves.
    #[error("a name with control characters, marks of direction or characters that take no place")]
    NotPlain,
    /// Names of free dimensions not in order, or twice.
    #[error("the names of free dimensions are not in order")]
    Order,
}

/// What is no part of a model, and decides its integer graph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Digest of the graph that it leads to.
    pub architecture: Digest32,
    /// Digest of the plan's model specification, if the weights are its deviates.
    pub model: Option<Digest32>,
    /// Size of a free first dimension.
    pub batch: u32,
    /// Sizes of other free dimensions, by name.
    #[serde(deserialize_with = "bounded::<_, _, MAX_DIMS>")]
    pub dims: Vec<(String, u32)>,
    /// Bits of an activation.
    pub activation_bits: u8,
    /// Bits of a weight.
    pub weight_bits: u8,
    /// Bits of the lookup tables.
    pub table_bits: u8,
    /// Decisions of the structure.
    #[serde(deserialize_with = "bounded::<_, _, MAX_DECISIONS>")]
    pub ties: Vec<Decision>,
    /// Decisions of the lowering.
    #[serde(deserialize_with = "bounded::<_, _, MAX_DECISIONS>")]
    pub decisions: Vec<Decision>,
}

impl Profile {
    /// Digest of the canonical bytes.
    ///
    /// # Errors
    /// A profile that [`Format::validate`] refuses.
    pub fn digest(&self) -> std::result::Result<Digest32, FormatError<ProfileError>> {
        Ok(tagged("nascent profile v1", &[&self.encode()?]))
    }

    /// The options that it fixes.
    pub(crate) fn options(&self) -> Options {
        let dims = self.dims.iter();
        Options {
            batch: self.batch as usize,
            dims: dims
                .map(|(name, size)| (name.clone(), *size as usize))
                .collect(),
            activation_bits: self.activation_bits,
            weight_bits: self.weight_bits,
            table_bits: Some(self.table_bits),
            ..Options::default()
        }
    }

    /// Finest and coarsest step of a value, as powers of two.
    pub fn steps(&self) -> Option<(f64, f64)> {
        let steps = self.decisions.iter().filter_map(|decision| match decision {
            Decision::Step(n) => Some(f64::from(*n) / 4.0),
            _ => None,
        });
        steps.fold(None, |range, step| match range {
            None => Some((step, step)),
            Some((lo, hi)) => Some((step.min(lo), step.max(hi))),
        })
    }
}

/// One line, for people.
impl fmt::Display for Profile {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "activations of {} bits, weights of {}, tables of {}, {} decisions",
            self.activation_bits,
            self.weight_bits,
            self.table_bits,
            self.ties.len() + self.decisions.len()
        )?;
        if self.batch != 1 {
            write!(out, ", batches of {}", self.batch)?;
        }
        for (name, size) in &self.dims {
            write!(out, ", dimension {} = {size}", Quoted(name))?;
        }
        match self.steps() {
            Some((finest, coarsest)) => write!(out, ", steps from 2^{finest} to 2^{coarsest}"),
            None => Ok(()),
        }
    }
}

impl Format for Profile {
    const MAGIC: [u8; 8] = *b"nsc.prof";
    const VERSION: u16 = 1;
    const MAX_BYTES: usize = 8 << 20;
    type Error = ProfileError;

    fn validate(&self) -> std::result::Result<(), ProfileError> {
        for (option, bits, least, most) in [
            ("activation-bits", self.activation_bits, 4, 12),
            // Deviates have up to 16.
            ("weight-bits", self.weight_bits, 4, 16),
            ("table-bits", self.table_bits, 12, 16),
        ] {
            if !(least..=most).contains(&bits) {
                let got = bits.into();
                return Err(ProfileError::Option { option, got });
            }
        }
        if self.weight_bits > self.table_bits {
            return Err(ProfileError::Option {
                option: "weight-bits, which are more than those of the tables",
                got: self.weight_bits.into(),
            });
        }
        let sizes = self.dims.iter().map(|(_, size)| *size);
        if let Some(size) = sizes.chain([self.batch]).find(|&size| size == 0) {
            let got = size.into();
            return Err(ProfileError::Option {
                option: "batch or dims",
                got,
            });
        }
        if !self.dims.iter().all(|(name, _)| is_plain(name)) {
            return Err(ProfileError::NotPlain);
        }
        if self.dims.windows(2).any(|pair| pair[0].0 >= pair[1].0) {
            return Err(ProfileError::Order);
        }
        let all = self.ties.iter().chain(&self.decisions);
        for (at, &decision) in all.enumerate() {
            let fits = match decision {
                Decision::Step(n) => i32::from(n).abs() <= MAX_SCALE,
                Decision::Doublings(n) => n <= MAX_DOUBLINGS,
                Decision::Factor(n) => n <= 30,
                Decision::Bits(n) => (1..=32).contains(&n),
                Decision::Unit(bits) => {
                    let unit = f64::from_bits(bits);
                    unit.is_normal() && unit > 0.0
                }
                Decision::Unsigned(_) | Decision::Tied(_) => true,
            };
            if !fits {
                return Err(ProfileError::Range { at, decision });
            }
        }
        Ok(())
    }
}

/// Most doublings of a step.
pub(crate) const MAX_DOUBLINGS: u8 = 64;

/// Decisions, as they are made or as they are read again.
#[derive(Debug, Clone)]
pub(crate) enum Tape {
    Record(Vec<Decision>),
    Replay { decisions: Vec<Decision>, at: usize },
}

impl Tape {
    pub(crate) fn record() -> Self {
        Self::Record(Vec::new())
    }

    pub(crate) fn replay(decisions: &[Decision]) -> Self {
        Self::Replay {
            decisions: decisions.to_vec(),
            at: 0,
        }
    }

    /// Whether samples and weights are at hand.
    pub(crate) fn is_recording(&self) -> bool {
        matches!(self, Self::Record(_))
    }

    /// Writes down what was decided, or reads it: `made` is there exactly while recording.
    fn take(&mut self, made: Option<Decision>) -> Result<Decision> {
        match (self, made) {
            (Self::Record(log), Some(decision)) => {
                log.push(decision);
                Ok(decision)
            }
            (Self::Replay { decisions, at }, None) => {
                let decision = decisions.get(*at).copied();
                *at += 1;
                decision.ok_or_else(|| refused("it ends early"))
            }
            _ => Err(refused("it was read and written at once")),
        }
    }

    /// A step on the grid.
    pub(crate) fn step(&mut self, made: Option<f64>) -> Result<f64> {
        let made = match made {
            Some(step) => Some(Decision::Step(exponent(step).ok_or_else(|| {
                refused("a step is no power of 2^(1/4) between 2^-256 and 2^256")
            })?)),
            None => None,
        };
        match self.take(made)? {
            Decision::Step(n) => Ok(libm::exp2(f64::from(n) / 4.0)),
            other => Err(other_kind("a step", other)),
        }
    }

    pub(crate) fn unsigned(&mut self, made: Option<bool>) -> Result<bool> {
        match self.take(made.map(Decision::Unsigned))? {
            Decision::Unsigned(made) => Ok(made),
            other => Err(other_kind("a sign", other)),
        }
    }

    pub(crate) fn doublings(&mut self, made: Option<u8>) -> Result<u8> {
        match self.take(made.map(Decision::Doublings))? {
            Decision::Doublings(made) => Ok(made),
            other => Err(other_kind("doublings", other)),
        }
    }

    pub(crate) fn factor(&mut self, made: Option<u8>) -> Result<u8> {
        match self.take(made.map(Decision::Factor))? {
            Decision::Factor(made) => Ok(made),
            other => Err(other_kind("a factor", other)),
        }
    }

    pub(crate) fn bits(&mut self, made: Option<u8>) -> Result<u8> {
        match self.take(made.map(Decision::Bits))? {
            Decision::Bits(made) => Ok(made),
            other => Err(other_kind("bits", other)),
        }
    }

    pub(crate) fn unit(&mut self, made: Option<f64>) -> Result<f64> {
        match self.take(made.map(|unit| Decision::Unit(unit.to_bits())))? {
            Decision::Unit(bits) => Ok(f64::from_bits(bits)),
            other => Err(other_kind("a unit", other)),
        }
    }

    pub(crate) fn tied(&mut self, made: Option<Option<u32>>) -> Result<Option<u32>> {
        match self.take(made.map(Decision::Tied))? {
            Decision::Tied(made) => Ok(made),
            other => Err(other_kind("a tie", other)),
        }
    }

    /// What was written down; of a profile that was read, checks that nothing is left.
    pub(crate) fn finish(self) -> Result<Vec<Decision>> {
        match self {
            Self::Record(log) => Ok(log),
            Self::Replay { decisions, at } if at == decisions.len() => Ok(decisions),
            Self::Replay { .. } => Err(refused("it has more decisions than the model asks for")),
        }
    }
}

fn refused(reason: &str) -> InferError {
    InferError::Profile {
        reason: reason.to_owned(),
    }
}

fn other_kind(expected: &str, got: Decision) -> InferError {
    refused(&format!("the model asks for {expected}, found {got:?}"))
}

/// `n` of the least step of at least `scale` among `2^(n / 4)`, if it is in range. Four steps for
/// each factor of two, so that close calibrations give equal tables.
fn exponent(scale: f64) -> Option<i16> {
    let n = (libm::log2(scale) * 4.0 - 1e-9).ceil();
    let fits = n.abs() <= f64::from(MAX_SCALE);
    fits.then_some(n as i16)
}

/// The least step of at least `scale` on the grid.
pub(crate) fn grid(scale: f64) -> f64 {
    libm::exp2((libm::log2(scale) * 4.0 - 1e-9).ceil() / 4.0)
}
