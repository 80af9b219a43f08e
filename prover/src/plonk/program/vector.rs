//! The program on eight rows at once.
//!
//! Operands are normalized and below `2.1 p`: cells as the transforms leave them (packed), registers
//! as the steps do. The products of a linear form are added up before Montgomery's steps, so that each
//! costs half a product.

use ff::{Field, PrimeField};
use halo2curves::bn256::Fr;
use nascent_field::ifma::{Accumulator, Ifma, Kernel, LANES, Vector, Wide, vector, zeros};
use nascent_field::radix52::{Limbs, enter, split};
use rayon::prelude::*;

use super::{BLOCK, Cell, Columns, Source, Step};

/// Blocks of a worker's rows.
const BLOCKS: usize = BLOCK / LANES;
/// Products added up before they are reduced: limbs stay below `32 * 2^55.4`, and the sum below
/// `30 * 2.1 p^2`, which is less than `84.6 p^2`.
const SUMMANDS: usize = 30;

/// A program whose constants are in radix-52 Montgomery form.
pub(super) struct Program<'a> {
    simd: Ifma,
    program: &'a super::Program,
    steps: Vec<Operation>,
    /// `2^-4`: turns Montgomery form with `2^260` into the curve crate's.
    leave: Wide,
}

enum Operation {
    Product {
        a: Source,
        b: Source,
    },
    Square {
        a: Source,
    },
    Linear {
        constant: Limbs,
        plus: Vec<Source>,
        minus: Vec<Source>,
        scaled: Vec<(Limbs, Source)>,
    },
}

impl Operation {
    fn new(step: &Step) -> Self {
        let limbs = |x: &Fr| split(enter(x));
        match step {
            Step::Product { a, b, .. } => Self::Product { a: *a, b: *b },
            Step::Square { a, .. } => Self::Square { a: *a },
            Step::Linear {
                constant, terms, ..
            } => {
                let equal = |unit: Fr| {
                    let terms = terms.iter().filter(move |(factor, _)| *factor == unit);
                    terms.map(|(_, source)| *source).collect()
                };
                let units = [Fr::ONE, -Fr::ONE];
                let scaled = terms.iter().filter(|(factor, _)| !units.contains(factor));
                Self::Linear {
                    constant: limbs(constant),
                    plus: equal(Fr::ONE),
                    minus: equal(-Fr::ONE),
                    scaled: scaled.map(|(factor, s)| (limbs(factor), *s)).collect(),
                }
            }
        }
    }
}

impl<'a> Program<'a> {
    pub(super) fn new(simd: Ifma, program: &'a super::Program) -> Self {
        let quarter = Fr::TWO_INV.square();
        Self {
            simd,
            program,
            steps: program.steps.iter().map(Operation::new).collect(),
            leave: simd.import(&[quarter.square(); LANES]),
        }
    }

    /// Runs the program on all rows.
    pub(super) fn evaluate(&self, columns: &Columns, out: &mut [Fr]) {
        out.par_chunks_mut(BLOCK).enumerate().for_each_init(
            || vec![zeros(); self.program.registers * BLOCKS],
            |registers, (index, out)| {
                self.simd.run(Run {
                    simd: self.simd,
                    program: self,
                    columns,
                    first: index * BLOCKS,
                    registers,
                    out,
                });
            },
        );
    }
}

struct Run<'a> {
    simd: Ifma,
    program: &'a Program<'a>,
    columns: &'a Columns,
    /// Number of the first block of rows.
    first: usize,
    registers: &'a mut [Wide],
    out: &'a mut [Fr],
}

impl Kernel for Run<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let simd = self.simd;
        let operands = Operands {
            simd,
            columns: self.columns,
            first: self.first,
        };
        let steps = self.program.steps.iter().zip(&self.program.program.steps);
        for (operation, step) in steps {
            let (Step::Product { out, .. } | Step::Square { out, .. } | Step::Linear { out, .. }) =
                step;
            let target = out * BLOCKS;
            match operation {
                Operation::Product { a, b } => {
                    for block in 0..BLOCKS {
                        let a = operands.read(self.registers, *a, block);
                        let b = operands.read(self.registers, *b, block);
                        let product = simd.normalized(simd.multiply::<Fr>(&a, &b));
                        self.registers[target + block] = product;
                    }
                }
                Operation::Square { a } => {
                    for block in 0..BLOCKS {
                        let a = operands.read(self.registers, *a, block);
                        let square = simd.normalized(simd.square::<Fr>(&a));
                        self.registers[target + block] = square;
                    }
                }
                Operation::Linear {
                    constant,
                    plus,
                    minus,
                    scaled,
                } => {
                    for block in 0..BLOCKS {
                        let mut sum = simd.splat_limbs(constant);
                        for source in plus {
                            sum = simd.add(&sum, &operands.read(self.registers, *source, block));
                        }
                        for source in minus {
                            let x = operands.read(self.registers, *source, block);
                            sum = simd.subtract::<Fr>(&sum, &x, 3);
                        }
                        for terms in scaled.chunks(SUMMANDS) {
                            let mut products: Accumulator = [simd.zero(); 10];
                            for (factor, source) in terms {
                                let x = operands.read(self.registers, *source, block);
                                simd.accumulate(&mut products, &x, &simd.splat_limbs(factor));
                            }
                            sum = simd.add(&sum, &simd.montgomery::<Fr>(products));
                        }
                        self.registers[target + block] = simd.reduce::<Fr>(&sum);
                    }
                }
            }
        }
        for (block, rows) in self.out.chunks_exact_mut(LANES).enumerate() {
            let Some(result) = self.program.program.result else {
                rows.fill(Fr::ZERO);
                continue;
            };
            let x = operands.read(self.registers, result, block);
            let x = simd.multiply::<Fr>(&x, &self.program.leave);
            simd.store(&simd.subtract_once::<Fr>(&x), rows, 1);
        }
    }
}

/// Where operands are read.
#[derive(Clone, Copy)]
struct Operands<'a> {
    simd: Ifma,
    columns: &'a Columns,
    first: usize,
}

/// Lanes `shift ..` of sixteen.
const ALIGNED: [[u64; LANES]; LANES] = {
    let mut indices = [[0; LANES]; LANES];
    let mut i = 0;
    while i < LANES * LANES {
        indices[i / LANES][i % LANES] = (i / LANES + i % LANES) as u64;
        i += 1;
    }
    indices
};

impl Operands<'_> {
    #[inline(always)]
    fn read(&self, registers: &[Wide], source: Source, block: usize) -> Wide {
        match source {
            Source::Register(register) => registers[register * BLOCKS + block],
            Source::Cell(cell) => self.cell(&cell, self.first + block),
        }
    }

    /// Eight cells of a column; a rotation's may lie in two blocks.
    #[inline(always)]
    fn cell(&self, cell: &Cell, block: usize) -> Wide {
        let blocks = self.columns.get(cell).blocks();
        if cell.rotation == 0 {
            return self.simd.split(blocks[block]);
        }
        let rows = (blocks.len() * LANES) as i64;
        let row = (block * LANES) as i64 + i64::from(cell.rotation);
        let row = row.rem_euclid(rows).unsigned_abs() as usize;
        let (block, shift) = (row / LANES, row % LANES);
        let next = (block + 1) % blocks.len();
        let indices: Vector = vector(ALIGNED[shift]);
        let words = self.simd.align(&blocks[block], &blocks[next], indices);
        self.simd.split(words)
    }
}
