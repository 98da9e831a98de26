#!/usr/bin/env python3
"""Scores one shard of a file with `intentd score`, or joins the shards' answers.

    score_shard.py score --input FILE --output FOLDER --shard 3 --shards 8 [-- options of intentd score]
    score_shard.py join  --input FILE --output FOLDER --shards 8 > answers.jsonl

A shard is the run of records that begin in its share of the file's bytes, so each record is in exactly one shard, and
the answers of shards 0, 1, 2, ... one after the other are in input order. A shard's answers appear under their final
name only when they are complete, so a shard can be run again at any time; one that is complete is left alone. Line
numbers in answers count from the beginning of the whole file.

The input is plain text, JSON Lines or CSV. A gzip file cannot be cut: unpack it, or score it in one piece.

Exit status: 0 all went well (unreadable records are answers too, and counted), 64 wrong usage, 66 wrong input, else
that of `intentd score`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import BinaryIO

CHUNK = 1 << 20
BAD_RECORDS = 3  # exit status of `intentd score` when some records could not be scored
USAGE, DATA = 64, 66  # sysexits.h
ROW_LIMIT = 1 << 20  # bytes of a CSV row that `intentd score` reads
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
OPEN, QUOTED, CLOSING = range(3)  # outside quotes, inside, behind a quote that closes or is the first of two


class Refused(Exception):
    """What is asked for cannot be done; `status` is the exit status."""

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status


@dataclasses.dataclass
class Shard:
    """A run of records: where it lies in the file, and how many lines come before it."""

    begin: int
    end: int
    lines_before: int
    header: bytes
    """The CSV header, which every shard but the first must be given as well."""


class RecordBoundaries:
    """Follows a file's bytes and knows where a record may end: at a newline, in CSV outside quoted fields.

    A quote opens a field where `intentd score` takes it to (Sources/IntentCLI/Records/CSVParser.swift): at the field's
    beginning only, and not behind the bytes that a row may have at most, which also end a quote that is never closed.
    """

    def __init__(self, csv: bool):
        self.csv = csv
        self.state = OPEN
        self.row_bytes = 0  # of the row that goes on
        self.last = b"\n"
        self.seen = 0
        self.start = b""  # of the file, as long as a byte-order mark

    def feed(self, data: bytes) -> None:
        if self.csv:
            self._scan(data, stops=False)

    def first_end(self, data: bytes) -> int:
        """Index behind the first record end in `data`, or -1; what is before it is fed."""
        return self._scan(data, stops=True) if self.csv else data.find(b"\n") + 1 or -1

    def _scan(self, data: bytes, stops: bool) -> int:
        if not data:
            return -1
        row_start, position = -self.row_bytes, 0
        self.start = (self.start + data[:3])[:3]
        behind_mark = 3 - self.seen if self.start == BYTE_ORDER_MARK else -1
        while position < len(data):
            if self.state == OPEN:
                quote = data.find(b'"', position)
                until = len(data) if quote < 0 else quote
                if stops and (newline := data.find(b"\n", position, until)) >= 0:
                    return newline + 1
                row_end = max(data.rfind(b"\n", position, until), data.rfind(b"\r", position, until))
                if row_end >= 0:
                    row_start = row_end + 1
                if quote < 0:
                    break
                before = data[quote - 1:quote] or self.last
                begins = before in (b",", b"\n", b"\r") or quote == behind_mark
                if begins and quote - row_start < ROW_LIMIT:
                    self.state = QUOTED
                position = quote + 1
            elif self.state == QUOTED:
                quote = data.find(b'"', position)
                beyond = row_start + ROW_LIMIT  # the first byte too many
                if beyond < (len(data) if quote < 0 else quote + 1):
                    self.state, position = OPEN, beyond + 1
                elif quote < 0:
                    break
                else:
                    self.state, position = CLOSING, quote + 1
            elif data[position:position + 1] == b'"' and position - row_start < ROW_LIMIT:
                self.state, position = QUOTED, position + 1
            else:
                self.state = OPEN
        self.row_bytes = len(data) - row_start
        self.last = data[-1:]
        self.seen += len(data)
        return -1


def chunks(file: BinaryIO, begin: int, end: int) -> Iterator[bytes]:
    """The file's bytes from `begin` to `end`."""
    file.seek(begin)
    while begin < end and (data := file.read(min(CHUNK, end - begin))):
        begin += len(data)
        yield data


def find_shard(file: BinaryIO, index: int, count: int, csv: bool) -> Shard:
    """Where a shard lies: it begins with the first record that starts at or behind its share's first byte."""
    size = os.fstat(file.fileno()).st_size
    cuts = [size * index // count, size * (index + 1) // count]
    starts, lines = [], []
    for cut in cuts:
        start, before = record_start(file, cut, size, csv)
        starts.append(start)
        lines.append(before)
    header = b""
    if csv and starts[0] > 0:
        end, _ = record_start(file, 1, size, csv)
        header = b"".join(chunks(file, 0, end))
    return Shard(starts[0], starts[1], lines[0], header)


def record_start(file: BinaryIO, cut: int, size: int, csv: bool) -> tuple[int, int]:
    """The first record start at or behind `cut`, and the number of newlines before it.

    The bytes before are read to count lines, and for CSV because only they tell whether `cut` is inside quotes.
    """
    boundaries, lines, position = RecordBoundaries(csv), 0, 0
    if cut == 0:
        return 0, 0
    # The newline that ends a record may be the very byte before `cut`.
    for data in chunks(file, 0, cut - 1):
        boundaries.feed(data)
        lines += data.count(b"\n")
        position += len(data)
    for data in chunks(file, cut - 1, size):
        end = boundaries.first_end(data)
        if end >= 0:
            return position + end, lines + data.count(b"\n", 0, end)
        lines += data.count(b"\n")
        position += len(data)
    return size, lines


def part_path(output: pathlib.Path, index: int) -> pathlib.Path:
    return output / f"part-{index:05d}.jsonl"


def note_path(part: pathlib.Path) -> pathlib.Path:
    return part.with_suffix(".done.json")


def score(options: argparse.Namespace) -> int:
    part = part_path(options.output, options.shard)
    if note_path(part).exists():
        say(f"shard {options.shard}: {part} is complete already")
        return 0
    if not 0 <= options.shard < options.shards:
        raise Refused(USAGE, f"--shard must be 0 to {options.shards - 1}")
    form = options.format or form_of(options.input)
    with options.input.open("rb") as file:
        if file.read(2) == b"\x1f\x8b":
            raise Refused(DATA, f"{options.input} is gzip, which cannot be cut; unpack it first")
        shard = find_shard(file, options.shard, options.shards, csv=form == "csv")
        options.output.mkdir(parents=True, exist_ok=True)
        temporary = part.with_suffix(f".{os.getpid()}.tmp")
        try:
            counts = run(options, form, file, shard, temporary)
            os.replace(temporary, part)
        finally:
            temporary.unlink(missing_ok=True)
    # Written last: only now is the shard done.
    note = note_path(part)
    draft = note.with_suffix(f".{os.getpid()}.tmp")
    draft.write_text(json.dumps({"shard": options.shard, "shards": options.shards, "begin": shard.begin,
                                 "end": shard.end, "input_bytes": options.input.stat().st_size, **counts}) + "\n")
    os.replace(draft, note)
    say(f"shard {options.shard}: {counts['answers']} answers, {counts['errors']} of them errors")
    return 0


def form_of(path: pathlib.Path) -> str:
    """The format by the file's name; `intentd score` is told, so that every shard is read alike."""
    forms = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".txt": "text"}
    if path.suffix not in forms:
        raise Refused(USAGE, f"{path}: say --format text, jsonl or csv")
    return forms[path.suffix]


def run(options: argparse.Namespace, form: str, file: BinaryIO, shard: Shard, temporary: pathlib.Path) -> dict:
    """Pipes the shard through `intentd score` and writes the answers, with line numbers of the whole file."""
    counts = {"answers": 0, "errors": 0}
    if shard.begin == shard.end or (form == "csv" and shard.begin == 0 and is_header_only(file, shard)):
        # An empty CSV shard would be only a header; no model need be loaded for nothing.
        temporary.write_bytes(b"")
        return counts
    # A repeated header is one line in front that the whole file does not have there.
    shift = shard.lines_before - shard.header.count(b"\n")
    command = [options.intentd, "score", "--format", form, *options.rest]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        stop_together(process)
        feeder = threading.Thread(target=feed, args=(process.stdin, file, shard), daemon=True)
        feeder.start()
        with temporary.open("wb") as out:
            for line in process.stdout:
                answer = renumbered(line, shift, by_line=form == "text")
                counts["answers"] += 1
                counts["errors"] += b'"error"' in line and "error" in json.loads(line)
                out.write(answer)
            out.flush()
            os.fsync(out.fileno())
        feeder.join()
        status = process.wait()
    if status not in (0, BAD_RECORDS):
        raise Refused(status if status > 0 else 128 - status, f"intentd score ended with status {status}")
    return counts


def is_header_only(file: BinaryIO, shard: Shard) -> bool:
    end, _ = record_start(file, 1, os.fstat(file.fileno()).st_size, csv=True)
    return shard.end <= end


def feed(pipe: BinaryIO, file: BinaryIO, shard: Shard) -> None:
    try:
        with pipe:
            pipe.write(shard.header)
            for data in chunks(file, shard.begin, shard.end):
                pipe.write(data)
    except BrokenPipeError:
        pass  # the scorer ended early; its status says why


def renumbered(line: bytes, shift: int, by_line: bool) -> bytes:
    """The answer with the line numbers of the whole file; the bytes as they were if there is none in it."""
    if shift == 0 or not (by_line or line.startswith(b'{"line":')):
        return line
    answer = json.loads(line)
    for name in ("line", "id") if by_line else ("line",):
        if isinstance(answer.get(name), int):
            # In place, so that every other byte stays as the program wrote it.
            old, new = f'"{name}":{answer[name]}'.encode(), f'"{name}":{answer[name] + shift}'.encode()
            line = line.replace(old, new, 1)
    return line


def stop_together(process: subprocess.Popen) -> None:
    """Passes SIGTERM on, so that an evicted pod ends at once and leaves no half part."""
    def stop(*_):
        process.terminate()
    signal.signal(signal.SIGTERM, stop)


def join(options: argparse.Namespace) -> int:
    """All answers in input order, after making sure that every byte of the input is in exactly one shard."""
    position, size = 0, options.input.stat().st_size
    parts = [part_path(options.output, index) for index in range(options.shards)]
    for part in parts:
        if not note_path(part).exists():
            raise Refused(DATA, f"{part} is not complete; run its shard")
        note = json.loads(note_path(part).read_text())
        if (note["shards"], note["input_bytes"], note["begin"]) != (options.shards, size, position):
            raise Refused(DATA, f"{part} is of another input or another number of shards; start with an empty folder")
        position = note["end"]
    if position != size:
        raise Refused(DATA, f"the shards end at byte {position} of {size}")
    for part in parts:
        with part.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
    sys.stdout.buffer.flush()
    return 0


def say(message: str) -> None:
    print(f"score_shard: {message}", file=sys.stderr)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("score", "join"):
        command = commands.add_parser(name)
        command.add_argument("--input", type=pathlib.Path, required=True)
        command.add_argument("--output", type=pathlib.Path, required=True, help="folder of the shards' answers")
        command.add_argument("--shards", type=int, required=True, help="number of shards")
        if name == "score":
            # A job's pod learns its index from its environment.
            command.add_argument("--shard", type=int, default=os.environ.get("JOB_COMPLETION_INDEX"),
                                 required="JOB_COMPLETION_INDEX" not in os.environ, help="this shard, from 0")
            command.add_argument("--format", choices=["text", "jsonl", "csv"], help="default: by the file's name")
            command.add_argument("--intentd", default="intentd", help="the program")
            command.add_argument("rest", nargs="*", help="options of intentd score, after --")
    options = parser.parse_args(arguments)
    try:
        if options.shards < 1:
            raise Refused(USAGE, "--shards must be at least 1")
        if not options.input.is_file():
            raise Refused(DATA, f"{options.input} is not a file")
        return score(options) if options.command == "score" else join(options)
    except Refused as error:
        say(str(error))
        return error.status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
