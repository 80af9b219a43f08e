//! Eight elements of a BN254 field at once.
//!
//! [`radix52`] holds elements in five limbs of 52 bits, in Montgomery form with `R = 2^260`, and
//! converts from and to the curve crate's elements; [`ifma`] (x86-64 only) computes on eight of
//! them with AVX-512 IFMA, chosen at run time. Both work over the scalar field `Fr` and the base
//! field `Fq` ([`radix52::Modulus`]). Without the instructions the curve crate's own arithmetic
//! serves: results are the same integers.

#[cfg(target_arch = "x86_64")]
pub mod ifma;
pub mod radix52;

/// Without the instruction set there is nothing here but a token that cannot be had.
#[cfg(not(target_arch = "x86_64"))]
pub mod ifma {
    /// Proof that the processor has the instructions: it has not.
    #[derive(Clone, Copy, Debug)]
    pub enum Ifma {}

    impl Ifma {
        /// Always `None`.
        pub fn try_new() -> Option<Self> {
            None
        }
    }
}
