# Shared by train.sh and validate.sh.
set -u
export OMP_NUM_THREADS=3 PYTHONUNBUFFERED=1 PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True
work=$1 results=$2 limit=${3:-100000}
keep=$results/keep
mkdir -p "$keep"
ensemble=probe,plus,noisy
run() {
    local left=$((limit - SECONDS))
    [ $left -gt 20 ] || { echo "SKIPPED $*"; return; }
    timeout $left python3 -m intentd_training.stages "$@" --work "$work" --results "$results" --keep "$keep" \
        2> >(grep -v -i "warn\|grad.sizes\|param.sizes\|run_backward" >&2) || echo "FAILED $*"
}
