// Names: made unique, made from one another, and how a node is named in messages.
#ifndef NOMOGRAPH_CORE_TYPES_NAMES_H_
#define NOMOGRAPH_CORE_TYPES_NAMES_H_

#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"

namespace nomograph {

// Gives names that nothing else has: "dense", then "dense_1", "dense_2", ..., each at the cost of a
// few look-ups, however many wish for the same one.
class UniqueNames {
 public:
  // `wish`, or with a number behind it; it is taken from now on.
  std::string Take(absl::string_view wish);
  // False when it is taken already.
  bool Reserve(absl::string_view name);
  // Gives a name back.
  void Release(absl::string_view name);

 private:
  bool IsPlain(absl::string_view name) const;

  // What is taken of the form wish_number: by its name, the wish and the number.
  absl::flat_hash_map<std::string, std::pair<std::string, int>> numbered_;
  // By wish: all numbers below this one are taken behind it. Negative where the wish itself is not
  // taken as it stands.
  absl::flat_hash_map<std::string, int> plain_;
};

// "Conv2DTranspose" to "conv2d_transpose" and "PReLU" to "p_re_lu", as Keras names layers.
std::string SnakeCase(absl::string_view name);

// A node as messages name it, escaped: node "dense/gemm" (math.Gemm). To be called on failure only.
std::string NodePlace(absl::string_view name, absl::string_view op);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_TYPES_NAMES_H_
