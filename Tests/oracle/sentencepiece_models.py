"""Train, alter or collect SentencePiece models of every kind that the Swift tokenizer must open.

    python sentencepiece_models.py                 writes ../Fixtures/sentencepiece/*.model
    python sentencepiece_models.py --real DIR      fetches real models into DIR

The training text is sentencepiece_corpus.txt beside this file, so a run on the pinned version gives the same models.
Real models come from two PyPI packages: the test data of the `sentencepiece` source package, and `mistral-common`.
Needs sentencepiece==0.2.3.
"""
import argparse
import io
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile

import sentencepiece as spm
from sentencepiece import sentencepiece_model_pb2 as model_pb2

HERE = pathlib.Path(__file__).resolve().parent
FIXTURES = HERE.parent / "Fixtures" / "sentencepiece"
PIECE = model_pb2.ModelProto.SentencePiece

# Rules beyond NFKC: growing, shrinking, deleting, nested prefixes, and white space made and unmade.
RULES = [("a", "A"), ("ab", "B"), ("abc", "(abc)"), ("ö", "oe"), ("é", "e"), ("ß", "ss"), ("_", " "), ("~", "  x  "),
         ("#", ""), ("日", "sun "), ("\t", " "), ("\u00a0", " "), ("\u3000", " "), ("😀", ":-)"), ("▁", "="), ("zz", "z")]

COMMON = dict(
    sentence_iterator=None, num_threads=1, hard_vocab_limit=False, character_coverage=1.0, max_sentence_length=100000,
    minloglevel=2, shuffle_input_sentence=False)

TRAINED = {
    "unigram-nmt-nfkc": dict(model_type="unigram", vocab_size=900, character_coverage=0.98),
    "unigram-nfkc-cf-bytes": dict(
        model_type="unigram", vocab_size=1100, normalization_rule_name="nfkc_cf", byte_fallback=True,
        character_coverage=0.98, user_defined_symbols=["<sep>", "the", "▁the▁", "日月", "  "],
        control_symbols=["<2en>", "river"], pad_id=3, unk_surface="[?]"),
    "unigram-identity-suffix": dict(
        model_type="unigram", vocab_size=900, normalization_rule_name="identity", treat_whitespace_as_suffix=True,
        character_coverage=0.98, user_defined_symbols=["ing", "ing▁", "\n"]),
    "unigram-rules": dict(
        model_type="unigram", vocab_size=900, normalization_rule_tsv="rules", character_coverage=0.98,
        denormalization_rule_tsv="denormalization"),
    "bpe-nmt-nfkc-cf": dict(
        model_type="bpe", vocab_size=900, normalization_rule_name="nmt_nfkc_cf", split_digits=True,
        character_coverage=0.98),
    "bpe-identity-bytes": dict(
        model_type="bpe", vocab_size=1200, normalization_rule_name="identity", byte_fallback=True, split_digits=True,
        allow_whitespace_only_pieces=True, remove_extra_whitespaces=False, character_coverage=0.98,
        user_defined_symbols=["<h1>", "</h1>", "▁▁", "▁▁▁", "\n", "\n\n"], control_symbols=["<turn>"]),
    "bpe-suffix": dict(
        model_type="bpe", vocab_size=900, normalization_rule_name="nfkc", treat_whitespace_as_suffix=True,
        character_coverage=0.98, add_dummy_prefix=False, bos_id=-1, eos_id=-1),
    "bpe-phrases": dict(
        model_type="bpe", vocab_size=1000, character_coverage=0.98, normalization_rule_name="identity",
        split_by_whitespace=False, split_by_unicode_script=False, split_by_number=False, unk_piece="<UNK>", bos_piece="<BOS>", unk_id=2, bos_id=0,
        eos_id=1),
    "word-identity": dict(
        model_type="word", vocab_size=300, normalization_rule_name="identity", remove_extra_whitespaces=False),
    "char-rules": dict(model_type="char", vocab_size=700, character_coverage=0.98, normalization_rule_tsv="rules", byte_fallback=True,
                       user_defined_symbols=["abc", "ab", "fox▁", "ö"]),
}


def train(name, options, folder):
    """Trains one model and returns it."""
    options = dict(COMMON, **options)
    with open(HERE / "sentencepiece_corpus.txt", encoding="utf-8") as corpus:
        options["sentence_iterator"] = iter([line.rstrip("\n") for line in corpus])
    for option, content in (("normalization_rule_tsv", RULES),
                            ("denormalization_rule_tsv", [("(", "["), (")", "]"), ("oe", "ö"), ("  ", " ")])):
        if option in options:
            path = pathlib.Path(folder) / (name + "-" + options[option] + ".tsv")
            path.write_text("".join(
                "%s\t%s\n" % (" ".join("%X" % ord(c) for c in a), " ".join("%X" % ord(c) for c in b))
                for a, b in content))
            options[option] = str(path)
    stream = io.BytesIO()
    spm.SentencePieceTrainer.train(model_writer=stream, **options)
    model = model_pb2.ModelProto()
    model.ParseFromString(stream.getvalue())
    # The folder is this run's own, and no reader looks at it.
    model.normalizer_spec.normalization_rule_tsv = ""
    model.denormalizer_spec.normalization_rule_tsv = ""
    return model


def with_unused(base, period):
    """Every `period`-th normal piece of several characters becomes UNUSED."""
    model = model_pb2.ModelProto()
    model.CopyFrom(base)
    pieces = [p for p in model.pieces if p.type == PIECE.NORMAL and len(p.piece) > 1]
    for piece in pieces[::period]:
        piece.type = PIECE.UNUSED
    return model


def without_unknown(base):
    """Byte fallback needs no piece of type UNKNOWN."""
    model = model_pb2.ModelProto()
    model.CopyFrom(base)
    kept = [p for p in model.pieces if p.type != PIECE.UNKNOWN]
    del model.pieces[:]
    model.pieces.extend(kept)
    return model


def with_plain_spaces(base):
    """Spaces stay spaces, also in the pieces; scores of both signs."""
    model = model_pb2.ModelProto()
    model.CopyFrom(base)
    model.normalizer_spec.escape_whitespaces = False
    for index, piece in enumerate(model.pieces):
        piece.piece = piece.piece.replace("▁", " ")
        if piece.type == PIECE.NORMAL and index % 3 == 0:
            piece.score = -piece.score
    return model


def with_huge_scores(base):
    """Scores so large that the running total is shifted back while a text is read."""
    model = model_pb2.ModelProto()
    model.CopyFrom(base)
    for piece in model.pieces:
        piece.score *= 1000
    return model


def build(folder):
    """All models that are small enough to be committed, by name."""
    models = {name: train(name, options, folder) for name, options in TRAINED.items()}
    models["bpe-unused"] = with_unused(models["bpe-identity-bytes"], 3)
    models["unigram-unused"] = with_unused(models["unigram-identity-suffix"], 4)
    models["bpe-no-unknown"] = without_unknown(models["bpe-identity-bytes"])
    models["bpe-plain-spaces"] = with_plain_spaces(models["bpe-phrases"])
    models["unigram-huge-scores"] = with_huge_scores(models["unigram-identity-suffix"])
    return models


def collect_real(folder):
    """Fetches the packages that carry real models by name and takes the models out. Returns their paths."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as downloads:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", downloads]
        subprocess.run(pip + ["--no-binary", "sentencepiece", "sentencepiece==0.2.3"], check=True)
        subprocess.run(pip + ["mistral-common==1.13.1"], check=True)
        for path in pathlib.Path(downloads).iterdir():
            if path.suffix == ".whl":
                with zipfile.ZipFile(path) as archive:
                    names = [n for n in archive.namelist() if ".model" in n and "/data/" in n]
                    found = {pathlib.Path(n).name: archive.read(n) for n in names}
            else:
                with tarfile.open(path) as archive:
                    names = [m for m in archive.getmembers() if m.name.endswith(".model")]
                    found = {pathlib.Path(m.name).name: archive.extractfile(m).read() for m in names}
            for name, content in found.items():
                (folder / name).write_bytes(content)
    return sorted(folder.iterdir())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", metavar="DIR", help="fetch real models into DIR instead")
    arguments = parser.parse_args()
    assert spm.__version__ == "0.2.3", "the oracle is sentencepiece 0.2.3"
    if arguments.real:
        for path in collect_real(arguments.real):
            print(path)
        return
    FIXTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, model in build(folder).items():
            spm.SentencePieceProcessor(model_proto=model.SerializeToString())
            (FIXTURES / (name + ".model")).write_bytes(model.SerializeToString(deterministic=True))
            print(name, len(model.pieces), "pieces", model.ByteSize(), "bytes")


if __name__ == "__main__":
    main()
