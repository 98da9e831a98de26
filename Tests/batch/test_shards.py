"""Where shards begin and end, held against reading the whole file with Python's own csv module and line splitting."""

from __future__ import annotations

import csv
import io
import itertools
import random

import pytest

import score_shard


def spans(path, count: int, is_csv: bool):
    with path.open("rb") as file:
        return [score_shard.find_shard(file, index, count, is_csv) for index in range(count)]


def check(path, data: bytes, count: int, is_csv: bool) -> list[bytes]:
    """The shards' bytes, after making sure that they cover the file once and know their line numbers."""
    path.write_bytes(data)
    shards = spans(path, count, is_csv)
    edges = [shards[0].begin, *itertools.chain.from_iterable((s.begin, s.end) for s in shards), shards[-1].end]
    assert edges[0] == 0 and edges[-1] == len(data)
    for left, right in itertools.pairwise(shards):
        assert left.end == right.begin
    for shard in shards:
        assert shard.lines_before == data.count(b"\n", 0, shard.begin)
    return [shard.header + data[shard.begin:shard.end] for shard in shards]


@pytest.mark.parametrize("count", [1, 2, 3, 7, 50])
@pytest.mark.parametrize("data", [
    b"", b"one", b"one\n", b"\n", b"\n\n\n", b"one\ntwo", b"one\r\ntwo\r\n", b"a\n" * 100,
    "".join(f"line {n} {'x' * (n % 17)} žé\n" for n in range(200)).encode(), b"x" * 1000 + b"\n" + b"y",
], ids=range(10))
def test_lines(tmp_path, data, count):
    parts = check(tmp_path / "input.txt", data, count, is_csv=False)
    assert b"".join(parts) == data
    assert all(part.endswith(b"\n") for part in [part for part in parts if part][:-1])


@pytest.mark.parametrize("seed", range(30))
def test_csv_records_are_never_cut(tmp_path, seed):
    random_source = random.Random(seed)
    rows = [["id", "text"]] + [
        [str(n), "".join(random_source.choices(
            ["a", '"', ",", "\n", " word ", "ž", "\r\n"], k=random_source.randint(0, 20)))]
        for n in range(random_source.randint(0, 60))]
    text = io.StringIO()
    csv.writer(text, lineterminator=random_source.choice(["\n", "\r\n"])).writerows(rows)
    data = text.getvalue().encode()
    for count in (1, 2, 5, 13):
        found = []
        for part in check(tmp_path / "input.csv", data, count, is_csv=True):
            if part:
                read = list(csv.reader(io.StringIO(part.decode(), newline="")))
                assert read[0] == rows[0]
                found += read[1:]
        assert found == rows[1:]


def test_small_chunks(tmp_path, monkeypatch):
    """Records that lie across the edges of what is read at once."""
    data = "".join(f'{n},"a ""quoted""\nfield"\n' for n in range(100)).encode()
    expected = check(tmp_path / "input.csv", data, 7, is_csv=True)
    for size in (1, 2, 3, 64):
        monkeypatch.setattr(score_shard, "CHUNK", size)
        assert check(tmp_path / "input.csv", data, 7, is_csv=True) == expected


def row_ends(data: bytes, limit: int) -> list[int]:
    """Where rows end, by the rules of Sources/IntentCLI/Records/CSVParser.swift, byte after byte."""
    ends, state, size = [], "start", 0
    position = 3 if data.startswith(b"\xef\xbb\xbf") else 0
    size = position
    for position in range(position, len(data)):
        byte = data[position:position + 1]
        if state != "quoted" and byte in b"\r\n":
            if byte == b"\n":
                ends.append(position + 1)
            state, size = "start", 0
            continue
        size += 1
        if size > limit:
            state = "skipping"
        if state == "quoted":
            state = "quote" if byte == b'"' else "quoted"
        elif state == "quote" and byte == b'"':
            state = "quoted"
        elif state != "skipping":
            state = "start" if byte == b"," else "quoted" if state == "start" and byte == b'"' else "unquoted"
    return ends


@pytest.mark.parametrize("seed", range(40))
def test_any_quotes_are_read_as_the_program_reads_them(tmp_path, monkeypatch, seed):
    """Quotes inside fields, behind closing ones, and never closed."""
    random_source = random.Random(seed)
    for _ in range(30):
        limit = random_source.choice([5, 20, 1 << 20])
        monkeypatch.setattr(score_shard, "ROW_LIMIT", limit)
        monkeypatch.setattr(score_shard, "CHUNK", random_source.choice([1, 2, 3, 7, 1 << 20]))
        data = b"".join(random_source.choices(
            [b"a", b'"', b'""', b",", b"\n", b"\r\n", b'",', b',"', b'\n"', b"bcd"], k=random_source.randint(1, 60)))
        data = random_source.choice([b"", b"\xef\xbb\xbf"]) + data
        ends, count = row_ends(data, limit), random_source.randint(1, 6)
        check(tmp_path / "input.csv", data, count, is_csv=True)
        for index, shard in enumerate(spans(tmp_path / "input.csv", count, is_csv=True)):
            cut = len(data) * (index + 1) // count
            assert shard.end == (next((end for end in ends if end >= cut), len(data)) if cut else 0), (data, limit)


@pytest.mark.parametrize(("line", "by_line", "expected"), [
    (b'{"id":3,"intent":"a"}\n', True, b'{"id":13,"intent":"a"}\n'),
    (b'{"id":3,"intent":"a"}\n', False, b'{"id":3,"intent":"a"}\n'),
    (b'{"line":3,"error":"line 3"}\n', False, b'{"line":13,"error":"line 3"}\n'),
    (b'{"id":"3","intent":"a"}\n', True, b'{"id":"3","intent":"a"}\n'),
])
def test_renumbered(line, by_line, expected):
    assert score_shard.renumbered(line, 10, by_line) == expected
