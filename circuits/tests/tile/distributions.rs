//! The book's page on the sampled distributions is what the code computes.
//!
//! Regenerate it with `NASCENT_BLESS=1 cargo test -p nascent-circuits --test tile distributions`.

use std::fmt::Write as _;
use std::path::Path;

use nascent_circuits::sampling::{DeviateTable, DistributionReport};
use nascent_verifier::{Distribution, Precision};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../book/src/distributions.md");

const HEAD: &str = "\
# The sampled distributions

<!-- Generated: NASCENT_BLESS=1 cargo test -p nascent-circuits --test tile distributions -->

*After this page you can say exactly which distribution a weight has.* A weight is `s * z`, `s` a public scale and `z` a standard deviate. Deviates are integers read from
a table: a limb `u` of `B` bits of the stream, uniform on `0 ..= 2^B - 1`, gives

- normal: `z = round(2^f * Phi^-1((u + 1/2) / 2^B))`, in units of `2^-f`;
- normal cut to `[a, b]`: `z = round(2^f * Phi^-1(Phi(a) + (u + 1/2) / 2^B * (Phi(b) - Phi(a))))`;
- uniform on `[-1, 1]`: `z = 2u + 1 - 2^B`, in units of `2^-B`.

So the weights do **not** follow the ideal distribution exactly: they have finitely many values, and
the tails end where the table ends. What they follow exactly is on this page, computed by a program
from the tables themselves: moments from integer sums, the Kolmogorov distance as the supremum of
`|F_table - F_ideal|` over all steps.

The limbs are not exactly uniform either. A stream output is modelled as uniform on `0 ..= p - 1`; its
low `L * B` bits are used, `L = floor(253 / B)`, and the bits above are dropped. Write
`p = (m + g) * 2^(L B)` with `0 <= g < 1`: the bit patterns below `g * 2^(L B)` come from `m + 1`
residues each, the others from `m`. The total variation distance from uniform is
`g (1 - g) / (m + g)`; it is the line *limbs of a row* below and bounds the effect on any
statement about a row. The whole effect is on the last lane of a row. It is small where many bits
are dropped: 14 for `B = 16` (`m = 12388`) and 15. **Precisions that drop few bits (`B = 11` drops
one) are for tests, not for models.**

The rounding is decided by integer arithmetic with 192 fraction bits and a proven error bound; the
line *rounding* says how close the closest quantile comes to a rounding boundary and how precisely
both are known (`circuits/src/sampling/probit.rs`). An independent program
(`circuits/src/sampling/fixtures/deviates.py`, mpmath) gives the same tables.
";

fn cases() -> Vec<(Distribution, u8, u8)> {
    let cut = |lo, hi| Distribution::TruncatedNormal { lo, hi };
    vec![
        (Distribution::Normal, 16, 12),
        (Distribution::Uniform, 16, 12),
        (cut(-2 << 12, 2 << 12), 16, 12),
        (cut(-3 << 12, 3 << 12), 16, 12),
        (cut(-1 << 12, 2 << 12), 16, 12),
        (Distribution::Normal, 16, 8),
        (Distribution::Normal, 14, 10),
        (Distribution::Normal, 12, 8),
        (Distribution::Uniform, 12, 8),
        (Distribution::Normal, 8, 5),
    ]
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    for (distribution, limb_bits, fraction_bits) in cases() {
        let precision = Precision {
            limb_bits,
            fraction_bits,
        };
        let table = DeviateTable::new(distribution, precision).expect("supported");
        let report = DistributionReport::new(&table).to_string();
        let (title, rest) = report.split_once('\n').expect("several lines");
        let _ = write!(page, "\n## {title}\n\n```text\n{rest}");
        if let Some((margin, error)) = table.rounding_margin() {
            let _ = writeln!(
                page,
                "  {:<20} 2^-{margin} apart, known to 2^-{error}",
                "rounding"
            );
        }
        page.push_str("```\n");
    }
    page
}

#[test]
fn page_is_current() {
    let page = page();
    let path = Path::new(PAGE);
    if std::env::var_os("NASCENT_BLESS").is_some() {
        std::fs::write(path, &page).expect("the book's folder is writable");
    }
    let stored = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        stored == page,
        "book/src/distributions.md is out of date; the first lines of this file say how to \
         regenerate it"
    );
}
