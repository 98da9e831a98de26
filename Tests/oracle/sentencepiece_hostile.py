"""Makes Tests/Fixtures/sentencepiece/hostile/: SentencePiece models that are wrong, each in one way, and cases.json,
which says with which error each must be refused (the Swift case's name).

Run: python Tests/oracle/sentencepiece_hostile.py     (needs sentencepiece, for its protobuf classes)

Two errors have no file: a file beyond the size limit and one of too many pieces, which Swift tests make themselves.
"""
import json
import shutil
import struct

from sentencepiece import sentencepiece_model_pb2 as model_pb2

from sentencepiece_models import FIXTURES

HERE = FIXTURES / "hostile"
NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6
UNIGRAM, BPE = 1, 2
CASES = []


def case(name, error, content):
    path = HERE / (name + ".model")
    path.write_bytes(content if isinstance(content, bytes) else content.SerializeToString())
    CASES.append({"path": path.name, "error": error})


def model(*pieces, kind=BPE, byte_fallback=False, charsmap=None):
    """A model of an unknown piece and these: texts, or (text, score, type)."""
    proto = model_pb2.ModelProto()
    for index, piece in enumerate([("<unk>", 0.0, UNKNOWN), *pieces]):
        text, score, piece_type = (piece, -float(index), NORMAL) if isinstance(piece, str) else piece
        proto.pieces.add(piece=text, score=score, type=piece_type)
    proto.trainer_spec.model_type = kind
    proto.trainer_spec.byte_fallback = byte_fallback
    if charsmap is not None:
        proto.normalizer_spec.precompiled_charsmap = charsmap
    return proto


def varint(value):
    output = bytearray()
    while value > 0x7f:
        output.append(value & 0x7f | 0x80)
        value >>= 7
    return bytes(output + bytes([value]))


def wire():
    """The protocol buffer itself."""
    good = model("a", "b").SerializeToString()
    case("empty", "noPieces", b"")
    case("no-pieces", "noPieces", model_pb2.ModelProto(trainer_spec=model_pb2.TrainerSpec(vocab_size=3)))
    case("cut-in-a-number", "truncated", good + b"\x80")
    case("cut-in-a-score", "truncated", good + b"\x0a\x03\x15\x00\x00")
    case("cut-in-a-piece", "lengthOutOfRange", good[:-1])
    case("length-of-exabytes", "lengthOutOfRange", good + b"\x0a" + varint((1 << 64) - 1))
    case("text-longer-than-its-piece", "lengthOutOfRange", b"\x0a\x02\x0a\x04abcd")
    case("number-beyond-64-bits", "varintTooLong", good + b"\x30" + b"\xff" * 10 + b"\x00")
    case("field-number-zero", "invalidFieldNumber", good + b"\x02\x00")
    case("field-number-huge", "invalidFieldNumber", good + b"\x82\x80\x80\x80\x80\x01\x00")
    case("group", "unsupportedWireType", good + b"\x33")
    case("piece-as-number", "wrongWireType", good + b"\x08\x01")
    case("score-as-number", "wrongWireType", good + b"\x0a\x02\x10\x01")
    case("trainer-as-number", "wrongWireType", good + b"\x10\x01")
    case("model-type-unknown", "unknownModelType", good + b"\x12\x02\x18\x09")
    case("piece-type-unknown", "unknownPieceType", good + b"\x0a\x05\x0a\x01c\x18\x09")
    case("text-file", "unsupportedWireType", b"<html>not found</html>")


def vocabulary():
    case("piece-empty", "emptyPiece", model("a", ""))
    case("piece-too-long", "pieceTooLong", model("a" * 8000, kind=UNIGRAM))
    case("piece-with-nul", "pieceContainsNUL", model("a\0b"))
    case("same-piece-twice", "duplicatePiece", model("a", "b", "a"))
    case("same-control-twice", "duplicatePiece", model("a", ("<s>", 0.0, CONTROL), ("<s>", 0.0, CONTROL)))
    case("score-nan", "scoreNotANumber", model("a", ("b", float("nan"), NORMAL)))
    case("score-infinite", "scoreInfinite", model("a", ("b", float("-inf"), NORMAL), kind=UNIGRAM))
    headless = model("a")
    del headless.pieces[0]
    case("no-unknown", "noUnknownPiece", headless)
    case("two-unknown", "secondUnknownPiece", model("a", ("<other>", 0.0, UNKNOWN)))
    case("byte-without-fallback", "bytePieceWithoutFallback", model("a", ("<0x41>", 0.0, BYTE)))
    case("byte-malformed", "invalidBytePiece", model("a", ("<0x4G>", 0.0, BYTE), byte_fallback=True))
    case("byte-missing", "missingBytePiece", model(
        *[("<0x%02X>" % byte, 0.0, BYTE) for byte in range(255)], byte_fallback=True))
    case("unigram-of-nothing", "noSearchablePieces", model(kind=UNIGRAM))
    # self_test_data, which Python's class does not show: one sample, its input and what is expected of it.
    sample = b"\x0a\x02ba\x12\x03a b"
    case("self-test-fails", "selfTestFailed", model("a", "b", "ab").SerializeToString() + b"\x22\x0b\x0a\x09" + sample)


def trie(units, replacements=b"a\0", size=None):
    return struct.pack("<I", 4 * len(units) if size is None else size) + struct.pack(f"<{len(units)}I", *units) \
        + replacements


def chain(length):
    """A double array with one key: `length` times the letter x. Units that are not used are values: no letter's."""
    label = ord("x")
    units = [0x80000000] * ((length + 1024) // 256 * 256)
    units[0] = 256 << 10
    for step in range(length):
        place = (256 + step) ^ label
        units[place] = (place ^ (256 + step + 1)) << 10 | label
    return units


def charsmaps():
    def broken(name, error, charsmap):
        case("charsmap-" + name, error, model("a", "b", charsmap=charsmap))

    x = ord("x")
    good = chain(1)
    good[256 ^ x] |= 1 << 8  # the key ends here; its value is the child of label 0, in unit 257
    broken("short", "charsmapTooShort", b"\x01\x02\x03")
    broken("trie-of-gigabytes", "charsmapTrieOutOfRange", trie(good, size=0xffffffff))
    broken("trie-of-odd-size", "charsmapTrieNotInBlocks", trie(good, size=1025))
    broken("trie-empty", "charsmapTrieNotInBlocks", trie(good, size=0))
    broken("not-terminated", "charsmapNotTerminated", trie(good, b"a"))
    outside = list(good)
    outside[256 ^ x] = (1 << 20) << 10 | x
    broken("unit-outside", "charsmapUnitOutOfRange", trie(outside))
    broken("root-is-a-value", "charsmapUnitOutOfRange", trie([0x80000000] + good[1:]))
    cycle = list(good)
    cycle[256 ^ x] = x << 10 | x  # its children are where it is itself
    broken("cycle", "charsmapCycle", trie(cycle))
    broken("key-of-2000-bytes", "charsmapKeyTooLong", trie(chain(2000)))
    value = list(good)
    value[257] = 0x80000000 | 5
    broken("value-outside", "charsmapValueOutOfRange", trie(value))
    broken("replacement-of-2000-bytes", "charsmapReplacementTooLong", trie(good, b"a" * 2000 + b"\0"))
    # The one that is sound, so that the others are wrong in what they say and in nothing else.
    sound = model("a", "b", charsmap=trie(good))
    (HERE / "sound.model").write_bytes(sound.SerializeToString())


def main():
    shutil.rmtree(HERE, ignore_errors=True)
    HERE.mkdir(parents=True)
    wire()
    vocabulary()
    charsmaps()
    (HERE / "cases.json").write_text(json.dumps(CASES, indent=1) + "\n")
    print(len(CASES), "cases", sum(path.stat().st_size for path in HERE.iterdir()), "bytes")


if __name__ == "__main__":
    main()
