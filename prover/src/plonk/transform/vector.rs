//! Transforms of eight elements at once.
//!
//! A block holds eight consecutive values, so that all layers but the last three work on whole
//! blocks. For those three, eight blocks are transposed: the layers are then between blocks again,
//! with eight constant roots. The way in and the way out pass through them, so that nothing is
//! reordered in memory.
//!
//! Elements are not reduced between layers; the comments carry the bounds, in multiples of `p`.
//! Values enter [`Tables::to_coefficients`] as the curve crate keeps them and leave so: the
//! transform is linear, only its factors have to be in radix-52 Montgomery form.

use std::sync::Mutex;

use ff::Field;
use halo2curves::bn256::Fr;
use nascent_field::ifma::{Ifma, Kernel, LANES, Wide, Words, constant, zeros};
use rayon::prelude::*;

use super::{powers, reverse};

/// Smallest `k`: a group of transposed blocks.
pub(super) const MIN_K: u32 = 6;
/// Blocks that are transformed in the cache, without recursion.
const LEAF: usize = 64;

/// Factors of all layers, in blocks.
pub(crate) struct Tables {
    pub(crate) simd: Ifma,
    forward: Layers,
    inverse: Layers,
    /// `1/n`.
    size_inverse: Wide,
    /// Work space of transforms that are done, one for each worker at most: memory that is given
    /// back to the system costs as much as a fifth of a transform to get again.
    spare: Mutex<Vec<Vec<Wide>>>,
}

struct Layers {
    /// For each `j >= 1`, the first half of the powers of the root of order `2^j * 8`.
    twiddles: Vec<Vec<Wide>>,
    /// `w, w^2, w^3` for the root of order 8.
    eighth: [Wide; 3],
}

impl Layers {
    fn new(simd: Ifma, k: u32, root: &dyn Fn(u32) -> Fr) -> Self {
        let blocks = |level: u32| {
            let powers = powers(root(level), Fr::ONE, (1usize << level) / 2);
            import_all(simd, &powers)
        };
        let w = root(3);
        Self {
            // Level 3 has half a block, which nothing uses.
            twiddles: std::iter::once(Vec::new())
                .chain((4..=k).map(blocks))
                .collect(),
            eighth: [w, w.square(), w.cube()].map(|w| simd.import(&[w; LANES])),
        }
    }
}

fn import_all(simd: Ifma, elements: &[Fr]) -> Vec<Wide> {
    let eights = elements.as_chunks::<LANES>().0;
    eights.par_iter().map(|eight| simd.import(eight)).collect()
}

/// Factors for the coefficients of a coset, in the order in which they are loaded.
pub(crate) struct Weights(Vec<Wide>);

impl Tables {
    pub(super) fn new(
        simd: Ifma,
        k: u32,
        root: &dyn Fn(u32) -> Fr,
        inverse_root: &dyn Fn(u32) -> Fr,
        size_inverse: Fr,
    ) -> Self {
        Self {
            simd,
            forward: Layers::new(simd, k, root),
            inverse: Layers::new(simd, k, inverse_root),
            spare: Mutex::default(),
            size_inverse: simd.import(&[size_inverse; LANES]),
        }
    }

    /// From values in natural order to coefficients in bit-reversed order.
    pub(super) fn to_coefficients(&self, values: &mut [Fr]) {
        let simd = self.simd;
        let mut blocks = self.blocks(values.len());
        simd.run(Load {
            simd,
            values,
            blocks: &mut blocks,
        });
        frequency(simd, &self.inverse.twiddles, &mut blocks);
        simd.run(Finish {
            simd,
            blocks: &blocks,
            eighth: &self.inverse.eighth,
            scale: &self.size_inverse,
            values,
        });
        self.put_back(blocks);
    }

    /// The powers of `base` for [`Tables::coset`], of the domain's size.
    pub(super) fn weights(&self, base: Fr, size: usize) -> Weights {
        // Coefficients are loaded as they are in memory, the element times 2^-4.
        let mut powers = powers(base, Fr::from(16), size);
        reverse(&mut powers);
        let groups = powers.as_chunks::<{ LANES * LANES }>().0;
        let blocks = groups.par_iter().flat_map_iter(|group| {
            (0..LANES).map(|row| {
                let eight = std::array::from_fn(|lane| group[LANES * lane + row]);
                self.simd.import(&eight)
            })
        });
        Weights(blocks.collect())
    }

    /// Values of a polynomial on a coset, in natural order, in place of what `words` held: in
    /// radix-52 Montgomery form, below `2.1 p`.
    pub(crate) fn coset(&self, coefficients: &[Fr], weights: &Weights, words: &mut Vec<Words>) {
        let simd = self.simd;
        let mut blocks = self.blocks(coefficients.len());
        simd.run(Start {
            simd,
            coefficients,
            weights: &weights.0,
            eighth: &self.forward.eighth,
            blocks: &mut blocks,
        });
        time(simd, &self.forward.twiddles, &mut blocks);
        words.resize(blocks.len(), [constant(0); 4]);
        simd.run(Pack {
            simd,
            blocks: &blocks,
            words,
        });
        self.put_back(blocks);
    }

    /// Work space for so many elements, with anything in it.
    fn blocks(&self, elements: usize) -> Vec<Wide> {
        let spare = self.spare.lock().ok().and_then(|mut spare| spare.pop());
        let mut blocks = spare.unwrap_or_default();
        blocks.resize(elements / LANES, zeros());
        blocks
    }

    fn put_back(&self, blocks: Vec<Wide>) {
        if let Ok(mut spare) = self.spare.lock() {
            spare.push(blocks);
        }
    }
}

struct Load<'a> {
    simd: Ifma,
    values: &'a [Fr],
    blocks: &'a mut [Wide],
}

impl Kernel for Load<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for (block, eight) in self.blocks.iter_mut().zip(self.values.chunks_exact(LANES)) {
            *block = self.simd.load(eight, 1);
        }
    }
}

/// Decimation in frequency on blocks, but for the last three layers. Elements are below `3 p`.
fn frequency(simd: Ifma, twiddles: &[Vec<Wide>], blocks: &mut [Wide]) {
    if blocks.len() <= LEAF {
        return simd.run(FrequencyLeaf {
            simd,
            twiddles,
            blocks,
        });
    }
    let quarter = blocks.len() / 4;
    simd.run(FrequencyPass {
        simd,
        twiddles,
        blocks,
    });
    for part in blocks.chunks_exact_mut(quarter) {
        frequency(simd, twiddles, part);
    }
}

struct FrequencyLeaf<'a> {
    simd: Ifma,
    twiddles: &'a [Vec<Wide>],
    blocks: &'a mut [Wide],
}

impl Kernel for FrequencyLeaf<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let simd = self.simd;
        let mut size = self.blocks.len();
        while size >= 4 {
            for part in self.blocks.chunks_exact_mut(size) {
                frequency_pass(simd, self.twiddles, part);
            }
            size /= 4;
        }
        if size == 2 {
            let twiddle = &self.twiddles[1][0];
            for pair in self.blocks.as_chunks_mut::<2>().0 {
                let [a, b] = *pair;
                let difference = simd.carried(simd.subtract::<Fr>(&a, &b, 3));
                *pair = [
                    simd.reduce::<Fr>(&simd.add(&a, &b)),
                    simd.multiply::<Fr>(&difference, twiddle),
                ];
            }
        }
    }
}

struct FrequencyPass<'a> {
    simd: Ifma,
    twiddles: &'a [Vec<Wide>],
    blocks: &'a mut [Wide],
}

impl Kernel for FrequencyPass<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        frequency_pass(self.simd, self.twiddles, self.blocks);
    }
}

/// Two layers. Elements are below `3 p` before and after.
#[inline(always)]
fn frequency_pass(simd: Ifma, twiddles: &[Vec<Wide>], blocks: &mut [Wide]) {
    let (a, b, c, d, factors) = quarters(twiddles, blocks);
    let rows = a.iter_mut().zip(b).zip(c).zip(d).zip(factors);
    for ((((a, b), c), d), [outer, outer_high, inner]) in rows {
        let (x0, x1, x2, x3) = (*a, *b, *c, *d);
        // Sums are below 6.
        let (even0, even1) = (simd.add(&x0, &x2), simd.add(&x1, &x3));
        let odd0 = simd.carried(simd.subtract::<Fr>(&x0, &x2, 3));
        let odd1 = simd.carried(simd.subtract::<Fr>(&x1, &x3, 3));
        // Products are below 1.1.
        let odd0 = simd.multiply::<Fr>(&odd0, outer);
        let odd1 = simd.multiply::<Fr>(&odd1, outer_high);
        *a = simd.reduce::<Fr>(&simd.add(&even0, &even1));
        let even = simd.carried(simd.subtract::<Fr>(&even0, &even1, 6));
        *b = simd.multiply::<Fr>(&even, inner);
        *c = simd.add(&odd0, &odd1);
        let odd = simd.carried(simd.subtract::<Fr>(&odd0, &odd1, 2));
        *d = simd.multiply::<Fr>(&odd, inner);
    }
}

type Part<'a> = &'a mut [Wide];

/// Four equal parts, and for each place the outer layer's two factors and the inner one's.
#[inline(always)]
fn quarters<'a>(
    twiddles: &'a [Vec<Wide>],
    blocks: &'a mut [Wide],
) -> (
    Part<'a>,
    Part<'a>,
    Part<'a>,
    Part<'a>,
    impl Iterator<Item = [&'a Wide; 3]>,
) {
    let quarter = blocks.len() / 4;
    let layer = blocks.len().trailing_zeros() as usize;
    let (low, high) = blocks.split_at_mut(2 * quarter);
    let (a, b) = low.split_at_mut(quarter);
    let (c, d) = high.split_at_mut(quarter);
    let (outer, outer_high) = twiddles[layer].split_at(quarter);
    let factors = outer.iter().zip(outer_high).zip(&twiddles[layer - 1]);
    let factors = factors.map(|((outer, outer_high), inner)| [outer, outer_high, inner]);
    (a, b, c, d, factors)
}

/// The last three layers to coefficients, scaling, and the way out.
struct Finish<'a> {
    simd: Ifma,
    blocks: &'a [Wide],
    eighth: &'a [Wide; 3],
    scale: &'a Wide,
    values: &'a mut [Fr],
}

impl Kernel for Finish<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let simd = self.simd;
        let groups = self.blocks.as_chunks::<LANES>().0;
        let values = self.values.as_chunks_mut::<{ LANES * LANES }>().0;
        for (group, values) in groups.iter().zip(values) {
            let mut v = transpose(simd, group);
            // Below 6, or 1.1 after a product.
            for i in 0..4 {
                let difference = simd.subtract::<Fr>(&v[i], &v[i + 4], 3);
                v[i] = simd.add(&v[i], &v[i + 4]);
                v[i + 4] = match i {
                    0 => difference,
                    _ => simd.multiply::<Fr>(&simd.carried(difference), &self.eighth[i - 1]),
                };
            }
            // Below 12.
            for i in [0, 1, 4, 5] {
                let difference = simd.subtract::<Fr>(&v[i], &v[i + 2], 6);
                v[i] = simd.add(&v[i], &v[i + 2]);
                v[i + 2] = match i {
                    0 | 4 => difference,
                    _ => simd.multiply::<Fr>(&simd.carried(difference), &self.eighth[1]),
                };
            }
            // Below 24.
            for i in [0, 2, 4, 6] {
                let difference = simd.subtract::<Fr>(&v[i], &v[i + 1], 12);
                v[i] = simd.add(&v[i], &v[i + 1]);
                v[i + 1] = difference;
            }
            for (row, x) in v.into_iter().enumerate() {
                // Below 1.3.
                let x = simd.multiply::<Fr>(&simd.carried(x), self.scale);
                simd.store(&simd.subtract_once::<Fr>(&x), &mut values[row..], LANES);
            }
        }
    }
}

/// Lane `i` of block `j` becomes lane `j` of block `i`.
#[inline(always)]
fn transpose(simd: Ifma, group: &[Wide; LANES]) -> [Wide; LANES] {
    let mut out = [[simd.zero(); 5]; LANES];
    for limb in 0..5 {
        let mut column = [simd.zero(); LANES];
        for lane in 0..LANES {
            column[lane] = group[lane][limb];
        }
        let column = simd.transpose(column);
        for lane in 0..LANES {
            out[lane][limb] = column[lane];
        }
    }
    out
}

/// The way in from coefficients: shift onto the coset, and the first three layers.
struct Start<'a> {
    simd: Ifma,
    coefficients: &'a [Fr],
    weights: &'a [Wide],
    eighth: &'a [Wide; 3],
    blocks: &'a mut [Wide],
}

impl Kernel for Start<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let simd = self.simd;
        let groups = self.coefficients.as_chunks::<{ LANES * LANES }>().0;
        let weights = self.weights.as_chunks::<LANES>().0;
        let blocks = self.blocks.as_chunks_mut::<LANES>().0;
        for ((group, weights), blocks) in groups.iter().zip(weights).zip(blocks) {
            // Below 1.1.
            let mut v = [[simd.zero(); 5]; LANES];
            for row in 0..LANES {
                let x = simd.load(&group[row..], LANES);
                v[row] = simd.multiply::<Fr>(&x, &weights[row]);
            }
            // Below 4.
            for i in [0, 2, 4, 6] {
                let difference = simd.subtract::<Fr>(&v[i], &v[i + 1], 2);
                v[i] = simd.add(&v[i], &v[i + 1]);
                v[i + 1] = difference;
            }
            // Below 8.
            for i in [0, 1, 4, 5] {
                let (t, bound) = match i {
                    0 | 4 => (v[i + 2], 4),
                    _ => {
                        let x = simd.carried(v[i + 2]);
                        (simd.multiply::<Fr>(&x, &self.eighth[1]), 2)
                    }
                };
                v[i + 2] = simd.subtract::<Fr>(&v[i], &t, bound);
                v[i] = simd.add(&v[i], &t);
            }
            // Below 16.
            for i in 0..4 {
                let (t, bound) = match i {
                    0 => (v[4], 8),
                    _ => {
                        let x = simd.carried(v[i + 4]);
                        (simd.multiply::<Fr>(&x, &self.eighth[i - 1]), 2)
                    }
                };
                v[i + 4] = simd.subtract::<Fr>(&v[i], &t, bound);
                v[i] = simd.add(&v[i], &t);
            }
            *blocks = transpose(simd, &v);
        }
    }
}

/// Reduces elements and packs them: a column takes the same memory as the curve crate's elements.
struct Pack<'a> {
    simd: Ifma,
    blocks: &'a [Wide],
    words: &'a mut [Words],
}

impl Kernel for Pack<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let simd = self.simd;
        for (words, block) in self.words.iter_mut().zip(self.blocks) {
            *words = simd.join(&simd.reduce::<Fr>(block));
        }
    }
}

/// Decimation in time on blocks, after its first three layers.
fn time(simd: Ifma, twiddles: &[Vec<Wide>], blocks: &mut [Wide]) {
    if blocks.len() > LEAF {
        for part in blocks.chunks_exact_mut(blocks.len() / 4) {
            time(simd, twiddles, part);
        }
    }
    simd.run(TimePass {
        simd,
        twiddles,
        blocks,
    });
}

struct TimePass<'a> {
    simd: Ifma,
    twiddles: &'a [Vec<Wide>],
    blocks: &'a mut [Wide],
}

impl Kernel for TimePass<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let simd = self.simd;
        let len = self.blocks.len();
        if len > LEAF {
            return time_pass(simd, self.twiddles, self.blocks);
        }
        let mut size = 1;
        if len.trailing_zeros() % 2 == 1 {
            size = 2;
            let twiddle = &self.twiddles[1][0];
            for pair in self.blocks.as_chunks_mut::<2>().0 {
                let [a, b] = *pair;
                let t = simd.multiply::<Fr>(&simd.carried(b), twiddle);
                *pair = [simd.add(&a, &t), simd.subtract::<Fr>(&a, &t, 2)];
            }
        }
        while size < len {
            size *= 4;
            for part in self.blocks.chunks_exact_mut(size) {
                time_pass(simd, self.twiddles, part);
            }
        }
    }
}

/// Two layers. Bounds grow by 4: from 16, over thirteen passes (`k = 28`), to less than 70, so that
/// products stay below 2.
#[inline(always)]
fn time_pass(simd: Ifma, twiddles: &[Vec<Wide>], blocks: &mut [Wide]) {
    let (a, b, c, d, factors) = quarters(twiddles, blocks);
    let rows = a.iter_mut().zip(b).zip(c).zip(d).zip(factors);
    for ((((a, b), c), d), [outer, outer_high, inner]) in rows {
        let t1 = simd.multiply::<Fr>(&simd.carried(*b), inner);
        let t3 = simd.multiply::<Fr>(&simd.carried(*d), inner);
        let (even0, even1) = (simd.add(a, &t1), simd.subtract::<Fr>(a, &t1, 2));
        let odd0 = simd.carried(simd.add(c, &t3));
        let odd1 = simd.carried(simd.subtract::<Fr>(c, &t3, 2));
        let odd0 = simd.multiply::<Fr>(&odd0, outer);
        let odd1 = simd.multiply::<Fr>(&odd1, outer_high);
        *a = simd.add(&even0, &odd0);
        *b = simd.add(&even1, &odd1);
        *c = simd.subtract::<Fr>(&even0, &odd0, 2);
        *d = simd.subtract::<Fr>(&even1, &odd1, 2);
    }
}
