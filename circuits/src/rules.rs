//! What a checker of fixed columns is made of: rules with names, and what breaks them.
//!
//! A checker notes a broken rule and goes on as if it held. So all rules that refuse some columns are
//! known, and a test can ask for columns that one rule *alone* refuses: without that rule they would
//! pass.

use std::cell::RefCell;
use std::fmt::{self, Debug, Display};

/// A list of rules: an enum whose variants are sentences.
macro_rules! rules {
    ($(#[$doc:meta])* pub enum $name:ident { $($rule:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum $name {
            $(#[doc = $text] $rule,)*
        }

        impl $name {
            /// All rules.
            pub const ALL: &'static [Self] = &[$(Self::$rule,)*];
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(match self {
                    $(Self::$rule => $text,)*
                })
            }
        }
    };
}
pub(crate) use rules;

/// Where a rule is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum At {
    /// In some columns, on a row.
    Row {
        /// The columns.
        columns: &'static str,
        /// The row.
        row: usize,
    },
    /// At an address.
    Address(i64),
    /// In a lookup table.
    Table {
        /// Kind of the table.
        kind: i64,
        /// Argument.
        x: i64,
    },
    /// In an identity between claims and a product, by its number.
    Identity(i64),
    /// In the circuit as a whole.
    Shape,
}

impl Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Row { columns, row } => write!(f, "{columns}, row {row}"),
            Self::Address(address) => write!(f, "address {address:#x}"),
            Self::Table { kind, x } => write!(f, "table {kind} at {x}"),
            Self::Identity(id) => write!(f, "identity {id}"),
            Self::Shape => f.write_str("shape"),
        }
    }
}

/// Two numbers that should be equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unequal {
    /// What the rule asks for.
    pub expected: i64,
    /// What there is.
    pub got: i64,
}

/// A broken rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Violation<R> {
    /// The rule.
    pub rule: R,
    /// Where it is broken first.
    pub at: At,
    /// The numbers, where the rule compares two.
    pub numbers: Option<Unequal>,
}

impl<R: Display> Display for Violation<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: broken: {}", self.at, self.rule)?;
        match self.numbers {
            Some(Unequal { expected, got }) => write!(f, " (expected {expected}, got {got})"),
            None => Ok(()),
        }
    }
}

impl<R: Debug + Display> std::error::Error for Violation<R> {}

/// Notes the broken rules, each where it is broken first.
#[derive(Debug)]
pub(crate) struct Findings<R>(RefCell<Vec<Violation<R>>>);

impl<R> Default for Findings<R> {
    fn default() -> Self {
        Self(RefCell::new(Vec::new()))
    }
}

impl<R: Copy + PartialEq> Findings<R> {
    fn note(&self, rule: R, at: At, numbers: Option<Unequal>) {
        let mut found = self.0.borrow_mut();
        if found.iter().all(|violation| violation.rule != rule) {
            found.push(Violation { rule, at, numbers });
        }
    }

    /// A rule that holds or not.
    pub(crate) fn need(&self, holds: bool, rule: R, at: At) {
        if !holds {
            self.note(rule, at, None);
        }
    }

    /// A rule about a number.
    pub(crate) fn equal(&self, expected: i64, got: i64, rule: R, at: At) {
        if expected != got {
            self.note(rule, at, Some(Unequal { expected, got }));
        }
    }

    /// All that was found, in the order in which it was.
    pub(crate) fn all(self) -> Vec<Violation<R>> {
        self.0.into_inner()
    }
}
