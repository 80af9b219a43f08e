//! Keys that cannot be exported are refused, with the reason.

use ff::Field;
use halo2_proofs::circuit::{Layouter, SimpleFloorPlanner};
use halo2_proofs::plonk::{self, Circuit, ConstraintSystem, Error, Expression, keygen_vk};
use halo2_proofs::poly::Rotation;
use halo2_proofs::poly::kzg::commitment::ParamsKZG;
use halo2curves::bn256::{Bn256, Fr, G1Affine};
use nascent_prover::export::{ExportError, export_library};
use nascent_verifier::vk::Node;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

#[derive(Clone, Copy, Default)]
struct Kind {
    /// Degree of the one gate, with its selector.
    degree: usize,
    lookup: bool,
    minimum: Option<usize>,
}

struct OneGate(Kind);

impl Circuit<Fr> for OneGate {
    type Config = ();
    type FloorPlanner = SimpleFloorPlanner;
    type Params = Kind;

    fn params(&self) -> Kind {
        self.0
    }

    fn without_witnesses(&self) -> Self {
        Self(self.0)
    }

    fn configure(meta: &mut ConstraintSystem<Fr>) {
        Self::configure_with_params(meta, Kind::default());
    }

    fn configure_with_params(meta: &mut ConstraintSystem<Fr>, kind: Kind) {
        let advice = meta.advice_column();
        let fixed = meta.fixed_column();
        if let Some(degree) = kind.minimum {
            meta.set_minimum_degree(degree);
        }
        meta.create_gate("power", |meta| {
            let q = meta.query_fixed(fixed, Rotation::cur());
            let a = meta.query_advice(advice, Rotation::cur());
            let one = Expression::Constant(Fr::ONE);
            let power = (1..kind.degree).fold(one, |power, _| power * a.clone());
            vec![q.clone() * power.clone(), power * q]
        });
        if kind.lookup {
            let table = meta.lookup_table_column();
            meta.lookup("table", |meta| {
                vec![(meta.query_advice(advice, Rotation::cur()), table)]
            });
        }
    }

    fn synthesize(&self, (): (), _: impl Layouter<Fr>) -> Result<(), Error> {
        Ok(())
    }
}

fn key(kind: Kind) -> plonk::VerifyingKey<G1Affine> {
    let params = ParamsKZG::<Bn256>::setup(4, ChaCha20Rng::from_seed([1; 32]));
    keygen_vk(&params, &OneGate(kind)).unwrap()
}

fn kind(degree: usize) -> Kind {
    Kind {
        degree,
        ..Kind::default()
    }
}

#[test]
fn the_librarys_silent_clamp_of_the_degree_is_caught() {
    let exported = export_library(&key(kind(5)), &[], None).unwrap();
    assert_eq!(exported.data().degree, 5);
    let refused = export_library(&key(kind(6)), &[], None).unwrap_err();
    assert!(matches!(
        refused,
        ExportError::Degree {
            constraints: 6,
            declared: 5,
        }
    ));
    let raised = Kind {
        minimum: Some(6),
        ..kind(6)
    };
    assert_eq!(
        export_library(&key(raised), &[], None)
            .unwrap()
            .data()
            .degree,
        6
    );
}

#[test]
fn library_lookups_are_refused() {
    let kind = Kind {
        lookup: true,
        ..kind(3)
    };
    let refused = export_library(&key(kind), &[], None).unwrap_err();
    assert!(matches!(refused, ExportError::Lookups { got: 1 }));
}

#[test]
fn instance_columns_are_counted() {
    let refused = export_library(&key(kind(3)), &[4], None).unwrap_err();
    assert!(matches!(
        refused,
        ExportError::InstanceColumns {
            expected: 0,
            got: 1
        }
    ));
}

#[test]
fn subexpressions_stand_once() {
    let exported = export_library(&key(kind(4)), &[], None).unwrap();
    let products = exported.data().nodes.iter();
    let products = products.filter(|node| matches!(node, Node::Product(..)));
    // 1 a, a^2, a^3 once for both constraints; then q a^3 and a^3 q.
    assert_eq!(products.count(), 5);
}
