//! Hidden inputs and outputs.

use std::ops::Range;

use nascent_ir::Node;

use super::layout::{Role, SealPlan, SealedValue};
use super::rows::{Address, Place};
use super::{PlanError, Planner, Wire};

impl Planner<'_> {
    /// Inputs that no verifier sees: their range is checked in the circuit, by the distance to each
    /// end, so it must be narrower than the range table.
    pub(super) fn hidden_input(
        &mut self,
        node: &Node,
        places: Range<usize>,
    ) -> Result<(), PlanError> {
        let info = self.graph.tensor(node.output);
        let (range, bits) = (info.range, self.layout.table_bits);
        if range.hi - range.lo >= 1 << bits {
            let node = node.name.clone();
            return Err(PlanError::Range { node, range, bits });
        }
        let lanes = self.lanes;
        self.seal(Role::Input)
            .extend(places.clone().map(|index| SealedValue {
                address: lanes.address(Place::Sealed(index)),
                range: Some(range),
            }));
        let wires = places.map(|index| Wire::At(lanes.address(Place::Sealed(index))));
        self.tensors[node.output.index()].wires = wires.collect();
        Ok(())
    }

    /// Public or hidden outputs; the seals' places follow.
    pub(super) fn outputs(&mut self, addresses: Vec<Address>) {
        if self.hidden.outputs {
            let values = addresses.into_iter().map(|address| SealedValue {
                address,
                range: None,
            });
            self.seal(Role::Output).extend(values);
        } else {
            self.layout.outputs = addresses;
        }
        // Digests stand in the instance on the last rows of their seals, so after all public values.
        let mut first = self.layout.public_rows();
        for seal in &mut self.layout.seals {
            seal.first = first;
            first = seal.rows().end;
        }
    }

    fn seal(&mut self, role: Role) -> &mut Vec<SealedValue> {
        let seals = &mut self.layout.seals;
        let at = seals.iter().position(|seal| seal.role == role);
        let at = at.unwrap_or(seals.len());
        if at == seals.len() {
            seals.push(SealPlan {
                role,
                first: 0,
                values: Vec::new(),
            });
        }
        &mut seals[at].values
    }
}
