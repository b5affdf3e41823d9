#include "nomograph/serialization/keras/weight_forms.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "nomograph/core/types/memory.h"
#include "nomograph/core/types/status.h"
#include "nomograph/serialization/keras/layer_forms.h"

namespace nomograph::keras {
namespace {

using Ints = std::vector<int64_t>;
using Weights = std::vector<StoredWeight>;

// `stored` read through `source`, which gives for each element of a tensor of shape `to` the place
// of that element in the stored one.
StoredWeight Rearranged(StoredWeight stored, Shape to, std::function<int64_t(int64_t)> source) {
  const auto read = stored.read;
  stored.type.shape = to;
  stored.read = [read, to, source]() -> absl::StatusOr<Tensor> {
    NOMO_ASSIGN_OR_RETURN(const Tensor from, read());
    NOMO_ASSIGN_OR_RETURN(Tensor result, Tensor::Create(from.dtype(), to));
    const size_t size = static_cast<size_t>(DTypeSize(from.dtype()));
    for (int64_t i = 0; i < result.num_elements(); ++i) {
      std::memcpy(result.mutable_raw_data() + i * size, from.raw_data() + source(i) * size, size);
    }
    return result;
  };
  return stored;
}

// The axes in another order: axis i of the result is axis perm[i] of what is stored.
StoredWeight Transposed(const StoredWeight& stored, const Ints& perm) {
  const Shape from = stored.type.shape.ToShape();
  Shape to;
  for (const int64_t axis : perm) to.Append(from[axis]);
  const auto strides = from.Strides();
  return Rearranged(stored, to, [to, perm, strides](int64_t index) {
    int64_t source = 0;
    for (int axis = to.rank() - 1; axis >= 0; --axis) {
      source += index % to[axis] * strides[perm[axis]];
      index /= to[axis];
    }
    return source;
  });
}

// The first `axes` axes from their ends.
StoredWeight Mirrored(const StoredWeight& stored, int axes) {
  const Shape shape = stored.type.shape.ToShape();
  const auto strides = shape.Strides();
  return Rearranged(stored, shape, [shape, strides, axes](int64_t index) {
    int64_t source = 0;
    for (int axis = shape.rank() - 1; axis >= 0; --axis) {
      const int64_t at = index % shape[axis];
      source += (axis < axes ? shape[axis] - 1 - at : at) * strides[axis];
      index /= shape[axis];
    }
    return source;
  });
}

StoredWeight Reshaped(StoredWeight stored, const Shape& to) {
  return Rearranged(std::move(stored), to, [](int64_t index) { return index; });
}

// Several along the last axis. REQUIRES: they agree in the others.
StoredWeight Concatenated(const Weights& parts) {
  StoredWeight result = parts.front();
  Shape shape = parts.front().type.shape.ToShape();
  const int last = shape.rank() - 1;
  shape[last] = 0;
  for (const StoredWeight& part : parts) shape[last] += part.type.shape[last].size();
  result.type.shape = shape;
  result.read = [parts, shape, last]() -> absl::StatusOr<Tensor> {
    NOMO_ASSIGN_OR_RETURN(Tensor result, Tensor::Create(parts.front().type.dtype, shape));
    const int64_t element = DTypeSize(result.dtype()), row = shape[last] * element;
    int64_t at = 0;
    for (const StoredWeight& part : parts) {
      NOMO_ASSIGN_OR_RETURN(const Tensor tensor, part.read());
      const int64_t width = tensor.shape()[last] * element;
      for (int64_t i = 0; width > 0 && i < tensor.num_bytes() / width; ++i)
        std::memcpy(result.mutable_raw_data() + i * row + at, tensor.raw_data() + i * width, width);
      at += width;
    }
    return result;
  };
  return result;
}

bool SameButLast(const Weights& parts) {
  for (const StoredWeight& part : parts) {
    const PartialShape &a = parts.front().type.shape, &b = part.type.shape;
    if (part.type.dtype != parts.front().type.dtype || a.rank() != b.rank() || a.rank() == 0)
      return false;
    for (int axis = 0; axis + 1 < a.rank(); ++axis) {
      if (!(a[axis] == b[axis])) return false;
    }
  }
  return true;
}

// Keras 1 stores the kernel, the recurrent kernel and the bias of each gate; now the gates lie side
// by side, in the order of `gates`.
Weights JoinedGates(const Weights& stored, const Ints& gates) {
  if (stored.size() != gates.size() * 3) return stored;
  Weights joined;
  for (int64_t part = 0; part < 3; ++part) {
    Weights parts;
    for (const int64_t gate : gates) parts.push_back(stored[gate * 3 + part]);
    if (!SameButLast(parts)) return stored;
    joined.push_back(Concatenated(parts));
  }
  return joined;
}

// NVIDIA's kernels lie transposed, gate by gate, and have two biases.
Weights FromCudnn(const Weights& stored, int64_t gates, const WeightSlot& bias) {
  if (stored.size() != 3) return stored;
  for (int i : {0, 1}) {
    if (stored[i].type.shape.rank() != 2 || stored[i].type.shape[1].size() % gates != 0)
      return stored;
  }
  const int64_t units = stored[1].type.shape[0].size();
  if (stored[2].type.shape.rank() != 1 || stored[2].type.shape[0].size() != 2 * gates * units ||
      stored[0].type.shape[1].size() != gates * units ||
      stored[1].type.shape[1].size() != gates * units)
    return stored;
  Weights result;
  for (int i : {0, 1}) {
    const Shape shape = stored[i].type.shape.ToShape();
    const int64_t rows = shape[0];
    // The kernel's gate is [units, rows] in memory that is seen as [rows, units]; the recurrent one
    // is its transpose.
    result.push_back(Rearranged(stored[i], shape, [=](int64_t index) {
      const int64_t row = index / (gates * units), column = index % (gates * units);
      const int64_t gate = column / units, unit = column % units;
      const int64_t flat = unit * rows + row;
      return flat / units * gates * units + gate * units + flat % units;
    }));
  }
  if (bias.shape.rank() == 2) {
    result.push_back(Reshaped(stored[2], bias.shape));
    return result;
  }
  StoredWeight sum = stored[2];
  sum.type.shape = Shape{gates * units};
  sum.read = [read = stored[2].read, n = gates * units]() -> absl::StatusOr<Tensor> {
    NOMO_ASSIGN_OR_RETURN(const Tensor both, read());
    NOMO_ASSIGN_OR_RETURN(Tensor wide, TryCast(both, DType::kFloat32));
    NOMO_ASSIGN_OR_RETURN(Tensor result, Tensor::Create(DType::kFloat32, Shape{n}));
    for (int64_t i = 0; i < n; ++i)
      result.mutable_data<float>()[i] = wide.data<float>()[i] + wide.data<float>()[n + i];
    return result;
  };
  result.push_back(std::move(sum));
  return result;
}

// Keras 1 kernels by their class here: what axis each axis of now was, with "th" and with "tf".
struct OldKernel {
  absl::string_view class_name;
  Ints th, tf;
};
const OldKernel* OldKernelOf(absl::string_view class_name) {
  static const auto& rows = *new std::vector<OldKernel>{
      {"Conv2D", {2, 3, 1, 0}, {0, 1, 2, 3}},
      {"SeparableConv2D", {2, 3, 1, 0}, {0, 1, 2, 3}},
      {"Conv2DTranspose", {2, 3, 0, 1}, {0, 1, 3, 2}},
      {"Conv3D", {2, 3, 4, 1, 0}, {0, 1, 2, 3, 4}},
  };
  const auto found = std::find_if(
      rows.begin(), rows.end(), [&](const OldKernel& row) { return row.class_name == class_name; });
  return found == rows.end() ? nullptr : &*found;
}

void ModernizeKeras1Kernels(const LayerEntry& layer, const std::string& class_name,
                            Weights& stored) {
  // [steps, 1, in, out], or, of the first releases, [out, in, steps, 1]
  if (class_name == "Conv1D" && !stored.empty() && stored[0].type.shape.rank() == 4) {
    if (stored[0].type.shape[3] == Dim(1)) stored[0] = Transposed(stored[0], {2, 3, 1, 0});
    const Shape shape = stored[0].type.shape.ToShape();
    if (shape[1] == 1) stored[0] = Reshaped(stored[0], {shape[0], shape[2], shape[3]});
    return;
  }
  const OldKernel* old = OldKernelOf(class_name);
  if (old == nullptr) return;
  const Ints& perm = TextField(layer.config, "dim_ordering") == "th" ? old->th : old->tf;
  for (StoredWeight& weight : stored) {
    if (weight.type.shape.rank() == static_cast<int>(perm.size()))
      weight = Transposed(weight, perm);
  }
}

// Theano turns kernels round. Those of depthwise and separable convolutions Keras has turned ahead
// of that, so that they are stored as everywhere.
bool IsMirroredByTheano(absl::string_view class_name) {
  for (const char* mirrored :
       {"Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose", "Conv3DTranspose", "ConvLSTM2D"}) {
    if (class_name == mirrored) return true;
  }
  return false;
}

Shape WithoutOnes(const Shape& shape) {
  Shape result;
  for (const int64_t size : shape.dims()) {
    if (size != 1) result.Append(size);
  }
  return result;
}

// A layer both ways: first the weights of the one that goes forward.
Weights ModernHalves(const LayerEntry& layer, absl::string_view backend,
                     const std::vector<const WeightSlot*>& slots, const Weights& stored) {
  const ConfigValue* inner = layer.config.Find("layer");
  const auto entry = inner == nullptr ? InvalidArgument("") : ReadLayerEntry(*inner);
  if (!entry.ok() || slots.size() % 2 != 0 || stored.size() % 2 != 0) return stored;
  const auto half = [](const auto& list, size_t which) {
    const auto middle = list.begin() + static_cast<std::ptrdiff_t>(list.size() / 2);
    return which == 0 ? std::vector(list.begin(), middle) : std::vector(middle, list.end());
  };
  Weights modern;
  for (const size_t which : {0, 1}) {
    for (StoredWeight& weight :
         ModernWeights(*entry, backend, half(slots, which), half(stored, which)))
      modern.push_back(std::move(weight));
  }
  return modern;
}

// What a SpectralNormalization stores beside the weights of its layer.
bool IsSpectralVector(const StoredWeight& weight, const Weights& all) {
  absl::string_view name = weight.name;
  name = name.substr(0, name.rfind(':'));
  const absl::string_view last = name.substr(name.rfind('/') + 1);
  if (last == "vector_u" || last == "sn_u") return true;
  // Of a .keras file: beside the place of the layer.
  const absl::string_view place = absl::StripSuffix(name, "vars/0");
  return place.size() < name.size() && std::any_of(all.begin(), all.end(), [&](const auto& other) {
           return absl::StartsWith(other.name, absl::StrCat(place, "layer/vars/"));
         });
}

}  // namespace

std::vector<StoredWeight> ModernWeights(const LayerEntry& layer, absl::string_view backend,
                                        const std::vector<const WeightSlot*>& slots,
                                        std::vector<StoredWeight> stored) {
  const std::string class_name = ClassHere(layer.class_name);
  if (stored.size() == slots.size() + 1) {
    const Weights all = stored;
    std::erase_if(stored, [&](const auto& weight) { return IsSpectralVector(weight, all); });
  }
  if (class_name == "Bidirectional") return ModernHalves(layer, backend, slots, stored);
  if ((class_name == "LSTM" || class_name == "ConvLSTM2D") && slots.size() == 3) {  // i, c, f, o
    if (stored.size() == 12) stored = JoinedGates(stored, {0, 2, 1, 3});
    if (absl::StartsWith(layer.class_name, "CuDNN")) return FromCudnn(stored, 4, *slots[2]);
  }
  if (class_name == "GRU" && slots.size() == 3) {
    if (stored.size() == 9) return JoinedGates(stored, {0, 1, 2});
    if (absl::StartsWith(layer.class_name, "CuDNN")) return FromCudnn(stored, 3, *slots[2]);
  }
  if (layer.config.Find("nb_filter") != nullptr) ModernizeKeras1Kernels(layer, class_name, stored);
  if (backend == "theano" && IsMirroredByTheano(class_name)) {
    for (StoredWeight& weight : stored) {
      if (weight.type.shape.rank() > 2) weight = Mirrored(weight, weight.type.shape.rank() - 2);
    }
  }
  return stored;
}

bool Fits(const StoredWeight& stored, const WeightSlot& slot) {
  const Shape shape = stored.type.shape.ToShape();
  return shape == slot.shape || WithoutOnes(shape) == WithoutOnes(slot.shape);
}

absl::StatusOr<Tensor> ReadFor(const StoredWeight& stored, const WeightSlot& slot) {
  NOMO_ASSIGN_OR_RETURN(Tensor tensor, stored.read());
  if (tensor.dtype() != slot.dtype) {
    NOMO_ASSIGN_OR_RETURN(tensor, TryCast(tensor, slot.dtype));
  }
  return tensor.shape() == slot.shape ? tensor : tensor.Reshaped(slot.shape);
}

}  // namespace nomograph::keras
