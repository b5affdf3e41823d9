// What the layers of this folder have in common. Not for users.
#ifndef NOMOGRAPH_CORE_LAYERS_INTERNAL_H_
#define NOMOGRAPH_CORE_LAYERS_INTERNAL_H_

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nomograph/core/layers/layer.h"
#include "nomograph/core/layers/layer_registry.h"
#include "nomograph/core/layers/sizes.h"

namespace nomograph::internal {

// What a layer asks of its input.
struct InputNeeds {
  int min_rank = 0, max_rank = kMaxRank;
  // The axes as errors show them: "(batch, height, width, channels)".
  std::string axes;
  bool rank_known = false;  // also where every rank is taken
  DTypeSet dtypes = kAnyType;
};

// InvalidArgument that says what is expected and what was found.
absl::Status CheckInput(const InputNeeds& needs, const TensorType& input);
// An input with that many spatial axes, batch and channels. REQUIRES: 1 to 3.
InputNeeds ImagesOfRank(int spatial_rank, absl::string_view data_format,
                        DTypeSet dtypes = kAnyType);

// A layer with one input.
class OneInputLayer : public LayerBase {
 public:
  absl::Status Build(absl::Span<const TensorType> inputs) final;
  absl::StatusOr<std::vector<Value>> Call(absl::Span<const Value> inputs) final;

 protected:
  OneInputLayer(std::string class_name, std::string name, InputNeeds needs)
      : LayerBase(std::move(class_name), std::move(name)), needs_(std::move(needs)) {}

  virtual absl::Status BuildFor(const TensorType& input);
  virtual absl::StatusOr<Value> Apply(const Value& x) = 0;

  // For BuildFor(). The size of an axis on which weights depend: it must be known at the first
  // call, and be the same at all others. `what` names it in errors.
  absl::StatusOr<int64_t> BindAxis(const TensorType& input, int64_t axis, absl::string_view what);
  // A weight of the input's dtype.
  Value Weight(absl::string_view weight, Shape shape, const Initializer& initializer,
               bool trainable = true);

 private:
  struct BoundAxis {
    int64_t axis, size;  // negative axes are counted from the end
    std::string what;
  };
  absl::Status Check(const TensorType& input) const;

  InputNeeds needs_;
  DType dtype_ = DType::kInvalid;  // of the first call's input
  std::vector<BoundAxis> bound_;
};

// A layer with one input and no weights: `apply` is all that it does. `options` is the fault of its
// options, if any.
struct LayerSpec {
  std::string class_name, name;
  InputNeeds needs;
  absl::Status options;
  bool supports_masking = false;
};
using ApplyFn = std::function<absl::StatusOr<Value>(const Value& x)>;
Layer WeightlessLayer(LayerSpec spec, ApplyFn apply);

// Faults of options, each beginning with the option's name.
absl::Status AtLeast(absl::string_view option, int64_t least, int64_t found);
absl::Status InRange(absl::string_view option, double low, double high, double found);
absl::Status OneOf(absl::string_view option, const std::vector<std::string>& choices,
                   const std::string& found);
absl::Status CheckDataFormat(const std::string& data_format);
// All that are not OK, in one status.
absl::Status AllOf(std::initializer_list<absl::Status> statuses);

// Fields that many layers have.
void VisitDataFormat(FieldVisitor& v, std::string& data_format);
void VisitSeed(FieldVisitor& v, std::optional<int64_t>& seed);

// A layer's sample; `shapes` are without the batch axis.
LayerSample Sample(LayerConfig config, const std::vector<PartialShape>& shapes,
                   DType dtype = DType::kFloat32);

// Where the axes of an input with batch and channels are.
int ChannelsAxis(absl::string_view data_format);  // -1 or 1
int FirstSpatialAxis(absl::string_view data_format);

// Call(), which inside of a layer is the layer's own.
inline Value Op(absl::string_view op, std::vector<Value> inputs, Attributes attrs = {}) {
  return nomograph::Call(op, std::move(inputs), std::move(attrs));
}

// The activation of that Keras name ("" is "linear", which adds nothing), and the fault of an
// unknown one.
absl::Status CheckActivation(const std::string& activation);
Value Activate(const Value& x, const std::string& activation);

// x + bias along the channels' axis, where `bias` is there.
Value AddBias(const Value& x, const Value& bias, absl::string_view data_format);

}  // namespace nomograph::internal

#endif  // NOMOGRAPH_CORE_LAYERS_INTERNAL_H_
