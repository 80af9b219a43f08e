//! Bounded reading of an untrusted file.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use blake2b_simd::Params as Blake2b;
use halo2curves::bn256::{Fq, Fq2, G1Affine, G2Affine};
use halo2curves::serde::SerdeObject;
use rayon::prelude::*;

use crate::batch_affine::IDENTITY;
use crate::check::check_g1;
use crate::error::{Basis, CheckError, ContentError, FormatError, PointName};
use crate::progress::{Progress, Step};
use crate::srs::G1_BYTES;

/// Bytes of a point of G2 in memory form.
pub(crate) const G2_BYTES: usize = 128;
/// Points of G1 read at once.
const BLOCK: usize = 1 << 16;
/// Bytes hashed at once.
const HASH_BLOCK: usize = 1 << 20;

/// Opens a file, and refuses what is none: a directory or a device.
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a regular file",
        ))
    }
}

/// A regular file and its length when it was opened.
pub(crate) struct Source {
    file: File,
    len: u64,
}

impl Source {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = open_regular(path)?;
        let len = file.metadata()?.len();
        Ok(Self { file, len })
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// `length` bytes from `offset` on; `length` is a size of a header, never one from a file.
    pub(crate) fn read_at(
        &mut self,
        offset: u64,
        length: usize,
        what: &'static str,
    ) -> Result<Vec<u8>, ContentError> {
        let got = self.len.saturating_sub(offset);
        if got < length as u64 {
            return Err(FormatError::Truncated {
                what,
                expected: length as u64,
                got,
            }
            .into());
        }
        self.file.seek(SeekFrom::Start(offset))?;
        let mut bytes = vec![0; length];
        self.file.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// `[tau]_2` of the pair `[1]_2, [tau]_2` at `offset`; the first must be the generator, the
    /// second is checked to be canonical only.
    pub(crate) fn read_g2_pair(
        &mut self,
        offset: u64,
        what: &'static str,
    ) -> Result<G2Affine, ContentError> {
        let bytes = self.read_at(offset, 2 * G2_BYTES, what)?;
        let (first, second) = bytes.split_at(G2_BYTES);
        let name = PointName::G2 { index: 0 };
        if decode_g2(first, name)? != G2Affine::generator() {
            return Err(CheckError::NotGenerator(name).into());
        }
        Ok(decode_g2(second, PointName::G2 { index: 1 })?)
    }

    pub(crate) fn u32_at(&mut self, offset: u64, what: &'static str) -> Result<u32, ContentError> {
        let bytes = self.read_at(offset, 4, what)?;
        Ok(bytes
            .iter()
            .rev()
            .fold(0, |acc, byte| acc << 8 | u32::from(*byte)))
    }

    pub(crate) fn u64_at(&mut self, offset: u64, what: &'static str) -> Result<u64, ContentError> {
        let bytes = self.read_at(offset, 8, what)?;
        Ok(bytes
            .iter()
            .rev()
            .fold(0, |acc, byte| acc << 8 | u64::from(*byte)))
    }

    /// `count` checked points of `bytes_each` bytes from `offset` on; point `i` of the file goes to
    /// `place(i)`, a permutation.
    ///
    /// Nothing is allocated before the file is known to be long enough.
    pub(crate) fn read_g1(
        &mut self,
        layout: G1Layout,
        decode: fn(&[u8], PointName) -> Result<G1Affine, CheckError>,
        place: impl Fn(usize) -> usize + Sync,
        progress: &dyn Progress,
    ) -> Result<Vec<G1Affine>, ContentError> {
        let G1Layout {
            offset,
            count,
            basis,
            point_bytes,
        } = layout;
        let step = match basis {
            Basis::Powers => Step::ReadPowers,
            Basis::Lagrange => Step::ReadLagrange,
        };
        let expected = (count as u64).saturating_mul(point_bytes as u64);
        let got = self.len.saturating_sub(offset);
        if got < expected {
            return Err(FormatError::Truncated {
                what: "points",
                expected,
                got,
            }
            .into());
        }
        self.file.seek(SeekFrom::Start(offset))?;
        let mut out = vec![IDENTITY; count];
        let mut bytes = vec![0u8; BLOCK.min(count) * point_bytes];
        for start in (0..count).step_by(BLOCK) {
            let block = BLOCK.min(count - start);
            let bytes = &mut bytes[..block * point_bytes];
            self.file.read_exact(bytes)?;
            let points = bytes
                .par_chunks_exact(point_bytes)
                .enumerate()
                .with_min_len(256)
                .map(|(i, bytes)| {
                    let index = place(start + i) as u64;
                    decode(bytes, PointName::G1 { basis, index })
                })
                .collect::<Result<Vec<_>, CheckError>>()?;
            for (i, point) in points.into_iter().enumerate() {
                out[place(start + i)] = point;
            }
            progress.report(step, (start + block) as u64, count as u64);
        }
        Ok(out)
    }

    /// BLAKE2b-512 of the whole file.
    pub(crate) fn blake2b(&mut self, progress: &dyn Progress) -> Result<[u8; 64], ContentError> {
        self.file.rewind()?;
        let mut state = Blake2b::new().hash_length(64).to_state();
        let mut buffer = vec![0; HASH_BLOCK];
        let mut done = 0u64;
        loop {
            let count = self.file.read(&mut buffer)?;
            if count == 0 {
                return Ok(*state.finalize().as_array());
            }
            state.update(&buffer[..count]);
            done += count as u64;
            progress.report(Step::HashFile, done.min(self.len), self.len);
        }
    }
}

/// Where points lie in a file.
#[derive(Clone, Copy)]
pub(crate) struct G1Layout {
    pub(crate) offset: u64,
    pub(crate) count: usize,
    pub(crate) basis: Basis,
    pub(crate) point_bytes: usize,
}

/// Two coordinates in Montgomery form, 32 bytes each: checked to be canonical and on the curve.
pub(crate) fn decode_g1(bytes: &[u8], name: PointName) -> Result<G1Affine, CheckError> {
    let (x, y) = bytes.split_at(G1_BYTES / 2);
    let point = G1Affine {
        x: coordinate(x, name)?,
        y: coordinate(y, name)?,
    };
    check_g1(&point, name)?;
    Ok(point)
}

/// Four coordinates in Montgomery form, `x.c0, x.c1, y.c0, y.c1`: checked to be canonical only.
pub(crate) fn decode_g2(bytes: &[u8], name: PointName) -> Result<G2Affine, CheckError> {
    let mut coordinates = bytes.chunks_exact(32).map(|bytes| coordinate(bytes, name));
    let mut next = || {
        coordinates
            .next()
            .unwrap_or(Err(CheckError::NonCanonicalCoordinate(name)))
    };
    let x = Fq2 {
        c0: next()?,
        c1: next()?,
    };
    let y = Fq2 {
        c0: next()?,
        c1: next()?,
    };
    Ok(G2Affine { x, y })
}

fn coordinate(bytes: &[u8], name: PointName) -> Result<Fq, CheckError> {
    Fq::from_raw_bytes(bytes).ok_or(CheckError::NonCanonicalCoordinate(name))
}
