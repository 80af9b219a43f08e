"""The steps of an EZKL proof, one for each run of this file, inside the virtual environment.

    python steps.py STEP ARGUMENTS.json

compare.py calls it. The last line on standard output is a JSON object with the result."""

import asyncio
import inspect
import json
import pathlib
import statistics
import sys
import time

VERIFICATIONS = 5


def call(function, *args, **kwargs):
    """Some functions of the package are coroutines in some versions."""

    async def inside():
        result = function(*args, **kwargs)
        return await result if inspect.isawaitable(result) else result

    result = asyncio.run(inside())
    if result is False:
        raise SystemExit(f"{function.__name__} returned false")
    return result


def size(path):
    return pathlib.Path(path).stat().st_size


def reference(at):
    """Float outputs by onnxruntime of the first sample, and the samples as EZKL reads them."""
    import numpy as np
    import onnxruntime

    session = onnxruntime.InferenceSession(at["model"], providers=["CPUExecutionProvider"])
    samples = np.load(at["samples"])
    inputs = session.get_inputs()
    missing = [port.name for port in inputs if port.name not in samples]
    if missing:
        raise SystemExit(f"{at['samples']} has no array {missing[0]!r}")
    feeds, every = {}, []
    for port in inputs:
        array = samples[port.name]
        # A file of samples has one more of the first dimension than the model with batch 1.
        feeds[port.name] = array[:1]
        every.append(array.reshape(-1).tolist())
    first = [array.reshape(-1).tolist() for array in feeds.values()]
    outputs = session.run(None, feeds)
    write(at["input"], {"input_data": first})
    write(at["calibration"], {"input_data": every})
    names = [port.name for port in session.get_outputs()]
    return {
        "outputs": {
            name: np.asarray(values, dtype=float).reshape(-1).tolist()
            for name, values in zip(names, outputs)
        },
        # Free dimensions, all of which become 1.
        "variables": sorted(
            {dim for port in inputs for dim in port.shape if isinstance(dim, str)}
        ),
    }


def write(path, value):
    pathlib.Path(path).write_text(json.dumps(value), encoding="utf-8")


def settings(at):
    import ezkl

    arguments = ezkl.PyRunArgs()
    arguments.variables = [(name, 1) for name in at["variables"]]
    arguments.input_visibility = "public"
    arguments.output_visibility = "public"
    arguments.param_visibility = at["param_visibility"]
    call(ezkl.gen_settings, at["model"], at["settings"], py_run_args=arguments)
    return {}


def calibrate(at):
    import ezkl

    call(ezkl.calibrate_settings, at["calibration"], at["model"], at["settings"], at["target"])
    found = json.loads(pathlib.Path(at["settings"]).read_text(encoding="utf-8"))
    arguments = found["run_args"]
    kept = ("logrows", "input_scale", "param_scale", "lookup_range", "num_inner_cols")
    return {key: arguments[key] for key in kept} | {"rows": found["num_rows"]}


def compile_circuit(at):
    import ezkl

    call(ezkl.compile_circuit, at["model"], at["circuit"], at["settings"])
    return {"circuit_bytes": size(at["circuit"])}


def srs(at):
    """A local one, whose secret is thrown away: good for measuring and for nothing else."""
    import ezkl

    path = pathlib.Path(at["srs"])
    part = path.with_suffix(".part")
    ezkl.gen_srs(str(part), at["logrows"])
    part.rename(path)
    return {"srs_bytes": size(path)}


def setup(at):
    import ezkl

    call(ezkl.setup, at["circuit"], at["vk"], at["pk"], at["srs"])
    return {"vk_bytes": size(at["vk"]), "pk_bytes": size(at["pk"])}


def witness(at):
    import ezkl

    call(ezkl.gen_witness, at["input"], at["circuit"], at["witness"])
    made = json.loads(pathlib.Path(at["witness"]).read_text(encoding="utf-8"))
    outputs = made["pretty_elements"]["rescaled_outputs"]
    return {"outputs": [[float(value) for value in values] for values in outputs]}


def prove(at):
    import ezkl

    call(ezkl.prove, at["witness"], at["circuit"], at["pk"], at["proof"], at["srs"])
    made = json.loads(pathlib.Path(at["proof"]).read_text(encoding="utf-8"))
    return {"proof_bytes": len(made["proof"]), "file_bytes": size(at["proof"])}


def verify(at):
    """Each call reads the key and the SRS from their files again; no other call is offered."""
    import ezkl

    seconds = []
    for _ in range(VERIFICATIONS):
        start = time.perf_counter()
        call(
            ezkl.verify, at["proof"], at["settings"], at["vk"], at["srs"], reduced_srs=True
        )
        seconds.append(time.perf_counter() - start)
    return {"verify_milliseconds": statistics.median(seconds) * 1e3}


STEPS = {
    "reference": reference,
    "settings": settings,
    "calibrate": calibrate,
    "compile": compile_circuit,
    "srs": srs,
    "setup": setup,
    "witness": witness,
    "prove": prove,
    "verify": verify,
}

if __name__ == "__main__":
    given = json.loads(pathlib.Path(sys.argv[2]).read_text(encoding="utf-8"))
    answer = STEPS[sys.argv[1]](given)
    # The package writes to the same stream without a line's end now and then.
    print(f"\n{json.dumps(answer)}", flush=True)
