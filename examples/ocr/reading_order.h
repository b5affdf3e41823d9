// The order in which one reads: rows from top to bottom, each from left to right.
#ifndef NOMOGRAPH_EXAMPLES_OCR_READING_ORDER_H_
#define NOMOGRAPH_EXAMPLES_OCR_READING_ORDER_H_

#include <vector>

#include "nomograph/examples/ocr/geometry.h"

namespace nomograph::ocr {

// Boxes are in one row where their middles differ in height by less than half of the smaller one's
// height.
std::vector<Box> InReadingOrder(std::vector<Box> boxes);

}  // namespace nomograph::ocr

#endif  // NOMOGRAPH_EXAMPLES_OCR_READING_ORDER_H_
