#include "client-plugin/serial_watch.h"

#include <algorithm>
#include <libaudit.h>
#include <vector>

#include <gtest/gtest.h>

namespace client_plugin {
namespace {

void See(SerialWatch& watch, uint64_t time_ms, uint32_t serial, std::string_view node = "",
         uint16_t type = AUDIT_SYSCALL) {
  audit::Record record;
  record.node = node;
  record.stamp = {.time_ms = time_ms, .serial = serial};
  watch.Observe(record, type);
}

// Sees events of these serials, a millisecond apart, and then one of ten seconds later.
uint64_t Missing(SerialWatch& watch, const std::vector<uint32_t>& serials) {
  uint64_t time_ms = 1'600'000'000'000;
  for (const uint32_t serial : serials) See(watch, ++time_ms, serial);
  See(watch, time_ms + 10'000, *std::ranges::max_element(serials) + 1);
  return watch.missing_events();
}

TEST(SerialWatch, CountsSerialsThatNeverCome) {
  SerialWatch watch(0);
  EXPECT_EQ(Missing(watch, {10, 10, 11, 14, 13, 20, 20}), 6u);  // 12, 15 to 19.
  EXPECT_EQ(watch.last_serial(), 21u);
}

// A system call that has blocked has an old time and a new serial.
TEST(SerialWatch, LetsEventsOfLongCallsComeInAnyOrder) {
  SerialWatch watch(0);
  See(watch, 1000, 8);
  See(watch, 2000, 11);
  See(watch, 1999, 9);
  See(watch, 1, 12);
  See(watch, 2001, 10);
  EXPECT_EQ(watch.missing_events(), 0u);
}

TEST(SerialWatch, TakesALateEventOfBeforeTheWrapForNoGap) {
  SerialWatch watch(0xfffffffd);
  See(watch, 1000, 0xffffffff);
  See(watch, 2000, 1);
  See(watch, 1500, 0xfffffffe);
  See(watch, 90'000, 2);
  EXPECT_LE(watch.missing_events(), 1u);
}

TEST(SerialWatch, KnowsWhereItWasBefore) {
  SerialWatch watch(5);
  EXPECT_EQ(Missing(watch, {8}), 2u);
}

TEST(SerialWatch, TakesTheFirstSerialForTheBeginning) {
  SerialWatch watch(0);
  EXPECT_EQ(Missing(watch, {1000}), 0u);
}

TEST(SerialWatch, KnowsWhereItIsThoughTheClockGoesBack) {
  SerialWatch watch(0);
  See(watch, 3'600'000, 7);
  See(watch, 1'000, 8);
  See(watch, 2'000, 10);
  See(watch, 1'999, 9);  // From another processor.
  EXPECT_EQ(watch.last_serial(), 10u);
  See(watch, 8'000, 11);
  EXPECT_EQ(watch.missing_events(), 0u);
}

TEST(SerialWatch, LooksAtTheKernelOfOneHostOnly) {
  SerialWatch watch(0);
  See(watch, 1000, 7, "web1");
  See(watch, 2000, 500, "web2");
  See(watch, 3000, 900, "web1", AUDIT_DAEMON_END);
  See(watch, 4000, 8, "web1");
  See(watch, 90000, 9, "web1");
  EXPECT_EQ(watch.missing_events(), 0u);
  EXPECT_EQ(watch.last_serial(), 9u);
}

}  // namespace
}  // namespace client_plugin
