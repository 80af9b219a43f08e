//! The tile circuit accepts honest witnesses, at several sizes and distributions.

use ff::{Field, PrimeField};
use halo2_proofs::plonk::{Circuit, ConstraintSystem};
use halo2curves::bn256::Fr;
use nascent_circuits::grid::Grid;
use nascent_circuits::seed::{SeedMaterial, stream_block, stream_tag};
use nascent_circuits::tile::{TileCircuit, TileParams, TileWitness};
use nascent_verifier::{Distribution, Precision};

fn witness() -> TileWitness {
    TileWitness {
        seed: SeedMaterial {
            secret: Fr::from(0x5ec2e7),
            beacon: Fr::from(0xbeac0),
            model: Fr::from(0x30de1),
        },
        first_block: 1 << 20,
    }
}

fn params(k: u32, distribution: Distribution, limb_bits: u8, fraction_bits: u8) -> TileParams {
    TileParams::new(
        k,
        distribution,
        Precision {
            limb_bits,
            fraction_bits,
        },
    )
    .expect("valid")
}

fn grid(params: &TileParams, witness: TileWitness) -> (Grid, ConstraintSystem<Fr>) {
    let mut meta = ConstraintSystem::default();
    let config = TileCircuit::configure_with_params(&mut meta, params.clone());
    let challenges = [3u64, 5, 7].map(|x| Fr::from(x).pow([1 << 40]));
    let circuit = TileCircuit::new(params.clone(), witness);
    let instance = witness.instance();
    let mut grid =
        Grid::new(&circuit, &meta, config, params.k, &[&instance], &challenges).expect("laid out");
    let mut counter = Fr::from(11);
    grid.blind(meta.blinding_factors() + 1, || {
        counter = counter.square() + Fr::ONE;
        counter
    });
    (grid, meta)
}

fn cases() -> Vec<TileParams> {
    vec![
        params(8, Distribution::Uniform, 8, 0),
        params(9, Distribution::Normal, 8, 5),
        params(8, Distribution::Normal, 10, 7),
        params(9, Distribution::TruncatedNormal { lo: -64, hi: 64 }, 8, 5),
        params(11, Distribution::Normal, 12, 9),
    ]
}

#[test]
fn honest_tiles_satisfy_every_constraint_on_every_row() {
    for params in cases() {
        let (grid, meta) = grid(&params, witness());
        assert_eq!(
            grid.failures(&meta),
            [],
            "k = {}, {:?}",
            params.k,
            params.distribution
        );
    }
}

#[test]
fn layout_agrees_with_the_library() {
    for params in cases() {
        let mut meta = ConstraintSystem::<Fr>::default();
        let _ = TileCircuit::configure_with_params(&mut meta, params.clone());
        let unusable = (1 << params.k) - params.last_row() - 1;
        assert_eq!(unusable, meta.blinding_factors() + 1);
        let degree = |gate: &halo2_proofs::plonk::Gate<Fr>| {
            gate.polynomials().iter().map(|p| p.degree()).max()
        };
        assert_eq!(
            meta.gates().iter().filter_map(degree).max(),
            Some(5),
            "true degree"
        );
        assert_eq!(meta.degree(), 5);
    }
}

#[test]
fn weights_are_the_stream() {
    for params in cases() {
        let (grid, _) = grid(&params, witness());
        let key = witness().seed.stream_key();
        let tag = stream_tag(params.distribution, params.precision);
        let bits = u32::from(params.precision.limb_bits);
        for (row, block) in (0..params.weight_rows())
            .zip(0u64..)
            .map(|(row, _)| (row, row as u64 / 15))
        {
            let output = stream_block(tag, key, witness().first_block + block)[row % 15].to_repr();
            for lane in 0..params.lanes() {
                let start = lane * bits as usize;
                let limb = (0..bits as usize).fold(0usize, |limb, i| {
                    let bit = (output[(start + i) / 8] >> ((start + i) % 8)) & 1;
                    limb | usize::from(bit) << i
                });
                let cell = grid.advice[lane][params.first_weight_row() + row];
                assert_eq!(cell, Fr::from(u64::from(params.lane_value(limb))));
            }
        }
    }
}

#[test]
fn wrong_instances_are_refused_by_name() {
    let params = params(8, Distribution::Uniform, 8, 0);
    let (honest, meta) = grid(&params, witness());
    for (index, name) in [
        (0, "public key"),
        (1, "beacon"),
        (2, "model"),
        (3, "first block"),
    ] {
        let mut grid = honest.clone();
        grid.instance[0][index] += Fr::ONE;
        let failures = grid.failures(&meta);
        let names: Vec<_> = failures
            .iter()
            .map(|f| (f.gate.as_str(), f.constraint.as_str()))
            .collect();
        assert_eq!(names, [("seed", name)]);
    }
}
