#include "nomograph/ops/math/einsum_equation.h"

#include <algorithm>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "nomograph/core/types/status.h"

namespace nomograph::math {
namespace {

constexpr absl::string_view kEllipsis = "...";

absl::StatusOr<EinsumTerm> ParseTerm(absl::string_view text) {
  EinsumTerm term;
  while (!text.empty()) {
    if (absl::StartsWith(text, kEllipsis)) {
      if (term.has_ellipsis()) return InvalidArgument("expected one ellipsis, found two");
      term.ellipsis = static_cast<int>(term.letters.size());
      text.remove_prefix(kEllipsis.size());
    } else if (absl::ascii_isalpha(text[0])) {
      term.letters.push_back(text[0]);
      text.remove_prefix(1);
    } else {
      return InvalidArgument("expected letters and ..., found \"", text.substr(0, 1), "\"");
    }
  }
  return term;
}

bool Occurs(const std::vector<EinsumTerm>& terms, char letter) {
  return std::any_of(terms.begin(), terms.end(), [&](const EinsumTerm& term) {
    return absl::StrContains(term.letters, letter);
  });
}

absl::Status CheckOutput(const EinsumEquation& equation) {
  const std::string& letters = equation.output.letters;
  for (const char letter : letters) {
    if (std::count(letters.begin(), letters.end(), letter) > 1) {
      return InvalidArgument("output: ", absl::string_view(&letter, 1), " occurs twice");
    }
    if (!Occurs(equation.operands, letter)) {
      return InvalidArgument("output: ", absl::string_view(&letter, 1), " occurs in no operand");
    }
  }
  return absl::OkStatus();
}

EinsumTerm ImplicitOutput(const std::vector<EinsumTerm>& operands) {
  EinsumTerm output;
  std::map<char, int> counts;
  for (const EinsumTerm& term : operands) {
    if (term.has_ellipsis()) output.ellipsis = 0;
    for (const char letter : term.letters) ++counts[letter];
  }
  for (const auto& [letter, count] : counts) {
    if (count == 1) output.letters.push_back(letter);
  }
  return output;
}

absl::StatusOr<EinsumEquation> Parse(absl::string_view text) {
  EinsumEquation equation;
  const std::vector<absl::string_view> sides = absl::StrSplit(text, absl::MaxSplits("->", 1));
  for (const absl::string_view operand : absl::StrSplit(sides[0], ',')) {
    auto term = ParseTerm(operand);
    NOMO_RETURN_IF_ERROR(
        Annotate(term.status(), absl::StrCat("operand ", equation.operands.size())));
    equation.operands.push_back(*std::move(term));
  }
  if (sides.size() == 1) {
    equation.output = ImplicitOutput(equation.operands);
    return equation;
  }
  auto output = ParseTerm(sides[1]);
  NOMO_RETURN_IF_ERROR(Annotate(output.status(), "output"));
  equation.output = *std::move(output);
  NOMO_RETURN_IF_ERROR(CheckOutput(equation));
  return equation;
}

// Gives axes their indices.
class Binder {
 public:
  Binder(const EinsumEquation& equation, absl::Span<const PartialShape> operands)
      : equation_(equation), operands_(operands) {}

  absl::StatusOr<EinsumIndices> Bind() {
    NOMO_RETURN_IF_ERROR(CheckRanks());
    for (const int key : Keys(equation_.output, ellipsis_rank_)) IndexOf(key);
    indices_.output_rank = static_cast<int>(indices_.sizes.size());
    for (size_t i = 0; i < operands_.size(); ++i) {
      NOMO_RETURN_IF_ERROR(
          Annotate(BindOperand(equation_.operands[i], operands_[i]), absl::StrCat("operand ", i)));
    }
    // What only the output's ellipsis stands for has no axes, so that every index has a size now.
    return std::move(indices_);
  }

 private:
  absl::Status CheckRanks() {
    if (equation_.operands.size() != operands_.size()) {
      return InvalidArgument("the equation has ", equation_.operands.size(), " operands, the node ",
                             operands_.size());
    }
    for (size_t i = 0; i < operands_.size(); ++i) {
      const EinsumTerm& term = equation_.operands[i];
      const int letters = static_cast<int>(term.letters.size()), rank = operands_[i].rank();
      if (rank < letters || (rank > letters && !term.has_ellipsis())) {
        return InvalidArgument("operand ", i, ": expected ", term.has_ellipsis() ? "at least " : "",
                               letters, " axes, found shape ", operands_[i].ToString());
      }
      ellipsis_rank_ = std::max(ellipsis_rank_, rank - letters);
    }
    if (ellipsis_rank_ == 0 || equation_.output.has_ellipsis()) return absl::OkStatus();
    return InvalidArgument("output: expected an ellipsis for the ", ellipsis_rank_,
                           " axes that it stands for in the operands");
  }

  // A key for each axis: its letter, or which axis of the ellipsis it is, counted from the last.
  static std::vector<int> Keys(const EinsumTerm& term, int ellipsis_rank) {
    std::vector<int> keys(term.letters.begin(), term.letters.end());
    if (!term.has_ellipsis()) return keys;
    for (int axis = 0; axis < ellipsis_rank; ++axis) {
      keys.insert(keys.begin() + term.ellipsis, -1 - axis);
    }
    return keys;
  }

  int IndexOf(int key) {
    const auto [it, is_new] = index_of_.try_emplace(key, static_cast<int>(indices_.sizes.size()));
    if (is_new) indices_.sizes.push_back(Dim(1));
    return it->second;
  }

  absl::Status BindOperand(const EinsumTerm& term, const PartialShape& shape) {
    const int letters = static_cast<int>(term.letters.size());
    const std::vector<int> keys = Keys(term, shape.rank() - letters);
    std::vector<int>& axes = indices_.operands.emplace_back();
    std::map<int, Dim> sizes;  // of this operand's axes, by index
    for (int axis = 0; axis < shape.rank(); ++axis) {
      const int index = IndexOf(keys[axis]);
      axes.push_back(index);
      const auto known = sizes.try_emplace(index, shape[axis]).first;
      const auto merged = Merge(PartialShape{known->second}, PartialShape{shape[axis]});
      if (!merged.ok()) return Mismatch(keys[axis], known->second, shape[axis]);
      known->second = (*merged)[0];
      const auto common =
          Broadcast(PartialShape{indices_.sizes[index]}, PartialShape{known->second});
      if (!common.ok()) return Mismatch(keys[axis], indices_.sizes[index], shape[axis]);
      indices_.sizes[index] = (*common)[0];
    }
    return absl::OkStatus();
  }

  static absl::Status Mismatch(int key, const Dim& expected, const Dim& found) {
    const std::string name = key < 0 ? absl::StrCat("axis ", key, " of the ellipsis")
                                     : std::string(1, static_cast<char>(key));
    return InvalidArgument(name, ": expected size ", expected.ToString(), ", found ",
                           found.ToString());
  }

  const EinsumEquation& equation_;
  const absl::Span<const PartialShape> operands_;
  int ellipsis_rank_ = 0;
  std::map<int, int> index_of_;  // by key
  EinsumIndices indices_;
};

}  // namespace

absl::StatusOr<EinsumEquation> ParseEinsum(absl::string_view equation) {
  auto parsed = Parse(absl::StrReplaceAll(equation, {{" ", ""}}));
  if (!parsed.ok()) return Annotate(parsed.status(), absl::StrCat("equation \"", equation, "\""));
  return parsed;
}

PartialShape EinsumIndices::OutputShape() const {
  return PartialShape(std::vector<Dim>(sizes.begin(), sizes.begin() + output_rank));
}

absl::StatusOr<EinsumIndices> BindEinsum(const EinsumEquation& equation,
                                         absl::Span<const PartialShape> operands) {
  return Binder(equation, operands).Bind();
}

}  // namespace nomograph::math
