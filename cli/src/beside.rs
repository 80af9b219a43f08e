//! What lies beside a proof, or is given with it: verifying keys, links, a verifier's SRS.

use crate::failure::{Classify, Explain, Kind, Result};
use crate::files;
use nascent_verifier::{Links, Srs, VerifyingKey, VkData};
use std::path::{Path, PathBuf};

/// Where the verifying key of a digest lies beside a proof.
pub fn key_file(proof: &Path, digest: &[u8; 32]) -> PathBuf {
    let short: String = hex::encode(digest).chars().take(16).collect();
    proof.with_file_name(format!("{short}.vk"))
}

/// Where links lie unless something else is said.
pub fn links_file(proof: &Path) -> PathBuf {
    let mut name = proof.file_name().unwrap_or_default().to_owned();
    name.push(".links");
    proof.with_file_name(name)
}

/// Reads a verifying key.
pub fn read_key(path: &Path) -> Result<VerifyingKey> {
    let data: VkData = files::read(path)?;
    VerifyingKey::new(data)
        .or_fail(Kind::Input)
        .doing(format!("{} is not a valid verifying key", path.display()))
}

/// Reads what a verifier needs of an SRS.
pub fn read_srs(path: &Path) -> Result<Srs> {
    let bytes = files::read_bounded(path, 256)?;
    Srs::decode(&bytes)
        .or_fail(Kind::Input)
        .doing(format!("{} is not a valid verifier SRS", path.display()))
        .help("`nascent srs export` makes one")
}

/// The keys that lie beside a proof, of those that it names.
pub fn keys(proof: &Path, digests: &[[u8; 32]]) -> Result<Vec<VerifyingKey>> {
    let files = digests.iter().map(|digest| key_file(proof, digest));
    let there = files.filter(|path| path.is_file());
    there.map(|path| read_key(&path)).collect()
}

/// The links of a proof.
pub fn links(proof: &Path, given: Option<&Path>) -> Result<Links> {
    files::read(given.unwrap_or(&links_file(proof))).help(
        "`nascent prove` with --commitment and --opening writes it; --links FILE gives another",
    )
}
