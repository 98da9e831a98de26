# Shared by train.sh and validate.sh.
set -u
export OMP_NUM_THREADS=3 PYTHONUNBUFFERED=1 PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True
work=$1 results=$2 limit=${3:-100000}
keep=$results/keep
mkdir -p "$keep"
ensemble=probe,robust,mpnet
gpus=$(nvidia-smi --list-gpus | wc -l)
# on GPU STAGE ...: with fewer GPUs than the scripts name, they share.
on() {
    local left=$((limit - SECONDS)) gpu=$(($1 % gpus))
    shift
    [ $left -gt 20 ] || { echo "SKIPPED $*"; return; }
    CUDA_VISIBLE_DEVICES=$gpu timeout $left python3 -m intentd_training.stages "$@" --work "$work" \
        --results "$results" --keep "$keep" 2> >(grep -v -i "warn\|grad.sizes\|param.sizes\|run_backward" >&2) ||
        echo "FAILED $*"
}
