//! What can be wrong with a reference string or with the file it comes from.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::domain::{MAX_K, MIN_K};

/// One of the two bases of an SRS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Basis {
    /// `[tau^i]_1`.
    Powers,
    /// `[L_i(tau)]_1`.
    Lagrange,
}

/// A point of an SRS, named in errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PointName {
    /// Element number `index` of a basis in G1.
    G1 {
        /// The basis.
        basis: Basis,
        /// Position in the basis, as the library numbers it.
        index: u64,
    },
    /// Element number `index` of the powers in G2.
    G2 {
        /// The power of tau.
        index: u64,
    },
}

impl std::fmt::Display for PointName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::G1 {
                basis: Basis::Powers,
                index,
            } => write!(f, "[tau^{index}]_1"),
            Self::G1 {
                basis: Basis::Lagrange,
                index,
            } => write!(f, "[L_{index}(tau)]_1"),
            Self::G2 { index } => write!(f, "[tau^{index}]_2"),
        }
    }
}

/// The points are not a reference string: one variant per failed check.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CheckError {
    /// A coordinate is not below the field's modulus.
    #[error("a coordinate of {0} is not below the modulus")]
    NonCanonicalCoordinate(PointName),
    /// A point is not on its curve.
    #[error("{0} is not on the curve")]
    NotOnCurve(PointName),
    /// A point of the second curve lies outside the subgroup of prime order.
    #[error("{0} is not in the subgroup of prime order")]
    NotInSubgroup(PointName),
    /// A point is the identity.
    #[error("{0} is the identity")]
    Identity(PointName),
    /// `[tau^0]` is not the group's generator.
    #[error("{0} is not the generator")]
    NotGenerator(PointName),
    /// tau is 1, a secret everybody knows; 0 shows as an identity point.
    #[error("tau is 1: {0} is the generator")]
    TauIsOne(PointName),
    /// tau is a root of unity of the domain, where the Lagrange basis degenerates.
    #[error("tau lies in the evaluation domain")]
    TauInDomain,
    /// A basis has the wrong number of points.
    #[error("{basis:?} basis: expected {expected} points, got {got}")]
    WrongLength {
        /// The basis.
        basis: Basis,
        /// `2^k`.
        expected: u64,
        /// Points present.
        got: u64,
    },
    /// The pairing check failed: the powers are not consecutive powers of the tau in G2.
    #[error("the powers in G1 are not consecutive powers of the tau in G2")]
    PowersInconsistent,
    /// The Lagrange basis commits a random polynomial to another point than the powers do.
    #[error("the Lagrange basis does not belong to the powers")]
    LagrangeInconsistent,
}

/// The bytes are not a file of the expected format.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The file does not start with the format's magic bytes.
    #[error("not a {format} file: expected magic {expected:02x?}, got {got:02x?}")]
    BadMagic {
        /// The format expected.
        format: &'static str,
        /// Its magic.
        expected: Vec<u8>,
        /// The bytes found.
        got: Vec<u8>,
    },
    /// The version is not one this crate reads.
    #[error("unsupported version: expected {expected}, got {got}")]
    Version {
        /// The version read by this crate.
        expected: u32,
        /// The version found.
        got: u32,
    },
    /// The file ends too early.
    #[error("truncated: {what} needs {expected} bytes, {got} are left")]
    Truncated {
        /// What was being read.
        what: &'static str,
        /// Bytes needed.
        expected: u64,
        /// Bytes left.
        got: u64,
    },
    /// A part of the file, or the file, has the wrong length.
    #[error("{what}: expected {expected} bytes, got {got}")]
    Length {
        /// Which part.
        what: &'static str,
        /// Bytes expected.
        expected: u64,
        /// Bytes found.
        got: u64,
    },
    /// A number in a header lies outside its range.
    #[error("{what}: expected {min} to {max}, got {got}")]
    Range {
        /// Which number.
        what: &'static str,
        /// Smallest value accepted.
        min: u64,
        /// Largest value accepted.
        max: u64,
        /// Value found.
        got: u64,
    },
    /// A section that must be there is not.
    #[error("section {id} is missing")]
    MissingSection {
        /// Number of the section.
        id: u32,
    },
    /// A section occurs twice.
    #[error("section {id} occurs twice")]
    DuplicateSection {
        /// Number of the section.
        id: u32,
    },
    /// The file belongs to another curve.
    #[error("the file is not for the curve BN254 (alt_bn128)")]
    WrongCurve,
    /// The checksum at the end of a cache file does not match its content.
    #[error("wrong checksum: the file is damaged")]
    Checksum,
    /// A field that can take few values has another one.
    #[error("{what}: unknown value {got}")]
    UnknownValue {
        /// Which field.
        what: &'static str,
        /// Value found.
        got: u64,
    },
    /// The identity written in a cache file is not that of the points in it.
    #[error("the identity in the header is not that of the points")]
    IdentityMismatch,
    /// A file of development parameters claims to come from a ceremony, or the reverse.
    #[error("the file's provenance contradicts its points")]
    ProvenanceMismatch,
}

/// Checks a number of a header against its range.
pub(crate) fn expect_range(
    what: &'static str,
    min: u32,
    max: u32,
    got: u32,
) -> Result<(), FormatError> {
    if (min..=max).contains(&got) {
        return Ok(());
    }
    Err(FormatError::Range {
        what,
        min: min.into(),
        max: max.into(),
        got: got.into(),
    })
}

/// Checks the length of a part of a file, in bytes.
pub(crate) fn expect_length(
    what: &'static str,
    expected: u64,
    got: u64,
) -> Result<(), FormatError> {
    if got == expected {
        return Ok(());
    }
    Err(FormatError::Length {
        what,
        expected,
        got,
    })
}

/// Any failure of this crate.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ParamsError {
    /// `k` is outside the range of the field, or of the SRS at hand.
    #[error("k = {got} is out of range: expected {min} to {max}")]
    SizeOutOfRange {
        /// Smallest `k` accepted.
        min: u32,
        /// Largest `k` accepted.
        max: u32,
        /// The `k` asked for.
        got: u32,
    },
    /// Reading or writing failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The bytes of a file do not have the expected format.
    #[error("{}: {source}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: FormatError,
    },
    /// The points do not make a reference string.
    #[error("{}{source}", origin(path))]
    Check {
        /// The file, unless the points never were in one.
        path: Option<PathBuf>,
        /// The failed check.
        source: CheckError,
    },
    /// A `.ptau` file has no Lagrange section, and computing it would take too long.
    #[error(
        "{}: no Lagrange section (12), and computing one for k = {k} is refused above k = {limit}; \
         run `snarkjs powersoftau prepare phase2 IN.ptau OUT.ptau` and import OUT.ptau, or raise \
         the limit",
        path.display()
    )]
    NotPrepared {
        /// The file.
        path: PathBuf,
        /// The `k` asked for.
        k: u32,
        /// The largest `k` that may be computed.
        limit: u32,
    },
    /// The system's source of randomness failed.
    #[error("no randomness from the system: {0}")]
    Randomness(rand_core::Error),
}

fn origin(path: &Option<PathBuf>) -> String {
    path.as_ref()
        .map_or_else(String::new, |path| format!("{}: ", path.display()))
}

/// An error found in bytes or points, before the file's name is known.
#[derive(Debug, Error)]
pub(crate) enum ContentError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Format(#[from] FormatError),
    #[error(transparent)]
    Check(#[from] CheckError),
}

impl ContentError {
    pub(crate) fn at(self, path: &Path) -> ParamsError {
        let path = path.to_path_buf();
        match self {
            Self::Io(source) => ParamsError::Io { path, source },
            Self::Format(source) => ParamsError::Format { path, source },
            Self::Check(source) => ParamsError::Check {
                path: Some(path),
                source,
            },
        }
    }
}

impl From<CheckError> for ParamsError {
    fn from(source: CheckError) -> Self {
        Self::Check { path: None, source }
    }
}

pub(crate) fn size_error(max: u32, got: u32) -> ParamsError {
    ParamsError::SizeOutOfRange {
        min: MIN_K,
        max: max.min(MAX_K),
        got,
    }
}
