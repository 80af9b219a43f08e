//! The cache's file format, version 1.
//!
//! | bytes | content |
//! |---|---|
//! | 8 | `"NASCSRS\0"` |
//! | 4 | version |
//! | 4 | `k` |
//! | 1 | provenance: 0 development, 1 `.ptau`, 2 the library's raw format |
//! | 32 | identity of the SRS |
//! | 64 | BLAKE2b-512 of the imported file, zero for development |
//! | 4, then that many | path of the imported file, UTF-8, at most 4096 bytes, none for development |
//! | 128 | `[tau]_2` |
//! | 64 `2^k` | powers |
//! | 64 `2^k` | Lagrange basis |
//! | 32 | checksum |
//!
//! Numbers are little-endian, points in Montgomery form. The checksum is BLAKE2b-256 of everything
//! before the powers followed by the BLAKE2b-256 of every block of 2^14 points (the last one of a
//! basis may be shorter). It finds damage, not malice: whoever can write to the cache directory can
//! write a file that passes. Only SRS that passed every check are written.

use std::fs::File;
use std::io::{BufWriter, Read, Seek, Write};
use std::path::PathBuf;

use blake2b_simd::{Params as Blake2b, State};
use halo2curves::bn256::{Fq, G1Affine};
use halo2curves::serde::SerdeObject;
use rayon::prelude::*;

use crate::check::check_tau_g2;
use crate::domain::{MAX_K, MIN_K};
use crate::error::{
    Basis, CheckError, ContentError, FormatError, PointName, expect_length, expect_range,
};
use crate::parts::Parts;
use crate::progress::{Progress, Step};
use crate::source::{G2_BYTES, decode_g1, decode_g2};
use crate::srs::{CeremonyFile, G1_BYTES, Provenance, SourceFormat, Srs};

const MAGIC: &[u8; 8] = b"NASCSRS\0";
const VERSION: u32 = 1;
const MAX_PATH: usize = 4096;
/// Points per block of the checksum.
const BLOCK: usize = 1 << 14;
/// Blocks in memory at once.
const BLOCKS_AT_ONCE: usize = 16;
const CHECKSUM: usize = 32;

/// Everything before the points, as read.
pub(crate) struct Header {
    pub(crate) k: u32,
    pub(crate) identity: [u8; 32],
    pub(crate) provenance: Provenance,
    tau_g2: [u8; G2_BYTES],
    bytes: Vec<u8>,
}

/// Writes a cache file.
pub(crate) fn write(
    file: &mut File,
    srs: &Srs,
    progress: &dyn Progress,
) -> Result<(), ContentError> {
    let header = encode_header(srs);
    let mut checksum = checksum_state();
    checksum.update(&header);
    let mut out = BufWriter::with_capacity(BLOCK * G1_BYTES, file);
    out.write_all(&header)?;
    let total = 2u64 << srs.k();
    let mut done = 0;
    let lagrange = srs.lagrange();
    for basis in [srs.powers(), &lagrange] {
        for blocks in basis.chunks(BLOCK * BLOCKS_AT_ONCE) {
            let encoded: Vec<_> = blocks.par_chunks(BLOCK).map(encode_block).collect();
            for (bytes, digest) in encoded {
                out.write_all(&bytes)?;
                checksum.update(&digest);
            }
            done += blocks.len() as u64;
            progress.report(Step::WriteCache, done, total);
        }
    }
    out.write_all(checksum.finalize().as_bytes())?;
    out.flush()?;
    Ok(())
}

/// Reads a cache file to its end.
pub(crate) fn read(file: &mut File, progress: &dyn Progress) -> Result<Srs, ContentError> {
    let header = read_header(file)?;
    let k = header.k;
    let basis_bytes = (G1_BYTES as u64) << k;
    let expected = header.bytes.len() as u64 + 2 * basis_bytes + CHECKSUM as u64;
    expect_length("file", expected, file.metadata()?.len())?;
    let mut checksum = checksum_state();
    checksum.update(&header.bytes);
    let mut reader = BlockReader {
        file,
        checksum,
        done: 0,
        total: 2 << k,
        progress,
    };
    let powers = reader.basis(k, Basis::Powers)?;
    let lagrange = reader.basis(k, Basis::Lagrange)?;
    reader.finish()?;

    let tau_g2 = decode_g2(&header.tau_g2, PointName::G2 { index: 1 })?;
    check_tau_g2(&tau_g2)?;
    let claimed = header.provenance.clone();
    let parts = Parts {
        k,
        powers,
        lagrange,
        tau_g2,
    };
    let srs = Srs::from_checked(parts, header.provenance)?;
    if *srs.identity() != header.identity {
        return Err(FormatError::IdentityMismatch.into());
    }
    let claims_development = claimed == Provenance::Development;
    if *srs.provenance() != claimed || srs.is_development() != claims_development {
        return Err(FormatError::ProvenanceMismatch.into());
    }
    Ok(srs)
}

/// Reads the part before the points.
pub(crate) fn read_header(file: &mut File) -> Result<Header, ContentError> {
    file.rewind()?;
    let mut input = HeaderReader {
        file,
        bytes: Vec::new(),
    };
    let magic = input.take::<8>("magic")?;
    if magic != *MAGIC {
        let (expected, got) = (MAGIC.to_vec(), magic.to_vec());
        return Err(FormatError::BadMagic {
            format: "SRS cache",
            expected,
            got,
        }
        .into());
    }
    let version = u32::from_le_bytes(input.take("version")?);
    if version != VERSION {
        return Err(FormatError::Version {
            expected: VERSION,
            got: version,
        }
        .into());
    }
    let k = u32::from_le_bytes(input.take("k")?);
    expect_range("k", MIN_K, MAX_K, k)?;
    let [kind] = input.take::<1>("provenance")?;
    let identity = input.take::<32>("identity")?;
    let blake2b = input.take::<64>("file hash")?;
    let path = input.path()?;
    let tau_g2 = input.take::<G2_BYTES>("[tau]_2")?;
    let ceremony = |format| {
        Provenance::Ceremony(CeremonyFile {
            format,
            blake2b,
            path: path.clone(),
        })
    };
    let provenance = match kind {
        // One encoding: what names a ceremony's file is empty.
        0 if blake2b != [0; 64] || !path.as_os_str().is_empty() => {
            return Err(FormatError::ProvenanceMismatch.into());
        }
        0 => Provenance::Development,
        1 => ceremony(SourceFormat::Ptau),
        2 => ceremony(SourceFormat::Halo2Raw),
        _ => {
            let (what, got) = ("provenance", kind.into());
            return Err(FormatError::UnknownValue { what, got }.into());
        }
    };
    Ok(Header {
        k,
        identity,
        provenance,
        tau_g2,
        bytes: input.bytes,
    })
}

fn encode_header(srs: &Srs) -> Vec<u8> {
    let (kind, blake2b, path) = match srs.provenance() {
        Provenance::Development => (0u8, [0; 64], ""),
        Provenance::Ceremony(file) => {
            let kind = match file.format {
                SourceFormat::Ptau => 1,
                SourceFormat::Halo2Raw => 2,
            };
            (kind, file.blake2b, file.path.to_str().unwrap_or(""))
        }
    };
    // A path too long for the format is only a hint lost.
    let path = if path.len() <= MAX_PATH { path } else { "" };
    let mut out = Vec::with_capacity(256 + path.len());
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&srs.k().to_le_bytes());
    out.push(kind);
    out.extend_from_slice(srs.identity());
    out.extend_from_slice(&blake2b);
    out.extend_from_slice(&(path.len() as u32).to_le_bytes());
    out.extend_from_slice(path.as_bytes());
    let tau = srs.tau_g2();
    let coordinates: [&Fq; 4] = [&tau.x.c0, &tau.x.c1, &tau.y.c0, &tau.y.c1];
    for coordinate in coordinates {
        out.extend_from_slice(&coordinate.to_raw_bytes());
    }
    out
}

fn encode_block(points: &[G1Affine]) -> (Vec<u8>, [u8; 32]) {
    let mut bytes = Vec::with_capacity(points.len() * G1_BYTES);
    for point in points {
        bytes.extend_from_slice(&point.x.to_raw_bytes());
        bytes.extend_from_slice(&point.y.to_raw_bytes());
    }
    let digest = block_digest(&bytes);
    (bytes, digest)
}

fn checksum_state() -> State {
    Blake2b::new()
        .hash_length(CHECKSUM)
        .personal(b"nascent srs")
        .to_state()
}

fn block_digest(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(Blake2b::new().hash_length(32).hash(bytes).as_bytes());
    out
}

/// Reads the header and keeps its bytes for the checksum.
struct HeaderReader<'a> {
    file: &'a mut File,
    bytes: Vec<u8>,
}

impl HeaderReader<'_> {
    fn take<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], ContentError> {
        let mut out = [0; N];
        self.fill(&mut out, what)?;
        Ok(out)
    }

    fn fill(&mut self, out: &mut [u8], what: &'static str) -> Result<(), ContentError> {
        let (mut filled, expected) = (0, out.len());
        while filled < expected {
            match self.file.read(&mut out[filled..])? {
                0 => {
                    let (expected, got) = (expected as u64, filled as u64);
                    return Err(FormatError::Truncated {
                        what,
                        expected,
                        got,
                    }
                    .into());
                }
                count => filled += count,
            }
        }
        self.bytes.extend_from_slice(out);
        Ok(())
    }

    fn path(&mut self) -> Result<PathBuf, ContentError> {
        let length = u32::from_le_bytes(self.take("path length")?);
        expect_range("path length", 0, MAX_PATH as u32, length)?;
        let mut bytes = vec![0; length as usize];
        self.fill(&mut bytes, "path")?;
        let path = String::from_utf8(bytes).map_err(|_| FormatError::UnknownValue {
            what: "path",
            got: length.into(),
        })?;
        Ok(path.into())
    }
}

/// Reads bases block by block, hashing and decoding the blocks in parallel.
struct BlockReader<'a> {
    file: &'a mut File,
    checksum: State,
    done: u64,
    total: u64,
    progress: &'a dyn Progress,
}

impl BlockReader<'_> {
    /// The file is already known to be long enough for the allocation.
    fn basis(&mut self, k: u32, basis: Basis) -> Result<Vec<G1Affine>, ContentError> {
        let n = 1usize << k;
        let at_once = n.min(BLOCK * BLOCKS_AT_ONCE);
        let mut bytes = vec![0; at_once * G1_BYTES];
        let mut points = Vec::with_capacity(n);
        while points.len() < n {
            let count = at_once.min(n - points.len());
            let bytes = &mut bytes[..count * G1_BYTES];
            self.file.read_exact(bytes)?;
            let first = points.len();
            let decoded: Vec<_> = bytes
                .par_chunks(BLOCK * G1_BYTES)
                .enumerate()
                .map(|(i, bytes)| {
                    (
                        block_digest(bytes),
                        decode_block(bytes, basis, first + i * BLOCK),
                    )
                })
                .collect();
            for (digest, block) in decoded {
                self.checksum.update(&digest);
                points.extend(block?);
            }
            self.done += count as u64;
            self.progress.report(Step::ReadCache, self.done, self.total);
        }
        Ok(points)
    }

    fn finish(self) -> Result<(), ContentError> {
        let mut trailer = [0; CHECKSUM];
        self.file.read_exact(&mut trailer)?;
        if self.checksum.finalize().as_bytes() == trailer {
            Ok(())
        } else {
            Err(FormatError::Checksum.into())
        }
    }
}

fn decode_block(bytes: &[u8], basis: Basis, first: usize) -> Result<Vec<G1Affine>, CheckError> {
    let mut points = Vec::with_capacity(bytes.len() / G1_BYTES);
    for (bytes, index) in bytes.chunks_exact(G1_BYTES).zip(first as u64..) {
        points.push(decode_g1(bytes, PointName::G1 { basis, index })?);
    }
    Ok(points)
}
