//! Import of the proof library's own parameter files, raw format.
//!
//! The file is `k` (`u32`, little-endian), `2^k` powers, `2^k` points of the Lagrange basis, the
//! generator of G2 and `[tau]_2`; points uncompressed in Montgomery form. Its length therefore
//! follows from `k`. The library's reader trusts `k` with the size of an allocation and does not
//! check that points are on the curve; this one does both.

use std::path::Path;

use crate::domain::{MAX_K, MIN_K};
use crate::error::{Basis, ContentError, ParamsError, expect_length, expect_range};
use crate::parts::Parts;
use crate::progress::Progress;
use crate::source::{G1Layout, G2_BYTES, Source, decode_g1};
use crate::srs::{G1_BYTES, SourceFormat, Srs};

impl Srs {
    /// Imports a file that `ParamsKZG::write` made, and checks it as [`Srs::check`] does.
    ///
    /// # Errors
    ///
    /// Typed errors for anything wrong with the bytes or the points.
    pub fn import_halo2_raw(path: &Path, progress: &dyn Progress) -> Result<Self, ParamsError> {
        let (parts, blake2b) = read(path, progress).map_err(|error| error.at(path))?;
        Self::from_ceremony(parts, SourceFormat::Halo2Raw, blake2b, path, progress)
    }
}

fn read(path: &Path, progress: &dyn Progress) -> Result<(Parts, [u8; 64]), ContentError> {
    let mut source = Source::open(path)?;
    let k = source.u32_at(0, "k")?;
    expect_range("k", MIN_K, MAX_K, k)?;
    let n = 1usize << k;
    let basis_bytes = (G1_BYTES as u64) << k;
    let expected = 4 + 2 * basis_bytes + 2 * G2_BYTES as u64;
    expect_length("file", expected, source.len())?;
    let blake2b = source.blake2b(progress)?;

    let tau_g2 = source.read_g2_pair(4 + 2 * basis_bytes, "points in G2")?;
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
