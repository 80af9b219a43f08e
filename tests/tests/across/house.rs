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
        // Other tables of the page are of files.
        name.starts_with("nascent").then_some(())?;
        (!name.contains('/')).then_some(())?;
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

/// The modules of a crate, by path (`chain::verify`; the root is empty), with their code: without
/// comments and unit tests.
fn modules(folder: &Path) -> BTreeMap<String, String> {
    let modules = sources(folder).into_iter().map(|path| {
        let below = path.strip_prefix(folder).expect("below").with_extension("");
        let parts = below.iter().map(|part| part.to_string_lossy().into_owned());
        let mut parts: Vec<String> = parts.collect();
        if matches!(
            parts.last().map(String::as_str),
            Some("mod" | "lib" | "main")
        ) {
            parts.pop();
        }
        let text = fs::read_to_string(&path).expect("read");
        let code = text
            .split("#[cfg(test)]\nmod tests")
            .next()
            .expect("a part");
        let code = code
            .lines()
            .map(|line| line.split("//").next().expect("a part"));
        (parts.join("::"), code.collect::<Vec<_>>().join("\n"))
    });
    modules.collect()
}

fn is_letter(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The paths that a code names behind `crate`, `self` and `super`, whole: of a group each word.
fn paths(code: &str, of: &str) -> Vec<Vec<String>> {
    let own: Vec<String> = of
        .split("::")
        .filter(|part| !part.is_empty())
        .map(Into::into)
        .collect();
    let mut found = Vec::new();
    for (at, _) in code.match_indices("::") {
        let before = &code[..at];
        let word = before.rsplit(|c| !is_letter(c)).next().expect("a word");
        let first = before
            .strip_suffix(word)
            .is_some_and(|rest| !rest.ends_with("::"));
        let mut base = match (first, word) {
            (true, "crate") => Vec::new(),
            (true, "self") => own.clone(),
            (true, "super") => own[..own.len().saturating_sub(1)].to_vec(),
            _ => continue,
        };
        let mut rest = &code[at + 2..];
        loop {
            let end = rest.find(|c| !is_letter(c)).unwrap_or(rest.len());
            let word = &rest[..end];
            if word == "super" && rest[end..].starts_with("::") {
                base.pop();
            } else if !word.is_empty() && rest[end..].starts_with("::") {
                base.push(word.to_owned());
            } else {
                let group = rest[end..].strip_prefix('{').filter(|_| word.is_empty());
                let words = match group {
                    Some(group) => group.split(';').next().expect("a part"),
                    None => word,
                };
                for word in words
                    .split(|c| !is_letter(c))
                    .filter(|word| !word.is_empty())
                {
                    found.push([&base[..], &[word.to_owned()]].concat());
                }
                break;
            }
            rest = &rest[end + 2..];
        }
    }
    found
}

/// Which modules of a crate a module sees, but for its parents and children.
fn sees(all: &BTreeMap<String, String>, module: &str) -> BTreeSet<String> {
    let longest = |path: Vec<String>| -> Option<String> {
        let prefixes = (0..=path.len())
            .rev()
            .map(|length| path[..length].join("::"));
        let mut known = prefixes.filter(|name| all.contains_key(name));
        known.next()
    };
    let inside = |outer: &str, inner: &str| {
        outer.is_empty() || inner == outer || inner.starts_with(&format!("{outer}::"))
    };
    let seen = paths(&all[module], module).into_iter().filter_map(longest);
    seen.filter(|other| !inside(other, module) && !inside(module, other))
        .collect()
}

#[test]
fn modules_have_no_circle() {
    for package in [
        "verifier", "field", "ir", "params", "beacons", "circuits", "prover", "compiler",
        "nascent", "cli",
    ] {
        let all = modules(&root().join(package).join("src"));
        let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for module in all.keys() {
            uses.insert(module.clone(), sees(&all, module));
        }
        // Take away what sees nothing that is left, as long as there is something.
        loop {
            let left: BTreeSet<String> = uses.keys().cloned().collect();
            let before = uses.len();
            uses.retain(|_, others| others.iter().any(|other| left.contains(other)));
            if uses.len() == before {
                break;
            }
        }
        // What is left sees a circle, or is in it.
        assert!(
            uses.is_empty(),
            "{package}: circles among {:?}",
            uses.keys()
        );
    }
}

#[test]
fn circles_are_found() {
    let module = |name: &str, code: &str| (name.to_owned(), code.to_owned());
    let all: BTreeMap<String, String> = [
        module("", "mod a; mod b;"),
        module("a", "use crate::b::{self, Thing};"),
        module("a::c", "use super::Other; fn f() { crate::d::g() }"),
        module("b", "use super::a::Item;"),
        module("d", "use crate::a::c::X;"),
    ]
    .into();
    let seen = |name: &str| sees(&all, name).into_iter().collect::<Vec<_>>();
    assert_eq!(seen("a"), ["b"]);
    assert_eq!(seen("b"), ["a"]);
    assert_eq!(seen("a::c"), ["d"], "a parent may be seen");
    assert_eq!(seen("d"), ["a::c"]);
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
