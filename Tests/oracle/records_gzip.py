"""Makes Tests/Fixtures/records/*.gz: gzip streams as Python's gzip module and the gzip format allow them, and broken ones.

    python Tests/oracle/records_gzip.py
"""

import gzip
import pathlib

TARGET = pathlib.Path(__file__).parent.parent / "Fixtures" / "records"


def main():
    TARGET.mkdir(parents=True, exist_ok=True)
    first = gzip.compress(b"one\ntwo\n", mtime=0)
    second = gzip.compress("drei é\nvi".encode(), mtime=0)
    third = gzip.compress(b"er\n", mtime=0)
    # A line that unpacks to a thousand times its size.
    bomb = gzip.compress(b"short\n" + b"x" * 3_000_000 + b"\nlast\n", mtime=0)
    damaged = bytearray(gzip.compress(b"".join(b"line %d\n" % i for i in range(2000)), mtime=0))
    damaged[len(damaged) // 2] ^= 0xFF
    wrong_checksum = bytearray(first)
    wrong_checksum[-6] ^= 1
    files = {
        "one-member.gz": first,
        "members.gz": first + second + third,
        "padded.gz": first + bytes(1000),
        "long-line.gz": bomb,
        "empty.gz": gzip.compress(b"", mtime=0),
        "truncated.gz": first[:-5],
        "header-only.gz": first[:12],
        "wrong-checksum.gz": bytes(wrong_checksum),
        "damaged.gz": bytes(damaged),
        "garbage-behind.gz": first + b"garbage",
    }
    for name, content in files.items():
        (TARGET / name).write_bytes(content)
        try:
            print(name, len(gzip.decompress(content)))
        except Exception as error:  # what Python refuses, we must refuse
            print(name, "refused:", type(error).__name__)


main()
