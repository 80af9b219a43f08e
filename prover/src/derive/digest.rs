//! The weight digest, derived again.

use ff::PrimeField;
use nascent_circuits::digest;
use nascent_verifier::HashChainValue;
use rayon::prelude::*;

use super::deriver::Deriver;

impl Deriver<'_> {
    /// The weight digest of each stream: what the proofs of a plan that asks for it must show
    /// ([`nascent_verifier::weight_digest()`] makes one digest of them).
    ///
    /// Derives every block of every stream; the chain of a stream runs on one thread.
    pub fn weight_digests(&self) -> Vec<HashChainValue> {
        let streams: Vec<_> = self.model().streams.iter().enumerate().collect();
        streams
            .into_par_iter()
            .filter_map(|(stream, spec)| {
                let (table, blocks) = (self.table(stream)?, spec.blocks());
                let values = digest::chain(table, self.stream_key(), blocks, blocks.max(1));
                values.last().map(|value| value.to_repr())
            })
            .collect()
    }
}
