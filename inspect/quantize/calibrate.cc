// Runs a copy of the model that has the values as its outputs, once or twice over all examples.
#include "nomograph/inspect/quantize/calibrate.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/functional/function_ref.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"

namespace nomograph {
namespace {

// The examples that a run takes: what an input fixes, else `wanted`.
int64_t BatchOf(const Graph& graph, int64_t wanted) {
  for (const ValueId id : graph.inputs) {
    const PartialShape& shape = graph.value(id).type.shape;
    if (shape.has_rank() && shape.rank() > 0 && shape[0].known()) return shape[0].size();
  }
  return wanted;
}

// Rows [begin, begin + count); behind the last one the first ones come again.
absl::StatusOr<Tensor> TakeRows(const Tensor& tensor, int64_t begin, int64_t count) {
  const int64_t rows = tensor.shape()[0];
  if (begin + count <= rows) return tensor.Rows(begin, begin + count);
  std::vector<Tensor> parts = {tensor.Rows(begin, rows)};
  for (int64_t left = begin + count - rows; left > 0; left -= rows) {
    parts.push_back(tensor.Rows(0, std::min(left, rows)));
  }
  return ConcatRows(parts);
}

class Calibration {
 public:
  Calibration(const Graph& graph, Session& session, const NamedTensors& samples, int64_t rows,
              int64_t batch, std::function<void(int64_t)> progress)
      : graph_(graph),
        session_(session),
        samples_(samples),
        rows_(rows),
        batch_(batch),
        progress_(std::move(progress)) {}

  // Shows every result of every batch to `show`.
  absl::Status Run(absl::FunctionRef<void(size_t value, absl::Span<const float>)> show) {
    for (int64_t begin = 0; begin < rows_; begin += batch_) {
      std::vector<Tensor> inputs;
      for (const ValueId id : graph_.inputs) {
        NOMO_ASSIGN_OR_RETURN(Tensor taken,
                              TakeRows(samples_.at(graph_.value(id).name), begin, batch_));
        inputs.push_back(std::move(taken));
      }
      NOMO_ASSIGN_OR_RETURN(const std::vector<Tensor> results, session_.Run(inputs));
      for (size_t i = 0; i < results.size(); ++i) show(i, results[i].data<float>());
      done_ += std::min(batch_, rows_ - begin);
      progress_(done_);
    }
    return absl::OkStatus();
  }

 private:
  const Graph& graph_;
  Session& session_;
  const NamedTensors& samples_;
  const int64_t rows_, batch_;
  const std::function<void(int64_t)> progress_;
  int64_t done_ = 0;
};

}  // namespace

absl::StatusOr<int64_t> CountSamples(const NamedTensors& samples) {
  int64_t rows = -1;
  for (const auto& [name, tensor] : samples) {
    if (!tensor.valid() || tensor.shape().rank() == 0) {
      return InvalidArgument("input ", Quoted(name), " has no axis of examples");
    }
    if (rows >= 0 && rows != tensor.shape()[0]) {
      return InvalidArgument("input ", Quoted(name), " has ", tensor.shape()[0],
                             " examples, another input has ", rows);
    }
    rows = tensor.shape()[0];
  }
  if (rows <= 0) return InvalidArgument("there are no examples to calibrate on");
  return rows;
}

absl::StatusOr<std::vector<Range>> CalibrateRanges(const Model& model,
                                                   absl::Span<const ValueId> values,
                                                   const NamedTensors& samples,
                                                   const CalibrationOptions& options) {
  NOMO_ASSIGN_OR_RETURN(const int64_t rows, CountSamples(samples));
  for (const ValueId id : model.graph.inputs) {
    const std::string& name = model.graph.value(id).name;
    if (!samples.contains(name))
      return InvalidArgument("examples of input ", Quoted(name), " are missing");
  }
  std::vector<RangeFinder> finders(values.size());
  if (values.empty()) return std::vector<Range>();
  // Inputs may be among the values; a model yields each value once.
  auto copy = std::make_shared<Model>(model);
  copy->golden_vectors.clear();
  copy->graph.outputs.assign(values.begin(), values.end());
  NOMO_ASSIGN_OR_RETURN(const auto session, Session::Create(std::move(copy), options.session));
  const int64_t passes = options.method == RangeMethod::kMinMax ? 1 : 2;
  Calibration calibration(model.graph, *session, samples, rows,
                          BatchOf(model.graph, std::min(rows, options.batch)), [&](int64_t done) {
                            if (options.progress) options.progress(done, rows * passes);
                          });
  NOMO_RETURN_IF_ERROR(calibration.Run(
      [&](size_t i, absl::Span<const float> numbers) { finders[i].Widen(numbers); }));
  if (options.method != RangeMethod::kMinMax) {
    NOMO_RETURN_IF_ERROR(calibration.Run(
        [&](size_t i, absl::Span<const float> numbers) { finders[i].Count(numbers); }));
  }
  std::vector<Range> ranges;
  for (const RangeFinder& finder : finders) {
    ranges.push_back(finder.Find(options.method, options.percentile));
  }
  return ranges;
}

}  // namespace nomograph
