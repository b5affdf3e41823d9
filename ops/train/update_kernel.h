// The loops of update.cc, which includes this file once for each instruction set.
#if defined(NOMOGRAPH_OPS_TRAIN_UPDATE_KERNEL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NOMOGRAPH_OPS_TRAIN_UPDATE_KERNEL_H_
#undef NOMOGRAPH_OPS_TRAIN_UPDATE_KERNEL_H_
#else
#define NOMOGRAPH_OPS_TRAIN_UPDATE_KERNEL_H_
#endif

#include <algorithm>
#include <cstdint>

#include "hwy/highway.h"
#include "nomograph/ops/train/update.h"

HWY_BEFORE_NAMESPACE();
namespace nomograph::train {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// A vector that is written as a number. Nothing is fused: each operation rounds.
template <class D>
struct Lanes {
  hn::Vec<D> v;
};

template <class D>
HWY_INLINE Lanes<D> Broadcast(D d, double value) {
  return {hn::Set(d, static_cast<hn::TFromD<D>>(value))};
}
template <class D>
HWY_INLINE Lanes<D> operator+(const Lanes<D>& a, const Lanes<D>& b) {
  return {hn::Add(a.v, b.v)};
}
template <class D>
HWY_INLINE Lanes<D> operator-(const Lanes<D>& a, const Lanes<D>& b) {
  return {hn::Sub(a.v, b.v)};
}
template <class D>
HWY_INLINE Lanes<D> operator-(const Lanes<D>& a) {
  return {hn::Neg(a.v)};
}
template <class D>
HWY_INLINE Lanes<D> operator*(const Lanes<D>& a, const Lanes<D>& b) {
  return {hn::Mul(a.v, b.v)};
}
template <class D>
HWY_INLINE Lanes<D> operator/(const Lanes<D>& a, const Lanes<D>& b) {
  return {hn::Div(a.v, b.v)};
}
template <class D>
HWY_INLINE Lanes<D> Sqrt(const Lanes<D>& a) {
  return {hn::Sqrt(a.v)};
}
template <class D>
HWY_INLINE Lanes<D> Abs(const Lanes<D>& a) {
  return {hn::Abs(a.v)};
}
// NaN where either is.
template <class D>
HWY_INLINE Lanes<D> Max(const Lanes<D>& a, const Lanes<D>& b) {
  const auto greater = hn::IfThenElse(hn::Lt(a.v, b.v), b.v, a.v);
  return {hn::IfThenElse(hn::IsNaN(b.v), b.v, greater)};
}
// -1, 0 or 1, and NaN of NaN.
template <class D>
HWY_INLINE Lanes<D> Sign(const Lanes<D>& a) {
  const auto one = hn::Set(D(), static_cast<hn::TFromD<D>>(1));
  const auto stays = hn::Or(hn::Eq(a.v, hn::Zero(D())), hn::IsNaN(a.v));
  return {hn::IfThenElse(stays, a.v, hn::CopySign(one, a.v))};
}

struct SgdRule {
  static constexpr int kSlots = 0;
  template <class L>
  static HWY_INLINE void Step(const L* c, const L& g, L& w, L*) {
    w = w - c[0] * g;
  }
};

template <bool nesterov>
struct MomentumRule {
  static constexpr int kSlots = 1;
  template <class L>
  static HWY_INLINE void Step(const L* c, const L& g, L& w, L* s) {
    s[0] = c[1] * s[0] - c[0] * g;
    w = nesterov ? w + (c[1] * s[0] - c[0] * g) : w + s[0];
  }
};

template <bool amsgrad>
struct AdamRule {
  static constexpr int kSlots = amsgrad ? 3 : 2;
  template <class L>
  static HWY_INLINE void Step(const L* c, const L& g, L& w, L* s) {
    s[0] = s[0] + c[1] * (g - s[0]);
    s[1] = s[1] + c[2] * (g * g - s[1]);
    if (amsgrad) s[2] = Max(s[2], s[1]);
    w = w - c[0] * s[0] / (Sqrt(s[amsgrad ? 2 : 1]) + c[3]);
  }
};

struct AdamaxRule {
  static constexpr int kSlots = 2;
  template <class L>
  static HWY_INLINE void Step(const L* c, const L& g, L& w, L* s) {
    s[0] = s[0] + c[1] * (g - s[0]);
    s[1] = Max(c[2] * s[1], Abs(g));
    w = w - c[0] * s[0] / (s[1] + c[3]);
  }
};

struct NadamRule {
  static constexpr int kSlots = 2;
  template <class L>
  static HWY_INLINE void Step(const L* c, const L& g, L& w, L* s) {
    s[0] = s[0] + c[1] * (g - s[0]);
    s[1] = s[1] + c[2] * (g * g - s[1]);
    w = w - (c[0] * s[0] + c[4] * g) / (Sqrt(c[5] * s[1]) + c[3]);
  }
};

struct LionRule {
  static constexpr int kSlots = 1;
  template <class L>
  static HWY_INLINE void Step(const L* c, const L& g, L& w, L* s) {
    w = w - c[0] * Sign(c[1] * s[0] + c[2] * g);
    s[0] = c[3] * s[0] + c[4] * g;
  }
};

template <bool centered, bool momentum>
struct RmspropRule {
  static constexpr int kSlots = 1 + centered + momentum;
  template <class L>
  static HWY_INLINE void Step(const L* c, const L& g, L& w, L* s) {
    s[0] = c[1] * s[0] + c[2] * (g * g);
    L variance = s[0];
    if (centered) {
      s[1] = c[1] * s[1] + c[2] * g;
      variance = variance - s[1] * s[1];
    }
    const L step = c[0] * g / Sqrt(variance + c[3]);
    if (momentum) s[kSlots - 1] = c[4] * s[kSlots - 1] + step;
    w = w - (momentum ? s[kSlots - 1] : step);
  }
};

struct AdagradRule {
  static constexpr int kSlots = 1;
  template <class L>
  static HWY_INLINE void Step(const L* c, const L& g, L& w, L* s) {
    s[0] = s[0] + g * g;
    w = w - c[0] * g / Sqrt(s[0] + c[1]);
  }
};

struct AdadeltaRule {
  static constexpr int kSlots = 2;
  template <class L>
  static HWY_INLINE void Step(const L* c, const L& g, L& w, L* s) {
    s[0] = c[1] * s[0] + c[2] * (g * g);
    const L step = g * Sqrt(s[1] + c[3]) / Sqrt(s[0] + c[3]);
    s[1] = c[1] * s[1] + c[2] * (step * step);
    w = w - c[0] * step;
  }
};

// With the learning rate c0, of the gradient g + c1 w, l1 = c2 and twice l2 = c3: of s0, the sum of
// squares, and s1, the linear part, as H. McMahan et al., "Ad Click Prediction", KDD 2013.
struct FtrlRule {
  static constexpr int kSlots = 2;
  template <class L>
  static HWY_INLINE void Step(const L* c, const L& g, L& w, L* s) {
    const L sum = s[0] + g * g, root = Sqrt(sum);
    s[1] = s[1] + (g + c[1] * w) - (root - Sqrt(s[0])) / c[0] * w;
    s[0] = sum;
    const L bounded = Max(-c[2], -Max(-c[2], -s[1]));
    w = (bounded - s[1]) / (root / c[0] + c[3]);
  }
};

struct ScheduleFreeRule {
  static constexpr int kSlots = 3;
  template <class L>
  static HWY_INLINE void Step(const L* c, const L& g, L& w, L* s) {
    s[1] = s[1] + c[1] * (g * g - s[1]);
    s[2] = s[0] + (w - s[0]) / c[5];
    s[0] = s[0] - c[0] * g / (Sqrt(c[2] * s[1]) + c[3]);
    s[2] = s[2] + c[4] * (s[0] - s[2]);
    w = s[0] + c[5] * (s[2] - s[0]);
  }
};

// From `i` on as many whole vectors as there are; yields where it ended.
template <class Rule, class D, typename T>
HWY_INLINE int64_t RunVectors(D d, const Update<T>& update, int64_t i, int64_t end) {
  using L = Lanes<D>;
  L c[6];
  for (int k = 0; k < 6; ++k) c[k] = Broadcast(d, update.c[k]);
  const L keep = Broadcast(d, update.keep);
  const bool decays = update.keep != 1;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  for (; i + lanes <= end; i += lanes) {
    L s[3];
    for (int k = 0; k < Rule::kSlots; ++k) s[k].v = hn::LoadU(d, update.slots[k] + i);
    L w = {hn::LoadU(d, update.weight + i)};
    if (decays) w = w * keep;
    Rule::Step(c, L{hn::LoadU(d, update.gradient + i)}, w, s);
    hn::StoreU(w.v, d, update.weight + i);
    for (int k = 0; k < Rule::kSlots; ++k) hn::StoreU(s[k].v, d, update.slots[k] + i);
  }
  return i;
}

template <class Rule, typename T>
void Run(const Update<T>& update, int64_t begin, int64_t end) {
  const int64_t rest = RunVectors<Rule>(hn::CappedTag<T, 16>(), update, begin, end);
  RunVectors<Rule>(hn::CappedTag<T, 1>(), update, rest, end);
}

template <typename T>
void RunRule(const Update<T>& update, int64_t begin, int64_t end) {
  switch (update.rule) {
    case UpdateRule::kSgd:
      return Run<SgdRule>(update, begin, end);
    case UpdateRule::kMomentum:
      return Run<MomentumRule<false>>(update, begin, end);
    case UpdateRule::kNesterov:
      return Run<MomentumRule<true>>(update, begin, end);
    case UpdateRule::kAdam:
      return Run<AdamRule<false>>(update, begin, end);
    case UpdateRule::kAmsgrad:
      return Run<AdamRule<true>>(update, begin, end);
    case UpdateRule::kAdamax:
      return Run<AdamaxRule>(update, begin, end);
    case UpdateRule::kNadam:
      return Run<NadamRule>(update, begin, end);
    case UpdateRule::kLion:
      return Run<LionRule>(update, begin, end);
    case UpdateRule::kRmsprop:
      return Run<RmspropRule<false, false>>(update, begin, end);
    case UpdateRule::kCentered:
      return Run<RmspropRule<true, false>>(update, begin, end);
    case UpdateRule::kRmspropMomentum:
      return Run<RmspropRule<false, true>>(update, begin, end);
    case UpdateRule::kCenteredMomentum:
      return Run<RmspropRule<true, true>>(update, begin, end);
    case UpdateRule::kAdagrad:
      return Run<AdagradRule>(update, begin, end);
    case UpdateRule::kAdadelta:
      return Run<AdadeltaRule>(update, begin, end);
    case UpdateRule::kScheduleFree:
      return Run<ScheduleFreeRule>(update, begin, end);
    case UpdateRule::kFtrl:
      return Run<FtrlRule>(update, begin, end);
  }
}

inline void RunFloats(const Update<float>& update, int64_t begin, int64_t end) {
  RunRule(update, begin, end);
}
inline void RunDoubles(const Update<double>& update, int64_t begin, int64_t end) {
  RunRule(update, begin, end);
}

}  // namespace HWY_NAMESPACE
}  // namespace nomograph::train
HWY_AFTER_NAMESPACE();

#endif  // NOMOGRAPH_OPS_TRAIN_UPDATE_KERNEL_H_
