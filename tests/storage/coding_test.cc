#include "storage/coding.h"

#include <limits>

#include <gtest/gtest.h>

namespace storage {
namespace {

TEST(Coding, GivesBackEveryVarint) {
  for (const uint64_t value :
       {uint64_t{0}, uint64_t{1}, uint64_t{127}, uint64_t{128}, uint64_t{300}, uint64_t{1} << 63,
        std::numeric_limits<uint64_t>::max()}) {
    std::string bytes;
    PutVarint(&bytes, value);
    std::string_view in = bytes;
    uint64_t taken = 0;
    ASSERT_TRUE(TakeVarint(&in, &taken)) << value;
    EXPECT_EQ(taken, value);
    EXPECT_TRUE(in.empty());
    for (size_t length = 0; length < bytes.size(); ++length) {
      std::string_view cut = std::string_view(bytes).substr(0, length);
      EXPECT_FALSE(TakeVarint(&cut, &taken)) << value << " cut to " << length;
      EXPECT_EQ(cut.size(), length);
    }
  }
}

TEST(Coding, RefusesAVarintOfMoreThan64Bits) {
  const std::string nine(9, '\xff');
  std::string_view too_large;
  uint64_t taken = 0;
  const std::string large = nine + '\x02';
  too_large = large;
  EXPECT_FALSE(TakeVarint(&too_large, &taken));
  const std::string endless = nine + "\xff\xff\x01";
  std::string_view too_long = endless;
  EXPECT_FALSE(TakeVarint(&too_long, &taken));
}

TEST(Coding, SortsFixedNumbersByValue) {
  std::string small;
  std::string large;
  PutFixed64(&small, 255);
  PutFixed64(&large, 256);
  EXPECT_LT(small, large);
  std::string_view in = large;
  uint64_t taken = 0;
  ASSERT_TRUE(TakeFixed64(&in, &taken));
  EXPECT_EQ(taken, 256u);
  EXPECT_FALSE(TakeFixed64(&in, &taken));
}

TEST(Coding, BelievesNoLengthBeyondTheEnd) {
  std::string bytes;
  PutBytes(&bytes, "four");
  std::string_view in = bytes;
  std::string_view taken;
  ASSERT_TRUE(TakeBytes(&in, &taken));
  EXPECT_EQ(taken, "four");
  in = std::string_view(bytes).substr(0, bytes.size() - 1);
  EXPECT_FALSE(TakeBytes(&in, &taken));
  EXPECT_EQ(in.size(), bytes.size() - 1);
}

}  // namespace
}  // namespace storage
