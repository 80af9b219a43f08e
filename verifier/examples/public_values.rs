//! What public values cost the verifier:
//! `cargo run --release -p nascent-verifier --example public_values -- 150528`.
//!
//! The key is that of a tile, changed to have so many public values. The proof is made of valid
//! words and refused by the pairing, which comes last.

use ark_bn254::Fr;
use ark_ff::FftField;
use nascent_verifier::encoding::scalar_to_bytes;
use nascent_verifier::link::proof_digest;
use nascent_verifier::transcript::Transcript;
use nascent_verifier::vk::Node;
use nascent_verifier::{
    Alone, CircuitKind, Digest32, Format, InferenceBundle, InferenceError, ProofError, Srs,
    VerifyingKey, VkData, Workers, verify_inference, verify_inference_by, verify_inference_with,
};
use std::error::Error;
use std::hint::black_box;
use std::thread;
use std::time::Instant;

/// The fastest of so many counts.
const ROUNDS: u32 = 20;
const KEY: &[u8] = include_bytes!("../tests/fixtures/normal.vk");
const SRS: &[u8] = include_bytes!("../tests/fixtures/development.srs");

/// Two threads.
struct Two;

impl Workers for Two {
    fn width(&self) -> usize {
        2
    }

    fn map<R: Send>(&self, count: usize, work: impl Fn(usize) -> R + Sync) -> Vec<R> {
        let (work, middle) = (&work, count / 2);
        thread::scope(|scope| {
            let second = scope.spawn(move || (middle..count).map(work).collect::<Vec<R>>());
            let first = (0..middle).map(work).collect::<Vec<R>>();
            first
                .into_iter()
                .chain(second.join().into_iter().flatten())
                .collect()
        })
    }
}

fn key(values: u32) -> Result<VerifyingKey, Box<dyn Error>> {
    let mut data = VkData::decode(KEY)?;
    let k = (values + 64).next_power_of_two().trailing_zeros();
    let omega: Fr = FftField::get_root_of_unity(1 << k).ok_or("too many values")?;
    data.kind = CircuitKind::Bound {
        subject: [0; 32],
        weights: Vec::new(),
    };
    data.k = u8::try_from(k)?;
    data.omega = scalar_to_bytes(&omega);
    data.instance_rows = vec![values];
    data.instance_queries.truncate(1);
    for node in &mut data.nodes {
        if let Node::Instance(query @ 1..) = *node {
            *node = Node::Constant(scalar_to_bytes(&Fr::from(u64::from(query) << 40)));
        }
    }
    Ok(VerifyingKey::new(data)?)
}

fn time<R>(what: &str, mut work: impl FnMut() -> R) {
    let rounds = (0..ROUNDS).map(|_| {
        let start = Instant::now();
        black_box(work());
        start.elapsed()
    });
    let fastest = rounds.min().unwrap_or_default();
    println!("{what:<44}{:>8.2} ms", 1e3 * fastest.as_secs_f64());
}

fn main() -> Result<(), Box<dyn Error>> {
    let values: u32 = std::env::args().nth(1).map_or(Ok(150_528), |n| n.parse())?;
    let (key, srs) = (key(values)?, Srs::decode(SRS)?);
    let encoded = key.encode()?;
    // A scalar one, and the `x` of the generator.
    let mut proof = vec![0; key.proof_len()];
    for word in proof.as_chunks_mut::<32>().0 {
        word[0] = 1;
    }
    let bundle = InferenceBundle {
        architecture: [0; 32],
        vk_digest: *key.digest(),
        srs_digest: srs.digest(),
        // The number of inputs is public too.
        inputs: (0..i64::from(values - 1)).map(|x| x % 255 - 127).collect(),
        outputs: Vec::new(),
        hidden_inputs: None,
        hidden_outputs: None,
        proof,
    };
    let file = bundle.encode()?;
    let (instance, prefix) = (bundle.instance()?, bundle.transcript_prefix());
    let refused = Err(InferenceError::Proof(ProofError::Pairing));
    println!("{values} public values, file of {} bytes", file.len());
    time("reading the key", || VerifyingKey::decode(&encoded));
    time("reading the file", || InferenceBundle::decode(&file));
    time("values as field elements", || bundle.instance());
    time("transcript of the values", || {
        let mut transcript = Transcript::new(&prefix);
        instance.iter().for_each(|value| transcript.scalar(value));
        transcript.challenge()
    });
    time("digest of the proof, for links", || -> Digest32 {
        proof_digest(&prefix, std::slice::from_ref(&instance), &bundle.proof)
    });
    time("verification", || {
        assert_eq!(verify_inference(&bundle, &key, &srs).map(|_| ()), refused);
    });
    time("verification, two threads", || {
        assert_eq!(
            verify_inference_by(&bundle, &key, &srs, &Two).map(|_| ()),
            refused
        );
    });
    time("verification with weights", || {
        let verdict = verify_inference_with(&bundle, &key, &srs, &Alone);
        assert_eq!(verdict.map(|_| ()), refused);
    });
    time("verification with weights, two threads", || {
        let verdict = verify_inference_with(&bundle, &key, &srs, &Two);
        assert_eq!(verdict.map(|_| ()), refused);
    });
    Ok(())
}
