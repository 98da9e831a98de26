"""llama.cpp on the GGUF file that the base is made from, its hidden states only: llama_cpp_q4.py GGUF THREADS MESSAGES.

It has neither the head nor the adapter, and attends causally; the matrix products are those of the model.
"""
import json
import pathlib
import sys

import llama_cpp
from llama_cpp.llama_tokenizer import BaseLlamaTokenizer
from worker import serve


class Ids(BaseLlamaTokenizer):
    """Takes ids, written as JSON, for text: times hold no tokenising."""

    def tokenize(self, text, add_bos=True, special=True):
        return json.loads(text)

    def detokenize(self, tokens, prev_tokens=None, special=False):
        return b""


threads = int(sys.argv[2])
model = llama_cpp.Llama(
    sys.argv[1], embedding=True, n_ctx=2048, n_batch=1024, n_ubatch=1024, n_threads=threads, n_threads_batch=threads,
    pooling_type=llama_cpp.LLAMA_POOLING_TYPE_MEAN, tokenizer=Ids(), verbose=False)


def run(messages):
    model.embed([json.dumps(message) for message in messages])


serve(json.loads(pathlib.Path(sys.argv[3]).read_text()), run, version=llama_cpp.__version__)
