//! Words that several commands share: plans, fills, beacon values.

use crate::output::{self, Context, count};
use nascent::evidence::Checked;
use nascent_verifier::{ModelSpec, Plan, RelayoutStatement, VerifyingKey};
use serde_json::{Value, json};

/// Prints the table of fills: alike tensors in one row, the largest first, a bounded number of rows.
pub fn fills(context: &Context, model: &ModelSpec) {
    for row in nascent::fills::table(model) {
        context.result(format!("  {row}"));
    }
}

/// Prints a beacon's value, what its evidence shows and what not.
pub fn beacon_value(context: &Context, value: &Checked<'_>, plan: Option<&Plan>) {
    let line = |name: &str, text: &str| context.result(format!("  {name:<12} {text}"));
    line("source", &value.value.source.to_string());
    line("value", &hex::encode(&value.value.value));
    line("shown", &value.shown());
    line("so it is", &value.verdict());
    for open in value.leaves_open(plan) {
        line("not shown", open);
    }
}

/// Prints what a relayout is about.
pub fn relayout(context: &Context, statement: &RelayoutStatement) {
    let line = |name: &str, value: String| context.result(format!("{name:<18}{value}"));
    line("model digest", hex::encode(statement.model));
    line("architecture", hex::encode(statement.architecture));
    line("origins", hex::encode(statement.origins));
    let tiles = statement.tiles.len() as u64;
    line(
        "columns",
        format!(
            "lanes of {} tiles of 2^{} rows, {} columns of weights",
            count(tiles),
            statement.k,
            statement.weights
        ),
    );
}

/// A key in words.
pub fn key_lines(key: &VerifyingKey) -> Vec<String> {
    let mut lines = vec![
        format!("{:<18}{}", "key", hex::encode(key.digest())),
        format!(
            "{:<18}2^{} rows, proofs of {}",
            "size",
            key.data().k,
            output::bytes(key.proof_len() as u64)
        ),
    ];
    if let Some(tile) = key.tile() {
        lines.push(format!(
            "{:<18}{}",
            "distribution",
            nascent::fills::distribution_words(tile.distribution, tile.precision)
        ));
        let weights = tile
            .blocks
            .saturating_mul(15)
            .saturating_mul(tile.precision.lanes());
        let digest = if key.has_weight_digest() {
            ", with their digest"
        } else {
            ""
        };
        lines.push(format!("{:<18}{} weights{digest}", "tile", count(weights)));
    }
    lines
}

/// A key for `--json`.
pub fn key_json(key: &VerifyingKey) -> Value {
    json!({
        "key": hex::encode(key.digest()),
        "k": key.data().k,
        "degree": key.data().degree,
        "advice_columns": key.data().advice_phases.len(),
        "fixed_columns": key.data().fixed_commitments.len(),
        "constraints": key.data().constraints.len(),
        "proof_bytes": key.proof_len(),
        "tile": key.tile().map(|tile| json!({
            "distribution": nascent::fills::DistributionReport::new(tile.distribution, tile.precision),
            "blocks": tile.blocks,
            "weight_digest": key.has_weight_digest(),
        })),
    })
}
