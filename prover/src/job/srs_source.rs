//! Where a job gets reference strings of the sizes it needs.

use std::sync::{Arc, Mutex, PoisonError};

use nascent_params::{ParamsError, Provenance, Silent, SourceFormat, Srs, SrsCache};
use nascent_verifier::{Digest32, Srs as VerifierSrs};

/// Reference strings of one tau, in several sizes.
pub trait SrsSource: Sync {
    /// What a verifier needs of them; their identity is its digest.
    ///
    /// # Errors
    ///
    /// If none can be had.
    fn verifier_srs(&self) -> Result<VerifierSrs, ParamsError>;

    /// The sizes (as `k` of `2^k`) that can be had in little time: the automatic choice is one of
    /// them.
    fn sizes(&self) -> Vec<u32>;

    /// The SRS of a size, whatever it takes.
    ///
    /// # Errors
    ///
    /// If there is none of that size, and none that it can be derived from.
    fn load(&self, k: u32) -> Result<Arc<Srs>, ParamsError>;
}

/// Largest development SRS that is generated unasked.
const DEVELOPMENT_K: u32 = 20;

/// The development SRS, generated as needed.
#[derive(Clone, Debug, Default)]
pub struct DevelopmentSrs {
    /// Where it is kept; `None` to generate it every time.
    pub cache: Option<SrsCache>,
}

impl SrsSource for DevelopmentSrs {
    fn verifier_srs(&self) -> Result<VerifierSrs, ParamsError> {
        // That of any size.
        Ok(*Srs::development(nascent_params::MIN_K, &Silent)?.verifier_srs())
    }

    fn sizes(&self) -> Vec<u32> {
        (nascent_params::MIN_K..=DEVELOPMENT_K).collect()
    }

    fn load(&self, k: u32) -> Result<Arc<Srs>, ParamsError> {
        let srs = match &self.cache {
            Some(cache) => cache.load_or_create_development(k, &Silent),
            None => Srs::development(k, &Silent),
        };
        srs.map(Arc::new)
    }
}

/// Imported SRS, out of a cache.
#[derive(Clone, Debug)]
pub struct CachedSrs {
    cache: SrsCache,
    identity: Digest32,
}

impl CachedSrs {
    /// The SRS of that identity in the cache.
    pub fn new(cache: SrsCache, identity: Digest32) -> Self {
        Self { cache, identity }
    }
}

impl SrsSource for CachedSrs {
    fn verifier_srs(&self) -> Result<VerifierSrs, ParamsError> {
        let entries = self.cache.entries()?.into_iter();
        let sizes = entries
            .filter(|entry| entry.identity == self.identity)
            .map(|entry| entry.k);
        // With none, the error is that of a missing file.
        let k = sizes.min().unwrap_or(nascent_params::MIN_K);
        Ok(*self.cache.load(&self.identity, k, &Silent)?.verifier_srs())
    }

    /// Sizes in the cache; and all below a `.ptau` file's, which has them ready.
    fn sizes(&self) -> Vec<u32> {
        let mut sizes = Vec::new();
        for entry in self.cache.entries().unwrap_or_default() {
            if entry.identity != self.identity {
                continue;
            }
            match &entry.provenance {
                Provenance::Ceremony(file)
                    if file.format == SourceFormat::Ptau && file.path.is_file() =>
                {
                    sizes.extend(nascent_params::MIN_K..=entry.k);
                }
                _ => sizes.push(entry.k),
            }
        }
        sizes.sort_unstable();
        sizes.dedup();
        sizes
    }

    fn load(&self, k: u32) -> Result<Arc<Srs>, ParamsError> {
        self.cache
            .load_or_derive(&self.identity, k, &Silent)
            .map(Arc::new)
    }
}

/// An SRS in memory, with what was derived from it.
#[derive(Debug)]
pub struct HeldSrs {
    srs: Arc<Srs>,
    derived: Mutex<Vec<Arc<Srs>>>,
}

impl HeldSrs {
    /// Holds an SRS.
    pub fn new(srs: Arc<Srs>) -> Self {
        Self {
            srs,
            derived: Mutex::default(),
        }
    }
}

impl SrsSource for HeldSrs {
    fn verifier_srs(&self) -> Result<VerifierSrs, ParamsError> {
        Ok(*self.srs.verifier_srs())
    }

    /// Its own size; for a development SRS all below too.
    fn sizes(&self) -> Vec<u32> {
        let k = self.srs.k();
        let least = if self.srs.is_development() {
            nascent_params::MIN_K
        } else {
            k
        };
        (least..=k).collect()
    }

    fn load(&self, k: u32) -> Result<Arc<Srs>, ParamsError> {
        if self.srs.k() == k {
            return Ok(Arc::clone(&self.srs));
        }
        // Held while deriving: no size is derived twice.
        let mut derived = self.derived.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(srs) = derived.iter().find(|srs| srs.k() == k) {
            return Ok(Arc::clone(srs));
        }
        let srs = Arc::new(self.srs.derive(k, &Silent)?);
        derived.push(Arc::clone(&srs));
        Ok(srs)
    }
}
