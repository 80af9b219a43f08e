//! What committing, opening and linking take.
//!
//! ```text
//! cargo run --release -p nascent-prover --example link_cost -- [k] [columns] [bits]
//! ```

use std::time::Instant;

use nascent_params::{Silent, Srs};
use nascent_prover::link::{Columns, Committer, Opening, prove};
use nascent_verifier::link::{CommittedTo, PartData, TAIL, verify_link};
use nascent_verifier::{CommitmentData, WeightCommitment};
use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore, SeedableRng};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse());
    let k: u32 = arguments.next().unwrap_or(Ok(16))?;
    let columns = arguments.next().unwrap_or(Ok(15))?;
    let bits = arguments.next().unwrap_or(Ok(16))?;
    let mut rng = ChaCha20Rng::from_seed([1; 32]);
    let srs = Srs::development(k, &Silent)?;
    let cells: Vec<Vec<i64>> = (0..columns)
        .map(|_| {
            let cell = |_| i64::from(rng.next_u32() >> (32 - bits));
            (0..1 << k).map(cell).collect()
        })
        .collect();
    let count = f64::from(columns) * f64::from(1 << k);
    println!("k = {k}, {columns} columns of {bits} bits: {count} cells");

    let start = Instant::now();
    let committer = Committer::new(&srs, TAIL);
    println!("points prepared in {:.3} s", start.elapsed().as_secs_f64());
    let start = Instant::now();
    let tail = committer.tail_points()?;
    println!("tail points in {:.3} s", start.elapsed().as_secs_f64());
    let of = Columns {
        subject: CommittedTo::Parameters {
            architecture: [1; 32],
        },
        vk_digest: [2; 32],
    };
    let published = |opening: &Opening| -> Result<WeightCommitment, Box<dyn std::error::Error>> {
        let start = Instant::now();
        let points = committer.commit(&of, &cells, opening)?;
        let seconds = start.elapsed().as_secs_f64();
        println!(
            "committed in {seconds:.3} s, {:.0} cells/s",
            count / seconds
        );
        let data = CommitmentData {
            srs_digest: *srs.identity(),
            tails: vec![tail.clone()],
            parts: vec![PartData {
                subject: of.subject,
                vk_digest: of.vk_digest,
                opening: opening.id(),
                tail: 0,
                points,
            }],
        };
        let start = Instant::now();
        let checked = WeightCommitment::new(&data, srs.verifier_srs())?;
        let time = start.elapsed().as_secs_f64() * 1e3;
        println!("commitment file checked in {time:.2} ms (tail's pairing included)");
        Ok(checked)
    };
    let openings = [1, 2].map(|seed| Opening::draw(&mut ChaCha20Rng::from_seed([seed; 32])));
    let [a, b] = &openings;
    let (first, second) = (published(a)?, published(b)?);
    let (a_part, b_part) = (&first.parts()[0], &second.parts()[0]);
    let start = Instant::now();
    committer.open(a_part, &cells, a)?;
    let seconds = start.elapsed().as_secs_f64();
    println!("opened in {seconds:.3} s, {:.0} cells/s", count / seconds);

    let sides = [&a_part.side(), &b_part.side()];
    let tails = [&a.tails(a_part, &cells), &b.tails(b_part, &cells)];
    let start = Instant::now();
    let link = prove(a_part.key(), sides, tails, &mut rng)?;
    let time = start.elapsed().as_secs_f64() * 1e3;
    println!(
        "link of {} bytes made and checked in {time:.2} ms",
        link.len()
    );
    let rounds = 200;
    let start = Instant::now();
    for _ in 0..rounds {
        verify_link(a_part.key(), sides[0], sides[1], &link)?;
    }
    let time = start.elapsed().as_secs_f64() * 1e3 / f64::from(rounds);
    println!("link verified in {time:.3} ms");
    Ok(())
}
