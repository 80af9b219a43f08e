//! JSON: a nested list of numbers, or an object of them by name of the input.

use super::Named;
use crate::infer::tensor::Tensor;
use serde_json::Value;

type Read<T> = std::result::Result<T, String>;

/// Most bytes of a file: numbers as texts are long.
const MOST_BYTES: usize = 1 << 28;

/// Reads all arrays.
pub(super) fn read(bytes: &[u8]) -> Read<Vec<Named>> {
    if bytes.len() > MOST_BYTES {
        return Err(format!("more than {MOST_BYTES} bytes: use .npy"));
    }
    let value: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    match value {
        Value::Object(entries) => entries
            .into_iter()
            .map(|(name, value)| {
                let tensor = array(&value).map_err(|reason| format!("{name:?}: {reason}"))?;
                let name = Some(name);
                Ok(Named { name, tensor })
            })
            .collect(),
        value => Ok(vec![Named {
            name: None,
            tensor: array(&value)?,
        }]),
    }
}

fn array(value: &Value) -> Read<Tensor> {
    let mut shape = Vec::new();
    let mut first = value;
    while let Value::Array(items) = first {
        shape.push(items.len());
        let Some(item) = items.first() else { break };
        first = item;
    }
    if shape.len() > 16 {
        return Err("more than 16 axes".to_owned());
    }
    let mut values = Vec::new();
    flatten(value, &shape, &mut values)?;
    Tensor::float(&shape, values).ok_or_else(|| "rows of different lengths".to_owned())
}

fn flatten(value: &Value, shape: &[usize], values: &mut Vec<f32>) -> Read<()> {
    match (value, shape.split_first()) {
        (Value::Array(items), Some((&length, rest))) if items.len() == length => items
            .iter()
            .try_for_each(|item| flatten(item, rest, values)),
        (Value::Number(number), None) => {
            let number = number.as_f64().ok_or("a number out of range")?;
            values.push(number as f32);
            Ok(())
        }
        _ => Err("expected rows of equal lengths of numbers".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_nested_lists() {
        let named = read(b"{\"x\": [[1, 2.5], [3, 4]]}").unwrap();
        assert_eq!(named[0].name.as_deref(), Some("x"));
        let expected = Tensor::float(&[2, 2], vec![1.0, 2.5, 3.0, 4.0]).unwrap();
        assert_eq!(named[0].tensor, expected);
        assert_eq!(read(b"[]").unwrap()[0].tensor.shape(), [0]);
        for bad in [
            "[[1], [2, 3]]",
            "[1, [2]]",
            "[\"a\"]",
            "{",
            "[null]",
            "[1e999]",
            "nan",
        ] {
            assert!(read(bad.as_bytes()).is_err(), "{bad}");
        }
        let deep = "[".repeat(200) + &"]".repeat(200);
        assert!(read(deep.as_bytes()).is_err());
    }
}
