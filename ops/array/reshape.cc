// array.Reshape: the same elements, in row-major order, under another shape.
#include <set>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/array/copy_op.h"
#include "nomograph/ops/array/dims.h"

namespace nomograph {
namespace {

// Which sizes `wanted` names. 0 copies the input's size, unless `allowzero`; -1 is left unknown.
absl::StatusOr<PartialShape> NamedSizes(const PartialShape& input, const Ints& wanted,
                                        bool allowzero) {
  NOMO_ASSIGN_OR_RETURN(PartialShape shape, UnknownShape(static_cast<int64_t>(wanted.size())));
  bool inferred = false;
  for (int i = 0; i < shape.rank(); ++i) {
    if (wanted[i] < -1)
      return InvalidArgument("shape: expected sizes of at least -1, found ", wanted[i]);
    if (wanted[i] == -1) {
      if (inferred) return InvalidArgument("shape: -1 may stand once only");
      inferred = true;
    } else if (wanted[i] > 0 || allowzero) {
      shape[i] = Dim(wanted[i]);
    } else if (input.has_rank()) {
      if (i >= input.rank()) {
        return InvalidArgument("shape: 0 copies axis ", i, ", which an input of shape ",
                               input.ToString(), " lacks");
      }
      shape[i] = input[i];
    }
  }
  return shape;
}

// The sizes that are not the same axis in input and output, so that elements are counted even
// beside unknown and empty axes that are merely copied.
struct Rest {
  std::vector<Dim> input, output;
  int inferred = -1;  // the axis of -1; it is not in `output`
};

Rest WithoutCopiedAxes(const PartialShape& input, const PartialShape& shape, const Ints& wanted,
                       bool allowzero) {
  Rest rest;
  std::set<int> copied;
  for (int i = 0; i < shape.rank(); ++i) {
    if (wanted[i] == -1) {
      rest.inferred = i;
    } else if (wanted[i] == 0 && !allowzero) {
      copied.insert(i);
    } else {
      rest.output.push_back(shape[i]);
    }
  }
  for (int i = 0; i < input.rank(); ++i) {
    if (!copied.contains(i)) rest.input.push_back(input[i]);
  }
  return rest;
}

// The size of the axis of -1: what is left of `input` when it is divided by `output`.
absl::StatusOr<Dim> Quotient(const std::vector<Dim>& input, const Dim& output) {
  if (output.size() == 0) return InvalidArgument("shape: -1 is not determined beside a size of 0");
  NOMO_ASSIGN_OR_RETURN(const Dim count, Product(input));
  if (count.known()) {
    if (count.size() % output.size() == 0) return Dim(count.size() / output.size());
    return InvalidArgument("shape: ", count.size(), " elements cannot be divided by ",
                           output.size());
  }
  // batch * 5 * 2 over 10 is batch.
  std::vector<Dim> sizes, symbols;
  for (const Dim& dim : input) (dim.known() ? sizes : symbols).push_back(dim);
  NOMO_ASSIGN_OR_RETURN(const Dim known, Product(sizes));
  return known == output && symbols.size() == 1 ? symbols[0] : Dim();
}

absl::StatusOr<PartialShape> NewShape(const PartialShape& input, const Ints& wanted,
                                      bool allowzero) {
  NOMO_ASSIGN_OR_RETURN(PartialShape shape, NamedSizes(input, wanted, allowzero));
  if (!input.has_rank()) return shape;
  const Rest rest = WithoutCopiedAxes(input, shape, wanted, allowzero);
  NOMO_ASSIGN_OR_RETURN(const Dim output, Product(rest.output));
  if (rest.inferred >= 0) {
    NOMO_ASSIGN_OR_RETURN(shape[rest.inferred], Quotient(rest.input, output));
    return shape;
  }
  NOMO_ASSIGN_OR_RETURN(const Dim count, Product(rest.input));
  if (count.known() && count != output) {
    return InvalidArgument("shape: an input of shape ", input.ToString(),
                           " does not have the elements of ", shape.ToString());
  }
  return shape;
}

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  NOMO_ASSIGN_OR_RETURN(const IntsArg shape, GetRequiredInts(context, "shape", 1));
  PartialShape result;
  if (shape.known) {
    NOMO_ASSIGN_OR_RETURN(
        result, NewShape(context.shape(0), shape.values, context.attrs().Bool("allowzero")));
  } else {
    NOMO_ASSIGN_OR_RETURN(result, UnknownShape(shape.count));
  }
  return std::vector<TensorType>{{context.dtype(0), result}};
}

std::vector<Example> Examples() {
  const Tensor x = Tensor::Of<float>({2, 3, 2}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  const Tensor empty = Tensor::Of<int32_t>({0, 3, 4}, {});
  return {
      {.name = "sizes",
       .attrs = {{"shape", Ints{3, 4}}},
       .inputs = {x},
       .outputs = {x.Reshaped({3, 4})}},
      {.name = "the rest",
       .attrs = {{"shape", Ints{-1, 4}}},
       .inputs = {x},
       .outputs = {x.Reshaped({3, 4})}},
      {.name = "copied size",
       .attrs = {{"shape", Ints{0, -1}}},
       .inputs = {x},
       .outputs = {x.Reshaped({2, 6})}},
      {.name = "to a scalar",
       .attrs = {{"shape", Ints{}}},
       .inputs = {Tensor::Of<bool>({1, 1}, {true})},
       .outputs = {Tensor::Scalar(true)}},
      {.name = "the rest of an empty batch",
       .attrs = {{"shape", Ints{0, -1}}},
       .inputs = {empty},
       .outputs = {empty.Reshaped({0, 12})}},
      {.name = "allowzero",
       .attrs = {{"shape", Ints{3, 0}}, {"allowzero", true}},
       .inputs = {empty},
       .outputs = {empty.Reshaped({3, 0})}},
      {.name = "shape as an input",
       .inputs = {x, Tensor::Vector<int64_t>({-1, 2, 1})},
       .outputs = {x.Reshaped({6, 2, 1})}},
  };
}

NOMO_REGISTER_OP(ViewOp(
    OpDef("array.Reshape")
        .Doc("y has the elements of x in row-major order under another shape of equally many "
             "elements. The shape is the attribute or else the input; in it, 0 copies the size of "
             "x's axis at the same place, and -1, which may stand once, takes what is left.")
        .Source("ONNX Reshape; Keras Reshape")
        .Known({.as = "onnx",
                .name = "Reshape",
                .since = 5,
                .attrs = {{"shape", KnownAttr::kInput, "", 1}}})
        .TypeVar("T", kStoredType)
        .Input("x", "T", "any shape")
        .OptionalInput("shape", "int64", "a vector of sizes")
        .Output("y", "T", "the shape that is asked for")
        .OptionalAttr("shape", AttrType::kInts, "the sizes")
        .Attr("allowzero", false, "0 means an axis of size 0")
        .Infer(Infer)
        .InLowPrecision(LowPrecision::kFollows)
        .Gradient(UnaryGradient([](const Value& x, const Value&, const Value& dy) {
          return ReshapeLike(dy, x);
        }))
        .Examples(Examples)));

}  // namespace
}  // namespace nomograph
