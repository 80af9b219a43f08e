//! The lookup chip alone: four lookups a row in two groups, a table in two sets.

use ff::Field;
use halo2_proofs::plonk::{ConstraintSystem, Expression, FirstPhase};
use halo2curves::bn256::Fr;
use nascent_circuits::grid::{Cell, Constraints, Grid, Planner, Step};
use nascent_circuits::logup::{LogupConfig, LogupSelectors, TableSide};

const ROWS: usize = 16;
const LAST: usize = 12;
/// Rows whose lookups count.
const ACTIVE: std::ops::Range<usize> = 2..9;
/// Entries of a set; the table holds 0 to 19 and repeats 0 on the rows after.
const SET: usize = 10;
const LOOKUPS: usize = 4;

struct Chip {
    config: LogupConfig,
    constraints: Constraints,
    steps: Vec<Step>,
    grid: Grid,
}

impl Chip {
    fn new() -> Self {
        let mut meta = ConstraintSystem::default();
        let cells: Vec<_> = (0..LOOKUPS).map(|_| meta.advice_column()).collect();
        let counts: Vec<_> = (0..2).map(|_| meta.advice_column()).collect();
        let fixed: Vec<_> = (0..5).map(|_| meta.fixed_column()).collect();
        let alpha = meta.challenge_usable_after(FirstPhase);
        let selector = |i: usize| -> Expression<Fr> { fixed[i].cur() };
        let selectors = LogupSelectors {
            active: selector(0),
            running: selector(1),
            ends: selector(2),
        };
        let lookups: Vec<_> = cells.iter().map(|cell| alpha.expr() + cell.cur()).collect();
        let side = |set: usize| TableSide {
            entry: alpha.expr() + selector(3 + set),
            multiplicity: counts[set].cur(),
        };
        let sides = [side(0), side(1)];
        let config = LogupConfig::configure(&mut meta, &selectors, &lookups, &sides);
        let constraints = Constraints::new(&meta);
        let flags = |on: &dyn Fn(usize) -> bool| -> Vec<Fr> {
            (0..ROWS)
                .map(|row| if on(row) { Fr::ONE } else { Fr::ZERO })
                .collect()
        };
        let table = |set: usize| -> Vec<Fr> {
            let entry = |row: usize| if row < SET { row + set * SET } else { 0 };
            (0..ROWS).map(|row| Fr::from(entry(row) as u64)).collect()
        };
        let fixed = vec![
            flags(&|row| ACTIVE.contains(&row)),
            flags(&|row| row < LAST),
            flags(&|row| row == 0 || row == LAST),
            table(0),
            table(1),
        ];
        let mut random = Fr::from(9);
        let mut fill = || {
            random = random.square() + Fr::ONE;
            random
        };
        let advice = (0..meta.num_advice_columns()).map(|_| (0..ROWS).map(|_| fill()).collect());
        let advice = advice.collect();
        let challenges = vec![Fr::from(1 << 60).cube()];
        let grid = Grid {
            rows: ROWS,
            advice,
            fixed,
            instance: vec![],
            challenges,
        };
        let ends = constraints
            .find("logup sum", "zero at both ends")
            .expect("named");
        let mut planner = Planner::new(&constraints, &grid, |c, row| c == ends && row == LAST);
        for column in 0..LOOKUPS + 2 {
            (0..ROWS).for_each(|row| planner.give(Cell { column, row }));
        }
        let steps = planner.propagate();
        Self {
            config,
            steps,
            grid,
            constraints,
        }
    }

    /// Names of what fails for lookups with their honest multiplicities, then changed.
    fn verdict(&self, values: &[(usize, usize, Fr)], change: impl Fn(&mut Grid)) -> Vec<String> {
        let grid = self.lay(values, change);
        self.constraints
            .failures(&grid)
            .into_iter()
            .map(|f| f.constraint)
            .collect()
    }

    fn lay(&self, values: &[(usize, usize, Fr)], change: impl Fn(&mut Grid)) -> Grid {
        let mut grid = self.grid.clone();
        for (column, row) in (0..LOOKUPS).flat_map(|c| ACTIVE.map(move |row| (c, row))) {
            grid.advice[column][row] = Fr::from(((column * 7 + row) % 20) as u64);
        }
        for &(column, row, value) in values {
            grid.advice[column][row] = value;
        }
        for set in 0..2 {
            grid.advice[LOOKUPS + set][..LAST].fill(Fr::ZERO);
        }
        for (column, row) in (0..LOOKUPS).flat_map(|c| ACTIVE.map(move |row| (c, row))) {
            let entry = (0..2 * SET).find(|&e| Fr::from(e as u64) == grid.advice[column][row]);
            if let Some(entry) = entry {
                grid.advice[LOOKUPS + entry / SET][entry % SET] += Fr::ONE;
            }
        }
        change(&mut grid);
        let mut scratch = Vec::new();
        for step in &self.steps {
            let value = step.solve(&self.constraints, &mut grid, &mut scratch);
            grid.advice[step.cell.column][step.cell.row] = value;
        }
        grid
    }
}

const ENDS: &str = "zero at both ends";

#[test]
fn accepts_and_refuses_at_the_boundaries() {
    let chip = Chip::new();
    assert_eq!(chip.verdict(&[], |_| ()), [""; 0]);
    let last = ACTIVE.end - 1;
    let one = Fr::ONE;
    for column in 0..LOOKUPS {
        for row in [ACTIVE.start, last] {
            for entry in [0, 9, 10, 19] {
                let value = Fr::from(entry);
                assert_eq!(
                    chip.verdict(&[(column, row, value)], |_| ()),
                    [""; 0],
                    "{entry}"
                );
            }
            for value in [
                Fr::from(20),
                -one,
                Fr::from(1 << 32),
                one.double().invert().unwrap(),
            ] {
                assert_eq!(
                    chip.verdict(&[(column, row, value)], |_| ()),
                    [ENDS],
                    "{value:?}"
                );
            }
        }
        // Rows next to the active ones may hold anything.
        for row in [ACTIVE.start - 1, ACTIVE.end] {
            assert_eq!(
                chip.verdict(&[(column, row, Fr::from(99))], |_| ()),
                [""; 0]
            );
        }
    }
    // As many bad values as the characteristic allows do not cancel: coefficients add up.
    let bad: Vec<_> = (0..LOOKUPS)
        .map(|column| (column, 4, Fr::from(33)))
        .collect();
    assert_eq!(chip.verdict(&bad, |_| ()), [ENDS]);
}

#[test]
fn multiplicities_count_where_the_sum_runs() {
    let chip = Chip::new();
    let add = |set: usize, row: usize, times: Fr| {
        move |grid: &mut Grid| grid.advice[LOOKUPS + set][row] += times
    };
    for times in [Fr::ONE, -Fr::ONE] {
        for (set, row) in [(0, 0), (0, 9), (1, 0), (1, SET), (1, LAST - 1)] {
            assert_eq!(chip.verdict(&[], add(set, row, times)), [ENDS]);
        }
        for (set, row) in [(0, LAST), (1, LAST), (0, ROWS - 1)] {
            assert_eq!(
                chip.verdict(&[], add(set, row, times)),
                [""; 0],
                "nothing counts there"
            );
        }
    }
    // The same entry on two rows: counted on either.
    let moved = |grid: &mut Grid| {
        grid.advice[LOOKUPS][0] -= Fr::from(3);
        grid.advice[LOOKUPS + 1][LAST - 1] += Fr::from(3);
    };
    assert_eq!(chip.verdict(&[], moved), [""; 0]);
    // Other entries are not interchangeable.
    let swapped = |grid: &mut Grid| {
        grid.advice[LOOKUPS][3] -= Fr::ONE;
        grid.advice[LOOKUPS + 1][3] += Fr::ONE;
    };
    assert_eq!(chip.verdict(&[], swapped), [ENDS]);
}

/// Why `alpha` comes after the cells: two vanishing denominators in a group leave the helper free.
#[test]
fn a_challenge_known_too_early_breaks_it() {
    let mut chip = Chip::new();
    let bad = Fr::from(1234);
    chip.grid.challenges[0] = -bad;
    let values = [(0, 4, bad), (1, 4, bad)];
    let free = Cell {
        column: chip.config.helpers[0].index(),
        row: 4,
    };
    chip.steps.retain(|step| step.cell != free);
    chip.grid.advice[free.column][free.row] = Fr::ZERO;
    assert_eq!(chip.verdict(&values, |_| ()), [ENDS]);
    let missing = chip.lay(&values, |_| ()).advice[chip.config.sum.index()][LAST];
    chip.grid.advice[free.column][free.row] = -missing;
    assert_eq!(
        chip.verdict(&values, |_| ()),
        [""; 0],
        "a value outside the table passes"
    );
}
