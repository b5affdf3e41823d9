#include "nomograph/core/onednn/onednn_matmul.h"

#include <utility>

namespace nomograph::onednn {
namespace {

// How a constant matrix is to lie: as the primitive wants it, or in rows with room at their ends,
// where they are to be copied anyway or their length is a multiple of half a page.
Desc PackedWeights(const Desc& src, const Desc& given, const Desc& dst,
                   const dnnl::primitive_attr& attr) {
  const Desc wanted = Describe<dnnl::matmul>(attr, src, AnyFormat(given), dst).weights_desc();
  const dnnl::memory::dims dims = DimsOf(given);
  if (!LiesInRows(wanted) || dims.size() != 2) return wanted;
  constexpr int64_t kRoomBytes = 64, kHalfPage = 2048;
  const int64_t element = static_cast<int64_t>(dnnl::memory::data_type_size(DataTypeOf(given)));
  const int64_t columns = dims[1];
  if (wanted == given && columns * element % kHalfPage != 0) return wanted;
  return Desc(dims, DataTypeOf(given), {columns + kRoomBytes / element, 1});
}

}  // namespace

void AddMatrixProduct(Builder& b, const Desc& src, const Desc& weights, const Desc& dst,
                      const dnnl::primitive_attr& attr, std::vector<Builder::Argument> more) {
  const Desc packed = b.is_constant(1) ? PackedWeights(src, weights, dst, attr) : weights;
  const auto pd = Describe<dnnl::matmul>(attr, src, packed, dst);
  more.emplace_back(DNNL_ARG_SRC, b.Input(0, src));
  more.emplace_back(DNNL_ARG_WEIGHTS, b.Reordered(b.Input(1, weights), pd.weights_desc()));
  more.emplace_back(DNNL_ARG_DST, b.Output(0, dst));
  b.Add<dnnl::matmul>(pd, std::move(more));
}

}  // namespace nomograph::onednn
