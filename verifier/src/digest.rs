//! Keccak-256 with domain separation, and its reading as a field element.

use ark_bn254::Fr;
use ark_ff::PrimeField;
use sha3::{Digest, Keccak256};

/// A Keccak-256 digest.
pub type Digest32 = [u8; 32];

/// A digest in hexadecimal.
pub struct Hex<'a>(pub &'a Digest32);

impl core::fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Plain Keccak-256 of the concatenation of `parts`.
pub fn keccak256(parts: &[&[u8]]) -> Digest32 {
    let mut hasher = Keccak256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// `keccak256(keccak256(domain) || parts...)`.
///
/// The hash of the domain has a fixed length, so no domain is a prefix of
/// another one followed by data.
pub fn tagged(domain: &str, parts: &[&[u8]]) -> Digest32 {
    let mut hash = Tagged::new(domain);
    for part in parts {
        hash.update(part);
    }
    hash.finish()
}

/// [`tagged`], part by part.
pub(crate) struct Tagged(Keccak256);

impl Tagged {
    pub(crate) fn new(domain: &str) -> Self {
        Self(Keccak256::new().chain_update(keccak256(&[domain.as_bytes()])))
    }

    pub(crate) fn update(&mut self, part: &[u8]) {
        self.0.update(part);
    }

    pub(crate) fn finish(self) -> Digest32 {
        self.0.finalize().into()
    }
}

/// The big-endian integer of `digest`, reduced modulo the scalar field's order.
pub fn to_scalar(digest: &Digest32) -> Fr {
    Fr::from_be_bytes_mod_order(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keccak_is_the_original_padding_not_sha3() {
        // Keccak-256 of the empty string, as every EVM client has it.
        let expected = [
            0xc5, 0xd2, 0x46, 0x01, 0x86, 0xf7, 0x23, 0x3c, 0x92, 0x7e, 0x7d, 0xb2, 0xdc, 0xc7,
            0x03, 0xc0, 0xe5, 0x00, 0xb6, 0x53, 0xca, 0x82, 0x27, 0x3b, 0x7b, 0xfa, 0xd8, 0x04,
            0x5d, 0x85, 0xa4, 0x70,
        ];
        assert_eq!(keccak256(&[]), expected);
    }

    #[test]
    fn domains_separate() {
        assert_ne!(tagged("a", &[b"bc"]), tagged("ab", &[b"c"]));
        assert_eq!(tagged("a", &[b"b", b"c"]), tagged("a", &[b"bc"]));
    }
}
