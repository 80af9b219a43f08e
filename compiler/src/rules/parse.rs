//! Rules files.

use super::{DEFAULT_PRECISION, FillRule, Mode, Nonlinearity, Override, Preset, Rules};
use crate::error::{CompileError, Result, at_most};
use crate::limits::Limits;
use crate::roles::Role;
use nascent_verifier::Precision;
use serde::Deserialize;

/// Most overrides of a file.
const MAX_RULES: u64 = 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    preset: Option<String>,
    precision: Option<FilePrecision>,
    #[serde(default)]
    inputs: Vec<String>,
    #[serde(default)]
    rule: Vec<FileRule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FilePrecision {
    limb_bits: u8,
    fraction_bits: u8,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileRule {
    name: Option<String>,
    role: Option<OneOrMore>,
    residual: Option<bool>,
    #[serde(default)]
    optional: bool,
    fan_in: Option<u64>,
    fan_out: Option<u64>,
    init: Option<String>,
    preset: Option<String>,
    value: Option<f64>,
    mean: Option<f64>,
    std: Option<f64>,
    a: Option<f64>,
    b: Option<f64>,
    gain: Option<f64>,
    mode: Option<String>,
    nonlinearity: Option<String>,
}

impl Rules {
    /// Reads a rules file. The crate's README describes it.
    ///
    /// # Errors
    /// [`CompileError::Toml`] with the line or the rule that is wrong.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self> {
        at_most("bytes of TOML", limits.toml_bytes, text.len() as u64)?;
        let file: File =
            toml::from_str(text).map_err(|error| fail(crate::canon::toml_reason(text, &error)))?;
        if file.version != 1 {
            return Err(fail(format!("version {}, expected 1", file.version)));
        }
        at_most("rules", MAX_RULES, file.rule.len() as u64)?;
        let mut rules = Self::preset(match file.preset {
            Some(name) => preset(&name).map_err(fail)?,
            None => Preset::Default,
        });
        rules.precision = precision(file.precision).map_err(fail)?;
        rules.inputs = file.inputs;
        for (index, rule) in file.rule.into_iter().enumerate() {
            let parsed = rule
                .parse()
                .map_err(|reason| fail(format!("rule {}: {reason}", index + 1)))?;
            rules.overrides.push(parsed);
        }
        Ok(rules)
    }
}

fn fail(reason: String) -> CompileError {
    CompileError::Toml {
        what: "rules",
        reason,
    }
}

type Parsed<T> = std::result::Result<T, String>;

fn precision(file: Option<FilePrecision>) -> Parsed<Precision> {
    let Some(file) = file else {
        return Ok(DEFAULT_PRECISION);
    };
    let precision = Precision {
        limb_bits: file.limb_bits,
        fraction_bits: file.fraction_bits,
    };
    precision.validate().map_err(|error| error.to_string())?;
    let largest = crate::init::largest_deviate(precision).unwrap_or(f64::INFINITY);
    let limit = f64::from(1_u32 << precision.limb_bits.saturating_sub(1).min(31));
    if largest >= limit {
        return Err(format!(
            "{} fraction bits do not fit limbs of {} bits: the largest deviate {largest} is not below {limit}",
            file.fraction_bits, file.limb_bits
        ));
    }
    Ok(precision)
}

fn preset(name: &str) -> Parsed<Preset> {
    Preset::parse(name).ok_or_else(|| {
        let known: Vec<_> = Preset::NAMES.iter().map(|(_, name)| *name).collect();
        format!("unknown preset {name:?}, known are {}", known.join(", "))
    })
}

fn role(name: &str) -> Parsed<Role> {
    Role::parse(name).ok_or_else(|| {
        let known: Vec<_> = Role::NAMES.iter().map(|(_, name)| *name).collect();
        format!("unknown role {name:?}, known are {}", known.join(", "))
    })
}

impl FileRule {
    fn parse(mut self) -> Parsed<Override> {
        let mut roles = match self.role.take() {
            None => Vec::new(),
            Some(OneOrMore::One(name)) => vec![role(&name)?],
            Some(OneOrMore::More(names)) => {
                names.iter().map(|name| role(name)).collect::<Parsed<_>>()?
            }
        };
        roles.sort();
        roles.dedup();
        if self.name.is_none() && roles.is_empty() && self.residual.is_none() {
            return Err("it selects nothing: give `name`, `role` or `residual`".to_owned());
        }
        if self.fan_in == Some(0) || self.fan_out == Some(0) {
            return Err("a fan is zero".to_owned());
        }
        let fill = self.fill()?;
        self.refuse_leftovers(fill.name())?;
        Ok(Override {
            name: self.name,
            roles,
            residual: self.residual,
            fill,
            fan_in: self.fan_in,
            fan_out: self.fan_out,
            optional: self.optional,
        })
    }

    /// Takes the parameters of the fill out of the rule.
    fn fill(&mut self) -> Parsed<FillRule> {
        let init = match (self.init.take(), self.preset.take()) {
            (Some(init), None) => init,
            (None, Some(name)) => return preset(&name).map(FillRule::Preset),
            _ => return Err("give exactly one of `init` and `preset`".to_owned()),
        };
        Ok(match init.as_str() {
            "keep" => FillRule::Keep,
            "zeros" => FillRule::Constant(0.0),
            "ones" => FillRule::Constant(1.0),
            "constant" => {
                let value = self.value.take().ok_or("constant needs `value`")?;
                FillRule::Constant(finite("value", value)?)
            }
            "uniform" => FillRule::Uniform {
                a: finite("a", self.a.take().unwrap_or(0.0))?,
                b: finite("b", self.b.take().unwrap_or(1.0))?,
            },
            "normal" => FillRule::Normal {
                mean: finite("mean", self.mean.take().unwrap_or(0.0))?,
                std: finite("std", self.std.take().unwrap_or(1.0))?,
            },
            "trunc_normal" => FillRule::TruncNormal {
                mean: finite("mean", self.mean.take().unwrap_or(0.0))?,
                std: finite("std", self.std.take().unwrap_or(1.0))?,
                a: finite("a", self.a.take().unwrap_or(-2.0))?,
                b: finite("b", self.b.take().unwrap_or(2.0))?,
            },
            "xavier_uniform" => FillRule::XavierUniform { gain: self.gain()? },
            "xavier_normal" => FillRule::XavierNormal { gain: self.gain()? },
            "kaiming_uniform" => {
                let (a, mode, nonlinearity) = self.kaiming()?;
                FillRule::KaimingUniform {
                    a,
                    mode,
                    nonlinearity,
                }
            }
            "kaiming_normal" => {
                let (a, mode, nonlinearity) = self.kaiming()?;
                FillRule::KaimingNormal {
                    a,
                    mode,
                    nonlinearity,
                }
            }
            "lecun_normal" => FillRule::LecunNormal,
            "lecun_uniform" => FillRule::LecunUniform,
            other => return Err(format!("unknown init {other:?}")),
        })
    }

    fn gain(&mut self) -> Parsed<f64> {
        finite("gain", self.gain.take().unwrap_or(1.0))
    }

    fn kaiming(&mut self) -> Parsed<(f64, Mode, Nonlinearity)> {
        let mode = match self.mode.take().as_deref() {
            None | Some("fan_in") => Mode::FanIn,
            Some("fan_out") => Mode::FanOut,
            Some(other) => return Err(format!("mode {other:?}, expected fan_in or fan_out")),
        };
        let nonlinearity = match self.nonlinearity.take().as_deref() {
            None | Some("leaky_relu") => Nonlinearity::LeakyRelu,
            Some("relu") => Nonlinearity::Relu,
            Some("tanh") => Nonlinearity::Tanh,
            Some("selu") => Nonlinearity::Selu,
            Some("linear" | "sigmoid" | "conv1d" | "conv2d" | "conv3d") => Nonlinearity::Linear,
            Some(other) => return Err(format!("unknown nonlinearity {other:?}")),
        };
        let a = finite("a", self.a.take().unwrap_or(0.0))?;
        Ok((a, mode, nonlinearity))
    }

    /// A parameter that the fill does not have is a mistake.
    fn refuse_leftovers(&self, init: &str) -> Parsed<()> {
        let left = [
            ("value", self.value.is_some()),
            ("mean", self.mean.is_some()),
            ("std", self.std.is_some()),
            ("a", self.a.is_some()),
            ("b", self.b.is_some()),
            ("gain", self.gain.is_some()),
            ("mode", self.mode.is_some()),
            ("nonlinearity", self.nonlinearity.is_some()),
        ];
        match left.iter().find(|(_, there)| *there) {
            Some((name, _)) => Err(format!("{name:?} is no parameter of {init}")),
            None => Ok(()),
        }
    }
}

/// Finite, and with one zero, so that equal rules have equal digests.
fn finite(name: &str, value: f64) -> Parsed<f64> {
    if value.is_finite() {
        Ok(value + 0.0)
    } else {
        Err(format!("{name:?} is {value}"))
    }
}
