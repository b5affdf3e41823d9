#include "nomograph/core/onednn/conversion_observer.h"

namespace nomograph {
namespace {

thread_local ConversionObserver* current = nullptr;

}  // namespace

ConversionObserverScope::ConversionObserverScope(ConversionObserver* observer)
    : previous_(current) {
  current = observer;
}

ConversionObserverScope::~ConversionObserverScope() { current = previous_; }

ConversionObserver* CurrentConversionObserver() { return current; }

}  // namespace nomograph
