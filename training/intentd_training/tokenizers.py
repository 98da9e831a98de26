"""Texts to ids, as the engine does it: <bos> and the pieces, control tokens never parsed from text."""
import numpy as np


class GemmaTokenizer:
    def __init__(self, path: str):
        import sentencepiece

        self.model = sentencepiece.SentencePieceProcessor(model_file=str(path))

    def __call__(self, texts: list[str]) -> list[np.ndarray]:
        return [np.array([2] + ids, np.int32) for ids in self.model.encode(texts)]

    def text(self, ids: list[int]) -> str:
        return self.model.decode([int(i) for i in ids])


class MPNetTokenizer:
    """The tokenizer.json of all-mpnet-base-v2: lower case, <s> pieces </s>."""

    def __init__(self, path: str):
        from tokenizers import Tokenizer

        self.model = Tokenizer.from_file(str(path))
        self.model.no_padding()
        self.model.enable_truncation(96)

    def __call__(self, texts: list[str]) -> list[np.ndarray]:
        return [np.array(e.ids, np.int32) for e in self.model.encode_batch(texts)]


def write_gemma_model(gguf: str, path: str) -> None:
    """A SentencePiece ModelProto rebuilt from a GGUF vocabulary, for when `models/base` is not built yet."""
    from gguf import GGUFReader
    from sentencepiece import sentencepiece_model_pb2 as proto

    fields = GGUFReader(gguf).fields
    get = lambda name: fields[f"tokenizer.ggml.{name}"].contents()
    model = proto.ModelProto()
    for piece, score, kind in zip(get("tokens"), get("scores"), get("token_type")):
        item = model.pieces.add()
        # GGUF holds USER_DEFINED runs of spaces as spaces; the model proto has them as U+2581.
        item.piece = piece.replace(" ", "\u2581") if kind == 4 else piece
        # GGUF calls <unk> CONTROL; sentencepiece before 0.2.3 refuses a model without an UNKNOWN piece.
        item.score, item.type = float(score), 2 if piece == "<unk>" else int(kind)
    trainer, normalizer = model.trainer_spec, model.normalizer_spec
    trainer.model_type, trainer.vocab_size, trainer.byte_fallback = 2, len(model.pieces), True
    trainer.pad_id, trainer.eos_id, trainer.bos_id, trainer.unk_id = 0, 1, 2, 3
    trainer.pad_piece, trainer.eos_piece, trainer.bos_piece, trainer.unk_piece = "<pad>", "<eos>", "<bos>", "<unk>"
    normalizer.name, normalizer.escape_whitespaces = "identity", True
    normalizer.add_dummy_prefix = normalizer.remove_extra_whitespaces = False
    with open(path, "wb") as file:
        file.write(model.SerializeToString())
