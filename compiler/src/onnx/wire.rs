//! Protobuf at the level of tags and lengths.
//!
//! Two jobs need it. [`check`] walks a file before it is decoded: it bounds
//! what the decoder will allocate and refuses fields that the decoder would
//! drop although they change the meaning of a model (a digest must not
//! overlook them). And the writer copies a model field by field, so that what
//! this version does not know of survives unchanged.

use crate::error::{CompileError, Result, at_most};
use crate::limits::Limits;

/// Wire type of a field with a length and a payload.
pub(crate) const LEN: u8 = 2;

/// One field of a message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field<'a> {
    pub number: u32,
    pub wire: u8,
    /// Value of a varint; zero for the other wire types.
    pub value: u64,
    /// Payload of a length-delimited or fixed-size field.
    pub payload: &'a [u8],
    /// The whole field, tag included.
    pub raw: &'a [u8],
}

/// Iterates over the fields of a message; stops after the first error.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    fn varint(&mut self) -> Result<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.rest.split_first().ok_or_else(truncated)?;
            self.rest = rest;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(malformed(
            "a variable-length integer is longer than 64 bits",
        ))
    }

    fn take(&mut self, len: u64) -> Result<&'a [u8]> {
        let len = usize::try_from(len).map_err(|_| truncated())?;
        let (head, rest) = self.rest.split_at_checked(len).ok_or_else(truncated)?;
        self.rest = rest;
        Ok(head)
    }

    fn field(&mut self) -> Result<Field<'a>> {
        let start = self.rest;
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).map_err(|_| malformed("field number too large"))?;
        let wire = u8::try_from(tag & 7).unwrap_or(7);
        let (mut value, mut payload): (u64, &[u8]) = (0, &[]);
        match wire {
            0 => value = self.varint()?,
            1 => payload = self.take(8)?,
            LEN => {
                let len = self.varint()?;
                payload = self.take(len)?;
            }
            5 => payload = self.take(4)?,
            _ => return Err(malformed("unknown wire type")),
        }
        if number == 0 {
            return Err(malformed("field number 0"));
        }
        let used = start.len().saturating_sub(self.rest.len());
        let raw = start.get(..used).ok_or_else(truncated)?;
        Ok(Field {
            number,
            wire,
            value,
            payload,
            raw,
        })
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

/// Reads one varint; returns it and what follows.
pub(crate) fn split_varint(bytes: &[u8]) -> Result<(u64, &[u8])> {
    let mut reader = Fields::new(bytes);
    let value = reader.varint()?;
    Ok((value, reader.rest))
}

fn truncated() -> CompileError {
    malformed("the file ends inside a field")
}

fn malformed(reason: &str) -> CompileError {
    CompileError::Protobuf {
        reason: reason.to_owned(),
    }
}

/// The messages of the format that are walked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Message {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    ValueInfo,
    Type,
    TensorType,
    Shape,
    Dimension,
    /// A message of scalars only.
    Flat,
}

/// What the walk does with a field.
enum Step {
    /// A scalar, a string, or a list of them.
    Scalar,
    /// A packed list of variable-length integers.
    Varints,
    /// A message to walk into.
    Enter(Message),
    /// Carries no meaning for the computation; the decoder skips it too.
    Ignore,
    /// Known, and not supported.
    Refuse(&'static str, &'static str),
    /// Not known.
    Unknown,
}

const INLINE: &str =
    "inline the functions (onnx.inliner.inline_local_functions) before using the model here";
const DENSE: &str = "store the tensor densely";
const TENSORS_ONLY: &str = "only tensors can be inputs, outputs and attributes here";

impl Message {
    fn name(self) -> &'static str {
        match self {
            Self::Model => "ModelProto",
            Self::Graph => "GraphProto",
            Self::Node => "NodeProto",
            Self::Attribute => "AttributeProto",
            Self::Tensor => "TensorProto",
            Self::ValueInfo => "ValueInfoProto",
            Self::Type => "TypeProto",
            Self::TensorType => "TypeProto.Tensor",
            Self::Shape => "TensorShapeProto",
            Self::Dimension => "TensorShapeProto.Dimension",
            Self::Flat => "an inner message",
        }
    }

    /// The schema: field numbers as in `onnx.proto3` up to IR version 13.
    fn step(self, field: u32) -> Step {
        use Step::{Enter, Ignore, Refuse, Scalar, Unknown, Varints};
        match (self, field) {
            (Self::Model, 1..=6) => Scalar,
            (Self::Model, 7) => Enter(Self::Graph),
            (Self::Model, 8) => Enter(Self::Flat),
            (Self::Model, 14 | 26) => Ignore,
            (Self::Model, 20) => Refuse("training information", "export the inference model"),
            (Self::Model, 25) => Refuse("a model-local function", INLINE),
            (Self::Graph, 1) => Enter(Self::Node),
            (Self::Graph, 2 | 10) => Scalar,
            (Self::Graph, 5) => Enter(Self::Tensor),
            (Self::Graph, 11..=13) => Enter(Self::ValueInfo),
            (Self::Graph, 14) => Refuse(
                "a quantization annotation",
                "use the model before quantization",
            ),
            (Self::Graph, 15) => Refuse("a sparse initializer", DENSE),
            (Self::Graph, 16) => Ignore,
            (Self::Node, 1..=4 | 6 | 7) => Scalar,
            (Self::Node, 5) => Enter(Self::Attribute),
            (Self::Node, 9 | 10) => Ignore,
            (Self::Attribute, 1..=4 | 7 | 9 | 13 | 20) => Scalar,
            (Self::Attribute, 8) => Varints,
            (Self::Attribute, 5 | 10) => Enter(Self::Tensor),
            (Self::Attribute, 6 | 11) => Enter(Self::Graph),
            (Self::Attribute, 14 | 15) => Refuse("a type attribute", TENSORS_ONLY),
            (Self::Attribute, 21) => Refuse("an attribute reference", INLINE),
            (Self::Attribute, 22 | 23) => Refuse("a sparse tensor", DENSE),
            (Self::Tensor, 2 | 4 | 6 | 8 | 9 | 10 | 12 | 14) => Scalar,
            (Self::Tensor, 1 | 5 | 7 | 11) => Varints,
            (Self::Tensor, 3) => Refuse("a segmented tensor", "store the tensor in one piece"),
            (Self::Tensor, 13) => Enter(Self::Flat),
            (Self::Tensor, 16) => Ignore,
            (Self::ValueInfo, 1 | 3) => Scalar,
            (Self::ValueInfo, 2) => Enter(Self::Type),
            (Self::ValueInfo, 4) => Ignore,
            (Self::Type, 1) => Enter(Self::TensorType),
            (Self::Type, 6) => Scalar,
            (Self::Type, 4 | 5 | 7 | 8 | 9) => Refuse("a type that is no tensor", TENSORS_ONLY),
            (Self::TensorType, 1) => Scalar,
            (Self::TensorType, 2) => Enter(Self::Shape),
            (Self::Shape, 1) => Enter(Self::Dimension),
            (Self::Dimension, 1..=3) => Scalar,
            (Self::Flat, 1 | 2) => Scalar,
            _ => Unknown,
        }
    }
}

/// Walks a `ModelProto`: bounds what decoding allocates, refuses what would be lost.
pub(crate) fn check(model: &[u8], limits: &Limits) -> Result<()> {
    let mut walk = Walk {
        limits,
        messages: 0,
        fields: 0,
        varint_bytes: 0,
    };
    walk.message(Message::Model, model, 0)
}

struct Walk<'a> {
    limits: &'a Limits,
    messages: u64,
    fields: u64,
    varint_bytes: u64,
}

impl Walk<'_> {
    fn message(&mut self, message: Message, bytes: &[u8], depth: usize) -> Result<()> {
        self.messages += 1;
        at_most("protobuf messages", self.limits.messages, self.messages)?;
        let depth = depth + usize::from(message == Message::Graph);
        at_most("nested graphs", self.limits.depth as u64 + 1, depth as u64)?;
        let mut graphs = 0;
        for field in Fields::new(bytes) {
            let field = field?;
            self.fields += 1;
            at_most("protobuf fields", self.limits.fields, self.fields)?;
            match message.step(field.number) {
                Step::Scalar | Step::Ignore => {}
                Step::Varints => {
                    self.varint_bytes += field.payload.len() as u64;
                    at_most(
                        "bytes of packed integers",
                        self.limits.varint_bytes,
                        self.varint_bytes,
                    )?;
                }
                Step::Enter(_) if field.wire != LEN => {
                    return Err(malformed("a message field with a scalar value"));
                }
                Step::Enter(inner) => {
                    if message == Message::Model && inner == Message::Graph {
                        graphs += 1;
                    }
                    self.message(inner, field.payload, depth)?;
                }
                Step::Refuse(what, advice) => {
                    return Err(CompileError::Unsupported {
                        what: what.to_owned(),
                        advice,
                    });
                }
                Step::Unknown => {
                    return Err(CompileError::UnknownField {
                        message: message.name(),
                        field: field.number,
                    });
                }
            }
        }
        if graphs > 1 {
            return Err(malformed("more than one graph"));
        }
        Ok(())
    }
}

/// Appends a varint.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends the tag and the length of a length-delimited field.
pub(crate) fn put_len(out: &mut Vec<u8>, field: u32, len: u64) {
    put_varint(out, u64::from(field) << 3 | u64::from(LEN));
    put_varint(out, len);
}

/// Appends a varint field.
pub(crate) fn put_int(out: &mut Vec<u8>, field: u32, value: u64) {
    put_varint(out, u64::from(field) << 3);
    put_varint(out, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_round_trip() {
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            let mut bytes = Vec::new();
            put_int(&mut bytes, 3, value);
            let field = Fields::new(&bytes).next().unwrap().unwrap();
            assert_eq!((field.number, field.wire, field.value), (3, 0, value));
            assert_eq!(field.raw, bytes);
        }
    }

    #[test]
    fn overlong_and_truncated_are_refused() {
        let overlong = [
            8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02,
        ];
        let cases: [&[u8]; 6] = [&overlong, &[8], &[10, 5, 1], &[0x0b], &[13, 1, 2], &[0, 0]];
        for bytes in cases {
            assert!(Fields::new(bytes).next().unwrap().is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn message_bombs_are_refused_before_decoding() {
        let mut graph = Vec::new();
        for _ in 0..1000 {
            put_len(&mut graph, 1, 0);
        }
        let mut model = Vec::new();
        put_len(&mut model, 7, graph.len() as u64);
        model.extend_from_slice(&graph);
        let limits = Limits {
            messages: 500,
            ..Limits::default()
        };
        let got = check(&model, &limits);
        assert!(matches!(got, Err(CompileError::TooMany { .. })), "{got:?}");
        assert!(check(&model, &Limits::default()).is_ok());
    }
}
