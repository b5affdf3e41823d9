// A product with a weight along axes that an equation names. Keras: keras.layers.EinsumDense. It is
// made from configurations.
#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "nomograph/core/layers/internal.h"

namespace nomograph {
namespace {

using OutputSizes = std::vector<std::optional<int64_t>>;  // behind the batch; null as the input has

// "ab...,bc->ac..." taken apart. Ellipses stand for the same axes of input and result, at the same
// end of both.
struct Equation {
  std::string input, weight, output;  // letters alone
  bool ellipsis_first = false, ellipsis_last = false;
};

bool AreLetters(absl::string_view term) {
  for (size_t i = 0; i < term.size(); ++i) {
    if (!absl::ascii_isalpha(term[i]) || term.find(term[i], i + 1) != term.npos) return false;
  }
  return !term.empty();
}

absl::StatusOr<Equation> ParseEquation(absl::string_view text) {
  const auto wrong = [&] {
    return InvalidArgument(
        "equation: expected one such as \"ab,bc->ac\" or \"...b,bc->...c\", found \"", text, "\"");
  };
  const size_t comma = text.find(','), arrow = text.find("->");
  if (comma == text.npos || arrow == text.npos || arrow < comma) return wrong();
  absl::string_view input = text.substr(0, comma), output = text.substr(arrow + 2);
  const absl::string_view weight = text.substr(comma + 1, arrow - comma - 1);
  Equation equation;
  if (absl::ConsumePrefix(&input, "...")) equation.ellipsis_first = true;
  if (absl::ConsumeSuffix(&input, "...")) equation.ellipsis_last = true;
  if (equation.ellipsis_first && !absl::ConsumePrefix(&output, "...")) return wrong();
  if (equation.ellipsis_last && !absl::ConsumeSuffix(&output, "...")) return wrong();
  if (!AreLetters(input) || !AreLetters(weight) || !AreLetters(output) ||
      (equation.ellipsis_first && equation.ellipsis_last)) {
    return wrong();
  }
  for (const char letter : weight) {
    if (!absl::StrContains(input, letter) && !absl::StrContains(output, letter)) return wrong();
  }
  equation.input = std::string(input);
  equation.weight = std::string(weight);
  equation.output = std::string(output);
  return equation;
}

struct EinsumDenseOptions {
  std::string name, equation, activation;
  OutputSizes output_shape;
  std::optional<std::string> bias_axes;
  Initializer kernel_initializer = GlorotUniform(), bias_initializer = "zeros";
};

class EinsumDenseLayer : public internal::OneInputLayer {
 public:
  explicit EinsumDenseLayer(EinsumDenseOptions options)
      : OneInputLayer("EinsumDense", options.name, {.min_rank = 1, .dtypes = kFloats}),
        options_(std::move(options)) {}

  absl::Status CheckOptions() const override {
    const auto equation = ParseEquation(options_.equation);
    absl::Status bias;
    for (const char axis : options_.bias_axes.value_or("")) {
      if (equation.ok() && !absl::StrContains(equation->output, axis)) {
        bias = InvalidArgument("bias_axes: expected letters of the result, found \"",
                               *options_.bias_axes, "\"");
      }
    }
    return internal::AllOf(
        {equation.status(), bias, internal::CheckActivation(options_.activation)});
  }

 private:
  absl::Status BuildFor(const TensorType& input) override {
    NOMO_ASSIGN_OR_RETURN(const Equation equation, ParseEquation(options_.equation));
    NOMO_RETURN_IF_ERROR(BindLetters(equation, input));
    Shape kernel;
    for (const char letter : equation.weight) {
      NOMO_ASSIGN_OR_RETURN(const int64_t size, SizeOf(letter));
      kernel.Append(size);
    }
    kernel_ = Weight("kernel", kernel, options_.kernel_initializer);
    if (!options_.bias_axes || options_.bias_axes->empty()) return absl::OkStatus();
    // From the first of its axes on, so that it broadcasts.
    Shape bias;
    for (const char letter :
         equation.output.substr(equation.output.find_first_of(*options_.bias_axes))) {
      if (!absl::StrContains(*options_.bias_axes, letter)) {
        bias.Append(1);
        continue;
      }
      NOMO_ASSIGN_OR_RETURN(const int64_t size, SizeOf(letter));
      bias.Append(size);
    }
    const int hidden = input.shape.rank() - static_cast<int>(equation.input.size());
    for (int i = 0; equation.ellipsis_last && i < hidden; ++i) bias.Append(1);
    bias_ = Weight("bias", bias, options_.bias_initializer);
    return absl::OkStatus();
  }

  absl::StatusOr<Value> Apply(const Value& x) override {
    Value y = internal::Op("math.Einsum", {x, kernel_}, {{"equation", options_.equation}});
    if (bias_.valid()) y = y + bias_;
    return internal::Activate(y, options_.activation);
  }

  // Finds the sizes of letters in the input and in output_shape, which lacks the first axis.
  absl::Status BindLetters(const Equation& equation, const TensorType& input) {
    const int rank = input.shape.rank(), letters = static_cast<int>(equation.input.size());
    const bool elides = equation.ellipsis_first || equation.ellipsis_last;
    if (elides ? rank < letters : rank != letters) {
      return InvalidArgument("equation \"", options_.equation, "\": expected an input of ",
                             elides ? "at least " : "", letters, " axes, found ", input.ToString());
    }
    const int from = equation.ellipsis_first ? rank - letters : 0;
    for (int i = 0; i < letters; ++i) {
      if (absl::StrContains(equation.weight, equation.input[i])) {
        NOMO_ASSIGN_OR_RETURN(
            sizes_[equation.input[i]],
            BindAxis(input, from + i, absl::StrCat("axis ", equation.input.substr(i, 1))));
      }
    }
    // Sizes stand for the result's letters, but for the first axis, and for those of the ellipsis.
    const size_t count = std::min(options_.output_shape.size(), equation.output.size());
    for (size_t i = 0; i < count; ++i) {
      const size_t place = equation.ellipsis_last ? i : options_.output_shape.size() - 1 - i;
      const size_t at = equation.ellipsis_last ? i + 1 : equation.output.size() - 1 - i;
      if (at >= equation.output.size()) break;
      const auto& size = options_.output_shape[place];
      const char letter = equation.output[at];
      if (!size) continue;
      const auto [known, is_new] = sizes_.emplace(letter, *size);
      if (!is_new && known->second != *size) {
        return InvalidArgument("output_shape: expected ", known->second, " for axis ",
                               std::string(1, letter), ", found ", *size);
      }
    }
    return absl::OkStatus();
  }

  absl::StatusOr<int64_t> SizeOf(char letter) const {
    const auto found = sizes_.find(letter);
    if (found != sizes_.end() && found->second > 0) return found->second;
    return InvalidArgument("output_shape: there is no size for axis ", std::string(1, letter));
  }

  EinsumDenseOptions options_;
  std::map<char, int64_t> sizes_;
  Value kernel_, bias_;
};

struct EinsumDenseSpec {
  EinsumDenseOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v.Required("equation", options.equation,
               "a term of letters for input, weight and result: ab,bc->ac, with ... for axes that "
               "stay");
    v.Required("output_shape", options.output_shape,
               "the result's sizes without the first axis; null as the input has it");
    v.Activation("activation", options.activation);
    v("bias_axes", options.bias_axes, "the result's letters that the bias has; null: no bias");
    v.Weight("kernel", options.kernel_initializer);
    v.Weight("bias", options.bias_initializer);
  }
  Layer Make() const { return MakeLayer<EinsumDenseLayer>(options); }
};
NOMO_REGISTER_LAYER(EinsumDenseSpec, "EinsumDense",
                    internal::Sample({{"equation", "abc,cd->abd"},
                                      {"output_shape", ConfigValue::List{ConfigValue(), 3}},
                                      {"bias_axes", "d"}},
                                     {{2, 4}}));

}  // namespace
}  // namespace nomograph
