// All layers. Their names, options and defaults are Keras', and so are the names and shapes of
// their weights.
#ifndef NOMOGRAPH_CORE_LAYERS_LAYERS_H_
#define NOMOGRAPH_CORE_LAYERS_LAYERS_H_

#include "nomograph/core/layers/activation.h"
#include "nomograph/core/layers/attention.h"
#include "nomograph/core/layers/conv.h"
#include "nomograph/core/layers/dense.h"
#include "nomograph/core/layers/embedding.h"
#include "nomograph/core/layers/initializers.h"
#include "nomograph/core/layers/lambda.h"
#include "nomograph/core/layers/layer.h"
#include "nomograph/core/layers/layer_registry.h"
#include "nomograph/core/layers/masking.h"
#include "nomograph/core/layers/merge.h"
#include "nomograph/core/layers/model_layer.h"
#include "nomograph/core/layers/normalization.h"
#include "nomograph/core/layers/pooling.h"
#include "nomograph/core/layers/preprocessing.h"
#include "nomograph/core/layers/recurrent.h"
#include "nomograph/core/layers/regularization.h"
#include "nomograph/core/layers/reshape.h"
#include "nomograph/core/layers/wrappers.h"

#endif  // NOMOGRAPH_CORE_LAYERS_LAYERS_H_
