#!/bin/sh
# Runs the program that $1 names in a folder of its own, where it leaves a model.
set -e
program="$PWD/$1"
cd "$TEST_TMPDIR"
"$program"
test -s circle.nomo
