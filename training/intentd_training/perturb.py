"""Ways customers' messages differ from the clean ones: for training variants and for the robustness report."""
import random
import string

NEIGHBOURS = {
    "a": "qwsz", "b": "vghn", "c": "xdfv", "d": "serfcx", "e": "wsdr", "f": "drtgvc", "g": "ftyhbv", "h": "gyujnb",
    "i": "ujko", "j": "huikmn", "k": "jiolm", "l": "kop", "m": "njk", "n": "bhjm", "o": "iklp", "p": "ol", "q": "wa",
    "r": "edft", "s": "awedxz", "t": "rfgy", "u": "yhji", "v": "cfgb", "w": "qase", "x": "zsdc", "y": "tghu",
    "z": "asx",
}
OPENINGS = ["hi ", "Hello, ", "hey there, ", "good morning. ", "Hi team, ", "please help: ", "um ", "ok so ",
            "Dear bank, ", "hello??? ", "... ", "- "]
CLOSINGS = [" thanks", " Thank you!", " pls", " please help", " asap", " !!!", " :(", " cheers", " Thanks in advance.",
            " sent from my phone", " ???", " ..."]


def typos(text: str, source: random.Random, rate: float = 0.04) -> str:
    """Neighbouring keys, swaps, losses and doublings of letters; about one letter in 25, at least one."""
    letters = [i for i, c in enumerate(text) if c.isalpha()]
    if not letters:
        return text
    chosen = set(source.sample(letters, max(1, round(len(letters) * rate))))
    out, skip = [], False
    for i, c in enumerate(text):
        if skip:
            skip = False
            continue
        if i not in chosen:
            out.append(c)
            continue
        kind = source.randrange(4)
        if kind == 0:
            near = source.choice(NEIGHBOURS.get(c.lower(), string.ascii_lowercase))
            out.append(near.upper() if c.isupper() else near)
        elif kind == 1 and i + 1 < len(text) and text[i + 1].isalpha():
            out.append(text[i + 1] + c)
            skip = True
        elif kind == 2 and len(letters) > 3:
            continue
        else:
            out.append(c + c)
    return "".join(out)


def without_punctuation(text: str) -> str:
    return " ".join("".join(c for c in text if c.isalnum() or c.isspace()).split())


def noisy(text: str, source: random.Random) -> str:
    """Words before and after that say nothing."""
    return source.choice(OPENINGS) + text + source.choice(CLOSINGS)


def spaced(text: str, source: random.Random) -> str:
    """White space before, after and doubled inside."""
    words = text.split(" ")
    return " " * source.randrange(1, 4) + (" " * source.choice([1, 2])).join(words) + source.choice([" ", "  ", "\n"])


def short(text: str, words: int = 5) -> str:
    """The first sentence's last words: what is left of a hasty message."""
    return " ".join(without_punctuation(text).split()[-words:])


#: The robustness report's conditions.
CONDITIONS = {
    "typos": lambda t, r: typos(t, r),
    "many_typos": lambda t, r: typos(t, r, 0.10),
    "lower_case": lambda t, r: t.lower(),
    "upper_case": lambda t, r: t.upper(),
    "no_punctuation": lambda t, r: without_punctuation(t),
    "leading_trailing_words": noisy,
    "white_space": spaced,
    "last_five_words": lambda t, r: short(t),
}


def variant(text: str, source: random.Random) -> str:
    """One training variant: a random mix of the mild conditions."""
    if source.random() < 0.5:
        text = typos(text, source, source.choice([0.02, 0.04, 0.06]))
    case = source.random()
    if case < 0.35:
        text = text.lower()
    elif case < 0.39:
        text = text.upper()
    if source.random() < 0.4:
        text = without_punctuation(text) or text
    if source.random() < 0.15:
        text = noisy(text, source)
    if source.random() < 0.1:
        text = spaced(text, source)
    return text
