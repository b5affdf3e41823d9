// How the lines of a plane of bytes become pairs.
#ifndef NOMOGRAPH_OPS_QUANT_PAIRS_SPLIT_LINES_H_
#define NOMOGRAPH_OPS_QUANT_PAIRS_SPLIT_LINES_H_

#include <cstdint>

namespace nomograph::quant {

struct SplitLines {
  bool is_signed = false;
  int32_t zero_point = 0;
  int64_t elements = 0;  // of the image
  // Of the input: its rows and columns, the first element of the channel, where the columns that
  // are read begin, and how far behind it that of the channel is that it is paired with (0: none).
  int64_t input_rows = 0, input_columns = 0, first_element = 0, partner_elements = 0;
  // How many columns are read, and where in a padded line they begin. Behind them is padding, of a
  // vector's length or more.
  int64_t count = 0, at = 0;
  int64_t pad_rows = 0, row_stride = 1, column_stride = 1;
  // Of what is written: rows of a phase, elements of a row, of a phase.
  int64_t rows = 0, pitch = 0, plane = 0;
  const int64_t* column_phases = nullptr;
  int64_t num_column_phases = 0;
};

}  // namespace nomograph::quant

#endif  // NOMOGRAPH_OPS_QUANT_PAIRS_SPLIT_LINES_H_
