//! Contractions as chains of rows.

use super::{Columns, Rule};
use crate::rules::At;

/// A contraction, read off its flags.
#[derive(Default)]
pub(super) struct Product {
    pub(super) id: i64,
    pub(super) channels: usize,
    /// Of the first channel.
    pub(super) offsets: Vec<u64>,
    pub(super) shift: u32,
    /// Rows after the first that are numbered in sequence; of a selection all, otherwise none.
    pub(super) keys: usize,
    rows: usize,
}

impl Product {
    /// Values of the inner index.
    pub(super) fn terms(&self) -> usize {
        self.channels * self.offsets.len()
    }
}

/// Flags of a contraction on a row.
struct Flags {
    active: bool,
    start: bool,
    more: bool,
    repeat: bool,
    opens: bool,
    shift: Option<u32>,
    step: Option<u32>,
    /// Number of the next row of a selection.
    key: Option<i64>,
}

/// What the row above says.
#[derive(Default)]
struct Above {
    /// It goes on.
    more: bool,
    /// It goes on in the same channel.
    repeat: bool,
    /// Offsets of the channel so far.
    offsets: Vec<u64>,
}

impl Columns<'_> {
    /// All contractions.
    pub(super) fn products(&self) -> Vec<Product> {
        let mut products: Vec<Product> = Vec::new();
        let mut above = Above::default();
        for row in 0..self.rows() {
            let at = At::Row {
                columns: "contractions",
                row,
            };
            let flags = self.product_flags(row, at);
            if !flags.active {
                self.need(!above.more, Rule::ProductEnds, at);
                let powers = flags.shift.is_some() || flags.step.is_some();
                let chain = flags.start || flags.more || flags.repeat || flags.opens;
                let idle = !(chain || powers || flags.key.is_some());
                self.need(idle, Rule::ProductStarts, at);
                above = Above::default();
                continue;
            }
            self.need(flags.start != above.more, Rule::ProductChain, at);
            let id = self.value(self.config.contraction.id, row);
            if !above.more {
                products.push(Product {
                    id,
                    shift: flags.shift.unwrap_or(0),
                    ..Product::default()
                });
            }
            if let Some(product) = products.last_mut() {
                self.found.equal(product.id, id, Rule::ProductNumber, at);
                above = self.product_row(product, &flags, above, at);
            }
        }
        products
    }

    fn product_flags(&self, row: usize, at: At) -> Flags {
        let columns = &self.config.contraction;
        let shape = &self.config.shape;
        let power = |values: &[u32], flags: &[_]| {
            let flags = values.iter().copied().zip(flags.iter().copied());
            self.one_of(flags, row, Rule::ProductOnePower, at)
        };
        let selection = self.config.selection.as_ref();
        let selects = selection.filter(|selection| self.is(selection.next, row));
        Flags {
            active: self.is(columns.active, row),
            start: self.is(columns.start, row),
            more: self.is(columns.more, row),
            repeat: self.is(columns.repeat, row),
            opens: self.is(columns.opens, row),
            shift: power(&shape.shifts, &columns.shifts),
            step: power(&shape.steps, &columns.steps),
            key: selects.map(|selection| self.value(selection.key, row)),
        }
    }

    /// A row of a contraction; returns what it says about the next.
    fn product_row(&self, product: &mut Product, flags: &Flags, above: Above, at: At) -> Above {
        let first = !above.repeat;
        self.need(flags.opens == first, Rule::ChannelOpens, at);
        self.need(flags.shift.is_some() == first, Rule::ChannelShift, at);
        self.need(flags.step.is_some() == flags.repeat, Rule::ChannelStep, at);
        let mut offsets = above.offsets;
        if first {
            offsets = vec![0];
            let shift = flags.shift.unwrap_or(product.shift);
            self.need(shift == product.shift, Rule::ChannelShifts, at);
        }
        product.rows += 1;
        if let Some(key) = flags.key {
            product.keys += 1;
            self.need(flags.more, Rule::KeyEnds, at);
            self.equal(product.rows, key, Rule::KeySequence, at);
        }
        if flags.repeat {
            self.need(flags.more, Rule::ChannelEnds, at);
            // At most 2^24 steps of 32 bits.
            let last = offsets.last().copied().unwrap_or(0);
            offsets.push(last + u64::from(flags.step.unwrap_or(0)));
        } else {
            if product.channels == 0 {
                product.offsets.clone_from(&offsets);
            }
            product.channels += 1;
            self.need(product.offsets == offsets, Rule::ChannelOffsets, at);
        }
        Above {
            more: flags.more,
            repeat: flags.more && flags.repeat,
            offsets,
        }
    }
}
