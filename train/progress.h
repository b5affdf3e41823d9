// How training is shown while it runs.
#ifndef NOMOGRAPH_TRAIN_PROGRESS_H_
#define NOMOGRAPH_TRAIN_PROGRESS_H_

#include <cstdio>
#include <memory>

#include "nomograph/train/trainer.h"

namespace nomograph {

// Null where nothing is to be shown.
std::shared_ptr<Callback> MakeProgress(Verbose verbose, std::FILE* out = stderr);

}  // namespace nomograph

#endif  // NOMOGRAPH_TRAIN_PROGRESS_H_
