//! The envelope of every file: magic, version, then `postcard`, canonically.
//!
//! ```text
//! 0..8    magic, one per format
//! 8..10   version, little-endian
//! 10..    postcard encoding of the value, to the last byte
//! ```
//!
//! Decoding bounds the length before it reads anything, refuses trailing
//! bytes, validates the value, encodes it again and requires the same bytes:
//! a value has exactly one encoding, so digests of bytes are digests of values.

use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;
use serde::de::{DeserializeOwned, Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

const HEADER: usize = 10;

/// A value with one canonical file encoding.
pub trait Format: Serialize + DeserializeOwned {
    /// First eight bytes of the file.
    const MAGIC: [u8; 8];
    /// Version of the encoding.
    const VERSION: u16;
    /// Longest file accepted, in bytes.
    const MAX_BYTES: usize;
    /// What [`Format::validate`] refuses.
    type Error: core::error::Error;

    /// Checks what the types do not express.
    fn validate(&self) -> Result<(), Self::Error>;

    /// The canonical bytes. Refuses a value that `decode` would refuse.
    fn encode(&self) -> Result<Vec<u8>, FormatError<Self::Error>> {
        self.validate().map_err(FormatError::Invalid)?;
        let bytes = encode_unchecked(self)?;
        if bytes.len() > Self::MAX_BYTES {
            return Err(FormatError::TooLarge {
                limit: Self::MAX_BYTES,
                got: bytes.len(),
            });
        }
        Ok(bytes)
    }

    /// Parses and validates a file.
    fn decode(bytes: &[u8]) -> Result<Self, FormatError<Self::Error>> {
        if bytes.len() > Self::MAX_BYTES {
            return Err(FormatError::TooLarge {
                limit: Self::MAX_BYTES,
                got: bytes.len(),
            });
        }
        let (magic, rest) = bytes
            .split_first_chunk::<8>()
            .ok_or(FormatError::Truncated {
                expected: HEADER,
                got: bytes.len(),
            })?;
        if *magic != Self::MAGIC {
            return Err(FormatError::Magic {
                expected: Self::MAGIC,
                got: *magic,
            });
        }
        let (version, payload) = rest
            .split_first_chunk::<2>()
            .ok_or(FormatError::Truncated {
                expected: HEADER,
                got: bytes.len(),
            })?;
        let version = u16::from_le_bytes(*version);
        if version != Self::VERSION {
            return Err(FormatError::Version {
                expected: Self::VERSION,
                got: version,
            });
        }
        let (value, rest) =
            postcard::take_from_bytes::<Self>(payload).map_err(FormatError::Malformed)?;
        if !rest.is_empty() {
            return Err(FormatError::TrailingBytes { got: rest.len() });
        }
        value.validate().map_err(FormatError::Invalid)?;
        if encode_unchecked(&value)? != bytes {
            return Err(FormatError::NotCanonical);
        }
        Ok(value)
    }
}

fn encode_unchecked<T: Format>(value: &T) -> Result<Vec<u8>, FormatError<T::Error>> {
    let mut out = Vec::new();
    out.extend_from_slice(&T::MAGIC);
    out.extend_from_slice(&T::VERSION.to_le_bytes());
    postcard::to_extend(value, out).map_err(FormatError::Malformed)
}

/// Why bytes are not a file of the expected format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError<E> {
    /// Longer than the format allows.
    #[error("file of {got} bytes, limit {limit}")]
    TooLarge {
        /// Limit in bytes.
        limit: usize,
        /// Length in bytes.
        got: usize,
    },
    /// Too short for the header.
    #[error("file of {got} bytes, at least {expected} needed")]
    Truncated {
        /// Least length in bytes.
        expected: usize,
        /// Length in bytes.
        got: usize,
    },
    /// Another kind of file.
    #[error("not this kind of file: magic {got:02x?}, expected {expected:02x?}")]
    Magic {
        /// Magic of the format.
        expected: [u8; 8],
        /// Magic found.
        got: [u8; 8],
    },
    /// Another version of the format.
    #[error(
        "format version {got}, expected {expected}: another version of nascent wrote it; make it again with this one"
    )]
    Version {
        /// Version of this crate.
        expected: u16,
        /// Version found.
        got: u16,
    },
    /// The payload does not parse.
    #[error("malformed payload: {0}")]
    Malformed(postcard::Error),
    /// Bytes after the value.
    #[error("{got} bytes after the end of the value")]
    TrailingBytes {
        /// How many.
        got: usize,
    },
    /// A second encoding of a value that has another, canonical one.
    #[error("not the canonical encoding")]
    NotCanonical,
    /// Parsed, but not a valid value.
    #[error(transparent)]
    Invalid(E),
}

/// `serde` adapter: a list of at most `LIMIT` values, refused by its declared
/// length before any value is read.
///
/// # Errors
/// A longer list, or a value that does not parse.
pub fn bounded<'de, D, T, const LIMIT: usize>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct List<T, const LIMIT: usize>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>, const LIMIT: usize> Visitor<'de> for List<T, LIMIT> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "at most {LIMIT} values")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
            let too_many = || A::Error::custom("list too long");
            if list.size_hint().is_some_and(|len| len > LIMIT) {
                return Err(too_many());
            }
            let mut out = Vec::new();
            while let Some(value) = list.next_element()? {
                if out.len() == LIMIT {
                    return Err(too_many());
                }
                out.push(value);
            }
            Ok(out)
        }
    }
    deserializer.deserialize_seq(List::<T, LIMIT>(PhantomData))
}

/// `serde` adapter: a byte string read and written in one piece.
pub(crate) mod bytes {
    use alloc::vec::Vec;
    use core::fmt;
    use serde::{Deserializer, Serializer, de::Visitor};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Vec<u8>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a byte string")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                Ok(bytes.to_vec())
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}
