//! From files in any order to the pieces of a chain.

use super::no_use;
use crate::beside::{key_file, links_file, read_key};
use crate::failure::Result;
use crate::files;
use crate::output::Context;
use nascent::chain::Pieces;
use nascent::keys::{self, KeysError};
use nascent::model::{GRAPH, PROFILE, origins_files, read_graph};
use nascent_verifier::{InferenceBundle, InitBundle, Links, RelayoutBundle};
use std::path::{Path, PathBuf};

/// Reads files and folders.
pub fn read(context: &Context, paths: &[PathBuf]) -> Result<Pieces> {
    let mut gathered = Gathered {
        context,
        pieces: Pieces::default(),
    };
    for path in paths {
        gathered.add(path)?;
    }
    Ok(gathered.pieces)
}

struct Gathered<'a> {
    context: &'a Context,
    pieces: Pieces,
}

impl Gathered<'_> {
    fn add(&mut self, path: &Path) -> Result<()> {
        if path.is_dir() {
            self.architecture(&path.join(GRAPH))?;
            if path.join(PROFILE).is_file() {
                self.profile(&path.join(PROFILE))?;
            }
            return origins_files(path).try_for_each(|origins| self.origins(&origins));
        }
        let start = files::start(path, 8)?;
        match files::what_is(&start).unwrap_or("file of another kind") {
            "proof bundle" => {
                let bundle: InitBundle = files::read(path)?;
                for stream in &bundle.streams {
                    self.key(path, &stream.vk_digest)?;
                }
                self.beside(path)?;
                self.pieces.inits.push(bundle);
                Ok(())
            }
            "weight commitment" => self.commitment(path),
            "relayout" => {
                let bundle: RelayoutBundle = files::read(path)?;
                self.key(path, &bundle.vk_digest)?;
                self.beside(path)?;
                self.pieces.relayouts.push(bundle);
                Ok(())
            }
            "inference" => {
                let bundle: InferenceBundle = files::read(path)?;
                self.key(path, &bundle.vk_digest)?;
                self.beside(path)?;
                self.pieces.answers.push(bundle);
                Ok(())
            }
            "file of links" => {
                self.pieces.links.extend(files::read::<Links>(path)?.links);
                Ok(())
            }
            "verifying key" => {
                self.pieces.key(read_key(path)?);
                Ok(())
            }
            "architecture" => self.architecture(path),
            "list of origins" => self.origins(path),
            "profile" => self.profile(path),
            other => Err(no_use(path, other)),
        }
    }

    /// Links beside a proof.
    fn beside(&mut self, proof: &Path) -> Result<()> {
        let path = links_file(proof);
        if path.is_file() {
            self.pieces.links.extend(files::read::<Links>(&path)?.links);
        }
        Ok(())
    }

    /// The key of a proof: beside it, or made here earlier; it may also be among the files.
    fn key(&mut self, proof: &Path, digest: &[u8; 32]) -> Result<()> {
        if self.pieces.keys.contains_key(digest) {
            return Ok(());
        }
        let path = key_file(proof, digest);
        let key = if path.is_file() {
            Some(read_key(&path)?)
        } else {
            keys::store(&self.context.setting())
                .find(digest)
                .map_err(KeysError::from)?
        };
        if let Some(key) = key {
            self.pieces.key(key);
        }
        Ok(())
    }

    fn commitment(&mut self, path: &Path) -> Result<()> {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        self.pieces
            .commitment(name.into_owned(), files::read(path)?);
        Ok(())
    }

    fn architecture(&mut self, path: &Path) -> Result<()> {
        Ok(self.pieces.architecture(&read_graph(path)?)?)
    }

    fn profile(&mut self, path: &Path) -> Result<()> {
        Ok(self.pieces.profile(&files::read(path)?)?)
    }

    fn origins(&mut self, path: &Path) -> Result<()> {
        Ok(self.pieces.origins(&files::read(path)?)?)
    }
}
