#include "nomograph/ops/nn/norm/channel_affine.h"

#include <cmath>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/onednn/elementwise_loop.h"
#include "nomograph/core/vector/elementwise_run.h"
#include "nomograph/core/vector/vector_target.h"

namespace nomograph::nn {
namespace {

// The steps behind the map; none where something fused is no step, or has an operand.
std::optional<std::vector<VectorStep>> StepsOf(const PrepareContext& context) {
  std::vector<VectorStep> steps;
  for (const PostOp& op : context.post_ops) {
    const std::optional<VectorStep> step = onednn::StepOf(op);
    if (!step || step->has_operand()) return std::nullopt;
    steps.push_back(*step);
  }
  return steps;
}

class ChannelAffineKernel : public Kernel {
 public:
  ChannelAffineKernel(const ChannelAffine& affine, std::vector<VectorStep> steps, int64_t rows,
                      int64_t columns, int threads)
      : steps_(std::move(steps)), rows_(rows), columns_(columns), threads_(threads) {
    for (size_t c = 0; c < affine.factors.size(); ++c) {
      maps_.push_back({.kind = VectorStep::Kind::kLinear,
                       .a = static_cast<float>(affine.factors[c]),
                       .b = static_cast<float>(affine.offsets[c])});
    }
  }

  absl::Status Run(KernelContext& context) const override {
    const float* const x = context.input<float>(0).data();
    float* const y = context.output<float>(0).data();
    const auto part = [&](int t, int parts) {
      absl::InlinedVector<VectorStep, 4> steps = {VectorStep{}};
      steps.insert(steps.end(), steps_.begin(), steps_.end());
      for (int64_t r = rows_ * t / parts; r < rows_ * (t + 1) / parts; ++r) {
        steps[0] = maps_[r % maps_.size()];
        RunElementwise({.input = x + r * columns_,
                        .output = y + r * columns_,
                        .columns = columns_,
                        .steps = steps.data(),
                        .num_steps = static_cast<int64_t>(steps.size())},
                       0, 1);
      }
    };
    ParallelParts(threads_, part);
    return absl::OkStatus();
  }

  bool ReadsInput(int index) const override { return index == 0; }
  std::string Describe() const override {
    return absl::StrCat("affine rows ", VectorTargetName(BestVectorTarget()));
  }

 private:
  std::vector<VectorStep> maps_;  // by channel
  const std::vector<VectorStep> steps_;
  const int64_t rows_, columns_;  // rows are [outer, channels]
  const int threads_;
};

struct Rows {
  ChannelAffine affine;
  int64_t rows, columns;
};

std::optional<Rows> Describe(const ChannelAffineOf& affine_of, const PrepareContext& context) {
  const Shape& x = context.inputs[0].shape;
  if (BestVectorTarget() == VectorTarget::kBaseline || context.inputs[0].dtype != DType::kFloat32 ||
      x.num_elements() == 0) {
    return std::nullopt;
  }
  std::optional<ChannelAffine> affine = affine_of(context);
  if (!affine) return std::nullopt;
  Rows result{.affine = *std::move(affine), .rows = 1, .columns = 1};
  for (int i = 0; i < x.rank(); ++i) {
    (i <= result.affine.axis ? result.rows : result.columns) *= x[i];
  }
  // Of short rows each is too little for vectors.
  constexpr int64_t kShortRow = 16;
  const bool fits = static_cast<int64_t>(result.affine.factors.size()) == x[result.affine.axis];
  if (result.columns < kShortRow || !fits) return std::nullopt;
  return result;
}

}  // namespace

ChannelAffine AffineOfStatistics(int axis, const Tensor& scale, const Tensor& offset,
                                 const Tensor& mean, const Tensor& variance, double epsilon) {
  const auto at = [](const Tensor& values, int64_t channel, double otherwise) {
    return values.valid() ? static_cast<double>(values.data<float>()[channel]) : otherwise;
  };
  ChannelAffine affine{.axis = axis, .factors = {}, .offsets = {}};
  for (int64_t c = 0; c < mean.num_elements(); ++c) {
    const double deviation = std::sqrt(at(variance, c, 1) + epsilon);
    affine.factors.push_back(at(scale, c, 1) / deviation);
    affine.offsets.push_back(at(offset, c, 0) - at(mean, c, 0) * affine.factors.back());
  }
  return affine;
}

FastKernel FastChannelAffine(ChannelAffineOf affine) {
  return FusingKernel(
      std::bind_front(Describe, std::move(affine)),
      [](const Rows&, const PrepareContext& context) { return StepsOf(context); },
      [](Rows rows, std::vector<VectorStep> steps, const PrepareContext& context) {
        // A team of threads costs some microseconds.
        constexpr int64_t kWorthThreads = 1 << 15;
        const int threads = rows.rows * rows.columns < kWorthThreads ? 1 : context.threads;
        return std::make_unique<ChannelAffineKernel>(rows.affine, std::move(steps), rows.rows,
                                                     rows.columns, threads);
      });
}

}  // namespace nomograph::nn
