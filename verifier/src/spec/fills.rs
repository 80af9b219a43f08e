//! The fills of a model, alike ones together: what a reader looks at.

use super::spread::Spread;
use super::{Distribution, Fill, ModelSpec, Precision};
use crate::digest::Digest32;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use serde::Serialize;

/// How values come about. In the order in which a reader should see them: first what the publisher
/// chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum FillKind {
    /// They are the model file's own.
    Kept {
        /// Whether they are floating-point numbers of 16, 32 or 64 bits.
        floats: bool,
    },
    /// All are the `f32` with these bits.
    Constant {
        /// Bits of the `f32`.
        bits: u32,
    },
    /// They are an earlier plan's.
    Inherited {
        /// Digest of that plan.
        plan: Digest32,
    },
    /// `scale * z + mean` for deviates `z`.
    Sampled {
        /// Distribution of the deviates.
        distribution: Distribution,
        /// Limbs and fraction bits.
        precision: Precision,
        /// Bits of the `f32` scale.
        scale_bits: u32,
        /// Bits of the `f32` mean.
        mean_bits: u32,
    },
}

impl FillKind {
    /// For a sample: how many values are left of it in `f32`.
    pub fn spread(&self) -> Option<Spread> {
        match *self {
            Self::Sampled {
                distribution,
                precision,
                scale_bits,
                mean_bits,
            } => Some(Spread::new(
                distribution,
                precision,
                f32::from_bits(scale_bits),
                f32::from_bits(mean_bits),
            )),
            Self::Kept { .. } | Self::Constant { .. } | Self::Inherited { .. } => None,
        }
    }
}

/// Tensors of one shape and one fill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FillGroup {
    /// How their values come about.
    pub kind: FillKind,
    /// Their shape.
    pub dims: Vec<u64>,
    /// Name of the first.
    pub first: String,
    /// How many they are.
    pub tensors: u64,
    /// Values of all together.
    pub values: u64,
}

/// How many values come about how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct FillCounts {
    /// Deviates of this plan's seed: proved.
    pub sampled: u64,
    /// Constants of the rules.
    pub constant: u64,
    /// Values of the model file's own.
    pub kept: u64,
    /// Those of them that are floating-point numbers.
    pub kept_floats: u64,
    /// Weights of earlier plans.
    pub inherited: u64,
}

impl FillCounts {
    /// All of them.
    pub fn all(&self) -> u64 {
        [self.sampled, self.constant, self.kept, self.inherited]
            .into_iter()
            .fold(0, u64::saturating_add)
    }
}

impl ModelSpec {
    /// All tensors, those that the model file keeps included, by fill and shape: by kind, the
    /// largest first. No more groups than tensors.
    pub fn fills(&self) -> Vec<FillGroup> {
        let mut found: BTreeMap<(FillKind, &[u64]), FillGroup> = BTreeMap::new();
        let tensors = self.tensors.iter().filter_map(|tensor| {
            let kind = self.kind(tensor.fill)?;
            Some((kind, &tensor.dims, &tensor.name, tensor.elements()?))
        });
        let kept = self.kept.iter().filter_map(|tensor| {
            let floats = tensor.floats;
            let kind = FillKind::Kept { floats };
            Some((kind, &tensor.dims, &tensor.name, tensor.elements()?))
        });
        for (kind, dims, name, values) in kept.chain(tensors) {
            let group = found.entry((kind, dims)).or_insert_with(|| FillGroup {
                kind,
                dims: dims.clone(),
                first: name.clone(),
                tensors: 0,
                values: 0,
            });
            group.tensors = group.tensors.saturating_add(1);
            group.values = group.values.saturating_add(values);
        }
        let mut groups: Vec<FillGroup> = found.into_values().collect();
        groups.sort_by_key(|group| (rank(&group.kind), core::cmp::Reverse(group.values)));
        groups
    }

    /// How many values come about how.
    pub fn fill_counts(&self) -> FillCounts {
        FillCounts {
            sampled: self.sampled_elements(),
            constant: self.constant_elements(),
            kept: self.kept_elements(),
            kept_floats: self.kept_floats(),
            inherited: self.inherited_elements(),
        }
    }

    fn kind(&self, fill: Fill) -> Option<FillKind> {
        Some(match fill {
            Fill::Constant { bits } => FillKind::Constant { bits },
            Fill::Inherited { plan } => FillKind::Inherited { plan },
            Fill::Sampled {
                stream,
                scale_bits,
                mean_bits,
                ..
            } => {
                let stream = self.streams.get(usize::from(stream))?;
                FillKind::Sampled {
                    distribution: stream.distribution,
                    precision: stream.precision,
                    scale_bits,
                    mean_bits,
                }
            }
        })
    }
}

fn rank(kind: &FillKind) -> u8 {
    match kind {
        FillKind::Kept { floats: true } => 0,
        FillKind::Kept { floats: false } => 1,
        FillKind::Constant { .. } => 2,
        FillKind::Inherited { .. } => 3,
        FillKind::Sampled { .. } => 4,
    }
}
