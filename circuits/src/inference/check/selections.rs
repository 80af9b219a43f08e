//! Selections as chains of rows.

use super::{Columns, Rule};
use crate::rules::At;

/// A selection, read off its flags.
pub(super) struct Chosen {
    pub(super) id: i64,
    pub(super) first: usize,
    pub(super) rows: usize,
}

impl Columns<'_> {
    /// All selections: chains from their starts, with one number each.
    pub(super) fn selections(&self) -> Vec<Chosen> {
        let mut selections: Vec<Chosen> = Vec::new();
        let Some(columns) = &self.config.selection else {
            return selections;
        };
        let mut inside = false;
        for row in 0..self.rows() {
            let at = At::Row {
                columns: "selections",
                row,
            };
            let start = self.is(columns.start, row);
            let more = self.is(columns.more, row);
            if !self.is(columns.indices.active, row) {
                self.need(!inside, Rule::SelectionEnds, at);
                self.need(!(start || more), Rule::SelectionStarts, at);
                inside = false;
                continue;
            }
            self.need(start != inside, Rule::SelectionChain, at);
            let id = self.value(columns.id, row);
            match selections.last_mut().filter(|_| inside) {
                None => selections.push(Chosen {
                    id,
                    first: row,
                    rows: 1,
                }),
                Some(selection) => {
                    selection.rows += 1;
                    self.found
                        .equal(selection.id, id, Rule::SelectionNumber, at);
                }
            }
            inside = more;
        }
        selections
    }
}
