#!/usr/bin/env python3
"""Proves the same ONNX models with EZKL and with this project, and prints both side by side.

Installs EZKL from PyPI into a virtual environment of its own, under target/, which git ignores.
Every step is a process of its own, so that wall time, CPU time and peak memory are told apart.

    python3 benches/ezkl/compare.py [MODEL.onnx ..] [--timeout SECONDS] [--memory GIB]

See benches/ezkl/README.md for what is and is not compared."""

import argparse
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import time

import table
from measured import FAILED, Limits, Step, measure

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
EZKL = "23.0.5"
PACKAGES = [f"ezkl=={EZKL}", "numpy", "onnxruntime"]
EZKL_STEPS = ("settings", "calibrate", "compile", "srs", "setup", "witness", "prove", "verify")


class Stop(Exception):
    """Said to the user as one line."""


def arguments():
    parser = argparse.ArgumentParser(
        description="EZKL and Nascent on the same ONNX files, side by side.",
        epilog="Samples of model.onnx are read from model.samples.npz beside it.",
    )
    parser.add_argument("models", nargs="*", type=pathlib.Path, metavar="MODEL.onnx",
                        help="default: all of examples/inference")
    parser.add_argument("--timeout", type=float, default=1800, metavar="SECONDS",
                        help="most wall time of one step; 0: none (default: %(default)s)")
    parser.add_argument("--memory", type=float, default=16, metavar="GIB",
                        help="most resident memory of one step; 0: none (default: %(default)s)")
    parser.add_argument("--binary", type=pathlib.Path,
                        help="a built `inference` example instead of building it here")
    parser.add_argument("--nascent", type=pathlib.Path,
                        help="a built `nascent` command, for the output error")
    parser.add_argument("--param-visibility", default="fixed", metavar="V",
                        choices=["fixed", "private", "polycommit", "hashed"],
                        help="EZKL's treatment of weights (default: fixed, the cheapest)")
    parser.add_argument("--target", default="resources", choices=["resources", "accuracy"],
                        help="what EZKL's calibration looks for (default: %(default)s)")
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "target" / "ezkl",
                        help="environment, SRS and keys (default: target/ezkl)")
    parser.add_argument("--keep", action="store_true", help="keep each model's keys and proofs")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE",
                        help="write the JSON here instead of after the tables")
    return parser.parse_args()


def environment(work):
    """The Python of the virtual environment, which is made if it is not there."""
    folder = work / "venv"
    python = folder / "bin" / "python"
    check = f"import ezkl, numpy, onnxruntime; assert ezkl.__version__ == {EZKL!r}"
    if python.exists():
        if subprocess.run([python, "-c", check], capture_output=True).returncode == 0:
            return python
        shutil.rmtree(folder)
    say(f"installing {', '.join(PACKAGES)} into {shown(folder)}")
    work.mkdir(parents=True, exist_ok=True)
    made = subprocess.run([sys.executable, "-m", "venv", folder], capture_output=True, text=True)
    if made.returncode != 0:
        raise Stop(f"no virtual environment can be made: {(made.stdout + made.stderr).strip()}")
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
           "--retries", "2", "--timeout", "30", "--only-binary", ":all:"]
    done = subprocess.run([*pip, *PACKAGES], capture_output=True, text=True)
    if done.returncode != 0:
        shutil.rmtree(folder)
        raise Stop(install_failure(done.stderr))
    if subprocess.run([python, "-c", check], capture_output=True).returncode != 0:
        raise Stop(f"the installed package is not a working EZKL {EZKL}")
    return python


def install_failure(stderr):
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")] or lines[-2:]
    # "none": the index gave no list at all.
    signs = ("(from versions: none)", "Max retries", "ConnectTimeout", "ReadTimeout", "ProxyError")
    if any(sign in stderr for sign in signs):
        return (f"PyPI cannot be reached, so EZKL {EZKL} cannot be installed. Is there a network, "
                f"or a mirror to name in PIP_INDEX_URL? pip says: {' / '.join(errors)}")
    return (f"pip did not install {', '.join(PACKAGES)}; are there wheels for this system and "
            f"Python {platform.python_version()}? pip says: {' / '.join(errors)}")


def built(package, kind, name):
    """Builds a program and gives its path; the build is not measured."""
    command = ["cargo", "build", "--release", "--locked", "--package", package, kind, name]
    say(f"building: {' '.join(command)}")
    try:
        done = subprocess.run([*command, "--message-format=json-render-diagnostics"],
                              cwd=ROOT, stdout=subprocess.PIPE, text=True)
    except FileNotFoundError:
        raise Stop("cargo is not installed; give --binary and --nascent instead") from None
    if done.returncode != 0:
        raise Stop(f"cargo did not build {name}")
    messages = (json.loads(line) for line in done.stdout.splitlines() if line.startswith("{"))
    paths = [m["executable"] for m in messages
             if m.get("executable") and m["target"]["name"] == name]
    if not paths:
        raise Stop(f"cargo did not say where {name} is")
    return pathlib.Path(paths[-1])


def say(what):
    print(what, file=sys.stderr, flush=True)


def shown(path):
    """Without the part of the path that is this machine's."""
    path = pathlib.Path(path).resolve()
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name


def run_python(python, name, at, limits, folder):
    given = folder / f"{name}.arguments.json"
    given.write_text(json.dumps({key: value if isinstance(value, (int, list)) else str(value)
                                 for key, value in at.items()}), encoding="utf-8")
    say(f"  {name}")
    return measure(name, [python, HERE / "steps.py", name, given], limits, folder / f"{name}.log",
                   cwd=folder)


def run_ezkl(options, python, at, limits, folder):
    """All steps, up to the first that does not end well."""
    steps = {name: Step(name) for name in EZKL_STEPS}
    for name in EZKL_STEPS:
        if name == "srs":
            # One for each size, kept: making it is no part of a model's set-up, on either side.
            at["logrows"] = steps["calibrate"].result["logrows"]
            at["srs"] = options.work / "srs" / f"{at['logrows']}.srs"
            at["srs"].parent.mkdir(parents=True, exist_ok=True)
            if at["srs"].exists():
                steps[name] = Step(name, "done", note="found from an earlier run")
                continue
        steps[name] = run_python(python, name, at, limits, folder)
        if not steps[name].done:
            break
    return steps


def run_ours(programs, model, samples, limits, folder):
    steps = {}

    def step(name, command):
        say(f"  {name}")
        steps[name] = measure(name, command, limits, folder / f"{name}.log", cwd=folder)
        return steps[name].done

    step("inference", [programs["inference"], model, samples])
    if programs.get("nascent"):
        command = [programs["nascent"], "--json", "--cache", folder / "cache"]
        quantized = folder / "quantized"
        quantized.mkdir()
        if step("quantize", [*command, "compile", model, "--out", quantized, "--samples", samples]):
            step("run", [*command, "run", quantized, "--input", samples])
    return steps


def samples_of(model):
    return model.with_suffix(".samples.npz")


def compare(options, python, programs, model, limits):
    model = model.resolve()
    samples = samples_of(model)
    folder = options.work / "models" / model.stem
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    say(f"{model.stem}:")
    files = ("input", "calibration", "settings", "witness", "proof")
    at = {name: folder / f"{name}.json" for name in files}
    at |= {"circuit": folder / "circuit.ezkl", "vk": folder / "vk", "pk": folder / "pk"}
    at |= {"model": model, "samples": samples}
    at |= {"param_visibility": options.param_visibility, "target": options.target}
    try:
        reference = run_python(python, "reference", at, limits, folder)
        if not reference.done:
            raise Stop(f"{model.name}: the reference {reference.status}: {reference.note}")
        at["variables"] = reference.result["variables"]
        found = {
            "model": shown(model),
            "reference": reference.result["outputs"],
            # One after the other, never at the same time.
            "ours": run_ours(programs, model, samples, limits, folder),
            "ezkl": run_ezkl(options, python, at, limits, folder),
        }
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    return found


def git(*command):
    done = subprocess.run(["git", *command], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else ""


def machine(options):
    """What the figures depend on."""
    def field(path, key):
        lines = pathlib.Path(path).read_text(encoding="utf-8").splitlines()
        return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(key)), "?")

    changed = git("status", "--porcelain", "--untracked-files=no")
    return {
        "processor": field("/proc/cpuinfo", "model name"),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(int(field("/proc/meminfo", "MemTotal").split()[0]) / 2**20, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "niceness": os.nice(0),
        "load_at_start": [round(value, 1) for value in os.getloadavg()],
        "commit": (git("rev-parse", "HEAD") or "unknown") + (" and changes" if changed else ""),
        "binary": "given, of a commit not known" if options.binary else "built from this commit",
        "ezkl": EZKL,
        "param_visibility": options.param_visibility,
        "calibration_target": options.target,
        "timeout_seconds": options.timeout,
        "memory_limit_gib": options.memory,
        "started": time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()),
    }


def main():
    options = arguments()
    if not hasattr(os, "pidfd_open"):
        raise Stop("this needs Linux and Python 3.9 or newer")
    options.work = options.work.resolve()
    models = options.models or sorted((ROOT / "examples" / "inference").glob("*.onnx"))
    if not models:
        raise Stop("there is no model in examples/inference")
    for path in [path for model in models for path in (model, samples_of(model))]:
        if not path.is_file():
            raise Stop(f"there is no {path}")
    limits = Limits(options.timeout or None, int(options.memory * 2**30) or None)
    programs = {"inference": options.binary, "nascent": options.nascent}
    for program in filter(None, programs.values()):
        if not os.access(program, os.X_OK) or not program.is_file():
            raise Stop(f"{program} is not a program")
    python = environment(options.work)
    if not options.binary:
        programs["inference"] = built("nascent-benches", "--example", "inference")
    if not options.nascent and not options.binary:
        programs["nascent"] = built("nascent-cli", "--bin", "nascent")
    programs = {name: path.resolve() for name, path in programs.items() if path}
    about = machine(options)
    print(table.heading(about), flush=True)
    found, failed = [], False
    for model in models:
        results = compare(options, python, programs, model, limits)
        steps = [*results["ours"].values(), *results["ezkl"].values()]
        failed |= any(step.status == FAILED for step in steps)
        found.append(table.summary(results))
        print(table.markdown(found[-1]), flush=True)
    text = json.dumps({"machine": about, "models": found}, indent=1)
    if options.json:
        options.json.write_text(text + "\n", encoding="utf-8")
    else:
        print(f"```json\n{text}\n```")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Stop as reason:
        sys.exit(f"compare.py: {reason}")
    except KeyboardInterrupt:
        sys.exit(130)
