//! That the rows are computed one after another: no value depends on itself.
//!
//! Only then do inputs and parameters determine all values. A unit wired to its own result would
//! satisfy its equation with any fixed point, and the prover could choose one.

use std::collections::BTreeMap;
use std::ops::Range;

use super::claims::Claim;
use super::products::Product;
use super::selections::Chosen;
use super::{Columns, Rule};
use crate::inference::plan::layout::Section;
use crate::rules::At;

/// How far the search is with a node.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    /// On the path to what is looked at.
    Open,
    Done,
}

/// Rows of units, rows of folds, then products; each depends on others.
///
/// A row of units, or of folds, is one node: all its lanes are of one tensor. Inputs and parameters
/// depend on nothing.
struct Graph<'a> {
    columns: &'a Columns<'a>,
    /// Addresses in ascending order, with the row that writes there.
    writers: Vec<(i64, usize)>,
    /// For each row of units, the product whose result it takes.
    results: Vec<Option<usize>>,
    /// For each product, rows of units with its operands.
    operands: Vec<Vec<Range<usize>>>,
    /// For each product, rows of the indices that choose its left operand.
    indices: Vec<Range<usize>>,
}

impl Graph<'_> {
    fn count(&self) -> usize {
        2 * self.columns.rows() + self.operands.len()
    }

    fn at(&self, node: usize) -> At {
        let rows = self.columns.rows();
        let columns = match node / rows {
            0 => "units",
            1 => "folds",
            _ => "contractions, by their order",
        };
        let row = match node / rows {
            0 | 1 => node % rows,
            _ => node - 2 * rows,
        };
        At::Row { columns, row }
    }

    /// The row that writes to an address; none of an input or a parameter.
    fn writer(&self, address: i64) -> Option<usize> {
        let at = self.writers.binary_search_by_key(&address, |write| write.0);
        at.ok().map(|at| self.writers[at].1)
    }

    /// What a node depends on.
    fn needs(&self, node: usize) -> Vec<usize> {
        let rows = self.columns.rows();
        let mut needs = match node / rows {
            0 => self.unit(node),
            1 => self.fold(node - rows),
            _ => self.product(node - 2 * rows),
        };
        needs.sort_unstable();
        needs.dedup();
        needs
    }

    /// Operands of a row of units. Its multiplier is a parameter.
    fn unit(&self, row: usize) -> Vec<usize> {
        let (columns, units) = (self.columns, &self.columns.config.units);
        let mut needs = Vec::new();
        let lanes = units.lanes.iter();
        for lane in lanes.filter(|lane| columns.is(lane.active, row)) {
            let operands = [
                (units.row.read_a, lane.address_a),
                (units.row.read_b, lane.address_b),
            ];
            let read = operands.iter().filter(|(flag, _)| columns.is(*flag, row));
            needs.extend(read.filter_map(|(_, at)| self.writer(columns.value(*at, row))));
            needs.extend(self.results[row].map(|product| 2 * columns.rows() + product));
        }
        needs
    }

    /// What a row of folds adds, and the total below it.
    fn fold(&self, row: usize) -> Vec<usize> {
        let (columns, folds) = (self.columns, &self.columns.config.folds);
        let lanes = folds.lanes.iter();
        let active = lanes.filter(|lane| columns.is(lane.active, row));
        let read = active.map(|lane| columns.value(lane.address, row));
        let mut needs: Vec<usize> = read.filter_map(|address| self.writer(address)).collect();
        let mut lanes = folds.lanes.iter();
        if !columns.is(folds.start, row) && lanes.any(|lane| columns.is(lane.active, row)) {
            needs.push(columns.rows() + row + 1);
        }
        needs
    }

    fn product(&self, product: usize) -> Vec<usize> {
        let mut needs: Vec<usize> = self.operands[product].iter().cloned().flatten().collect();
        if let Some(selection) = &self.columns.config.selection {
            let address = selection.indices.address;
            let indices = self.indices[product].clone();
            needs.extend(indices.filter_map(|row| self.writer(self.columns.value(address, row))));
        }
        needs
    }
}

impl Columns<'_> {
    /// Goes through all that each value depends on, by a search in depth.
    pub(super) fn order(&self, claims: &[Claim], selections: &[Chosen], products: &[Product]) {
        let graph = self.graph(claims, selections, products);
        let mut states = vec![State::New; graph.count()];
        for root in 0..graph.count() {
            if states[root] != State::New {
                continue;
            }
            states[root] = State::Open;
            let mut path = vec![(root, graph.needs(root))];
            while let Some((node, needs)) = path.last_mut() {
                let Some(next) = needs.pop() else {
                    states[*node] = State::Done;
                    path.pop();
                    continue;
                };
                let itself = states[next] == State::Open;
                self.need(!itself, Rule::Acyclic, graph.at(next));
                if states[next] == State::New {
                    states[next] = State::Open;
                    path.push((next, graph.needs(next)));
                }
            }
        }
    }

    fn graph(&self, claims: &[Claim], selections: &[Chosen], products: &[Product]) -> Graph<'_> {
        let mut graph = Graph {
            columns: self,
            writers: self.writers(),
            results: vec![None; self.rows()],
            operands: vec![Vec::new(); products.len()],
            indices: vec![0..0; products.len()],
        };
        let numbers = products.iter().zip(0..);
        let numbers: BTreeMap<i64, usize> = numbers.map(|(product, i)| (product.id, i)).collect();
        // A right operand has the number of its product, a left one the next, a result the one after.
        let product = |id: i64, more: i64| numbers.get(&id.saturating_sub(more)).copied();
        for claim in claims {
            let rows = claim.circuit_rows();
            match claim.section {
                Section::Weights(_) => {}
                Section::Results => graph.results[rows].fill(product(claim.id, 2)),
                Section::Operands(_) => {
                    let of = [0, 1].map(|more| product(claim.id, more));
                    for product in of.into_iter().flatten() {
                        graph.operands[product].push(rows.clone());
                    }
                }
            }
        }
        // The first of a number counts, as in [`Columns::identities`].
        for chosen in selections.iter().rev() {
            if let Some(product) = product(chosen.id, 1) {
                graph.indices[product] = chosen.first..chosen.first + chosen.rows;
            }
        }
        graph
    }

    /// Addresses of units and folds that are read, in ascending order, each with its node.
    fn writers(&self) -> Vec<(i64, usize)> {
        let (units, folds) = (&self.config.units, &self.config.folds);
        let mut writers = Vec::new();
        for row in 0..self.rows() {
            let units = units.lanes.iter().enumerate().map(|(j, lane)| {
                let write = self.write(units.row.base, lane.reads, row, j);
                write.map(|(address, _)| (address, row))
            });
            let folds = folds.lanes.iter().enumerate().map(|(j, lane)| {
                let write = self.write(folds.base, lane.reads, row, j);
                write.map(|(address, _)| (address, self.rows() + row))
            });
            writers.extend(units.chain(folds).flatten());
        }
        writers.sort_unstable();
        writers
    }
}
