#!/usr/bin/env bash
# Reads the two pictures and compares the text with what is written there:
#
#   bazel build //examples/ocr //tools:nomo
#   examples/ocr/fetch_models.sh /tmp/ocr_models
#   examples/ocr/check.sh /tmp/ocr_models
#
# Spaces do not count: the models leave many of them out. The folder gets the .nomo files.
set -euo pipefail

models=$(realpath "${1:?usage: check.sh FOLDER-OF-MODELS}")
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
bin=${NOMO_BIN:-bazel-bin}

for model in detector recognizer direction; do
  "${bin}/tools/nomo" convert "${models}/${model}.onnx" "${models}/${model}.nomo" > /dev/null
done

# check PICTURE FORM [FLAG...]: the expected lines are on standard input.
check() {
  local picture=$1 form=$2
  shift 2
  diff <(tr -d ' ') <("${bin}/examples/ocr/ocr" --detector "${models}/detector.${form}" \
    --recognizer "${models}/recognizer.${form}" --direction "${models}/direction.${form}" \
    --characters "${models}/characters.txt" "$@" "examples/ocr/${picture}" |
    cut -f 1 | tr -d ' ')
  echo "${picture}, .${form}: every line is right"
}

for form in onnx nomo; do
  check note.png "${form}" << END
Nomograph
A drawing that computes
Lens 50 mm f/1.8
EUR 129.90
3.5 kg x 4 = 14 kg
and down by six
tilted by nine degrees
upside down
END
done

# Of the last line's ">>>" one is lost where the page ends.
check page.png nomo --min-score 0.5 << END
Region-based segmentation
Let us first determine markers of the coins and the
background. These markers are pixels that we can label
unambiguously as either object or background. Here,
the markers are found at the two extreme parts of the
histogram of grey values:
>> markers = np.zeros_like(coins)
END
