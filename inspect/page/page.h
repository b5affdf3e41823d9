// One HTML page with which people look into a model, or into what two models differ in: all in one
// file, which needs no network and sends nothing anywhere.
//
//   NOMO_ASSIGN_OR_RETURN(const std::string html, PageHtml(file, registry, {}));
//
// The page is a program of its own, in web/: this writes the model as columns of JSON, packs them
// (gzip, base64) and puts them into it. Weights are not in the page, but for their statistics and a
// histogram of 64 bins, unless previews are asked for.
#ifndef NOMOGRAPH_INSPECT_PAGE_PAGE_H_
#define NOMOGRAPH_INSPECT_PAGE_PAGE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nomograph/core/compile/program.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/inspect/compare/compare.h"
#include "nomograph/inspect/open.h"

namespace nomograph {

// A number for some of the main graph's nodes, by name, which the page can colour by and lists.
struct PageNumbers {
  std::string title;  // "time"
  std::string unit;   // "ms"; may be empty
  // Of several nodes the greatest counts; else their sum.
  bool greatest = false;
  absl::flat_hash_map<std::string, double> of_node;
};

// From JSON {"node": number, ...}, as `nomo profile --node-ms` writes it. InvalidArgument for
// anything else, and where no name is a node of `graph`.
absl::StatusOr<PageNumbers> ParsePageNumbers(std::string title, std::string unit,
                                             absl::string_view json, const Graph& graph);

// How far every node's values are from those that were expected, as TensorDifference::relative()
// has it: the farthest of a node's, and 1 for all beyond, where the two have nothing in common.
PageNumbers ErrorsOfNodes(const Comparison& comparison);

struct PageOptions {
  // Minimum, maximum, mean, deviation, zeros, NaN, infinities and a histogram of every weight. All
  // weights are read for it.
  bool statistics = true;
  // Of every weight a picture of 64 x 64 means of its elements.
  bool previews = false;
  // What a page may hold: beyond it nothing is written. Of columns, before they are packed.
  int64_t max_data_bytes = int64_t{1} << 30;
  // Shapes become formulas in the inputs' open sizes by typing the model for several choices of
  // them. Of larger models fewer choices are tried; of nodes typed in all.
  int64_t max_typed_nodes = 1 << 20;
  std::vector<PageNumbers> numbers;
  // What the first model is compiled to here, where that is to be shown.
  const Program* program = nullptr;
  // Called with the bytes of weights that have been read, and all.
  std::function<void(int64_t done, int64_t total)> progress;
};

// The page for `file`. ResourceExhausted beyond the limits. The same bytes for the same model,
// options and registry.
absl::StatusOr<std::string> PageHtml(const ModelFile& file, const OpRegistry& registry,
                                     const PageOptions& options);

// The page for both as one graph: what they share, and what only the first or the second has.
// Numbers and the program are those of `b`.
absl::StatusOr<std::string> PageDiffHtml(const ModelFile& a, const ModelFile& b,
                                         const OpRegistry& registry, const PageOptions& options);

}  // namespace nomograph

#endif  // NOMOGRAPH_INSPECT_PAGE_PAGE_H_
