"""Record what Python `sentencepiece` does with many texts, for the Swift tokenizer to be compared with.

    python sentencepiece_cases.py fixtures
        writes ../Fixtures/sentencepiece/NAME.cases for every committed model there, and gemma.cases for the default
        model (--gemma models/base/tokenizer.model), whose model file is not committed
    python sentencepiece_cases.py compare --harness PATH --count N [--gemma MODEL] [--messages CSV]
        makes N texts for each committed and each real model, has the Swift harness compare them all, prints a table;
        exit status 1 if anything differs

A case file is a sequence of records; numbers are unsigned LEB128:
    length of the text, the text;
    number of tokens; for each its id, begin and end (byte offsets in the text), length of the piece, the piece;
    length of the decoded text, the decoded text.
Needs sentencepiece==0.2.3. The messages (a CSV file with a column `text`) are read, never stored.
"""
import argparse
import csv
import json
import pathlib
import subprocess
import sys
import tempfile

import sentencepiece as spm
from sentencepiece import sentencepiece_pb2

import sentencepiece_models
import sentencepiece_texts

FIXTURES = sentencepiece_models.FIXTURES
FIXTURE_COUNT = 250
SEED = 20240607


def number(value):
    output = bytearray()
    while value > 0x7f:
        output.append(value & 0x7f | 0x80)
        value >>= 7
    output.append(value)
    return bytes(output)


def sized(content):
    return number(len(content)) + content


def record(processor, text):
    """One text's record. The ids come from `encode`, as a caller gets them; the offsets must agree with them."""
    ids = processor.encode(text)
    proto = sentencepiece_pb2.SentencePieceText()
    proto.ParseFromString(processor.encode(text, out_type="serialized_proto"))
    assert ids == [piece.id for piece in proto.pieces], text
    output = bytearray(sized(text) + number(len(ids)))
    # The text of a piece may be cut inside a character, so it is read from the bytes of the message.
    for piece in proto.pieces:
        output += number(piece.id) + number(piece.begin) + number(piece.end) + sized(piece_bytes(piece))
    output += sized(processor.decode(ids, out_type=bytes))
    return bytes(output)


def piece_bytes(piece):
    return piece.piece.encode("utf-8", errors="surrogateescape") if isinstance(piece.piece, str) else piece.piece


def pieces_of(processor):
    return [processor.id_to_piece(i) for i in range(min(len(processor), 20000))]


def write_cases(processor, texts, path):
    count = 0
    with open(path, "wb") as output:
        for text in texts:
            output.write(record(processor, text))
            count += 1
    return count


def fixtures(arguments):
    models = {path.stem: path for path in sorted(FIXTURES.glob("*.model"))}
    if arguments.gemma:
        models["gemma"] = pathlib.Path(arguments.gemma)
    for name, path in models.items():
        processor = spm.SentencePieceProcessor(model_file=str(path))
        texts = [text for text in sentencepiece_texts.texts(SEED, FIXTURE_COUNT * 2, pieces_of(processor))
                 if len(text) <= 160][:FIXTURE_COUNT]
        target = FIXTURES / (name + ".cases")
        print(name, write_cases(processor, texts, target), "cases", target.stat().st_size, "bytes")


def compare(arguments):
    different = total = 0
    with tempfile.TemporaryDirectory() as folder:
        models = sorted(FIXTURES.glob("*.model")) + sentencepiece_models.collect_real(pathlib.Path(folder) / "real")
        if arguments.gemma:
            models.append(pathlib.Path(arguments.gemma))
        for seed, path in enumerate(models):
            processor = spm.SentencePieceProcessor(model_file=str(path))
            sources = [("generated", sentencepiece_texts.texts(SEED + 1 + seed, arguments.count, pieces_of(processor)))]
            if arguments.messages and (arguments.gemma and path == pathlib.Path(arguments.gemma)):
                with open(arguments.messages, newline="", encoding="utf-8") as rows:
                    sources.append(("messages", [row["text"].encode() for row in csv.DictReader(rows)]))
            for source, texts in sources:
                cases = pathlib.Path(folder) / "cases"
                count = write_cases(processor, texts, cases)
                run = subprocess.run([arguments.harness, "compare", path, cases], stdout=subprocess.PIPE, check=False)
                outcome = json.loads(run.stdout or b'{"cases": 0, "different": -1}')
                assert outcome["cases"] == count, (path.name, outcome, count)
                total += count
                different += outcome["different"]
                print("%-45s %-10s %7d texts %6d different" % (path.name, source, count, outcome["different"]), flush=True)
    print("total %d texts, %d different" % (total, different))
    return 0 if different == 0 else 1


def main():
    assert spm.__version__ == "0.2.3", "the oracle is sentencepiece 0.2.3"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("fixtures", "compare"):
        command = commands.add_parser(name)
        command.add_argument("--gemma", metavar="MODEL")
        if name == "compare":
            command.add_argument("--harness", required=True)
            command.add_argument("--count", type=int, default=12000)
            command.add_argument("--messages", metavar="CSV")
    arguments = parser.parse_args()
    sys.exit(fixtures(arguments) if arguments.command == "fixtures" else compare(arguments))


if __name__ == "__main__":
    main()
