"""transformers: on bitsandbytes NF4 with the adapter in peft, or merged in float32.

transformers_peer.py nf4|merged MODELS ADAPTER THREADS MESSAGES
"""
import json
import pathlib
import sys

import gemma
import torch
import transformers
from worker import padded, serve

torch.set_num_threads(int(sys.argv[4]))
model, _ = gemma.load(pathlib.Path(sys.argv[2]), sys.argv[3], merged=sys.argv[1] == "merged")
classifier = gemma.Classifier(model).eval()


def run(messages):
    ids, mask = padded(messages)
    with torch.inference_mode():
        return classifier(torch.from_numpy(ids), torch.from_numpy(mask)).float().tolist()


serve(json.loads(pathlib.Path(sys.argv[5]).read_text()), run, version=transformers.__version__)
