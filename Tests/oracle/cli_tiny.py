"""Makes Tests/Fixtures/cli/: a tokenizer for the tiny checkpoint Tests/Fixtures/engine/llama, and what sentencepiece and
transformers make of some messages.

    python Tests/oracle/cli_tiny.py     (needs sentencepiece, torch, transformers)
"""

import io
import json
import pathlib
import random

import sentencepiece
import torch
from transformers import LlamaForSequenceClassification

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "Fixtures"
TARGET = FIXTURES / "cli"
CHECKPOINT = FIXTURES / "engine" / "llama"

WORDS = "my card has not arrived yet why was a fee taken from the account please help top up transfer lost".split()
ODD = ["I lost my card!", "a", "two  spaces", "  led and trailed ", "naïve <s> é", "\"quoted\", with comma", "UPPER case 123"]


def messages():
    rng = random.Random(5)
    return ODD + [" ".join(rng.choice(WORDS) for _ in range(rng.randrange(1, 12))) for _ in range(60)]


def main():
    TARGET.mkdir(parents=True, exist_ok=True)
    texts = messages()
    corpus = iter(" ".join(WORDS) + " " + chr(97 + i % 26) for i in range(200))
    # Written by hand: with a prefix the trainer would put this machine's path into the model.
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=corpus, model_writer=written, model_type="bpe", vocab_size=90, bos_id=1, eos_id=2, unk_id=0,
        normalization_rule_name="identity", remove_extra_whitespaces=False, minloglevel=2)
    (TARGET / "tokenizer.model").write_bytes(written.getvalue())
    tokenizer = sentencepiece.SentencePieceProcessor(model_proto=written.getvalue())
    # Unknown characters have id 0, the checkpoint's padding: transformers would pool the token before them.
    model = LlamaForSequenceClassification.from_pretrained(CHECKPOINT, dtype=torch.float32).eval()
    model.config.pad_token_id = 95
    items = []
    for text in texts:
        ids = tokenizer.encode(text)
        with torch.no_grad():
            output = model(torch.tensor([[tokenizer.bos_id()] + ids]), output_hidden_states=True)
        logits = output.logits[0]
        items.append({
            "text": text,
            "ids": ids,
            "pieces": tokenizer.encode(text, out_type=str),
            "probabilities": torch.softmax(logits, -1).tolist(),
            "last_hidden": output.hidden_states[-1][0, -1].tolist(),
        })
    labels = [model.config.id2label[i] for i in range(model.config.num_labels)]
    (TARGET / "expected.json").write_text(json.dumps({"labels": labels, "messages": items}) + "\n")
    chosen = [max(range(len(labels)), key=m["probabilities"].__getitem__) for m in items]
    print(len(items), "messages,", len(set(chosen)), "intents chosen, vocabulary", tokenizer.get_piece_size())


main()
