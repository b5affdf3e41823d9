// Runs every example of the registered ops with the reference kernel and with the fast one, against
// the expected results.
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "nomograph/core/op/eager.h"
#include "nomograph/core/op/registry.h"

namespace nomograph {
namespace {

struct Case {
  const OpDef* op;
  Example example;
  bool fast;
};

std::vector<Case> AllCases() {
  std::vector<Case> cases;
  for (const OpDef* op : OpRegistry::Default().All()) {
    if (!op->examples) continue;
    for (const Example& example : op->examples()) {
      // State and control flow need a session: //tests:conformance_test runs them.
      if (op->effects == Effects::kStateful || !example.functions.empty()) continue;
      if (op->reference) cases.push_back({op, example, false});
      if (!op->fast.empty()) cases.push_back({op, example, true});
    }
  }
  return cases;
}

TEST(Ops, EveryOpHasADocAndExamples) {
  for (const OpDef* op : OpRegistry::Default().All()) {
    EXPECT_TRUE(op->examples && !op->examples().empty()) << op->name << " has no examples";
    EXPECT_TRUE(op->reference || op->body)
        << op->name << " has neither a reference kernel nor a body";
  }
}

TEST(Ops, ExamplesGiveTheirOutputs) {
  for (const Case& c : AllCases()) {
    SCOPED_TRACE(c.op->name + " " + c.example.name + (c.fast ? " fast" : " reference"));
    RunOpOptions options{.num_outputs = static_cast<int>(c.example.outputs.size()), .fast = c.fast};
    options.run.training = c.example.training;
    options.run.seed = c.example.seed;
    options.run.step = c.example.step;
    const auto outputs = RunOp(*c.op, c.example.inputs, c.example.attrs, options);
    ASSERT_TRUE(outputs.ok()) << outputs.status();
    for (size_t i = 0; i < outputs->size(); ++i) {
      const absl::Status close =
          AllClose((*outputs)[i], c.example.outputs[i], c.example.rtol, c.example.atol);
      EXPECT_TRUE(close.ok()) << "output " << i << ": " << close.message() << "\n  expected "
                              << c.example.outputs[i].ToString() << "\n  found "
                              << (*outputs)[i].ToString();
    }
  }
}

}  // namespace
}  // namespace nomograph
