//! The bus: every address is written once, and read as often as its multiplicity says.

use super::{CheckError, Columns};

impl Columns<'_> {
    /// Inputs stand before outputs, and their number after both.
    pub(super) fn public(&self) -> Result<(), CheckError> {
        let public = &self.config.public;
        let section = "public values";
        let fail = |row, what| Err(CheckError::Row { section, row, what });
        let mut count = None;
        for row in 0..self.rows() {
            if self.flag("number of inputs", public.count, row)? && count.replace(row).is_some() {
                return fail(row, "two numbers of inputs");
            }
        }
        let Some(end) = count else {
            return fail(0, "no number of inputs");
        };
        let inputs = self.value(public.address, end);
        if !(0..=end as i64).contains(&inputs) {
            return fail(end, "another number of inputs than there are");
        }
        for row in 0..self.rows() {
            let place = match self.value(public.flow, row) {
                0 => continue,
                flow if flow < 0 => 0..inputs,
                _ => inputs..end as i64,
            };
            if !place.contains(&(row as i64)) {
                return fail(row, "an input among outputs, or the reverse");
            }
        }
        Ok(())
    }

    pub(super) fn bus(&self) -> Result<(), CheckError> {
        let mut writes = self.writes()?;
        writes.sort_unstable();
        for pair in writes.windows(2) {
            if pair[0].0 == pair[1].0 {
                let (address, what) = (pair[0].0, "written twice");
                return Err(CheckError::Address { address, what });
            }
        }
        let mut reads = self.reads()?;
        reads.sort_unstable();
        let mut left = reads.as_slice();
        for (address, count) in writes {
            let end = left.partition_point(|&read| read <= address);
            let (these, rest) = left.split_at(end);
            if let Some(&read) = these.iter().find(|&&read| read != address) {
                let (address, what) = (read, "read, but not written");
                return Err(CheckError::Address { address, what });
            }
            if i64::try_from(these.len()) != Ok(count) {
                let what = "read more or less often than its multiplicity";
                return Err(CheckError::Address { address, what });
            }
            left = rest;
        }
        match left.first() {
            Some(&address) => {
                let what = "read, but not written";
                Err(CheckError::Address { address, what })
            }
            None => Ok(()),
        }
    }

    /// Address and multiplicity of all values that are read.
    fn writes(&self) -> Result<Vec<(i64, i64)>, CheckError> {
        let config = self.config;
        let mut writes = Vec::new();
        for row in 0..self.rows() {
            let lanes = config.units.lanes.iter().enumerate();
            for (j, lane) in lanes {
                let idle = self.value(lane.active, row) == 0;
                self.write(
                    &mut writes,
                    (config.units.row.base, lane.reads, row, j),
                    idle,
                )?;
            }
            for (j, lane) in config.folds.lanes.iter().enumerate() {
                let idle = self.value(lane.active, row) == 0 || self.inside_fold(row, j);
                self.write(&mut writes, (config.folds.base, lane.reads, row, j), idle)?;
            }
            for (j, lane) in config.params.lanes.iter().enumerate() {
                self.write(&mut writes, (config.params.base, lane.reads, row, j), false)?;
            }
            for (flow, address) in self.flows() {
                let flow = self.value(flow, row);
                if flow < 0 {
                    self.within(row, flow)?;
                    writes.push((self.value(address, row), -flow));
                }
            }
        }
        Ok(writes)
    }

    fn write(
        &self,
        writes: &mut Vec<(i64, i64)>,
        (base, reads, row, lane): (
            super::Column<super::Fixed>,
            super::Column<super::Fixed>,
            usize,
            usize,
        ),
        idle: bool,
    ) -> Result<(), CheckError> {
        let count = self.value(reads, row);
        if count == 0 {
            return Ok(());
        }
        let address = self.value(base, row) + lane as i64;
        if idle || count < 0 {
            let what = "written by what is not a result";
            return Err(CheckError::Address { address, what });
        }
        self.within(row, count)?;
        writes.push((address, count));
        Ok(())
    }

    /// Fractions are summed on the rows before the last only.
    fn within(&self, row: usize, value: i64) -> Result<(), CheckError> {
        let what = "multiplicity";
        if row < self.config.shape.last_row() {
            return Ok(());
        }
        Err(CheckError::Flag { what, row, value })
    }

    /// Flow and address of inputs and outputs, public and hidden.
    fn flows(
        &self,
    ) -> impl Iterator<Item = (super::Column<super::Fixed>, super::Column<super::Fixed>)> {
        let public = &self.config.public;
        let hidden = self.config.seal.iter().map(|seal| &seal.values);
        let hidden = hidden.map(|values| (values.flow, values.address));
        [(public.flow, public.address)].into_iter().chain(hidden)
    }

    /// Addresses of all reads.
    fn reads(&self) -> Result<Vec<i64>, CheckError> {
        let (units, folds) = (&self.config.units, &self.config.folds);
        let mut reads = Vec::new();
        for row in 0..self.rows() {
            for lane in &units.lanes {
                if self.value(lane.active, row) == 1 {
                    for (flag, address) in [
                        (units.row.read_a, lane.address_a),
                        (units.row.read_b, lane.address_b),
                    ] {
                        if self.value(flag, row) == 1 {
                            reads.push(self.value(address, row));
                        }
                    }
                }
            }
            if self.flag("multiplier read", units.row.read_multiplier, row)? {
                reads.push(self.value(units.row.multiplier_address, row));
            }
            for lane in &folds.lanes {
                if self.value(lane.active, row) == 1 {
                    reads.push(self.value(lane.address, row));
                }
            }
            if let Some(selection) = &self.config.selection
                && self.flag("index", selection.indices.active, row)?
            {
                reads.push(self.value(selection.indices.address, row));
            }
            for (flow, address) in self.flows() {
                if self.value(flow, row) > 0 {
                    self.flag("output", flow, row)?;
                    reads.push(self.value(address, row));
                }
            }
        }
        Ok(reads)
    }
}
