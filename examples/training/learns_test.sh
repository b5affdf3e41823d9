#!/bin/sh
# Runs the program that $1 names in a folder of its own.
set -e
program="$PWD/$1"
cd "$TEST_TMPDIR"
"$program"
