// Runs every standard op on the cases of index.txt and goldens.npz, which make_goldens.py has
// computed with NumPy and PyTorch, with the reference kernel and with the fast one.
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_replace.h"
#include "gtest/gtest.h"
#include "nomograph/core/op/eager.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/tests/golden/golden_cases.h"

namespace nomograph {
namespace {

const std::map<std::string, std::vector<GoldenCase>>& CasesByOp() {
  static const auto& cases = *new auto(ReadGoldenCases("tests/golden/"));
  return cases;
}

void ExpectGolden(const OpDef& op, const GoldenCase& c, bool fast) {
  SCOPED_TRACE(c.name + (fast ? " fast " : " reference ") + c.attrs.ToString());
  RunOpOptions options;
  options.num_outputs = static_cast<int>(c.outputs.size());
  options.fast = fast;
  const auto outputs = RunOp(op, c.inputs, c.attrs, options);
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  ASSERT_EQ(outputs->size(), c.outputs.size());
  for (size_t i = 0; i < outputs->size(); ++i) {
    const absl::Status golden = CheckGolden(c, (*outputs)[i], c.outputs[i]);
    EXPECT_TRUE(golden.ok()) << "output " << i << ": " << golden.message();
  }
}

class GoldenOps : public testing::TestWithParam<std::string> {};

TEST_P(GoldenOps, AgreesWithNumPyAndPyTorch) {
  const OpDef* op = OpRegistry::Default().Find(GetParam());
  ASSERT_NE(op, nullptr);
  for (const GoldenCase& c : CasesByOp().at(GetParam())) {
    ExpectGolden(*op, c, /*fast=*/false);
    if (!op->fast.empty()) ExpectGolden(*op, c, /*fast=*/true);
  }
}

std::vector<std::string> OpsWithCases() {
  std::vector<std::string> names;
  for (const auto& [name, cases] : CasesByOp()) names.push_back(name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Ops, GoldenOps, testing::ValuesIn(OpsWithCases()),
                         [](const auto& param_info) {
                           return absl::StrReplaceAll(param_info.param, {{".", "_"}});
                         });

// Examples, too, have their results from elsewhere.
TEST(GoldenOpsCoverage, EveryStandardOpHasCasesOrExamples) {
  for (const OpDef* op : OpRegistry::Default().All()) {
    EXPECT_TRUE(CasesByOp().contains(op->name) || (op->examples && !op->examples().empty()))
        << op->name << " has neither examples nor a case in make_goldens.py";
  }
}

}  // namespace
}  // namespace nomograph
