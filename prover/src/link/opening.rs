//! The secret that opens published commitments.

use std::fmt;

use nascent_verifier::Digest32;
use nascent_verifier::codec::Format;
use nascent_verifier::digest::tagged;
use nascent_verifier::link::{CommittedTo, Part};
use rand_chacha::ChaCha20Rng;
use rand_core::{CryptoRng, RngCore, SeedableRng};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::secret::{Scalars, Tails};

/// Which columns are committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Columns {
    /// What they hold.
    pub subject: CommittedTo,
    /// The verifying key whose weight columns they are.
    pub vk_digest: Digest32,
}

impl Columns {
    /// Those of a published part.
    pub fn of(part: &Part) -> Self {
        Self {
            subject: *part.subject(),
            vk_digest: *part.vk_digest(),
        }
    }
}

/// Seed of the tails of published commitments.
///
/// The tail of a column is drawn from a hash of the seed and of the column's cells. So one seed may
/// serve any number of commitments: other weights get other tails, and two commitments do not tell
/// how their weights differ.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    seed: [u8; 32],
}

impl Drop for Opening {
    fn drop(&mut self) {
        self.seed.zeroize();
    }
}

impl ZeroizeOnDrop for Opening {}

/// Without the seed.
impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opening(..)")
    }
}

impl Opening {
    /// Draws a seed.
    pub fn draw(rng: &mut (impl RngCore + CryptoRng)) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *seed);
        Self { seed: *seed }
    }

    /// What a commitment says about the secret that opens it: a hash of the seed.
    pub fn id(&self) -> Digest32 {
        tagged("nascent opening v1", &[&self.seed])
    }

    /// Values of the last rows of a column: ChaCha20 keyed by a hash of seed, subject, key, column
    /// and the cells before; 64 bytes a value, little-endian, modulo the order.
    pub(super) fn tail(
        &self,
        columns: &Columns,
        column: usize,
        cells: &[i64],
        rows: usize,
    ) -> Scalars {
        let first = cells.len().saturating_sub(rows);
        let mut bytes = Zeroizing::new(Vec::with_capacity(8 * first));
        for cell in &cells[..first] {
            bytes.extend_from_slice(&cell.to_le_bytes());
        }
        let column = (column as u64).to_be_bytes();
        let subject = columns.subject.digest();
        let parts: [&[u8]; 5] = [&self.seed, &subject, &columns.vk_digest, &column, &bytes];
        let seed = Zeroizing::new(tagged("nascent commitment tail v1", &parts));
        Scalars::random(rows, &mut ChaCha20Rng::from_seed(*seed))
    }

    /// The tails of all columns of a part with these cells, for links.
    pub fn tails(&self, part: &Part, cells: &[Vec<i64>]) -> Tails {
        let (columns, rows) = (Columns::of(part), part.key().points().len());
        let tail = |(column, cells): (usize, &Vec<i64>)| self.tail(&columns, column, cells, rows);
        Tails::new(cells.iter().enumerate().map(tail).collect())
    }
}

impl Format for Opening {
    const MAGIC: [u8; 8] = *b"nsc.open";
    const VERSION: u16 = 1;
    const MAX_BYTES: usize = 64;
    type Error = std::convert::Infallible;

    fn validate(&self) -> Result<(), Self::Error> {
        Ok(())
    }
}
