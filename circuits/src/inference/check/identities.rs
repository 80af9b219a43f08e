//! How claims, selections and contractions belong together.

use std::collections::BTreeMap;

use super::claims::Claim;
use super::products::Product;
use super::selections::Chosen;
use super::{Columns, Rule};
use crate::inference::claim::Axis;
use crate::inference::plan::layout::Section;
use crate::rules::At;

/// The left operand of a product.
enum Left<'a> {
    Matrix(&'a Claim),
    Selection(&'a Chosen),
}

impl Columns<'_> {
    /// Each product has its three claims, or two and a selection; each of these has its product.
    pub(super) fn identities(&self, claims: &[Claim], selections: &[Chosen], products: &[Product]) {
        let mut chosen = BTreeMap::new();
        for selection in selections {
            let id = selection.id;
            let first = *chosen.entry(id).or_insert(selection);
            let same = std::ptr::eq(first, selection);
            self.need(same, Rule::SelectionsDiffer, At::Identity(id));
        }
        let mut claimed = BTreeMap::new();
        for claim in claims {
            let first = *claimed.entry(claim.id).or_insert(claim);
            let same = std::ptr::eq(first, claim);
            self.need(same, Rule::ClaimsDiffer, At::Identity(claim.id));
        }
        for product in products {
            let at = At::Identity(product.id);
            let [left, result] = [1, 2].map(|more| product.id.saturating_add(more));
            let right = claimed.remove(&product.id);
            self.need(right.is_some(), Rule::RightClaim, at);
            let left = match chosen.remove(&left) {
                Some(selection) => Some(Left::Selection(selection)),
                None => claimed.remove(&left).map(Left::Matrix),
            };
            self.need(left.is_some(), Rule::LeftClaim, at);
            let result = claimed.remove(&result);
            self.need(result.is_some(), Rule::ResultClaim, at);
            if let (Some(right), Some(left), Some(result)) = (right, left, result) {
                self.identity(product, &left, right, result);
            }
        }
        for id in chosen.into_keys() {
            self.need(false, Rule::SelectionUsed, At::Identity(id));
        }
        for id in claimed.into_keys() {
            self.need(false, Rule::ClaimUsed, At::Identity(id));
        }
    }

    fn identity(&self, product: &Product, left: &Left<'_>, right: &Claim, result: &Claim) {
        let at = At::Identity(product.id);
        let need = |holds: bool, rule: Rule| self.need(holds, rule, at);
        need(right.section != Section::Results, Rule::RightStands);
        need(result.section == Section::Results, Rule::ResultStands);
        let terms = product.terms();
        let keys = match left {
            Left::Matrix(_) => 0,
            Left::Selection(_) => terms.saturating_sub(1),
        };
        self.equal(keys, product.keys as i64, Rule::KeyCount, at);
        let rows = match left {
            Left::Matrix(left) => {
                let operand = matches!(left.section, Section::Operands(_));
                need(operand, Rule::LeftStands);
                if left.fast == Some(Axis::Position) {
                    return self.convolution(product, left, right, result);
                }
                let axes = left.has_axes(Axis::Inner, Axis::Position);
                need(axes, Rule::LeftAxes);
                let columns = left.lane_rows.saturating_mul(self.config.shape.unit_lanes);
                need(columns >= terms, Rule::LeftColumns);
                left.rows
            }
            Left::Selection(chosen) => chosen.rows,
        };
        self.matrices(product, rows, right, result);
    }

    fn convolution(&self, product: &Product, left: &Claim, right: &Claim, result: &Claim) {
        let at = At::Identity(product.id);
        let raster = left.has_axes(Axis::Position, Axis::Inner);
        self.need(raster, Rule::RasterAxes, at);
        self.equal(product.channels, left.rows as i64, Rule::RasterRows, at);
        let kernel = right.has_axes(Axis::Column, Axis::Inner);
        self.need(kernel, Rule::KernelAxes, at);
        self.equal(product.terms(), right.rows as i64, Rule::KernelRows, at);
        let raster = result.has_axes(Axis::Position, Axis::Column);
        self.need(raster, Rule::RasterResult, at);
    }

    /// A product of matrices, or one whose left operand selects.
    fn matrices(&self, product: &Product, rows: usize, right: &Claim, result: &Claim) {
        let at = At::Identity(product.id);
        let terms = product.terms();
        let plain = product.offsets == [0] && product.shift == 0;
        self.need(plain, Rule::NoOffsets, at);
        let axes = result.has_axes(Axis::Column, Axis::Position);
        self.need(axes, Rule::ResultAxes, at);
        self.equal(rows, result.rows as i64, Rule::ResultRows, at);
        let by_columns = right.has_axes(Axis::Inner, Axis::Column);
        let by_rows = right.has_axes(Axis::Column, Axis::Inner);
        self.need(by_columns || by_rows, Rule::RightAxes, at);
        if by_columns {
            let lanes = match right.section {
                Section::Weights(_) => self.config.shape.weight_lanes,
                _ => self.config.shape.unit_lanes,
            };
            let columns = right.lane_rows.saturating_mul(lanes);
            self.need(columns >= terms, Rule::RightColumns, at);
        } else {
            self.equal(terms, right.rows as i64, Rule::RightRows, at);
        }
    }
}
