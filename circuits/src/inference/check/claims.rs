//! Claims as chains of rows.

use std::ops::Range;

use super::{Columns, Rule};
use crate::inference::claim::{Axis, Channel};
use crate::inference::plan::layout::Section;
use crate::rules::At;

/// A claim, read off its flags.
pub(super) struct Claim {
    pub(super) section: Section,
    pub(super) id: i64,
    first: usize,
    /// The row of the circuit after its last.
    end: usize,
    /// Rows of the circuit to a matrix row.
    pub(super) lane_rows: usize,
    pub(super) rows: usize,
    pub(super) fast: Option<Axis>,
    /// `None` if there is one matrix row.
    slow: Option<Axis>,
}

impl Claim {
    pub(super) fn circuit_rows(&self) -> Range<usize> {
        self.first..self.end
    }

    pub(super) fn has_axes(&self, fast: Axis, slow: Axis) -> bool {
        self.fast == Some(fast) && self.slow.is_none_or(|axis| axis == slow)
    }
}

/// A claim whose end is not reached.
struct Open {
    claim: Claim,
    /// Rows of the circuit in this matrix row so far.
    length: usize,
}

/// Flags of a channel on a row.
struct Flags {
    start: bool,
    same: bool,
    fast: Option<Axis>,
    slow: Option<Axis>,
}

impl Columns<'_> {
    /// All claims of all channels.
    pub(super) fn claims(&self) -> Vec<Claim> {
        let config = self.config;
        let mut claims = Vec::new();
        for (i, channel) in config.weight_claims.iter().enumerate() {
            self.channel(channel, Section::Weights(i), &mut claims);
        }
        self.channel(&config.result_claims, Section::Results, &mut claims);
        for (i, channel) in config.operand_claims.iter().enumerate() {
            self.channel(channel, Section::Operands(i), &mut claims);
        }
        claims
    }

    fn channel(&self, channel: &Channel, section: Section, claims: &mut Vec<Claim>) {
        let columns = match section {
            Section::Weights(_) => "claims of weights",
            Section::Results => "claims of results",
            Section::Operands(_) => "claims of operands",
        };
        let mut open: Option<Open> = None;
        for row in 0..self.rows() {
            let at = At::Row { columns, row };
            let axis =
                |flags: &[_]| self.one_of(flags.iter().copied(), row, Rule::ClaimOneAxis, at);
            let flags = Flags {
                start: self.is(channel.start, row),
                same: self.is(channel.same, row),
                fast: axis(&channel.fast),
                slow: axis(&channel.slow),
            };
            let begun = || Open {
                claim: Claim {
                    section,
                    id: self.value(channel.id, row),
                    first: row,
                    end: row,
                    lane_rows: 0,
                    rows: 0,
                    fast: None,
                    slow: None,
                },
                length: 0,
            };
            let Some(here) = open.take().or_else(|| flags.start.then(begun)) else {
                let none = !flags.same && flags.fast.is_none() && flags.slow.is_none();
                self.need(none, Rule::ClaimStarts, at);
                continue;
            };
            open = self.claim_row(here, &flags, row, at, claims);
        }
        // No flag stands on the last row, so every chain has ended.
    }

    /// A row of a claim; returns the claim if it goes on.
    fn claim_row(
        &self,
        mut here: Open,
        flags: &Flags,
        row: usize,
        at: At,
        claims: &mut Vec<Claim>,
    ) -> Option<Open> {
        let claim = &mut here.claim;
        let inside = flags.start && claim.first != row;
        self.need(!inside, Rule::ClaimInClaim, at);
        self.need(flags.fast.is_some(), Rule::ClaimCounts, at);
        if let Some(fast) = flags.fast {
            let before = *claim.fast.get_or_insert(fast);
            self.need(fast == before, Rule::ClaimColumns, at);
        }
        here.length += 1;
        if flags.same {
            self.need(flags.slow.is_none(), Rule::ClaimOneWay, at);
            return Some(here);
        }
        if claim.rows == 0 {
            claim.lane_rows = here.length;
        }
        claim.rows += 1;
        claim.end = row + 1;
        let length = std::mem::take(&mut here.length) as i64;
        self.equal(claim.lane_rows, length, Rule::ClaimLengths, at);
        let Some(slow) = flags.slow else {
            claims.push(here.claim);
            return None;
        };
        // That it differs from the columns' axis follows from the axes that an identity asks for.
        let before = *claim.slow.get_or_insert(slow);
        self.need(slow == before, Rule::ClaimRows, at);
        Some(here)
    }
}
