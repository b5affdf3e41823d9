// Every example of every registered op, in every way that the system can run it: with the reference
// kernel alone, as a compiled model, in exact mode, saved and loaded, inside a traced function,
// with other batch sizes, and with the channels on the other side. An op is tested by being
// registered; one without examples fails here.
#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/build/value.h"
#include "nomograph/core/op/eager.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/run/session.h"
#include "nomograph/serialization/model_io.h"

namespace nomograph {
namespace {

class Conformance : public testing::TestWithParam<const OpDef*> {
 protected:
  const OpDef& op() const { return *GetParam(); }
  std::vector<Example> Examples() const {
    return op().examples ? op().examples() : std::vector<Example>();
  }
};

// The model of one node.
absl::StatusOr<Model> OneNodeModel(const OpDef& op, const Example& example, bool in_function) {
  std::vector<Value> inputs, present;
  for (size_t i = 0; i < example.inputs.size(); ++i) {
    const Tensor& tensor = example.inputs[i];
    inputs.push_back(tensor.valid() ? InputValue(tensor.type(), absl::StrCat("in", i)) : Value());
    if (tensor.valid()) present.push_back(inputs.back());
  }
  CallOptions options{.name = "node", .num_outputs = static_cast<int>(example.outputs.size())};
  for (const ExampleFunction& function : example.functions) {
    options.functions.push_back({function.attr, function.function, function.input_types});
  }
  const TraceFn call = [&](absl::Span<const Value> given) {
    std::vector<Value> arguments;
    size_t next = 0;
    for (const Value& input : inputs) arguments.push_back(input.valid() ? given[next++] : Value());
    return CallMulti(op.name, arguments, example.attrs, options);
  };
  std::vector<Value> outputs = in_function ? CallTraced(call, present) : call(present);
  auto model = BuildModel(present, outputs);
  if (!model.ok()) return model;
  for (const auto& [name, initial] : example.variables)
    model->variables.push_back({name, initial, "", ""});
  return model;
}

absl::StatusOr<std::vector<Tensor>> RunModel(const Model& model, const Example& example,
                                             bool exact) {
  NOMO_ASSIGN_OR_RETURN(const auto session, Session::Create(model, {.exact = exact}));
  NamedTensors inputs;
  for (size_t i = 0; i < example.inputs.size(); ++i) {
    if (example.inputs[i].valid()) inputs[absl::StrCat("in", i)] = example.inputs[i];
  }
  NOMO_ASSIGN_OR_RETURN(NamedTensors outputs, session->Run(inputs, {.training = example.training,
                                                                    .seed = example.seed,
                                                                    .step = example.step}));
  for (const auto& [name, expected] : example.variables_after) {
    NOMO_ASSIGN_OR_RETURN(const Tensor value, session->GetVariable(name));
    NOMO_RETURN_IF_ERROR(Annotate(AllClose(value, expected, example.rtol, example.atol), name));
  }
  std::vector<Tensor> ordered;
  for (const ValueId id : model.graph.outputs)
    ordered.push_back(outputs[model.graph.values[id].name]);
  return ordered;
}

// Which outputs are compared. Further integer outputs (the indices of a pooling) may count
// positions in the whole tensor, which are others in another batch or layout.
enum class Compare { kAll, kAllButPositions };

void ExpectOutputs(const absl::StatusOr<std::vector<Tensor>>& outputs, const Example& example,
                   Compare compare = Compare::kAll) {
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  ASSERT_GE(outputs->size(), example.outputs.size());
  for (size_t i = 0; i < example.outputs.size(); ++i) {
    const Tensor& expected = example.outputs[i];
    if (compare == Compare::kAllButPositions && i > 0 && kInts.Contains(expected.dtype())) continue;
    if (example.keyed_by_node) {  // the numbers differ by node, the type does not
      EXPECT_EQ((*outputs)[i].type(), expected.type());
      continue;
    }
    const absl::Status close = AllClose((*outputs)[i], expected, example.rtol, example.atol);
    EXPECT_TRUE(close.ok()) << "output " << i << ": " << close.message() << "\n  expected "
                            << expected.ToString() << "\n  found    " << (*outputs)[i].ToString();
  }
}

void ExpectModelRuns(const OpDef& op, const Example& example, bool in_function, bool exact,
                     Compare compare = Compare::kAll) {
  const auto model = OneNodeModel(op, example, in_function);
  ASSERT_TRUE(model.ok()) << model.status();
  ExpectOutputs(RunModel(*model, example, exact), example, compare);
}

TEST_P(Conformance, HasExamples) {
  EXPECT_FALSE(Examples().empty());
  EXPECT_FALSE(op().doc.empty());
}

TEST_P(Conformance, Reference) {
  if (!op().reference) return;  // an op that is only a body runs as a model
  for (const Example& example : Examples()) {
    if (op().effects == Effects::kStateful || !example.functions.empty())
      continue;  // they need a session
    SCOPED_TRACE(example.name);
    RunOpOptions options{.num_outputs = static_cast<int>(example.outputs.size())};
    options.run = {.training = example.training, .seed = example.seed, .step = example.step};
    Example exact = example;
    exact.keyed_by_node = false;  // by itself the node has the key for which the example holds
    ExpectOutputs(RunOp(op(), example.inputs, example.attrs, options), exact);
  }
}

TEST_P(Conformance, Compiled) {
  for (const Example& example : Examples()) {
    SCOPED_TRACE(example.name);
    ExpectModelRuns(op(), example, false, false);
  }
}

TEST_P(Conformance, Exact) {
  for (const Example& example : Examples()) {
    SCOPED_TRACE(example.name);
    ExpectModelRuns(op(), example, false, true);
  }
}

TEST_P(Conformance, InsideATracedFunction) {
  for (const Example& example : Examples()) {
    SCOPED_TRACE(example.name);
    if (op().effects == Effects::kStateful) continue;  // traced functions have no state variables
    ExpectModelRuns(op(), example, true, false);
  }
}

TEST_P(Conformance, SavedAndLoaded) {
  for (const Example& example : Examples()) {
    SCOPED_TRACE(example.name);
    const auto model = OneNodeModel(op(), example, false);
    ASSERT_TRUE(model.ok()) << model.status();
    const auto bytes = SaveToString(*model);
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    const auto loaded = LoadFromBytes(*bytes, nullptr);
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    const auto again = SaveToString(*loaded);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(*bytes, *again);
    EXPECT_EQ(SemanticHash(*model), SemanticHash(*loaded));
    ExpectOutputs(RunModel(*loaded, example, false), example);
  }
}

// What the op's specification yields for `copies` times the rows of the example's first input, or
// of all inputs that have as many; a status where it does not take so many.
absl::StatusOr<Example> WithRows(const OpDef& op, const Example& example, int copies, bool all) {
  Example result = example;
  const int64_t rows = example.inputs[0].shape()[0];
  for (Tensor& input : result.inputs) {
    if (&input != &result.inputs[0] && !all) continue;
    if (!input.valid() || input.shape().rank() == 0 || input.shape()[0] != rows) continue;
    input = copies == 0 ? input.Rows(0, 0) : *ConcatRows(std::vector<Tensor>(copies, input));
  }
  NOMO_ASSIGN_OR_RETURN(result.outputs,
                        RunOp(op, result.inputs, result.attrs,
                              {.num_outputs = static_cast<int>(example.outputs.size())}));
  return result;
}

// Whether the op's specification can be asked about other numbers of rows.
bool HasRows(const OpDef& op, const Example& example) {
  return op.effects == Effects::kPure && op.reference && example.functions.empty() &&
         !example.inputs.empty() && example.inputs[0].valid() &&
         example.inputs[0].shape().rank() > 0;
}

// Fast kernels take other numbers of rows as the reference does, from none on.
TEST_P(Conformance, OtherNumbersOfRows) {
  for (const Example& example : Examples()) {
    SCOPED_TRACE(example.name);
    if (!HasRows(op(), example)) continue;
    for (const int copies : {0, 1, 3}) {
      for (const bool all : {false, true}) {
        SCOPED_TRACE(absl::StrCat(copies, " times the rows", all ? " of all" : ""));
        const auto other = WithRows(op(), example, copies, all);
        if (copies == 1) {
          ASSERT_TRUE(other.ok()) << other.status();
        }
        if (other.ok()) ExpectModelRuns(op(), *other, false, false, Compare::kAllButPositions);
      }
    }
  }
}

// So that what is compared above stays most of it.
TEST(OtherNumbersOfRows, AreMostlyTaken) {
  std::map<int, int> taken;
  for (const OpDef* op : OpRegistry::Default().All()) {
    if (!op->examples) continue;
    for (const Example& example : op->examples()) {
      if (!HasRows(*op, example)) continue;
      for (const int copies : {0, 1, 3}) {
        taken[copies] +=
            WithRows(*op, example, copies, false).ok() || WithRows(*op, example, copies, true).ok();
      }
    }
  }
  EXPECT_GE(taken[0], 2050);
  EXPECT_GE(taken[1], 2200);
  EXPECT_GE(taken[3], 2100);
}

// Moves the channel axis of an activation to the other side. `first`: from the last place to behind
// the batch.
Tensor MoveChannels(const Tensor& tensor, bool batched, bool first) {
  const int rank = tensor.shape().rank();
  const int lead = batched ? 1 : 0;
  if (rank < lead + 2) return tensor;
  std::vector<int64_t> perm;
  for (int i = 0; i < rank; ++i) perm.push_back(i);
  if (first) {
    std::rotate(perm.begin() + lead, perm.end() - 1, perm.end());
  } else {
    std::rotate(perm.begin() + lead, perm.begin() + lead + 1, perm.end());
  }
  const OpDef& transpose = *OpRegistry::Default().Find("array.Transpose");
  return (*RunOp(transpose, {tensor}, {{"perm", perm}}))[0];
}

TEST_P(Conformance, ChannelsOnTheOtherSide) {
  if (op().FindAttr("data_format") == nullptr) return;
  // What flows back has other images beside the first input, or their shape: both formats are among
  // the examples.
  if (op().name.find("Grad") != std::string::npos) return;
  for (Example example : Examples()) {
    SCOPED_TRACE(example.name);
    const AttrValue* given = example.attrs.Find("data_format");
    const bool first = given == nullptr || *given->As<std::string>() == "channels_last";
    const int image_rank = example.inputs[0].shape().rank();
    // Image ops take a single image too.
    const bool batched = !(op().name.starts_with("image.") && image_rank == 3);
    example.attrs.Set("data_format", first ? "channels_first" : "channels_last");
    // Gradients take a second activation, and may yield a kernel; a pool may take more channels,
    // and a gate lies as what it scales.
    for (size_t i = 0; i < example.inputs.size(); ++i) {
      const std::string& name = op().inputs[i].name;
      if (i == 0 || name == "x" || name == "more" || name == "gate")
        example.inputs[i] = MoveChannels(example.inputs[i], batched, first);
    }
    if (example.outputs[0].shape().rank() == image_rank && op().outputs[0].name != "dkernel") {
      example.outputs[0] = MoveChannels(example.outputs[0], batched, first);
    }
    for (const bool exact : {false, true}) {
      const auto model = OneNodeModel(op(), example, false);
      ASSERT_TRUE(model.ok()) << model.status();
      ExpectOutputs(RunModel(*model, example, exact), example, Compare::kAllButPositions);
    }
  }
}

std::string TestName(const testing::TestParamInfo<const OpDef*>& info) {
  std::string name = info.param->name;
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Ops, Conformance, testing::ValuesIn(OpRegistry::Default().All()),
                         TestName);

}  // namespace
}  // namespace nomograph
