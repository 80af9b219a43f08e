//! Golden texts: the names of all constraints, and what a tile costs.

use std::fmt::Write as _;
use std::path::PathBuf;

use halo2_proofs::plonk::{Circuit, ConstraintSystem};
use nascent_circuits::tile::{TileCircuit, TileParams};
use nascent_verifier::{Distribution, Precision};

/// Compares with a file beside the tests, or writes it where `NASCENT_BLESS` is set.
fn golden(name: &str, text: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    if std::env::var_os("NASCENT_BLESS").is_some() {
        std::fs::write(&path, text).expect("golden file written");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == text,
        "{name} is not what the circuit gives now. If that is meant, run\n  NASCENT_BLESS=1 \
         cargo test -p nascent-circuits --test soundness golden\nand see the difference.\n{text}"
    );
}

fn configured(
    k: u32,
    distribution: Distribution,
    bits: u8,
    weight_digest: bool,
) -> (TileParams, ConstraintSystem<halo2curves::bn256::Fr>) {
    let fraction_bits = if distribution == Distribution::Uniform {
        0
    } else {
        bits - 4
    };
    let precision = Precision {
        limb_bits: bits,
        fraction_bits,
    };
    let params = TileParams::new(k, distribution, precision).expect("valid");
    let params = params.with_weight_digest(weight_digest);
    let mut meta = ConstraintSystem::default();
    let _ = TileCircuit::configure_with_params(&mut meta, params.clone());
    (params, meta)
}

fn digest_note(weight_digest: bool) -> &'static str {
    if weight_digest {
        ", with the weight digest"
    } else {
        ""
    }
}

const UNIFORM: Distribution = Distribution::Uniform;
const NORMAL: Distribution = Distribution::Normal;

#[test]
fn golden_constraint_names() {
    let mut text = String::new();
    for (k, distribution, bits, weight_digest) in [
        (7, UNIFORM, 6, false),
        (7, NORMAL, 7, false),
        (20, NORMAL, 16, false),
        (7, UNIFORM, 6, true),
    ] {
        let (_, meta) = configured(k, distribution, bits, weight_digest);
        let digest = digest_note(weight_digest);
        writeln!(text, "{distribution:?} k={k} B={bits}{digest}").expect("a string");
        for gate in meta.gates() {
            for (index, polynomial) in gate.polynomials().iter().enumerate() {
                let name = gate.constraint_name(index);
                let (gate, degree) = (gate.name(), polynomial.degree());
                writeln!(text, "  {gate} / {name}: degree {degree}").expect("a string");
            }
        }
    }
    golden("tile_constraints.txt", &text);
}

#[test]
fn golden_costs() {
    let shapes = [
        (7, UNIFORM, 6, false),
        (8, NORMAL, 8, false),
        (11, NORMAL, 12, false),
        (14, NORMAL, 16, false),
        (16, NORMAL, 16, false),
        (18, NORMAL, 16, false),
        (18, UNIFORM, 16, false),
        (20, NORMAL, 16, false),
        (20, UNIFORM, 16, false),
        (7, UNIFORM, 6, true),
        (13, NORMAL, 16, true),
        (18, NORMAL, 16, true),
        (18, UNIFORM, 16, true),
    ];
    let mut text = String::new();
    for (k, distribution, bits, weight_digest) in shapes {
        let (params, meta) = configured(k, distribution, bits, weight_digest);
        let digest = digest_note(weight_digest);
        let phases = meta.advice_column_phase();
        let columns = |phase: u8| phases.iter().filter(|&&p| p == phase).count();
        let constraints: usize = meta
            .gates()
            .iter()
            .map(|gate| gate.polynomials().len())
            .sum();
        let (first, second) = (columns(0), columns(1));
        let cells = (first + second) << k;
        let points = phases.len() + meta.num_fixed_columns();
        writeln!(
            text,
            "{distribution:?} k={k} B={bits}{digest}\n  \
             rows {} used {} weights {} (of {} lanes), table sets {}\n  \
             advice columns {first} + {second}, fixed {}, instance {}, committed {points}\n  \
             queries: advice {}, fixed {}, instance {}; challenges {}\n  \
             constraints {constraints}, degree {}, blinding rows {}, lookups a row {}\n  \
             cells a weight {}.{:02}",
            1 << k,
            params.first_weight_row() + params.weight_rows(),
            params.weights(),
            params.lanes(),
            params.table_sets(),
            meta.num_fixed_columns(),
            meta.num_instance_columns(),
            meta.advice_queries().len(),
            meta.fixed_queries().len(),
            meta.instance_queries().len(),
            meta.num_challenges(),
            meta.degree(),
            meta.blinding_factors() + 1,
            params.lanes() + 2,
            cells / params.weights(),
            cells * 100 / params.weights() % 100,
        )
        .expect("a string");
    }
    golden("tile_costs.txt", &text);
}
