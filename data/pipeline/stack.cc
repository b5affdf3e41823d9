#include "nomograph/data/pipeline/stack.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "nomograph/core/types/memory.h"
#include "nomograph/core/types/status.h"

namespace nomograph {
namespace {

Shape WithRows(int64_t rows, const Shape& row) {
  Shape shape = {rows};
  for (const int64_t size : row.dims()) shape.Append(size);
  return shape;
}

absl::Status CheckComponents(absl::Span<const Element> elements) {
  const Element& first = elements[0];
  for (size_t i = 1; i < elements.size(); ++i) {
    if (elements[i].size() != first.size()) {
      return InvalidArgument("element ", i, " has ", elements[i].size(), " components; expected ",
                             first.size(), " as element 0 has");
    }
    for (size_t c = 0; c < first.size(); ++c) {
      if (elements[i][c].dtype() == first[c].dtype()) continue;
      return InvalidArgument("element ", i, ", component ", c, " is ",
                             elements[i][c].type().ToString(), "; expected ",
                             DTypeName(first[c].dtype()), " as of element 0");
    }
  }
  return absl::OkStatus();
}

// Copies `source` into the corner of an array of `shape` that begins at `target`.
void CopyToCorner(const Tensor& source, const Shape& shape, std::byte* target) {
  if (source.num_elements() == 0) return;
  const int rank = shape.rank();
  const int64_t item = DTypeSize(source.dtype());
  const int64_t run = (rank == 0 ? 1 : source.shape()[rank - 1]) * item;
  const auto strides = shape.Strides();
  std::vector<int64_t> index(static_cast<size_t>(std::max(rank - 1, 0)));
  const std::byte* from = source.raw_data();
  while (true) {
    int64_t offset = 0;
    for (size_t axis = 0; axis < index.size(); ++axis) offset += index[axis] * strides[axis];
    std::memcpy(target + offset * item, from, static_cast<size_t>(run));
    from += run;
    int axis = rank - 2;
    while (axis >= 0 && ++index[static_cast<size_t>(axis)] == source.shape()[axis]) {
      index[static_cast<size_t>(axis--)] = 0;
    }
    if (axis < 0) return;
  }
}

// The shape that all elements' component `c` fit into.
absl::StatusOr<Shape> PaddedShape(absl::Span<const Element> elements, size_t c,
                                  const PartialShape& wanted) {
  const int rank = wanted.has_rank() ? wanted.rank() : elements[0][c].shape().rank();
  Shape shape;
  for (int axis = 0; axis < rank; ++axis) {
    shape.Append(wanted.has_rank() && wanted[axis].known() ? wanted[axis].size() : 0);
  }
  for (size_t i = 0; i < elements.size(); ++i) {
    const Shape& found = elements[i][c].shape();
    bool fits = found.rank() == rank;
    for (int axis = 0; fits && axis < rank; ++axis) {
      const bool fixed = wanted.has_rank() && wanted[axis].known();
      fits = !fixed || found[axis] <= shape[axis];
      shape[axis] = std::max(shape[axis], found[axis]);
    }
    if (fits) continue;
    return InvalidArgument(
        "element ", i, ", component ", c, " has the shape ", found.ToString(),
        ", which cannot be padded to ",
        wanted.has_rank() ? wanted.ToString() : PartialShape::OfRank(rank).ToString());
  }
  return shape;
}

}  // namespace

absl::StatusOr<Element> Stack(absl::Span<const Element> elements) {
  NOMO_RETURN_IF_ERROR(CheckComponents(elements));
  const Element& first = elements[0];
  Element batch;
  for (size_t c = 0; c < first.size(); ++c) {
    NOMO_ASSIGN_OR_RETURN(
        Tensor stacked,
        Tensor::Create(first[c].dtype(),
                       WithRows(static_cast<int64_t>(elements.size()), first[c].shape())));
    const auto bytes = static_cast<size_t>(first[c].num_bytes());
    std::byte* target = stacked.mutable_raw_data();
    for (size_t i = 0; i < elements.size(); ++i) {
      if (!(elements[i][c].shape() == first[c].shape())) {
        return InvalidArgument("element ", i, ", component ", c, " has the shape ",
                               elements[i][c].shape().ToString(), "; expected ",
                               first[c].shape().ToString(),
                               " as of element 0 (PaddedBatch() takes different ones)");
      }
      if (bytes > 0) std::memcpy(target + i * bytes, elements[i][c].raw_data(), bytes);
    }
    batch.push_back(std::move(stacked));
  }
  return batch;
}

absl::StatusOr<Element> StackPadded(absl::Span<const Element> elements,
                                    absl::Span<const PartialShape> shapes,
                                    absl::Span<const double> values) {
  NOMO_RETURN_IF_ERROR(CheckComponents(elements));
  Element batch;
  for (size_t c = 0; c < elements[0].size(); ++c) {
    NOMO_ASSIGN_OR_RETURN(const Shape row, PaddedShape(elements, c, shapes[c]));
    const Shape shape = WithRows(static_cast<int64_t>(elements.size()), row);
    const DType dtype = elements[0][c].dtype();
    absl::StatusOr<Tensor> padded =
        values[c] == 0 ? Tensor::Create(dtype, shape) : TryFull(dtype, shape, values[c]);
    if (!padded.ok()) return padded.status();
    const int64_t bytes = row.num_elements() * DTypeSize(dtype);
    for (size_t i = 0; i < elements.size(); ++i) {
      CopyToCorner(elements[i][c], row,
                   padded->mutable_raw_data() + static_cast<int64_t>(i) * bytes);
    }
    batch.push_back(*std::move(padded));
  }
  return batch;
}

}  // namespace nomograph
