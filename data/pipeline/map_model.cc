// Map with a model as the function.
#include <utility>

#include "absl/strings/str_cat.h"
#include "nomograph/core/run/session.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/data/pipeline/map.h"

namespace nomograph {
namespace {

using NodeOr = absl::StatusOr<std::shared_ptr<const DatasetNode>>;

Shape WithBatchOfOne(const Shape& shape) {
  Shape result = {1};
  for (const int64_t size : shape.dims()) result.Append(size);
  return result;
}

// Whether the elements lack the model's batch axis. InvalidArgument where they fit in neither way.
absl::StatusOr<bool> LackBatchAxis(const Graph& graph, const std::vector<TensorType>& types) {
  if (graph.inputs.size() != types.size()) {
    return InvalidArgument("the model has ", graph.inputs.size(), " inputs; the elements have ",
                           types.size(), " components");
  }
  std::optional<bool> lack;
  for (size_t i = 0; i < types.size(); ++i) {
    const ValueInfo& input = graph.value(graph.inputs[i]);
    const int wanted = input.type.shape.rank(), found = types[i].shape.rank();
    const bool open = wanted < 0 || found < 0;
    const bool fits = types[i].dtype == input.type.dtype &&
                      (open || found == wanted || found + 1 == wanted) &&
                      (open || !lack || *lack == (found + 1 == wanted));
    if (!fits) {
      return InvalidArgument("input ", Quoted(input.name), " is ", input.type.ToString(),
                             "; component ", i, " is ", types[i].ToString());
    }
    if (!open) lack = found + 1 == wanted;
  }
  return lack.value_or(false);
}

absl::StatusOr<TensorType> OutputType(const ValueInfo& output, bool lacks_batch_axis) {
  TensorType type = output.type;
  if (!type.shape.has_rank()) return type;
  std::vector<Dim> dims = type.shape.dims();
  if (lacks_batch_axis) {
    if (dims.empty()) {
      return InvalidArgument("output ", Quoted(output.name),
                             " has no batch axis; batch the elements first");
    }
    dims.erase(dims.begin());
  }
  for (Dim& dim : dims) {
    if (!dim.known()) dim = Dim();  // what a symbol stands for may differ from element to element
  }
  type.shape = PartialShape(std::move(dims));
  return type;
}

NodeOr MakeMapModel(const std::shared_ptr<const DatasetNode>& input,
                    std::shared_ptr<const Model> model, const MapModelOptions& options) {
  if (model == nullptr) return InvalidArgument("there is no model");
  if (!model->variables.empty()) {
    return InvalidArgument("the model has state variables (", Quoted(model->variables[0].name),
                           "), so that each result would depend on the elements before it");
  }
  NOMO_ASSIGN_OR_RETURN(const bool lacks_batch_axis, LackBatchAxis(model->graph, input->types()));
  MapOptions map_options;
  map_options.num_parallel = options.num_parallel;
  map_options.on_error = options.on_error;
  for (const ValueId id : model->graph.outputs) {
    NOMO_ASSIGN_OR_RETURN(TensorType type, OutputType(model->graph.value(id), lacks_batch_axis));
    map_options.types.push_back(std::move(type));
  }
  const std::string name = absl::StrCat("Map(model ", SemanticHash(*model).substr(0, 8),
                                        options.training ? ",training" : "", ")");
  SessionOptions session_options;
  // Several elements at a time keep the processors busy, each with one thread.
  if (options.num_parallel > 1) session_options.threads = 1;
  NOMO_ASSIGN_OR_RETURN(std::shared_ptr<Session> session,
                        Session::Create(std::move(model), session_options));
  auto run = [session, lacks_batch_axis, training = options.training](
                 Element element, const MapContext& context) -> absl::StatusOr<Element> {
    if (lacks_batch_axis) {
      for (Tensor& tensor : element) tensor = tensor.Reshaped(WithBatchOfOne(tensor.shape()));
    }
    const RunOptions run_options = {
        .training = training, .seed = context.seed, .step = static_cast<uint64_t>(context.index)};
    NOMO_ASSIGN_OR_RETURN(Element result, session->Run(absl::MakeConstSpan(element), run_options));
    if (!lacks_batch_axis) return result;
    for (Tensor& tensor : result) {
      if (tensor.shape().rank() == 0 || tensor.shape()[0] != 1) {
        return InvalidArgument("expected a batch of one, found ", tensor.type().ToString());
      }
      tensor = tensor.Reshaped(Shape(tensor.shape().dims().subspan(1)));
    }
    return result;
  };
  return MakeMap(name, input, std::move(run), std::move(map_options));
}

}  // namespace

Dataset Dataset::Map(std::shared_ptr<const Model> model, MapModelOptions options) const {
  if (node_ == nullptr) return *this;
  NodeOr node = MakeMapModel(node_, std::move(model), options);
  if (!node.ok()) return Dataset(NodeOr(Annotate(node.status(), "Map")));
  return Dataset(std::move(node));
}

Dataset Dataset::Map(Model model, MapModelOptions options) const {
  return Map(std::make_shared<const Model>(std::move(model)), options);
}

}  // namespace nomograph
