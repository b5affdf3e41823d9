#include "nomograph/ops/math/einsum_gradient.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nomograph/ops/math/einsum_equation.h"
#include "nomograph/ops/math/reduce.h"

namespace nomograph::math {
namespace {

using Ints = std::vector<int64_t>;

constexpr int kMaxOperands = 32;

// The terms of an equation with a letter for each axis: also for those of the ellipsis.
struct Terms {
  std::vector<std::string> operands;
  std::string output;
};

// Letters that the equation lacks.
absl::StatusOr<std::string> FreshLetters(const EinsumEquation& equation, int count) {
  std::string fresh;
  for (const char first : {'a', 'A'}) {
    for (char letter = first; letter < first + 26 && static_cast<int>(fresh.size()) < count;
         ++letter) {
      const bool taken = std::any_of(
          equation.operands.begin(), equation.operands.end(),
          [&](const EinsumTerm& term) { return absl::StrContains(term.letters, letter); });
      if (!taken) fresh.push_back(letter);
    }
  }
  if (static_cast<int>(fresh.size()) == count) return fresh;
  return InvalidArgument("the gradient needs ", count, " letters for the axes of the ellipsis, ",
                         "and the equation leaves ", fresh.size());
}

std::string Spelled(const EinsumTerm& term, absl::string_view ellipsis) {
  if (!term.has_ellipsis()) return term.letters;
  std::string letters = term.letters;
  return letters.insert(term.ellipsis, std::string(ellipsis));
}

absl::StatusOr<Terms> SpellOut(const GradientContext& g) {
  NOMO_ASSIGN_OR_RETURN(const EinsumEquation equation, ParseEinsum(g.attrs().String("equation")));
  std::vector<int> ellipses;  // of each operand: for how many axes it stands
  for (int i = 0; i < g.num_inputs(); ++i) {
    const EinsumTerm& term = equation.operands[i];
    if (term.has_ellipsis() && !g.input(i).shape().has_rank()) {
      return InvalidArgument("operand ", i, ": the number of axes must be known");
    }
    ellipses.push_back(term.has_ellipsis()
                           ? g.input(i).shape().rank() - static_cast<int>(term.letters.size())
                           : 0);
  }
  const int longest = *std::max_element(ellipses.begin(), ellipses.end());
  NOMO_ASSIGN_OR_RETURN(const std::string fresh, FreshLetters(equation, longest));
  Terms terms;
  for (int i = 0; i < g.num_inputs(); ++i) {
    terms.operands.push_back(
        Spelled(equation.operands[i], absl::string_view(fresh).substr(longest - ellipses[i])));
  }
  terms.output = Spelled(equation.output, fresh);
  return terms;
}

// Whether index `row` of an axis is index `column` of another one, among `rank` axes, of which the
// others have size 1. Both have the size of x's axis `row`.
Value Diagonal(const Value& x, int row, int column, int rank) {
  const Value end = At(ShapeOf(x), row);
  const Value numbers = Call("array.Range", {ConstantLike(0, end), end, ConstantLike(1, end)});
  const auto along = [&](int axis) {
    Ints others;
    for (int i = 0; i < rank; ++i) {
      if (i != axis) others.push_back(i);
    }
    return Call("array.Unsqueeze", {numbers}, {{"axes", others}});
  };
  return along(row) == along(column);
}

// `value`, which broadcasts with x, of x's shape: repeated along axes where only x is longer,
// summed over those where only x has size 1.
Value FitTo(const Value& value, const Value& x) {
  const PartialShape &from = value.shape(), &to = x.shape();
  bool repeated = !from.has_rank() || !to.has_rank();
  for (int axis = 0; !repeated && axis < from.rank(); ++axis) {
    const bool same =
        from[axis] == to[axis] && (from[axis].known() || !from[axis].symbol().empty());
    repeated = !same && to[axis] != Dim(1);
  }
  return SumTo(repeated ? Call("array.Expand", {value, ShapeOf(x)}) : value, x);
}

// The gradient of operand k: the product of the output's gradient and the other operands, summed
// over what the operand lacks. Over an index that it has alone the gradient is repeated; where a
// letter is twice in its term only the diagonal has one.
Value OperandGradient(const GradientContext& g, const Terms& terms, int k) {
  std::vector<Value> factors = {g.gradient(0)};
  std::vector<std::string> given = {terms.output};
  for (int i = 0; i < g.num_inputs(); ++i) {
    if (i == k) continue;
    factors.push_back(g.input(i));
    given.push_back(terms.operands[i]);
  }
  const std::string& term = terms.operands[k];
  const std::string known = absl::StrJoin(given, ",");
  std::string result;
  Ints inserted;
  for (int axis = 0; axis < static_cast<int>(term.size()); ++axis) {
    const bool found = absl::StrContains(known, term[axis]);
    if (found && !absl::StrContains(result, term[axis])) {
      result.push_back(term[axis]);
    } else {
      inserted.push_back(axis);
    }
  }
  Value dx =
      Call("math.Einsum", std::move(factors), {{"equation", absl::StrCat(known, "->", result)}});
  if (!inserted.empty()) dx = Call("array.Unsqueeze", {dx}, {{"axes", inserted}});
  for (const int64_t axis : inserted) {
    const int first = static_cast<int>(term.find(term[axis]));
    if (first == axis) continue;
    const Value diagonal =
        Diagonal(g.input(k), first, static_cast<int>(axis), static_cast<int>(term.size()));
    dx = Call("array.Where", {diagonal, dx, ConstantLike(0, dx)});
  }
  return FitTo(dx, g.input(k));
}

}  // namespace

absl::StatusOr<std::vector<Value>> EinsumGradient(const GradientContext& g) {
  if (g.num_inputs() > kMaxOperands) {
    return InvalidArgument("expected at most ", kMaxOperands, " operands, found ", g.num_inputs());
  }
  NOMO_ASSIGN_OR_RETURN(const Terms terms, SpellOut(g));
  std::vector<Value> result(g.num_inputs());
  for (int k = 0; k < g.num_inputs(); ++k) {
    if (g.wants(k)) result[k] = OperandGradient(g, terms, k);
  }
  return result;
}

}  // namespace nomograph::math
