#!/bin/sh
# Builds the check and the benchmark of the kernels with any C compiler, without Swift:
#   ./build.sh OUTPUT [FLAGS...]
# The binary is static, so that it runs on other machines of the family. CC chooses the compiler (default cc); timings of the
# engine's code need clang, since gcc's AVX-512 code is slower.
# Sanitizers:  STATIC= ./build.sh OUTPUT -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all
set -eu
here=$(cd "$(dirname "$0")" && pwd)
kernels=$here/../../Sources/CKernels
output=${1:?usage: build.sh OUTPUT [FLAGS...]}
shift
exec "${CC:-cc}" -std=gnu11 -O3 -ffp-contract=off -fno-math-errno -Wall -Wextra ${STATIC--static} "$@" \
    -I"$kernels/include" "$here"/check.c "$here"/roofline.c "$kernels"/*.c -o "$output" -lm -lpthread
