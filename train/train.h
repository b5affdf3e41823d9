// All that training needs, beside nomograph.h.
#ifndef NOMOGRAPH_TRAIN_TRAIN_H_
#define NOMOGRAPH_TRAIN_TRAIN_H_

#include "nomograph/train/callbacks.h"
#include "nomograph/train/trainer.h"

#endif  // NOMOGRAPH_TRAIN_TRAIN_H_
