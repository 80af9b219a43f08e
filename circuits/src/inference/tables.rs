//! Lookup tables, folded over sets of fixed columns.

/// Kind of the range table: all `x` of `T` bits, `y = 0`.
pub const RANGE: i64 = 0;
/// Kind of the range table of matrix parameters: all `x` of `weight_bits` bits, `y = 0`.
pub const WEIGHT_RANGE: i64 = 1;
/// Kind of the first function table; the IR's table `i` has kind `FUNCTION + i`.
pub const FUNCTION: i64 = 2;

/// All entries of all tables in order.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    entries: Vec<[i64; 3]>,
    /// First entry and least `x` of each kind.
    starts: Vec<(usize, i64)>,
}

impl Tables {
    /// Range tables, then functions, each as its least `x` and the values `y`, offsets included.
    pub fn new<'a>(
        table_bits: u32,
        weight_bits: u32,
        functions: impl IntoIterator<Item = (i64, &'a [i64])>,
    ) -> Self {
        let mut tables = Self::default();
        for bits in [table_bits, weight_bits] {
            tables.push(0, (0..1i64 << bits).map(|_| 0));
        }
        for (least, values) in functions {
            tables.push(least, values.iter().copied());
        }
        tables
    }

    fn push(&mut self, least: i64, values: impl Iterator<Item = i64>) {
        let kind = self.starts.len() as i64;
        self.starts.push((self.entries.len(), least));
        self.entries
            .extend((least..).zip(values).map(|(x, y)| [x, y, kind]));
    }

    /// Entries `[x, y, kind]`.
    pub fn entries(&self) -> &[[i64; 3]] {
        &self.entries
    }

    /// Index of the entry at `x`, if the table has one.
    pub fn index(&self, kind: i64, x: i64) -> Option<usize> {
        let (start, least) = *self.starts.get(usize::try_from(kind).ok()?)?;
        let index = start.checked_add(usize::try_from(x.checked_sub(least)?).ok()?)?;
        let entry = self.entries.get(index)?;
        (entry[0] == x && entry[2] == kind).then_some(index)
    }
}
