#!/bin/bash
# What adapters made by this recipe reach on messages that nothing of theirs has seen: fold generators, teachers,
# students and blends; then the same with one idea left out each. Two GPUs, or one that has room for both halves.
# usage: validate.sh WORK RESULTS [SECONDS]     after train.sh, with the same folders
cd "$(dirname "$0")"
. ./common.sh
folds="--folds 3"
on 0 teachers --names $ensemble --models 2 $folds &
{ on 1 mpnet $folds; on 1 pairs --mpnet $folds; } &
on 1 generate $folds &
on 1 pairs $folds &
wait
on 0 label --names $ensemble $folds
{
    on 0 students --names exposed --models 2 $folds
    on 0 students --names hard --models 2 $folds
    on 0 blends --names $ensemble --students exposed,hard $folds
    on 0 teachers --names probe --epochs 20 --tag _long $folds
} &
{
    on 1 students --names exposed12,hard12 --models 2 $folds
    on 1 teachers --names $ensemble --models 2 --layers 12 $folds
    on 1 blends --names $ensemble --students exposed12,hard12 --layers 12 $folds
    on 1 students --names labels12,real_only12 $folds
} &
wait
