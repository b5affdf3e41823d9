// Products of tiles of bfloat16 (AMX), for bfloat16_product.cc, which includes this file for the
// instruction set that it needs.
//
// A tile of the left matrix has sixteen rows, of each sixteen pairs of terms; one of the right
// matrix sixteen pairs of terms, of each sixteen columns, which is what panels of vectors are as
// well. Panels of rows, so, have sixteen of them, and terms are filled up with zeros to sixteen
// pairs.
#if defined(NOMOGRAPH_CORE_NARROW_BFLOAT16_TILES_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NOMOGRAPH_CORE_NARROW_BFLOAT16_TILES_H_
#undef NOMOGRAPH_CORE_NARROW_BFLOAT16_TILES_H_
#else
#define NOMOGRAPH_CORE_NARROW_BFLOAT16_TILES_H_
#endif

#include <cstdint>

#include "hwy/highway.h"
#include "nomograph/core/narrow/bfloat16_panels.h"
#include "nomograph/core/vector/tile_shapes.h"

#if HWY_TARGET == HWY_AVX3

#include <immintrin.h>

HWY_PUSH_ATTRIBUTES(HWY_TARGET_STR ",avx512bf16,amx-tile,amx-bf16")
namespace nomograph {
namespace HWY_NAMESPACE {
namespace bfloat16 {

// While it lives, this thread's tiles are whole ones.
class TileScope {
 public:
  TileScope() {
    static constexpr TileShapes kWhole;
    _tile_loadconfig(&kWhole);
  }
  ~TileScope() { _tile_release(); }
  TileScope(const TileScope&) = delete;
  TileScope& operator=(const TileScope&) = delete;
};

// The most rows of tiles that are multiplied at a time.
constexpr int64_t kTallTiles = 2;

// Where sums are: rows of tiles, of which the first begin at `at`, `stride` floats from row to row.
struct TilePlace {
  float* at;
  int64_t stride;
};

// The sums of one panel of rows, or of two that lie `a_panel` apart, and of the first kVectors
// vectors of a right panel. They are added to those at `from`, unless that is null. `near` bytes
// from `next` on are brought near for each sixteen pairs.
template <int64_t kTall, int64_t kVectors>
void MultiplyTiles(int64_t pairs, const uint32_t* a, int64_t a_panel, const uint32_t* b,
                   const char* next, int64_t near, const TilePlace& from, const TilePlace& to) {
  constexpr int64_t kRowBytes = kLanes * sizeof(uint32_t), kColumnBytes = kPanelVectors * kRowBytes;
  constexpr int64_t kLine = 64;
  const uint32_t* low = a + a_panel;
  // The compiler is not told what the tiles' instructions read.
  asm volatile("" ::: "memory");
  if (from.at == nullptr) {
    _tile_zero(0);
    if constexpr (kVectors > 1) _tile_zero(1);
    if constexpr (kVectors > 2) _tile_zero(2);
    if constexpr (kTall > 1) {
      _tile_zero(3);
      if constexpr (kVectors > 1) _tile_zero(4);
      if constexpr (kVectors > 2) _tile_zero(5);
    }
  } else {
    const int64_t bytes = from.stride * static_cast<int64_t>(sizeof(float));
    const float* const second = from.at + kTileRows * from.stride;
    _tile_loadd(0, from.at, bytes);
    if constexpr (kVectors > 1) _tile_loadd(1, from.at + kLanes, bytes);
    if constexpr (kVectors > 2) _tile_loadd(2, from.at + 2 * kLanes, bytes);
    if constexpr (kTall > 1) {
      _tile_loadd(3, second, bytes);
      if constexpr (kVectors > 1) _tile_loadd(4, second + kLanes, bytes);
      if constexpr (kVectors > 2) _tile_loadd(5, second + 2 * kLanes, bytes);
    }
  }
  for (int64_t t = 0; t < pairs; t += kTilePairs) {
    for (int64_t i = 0; i < near; i += kLine) _mm_prefetch(next + i, _MM_HINT_T0);
    // Of each two products that follow one another one factor is the same, so that two registers
    // are enough beside the six sums.
    _tile_loadd(7, b, kColumnBytes);
    _tile_loadd(6, a, kRowBytes);
    _tile_dpbf16ps(0, 6, 7);
    if constexpr (kTall > 1) {
      _tile_loadd(6, low, kRowBytes);
      _tile_dpbf16ps(3, 6, 7);
    }
    if constexpr (kVectors > 1) {
      _tile_loadd(7, b + kLanes, kColumnBytes);
      if constexpr (kTall > 1) {
        _tile_dpbf16ps(4, 6, 7);
        _tile_loadd(6, a, kRowBytes);
      }
      _tile_dpbf16ps(1, 6, 7);
    }
    if constexpr (kVectors > 2) {
      _tile_loadd(7, b + 2 * kLanes, kColumnBytes);
      _tile_dpbf16ps(2, 6, 7);
      if constexpr (kTall > 1) {
        _tile_loadd(6, low, kRowBytes);
        _tile_dpbf16ps(5, 6, 7);
      }
    }
    a += kTilePairs * kTileRows;
    low += kTilePairs * kTileRows;
    b += kTilePairs * kPanelColumns;
    next += near;
  }
  const int64_t bytes = to.stride * static_cast<int64_t>(sizeof(float));
  float* const second = to.at + kTileRows * to.stride;
  _tile_stored(0, to.at, bytes);
  if constexpr (kVectors > 1) _tile_stored(1, to.at + kLanes, bytes);
  if constexpr (kVectors > 2) _tile_stored(2, to.at + 2 * kLanes, bytes);
  if constexpr (kTall > 1) {
    _tile_stored(3, second, bytes);
    if constexpr (kVectors > 1) _tile_stored(4, second + kLanes, bytes);
    if constexpr (kVectors > 2) _tile_stored(5, second + 2 * kLanes, bytes);
  }
  asm volatile("" ::: "memory");
}

using MultiplyTilesFn = void (*)(int64_t pairs, const uint32_t* a, int64_t a_panel,
                                 const uint32_t* b, const char* next, int64_t near,
                                 const TilePlace& from, const TilePlace& to);
// By the numbers of panels of rows and of vectors, less 1.
constexpr MultiplyTilesFn kMultiplyTiles[kTallTiles][kPanelVectors] = {
    {MultiplyTiles<1, 1>, MultiplyTiles<1, 2>, MultiplyTiles<1, 3>},
    {MultiplyTiles<2, 1>, MultiplyTiles<2, 2>, MultiplyTiles<2, 3>}};

}  // namespace bfloat16
}  // namespace HWY_NAMESPACE
}  // namespace nomograph
HWY_POP_ATTRIBUTES

#endif  // HWY_TARGET == HWY_AVX3

#endif  // NOMOGRAPH_CORE_NARROW_BFLOAT16_TILES_H_
