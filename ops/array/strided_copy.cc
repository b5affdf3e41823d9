#include "nomograph/ops/array/strided_copy.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <tuple>

#include "nomograph/core/numeric/threads.h"
#include "nomograph/ops/array/transposition.h"

namespace nomograph {
namespace {

// Side of the blocks in which two axes are exchanged: a block's lines of both tensors stay in the
// first-level cache.
constexpr int64_t kTile = 16;

constexpr int64_t kWorthThreads = 1 << 18;  // bytes: less takes some microseconds

// One unit of `kBytes` bytes; 0: of `bytes`, known only at run time.
template <int kBytes>
void CopyUnit(const std::byte* from, std::byte* to, int64_t bytes) {
  std::memcpy(to, from, kBytes > 0 ? kBytes : bytes);
}

template <int kBytes, typename Axis>
void CopyLine(const Axis& axis, const std::byte* from, std::byte* to, int64_t bytes) {
  if constexpr (kBytes > 0) {
    if (axis.from == 0 && axis.to == kBytes) {  // a fill, in a form that vectorises
      std::array<std::byte, kBytes> unit;
      std::memcpy(unit.data(), from, kBytes);
      for (int64_t i = 0; i < axis.size; ++i) std::memcpy(to + i * kBytes, unit.data(), kBytes);
      return;
    }
  }
  for (int64_t i = 0; i < axis.size; ++i) {
    CopyUnit<kBytes>(from + i * axis.from, to + i * axis.to, bytes);
  }
}

// Two axes block by block.
template <int kBytes, typename Axis>
void CopyPlane(const Axis& outer, const Axis& inner, const std::byte* from, std::byte* to,
               int64_t bytes) {
  if constexpr (IsTransposable(kBytes)) {
    if (outer.from == kBytes && inner.to == kBytes && inner.from != 0) {
      return Transpose(kBytes, {inner.size, outer.size, inner.from, outer.to}, from, to);
    }
  }
  // Lines that repeat a unit read next to nothing, and are best written whole.
  const int64_t tile = inner.from == 0 ? inner.size : kTile;
  for (int64_t i = 0; i < outer.size; i += kTile) {
    for (int64_t j = 0; j < inner.size; j += tile) {
      const int64_t rows = std::min(kTile, outer.size - i);
      const Axis line{std::min(tile, inner.size - j), inner.from, inner.to};
      for (int64_t r = i; r < i + rows; ++r) {
        CopyLine<kBytes>(line, from + r * outer.from + j * inner.from,
                         to + r * outer.to + j * inner.to, bytes);
      }
    }
  }
}

// All positions of `axes`, outermost first; the innermost two as a plane.
template <int kBytes, typename Axis>
void CopyAll(absl::Span<const Axis> axes, const std::byte* from, std::byte* to, int64_t bytes) {
  if (axes.empty()) return CopyUnit<kBytes>(from, to, bytes);
  if (axes.size() == 1) return CopyLine<kBytes>(axes[0], from, to, bytes);
  const absl::Span<const Axis> outer = axes.first(axes.size() - 2);
  absl::InlinedVector<int64_t, 8> index(outer.size(), 0);
  while (true) {
    CopyPlane<kBytes>(axes[axes.size() - 2], axes.back(), from, to, bytes);
    int a = static_cast<int>(outer.size()) - 1;
    for (; a >= 0 && ++index[a] == outer[a].size; --a) {  // carries, like an odometer
      from -= outer[a].from * (outer[a].size - 1);
      to -= outer[a].to * (outer[a].size - 1);
      index[a] = 0;
    }
    if (a < 0) return;
    from += outer[a].from;
    to += outer[a].to;
  }
}

}  // namespace

StridedView::StridedView(Place place, int index, const Shape& shape)
    : place_(place), index_(index) {
  const auto strides = shape.Strides();
  for (int a = 0; a < shape.rank(); ++a) axes_.push_back({shape[a], strides[a]});
}

StridedView StridedView::Slice(int axis, int64_t start, int64_t count, int64_t step) const {
  StridedView view = *this;
  // An empty slice reads nothing, and a step that is not taken may be any number.
  if (count > 0) view.offset_ += start * axes_[axis].step;
  view.axes_[axis] = {count, count > 1 ? axes_[axis].step * step : 0};
  return view;
}

StridedView StridedView::Permute(absl::Span<const int> perm) const {
  StridedView view = *this;
  for (int a = 0; a < rank(); ++a) view.axes_[a] = axes_[perm[a]];
  return view;
}

StridedView StridedView::SplitAxis(int axis, absl::Span<const int64_t> sizes) const {
  StridedView view = *this;
  view.axes_.erase(view.axes_.begin() + axis);
  int64_t step = axes_[axis].step;
  for (auto size = sizes.rbegin(); size != sizes.rend(); ++size) {
    view.axes_.insert(view.axes_.begin() + axis, Axis{*size, step});
    step *= *size;
  }
  return view;
}

StridedView StridedView::Repeat(int axis, int64_t times) const {
  StridedView view = *this;
  view.axes_.insert(view.axes_.begin() + axis, Axis{times, 0});
  return view;
}

StridedView StridedView::BroadcastTo(absl::Span<const int64_t> sizes) const {
  StridedView view = *this;
  while (view.rank() < static_cast<int>(sizes.size())) view = view.Repeat(0, 1);
  for (int a = 0; a < view.rank(); ++a) {
    if (view.axes_[a].size != sizes[a]) view.axes_[a] = {sizes[a], 0};
  }
  return view;
}

void CopyPlan::Copy(const StridedView& from, const StridedView& to) {
  NOMO_CHECK(from.rank() == to.rank());
  Step step{from.place_,
            to.place_,
            from.index_,
            to.index_,
            from.offset_ * element_size_,
            to.offset_ * element_size_,
            element_size_,
            {}};
  absl::InlinedVector<Axis, 8> axes;
  for (int a = 0; a < from.rank(); ++a) {
    NOMO_CHECK(from.size(a) == to.size(a));
    if (from.size(a) == 0) return;
    if (from.size(a) == 1) continue;
    axes.push_back(
        {from.size(a), from.axes_[a].step * element_size_, to.axes_[a].step * element_size_});
  }
  // What is written is gone through as it lies.
  std::stable_sort(axes.begin(), axes.end(),
                   [](auto& a, auto& b) { return std::abs(a.to) > std::abs(b.to); });
  for (Axis axis : axes) {
    // Neighbours along which both sides run on evenly are one axis.
    if (!step.axes.empty() && step.axes.back().from == axis.from * axis.size &&
        step.axes.back().to == axis.to * axis.size) {
      axis.size *= step.axes.back().size;
      step.axes.pop_back();
    }
    step.axes.push_back(axis);
  }
  if (!step.axes.empty() && step.axes.back().from == element_size_ &&
      step.axes.back().to == element_size_) {
    step.run_bytes *= step.axes.back().size;
    step.axes.pop_back();
  }
  // Reading along the target's inner axis may touch another cache line each time. The axis along
  // which the source is densest then becomes the other one of the plane that is copied in blocks.
  if (step.axes.size() > 2) {
    const auto dense =
        std::min_element(step.axes.begin(), step.axes.end() - 1,
                         [](auto& a, auto& b) { return std::abs(a.from) < std::abs(b.from); });
    if (std::abs(dense->from) < std::abs(step.axes.back().from)) {
      std::rotate(dense, dense + 1, step.axes.end() - 1);
    }
  }
  steps_.push_back(std::move(step));
}

StridedView CopyPlan::AddConstant(Tensor scalar) {
  constants_.push_back(std::move(scalar));
  return {StridedView::Place::kConstant, static_cast<int>(constants_.size()) - 1, Shape{}};
}

void CopyPlan::RunStep(const Step& step, const std::byte* from, std::byte* to) {
  const absl::Span<const Axis> axes = step.axes;
  switch (step.run_bytes) {
    case 1:
      return CopyAll<1>(axes, from, to, 1);
    case 2:
      return CopyAll<2>(axes, from, to, 2);
    case 4:
      return CopyAll<4>(axes, from, to, 4);
    case 8:
      return CopyAll<8>(axes, from, to, 8);
    case 16:
      return CopyAll<16>(axes, from, to, 16);
    default:
      return CopyAll<0>(axes, from, to, step.run_bytes);
  }
}

int64_t CopyPlan::BytesOf(const Step& step) {
  int64_t bytes = step.run_bytes;
  for (const Axis& axis : step.axes) bytes *= axis.size;
  return bytes;
}

void CopyPlan::ShareStep(const Step& step, const Ends& ends, int threads) {
  const auto& [from, to] = ends;
  const int64_t bytes = BytesOf(step);
  if (threads <= 1 || bytes < kWorthThreads) return RunStep(step, from, to);
  if (step.axes.empty()) {
    return ParallelRanges(threads, bytes, [&](int64_t begin, int64_t end) {
      std::memcpy(to + begin, from + begin, end - begin);
    });
  }
  const auto longest = std::max_element(step.axes.begin(), step.axes.end(),
                                        [](auto& a, auto& b) { return a.size < b.size; });
  const int64_t shared = longest - step.axes.begin();
  ParallelRanges(threads, longest->size, [&](int64_t begin, int64_t end) {
    Step part = step;
    part.axes[shared].size = end - begin;
    RunStep(part, from + begin * longest->from, to + begin * longest->to);
  });
}

CopyPlan::Axis CopyPlan::CommonAxis() const {
  const Axis none = {};
  if (steps_.size() < 2) return none;
  const auto along = [](const Step& step, const Axis& axis) {
    return std::find_if(step.axes.begin(), step.axes.end(),
                        [&](const Axis& a) { return a.size == axis.size && a.to == axis.to; });
  };
  for (const Axis& axis : steps_[0].axes) {
    const bool common = std::all_of(steps_.begin(), steps_.end(), [&](const Step& step) {
      return step.from_place != StridedView::Place::kOutput &&
             step.to_index == steps_[0].to_index && along(step, axis) != step.axes.end();
    });
    if (common) return axis;
  }
  return none;
}

void CopyPlan::Run(const KernelContext& context, int threads) const {
  const auto address = [&](StridedView::Place place, int index) -> std::byte* {
    switch (place) {
      case StridedView::Place::kInput:
        return context.input_view(index).data;
      case StridedView::Place::kOutput:
        return context.output_view(index).data;
      case StridedView::Place::kConstant:
        break;
    }
    return const_cast<std::byte*>(constants_[index].raw_data());  // only read from
  };
  const auto ends = [&](const Step& step) -> Ends {
    return {address(step.from_place, step.from_index) + step.from_offset,
            address(step.to_place, step.to_index) + step.to_offset};
  };
  int64_t bytes = 0;
  for (const Step& step : steps_) bytes += BytesOf(step);
  const Axis common = threads > 1 && bytes >= kWorthThreads ? CommonAxis() : Axis{};
  if (common.size >= threads && common.size > 0) {
    // What the steps write lies close together, and each line of it is best left to one thread.
    ParallelRanges(threads, common.size, [&](int64_t begin, int64_t end) {
      for (const Step& step : steps_) {
        Step part = step;
        for (Axis& axis : part.axes) {
          if (axis.size != common.size || axis.to != common.to) continue;
          axis.size = end - begin;
          const auto [from, to] = ends(step);
          if (from != to) RunStep(part, from + begin * axis.from, to + begin * axis.to);
          break;
        }
      }
    });
    return;
  }
  for (const Step& step : steps_) {
    if (ends(step).from != ends(step).to) ShareStep(step, ends(step), threads);
  }
}

std::vector<CopiedRange> CopyPlan::Ranges() const {
  std::vector<CopiedRange> ranges;
  for (const Step& step : steps_) {
    if (step.from_place != StridedView::Place::kInput || !step.axes.empty()) return {};
    ranges.push_back(
        {step.from_index, step.to_index, step.from_offset, step.to_offset, step.run_bytes});
  }
  std::sort(ranges.begin(), ranges.end(), [](const CopiedRange& a, const CopiedRange& b) {
    return std::tie(a.output, a.to) < std::tie(b.output, b.to);
  });
  for (size_t i = 1; i < ranges.size(); ++i) {
    const CopiedRange& before = ranges[i - 1];
    if (before.output == ranges[i].output && before.to + before.bytes > ranges[i].to) return {};
  }
  return ranges;
}

}  // namespace nomograph
