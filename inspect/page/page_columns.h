// A model as the columns that the page reads: web/src/data.ts is the other side of it.
#ifndef NOMOGRAPH_INSPECT_PAGE_PAGE_COLUMNS_H_
#define NOMOGRAPH_INSPECT_PAGE_PAGE_COLUMNS_H_

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "nlohmann/json.hpp"
#include "nomograph/core/op/registry.h"
#include "nomograph/inspect/compare/diff.h"
#include "nomograph/inspect/open.h"
#include "nomograph/inspect/page/page.h"

namespace nomograph {

using PageJson = nlohmann::json;

// Numbers strings, types and the like in the order in which they come, so that each stands in the
// page once.
template <typename T>
class Numbered {
 public:
  int Of(const std::string& key, T&& value) {
    const auto [found, is_new] = numbers_.emplace(key, static_cast<int>(values_.size()));
    if (is_new) values_.push_back(std::move(value));
    return found->second;
  }
  const std::vector<T>& values() const { return values_; }

 private:
  absl::flat_hash_map<std::string, int> numbers_;
  std::vector<T> values_;
};

// All that the page shows of one model but its weights. Names are escaped as a terminal needs it
// (core/types/escape.h): what the page shows is what `nomo` prints.
PageJson ModelColumns(const ModelFile& file, const OpRegistry& registry,
                      const PageOptions& options);

// {"graph": [...], "value": [...], ...}: of weights and constants their kind, size, statistics,
// histogram and, where asked for, preview.
PageJson WeightColumns(const ModelFile& file, const PageOptions& options);

// The documentation of the ops that the models use, by name.
PageJson OpColumns(const std::vector<const Model*>& models, const OpRegistry& registry);

// What became of the nodes of both, and notes of all else that differs.
PageJson DiffColumns(const ModelDiff& diff, const Model& a, const Model& b);

// By node: the kernel that runs it, and the step that it was fused into.
PageJson ProgramColumns(const Program& program);

std::string Base64(absl::string_view bytes);
// The same bytes for the same input, wherever zlib is of one version.
std::string Gzip(absl::string_view bytes);

}  // namespace nomograph

#endif  // NOMOGRAPH_INSPECT_PAGE_PAGE_COLUMNS_H_
