#include "nomograph/core/layers/internal.h"

#include <algorithm>

#include "absl/strings/str_join.h"
#include "nomograph/core/types/attributes.h"
#include "nomograph/core/types/escape.h"

namespace nomograph::internal {
namespace {

std::string RankText(const InputNeeds& needs) {
  const std::string axes = needs.axes.empty() ? "" : absl::StrCat(" ", needs.axes);
  if (needs.min_rank == needs.max_rank) return absl::StrCat("rank ", needs.min_rank, axes);
  if (needs.max_rank == kMaxRank) return absl::StrCat("rank ", needs.min_rank, " or more", axes);
  return absl::StrCat("rank ", needs.min_rank, " to ", needs.max_rank, axes);
}

absl::Status CheckCount(size_t found) {
  return found == 1 ? absl::OkStatus() : InvalidArgument("expected 1 input, found ", found);
}

class Weightless : public OneInputLayer {
 public:
  Weightless(LayerSpec spec, ApplyFn apply)
      : OneInputLayer(std::move(spec.class_name), std::move(spec.name), std::move(spec.needs)),
        options_(std::move(spec.options)),
        apply_(std::move(apply)) {
    if (spec.supports_masking) set_supports_masking();
  }

  absl::Status CheckOptions() const override { return options_; }

 private:
  absl::StatusOr<Value> Apply(const Value& x) override { return apply_(x); }

  absl::Status options_;
  ApplyFn apply_;
};

}  // namespace

absl::Status CheckInput(const InputNeeds& needs, const TensorType& input) {
  if (input.dtype == DType::kInvalid) return InvalidArgument("the input is absent");
  if (!needs.dtypes.Contains(input.dtype)) {
    return InvalidArgument("expected an input of ", needs.dtypes.ToString(), ", found ",
                           input.ToString());
  }
  if (needs.min_rank == 0 && needs.max_rank == kMaxRank && !needs.rank_known)
    return absl::OkStatus();
  if (input.shape.rank() < needs.min_rank || input.shape.rank() > needs.max_rank) {
    return InvalidArgument("expected an input of ", RankText(needs), ", found ", input.ToString());
  }
  return absl::OkStatus();
}

InputNeeds ImagesOfRank(int spatial_rank, absl::string_view data_format, DTypeSet dtypes) {
  static constexpr const char* kSpatial[] = {"", "steps", "height, width", "depth, height, width"};
  const char* spatial = kSpatial[spatial_rank];
  const std::string axes = ChannelsAxis(data_format) == 1
                               ? absl::StrCat("(batch, channels, ", spatial, ")")
                               : absl::StrCat("(batch, ", spatial, ", channels)");
  return {
      .min_rank = spatial_rank + 2, .max_rank = spatial_rank + 2, .axes = axes, .dtypes = dtypes};
}

absl::Status OneInputLayer::Build(absl::Span<const TensorType> inputs) {
  NOMO_RETURN_IF_ERROR(CheckCount(inputs.size()));
  NOMO_RETURN_IF_ERROR(CheckInput(needs_, inputs[0]));
  dtype_ = inputs[0].dtype;
  return BuildFor(inputs[0]);
}

absl::StatusOr<std::vector<Value>> OneInputLayer::Call(absl::Span<const Value> inputs) {
  NOMO_RETURN_IF_ERROR(CheckCount(inputs.size()));
  NOMO_RETURN_IF_ERROR(Check(inputs[0].valid() ? inputs[0].type() : TensorType{}));
  NOMO_ASSIGN_OR_RETURN(Value y, Apply(inputs[0]));
  return std::vector<Value>{std::move(y)};
}

absl::Status OneInputLayer::BuildFor(const TensorType&) { return absl::OkStatus(); }

absl::Status OneInputLayer::Check(const TensorType& input) const {
  NOMO_RETURN_IF_ERROR(CheckInput(needs_, input));
  if (!bound_.empty() && input.dtype != dtype_) {
    return InvalidArgument("expected ", DTypeName(dtype_), " as in the layer's first call, found ",
                           input.ToString());
  }
  for (const BoundAxis& bound : bound_) {
    NOMO_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(bound.axis, input.shape.rank()));
    const Dim& found = input.shape[axis];
    if (found.known() && found.size() != bound.size) {
      return InvalidArgument("expected ", bound.size, " ", bound.what, " (axis ", bound.axis,
                             ") as in the layer's first call, found ", input.ToString());
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> OneInputLayer::BindAxis(const TensorType& input, int64_t axis,
                                                absl::string_view what) {
  NOMO_ASSIGN_OR_RETURN(const int normal, NormalizeAxis(axis, input.shape.rank()));
  const Dim& size = input.shape[normal];
  if (!size.known()) {
    return InvalidArgument("the number of ", what, " (axis ", axis,
                           ") must be known to make the weights, found ", input.ToString());
  }
  bound_.push_back({axis, size.size(), std::string(what)});
  return size.size();
}

Value OneInputLayer::Weight(absl::string_view weight, Shape shape, const Initializer& initializer,
                            bool trainable) {
  return AddWeight({.name = std::string(weight),
                    .shape = std::move(shape),
                    .initializer = initializer,
                    .trainable = trainable,
                    .dtype = dtype_});
}

Layer WeightlessLayer(LayerSpec spec, ApplyFn apply) {
  return MakeLayer<Weightless>(std::move(spec), std::move(apply));
}

absl::Status AtLeast(absl::string_view option, int64_t least, int64_t found) {
  if (found >= least) return absl::OkStatus();
  return InvalidArgument(option, ": expected at least ", least, ", found ", found);
}

absl::Status InRange(absl::string_view option, double low, double high, double found) {
  if (found >= low && found <= high) return absl::OkStatus();
  return InvalidArgument(option, ": expected a number from ", low, " to ", high, ", found ", found);
}

absl::Status OneOf(absl::string_view option, const std::vector<std::string>& choices,
                   const std::string& found) {
  if (std::find(choices.begin(), choices.end(), found) != choices.end()) return absl::OkStatus();
  return InvalidArgument(option, ": expected \"", absl::StrJoin(choices, "\", \""), "\", found ",
                         Quoted(found));
}

absl::Status CheckDataFormat(const std::string& data_format) {
  return OneOf("data_format", {"channels_last", "channels_first"}, data_format);
}

absl::Status AllOf(std::initializer_list<absl::Status> statuses) {
  ErrorList errors;
  for (const absl::Status& status : statuses) errors.Add(status);
  return errors.ToStatus("several options are not valid");
}

void VisitDataFormat(FieldVisitor& v, std::string& data_format) {
  v("data_format", data_format, "channels_last or channels_first");
}

void VisitSeed(FieldVisitor& v, std::optional<int64_t>& seed) {
  v("seed", seed, "null: the run's");
}

LayerSample Sample(LayerConfig config, const std::vector<PartialShape>& shapes, DType dtype) {
  LayerSample sample{.config = std::move(config)};
  for (const PartialShape& shape : shapes) {
    std::vector<Dim> dims = {Dim::Symbol("batch")};
    dims.insert(dims.end(), shape.dims().begin(), shape.dims().end());
    sample.inputs.push_back({dtype, PartialShape(std::move(dims))});
  }
  return sample;
}

int ChannelsAxis(absl::string_view data_format) { return data_format == "channels_first" ? 1 : -1; }
int FirstSpatialAxis(absl::string_view data_format) {
  return data_format == "channels_first" ? 2 : 1;
}

Value AddBias(const Value& x, const Value& bias, absl::string_view data_format) {
  if (!bias.valid()) return x;
  if (ChannelsAxis(data_format) == -1) return x + bias;
  std::vector<int64_t> shape(x.shape().rank() - 1, 1);
  shape[0] = bias.shape()[0].size();
  return x + Op("array.Reshape", {bias}, {{"shape", shape}});
}

}  // namespace nomograph::internal
