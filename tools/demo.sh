#!/usr/bin/env bash
# Sets the machine up, builds, and shows the whole way of a model: one program builds and saves it, a second that links no
# model code inspects and proves it, a third classifies 10,000 real images with it.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup.sh

bazel build //examples/fashion_mnist:build_model //examples/fashion_mnist:classify //tools:nomo

bin=bazel-bin
data=/usr/share/datasets/fashion-mnist
example=examples/fashion_mnist
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
model=$folder/fashion_mnist.nomo

echo
echo "== Build and save"
"$bin/$example/build_model" "$example/weights.npz" "$example/expected.npz" \
  "$data/t10k-images-idx3-ubyte.gz" "$model"

echo
echo "== Inspect it in another process"
"$bin/tools/nomo" inspect "$model"

echo
echo "== Prove it: checksums and golden vectors"
"$bin/tools/nomo" verify "$model"

echo
echo "== Run it on 10,000 test images"
"$bin/$example/classify" "$model" "$data/t10k-images-idx3-ubyte.gz" "$data/t10k-labels-idx1-ubyte.gz" \
  "$example/expected.npz"
