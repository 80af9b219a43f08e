//! All fixed columns, and what each is for.

use halo2_proofs::plonk::{Column, Fixed};

use super::{Columns, Rule};
use crate::inference::config::InferenceConfig;
use crate::rules::At;

/// What the cells of a fixed column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Zero or one.
    Flag,
    /// How often a value is read; of an output, that it reads.
    Multiplicity,
    /// Addresses, numbers of identities, constants, entries of tables: any integers.
    Number,
}

/// A fixed column.
#[derive(Clone, Copy, Debug)]
pub struct FixedColumn {
    /// What it says.
    pub name: &'static str,
    /// The column.
    pub column: Column<Fixed>,
    /// What its cells are.
    pub is: Use,
}

/// All fixed columns of a circuit but the two selectors of the running sums.
pub fn columns(config: &InferenceConfig) -> Vec<FixedColumn> {
    let mut all = Vec::new();
    let mut add = |is, list: &[(&'static str, Column<Fixed>)]| {
        let list = list.iter();
        all.extend(list.map(|&(name, column)| FixedColumn { name, column, is }));
    };
    let (units, folds, public) = (&config.units.row, &config.folds, &config.public);
    for lane in &config.units.lanes {
        add(Use::Flag, &[("unit", lane.active)]);
        add(Use::Multiplicity, &[("reads of a unit", lane.reads)]);
        let addresses = [("address a", lane.address_a), ("address b", lane.address_b)];
        add(Use::Number, &addresses);
    }
    let flags = [
        ("requantize", units.requantize),
        ("exact", units.exact),
        ("divide", units.divide),
        ("product", units.product),
        ("a read", units.read_a),
        ("b read", units.read_b),
        ("multiplier read", units.read_multiplier),
        ("fixed multiplier", units.fixed_multiplier),
    ];
    add(Use::Flag, &flags);
    let numbers = [
        ("factor a", units.factor_a),
        ("factor b", units.factor_b),
        ("constant", units.constant),
        ("function", units.table),
        ("multiplier's address", units.multiplier_address),
        ("multiplier", units.multiplier_value),
        ("base of units", units.base),
    ];
    add(Use::Number, &numbers);
    for lane in &folds.lanes {
        add(Use::Flag, &[("fold", lane.active)]);
        add(Use::Multiplicity, &[("reads of a fold", lane.reads)]);
        add(Use::Number, &[("folded address", lane.address)]);
    }
    let flags = [
        ("start of a fold", folds.start),
        ("sum", folds.sum),
        ("maximum", folds.max),
    ];
    add(Use::Flag, &flags);
    add(Use::Number, &[("base of folds", folds.base)]);
    for lane in &config.params.lanes {
        add(Use::Multiplicity, &[("reads of a parameter", lane.reads)]);
    }
    add(Use::Number, &[("base of parameters", config.params.base)]);
    if let Some(range) = config.params.range {
        add(Use::Number, &[("range of matrices", range)]);
    }
    for set in &config.tables {
        add(
            Use::Number,
            &[("x", set.x), ("y", set.y), ("kind", set.kind)],
        );
    }
    add(Use::Flag, &[("number of inputs", public.count)]);
    add(
        Use::Multiplicity,
        &[("flow of a public value", public.flow)],
    );
    add(Use::Number, &[("public address", public.address)]);
    all.extend(of_contractions(config));
    all.extend(of_seals(config));
    all
}

fn of_contractions(config: &InferenceConfig) -> Vec<FixedColumn> {
    let mut all = Vec::new();
    let mut add = |is, name, column| all.push(FixedColumn { name, column, is });
    let contraction = &config.contraction;
    add(Use::Flag, "contraction", contraction.active);
    add(Use::Flag, "start of a contraction", contraction.start);
    add(Use::Flag, "more", contraction.more);
    add(Use::Flag, "repeat", contraction.repeat);
    add(Use::Flag, "opens", contraction.opens);
    add(Use::Number, "number of a contraction", contraction.id);
    for &column in &contraction.shifts {
        add(Use::Flag, "shift", column);
    }
    for &column in &contraction.steps {
        add(Use::Flag, "step", column);
    }
    if let Some(selection) = &config.selection {
        add(Use::Flag, "index", selection.indices.active);
        add(Use::Flag, "start of a selection", selection.start);
        add(Use::Flag, "more indices", selection.more);
        add(Use::Flag, "next of a selection", selection.next);
        add(
            Use::Number,
            "address of an index",
            selection.indices.address,
        );
        add(Use::Number, "number of a selection", selection.id);
        add(Use::Number, "key", selection.key);
    }
    let channels = config.weight_claims.iter().chain([&config.result_claims]);
    for channel in channels.chain(&config.operand_claims) {
        add(Use::Flag, "start of a claim", channel.start);
        add(Use::Flag, "same matrix row", channel.same);
        for &(_, column) in channel.fast.iter().chain(&channel.slow) {
            add(Use::Flag, "axis", column);
        }
        add(Use::Number, "number of a claim", channel.id);
    }
    all
}

fn of_seals(config: &InferenceConfig) -> Vec<FixedColumn> {
    let mut all = Vec::new();
    let mut add = |is, name, column| all.push(FixedColumn { name, column, is });
    if let Some(seal) = &config.seal {
        let values = &seal.values;
        add(Use::Flag, "seal", seal.active);
        add(Use::Flag, "block", seal.poseidon.block);
        add(Use::Flag, "start of a seal", seal.start);
        add(Use::Flag, "end of a seal", seal.end);
        add(Use::Flag, "zero", seal.pad);
        add(Use::Flag, "hidden value", values.read);
        add(Use::Flag, "range of a hidden value", values.ranged);
        add(Use::Multiplicity, "flow of a hidden value", values.flow);
        add(Use::Number, "hidden address", values.address);
        add(Use::Number, "least", values.least);
        add(Use::Number, "greatest", values.greatest);
        add(Use::Number, "number of hidden values", seal.count);
    }
    all
}

impl Columns<'_> {
    /// Flags are flags, and neither they nor multiplicities stand where the sums have ended.
    pub(super) fn flags(&self) {
        let last = self.config.shape.last_row();
        for FixedColumn { name, column, is } in columns(self.config) {
            for row in 0..self.rows() {
                let (value, columns) = (self.value(column, row), name);
                let at = At::Row { columns, row };
                if is == Use::Flag {
                    self.need(matches!(value, 0 | 1), Rule::Flag, at);
                    self.need(row < last || value != 1, Rule::FlagBeyond, at);
                }
                if is == Use::Multiplicity {
                    let holds = row < last || value == 0;
                    self.need(holds, Rule::MultiplicityBeyond, at);
                }
            }
        }
    }
}
