//! Evidence from what public interfaces answer: drand's HTTP API and the JSON-RPC of Ethereum and
//! Bitcoin nodes. Nothing is believed here; the evidence is checked like any other.

use crate::ethereum::{FIELDS, Field};
use alloy_rlp::{Encodable, Header};
use nascent_verifier::BeaconSource;
use serde_json::Value;

/// Turns an answer into evidence: drand's round, a block of `eth_getBlockByNumber`, a list of
/// headers in hexadecimal. The whole answer of a JSON-RPC call or its `result`.
///
/// # Errors
///
/// If the answer is not JSON, or not of this form.
pub fn evidence_from_json(source: &BeaconSource, answer: &[u8]) -> Result<Vec<u8>, JsonError> {
    let answer: Value =
        serde_json::from_slice(answer).map_err(|error| JsonError::Json(error.to_string()))?;
    let answer = answer.get("result").unwrap_or(&answer);
    match source {
        BeaconSource::Drand { .. } => drand(answer),
        BeaconSource::Ethereum { .. } => ethereum(answer),
        BeaconSource::Bitcoin { .. } => bitcoin(answer),
        BeaconSource::Vrf { .. } | BeaconSource::Words(_) => Err(JsonError::Source),
    }
}

/// `{"round": .., "signature": .., "previous_signature": ..}`.
pub(crate) fn drand(answer: &Value) -> Result<Vec<u8>, JsonError> {
    let mut evidence = digits(answer, "signature", "")?;
    if answer.get("previous_signature").is_some() {
        evidence.extend(digits(answer, "previous_signature", "")?);
    }
    Ok(evidence)
}

/// A block's header fields, encoded.
pub(crate) fn ethereum(block: &Value) -> Result<Vec<u8>, JsonError> {
    let mut payload = Vec::new();
    // Forks append: the first field that is not there ends the list.
    let present = FIELDS
        .iter()
        .take_while(|(name, _)| block.get(name).is_some_and(|field| !field.is_null()));
    for (name, field) in present {
        let bytes = match field {
            Field::Integer(_) => quantity(block, name)?,
            Field::Bytes(_) | Field::UpTo(_) => digits(block, name, "0x")?,
        };
        bytes.as_slice().encode(&mut payload);
    }
    let mut evidence = Vec::new();
    Header {
        list: true,
        payload_length: payload.len(),
    }
    .encode(&mut evidence);
    evidence.extend(payload);
    Ok(evidence)
}

/// Headers of 80 bytes in hexadecimal, in order.
fn bitcoin(answer: &Value) -> Result<Vec<u8>, JsonError> {
    let headers = answer
        .as_array()
        .ok_or(JsonError::Field { name: "result" })?;
    let mut evidence = Vec::new();
    for header in headers {
        evidence.extend(text(Some(header), "header").and_then(|text| decode(text, "header"))?);
    }
    Ok(evidence)
}

/// An integer as Ethereum writes it, `0x0` or without leading zeros, as big-endian bytes.
fn quantity(object: &Value, name: &'static str) -> Result<Vec<u8>, JsonError> {
    let wrong = JsonError::Field { name };
    let digits = text(object.get(name), name)?
        .strip_prefix("0x")
        .ok_or(wrong)?
        .trim_start_matches('0');
    let zero = if digits.len() % 2 == 1 { "0" } else { "" };
    decode(&format!("{zero}{digits}"), name)
}

fn digits(object: &Value, name: &'static str, prefix: &str) -> Result<Vec<u8>, JsonError> {
    let text = text(object.get(name), name)?;
    let digits = text.strip_prefix(prefix).ok_or(JsonError::Field { name })?;
    decode(digits, name)
}

fn text<'a>(value: Option<&'a Value>, name: &'static str) -> Result<&'a str, JsonError> {
    value
        .and_then(Value::as_str)
        .ok_or(JsonError::Field { name })
}

fn decode(digits: &str, name: &'static str) -> Result<Vec<u8>, JsonError> {
    hex::decode(digits).map_err(|_| JsonError::Field { name })
}

/// Why an answer is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// Not JSON.
    #[error("not JSON: {0}")]
    Json(String),
    /// A field that is not there, or not of its form.
    #[error("the answer has no well formed {name}")]
    Field {
        /// Name of the field.
        name: &'static str,
    },
    /// Sources without such an interface.
    #[error("there is no JSON form of evidence for this source")]
    Source,
}
