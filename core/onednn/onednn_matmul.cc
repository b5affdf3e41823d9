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

bool TakePart(Builder& b, MatrixProduct& product) {
  if (!b.IsPart()) return true;
  constexpr int64_t kTile = 16;  // rows or columns
  const dnnl::memory::dims dims = DimsOf(product.dst.desc);
  const int rows = static_cast<int>(dims.size()) - 2, columns = rows + 1;
  const auto take = [&](int axis, int64_t step) {
    const auto share = b.Divide(axis, dims[axis], step);
    if (!share) return false;
    const auto cut = [&](Section& section, bool has_axis) {
      if (!has_axis || DimsOf(section.desc)[axis] == 1) return;
      section = Cut(section, axis, share->begin, share->count);
    };
    cut(product.src, axis != columns);
    cut(product.weights, axis != rows);
    cut(product.dst, true);
    return true;
  };
  for (int axis = 0; axis < rows; ++axis) {
    if (take(axis, 1)) return true;
  }
  // The longer one first.
  const bool rows_first = dims[rows] >= dims[columns];
  return take(rows_first ? rows : columns, kTile) || take(rows_first ? columns : rows, kTile);
}

void AddMatrixProduct(Builder& b, const MatrixProduct& product, const dnnl::primitive_attr& attr,
                      std::vector<Builder::Argument> more) {
  const Desc &src = product.src.desc, &given = product.weights.desc, &dst = product.dst.desc;
  const Desc packed = b.is_constant(1) ? PackedWeights(src, given, dst, attr) : given;
  const auto pd = Describe<dnnl::matmul>(attr, src, packed, dst);
  more.emplace_back(DNNL_ARG_SRC, b.Input(0, product.src));
  more.emplace_back(DNNL_ARG_WEIGHTS, b.Reordered(b.Input(1, product.weights), pd.weights_desc()));
  more.emplace_back(DNNL_ARG_DST, b.Output(0, product.dst));
  b.Add<dnnl::matmul>(pd, std::move(more));
}

}  // namespace nomograph::onednn
