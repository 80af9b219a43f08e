//! Commitments to weights and the links between them: the side that knows the weights.
//!
//! A published commitment ([`Committer`]) and every proof of the same weights differ in the blinding of
//! their columns alone; [`prove`] shows it ([`nascent_verifier::link`]). For that the blinding of a
//! proof must be known: [`Blinding`] is a generator that can be run twice.

mod commit;
mod convert;
mod opening;
mod secret;
mod tail;

pub use commit::{Committer, OpenError};
pub use opening::{Columns, Opening};
pub use secret::{Blinding, Tails};

use ff::{Field, PrimeField};
use group::{Curve, Group, GroupEncoding};
use halo2curves::bn256::{Fr, G1, G1Affine};
use nascent_verifier::VerifyingKey;
use nascent_verifier::digest::tagged;
use nascent_verifier::encoding::{
    EncodingError, point_from_bytes, point_to_bytes, scalar_to_bytes,
};
use nascent_verifier::link::{
    Exchange, Link, LinkError, LinkKey, Part, ProvedWeights, Side, verify_link,
};
use rand_chacha::ChaCha20Rng;
use rand_core::{CryptoRng, RngCore, SeedableRng};
use zeroize::Zeroizing;

use convert::{curve_point, field_element};
use secret::Scalars;

/// Why there is no link.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProveLinkError {
    /// The two lists of commitments cannot be linked.
    #[error(transparent)]
    Statement(LinkError),
    /// Tails of another number of columns or rows than the commitments and the key have.
    #[error("tails of {got} scalars, the commitments call for {expected}")]
    Tails {
        /// Columns times rows of the tail.
        expected: usize,
        /// Scalars given.
        got: usize,
    },
    /// The proof has no such list of columns.
    #[error("the proof has no list {list} of columns")]
    NoList {
        /// Position of the list.
        list: usize,
    },
    /// Both sides of a column are one point: the proof was blinded with the commitment's tail, and
    /// a few more such proofs would tell the weights.
    #[error("column {column} has the same blinding on both sides; prove again with fresh blinding")]
    ReusedBlinding {
        /// Position in the lists.
        column: usize,
    },
    /// A point of the key does not decode. Never for a checked key.
    #[error("tail point: {0}")]
    Point(#[from] EncodingError),
    /// The link does not hold: the weights differ, or a tail is not the one that was used.
    #[error("the commitments are not to the same weights, or their blinding is not what it was")]
    Refused(#[source] LinkError),
}

/// Makes a link between two lists of commitments, and checks it as its reader will.
///
/// `tails` are the values that the columns of each side have on the key's rows. Nonces are a hash of
/// randomness from `rng` and of all that is secret and public here, so that neither a weak generator
/// nor a repeated one gives them away.
///
/// # Errors
///
/// If the lists do not fit, share a point, or differ outside the tail.
pub fn prove(
    key: &LinkKey,
    sides: [&Side<'_>; 2],
    tails: [&Tails; 2],
    mut rng: impl RngCore + CryptoRng,
) -> Result<Vec<u8>, ProveLinkError> {
    let [first, second] = sides;
    let exchange = Exchange::new(key, first, second).map_err(ProveLinkError::Statement)?;
    let mut pairs = first.points.iter().zip(second.points);
    if let Some(column) = pairs.position(|(a, b)| a == b) {
        return Err(ProveLinkError::ReusedBlinding { column });
    }
    let lambda = field_element(&scalar_to_bytes(&exchange.lambda()));
    let delta = combine(key, first.points.len(), tails, lambda)?;
    let nonces = nonces(&delta, &exchange, &mut rng);
    let nonce = combination(key, &nonces)?;
    let nonce_bytes = point_bytes(&nonce);
    let challenge = exchange.challenge(&point_from_bytes(&nonce_bytes)?);
    let challenge = field_element(&scalar_to_bytes(&challenge));
    let mut link = nonce_bytes.to_vec();
    for (nonce, delta) in nonces.iter().zip(delta.iter()) {
        link.extend_from_slice(&(*nonce + challenge * delta).to_repr());
    }
    verify_link(key, first, second, &link).map_err(ProveLinkError::Refused)?;
    Ok(link)
}

/// A proof whose weights are to be linked.
pub struct Proved<'a> {
    /// The key that it was made with.
    pub vk: &'a VerifyingKey,
    /// Which of the key's lists of weight columns.
    pub list: u16,
    /// The commitments, from its verification.
    pub weights: &'a ProvedWeights,
    /// The columns' cells as they were assigned, `2^k` rows each.
    pub cells: &'a [Vec<i64>],
    /// What it was blinded with.
    pub blinding: &'a Blinding,
}

impl Proved<'_> {
    /// Links the proof to a part of a published commitment.
    ///
    /// # Errors
    ///
    /// If they do not fit, or are not to the same weights.
    pub fn link_to(
        &self,
        part: &Part,
        opening: &Opening,
        rng: impl RngCore + CryptoRng,
    ) -> Result<Link, ProveLinkError> {
        let rows = part.key().points().len();
        let columns = part.points().len();
        let tails = self.blinding.tails(self.vk, self.list, self.cells, rows);
        let tails = tails.ok_or(ProveLinkError::Tails {
            expected: columns * rows,
            got: 0,
        })?;
        let sides = [&self.weights.side(), &part.side()];
        let bytes = prove(
            part.key(),
            sides,
            [&tails, &opening.tails(part, self.cells)],
            rng,
        )?;
        let check = self.weights.verify_link_across(part, &bytes);
        check.map_err(ProveLinkError::Refused)?;
        Ok(Link {
            proof: *self.weights.context(),
            other: *part.digest(),
            bytes,
        })
    }
}

/// `delta_j = sum_c lambda^c (a_cj - b_cj)`.
fn combine(
    key: &LinkKey,
    columns: usize,
    tails: [&Tails; 2],
    lambda: Fr,
) -> Result<Scalars, ProveLinkError> {
    let rows = key.points().len();
    for tails in tails {
        let got: usize = tails.columns().map(<[Fr]>::len).sum();
        let fits = tails.columns().all(|column| column.len() == rows);
        if tails.columns().len() != columns || !fits {
            let expected = columns * rows;
            return Err(ProveLinkError::Tails { expected, got });
        }
    }
    let mut delta = Scalars::zeros(rows);
    let mut power = Fr::ONE;
    let [first, second] = tails;
    for (a, b) in first.columns().zip(second.columns()) {
        for ((delta, a), b) in delta.iter_mut().zip(a).zip(b) {
            *delta += power * (a - b);
        }
        power *= lambda;
    }
    Ok(delta)
}

fn nonces(delta: &Scalars, exchange: &Exchange, rng: &mut impl RngCore) -> Scalars {
    let mut fresh = Zeroizing::new([0; 32]);
    rng.fill_bytes(&mut *fresh);
    let mut secret = Zeroizing::new(Vec::with_capacity(32 * delta.len()));
    for scalar in delta.iter() {
        secret.extend_from_slice(&scalar.to_repr());
    }
    let public = scalar_to_bytes(&exchange.lambda());
    let seed = Zeroizing::new(tagged(
        "nascent link nonces v1",
        &[&*fresh, &secret, &public],
    ));
    let mut generator = ChaCha20Rng::from_seed(*seed);
    Scalars::random(delta.len(), &mut generator)
}

/// `sum_j scalars_j T_j`.
fn combination(key: &LinkKey, scalars: &Scalars) -> Result<G1Affine, ProveLinkError> {
    let mut sum = G1::identity();
    for (point, scalar) in key.points().iter().zip(scalars.iter()) {
        sum += curve_point(&point_to_bytes(point))? * scalar;
    }
    Ok(sum.to_affine())
}

fn point_bytes(point: &G1Affine) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(point.to_bytes().as_ref());
    bytes
}
