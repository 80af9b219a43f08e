//! Claims and contractions as chains of rows, and how they belong together.

use std::collections::BTreeMap;
use std::ops::Range;

use super::selections::Chosen;
use super::{CheckError, Column, Columns, Fixed};
use crate::inference::claim::{Axis, Channel};
use crate::inference::plan::layout::Section;
use crate::inference::shape::Shape;

/// A claim, read off its flags.
pub(super) struct Claim {
    pub(super) section: Section,
    id: i64,
    first: usize,
    /// Rows of the circuit to a matrix row.
    lane_rows: usize,
    rows: usize,
    fast: Axis,
    /// `None` if there is one matrix row.
    slow: Option<Axis>,
}

impl Claim {
    pub(super) fn circuit_rows(&self) -> Range<usize> {
        self.first..self.first + self.rows * self.lane_rows
    }

    fn has_axes(&self, fast: Axis, slow: Axis) -> bool {
        self.fast == fast && self.slow.is_none_or(|axis| axis == slow)
    }
}

/// A contraction, read off its flags.
#[derive(Default)]
pub(super) struct Product {
    id: i64,
    channels: usize,
    offsets: Vec<u32>,
    shift: u32,
    /// Rows after the first that are numbered in sequence; of a selection all, otherwise none.
    keys: usize,
}

/// A claim whose end is not reached.
struct Open {
    claim: Claim,
    /// Rows of the circuit in this matrix row so far.
    length: usize,
}

impl Open {
    /// Ends a matrix row; all must be as long as the first.
    fn close_row(&mut self) -> bool {
        if self.claim.rows == 0 {
            self.claim.lane_rows = self.length;
        }
        self.claim.rows += 1;
        let equal = self.length == self.claim.lane_rows;
        self.length = 0;
        equal
    }
}

impl Columns<'_> {
    /// All claims of all channels.
    pub(super) fn claims(&self) -> Result<Vec<Claim>, CheckError> {
        let config = self.config;
        let mut claims = Vec::new();
        for (i, channel) in config.weight_claims.iter().enumerate() {
            self.channel(channel, Section::Weights(i), &mut claims)?;
        }
        self.channel(&config.result_claims, Section::Results, &mut claims)?;
        for (i, channel) in config.operand_claims.iter().enumerate() {
            self.channel(channel, Section::Operands(i), &mut claims)?;
        }
        Ok(claims)
    }

    fn channel(
        &self,
        channel: &Channel,
        section: Section,
        claims: &mut Vec<Claim>,
    ) -> Result<(), CheckError> {
        let name = match section {
            Section::Weights(_) => "claims of weights",
            Section::Results => "claims of results",
            Section::Operands(_) => "claims of operands",
        };
        let mut open: Option<Open> = None;
        for row in 0..self.rows() {
            let fail = |what| CheckError::Row {
                section: name,
                row,
                what,
            };
            let start = self.flag("start of a claim", channel.start, row)?;
            let same = self.flag("same matrix row", channel.same, row)?;
            let fast = self.axis(&channel.fast, row)?;
            let slow = self.axis(&channel.slow, row)?;
            let mut here = match (open.take(), start, fast) {
                (None, false, None) if !same && slow.is_none() => continue,
                (None, false, _) => return Err(fail("flags without a start")),
                (Some(_), true, _) => return Err(fail("a claim starts inside another")),
                (_, _, None) => return Err(fail("a row that does not count")),
                (Some(open), false, Some(axis)) if open.claim.fast == axis => open,
                (Some(_), false, Some(_)) => return Err(fail("another axis of columns")),
                (None, true, Some(fast)) => Open {
                    claim: Claim {
                        section,
                        id: self.value(channel.id, row),
                        first: row,
                        lane_rows: 0,
                        rows: 0,
                        fast,
                        slow: None,
                    },
                    length: 0,
                },
            };
            here.length += 1;
            match (same, slow) {
                (true, Some(_)) => return Err(fail("goes on in two ways")),
                (true, None) => open = Some(here),
                (false, axis) => {
                    if !here.close_row() {
                        return Err(fail("matrix rows of two lengths"));
                    }
                    let Some(axis) = axis else {
                        claims.push(here.claim);
                        continue;
                    };
                    let before = *here.claim.slow.get_or_insert(axis);
                    if before != axis || here.claim.fast == axis {
                        return Err(fail("another axis of rows"));
                    }
                    open = Some(here);
                }
            }
        }
        // The last row has no flags, so every chain has ended.
        debug_assert!(open.is_none());
        Ok(())
    }

    /// The axis whose flag is set; at most one.
    fn axis(
        &self,
        flags: &[(Axis, Column<Fixed>)],
        row: usize,
    ) -> Result<Option<Axis>, CheckError> {
        let mut found = None;
        for &(axis, column) in flags {
            if self.flag("axis", column, row)? && found.replace(axis).is_some() {
                let (section, what) = ("claims", "two axes");
                return Err(CheckError::Row { section, row, what });
            }
        }
        Ok(found)
    }

    /// All contractions.
    pub(super) fn products(&self) -> Result<Vec<Product>, CheckError> {
        let columns = &self.config.contraction;
        let shape = &self.config.shape;
        let section = "contractions";
        let mut products: Vec<Product> = Vec::new();
        // Within a contraction: whether the row above repeats, and the offsets of this channel.
        let mut state: Option<(bool, Vec<u32>)> = None;
        for row in 0..self.rows() {
            let fail = |what| CheckError::Row { section, row, what };
            let active = self.flag("contraction", columns.active, row)?;
            let start = self.flag("start of a contraction", columns.start, row)?;
            let more = self.flag("more", columns.more, row)?;
            let repeat = self.flag("repeat", columns.repeat, row)?;
            let opens = self.flag("opens", columns.opens, row)?;
            let shift = self.one_of(&columns.shifts, &shape.shifts, row)?;
            let step = self.one_of(&columns.steps, &shape.steps, row)?;
            let key = self.key(row)?;
            if !active {
                let idle = !(start || more || repeat || opens || key.is_some());
                if state.is_some() || !idle || shift.is_some() || step.is_some() {
                    return Err(fail("flags on a row that does not count"));
                }
                continue;
            }
            let id = self.value(columns.id, row);
            let (repeated, mut offsets) = match (state.take(), start) {
                (Some(state), false) => state,
                (None, true) => {
                    products.push(Product {
                        id,
                        shift: shift.unwrap_or(0),
                        ..Product::default()
                    });
                    (false, Vec::new())
                }
                _ => return Err(fail("not one chain from its start")),
            };
            let Some(product) = products.last_mut() else {
                continue;
            };
            if product.id != id {
                return Err(fail("two numbers"));
            }
            if opens == repeated || shift.is_some() != opens || step.is_some() != repeat {
                return Err(fail("a channel neither opens nor goes on"));
            }
            if opens {
                offsets = vec![0];
                if shift != Some(product.shift) {
                    return Err(fail("two shifts"));
                }
            }
            if let Some(key) = key {
                product.keys += 1;
                if !more || key != product.keys as i64 {
                    return Err(fail("rows of a selection out of sequence"));
                }
            }
            if let Some(step) = step {
                if !more {
                    return Err(fail("an offset without a row"));
                }
                let last = offsets.last().copied().unwrap_or(0);
                offsets.push(
                    last.checked_add(step)
                        .ok_or_else(|| fail("an offset too large"))?,
                );
            } else {
                product.channels += 1;
                if product.channels == 1 {
                    product.offsets.clone_from(&offsets);
                } else if product.offsets != offsets {
                    return Err(fail("channels with different offsets"));
                }
            }
            if more {
                state = Some((repeat, offsets));
            }
        }
        Ok(products)
    }

    /// Number of the next row of a selection.
    fn key(&self, row: usize) -> Result<Option<i64>, CheckError> {
        let Some(selection) = &self.config.selection else {
            return Ok(None);
        };
        let next = self.flag("next of a selection", selection.next, row)?;
        Ok(next.then(|| self.value(selection.key, row)))
    }

    /// The value whose flag is set; at most one.
    fn one_of(
        &self,
        flags: &[Column<Fixed>],
        values: &[u32],
        row: usize,
    ) -> Result<Option<u32>, CheckError> {
        let mut found = None;
        for (&column, &value) in flags.iter().zip(values) {
            if self.flag("power", column, row)? && found.replace(value).is_some() {
                let (section, what) = ("contractions", "two powers");
                return Err(CheckError::Row { section, row, what });
            }
        }
        Ok(found)
    }
}

/// Each product has its three claims, or two and a selection; each of these has its product.
pub(super) fn identities(
    shape: &Shape,
    claims: &[Claim],
    selections: &[Chosen],
    products: &[Product],
) -> Result<(), CheckError> {
    let mut chosen = BTreeMap::new();
    for selection in selections {
        if chosen.insert(selection.id, selection).is_some() {
            let (id, what) = (selection.id, "two selections");
            return Err(CheckError::Identity { id, what });
        }
    }
    let mut by_id = BTreeMap::new();
    for claim in claims {
        if by_id.insert(claim.id, claim).is_some() {
            let (id, what) = (claim.id, "two claims");
            return Err(CheckError::Identity { id, what });
        }
    }
    for product in products {
        let mut take = |id: i64| {
            let what = "no claim, or two products";
            by_id.remove(&id).ok_or(CheckError::Identity { id, what })
        };
        let right = take(product.id)?;
        let left = match chosen.remove(&(product.id + 1)) {
            Some(selection) => Left::Selection(selection),
            None => Left::Matrix(take(product.id + 1)?),
        };
        let result = take(product.id + 2)?;
        identity(shape, product, left, right, result)?;
    }
    if let Some(id) = chosen.into_keys().next() {
        let what = "a selection without a product";
        return Err(CheckError::Identity { id, what });
    }
    match by_id.into_keys().next() {
        Some(id) => {
            let what = "no product";
            Err(CheckError::Identity { id, what })
        }
        None => Ok(()),
    }
}

/// The left operand of a product.
enum Left<'a> {
    Matrix(&'a Claim),
    Selection(&'a Chosen),
}

fn identity(
    shape: &Shape,
    product: &Product,
    left: Left<'_>,
    right: &Claim,
    result: &Claim,
) -> Result<(), CheckError> {
    let id = product.id;
    let need = |holds: bool, what| match holds {
        true => Ok(()),
        false => Err(CheckError::Identity { id, what }),
    };
    need(
        right.section != Section::Results,
        "the right operand is a result",
    )?;
    need(
        result.section == Section::Results,
        "the result is an operand",
    )?;
    let lanes = match right.section {
        Section::Weights(_) => shape.weight_lanes,
        _ => shape.unit_lanes,
    };
    let terms = product.channels * product.offsets.len();
    let keyed = match left {
        Left::Matrix(_) => 0,
        Left::Selection(_) => terms.saturating_sub(1),
    };
    need(
        product.keys == keyed,
        "rows numbered as no selection has them",
    )?;
    let left_rows = match left {
        Left::Matrix(left) => {
            need(
                matches!(left.section, Section::Operands(_)),
                "the left operand is not of units",
            )?;
            left.rows
        }
        Left::Selection(chosen) => chosen.rows,
    };
    if let Left::Matrix(left) = left
        && left.fast == Axis::Position
    {
        need(
            left.has_axes(Axis::Position, Axis::Inner),
            "axes of the raster",
        )?;
        need(left.rows == product.channels, "channels of the raster")?;
        need(
            right.has_axes(Axis::Column, Axis::Inner),
            "axes of the kernel",
        )?;
        need(right.rows == terms, "rows of the kernel")?;
        return need(
            result.has_axes(Axis::Position, Axis::Column),
            "axes of the result",
        );
    }
    if let Left::Matrix(left) = left {
        need(
            left.has_axes(Axis::Inner, Axis::Position),
            "axes of the left operand",
        )?;
        need(
            left.lane_rows * shape.unit_lanes >= terms,
            "columns of the left operand",
        )?;
    }
    need(
        product.offsets == [0] && product.shift == 0,
        "offsets in a product of matrices",
    )?;
    need(
        result.has_axes(Axis::Column, Axis::Position),
        "axes of the result",
    )?;
    need(result.rows == left_rows, "rows of the result")?;
    if right.fast == Axis::Inner {
        need(
            right.has_axes(Axis::Inner, Axis::Column),
            "axes of the right operand",
        )?;
        need(
            right.lane_rows * lanes >= terms,
            "columns of the right operand",
        )
    } else {
        need(
            right.has_axes(Axis::Column, Axis::Inner),
            "axes of the right operand",
        )?;
        need(right.rows == terms, "rows of the right operand")
    }
}
