#!/usr/bin/env python3
"""Scores a text or JSON Lines file with Spark: each partition is piped through its own `intentd score`.

    spark-submit --master 'local[2,4]' batch/spark/score.py --input messages.txt --output answers --partitions 8

Every line of the input has one answer; the answers of a partition are in the order of its lines, and the parts of the
output in the order of the input. A worker that dies has its partition done again by Spark, whose output committer
lets only the attempt that finished be seen. In a text file the id of an answer is the line's number in the whole
input, from 1; JSON Lines keep their own ids. A line that cannot be scored, such as a blank one, is answered by
{"line":N,"error":...}.

A process is started for each partition and loads the model, so choose partitions that take minutes, and give each
task as many cores as `--threads` (`spark.task.cpus`).
"""

from __future__ import annotations

import argparse
import itertools
import json
import shlex
import sys
from collections.abc import Iterable, Iterator

from pyspark import RDD
from pyspark.sql import SparkSession


def pipe_command(intentd: str, options: list[str]) -> str:
    """The command of a partition. Status 3 means that some lines could not be scored, which is an answer to them."""
    scorer = shlex.join([intentd, "score", "--format", "jsonl", *options])
    return shlex.join(["sh", "-c", f"{scorer}; status=$?; [ $status -eq 3 ] || exit $status"])


def line_offsets(lines: RDD) -> list[int]:
    """How many lines of the input come before each partition."""
    counts = lines.mapPartitions(lambda part: [sum(1 for _ in part)]).collect()
    return [0, *itertools.accumulate(counts)]


def records(lines: RDD, offsets: list[int]) -> RDD:
    """Text lines as JSON Lines whose id is the line's number in the whole input."""
    def numbered(index: int, part: Iterable[str]) -> Iterator[str]:
        for number, text in enumerate(part, offsets[index] + 1):
            yield json.dumps({"id": number, "text": text}, ensure_ascii=False)
    return lines.mapPartitionsWithIndex(numbered)


def with_input_lines(answers: RDD, offsets: list[int]) -> RDD:
    """Answers whose line numbers, which only errors have, count from the beginning of the whole input."""
    def shifted(index: int, part: Iterable[str]) -> Iterator[str]:
        for answer in part:
            if answer.startswith('{"line":'):
                fields = json.loads(answer)
                fields["line"] += offsets[index]
                answer = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
            yield answer
    return answers.mapPartitionsWithIndex(shifted)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--input", required=True, help="file or folder, any address that Spark reads")
    parser.add_argument("--output", required=True, help="folder to make; must not exist")
    parser.add_argument("--format", choices=["text", "jsonl"], default="text")
    parser.add_argument("--partitions", type=int, default=2, help="at least so many")
    parser.add_argument("--intentd", default="intentd", help="the program, as executors find it")
    parser.add_argument("rest", nargs="*", help="options of intentd score, after --")
    options = parser.parse_args(arguments)

    spark = SparkSession.builder.appName("intentd-score").getOrCreate()
    try:
        lines = spark.sparkContext.textFile(options.input, minPartitions=options.partitions)
        offsets = line_offsets(lines)
        asked = records(lines, offsets) if options.format == "text" else lines
        # checkCode: a scorer that fails or is killed fails its task, which Spark runs again.
        answers = asked.pipe(pipe_command(options.intentd, options.rest), checkCode=True)
        with_input_lines(answers, offsets).saveAsTextFile(options.output)
    finally:
        spark.stop()


if __name__ == "__main__":
    main(sys.argv[1:])
