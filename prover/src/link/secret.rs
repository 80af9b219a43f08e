//! Blinding that can be drawn again, and values that are overwritten when they are dropped.

use std::fmt;
use std::hint::black_box;

use ff::Field;
use halo2curves::bn256::Fr;
use nascent_circuits::inference::linear::field;
use nascent_verifier::VerifyingKey;
use rand_chacha::ChaCha20Rng;
use rand_core::{CryptoRng, RngCore, SeedableRng};
use zeroize::Zeroizing;

/// Secret scalars; overwritten with zeros in the end.
pub(super) struct Scalars(Vec<Fr>);

impl Scalars {
    pub(super) fn zeros(count: usize) -> Self {
        Self(vec![Fr::ZERO; count])
    }

    pub(super) fn random(count: usize, rng: &mut impl RngCore) -> Self {
        let mut scalars = Self::zeros(count);
        for scalar in &mut scalars.0 {
            *scalar = Fr::random(&mut *rng);
        }
        scalars
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, Fr> {
        self.0.iter()
    }

    pub(super) fn iter_mut(&mut self) -> std::slice::IterMut<'_, Fr> {
        self.0.iter_mut()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn as_slice(&self) -> &[Fr] {
        &self.0
    }
}

impl Drop for Scalars {
    fn drop(&mut self) {
        self.0.fill(Fr::ZERO);
        // The field elements have no `Zeroize`; this keeps the writes.
        black_box(&self.0);
    }
}

/// What columns hold on the rows of a tail.
pub struct Tails(Vec<Scalars>);

/// Without the values.
impl fmt::Debug for Tails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tails of {} columns", self.0.len())
    }
}

impl Tails {
    pub(super) fn new(columns: Vec<Scalars>) -> Self {
        Self(columns)
    }

    /// The columns' values, in order of the rows.
    pub(super) fn columns(&self) -> impl ExactSizeIterator<Item = &[Fr]> {
        self.0.iter().map(Scalars::as_slice)
    }
}

/// The seed of a proof's blinding. It belongs to one proof and must not be kept longer.
///
/// The prover draws all blinding from one generator, and begins with the columns of the first phase,
/// in order. Running the generator again gives the same values.
pub struct Blinding(Zeroizing<[u8; 32]>);

/// Without the seed.
impl fmt::Debug for Blinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Blinding(..)")
    }
}

impl Blinding {
    /// Draws a seed.
    pub fn draw(rng: &mut (impl RngCore + CryptoRng + ?Sized)) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *seed);
        Self(seed)
    }

    /// The generator to prove with.
    pub fn generator(&self) -> ChaCha20Rng {
        ChaCha20Rng::from_seed(*self.0)
    }

    /// What the weight columns of list `list` of `vk` held on the last `tail` rows in a proof that
    /// was made with [`Self::generator`].
    ///
    /// `cells` are the columns' cells as they were assigned, one list of `2^k` rows for each. Gives
    /// nothing if the key has no such list, or the cells do not fit it.
    pub fn tails(
        &self,
        vk: &VerifyingKey,
        list: u16,
        cells: &[Vec<i64>],
        tail: usize,
    ) -> Option<Tails> {
        let data = vk.data();
        let weights = vk.weights(list)?;
        let random = data.blinding_factors as usize + 1;
        let assigned = tail.checked_sub(random)?;
        if cells.len() != weights.columns.len() {
            return None;
        }
        let mut generator = self.generator();
        let mut drawn: Vec<Option<Scalars>> = Vec::new();
        for (column, &phase) in data.advice_phases.iter().enumerate() {
            let blinding = (phase == 0).then(|| Scalars::random(random, &mut generator));
            // Those of other columns are not needed and overwritten here.
            let wanted = weights.columns.iter().any(|&of| of as usize == column);
            drawn.push(blinding.filter(|_| wanted));
        }
        let columns = weights.columns.iter().zip(cells).map(|(&column, cells)| {
            let blinding = drawn.get(column as usize)?.as_ref()?;
            let first = (1_usize << data.k).checked_sub(tail)?;
            let assigned = cells.get(first..first + assigned)?;
            let mut values = Scalars::zeros(tail);
            let assigned = assigned.iter().map(|&cell| field(cell));
            let all = assigned.chain(blinding.iter().copied());
            for (value, of_row) in values.iter_mut().zip(all) {
                *value = of_row;
            }
            Some(values)
        });
        Some(Tails::new(columns.collect::<Option<_>>()?))
    }
}
