#include "nomograph/core/op/pattern.h"

#include <utility>

#include "nomograph/core/op/op.h"

namespace nomograph {

Pattern Pattern::Input(int i) { return Pattern({.kind = Kind::kInput, .input = i}); }

Pattern Pattern::Number(double value) { return Pattern({.kind = Kind::kNumber, .number = value}); }

Pattern Pattern::Attribute(std::string attr) {
  return Pattern({.kind = Kind::kAttribute, .name = std::move(attr)});
}

Pattern Pattern::Factor(std::string attr) {
  return Pattern({.kind = Kind::kFactor, .name = std::move(attr)});
}

Pattern Pattern::Divisor(std::string attr) {
  return Pattern({.kind = Kind::kDivisor, .name = std::move(attr)});
}

Pattern Pattern::Op(std::string op, std::vector<Pattern> inputs) {
  return Pattern({.kind = Kind::kOp, .name = std::move(op), .inputs = std::move(inputs)});
}

Pattern Pattern::AnyOrder(std::string op, Pattern a, Pattern b) {
  return Pattern({.kind = Kind::kOp,
                  .name = std::move(op),
                  .any_order = true,
                  .inputs = {std::move(a), std::move(b)}});
}

Pattern Pattern::Either(std::vector<Pattern> alternatives) {
  return Pattern({.kind = Kind::kEither, .inputs = std::move(alternatives)});
}

Pattern Pattern::Where(Condition condition) const {
  Node node = *node_;
  node.condition = std::move(condition);
  return Pattern(std::move(node));
}

Pattern Pattern::GivesAttributes() const {
  Node node = *node_;
  node.gives_attributes = true;
  return Pattern(std::move(node));
}

Pattern Pattern::GivesAttribute(std::string attr) const { return GivesAttributeAs(attr, attr); }

Pattern Pattern::GivesAttributeAs(std::string attr, std::string name) const {
  Node node = *node_;
  node.given.emplace_back(std::move(attr), std::move(name));
  return Pattern(std::move(node));
}

Pattern Pattern::SetsAttribute(std::string attr, AttrValue value) const {
  Node node = *node_;
  node.set.emplace_back(std::move(attr), std::move(value));
  return Pattern(std::move(node));
}

Pattern Pattern::NotFrom(std::string op) const {
  Node node = *node_;
  node.not_from = std::move(op);
  return Pattern(std::move(node));
}

bool ReducesLastAxis(const InferContext& node, const TensorType& output) {
  const PartialShape& x = node.shape(0);
  if (!x.has_rank() || x.rank() == 0 || !output.shape.has_rank() ||
      output.shape.rank() != x.rank()) {
    return false;
  }
  const int last = x.rank() - 1;
  for (int axis = 0; axis < last; ++axis) {
    if (x[axis] != output.shape[axis]) return false;
  }
  return output.shape[last] == Dim(1) && x[last] != Dim(1);
}

}  // namespace nomograph
