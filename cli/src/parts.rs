//! What is written of a proof, all of it or nothing.

use crate::beside::links_file;
use crate::failure::Result;
use crate::output::Context;
use crate::paths::Paths;
use crate::results::{Results, rescue};
use nascent_params::atomic::Access;
use nascent_verifier::codec::Format;
use nascent_verifier::{Links, VkData};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// What is written of a proof.
pub struct Parts {
    pub proof: Vec<u8>,
    pub key: Vec<u8>,
    pub links: Option<Vec<u8>>,
    pub salts: Vec<(PathBuf, Zeroizing<String>)>,
}

impl Parts {
    /// Writes all of it, the proof last; what cannot be written is kept in the cache.
    pub fn write(&self, context: &Context, paths: &Paths, out: &Path, key: &Path) -> Result<()> {
        let beside = links_file(out);
        let write = || {
            let mut results = Results::default();
            results.beside(key, VkData::MAGIC, &self.key)?;
            if let Some(links) = &self.links {
                results.beside(&beside, Links::MAGIC, links)?;
            }
            for (path, text) in &self.salts {
                results.secret(path, text.as_bytes())?;
            }
            results.bytes(out, Access::Umask, &self.proof)?;
            results.publish(paths)
        };
        write().map_err(|failure| {
            let salts = self.salts.iter();
            let salts = salts.map(|(path, text)| (path.as_path(), text.as_bytes()));
            let links = self
                .links
                .iter()
                .map(|links| (beside.as_path(), &links[..]));
            let parts = [(out, &self.proof[..]), (key, &self.key)];
            let parts: Vec<_> = parts.into_iter().chain(links).chain(salts).collect();
            rescue(context, failure, out, &parts)
        })
    }
}
