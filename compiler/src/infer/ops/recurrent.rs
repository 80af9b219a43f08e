//! What LSTM, GRU and RNN share: weights by direction and gate, and the walk over time.
//!
//! The inputs' part of all steps is one product of matrices; the states' part is one product per
//! gate and step, so that each sum goes straight into its activation's table.

use super::mat_mul::multiply;
use crate::infer::cx::Cx;
use crate::infer::error::{Fault, OpResult};
use crate::infer::flow::{Binary, Op, ValueId};
use crate::infer::tensor::Tensor;

/// Most steps times directions.
const MOST_STEPS: usize = 4096;

/// A recurrent layer's shapes and directions.
pub(super) struct Recurrent {
    x: ValueId,
    steps: usize,
    batch: usize,
    hidden: usize,
    gates: usize,
    /// Whether each direction walks backwards.
    backwards: Vec<bool>,
}

/// One gate's weights.
struct Gate {
    /// The inputs' part with its bias, all steps: `[steps, batch, hidden]`.
    input: ValueId,
    state: ValueId,
    state_bias: Option<ValueId>,
}

/// The weights of a direction.
pub(super) struct Cell {
    gates: Vec<Gate>,
    batch: usize,
    hidden: usize,
}

impl Recurrent {
    /// Reads what the layers have in common.
    pub(super) fn read(cx: &Cx<'_>, gates: usize, biases: usize) -> OpResult<Self> {
        let x = cx.x(0)?;
        for slot in [1, 2] {
            cx.stored(slot, "weights")?;
        }
        if cx.opt(4).is_some() || cx.opt(7).is_some() {
            return Fault::form("lengths and peepholes are not supported");
        }
        if cx.int("layout")?.unwrap_or(0) != 0 || cx.int("input_forget")?.unwrap_or(0) != 0 {
            return Fault::form("layout and input_forget must be 0");
        }
        let backwards = match cx.text("direction", "forward")?.as_str() {
            "forward" => vec![false],
            "reverse" => vec![true],
            "bidirectional" => vec![false, true],
            other => return Fault::attribute("direction", format!("{other:?}")),
        };
        let shape = cx.shape(x);
        let [steps, batch, width] = *shape.as_slice() else {
            return Fault::shape(format!("{shape:?}, expected steps, batch, features"));
        };
        let (w, r) = (cx.shape(cx.x(1)?), cx.shape(cx.x(2)?));
        let hidden = r.last().copied().unwrap_or(0);
        let count = backwards.len();
        let fits = w == [count, gates * hidden, width] && r == [count, gates * hidden, hidden];
        let bias = cx
            .opt(3)
            .is_none_or(|b| cx.shape(b) == [count, biases * hidden]);
        let declared = cx.int("hidden_size")?.unwrap_or(hidden as i64);
        if !fits || !bias || hidden == 0 || steps == 0 || declared != hidden as i64 {
            return Fault::shape(format!("weights {w:?} and {r:?} for {shape:?}"));
        }
        if steps * count > MOST_STEPS {
            return Fault::form(format!("{steps} steps, at most {MOST_STEPS} are supported"));
        }
        Ok(Self {
            x,
            steps,
            batch,
            hidden,
            gates,
            backwards,
        })
    }

    /// The three outputs: all states, the last states, the last inner states. `next` makes both
    /// states from the cell, the step and the states before.
    pub(super) fn run(
        &self,
        cx: &mut Cx<'_>,
        inner: Option<ValueId>,
        next: impl Fn(&mut Cx<'_>, &Cell, usize, ValueId, ValueId) -> OpResult<(ValueId, ValueId)>,
    ) -> OpResult<Vec<ValueId>> {
        let (mut all, mut last, mut last_inner) = (Vec::new(), Vec::new(), Vec::new());
        let row = [1, self.batch, self.hidden];
        for (direction, &backwards) in self.backwards.iter().enumerate() {
            let cell = self.cell(cx, direction)?;
            let mut h = self.initial(cx, cx.opt(5), direction)?;
            let mut c = self.initial(cx, inner, direction)?;
            let mut made = vec![h; self.steps];
            for at in 0..self.steps {
                let step = if backwards { self.steps - 1 - at } else { at };
                (h, c) = next(cx, &cell, step, h, c)?;
                made[step] = cx.reshape(h, &[1, 1, self.batch, self.hidden])?;
            }
            all.push(join(cx, &made, 0)?);
            last.push(cx.reshape(h, &row)?);
            last_inner.push(cx.reshape(c, &row)?);
        }
        Ok(vec![
            join(cx, &all, 1)?,
            join(cx, &last, 0)?,
            join(cx, &last_inner, 0)?,
        ])
    }

    fn initial(
        &self,
        cx: &mut Cx<'_>,
        given: Option<ValueId>,
        direction: usize,
    ) -> OpResult<ValueId> {
        let shape = [self.batch, self.hidden];
        let Some(given) = given else {
            return cx.make(Tensor::made(&shape, vec![0.0; self.batch * self.hidden])?);
        };
        if cx.shape(given) != [self.backwards.len(), self.batch, self.hidden] {
            return Fault::shape(format!("initial state {:?}", cx.shape(given)));
        }
        let part = cx.part(given, 0, direction, 1)?;
        cx.reshape(part, &shape)
    }

    fn cell(&self, cx: &mut Cx<'_>, direction: usize) -> OpResult<Cell> {
        let hidden = self.hidden;
        let mut gates = Vec::with_capacity(self.gates);
        for gate in 0..self.gates {
            let matrix = |cx: &mut Cx<'_>, slot: usize| {
                let all = cx.x(slot)?;
                let own = cx.part(all, 0, direction, 1)?;
                let own = cx.part(own, 1, gate * hidden, hidden)?;
                let shape = cx.shape(own);
                let own = cx.reshape(own, &shape[1..])?;
                cx.swap(own)
            };
            let (w, state) = (matrix(cx, 1)?, matrix(cx, 2)?);
            let bias = |cx: &mut Cx<'_>, at: usize| {
                let Some(all) = cx.opt(3) else {
                    return Ok(None);
                };
                let own = cx.part(all, 0, direction, 1)?;
                let own = cx.part(own, 1, at * hidden, hidden)?;
                cx.reshape(own, &[hidden]).map(Some)
            };
            let (own, state_bias) = (bias(cx, gate)?, bias(cx, gate + self.gates)?);
            let mut input = multiply(cx, self.x, w)?;
            if let Some(own) = own {
                input = cx.binary(Binary::Add, input, own)?;
            }
            gates.push(Gate {
                input,
                state,
                state_bias,
            });
        }
        Ok(Cell {
            gates,
            batch: self.batch,
            hidden,
        })
    }
}

/// The inputs' part of a gate at a step.
pub(super) fn from_input(
    cx: &mut Cx<'_>,
    cell: &Cell,
    step: usize,
    gate: usize,
) -> OpResult<ValueId> {
    let part = cx.part(cell.gates[gate].input, 0, step, 1)?;
    cx.reshape(part, &[cell.batch, cell.hidden])
}

/// The state's part of a gate.
pub(super) fn from_state(
    cx: &mut Cx<'_>,
    cell: &Cell,
    gate: usize,
    h: ValueId,
) -> OpResult<ValueId> {
    let gate = &cell.gates[gate];
    let product = multiply(cx, h, gate.state)?;
    match gate.state_bias {
        Some(bias) => cx.binary(Binary::Add, product, bias),
        None => Ok(product),
    }
}

/// The sum of both parts of a gate.
pub(super) fn gate(
    cx: &mut Cx<'_>,
    cell: &Cell,
    step: usize,
    gate: usize,
    h: ValueId,
) -> OpResult<ValueId> {
    let input = from_input(cx, cell, step, gate)?;
    let state = from_state(cx, cell, gate, h)?;
    cx.binary(Binary::Add, input, state)
}

fn join(cx: &mut Cx<'_>, parts: &[ValueId], axis: usize) -> OpResult<ValueId> {
    match parts {
        [one] => Ok(*one),
        _ => cx.emit(Op::Concat(axis), parts),
    }
}
