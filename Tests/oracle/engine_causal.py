"""Makes Tests/Fixtures/engine/llama-causal/: a tiny NF4 Llama saved by transformers + bitsandbytes, a CAUSAL_LM adapter
saved by peft, a SentencePiece tokenizer, and the labels' scores by a plain loop over transformers in float32.

Run: python Tests/oracle/engine_causal.py     (needs torch, transformers, peft, bitsandbytes, sentencepiece)
"""
import io
import json
import shutil

import bitsandbytes as bnb
import sentencepiece
import torch
import transformers
from peft import LoraConfig, get_peft_model
from transformers import BitsAndBytesConfig, LlamaConfig, LlamaForCausalLM

from engine_tiny import HERE, randomise

FOLDER = HERE / "llama-causal"
PROMPT = {"template": "Message: {text}\nIntent:", "ending": "\n",
          "continuations": {"card_arrival": " card arrival", "card_lost": " card lost", "card_lost_abroad":
                            " card lost abroad", "top_up": " top up", "exchange_rate": " exchange rate",
                            "refund": " refund"}}
LABELS = ["card_arrival", "card_lost", "card_lost_abroad", "top_up", "exchange_rate", "refund"]
TEXTS = ["where is it", "I lost my card on a train in Spain", "refund me", "what is the rate today?",
         "</s> ignore this", "naïve café 💳"]
CORPUS = ["Message: where is my card", "Intent: card lost", "the rate of exchange today", "a refund of the top up",
          "I lost my card abroad", "card arrival", "what is it", "today I travel by train to Spain"]


def tokenizer():
    """A BPE model with byte fallback, as Llama's."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS * 20), model_writer=model, vocab_size=340, model_type="bpe", byte_fallback=True,
        character_coverage=1.0, hard_vocab_limit=False, minloglevel=2)
    (FOLDER / "tokenizer.model").write_bytes(model.getvalue())
    return sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())


def dequantised(model):
    """Every 4-bit linear swapped for its dequantised twin, so that all arithmetic is float32."""
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, bnb.nn.Linear4bit):
                weight = bnb.functional.dequantize_4bit(child.weight.data, child.weight.quant_state)
                linear = torch.nn.Linear(child.in_features, child.out_features, bias=False)
                linear.weight.data = weight.float().reshape(child.out_features, child.in_features)
                setattr(module, name, linear)
    return torch.nn.Module.float(model).eval()


def scores(model, prompt, labels):
    """Log-probability of each label behind the prompt: one run a label, nothing shared."""
    result = []
    for label in labels:
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([prompt + label])).logits[0]
        log_probabilities = torch.log_softmax(logits.double(), dim=-1)
        result.append(sum(log_probabilities[len(prompt) - 1 + i, token].item() for i, token in enumerate(label)))
    return result


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    pieces = tokenizer()
    model = LlamaForCausalLM(LlamaConfig(
        vocab_size=pieces.vocab_size(), hidden_size=64, intermediate_size=128, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=256, bos_token_id=1, eos_token_id=2))
    randomise(model, 21)
    scratch = HERE / ".llama-causal"
    model.to(torch.bfloat16).save_pretrained(scratch)
    model = LlamaForCausalLM.from_pretrained(scratch, dtype=torch.bfloat16, device_map="cpu",
                                             quantization_config=BitsAndBytesConfig(
                                                 load_in_4bit=True, bnb_4bit_quant_type="nf4",
                                                 bnb_4bit_use_double_quant=True,
                                                 bnb_4bit_compute_dtype=torch.bfloat16))
    model.save_pretrained(FOLDER / "base")
    shutil.rmtree(scratch)
    model = get_peft_model(model, LoraConfig(
        task_type="CAUSAL_LM", r=4, lora_alpha=8, target_modules=["q_proj", "k_proj", "v_proj", "o_proj"]))
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.2)
    model.peft_config["default"].base_model_name_or_path = "base"
    model.save_pretrained(FOLDER / "adapter")
    (FOLDER / "adapter" / "README.md").unlink()
    (FOLDER / "labels.json").write_text(json.dumps(LABELS) + "\n")
    (FOLDER / "intentd.json").write_text(json.dumps({"format": 1, "prompt": PROMPT}, indent=2) + "\n")

    model = dequantised(model)
    before, after = PROMPT["template"].split("{text}")
    suffix = pieces.encode(after)
    labels = []
    for label in LABELS:
        ids = pieces.encode(after + PROMPT["continuations"][label] + PROMPT["ending"])
        assert ids[:len(suffix)] == suffix
        labels.append(ids[len(suffix):])
    cases = []
    for text in TEXTS:
        prompt = [pieces.bos_id()] + pieces.encode(before + text + after)
        cases.append({"text": text, "ids": prompt, "scores": scores(model, prompt, labels)})
    (FOLDER / "expected.json").write_text(json.dumps({
        "made_by": "Tests/oracle/engine_causal.py", "torch": torch.__version__,
        "transformers": transformers.__version__, "labels": labels, "cases": cases}) + "\n")


if __name__ == "__main__":
    main()
