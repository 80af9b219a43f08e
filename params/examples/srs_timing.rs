//! Measures the SRS operations at a given size. The figures of the crate's README come from here:
//!
//! `cargo run --release -p nascent-params --example srs_timing -- K CACHE_DIRECTORY [FILE.ptau]`

use std::path::PathBuf;
use std::time::Instant;

use nascent_params::{ParamsError, Silent, Srs, SrsCache};

fn timed<T>(what: &str, work: impl FnOnce() -> Result<T, ParamsError>) -> Result<T, ParamsError> {
    let (wall, cpu) = (Instant::now(), cpu_seconds());
    let result = work()?;
    let (wall, cpu) = (wall.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    println!("{what:<28} {wall:>8.2} s wall {cpu:>8.2} s processor");
    Ok(result)
}

/// User and system time of this process so far; zero where the system does not tell.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2);
    ticks
        .filter_map(|field| field.parse::<f64>().ok())
        .sum::<f64>()
        / 100.0
}

fn main() -> Result<(), ParamsError> {
    let mut arguments = std::env::args().skip(1);
    let k = arguments.next().and_then(|k| k.parse().ok()).unwrap_or(16);
    let directory = arguments
        .next()
        .map_or_else(std::env::temp_dir, PathBuf::from);
    let ptau = arguments.next().map(PathBuf::from);
    let cache = SrsCache::new(directory);

    println!(
        "k = {k}, {} threads",
        std::thread::available_parallelism().map_or(1, usize::from)
    );
    let srs = timed("generate (development)", || Srs::development(k, &Silent))?;
    timed("check", || srs.check(&Silent))?;
    timed("store", || cache.store(&srs, &Silent))?;
    timed("load", || cache.load(srs.identity(), k, &Silent))?;
    timed("copy the Lagrange basis", || Ok(srs.lagrange()))?;
    let transform_k = k.min(16);
    timed(&format!("Lagrange basis, k = {transform_k}"), || {
        srs.derive_from_powers(transform_k, &Silent)
    })?;
    if let Some(path) = ptau {
        timed("import .ptau", || {
            Srs::import_ptau(&path, k, &Default::default(), &Silent)
        })?;
    }
    Ok(())
}
