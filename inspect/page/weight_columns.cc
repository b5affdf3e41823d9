// The columns of weights and constants: statistics, histograms, previews.
#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/inspect/page/page_columns.h"
#include "nomograph/inspect/tensor_stats.h"

namespace nomograph {
namespace {

constexpr int kBins = 64;
constexpr int64_t kChunk = 4096;
constexpr int kPreviewSide = 64;

// Calls `f(index, value)` for each element, as a double.
template <typename F>
void ForEach(const Tensor& tensor, F f) {
  std::vector<double> chunk(kChunk);
  const int64_t size = DTypeSize(tensor.dtype()), count = tensor.num_elements();
  for (int64_t begin = 0; begin < count; begin += kChunk) {
    const int64_t n = std::min(kChunk, count - begin);
    ConvertElements(tensor.dtype(), tensor.raw_data() + begin * size, DType::kFloat64,
                    reinterpret_cast<std::byte*>(chunk.data()), n);
    for (int64_t i = 0; i < n; ++i) f(begin + i, chunk[i]);
  }
}

// How many of the finite elements lie in each of 64 equal parts of [min, max].
std::vector<int64_t> Histogram(const Tensor& tensor, const TensorStats& stats) {
  std::vector<int64_t> bins(kBins);
  // Halves, because max - min may be more than a double holds.
  const double width = stats.max / 2 - stats.min / 2;
  ForEach(tensor, [&](int64_t, double v) {
    if (!std::isfinite(v)) return;
    const double part = width > 0 ? (v / 2 - stats.min / 2) / width : 0;
    ++bins[std::clamp(static_cast<int>(part * kBins), 0, kBins - 1)];
  });
  return bins;
}

// The tensor as a matrix (the first axis, then all others), whose cells are means of its elements:
// a byte each, 0 for the least and 255 for the greatest element. Rows and columns, then the bytes.
PageJson Preview(const Tensor& tensor, const TensorStats& stats) {
  const int64_t count = tensor.num_elements();
  const int64_t rows = tensor.shape().rank() > 1 ? tensor.shape()[0] : 1, columns = count / rows;
  const int64_t height = std::min<int64_t>(rows, kPreviewSide);
  const int64_t width = std::min<int64_t>(columns, kPreviewSide);
  std::vector<double> sums(height * width);
  std::vector<int64_t> counts(height * width);
  ForEach(tensor, [&](int64_t i, double v) {
    if (!std::isfinite(v)) return;
    const int64_t y = (i / columns) * height / rows, x = (i % columns) * width / columns;
    sums[y * width + x] += v;
    ++counts[y * width + x];
  });
  std::string bytes;
  for (size_t i = 0; i < sums.size(); ++i) {
    const double mean = counts[i] > 0 ? sums[i] / static_cast<double>(counts[i]) : stats.min;
    const double part = stats.max > stats.min ? (mean - stats.min) / (stats.max - stats.min) : 0;
    bytes += static_cast<char>(std::clamp(static_cast<int>(part * 255 + 0.5), 0, 255));
  }
  return {height, width, Base64(bytes)};
}

PageJson Number(double value) {
  if (!std::isfinite(value)) return PageJson();
  // Six digits are what is shown.
  return std::strtod(absl::StrCat(value).c_str(), nullptr);
}

class Weights {
 public:
  explicit Weights(const PageOptions& options, int64_t total) : options_(options), total_(total) {
    for (const char* column : {"graph", "value", "node", "attr", "trainable", "stats", "hist"}) {
      json_[column] = PageJson::array();
    }
  }

  void AddGraph(const Graph& graph, int number) {
    for (const Weight& weight : graph.weights) {
      Add(weight.tensor, number, weight.value, -1, "", weight.trainable);
    }
    for (size_t n = 0; n < graph.nodes.size(); ++n) {
      for (const auto& [name, value] : graph.nodes[n].attrs) {
        const auto* tensor = value.As<Tensor>();
        if (tensor != nullptr) Add(*tensor, number, -1, static_cast<int>(n), name, false);
      }
    }
  }

  PageJson Take() { return std::move(json_); }

 private:
  void Add(const Tensor& tensor, int graph, ValueId value, int node, const std::string& attr,
           bool trainable) {
    json_["graph"].push_back(graph);
    json_["value"].push_back(value);
    json_["node"].push_back(node);
    json_["attr"].push_back(Escape(attr));
    json_["trainable"].push_back(trainable ? 1 : 0);
    json_["type"].push_back(tensor.type().ToString());
    json_["elements"].push_back(tensor.num_elements());
    json_["bytes"].push_back(tensor.num_bytes());
    const bool shown = options_.statistics && tensor.num_elements() > 0;
    const TensorStats stats = shown ? ComputeStats(tensor) : TensorStats();
    json_["stats"].push_back(!shown ? PageJson()
                                    : PageJson{Number(stats.min), Number(stats.max),
                                               Number(stats.mean), Number(stats.stddev),
                                               stats.zeros, stats.nans, stats.infinities});
    // A few numbers are no distribution: they are shown themselves.
    const bool few = tensor.num_elements() <= 8;
    const bool finite = shown && std::isfinite(stats.min);
    json_["hist"].push_back(finite && !few ? PageJson(Histogram(tensor, stats)) : PageJson());
    if (few) json_["few"][absl::StrCat(json_["hist"].size() - 1)] = Escape(tensor.ToString(8));
    if (options_.previews && finite && !few) {
      json_["preview"][absl::StrCat(json_["hist"].size() - 1)] = Preview(tensor, stats);
    }
    done_ += tensor.num_bytes();
    if (options_.progress) options_.progress(done_, total_);
  }

  const PageOptions& options_;
  const int64_t total_;
  int64_t done_ = 0;
  PageJson json_;
};

template <typename F>
void ForEachGraph(const Model& model, F f) {
  int number = 0;
  f(model.graph, number++);
  for (const auto& [name, function] : model.functions) f(function.graph, number++);
}

}  // namespace

PageJson WeightColumns(const ModelFile& file, const PageOptions& options) {
  int64_t total = 0;
  ForEachGraph(file.model, [&](const Graph& graph, int) {
    for (const Weight& weight : graph.weights) total += weight.tensor.num_bytes();
  });
  Weights weights(options, total);
  ForEachGraph(file.model,
               [&](const Graph& graph, int number) { weights.AddGraph(graph, number); });
  return weights.Take();
}

}  // namespace nomograph
