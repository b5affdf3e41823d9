// Cases of an index.txt and a goldens.npz, as store.py writes them: an op, its inputs, and what
// NumPy or PyTorch have computed of them.
#ifndef NOMOGRAPH_TESTS_GOLDEN_GOLDEN_CASES_H_
#define NOMOGRAPH_TESTS_GOLDEN_GOLDEN_CASES_H_

#include <map>
#include <string>
#include <vector>

#include "nomograph/core/types/attributes.h"
#include "nomograph/core/types/tensor.h"

namespace nomograph {

struct GoldenCase {
  std::string name;
  std::string rounding;  // "exact", "close" or "sum:<terms>"
  std::vector<Tensor> inputs, outputs;
  Attributes attrs = {};
};

// The cases of a folder ("tests/golden/"), by op. What is wrong there fails the test.
std::map<std::string, std::vector<GoldenCase>> ReadGoldenCases(const std::string& folder);

// OK when `actual` has the dtype and shape of `expected`, and differs from it by rounding only.
absl::Status CheckGolden(const GoldenCase& c, const Tensor& actual, const Tensor& expected);

}  // namespace nomograph

#endif  // NOMOGRAPH_TESTS_GOLDEN_GOLDEN_CASES_H_
