//! Fourier transforms over the scalar field without a permutation pass.
//!
//! Coefficients are kept in bit-reversed order. From values to coefficients runs decimation in
//! frequency (natural order in, bit-reversed out), from coefficients to values decimation in time
//! (bit-reversed in, natural out), so that neither needs to reorder. Both recurse depth first,
//! two layers at a time, which keeps small blocks in cache; columns are the unit of parallel
//! work, not the inside of a transform.

#[cfg(target_arch = "x86_64")]
pub(crate) mod vector;

use ff::{Field, PrimeField};
use halo2curves::bn256::Fr;
use nascent_field::ifma::Ifma;
use rayon::prelude::*;

#[cfg(target_arch = "x86_64")]
use nascent_field::ifma::Words;

/// The subgroup of order `2^k`, with its twiddle factors.
pub(crate) struct Domain {
    /// Binary logarithm of the size.
    pub(crate) k: u32,
    /// Generator of the subgroup.
    pub(crate) omega: Fr,
    tables: Tables,
}

/// Twiddle factors, in the form that the processor computes best with.
enum Tables {
    Portable {
        /// Inverse of the size.
        size_inverse: Fr,
        /// For each level `l`, the first half of the powers of the root of order `2^l`.
        forward: Vec<Vec<Fr>>,
        /// The same for the inverse roots.
        inverse: Vec<Vec<Fr>>,
    },
    #[cfg(target_arch = "x86_64")]
    Vector(Box<vector::Tables>),
}

/// The powers of a shift, in the order of the coefficients that they shift onto a coset.
pub(crate) enum Weights {
    Portable(Vec<Fr>),
    #[cfg(target_arch = "x86_64")]
    Vector(vector::Weights),
}

/// Values of a column on a coset, in natural order.
pub(crate) enum Column {
    Portable(Vec<Fr>),
    #[cfg(target_arch = "x86_64")]
    Vector(Vec<Words>),
}

impl Default for Column {
    fn default() -> Self {
        Self::Portable(Vec::new())
    }
}

impl Column {
    /// Whether there are no values.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Portable(values) => values.is_empty(),
            #[cfg(target_arch = "x86_64")]
            Self::Vector(blocks) => blocks.is_empty(),
        }
    }

    /// The values of a portable column.
    pub(crate) fn portable(&self) -> &[Fr] {
        match self {
            Self::Portable(values) => values,
            #[cfg(target_arch = "x86_64")]
            Self::Vector(_) => unreachable!("portable tables give portable columns"),
        }
    }

    /// The blocks of a column for the vector unit.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn blocks(&self) -> &[Words] {
        match self {
            Self::Vector(blocks) => blocks,
            Self::Portable(_) => unreachable!("tables of the vector unit give its columns"),
        }
    }
}

/// Primitive root of order `2^k`, the proof library's: powers of 7.
pub(crate) fn root(k: u32) -> Fr {
    (k..Fr::S).fold(Fr::ROOT_OF_UNITY, |root, _| root.square())
}

impl Domain {
    /// Domain of size `2^k`; `k` is at most the field's two-adicity.
    pub(crate) fn new(k: u32, simd: Option<Ifma>) -> Self {
        let inverse_root = |k: u32| (k..Fr::S).fold(Fr::ROOT_OF_UNITY_INV, |root, _| root.square());
        let size_inverse = Fr::TWO_INV.pow([u64::from(k)]);
        let levels = |root: &dyn Fn(u32) -> Fr| {
            (0..=k)
                .map(|level| powers(root(level), Fr::ONE, (1usize << level) / 2))
                .collect()
        };
        let tables = match simd {
            #[cfg(target_arch = "x86_64")]
            Some(simd) if k >= vector::MIN_K => Tables::Vector(Box::new(vector::Tables::new(
                simd,
                k,
                &root,
                &inverse_root,
                size_inverse,
            ))),
            _ => Tables::Portable {
                size_inverse,
                forward: levels(&root),
                inverse: levels(&inverse_root),
            },
        };
        Self {
            k,
            omega: root(k),
            tables,
        }
    }

    /// Number of elements.
    pub(crate) fn size(&self) -> usize {
        1 << self.k
    }

    /// The vector unit, if the tables are made for it.
    pub(crate) fn simd(&self) -> Option<Ifma> {
        match &self.tables {
            Tables::Portable { .. } => None,
            #[cfg(target_arch = "x86_64")]
            Tables::Vector(tables) => Some(tables.simd),
        }
    }

    /// From values in natural order to coefficients in bit-reversed order.
    pub(crate) fn to_coefficients(&self, values: &mut [Fr]) {
        match &self.tables {
            Tables::Portable {
                size_inverse,
                inverse,
                ..
            } => {
                frequency(values, inverse);
                values.iter_mut().for_each(|x| *x *= size_inverse);
            }
            #[cfg(target_arch = "x86_64")]
            Tables::Vector(tables) => tables.to_coefficients(values),
        }
    }

    /// Powers of `base`, to shift coefficients onto a coset.
    pub(crate) fn weights(&self, base: Fr) -> Weights {
        match &self.tables {
            Tables::Portable { .. } => {
                let mut powers = powers(base, Fr::ONE, self.size());
                reverse(&mut powers);
                Weights::Portable(powers)
            }
            #[cfg(target_arch = "x86_64")]
            Tables::Vector(tables) => Weights::Vector(tables.weights(base, self.size())),
        }
    }

    /// From coefficients in bit-reversed order to the values on a coset; the weights are of this
    /// domain. `spare` is a column that is not needed any more, for its memory.
    pub(crate) fn coset(&self, coefficients: &[Fr], weights: &Weights, spare: Column) -> Column {
        match (&self.tables, weights) {
            #[cfg(target_arch = "x86_64")]
            (Tables::Vector(tables), Weights::Vector(weights)) => {
                let mut words = match spare {
                    Column::Vector(words) => words,
                    Column::Portable(_) => Vec::new(),
                };
                tables.coset(coefficients, weights, &mut words);
                Column::Vector(words)
            }
            (Tables::Portable { forward, .. }, Weights::Portable(weights)) => {
                let pairs = coefficients.iter().zip(weights);
                let mut values: Vec<Fr> = pairs.map(|(c, w)| c * w).collect();
                time(&mut values, forward);
                Column::Portable(values)
            }
            #[cfg(target_arch = "x86_64")]
            _ => unreachable!("tables and weights of one domain are of one kind"),
        }
    }

    /// The primitive root of order `2^(k + extra)`.
    pub(crate) fn extended_root(&self, extra: u32) -> Fr {
        root(self.k + extra)
    }

    /// `omega^rotation`.
    pub(crate) fn rotate(&self, rotation: i32) -> Fr {
        let power = i64::from(rotation).rem_euclid(self.size() as i64);
        self.omega.pow([power.unsigned_abs()])
    }
}

/// `start * base^i` for `i` below `count`, in parallel.
pub(crate) fn powers(base: Fr, start: Fr, count: usize) -> Vec<Fr> {
    const CHUNK: usize = 1 << 12;
    let mut powers = vec![Fr::ZERO; count];
    powers
        .par_chunks_mut(CHUNK)
        .enumerate()
        .for_each(|(index, chunk)| {
            let mut power = start * base.pow([(index * CHUNK) as u64]);
            for slot in chunk {
                *slot = power;
                power *= base;
            }
        });
    powers
}

/// Bit-reversal permutation.
pub(crate) fn reverse(values: &mut [Fr]) {
    let bits = values.len().trailing_zeros();
    if bits == 0 {
        return;
    }
    for i in 0..values.len() {
        let j = i.reverse_bits() >> (usize::BITS - bits);
        if i < j {
            values.swap(i, j);
        }
    }
}

/// Splits a slice in four equal parts.
fn quarters(values: &mut [Fr]) -> [&mut [Fr]; 4] {
    let (low, high) = values.split_at_mut(values.len() / 2);
    let (a, b) = low.split_at_mut(low.len() / 2);
    let (c, d) = high.split_at_mut(high.len() / 2);
    [a, b, c, d]
}

/// Decimation in frequency: natural order in, bit-reversed out.
fn frequency(values: &mut [Fr], twiddles: &[Vec<Fr>]) {
    let level = values.len().trailing_zeros() as usize;
    match level {
        0 => {}
        1 => {
            let (a, b) = (values[0], values[1]);
            values[0] = a + b;
            values[1] = a - b;
        }
        _ => {
            let quarter = values.len() / 4;
            let [a, b, c, d] = quarters(values);
            let (outer, outer_high) = twiddles[level].split_at(quarter);
            let inner = &twiddles[level - 1];
            for i in 0..quarter {
                let (x0, x1, x2, x3) = (a[i], b[i], c[i], d[i]);
                let (even0, even1) = (x0 + x2, x1 + x3);
                let odd0 = (x0 - x2) * outer[i];
                let odd1 = (x1 - x3) * outer_high[i];
                a[i] = even0 + even1;
                b[i] = (even0 - even1) * inner[i];
                c[i] = odd0 + odd1;
                d[i] = (odd0 - odd1) * inner[i];
            }
            for part in [a, b, c, d] {
                frequency(part, twiddles);
            }
        }
    }
}

/// Decimation in time: bit-reversed in, natural order out.
fn time(values: &mut [Fr], twiddles: &[Vec<Fr>]) {
    let level = values.len().trailing_zeros() as usize;
    match level {
        0 => {}
        1 => {
            let (a, b) = (values[0], values[1]);
            values[0] = a + b;
            values[1] = a - b;
        }
        _ => {
            let quarter = values.len() / 4;
            let [a, b, c, d] = quarters(values);
            for part in [&mut *a, &mut *b, &mut *c, &mut *d] {
                time(part, twiddles);
            }
            let (outer, outer_high) = twiddles[level].split_at(quarter);
            let inner = &twiddles[level - 1];
            for i in 0..quarter {
                let (t1, t3) = (b[i] * inner[i], d[i] * inner[i]);
                let (even0, even1) = (a[i] + t1, a[i] - t1);
                let odd0 = (c[i] + t3) * outer[i];
                let odd1 = (c[i] - t3) * outer_high[i];
                a[i] = even0 + odd0;
                b[i] = even1 + odd1;
                c[i] = even0 - odd0;
                d[i] = even1 - odd1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(domain: &Domain, coefficients: &[Fr], shift: Fr) -> Vec<Fr> {
        match domain.coset(coefficients, &domain.weights(shift), Column::default()) {
            Column::Portable(values) => values,
            #[cfg(target_arch = "x86_64")]
            Column::Vector(blocks) => {
                let simd = Ifma::try_new().expect("blocks are of a vector unit");
                let export = |x: &Words| simd.export::<Fr>(&simd.split(*x));
                blocks.iter().flat_map(export).collect()
            }
        }
    }

    #[test]
    fn transforms_are_evaluation_and_its_inverse() {
        for (k, simd) in (0..12).flat_map(|k| [(k, None), (k, Ifma::try_new())]) {
            let domain = Domain::new(k, simd);
            let coefficients: Vec<Fr> = (0..domain.size())
                .map(|i| Fr::from(i as u64 * 7 + 1).cube() - Fr::from(i as u64))
                .collect();
            let mut work = coefficients.clone();
            reverse(&mut work);
            for shift in [Fr::ONE, Fr::MULTIPLICATIVE_GENERATOR] {
                let on_coset = values(&domain, &work, shift);
                for i in (0..domain.size()).step_by(1 + domain.size() / 64) {
                    let x = shift * domain.omega.pow([i as u64]);
                    let expected = coefficients
                        .iter()
                        .rev()
                        .fold(Fr::ZERO, |acc, c| acc * x + c);
                    assert_eq!(on_coset[i], expected, "k = {k}, {simd:?}");
                }
            }
            let mut back = values(&domain, &work, Fr::ONE);
            domain.to_coefficients(&mut back);
            assert_eq!(back, work, "k = {k}, {simd:?}");
        }
    }
}
