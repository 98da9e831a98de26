#!/bin/bash
# The shipped adapters: teachers on all rows, whose mean is the accurate one; their out-of-fold view of the labels,
# written messages, and the fast one's students. Independent stages share one or two GPUs.
# usage: train.sh WORK RESULTS [SECONDS]     WORK as `prepare` wrote it
cd "$(dirname "$0")"
. ./common.sh
[ -e "$results/oof_mpnet.npz" ] || on 1 mpnet
on 0 teach --names $ensemble --models 2 &
{ on 1 generate --final; on 1 mpnet --final; } &
on 0 teachers --names $ensemble &
wait
on 0 label --names $ensemble --final
on 0 final --names $ensemble --students exposed12 --models 2
