#include "nomograph/core/onednn/onednn_matmul.h"

#include <utility>

namespace nomograph::onednn {
namespace {

using Matmul = dnnl::matmul::primitive_desc;

// How a constant matrix is to lie: as the primitive wants it, or in rows with room at their ends,
// where they are to be copied anyway or their length is a multiple of half a page.
Desc PackedWeights(const Desc& src, const Desc& given, const Desc& dst,
                   const dnnl::primitive_attr& attr) {
  const Desc any(given.dims(), given.data_type(), dnnl::memory::format_tag::any);
  const Desc wanted = Matmul({src, any, dst}, attr, Engine()).weights_desc();
  const bool in_rows =
      wanted.data.format_kind == dnnl_blocked && wanted.data.format_desc.blocking.inner_nblks == 0;
  if (!in_rows || given.dims().size() != 2) return wanted;
  constexpr int64_t kRoomBytes = 64, kHalfPage = 2048;
  const int64_t element = static_cast<int64_t>(dnnl::memory::data_type_size(given.data_type()));
  const int64_t columns = given.dims()[1];
  if (wanted == given && columns * element % kHalfPage != 0) return wanted;
  return Desc(given.dims(), given.data_type(), {columns + kRoomBytes / element, 1});
}

}  // namespace

void AddMatrixProduct(Builder& b, const Desc& src, const Desc& weights, const Desc& dst,
                      const dnnl::primitive_attr& attr, std::vector<Builder::Argument> more) {
  const Desc packed = b.is_constant(1) ? PackedWeights(src, weights, dst, attr) : weights;
  const Matmul pd({src, packed, dst}, attr, Engine());
  more.emplace_back(DNNL_ARG_SRC, b.Input(0, src));
  more.emplace_back(DNNL_ARG_WEIGHTS, b.Reordered(b.Input(1, weights), pd.weights_desc()));
  more.emplace_back(DNNL_ARG_DST, b.Output(0, dst));
  b.Add<dnnl::matmul>(pd, std::move(more));
}

}  // namespace nomograph::onednn
