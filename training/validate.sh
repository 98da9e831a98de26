#!/bin/bash
# What the students reach on messages that nothing of theirs has seen: fold generators, teachers and students; then
# the same with one idea left out each.
# usage: validate.sh WORK RESULTS [SECONDS]     after train.sh, with the same folders
cd "$(dirname "$0")"
. ./common.sh
folds="--folds 3"
run pairs $folds &
{ run generate $folds; run pairs --mpnet $folds; } &
wait
run label --names $ensemble
run students --names exposed12 --models 2 $folds &
run students --names exposed --models 2 $folds
wait
run students --names gemma_only12,unperturbed12 $folds &
run students --names labels12,clean12,real_only12 $folds
wait
