"""Exports the merged model to ONNX and quantises it to int8 (dynamic, per channel): export.py MODELS ADAPTER OUT.

The plain module is compared with transformers and peft on the 4-bit base first, then ONNX Runtime with the module.
Where the processor has no VNNI, weights take 7 bits, as ONNX Runtime advises: its products would saturate.
"""
import pathlib
import sys

import gemma
import numpy
import onnxruntime
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from plain import PlainClassifier
from worker import padded

MESSAGES = [[2, 2364, 3895, 815, 711, 9103], [2, 1217, 776, 564, 2455, 1041, 33456, 236881], [2, 107]]


def main() -> None:
    models, adapter, out = pathlib.Path(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3])
    merged, _ = gemma.load(models, adapter, merged=True)
    plain = PlainClassifier(merged).eval()
    ids, mask = (torch.from_numpy(array) for array in padded(MESSAGES))
    with torch.no_grad():
        expected, found = gemma.Classifier(merged)(ids, mask), plain(ids, mask)
    difference = (expected - found).abs().max().item()
    assert difference < 1e-3, f"the plain module differs from transformers by {difference}"
    out.parent.mkdir(parents=True, exist_ok=True)
    full = out.with_name(out.stem + "-f32.onnx")
    axes = {0: torch.export.Dim("rows", min=1, max=1024), 1: torch.export.Dim("width", min=2, max=512)}
    torch.onnx.export(
        plain, (ids, mask), str(full), input_names=["ids", "mask"], output_names=["logits"], dynamo=True,
        dynamic_shapes={"ids": axes, "mask": axes}, external_data=False, verbose=False)
    session = onnxruntime.InferenceSession(str(full))
    run = session.run(None, {"ids": ids.numpy(), "mask": mask.numpy()})[0]
    difference = numpy.abs(run - found.numpy()).max()
    assert difference < 1e-3, f"ONNX Runtime differs from PyTorch by {difference}"
    has_vnni = "avx512_vnni" in pathlib.Path("/proc/cpuinfo").read_text()
    quantize_dynamic(full, out, per_channel=True, weight_type=QuantType.QInt8, reduce_range=not has_vnni)
    print(f"exported: {out.stat().st_size / 1e6:.0f} MB, {'8' if has_vnni else '7'}-bit weights")


if __name__ == "__main__":
    main()
