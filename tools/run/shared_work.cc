#include "nomograph/tools/run/shared_work.h"

namespace nomograph {
namespace {

SharedWorkFn current = nullptr;

}  // namespace

void SetSharedWork(SharedWorkFn processes) { current = processes; }

SharedWork* CurrentSharedWork() { return current == nullptr ? nullptr : current(); }

}  // namespace nomograph
