//! Evidence of beacon values: what is established, what is refused, and how it is fetched.
//!
//! One binary: each costs seconds to build.

mod bitcoin;
mod drand;
mod ethereum;
#[cfg(feature = "fetch")]
mod fetch;
mod several;
mod vrf;
