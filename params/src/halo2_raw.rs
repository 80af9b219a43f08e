//! Import of the proof library's own parameter files, raw format.
//!
//! The file is `k` (`u32`, little-endian), `2^k` powers, `2^k` points of the Lagrange basis, the
//! generator of G2 and `[tau]_2`; points uncompressed in Montgomery form. Its length therefore
//! follows from `k`. The library's reader trusts `k` with the size of an allocation and does not
//! check that points are on the curve; this one does both.

use std::path::{Path, PathBuf};

use halo2curves::bn256::G2Affine;

use crate::domain::{MAX_K, MIN_K};
use crate::error::{Basis, CheckError, ContentError, FormatError, ParamsError, PointName};
use crate::parts::Parts;
use crate::progress::Progress;
use crate::source::{G1Layout, G2_BYTES, Source, decode_g1, decode_g2};
use crate::srs::{CeremonyFile, G1_BYTES, Provenance, SourceFormat, Srs, system_rng};

impl Srs {
    /// Imports a file that `ParamsKZG::write` made, and checks it as [`Srs::check`] does.
    ///
    /// # Errors
    ///
    /// Typed errors for anything wrong with the bytes or the points.
    pub fn import_halo2_raw(path: &Path, progress: &dyn Progress) -> Result<Self, ParamsError> {
        let (parts, blake2b) = read(path, progress).map_err(|error| error.at(path))?;
        parts
            .check(&mut system_rng()?, progress)
            .map_err(|error| ContentError::from(error).at(path))?;
        let path = if path.to_str().is_some() {
            path.to_path_buf()
        } else {
            PathBuf::new()
        };
        let file = CeremonyFile {
            format: SourceFormat::Halo2Raw,
            blake2b,
            path,
        };
        Ok(Self::from_checked(parts, Provenance::Ceremony(file))?)
    }
}

fn read(path: &Path, progress: &dyn Progress) -> Result<(Parts, [u8; 64]), ContentError> {
    let mut source = Source::open(path)?;
    let k = source.u32_at(0, "k")?;
    if !(MIN_K..=MAX_K).contains(&k) {
        let (min, max) = (MIN_K.into(), MAX_K.into());
        return Err(FormatError::Range {
            what: "k",
            min,
            max,
            got: k.into(),
        }
        .into());
    }
    let n = 1usize << k;
    let basis_bytes = (G1_BYTES as u64) << k;
    let (expected, got) = (4 + 2 * basis_bytes + 2 * G2_BYTES as u64, source.len());
    if got != expected {
        return Err(FormatError::Length {
            what: "file",
            expected,
            got,
        }
        .into());
    }
    let blake2b = source.blake2b(progress)?;

    let g2 = source.read_at(4 + 2 * basis_bytes, 2 * G2_BYTES, "points in G2")?;
    let (generator, tau_g2) = g2.split_at(G2_BYTES);
    let name = PointName::G2 { index: 0 };
    if decode_g2(generator, name)? != G2Affine::generator() {
        return Err(CheckError::NotGenerator(name).into());
    }
    let tau_g2 = decode_g2(tau_g2, PointName::G2 { index: 1 })?;

    let layout = G1Layout {
        offset: 4,
        count: n,
        basis: Basis::Powers,
        point_bytes: G1_BYTES,
    };
    let powers = source.read_g1(layout, decode_g1, |i| i, progress)?;
    let layout = G1Layout {
        offset: 4 + basis_bytes,
        basis: Basis::Lagrange,
        ..layout
    };
    let lagrange = source.read_g1(layout, decode_g1, |i| i, progress)?;
    Ok((
        Parts {
            k,
            powers,
            lagrange,
            tau_g2,
        },
        blake2b,
    ))
}
