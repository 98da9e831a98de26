"""Makes Tests/Fixtures/records/csv.json: CSV texts and the rows that Python's csv module reads from them.

    python Tests/oracle/records_csv.py

Each case holds the bytes (base64) and either the rows, blank lines left out, or "error" where the strict reader refuses
the text.
"""

import base64
import csv
import io
import json
import pathlib
import random

TARGET = pathlib.Path(__file__).parent.parent / "Fixtures" / "records" / "csv.json"

HAND_MADE = [
    "a,b\n1,2\n",
    "a,b\r\n1,2\r\n",
    "a,b\r1,2\r",
    "a,b\n1,2",
    "a,b\n\n\n1,2\n\n",
    "\n\r\n\ra\n",
    '"a","b"\n"x, y","say ""hi"""\n',
    '"line one\nline two",b\n',
    '"line one\r\nline two",b\r\n',
    '"line one\rline two",b\r',
    'it"s,a "quote" inside\n',
    ',\n,,\n',
    '"",""\n',
    '""\n',
    '" padded ", "not quoted"\n',
    'a,"b"c\n',
    '"a"b,c\n',
    'a,"never closed\nmore\n',
    '"a" ,b\n',
    'é,"naïve, 東京",🙂\n',
    'tab\there,nul-free\n',
    '"ends here"',
    'a,',
    ',a',
    '"a""',
    '"""quoted"""\n',
]


def random_text(rng):
    alphabet = ['a', 'b', ' ', ',', '"', '\n', '\r', '\r\n', 'é', '東', '🙂', "'", '\t', ';']
    return "".join(rng.choice(alphabet) for _ in range(rng.randrange(0, 12)))


def written(rng):
    """A file as csv.writer makes it: always readable."""
    out = io.StringIO(newline="")
    quoting = rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
    writer = csv.writer(out, lineterminator=rng.choice(["\n", "\r\n"]), quoting=quoting)
    width = rng.randrange(1, 5)
    for _ in range(rng.randrange(1, 8)):
        writer.writerow([random_text(rng) for _ in range(width)])
    return out.getvalue()


def read(text):
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    return [row for row in rows if row]


def case(text):
    result = {"bytes": base64.b64encode(text.encode()).decode()}
    try:
        result["rows"] = read(text)
    except csv.Error:
        result["error"] = True
    return result


def main():
    rng = random.Random(77)
    texts = HAND_MADE + [written(rng) for _ in range(150)] + [random_text(rng) + "\n" + random_text(rng) for _ in range(250)]
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(json.dumps([case(text) for text in texts], ensure_ascii=True, indent=0) + "\n")
    print(len(texts), "cases,", sum("error" in case(t) for t in texts), "refused")


main()
