//! Weight files given to an audit: a verdict of "the same" means that the
//! reference reader finds the same values under the same names.

use std::io::Cursor;
use std::sync::LazyLock;

use ff::Field;
use halo2curves::bn256::Fr;
use nascent_prover::derive::{Deriver, SafetensorsFile, audit};
use nascent_verifier::{Distribution, Fill, ModelSpec, Precision, StreamSpec, TensorSpec};
use safetensors::{Dtype, SafeTensors};

static MODEL: LazyLock<ModelSpec> = LazyLock::new(model);
static DERIVER: LazyLock<Deriver<'static>> = LazyLock::new(deriver);

/// A sampled matrix and a constant vector.
fn model() -> ModelSpec {
    let tensor = |name: &str, dims: &[u64], fill| TensorSpec {
        name: name.into(),
        dims: dims.to_vec(),
        fill,
    };
    let sampled = Fill::Sampled {
        stream: 0,
        first_row: 0,
        scale_bits: 0.01_f32.to_bits(),
        mean_bits: 0,
    };
    let precision = Precision {
        limb_bits: 8,
        fraction_bits: 5,
    };
    ModelSpec {
        kept: Vec::new(),
        name: "audited".into(),
        graph_digest: [1; 32],
        rules_digest: [2; 32],
        streams: vec![StreamSpec {
            distribution: Distribution::Uniform,
            precision,
            rows: 1,
        }],
        tensors: vec![
            tensor("w", &[2, 3], sampled),
            tensor("b", &[4], Fill::Constant { bits: 0 }),
        ],
    }
}

/// Weights of the model under a public seed.
pub fn deriver() -> Deriver<'static> {
    Deriver::new(&MODEL, Fr::ZERO, &[3; 32]).expect("a valid model")
}

/// Opens and audits.
pub fn run(data: &[u8]) {
    let Ok(mut file) = SafetensorsFile::new(Cursor::new(data)) else {
        return;
    };
    let Ok(report) = audit(&DERIVER, &mut file, &|_, _| ()) else {
        return;
    };
    if !report.is_match() {
        return;
    }
    let reference = SafeTensors::deserialize(data).expect("the reference reader takes it");
    assert_eq!(reference.len(), MODEL.tensors.len());
    for (index, tensor) in MODEL.tensors.iter().enumerate() {
        let view = reference.tensor(&tensor.name).expect("it is there");
        assert_eq!(view.dtype(), Dtype::F32);
        let dims: Vec<u64> = view.shape().iter().map(|&dim| dim as u64).collect();
        assert_eq!(dims, tensor.dims);
        let mut values = vec![0.0_f32; view.data().len() / 4];
        DERIVER.fill(index, 0, &mut values).expect("in range");
        let bytes: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        assert_eq!(view.data(), bytes);
    }
}
