//! Two tensors of one stream and a small inference with them.

use std::sync::Arc;

use nascent_circuits::inference::plan::rows::Lanes;
use nascent_circuits::inference::{self, plan};
use nascent_circuits::relayout;
use nascent_ir::{
    Builder, CheckedGraph, Map, MatMul, Multiplier, Op, Origin, Origins, Params, Pre, PublicParam,
    Range, Table, TensorId,
};
use nascent_params::Srs;
use nascent_prover::derive::Deriver;
use nascent_prover::link::Blinding;
use nascent_prover::relayout::{RelayoutKeys, RelayoutProof, RelayoutProofError, deviates};
use nascent_verifier::{Distribution, Fill, ModelSpec, Precision, StreamSpec, TensorSpec};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

pub const K: u32 = 9;
const LANES: Lanes = Lanes {
    units: 8,
    folds: 1,
    params: 1,
    weights: 16,
};

/// Two tensors of one stream, in rows of 31.
pub fn spec() -> ModelSpec {
    let tensor = |name: &str, dims: [u64; 2], first_row| TensorSpec {
        name: name.into(),
        dims: dims.to_vec(),
        fill: Fill::Sampled {
            stream: 0,
            first_row,
            scale_bits: 0.1_f32.to_bits(),
            mean_bits: 0,
        },
    };
    ModelSpec {
        kept: Vec::new(),
        name: "m".into(),
        graph_digest: [0; 32],
        rules_digest: [0; 32],
        streams: vec![StreamSpec {
            distribution: Distribution::Normal,
            precision: Precision {
                limb_bits: 8,
                fraction_bits: 4,
            },
            rows: 33 + 7,
        }],
        tensors: vec![tensor("w1", [50, 20], 0), tensor("w2", [4, 50], 33)],
    }
}

/// `y + bias`.
fn biased(y: TensorId, bias: TensorId) -> Pre {
    Pre::Linear {
        a: y,
        ca: 1,
        b: Some((bias, 1)),
        c: 0,
    }
}

/// `relu(x W1' + b) W2'` with the weights as a linear layer stores them, turned.
pub fn graph() -> (CheckedGraph, Vec<Origin>) {
    let mut b = Builder::new("g", 8).weight_bits(8);
    let relu = b.table(Table::relu(Range::new(-128, 127), 3, Range::new(0, 15)));
    let mut x = b.input("x", &[1, 20], Range::new(-8, 7)).expect("valid");
    let mut origins = Vec::new();
    let bias = b.param("bias", &[50], Range::signed(9)).expect("valid");
    for (tensor, shape) in [(0, [20, 50]), (1, [50, 4])] {
        let w = b.param("w", &shape, Range::signed(8)).expect("valid");
        let product = MatMul {
            a: x,
            b: w,
            transpose_b: false,
        };
        let y = b.push("y", Op::MatMul(product)).expect("valid");
        let map = Map {
            pre: match tensor {
                0 => biased(y, bias),
                _ => Pre::of(y),
            },
            multiplier: Multiplier::Const(100),
            shift: 16,
            table: relu,
            assumes_bound: true,
        };
        x = b.push("r", Op::Map(map)).expect("valid");
        origins.push(Origin {
            param: w,
            tensor,
            first: 0,
            strides: vec![1, i64::from(shape[0])],
        });
    }
    (b.finish(&[x]).expect("checked"), origins)
}

/// Everything up to the keys of the relayout, and the weights that a deriver gives.
pub struct Setting {
    pub srs: Srs,
    pub inference: Arc<inference::plan::layout::Layout>,
    pub shape: inference::Shape,
    pub origins: Origins,
    pub params: Params,
    pub deviates: Vec<Vec<u32>>,
    pub keys: RelayoutKeys,
}

impl Setting {
    /// `deriver` is of [`spec`].
    pub fn new(deriver: &Deriver<'_>) -> Self {
        let (graph, params) = graph();
        let bias = *graph.vectors().first().expect("one");
        let biases = PublicParam {
            param: bias,
            values: (-25..25).collect(),
        };
        let origins = Origins {
            model: spec().digest().expect("valid"),
            architecture: graph.digest().expect("valid"),
            params,
            public: vec![biases.clone()],
        };
        let inference = Arc::new(plan(&graph, LANES).expect("planned"));
        let shape = inference.shape(Some(K)).expect("fits");
        let layout = relayout::plan(&spec(), &origins, &graph, Arc::clone(&inference), &shape);
        let layout = Arc::new(layout.expect("planned"));
        let srs = Srs::development(K, &nascent_params::Silent).expect("made");
        let keys = RelayoutKeys::generate(Arc::clone(&layout), &origins, &srs).expect("keys");
        // As the compiler does: the float weight over its scale.
        let mut params = Params::default();
        params.values.insert(bias, biases.values);
        for origin in &origins.params {
            let shape = &graph.tensor(origin.param).shape;
            let count = shape.iter().product::<u32>() as usize;
            let mut floats = vec![0.0; count];
            deriver
                .fill(origin.tensor as usize, 0, &mut floats)
                .expect("there");
            let integer = |i: usize| {
                let value = floats[origin.element(shape, i) as usize];
                (value / 0.1).round() as i32
            };
            params
                .values
                .insert(origin.param, (0..count).map(integer).collect());
        }
        let deviates = deviates(&layout, deriver).expect("derived");
        Self {
            srs,
            inference,
            shape,
            origins,
            params,
            deviates,
            keys,
        }
    }

    /// Proves the relayout with blinding from this seed.
    pub fn prove(&self, seed: u64) -> Result<(RelayoutProof, Blinding), RelayoutProofError> {
        let blinding = Blinding::draw(&mut ChaCha20Rng::seed_from_u64(seed));
        let (deviates, params) = (&self.deviates, &self.params);
        let made = self.keys.prove(&self.srs, deviates, params, &blinding)?;
        Ok((made, blinding))
    }
}
