// Copying elements between strided blocks, whatever their dtype. An op that only moves elements
// describes what goes where as views of its inputs and outputs; the plan that results runs without
// further thought.
#ifndef NOMOGRAPH_OPS_ARRAY_STRIDED_COPY_H_
#define NOMOGRAPH_OPS_ARRAY_STRIDED_COPY_H_

#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "nomograph/core/form/copied_ranges.h"
#include "nomograph/core/op/kernel.h"

namespace nomograph {

// A block of elements in one of a node's tensors: where it begins and how far apart its elements
// are along each axis. Everything is counted in elements. A step of 0 repeats an element, a
// negative one runs backwards.
class StridedView {
 public:
  // Where the elements are: in an input or output of the node, or in a constant of the plan.
  enum class Place { kInput, kOutput, kConstant };

  // The whole of a row-major tensor.
  StridedView(Place place, int index, const Shape& shape);
  static StridedView Input(int i, const Shape& shape) { return {Place::kInput, i, shape}; }
  static StridedView Output(int i, const Shape& shape) { return {Place::kOutput, i, shape}; }

  int rank() const { return static_cast<int>(axes_.size()); }
  int64_t size(int axis) const { return axes_[axis].size; }

  // Each of these yields another view of the same tensor. REQUIRES: what is asked for lies within
  // the view. `count` elements of an axis, from `start` on, `step` apart.
  StridedView Slice(int axis, int64_t start, int64_t count, int64_t step = 1) const;
  // Axis i of the result is axis perm[i].
  StridedView Permute(absl::Span<const int> perm) const;
  // One axis as several, outermost first. REQUIRES: the product of `sizes` is the axis' size.
  StridedView SplitAxis(int axis, absl::Span<const int64_t> sizes) const;
  // A new axis, ahead of `axis`, along which the elements repeat.
  StridedView Repeat(int axis, int64_t times) const;
  // NumPy broadcasting.
  StridedView BroadcastTo(absl::Span<const int64_t> sizes) const;

 private:
  friend class CopyPlan;
  struct Axis {
    int64_t size, step;
  };
  Place place_;
  int index_;
  int64_t offset_ = 0;
  absl::InlinedVector<Axis, 8> axes_;
};

// Copies between views, in the order in which they were added.
class CopyPlan {
 public:
  explicit CopyPlan(int64_t element_size) : element_size_(element_size) {}

  // REQUIRES: equal sizes; the two do not overlap.
  void Copy(const StridedView& from, const StridedView& to);
  // A scalar that the plan keeps, to copy from.
  StridedView AddConstant(Tensor scalar);

  // Leaves out what has one place for both ends.
  void Run(const KernelContext& context, int threads = 1) const;
  // All copies, where each is of a range to another that no other writes to; else none.
  std::vector<CopiedRange> Ranges() const;

 private:
  // An axis along which source and target step by so many bytes.
  struct Axis {
    int64_t size, from, to;
  };
  struct Step {
    StridedView::Place from_place, to_place;
    int from_index, to_index;
    int64_t from_offset, to_offset;
    int64_t run_bytes;                  // as many bytes lie together at every position
    absl::InlinedVector<Axis, 8> axes;  // outermost first
  };

  // Where a step reads and writes in this run.
  struct Ends {
    const std::byte* from;
    std::byte* to;
  };

  static int64_t BytesOf(const Step& step);
  static void RunStep(const Step& step, const std::byte* from, std::byte* to);
  static void ShareStep(const Step& step, const Ends& ends, int threads);
  // An axis that all of several steps have in what they write to one output; of size 0 where there
  // is none, or where a step reads what others have written.
  Axis CommonAxis() const;

  int64_t element_size_;
  std::vector<Step> steps_;
  std::vector<Tensor> constants_;
};

}  // namespace nomograph

#endif  // NOMOGRAPH_OPS_ARRAY_STRIDED_COPY_H_
