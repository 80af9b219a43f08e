//! The structured reference string: import, check, derive, cache.
