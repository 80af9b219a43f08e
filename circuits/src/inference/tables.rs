//! Lookup tables, folded over sets of fixed columns.

/// Kind of the range table: all `x` of `T` bits, `y = 0`.
pub const RANGE: i64 = 0;
/// Kind of the first function table; the IR's table `i` has kind `FUNCTION + i`.
pub const FUNCTION: i64 = 1;

/// Kind of a range of matrix parameters, by its number: all `x` that are cells of it, `y = 0`.
pub const fn matrix_range(index: usize) -> i64 {
    -1 - index as i64
}

/// All entries of all tables in order.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    entries: Vec<[i64; 3]>,
    /// First entry and least `x` of each kind from [`RANGE`] on.
    starts: Vec<(usize, i64)>,
    /// The same of the ranges of matrices.
    matrices: Vec<(usize, i64)>,
}

impl Tables {
    /// The range table; ranges of matrices, each as its least and greatest cell; functions, each as its
    /// least `x` and the values `y`; offsets included.
    pub fn new<'a>(
        table_bits: u32,
        matrices: impl IntoIterator<Item = (i64, i64)>,
        functions: impl IntoIterator<Item = (i64, &'a [i64])>,
    ) -> Self {
        let mut tables = Self::default();
        tables.starts.push((0, 0));
        tables.push(RANGE, 0, (0..1i64 << table_bits).map(|_| 0));
        for (index, (least, greatest)) in matrices.into_iter().enumerate() {
            tables.matrices.push((tables.entries.len(), least));
            tables.push(matrix_range(index), least, (least..=greatest).map(|_| 0));
        }
        for (kind, (least, values)) in (FUNCTION..).zip(functions) {
            tables.starts.push((tables.entries.len(), least));
            tables.push(kind, least, values.iter().copied());
        }
        tables
    }

    fn push(&mut self, kind: i64, least: i64, values: impl Iterator<Item = i64>) {
        self.entries
            .extend((least..).zip(values).map(|(x, y)| [x, y, kind]));
    }

    /// Entries `[x, y, kind]`.
    pub fn entries(&self) -> &[[i64; 3]] {
        &self.entries
    }

    /// Index of the entry at `x`, if the table has one.
    pub fn index(&self, kind: i64, x: i64) -> Option<usize> {
        let (list, at) = match kind {
            ..0 => (&self.matrices, -1 - kind),
            _ => (&self.starts, kind),
        };
        let (start, least) = *list.get(usize::try_from(at).ok()?)?;
        let index = start.checked_add(usize::try_from(x.checked_sub(least)?).ok()?)?;
        let entry = self.entries.get(index)?;
        (entry[0] == x && entry[2] == kind).then_some(index)
    }
}
