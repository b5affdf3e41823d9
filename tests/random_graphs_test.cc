// Graphs that are written at random, in every way to run them, against exact mode: the passes,
// patterns, kernels, forms and the memory plan of the optimising compiler change no result.
//
// A few seconds' worth of them run by default. Others: NOMO_RANDOM_GRAPHS=BEGIN:END, the seeds.
// Where a graph fails, what is left of it after shrinking is printed; one that runs alone is
// printed as it is beforehand.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/run/session.h"
#include "nomograph/serialization/model_io.h"
#include "nomograph/tests/random_graphs/graph.h"
#include "nomograph/tests/random_graphs/writer.h"

namespace nomograph {
namespace {

using Tensors = std::vector<Tensor>;

// What a difference may be, relative to the greatest magnitude of the output's exact values: some
// hundred roundings of float32 (2^-24), which Winograd's algorithm takes for one convolution.
constexpr double kRounding = 0x1p-16;
// An output that is farther off is compared with what graphs yield whose numbers are disturbed by
// no more than that at each node: how far they get from the exact ones tells how much the graph
// makes of a difference, as where numbers cancel out or are divided by small ones. A fast run is
// one such graph, so a few times the greatest of some samples bounds it; a wrong result is no
// matter of digits and is farther away.
constexpr int kSamples = 16;
constexpr double kTimesSamples = 6;
// Sums of float32 are those of terms that are off by a few roundings.
constexpr double kInputRounding = 0x1p-22;
// Of outputs that are all smaller, the greatest magnitude is this: functions that vanish far from
// 0, as GELU, are differences of numbers of the size of 1.
constexpr double kLeastMagnitude = 0x1p-10;
// Half of the distance between 1 and the next number.
constexpr double kBFloat16Rounding = 0x1p-8, kFloat16Rounding = 0x1p-11;

// Ops that weigh with 0 what the reference leaves out, and so yield more NaN, though none is lost.
constexpr absl::string_view kOtherSums[] = {
    "array.Resize", "math.Einsum", "nn.GRU", "nn.GroupNormalization", "nn.InstanceNormalization",
    "nn.LSTM"};

struct Range {
  uint64_t begin = 0, end = 120;
};

Range Seeds() {
  Range range;
  if (const char* text = std::getenv("NOMO_RANDOM_GRAPHS")) {
    const std::vector<std::string> ends = absl::StrSplit(text, ':');
    if (ends.size() != 2 || !absl::SimpleAtoi(ends[0], &range.begin) ||
        !absl::SimpleAtoi(ends[1], &range.end)) {
      ADD_FAILURE() << "NOMO_RANDOM_GRAPHS: expected BEGIN:END, found " << text;
    }
  }
  return range;
}

Tensors InputsOf(const RandomGraph& graph) {
  Tensors inputs;
  for (const int n : graph.Inputs()) inputs.push_back(graph.nodes[n].values[0]);
  return inputs;
}

Tensors OutputsOf(const RandomGraph& graph) {
  Tensors outputs;
  for (const RandomGraph::Ref output : graph.outputs) outputs.push_back(graph.value(output));
  return outputs;
}

absl::StatusOr<Tensors> RunModel(const absl::StatusOr<Model>& model, const Tensors& inputs,
                                 SessionOptions options) {
  if (!model.ok()) return model.status();
  NOMO_ASSIGN_OR_RETURN(const auto session, Session::Create(*model, std::move(options)));
  return session->Run(inputs);
}

double Greatest(const Tensor& tensor) {
  double greatest = 0;
  for (int64_t i = 0; i < tensor.num_elements(); ++i) {
    if (std::isfinite(tensor.AsDouble(i)))
      greatest = std::max(greatest, std::abs(tensor.AsDouble(i)));
  }
  return greatest;
}

// The greatest difference of two elements; infinite where one is a number and the other is not.
double Distance(const Tensor& a, const Tensor& b) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  if (a.type() != b.type()) return kInf;
  double distance = 0;
  for (int64_t i = 0; i < a.num_elements(); ++i) {
    const double x = a.AsDouble(i), y = b.AsDouble(i);
    if (x == y || (std::isnan(x) && std::isnan(y))) continue;
    const double difference = std::abs(x - y);
    distance = std::isnan(difference) ? kInf : std::max(distance, difference);
  }
  return distance;
}

// What is rounded beside sums of float32: what products read, or all between nodes.
enum class Rounded { kSums, kFactors, kFloat16, kBFloat16 };

// The graph with numbers that `dtype` has in its leaves. None where it names types.
std::optional<RandomGraph> WithNumbersOf(RandomGraph graph, DType dtype) {
  constexpr float kMost = 6e4f;  // of float16
  for (RandomGraph::Node& node : graph.nodes) {
    if (node.op == "array.Cast") return std::nullopt;
    if (!node.is_leaf() || node.values[0].dtype() != DType::kFloat32) continue;
    node.values[0] = node.values[0].Clone();
    for (float& value : node.values[0].mutable_data<float>()) {
      value = std::min(std::max(value, -kMost / 2), kMost / 2);  // of masks
    }
    node.values[0] = node.values[0].Cast(dtype).Cast(DType::kFloat32);
  }
  if (!graph.Evaluate().ok()) return std::nullopt;
  for (const RandomGraph::Node& node : graph.nodes) {
    for (const Tensor& value : node.values) {
      if (Greatest(value) > kMost) return std::nullopt;
    }
  }
  return graph;
}

// Whether every op takes `dtype` where it is given float32.
bool TakesNumbersOf(const RandomGraph& graph, DType dtype) {
  return absl::c_all_of(graph.nodes, [&](const RandomGraph::Node& node) {
    if (node.is_leaf()) return true;
    const OpDef& op = *OpRegistry::Default().Find(node.op);
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const RandomGraph::Ref input = node.inputs[i];
      if (input.node < 0 || graph.value(input).dtype() != DType::kFloat32) continue;
      const std::string& type = op.inputs[std::min(i, op.inputs.size() - 1)].type;
      const auto takes = [&](const auto& var) {
        return var.first == type && var.second.Contains(dtype);
      };
      if (!absl::c_any_of(op.type_vars, takes)) return false;
    }
    return true;
  });
}

// What was looked at, so that ways in which nothing is wrong are not those in which nothing is
// compared.
struct Tally {
  int outputs = 0;
  int left_open = 0;                    // of these: those that may be off by all that they are
  int of_float16 = 0, of_bfloat16 = 0;  // models that were run
};

// One graph in all ways to run it. Each way yields what is wrong with it, "" for nothing.
class Check {
 public:
  explicit Check(const RandomGraph& graph)
      : graph_(graph),
        inputs_(InputsOf(graph)),
        exact_(OutputsOf(graph)),
        model_(BuildRandomModel(graph)) {}

  struct Way {
    std::string name;
    std::string (Check::*run)();
  };
  static std::vector<Way> Ways() {
    return {{"exact", &Check::Exact},
            {"one thread, twice", &Check::OneThread},
            {"several threads", &Check::SeveralThreads},
            {"saved and loaded", &Check::Loaded},
            {"batches of any size", &Check::Batches},
            {"outputs one by one", &Check::OutputsAlone},
            {"keeping NaN", &Check::Nan},
            {"products in bfloat16", &Check::BFloat16},
            {"a model of float16", &Check::ModelOfFloat16},
            {"a model of bfloat16", &Check::ModelOfBFloat16}};
  }

  // Of all ways that were asked so far.
  const Tally& tally() const { return tally_; }

 private:
  std::string Exact() {
    const auto found = RunModel(model_, inputs_, {.exact = true});
    if (!found.ok()) return found.status().ToString();
    for (size_t i = 0; i < exact_.size(); ++i) {
      if (!((*found)[i] == exact_[i])) {
        return absl::StrCat("output ", i, ": not what its nodes yield one by one; off by ",
                            Distance((*found)[i], exact_[i]));
      }
    }
    return "";
  }

  std::string OneThread() {
    if (!model_.ok()) return model_.status().ToString();
    const auto session = Session::Create(*model_, {.threads = 1});
    if (!session.ok()) return session.status().ToString();
    const Tensors before = Copies(inputs_);
    const auto first = (*session)->Run(inputs_);
    if (!first.ok()) return first.status().ToString();
    const std::string wrong = Compare(*first, exact_, Rounded::kSums);
    if (!wrong.empty()) return wrong;
    const Tensors kept = Copies(*first);
    const auto second = (*session)->Run(inputs_);
    if (!second.ok()) return second.status().ToString();
    if (!Same(*second, kept)) {
      return absl::StrCat("the second run yields something else than the first: ",
                          Differences(*second, kept));
    }
    if (!Same(*first, kept)) return "the second run changed what the first one yielded";
    if (!Same(inputs_, before)) return "a run changed its inputs";
    const auto bound = (*session)->Bind(inputs_);
    if (!bound.ok()) return bound.status().ToString();
    for (int run = 0; run < 2; ++run) {
      if (const absl::Status status = (*bound)->Run(); !status.ok()) return status.ToString();
      if (!Same((*bound)->results(), kept)) return "a bound run yields something else";
    }
    return Same(inputs_, before) ? "" : "a bound run changed its inputs";
  }

  std::string SeveralThreads() {
    const auto model = BuildRandomModel(graph_, {.with_ballast = true});
    Tensors inputs = inputs_;
    inputs.push_back(Ballast());
    for (const int threads : {2, 3, 7}) {
      auto found = RunModel(model, inputs, {.threads = threads});
      if (!found.ok()) return found.status().ToString();
      found->pop_back();
      const std::string wrong = Compare(*found, exact_, Rounded::kSums);
      if (!wrong.empty()) return absl::StrCat(threads, " threads: ", wrong);
    }
    return "";
  }

  std::string Loaded() {
    if (!model_.ok()) return model_.status().ToString();
    const auto bytes = SaveToString(*model_);
    if (!bytes.ok()) return bytes.status().ToString();
    const auto found = RunModel(LoadFromBytes(*bytes, nullptr), inputs_, {.threads = 1});
    if (!found.ok()) return found.status().ToString();
    return Compare(*found, exact_, Rounded::kSums);
  }

  // One session for all sizes of the batch: all rows, each row alone, all rows again.
  std::string Batches() {
    const auto model = BuildRandomModel(graph_, {.symbolic_batch = true});
    if (!model.ok()) return model.status().ToString();
    const auto session = Session::Create(*model, {.threads = 1});
    if (!session.ok()) return session.status().ToString();
    const auto all = (*session)->Run(inputs_);
    if (!all.ok()) return all.status().ToString();
    std::string wrong = Compare(*all, exact_, Rounded::kSums);
    if (!wrong.empty()) return wrong;
    const std::vector<int> nodes = graph_.Inputs();
    int64_t rows = 0;
    for (size_t i = 0; i < nodes.size(); ++i) {
      if (graph_.nodes[nodes[i]].batched) rows = inputs_[i].shape()[0];
    }
    for (int64_t row = 0; rows > 1 && row < rows; ++row) {
      Tensors alone, expected;
      for (size_t i = 0; i < nodes.size(); ++i) {
        const bool batched = graph_.nodes[nodes[i]].batched;
        alone.push_back(batched ? inputs_[i].Rows(row, row + 1) : inputs_[i]);
      }
      for (size_t i = 0; i < exact_.size(); ++i) {
        const bool batched = graph_.nodes[graph_.outputs[i].node].batched;
        expected.push_back(batched ? exact_[i].Rows(row, row + 1) : exact_[i]);
      }
      const auto found = (*session)->Run(alone);
      if (!found.ok()) return absl::StrCat("row ", row, ": ", found.status().ToString());
      wrong = Compare(*found, expected, Rounded::kSums);
      if (!wrong.empty()) return absl::StrCat("row ", row, ": ", wrong);
    }
    const auto again = (*session)->Run(inputs_);
    if (!again.ok()) return again.status().ToString();
    return Same(*again, *all) ? "" : "all rows yield something else after single ones";
  }

  std::string OutputsAlone() {
    if (!model_.ok()) return model_.status().ToString();
    if (exact_.size() < 2) return "";
    const auto session = Session::Create(*model_, {.threads = 1});
    if (!session.ok()) return session.status().ToString();
    for (size_t i = 0; i < exact_.size(); ++i) {
      const std::string& name = model_->graph.values[model_->graph.outputs[i]].name;
      const auto found = (*session)->Run(inputs_, {.outputs = {name}});
      if (!found.ok()) return absl::StrCat(name, ": ", found.status().ToString());
      if (found->size() != 1) return "not one output";
      const std::string wrong = CompareOne(i, (*found)[0], exact_[i], Rounded::kSums);
      if (!wrong.empty()) return wrong;
    }
    return "";
  }

  // A NaN in the inputs is where exact mode has it.
  std::string Nan() {
    RandomGraph special = graph_;
    for (const int n : special.Inputs()) {
      Tensor& input = special.nodes[n].values[0];
      if (input.dtype() != DType::kFloat32) continue;
      input = input.Clone();
      input.mutable_data<float>()[input.num_elements() / 2] =
          std::numeric_limits<float>::quiet_NaN();
    }
    const auto expected = RunModel(model_, InputsOf(special), {.exact = true});
    const auto found = RunModel(model_, InputsOf(special), {.threads = 1});
    if (!expected.ok()) return expected.status().ToString();
    if (!found.ok()) return found.status().ToString();
    const bool other_sums = absl::c_any_of(graph_.nodes, [](const RandomGraph::Node& node) {
      return absl::c_linear_search(kOtherSums, node.op);
    });
    for (size_t i = 0; i < expected->size(); ++i) {
      if (!kFloats.Contains((*expected)[i].dtype())) continue;
      for (int64_t k = 0; k < (*expected)[i].num_elements(); ++k) {
        const bool was = std::isnan((*expected)[i].AsDouble(k));
        const bool is = std::isnan((*found)[i].AsDouble(k));
        if (was == is || (is && other_sums)) continue;
        return absl::StrCat("output ", i, ", element ", k, ": a NaN is ", was ? "lost" : "found");
      }
    }
    return "";
  }

  std::string BFloat16() {
    const auto found = RunModel(model_, inputs_, {.precision = Precision::kBFloat16, .threads = 1});
    if (!found.ok()) return found.status().ToString();
    return Compare(*found, exact_, Rounded::kFactors);
  }

  std::string ModelOfFloat16() { return ModelOf(DType::kFloat16, Rounded::kFloat16); }
  std::string ModelOfBFloat16() { return ModelOf(DType::kBFloat16, Rounded::kBFloat16); }

  // As near to the graph in float32 as numbers of 16 bits between its nodes are.
  std::string ModelOf(DType dtype, Rounded rounded) {
    const std::optional<RandomGraph> graph = WithNumbersOf(graph_, dtype);
    if (!graph || !TakesNumbersOf(*graph, dtype)) return "";
    const auto model = BuildRandomModel(*graph, {.floats = dtype});
    if (!model.ok()) return model.status().ToString();
    ++(dtype == DType::kFloat16 ? tally_.of_float16 : tally_.of_bfloat16);
    Check in_float32(*graph);
    Tensors inputs = in_float32.inputs_;
    for (Tensor& input : inputs) {
      if (input.dtype() == DType::kFloat32) input = input.Cast(dtype);
    }
    for (const bool exact : {true, false}) {
      auto found = RunModel(model, inputs, {.exact = exact, .threads = 1});
      if (!found.ok()) return found.status().ToString();
      for (Tensor& tensor : *found) {
        if (tensor.dtype() == dtype) tensor = tensor.Cast(DType::kFloat32);
      }
      const std::string wrong = in_float32.Compare(*found, in_float32.exact_, rounded);
      if (!wrong.empty()) return absl::StrCat(exact ? "exact: " : "fast: ", wrong);
    }
    tally_.outputs += in_float32.tally_.outputs;
    tally_.left_open += in_float32.tally_.left_open;
    return "";
  }

  static Tensors Copies(const Tensors& tensors) {
    Tensors copies;
    for (const Tensor& tensor : tensors) copies.push_back(tensor.Clone());
    return copies;
  }

  static bool Same(absl::Span<const Tensor> a, absl::Span<const Tensor> b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
  }

  static std::string Differences(absl::Span<const Tensor> a, absl::Span<const Tensor> b) {
    std::string text;
    for (size_t i = 0; i < a.size(); ++i) {
      if (a[i] == b[i]) continue;
      absl::StrAppend(&text, text.empty() ? "" : ", ", "output ", i, " by ", Distance(a[i], b[i]));
    }
    return text;
  }

  std::string Compare(const Tensors& found, const Tensors& expected, Rounded rounded) {
    if (found.size() != expected.size()) return "another number of outputs";
    for (size_t i = 0; i < found.size(); ++i) {
      std::string wrong = CompareOne(i, found[i], expected[i], rounded);
      if (!wrong.empty()) return wrong;
    }
    return "";
  }

  std::string CompareOne(size_t i, const Tensor& found, const Tensor& expected, Rounded rounded) {
    if (found.type() != expected.type()) {
      return absl::StrCat("output ", i, ": expected ", expected.type().ToString(), ", found ",
                          found.type().ToString());
    }
    ++tally_.outputs;
    const double distance = Distance(found, expected);
    const double rounding = rounded == Rounded::kFloat16    ? kFloat16Rounding
                            : rounded == Rounded::kBFloat16 ? kBFloat16Rounding
                                                            : kRounding;
    const double least = rounding * std::max(Greatest(exact_[i]), kLeastMagnitude);
    double most = least;
    if (distance <= most) return "";
    for (int samples = 1; samples <= kSamples; ++samples) {
      most = least + kTimesSamples * Spread(i, rounded, samples);
      if (distance <= most) return "";
      // Where it may be off by all that it is there is nothing to compare.
      if (most >= std::max(Greatest(exact_[i]), kLeastMagnitude)) {
        ++tally_.left_open;
        return "";
      }
    }
    return absl::StrCat("output ", i, ": off by ", distance, ", expected at most ", most,
                        ", where the greatest magnitude is ", Greatest(exact_[i]));
  }

  // How far output `i` of so many disturbed graphs is from the exact one at most: infinitely where
  // one of them has no number there, as the root of what is hardly above 0.
  double Spread(size_t i, Rounded rounded, int samples) {
    Samples& known = samples_[rounded];
    known.spread.resize(exact_.size(), 0);
    for (; known.count < samples; ++known.count) {
      const Disturbance disturbance{
          .seed = static_cast<uint64_t>(known.count) + 1,
          .of_results = kRounding / 2,
          .of_inputs = rounded == Rounded::kFloat16    ? kFloat16Rounding
                       : rounded == Rounded::kBFloat16 ? kBFloat16Rounding
                                                       : kInputRounding,
          .of_factors = rounded == Rounded::kFactors ? kBFloat16Rounding : 0};
      const auto disturbed = RunModel(BuildRandomModel(graph_, {.disturbance = disturbance}),
                                      inputs_, {.exact = true});
      if (!disturbed.ok()) {
        ADD_FAILURE() << disturbed.status();
        return 0;
      }
      for (size_t k = 0; k < exact_.size(); ++k) {
        known.spread[k] = std::max(known.spread[k], Distance((*disturbed)[k], exact_[k]));
      }
    }
    return known.spread[i];
  }

  struct Samples {
    int count = 0;
    std::vector<double> spread;  // by output
  };

  const RandomGraph& graph_;
  const Tensors inputs_, exact_;
  const absl::StatusOr<Model> model_;
  std::map<Rounded, Samples> samples_;
  Tally tally_;
};

// What the program of a graph is, for the one who looks for the fault.
std::string Listing(const RandomGraph& graph) {
  const auto model = BuildRandomModel(graph);
  if (!model.ok()) return model.status().ToString();
  const auto session = Session::Create(*model, {.threads = 1});
  if (!session.ok()) return session.status().ToString();
  NamedTensors inputs;
  const Tensors values = InputsOf(graph);
  for (size_t i = 0; i < values.size(); ++i) {
    inputs[model->graph.values[model->graph.inputs[i]].name] = values[i];
  }
  const auto program = (*session)->ProgramFor(inputs);
  return program.ok() ? (*program)->ToString() : program.status().ToString();
}

TEST(RandomGraphs, YieldTheSameInEveryWay) {
  const Range seeds = Seeds();
  Tally all;
  for (uint64_t seed = seeds.begin; seed < seeds.end; ++seed) {
    const RandomGraph graph = WriteRandomGraph(seed);
    // What ends the process is not shrunk.
    if (seeds.end - seeds.begin == 1) std::cout << graph.ToString() << Listing(graph) << std::flush;
    Check check(graph);
    for (const Check::Way& way : Check::Ways()) {
      const std::string wrong = (check.*way.run)();
      if (wrong.empty()) continue;
      const RandomGraph small = Shrink(graph, [&](const RandomGraph& candidate) {
        Check smaller(candidate);
        return !(smaller.*way.run)().empty();
      });
      Check smaller(small);
      ADD_FAILURE() << "seed " << seed << ", " << way.name << ": " << wrong
                    << "\nWhat is left of it: " << (smaller.*way.run)() << "\n"
                    << small.ToString() << "Its program:\n"
                    << Listing(small);
      break;
    }
    all.outputs += check.tally().outputs;
    all.left_open += check.tally().left_open;
    all.of_float16 += check.tally().of_float16;
    all.of_bfloat16 += check.tally().of_bfloat16;
  }
  // A few graphs alone may be of any kind.
  const int graphs = static_cast<int>(seeds.end - seeds.begin);
  if (graphs < 100) return;
  EXPECT_GE(all.outputs, 50 * graphs);
  EXPECT_LE(all.left_open, all.outputs / 100);
  EXPECT_GE(all.of_float16, graphs / 2);
  EXPECT_GE(all.of_bfloat16, graphs / 2);
}

}  // namespace
}  // namespace nomograph
