//! Import of snarkjs' powers of tau (`.ptau`).
//!
//! The file is `"ptau"`, a `u32` version 1, a `u32` number of sections, then sections of a `u32`
//! id, a `u64` length and that many bytes, all little-endian. Read here are
//!
//! | id | content |
//! |---|---|
//! | 1 | bytes per coordinate (32), the modulus of the base field, `power`, the ceremony's power |
//! | 2 | `[tau^i]_1`, `i < 2^(power+1) - 1` |
//! | 3 | `[tau^i]_2`, `i < 2^power` |
//! | 12 | Lagrange bases in G1 of sizes 1, 2, 4, ... up to `2^power`, sometimes `2^(power+1)` |
//!
//! Points are affine, coordinates in Montgomery form, which is also the curve crate's memory form.
//! The basis of size `2^k` starts `2^k - 1` points into section 12. snarkjs numbers the domain by
//! powers of another root of unity, so the basis is permuted on the way in.

use std::path::Path;

use ff::PrimeField;
use halo2curves::bn256::{Fq, G2Affine};

use crate::domain::{MAX_K, snarkjs_step};
use crate::error::{
    Basis, ContentError, FormatError, ParamsError, expect_length, expect_range, size_error,
};
use crate::parts::{Parts, validate_k};
use crate::progress::Progress;
use crate::source::{G1Layout, G2_BYTES, Source, decode_g1};
use crate::srs::{G1_BYTES, SourceFormat, Srs, system_rng};
use crate::transform::to_lagrange_reporting;

const MAGIC: &[u8; 4] = b"ptau";
const VERSION: u32 = 1;
/// snarkjs writes at most eleven sections; a larger count is not one of its files.
const MAX_SECTIONS: u32 = 64;
const SECTION_HEADER: u64 = 12;
const HEADER_LENGTH: u64 = 44;

const HEADER: u32 = 1;
const POWERS_G1: u32 = 2;
const POWERS_G2: u32 = 3;
const LAGRANGE_G1: u32 = 12;

/// How far an import may go to make up for what a file lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImportOptions {
    /// Largest `k` for which a missing Lagrange section is computed from the powers; above it the
    /// import is refused with the advice to prepare the file.
    pub max_transform_k: u32,
}

impl Default for ImportOptions {
    /// Computes up to `k = 18`: about a minute and a half of processor time.
    fn default() -> Self {
        Self {
            max_transform_k: 18,
        }
    }
}

impl Srs {
    /// Imports the first `2^k` powers of a `.ptau` file, and checks them as [`Srs::check`] does.
    ///
    /// The contributions recorded in the file are not verified: `snarkjs powersoftau verify` does
    /// that, and the file's BLAKE2b hash, kept in the provenance, is what a ceremony publishes.
    ///
    /// # Errors
    ///
    /// Typed errors for anything wrong with the size asked for, the bytes or the points, and
    /// [`ParamsError::NotPrepared`] when the Lagrange section is missing and `k` is above
    /// [`ImportOptions::max_transform_k`].
    pub fn import_ptau(
        path: &Path,
        k: u32,
        options: &ImportOptions,
        progress: &dyn Progress,
    ) -> Result<Self, ParamsError> {
        validate_k(k)?;
        let mut file = Ptau::open(path).map_err(|error| error.at(path))?;
        if k > file.power {
            return Err(size_error(file.power, k));
        }
        if file.lagrange.is_none() && k > options.max_transform_k {
            let (path, limit) = (path.to_path_buf(), options.max_transform_k);
            return Err(ParamsError::NotPrepared { path, k, limit });
        }
        let blake2b = file
            .source
            .blake2b(progress)
            .map_err(|error| error.at(path))?;
        let parts = file.read(k, progress).map_err(|error| error.at(path))?;
        Self::from_ceremony(parts, SourceFormat::Ptau, blake2b, path, progress)
    }
}

/// Bytes of one section.
#[derive(Clone, Copy)]
struct Section {
    offset: u64,
    length: u64,
}

/// A `.ptau` file whose section table and header are read and make sense.
pub(crate) struct Ptau {
    source: Source,
    power: u32,
    powers: Section,
    powers_g2: Section,
    lagrange: Option<Section>,
}

impl Ptau {
    fn open(path: &Path) -> Result<Self, ContentError> {
        let mut source = Source::open(path)?;
        let [header, powers, powers_g2, lagrange] = read_section_table(&mut source)?;
        let power = read_header(&mut source, require(header, HEADER)?)?;

        let powers = require(powers, POWERS_G1)?;
        expect_length("section 2", g1_length((2u64 << power) - 1), powers.length)?;
        let powers_g2 = require(powers_g2, POWERS_G2)?;
        let expected = (1u64 << power) * G2_BYTES as u64;
        expect_length("section 3", expected, powers_g2.length)?;
        if let Some(lagrange) = lagrange {
            let (short, long) = (
                g1_length((2u64 << power) - 1),
                g1_length((4u64 << power) - 1),
            );
            if lagrange.length != long {
                expect_length("section 12", short, lagrange.length)?;
            }
        }
        Ok(Self {
            source,
            power,
            powers,
            powers_g2,
            lagrange,
        })
    }

    /// The points for size `2^k`, not checked together yet.
    fn read(&mut self, k: u32, progress: &dyn Progress) -> Result<Parts, ContentError> {
        let tau_g2 = self.read_g2()?;
        let n = 1usize << k;
        let layout = G1Layout {
            offset: self.powers.offset,
            count: n,
            basis: Basis::Powers,
            point_bytes: G1_BYTES,
        };
        let powers = self.source.read_g1(layout, decode_g1, |i| i, progress)?;
        let lagrange = match self.lagrange {
            Some(section) => {
                let inverse = inverse_mod_power_of_two(snarkjs_step(k), k);
                let layout = G1Layout {
                    offset: section.offset + g1_length((1 << k) - 1),
                    basis: Basis::Lagrange,
                    ..layout
                };
                let place = |i: usize| i.wrapping_mul(inverse) & (n - 1);
                self.source.read_g1(layout, decode_g1, place, progress)?
            }
            None => to_lagrange_reporting(powers.clone(), k, progress),
        };
        Ok(Parts {
            k,
            powers,
            lagrange,
            tau_g2,
        })
    }

    fn read_g2(&mut self) -> Result<G2Affine, ContentError> {
        self.source.read_g2_pair(self.powers_g2.offset, "section 3")
    }

    /// The points of size `2^k` from a file imported before, fully checked; nothing when the file
    /// now holds another tau or has no Lagrange section.
    pub(crate) fn reread(
        path: &Path,
        k: u32,
        tau_g2: &G2Affine,
        progress: &dyn Progress,
    ) -> Result<Option<Parts>, ParamsError> {
        let read = || -> Result<Option<Parts>, ContentError> {
            let mut file = Self::open(path)?;
            if k > file.power || file.lagrange.is_none() || file.read_g2()? != *tau_g2 {
                return Ok(None);
            }
            file.read(k, progress).map(Some)
        };
        let Some(parts) = read().map_err(|error| error.at(path))? else {
            return Ok(None);
        };
        parts.check(&mut system_rng()?, progress)?;
        Ok(Some(parts))
    }
}

/// The sections 1, 2, 3 and 12, all of which lie within the file.
fn read_section_table(source: &mut Source) -> Result<[Option<Section>; 4], ContentError> {
    let magic = source.read_at(0, MAGIC.len(), "magic")?;
    if magic != MAGIC {
        let (expected, got) = (MAGIC.to_vec(), magic);
        return Err(FormatError::BadMagic {
            format: ".ptau",
            expected,
            got,
        }
        .into());
    }
    let got = source.u32_at(4, "version")?;
    if got != VERSION {
        return Err(FormatError::Version {
            expected: VERSION,
            got,
        }
        .into());
    }
    let count = source.u32_at(8, "number of sections")?;
    expect_range("number of sections", 1, MAX_SECTIONS, count)?;

    let wanted = [HEADER, POWERS_G1, POWERS_G2, LAGRANGE_G1];
    let mut sections = [None; 4];
    let mut offset = 12;
    for _ in 0..count {
        let id = source.u32_at(offset, "section header")?;
        let length = source.u64_at(offset + 4, "section header")?;
        offset += SECTION_HEADER;
        let left = source.len() - offset;
        if length > left {
            let truncated = FormatError::Truncated {
                what: "section",
                expected: length,
                got: left,
            };
            return Err(truncated.into());
        }
        let slot = wanted
            .iter()
            .position(|wanted| *wanted == id)
            .map(|slot| &mut sections[slot]);
        if slot.is_some_and(|slot| slot.replace(Section { offset, length }).is_some()) {
            return Err(FormatError::DuplicateSection { id }.into());
        }
        offset += length;
    }
    expect_length("file", offset, source.len())?;
    Ok(sections)
}

/// The power of the file's largest domain.
fn read_header(source: &mut Source, section: Section) -> Result<u32, ContentError> {
    expect_length("section 1", HEADER_LENGTH, section.length)?;
    let coordinate = source.u32_at(section.offset, "section 1")?;
    expect_range("bytes per coordinate", 32, 32, coordinate)?;
    let modulus = source.read_at(section.offset + 4, 32, "section 1")?;
    if !is_base_modulus(&modulus) {
        return Err(FormatError::WrongCurve.into());
    }
    let power = source.u32_at(section.offset + 36, "section 1")?;
    expect_range("power", 1, MAX_K, power)?;
    let ceremony_power = source.u32_at(section.offset + 40, "section 1")?;
    expect_range("ceremony power", power, MAX_K, ceremony_power)?;
    Ok(power)
}

/// Whether little-endian bytes are the modulus of the base field: one more than `-1`.
fn is_base_modulus(bytes: &[u8]) -> bool {
    let minus_one = (-Fq::one()).to_repr();
    let (first, rest) = (minus_one.as_ref()[0], &minus_one.as_ref()[1..]);
    // The modulus is odd, so adding one does not carry.
    bytes.first() == Some(&(first + 1)) && bytes.get(1..) == Some(rest)
}

fn require(section: Option<Section>, id: u32) -> Result<Section, FormatError> {
    section.ok_or(FormatError::MissingSection { id })
}

/// Bytes of so many points of G1; the counts here stay below `2^31`.
fn g1_length(points: u64) -> u64 {
    points * G1_BYTES as u64
}

/// The inverse of an odd number modulo `2^k`, by Newton's iteration.
fn inverse_mod_power_of_two(odd: usize, k: u32) -> usize {
    let mut inverse = 1usize;
    for _ in 0..6 {
        let error = 2usize.wrapping_sub(odd.wrapping_mul(inverse));
        inverse = inverse.wrapping_mul(error);
    }
    inverse & ((1 << k) - 1)
}
