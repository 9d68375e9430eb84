#include "storage/column.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "storage/coding.h"

namespace storage {

namespace {

// A number of at most this many digits fits in 63 bits, so that differences of two fit in 64.
constexpr size_t kDecimalDigitsMax = 18;
constexpr size_t kHexDigitsMax = 15;

// A column is tried as numbers if more than one row in this many has a value of its own: below it a
// dictionary is smaller.
constexpr size_t kRowsPerValueMax = 4;
constexpr uint32_t kNumberRowsMin = 64;

// Whether `text` is what a number prints as, and which one.
bool ParseNumber(std::string_view text, int base, uint64_t* number) {
  const size_t digits_max = base == 10 ? kDecimalDigitsMax : kHexDigitsMax;
  if (text.empty() || text.size() > digits_max || (text.size() > 1 && text[0] == '0')) return false;
  for (const char byte : text) {
    const bool is_digit = byte >= '0' && byte <= '9';
    if (!is_digit && (base == 10 || byte < 'a' || byte > 'f')) return false;
  }
  return std::from_chars(text.data(), text.data() + text.size(), *number, base).ec == std::errc{};
}

uint32_t CodeBytes(uint32_t distinct) {
  if (distinct <= 1U << 8) return 1;
  return distinct <= 1U << 16 ? 2 : 4;
}

}  // namespace

void ColumnWriter::Set(uint32_t row, std::string_view value) {
  const uint32_t code = values_.Intern(value);
  codes_.resize(row, last_);
  codes_.push_back(code);
  last_ = code;
}

void ColumnWriter::Finish(uint32_t rows) { codes_.resize(rows, last_); }

bool ColumnWriter::HasCodesOf(const ColumnWriter& other) const {
  return values_.size() == other.values_.size() && codes_ == other.codes_;
}

Coding ColumnWriter::Encode(bool same_codes, std::string* out) const {
  if (values_.size() == 1) {
    out->append(values_.bytes());
    return Coding::kConstant;
  }
  if (same_codes) {
    PutValues(out);
    return Coding::kSameCodes;
  }
  const size_t rows = codes_.size();
  if (rows >= kNumberRowsMin && values_.size() > rows / kRowsPerValueMax) {
    if (PutAsNumbers(10, out)) return Coding::kDecimal;
    if (PutAsNumbers(16, out)) return Coding::kHex;
  }
  PutValues(out);
  // Numbered in the order in which they came: as many values as rows means one after the other.
  if (values_.size() == rows) return Coding::kDistinct;
  PutCodes(out);
  return Coding::kDictionary;
}

void ColumnWriter::Clear() {
  values_.Clear();
  codes_.clear();
  last_ = kNone;
}

void ColumnWriter::PutValues(std::string* out) const {
  PutVarint(out, values_.size());
  for (uint32_t number = 0; number < values_.size(); ++number) {
    PutVarint(out, values_.value(number).size());
  }
  out->append(values_.bytes());
}

void ColumnWriter::PutCodes(std::string* out) const {
  const size_t rows = codes_.size();
  const uint32_t code_bytes = CodeBytes(values_.size());
  const size_t begin = out->size();
  out->resize(begin + rows * code_bytes);
  for (uint32_t byte = 0; byte < code_bytes; ++byte) {
    char* const plane = out->data() + begin + rows * byte;
    for (size_t row = 0; row < rows; ++row) {
      plane[row] = static_cast<char>(codes_[row] >> 8 * byte);
    }
  }
}

bool ColumnWriter::PutAsNumbers(int base, std::string* out) const {
  std::vector<uint64_t> numbers(values_.size());
  for (uint32_t i = 0; i < values_.size(); ++i) {
    if (!ParseNumber(values_.value(i), base, &numbers[i])) return false;
  }
  uint64_t before = 0;
  for (const uint32_t code : codes_) {
    PutVarint(out, ZigZag(numbers[code] - before));
    before = numbers[code];
  }
  return true;
}

Coding EncodeNumbers(const std::vector<uint64_t>& numbers, std::string* out) {
  const uint64_t stride = numbers.size() > 1 ? numbers[1] - numbers[0] : 0;
  const auto breaks = std::ranges::adjacent_find(
      numbers, [stride](uint64_t a, uint64_t b) { return b - a != stride; });
  if (breaks == numbers.end() && !numbers.empty()) {
    PutVarint(out, ZigZag(numbers[0]));
    PutVarint(out, ZigZag(stride));
    return Coding::kStride;
  }
  uint64_t before = 0;
  for (const uint64_t number : numbers) {
    PutVarint(out, ZigZag(number - before));
    before = number;
  }
  return Coding::kNumbers;
}

bool Column::Decode(Coding coding, uint32_t rows, std::string_view bytes, const Column* same) {
  coding_ = coding;
  rows_ = rows;
  switch (coding) {
    case Coding::kConstant:
      values_ = bytes;
      value_begins_ = {0, static_cast<uint32_t>(bytes.size())};
      distinct_ = 1;
      return true;
    case Coding::kDictionary:
      return DecodeValues(&bytes) && DecodeCodes(bytes);
    case Coding::kSameCodes:
      if (same == nullptr || same->coding_ != Coding::kDictionary || same->rows_ != rows)
        return false;
      codes_ = same->codes_;
      code_bytes_ = same->code_bytes_;
      return DecodeValues(&bytes) && bytes.empty() && distinct_ == same->distinct_;
    case Coding::kDistinct:
      return DecodeValues(&bytes) && bytes.empty() && distinct_ == rows;
    case Coding::kDecimal:
    case Coding::kHex:
    case Coding::kNumbers:
      return DecodeNumbers(bytes);
    case Coding::kStride:
      return DecodeStride(bytes);
  }
  return false;
}

bool Column::DecodeValues(std::string_view* in) {
  if (!TakeVarint32(in, &distinct_) || distinct_ > in->size()) return false;
  value_begins_.resize(size_t{distinct_} + 1);
  uint64_t end = 0;
  for (uint32_t i = 0; i < distinct_; ++i) {
    uint32_t bytes = 0;
    if (!TakeVarint32(in, &bytes)) return false;
    value_begins_[i] = static_cast<uint32_t>(end);
    end += bytes;
    if (end > in->size()) return false;
  }
  value_begins_[distinct_] = static_cast<uint32_t>(end);
  values_ = in->substr(0, end);
  in->remove_prefix(end);
  return true;
}

bool Column::DecodeCodes(std::string_view in) {
  code_bytes_ = CodeBytes(distinct_);
  codes_ = in;
  if (in.size() != size_t{rows_} * code_bytes_) return false;
  // Checked here once, so that no reader has to.
  uint32_t highest = 0;
  for (uint32_t row = 0; row < rows_; ++row) highest = std::max(highest, Code(row));
  return rows_ == 0 || highest < distinct_;
}

bool Column::DecodeNumbers(std::string_view in) {
  if (rows_ > in.size()) return false;
  numbers_.resize(rows_);
  uint64_t number = 0;
  for (uint32_t row = 0; row < rows_; ++row) {
    uint64_t code = 0;
    if (!TakeVarint(&in, &code)) return false;
    number += UnZigZag(code);
    numbers_[row] = number;
  }
  return in.empty();
}

bool Column::DecodeStride(std::string_view in) {
  uint64_t first = 0;
  uint64_t stride = 0;
  if (!TakeVarint(&in, &first) || !TakeVarint(&in, &stride) || !in.empty()) return false;
  numbers_.resize(rows_);
  for (uint32_t row = 0; row < rows_; ++row) {
    numbers_[row] = UnZigZag(first) + row * UnZigZag(stride);
  }
  return true;
}

uint32_t Column::Code(uint32_t row) const {
  if (code_bytes_ == 0) return coding_ == Coding::kConstant ? 0 : row;
  uint32_t code = 0;
  for (uint32_t byte = 0; byte < code_bytes_; ++byte) {
    code |= uint32_t{static_cast<unsigned char>(codes_[size_t{rows_} * byte + row])} << 8 * byte;
  }
  return code;
}

std::string_view Column::Value(uint32_t row, std::string* scratch) const {
  if (coding_ != Coding::kDecimal && coding_ != Coding::kHex) return DistinctValue(Code(row));
  std::array<char, 20> digits;
  const auto [end, errc] = std::to_chars(digits.data(), digits.data() + digits.size(),
                                         numbers_[row], coding_ == Coding::kHex ? 16 : 10);
  scratch->assign(digits.data(), end);
  return *scratch;
}

}  // namespace storage
