//! The sampling table of a distribution: limb to lane value to deviate.

use nascent_verifier::{Distribution, Precision};

use super::{
    error::SamplingError,
    probit::{self, Quantiles},
};

/// Limbs have at most this many bits.
const MAX_LIMB_BITS: u8 = 20;
/// Deviates have at most this many fraction bits.
const MAX_FRACTION_BITS: u8 = 16;

/// The affine map `z = factor * l + offset` from a lane value to its deviate.
///
/// Columns hold lane values, small and never negative, because a small negative number is a
/// full-size scalar and six times as expensive to commit to; gates apply this map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneMap {
    /// `a`: 2 for the uniform, else 1.
    pub factor: i32,
    /// `c`: `1 - 2^B` for the uniform, else `-2^(B-1)`.
    pub offset: i32,
}

impl LaneMap {
    /// The map of a distribution with limbs of `limb_bits` bits.
    pub fn new(distribution: Distribution, limb_bits: u8) -> Self {
        match distribution {
            Distribution::Uniform => Self {
                factor: 2,
                offset: 1 - (1 << limb_bits),
            },
            Distribution::Normal | Distribution::TruncatedNormal { .. } => Self {
                factor: 1,
                offset: -(1 << limb_bits >> 1),
            },
        }
    }

    /// The deviate of a lane value of at most 20 bits.
    pub fn deviate(&self, lane: u32) -> i32 {
        self.factor * lane as i32 + self.offset
    }
}

/// Lane value of every limb of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviateTable {
    distribution: Distribution,
    precision: Precision,
    map: LaneMap,
    lanes: Vec<u32>,
    margin_bits: Option<(u32, u32)>,
}

impl DeviateTable {
    /// Computes the table. 2^16 entries take a few hundredths of a second.
    ///
    /// # Errors
    ///
    /// If the precision is out of range (limbs of 1 to 20 bits, at most 16 fraction bits), if the
    /// bounds of a truncated normal are out of order, beyond 8 standard deviations or around too
    /// little probability, or if a deviate does not fit a limb.
    pub fn new(distribution: Distribution, precision: Precision) -> Result<Self, SamplingError> {
        let Precision {
            limb_bits,
            fraction_bits,
        } = precision;
        check_precision(precision)?;
        let quantiles = match distribution {
            Distribution::Uniform => None,
            Distribution::Normal => Some(probit::normal(limb_bits, fraction_bits)?),
            Distribution::TruncatedNormal { lo, hi } => {
                Some(probit::truncated(limb_bits, fraction_bits, lo, hi)?)
            }
        };
        let map = LaneMap::new(distribution, limb_bits);
        let lanes = match &quantiles {
            None => (0..1 << limb_bits).collect(),
            Some(Quantiles { deviates, .. }) => deviates
                .iter()
                .map(|&z| lane_value(z, map, limb_bits))
                .collect::<Result<_, _>>()?,
        };
        Ok(Self {
            distribution,
            precision,
            map,
            lanes,
            margin_bits: quantiles.map(|q| (q.margin_bits, q.error_bits)),
        })
    }

    /// The distribution.
    pub fn distribution(&self) -> Distribution {
        self.distribution
    }

    /// Limbs and fraction bits.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The map from lane values to deviates.
    pub fn map(&self) -> LaneMap {
        self.map
    }

    /// Whether the lane value is the limb itself, so that no lookup is needed beyond its range.
    pub fn is_identity(&self) -> bool {
        self.distribution == Distribution::Uniform
    }

    /// Lane value of every limb, in `[0, 2^B)`.
    pub fn lanes(&self) -> &[u32] {
        &self.lanes
    }

    /// The deviate of every limb.
    pub fn deviates(&self) -> impl ExactSizeIterator<Item = i32> + '_ {
        self.lanes.iter().map(|&lane| self.map.deviate(lane))
    }

    /// How sure the rounding is: `(margin, error)` in bits, or `None` where nothing is rounded.
    ///
    /// The closest of all comparisons between a quantile and a rounding boundary differs by
    /// `2^-margin` at least, and both are known to `2^-error`.
    pub fn rounding_margin(&self) -> Option<(u32, u32)> {
        self.margin_bits
    }
}

fn check_precision(precision: Precision) -> Result<(), SamplingError> {
    if !(1..=MAX_LIMB_BITS).contains(&precision.limb_bits) {
        return Err(SamplingError::LimbBits {
            min: 1,
            max: MAX_LIMB_BITS,
            got: precision.limb_bits,
        });
    }
    if precision.fraction_bits > MAX_FRACTION_BITS {
        return Err(SamplingError::FractionBits {
            max: MAX_FRACTION_BITS,
            got: precision.fraction_bits,
        });
    }
    Ok(())
}

/// The lane value of a deviate whose factor is one.
fn lane_value(z: i32, map: LaneMap, limb_bits: u8) -> Result<u32, SamplingError> {
    let got = i64::from(z) - i64::from(map.offset);
    u32::try_from(got)
        .ok()
        .filter(|lane| lane >> limb_bits == 0)
        .ok_or(SamplingError::LaneOverflow { limb_bits, got })
}

#[cfg(test)]
mod tests {
    use sha3::{Digest, Sha3_256};

    use super::*;

    const FIXTURE: &str = include_str!("fixtures/deviates.txt");

    fn precision(limb_bits: u8, fraction_bits: u8) -> Precision {
        Precision {
            limb_bits,
            fraction_bits,
        }
    }

    fn table(distribution: Distribution, limb_bits: u8, fraction_bits: u8) -> DeviateTable {
        DeviateTable::new(distribution, precision(limb_bits, fraction_bits)).expect("supported")
    }

    fn truncated(lo: i32, hi: i32) -> Distribution {
        Distribution::TruncatedNormal { lo, hi }
    }

    /// Every line of the fixture: `table kind B f lo hi sha3`, then `at u z` lines.
    #[test]
    fn agrees_with_the_independent_computation() {
        let mut deviates: Vec<i32> = Vec::new();
        let (mut tables, mut samples) = (0, 0);
        for line in FIXTURE.lines().filter(|line| !line.starts_with('#')) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let int = |i: usize| words[i].parse::<i32>().expect("number");
            if words[0] == "at" {
                samples += 1;
                assert_eq!(deviates[int(1) as usize], int(2), "{line}");
                continue;
            }
            tables += 1;
            let distribution = match words[1] {
                "normal" => Distribution::Normal,
                _ => truncated(int(4), int(5)),
            };
            let table = table(distribution, int(2) as u8, int(3) as u8);
            deviates = table.deviates().collect();
            let bytes: Vec<u8> = deviates.iter().flat_map(|z| z.to_le_bytes()).collect();
            let digest = Sha3_256::digest(&bytes);
            let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(digest, words[6], "{line}");
        }
        assert!(tables >= 8 && samples >= 200, "{tables} {samples}");
    }

    #[test]
    fn rounding_is_decided_with_room() {
        let mut least = u32::MAX;
        for limb_bits in 1..=16u8 {
            for fraction_bits in 0..limb_bits.saturating_sub(3) {
                let table = table(Distribution::Normal, limb_bits, fraction_bits);
                let (margin, error) = table.rounding_margin().expect("rounded");
                least = least.min(error - margin);
            }
        }
        // Tens of bits of room for every supported normal: nothing depends on luck.
        assert!(least >= 80, "{least}");
    }

    #[test]
    fn symmetric_tables_are_antisymmetric() {
        for distribution in [
            Distribution::Normal,
            Distribution::Uniform,
            truncated(-8192, 8192),
        ] {
            let table = table(distribution, 16, 12);
            let z: Vec<i32> = table.deviates().collect();
            assert!((0..1 << 16).all(|u| z[u] == -z[0xffff - u]));
            assert!(z.is_sorted());
        }
    }

    #[test]
    fn mirrored_and_full_walks_agree() {
        // The same interval but for a bound moved where there is no probability.
        let narrow = table(truncated(-2048, 2048), 12, 8);
        let skewed = table(truncated(-2047, 2048), 12, 8);
        assert_eq!(narrow.lanes(), skewed.lanes());
    }

    #[test]
    fn lanes_fit_and_refusals_are_typed() {
        let table = table(Distribution::Normal, 16, 12);
        assert!(table.lanes().iter().all(|&lane| lane < 1 << 16));
        assert_eq!(table.map().deviate(table.lanes()[0]), -17_715);
        let refused = |d, b, f| DeviateTable::new(d, precision(b, f)).expect_err("refused");
        use SamplingError as E;
        assert!(matches!(
            refused(Distribution::Normal, 16, 13),
            E::LaneOverflow { limb_bits: 16, .. }
        ));
        assert!(matches!(
            refused(Distribution::Normal, 0, 0),
            E::LimbBits { .. }
        ));
        assert!(matches!(
            refused(Distribution::Normal, 21, 0),
            E::LimbBits { .. }
        ));
        assert!(matches!(
            refused(Distribution::Uniform, 16, 17),
            E::FractionBits { .. }
        ));
        for (lo, hi) in [(5, 5), (5, 4)] {
            assert_eq!(
                refused(truncated(lo, hi), 16, 12),
                E::EmptyInterval { lo, hi }
            );
        }
        for (lo, hi) in [(i32::MIN, 0), (0, i32::MAX), (-32769, 0)] {
            assert!(matches!(
                refused(truncated(lo, hi), 16, 12),
                E::FarBound { .. }
            ));
        }
        assert!(matches!(
            refused(truncated(32767, 32768), 16, 12),
            E::ThinInterval { .. }
        ));
        assert!(DeviateTable::new(truncated(-32768, 32768), precision(16, 12)).is_ok());
    }
}
