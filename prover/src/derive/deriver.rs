//! Weights of any range of any tensor.

use std::{fs::File, io::BufReader};

use ff::{Field, FromUniformBytes, PrimeField};
use halo2curves::bn256::Fr;
use nascent_circuits::{
    poseidon2::RATE,
    sampling::DeviateTable,
    seed::{SeedMaterial, stream_tag},
    stream::{self, BlockIntegers},
};
use nascent_verifier::{Beacon, Digest32, Fill, Format, ModelSpec, Plan};
use rayon::prelude::*;

use super::{
    error::DeriveError,
    format::SafetensorsFile,
    pieces::{Piece, pieces, starts},
    previous::Previous,
};

/// Blocks that are permuted together; a multiple of every vector width.
const BATCH: usize = 32;

/// Derives the weights of one model from one seed.
pub struct Deriver<'a> {
    model: &'a ModelSpec,
    /// Where tensors start when all are laid end to end.
    starts: Vec<u64>,
    key: Fr,
    streams: Vec<Stream>,
    previous: Previous,
}

impl<'a> Deriver<'a> {
    /// For a model and a secret (zero for a public seed) under a beacon.
    ///
    /// # Errors
    ///
    /// If the specification is invalid or a stream has no sampling table.
    pub fn new(model: &'a ModelSpec, secret: Fr, beacon: &Digest32) -> Result<Self, DeriveError> {
        let seed = SeedMaterial {
            secret,
            beacon: digest_scalar(beacon),
            model: digest_scalar(&model.digest()?),
        };
        Self::with_key(model, seed.stream_key())
    }

    /// For a plan, with the value that its beacon took; `secret` is `None` for a public seed.
    ///
    /// # Errors
    ///
    /// If plan or beacon value are invalid, or if the secret is not the one the plan commits to.
    pub fn from_plan(
        plan: &'a Plan,
        beacon: &Beacon,
        secret: Option<Fr>,
    ) -> Result<Self, DeriveError> {
        plan.validate()?;
        plan.beacon.check(beacon).map_err(DeriveError::Beacon)?;
        match (&plan.publisher_key, secret) {
            (None, None) => {}
            (None, Some(_)) => return Err(DeriveError::SecretForPublicSeed),
            (Some(_), None) => return Err(DeriveError::WrongSecret),
            (Some(expected), Some(secret)) => {
                let (beacon, model) = (Fr::ZERO, Fr::ZERO);
                let seed = SeedMaterial {
                    secret,
                    beacon,
                    model,
                };
                if seed.public_key().to_repr() != *expected {
                    return Err(DeriveError::WrongSecret);
                }
            }
        }
        let secret = secret.unwrap_or(Fr::ZERO);
        Self::new(&plan.model, secret, &beacon.digest())
    }

    /// For a model and a stream key.
    ///
    /// # Errors
    ///
    /// If the specification is invalid or a stream has no sampling table.
    pub fn with_key(model: &'a ModelSpec, key: Fr) -> Result<Self, DeriveError> {
        model.encode()?;
        let starts = starts(model).ok_or(DeriveError::TooManyElements)?;
        let streams = model.streams.iter().enumerate().map(|(stream, spec)| {
            let table = DeviateTable::new(spec.distribution, spec.precision)
                .map_err(|source| DeriveError::Sampling { stream, source })?;
            Ok(Stream {
                tag: stream_tag(spec.distribution, spec.precision),
                lanes_per_row: spec.precision.lanes() as usize,
                limb_bits: usize::from(spec.precision.limb_bits),
                deviates: table.deviates().map(|z| z as f32).collect(),
                table,
            })
        });
        let streams = streams.collect::<Result<_, DeriveError>>()?;
        Ok(Self {
            model,
            starts,
            key,
            streams,
            previous: Previous::default(),
        })
    }

    /// With files of the weights that earlier plans gave, for what is inherited from those plans; of
    /// several that have a tensor in its shape the last counts.
    ///
    /// Nothing here says that these are the earlier plans' weights: proofs about them do.
    ///
    /// # Errors
    ///
    /// If an inherited tensor is in none of the files, in another shape or of another type.
    pub fn with_previous(
        self,
        files: Vec<SafetensorsFile<BufReader<File>>>,
    ) -> Result<Self, DeriveError> {
        let previous = Previous::new(self.model, files)?;
        Ok(Self { previous, ..self })
    }

    /// The model.
    pub fn model(&self) -> &'a ModelSpec {
        self.model
    }

    /// The stream key `kappa`. Whoever knows it knows all weights.
    pub fn stream_key(&self) -> Fr {
        self.key
    }

    /// Number of elements of all tensors, constants included.
    pub fn elements(&self) -> u64 {
        self.starts.last().copied().unwrap_or(0)
    }

    /// The sampling table of a stream.
    pub fn table(&self, stream: usize) -> Option<&DeviateTable> {
        self.streams.get(stream).map(|stream| &stream.table)
    }

    /// Lane values of a run of blocks of a stream: row by row, `L` to a row, 15 rows to a block.
    ///
    /// # Errors
    ///
    /// If there is no such stream.
    pub fn lane_values(
        &self,
        stream: usize,
        first_block: u64,
        blocks: usize,
    ) -> Result<Vec<u32>, DeriveError> {
        let count = self.streams.len();
        let stream = self
            .streams
            .get(stream)
            .ok_or(DeriveError::NoSuchStream { count, got: stream })?;
        let per_block = RATE * stream.lanes_per_row;
        let mut out = vec![0; blocks * per_block];
        out.par_chunks_mut(BATCH * per_block)
            .enumerate()
            .for_each(|(i, out)| {
                let first_row = (first_block + (i * BATCH) as u64) * RATE as u64;
                let lanes = stream.table.lanes();
                stream.for_each_limb(self.key, first_row, 0, out, |limb| lanes[limb]);
            });
        Ok(out)
    }

    /// Fills `out` with the elements of a tensor from index `first` on, on all cores.
    ///
    /// # Errors
    ///
    /// If there is no such tensor or range, or if it is inherited and cannot be read.
    pub fn fill(&self, tensor: usize, first: u64, out: &mut [f32]) -> Result<(), DeriveError> {
        self.fill_range(self.position(tensor, first, out.len())?, out)
    }

    /// Like [`Deriver::fill`], with every element as little-endian bytes.
    ///
    /// # Errors
    ///
    /// As [`Deriver::fill`].
    pub fn fill_bytes(
        &self,
        tensor: usize,
        first: u64,
        out: &mut [[u8; 4]],
    ) -> Result<(), DeriveError> {
        self.fill_range(self.position(tensor, first, out.len())?, out)
    }

    /// Fills `out` with the elements from `position` on of all tensors laid end to end.
    pub(super) fn fill_range<C: Cell>(
        &self,
        position: u64,
        out: &mut [C],
    ) -> Result<(), DeriveError> {
        pieces(self.model, &self.starts, position, out)
            .into_par_iter()
            .try_for_each(|piece| self.fill_piece(piece))
    }

    /// Where a tensor starts when all are laid end to end, and how many elements it has.
    pub(super) fn extent(&self, tensor: usize) -> Result<(u64, u64), DeriveError> {
        match self.starts.get(tensor..).unwrap_or_default() {
            [start, end, ..] => Ok((*start, end - start)),
            _ => Err(DeriveError::NoSuchTensor {
                count: self.model.tensors.len(),
                got: tensor,
            }),
        }
    }

    /// Position of an element when all tensors are laid end to end.
    fn position(&self, tensor: usize, first: u64, length: usize) -> Result<u64, DeriveError> {
        let (start, elements) = self.extent(tensor)?;
        let length = length as u64;
        if first > elements || length > elements - first {
            return Err(DeriveError::OutOfRange {
                tensor,
                first,
                length,
                elements,
            });
        }
        Ok(start + first)
    }

    fn fill_piece<C: Cell>(&self, piece: Piece<'_, C>) -> Result<(), DeriveError> {
        let Piece { tensor, first, out } = piece;
        match tensor.fill {
            Fill::Constant { bits } => out.fill(C::from_bits(bits)),
            Fill::Inherited { .. } => {
                let mut bytes = vec![[0; 4]; out.len()];
                self.previous.read(tensor, first, &mut bytes)?;
                for (cell, bytes) in out.iter_mut().zip(bytes) {
                    *cell = C::from_bits(u32::from_le_bytes(bytes));
                }
            }
            Fill::Sampled {
                stream,
                first_row,
                scale_bits,
                mean_bits,
            } => {
                let stream = &self.streams[usize::from(stream)];
                let lanes = stream.lanes_per_row as u64;
                let (row, lane) = (first_row + first / lanes, (first % lanes) as usize);
                let (scale, mean) = (f32::from_bits(scale_bits), f32::from_bits(mean_bits));
                let z = &stream.deviates[..];
                if mean == 0.0 {
                    let weight = |limb: usize| C::from_bits((scale * z[limb]).to_bits());
                    stream.for_each_limb(self.key, row, lane, out, weight);
                } else {
                    // Two roundings, never a fused one.
                    let weight = |limb: usize| C::from_bits((scale * z[limb] + mean).to_bits());
                    stream.for_each_limb(self.key, row, lane, out, weight);
                }
            }
        }
        Ok(())
    }
}

/// A place for one weight.
pub(super) trait Cell: Copy + Send {
    /// The weight with the bits of an `f32`.
    fn from_bits(bits: u32) -> Self;
}

impl Cell for f32 {
    fn from_bits(bits: u32) -> Self {
        f32::from_bits(bits)
    }
}

impl Cell for [u8; 4] {
    fn from_bits(bits: u32) -> Self {
        bits.to_le_bytes()
    }
}

/// A stream with its sampling table.
struct Stream {
    tag: Fr,
    lanes_per_row: usize,
    limb_bits: usize,
    table: DeviateTable,
    /// Deviate of every limb; exact, as deviates have fewer than 24 bits.
    deviates: Vec<f32>,
}

impl Stream {
    /// Fills `out` with `value(limb)` for the limbs from `first_lane` of `first_row` on.
    fn for_each_limb<C>(
        &self,
        key: Fr,
        first_row: u64,
        first_lane: usize,
        out: &mut [C],
        value: impl Fn(usize) -> C,
    ) {
        let mut batch = [BlockIntegers::default(); BATCH];
        let mut block = first_row / RATE as u64;
        let mut row_of_block = (first_row % RATE as u64) as usize;
        let mut lane = first_lane;
        let mut rest = out;
        while !rest.is_empty() {
            let rows = row_of_block + (lane + rest.len()).div_ceil(self.lanes_per_row);
            let blocks = rows.div_ceil(RATE).min(BATCH);
            let integers = &mut batch[..blocks];
            stream::blocks(self.tag, key, block, integers);
            for integer in &integers.as_flattened()[row_of_block..] {
                let length = (self.lanes_per_row - lane).min(rest.len());
                let (cells, later) = rest.split_at_mut(length);
                self.fill_row(integer, lane, cells, &value);
                (rest, lane) = (later, 0);
            }
            block += blocks as u64;
            row_of_block = 0;
        }
    }

    /// Fills `cells` from the limbs of one output, from `lane` on.
    fn fill_row<C>(
        &self,
        integer: &[u64; 4],
        lane: usize,
        cells: &mut [C],
        value: &impl Fn(usize) -> C,
    ) {
        if let (16, 0, Ok(cells)) = (self.limb_bits, lane, <&mut [C; 15]>::try_from(&mut *cells)) {
            for (i, cell) in cells.iter_mut().enumerate() {
                *cell = value(usize::from((integer[i / 4] >> (16 * (i % 4))) as u16));
            }
            return;
        }
        for (i, cell) in (lane..).zip(cells) {
            let (word, bit) = (i * self.limb_bits / 64, i * self.limb_bits % 64);
            let above = integer.get(word + 1).copied().unwrap_or(0);
            let window = u128::from(integer[word]) | u128::from(above) << 64;
            *cell = value((window >> bit) as usize & ((1 << self.limb_bits) - 1));
        }
    }
}

/// The big-endian integer of a digest, modulo the order of the scalar field.
fn digest_scalar(digest: &Digest32) -> Fr {
    let mut wide = [0; 64];
    for (to, from) in wide.iter_mut().zip(digest.iter().rev()) {
        *to = *from;
    }
    Fr::from_uniform_bytes(&wide)
}
