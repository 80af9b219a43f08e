//! Who carries out independent work.
//!
//! The crate has no threads of its own. A verifier on a machine with several cores gives its
//! [`Workers`] to [`crate::init::verify_init_with`].

use alloc::vec::Vec;

/// Carries out independent pieces of work.
pub trait Workers: Sync {
    /// How many pieces run at a time.
    fn width(&self) -> usize;

    /// `work(index)` for each index below `count`, in order of index.
    fn map<R: Send>(&self, count: usize, work: impl Fn(usize) -> R + Sync) -> Vec<R>;
}

/// One piece after the other.
#[derive(Debug, Clone, Copy, Default)]
pub struct Alone;

impl Workers for Alone {
    fn width(&self) -> usize {
        1
    }

    fn map<R: Send>(&self, count: usize, work: impl Fn(usize) -> R + Sync) -> Vec<R> {
        (0..count).map(work).collect()
    }
}

/// [`Workers::map`], done again alone if there are not as many results as pieces: nothing that was
/// to be checked is passed over.
pub(crate) fn map_all<R: Send>(
    workers: &impl Workers,
    count: usize,
    work: impl Fn(usize) -> R + Sync,
) -> Vec<R> {
    let results = workers.map(count, &work);
    if results.len() == count {
        results
    } else {
        Alone.map(count, work)
    }
}

/// Two pieces of work.
pub(crate) fn both<A: Send, B: Send>(
    workers: &impl Workers,
    first: impl Fn() -> A + Sync,
    second: impl Fn() -> B + Sync,
) -> (A, B) {
    enum Either<A, B> {
        First(A),
        Second(B),
    }
    let results = workers.map(2, |index| match index {
        0 => Either::First(first()),
        _ => Either::Second(second()),
    });
    let mut results = results.into_iter();
    match (results.next(), results.next()) {
        (Some(Either::First(a)), Some(Either::Second(b))) => (a, b),
        _ => (first(), second()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Lazy;

    impl Workers for Lazy {
        fn width(&self) -> usize {
            4
        }

        fn map<R: Send>(&self, _: usize, _: impl Fn(usize) -> R + Sync) -> Vec<R> {
            Vec::new()
        }
    }

    #[test]
    fn nothing_is_passed_over() {
        assert_eq!(map_all(&Lazy, 3, |index| 2 * index), [0, 2, 4]);
        assert_eq!(map_all(&Alone, 3, |index| 2 * index), [0, 2, 4]);
        assert_eq!(both(&Lazy, || 1, || "b"), (1, "b"));
        assert_eq!(both(&Alone, || 1, || "b"), (1, "b"));
    }
}
