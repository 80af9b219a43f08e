//! Chains: one file from plan and beacon to answers.

mod gather;
mod keys;
mod material;
mod picture;
mod story;
mod structure;
mod verify;

pub use gather::{Declared, GatherError, Pieces};
pub use keys::{ChainKeys, ChainKeysError, KeyUse};
pub use material::{Material, MaterialError, Named};
pub use picture::svg;
pub use story::{Nature, Step, Story, TellError, Wholeness};
pub use verify::{ChainReport, ChainVerdict, ChainVerifyError, VersionReport, tell, verify};
