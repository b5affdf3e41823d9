#include "nomograph/ops/quant/quads/tile_loops.h"

#if defined(__x86_64__)

#include "nomograph/core/vector/tile_shapes.h"
#include "nomograph/ops/quant/quads/quad_vectors.h"

HWY_PUSH_ATTRIBUTES(
    "avx512f,avx512cd,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,bmi2,fma,amx-tile,amx-int8")

namespace nomograph::quant {
namespace {

constexpr int64_t kVectors = kQuadTile / kQuadLanes, kTileSums = kTileChannels * kQuadLanes;

// Registers 0 to 3 have the sums, by vector of places; 4 quads of channels, 5 to 7 of places.
TileShapes ShapesOf(int64_t quads) {
  TileShapes shapes;
  shapes.row_bytes[4] = static_cast<uint16_t>(quads * sizeof(int32_t));
  for (int i = 5; i < TileShapes::kTiles; ++i) shapes.rows[i] = static_cast<uint8_t>(quads);
  return shapes;
}

// The sums at kVectors vectors of places.
void AddTiles(const QuadProduct& product, const QuadTiles& tiles, const int32_t* x,
              const int32_t* w, int32_t* sums) {
  constexpr int64_t kRowBytes = 64;
  const int64_t x_bytes = product.quad_stride * static_cast<int64_t>(sizeof(int32_t));
  const int64_t w_bytes = tiles.each * static_cast<int64_t>(sizeof(int32_t));
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  // The compiler is not told what the tiles' instructions read.
  asm volatile("" ::: "memory");
  for (int64_t t = 0; t < product.taps; ++t) {
    const int32_t* from = x + product.offsets[t];
    for (int64_t i = 0; i < tiles.count; ++i) {
      _tile_loadd(4, w, w_bytes);
      _tile_loadd(5, from, x_bytes);
      _tile_dpbsud(0, 4, 5);
      _tile_loadd(6, from + kQuadLanes, x_bytes);
      _tile_dpbsud(1, 4, 6);
      _tile_loadd(7, from + 2 * kQuadLanes, x_bytes);
      _tile_dpbsud(2, 4, 7);
      _tile_loadd(5, from + 3 * kQuadLanes, x_bytes);
      _tile_dpbsud(3, 4, 5);
      w += tiles.each * kTileChannels;
      from += tiles.each * product.quad_stride;
    }
  }
  _tile_stored(0, sums, kRowBytes);
  _tile_stored(1, sums + kTileSums, kRowBytes);
  _tile_stored(2, sums + 2 * kTileSums, kRowBytes);
  _tile_stored(3, sums + 3 * kTileSums, kRowBytes);
  asm volatile("" ::: "memory");
}

}  // namespace

void ConfigureTiles(const QuadTiles& tiles) {
  const TileShapes shapes = ShapesOf(tiles.each);
  _tile_loadconfig(&shapes);
}
void ReleaseTiles() { _tile_release(); }

void MultiplyQuadTiles(const QuadProduct& product, const QuadTiles& tiles, const int32_t* x,
                       int64_t count, const int32_t* w, int64_t channels, const QuadFinish& finish,
                       uint8_t* y, int64_t y_stride) {
  const FinishVectors finished(finish);
  alignas(64) int32_t sums[kVectors * kTileSums];
  for (int64_t p = 0; p < count; p += kQuadTile) {
    AddTiles(product, tiles, x + p, w, sums);
    for (int64_t c = 0; c < channels; ++c) {
      const __m512 scale = _mm512_set1_ps(finish.scales[c]);
      const __m512i bias = _mm512_set1_epi32(finish.biases[c]);
      const auto rounded = [&](int64_t v) __attribute__((always_inline)) {
        const __m512i sum = _mm512_load_si512(sums + v * kTileSums + c * kQuadLanes);
        return finished.Rounded(_mm512_add_epi32(sum, bias), scale);
      };
      StoreBytes(y + c * y_stride + p, count - p,
                 OneByOne(finished.Bytes(rounded(0), rounded(1), rounded(2), rounded(3))));
    }
  }
}

}  // namespace nomograph::quant

HWY_POP_ATTRIBUTES

#else

#include "nomograph/core/types/status.h"

namespace nomograph::quant {

// REQUIRED of callers: HasTiles().
void ConfigureTiles(const QuadTiles&) { NOMO_CHECK(false); }
void ReleaseTiles() { NOMO_CHECK(false); }
void MultiplyQuadTiles(const QuadProduct&, const QuadTiles&, const int32_t*, int64_t,
                       const int32_t*, int64_t, const QuadFinish&, uint8_t*, int64_t) {
  NOMO_CHECK(false);
}

}  // namespace nomograph::quant

#endif
