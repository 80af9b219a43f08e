//! Normalizations: which input is the scale, the shift and the statistics.

use super::Role;

const AFFINE: &[(usize, Role)] = &[(1, Role::NormScale), (2, Role::NormBias)];
const BATCH: &[(usize, Role)] = &[
    (1, Role::NormScale),
    (2, Role::NormBias),
    (3, Role::NormMean),
    (4, Role::NormVariance),
];

/// Input slots of a normalization's parameters.
pub(super) fn slots(op: &str) -> Option<&'static [(usize, Role)]> {
    match op {
        "BatchNormalization" => Some(BATCH),
        "LayerNormalization" | "GroupNormalization" | "InstanceNormalization" => Some(AFFINE),
        "RMSNormalization" => AFFINE.get(..1),
        _ => None,
    }
}
