"""Draws what tokens cost: scaling.py OUT.svg FILE.json ..., the files made by `engine-harness scaling`."""
import json
import pathlib
import sys

import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plot

plot.rcParams["svg.hashsalt"] = "intentd"
figure, (left, right) = plot.subplots(1, 2, figsize=(9, 3.4))
for path in sys.argv[2:]:
    data = json.loads(pathlib.Path(path).read_text())
    for axes, key in ((left, "batches"), (right, "messages")):
        points = data[key]
        axes.plot([p["tokens"] for p in points], [p["seconds"] * 1000 for p in points], marker=".",
                  label=f"{data['precision']} ({data['kernels']})")
left.set_title("Batches of messages of 16 tokens")
right.set_title("One message")
for axes in (left, right):
    axes.set(xlabel="tokens", ylabel="milliseconds", xlim=0, ylim=0)
    axes.grid(alpha=0.3)
left.legend()
figure.tight_layout()
figure.savefig(sys.argv[1], metadata={"Date": None})
