#include "nomograph/ops/math/einsum_kernel.h"

#include <algorithm>
#include <tuple>
#include <vector>

#include "nomograph/ops/math/einsum_steps.h"

namespace nomograph::math {
namespace {

using einsum::Axes;
using einsum::Axis;
using einsum::Gather;
using einsum::Place;
using einsum::Product;
using einsum::Step;

// No intermediate result has more elements.
constexpr double kMaxElements = 0x1p31;

// Axes of size 1 are left out, and several of one index in one operand (a diagonal) are one.
struct Operand {
  Place place;
  Axes axes;

  const Axis* Find(int index) const {
    for (const Axis& axis : axes) {
      if (axis.index == index) return &axis;
    }
    return nullptr;
  }
};

int64_t Count(const Axes& axes) {
  int64_t count = 1;
  for (const Axis& axis : axes) count *= axis.size;
  return count;
}

Axes Joined(std::initializer_list<Axes> parts) {
  Axes joined;
  for (const Axes& part : parts) joined.insert(joined.end(), part.begin(), part.end());
  return joined;
}

// Whether the operand lies in memory as a dense array of these axes.
bool IsDense(const Operand& operand, const Axes& axes) {
  if (operand.axes.size() != axes.size()) return false;
  int64_t step = 1;
  for (auto axis = axes.rbegin(); axis != axes.rend(); ++axis) {
    const Axis* own = operand.Find(axis->index);
    if (own == nullptr || own->step != step) return false;
    step *= axis->size;
  }
  return true;
}

bool SameOrder(const Axes& a, const Axes& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Axis& x, const Axis& y) { return x.index == y.index; });
}

// The axes of two operands by what becomes of them.
struct Contraction {
  Axes batch, rows, inner, columns;
  Axes Result() const { return Joined({batch, rows, columns}); }
};

class Planner {
 public:
  Planner(const PrepareContext& context, const EinsumIndices& indices)
      : context_(context), indices_(indices) {
    for (int i = 0; i < static_cast<int>(context.inputs.size()); ++i) {
      operands_.push_back(FromInput(i));
    }
    for (int index = 0; index < indices.output_rank; ++index) {
      if (SizeOf(index) != 1) output_.push_back({index, SizeOf(index), 0});
    }
  }

  absl::StatusOr<std::unique_ptr<Kernel>> Plan() {
    while (operands_.size() > 1) {
      NOMO_ASSIGN_OR_RETURN(const bool fits, ContractPair());
      if (!fits) return nullptr;
    }
    const Place output = {Place::Kind::kOutput};
    if (!steps_.empty() && IsDense(operands_[0], output_)) {
      std::get<Product>(steps_.back()).y = output;  // the last step wrote this operand
    } else {
      AddGather(operands_[0], output_, output);
    }
    return einsum::MakeKernel(std::move(steps_), buffer_bytes_);
  }

 private:
  int64_t SizeOf(int index) const { return indices_.sizes[index].size(); }

  Operand FromInput(int i) const {
    Operand operand{{Place::Kind::kInput, i}, {}};
    const Shape& shape = context_.inputs[i].shape;
    const auto strides = shape.Strides();
    for (int axis = 0; axis < shape.rank(); ++axis) {
      const int index = indices_.operands[i][axis];
      if (shape[axis] == 1) continue;
      auto known = std::find_if(operand.axes.begin(), operand.axes.end(),
                                [&](const Axis& other) { return other.index == index; });
      if (known == operand.axes.end()) {
        operand.axes.push_back({index, shape[axis], strides[axis]});
      } else {
        known->step += strides[axis];
      }
    }
    return operand;
  }

  // Whether anything but operands `a` and `b` has the index.
  bool IsNeeded(int index, size_t a, size_t b) const {
    if (index < indices_.output_rank) return true;
    for (size_t i = 0; i < operands_.size(); ++i) {
      if (i != a && i != b && operands_[i].Find(index) != nullptr) return true;
    }
    return false;
  }

  Contraction Classify(size_t a, size_t b) const {
    Contraction c;
    for (const Axis& axis : operands_[a].axes) {
      const bool shared = operands_[b].Find(axis.index) != nullptr;
      const bool needed = IsNeeded(axis.index, a, b);
      if (needed) (shared ? c.batch : c.rows).push_back(axis);
      if (!needed && shared) c.inner.push_back(axis);
    }
    for (const Axis& axis : operands_[b].axes) {
      const bool shared = operands_[a].Find(axis.index) != nullptr;
      if (!shared && IsNeeded(axis.index, a, b)) c.columns.push_back(axis);
    }
    return c;
  }

  // Contracts the two operands whose product is smallest. False when it is huge.
  absl::StatusOr<bool> ContractPair() {
    size_t a = 0, b = 1;
    double least = 2 * kMaxElements;
    for (size_t i = 0; i < operands_.size(); ++i) {
      for (size_t j = i + 1; j < operands_.size(); ++j) {
        double size = 1;
        for (const Axis& axis : Classify(i, j).Result()) size *= static_cast<double>(axis.size);
        if (size < least) std::tie(least, a, b) = std::tuple(size, i, j);
      }
    }
    if (least > kMaxElements) return false;
    if (operands_.size() == 2 && SameOrder(Classify(b, a).Result(), output_)) std::swap(a, b);
    NOMO_ASSIGN_OR_RETURN(Operand product, Multiply(a, b));
    operands_.erase(operands_.begin() + static_cast<int64_t>(std::max(a, b)));
    operands_.erase(operands_.begin() + static_cast<int64_t>(std::min(a, b)));
    operands_.push_back(std::move(product));
    return true;
  }

  absl::StatusOr<Operand> Multiply(size_t a, size_t b) {
    const Contraction c = Classify(a, b);
    Product product{.batch = Count(c.batch),
                    .rows = Count(c.rows),
                    .inner = Count(c.inner),
                    .columns = Count(c.columns)};
    const Operand left = Arranged(operands_[a], {c.batch, c.rows, c.inner},
                                  {c.batch, c.inner, c.rows}, product.a_transposed);
    const Operand right = Arranged(operands_[b], {c.batch, c.inner, c.columns},
                                   {c.batch, c.columns, c.inner}, product.b_transposed);
    const Operand result = NewBuffer(c.Result());
    product.a = left.place;
    product.b = right.place;
    product.y = result.place;
    NOMO_RETURN_IF_ERROR(product.Prepare(context_));
    steps_.emplace_back(std::move(product));
    return result;
  }

  // The operand, or a copy, with its axes in the order `plain`, or else in the order `transposed`.
  Operand Arranged(const Operand& operand, std::initializer_list<Axes> plain,
                   std::initializer_list<Axes> transposed, bool& is_transposed) {
    is_transposed = !IsDense(operand, Joined(plain)) && IsDense(operand, Joined(transposed));
    if (is_transposed || IsDense(operand, Joined(plain))) return operand;
    const Operand copy = NewBuffer(Joined(plain));
    AddGather(operand, copy.axes, copy.place);
    return copy;
  }

  Operand NewBuffer(Axes axes) {
    const Place place = {Place::Kind::kScratch, buffer_bytes_};
    int64_t step = 1;
    for (auto axis = axes.rbegin(); axis != axes.rend(); ++axis) {
      axis->step = step;
      step *= axis->size;
    }
    buffer_bytes_ += (step * static_cast<int64_t>(sizeof(float)) + 63) / 64 * 64;
    return {place, std::move(axes)};
  }

  // Sums over the axes that `kept` lacks. What it has beside the operand's is broadcast.
  void AddGather(const Operand& from, const Axes& kept, const Place& to) {
    Gather gather{.from = from.place, .to = to};
    for (const Axis& axis : kept) {
      const Axis* own = from.Find(axis.index);
      gather.kept.push_back({axis.index, axis.size, own == nullptr ? 0 : own->step});
    }
    for (const Axis& axis : from.axes) {
      const bool is_kept = std::any_of(kept.begin(), kept.end(),
                                       [&](const Axis& k) { return k.index == axis.index; });
      if (!is_kept) gather.summed.push_back(axis);
    }
    steps_.emplace_back(std::move(gather));
  }

  const PrepareContext& context_;
  const EinsumIndices& indices_;
  std::vector<Operand> operands_;  // those that are still to be contracted
  Axes output_;
  std::vector<Step> steps_;
  int64_t buffer_bytes_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Kernel>> PrepareEinsum(const PrepareContext& context,
                                                      const EinsumIndices& indices) {
  for (const TensorSpec& input : context.inputs) {
    if (input.dtype != DType::kFloat32 || input.shape.num_elements() == 0) return nullptr;
  }
  return Planner(context, indices).Plan();
}

}  // namespace nomograph::math
