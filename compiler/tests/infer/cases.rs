//! The ONNX package's own tests of single nodes, collected by `tests/node_cases.py`.

use nascent_compiler::infer::{Named, Samples, Tensor};
use serde_json::Value;

/// A node with its inputs and what it gives.
pub struct Case {
    pub name: String,
    pub model: Vec<u8>,
    pub samples: Samples,
    /// Values of the output.
    pub expected: Vec<f64>,
}

/// All cases, in the order of the file.
pub fn cases() -> Vec<Case> {
    let text = include_str!("../node_cases.json");
    let all: Vec<Value> = serde_json::from_str(text).unwrap();
    let number = |value: &Value| value.as_f64().unwrap();
    let case = |case: &Value| Case {
        name: case["name"].as_str().unwrap().to_owned(),
        model: base64(case["model"].as_str().unwrap()),
        samples: Samples {
            arrays: case["inputs"]
                .as_object()
                .unwrap()
                .iter()
                .map(|(name, array)| {
                    let shape = array[0].as_array().unwrap();
                    let shape: Vec<usize> = shape.iter().map(|v| number(v) as usize).collect();
                    let values = array[1].as_array().unwrap();
                    let values = values.iter().map(|v| number(v) as f32).collect();
                    Named {
                        name: Some(name.clone()),
                        tensor: Tensor::float(&shape, values).unwrap(),
                    }
                })
                .collect(),
        },
        expected: case["expected"]
            .as_array()
            .unwrap()
            .iter()
            .map(number)
            .collect(),
    };
    all.iter().map(case).collect()
}

fn base64(text: &str) -> Vec<u8> {
    let digit = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let digits: Vec<u8> = text.bytes().filter(|&c| c != b'=').map(digit).collect();
    let mut out = Vec::new();
    for chunk in digits.chunks(4) {
        let bits =
            chunk.iter().fold(0_u32, |acc, &d| acc << 6 | u32::from(d)) << (6 * (4 - chunk.len()));
        out.extend(&bits.to_be_bytes()[1..chunk.len()]);
    }
    out
}
