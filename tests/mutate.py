#!/usr/bin/env python3
"""Which checks can be deleted without a test that fails?

    tests/mutate.py --out DIR --package CRATE FILE... TEST...

Mutants of the source files, all compiled into one build of a copy of the workspace; a variable of the
environment picks one when a test runs. So a mutant costs a run of the tests that reach its place, which each
test says first when it is run by itself, and no build. A TEST is
`PACKAGE:--lib` or `PACKAGE:NAME` (an integration test), with `:FILTER,..` behind it if only some of its
tests are run. A mutant meets them in the order given, until one catches it. The same command goes on where it was
stopped.

Mutants of a condition (`if`, a guard): always true, always false. Of conditions, statements and last
expressions: one comparison less or more strict, `==` for `!=`, `&&` for `||`, one `!` less, ` + 1` and ` - 1`
left out. Of a check whose value is not used (a call with `?`, a rule of a checker): left out. What does not
compile is dropped.

Not found by it: what is inside macros, patterns and match arms; `ok_or` on the way to a value; statements
with a block inside.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VARIABLE = "NASCENT_MUTANT"
REACHED = "NASCENT_MUTANT_REACHED"
SWITCH = """
#[doc(hidden)]
#[allow(missing_docs, clippy::all)]
pub mod mutants {
    extern crate std;
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
    /// Which mutant is active; `place` is the first of those that stand here.
    pub fn active(place: usize) -> u32 {
        static ACTIVE: std::sync::OnceLock<u32> = std::sync::OnceLock::new();
        static REACHED: std::sync::OnceLock<Option<std::path::PathBuf>> = std::sync::OnceLock::new();
        static SEEN: [AtomicBool; %d] = [const { AtomicBool::new(false) }; %d];
        let reached = REACHED.get_or_init(|| std::env::var_os("%s").map(Into::into));
        if let Some(path) = reached {
            if !SEEN[place].load(Relaxed) && !SEEN[place].swap(true, Relaxed) {
                use std::io::Write;
                let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
                file.write_all(std::format!("{place}\\n").as_bytes()).unwrap();
            }
        }
        *ACTIVE.get_or_init(|| {
            std::env::var("%s").ok().and_then(|n| n.parse().ok()).unwrap_or(0)
        })
    }
}
"""
SWAPS = [
    (r" < ", [" <= "]),
    (r" <= ", [" < "]),
    (r" > ", [" >= "]),
    (r" >= ", [" > "]),
    (r" == ", [" != "]),
    (r" != ", [" == "]),
    (r"\s&&\s", [" || "]),
    (r"(?<![|(,=])\s\|\|\s", [" && "]),
    (r"(?<![\w!])!(?=[\w(])(?!\()", [""]),
    (r" \+ 1\b(?!\.)", [""]),
    (r" - 1\b(?!\.)", [""]),
]


def blank(source):
    """The source with comments, strings and characters blanked out, of the same length."""
    pattern = r'//[^\n]*|/\*.*?\*/|b?r#*".*?"#*|b?"(?:\\.|[^"\\])*"|b?\'(?:\\.[^\']*|[^\\\'])\''
    def spaces(match):
        return re.sub(r"[^\n]", " ", match.group(0)) if match.group(0)[0] == "/" else re.sub(
            r"[^\n]", "x", match.group(0))
    return re.sub(pattern, spaces, source, flags=re.S)


class Region:
    """A piece of source with what may stand in its place."""

    def __init__(self, file, start, end, kind, texts):
        self.file, self.start, self.end, self.kind, self.texts = file, start, end, kind, texts
        self.ids = []


def swaps(text, clean):
    out = []
    for pattern, replacements in SWAPS:
        for match in re.finditer(pattern, clean):
            for replacement in replacements:
                out.append((f"`{match.group(0).strip()}` to `{replacement.strip()}`",
                            text[: match.start()] + replacement + text[match.end() :]))
    return out


def regions(file, source):
    clean = blank(source)
    end = clean.find("#[cfg(test)]\nmod tests {")
    clean_end = len(clean) if end < 0 else end
    found = []
    for match in re.finditer(r"\b(if|while)\s", clean[:clean_end]):
        start = match.end()
        depth, at = 0, start
        while at < clean_end:
            c = clean[at]
            if depth == 0 and (c == "{" or clean.startswith("=>", at)):
                break
            depth += (c in "([") - (c in ")]")
            if c in "{};" or depth < 0:
                at = clean_end
            at += 1
        if at >= clean_end or re.search(r"\blet\b", clean[start:at]):
            continue
        text = source[start:at].rstrip()
        texts = [("never", "false"), ("always", "true")] if match.group(1) == "if" else []
        texts += swaps(text, clean[start : start + len(text)])
        found.append(Region(file, start, start + len(text), "condition", texts))
    # Statements and last expressions without a block: from one of `{};` to the next.
    marks = [m.start() for m in re.finditer(r"[{};]", clean[:clean_end])]
    for before, after in zip(marks, marks[1:]):
        start, stop = before + 1, after
        body = clean[start:stop]
        lead = len(body) - len(body.lstrip())
        start += lead
        text, body = source[start:stop].rstrip(), clean[start:stop].rstrip()
        if not body or body.startswith(("#", "pub", "use ", "fn ", "mod ", "const ", "static ", "type ",
                                        "impl", "struct", "enum", "else", "match ", "if ", "for ",
                                        "while ", ",", ")", ".", "?")):
            continue
        opens = sum(map(body.count, "([")) - sum(map(body.count, ")]"))
        if opens != 0 or re.search(r"(?<![:])=>|,$", body):
            continue
        if clean[after] == ";":
            let = re.match(r"let\s[^=]*?[^=!<>+*/%&|^-]=(?!=)\s*", body)
            if body.startswith("let") and let:
                texts = swaps(text[let.end() :], body[let.end() :])
                if texts:
                    found.append(Region(file, start + let.end(), start + len(text), "value", texts))
            elif body.startswith("return"):
                continue
            elif not body.startswith("let"):
                texts = swaps(text, body)
                if body.endswith("?") or re.match(r"(self\.)?(found\.)?(need|equal)\(", body):
                    texts.insert(0, ("left out", ""))
                if texts:
                    found.append(Region(file, start, start + len(text) + 1, "statement", texts))
        elif clean[after] == "}" and not re.search(r"(?<!:):(?!:)", body):
            texts = swaps(text, body)
            if texts:
                found.append(Region(file, start, start + len(text), "value", texts))
    found.sort(key=lambda region: region.start)
    # Regions do not overlap: a condition inside a statement stays, the statement goes.
    kept = []
    for region in found:
        if kept and region.start < kept[-1].end:
            continue
        kept.append(region)
    return kept


def number(all_regions):
    mutants, next_id = {}, 1
    for region in all_regions:
        region.ids = []
        for what, text in region.texts:
            mutants[next_id] = (region, what, text)
            region.ids.append(next_id)
            next_id += 1
    return mutants


def rewrite(source, own, mutants):
    """The source with a choice at each region, and the lines of each region."""
    out, at, lines = "", 0, []
    for region in own:
        out += source[at : region.start]
        first = out.count("\n") + 1
        original = source[region.start : region.end]
        arms = ""
        for mutant in region.ids:
            text = mutants[mutant][2]
            if region.kind == "statement":
                arms += f"{mutant} => {{ {text}{';' if text else ''} }} "
            else:
                arms += f"{mutant} => {{ {text} }} "
        choice = f"match crate::mutants::active({region.ids[0]}) {{ {arms}_ => {{ {original} }} }}"
        out += f"({choice})" if region.kind == "condition" else choice
        lines.append((first, out.count("\n") + 1, region))
        at = region.end
    return out + source[at:], lines


def copy(to):
    ignore = shutil.ignore_patterns("target", ".git", "book")
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(ROOT, to, ignore=ignore, symlinks=True)


def build(tree, tests, cargo):
    """Executables of the tests, or the places of errors."""
    executables, errors = [], set()
    for test in tests:
        package, target = test.split(":", 2)[:2]
        where = ["--lib"] if target == "--lib" else ["--test", target]
        command = ["cargo", *cargo, "test", "--offline", "-p", package, *where, "--no-run",
                   "--message-format=json"]
        run = subprocess.run(command, cwd=tree, capture_output=True, text=True)
        for line in run.stdout.splitlines():
            message = json.loads(line)
            if message.get("executable") and message["profile"]["test"]:
                executables.append((test, message["executable"], tree / package_folder(message)))
            inner = message.get("message") or {}
            if message.get("reason") == "compiler-message" and inner.get("level") == "error":
                for span in inner["spans"]:
                    errors.add((span["file_name"], span["line_start"]))
        if errors:
            return None, errors
        if run.returncode:
            sys.exit(run.stderr)
    return executables, errors


def package_folder(message):
    return Path(message["manifest_path"]).parent


def arguments_of(test):
    return [word for filters in test.split(":", 2)[2:] for word in filters.split(",")]


def run(executable, folder, words, mutant, limit):
    environment = dict(os.environ, **{VARIABLE: str(mutant), "RUST_BACKTRACE": "0"})
    began = time.monotonic()
    try:
        done = subprocess.run([executable, "-q", *words], cwd=folder, env=environment, timeout=limit,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        verdict = "survived" if done.returncode == 0 else "caught"
    except subprocess.TimeoutExpired:
        verdict = "timeout"
    return verdict, time.monotonic() - began


def reach(executables, out):
    """For each executable, the tests that reach each place."""
    record = out / "reached.json"
    known = json.loads(record.read_text()) if record.exists() else {}
    for test, executable, folder in executables:
        if executable in known:
            continue
        flt = arguments_of(test)
        listed = subprocess.run([executable, *flt, "--list", "--format", "terse"], cwd=folder,
                                capture_output=True, text=True, check=True).stdout
        names = re.findall(r"^(.*): test$", listed, flags=re.M)
        places = {}
        for name in names:
            seen = out / "seen.txt"
            seen.unlink(missing_ok=True)
            environment = dict(os.environ, **{REACHED: str(seen)})
            subprocess.run([executable, "-q", "--exact", name], cwd=folder, env=environment, check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for place in set(seen.read_text().split()) if seen.exists() else ():
                places.setdefault(place, []).append(name)
        known[executable] = places
        record.write_text(json.dumps(known))
        print(f"{test}: {len(names)} tests reach {len(places)} places", flush=True)
    return known


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the copy and the results")
    parser.add_argument("--package", required=True, help="folder of the crate that the files are of")
    parser.add_argument("--list", action="store_true", help="print the mutants, run nothing")
    parser.add_argument("--only", help="only these mutants: numbers, with commas")
    parser.add_argument("--seconds", type=float, default=1e9, help="stop after so long")
    parser.add_argument("--cargo", default="", help="options of cargo before `test`")
    parser.add_argument("files", nargs="+", help="source files from the workspace's folder, then the tests")
    arguments = parser.parse_args()
    files = [name for name in arguments.files if name.endswith(".rs")]
    tests = [name for name in arguments.files if not name.endswith(".rs")]
    sources = {name: (ROOT / name).read_text() for name in files}
    found = [region for name in files for region in regions(name, sources[name])]
    mutants = number(found)
    if arguments.list:
        for mutant, (region, what, _) in mutants.items():
            print(describe(mutant, region, what, sources))
        return
    tree = arguments.out.resolve() / "tree"
    copy(tree)
    root = tree / arguments.package / "src/lib.rs"
    switch = SWITCH % (len(mutants) + 1, len(mutants) + 1, REACHED, VARIABLE)
    root.write_text(root.read_text() + switch)
    cargo = arguments.cargo.split()
    while True:
        lines = {}
        for name in files:
            own = [region for region in found if region.file == name]
            text, lines[name] = rewrite(sources[name], own, mutants)
            if tree / name == root:
                text += switch
            (tree / name).write_text(text)
        executables, errors = build(tree, tests, cargo)
        if not errors:
            break
        wrong = [region for name, line in errors for first, last, region in lines.get(name, [])
                 if first <= line <= last]
        if not wrong:
            sys.exit(f"errors elsewhere: {sorted(errors)[:5]}")
        found = [region for region in found if region not in wrong]
        print(f"{len(set(map(id, wrong)))} places do not compile and are left out", flush=True)
    mutants = {m: mutants[m] for region in found for m in region.ids}
    if arguments.only:
        chosen = {int(n) for n in arguments.only.split(",")}
        mutants = {m: v for m, v in mutants.items() if m in chosen}
    results(arguments, mutants, executables, sources)


def describe(mutant, region, what, sources):
    line = sources[region.file][: region.start].count("\n") + 1
    text = " ".join(sources[region.file][region.start : region.end].split())
    return f"{mutant}: {region.file}:{line}: {what}: {text[:110]}"


def results(arguments, mutants, executables, sources):
    """Each mutant meets the tests in their order until one catches it. What was found is kept in
    `results.json`, by description: the same command goes on."""
    end = time.monotonic() + arguments.seconds
    reached = reach(executables, arguments.out.resolve())
    limits = {}
    for test, executable, folder in executables:
        verdict, seconds = run(executable, folder, arguments_of(test), 0, 3600)
        if verdict != "survived":
            sys.exit(f"{test} fails without a mutant")
        limits[test] = 10 * seconds + 20
        print(f"{test}: {seconds:.1f} s without a mutant", flush=True)
    record = arguments.out / "results.json"
    found = json.loads(record.read_text()) if record.exists() else {}
    for mutant, (region, what, _) in mutants.items():
        name = describe(mutant, region, what, sources)
        met = found.setdefault(name, {"caught": None, "by": []})
        for test, executable, folder in executables:
            if met["caught"] or test in met["by"] or time.monotonic() > end:
                continue
            names = reached[executable].get(str(region.ids[0]), [])
            verdict = "survived"
            if names:
                verdict, _ = run(executable, folder, ["--exact", *names], mutant, limits[test])
            met["by"].append(test)
            if verdict != "survived":
                met["caught"] = verdict
            record.write_text(json.dumps(found, indent=1))
    tests = [test for test, _, _ in executables]
    for test in tests:
        print(f"{test}: {sum(m['caught'] is not None and m['by'][-1] == test for m in found.values())} caught")
    left = [(name, [t for t in tests if t not in m["by"]]) for name, m in found.items() if not m["caught"]]
    with open(arguments.out / "survivors.txt", "w") as file:
        for name, unseen in left:
            file.write(name + (f" (did not meet {', '.join(unseen)})" if unseen else "") + "\n")
    print(f"{len(found)} mutants, {len(found) - len(left)} caught, {len(left)} left")


if __name__ == "__main__":
    main()
