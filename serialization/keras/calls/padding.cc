// Calls that add elements at the ends of axes.
#include <algorithm>

#include "absl/strings/ascii.h"
#include "nomograph/serialization/keras/calls/support.h"

namespace nomograph::keras {
namespace {

using Pads = std::vector<std::pair<int64_t, int64_t>>;

// The outermost elements mirrored, themselves included.
absl::StatusOr<Value> PadSymmetric(Value x, const Pads& pads) {
  for (size_t axis = 0; axis < pads.size(); ++axis) {
    const auto [before, after] = pads[axis];
    const Dim size = x.shape()[axis];
    if (before < 0 || after < 0 || (size.known() && std::max(before, after) > size.size())) {
      return InvalidArgument("it mirrors ", std::max(before, after), " of ", size.ToString(),
                             " elements");
    }
    const auto mirrored = [&](const Value& part) {
      return Op("array.Reverse", {part}, {{"axes", Ints{static_cast<int64_t>(axis)}}});
    };
    std::vector<Value> parts;
    if (before > 0) parts.push_back(mirrored(Slice(x, 0, before, axis)));
    parts.push_back(x);
    if (after > 0) {
      parts.push_back(mirrored(Slice(x, -after, std::numeric_limits<int64_t>::max(), axis)));
    }
    if (parts.size() > 1) {
      x = Op("array.Concat", parts, {{"axis", static_cast<int64_t>(axis)}});
    }
  }
  return x;
}

// (before, after) of every axis.
absl::StatusOr<Value> PadAxes(const Value& x, const Pads& pads, const std::string& mode,
                              double value) {
  if (mode == "symmetric") return PadSymmetric(x, pads);
  Ints both;
  for (const auto& [before, after] : pads) both.push_back(before);
  for (const auto& [before, after] : pads) both.push_back(after);
  const Value y = Op("array.Pad", {x}, {{"pads", both}, {"mode", mode}, {"value", value}});
  NOMO_RETURN_IF_ERROR(y.status());
  return y;
}

absl::StatusOr<std::pair<int64_t, int64_t>> PairOf(Interpreter& interpreter, const PyValue& value) {
  NOMO_ASSIGN_OR_RETURN(const Ints ints, interpreter.ToInts(value));
  if (ints.size() == 1) return std::pair(ints[0], ints[0]);
  if (ints.size() != 2) return InvalidArgument("expected two sizes, found ", ints.size());
  return std::pair(ints[0], ints[1]);
}

RuleResult Pad(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  NOMO_ASSIGN_OR_RETURN(const int rank, RankOf(x));
  NOMO_ASSIGN_OR_RETURN(std::string mode, call.Text("mode", "constant"));
  mode = absl::AsciiStrToLower(mode);
  NOMO_ASSIGN_OR_RETURN(const double value, call.Number("value", 0));
  NOMO_ASSIGN_OR_RETURN(const PyValue paddings, call.interpreter().Known(call.Get("paddings")));
  std::vector<PyValue> rows = {paddings};
  if (!paddings.is_integer()) {
    NOMO_ASSIGN_OR_RETURN(rows, call.interpreter().Elements(paddings));
  }
  const bool flat = !rows.empty() && rows[0].is_number();
  Pads pads;
  for (int i = 0; i < rank; ++i) {
    if (!flat && rows.size() != 1 && i >= static_cast<int>(rows.size())) {
      return InvalidArgument("paddings of ", rows.size(), " axes for ", rank);
    }
    NOMO_ASSIGN_OR_RETURN(
        const auto pair,
        PairOf(call.interpreter(), flat ? paddings : rows[rows.size() == 1 ? 0 : i]));
    pads.push_back(pair);
  }
  NOMO_ASSIGN_OR_RETURN(const Value y, PadAxes(x, pads, mode, value));
  return call.Result(y);
}

// K.temporal_padding, K.spatial_2d_padding, K.spatial_3d_padding: of the axes between batch and
// channels.
RuleResult SpatialPad(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  NOMO_ASSIGN_OR_RETURN(const int rank, RankOf(x));
  NOMO_ASSIGN_OR_RETURN(const bool first, ChannelsFirst(call, "data_format"));
  const PyValue& padding = call.Get("padding");
  const size_t axes = rank - 2;
  if (rank < 3) return InvalidArgument("no axes between batch and channels");
  std::vector<PyValue> rows(axes, padding);
  if (!padding.is_integer() && axes > 1) {
    // A number or a pair for each axis.
    NOMO_ASSIGN_OR_RETURN(rows, call.interpreter().Elements(padding));
    if (rows.size() != axes) return InvalidArgument("paddings of ", rows.size(), " axes");
  }
  Pads pads(rank);
  for (size_t i = 0; i < axes; ++i) {
    NOMO_ASSIGN_OR_RETURN(pads[i + (first ? 2 : 1)], PairOf(call.interpreter(), rows[i]));
  }
  NOMO_ASSIGN_OR_RETURN(const Value y, PadAxes(x, pads, "constant", 0));
  return call.Result(y);
}

// Keras 1: the sizes one by one.
RuleResult AsymmetricPad(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  NOMO_ASSIGN_OR_RETURN(const int rank, RankOf(x));
  NOMO_ASSIGN_OR_RETURN(const bool first, ChannelsFirst(call, "data_format"));
  Ints sizes;
  for (const char* side : {"top_pad", "bottom_pad", "left_pad", "right_pad"}) {
    NOMO_ASSIGN_OR_RETURN(const int64_t size, call.Int(side));
    sizes.push_back(size);
  }
  if (rank != 4) return InvalidArgument("images have four axes, found ", rank);
  Pads pads(rank);
  pads[first ? 2 : 1] = {sizes[0], sizes[1]};
  pads[first ? 3 : 2] = {sizes[2], sizes[3]};
  NOMO_ASSIGN_OR_RETURN(const Value y, PadAxes(x, pads, "constant", 0));
  return call.Result(y);
}

const CallRegistrar kRules[] = {
    {"tf.pad(x|tensor,paddings,mode=CONSTANT,value|constant_values=0)", Pad},
    {"{keras.ops,np}.pad(x|array,paddings|pad_width,mode=constant,value|constant_values=None)",
     Pad},
    {"keras.backend.{temporal_padding,spatial_2d_padding,spatial_3d_padding}(x,padding=1,"
     "data_format|dim_ordering=None)",
     SpatialPad},
    {"keras.backend.asymmetric_spatial_2d_padding(x,top_pad=1,bottom_pad=1,left_pad=1,right_pad=1,"
     "data_format|dim_ordering=None)",
     AsymmetricPad},
};

}  // namespace
}  // namespace nomograph::keras
