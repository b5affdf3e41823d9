#include "nomograph/ops/math/reduce_examples.h"

namespace nomograph::math {
namespace {

using Ints = std::vector<int64_t>;

Tensor Doubles(const Shape& shape, const std::vector<double>& values) {
  return Tensor::Of<double>(shape, values);
}

}  // namespace

ExampleTable ReduceExamples(const ReduceCases& c) {
  const Tensor x = Doubles({2, 3}, c.x);
  ExampleTable examples;
  const auto add = [&](std::string name, Attributes attrs, const Tensor& input,
                       const Tensor& output) {
    examples.AddForEach(c.types, {.name = std::move(name),
                                  .attrs = std::move(attrs),
                                  .inputs = {input},
                                  .outputs = {output}});
  };
  add("all axes", {}, x, Doubles({1, 1}, {c.all}));
  add("all axes, to a scalar", {{"keepdims", false}}, x, Doubles({}, {c.all}));
  add("last axis", {{"axes", Ints{1}}, {"keepdims", false}}, x, Doubles({2}, c.rows));
  add("negative axis", {{"axes", Ints{-2}}}, x, Doubles({1, 3}, c.columns));
  add("outer and inner axis", {{"axes", Ints{2, 0}}}, x.Reshaped({2, 3, 1}),
      Doubles({1, 3, 1}, c.columns));
  add("axis in the middle", {{"axes", Ints{1}}}, x.Reshaped({1, 2, 3}),
      Doubles({1, 1, 3}, c.columns));
  add("no axis", {{"noop_with_empty_axes", true}}, x, Doubles({2, 3}, c.each));
  add("empty axis", {{"axes", Ints{1}}, {"keepdims", false}}, Doubles({2, 0}, {}),
      Doubles({2}, {c.empty, c.empty}));
  add("empty result", {{"axes", Ints{1}}}, Doubles({0, 3}, {}), Doubles({0, 1}, {}));
  const Tensor axes = Tensor::Vector<int64_t>({0});
  for (const Example& example : ExampleTable().AddForEach(
           c.types,
           {.name = "axes as input", .inputs = {x}, .outputs = {Doubles({1, 3}, c.columns)}})()) {
    Example with_axes = example;
    with_axes.inputs.push_back(axes);
    examples.Add(std::move(with_axes));
  }
  return examples;
}

}  // namespace nomograph::math
