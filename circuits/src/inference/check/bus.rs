//! The bus: every address is written once, and read as often as its multiplicity says.

use halo2_proofs::plonk::{Column, Fixed};

use super::{Columns, Rule};
use crate::rules::At;

/// An address, and how often it may be read.
type Write = (i64, i64);

impl Columns<'_> {
    /// Inputs stand before outputs, and their number after both.
    pub(super) fn public(&self) {
        let public = &self.config.public;
        let at = |row| At::Row {
            columns: "public values",
            row,
        };
        let mut counts = (0..self.rows()).filter(|&row| self.is(public.count, row));
        let count = counts.next();
        self.need(count.is_some(), Rule::CountStands, at(0));
        for row in counts {
            self.need(false, Rule::CountOnce, at(row));
        }
        let Some(end) = count else { return };
        let inputs = self.value(public.address, end);
        let fits = (0..=end as i64).contains(&inputs);
        self.need(fits, Rule::CountFits, at(end));
        for row in 0..self.rows() {
            let flow = self.value(public.flow, row);
            if row >= end {
                self.equal(0, flow, Rule::PublicEnd, at(row));
            } else if (row as i64) < inputs {
                self.need(flow <= 0, Rule::PublicInput, at(row));
            } else {
                self.equal(1, flow, Rule::PublicOutput, at(row));
            }
        }
    }

    /// Sums that are too large for 64 bits, and addresses, stop at the end: then no multiplicity
    /// equals them in the field, so that nobody can satisfy the circuit.
    pub(super) fn bus(&self) {
        let (mut writes, mut reads) = (self.writes(), self.reads());
        writes.sort_unstable();
        reads.sort_unstable();
        let (mut writes, mut reads) = (writes.as_slice(), reads.as_slice());
        let next = |writes: &[Write], reads: &[i64]| {
            let written = writes.first().map(|write| write.0);
            written.into_iter().chain(reads.first().copied()).min()
        };
        while let Some(address) = next(writes, reads) {
            let at = At::Address(address);
            let end = writes.partition_point(|write| write.0 <= address);
            let (written, others) = writes.split_at(end);
            self.need(written.len() < 2, Rule::WrittenOnce, at);
            let counts = written.iter().map(|write| write.1);
            let expected = counts.fold(0, i64::saturating_add);
            let read = reads.partition_point(|&read| read <= address);
            self.found
                .equal(expected, read as i64, Rule::ReadAsOften, at);
            (writes, reads) = (others, &reads[read..]);
        }
    }

    /// Address and multiplicity of all values that are read.
    fn writes(&self) -> Vec<Write> {
        let config = self.config;
        let (units, folds, params) = (&config.units, &config.folds, &config.params);
        let mut writes = Vec::new();
        for row in 0..self.rows() {
            for (j, lane) in units.lanes.iter().enumerate() {
                if let Some(write) = self.write(units.row.base, lane.reads, row, j) {
                    self.writer(self.is(lane.active, row), write);
                    writes.push(write);
                }
            }
            for (j, lane) in folds.lanes.iter().enumerate() {
                if let Some(write) = self.write(folds.base, lane.reads, row, j) {
                    self.writer(self.is(lane.active, row), write);
                    let top = !self.inside_fold(row, j);
                    self.need(top, Rule::FoldTop, At::Address(write.0));
                    writes.push(write);
                }
            }
            let lanes = params.lanes.iter().enumerate();
            writes
                .extend(lanes.filter_map(|(j, lane)| self.write(params.base, lane.reads, row, j)));
            for (flow, address) in self.flows() {
                let flow = self.value(flow, row);
                if flow < 0 {
                    writes.push((self.value(address, row), flow.saturating_neg()));
                }
            }
        }
        writes
    }

    /// What a lane writes. A multiplicity below zero equals no number of reads.
    pub(super) fn write(
        &self,
        base: Column<Fixed>,
        reads: Column<Fixed>,
        row: usize,
        lane: usize,
    ) -> Option<Write> {
        let count = self.value(reads, row);
        let address = self.value(base, row).saturating_add(lane as i64);
        (count != 0).then_some((address, count))
    }

    fn writer(&self, active: bool, (address, _): Write) {
        self.need(active, Rule::WriterCounts, At::Address(address));
    }

    /// Flow and address of inputs and outputs, public and hidden.
    fn flows(&self) -> impl Iterator<Item = (Column<Fixed>, Column<Fixed>)> {
        let public = &self.config.public;
        let hidden = self.config.seal.iter().map(|seal| &seal.values);
        let hidden = hidden.map(|values| (values.flow, values.address));
        [(public.flow, public.address)].into_iter().chain(hidden)
    }

    /// Addresses of all reads.
    fn reads(&self) -> Vec<i64> {
        let (units, folds) = (&self.config.units, &self.config.folds);
        let mut reads = Vec::new();
        for row in 0..self.rows() {
            let mut read = |reads_here: bool, address: Column<Fixed>| {
                if reads_here {
                    reads.push(self.value(address, row));
                }
            };
            let is = |column| self.is(column, row);
            for lane in &units.lanes {
                let active = is(lane.active);
                read(active && is(units.row.read_a), lane.address_a);
                read(active && is(units.row.read_b), lane.address_b);
            }
            let multiplier = is(units.row.read_multiplier);
            read(multiplier, units.row.multiplier_address);
            for lane in &folds.lanes {
                read(is(lane.active), lane.address);
            }
            if let Some(selection) = &self.config.selection {
                read(is(selection.indices.active), selection.indices.address);
            }
            for (flow, address) in self.flows() {
                read(self.value(flow, row) > 0, address);
            }
        }
        reads
    }
}
