#!/usr/bin/env python3
"""Runs an ONNX model once on zeros with onnxruntime, to see that it loads.

    pip install onnxruntime numpy
    python3 examples/run_onnx.py model.onnx
"""

import sys

import numpy as np
import onnxruntime

TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(int64)": np.int64}


def main():
    session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
    feeds = {
        value.name: np.zeros(
            [dim if isinstance(dim, int) else 1 for dim in value.shape], TYPES[value.type]
        )
        for value in session.get_inputs()
    }
    for value, result in zip(session.get_outputs(), session.run(None, feeds)):
        print(f"{value.name}: {result.dtype} {list(result.shape)}, mean {result.mean():.6g}")


if __name__ == "__main__":
    main()
