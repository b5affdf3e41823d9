// Fast kernels of ops that multiply float32 by a constant matrix: core/vector/packed_product.h, and
// row_product.h for a few rows.
#ifndef NOMOGRAPH_OPS_MATH_PACKED_KERNEL_H_
#define NOMOGRAPH_OPS_MATH_PACKED_KERNEL_H_

#include <functional>
#include <limits>
#include <optional>
#include <vector>

#include "nomograph/core/op/op.h"
#include "nomograph/core/vector/packed_product.h"

namespace nomograph {

// How the other matrices' rows are mapped as they are read (core/vector/packed_product.h). Their
// factors are elements of an input, for each of the matrices so many behind those of the one in
// front of it, or with the offsets known beforehand.
struct NodeRowMap {
  int factor_input = -1;
  int64_t factor_step = 0;
  std::vector<float> factors, offsets;  // of each row; offsets may be none
  float least = -std::numeric_limits<float>::infinity();
};

// A node as products of constant matrices with others, which lie one behind the other; their rows,
// and those of the output, lie together.
struct PackedNode {
  ProductSide side;        // where the constant stands
  int constant_input = 1;  // the inputs' numbers
  int other_input = 0;
  MatrixView constant;  // where its elements are, or those of the first
  // Product number i has constant number i % constants, which lies so many elements behind the one
  // in front of it.
  int64_t constants = 1, constant_step = 0;
  int64_t products = 1;
  int64_t other_size = 0;              // kLeft: columns of each of the others; kRight: their rows
  std::optional<WindowMatrix> window;  // kLeft: what the others are made of
  // With a window: the constant's terms are those of planes, each under all taps, and so far apart
  // lie its elements of one plane and the next, of one tap and the next.
  int64_t plane_stride = 0, tap_stride = 0;
  std::optional<NodeRowMap> map = {};  // kLeft, without a window
  int bias_input = -1;  // an element for each row (kLeft) or column (kRight) of the constants
  // Whether this is reckoned to be the best way to compute the node at all; and whether in
  // bfloat16.
  bool pays = true;
  bool pays_rounded = true;
};

// Where a constant's elements are, for PackedNode::constant; null where they are not float32.
const float* FloatsOf(const Tensor& constant);

// None where the node is no such product.
using PackedNodeFn = std::function<std::optional<PackedNode>(const PrepareContext& context)>;

// What is fused behind a node whose kernel takes VectorSteps; an operand is an input.
struct FusedStep {
  VectorStep step;
  int input = -1;
};
// The input that the first step takes whole, element by element; -1 where it takes none so.
int WholeInputOf(const std::vector<FusedStep>& steps);
// None where the kernel cannot take what is fused. The output is one matrix behind the other, each
// of so many rows and columns. An operand has the output's shape; or it has an element for each row
// (kLeft: the rows are the output's axis 1) or column (kRight: its last axis).
std::optional<std::vector<FusedStep>> FusedSteps(const PrepareContext& context, ProductSide side,
                                                 int64_t rows, int64_t columns);
// The same for one run: an operand is where that input lies.
std::vector<VectorStep> StepsOfRun(const std::vector<FusedStep>& steps,
                                   const KernelContext& context);

// The products of a node as one run finds them.
class NodeProducts {
 public:
  NodeProducts(const PackedNode& node, std::vector<FusedStep> steps);
  const PackedNode& node() const { return node_; }
  // What all of them have in common.
  PackedProduct Common() const;
  // Says where the tensors of product number `i` are, but for the packed one.
  void SetAddresses(const KernelContext& context, int64_t i, PackedProduct& product) const;

 private:
  PackedNode node_;
  std::vector<FusedStep> steps_;
};
// None where the products cannot take what is fused.
std::optional<std::vector<FusedStep>> StepsOf(const PackedNode& node,
                                              const PrepareContext& context);

// A team of threads costs some microseconds, and beside other busy processes a thousand times as
// much: `threads`, or 1 for a product that is not worth it.
int ProductThreads(const PackedNode& node, int threads);

// For OpDef::Fast. It serves nodes for which one of these is the fastest way on this machine: the
// forms "packed product" and "product of rows" (core/form/form.h).
FastKernel FastPacked(PackedNodeFn describe);

}  // namespace nomograph

#endif  // NOMOGRAPH_OPS_MATH_PACKED_KERNEL_H_
