#!/usr/bin/env bash
# embed.sh PAGE.html: the page as a C++ source, to standard output.
set -euo pipefail
echo '#include "nomograph/inspect/page/page_template.h"'
echo 'namespace nomograph {'
echo 'namespace {'
echo 'constexpr unsigned char kPage[] = {'
od -An -v -tu1 -w32 "$1" | sed -E 's/^ +//; s/ +/,/g; s/$/,/'
echo '};'
echo '}  // namespace'
echo 'absl::string_view PageTemplate() { return {reinterpret_cast<const char*>(kPage), sizeof(kPage)}; }'
echo '}  // namespace nomograph'
