// What FORMAT.md says of the standard ops is what is registered: the semantic hash goes by it.
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "nomograph/core/io/file.h"
#include "nomograph/core/op/registry.h"

namespace nomograph {
namespace {

using Names = std::set<std::string>;

std::string Document() {
  const auto document = ReadFile("serialization/FORMAT.md");
  EXPECT_TRUE(document.ok()) << document.status();
  return document.value_or("");
}

// What stands between backticks.
std::vector<std::string> Quoted(absl::string_view text) {
  std::vector<std::string> quoted;
  const std::vector<std::string> pieces = absl::StrSplit(text, '`');
  for (size_t i = 1; i < pieces.size(); i += 2) quoted.push_back(pieces[i]);
  return quoted;
}

// Each version of each standard op.
std::vector<const OpDef*> StandardOps() {
  const OpRegistry& registry = OpRegistry::Default();
  std::vector<const OpDef*> ops;
  for (const OpDef* newest : registry.All()) {
    for (int version = 1; version <= newest->version; ++version) {
      const OpDef* op = registry.Find(newest->name, version);
      if (op != nullptr && registry.IsStandard(*op)) ops.push_back(op);
    }
  }
  return ops;
}

TEST(FormatDocument, ListsTheStandardDomains) {
  const std::string document = Document();
  const size_t begin = document.find("The standard domains are ");
  ASSERT_NE(begin, std::string::npos);
  const std::string sentence = document.substr(begin, document.find(';', begin) - begin);
  Names listed, registered;
  for (const std::string& domain : Quoted(sentence)) listed.insert(domain);
  for (const OpDef* op : StandardOps()) registered.insert(op->name.substr(0, op->name.find('.')));
  EXPECT_EQ(listed, registered);
}

// Of the lines "| `domain` | `Name`, `Name` |".
TEST(FormatDocument, ListsTheImpureStandardOps) {
  const std::string document = Document();
  const size_t begin = document.find("| domain | impure standard ops |");
  ASSERT_NE(begin, std::string::npos);
  const std::string table = document.substr(begin, document.find("\n\n", begin) - begin);
  Names listed, registered;
  for (const absl::string_view line : absl::StrSplit(table, '\n')) {
    if (!absl::StartsWith(line, "| `")) continue;
    const std::vector<std::string> names = Quoted(line);
    for (size_t i = 1; i < names.size(); ++i) listed.insert(absl::StrCat(names[0], ".", names[i]));
  }
  for (const OpDef* op : StandardOps()) {
    if (op->effects != Effects::kPure) registered.insert(op->name);
  }
  EXPECT_EQ(listed, registered);
}

// The table has no column for versions: an op that is impure is so in each of them.
TEST(FormatDocument, ListsImpureOpsInAllVersions) {
  Names pure, impure;
  for (const OpDef* op : StandardOps()) {
    (op->effects == Effects::kPure ? pure : impure).insert(op->name);
  }
  for (const std::string& name : impure) EXPECT_FALSE(pure.contains(name)) << name;
}

}  // namespace
}  // namespace nomograph
