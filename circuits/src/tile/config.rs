//! Columns and gates of a tile.

use ff::{Field, PrimeField};
use halo2_proofs::plonk::{
    Advice, Challenge, Column, ConstraintSystem, Expression, FirstPhase, Fixed, Instance,
};
use halo2curves::bn256::Fr;

use super::digest::{DigestConfig, Surroundings};
use super::params::{HEADER_BLOCKS, TileParams};
use crate::canonical::CanonicalConfig;
use crate::logup::{LogupConfig, LogupSelectors, TableSide};
use crate::poseidon2::{BLOCK_ROWS, FREE_ROW, Poseidon2Config, WIDTH};
use crate::seed::{TAG_KEY, TAG_PK, TAG_VRF, stream_tag};
use crate::transport::{TransportConfig, TransportSelectors};

type Expr = Expression<Fr>;

/// Columns and chips of a tile.
#[derive(Clone, Debug)]
pub struct TileConfig {
    /// Lane values; the same columns as the limbs for the uniform distribution.
    pub lanes: Vec<Column<Advice>>,
    /// Canonical limbs of the outputs.
    pub canonical: CanonicalConfig,
    /// The permutation.
    pub poseidon: Poseidon2Config,
    /// From the outputs of a block to its rows.
    pub transport: TransportConfig,
    /// Sampling and range lookups.
    pub logup: LogupConfig,
    /// Compressed lookups `alpha + f`, in the order of the logup chip.
    pub lookups: Vec<Expr>,
    /// Table sides, in the order of the logup chip.
    pub sides: Vec<TableSide>,
    /// Multiplicities of the sampling table, one column a set; none for the uniform.
    pub sample_counts: Vec<Column<Advice>>,
    /// Multiplicities of the range table, one column a set.
    pub range_counts: Vec<Column<Advice>>,
    /// Limbs of the table, one column a set.
    pub table_limbs: Vec<Column<Fixed>>,
    /// Lane values of the table, one column a set; none for the uniform.
    pub table_lanes: Vec<Column<Fixed>>,
    /// One on row 0.
    pub head: Column<Fixed>,
    /// One on the rows of weights.
    pub active: Column<Fixed>,
    /// One on the rows before the last.
    pub running: Column<Fixed>,
    /// One on row 0 and the last row.
    pub ends: Column<Fixed>,
    /// The weight digest, where the tile has it.
    pub digest: Option<DigestConfig>,
    /// `pk`, `b`, `A`, first block; with the weight digest also the chain's start, its end and
    /// the number of live blocks.
    pub instance: Column<Instance>,
    /// Randomness of the lookups.
    pub alpha: Challenge,
    /// Compresses the tuples of a lookup.
    pub beta: Challenge,
    /// Randomness of the transport.
    pub gamma: Challenge,
}

impl TileConfig {
    /// Lays out the columns and creates all gates.
    pub fn configure(meta: &mut ConstraintSystem<Fr>, params: &TileParams) -> Self {
        let shape = params.limbs();
        let sets = params.table_sets();
        let advice = |meta: &mut ConstraintSystem<Fr>, count: usize| -> Vec<Column<Advice>> {
            (0..count)
                .map(|_| meta.advice_column_in(FirstPhase))
                .collect()
        };
        let lanes = advice(meta, shape.limbs);
        let sampled = params.table.is_some();
        let limbs = if sampled {
            advice(meta, shape.limbs)
        } else {
            lanes.clone()
        };
        let [top, differs, below] = std::array::from_fn(|_| meta.advice_column_in(FirstPhase));
        let sample_counts = advice(meta, if sampled { sets } else { 0 });
        let range_counts = advice(meta, sets);
        let [a, b] =
            std::array::from_fn(|_| std::array::from_fn(|_| meta.advice_column_in(FirstPhase)));
        let digest_columns: Option<[[Column<Advice>; WIDTH]; 2]> =
            params.weight_digest.then(|| {
                std::array::from_fn(|_| std::array::from_fn(|_| meta.advice_column_in(FirstPhase)))
            });
        let block = meta.fixed_column();
        let [head, active, running, ends] = std::array::from_fn(|_| meta.fixed_column());
        let table_limbs: Vec<_> = (0..sets).map(|_| meta.fixed_column()).collect();
        let table_lanes: Vec<_> = (0..sample_counts.len())
            .map(|_| meta.fixed_column())
            .collect();
        let instance = meta.instance_column();
        let [alpha, beta, gamma] = std::array::from_fn(|_| meta.challenge_usable_after(FirstPhase));

        let poseidon = Poseidon2Config::configure(meta, a, b, block);
        let canonical = CanonicalConfig {
            shape,
            limbs,
            top,
            differs,
            below,
        };
        canonical.configure(meta, &active.cur());
        let output = poseidon.output();
        let selectors = TransportSelectors {
            active: active.cur(),
            first: poseidon.phase(0),
            last: poseidon.phase(BLOCK_ROWS - 1),
        };
        let value = canonical.recomposition();
        let digest = digest_columns.map(|[a, b]| DigestConfig::configure(meta, a, b, block));
        let entering = digest
            .as_ref()
            .map(|digest| digest.entering(&lanes, shape.bits));
        let transport =
            TransportConfig::configure(meta, selectors, gamma, &output[1..], value, entering);

        let tuples = Tuples {
            alpha: alpha.expr(),
            beta: beta.expr(),
        };
        let lookups = tuples.lookups(&canonical, sampled.then_some(&lanes[..]));
        let mut sides = Vec::new();
        for set in 0..sets {
            let limb = table_limbs[set].cur();
            if let (Some(lane), Some(count)) = (table_lanes.get(set), sample_counts.get(set)) {
                sides.push(TableSide {
                    entry: tuples.sample(limb.clone(), lane.cur()),
                    multiplicity: count.cur(),
                });
            }
            sides.push(TableSide {
                entry: tuples.range(limb),
                multiplicity: range_counts[set].cur(),
            });
        }
        let selectors = LogupSelectors {
            active: active.cur(),
            running: running.cur(),
            ends: ends.cur(),
        };
        let logup = LogupConfig::configure(meta, &selectors, &lookups, &sides);
        let config = Self {
            lanes,
            canonical,
            poseidon,
            transport,
            logup,
            lookups,
            sides,
            sample_counts,
            range_counts,
            table_limbs,
            table_lanes,
            head,
            active,
            running,
            ends,
            digest,
            instance,
            alpha,
            beta,
            gamma,
        };
        config.input_gate(meta, params);
        config.seed_gate(meta, &output[1]);
        if let Some(digest) = &config.digest {
            digest.gate(meta, config.surroundings(params));
        }
        config
    }

    /// What the chain of the weight digest reads of the tile.
    fn surroundings(&self, params: &TileParams) -> Surroundings {
        let header_end = HEADER_BLOCKS * BLOCK_ROWS - 1;
        let weight_end = params.first_weight_row() + params.weight_rows() - 1;
        let from = |row: usize, index: usize| self.instance.rot(index as i32 - row as i32);
        // The instance's rows follow the last one, cyclically: a small rotation forwards.
        let behind = (1 << params.k) - weight_end;
        Surroundings {
            active: self.active,
            header_end: self.header(HEADER_BLOCKS - 1, BLOCK_ROWS - 1),
            instance: [
                from(header_end, 4),
                self.instance.rot((behind + 5) as i32),
                from(header_end, 6),
            ],
        }
    }

    /// One on the first row of header block `i` shifted down by `row` rows.
    fn header(&self, block: usize, row: usize) -> Expr {
        self.head.rot(-((block * BLOCK_ROWS + row) as i32))
    }

    /// Row 0 of each block is the first round on `(tag; d_0, d_1, d_2, 0, ..)`, where `d_i` stands
    /// in the free cells of the block; `d_1` is absent in the first block and `d_2` in all but
    /// the third.
    fn input_gate(&self, meta: &mut ConstraintSystem<Fr>, params: &TileParams) {
        let d = |i: usize| self.poseidon.spare((FREE_ROW + i) as i32);
        let [h0, h1, h2] = std::array::from_fn(|i| self.header(i, 0));
        let one = Expression::Constant(Fr::ONE);
        let tag = h0.clone() * Fr::from_u128(TAG_PK)
            + h1 * Fr::from_u128(TAG_VRF)
            + h2.clone() * Fr::from_u128(TAG_KEY)
            + self.active.cur() * stream_tag(params.distribution, params.precision);
        let mut input: [Expr; WIDTH] = std::array::from_fn(|_| Expression::Constant(Fr::ZERO));
        input[0] = tag;
        input[1] = d(0);
        input[2] = d(1) * (one - h0);
        input[3] = d(2) * h2;
        let first = Poseidon2Config::input(&input);
        meta.create_gate("block input", |_| {
            first
                .into_iter()
                .enumerate()
                .map(|(j, lane)| {
                    let difference = self.poseidon.a[j].cur() - lane;
                    (format!("lane {j}"), self.poseidon.phase(0) * difference)
                })
                .collect::<Vec<_>>()
        });
    }

    /// From block to block, seen from the last row: `pk`, the secret, the beacon, the key, the
    /// index.
    fn seed_gate(&self, meta: &mut ConstraintSystem<Fr>, output: &Expr) {
        let last = BLOCK_ROWS - 1;
        let here = |i: usize| self.poseidon.spare((FREE_ROW + i) as i32 - last as i32);
        let next = |i: usize| {
            self.poseidon
                .spare((FREE_ROW + i + BLOCK_ROWS) as i32 - last as i32)
        };
        let instance = |index: usize, block: usize| {
            self.instance
                .rot(index as i32 - (block * BLOCK_ROWS + last) as i32)
        };
        let [e0, e1, e2] = std::array::from_fn(|i| self.header(i, last));
        let chain = self.active.cur() * self.active.next() * self.poseidon.phase(last);
        let one = Expression::Constant(Fr::ONE);
        let out = || output.clone();
        meta.create_gate("seed", |_| {
            vec![
                ("public key", e0.clone() * (out() - instance(0, 0))),
                ("one secret", e0.clone() * (next(0) - here(0))),
                ("beacon", e0 * (next(1) - instance(1, 0))),
                ("answer feeds the key", e1.clone() * (next(0) - out())),
                ("one beacon", e1.clone() * (next(1) - here(1))),
                ("model", e1 * (next(2) - instance(2, 1))),
                ("stream key", e2.clone() * (next(0) - out())),
                ("first block", e2 * (next(1) - instance(3, 2))),
                ("one key", chain.clone() * (next(0) - here(0))),
                ("index counts up", chain * (next(1) - here(1) - one)),
            ]
        });
    }
}

/// Compression of lookups to one field element.
struct Tuples {
    alpha: Expr,
    beta: Expr,
}

impl Tuples {
    /// `alpha + u + beta l`.
    fn sample(&self, limb: Expr, lane: Expr) -> Expr {
        self.alpha.clone() + limb + self.beta.clone() * lane
    }

    /// `alpha + v + beta^2`.
    ///
    /// No cell stands at `beta^2`, so that no lane value can turn a sampling lookup into a range
    /// entry: with a constant in place of a second `beta`, a lane equal to it would.
    fn range(&self, value: Expr) -> Expr {
        self.alpha.clone() + value + self.beta.clone() * self.beta.clone()
    }

    /// All lookups of a row: the limbs, then `top` and `below`.
    fn lookups(&self, canonical: &CanonicalConfig, lanes: Option<&[Column<Advice>]>) -> Vec<Expr> {
        let limbs = canonical
            .limbs
            .iter()
            .enumerate()
            .map(|(j, limb)| match lanes {
                Some(lanes) => self.sample(limb.cur(), lanes[j].cur()),
                None => self.range(limb.cur()),
            });
        let ranges = [canonical.top, canonical.below].map(|column| self.range(column.cur()));
        limbs.chain(ranges).collect()
    }
}
