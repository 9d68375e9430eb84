#include "cli/host_printer.h"

#include <gtest/gtest.h>

namespace cli {
namespace {

std::vector<storage::ListedHost> SomeHosts() {
  using storage::IdentityKind;
  return {
      {.host = {IdentityKind::kCollector, "auspexd"},
       .contents = storage::HostContents{.records = 12, .first_ms = 1000, .last_ms = 61002}},
      {.host = {IdentityKind::kNode, "odd\n\"\xff"}, .contents = storage::HostContents()},
      {.host = {IdentityKind::kCertificate, "web1"},
       .contents = storage::HostContents{.records = 12345,
                                         .first_ms = 1626611363042,
                                         .last_ms = 1626611363042,
                                         .address = "192.0.2.7"},
       .losses = storage::Losses{1, 2, 3, 4, 5, 6, 1234567}},
  };
}

TEST(HostPrinter, PrintsATable) {
  EXPECT_EQ(HostTable(SomeHosts(), absl::UTCTimeZone()),
            "host       identity     address    records  kernel  overruns  missing  queue  spool "
            " aged   errors"
            "  first event            last event\n"
            "auspexd    collector    -               12       -         -        -      -      - "
            "    -        -"
            "  01/01/70 00:00:01.000  01/01/70 00:01:01.002\n"
            "odd\\012\"\xff  node         -                0       -         -        -      -   "
            "   -     -        -"
            "  -                      -\n"
            "web1       certificate  192.0.2.7    12345       1         2        3      4      5 "
            "    6  1234567"
            "  07/18/21 12:29:23.042  07/18/21 12:29:23.042\n");
  EXPECT_EQ(HostTable({}, absl::UTCTimeZone()), "");
}

TEST(HostPrinter, PrintsALineOfJsonForEach) {
  EXPECT_EQ(
      HostLines(SomeHosts()),
      "{\"host\":\"auspexd\",\"identity\":\"collector\",\"records\":12,"
      "\"first_event\":\"1970-01-01T00:00:01.000Z\",\"last_event\":\"1970-01-01T00:01:01.002Z\"}\n"
      "{\"host\":\"odd\\u000a\\\"\xef\xbf\xbd\",\"identity\":\"node\",\"records\":0}\n"
      "{\"host\":\"web1\",\"identity\":\"certificate\",\"address\":\"192.0.2.7\",\"records\":12345,"
      "\"first_event\":\"2021-07-18T12:29:23.042Z\",\"last_event\":\"2021-07-18T12:29:23.042Z\","
      "\"lost\":{\"kernel\":1,\"overruns\":2,\"missing\":3,\"queue\":4,\"spool\":5,\"aged\":6,"
      "\"errors\":1234567}}\n");
}

}  // namespace
}  // namespace cli
