//! A tile laid out once, and forged again and again.

mod chain;

use ff::{Field, PrimeField};
use halo2_proofs::plonk::{Circuit, ConstraintSystem};
use halo2curves::bn256::Fr;
use nascent_circuits::canonical::split;
use nascent_circuits::digest;
use nascent_circuits::grid::{Cell, Constraints, Formula, Grid, Planner, Step};
use nascent_circuits::poseidon2::{BLOCK_ROWS, FREE_ROW};
use nascent_circuits::seed::SeedMaterial;
use nascent_circuits::tile::{
    HEADER_BLOCKS, TileChain, TileCircuit, TileConfig, TileParams, TileWitness,
};
use nascent_verifier::{Distribution, Precision};

/// Live blocks of a tile with the weight digest: two of four at `k = 7`.
pub const LIVE: u64 = 2;

/// A constraint read on a row.
pub type At = (usize, usize);

/// A tile, its constraints, and the order in which its cells follow from the secret.
pub struct Tile {
    pub params: TileParams,
    pub config: TileConfig,
    pub meta: ConstraintSystem<Fr>,
    pub constraints: Constraints,
    pub witness: TileWitness,
    pub honest: Grid,
    /// The permutations and what ties them together.
    pub permutations: Vec<Step>,
    /// What follows in the first phase once outputs are cut into limbs; the weight digest too.
    pub splits: Vec<Step>,
    /// Where the steps of the weight digest begin among them.
    digest_steps: usize,
    /// The second phase.
    pub second: Vec<Step>,
    pub undetermined: Vec<Cell>,
    pub unconstrained: Vec<Cell>,
    outputs: Formula,
}

/// A change of cells.
pub type Edit<'a> = &'a (dyn Fn(&Tile, &mut Grid) + Sync);

/// What a cheating prover does; everything else is computed as honestly as that allows.
#[derive(Default)]
pub struct Forgery<'a> {
    /// Another secret than the one behind the public key.
    pub secret: Option<Fr>,
    /// Another first block, in the instance too: moves to a part of the stream that suits.
    pub first_block: Option<u64>,
    /// Added to the cell that the constraint determines; its successors follow.
    pub faults: Vec<(At, Fr)>,
    /// Changes limbs, lanes or splits.
    pub split: Option<Edit<'a>>,
    /// Added to the packed weights of a row where the weight digest takes them up.
    pub packed: Option<(usize, Fr)>,
    /// Changes anything in the first phase, after the multiplicities.
    pub first: Option<Edit<'a>>,
    /// Added to a row of the instance in the end.
    pub claim: Option<(usize, Fr)>,
    /// A step of the second phase whose cell is chosen such that a later check holds.
    pub close: Option<(At, At)>,
}

impl Tile {
    pub fn new(k: u32, distribution: Distribution, limb_bits: u8, fraction_bits: u8) -> Self {
        let precision = Precision {
            limb_bits,
            fraction_bits,
        };
        Self::of(TileParams::new(k, distribution, precision).expect("valid"))
    }

    /// With the weight digest; [`LIVE`] of its blocks are live.
    pub fn with_digest(k: u32, distribution: Distribution, limb_bits: u8, fraction: u8) -> Self {
        let precision = Precision {
            limb_bits,
            fraction_bits: fraction,
        };
        let params = TileParams::new(k, distribution, precision).expect("valid");
        Self::of(params.with_weight_digest(true))
    }

    fn of(params: TileParams) -> Self {
        let seed = SeedMaterial {
            secret: Fr::from(0x5ec2e7),
            beacon: Fr::from(0xbeac0),
            model: Fr::from(0x30de1),
        };
        let witness = TileWitness {
            seed,
            first_block: 1 << 20,
        };
        let mut meta = ConstraintSystem::default();
        let config = TileCircuit::configure_with_params(&mut meta, params.clone());
        let challenges: Vec<Fr> = (0..meta.num_challenges() as u64)
            .map(|i| Fr::from(i + 3).pow([1 << 40]))
            .collect();
        let chain = params.weight_digest.then(|| TileChain {
            start: digest::start(params.distribution, params.precision),
            end: Fr::ZERO, // below
            live: LIVE,
        });
        let circuit = TileCircuit::new(params.clone(), witness).with_chain(chain);
        let instance = circuit.instance();
        let laid_out = Grid::new(
            &circuit,
            &meta,
            config.clone(),
            params.k,
            &[&instance],
            &challenges,
        );
        let mut honest = laid_out.expect("laid out");
        let mut random = Fr::from(11);
        honest.blind(meta.blinding_factors() + 1, || {
            random = random.square() + Fr::ONE;
            random
        });
        let constraints = Constraints::new(&meta);
        let outputs = Formula::new(&config.poseidon.output()[1..]);
        let mut tile = Self {
            params,
            config,
            meta,
            constraints,
            witness,
            honest,
            outputs,
            permutations: Vec::new(),
            splits: Vec::new(),
            digest_steps: 0,
            second: Vec::new(),
            undetermined: Vec::new(),
            unconstrained: Vec::new(),
        };
        let mut honest = tile.honest.clone();
        tile.claim_end(&mut honest);
        tile.honest = honest;
        tile.plan();
        tile
    }

    fn plan(&mut self) {
        let last = self.params.last_row();
        let public_key = self.constraint("seed", "public key");
        let lanes = self.constraint("transport", "accumulator equals the lanes");
        let ends = self.constraint("logup sum", "zero at both ends");
        // Of the digest those that only check; the last would determine backwards.
        let digest = ["live or not", "live blocks come first", "chain ends"];
        let digest = digest.map(|name| self.constraints.find("weight digest", name));
        let check = |constraint, row| {
            constraint == public_key
                || constraint == lanes
                || constraint == ends && row == last
                || digest.contains(&Some(constraint))
        };
        let mut planner = Planner::new(&self.constraints, &self.honest, check);
        planner.give(self.header_cell(0, 0));
        let phases = self.meta.advice_column_phase();
        let in_first = |step: &Step| phases[step.cell.column] == 0;
        // The sum's first cell follows from nothing at all.
        let (permutations, mut second): (Vec<Step>, Vec<Step>) =
            planner.propagate().into_iter().partition(in_first);
        let TileConfig {
            canonical,
            lanes,
            sample_counts,
            range_counts,
            ..
        } = &self.config;
        let hints = canonical
            .limbs
            .iter()
            .chain(lanes)
            .chain([&canonical.top, &canonical.differs]);
        let hints: Vec<usize> = hints.map(|column| column.index()).collect();
        for row in self.weight_rows() {
            hints
                .iter()
                .for_each(|&column| planner.give(Cell { column, row }));
        }
        for cell in self.digest_hints() {
            planner.give(cell);
        }
        let (mut splits, sums): (Vec<Step>, Vec<Step>) =
            planner.propagate().into_iter().partition(in_first);
        self.digest_steps = self.sort_digest(&mut splits);
        second.extend(sums);
        for row in 0..last {
            for column in sample_counts.iter().chain(range_counts) {
                planner.give(Cell {
                    column: column.index(),
                    row,
                });
            }
        }
        second.extend(planner.propagate());
        let (undetermined, unconstrained) = (planner.undetermined(), planner.unconstrained());
        self.undetermined = undetermined;
        self.unconstrained = unconstrained;
        self.permutations = permutations;
        self.splits = splits;
        self.second = second;
    }

    pub fn constraint(&self, gate: &str, name: &str) -> usize {
        let found = self.constraints.find(gate, name);
        found.unwrap_or_else(|| panic!("no constraint {gate:?} / {name:?}"))
    }

    /// Input `d_i` of a header or weight block.
    pub fn header_cell(&self, block: usize, i: usize) -> Cell {
        let column = self.config.poseidon.spare_column().index();
        Cell {
            column,
            row: block * BLOCK_ROWS + FREE_ROW + i,
        }
    }

    pub fn weight_rows(&self) -> std::ops::Range<usize> {
        let first = self.params.first_weight_row();
        first..first + self.params.weight_rows()
    }

    /// Last row of a weight block.
    pub fn block_end(&self, block: usize) -> usize {
        (HEADER_BLOCKS + block + 1) * BLOCK_ROWS - 1
    }

    /// The whole forged witness.
    pub fn forge(&self, forgery: &Forgery<'_>) -> Grid {
        let mut grid = self.honest.clone();
        self.first_phase(&mut grid, forgery);
        self.second_phase(&mut grid, forgery);
        grid
    }

    /// What the verifier of a forged witness finds wrong.
    pub fn verdict(&self, forgery: &Forgery<'_>) -> Vec<(String, String)> {
        self.failures(&self.forge(forgery))
    }

    /// Names of the failing constraints.
    pub fn failures(&self, grid: &Grid) -> Vec<(String, String)> {
        let failures = self.constraints.failures(grid).into_iter();
        failures
            .map(|failure| (failure.gate, failure.constraint))
            .collect()
    }

    pub fn first_phase(&self, grid: &mut Grid, forgery: &Forgery<'_>) {
        if let Some(secret) = forgery.secret {
            let Cell { column, row } = self.header_cell(0, 0);
            grid.advice[column][row] = secret;
        }
        if let Some(first_block) = forgery.first_block {
            grid.instance[self.config.instance.index()][3] = Fr::from(first_block);
        }
        let fresh = forgery.secret.is_none() && forgery.first_block.is_none();
        let starts = |step: &Step| is_faulty(step, &forgery.faults);
        // Nothing changes before the first fault.
        let start = if fresh {
            self.permutations.iter().position(starts)
        } else {
            Some(0)
        };
        if let Some(start) = start {
            self.take(grid, &self.permutations[start..], &forgery.faults);
            self.cut(grid);
        }
        if let Some(split) = forgery.split {
            split(self, grid);
        }
        self.take_splits(grid, forgery);
        self.claim_end(grid);
        self.count(grid);
        if let Some(first) = forgery.first {
            first(self, grid);
        }
        if let Some((row, fault)) = forgery.claim {
            grid.instance[self.config.instance.index()][row] += fault;
        }
    }

    /// Fills the second phase for the grid's challenges.
    pub fn second_phase(&self, grid: &mut Grid, forgery: &Forgery<'_>) {
        self.take(grid, &self.second, &forgery.faults);
        let Some((at, (check, row))) = forgery.close else {
            return;
        };
        let mut scratch = Vec::new();
        let mut with = |grid: &mut Grid, fault: Fr| {
            let mut faults = forgery.faults.clone();
            faults.push((at, fault));
            self.take(grid, &self.second, &faults);
            self.constraints.eval(check, grid, row, &mut scratch)
        };
        let at_zero = with(grid, Fr::ZERO);
        let slope = with(grid, Fr::ONE) - at_zero;
        with(
            grid,
            -at_zero * slope.invert().expect("the fault reaches the check"),
        );
    }

    fn take(&self, grid: &mut Grid, steps: &[Step], faults: &[(At, Fr)]) {
        let mut scratch = Vec::new();
        for step in steps {
            let mut value = step.solve(&self.constraints, grid, &mut scratch);
            for (at, fault) in faults {
                if *at == (step.constraint, step.row) {
                    value += fault;
                }
            }
            grid.advice[step.cell.column][step.cell.row] = value;
        }
    }

    /// Output of the permutation that stands on a weight row.
    pub fn output(&self, grid: &Grid, row: usize) -> Fr {
        let offset = (row - self.params.first_weight_row()) % BLOCK_ROWS;
        let end = row - offset + BLOCK_ROWS - 1;
        self.outputs
            .eval(grid, end, &mut Vec::new())
            .nth(offset)
            .expect("fifteen outputs")
    }

    /// Honest limbs, lanes and splits of whatever the permutations give.
    fn cut(&self, grid: &mut Grid) {
        let shape = self.params.limbs();
        for row in self.weight_rows() {
            let mut limbs = vec![0; shape.limbs];
            let output = self.output(grid, row);
            let split = split(&shape, &output, &mut limbs).expect("not next to the modulus");
            for (j, &limb) in limbs.iter().enumerate() {
                self.set_limb(grid, row, j, u64::from(limb));
            }
            self.set(grid, row, &self.config.canonical.top, u64::from(split.top));
            self.set(
                grid,
                row,
                &self.config.canonical.differs,
                u64::from(split.differs),
            );
        }
    }

    pub fn set(
        &self,
        grid: &mut Grid,
        row: usize,
        column: &halo2_proofs::plonk::Column<halo2_proofs::plonk::Advice>,
        value: u64,
    ) {
        grid.advice[column.index()][row] = Fr::from(value);
    }

    /// A limb and the lane value that belongs to it; out of range there is none.
    pub fn set_limb(&self, grid: &mut Grid, row: usize, j: usize, limb: u64) {
        self.set(grid, row, &self.config.canonical.limbs[j], limb);
        if self.sampled() {
            let lane = match limb >> self.params.precision.limb_bits {
                0 => u64::from(self.params.lane_value(limb as usize)),
                _ => 0,
            };
            self.set(grid, row, &self.config.lanes[j], lane);
        }
    }

    pub fn sampled(&self) -> bool {
        self.params.table.is_some()
    }

    /// Multiplicities of all lookups that the tables can serve.
    fn count(&self, grid: &mut Grid) {
        let TileConfig {
            canonical,
            lanes,
            sample_counts,
            range_counts,
            ..
        } = &self.config;
        for column in sample_counts.iter().chain(range_counts) {
            grid.advice[column.index()][..self.params.last_row()].fill(Fr::ZERO);
        }
        for row in self.weight_rows() {
            for (j, column) in canonical.limbs.iter().enumerate() {
                let limb = self.in_range(grid.advice[column.index()][row]);
                let lane = grid.advice[lanes[j].index()][row];
                match limb {
                    Some(u) if lane == Fr::from(u64::from(self.params.lane_value(u))) => {
                        self.add_count(grid, self.sampled(), u, Fr::ONE);
                    }
                    _ => {}
                }
            }
            for column in [canonical.top, canonical.below] {
                if let Some(v) = self.in_range(grid.advice[column.index()][row]) {
                    self.add_count(grid, false, v, Fr::ONE);
                }
            }
        }
    }

    /// Adds to the multiplicity of an entry of the sampling or of the range table.
    pub fn add_count(&self, grid: &mut Grid, sample: bool, entry: usize, times: Fr) {
        let columns = if sample {
            &self.config.sample_counts
        } else {
            &self.config.range_counts
        };
        let column = columns[entry / self.params.last_row()];
        grid.advice[column.index()][entry % self.params.last_row()] += times;
    }

    /// The value as a limb.
    pub fn in_range(&self, value: Fr) -> Option<usize> {
        let bytes = value.to_repr();
        let small = u64::from_le_bytes(bytes[..8].try_into().expect("8 bytes"));
        let fits = small >> self.params.precision.limb_bits == 0 && Fr::from(small) == value;
        fits.then_some(small as usize)
    }
}

fn is_faulty(step: &Step, faults: &[(At, Fr)]) -> bool {
    faults
        .iter()
        .any(|(at, _)| *at == (step.constraint, step.row))
}
