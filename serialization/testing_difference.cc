// FirstDifference: every field of two models compared.
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nomograph/serialization/testing.h"

namespace nomograph {
namespace {

// Equal, and NaN equal to NaN.
bool Same(double a, double b) {
  return (a == b && std::signbit(a) == std::signbit(b)) || (std::isnan(a) && std::isnan(b));
}

bool Same(const AttrValue& a, const AttrValue& b) {
  const double* const x = a.As<double>();
  const double* const y = b.As<double>();
  return x != nullptr && y != nullptr ? Same(*x, *y) : a == b;
}

// Collects the first difference.
class Comparison {
 public:
  void Enter(const std::string& place) { places_.push_back(place); }
  void Leave() { places_.pop_back(); }

  template <typename T>
  void Check(const char* field, const T& a, const T& b) {
    Check(field, a == b);
  }
  void Check(const char* field, bool same) {
    if (same || !difference_.empty()) return;
    for (const std::string& place : places_) absl::StrAppend(&difference_, place, ": ");
    difference_ += field;
  }
  // Compares two lists element by element.
  template <typename List, typename F>
  void Each(const char* kind, const List& a, const List& b, F compare) {
    Check(absl::StrCat("number of ", kind, "s").c_str(), a.size() == b.size());
    auto other = b.begin();
    int index = 0;
    for (auto it = a.begin(); it != a.end() && other != b.end(); ++it, ++other) {
      Enter(absl::StrCat(kind, " ", index++));
      compare(*it, *other);
      Leave();
    }
  }

  void Compare(const ValueInfo& a, const ValueInfo& b);
  void Compare(const Node& a, const Node& b);
  void Compare(const Weight& a, const Weight& b);
  void Compare(const Graph& a, const Graph& b);
  void Compare(const Variable& a, const Variable& b);
  void Compare(const LayerInfo& a, const LayerInfo& b);
  void Compare(const GoldenVector& a, const GoldenVector& b);
  void Compare(const Model& a, const Model& b);

  const std::string& difference() const { return difference_; }

 private:
  std::vector<std::string> places_;
  std::string difference_;
};

void Comparison::Compare(const ValueInfo& a, const ValueInfo& b) {
  Check("name", a.name, b.name);
  Check("type", a.type, b.type);
  Check("doc", a.doc, b.doc);
  Check("unknown fields", a.unknown_fields, b.unknown_fields);
}

void Comparison::Compare(const Node& a, const Node& b) {
  Check("name", a.name, b.name);
  Check("op", a.op, b.op);
  Check("version", a.version, b.version);
  Each("attribute", a.attrs, b.attrs, [this](const auto& x, const auto& y) {
    Check("name", x.first, y.first);
    Check("value", Same(x.second, y.second));
  });
  Check("inputs", a.inputs, b.inputs);
  Check("outputs", a.outputs, b.outputs);
  Check("body", a.body, b.body);
  Check("signature", a.signature == b.signature);
  Check("provider", a.provider, b.provider);
  Check("layer", a.layer, b.layer);
  Check("doc", a.doc, b.doc);
  Check("unknown fields", a.unknown_fields, b.unknown_fields);
}

void Comparison::Compare(const Weight& a, const Weight& b) {
  Check("value", a.value, b.value);
  Check("tensor", a.tensor, b.tensor);
  Check("trainable", a.trainable, b.trainable);
  Check("unknown fields", a.unknown_fields, b.unknown_fields);
}

void Comparison::Compare(const Graph& a, const Graph& b) {
  const auto compare = [this](const auto& x, const auto& y) { Compare(x, y); };
  Check("name", a.name, b.name);
  Check("doc", a.doc, b.doc);
  Each("value", a.values, b.values, compare);
  Each("node", a.nodes, b.nodes, compare);
  Each("weight", a.weights, b.weights, compare);
  Check("inputs", a.inputs, b.inputs);
  Check("outputs", a.outputs, b.outputs);
  Check("unknown fields", a.unknown_fields, b.unknown_fields);
}

void Comparison::Compare(const Variable& a, const Variable& b) {
  Check("name", a.name, b.name);
  Check("initial", a.initial, b.initial);
  Check("doc", a.doc, b.doc);
  Check("unknown fields", a.unknown_fields, b.unknown_fields);
}

void Comparison::Compare(const LayerInfo& a, const LayerInfo& b) {
  Check("name", a.name, b.name);
  Check("class", a.class_name, b.class_name);
  Check("outputs", a.outputs, b.outputs);
  Check("unknown fields", a.unknown_fields, b.unknown_fields);
}

void Comparison::Compare(const GoldenVector& a, const GoldenVector& b) {
  Check("name", a.name, b.name);
  Check("inputs", a.inputs, b.inputs);
  Each("output", a.outputs, b.outputs, [this](const auto& x, const auto& y) {
    Check("name", x.first, y.first);
    Check("expected", x.second.expected, y.second.expected);
    Check("rtol", Same(x.second.rtol, y.second.rtol));
    Check("atol", Same(x.second.atol, y.second.atol));
  });
  Check("training", a.training, b.training);
  Check("seed", a.seed, b.seed);
  Check("step", a.step, b.step);
  Check("unknown fields", a.unknown_fields, b.unknown_fields);
}

void Comparison::Compare(const Model& a, const Model& b) {
  const auto compare = [this](const auto& x, const auto& y) { Compare(x, y); };
  Check("name", a.name, b.name);
  Check("doc", a.doc, b.doc);
  Check("producer", a.producer, b.producer);
  Enter("graph");
  Compare(a.graph, b.graph);
  Leave();
  Each("function", a.functions, b.functions, [this](const auto& x, const auto& y) {
    Check("key", x.first, y.first);
    Check("name", x.second.name, y.second.name);
    Compare(x.second.graph, y.second.graph);
    Check("unknown fields", x.second.unknown_fields, y.second.unknown_fields);
  });
  Each("variable", a.variables, b.variables, compare);
  Each("layer", a.layers, b.layers, compare);
  Each("golden vector", a.golden_vectors, b.golden_vectors, compare);
  Check("metadata", a.metadata, b.metadata);
  Check("unknown fields", a.unknown_fields, b.unknown_fields);
}

}  // namespace

std::string FirstDifference(const Model& a, const Model& b) {
  Comparison comparison;
  comparison.Compare(a, b);
  return comparison.difference();
}

}  // namespace nomograph
