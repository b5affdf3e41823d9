#include "nomograph/ops/image/sampling.h"

#include <string>
#include <utility>

#include "nomograph/core/gradient/draws.h"

namespace nomograph::image {
namespace {

FillMode FillModeOf(absl::string_view name) {
  if (name == "constant") return FillMode::kConstant;
  if (name == "nearest") return FillMode::kNearest;
  return name == "wrap" ? FillMode::kWrap : FillMode::kReflect;
}

int64_t FloorMod(int64_t a, int64_t b) { return (a % b + b) % b; }

}  // namespace

int64_t Continued(int64_t index, int64_t size, FillMode mode) {
  if (index >= 0 && index < size) return index;
  switch (mode) {
    case FillMode::kConstant:
      return -1;
    case FillMode::kNearest:
      return index < 0 ? 0 : size - 1;
    case FillMode::kWrap:
      return FloorMod(index, size);
    case FillMode::kReflect:
      const int64_t folded = FloorMod(index, 2 * size);
      return folded < size ? folded : 2 * size - 1 - folded;
  }
  return -1;
}

Sampling::Sampling(const Attributes& attrs)
    : mode(FillModeOf(attrs.String("fill_mode"))),
      bilinear(attrs.String("interpolation") == "bilinear"),
      fill_value(attrs.Float("fill_value")) {}

OpDef WithSampling(OpDef op) {
  op.Attr("fill_mode", "reflect",
          "how the image goes on beyond its edges. reflect: (d c b a | a b c d | d c b a); "
          "constant: with fill_value; nearest: (a a a a | a b c d | d d d d); wrap: (a b c d | a b "
          "c d | a b c d)")
      .Choices({"constant", "nearest", "reflect", "wrap"});
  op.Attr("interpolation", "bilinear",
          "bilinear: between the four pixels around a place; nearest: the nearest pixel, of "
          "equally near ones the one to the right and below")
      .Choices({"bilinear", "nearest"});
  op.Attr("fill_value", 0.0, "the value beyond the edges where fill_mode is constant");
  return WithDataFormat(std::move(op));
}

GradientFn SampledGradient(std::string op) {
  return [op = std::move(op)](const GradientContext& g) -> absl::StatusOr<std::vector<Value>> {
    Attributes attrs = g.attrs();
    if (g.op().effects == Effects::kRandom) {
      NOMO_ASSIGN_OR_RETURN(attrs, AttributesOfSameDraws(g));
    }
    attrs.Set("fill_value", 0.0);
    return std::vector<Value>{Call(op, {g.gradient(0)}, std::move(attrs))};
  };
}

}  // namespace nomograph::image
