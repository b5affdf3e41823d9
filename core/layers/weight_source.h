// Who reads a model's weights from a file listens here to the layers that declare them.
#ifndef NOMOGRAPH_CORE_LAYERS_WEIGHT_SOURCE_H_
#define NOMOGRAPH_CORE_LAYERS_WEIGHT_SOURCE_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "nomograph/core/build/expr.h"
#include "nomograph/core/layers/initializers.h"

namespace nomograph {

// A weight at the moment in which its layer declares it.
struct DeclaredWeight {
  std::shared_ptr<const LayerScope> layer;  // the innermost: of a Bidirectional, the layer one way
  std::string name;                         // in its layer: "kernel"
  Shape shape;
  DType dtype = DType::kFloat32;
  bool trainable = true;
  Initializer initializer;  // of the layer's options
};

// While one lives, it is told of every weight that a layer of this thread declares, in their order,
// and may give it another initializer, which is asked when the model is built. The innermost is
// told alone.
class ScopedWeightSource {
 public:
  using Fn = std::function<std::optional<Initializer>(const DeclaredWeight&)>;
  explicit ScopedWeightSource(Fn fn);
  ~ScopedWeightSource();
  ScopedWeightSource(const ScopedWeightSource&) = delete;
  ScopedWeightSource& operator=(const ScopedWeightSource&) = delete;

  // What the innermost says; nothing where there is none.
  static std::optional<Initializer> Ask(const DeclaredWeight& weight);

 private:
  Fn fn_;
  const ScopedWeightSource* previous_;
};

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_LAYERS_WEIGHT_SOURCE_H_
