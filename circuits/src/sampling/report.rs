//! What a sampling table really samples: support, moments, distance from the ideal.
//!
//! For a uniform limb the deviate takes each value with probability `count / 2^B`. The sums behind
//! the moments are exact integers; the Kolmogorov distance is the exact supremum over all steps,
//! in fixed point. Only the last divisions are in `f64` (elementary operations, the same on every
//! machine).
//!
//! The limbs are *not quite* uniform. The low `n = L B` bits of a uniform residue modulo `p` take
//! `r = p mod 2^n` of their values once more often than the others, `floor(p / 2^n) + 1` times; how
//! far that is from uniform is [`DistributionReport::row_distance`].

use core::fmt;

use ff::{Field, PrimeField};
use halo2curves::bn256::Fr;
use nascent_verifier::{Distribution, Precision};
use serde::Serialize;

use super::{fixed::Fixed, gauss::Gauss, table::DeviateTable};

/// Mean, variance and shape of a distribution.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Moments {
    /// Mean.
    pub mean: f64,
    /// Variance.
    pub variance: f64,
    /// Third standardized moment.
    pub skewness: f64,
    /// Fourth standardized moment (3 for a normal).
    pub kurtosis: f64,
}

/// The exact distribution of a table, in the unit of the ideal.
///
/// The ideal is the standard normal (cut to its bounds) for the normal kinds and the uniform on
/// `[-1, 1]` for the uniform. A deviate `z` stands for `z * unit`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DistributionReport {
    /// The ideal distribution.
    pub distribution: Distribution,
    /// Limbs and fraction bits.
    pub precision: Precision,
    /// What a deviate of 1 stands for: `2^-f`, for the uniform `2^-B`.
    pub unit: f64,
    /// Smallest deviate.
    pub min: i32,
    /// Largest deviate.
    pub max: i32,
    /// Number of distinct deviates.
    pub values: usize,
    /// Number of limbs with the most frequent deviate.
    pub largest_atom_limbs: u32,
    /// The probability of that deviate.
    pub largest_atom: f64,
    /// Moments of the table, in the unit of the ideal.
    pub moments: Moments,
    /// Moments of the ideal.
    pub ideal: Moments,
    /// Largest difference between the two distribution functions.
    pub kolmogorov: f64,
    /// Total variation distance of the limbs of a row, together, from uniform limbs: a bound on
    /// how much the probability of any event about a row's deviates differs from the above.
    pub row_distance: f64,
}

impl DistributionReport {
    /// Computes the report of a table.
    pub fn new(table: &DeviateTable) -> Self {
        let (distribution, precision) = (table.distribution(), table.precision());
        let unit = match distribution {
            Distribution::Uniform => power_of_two(-i32::from(precision.limb_bits)),
            _ => power_of_two(-i32::from(precision.fraction_bits)),
        };
        let atoms = atoms(table);
        let largest_atom_limbs = atoms.iter().map(|atom| atom.count).max().unwrap_or(0);
        let ideal = Ideal::new(distribution, precision);
        Self {
            distribution,
            precision,
            unit,
            min: atoms.first().map_or(0, |atom| atom.deviate),
            max: atoms.last().map_or(0, |atom| atom.deviate),
            values: atoms.len(),
            largest_atom_limbs,
            largest_atom: f64::from(largest_atom_limbs)
                * power_of_two(-i32::from(precision.limb_bits)),
            moments: moments(&atoms, precision.limb_bits, unit),
            ideal: ideal.moments(),
            kolmogorov: ideal.kolmogorov(&atoms),
            row_distance: row_distance(precision),
        }
    }
}

impl fmt::Display for DistributionReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Precision {
            limb_bits,
            fraction_bits,
        } = self.precision;
        let bound = |z: i32| f64::from(z) * self.unit;
        match self.distribution {
            Distribution::Normal => write!(f, "normal")?,
            Distribution::Uniform => write!(f, "uniform on [-1, 1]")?,
            Distribution::TruncatedNormal { lo, hi } => {
                write!(f, "normal cut to [{}, {}]", bound(lo), bound(hi))?;
            }
        }
        writeln!(
            f,
            ", limbs of {limb_bits} bits, {fraction_bits} fraction bits"
        )?;
        let mut row = |name: &str, value: String, ideal: String| {
            let line = format!("  {name:<20} {value:<20} {ideal}");
            writeln!(f, "{}", line.trim_end())
        };
        row("", "table".into(), "ideal".into())?;
        row("smallest", float(bound(self.min)), String::new())?;
        row("largest", float(bound(self.max)), String::new())?;
        row("distinct values", self.values.to_string(), String::new())?;
        row("largest atom", float(self.largest_atom), String::new())?;
        let (table, ideal) = (&self.moments, &self.ideal);
        row("mean", float(table.mean), float(ideal.mean))?;
        row("variance", float(table.variance), float(ideal.variance))?;
        row("skewness", float(table.skewness), float(ideal.skewness))?;
        row("kurtosis", float(table.kurtosis), float(ideal.kurtosis))?;
        row("Kolmogorov distance", float(self.kolmogorov), String::new())?;
        row("limbs of a row", float(self.row_distance), String::new())
    }
}

/// Twelve significant digits; plain notation where that is readable.
fn float(x: f64) -> String {
    if x == 0.0 {
        "0".into()
    } else if x.abs() < 1e-3 {
        format!("{x:.11e}")
    } else {
        format!("{x:.12}")
    }
}

/// Exact for `|exponent| < 1000`.
fn power_of_two(exponent: i32) -> f64 {
    let factor = if exponent < 0 { 0.5 } else { 2.0 };
    (0..exponent.unsigned_abs()).fold(1.0, |power, _| power * factor)
}

/// Distance from uniform of the low `n = L B` bits of a uniform residue modulo `p`: the total
/// variation distance of the limbs of a row, together, from uniform limbs.
///
/// With `p = (m + g) 2^n`, `0 <= g < 1`: a fraction `g` of all patterns has `m + 1` residues, the
/// others `m`, so the distance is `g (1 - g) / (m + g)`.
pub fn row_distance(precision: Precision) -> f64 {
    let bits = precision.lanes() as usize * usize::from(precision.limb_bits);
    // p - 1 instead of p: the lowest of 254 bits.
    let modulus = (-Fr::ONE).to_repr();
    let (mut whole, mut part, mut weight) = (0.0, 0.0, power_of_two(-(bits as i32)));
    for bit in 0..256 {
        let side = if bit < bits { &mut part } else { &mut whole };
        *side += f64::from(modulus[bit / 8] >> (bit % 8) & 1) * weight;
        weight *= 2.0;
    }
    part * (1.0 - part) / (whole + part)
}

/// A value of the deviate and how many limbs give it.
struct Atom {
    deviate: i32,
    count: u32,
}

/// The atoms in increasing order; the table itself is increasing.
fn atoms(table: &DeviateTable) -> Vec<Atom> {
    let mut atoms: Vec<Atom> = Vec::new();
    for deviate in table.deviates() {
        match atoms.last_mut() {
            Some(last) if last.deviate == deviate => last.count += 1,
            _ => atoms.push(Atom { deviate, count: 1 }),
        }
    }
    atoms
}

/// Moments of `unit * z`, from exact power sums.
fn moments(atoms: &[Atom], limb_bits: u8, unit: f64) -> Moments {
    let limbs = f64::from(1u32 << limb_bits);
    let sum = |centre: i64, power: u32| {
        let total: i128 = atoms
            .iter()
            .map(|a| i128::from(i64::from(a.deviate) - centre).pow(power) * i128::from(a.count))
            .sum();
        total as f64 / limbs
    };
    // Sums about the integer nearest to the mean: the corrections below are then tiny.
    let centre = sum(0, 1).round() as i64;
    let [m1, m2, m3, m4] = [1, 2, 3, 4].map(|power| sum(centre, power));
    let variance = m2 - m1 * m1;
    let third = m3 - 3.0 * m1 * m2 + 2.0 * m1 * m1 * m1;
    let fourth = m4 - 4.0 * m1 * m3 + 6.0 * m1 * m1 * m2 - 3.0 * m1 * m1 * m1 * m1;
    Moments {
        mean: (m1 + centre as f64) * unit,
        variance: variance * unit * unit,
        skewness: third / (variance * variance.sqrt()),
        kurtosis: fourth / (variance * variance),
    }
}

/// The continuous distribution that a table stands for.
enum Ideal {
    Uniform {
        limb_bits: u8,
    },
    Normal {
        gauss: Gauss,
        limb_bits: u8,
        fraction_bits: u8,
        bounds: Option<(i32, i32)>,
        lower: Fixed,
        width: Fixed,
    },
}

impl Ideal {
    fn new(distribution: Distribution, precision: Precision) -> Self {
        let Precision {
            limb_bits,
            fraction_bits,
        } = precision;
        let gauss = Gauss::new(u32::from(fraction_bits));
        let (bounds, lower, width) = match distribution {
            Distribution::Uniform => return Self::Uniform { limb_bits },
            Distribution::Normal => (None, Fixed::ZERO, Fixed::ONE),
            Distribution::TruncatedNormal { lo, hi } => {
                let lower = gauss.cdf(lo);
                (Some((lo, hi)), lower, gauss.cdf(hi).sub(lower))
            }
        };
        Self::Normal {
            gauss,
            limb_bits,
            fraction_bits,
            bounds,
            lower,
            width,
        }
    }

    fn moments(&self) -> Moments {
        let standard = |variance, kurtosis| Moments {
            mean: 0.0,
            variance,
            skewness: 0.0,
            kurtosis,
        };
        match self {
            Self::Uniform { .. } => standard(1.0 / 3.0, 1.8),
            Self::Normal { bounds: None, .. } => standard(1.0, 3.0),
            Self::Normal {
                gauss,
                fraction_bits,
                bounds: Some((lo, hi)),
                width,
                ..
            } => {
                let unit = power_of_two(-i32::from(*fraction_bits));
                let width = width.to_f64();
                let [a, b] = [*lo, *hi].map(|bound| {
                    let density = gauss.density(bound.unsigned_abs()).to_f64() / width;
                    (f64::from(bound) * unit, density)
                });
                truncated_moments(a, b)
            }
        }
    }

    /// The largest `|F - G|`, `F` the step function of the atoms and `G` the ideal's.
    ///
    /// `G` increases continuously between the steps, so the supremum is next to a step.
    fn kolmogorov(&self, atoms: &[Atom]) -> f64 {
        match self {
            // Every step is one limb and has its middle on the ideal.
            Self::Uniform { limb_bits } => power_of_two(-i32::from(*limb_bits) - 1),
            Self::Normal {
                gauss,
                limb_bits,
                lower,
                width,
                ..
            } => {
                let mut below = 0u64;
                let mut largest = Fixed::ZERO;
                for atom in atoms {
                    let ideal = gauss.cdf(atom.deviate).sub(*lower);
                    let above = below + u64::from(atom.count);
                    for limbs in [below, above] {
                        let step = width.mul_u64(limbs).shr(u32::from(*limb_bits));
                        largest = largest.max(step.abs_diff(ideal));
                    }
                    below = above;
                }
                largest.to_f64() / width.to_f64()
            }
        }
    }
}

/// Moments of the standard normal cut to `[a, b]`; each bound comes with `phi(bound)` over the
/// probability of the interval.
fn truncated_moments((a, phi_a): (f64, f64), (b, phi_b): (f64, f64)) -> Moments {
    // E[X^(k+1)] = k E[X^(k-1)] - (b^k phi(b) - a^k phi(a)) / Z, by parts.
    let m1 = phi_a - phi_b;
    let m2 = 1.0 + a * phi_a - b * phi_b;
    let m3 = 2.0 * m1 + a * a * phi_a - b * b * phi_b;
    let m4 = 3.0 * m2 + a * a * a * phi_a - b * b * b * phi_b;
    let variance = m2 - m1 * m1;
    Moments {
        mean: m1,
        variance,
        skewness: (m3 - 3.0 * m1 * m2 + 2.0 * m1 * m1 * m1) / (variance * variance.sqrt()),
        kurtosis: (m4 - 4.0 * m1 * m3 + 6.0 * m1 * m1 * m2 - 3.0 * m1 * m1 * m1 * m1)
            / (variance * variance),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(distribution: Distribution, limb_bits: u8, fraction_bits: u8) -> DistributionReport {
        let precision = Precision {
            limb_bits,
            fraction_bits,
        };
        let table = DeviateTable::new(distribution, precision).expect("supported");
        DistributionReport::new(&table)
    }

    #[test]
    fn uniform_is_known_in_closed_form() {
        let report = report(Distribution::Uniform, 16, 12);
        assert_eq!(report.values, 65_536);
        assert_eq!((report.min, report.max), (-65_535, 65_535));
        assert_eq!(report.moments.mean, 0.0);
        // The variance of 2u + 1 - n is (n^2 - 1) / 3.
        let variance = (1.0 - power_of_two(-32)) / 3.0;
        assert!((report.moments.variance - variance).abs() < 1e-15);
        assert!((report.moments.kurtosis - 1.8).abs() < 1e-8);
        assert_eq!(report.kolmogorov, power_of_two(-17));
    }

    #[test]
    fn normal_is_close_and_symmetric() {
        let report = report(Distribution::Normal, 16, 12);
        assert_eq!(report.moments.mean, 0.0);
        assert_eq!(report.moments.skewness, 0.0);
        assert!((report.moments.variance - 1.0).abs() < 3e-4, "{report}");
        assert!((report.moments.kurtosis - 3.0).abs() < 1e-2, "{report}");
        assert!(report.kolmogorov < 6e-5, "{report}");
        assert!(report.kolmogorov >= power_of_two(-17));
    }

    #[test]
    fn truncated_follows_its_ideal() {
        let bounds = Distribution::TruncatedNormal {
            lo: -8192,
            hi: 8192,
        };
        let two = report(bounds, 16, 12);
        // Variance of the normal cut at two standard deviations, from the literature.
        assert!((two.ideal.variance - 0.773_741_303_549_923_9).abs() < 1e-14);
        assert!(
            (two.moments.variance - two.ideal.variance).abs() < 1e-6,
            "{two}"
        );
        let skewed = Distribution::TruncatedNormal {
            lo: -2048,
            hi: 8192,
        };
        let skewed = report(skewed, 16, 12);
        let (table, ideal) = (&skewed.moments, &skewed.ideal);
        assert!((table.mean - ideal.mean).abs() < 1e-6, "{skewed}");
        assert!((table.skewness - ideal.skewness).abs() < 1e-5, "{skewed}");
        assert!((table.kurtosis - ideal.kurtosis).abs() < 1e-5, "{skewed}");
    }

    #[test]
    fn distance_of_a_row() {
        // p / 2^240 = 0x3064.4e72...
        let part = f64::from(0x4e72_e131) / f64::from(u32::MAX);
        let distance = part * (1.0 - part) / (f64::from(0x3064) + part);
        let row = report(Distribution::Uniform, 16, 12).row_distance;
        assert!((row / distance - 1.0).abs() < 1e-8, "{row}");
        assert!(row < power_of_two(-15));
        // 23 limbs of 11 bits leave one bit to drop: far from uniform.
        assert!(report(Distribution::Uniform, 11, 7).row_distance > 0.1);
    }

    #[test]
    fn small_table_by_hand() {
        // B = 1: the quantiles at 1/4 and 3/4, 0.6745 deviations out, in units of 1/4.
        let report = report(Distribution::Normal, 3, 0);
        let table = DeviateTable::new(report.distribution, report.precision).expect("supported");
        let deviates: Vec<i32> = table.deviates().collect();
        assert_eq!(deviates, [-2, -1, 0, 0, 0, 0, 1, 2]);
        assert_eq!((report.values, report.largest_atom_limbs), (5, 4));
        assert_eq!(report.moments.variance, 10.0 / 8.0);
        assert_eq!(report.moments.kurtosis, (34.0 / 8.0) / (100.0 / 64.0));
        // At 0: the step from 1/4 to 3/4 around 1/2.
        assert!((report.kolmogorov - 0.25).abs() < 1e-15);
    }
}
