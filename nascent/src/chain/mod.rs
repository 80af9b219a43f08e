//! Chains: one file from plan and beacon to answers.

mod gather;
mod keys;
mod material;
mod verify;

pub use gather::{Declared, GatherError, Pieces};
pub use keys::{ChainKeys, ChainKeysError, KeyUse};
pub use material::{Material, MaterialError, Named};
pub use verify::{ChainReport, ChainVerdict, ChainVerifyError, VersionReport, tell, verify};
