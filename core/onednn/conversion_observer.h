// ConversionObserver: watches the conversions of layout that kernels make around their work, for
// profiles. Internal to the libraries.
#ifndef NOMOGRAPH_CORE_ONEDNN_CONVERSION_OBSERVER_H_
#define NOMOGRAPH_CORE_ONEDNN_CONVERSION_OBSERVER_H_

#include <chrono>

namespace nomograph {

class ConversionObserver {
 public:
  using Clock = std::chrono::steady_clock;

  virtual ~ConversionObserver() = default;
  // On the thread that runs the kernel, after each.
  virtual void AfterConversion(Clock::time_point start, Clock::time_point end) = 0;
};

// While it lives, `observer` watches the kernels that this thread runs; null: nothing does.
class ConversionObserverScope {
 public:
  explicit ConversionObserverScope(ConversionObserver* observer);
  ~ConversionObserverScope();
  ConversionObserverScope(const ConversionObserverScope&) = delete;
  ConversionObserverScope& operator=(const ConversionObserverScope&) = delete;

 private:
  ConversionObserver* const previous_;
};

// Null where nothing watches this thread.
ConversionObserver* CurrentConversionObserver();

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_ONEDNN_CONVERSION_OBSERVER_H_
