//! A publisher's secret `sk`, and salts of hidden values: as text, for files that are their owner's alone.

use ff::{Field, PrimeField};
use halo2curves::bn256::Fr;
use nascent_circuits::seed::SeedMaterial;
use nascent_verifier::Digest32;
use rand_core::{CryptoRng, RngCore};
use zeroize::{DefaultIsZeroes, Zeroizing};

/// How the text of a secret begins.
pub const SECRET_HEADER: &str = "nascent secret v1 (keep private)";
/// How the text of a salt begins.
pub const SALT_HEADER: &str = "nascent salt v2 (keep private)";

/// `sk`: nonzero. Printing it shows nothing; dropping it wipes it.
pub struct Secret(Zeroizing<Scalar>);

#[derive(Clone, Copy, Default)]
struct Scalar(Fr);

impl DefaultIsZeroes for Scalar {}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Secret {
    /// Draws a secret.
    ///
    /// # Errors
    /// The generator has no randomness.
    pub fn draw(rng: &mut (impl RngCore + CryptoRng)) -> Result<Self, rand_core::Error> {
        loop {
            // `Fr::random` would panic if the system had no randomness.
            rng.try_fill_bytes(&mut [0; 8])?;
            if let Some(secret) = Self::new(Fr::random(&mut *rng)) {
                return Ok(secret);
            }
        }
    }

    fn new(scalar: Fr) -> Option<Self> {
        let nonzero = !bool::from(scalar.is_zero());
        nonzero.then(|| Self(Zeroizing::new(Scalar(scalar))))
    }

    /// The scalar.
    pub fn scalar(&self) -> Fr {
        self.0.0
    }

    /// `pk`, little-endian.
    pub fn public_key(&self) -> [u8; 32] {
        let (beacon, model) = (Fr::ZERO, Fr::ZERO);
        SeedMaterial {
            secret: self.scalar(),
            beacon,
            model,
        }
        .public_key()
        .to_repr()
    }

    /// Its text: a header and 64 hexadecimal digits, the scalar little-endian.
    pub fn text(&self) -> Zeroizing<String> {
        let repr = Zeroizing::new(self.scalar().to_repr());
        let digits = Zeroizing::new(hex::encode(*repr));
        Zeroizing::new(format!("{SECRET_HEADER}\n{}\n", *digits))
    }

    /// Reads a text; none if it is no secret's, canonical and not zero.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let digits = text
            .strip_prefix(SECRET_HEADER)?
            .strip_prefix('\n')?
            .strip_suffix('\n')?;
        let mut repr = Zeroizing::new([0; 32]);
        hex::decode_to_slice(digits, &mut *repr).ok()?;
        Self::new(Option::from(Fr::from_repr(*repr))?)
    }
}

/// The salt of a hidden input or output, and the digest that it opens.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Salt {
    /// Secret.
    pub salt: Fr,
    /// Public: it stands in the proof.
    pub digest: Digest32,
}

impl std::fmt::Debug for Salt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Salt(..)")
    }
}

impl Salt {
    /// A salt as a proof gives it out; none if it is not canonical.
    pub fn new(salt: [u8; 32], digest: Digest32) -> Option<Self> {
        let salt = Option::from(Fr::from_repr(salt))?;
        Some(Self { salt, digest })
    }

    /// Whether its digest is this one.
    pub fn opens(&self, digest: &Fr) -> bool {
        digest.to_repr() == self.digest
    }

    /// Its text: a header, the salt, the digest.
    pub fn text(&self) -> Zeroizing<String> {
        let digits = Zeroizing::new(hex::encode(self.salt.to_repr()));
        let digest = hex::encode(self.digest);
        Zeroizing::new(format!("{SALT_HEADER}\n{}\n{digest}\n", *digits))
    }

    /// Reads a text; none if it is no salt's.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut lines = std::str::from_utf8(bytes).ok()?.lines();
        (lines.next()? == SALT_HEADER).then_some(())?;
        let mut salt = Zeroizing::new([0; 32]);
        hex::decode_to_slice(lines.next()?, &mut *salt).ok()?;
        let mut digest = [0; 32];
        hex::decode_to_slice(lines.next()?, &mut digest).ok()?;
        lines.next().is_none().then_some(())?;
        Self::new(*salt, digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_secrets_are_refused() {
        let line = |digits: &str| format!("{SECRET_HEADER}\n{digits}\n").into_bytes();
        assert!(
            Secret::parse(&line(&"00".repeat(32))).is_none(),
            "zero is the public seed"
        );
        assert!(
            Secret::parse(&line(&"ff".repeat(32))).is_none(),
            "not canonical"
        );
        assert!(Secret::parse(&line("01")).is_none());
        assert!(Secret::parse(b"").is_none());
        let one = format!("01{}", "00".repeat(31));
        assert!(Secret::parse(&line(&one)).is_some());
        assert!(Secret::parse(&line(&format!("{one}00"))).is_none(), "long");
        assert!(Secret::parse(one.as_bytes()).is_none(), "no header");
    }
}
