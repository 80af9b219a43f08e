//! Derivation: the weights that a plan and its beacon's value give.

use crate::error::{Failure, Kind};
use crate::secret::Secret;
use nascent_prover::derive::{DeriveError, Deriver};
use nascent_verifier::{Beacon, Plan};

/// Errors of the derivation: the publisher's secret, the file system, or the plan.
impl Failure for DeriveError {
    fn kind(&self) -> Kind {
        match self {
            Self::WrongSecret | Self::SecretForPublicSeed | Self::Previous { .. } => Kind::Usage,
            Self::Write { .. } | Self::Sink(_) => Kind::Environment,
            _ => Kind::Input,
        }
    }

    fn help(&self) -> Option<String> {
        let help = match self {
            Self::WrongSecret => "give the secret that the plan was made with: --secret FILE",
            Self::SecretForPublicSeed => "leave --secret away",
            Self::Previous { .. } => {
                "give the weights that the earlier plan gave: --previous-weights FILE.safetensors"
            }
            _ => return None,
        };
        Some(help.to_owned())
    }
}

/// What derives a plan's weights; inherited ones are given to it
/// ([`Deriver::with_previous`]).
///
/// # Errors
/// The secret is not the plan's, or the plan has none; the value is not what the plan announces.
pub fn deriver<'a>(
    plan: &'a Plan,
    beacon: &Beacon,
    secret: Option<&Secret>,
) -> Result<Deriver<'a>, DeriveError> {
    Deriver::from_plan(plan, beacon, secret.map(Secret::scalar))
}
