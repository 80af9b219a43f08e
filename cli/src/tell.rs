//! Words that several commands share: plans, fills, beacon values.

use crate::output::{Context, count};
use nascent::evidence::Checked;
use nascent_verifier::{ModelSpec, Plan, RelayoutStatement};

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
