// The page without a model, as web/ is built to dist/page.html.
#ifndef NOMOGRAPH_INSPECT_PAGE_PAGE_TEMPLATE_H_
#define NOMOGRAPH_INSPECT_PAGE_PAGE_TEMPLATE_H_

#include "absl/strings/string_view.h"

namespace nomograph {

absl::string_view PageTemplate();

}  // namespace nomograph

#endif  // NOMOGRAPH_INSPECT_PAGE_PAGE_TEMPLATE_H_
