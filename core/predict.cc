#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>

#include "nomograph/core/escape.h"
#include "nomograph/core/model.h"
#include "nomograph/core/session.h"

namespace nomograph {
namespace {

// A bar on standard error, drawn only when that is a terminal and the work takes several batches.
class Progress {
 public:
  Progress(bool show, int64_t total)
      : show_(show && total > 1 && isatty(STDERR_FILENO) != 0), total_(total) {}
  ~Progress() {
    if (show_) std::fputc('\n', stderr);
  }
  void Update(int64_t done) const {
    if (!show_) return;
    constexpr int kWidth = 30;
    const int filled = static_cast<int>(kWidth * done / total_);
    std::fprintf(stderr, "\r%lld/%lld [", static_cast<long long>(done),
                 static_cast<long long>(total_));
    for (int i = 0; i < kWidth; ++i) std::fputc(i < filled ? '=' : '.', stderr);
    std::fputc(']', stderr);
  }

 private:
  const bool show_;
  const int64_t total_;
};

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

}  // namespace

absl::StatusOr<NamedTensors> Model::Predict(const NamedTensors& inputs,
                                            const PredictOptions& options) const {
  if (options.batch_size < 1)
    return InvalidArgument("batch_size: expected at least 1, found ", options.batch_size);
  NOMO_ASSIGN_OR_RETURN(const std::unique_ptr<Session> session,
                        Session::Create(std::shared_ptr<const Model>(this, [](const Model*) {})));
  NOMO_ASSIGN_OR_RETURN(const int64_t rows, CountRows(inputs));
  const int64_t fixed = FixedBatch(*this);
  const int64_t batch = fixed > 0 ? fixed : options.batch_size;
  if (rows <= batch) return session->Run(inputs);

  const Progress progress(options.show_progress, (rows + batch - 1) / batch);
  std::map<std::string, std::vector<Tensor>> parts;
  for (int64_t begin = 0; begin < rows; begin += batch) {
    const int64_t end = std::min(begin + batch, rows);
    NamedTensors slice;
    for (const auto& [name, tensor] : inputs) slice[name] = tensor.Rows(begin, end);
    NOMO_ASSIGN_OR_RETURN(NamedTensors outputs, session->Run(slice));
    for (auto& [name, tensor] : outputs) {
      if (tensor.shape().rank() == 0 || tensor.shape()[0] != end - begin) {
        return InvalidArgument("output ", Quoted(name), " (", tensor.type().ToString(),
                               ") has no batch axis, so the ", rows,
                               " rows cannot be split; raise batch_size");
      }
      parts[name].push_back(std::move(tensor));
    }
    progress.Update(end / batch + (end % batch != 0 ? 1 : 0));
  }
  NamedTensors result;
  for (const auto& [name, tensors] : parts) {
    NOMO_ASSIGN_OR_RETURN(result[name], ConcatRows(tensors));
  }
  return result;
}

absl::StatusOr<Tensor> Model::Predict(const Tensor& input, const PredictOptions& options) const {
  if (graph.inputs.size() != 1 || graph.outputs.size() != 1) {
    return InvalidArgument("the model has ", graph.inputs.size(), " inputs and ",
                           graph.outputs.size(), " outputs; name them");
  }
  NOMO_ASSIGN_OR_RETURN(NamedTensors outputs,
                        Predict({{graph.values[graph.inputs[0]].name, input}}, options));
  return std::move(outputs.begin()->second);
}

}  // namespace nomograph
