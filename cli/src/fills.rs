//! How a model's values come about: counts and a table, in words and for `--json`.
//!
//! What proofs show is about sampled values. A reader has to see the others beside them: how many
//! the publisher chose, in which tensors, and what the samples' distributions are.

use crate::commands::common;
use crate::output::{Context, count};
use nascent_verifier::spec::{FillCounts, FillGroup, FillKind};
use nascent_verifier::{Distribution, ModelSpec, Precision};
use serde_json::{Value, json};

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

/// Prints the table: alike tensors in one row, the largest first, a bounded number of rows.
pub fn print(context: &Context, model: &ModelSpec) {
    for row in table(&model.fills()) {
        context.result(format!("  {row}"));
    }
}

/// The counts for `--json`.
pub fn counts_json(counts: &FillCounts) -> Value {
    json!({
        "sampled": counts.sampled,
        "constant": counts.constant,
        "kept": counts.kept,
        "kept_floats": counts.kept_floats,
        "inherited": counts.inherited,
    })
}

/// The table for `--json`, with all its rows.
pub fn json(model: &ModelSpec) -> Value {
    model.fills().iter().map(group_json).collect()
}

fn table(groups: &[FillGroup]) -> Vec<String> {
    let mut rows = Vec::new();
    let alike = groups.chunk_by(|a, b| name(&a.kind) == name(&b.kind));
    for of_kind in alike {
        rows.extend(of_kind.iter().take(ROWS).map(row));
        let rest = of_kind.get(ROWS..).unwrap_or_default();
        if let Some(first) = rest.first() {
            let values = rest
                .iter()
                .fold(0_u64, |sum, of| sum.saturating_add(of.values));
            rows.push(format!(
                "{:<10}{:>16}  in {} more shapes and fills (--json has all)",
                name(&first.kind),
                count(values),
                count(rest.len() as u64),
            ));
        }
    }
    rows
}

fn row(group: &FillGroup) -> String {
    let more = match group.tensors {
        0 | 1 => String::new(),
        tensors => format!(" and {} more", count(tensors.saturating_sub(1))),
    };
    format!(
        "{:<10}{:>16}  {:<18} {:<52} {:?}{more}",
        name(&group.kind),
        count(group.values),
        format!("{:?}", group.dims),
        words(&group.kind),
        shortened(&group.first),
    )
}

/// The first letters of a name.
fn shortened(name: &str) -> String {
    const LETTERS: usize = 64;
    if name.chars().count() <= LETTERS {
        return name.to_owned();
    }
    name.chars().take(LETTERS).chain("..".chars()).collect()
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

fn group_json(group: &FillGroup) -> Value {
    let mut row = json!({
        "fill": name(&group.kind),
        "tensors": group.tensors,
        "values": group.values,
        "dims": group.dims,
        "first": group.first,
        "words": words(&group.kind),
    });
    match group.kind {
        FillKind::Kept { floats } => row["floats"] = floats.into(),
        FillKind::Constant { bits } => row["value"] = f32::from_bits(bits).into(),
        FillKind::Inherited { plan } => row["plan"] = hex::encode(plan).into(),
        FillKind::Sampled {
            distribution,
            precision,
            scale_bits,
            mean_bits,
        } => {
            row["distribution"] = common::distribution_json(distribution, precision);
            row["scale"] = f32::from_bits(scale_bits).into();
            row["mean"] = f32::from_bits(mean_bits).into();
            row["values_at_most"] = group.kind.spread().map(|spread| spread.values).into();
        }
    }
    row
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
        let rows = table(&groups);
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
