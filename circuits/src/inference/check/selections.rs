//! Selections as chains of rows.

use super::{CheckError, Columns};

/// A selection, read off its flags.
pub(super) struct Chosen {
    pub(super) id: i64,
    pub(super) rows: usize,
}

impl Columns<'_> {
    /// All selections: chains from their starts, with one number each.
    pub(super) fn selections(&self) -> Result<Vec<Chosen>, CheckError> {
        let mut selections: Vec<Chosen> = Vec::new();
        let Some(columns) = &self.config.selection else {
            return Ok(selections);
        };
        let section = "selections";
        let mut inside = false;
        for row in 0..self.rows() {
            let fail = |what| Err(CheckError::Row { section, row, what });
            let active = self.flag("index", columns.indices.active, row)?;
            let start = self.flag("start of a selection", columns.start, row)?;
            let more = self.flag("more indices", columns.more, row)?;
            if !active {
                if inside || start || more {
                    return fail("flags on a row without an index");
                }
                continue;
            }
            if start == inside {
                return fail("not one chain from its start");
            }
            let id = self.value(columns.id, row);
            if start {
                selections.push(Chosen { id, rows: 0 });
            }
            if let Some(selection) = selections.last_mut() {
                selection.rows += 1;
                if selection.id != id {
                    return fail("two numbers");
                }
            }
            inside = more;
        }
        Ok(selections)
    }
}
