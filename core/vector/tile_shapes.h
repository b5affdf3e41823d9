// The shapes of a processor's tiles (AMX), as its instruction LDTILECFG reads them: Intel 64 and
// IA-32 Architectures Software Developer's Manual, volume 1, chapter "Programming with Intel AMX".
#ifndef NOMOGRAPH_CORE_VECTOR_TILE_SHAPES_H_
#define NOMOGRAPH_CORE_VECTOR_TILE_SHAPES_H_

#include <cstdint>

namespace nomograph {

// A tile has at most sixteen rows of at most 64 bytes; there are eight.
struct TileShapes {
  static constexpr int kTiles = 8, kRows = 16, kRowBytes = 64;

  // All are whole.
  constexpr TileShapes() {
    for (int i = 0; i < kTiles; ++i) {
      row_bytes[i] = kRowBytes;
      rows[i] = kRows;
    }
  }

  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};
};
static_assert(sizeof(TileShapes) == 64);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_VECTOR_TILE_SHAPES_H_
