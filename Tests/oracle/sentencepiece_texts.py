"""Texts that a tokenizer may meet, natural and hostile, made from a seed. Each is bytes, not always UTF-8."""
import pathlib
import random

HERE = pathlib.Path(__file__).resolve().parent
LINES = (HERE / "sentencepiece_corpus.txt").read_text(encoding="utf-8").split("\n")
WORDS = [word for line in LINES for word in line.split()]

# First and last code points of blocks to draw from; the names are Unicode's.
BLOCKS = [
    (0x20, 0x7e), (0x00, 0x1f), (0x7f, 0x9f),  # Basic Latin, controls
    (0xa0, 0x24f), (0x300, 0x36f), (0x370, 0x3ff), (0x400, 0x4ff), (0x530, 0x58f),  # Latin ... Armenian
    (0x590, 0x5ff), (0x600, 0x6ff), (0x900, 0x97f), (0xe00, 0xe7f), (0x1100, 0x11ff),  # Hebrew ... Hangul Jamo
    (0x1e00, 0x1eff), (0x2000, 0x206f), (0x2070, 0x209f), (0x20a0, 0x20cf), (0x2100, 0x218f), (0x2190, 0x21ff),
    (0x2200, 0x22ff), (0x2460, 0x24ff), (0x2500, 0x257f), (0x2580, 0x259f), (0x3000, 0x303f), (0x3040, 0x30ff),
    (0x3300, 0x33ff), (0x4e00, 0x9fff), (0xac00, 0xd7a3), (0xe000, 0xe0ff), (0xf900, 0xfaff), (0xfb00, 0xfb4f),
    (0xfb50, 0xfdff), (0xfe00, 0xfe0f), (0xfe70, 0xfeff), (0xff00, 0xffef), (0xfff0, 0xffff),
    (0x10000, 0x100ff), (0x1d400, 0x1d7ff), (0x1f1e6, 0x1f1ff), (0x1f300, 0x1f64f), (0x1f680, 0x1f9ff),
    (0x20000, 0x200ff), (0xe0020, 0xe007f), (0x10fff0, 0x10ffff)]
SPACES = [" ", "  ", "   ", "\n", "\n\n", "\t", "\r\n", "\u00a0", "\u2003", "\u3000", "\u200b", "\ufeff", "▁", "▁▁", " ▁", "▁ "]
MARKS = [
    "<s>", "</s>", "<unk>", "<pad>", "<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>", "<mask>", "[multimodal]",
    "<unused0>", "<unused99>", "[INST]", "[/INST]", "<0x0A>", "<0xE2>", "<h1>", "</h1>", "<table>", "<sep>", "<2en>",
    "<turn>", "<UNK>", "<BOS>", "[UNK]", "<start_of_image>", "<|endoftext|>", "<img>", "[TOOL_CALLS]"]
EMOJI = ["😀", "👍🏽", "👩‍👩‍👧‍👦", "🇫🇷", "🏳️‍🌈", "❤️", "1️⃣", "🧑🏿‍🚀", "☺", "✈️"]


def scalar(rng):
    first, last = rng.choice(BLOCKS)
    return chr(rng.randint(first, last))


def natural(rng):
    line = rng.choice(LINES)
    start = rng.randint(0, max(0, len(line) - 1))
    return line[start:start + rng.randint(1, 90)]


def words(rng):
    return "".join(rng.choice(WORDS) + rng.choice([" ", " ", " ", "  ", ", ", "\n", ""]) for _ in range(rng.randint(1, 12)))


def unicode_soup(rng):
    return "".join(scalar(rng) for _ in range(rng.randint(1, 30)))


def one_script(rng):
    first, last = rng.choice(BLOCKS)
    return "".join(chr(rng.randint(first, last)) if rng.random() > 0.1 else " " for _ in range(rng.randint(1, 40)))


def spaces(rng):
    return "".join(rng.choice(SPACES + ["a", "the", "日"]) for _ in range(rng.randint(1, 20)))


def marks(rng):
    return "".join(rng.choice(MARKS + [" ", "x", "▁"]) for _ in range(rng.randint(1, 8)))


def emoji_and_combining(rng):
    pool = EMOJI + ["e", "a", "\u0301", "\u0323", "\u0338", "\u200d", "\ufe0f", " "]
    return "".join(rng.choice(pool) for _ in range(rng.randint(1, 25)))


def few_letters(rng):
    """Small alphabets make many equal scores and deep merges."""
    alphabet = rng.choice(["ab", "abc", "the ", "in", "aA", "zz_", "0123456789", "いの", "-=", "е т", "ab▁", "nation", "xé"])
    return "".join(rng.choice(alphabet) for _ in range(rng.randint(1, 80)))


def long_word(rng):
    return "".join(rng.choice("etaoinshrdlu") for _ in range(rng.randint(100, 1500)))


def mixed(rng):
    return "".join(rng.choice([natural, spaces, marks, emoji_and_combining, unicode_soup, few_letters])(rng)
                   for _ in range(rng.randint(2, 4)))


KINDS = [(natural, 20), (words, 15), (unicode_soup, 12), (one_script, 10), (spaces, 10), (marks, 6),
         (emoji_and_combining, 6), (few_letters, 12), (mixed, 8), (long_word, 1)]


def damage(rng, text):
    """Breaks UTF-8: bytes changed, cut, doubled, or put in."""
    text = bytearray(text[:200])
    for _ in range(rng.randint(1, 4)):
        place = rng.randint(0, len(text))
        action = rng.randint(0, 3)
        if action == 0:
            text[place:place] = bytes(rng.choice([
                b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x96", b"\xf0\x9f\x98", b"\x80", b"\xc3",
                b"\xe0\x80\x80", b"\xf8\x88\x80\x80\x80", b"\x00", b"\xef\xbf\xbd"]))
        elif action == 1 and text:
            text[rng.randrange(len(text))] = rng.randrange(256)
        elif action == 2:
            del text[place:place + rng.randint(1, 2)]
        else:
            text[place:place] = bytes(rng.randrange(256) for _ in range(rng.randint(1, 6)))
    return bytes(text)


def texts(seed, count, pieces=()):
    """`count` texts. `pieces` are the model's own, which are joined at random in some of them."""
    rng = random.Random(seed)
    makers, weights = zip(*KINDS)
    yield b""
    for _ in range(count - 1):
        if pieces and rng.random() < 0.1:
            text = "".join(rng.choice(pieces) for _ in range(rng.randint(1, 12)))
            if rng.random() < 0.7:
                text = text.replace("▁", " ")
        else:
            text = rng.choices(makers, weights)[0](rng)
        text = text.encode("utf-8", errors="surrogatepass")
        yield damage(rng, text) if rng.random() < 0.12 else text
