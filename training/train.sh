#!/bin/bash
# The shipped adapters: teachers on all rows, messages that a generator writes, their labels, and the students.
# Independent stages share one or two GPUs.
# usage: train.sh WORK RESULTS [SECONDS]     WORK as `prepare` wrote it
cd "$(dirname "$0")"
. ./common.sh
on 0 teach --names probe --models 2 &
on 0 teach --names robust --models 2 &
{ on 1 generate --final; on 1 mpnet --final; } &
wait
on 0 label --names $ensemble --models 2 --final --tag first
on 0 final --names $ensemble --students plus2_pretrained8 --models 3 &
on 1 final --names $ensemble --students plus2_pretrained8_12 --models 3 &
wait
