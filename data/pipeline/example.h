// tf.train.Example: named lists of bytes, floats or integers, as records of training data hold
// them.
//
// Example { Features features = 1 }, Features { map<string, Feature> feature = 1 }, Feature { oneof
// { BytesList bytes_list = 1; FloatList float_list = 2; Int64List int64_list = 3 } }, each list {
// repeated value = 1 }. Source: https://www.tensorflow.org/api_docs/python/tf/train/Example.
#ifndef NOMOGRAPH_DATA_PIPELINE_EXAMPLE_H_
#define NOMOGRAPH_DATA_PIPELINE_EXAMPLE_H_

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nomograph/core/types/tensor.h"
#include "nomograph/data/pipeline/element.h"

namespace nomograph {

// A feature that is wanted of an Example.
struct ExampleFeature {
  std::string name;
  // kFloat32 reads a float_list, kInt64 an int64_list. Any other type that tensors have reads the
  // bytes of a bytes_list's one string, as tf.io.decode_raw() does, little-endian: kUInt8 as they
  // are.
  DType dtype = DType::kInvalid;
  // Fixed length (tf.io.FixedLenFeature): so many values. Of unknown rank, variable length:
  // [values].
  PartialShape shape;
  // In the place of a feature that is missing or has no values; of the dtype, and of the shape
  // where that is known. Without it a missing feature of fixed length is an error, and one of
  // variable length has no values.
  Tensor default_value;

  TensorType type() const;
};

// Finds certain features in Examples. Thread-safe.
class ExampleParser {
 public:
  // InvalidArgument where there are none, one has no dtype, a name occurs twice, or a default is of
  // another type.
  static absl::StatusOr<ExampleParser> Create(std::vector<ExampleFeature> features);

  // The features in their order. InvalidArgument for bytes that are no Example (with the byte),
  // and, naming the feature, for one that is missing, of another kind or of another length.
  absl::StatusOr<Element> Parse(absl::string_view bytes) const;
  std::vector<TensorType> types() const;

 private:
  std::vector<ExampleFeature> features_;
  absl::flat_hash_map<std::string, size_t> places_;  // by name
};

// What an Example holds under a name.
using ExampleValue =
    std::variant<std::vector<std::string>, std::vector<float>, std::vector<int64_t>>;

// The bytes of an Example, names ascending, numbers packed.
std::string SerializeExample(const std::map<std::string, ExampleValue, std::less<>>& features);

}  // namespace nomograph

#endif  // NOMOGRAPH_DATA_PIPELINE_EXAMPLE_H_
