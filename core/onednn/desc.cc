#include "nomograph/core/onednn/desc.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace nomograph::onednn {
namespace {

dnnl::memory::dims Dims(absl::Span<const int64_t> dims) {
  if (dims.empty()) return {1};  // oneDNN has no scalars
  return dnnl::memory::dims(dims.begin(), dims.end());
}

}  // namespace

dnnl::memory::data_type DataTypeOf(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
      return dnnl::memory::data_type::f32;
    case DType::kFloat16:
      return dnnl::memory::data_type::f16;
    case DType::kBFloat16:
      return dnnl::memory::data_type::bf16;
    case DType::kInt32:
      return dnnl::memory::data_type::s32;
    case DType::kInt8:
      return dnnl::memory::data_type::s8;
    case DType::kUInt8:
      return dnnl::memory::data_type::u8;
    default:
      return dnnl::memory::data_type::undef;
  }
}

Desc RowMajor(DType dtype, absl::Span<const int64_t> dims) {
  const Shape shape(dims);
  std::vector<int> axes(dims.size());
  std::iota(axes.begin(), axes.end(), 0);
  return Permuted(dtype, shape, axes);
}

Desc Permuted(DType dtype, const Shape& shape, absl::Span<const int> axes) {
  const auto strides = shape.Strides();
  Shape dims, steps;
  for (int axis : axes) {
    dims.Append(shape[axis]);
    steps.Append(strides[axis]);
  }
  return Desc(Dims(dims.dims()), DataTypeOf(dtype), Dims(steps.dims()));
}

Desc AnyFormat(DType dtype, absl::Span<const int64_t> dims) {
  return Desc(Dims(dims), DataTypeOf(dtype), dnnl::memory::format_tag::any);
}

Desc AnyFormat(const Desc& like) {
  return Desc(DimsOf(like), DataTypeOf(like), dnnl::memory::format_tag::any);
}

#if DNNL_VERSION_MAJOR >= 3

dnnl::memory::dims DimsOf(const Desc& desc) { return desc.get_dims(); }

dnnl::memory::data_type DataTypeOf(const Desc& desc) { return desc.get_data_type(); }

bool LiesInRows(const Desc& desc) {
  return desc.get_format_kind() == dnnl::memory::format_kind::blocked &&
         desc.get_inner_nblks() == 0;
}

Desc Retyped(const Desc& desc, DType dtype) {
  const dnnl::memory::dims dims = desc.get_dims();
  if (desc.get_format_kind() == dnnl::memory::format_kind::any) return AnyFormat(dtype, dims);
  return Desc(dims, DataTypeOf(dtype), desc.get_strides());
}

dnnl::memory::dims StridesOf(const Desc& desc) { return desc.get_strides(); }

#else

dnnl::memory::dims DimsOf(const Desc& desc) { return desc.dims(); }

dnnl::memory::data_type DataTypeOf(const Desc& desc) { return desc.data_type(); }

bool LiesInRows(const Desc& desc) {
  return desc.data.format_kind == dnnl_blocked && desc.data.format_desc.blocking.inner_nblks == 0;
}

Desc Retyped(const Desc& desc, DType dtype) {
  Desc result = desc;
  result.data.data_type = static_cast<dnnl_data_type_t>(DataTypeOf(dtype));
  return result;
}

dnnl::memory::dims StridesOf(const Desc& desc) {
  const dnnl_dim_t* const strides = desc.data.format_desc.blocking.strides;
  return dnnl::memory::dims(strides, strides + desc.data.ndims);
}

#endif

Section Cut(const Section& section, int axis, int64_t begin, int64_t count) {
  dnnl::memory::dims dims = DimsOf(section.desc), strides = StridesOf(section.desc);
  const auto type = DataTypeOf(section.desc);
  const int64_t element = static_cast<int64_t>(dnnl::memory::data_type_size(type));
  const int64_t offset = section.offset + begin * strides[axis] * element;
  dims[axis] = count;
  // oneDNN knows a layout by its strides, those of axes of size 1 among them.
  int64_t extent = 1;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] > 1) extent = std::max(extent, dims[i] * strides[i]);
  }
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] == 1) strides[i] = std::min(strides[i], extent);
  }
  Section cut(Desc(dims, type, strides));
  cut.offset = offset;
  return cut;
}

}  // namespace nomograph::onednn
