//! Which crate may see which, which module which: the rules of the book's page *The house*.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The crates of the workspace, and which of them each sees, but for its tests.
fn crates() -> BTreeMap<String, BTreeSet<String>> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut metadata = Command::new(cargo);
    metadata.args([
        "metadata",
        "--offline",
        "--no-deps",
        "--format-version",
        "1",
    ]);
    let output = metadata.current_dir(root()).output().expect("cargo runs");
    assert!(output.status.success(), "{output:?}");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("a list");
    let name = |of: &serde_json::Value| of["name"].as_str().expect("a name").to_owned();
    let all: BTreeSet<String> = packages.iter().map(name).collect();
    let sees = |package: &serde_json::Value| {
        let dependencies = package["dependencies"].as_array().expect("a list").iter();
        let own = dependencies.filter(|of| of["kind"].is_null()).map(name);
        own.filter(|of| all.contains(of)).collect()
    };
    packages.iter().map(|of| (name(of), sees(of))).collect()
}

/// The table of the book: a crate, what it is for, what it sees.
fn table() -> BTreeMap<String, BTreeSet<String>> {
    let page = fs::read_to_string(root().join("book/src/house.md")).expect("the page");
    let rows = page.lines().filter_map(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, name, _, sees, _] = cells[..] else {
            return None;
        };
        let code = |text: &str| -> Vec<String> {
            let parts = text.split('`').skip(1).step_by(2);
            parts.map(ToOwned::to_owned).collect()
        };
        let name = code(name).into_iter().next()?;
        Some((name, code(sees).into_iter().collect()))
    });
    rows.collect()
}

#[test]
fn crates_see_what_the_page_says() {
    assert_eq!(crates(), table());
}

/// Sources below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|it| it == "rs") {
            found.push(path);
        }
    }
    found
}

/// First names behind `prefix` in a text.
fn named(text: &str, prefix: &str) -> BTreeSet<String> {
    let behind = text
        .match_indices(prefix)
        .map(|(at, _)| &text[at + prefix.len()..]);
    let name = |rest: &str| -> String {
        let letter = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
        rest.chars().take_while(letter).collect()
    };
    behind.map(name).filter(|name| !name.is_empty()).collect()
}

/// The part of a module's path below `folder` that stands in it.
fn top(folder: &Path, path: &Path) -> String {
    let below = path.strip_prefix(folder).expect("below");
    let first = below.components().next().expect("a name").as_os_str();
    first.to_string_lossy().trim_end_matches(".rs").to_owned()
}

#[test]
fn modules_of_the_library_have_no_circle() {
    let folder = root().join("nascent/src");
    let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for path in sources(&folder) {
        let name = top(&folder, &path);
        let text = fs::read_to_string(&path).expect("read");
        let mut others = named(&text, "crate::");
        others.remove(&name);
        uses.entry(name).or_default().extend(others);
    }
    assert!(uses.len() > 10, "{uses:?}");
    // Take away what uses nothing that is left, as long as there is something.
    while !uses.is_empty() {
        let left: BTreeSet<String> = uses.keys().cloned().collect();
        let before = uses.len();
        uses.retain(|_, others| others.iter().any(|other| left.contains(other)));
        assert!(uses.len() < before, "a circle: {uses:?}");
    }
}

#[test]
fn no_subcommand_imports_another() {
    let folder = root().join("cli/src/commands");
    let all: BTreeSet<String> = sources(&folder)
        .iter()
        .map(|path| top(&folder, path))
        .collect();
    assert!(all.contains("verify") && all.len() > 10, "{all:?}");
    for path in sources(&folder) {
        let own = top(&folder, &path);
        let text = fs::read_to_string(&path).expect("read");
        let mut others = named(&text, "crate::commands::");
        if path.parent() == Some(&folder) {
            others.extend(named(&text, "super::"));
        } else {
            // In a folder: children see their parent, not each other.
            let siblings = named(&text, "super::");
            let beside = path
                .parent()
                .expect("a folder")
                .read_dir()
                .expect("a folder");
            let beside = beside.map(|entry| entry.expect("an entry").path());
            let beside: BTreeSet<String> = beside
                .map(|path| top(path.parent().expect("a folder"), &path))
                .collect();
            let seen: Vec<_> = siblings.intersection(&beside).collect();
            assert!(seen.is_empty(), "{} sees {seen:?}", path.display());
        }
        others.remove(&own);
        let others: Vec<_> = others.intersection(&all).collect();
        assert!(others.is_empty(), "{} sees {others:?}", path.display());
    }
}
