// Draws boxes into a picture.
#ifndef NOMOGRAPH_EXAMPLES_OCR_ANNOTATE_H_
#define NOMOGRAPH_EXAMPLES_OCR_ANNOTATE_H_

#include "nomograph/core/types/tensor.h"
#include "nomograph/examples/ocr/geometry.h"

namespace nomograph::ocr {

// Draws the box' outline, two pixels wide, in red; the side at which the text begins in blue. What
// lies outside of the picture is left out. REQUIRES: a writable uint8[height,width,3].
void DrawBox(const Box& box, Tensor& picture);

}  // namespace nomograph::ocr

#endif  // NOMOGRAPH_EXAMPLES_OCR_ANNOTATE_H_
