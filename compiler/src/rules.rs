//! Initialization rules: a preset, and overrides by name or role.

mod fill;
pub(crate) mod glob;
mod parse;
mod preset;

use crate::canon::Canon;
use crate::error::{CompileError, Result};
use crate::init::Init;
use crate::roles::{Fans, Parameter, Role};
pub use fill::{FillRule, Mode, Nonlinearity};
use nascent_verifier::Precision;
pub use preset::Preset;

/// Precision when a rules file names none: 16-bit limbs, 12 fraction bits.
pub const DEFAULT_PRECISION: Precision = Precision {
    limb_bits: 16,
    fraction_bits: 12,
};

/// How the tensors of a model are filled.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// Fills of tensors that no override takes.
    pub preset: Preset,
    /// Precision of all streams.
    pub precision: Precision,
    /// Graph inputs that are data, whatever they look like.
    pub inputs: Vec<String>,
    /// Overrides; a tensor takes the first one that matches.
    pub overrides: Vec<Override>,
}

impl Default for Rules {
    fn default() -> Self {
        Self::preset(Preset::Default)
    }
}

/// One override.
#[derive(Debug, Clone, PartialEq)]
pub struct Override {
    /// Pattern of the names it takes, with `*` and `?`; `None` takes all.
    pub name: Option<String>,
    /// Roles it takes; empty takes all but [`Role::Other`], which needs a name.
    pub roles: Vec<Role>,
    /// Takes only tensors on (or not on) a residual path.
    pub residual: Option<bool>,
    /// The fill.
    pub fill: FillRule,
    /// Fan-in to use in place of the tensor's.
    pub fan_in: Option<u64>,
    /// Fan-out to use in place of the tensor's.
    pub fan_out: Option<u64>,
    /// Whether it may go unused.
    pub optional: bool,
}

impl Override {
    pub(crate) fn takes(&self, parameter: &Parameter) -> bool {
        let name = match &self.name {
            Some(pattern) => glob::matches(pattern, &parameter.name),
            None => parameter.role != Role::Other || self.roles.contains(&Role::Other),
        };
        name && (self.roles.is_empty() || self.roles.contains(&parameter.role))
            && self
                .residual
                .is_none_or(|residual| residual == parameter.residual)
    }

    fn selector(&self) -> String {
        let mut parts = Vec::new();
        if let Some(name) = &self.name {
            parts.push(format!("name = \"{name}\""));
        }
        if !self.roles.is_empty() {
            let roles: Vec<_> = self.roles.iter().map(|role| role.name()).collect();
            parts.push(format!("role = {}", roles.join(" or ")));
        }
        if let Some(residual) = self.residual {
            parts.push(format!("residual = {residual}"));
        }
        parts.join(", ")
    }

    /// The fans that a fill sees.
    fn fans(&self, parameter: &Parameter) -> Option<Fans> {
        let own = parameter.fans;
        let fan_in = self.fan_in.or(own.map(|fans| fans.fan_in));
        let fan_out = self.fan_out.or(own.map(|fans| fans.fan_out));
        match (fan_in, fan_out) {
            (None, None) => None,
            // A fill asks for what is missing only if it needs it.
            (fan_in, fan_out) => Some(Fans {
                fan_in: fan_in.unwrap_or(0),
                fan_out: fan_out.unwrap_or(0),
            }),
        }
    }
}

/// What a tensor gets, and why.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// Filled.
    Fill {
        /// The fill in real numbers.
        init: Init,
        /// The rule in words.
        why: String,
    },
    /// Left with its values.
    Keep {
        /// The rule in words.
        why: String,
    },
}

impl Rules {
    /// A preset without overrides.
    pub fn preset(preset: Preset) -> Self {
        Self {
            preset,
            precision: DEFAULT_PRECISION,
            inputs: Vec::new(),
            overrides: Vec::new(),
        }
    }

    /// Decides the fill of every parameter, in order.
    ///
    /// # Errors
    /// A fill that does not fit its tensor, or an override that no tensor takes.
    pub fn decide(&self, parameters: &[Parameter]) -> Result<Vec<Decision>> {
        let residuals = parameters.iter().filter(|p| p.residual).count() as u64;
        let mut used = vec![false; self.overrides.len()];
        let mut decisions = Vec::with_capacity(parameters.len());
        for parameter in parameters {
            let found = self.overrides.iter().position(|rule| rule.takes(parameter));
            let taken = found.and_then(|at| Some((at, self.overrides.get(at)?)));
            let (label, fill, fans) = match taken {
                Some((at, rule)) => {
                    if let Some(flag) = used.get_mut(at) {
                        *flag = true;
                    }
                    (format!("rule {}", at + 1), rule.fill, rule.fans(parameter))
                }
                None => {
                    let label = format!("preset {}", self.preset.name());
                    (label, FillRule::Preset(self.preset), parameter.fans)
                }
            };
            decisions.push(fill.decide(parameter, fans, residuals, &label)?);
        }
        for (at, rule) in self.overrides.iter().enumerate() {
            if !rule.optional && used.get(at) == Some(&false) {
                return Err(CompileError::UnusedRule {
                    rule: at + 1,
                    pattern: rule.selector(),
                });
            }
        }
        Ok(decisions)
    }

    /// Digest of the rules as data: formatting and comments of the file play no role.
    pub fn digest(&self) -> [u8; 32] {
        let mut canon = Canon::default();
        canon.str(self.preset.name());
        canon.u8(self.precision.limb_bits);
        canon.u8(self.precision.fraction_bits);
        canon.len(self.inputs.len());
        for input in &self.inputs {
            canon.str(input);
        }
        canon.len(self.overrides.len());
        for rule in &self.overrides {
            match &rule.name {
                Some(name) => canon.u8(1).str(name),
                None => canon.u8(0),
            };
            canon.len(rule.roles.len());
            for role in &rule.roles {
                canon.str(role.name());
            }
            canon.u8(match rule.residual {
                None => 0,
                Some(false) => 1,
                Some(true) => 2,
            });
            rule.fill.encode(&mut canon);
            canon.option_u64(rule.fan_in).option_u64(rule.fan_out);
            canon.u8(u8::from(rule.optional));
        }
        canon.digest("nascent rules v1")
    }
}
