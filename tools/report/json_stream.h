// JSON that is written as it comes, for what would take much memory as a whole.
#ifndef NOMOGRAPH_TOOLS_REPORT_JSON_STREAM_H_
#define NOMOGRAPH_TOOLS_REPORT_JSON_STREAM_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

namespace nomograph {

// One object on standard output, byte for byte as PrintJson() has it. Lists and objects within
// are opened and closed, or given whole.
class JsonStream {
 public:
  using Json = nlohmann::ordered_json;

  JsonStream() { Open('{', '}'); }
  JsonStream(const JsonStream&) = delete;
  // Closes what is open.
  ~JsonStream();

  // In an object.
  void Member(absl::string_view key, const Json& value);
  void OpenList(absl::string_view key);
  // In a list.
  void Element(const Json& value);
  void OpenObject();
  // Closes what was opened last. REQUIRES: something was, beside the whole.
  void Close();

 private:
  struct Level {
    char end;
    bool empty = true;
  };

  void Open(char begin, char end);
  // Ahead of a member or an element.
  void Separate();
  void Key(absl::string_view key);
  void Append(const Json& value);
  void NewLine();
  void Flush();

  std::vector<Level> open_;
  std::string text_;  // that is not printed yet
};

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_REPORT_JSON_STREAM_H_
