#!/bin/bash
# The shipped adapters on one GPU: teachers on all rows, their out-of-fold view of the labels, written messages,
# and the two students. Independent stages share the GPU.
# usage: train.sh WORK RESULTS [SECONDS]     WORK as `prepare` wrote it
cd "$(dirname "$0")"
. ./common.sh
[ -e "$results/oof_mpnet.npz" ] || run mpnet
run teach --names $ensemble --models 2 &
{ run generate --final; run mpnet --final; } &
run teachers --names $ensemble
wait
run label --names $ensemble --final
run final --names $ensemble --layers 12 --models 2 &
run final --names $ensemble --layers 18 --models 2
wait
