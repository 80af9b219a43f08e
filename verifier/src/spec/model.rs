//! A model's specification: what makes it valid, and its digest.

use super::{
    Fill, KeptTensor, MAX_ELEMENTS, MAX_NAME, MAX_RANK, MAX_STREAMS, MAX_TENSORS, SpecError,
    Spread, StreamSpec, TensorSpec,
};
use crate::codec::{Format, FormatError};
use crate::digest::{Digest32, tagged};
use crate::text::is_plain;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

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
    /// Tensors that keep the values of the model file, sorted. Their values are in the graph's
    /// digest; the list is what a reader sees of them.
    #[serde(deserialize_with = "crate::codec::bounded::<_, _, MAX_TENSORS>")]
    pub kept: Vec<KeptTensor>,
}

impl Format for ModelSpec {
    const MAGIC: [u8; 8] = *b"nsc.modl";
    const VERSION: u16 = 2;
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
        self.check_tensors()?;
        self.check_kept()
    }
}

impl ModelSpec {
    /// Digest of the canonical bytes: the model digest `A`.
    pub fn digest(&self) -> Result<Digest32, FormatError<SpecError>> {
        Ok(tagged("nascent model v2", &[&self.encode()?]))
    }

    /// Total number of sampled weights.
    pub fn sampled_elements(&self) -> u64 {
        self.elements_where(|fill| matches!(fill, Fill::Sampled { .. }))
    }

    /// Total number of weights that the rules set to constants.
    pub fn constant_elements(&self) -> u64 {
        self.elements_where(|fill| matches!(fill, Fill::Constant { .. }))
    }

    /// Total number of weights that earlier plans sample.
    pub fn inherited_elements(&self) -> u64 {
        self.elements_where(|fill| matches!(fill, Fill::Inherited { .. }))
    }

    /// Total number of values that the model file keeps.
    pub fn kept_elements(&self) -> u64 {
        self.kept_where(|_| true)
    }

    /// Those of them that are floating-point numbers.
    pub fn kept_floats(&self) -> u64 {
        self.kept_where(|tensor| tensor.floats)
    }

    fn kept_where(&self, keep: impl Fn(&KeptTensor) -> bool) -> u64 {
        let kept = self.kept.iter().filter(|tensor| keep(tensor));
        kept.filter_map(KeptTensor::elements)
            .fold(0, u64::saturating_add)
    }

    /// Digests of the plans that weights are inherited from.
    pub fn inherits_from(&self) -> BTreeSet<Digest32> {
        let fills = self.tensors.iter().map(|tensor| &tensor.fill);
        let plans = fills.filter_map(|fill| match fill {
            Fill::Inherited { plan } => Some(*plan),
            Fill::Constant { .. } | Fill::Sampled { .. } => None,
        });
        plans.collect()
    }

    /// Checks that all weights inherited from a plan are sampled there, in the same shape.
    ///
    /// # Errors
    ///
    /// The first tensor that is not.
    pub fn check_inherited(&self, plan: &Digest32, earlier: &Self) -> Result<(), SpecError> {
        let own = self.tensors.iter().enumerate();
        let inherited = own.filter(|(_, of)| of.fill == Fill::Inherited { plan: *plan });
        let sampled = |tensor: &&TensorSpec| matches!(tensor.fill, Fill::Sampled { .. });
        let sampled = earlier.tensors.iter().filter(sampled);
        let known: BTreeMap<&str, &TensorSpec> = sampled
            .map(|tensor| (tensor.name.as_str(), tensor))
            .collect();
        for (tensor, of) in inherited {
            let there = known.get(of.name.as_str());
            if there.is_none_or(|there| there.dims != of.dims) {
                return Err(SpecError::NotInherited { tensor });
            }
        }
        Ok(())
    }

    fn elements_where(&self, keep: impl Fn(&Fill) -> bool) -> u64 {
        self.tensors
            .iter()
            .filter(|tensor| keep(&tensor.fill))
            .filter_map(TensorSpec::elements)
            .fold(0, u64::saturating_add)
    }

    fn check_kept(&self) -> Result<(), SpecError> {
        bounded("kept tensors", MAX_TENSORS, self.kept.len())?;
        for (tensor, kept) in self.kept.iter().enumerate() {
            check_name(&kept.name)?;
            bounded("dimensions", MAX_RANK, kept.dims.len())?;
            if kept.elements().is_none_or(|elements| elements == 0) {
                return Err(SpecError::KeptSize { tensor });
            }
        }
        let rising = self.kept.windows(2).position(|pair| match pair {
            [a, b] => a > b,
            _ => false,
        });
        match rising {
            Some(tensor) => Err(SpecError::KeptOrder {
                tensor: tensor.saturating_add(1),
            }),
            None => Ok(()),
        }
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
                Fill::Inherited { .. } => {
                    if elements == 0 {
                        return Err(SpecError::EmptySample { tensor: index });
                    }
                }
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
                    check_spread(index, spec, scale_bits, mean_bits)?;
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

/// Something random is left of a sample once its values are `f32`.
fn check_spread(
    tensor: usize,
    stream: &StreamSpec,
    scale_bits: u32,
    mean_bits: u32,
) -> Result<(), SpecError> {
    let (scale, mean) = (f32::from_bits(scale_bits), f32::from_bits(mean_bits));
    let spread = Spread::new(stream.distribution, stream.precision, scale, mean);
    if !spread.is_finite() {
        return Err(SpecError::Overflow { tensor });
    }
    if !spread.is_enough() {
        return Err(SpecError::NoSpread {
            tensor,
            expected: spread.needed(),
            got: spread.values,
        });
    }
    Ok(())
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
    if !(scale.is_normal() && scale > 0.0) {
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
    if !is_plain(name) {
        return Err(SpecError::NotPlain);
    }
    Ok(())
}

fn bounded(what: &'static str, limit: usize, got: usize) -> Result<(), SpecError> {
    if got > limit {
        return Err(SpecError::TooMany { what, limit, got });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{Distribution, Precision};
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

    fn kept(name: &str, dims: &[u64], floats: bool) -> KeptTensor {
        KeptTensor {
            name: name.into(),
            dims: dims.to_vec(),
            floats,
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
            kept: vec![kept("scale", &[3, 5], true), kept("shape", &[2], false)],
        }
    }

    #[test]
    fn a_model_round_trips() {
        let model = model();
        let bytes = model.encode().unwrap();
        assert_eq!(ModelSpec::decode(&bytes), Ok(model.clone()));
        assert_eq!(model.sampled_elements(), 16 + 45 + 1);
        assert_eq!(model.constant_elements(), 4);
        assert_eq!((model.kept_elements(), model.kept_floats()), (17, 15));
        let mut other = model.clone();
        other.kept.pop();
        assert_ne!(other.digest(), model.digest());
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
        for scale in [0.0, -0.0, -1.0, f32::NAN, f32::INFINITY, 1e-40] {
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
        let gone = refused(&|m| m.tensors[0].fill = affine(1e-34, 0.7));
        assert_eq!(
            gone,
            SpecError::NoSpread {
                tensor: 0,
                expected: 256,
                got: 1
            }
        );
        let infinite = refused(&|m| m.tensors[0].fill = affine(1e36, 0.0));
        assert_eq!(infinite, SpecError::Overflow { tensor: 0 });
        assert_eq!(
            refused(&|m| m.kept.reverse()),
            SpecError::KeptOrder { tensor: 1 }
        );
        for dims in [vec![0], vec![1 << 40, 1 << 40]] {
            let error = refused(&|m| m.kept[1].dims = dims.clone());
            assert_eq!(error, SpecError::KeptSize { tensor: 1 });
        }
        let cut = Distribution::TruncatedNormal { lo: 2, hi: 2 };
        assert_eq!(
            refused(&|m| m.streams[1].distribution = cut),
            SpecError::EmptyTruncation { lo: 2, hi: 2 }
        );
    }

    #[test]
    fn inherited_tensors_are_those_of_the_earlier_plan() {
        let earlier = model();
        let plan = [7; 32];
        let inherited = Fill::Inherited { plan };
        let mut later = model();
        later.tensors[0].fill = inherited;
        // The rows of the others are other ones.
        later.tensors[2].fill = sampled(0, 0);
        later.streams[0].rows = 3;
        assert_eq!(later.validate(), Ok(()));
        assert_eq!(
            ModelSpec::decode(&later.encode().unwrap()),
            Ok(later.clone())
        );
        assert_eq!(later.inherited_elements(), 16);
        assert_eq!(later.sampled_elements(), 45 + 1);
        assert_eq!(later.inherits_from(), BTreeSet::from([plan]));
        assert_eq!(later.check_inherited(&plan, &earlier), Ok(()));
        // Another plan is another matter.
        assert_eq!(later.check_inherited(&[8; 32], &earlier), Ok(()));
        let refused = Err(SpecError::NotInherited { tensor: 0 });
        let changes: [&dyn Fn(&mut ModelSpec); 4] = [
            &|m| m.tensors[0].name = "other".into(),
            &|m| m.tensors[0].dims = vec![16],
            &|m| m.tensors[0].fill = Fill::Constant { bits: 0 },
            &|m| m.tensors[0].fill = inherited,
        ];
        for change in changes {
            let mut other = earlier.clone();
            change(&mut other);
            assert_eq!(later.check_inherited(&plan, &other), refused);
        }
        later.tensors[0].dims = vec![0, 4];
        assert_eq!(later.validate(), Err(SpecError::EmptySample { tensor: 0 }));
        let mut another = later.clone();
        another.tensors[0].fill = Fill::Inherited { plan: [8; 32] };
        another.tensors[0].dims = vec![4, 4];
        later.tensors[0].dims = vec![4, 4];
        assert_ne!(another.digest(), later.digest());
    }

    #[test]
    fn a_long_form_of_a_number_is_no_second_encoding() {
        let mut model = model();
        model.kept.clear();
        let bytes = model.encode().unwrap();
        // The last byte is the number of kept tensors, zero, in one byte; write it in two.
        let mut longer = bytes[..bytes.len() - 1].to_vec();
        longer.extend([0x80, 0x00]);
        assert_eq!(ModelSpec::decode(&longer), Err(FormatError::NotCanonical));
    }
}
