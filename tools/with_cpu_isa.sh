#!/usr/bin/env bash
# Runs a test as if the processor had no more than the instruction set: with_cpu_isa.sh avx2 TEST
set -euo pipefail
NOMO_MAX_CPU_ISA="$1" exec "${@:2}"
