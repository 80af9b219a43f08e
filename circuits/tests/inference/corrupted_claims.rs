//! Corruptions of claims, selections, contractions, and of what they are to each other.

use halo2_proofs::plonk::Fixed;
use nascent_circuits::inference::check::Rule;
use nascent_circuits::inference::claim::Axis::{self, Column, Inner, Position};
use nascent_circuits::inference::claim::Channel;
use nascent_circuits::inference::config::InferenceConfig;
use nascent_circuits::inference::plan::layout::{ContractionPlan, Section};
use nascent_circuits::inference::plan::rows::Matrix;

use crate::checker_manifest::Corruption;
use crate::drafts::{Claimed, Draft, flag};

type Flag = halo2_proofs::plonk::Column<Fixed>;

const WEIGHTS: Section = Section::Weights(0);
const UNITS: Section = Section::Operands(0);
const RESULTS: Section = Section::Results;

pub const CLAIMS: &[(Rule, Corruption)] = &[
    (Rule::ClaimStarts, |d| idle_claim(d, |c| c.same)),
    (Rule::ClaimStarts, |d| idle_claim(d, |c| c.fast[0].1)),
    (Rule::ClaimStarts, |d| idle_claim(d, |c| c.slow[0].1)),
    (Rule::ClaimInClaim, |d| {
        let (channel, row) = inside(d)?;
        d.set(channel.start, row, 1);
        Some(())
    }),
    (Rule::ClaimCounts, |d| {
        let (channel, row) = inside(d)?;
        for &(_, fast) in &channel.fast {
            d.set(fast, row, 0);
        }
        Some(())
    }),
    (Rule::ClaimColumns, |d| {
        let (channel, row) = inside(d)?;
        let set = channel.fast.iter().position(|&(_, f)| d.is(f, row))?;
        let other = (set + 1) % channel.fast.len();
        d.put(row, [(channel.fast[set].1, 0), (channel.fast[other].1, 1)]);
        Some(())
    }),
    (Rule::ClaimOneAxis, |d| second_axis(d, |c| &c.fast)),
    (Rule::ClaimOneAxis, |d| second_axis(d, |c| &c.slow)),
    // The matrix row after the first goes on along another axis.
    (Rule::ClaimRows, |d| {
        let claims = d.claims().into_iter();
        let (claim, channel) = claims.into_iter().find(|(c, _)| c.matrix.rows > 2)?;
        let row = claim.matrix.first + 2 * claim.matrix.lane_rows() - 1;
        let set = flag(&channel.slow, claim.slow)?;
        let (_, other) = *channel.slow.iter().find(|&&(_, column)| column != set)?;
        d.put(row, [(set, 0), (other, 1)]);
        Some(())
    }),
    (Rule::ClaimOneWay, |d| {
        let channels = d.channels().into_iter();
        let mut rows = channels.filter_map(|c| Some((c, d.row(|d, row| d.is(c.same, row))?)));
        let (channel, row) = rows.next()?;
        d.set(channel.slow[0].1, row, 1);
        Some(())
    }),
    // The second matrix row is cut after its first row of the circuit, the third is longer.
    (Rule::ClaimLengths, |d| {
        let mut claims = d.claims().into_iter();
        let wide = |m: &Matrix| m.rows > 2 && m.lane_rows() > 1;
        let (claim, channel) = claims.find(|(claim, _)| wide(&claim.matrix))?;
        let length = claim.matrix.lane_rows();
        let slow = flag(&channel.slow, claim.slow)?;
        let second = claim.matrix.first + length;
        d.put(second, [(channel.same, 0), (slow, 1)]);
        d.put(second + length - 1, [(channel.same, 1), (slow, 0)]);
        Some(())
    }),
];

/// A flag on a row without a claim.
fn idle_claim(d: &mut Draft, column: impl Fn(&Channel) -> Flag) -> Option<()> {
    let channel = d.channel(WEIGHTS)?;
    let row = d.row(|d, row| channel.fast.iter().all(|&(_, fast)| !d.is(fast, row)))?;
    d.set(column(channel), row, 1);
    Some(())
}

/// The second row of a claim.
fn inside<'a>(d: &Draft<'a>) -> Option<(&'a Channel, usize)> {
    let mut claims = d.claims().into_iter();
    let (claim, channel) = claims.find(|(claim, _)| claim.matrix.circuit_rows().len() > 1)?;
    Some((channel, claim.matrix.first + 1))
}

/// Beside the flag of an axis that of a later one.
fn second_axis(d: &mut Draft, list: impl Fn(&Channel) -> &[(Axis, Flag)]) -> Option<()> {
    for channel in d.channels() {
        let flags = list(channel);
        for pair in flags.windows(2) {
            if let Some(row) = d.row(|d, row| d.is(pair[0].1, row)) {
                d.set(pair[1].1, row, 1);
                return Some(());
            }
        }
    }
    None
}

pub const SELECTIONS: &[(Rule, Corruption)] = &[
    (Rule::SelectionStarts, |d| {
        let columns = d.config.selection?;
        let row = d.free(columns.indices.active, 1)?;
        d.set(columns.start, row, 1);
        Some(())
    }),
    (Rule::SelectionStarts, |d| {
        let columns = d.config.selection?;
        let row = d.free(columns.indices.active, 1)?;
        d.set(columns.more, row, 1);
        Some(())
    }),
    (Rule::SelectionEnds, |d| {
        let columns = d.config.selection?;
        let row = d.free(columns.indices.active, 1)?;
        d.set(columns.more, row - 1, 1);
        Some(())
    }),
    (Rule::SelectionChain, |d| {
        let columns = d.config.selection?;
        d.set(columns.start, 1, 1);
        Some(())
    }),
    (Rule::SelectionChain, |d| {
        let columns = d.config.selection?;
        d.set(columns.start, 0, 0);
        Some(())
    }),
    (Rule::SelectionNumber, |d| {
        let columns = d.config.selection?;
        d.add(columns.id, 1, 1);
        Some(())
    }),
    (Rule::SelectionsDiffer, |d| {
        let id = d.at(d.config.selection?.id, 0);
        selection(d, id)
    }),
    (Rule::SelectionUsed, |d| {
        let id = d.unused_id();
        selection(d, id)
    }),
    (Rule::KeySequence, |d| {
        let row = keyed(d)?.first;
        d.add(d.config.selection?.key, row, 1);
        Some(())
    }),
    (Rule::KeyCount, |d| {
        let row = keyed(d)?.first;
        d.set(d.config.selection?.next, row, 0);
        Some(())
    }),
    // A product of matrices with keys, all in sequence.
    (Rule::KeyCount, |d| {
        let columns = d.config.selection?;
        let layout = d.model.circuit.layout();
        let mut products = layout.contractions.iter();
        let plan = products.find(|plan| plan.left.claim().is_some() && plan.rows() > 1)?;
        for index in 0..plan.rows() - 1 {
            let cells = [(columns.next, 1), (columns.key, index as i64 + 1)];
            d.put(plan.first + index, cells);
        }
        Some(())
    }),
    // The key of the first row stands on the last, so that their number is right.
    (Rule::KeyEnds, |d| {
        let (plan, columns) = (keyed(d)?, d.config.selection?);
        d.set(columns.next, plan.first, 0);
        let last = plan.first + plan.rows() - 1;
        let key = plan.rows() as i64;
        d.put(last, [(columns.next, 1), (columns.key, key)]);
        Some(())
    }),
];

/// A contraction whose left operand is a selection.
fn keyed<'a>(d: &Draft<'a>) -> Option<&'a ContractionPlan> {
    let mut products = d.model.circuit.layout().contractions.iter();
    products.find(|plan| plan.left.selection().is_some())
}

/// One more selection, of one index.
fn selection(d: &mut Draft, id: i64) -> Option<()> {
    let columns = d.config.selection?;
    let row = d.free(columns.indices.active, 1)?;
    d.put(
        row,
        [
            (columns.indices.active, 1),
            (columns.start, 1),
            (columns.id, id),
        ],
    );
    d.reads_here(columns.indices.address, row)
}

pub const PRODUCTS: &[(Rule, Corruption)] = &[
    (Rule::ProductStarts, |d| {
        idle_product(d, |c| Some(c.contraction.start))
    }),
    (Rule::ProductStarts, |d| {
        idle_product(d, |c| Some(c.contraction.more))
    }),
    (Rule::ProductStarts, |d| {
        idle_product(d, |c| Some(c.contraction.repeat))
    }),
    (Rule::ProductStarts, |d| {
        idle_product(d, |c| Some(c.contraction.opens))
    }),
    (Rule::ProductStarts, |d| {
        idle_product(d, |c| c.contraction.shifts.first().copied())
    }),
    (Rule::ProductStarts, |d| {
        idle_product(d, |c| c.contraction.steps.first().copied())
    }),
    (Rule::ProductStarts, |d| {
        idle_product(d, |c| Some(c.selection?.next))
    }),
    (Rule::ProductEnds, |d| {
        let columns = &d.config.contraction;
        let row = d.free(columns.active, 1)?;
        d.set(columns.more, row - 1, 1);
        Some(())
    }),
    (Rule::ProductChain, |d| {
        d.set(d.config.contraction.start, 1, 1);
        Some(())
    }),
    (Rule::ProductChain, |d| {
        d.set(d.config.contraction.start, 0, 0);
        Some(())
    }),
    (Rule::ProductNumber, |d| {
        d.add(d.config.contraction.id, 1, 1);
        Some(())
    }),
    (Rule::ProductOnePower, |d| {
        let shifts = &d.config.contraction.shifts;
        second_power(d, shifts)
    }),
    (Rule::ProductOnePower, |d| {
        let steps = &d.config.contraction.steps;
        second_power(d, steps)
    }),
    (Rule::ChannelOpens, |d| {
        d.set(d.config.contraction.opens, 0, 0);
        Some(())
    }),
    (Rule::ChannelOpens, |d| {
        let columns = &d.config.contraction;
        let row = d.row(|d, row| d.is(columns.repeat, row))? + 1;
        d.set(columns.opens, row, 1);
        Some(())
    }),
    (Rule::ChannelShift, |d| {
        let row = channel(d)?;
        for &shift in &d.config.contraction.shifts {
            d.set(shift, row, 0);
        }
        Some(())
    }),
    (Rule::ChannelShift, |d| {
        let columns = &d.config.contraction;
        let row = d.row(|d, row| d.is(columns.repeat, row))? + 1;
        d.set(columns.shifts[0], row, 1);
        Some(())
    }),
    (Rule::ChannelStep, |d| {
        let columns = &d.config.contraction;
        let row = d.row(|d, row| d.is(columns.active, row) && !d.is(columns.repeat, row))?;
        d.set(*columns.steps.first()?, row, 1);
        Some(())
    }),
    // With one channel there are no others whose offsets would differ.
    (Rule::ChannelStep, |d| {
        let layout = d.model.circuit.layout();
        let mut products = layout.contractions.iter();
        let plan = products.find(|plan| plan.channels == 1 && plan.offsets.len() > 1)?;
        for &step in &d.config.contraction.steps {
            d.set(step, plan.first, 0);
        }
        Some(())
    }),
    (Rule::ChannelShifts, |d| {
        let row = channel(d)?;
        let shifts = &d.config.contraction.shifts;
        move_flag(d, shifts, row)
    }),
    (Rule::ChannelOffsets, |d| {
        let row = channel(d)?;
        let steps = &d.config.contraction.steps;
        move_flag(d, steps, row)
    }),
    // One more channel, whose end is missing.
    (Rule::ChannelEnds, |d| {
        let columns = &d.config.contraction;
        let row = d.free(columns.active, 1)?;
        let plan = d.model.circuit.layout().contractions.last()?;
        plan.left.claim()?;
        let shift = d.config.shape.shifts.iter();
        let shift = shift.into_iter().position(|&s| s == plan.shift)?;
        d.set(columns.more, row - 1, 1);
        let id = d.at(columns.id, row - 1);
        d.put(row, [(columns.active, 1), (columns.id, id)]);
        d.put(row, [(columns.opens, 1), (columns.shifts[shift], 1)]);
        d.put(row, [(columns.repeat, 1), (*columns.steps.first()?, 1)]);
        Some(())
    }),
];

fn idle_product(d: &mut Draft, column: impl Fn(&InferenceConfig) -> Option<Flag>) -> Option<()> {
    let row = d.free(d.config.contraction.active, 1)?;
    d.set(column(d.config)?, row, 1);
    Some(())
}

/// Beside the flag of a power that of a later one.
fn second_power(d: &mut Draft, flags: &[Flag]) -> Option<()> {
    let row = d.row(|d, row| flags.first().is_some_and(|&flag| d.is(flag, row)))?;
    d.set(*flags.get(1)?, row, 1);
    Some(())
}

/// Exchanges the flag on a row for another.
fn move_flag(d: &mut Draft, flags: &[Flag], row: usize) -> Option<()> {
    let set = flags.iter().position(|&flag| d.is(flag, row))?;
    let other = (set + 1) % flags.len();
    d.put(row, [(flags[set], 0), (flags[other], 1)]);
    (set != other).then_some(())
}

/// First row of the second channel of a convolution.
fn channel(d: &Draft) -> Option<usize> {
    let mut products = d.model.circuit.layout().contractions.iter();
    let plan = products.find(|plan| plan.channels > 1 && plan.offsets.len() > 1)?;
    Some(plan.first + plan.offsets.len())
}

pub const IDENTITIES: &[(Rule, Corruption)] = &[
    (Rule::ClaimsDiffer, |d| {
        d.claim(Claimed::row(WEIGHTS, Column), 0)
    }),
    (Rule::ClaimUsed, |d| {
        let id = d.unused_id();
        d.claim(Claimed::row(WEIGHTS, Column), id)
    }),
    (Rule::RightClaim, |d| {
        let plan = d.model.circuit.layout().contractions.first()?;
        d.unclaim(&plan.right);
        Some(())
    }),
    (Rule::LeftClaim, |d| {
        let layout = d.model.circuit.layout();
        let mut claims = layout.contractions.iter().filter_map(|p| p.left.claim());
        d.unclaim(claims.next()?);
        Some(())
    }),
    // The units of a result take something else.
    (Rule::ResultClaim, |d| {
        let plan = d.model.circuit.layout().contractions.first()?;
        d.unclaim(&plan.result);
        for row in plan.result.matrix.circuit_rows() {
            d.set(d.config.units.row.read_a, row, 1);
            for lane in &d.config.units.lanes {
                if d.is(lane.active, row) {
                    d.reads_here(lane.address_a, row)?;
                }
            }
        }
        Some(())
    }),
    (Rule::RightStands, |d| {
        matrices(d, 1, |m| m[0] = Claimed::row(RESULTS, Column))
    }),
    (Rule::LeftStands, |d| {
        matrices(d, 1, |m| m[1] = Claimed::row(WEIGHTS, Inner))
    }),
    (Rule::ResultStands, |d| {
        matrices(d, 1, |m| m[2] = Claimed::row(WEIGHTS, Column))
    }),
    (Rule::ResultStands, |d| {
        matrices(d, 1, |m| m[2] = Claimed::row(UNITS, Column))
    }),
    (Rule::LeftAxes, |d| {
        matrices(d, 1, |m| m[1] = Claimed::row(UNITS, Column))
    }),
    (Rule::LeftAxes, |d| {
        let two = Claimed::matrix(UNITS, Inner, Column, 2);
        let result = Claimed::matrix(RESULTS, Column, Position, 2);
        matrices(d, 1, |m| (m[1], m[2]) = (two, result))
    }),
    (Rule::LeftColumns, |d| {
        let lanes = d.config.shape.unit_lanes;
        matrices(d, lanes + 1, |_| {})
    }),
    (Rule::ResultAxes, |d| {
        matrices(d, 1, |m| m[2] = Claimed::row(RESULTS, Position))
    }),
    (Rule::ResultAxes, |d| {
        let left = Claimed::matrix(UNITS, Inner, Position, 2);
        let result = Claimed::matrix(RESULTS, Column, Column, 2);
        matrices(d, 1, |m| (m[1], m[2]) = (left, result))
    }),
    (Rule::ResultRows, |d| {
        let result = Claimed::matrix(RESULTS, Column, Position, 2);
        matrices(d, 1, |m| m[2] = result)
    }),
    (Rule::RightAxes, |d| {
        matrices(d, 2, |m| m[0] = Claimed::matrix(WEIGHTS, Column, Column, 2))
    }),
    (Rule::RightAxes, |d| {
        matrices(d, 2, |m| m[0] = Claimed::matrix(WEIGHTS, Inner, Inner, 2))
    }),
    (Rule::RightColumns, |d| {
        let (weights, units) = (d.config.shape.weight_lanes, d.config.shape.unit_lanes);
        let lane_rows = (weights + 1).div_ceil(units);
        matrices(d, weights + 1, |m| {
            m[0] = Claimed::row(WEIGHTS, Inner);
            m[1].lane_rows = lane_rows;
        })
    }),
    (Rule::RightColumns, |d| {
        let units = d.config.shape.unit_lanes;
        matrices(d, units + 1, |m| {
            m[0] = Claimed::row(UNITS, Inner);
            m[1].lane_rows = 2;
        })
    }),
    (Rule::RightRows, |d| {
        matrices(d, 1, |m| m[0] = Claimed::matrix(WEIGHTS, Column, Inner, 2))
    }),
    (Rule::NoOffsets, |d| {
        let first = matrices_at(d, 2, |_| {})?;
        offset(d, first)
    }),
    (Rule::NoOffsets, |d| {
        let shifts = &d.config.contraction.shifts;
        let first = matrices_at(d, 1, |_| {})?;
        move_flag(d, shifts, first)
    }),
    (Rule::RasterAxes, |d| {
        let raster = Claimed::matrix(UNITS, Position, Column, 2);
        convolution(d, 2, |m| m[1] = raster)
    }),
    (Rule::RasterRows, |d| {
        let raster = Claimed::matrix(UNITS, Position, Inner, 2);
        convolution(d, 1, |m| m[1] = raster)
    }),
    (Rule::KernelAxes, |d| {
        convolution(d, 1, |m| m[0] = Claimed::row(WEIGHTS, Inner))
    }),
    (Rule::KernelRows, |d| {
        convolution(d, 1, |m| m[0] = Claimed::matrix(WEIGHTS, Column, Inner, 2))
    }),
    (Rule::RasterResult, |d| {
        convolution(d, 1, |m| m[2] = Claimed::row(RESULTS, Column))
    }),
];

/// One more product of a row and a matrix, sound but for what `edit` changes; returns its first row.
pub fn matrices_at(d: &mut Draft, terms: usize, edit: impl Fn(&mut [Claimed; 3])) -> Option<usize> {
    let mut claims = [
        Claimed::matrix(WEIGHTS, Column, Inner, terms),
        Claimed::row(UNITS, Inner),
        Claimed::row(RESULTS, Column),
    ];
    edit(&mut claims);
    d.identity(terms, claims)
}

fn matrices(d: &mut Draft, terms: usize, edit: impl Fn(&mut [Claimed; 3])) -> Option<()> {
    matrices_at(d, terms, edit).map(|_| ())
}

/// One more convolution of rasters with kernels of one offset, sound but for what `edit` changes.
pub fn convolution(d: &mut Draft, channels: usize, edit: impl Fn(&mut [Claimed; 3])) -> Option<()> {
    let mut claims = [
        Claimed::matrix(WEIGHTS, Column, Inner, channels),
        Claimed::matrix(UNITS, Position, Inner, channels),
        Claimed::row(RESULTS, Position),
    ];
    edit(&mut claims);
    d.identity(channels, claims).map(|_| ())
}

/// Makes the two channels of a product one, of two offsets.
fn offset(d: &mut Draft, first: usize) -> Option<()> {
    let columns = &d.config.contraction;
    d.put(first, [(columns.repeat, 1), (*columns.steps.first()?, 1)]);
    d.set(columns.opens, first + 1, 0);
    for &shift in &columns.shifts {
        d.set(shift, first + 1, 0);
    }
    Some(())
}
