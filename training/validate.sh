#!/bin/bash
# What adapters made by this recipe reach on messages that nothing of theirs has seen: fold teachers, generators and
# students; then means of teachers, and students with one idea changed each. Two GPUs, or one that has room for both
# halves.
# usage: validate.sh WORK RESULTS [SECONDS]     with WORK as `prepare` wrote it; any RESULTS
cd "$(dirname "$0")"
. ./common.sh
folds="--folds 3"
{ on 0 teachers --names probe --models 6 $folds; on 0 teachers --names robust --models 6 $folds; } &
{ on 1 mpnet --models 2 $folds; on 1 pairs --mpnet $folds; on 1 pairs $folds; } &
on 1 generate $folds &
wait
on 0 label --names $ensemble --models 2 $folds --tag first
{
    on 0 students --names plus2_pretrained8 --models 3 $folds
    on 0 students --names written --models 2 $folds
    on 0 blends --names probe:1,probe:2,probe,robust:1,robust:2,robust,probe+robust $folds
    on 0 heal --names probe+robust --towards labels --models 3 --tag refined $folds
    on 0 blends --names refined:1,refined $folds
    on 0 students --names written --models 2 --epochs 10 --tag _short $folds
    on 0 students --names written,plus4 --models 2 --tag _plus $folds
    on 0 students --names mpnet --models 2 $folds
    on 0 label --names probe,robust,student_mpnet --models 2 $folds --tag second
    on 0 students --names plus2,second --models 2 $folds
    on 0 students --names plus2_12 --models 3 $folds
    on 0 students --names plus2_first12,second12,plus4_second12 --tag _one $folds
    for idea in unperturbed12 averaged12 repelled12 trusting12 clean12; do
        on 0 students --names $idea --models 3 $folds
    done
    for student in pretrained pretrained3 plus2_pretrained plus2_pretrained3 plus2_pretrained20; do
        on 0 students --names $student --models 3 $folds
    done
    on 0 students --names clean_pretrained3 --models 3 $folds
    on 0 students --names trusting_pretrained3 --models 3 $folds
    on 0 students --names plus4_pretrained3 --models 3 $folds
    on 0 students --names trusting $folds
} &
{
    on 1 students --names plus2_pretrained8_12 --models 3 $folds
    on 1 students --names pretrained3_12 --models 2 $folds
    for student in plus2_pretrained3_12 pretrained12 written12; do on 1 students --names $student --models 3 $folds; done
    for teacher in probe robust; do on 1 teachers --names $teacher --models 6 --layers 12 $folds; done
    on 1 teachers --names fixed --models 3 --layers 12 $folds
    on 1 heal --names probe+robust --towards mean --models 2 --tag healed --layers 12 $folds
    on 1 heal --names probe+robust --towards labels --models 3 --tag refined --layers 12 $folds
    on 1 blends --names probe:1,probe:2,probe,robust:1,robust:2,robust,probe+robust --layers 12 $folds
    on 1 blends --names healed:1,healed,refined:1,refined,fixed:1,fixed --layers 12 $folds
    on 1 students --names written12 --models 3 --epochs 10 --tag _short $folds
    on 1 students --names written12,plus2_first12,plus4_12 --tag _plus $folds
    for idea in labels12 gemma_only12 hard12 hard1_12 features12 long12; do on 1 students --names $idea --models 3 $folds; done
} &
wait
