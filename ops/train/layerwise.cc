// train.LambUpdate, train.AdafactorUpdate: steps whose length is that of the whole weight.
#include <algorithm>
#include <cmath>

#include "nomograph/core/numeric/exact_math.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/train/update_op.h"

namespace nomograph::train {
namespace {

// Of float32 or float64 tensors of one type: `function<T>()` with the type of their elements.
template <typename Function>
absl::Status ForFloats(DType dtype, const Function& function) {
  return dtype == DType::kFloat32 ? function(float{}) : function(double{});
}

absl::Status Lamb(const WholeUpdate& update) {
  const Attributes& attrs = update.context.attrs();
  const double beta_1 = attrs.Float("beta_1"), beta_2 = attrs.Float("beta_2");
  const double m_scale = 1 / (1 - exact::Pow(beta_1, update.step));
  const double v_scale = 1 / (1 - exact::Pow(beta_2, update.step));
  const double epsilon = attrs.Float("epsilon");
  const TensorType type = update.weight.type();
  NOMO_ASSIGN_OR_RETURN(Tensor m_slot, EditSlot(update.context, "m", type));
  NOMO_ASSIGN_OR_RETURN(Tensor v_slot, EditSlot(update.context, "v", type));
  Tensor weight = update.weight;
  return ForFloats(type.dtype, [&](auto zero) {
    using T = decltype(zero);
    const auto w = weight.mutable_data<T>(), m = m_slot.mutable_data<T>(),
               v = v_slot.mutable_data<T>();
    const auto g = update.gradient.data<T>();
    const auto step = [&](size_t i) {
      return m[i] * m_scale / (std::sqrt(v[i] * v_scale) + epsilon);
    };
    double weight_squares = 0, step_squares = 0;
    for (size_t i = 0; i < w.size(); ++i) {
      m[i] += static_cast<T>((g[i] - m[i]) * (1 - beta_1));
      v[i] += static_cast<T>((1.0 * g[i] * g[i] - v[i]) * (1 - beta_2));
      weight_squares += 1.0 * w[i] * w[i];
      step_squares += step(i) * step(i);
    }
    const bool both = weight_squares > 0 && step_squares > 0;
    const double ratio = both ? std::sqrt(weight_squares) / std::sqrt(step_squares) : 1;
    for (size_t i = 0; i < w.size(); ++i)
      w[i] -= static_cast<T>(ratio * update.learning_rate * step(i));
    return absl::OkStatus();
  });
}

template <typename T>
double MeanOfSquares(absl::Span<const T> x) {
  double sum = 0;
  for (const T element : x) sum += 1.0 * element * element;
  return x.empty() ? 0 : sum / static_cast<double>(x.size());
}

// A tensor as matrices [rows, columns], one behind the other.
struct Matrices {
  int64_t count = 1, rows = 1, columns = 1;
  explicit Matrices(const Shape& shape) {
    for (int axis = 0; axis + 2 < shape.rank(); ++axis) count *= shape[axis];
    rows = shape[shape.rank() - 2];
    columns = shape[shape.rank() - 1];
  }
};

// The means of squares by row and by column, in place of those of the elements. `direction` becomes
// the gradient divided by the roots of what they stand for.
template <typename T>
void DivideByFactors(const Matrices& shape, double beta, double epsilon, absl::Span<const T> g,
                     absl::Span<T> row_means, absl::Span<T> column_means,
                     absl::Span<double> direction) {
  const int64_t rows = shape.rows, columns = shape.columns;
  std::vector<double> in_columns(columns);
  for (int64_t k = 0; k < shape.count; ++k) {
    const T* const gradient = g.data() + k * rows * columns;
    T* const r = row_means.data() + k * rows;
    T* const c = column_means.data() + k * columns;
    std::fill(in_columns.begin(), in_columns.end(), 0);
    double mean = 0;  // of r
    for (int64_t i = 0; i < rows; ++i) {
      double in_row = 0;
      for (int64_t j = 0; j < columns; ++j) {
        const double square = 1.0 * gradient[i * columns + j] * gradient[i * columns + j] + epsilon;
        in_row += square;
        in_columns[j] += square;
      }
      r[i] = static_cast<T>(beta * r[i] + (1 - beta) * in_row / static_cast<double>(columns));
      mean += r[i] / static_cast<double>(rows);
    }
    for (int64_t j = 0; j < columns; ++j)
      c[j] = static_cast<T>(beta * c[j] + (1 - beta) * in_columns[j] / static_cast<double>(rows));
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t j = 0; j < columns; ++j) {
        const int64_t at = i * columns + j;
        direction[k * rows * columns + at] = gradient[at] / std::sqrt(r[i] / mean * c[j]);
      }
    }
  }
}

absl::Status Adafactor(const WholeUpdate& update) {
  const Attributes& attrs = update.context.attrs();
  const double beta = 1 - exact::Pow(update.step, attrs.Float("beta_2_decay"));
  const double epsilon = attrs.Float("epsilon_1");
  const TensorType type = update.weight.type();
  const Shape& shape = update.weight.shape();
  const bool factored = shape.rank() >= 2;
  std::vector<Tensor> slots;  // of rows and columns, or of the elements
  for (const char* attr : {"r", "c", "v"}) {
    if ((*attr != 'v') != factored) continue;
    if (!attrs.Has(attr)) {
      return InvalidArgument("attribute ", attr,
                             ": expected the name of a variable, which a weight ", "of ",
                             shape.rank(), " axes needs");
    }
    std::vector<int64_t> dims(shape.dims().begin(), shape.dims().end());
    if (*attr == 'r') dims.pop_back();
    if (*attr == 'c') dims.erase(dims.end() - 2);
    NOMO_ASSIGN_OR_RETURN(Tensor slot, EditSlot(update.context, attr, {type.dtype, Shape(dims)}));
    slots.push_back(std::move(slot));
  }
  Tensor weight = update.weight;
  return ForFloats(type.dtype, [&](auto zero) {
    using T = decltype(zero);
    const auto w = weight.mutable_data<T>();
    const auto g = update.gradient.data<T>();
    std::vector<double> direction(w.size());
    if (factored) {
      DivideByFactors<T>(Matrices(shape), beta, epsilon, g, slots[0].mutable_data<T>(),
                         slots[1].mutable_data<T>(), absl::MakeSpan(direction));
    } else {
      const auto v = slots[0].mutable_data<T>();
      for (size_t i = 0; i < w.size(); ++i) {
        v[i] = static_cast<T>(beta * v[i] + (1 - beta) * (1.0 * g[i] * g[i] + epsilon));
        direction[i] = g[i] / std::sqrt(1.0 * v[i]);
      }
    }
    const double size = std::sqrt(MeanOfSquares(absl::MakeConstSpan(direction)));
    const double clip = std::max(1.0, size / attrs.Float("clip_threshold"));
    const double rate =
        std::min(update.learning_rate, 1 / std::sqrt(update.step)) *
        std::max(attrs.Float("epsilon_2"), std::sqrt(MeanOfSquares(absl::Span<const T>(w))));
    for (size_t i = 0; i < w.size(); ++i) w[i] -= static_cast<T>(rate / clip * direction[i]);
    return absl::OkStatus();
  });
}

const std::vector<double> kWeight = {1, -0.5, 0.25, 2, 0.75};
const std::vector<double> kM = {0.1, 0.2, -0.3, 0.4, 0.5}, kV = {0.3, 0.7, 0.4, 0.25, 2};
const std::vector<double> kMAfter = {0.14, 0.08, -0.27, 0.3725, 0.15};
const std::vector<double> kVAfter = {0.29995, 0.7003, 0.3996, 0.249765625, 2.007};

std::vector<Example> LambExamples() {
  const Attributes slots = {{"m", "m"}, {"v", "v"}};
  Attributes decaying = slots;
  decaying.Set("weight_decay", 0.5);
  const auto variables = [](const std::vector<double>& before, const std::vector<double>& after) {
    return std::vector<UpdateExample::Variable>{
        {"w", before, after}, {"m", kM, kMAfter}, {"v", kV, kVAfter}};
  };
  return UpdateExamples({
      {.name = "the third step",
       .attrs = slots,
       .iteration = 2,
       .variables = variables(kWeight, {0.9317299315398077, -0.5255314018448204, 0.36407165979477,
                                        1.800938771869245, 0.7217222851167064})},
      {.name = "decay",
       .attrs = decaying,
       .iteration = 2,
       .variables = variables(kWeight, {0.8851434349628172, -0.4992548317525793, 0.3458680768050315,
                                        1.710891833275783, 0.685636170860871})},
      {.name = "a weight of zeros",
       .attrs = slots,
       .iteration = 2,
       .variables = variables({0, 0, 0, 0, 0},
                              {-0.005163899141293143, -0.001931176971638071, 0.008628298745643836,
                               -0.01505684889723732, -0.002138906125291446})},
  });
}

std::vector<Example> AdafactorExamples() {
  return UpdateExamples({
      {.name = "a vector",
       .attrs = {{"v", "v"}},
       .iteration = 2,
       .variables = {{"w",
                      kWeight,
                      {0.8974343775448591, -0.3806274823527026, 0.25, 1.965322981277744,
                       0.8968064681719492}},
                     {"v",
                      kV,
                      {0.2792378176730747, 0.8245730939615517, 0.2339025413845977,
                       0.1526772703425377, 4.90670552576954}}}},
      {.name = "a matrix",
       .attrs = {{"r", "r"}, {"c", "c"}},
       .iteration = 2,
       .variables =
           {{"w",
             {1, -0.5, 0.25, 2, 0.75, -1.5},
             {0.8259214803115504, -0.3744399711966998, 0.21031023555512, 1.980592556336818,
              0.9179793134529434, -1.570798108241962},
             {2, 3}},
            {"r", {0.3, 0.7}, {0.3570960013990445, 1.795637663210453}},
            {"c", {0.4, 0.25, 2}, {0.289052088190493, 2.222407321057902, 1.39011089414657}}},
       .gradient = {0.5, -1, 0.25, 0.125, -3, 1}},
  });
}

NOMO_REGISTER_OP(
    UpdateOp("train.LambUpdate", Lamb)
        .Doc("A step of LAMB: m += (1 - beta_1) (g - m), v += (1 - beta_2) (g² - v), u = m / (1 - "
             "beta_1^t) / (sqrt(v / (1 - beta_2^t)) + epsilon) in step t from 1, w -= "
             "learning_rate |w| / |u| u, with Euclidean norms of the whole weight; where one of "
             "them is 0, their ratio is 1.")
        .Source("Y. You et al., \"Large Batch Optimization for Deep Learning\", ICLR 2020; Keras "
                "Lamb")
        .RequiredAttr("m", AttrType::kString, "the name of the variable m, from 0")
        .RequiredAttr("v", AttrType::kString, "the name of the variable v, from 0")
        .Attr("beta_1", 0.9, "what remains of m from step to step")
        .Min(0)
        .Max(1)
        .Attr("beta_2", 0.999, "what remains of v")
        .Min(0)
        .Max(1)
        .Attr("epsilon", 1e-7, "keeps the divisor from 0")
        .Min(0)
        .Examples(LambExamples));

NOMO_REGISTER_OP(
    UpdateOp("train.AdafactorUpdate", Adafactor)
        .Doc("A step of Adafactor. With b = 1 - t^beta_2_decay in step t from 1 and s = g² + "
             "epsilon_1: of a weight of two axes or more r = b r + (1 - b) mean(s) along the last "
             "axis, c likewise along the last but one, and v = r c / mean(r), where the mean is "
             "that along r's last axis; of others v = b v + (1 - b) s. u = g / sqrt(v), w -= "
             "min(learning_rate, 1 / sqrt(t)) max(epsilon_2, rms(w)) u / max(1, rms(u) / "
             "clip_threshold), where rms is the root of the mean square.")
        .Source("N. Shazeer and M. Stern, \"Adafactor\", ICML 2018; Keras Adafactor")
        .OptionalAttr(
            "r", AttrType::kString,
            "the name of the variable r, from 0, the weight's shape without its last axis")
        .OptionalAttr("c", AttrType::kString,
                      "the name of the variable c, from 0, the shape without the last axis but one")
        .OptionalAttr("v", AttrType::kString,
                      "the name of the variable v, from 0, of a weight of fewer than two axes")
        .Attr("beta_2_decay", -0.8, "how fast b comes near 1")
        .Max(0)
        .Attr("epsilon_1", 1e-30, "keeps v from 0")
        .Min(0)
        .Attr("epsilon_2", 1e-3, "the least size of a weight that a step goes by")
        .Min(0)
        .Attr("clip_threshold", 1.0, "the greatest size of u")
        .Examples(AdafactorExamples));

}  // namespace
}  // namespace nomograph::train
