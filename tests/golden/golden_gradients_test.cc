// Gradients() on the cases of gradients/, which make_gradients.py has computed with PyTorch: in
// float32, with fast kernels and with reference kernels.
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/gradient/gradients.h"
#include "nomograph/core/run/session.h"
#include "nomograph/tests/golden/golden_cases.h"

namespace nomograph {
namespace {

const std::map<std::string, std::vector<GoldenCase>>& CasesByOp() {
  static const auto& cases = *new auto(ReadGoldenCases("tests/golden/gradients/"));
  return cases;
}

// The case's op with its inputs, of which the last is the gradient of its output, as a model that
// yields the gradients of those that float.
absl::StatusOr<Model> GradientModel(const std::string& op, const GoldenCase& c) {
  std::vector<Value> present, arguments, wanted;
  for (const Tensor& input : c.inputs) {
    arguments.push_back(Value());
    if (!input.valid()) continue;
    arguments.back() = InputValue(input.type(), absl::StrCat("in", arguments.size()));
    present.push_back(arguments.back());
    if (kFloats.Contains(input.dtype())) wanted.push_back(arguments.back());
  }
  const Value dy = arguments.back();
  arguments.pop_back();
  wanted.pop_back();
  const Value y = Call(op, arguments, c.attrs);
  NOMO_ASSIGN_OR_RETURN(const std::vector<Value> gradients,
                        Gradients({y}, wanted, {.output_gradients = {dy}}));
  return BuildModel(present, gradients);
}

class GoldenGradients : public testing::TestWithParam<std::string> {};

TEST_P(GoldenGradients, AgreeWithPyTorch) {
  for (const GoldenCase& c : CasesByOp().at(GetParam())) {
    const auto model = GradientModel(GetParam(), c);
    ASSERT_TRUE(model.ok()) << c.name << ": " << model.status();
    std::vector<Tensor> inputs;
    for (const Tensor& input : c.inputs) {
      if (input.valid()) inputs.push_back(input);
    }
    for (const bool exact : {false, true}) {
      SCOPED_TRACE(c.name + (exact ? " reference" : " fast"));
      const auto session = Session::Create(*model, {.exact = exact});
      ASSERT_TRUE(session.ok()) << session.status();
      const auto outputs = (*session)->Run(inputs);
      ASSERT_TRUE(outputs.ok()) << outputs.status();
      ASSERT_EQ(outputs->size(), c.outputs.size());
      for (size_t i = 0; i < outputs->size(); ++i) {
        const absl::Status golden = CheckGolden(c, (*outputs)[i], c.outputs[i]);
        EXPECT_TRUE(golden.ok()) << "gradient " << i << ": " << golden.message();
      }
    }
  }
}

std::vector<std::string> OpsWithCases() {
  std::vector<std::string> names;
  for (const auto& [name, cases] : CasesByOp()) names.push_back(name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Ops, GoldenGradients, testing::ValuesIn(OpsWithCases()),
                         [](const auto& param_info) {
                           return absl::StrReplaceAll(param_info.param, {{".", "_"}});
                         });

}  // namespace
}  // namespace nomograph
