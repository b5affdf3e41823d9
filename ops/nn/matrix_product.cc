#include "nomograph/ops/nn/matrix_product.h"

namespace nomograph::nn {
namespace {

using Matmul = dnnl::matmul::primitive_desc;

// How a constant matrix is to lie: as the primitive wants it, or in rows with room at their ends.
onednn::Desc PackedWeights(const onednn::Desc& src, const onednn::Desc& given,
                           const onednn::Desc& dst, const dnnl::primitive_attr& attr) {
  const onednn::Desc any(given.dims(), given.data_type(), dnnl::memory::format_tag::any);
  const onednn::Desc wanted = Matmul({src, any, dst}, attr, onednn::Engine()).weights_desc();
  const bool in_rows =
      wanted.data.format_kind == dnnl_blocked && wanted.data.format_desc.blocking.inner_nblks == 0;
  if (!in_rows || given.dims().size() != 2) return wanted;
  constexpr int64_t kRoomBytes = 64;
  const int64_t element = static_cast<int64_t>(dnnl::memory::data_type_size(given.data_type()));
  return onednn::Desc(given.dims(), given.data_type(), {given.dims()[1] + kRoomBytes / element, 1});
}

}  // namespace

bool AddMatrixProduct(onednn::Builder& b, const onednn::Desc& src, const onednn::Desc& weights,
                      const onednn::Desc& dst, const dnnl::primitive_attr& attr,
                      std::vector<onednn::Builder::Argument> more) {
  const onednn::Desc packed = b.is_constant(1) ? PackedWeights(src, weights, dst, attr) : weights;
  const Matmul pd({src, packed, dst}, attr, onednn::Engine());
  more.push_back({DNNL_ARG_SRC, b.Input(0, src)});
  more.push_back({DNNL_ARG_WEIGHTS, b.Reordered(b.Input(1, weights), pd.weights_desc())});
  more.push_back({DNNL_ARG_DST, b.Output(0, dst)});
  b.Add<dnnl::matmul>(pd, std::move(more));
  return b.is_constant(1) && pd.weights_desc() != weights;
}

}  // namespace nomograph::nn
