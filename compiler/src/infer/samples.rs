//! Arrays in and out: `.npy`, `.npz` and JSON files as samples and inputs; `.npy` and `.npz` for results.

mod json;
mod npy;
mod npz;
mod random;
mod write;

pub use write::encode;

use super::error::{InferError, Result};
use super::flow::{Flow, Input};
use super::options::Options;
use super::tensor::{Tensor, Values};
use std::path::Path;

/// One tensor for each input of the model.
pub(crate) type Sample = Vec<Tensor>;

/// Most bytes of a sample file.
const MOST_BYTES: u64 = 1 << 30;

/// Most samples that are used; further ones are left out.
const MOST_SAMPLES: usize = 1024;

/// Random samples that stand in for given ones.
const RANDOM_SAMPLES: usize = 16;

/// An array, perhaps with the name of the input it is for.
#[derive(Debug, Clone, PartialEq)]
pub struct Named {
    /// Name of an input; may be left out when the model has one.
    pub name: Option<String>,
    /// One sample in the shape of the input, or several along one more first axis, or along the
    /// first axis.
    pub tensor: Tensor,
}

/// Arrays for the inputs of a model; empty for none.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Samples {
    /// The arrays, in order; those for the same input follow one another.
    pub arrays: Vec<Named>,
}

/// Reads sample files: `.npy` (one array), `.npz` (arrays by name), `.json` (a nested list, or an
/// object of them by name).
///
/// # Errors
/// A file that cannot be read, is larger than 1 GiB, has another ending, or is not what it should
/// be; numbers that are not finite.
pub fn open(paths: &[&Path]) -> Result<Samples> {
    let mut samples = Samples::default();
    for path in paths {
        let name = path.display().to_string();
        let io = |source| InferError::Io {
            path: name.clone(),
            source,
        };
        let length = std::fs::metadata(path).map_err(io)?.len();
        if length > MOST_BYTES {
            return Err(InferError::TooLarge {
                what: format!("bytes of {name}"),
                got: length,
                limit: MOST_BYTES,
            });
        }
        let bytes = std::fs::read(path).map_err(io)?;
        let ending = path
            .extension()
            .and_then(|ending| ending.to_str())
            .unwrap_or("");
        let read = match ending.to_ascii_lowercase().as_str() {
            "npy" => npy::read(&bytes).map(|tensor| vec![Named { name: None, tensor }]),
            "npz" => npz::read(&bytes),
            "json" => json::read(&bytes),
            _ => Err("expected a name that ends in .npy, .npz or .json".to_owned()),
        };
        let arrays = read.map_err(|reason| InferError::Sample {
            sample: name.clone(),
            reason,
        })?;
        if let Some(bad) = arrays.iter().find(|array| !array.tensor.is_finite()) {
            return Err(InferError::Sample {
                sample: name,
                reason: format!(
                    "array {:?} holds a number that is not finite",
                    bad.name.as_deref().unwrap_or("")
                ),
            });
        }
        samples.arrays.extend(arrays);
    }
    Ok(samples)
}

/// Splits the arrays into samples; makes random ones, and a warning, when there are none.
pub(crate) fn bind(
    flow: &Flow,
    samples: &Samples,
    options: &Options,
) -> Result<(Vec<Sample>, Option<String>)> {
    if samples.arrays.is_empty() {
        let made = random::samples(flow, options.seed, RANDOM_SAMPLES)?;
        let warning = "no samples were given: ranges come from random normal inputs and do not fit real data; give samples".to_owned();
        return Ok((made, Some(warning)));
    }
    let mut of_input: Vec<Vec<Tensor>> = vec![Vec::new(); flow.inputs.len()];
    for (at, array) in samples.arrays.iter().enumerate() {
        let fail = |reason: String| InferError::Sample {
            sample: array.name.clone().unwrap_or_else(|| at.to_string()),
            reason,
        };
        let slot = match &array.name {
            Some(name) => flow.inputs.iter().position(|input| input.name == *name),
            None => None,
        };
        let slot = match slot {
            Some(slot) => slot,
            None if flow.inputs.len() == 1 => 0,
            None => {
                let names: Vec<&str> = flow
                    .inputs
                    .iter()
                    .map(|input| input.name.as_str())
                    .collect();
                return Err(fail(format!(
                    "expected the name of an input: {}",
                    names.join(", ")
                )));
            }
        };
        of_input[slot].extend(split(&array.tensor, &flow.inputs[slot]).map_err(fail)?);
    }
    let count = of_input.first().map_or(0, Vec::len);
    for (made, input) in of_input.iter().zip(&flow.inputs) {
        if made.len() != count || made.is_empty() {
            return Err(InferError::Sample {
                sample: input.name.clone(),
                reason: format!("{} samples, expected {}", made.len(), count.max(1)),
            });
        }
    }
    let mut rows: Vec<Sample> = vec![Vec::new(); count.min(MOST_SAMPLES)];
    for made in of_input {
        for (row, tensor) in rows.iter_mut().zip(made) {
            row.push(tensor);
        }
    }
    Ok((rows, None))
}

/// Samples in the shape of the input.
fn split(tensor: &Tensor, input: &Input) -> std::result::Result<Vec<Tensor>, String> {
    let (given, wanted) = (tensor.shape(), input.shape.as_slice());
    let along_first = given.len() == wanted.len()
        && !wanted.is_empty()
        && given[1..] == wanted[1..]
        && given[0].is_multiple_of(wanted[0]);
    let one_more = given.len() == wanted.len() + 1 && given[1..] == *wanted;
    let count = match (along_first, one_more) {
        (true, _) => given[0] / wanted[0],
        (_, true) => given[0],
        _ if given == wanted => 1,
        _ => {
            return Err(format!(
                "an array of shape {given:?} for an input of shape {wanted:?}"
            ));
        }
    };
    let size: usize = wanted.iter().product();
    let part = |at: usize| at * size..(at + 1) * size;
    let made = (0..count.min(MOST_SAMPLES)).map(|at| match (tensor.values(), input.is_int) {
        (Values::Float(v), false) => Tensor::float(wanted, v[part(at)].to_vec()),
        (Values::Int(v), true) => Tensor::int(wanted, v[part(at)].to_vec()),
        (Values::Int(v), false) => {
            Tensor::float(wanted, v[part(at)].iter().map(|&v| v as f32).collect())
        }
        (Values::Float(v), true) => {
            let whole = v[part(at)].iter().all(|v| v.fract() == 0.0);
            let ints = v[part(at)].iter().map(|&v| v as i64).collect();
            whole.then(|| Tensor::int(wanted, ints)).flatten()
        }
        (Values::Withheld, _) => None,
    });
    let made: Option<Vec<Tensor>> = made.collect();
    made.ok_or_else(|| "floats for an input of integers".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(shape: &[usize]) -> Input {
        Input {
            name: "x".to_owned(),
            shape: shape.to_vec(),
            is_int: false,
        }
    }

    #[test]
    fn arrays_split_into_samples() {
        let array = Tensor::float(&[4, 3], (0..12).map(|v| v as f32).collect()).unwrap();
        assert_eq!(split(&array, &input(&[1, 3])).unwrap().len(), 4);
        assert_eq!(split(&array, &input(&[2, 3])).unwrap().len(), 2);
        assert_eq!(split(&array, &input(&[3])).unwrap().len(), 4);
        assert_eq!(split(&array, &input(&[4, 3])).unwrap().len(), 1);
        for wrong in [&[3, 3][..], &[1, 4], &[12], &[]] {
            assert!(split(&array, &input(wrong)).is_err(), "{wrong:?}");
        }
    }
}
