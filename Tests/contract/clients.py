"""Real clients against a running server: tritonclient (Open Inference Protocol), a plain text-embeddings-inference
call, gzip both ways, and the service's own routes.

Usage: clients.py URL [MESSAGES_FILE]; the messages sent are written there, so that logs can be searched for them.
"""

import gzip
import json
import pathlib
import sys

import numpy as np
import requests
import tritonclient.http as triton

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "faults"))
from service import check  # noqa: E402


class Session(requests.Session):
    """Requests that fail when no answer comes: more patience than the server's bound asks for."""

    def request(self, *arguments, **keywords):
        return super().request(*arguments, timeout=60, **keywords)


http = Session()

MESSAGES = [
    "My card still has not arrived after two weeks",
    "I lost my phone and someone may use my account",
    "why was I charged a fee for the exchange rate",
    "Čekám na kartu už měsíc \N{PILE OF POO} \"quoted\" \\ back",
]


def own_routes(url):
    labels = http.get(f"{url}/labels").json()
    answers = [http.post(f"{url}/classify", json={"text": m, "top_k": 3, "threshold": 0}).json() for m in MESSAGES]
    for answer in answers:
        check(answer["intent"] in labels["labels"] or answer.get("abstained"), "an intent of the labels")
        check(len(answer["intents"]) == 3 and answer["model"] == labels["model"], "three intents and the model")
    batch = http.post(f"{url}/classify", json={"texts": MESSAGES, "top_k": 3, "threshold": 0}).json()
    for row, answer in zip(batch["results"], answers):
        check({**row, "model": batch["model"]} == answer, "a row of a batch is the answer of its message alone")
    packed = http.post(
        f"{url}/classify", data=gzip.compress(json.dumps({"text": MESSAGES[0], "top_k": 3, "threshold": 0}).encode()),
        headers={"Content-Type": "application/json", "Content-Encoding": "gzip"})
    check(packed.json() == answers[0], "a packed request gets the same answer")
    check(http.get(f"{url}/openapi.json").headers["Content-Encoding"] == "gzip", "requests gets a packed answer")
    long = http.post(f"{url}/classify", json={"text": "my card " * 12_500, "threshold": 0})
    check(long.status_code == 200 and long.json()["truncated"] is True, "a text of 100 KB is cut and says so")
    return labels, answers


def open_inference_protocol(url, labels, answers):
    client = triton.InferenceServerClient(url.removeprefix("http://"), network_timeout=60.0)
    name, version = labels["model"]["name"], labels["model"]["version"]
    check(client.is_server_live() and client.is_server_ready(), "tritonclient: the server is live and ready")
    check(client.is_model_ready(name) and client.is_model_ready(name, version), "tritonclient: the model is ready")
    check(client.get_server_metadata()["name"] == "intentd", "tritonclient: server metadata")
    metadata = client.get_model_metadata(name)
    check(metadata["inputs"][0]["name"] == "text", "tritonclient: model metadata")
    texts = np.array([m.encode() for m in MESSAGES], dtype=np.object_)
    for binary in (False, True):
        tensor = triton.InferInput("text", [len(MESSAGES)], "BYTES")
        tensor.set_data_from_numpy(texts, binary_data=binary)
        for outputs in (None, [triton.InferRequestedOutput("label"), triton.InferRequestedOutput("probability")]):
            result = client.infer(name, [tensor], outputs=outputs, request_id="7")
            got = [label.decode() if isinstance(label, bytes) else label for label in result.as_numpy("label")]
            check(result.get_response()["id"] == "7" and len(got) == len(MESSAGES), f"tritonclient: infer, {binary=}")
            for label, probability, answer in zip(got, result.as_numpy("probability"), answers):
                best = answer["intents"][0]
                check(label in (best["intent"], ""), "tritonclient: the label of /classify, or an abstention")
                check(abs(probability - best["confidence"]) < 1e-6, "tritonclient: the probability of /classify")
    try:
        client.infer("no-such-model", [tensor])
        raise SystemExit("clients.py: a model that is not there was served")
    except triton.InferenceServerException as error:
        check("no such model" in str(error), "tritonclient: an unknown model is refused with a message")


def embeddings_inference(url, labels, answers):
    """What huggingface_hub and langchain send to text-embeddings-inference's /predict."""
    single = http.post(f"{url}/predict", json={"inputs": MESSAGES[0]}).json()
    check([sorted(entry) for entry in single] == [["label", "score"]] * len(labels["labels"]), "predict: every label")
    check(abs(sum(entry["score"] for entry in single) - 1) < 1e-3, "predict: probabilities")
    check(single == sorted(single, key=lambda entry: -entry["score"]), "predict: best first")
    check(single[0]["label"] == answers[0]["intents"][0]["intent"], "predict: the label of /classify")
    batch = http.post(f"{url}/predict", json={"inputs": [[m] for m in MESSAGES], "truncate": True}).json()
    check(batch[0] == single and len(batch) == len(MESSAGES), "predict: a batch")
    raw = http.post(f"{url}/predict", json={"inputs": [MESSAGES[0]], "raw_scores": True}).json()
    check(raw[0]["label"] == single[0]["label"] and raw != single, "predict: raw scores")
    refused = http.post(f"{url}/predict", json={"inputs": "x " * 50_000})
    check(refused.status_code == 413 and refused.json()["error_type"] == "Validation", "predict: too long")


def main():
    url = sys.argv[1].rstrip("/")
    labels, answers = own_routes(url)
    open_inference_protocol(url, labels, answers)
    embeddings_inference(url, labels, answers)
    if len(sys.argv) > 2:
        with open(sys.argv[2], "w", encoding="utf-8") as file:
            file.write("\n".join(MESSAGES + ["my card my card"]) + "\n")


main()
