//! The tile circuit accepts honest witnesses, at several sizes and distributions.

use ff::{Field, PrimeField};
use halo2_proofs::plonk::{Circuit, ConstraintSystem};
use halo2curves::bn256::Fr;
use nascent_circuits::grid::Grid;
use nascent_circuits::sampling::DeviateTable;
use nascent_circuits::seed::{SeedMaterial, stream_block, stream_tag};
use nascent_circuits::tile::{TileChain, TileCircuit, TileParams, TileWitness};
use nascent_circuits::{digest, poseidon2};
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
    let circuit = circuit.with_chain(params.weight_digest.then(|| chain(params, witness, 2)));
    let instance = circuit.instance();
    let mut grid =
        Grid::new(&circuit, &meta, config, params.k, &[&instance], &challenges).expect("laid out");
    let mut counter = Fr::from(11);
    grid.blind(meta.blinding_factors() + 1, || {
        counter = counter.square() + Fr::ONE;
        counter
    });
    (grid, meta)
}

/// The tile's part of a chain that ends after some of its blocks.
fn chain(params: &TileParams, witness: TileWitness, live: u64) -> TileChain {
    let table = DeviateTable::new(params.distribution, params.precision).expect("supported");
    let start = Fr::from(0x57a27);
    let key = witness.seed.stream_key();
    let tag = stream_tag(params.distribution, params.precision);
    let bits = usize::from(params.precision.limb_bits);
    let mut end = start;
    for block in witness.first_block..witness.first_block + live {
        let rows = stream_block(tag, key, block).map(|x| {
            let integer = nascent_circuits::stream::integer(&x);
            let bit = |i: usize| (integer[i / 64] >> (i % 64)) as usize & 1;
            let limb = |j: usize| (0..bits).fold(0, |limb, i| limb | bit(j * bits + i) << i);
            digest::pack(bits, (0..params.lanes()).map(|j| table.lanes()[limb(j)]))
        });
        let mut state = digest::step_input(end, &rows);
        poseidon2::permute(&mut state);
        end += state[0];
    }
    TileChain { start, end, live }
}

fn cases() -> Vec<TileParams> {
    let plain = plain_cases().into_iter();
    plain
        .clone()
        .chain(plain.map(|params| params.with_weight_digest(true)))
        .collect()
}

fn plain_cases() -> Vec<TileParams> {
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
            "k = {}, {:?}, weight digest: {}",
            params.k,
            params.distribution,
            params.weight_digest
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
    let params = params(8, Distribution::Uniform, 8, 0).with_weight_digest(true);
    let (honest, meta) = grid(&params, witness());
    for (index, gate, name) in [
        (0, "seed", "public key"),
        (1, "seed", "beacon"),
        (2, "seed", "model"),
        (3, "seed", "first block"),
        (4, "weight digest", "chain starts"),
        (5, "weight digest", "chain ends"),
        (6, "weight digest", "live blocks"),
    ] {
        let mut grid = honest.clone();
        grid.instance[0][index] += Fr::ONE;
        let failures = grid.failures(&meta);
        let names: Vec<_> = failures
            .iter()
            .map(|f| (f.gate.as_str(), f.constraint.as_str()))
            .collect();
        assert_eq!(names, [(gate, name)]);
    }
}

/// Any number of live blocks from none to all; the tiles of a stream hang together and end in the
/// stream's digest.
#[test]
fn tiles_of_any_size_give_one_digest() {
    let table = DeviateTable::new(
        Distribution::Normal,
        params(8, Distribution::Normal, 8, 5).precision,
    );
    let table = table.expect("supported");
    let key = witness().seed.stream_key();
    let stream = 30;
    let mut digests = Vec::new();
    for k in [7, 8, 9] {
        let params = params(k, Distribution::Normal, 8, 5).with_weight_digest(true);
        let blocks = params.blocks() as u64;
        let values = digest::chain(&table, key, stream, blocks);
        for (tile, ends) in values.windows(2).enumerate() {
            let first_block = tile as u64 * blocks;
            let witness = TileWitness {
                first_block,
                ..witness()
            };
            let public = TileChain {
                start: ends[0],
                end: ends[1],
                live: blocks.min(stream - first_block),
            };
            assert_eq!(
                failures(&params, witness, public),
                [],
                "k = {k}, tile {tile}"
            );
        }
        digests.push(values.last().copied());
    }
    assert_eq!(digests[0], digests[1]);
    assert_eq!(digests[0], digests[2]);
}

#[test]
fn a_tile_may_be_live_in_full_or_not_at_all() {
    let params = params(7, Distribution::Uniform, 6, 0).with_weight_digest(true);
    let blocks = params.blocks() as u64;
    for live in 0..=blocks {
        let public = chain(&params, witness(), live);
        assert_eq!(failures(&params, witness(), public), [], "{live}");
        // The same end for another number of blocks.
        let other = TileChain {
            live: blocks - live,
            ..public
        };
        if other != public {
            assert_ne!(failures(&params, witness(), other), [], "{live}");
        }
    }
    let public = chain(&params, witness(), blocks);
    let more = TileChain {
        live: blocks + 1,
        ..public
    };
    assert_ne!(failures(&params, witness(), more), []);
}

fn failures(
    params: &TileParams,
    witness: TileWitness,
    public: TileChain,
) -> Vec<nascent_circuits::grid::Failure> {
    let mut meta = ConstraintSystem::default();
    let config = TileCircuit::configure_with_params(&mut meta, params.clone());
    let circuit = TileCircuit::new(params.clone(), witness).with_chain(Some(public));
    let instance = circuit.instance();
    let challenges = [3u64, 5, 7].map(|x| Fr::from(x).pow([1 << 40]));
    let grid = Grid::new(&circuit, &meta, config, params.k, &[&instance], &challenges);
    grid.expect("laid out").failures(&meta)
}

#[test]
fn the_chain_is_given_exactly_where_it_is_needed() {
    let plain = params(7, Distribution::Uniform, 6, 0);
    let public = chain(&plain, witness(), 1);
    for (params, public) in [
        (plain.clone(), Some(public)),
        (plain.with_weight_digest(true), None),
    ] {
        let mut meta = ConstraintSystem::default();
        let config = TileCircuit::configure_with_params(&mut meta, params.clone());
        let circuit = TileCircuit::new(params, witness()).with_chain(public);
        let laid_out = Grid::new(&circuit, &meta, config, 7, &[&[]], &[Fr::ONE; 3]);
        assert!(laid_out.is_err());
    }
}
