// Update: one step of an optimizer on a weight, in one pass over memory. Every operation is one
// that IEEE 754 rounds exactly, so that the bits are the same with any vector length and any number
// of threads.
#ifndef NOMOGRAPH_OPS_TRAIN_UPDATE_H_
#define NOMOGRAPH_OPS_TRAIN_UPDATE_H_

#include <array>
#include <cstdint>

namespace nomograph::train {

// With the gradient g, the weight w, the state s0, s1, s2 and the numbers c0, c1, ...
enum class UpdateRule {
  kSgd,               // w -= c0 g
  kMomentum,          // s0 = c1 s0 - c0 g; w += s0
  kNesterov,          // s0 = c1 s0 - c0 g; w += c1 s0 - c0 g
  kAdam,              // s0 += c1 (g - s0); s1 += c2 (g² - s1); w -= c0 s0 / (√s1 + c3)
  kAmsgrad,           // the same, but for the greatest s1 that there was, s2, in the root
  kAdamax,            // s0 += c1 (g - s0); s1 = max(c2 s1, |g|); w -= c0 s0 / (s1 + c3)
  kNadam,             // s0 and s1 as kAdam; w -= (c0 s0 + c4 g) / (√(c5 s1) + c3)
  kLion,              // w -= c0 sign(c1 s0 + c2 g); s0 = c3 s0 + c4 g
  kRmsprop,           // s0 = c1 s0 + c2 g²; w -= c0 g / √(s0 + c3)
  kCentered,          // the same with s0 - s1² + c3 in the root, where s1 = c1 s1 + c2 g
  kRmspropMomentum,   // s1 = c4 s1 + c0 g / √(s0 + c3); w -= s1
  kCenteredMomentum,  // the same for kCentered, with s2 for s1
  kAdagrad,           // s0 += g²; w -= c0 g / √(s0 + c1)
  kAdadelta,  // s0 = c1 s0 + c2 g²; d = g √(s1 + c3) / √(s0 + c3); s1 = c1 s1 + c2 d²; w -= c0 d
  // s1 += c1 (g² - s1); s2 = (w - (1 - c5) s0) / c5; s0 -= c0 g / (√(c2 s1) + c3); s2 += c4 (s0 -
  // s2); w = s0 + c5 (s2 - s0)
  kScheduleFree,
  kFtrl,  // see FtrlRule: with the root for the power
};

template <typename T>
struct Update {
  UpdateRule rule;
  T* weight = nullptr;
  const T* gradient = nullptr;
  std::array<T*, 3> slots = {};  // as many as the rule has
  int64_t count = 0;
  std::array<double, 6> c = {};
  // Ahead of all else the weight is multiplied with it.
  double keep = 1;
};

// Elements [begin, end).
void RunUpdate(const Update<float>& update, int64_t begin, int64_t end);
void RunUpdate(const Update<double>& update, int64_t begin, int64_t end);

}  // namespace nomograph::train

#endif  // NOMOGRAPH_OPS_TRAIN_UPDATE_H_
