#include "nomograph/mpi/data_parallel.h"

#include <algorithm>
#include <numeric>

#include "nomograph/core/build/expr.h"
#include "nomograph/core/types/status.h"

namespace nomograph::mpi {
namespace {

int64_t Bytes(const Value& value) {
  return value.shape().ToShape().num_elements() * DTypeSize(value.dtype());
}

// Gradients that travel together, by their numbers.
using Bucket = std::vector<size_t>;

// In the order in which they are written: backward from the loss, so that the last layers' come
// first.
std::vector<Bucket> MakeBuckets(const std::vector<Value>& gradients, int64_t bucket_bytes) {
  std::vector<size_t> order;
  for (size_t i = 0; i < gradients.size(); ++i) {
    if (gradients[i].valid()) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return gradients[a].expr()->id < gradients[b].expr()->id;
  });
  std::vector<Bucket> buckets;
  int64_t bytes = 0;
  for (const size_t i : order) {
    if (buckets.empty() || bytes >= bucket_bytes ||
        gradients[buckets.back()[0]].dtype() != gradients[i].dtype()) {
      buckets.emplace_back();
      bytes = 0;
    }
    buckets.back().push_back(i);
    bytes += Bytes(gradients[i]);
  }
  return buckets;
}

std::vector<Value> Pick(const std::vector<Value>& values, const Bucket& bucket) {
  std::vector<Value> picked;
  for (const size_t i : bucket) picked.push_back(values[i]);
  return picked;
}

}  // namespace

std::vector<Value> MeanOverProcesses(const std::vector<Value>& gradients,
                                     const MeanOptions& options) {
  for (const Value& gradient : gradients) {
    if (!gradient.valid()) continue;
    if (!gradient.status().ok()) return gradients;  // which carry their faults
    if (!gradient.shape().fully_known()) {
      return std::vector<Value>(
          gradients.size(),
          ErrorValue(InvalidArgument("a gradient of shape ", gradient.shape().ToString(),
                                     " cannot be summed over processes: its size is not known")));
    }
  }
  const std::vector<Bucket> buckets = MakeBuckets(gradients, options.bucket_bytes);
  std::vector<Value> started;
  for (const Bucket& bucket : buckets)
    started.push_back(Call("mpi.StartMean", Pick(gradients, bucket)));
  std::vector<Value> means(gradients.size());
  for (size_t b = 0; b < buckets.size(); ++b) {
    // None is waited for before all are on their way.
    std::vector<Value> after = {started[b]};
    after.insert(after.end(), started.begin(), started.end());
    std::vector<Value> inputs = {Call("core.After", std::move(after))};
    const std::vector<Value> like = Pick(gradients, buckets[b]);
    inputs.insert(inputs.end(), like.begin(), like.end());
    CallOptions call;
    call.num_outputs = static_cast<int>(like.size());
    const std::vector<Value> finished = CallMulti("mpi.FinishMean", std::move(inputs), {}, call);
    for (size_t i = 0; i < like.size(); ++i) means[buckets[b][i]] = finished[i];
  }
  return means;
}

}  // namespace nomograph::mpi
