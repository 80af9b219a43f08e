//! The library's verifier and ours agree: on valid proofs and on mutated ones.

use ff::{Field, PrimeField};
use halo2_proofs::circuit::{Layouter, SimpleFloorPlanner, Value};
use halo2_proofs::plonk::{self, Advice, Challenge, Circuit, Column, ConstraintSystem, Error};
use halo2_proofs::plonk::{
    Fixed, Instance, ProvingKey, SecondPhase, Selector, create_proof, keygen_pk, keygen_vk,
};
use halo2_proofs::poly::Rotation;
use halo2_proofs::poly::commitment::ParamsProver;
use halo2_proofs::poly::kzg::commitment::{KZGCommitmentScheme, ParamsKZG};
use halo2_proofs::poly::kzg::multiopen::{ProverSHPLONK, VerifierSHPLONK};
use halo2_proofs::poly::kzg::strategy::SingleStrategy;
use halo2curves::bn256::{Bn256, Fr, G1Affine};
use nascent_prover::export::export;
use nascent_prover::transcript::Keccak;
use nascent_verifier::encoding::scalar_from_bytes;
use nascent_verifier::vk::{ColumnKind, Node};
use nascent_verifier::{BatchVerifier, ProofError, Srs, VerifyingKey, VkData, verify_proof};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

const ROWS: usize = 10;

/// Which features a test circuit has.
#[derive(Clone, Copy, Debug, Default)]
struct Shape {
    copies: bool,
    minimum_degree: Option<usize>,
}

#[derive(Clone, Debug)]
struct Config {
    shape: Shape,
    q: Selector,
    q_sum: Selector,
    q_public: Selector,
    a: Column<Advice>,
    b: Column<Advice>,
    z: Column<Advice>,
    w: Column<Advice>,
    unused: Column<Advice>,
    table: Column<Fixed>,
    public: Column<Instance>,
    alpha: Challenge,
    beta: Challenge,
    gamma: Challenge,
}

/// Two phases (the library's prover panics at a third), rotations both ways, a fixed column, an instance column and,
/// with `copies`, copy constraints among columns of all three types.
#[derive(Clone, Debug)]
struct TestCircuit {
    shape: Shape,
    start: Value<Fr>,
}

impl Circuit<Fr> for TestCircuit {
    type Config = Config;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = Shape;

    fn params(&self) -> Shape {
        self.shape
    }

    fn without_witnesses(&self) -> Self {
        Self {
            shape: self.shape,
            start: Value::unknown(),
        }
    }

    fn configure(meta: &mut ConstraintSystem<Fr>) -> Config {
        Self::configure_with_params(meta, Shape::default())
    }

    fn configure_with_params(meta: &mut ConstraintSystem<Fr>, shape: Shape) -> Config {
        let a = meta.advice_column();
        let unused = meta.advice_column();
        let alpha = meta.challenge_usable_after(plonk::FirstPhase);
        let z = meta.advice_column_in(SecondPhase);
        let b = meta.advice_column();
        let beta = meta.challenge_usable_after(plonk::FirstPhase);
        let gamma = meta.challenge_usable_after(SecondPhase);
        let w = meta.advice_column_in(SecondPhase);
        let config = Config {
            shape,
            q: meta.complex_selector(),
            q_sum: meta.selector(),
            q_public: meta.selector(),
            a,
            b,
            z,
            w,
            unused,
            table: meta.fixed_column(),
            public: meta.instance_column(),
            alpha,
            beta,
            gamma,
        };
        if shape.copies {
            for column in [a, b, z] {
                meta.enable_equality(column);
            }
            meta.enable_equality(config.public);
            meta.enable_equality(config.table);
        }
        if let Some(degree) = shape.minimum_degree {
            meta.set_minimum_degree(degree);
        }
        config.gates(meta);
        config
    }

    fn synthesize(&self, c: Config, mut layouter: impl Layouter<Fr>) -> Result<(), Error> {
        let table = |row: usize| Fr::from(row as u64 + 3);
        let mut a = vec![self.start];
        let mut b = vec![self.start * self.start];
        for row in 0..ROWS {
            a.push(a[row] * a[row] + b[row] + Value::known(table(row)));
            b.push(a[row + 1] - b[row]);
        }
        layouter.assign_region(
            || "phase 0",
            |mut region| {
                for row in 0..=ROWS {
                    let in_a = region.assign_advice(c.a, row, a[row]);
                    let in_b = region.assign_advice(c.b, row, b[row]);
                    if row < ROWS {
                        c.q.enable(&mut region, row)?;
                        c.q_sum.enable(&mut region, row + 1)?;
                        region.assign_fixed(c.table, row, table(row));
                    }
                    if row == 0 {
                        c.q_public.enable(&mut region, row)?;
                        region.assign_advice(c.unused, row, Value::known(Fr::from(9)));
                    }
                    if c.shape.copies && row == ROWS {
                        // The last value of a, again in b's free rows.
                        let copy = region.assign_advice(c.b, row + 2, a[row]);
                        region.constrain_equal(copy.cell(), in_a.cell());
                        let fixed = region.assign_fixed(c.table, row + 3, Fr::from(77));
                        let copy = region.assign_advice(c.a, row + 3, Value::known(Fr::from(77)));
                        region.constrain_equal(copy.cell(), fixed);
                        let copy = region.assign_advice(c.a, row + 4, b[row]);
                        region.constrain_equal(in_b.cell(), copy.cell());
                    }
                }
                Ok(())
            },
        )?;
        if c.shape.copies {
            let cell = layouter.assign_region(
                || "public",
                |mut region| Ok(region.assign_advice(c.b, ROWS + 6, self.start).cell()),
            )?;
            layouter.constrain_instance(cell, c.public, 0);
        }
        layouter.next_phase();
        let alpha = layouter.get_challenge(c.alpha);
        let beta = layouter.get_challenge(c.beta);
        let mut z = vec![Value::known(Fr::ONE)];
        for row in 0..ROWS {
            z.push(z[row] + alpha * a[row] - beta * b[row]);
        }
        layouter.assign_region(
            || "phase 1",
            |mut region| {
                for row in 0..=ROWS {
                    region.assign_advice(c.z, row, z[row]);
                    region.assign_advice(c.w, row, z[row] * a[row] * a[row] * b[row]);
                }
                Ok(())
            },
        )
    }
}

impl Config {
    fn gates(&self, meta: &mut ConstraintSystem<Fr>) {
        let (next, prev) = (Rotation::next(), Rotation::prev());
        meta.create_gate("step", |meta| {
            let q = meta.query_selector(self.q);
            let a = meta.query_advice(self.a, Rotation::cur());
            let b = meta.query_advice(self.b, Rotation::cur());
            let table = meta.query_fixed(self.table, Rotation::cur());
            let a_next = meta.query_advice(self.a, next);
            let b_next = meta.query_advice(self.b, next);
            vec![
                q.clone() * (a_next.clone() - a.square() - b.clone() - table),
                q * (b_next - a_next + b),
            ]
        });
        meta.create_gate("sum", |meta| {
            let q = meta.query_selector(self.q_sum);
            let a = meta.query_advice(self.a, prev);
            let b = meta.query_advice(self.b, prev);
            let z = meta.query_advice(self.z, Rotation::cur());
            let before = meta.query_advice(self.z, prev);
            let alpha = meta.query_challenge(self.alpha);
            let beta = meta.query_challenge(self.beta);
            vec![q * (z - before - alpha * a + beta * b)]
        });
        meta.create_gate("product", |meta| {
            let q = meta.query_selector(self.q);
            let a = meta.query_advice(self.a, Rotation::cur());
            let b = meta.query_advice(self.b, Rotation::cur());
            let z = meta.query_advice(self.z, Rotation::cur());
            let w = meta.query_advice(self.w, Rotation::cur());
            let gamma = meta.query_challenge(self.gamma);
            // The challenge comes after all columns: it only scales.
            vec![q * gamma * (w - z * a.square() * b)]
        });
        meta.create_gate("public", |meta| {
            let q = meta.query_selector(self.q_public);
            let a = meta.query_advice(self.a, Rotation::cur());
            let b = meta.query_advice(self.b, Rotation::cur());
            let public = meta.query_instance(self.public, Rotation::cur());
            let public_next = meta.query_instance(self.public, next);
            vec![
                q.clone() * (a - public),
                q * (b - public_next * Fr::from(2)),
            ]
        });
    }
}

/// Everything about one circuit with one proof.
struct Case {
    params: ParamsKZG<Bn256>,
    pk: ProvingKey<G1Affine>,
    vk: VerifyingKey,
    srs: Srs,
    prefix: [u8; 32],
    instance: Vec<Fr>,
    proof: Vec<u8>,
}

impl Case {
    fn new(shape: Shape) -> Self {
        let params = ParamsKZG::<Bn256>::setup(6, ChaCha20Rng::from_seed([1; 32]));
        let circuit = TestCircuit {
            shape,
            start: Value::unknown(),
        };
        let vk = keygen_vk(&params, &circuit).unwrap();
        let pk = keygen_pk(&params, vk, &circuit).unwrap();
        let vk = export(pk.get_vk(), &[2], None).unwrap();
        let mut tau = [0; 128];
        let point = params.s_g2();
        let coordinates = [point.x.c0, point.x.c1, point.y.c0, point.y.c1];
        for (out, coordinate) in tau.chunks_mut(32).zip(coordinates) {
            out.copy_from_slice(coordinate.to_repr().as_ref());
        }
        let srs = Srs::from_uncompressed(&tau).unwrap();
        let mut case = Self {
            params,
            pk,
            vk,
            srs,
            prefix: [0xab; 32],
            instance: Vec::new(),
            proof: Vec::new(),
        };
        case.prove(shape, 5);
        case
    }

    fn prove(&mut self, shape: Shape, start: u64) {
        let start = Fr::from(start);
        self.instance = vec![start, start.square() * Fr::from(2).invert().unwrap()];
        let circuit = TestCircuit {
            shape,
            start: Value::known(start),
        };
        let mut transcript = Keccak::new(Vec::new(), &self.prefix);
        create_proof::<KZGCommitmentScheme<Bn256>, ProverSHPLONK<'_, Bn256>, _, _, _, _>(
            &self.params,
            &self.pk,
            &[circuit],
            &[&[&self.instance]],
            ChaCha20Rng::from_seed([2; 32]),
            &mut transcript,
        )
        .unwrap();
        self.proof = transcript.into_inner();
    }

    fn library(&self, prefix: &[u8; 32], instance: &[Fr], proof: &[u8]) -> bool {
        let mut transcript = Keccak::new(proof, prefix);
        plonk::verify_proof::<
            KZGCommitmentScheme<Bn256>,
            VerifierSHPLONK<'_, Bn256>,
            _,
            _,
            SingleStrategy<'_, Bn256>,
        >(
            self.params.verifier_params(),
            self.pk.get_vk(),
            SingleStrategy::new(&self.params),
            &[&[instance]],
            &mut transcript,
        )
        .is_ok()
    }

    fn ours(&self, prefix: &[u8; 32], instance: &[Fr], proof: &[u8]) -> Result<(), ProofError> {
        let instance = instance
            .iter()
            .map(|value| scalar_from_bytes(&value.to_repr()).unwrap())
            .collect();
        verify_proof(&self.vk, &self.srs, prefix, &[instance], proof)
    }

    /// Both verdicts, which must be one.
    #[track_caller]
    fn both(&self, what: &str, prefix: &[u8; 32], instance: &[Fr], proof: &[u8]) -> bool {
        let ours = self.ours(prefix, instance, proof);
        let library = self.library(prefix, instance, proof);
        assert_eq!(
            ours.is_ok(),
            library,
            "{what}: ours {ours:?}, library {library}"
        );
        library
    }
}

fn shapes() -> [Shape; 4] {
    let shape = |copies, minimum_degree| Shape {
        copies,
        minimum_degree,
    };
    [
        shape(false, None),
        shape(true, None),
        shape(true, Some(6)),
        shape(false, Some(9)),
    ]
}

const ORDER: [u8; 32] = [
    0x01, 0x00, 0x00, 0xf0, 0x93, 0xf5, 0xe1, 0x43, 0x91, 0x70, 0xb9, 0x79, 0x48, 0xe8, 0x33, 0x28,
    0x5d, 0x58, 0x81, 0x81, 0xb6, 0x45, 0x50, 0xb8, 0x29, 0xa0, 0x31, 0xe1, 0x72, 0x4e, 0x64, 0x30,
];

/// `a + b`, little-endian, dropping the carry.
fn add(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut carry = 0;
    let sum = a.iter().zip(b).map(|(a, b)| {
        let sum = u16::from(*a) + u16::from(*b) + carry;
        carry = sum >> 8;
        sum.to_le_bytes()[0]
    });
    sum.collect()
}

fn word_mutations(word: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let flip = |byte: usize, bit: u8| {
        let mut out = word.to_vec();
        out[byte] ^= bit;
        out
    };
    let mut one = [0; 32];
    one[0] = 1;
    let mut identity = [0; 32];
    identity[31] = 0x80;
    let mut odd_identity = identity;
    odd_identity[31] = 0xc0;
    vec![
        ("lowest bit", flip(0, 1)),
        ("middle bit", flip(15, 16)),
        ("sign bit", flip(31, 0x40)),
        ("identity bit", flip(31, 0x80)),
        ("zero", vec![0; 32]),
        ("all ones", vec![0xff; 32]),
        ("plus one", add(word, &one)),
        ("plus the order", add(word, &ORDER)),
        ("the order", ORDER.to_vec()),
        ("identity", identity.to_vec()),
        ("odd identity", odd_identity.to_vec()),
    ]
}

#[test]
fn both_accept_valid_proofs() {
    for shape in shapes() {
        let mut case = Case::new(shape);
        assert_eq!(case.proof.len(), case.vk.proof_len(), "{shape:?}");
        assert!(case.both("valid", &case.prefix, &case.instance, &case.proof));
        case.prove(shape, 1234);
        assert!(case.both("valid", &case.prefix, &case.instance, &case.proof));
    }
}

#[test]
fn both_refuse_every_mutated_word() {
    for shape in shapes().into_iter().take(3) {
        let case = Case::new(shape);
        let words = case.proof.len() / 32;
        let check = |what: &str, proof: &[u8]| {
            if proof != case.proof {
                let accepted = case.both(what, &case.prefix, &case.instance, proof);
                assert!(!accepted, "{shape:?}: {what} accepted");
            }
        };
        for word in 0..words {
            let range = word * 32..word * 32 + 32;
            for (what, bytes) in word_mutations(&case.proof[range.clone()]) {
                let mut proof = case.proof.clone();
                proof[range.clone()].copy_from_slice(&bytes);
                check(&format!("word {word}: {what}"), &proof);
            }
            let mut proof = case.proof.clone();
            let other = (word + 1) % words * 32;
            for byte in 0..32 {
                proof.swap(word * 32 + byte, other + byte);
            }
            check(&format!("word {word} swapped with the next"), &proof);
            check(&format!("cut at word {word}"), &case.proof[..word * 32]);
        }
    }
}

#[test]
fn both_refuse_other_statements() {
    for shape in shapes() {
        let case = Case::new(shape);
        for byte in [0, 31] {
            let mut prefix = case.prefix;
            prefix[byte] ^= 1;
            assert!(!case.both("prefix", &prefix, &case.instance, &case.proof));
        }
        for row in 0..2 {
            let mut instance = case.instance.clone();
            instance[row] += Fr::ONE;
            assert!(!case.both("instance", &case.prefix, &instance, &case.proof));
        }
        let swapped = [case.instance[1], case.instance[0]];
        assert!(!case.both("instance", &case.prefix, &swapped, &case.proof));
        assert!(!case.both("short instance", &case.prefix, &swapped[..1], &case.proof));
        let mut long = case.instance.clone();
        long.push(Fr::ZERO);
        assert!(!case.both("long instance", &case.prefix, &long, &case.proof));
    }
}

#[test]
fn lengths_are_exact() {
    let case = Case::new(Shape::default());
    let expected = case.proof.len();
    for got in [
        0,
        1,
        31,
        32,
        expected - 32,
        expected - 1,
        expected + 1,
        expected + 32,
    ] {
        let mut proof = case.proof.clone();
        proof.resize(got, 0);
        let refused = case.ours(&case.prefix, &case.instance, &proof);
        assert_eq!(refused, Err(ProofError::Length { expected, got }));
    }
}

/// Mutations of a key: each must be refused by itself or refuse the proof,
/// though the prefix (which would bind its digest) stays the same.
fn key_mutations(data: &VkData) -> Vec<(&'static str, VkData)> {
    let mut out = Vec::new();
    let mut change = |what, apply: &dyn Fn(&mut VkData)| {
        let mut changed = data.clone();
        apply(&mut changed);
        if changed != *data {
            out.push((what, changed));
        }
    };
    change("k up", &|d| d.k += 1);
    change("k down", &|d| d.k -= 1);
    change("omega bit", &|d| d.omega[3] ^= 1);
    change("other omega", &|d| {
        let omega = Fr::from_repr(d.omega).unwrap();
        d.omega = omega.cube().to_repr();
    });
    change("degree up", &|d| d.degree += 1);
    change("degree down", &|d| d.degree -= 1);
    change("blinding", &|d| d.blinding_factors += 1);
    change("instance rows", &|d| d.instance_rows[0] += 1);
    change("instance columns", &|d| d.instance_rows.push(0));
    change("advice phases", &|d| d.advice_phases.swap(0, 2));
    change("challenge phases", &|d| d.challenge_phases.swap(1, 2));
    change("fewer challenges", &|d| d.challenge_phases.truncate(2));
    change("advice query order", &|d| d.advice_queries.swap(0, 1));
    change("advice query column", &|d| d.advice_queries[0].column ^= 1);
    change("advice rotation", &|d| d.advice_queries[0].rotation = 5);
    change("fixed query order", &|d| d.fixed_queries.swap(0, 1));
    change("instance rotation", &|d| d.instance_queries[1].rotation = 2);
    change("constraint order", &|d| d.constraints.swap(0, 1));
    change("constraint lost", &|d| d.constraints.truncate(3));
    change("constraint twice", &|d| {
        d.constraints.push(d.constraints[0])
    });
    change("fixed commitment", &|d| d.fixed_commitments.swap(0, 1));
    change("fixed commitment sign", &|d| {
        d.fixed_commitments[0][31] ^= 0x40
    });
    change("permutation order", &|d| {
        if d.permutation.len() > 1 {
            d.permutation.swap(0, 1);
        }
    });
    change("permutation kind", &|d| {
        for column in &mut d.permutation {
            if column.kind == ColumnKind::Fixed {
                column.kind = ColumnKind::Instance;
            }
        }
    });
    change("permutation lost", &|d| d.permutation.clear());
    change("scalars", &|d| {
        for node in &mut d.nodes {
            if let Node::Constant(scalar) | Node::Scaled(_, scalar) = node {
                scalar[0] ^= 3;
            }
        }
    });
    for index in 0..data.nodes.len() {
        change("node", &|d| {
            d.nodes[index] = match d.nodes[index] {
                Node::Constant(scalar) => Node::Scaled(0, scalar),
                Node::Fixed(query) => Node::Advice(query),
                Node::Advice(query) => Node::Advice(query ^ 1),
                Node::Instance(query) => Node::Instance(query ^ 1),
                Node::Challenge(challenge) => Node::Challenge(challenge ^ 1),
                Node::Negated(a) => Node::Sum(a, a),
                Node::Sum(a, b) => Node::Product(a, b),
                Node::Product(a, b) => Node::Sum(a, b),
                Node::Scaled(a, _) => Node::Negated(a),
            }
        });
    }
    out
}

#[test]
fn every_field_of_the_key_counts() {
    for shape in shapes() {
        let case = Case::new(shape);
        let instance: Vec<_> = case
            .instance
            .iter()
            .map(|value| scalar_from_bytes(&value.to_repr()).unwrap())
            .collect();
        let bytes = case.vk.encode().unwrap();
        let again = VerifyingKey::decode(&bytes).unwrap();
        assert_eq!(again.digest(), case.vk.digest());
        let instances = std::slice::from_ref(&instance);
        verify_proof(&again, &case.srs, &case.prefix, instances, &case.proof).unwrap();
        for (what, data) in key_mutations(case.vk.data()) {
            let Ok(vk) = VerifyingKey::new(data) else {
                continue;
            };
            assert_ne!(vk.digest(), case.vk.digest());
            let verdict = verify_proof(&vk, &case.srs, &case.prefix, instances, &case.proof);
            assert!(verdict.is_err(), "{shape:?}: {what} accepted");
        }
    }
}

#[test]
fn another_srs_is_refused() {
    let case = Case::new(Shape::default());
    let other = Srs::development().unwrap();
    let instance = vec![
        scalar_from_bytes(&case.instance[0].to_repr()).unwrap(),
        scalar_from_bytes(&case.instance[1].to_repr()).unwrap(),
    ];
    let verdict = verify_proof(&case.vk, &other, &case.prefix, &[instance], &case.proof);
    assert_eq!(verdict, Err(ProofError::Pairing));
}

#[test]
fn a_batch_names_the_false_proof() {
    let [plain, copies, ..] = shapes();
    let mut cases = [Case::new(plain), Case::new(copies), Case::new(plain)];
    cases[2].prove(plain, 6);
    let add_all = |damaged: Option<usize>| {
        let mut batch = BatchVerifier::default();
        for (index, case) in cases.iter().enumerate() {
            let instance = case.instance.iter();
            let mut instance: Vec<_> = instance
                .map(|value| scalar_from_bytes(&value.to_repr()).unwrap())
                .collect();
            if damaged == Some(index) {
                instance.swap(0, 1);
            }
            batch
                .add(&case.vk, &case.prefix, &[instance], &case.proof)
                .unwrap();
        }
        batch.finish(&cases[0].srs)
    };
    assert_eq!(add_all(None), Ok(()));
    for index in 0..3 {
        let error = nascent_verifier::BatchError::Pairing { position: index };
        assert_eq!(add_all(Some(index)), Err(error));
    }
}
