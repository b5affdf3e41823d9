#include "nomograph/core/layers/weight_source.h"

#include <utility>

namespace nomograph {
namespace {

thread_local const ScopedWeightSource* current = nullptr;

}  // namespace

ScopedWeightSource::ScopedWeightSource(Fn fn)
    : fn_(std::move(fn)), previous_(std::exchange(current, this)) {}

ScopedWeightSource::~ScopedWeightSource() { current = previous_; }

std::optional<Initializer> ScopedWeightSource::Ask(const DeclaredWeight& weight) {
  return current == nullptr ? std::nullopt : current->fn_(weight);
}

}  // namespace nomograph
