#!/bin/sh
# The picture that the build has drawn is an SVG with the model's node in it.
set -eu
grep -q '<svg' "$1"
grep -q 'Parity' "$1"
