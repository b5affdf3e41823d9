// Parts of random graphs that move elements.
#include <algorithm>
#include <cmath>

#include "nomograph/tests/random_graphs/writer.h"

namespace nomograph {

using Ref = RandomGraph::Ref;
using Ints = std::vector<int64_t>;

Ref RandomGraphWriter::Concat() {
  const Ref x = Pick({.min_rank = 1});
  if (x == kFailed || Rank(x) <= FirstFree(x)) return kFailed;
  const int64_t axis = FirstFree(x) + random_.Below(Rank(x) - FirstFree(x));
  std::vector<Ref> parts = {x};
  for (int64_t more = 1 + random_.Below(3); more > 0; --more) {
    const Ref like = random_.OneIn(5) ? x : PickLike(x);
    if (!(like == kFailed)) parts.push_back(like);
  }
  if (!batched_ && random_.OneIn(6)) parts.push_back(Weights(ShapeOf(x), 1));
  std::rotate(parts.begin(), parts.begin() + random_.Below(static_cast<int64_t>(parts.size())),
              parts.end());
  return Add("array.Concat", parts, {{"axis", axis}});
}

Ref RandomGraphWriter::Split() {
  const Ref x = Pick({.min_rank = 1});
  if (x == kFailed || Rank(x) <= FirstFree(x)) return kFailed;
  const int axis = FirstFree(x) + static_cast<int>(random_.Below(Rank(x) - FirstFree(x)));
  const int64_t size = ShapeOf(x)[axis];
  if (size < 2) return kFailed;
  const int64_t first = 1 + random_.Below(size - 1);
  Ints sizes = {first, size - first};
  if (size - first > 1 && random_.OneIn(2)) sizes = {first, 1, size - first - 1};
  const Ref parts =
      Add("array.Split", {x}, {{"axis", axis}, {"split", sizes}}, static_cast<int>(sizes.size()));
  if (parts == kFailed || !random_.OneIn(2)) return parts;
  // A branch of its own for a part, and all together again, as in CSP blocks.
  const Ref branch = SomeActivation({parts.node, 1});
  if (branch == kFailed) return kFailed;
  std::vector<Ref> all = {{parts.node, 0}, branch};
  if (random_.OneIn(2)) std::swap(all[0], all[1]);
  if (sizes.size() > 2) all.push_back({parts.node, 2});
  return Add("array.Concat", all, {{"axis", axis}});
}

Ref RandomGraphWriter::SliceOf() {
  const Ref x = Pick({.min_rank = 1});
  if (x == kFailed || Rank(x) <= FirstFree(x)) return kFailed;
  const int axis = FirstFree(x) + static_cast<int>(random_.Below(Rank(x) - FirstFree(x)));
  const int64_t size = ShapeOf(x)[axis];
  if (random_.OneIn(6)) return Add("array.Reverse", {x}, {{"axes", Ints{axis}}});
  const int64_t begin = random_.Below(size), end = begin + 1 + random_.Below(size - begin);
  if (random_.OneIn(4)) {
    return Add("array.Slice", {x},
               {{"starts", Ints{size - 1}},
                {"ends", Ints{-size - 1}},
                {"axes", Ints{axis}},
                {"steps", Ints{-1 - random_.Below(2)}}});
  }
  return Add("array.Slice", {x},
             {{"starts", Ints{begin}},
              {"ends", Ints{end}},
              {"axes", Ints{axis}},
              {"steps", Ints{random_.OneIn(3) ? 2 : 1}}});
}

Ref RandomGraphWriter::Reshape() {
  const Ref x = Pick({});
  if (x == kFailed) return kFailed;
  const Shape& shape = ShapeOf(x);
  const int first = FirstFree(x);
  switch (random_.Below(4)) {
    case 0: {
      if (!Batched(x)) return kFailed;
      return Add("array.Flatten", {x});
    }
    case 1: {  // an axis more
      const int axis = first + static_cast<int>(random_.Below(shape.rank() - first + 1));
      if (shape.rank() >= 5) return kFailed;
      return Add("array.Unsqueeze", {x}, {{"axes", Ints{axis}}});
    }
    case 2: {  // merges neighbours
      if (shape.rank() < first + 2) return kFailed;
      const int axis = first + static_cast<int>(random_.Below(shape.rank() - first - 1));
      Ints sizes;
      for (int a = 0; a < shape.rank(); ++a) {
        if (a == axis + 1) continue;
        sizes.push_back(a == axis ? -1 : a < axis ? 0 : shape[a]);
      }
      return Add("array.Reshape", {x}, {{"shape", sizes}});
    }
    default: {  // splits one
      if (shape.rank() <= first || shape.rank() >= 5) return kFailed;
      const int axis = first + static_cast<int>(random_.Below(shape.rank() - first));
      const int64_t parts = random_.Pick<int64_t>({1, 2, 3, 4});
      if (shape[axis] % parts != 0) return kFailed;
      Ints sizes;
      for (int a = 0; a < shape.rank(); ++a) {
        if (a == axis) sizes.push_back(parts);
        sizes.push_back(a == axis ? shape[a] / parts : a < first ? 0 : shape[a]);
      }
      return random_.OneIn(2) ? Add("array.Reshape", {x}, {{"shape", sizes}})
                              : Add("array.Reshape", {x, LongConst(sizes)});
    }
  }
}

Ref RandomGraphWriter::Transpose() {
  const Ref x = Pick({.min_rank = 2});
  if (x == kFailed) return kFailed;
  Ints perm;
  for (int axis = 0; axis < Rank(x); ++axis) perm.push_back(axis);
  for (int axis = FirstFree(x); axis + 1 < Rank(x); ++axis) {
    std::swap(perm[axis], perm[axis + random_.Below(Rank(x) - axis)]);
  }
  return Add("array.Transpose", {x}, {{"perm", perm}});
}

Ref RandomGraphWriter::Gather() {
  const Ref x = Pick({.min_rank = 1});
  if (x == kFailed || Rank(x) <= FirstFree(x)) return kFailed;
  const int axis = FirstFree(x) + static_cast<int>(random_.Below(Rank(x) - FirstFree(x)));
  const int64_t size = ShapeOf(x)[axis];
  Ints indices;
  for (int64_t count = 1 + random_.Below(5); count > 0; --count) {
    indices.push_back(random_.Below(2 * size) - size);
  }
  const Ref places = indices.size() == 1 && Rank(x) > 1 ? Const(Tensor::Scalar<int64_t>(indices[0]))
                                                        : LongConst(indices);
  return Add("array.Gather", {x, places}, {{"axis", axis}});
}

Ref RandomGraphWriter::Other() {
  const Ref x = Pick({.min_rank = 2});
  if (x == kFailed) return kFailed;
  const int64_t axis = FirstFree(x) + random_.Below(Rank(x) - FirstFree(x));
  switch (random_.Below(8)) {
    case 0:
      return Of("core.Identity", x);
    case 1:
      return Add("math.CumSum", {x},
                 {{"axis", axis}, {"reverse", random_.OneIn(2)}, {"exclusive", random_.OneIn(2)}});
    case 2: {
      Ints repeats(Rank(x), 1);
      repeats[axis] = 2;
      return Add("array.Tile", {x}, {{"repeats", repeats}});
    }
    case 3: {
      if (Rank(x) < FirstFree(x) + 2) return kFailed;
      return Add("array.Trilu", {x}, {{"k", random_.Below(3) - 1}, {"upper", random_.OneIn(2)}});
    }
    case 4:
      if (Rank(x) < 3 || Rank(x) > 5) return kFailed;
      return Add(
          "nn.LRN", {x},
          {{"size", random_.Pick<int64_t>({1, 3, 5})}, {"data_format", Format()}, {"alpha", 0.1}});
    case 5:
      return Add("nn.LpNormalization", {Add("math.Add", {Of("math.Abs", x), Number(0.1)})},
                 {{"axis", axis}, {"p", 1 + random_.Below(2)}});
    case 6: {
      if (Rank(x) != 4 || !Batched(x)) return kFailed;
      const Ref z = PickLike(x);
      if (z == kFailed) return kFailed;
      if (ShapeOf(x).num_elements() * ShapeOf(x)[2] > most_products_) return kFailed;
      return Add("math.Einsum", {x, z},
                 {{"equation", random_.OneIn(2) ? "bhid,bhjd->bhij" : "bchw,bcjw->bjh"}});
    }
    default:
      if (Rank(x) != 4) return kFailed;
      return Add("array.SpaceToDepth", {x}, {{"blocksize", 2}, {"data_format", Format()}});
  }
}

}  // namespace nomograph
