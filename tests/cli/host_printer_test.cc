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
                                         .bytes = 67890,
                                         .first_ms = 1626611363042,
                                         .last_ms = 1626611363042,
                                         .address = "192.0.2.7"},
       .losses = storage::Losses{1, 2, 3, 4, 5, 6, 1234567},
       .pace = storage::HostPace{12.3456, -1512, 1626611363099}},
  };
}

TEST(HostPrinter, PrintsATable) {
  EXPECT_EQ(
      HostTable(SomeHosts(), absl::UTCTimeZone()),
      "host       identity     sender         address    records  bytes  records/s  clock lag"
      "  kernel  overruns  missing  queue  spool  aged   errors"
      "  first event            last event\n"
      "auspexd    collector    itself         -               12      0          -          -"
      "       -         -        -      -      -     -        -"
      "  01/01/70 00:00:01.000  01/01/70 00:01:01.002\n"
      "odd\\012\"\xff  node         audisp-remote  -                0      0          -       "
      "   -       -         -        -      -      -     -        -"
      "  -                      -\n"
      "web1       certificate  agent          192.0.2.7    12345  67890       12.3      -1.5s"
      "       1         2        3      4      5     6  1234567"
      "  07/18/21 12:29:23.042  07/18/21 12:29:23.042\n");
  EXPECT_EQ(HostTable({}, absl::UTCTimeZone()), "");
}

TEST(HostPrinter, PrintsALineOfJsonForEach) {
  EXPECT_EQ(
      HostLines(SomeHosts()),
      R"({"host":"auspexd","identity":"collector","sender":"itself","records":12,"bytes":0,)"
      R"("first_event":"1970-01-01T00:00:01.000Z","last_event":"1970-01-01T00:01:01.002Z"})"
      "\n"
      R"({"host":"odd\n\")"
      "\xef\xbf\xbd"
      R"(","identity":"node","sender":"audisp-remote","records":0,"bytes":0})"
      "\n"
      R"({"host":"web1","identity":"certificate","sender":"agent","address":"192.0.2.7",)"
      R"("records":12345,"bytes":67890,)"
      R"("first_event":"2021-07-18T12:29:23.042Z","last_event":"2021-07-18T12:29:23.042Z",)"
      R"("records_per_second":12.346,"clock_lag_ms":-1512,)"
      R"("last_received":"2021-07-18T12:29:23.099Z","lost":{"kernel":1,"overruns":2,"missing":3,)"
      R"("queue":4,"spool":5,"aged":6,"errors":1234567}})"
      "\n");
}

TEST(HostPrinter, TellsWhatWasImportedByItsLackOfAnAddress) {
  const storage::ListedHost imported{.host = {storage::IdentityKind::kNode, "old"},
                                     .contents = storage::HostContents{.records = 1}};
  EXPECT_EQ(HostLines({imported}),
            R"({"host":"old","identity":"node","sender":"import","records":1,"bytes":0})"
            "\n");
}

}  // namespace
}  // namespace cli
