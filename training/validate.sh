#!/bin/bash
# What the students reach on messages that nothing of theirs has seen: fold generators, teachers and students.
# usage: validate.sh WORK RESULTS [SECONDS]     after train.sh, with the same folders
cd "$(dirname "$0")"
. ./common.sh
run pairs &
run generate --folds 3
wait
run label --names $ensemble
run students --names exposed12 --folds 3 &
run students --names exposed --folds 3
wait
