//! The verifier's transcript, for the proof library.
//!
//! Words, squeezing and prefix are the verifier crate's
//! ([`nascent_verifier::transcript`]); here they meet the library's curve types.
//! The library begins every transcript with a scalar hashed from the key's
//! debug text: [`Keccak`] drops that one value and absorbs the prefix instead.

use ff::{FromUniformBytes, PrimeField};
use group::GroupEncoding;
use halo2_proofs::transcript::{EncodedChallenge, Transcript, TranscriptRead, TranscriptWrite};
use halo2curves::bn256::{Fr, G1Affine};
use nascent_verifier::Digest32;
use nascent_verifier::transcript::WordTranscript;
use std::io::{self, Read, Write};

/// A challenge: a digest, read as a big-endian integer modulo the order.
#[derive(Debug, Clone, Copy)]
pub struct KeccakChallenge(Fr);

impl EncodedChallenge<G1Affine> for KeccakChallenge {
    type Input = Digest32;

    fn new(digest: &Digest32) -> Self {
        Self(digest_to_scalar(digest))
    }

    fn get_scalar(&self) -> Fr {
        self.0
    }
}

/// The big-endian integer of a digest, reduced modulo the order.
pub fn digest_to_scalar(digest: &Digest32) -> Fr {
    let mut wide = [0; 64];
    for (out, byte) in wide.iter_mut().zip(digest.iter().rev()) {
        *out = *byte;
    }
    Fr::from_uniform_bytes(&wide)
}

/// Keccak-256 transcript over a stream of proof bytes: written by the prover,
/// read by the library's verifier.
#[derive(Debug, Clone)]
pub struct Keccak<S> {
    words: WordTranscript,
    /// Taken by the first scalar.
    prefix: Option<Digest32>,
    stream: S,
}

impl<S> Keccak<S> {
    /// A transcript that begins with `prefix`
    /// ([`nascent_verifier::transcript_prefix`]).
    pub fn new(stream: S, prefix: &Digest32) -> Self {
        Self {
            words: WordTranscript::default(),
            prefix: Some(*prefix),
            stream,
        }
    }

    /// Ends the transcript and gives the stream back.
    pub fn into_inner(self) -> S {
        self.stream
    }
}

impl<S> Transcript<G1Affine, KeccakChallenge> for Keccak<S> {
    fn squeeze_challenge(&mut self) -> KeccakChallenge {
        KeccakChallenge::new(&self.words.squeeze())
    }

    fn common_point(&mut self, point: G1Affine) -> io::Result<()> {
        // The identity is (0, 0) in the library's affine form, as in ours.
        self.words.absorb(&big_endian(point.x.to_repr()));
        self.words.absorb(&big_endian(point.y.to_repr()));
        Ok(())
    }

    fn common_scalar(&mut self, scalar: Fr) -> io::Result<()> {
        let scalar = match self.prefix.take() {
            Some(prefix) => digest_to_scalar(&prefix),
            None => scalar,
        };
        self.words.absorb(&big_endian(scalar.to_repr()));
        Ok(())
    }
}

impl<W: Write> TranscriptWrite<G1Affine, KeccakChallenge> for Keccak<W> {
    fn write_point(&mut self, point: G1Affine) -> io::Result<()> {
        self.common_point(point)?;
        self.stream.write_all(point.to_bytes().as_ref())
    }

    fn write_scalar(&mut self, scalar: Fr) -> io::Result<()> {
        self.common_scalar(scalar)?;
        self.stream.write_all(scalar.to_repr().as_ref())
    }
}

impl<R: Read> TranscriptRead<G1Affine, KeccakChallenge> for Keccak<R> {
    fn read_point(&mut self) -> io::Result<G1Affine> {
        let mut bytes = <G1Affine as GroupEncoding>::Repr::default();
        self.stream.read_exact(bytes.as_mut())?;
        let point: G1Affine = Option::from(G1Affine::from_bytes(&bytes))
            .ok_or_else(|| invalid("not a point of the curve"))?;
        // The library reads an identity flag on other points as no flag.
        if point.to_bytes().as_ref() != bytes.as_ref() {
            return Err(invalid("point is not canonical"));
        }
        self.common_point(point)?;
        Ok(point)
    }

    fn read_scalar(&mut self) -> io::Result<Fr> {
        let mut bytes = <Fr as PrimeField>::Repr::default();
        self.stream.read_exact(bytes.as_mut())?;
        let scalar =
            Option::from(Fr::from_repr(bytes)).ok_or_else(|| invalid("scalar is not canonical"))?;
        self.common_scalar(scalar)?;
        Ok(scalar)
    }
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn big_endian(repr: impl AsRef<[u8]>) -> [u8; 32] {
    let mut out = [0; 32];
    for (out, byte) in out.iter_mut().zip(repr.as_ref().iter().rev()) {
        *out = *byte;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use nascent_verifier::encoding::{point_from_bytes, scalar_from_bytes, scalar_to_bytes};

    #[test]
    fn agrees_with_the_verifiers_transcript() {
        let prefix = [0xff; 32];
        let mut ours = nascent_verifier::transcript::Transcript::new(&prefix);
        let mut library = Keccak::new((), &prefix);
        library.common_scalar(Fr::from(99)).unwrap();
        let points = [
            G1Affine::generator(),
            -G1Affine::generator(),
            G1Affine::default(),
        ];
        for round in 0..4_u64 {
            for point in points {
                let bytes = point.to_bytes().as_ref().try_into().unwrap();
                ours.point(&point_from_bytes(&bytes).unwrap());
                library.common_point(point).unwrap();
            }
            let scalar = -Fr::from(round);
            ours.scalar(&scalar_from_bytes(&scalar.to_repr()).unwrap());
            library.common_scalar(scalar).unwrap();
            for _ in 0..2 {
                let challenge = scalar_to_bytes(&ours.challenge());
                let twin = *library.squeeze_challenge_scalar::<()>();
                assert_eq!(challenge.as_slice(), twin.to_repr().as_ref());
            }
        }
    }
}
