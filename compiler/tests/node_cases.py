#!/usr/bin/env python3
"""Collects the ONNX package's own node tests for the supported operators in one small file.

Each case is one node; all inputs but the activations become initializers. Cases that are large,
not of floats, or of operators that are not supported are left out.

    pip install onnx numpy
    python3 compiler/tests/node_cases.py OPERATORS.md compiler/tests/node_cases.json
"""

import base64
import json
import re
import sys

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from onnx.backend.test.case.node import collect_testcases

MOST_VALUES = 512
# Inputs that are activations; all others are constants of the model.
ACTIVE = {
    name: 2
    for name in "Add Sub Mul Div MatMul Max Min Sum Mean Less Greater Equal Gemm And Or Xor".split()
}
ACTIVE |= {"Concat": 99, "Where": 0, "Range": 0, "Reciprocal": 1}
# Operators that give indices.
RANKING = {"ArgMax", "ArgMin", "TopK"}


def main():
    supported = set(re.findall(r"^\| (\w+) \|", open(sys.argv[1]).read(), re.M)) - {"Operator"}
    cases = []
    for case in collect_testcases(None):
        if len(case.model.graph.node) != 1:
            continue
        node = case.model.graph.node[0]
        if node.op_type not in supported or node.domain:
            continue
        (inputs, outputs) = case.data_sets[0]
        if not all(isinstance(x, np.ndarray | np.generic) for x in inputs):
            continue
        arrays = [np.asarray(x) for x in inputs]
        if any(x.dtype == object for x in arrays):
            continue
        ranks = node.op_type in RANKING
        types = (np.float32, np.bool_, np.int64) if ranks else (np.float32, np.bool_)
        made = [name for name in node.output if name]
        expected = [np.asarray(output) for output in outputs[: 2 if ranks else 1]]
        if any(x.dtype not in types or not 0 < x.size <= MOST_VALUES for x in expected):
            continue
        if sum(x.size for x in arrays) > MOST_VALUES or not arrays:
            continue
        floats = [x for x in [*arrays, *expected] if x.dtype == np.float32]
        if not all(np.isfinite(x).all() for x in floats):
            continue
        names = [value.name for value in case.model.graph.input]
        active = ACTIVE.get(node.op_type, 1)
        graph_inputs, initializers, feeds = [], [], {}
        for at, (name, array) in enumerate(zip(names, arrays)):
            if at < active and array.dtype == np.float32 and array.size:
                info = helper.make_tensor_value_info(name, TensorProto.FLOAT, array.shape)
                graph_inputs.append(info)
                feeds[name] = [list(array.shape), [float(f"{v:.8g}") for v in array.flatten()]]
            else:
                initializers.append(numpy_helper.from_array(array, name))
        if not graph_inputs:
            continue
        for at, array in enumerate(expected):
            integers = array.dtype == np.int64
            kind = TensorProto.INT64 if integers else TensorProto.FLOAT
            out = helper.make_tensor_value_info(made[at], kind, array.shape)
            graph = helper.make_graph([node], case.name, graph_inputs, [out], initializers)
            model = helper.make_model(graph, ir_version=8)
            del model.opset_import[:]
            model.opset_import.extend(case.model.opset_import)
            cases.append(
                {
                    "name": case.name + ("_indices" if at else ""),
                    "model": base64.b64encode(model.SerializeToString(deterministic=True)).decode(),
                    "inputs": feeds,
                    "expected": [round(float(v), 6) for v in array.flatten()],
                }
            )
    with open(sys.argv[2], "w") as out:
        json.dump(cases, out, separators=(",", ":"))
    print(len(cases), "cases")


if __name__ == "__main__":
    main()
