"""Messages whose answers are known: what transformers + peft named, in Tests/Fixtures/adapter/expected.json."""

import json
import pathlib

import wire

ROOT = pathlib.Path(__file__).resolve().parents[2]
# The fixture is float32, and so is the service under test: what int8 costs is measured elsewhere.
TOLERANCE = 0.002


class Known:
    """Each text's answer by `POST /classify` with `top_k` 3, byte for byte, checked against the reference."""

    def __init__(self, answers, intents):
        self.texts = list(answers)
        self.answers, self.intents = answers, intents
        self.rows = {text: {k: v for k, v in json.loads(body).items() if k != "model"}
                     for text, body in answers.items()}

    @staticmethod
    def body(text):
        return {"text": text, "top_k": 3, "timeout_ms": 60_000}

    @classmethod
    async def learn(cls, port):
        fixture = json.loads((ROOT / "Tests" / "Fixtures" / "adapter" / "expected.json").read_text())
        answers, intents, wrong = {}, {}, []
        reader, writer = await wire.connect(port)
        for text, case in zip(fixture["texts"], fixture["adapters"]["adapter"]["cases"]):
            writer.write(wire.post("/classify", cls.body(text)))
            response = await wire.read_response(reader)
            if response is None or response.status != 200:
                raise SystemExit(f"a known message was not answered: {response and response.status}")
            best = response.json()["intents"][0]
            if best["intent"] != case["intent"] or abs(best["confidence"] - case["confidence"]) > TOLERANCE:
                wrong.append(f"{text!r}: {best}, the reference says {case['intent']} {case['confidence']}")
            answers[text], intents[text] = response.body, best["intent"]
        await wire.close(writer)
        if wrong:
            raise SystemExit("answers differ from transformers + peft:\n" + "\n".join(wrong))
        return cls(answers, intents)
