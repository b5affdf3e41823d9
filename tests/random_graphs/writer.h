// Writes graphs at random, out of what models have: convolutions, norms, attention and so on, as
// exporters write them, with sizes that kernels do not like.
#ifndef NOMOGRAPH_TESTS_RANDOM_GRAPHS_WRITER_H_
#define NOMOGRAPH_TESTS_RANDOM_GRAPHS_WRITER_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "nomograph/tests/random_graphs/graph.h"

namespace nomograph {

// The same graph for the same seed. All numbers in it are finite and of moderate size.
RandomGraph WriteRandomGraph(uint64_t seed);

// How WriteRandomGraph() does it: its parts are in images.cc, lists.cc, elements.cc and moves.cc.
class RandomGraphWriter {
 public:
  using Ref = RandomGraph::Ref;
  using Ints = std::vector<int64_t>;

  explicit RandomGraphWriter(uint64_t seed) : random_(seed) {}

  RandomGraph Write();

 private:
  static constexpr Ref kAbsent = {-1, 0};
  // What could not be written, and all that would read it.
  static constexpr Ref kFailed = {-2, 0};
  // Elements of a value, and multiplications of a product, at most: reference kernels are slow.
  static constexpr int64_t kMostElements = 60'000, kMostProducts = 6'000'000;
  // Of graphs that have few nodes.
  static constexpr int64_t kManyElements = 400'000, kManyProducts = 60'000'000;

  // What `pick` may be.
  struct Wanted {
    int min_rank = 0, max_rank = 6;
    bool same_bits = false;
  };

  const Tensor& At(Ref ref) const { return graph_.value(ref); }
  const Shape& ShapeOf(Ref ref) const { return At(ref).shape(); }
  int Rank(Ref ref) const { return ShapeOf(ref).rank(); }
  bool Batched(Ref ref) const { return graph_.nodes[ref.node].batched; }
  // The first axis that an op may mix.
  int FirstFree(Ref ref) const { return Batched(ref) ? 1 : 0; }

  Ref Leaf(Tensor tensor, bool is_input, bool batched);
  Ref Input(const Shape& shape) { return Leaf(random_.Floats(shape, 2), true, batched_); }
  // A constant, perhaps one that another node has, too.
  Ref Const(Tensor tensor) { return Leaf(std::move(tensor), false, false); }
  Ref Weights(const Shape& shape, float scale);
  Ref Number(double value) { return Const(Tensor::Scalar(static_cast<float>(value))); }
  Ref LongConst(const Ints& values);
  // The node's first output. kFailed where an input is, or where the op does not take them.
  Ref Add(const std::string& op, std::vector<Ref> inputs, Attributes attrs = {}, int outputs = 1);
  // `x`, or a part of it where it is large.
  Ref Tamed(Ref x);

  // A value of floating point; kFailed where there is none. Newer ones are picked more often.
  Ref Pick(Wanted wanted);
  Ref PickLike(Ref x);  // of the same type
  Ref PickImage() { return Pick({.min_rank = 3, .max_rank = 5}); }

  int ChannelAxis(Ref x) const { return first_ ? 1 : Rank(x) - 1; }
  int64_t Channels(Ref x) const { return ShapeOf(x)[ChannelAxis(x)]; }
  std::string Format() const { return first_ ? "channels_first" : "channels_last"; }
  Ints Spatial(Ref x) const;
  int64_t SomeChannels();
  // A shape that broadcasts a number for each channel.
  Shape PerChannel(Ref x) const;
  void SetPadding(Attributes& attrs, const Ints& kernel);
  // Of a window of these weights that steps by one through planes of these sizes.
  int64_t Products(const Ints& spatial, const Shape& weights) const;

  // Each writes some nodes.
  Ref Conv();
  Ref ConvTranspose();
  Ref ModulatedConv();
  Ref Pool();
  Ref GlobalPool();
  Ref Norm();
  Ref Activation();
  Ref ActivationInParts();
  Ref Of(const std::string& op, Ref x, Attributes attrs = {}) {
    return Add(op, {x}, std::move(attrs));
  }
  Ref SomeActivation(Ref x);
  Ref Binary();
  Ref Chain();
  Ref SqueezeAndExcite();
  Ref Gate();
  Ref ChannelShuffle();
  Ref Concat();
  Ref Split();
  Ref SliceOf();
  Ref PadOf();
  Ref Reshape();
  Ref Transpose();
  Ref MatMul();
  Ref Gemm();
  Ref Softmax();
  Ref Attention();
  Ref Reduce();
  Ref NormInParts();
  Ref Resize();
  Ref Recurrent();
  Ref Gather();
  Ref Casts();
  Ref Choose();
  Ref Steps();
  Ref Other();
  // Lets a node read another value of the same type, which makes near misses of what has a pattern.
  void Rewire();

  RandomNumbers random_;
  RandomGraph graph_;
  bool batched_ = true, first_ = true, large_ = false;
  int64_t batch_ = 1;
  int64_t most_elements_ = kMostElements, most_products_ = kMostProducts;
};

}  // namespace nomograph

#endif  // NOMOGRAPH_TESTS_RANDOM_GRAPHS_WRITER_H_
