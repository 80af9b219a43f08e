//! Links in a file, beside the proofs that they are about.

use super::weights::ProvedWeights;
use crate::codec::Format;
use crate::digest::Digest32;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// Most links of a file.
const MAX_LINKS: usize = 1 << 16;
/// Longest link: of the longest tail.
const MAX_LINK_BYTES: usize = 65 * 32;

/// One link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Context of the proof's side ([`ProvedWeights::context`]).
    pub proof: Digest32,
    /// Digest of the other side: a commitment's part ([`super::Part::digest`]), or the context of
    /// another proof.
    pub other: Digest32,
    /// `R`, then the responses.
    #[serde(with = "crate::codec::bytes")]
    pub bytes: Vec<u8>,
}

/// A file of links.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Links {
    /// The links, in any order; no two between the same sides.
    #[serde(deserialize_with = "crate::codec::bounded::<_, _, MAX_LINKS>")]
    pub links: Vec<Link>,
}

impl Links {
    /// The bytes of the link between a proof and another side.
    pub fn find(&self, proof: &ProvedWeights, other: &Digest32) -> Option<&[u8]> {
        let links = self.links.iter();
        let mut of = links.filter(|link| link.proof == *proof.context() && link.other == *other);
        of.next().map(|link| link.bytes.as_slice())
    }
}

impl Format for Links {
    const MAGIC: [u8; 8] = *b"nsc.link";
    const VERSION: u16 = 1;
    const MAX_BYTES: usize = 64 << 20;
    type Error = LinksError;

    fn validate(&self) -> Result<(), LinksError> {
        let mut sides = BTreeSet::new();
        for (link, of) in self.links.iter().enumerate() {
            if !sides.insert((of.proof, of.other)) {
                return Err(LinksError::Repeated { link });
            }
            if of.bytes.len() > MAX_LINK_BYTES {
                return Err(LinksError::TooLarge {
                    link,
                    limit: MAX_LINK_BYTES,
                    got: of.bytes.len(),
                });
            }
        }
        Ok(())
    }
}

/// Why a file of links is not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinksError {
    /// A second link between a proof and another side: only one of them would be looked at.
    #[error("link {link} is between the same proof and commitment as an earlier one")]
    Repeated {
        /// Position.
        link: usize,
    },
    /// A link longer than any tail allows.
    #[error("link {link} has {got} bytes, limit {limit}")]
    TooLarge {
        /// Position.
        link: usize,
        /// Most bytes.
        limit: usize,
        /// Bytes found.
        got: usize,
    },
}
