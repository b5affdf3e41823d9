#include "nomograph/tools/text/html.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "nomograph/core/types/escape.h"

namespace nomograph {
namespace {

// Classes are the parameters of the terminal's escapes (ECMA-48, 8.3.117): 31 is red.
constexpr absl::string_view kHead = R"(<!doctype html>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<style>
:root { color-scheme: light dark; font: 14px/1.5 ui-monospace, monospace; }
body { margin: 2em auto; max-width: 120ch; padding: 0 1em; }
h1 { font-size: 1.2em; }
pre { font: inherit; white-space: pre-wrap; overflow-wrap: anywhere; }
.c1 { font-weight: bold; }
.c2 { opacity: 0.65; }
.c31 { color: light-dark(#b3261e, #ff8a80); }
.c32 { color: light-dark(#1a6b2a, #7ddc8e); }
.c33 { color: light-dark(#8a5a00, #f0c060); }
.c34 { color: light-dark(#1f4fb8, #8ab4ff); }
</style>
)";

std::string HtmlText(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}});
}

}  // namespace

std::string HtmlPage(absl::string_view title, absl::string_view styled) {
  const std::string heading = HtmlText(Escape(title));
  std::string page =
      absl::StrCat(kHead, "<title>", heading, "</title>\n<h1>", heading, "</h1>\n<pre>");
  bool open = false;
  while (!styled.empty()) {
    const size_t begin = std::min(styled.find("\033["), styled.size());
    page += HtmlText(EscapeLines(styled.substr(0, begin)));
    styled.remove_prefix(begin);
    if (styled.empty()) break;
    size_t end = 2;
    while (end < styled.size() && absl::ascii_isdigit(styled[end])) ++end;
    if (end == styled.size() || styled[end] != 'm') {  // nothing that Colored() wrote
      page += HtmlText(EscapeLines(styled.substr(0, end)));
      styled.remove_prefix(end);
      continue;
    }
    if (open) page += "</span>";
    const absl::string_view code = styled.substr(2, end - 2);
    open = code != "0" && !code.empty();
    if (open) absl::StrAppend(&page, "<span class=\"c", code, "\">");
    styled.remove_prefix(end + 1);
  }
  return absl::StrCat(page, open ? "</span>" : "", "</pre>\n");
}

}  // namespace nomograph
