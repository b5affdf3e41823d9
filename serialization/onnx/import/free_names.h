// Names made unique, each at the cost of one look-up, however many wish for the same one.
#ifndef NOMOGRAPH_SERIALIZATION_ONNX_IMPORT_FREE_NAMES_H_
#define NOMOGRAPH_SERIALIZATION_ONNX_IMPORT_FREE_NAMES_H_

#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"

namespace nomograph::onnx {

class FreeNames {
 public:
  // `wish`, or where that is taken the first of wish_1, wish_2, ... that is free; it is taken from
  // now on.
  std::string Take(const std::string& wish);
  void Release(const std::string& name);

 private:
  // A name that is taken, by the wish and the number that it was made of.
  absl::flat_hash_map<std::string, std::pair<std::string, int>> taken_;
  // By wish: all numbers below this one are taken.
  absl::flat_hash_map<std::string, int> next_;
};

}  // namespace nomograph::onnx

#endif  // NOMOGRAPH_SERIALIZATION_ONNX_IMPORT_FREE_NAMES_H_
