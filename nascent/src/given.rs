//! What a verifier has from elsewhere, to hold files against.

use crate::error::{Failure, Kind};
use crate::evidence::{self, Checked, Known};
use crate::keys::KeySource;
use crate::model::ModelFile;
use crate::plan::{self, PlanError};
use nascent_compiler::{Earlier, Rules};
use nascent_verifier::{Beacon, BeaconError, Digest32, Fill, InitBundle, Plan};
use serde::Serialize;

/// What a verifier has from elsewhere, and accepts.
#[derive(Debug, Default)]
pub struct Given<'a> {
    /// The plan as it was published.
    pub plan: Option<&'a Plan>,
    /// The beacon's value.
    pub beacon: Option<&'a Beacon>,
    /// What is known of blocks and keys of the beacon.
    pub known: Known<'a>,
    /// The model's file.
    pub model: Option<&'a ModelFile>,
    /// The rules [default: those that come with this crate].
    pub rules: Option<&'a Rules>,
    /// Earlier plans that weights are inherited from.
    pub earlier: &'a [Plan],
    /// Verifying keys.
    pub keys: KeySource,
    /// Keys are taken as they are, also where nothing shows that they are the circuits'.
    pub accept_keys: bool,
    /// Answers of weights whose origin is only declared are what the caller asks for.
    pub accept_declared: bool,
}

/// Why a file is not about what the verifier has.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GivenError {
    /// The file is about something else.
    #[error("it was made for another {0}")]
    Differs(&'static str),
    /// The proof's statement is about something else.
    #[error("it is about another {0}")]
    About(&'static str),
    /// The beacon's value is not what the plan announces.
    #[error(transparent)]
    Beacon(#[from] BeaconError),
    /// The model's file.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Something that says nothing of such a file.
    #[error("{what} says nothing of {of}")]
    NotOf {
        /// What was given.
        what: &'static str,
        /// What the file is about.
        of: &'static str,
    },
    /// A key that no proof is under.
    #[error(
        "a key that was given is {}, which no proof is under",
        hex::encode(key)
    )]
    UnusedKey {
        /// Its digest.
        key: Digest32,
    },
}

impl Failure for GivenError {
    fn kind(&self) -> Kind {
        match self {
            Self::Differs(_) | Self::About(_) | Self::Beacon(_) | Self::UnusedKey { .. } => {
                Kind::Refused
            }
            Self::Plan(error) => error.kind(),
            Self::NotOf { .. } => Kind::Usage,
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Differs(_) => Some("the proofs may hold, but not for what you gave".to_owned()),
            Self::Beacon(_) => {
                Some("the plan was published with other sources: nothing else counts".to_owned())
            }
            Self::Plan(error) => error.help(),
            Self::About(_) | Self::NotOf { .. } | Self::UnusedKey { .. } => None,
        }
    }
}

/// What of a plan was held against what the verifier has.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Compared {
    /// The plan.
    pub plan: bool,
    /// The beacon's value.
    pub beacon_value: bool,
    /// The model, and its rules.
    pub model: bool,
}

impl<'a> Given<'a> {
    /// A plan as it was published, with the model's file and the rules that it was made by; keys are
    /// derived anew.
    pub fn new(plan: &'a Plan, model: &'a ModelFile, rules: &'a Rules) -> Self {
        Self {
            plan: Some(plan),
            model: Some(model),
            rules: Some(rules),
            keys: KeySource {
                rederive: true,
                ..KeySource::default()
            },
            ..Self::default()
        }
    }
}

impl Given<'_> {
    /// Whether something says which plan it has to be.
    pub fn names_a_plan(&self) -> bool {
        let known = !self.known.blocks.is_empty() || !self.known.vrf_keys.is_empty();
        self.plan.is_some() || self.model.is_some() || self.beacon.is_some() || known
    }

    /// Nothing was given that only a plan and its beacon's value can be held against: it would be passed
    /// over.
    pub(crate) fn check_only_of_plans(&self, of: &'static str) -> Result<(), GivenError> {
        let given = [
            ("a beacon's value", self.beacon.is_some()),
            ("a block's hash", !self.known.blocks.is_empty()),
            ("a VRF's key", !self.known.vrf_keys.is_empty()),
            ("a file of rules", self.rules.is_some()),
        ];
        match given.into_iter().find(|(_, given)| *given) {
            Some((what, _)) => Err(GivenError::NotOf { what, of }),
            None => Ok(()),
        }
    }

    /// What is to be said of keys that nothing shows to be the circuits'.
    pub(crate) fn open_keys(&self, known: bool) -> Option<String> {
        let open = !known && !self.accept_keys;
        open.then(|| {
            "that the verifying keys are the circuits': --rederive-key derives them (an answer takes \
             --architecture, a relayout --plan, --architecture and --origins); --accept-keys takes \
             them as they are"
                .to_owned()
        })
    }

    /// Every key that was given is one that a proof is under.
    ///
    /// # Errors
    /// One is not.
    pub fn check_keys_used(&self, used: &[Digest32]) -> Result<(), GivenError> {
        let mut given = self.keys.given.iter().map(|key| *key.digest());
        match given.find(|key| !used.contains(key)) {
            Some(key) => Err(GivenError::UnusedKey { key }),
            None => Ok(()),
        }
    }

    /// Holds an initialization against what the verifier has; `earlier` has the plans that it inherits
    /// from, among others.
    ///
    /// # Errors
    /// It is about something else.
    pub fn compare(
        &self,
        bundle: &InitBundle,
        earlier: &[Earlier<'_>],
    ) -> Result<Compared, GivenError> {
        let mut compared = Compared::default();
        if let Some(plan) = self.plan {
            if *plan != bundle.plan {
                return Err(GivenError::Differs("plan"));
            }
            compared.plan = true;
        }
        if let Some(beacon) = self.beacon {
            bundle.plan.beacon.check(beacon)?;
            // Of two pieces of evidence for one value either will do.
            if beacon.digest() != bundle.beacon.digest() {
                return Err(GivenError::Differs("beacon value"));
            }
            compared.beacon_value = true;
        }
        if let Some(file) = self.model {
            self.compare_model(file, bundle, earlier)?;
            compared.model = true;
        }
        Ok(compared)
    }

    fn compare_model(
        &self,
        file: &ModelFile,
        bundle: &InitBundle,
        earlier: &[Earlier<'_>],
    ) -> Result<(), GivenError> {
        let claimed = &bundle.plan.model;
        // What could be inherited and is not was the publisher's choice, and stands in the plan.
        let sampled = claimed.tensors.iter();
        let sampled = sampled.filter(|tensor| matches!(tensor.fill, Fill::Sampled { .. }));
        let redrawn: Vec<String> = if claimed.inherited_elements() > 0 {
            sampled.map(|tensor| tensor.name.clone()).collect()
        } else {
            Vec::new()
        };
        let from = claimed.inherits_from();
        let named = earlier.iter().filter(|of| from.contains(&of.plan));
        let named: Vec<Earlier<'_>> = named.copied().collect();
        let rules = self.rules.cloned().unwrap_or_default();
        let model = plan::model(file, Some(&claimed.name), &rules, &named, &redrawn)?;
        if model.spec != *claimed {
            return Err(GivenError::Differs(match self.rules.is_some() {
                true => "model, or other rules",
                false => "model, or other rules than the default's (give them: --rules FILE)",
            }));
        }
        Ok(())
    }
}

/// What is to be said of a beacon value that the publisher could have made.
pub(crate) fn open_beacon(compared: Compared, values: &[Checked<'_>]) -> Option<String> {
    (!evidence::establish(values) && !compared.beacon_value).then(|| {
        "that the publisher could not choose the beacon value: nothing establishes it; give it as you \
         know it (--beacon-value, --beacon-file, --evidence), or what it rests on (--block-hash, \
         --vrf-key)"
            .to_owned()
    })
}
