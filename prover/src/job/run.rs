//! The work itself.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use ff::PrimeField;
use nascent_circuits::tile::TileChain;
use nascent_params::Srs;
use nascent_verifier::{
    Alone, CommitmentData, Digest32, InitBundle, Links, ProvedWeights, StreamProofs, TileProof,
    VerifyingKey, verify_init_weights,
};
use rand_core::{CryptoRng, RngCore};

use super::directory::TileFileError;
use super::directory::TileId;
use super::error::JobError;
use super::linker::{LinkedTile, Linker, TileLinkError, assemble};
use super::meter::Meter;
use super::observer::{Event, Observer};
use super::{Finished, Job};
use crate::error::ProveError;
use crate::estimate::workers;
use crate::keys::TileKeys;
use crate::link::{Blinding, Opening};

/// What the tiles of a run share.
struct Run<'r> {
    observer: &'r dyn Observer,
    cancel: &'r AtomicBool,
    meter: Mutex<Meter>,
    /// Stream by stream, tile by tile; no streams without the weight digest.
    chains: Vec<Vec<TileChain>>,
    /// Commitments and links, if they are asked for.
    linked: Mutex<BTreeMap<TileId, LinkedTile>>,
    /// Seeds of the tiles' blinding, drawn one by one from the caller's generator.
    seeds: Mutex<&'r mut (dyn Randomness + 'r)>,
}

/// A generator fit for blinding that can be handed from thread to thread.
trait Randomness: RngCore + CryptoRng + Send {}
impl<R: RngCore + CryptoRng + Send> Randomness for R {}

type Proofs = BTreeMap<TileId, Vec<u8>>;

impl Job<'_> {
    /// Proves what is missing and puts the bundle together. Blinding comes from `rng`.
    ///
    /// `cancel` is looked at between tiles.
    ///
    /// # Errors
    ///
    /// The first thing that fails; tiles under way at that time are still finished and kept.
    pub fn run(
        &self,
        mut rng: impl RngCore + CryptoRng + Send,
        observer: &dyn Observer,
        cancel: &AtomicBool,
    ) -> Result<Finished, JobError> {
        let chains = self.chains(observer, cancel)?;
        let run = Run {
            observer,
            cancel,
            meter: Mutex::new(Meter::new(self)),
            chains,
            linked: Mutex::default(),
            seeds: Mutex::new(&mut rng),
        };
        let mut proofs = Proofs::new();
        let mut keys = Vec::new();
        let mut resumed = 0;
        for (stream, _) in (0_u16..).zip(&self.plan.model.streams) {
            let (vk, found, made) = self.stream(&run, stream)?;
            resumed += found.len() as u64;
            proofs.extend(found);
            proofs.extend(made);
            keys.push(vk);
        }
        let proved = proofs.len() as u64 - resumed;
        observer.on_event(&Event::VerifyingBundle);
        let bundle = self.bundle(&run, &keys, proofs);
        let find = |digest: &Digest32| keys.iter().find(|vk| vk.digest() == digest);
        let (report, weights) = verify_init_weights(&bundle, find, &self.verifier_srs, &Alone)?;
        let committed = self.committed(&run, &weights)?;
        Ok(Finished {
            bundle,
            report,
            keys,
            committed,
            resumed,
            proved,
        })
    }

    /// The commitment to all tiles with the links, checked once more.
    fn committed(
        &self,
        run: &Run<'_>,
        weights: &[ProvedWeights],
    ) -> Result<Option<(CommitmentData, Links)>, JobError> {
        let Some(opening) = &self.options.opening else {
            return Ok(None);
        };
        let linked = std::mem::take(&mut *run.linked());
        for ((tile, linked), weights) in linked.iter().zip(weights) {
            self.check_link(*tile, linked, opening, weights)
                .map_err(link_error(*tile))?;
        }
        let linked = linked.into_values();
        Ok(Some(assemble(self.srs_identity, linked)))
    }

    fn check_link(
        &self,
        tile: TileId,
        linked: &LinkedTile,
        opening: &Opening,
        weights: &ProvedWeights,
    ) -> Result<(), TileLinkError> {
        let subject = self.subject.committed(tile.stream, tile.index);
        linked.check(&subject, opening, weights, &self.verifier_srs)
    }

    /// The weight digest of every stream, where the plan asks for it.
    fn chains(
        &self,
        observer: &dyn Observer,
        cancel: &AtomicBool,
    ) -> Result<Vec<Vec<TileChain>>, JobError> {
        let mut chains = Vec::new();
        if !self.plan.weight_digest {
            return Ok(chains);
        }
        let streams = self.plan.model.streams.iter().zip(&self.params);
        for (stream, (spec, params)) in (0_u16..).zip(streams) {
            if cancel.load(Ordering::Relaxed) {
                break;
            }
            observer.on_event(&Event::Hashing { stream });
            let source = |source| JobError::Sampling { stream, source };
            chains.push(self.subject.chains(params, spec.blocks()).map_err(source)?);
        }
        Ok(chains)
    }

    /// One stream: its key, the proofs found and the proofs made.
    fn stream(
        &self,
        run: &Run<'_>,
        stream: u16,
    ) -> Result<(VerifyingKey, Proofs, Proofs), JobError> {
        let params = &self.params[usize::from(stream)];
        // With a stored key, a finished stream needs neither proving key nor SRS.
        if let Some(vk) = self.keys.load(params, &self.srs_identity) {
            let found = self.found(run, stream, &vk)?;
            if self.missing(stream, &found).is_empty() {
                return Ok((vk, found, Proofs::new()));
            }
            let (srs, keys) = self.keys(run, stream)?;
            if keys.verifying_key().digest() == vk.digest() {
                let made = self.prove(run, stream, &srs, &keys, &found)?;
                return Ok((vk, found, made));
            }
            // The stored key was of another version: what was found is of no use.
            run.meter().forget(found.keys());
            return self.with_keys(run, stream, &srs, &keys);
        }
        let (srs, keys) = self.keys(run, stream)?;
        self.with_keys(run, stream, &srs, &keys)
    }

    fn with_keys(
        &self,
        run: &Run<'_>,
        stream: u16,
        srs: &Srs,
        keys: &TileKeys,
    ) -> Result<(VerifyingKey, Proofs, Proofs), JobError> {
        let vk = keys.verifying_key().clone();
        let found = self.found(run, stream, &vk)?;
        let made = self.prove(run, stream, srs, keys, &found)?;
        Ok((vk, found, made))
    }

    fn keys(&self, run: &Run<'_>, stream: u16) -> Result<(Arc<Srs>, TileKeys), JobError> {
        let params = &self.params[usize::from(stream)];
        let k = params.k;
        run.check_cancelled()?;
        run.observer.on_event(&Event::LoadingSrs { k });
        let srs = self
            .srs
            .load(k)
            .map_err(|source| JobError::Srs { k, source })?;
        let (expected, got) = (self.srs_identity, *srs.identity());
        if expected != got {
            return Err(JobError::SrsIdentity { expected, got });
        }
        run.check_cancelled()?;
        run.observer.on_event(&Event::PreparingKeys { stream, k });
        let (keys, source) = self
            .keys
            .load_or_generate(params, &srs)
            .map_err(|source| JobError::Keys { stream, source })?;
        run.observer.on_event(&Event::Keys { stream, source });
        Ok((srs, keys))
    }

    /// Finished tiles whose proofs verify.
    fn found(&self, run: &Run<'_>, stream: u16, vk: &VerifyingKey) -> Result<Proofs, JobError> {
        let (srs, identity) = (&self.verifier_srs, &self.srs_identity);
        let read = |tile: TileId| -> Result<Option<Vec<u8>>, TileFileError> {
            let file = self
                .directory
                .read_tile(&self.subject, tile, vk.digest(), identity)?;
            let Some(proof) = file else { return Ok(None) };
            let chain = run.chain(tile);
            let weights =
                self.subject
                    .verify_weights(vk, srs, tile.stream, tile.index, chain, &proof)?;
            if let (Some(opening), Some(weights)) = (&self.options.opening, weights) {
                // The blinding of a proof without a link is gone: it is made again.
                let linked = self.directory.read_link(&self.subject, tile)?;
                let Some(linked) = linked else {
                    return Ok(None);
                };
                self.check_link(tile, &linked, opening, &weights)?;
                run.linked().insert(tile, linked);
            }
            Ok(Some(proof))
        };
        let mut found = Proofs::new();
        for tile in self.tiles_of(stream) {
            run.check_cancelled()?;
            match read(tile) {
                Ok(Some(proof)) => {
                    found.insert(tile, proof);
                    let standing = run.meter().found(tile);
                    run.observer.on_event(&Event::Resumed { tile, standing });
                }
                Ok(None) => {}
                Err(reason) => {
                    run.observer.on_event(&Event::Discarded {
                        tile,
                        reason: &reason,
                    });
                }
            }
        }
        Ok(found)
    }

    fn missing(&self, stream: u16, found: &Proofs) -> Vec<TileId> {
        self.tiles_of(stream)
            .filter(|tile| !found.contains_key(tile))
            .collect()
    }

    fn tiles_of(&self, stream: u16) -> impl Iterator<Item = TileId> {
        let spec = &self.plan.model.streams[usize::from(stream)];
        let tiles = self.tiles[usize::from(stream)].tiles(spec);
        (0..tiles).map(move |index| TileId { stream, index })
    }

    /// Proves the missing tiles of a stream, several at a time if they are small.
    fn prove(
        &self,
        run: &Run<'_>,
        stream: u16,
        srs: &Srs,
        keys: &TileKeys,
        found: &Proofs,
    ) -> Result<Proofs, JobError> {
        let missing = self.missing(stream, found);
        let linker = match &self.options.opening {
            Some(opening) if !missing.is_empty() => {
                let first = TileId { stream, index: 0 };
                Some(Linker::new(srs, opening).map_err(link_error(first))?)
            }
            _ => None,
        };
        let tile = &self.tiles[usize::from(stream)];
        let most = workers(tile, missing.len() as u64, &self.options.cost, &self.limits);
        let workers = self
            .options
            .workers
            .unwrap_or(most)
            .clamp(1, missing.len().max(1));
        let next = AtomicUsize::new(0);
        let failed = AtomicBool::new(false);
        let work = || -> Result<Proofs, JobError> {
            let mut made = Proofs::new();
            while let Some(&tile) = missing.get(next.fetch_add(1, Ordering::Relaxed)) {
                if failed.load(Ordering::Relaxed) {
                    break;
                }
                let proof = self.tile(run, srs, keys, linker.as_ref(), tile);
                let proof = proof.inspect_err(|_| failed.store(true, Ordering::Relaxed))?;
                made.insert(tile, proof);
            }
            Ok(made)
        };
        if workers == 1 {
            return work();
        }
        // Threads of their own: a task of the pool that waits for a proof would begin another.
        let results: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
            threads
                .into_iter()
                .map(thread::ScopedJoinHandle::join)
                .collect()
        });
        let mut made = Proofs::new();
        for result in results {
            made.extend(result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        Ok(made)
    }

    /// Proves one tile, verifies the proof and writes it.
    fn tile(
        &self,
        run: &Run<'_>,
        srs: &Srs,
        keys: &TileKeys,
        linker: Option<&Linker<'_>>,
        tile: TileId,
    ) -> Result<Vec<u8>, JobError> {
        run.check_cancelled()?;
        let standing = run.meter().begin();
        run.observer.on_event(&Event::Proving { tile, standing });
        let start = Instant::now();
        let blinding = run.blinding();
        let (chain, rng) = (run.chain(tile), blinding.generator());
        let proof = self
            .subject
            .prove(keys, srs, tile.stream, tile.index, chain, rng)?;
        if let Some(linker) = linker {
            self.link(run, keys, linker, tile, &proof, &blinding)?;
        }
        let vk = keys.verifying_key().digest();
        self.directory
            .write_tile(&self.subject, tile, vk, srs.identity(), &proof)?;
        let standing = run.meter().proved(tile);
        run.observer.on_event(&Event::Proved {
            tile,
            time: start.elapsed(),
            standing,
        });
        Ok(proof)
    }

    /// Commits to a tile's weights and links its proof, before the proof's own file is written.
    fn link(
        &self,
        run: &Run<'_>,
        keys: &TileKeys,
        linker: &Linker<'_>,
        tile: TileId,
        proof: &[u8],
        blinding: &Blinding,
    ) -> Result<(), JobError> {
        let (stream, index, chain) = (tile.stream, tile.index, run.chain(tile));
        let vk = keys.verifying_key();
        let srs = &self.verifier_srs;
        let refused = |source| ProveError::Refused {
            stream,
            index,
            source,
        };
        let weights = self
            .subject
            .verify_weights(vk, srs, stream, index, chain, proof)
            .map_err(refused)?;
        let Some(weights) = weights else {
            let foreign = TileLinkError::Foreign { what: "circuit" };
            return Err(link_error(tile)(foreign));
        };
        let cells = self.subject.lane_cells(keys.params(), stream, index)?;
        let subject = self.subject.committed(stream, index);
        let rng = run.blinding().generator();
        let linked = linker.link(vk, subject, &cells, &weights, blinding, rng);
        let linked = linked.map_err(link_error(tile))?;
        self.directory.write_link(&self.subject, tile, &linked)?;
        run.linked().insert(tile, linked);
        Ok(())
    }

    fn bundle(&self, run: &Run<'_>, keys: &[VerifyingKey], proofs: Proofs) -> InitBundle {
        let streams = self
            .params
            .iter()
            .zip(keys)
            .map(|(params, vk)| StreamProofs {
                // `TileParams` bounds k far below.
                k: u8::try_from(params.k).unwrap_or(u8::MAX),
                vk_digest: *vk.digest(),
            });
        let chain = |tile: &TileId| Some(run.chain(*tile)?.end.to_repr());
        let hash_chain_ends = proofs.keys().filter_map(chain).collect();
        let tiles = proofs
            .into_iter()
            .map(|(TileId { stream, index }, proof)| TileProof {
                stream,
                index,
                proof,
            });
        InitBundle {
            plan: self.plan.clone(),
            beacon: self.beacon.clone(),
            srs_digest: self.srs_identity,
            streams: streams.collect(),
            tiles: tiles.collect(),
            hash_chain_ends,
        }
    }
}

impl Run<'_> {
    fn meter(&self) -> std::sync::MutexGuard<'_, Meter> {
        self.meter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A tile's part of the weight digest.
    fn chain(&self, tile: TileId) -> Option<TileChain> {
        let tiles = self.chains.get(usize::from(tile.stream))?;
        tiles.get(usize::try_from(tile.index).ok()?).copied()
    }

    fn check_cancelled(&self) -> Result<(), JobError> {
        if !self.cancel.load(Ordering::Relaxed) {
            return Ok(());
        }
        let standing = self.meter().standing();
        Err(JobError::Cancelled {
            done: standing.tiles,
            total: standing.total_tiles,
        })
    }

    fn linked(&self) -> std::sync::MutexGuard<'_, BTreeMap<TileId, LinkedTile>> {
        self.linked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Blinding of one proof.
    fn blinding(&self) -> Blinding {
        let mut seeds = self.seeds.lock().unwrap_or_else(PoisonError::into_inner);
        Blinding::draw(&mut **seeds)
    }
}

fn link_error(TileId { stream, index }: TileId) -> impl Fn(TileLinkError) -> JobError {
    move |source| JobError::Link {
        stream,
        index,
        source,
    }
}
