// A column: one field of one template, or one number of all events or records of a block. The
// codings, byte by byte:
//
//   kConstant    value                                  all rows have it
//   kDictionary  values | codes                         codes: the number of each row's value, the
//   low
//                                                       bytes of all rows first, then the next
//                                                       bytes, as many as the highest number needs
//   kSameCodes   values                                 the codes are those of an earlier column
//   kDistinct    values                                 one for each row
//   kDecimal     delta*                                 decimal numbers without leading zeros
//   kHex         delta*                                 hex numbers, small letters, no leading
//   zeros kNumbers     delta*                                 numbers that are no text kStride
//   delta delta                            such numbers too: the first one, and the one
//                                                       difference that all others have
//
//   values := count varint | length varint (count times) | all bytes
//   delta  := varint of the difference to the row before, zigzag; the row before the first has 0

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "storage/value_dictionary.h"

namespace storage {

// The numbers are stored.
enum class Coding : uint8_t {
  kConstant = 0,
  kDictionary = 1,
  kSameCodes = 2,
  kDistinct = 3,
  kDecimal = 4,
  kHex = 5,
  kNumbers = 6,
  kStride = 7,
};

// Gathers the values of a column of text, row by row.
class ColumnWriter {
 public:
  // Sets the value of `row`. Rows come in order; rows that are left out repeat the one before. Row
  // 0 must be set.
  void Set(uint32_t row, std::string_view value);

  // The value that was set last. Valid until the next Set() or Clear().
  std::string_view last() const {
    return last_ == kNone ? std::string_view() : values_.value(last_);
  }

  // Completes the codes, once all rows are set.
  void Finish(uint32_t rows);

  // After Finish(): whether the codes are those of the other, so that one of them is enough.
  bool HasCodesOf(const ColumnWriter& other) const;

  // After Finish(): chooses a coding and appends the column to *out. `same_codes`: HasCodesOf() an
  // earlier column that Encode() returned kDictionary for.
  Coding Encode(bool same_codes, std::string* out) const;

  // Begins anew, with the same memory.
  void Clear();

 private:
  static constexpr uint32_t kNone = UINT32_MAX;

  void PutValues(std::string* out) const;
  void PutCodes(std::string* out) const;
  bool PutAsNumbers(int base, std::string* out) const;

  ValueDictionary values_;
  std::vector<uint32_t> codes_;
  uint32_t last_ = kNone;
};

// Appends kStride or kNumbers.
Coding EncodeNumbers(const std::vector<uint64_t>& numbers, std::string* out);

// A column that can be read. Views point into the bytes that it was decoded from.
class Column {
 public:
  // `same` is the column whose codes kSameCodes refers to; else it is not used. False if the bytes
  // are not `rows` rows of this coding: after that nothing may be read.
  bool Decode(Coding coding, uint32_t rows, std::string_view bytes, const Column* same);

  // Of text, the value of a row. It is valid as long as the bytes, or until *scratch changes.
  std::string_view Value(uint32_t row, std::string* scratch) const;

  // Of kNumbers and kStride, the number of a row.
  uint64_t Number(uint32_t row) const { return numbers_[row]; }

  // Text that is not kDecimal or kHex has distinct values, with numbers below distinct(): then each
  // row has the Code() of its value. Else distinct() is 0.
  uint32_t distinct() const { return distinct_; }
  std::string_view DistinctValue(uint32_t code) const {
    return values_.substr(value_begins_[code], value_begins_[code + 1] - value_begins_[code]);
  }
  uint32_t Code(uint32_t row) const;

  uint32_t rows() const { return rows_; }

 private:
  bool DecodeValues(std::string_view* in);
  bool DecodeCodes(std::string_view in);
  bool DecodeNumbers(std::string_view in);
  bool DecodeStride(std::string_view in);

  Coding coding_ = Coding::kConstant;
  uint32_t rows_ = 0;
  uint32_t distinct_ = 0;
  uint32_t code_bytes_ = 0;  // 0: the code is the row (kDistinct) or 0 (kConstant).
  std::string_view codes_;
  std::string_view values_;
  std::vector<uint32_t> value_begins_;  // One more than distinct_.
  std::vector<uint64_t> numbers_;
};

}  // namespace storage
