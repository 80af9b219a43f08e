//! The layout of a written model: which bytes are copied, which are made, and
//! where values go.

use super::wire::{Field, Fields, LEN, put_int, put_len, split_varint};
use crate::error::{CompileError, Result};
use crate::graph::DType;
use nascent_verifier::{ModelSpec, TensorSpec};
use std::collections::BTreeMap;

const MODEL_GRAPH: u32 = 7;
const GRAPH_NODE: u32 = 1;
const GRAPH_INITIALIZER: u32 = 5;
const GRAPH_INPUT: u32 = 11;
const TENSOR_DIMS: u32 = 1;
const TENSOR_TYPE: u32 = 2;
const TENSOR_NAME: u32 = 8;
const TENSOR_RAW: u32 = 9;

/// Part of the new file.
pub(super) enum Piece<'a> {
    /// Bytes of the original.
    Copy(&'a [u8]),
    /// New tags and lengths.
    Made(Vec<u8>),
    /// The values of a tensor.
    Values { tensor: usize, dtype: DType },
}

/// The new file, before any value is known.
pub(super) struct Plan<'a> {
    spec: &'a ModelSpec,
    by_name: BTreeMap<&'a str, usize>,
    pub pieces: Vec<Piece<'a>>,
    /// Filled tensors found so far.
    pub tensors: usize,
}

impl<'a> Plan<'a> {
    pub fn new(original: &'a [u8], spec: &'a ModelSpec) -> Result<Self> {
        let named = spec.tensors.iter().enumerate();
        let mut plan = Self {
            spec,
            by_name: named
                .map(|(at, tensor)| (tensor.name.as_str(), at))
                .collect(),
            pieces: Vec::new(),
            tensors: 0,
        };
        let ir_version = int_field(original, 1)?;
        let mut before = Vec::new();
        let mut graph = None;
        let mut after = Vec::new();
        for field in Fields::new(original) {
            let field = field?;
            match (field.number, &graph) {
                (MODEL_GRAPH, None) => graph = Some(field.payload),
                (MODEL_GRAPH, Some(_)) => return Err(mismatch("two graphs".to_owned())),
                (_, None) => before.push(field.raw),
                (_, Some(_)) => after.push(field.raw),
            }
        }
        let graph = graph.ok_or(CompileError::Missing { what: "graph" })?;
        plan.graph(graph, ir_version >= 4)?;
        let length = plan.length();
        let mut header = Vec::new();
        put_len(&mut header, MODEL_GRAPH, length);
        let mut pieces: Vec<_> = before.into_iter().map(Piece::Copy).collect();
        pieces.push(Piece::Made(header));
        pieces.append(&mut plan.pieces);
        pieces.extend(after.into_iter().map(Piece::Copy));
        plan.pieces = pieces;
        Ok(plan)
    }

    /// Bytes of the pieces so far.
    pub fn length(&self) -> u64 {
        let lengths = self.pieces.iter().map(|piece| match piece {
            Piece::Copy(bytes) => bytes.len() as u64,
            Piece::Made(bytes) => bytes.len() as u64,
            Piece::Values { tensor, dtype } => {
                let spec = self.spec.tensors.get(*tensor);
                let elements = spec.and_then(TensorSpec::elements).unwrap_or(u64::MAX);
                elements.saturating_mul(dtype.bits() / 8)
            }
        });
        lengths.fold(0, u64::saturating_add)
    }

    fn graph(&mut self, graph: &'a [u8], drop_inputs: bool) -> Result<()> {
        let mut found = vec![false; self.spec.tensors.len()];
        let mut inputs = Vec::new();
        for field in Fields::new(graph) {
            let field = field?;
            let name = match field.number {
                GRAPH_INITIALIZER => string_field(field.payload, TENSOR_NAME)?,
                GRAPH_INPUT => string_field(field.payload, 1)?,
                GRAPH_NODE => constant_output(field.payload)?,
                _ => None,
            };
            let tensor = name.and_then(|name| self.by_name.get(name).copied());
            match (field.number, tensor) {
                (GRAPH_INITIALIZER | GRAPH_NODE, Some(tensor)) => {
                    let flag = found.get_mut(tensor).filter(|flag| !**flag);
                    let flag =
                        flag.ok_or_else(|| mismatch("a tensor is there twice".to_owned()))?;
                    *flag = true;
                    if field.number == GRAPH_INITIALIZER {
                        self.replace(tensor, field.payload)?;
                    } else {
                        self.constant(tensor, field.payload, drop_inputs)?;
                    }
                }
                (GRAPH_INPUT, Some(tensor)) => {
                    inputs.push((tensor, field));
                    if !drop_inputs {
                        self.pieces.push(Piece::Copy(field.raw));
                    }
                }
                _ => self.pieces.push(Piece::Copy(field.raw)),
            }
        }
        for (tensor, field) in inputs {
            if let Some(flag) = found.get_mut(tensor).filter(|flag| !**flag) {
                *flag = true;
                self.add(tensor, field)?;
            }
        }
        let missing = self
            .spec
            .tensors
            .iter()
            .zip(found)
            .find(|(_, found)| !found);
        match missing {
            Some((tensor, _)) => Err(mismatch(format!("it has no tensor {:?}", tensor.name))),
            None => Ok(()),
        }
    }

    /// An initializer with new values: type, shape and the rest stay.
    fn replace(&mut self, tensor: usize, proto: &[u8]) -> Result<()> {
        let (fields, dims, data_type) = without_values(proto)?;
        self.tensor(tensor, &dims, data_type, fields)
    }

    /// A `Constant` node turned into an initializer.
    fn constant(&mut self, tensor: usize, node: &[u8], allowed: bool) -> Result<()> {
        if !allowed {
            return Err(CompileError::Unsupported {
                what: "a weight in a Constant node of a file before IR version 4".to_owned(),
                advice: "convert the model to a later IR version",
            });
        }
        // The attribute, then its tensor.
        let proto = nested(node, &[5, 5])?.unwrap_or_default();
        let (_, dims, data_type) = without_values(proto)?;
        self.made(tensor, &dims, data_type)
    }

    /// A graph input turned into an initializer.
    fn add(&mut self, tensor: usize, field: Field<'a>) -> Result<()> {
        let graph_type = nested(field.payload, &[2, 1])?.unwrap_or_default();
        let data_type = int_field(graph_type, 1)?;
        let mut dims = Vec::new();
        for dim in Fields::new(nested(graph_type, &[2])?.unwrap_or_default()) {
            for value in Fields::new(dim?.payload) {
                let value = value?;
                if value.number == 1 {
                    dims.push(value.value);
                }
            }
        }
        self.made(tensor, &dims, data_type)
    }

    /// A new initializer.
    fn made(&mut self, tensor: usize, dims: &[u64], data_type: u64) -> Result<()> {
        let mut header = Vec::new();
        for &dim in dims {
            put_int(&mut header, TENSOR_DIMS, dim);
        }
        put_int(&mut header, TENSOR_TYPE, data_type);
        if let Some(spec) = self.spec.tensors.get(tensor) {
            put_len(&mut header, TENSOR_NAME, spec.name.len() as u64);
            header.extend_from_slice(spec.name.as_bytes());
        }
        self.tensor(tensor, dims, data_type, header)
    }

    fn tensor(
        &mut self,
        index: usize,
        dims: &[u64],
        data_type: u64,
        fields: Vec<u8>,
    ) -> Result<()> {
        let Some(spec) = self.spec.tensors.get(index) else {
            return Ok(());
        };
        if spec.dims != dims {
            return Err(mismatch(format!(
                "tensor {:?} has shape {dims:?}, the specification {:?}",
                spec.name, spec.dims
            )));
        }
        let dtype = i32::try_from(data_type)
            .ok()
            .and_then(DType::from_onnx)
            .filter(|dtype| dtype.is_weight())
            .ok_or_else(|| mismatch(format!("tensor {:?} is not of a float type", spec.name)))?;
        let bytes = elements(spec)?.saturating_mul(dtype.bits() / 8);
        let mut body = fields;
        put_len(&mut body, TENSOR_RAW, bytes);
        let mut header = Vec::new();
        let length = (body.len() as u64).saturating_add(bytes);
        put_len(&mut header, GRAPH_INITIALIZER, length);
        header.append(&mut body);
        self.pieces.push(Piece::Made(header));
        self.pieces.push(Piece::Values {
            tensor: index,
            dtype,
        });
        self.tensors += 1;
        Ok(())
    }
}

/// The fields of a `TensorProto` but for its values, with its shape and type.
fn without_values(proto: &[u8]) -> Result<(Vec<u8>, Vec<u64>, u64)> {
    let (mut fields, mut dims, mut data_type) = (Vec::new(), Vec::new(), 0);
    for inner in Fields::new(proto) {
        let inner = inner?;
        match inner.number {
            TENSOR_DIMS if inner.wire == LEN => packed(inner.payload, &mut dims)?,
            TENSOR_DIMS => dims.push(inner.value),
            TENSOR_TYPE => data_type = inner.value,
            // Values, and where they were.
            4 | 5 | 6 | 7 | TENSOR_RAW | 10 | 11 | 13 | 14 => continue,
            _ => {}
        }
        fields.extend_from_slice(inner.raw);
    }
    Ok((fields, dims, data_type))
}

/// The output of a node when it is a `Constant`.
fn constant_output(node: &[u8]) -> Result<Option<&str>> {
    let constant = string_field(node, 4)? == Some("Constant");
    Ok(string_field(node, 2)?.filter(|_| constant))
}

/// The last value of an integer field, zero when there is none.
fn int_field(message: &[u8], number: u32) -> Result<u64> {
    let mut last = 0;
    for field in Fields::new(message) {
        let field = field?;
        if field.number == number {
            last = field.value;
        }
    }
    Ok(last)
}

/// The last value of a string field.
fn string_field(message: &[u8], number: u32) -> Result<Option<&str>> {
    let mut last = None;
    for field in Fields::new(message) {
        let field = field?;
        if field.number == number && field.wire == LEN {
            last = std::str::from_utf8(field.payload).ok();
        }
    }
    Ok(last)
}

/// The message at a path of field numbers.
fn nested<'a>(message: &'a [u8], path: &[u32]) -> Result<Option<&'a [u8]>> {
    let Some((first, rest)) = path.split_first() else {
        return Ok(Some(message));
    };
    for field in Fields::new(message) {
        let field = field?;
        if field.number == *first && field.wire == LEN {
            return nested(field.payload, rest);
        }
    }
    Ok(None)
}

/// Values of a packed list of varints.
fn packed(mut payload: &[u8], out: &mut Vec<u64>) -> Result<()> {
    while !payload.is_empty() {
        let (value, rest) = split_varint(payload)?;
        out.push(value);
        payload = rest;
    }
    Ok(())
}

pub(super) fn mismatch(reason: String) -> CompileError {
    CompileError::Mismatch { reason }
}

pub(super) fn elements(tensor: &TensorSpec) -> Result<u64> {
    tensor
        .elements()
        .ok_or_else(|| mismatch(format!("tensor {:?} is too large", tensor.name)))
}
