//! One Poseidon2 permutation in 15 rows of 32 advice columns.
//!
//! Columns `A_0..A_15` carry S-box inputs (the state plus round constant), `B_0..B_15` carry
//! squares. With `y = b^2 a` the output of an S-box (`b = a^2`, so `y = a^5`), rows are
//!
//! | row | `A` | `B` | to the next row |
//! |---|---|---|---|
//! | 0, 1, 2 | full rounds 0 to 2 | `B_j = A_j^2` | `A' = M_E y + rc` |
//! | 3 | full round 3 | `B_j = A_j^2` | `A' = M_I(S(t_0), t_1, ..) + rc`, `t = M_E y` |
//! | 4 to 10 | state, partial rounds 1 to 56, eight a row | `s_1, x_2, s_2, .., x_8, s_8` | state after eight rounds |
//! | 11, 12, 13 | full rounds 4 to 6 | `B_j = A_j^2` | `A' = M_E y + rc` |
//! | 14 | full round 7 | `B_j = A_j^2` | the output `M_E y`, an expression |
//!
//! Partial round 0 has no row: its S-box input `x` and square `s` sit in `B_15` of rows 4 and 5,
//! which the partial rows leave free. `B_15` of rows 6 to 10 is free for the caller.
//!
//! In a partial row only lane 0 passes an S-box, so each round costs two cells: with
//! `u = sum of lanes 1..15`, the next S-box input is `x' = u + (1 + d_0) y + rc`, hence the sum of
//! all lanes is the linear expression `x' - rc - d_0 y` and no other lane needs a cell.
//!
//! Round constants and row types come from one fixed column, one at the first row of each block,
//! read at rotations 0 to -14. Degree 4 with its selector; 185 S-boxes in 480 cells.

use ff::Field;
use halo2_proofs::plonk::{Advice, Column, ConstraintSystem, Expression, Fixed};
use halo2curves::bn256::Fr;

use super::native;
use super::params::{HALF_FULL_ROUNDS, Params, WIDTH, params};

/// Rows of one permutation.
pub const BLOCK_ROWS: usize = 15;
/// Columns of each of the two groups `A` and `B`.
pub const GROUP: usize = WIDTH;
/// First of the rows whose cell in `B_15` is free, inside a block.
pub const FREE_ROW: usize = 6;

const PARTIAL_ROWS: usize = 7;
const ROUNDS_PER_ROW: usize = 8;
const FIRST_PARTIAL_ROW: usize = HALF_FULL_ROUNDS;
const FIRST_LATE_ROW: usize = FIRST_PARTIAL_ROW + PARTIAL_ROWS;
const SPARE: usize = GROUP - 1;

type Expr = Expression<Fr>;
type Lanes = [Expr; WIDTH];

/// Columns of the chip.
#[derive(Clone, Debug)]
pub struct Poseidon2Config {
    /// S-box inputs.
    pub a: [Column<Advice>; GROUP],
    /// Squares; see the module's table for the partial rows.
    pub b: [Column<Advice>; GROUP],
    /// One at the first row of each block, zero elsewhere.
    pub block: Column<Fixed>,
}

impl Poseidon2Config {
    /// Creates the gates that tie the 15 rows of each block together.
    ///
    /// The caller constrains row 0 of `A` to the input through [`Self::input`] and reads the
    /// output through [`Self::output`].
    pub fn configure(
        meta: &mut ConstraintSystem<Fr>,
        a: [Column<Advice>; GROUP],
        b: [Column<Advice>; GROUP],
        block: Column<Fixed>,
    ) -> Self {
        Self::configure_named(meta, "", a, b, block)
    }

    /// Like [`Self::configure`], for a further instance on the same rows; `prefix` begins the
    /// names of its gates.
    pub fn configure_named(
        meta: &mut ConstraintSystem<Fr>,
        prefix: &str,
        a: [Column<Advice>; GROUP],
        b: [Column<Advice>; GROUP],
        block: Column<Fixed>,
    ) -> Self {
        let config = Self { a, b, block };
        let name = |gate: &str| format!("{prefix}poseidon2 {gate}");
        meta.create_gate(name("square"), |_| config.square_gate());
        meta.create_gate(name("full round"), |_| config.full_gate());
        meta.create_gate(name("enter partial rounds"), |_| config.enter_gate());
        meta.create_gate(name("partial rounds"), |_| config.partial_gate());
        config
    }

    /// One on row `row` of each block.
    pub fn phase(&self, row: usize) -> Expr {
        self.block.rot(-(row as i32))
    }

    /// `B_15` at a rotation: the column whose cells of rows 6 to 10 are the caller's.
    pub fn spare(&self, rotation: i32) -> Expr {
        self.b[SPARE].rot(rotation)
    }

    /// The column behind [`Self::spare`].
    pub fn spare_column(&self) -> Column<Advice> {
        self.b[SPARE]
    }

    /// Row 0 of a block for a given sponge input: `M_E input + rc`, to be compared with `A`.
    pub fn input(input: &Lanes) -> Lanes {
        let mixed = external(input);
        std::array::from_fn(|j| mixed[j].clone() + constant(params().full[0][j]))
    }

    /// The permutation's input as the cells of row 0 of a block have it: `M_E^-1 (A - rc)`, the
    /// inverse of [`Self::input`]; degree 1.
    pub fn entered(&self) -> Lanes {
        let lanes = std::array::from_fn(|j| self.a[j].cur() - constant(params().full[0][j]));
        inverse_external(&lanes)
    }

    /// The permutation's output, valid on row 14 of each block; degree 3.
    pub fn output(&self) -> Lanes {
        external(&self.sbox_outputs())
    }

    /// `y_j = B_j^2 A_j` on the current row.
    fn sbox_outputs(&self) -> Lanes {
        std::array::from_fn(|j| fifth(&self.a[j].cur(), &self.b[j].cur()))
    }

    fn sum_of_phases(&self, rows: impl IntoIterator<Item = usize>) -> Expr {
        let mut phases = rows.into_iter().map(|row| self.phase(row));
        let first = phases.next().unwrap_or(constant(Fr::ZERO));
        phases.fold(first, |sum, phase| sum + phase)
    }

    /// `sum over rows of (phase of the row) * (constant of the row)`.
    fn row_constant(&self, constants: impl IntoIterator<Item = (usize, Fr)>) -> Expr {
        let mut terms = constants
            .into_iter()
            .map(|(row, value)| self.phase(row) * value);
        let first = terms.next().unwrap_or(constant(Fr::ZERO));
        terms.fold(first, |sum, term| sum + term)
    }

    /// `B_j = A_j^2` on the rows of full rounds.
    fn square_gate(&self) -> Vec<(String, Expr)> {
        let rows = (0..HALF_FULL_ROUNDS).chain(FIRST_LATE_ROW..BLOCK_ROWS);
        let active = self.sum_of_phases(rows);
        (0..GROUP)
            .map(|j| {
                let square = self.a[j].cur() * self.a[j].cur();
                let name = format!("square of lane {j}");
                (name, active.clone() * (self.b[j].cur() - square))
            })
            .collect()
    }

    /// `A'_j = (M_E y)_j + rc_j` from each full round to the next.
    fn full_gate(&self) -> Vec<(String, Expr)> {
        // Row of the round that the constants open, and the round's index.
        let next: Vec<(usize, usize)> = (0..HALF_FULL_ROUNDS - 1)
            .map(|round| (round, round + 1))
            .chain(
                (0..HALF_FULL_ROUNDS - 1).map(|i| (FIRST_LATE_ROW + i, HALF_FULL_ROUNDS + i + 1)),
            )
            .collect();
        let active = self.sum_of_phases(next.iter().map(|&(row, _)| row));
        let mixed = self.output();
        (0..WIDTH)
            .map(|j| {
                let rc = self.row_constant(
                    next.iter()
                        .map(|&(row, round)| (row, params().full[round][j])),
                );
                let difference = self.a[j].next() - mixed[j].clone();
                (
                    format!("next state of lane {j}"),
                    active.clone() * difference - rc,
                )
            })
            .collect()
    }

    /// From full round 3 through partial round 0 into the first partial row.
    fn enter_gate(&self) -> Vec<(String, Expr)> {
        let Params {
            partial, internal, ..
        } = params();
        let active = self.phase(HALF_FULL_ROUNDS - 1);
        let mut lanes = self.output();
        let (x, s) = (self.spare(1), self.spare(2));
        let input = lanes[0].clone() + constant(partial[0]);
        let mut constraints = vec![
            (
                "S-box input of partial round 0".to_owned(),
                active.clone() * (x.clone() - input),
            ),
            (
                "square of partial round 0".to_owned(),
                active.clone() * (s.clone() - x.clone() * x.clone()),
            ),
        ];
        lanes[0] = fifth(&x, &s);
        let sum = sum(&lanes);
        for (j, lane) in lanes.into_iter().enumerate() {
            let mut next = sum.clone() + lane * internal[j];
            if j == 0 {
                next = next + constant(partial[1]);
            }
            constraints.push((
                format!("state of lane {j} after partial round 0"),
                active.clone() * (self.a[j].next() - next),
            ));
        }
        constraints
    }

    /// Eight partial rounds in a row.
    fn partial_gate(&self) -> Vec<(String, Expr)> {
        let Params { internal, .. } = params();
        let rows = FIRST_PARTIAL_ROW..FIRST_LATE_ROW;
        let active = self.sum_of_phases(rows.clone());
        let mut constraints = Vec::new();
        let mut lanes: Vec<Expr> = (1..WIDTH).map(|j| self.a[j].cur()).collect();
        let mut x = self.a[0].cur();
        for round in 0..ROUNDS_PER_ROW {
            let s = self.b[2 * round].cur();
            constraints.push((
                format!("square of round {round}"),
                active.clone() * (s.clone() - x.clone() * x.clone()),
            ));
            let y = fifth(&x, &s);
            let others = sum(&lanes);
            if round + 1 == ROUNDS_PER_ROW {
                let total = others + y.clone();
                let mut next = vec![total.clone() + y * internal[0]];
                next.extend((1..WIDTH).map(|j| total.clone() + lanes[j - 1].clone() * internal[j]));
                constraints.extend(self.leave_partial_row(&active, next));
                break;
            }
            let rc = self.row_constant(
                rows.clone()
                    .map(|row| (row, partial_constant(row, round + 1))),
            );
            let next = self.b[2 * round + 1].cur();
            let input = others + y.clone() * (Fr::ONE + internal[0]) + rc.clone();
            constraints.push((
                format!("S-box input of round {}", round + 1),
                active.clone() * (next.clone() - input),
            ));
            let total = next.clone() - rc - y * internal[0];
            for (j, lane) in lanes.iter_mut().enumerate() {
                *lane = total.clone() + lane.clone() * internal[j + 1];
            }
            x = next;
        }
        constraints
    }

    /// `A' = next + rc`: lane 0 opens the next partial round, or all lanes open full round 4.
    fn leave_partial_row(&self, active: &Expr, next: Vec<Expr>) -> Vec<(String, Expr)> {
        let last = FIRST_LATE_ROW - 1;
        next.into_iter()
            .enumerate()
            .map(|(j, next)| {
                let mut constants = vec![(last, params().full[HALF_FULL_ROUNDS][j])];
                if j == 0 {
                    constants.extend(
                        (FIRST_PARTIAL_ROW..last).map(|row| (row, partial_constant(row + 1, 0))),
                    );
                }
                let difference = self.a[j].next() - next;
                let rc = self.row_constant(constants);
                (
                    format!("state of lane {j} after the row"),
                    active.clone() * difference - rc,
                )
            })
            .collect()
    }
}

/// The cells of one block.
#[derive(Clone, Debug)]
pub struct BlockTrace {
    /// For each row, the cells of `A` and then those of `B`.
    pub rows: [[Fr; 2 * GROUP]; BLOCK_ROWS],
    /// The permutation's output.
    pub output: [Fr; WIDTH],
}

impl BlockTrace {
    /// Runs the permutation and keeps each S-box input and square.
    pub fn new(input: [Fr; WIDTH]) -> Self {
        let params = params();
        let mut rows = [[Fr::ZERO; 2 * GROUP]; BLOCK_ROWS];
        let mut state = input;
        native::external(&mut state);
        for (round, constants) in params.full.iter().enumerate() {
            if round == HALF_FULL_ROUNDS {
                partial_rows(&mut rows, &mut state, params);
            }
            let row = if round < HALF_FULL_ROUNDS {
                round
            } else {
                FIRST_LATE_ROW + round - HALF_FULL_ROUNDS
            };
            for (j, (lane, constant)) in state.iter_mut().zip(constants).enumerate() {
                *lane = sbox_cells(*lane + constant, &mut rows[row], j, GROUP + j);
            }
            native::external(&mut state);
        }
        Self {
            rows,
            output: state,
        }
    }
}

/// Writes an S-box's input and square and returns its output.
fn sbox_cells(x: Fr, row: &mut [Fr; 2 * GROUP], input: usize, square: usize) -> Fr {
    let s = x.square();
    row[input] = x;
    row[square] = s;
    s.square() * x
}

fn partial_rows(
    rows: &mut [[Fr; 2 * GROUP]; BLOCK_ROWS],
    state: &mut [Fr; WIDTH],
    params: &Params,
) {
    let x = state[0] + params.partial[0];
    let s = x.square();
    rows[FIRST_PARTIAL_ROW][GROUP + SPARE] = x;
    rows[FIRST_PARTIAL_ROW + 1][GROUP + SPARE] = s;
    state[0] = s.square() * x;
    native::internal(params, state);
    let partial_rows = rows.iter_mut().enumerate();
    for (row, cells) in partial_rows.take(FIRST_LATE_ROW).skip(FIRST_PARTIAL_ROW) {
        cells[1..WIDTH].copy_from_slice(&state[1..]);
        for round in 0..ROUNDS_PER_ROW {
            let x = state[0] + partial_constant(row, round);
            let input = if round == 0 { 0 } else { GROUP + 2 * round - 1 };
            state[0] = sbox_cells(x, cells, input, GROUP + 2 * round);
            native::internal(params, state);
        }
    }
}

/// Constant of the partial round at position `round` of a partial row.
fn partial_constant(row: usize, round: usize) -> Fr {
    params().partial[1 + (row - FIRST_PARTIAL_ROW) * ROUNDS_PER_ROW + round]
}

fn constant(value: Fr) -> Expr {
    Expression::Constant(value)
}

/// `s^2 x`, the fifth power of `x` when `s = x^2`.
fn fifth(x: &Expr, s: &Expr) -> Expr {
    s.clone() * s.clone() * x.clone()
}

fn sum(terms: &[Expr]) -> Expr {
    let mut terms = terms.iter().cloned();
    let first = terms.next().unwrap_or(constant(Fr::ZERO));
    terms.fold(first, |sum, term| sum + term)
}

fn double(x: &Expr) -> Expr {
    x.clone() + x.clone()
}

/// `M_E` on expressions; the same steps as [`native::external`].
fn external(lanes: &Lanes) -> Lanes {
    let mut mixed = lanes.clone();
    for group in mixed.chunks_exact_mut(4) {
        let t0 = group[0].clone() + group[1].clone();
        let t1 = group[2].clone() + group[3].clone();
        let t2 = double(&group[1]) + t1.clone();
        let t3 = double(&group[3]) + t0.clone();
        let t4 = double(&double(&t1)) + t3.clone();
        let t5 = double(&double(&t0)) + t2.clone();
        group[0] = t3 + t5.clone();
        group[1] = t5;
        group[2] = t2 + t4.clone();
        group[3] = t4;
    }
    let sums: [Expr; 4] = std::array::from_fn(|r| {
        mixed[r].clone() + mixed[r + 4].clone() + mixed[r + 8].clone() + mixed[r + 12].clone()
    });
    std::array::from_fn(|j| mixed[j].clone() + sums[j % 4].clone())
}

/// `M_E^-1` on expressions: the steps of [`external`], backwards.
fn inverse_external(lanes: &Lanes) -> Lanes {
    let half = Fr::from(2).invert().unwrap_or(Fr::ZERO);
    let fifth = Fr::from(5).invert().unwrap_or(Fr::ZERO);
    // The sum of a residue's lanes is counted once in each of its four lanes and once by itself.
    let sums: [Expr; 4] = std::array::from_fn(|r| {
        let sum = lanes[r].clone() + lanes[r + 4].clone();
        (sum + lanes[r + 8].clone() + lanes[r + 12].clone()) * fifth
    });
    let mut mixed: Lanes = std::array::from_fn(|j| lanes[j].clone() - sums[j % 4].clone());
    for group in mixed.chunks_exact_mut(4) {
        let (t5, t4) = (group[1].clone(), group[3].clone());
        let t3 = group[0].clone() - t5.clone();
        let t2 = group[2].clone() - t4.clone();
        let t1 = (t4 - t3.clone()) * half.square();
        let t0 = (t5 - t2.clone()) * half.square();
        let b = (t2 - t1.clone()) * half;
        let d = (t3 - t0.clone()) * half;
        group[0] = t0 - b.clone();
        group[1] = b;
        group[2] = t1 - d.clone();
        group[3] = d;
    }
    mixed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::poseidon2::permute;

    fn value(expression: &Expr) -> Fr {
        let none = |_: &dyn std::fmt::Debug| -> Fr { unreachable!("no cells") };
        expression.evaluate(
            &|constant| constant,
            &|x| none(&x),
            &|x| none(&x),
            &|x| none(&x),
            &|x| none(&x),
            &|x| none(&x),
            &|a: Fr| -a,
            &|a, b| a + b,
            &|a, b| a * b,
            &|a, factor| a * factor,
        )
    }

    #[test]
    fn the_input_is_read_back_from_the_first_row() {
        for seed in 0..4u64 {
            let lanes: [Fr; WIDTH] =
                std::array::from_fn(|i| Fr::from(seed * 17 + i as u64 + 2).cube().cube());
            let there = external(&lanes.map(Expression::Constant));
            assert_ne!(there.each_ref().map(value), lanes);
            assert_eq!(inverse_external(&there).each_ref().map(value), lanes);
            let back = inverse_external(&lanes.map(Expression::Constant));
            assert_eq!(external(&back).each_ref().map(value), lanes);
        }
    }

    #[test]
    fn trace_ends_in_the_permutation() {
        let input: [Fr; WIDTH] = std::array::from_fn(|i| Fr::from(i as u64 + 3).cube().cube());
        let trace = BlockTrace::new(input);
        let mut expected = input;
        permute(&mut expected);
        assert_eq!(trace.output, expected);
    }
}
