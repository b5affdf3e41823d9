// The weights of a Keras file, by the places under which it stores them.
#ifndef NOMOGRAPH_SERIALIZATION_KERAS_STORED_WEIGHTS_H_
#define NOMOGRAPH_SERIALIZATION_KERAS_STORED_WEIGHTS_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nomograph/core/types/tensor.h"
#include "nomograph/serialization/keras/hdf5_file.h"

namespace nomograph::keras {

struct StoredWeight {
  std::string name;  // "dense_1/kernel:0", or the place, "layers/dense/vars/0"
  TensorType type;   // its sizes are known
  std::function<absl::StatusOr<Tensor>()> read;
  int64_t id = 0;  // differs in one file: see StoredWeights::Number()
};

struct StoredWeights {
  enum class Order {
    kNone,     // there are none
    kByLayer,  // HDF5 as model.save("x.h5") writes it: groups are the names of the model's layers
    kByPath,   // as in .keras files: groups are the places of objects, "layers/dense/cell"
    kByName,   // as tfjs has it: all names in one list, "dense/kernel"
  };
  Order order = Order::kNone;
  // By group, in the file's order; kByName: all of them under "".
  std::map<std::string, std::vector<StoredWeight>, std::less<>> groups;
  // kByPath: the layer's own name, where the file tells it (Keras 3.6 and later).
  std::map<std::string, std::string, std::less<>> layer_names;

  int64_t count() const;
  // Gives every weight its id, and makes NamedAfter() know it. To be called when all are there.
  void Number();
  // Those that are named after a layer: "dense_1/kernel:0", "model/dense_1/kernel", "dense_1_W".
  std::vector<StoredWeight> NamedAfter(absl::string_view layer) const;

 private:
  // By each part of a weight's name: its group and its place there.
  std::map<std::string, std::vector<std::pair<std::string, size_t>>, std::less<>> by_part_;
};

// What an HDF5 file holds, in either order. Weights below "optimizer" and "metrics" are left out,
// as is the state of random generators. InvalidArgument for groups that contain themselves or lie
// too deep, and as Hdf5File.
absl::StatusOr<StoredWeights> ReadHdf5Weights(const std::shared_ptr<const Hdf5File>& file);

// Of a .keras file's model.weights.npz, where each member is a dictionary of arrays as Python
// pickles it (pickled_arrays.h), or of any archive of arrays whose names are places.
absl::StatusOr<StoredWeights> ReadNpzWeights(absl::string_view bytes);

}  // namespace nomograph::keras

#endif  // NOMOGRAPH_SERIALIZATION_KERAS_STORED_WEIGHTS_H_
