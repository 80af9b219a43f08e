//! How a model's values come about: counts and a table, in words and for `--json`.
//!
//! What proofs show is about sampled values. A reader has to see the others beside them: how many
//! the publisher chose, in which tensors, and what the samples' distributions are.

use crate::words::count;
use nascent_verifier::spec::{FillCounts, FillGroup, FillKind};
use nascent_verifier::text::Quoted;
use nascent_verifier::{Distribution, ModelSpec, Precision};
use serde::Serialize;

/// Most rows of the table for each kind of fill.
const ROWS: usize = 12;

/// How many values come about how, in one line.
pub fn counts(counts: &FillCounts) -> String {
    format!(
        "{} of {} sampled; {} constant, {} kept from the model file ({} floats), {} inherited",
        count(counts.sampled),
        count(counts.all()),
        count(counts.constant),
        count(counts.kept),
        count(counts.kept_floats),
        count(counts.inherited),
    )
}

/// The table: alike tensors in one row, the largest first, a bounded number of rows.
pub fn table(model: &ModelSpec) -> Vec<String> {
    rows(&model.fills())
}

/// The table for machines, with all its rows.
pub fn report(model: &ModelSpec) -> Vec<FillReport> {
    model.fills().iter().map(FillReport::of).collect()
}

fn rows(groups: &[FillGroup]) -> Vec<String> {
    let mut out = Vec::new();
    let alike = groups.chunk_by(|a, b| name(&a.kind) == name(&b.kind));
    for of_kind in alike {
        out.extend(of_kind.iter().take(ROWS).map(row));
        let rest = of_kind.get(ROWS..).unwrap_or_default();
        if let Some(first) = rest.first() {
            let values = rest
                .iter()
                .fold(0_u64, |sum, of| sum.saturating_add(of.values));
            out.push(format!(
                "{:<10}{:>16}  in {} more shapes and fills (--json has all)",
                name(&first.kind),
                count(values),
                count(rest.len() as u64),
            ));
        }
    }
    out
}

fn row(group: &FillGroup) -> String {
    let more = match group.tensors {
        0 | 1 => String::new(),
        tensors => format!(" and {} more", count(tensors.saturating_sub(1))),
    };
    format!(
        "{:<10}{:>16}  {:<18} {:<52} {}{more}",
        name(&group.kind),
        count(group.values),
        format!("{:?}", group.dims),
        words(&group.kind),
        Quoted(&group.first),
    )
}

fn name(kind: &FillKind) -> &'static str {
    match kind {
        FillKind::Kept { .. } => "kept",
        FillKind::Constant { .. } => "constant",
        FillKind::Inherited { .. } => "inherited",
        FillKind::Sampled { .. } => "sampled",
    }
}

fn words(kind: &FillKind) -> String {
    match kind {
        FillKind::Kept { floats: true } => "floats of the model file's own".to_owned(),
        FillKind::Kept { floats: false } => "integers or other values of its own".to_owned(),
        FillKind::Constant { bits } => format!("{}", f32::from_bits(*bits)),
        FillKind::Inherited { plan } => {
            let digest = hex::encode(plan);
            format!("of the plan {}..", digest.get(..16).unwrap_or_default())
        }
        FillKind::Sampled {
            distribution,
            precision,
            scale_bits,
            mean_bits,
        } => {
            let mean = f64::from(f32::from_bits(*mean_bits));
            let scale = f64::from(f32::from_bits(*scale_bits));
            let width = width(*distribution, *precision, scale);
            let shape = match *distribution {
                Distribution::Normal => format!("normal, mean {mean:.6}, std {width:.6e}"),
                Distribution::Uniform => format!("uniform, {mean:.6} +- {width:.6e}"),
                Distribution::TruncatedNormal { lo, hi } => {
                    let at = |bound: i32| f64::from(bound) * scale + mean;
                    format!(
                        "normal, mean {mean:.6}, std {width:.6e}, cut to [{:.6e}, {:.6e}]",
                        at(lo),
                        at(hi)
                    )
                }
            };
            let spread = kind.spread();
            match spread.filter(|spread| spread.values < spread.deviates) {
                Some(spread) => format!("{shape}; at most {} values of f32", count(spread.values)),
                None => shape,
            }
        }
    }
}

/// Standard deviation before cutting, or half of the interval.
fn width(distribution: Distribution, precision: Precision, scale: f64) -> f64 {
    let bits = match distribution {
        Distribution::Uniform => precision.limb_bits,
        Distribution::Normal | Distribution::TruncatedNormal { .. } => precision.fraction_bits,
    };
    scale * f64::from(1_u32 << bits.min(31))
}

/// A row of the table.
#[derive(Debug, Clone, Serialize)]
pub struct FillReport {
    /// What kind of fill.
    pub fill: &'static str,
    /// How many tensors.
    pub tensors: u64,
    /// How many values they have together.
    pub values: u64,
    /// The shape of each.
    pub dims: Vec<u64>,
    /// Name of the first.
    pub first: String,
    /// The fill in words.
    pub words: String,
    /// What the kind says more.
    #[serde(flatten)]
    pub details: FillDetails,
}

/// What a kind of fill says more.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum FillDetails {
    /// Kept from the model's file.
    Kept {
        /// Whether they are floating-point numbers.
        floats: bool,
    },
    /// A constant.
    Constant {
        /// Its value.
        value: f32,
    },
    /// Weights of an earlier plan.
    Inherited {
        /// Digest of that plan, in hexadecimal.
        plan: String,
    },
    /// Deviates.
    Sampled {
        /// Of what.
        distribution: DistributionReport,
        /// What a deviate is multiplied by.
        scale: f32,
        /// What is added then.
        mean: f32,
        /// How many different values there are at most.
        values_at_most: Option<u64>,
    },
}

impl FillReport {
    fn of(group: &FillGroup) -> Self {
        let details = match group.kind {
            FillKind::Kept { floats } => FillDetails::Kept { floats },
            FillKind::Constant { bits } => FillDetails::Constant {
                value: f32::from_bits(bits),
            },
            FillKind::Inherited { plan } => FillDetails::Inherited {
                plan: hex::encode(plan),
            },
            FillKind::Sampled {
                distribution,
                precision,
                scale_bits,
                mean_bits,
            } => FillDetails::Sampled {
                distribution: DistributionReport::new(distribution, precision),
                scale: f32::from_bits(scale_bits),
                mean: f32::from_bits(mean_bits),
                values_at_most: group.kind.spread().map(|spread| spread.values),
            },
        };
        Self {
            fill: name(&group.kind),
            tensors: group.tensors,
            values: group.values,
            dims: group.dims.clone(),
            first: group.first.clone(),
            words: words(&group.kind),
            details,
        }
    }
}

/// A distribution in words.
pub fn distribution_words(distribution: Distribution, precision: Precision) -> String {
    let name = match distribution {
        Distribution::Normal => "normal".to_owned(),
        Distribution::Uniform => "uniform".to_owned(),
        Distribution::TruncatedNormal { lo, hi } => {
            let unit = f64::from(1_u32 << precision.fraction_bits.min(31));
            format!(
                "normal cut to [{}, {}]",
                f64::from(lo) / unit,
                f64::from(hi) / unit
            )
        }
    };
    format!(
        "{name}, {}-bit limbs, {} fraction bits",
        precision.limb_bits, precision.fraction_bits
    )
}

/// A distribution, for machines.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct DistributionReport {
    /// Which.
    pub kind: &'static str,
    /// Bounds of a truncated normal, in units of the last fraction bit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lo: Option<i32>,
    /// The upper one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hi: Option<i32>,
    /// Bits of a limb.
    pub limb_bits: u8,
    /// Fraction bits of a deviate.
    pub fraction_bits: u8,
}

impl DistributionReport {
    /// Of a stream.
    pub fn new(distribution: Distribution, precision: Precision) -> Self {
        let (kind, lo, hi) = match distribution {
            Distribution::Normal => ("normal", None, None),
            Distribution::Uniform => ("uniform", None, None),
            Distribution::TruncatedNormal { lo, hi } => ("truncated-normal", Some(lo), Some(hi)),
        };
        Self {
            kind,
            lo,
            hi,
            limb_bits: precision.limb_bits,
            fraction_bits: precision.fraction_bits,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However many kinds of fill a file has, its table is short, and no name makes a line.
    #[test]
    fn tables_are_bounded_and_names_are_data() {
        let group = |at: u64| FillGroup {
            kind: FillKind::Kept { floats: true },
            dims: vec![at],
            first: "a\nACCEPTED\u{1b}[0m\u{202e}".to_owned(),
            tensors: 2,
            values: 2 * at,
        };
        let groups: Vec<FillGroup> = (1..=100).rev().map(group).collect();
        let rows = rows(&groups);
        assert_eq!(rows.len(), ROWS + 1);
        // The 88 that are left: 2 (1 + .. + 88).
        let last = rows.last().expect("a row");
        assert!(
            last.contains("7,832") && last.contains("in 88 more"),
            "{last}"
        );
        let control = |c: char| c.is_control() || c == '\u{202e}';
        assert!(rows.iter().all(|row| !row.contains(control)), "{rows:?}");
    }
}
