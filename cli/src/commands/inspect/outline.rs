//! What `nascent inspect` says of files without an envelope, from their first bytes or their outline: the
//! numbers of a model of gigabytes are not read.

use crate::files;
use crate::files::ENCRYPTED;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

/// Longest text that is read to see what it is.
const MAX_TEXT: usize = 1 << 20;

/// What a file is, if it is one of those.
pub fn recognize(path: &Path, start: &[u8]) -> Option<(&'static str, Value)> {
    let by_start: [(&[u8], &str); 6] = [
        (b"nascent secret v", "SECRET of a publisher, unencrypted"),
        (b"nascent salt v", "SECRET salt of a hidden input or output"),
        (ENCRYPTED, "SECRET of a publisher, encrypted (scrypt)"),
        (b"\x93NUMPY", "array (.npy)"),
        (b"PK\x03\x04", "arrays (.npz)"),
        (b"<svg", "picture (SVG)"),
    ];
    let mut known = by_start.iter();
    if let Some((_, kind)) = known.find(|(first, _)| start.starts_with(first)) {
        return Some((kind, json!({})));
    }
    if start.starts_with(b"{") {
        return text(path);
    }
    let toml = path
        .extension()
        .is_some_and(|extension| extension == "toml");
    if toml {
        return None;
    }
    let (nodes, initializers) = onnx(path)?;
    let details = json!({ "nodes": nodes, "initializers": initializers });
    Some(("onnx", details))
}

/// JSON that the command writes.
fn text(path: &Path) -> Option<(&'static str, Value)> {
    let bytes = files::read_bounded(path, MAX_TEXT).ok()?;
    let value: Value = serde_json::from_slice(&bytes).ok()?;
    let list = |name: &str| value[name].as_array().map(Vec::len);
    if let (Some(inputs), Some(outputs)) = (list("inputs"), list("outputs")) {
        let details = json!({ "inputs": inputs, "outputs": outputs });
        return Some(("scales of a model's inputs and outputs", details));
    }
    let calibration = value["machine"].is_object() && value["factor"].is_number();
    calibration.then(|| {
        (
            "speed of this machine",
            json!({ "factor": value["factor"] }),
        )
    })
}

/// Nodes and initializers of an ONNX model: fields are counted, and their contents passed over.
fn onnx(path: &Path) -> Option<(u64, u64)> {
    let file = File::open(path).ok()?;
    let end = file.metadata().ok()?.len();
    let mut fields = Fields {
        reader: BufReader::new(file),
        at: 0,
    };
    let (mut version, mut graph) = (false, None);
    while fields.at < end {
        match fields.next(end)? {
            (1, None) => version = true,
            (7, Some(length)) => {
                let end = fields.at.checked_add(length)?;
                let (mut nodes, mut initializers) = (0_u64, 0_u64);
                while fields.at < end {
                    let (field, length) = fields.next(end)?;
                    nodes = nodes.saturating_add(u64::from(field == 1));
                    initializers = initializers.saturating_add(u64::from(field == 5));
                    fields.skip(length.unwrap_or(0))?;
                }
                graph = Some((nodes, initializers));
            }
            (_, length) => fields.skip(length.unwrap_or(0))?,
        }
    }
    graph.filter(|_| version)
}

/// Fields of a protobuf message.
struct Fields<R> {
    reader: BufReader<R>,
    at: u64,
}

impl<R: Read + Seek> Fields<R> {
    /// Number of the next field, and the length of its contents if they are bytes; they end before
    /// `end`.
    fn next(&mut self, end: u64) -> Option<(u64, Option<u64>)> {
        let key = self.varint()?;
        let length = match key & 7 {
            0 => {
                self.varint()?;
                None
            }
            1 => {
                self.skip(8)?;
                None
            }
            2 => Some(self.varint()?),
            5 => {
                self.skip(4)?;
                None
            }
            _ => return None,
        };
        let fits = self.at.checked_add(length.unwrap_or(0))? <= end;
        (fits && key >> 3 != 0).then_some((key >> 3, length))
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let mut byte = [0];
            self.reader.read_exact(&mut byte).ok()?;
            self.at = self.at.checked_add(1)?;
            value |= u64::from(byte[0] & 0x7f).checked_shl(shift)?;
            if byte[0] & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn skip(&mut self, length: u64) -> Option<()> {
        self.reader
            .seek_relative(i64::try_from(length).ok()?)
            .ok()?;
        self.at = self.at.checked_add(length)?;
        Some(())
    }
}
