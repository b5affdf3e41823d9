// The elements of tensors as JSON and as text.
#include "nomograph/tools/report/json_values.h"

#include <cmath>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "nomograph/tools/text/tensor_text.h"

namespace nomograph {
namespace {

TEST(ElementsTest, IntegersHaveAllOfTheirDigits) {
  const struct {
    Tensor tensor;
    std::string json;
    std::vector<std::string> text;
  } cases[] = {
      {Tensor::Vector<uint64_t>({9007199254740993u, 18446744073709551615u}),
       "[9007199254740993,18446744073709551615]",
       {"9007199254740993", "18446744073709551615"}},
      {Tensor::Vector<int64_t>({-9007199254740993}), "[-9007199254740993]", {"-9007199254740993"}},
      {Tensor::Vector<uint32_t>({4294967295u}), "[4294967295]", {"4294967295"}},
      {Tensor::Vector<int8_t>({-7, 7}).Cast(DType::kInt4), "[-7,7]", {"-7", "7"}},
      {Tensor::Vector<bool>({true, false}), "[true,false]", {"true", "false"}},
      {Tensor::Vector<float>({0.5, 3, NAN}), "[0.5,3.0,null]", {"0.5", "3", "nan"}},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(ElementsJson(c.tensor).dump(), c.json);
    for (size_t i = 0; i < c.text.size(); ++i) {
      EXPECT_EQ(ElementText(c.tensor, static_cast<int64_t>(i)), c.text[i]);
    }
  }
}

}  // namespace
}  // namespace nomograph
