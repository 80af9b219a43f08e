//! Sources as people write them: `kind:key=value,key=value`.

use crate::Network;
use crate::bitcoin;
use nascent_verifier::{BeaconError, BeaconSource, Digest32};

/// Parses a source.
///
/// ```text
/// drand:network=quicknet,round=N      (or time=SECONDS: the first round from then on)
/// ethereum:number=N[,chain=ID]
/// bitcoin:anchor=HEIGHT/HASH,height=N,confirmations=N,bits=HEX
/// vrf:key=HEX,alpha=HEX
/// words:TEXT
/// ```
///
/// Hashes of Bitcoin are given as they are displayed, zeros first.
///
/// # Errors
///
/// If the text is not one of these, or a number is out of range.
pub fn parse_source(text: &str) -> Result<BeaconSource, SourceError> {
    let (kind, rest) = text.split_once(':').ok_or(SourceError::Kind)?;
    let source = match kind {
        "words" => BeaconSource::Words(rest.to_owned()),
        "drand" => drand(&mut Fields::parse(rest)?)?,
        "ethereum" => ethereum(&mut Fields::parse(rest)?)?,
        "bitcoin" => bitcoin(&mut Fields::parse(rest)?)?,
        "vrf" => vrf(&mut Fields::parse(rest)?)?,
        _ => return Err(SourceError::Kind),
    };
    source.validate()?;
    Ok(source)
}

fn drand(fields: &mut Fields<'_>) -> Result<BeaconSource, SourceError> {
    let name = fields.take("network")?;
    let network = Network::named(name).ok_or(SourceError::Value {
        key: "network",
        expected: "default or quicknet",
    })?;
    let round = match fields.optional("time") {
        Some(time) => network.round_at(integer("time", time)?),
        None => integer("round", fields.take("round")?)?,
    };
    fields.end()?;
    Ok(BeaconSource::Drand {
        chain: network.chain_hash(),
        round,
    })
}

fn ethereum(fields: &mut Fields<'_>) -> Result<BeaconSource, SourceError> {
    let number = integer("number", fields.take("number")?)?;
    let chain = fields.optional("chain");
    let chain = chain.map_or(Ok(1), |chain| integer("chain", chain))?;
    fields.end()?;
    Ok(BeaconSource::Ethereum { chain, number })
}

fn bitcoin(fields: &mut Fields<'_>) -> Result<BeaconSource, SourceError> {
    let pair = SourceError::Value {
        key: "anchor",
        expected: "height/hash of a block",
    };
    let (anchor_height, hash) = fields.take("anchor")?.split_once('/').ok_or(pair)?;
    let anchor_height = integer("anchor", anchor_height)?;
    let mut anchor: Digest32 = bytes("anchor", hash)?;
    anchor.reverse();
    let height = integer("height", fields.take("height")?)?;
    let confirmations = integer("confirmations", fields.take("confirmations")?)?;
    let wrong = |key, expected| SourceError::Value { key, expected };
    let confirmations = u16::try_from(confirmations)
        .map_err(|_| wrong("confirmations", "a number below 65,536"))?;
    let target = wrong("bits", "a target in compact form, 8 hexadecimal digits");
    let bits = u32::from_be_bytes(bytes("bits", fields.take("bits")?)?);
    bitcoin::target(bits).ok_or(target)?;
    fields.end()?;
    Ok(BeaconSource::Bitcoin {
        anchor_height,
        anchor,
        height,
        confirmations,
        bits,
    })
}

fn vrf(fields: &mut Fields<'_>) -> Result<BeaconSource, SourceError> {
    let key = bytes("key", fields.take("key")?)?;
    let alpha = hex::decode(fields.take("alpha")?).map_err(|_| SourceError::Value {
        key: "alpha",
        expected: "hexadecimal digits",
    })?;
    fields.end()?;
    Ok(BeaconSource::Vrf { key, alpha })
}

fn integer(key: &'static str, text: &str) -> Result<u64, SourceError> {
    let expected = "a number";
    text.parse()
        .map_err(|_| SourceError::Value { key, expected })
}

fn bytes<const N: usize>(key: &'static str, text: &str) -> Result<[u8; N], SourceError> {
    let mut bytes = [0; N];
    let digits = text.strip_prefix("0x").unwrap_or(text);
    hex::decode_to_slice(digits, &mut bytes).map_err(|_| SourceError::Bytes {
        key,
        expected: 2 * N,
    })?;
    Ok(bytes)
}

/// `key=value` pairs, each to be taken once.
struct Fields<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Fields<'a> {
    fn parse(text: &'a str) -> Result<Self, SourceError> {
        let pair = |field: &'a str| {
            field.split_once('=').ok_or_else(|| SourceError::Field {
                field: field.to_owned(),
            })
        };
        Ok(Self(text.split(',').map(pair).collect::<Result<_, _>>()?))
    }

    fn optional(&mut self, key: &str) -> Option<&'a str> {
        let place = self.0.iter().position(|(name, _)| *name == key)?;
        Some(self.0.swap_remove(place).1)
    }

    fn take(&mut self, key: &'static str) -> Result<&'a str, SourceError> {
        self.optional(key).ok_or(SourceError::Missing { key })
    }

    /// Everything was taken.
    fn end(&self) -> Result<(), SourceError> {
        match self.0.first() {
            None => Ok(()),
            Some((key, _)) => Err(SourceError::Field {
                field: (*key).to_owned(),
            }),
        }
    }
}

/// Why a text is not a source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// Another kind, or none.
    #[error("expected drand:.., ethereum:.., bitcoin:.., vrf:.. or words:TEXT")]
    Kind,
    /// Not a field of this kind, or given twice, or not `key=value`.
    #[error("{field:?} does not belong here")]
    Field {
        /// What was found.
        field: String,
    },
    /// A field that is not there.
    #[error("{key}=.. is missing")]
    Missing {
        /// The field.
        key: &'static str,
    },
    /// Not the right number of hexadecimal digits.
    #[error("{key}: expected {expected} hexadecimal digits")]
    Bytes {
        /// The field.
        key: &'static str,
        /// Digits.
        expected: usize,
    },
    /// A value that is no value of the field.
    #[error("{key}: expected {expected}")]
    Value {
        /// The field.
        key: &'static str,
        /// What it takes.
        expected: &'static str,
    },
    /// Out of range.
    #[error(transparent)]
    Range(#[from] BeaconError),
}

#[cfg(test)]
mod tests {
    use super::*;

    const GENESIS: &str = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f";

    #[test]
    fn what_is_written_is_read() {
        let quicknet = Network::Quicknet.chain_hash();
        let round = |text| parse_source(text).unwrap();
        let expected = BeaconSource::Drand {
            chain: quicknet,
            round: 7,
        };
        assert_eq!(round("drand:network=quicknet,round=7"), expected);
        assert_eq!(round("drand:time=1692803384,network=quicknet"), expected);
        let block = BeaconSource::Ethereum {
            chain: 1,
            number: 9,
        };
        assert_eq!(parse_source("ethereum:number=9"), Ok(block));
        let text = format!("bitcoin:anchor=0/{GENESIS},height=2,confirmations=6,bits=1d00ffff");
        let BeaconSource::Bitcoin { anchor, bits, .. } = parse_source(&text).unwrap() else {
            panic!("another kind");
        };
        assert_eq!((anchor[0], anchor[31], bits), (0x6f, 0, 0x1d00_ffff));
        let words = BeaconSource::Words("a: b=c".into());
        assert_eq!(parse_source("words:a: b=c"), Ok(words));
    }

    #[test]
    fn what_is_not_a_source() {
        let bitcoin = |rest: &str| format!("bitcoin:anchor=0/{GENESIS},{rest}");
        for text in [
            "",
            "drand",
            "dice:n=6",
            "words:",
            "drand:network=quicknet",
            "drand:network=mainnet,round=1",
            "drand:network=quicknet,round=0",
            "drand:network=quicknet,round=-1",
            "drand:network=quicknet,round=1,round=2",
            "drand:network=quicknet,round=1,time=1692803384",
            "drand:network=quicknet,round=1,",
            "ethereum:number=0x10",
            "vrf:key=00,alpha=",
            &bitcoin("height=0,confirmations=6,bits=1d00ffff"),
            &bitcoin("height=1,confirmations=0,bits=1d00ffff"),
            &bitcoin("height=4033,confirmations=1,bits=1d00ffff"),
            &bitcoin("height=1,confirmations=65536,bits=1d00ffff"),
            &bitcoin("height=1,confirmations=1,bits=00000000"),
            &bitcoin("height=1,confirmations=1"),
            "bitcoin:anchor=0,height=1,confirmations=1,bits=1d00ffff",
        ] {
            assert!(parse_source(text).is_err(), "{text}");
        }
    }
}
