// Patterns: how exporters write an op that their format lacks, or lacked once, with others. Where
// one stands in a graph, the op takes its place:
//
//   const Pattern x = Pattern::Input(0);
//   op.Written(Pattern::AnyOrder("math.Mul", x, Pattern::Op("nn.Sigmoid", {x})));   // x *
//   sigmoid(x)
#ifndef NOMOGRAPH_CORE_OP_PATTERN_H_
#define NOMOGRAPH_CORE_OP_PATTERN_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "nomograph/core/types/attributes.h"

namespace nomograph {

class InferContext;

// An expression over the op's inputs. It is a value; one that is used in several places means the
// same tensor in all of them.
class Pattern {
 public:
  // The op's input `i`: any tensor.
  static Pattern Input(int i);
  // A constant whose elements all are `value`, up to the rounding of their type.
  static Pattern Number(double value);
  // A constant with one element, which becomes the op's attribute.
  static Pattern Attribute(std::string attr);
  // A constant with one element, by which the op's attribute, 1 where nothing else is found, is
  // multiplied or divided.
  static Pattern Factor(std::string attr);
  static Pattern Divisor(std::string attr);
  // What a node of that op, whatever its version, yields with its one output.
  static Pattern Op(std::string op, std::vector<Pattern> inputs);
  // The same where a and b may change places.
  static Pattern AnyOrder(std::string op, Pattern a, Pattern b);
  // The first of several that matches. What is behind it has no say in the choice, and a node
  // that others read, too, is none of them.
  static Pattern Either(std::vector<Pattern> alternatives);
  // The node is one only where this holds of its attributes, its inputs and its output.
  using Condition = std::function<bool(const InferContext& node, const TensorType& output)>;
  Pattern Where(Condition condition) const;
  // The op takes over the node's attributes, but those that what stands behind the node has set; it
  // must have all of them.
  Pattern GivesAttributes() const;
  // The op takes over that attribute of the node.
  Pattern GivesAttribute(std::string attr) const;
  // The same under another name.
  Pattern GivesAttributeAs(std::string attr, std::string name) const;
  // The op has that value of an attribute where the node is found.
  Pattern SetsAttribute(std::string attr, AttrValue value) const;
  // An input that no node of that op yields.
  Pattern NotFrom(std::string op) const;

  enum class Kind { kInput, kNumber, kAttribute, kFactor, kDivisor, kOp, kEither };
  struct Node {
    Kind kind;
    int input = 0;
    double number = 0;
    std::string name = {};  // of the op or attribute
    bool any_order = false;
    std::vector<Pattern> inputs = {};  // kEither: the alternatives
    Condition condition = {};
    bool gives_attributes = false;
    // The attributes that the op takes over, by their names there and here.
    std::vector<std::pair<std::string, std::string>> given = {};
    std::vector<std::pair<std::string, AttrValue>> set = {};  // those that follow from the node
    std::string not_from = {};                                // the op that must not yield an input
  };
  const Node& node() const { return *node_; }
  bool operator==(const Pattern& other) const { return node_ == other.node_; }

 private:
  explicit Pattern(Node node) : node_(std::make_shared<const Node>(std::move(node))) {}
  std::shared_ptr<const Node> node_;
};

// A condition: the last axis has become one of size 1, as a reduction over it with keepdims makes
// it.
bool ReducesLastAxis(const InferContext& node, const TensorType& output);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_OP_PATTERN_H_
