//! The canonical chip alone, on one row, with limbs and index free.

use ff::Field;
use halo2_proofs::plonk::{Advice, Column, ConstraintSystem, Expression};
use halo2curves::bn256::Fr;
use nascent_circuits::canonical::{COMPARED, CanonicalConfig, LimbShape};
use nascent_circuits::grid::{Constraints, Grid};
use proptest::prelude::*;

struct Chip {
    config: CanonicalConfig,
    constraints: Constraints,
    distance: usize,
    grid: Grid,
}

impl Chip {
    fn new(bits: usize) -> Self {
        let shape = LimbShape::new(bits);
        let mut meta = ConstraintSystem::default();
        let limbs: Vec<Column<Advice>> = (0..shape.limbs).map(|_| meta.advice_column()).collect();
        let [top, differs, below] = std::array::from_fn(|_| meta.advice_column());
        let config = CanonicalConfig {
            shape,
            limbs,
            top,
            differs,
            below,
        };
        config.configure(&mut meta, &Expression::Constant(Fr::ONE));
        let constraints = Constraints::new(&meta);
        let distance = constraints
            .find("canonical limbs", "distance")
            .expect("named");
        let advice = vec![vec![Fr::ZERO]; meta.num_advice_columns()];
        let [fixed, instance] = [vec![], vec![]];
        let grid = Grid {
            rows: 1,
            advice,
            fixed,
            instance,
            challenges: vec![],
        };
        Self {
            config,
            constraints,
            distance,
            grid,
        }
    }

    /// Indices with which the chip and the range lookups accept an integer given by its digits,
    /// lowest first. The distance is the one that the chip computes, so nothing is lost.
    fn accepting(&mut self, digits: &[u64]) -> Vec<i64> {
        let Self {
            config,
            constraints,
            distance,
            grid,
        } = self;
        let limit = 1u64 << config.shape.bits;
        let columns = config.limbs.iter().chain([&config.top]);
        for (column, &digit) in columns.zip(digits) {
            assert!(digit < limit, "the lookups refuse it");
            grid.advice[column.index()][0] = Fr::from(digit);
        }
        let accepted = |c: &i64| {
            let index = Fr::from(c.unsigned_abs());
            grid.advice[config.differs.index()][0] = if *c < 0 { -index } else { index };
            grid.advice[config.below.index()][0] = Fr::ZERO;
            let below = -constraints.eval(*distance, grid, 0, &mut Vec::new());
            grid.advice[config.below.index()][0] = below;
            let in_range = (0..limit).any(|v| Fr::from(v) == below);
            in_range && constraints.failures(grid).is_empty()
        };
        (-4..=7).filter(accepted).collect()
    }
}

/// Digits whose four highest are given, highest first.
fn with_top(shape: &LimbShape, top: &[u64; COMPARED], fill: u64) -> Vec<u64> {
    let mut digits = vec![fill; shape.limbs + 1];
    for (i, digit) in top.iter().enumerate() {
        digits[shape.limbs - i] = *digit;
    }
    digits
}

/// What the chip is to do: the first differing digit if it lies below the modulus's.
fn expected(shape: &LimbShape, top: &[u64; COMPARED]) -> Vec<i64> {
    let modulus = shape.modulus_digits().map(u64::from);
    let first = (0..COMPARED).find(|&i| top[i] != modulus[i]);
    first
        .filter(|&i| top[i] < modulus[i])
        .map(|i| i as i64)
        .into_iter()
        .collect()
}

#[test]
fn boundaries_of_each_digit() {
    for bits in 4..=16 {
        let mut chip = Chip::new(bits);
        let shape = chip.config.shape;
        let modulus = shape.modulus_digits().map(u64::from);
        let limit = 1u64 << bits;
        for i in 0..COMPARED {
            let near = [
                0,
                1,
                modulus[i].wrapping_sub(1),
                modulus[i],
                modulus[i] + 1,
                limit - 1,
            ];
            for digit in near.into_iter().filter(|&digit| digit < limit) {
                for fill in [0, limit - 1] {
                    let mut top = [fill; COMPARED];
                    top[..i].copy_from_slice(&modulus[..i]);
                    top[i] = digit;
                    let digits = with_top(&shape, &top, fill);
                    let expected = expected(&shape, &top);
                    assert_eq!(chip.accepting(&digits), expected, "{bits} bits, {top:?}");
                }
            }
        }
        // p - 1, p and p + 1 share the four digits: refused all three.
        for fill in [0, 1, limit - 1] {
            assert_eq!(chip.accepting(&with_top(&shape, &modulus, fill)), [0i64; 0]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Never two indices, never an integer from the modulus on, else always one.
    #[test]
    fn accepts_exactly_what_lies_below(
        bits in 4usize..=12,
        choice in prop::array::uniform4((0u64..6, any::<u64>())),
        fill in any::<u64>(),
    ) {
        let mut chip = Chip::new(bits);
        let shape = chip.config.shape;
        let modulus = shape.modulus_digits().map(u64::from);
        let mask = (1u64 << bits) - 1;
        let top = std::array::from_fn(|i| match choice[i] {
            (0..=2, _) => modulus[i],
            (3, _) => modulus[i].saturating_sub(1),
            (4, _) => (modulus[i] + 1).min(mask),
            (_, random) => random & mask,
        });
        let digits = with_top(&shape, &top, fill & mask);
        prop_assert_eq!(chip.accepting(&digits), expected(&shape, &top));
    }
}
