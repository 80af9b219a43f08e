"""What was measured of one model, as figures and ratios, and as Markdown."""

import dataclasses

from measured import NOT_REACHED, OVER_MEMORY, OVER_TIME


@dataclasses.dataclass(frozen=True)
class Figure:
    """A number, a lower bound of one, or words in its place."""

    value: float | None = None
    bound: bool = False
    words: str = ""

    def text(self, digits):
        if self.value is None:
            return self.words or "not measured"
        number = f"{self.value:.1e}" if digits == "e" else f"{self.value:,.{digits}f}"
        return f"over {number}" if self.bound else number

    def over(self, other):
        """The ratio to another figure, None where there is none."""
        if self.value is None or not other.value or other.bound:
            return None
        return Figure(self.value / other.value, self.bound)

    def json(self):
        if self.value is None:
            return self.words or None
        return {"more_than": self.value} if self.bound else self.value


# Name in the JSON, words in the table, digits after the point.
ROWS = [
    ("k", "circuit, log2 of the rows", 0),
    ("setup_wall_seconds", "set-up (keys), wall s", 2),
    ("setup_cpu_seconds", "set-up (keys), CPU s", 2),
    ("setup_peak_mib", "set-up (keys), peak MiB", 0),
    ("prove_wall_seconds", "prove, wall s", 2),
    ("prove_cpu_seconds", "prove, CPU s", 2),
    ("prove_peak_mib", "prove, peak MiB", 0),
    ("verify_milliseconds", "verify, ms", 1),
    ("proof_bytes", "proof, bytes", 0),
    ("vk_bytes", "verifying key, bytes", 0),
    ("pk_bytes", "proving key, bytes", 0),
    ("srs_wall_seconds", "SRS, wall s", 2),
    ("all_wall_seconds", "all steps, wall s", 2),
    ("all_cpu_seconds", "all steps, CPU s", 2),
    ("all_peak_mib", "all steps, peak MiB", 0),
    ("output_error", "largest output error", "e"),
]


def of_step(step, attribute):
    """A figure of the process itself; a lower bound if it was stopped."""
    value = getattr(step, attribute)
    if step.done or (step.bounded and value is not None):
        # Of a step over its time the peak is what it reached, and the other way about.
        return Figure(value, bound=step.bounded)
    return Figure(words=step.status)


def given(step, key):
    """A figure that the step reported."""
    if step is None:
        return Figure()
    if not step.done:
        return Figure(words=step.status)
    return Figure(step.result.get(key))


def error(outputs, reference):
    """Largest distance between two lists of numbers."""
    if len(outputs) != len(reference):
        return Figure(words=f"{len(outputs)} values instead of {len(reference)}")
    return Figure(max(abs(a - b) for a, b in zip(outputs, reference)))


def of_ezkl(steps, reference):
    figures = {"k": given(steps["calibrate"], "logrows")}
    for ours, name in (("setup", "setup"), ("prove", "prove")):
        figures[f"{ours}_wall_seconds"] = of_step(steps[name], "wall_seconds")
        figures[f"{ours}_cpu_seconds"] = of_step(steps[name], "cpu_seconds")
        figures[f"{ours}_peak_mib"] = of_step(steps[name], "peak_mib")
    figures["verify_milliseconds"] = given(steps["verify"], "verify_milliseconds")
    figures["proof_bytes"] = given(steps["prove"], "proof_bytes")
    figures["vk_bytes"] = given(steps["setup"], "vk_bytes")
    figures["pk_bytes"] = given(steps["setup"], "pk_bytes")
    srs = steps["srs"]
    figures["srs_wall_seconds"] = (
        Figure(words=srs.note) if srs.note and srs.done else of_step(srs, "wall_seconds")
    )
    counted = [step for name, step in steps.items() if name != "srs"]
    ran = [step for step in counted if step.wall_seconds is not None]
    whole = all(step.done for step in counted)
    for attribute, fold in (("wall_seconds", sum), ("cpu_seconds", sum), ("peak_mib", max)):
        value = fold([getattr(step, attribute) for step in ran]) if ran else None
        figures[f"all_{attribute}"] = Figure(value, bound=not whole)
    witness = steps["witness"]
    figures["output_error"] = given(witness, "none")
    if witness.done:
        values = [value for output in witness.result["outputs"] for value in output]
        expected = [value for output in reference.values() for value in output]
        figures["output_error"] = error(values, expected)
    return figures


def of_ours(steps, reference):
    step = steps["inference"]
    names = {
        "k": "k",
        "setup_wall_seconds": "key_seconds",
        "setup_cpu_seconds": "key_cpu_seconds",
        "setup_peak_mib": "key_peak_mib",
        "prove_wall_seconds": "prove_seconds",
        "prove_cpu_seconds": "prove_cpu_seconds",
        "verify_milliseconds": "verify_milliseconds",
        "proof_bytes": "proof_bytes",
        "vk_bytes": "key_bytes",
        "srs_wall_seconds": "srs_seconds",
    }
    figures = {name: given(step, key) for name, key in names.items()}
    # One process does all of it, so the operating system's peak is that of the proof too.
    figures["prove_peak_mib"] = of_step(step, "peak_mib")
    figures["pk_bytes"] = Figure(words="never written")
    for attribute in ("wall_seconds", "cpu_seconds", "peak_mib"):
        figures[f"all_{attribute}"] = of_step(step, attribute)
    run = steps.get("run", steps.get("quantize"))
    figures["output_error"] = given(run, "none")
    if "run" in steps and run.done:
        values = {output["name"]: output["values"] for output in run.result["outputs"]}
        if values.keys() == reference.keys():
            flat = [value for name in reference for value in values[name]]
            expected = [value for name in reference for value in reference[name]]
            figures["output_error"] = error(flat, expected)
        else:
            figures["output_error"] = Figure(words=f"outputs named {', '.join(values)}")
    return figures


def summary(results):
    """All figures of a model, ready for JSON and for `markdown`."""
    ezkl = of_ezkl(results["ezkl"], results["reference"])
    ours = of_ours(results["ours"], results["reference"])
    rows, values = [], {"model": results["model"], "ezkl": {}, "nascent": {}, "ratio": {}}
    for name, words, digits in ROWS:
        # The logarithms have no ratio that says something.
        ratio = ezkl[name].over(ours[name]) if name != "k" else None
        values["ezkl"][name] = ezkl[name].json()
        values["nascent"][name] = ours[name].json()
        if ratio:
            values["ratio"][name] = ratio.json()
        shown = ratio.text(0 if ratio.value >= 100 else 2) if ratio else ""
        rows.append([words, ezkl[name].text(digits), ours[name].text(digits), shown])
    sides = (("EZKL", "ezkl"), ("Nascent", "ours"))
    values["notes"] = [
        note for title, side in sides for note in notes(title, results[side].values())
    ]
    values["steps"] = {
        name: {step.name: dataclasses.asdict(step) for step in results[side].values()}
        for name, side in (("ezkl", "ezkl"), ("nascent", "ours"))
    }
    values["table"] = rows
    return values


def notes(title, steps):
    """Why a step has no figures."""
    for step in steps:
        if step.status in (OVER_TIME, OVER_MEMORY):
            yield (
                f"{title}: {step.name} went {step.status}, after {step.wall_seconds:.0f} s "
                f"at {step.peak_mib:,.0f} MiB; figures marked over are lower bounds"
            )
        elif not step.done and step.status != NOT_REACHED:
            yield f"{title}: {step.name} {step.status}: {step.note}"


def heading(about):
    return "\n".join([
        f"{about['processor']}, {about['cores']} cores, {about['memory_gib']} GiB, "
        f"{about['system']}; load {about['load_at_start'][0]} at the start, "
        f"niceness {about['niceness']}; {about['started']}.",
        f"Commit {about['commit']}; program {about['binary']}. "
        f"EZKL {about['ezkl']}, weights {about['param_visibility']}, "
        f"calibrated for {about['calibration_target']}.",
    ])


def markdown(values):
    lines = [
        "",
        f"### {values['model']}",
        "",
        "| | EZKL | Nascent | EZKL / Nascent |",
        "|---|---:|---:|---:|",
    ]
    lines += [f"| {' | '.join(row)} |" for row in values.pop("table")]
    lines += ["", *(f"- {note}" for note in values["notes"])]
    return "\n".join(lines)
