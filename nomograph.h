// Everything that a program needs to build, save, load and run models.
#ifndef NOMOGRAPH_NOMOGRAPH_H_
#define NOMOGRAPH_NOMOGRAPH_H_

#include "nomograph/core/build/build.h"
#include "nomograph/core/build/control_flow.h"
#include "nomograph/core/build/value.h"
#include "nomograph/core/graph/model.h"
#include "nomograph/core/layers/layer.h"
#include "nomograph/core/layers/layers.h"
#include "nomograph/core/run/session.h"
#include "nomograph/inspect/open.h"
#include "nomograph/ops/functions.h"
#include "nomograph/serialization/model_io.h"

#endif  // NOMOGRAPH_NOMOGRAPH_H_
