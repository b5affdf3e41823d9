// Runs a copy of the model that has the values as its outputs.
#include "nomograph/inspect/dump.h"

#include <cstring>
#include <set>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"

namespace nomograph {
namespace {

// The inputs in their order.
absl::StatusOr<std::vector<Tensor>> Ordered(const Graph& graph, const NamedTensors& inputs) {
  std::vector<Tensor> ordered;
  for (const ValueId id : graph.inputs) {
    const auto found = inputs.find(graph.value(id).name);
    if (found == inputs.end()) {
      return InvalidArgument("there is no input ", Quoted(graph.value(id).name));
    }
    ordered.push_back(found->second);
  }
  return ordered;
}

// Keeps copies of outputs of the nodes that are asked for.
class BodyWatcher : public RunningSteps {
 public:
  BodyWatcher(const Model& model, const std::map<std::string, std::vector<ValueId>>& values,
              int64_t max_bytes)
      : RunningSteps(model), bytes_left_(max_bytes) {
    for (const auto& [function, ids] : values) {
      const Graph& graph = model.functions.find(function)->second.graph;
      const absl::flat_hash_set<ValueId> asked(ids.begin(), ids.end());
      for (const Node& node : graph.nodes) {
        for (size_t i = 0; i < node.outputs.size(); ++i) {
          if (asked.contains(node.outputs[i])) {
            wanted_[{function, node.name}].push_back({i, graph.value(node.outputs[i]).name});
          }
        }
      }
      for (const ValueId id : ids) left_.insert({function, graph.value(id).name});
    }
  }

  absl::StatusOr<BodyDump> Take() && {
    NOMO_RETURN_IF_ERROR(status_);
    for (const auto& [function, value] : left_) {
      dump_.not_made.push_back(absl::StrCat("@", function, " ", value));
    }
    return std::move(dump_);
  }

 private:
  struct Output {
    size_t place;
    std::string value;
  };

  void Ran(const Step& step) override {
    if (!status_.ok()) return;
    const std::string function = Function();
    const auto wanted = wanted_.find({function, step.node.name});
    if (wanted == wanted_.end()) return;
    for (const Output& output : wanted->second) {
      if (output.place >= step.outputs.size() || step.outputs[output.place].shape == nullptr) {
        continue;
      }
      const TensorView& view = step.outputs[output.place];
      bytes_left_ -= view.shape->num_elements() * DTypeSize(view.dtype);
      if (bytes_left_ < 0) {
        status_ = absl::ResourceExhaustedError(
            "the values take more memory than is allowed for them; select fewer");
        return;
      }
      left_.erase({function, output.value});
      auto copy = Tensor::Create(view.dtype, *view.shape);
      status_ = copy.status();
      if (!status_.ok()) return;
      if (copy->num_bytes() > 0) {
        std::memcpy(copy->mutable_raw_data(), view.data, static_cast<size_t>(copy->num_bytes()));
      }
      dump_.values.push_back({Path(), output.value, *std::move(copy)});
    }
  }

  absl::flat_hash_map<std::pair<std::string, std::string>, std::vector<Output>> wanted_;
  std::set<std::pair<std::string, std::string>> left_;
  int64_t bytes_left_;
  absl::Status status_;
  BodyDump dump_;
};

}  // namespace

std::string BodyValue::Name() const {
  std::string text;
  for (size_t i = 0; i + 1 < path.size(); ++i) {
    absl::StrAppend(&text, path[i].node);
    if (path[i].op != "core.If") absl::StrAppend(&text, "[", path[i + 1].iteration, "]");
    absl::StrAppend(&text, "/");
  }
  return absl::StrCat(text, name);
}

absl::StatusOr<BodyDump> ComputeBodyValues(
    const Model& model, const std::map<std::string, std::vector<ValueId>>& values,
    const NamedTensors& inputs, DumpOptions options, int64_t max_bytes) {
  options.session.exact = true;
  options.run.outputs.clear();
  NOMO_ASSIGN_OR_RETURN(const auto session, Session::Create(model, options.session));
  BodyWatcher watcher(model, values, max_bytes);
  {
    const StepObserverScope scope(&watcher);
    NOMO_RETURN_IF_ERROR(session->Run(inputs, options.run).status());
  }
  return std::move(watcher).Take();
}

absl::StatusOr<std::vector<Tensor>> ComputeValues(const Model& model,
                                                  absl::Span<const ValueId> values,
                                                  const NamedTensors& inputs,
                                                  const DumpOptions& options) {
  NOMO_ASSIGN_OR_RETURN(std::vector<Tensor> ordered, Ordered(model.graph, inputs));
  absl::flat_hash_map<ValueId, Tensor> known;
  for (const Weight& weight : model.graph.weights) known[weight.value] = weight.tensor;
  for (size_t i = 0; i < ordered.size(); ++i) known[model.graph.inputs[i]] = ordered[i];

  auto copy = std::make_shared<Model>(model);
  copy->golden_vectors.clear();
  copy->graph.outputs.clear();
  absl::flat_hash_set<ValueId> asked;
  for (const ValueId id : values) {
    if (!known.contains(id) && asked.insert(id).second) copy->graph.outputs.push_back(id);
  }
  if (!copy->graph.outputs.empty()) {
    const std::vector<ValueId> computed = copy->graph.outputs;
    NOMO_ASSIGN_OR_RETURN(const auto session, Session::Create(std::move(copy), options.session));
    RunOptions run = options.run;
    run.outputs.clear();
    NOMO_ASSIGN_OR_RETURN(std::vector<Tensor> results, session->Run(ordered, run));
    for (size_t i = 0; i < computed.size(); ++i) known[computed[i]] = std::move(results[i]);
  }
  std::vector<Tensor> tensors;
  for (const ValueId id : values) tensors.push_back(known[id]);
  return tensors;
}

std::vector<ValueId> ComputedValues(const Graph& graph) {
  std::vector<ValueId> values;
  for (const Node& node : graph.nodes) {
    for (const ValueId id : node.outputs) {
      if (id != kNoValue) values.push_back(id);
    }
  }
  return values;
}

}  // namespace nomograph
