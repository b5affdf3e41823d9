// Session::Predict: any number of rows, in batches of one size.
#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include "nomograph/core/graph/model.h"
#include "nomograph/core/run/session.h"
#include "nomograph/core/types/escape.h"

namespace nomograph {
namespace {

// The common number of rows of the inputs.
absl::StatusOr<int64_t> CountRows(const NamedTensors& inputs) {
  int64_t rows = -1;
  for (const auto& [name, tensor] : inputs) {
    if (!tensor.valid() || tensor.shape().rank() == 0) {
      return InvalidArgument("input ", Quoted(name), " has no batch axis");
    }
    if (rows >= 0 && rows != tensor.shape()[0]) {
      return InvalidArgument("input ", Quoted(name), " has ", tensor.shape()[0],
                             " rows, another input has ", rows);
    }
    rows = tensor.shape()[0];
  }
  return std::max<int64_t>(rows, 0);
}

// The rows that the model takes at once where its inputs fix them, else -1.
int64_t FixedBatch(const Model& model) {
  for (const ValueId id : model.graph.inputs) {
    const PartialShape& shape = model.graph.values[id].type.shape;
    if (shape.has_rank() && shape.rank() > 0 && shape[0].known()) return shape[0].size();
  }
  return -1;
}

// What a session for the model hangs on: what it computes, and what its inputs and outputs are
// called.
std::string KeyOf(const Model& model) {
  std::string key = SemanticHash(model);
  for (const auto* ids : {&model.graph.inputs, &model.graph.outputs}) {
    for (const ValueId id : *ids) {
      const std::string& name = model.graph.value(id).name;
      absl::StrAppend(&key, " ", name.size(), " ", name);
    }
  }
  return key;
}

// The rows, and copies of the last one behind them until there are `count`, which a file may fix.
absl::StatusOr<Tensor> FillUp(const Tensor& rows, int64_t count) {
  Shape shape = rows.shape();
  const int64_t given = std::exchange(shape[0], count);
  NOMO_ASSIGN_OR_RETURN(Tensor filled, Tensor::Create(rows.dtype(), shape));
  const int64_t row_bytes = rows.num_bytes() / given;
  std::byte* const target = filled.mutable_raw_data();
  if (row_bytes == 0) return filled;
  std::memcpy(target, rows.raw_data(), given * row_bytes);
  for (int64_t row = given; row < count; ++row) {
    std::memcpy(target + row * row_bytes, target + (given - 1) * row_bytes, row_bytes);
  }
  return filled;
}

// Rows [begin, end) of all inputs, filled up to `count`.
absl::StatusOr<NamedTensors> TakeRows(const NamedTensors& inputs, int64_t begin, int64_t end,
                                      int64_t count) {
  NamedTensors batch;
  for (const auto& [name, tensor] : inputs) {
    batch[name] = tensor.Rows(begin, end);
    if (end - begin == count) continue;
    NOMO_ASSIGN_OR_RETURN(batch[name], FillUp(batch[name], count));
  }
  return batch;
}

// How many rows a program takes: `rows` where they fit into one and it may have any number.
int64_t BatchRows(const Model& model, const PredictOptions& options, int64_t rows) {
  const int64_t fixed = FixedBatch(model);
  if (fixed > 0) return fixed;
  return std::min(rows, options.batch_size);
}

}  // namespace

absl::StatusOr<NamedTensors> Session::Predict(const NamedTensors& inputs,
                                              const PredictOptions& options) {
  if (options.batch_size < 1)
    return InvalidArgument("batch_size: expected at least 1, found ", options.batch_size);
  NOMO_ASSIGN_OR_RETURN(const int64_t rows, CountRows(inputs));
  const int64_t batch = BatchRows(model(), options, rows);
  if (rows == 0 || rows == batch) return Run(inputs);

  std::map<std::string, std::vector<Tensor>> parts;
  for (int64_t begin = 0; begin < rows; begin += batch) {
    const int64_t end = std::min(begin + batch, rows);
    NOMO_ASSIGN_OR_RETURN(const NamedTensors taken, TakeRows(inputs, begin, end, batch));
    NOMO_ASSIGN_OR_RETURN(const NamedTensors outputs, Run(taken));
    for (const auto& [name, tensor] : outputs) {
      if (tensor.shape().rank() == 0 || tensor.shape()[0] != batch) {
        return InvalidArgument("output ", Quoted(name), " (", tensor.type().ToString(),
                               ") has no batch axis, so the ", rows, " rows cannot be run ", batch,
                               " at a time");
      }
      parts[name].push_back(tensor.Rows(0, end - begin));
    }
    if (options.progress) options.progress(end, rows);
  }
  NamedTensors result;
  for (const auto& [name, tensors] : parts) {
    NOMO_ASSIGN_OR_RETURN(result[name], ConcatRows(tensors));
  }
  return result;
}

absl::StatusOr<Tensor> Session::Predict(const Tensor& input, const PredictOptions& options) {
  const Graph& graph = model().graph;
  if (graph.inputs.size() != 1 || graph.outputs.size() != 1) {
    return InvalidArgument("the model has ", graph.inputs.size(), " inputs and ",
                           graph.outputs.size(), " outputs; name them");
  }
  NOMO_ASSIGN_OR_RETURN(NamedTensors outputs,
                        Predict({{graph.values[graph.inputs[0]].name, input}}, options));
  return std::move(outputs.begin()->second);
}

absl::StatusOr<std::shared_ptr<Session>> Model::SessionForPredict() const {
  if (!variables.empty()) {  // which belong to one call
    return Session::Create(std::shared_ptr<const Model>(this, [](const Model*) {}));
  }
  NOMO_RETURN_IF_ERROR(VerifyModel(*this));  // what can be hashed
  std::string key = KeyOf(*this);
  const std::lock_guard lock(predict_cache.mutex_);
  if (predict_cache.session_ == nullptr || predict_cache.key_ != key) {
    NOMO_ASSIGN_OR_RETURN(predict_cache.session_, Session::Create(Model(*this)));
    predict_cache.key_ = std::move(key);
  }
  return predict_cache.session_;
}

absl::StatusOr<NamedTensors> Model::Predict(const NamedTensors& inputs,
                                            const PredictOptions& options) const {
  NOMO_ASSIGN_OR_RETURN(const std::shared_ptr<Session> session, SessionForPredict());
  return session->Predict(inputs, options);
}

absl::StatusOr<Tensor> Model::Predict(const Tensor& input, const PredictOptions& options) const {
  NOMO_ASSIGN_OR_RETURN(const std::shared_ptr<Session> session, SessionForPredict());
  return session->Predict(input, options);
}

}  // namespace nomograph
