//! What the sampling rules of a model are: streams, tensors, and their digest.

use crate::codec::{Format, FormatError};
use crate::digest::{Digest32, tagged};
use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// Stream outputs of one block: the rate lanes of one permutation.
pub const ROWS_PER_BLOCK: u64 = 15;
/// Most streams of one model.
pub const MAX_STREAMS: usize = 64;
/// Most tensors of one model.
pub const MAX_TENSORS: usize = 1 << 16;
/// Most bytes of a name.
pub const MAX_NAME: usize = 1024;
/// Most dimensions of a tensor.
pub const MAX_RANK: usize = 16;
/// Most elements of a tensor, and most rows of a stream.
pub const MAX_ELEMENTS: u64 = 1 << 48;

/// How a stream output is cut and how finely a deviate is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Precision {
    /// Bits of a limb, `B`, 1 to 20.
    pub limb_bits: u8,
    /// Fraction bits of a deviate, `f`, 0 to 24.
    pub fraction_bits: u8,
}

impl Precision {
    /// Weights of a row, `L = floor(253 / B)`. Zero for an invalid precision.
    pub fn lanes(&self) -> u64 {
        253_u64.checked_div(u64::from(self.limb_bits)).unwrap_or(0)
    }

    /// Checks the ranges of the fields.
    pub fn validate(&self) -> Result<(), SpecError> {
        if !(1..=20).contains(&self.limb_bits) {
            return Err(SpecError::LimbBits {
                got: self.limb_bits,
            });
        }
        if self.fraction_bits > 24 {
            return Err(SpecError::FractionBits {
                got: self.fraction_bits,
            });
        }
        Ok(())
    }
}

/// Distribution of the standard deviates of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Distribution {
    /// Quantiles of the standard normal at `2^B` midpoints, in units of `2^-f`.
    Normal,
    /// `2u + 1 - 2^B` for a uniform limb `u`.
    Uniform,
    /// Quantiles of the standard normal cut to `[lo, hi]`, in units of `2^-f`.
    TruncatedNormal {
        /// Lower bound in units of `2^-f`.
        lo: i32,
        /// Upper bound in units of `2^-f`.
        hi: i32,
    },
}

impl Distribution {
    /// Checks that a truncated distribution has an inside.
    pub fn validate(&self) -> Result<(), SpecError> {
        match *self {
            Self::Normal | Self::Uniform => Ok(()),
            Self::TruncatedNormal { lo, hi } if lo < hi => Ok(()),
            Self::TruncatedNormal { lo, hi } => Err(SpecError::EmptyTruncation { lo, hi }),
        }
    }
}

/// A stream of deviates of one distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StreamSpec {
    /// Distribution of the deviates.
    pub distribution: Distribution,
    /// Limbs and fraction bits.
    pub precision: Precision,
    /// Rows used, each of [`Precision::lanes`] deviates.
    pub rows: u64,
}

impl StreamSpec {
    /// Blocks used, each of [`ROWS_PER_BLOCK`] rows.
    pub fn blocks(&self) -> u64 {
        self.rows.div_ceil(ROWS_PER_BLOCK)
    }
}

/// How a tensor gets its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fill {
    /// Every element is the `f32` with these bits.
    Constant {
        /// Bits of the `f32`.
        bits: u32,
    },
    /// Element `e` is `scale * z + mean`, `z` the deviate at row
    /// `first_row + e / L`, lane `e % L` of the stream.
    Sampled {
        /// Index in [`ModelSpec::streams`].
        stream: u16,
        /// First row of the stream.
        first_row: u64,
        /// Bits of the `f32` scale: finite and positive.
        scale_bits: u32,
        /// Bits of the `f32` mean: finite, zero as `+0`.
        mean_bits: u32,
    },
}

/// A tensor of the model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorSpec {
    /// Name, unique in the model, 1 to [`MAX_NAME`] bytes.
    pub name: String,
    /// Dimensions; none for a scalar.
    pub dims: Vec<u64>,
    /// Where its values come from.
    pub fill: Fill,
}

impl TensorSpec {
    /// Number of elements, or `None` past [`MAX_ELEMENTS`].
    pub fn elements(&self) -> Option<u64> {
        let mut product = 1_u64;
        for &dim in &self.dims {
            product = product.checked_mul(dim)?;
        }
        (product <= MAX_ELEMENTS).then_some(product)
    }
}

/// Architecture and sampling rules of a model.
///
/// Its digest is the model digest `A`. Tensors take consecutive row ranges of
/// their stream in the order of the list, each starting on a row of its own;
/// streams are numbered by first use; a stream has exactly the rows used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelSpec {
    /// Name, for people.
    pub name: String,
    /// Digest of the computation graph.
    pub graph_digest: Digest32,
    /// Digest of the initialization rules as the publisher wrote them.
    pub rules_digest: Digest32,
    /// Streams, by first use.
    pub streams: Vec<StreamSpec>,
    /// Tensors in canonical order.
    #[serde(deserialize_with = "crate::codec::bounded::<_, _, MAX_TENSORS>")]
    pub tensors: Vec<TensorSpec>,
}

impl Format for ModelSpec {
    const MAGIC: [u8; 8] = *b"nsc.modl";
    const VERSION: u16 = 1;
    const MAX_BYTES: usize = 4 << 20;
    type Error = SpecError;

    fn validate(&self) -> Result<(), SpecError> {
        check_name(&self.name)?;
        bounded("streams", MAX_STREAMS, self.streams.len())?;
        bounded("tensors", MAX_TENSORS, self.tensors.len())?;
        let mut kinds = BTreeSet::new();
        for (index, stream) in self.streams.iter().enumerate() {
            stream.precision.validate()?;
            stream.distribution.validate()?;
            if stream.rows == 0 || stream.rows > MAX_ELEMENTS {
                return Err(SpecError::StreamRows {
                    stream: index,
                    got: stream.rows,
                });
            }
            if !kinds.insert((stream.distribution, stream.precision)) {
                return Err(SpecError::DuplicateStream { stream: index });
            }
        }
        self.check_tensors()
    }
}

impl ModelSpec {
    /// Digest of the canonical bytes: the model digest `A`.
    pub fn digest(&self) -> Result<Digest32, FormatError<SpecError>> {
        Ok(tagged("nascent model v1", &[&self.encode()?]))
    }

    /// Total number of sampled weights.
    pub fn sampled_elements(&self) -> u64 {
        self.elements_where(|fill| matches!(fill, Fill::Sampled { .. }))
    }

    /// Total number of weights that the rules set to constants.
    pub fn constant_elements(&self) -> u64 {
        self.elements_where(|fill| matches!(fill, Fill::Constant { .. }))
    }

    fn elements_where(&self, keep: impl Fn(&Fill) -> bool) -> u64 {
        self.tensors
            .iter()
            .filter(|tensor| keep(&tensor.fill))
            .filter_map(TensorSpec::elements)
            .fold(0, u64::saturating_add)
    }

    fn check_tensors(&self) -> Result<(), SpecError> {
        let mut names = BTreeSet::new();
        let mut next_row: Vec<u64> = Vec::new();
        for (index, tensor) in self.tensors.iter().enumerate() {
            check_name(&tensor.name)?;
            if !names.insert(tensor.name.as_str()) {
                return Err(SpecError::DuplicateTensor { tensor: index });
            }
            bounded("dimensions", MAX_RANK, tensor.dims.len())?;
            let elements = tensor
                .elements()
                .ok_or(SpecError::TensorTooLarge { tensor: index })?;
            match tensor.fill {
                Fill::Constant { .. } => {}
                Fill::Sampled {
                    stream,
                    first_row,
                    scale_bits,
                    mean_bits,
                } => {
                    check_affine(index, scale_bits, mean_bits)?;
                    let stream = usize::from(stream);
                    let spec = self.streams.get(stream).ok_or(SpecError::NoSuchStream {
                        tensor: index,
                        stream,
                    })?;
                    if elements == 0 {
                        return Err(SpecError::EmptySample { tensor: index });
                    }
                    let rows = elements.div_ceil(spec.precision.lanes());
                    take_rows(&mut next_row, index, stream, first_row, rows)?;
                }
            }
        }
        for (stream, spec) in self.streams.iter().enumerate() {
            let used = next_row.get(stream).copied().unwrap_or(0);
            if used != spec.rows {
                return Err(SpecError::RowsNotCovered {
                    stream,
                    expected: spec.rows,
                    got: used,
                });
            }
        }
        Ok(())
    }
}

/// Takes the next `rows` rows of `stream`; a new stream must be the next index.
fn take_rows(
    next_row: &mut Vec<u64>,
    tensor: usize,
    stream: usize,
    first_row: u64,
    rows: u64,
) -> Result<(), SpecError> {
    if stream == next_row.len() {
        next_row.push(0);
    }
    let next = next_row
        .get_mut(stream)
        .ok_or(SpecError::StreamOrder { tensor, stream })?;
    if first_row != *next {
        return Err(SpecError::FirstRow {
            tensor,
            expected: *next,
            got: first_row,
        });
    }
    *next = next
        .checked_add(rows)
        .ok_or(SpecError::TensorTooLarge { tensor })?;
    Ok(())
}

fn check_affine(tensor: usize, scale_bits: u32, mean_bits: u32) -> Result<(), SpecError> {
    let scale = f32::from_bits(scale_bits);
    if !(scale.is_finite() && scale > 0.0) {
        return Err(SpecError::Scale {
            tensor,
            got: scale_bits,
        });
    }
    let mean = f32::from_bits(mean_bits);
    if !mean.is_finite() || mean_bits == (-0.0_f32).to_bits() {
        return Err(SpecError::Mean {
            tensor,
            got: mean_bits,
        });
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), SpecError> {
    if name.is_empty() || name.len() > MAX_NAME {
        return Err(SpecError::Name {
            limit: MAX_NAME,
            got: name.len(),
        });
    }
    Ok(())
}

fn bounded(what: &'static str, limit: usize, got: usize) -> Result<(), SpecError> {
    if got > limit {
        return Err(SpecError::TooMany { what, limit, got });
    }
    Ok(())
}

/// Why a model specification is not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpecError {
    /// Limb width out of range.
    #[error("limbs of {got} bits, expected 1 to 20")]
    LimbBits {
        /// Width found.
        got: u8,
    },
    /// Fraction bits out of range.
    #[error("{got} fraction bits, expected at most 24")]
    FractionBits {
        /// Number found.
        got: u8,
    },
    /// A truncated distribution without an inside.
    #[error("truncation bounds {lo} and {hi} leave nothing between them")]
    EmptyTruncation {
        /// Lower bound.
        lo: i32,
        /// Upper bound.
        hi: i32,
    },
    /// A stream without rows, or with too many.
    #[error("stream {stream} has {got} rows, expected 1 to 2^48")]
    StreamRows {
        /// Index of the stream.
        stream: usize,
        /// Rows found.
        got: u64,
    },
    /// Two streams with the same distribution and precision.
    #[error("stream {stream} repeats an earlier one")]
    DuplicateStream {
        /// Index of the second one.
        stream: usize,
    },
    /// Two tensors with the same name.
    #[error("tensor {tensor} repeats the name of an earlier one")]
    DuplicateTensor {
        /// Index of the second one.
        tensor: usize,
    },
    /// An empty or long name.
    #[error("name of {got} bytes, expected 1 to {limit}")]
    Name {
        /// Most bytes.
        limit: usize,
        /// Bytes found.
        got: usize,
    },
    /// A list past its bound.
    #[error("{got} {what}, at most {limit}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// Bound.
        limit: usize,
        /// Number found.
        got: usize,
    },
    /// More elements than supported.
    #[error("tensor {tensor} has more than 2^48 elements")]
    TensorTooLarge {
        /// Index of the tensor.
        tensor: usize,
    },
    /// A sampled tensor without elements.
    #[error("tensor {tensor} is sampled but has no elements")]
    EmptySample {
        /// Index of the tensor.
        tensor: usize,
    },
    /// A scale that is not finite and positive.
    #[error("tensor {tensor} has a scale that is not finite and positive (bits {got:#010x})")]
    Scale {
        /// Index of the tensor.
        tensor: usize,
        /// Bits found.
        got: u32,
    },
    /// A mean that is not finite, or is negative zero.
    #[error("tensor {tensor} has a mean that is not finite or is -0 (bits {got:#010x})")]
    Mean {
        /// Index of the tensor.
        tensor: usize,
        /// Bits found.
        got: u32,
    },
    /// A stream index past the list.
    #[error("tensor {tensor} samples stream {stream}, which does not exist")]
    NoSuchStream {
        /// Index of the tensor.
        tensor: usize,
        /// Index of the stream.
        stream: usize,
    },
    /// Streams not numbered by first use.
    #[error("tensor {tensor} uses stream {stream} before a lower-numbered one was used")]
    StreamOrder {
        /// Index of the tensor.
        tensor: usize,
        /// Index of the stream.
        stream: usize,
    },
    /// A range that does not follow the one before.
    #[error("tensor {tensor} starts at row {got}, expected {expected}")]
    FirstRow {
        /// Index of the tensor.
        tensor: usize,
        /// Next free row of the stream.
        expected: u64,
        /// Row found.
        got: u64,
    },
    /// Tensors use fewer or more rows than the stream has.
    #[error("stream {stream} has {expected} rows, its tensors use {got}")]
    RowsNotCovered {
        /// Index of the stream.
        stream: usize,
        /// Rows of the stream.
        expected: u64,
        /// Rows used.
        got: u64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn sampled(stream: u16, first_row: u64) -> Fill {
        Fill::Sampled {
            stream,
            first_row,
            scale_bits: 1.0_f32.to_bits(),
            mean_bits: 0,
        }
    }

    fn tensor(name: &str, dims: &[u64], fill: Fill) -> TensorSpec {
        TensorSpec {
            name: name.into(),
            dims: dims.to_vec(),
            fill,
        }
    }

    fn model() -> ModelSpec {
        let stream = |distribution, rows| StreamSpec {
            distribution,
            precision: Precision {
                limb_bits: 16,
                fraction_bits: 12,
            },
            rows,
        };
        ModelSpec {
            name: "m".into(),
            graph_digest: [0; 32],
            rules_digest: [0; 32],
            streams: vec![
                stream(Distribution::Normal, 5),
                stream(Distribution::Uniform, 1),
            ],
            tensors: vec![
                tensor("w1", &[4, 4], sampled(0, 0)),
                tensor("b1", &[4], Fill::Constant { bits: 0 }),
                tensor("w2", &[15, 3], sampled(0, 2)),
                tensor("w3", &[], sampled(1, 0)),
            ],
        }
    }

    #[test]
    fn a_model_round_trips() {
        let model = model();
        let bytes = model.encode().unwrap();
        assert_eq!(ModelSpec::decode(&bytes), Ok(model.clone()));
        assert_eq!(model.sampled_elements(), 16 + 45 + 1);
        assert_eq!(model.constant_elements(), 4);
        let mut other = model.clone();
        other.rules_digest[0] = 1;
        assert_ne!(other.digest(), model.digest());
    }

    #[test]
    fn ranges_are_consecutive_and_cover_the_streams() {
        let refused = |apply: &dyn Fn(&mut ModelSpec)| {
            let mut model = model();
            apply(&mut model);
            model.validate().unwrap_err()
        };
        assert_eq!(
            refused(&|m| m.tensors[2].fill = sampled(0, 3)),
            SpecError::FirstRow {
                tensor: 2,
                expected: 2,
                got: 3
            }
        );
        assert_eq!(
            refused(&|m| m.tensors[0].dims = vec![4, 3]),
            SpecError::FirstRow {
                tensor: 2,
                expected: 1,
                got: 2
            }
        );
        assert_eq!(
            refused(&|m| m.streams[0].rows = 6),
            SpecError::RowsNotCovered {
                stream: 0,
                expected: 6,
                got: 5
            }
        );
        assert_eq!(
            refused(&|m| m.tensors.truncate(3)),
            SpecError::RowsNotCovered {
                stream: 1,
                expected: 1,
                got: 0
            }
        );
        assert_eq!(
            refused(&|m| m.tensors[3].fill = sampled(2, 0)),
            SpecError::NoSuchStream {
                tensor: 3,
                stream: 2
            }
        );
        assert_eq!(
            refused(&|m| m.tensors.rotate_right(1)),
            SpecError::StreamOrder {
                tensor: 0,
                stream: 1
            }
        );
        assert_eq!(
            refused(&|m| m.streams[1].distribution = Distribution::Normal),
            SpecError::DuplicateStream { stream: 1 }
        );
    }

    #[test]
    fn values_out_of_range_are_refused() {
        let refused = |apply: &dyn Fn(&mut ModelSpec)| {
            let mut model = model();
            apply(&mut model);
            model.validate().unwrap_err()
        };
        let affine = |scale: f32, mean: f32| Fill::Sampled {
            stream: 0,
            first_row: 0,
            scale_bits: scale.to_bits(),
            mean_bits: mean.to_bits(),
        };
        for scale in [0.0, -0.0, -1.0, f32::NAN, f32::INFINITY] {
            let error = refused(&|m| m.tensors[0].fill = affine(scale, 0.0));
            assert!(matches!(error, SpecError::Scale { tensor: 0, .. }));
        }
        for mean in [-0.0, f32::NAN, f32::NEG_INFINITY] {
            let error = refused(&|m| m.tensors[0].fill = affine(1.0, mean));
            assert!(matches!(error, SpecError::Mean { tensor: 0, .. }));
        }
        assert_eq!(
            refused(&|m| m.tensors[1].dims = vec![1 << 40, 1 << 40]),
            SpecError::TensorTooLarge { tensor: 1 }
        );
        assert_eq!(
            refused(&|m| m.tensors[0].dims = vec![0, 4]),
            SpecError::EmptySample { tensor: 0 }
        );
        assert_eq!(
            refused(&|m| m.tensors[1].name = "w1".into()),
            SpecError::DuplicateTensor { tensor: 1 }
        );
        assert_eq!(
            refused(&|m| m.streams[0].precision.limb_bits = 0),
            SpecError::LimbBits { got: 0 }
        );
        let cut = Distribution::TruncatedNormal { lo: 2, hi: 2 };
        assert_eq!(
            refused(&|m| m.streams[1].distribution = cut),
            SpecError::EmptyTruncation { lo: 2, hi: 2 }
        );
    }

    #[test]
    fn a_long_form_of_a_number_is_no_second_encoding() {
        let bytes = model().encode().unwrap();
        // The last byte is the mean, zero, in one byte; write it in two.
        let mut longer = bytes[..bytes.len() - 1].to_vec();
        longer.extend([0x80, 0x00]);
        assert_eq!(ModelSpec::decode(&longer), Err(FormatError::NotCanonical));
    }
}
