#include "nomograph/ops/nn/recurrent/backward_pass.h"

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "nomograph/core/onednn/runtime.h"
#include "nomograph/ops/math/rounding_kernel.h"

namespace nomograph::nn {
namespace {

// A row-major matrix, or its transpose.
template <typename Real>
struct Matrix {
  Real* data;
  int64_t step;  // between rows in memory
  bool transposed = false;
};

// c = a b, or c += a b; a is [m, k], b is [k, n].
absl::Status Multiply(int64_t m, int64_t n, int64_t k, Matrix<const float> a, Matrix<const float> b,
                      Matrix<float> c, bool add) {
  if (m == 0 || n == 0) return absl::OkStatus();
  return onednn::Sgemm(m, n, k, {a.data, a.step, a.transposed}, {b.data, b.step, b.transposed},
                       c.data, c.step, add);
}

absl::Status Multiply(int64_t m, int64_t n, int64_t k, Matrix<const double> a,
                      Matrix<const double> b, Matrix<double> c, bool add) {
  const auto at = [](const Matrix<const double>& x, int64_t i, int64_t j) {
    return x.transposed ? x.data[j * x.step + i] : x.data[i * x.step + j];
  };
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      double sum = add ? c.data[i * c.step + j] : 0;
      for (int64_t l = 0; l < k; ++l) sum += at(a, i, l) * at(b, l, j);
      c.data[i * c.step + j] = sum;
    }
  }
  return absl::OkStatus();
}

void Apply(const GateActivation& f, float* x, int64_t count) { f.Apply(x, count); }
void Apply(const GateActivation& f, double* x, int64_t count) {
  for (int64_t i = 0; i < count; ++i) x[i] = f(x[i]);
}

// y = f(z) limited to [-clip, clip] ahead of it, and z becomes f's derivative there.
template <typename Real>
void Activate(const GateActivation& f, double clip, Real* z, Real* y, int64_t count) {
  using Kind = GateActivation::Kind;
  const Real limit = static_cast<Real>(clip);
  const bool clips = clip < std::numeric_limits<double>::infinity();
  std::copy_n(z, count, y);
  if (clips) {
    for (int64_t i = 0; i < count; ++i) y[i] = std::clamp(y[i], -limit, limit);
  }
  if (f.kind == Kind::kSigmoid || f.kind == Kind::kTanh) {
    Apply(f, y, count);
    // y (1 - y), or 1 - y y.
    const Real one = 1, linear = f.kind == Kind::kSigmoid ? 1 : 0, constant = one - linear;
    if (clips) {
      for (int64_t i = 0; i < count; ++i) {
        const Real slope = constant + y[i] * (linear - y[i]);
        z[i] = z[i] < -limit || z[i] > limit ? Real{0} : slope;
      }
      return;
    }
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) z[i] = constant + y[i] * (linear - y[i]);
    return;
  }
  for (int64_t i = 0; i < count; ++i) {
    const bool outside = clips && (z[i] < -limit || z[i] > limit);
    z[i] = outside ? Real{0} : static_cast<Real>(f.Derivative(static_cast<double>(y[i])));
  }
  Apply(f, y, count);
}

template <typename Real>
class Pass {
 public:
  Pass(const BackwardOptions& options, const BackwardArrays<Real>& arrays, Real* scratch)
      : o_(options), a_(arrays) {
    const int64_t rows = a_.steps * a_.batch, wide = rows * width();
    const auto take = [&](int64_t count) { return std::exchange(scratch, scratch + count); };
    slopes_ = take(wide);
    gates_ = a_.kept == nullptr ? take(wide) : a_.kept;
    dz_ = take(wide);
    ds_last_ = take(rows * a_.hidden);
    operand_ = take(rows * a_.hidden);
    c_ = take((a_.steps + 1) * a_.batch * a_.hidden);
    bent_c_ = take(rows * a_.hidden);
    slope_c_ = take(rows * a_.hidden);
    back_ = take(2 * a_.batch * a_.hidden);
    rounding_ = scratch;
  }

  static int64_t Scratch(const BackwardArrays<Real>& a) {
    const int64_t rows = a.steps * a.batch;
    return rows * a.hidden * (3 * a.gates + 4) + (a.steps + 3) * a.batch * a.hidden +
           RoundingScratch(a);
  }

  absl::Status Run() {
    if (a_.kept == nullptr) NOMO_RETURN_IF_ERROR(ComputeSums());
    NOMO_RETURN_IF_ERROR(o_.cell == RecurrentCell::kGru    ? ComputeGru()
                         : o_.cell == RecurrentCell::kLstm ? ComputeLstm()
                                                           : ComputeRnn());
    if (a_.dpeephole != nullptr) std::fill_n(a_.dpeephole, 3 * a_.hidden, Real{0});
    for (int64_t step = a_.steps; step-- > 0;) NOMO_RETURN_IF_ERROR(Step(step));
    return Finish();
  }

 private:
  enum LstmGate { kInput, kOutput, kForget, kCell };
  enum GruGate { kUpdate, kReset, kHidden };

  static constexpr int64_t kAligned = 16;

  // For the largest of those products whose factors are rounded.
  static int64_t RoundingScratch(const BackwardArrays<Real>& a) {
    if (!a.rounds) return 0;
    const int64_t rows = a.steps * a.batch, width = a.gates * a.hidden;
    const auto floats = [&](int64_t m, int64_t n, int64_t k) {
      return RoundedScratchFloats(m, k, n, a.threads);
    };
    int64_t most = std::max(
        {floats(rows, width, a.input), floats(rows, a.input, width), floats(width, a.input, rows)});
    // With R as a whole, or with a GRU's last gate apart.
    for (const int64_t some : {width, width - a.hidden, a.hidden}) {
      most = std::max({most, floats(rows, some, a.hidden), floats(some, a.hidden, rows),
                       floats(a.batch, a.hidden, some)});
    }
    return kAligned + most;
  }

  // c = a b, or c += a b; a is [m, k], b is [k, n].
  absl::Status Product(int64_t m, int64_t n, int64_t k, Matrix<const Real> a, Matrix<const Real> b,
                       Matrix<Real> c, bool add) const {
    if constexpr (std::is_same_v<Real, float>) {
      if (a_.rounds && RoundingPays(m, k, n)) {
        const auto view = [](const Matrix<const float>& x, int64_t rows, int64_t columns) {
          return MatrixView{x.data, rows, columns, x.transposed ? 1 : x.step,
                            x.transposed ? x.step : 1};
        };
        const auto address = reinterpret_cast<uintptr_t>(rounding_);
        constexpr uintptr_t kBytes = kAligned * sizeof(float);
        MultiplyRounded(view(a, m, k), view(b, k, n), c.data, c.step, add, a_.threads,
                        rounding_ + (kBytes - address % kBytes) % kBytes / sizeof(float));
        return absl::OkStatus();
      }
    }
    return Multiply(m, n, k, a, b, c, add);
  }

  int64_t width() const { return a_.gates * a_.hidden; }
  int64_t rows() const { return a_.steps * a_.batch; }
  bool LastGateApart() const { return o_.cell == RecurrentCell::kGru; }
  bool Linear() const { return o_.linear_before_reset; }
  // The gates whose sums take up R h as it is.
  int64_t PlainGates() const { return a_.gates - (LastGateApart() ? 1 : 0); }
  const Real* LastR() const { return a_.r + PlainGates() * a_.hidden * a_.hidden; }
  Real BiasOf(int64_t side, int64_t i) const {
    return a_.b == nullptr ? Real{0} : a_.b[side * width() + i];
  }

  // slopes_ = x W^T + h R^T + biases, but for a GRU's last gate, whose part of R is added later.
  absl::Status ComputeSums() {
    const int64_t hidden = a_.hidden, plain = PlainGates() * hidden;
    for (int64_t i = 0; i < width() && rows() > 0; ++i)
      slopes_[i] = BiasOf(0, i) + (i < plain || !Linear() ? BiasOf(1, i) : Real{0});
    for (int64_t row = 1; row < rows(); ++row)
      std::copy_n(slopes_, width(), slopes_ + row * width());
    NOMO_RETURN_IF_ERROR(Product(rows(), width(), a_.input, {a_.x, a_.input},
                                 {a_.w, a_.input, true}, {slopes_, width()}, true));
    return Product(rows(), plain, hidden, {a_.h, hidden}, {a_.r, hidden, true}, {slopes_, width()},
                   true);
  }

  // Gate number `gate` of a row from its sums.
  void ActivateGate(int function, int64_t gate, int64_t row, bool clipped = true) {
    const int64_t at = row * width() + gate * a_.hidden;
    Activate(o_.activation[function], clipped ? o_.clip : std::numeric_limits<double>::infinity(),
             slopes_ + at, gates_ + at, a_.hidden);
  }

  absl::Status ComputeRnn() {
    for (int64_t row = 0; row < rows(); ++row) ActivateGate(0, 0, row);
    return absl::OkStatus();
  }

  absl::Status ComputeGru() {
    const int64_t hidden = a_.hidden;
    for (int64_t row = 0; row < rows(); ++row) {
      ActivateGate(0, kUpdate, row);
      ActivateGate(0, kReset, row);
    }
    const Real* reset = gates_ + kReset * hidden;
    Real* sums = slopes_ + kHidden * hidden;
    if (Linear()) {  // the operand is R h and its bias, by which the reset gate is multiplied
      for (int64_t row = 0; row < rows(); ++row) {
        for (int64_t u = 0; u < hidden; ++u)
          operand_[row * hidden + u] = BiasOf(1, kHidden * hidden + u);
      }
      NOMO_RETURN_IF_ERROR(Product(rows(), hidden, hidden, {a_.h, hidden}, {LastR(), hidden, true},
                                   {operand_, hidden}, true));
    } else {  // it is what R is multiplied by
      ForEachUnit([&](int64_t at, int64_t wide) { operand_[at] = reset[wide] * a_.h[at]; });
      NOMO_RETURN_IF_ERROR(Product(rows(), hidden, hidden, {operand_, hidden},
                                   {LastR(), hidden, true}, {sums, width()}, true));
    }
    if (Linear())
      ForEachUnit([&](int64_t at, int64_t wide) { sums[wide] += reset[wide] * operand_[at]; });
    for (int64_t row = 0; row < rows(); ++row) ActivateGate(1, kHidden, row);
    return absl::OkStatus();
  }

  // Calls f(element of [rows, hidden], element of a gate in [rows, width]).
  template <typename F>
  void ForEachUnit(F f) const {
    for (int64_t row = 0; row < rows(); ++row) {
      for (int64_t u = 0; u < a_.hidden; ++u) f(row * a_.hidden + u, row * width() + u);
    }
  }

  Real Peephole(int gate, int64_t u) const {
    return a_.peephole == nullptr ? Real{0} : a_.peephole[gate * a_.hidden + u];
  }

  absl::Status ComputeLstm() {
    const int64_t hidden = a_.hidden, states = a_.batch * hidden;
    for (int64_t i = 0; i < states; ++i) c_[i] = a_.c0 == nullptr ? Real{0} : a_.c0[i];
    for (int64_t row = 0; row < rows(); ++row) {
      const Real* before = c_ + row * hidden;
      Real* c = c_ + states + row * hidden;
      if (a_.kept == nullptr) {
        ComputeLstmGates(row, before, c);
      } else {
        TakeLstmGates(row, before, c);
      }
      std::copy_n(c, hidden, slope_c_ + row * hidden);
      Activate(o_.activation[2], std::numeric_limits<double>::infinity(), slope_c_ + row * hidden,
               bent_c_ + row * hidden, hidden);
    }
    return absl::OkStatus();
  }

  void TakeLstmGates(int64_t row, const Real* before, Real* c) {
    const int64_t hidden = a_.hidden;
    const Real* kept = a_.kept + row * width();
    Real* slopes = slopes_ + row * width();
    const Real one = 1;
#pragma omp simd
    for (int64_t i = 0; i < kCell * hidden; ++i) slopes[i] = kept[i] * (one - kept[i]);
#pragma omp simd
    for (int64_t u = 0; u < hidden; ++u) {
      const Real cell = kept[kCell * hidden + u];
      slopes[kCell * hidden + u] = one - cell * cell;
      c[u] = kept[kForget * hidden + u] * before[u] + kept[kInput * hidden + u] * cell;
    }
  }

  void ComputeLstmGates(int64_t row, const Real* before, Real* c) {
    const int64_t hidden = a_.hidden;
    Real *sums = slopes_ + row * width(), *gates = gates_ + row * width();
    AddPeephole(kInput, before, sums);
    ActivateGate(0, kInput, row);
    ActivateGate(1, kCell, row);
    if (o_.input_forget) {
      for (int64_t u = 0; u < hidden; ++u) {
        gates[kForget * hidden + u] = 1 - gates[kInput * hidden + u];
        sums[kForget * hidden + u] = 0;
      }
    } else {
      AddPeephole(kForget, before, sums);
      ActivateGate(0, kForget, row);
    }
#pragma omp simd
    for (int64_t u = 0; u < hidden; ++u) {
      c[u] = gates[kForget * hidden + u] * before[u] +
             gates[kInput * hidden + u] * gates[kCell * hidden + u];
    }
    AddPeephole(kOutput, c, sums);
    ActivateGate(0, kOutput, row);
  }

  void AddPeephole(LstmGate gate, const Real* c, Real* sums) const {
    if (a_.peephole == nullptr) return;
    for (int64_t u = 0; u < a_.hidden; ++u) sums[gate * a_.hidden + u] += Peephole(gate, u) * c[u];
  }

  // From dh and dc behind the step to dz_, and to dh and dc ahead of it.
  absl::Status Step(int64_t step) {
    const int64_t hidden = a_.hidden, first = step * a_.batch;
    Real *back = back_, *through_reset = back_ + a_.batch * hidden;
    for (int64_t b = 0; b < a_.batch; ++b) {
      const int64_t row = first + b;
      if (step >= (*a_.lengths)[b]) {
        std::fill_n(dz_ + row * width(), width(), Real{0});
        std::fill_n(ds_last_ + row * hidden, hidden, Real{0});
        continue;
      }
      Real* dh = a_.dh + b * hidden;
      AddTo(dh, a_.dy + row * hidden, hidden);
      if (o_.cell == RecurrentCell::kLstm) {
        if (a_.peephole == nullptr && a_.dpeephole == nullptr) {
          LstmStep<false>(row, b);
        } else {
          LstmStep<true>(row, b);
        }
      }
      if (o_.cell == RecurrentCell::kGru) GruStep(row, dh);
      if (o_.cell == RecurrentCell::kRnn) {
        for (int64_t u = 0; u < hidden; ++u)
          dz_[row * hidden + u] = dh[u] * slopes_[row * hidden + u];
      }
    }
    const int64_t wide = first * width();
    if (LastGateApart() && !Linear()) {
      NOMO_RETURN_IF_ERROR(Product(a_.batch, hidden, hidden,
                                   {dz_ + wide + kHidden * hidden, width()}, {LastR(), hidden},
                                   {through_reset, hidden}, false));
      for (int64_t b = 0; b < a_.batch; ++b) ResetStep(first + b, through_reset + b * hidden);
    }
    NOMO_RETURN_IF_ERROR(Product(a_.batch, hidden, PlainGates() * hidden, {dz_ + wide, width()},
                                 {a_.r, hidden}, {back, hidden}, false));
    if (LastGateApart() && Linear()) {
      NOMO_RETURN_IF_ERROR(Product(a_.batch, hidden, hidden, {ds_last_ + first * hidden, hidden},
                                   {LastR(), hidden}, {back, hidden}, true));
    }
    for (int64_t b = 0; b < a_.batch; ++b) {
      if (step < (*a_.lengths)[b]) HandBack(first + b, b, back + b * hidden, through_reset);
    }
    return absl::OkStatus();
  }

  // dh of the state ahead of the step.
  void HandBack(int64_t row, int64_t b, const Real* back, const Real* through_reset) {
    const int64_t hidden = a_.hidden;
    const Real* gates = gates_ + row * width();
    Real* dh = a_.dh + b * hidden;
    if (!LastGateApart()) {
      std::copy_n(back, hidden, dh);
      return;
    }
#pragma omp simd
    for (int64_t u = 0; u < hidden; ++u) dh[u] = dh[u] * gates[kUpdate * hidden + u] + back[u];
    if (Linear()) return;
#pragma omp simd
    for (int64_t u = 0; u < hidden; ++u)
      dh[u] += through_reset[b * hidden + u] * gates[kReset * hidden + u];
  }

  static void AddTo(Real* to, const Real* from, int64_t count) {
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) to[i] += from[i];
  }

  void GruStep(int64_t row, const Real* dh) {
    const int64_t hidden = a_.hidden;
    const Real *gates = gates_ + row * width(), *slopes = slopes_ + row * width();
    const Real* h = a_.h + row * hidden;
    Real *dz = dz_ + row * width(), *last = ds_last_ + row * hidden;
#pragma omp simd
    for (int64_t u = 0; u < hidden; ++u) {
      const Real update = gates[kUpdate * hidden + u], n = gates[kHidden * hidden + u];
      const Real of_n = dh[u] * (1 - update) * slopes[kHidden * hidden + u];
      dz[kUpdate * hidden + u] = dh[u] * (h[u] - n) * slopes[kUpdate * hidden + u];
      dz[kHidden * hidden + u] = of_n;
      last[u] = of_n * gates[kReset * hidden + u];
      // Where R h comes first; else ResetStep() sets it.
      dz[kReset * hidden + u] = of_n * operand_[row * hidden + u] * slopes[kReset * hidden + u];
    }
  }

  // The reset gate's sums, from the gradient of the product that R was multiplied by.
  void ResetStep(int64_t row, const Real* dproduct) {
    const int64_t at = row * width() + kReset * a_.hidden;
#pragma omp simd
    for (int64_t u = 0; u < a_.hidden; ++u)
      dz_[at + u] = dproduct[u] * a_.h[row * a_.hidden + u] * slopes_[at + u];
  }

  template <bool kPeepholes>
  void LstmStep(int64_t row, int64_t b) {
    const int64_t hidden = a_.hidden, states = a_.batch * hidden;
    const Real *gates = gates_ + row * width(), *slopes = slopes_ + row * width();
    const Real *before = c_ + row * hidden, *c = c_ + states + row * hidden;
    const Real *bent = bent_c_ + row * hidden, *slope_c = slope_c_ + row * hidden;
    const Real* dh = a_.dh + b * hidden;
    Real *dc = a_.dc + b * hidden, *dz = dz_ + row * width();
    const Real coupled = o_.input_forget ? 1 : 0;
#pragma omp simd
    for (int64_t u = 0; u < hidden; ++u) {
      const int64_t i = kInput * hidden + u, o = kOutput * hidden + u, f = kForget * hidden + u,
                    g = kCell * hidden + u;
      const Real dz_o = dh[u] * bent[u] * slopes[o];
      Real of_c = dc[u] + dh[u] * gates[o] * slope_c[u];
      if constexpr (kPeepholes) of_c += dz_o * Peephole(kOutput, u);
      const Real of_forget = of_c * before[u];
      const Real dz_i = (of_c * gates[g] - coupled * of_forget) * slopes[i];
      const Real dz_f = of_forget * slopes[f];
      dz[i] = dz_i;
      dz[o] = dz_o;
      dz[f] = dz_f;
      dz[g] = of_c * gates[i] * slopes[g];
      dc[u] = of_c * gates[f];
      if constexpr (kPeepholes) dc[u] += dz_i * Peephole(kInput, u) + dz_f * Peephole(kForget, u);
    }
    if (a_.dpeephole == nullptr) return;
    for (int64_t u = 0; u < hidden; ++u) {
      const int64_t i = kInput * hidden + u, o = kOutput * hidden + u, f = kForget * hidden + u;
      a_.dpeephole[i] += dz[i] * before[u];
      a_.dpeephole[o] += dz[o] * c[u];
      a_.dpeephole[f] += dz[f] * before[u];
    }
  }

  // What all steps add to the gradients of x and of the weights.
  absl::Status Finish() {
    const int64_t hidden = a_.hidden, plain = PlainGates() * hidden;
    NOMO_RETURN_IF_ERROR(Product(rows(), a_.input, width(), {dz_, width()}, {a_.w, a_.input},
                                 {a_.dx, a_.input}, false));
    NOMO_RETURN_IF_ERROR(Product(width(), a_.input, rows(), {dz_, width(), true}, {a_.x, a_.input},
                                 {a_.dw, a_.input}, false));
    NOMO_RETURN_IF_ERROR(Product(plain, hidden, rows(), {dz_, width(), true}, {a_.h, hidden},
                                 {a_.dr, hidden}, false));
    if (LastGateApart()) {
      const Matrix<const Real> sums = Linear() ? Matrix<const Real>{ds_last_, hidden, true}
                                               : Matrix<const Real>{dz_ + plain, width(), true};
      NOMO_RETURN_IF_ERROR(Product(hidden, hidden, rows(), sums,
                                   {Linear() ? a_.h : operand_, hidden},
                                   {a_.dr + plain * hidden, hidden}, false));
    }
    std::fill_n(a_.db, 2 * width(), Real{0});
    const bool apart = LastGateApart() && Linear();
    for (int64_t row = 0; row < rows(); ++row) {
      AddTo(a_.db, dz_ + row * width(), width());
      if (apart) AddTo(a_.db + width() + plain, ds_last_ + row * hidden, hidden);
    }
    std::copy_n(a_.db, apart ? plain : width(), a_.db + width());
    return absl::OkStatus();
  }

  const BackwardOptions& o_;
  const BackwardArrays<Real>& a_;
  // [rows, width]: the gates' sums, and then the slopes of their activations there; the gates; the
  // gradients of the sums.
  Real *slopes_, *gates_, *dz_;
  // [rows, hidden], of a GRU: of R h for the last gate; see ComputeGru().
  Real *ds_last_, *operand_;
  // Of an LSTM: c before each step and behind the last; its activation, and the slope of that.
  Real *c_, *bent_c_, *slope_c_;
  Real* back_;
  Real* rounding_;  // for products whose factors are rounded
};

}  // namespace

template <typename Real>
int64_t BackwardScratch(const BackwardArrays<Real>& arrays) {
  return Pass<Real>::Scratch(arrays);
}

template <typename Real>
absl::Status RunBackward(const BackwardOptions& options, const BackwardArrays<Real>& arrays,
                         Real* scratch) {
  return Pass<Real>(options, arrays, scratch).Run();
}

template int64_t BackwardScratch(const BackwardArrays<float>&);
template int64_t BackwardScratch(const BackwardArrays<double>&);
template absl::Status RunBackward(const BackwardOptions&, const BackwardArrays<float>&, float*);
template absl::Status RunBackward(const BackwardOptions&, const BackwardArrays<double>&, double*);

}  // namespace nomograph::nn
