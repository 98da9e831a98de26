"""ONNX Runtime, int8: onnx_int8.py MODEL.onnx THREADS MESSAGES."""
import json
import pathlib
import sys

import onnxruntime
from worker import padded, serve

options = onnxruntime.SessionOptions()
options.intra_op_num_threads, options.inter_op_num_threads = int(sys.argv[2]), 1
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])


def run(messages):
    ids, mask = padded(messages)
    return session.run(None, {"ids": ids, "mask": mask})[0].tolist()


serve(json.loads(pathlib.Path(sys.argv[3]).read_text()), run, version=onnxruntime.__version__)
