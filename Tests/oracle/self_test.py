"""Makes self_test.json beside each shipped adapter: messages whose intents a sound model must name. intentd asks them
at its start and before it puts a changed adapter in service, and refuses an adapter that gets one wrong.

The messages were written for this. What is expected of each is not what intentd answers but what transformers + peft
compute in float32 (adapter_logits.py), which must be the intent written here, by a wide margin: a precision that
rounds more may not change it.

Run after an adapter was replaced: python Tests/oracle/self_test.py [--base models/base] [--models models]
     (needs what adapter_logits.py needs)
"""
import argparse
import json
import pathlib

import sentencepiece
import torch
from adapter_logits import ROOT, model_of

# Short: they are a part of every start.
CASES = [
    ("card_arrival", "My new card still has not arrived"), ("lost_or_stolen_card", "I lost my card on the train"),
    ("exchange_rate", "What exchange rate will I get?"), ("change_pin", "How can I change my PIN?"),
    ("passcode_forgotten", "I forgot my passcode"), ("terminate_account", "Please close my account for good"),
    ("age_limit", "How old must my daughter be to have an account?"),
    ("country_support", "Can I open an account if I live in Norway?"),
]
LEAST_CONFIDENCE = 0.85


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--base", default=str(ROOT / "models" / "base"))
    parser.add_argument("--models", default=str(ROOT / "models"))
    arguments = parser.parse_args()
    base = pathlib.Path(arguments.base)
    tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(base / "tokenizer.model"))
    for name in ("adapter", "adapter-fast"):
        folder = pathlib.Path(arguments.models) / name
        model, settings = model_of(base, folder)
        labels = json.loads((folder / "labels.json").read_text())
        body = model.base_model.model
        for intent, text in CASES:
            row = [2] + tokenizer.encode(text)
            with torch.no_grad():
                hidden = body.model(input_ids=torch.tensor([row])).last_hidden_state[0]
                logits = body.score(hidden[1:].mean(0))
            share = torch.softmax(logits / settings["calibration"]["temperature"], -1)
            best = int(logits.argmax())
            print(f"{name}\t{float(share[best]):.3f}\t{labels[best]}\t{text!r}")
            if labels[best] != intent or float(share[best]) < LEAST_CONFIDENCE:
                raise SystemExit(f"self_test.py: {name} is not sure of {intent} for {text!r}: choose another message")
        lines = ",\n".join("  " + json.dumps({"text": text, "intent": intent}) for intent, text in CASES)
        (folder / "self_test.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
