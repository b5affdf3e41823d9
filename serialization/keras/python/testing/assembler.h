// Code objects as marshal data, for Python versions of which there is no interpreter at hand. The
// format is that of CPython's Python/marshal.c.
#ifndef NOMOGRAPH_SERIALIZATION_KERAS_PYTHON_TESTING_ASSEMBLER_H_
#define NOMOGRAPH_SERIALIZATION_KERAS_PYTHON_TESTING_ASSEMBLER_H_

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace nomograph::keras {

inline std::string MarshalInt32(int64_t value) {
  std::string bytes;
  for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(value >> shift & 255);
  return bytes;
}
inline std::string MarshalInt(int64_t value) { return "i" + MarshalInt32(value); }
inline std::string MarshalFloat(double value) {
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &value, 8);
  return "g" + bytes;
}
inline std::string MarshalBytes(const std::string& bytes) {
  return "s" + MarshalInt32(bytes.size()) + bytes;
}
inline std::string MarshalText(const std::string& text) {
  return "u" + MarshalInt32(text.size()) + text;
}
inline std::string MarshalTuple(const std::vector<std::string>& items) {
  std::string bytes = "(" + MarshalInt32(items.size());
  for (const std::string& item : items) bytes += item;
  return bytes;
}
inline std::string MarshalNames(const std::vector<std::string>& names) {
  std::vector<std::string> texts;
  for (const std::string& name : names) texts.push_back(MarshalText(name));
  return MarshalTuple(texts);
}

struct Assembled {
  std::vector<int> bytes;              // the bytecode
  std::vector<std::string> constants;  // marshal data each
  std::vector<std::string> names;
  std::vector<std::string> variables = {"x"};
  int num_args = 1;
  std::string name = "<lambda>";
};

// As Python 3.3 to 3.7 lay a code object out.
inline std::string AssembleOld(const Assembled& code) {
  const std::string bytecode(code.bytes.begin(), code.bytes.end());
  return "c" + MarshalInt32(code.num_args) + MarshalInt32(0) + MarshalInt32(code.variables.size()) +
         MarshalInt32(20) + MarshalInt32(0x43) + MarshalBytes(bytecode) +
         MarshalTuple(code.constants) + MarshalNames(code.names) + MarshalNames(code.variables) +
         MarshalTuple({}) + MarshalTuple({}) + MarshalText("model.py") + MarshalText(code.name) +
         MarshalInt32(1) + MarshalBytes("");
}

// As Python from 3.11 on does. No instruction has a line.
inline std::string AssembleNew(const Assembled& code) {
  const std::string bytecode(code.bytes.begin(), code.bytes.end());
  constexpr int kLocal = 0x20, kNoLocation = 15;
  std::string lines;
  for (size_t left = bytecode.size() / 2; left > 0;) {
    const size_t part = left < 8 ? left : 8;
    lines += static_cast<char>(128 | kNoLocation << 3 | (part - 1));
    left -= part;
  }
  return "c" + MarshalInt32(code.num_args) + MarshalInt32(0) + MarshalInt32(0) + MarshalInt32(20) +
         MarshalInt32(3) + MarshalBytes(bytecode) + MarshalTuple(code.constants) +
         MarshalNames(code.names) + MarshalNames(code.variables) +
         MarshalBytes(std::string(code.variables.size(), static_cast<char>(kLocal))) +
         MarshalText("model.py") + MarshalText(code.name) + MarshalText(code.name) +
         MarshalInt32(1) + MarshalBytes(lines) + MarshalBytes("");
}

}  // namespace nomograph::keras

#endif  // NOMOGRAPH_SERIALIZATION_KERAS_PYTHON_TESTING_ASSEMBLER_H_
