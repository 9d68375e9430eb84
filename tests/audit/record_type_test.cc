#include "audit/record_type.h"

#include <optional>
#include <string_view>

#include "gtest/gtest.h"

namespace audit {
namespace {

TEST(RecordType, HasTheNumberOfItsName) {
  const struct {
    std::string_view name;
    uint32_t number;
  } cases[] = {{"SYSCALL", 1300},   {"PATH", 1302},           {"EOE", 1320},
               {"PROCTITLE", 1327}, {"USER_LOGIN", 1112},     {"DAEMON_START", 1200},
               {"AVC", 1400},       {"KERNEL", 2000},         {"ANOM_LOGIN_FAILURES", 2100},
               {"LOGIN", 1006},     {"CRYPTO_KEY_USER", 2404}};
  for (const auto& [name, number] : cases) {
    EXPECT_EQ(RecordTypeNumber(name), number) << name;
    EXPECT_EQ(RecordTypeName(number), name);
  }
}

TEST(RecordType, KeepsTheNumberOfAnUnknownOne) {
  EXPECT_EQ(RecordTypeNumber("UNKNOWN[2998]"), 2998u);
  EXPECT_EQ(RecordTypeNumber("UNKNOWN[1323]"), 1323u);
  EXPECT_EQ(RecordTypeNumber("UNKNOWN[4294967295]"), 4294967295u);
  EXPECT_EQ(RecordTypeName(2998), "UNKNOWN[2998]");
  EXPECT_EQ(RecordTypeName(0), "UNKNOWN[0]");
  EXPECT_EQ(RecordTypeName(4294967295u), "UNKNOWN[4294967295]");
}

TEST(RecordType, HasNoNumberWithoutAKnownName) {
  for (const std::string_view name :
       {"", "syscall", "SYSCALL ", "NOPE", "1300", "UNKNOWN", "UNKNOWN[", "UNKNOWN[]", "UNKNOWN[x]",
        "UNKNOWN[1", "UNKNOWN[-1]", "UNKNOWN[1]]", "UNKNOWN[4294967296]"}) {
    EXPECT_EQ(RecordTypeNumber(name), std::nullopt) << name;
  }
}

TEST(RecordType, NamesAndNumbersAreReversible) {
  for (uint32_t number = 0; number < 5000; ++number) {
    EXPECT_EQ(RecordTypeNumber(RecordTypeName(number)), number);
  }
}

TEST(RecordType, StandsAloneOutsideOfTheKernelsEvents) {
  for (const uint32_t number : {1006u, 1100u, 1112u, 1200u, 1299u, 1406u, 1419u, 2100u, 2999u}) {
    EXPECT_TRUE(StandsAlone(number)) << number;
  }
  for (const uint32_t number :
       {1300u, 1305u, 1320u, 1327u, 1399u, 1400u, 1405u, 1420u, 1701u, 2000u, 2099u}) {
    EXPECT_FALSE(StandsAlone(number)) << number;
  }
}

TEST(RecordType, EndsAnEventWhenItIsTheLast) {
  for (const uint32_t number : {1320u, 1327u, 2000u}) EXPECT_TRUE(EndsEvent(number)) << number;
  for (const uint32_t number : {1300u, 1302u, 1319u, 1321u, 1326u, 1328u, 1400u}) {
    EXPECT_FALSE(EndsEvent(number)) << number;
  }
}

TEST(RecordType, IsFromDaemonInItsOwnHundred) {
  EXPECT_FALSE(IsFromDaemon(1199));
  EXPECT_TRUE(IsFromDaemon(1200));
  EXPECT_TRUE(IsFromDaemon(1299));
  EXPECT_FALSE(IsFromDaemon(1300));
}

}  // namespace
}  // namespace audit
